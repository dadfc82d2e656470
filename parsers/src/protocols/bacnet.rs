//! `BACnet` over IP, Ethernet and through routers: device identity.
//!
//! Spec: ANSI/ASHRAE 135-2020, annexes J (BVLL) and U (BVLL over IPv6), clause 6 (NPDU), clause 20 (APDU encoding),
//! clauses 12.11 (Device object) and 12.56 (Network Port object).

mod questions;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::octets::{array, be16, counted8, octet, take};
use crate::operation::Operation;
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Mac, Out, Place, Subject};
use crate::text::{Latin, Utf16};

/// Instance number of the device object, 0–4194302.
pub const DEVICE_INSTANCE: Key = Key("bacnet.device_instance");
/// Vendor identifier as assigned by ASHRAE.
pub const VENDOR_ID: Key = Key("bacnet.vendor_id");
/// Name of the device object.
pub const OBJECT_NAME: Key = Key("bacnet.object_name");
/// Vendor name (property 121).
pub const VENDOR_NAME: Key = Key("bacnet.vendor_name");
/// Model name (property 70).
pub const MODEL_NAME: Key = Key("bacnet.model_name");
/// Firmware revision (property 44).
pub const FIRMWARE_REVISION: Key = Key("bacnet.firmware_revision");
/// Application software version (property 12).
pub const APPLICATION_SOFTWARE_VERSION: Key = Key("bacnet.application_software_version");
/// Location (property 58).
pub const LOCATION: Key = Key("bacnet.location");
/// Description of the device object (property 28).
pub const DESCRIPTION: Key = Key("bacnet.description");
/// Serial number (property 372).
pub const SERIAL_NUMBER: Key = Key("bacnet.serial_number");
/// Longest APDU that the device accepts, in octets (I-Am and property 62).
pub const MAX_APDU: Key = Key("bacnet.max_apdu");
/// Protocol version (property 98).
pub const PROTOCOL_VERSION: Key = Key("bacnet.protocol_version");
/// Protocol revision (property 139).
pub const PROTOCOL_REVISION: Key = Key("bacnet.protocol_revision");
/// Profile name (property 168).
pub const PROFILE_NAME: Key = Key("bacnet.profile_name");
/// Hardware address of a network port (object type 56, property 423).
pub const MAC_ADDRESS: Key = Key("bacnet.mac_address");
/// IP address of a network port (property 400).
pub const IP_ADDRESS: Key = Key("bacnet.ip_address");
/// Number of the network that the sender is on: as it says, or of its network port (property 425).
pub const NETWORK_NUMBER: Key = Key("bacnet.network_number");
/// What its link layer shows the sender to be: `bbmd`.
pub const ROLE: Key = Key("bacnet.role");
/// Networks that the sender routes to: as it says, or as it shows by forwarding from them.
pub const ROUTES_TO: Key = Key("bacnet.routes_to");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "bacnet",
    spec: "ANSI/ASHRAE 135-2020",
    carriers: &[Carrier::Udp(47808), Carrier::Llc(0x82)],
    keys: &[
        DEVICE_INSTANCE,
        VENDOR_ID,
        OBJECT_NAME,
        VENDOR_NAME,
        MODEL_NAME,
        FIRMWARE_REVISION,
        APPLICATION_SOFTWARE_VERSION,
        LOCATION,
        DESCRIPTION,
        SERIAL_NUMBER,
        MAX_APDU,
        PROTOCOL_VERSION,
        PROTOCOL_REVISION,
        PROFILE_NAME,
        MAC_ADDRESS,
        IP_ADDRESS,
        NETWORK_NUMBER,
        ROLE,
        ROUTES_TO,
    ],
    frame: None,
    recognise,
    operation: Some(operation),
    probes: &[
        questions::WHO_IS,
        questions::READ_DEVICE,
        questions::READ_DEVICE_BY_NUMBER,
        questions::READ_DEVICE_SINGLY,
        questions::READ_BEHIND_ROUTER,
        questions::WHO_IS_SEGMENT,
    ],
    dissect,
};

/// Object types of devices and of network ports (clause 21).
const DEVICE: u32 = 8;
const NETWORK_PORT: u32 = 56;
/// Instance that stands for "any" in requests and "none yet" of a device (clause 12.11.1); also the mask of instances.
const WILDCARD: u32 = 4_194_303;
/// Tags read from one list; more are not those of an identity.
const MOST_TAGS: usize = 512;

