//! Train Real-time Data Protocol: which telegrams a device of a train sends, and by which names it is reached.
//!
//! Spec: IEC 61375-2-3:2015 annex A.6 (process data PDU), A.7 (message data PDU), B.7 (frame check).

use crate::octets::{be16, be32, foreign, head, take, whole};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Subject};
use crate::text::{is_printable, unpadded};

/// Identifier of a telegram that the sender sends.
pub const COM_ID: Key = Key("trdp.com_id");
/// Name of the sender of message data: `devECSC.anyVeh.lCst`.
pub const SOURCE_URI: Key = Key("trdp.source_uri");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "trdp",
    spec: "IEC 61375-2-3:2015",
    carriers: &[
        Carrier::Udp(17224),
        Carrier::Udp(17225),
        Carrier::Tcp(17225),
    ],
    keys: &[COM_ID, SOURCE_URI],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Octets of the header of process data and of message data, each with its check at the end.
const PROCESS: usize = 40;
const MESSAGE: usize = 116;
const LONGEST: u32 = 65_388;

/// Octets of the header that belongs to a message type (A.6.5, A.7.5).
fn header(kind: [u8; 2]) -> Option<usize> {
    match &kind {
        b"Pd" | b"Pp" | b"Pr" | b"Pe" => Some(PROCESS),
        b"Mn" | b"Mr" | b"Mp" | b"Mq" | b"Mc" | b"Me" => Some(MESSAGE),
        _ => None,
    }
}

/// Sequence, version 1, type; telegram, topology counters, length of the data, which is padded to four octets.
fn frame(input: &[u8]) -> Framed {
    let [_, _, _, _, 1, _, a, b] = head::<8>(input)? else {
        return Err(foreign("trdp version", input));
    };
    let Some(MESSAGE) = header([a, b]) else {
        return Err(foreign("trdp message type", input));
    };
    let start = head::<24>(input)?;
    let [.., c, d, e, f] = start;
    let length = u32::from_be_bytes([c, d, e, f]);
    if length > LONGEST {
        return Err(foreign("trdp length", input));
    }
    let data = usize::try_from(length).unwrap_or(usize::MAX);
    let data = data.checked_next_multiple_of(4).unwrap_or(usize::MAX);
    whole(input, data.saturating_add(MESSAGE))
}

/// The check of B.7: that of IEEE 802.3.
fn check(octets: &[u8]) -> u32 {
    let sum = octets.iter().fold(u32::MAX, |sum, octet| {
        (0..8).fold(sum ^ u32::from(*octet), |sum, _| {
            if sum & 1 == 1 {
                sum >> 1 ^ 0xedb8_8320
            } else {
                sum >> 1
            }
        })
    });
    !sum
}

/// Version, a type that exists, and the check of the header.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let [_, _, _, _, 1, _, a, b, ..] = *message else {
        return None;
    };
    let whole = message.get(..header([a, b])?)?;
    let (body, sum) = whole.split_last_chunk::<4>()?;
    // Sent with the lowest octet first, unlike all else.
    (check(body) == u32::from_le_bytes(*sum)).then_some(Recognition::STRONG)
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    take(&mut rest, 6, "trdp head")?;
    let kind = be16(&mut rest, "trdp message type")?.to_be_bytes();
    let octets = rest.get(..4).unwrap_or_default();
    let telegram = be32(&mut rest, "telegram")?;
    out.text(Subject::Sender, COM_ID, octets, format_args!("{telegram}"));
    if header(kind) == Some(MESSAGE) {
        // Counters, length, status, session, time-out; names of source and destination.
        take(&mut rest, 36, "trdp session")?;
        let source = take(&mut rest, 32, "source uri")?;
        if is_printable(unpadded(source)) {
            out.say(Subject::Sender, SOURCE_URI, source);
        }
    }
    Ok(())
}
