//! The store's thread: jobs in, transactions out, and the picture that everybody reads.

mod controls;
mod decisions;
mod findings;
mod watched;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use fossick_engine::Round;
use fossick_model::{Change, Control, Event, Order, Person, Time, difference};
use redb::{Database, ReadableTable};

use super::chain::Chain;
use super::open::{Opener, last_good};
use super::tables::{self, Standing};
use super::{Card, Job, Keep, RETRY, Shared, copy, lock, orders, retention};

/// Time between two copies of the last good state.
const LAST_GOOD_EVERY: std::time::Duration = std::time::Duration::from_hours(12);
/// Of too large a store, one in so many entries is dropped at a time.
const SHARE: u64 = 10;

pub(super) struct Writer {
    pub shared: Arc<Shared>,
    opener: Opener,
    keep: Keep,
    seq: u64,
    sheets: u64,
    /// Names of captures that are written down.
    captures: usize,
    /// Which asset has an address.
    holders: BTreeMap<IpAddr, String>,
    /// Since when nothing could be written: the next round after that only says what assets are like.
    behind_since: Option<Time>,
    saved: BTreeMap<String, u64>,
    copied: Option<Instant>,
    now: Time,
    /// When that was said.
    told: Instant,
    /// When the first of all exceptions ends.
    soonest: Option<Time>,
    watched: controls::Watched,
    pending: findings::Pending,
}

/// One transaction's worth: what to write, and what everybody reads once it is written.
#[derive(Default)]
struct Draft {
    changes: Vec<Change>,
    cards: Vec<(String, Option<Box<Card>>)>,
    texts: Vec<(String, Option<String>)>,
    controls: Vec<(String, Option<Control>)>,
}

impl Writer {
    pub fn new(shared: Arc<Shared>, opener: Opener, keep: Keep, seq: u64, sheets: u64) -> Writer {
        let mut holders = BTreeMap::new();
        for (id, card) in shared.cards().iter() {
            holders.extend(card.asset.ips().into_iter().map(|ip| (ip, id.clone())));
        }
        let saved = lock(&shared.delivered).clone();
        let mut writer = Writer {
            shared,
            opener,
            keep,
            seq,
            sheets,
            captures: 0,
            holders,
            behind_since: None,
            saved,
            copied: None,
            now: Time::default(),
            told: Instant::now(),
            soonest: None,
            watched: controls::Watched::new(),
            pending: findings::Pending::new(),
        };
        writer.measure();
        writer.soonest = writer.soonest_end();
        for id in writer.shared.controls().into_keys() {
            writer.follow(&id);
        }
        writer
    }

    /// Does it, however often it must be tried. False if it was given up because the sensor ends.
    pub fn carry_out(&mut self, job: Job, stopping: impl Fn() -> bool) -> bool {
        match job {
            Job::Round {
                round,
                captures,
                now,
            } => {
                self.hear(now);
                let draft = self.draft(&round, now);
                let written = self.insist(&stopping, |writer| {
                    writer.write_round(&round, &captures, &draft)
                });
                if !(written && self.publish(draft)) {
                    return false;
                }
                self.mark(&round);
                let moved = self.watch(&round, now);
                moved.changes.is_empty()
                    || (self.insist(stopping, |writer| writer.write(&moved, |_| Ok(())))
                        && self.publish(moved))
            }
            Job::Note { part, what, now } => {
                self.hear(now);
                tracing::info!(part, "{what}");
                let event = Event::Sensor {
                    part: part.to_owned(),
                    what,
                };
                let draft = self.single(String::new(), "sensor".to_owned(), event, None, now);
                self.insist(stopping, |writer| writer.write(&draft, |_| Ok(())))
                    && self.publish(draft)
            }
            Job::Order {
                asset,
                order,
                by,
                now,
                done,
            } => {
                self.hear(now);
                let result = match &order {
                    Order::Control { control } => self.step(&asset, control, by, now),
                    _ => self.order(&asset, order, by, now),
                };
                answer(&done, result.map_err(|error| error.to_string()));
                true
            }
            Job::Approve {
                source,
                approved,
                by,
                now,
                done,
            } => {
                self.now = now;
                let result = self.approve(&source, approved, by, now);
                answer(&done, result.map_err(|error| error.to_string()));
                true
            }
            Job::Watched {
                asset,
                disturbed,
                packets,
                by,
                now,
                done,
            } => {
                self.hear(now);
                let result = match disturbed {
                    Some(disturbance) => self.disturbed(&asset, *disturbance, &packets, by),
                    None => self.undisturbed(&asset, &by),
                };
                answer(&done, result.map_err(|error| error.to_string()));
                true
            }
            Job::Check(done) => {
                answer(&done, self.check().map_err(|error| format!("{error:#}")));
                true
            }
            Job::Compact(done) => {
                answer(&done, self.compact().map_err(|error| format!("{error:#}")));
                true
            }
            Job::Restore(from, done) => {
                answer(
                    &done,
                    self.restore(&from).map_err(|error| format!("{error:#}")),
                );
                true
            }
            Job::Stop => false,
        }
    }

