//! What legacy systems still speak over IEEE 802.2: `NetBEUI`, IPX service advertisements, `AppleTalk` name binding.
//!
//! Spec: IBM LAN Technical Reference (SC30-3587), `NetBIOS` frames; Novell, IPX Router Specification (107-000029), §4;
//! Sidhu, Andrews, Oppenheimer, Inside `AppleTalk`, second edition, chapters 4 (DDP) and 7 (NBP).

use crate::octets::{array, be16, counted8, le16, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Subject};
use crate::text::{Text, find, is_printable, unpadded};

use super::nbdgm;

/// `NetBIOS` name that the sender claims or sends from.
pub const NETBEUI_NAME: Key = Key("netbeui.name");
/// Server that advertises itself.
pub const IPX_SERVER: Key = Key("ipx-sap.server");
/// `AppleTalk` entity: object and type.
pub const NBP_ENTITY: Key = Key("appletalk-nbp.entity");
/// `AppleTalk` object: the name of the host or service.
pub const NBP_OBJECT: Key = Key("appletalk-nbp.object");

/// Registration of `NetBIOS` frames.
pub static NETBEUI: Protocol = Protocol {
    name: "netbeui",
    spec: "IBM SC30-3587",
    carriers: &[Carrier::Llc(0xf0)],
    keys: &[NETBEUI_NAME],
    frame: None,
    recognise: |message| netbios_frame(message).ok().map(|_| Recognition::STRONG),
    operation: None,
    probes: &[],
    dissect: dissect_netbeui,
};

/// Registration of IPX.
pub static IPX_SAP: Protocol = Protocol {
    name: "ipx-sap",
    spec: "Novell 107-000029",
    carriers: &[
        Carrier::Llc(0xe0),
        Carrier::Llc(0xff),
        Carrier::EtherType(0x8137),
    ],
    keys: &[IPX_SERVER],
    frame: None,
    recognise: |message| {
        service_advertisement(message)
            .ok()
            .map(|_| Recognition::STRONG)
    },
    operation: None,
    probes: &[],
    dissect: dissect_sap,
};

/// Registration of the name binding protocol, on `AppleTalk`'s own SNAP code.
pub static APPLETALK_NBP: Protocol = Protocol {
    name: "appletalk-nbp",
    spec: "Inside AppleTalk, chapter 7",
    carriers: &[Carrier::Snap(0x08_0007, 0x809b)],
    keys: &[NBP_ENTITY, NBP_OBJECT],
    frame: None,
    recognise: |message| name_binding(message).ok().map(|_| Recognition::STRONG),
    operation: None,
    probes: &[],
    dissect: dissect_nbp,
};

/// A `NetBIOS` frame: its command and what follows the header of 14 octets.
struct NetbiosFrame<'a> {
    command: u8,
    body: &'a [u8],
}

/// LLC header (one control octet, or two for information frames), length 44 or 14, the delimiter 0xEFFF.
fn netbios_frame(message: &[u8]) -> Result<NetbiosFrame<'_>, Fault> {
    let mut rest = message;
    let [_, _, control] = array::<3>(&mut rest, "llc header")?;
    if control & 3 != 3 {
        octet(&mut rest, "llc control")?;
    }
    let length = le16(&mut rest, "netbios header length")?;
    let delimiter = be16(&mut rest, "netbios delimiter")?;
    if delimiter != 0xffef || !matches!(length, 14 | 44) {
        return Err(Fault::value("netbios delimiter", rest));
    }
    let command = octet(&mut rest, "netbios command")?;
    take(&mut rest, 7, "netbios header")?;
    Ok(NetbiosFrame {
        command,
        body: rest,
    })
}

