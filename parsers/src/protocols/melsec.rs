//! Mitsubishi MELSEC: the names of controllers, by the MC protocol (SLMP) and by the search and greeting of its programming tools.
//!
//! Spec: Mitsubishi Electric, MELSEC Communication Protocol Reference Manual (SH-080008) §8 (3E and 4E frames), §11 (command 0101);
//! SLMP Reference Manual (SH-080956). The search (0x57, 0xd7) and the greeting (0x5a, 0xda) are as sent.

use crate::octets::{array, foreign, head, le16, more, take, whole};
use crate::operation::Operation;
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::unpadded;

/// Model name of the processor: `Q03UDECPU`, `FX5U-32MT/ES`.
pub const MODEL: Key = Key("melsec.model");
/// Model code of the processor: `0x0263`.
pub const MODEL_CODE: Key = Key("melsec.model_code");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "melsec",
    spec: "Mitsubishi Electric SH-080008",
    carriers: &[
        Carrier::Tcp(5007),
        Carrier::Tcp(5562),
        Carrier::Udp(5006),
        Carrier::Udp(5560),
    ],
    keys: &[MODEL, MODEL_CODE],
    frame: Some(frame),
    recognise,
    operation: Some(operation),
    probes: &[],
    dissect,
};

/// Longest data that a frame says it has: 960 words and their heads, in text.
const LONGEST: u16 = 4_200;
const READ_CPU_MODEL: u16 = 0x0101;
/// Octets of a model name, padded with blanks or NULs.
const NAME: usize = 16;

/// What a frame is, by its sub-header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// 3E or 4E, with the octets before the access route.
    Binary { answers: bool, before: usize },
    /// The same in ASCII digits.
    Text { answers: bool, before: usize },
    /// Search of the programming tools.
    Search { answers: bool },
    /// Their greeting.
    Greeting { answers: bool },
}

fn kind(message: &[u8]) -> Option<Kind> {
    Some(match message {
        [0x50, 0x00, ..] => Kind::Binary {
            answers: false,
            before: 2,
        },
        [0xd0, 0x00, ..] => Kind::Binary {
            answers: true,
            before: 2,
        },
        [0x54, 0x00, _, _, 0x00, 0x00, ..] => Kind::Binary {
            answers: false,
            before: 6,
        },
        [0xd4, 0x00, _, _, 0x00, 0x00, ..] => Kind::Binary {
            answers: true,
            before: 6,
        },
        [b'5', b'0', b'0', b'0', ..] => Kind::Text {
            answers: false,
            before: 4,
        },
        [b'D', b'0', b'0', b'0', ..] => Kind::Text {
            answers: true,
            before: 4,
        },
        [0x57, 0 | 1, 0, 0, 0, 0x11, 0x11, ..] => Kind::Search { answers: false },
        [0xd7, 0 | 1, 0, 0, 0, 0x11, 0x11, ..] => Kind::Search { answers: true },
        [0x5a, 0x00, 0x00, 0xff, ..] => Kind::Greeting { answers: false },
        [0xda, 0x00, 0x00, 0xff, ..] => Kind::Greeting { answers: true },
        _ => return None,
    })
}

/// Four octets of hexadecimal digits.
fn digits(octets: &[u8]) -> Option<u16> {
    let text = octets.first_chunk::<4>()?;
    text.iter().try_fold(0_u16, |sum, digit| {
        let value = char::from(*digit).to_digit(16)?;
        Some(sum << 4 | u16::try_from(value).ok()?)
    })
}

