//! Outlets: every change is told to a syslog receiver, in order, at least once.
//!
//! What is guaranteed: an entry of the journal counts as delivered once
//! 1. the receiver's process has read it, proved by how the connection ended ([`transport`] says how), and
//! 2. that process has lived on for [`Pace::settle`] since, so that it could write down what it had read. It is
//!    watched by a connection that was made before the proof and has not broken.
//!
//! So a batch is sent, a second connection made, the first one finished, and the cursor moves when the second has stood
//! for a while; the next batch goes over the second. When anything breaks, everything after the cursor is sent
//! again: duplicates, which `seq` tells apart, but no gap. After a connection that broke before anything was proved, a
//! small batch goes first and alone, so that a receiver whose connections never last long makes progress as well. The cursor is kept by the journal, so this holds when the
//! sensor itself is killed.
//!
//! What is not: a receiver that loses what it has read after [`Pace::settle`] (its own queue in memory, a machine that
//! loses power before its disk was written) loses it for good; a disk-assisted queue there is the remedy. Behind a
//! relay or load balancer the proof is the relay's. Entries that the journal no longer keeps when a receiver returns
//! after a long time cannot be sent: they are counted, and the state says so.

pub mod syslog;
pub mod transport;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fossick_model::Change;
use serde::Deserialize;

use crate::safe::push_safe;
use syslog::{ENTERPRISE, Facility, Origin, Severity};
use transport::{Broken, Certificates, Connection, Target};

/// Entries read from the journal at once.
const READ: usize = 256;

/// Longest wait between two looks at the connection and the stop flag.
const SLICE: Duration = Duration::from_millis(200);

/// The receiver may take nothing for so long before the state speaks of it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Time to wait before the second try; it doubles up to [`Pace::longest`].
const FIRST: Duration = Duration::from_secs(1);

/// How long [`Outlet::join`] waits for a thread that may be looking a name up.
const JOIN: Duration = Duration::from_secs(2);

/// Characters of a reason in the state.
const REASON: usize = 300;

/// What changes are read from.
pub trait Journal: Send + Sync {
    /// Entries after `seq`, in order, as many as that at most.
    ///
    /// # Errors
    /// The store cannot be read.
    fn after(&self, seq: u64, limit: usize) -> anyhow::Result<Vec<Change>>;

    /// Waits until there is an entry after `seq`, for so long at most. Whether there is one. It is called over and over:
    /// an answer of no that comes at once keeps a processor busy.
    fn wait(&self, seq: u64, timeout: Duration) -> bool;

    /// Everything up to `seq` is known to be out: where this outlet shall begin after a restart.
    fn delivered(&self, outlet: &str, seq: u64);
}

/// An outlet, as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutletConfig {
    /// What it is called in the status, and what its cursor is kept under.
    pub name: String,
    /// Where the receiver is: `tcp://HOST:PORT` or `tls://HOST:PORT`.
    pub syslog: Target,
    /// PEM file of who may vouch for the receiver; TLS needs it.
    pub ca: Option<PathBuf>,
    /// PEM file of the certificate that we show, if the receiver wants one.
    pub certificate: Option<PathBuf>,
    /// PEM file of its key.
    pub key: Option<PathBuf>,
    /// Where the receiver files it: `local0` to `local7`.
    #[serde(default)]
    pub facility: Facility,
    /// The least grave that is told; everything, unless configured.
    pub severity: Option<Severity>,
    /// Private enterprise number in the name of the structured data.
    #[serde(default = "example")]
    pub enterprise: u32,
}

fn example() -> u32 {
    ENTERPRISE
}

/// What is wrong with the configuration of an outlet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadOutlet {
    /// Nothing to call it.
    #[error("an outlet needs a name")]
    NoName,
    /// Anybody could pose as the receiver.
    #[error("tls:// needs `ca`: the file of who may vouch for the receiver")]
    NoAuthority,
    /// They would have no effect.
    #[error("`ca`, `certificate` and `key` are for tls://; this outlet is tcp://")]
    NotTls,
    /// One without the other.
    #[error("`certificate` and `key` go together")]
    HalfAPair,
}

