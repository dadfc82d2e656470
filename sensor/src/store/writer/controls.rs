//! Controls: the steps that persons take with them, and the watch over those in force.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use fossick_controls::{
    Format, Question, approve, begin, concerns, demand_now, deploy, export, observe, propose,
    try_out,
};
use fossick_engine::Round;
use fossick_model::{Asset, Control, Conversation, Event, Order, Person, Span, Step, Time};

use super::{Draft, Writer};
use crate::store::tables::Holder;

/// Conversations of an asset whose control is watched, by key: what the watch is asked again and again.
pub(super) type Watched = BTreeMap<String, BTreeMap<String, Conversation>>;

impl Writer {
    /// A person takes a step with the control of an asset.
    pub(super) fn step(
        &mut self,
        id: &str,
        step: &Step,
        by: Person,
        now: Time,
    ) -> anyhow::Result<()> {
        let asset = self.shared.asset(id)?;
        let asset = asset.with_context(|| format!("there is no asset {id} any more"))?;
        let known = self.shared.control(id);
        let name = by.label();
        let control = match (step, known) {
            (Step::Propose { .. }, known) => self.proposed(&asset, known, step, &name, now)?,
            (_, None) => bail!(
                "it has no control: `fossick control propose {id}` makes one from what was heard"
            ),
            (step, Some(control)) => self.moved(&asset, control, step, &name, now)?,
        };
        let order = Order::Control {
            control: Box::new(step.clone()),
        };
        let event = Event::Ordered { order };
        let mut draft = self.single(id.to_owned(), asset.label(), event, Some(by), now);
        if let Some(card) = self.shared.cards().get(id).cloned() {
            self.restate(id, card, Some(&control), &mut draft)?;
        }
        draft.controls.push((id.to_owned(), Some(control)));
        self.write(&draft, |_| Ok(()))?;
        self.publish(draft);
        Ok(())
    }

    fn proposed(
        &self,
        asset: &Asset,
        known: Option<Control>,
        step: &Step,
        by: &str,
        now: Time,
    ) -> anyhow::Result<Control> {
        let Step::Propose {
            demand,
            zones,
            vulnerable,
            additions,
            from_little,
        } = step
        else {
            bail!("another step was asked for");
        };
        let ips = asset.ips();
        let is_one = |end: &Holder<'_>| ips.contains(&end.address);
        let conversations = self.shared.conversations_of(is_one)?;
        let conversations: Vec<Conversation> =
            conversations.into_iter().map(|(_, told)| told).collect();
        let hours = self.shared.hours()?.into_iter();
        let heard: Vec<Span> = hours
            .map(|(first, last)| Span::hours(first, last))
            .collect();
        let mut kept = known.map_or_else(Vec::new, |control| control.policy.rules);
        kept.extend(additions.iter().flat_map(|one| one.rules(&ips, by)));
        let vulnerable: Vec<_> = vulnerable
            .iter()
            .map(|one| (one.transport, one.port))
            .collect();
        let policy = propose(Question {
            asset,
            demand: demand.clone(),
            conversations: &conversations,
            heard: &heard,
            zones,
            vulnerable: &vulnerable,
            kept: &kept,
            from_little: *from_little,
        });
        Ok(begin(policy?, by, now))
    }

    fn moved(
        &self,
        asset: &Asset,
        mut control: Control,
        step: &Step,
        by: &str,
        now: Time,
    ) -> anyhow::Result<Control> {
        match step {
            Step::Propose { .. } => bail!("another step was asked for"),
            Step::DryRun => {
                let conversations = self.concerned(&control)?;
                try_out(&mut control, conversations.values(), by, now)?;
            }
            Step::Approve => approve(&mut control, by, now)?,
            Step::Export { format } => {
                let format = Format::named(format).with_context(|| {
                    let known = Format::ALL.map(Format::name).join(", ");
                    format!("no such format: {known} are known")
                })?;
                export(&mut control, format.name(), by, now)?;
            }
            Step::Deployed { least } => {
                if *least <= 0 {
                    bail!("it must be watched for a time: a number of seconds above 0");
                }
                deploy(&mut control, by, now, *least)?;
                let conversations = self.concerned(&control)?;
                let begun = observe(&mut control, asset, None, conversations.values());
                control.waits = begun.err().map(|why| why.to_string());
            }
        }
        Ok(control)
    }

