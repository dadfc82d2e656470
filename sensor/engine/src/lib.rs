//! From frames to assets: flows, streams, the ledger and its merge rules.
//!
//! The road of a frame: [`Batch`] → `engine` (threads) → `shard` (flows, streams) → `recognition` and
//! `desk` (protocols; what was said before stops here) → `event`s →
//! `ledger` (who said what) → `census` (which addresses are one asset) → `facts` and `assets` (what that comes to).
//! [`Inventory`] holds all of the latter.

mod assets;
mod batch;
mod census;
mod conversation;
mod counters;
mod cyclic;
mod desk;
mod engine;
mod event;
mod facts;
mod flow;
mod fragments;
mod generations;
mod hours;
mod inventory;
mod kept;
mod ledger;
pub mod limits;
mod place;
mod proof;
mod recognition;
mod record;
mod registry;
mod said;
mod shard;
mod stream;
mod values;

pub use batch::{Batch, Frame, FrameIndex};
pub use counters::Counters;
pub use engine::Engine;
pub use inventory::{ASKED, Forgotten, Held, Inventory, Round};
pub use kept::{Kept, masked};
pub use place::{Locality, Network};
pub use record::{Row, said_in};
