//! What should not be there: assets that changed are held against the detectors, and what is found or no longer holds is an entry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context;
use fossick_engine::Round;
use fossick_model::{Asset, Change, Conversation, Event, Finding, Order, Person, Time};
use fossick_shadow::{Approvals, Approved, Site};

use super::decisions::take_back;
use super::{Card, Draft, Writer, json, orders, tables};
use crate::store::tables::{Holder, Standing};
use crate::store::{Judging, RETRY, lock};

/// Assets that are judged at once: each is read whole.
const AT_ONCE: usize = 1000;
/// Why a finding has no packet to show.
const NOT_KEPT: &str = "a packet that shows it is not kept: it had gone by when it was known to matter, or was dropped as one of the oldest";
/// Assets that others are judged by, such as servers of leases, read whole as well.
const MOST_LANDMARKS: usize = 256;
/// Least time between two judgements; conversations are read through for each.
const LEAST_REST: Duration = Duration::from_secs(1);
/// Judging may take one part in so many of the time.
const SHARE: u32 = 10;

/// Where assets stand that persons approved one by one.
pub(super) const BY_HAND: &str = "approved by hand";

/// What is to be judged.
pub(super) struct Pending {
    /// Ids of assets that changed, or whose conversations did; bounded by the assets that are kept.
    assets: BTreeSet<String>,
    /// Ids of assets that others are judged by.
    landmarks: BTreeSet<String>,
    /// What everything was judged by. Nothing yet after a start: then everything is judged.
    by: Option<Arc<Judging>>,
    /// Not before this; after a start, rounds go first.
    next: Option<Instant>,
}

impl Writer {
    /// What a round brought is judged soon.
    pub(super) fn mark(&mut self, round: &Round) {
        let pending = &mut self.pending;
        for asset in &round.assets {
            pending.note(asset);
            pending.assets.insert(asset.id.clone());
        }
        let told = round
            .conversations
            .iter()
            .filter_map(|(_, told)| told.as_ref());
        for told in told {
            for end in [&told.client, &told.server] {
                pending.assets.extend(end.asset.clone());
            }
        }
    }

    /// Judges what is to be judged, if it is time. What cannot be written is judged again later: rounds must not wait for it.
    pub fn judge_pending(&mut self) {
        let by = Arc::clone(&lock(&self.shared.judging));
        if self
            .pending
            .by
            .as_ref()
            .is_none_or(|known| !Arc::ptr_eq(known, &by))
        {
            self.pending.by = Some(Arc::clone(&by));
            let everybody: Vec<String> = self.shared.cards().keys().cloned().collect();
            self.pending.assets.extend(everybody);
        }
        let begun = Instant::now();
        let early = self.pending.next.is_some_and(|next| begun < next);
        if self.pending.assets.is_empty() || early {
            return;
        }
        // A round that is taken meanwhile would only wait.
        self.shared.idle.store(false, Ordering::Release);
        let draft = match self.judged(&by) {
            Ok(draft) => draft,
            Err(error) => {
                tracing::warn!("reading what is to be judged: {error:#}");
                Draft::default()
            }
        };
        let rest = LEAST_REST.max(begun.elapsed().saturating_mul(SHARE));
        self.pending.next = Instant::now().checked_add(rest);
        if draft.texts.is_empty() {
            return;
        }
        match self.write(&draft, |_| Ok(())) {
            Ok(()) => {
                self.publish(draft);
            }
            Err(error) => {
                tracing::warn!("findings cannot be written, and are judged again: {error}");
                let again = draft.cards.into_iter().map(|(id, _)| id);
                self.pending.assets.extend(again);
                self.pending.next = Instant::now().checked_add(RETRY);
                self.reopen();
            }
        }
    }

