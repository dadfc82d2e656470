//! DLMS/COSEM: system titles and logical device names of meters.
//!
//! Spec: DLMS UA 1000-2 (Green Book) ed. 10 §7.3 (TCP-UDP/IP wrapper), §8 (HDLC), §9.2.3.4.8.3 (system title), §9.5 (APDUs);
//! DLMS UA 1000-1 (Blue Book) §6.2.29 (logical device name). Readings and passwords are never read.

use crate::ber::{elements, expect};
use crate::octets::{counted8, foreign, head, whole};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role, finish};
use crate::statement::{Key, Out, Subject};
use crate::text::is_printable;

/// Manufacturer's three letters (FLAG id), in the system title of a server.
pub const MANUFACTURER: Key = Key("dlms.manufacturer");
/// System title of a client, in hexadecimal: whatever it was set to.
pub const CLIENT_TITLE: Key = Key("dlms.client_title");
/// System title of a server, in hexadecimal: three letters of the manufacturer, then a number of its own.
pub const SYSTEM_TITLE: Key = Key("dlms.system_title");
/// Logical device name (0.0.42.0.0.255): three letters of the manufacturer, then its own.
pub const LOGICAL_DEVICE_NAME: Key = Key("dlms.logical_device_name");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "dlms",
    spec: "DLMS UA 1000-2",
    carriers: &[Carrier::Tcp(4059), Carrier::Udp(4059)],
    keys: &[
        MANUFACTURER,
        CLIENT_TITLE,
        SYSTEM_TITLE,
        LOGICAL_DEVICE_NAME,
    ],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Octets of the wrapper: version, two ports, length.
const WRAPPER: usize = 8;
const LONGEST: u16 = 8_192;
const FLAG: u8 = 0x7e;
/// The application contexts of DLMS: 2.16.756.5.8.1.
const CONTEXT: [u8; 6] = [0x60, 0x85, 0x74, 0x05, 0x08, 0x01];
/// Logical device name, attribute 2 of class 1, in a GET request.
const DEVICE_NAME: [u8; 9] = [0x00, 0x01, 0x00, 0x00, 0x2a, 0x00, 0x00, 0xff, 0x02];

/// The wrapper with version 1, or an HDLC frame of type 3.
fn frame(input: &[u8]) -> Framed {
    let [first, second] = head::<2>(input)?;
    match (first, second) {
        (0, 1) => {
            let [_, _, _, _, _, _, high, low] = head::<8>(input)?;
            let length = u16::from_be_bytes([high, low]);
            if !(1..=LONGEST).contains(&length) {
                return Err(foreign("dlms wrapper length", input));
            }
            whole(input, usize::from(length).saturating_add(WRAPPER))
        }
        (FLAG, 0xa0..=0xaf) => {
            let [_, high, low] = head::<3>(input)?;
            // Both flags go beside what is counted.
            let length = usize::from(u16::from_be_bytes([high, low]) & 0x07ff);
            if length < 7 {
                return Err(foreign("hdlc length", input));
            }
            whole(input, length.saturating_add(2))
        }
        _ => Err(foreign("dlms header", input)),
    }
}

/// The check of HDLC (ISO/IEC 13239): polynomial 0x8408 reflected, begun with ones, complemented.
fn check(octets: &[u8]) -> u16 {
    let sum = octets.iter().fold(0xffff_u16, |sum, octet| {
        (0..8).fold(sum ^ u16::from(*octet), |sum, _| {
            if sum & 1 == 1 {
                sum >> 1 ^ 0x8408
            } else {
                sum >> 1
            }
        })
    });
    !sum
}

/// What an HDLC frame carries behind addresses, control and the header's check; nothing, where it carries none.
fn hdlc(message: &[u8]) -> Option<&[u8]> {
    let inner = message.strip_prefix(&[FLAG])?.strip_suffix(&[FLAG])?;
    let (body, sum) = inner.split_last_chunk::<2>()?;
    if check(body) != u16::from_le_bytes(*sum) {
        return None;
    }
    // Each address ends with an octet whose lowest bit is set (§8.4.2.2).
    let mut rest = body.get(2..)?;
    for _ in 0..2 {
        let end = rest.iter().take(4).position(|octet| octet & 1 == 1)?;
        rest = rest.get(end.checked_add(1)?..)?;
    }
    rest = rest.get(1..)?;
    Some(rest.get(2..).unwrap_or_default())
}

