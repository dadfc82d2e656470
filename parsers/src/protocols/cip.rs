//! Common Industrial Protocol: the identity object of a device and of the modules in its rack.
//!
//! Spec: ODVA, The CIP Networks Library, volume 1, §2-4 (message router), §3-5.5 (unconnected send), §5A-2 (identity object),
//! appendix C-1.4 (paths).

use crate::octets::{array, counted8, le16, le32, octet, take};
use crate::operation::Operation;
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Place, Subject};
use crate::text::is_printable;

/// Vendor id as assigned by ODVA.
pub const VENDOR_ID: Key = Key("cip.vendor_id");
/// Device type (profile).
pub const DEVICE_TYPE: Key = Key("cip.device_type");
/// Product code as assigned by the vendor.
pub const PRODUCT_CODE: Key = Key("cip.product_code");
/// Revision: major and minor.
pub const REVISION: Key = Key("cip.revision");
/// Serial number: `0x00c0ffee`.
pub const SERIAL_NUMBER: Key = Key("cip.serial_number");
/// Product name.
pub const PRODUCT_NAME: Key = Key("cip.product_name");

/// Vendor and serial number of whoever opens a connection: `77/0x12ab34cd`.
pub const ORIGINATOR: Key = Key("cip.originator");
/// Vendor id that the opener of a connection expects of its target.
pub const KEYED_VENDOR_ID: Key = Key("cip.keyed_vendor_id");
/// Device type that it expects.
pub const KEYED_DEVICE_TYPE: Key = Key("cip.keyed_device_type");
/// Product code that it expects.
pub const KEYED_PRODUCT_CODE: Key = Key("cip.keyed_product_code");
/// Host name (TCP/IP interface object).
pub const HOST_NAME: Key = Key("cip.host_name");
/// Name of the controller (class 0x64 of Logix controllers).
pub const CONTROLLER_NAME: Key = Key("cip.controller_name");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "cip",
    spec: "CIP Networks Library, volume 1",
    carriers: &[Carrier::Inside("enip")],
    keys: &[
        VENDOR_ID,
        DEVICE_TYPE,
        PRODUCT_CODE,
        REVISION,
        SERIAL_NUMBER,
        PRODUCT_NAME,
        ORIGINATOR,
        KEYED_VENDOR_ID,
        KEYED_DEVICE_TYPE,
        KEYED_PRODUCT_CODE,
        HOST_NAME,
        CONTROLLER_NAME,
    ],
    frame: None,
    recognise,
    operation: Some(operation),
    probes: &[],
    dissect,
};

/// Those of the identity object, in its order.
const KEYS: [Key; 6] = [
    VENDOR_ID,
    DEVICE_TYPE,
    PRODUCT_CODE,
    REVISION,
    SERIAL_NUMBER,
    PRODUCT_NAME,
];
const REPLY: u8 = 0x80;
const GET_ATTRIBUTES_ALL: u8 = 0x01;
const GET_ATTRIBUTE_SINGLE: u8 = 0x0e;
const GET_ATTRIBUTE_LIST: u8 = 0x03;
const UNCONNECTED_SEND: u8 = 0x52;
const FORWARD_OPEN: u8 = 0x54;
const LARGE_FORWARD_OPEN: u8 = 0x5b;
const IDENTITY: u16 = 0x01;
const CONNECTION_MANAGER: u16 = 0x06;
/// Names of a Logix controller's own.
const CONTROLLER: u16 = 0x64;
const TCP_IP_INTERFACE: u16 = 0xf5;
/// Most attributes of a list that are read.
const MOST: u16 = 32;

/// A service and a path that begins with a logical segment, or a reply with a reserved octet of zero.
fn recognise(message: &[u8]) -> Option<Recognition> {
    match *message {
        [service, 0, _, _, ..] if service & REPLY != 0 => Some(Recognition::STRONG),
        [service, words, segment, ..]
            if service & REPLY == 0 && words > 0 && segment & 0xe0 == 0x20 =>
        {
            Some(Recognition::STRONG)
        }
        // Tag names are symbolic segments.
        [service, words, 0x91, ..] if service & REPLY == 0 && words > 0 => {
            Some(Recognition::STRONG)
        }
        _ => None,
    }
}

