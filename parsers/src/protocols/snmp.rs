//! Simple Network Management Protocol: what agents say of themselves. Communities and user names are never read.
//!
//! Spec: RFC 1157 §4 (v1), RFC 3416 §3 (v2c), RFC 3412 §6 and RFC 3414 §2.4 (v3), RFC 3411 §5 (engine id),
//! RFC 3418 (system group), RFC 6933 (ENTITY-MIB), RFC 1628 (UPS-MIB), RFC 3805 (Printer-MIB), RFC 2790 (host resources).

use std::fmt;

use crate::ber::{Oid, element, elements, expect, unsigned};
use crate::operation::Operation;
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role, finish};
use crate::statement::{Key, Out, Subject};

/// sysDescr.0.
pub const SYS_DESCR: Key = Key("snmp.sys_descr");
/// sysObjectID.0, dotted.
pub const SYS_OBJECT_ID: Key = Key("snmp.sys_object_id");
/// sysName.0.
pub const SYS_NAME: Key = Key("snmp.sys_name");
/// sysLocation.0.
pub const SYS_LOCATION: Key = Key("snmp.sys_location");
/// entPhysicalDescr of the chassis.
pub const DESCRIPTION: Key = Key("snmp.entity_description");
/// entPhysicalHardwareRev of the chassis.
pub const HARDWARE: Key = Key("snmp.entity_hardware_revision");
/// entPhysicalFirmwareRev of the chassis.
pub const FIRMWARE: Key = Key("snmp.entity_firmware_revision");
/// entPhysicalSoftwareRev of the chassis.
pub const SOFTWARE: Key = Key("snmp.entity_software_revision");
/// entPhysicalSerialNum of the chassis, or the serial number of a printer or UPS.
pub const SERIAL: Key = Key("snmp.serial_number");
/// entPhysicalMfgName of the chassis, or upsIdentManufacturer.
pub const MANUFACTURER: Key = Key("snmp.manufacturer");
/// entPhysicalModelName of the chassis, or the model of a UPS.
pub const MODEL: Key = Key("snmp.model");
/// hrDeviceDescr of the first device: a printer's model.
pub const DEVICE_DESCRIPTION: Key = Key("snmp.device_description");
/// Enterprise of a version 1 trap, dotted.
pub const TRAP_ENTERPRISE: Key = Key("snmp.trap_enterprise");
/// The agent answers to a community that everybody knows (`public`, `private`): `yes`. Which, and any other, is not said.
pub const DEFAULT_COMMUNITY: Key = Key("snmp.default_community");
/// Engine id of version 3, in hex.
pub const ENGINE_ID: Key = Key("snmp.engine_id");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "snmp",
    spec: "RFC 3416",
    carriers: &[Carrier::Udp(161), Carrier::Udp(162)],
    keys: &[
        SYS_DESCR,
        SYS_OBJECT_ID,
        SYS_NAME,
        SYS_LOCATION,
        DESCRIPTION,
        HARDWARE,
        FIRMWARE,
        SOFTWARE,
        SERIAL,
        MANUFACTURER,
        MODEL,
        DEVICE_DESCRIPTION,
        TRAP_ENTERPRISE,
        DEFAULT_COMMUNITY,
        ENGINE_ID,
    ],
    frame: None,
    recognise,
    operation: Some(operation),
    probes: &[GET_SYSTEM, GET_SYSTEM_V1, DISCOVER_ENGINE],
    dissect,
};

const COMMUNITY: &str = "snmp.community";
const PUBLIC: &[u8] = b"public";
/// The community, and what its length says of the whole.
const MESSAGE_LENGTH: Piece = Piece::Hole(
    Hole::LengthOf {
        name: COMMUNITY,
        default: PUBLIC,
        plus: 63,
    },
    "octets that follow: 63 and the community, which has 64 at most",
);
const COMMUNITY_LENGTH: Piece = Piece::Hole(
    Hole::LengthOf {
        name: COMMUNITY,
        default: PUBLIC,
        plus: 0,
    },
    "length of the community",
);
const COMMUNITY_TEXT: Piece = Piece::Hole(
    Hole::Setting {
        name: COMMUNITY,
        default: PUBLIC,
    },
    "community",
);
/// RFC 3416 §3: request id, no error, and the names of three objects with no value.
const GET_PDU: Piece = Piece::Octets(
    &[
        0xa0, 0x38, 0x02, 0x04, 0x00, 0x00, 0x00, 0x01, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00, 0x30,
        0x2a,
    ],
    "get request, id 1, no error; 42 octets of names",
);
const SYS_DESCR_NAME: Piece = Piece::Octets(
    &[
        0x30, 0x0c, 0x06, 0x08, 0x2b, 6, 1, 2, 1, 1, 1, 0, 0x05, 0x00,
    ],
    "1.3.6.1.2.1.1.1.0, sysDescr",
);
const SYS_OBJECT_ID_NAME: Piece = Piece::Octets(
    &[
        0x30, 0x0c, 0x06, 0x08, 0x2b, 6, 1, 2, 1, 1, 2, 0, 0x05, 0x00,
    ],
    "1.3.6.1.2.1.1.2.0, sysObjectID",
);
const SYS_NAME_NAME: Piece = Piece::Octets(
    &[
        0x30, 0x0c, 0x06, 0x08, 0x2b, 6, 1, 2, 1, 1, 5, 0, 0x05, 0x00,
    ],
    "1.3.6.1.2.1.1.5.0, sysName",
);

