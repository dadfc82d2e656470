//! What persons decide about an asset and its findings, and what becomes of it as time goes on.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use fossick_model::{
    Acceptance, Asset, Attribute, Category, Change, Control, DECLARED, Decision, Event, Fact,
    Finding, Kind, Life, Matter, Order, Person, Term, Time,
};

use super::findings::BY_HAND;
use super::{Draft, Writer, json, orders, tables};
use crate::store::Card;
use crate::store::tables::Standing;

use super::watched::DISTURBANCES;

/// Findings of one asset about which something was decided, or which are no more.
const DECISIONS: usize = 1024;
/// What could not be written is tried again so much later.
const AGAIN: Duration = Duration::from_mins(1);

/// The sooner of two times.
pub(super) fn sooner(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    one.into_iter().chain(other).min()
}

impl Writer {
    pub(super) fn order(
        &mut self,
        id: &str,
        order: Order,
        by: Person,
        now: Time,
    ) -> anyhow::Result<()> {
        let card = self.shared.cards().get(id).cloned();
        let mut card = card.with_context(|| format!("there is no asset {id} any more"))?;
        let text = |text: &Option<String>| text.clone().map(|text| (text, now));
        let standing = Arc::make_mut(&mut card.standing);
        match &order {
            Order::Acknowledge => standing.acknowledged = Some(self.seq.saturating_add(1)),
            Order::Rename { name } => standing.name = text(name),
            Order::Annotate { note } => standing.note.clone_from(note),
            Order::SetKind { kind } => standing.kind = text(kind),
            Order::Refuse => standing.refused = Some((by.label(), now)),
            Order::Sanction => standing.refused = None,
            Order::AcknowledgeFinding { .. }
            | Order::Accept { .. }
            | Order::Reopen { .. }
            | Order::DeclareUnpatchable { .. }
            | Order::Withdraw => decide(&mut card, &order, &by, now)?,
            Order::Merge { .. }
            | Order::Split { .. }
            | Order::Forget
            | Order::Approve { .. }
            | Order::Control { .. } => {}
        }
        let arrangement =
            matches!(order, Order::Merge { .. } | Order::Split { .. }).then(|| json(&(id, &order)));
        let sanctions = order == Order::Sanction;
        let label = card.asset.label();
        let event = Event::Ordered { order };
        let mut draft = self.single(id.to_owned(), label, event, Some(by), now);
        let control = self.shared.control(id);
        self.restate(id, card, control.as_ref(), &mut draft)?;
        let seq = self.seq.saturating_add(1);
        let approved = sanctions.then(|| self.approved_with(id)).transpose()?;
        self.write(&draft, |txn| {
            if let Some((by_hand, _)) = &approved {
                txn.open_table(tables::APPROVED)?
                    .insert(BY_HAND, json(by_hand).as_str())?;
            }
            if let Some(text) = arrangement {
                txn.open_table(tables::ARRANGEMENTS)?
                    .insert(seq, text.as_str())?;
            }
            Ok(())
        })?;
        self.publish(draft);
        if let Some((_, all)) = approved {
            self.approve_all(all);
        }
        Ok(())
    }

    /// What persons said is put into the asset anew.
    pub(super) fn restate(
        &self,
        id: &str,
        mut card: Box<Card>,
        control: Option<&Control>,
        draft: &mut Draft,
    ) -> anyhow::Result<()> {
        if let Some(mut asset) = self.shared.asset(id)? {
            take_back(&mut asset);
            orders::apply(&mut asset, &card.standing, control);
            draft.texts.push((id.to_owned(), Some(json(&asset))));
            card.asset = Asset::brief(asset);
        }
        draft.cards.push((id.to_owned(), Some(card)));
        Ok(())
    }

    /// What somebody answers for of an asset holds for the one that it turned out to be, unless somebody answers for the same
    /// there. Each is an event.
    pub(super) fn pass_on(
        &self,
        gone: &Card,
        into: &str,
        draft: &mut Draft,
    ) -> Vec<(String, Event)> {
        let drafted = draft.cards.iter().rev().find(|(id, _)| id == into);
        let known = match drafted {
            Some((_, card)) => card.clone(),
            None => self.shared.cards().get(into).cloned(),
        };
        let Some(mut card) = known else {
            return Vec::new();
        };
        let inherited = inherited(gone, &mut card);
        if inherited.is_empty() {
            return inherited;
        }
        let text = draft.texts.iter().rev().find(|(id, _)| id == into);
        let text = text.and_then(|(_, text)| text.as_deref());
        let asset = match text {
            Some(text) => serde_json::from_str::<Asset>(text).ok(),
            None => self.shared.asset(into).ok().flatten(),
        };
        if let Some(mut asset) = asset {
            let control = self.shared.control(into);
            orders::apply(&mut asset, &card.standing, control.as_ref());
            draft.texts.push((into.to_owned(), Some(json(&asset))));
            card.asset = asset.brief();
        }
        draft.cards.push((into.to_owned(), Some(card)));
        inherited
    }