/// The APDU of a message, behind the LLC octets where it came by HDLC.
fn apdu(message: &[u8]) -> Option<&[u8]> {
    if message.starts_with(&[FLAG]) {
        let rest = hdlc(message)?;
        return Some(match rest {
            [0xe6, 0xe6 | 0xe7, 0x00, apdu @ ..] => apdu,
            _ => &[],
        });
    }
    let (wrapper, apdu) = message.split_first_chunk::<WRAPPER>()?;
    let [0, 1, a, b, c, d, high, low] = *wrapper else {
        return None;
    };
    // Port 0 is no station's.
    if (a, b) == (0, 0) || (c, d) == (0, 0) {
        return None;
    }
    (usize::from(u16::from_be_bytes([high, low])) == apdu.len()).then_some(apdu)
}

/// An HDLC frame proves itself by its check; in the wrapper, the opening of an association is proof, other APDUs are not.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let apdu = apdu(message)?;
    let by_check = message.starts_with(&[FLAG]);
    let (role, proof) = match *apdu.first().unwrap_or(&0) {
        0x60 => (
            Some(Role::Client),
            crate::text::find(apdu, &CONTEXT).is_some(),
        ),
        0x61 => (
            Some(Role::Server),
            crate::text::find(apdu, &CONTEXT).is_some(),
        ),
        0x62 | 0xc0 | 0xc1 | 0xc3 | 0xc8 | 0xc9 | 0xcb | 0xd0 | 0xd1 | 0xd3 | 0x01 | 0x05
        | 0x06 => (Some(Role::Client), false),
        0x63 | 0xc4 | 0xc5 | 0xc7 | 0xcc | 0xcd | 0xcf | 0xd4 | 0xd5 | 0xd7 | 0x0c | 0x0d
        | 0x0f | 0xc2 => (Some(Role::Server), false),
        0xdb | 0xdc | 0xdd | 0xe0 => (None, false),
        _ if by_check => (None, true),
        _ => return None,
    };
    Some(Recognition {
        strong: proof || by_check,
        from: role,
    })
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let Some(apdu) = apdu(message.bytes) else {
        return Ok(());
    };
    match *apdu {
        [0x60 | 0x61, ..] => association(apdu, out),
        // General ciphering with global or dedicated keys: the title of whoever has ciphered goes in front.
        [0xdb | 0xdc, ref rest @ ..] => {
            let mut rest = rest;
            let key = match message.from {
                Role::Client => CLIENT_TITLE,
                Role::Server => SYSTEM_TITLE,
            };
            title(key, counted8(&mut rest, "system title")?, out);
            Ok(())
        }
        // A normal GET answer with data: an octet string.
        [0xc4, 0x01, _, 0x00, 0x09 | 0x0a, ref rest @ ..] => {
            let asked = message.asked.and_then(self::apdu);
            let of_name =
                matches!(asked, Some([0xc0, 0x01, _, what @ ..]) if what.starts_with(&DEVICE_NAME));
            let mut rest = rest;
            let name = counted8(&mut rest, "logical device name")?;
            if of_name && name.len() <= 16 && is_printable(name) {
                out.say(Subject::Sender, LOGICAL_DEVICE_NAME, name);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The caller's title (0xa6) in a request, the answerer's (0xa4) in an answer, each an octet string.
fn association(apdu: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let (tag, wanted, key) = match apdu.first() {
        Some(0x60) => (0x60, 0xa6, CLIENT_TITLE),
        _ => (0x61, 0xa4, SYSTEM_TITLE),
    };
    let (_, body) = finish(expect(tag, "association", apdu))?;
    if let Some(field) = elements(body).find(|field| field.tag == wanted) {
        let (_, octets) = finish(expect(0x04, "system title", field.value))?;
        title(key, octets, out);
    }
    Ok(())
}

/// Eight octets: three capitals, five of a number.
fn title(key: Key, octets: &[u8], out: &mut Out<'_>) {
    let (Some(letters), Ok(title)) = (octets.first_chunk::<3>(), <[u8; 8]>::try_from(octets))
    else {
        return;
    };
    if !letters.iter().all(u8::is_ascii_uppercase) {
        return;
    }
    let number = u64::from_be_bytes(title);
    out.text(Subject::Sender, key, octets, format_args!("{number:016x}"));
    if key == SYSTEM_TITLE {
        out.say(
            Subject::Sender,
            MANUFACTURER,
            octets.get(..3).unwrap_or_default(),
        );
    }
}
