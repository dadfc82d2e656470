//! Siemens S7 communication: system status lists, and the S7comm-plus of newer controllers.
//!
//! Spec: no public one; the layout follows Siemens, "System and Standard Functions for S7-300/400" (A5E00739858),
//! chapter 34 (SZL ids 0x0011, 0x001C, 0x0111, 0x0132), and what controllers send. Transport: RFC 1006, X.224.

use crate::octets::{be16, octet, take};
use crate::operation::Operation;
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{Text, find, is_printable, unpadded};
use crate::tpkt::{self, tpdu};

/// Order number (MLFB) of the module, SZL 0x0011 index 1.
pub const ORDER_NUMBER: Key = Key("s7comm.order_number");
/// Order number of the basic hardware, SZL 0x0011 index 6.
pub const HARDWARE_ORDER_NUMBER: Key = Key("s7comm.hardware_order_number");
/// Hardware version, SZL 0x0011 index 6: `1`.
pub const HARDWARE_VERSION: Key = Key("s7comm.hardware_version");
/// Firmware version, SZL 0x0011 index 7: `V3.2.6`.
pub const FIRMWARE_VERSION: Key = Key("s7comm.firmware_version");
/// Name of the automation system, SZL 0x001C index 1.
pub const SYSTEM_NAME: Key = Key("s7comm.system_name");
/// Name of the module, index 2.
pub const MODULE_NAME: Key = Key("s7comm.module_name");
/// Plant designation, index 3.
pub const PLANT: Key = Key("s7comm.plant");
/// Copyright entry, index 4.
pub const COPYRIGHT: Key = Key("s7comm.copyright");
/// Serial number of the module, index 5.
pub const SERIAL_NUMBER: Key = Key("s7comm.serial_number");
/// Module type name, index 7.
pub const MODULE_TYPE: Key = Key("s7comm.module_type");
/// Serial number of the memory card, index 8.
pub const MEMORY_CARD: Key = Key("s7comm.memory_card_serial");
/// OEM identification, index 10.
pub const OEM: Key = Key("s7comm.oem");
/// Location designation, index 11.
pub const LOCATION: Key = Key("s7comm.location");
/// Rack and slot that a client asks for, from the called TSAP: `0/2`.
pub const RACK_SLOT: Key = Key("s7comm.rack_slot");
/// S7comm-plus: order number and firmware that the controller gives when a session opens.
pub const PLUS_IDENTITY: Key = Key("s7comm-plus.identity");
/// S7comm-plus: name of the computer that opens a session.
pub const PLUS_CLIENT: Key = Key("s7comm-plus.client");
/// S7comm-plus: release of the controller's system software: `OMSP.REL.8089.21`.
pub const PLUS_RELEASE: Key = Key("s7comm-plus.release");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "s7comm",
    spec: "Siemens System Software for S7-300/400",
    carriers: &[Carrier::Tcp(102)],
    keys: &[
        ORDER_NUMBER,
        HARDWARE_ORDER_NUMBER,
        HARDWARE_VERSION,
        FIRMWARE_VERSION,
        SYSTEM_NAME,
        MODULE_NAME,
        PLANT,
        COPYRIGHT,
        SERIAL_NUMBER,
        MODULE_TYPE,
        MEMORY_CARD,
        OEM,
        LOCATION,
        RACK_SLOT,
    ],
    frame: Some(frame),
    recognise,
    operation: Some(operation),
    probes: &[IDENTIFY_MODULE, IDENTIFY_COMPONENT],
    dissect,
};

/// Registration of the protocol of S7-1200 and S7-1500.
pub static PLUS: Protocol = Protocol {
    name: "s7comm-plus",
    spec: "Siemens S7-1200 and S7-1500, as sent",
    carriers: &[Carrier::Tcp(102)],
    keys: &[PLUS_IDENTITY, PLUS_CLIENT, PLUS_RELEASE],
    frame: Some(frame),
    recognise: recognise_plus,
    operation: None,
    probes: &[],
    dissect: dissect_plus,
};

/// Opens the transport connection. Class 0 has no release of its own (X.224 §6.7.1.5): closing TCP is the orderly end.
const CONNECT: Step = Step {
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
        Piece::Octets(&[0xc0, 0x01, 0x0a], "TPDUs of up to 1024 octets"),
        Piece::Octets(
            &[0xc1, 0x02, 0x01, 0x00],
            "calling TSAP: a programming device",
        ),
        Piece::Octets(&[0xc2, 0x02], "called TSAP, two octets"),
        Piece::Hole(
            Hole::Setting {
                name: "s7comm.tsap",
                default: &[0x01, 0x02],
            },
            "as a programming device, to rack 0 (upper three bits), slot 2 (lower five)",
        ),
    ],
    until: Until::Answer,
};

