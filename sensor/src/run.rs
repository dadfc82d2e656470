//! `fossick run`: the sensor. This thread owns the inventory; it takes what the capture threads hear, has it read, and
//! hands what changed to the store, round by round.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use clap::Args;
use fossick_engine::{ASKED, Batch, Counters, Engine, Forgotten, Inventory};
use fossick_fingerprints::Fingerprints;
use fossick_model::{Order, Person, Status, Time};

use crate::config::{self, Config};
use crate::control::Desk;
use crate::judge::Judge;
use crate::live::Listener;
use crate::outlet::{Outlet, Pace};
use crate::privileges::{self, Places, Process};
use crate::scan::is_of;
use crate::store::{Job, Judging, Keep, Memory, Shared, Store, file_opener, lock};
use crate::{control, health, knowledge, metrics};

/// Batches and messages that may wait for this thread.
const HEARD: usize = 16;
/// Least time between two rounds.
const ROUND: Duration = Duration::from_millis(250);
/// A round may take one part in so many of the time.
const SHARE: u32 = 8;
/// Time between two ticks of the clock.
const TICK: Duration = Duration::from_secs(1);
/// Sightings are written down so often.
const SIGHTINGS: Duration = Duration::from_mins(5);
/// What is said to somebody who scans was asked for so long after he last said that he does.
const ASKING: Duration = Duration::from_hours(1);
/// The store may take so long to write the last round.
const PATIENCE: Duration = Duration::from_secs(10);

/// Arguments of `fossick run`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The configuration
    #[arg(long, default_value = config::DEFAULT, value_name = "FILE")]
    config: PathBuf,
    /// Listen on this interface instead of those of the configuration (may be given several times)
    #[arg(long, short, value_name = "NAME")]
    interface: Vec<String>,
    /// Keep everything in this folder instead of the one of the configuration
    #[arg(long, value_name = "FOLDER")]
    store: Option<PathBuf>,
    /// The control socket, instead of the one of the configuration
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

/// What this thread is told.
pub enum Heard {
    /// Frames of an interface.
    Frames {
        /// From where.
        source: Source,
        /// The frames; their capture is not set.
        batch: Batch,
    },
    /// Something about a part of the sensor.
    Note(&'static str, String),
    /// A person decided something.
    Order {
        /// Id of the asset.
        asset: String,
        /// What.
        order: Order,
        /// Who.
        by: Person,
        /// Told when it is done, or why not.
        done: SyncSender<Result<(), String>>,
    },
    /// Somebody asks from this hardware address, from now on.
    Asking([u8; 6]),
    /// A capture that somebody hands in begins: its name.
    IngestBegins(String),
    /// Frames of it.
    Ingest(Batch),
    /// It is over; told when everything of it was taken in.
    IngestEnds(SyncSender<u64>),
}

/// Which interface, opened for which time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Its place in the configuration.
    pub interface: usize,
    /// Its name.
    pub name: String,
    /// How often it was opened in this run.
    pub run: u32,
}

