//! The page of an asset: summary, facts with their rivals, services, devices behind it, peers, findings, history.

use std::collections::BTreeSet;

use fossick_model::{Asset, Attribute, Event, Fact, Finding, Shown};

use super::{control_state, named, paragraph, priority, verdict};
use crate::entry::{Body, Decided, Entry, Go, Piece, Proving, Subject, Wanted};
use crate::state::{AssetPage, State};
use crate::text;
use crate::theme::Role;

/// Things of one sort that are listed; what is beyond is counted.
const MOST: usize = 500;

/// The page.
pub(super) fn body(state: &State, page: &AssetPage) -> Body {
    let Some(asset) = &page.asset else {
        let empty = page.trouble.clone().unwrap_or_else(|| state.awaited());
        return Body {
            empty,
            ..Body::default()
        };
    };
    let subject = &page.subject;
    let mut entries = summary(page, asset);
    entries.extend(findings(state, subject, asset));
    entries.extend(facts(state, subject, asset, ""));
    entries.extend(services(asset));
    for child in &asset.children {
        let path = child.path.clone().unwrap_or_default();
        entries.push(Entry::blank());
        entries.push(Entry::title(format!("Behind it, {path}")));
        entries.extend(facts(state, subject, child, "  "));
    }
    entries.extend(talks(page));
    entries.extend(said(subject, asset));
    entries.extend(history(state, page));
    Body::page(
        entries
            .into_iter()
            .map(|entry| Entry {
                subject: Some(subject.clone()),
                ..entry
            })
            .collect(),
    )
}

fn summary(page: &AssetPage, asset: &Asset) -> Vec<Entry> {
    let mut entries = Vec::new();
    if let Some(addresses) = &asset.addresses {
        let v4 = addresses.ipv4.iter().map(ToString::to_string);
        let v6 = addresses.ipv6.iter().map(ToString::to_string);
        let all: Vec<String> = v4.chain(v6).chain(addresses.mac.iter().cloned()).collect();
        entries.push(
            named("addresses", Piece::private(all.join("  "), Role::Plain)).copied(all.join(" ")),
        );
    }
    if !asset.hostnames.is_empty() {
        entries.push(named(
            "names",
            Piece::private(asset.hostnames.join(", "), Role::Plain),
        ));
    }
    let seen = format!(
        "{} to {}",
        text::minute(asset.first_seen),
        text::minute(asset.last_seen)
    );
    entries.push(named("heard from", Piece::new(seen, Role::Plain)));
    if !asset.protocols.is_empty() {
        entries.push(named(
            "speaks",
            Piece::new(asset.protocols.join(", "), Role::Plain),
        ));
    }
    if !asset.visibility.is_empty() {
        entries.push(named(
            "not seen",
            Piece::new(format!("! {}", asset.visibility.join(", ")), Role::Warn),
        ));
    }
    if let Some(row) = &page.row {
        if !row.zone.is_empty() {
            entries.push(named("zone", Piece::new(&row.zone, Role::Plain)));
        }
        let needs = asset
            .findings
            .iter()
            .filter_map(|finding| finding.verdict)
            .any(fossick_model::Verdict::is_unpatchable);
        if needs || !row.control.is_empty() {
            let control = named("control", control_state(&row.control));
            entries.push(control.going(Go::Control(page.subject.clone())));
        }
        if !row.note.is_empty() {
            entries.push(named("note", Piece::private(&row.note, Role::Plain)));
        }
        if !row.refused.is_empty() {
            entries.push(named(
                "refused",
                Piece::private(format!("! {}", row.refused), Role::Warn),
            ));
        }
    }
    entries.push(named("id", Piece::private(&asset.id, Role::Dim)).copied(&asset.id));
    entries
}

fn findings(state: &State, subject: &Subject, asset: &Asset) -> Vec<Entry> {
    let of_children = asset.children.iter().flat_map(|child| &child.findings);
    let all: Vec<&Finding> = asset.findings.iter().chain(of_children).collect();
    if all.is_empty() {
        return Vec::new();
    }
    let mut entries = vec![Entry::blank(), Entry::title("Findings")];
    for finding in all.iter().take(MOST) {
        let decided = Decided {
            id: finding.id.clone(),
            title: finding.title.clone(),
            state: finding.state.clone(),
        };
        let proof = (!finding.evidence.is_empty())
            .then(|| found(subject, asset, &finding.title, &finding.evidence))
            .flatten();
        let pieces = vec![
            priority(&finding.priority),
            Piece::new("  ", Role::Plain),
            Piece::private(&finding.title, Role::Plain),
            Piece::new("  ", Role::Plain),
            verdict(finding.verdict),
            Piece::new(format!("  {}", finding.state), Role::Dim),
        ];
        let line = |entry: Entry| Entry {
            finding: Some(decided.clone()),
            proof: proof.clone(),
            go: Some(Go::Proof),
            ..entry
        };
        entries.push(line(Entry::line(pieces)));
        let quoted =
            (!finding.source.row.is_empty()).then(|| format!("says: {}", finding.source.row));
        let why = (!finding.why.is_empty()).then(|| format!("because: {}", finding.why));
        let path =
            (!finding.path.is_empty()).then(|| format!("priority: {}", finding.path.join("; ")));
        let ask = finding
            .question
            .as_ref()
            .map(|question| format!("ask: {question}"));
        for told in [quoted, why, path, ask].into_iter().flatten() {
            entries.extend(
                paragraph(state, "    ", &told, Role::Dim, true)
                    .into_iter()
                    .map(line),
            );
        }
    }
    entries.extend(more(all.len()));
    entries
}

