//! What the world knows of a device: advisories, lifecycles, verdicts and priority.
//!
//! Readers are handed in, and so is the date: nothing here opens a file or asks what day it is.

pub mod advisory;
pub mod feeds;
pub mod file;
pub mod findings;
pub mod import;
pub mod lifecycles;
pub mod limits;
pub mod matching;
pub mod names;
pub mod priority;
pub mod staging;
pub mod untouchable;
pub mod versions;

pub use findings::{findings, id as finding_id, queries};
pub use matching::{Knowledge, Match, Query, Standing};
pub use priority::{Case, Exposure};