    /// What judging changes. Those that it was of are no longer pending, unless they could not be read.
    fn judged(&mut self, by: &Judging) -> anyhow::Result<Draft> {
        let ids: Vec<String> = self.pending.assets.iter().take(AT_ONCE).cloned().collect();
        let mut whole: BTreeMap<&str, Asset> = BTreeMap::new();
        let landmarks: Vec<String> = self
            .pending
            .landmarks
            .iter()
            .take(MOST_LANDMARKS)
            .cloned()
            .collect();
        for id in ids.iter().chain(&landmarks) {
            if let Some(asset) = self.shared.asset(id)? {
                self.pending.note(&asset);
                whole.insert(id, asset);
            }
        }
        let is_one = |end: &Holder<'_>| end.asset.is_some_and(|id| whole.contains_key(id));
        let conversations = self.shared.conversations_of(is_one)?;
        let approvals = self.shared.approvals();
        let mut found = self.found(&ids, &whole, &conversations, &approvals, by);
        self.say_what_is_not_kept(&mut found)?;
        let mut draft = Draft::default();
        for (id, findings) in found {
            if let Some(asset) = whole.get(id.as_str()) {
                self.settle(asset.clone(), &findings, &mut draft);
            }
        }
        for id in &ids {
            self.pending.assets.remove(id);
        }
        Ok(draft)
    }

    /// A finding whose packet nobody can look at any more says so.
    fn say_what_is_not_kept(&self, found: &mut [(String, Vec<Finding>)]) -> anyhow::Result<()> {
        let all = found.iter().flat_map(|(_, findings)| findings);
        let without = self.shared.without_packets(all)?;
        let without: BTreeSet<String> = without.into_iter().map(str::to_owned).collect();
        let all = found.iter_mut().flat_map(|(_, findings)| findings);
        for finding in all.filter(|finding| without.contains(&finding.id)) {
            let before = if finding.why.is_empty() { "" } else { "; " };
            finding.why = format!("{}{before}{NOT_KEPT}", finding.why);
        }
        Ok(())
    }

    fn found(
        &self,
        ids: &[String],
        whole: &BTreeMap<&str, Asset>,
        conversations: &[(String, Conversation)],
        approvals: &Approvals,
        by: &Judging,
    ) -> Vec<(String, Vec<Finding>)> {
        let cards = self.shared.cards();
        // The later counts: those that are whole.
        let everybody = cards.values().map(|card| &card.asset).chain(whole.values());
        let told = conversations.iter().map(|(_, told)| told);
        let site = Site::new(everybody, told, &by.zones, approvals, &by.off);
        let asked = ids
            .iter()
            .filter_map(|id| Some((id, whole.get(id.as_str())?)));
        asked
            .map(|(id, asset)| (id.clone(), site.findings(asset)))
            .collect()
    }

    /// Writes down what is found of an asset now, against what was.
    fn settle(&self, mut asset: Asset, found: &[Finding], draft: &mut Draft) {
        let Some(card) = self.shared.cards().get(&asset.id).cloned() else {
            return;
        };
        let stored = asset.findings.clone();
        let (before, others): (Vec<Finding>, Vec<Finding>) = std::mem::take(&mut asset.findings)
            .into_iter()
            .partition(fossick_shadow::is_ours);
        let is_in = |list: &[Finding], id: &str| list.iter().any(|one| one.id == id);
        let opened = found
            .iter()
            .filter(|one| !is_in(&before, &one.id))
            .map(|finding| Event::FindingOpened {
                finding: serde_json::to_value(finding).unwrap_or_default(),
            });
        let closed = before
            .iter()
            .filter(|one| !is_in(found, &one.id))
            .map(|finding| Event::FindingClosed {
                finding: serde_json::to_value(finding).unwrap_or_default(),
                patched: None,
            });
        let events: Vec<Event> = opened.chain(closed).collect();
        asset.findings = others.into_iter().chain(found.iter().cloned()).collect();
        let mut standing = Standing::clone(&card.standing);
        let control = self.shared.control(&asset.id);
        take_back(&mut asset);
        orders::apply(&mut asset, &standing, control.as_ref());
        if orders::follow(Some(&card.asset), &asset, &mut standing, self.now) {
            orders::apply(&mut asset, &standing, control.as_ref());
        }
        if events.is_empty() && asset.findings == stored {
            return;
        }
        let label = asset.label();
        for event in events {
            let before = u64::try_from(draft.changes.len()).unwrap_or(u64::MAX);
            draft.changes.push(Change {
                seq: self.seq.saturating_add(before).saturating_add(1),
                time: self.now,
                asset: asset.id.clone(),
                label: label.clone(),
                event,
                by: None,
            });
        }
        draft.texts.push((asset.id.clone(), Some(json(&asset))));
        let id = asset.id.clone();
        let card = Card {
            asset: asset.brief(),
            standing: standing.shared(),
        };
        draft.cards.push((id, Some(Box::new(card))));
    }