/// What a request asks of which object, behind which slot.
struct Request {
    service: u8,
    class: Option<u16>,
    attribute: Option<u16>,
    slot: Option<u16>,
}

/// Reads service and path; an unconnected send is opened, and its route gives the slot.
fn request(input: &[u8]) -> Result<Request, Fault> {
    let mut rest = input;
    let service = octet(&mut rest, "service")?;
    let words = octet(&mut rest, "path size")?;
    let path = take(&mut rest, usize::from(words).saturating_mul(2), "path")?;
    let (class, attribute) = logical(path)?;
    if (service, class) == (UNCONNECTED_SEND, Some(CONNECTION_MANAGER)) {
        take(&mut rest, 2, "priority and timeout")?;
        let length = usize::from(le16(&mut rest, "message length")?);
        let inner = take(&mut rest, length, "message")?;
        if length % 2 == 1 {
            octet(&mut rest, "padding")?;
        }
        let words = octet(&mut rest, "route size")?;
        octet(&mut rest, "reserved")?;
        let route = take(&mut rest, usize::from(words).saturating_mul(2), "route")?;
        // Port segment 1 is the backplane; the link is the slot.
        let slot = match route {
            [0x01, slot, ..] => Some(u16::from(*slot)),
            _ => None,
        };
        // Nested once; what is inside another is not opened.
        let mut inner_rest = inner;
        let service = octet(&mut inner_rest, "service")?;
        let words = octet(&mut inner_rest, "path size")?;
        let path = take(
            &mut inner_rest,
            usize::from(words).saturating_mul(2),
            "path",
        )?;
        let (class, attribute) = logical(path)?;
        return Ok(Request {
            service,
            class,
            attribute,
            slot,
        });
    }
    Ok(Request {
        service,
        class,
        attribute,
        slot: None,
    })
}

/// Class and attribute of a path of logical segments.
fn logical(mut path: &[u8]) -> Result<(Option<u16>, Option<u16>), Fault> {
    let (mut class, mut attribute) = (None, None);
    while !path.is_empty() {
        let segment = octet(&mut path, "segment")?;
        if segment & 0xe0 != 0x20 {
            break;
        }
        let value = match segment & 0x03 {
            0 => u16::from(octet(&mut path, "segment value")?),
            1 => {
                octet(&mut path, "segment padding")?;
                le16(&mut path, "segment value")?
            }
            _ => break,
        };
        match segment & 0x1c {
            0x00 => class = Some(value),
            0x10 => attribute = Some(value),
            _ => {}
        }
    }
    Ok((class, attribute))
}

/// Names of the common services (volume 1, appendix A) and of those of connections and controllers.
const SERVICES: [(u16, &str); 26] = [
    (0x01, "get attributes all"),
    (0x02, "set attributes all"),
    (0x03, "get attribute list"),
    (0x04, "set attribute list"),
    (0x05, "reset"),
    (0x06, "start"),
    (0x07, "stop"),
    (0x08, "create"),
    (0x09, "delete"),
    (0x0a, "multiple services"),
    (0x0d, "apply attributes"),
    (0x0e, "get attribute single"),
    (0x10, "set attribute single"),
    (0x11, "find next object instance"),
    (0x15, "restore"),
    (0x16, "save"),
    (0x17, "nop"),
    (0x18, "get member"),
    (0x19, "set member"),
    (0x1a, "insert member"),
    (0x1b, "remove member"),
    (0x4c, "read tag"),
    (0x4d, "write tag"),
    (0x52, "read tag fragmented"),
    (0x53, "write tag fragmented"),
    (0x55, "get instance attribute list"),
];
/// Names of the connection manager's own services (volume 1, table 3-5.8).
const CONNECTIONS: [(u16, &str); 5] = [
    (0x4e, "forward close"),
    (0x52, "unconnected send"),
    (0x54, "forward open"),
    (0x5a, "get connection owner"),
    (0x5b, "large forward open"),
];

