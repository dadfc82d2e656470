//! Reads captured octets: packets, protocols, and what their messages disclose.
//!
//! Nothing here does I/O, reads a clock, panics or trusts a length.
//! The road is [`packet::Packet::decode`] → (the engine's flows and streams) →
//! [`Protocol::frame`] → [`Protocol::dissect`] → [`Statement`]s handed to an [`Out`].

pub mod ber;
mod checksum;
mod json;
mod octets;
mod operation;
pub mod packet;
mod probe;
mod protobuf;
mod protocol;
pub mod protocols;
mod statement;
mod text;
mod tpkt;

pub use operation::Operation;
pub use probe::{Check, Hole, Piece, Probe, Reach, Safety, Step, Until};
pub use protocol::{
    Asks, Carrier, Cut, Fault, Framed, Message, Parsed, Protocol, Recognition, Role, finish,
};
pub use protocols::PROTOCOLS;
pub use statement::{Joined, Key, Mac, Out, Place, Statement, Subject};
