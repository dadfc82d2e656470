//! HL7 version 2 over the Minimal Lower Layer Protocol: which systems talk. Nothing of a patient is ever read.
//!
//! Spec: HL7 v2.9 chapter 2 (MSH, SFT), chapter 7 (OBX-18, PRT-10, PRT-16, PRT-21), chapter 13 (EQU-1), HL7 Transport Specification:
//! MLLP, release 2; IHE Devices Technical Framework, volume 3 (MDC codes of device attributes).

use crate::octets::{foreign, more};
use crate::operation::Operation;
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Subject};
use crate::text::find;

/// Application (MSH-3 of the sender, MSH-5 of the receiver).
pub const APPLICATION: Key = Key("hl7.application");
/// Facility (MSH-4 of the sender, MSH-6 of the receiver).
pub const FACILITY: Key = Key("hl7.facility");
/// Message type (MSH-9): `ADT^A01`.
pub const MESSAGE_TYPE: Key = Key("hl7.message_type");
/// Version (MSH-12).
pub const VERSION: Key = Key("hl7.version");
/// Equipment instance (OBX-18, EQU-1, and the device of a participation, PRT-10).
pub const EQUIPMENT: Key = Key("hl7.equipment");
/// Unique device identifier of a participating device (PRT-16).
pub const DEVICE_IDENTIFIER: Key = Key("hl7.device_identifier");
/// Serial number of a participating device (PRT-21), or as a device tells it of itself (IHE PCD).
pub const DEVICE_SERIAL: Key = Key("hl7.device_serial");
/// Manufacturer, as a device tells it (IHE PCD, `MDC_ID_MODEL_MANUFACTURER`).
pub const DEVICE_MANUFACTURER: Key = Key("hl7.device_manufacturer");
/// Model, as a device tells it (IHE PCD, `MDC_ID_MODEL_NUMBER`).
pub const DEVICE_MODEL: Key = Key("hl7.device_model");
/// Hardware, software and firmware versions, as a device tells them (IHE PCD, `MDC_ID_PROD_SPEC_…`).
pub const DEVICE_VERSION: Key = Key("hl7.device_version");
/// Software vendor organisation (SFT-1).
pub const SOFTWARE_VENDOR: Key = Key("hl7.software_vendor");
/// Software product (SFT-3).
pub const SOFTWARE_PRODUCT: Key = Key("hl7.software_product");
/// Software version or release (SFT-2).
pub const SOFTWARE_VERSION: Key = Key("hl7.software_version");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "hl7",
    spec: "HL7 v2.8.2",
    carriers: &[Carrier::Tcp(2575), Carrier::Tcp(6661)],
    keys: &[
        APPLICATION,
        FACILITY,
        MESSAGE_TYPE,
        VERSION,
        EQUIPMENT,
        DEVICE_IDENTIFIER,
        DEVICE_SERIAL,
        DEVICE_MANUFACTURER,
        DEVICE_MODEL,
        DEVICE_VERSION,
        SOFTWARE_VENDOR,
        SOFTWARE_PRODUCT,
        SOFTWARE_VERSION,
    ],
    frame: Some(frame),
    recognise,
    operation: Some(operation),
    probes: &[],
    dissect,
};

/// Longer messages carry documents, not identities.
const LONGEST: usize = 60_000;

/// Start block 0x0b, the message, end block 0x1c 0x0d.
fn frame(input: &[u8]) -> Framed {
    let begin = b"\x0bMSH";
    if !input.starts_with(begin) {
        let begins = begin.starts_with(input);
        return Err(if begins {
            more(begin.len(), input)
        } else {
            foreign("mllp start", input)
        });
    }
    match find(input, b"\x1c\r") {
        Some(end) => Ok(Cut::whole(end.saturating_add(2))),
        None if input.len() > LONGEST => Ok(Cut::whole(input.len())),
        None => Err(more(input.len().saturating_add(1), input)),
    }
}

fn recognise(message: &[u8]) -> Option<Recognition> {
    message
        .starts_with(b"\x0bMSH")
        .then_some(Recognition::STRONG)
}