    /// What the clock was when somebody last said so.
    pub(super) fn hear(&mut self, now: Time) {
        self.now = now;
        self.told = std::time::Instant::now();
    }

    /// The sensor's clock, also while nobody says anything.
    fn clock(&self) -> Time {
        let since = i64::try_from(self.told.elapsed().as_nanos()).unwrap_or(i64::MAX);
        Time(self.now.0.saturating_add(since))
    }

    /// When the first of all exceptions ends.
    pub(super) fn soonest_end(&self) -> Option<Time> {
        let cards = self.shared.cards();
        cards
            .values()
            .filter_map(|card| card.standing.first_end())
            .min()
    }

    /// What somebody answered for until now is open again.
    pub fn expire(&mut self) {
        let now = self.clock();
        // Until somebody says what the clock is, nothing is over.
        if self.now == Time::default() || self.soonest.is_none_or(|end| now <= end) {
            return;
        }
        self.soonest = match self.expired(now) {
            Ok(()) => self.soonest_end(),
            Err(error) => {
                tracing::warn!("opening again what was accepted until now: {error:#}");
                let later = i64::try_from(AGAIN.as_nanos()).unwrap_or(i64::MAX);
                Some(Time(now.0.saturating_add(later)))
            }
        };
    }

    fn expired(&mut self, now: Time) -> anyhow::Result<()> {
        let over: Vec<(String, Box<Card>)> = {
            let cards = self.shared.cards();
            let ends = |card: &Card| card.standing.first_end();
            let over = cards
                .iter()
                .filter(|(_, card)| ends(card).is_some_and(|end| now > end));
            over.map(|(id, card)| (id.clone(), card.clone())).collect()
        };
        let mut draft = Draft::default();
        let mut seq = self.seq;
        for (id, mut card) in over {
            let label = card.asset.label();
            for (finding, title, acceptance) in end(&mut card, now) {
                seq = seq.saturating_add(1);
                draft.changes.push(Change {
                    seq,
                    time: now,
                    asset: id.clone(),
                    label: label.clone(),
                    event: Event::DecisionExpired {
                        finding,
                        title,
                        acceptance,
                    },
                    by: None,
                });
            }
            let control = self.shared.control(&id);
            self.restate(&id, card, control.as_ref(), &mut draft)?;
        }
        self.write(&draft, |_| Ok(()))?;
        self.publish(draft);
        Ok(())
    }
}

/// Gives one asset what somebody answers for of another and what disturbed it, and says of each what it is: the asset's name, and the event.
fn inherited(gone: &Card, card: &mut Card) -> Vec<(String, Event)> {
    let Card { asset, standing } = card;
    let standing = Arc::make_mut(standing);
    let mut events = Vec::new();
    let mut tell = |finding: String, title: String, acceptance: &Acceptance| {
        let event = Event::DecisionInherited {
            from: gone.asset.id.clone(),
            finding,
            title,
            acceptance: acceptance.clone(),
        };
        events.push((asset.label(), event));
    };
    if let (Some(acceptance), None) = (&gone.standing.declared, &standing.declared) {
        standing.declared = Some(acceptance.clone());
        let id = orders::id_in(asset, DECLARED, DECLARED);
        tell(id, "declared unpatchable".to_owned(), acceptance);
    }
    for life in gone.standing.findings.values() {
        let (Some(acceptance), Some(matter)) = (life.accepted(), &life.matter) else {
            continue;
        };
        // Devices behind it are others: each has its own risks.
        let Some(device) = devices(asset).find(|device| device.path == matter.path) else {
            continue;
        };
        let is_same =
            |known: &&Finding| known.rule == matter.rule && known.source.id == matter.source;
        let known = device.findings.iter().find(is_same);
        let id = known.map_or_else(
            || orders::id_in(device, &matter.rule, &matter.source),
            |finding| finding.id.clone(),
        );
        let full = standing.findings.len() >= DECISIONS;
        let own = standing.findings.get(&id);
        if full && own.is_none() || own.is_some_and(|own| own.accepted().is_some()) {
            continue;
        }
        tell(id.clone(), life.title.clone(), acceptance);
        let there = known.is_some();
        let inherited = standing.findings.entry(id).or_default();
        *inherited = Life {
            closed: if there { None } else { life.closed },
            ..life.clone()
        };
    }
    // What disturbed it while it was asked disturbed the one that it is.
    for finding in &gone.standing.disturbed {
        let known = standing.disturbed.iter().any(|own| own.why == finding.why);
        if known || standing.disturbed.len() >= DISTURBANCES {
            continue;
        }
        standing.disturbed.push(finding.clone());
        let event = Event::FindingOpened {
            finding: serde_json::to_value(finding).unwrap_or_default(),
        };
        events.push((asset.label(), event));
    }
    events
}

