//! Data that turns what devices say into facts about them.
//!
//! `data/<key>.toml` is the sheet for one observation key; `vendors.txt` is the spelling list.
//! [`Fingerprints::read`] is the only question: what does this value of this key mean?

mod library;
mod manufacturer;
mod sheet;

pub use library::{Fingerprints, Reading};
pub use manufacturer::{ETHERNET_MANUFACTURER, manufacturer};
pub use sheet::{Refusal, Said, Sheet};
