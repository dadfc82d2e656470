//! Network Time Protocol: what servers and their control messages say of the system.
//!
//! Spec: RFC 5905 §7.3 (packet), RFC 9327 §2 (control messages, mode 6); mode 7 as the reference implementation sends it.

use crate::octets::{array, be16, take};
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{find, is_printable, unpadded};

/// Version of the protocol.
pub const VERSION: Key = Key("ntp.version");
/// How far the sender is from a reference clock, 1–15.
pub const STRATUM: Key = Key("ntp.stratum");
/// Which clock a server of stratum 1 has: `GPS`, `PPS`, `LOCL`.
pub const REFERENCE: Key = Key("ntp.reference");
/// Control variable `version`: the program.
pub const DAEMON: Key = Key("ntp.daemon");
/// Control variable `system`: the operating system.
pub const SYSTEM: Key = Key("ntp.system");
/// Control variable `processor`.
pub const PROCESSOR: Key = Key("ntp.processor");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "ntp",
    spec: "RFC 5905",
    carriers: &[Carrier::Udp(123)],
    keys: &[VERSION, STRATUM, REFERENCE, DAEMON, SYSTEM, PROCESSOR],
    frame: None,
    recognise,
    operation: None,
    probes: &[ASK_TIME],
    dissect,
};

/// What time it is, as any client asks. The time stamp that the answer repeats is random and says nothing of our clock.
const ASK_TIME: Probe = Probe {
    name: "what time is it (mode 3)",
    asks: &[STRATUM, REFERENCE, VERSION],
    carrier: Carrier::Udp(123),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[
            Piece::Octets(
                &[0x23, 0x00, 0x00, 0x00],
                "version 4, client; stratum, interval and precision unknown",
            ),
            Piece::Octets(
                &[0; 36],
                "delay, dispersion, reference and earlier time stamps: none",
            ),
            Piece::Hole(
                Hole::Random { length: 8 },
                "transmit time stamp, which the answer repeats",
            ),
        ],
        until: Until::Answer,
    }],
    frames: 1,
};

const ACTIVE: u8 = 1;
const PASSIVE: u8 = 2;
const CLIENT: u8 = 3;
const SERVER: u8 = 4;
const BROADCAST: u8 = 5;
const CONTROL: u8 = 6;
const PRIVATE: u8 = 7;

/// Octets of a packet without extensions and authentication.
const PACKET: usize = 48;
/// Longest packet with extension fields that is believed.
const MOST: usize = PACKET + 1024;
/// Time stamps of one packet lie within two days, in seconds.
const NEAR: u32 = 2 * 86_400;
/// Octets before the data of a control message.
const HEADER: usize = 12;

/// Leap indicator, version and mode share the first octet.
fn version_and_mode(message: &[u8]) -> Option<(u8, u8)> {
    let first = message.first()?;
    let version = first >> 3 & 7;
    (1..=4).contains(&version).then_some((version, first & 7))
}

fn recognise(message: &[u8]) -> Option<Recognition> {
    let (version, mode) = version_and_mode(message)?;
    match mode {
        ACTIVE..=BROADCAST => recognise_time(version, mode, message),
        CONTROL => recognise_control(message),
        PRIVATE => recognise_private(message),
        _ => None,
    }
}

/// Ranges of the small fields; strong where the time stamps agree with each other or are empty where they must be.
fn recognise_time(version: u8, mode: u8, message: &[u8]) -> Option<Recognition> {
    let extended = version >= 3 && message.len().is_multiple_of(4) && message.len() <= MOST;
    if message.len() != PACKET && !(message.len() > PACKET && extended) {
        return None;
    }
    let [_, stratum, poll, precision, rest @ ..] = message else {
        return None;
    };
    // Exponents of two: some hours at most, and from years down to below a nanosecond.
    let small = *stratum <= 16 && matches!(poll, 0..=17 | 0xf0..=0xff);
    if !small || !matches!(precision, 0..=32 | 0xd0..=0xff) {
        return None;
    }
    let mut rest = rest;
    let roots = take(&mut rest, 12, "ntp root").ok()?;
    let reference = seconds(&mut rest)?;
    let origin = seconds(&mut rest)?;
    let receive = seconds(&mut rest)?;
    let transmit = seconds(&mut rest)?;
    // The top bit has been set since 1968 (RFC 5905 §6).
    let near = |a: u32, b: u32| a >> 31 == 1 && b >> 31 == 1 && a.abs_diff(b) < NEAR;
    let empty = [reference, origin, receive].iter().all(|stamp| *stamp == 0);
    let strong = match mode {
        SERVER | PASSIVE => near(receive, transmit),
        BROADCAST => *stratum > 0 && origin == 0 && receive == 0 && near(reference, transmit),
        CLIENT | ACTIVE => {
            // No delay, a dispersion below a second; who has not begun may say so in the reference.
            let new = matches!(roots, [0, 0, 0, 0, 0, 0, ..]);
            let fresh = empty && transmit != 0 && new;
            fresh || near(reference, transmit) || near(receive, transmit)
        }
        _ => false,
    };
    let found = if strong {
        Recognition::STRONG
    } else {
        Recognition::WEAK
    };
    Some(match mode {
        CLIENT => found.from(Role::Client),
        SERVER | BROADCAST => found.from(Role::Server),
        _ => found,
    })
}