/// Octets of a whole frame of known kind, and the least that shows it. Route: network, PC, processor, station; then a length.
fn length(kind: Kind, message: &[u8]) -> Result<Option<usize>, usize> {
    match kind {
        Kind::Binary { before, .. } => {
            let head = before.saturating_add(7);
            let Some([_, _, io_low, io_high, _, low, high]) = message.get(before..head) else {
                return Err(head);
            };
            let count = u16::from_le_bytes([*low, *high]);
            let fits = is_processor(u16::from_le_bytes([*io_low, *io_high]))
                && (2..=LONGEST).contains(&count);
            Ok(fits.then(|| head.saturating_add(count.into())))
        }
        Kind::Text { before, .. } => {
            let head = before.saturating_add(14);
            let Some(route) = message.get(before..head) else {
                return Err(head);
            };
            let processor = route.get(4..8).and_then(digits);
            let count = route.get(10..14).and_then(digits);
            let fits = processor.is_some_and(is_processor);
            Ok(count
                .filter(|count| fits && (4..=LONGEST).contains(count))
                .map(|count| head.saturating_add(count.into())))
        }
        Kind::Search { .. } => {
            let Some([low, high]) = message.get(19..21) else {
                return Err(21);
            };
            let count = u16::from_le_bytes([*low, *high]);
            Ok((count <= LONGEST).then(|| usize::from(count).saturating_add(21)))
        }
        // The answer is longer; nothing tells how much, but that it is one message.
        Kind::Greeting { .. } => Ok(Some(message.len())),
    }
}

/// Processors of a rack (0x03e0 to 0x03e3), the active ones of a redundant pair (0x03d0 to 0x03d3), the station's own (0x03ff).
fn is_processor(number: u16) -> bool {
    matches!(number, 0x03ff | 0x03d0..=0x03d3 | 0x03e0..=0x03e3)
}

fn frame(input: &[u8]) -> Framed {
    let pair = head::<2>(input)?;
    if !matches!(
        pair,
        [0x50 | 0x54 | 0x5a | 0xd0 | 0xd4 | 0xda, 0] | [0x57 | 0xd7, 0 | 1] | [b'5' | b'D', b'0']
    ) {
        return Err(foreign("melsec sub-header", input));
    }
    let Some(kind) = kind(input) else {
        let shown = if matches!(pair, [0x57 | 0xd7, _]) {
            7
        } else {
            6
        };
        return Err(if input.len() < shown {
            more(shown, input)
        } else {
            foreign("melsec sub-header", input)
        });
    };
    match length(kind, input) {
        Ok(Some(length)) if matches!(kind, Kind::Greeting { .. }) => Ok(Cut::whole(length)),
        Ok(Some(length)) => whole(input, length),
        Ok(None) => Err(foreign("melsec length", input)),
        Err(enough) => Err(more(enough, input)),
    }
}

/// A route to a processor and the exact length; in a request a command of a group that exists.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let kind = kind(message)?;
    if length(kind, message) != Ok(Some(message.len())) {
        return None;
    }
    let role = |answers: bool| if answers { Role::Server } else { Role::Client };
    match kind {
        Kind::Binary { answers: true, .. } | Kind::Text { answers: true, .. } => {
            Some(Recognition::WEAK.from(Role::Server))
        }
        Kind::Binary { .. } | Kind::Text { .. } => {
            let known = matches!(
                command(kind, message)?,
                0x0101 | 0x0401..=0x0406 | 0x0601..=0x0630 | 0x0801 | 0x0802 | 0x1001..=0x1006
                    | 0x1401..=0x1406 | 0x1601..=0x1631 | 0x1810..=0x182a
            );
            known.then_some(Recognition::STRONG.from(Role::Client))
        }
        Kind::Search { answers } => Some(Recognition::STRONG.from(role(answers))),
        Kind::Greeting { answers } => {
            let fits = if answers {
                message.len() >= 8
            } else {
                message.len() == 4
            };
            fits.then_some(Recognition::WEAK.from(role(answers)))
        }
    }
}

