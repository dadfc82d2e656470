//! Modbus/TCP device identification.
//!
//! Spec: Modbus Application Protocol V1.1b3 §6.21 (function 43/14), §6.13 (function 17) and
//! Modbus Messaging on TCP/IP V1.0b §3.1.3 (MBAP header).

use nom::Parser;
use nom::bytes::{complete, streaming};
use nom::combinator::verify;
use nom::error::context;
use nom::multi::length_data;
use nom::number::complete::u8;
use nom::number::streaming::be_u16;

use crate::operation::Operation;
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{
    Carrier, Cut, Fault, Framed, Message, Parsed, Protocol, Recognition, Role, finish,
};
use crate::statement::{Key, Out, Place, Subject};

/// Vendor name, object 0.
pub const VENDOR_NAME: Key = Key("modbus.vendor_name");
/// Product code, object 1.
pub const PRODUCT_CODE: Key = Key("modbus.product_code");
/// Major and minor revision, object 2.
pub const REVISION: Key = Key("modbus.revision");
/// Vendor URL, object 3.
pub const VENDOR_URL: Key = Key("modbus.vendor_url");
/// Product name, object 4.
pub const PRODUCT_NAME: Key = Key("modbus.product_name");
/// Model name, object 5.
pub const MODEL_NAME: Key = Key("modbus.model_name");
/// User application name, object 6.
pub const USER_APPLICATION_NAME: Key = Key("modbus.user_application_name");
/// Additional data of function 17, where it is text.
pub const SERVER_ID: Key = Key("modbus.server_id");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "modbus",
    spec: "Modbus Application Protocol V1.1b3",
    carriers: &[Carrier::Tcp(502)],
    keys: &[
        VENDOR_NAME,
        PRODUCT_CODE,
        REVISION,
        VENDOR_URL,
        PRODUCT_NAME,
        MODEL_NAME,
        USER_APPLICATION_NAME,
        SERVER_ID,
    ],
    frame: Some(frame),
    recognise,
    operation: Some(operation),
    probes: &[IDENTIFY, REPORT_SERVER_ID],
    dissect,
};

/// The header of a request: transaction 1, Modbus, that many octets, to the unit that the device itself answers as.
const UNIT: Piece = Piece::Hole(
    Hole::Setting {
        name: "modbus.unit",
        default: &[0xff],
    },
    "unit: 255 is the device itself (Messaging Guide §3.1.3); others only on request",
);

/// Function 43/14, basic objects: vendor, product code, revision.
const IDENTIFY: Probe = Probe {
    name: "read device identification (43/14, basic)",
    asks: &[VENDOR_NAME, PRODUCT_CODE, REVISION],
    carrier: Carrier::Tcp(502),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[
            Piece::Octets(&[0x00, 0x01], "transaction id"),
            Piece::Octets(&[0x00, 0x00], "protocol: Modbus"),
            Piece::Octets(&[0x00, 0x05], "length: 5"),
            UNIT,
            Piece::Octets(&[0x2b], "function 43: encapsulated interface transport"),
            Piece::Octets(&[0x0e], "type 14: read device identification"),
            Piece::Octets(&[0x01], "code 1: all basic objects"),
            Piece::Octets(&[0x00], "from object 0"),
        ],
        until: Until::Answer,
    }],
    frames: 7,
};

/// Function 17: what the device calls itself, in words of its vendor's.
const REPORT_SERVER_ID: Probe = Probe {
    name: "report server id (17)",
    asks: &[SERVER_ID],
    carrier: Carrier::Tcp(502),
    reach: Reach::Host,
    // Some gateways pass what they do not know to a slow serial line.
    safety: Safety::Intrusive,
    steps: &[Step {
        sends: &[
            Piece::Octets(&[0x00, 0x01], "transaction id"),
            Piece::Octets(&[0x00, 0x00], "protocol: Modbus"),
            Piece::Octets(&[0x00, 0x02], "length: 2"),
            UNIT,
            Piece::Octets(&[0x11], "function 17: report server id"),
        ],
        until: Until::Answer,
    }],
    frames: 7,
};

/// Function code, kept as the octet that was sent so that unknown codes survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Function(u8);

impl Function {
    /// Report Server ID (§6.13).
    const REPORT_SERVER_ID: Function = Function(0x11);
    /// Schneider Electric's own: UMAS.
    const UMAS: Function = Function(0x5a);
    /// Encapsulated Interface Transport (§6.19).
    const ENCAPSULATED: Function = Function(0x2b);
}

/// One Modbus/TCP message.
struct Adu<'a> {
    /// Serial unit behind a gateway; 0 and 255 mean the device itself.
    unit: u8,
    function: Function,
    /// Function-specific octets, unread.
    data: &'a [u8],
}

/// Octets of the MBAP header, unit included.
const MBAP: usize = 7;
/// Longest MBAP length field: unit + 253-octet PDU (§4.1).
const MAX_LENGTH: u16 = 254;

/// Cuts one ADU off a TCP stream: the only streaming parser in this file.
fn frame(input: &[u8]) -> Framed {
    let (rest, _transaction) = be_u16(input)?;
    let (rest, _) = context("mbap protocol id", verify(be_u16, |id| *id == 0)).parse(rest)?;
    let (_, length) = context(
        "mbap length",
        verify(be_u16, |n| (2..=MAX_LENGTH).contains(n)),
    )
    .parse(rest)?;
    let length = usize::from(length).saturating_add(6);
    streaming::take::<_, _, Fault>(length).parse(input)?;
    Ok(Cut::whole(length))
}