/// The machine's clock.
#[must_use]
pub fn clock() -> Time {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Time(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Runs the sensor until it is told to end.
///
/// # Errors
/// It cannot begin: the configuration is wrong, it would have to go on as root, or the store cannot be opened.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    health::log();
    let config = configured(arguments)?;
    let folders = (config.fingerprints.as_deref(), config.recog.as_deref());
    let fingerprints = knowledge::load(folders.0, folders.1)?;
    let sheets = knowledge::hash(folders.0, folders.1)?;
    let folder = config.store.path.clone();
    let socket = config.control.socket.clone();
    let socket_folder = socket.parent().unwrap_or(Path::new("/")).to_owned();
    let own = [folder.as_path(), socket_folder.as_path()];
    privileges::become_user(&config.user, &own)?;
    for folder in own {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("creating {}", folder.display()))?;
    }
    let signals = Signals::listen()?;
    let for_clients = control::listen(&socket)?;
    let for_metrics = metrics::listen(&config.metrics.listen)?;
    let open = privileges::close(&places(&config, &arguments.config), Process::Sensor)?;
    for part in &open {
        tracing::warn!("{part}");
    }
    let (to_sensor, heard) = sync_channel(HEARD);
    // Capture threads alone keep CAP_NET_RAW: an interface that comes back can be opened again.
    let mut listeners = Vec::new();
    for (number, interface) in config.interfaces.iter().enumerate() {
        let listener = Listener::start(
            number,
            interface.clone(),
            to_sensor.clone(),
            Arc::clone(&signals.stop),
        );
        listeners.push(listener.context("starting a capture thread")?);
    }
    privileges::drop_all()?;
    let keep = Keep {
        age: i64::from(config.store.retention_days).saturating_mul(86_400),
        octets: config.store.max_mib.saturating_mul(1 << 20),
        silent: i64::from(config.store.silent_hours).saturating_mul(3600),
    };
    let names: Vec<String> = config
        .outlets
        .iter()
        .map(|outlet| outlet.name.clone())
        .collect();
    let opener = file_opener(&config.store_file());
    let (store, memory) = Store::start(opener, keep, sheets, &names)?;
    let status = Arc::new(Mutex::new(Status::default()));
    let config = Arc::new(config);
    let desk = Arc::new(Desk {
        shared: Arc::clone(&store.shared),
        jobs: store.jobs(),
        heard: to_sensor,
        status: Arc::clone(&status),
        config: Mutex::new(Arc::clone(&config)),
        stop: Arc::clone(&signals.stop),
    });
    store.shared.judge_by(judging(&config));
    control::serve(for_clients, &desk)?;
    if let Some(listener) = for_metrics {
        metrics::serve(listener, Arc::clone(&status), Arc::clone(&signals.stop))?;
    }
    let outlets = outlets(&config, &store)?;
    let threads = match config.limits.threads {
        0 => std::thread::available_parallelism().map_or(1, Into::into),
        threads => threads,
    };
    let judge = Judge::new(&config);
    let mut sensor = Sensor {
        inventory: Inventory::new(config.locality(), true),
        engine: Engine::new(threads, &config.detectors.off),
        ingest: None,
        fingerprints,
        store,
        status,
        listeners,
        outlets,
        started: clock(),
        lag: 0.0,
        captures: BTreeMap::new(),
        asking: None,
        notes: Vec::new(),
        config,
        desk,
        config_file: arguments.config.clone(),
        sheets,
        generation: 0,
        judge,
    };
    sensor.remember(memory);
    sensor.work(&heard, &signals);
    sensor.end(&heard);
    // The socket's folder may be the service manager's, who clears it away as well.
    let _ = std::fs::remove_file(&socket);
    Ok(ExitCode::SUCCESS)
}

fn configured(arguments: &Arguments) -> anyhow::Result<Config> {
    let needed = arguments.interface.is_empty() || arguments.config != Path::new(config::DEFAULT);
    let mut config = if needed || arguments.config.exists() {
        Config::load(&arguments.config)?
    } else {
        Config::default()
    };
    if !arguments.interface.is_empty() {
        let known = std::mem::take(&mut config.interfaces);
        for name in &arguments.interface {
            let configured = known.iter().find(|interface| interface.name == *name);
            config.interfaces.push(match configured {
                Some(interface) => interface.clone(),
                None => toml::from_str(&format!("name = {name:?}"))?,
            });
        }
    }
    if let Some(folder) = &arguments.store {
        config.store.path.clone_from(folder);
    }
    if let Some(socket) = &arguments.socket {
        config.control.socket.clone_from(socket);
    }
    if config.interfaces.is_empty() {
        bail!(
            "nothing to listen on: name an interface with --interface, or under [[interface]] in {}",
            arguments.config.display()
        );
    }
    Ok(config)
}

fn judging(config: &Config) -> Judging {
    Judging {
        zones: crate::shadow::zones(config),
        off: config.detectors.off.clone(),
    }
}

