//! Omron FINS: model and version of a controller.
//!
//! Spec: Omron, Communications Commands Reference Manual (W342), §5-3-17 (CONTROLLER DATA READ), §5-3-18 (CONNECTION DATA READ); W421 (FINS/TCP).

use crate::octets::{foreign, head, octet, take, whole};
use crate::operation::Operation;
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Place, Subject};
use crate::text::{is_printable, unpadded};

/// Controller model.
pub const MODEL: Key = Key("fins.model");
/// Controller version.
pub const VERSION: Key = Key("fins.version");

/// Model of a unit on the controller's bus, by its unit address.
pub const UNIT_MODEL: Key = Key("fins.unit_model");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "fins",
    spec: "Omron W342",
    carriers: &[Carrier::Udp(9600), Carrier::Tcp(9600)],
    keys: &[MODEL, VERSION, UNIT_MODEL],
    frame: Some(frame),
    recognise,
    operation: Some(operation),
    probes: &[READ_CONTROLLER, READ_CONTROLLER_TCP],
    dissect,
};

/// §5-3-17, CONTROLLER DATA READ. Node 0 is the one that the datagram reaches.
const READ_CONTROLLER: Probe = Probe {
    name: "controller data read (UDP)",
    asks: &[MODEL, VERSION],
    carrier: Carrier::Udp(9600),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[
            Piece::Octets(
                &[0x80, 0x00, 0x02],
                "command, an answer is wanted; two gateways at most",
            ),
            Piece::Octets(
                &[0x00, 0x00, 0x00],
                "to network 0, node 0, unit 0: the controller that is reached",
            ),
            Piece::Octets(&[0x00, 0x63, 0x00], "from network 0, node 99, unit 0"),
            Piece::Octets(&[0x01], "service id 1"),
            Piece::Octets(
                &[0x05, 0x01, 0x00],
                "controller data read: model and version",
            ),
        ],
        until: Until::Answer,
    }],
    frames: 1,
};

/// The same behind the header of FINS/TCP (W421 §7-4): the controller first assigns a node number.
const READ_CONTROLLER_TCP: Probe = Probe {
    name: "controller data read (TCP)",
    carrier: Carrier::Tcp(9600),
    steps: &[
        Step {
            sends: &[
                Piece::Octets(b"FINS\0\0\0\x0c", "FINS/TCP, 12 octets follow"),
                Piece::Octets(&[0; 8], "command 0: the client's node address; no error"),
                Piece::Octets(&[0; 4], "assign one"),
            ],
            until: Until::Answer,
        },
        Step {
            sends: &[
                Piece::Octets(b"FINS\0\0\0\x15", "FINS/TCP, 21 octets follow"),
                Piece::Octets(
                    &[0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00],
                    "command 2: a frame; no error",
                ),
                Piece::Octets(
                    &[0x80, 0x00, 0x02],
                    "command, an answer is wanted; two gateways at most",
                ),
                Piece::Octets(&[0x00], "to network 0"),
                Piece::Hole(
                    Hole::Answer {
                        step: 0,
                        at: 23,
                        length: 1,
                    },
                    "the controller's node, as it said",
                ),
                Piece::Octets(&[0x00, 0x00], "unit 0; from network 0"),
                Piece::Hole(
                    Hole::Answer {
                        step: 0,
                        at: 19,
                        length: 1,
                    },
                    "our node, as the controller assigned it",
                ),
                Piece::Octets(&[0x00, 0x01], "unit 0; service id 1"),
                Piece::Octets(
                    &[0x05, 0x01, 0x00],
                    "controller data read: model and version",
                ),
            ],
            until: Until::Answer,
        },
    ],
    frames: 9,
    ..READ_CONTROLLER
};

/// Octets of the header that FINS/TCP puts before a frame.
const TCP_HEADER: usize = 16;