impl OutletConfig {
    /// Whether it makes sense. Files are read when a connection is made.
    ///
    /// # Errors
    /// [`BadOutlet`]
    pub fn check(&self) -> Result<(), BadOutlet> {
        let own = [&self.certificate, &self.key].map(Option::is_some);
        match (self.syslog.tls, own) {
            _ if self.name.is_empty() => Err(BadOutlet::NoName),
            (true, _) if self.ca.is_none() => Err(BadOutlet::NoAuthority),
            (false, [true, _] | [_, true]) => Err(BadOutlet::NotTls),
            (false, _) if self.ca.is_some() => Err(BadOutlet::NotTls),
            (_, [true, false] | [false, true]) => Err(BadOutlet::HalfAPair),
            _ => Ok(()),
        }
    }

    /// The files that it names.
    #[must_use]
    pub fn certificates(&self) -> Certificates {
        Certificates {
            ca: self.ca.clone(),
            own: self.certificate.clone().zip(self.key.clone()),
        }
    }
}

/// How often delivery is proved: the more often, the fewer duplicates after a break, and the more connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Longest time from the sending of an entry to the proof that it was read.
    pub prove: Duration,
    /// Entries on one connection.
    pub entries: usize,
    /// Octets on one connection, but for the entries read at once.
    pub octets: usize,
    /// How long the receiver must live on after it has read an entry.
    pub settle: Duration,
    /// Longest time between two tries.
    pub longest: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            prove: Duration::from_secs(30),
            entries: 4096,
            octets: 4 << 20,
            settle: Duration::from_secs(5),
            longest: Duration::from_mins(1),
        }
    }
}