    /// Conversations of a control's asset, by key.
    fn concerned(&self, control: &Control) -> anyhow::Result<BTreeMap<String, Conversation>> {
        let is_one = |end: &Holder<'_>| control.policy.addresses.contains(&end.address);
        let mut all = self.shared.conversations_of(is_one)?;
        all.retain(|(_, told)| concerns(&control.policy, told));
        Ok(all.into_iter().collect())
    }

    /// Begins to watch what is in force now, and no longer watches what is not.
    pub(super) fn follow(&mut self, id: &str) {
        let watched = self.shared.control(id);
        let Some(control) = watched.filter(|control| control.state.is_watched()) else {
            self.watched.remove(id);
            return;
        };
        if self.watched.contains_key(id) {
            return;
        }
        match self.concerned(&control) {
            Ok(all) => {
                self.watched.insert(id.to_owned(), all);
            }
            Err(error) => tracing::error!("reading what the watch over {id} needs: {error:#}"),
        }
    }

    /// Holds the controls in force against what a round brought. What moved them is one transaction of its own.
    pub(super) fn watch(&mut self, round: &Round, now: Time) -> Draft {
        let mut draft = Draft::default();
        let mut watched = std::mem::take(&mut self.watched);
        for (id, known) in &mut watched {
            let Some(control) = self.shared.control(id) else {
                continue;
            };
            let mut news = round.assets.iter().any(|asset| asset.id == *id);
            for (key, told) in &round.conversations {
                match told {
                    Some(told) if concerns(&control.policy, told) => {
                        known.insert(key.clone(), told.clone());
                        news = true;
                    }
                    // One that gave way to others is no longer heard; what it showed is judged already.
                    _ => news |= known.remove(key).is_some(),
                }
            }
            if news {
                self.judge(id, control, known, now, &mut draft);
            }
        }
        self.watched = watched;
        draft
    }

    fn judge(
        &self,
        id: &str,
        mut control: Control,
        known: &BTreeMap<String, Conversation>,
        now: Time,
        draft: &mut Draft,
    ) {
        let Some(card) = self.shared.cards().get(id).cloned() else {
            return;
        };
        let asset = card.asset.clone();
        let before = control.state.name();
        let demand = demand_now(&asset, &control.policy.demand);
        let observed = observe(&mut control, &asset, demand.as_ref(), known.values());
        control.waits = observed.err().map(|why| why.to_string());
        if control.state.name() == before {
            // When it was heard last, and why it waits, is worth no entry of the journal.
            self.shared.set_control(id, Some(control));
            return;
        }
        let event = Event::ControlMoved {
            control: control.state.clone(),
        };
        let before = u64::try_from(draft.changes.len()).unwrap_or(u64::MAX);
        let mut single = self.single(id.to_owned(), asset.label(), event, None, now);
        for change in &mut single.changes {
            change.seq = change.seq.saturating_add(before);
        }
        draft.changes.append(&mut single.changes);
        if let Err(error) = self.restate(id, card, Some(&control), draft) {
            tracing::error!("saying in the findings of {id} how its control stands: {error:#}");
        }
        draft.controls.push((id.to_owned(), Some(control)));
    }

    /// What becomes of the control of an asset that is no more: it goes with it, or to the one that it turned out to be.
    pub(super) fn inherit(&self, id: &str, into: Option<&str>, draft: &mut Draft) {
        let Some(mut control) = self.shared.control(id) else {
            return;
        };
        draft.controls.push((id.to_owned(), None));
        if let Some(into) = into
            && self.shared.control(into).is_none()
        {
            into.clone_into(&mut control.policy.asset);
            draft.controls.push((into.to_owned(), Some(control)));
        }
    }
}
