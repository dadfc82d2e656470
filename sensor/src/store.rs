//! The store: one thread owns the database, and a change is published only after its commit.
//!
//! What is in it is in [`tables`]. The thread takes [`Job`]s one at a time; a round of changes is one transaction.
//! When a commit fails, the database is dropped and opened again, and the same job is tried until it succeeds: meanwhile
//! the inventory gathers what happens, and the round after that says of each asset only what it is like by then.

mod chain;
mod copy;
mod open;
mod orders;
mod retention;
mod tables;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use fossick_engine::{Kept, Round, Row};
use fossick_model::{
    Asset, Audit, Change, Control, ControlState, Conversation, Disturbance, Exception, Finding,
    Head, Order, Person, Time,
};
use fossick_shadow::{Approvals, Approved, Zone};
use redb::{Database, ReadableDatabase, ReadableTableMetadata};

pub use open::{Opened, Opener, audit, backup, check, compact, file_opener};
use tables::Holder;
pub use tables::{Listed, Standing};

use writer::Writer;

/// Jobs that may wait.
const JOBS: usize = 8;
/// Time between two tries to write what could not be written.
const RETRY: Duration = Duration::from_secs(2);
/// Time between two looks at what is old.
const TIDY: Duration = Duration::from_mins(1);

/// How long and how much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Entries of the journal older than this (seconds) are dropped once every outlet has them.
    pub age: i64,
    /// Octets on disk; above that the oldest entries and packets are dropped.
    pub octets: u64,
    /// An asset that was not heard for so long (seconds) is silent.
    pub silent: i64,
}

/// What the thread is asked to do.
pub enum Job {
    /// Write down what changed. With a time, changes could not be written since then.
    Round {
        /// What changed.
        round: Box<Round>,
        /// Names of the captures that its evidence quotes, by number.
        captures: Vec<Arc<str>>,
        /// The sensor's clock.
        now: Time,
    },
    /// Something about the sensor itself.
    Note {
        /// Which part.
        part: &'static str,
        /// What, in a sentence.
        what: String,
        /// The sensor's clock.
        now: Time,
    },
    /// A person decided something; the inventory has followed where it must.
    Order {
        /// Id of the asset.
        asset: String,
        /// What.
        order: Order,
        /// Who.
        by: Person,
        /// The sensor's clock.
        now: Time,
        /// Told when it is written down, or why not.
        done: SyncSender<Result<(), String>>,
    },
    /// What a file lists is approved; it takes the place of what the same file listed before.
    Approve {
        /// Name of the file.
        source: String,
        /// What it lists.
        approved: Vec<Approved>,
        /// Who says so.
        by: Person,
        /// The sensor's clock.
        now: Time,
        /// Told how many there are when it is written down, or why not.
        done: SyncSender<Result<u64, String>>,
    },
    /// A host's own traffic was watched while it was asked.
    Watched {
        /// Id of the asset.
        asset: String,
        /// How it was disturbed, if it was; otherwise earlier findings of that are closed.
        disturbed: Option<Box<Disturbance>>,
        /// The frames that show it.
        packets: Vec<Kept>,
        /// Who asked.
        by: Person,
        /// The sensor's clock.
        now: Time,
        /// Told when it is written down, or why not.
        done: SyncSender<Result<(), String>>,
    },
    /// Look whether everything is whole.
    Check(SyncSender<Result<String, String>>),
    /// Give unused space back.
    Compact(SyncSender<Result<String, String>>),
    /// Put this file in the place of the store.
    Restore(PathBuf, SyncSender<Result<String, String>>),
    /// Write down what waits, and end.
    Stop,
}

/// One asset as lists show it, and what persons said of it.
#[derive(Debug, Clone)]
pub struct Card {
    /// Without facts and observations.
    pub asset: Asset,
    /// What persons said.
    pub standing: Arc<Standing>,
}