/// Three objects that every agent has (RFC 3418), in one message.
const GET_SYSTEM: Probe = Probe {
    name: "get sysDescr, sysObjectID, sysName (v2c)",
    asks: &[SYS_DESCR, SYS_OBJECT_ID, SYS_NAME],
    carrier: Carrier::Udp(161),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[
            Piece::Octets(&[0x30], "message"),
            MESSAGE_LENGTH,
            Piece::Octets(&[0x02, 0x01, 0x01], "version 2c"),
            Piece::Octets(&[0x04], "text"),
            COMMUNITY_LENGTH,
            COMMUNITY_TEXT,
            GET_PDU,
            SYS_DESCR_NAME,
            SYS_OBJECT_ID_NAME,
            SYS_NAME_NAME,
        ],
        until: Until::Answer,
    }],
    frames: 1,
};

/// The same of agents that know version 1 alone.
const GET_SYSTEM_V1: Probe = Probe {
    name: "get sysDescr, sysObjectID, sysName (v1)",
    steps: &[Step {
        sends: &[
            Piece::Octets(&[0x30], "message"),
            MESSAGE_LENGTH,
            Piece::Octets(&[0x02, 0x01, 0x00], "version 1"),
            Piece::Octets(&[0x04], "text"),
            COMMUNITY_LENGTH,
            COMMUNITY_TEXT,
            GET_PDU,
            SYS_DESCR_NAME,
            SYS_OBJECT_ID_NAME,
            SYS_NAME_NAME,
        ],
        until: Until::Answer,
    }],
    ..GET_SYSTEM
};

/// RFC 3414 §4: an agent reports its engine id to whoever does not know it; no user and no secret is needed.
const DISCOVER_ENGINE: Probe = Probe {
    name: "discover engine id (v3)",
    asks: &[ENGINE_ID],
    steps: &[Step {
        sends: &[
            Piece::Octets(
                &[0x30, 0x3a, 0x02, 0x01, 0x03],
                "message of 58 octets, version 3",
            ),
            Piece::Octets(&[0x30, 0x0f, 0x02, 0x02, 0x00, 0x01], "head: message id 1"),
            Piece::Octets(
                &[0x02, 0x03, 0x00, 0xff, 0xe3],
                "answers of up to 65507 octets",
            ),
            Piece::Octets(
                &[0x04, 0x01, 0x04],
                "flags: reportable, neither authenticated nor encrypted",
            ),
            Piece::Octets(&[0x02, 0x01, 0x03], "user-based security"),
            Piece::Octets(
                &[
                    0x04, 0x10, 0x30, 0x0e, 0x04, 0x00, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00,
                ],
                "security parameters: engine unknown, boots 0, time 0",
            ),
            Piece::Octets(
                &[0x04, 0x00, 0x04, 0x00, 0x04, 0x00],
                "no user, no authentication, no privacy",
            ),
            Piece::Octets(
                &[0x30, 0x12, 0x04, 0x00, 0x04, 0x00],
                "scoped PDU: no context",
            ),
            Piece::Octets(
                &[
                    0xa0, 0x0c, 0x02, 0x02, 0x00, 0x01, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00, 0x30,
                    0x00,
                ],
                "get request, id 1, no error, of nothing",
            ),
        ],
        until: Until::Answer,
    }],
    ..GET_SYSTEM
};

