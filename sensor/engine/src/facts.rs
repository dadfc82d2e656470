//! From what was said to what we conclude, and which conclusion wins.

use std::collections::BTreeMap;
use std::sync::Arc;

use fossick_fingerprints::{Fingerprints, Reading, Said};
use fossick_model::{Attribute, Evidence, Fact, Frames, Transport};

use crate::event::Proof;
use crate::inventory::is_heard;
use crate::ledger::Node;

/// What sheets say of values, asked once for each value.
pub(crate) struct Reader<'f> {
    fingerprints: &'f Fingerprints,
    captures: &'f [Arc<str>],
    answers: BTreeMap<(&'static str, Arc<str>), Vec<Reading>>,
}

/// What is disclosed about a served port.
pub(crate) struct ServiceFact {
    pub transport: Transport,
    pub port: u16,
    pub said: Said,
    pub value: String,
    pub certainty: u8,
}

impl<'f> Reader<'f> {
    pub fn new(fingerprints: &'f Fingerprints, captures: &'f [Arc<str>]) -> Self {
        Reader {
            fingerprints,
            captures,
            answers: BTreeMap::new(),
        }
    }

    pub fn evidence(&self, proof: &Proof) -> Evidence {
        let capture = self
            .captures
            .get(usize::try_from(proof.capture).unwrap_or(usize::MAX));
        let capture = capture.map_or_else(|| Arc::from(""), Arc::clone);
        Evidence {
            heard: is_heard(&capture),
            capture,
            frames: match proof.places.frames() {
                one if one.len() == 1 => Frames::One(one.first().copied().unwrap_or_default()),
                several => Frames::Several(several),
            },
            time: proof.time,
            octets: proof.places.octets(),
        }
    }

    /// What one value of one key means.
    pub fn read(&mut self, key: &'static str, value: &Arc<str>) -> &[Reading] {
        self.answers
            .entry((key, Arc::clone(value)))
            .or_insert_with(|| self.fingerprints.read(key, value))
    }

    /// Everything that a node said of itself means.
    pub fn facts(&mut self, node: &Node) -> (Vec<Fact>, Vec<ServiceFact>) {
        let mut facts = Vec::new();
        let mut services = Vec::new();
        for heard in &node.heard {
            let evidence = self.evidence(&heard.proof);
            for reading in self.read(heard.key.0, &heard.value) {
                for (said, value) in &reading.facts {
                    match (said, heard.service) {
                        (Said::Asset(attribute), _) => facts.push(Fact {
                            attribute: *attribute,
                            value: value.clone(),
                            certainty: reading.certainty,
                            key: heard.key.0.into(),
                            raw: Arc::clone(&heard.value),
                            fingerprint: Arc::from(reading.fingerprint.as_str()),
                            evidence: evidence.clone(),
                        }),
                        (_, Some((transport, port))) => services.push(ServiceFact {
                            transport,
                            port,
                            said: *said,
                            value: value.clone(),
                            certainty: reading.certainty,
                        }),
                        (_, None) => {}
                    }
                }
            }
        }
        (facts, services)
    }
}

/// How much another source that agrees adds to the certainty of a value, and how much all of them may.
const SUPPORT: usize = 3;
const MOST_SUPPORT: usize = 9;
/// A value that refines the winner takes its place if it is not less certain by more than this.
const REFINES: u8 = 20;

/// Puts the facts in order: by attribute, the winner first.
///
/// The most certain wins, what other sources support counting for more; among equals the more specific,
/// then the more recent.
pub(crate) fn rank(facts: &mut Vec<Fact>) {
    facts.sort_by(|a, b| {
        let time = |fact: &Fact| fact.evidence.time;
        let order = a.attribute.cmp(&b.attribute);
        let order = order.then_with(|| a.key.cmp(&b.key));
        let order = order.then(time(a).cmp(&time(b)));
        order.then_with(|| a.value.cmp(&b.value))
    });
    facts.dedup_by(|later, first| {
        (later.attribute, &later.key, &later.value) == (first.attribute, &first.key, &first.value)
    });
    let mut ranked: Vec<(usize, Fact)> = facts
        .iter()
        .map(|fact| (standing(fact, facts), fact.clone()))
        .collect();
    ranked.sort_by(|(standing_a, a), (standing_b, b)| {
        a.attribute
            .cmp(&b.attribute)
            .then(standing_b.cmp(standing_a))
            .then(b.value.len().cmp(&a.value.len()))
            .then(b.evidence.time.cmp(&a.evidence.time))
            .then_with(|| a.value.cmp(&b.value))
            .then(a.key.cmp(&b.key))
    });
    *facts = ranked.into_iter().map(|(_, fact)| fact).collect();
    for attribute in Attribute::ALL {
        promote_refinement(attribute, facts);
    }
}

fn standing(fact: &Fact, all: &[Fact]) -> usize {
    let mut supporters: Vec<&str> = all
        .iter()
        .filter(|other| other.attribute == fact.attribute && other.key != fact.key)
        .filter(|other| refines(&other.value, &fact.value) || refines(&fact.value, &other.value))
        .map(|other| other.key.as_ref())
        .collect();
    supporters.dedup();
    let support = supporters.len().saturating_mul(SUPPORT).min(MOST_SUPPORT);
    usize::from(fact.certainty).saturating_add(support)
}

fn promote_refinement(attribute: Attribute, facts: &mut [Fact]) {
    let Some(winner) = facts.iter().position(|fact| fact.attribute == attribute) else {
        return;
    };
    let Some(won) = facts.get(winner) else {
        return;
    };
    let least = won.certainty.saturating_sub(REFINES);
    let finer = facts.iter().enumerate().skip(winner).find(|(_, fact)| {
        fact.attribute == attribute
            && fact.certainty >= least
            && fact.value.len() > won.value.len()
            && refines(&fact.value, &won.value)
    });
    if let Some((finer, _)) = finer
        && let Some(part) = facts.get_mut(winner..=finer)
    {
        part.rotate_right(1);
    }
}

/// Whether `fine` says all that `coarse` says, and perhaps more.
fn refines(fine: &str, coarse: &str) -> bool {
    let plain = |text: &str| -> String {
        let kept = text.chars().filter(|c| c.is_alphanumeric() || *c == '.');
        kept.flat_map(char::to_lowercase).collect()
    };
    let (fine, coarse) = (plain(fine), plain(coarse));
    !coarse.is_empty() && fine.contains(&coarse)
}
