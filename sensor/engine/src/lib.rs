//! From frames to assets: flows, streams, the ledger and its merge rules.

mod batch;

pub use batch::{Batch, Frame, FrameIndex};
