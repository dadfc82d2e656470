//! CODESYS runtimes: what controllers of versions 2 and 3 tell of themselves.
//!
//! Spec: no public one; the layout follows what runtimes send. Version 2: the answer to the log-in service, as read by
//! Digital Bond's Redpoint. Version 3: block driver, datagram layer (magic 0xc5) and name service (identification, 0xc280).

use crate::octets::{array, foreign, head, le16, le32, take, whole};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{is_printable, unpadded};

/// Operating system (version 2): `Nucleus PLUS`.
pub const OS: Key = Key("codesys.os");
/// Version of the operating system (version 2).
pub const OS_VERSION: Key = Key("codesys.os_version");
/// Product (version 2).
pub const PRODUCT: Key = Key("codesys.product");
/// Name of the node (version 3).
pub const NODE_NAME: Key = Key("codesys.node_name");
/// Name of the device (version 3).
pub const DEVICE_NAME: Key = Key("codesys.device_name");
/// Name of the vendor (version 3).
pub const VENDOR_NAME: Key = Key("codesys.vendor_name");
/// Target id (version 3): `0x10060001`, the vendor in its upper half.
pub const TARGET_ID: Key = Key("codesys.target_id");
/// Version of the target (version 3): `3.5.15.0`.
pub const TARGET_VERSION: Key = Key("codesys.target_version");
/// Serial number (version 3).
pub const SERIAL_NUMBER: Key = Key("codesys.serial_number");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "codesys",
    spec: "CODESYS runtime, as sent",
    carriers: &[
        Carrier::Tcp(1200),
        Carrier::Tcp(2455),
        Carrier::Tcp(11740),
        Carrier::Udp(1740),
        Carrier::Udp(1741),
        Carrier::Udp(1742),
        Carrier::Udp(1743),
    ],
    keys: &[
        OS,
        OS_VERSION,
        PRODUCT,
        NODE_NAME,
        DEVICE_NAME,
        VENDOR_NAME,
        TARGET_ID,
        TARGET_VERSION,
        SERIAL_NUMBER,
    ],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Magic of the block driver of version 3 on TCP, lowest octet first.
const BLOCK: [u8; 4] = [0xe8, 0x17, 0x01, 0x00];
/// Octets of the block driver's header: magic and length, itself included.
const BLOCK_HEADER: usize = 8;
const LONGEST_BLOCK: u32 = 16_384;
const DATAGRAM: u8 = 0xc5;
const NAME_REQUEST: u8 = 3;
const NAME_RESPONSE: u8 = 4;
const IDENTIFICATION: u16 = 0xc280;
/// Octets of the header of version 2: mark, length, flags.
const V2_HEADER: usize = 6;
const V2_LONGEST: u32 = 8_192;
/// Longest name in characters.
const LONGEST_NAME: u16 = 128;

/// Version 2: two octets 0xbb, then the length in the sender's own order. Version 3: the block driver.
fn frame(input: &[u8]) -> Framed {
    let [first] = head::<1>(input)?;
    if first == 0xe8 {
        let [0xe8, 0x17, 0x01, 0x00, l0, l1, l2, l3] = head::<8>(input)? else {
            return Err(foreign("codesys block magic", input));
        };
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        if !(8..=LONGEST_BLOCK).contains(&length) {
            return Err(foreign("codesys block length", input));
        }
        return whole(input, usize::try_from(length).unwrap_or(usize::MAX));
    }
    let [0xbb, 0xbb, rest @ ..] = head::<6>(input)? else {
        return Err(foreign("codesys mark", input));
    };
    let length = v2_length(rest);
    if !(1..=V2_LONGEST).contains(&length) {
        return Err(foreign("codesys length", input));
    }
    whole(
        input,
        usize::try_from(length)
            .unwrap_or(usize::MAX)
            .saturating_add(V2_HEADER),
    )
}

/// The order that gives the smaller number is the sender's.
fn v2_length(octets: [u8; 4]) -> u32 {
    u32::from_le_bytes(octets).min(u32::from_be_bytes(octets))
}

/// The part behind the block driver, or the datagram itself.
fn datagram(message: &[u8]) -> &[u8] {
    match message.strip_prefix(&BLOCK) {
        Some(rest) => rest.get(4..).unwrap_or_default(),
        None => message,
    }
}