/// BACnet/IP begins with 0x81 or, over IPv6, 0x82, a known function and its own length (J.2, U.2).
fn recognise(message: &[u8]) -> Option<Recognition> {
    match message {
        [0x81 | 0x82, 0x00..=0x0c, high, low, ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            (length == message.len()).then_some(Recognition {
                strong: true,
                from: role(message),
            })
        }
        // LLC unnumbered information between BACnet's access points (clause 7.1).
        [0x82, 0x82 | 0x83, 0x03, 0x01, ..] => Some(Recognition::STRONG),
        _ => None,
    }
}

/// Which end sends such an APDU (clause 20.1): both are at the same port, so that nothing else shows it.
fn role(message: &[u8]) -> Option<Role> {
    let (_, rest) = network_layer(message).ok()??;
    let npdu = npdu(rest).ok().filter(|npdu| !npdu.network_message)?;
    match *npdu.rest {
        // Confirmed requests; Who-Has and Who-Is.
        [0x00..=0x0f, ..] | [0x10..=0x1f, 7 | 8, ..] => Some(Role::Client),
        // I-Am and I-Have; acknowledgements, errors, refusals.
        [0x10..=0x1f, 0 | 1, ..] | [0x20..=0x3f | 0x50..=0x7f, ..] => Some(Role::Server),
        _ => None,
    }
}

/// Names of confirmed services (clause 21, `BACnetConfirmedServiceChoice`).
const CONFIRMED: [(u16, &str); 32] = [
    (0, "acknowledge alarm"),
    (1, "confirmed cov notification"),
    (2, "confirmed event notification"),
    (3, "get alarm summary"),
    (4, "get enrollment summary"),
    (5, "subscribe cov"),
    (6, "atomic read file"),
    (7, "atomic write file"),
    (8, "add list element"),
    (9, "remove list element"),
    (10, "create object"),
    (11, "delete object"),
    (12, "read property"),
    (13, "read property conditional"),
    (14, "read property multiple"),
    (15, "write property"),
    (16, "write property multiple"),
    (17, "device communication control"),
    (18, "confirmed private transfer"),
    (19, "confirmed text message"),
    (20, "reinitialise device"),
    (21, "vt open"),
    (22, "vt close"),
    (23, "vt data"),
    (24, "authenticate"),
    (25, "request key"),
    (26, "read range"),
    (27, "life safety operation"),
    (28, "subscribe cov property"),
    (29, "get event information"),
    (30, "subscribe cov property multiple"),
    (31, "confirmed cov notification multiple"),
];
/// Names of unconfirmed services.
const UNCONFIRMED: [(u16, &str); 14] = [
    (0, "i-am"),
    (1, "i-have"),
    (2, "unconfirmed cov notification"),
    (3, "unconfirmed event notification"),
    (4, "unconfirmed private transfer"),
    (5, "unconfirmed text message"),
    (6, "time synchronisation"),
    (7, "who-has"),
    (8, "who-is"),
    (9, "utc time synchronisation"),
    (10, "write group"),
    (11, "unconfirmed cov notification multiple"),
    (12, "who-am-i"),
    (13, "you-are"),
];