/// Takes away what was decided for a time that is over: finding, title, and what was decided.
fn end(card: &mut Card, now: Time) -> Vec<(String, String, Acceptance)> {
    let mut ended = Vec::new();
    let declared = |finding: &&Finding| finding.rule == DECLARED;
    let standing = Arc::make_mut(&mut card.standing);
    if let Some(acceptance) = standing.declared.take_if(|declared| declared.is_over(now)) {
        let finding = card.asset.findings.iter().find(declared);
        let (id, title) = finding.map_or_else(Default::default, |finding| {
            (finding.id.clone(), finding.title.clone())
        });
        standing.findings.remove(&id);
        ended.push((id, title, acceptance));
    }
    for (id, life) in &mut standing.findings {
        if let Some(acceptance) = life.accepted().filter(|one| one.is_over(now)).cloned() {
            life.decision = None;
            life.reopened = Some(now);
            ended.push((id.clone(), life.title.clone(), acceptance));
        }
    }
    ended
}

/// A person decides about a finding, or that the asset has one.
fn decide(card: &mut Card, order: &Order, by: &Person, now: Time) -> anyhow::Result<()> {
    let answered_for = |term: &Term| {
        let acceptance = Acceptance {
            by: by.clone(),
            reason: term.reason.trim().to_owned(),
            since: now,
            until: term.until,
        };
        let checked = acceptance.check().map(|()| acceptance);
        checked.map_err(anyhow::Error::msg)
    };
    let Card { asset, standing } = card;
    let standing = Arc::make_mut(standing);
    match order {
        Order::AcknowledgeFinding { finding } => {
            let life = there(asset, standing, finding)?;
            if life.accepted().is_some() {
                bail!("it is accepted; `reopen` it first");
            }
            life.decision = Some(Decision::Acknowledged {
                by: by.clone(),
                at: now,
            });
        }
        Order::Accept { finding, term } => {
            let acceptance = answered_for(term)?;
            let life = there(asset, standing, finding)?;
            life.decision = Some(Decision::Accepted(acceptance));
        }
        Order::Reopen { finding } => {
            let decided = standing.findings.get_mut(finding);
            let Some(life) = decided.filter(|life| life.decision.is_some()) else {
                bail!("nothing was decided about a finding {finding} of it");
            };
            life.decision = None;
            life.reopened = Some(now);
        }
        Order::DeclareUnpatchable { term } => {
            standing.declared = Some(answered_for(term)?);
        }
        Order::Withdraw => {
            if standing.declared.take().is_none() {
                bail!("nobody declared it unpatchable");
            }
            let declared = asset.findings.iter().find(|known| known.rule == DECLARED);
            if let Some(declared) = declared {
                standing.findings.remove(&declared.id);
            }
        }
        _ => bail!("it is about something else"),
    }
    Ok(())
}

/// How a finding that is there fares.
fn there<'a>(
    asset: &Asset,
    standing: &'a mut Standing,
    finding: &str,
) -> anyhow::Result<&'a mut Life> {
    let found = devices(asset).find_map(|device| {
        let found = device.findings.iter().find(|known| known.id == finding)?;
        Some((device, found))
    });
    let (device, found) = found.with_context(|| {
        format!(
            "it has no finding `{}`: `fossick asset {}` lists those it has",
            crate::safe::display_safe(finding),
            asset.id
        )
    })?;
    if standing.findings.len() >= DECISIONS && !standing.findings.contains_key(finding) {
        bail!("of {DECISIONS} findings of it something is kept already: reopen some of them");
    }
    let life = standing.findings.entry(finding.to_owned()).or_default();
    life.title.clone_from(&found.title);
    life.matter = Some(Matter {
        rule: found.rule.clone(),
        source: found.source.id.clone(),
        path: device.path.clone(),
    });
    Ok(life)
}

/// An asset and the devices behind it.
fn devices(asset: &Asset) -> impl Iterator<Item = &Asset> {
    std::iter::once(asset).chain(&asset.children)
}

/// Removes the facts that persons stated, so that others can be put in their place.
pub(super) fn take_back(asset: &mut Asset) {
    let stated = |fact: &Fact| &*fact.fingerprint == "operator";
    let names: Vec<String> = asset
        .facts
        .iter()
        .filter(|fact| stated(fact) && fact.attribute == Attribute::Hostname)
        .map(|fact| fact.value.clone())
        .collect();
    asset.facts.retain(|fact| !stated(fact));
    let heard = |name: &String| {
        asset
            .facts
            .iter()
            .any(|fact| fact.attribute == Attribute::Hostname && fact.value == *name)
    };
    let kept: Vec<String> = asset
        .hostnames
        .iter()
        .filter(|name| !names.contains(name) || heard(name))
        .cloned()
        .collect();
    asset.hostnames = kept;
    let kind = asset.winner(Attribute::Kind);
    asset.kind = kind.and_then(|fact| Kind::named(&fact.value));
    asset.category = asset.kind.map_or(Category::UNKNOWN, Kind::category);
}