/// What everybody may read: only what was committed.
pub struct Shared {
    database: RwLock<Option<Database>>,
    cards: RwLock<BTreeMap<String, Box<Card>>>,
    controls: Mutex<BTreeMap<String, Control>>,
    approvals: Mutex<Arc<Approvals>>,
    judging: Mutex<Arc<Judging>>,
    published: Mutex<u64>,
    news: Condvar,
    state: Mutex<State>,
    idle: AtomicBool,
    delivered: Mutex<BTreeMap<String, u64>>,
    generation: AtomicU64,
}

#[derive(Debug, Clone, Default)]
struct State {
    trouble: Option<(String, Time)>,
    commit: Duration,
    failed: u64,
    octets: u64,
}

/// What assets are judged by, besides what was heard.
#[derive(Debug, Default, PartialEq)]
pub struct Judging {
    /// The zones of the site.
    pub zones: Vec<Zone>,
    /// Detectors that are off.
    pub off: Vec<String>,
}

/// The store of a running sensor.
pub struct Store {
    /// What everybody may read.
    pub shared: Arc<Shared>,
    jobs: SyncSender<Job>,
    thread: JoinHandle<()>,
}

/// What was written down before.
pub struct Memory {
    /// Names of captures, by number.
    pub captures: Vec<Arc<str>>,
    /// Ids that are not made from their owner.
    pub ids: Vec<(String, String)>,
    /// Merges and splits that persons ordered, in order: asset, order.
    pub arrangements: Vec<(String, Order)>,
    /// Whether the sheets in use are those that the facts were derived with.
    pub same_sheets: bool,
    /// What happened to the file, if anything did.
    pub notes: Vec<String>,
}

