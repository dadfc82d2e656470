//! Remote control of desktops: `TeamViewer`, `AnyDesk`, `RustDesk`, Radmin.
//!
//! Spec: `TeamViewer` and Radmin as they send; `RustDesk`, `rendezvous.proto` (`RendezvousMessage`) and its stream framing;
//! `AnyDesk`: the subject of the certificates that both ends make for themselves.

use crate::octets::{foreign, head, whole};
use crate::protobuf::{self, Value};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Subject};
use crate::text::is_printable;

/// Version of the client that asks for a connection.
pub const RUSTDESK_VERSION: Key = Key("rustdesk.version");
/// Name of a host that answers on the local network.
pub const RUSTDESK_HOST: Key = Key("rustdesk.host_name");
/// Its platform: `Windows`, `Linux`, `Mac OS`, `Android`.
pub const RUSTDESK_PLATFORM: Key = Key("rustdesk.platform");
/// Its hardware address.
pub const RUSTDESK_MAC: Key = Key("rustdesk.mac");
/// The number under which it is reached.
pub const RUSTDESK_ID: Key = Key("rustdesk.id");

/// Registration of `TeamViewer`.
pub static TEAMVIEWER: Protocol = Protocol {
    name: "teamviewer",
    spec: "TeamViewer, as sent",
    carriers: &[Carrier::Tcp(5938), Carrier::Udp(5938)],
    keys: &[],
    frame: Some(teamviewer_frame),
    recognise: teamviewer_recognise,
    operation: None,
    probes: &[],
    dissect: |_, _| Ok(()),
};

/// Registration of `AnyDesk`.
pub static ANYDESK: Protocol = Protocol {
    name: "anydesk",
    spec: "AnyDesk certificates, as sent",
    carriers: &[Carrier::Inside("tls")],
    keys: &[],
    frame: None,
    recognise: |common_name| (common_name == b"AnyDesk Client").then_some(Recognition::STRONG),
    operation: None,
    probes: &[],
    dissect: |_, _| Ok(()),
};

/// Registration of `RustDesk`.
pub static RUSTDESK: Protocol = Protocol {
    name: "rustdesk",
    spec: "RustDesk rendezvous.proto",
    carriers: &[
        Carrier::Udp(21116),
        Carrier::Udp(21119),
        Carrier::Tcp(21115),
        Carrier::Tcp(21116),
        Carrier::Tcp(21117),
    ],
    keys: &[
        RUSTDESK_VERSION,
        RUSTDESK_HOST,
        RUSTDESK_PLATFORM,
        RUSTDESK_MAC,
        RUSTDESK_ID,
    ],
    frame: Some(rustdesk_frame),
    recognise: |message| {
        let message = rustdesk_unframed(message).unwrap_or(message);
        rendezvous(message).and_then(|(kind, body)| rustdesk_recognise(kind, body))
    },
    operation: None,
    probes: &[],
    dissect: rustdesk_dissect,
};

/// Registration of Radmin.
pub static RADMIN: Protocol = Protocol {
    name: "radmin",
    spec: "Radmin 2 and 3, as sent",
    carriers: &[Carrier::Tcp(4899)],
    keys: &[],
    frame: Some(radmin_frame),
    recognise: radmin_recognise,
    operation: None,
    probes: &[],
    dissect: |_, _| Ok(()),
};

/// Bodies up to this length are looked at, longer ones passed over.
const SHORT: usize = 128;
/// Longest body of a `TeamViewer` or Radmin message that is believed.
const LONGEST: usize = 1 << 24;

/// A header and a body that is passed over where it is long.
fn header_and_body(input: &[u8], header: usize, body: usize) -> Framed {
    if body <= SHORT {
        return whole(input, header.saturating_add(body));
    }
    whole(input, header)?;
    Ok(Cut {
        length: header,
        skip: u64::try_from(body).unwrap_or_default(),
    })
}

