//! What Fossick knows: assets, facts, evidence, and the output contract.

mod time;

pub use time::Time;
