//! Where questions to many go. Each protocol's specification names its group; what has none goes to the segment's broadcast
//! address.

use std::net::{IpAddr, Ipv4Addr};

use fossick_model::Network;
use fossick_parsers::{Carrier, Mac};

/// Everybody on the link.
pub const EVERYBODY: Mac = Mac([0xff; 6]);

/// The group address on the link of what is asked by `EtherType`.
#[must_use]
pub fn on_link(carrier: Carrier) -> Mac {
    match carrier {
        // PROFINET DCP, identify (IEC 61158-6-10, table 3).
        Carrier::EtherType(0x8892) => Mac([0x01, 0x0e, 0xcf, 0x00, 0x00, 0x00]),
        _ => EVERYBODY,
    }
}

/// The address that a question to many goes to.
#[must_use]
pub fn of_port(port: u16, segment: Network) -> Option<Ipv4Addr> {
    match port {
        // RFC 6762 §3.
        5353 => Some(Ipv4Addr::new(224, 0, 0, 251)),
        // UPnP Device Architecture 2.0 §1.3.2; WS-Discovery 1.1 §2.4.
        1900 | 3702 => Some(Ipv4Addr::new(239, 255, 255, 250)),
        // KNXnet/IP core §8.6.3.2.
        3671 => Some(Ipv4Addr::new(224, 0, 23, 12)),
        _ => broadcast(segment),
    }
}

/// The last address of a segment.
fn broadcast(segment: Network) -> Option<Ipv4Addr> {
    let IpAddr::V4(first) = segment.address() else {
        return None;
    };
    let host = 32_u32.checked_sub(segment.prefix().into())?;
    let mask = u32::MAX.checked_shl(host).unwrap_or(0);
    (host > 1).then(|| Ipv4Addr::from_bits(first.to_bits() | !mask))
}
