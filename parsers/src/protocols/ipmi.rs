//! Intelligent Platform Management over the network: which maker's management controller answers, with what firmware.
//!
//! Spec: IPMI 2.0 revision 1.1 §13 (RMCP, sessions), §20.1 (Get Device ID), §22.13 (Get Channel Authentication Capabilities);
//! DMTF DSP0136 §3.2.4 (ASF presence).

use crate::octets::{array, be16, be32, le16, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};

/// Manufacturer of the controller: an enterprise number (Get Device ID).
pub const MANUFACTURER_ID: Key = Key("ipmi.manufacturer_id");
/// Manufacturer and its number of the product: `674/256` (Get Device ID).
pub const PRODUCT_ID: Key = Key("ipmi.product_id");
/// Firmware revision, the second part as sent in decimal digits: `2.85`.
pub const FIRMWARE: Key = Key("ipmi.firmware_revision");
/// IPMI version: `2.0`.
pub const VERSION: Key = Key("ipmi.version");
/// Enterprise number that is not zero in the OEM field of the authentication capabilities.
pub const OEM_ID: Key = Key("ipmi.oem_id");
/// Enterprise number in an answer to a presence ping.
pub const ASF_ENTERPRISE: Key = Key("ipmi.asf_enterprise");
/// That a management controller answered: `ipmi` or `asf`.
pub const CONTROLLER: Key = Key("ipmi.controller");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "ipmi",
    spec: "IPMI 2.0",
    carriers: &[Carrier::Udp(623)],
    keys: &[
        MANUFACTURER_ID,
        PRODUCT_ID,
        FIRMWARE,
        VERSION,
        OEM_ID,
        ASF_ENTERPRISE,
        CONTROLLER,
    ],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Message classes of RMCP (§13.1.3).
const ASF: u8 = 6;
const IPMI: u8 = 7;
/// Enterprise number of the alerting forum, in every ASF message.
const ASF_FORUM: u32 = 4542;
const PING: u8 = 0x80;
const PONG: u8 = 0x40;
/// Authentication type of RMCP+ (§13.6).
const RMCP_PLUS: u8 = 6;
/// Application requests have even numbers, answers odd ones (§5.1): network function 6 and 7 above a unit of two bits.
const APPLICATION_ANSWER: u8 = 0x1c;
const GET_DEVICE_ID: u8 = 0x01;
const GET_CAPABILITIES: u8 = 0x38;

/// Version 1.0, nothing reserved, then a class whose own fields agree.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let mut rest = message;
    let [6, 0, _, class] = array::<4>(&mut rest, "rmcp header").ok()? else {
        return None;
    };
    match class {
        ASF => {
            let enterprise = be32(&mut rest, "asf enterprise").ok()?;
            let [kind, _, 0, length] = array::<4>(&mut rest, "asf header").ok()? else {
                return None;
            };
            let whole = usize::from(length) == rest.len() && enterprise == ASF_FORUM;
            match kind {
                PING if whole => Some(Recognition::STRONG.from(Role::Client)),
                PONG if whole => Some(Recognition::STRONG.from(Role::Server)),
                _ => None,
            }
        }
        IPMI => {
            if let Ok(Some(inner)) = inner(rest) {
                let request = inner.function >> 2 & 1 == 0;
                let role = if request { Role::Client } else { Role::Server };
                return Some(Recognition::STRONG.from(role));
            }
            // An encrypted or session message: authentication types are 0, 1, 2, 4, 5 and 6.
            let [RMCP_PLUS, payload, ..] = *rest else {
                return None;
            };
            let at = rest.get(10..12)?;
            let length = le16(&mut &*at, "payload length").ok()?;
            let fits = usize::from(length) <= rest.len().saturating_sub(12);
            (fits && matches!(payload & 0x3f, 0..=2 | 0x10..=0x15)).then_some(Recognition::WEAK)
        }
        _ => None,
    }
}

/// A message to or from a controller, in the clear.
struct Inner<'a> {
    /// Network function above the unit.
    function: u8,
    command: u8,
    data: &'a [u8],
}