/// Objects that identify, by the octets of their names. 2b is 1.3; 06 01 02 01 is internet.mgmt.mib-2.
#[rustfmt::skip]
const OBJECTS: [(&[u8], Key); 21] = [
    (&[0x2b, 6, 1, 2, 1, 1, 1, 0], SYS_DESCR),
    (&[0x2b, 6, 1, 2, 1, 1, 2, 0], SYS_OBJECT_ID),
    (&[0x2b, 6, 1, 2, 1, 1, 5, 0], SYS_NAME),
    (&[0x2b, 6, 1, 2, 1, 1, 6, 0], SYS_LOCATION),
    // entPhysicalTable of the first entity, which contains the others.
    (&[0x2b, 6, 1, 2, 1, 47, 1, 1, 1, 1, 2, 1], DESCRIPTION),
    (&[0x2b, 6, 1, 2, 1, 47, 1, 1, 1, 1, 8, 1], HARDWARE),
    (&[0x2b, 6, 1, 2, 1, 47, 1, 1, 1, 1, 9, 1], FIRMWARE),
    (&[0x2b, 6, 1, 2, 1, 47, 1, 1, 1, 1, 10, 1], SOFTWARE),
    (&[0x2b, 6, 1, 2, 1, 47, 1, 1, 1, 1, 11, 1], SERIAL),
    (&[0x2b, 6, 1, 2, 1, 47, 1, 1, 1, 1, 12, 1], MANUFACTURER),
    (&[0x2b, 6, 1, 2, 1, 47, 1, 1, 1, 1, 13, 1], MODEL),
    // upsIdent.
    (&[0x2b, 6, 1, 2, 1, 33, 1, 1, 1, 0], MANUFACTURER),
    (&[0x2b, 6, 1, 2, 1, 33, 1, 1, 2, 0], MODEL),
    (&[0x2b, 6, 1, 2, 1, 33, 1, 1, 3, 0], FIRMWARE),
    // PowerNet-MIB (APC, enterprise 318 = 82 3e): upsBasicIdentModel, upsAdvIdent firmware and serial number.
    (&[0x2b, 6, 1, 4, 1, 0x82, 0x3e, 1, 1, 1, 1, 1, 1, 0], MODEL),
    (&[0x2b, 6, 1, 4, 1, 0x82, 0x3e, 1, 1, 1, 1, 2, 1, 0], FIRMWARE),
    (&[0x2b, 6, 1, 4, 1, 0x82, 0x3e, 1, 1, 1, 1, 2, 3, 0], SERIAL),
    // hrDeviceDescr.1; prtGeneralPrinterName and prtGeneralSerialNumber of the first printer.
    (&[0x2b, 6, 1, 2, 1, 25, 3, 2, 1, 3, 1], DEVICE_DESCRIPTION),
    (&[0x2b, 6, 1, 2, 1, 43, 5, 1, 1, 16, 1], DEVICE_DESCRIPTION),
    (&[0x2b, 6, 1, 2, 1, 43, 5, 1, 1, 17, 1], SERIAL),
    // entPhysicalSerialNum of a Cisco stack's first switch, numbered 1001.
    (&[0x2b, 6, 1, 2, 1, 47, 1, 1, 1, 1, 11, 0x87, 0x69], SERIAL),
];
/// Bindings read of one message.
const MOST_BINDINGS: usize = 128;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;

/// A whole sequence that begins with a version number and goes on as that version does.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let (rest, body) = expect(SEQUENCE, "snmp message", message).ok()?;
    let (body, version) = expect(INTEGER, "snmp version", body).ok()?;
    let (_, next) = element(body).ok()?;
    let shape = match version {
        [0 | 1] => next.tag == OCTETS,
        [3] => next.tag == SEQUENCE,
        _ => false,
    };
    if !shape || !rest.is_empty() {
        return None;
    }
    let role = pdu(message).ok().flatten().map(|(kind, _)| match kind {
        0xa2 | 0xa4 | 0xa7 | 0xa8 => Role::Server,
        _ => Role::Client,
    });
    Some(Recognition {
        strong: true,
        from: role,
    })
}

/// The PDU's tag and contents, where it is not encrypted.
fn pdu(message: &[u8]) -> Result<Option<(u8, &[u8])>, Fault> {
    let (_, body) = finish(expect(SEQUENCE, "snmp message", message))?;
    let (body, version) = finish(expect(INTEGER, "snmp version", body))?;
    let (rest, _community) = finish(element(body))?;
    if version != [3] {
        let (_, pdu) = finish(element(rest))?;
        return Ok(Some((pdu.tag, pdu.value)));
    }
    let (rest, _security) = finish(expect(OCTETS, "snmp security parameters", rest))?;
    let (_, scoped) = finish(element(rest))?;
    if scoped.tag != SEQUENCE {
        return Ok(None);
    }
    let pdu = elements(scoped.value).nth(2);
    Ok(pdu.map(|pdu| (pdu.tag, pdu.value)))
}