/// Agrees on one job at a time and on the longest PDU.
const SET_UP: Step = Step {
    sends: &[
        Piece::Octets(
            &[0x03, 0x00, 0x00, 0x19],
            "TPKT version 3, 25 octets in all",
        ),
        Piece::Octets(&[0x02, 0xf0, 0x80], "COTP: data, the last of its unit"),
        Piece::Octets(&[0x32, 0x01], "S7 communication, job"),
        Piece::Octets(&[0x00, 0x00, 0x00, 0x01], "reserved, reference 1"),
        Piece::Octets(&[0x00, 0x08, 0x00, 0x00], "8 octets of parameters, no data"),
        Piece::Octets(&[0xf0, 0x00], "set up communication"),
        Piece::Octets(&[0x00, 0x01, 0x00, 0x01], "one job at a time, either way"),
        Piece::Octets(&[0x01, 0xe0], "PDUs of up to 480 octets"),
    ],
    until: Until::Answer,
};

/// Reads a system status list; the list and its index are to follow.
const READ_LIST: Piece = Piece::Octets(
    &[
        0x03, 0x00, 0x00, 0x21, // TPKT, 33 octets in all
        0x02, 0xf0, 0x80, // COTP data
        0x32, 0x07, 0x00, 0x00, 0x00, 0x02, 0x00, 0x08, 0x00,
        0x08, // user data, reference 2, 8 and 8 octets
        0x00, 0x01, 0x12, 0x04, 0x11, 0x44, 0x01,
        0x00, // request, CPU functions, read SZL, sequence 0
        0xff, 0x09, 0x00, 0x04, // octet string of four
    ],
    "TPKT, COTP data, S7 user data: CPU functions, read system status list",
);

/// SZL 0x0011: order numbers and versions of module, hardware and firmware.
const IDENTIFY_MODULE: Probe = Probe {
    name: "read module identification (SZL 0x0011)",
    asks: &[ORDER_NUMBER, FIRMWARE_VERSION, HARDWARE_VERSION],
    carrier: Carrier::Tcp(102),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[
        CONNECT,
        SET_UP,
        Step {
            sends: &[
                READ_LIST,
                Piece::Octets(&[0x00, 0x11, 0x00, 0x00], "list 0x0011, all indices"),
            ],
            until: Until::Answer,
        },
    ],
    frames: 11,
};

/// SZL 0x001C: names, serial number and type of the components.
const IDENTIFY_COMPONENT: Probe = Probe {
    name: "read component identification (SZL 0x001C)",
    asks: &[SYSTEM_NAME, MODULE_NAME, SERIAL_NUMBER, MODULE_TYPE],
    carrier: Carrier::Tcp(102),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[
        CONNECT,
        SET_UP,
        Step {
            sends: &[
                READ_LIST,
                Piece::Octets(&[0x00, 0x1c, 0x00, 0x00], "list 0x001C, all indices"),
            ],
            until: Until::Answer,
        },
    ],
    frames: 11,
};

/// Job, acknowledgement, acknowledgement with data, user data.
const ROSCTR: [u8; 4] = [1, 2, 3, 7];

fn frame(input: &[u8]) -> Framed {
    tpkt::frame(input)
}

fn recognise(message: &[u8]) -> Option<Recognition> {
    let tpdu = tpdu(message).ok()?;
    match *tpdu.data {
        [0x32, kind, 0, 0, ..] if tpdu.code == 0xf0 && ROSCTR.contains(&kind) => {
            let role = match kind {
                1 => Some(Role::Client),
                2 | 3 => Some(Role::Server),
                _ => None,
            };
            Some(Recognition {
                strong: true,
                from: role,
            })
        }
        _ => None,
    }
}

/// Names of a job's functions.
const JOBS: [(u16, &str); 12] = [
    (0x00, "cpu services"),
    (0x04, "read variables"),
    (0x05, "write variables"),
    (0x1a, "request download"),
    (0x1b, "download block"),
    (0x1c, "end download"),
    (0x1d, "start upload"),
    (0x1e, "upload"),
    (0x1f, "end upload"),
    (0x28, "plc control"),
    (0x29, "plc stop"),
    (0xf0, "setup communication"),
];
/// Names of the functions of user data, by group.
const USER_DATA: [((u16, u16), &str); 12] = [
    ((1, 1), "request diagnostic data"),
    ((1, 2), "variable table"),
    ((2, 1), "cyclic read"),
    ((2, 4), "cyclic read unsubscribe"),
    ((3, 1), "list blocks"),
    ((3, 2), "list blocks of type"),
    ((3, 3), "get block information"),
    ((4, 1), "read system status list"),
    ((4, 2), "subscribe to messages"),
    ((5, 1), "password"),
    ((7, 1), "read clock"),
    ((7, 2), "set clock"),
];

