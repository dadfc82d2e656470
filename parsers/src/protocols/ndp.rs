//! Neighbour Discovery for IPv6: which interface holds which address.
//!
//! Spec: RFC 4861 §4 (messages), §4.6.1 (link-layer address options), RFC 8106 §5 (name servers).

use std::net::{IpAddr, Ipv6Addr};

use crate::octets::{array, octet, take};
use crate::probe::{Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Key, Mac, Out, Subject};

/// Flags and lifetime of a router advertisement: the sender routes.
pub const ROUTER_LIFETIME: Key = Key("ndp.router_lifetime");

/// The address is handed out as a name server.
pub const NAME_SERVER: Key = Key("ndp.name_server");
/// Type of a message that only routers send: 137, redirect.
pub const ROUTER_MESSAGE: Key = Key("ndp.router_message");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "ndp",
    spec: "RFC 4861",
    carriers: &[Carrier::Ip(58)],
    keys: &[ROUTER_LIFETIME, NAME_SERVER, ROUTER_MESSAGE],
    frame: None,
    recognise,
    operation: None,
    probes: &[ECHO],
    dissect,
};

/// RFC 4443 §4.1, echo: whether anybody is there. On the link the neighbour solicitation that goes before it asks the same, and
/// its answer is what is read here.
const ECHO: Probe = Probe {
    name: "neighbour solicitation and echo (ICMPv6)",
    asks: &[],
    carrier: Carrier::Ip(58),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[
            Piece::Octets(&[0x80, 0x00], "type 128: echo; code 0"),
            Piece::Octets(
                &[0x00, 0x00],
                "checksum, of which the kernel takes care (RFC 3542 §3.1)",
            ),
            Piece::Octets(&[0x46, 0x4f, 0x00, 0x01], "identifier 0x464f, number 1"),
            Piece::Octets(b"Fossick!", "what is to be sent back"),
        ],
        until: Until::Answer,
    }],
    // The solicitation is the kernel's.
    frames: 2,
};

const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const REDIRECTION: u8 = 137;

/// Options: a target's link-layer address, recursive name servers.
const TARGET_LINK_ADDRESS: u8 = 2;
const NAME_SERVERS: u8 = 25;

/// Types 133 to 137 with code 0.
fn recognise(message: &[u8]) -> Option<Recognition> {
    matches!(message, [133..=137, 0, _, _, _, _, _, _, ..]).then_some(Recognition::STRONG)
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let [kind, _, _, _, _, _, high, low] = array::<8>(&mut rest, "icmpv6 header")?;
    match kind {
        ROUTER_ADVERTISEMENT => {
            let octets = message.bytes.get(6..8).unwrap_or_default();
            let lifetime = u16::from_be_bytes([high, low]);
            out.text(
                Subject::Sender,
                ROUTER_LIFETIME,
                octets,
                format_args!("{lifetime}"),
            );
            take(&mut rest, 8, "reachable and retransmission time")?;
            options(rest, |kind, value| {
                // Reserved, lifetime, then the addresses.
                if kind == NAME_SERVERS {
                    for octets in value.get(6..).unwrap_or_default().chunks_exact(16) {
                        name_server(octets, out);
                    }
                }
            })?;
        }
        NEIGHBOUR_ADVERTISEMENT => {
            let target = Ipv6Addr::from(array::<16>(&mut rest, "target address")?);
            options(rest, |kind, value| {
                if let (TARGET_LINK_ADDRESS, Ok(mac)) = (kind, <[u8; 6]>::try_from(value)) {
                    out.address(Subject::Mac(Mac(mac)), IpAddr::V6(target));
                }
            })?;
        }
        REDIRECTION => {
            let octets = message.bytes.get(..1).unwrap_or_default();
            out.text(
                Subject::Sender,
                ROUTER_MESSAGE,
                octets,
                format_args!("{kind}"),
            );
        }
        _ => {}
    }
    Ok(())
}

fn name_server(octets: &[u8], out: &mut Out<'_>) {
    if let Ok(address) = <[u8; 16]>::try_from(octets) {
        let address = Ipv6Addr::from(address);
        out.text(
            Subject::Ip(IpAddr::V6(address)),
            NAME_SERVER,
            octets,
            format_args!("{address}"),
        );
    }
}

/// Each option: type, length in units of eight octets that counts both, value.
fn options(mut rest: &[u8], mut each: impl FnMut(u8, &[u8])) -> Result<(), Fault> {
    while rest.len() >= 8 {
        let kind = octet(&mut rest, "option type")?;
        let units = usize::from(octet(&mut rest, "option length")?);
        if units == 0 {
            return Err(Fault::value("option length", rest));
        }
        let length = units.saturating_mul(8).saturating_sub(2);
        each(kind, take(&mut rest, length, "option value")?);
    }
    Ok(())
}
