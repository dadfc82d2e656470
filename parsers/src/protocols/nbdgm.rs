//! `NetBIOS` datagrams, and the browser announcements that they carry.
//!
//! Spec: RFC 1002 §4.4 (datagrams); MS-MAIL §2.2.1 (mailslot write); MS-BRWS §2.2 (announcements).

use crate::octets::{array, le16, le32, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Subject};
use crate::text::{Text, find};

use super::nbns::NetbiosName;

/// Name of the sender.
pub const SOURCE_NAME: Key = Key("nbdgm.source_name");
/// Name that a host announces.
pub const SERVER_NAME: Key = Key("browser.server_name");
/// Workgroup or domain that a master announces.
pub const DOMAIN_NAME: Key = Key("browser.domain_name");
/// Operating system version, major and minor.
pub const OS_VERSION: Key = Key("browser.os_version");
/// What the host's administrator wrote about it.
pub const COMMENT: Key = Key("browser.comment");
/// What it offers: the server type bits of MS-BRWS §2.2.1, `0x00011003`.
pub const SERVER_TYPE: Key = Key("browser.server_type");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "nbdgm",
    spec: "RFC 1002",
    carriers: &[Carrier::Udp(138)],
    keys: &[SOURCE_NAME],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Registration of what is inside.
pub static BROWSER: Protocol = Protocol {
    name: "browser",
    spec: "MS-BRWS",
    carriers: &[Carrier::Inside("nbdgm")],
    keys: &[SERVER_NAME, DOMAIN_NAME, OS_VERSION, COMMENT, SERVER_TYPE],
    frame: None,
    recognise: recognise_browser,
    operation: None,
    probes: &[],
    dissect: dissect_browser,
};

/// A direct datagram (0x10–0x12) whose length field agrees.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let [0x10..=0x12, _, _, _, _, _, _, _, _, _, l0, l1, _, _, 32, ..] = *message else {
        return None;
    };
    // The length counts what follows the header of 14 octets.
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    (length.saturating_add(14) <= message.len()).then_some(Recognition::STRONG)
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    take(&mut rest, 14, "datagram header")?;
    let octets = name(&mut rest)?;
    if let Some(source) = NetbiosName::decode(octets).filter(NetbiosName::is_text) {
        let text = Text(source.text());
        out.text(Subject::Sender, SOURCE_NAME, octets, format_args!("{text}"));
    }
    name(&mut rest)?;
    match find(rest, b"\\MAILSLOT\\BROWSE\0") {
        Some(at) => {
            let frame = rest.get(at.saturating_add(17)..).unwrap_or_default();
            out.carried(&BROWSER, message.part(frame))
        }
        None => Ok(()),
    }
}

/// An encoded name and its scope.
fn name<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Fault> {
    let name = crate::octets::counted8(rest, "datagram name")?;
    loop {
        match octet(rest, "datagram scope")? {
            0 => return Ok(name),
            length => {
                take(rest, length.into(), "datagram scope")?;
            }
        }
    }
}

/// Commands that announce: host, domain, local master; others (elections, lists) recognised by their number.
fn recognise_browser(frame: &[u8]) -> Option<Recognition> {
    matches!(frame.first(), Some(0x01 | 0x02 | 0x08..=0x0f)).then_some(Recognition::STRONG)
}

fn dissect_browser(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let command = octet(&mut rest, "browser command")?;
    if !matches!(command, 0x01 | 0x0c | 0x0f) {
        return Ok(());
    }
    octet(&mut rest, "browser update count")?;
    array::<4>(&mut rest, "browser periodicity")?;
    let name = take(&mut rest, 16, "browser server name")?;
    let version = take(&mut rest, 2, "browser os version")?;
    let octets = rest;
    let kind = le32(&mut rest, "browser server type")?;
    if command == 0x0c {
        out.say(Subject::Sender, DOMAIN_NAME, name);
        // For a domain the comment is the name of its master browser: the sender.
        take(&mut rest, 4, "browser version")?;
        out.say(Subject::Sender, SERVER_NAME, rest);
        return Ok(());
    }
    out.say(Subject::Sender, SERVER_NAME, name);
    if let [major, minor] = version {
        out.text(
            Subject::Sender,
            OS_VERSION,
            version,
            format_args!("{major}.{minor}"),
        );
    }
    let octets = octets.get(..4).unwrap_or_default();
    out.text(
        Subject::Sender,
        SERVER_TYPE,
        octets,
        format_args!("0x{kind:08x}"),
    );
    take(&mut rest, 2, "browser protocol version")?;
    le16(&mut rest, "browser signature")?;
    out.say(Subject::Sender, COMMENT, rest);
    Ok(())
}
