//! Manufacturing Message Specification, as IEC 61850 devices speak it: vendor, model, revision, logical devices, nameplates.
//!
//! Spec: ISO 9506-2 (identify, get name list, read, information report); IEC 61850-8-1:2011 §6 and §8 (mapping), IEC 61850-7-3 §7.8
//! (nameplates). Transport: RFC 1006, X.224, X.225 (session), X.226 (presentation).

use crate::ber::{element, elements, expect};
use crate::operation::Operation;
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role, finish};
use crate::statement::{Key, Out, Subject};
use crate::text::{find, is_printable, unpadded};
use crate::tpkt::{self, tpdu};

/// Vendor name (identify).
pub const VENDOR_NAME: Key = Key("mms.vendor_name");
/// Model name (identify).
pub const MODEL_NAME: Key = Key("mms.model_name");
/// Revision (identify).
pub const REVISION: Key = Key("mms.revision");
/// Name of a domain: in IEC 61850 a logical device.
pub const LOGICAL_DEVICE: Key = Key("mms.logical_device");
/// Identifier of a report.
pub const REPORT_ID: Key = Key("mms.report_id");
/// Vendor on the nameplate of the physical or logical device.
pub const NAMEPLATE_VENDOR: Key = Key("mms.nameplate_vendor");
/// Model on the nameplate.
pub const NAMEPLATE_MODEL: Key = Key("mms.nameplate_model");
/// Hardware revision on the nameplate.
pub const NAMEPLATE_HARDWARE: Key = Key("mms.nameplate_hardware");
/// Software revision on the nameplate.
pub const NAMEPLATE_SOFTWARE: Key = Key("mms.nameplate_software");
/// Serial number on the nameplate.
pub const NAMEPLATE_SERIAL: Key = Key("mms.nameplate_serial");
/// Location on the nameplate.
pub const NAMEPLATE_LOCATION: Key = Key("mms.nameplate_location");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "mms",
    spec: "ISO 9506-2",
    carriers: &[Carrier::Tcp(102)],
    keys: &[
        VENDOR_NAME,
        MODEL_NAME,
        REVISION,
        LOGICAL_DEVICE,
        REPORT_ID,
        NAMEPLATE_VENDOR,
        NAMEPLATE_MODEL,
        NAMEPLATE_HARDWARE,
        NAMEPLATE_SOFTWARE,
        NAMEPLATE_SERIAL,
        NAMEPLATE_LOCATION,
    ],
    frame: Some(tpkt::frame),
    recognise,
    operation: Some(operation),
    probes: &[READ_IDENTITY],
    dissect,
};