/// Types of messages (HL7 table 0076), the most usual ones.
const TYPES: [&str; 34] = [
    "ACK", "ADT", "BAR", "DFT", "MDM", "MFK", "MFN", "NMD", "OMG", "OML", "OMP", "ORG", "ORL",
    "ORM", "ORR", "ORU", "OUL", "PPR", "QBP", "QCN", "QRY", "QVR", "RAS", "RDE", "RDS", "REF",
    "RGV", "RRE", "RSP", "SIU", "SRM", "SSU", "TCU", "VXU",
];

/// MSH-9: type and trigger event.
fn operation(message: &[u8]) -> Option<Operation> {
    let header = message.strip_prefix(b"\x0b").unwrap_or(message);
    let separator = header.get(3)?;
    let header = header.split(|octet| *octet == b'\r').next()?;
    // MSH-1 is the separator itself.
    let field = header.split(|octet| octet == separator).nth(8)?;
    let kind = field.get(..3)?;
    let Some(kind) = TYPES.iter().find(|known| known.as_bytes() == kind) else {
        return Some(Operation::word("other message"));
    };
    // Behind the component separator.
    match field.get(4..).and_then(|rest| rest.first_chunk::<3>()) {
        Some(event) => Some(Operation::triggered(kind, *event)),
        None => Some(Operation::word(kind)),
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let text = message.bytes.strip_prefix(b"\x0b").unwrap_or(message.bytes);
    let Some(separator) = text.get(3) else {
        return Err(Fault::short("msh"));
    };
    for segment in text.split(|octet| *octet == b'\r') {
        let fields = |n: usize| {
            segment
                .split(|octet| octet == separator)
                .nth(n)
                .unwrap_or_default()
        };
        match segment.get(..3) {
            Some(b"MSH") => {
                // The separator itself is MSH-1: the fields behind it are one ahead.
                let sender = [
                    (2, APPLICATION),
                    (3, FACILITY),
                    (8, MESSAGE_TYPE),
                    (11, VERSION),
                ];
                for (n, key) in sender {
                    out.say(Subject::Sender, key, fields(n));
                }
                out.say(Subject::Receiver, APPLICATION, fields(4));
                out.say(Subject::Receiver, FACILITY, fields(5));
            }
            Some(b"OBX") => {
                out.say(Subject::Sender, EQUIPMENT, fields(18));
                // Values are the patient's, but for those whose code says that they are the device's.
                if let Some(key) = device_attribute(fields(3)) {
                    out.say(Subject::Sender, key, fields(5));
                }
            }
            Some(b"EQU") => out.say(Subject::Sender, EQUIPMENT, fields(1)),
            // The other fields of a participation name persons.
            Some(b"PRT") => {
                out.say(Subject::Sender, EQUIPMENT, fields(10));
                out.say(Subject::Sender, DEVICE_IDENTIFIER, fields(16));
                out.say(Subject::Sender, DEVICE_SERIAL, fields(21));
            }
            Some(b"SFT") => {
                out.say(Subject::Sender, SOFTWARE_VENDOR, fields(1));
                out.say(Subject::Sender, SOFTWARE_PRODUCT, fields(3));
                out.say(Subject::Sender, SOFTWARE_VERSION, fields(2));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What an observation with this identifier (OBX-3) tells of the device: code, name, coding system.
fn device_attribute(identifier: &[u8]) -> Option<Key> {
    let mut components = identifier.split(|octet| *octet == b'^').skip(1);
    let name = components.next()?;
    if components.next() != Some(b"MDC") {
        return None;
    }
    match name {
        b"MDC_ID_MODEL_MANUFACTURER" => Some(DEVICE_MANUFACTURER),
        b"MDC_ID_MODEL_NUMBER" => Some(DEVICE_MODEL),
        b"MDC_ID_PROD_SPEC_SERIAL" => Some(DEVICE_SERIAL),
        b"MDC_ID_PROD_SPEC_HW" | b"MDC_ID_PROD_SPEC_SW" | b"MDC_ID_PROD_SPEC_FW" => {
            Some(DEVICE_VERSION)
        }
        _ => None,
    }
}