/// The command of a request, behind the time that it may take.
fn command(kind: Kind, message: &[u8]) -> Option<u16> {
    match kind {
        Kind::Binary {
            answers: false,
            before,
        } => {
            let mut rest = message.get(before.checked_add(9)?..)?;
            le16(&mut rest, "command").ok()
        }
        Kind::Text {
            answers: false,
            before,
        } => digits(message.get(before.checked_add(18)?..)?),
        _ => None,
    }
}

/// Names of commands (SH-080008 §5.2).
const COMMANDS: [(u16, &str); 26] = [
    (0x0101, "read cpu model"),
    (0x0401, "batch read"),
    (0x0403, "random read"),
    (0x0406, "batch read of blocks"),
    (0x0601, "read intelligent module"),
    (0x0613, "buffer memory read"),
    (0x0619, "loopback"),
    (0x0801, "register monitor"),
    (0x0802, "monitor"),
    (0x1001, "remote run"),
    (0x1002, "remote stop"),
    (0x1003, "remote pause"),
    (0x1005, "remote latch clear"),
    (0x1006, "remote reset"),
    (0x1401, "batch write"),
    (0x1402, "random write"),
    (0x1406, "batch write of blocks"),
    (0x1601, "write intelligent module"),
    (0x1613, "buffer memory write"),
    (0x1617, "clear error"),
    (0x1630, "unlock"),
    (0x1631, "lock"),
    (0x1810, "read directory"),
    (0x1827, "open file"),
    (0x1828, "read file"),
    (0x1829, "write file"),
];

fn operation(message: &[u8]) -> Option<Operation> {
    let command = command(kind(message)?, message)?;
    Some(Operation::hex(&COMMANDS, "command", command))
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let Some(kind) = kind(message.bytes) else {
        return Ok(());
    };
    let asked = || {
        let asked = message.asked?;
        command(self::kind(asked)?, asked)
    };
    match kind {
        Kind::Binary {
            answers: true,
            before,
        } if asked() == Some(READ_CPU_MODEL) => {
            let mut rest = message.bytes;
            take(&mut rest, before.saturating_add(7), "melsec head")?;
            if le16(&mut rest, "end code")? != 0 {
                return Ok(());
            }
            model(take(&mut rest, NAME, "model name")?, out);
            let code = rest;
            let [low, high] = array::<2>(&mut rest, "model code")?;
            let octets = code.get(..2).unwrap_or_default();
            out.text(
                Subject::Sender,
                MODEL_CODE,
                octets,
                format_args!("0x{high:02x}{low:02x}"),
            );
            Ok(())
        }
        Kind::Text {
            answers: true,
            before,
        } if asked() == Some(READ_CPU_MODEL) => {
            let mut rest = message.bytes;
            take(&mut rest, before.saturating_add(14), "melsec head")?;
            if take(&mut rest, 4, "end code")? != b"0000" {
                return Ok(());
            }
            model(take(&mut rest, NAME, "model name")?, out);
            let octets = take(&mut rest, 4, "model code")?;
            if let Some(code) = digits(octets) {
                out.text(
                    Subject::Sender,
                    MODEL_CODE,
                    octets,
                    format_args!("0x{code:04x}"),
                );
            }
            Ok(())
        }
        Kind::Search { answers: true } => {
            let rest = message.bytes.get(21..).unwrap_or_default();
            let text = rest
                .split(|octet| !(0x20..0x7f).contains(octet))
                .find(|run| run.len() >= 4);
            if let Some(text) = text {
                model(text.get(..NAME).unwrap_or(text), out);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Capitals, digits, strokes and blanks, as model names have them.
fn model(octets: &[u8], out: &mut Out<'_>) {
    let name = unpadded(octets);
    let named = name.first().is_some_and(u8::is_ascii_alphanumeric)
        && name.iter().all(|c| {
            c.is_ascii_alphanumeric() || matches!(c, b'-' | b'/' | b' ' | b'(' | b')' | b'+' | b'_')
        });
    if name.len() >= 3 && named {
        out.say(Subject::Sender, MODEL, octets);
    }
}
