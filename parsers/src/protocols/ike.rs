//! Internet Key Exchange, versions 1 and 2: the vendor ids that both ends send in the clear. Identities are never read.
//!
//! Spec: RFC 2408 §3.1 (ISAKMP header), §3.2 (payloads), §3.16 (vendor id); RFC 7296 §3.1, §3.12; RFC 3948 §2.2 (marker on port 4500).

use std::fmt;

use crate::octets::{array, be16, be32, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::is_printable;

/// A vendor id: text where it is text, otherwise hex.
pub const VENDOR_ID: Key = Key("ike.vendor_id");
/// Version of the protocol: `1.0` or `2.0`.
pub const VERSION: Key = Key("ike.version");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "ike",
    spec: "RFC 7296",
    carriers: &[Carrier::Udp(500), Carrier::Udp(4500)],
    keys: &[VENDOR_ID, VERSION],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Vendor id payloads of both versions.
const VENDOR_1: u8 = 13;
const VENDOR_2: u8 = 43;
/// Encrypted from here on: SK and SKF of version 2.
const ENCRYPTED: [u8; 2] = [46, 53];
/// Payloads of one message that are followed.
const MOST_PAYLOADS: usize = 40;
/// Flag of version 1: everything behind the header is encrypted.
const ENCRYPTION: u8 = 1;

/// What many implementations announce, by the first octets of digests: it says what is understood, not who understands it.
#[rustfmt::skip]
const FEATURES: [[u8; 4]; 13] = [
    [0xaf, 0xca, 0xd7, 0x13], // dead peer detection (RFC 3706)
    [0x4a, 0x13, 0x1c, 0x81], // NAT traversal (RFC 3947)
    [0x90, 0xcb, 0x80, 0x91], // drafts of it: 02 with a line end,
    [0xcd, 0x60, 0x46, 0x43], // 02,
    [0x7d, 0x94, 0x19, 0xa6], // 03,
    [0x44, 0x85, 0x15, 0x2d], // 00
    [0x40, 0x48, 0xb7, 0xd5], // fragmentation
    [0x09, 0x00, 0x26, 0x89], // extended authentication
    [0x12, 0xf5, 0xf2, 0x8c], // Unity: the client configuration of Cisco, which others understand too
    [0x62, 0x1b, 0x04, 0xbb], // GSS-API
    [0xfb, 0x1d, 0xe3, 0xcd], // negotiation discovery
    [0xe3, 0xa5, 0x96, 0x6a], // cryptographically generated addresses
    [0x26, 0x24, 0x4d, 0x38], // initial contact
];

struct Header<'a> {
    next: u8,
    version: u8,
    exchange: u8,
    flags: u8,
    /// Whether the responder has not yet answered.
    opens: bool,
    payloads: &'a [u8],
}

/// The header of a whole datagram, with or without the marker of four zeros.
fn header(message: &[u8]) -> Result<Header<'_>, Fault> {
    let message = message.strip_prefix(&[0; 4]).unwrap_or(message);
    let mut rest = message;
    let initiator = array::<8>(&mut rest, "initiator")?;
    let responder = array::<8>(&mut rest, "responder")?;
    let [next, version, exchange, flags] = array::<4>(&mut rest, "ike header")?;
    be32(&mut rest, "message id")?;
    let length = be32(&mut rest, "ike length")?;
    let whole = usize::try_from(length).is_ok_and(|length| length == message.len());
    if initiator == [0; 8] || !whole {
        return Err(Fault::value("ike length", message));
    }
    Ok(Header {
        next,
        version,
        exchange,
        flags,
        opens: responder == [0; 8],
        payloads: rest,
    })
}

/// The exact length, and version, exchange, flags and first payload that go together.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let header = header(message).ok()?;
    let (sane, from) = match header.version {
        0x10 => {
            let exchange = matches!(header.exchange, 1..=6 | 32 | 33);
            let payload = matches!(header.next, 1..=21 | 130 | 132);
            let from = header.opens.then_some(Role::Client);
            (exchange && payload && header.flags & 0xf8 == 0, from)
        }
        0x20 => {
            let exchange = matches!(header.exchange, 34..=37 | 43);
            let payload = matches!(header.next, 0 | 33..=48 | 53);
            // The initiator's flag is of whoever began; the response flag of this exchange.
            let from = match (header.flags & 0x08 != 0, header.exchange == 34) {
                (true, true) => Some(Role::Client),
                (false, true) => Some(Role::Server),
                _ => None,
            };
            (exchange && payload && header.flags & 0xc7 == 0, from)
        }
        _ => (false, None),
    };
    sane.then_some(Recognition { strong: true, from })
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let header = header(message.bytes)?;
    let octets = message.bytes.get(..header_length(message.bytes));
    let major = header.version >> 4;
    out.text(
        Subject::Sender,
        VERSION,
        octets.unwrap_or_default(),
        format_args!("{major}.0"),
    );
    if header.version == 0x10 && header.flags & ENCRYPTION != 0 {
        return Ok(());
    }
    let mut kind = header.next;
    let mut rest = header.payloads;
    for _ in 0..MOST_PAYLOADS {
        if kind == 0 || ENCRYPTED.contains(&kind) {
            break;
        }
        let next = octet(&mut rest, "ike payload")?;
        octet(&mut rest, "ike payload")?;
        let length = be16(&mut rest, "ike payload")?;
        let length = usize::from(length)
            .checked_sub(4)
            .ok_or(Fault::value("ike payload length", rest))?;
        let value = take(&mut rest, length, "ike payload")?;
        if matches!((header.version, kind), (0x10, VENDOR_1) | (0x20, VENDOR_2)) {
            vendor(value, out);
        }
        kind = next;
    }
    Ok(())
}

/// Octets up to the length, behind the marker if there is one.
fn header_length(message: &[u8]) -> usize {
    if message.starts_with(&[0; 4]) { 32 } else { 28 }
}

fn vendor(value: &[u8], out: &mut Out<'_>) {
    if FEATURES.iter().any(|feature| value.starts_with(feature)) {
        return;
    }
    if value.len() >= 6 && is_printable(value) {
        out.say(Subject::Sender, VENDOR_ID, value);
    } else {
        let digits = Hex(value);
        out.text(Subject::Sender, VENDOR_ID, value, format_args!("{digits}"));
    }
}

/// Displays octets as lower-case hex.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}