fn operation(message: &[u8]) -> Option<Operation> {
    let (_, rest) = network_layer(message).ok()??;
    let npdu = npdu(rest).ok()?;
    match *npdu.rest {
        [kind, ..] if npdu.network_message => {
            Some(Operation::of(&[], "network message", kind.into()))
        }
        // A later segment has the service at the same place.
        [0x08..=0x0f, _, _, _, _, service, ..] | [0x00..=0x07, _, _, service, ..] => Some(
            Operation::of(&CONFIRMED, "confirmed service", service.into()),
        ),
        [0x10..=0x1f, service, ..] => Some(Operation::of(
            &UNCONFIRMED,
            "unconfirmed service",
            service.into(),
        )),
        _ => None,
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    link_role(message.bytes, out);
    let Some((sender, input)) = network_layer(message.bytes)? else {
        return Ok(());
    };
    let npdu = npdu(input)?;
    let subject = match npdu.source {
        None => sender,
        Some(Source { network, octets }) => {
            // Only a router adds the network that a message came from (§6.2.2, §6.5.4).
            let number = be16(&mut &*network, "npdu source network")?;
            out.text(sender, ROUTES_TO, network, format_args!("{number}"));
            match place(number, octets) {
                Some(place) => Subject::Behind(place),
                // An address that we cannot hold is still not the router's own.
                None => return Ok(()),
            }
        }
    };
    if npdu.network_message {
        return network_message(subject, npdu.rest, out);
    }
    apdu(subject, npdu.rest, out)
}

/// J.2, U.2: only a BBMD forwards, and answers with its tables.
fn link_role(message: &[u8], out: &mut Out<'_>) {
    if let [0x81, 0x03 | 0x04 | 0x07, ..] | [0x82, 0x08, ..] = message {
        let place = message.get(..2).unwrap_or_default();
        out.text(Subject::Sender, ROLE, place, format_args!("bbmd"));
    }
}

/// Who first sent the NPDU, and the NPDU; `None` for what the link layers say among themselves.
fn network_layer(mut rest: &[u8]) -> Result<Option<(Subject, &[u8])>, Fault> {
    let [kind, function, ..] = *rest else {
        return Err(Fault::short("bvll header"));
    };
    let mut sender = Subject::Sender;
    match (kind, function) {
        // Forwarded by a BBMD: the true origin goes before the NPDU (J.2.5).
        (0x81, 0x04) => {
            take(&mut rest, 4, "bvll header")?;
            let address = Ipv4Addr::from(array::<4>(&mut rest, "bvll origin")?);
            be16(&mut rest, "bvll origin port")?;
            sender = Subject::Ip(IpAddr::V4(address));
        }
        // Distribute-Broadcast-To-Network, Original-Unicast and -Broadcast.
        (0x81, 0x09..=0x0b) => {
            take(&mut rest, 4, "bvll header")?;
        }
        // U.2: Original-Unicast has virtual addresses of source and destination.
        (0x82, 0x01) => {
            take(&mut rest, 10, "bvll6 header")?;
        }
        // U.2: Original-Broadcast and Distribute-Broadcast-To-Network have the source's alone.
        (0x82, 0x02 | 0x0c) => {
            take(&mut rest, 7, "bvll6 header")?;
        }
        // U.2: Forwarded-NPDU has the origin's virtual and its true address.
        (0x82, 0x08) => {
            take(&mut rest, 7, "bvll6 header")?;
            let address = Ipv6Addr::from(array::<16>(&mut rest, "bvll6 origin")?);
            be16(&mut rest, "bvll6 origin port")?;
            sender = Subject::Ip(IpAddr::V6(address));
        }
        (0x82, 0x82 | 0x83) => {
            take(&mut rest, 3, "llc header")?;
        }
        _ => return Ok(None),
    }
    Ok(Some((sender, rest)))
}

/// What precedes the application's own data (clause 6.2).
struct Npdu<'a> {
    /// The device that sent it, when that is behind a router.
    source: Option<Source<'a>>,
    network_message: bool,
    rest: &'a [u8],
}

/// Network number, as sent, and address on it of a device behind a router.
struct Source<'a> {
    network: &'a [u8],
    octets: &'a [u8],
}

fn npdu(input: &[u8]) -> Result<Npdu<'_>, Fault> {
    let mut rest = input;
    if octet(&mut rest, "npdu version")? != 1 {
        return Err(Fault::value("npdu version", rest));
    }
    let control = octet(&mut rest, "npdu control")?;
    if control & 0x20 != 0 {
        be16(&mut rest, "npdu destination network")?;
        counted8(&mut rest, "npdu destination address")?;
    }
    let mut source = None;
    if control & 0x08 != 0 {
        let network = take(&mut rest, 2, "npdu source network")?;
        let octets = counted8(&mut rest, "npdu source address")?;
        source = Some(Source { network, octets });
    }
    if control & 0x20 != 0 {
        octet(&mut rest, "npdu hop count")?;
    }
    Ok(Npdu {
        source,
        network_message: control & 0x80 != 0,
        rest,
    })
}