fn more(count: usize) -> Option<Entry> {
    let beyond = count.checked_sub(MOST).filter(|beyond| *beyond > 0)?;
    Some(Entry::text(format!("and {beyond} more"), Role::Dim))
}

fn proven(subject: &Subject, fact: &Fact) -> Wanted {
    let says = format!(
        "{} = {} (certainty {})",
        fact.attribute, fact.value, fact.certainty
    );
    let mut wanted = Wanted::of(subject, says, &fact.key, &fact.raw, &fact.evidence);
    wanted.fingerprint = fact.fingerprint.to_string();
    wanted
}

/// What is concluded: the winner of each attribute, its rivals below it.
fn facts(state: &State, subject: &Subject, asset: &Asset, indent: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    if indent.is_empty() {
        entries.push(Entry::blank());
        entries.push(Entry::title("Facts, each with its packet (e)"));
    }
    let mut told = BTreeSet::new();
    for fact in asset.facts.iter().take(MOST) {
        let wins = told.insert(fact.attribute);
        let private = matches!(
            fact.attribute,
            Attribute::Hostname
                | Attribute::Domain
                | Attribute::Serial
                | Attribute::Location
                | Attribute::Description
        );
        let name = if wins { fact.attribute.name() } else { "  or" };
        let role = if wins { Role::Plain } else { Role::Dim };
        let evidence = &fact.evidence;
        let pieces = vec![
            Piece::new(format!("{indent}{name:<13} "), Role::Dim),
            Piece {
                text: fact.value.clone(),
                role,
                private,
            },
            Piece::new(format!("  {}%", fact.certainty), Role::Dim),
            Piece::new(format!("  {}", fact.key), Role::Dim),
            Piece::new(
                if state.columns < 100 {
                    format!("  frame {}", evidence.frames.first())
                } else {
                    format!("  {} frame {}", evidence.capture, evidence.frames.first())
                },
                Role::Dim,
            ),
        ];
        let proof = Proving::Known(Box::new(proven(subject, fact)));
        entries.push(
            Entry::line(pieces)
                .proven(proof)
                .going(Go::Proof)
                .copied(&fact.value),
        );
    }
    if asset.facts.is_empty() {
        entries.push(Entry::text(
            format!("{indent}nothing is concluded yet"),
            Role::Dim,
        ));
    }
    entries.extend(more(asset.facts.len()));
    entries
}

fn services(asset: &Asset) -> Vec<Entry> {
    if asset.services.is_empty() {
        return Vec::new();
    }
    let mut entries = vec![Entry::blank(), Entry::title("Serves")];
    for service in asset.services.iter().take(MOST) {
        let words = [
            service.protocol.as_deref(),
            service.product.as_deref(),
            service.version.as_deref(),
        ];
        let words: Vec<&str> = words.into_iter().flatten().collect();
        let port = format!("{}/{}", service.transport.name(), service.port);
        entries.push(Entry::line(vec![
            Piece::new(format!("{port:<13} "), Role::Plain),
            Piece::new(words.join("  "), Role::Plain),
        ]));
    }
    entries.extend(more(asset.services.len()));
    entries
}

fn talks(page: &AssetPage) -> Vec<Entry> {
    if page.talks.is_empty() {
        return Vec::new();
    }
    let mut entries = vec![
        Entry::blank(),
        Entry::title(format!("Talks ({})", page.talks_total)),
    ];
    for told in &page.talks {
        let is_client = told.client.asset.as_deref() == Some(page.subject.id.as_str());
        let (way, peer) = if is_client {
            ("→", &told.server)
        } else {
            ("←", &told.client)
        };
        let says = format!(
            "{} uses {} of {}",
            told.client.address,
            told.service(),
            told.server.address
        );
        let wanted = Wanted::of(&page.subject, says, "", "", &told.evidence);
        let mut entry = Entry::line(vec![
            Piece::new(format!("{way} "), Role::Dim),
            Piece::private(format!("{:<16} ", peer.address.to_string()), Role::Key),
            Piece::new(format!("{:<18} ", told.service()), Role::Plain),
            Piece::new(told.asks(), Role::Dim),
        ]);
        entry.proof = Some(Proving::Known(Box::new(wanted)));
        entry.go = peer.asset.clone().map(|id| {
            Go::Asset(Subject {
                id,
                label: peer.address.to_string(),
            })
        });
        entries.push(entry);
    }
    let beyond = page.talks_total.saturating_sub(page.talks.len());
    if beyond > 0 {
        entries.push(Entry::text(
            format!("and {beyond} more: screen 7 lists them"),
            Role::Dim,
        ));
    }
    entries
}