/// The association: transport, session, presentation, application, and in it MMS (IEC 61850-8-1 §8, annex of ACSE parameters).
const ASSOCIATE: [u8; 187] = [
    0x03, 0x00, 0x00, 0xbb, 0x02, 0xf0, 0x80, // TPKT of 187 octets, COTP data
    0x0d, 0xb2, // session CONNECT
    0x05, 0x06, 0x13, 0x01, 0x00, 0x16, 0x01, 0x02, // no options, version 2
    0x14, 0x02, 0x00, 0x02, // duplex
    0x33, 0x02, 0x00, 0x01, 0x34, 0x02, 0x00, 0x01, // calling and called session selector 1
    0xc1, 0x9c, // user data
    0x31, 0x81, 0x99, 0xa0, 0x03, 0x80, 0x01, 0x01, // presentation CP, normal mode
    0xa2, 0x81, 0x91, 0x81, 0x04, 0x00, 0x00, 0x00, 0x01, 0x82, 0x04, 0x00, 0x00, 0x00,
    0x01, // selectors 1
    0xa4, 0x23, 0x30, 0x0f, 0x02, 0x01, 0x01, 0x06, 0x04, 0x52, 0x01, 0x00, 0x01, 0x30, 0x04, 0x06,
    0x02, 0x51, 0x01, 0x30, 0x10, 0x02, 0x01, 0x03, 0x06, 0x05, 0x28, 0xca, 0x22, 0x02, 0x01, 0x30,
    0x04, 0x06, 0x02, 0x51, 0x01, // contexts
    0x61, 0x5e, 0x30, 0x5c, 0x02, 0x01, 0x01, 0xa0, 0x57, // in context 1
    0x60, 0x55, 0xa1, 0x07, 0x06, 0x05, 0x28, 0xca, 0x22, 0x02, 0x03, // ACSE AARQ: MMS
    0xa2, 0x07, 0x06, 0x05, 0x29, 0x01, 0x87, 0x67, 0x01, 0xa3, 0x03, 0x02, 0x01,
    0x0c, // called title 1.1.1.999.1, 12
    0xa6, 0x06, 0x06, 0x04, 0x29, 0x01, 0x87, 0x67, 0xa7, 0x03, 0x02, 0x01,
    0x0c, // calling title 1.1.1.999, 12
    0xbe, 0x2f, 0x28, 0x2d, 0x02, 0x01, 0x03, 0xa0, 0x28, // in context 3
    0xa8, 0x26, 0x80, 0x03, 0x00, 0xfd, 0xe8, // MMS initiate: PDUs of up to 65000 octets
    0x81, 0x01, 0x05, 0x82, 0x01, 0x05, 0x83, 0x01,
    0x0a, // five outstanding either way, nesting of ten
    0xa4, 0x16, 0x80, 0x01, 0x01, 0x81, 0x03, 0x05, 0xf1, 0x00, // version 1, parameters
    0x82, 0x0c, 0x03, 0xee, 0x1c, 0x00, 0x00, 0x04, 0x08, 0x00, 0x00, 0x79, 0xef,
    0x18, // services
];

/// ISO 9506-2 §7.3, identify, in an association that is concluded in the end.
const READ_IDENTITY: Probe = Probe {
    name: "identify",
    asks: &[VENDOR_NAME, MODEL_NAME, REVISION],
    carrier: Carrier::Tcp(102),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[
        Step {
            sends: &[
                Piece::Octets(
                    &[0x03, 0x00, 0x00, 0x16],
                    "TPKT version 3, 22 octets in all",
                ),
                Piece::Octets(
                    &[0x11, 0xe0],
                    "COTP: 17 octets of header, connection request",
                ),
                Piece::Octets(
                    &[0x00, 0x00, 0x00, 0x01],
                    "destination reference none, source reference 1",
                ),
                Piece::Octets(&[0x00], "class 0"),
                Piece::Octets(&[0xc0, 0x01, 0x0d], "TPDUs of up to 8192 octets"),
                Piece::Octets(&[0xc2, 0x02], "called TSAP, two octets"),
                Piece::Hole(
                    Hole::Setting {
                        name: "mms.tsap",
                        default: &[0x00, 0x01],
                    },
                    "as IEC 61850 devices are delivered",
                ),
                Piece::Octets(&[0xc1, 0x02, 0x00, 0x01], "calling TSAP 1"),
            ],
            until: Until::Answer,
        },
        Step {
            sends: &[Piece::Octets(
                &ASSOCIATE,
                "session, presentation and association of MMS, selectors 1, and the MMS initiate request",
            )],
            until: Until::Answer,
        },
        Step {
            sends: &[
                Piece::Octets(
                    &[0x03, 0x00, 0x00, 0x1b, 0x02, 0xf0, 0x80],
                    "TPKT of 27 octets, COTP data",
                ),
                Piece::Octets(&[0x01, 0x00, 0x01, 0x00], "session: data transfer"),
                Piece::Octets(
                    &[0x61, 0x0e, 0x30, 0x0c, 0x02, 0x01, 0x03, 0xa0, 0x07],
                    "presentation data in context 3",
                ),
                Piece::Octets(
                    &[0xa0, 0x05, 0x02, 0x01, 0x01],
                    "MMS confirmed request, invocation 1",
                ),
                Piece::Octets(&[0x82, 0x00], "identify"),
            ],
            until: Until::Answer,
        },
        Step {
            sends: &[
                Piece::Octets(
                    &[0x03, 0x00, 0x00, 0x16, 0x02, 0xf0, 0x80],
                    "TPKT of 22 octets, COTP data",
                ),
                Piece::Octets(&[0x01, 0x00, 0x01, 0x00], "session: data transfer"),
                Piece::Octets(
                    &[0x61, 0x09, 0x30, 0x07, 0x02, 0x01, 0x03, 0xa0, 0x02],
                    "presentation data in context 3",
                ),
                Piece::Octets(&[0x8b, 0x00], "MMS conclude"),
            ],
            until: Until::Answer,
        },
    ],
    frames: 14,
};