fn operation(message: &[u8]) -> Option<Operation> {
    match *tpdu(message).ok()?.data {
        [0x32, 1, _, _, _, _, _, _, _, _, function, ..] => {
            Some(Operation::of(&JOBS, "function", function.into()))
        }
        // The parameters: a head of three octets, their length, request or answer, kind and group, function.
        [
            0x32,
            7,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            0,
            1,
            0x12,
            _,
            _,
            group,
            function,
            ..,
        ] if group >> 4 == 4 => {
            let group = (group & 0x0f).into();
            Some(Operation::pair(
                &USER_DATA,
                "user data function",
                group,
                function.into(),
            ))
        }
        _ => None,
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let tpdu = tpdu(message.bytes)?;
    match tpdu.code {
        0xe0 => return connection(tpdu.header, out),
        0xf0 => {}
        _ => return Ok(()),
    }
    let mut rest = tpdu.data;
    if octet(&mut rest, "s7 protocol id")? != 0x32 {
        return Ok(());
    }
    let kind = octet(&mut rest, "s7 rosctr")?;
    take(&mut rest, 4, "s7 reference")?;
    let parameters = be16(&mut rest, "s7 parameter length")?;
    be16(&mut rest, "s7 data length")?;
    if kind != 7 {
        return Ok(());
    }
    let parameters = take(&mut rest, parameters.into(), "s7 parameters")?;
    // User data: head, length, method 0x12 (response), function group 4 (CPU functions), sub-function 1 (read SZL).
    match parameters {
        [0, 1, 0x12, _, 0x12, 0x84, 0x01, ..] => system_status_list(rest, out),
        _ => Ok(()),
    }
}

/// The called TSAP's second octet holds rack and slot.
fn connection(header: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = header;
    take(&mut rest, 5, "cotp references")?;
    while !rest.is_empty() {
        let code = octet(&mut rest, "cotp parameter")?;
        let value = crate::octets::counted8(&mut rest, "cotp parameter value")?;
        if let (0xc2, [1..=3, place]) = (code, value) {
            let (rack, slot) = (place >> 5, place & 0x1f);
            out.text(
                Subject::Receiver,
                RACK_SLOT,
                value,
                format_args!("{rack}/{slot}"),
            );
        }
    }
    Ok(())
}

/// Return code, transport size, length; SZL id and index; length and count of records.
fn system_status_list(data: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = data;
    if take(&mut rest, 4, "szl data head")?.first() != Some(&0xff) {
        return Ok(());
    }
    let id = be16(&mut rest, "szl id")?;
    be16(&mut rest, "szl index")?;
    let length = usize::from(be16(&mut rest, "szl record length")?);
    let count = be16(&mut rest, "szl record count")?;
    // The upper octet holds module class and extract; the list is the lower one.
    let read = match id & 0x00ff {
        0x11 if length == 28 => module_identification,
        0x1c if length >= 34 => component_identification,
        // A long list goes on in a message of its own, which begins in the midst of a record.
        _ => {
            memory_card(data, out);
            return Ok(());
        }
    };
    for _ in 0..count {
        read(take(&mut rest, length, "szl record")?, out)?;
    }
    Ok(())
}

/// SZL 0x0011: index, order number, module type, version, another number.
fn module_identification(record: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = record;
    let index = be16(&mut rest, "szl index")?;
    let order_number = take(&mut rest, 20, "order number")?;
    be16(&mut rest, "module type")?;
    let version = take(&mut rest, 4, "version")?;
    let order_number_is_text = is_printable(unpadded(order_number));
    match (index, version) {
        (1, _) if order_number_is_text => out.say(Subject::Sender, ORDER_NUMBER, order_number),
        (6, [_, _, high, low]) => {
            if order_number_is_text {
                out.say(Subject::Sender, HARDWARE_ORDER_NUMBER, order_number);
            }
            let number = u16::from_be_bytes([*high, *low]);
            if number > 0 {
                out.text(
                    Subject::Sender,
                    HARDWARE_VERSION,
                    version,
                    format_args!("{number}"),
                );
            }
        }
        // 'V', then three numbers.
        (7, [b'V', major, minor, patch]) => {
            out.text(
                Subject::Sender,
                FIRMWARE_VERSION,
                version,
                format_args!("V{major}.{minor}.{patch}"),
            );
        }
        _ => {}
    }
    Ok(())
}

/// The serial number of a memory card, known by its form: eight hexadecimal digits.
fn memory_card(data: &[u8], out: &mut Out<'_>) {
    let Some(card) = find(data, b"MMC ").and_then(|at| data.get(at..)?.get(..12)) else {
        return;
    };
    if card.iter().skip(4).all(u8::is_ascii_hexdigit) {
        out.say(Subject::Sender, MEMORY_CARD, card);
    }
}

/// SZL 0x001C: index and a name.
fn component_identification(record: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = record;
    let key = match be16(&mut rest, "szl index")? & 0x00ff {
        1 => SYSTEM_NAME,
        2 => MODULE_NAME,
        3 => PLANT,
        4 => COPYRIGHT,
        5 => SERIAL_NUMBER,
        7 => MODULE_TYPE,
        8 => MEMORY_CARD,
        10 => OEM,
        11 => LOCATION,
        _ => return Ok(()),
    };
    // Names have 24 octets, the type's 32; the rest is reserved.
    let length = if key == MODULE_TYPE { 32 } else { 24 };
    let name = rest.get(..length).unwrap_or(rest);
    if is_printable(unpadded(name)) {
        out.say(Subject::Sender, key, name);
    }
    Ok(())
}

/// Protocol id 0x72, a known protocol version, and a length that agrees.
fn recognise_plus(message: &[u8]) -> Option<Recognition> {
    let tpdu = tpdu(message).ok()?;
    let [0x72, 1..=3 | 0xfe, high, low, rest @ ..] = tpdu.data else {
        return None;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    (tpdu.code == 0xf0 && length <= rest.len().saturating_add(4)).then_some(Recognition::STRONG)
}

/// Identities are texts of the form `1;6ES7 214-1AG40-0XB0;V4.2`, wherever they stand in a controller's answers.
fn dissect_plus(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let tpdu = tpdu(message.bytes)?;
    let mut rest = tpdu.data;
    if message.from == Role::Client {
        return session(rest, out);
    }
    if let Some(release) = attribute(rest, SYSTEM_RELEASE)
        && release.starts_with(b"OMSP")
    {
        out.say(Subject::Sender, PLUS_RELEASE, release);
    }
    while let Some(at) = find(rest, b"6ES7").or_else(|| find(rest, b"6AV")) {
        let text = rest.get(at..).unwrap_or_default();
        let length = text.iter().position(|octet| !(0x20..0x7f).contains(octet));
        let (text, after) = text.split_at(length.unwrap_or(text.len()));
        let value = Text(text);
        out.text(
            Subject::Sender,
            PLUS_IDENTITY,
            text,
            format_args!("{value}"),
        );
        rest = after;
    }
    Ok(())
}

/// Attributes of a session object, as numbered in its creation: 298 and 301.
const SESSION_CLIENT: [u8; 2] = [0x82, 0x2a];
const SYSTEM_RELEASE: [u8; 2] = [0x82, 0x2d];
/// Longer texts are no names.
const LONGEST_NAME: u8 = 0x7f;

/// An attribute's value where it is text: mark 0xa3, number, flags 0, type 0x15, length in one octet.
fn attribute(data: &[u8], [high, low]: [u8; 2]) -> Option<&[u8]> {
    let at = find(data, &[0xa3, high, low, 0x00, 0x15])?;
    let mut rest = data.get(at.checked_add(5)?..)?;
    let length = octet(&mut rest, "attribute length").ok()?;
    let value = take(&mut rest, length.into(), "attribute").ok()?;
    (length <= LONGEST_NAME && is_printable(value)).then_some(value)
}

/// The program that opens a session calls itself by the name of its computer and a number: `STATION_874343`.
fn session(data: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let Some(client) = attribute(data, SESSION_CLIENT) else {
        return Ok(());
    };
    let end = client.iter().rposition(|octet| *octet == b'_');
    let (name, number) = client.split_at(end.unwrap_or(client.len()));
    if number.len() > 1 && number.iter().skip(1).all(u8::is_ascii_digit) {
        out.say(Subject::Sender, PLUS_CLIENT, name);
    }
    Ok(())
}
