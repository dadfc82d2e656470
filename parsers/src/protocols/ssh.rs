//! Secure Shell: software versions and the fingerprint of what an implementation offers.
//!
//! Spec: RFC 4253 §4.2 (identification), §6 (packets), §7.1 (key exchange); HASSH by Salesforce (BSD-3).

use md5::{Digest, Md5};

use crate::octets::{array, be32, foreign, head, more, octet, take, whole};
use crate::probe::{Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};

/// Identification line: `SSH-2.0-OpenSSH_9.2p1 Debian-2`.
pub const BANNER: Key = Key("ssh.banner");
/// HASSH of a client's key exchange.
pub const HASSH: Key = Key("ssh.hassh");
/// HASSH of a server's key exchange.
pub const HASSH_SERVER: Key = Key("ssh.hassh_server");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "ssh",
    spec: "RFC 4253",
    carriers: &[Carrier::Tcp(22)],
    keys: &[BANNER, HASSH, HASSH_SERVER],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[READ_IDENTIFICATION],
    dissect,
};

/// The server's identification comes unasked (RFC 4253 §4.2); there is nothing to take leave of before the key exchange.
const READ_IDENTIFICATION: Probe = Probe {
    name: "read identification",
    asks: &[BANNER],
    carrier: Carrier::Tcp(22),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[],
        until: Until::Answer,
    }],
    frames: 6,
};

/// RFC 4253 §4.2: 255 octets with the line end; some servers are longer.
const LONGEST_LINE: usize = 512;
/// RFC 4253 §6.1.
const LONGEST_PACKET: u32 = 35_000;
const KEXINIT: u8 = 20;
const NEWKEYS: u8 = 21;

/// The identification line, or a packet that is not encrypted yet.
fn frame(input: &[u8]) -> Framed {
    let begin = b"SSH-";
    if input.starts_with(begin) {
        return match input.iter().position(|octet| *octet == b'\n') {
            Some(end) => Ok(Cut::whole(end.saturating_add(1))),
            None if input.len() > LONGEST_LINE => Err(foreign("ssh identification", input)),
            None => Err(more(input.len().saturating_add(1), input)),
        };
    }
    if begin.starts_with(input) {
        return Err(more(begin.len(), input));
    }
    let [l0, l1, l2, l3, padding, kind] = head::<6>(input)?;
    let length = u32::from_be_bytes([l0, l1, l2, l3]);
    // Messages of the transport layer up to the end of the key exchange (RFC 4250 §4.1.2).
    let plain =
        (5..=LONGEST_PACKET).contains(&length) && padding >= 4 && matches!(kind, 1..=4 | 20..=41);
    if !plain {
        return Err(foreign("ssh packet", input));
    }
    let cut = whole(
        input,
        usize::try_from(length)
            .unwrap_or(usize::MAX)
            .saturating_add(4),
    )?;
    // Behind it everything is encrypted (§7.3).
    let skip = if kind == NEWKEYS { u64::MAX } else { 0 };
    Ok(Cut { skip, ..cut })
}

fn recognise(message: &[u8]) -> Option<Recognition> {
    match message {
        [b'S', b'S', b'H', b'-', b'1' | b'2', b'.', ..] => Some(Recognition::STRONG),
        [_, _, _, _, _, KEXINIT..=41, ..] => Some(Recognition::WEAK),
        _ => None,
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    if message.bytes.starts_with(b"SSH-") {
        out.say(Subject::Sender, BANNER, message.bytes);
        return Ok(());
    }
    let mut rest = message.bytes;
    let [_, _, _, _, _, kind] = array::<6>(&mut rest, "ssh packet")?;
    if kind != KEXINIT {
        return Ok(());
    }
    let octets = rest;
    take(&mut rest, 16, "cookie")?;
    let mut lists: [&[u8]; 8] = [&[]; 8];
    for list in &mut lists {
        let length = be32(&mut rest, "name list length")?;
        *list = take(
            &mut rest,
            usize::try_from(length).unwrap_or(usize::MAX),
            "name list",
        )?;
    }
    octet(&mut rest, "languages")?;
    let [
        exchange,
        _keys,
        encryption_to,
        encryption_from,
        mac_to,
        mac_from,
        compression_to,
        compression_from,
    ] = lists;
    let (key, parts) = match message.from {
        Role::Client => (HASSH, [exchange, encryption_to, mac_to, compression_to]),
        Role::Server => (
            HASSH_SERVER,
            [exchange, encryption_from, mac_from, compression_from],
        ),
    };
    let hash = Md5::digest(parts.join(&b';'));
    let digits = Hex(&hash);
    out.text(Subject::Sender, key, octets, format_args!("{digits}"));
    Ok(())
}

/// Displays octets as lower-case hex.
struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}