/// What was said of which no fingerprint makes a fact.
fn said(subject: &Subject, asset: &Asset) -> Vec<Entry> {
    let explained: BTreeSet<&str> = asset.facts.iter().map(|fact| fact.key.as_ref()).collect();
    let others = asset
        .observations
        .iter()
        .filter(|said| !explained.contains(said.key.as_ref()));
    let others: Vec<_> = others.collect();
    if others.is_empty() {
        return Vec::new();
    }
    let mut entries = vec![Entry::blank(), Entry::title("Also said")];
    for one in others.iter().take(MOST) {
        let says = format!("{} = {}", one.key, one.value);
        let wanted = Wanted::of(subject, says, &one.key, &one.value, &one.evidence);
        let pieces = vec![
            Piece::new(format!("{} = ", one.key), Role::Dim),
            Piece::private(&*one.value, Role::Plain),
        ];
        entries.push(
            Entry::line(pieces)
                .proven(Proving::Known(Box::new(wanted)))
                .going(Go::Proof)
                .copied(&*one.value),
        );
    }
    entries.extend(more(others.len()));
    entries
}

fn history(state: &State, page: &AssetPage) -> Vec<Entry> {
    if page.history.is_empty() {
        return Vec::new();
    }
    let mut entries = vec![Entry::blank(), Entry::title("History, the latest first")];
    for told in &page.history {
        let own = format!("{}: ", told.change.label);
        let sentence = told.sentence.strip_prefix(&own).unwrap_or(&told.sentence);
        let mut lines = paragraph(state, "                 ", sentence, Role::Plain, true);
        if let Some(piece) = lines.first_mut().and_then(|line| line.pieces.first_mut()) {
            piece.text = format!("{} ", text::minute(told.change.time));
        }
        let proof = of_change(&page.subject, &told.change.event);
        entries.extend(lines.into_iter().map(|line| Entry {
            proof: proof.clone(),
            ..line
        }));
    }
    entries
}

/// The packet of a change, where one says it.
pub(super) fn of_change(subject: &Subject, event: &Event) -> Option<Proving> {
    let (Event::FactLearnt {
        attribute,
        value,
        reason,
    }
    | Event::FactChanged {
        attribute,
        value,
        reason,
        ..
    }) = event
    else {
        return None;
    };
    let says = format!("{attribute} = {value} (certainty {})", reason.certainty);
    let wanted = Wanted::of(subject, says, &reason.key, &reason.raw, &reason.evidence);
    Some(Proving::Known(Box::new(wanted)))
}

/// What these packets of an asset say: the fact they prove that says most, or else the packets alone.
fn found(subject: &Subject, asset: &Asset, title: &str, shown: &[Shown]) -> Option<Proving> {
    const TELLING: [Attribute; 4] = [
        Attribute::Os,
        Attribute::Model,
        Attribute::Firmware,
        Attribute::Product,
    ];
    let is = |fact: &&Fact| {
        shown.iter().any(|one| {
            *one.capture == *fact.evidence.capture
                && one.frames.all().contains(&fact.evidence.frames.first())
        })
    };
    let children = asset.children.iter().flat_map(|child| &child.facts);
    let facts: Vec<&Fact> = asset.facts.iter().chain(children).filter(is).collect();
    let best = TELLING
        .iter()
        .find_map(|wanted| facts.iter().find(|fact| fact.attribute == *wanted));
    if let Some(fact) = best.or_else(|| facts.first()) {
        return Some(Proving::Known(Box::new(proven(subject, fact))));
    }
    let first = shown.first()?;
    Some(Proving::Known(Box::new(Wanted {
        asset: subject.clone(),
        says: title.to_owned(),
        key: String::new(),
        raw: String::new(),
        fingerprint: String::new(),
        capture: first.capture.clone(),
        frames: first.frames.all().to_vec(),
        time: None,
        heard: true,
    })))
}

/// The evidence that was looked for, now that the asset is there; or what to say.
pub(crate) fn wanted(asset: &Asset, proving: &Proving) -> Result<Wanted, String> {
    let known = match proving {
        Proving::Known(wanted) => return Ok((**wanted).clone()),
        Proving::Attribute(subject, attribute) => {
            let of = |asset: &Asset| asset.winner(*attribute).map(|fact| proven(subject, fact));
            let found = of(asset).or_else(|| asset.children.iter().find_map(of));
            return found.ok_or_else(|| {
                format!(
                    "nothing is known of its {attribute}: the cursor (h, l) chooses another column"
                )
            });
        }
        Proving::Finding(subject, title, shown) => found(subject, asset, title, shown),
    };
    match known {
        Some(Proving::Known(wanted)) => Ok(*wanted),
        _ => Err("no packet shows it".to_owned()),
    }
}