/// Two forms share a connection: `17 24`, command, length; and `11 30`, command, zero, length, two numbers,
/// flags and the length of this header: 24.
fn teamviewer_frame(input: &[u8]) -> Framed {
    match head::<2>(input)? {
        [0x17, 0x24] => {
            let [_, _, _, low, high] = head::<5>(input)?;
            header_and_body(input, 5, u16::from_le_bytes([low, high]).into())
        }
        [0x11, 0x30] => {
            let [_, _, _, 0, length @ ..] = head::<8>(input)? else {
                return Err(foreign("teamviewer header", input));
            };
            let body = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
            let header = head::<24>(input)?;
            if body > LONGEST || !header.ends_with(&[24, 0, 0, 0]) {
                return Err(foreign("teamviewer length", input));
            }
            header_and_body(input, 24, body)
        }
        _ => Err(foreign("teamviewer", input)),
    }
}

/// In a datagram two numbers, an id and a kind come before the older form, and its length must be the datagram's.
fn teamviewer_recognise(message: &[u8]) -> Option<Recognition> {
    let datagram = |low: u8, high: u8| {
        usize::from(u16::from_le_bytes([low, high])).saturating_add(16) == message.len()
    };
    match *message {
        // The first of a connection.
        [0x17, 0x24, 0x0a, 0x20, 0, ..] if message.len() == 37 => Some(Recognition::STRONG),
        [0x17, 0x24, _, _, _] => Some(Recognition::WEAK),
        [0x17, 0x24, _, low, high, ref body @ ..] => (body.len()
            == usize::from(u16::from_le_bytes([low, high])))
        .then_some(Recognition::WEAK),
        [0x11, 0x30, _, 0, _, _, _, 0, ref rest @ ..] => rest
            .get(12..16)
            .is_some_and(|length| length == [24, 0, 0, 0])
            .then_some(Recognition::STRONG),
        [
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            3..=11,
            0x17,
            0x24,
            _,
            low,
            high,
            ..,
        ] => datagram(low, high).then_some(Recognition::STRONG),
        _ => None,
    }
}

/// Version 1, length, sum, then the data.
fn radmin_frame(input: &[u8]) -> Framed {
    let [1, 0, a, b, c] = head::<5>(input)? else {
        return Err(foreign("radmin header", input));
    };
    let body = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
    if !(1..=LONGEST).contains(&body) {
        return Err(foreign("radmin length", input));
    }
    header_and_body(input, 9, body)
}

/// The sum is that of the data in words of four octets, the least significant first.
fn radmin_recognise(message: &[u8]) -> Option<Recognition> {
    let [1, l0, l1, l2, l3, s0, s1, s2, s3, ref body @ ..] = *message else {
        return None;
    };
    let length = usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])).ok()?;
    let sum = body.chunks(4).fold(0_u32, |sum, word| {
        let word = word.iter().rev().fold(0, |n, o| n << 8 | u32::from(*o));
        sum.wrapping_add(word)
    });
    let told = u32::from_be_bytes([s0, s1, s2, s3]);
    (length == body.len() && length > 0 && sum == told && sum != 0).then_some(Recognition::STRONG)
}

/// The kinds of `RendezvousMessage`, numbered as its fields are.
mod kind {
    pub(super) const REGISTER_PEER: u64 = 6;
    pub(super) const REGISTER_PEER_RESPONSE: u64 = 7;
    pub(super) const PUNCH_HOLE_REQUEST: u64 = 8;
    pub(super) const PUNCH_HOLE_SENT: u64 = 10;
    pub(super) const LOCAL_ADDRESS: u64 = 13;
    pub(super) const REGISTER_PK: u64 = 15;
    pub(super) const REGISTER_PK_RESPONSE: u64 = 16;
    pub(super) const RELAY_RESPONSE: u64 = 19;
    pub(super) const PEER_DISCOVERY: u64 = 22;
    pub(super) const LAST: u64 = 28;
}

/// On a stream a length comes first, of one to four octets: the two lowest bits say how many.
fn rustdesk_header(input: &[u8]) -> Option<(usize, usize)> {
    let size = usize::from(input.first()? & 3).saturating_add(1);
    let length = input.get(..size)?.iter().rev();
    let length = length.fold(0_u32, |n, octet| n << 8 | u32::from(*octet)) >> 2;
    Some((size, usize::try_from(length).ok()?))
}