/// The message of a session that is not encrypted, if both its checksums (§13.8) are right.
fn inner(session: &[u8]) -> Result<Option<Inner<'_>>, Fault> {
    let mut rest = session;
    let authentication = octet(&mut rest, "authentication type")?;
    let length = match authentication {
        0 | 1 | 2 | 4 | 5 => {
            take(&mut rest, 8, "session")?;
            if authentication != 0 {
                take(&mut rest, 16, "authentication code")?;
            }
            usize::from(octet(&mut rest, "message length")?)
        }
        RMCP_PLUS => {
            // Neither encrypted nor of another kind than IPMI.
            if octet(&mut rest, "payload type")? & 0xbf != 0 {
                return Ok(None);
            }
            take(&mut rest, 8, "session")?;
            usize::from(le16(&mut rest, "payload length")?)
        }
        _ => return Ok(None),
    };
    let message = take(&mut rest, length, "ipmi message")?;
    let sums = |octets: &[u8]| {
        octets
            .iter()
            .fold(0_u8, |sum, octet| sum.wrapping_add(*octet))
            == 0
    };
    let (header, body) = message
        .split_at_checked(3)
        .ok_or(Fault::short("ipmi header"))?;
    let (&[_, function, _], [_, _, command, data @ .., _]) = (header, body) else {
        return Ok(None);
    };
    Ok((sums(header) && sums(body)).then_some(Inner {
        function,
        command: *command,
        data,
    }))
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let [6, 0, _, class] = array::<4>(&mut rest, "rmcp header")? else {
        return Err(Fault::value("rmcp header", message.bytes));
    };
    if class == ASF {
        take(&mut rest, 4, "asf enterprise")?;
        let head = rest;
        if octet(&mut rest, "asf type")? != PONG {
            return Ok(());
        }
        out.text(
            Subject::Sender,
            CONTROLLER,
            head.get(..1).unwrap_or_default(),
            format_args!("asf"),
        );
        take(&mut rest, 3, "asf header")?;
        let octets = rest.get(..4).unwrap_or_default();
        let enterprise = be32(&mut rest, "oem enterprise")?;
        // The forum's own number stands for nobody's.
        if enterprise != ASF_FORUM && enterprise != 0 {
            let text = format_args!("{enterprise}");
            out.text(Subject::Sender, ASF_ENTERPRISE, octets, text);
        }
        return Ok(());
    }
    let Some(inner) = inner(rest)? else {
        return Ok(());
    };
    let [0, data @ ..] = inner.data else {
        return Ok(());
    };
    if inner.function & 0xfc != APPLICATION_ANSWER {
        return Ok(());
    }
    out.text(
        Subject::Sender,
        CONTROLLER,
        inner.data,
        format_args!("ipmi"),
    );
    match inner.command {
        GET_DEVICE_ID => device(data, out),
        GET_CAPABILITIES => {
            // Channel, types, status, extended.
            if let Some(octets @ [a, b, c]) = data.get(4..7) {
                let number = u32::from_le_bytes([*a, *b, *c, 0]);
                if number != 0 {
                    out.text(Subject::Sender, OEM_ID, octets, format_args!("{number}"));
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Device id, revision, firmware, version of IPMI, what is supported, manufacturer, product (§20.1).
fn device(data: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = data;
    take(&mut rest, 2, "device id")?;
    let octets = rest.get(..2).unwrap_or_default();
    let [major, minor] = be16(&mut rest, "firmware revision")?.to_be_bytes();
    let major = major & 0x7f;
    out.text(
        Subject::Sender,
        FIRMWARE,
        octets,
        format_args!("{major}.{minor:02x}"),
    );
    let octets = rest.get(..1).unwrap_or_default();
    let version = octet(&mut rest, "ipmi version")?;
    let (high, low) = (version & 0x0f, version >> 4);
    out.text(
        Subject::Sender,
        VERSION,
        octets,
        format_args!("{high}.{low}"),
    );
    octet(&mut rest, "support")?;
    let octets = rest.get(..3).unwrap_or_default();
    let [a, b, c] = array::<3>(&mut rest, "manufacturer")?;
    // Twenty bits are the number.
    let maker = u32::from_le_bytes([a, b, c & 0x0f, 0]);
    if maker == 0 || maker == 0xf_ffff {
        return Ok(());
    }
    out.text(
        Subject::Sender,
        MANUFACTURER_ID,
        octets,
        format_args!("{maker}"),
    );
    let octets = rest.get(..2).unwrap_or_default();
    let product = le16(&mut rest, "product")?;
    out.text(
        Subject::Sender,
        PRODUCT_ID,
        octets,
        format_args!("{maker}/{product}"),
    );
    Ok(())
}