/// A running outlet.
#[derive(Debug)]
pub struct Outlet {
    name: String,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Outlet {
    /// Starts to tell a receiver every entry after `cursor`. `sensor` is what the receiver shall call us.
    ///
    /// # Errors
    /// [`BadOutlet`], or the system gives no thread.
    pub fn start(
        config: OutletConfig,
        sensor: &str,
        journal: Arc<dyn Journal>,
        cursor: u64,
        pace: Pace,
    ) -> anyhow::Result<Outlet> {
        config.check()?;
        let name = config.name.clone();
        let state = Arc::new(Mutex::new(State {
            target: config.syslog.clone(),
            doing: Doing::Connecting,
            delivered: cursor,
            missing: 0,
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let origin = Origin {
            facility: config.facility,
            enterprise: config.enterprise,
            ..Origin::named(sensor)
        };
        let delivery = Delivery {
            certificates: config.certificates(),
            config,
            origin,
            journal,
            pace,
            cursor,
            seen: cursor,
            proved: false,
            sent: false,
            careful: false,
            state: Arc::clone(&state),
            stop: Arc::clone(&stop),
        };
        let thread = std::thread::Builder::new()
            .name("outlet".to_owned())
            .spawn(move || delivery.run())?;
        Ok(Outlet {
            name,
            state,
            stop,
            thread,
        })
    }

    /// How it does.
    #[must_use]
    pub fn status(&self) -> fossick_model::Outlet {
        let state = lock(&self.state);
        fossick_model::Outlet {
            name: self.name.clone(),
            state: state.text(),
            delivered: state.delivered,
        }
    }

    /// Asks it to stop; it does within half a second, but for a name that is being looked up.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Stops it and waits for its end. What was not proved to be delivered will be sent again at the next start.
    pub fn join(self) {
        self.stop();
        let begun = Instant::now();
        while !self.thread.is_finished() && begun.elapsed() < JOIN {
            std::thread::sleep(Duration::from_millis(5));
        }
        if self.thread.is_finished() {
            // It has no result, and a panic has been printed.
            let _ = self.thread.join();
        }
    }
}

/// What `status` tells.
#[derive(Debug)]
struct State {
    target: Target,
    doing: Doing,
    delivered: u64,
    missing: u64,
}

#[derive(Debug)]
enum Doing {
    Connecting,
    Delivering,
    Stuck(Duration),
    Waiting { why: String, until: Instant },
    Stopped,
}

impl State {
    fn text(&self) -> String {
        let target = &self.target;
        let doing = match &self.doing {
            Doing::Connecting => format!("connecting to {target}"),
            Doing::Delivering => "delivering".to_owned(),
            Doing::Stuck(time) => {
                format!(
                    "waiting for {target}: it has read nothing for {} s",
                    time.as_secs()
                )
            }
            Doing::Waiting { why, until } => {
                let left = until.saturating_duration_since(Instant::now());
                let left = left.as_secs().saturating_add(1);
                format!("waiting for {target}: {why}, next try in {left} s")
            }
            Doing::Stopped => "stopped".to_owned(),
        };
        match self.missing {
            0 => doing,
            count => format!("{doing}; {count} entries were no longer in the journal"),
        }
    }
}

/// A thread that panicked while it held the lock left a whole state behind: each change of it is one assignment.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a run of deliveries ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("the journal cannot be read: {0:#}")]
    Journal(anyhow::Error),
}

/// What was sent on the connection that is open.
#[derive(Debug, Default)]
struct Batch {
    entries: usize,
    octets: usize,
    since: Option<Instant>,
}

/// The thread behind an outlet.
struct Delivery {
    config: OutletConfig,
    certificates: Certificates,
    origin: Origin,
    journal: Arc<dyn Journal>,
    pace: Pace,
    /// Everything up to here is delivered.
    cursor: u64,
    /// The last entry that was looked at in any run.
    seen: u64,
    /// Something was delivered in this run.
    proved: bool,
    /// Something was sent in this run.
    sent: bool,
    /// The last run sent something and proved nothing.
    careful: bool,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
}

impl Delivery {
    fn run(mut self) {
        let mut wait = FIRST.min(self.pace.longest);
        loop {
            (self.proved, self.sent) = (false, false);
            let end = match self.deliver() {
                Err(End::Broken(Broken::Stopped)) | Ok(()) => break,
                Err(end) => end,
            };
            // A receiver that takes connections only to drop them shall not be asked without a pause.
            if self.proved {
                wait = FIRST.min(self.pace.longest);
            }
            self.careful |= self.sent && !self.proved;
            let until = Instant::now().checked_add(jitter(wait));
            let until = until.unwrap_or_else(Instant::now);
            self.set(Doing::Waiting {
                why: reason(&end.to_string()),
                until,
            });
            wait = wait.saturating_mul(2).min(self.pace.longest);
            while Instant::now() < until && !self.stopping() {
                let left = until.saturating_duration_since(Instant::now());
                std::thread::sleep(left.min(SLICE));
            }
            if self.stopping() {
                break;
            }
        }
        self.set(Doing::Stopped);
    }

    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn set(&self, doing: Doing) {
        lock(&self.state).doing = doing;
    }

    fn open(&self) -> Result<Connection, Broken> {
        Connection::open(&self.config.syslog, &self.certificates, &self.stop)
    }

    /// Delivers what comes after the cursor until the connection breaks or we are asked to stop.
    fn deliver(&mut self) -> Result<(), End> {
        self.set(Doing::Connecting);
        let mut connection = self.open()?;
        self.set(Doing::Delivering);
        let mut batch = Batch::default();
        // Up to where entries were sent; were read by the receiver; and were read since when.
        let mut sent = self.cursor;
        let mut read = self.cursor;
        let mut settling: Option<(u64, Instant)> = None;
        while !self.stopping() {
            connection.listen()?;
            if settling.is_none() && read > self.cursor {
                settling = Some((read, Instant::now()));
            }
            if let Some((seq, _)) =
                settling.take_if(|(_, since)| since.elapsed() >= self.pace.settle)
            {
                self.delivered(seq);
            }
            if self.careful && read > self.cursor {
                std::thread::sleep(SLICE.min(self.pace.settle));
                continue;
            }
            if self.is_due(&batch) {
                connection = self.prove(connection)?;
                batch = Batch::default();
                read = sent;
                continue;
            }
            let room = self.pace.entries.saturating_sub(batch.entries);
            let changes = self
                .journal
                .after(sent, READ.min(room))
                .map_err(End::Journal)?;
            if changes.is_empty() {
                self.journal.wait(sent, SLICE);
                continue;
            }
            let octets = self.write(&changes, &mut sent, &mut batch);
            if batch.entries == 0 {
                // Nothing that this receiver wants to know: there is nothing to prove either.
                read = sent;
            }
            self.sent |= !octets.is_empty();
            connection.send(&octets, &|idle| self.stuck(idle))?;
            self.set(Doing::Delivering);
        }
        connection.leave();
        Ok(())
    }

    /// The entries as messages, one after another.
    fn write(&mut self, changes: &[Change], sent: &mut u64, batch: &mut Batch) -> Vec<u8> {
        let mut octets = Vec::new();
        for change in changes {
            let expected = sent.saturating_add(1);
            if change.seq > expected && change.seq > self.seen {
                let missing = change
                    .seq
                    .saturating_sub(expected.max(self.seen.saturating_add(1)));
                let mut state = lock(&self.state);
                state.missing = state.missing.saturating_add(missing);
            }
            *sent = change.seq;
            self.seen = self.seen.max(change.seq);
            let least = self.config.severity.unwrap_or(Severity::Debug);
            if syslog::severity(&change.event) > least {
                continue;
            }
            octets.extend(syslog::format(change, &self.origin));
            batch.entries = batch.entries.saturating_add(1);
        }
        batch.octets = batch.octets.saturating_add(octets.len());
        if batch.entries > 0 {
            batch.since.get_or_insert_with(Instant::now);
        }
        octets
    }

    fn is_due(&self, batch: &Batch) -> bool {
        let old = |since: Instant| since.elapsed() >= self.pace.prove;
        batch.entries >= self.pace.entries
            || self.careful && batch.entries > 0
            || batch.octets >= self.pace.octets
            || batch.since.is_some_and(old)
    }

    /// Has it proved that everything sent on this connection was read. The connection that takes its place is made
    /// first, so that it breaks if the receiver dies meanwhile.
    fn prove(&self, connection: Connection) -> Result<Connection, Broken> {
        let next = self.open();
        connection.finish(&|idle| self.stuck(idle))?;
        self.set(Doing::Delivering);
        match next {
            Ok(next) => Ok(next),
            Err(Broken::Stopped) => Err(Broken::Stopped),
            // Some take one connection at a time.
            Err(_) => self.open(),
        }
    }

    fn delivered(&mut self, seq: u64) {
        self.cursor = seq;
        self.proved = true;
        self.careful = false;
        self.journal.delivered(&self.config.name, seq);
        lock(&self.state).delivered = seq;
    }

    fn stuck(&self, idle: Duration) {
        if idle >= PATIENCE {
            self.set(Doing::Stuck(idle));
        }
    }
}

/// Half to the whole of it, by chance, so that sensors that lost the same receiver do not return in step.
fn jitter(wait: Duration) -> Duration {
    let half = u64::try_from(wait.as_millis())
        .unwrap_or(u64::MAX)
        .div_euclid(2);
    let chance = RandomState::new().build_hasher().finish();
    let more = chance.checked_rem(half.saturating_add(1)).unwrap_or(0);
    Duration::from_millis(half.saturating_add(more))
}

/// Part of a reason comes from the receiver.
fn reason(text: &str) -> String {
    let mut safe = String::new();
    for character in text.chars().take(REASON) {
        push_safe(character, &mut safe);
    }
    safe
}
