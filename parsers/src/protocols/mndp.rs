//! `MikroTik` Neighbour Discovery Protocol.
//!
//! Spec: `MikroTik`, "Neighbor discovery"; the type-length-value form as routers send it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::octets::{be16, counted16, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Subject};

/// Identity: the configured name.
pub const IDENTITY: Key = Key("mndp.identity");
/// `RouterOS` version.
pub const VERSION: Key = Key("mndp.version");
/// Platform: `MikroTik`.
pub const PLATFORM: Key = Key("mndp.platform");
/// Software id of the licence.
pub const SOFTWARE_ID: Key = Key("mndp.software_id");
/// Board: the model.
pub const BOARD: Key = Key("mndp.board");
/// Interface the frame was sent from.
pub const INTERFACE: Key = Key("mndp.interface");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "mndp",
    spec: "MikroTik Neighbor Discovery",
    carriers: &[Carrier::Udp(5678)],
    keys: &[IDENTITY, VERSION, PLATFORM, SOFTWARE_ID, BOARD, INTERFACE],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Two octets of header, two of sequence; the hardware address comes first (type 1, six octets), the rest reads to the end.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let [_, _, _, _, 0, 1, 0, 6, ..] = message else {
        return None;
    };
    let mut rest = message.get(4..)?;
    while !rest.is_empty() {
        be16(&mut rest, "mndp type").ok()?;
        counted16(&mut rest, "mndp value").ok()?;
    }
    Some(Recognition::STRONG)
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    take(&mut rest, 4, "mndp header")?;
    while !rest.is_empty() {
        let kind = be16(&mut rest, "mndp type")?;
        let value = counted16(&mut rest, "mndp value")?;
        let key = match kind {
            5 => IDENTITY,
            7 => VERSION,
            8 => PLATFORM,
            11 => SOFTWARE_ID,
            12 => BOARD,
            16 => INTERFACE,
            15 | 17 => {
                address(value, out);
                continue;
            }
            _ => continue,
        };
        out.say(Subject::Sender, key, value);
    }
    Ok(())
}

/// An address of either family.
fn address(octets: &[u8], out: &mut Out<'_>) {
    let v4 = <[u8; 4]>::try_from(octets).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    let v6 = <[u8; 16]>::try_from(octets).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)));
    if let Ok(address) = v4.or(v6)
        && !address.is_unspecified()
        && !address.is_loopback()
    {
        out.address(Subject::Sender, address);
    }
}
