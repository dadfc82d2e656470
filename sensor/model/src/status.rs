//! How a sensor does: what `fossick status` prints and the metrics are made of.

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// How a sensor does.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// Name of the site, from the configuration.
    pub site: String,
    /// When this run began.
    pub started: Time,
    /// The sensor's clock.
    pub now: Time,
    /// What it listens on.
    pub interfaces: Vec<Interface>,
    /// Assets in the inventory.
    pub assets: u64,
    /// Last entry of the journal.
    pub journal: u64,
    /// The store.
    pub store: Store,
    /// Who is told what changed.
    pub outlets: Vec<Outlet>,
    /// Octets of memory in use, and the most that may be.
    pub memory: Fill,
    /// Seconds from a frame's arrival to its reading, of the last batch.
    pub lag: f64,
    /// Every limit: what is in it, what it takes, what had to give way.
    pub limits: Vec<Fill>,
    /// Counts of what was read and what was not.
    pub counts: Vec<Count>,
}

/// One interface that is listened on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// `listening`, or why not.
    pub state: String,
    /// Frames read.
    pub frames: u64,
    /// Octets read.
    pub octets: u64,
    /// Frames that the kernel dropped because the ring was full.
    pub dropped: u64,
    /// Frames that the interface itself dropped.
    pub interface_dropped: u64,
}

/// The store.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Store {
    /// `writing`, or what is wrong and since when.
    pub state: String,
    /// Octets on disk.
    pub octets: u64,
    /// Seconds that the last commit took.
    pub commit: f64,
    /// Commits that failed since the start.
    pub failed: u64,
    /// Assets whose changes wait to be written.
    pub waiting: u64,
}

/// One outlet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlet {
    /// Its name in the configuration.
    pub name: String,
    /// `delivering`, or what is wrong.
    pub state: String,
    /// The last entry of the journal that was delivered.
    pub delivered: u64,
}

/// How full something is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// What.
    pub name: String,
    /// What is in it.
    pub used: u64,
    /// What it takes.
    pub most: u64,
    /// What had to give way, or was refused.
    pub given_up: u64,
}

/// A count since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// What is counted: `messages`, `faults`, `panics`, `frames` …
    pub name: String,
    /// Of what: the protocol, or the reason; empty where there is only one.
    pub of: String,
    /// How many.
    pub count: u64,
}
