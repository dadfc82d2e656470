//! Distributed Network Protocol: link addresses and the device attributes of group 0.
//!
//! Spec: IEEE 1815-2012 clause 9 (link layer), clause 8 (transport), clause 4 (application), annex A.1 (group 0).

use crate::octets::{array, counted8, foreign, head, octet, take, whole};
use crate::operation::Operation;
use crate::probe::{Check, Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::is_printable;

/// Link address of the sender.
pub const LINK_ADDRESS: Key = Key("dnp3.link_address");
/// Manufacturer's name (variation 252).
pub const MANUFACTURER: Key = Key("dnp3.manufacturer");
/// Product name and model (variation 250).
pub const MODEL: Key = Key("dnp3.model");
/// Serial number (variation 248).
pub const SERIAL_NUMBER: Key = Key("dnp3.serial_number");
/// Hardware version (variation 243).
pub const HARDWARE_VERSION: Key = Key("dnp3.hardware_version");
/// Software version (variation 242).
pub const SOFTWARE_VERSION: Key = Key("dnp3.software_version");
/// User-assigned name (variation 247).
pub const DEVICE_NAME: Key = Key("dnp3.device_name");
/// User-assigned identification code (variation 246).
pub const ID_CODE: Key = Key("dnp3.id_code");
/// Subset and conformance (variation 249): `2:2009`.
pub const SUBSET: Key = Key("dnp3.subset");
/// User-assigned location (variation 245).
pub const LOCATION: Key = Key("dnp3.location");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "dnp3",
    spec: "IEEE 1815-2012",
    carriers: &[Carrier::Tcp(20000), Carrier::Udp(20000)],
    keys: &[
        LINK_ADDRESS,
        MANUFACTURER,
        MODEL,
        SERIAL_NUMBER,
        HARDWARE_VERSION,
        SOFTWARE_VERSION,
        DEVICE_NAME,
        ID_CODE,
        SUBSET,
        LOCATION,
    ],
    frame: Some(frame),
    recognise,
    operation: Some(operation),
    probes: &[READ_ATTRIBUTES],
    dissect,
};

/// Annex A.1: all attributes of group 0 that the device has, of the set that the standard defines. An outstation answers the
/// master that it is set up for alone: both addresses are settings.
const READ_ATTRIBUTES: Probe = Probe {
    name: "read device attributes (group 0)",
    asks: &[
        MANUFACTURER,
        MODEL,
        SERIAL_NUMBER,
        SOFTWARE_VERSION,
        HARDWARE_VERSION,
    ],
    carrier: Carrier::Tcp(20000),
    reach: Reach::Host,
    // Many outstations serve one connection, and a second one takes the master's place.
    safety: Safety::Intrusive,
    steps: &[Step {
        sends: &[
            Piece::Octets(
                &[0x05, 0x64, 0x0d],
                "start, 13 octets follow the length but for checks",
            ),
            Piece::Octets(&[0xc4], "from a master, user data that is not confirmed"),
            Piece::Hole(
                Hole::Setting {
                    name: "dnp3.outstation",
                    default: &[0x01, 0x00],
                },
                "link address of the outstation, low octet first",
            ),
            Piece::Hole(
                Hole::Setting {
                    name: "dnp3.master",
                    default: &[0x02, 0x00],
                },
                "link address of the master, low octet first",
            ),
            Piece::Hole(
                Hole::Check {
                    kind: Check::Dnp3,
                    from: 0,
                },
                "check of the header",
            ),
            Piece::Octets(&[0xc0], "transport: first and last segment, number 0"),
            Piece::Octets(
                &[0xc0, 0x01],
                "application: first and last fragment, number 0; read",
            ),
            Piece::Octets(&[0x00, 0xfe], "group 0, variation 254: all attributes"),
            Piece::Octets(&[0x00, 0x00, 0x00], "from 0 to 0: the standard's set"),
            Piece::Octets(&[0x16, 0xbf], "check of the data"),
        ],
        // Some first report that they have started.
        until: Until::Told(3),
    }],
    frames: 9,
};

/// Octets of user data in one block before its check.
const BLOCK: usize = 16;

/// Length of a whole link frame (§9.2.4.1.3): checks of two octets follow the header and each block.
fn length(count: u8) -> Option<usize> {
    let data = usize::from(count).checked_sub(5)?;
    let blocks = data.div_ceil(BLOCK);
    Some(
        data.saturating_add(blocks.saturating_mul(2))
            .saturating_add(10),
    )
}

fn frame(input: &[u8]) -> Framed {
    let [0x05, 0x64, count] = head::<3>(input)? else {
        return Err(foreign("dnp3 start octets", input));
    };
    let length = length(count).ok_or_else(|| foreign("dnp3 length", input))?;
    whole(input, length)
}

