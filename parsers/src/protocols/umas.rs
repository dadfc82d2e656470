//! Schneider Electric UMAS: what Modicon controllers tell the programs that configure them, carried by Modbus function 90.
//!
//! Spec: no public one; the layout follows Kaspersky ICS CERT, "The secrets of Schneider Electric's UMAS protocol" (2022),
//! and what controllers send. A message: function 90, session key, code; then data, lowest octet first.

use crate::octets::{array, counted8, le16, le32, take};
use crate::operation::Operation;
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{is_printable, unpadded};

/// Reference of the processor: `140 CPU 311 10` (read id, 0x02).
pub const CPU: Key = Key("umas.cpu");
/// Firmware version: `2.70` (read id).
pub const FIRMWARE_VERSION: Key = Key("umas.firmware_version");
/// Hardware id of the processor: `0x0001015a` (read id).
pub const HARDWARE_ID: Key = Key("umas.hardware_id");
/// Name of the project that runs (read project info, 0x03).
pub const PROJECT_NAME: Key = Key("umas.project_name");
/// Name of the computer that reserves a controller (take reservation, 0x10).
pub const CLIENT_NAME: Key = Key("umas.client_name");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "umas",
    spec: "Schneider Electric UMAS, as sent",
    carriers: &[Carrier::Inside("modbus")],
    keys: &[
        CPU,
        FIRMWARE_VERSION,
        HARDWARE_ID,
        PROJECT_NAME,
        CLIENT_NAME,
    ],
    frame: None,
    recognise,
    operation: Some(operation),
    probes: &[],
    dissect,
};

/// Modbus function that carries UMAS.
const FUNCTION: u8 = 90;
const READ_ID: u8 = 0x02;
const READ_PROJECT_INFO: u8 = 0x03;
const TAKE_RESERVATION: u8 = 0x10;
/// The code of an answer that says yes; 0xfd says no.
const DONE: u8 = 0xfe;

fn recognise(message: &[u8]) -> Option<Recognition> {
    match *message {
        [FUNCTION, _, 0xfd | DONE, ..] => Some(Recognition::STRONG.from(Role::Server)),
        [
            FUNCTION,
            _,
            0x01..=0x0a | 0x10..=0x12 | 0x20..=0x29 | 0x30..=0x41 | 0x50..=0x58 | 0x70..=0x73,
            ..,
        ] => Some(Recognition::STRONG.from(Role::Client)),
        _ => None,
    }
}

/// Names of functions, as those who took the protocol apart call them.
const FUNCTIONS: [((u16, u16), &str); 28] = [
    ((90, 0x01), "umas initialise communication"),
    ((90, 0x02), "umas read id"),
    ((90, 0x03), "umas read project information"),
    ((90, 0x04), "umas read plc information"),
    ((90, 0x06), "umas read memory card information"),
    ((90, 0x0a), "umas repeat"),
    ((90, 0x10), "umas take reservation"),
    ((90, 0x11), "umas release reservation"),
    ((90, 0x12), "umas keep alive"),
    ((90, 0x20), "umas read memory block"),
    ((90, 0x21), "umas write memory block"),
    ((90, 0x22), "umas read variables"),
    ((90, 0x23), "umas write variables"),
    ((90, 0x24), "umas read coils and registers"),
    ((90, 0x25), "umas write coils and registers"),
    ((90, 0x30), "umas begin upload"),
    ((90, 0x31), "umas upload block"),
    ((90, 0x32), "umas end upload"),
    ((90, 0x33), "umas begin download"),
    ((90, 0x34), "umas download block"),
    ((90, 0x35), "umas end download"),
    ((90, 0x39), "umas read ethernet master data"),
    ((90, 0x40), "umas start plc"),
    ((90, 0x41), "umas stop plc"),
    ((90, 0x50), "umas monitor plc"),
    ((90, 0x58), "umas check plc"),
    ((90, 0x70), "umas read io object"),
    ((90, 0x71), "umas write io object"),
];

pub(super) fn operation(message: &[u8]) -> Option<Operation> {
    match *message {
        [FUNCTION, _, code, ..] if code < 0xfd => Some(Operation::pair(
            &FUNCTIONS,
            "umas function",
            FUNCTION.into(),
            code.into(),
        )),
        _ => None,
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let [_, _, code] = array::<3>(&mut rest, "umas header")?;
    match (message.from, code) {
        (Role::Client, TAKE_RESERVATION) => reservation(rest, out),
        (Role::Server, DONE) => match message.asked {
            Some([FUNCTION, _, READ_ID, ..]) => id(rest, out),
            Some([FUNCTION, _, READ_PROJECT_INFO, ..]) => project(rest, out),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Range, hardware id, model, communication version and patch, internal and hardware version, crash code, two unknown; the name.
fn id(data: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = data;
    le16(&mut rest, "range")?;
    let octets = rest.get(..4).unwrap_or_default();
    let hardware = le32(&mut rest, "hardware id")?;
    le16(&mut rest, "model")?;
    let version = take(&mut rest, 2, "communication version")?;
    take(&mut rest, 12, "other versions")?;
    let name = counted8(&mut rest, "cpu name")?;
    // Other kinds of answer have no name there.
    if name.is_empty() || !is_printable(unpadded(name)) {
        return Ok(());
    }
    out.say(Subject::Sender, CPU, name);
    out.text(
        Subject::Sender,
        HARDWARE_ID,
        octets,
        format_args!("0x{hardware:08x}"),
    );
    if let [minor, major] = *version
        && major > 0
    {
        // Each half is shown as it is written in hexadecimal: 0x0270 is 2.70.
        out.text(
            Subject::Sender,
            FIRMWARE_VERSION,
            version,
            format_args!("{major:x}.{minor:02x}"),
        );
    }
    Ok(())
}

/// Two checks, two times with their own heads, version; then the name, ended by a NUL and with its length in front.
fn project(data: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = data;
    take(&mut rest, 18, "project checks")?;
    take(&mut rest, 16, "project times")?;
    take(&mut rest, 4, "project version")?;
    let name = counted8(&mut rest, "project name")?;
    if is_printable(unpadded(name)) {
        out.say(Subject::Sender, PROJECT_NAME, name);
    }
    Ok(())
}

/// Four octets of identity, then the name of the computer.
fn reservation(data: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = data;
    le32(&mut rest, "client id")?;
    let name = counted8(&mut rest, "client name")?;
    if is_printable(unpadded(name)) {
        out.say(Subject::Sender, CLIENT_NAME, name);
    }
    Ok(())
}