fn frame(input: &[u8]) -> Framed {
    let [b'F', b'I', b'N', b'S', 0, 0, high, low] = head::<8>(input)? else {
        return Err(foreign("fins/tcp magic", input));
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    whole(input, length.saturating_add(8))
}

/// The FINS frame itself.
fn body(message: &[u8]) -> &[u8] {
    if message.starts_with(b"FINS") {
        message.get(TCP_HEADER..).unwrap_or_default()
    } else {
        message
    }
}

/// Control octet of a command or response, reserved zero, at most two gateways (three newer ones), a known command.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let tcp = message.starts_with(b"FINS");
    match body(message) {
        [
            control @ (0x80 | 0x81 | 0xc0 | 0xc1),
            0,
            0..=7,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            main,
            sub,
            rest @ ..,
        ] if matches!(main, 0x01..=0x07 | 0x20..=0x26) && *sub <= 0x60 => {
            let response = control & 0x40 != 0;
            let role = if response { Role::Server } else { Role::Client };
            let fits = !response || rest.len() >= 2;
            let found = if tcp {
                Recognition::STRONG
            } else {
                Recognition::WEAK
            };
            fits.then_some(found.from(role))
        }
        _ => tcp.then_some(Recognition::STRONG),
    }
}

/// Names of commands (W227 §5-1-1).
const COMMANDS: [((u16, u16), &str); 32] = [
    ((1, 1), "memory area read"),
    ((1, 2), "memory area write"),
    ((1, 3), "memory area fill"),
    ((1, 4), "multiple memory area read"),
    ((1, 5), "memory area transfer"),
    ((2, 1), "parameter area read"),
    ((2, 2), "parameter area write"),
    ((2, 3), "parameter area clear"),
    ((3, 4), "program area protect"),
    ((3, 5), "program area protect clear"),
    ((3, 6), "program area read"),
    ((3, 7), "program area write"),
    ((3, 8), "program area clear"),
    ((4, 1), "run"),
    ((4, 2), "stop"),
    ((5, 1), "controller data read"),
    ((5, 2), "connection data read"),
    ((6, 1), "controller status read"),
    ((6, 0x20), "cycle time read"),
    ((7, 1), "clock read"),
    ((7, 2), "clock write"),
    ((0x20, 1), "message read"),
    ((0x21, 1), "error clear"),
    ((0x21, 2), "error log read"),
    ((0x21, 3), "error log clear"),
    ((0x22, 1), "file name read"),
    ((0x22, 2), "single file read"),
    ((0x22, 3), "single file write"),
    ((0x22, 4), "memory card format"),
    ((0x22, 5), "file delete"),
    ((0x23, 1), "forced set and reset"),
    ((0x23, 2), "forced set and reset cancel"),
];

fn operation(message: &[u8]) -> Option<Operation> {
    match *body(message) {
        [control, _, _, _, _, _, _, _, _, _, main, sub, ..] if control & 0x40 == 0 => Some(
            Operation::pair(&COMMANDS, "command", main.into(), sub.into()),
        ),
        _ => None,
    }
}

/// Response to command 05 01: end code, model and version of 20 octets each. To 05 02: how many units, then address and model of each.
fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = body(message.bytes);
    let Some([0xc0 | 0xc1, .., 0x05, command @ (0x01 | 0x02)]) = rest.get(..12) else {
        return Ok(());
    };
    take(&mut rest, 12, "fins response")?;
    if take(&mut rest, 2, "end code")? != [0, 0] {
        return Ok(());
    }
    if *command == 0x01 {
        name(
            Subject::Sender,
            MODEL,
            take(&mut rest, 20, "controller model")?,
            out,
        );
        name(
            Subject::Sender,
            VERSION,
            take(&mut rest, 20, "controller version")?,
            out,
        );
        return Ok(());
    }
    // The top bit says that these are the last.
    let count = octet(&mut rest, "unit count")? & 0x7f;
    for _ in 0..count {
        let unit = octet(&mut rest, "unit address")?;
        let subject = Subject::Behind(Place::Unit(unit.into()));
        name(subject, UNIT_MODEL, take(&mut rest, 20, "unit model")?, out);
    }
    Ok(())
}

fn name(subject: Subject, key: Key, octets: &[u8], out: &mut Out<'_>) {
    if is_printable(unpadded(octets)) {
        out.say(subject, key, octets);
    }
}