/// The abstract syntax of MMS, 1.0.9506.2.1, as an OBJECT IDENTIFIER.
const ABSTRACT_SYNTAX: [u8; 7] = [0x06, 0x05, 0x28, 0xca, 0x22, 0x02, 0x01];
/// Give tokens and data transfer, both without parameters (X.225 §8.3).
const DATA_TRANSFER: [u8; 4] = [1, 0, 1, 0];
const CONFIRMED_REQUEST: u8 = 0xa0;
const CONFIRMED_RESPONSE: u8 = 0xa1;
const UNCONFIRMED: u8 = 0xa3;
const GET_NAME_LIST: u8 = 0xa1;
const IDENTIFY: u8 = 0xa2;
const READ: u8 = 0xa4;
const WRITE: u8 = 0xa5;
/// Object class of domains (get name list).
const DOMAIN: [u8; 3] = [0x80, 0x01, 0x09];
/// More variables than a request that is read has.
const MOST: usize = 64;

/// One PDU of an established association: its tag and contents.
fn pdu(message: &[u8]) -> Option<(u8, &[u8])> {
    let tpdu = tpdu(message).ok()?;
    let rest = tpdu.data.strip_prefix(&DATA_TRANSFER)?;
    if tpdu.code != 0xf0 {
        return None;
    }
    let (_, data) = finish(expect(0x61, "presentation data", rest)).ok()?;
    let (_, list) = finish(expect(0x30, "presentation list", data)).ok()?;
    let (rest, _context) = finish(expect(0x02, "presentation context", list)).ok()?;
    let (_, value) = finish(expect(0xa0, "presentation value", rest)).ok()?;
    let (_, pdu) = finish(element(value)).ok()?;
    Some((pdu.tag, pdu.value))
}

/// An association that is opened for MMS, or an MMS PDU: a known one, with an invocation where it has one.
fn recognise(message: &[u8]) -> Option<Recognition> {
    if let Some((tag, body)) = pdu(message) {
        let invokes = body.starts_with(&[0x02]);
        return match tag {
            CONFIRMED_REQUEST if invokes => Some(Recognition::STRONG.from(Role::Client)),
            CONFIRMED_RESPONSE if invokes => Some(Recognition::STRONG.from(Role::Server)),
            UNCONFIRMED if body.starts_with(&[0xa0]) => {
                Some(Recognition::STRONG.from(Role::Server))
            }
            // Refused, rejected, concluded: little to go by.
            0xa2 | 0xa4 | 0x8b | 0x8c => Some(Recognition::WEAK),
            _ => None,
        };
    }
    let tpdu = tpdu(message).ok()?;
    let role = match tpdu.data.first()? {
        0x0d => Role::Client,
        0x0e => Role::Server,
        _ => return None,
    };
    // The answer names transfer syntaxes alone: that the context is MMS's shows in the initiate PDU.
    let opens = find(tpdu.data, &ABSTRACT_SYNTAX).is_some();
    let answers = find(tpdu.data, &[0x02, 0x01, 0x03, 0xa0]).is_some_and(|at| {
        let after = tpdu.data.get(at.saturating_add(4)..).unwrap_or_default();
        finish(element(after)).is_ok_and(|(_, initiate)| matches!(initiate.tag, 0xa8 | 0xa9))
            || matches!(after, [_, 0xa8 | 0xa9, ..] | [_, _, 0xa8 | 0xa9, ..])
    });
    (tpdu.code == 0xf0 && (opens || answers)).then_some(Recognition::STRONG.from(role))
}

