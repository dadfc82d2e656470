//! EtherNet/IP encapsulation: identities that devices list, and the CIP inside.
//!
//! Spec: ODVA, The CIP Networks Library, volume 2, chapter 2 (encapsulation, §2-4.2 `ListIdentity`, §2-6 common packet format).

use crate::octets::{be16, foreign, head, le16, le32, take, whole};
use crate::operation::Operation;
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Subject};

use super::cip;

/// Vendor id as assigned by ODVA.
pub const VENDOR_ID: Key = Key("enip.vendor_id");
/// Device type (profile).
pub const DEVICE_TYPE: Key = Key("enip.device_type");
/// Product code as assigned by the vendor.
pub const PRODUCT_CODE: Key = Key("enip.product_code");
/// Revision: major and minor.
pub const REVISION: Key = Key("enip.revision");
/// Serial number: `0x00c0ffee`.
pub const SERIAL_NUMBER: Key = Key("enip.serial_number");
/// Product name.
pub const PRODUCT_NAME: Key = Key("enip.product_name");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "enip",
    spec: "CIP Networks Library, volume 2",
    carriers: &[Carrier::Tcp(44818), Carrier::Udp(44818), Carrier::Udp(2222)],
    keys: &[
        VENDOR_ID,
        DEVICE_TYPE,
        PRODUCT_CODE,
        REVISION,
        SERIAL_NUMBER,
        PRODUCT_NAME,
    ],
    frame: Some(frame),
    recognise,
    operation: Some(operation),
    probes: &[
        LIST_IDENTITY_UDP,
        LIST_IDENTITY_TCP,
        READ_IDENTITY,
        READ_SLOT_IDENTITY,
        LIST_IDENTITY_SEGMENT,
    ],
    dissect,
};

/// What an identity tells.
const LISTED: [Key; 6] = [
    VENDOR_ID,
    DEVICE_TYPE,
    PRODUCT_CODE,
    REVISION,
    SERIAL_NUMBER,
    PRODUCT_NAME,
];
const READ: [Key; 6] = [
    cip::VENDOR_ID,
    cip::DEVICE_TYPE,
    cip::PRODUCT_CODE,
    cip::REVISION,
    cip::SERIAL_NUMBER,
    cip::PRODUCT_NAME,
];
/// Status, sender context and options of a request.
const NO_STATUS: Piece = Piece::Octets(&[0; 16], "status, sender context and options: 0");
/// Needs no session (§2-4.2).
const ASK_IDENTITY: [Piece; 3] = [
    Piece::Octets(
        &[0x63, 0x00, 0x00, 0x00],
        "command 0x0063: list identity; no data",
    ),
    Piece::Octets(&[0; 4], "no session"),
    NO_STATUS,
];

/// `ListIdentity` to one host, without a connection.
const LIST_IDENTITY_UDP: Probe = Probe {
    name: "list identity (UDP)",
    asks: &LISTED,
    carrier: Carrier::Udp(44818),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &ASK_IDENTITY,
        until: Until::Answer,
    }],
    frames: 1,
};

/// `ListIdentity` in a connection, for what has no UDP.
const LIST_IDENTITY_TCP: Probe = Probe {
    name: "list identity (TCP)",
    carrier: Carrier::Tcp(44818),
    frames: 7,
    ..LIST_IDENTITY_UDP
};

/// `ListIdentity` by broadcast.
const LIST_IDENTITY_SEGMENT: Probe = Probe {
    name: "list identity (broadcast)",
    reach: Reach::Segment,
    steps: &[Step {
        sends: &ASK_IDENTITY,
        until: Until::Quiet,
    }],
    ..LIST_IDENTITY_UDP
};

