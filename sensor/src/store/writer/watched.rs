//! What a scan saw of a host's own traffic while it was asked: a finding with its packets, until a later scan leaves it in peace.

use std::sync::Arc;

use anyhow::Context;
use fossick_engine::Kept;
use fossick_model::{DISTURBED, Disturbance, Event, Finding, FindingSource, Frames, Person, Shown};
use fossick_risk::finding_id;

use super::{Draft, Writer, tables};
use crate::store::Card;

/// Findings of one asset, one for each peer with which it was disturbed. The oldest gives way.
pub(super) const DISTURBANCES: usize = 16;

impl Writer {
    /// It was disturbed.
    pub(super) fn disturbed(
        &mut self,
        id: &str,
        disturbance: Disturbance,
        packets: &[Kept],
        by: Person,
    ) -> anyhow::Result<()> {
        let mut card = self.card(id)?;
        let finding = Finding {
            id: finding_id(&card.asset, DISTURBED, &disturbance.peer),
            rule: DISTURBED.to_owned(),
            title: "Its own traffic was disturbed while it was asked".to_owned(),
            source: FindingSource {
                feed: "scan".to_owned(),
                id: by.label(),
                row: disturbance.why.clone(),
                date: self.now.day(),
            },
            confidence: 100,
            why: disturbance.why,
            priority: "attend".to_owned(),
            state: "open".to_owned(),
            evidence: vec![Shown {
                capture: disturbance.capture.clone(),
                frames: Frames::Several(packets.iter().map(|packet| packet.frame).collect()),
            }],
            ..Finding::default()
        };
        let standing = Arc::make_mut(&mut card.standing);
        let mut gone = Vec::new();
        while let Some(at) = standing
            .disturbed
            .iter()
            .position(|one| one.id == finding.id)
        {
            gone.push(standing.disturbed.remove(at));
        }
        while standing.disturbed.len() >= DISTURBANCES {
            gone.push(standing.disturbed.remove(0));
        }
        standing.disturbed.push(finding.clone());
        let event = Event::FindingOpened {
            finding: serde_json::to_value(&finding)?,
        };
        let mut draft = self.single(id.to_owned(), card.asset.label(), event, Some(by), self.now);
        let control = self.shared.control(id);
        self.restate(id, card, control.as_ref(), &mut draft)?;
        self.write(&draft, |txn| {
            let mut table = txn.open_table(tables::WATCHED)?;
            for (capture, frame) in gone.iter().flat_map(shown) {
                table.remove((capture, frame))?;
            }
            for packet in packets {
                let octets = tables::packet(packet, None);
                let key = (disturbance.capture.as_str(), packet.frame);
                table.insert(key, octets.as_slice())?;
            }
            Ok(())
        })?;
        self.publish(draft);
        Ok(())
    }

    /// It was asked again, and not disturbed.
    pub(super) fn undisturbed(&mut self, id: &str, by: &Person) -> anyhow::Result<()> {
        let mut card = self.card(id)?;
        if card.standing.disturbed.is_empty() {
            return Ok(());
        }
        let gone = std::mem::take(&mut Arc::make_mut(&mut card.standing).disturbed);
        let label = card.asset.label();
        let mut draft = Draft::default();
        for finding in &gone {
            let event = Event::FindingClosed {
                finding: serde_json::to_value(finding)?,
                patched: None,
            };
            let mut single = self.single(
                id.to_owned(),
                label.clone(),
                event,
                Some(by.clone()),
                self.now,
            );
            let before = u64::try_from(draft.changes.len()).unwrap_or(u64::MAX);
            for change in &mut single.changes {
                change.seq = change.seq.saturating_add(before);
            }
            draft.changes.append(&mut single.changes);
        }
        let control = self.shared.control(id);
        self.restate(id, card, control.as_ref(), &mut draft)?;
        self.write(&draft, |txn| {
            let mut table = txn.open_table(tables::WATCHED)?;
            for (capture, frame) in gone.iter().flat_map(shown) {
                table.remove((capture, frame))?;
            }
            Ok(())
        })?;
        self.publish(draft);
        Ok(())
    }

    fn card(&self, id: &str) -> anyhow::Result<Box<Card>> {
        let card = self.shared.cards().get(id).cloned();
        card.with_context(|| format!("there is no asset {id} any more"))
    }
}

/// The frames that a finding quotes.
fn shown(finding: &Finding) -> impl Iterator<Item = (&str, u64)> {
    finding.evidence.iter().flat_map(|shown| {
        let frames = shown.frames.all().iter();
        frames.map(|frame| (shown.capture.as_str(), *frame))
    })
}
