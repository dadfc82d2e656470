//! Every protocol: one file and one line in [`PROTOCOLS`].

use crate::protocol::Protocol;

pub mod arp;
pub mod modbus;

/// Every protocol, in the order they are tried on an unknown stream.
#[rustfmt::skip]
pub static PROTOCOLS: &[&Protocol] = &[
    // Link and transport.
    &arp::PROTOCOL,
    // Names and configuration.
    // Services.
    // Medical.
    // Building.
    // Industrial: the weakly marked come last.
    &modbus::PROTOCOL,
];