    /// Tries until it succeeds. After a failure the database is opened anew, as it must be.
    fn insist(
        &mut self,
        stopping: impl Fn() -> bool,
        mut write: impl FnMut(&mut Writer) -> Result<(), redb::Error>,
    ) -> bool {
        loop {
            let begun = Instant::now();
            match write(self) {
                Ok(()) => {
                    let mut state = lock(&self.shared.state);
                    state.commit = begun.elapsed();
                    if let Some((what, since)) = state.trouble.take() {
                        tracing::warn!(
                            "the store can be written again (it could not since {since}: {what})"
                        );
                    }
                    return true;
                }
                Err(error) => {
                    let mut state = lock(&self.shared.state);
                    state.failed = state.failed.saturating_add(1);
                    if state.trouble.is_none() {
                        tracing::error!("the store cannot be written: {error}");
                        state.trouble = Some((error.to_string(), self.now));
                    }
                    drop(state);
                    self.behind_since.get_or_insert(self.now);
                    let until = Instant::now().checked_add(RETRY);
                    while until.is_some_and(|until| Instant::now() < until) {
                        if stopping() {
                            return false;
                        }
                        std::thread::sleep(std::time::Duration::from_millis(50));
                    }
                    self.reopen();
                }
            }
        }
    }

    /// Drops the database, as it must be after a failed commit, and opens it again.
    fn reopen(&mut self) {
        let mut database = self
            .shared
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *database = None;
        match self.opener.open() {
            Ok(opened) => {
                for note in &opened.notes {
                    tracing::error!("{note}");
                }
                *database = Some(opened.database);
            }
            Err(error) => tracing::error!("the store cannot be opened again: {error:#}"),
        }
    }