/// What the file system is needed for.
fn places(config: &Config, file: &Path) -> Places {
    let socket = config.control.socket.parent().unwrap_or(Path::new("/"));
    let mut read: Vec<PathBuf> = [
        "/etc",
        "/sys/class/net",
        "/sys/devices",
        "/proc",
        "/usr/share/zoneinfo",
        "/usr/lib",
        "/lib",
        "/run/systemd",
    ]
    .iter()
    .map(PathBuf::from)
    .collect();
    read.extend(file.parent().map(Path::to_owned));
    read.extend(config.fingerprints.clone());
    read.extend(config.recog.clone());
    read.extend(config.knowledge.parent().map(Path::to_owned));
    for outlet in &config.outlets {
        let files = [&outlet.ca, &outlet.certificate, &outlet.key];
        read.extend(files.into_iter().flatten().cloned());
    }
    read.retain(|path| path.exists());
    Places {
        write: vec![config.store.path.clone(), socket.to_owned()],
        read,
    }
}

fn outlets(config: &Config, store: &Store) -> anyhow::Result<Vec<Outlet>> {
    let sensor = if config.site.is_empty() {
        "fossick"
    } else {
        &config.site
    };
    let outlets = config.outlets.iter().map(|outlet| {
        let cursor = store.shared.cursor(&outlet.name);
        let journal = Arc::clone(&store.shared) as Arc<dyn crate::outlet::Journal>;
        Outlet::start(outlet.clone(), sensor, journal, cursor, Pace::default())
    });
    outlets.collect()
}

/// What the service manager and the person at the keyboard ask for.
struct Signals {
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Signals {
    fn listen() -> anyhow::Result<Signals> {
        let signals = Signals {
            stop: Arc::new(AtomicBool::new(false)),
            reload: Arc::new(AtomicBool::new(false)),
        };
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
            // Asked twice, it ends at once.
            signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&signals.stop))?;
            signal_hook::flag::register(signal, Arc::clone(&signals.stop))?;
        }
        signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&signals.reload))?;
        Ok(signals)
    }
}

/// Takes in who was known to talk to whom, and when anything was heard. How many cannot be read.
fn recall(shared: &Shared, inventory: &mut Inventory) -> anyhow::Result<usize> {
    /// Read at once: together they are larger than what is made of them.
    const PART: usize = 1000;
    inventory.restore_hours(&shared.hours()?);
    let mut unreadable = 0_usize;
    let mut after = String::new();
    loop {
        let (told, next) = shared.conversations(&after, PART, |_| true)?;
        let failed = inventory.restore_conversations(&mut told.into_iter());
        unreadable = unreadable.saturating_add(failed);
        match next {
            Some(next) => after = next,
            None => return Ok(unreadable),
        }
    }
}

struct Sensor {
    inventory: Inventory,
    engine: Engine,
    /// Reads captures that are handed in: their time is not ours.
    ingest: Option<(Engine, u32, u64)>,
    fingerprints: Fingerprints,
    store: Store,
    status: Arc<Mutex<Status>>,
    listeners: Vec<Listener>,
    outlets: Vec<Outlet>,
    started: Time,
    /// Seconds from the arrival of the last batch's last frame to its reading.
    lag: f64,
    /// The number of each live run.
    captures: BTreeMap<Source, u32>,
    /// Who asks, and until when that holds.
    asking: Option<([u8; 6], Instant)>,
    notes: Vec<(&'static str, String)>,
    config: Arc<Config>,
    /// What clients are served from.
    desk: Arc<Desk>,
    config_file: PathBuf,
    sheets: u64,
    generation: u64,
    judge: Judge,
}

impl Sensor {
    /// Takes in what was known before.
    fn remember(&mut self, memory: Memory) {
        let known = self.store.shared.cards().keys().cloned().collect();
        let inventory = &mut self.inventory;
        let read = self
            .store
            .shared
            .rows(|rows| inventory.restore(memory.captures, &memory.ids, &known, rows));
        let unreadable = read.unwrap_or_else(|error| {
            self.notes.push(("store", format!("reading it: {error:#}")));
            0
        });
        match recall(&self.store.shared, inventory) {
            Ok(0) => {}
            Ok(unreadable) => {
                let what = format!("{unreadable} conversations in it cannot be read");
                self.notes.push(("store", what));
            }
            Err(error) => {
                let what = format!("reading its conversations: {error:#}");
                self.notes.push(("store", what));
            }
        }
        for (asset, order) in &memory.arrangements {
            self.arrange(asset, order);
        }
        if unreadable > 0 {
            let what =
                format!("{unreadable} addresses in the store cannot be read and are left out");
            self.notes.push(("store", what));
        }
        self.notes
            .extend(memory.notes.into_iter().map(|note| ("store", note)));
        if !memory.same_sheets {
            self.inventory.look_again(None);
            let what =
                "the fingerprints are others than before: facts are derived again".to_owned();
            self.notes.push(("run", what));
        }
    }