fn rustdesk_frame(input: &[u8]) -> Framed {
    let [first] = head::<1>(input)?;
    // Messages to a rendezvous server take less than sixteen kilobytes: two octets are enough.
    if first & 2 != 0 {
        return Err(foreign("rustdesk length", input));
    }
    let size = usize::from(first & 1).saturating_add(1);
    let length = match rustdesk_header(input) {
        Some((_, length)) if (2..=4096).contains(&length) => length,
        Some(_) => return Err(foreign("rustdesk length", input)),
        None => return whole(input, size),
    };
    // One field, of a message: two octets of tag from the sixteenth on.
    match input.get(size..).unwrap_or_default() {
        [] | [0x32..=0x7a, ..] | [0x82..=0xe2] | [0x82..=0xe2, 1, ..] => {
            whole(input, size.saturating_add(length))
        }
        _ => Err(foreign("rustdesk message", input)),
    }
}

fn rustdesk_unframed(message: &[u8]) -> Option<&[u8]> {
    let (size, length) = rustdesk_header(message)?;
    let body = message.get(size..)?;
    (body.len() == length && rendezvous(body).is_some()).then_some(body)
}

/// The only field of a `RendezvousMessage`.
fn rendezvous(message: &[u8]) -> Option<(u64, &[u8])> {
    if !matches!(message.first()?, 0x32..=0x7a | 0x82..=0xe2) {
        return None;
    }
    let mut rest = message;
    match protobuf::field(&mut rest).ok()? {
        (number @ kind::REGISTER_PEER..=kind::LAST, Value::Octets(body)) if rest.is_empty() => {
            Some((number, body))
        }
        _ => None,
    }
}

fn rustdesk_recognise(number: u64, body: &[u8]) -> Option<Recognition> {
    let text = |field| protobuf::octets(body, field);
    let is_id =
        |id: &[u8]| (6..=16).contains(&id.len()) && id.iter().all(u8::is_ascii_alphanumeric);
    let has_id = text(1).is_some_and(is_id);
    match number {
        kind::PEER_DISCOVERY => {
            matches!(text(1), Some(b"ping" | b"pong")).then_some(Recognition::STRONG)
        }
        kind::REGISTER_PK if has_id => (text(2).is_some()
            && text(3).is_some_and(|key| key.len() == 32))
        .then_some(Recognition::STRONG),
        kind::REGISTER_PEER | kind::PUNCH_HOLE_REQUEST if has_id => Some(Recognition::WEAK),
        kind::REGISTER_PEER_RESPONSE => {
            matches!(body, [] | [0x10, 0 | 1]).then_some(Recognition::WEAK)
        }
        kind::REGISTER_PK_RESPONSE => {
            matches!(body, [] | [0x08 | 0x10, ..] if body.len() <= 8).then_some(Recognition::WEAK)
        }
        kind::PUNCH_HOLE_SENT | kind::LOCAL_ADDRESS | kind::RELAY_RESPONSE => text(5)
            .or(text(6))
            .filter(|version| version.contains(&b'.') && is_printable(version))
            .map(|_| Recognition::WEAK),
        _ => None,
    }
}

fn rustdesk_dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let bytes = rustdesk_unframed(message.bytes).unwrap_or(message.bytes);
    let Some((number, body)) = rendezvous(bytes) else {
        return Ok(());
    };
    let mut say = |key, field| {
        if let Some(text) = protobuf::octets(body, field) {
            out.say(Subject::Sender, key, text);
        }
    };
    match number {
        kind::PUNCH_HOLE_REQUEST => say(RUSTDESK_VERSION, 6),
        kind::PUNCH_HOLE_SENT | kind::LOCAL_ADDRESS => say(RUSTDESK_VERSION, 5),
        // Whoever asks says nothing about itself.
        kind::PEER_DISCOVERY if protobuf::octets(body, 1) == Some(b"pong") => {
            say(RUSTDESK_MAC, 2);
            say(RUSTDESK_ID, 3);
            say(RUSTDESK_HOST, 5);
            say(RUSTDESK_PLATFORM, 6);
        }
        _ => {}
    }
    Ok(())
}
