//! From frames to assets: flows, streams, the ledger and its merge rules.
//!
//! The road of a frame: [`Batch`] → `engine` (threads) → `shard` (flows, streams) → `recognition` and
//! `desk` (protocols; what was said before stops here) → `event`s →
//! `ledger` (who said what) → `facts` and `assets` (what that means, and of whom).

mod assets;
mod batch;
mod counters;
mod desk;
mod engine;
mod event;
mod facts;
mod flow;
mod fragments;
mod generations;
mod ledger;
pub mod limits;
mod proof;
mod recognition;
mod registry;
mod shard;
mod stream;

pub use batch::{Batch, Frame, FrameIndex};
pub use counters::Counters;
pub use engine::Engine;