/// §2-4.4: gives the session handle.
const REGISTER: Step = Step {
    sends: &[
        Piece::Octets(
            &[0x65, 0x00, 0x04, 0x00],
            "command 0x0065: register session; 4 octets",
        ),
        Piece::Octets(&[0; 4], "no session yet"),
        NO_STATUS,
        Piece::Octets(
            &[0x01, 0x00, 0x00, 0x00],
            "encapsulation version 1, no options",
        ),
    ],
    until: Until::Answer,
};
/// The handle that the device gave.
const SESSION: Piece = Piece::Hole(
    Hole::Answer {
        step: 0,
        at: 4,
        length: 4,
    },
    "session handle, as the device gave it",
);
/// §2-4.5: the device closes the connection, and answers nothing.
const UNREGISTER: Step = Step {
    sends: &[
        Piece::Octets(
            &[0x66, 0x00, 0x00, 0x00],
            "command 0x0066: unregister session; no data",
        ),
        SESSION,
        NO_STATUS,
    ],
    until: Until::Sent,
};
/// CIP volume 1, §5A-2.3: attributes of the identity object's first instance.
const GET_IDENTITY: Piece = Piece::Octets(
    &[0x01, 0x02, 0x20, 0x01, 0x24, 0x01],
    "get attributes all of class 1 (identity), instance 1",
);

/// Of command 0x006f: what it is for, and how many items follow.
const TO_CIP: Piece = Piece::Octets(
    &[0x00, 0x00, 0x00, 0x00, 0x05, 0x00],
    "interface CIP, timeout 5 s",
);
const ITEMS: Piece = Piece::Octets(
    &[0x02, 0x00, 0x00, 0x00, 0x00, 0x00],
    "two items; no address",
);

/// The identity object of the device that is spoken to.
const READ_IDENTITY: Probe = Probe {
    name: "read identity object",
    asks: &READ,
    carrier: Carrier::Tcp(44818),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[
        REGISTER,
        Step {
            sends: &[
                Piece::Octets(
                    &[0x6f, 0x00, 0x16, 0x00],
                    "command 0x006f: send RR data; 22 octets",
                ),
                SESSION,
                NO_STATUS,
                TO_CIP,
                ITEMS,
                Piece::Octets(&[0xb2, 0x00, 0x06, 0x00], "unconnected data, 6 octets"),
                GET_IDENTITY,
            ],
            until: Until::Answer,
        },
        UNREGISTER,
    ],
    frames: 10,
};

/// The identity object of a module in the rack, through the one that is spoken to (volume 1, §3-5.5.4).
const READ_SLOT_IDENTITY: Probe = Probe {
    name: "read identity object of a backplane slot",
    asks: &READ,
    carrier: Carrier::Tcp(44818),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[
        REGISTER,
        Step {
            sends: &[
                Piece::Octets(
                    &[0x6f, 0x00, 0x24, 0x00],
                    "command 0x006f: send RR data; 36 octets",
                ),
                SESSION,
                NO_STATUS,
                TO_CIP,
                ITEMS,
                Piece::Octets(&[0xb2, 0x00, 0x14, 0x00], "unconnected data, 20 octets"),
                Piece::Octets(
                    &[0x52, 0x02, 0x20, 0x06, 0x24, 0x01],
                    "unconnected send of class 6 (connection manager), instance 1",
                ),
                Piece::Octets(
                    &[0x05, 0x9d],
                    "ticks of 32 ms, 157 of them: give up after 5 s",
                ),
                Piece::Octets(&[0x06, 0x00], "message of 6 octets"),
                GET_IDENTITY,
                Piece::Octets(&[0x01, 0x00], "route of one word"),
                Piece::Octets(&[0x01], "port 1: the backplane"),
                Piece::Hole(
                    Hole::Setting {
                        name: "enip.slot",
                        default: &[0x00],
                    },
                    "slot",
                ),
            ],
            until: Until::Answer,
        },
        UNREGISTER,
    ],
    frames: 10,
};

/// Octets of the encapsulation header.
const HEADER: usize = 24;
/// Longest data (§2-3.3: 65,511), less than what a message may be.
const LONGEST: usize = 65_511;

const LIST_IDENTITY: u16 = 0x0063;
const SEND_RR_DATA: u16 = 0x006f;
const SEND_UNIT_DATA: u16 = 0x0070;

fn is_command(command: u16) -> bool {
    matches!(command, 0x0004 | 0x0063..=0x0066 | 0x006f | 0x0070)
}

fn frame(input: &[u8]) -> Framed {
    let [c0, c1, l0, l1] = head::<4>(input)?;
    if !is_command(u16::from_le_bytes([c0, c1])) {
        return Err(foreign("encapsulation command", input));
    }
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if length > LONGEST {
        return Err(foreign("encapsulation length", input));
    }
    whole(input, length.saturating_add(HEADER))
}

