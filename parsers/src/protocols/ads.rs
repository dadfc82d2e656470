//! Beckhoff Automation Device Specification: name and version of the devices of a `TwinCAT` system.
//!
//! Spec: Beckhoff Information System, "ADS/AMS specification": AMS/TCP header, AMS header, ADS Read Device Info.
//! Search and routes over UDP: no public one; the layout follows what systems send.
//! Names of people and passwords, which requests for a route hold, are never read.

use crate::octets::{foreign, head, le16, le32, take, whole};
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{Text, is_printable, unpadded};

/// Device name and version: `PLC Server 2.11.2103`.
pub const DEVICE: Key = Key("ads.device");
/// AMS net id of the sender: `5.1.2.3.1.1`.
pub const NET_ID: Key = Key("ads.net_id");

/// Name of the computer (search and routes, over UDP).
pub const HOST_NAME: Key = Key("ads.host_name");
/// Platform and version of Windows: `CE 6.0.0`, `NT 10.0.19044`.
pub const OS_VERSION: Key = Key("ads.os_version");
/// Version of `TwinCAT`: `2.11.2228`.
pub const TWINCAT_VERSION: Key = Key("ads.twincat_version");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "ads",
    spec: "Beckhoff ADS/AMS",
    carriers: &[Carrier::Tcp(48898), Carrier::Udp(48899)],
    keys: &[DEVICE, NET_ID, HOST_NAME, OS_VERSION, TWINCAT_VERSION],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[READ_DEVICE],
    dissect,
};

/// ADS Read Device Info (command 1) of the system service. Net ids follow the addresses, as they do unless changed; a system
/// without a route to us closes the connection. The search over UDP 48899 is never asked: it sets routes as well.
const READ_DEVICE: Probe = Probe {
    name: "read device info",
    asks: &[DEVICE],
    carrier: Carrier::Tcp(48898),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[
            Piece::Octets(
                &[0x00, 0x00, 0x20, 0x00, 0x00, 0x00],
                "AMS/TCP, 32 octets follow",
            ),
            Piece::Hole(Hole::TargetAddress, "target: net id, by its address"),
            Piece::Octets(&[0x01, 0x01], "and 1.1"),
            Piece::Octets(&[0x10, 0x27], "port 10000: system service"),
            Piece::Hole(Hole::OwnAddress, "source: net id, by our address"),
            Piece::Octets(&[0x01, 0x01], "and 1.1"),
            Piece::Octets(&[0x01, 0x80], "port 32769"),
            Piece::Octets(&[0x01, 0x00], "command 1: read device info"),
            Piece::Octets(&[0x04, 0x00], "a request, over TCP"),
            Piece::Octets(&[0; 8], "no data, no error"),
            Piece::Octets(&[0x01, 0x00, 0x00, 0x00], "invoke id 1"),
        ],
        until: Until::Answer,
    }],
    frames: 7,
};

/// Octets of the AMS/TCP header and of the AMS header.
const TCP_HEADER: usize = 6;
const AMS_HEADER: usize = 32;
/// Longer data is no identity.
const LONGEST: u32 = 60_000;
const READ_DEVICE_INFO: u16 = 1;

fn frame(input: &[u8]) -> Framed {
    let [0, 0, l0, l1, l2, l3] = head::<6>(input)? else {
        return Err(foreign("ams/tcp header", input));
    };
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    if !(32..=LONGEST).contains(&length) {
        return Err(foreign("ams length", input));
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    whole(input, length.saturating_add(TCP_HEADER))
}

/// The AMS header's parts: sender's net id and its octets, command, state flags, length of the data.
fn header<'a>(rest: &mut &'a [u8]) -> Result<(&'a [u8], u16, u16, u32), Fault> {
    take(rest, TCP_HEADER, "ams/tcp header")?;
    take(rest, 8, "target")?;
    let source = take(rest, 6, "source net id")?;
    le16(rest, "source port")?;
    let command = le16(rest, "command")?;
    let flags = le16(rest, "state flags")?;
    let length = le32(rest, "data length")?;
    le32(rest, "error")?;
    le32(rest, "invoke id")?;
    Ok((source, command, flags, length))
}

