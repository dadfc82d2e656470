//! Data that turns what devices say into facts about them.
//!
//! `data/<key>.toml` is the sheet for one observation key; `vendors.txt` is the spelling list.
//! A user's folder of Recog's files is read besides ([`recog`]).
//! [`Fingerprints::read`] is the only question: what does this value of this key mean?

mod library;
mod manufacturer;
mod pattern;
pub mod recog;
mod sheet;

pub use library::{Fingerprints, Reading};
pub use manufacturer::{ETHERNET_MANUFACTURER, manufacturer};
pub use sheet::{Refusal, Said, Sheet};
