//! Address Resolution Protocol.
//!
//! Spec: RFC 826; RFC 5227 §2.1.1 (probes) and §2.3 (announcements).

use std::net::{IpAddr, Ipv4Addr};

use nom::Parser;
use nom::bytes::complete::{tag, take};
use nom::error::context;
use nom::number::complete::{be_u16, be_u32};

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
    probes: &[],
    dissect,
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