/// CRC of §9.2.4.2: polynomial 0x3D65, reflected, complemented.
pub(crate) fn crc(octets: &[u8]) -> u16 {
    let sum = octets.iter().fold(0_u16, |crc, octet| {
        (0..8).fold(crc ^ u16::from(*octet), |crc, _| {
            if crc & 1 == 1 {
                crc >> 1 ^ 0xa6bc
            } else {
                crc >> 1
            }
        })
    });
    !sum
}

/// Start octets and the header's check. The direction bit tells masters (§9.2.4.1.3.1), who ask.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let (header, rest) = message.split_first_chunk::<8>()?;
    let [0x05, 0x64, _, control, ..] = *header else {
        return None;
    };
    let role = if control & 0x80 == 0 {
        Role::Server
    } else {
        Role::Client
    };
    let [low, high, ..] = *rest else {
        return None;
    };
    (crc(header) == u16::from_le_bytes([low, high])).then_some(Recognition::STRONG.from(role))
}

/// Names of the functions of requests (IEEE 1815 §4.2.2.5).
const FUNCTIONS: [(u16, &str); 34] = [
    (0, "confirm"),
    (1, "read"),
    (2, "write"),
    (3, "select"),
    (4, "operate"),
    (5, "direct operate"),
    (6, "direct operate without answer"),
    (7, "immediate freeze"),
    (8, "immediate freeze without answer"),
    (9, "freeze and clear"),
    (10, "freeze and clear without answer"),
    (11, "freeze at time"),
    (12, "freeze at time without answer"),
    (13, "cold restart"),
    (14, "warm restart"),
    (15, "initialise data"),
    (16, "initialise application"),
    (17, "start application"),
    (18, "stop application"),
    (19, "save configuration"),
    (20, "enable unsolicited responses"),
    (21, "disable unsolicited responses"),
    (22, "assign class"),
    (23, "delay measurement"),
    (24, "record current time"),
    (25, "open file"),
    (26, "close file"),
    (27, "delete file"),
    (28, "get file information"),
    (29, "authenticate file"),
    (30, "abort file transfer"),
    (31, "activate configuration"),
    (32, "authenticate"),
    (33, "authenticate without answer"),
];

/// Of the first fragment: transport header, application control, function.
fn operation(message: &[u8]) -> Option<Operation> {
    match message.get(10..)? {
        [transport, _, function @ ..=0x7f, ..] if transport & 0x40 != 0 => {
            Some(Operation::of(&FUNCTIONS, "function", (*function).into()))
        }
        _ => None,
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    take(&mut rest, 6, "dnp3 header")?;
    let octets = rest.get(..2).unwrap_or_default();
    let source = u16::from_le_bytes(array::<2>(&mut rest, "dnp3 source")?);
    take(&mut rest, 2, "dnp3 check")?;
    // From 65520 on addresses are reserved and broadcasts (§9.2.4.1.6).
    if source < 65_520 {
        out.text(
            Subject::Sender,
            LINK_ADDRESS,
            octets,
            format_args!("{source}"),
        );
    }
    attributes(rest, out)
}

/// Device attributes in a response that fits one link frame, without the checks between its blocks.
fn attributes(blocks: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut data = [0_u8; 250];
    let mut length = 0_usize;
    for block in blocks.chunks(BLOCK.saturating_add(2)) {
        let Some((user, check)) = block.split_last_chunk::<2>() else {
            return Err(Fault::short("dnp3 block"));
        };
        if crc(user) != u16::from_le_bytes(*check) {
            return Err(Fault::value("dnp3 block check", block));
        }
        for (to, from) in data.iter_mut().skip(length).zip(user) {
            *to = *from;
        }
        length = length.saturating_add(user.len()).min(250);
    }
    let mut rest = data.get(..length).unwrap_or_default();
    // First and final transport segment; an application response (129) with two octets of indications.
    let Ok([transport, _control, 129, _, _]) = array::<5>(&mut rest, "dnp3 application header")
    else {
        return Ok(());
    };
    if transport & 0xc0 != 0xc0 {
        return Ok(());
    }
    // Range 0 to 0: the set that the standard defines. Other sets are their owner's own.
    while let Ok([0, variation, 0x00, 0, 0]) = array::<5>(&mut rest, "dnp3 object header") {
        let kind = octet(&mut rest, "attribute type")?;
        let value = counted8(&mut rest, "attribute")?;
        let key = match variation {
            242 => SOFTWARE_VERSION,
            243 => HARDWARE_VERSION,
            245 => LOCATION,
            246 => ID_CODE,
            247 => DEVICE_NAME,
            248 => SERIAL_NUMBER,
            249 => SUBSET,
            250 => MODEL,
            252 => MANUFACTURER,
            _ => continue,
        };
        // Type 1 is visible text.
        if kind == 1 && is_printable(value) {
            out.say(Subject::Sender, key, value);
        }
    }
    Ok(())
}