/// Names of PDUs (RFC 3416 §3), by the number of their tag.
const PDUS: [(u16, &str); 7] = [
    (0, "get"),
    (1, "get next"),
    (3, "set"),
    (4, "trap of version 1"),
    (5, "get bulk"),
    (6, "inform"),
    (7, "trap"),
];

fn operation(message: &[u8]) -> Option<Operation> {
    match pdu(message).ok()? {
        Some((0xa2 | 0xa8, _)) => None,
        Some((kind, _)) => Some(Operation::of(&PDUS, "pdu", (kind & 0x1f).into())),
        None => Some(Operation::word("encrypted")),
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let (_, body) = finish(expect(SEQUENCE, "snmp message", message.bytes))?;
    let (body, version) = finish(expect(INTEGER, "snmp version", body))?;
    let Some((kind, pdu)) = pdu(message.bytes)? else {
        return engine(version, body, 0xa8, out);
    };
    engine(version, body, kind, out)?;
    if kind == 0xa2 && has_default_community(version, body) {
        // The evidence is the version: the community stays masked.
        out.text(
            Subject::Sender,
            DEFAULT_COMMUNITY,
            version,
            format_args!("yes"),
        );
    }
    match kind {
        // Responses and notifications of version 2: request id, two numbers, bindings.
        0xa2 | 0xa6 | 0xa7 | 0xa8 => {
            if let Some(list) = elements(pdu).nth(3) {
                bindings(list.value, out);
            }
        }
        // A version 1 trap: enterprise, agent address, two numbers, time, bindings.
        0xa4 => {
            let mut parts = elements(pdu);
            if let Some(enterprise) = parts.next().filter(|e| e.tag == OBJECT_IDENTIFIER) {
                let oid = Oid(enterprise.value);
                out.text(
                    Subject::Sender,
                    TRAP_ENTERPRISE,
                    enterprise.value,
                    format_args!("{oid}"),
                );
            }
            if let Some(list) = parts.nth(4) {
                bindings(list.value, out);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Communities that agents are delivered with.
const DEFAULT_COMMUNITIES: [&[u8]; 2] = [b"public", b"private"];

/// Whether an answer of version 1 or 2 carries such a community: the agent accepted it.
fn has_default_community(version: &[u8], body: &[u8]) -> bool {
    let community = element(body).map(|(_, community)| community);
    version != [3]
        && community.is_ok_and(|community| DEFAULT_COMMUNITIES.contains(&community.value))
}

/// The authoritative engine's id, in what that engine sends.
fn engine(version: &[u8], body: &[u8], kind: u8, out: &mut Out<'_>) -> Result<(), Fault> {
    if version != [3] || !matches!(kind, 0xa2 | 0xa7 | 0xa8) {
        return Ok(());
    }
    let (rest, _header) = finish(element(body))?;
    let (_, security) = finish(expect(OCTETS, "snmp security parameters", rest))?;
    let (_, security) = finish(expect(SEQUENCE, "snmp security sequence", security))?;
    let (_, id) = finish(expect(OCTETS, "snmp engine id", security))?;
    if id.len() >= 5 {
        let digits = Hex(id);
        out.text(Subject::Sender, ENGINE_ID, id, format_args!("{digits}"));
    }
    Ok(())
}

fn bindings(list: &[u8], out: &mut Out<'_>) {
    for binding in elements(list).take(MOST_BINDINGS) {
        let mut parts = elements(binding.value);
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            continue;
        };
        let Some((_, key)) = OBJECTS.iter().find(|(octets, _)| *octets == name.value) else {
            continue;
        };
        match value.tag {
            OCTETS => out.say(Subject::Sender, *key, value.value),
            OBJECT_IDENTIFIER => {
                let oid = Oid(value.value);
                out.text(Subject::Sender, *key, value.value, format_args!("{oid}"));
            }
            INTEGER => {
                if let Some(number) = unsigned(value.value) {
                    out.text(Subject::Sender, *key, value.value, format_args!("{number}"));
                }
            }
            _ => {}
        }
    }
}

/// Displays octets as lower-case hex.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}
