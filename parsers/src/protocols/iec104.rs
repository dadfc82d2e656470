//! IEC 60870-5-104: which station speaks.
//!
//! Spec: IEC 60870-5-104:2006 §5 (APCI), IEC 60870-5-101 §7.2 (ASDU).

use crate::octets::{foreign, head, whole};
use crate::operation::Operation;
use crate::probe::{Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};

/// Common address of the ASDUs that a controlled station sends and is sent.
pub const COMMON_ADDRESS: Key = Key("iec104.common_address");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "iec104",
    spec: "IEC 60870-5-104:2006",
    carriers: &[Carrier::Tcp(2404)],
    keys: &[COMMON_ADDRESS],
    frame: Some(frame),
    recognise,
    operation: Some(operation),
    probes: &[START],
    dissect,
};

/// §5.3: STARTDT; the station then sends what changes by itself, and with it its address. Nothing is interrogated.
const START: Probe = Probe {
    name: "start data transfer (STARTDT)",
    asks: &[COMMON_ADDRESS],
    carrier: Carrier::Tcp(2404),
    reach: Reach::Host,
    // Of redundant connections only one is started: the controlling station's own may be stopped by it (§10).
    safety: Safety::Intrusive,
    steps: &[
        Step {
            sends: &[Piece::Octets(
                &[0x68, 0x04, 0x07, 0x00, 0x00, 0x00],
                "U format: STARTDT act",
            )],
            until: Until::Told(3),
        },
        Step {
            sends: &[Piece::Octets(
                &[0x68, 0x04, 0x13, 0x00, 0x00, 0x00],
                "U format: STOPDT act",
            )],
            // What was sent is not acknowledged, and the confirmation may wait for that: the connection ends here.
            until: Until::Sent,
        },
    ],
    frames: 10,
};

fn frame(input: &[u8]) -> Framed {
    let [0x68, length @ 4..=253] = head::<2>(input)? else {
        return Err(foreign("apci start", input));
    };
    whole(input, usize::from(length).saturating_add(2))
}

/// Control field formats (§5.1): I with an ASDU of an assigned type, S, and the six functions of U.
fn recognise(message: &[u8]) -> Option<Recognition> {
    match *message {
        // STARTDT and STOPDT: the controlling station acts, the other confirms.
        [0x68, 4, 0x07 | 0x13, 0, 0, 0] => Some(Recognition::STRONG.from(Role::Client)),
        [0x68, 4, 0x0b | 0x23, 0, 0, 0] => Some(Recognition::STRONG.from(Role::Server)),
        // Either tests, either counts.
        [0x68, 4, 0x43 | 0x83, 0, 0, 0] => Some(Recognition::WEAK),
        [0x68, 4, 1, 0, low, _] if low & 1 == 0 => Some(Recognition::WEAK),
        [0x68, length, c, _, r, _, kind, _, cause, ..]
            if c & 1 == 0 && r & 1 == 0 && length >= 13 =>
        {
            let kind_known =
                matches!(kind, 1..=40 | 45..=51 | 58..=64 | 70 | 100..=107 | 110..=113 | 120..=127);
            let cause_known = matches!(cause & 0x3f, 1..=13 | 20..=41 | 44..=47);
            (kind_known && cause_known).then_some(match kind {
                // Process information comes from the controlled station, §7.2.1.1 of part 101.
                ..=40 => Recognition::STRONG.from(Role::Server),
                _ => Recognition::STRONG,
            })
        }
        _ => None,
    }
}

/// Names of what a controlling station sends (IEC 60870-5-101 §7.2.1).
const TYPES: [(u16, &str); 34] = [
    (45, "single command"),
    (46, "double command"),
    (47, "regulating step command"),
    (48, "set point normalised"),
    (49, "set point scaled"),
    (50, "set point short float"),
    (51, "bit string command"),
    (58, "single command with time"),
    (59, "double command with time"),
    (60, "regulating step command with time"),
    (61, "set point normalised with time"),
    (62, "set point scaled with time"),
    (63, "set point short float with time"),
    (64, "bit string command with time"),
    (100, "interrogation"),
    (101, "counter interrogation"),
    (102, "read"),
    (103, "clock synchronisation"),
    (104, "test"),
    (105, "reset process"),
    (106, "delay acquisition"),
    (107, "test with time"),
    (110, "parameter normalised"),
    (111, "parameter scaled"),
    (112, "parameter short float"),
    (113, "parameter activation"),
    (120, "file ready"),
    (121, "section ready"),
    (122, "call file"),
    (123, "last section"),
    (124, "acknowledge file"),
    (125, "segment"),
    (126, "directory"),
    (127, "query log"),
];

fn operation(message: &[u8]) -> Option<Operation> {
    match *message {
        [_, _, 0x07, ..] => Some(Operation::word("start data transfer")),
        [_, _, 0x13, ..] => Some(Operation::word("stop data transfer")),
        [_, _, 0x43, ..] => Some(Operation::word("test frame")),
        [_, _, control, _, _, _, kind @ 45..=255, ..] if control & 1 == 0 => {
            Some(Operation::of(&TYPES, "type", kind.into()))
        }
        _ => None,
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    // Type, qualifier, cause, originator, then the common address, low octet first.
    if let [0x68, _, c, _, _, _, kind, _, _, _, low, high, ..] = *message.bytes
        && c & 1 == 0
        && (message.from == Role::Client || kind < 100)
    {
        // Who asks and commands names whom it speaks to.
        let subject = match message.from {
            Role::Server => Subject::Sender,
            Role::Client => Subject::Receiver,
        };
        let octets = message.bytes.get(10..12).unwrap_or_default();
        // 0 is not used, 65535 is everyone (§7.2.4 of part 101).
        let address = u16::from_le_bytes([low, high]);
        if (1..u16::MAX).contains(&address) {
            out.text(subject, COMMON_ADDRESS, octets, format_args!("{address}"));
        }
    }
    Ok(())
}
