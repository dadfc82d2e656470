//! What Fossick knows: assets, facts, evidence, and the output contract.

mod asset;
mod kind;
mod time;

pub use asset::{
    Addresses, Asset, Attribute, Evidence, Fact, Frames, Observation, Service, Transport,
};
pub use kind::{Category, Kind};
pub use time::Time;