/// The service; of an unconnected send, the one within it.
pub(super) fn operation(message: &[u8]) -> Option<Operation> {
    let [service, words, path @ ..] = message else {
        return None;
    };
    if service & REPLY != 0 {
        return None;
    }
    let (path, rest) = path.split_at_checked(usize::from(*words).saturating_mul(2))?;
    let manager = path.starts_with(&[0x20, 0x06]);
    match (*service, rest) {
        // Priority, ticks, length.
        (UNCONNECTED_SEND, [_, _, _, _, inner, ..]) if manager && inner & REPLY == 0 => {
            Some(Operation::hex(&SERVICES, "service", (*inner).into()))
        }
        (service, _) if manager && service >= 0x4b => {
            Some(Operation::hex(&CONNECTIONS, "service", service.into()))
        }
        (service, _) => Some(Operation::hex(&SERVICES, "service", service.into())),
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let [service, _reserved, status, additional] =
        array::<4>(&mut rest, "reply header").unwrap_or_default();
    if matches!(service, FORWARD_OPEN | LARGE_FORWARD_OPEN) {
        return connection(message.bytes, out);
    }
    if service & REPLY == 0 || status != 0 {
        return Ok(());
    }
    take(
        &mut rest,
        usize::from(additional).saturating_mul(2),
        "additional status",
    )?;
    let Some(asked) = message.asked.and_then(|asked| request(asked).ok()) else {
        return Ok(());
    };
    // The reply to what was sent through another device is that of the service inside.
    if (asked.service | REPLY) != service {
        return Ok(());
    }
    let subject = match asked.slot {
        Some(slot) => Subject::Behind(Place::Slot(slot)),
        None => Subject::Sender,
    };
    match (asked.class, asked.service, asked.attribute) {
        (Some(IDENTITY), GET_ATTRIBUTES_ALL, _) => identity(subject, KEYS, rest, out),
        (Some(IDENTITY), GET_ATTRIBUTE_SINGLE, Some(attribute)) => {
            single(subject, attribute, rest, out)
        }
        (Some(IDENTITY), GET_ATTRIBUTE_LIST, _) => list(subject, rest, out),
        (Some(TCP_IP_INTERFACE), GET_ATTRIBUTE_SINGLE, Some(6)) => {
            string(subject, HOST_NAME, &mut rest, out)
        }
        (Some(TCP_IP_INTERFACE), GET_ATTRIBUTES_ALL, _) => interface(subject, rest, out),
        (Some(CONTROLLER), GET_ATTRIBUTES_ALL, _) => {
            string(subject, CONTROLLER_NAME, &mut rest, out)
        }
        _ => Ok(()),
    }
}

/// A forward open (§3-5.5.2): who opens; and the key, where the path to the target begins with it.
fn connection(input: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = input;
    let [service, words] = array::<2>(&mut rest, "service")?;
    let path = take(&mut rest, usize::from(words).saturating_mul(2), "path")?;
    if logical(path)?.0 != Some(CONNECTION_MANAGER) {
        return Ok(());
    }
    take(&mut rest, 12, "connection ids")?;
    let octets = rest.get(..6).unwrap_or_default();
    let vendor = le16(&mut rest, "originator vendor")?;
    let serial = le32(&mut rest, "originator serial number")?;
    out.text(
        Subject::Sender,
        ORIGINATOR,
        octets,
        format_args!("{vendor}/0x{serial:08x}"),
    );
    // Multiplier, intervals and parameters of both directions, transport.
    let parameters = if service == LARGE_FORWARD_OPEN {
        21
    } else {
        17
    };
    take(&mut rest, parameters, "connection parameters")?;
    octet(&mut rest, "connection path size")?;
    // Electronic key (appendix C-1.4.2.5.1): format 4.
    let Some(key) = rest.strip_prefix(&[0x34, 0x04]) else {
        return Ok(());
    };
    let mut rest = key;
    for key in [KEYED_VENDOR_ID, KEYED_DEVICE_TYPE, KEYED_PRODUCT_CODE] {
        let octets = rest.get(..2).unwrap_or_default();
        let number = le16(&mut rest, "electronic key")?;
        // Zero leaves it open.
        if number > 0 {
            out.text(Subject::Receiver, key, octets, format_args!("{number}"));
        }
    }
    Ok(())
}

/// Count, then number, status and value of each attribute; one of which the length is not known ends it.
fn list(subject: Subject, input: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = input;
    for _ in 0..le16(&mut rest, "attribute count")?.min(MOST) {
        let attribute = le16(&mut rest, "attribute")?;
        if le16(&mut rest, "attribute status")? != 0 {
            continue;
        }
        let length = match attribute {
            1..=5 => 2,
            6 => 4,
            7 => usize::from(rest.first().copied().unwrap_or_default()).saturating_add(1),
            _ => return Ok(()),
        };
        single(
            subject,
            attribute,
            take(&mut rest, length, "attribute value")?,
            out,
        )?;
    }
    Ok(())
}

/// All attributes of the TCP/IP interface object (volume 2, §5-4.3): status, capability, control, path, addresses, names.
fn interface(subject: Subject, input: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = input;
    take(&mut rest, 12, "interface status")?;
    let words = le16(&mut rest, "path size")?;
    take(&mut rest, usize::from(words).saturating_mul(2), "path")?;
    take(&mut rest, 20, "interface addresses")?;
    let domain = le16(&mut rest, "domain name")?;
    take(
        &mut rest,
        usize::from(domain).next_multiple_of(2),
        "domain name",
    )?;
    string(subject, HOST_NAME, &mut rest, out)
}

/// A text whose length of two octets goes before it.
fn string(subject: Subject, key: Key, rest: &mut &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let length = le16(rest, "string length")?;
    let text = take(rest, length.into(), "string")?;
    if is_printable(text) {
        out.say(subject, key, text);
    }
    Ok(())
}

/// All attributes of the identity object, in order: vendor, type, product code, revision, status, serial number, name.
pub(super) fn identity(
    subject: Subject,
    keys: [Key; 6],
    input: &[u8],
    out: &mut Out<'_>,
) -> Result<(), Fault> {
    let [vendor, kind, code, revision, serial, name] = keys;
    let mut rest = input;
    for key in [vendor, kind, code] {
        let octets = rest;
        let number = le16(&mut rest, "identity number")?;
        out.text(
            subject,
            key,
            octets.get(..2).unwrap_or_default(),
            format_args!("{number}"),
        );
    }
    let octets = rest;
    let [major, minor] = array::<2>(&mut rest, "revision")?;
    out.text(
        subject,
        revision,
        octets.get(..2).unwrap_or_default(),
        format_args!("{major}.{minor}"),
    );
    le16(&mut rest, "status")?;
    let octets = rest;
    let number = le32(&mut rest, "serial number")?;
    out.text(
        subject,
        serial,
        octets.get(..4).unwrap_or_default(),
        format_args!("0x{number:08x}"),
    );
    let text = counted8(&mut rest, "product name")?;
    if is_printable(text) {
        out.say(subject, name, text);
    }
    Ok(())
}

fn single(subject: Subject, attribute: u16, input: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = input;
    match attribute {
        1..=3 => {
            let key = match attribute {
                1 => VENDOR_ID,
                2 => DEVICE_TYPE,
                _ => PRODUCT_CODE,
            };
            let number = le16(&mut rest, "identity number")?;
            out.text(subject, key, input, format_args!("{number}"));
        }
        4 => {
            let [major, minor] = array::<2>(&mut rest, "revision")?;
            out.text(subject, REVISION, input, format_args!("{major}.{minor}"));
        }
        6 => {
            let number = le32(&mut rest, "serial number")?;
            out.text(
                subject,
                SERIAL_NUMBER,
                input,
                format_args!("0x{number:08x}"),
            );
        }
        7 => {
            let text = counted8(&mut rest, "product name")?;
            if is_printable(text) {
                out.say(subject, PRODUCT_NAME, text);
            }
        }
        _ => {}
    }
    Ok(())
}
