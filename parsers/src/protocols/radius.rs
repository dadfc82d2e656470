//! Remote authentication: which device asks for it. People, secrets and their addresses are never read.
//!
//! Spec: RFC 2865 §3 (packet), §5 (attributes), RFC 2866 §3, RFC 5176 §2.3; IANA, Private Enterprise Numbers (vendor attributes).

use crate::octets::{array, be32, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::is_printable;

/// Name of the device that asks.
pub const NAS_IDENTIFIER: Key = Key("radius.nas_identifier");
/// Vendor of attributes in a request: an enterprise number.
pub const VENDOR_ID: Key = Key("radius.vendor_id");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "radius",
    spec: "RFC 2865",
    carriers: &[
        Carrier::Udp(1812),
        Carrier::Udp(1813),
        Carrier::Udp(1645),
        Carrier::Udp(1646),
        Carrier::Udp(3799),
    ],
    keys: &[NAS_IDENTIFIER, VENDOR_ID],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Codes (RFC 2865 §4, RFC 2866 §4, RFC 5176 §2).
const ACCESS_REQUEST: u8 = 1;
const ACCOUNTING_REQUEST: u8 = 4;
const VENDOR_SPECIFIC: u8 = 26;
const IDENTIFIER: u8 = 32;
const HEADER: usize = 20;

/// Kind and value of every attribute; they must fill the packet to its end.
fn attributes(packet: &[u8]) -> Option<impl Iterator<Item = (u8, &[u8])>> {
    let [_, _, high, low] = *packet.first_chunk::<4>()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length != packet.len() || length > 4096 {
        return None;
    }
    let mut rest = packet.get(HEADER..)?;
    let mut check = rest;
    while !check.is_empty() {
        next(&mut check)?;
    }
    Some(std::iter::from_fn(move || next(&mut rest)))
}

fn next<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let [kind, length] = array::<2>(rest, "radius attribute").ok()?;
    let length = usize::from(length).checked_sub(2)?;
    let value = take(rest, length, "radius attribute").ok()?;
    (kind != 0).then_some((kind, value))
}

/// A code that is assigned, the exact length, and attributes that end where the packet does.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let code = *message.first()?;
    let role = match code {
        ACCESS_REQUEST | ACCOUNTING_REQUEST | 12 | 40 | 43 => Role::Client,
        2 | 3 | 5 | 11 | 41 | 42 | 44 | 45 => Role::Server,
        _ => return None,
    };
    let count = attributes(message)?.count();
    let strong = count >= 3 && matches!(code, ACCESS_REQUEST | ACCOUNTING_REQUEST);
    let found = if strong {
        Recognition::STRONG
    } else {
        Recognition::WEAK
    };
    Some(found.from(role))
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let code = octet(&mut &*message.bytes, "radius code")?;
    if !matches!(code, ACCESS_REQUEST | ACCOUNTING_REQUEST) {
        return Ok(());
    }
    let Some(attributes) = attributes(message.bytes) else {
        return Err(Fault::value("radius attributes", message.bytes));
    };
    for (kind, value) in attributes {
        match kind {
            IDENTIFIER if is_printable(value) => out.say(Subject::Sender, NAS_IDENTIFIER, value),
            VENDOR_SPECIFIC => {
                let octets = value.get(..4).unwrap_or_default();
                let vendor = be32(&mut &*value, "radius vendor")?;
                out.text(Subject::Sender, VENDOR_ID, octets, format_args!("{vendor}"));
            }
            _ => {}
        }
    }
    Ok(())
}