impl Store {
    /// Opens the store and starts its thread. `sheets` is a hash of the fingerprints in use.
    ///
    /// # Errors
    /// Neither the file nor a fresh one can be opened: the folder is not there, not writable, or full.
    pub fn start(
        opener: Opener,
        keep: Keep,
        sheets: u64,
        outlets: &[String],
    ) -> anyhow::Result<(Store, Memory)> {
        let Opened { database, notes } = opener.open()?;
        let memory = tables::memory(&database, sheets, notes).context("reading the store")?;
        let cards = tables::cards(&database).context("reading the assets of the store")?;
        let controls = tables::controls(&database).context("reading the controls of the store")?;
        let approved = tables::approved(&database).context("reading what is approved")?;
        let seq = tables::last(&database).context("reading the journal of the store")?;
        let mut delivered = tables::cursors(&database)?;
        for outlet in outlets {
            delivered.entry(outlet.clone()).or_default();
        }
        delivered.retain(|name, _| outlets.contains(name));
        let shared = Arc::new(Shared {
            database: RwLock::new(Some(database)),
            cards: RwLock::new(cards),
            controls: Mutex::new(controls),
            approvals: Mutex::new(Arc::new(Approvals::new(approved))),
            judging: Mutex::default(),
            published: Mutex::new(seq),
            news: Condvar::new(),
            state: Mutex::new(State::default()),
            idle: AtomicBool::new(true),
            delivered: Mutex::new(delivered),
            generation: AtomicU64::new(0),
        });
        let (jobs, todo) = sync_channel(JOBS);
        let writer = Writer::new(Arc::clone(&shared), opener, keep, seq, sheets);
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || work(writer, &todo))
            .context("starting the store's thread")?;
        let store = Store {
            shared,
            jobs,
            thread,
        };
        Ok((store, memory))
    }

    /// Whether it has nothing to do: only then is a round worth taking.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.shared.idle.load(Ordering::Acquire)
    }

    /// Hands over a job without waiting. It comes back if there are too many.
    ///
    /// # Errors
    /// The job, which nobody took.
    pub fn offer(&self, job: Job) -> Result<(), Job> {
        self.shared.idle.store(false, Ordering::Release);
        self.jobs.try_send(job).map_err(|refused| match refused {
            std::sync::mpsc::TrySendError::Full(job)
            | std::sync::mpsc::TrySendError::Disconnected(job) => job,
        })
    }

    /// Where jobs are handed over by others.
    #[must_use]
    pub fn jobs(&self) -> SyncSender<Job> {
        self.jobs.clone()
    }

    /// Writes down what waits and ends; gives up after a while when that cannot be written.
    pub fn stop(self, patience: Duration) {
        let until = Instant::now().checked_add(patience);
        let mut stop = Some(Job::Stop);
        while let Some(job) = stop.take() {
            if let Err(refused) = self.jobs.try_send(job)
                && until.is_some_and(|until| Instant::now() < until)
            {
                std::thread::sleep(Duration::from_millis(20));
                stop = match refused {
                    std::sync::mpsc::TrySendError::Full(job) => Some(job),
                    std::sync::mpsc::TrySendError::Disconnected(_) => None,
                };
            }
        }
        while !self.thread.is_finished() && until.is_some_and(|until| Instant::now() < until) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn work(mut writer: Writer, todo: &Receiver<Job>) {
    let mut tidied = Instant::now();
    loop {
        if tidied.elapsed() > TIDY {
            tidied = Instant::now();
            writer.tidy();
        }
        writer.expire();
        writer.judge_pending();
        writer.shared.idle.store(true, Ordering::Release);
        match todo.recv_timeout(Duration::from_secs(1)) {
            Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => {
                writer.save_cursors();
                return;
            }
            Ok(job) => {
                writer.shared.idle.store(false, Ordering::Release);
                if !writer.carry_out(job, || stopping(todo)) {
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => writer.save_cursors(),
        }
    }
}

/// Whether somebody wants the thread to end while it tries again and again.
fn stopping(todo: &Receiver<Job>) -> bool {
    match todo.try_recv() {
        Ok(Job::Stop) | Err(std::sync::mpsc::TryRecvError::Disconnected) => true,
        Ok(job) => {
            refuse(job);
            false
        }
        Err(std::sync::mpsc::TryRecvError::Empty) => false,
    }
}

/// Says no to whoever waits for a job that cannot be done now.
fn refuse(job: Job) {
    let why = || "the store cannot be written at present; `fossick status` says why".to_owned();
    let sent = match job {
        Job::Order { done, .. } | Job::Watched { done, .. } => done.try_send(Err(why())).is_ok(),
        Job::Approve { done, .. } => done.try_send(Err(why())).is_ok(),
        Job::Check(done) | Job::Compact(done) | Job::Restore(_, done) => {
            done.try_send(Err(why())).is_ok()
        }
        Job::Round { .. } | Job::Note { .. } | Job::Stop => true,
    };
    if !sent {
        tracing::debug!("nobody waits for the answer any more");
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked left a whole value behind: each change is one assignment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Every asset as lists show it, by id.
    pub fn cards(&self) -> RwLockReadGuard<'_, BTreeMap<String, Box<Card>>> {
        self.cards.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every control, by the id of its asset.
    #[must_use]
    pub fn controls(&self) -> BTreeMap<String, Control> {
        lock(&self.controls).clone()
    }

    /// Every exception that holds, those that end first in front.
    #[must_use]
    pub fn exceptions(&self, now: Time) -> Vec<Exception> {
        let cards = self.cards();
        let mut all: Vec<Exception> = cards
            .values()
            .flat_map(|card| orders::exceptions(&card.asset, &card.standing, now))
            .collect();
        all.sort_by(|a, b| {
            (a.acceptance.until, &a.asset, &a.finding).cmp(&(
                b.acceptance.until,
                &b.asset,
                &b.finding,
            ))
        });
        all
    }

    /// The control of an asset.
    #[must_use]
    pub fn control(&self, id: &str) -> Option<Control> {
        lock(&self.controls).get(id).cloned()
    }

    /// Every approved asset.
    #[must_use]
    pub fn approvals(&self) -> Arc<Approvals> {
        Arc::clone(&lock(&self.approvals))
    }

    /// Says what assets are judged by from now on.
    pub fn judge_by(&self, judging: Judging) {
        *lock(&self.judging) = Arc::new(judging);
    }

    /// Addresses of the assets whose controls are watched.
    #[must_use]
    pub fn watched(&self) -> Vec<IpAddr> {
        let controls = lock(&self.controls);
        let watched = controls
            .values()
            .filter(|control| control.state.is_watched());
        let addresses = watched.flat_map(|control| control.policy.addresses.iter().copied());
        addresses.collect()
    }

    fn set_control(&self, id: &str, control: Option<Control>) {
        let mut controls = lock(&self.controls);
        match control {
            Some(control) => controls.insert(id.to_owned(), control),
            None => controls.remove(id),
        };
    }

    /// The last entry of the journal.
    #[must_use]
    pub fn published(&self) -> u64 {
        *lock(&self.published)
    }

    /// How often another store was put in the place of this one.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Waits until there is an entry after `seq`, for so long at most. Whether there is one.
    #[must_use]
    pub fn wait(&self, seq: u64, timeout: Duration) -> bool {
        let published = lock(&self.published);
        let waited = self
            .news
            .wait_timeout_while(published, timeout, |last| *last <= seq);
        let (published, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *published > seq
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> anyhow::Result<T> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database
            .as_ref()
            .context("the store is closed at present: it could not be written")?;
        Ok(read(&database.begin_read()?)?)
    }

    /// Conversations that are wanted, as [`tables::conversations`] lists them.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn conversations(
        &self,
        after: &str,
        limit: usize,
        wanted: impl Fn(&Conversation) -> bool,
    ) -> anyhow::Result<Listed> {
        self.read(|txn| tables::conversations(txn, after, limit, wanted))
    }

    /// Conversations of which one end is wanted, as [`tables::conversations_of`] finds them.
    fn conversations_of(
        &self,
        is_one: impl Fn(&Holder<'_>) -> bool,
    ) -> anyhow::Result<Vec<(String, Conversation)>> {
        self.read(|txn| tables::conversations_of(txn, is_one))
    }

    /// When anything was heard, as [`tables::hours`] lists it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn hours(&self) -> anyhow::Result<Vec<(i64, i64)>> {
        self.read(tables::hours)
    }

    /// Entries of the journal after `seq`, in order, so many at most.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn changes(&self, seq: u64, limit: usize) -> anyhow::Result<Vec<Change>> {
        let lines = self.read(|txn| {
            let journal = txn.open_table(tables::JOURNAL)?;
            let from = seq.saturating_add(1);
            let mut lines = Vec::new();
            for entry in journal.range(from..)?.take(limit) {
                lines.push(entry?.1.value().to_owned());
            }
            Ok(lines)
        })?;
        let changes = lines.iter().map(|line| Ok(serde_json::from_str(line)?));
        changes.collect()
    }

    /// Shows entries of the journal from the latest back, without so many at first, until `show` has enough; how many there are.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn journal_back(
        &self,
        skip: usize,
        show: &mut dyn FnMut(Change) -> bool,
    ) -> anyhow::Result<usize> {
        self.read(|txn| {
            let journal = txn.open_table(tables::JOURNAL)?;
            let total = usize::try_from(journal.len()?).unwrap_or(usize::MAX);
            for entry in journal.range::<u64>(..)?.rev().skip(skip) {
                // An entry that cannot be read is left out, as an audit would say.
                if let Ok(change) = serde_json::from_str(entry?.1.value())
                    && !show(change)
                {
                    break;
                }
            }
            Ok(total)
        })
    }

    /// A packet that is kept, by the name of its capture.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn packet(&self, capture: &str, frame: u64) -> anyhow::Result<Option<Kept>> {
        self.read(|txn| {
            let packets = txn.open_table(tables::PACKETS)?;
            for number in tables::numbered(txn, capture)? {
                if let Some(octets) = packets.get((number, frame))? {
                    return Ok(tables::kept(number, frame, octets.value()));
                }
            }
            Ok(None)
        })
    }

    /// Which octets of a packet say what a key says of an asset (first, count); of all keys where it is empty.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn marks(
        &self,
        asset: &Asset,
        capture: &str,
        frame: u64,
        key: &str,
    ) -> anyhow::Result<Vec<(usize, usize)>> {
        let addresses = asset.addresses.iter();
        let macs = addresses
            .flat_map(|all| &all.mac)
            .map(|mac| format!("mac {mac}"));
        let vlans: BTreeSet<u16> = asset.vlans.iter().copied().chain([0]).collect();
        let ips = asset.ips();
        let ips = vlans
            .iter()
            .flat_map(|vlan| ips.iter().map(move |ip| format!("ip {vlan} {ip} ")));
        let beginnings: Vec<String> = macs.chain(ips).collect();
        self.read(|txn| {
            let numbers = tables::numbered(txn, capture)?;
            let nodes = txn.open_table(tables::NODES)?;
            let mut marks = Vec::new();
            for beginning in &beginnings {
                for entry in nodes.range::<&str>(beginning.as_str()..)? {
                    let (name, value) = entry?;
                    if !name.value().starts_with(beginning.as_str()) {
                        break;
                    }
                    for number in &numbers {
                        marks.extend(fossick_engine::said_in(value.value(), *number, frame, key));
                    }
                }
            }
            marks.sort_unstable();
            marks.dedup();
            Ok(marks)
        })
    }

    /// How far each control has come, by the id of its asset.
    #[must_use]
    pub fn control_states(&self) -> BTreeMap<String, &'static str> {
        let controls = lock(&self.controls);
        let states = controls.iter();
        states
            .map(|(id, control)| (id.clone(), control.state.name()))
            .collect()
    }

    /// One asset with everything known of it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn asset(&self, id: &str) -> anyhow::Result<Option<Asset>> {
        let text = self.read(|txn| {
            let assets = txn.open_table(tables::ASSETS)?;
            Ok(assets.get(id)?.map(|text| text.value().to_owned()))
        })?;
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    /// The packets that are kept as evidence of an asset, of its findings, and of what violated its control, with the name of their
    /// capture.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn packets(&self, asset: &Asset) -> anyhow::Result<Vec<(Arc<str>, Kept)>> {
        let mut wanted: BTreeSet<(&str, u64)> = BTreeSet::new();
        for asset in std::iter::once(asset).chain(&asset.children) {
            for observation in &asset.observations {
                for frame in observation.evidence.frames.all() {
                    wanted.insert((&observation.evidence.capture, *frame));
                }
            }
            for shown in asset.findings.iter().flat_map(|found| &found.evidence) {
                for frame in shown.frames.all() {
                    wanted.insert((&shown.capture, *frame));
                }
            }
        }
        let control = self.control(&asset.id).map(|control| control.state);
        if let Some(ControlState::Violated {
            conversation,
            evidence,
            ..
        }) = &control
        {
            for shown in [&conversation.evidence, evidence] {
                wanted.insert((&shown.capture, shown.frames.first()));
            }
        }
        self.read(|txn| {
            let numbers = tables::numbers(txn)?;
            let packets = txn.open_table(tables::PACKETS)?;
            let mut found = Vec::new();
            for (capture, frame) in wanted {
                let Some(number) = numbers.get(capture) else {
                    // What a scan watched is kept by the name of its capture.
                    found.extend(tables::watched(txn, capture, frame)?);
                    continue;
                };
                if let Some(octets) = packets.get((*number, frame))?
                    && let Some(kept) = tables::kept(*number, frame, octets.value())
                {
                    found.push((Arc::from(capture), kept));
                }
            }
            Ok(found)
        })
    }

    /// Of which of these a packet that they quote is not kept.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn without_packets<'a>(
        &self,
        findings: impl Iterator<Item = &'a Finding>,
    ) -> anyhow::Result<BTreeSet<&'a str>> {
        self.read(|txn| {
            let numbers = tables::numbers(txn)?;
            let packets = txn.open_table(tables::PACKETS)?;
            let mut without = BTreeSet::new();
            for finding in findings {
                for shown in &finding.evidence {
                    let kept = match numbers.get(&shown.capture) {
                        Some(number) => packets.get((*number, shown.frames.first()))?.is_some(),
                        None => false,
                    };
                    if !kept {
                        without.insert(finding.id.as_str());
                    }
                }
            }
            Ok(without)
        })
    }

    /// Computes the hashes of the journal again, and compares with a head that was written down elsewhere.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn audit(&self, head: Option<&Head>) -> anyhow::Result<Audit> {
        self.read(|txn| chain::verify(txn, head))
    }

    /// A copy of everything as it stands, in a file of its own.
    ///
    /// # Errors
    /// The store cannot be read, or the copy not be written.
    pub fn backup(&self, to: &Path) -> anyhow::Result<()> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database
            .as_ref()
            .context("the store is closed at present: it could not be written")?;
        copy::copy(database, to)
    }

    /// The id of the asset that somebody means: by its id, one of its addresses, or its name.
    #[must_use]
    pub fn named(&self, wanted: &str) -> Option<String> {
        let cards = self.cards();
        let lower = wanted.to_lowercase();
        if cards.contains_key(&lower) {
            return Some(lower);
        }
        let ip: Option<IpAddr> = wanted.parse().ok();
        let found = cards.iter().find(|(_, card)| {
            let asset = &card.asset;
            ip.is_some_and(|ip| asset.ips().contains(&ip))
                || asset
                    .addresses
                    .as_ref()
                    .is_some_and(|addresses| addresses.mac.contains(&lower))
                || asset
                    .hostnames
                    .iter()
                    .any(|name| name.to_lowercase() == lower)
        });
        found.map(|(id, _)| id.clone())
    }

    /// Where each outlet is.
    #[must_use]
    pub fn cursor(&self, outlet: &str) -> u64 {
        lock(&self.delivered)
            .get(outlet)
            .copied()
            .unwrap_or_default()
    }

    /// How it does; `waiting` is what the inventory has for it.
    #[must_use]
    pub fn status(&self, waiting: u64) -> fossick_model::Store {
        let state = lock(&self.state).clone();
        fossick_model::Store {
            state: match state.trouble {
                None => "writing".to_owned(),
                Some((what, since)) => format!("cannot be written since {since}: {what}"),
            },
            octets: state.octets,
            commit: state.commit.as_secs_f64(),
            failed: state.failed,
            waiting,
        }
    }

    /// Hands the nodes that were written down over, one by one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn rows<T>(
        &self,
        take: impl FnOnce(&mut dyn Iterator<Item = Row>) -> T,
    ) -> anyhow::Result<T> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database
            .as_ref()
            .context("the store is closed at present: it could not be written")?;
        Ok(tables::rows(database, take)?)
    }

    /// Everything else that an inventory begins with.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn memory(&self, sheets: u64) -> anyhow::Result<Memory> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database
            .as_ref()
            .context("the store is closed at present: it could not be written")?;
        Ok(tables::memory(database, sheets, Vec::new())?)
    }
}

impl crate::outlet::Journal for Shared {
    fn after(&self, seq: u64, limit: usize) -> anyhow::Result<Vec<Change>> {
        self.changes(seq, limit)
    }

    fn wait(&self, seq: u64, timeout: Duration) -> bool {
        Shared::wait(self, seq, timeout)
    }

    fn delivered(&self, outlet: &str, seq: u64) {
        lock(&self.delivered).insert(outlet.to_owned(), seq);
    }
}
