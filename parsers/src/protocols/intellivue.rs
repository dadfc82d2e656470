//! Philips `IntelliVue` data export: which monitor it is. Nothing of a patient is ever read.
//!
//! Spec: Philips, Data Export Interface Programming Guide, 4535 645 88011: connect indication, association control, MDS create
//! event, poll result; attributes of the medical device system.

use std::net::{IpAddr, Ipv4Addr};

use crate::octets::{array, be16, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Mac, Out, Subject};
use crate::text::{Utf16, is_printable, unpadded};

/// Manufacturer (system model).
pub const MANUFACTURER: Key = Key("intellivue.manufacturer");
/// Model number (system model): `865240`.
pub const MODEL_NUMBER: Key = Key("intellivue.model_number");
/// Serial number of the product.
pub const SERIAL_NUMBER: Key = Key("intellivue.serial_number");
/// Part number of the product.
pub const PART_NUMBER: Key = Key("intellivue.part_number");
/// Hardware revision.
pub const HARDWARE_REVISION: Key = Key("intellivue.hardware_revision");
/// Software revision.
pub const SOFTWARE_REVISION: Key = Key("intellivue.software_revision");
/// Firmware revision.
pub const FIRMWARE_REVISION: Key = Key("intellivue.firmware_revision");
/// System id, where it is a hardware address; and the one of the connect indication.
pub const MAC: Key = Key("intellivue.mac");
/// Bed label: where the monitor stands.
pub const BED_LABEL: Key = Key("intellivue.bed_label");
/// System type: partition and code, decimal: `1:4429`.
pub const SYSTEM_TYPE: Key = Key("intellivue.system_type");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "intellivue",
    spec: "Philips Data Export Interface",
    carriers: &[Carrier::Udp(24105), Carrier::Udp(24005)],
    keys: &[
        MANUFACTURER,
        MODEL_NUMBER,
        SERIAL_NUMBER,
        PART_NUMBER,
        HARDWARE_REVISION,
        SOFTWARE_REVISION,
        FIRMWARE_REVISION,
        MAC,
        BED_LABEL,
        SYSTEM_TYPE,
    ],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Session identifiers: of data, and of association control as ISO 8327 has them.
const DATA: [u8; 4] = [0xe1, 0x00, 0x00, 0x02];
const CONNECT: u8 = 0x0d;
const ACCEPT: u8 = 0x0e;
/// What every request and acceptance begins with.
const SESSION: [u8; 14] = [
    0x05, 0x08, 0x13, 0x01, 0x00, 0x16, 0x01, 0x02, 0x80, 0x00, 0x14, 0x02, 0x00, 0x02,
];
/// Nomenclature version that a connect indication begins with.
const NOMENCLATURE: [u8; 4] = [0x00, 0x01, 0x00, 0x00];

/// Remote operations.
const INVOKE: u16 = 1;
const RESULT: u16 = 2;
const LINKED_RESULT: u16 = 5;

/// Commands.
const EVENT_REPORT: u16 = 0;
const CONFIRMED_EVENT_REPORT: u16 = 1;
const CONFIRMED_ACTION: u16 = 7;

/// Object class of the monitor itself.
const VMS_MDS: u16 = 0x0021;
/// Events.
const MDS_CREATE: u16 = 0x0d06;
const CONNECT_INDICATION: u16 = 0x0d1c;
/// Actions.
const POLL: u16 = 0x0c16;
const EXTENDED_POLL: u16 = 0xf13b;

/// The product itself, and its software.
const PRODUCT: u16 = 0x0008;
const MAIN_SOFTWARE: u16 = 0x0058;

/// An operation of known kind with its exact length.
fn operation(octets: &[u8]) -> Option<u16> {
    let (&[kind_high, kind_low, high, low], rest) = octets.split_first_chunk::<4>()?;
    let kind = u16::from_be_bytes([kind_high, kind_low]);
    let exact = usize::from(u16::from_be_bytes([high, low])) == rest.len() && rest.len() >= 6;
    (exact && matches!(kind, 1..=3 | LINKED_RESULT)).then_some(kind)
}

