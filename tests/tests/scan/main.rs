//! Scanning, end to end: devices in a namespace of their own, a scanner in another, and a capture of every frame between them.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::arithmetic_side_effects
)]

mod allowed;
mod answers;
mod sensor;
mod wire;