/// Names of confirmed services (ISO 9506-2 §7, `ConfirmedServiceRequest`).
const SERVICES: [(u16, &str); 37] = [
    (0, "status"),
    (1, "get name list"),
    (2, "identify"),
    (3, "rename"),
    (4, "read"),
    (5, "write"),
    (6, "get variable access attributes"),
    (11, "define named variable list"),
    (12, "get named variable list attributes"),
    (13, "delete named variable list"),
    (26, "initiate download sequence"),
    (27, "download segment"),
    (28, "terminate download sequence"),
    (29, "initiate upload sequence"),
    (30, "upload segment"),
    (31, "terminate upload sequence"),
    (32, "request domain download"),
    (33, "request domain upload"),
    (34, "load domain content"),
    (35, "store domain content"),
    (36, "delete domain"),
    (37, "get domain attributes"),
    (38, "create program invocation"),
    (39, "delete program invocation"),
    (40, "start"),
    (41, "stop"),
    (42, "resume"),
    (43, "reset"),
    (44, "kill"),
    (65, "read journal"),
    (67, "initialise journal"),
    (72, "file open"),
    (73, "file read"),
    (74, "file close"),
    (75, "file rename"),
    (76, "file delete"),
    (77, "file directory"),
];

/// The tag behind the invocation's number.
fn operation(message: &[u8]) -> Option<Operation> {
    let (CONFIRMED_REQUEST, body) = pdu(message)? else {
        return None;
    };
    let (rest, _invocation) = finish(expect(0x02, "invocation", body)).ok()?;
    let code = match *rest {
        // Tags above 30 take another octet, or two.
        [tag, low @ ..=0x7f, ..] if tag & 0x1f == 0x1f => low,
        [tag, ..] if tag & 0x1f != 0x1f => tag & 0x1f,
        _ => return None,
    };
    Some(Operation::of(&SERVICES, "service", code.into()))
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let Some((tag, body)) = pdu(message.bytes) else {
        return Ok(());
    };
    match tag {
        CONFIRMED_REQUEST => {
            let (_, service) = finish(service(body))?;
            request(service, out);
            Ok(())
        }
        CONFIRMED_RESPONSE => {
            let (_, service) = finish(service(body))?;
            let asked = message
                .asked
                .and_then(pdu)
                .and_then(|(_, body)| asked(body));
            response(service, asked, out)
        }
        UNCONFIRMED => report(body, out),
        _ => Ok(()),
    }
}

type Service<'a> = crate::ber::Element<'a>;

/// Invocation, then the service.
fn service(body: &[u8]) -> crate::protocol::Parsed<'_, Service<'_>> {
    let (rest, _invocation) = expect(0x02, "mms invocation", body)?;
    element(rest)
}

/// The service of an earlier request, of which the end may not have been kept.
fn asked(body: &[u8]) -> Option<Service<'_>> {
    finish(service(body)).ok().map(|(_, service)| service)
}

/// The domains of the variables that a client reads and writes are the server's.
fn request(service: Service<'_>, out: &mut Out<'_>) {
    if matches!(service.tag, READ | WRITE) {
        for (domain, _) in variables(service.value) {
            name(Subject::Receiver, LOGICAL_DEVICE, domain, out);
        }
    }
}

