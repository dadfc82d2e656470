//! `TriStation`: the engineering protocol of Triconex safety controllers. Which end is the controller, and its project.
//!
//! Spec: no public one; the messages as controllers and `TriStation` 1131 send them. A header (type, channel, length),
//! the command with its own header (path, connection, command, sequence), and a CRC-16.

use crate::checksum::{CRC16, ends_in_crc16};
use crate::octets::{octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{is_printable, unpadded};

/// Which way the message goes: 0 to a controller, 1 from one.
pub const PATH: Key = Key("tristation.path");
/// Name of the project that the controller runs.
pub const PROJECT: Key = Key("tristation.project");
/// Version of that project: `4.2`.
pub const PROJECT_VERSION: Key = Key("tristation.project_version");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "tristation",
    spec: "Triconex TriStation, as sent",
    carriers: &[Carrier::Udp(1502)],
    keys: &[PATH, PROJECT, PROJECT_VERSION],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Message types.
const CONNECT_REQUEST: u8 = 1;
const CONNECT_REPLY: u8 = 2;
const DISCONNECT_REQUEST: u8 = 4;
const COMMAND: u8 = 5;
const PING: u8 = 6;
/// The last of the refusals.
const CONNECTION_FAILED: u8 = 11;

/// Answers that name the project.
const CONTROL_PROGRAM_STATUS: u8 = 108;
const CHASSIS_STATUS: u8 = 119;

/// Octets of a name of a project, the last one zero.
const NAME: usize = 10;

/// A known type, the exact length, and a CRC-16 that agrees.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let &[kind @ 1..=CONNECTION_FAILED, _, low, high, ref body @ ..] = message else {
        return None;
    };
    let length = usize::from(u16::from_le_bytes([low, high]));
    if length.checked_add(2) != Some(body.len()) || !ends_in_crc16(CRC16, 0, message) {
        return None;
    }
    let found = Recognition::STRONG;
    Some(match (kind, body) {
        (CONNECT_REQUEST | DISCONNECT_REQUEST, _) => found.from(Role::Client),
        (COMMAND, [0, ..]) if length > 0 => found.from(Role::Client),
        (PING | COMMAND, _) if body.first() != Some(&1) => found,
        _ => found.from(Role::Server),
    })
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let header = take(&mut rest, 4, "tristation header")?;
    let kind = header.first().copied().unwrap_or_default();
    let place = header.get(..1).unwrap_or_default();
    match kind {
        CONNECT_REQUEST | DISCONNECT_REQUEST => say_path(0, place, out),
        CONNECT_REPLY => say_path(1, place, out),
        COMMAND => return command(rest, out),
        _ => {}
    }
    Ok(())
}

fn say_path(path: u8, place: &[u8], out: &mut Out<'_>) {
    out.text(Subject::Sender, PATH, place, format_args!("{path}"));
}

/// Path, connection, command, sequence, two of unknown use, a sum and a length; then the command's own data.
fn command(mut rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let place = rest.get(..1).unwrap_or_default();
    let path = octet(&mut rest, "path")?;
    octet(&mut rest, "connection")?;
    let command = octet(&mut rest, "command")?;
    take(&mut rest, 7, "command header")?;
    if path > 1 {
        return Ok(());
    }
    say_path(path, place, out);
    // Version and name of the project, and what is between them.
    let (before, between) = match command {
        CONTROL_PROGRAM_STATUS if path == 1 => (58, 4),
        CHASSIS_STATUS if path == 1 => (6, 22),
        _ => return Ok(()),
    };
    take(&mut rest, before, "status")?;
    let version = take(&mut rest, 4, "project version")?;
    take(&mut rest, between, "project date")?;
    let name = take(&mut rest, NAME, "project name")?;
    let text = unpadded(name);
    if text.is_empty() || text.len() >= NAME || !is_printable(text) {
        return Ok(());
    }
    out.say(Subject::Sender, PROJECT, name);
    if let [minor_low, minor_high, major_low, major_high] = *version {
        let minor = u16::from_le_bytes([minor_low, minor_high]);
        let major = u16::from_le_bytes([major_low, major_high]);
        let value = format_args!("{major}.{minor}");
        out.text(Subject::Sender, PROJECT_VERSION, version, value);
    }
    Ok(())
}