fn place(network: u16, octets: &[u8]) -> Option<Place> {
    let length = u8::try_from(octets.len())
        .ok()
        .filter(|n| (1..=7).contains(n))?;
    let mut address = [0; 7];
    for (to, from) in address.iter_mut().zip(octets) {
        *to = *from;
    }
    Some(Place::Bacnet {
        network,
        length,
        address,
    })
}

/// Clause 6.4: of the messages between routers, I-Am-Router-To-Network identifies one, Initialize-Routing-Table-Ack lists
/// its networks, and Network-Number-Is tells where it stands.
fn network_message(subject: Subject, mut rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    match octet(&mut rest, "network message type")? {
        0x01 => {
            let networks = rest.chunks_exact(2).map(|pair| {
                pair.iter()
                    .fold(0_u16, |n, octet| n << 8 | u16::from(*octet))
            });
            let networks = crate::statement::Joined(networks);
            out.text(subject, ROUTES_TO, rest, format_args!("{networks}"));
        }
        0x07 => {
            for _ in 0..octet(&mut rest, "routing table ports")? {
                let place = rest.get(..2).unwrap_or_default();
                let network = be16(&mut rest, "routing table network")?;
                octet(&mut rest, "routing table port")?;
                counted8(&mut rest, "routing table port information")?;
                out.text(subject, ROUTES_TO, place, format_args!("{network}"));
            }
        }
        0x13 => {
            let place = rest.get(..2).unwrap_or_default();
            let network = be16(&mut rest, "network number")?;
            out.text(subject, NETWORK_NUMBER, place, format_args!("{network}"));
        }
        _ => {}
    }
    Ok(())
}

/// Clause 20.1: requests in which a device names itself, and complex acknowledgements.
fn apdu(subject: Subject, mut rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let first = octet(&mut rest, "apdu type")?;
    match first >> 4 {
        // A confirmed request that is not cut into segments: what it can take, invoke id, service.
        0 if first & 0x08 == 0 => {
            let [_, _, service] = array::<3>(&mut rest, "confirmed request")?;
            match service {
                1 | 2 | 31 => notification(subject, rest, out),
                _ => Ok(()),
            }
        }
        1 => match octet(&mut rest, "unconfirmed service")? {
            0 => i_am(subject, rest, out),
            1 => i_have(subject, rest, out),
            2 | 3 | 11 => notification(subject, rest, out),
            13 => who_am_i(subject, rest, out),
            _ => Ok(()),
        },
        3 => {
            octet(&mut rest, "invoke id")?;
            // Of a segmented answer the first part is read: it names the object.
            if first & 0x08 != 0 && array::<2>(&mut rest, "segment")?.first() != Some(&0) {
                return Ok(());
            }
            let read = match octet(&mut rest, "acknowledged service")? {
                12 => read_property(subject, rest, out),
                14 => read_property_multiple(subject, rest, out),
                _ => Ok(()),
            };
            // A first segment ends where it must, which is no fault.
            if first & 0x0c == 0x0c { Ok(()) } else { read }
        }
        _ => Ok(()),
    }
}

/// One tagged element (clause 20.2.1).
struct Tag<'a> {
    number: u8,
    /// Context tags number parameters; application tags name types.
    context: bool,
    kind: TagKind<'a>,
}

enum TagKind<'a> {
    Value(&'a [u8]),
    Opening,
    Closing,
}

fn tag<'a>(rest: &mut &'a [u8]) -> Result<Tag<'a>, Fault> {
    let first = octet(rest, "tag")?;
    let mut number = first >> 4;
    if number == 15 {
        number = octet(rest, "extended tag number")?;
    }
    let context = first & 0x08 != 0;
    let kind = match first & 0x07 {
        6 if context => TagKind::Opening,
        7 if context => TagKind::Closing,
        // Application booleans carry their value in the length.
        _ if !context && number == 1 => TagKind::Value(&[]),
        5 => {
            let length = match octet(rest, "extended length")? {
                254 => be16(rest, "extended length")?.into(),
                255 => return Err(Fault::value("tag length", rest)),
                length => usize::from(length),
            };
            TagKind::Value(take(rest, length, "tag value")?)
        }
        length => TagKind::Value(take(rest, length.into(), "tag value")?),
    };
    Ok(Tag {
        number,
        context,
        kind,
    })
}

fn unsigned(octets: &[u8]) -> Option<u32> {
    (octets.len() <= 4).then(|| octets.iter().fold(0, |n, octet| n << 8 | u32::from(*octet)))
}

