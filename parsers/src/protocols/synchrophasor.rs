//! Synchrophasors: stations and their measurement units.
//!
//! Spec: IEEE C37.118.2-2011 §6.2 (frames), §6.4 (configuration).

use crate::octets::{be16, foreign, head, take, whole};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{is_printable, unpadded};

/// Stream source id of the sender.
pub const ID_CODE: Key = Key("synchrophasor.id_code");
/// Station name in a configuration frame.
pub const STATION_NAME: Key = Key("synchrophasor.station_name");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "synchrophasor",
    spec: "IEEE C37.118.2-2011",
    carriers: &[Carrier::Tcp(4712), Carrier::Udp(4713)],
    keys: &[ID_CODE, STATION_NAME],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Synchronisation octets: 0xAA, then type in bits 4 to 6 and version 1 or 2.
fn is_sync(first: u8, second: u8) -> bool {
    first == 0xaa && second >> 4 <= 5 && matches!(second & 0x0f, 1 | 2)
}

fn frame(input: &[u8]) -> Framed {
    let [first, second, high, low] = head::<4>(input)?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if !is_sync(first, second) || length < 16 {
        return Err(foreign("c37.118 sync", input));
    }
    whole(input, length)
}

/// CRC-CCITT of annex B, an octet at a time as its program does: polynomial 0x1021 (bits 12, 5 and 0), begun with ones.
fn crc(octets: &[u8]) -> u16 {
    octets.iter().fold(0xffff_u16, |crc, octet| {
        let quotient = crc >> 8 ^ u16::from(*octet);
        let quotient = quotient ^ quotient >> 4;
        crc << 8 ^ quotient << 12 ^ quotient << 5 ^ quotient
    })
}

/// The length is that of the frame and the check agrees. Commands (type 4) come from the client.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let &[first, second, high, low, ..] = message else {
        return None;
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let (body, check) = message.split_last_chunk::<2>()?;
    let whole = is_sync(first, second) && length == message.len() && length >= 16;
    let role = if second >> 4 == 4 {
        Role::Client
    } else {
        Role::Server
    };
    (whole && crc(body) == u16::from_be_bytes(*check)).then_some(Recognition::STRONG.from(role))
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let kind = take(&mut rest, 2, "sync")?
        .last()
        .copied()
        .unwrap_or_default()
        >> 4;
    be16(&mut rest, "frame size")?;
    let octets = rest.get(..2).unwrap_or_default();
    let id = be16(&mut rest, "id code")?;
    if kind != 4 {
        out.text(Subject::Sender, ID_CODE, octets, format_args!("{id}"));
    }
    // Configuration frames 1 and 2: time, time base, count of units; the first unit's name leads.
    if matches!(kind, 2 | 3) {
        take(&mut rest, 14, "configuration head")?;
        let name = take(&mut rest, 16, "station name")?;
        if is_printable(unpadded(name)) {
            out.say(Subject::Sender, STATION_NAME, name);
        }
    }
    Ok(())
}
