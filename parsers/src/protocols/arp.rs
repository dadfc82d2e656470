//! Address Resolution Protocol.
//!
//! Spec: RFC 826; RFC 5227 §2.1.1 (probes) and §2.3 (announcements).

use std::net::{IpAddr, Ipv4Addr};

use nom::Parser;
use nom::bytes::complete::{tag, take};
use nom::error::context;
use nom::number::complete::{be_u16, be_u32};

use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Message, Parsed, Protocol, Recognition, finish};
use crate::statement::{Mac, Out, Subject};

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "arp",
    spec: "RFC 826",
    carriers: &[Carrier::EtherType(0x0806)],
    keys: &[],
    frame: None,
    recognise,
    operation: None,
    probes: &[ASK],
    dissect,
};

/// Who has this address? Asked of all that are on the link, in the name of one of them; every host answers, or none of its
/// traffic could be delivered.
const ASK: Probe = Probe {
    name: "who has the address",
    asks: &[],
    carrier: Carrier::EtherType(0x0806),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[
            Piece::Octets(
                &ETHERNET_IPV4,
                "Ethernet and IPv4, addresses of 6 and 4 octets",
            ),
            Piece::Octets(&[0x00, 0x01], "operation 1: request"),
            Piece::Hole(Hole::OwnHardwareAddress, "who asks: hardware address"),
            Piece::Hole(Hole::OwnAddress, "who asks: IPv4 address"),
            Piece::Octets(&[0; 6], "whose hardware address is not known"),
            Piece::Hole(Hole::TargetAddress, "the IPv4 address that is looked for"),
        ],
        until: Until::Answer,
    }],
    frames: 1,
};

/// Hardware type Ethernet, protocol type IPv4, address lengths 6 and 4.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// The sender's half of a packet; the target's is not vouched for by anyone.
struct Sender {
    mac: Mac,
    ip: Ipv4Addr,
}

fn sender(input: &[u8]) -> Parsed<'_, Sender> {
    let (rest, _) = context("arp address types", tag(&ETHERNET_IPV4[..])).parse(input)?;
    let (rest, _operation) = context("arp operation", be_u16).parse(rest)?;
    let (rest, octets) = context("arp sender hardware address", take(6_usize)).parse(rest)?;
    let (rest, ip) = context("arp sender protocol address", be_u32).parse(rest)?;
    let mac = Mac(octets.try_into().unwrap_or_default());
    let ip = Ipv4Addr::from_bits(ip);
    Ok((rest, Sender { mac, ip }))
}

fn recognise(message: &[u8]) -> Option<Recognition> {
    message
        .starts_with(&ETHERNET_IPV4)
        .then_some(Recognition::STRONG)
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let (_, sender) = finish(sender(message.bytes))?;
    // A probe (RFC 5227) has no sender address yet: `address` passes 0.0.0.0 over.
    if !sender.mac.is_group() && !sender.mac.is_zero() {
        out.address(Subject::Mac(sender.mac), IpAddr::V4(sender.ip));
    }
    Ok(())
}
