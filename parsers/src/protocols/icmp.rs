//! What routers give away in ICMP and IGMP. Everybody speaks these, so that only what routers alone send is read.
//!
//! Spec: RFC 792 (redirect, time exceeded), RFC 1256 §3.1 (router advertisement), RFC 950 appendix I (address mask),
//! RFC 2236 §2 and RFC 3376 §4.1 (IGMP query).

use std::net::Ipv4Addr;

use crate::octets::{array, octet, take};
use crate::probe::{Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Subject};

/// Type of a message that only routers send: 5 redirect, 9 advertisement, 11 time exceeded on the way.
pub const ROUTER_MESSAGE: Key = Key("icmp.router_message");
/// Address that a router advertises as its own.
pub const ROUTER_ADDRESS: Key = Key("icmp.router_address");
/// Address mask of the sender's network.
pub const ADDRESS_MASK: Key = Key("icmp.address_mask");

/// Version of the queries by which the sender asks who listens to which group.
pub const QUERIER: Key = Key("igmp.querier");

/// Registration.
pub static ICMP: Protocol = Protocol {
    name: "icmp",
    spec: "RFC 792",
    carriers: &[Carrier::Ip(1)],
    keys: &[ROUTER_MESSAGE, ROUTER_ADDRESS, ADDRESS_MASK],
    frame: None,
    // A lone echo or error may be forged, or be an answer to what was; it makes nobody known.
    recognise: |message| match message {
        [REDIRECT, 0..=3, _, _, _, _, _, _, ..]
        | [ADVERTISEMENT, 0 | 16, _, _, 1..=255, 2, _, _, ..]
        | [TIME_EXCEEDED, 0, _, _, _, _, _, _, 0x45..=0x4f, ..]
        | [MASK_REPLY, 0, _, _, _, _, _, _, _, _, _, _] => Some(Recognition::STRONG),
        _ => None,
    },
    operation: None,
    probes: &[ECHO],
    dissect: dissect_icmp,
};

/// Registration of the Internet Group Management Protocol.
pub static IGMP: Protocol = Protocol {
    name: "igmp",
    spec: "RFC 3376",
    carriers: &[Carrier::Ip(2)],
    keys: &[QUERIER],
    frame: None,
    // Queries, and the reports and leaves of versions 1 to 3.
    recognise: |message| match message {
        [QUERY | 0x12 | 0x16 | 0x17 | 0x22, _, _, _, _, _, _, _, ..] => Some(Recognition::STRONG),
        _ => None,
    },
    operation: None,
    probes: &[],
    dissect: dissect_igmp,
};

/// RFC 792, echo: whether anybody is there. RFC 1122 §3.2.2.6 wants every host to answer.
const ECHO: Probe = Probe {
    name: "echo",
    asks: &[],
    carrier: Carrier::Ip(1),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[
            Piece::Octets(&[0x08, 0x00], "type 8: echo; code 0"),
            Piece::Octets(&[0x23, 0x48], "checksum"),
            Piece::Octets(&[0x46, 0x4f, 0x00, 0x01], "identifier 0x464f, number 1"),
            Piece::Octets(b"Fossick!", "what is to be sent back"),
        ],
        until: Until::Answer,
    }],
    frames: 1,
};

const REDIRECT: u8 = 5;
const ADVERTISEMENT: u8 = 9;
const TIME_EXCEEDED: u8 = 11;
const MASK_REPLY: u8 = 18;
const QUERY: u8 = 0x11;

fn dissect_icmp(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let kind = octet(&mut rest, "icmp type")?;
    let octets = message.bytes.get(..1).unwrap_or_default();
    if kind != MASK_REPLY {
        out.text(
            Subject::Sender,
            ROUTER_MESSAGE,
            octets,
            format_args!("{kind}"),
        );
    }
    take(&mut rest, 3, "icmp code and checksum")?;
    match kind {
        ADVERTISEMENT => {
            let count = octet(&mut rest, "router addresses")?;
            take(&mut rest, 3, "router address size and lifetime")?;
            for _ in 0..count {
                // Each with its preference.
                address(ROUTER_ADDRESS, &mut rest, out)?;
                take(&mut rest, 4, "router preference")?;
            }
        }
        MASK_REPLY => {
            take(&mut rest, 4, "icmp identifier")?;
            address(ADDRESS_MASK, &mut rest, out)?;
        }
        _ => {}
    }
    Ok(())
}

fn address(key: Key, rest: &mut &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let octets = rest.get(..4).unwrap_or_default();
    let address = Ipv4Addr::from(array::<4>(rest, "icmp address")?);
    if !address.is_unspecified() {
        out.text(Subject::Sender, key, octets, format_args!("{address}"));
    }
    Ok(())
}

fn dissect_igmp(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let [kind, response, ..] = array::<8>(&mut rest, "igmp message")?;
    if kind == QUERY {
        // RFC 3376 §7.1: version 3 is longer; version 1 has no response time.
        let version = match (rest.len(), response) {
            (4.., _) => 3,
            (_, 0) => 1,
            _ => 2,
        };
        out.text(
            Subject::Sender,
            QUERIER,
            message.bytes.get(..1).unwrap_or_default(),
            format_args!("{version}"),
        );
    }
    Ok(())
}