fn recognise(message: &[u8]) -> Option<Recognition> {
    if message.starts_with(&[0xbb, 0xbb]) {
        let length = v2_length(*message.get(2..)?.first_chunk::<4>()?);
        let fits = usize::try_from(length).ok()?.checked_add(V2_HEADER)? == message.len();
        return fits.then_some(Recognition::WEAK);
    }
    let inner = datagram(message);
    if let Some(name) = name_service(inner) {
        return Some(Recognition::STRONG.from(if name.answers {
            Role::Server
        } else {
            Role::Client
        }));
    }
    let block = message.starts_with(&BLOCK)
        && message.len() >= BLOCK_HEADER
        && inner.starts_with(&[DATAGRAM]);
    block.then_some(Recognition::STRONG)
}

/// A message of the name service.
struct Name<'a> {
    answers: bool,
    kind: u16,
    body: &'a [u8],
}

/// Magic, hops and header length, options, service, message, address lengths; addresses, padding; kind, version, request.
fn name_service(message: &[u8]) -> Option<Name<'_>> {
    let &[
        DATAGRAM,
        hops,
        _,
        service @ (NAME_REQUEST | NAME_RESPONSE),
        _,
        lengths,
        ..,
    ] = message
    else {
        return None;
    };
    let words = usize::from(hops & 7).checked_add(usize::from(lengths >> 4))?;
    let octets = words
        .checked_add(usize::from(lengths & 0x0f))?
        .checked_mul(2)?;
    let mut rest = message.get(octets.checked_next_multiple_of(4)?..)?;
    let kind = le16(&mut rest, "name service").ok()?;
    let version = le16(&mut rest, "name service version").ok()?;
    le32(&mut rest, "name service request").ok()?;
    let known =
        matches!(kind, 0xc201..=0xc203 | IDENTIFICATION) && matches!(version, 0x0100..=0x0500);
    known.then_some(Name {
        answers: service == NAME_RESPONSE,
        kind,
        body: rest,
    })
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    if message.bytes.starts_with(&[0xbb, 0xbb]) {
        return version_2(message, out);
    }
    match name_service(datagram(message.bytes)) {
        Some(name) if name.answers && name.kind == IDENTIFICATION => identification(name.body, out),
        _ => Ok(()),
    }
}

/// Answer to the log-in service (1): names of 32 octets each from 64 on.
fn version_2(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let asks = matches!(message.asked, Some([0xbb, 0xbb, _, _, _, _, 1]));
    if message.from != Role::Server || !asks {
        return Ok(());
    }
    let mut rest = message.bytes;
    take(&mut rest, 64, "log-in answer")?;
    for key in [OS, OS_VERSION] {
        let name = take(&mut rest, 32, "operating system")?;
        if is_printable(unpadded(name)) {
            out.say(Subject::Sender, key, name);
        }
    }
    let product = take(
        &mut rest,
        32.min(message.bytes.len().saturating_sub(128)),
        "product",
    )?;
    if is_printable(unpadded(product)) {
        out.say(Subject::Sender, PRODUCT, product);
    }
    Ok(())
}

/// Channels, order of octets, address; lengths of the names; target; lengths of the rest; then what was counted, each ended by a NUL.
fn identification(body: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = body;
    take(&mut rest, 4, "identification head")?;
    let parent = le16(&mut rest, "parent address length")?;
    let mut lengths = [0_u16; 3];
    for length in &mut lengths {
        *length = le16(&mut rest, "name length")?;
        if *length > LONGEST_NAME {
            return Err(Fault::value("name length", rest));
        }
    }
    le32(&mut rest, "target type")?;
    let octets = rest.get(..4).unwrap_or_default();
    let target = le32(&mut rest, "target id")?;
    out.text(
        Subject::Sender,
        TARGET_ID,
        octets,
        format_args!("0x{target:08x}"),
    );
    let octets = rest.get(..4).unwrap_or_default();
    let [build, patch, minor, major] = array::<4>(&mut rest, "target version")?;
    if major > 0 {
        out.text(
            Subject::Sender,
            TARGET_VERSION,
            octets,
            format_args!("{major}.{minor}.{patch}.{build}"),
        );
    }
    take(&mut rest, 4, "flags")?;
    let [serial, _own, _driver] = array::<3>(&mut rest, "serial number length")?;
    take(&mut rest, 9, "reserved")?;
    take(&mut rest, parent.into(), "parent address")?;
    for (key, length) in [NODE_NAME, DEVICE_NAME, VENDOR_NAME]
        .into_iter()
        .zip(lengths)
    {
        let text = take(&mut rest, usize::from(length).saturating_mul(2), "name")?;
        if take(&mut rest, 2, "end of name")? != [0, 0] {
            return Err(Fault::value("end of name", rest));
        }
        out.utf16le(Subject::Sender, key, text);
    }
    let text = take(&mut rest, serial.into(), "serial number")?;
    if is_printable(unpadded(text)) {
        out.say(Subject::Sender, SERIAL_NUMBER, text);
    }
    Ok(())
}