/// The seconds of a time stamp; the fraction is passed over.
fn seconds(rest: &mut &[u8]) -> Option<u32> {
    let [a, b, c, d, ..] = array::<8>(rest, "ntp time stamp").ok()?;
    Some(u32::from_be_bytes([a, b, c, d]))
}

/// No leap indicator, a known operation, a count that agrees with the length; text makes an answer certain.
fn recognise_control(message: &[u8]) -> Option<Recognition> {
    let mut rest = message;
    let [first, operation, ..] = array::<10>(&mut rest, "ntp control").ok()?;
    let count = usize::from(be16(&mut rest, "ntp control count").ok()?);
    // The data is padded to four octets; a digest may follow.
    let fits = (count..count.saturating_add(32)).contains(&rest.len());
    if first & 0xc0 != 0 || !matches!(operation & 0x1f, 1..=12 | 31) || !fits {
        return None;
    }
    if operation & 0x80 == 0 {
        return Some(Recognition::WEAK.from(Role::Client));
    }
    let data = rest.get(..count)?;
    let text = data
        .iter()
        .all(|c| matches!(c, b'\r' | b'\n' | 0x20..=0x7e));
    let found = if text && data.contains(&b'=') {
        Recognition::STRONG
    } else {
        Recognition::WEAK
    };
    Some(found.from(Role::Server))
}

/// A known implementation and request, and items that fit.
fn recognise_private(message: &[u8]) -> Option<Recognition> {
    let [
        first,
        _,
        0 | 2 | 3,
        0..=50,
        error,
        items,
        size_high @ 0..=0x0f,
        size,
        rest @ ..,
    ] = message
    else {
        return None;
    };
    let items = usize::from(u16::from_be_bytes([error & 0x0f, *items]));
    let size = usize::from(u16::from_be_bytes([*size_high, *size]));
    if items.saturating_mul(size) > rest.len() || rest.len() > 500 {
        return None;
    }
    let role = if first & 0x80 == 0 {
        Role::Client
    } else {
        Role::Server
    };
    Some(Recognition::WEAK.from(role))
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let bytes = message.bytes;
    let (version, mode) = version_and_mode(bytes).ok_or(Fault::value("ntp version", bytes))?;
    match mode {
        ACTIVE..=BROADCAST => time(version, mode, bytes, out),
        CONTROL => control(bytes, out),
        _ => Ok(()),
    }
}

fn time(version: u8, mode: u8, bytes: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = bytes;
    let [_, stratum, ..] = array::<12>(&mut rest, "ntp packet")?;
    let reference = take(&mut rest, 4, "ntp reference")?;
    let part = |at: usize| bytes.get(at..at.saturating_add(1)).unwrap_or_default();
    out.text(Subject::Sender, VERSION, part(0), format_args!("{version}"));
    // Of a client, the stratum is often that of nobody.
    if mode == CLIENT || !(1..=15).contains(&stratum) {
        return Ok(());
    }
    out.text(Subject::Sender, STRATUM, part(1), format_args!("{stratum}"));
    let name = unpadded(reference);
    if stratum == 1 && is_printable(name) {
        out.say(Subject::Sender, REFERENCE, reference);
    }
    Ok(())
}

/// The answer to "read variables" of the system itself (association 0), from its beginning.
fn control(bytes: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = bytes;
    let header = array::<HEADER>(&mut rest, "ntp control")?;
    let [_, operation, _, _, _, _, 0, 0, 0, 0, high, low] = header else {
        return Ok(());
    };
    // An answer, no error, operation 2.
    if operation & 0xc0 != 0x80 || operation & 0x1f != 2 {
        return Ok(());
    }
    let count = usize::from(u16::from_be_bytes([high, low]));
    let data = take(&mut rest, count, "ntp variables")?;
    for (name, key) in [
        (&b"version="[..], DAEMON),
        (b"system=", SYSTEM),
        (b"processor=", PROCESSOR),
    ] {
        if let Some(at) = find(data, name) {
            let value = data.get(at.saturating_add(name.len())..);
            out.say(Subject::Sender, key, variable(value.unwrap_or_default()));
        }
    }
    Ok(())
}

/// A value up to its closing quotation mark or, without any, its comma.
fn variable(text: &[u8]) -> &[u8] {
    let (text, end) = match text.strip_prefix(b"\"") {
        Some(text) => (text, b'"'),
        None => (text, b','),
    };
    let ends = |c: &u8| *c == end || matches!(c, b'\r' | b'\n');
    text.split(ends).next().unwrap_or_default()
}