fn dissect_netbeui(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let frame = netbios_frame(message.bytes)?;
    let mut rest = frame.body;
    // Add name and add group name, name in conflict, status query, datagrams, name query and recognised.
    if !matches!(frame.command, 0x00 | 0x01 | 0x03 | 0x08 | 0x0a | 0x0e) {
        return Ok(());
    }
    let _destination = take(&mut rest, 16, "netbios destination name")?;
    let source = take(&mut rest, 16, "netbios source name")?;
    let [name @ .., suffix] = source else {
        return Ok(());
    };
    // The permanent name is ten zeros and the hardware address: no name.
    let text = unpadded(name);
    // Suffix 03 may be a person's name.
    if matches!(suffix, 0x00 | 0x20)
        && !text.is_empty()
        && is_printable(text)
        && frame.command != 0x01
    {
        out.say(Subject::Sender, NETBEUI_NAME, name);
    }
    match find(rest, b"\\MAILSLOT\\BROWSE\0") {
        Some(at) => {
            let announcement = rest.get(at.saturating_add(17)..).unwrap_or_default();
            out.carried(&nbdgm::BROWSER, message.part(announcement))
        }
        None => Ok(()),
    }
}

/// An IPX packet to or from socket 0x0452, service advertising; what follows its header.
fn service_advertisement(message: &[u8]) -> Result<&[u8], Fault> {
    let mut rest = message;
    if message.starts_with(&[0xe0, 0xe0, 0x03]) {
        take(&mut rest, 3, "llc header")?;
    }
    if be16(&mut rest, "ipx checksum")? != 0xffff {
        return Err(Fault::value("ipx checksum", rest));
    }
    let length = usize::from(be16(&mut rest, "ipx length")?);
    take(&mut rest, 12, "ipx destination")?;
    let destination = be16(&mut rest, "ipx destination socket")?;
    take(&mut rest, 10, "ipx source")?;
    let source = be16(&mut rest, "ipx source socket")?;
    if destination != 0x0452 && source != 0x0452 {
        return Err(Fault::value("ipx socket", rest));
    }
    // The length counts the header of 30 octets; the frame may be padded.
    Ok(rest.get(..length.saturating_sub(30)).unwrap_or(rest))
}

/// Responses (general 2, nearest 4): entries of type, name, address, hops.
fn dissect_sap(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = service_advertisement(message.bytes)?;
    if !matches!(be16(&mut rest, "sap operation")?, 2 | 4) {
        return Ok(());
    }
    while rest.len() >= 64 {
        be16(&mut rest, "sap server type")?;
        let name = take(&mut rest, 48, "sap server name")?;
        take(&mut rest, 12, "sap address")?;
        let hops = be16(&mut rest, "sap hops")?;
        // A router repeats the servers of other networks: those are further away.
        if hops <= 1 && is_printable(unpadded(name)) {
            out.say(Subject::Sender, IPX_SERVER, name);
        }
    }
    Ok(())
}

/// A DDP packet with a long header and type 2; what follows its header.
fn name_binding(message: &[u8]) -> Result<&[u8], Fault> {
    let mut rest = message;
    take(&mut rest, 12, "ddp header")?;
    if octet(&mut rest, "ddp type")? != 2 {
        return Err(Fault::value("ddp type", rest));
    }
    Ok(rest)
}

/// Function and count, then tuples: network, node, socket, enumerator, object, type, zone.
fn dissect_nbp(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = name_binding(message.bytes)?;
    let first = octet(&mut rest, "nbp function")?;
    octet(&mut rest, "nbp id")?;
    // Look-ups name what is sought; only replies name what the sender has.
    let replies = first >> 4 == 3;
    for _ in 0..first & 0x0f {
        take(&mut rest, 5, "nbp address")?;
        let tuple = rest;
        let object = counted8(&mut rest, "nbp object")?;
        let kind = counted8(&mut rest, "nbp type")?;
        counted8(&mut rest, "nbp zone")?;
        let (name, class) = (Text(object), Text(kind));
        out.text(
            Subject::Sender,
            NBP_ENTITY,
            tuple,
            format_args!("{name}:{class}"),
        );
        if replies {
            out.say(Subject::Sender, NBP_OBJECT, object);
        }
    }
    Ok(())
}
