//! HART over IP: tags and identities of process instruments and their gateways.
//!
//! Spec: `FieldComm` Group, HCF_SPEC-085 §10 (HART-IP header), HCF_SPEC-127 (commands 0, 13, 20).

use crate::octets::{be16, foreign, head, octet, take, whole};
use crate::probe::{Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{is_printable, unpadded};

/// Manufacturer id as assigned by `FieldComm` Group (command 0).
pub const MANUFACTURER_ID: Key = Key("hart-ip.manufacturer_id");
/// Expanded device type (command 0).
pub const DEVICE_TYPE: Key = Key("hart-ip.device_type");
/// Revision of the device (command 0): its commands and variables.
pub const DEVICE_REVISION: Key = Key("hart-ip.device_revision");
/// Revision of the software (command 0).
pub const SOFTWARE_REVISION: Key = Key("hart-ip.software_revision");
/// Revision of the hardware (command 0).
pub const HARDWARE_REVISION: Key = Key("hart-ip.hardware_revision");
/// Device id, unique with the type (command 0): six hex digits.
pub const DEVICE_ID: Key = Key("hart-ip.device_id");
/// Long tag (command 20).
pub const LONG_TAG: Key = Key("hart-ip.long_tag");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "hart-ip",
    spec: "HCF_SPEC-085",
    carriers: &[Carrier::Tcp(5094), Carrier::Udp(5094)],
    keys: &[
        MANUFACTURER_ID,
        DEVICE_TYPE,
        DEVICE_REVISION,
        SOFTWARE_REVISION,
        HARDWARE_REVISION,
        DEVICE_ID,
        LONG_TAG,
    ],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[READ_IDENTITY, READ_IDENTITY_TCP],
    dissect,
};

/// A session, command 0 (read unique identifier) to the device or gateway itself, and the session's end (HCF_SPEC-085 §10.3).
const SESSION: [Step; 3] = [
    Step {
        sends: &[
            Piece::Octets(
                &[0x01, 0x00, 0x00, 0x00],
                "version 1, request, session initiate",
            ),
            Piece::Octets(&[0x00, 0x01, 0x00, 0x0d], "number 1, 13 octets in all"),
            Piece::Octets(
                &[0x01, 0x00, 0x00, 0x75, 0x30],
                "a primary master; idle for 30 s at most",
            ),
        ],
        until: Until::Answer,
    },
    Step {
        sends: &[
            Piece::Octets(
                &[0x01, 0x00, 0x03, 0x00],
                "version 1, request, token-passing PDU",
            ),
            Piece::Octets(&[0x00, 0x02, 0x00, 0x0d], "number 2, 13 octets in all"),
            Piece::Octets(
                &[0x02, 0x80],
                "from a master, short address: polling address 0, primary master",
            ),
            Piece::Octets(&[0x00, 0x00], "command 0: read unique identifier; no data"),
            Piece::Octets(&[0x82], "check: all octets together"),
        ],
        until: Until::Answer,
    },
    Step {
        sends: &[
            Piece::Octets(
                &[0x01, 0x00, 0x01, 0x00],
                "version 1, request, session close",
            ),
            Piece::Octets(&[0x00, 0x03, 0x00, 0x08], "number 3, 8 octets in all"),
        ],
        until: Until::Answer,
    },
];

const READ_IDENTITY: Probe = Probe {
    name: "read unique identifier (command 0, UDP)",
    asks: &[MANUFACTURER_ID, DEVICE_TYPE, DEVICE_ID, SOFTWARE_REVISION],
    carrier: Carrier::Udp(5094),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &SESSION,
    frames: 3,
};

const READ_IDENTITY_TCP: Probe = Probe {
    name: "read unique identifier (command 0, TCP)",
    carrier: Carrier::Tcp(5094),
    frames: 11,
    ..READ_IDENTITY
};

const HEADER: u16 = 8;

fn frame(input: &[u8]) -> Framed {
    let [1, kind @ 0..=3, 0..=3 | 128, _, _, _, high, low] = head::<8>(input)? else {
        return Err(foreign("hart-ip header", input));
    };
    let length = u16::from_be_bytes([high, low]);
    if !(HEADER..=4096).contains(&length) || kind == 3 {
        return Err(foreign("hart-ip length", input));
    }
    whole(input, length.into())
}

/// Version 1, request, response or publish, and the exact length. Opening, closing and keeping alive are mostly zeros;
/// a token-passing PDU proves itself: all its octets together are zero by exclusive or.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let &[
        1,
        kind @ 0..=2,
        id @ 0..=3,
        _,
        _,
        _,
        high,
        low,
        ref body @ ..,
    ] = message
    else {
        return None;
    };
    if usize::from(u16::from_be_bytes([high, low])) != message.len() {
        return None;
    }
    let role = if kind == 0 {
        Role::Client
    } else {
        Role::Server
    };
    let found = match (id, body.len()) {
        (0, 5) | (1 | 2, 0) => Recognition::WEAK,
        (3, 4..) if body.iter().fold(0, |sum, octet| sum ^ octet) == 0 => Recognition::STRONG,
        _ => return None,
    };
    Some(found.from(role))
}

/// The token-passing PDU of a response: delimiter, address, expansion octets, command, count, two of status, data.
fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let [_, 1, 3, ..] = *take(&mut rest, HEADER.into(), "hart-ip header")? else {
        return Ok(());
    };
    let delimiter = octet(&mut rest, "delimiter")?;
    let address = if delimiter & 0x80 == 0 { 1 } else { 5 };
    take(&mut rest, address, "address")?;
    take(&mut rest, usize::from(delimiter >> 5 & 3), "expansion")?;
    let command = octet(&mut rest, "command")?;
    let mut data = crate::octets::counted8(&mut rest, "data")?;
    be16(&mut data, "status")?;
    match command {
        0 => {
            let octets = data;
            take(&mut data, 1, "expansion code")?;
            let kind = be16(&mut data, "device type")?;
            // Preambles, then revisions of the protocol, device, software, hardware (with a code of signalling), and flags.
            let revisions = take(&mut data, 6, "revisions")?;
            let id = take(&mut data, 3, "device id")?;
            if let [_, _, device, software, hardware, _] = *revisions {
                let hardware = hardware >> 3;
                let numbers = [
                    (DEVICE_REVISION, 2, device),
                    (SOFTWARE_REVISION, 3, software),
                    (HARDWARE_REVISION, 4, hardware),
                ];
                for (key, at, number) in numbers {
                    let place = revisions.get(at..=at).unwrap_or_default();
                    if number > 0 {
                        out.text(Subject::Sender, key, place, format_args!("{number}"));
                    }
                }
            }
            let place = octets.get(1..3).unwrap_or_default();
            out.text(Subject::Sender, DEVICE_TYPE, place, format_args!("{kind}"));
            if let [a, b, c] = id {
                out.text(
                    Subject::Sender,
                    DEVICE_ID,
                    id,
                    format_args!("{a:02x}{b:02x}{c:02x}"),
                );
            }
            // HART 7: preambles, variables, counter, flags, then the manufacturer.
            if take(&mut data, 5, "variables").is_ok() {
                let place = data.get(..2).unwrap_or_default();
                let maker = be16(&mut data, "manufacturer id")?;
                out.text(
                    Subject::Sender,
                    MANUFACTURER_ID,
                    place,
                    format_args!("{maker}"),
                );
            }
        }
        20 => {
            let tag = take(&mut data, 32, "long tag")?;
            if is_printable(unpadded(tag)) {
                out.say(Subject::Sender, LONG_TAG, tag);
            }
        }
        _ => {}
    }
    Ok(())
}
