//! Tunnels of the older kind, whose ends introduce themselves: PPTP and L2TP.
//!
//! Spec: RFC 2637 §2 (PPTP control messages); RFC 2661 §3.1 and §4.4 (L2TP header, attribute-value pairs).

use crate::octets::{array, be16, foreign, head, take, whole};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{is_printable, unpadded};

/// Host name of either end.
pub const PPTP_HOST: Key = Key("pptp.host_name");
/// Vendor string of either end.
pub const PPTP_VENDOR: Key = Key("pptp.vendor");
/// Firmware revision of the server or build of the client.
pub const PPTP_FIRMWARE: Key = Key("pptp.firmware_revision");
/// Host name of either end.
pub const L2TP_HOST: Key = Key("l2tp.host_name");
/// Vendor name.
pub const L2TP_VENDOR: Key = Key("l2tp.vendor");
/// Firmware revision, a number that the vendor encodes.
pub const L2TP_FIRMWARE: Key = Key("l2tp.firmware_revision");

/// Registration of PPTP.
pub static PPTP: Protocol = Protocol {
    name: "pptp",
    spec: "RFC 2637",
    carriers: &[Carrier::Tcp(1723)],
    keys: &[PPTP_HOST, PPTP_VENDOR, PPTP_FIRMWARE],
    frame: Some(pptp_frame),
    recognise: |message| {
        let [_, _, 0, 1, 0x1a, 0x2b, 0x3c, 0x4d, 0, kind @ 1..=15, ..] = message else {
            return None;
        };
        Some(match kind {
            1 => Recognition::STRONG.from(Role::Client),
            2 => Recognition::STRONG.from(Role::Server),
            _ => Recognition::STRONG,
        })
    },
    operation: None,
    probes: &[],
    dissect: pptp_dissect,
};

/// Registration of L2TP.
pub static L2TP: Protocol = Protocol {
    name: "l2tp",
    spec: "RFC 2661",
    carriers: &[Carrier::Udp(1701)],
    keys: &[L2TP_HOST, L2TP_VENDOR, L2TP_FIRMWARE],
    frame: None,
    recognise: |message| {
        let kind = l2tp_control(message)?.0;
        Some(match kind {
            1 => Recognition::STRONG.from(Role::Client),
            2 => Recognition::STRONG.from(Role::Server),
            _ => Recognition::STRONG,
        })
    },
    operation: None,
    probes: &[],
    dissect: l2tp_dissect,
};

/// Longest control message: the one that places a call.
const LONGEST_PPTP: u16 = 220;

fn pptp_frame(input: &[u8]) -> Framed {
    let [high, low, 0, 1, 0x1a, 0x2b, 0x3c, 0x4d] = head::<8>(input)? else {
        return Err(foreign("pptp header", input));
    };
    let length = u16::from_be_bytes([high, low]);
    if !(12..=LONGEST_PPTP).contains(&length) {
        return Err(foreign("pptp length", input));
    }
    whole(input, length.into())
}

/// §2.1 and §2.2: both begin with version, result, capabilities and end with firmware, host and vendor.
fn pptp_dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let header = array::<12>(&mut rest, "pptp header")?;
    let [.., 0, 1 | 2, _, _] = header else {
        return Ok(());
    };
    take(&mut rest, 14, "pptp capabilities")?;
    let firmware = take(&mut rest, 2, "pptp firmware")?;
    if let [high, low] = *firmware
        && (high, low) != (0, 0)
    {
        let number = u16::from_be_bytes([high, low]);
        out.text(
            Subject::Sender,
            PPTP_FIRMWARE,
            firmware,
            format_args!("{number}"),
        );
    }
    for key in [PPTP_HOST, PPTP_VENDOR] {
        let text = take(&mut rest, 64, "pptp name")?;
        if is_printable(unpadded(text)) {
            out.say(Subject::Sender, key, text);
        }
    }
    Ok(())
}

/// The type of a control message and its attribute-value pairs: flags T, L and S, version 2, the exact length.
fn l2tp_control(message: &[u8]) -> Option<(u16, &[u8])> {
    let &[0xc8, 2, high, low, _, _, _, _, _, _, _, _, ref pairs @ ..] = message else {
        return None;
    };
    if usize::from(u16::from_be_bytes([high, low])) != message.len() {
        return None;
    }
    // The message type comes first, and it is mandatory (§4.4.1).
    match *pairs {
        [0x80, 8, 0, 0, 0, 0, high, low, ref others @ ..] => {
            let kind = u16::from_be_bytes([high, low]);
            (1..=28).contains(&kind).then_some((kind, others))
        }
        _ => None,
    }
}

fn l2tp_dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let Some((1 | 2, mut rest)) = l2tp_control(message.bytes) else {
        return Ok(());
    };
    while !rest.is_empty() {
        let head = be16(&mut rest, "l2tp attribute")?;
        let length = usize::from(head & 0x03ff);
        let length = length
            .checked_sub(2)
            .filter(|length| *length >= 4)
            .ok_or_else(|| Fault::value("l2tp attribute length", rest))?;
        let mut pair = take(&mut rest, length, "l2tp attribute")?;
        let [vendor, attribute] = [
            be16(&mut pair, "l2tp vendor")?,
            be16(&mut pair, "l2tp attribute type")?,
        ];
        // Hidden values are encrypted (§4.3).
        if vendor != 0 || head & 0x4000 != 0 {
            continue;
        }
        match (attribute, pair) {
            (6, [high, low]) => {
                let number = u16::from_be_bytes([*high, *low]);
                out.text(
                    Subject::Sender,
                    L2TP_FIRMWARE,
                    pair,
                    format_args!("{number}"),
                );
            }
            (7, text) if is_printable(unpadded(text)) => out.say(Subject::Sender, L2TP_HOST, text),
            (8, text) if is_printable(unpadded(text)) => {
                out.say(Subject::Sender, L2TP_VENDOR, text);
            }
            _ => {}
        }
    }
    Ok(())
}