fn response(
    service: Service<'_>,
    asked: Option<Service<'_>>,
    out: &mut Out<'_>,
) -> Result<(), Fault> {
    match service.tag {
        IDENTIFY => {
            for field in elements(service.value) {
                let key = match field.tag {
                    0x80 => VENDOR_NAME,
                    0x81 => MODEL_NAME,
                    0x82 => REVISION,
                    _ => continue,
                };
                name(Subject::Sender, key, field.value, out);
            }
        }
        GET_NAME_LIST => {
            let domains = asked.is_some_and(|asked| {
                asked.tag == GET_NAME_LIST
                    && elements(asked.value).any(|field| field.tag == 0xa0 && field.value == DOMAIN)
            });
            if domains {
                let (_, names) = finish(expect(0xa0, "name list", service.value))?;
                for field in elements(names).filter(|field| field.tag == 0x1a) {
                    name(Subject::Sender, LOGICAL_DEVICE, field.value, out);
                }
            }
        }
        READ => {
            let Some(asked) = asked.filter(|asked| asked.tag == READ) else {
                return Ok(());
            };
            let results = elements(service.value).find(|field| field.tag == 0xa1);
            let results = results.map(|field| field.value).unwrap_or_default();
            for ((_, item), result) in variables(asked.value).zip(elements(results)) {
                // Visible strings; others are no nameplate's.
                if let (Some(key), 0x8a) = (nameplate(item), result.tag) {
                    name(Subject::Sender, key, result.value, out);
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// Domain and item of each variable that a request names.
fn variables(request: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    // Read: an option, then the specification [1]; write: the specification itself. In it the list of variables [0].
    let outer = elements(request).find(|field| field.tag == 0xa1);
    let list = outer.and_then(|field| elements(field.value).find(|field| field.tag == 0xa0));
    let list = list.or_else(|| elements(request).find(|field| field.tag == 0xa0));
    let list = list.map(|field| field.value).unwrap_or_default();
    elements(list).take(MOST).filter_map(|variable| {
        let (_, specification) = finish(expect(0xa0, "variable", variable.value)).ok()?;
        let (_, specific) = finish(expect(0xa1, "domain-specific name", specification)).ok()?;
        let (rest, domain) = finish(expect(0x1a, "domain", specific)).ok()?;
        let (_, item) = finish(expect(0x1a, "item", rest)).ok()?;
        Some((domain, item))
    })
}

/// The attribute of a nameplate that this item is: those of other logical nodes than the first tell nothing of the device.
fn nameplate(item: &[u8]) -> Option<Key> {
    let attribute = match find(item, b"$DC$PhyNam$") {
        Some(at) if item.starts_with(b"LPHD") => item.get(at.checked_add(11)?..)?,
        _ => item.strip_prefix(b"LLN0$DC$NamPlt$")?,
    };
    match attribute {
        b"vendor" => Some(NAMEPLATE_VENDOR),
        b"model" => Some(NAMEPLATE_MODEL),
        b"hwRev" => Some(NAMEPLATE_HARDWARE),
        b"swRev" => Some(NAMEPLATE_SOFTWARE),
        b"serNum" => Some(NAMEPLATE_SERIAL),
        b"location" => Some(NAMEPLATE_LOCATION),
        _ => None,
    }
}

/// Information report with the name `RPT`: the report's identifier comes first.
fn report(body: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let (_, report) = finish(expect(0xa0, "information report", body))?;
    let (rest, list) = finish(element(report))?;
    if list.tag != 0xa1 || list.value != b"\x80\x03RPT" {
        return Ok(());
    }
    let (_, results) = finish(expect(0xa0, "report values", rest))?;
    if let Some(id) = elements(results).next().filter(|id| id.tag == 0x8a) {
        name(Subject::Sender, REPORT_ID, id.value, out);
    }
    Ok(())
}

fn name(subject: Subject, key: Key, octets: &[u8], out: &mut Out<'_>) {
    if is_printable(unpadded(octets)) {
        out.say(subject, key, octets);
    }
}