    fn work(&mut self, heard: &Receiver<Heard>, signals: &Signals) {
        let names: Vec<&str> = self
            .config
            .interfaces
            .iter()
            .map(|i| i.name.as_str())
            .collect();
        let what = format!(
            "version {} listens on {}; {} assets are known",
            env!("CARGO_PKG_VERSION"),
            names.join(", "),
            self.store.shared.cards().len()
        );
        self.notes.push(("run", what));
        // Whatever is said of an asset before there is something to judge by would close its findings.
        self.learn();
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        let (mut ticked, mut sighted) = (Instant::now(), Instant::now());
        let mut next_round = Instant::now();
        while !signals.stop.load(Ordering::Relaxed) {
            match heard.recv_timeout(Duration::from_millis(50)) {
                Ok(heard) => self.take(heard),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.tick();
            }
            if signals.reload.swap(false, Ordering::Relaxed) {
                self.reload();
            }
            let now = Instant::now();
            if now >= next_round && self.store.is_idle() {
                let sightings = sighted.elapsed() >= SIGHTINGS;
                let begun = Instant::now();
                let more = self.round(sightings);
                if sightings && !more {
                    sighted = Instant::now();
                }
                let rest = ROUND.max(begun.elapsed().saturating_mul(SHARE));
                next_round = now.checked_add(rest).unwrap_or(now);
            }
        }
    }

    fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Frames { source, mut batch } => {
                let capture = self.capture(&source);
                for frame in &mut batch.frames {
                    frame.capture = capture;
                }
                self.tell_asked(&source, &mut batch);
                let last = batch.frames.last().map_or(0, |frame| frame.time.0);
                self.engine.read(&Arc::new(batch), &mut self.inventory);
                let behind = clock().0.saturating_sub(last);
                self.lag =
                    Duration::from_nanos(u64::try_from(behind).unwrap_or_default()).as_secs_f64();
            }
            Heard::Note(part, what) => self.notes.push((part, what)),
            Heard::Order {
                asset,
                order,
                by,
                done,
            } => self.order(&asset, order, by, &done),
            Heard::Asking(mac) => {
                let until = Instant::now().checked_add(ASKING);
                self.asking = until.map(|until| (mac, until));
            }
            Heard::IngestBegins(name) => {
                let capture = self.inventory.capture(&name);
                self.notes.push((
                    "run",
                    format!("reads the capture {}", crate::safe::display_safe(&name)),
                ));
                self.ingest = Some((Engine::new(1, &self.config.detectors.off), capture, 0));
            }
            Heard::Ingest(mut batch) => {
                if let Some((engine, capture, frames)) = &mut self.ingest {
                    for frame in &mut batch.frames {
                        frame.capture = *capture;
                    }
                    *frames = frames.saturating_add(batch.frames.len() as u64);
                    engine.read(&Arc::new(batch), &mut self.inventory);
                }
            }
            Heard::IngestEnds(done) => {
                if let Some((mut engine, _, frames)) = self.ingest.take() {
                    engine.finish(&mut self.inventory);
                    let _ = done.try_send(frames);
                }
            }
        }
    }

    /// Tells what somebody asked for from what was heard.
    fn tell_asked(&mut self, source: &Source, batch: &mut Batch) {
        let Some((mac, until)) = self.asking else {
            return;
        };
        if until < Instant::now() {
            self.asking = None;
            return;
        }
        let frames = (0..batch.frames.len()).map(|position| batch.frame(position));
        let ours = frames.map(|frame| frame.is_some_and(|frame| is_of(frame.octets, mac)));
        let ours: Vec<bool> = ours.collect();
        if !ours.contains(&true) {
            return;
        }
        let asked = Source {
            name: format!("{ASKED}{}", source.name),
            ..source.clone()
        };
        let capture = self.capture(&asked);
        for (frame, ours) in batch.frames.iter_mut().zip(ours) {
            if ours {
                frame.capture = capture;
            }
        }
    }

    /// The number under which frames of this run of an interface are quoted.
    fn capture(&mut self, source: &Source) -> u32 {
        if let Some(number) = self.captures.get(source) {
            return *number;
        }
        let name = format!("{} {}", source.name, clock());
        let number = self.inventory.capture(&name);
        self.captures.insert(source.clone(), number);
        number
    }

    fn order(
        &mut self,
        asset: &str,
        order: Order,
        by: Person,
        done: &SyncSender<Result<(), String>>,
    ) {
        let followed = match &order {
            Order::Merge { .. } | Order::Split { .. } => self.arrange(asset, &order),
            _ => true,
        };
        if !followed {
            let why = "there is no such asset or address, or they are one already".to_owned();
            let _ = done.try_send(Err(why));
            return;
        }
        let forget = order == Order::Forget;
        let job = Job::Order {
            asset: asset.to_owned(),
            order,
            by,
            now: clock(),
            done: done.clone(),
        };
        if self.store.offer(job).is_err() {
            let why = "the store is busy; try again".to_owned();
            let _ = done.try_send(Err(why));
        } else if forget && let Some(forgotten) = self.inventory.forget(asset) {
            self.engine.forget(forgotten, &mut self.inventory);
        }
    }

    fn arrange(&mut self, asset: &str, order: &Order) -> bool {
        match order {
            Order::Merge { with } => {
                let with = self
                    .store
                    .shared
                    .named(with)
                    .unwrap_or_else(|| with.clone());
                self.inventory.merge(&with, asset)
            }
            Order::Split { address } => address
                .parse()
                .is_ok_and(|address| self.inventory.split(address)),
            _ => false,
        }
    }

    fn tick(&mut self) {
        self.engine.tick(clock(), &mut self.inventory);
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        let generation = self.store.shared.generation();
        if generation != self.generation {
            self.generation = generation;
            self.restored();
        }
        self.inventory.watch(self.store.shared.watched());
        self.learn();
        let counters = Counters {
            addresses_refused: self.inventory.held().refused,
            ..self.engine.counters().clone()
        };
        let held = self.inventory.held();
        let status = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            site: self.config.site.clone(),
            started: self.started,
            now: clock(),
            interfaces: self
                .listeners
                .iter()
                .map(|l| lock(&l.status).clone())
                .collect(),
            assets: self.store.shared.cards().len() as u64,
            journal: self.store.shared.published(),
            store: self.store.shared.status(held.waiting as u64),
            outlets: self.outlets.iter().map(Outlet::status).collect(),
            memory: health::memory(self.config.limits.memory_mib),
            lag: self.lag,
            limits: health::limits(&held, &counters),
            counts: health::counts(&counters),
        };
        *lock(&self.status) = status;
    }

    /// Takes in other knowledge, and another day.
    fn learn(&mut self) {
        if let Some(what) = self.judge.refresh(clock()) {
            self.notes.push(("findings", what));
            self.inventory.look_again(None);
        }
    }

    /// Hands what changed to the store; true if there is more.
    fn round(&mut self, sightings: bool) -> bool {
        while !self.notes.is_empty() {
            let (part, what) = self.notes.remove(0);
            let job = Job::Note {
                part,
                what,
                now: clock(),
            };
            if let Err(Job::Note { part, what, .. }) = self.store.offer(job) {
                self.notes.insert(0, (part, what));
                return true;
            }
        }
        let held = self.inventory.held();
        if held.waiting == 0 && held.conversations_waiting == 0 && !sightings {
            return false;
        }
        // Who said it was there to say it: first and last frames belong to the same round.
        self.engine.tick(clock(), &mut self.inventory);
        let mut round = self.inventory.round(&self.fingerprints, sightings);
        if let Some(trouble) =
            self.judge
                .judge(&mut round.assets, &self.inventory, &self.store.shared)
        {
            self.notes.push(("findings", trouble));
        }
        let more = !round.rows.is_empty() || !round.conversations.is_empty();
        if round.is_empty() {
            return false;
        }
        let job = Job::Round {
            round: Box::new(round),
            captures: self.inventory.captures().to_vec(),
            now: clock(),
        };
        if let Err(job) = self.store.offer(job) {
            // Taken out already, it must not be lost: the channel has room for more than this thread ever offers.
            let _ = self.store.jobs().send(job);
        }
        more
    }

    /// SIGHUP: what can be read again is, and what cannot is said.
    fn reload(&mut self) {
        let loaded = Config::load(&self.config_file).and_then(|config| {
            let folders = (config.fingerprints.as_deref(), config.recog.as_deref());
            let sheets = knowledge::load(folders.0, folders.1)?;
            let hash = knowledge::hash(folders.0, folders.1)?;
            Ok((config, sheets, hash))
        });
        let (config, fingerprints, hash) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                let what = format!("not reloaded, everything stays as it was: {error:#}");
                self.notes.push(("config", what));
                return;
            }
        };
        let mut needs_restart = Vec::new();
        if config.interfaces != self.config.interfaces {
            needs_restart.push("interface");
        }
        if config.store != self.config.store {
            needs_restart.push("store");
        }
        if config.control != self.config.control || config.metrics != self.config.metrics {
            needs_restart.push("control and metrics");
        }
        if config.limits != self.config.limits {
            needs_restart.push("limits");
        }
        if config.detectors != self.config.detectors {
            needs_restart.push("detectors");
        }
        if config.outlets != self.config.outlets {
            needs_restart.push("outlet");
        }
        self.fingerprints = fingerprints;
        let sheets = hash != self.sheets;
        self.sheets = hash;
        self.inventory.look_again(Some(config.locality()));
        let mut what = "reloaded: site, zones, fingerprints".to_owned();
        if sheets {
            what.push_str("; facts are derived again");
        }
        if !needs_restart.is_empty() {
            what.push_str("; only a restart takes in what changed of: ");
            what.push_str(&needs_restart.join(", "));
        }
        self.config = Arc::new(Config {
            site: config.site,
            zones: config.zones,
            fingerprints: config.fingerprints,
            recog: config.recog,
            ..Config::clone(&self.config)
        });
        self.judge.rezone(&self.config);
        *lock(&self.desk.config) = Arc::clone(&self.config);
        self.store.shared.judge_by(judging(&self.config));
        self.notes.push(("config", what));
    }

    /// Another store is in the place of this one: everything begins with that.
    fn restored(&mut self) {
        match self.store.shared.memory(self.sheets) {
            Ok(memory) => {
                self.inventory = Inventory::new(self.config.locality(), true);
                self.captures.clear();
                self.remember(memory);
                self.engine
                    .forget(Forgotten::default(), &mut self.inventory);
                self.notes
                    .push(("store", "a backup was put in its place".to_owned()));
            }
            Err(error) => self
                .notes
                .push(("store", format!("reading the backup: {error:#}"))),
        }
    }

    /// Takes what is still on its way, writes it down, and ends.
    fn end(mut self, heard: &Receiver<Heard>) {
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        for listener in self.listeners.drain(..) {
            while let Ok(heard) = heard.try_recv() {
                take_frames(&mut self.engine, &mut self.inventory, &self.captures, heard);
            }
            listener.join();
        }
        while let Ok(heard) = heard.try_recv() {
            self.take(heard);
        }
        self.engine.finish(&mut self.inventory);
        self.notes.push(("run", "ends".to_owned()));
        let until = Instant::now().checked_add(PATIENCE);
        let in_time = || until.is_some_and(|until| Instant::now() < until);
        while in_time() {
            if self.store.is_idle() && !self.round(true) && self.notes.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        for outlet in self.outlets.drain(..) {
            outlet.join();
        }
        self.store.stop(PATIENCE);
    }
}

/// Frames that were on their way when the sensor was told to end.
fn take_frames(
    engine: &mut Engine,
    inventory: &mut Inventory,
    captures: &BTreeMap<Source, u32>,
    heard: Heard,
) {
    if let Heard::Frames { source, mut batch } = heard
        && let Some(capture) = captures.get(&source)
    {
        for frame in &mut batch.frames {
            frame.capture = *capture;
        }
        engine.read(&Arc::new(batch), inventory);
    }
}