/// A connect indication is recognised by its event.
fn recognise(message: &[u8]) -> Option<Recognition> {
    if let Some(rest) = message.strip_prefix(&DATA) {
        return Some(match operation(rest)? {
            INVOKE => Recognition::WEAK,
            _ => Recognition::WEAK.from(Role::Server),
        });
    }
    if let Some(rest) = message.strip_prefix(&NOMENCLATURE) {
        let event = rest.get(20..22)?;
        let indication = event == CONNECT_INDICATION.to_be_bytes();
        let ours = operation(rest) == Some(INVOKE) && indication;
        return ours.then_some(Recognition::STRONG.from(Role::Server));
    }
    let (kind, rest) = message.split_first()?;
    let opens = rest.get(1..)?.starts_with(&SESSION);
    match (*kind, opens) {
        (CONNECT, true) => Some(Recognition::STRONG.from(Role::Client)),
        (ACCEPT, true) => Some(Recognition::STRONG.from(Role::Server)),
        _ => None,
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let octets = message.bytes;
    let indication = octets.strip_prefix(&NOMENCLATURE);
    let Some(mut rest) = octets.strip_prefix(&DATA).or(indication) else {
        return Ok(());
    };
    let operation = be16(&mut rest, "operation")?;
    be16(&mut rest, "operation length")?;
    if operation == LINKED_RESULT {
        take(&mut rest, 2, "linked id")?;
    }
    be16(&mut rest, "invoke id")?;
    let command = be16(&mut rest, "command")?;
    be16(&mut rest, "command length")?;
    match (operation, command) {
        (INVOKE, EVENT_REPORT | CONFIRMED_EVENT_REPORT) => event_report(rest, out),
        (RESULT | LINKED_RESULT, CONFIRMED_ACTION) => action_result(rest, out),
        _ => Ok(()),
    }
}

/// Object, time, event; a connect indication lists attributes, a creation names the object first.
fn event_report(mut rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let class = be16(&mut rest, "object class")?;
    take(&mut rest, 8, "object and time")?;
    let event = be16(&mut rest, "event")?;
    be16(&mut rest, "event length")?;
    match (class, event) {
        (VMS_MDS, MDS_CREATE) => {
            take(&mut rest, 6, "created object")?;
        }
        (VMS_MDS, CONNECT_INDICATION) => {}
        _ => return Ok(()),
    }
    attributes(&mut rest, out)
}

/// Object, action, poll number, times, type of the objects, group; then objects by context. Only those of the monitor
/// itself are read: others are patients and what is measured of them.
fn action_result(mut rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    take(&mut rest, 6, "object")?;
    let action = be16(&mut rest, "action")?;
    be16(&mut rest, "action length")?;
    match action {
        POLL => take(&mut rest, 14, "poll header")?,
        EXTENDED_POLL => take(&mut rest, 16, "poll header")?,
        _ => return Ok(()),
    };
    be16(&mut rest, "partition")?;
    let class = be16(&mut rest, "polled class")?;
    be16(&mut rest, "attribute group")?;
    if class != VMS_MDS {
        return Ok(());
    }
    let contexts = be16(&mut rest, "contexts")?;
    be16(&mut rest, "length of contexts")?;
    for _ in 0..contexts.min(16) {
        be16(&mut rest, "context")?;
        let objects = be16(&mut rest, "objects")?;
        be16(&mut rest, "length of objects")?;
        for _ in 0..objects.min(16) {
            be16(&mut rest, "object handle")?;
            attributes(&mut rest, out)?;
        }
    }
    Ok(())
}

/// Count, length; then id, length and value of each.
fn attributes(rest: &mut &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let count = be16(rest, "attributes")?;
    be16(rest, "length of attributes")?;
    for _ in 0..count.min(256) {
        let id = be16(rest, "attribute id")?;
        let value = crate::octets::counted16(rest, "attribute")?;
        attribute(id, value, out)?;
    }
    Ok(())
}

fn attribute(id: u16, value: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = value;
    match id {
        // System model.
        0x0928 => {
            label(
                MANUFACTURER,
                crate::octets::counted16(&mut rest, "manufacturer")?,
                out,
            );
            label(
                MODEL_NUMBER,
                crate::octets::counted16(&mut rest, "model number")?,
                out,
            );
        }
        // Production specification.
        0x092d => {
            let count = be16(&mut rest, "specifications")?;
            be16(&mut rest, "length of specifications")?;
            for _ in 0..count.min(64) {
                let kind = be16(&mut rest, "specification")?;
                let component = be16(&mut rest, "component")?;
                let text = crate::octets::counted16(&mut rest, "specification")?;
                match (kind, component) {
                    (1, PRODUCT) => label(SERIAL_NUMBER, text, out),
                    (2, PRODUCT) => label(PART_NUMBER, text, out),
                    (3, PRODUCT) => label(HARDWARE_REVISION, text, out),
                    (4, PRODUCT | MAIN_SOFTWARE) => label(SOFTWARE_REVISION, text, out),
                    (5, PRODUCT) => label(FIRMWARE_REVISION, text, out),
                    _ => {}
                }
            }
        }
        // System id.
        0x0984 if value.len() == 8 => {
            be16(&mut rest, "system id")?;
            mac(&mut rest, out)?;
        }
        // System type.
        0x0986 => {
            let partition = be16(&mut rest, "partition")?;
            let code = be16(&mut rest, "system type")?;
            let value_text = format_args!("{partition}:{code}");
            out.text(Subject::Sender, SYSTEM_TYPE, value, value_text);
        }
        // Bed label, in UTF-16.
        0x091e => {
            let text = crate::octets::counted16(&mut rest, "bed label")?;
            let value = format_args!("{}", Utf16(text));
            out.text(Subject::Sender, BED_LABEL, text, value);
        }
        // Network addresses.
        0xf100 => {
            mac(&mut rest, out)?;
            let address = Ipv4Addr::from(array::<4>(&mut rest, "ip address")?);
            out.address(Subject::Sender, IpAddr::V4(address));
        }
        _ => {}
    }
    Ok(())
}

fn mac(rest: &mut &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let place = rest.get(..6).unwrap_or_default();
    let mac = Mac(array::<6>(rest, "hardware address")?);
    if !mac.is_zero() && !mac.is_group() {
        out.text(Subject::Sender, MAC, place, format_args!("{mac}"));
    }
    Ok(())
}

fn label(key: Key, octets: &[u8], out: &mut Out<'_>) {
    if is_printable(unpadded(octets)) {
        out.say(Subject::Sender, key, octets);
    }
}