/// Object type and instance (clause 20.2.14).
fn object(octets: &[u8]) -> Option<(u32, u32)> {
    let id = unsigned(octets).filter(|_| octets.len() == 4)?;
    Some((id >> 22, id & WILDCARD))
}

fn number(subject: Subject, key: Key, octets: &[u8], out: &mut Out<'_>) {
    if let Some(number) = unsigned(octets) {
        out.text(subject, key, octets, format_args!("{number}"));
    }
}

/// Whether this identifies a device object; its instance is stated unless a wildcard stands for it.
fn instance(subject: Subject, octets: &[u8], out: &mut Out<'_>) -> bool {
    match object(octets) {
        Some((DEVICE, WILDCARD)) => true,
        Some((DEVICE, instance)) => {
            out.text(subject, DEVICE_INSTANCE, octets, format_args!("{instance}"));
            true
        }
        _ => false,
    }
}

fn is_network_port(octets: &[u8]) -> bool {
    matches!(object(octets), Some((NETWORK_PORT, _)))
}

/// The value of the next element; lists have none.
fn value<'a>(rest: &mut &'a [u8], what: &'static str) -> Result<&'a [u8], Fault> {
    match tag(rest)?.kind {
        TagKind::Value(value) => Ok(value),
        _ => Err(Fault::value(what, rest)),
    }
}

/// Clause 16.10.2: device, max APDU, segmentation, vendor.
fn i_am(subject: Subject, mut rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let device = value(&mut rest, "i-am device")?;
    // A device that nobody gave a number yet says so.
    if let Some((DEVICE, instance)) = object(device) {
        out.text(subject, DEVICE_INSTANCE, device, format_args!("{instance}"));
    }
    number(subject, MAX_APDU, value(&mut rest, "i-am max apdu")?, out);
    value(&mut rest, "i-am segmentation")?;
    number(subject, VENDOR_ID, value(&mut rest, "i-am vendor")?, out);
    Ok(())
}

/// Clause 16.9.3: device, object, name of the object; which is the device's where they are the same.
fn i_have(subject: Subject, mut rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let device = value(&mut rest, "i-have device")?;
    let is_device = instance(subject, device, out);
    let object = value(&mut rest, "i-have object")?;
    let name = value(&mut rest, "i-have name")?;
    if is_device && object == device {
        text(subject, OBJECT_NAME, name, out);
    }
    Ok(())
}

/// Clauses 13.5 to 13.8, 13.14 and 13.15: the subscriber's process, then the device that notifies.
fn notification(subject: Subject, mut rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    value(&mut rest, "notified process")?;
    let device = tag(&mut rest)?;
    if let (1, true, TagKind::Value(id)) = (device.number, device.context, device.kind) {
        instance(subject, id, out);
    }
    Ok(())
}

/// Clause 16.11: vendor, model and serial number of a device that has no number yet.
fn who_am_i(subject: Subject, mut rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    number(
        subject,
        VENDOR_ID,
        value(&mut rest, "who-am-i vendor")?,
        out,
    );
    text(
        subject,
        MODEL_NAME,
        value(&mut rest, "who-am-i model")?,
        out,
    );
    let serial = value(&mut rest, "who-am-i serial number")?;
    text(subject, SERIAL_NUMBER, serial, out);
    Ok(())
}

/// Clause 15.5.1.2: object, property, index, value.
fn read_property(subject: Subject, mut rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let id = value(&mut rest, "object identifier")?;
    let device = instance(subject, id, out) || is_network_port(id);
    let port = is_network_port(id);
    let property = unsigned(value(&mut rest, "property identifier")?);
    loop {
        let tag = tag(&mut rest)?;
        if let (3, TagKind::Opening) = (tag.number, tag.kind) {
            break;
        }
    }
    match property {
        Some(property) if device => values(subject, (port, property), &mut rest, out),
        _ => Ok(()),
    }
}