    /// What a file lists is approved from now on.
    pub(super) fn approve(
        &mut self,
        source: &str,
        mut approved: Vec<Approved>,
        by: Person,
        now: Time,
    ) -> anyhow::Result<u64> {
        for one in &mut approved {
            source.clone_into(&mut one.source);
        }
        let known = self.shared.approvals();
        let others = known.all().iter().filter(|one| one.source != source);
        let all: Vec<Approved> = others.chain(&approved).cloned().collect();
        if all.len() > fossick_shadow::MOST_APPROVED {
            anyhow::bail!(
                "with these, {} assets would be approved: at most {} can be",
                all.len(),
                fossick_shadow::MOST_APPROVED
            );
        }
        let count = u64::try_from(approved.len()).unwrap_or(u64::MAX);
        let order = Order::Approve {
            source: source.to_owned(),
            count,
        };
        let event = Event::Ordered { order };
        let draft = self.single(String::new(), "inventory".to_owned(), event, Some(by), now);
        self.write(&draft, |txn| {
            txn.open_table(tables::APPROVED)?
                .insert(source, json(&approved).as_str())?;
            Ok(())
        })?;
        self.approve_all(all);
        self.publish(draft);
        Ok(count)
    }

    /// What is approved from now on; everybody is judged again.
    pub(super) fn approve_all(&mut self, all: Vec<Approved>) {
        *lock(&self.shared.approvals) = Arc::new(Approvals::new(all));
        self.pending.by = None;
    }

    /// What persons approved one by one, with this asset; and everything that is approved then.
    pub(super) fn approved_with(&self, id: &str) -> anyhow::Result<(Vec<Approved>, Vec<Approved>)> {
        let asset = self.shared.asset(id)?;
        let asset = asset.with_context(|| format!("there is no asset {id} any more"))?;
        let known = self.shared.approvals();
        let ips = asset.ips();
        let macs = asset.addresses.as_ref().map(|all| all.mac.clone());
        let one = Approved {
            macs: macs.unwrap_or_default(),
            // A name alone tells an asset without addresses.
            name: asset.hostnames.first().cloned().filter(|_| ips.is_empty()),
            ips,
            source: BY_HAND.to_owned(),
            line: 0,
            ..Approved::default()
        };
        let (by_hand, mut all): (Vec<Approved>, Vec<Approved>) = known
            .all()
            .iter()
            .cloned()
            .partition(|one| one.source == BY_HAND);
        let others = by_hand
            .into_iter()
            .filter(|known| known.ips != one.ips || known.macs != one.macs);
        let mut by_hand: Vec<Approved> = others.collect();
        by_hand.push(one);
        for (line, approved) in (1..).zip(&mut by_hand) {
            approved.line = line;
        }
        all.extend(by_hand.iter().cloned());
        if all.len() > fossick_shadow::MOST_APPROVED {
            anyhow::bail!(
                "{} assets are approved already, which is as many as can be",
                known.len()
            );
        }
        Ok((by_hand, all))
    }
}

impl Pending {
    pub fn new() -> Pending {
        Pending {
            assets: BTreeSet::new(),
            landmarks: BTreeSet::new(),
            by: None,
            next: Instant::now().checked_add(LEAST_REST),
        }
    }

    /// Whether others are judged by this asset.
    fn note(&mut self, asset: &Asset) {
        if fossick_shadow::is_landmark(asset) {
            self.landmarks.insert(asset.id.clone());
        } else {
            self.landmarks.remove(&asset.id);
        }
    }
}
