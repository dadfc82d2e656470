//! POCT1-A: point-of-care devices that introduce themselves to a data manager. Nothing of a patient or an operator is ever read.
//!
//! Spec: CLSI POCT01-A2, appendix A (device messaging layer): HEL.R01 and its DEV object.

use crate::octets::{foreign, more};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Subject};
use crate::text::{between, find};

/// Device id (an EUI-64 or what the maker takes instead).
pub const DEVICE_ID: Key = Key("poct1.device_id");
/// Vendor id.
pub const VENDOR_ID: Key = Key("poct1.vendor_id");
/// Model id.
pub const MODEL_ID: Key = Key("poct1.model_id");
/// Serial number.
pub const SERIAL_ID: Key = Key("poct1.serial_id");
/// Manufacturer's name.
pub const MANUFACTURER_NAME: Key = Key("poct1.manufacturer_name");
/// Hardware version.
pub const HARDWARE_VERSION: Key = Key("poct1.hw_version");
/// Software version.
pub const SOFTWARE_VERSION: Key = Key("poct1.sw_version");
/// Name of the device, as its users call it.
pub const DEVICE_NAME: Key = Key("poct1.device_name");
/// Version of the messages (`HDR.version_id`): `POCT1`.
pub const VERSION: Key = Key("poct1.version");

/// Registration. No port is registered; 3001 is what data managers take most.
pub static PROTOCOL: Protocol = Protocol {
    name: "poct1",
    spec: "CLSI POCT01-A2",
    carriers: &[Carrier::Tcp(3001)],
    keys: &[
        DEVICE_ID,
        VENDOR_ID,
        MODEL_ID,
        SERIAL_ID,
        MANUFACTURER_NAME,
        HARDWARE_VERSION,
        SOFTWARE_VERSION,
        DEVICE_NAME,
        VERSION,
    ],
    frame: Some(frame),
    recognise: |message| {
        let header = root(message).is_some() && find(message, b"<HDR>").is_some();
        let controls = header && find(message, b"HDR.control_id").is_some();
        controls.then_some(Recognition::STRONG)
    },
    operation: None,
    probes: &[],
    dissect,
};

/// Longer messages carry results, not identities.
const LONGEST: usize = 60_000;
/// An XML declaration and a document type may go before the message.
const LONGEST_PROLOGUE: usize = 512;

/// What may stand before the message: blanks, declarations.
fn prologue(input: &[u8]) -> Result<usize, nom::Err<Fault>> {
    let mut rest = input;
    loop {
        rest = rest.trim_ascii_start();
        let used = input.len().saturating_sub(rest.len());
        if used > LONGEST_PROLOGUE {
            return Err(foreign("poct1 prologue", input));
        }
        match *rest {
            [b'<', b'?' | b'!', ..] => {
                let end = rest.iter().position(|octet| *octet == b'>');
                let Some(end) = end else {
                    let ours = rest.len() <= LONGEST_PROLOGUE
                        && [&b"<?xml"[..], b"<!DOCTYPE"]
                            .iter()
                            .any(|mark| mark.starts_with(rest) || rest.starts_with(mark));
                    return Err(if ours {
                        more(input.len().saturating_add(1), input)
                    } else {
                        foreign("poct1 declaration", input)
                    });
                };
                rest = rest.get(end.saturating_add(1)..).unwrap_or_default();
            }
            _ => return Ok(used),
        }
    }
}

/// The name of the message in its first tag: `HEL.R01`.
fn name(text: &[u8]) -> Option<&[u8]> {
    let (&b'<', rest) = text.split_first()? else {
        return None;
    };
    let (name, _) = rest.split_at_checked(7)?;
    let known = matches!(
        name,
        [
            b'A'..=b'Z',
            b'A'..=b'Z',
            b'A'..=b'Z' | b'0'..=b'9',
            b'.',
            b'R',
            b'0',
            b'1'..=b'9',
        ]
    );
    let ends = matches!(
        rest.get(7),
        None | Some(b'>' | b' ' | b'\r' | b'\n' | b'\t')
    );
    (known && ends).then_some(name)
}

fn root(message: &[u8]) -> Option<&[u8]> {
    name(message.get(prologue(message).ok()?..)?)
}

/// From the first tag to the one that closes it.
fn frame(input: &[u8]) -> Framed {
    let begin = prologue(input)?;
    let text = input.get(begin..).unwrap_or_default();
    let Some(name) = name(text) else {
        let begun = text.len() < 8
            && text.iter().enumerate().all(|(n, octet)| match n {
                0 => *octet == b'<',
                4 => *octet == b'.',
                5 => *octet == b'R',
                6 | 7 => octet.is_ascii_digit(),
                _ => octet.is_ascii_uppercase() || octet.is_ascii_digit(),
            });
        return Err(if begun {
            more(input.len().saturating_add(1), input)
        } else {
            foreign("poct1 message", input)
        });
    };
    let mut rest = text;
    let mut at = begin;
    while let Some(found) = find(rest, b"</") {
        let after = found.saturating_add(2);
        let tail = rest.get(after..).unwrap_or_default();
        if tail.starts_with(name) && tail.get(name.len()) == Some(&b'>') {
            let end = at.saturating_add(after).saturating_add(name.len());
            return Ok(Cut::whole(end.saturating_add(1)));
        }
        at = at.saturating_add(after);
        rest = tail;
    }
    if input.len() > LONGEST {
        return Ok(Cut::whole(input.len()));
    }
    Err(more(input.len().saturating_add(1), input))
}

/// Of a hello the device; of anything else nothing.
fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    if root(message.bytes) != Some(b"HEL.R01") {
        return Ok(());
    }
    let fields = [
        (&b"<HDR.version_id"[..], VERSION),
        (b"<DEV.device_id", DEVICE_ID),
        (b"<DEV.vendor_id", VENDOR_ID),
        (b"<DEV.model_id", MODEL_ID),
        (b"<DEV.serial_id", SERIAL_ID),
        (b"<DEV.manufacturer_name", MANUFACTURER_NAME),
        (b"<DEV.hw_version", HARDWARE_VERSION),
        (b"<DEV.sw_version", SOFTWARE_VERSION),
        (b"<DEV.device_name", DEVICE_NAME),
    ];
    for (tag, key) in fields {
        let Some(attributes) = between(message.bytes, tag, b">") else {
            continue;
        };
        let quoted = |mark: &[u8], end: &[u8]| between(attributes, mark, end);
        if let Some(value) = quoted(b"V=\"", b"\"").or_else(|| quoted(b"V='", b"'")) {
            out.say(Subject::Sender, key, value);
        }
    }
    Ok(())
}