fn adu(input: &[u8]) -> Parsed<'_, Adu<'_>> {
    let (rest, _header) = complete::take(6_usize).parse(input)?;
    let (data, (unit, code)) = (u8, u8).parse(rest)?;
    let function = Function(code);
    Ok((
        &[],
        Adu {
            unit,
            function,
            data,
        },
    ))
}

/// Two zero octets and a length are little to go by: the data must be as long as its function says (§6),
/// and both directions must agree, unless the message is a device identification.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let (_, adu) = finish(adu(message)).ok()?;
    let length = adu.data.len();
    let counted = |at: usize| {
        let count = adu.data.get(at).map(|count| usize::from(*count));
        count.and_then(|count| count.checked_add(at)?.checked_add(1)) == Some(length)
    };
    let fits = match adu.function.0 {
        0x2b if adu.data.starts_with(&[0x0e]) => return Some(Recognition::STRONG),
        // Reads: address and quantity, or a count and that many octets.
        1..=4 => length == 4 || counted(0),
        // Single writes and diagnostics are echoed.
        5 | 6 => length == 4,
        8 => length >= 4 && length % 2 == 0,
        7 | 11 | 12 => length <= 5 || counted(0),
        15 | 16 => length == 4 || counted(4),
        17 => length == 0 || counted(0),
        20 | 21 => counted(0),
        22 => length == 6,
        23 => counted(8) || counted(0),
        // Schneider's UMAS has a session octet and a function.
        24 | 90 => length >= 2,
        // An exception has one octet: its code.
        0x81..=0xff => length == 1 && adu.data.first().is_some_and(|code| (1..=11).contains(code)),
        _ => false,
    };
    fits.then_some(Recognition::WEAK)
}

/// The PDU is handed over from its function code on; of the request too, so that the answer can be read by it.
fn umas(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let bytes = message.bytes.get(MBAP..).unwrap_or_default();
    out.carried(
        &super::umas::PROTOCOL,
        Message {
            bytes,
            asked: message.asked.and_then(|adu| adu.get(MBAP..)),
            ..message
        },
    )
}

fn key_of(object: u8) -> Option<Key> {
    match object {
        0 => Some(VENDOR_NAME),
        1 => Some(PRODUCT_CODE),
        2 => Some(REVISION),
        3 => Some(VENDOR_URL),
        4 => Some(PRODUCT_NAME),
        5 => Some(MODEL_NAME),
        6 => Some(USER_APPLICATION_NAME),
        _ => None,
    }
}

/// Names of functions (§5.1).
const FUNCTIONS: [(u16, &str); 18] = [
    (1, "read coils"),
    (2, "read discrete inputs"),
    (3, "read holding registers"),
    (4, "read input registers"),
    (5, "write single coil"),
    (6, "write single register"),
    (7, "read exception status"),
    (8, "diagnostics"),
    (11, "get event counter"),
    (12, "get event log"),
    (15, "write multiple coils"),
    (16, "write multiple registers"),
    (17, "report server id"),
    (20, "read file record"),
    (21, "write file record"),
    (22, "mask write register"),
    (23, "read and write multiple registers"),
    (24, "read fifo queue"),
];
/// Encapsulated interfaces (§6.19).
const INTERFACES: [((u16, u16), &str); 2] = [
    ((43, 13), "canopen general reference"),
    ((43, 14), "read device identification"),
];

fn operation(message: &[u8]) -> Option<Operation> {
    match message.get(MBAP..)? {
        [90, ..] => super::umas::operation(message.get(MBAP..)?),
        [43, interface, ..] => Some(Operation::pair(
            &INTERFACES,
            "function",
            43,
            (*interface).into(),
        )),
        [code @ 1..=0x7f, ..] => Some(Operation::of(&FUNCTIONS, "function", (*code).into())),
        _ => None,
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let (_, adu) = finish(adu(message.bytes))?;
    if adu.function == Function::UMAS {
        return umas(message, out);
    }
    if message.from != Role::Server {
        return Ok(());
    }
    let subject = match adu.unit {
        0 | 255 => Subject::Sender,
        unit => Subject::Behind(Place::Unit(unit.into())),
    };
    match adu.function {
        Function::ENCAPSULATED => device_identification(subject, adu.data, out),
        Function::REPORT_SERVER_ID => server_id(subject, adu.data, out),
        _ => Ok(()),
    }
}

/// §6.21: code, conformity, more follows, next object, then the objects.
fn device_identification(subject: Subject, data: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let (mut rest, (_, count)) =
        finish(context("device id header", (complete::take(5_usize), u8)).parse(data))?;
    for _ in 0..count {
        let (after, (id, value)) =
            finish(context("device id object", (u8, length_data(u8))).parse(rest))?;
        if let Some(key) = key_of(id) {
            out.say(subject, key, value);
        }
        rest = after;
    }
    Ok(())
}

/// §6.13: the layout is the vendor's own; only text is worth stating.
fn server_id(subject: Subject, data: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let (_, value) = finish(context("server id", length_data(u8)).parse(data))?;
    let text = value
        .split(|octet| !(0x20..0x7f).contains(octet))
        .max_by_key(|run| run.len())
        .unwrap_or_default();
    if text.len() >= 4 {
        out.say(subject, SERVER_ID, text);
    }
    Ok(())
}