/// A known command, its exact length, a known status and no options (§2-3.1).
fn recognise(message: &[u8]) -> Option<Recognition> {
    let mut rest = message;
    let command = le16(&mut rest, "command").ok()?;
    let length = usize::from(le16(&mut rest, "length").ok()?);
    let session = le32(&mut rest, "session").ok()?;
    let status = le32(&mut rest, "status").ok()?;
    take(&mut rest, 8, "sender context").ok()?;
    let options = le32(&mut rest, "options").ok()?;
    let known = matches!(status, 0..=3 | 0x64 | 0x65 | 0x69);
    let fits = length == rest.len() && is_command(command) && options == 0;
    // A bare request is little more than zeros.
    let marked = length > 0 || session != 0;
    (known && fits).then_some(if marked {
        Recognition::STRONG
    } else {
        Recognition::WEAK
    })
}

/// Names of commands (volume 2, table 2-3.2).
const COMMANDS: [(u16, &str); 6] = [
    (0x0004, "list services"),
    (0x0063, "list identity"),
    (0x0064, "list interfaces"),
    (0x0065, "register session"),
    (0x0066, "unregister session"),
    (0x0070, "send unit data"),
];

/// The CIP service, where the command carries one.
fn operation(message: &[u8]) -> Option<Operation> {
    let mut rest = message;
    match le16(&mut rest, "command").ok()? {
        SEND_RR_DATA | SEND_UNIT_DATA => super::cip::operation(request(message)?),
        0 => None,
        command => Some(Operation::hex(&COMMANDS, "command", command)),
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let command = le16(&mut rest, "command")?;
    take(&mut rest, HEADER.saturating_sub(2), "encapsulation header")?;
    match command {
        LIST_IDENTITY => items(rest, |kind, item| match kind {
            0x000c => identity(item, out),
            _ => Ok(()),
        }),
        SEND_RR_DATA | SEND_UNIT_DATA => {
            take(&mut rest, 6, "interface handle and timeout")?;
            let asked = message.asked.and_then(request);
            items(rest, |kind, mut item| match kind {
                // Connected data: a sequence count goes before it.
                0x00b1 => {
                    le16(&mut item, "sequence count")?;
                    out.carried(
                        &cip::PROTOCOL,
                        Message {
                            asked,
                            ..message.part(item)
                        },
                    )
                }
                0x00b2 => out.carried(
                    &cip::PROTOCOL,
                    Message {
                        asked,
                        ..message.part(item)
                    },
                ),
                _ => Ok(()),
            })
        }
        _ => Ok(()),
    }
}

/// The CIP message of a request, to read its reply by.
fn request(message: &[u8]) -> Option<&[u8]> {
    let mut found = None;
    let rest = message.get(HEADER.saturating_add(6)..)?;
    // The kept front of a long request may lack its end.
    let _ = items(rest, |kind, item| {
        found = match kind {
            0x00b1 => item.get(2..),
            0x00b2 => Some(item),
            _ => found,
        };
        Ok(())
    });
    found
}

/// The items of the common packet format.
fn items<'a>(
    mut rest: &'a [u8],
    mut read: impl FnMut(u16, &'a [u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    /// More than any command has.
    const MOST: u16 = 16;
    if rest.is_empty() {
        return Ok(());
    }
    let count = le16(&mut rest, "item count")?.min(MOST);
    for _ in 0..count {
        let kind = le16(&mut rest, "item type")?;
        let length = le16(&mut rest, "item length")?;
        read(kind, take(&mut rest, length.into(), "item")?)?;
    }
    Ok(())
}

/// Version, socket address, then the attributes of the identity object.
fn identity(item: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = item;
    le16(&mut rest, "encapsulation version")?;
    be16(&mut rest, "address family")?;
    take(&mut rest, 14, "socket address")?;
    cip::identity(
        Subject::Sender,
        [
            VENDOR_ID,
            DEVICE_TYPE,
            PRODUCT_CODE,
            REVISION,
            SERIAL_NUMBER,
            PRODUCT_NAME,
        ],
        rest,
        out,
    )
}
