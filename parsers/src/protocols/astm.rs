//! ASTM E1381 and E1394 (CLSI LIS1-A, LIS2-A2): analysers that name themselves in the header record. Nothing of a patient is ever read.
//!
//! Spec: CLSI LIS01-A2 §6 (frames, checksum), CLSI LIS02-A2 §6 (header record).

use crate::octets::{foreign, more};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Subject};
use crate::text::{is_printable, unpadded};

/// Sender's name or id (header field 5), components as sent: `model^software version^serial number`, as makers will.
pub const SENDER: Key = Key("astm.sender");
/// Receiver's id (header field 10).
pub const RECEIVER: Key = Key("astm.receiver");
/// Version of the records (header field 13): `LIS2-A2`, `1394-97`.
pub const VERSION: Key = Key("astm.version");

/// Registration. No port is registered; 12000 is one that analysers take.
pub static PROTOCOL: Protocol = Protocol {
    name: "astm",
    spec: "CLSI LIS01-A2",
    carriers: &[Carrier::Tcp(12000)],
    keys: &[SENDER, RECEIVER, VERSION],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

const STX: u8 = 0x02;
const ETX: u8 = 0x03;
const EOT: u8 = 0x04;
const ENQ: u8 = 0x05;
const ACK: u8 = 0x06;
const NAK: u8 = 0x15;
const ETB: u8 = 0x17;

/// Longest frame of LIS01-A2: 64,000 characters of text and seven of frame.
const LONGEST: usize = 64_007;

/// One control octet, or a frame: start, number, text, end of text or block, checksum, carriage return, line feed.
fn frame(input: &[u8]) -> Framed {
    match *input {
        [] => Err(more(1, input)),
        [EOT | ENQ | ACK | NAK] | [EOT | ENQ | ACK | NAK, STX | EOT | ENQ | ACK | NAK, ..] => {
            Ok(Cut::whole(1))
        }
        [STX] => Err(more(7, input)),
        [STX, b'0'..=b'7', ref text @ ..] => {
            for (n, octet) in text.iter().enumerate() {
                match *octet {
                    ETX | ETB => {
                        let length = n.saturating_add(7);
                        return if input.len() < length {
                            Err(more(length, input))
                        } else {
                            Ok(Cut::whole(length))
                        };
                    }
                    b'\r' | b'\n' | b'\t' | 0x20..=0x7e | 0x80.. => {}
                    _ => return Err(foreign("astm text", input)),
                }
            }
            if input.len() >= LONGEST {
                return Err(foreign("astm frame", input));
            }
            Err(more(input.len().saturating_add(1), input))
        }
        _ => Err(foreign("astm start", input)),
    }
}

/// The text of a frame whose checksum agrees: the sum of everything from the number to the end mark, in two hex digits.
fn text(message: &[u8]) -> Option<&[u8]> {
    let body = message.strip_prefix(&[STX])?.strip_suffix(b"\r\n")?;
    let (body, sum) = body.split_last_chunk::<2>()?;
    let digits = std::str::from_utf8(sum).ok()?;
    let sent = u8::from_str_radix(digits, 16).ok()?;
    let found = body
        .iter()
        .fold(0_u8, |sum, octet| sum.wrapping_add(*octet));
    let (end, text) = body.split_last()?;
    (sent == found && matches!(*end, ETX | ETB)).then_some(text.get(1..)?)
}

/// A record that names its kind, in a frame that proves itself.
fn recognise(message: &[u8]) -> Option<Recognition> {
    match *text(message)? {
        [b'H', separator, repeat, component, escape, ..]
            if separator != repeat
                && repeat != component
                && component != escape
                && separator.is_ascii_punctuation()
                && component.is_ascii_punctuation() =>
        {
            Some(Recognition::STRONG)
        }
        [
            b'P' | b'O' | b'R' | b'C' | b'Q' | b'L' | b'M' | b'S',
            b'|',
            b'0'..=b'9',
            ..,
        ] => Some(Recognition::STRONG),
        _ => Some(Recognition::WEAK),
    }
}

/// The header record alone: field 4 is a password, the other records are patients, orders and results.
fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let Some(text) = text(message.bytes) else {
        return Ok(());
    };
    let [b'H', separator, ..] = *text else {
        return Ok(());
    };
    let record = text
        .split(|octet| *octet == b'\r')
        .next()
        .unwrap_or_default();
    let field = |n: usize| {
        let mut fields = record.split(|octet| *octet == separator);
        fields.nth(n).unwrap_or_default()
    };
    let values = [
        (Subject::Sender, SENDER, field(4)),
        (Subject::Receiver, RECEIVER, field(9)),
        (Subject::Sender, VERSION, field(12)),
    ];
    for (subject, key, value) in values {
        if is_printable(unpadded(value)) {
            out.say(subject, key, value);
        }
    }
    Ok(())
}
