//! Beckhoff Automation Device Specification: name and version of the devices of a `TwinCAT` system.
//!
//! Spec: Beckhoff Information System, "ADS/AMS specification": AMS/TCP header, AMS header, ADS Read Device Info.

use crate::octets::{foreign, head, le16, le32, take, whole};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{Text, is_printable, unpadded};

/// Device name and version: `PLC Server 2.11.2103`.
pub const DEVICE: Key = Key("ads.device");
/// AMS net id of the sender: `5.1.2.3.1.1`.
pub const NET_ID: Key = Key("ads.net_id");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "ads",
    spec: "Beckhoff ADS/AMS",
    carriers: &[Carrier::Tcp(48898)],
    keys: &[DEVICE, NET_ID],
    frame: Some(frame),
    recognise,
    dissect,
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
    let mut rest = message.bytes;
    let (source, command, flags, _) = header(&mut rest)?;
    let digits = crate::statement::Joined(source.iter());
    let text = digits.to_string().replace(',', ".");
    out.text(Subject::Sender, NET_ID, source, format_args!("{text}"));
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