    fn write(
        &self,
        draft: &Draft,
        more: impl FnOnce(&redb::WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), redb::Error> {
        let database = self
            .shared
            .database
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(database) = database.as_ref() else {
            return Err(std::io::Error::other("it is closed").into());
        };
        let txn = database.begin_write()?;
        {
            let mut journal = txn.open_table(tables::JOURNAL)?;
            if !draft.changes.is_empty() {
                let mut chain = Chain::open(&txn)?;
                for change in &draft.changes {
                    let text = json(change);
                    journal.insert(change.seq, text.as_str())?;
                    chain.add(change.seq, &text)?;
                }
            }
            let mut meta = txn.open_table(tables::META)?;
            let last = draft.changes.last().map_or(self.seq, |change| change.seq);
            meta.insert("seq", last)?;
            meta.insert("sheets", self.sheets)?;
            let mut assets = txn.open_table(tables::ASSETS)?;
            for (id, text) in &draft.texts {
                match text {
                    Some(text) => assets.insert(id.as_str(), text.as_str())?,
                    None => assets.remove(id.as_str())?,
                };
            }
            let mut standing = txn.open_table(tables::STANDING)?;
            for (id, card) in &draft.cards {
                match card {
                    Some(card) if *card.standing != Standing::default() => {
                        standing.insert(id.as_str(), json(&*card.standing).as_str())?
                    }
                    _ => standing.remove(id.as_str())?,
                };
            }
            if !draft.controls.is_empty() {
                let mut controls = txn.open_table(tables::CONTROLS)?;
                for (id, control) in &draft.controls {
                    match control {
                        Some(control) => controls.insert(id.as_str(), json(control).as_str())?,
                        None => controls.remove(id.as_str())?,
                    };
                }
            }
        }
        more(&txn)?;
        txn.commit()?;
        Ok(())
    }

    fn write_round(
        &mut self,
        round: &Round,
        captures: &[Arc<str>],
        draft: &Draft,
    ) -> Result<(), redb::Error> {
        let known = self.captures;
        self.write(draft, |txn| {
            let mut nodes = txn.open_table(tables::NODES)?;
            for row in &round.rows {
                match &row.value {
                    Some(value) => nodes.insert(row.key.as_str(), value.as_str())?,
                    None => nodes.remove(row.key.as_str())?,
                };
            }
            let mut conversations = txn.open_table(tables::CONVERSATIONS)?;
            for (key, told) in &round.conversations {
                match told {
                    Some(told) => conversations.insert(key.as_str(), json(told).as_str())?,
                    None => conversations.remove(key.as_str())?,
                };
            }
            if let Some(spans) = &round.hours {
                let mut hours = txn.open_table(tables::HOURS)?;
                hours.retain(|_, _| false)?;
                for (first, last) in spans {
                    hours.insert(first, last)?;
                }
            }
            let mut ids = txn.open_table(tables::IDS)?;
            for (owner, id) in &round.ids {
                ids.insert(owner.as_str(), id.as_str())?;
            }
            let mut names = txn.open_table(tables::CAPTURES)?;
            for (number, name) in captures.iter().enumerate().skip(known) {
                let number = u32::try_from(number).unwrap_or(u32::MAX);
                names.insert(number, name.as_ref())?;
            }
            let mut packets = txn.open_table(tables::PACKETS)?;
            for packet in &round.packets {
                let key = (packet.capture, packet.frame);
                let known = packets.get(key)?.map(|octets| octets.value().to_vec());
                let octets = tables::packet(packet, known.as_deref());
                packets.insert(key, octets.as_slice())?;
            }
            Ok(())
        })?;
        self.captures = captures.len();
        Ok(())
    }

    /// What a round changes, against what everybody reads now.
    fn draft(&mut self, round: &Round, now: Time) -> Draft {
        let behind = self.behind_since.take();
        let mut draft = Draft::default();
        let mut seq = self.seq;
        let cards = self.shared.cards();
        for asset in &round.assets {
            let mut asset = asset.clone();
            let known = cards.get(&asset.id);
            let standing = known.map(|card| Standing::clone(&card.standing));
            let mut standing = standing.unwrap_or_default();
            // Of what the detectors found the inventory knows nothing: it stays until they judge again.
            let ours = known.iter().flat_map(|card| &card.asset.findings);
            let ours = ours.filter(|finding| fossick_shadow::is_ours(finding));
            asset.findings.extend(ours.cloned());
            let control = self.shared.control(&asset.id);
            orders::apply(&mut asset, &standing, control.as_ref());
            let before = known.map(|card| &card.asset);
            if orders::follow(before, &asset, &mut standing, now) {
                orders::apply(&mut asset, &standing, control.as_ref());
            }
            // A device that was only spoken for has no time of its own.
            let time = if asset.last_seen == Time::default() {
                now
            } else {
                asset.last_seen
            };
            let mut events = match (behind, known) {
                (Some(since), known) => {
                    let differs = known
                        .is_none_or(|known| !difference(Some(&known.asset), &asset).is_empty());
                    let event = Event::Resynchronised { since };
                    let label = asset.label();
                    differs
                        .then(|| (asset.id.clone(), label, event))
                        .into_iter()
                        .collect()
                }
                (None, known) => self.moves(difference(known.map(|card| &card.asset), &asset)),
            };
            if let Some(since) = standing.silent.take_if(|since| asset.last_seen > *since) {
                events.push((
                    asset.id.clone(),
                    asset.label(),
                    Event::AssetReturned { since },
                ));
            }
            for (asset, label, event) in events {
                seq = seq.saturating_add(1);
                draft.changes.push(Change {
                    seq,
                    time,
                    asset,
                    label,
                    event,
                    by: None,
                });
            }
            draft.texts.push((asset.id.clone(), Some(json(&asset))));
            let id = asset.id.clone();
            let card = Box::new(Card {
                asset: asset.brief(),
                standing: standing.shared(),
            });
            draft.cards.push((id, Some(card)));
        }
        for (id, into) in &round.gone {
            let Some(card) = cards.get(id) else { continue };
            seq = seq.saturating_add(1);
            let event = match into {
                Some(into) => Event::AssetMerged { into: into.clone() },
                None => Event::AssetForgotten,
            };
            draft.changes.push(Change {
                seq,
                time: now,
                asset: id.clone(),
                label: card.asset.label(),
                event,
                by: None,
            });
            draft.texts.push((id.clone(), None));
            draft.cards.push((id.clone(), None));
            self.inherit(id, into.as_deref(), &mut draft);
            let Some(into) = into else { continue };
            for (label, event) in self.pass_on(card, into, &mut draft) {
                seq = seq.saturating_add(1);
                draft.changes.push(Change {
                    seq,
                    time: now,
                    asset: into.clone(),
                    label,
                    event,
                    by: None,
                });
            }
        }
        draft
    }

    /// An address that another asset had was moved, not gained.
    fn moves(&self, events: Vec<(String, String, Event)>) -> Vec<(String, String, Event)> {
        let moved = |(asset, label, event): (String, String, Event)| {
            let event = match event {
                Event::AddressGained { address } => {
                    let ip = address.parse::<IpAddr>().ok();
                    let from = ip.and_then(|ip| self.holders.get(&ip));
                    match from.filter(|from| **from != asset) {
                        Some(from) => Event::AddressMoved {
                            address,
                            from: from.clone(),
                        },
                        None => Event::AddressGained { address },
                    }
                }
                other => other,
            };
            (asset, label, event)
        };
        events.into_iter().map(moved).collect()
    }

    fn single(
        &self,
        asset: String,
        label: String,
        event: Event,
        by: Option<Person>,
        time: Time,
    ) -> Draft {
        Draft {
            changes: vec![Change {
                seq: self.seq.saturating_add(1),
                time,
                asset,
                label,
                event,
                by,
            }],
            ..Draft::default()
        }
    }

    /// It is written: now everybody may read it.
    fn publish(&mut self, draft: Draft) -> bool {
        {
            let mut cards = self
                .shared
                .cards
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            for (id, card) in draft.cards {
                if let Some(card) = card {
                    self.soonest = decisions::sooner(self.soonest, card.standing.first_end());
                    let ips = card.asset.ips().into_iter();
                    self.holders.extend(ips.map(|ip| (ip, id.clone())));
                    cards.insert(id, card);
                } else {
                    let gone = cards.remove(&id);
                    for ip in gone.iter().flat_map(|card| card.asset.ips()) {
                        if self.holders.get(&ip) == Some(&id) {
                            self.holders.remove(&ip);
                        }
                    }
                }
            }
        }
        for (id, control) in draft.controls {
            self.shared.set_control(&id, control);
            self.follow(&id);
        }
        if let Some(last) = draft.changes.last() {
            self.seq = last.seq;
            *lock(&self.shared.published) = self.seq;
            self.shared.news.notify_all();
        }
        true
    }

    /// What time does: entries grow old, assets fall silent, the last good state is copied.
    pub fn tidy(&mut self) {
        self.measure();
        if let Err(error) = self.fall_silent().and_then(|()| self.drop_surplus()) {
            tracing::warn!("tidying the store: {error}");
        }
        let due = self
            .copied
            .is_none_or(|last| last.elapsed() > LAST_GOOD_EVERY);
        if let (true, Some(path)) = (due, &self.opener.path) {
            let good = last_good(path);
            let fresh = good.with_extension("new");
            // A copy that was cut off is of no use.
            let _ = std::fs::remove_file(&fresh);
            let copied = self.shared.backup(&fresh);
            match copied.and_then(|()| Ok(std::fs::rename(&fresh, &good)?)) {
                Ok(()) => self.copied = Some(Instant::now()),
                Err(error) => tracing::warn!("copying the last good state: {error:#}"),
            }
        }
    }

    fn fall_silent(&mut self) -> Result<(), redb::Error> {
        let before = self
            .now
            .0
            .saturating_sub(self.keep.silent.saturating_mul(1_000_000_000));
        let mut draft = Draft::default();
        let mut seq = self.seq;
        {
            let cards = self.shared.cards();
            let silent = cards.iter().filter(|(_, card)| {
                card.standing.silent.is_none() && card.asset.last_seen.0 < before
            });
            for (id, card) in silent {
                seq = seq.saturating_add(1);
                let since = card.asset.last_seen;
                draft.changes.push(Change {
                    seq,
                    time: self.now,
                    asset: id.clone(),
                    label: card.asset.label(),
                    event: Event::AssetSilent { since },
                    by: None,
                });
                let mut card = card.clone();
                Arc::make_mut(&mut card.standing).silent = Some(since);
                draft.cards.push((id.clone(), Some(card)));
            }
        }
        if draft.changes.is_empty() || self.now == Time::default() {
            return Ok(());
        }
        self.write(&draft, |_| Ok(()))?;
        self.publish(draft);
        Ok(())
    }

    fn drop_surplus(&mut self) -> Result<(), redb::Error> {
        let delivered = lock(&self.shared.delivered).values().copied().min();
        let delivered = delivered.unwrap_or(u64::MAX);
        let before = Time(
            self.now
                .0
                .saturating_sub(self.keep.age.saturating_mul(1_000_000_000)),
        );
        let too_large = lock(&self.shared.state).octets > self.keep.octets;
        let database = self
            .shared
            .database
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(database) = database.as_ref() else {
            return Ok(());
        };
        let txn = database.begin_write()?;
        let old = retention::drop_old(&txn, before, delivered)?;
        let surplus = if too_large {
            retention::drop_oldest(&txn, SHARE)?
        } else {
            None
        };
        txn.commit()?;
        if let Some(last) = old.max(surplus) {
            tracing::info!("entries of the journal up to {last} are dropped: too old or too many");
        }
        if surplus.is_some_and(|last| last > delivered) {
            tracing::error!(
                "the store is full: entries after {delivered} were dropped that not every outlet has had"
            );
        }
        Ok(())
    }

    /// Writes down where outlets are, if they have moved.
    pub fn save_cursors(&mut self) {
        let delivered = lock(&self.shared.delivered).clone();
        if delivered == self.saved {
            return;
        }
        let written = self.write(&Draft::default(), |txn| {
            let mut outlets = txn.open_table(tables::OUTLETS)?;
            for (name, seq) in &delivered {
                outlets.insert(name.as_str(), *seq)?;
            }
            Ok(())
        });
        match written {
            Ok(()) => self.saved = delivered,
            // They will deliver some entries twice: no harm, and no reason to stop.
            Err(error) => tracing::warn!("writing down where outlets are: {error}"),
        }
    }

    fn measure(&mut self) {
        let path = self.opener.path.as_deref();
        let octets = path.and_then(|path| Some(std::fs::metadata(path).ok()?.len()));
        lock(&self.shared.state).octets = octets.unwrap_or_default();
    }

    fn exclusive<T>(
        &self,
        work: impl FnOnce(&mut Database) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let mut database = self
            .shared
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match database.as_mut() {
            Some(database) => work(database),
            None => anyhow::bail!("the store is closed at present: it could not be written"),
        }
    }

    fn check(&self) -> anyhow::Result<String> {
        self.exclusive(|database| {
            if !database.check_integrity()? {
                anyhow::bail!("the store was damaged and could be repaired");
            }
            copy::summary(database)
        })
    }

    fn compact(&mut self) -> anyhow::Result<String> {
        self.measure();
        let before = lock(&self.shared.state).octets;
        self.exclusive(|database| Ok(database.compact()?))?;
        self.measure();
        let after = lock(&self.shared.state).octets;
        Ok(format!("{before} octets before, {after} now"))
    }

    /// The file takes the place of the store; the one that was is set aside.
    fn restore(&mut self, from: &std::path::Path) -> anyhow::Result<String> {
        let Some(path) = self.opener.path.clone() else {
            anyhow::bail!("this store has no file");
        };
        let summary = super::check(from)?;
        let aside = path.with_extension("before-restore");
        let mut database = self
            .shared
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // What happened since the backup stays in the journal: nobody who has seen an entry shall see another of its
        // number, nor miss one.
        let last = tables::last_of(from)?;
        let since = database
            .as_ref()
            .map(|database| retention::entries_after(database, last))
            .transpose()?;
        *database = None;
        std::fs::rename(&path, &aside)?;
        std::fs::rename(from, &path)?;
        let opened = self.opener.open()?;
        if let Some(since) = since {
            retention::add_entries(&opened.database, last, &since)?;
        }
        let cards = tables::cards(&opened.database)?;
        let controls = tables::controls(&opened.database)?;
        let approved = tables::approved(&opened.database)?;
        self.seq = self.seq.max(tables::last(&opened.database)?);
        *database = Some(opened.database);
        drop(database);
        self.captures = 0;
        self.holders.clear();
        *self
            .shared
            .cards
            .write()
            .unwrap_or_else(PoisonError::into_inner) = cards;
        self.soonest = self.soonest_end();
        *lock(&self.shared.approvals) = Arc::new(fossick_shadow::Approvals::new(approved));
        self.pending = findings::Pending::new();
        self.watched.clear();
        let known = controls.keys().cloned().collect::<Vec<_>>();
        *lock(&self.shared.controls) = controls;
        for id in known {
            self.follow(&id);
        }
        self.shared
            .generation
            .fetch_add(1, std::sync::atomic::Ordering::AcqRel);
        Ok(format!(
            "{summary}; the store that was is {}",
            aside.display()
        ))
    }
}

fn answer<T>(to: &SyncSender<T>, answer: T) {
    if to.try_send(answer).is_err() {
        tracing::debug!("nobody waits for the answer any more");
    }
}

/// Numbers, text and lists alone: there is nothing in it that JSON cannot say.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