/// Clause 15.7.1.2: for each object, its properties and their values or errors.
fn read_property_multiple(
    subject: Subject,
    mut rest: &[u8],
    out: &mut Out<'_>,
) -> Result<(), Fault> {
    let mut device = false;
    let mut port = false;
    let mut property = None;
    for _ in 0..MOST_TAGS {
        if rest.is_empty() {
            break;
        }
        let tag = tag(&mut rest)?;
        match (tag.number, tag.kind) {
            (0, TagKind::Value(id)) if tag.context => {
                port = is_network_port(id);
                device = instance(subject, id, out) || port;
            }
            (2, TagKind::Value(id)) if tag.context => property = unsigned(id),
            (4, TagKind::Opening) => match property {
                Some(property) if device => values(subject, (port, property), &mut rest, out)?,
                _ => skip(&mut rest)?,
            },
            (5, TagKind::Opening) => skip(&mut rest)?,
            _ => {}
        }
    }
    Ok(())
}

/// Values up to the tag that closes the list; lists within it are of other properties than ours.
fn values(
    subject: Subject,
    property: (bool, u32),
    rest: &mut &[u8],
    out: &mut Out<'_>,
) -> Result<(), Fault> {
    for _ in 0..MOST_TAGS {
        let tag = tag(rest)?;
        match tag.kind {
            TagKind::Closing => return Ok(()),
            TagKind::Opening => skip(rest)?,
            TagKind::Value(value) if !tag.context => {
                statement(subject, property, tag.number, value, out);
            }
            TagKind::Value(_) => {}
        }
    }
    Err(Fault::value("closing tag", rest))
}

/// Passes over a list and the lists in it.
fn skip(rest: &mut &[u8]) -> Result<(), Fault> {
    let mut depth = 1_u32;
    for _ in 0..MOST_TAGS {
        depth = match tag(rest)?.kind {
            TagKind::Opening => depth.saturating_add(1),
            TagKind::Closing => depth.saturating_sub(1),
            TagKind::Value(_) => depth,
        };
        if depth == 0 {
            return Ok(());
        }
    }
    Err(Fault::value("closing tag", rest))
}

/// One value of a property of the device or of its network port, by its application type: 2 unsigned, 6 octets,
/// 7 character string, 12 object identifier.
fn statement(subject: Subject, property: (bool, u32), kind: u8, value: &[u8], out: &mut Out<'_>) {
    let (port, property) = property;
    if port {
        match (property, kind, value) {
            (423, 6, [a, b, c, d, e, f]) => {
                let mac = Mac([*a, *b, *c, *d, *e, *f]);
                out.text(subject, MAC_ADDRESS, value, format_args!("{mac}"));
            }
            (400, 6, [a, b, c, d]) => {
                let address = Ipv4Addr::new(*a, *b, *c, *d);
                if !address.is_unspecified() {
                    out.text(subject, IP_ADDRESS, value, format_args!("{address}"));
                }
            }
            (425, 2, _) => number(subject, NETWORK_NUMBER, value, out),
            _ => {}
        }
        return;
    }
    let key = match (property, kind) {
        (77, 7) => OBJECT_NAME,
        (121, 7) => VENDOR_NAME,
        (70, 7) => MODEL_NAME,
        (44, 7) => FIRMWARE_REVISION,
        (12, 7) => APPLICATION_SOFTWARE_VERSION,
        (58, 7) => LOCATION,
        (28, 7) => DESCRIPTION,
        (168, 7) => PROFILE_NAME,
        (372, 7) => SERIAL_NUMBER,
        (75, 12) => {
            instance(subject, value, out);
            return;
        }
        (62, 2) => return number(subject, MAX_APDU, value, out),
        (98, 2) => return number(subject, PROTOCOL_VERSION, value, out),
        (120, 2) => return number(subject, VENDOR_ID, value, out),
        (139, 2) => return number(subject, PROTOCOL_REVISION, value, out),
        _ => return,
    };
    text(subject, key, value, out);
}

/// A character string.
fn text(subject: Subject, key: Key, value: &[u8], out: &mut Out<'_>) {
    // Clause 20.2.9: the first octet names the character set: 0 UTF-8 (once ANSI X3.4), 4 UCS-2, 5 ISO 8859-1.
    match value {
        [0, text @ ..] => out.say(subject, key, text),
        [5, text @ ..] => {
            let text = crate::text::unpadded(text);
            out.text(subject, key, text, format_args!("{}", Latin(text)));
        }
        [4, text @ ..] => {
            out.text(subject, key, text, format_args!("{}", Utf16(text)));
        }
        _ => {}
    }
}