/// A known command over TCP, and a data length that agrees with the frame's.
fn recognise(message: &[u8]) -> Option<Recognition> {
    if let Some(search) = search(message) {
        let role = if search.answers {
            Role::Server
        } else {
            Role::Client
        };
        return Some(Recognition::STRONG.from(role));
    }
    let mut rest = message;
    let (_, command, flags, length) = header(&mut rest).ok()?;
    let fits = usize::try_from(length)
        .ok()?
        .checked_add(TCP_HEADER + AMS_HEADER)?
        == message.len();
    let known = (1..=9).contains(&command) && matches!(flags, 4 | 5);
    let role = if flags & 1 == 0 {
        Role::Client
    } else {
        Role::Server
    };
    (fits && known).then_some(Recognition::STRONG.from(role))
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    if let Some(search) = search(message.bytes) {
        return tags(search, out);
    }
    let mut rest = message.bytes;
    let (source, command, flags, _) = header(&mut rest)?;
    net_id(source, out);
    if command != READ_DEVICE_INFO || flags & 1 == 0 {
        return Ok(());
    }
    if le32(&mut rest, "result")? != 0 {
        return Ok(());
    }
    let octets = rest;
    let [major, minor] = *take(&mut rest, 2, "version")? else {
        return Ok(());
    };
    let build = le16(&mut rest, "build")?;
    let name = unpadded(take(
        &mut rest,
        16.min(octets.len().saturating_sub(4)),
        "device name",
    )?);
    if is_printable(name) && !name.is_empty() {
        let name = Text(name);
        out.text(
            Subject::Sender,
            DEVICE,
            octets,
            format_args!("{name} {major}.{minor}.{build}"),
        );
    }
    Ok(())
}

fn net_id(octets: &[u8], out: &mut Out<'_>) {
    if let [a, b, c, d, e, f] = octets {
        out.text(
            Subject::Sender,
            NET_ID,
            octets,
            format_args!("{a}.{b}.{c}.{d}.{e}.{f}"),
        );
    }
}

/// A message of the search for systems and their routes.
#[derive(Clone, Copy)]
struct Search<'a> {
    answers: bool,
    source: &'a [u8],
    tags: &'a [u8],
}

/// Magic, invocation, service (1 about the system, 6 add a route, 2 others; the top bit answers), sender's net id and port.
fn search(message: &[u8]) -> Option<Search<'_>> {
    let mut rest = message.strip_prefix(&[0x03, 0x66, 0x14, 0x71])?;
    le32(&mut rest, "invocation").ok()?;
    let service = le32(&mut rest, "service").ok()?;
    let source = take(&mut rest, 6, "net id").ok()?;
    le16(&mut rest, "port").ok()?;
    (service & 0x7fff_ff00 == 0).then_some(Search {
        answers: service & 0x8000_0000 != 0,
        source,
        tags: rest,
    })
}

/// A count, then tags with lengths. 5 is the computer's name, 4 its system's version, 3 `TwinCAT`'s.
fn tags(search: Search<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    /// More than any message has.
    const MOST: u32 = 32;
    net_id(search.source, out);
    let mut rest = search.tags;
    if rest.is_empty() {
        return Ok(());
    }
    for _ in 0..le32(&mut rest, "tag count")?.min(MOST) {
        let tag = le16(&mut rest, "tag")?;
        let length = le16(&mut rest, "tag length")?;
        let value = take(&mut rest, length.into(), "tag value")?;
        match (tag, value) {
            (5, name) if is_name(unpadded(name)) => out.say(Subject::Sender, HOST_NAME, name),
            (4, version) => system(version, out)?,
            (3, [major, minor, low, high, ..]) => {
                let build = u16::from_le_bytes([*low, *high]);
                out.text(
                    Subject::Sender,
                    TWINCAT_VERSION,
                    value,
                    format_args!("{major}.{minor}.{build}"),
                );
            }
            _ => {}
        }
    }
    Ok(())
}

/// Printable, and no address in place of a name.
fn is_name(name: &[u8]) -> bool {
    is_printable(name) && name.iter().any(u8::is_ascii_alphabetic)
}

/// Size, major, minor, build and platform, as Windows gives them.
fn system(version: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = version;
    let size = le32(&mut rest, "system version size")?;
    let octets = rest.get(..16).unwrap_or_default();
    let major = le32(&mut rest, "system major")?;
    let minor = le32(&mut rest, "system minor")?;
    let build = le32(&mut rest, "system build")?;
    let name = match le32(&mut rest, "system platform")? {
        2 => "NT",
        3 => "CE",
        _ => return Ok(()),
    };
    if size == 0x0114 && major > 0 {
        out.text(
            Subject::Sender,
            OS_VERSION,
            octets,
            format_args!("{name} {major}.{minor}.{build}"),
        );
    }
    Ok(())
}
