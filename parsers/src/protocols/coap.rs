//! Constrained Application Protocol: endpoints that register, the device object of `LwM2M`, and devices that announce themselves.
//!
//! Spec: RFC 7252 §3 (format), §5.10 (options), RFC 6690 (link format); OMA `LwM2M` 1.0 §5.3 (registration), Annex E.4 (object 3),
//! §6.4.3 (TLV); Shelly `CoIoT` (option 3332).

use crate::octets::{array, be16, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Joined, Key, Out, Subject};
use crate::text::{Text, is_printable};

/// Endpoint name of a client that registers with a directory or an `LwM2M` server.
pub const ENDPOINT: Key = Key("coap.endpoint_name");
/// Resource types that a server lists in `/.well-known/core`.
pub const RESOURCE_TYPES: Key = Key("coap.resource_types");
/// Type, id and version that a `CoIoT` device announces: `SHSW-25#A1B2C3#2`.
pub const DEVICE: Key = Key("coap.coiot_device");
/// `LwM2M` device object: manufacturer.
pub const MANUFACTURER: Key = Key("coap.manufacturer");
/// `LwM2M` device object: model number.
pub const MODEL: Key = Key("coap.model_number");
/// `LwM2M` device object: serial number.
pub const SERIAL_NUMBER: Key = Key("coap.serial_number");
/// `LwM2M` device object: firmware version.
pub const FIRMWARE: Key = Key("coap.firmware_version");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "coap",
    spec: "RFC 7252",
    carriers: &[Carrier::Udp(5683)],
    keys: &[
        ENDPOINT,
        RESOURCE_TYPES,
        DEVICE,
        MANUFACTURER,
        MODEL,
        SERIAL_NUMBER,
        FIRMWARE,
    ],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Option numbers (§12.2; RFC 7252 Table 7), and the one `CoIoT` took.
const URI_PATH: u16 = 11;
const CONTENT_FORMAT: u16 = 12;
const URI_QUERY: u16 = 15;
const DEVICE_ID: u16 = 3332;
/// Content formats (§12.3; OMA).
const TEXT: u16 = 0;
const LINK_FORMAT: u16 = 40;
const TLV: u16 = 11542;
const PAYLOAD: u8 = 0xff;
/// Options of one message that are read.
const MOST_OPTIONS: usize = 32;
/// Parts of a path that are kept: `/3/0/17` has three.
const MOST_PARTS: usize = 4;

/// What of a message identifies.
#[derive(Default)]
struct Packet<'a> {
    code: u8,
    token: &'a [u8],
    path: [&'a [u8]; MOST_PARTS],
    parts: usize,
    endpoint: Option<&'a [u8]>,
    format: Option<u16>,
    device: Option<&'a [u8]>,
    payload: &'a [u8],
    /// Options that are assigned in RFC 7252 and that have a length it allows.
    assigned: usize,
}

impl<'a> Packet<'a> {
    fn read(message: &'a [u8]) -> Result<Packet<'a>, Fault> {
        let mut rest = message;
        let [first, code, _, _] = array::<4>(&mut rest, "coap header")?;
        if first >> 6 != 1 {
            return Err(Fault::value("coap version", message));
        }
        let length = usize::from(first & 0x0f);
        if length > 8 {
            return Err(Fault::value("coap token length", message));
        }
        let mut packet = Packet {
            code,
            token: take(&mut rest, length, "coap token")?,
            ..Packet::default()
        };
        let mut number = 0_u16;
        for _ in 0..MOST_OPTIONS {
            match *rest {
                [] => return Ok(packet),
                [PAYLOAD, ref payload @ ..] => {
                    if payload.is_empty() {
                        return Err(Fault::short("coap payload"));
                    }
                    packet.payload = payload;
                    return Ok(packet);
                }
                _ => {}
            }
            let head = octet(&mut rest, "coap option")?;
            let delta = extended(head >> 4, &mut rest)?;
            let length = extended(head & 0x0f, &mut rest)?;
            number = number
                .checked_add(delta)
                .ok_or(Fault::value("coap option", rest))?;
            let value = take(&mut rest, length.into(), "coap option")?;
            packet.option(number, value)?;
        }
        Err(Fault::value("coap options", rest))
    }

    /// Notes what an option says, and refuses lengths that RFC 7252 (Table 4) and RFC 7641 and 7959 do not allow.
    fn option(&mut self, number: u16, value: &'a [u8]) -> Result<(), Fault> {
        let longest = match number {
            1 | 4 => 8,
            // If-None-Match.
            5 => 0,
            6 | 14 | 23 | 27 | 28 | 60 => 4,
            7 | CONTENT_FORMAT | 17 => 2,
            3 | 8 | URI_PATH | URI_QUERY | 20 | 39 => 255,
            35 => 1034,
            // Others are kept out of the count.
            _ => {
                if number == DEVICE_ID {
                    self.device = Some(value);
                }
                return Ok(());
            }
        };
        let text = matches!(number, 3 | URI_PATH | URI_QUERY);
        if value.len() > longest || (text && !is_printable(value)) {
            return Err(Fault::value("coap option length", value));
        }
        self.assigned = self.assigned.saturating_add(1);
        match number {
            URI_PATH => {
                if let Some(part) = self.path.get_mut(self.parts) {
                    *part = value;
                }
                self.parts = self.parts.saturating_add(1);
            }
            URI_QUERY => {
                if let Some(endpoint) = value.strip_prefix(b"ep=") {
                    self.endpoint = Some(endpoint);
                }
            }
            CONTENT_FORMAT => {
                self.format = match *value {
                    [] => Some(TEXT),
                    [low] => Some(low.into()),
                    [high, low] => Some(u16::from_be_bytes([high, low])),
                    _ => None,
                };
            }
            _ => {}
        }
        Ok(())
    }

    /// The path, where it is no longer than what is kept of it.
    fn path(&self) -> &[&'a [u8]] {
        self.path.get(..self.parts).unwrap_or_default()
    }
}

/// Delta and length of an option (§3.1): up to 12 as they are, 13 and 14 with one and two octets more.
fn extended(nibble: u8, rest: &mut &[u8]) -> Result<u16, Fault> {
    match nibble {
        13 => octet(rest, "coap option").map(|more| u16::from(more).saturating_add(13)),
        14 => be16(rest, "coap option").map(|more| more.saturating_add(269)),
        15 => Err(Fault::value("coap option", rest)),
        _ => Ok(nibble.into()),
    }
}

/// The whole message reads, its code is assigned, and it has an option that is; some paths and formats leave no doubt.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let packet = Packet::read(message).ok()?;
    let role = match packet.code {
        // GET to iPATCH; the announcement of CoIoT.
        0x01..=0x07 | 0x1e => Role::Client,
        0x41..=0x45
        | 0x5f
        | 0x80..=0x86
        | 0x88
        | 0x89
        | 0x8c
        | 0x8d
        | 0x8f
        | 0x96
        | 0x9d
        | 0xa0..=0xa5 => Role::Server,
        _ => return None,
    };
    let strong = match packet.path() {
        [b".well-known", b"core"] | [b"cit", b"s" | b"d"] => true,
        [b"rd", ..] => packet.endpoint.is_some(),
        _ => {
            packet.device.is_some()
                || (packet.format == Some(LINK_FORMAT) && packet.payload.starts_with(b"</"))
        }
    };
    // The announcement is by the device, which serves.
    let role = if packet.code == 0x1e {
        Role::Server
    } else {
        role
    };
    if strong {
        Some(Recognition::STRONG.from(role))
    } else {
        // An answer may be without options; its token must then be there.
        let marked = packet.assigned > 0 || (role == Role::Server && packet.token.len() >= 2);
        marked.then_some(Recognition::WEAK.from(role))
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let packet = Packet::read(message.bytes)?;
    if let Some(device) = packet.device {
        out.say(Subject::Sender, DEVICE, device);
    }
    if let (0x02, Some(endpoint), [b"rd", ..]) = (packet.code, packet.endpoint, packet.path()) {
        out.say(Subject::Sender, ENDPOINT, endpoint);
    }
    if packet.code != 0x45 {
        return Ok(());
    }
    if packet.format == Some(LINK_FORMAT) {
        return links(packet.payload, out);
    }
    // An answer belongs to the request with its token.
    let asked = message.asked.and_then(|asked| Packet::read(asked).ok());
    let Some(asked) = asked.filter(|asked| asked.token == packet.token) else {
        return Ok(());
    };
    match *asked.path() {
        [b"3", b"0"] if packet.format == Some(TLV) => device_object(packet.payload, out),
        [b"3", b"0", resource] if matches!(packet.format, None | Some(TEXT)) => {
            let key = std::str::from_utf8(resource)
                .ok()
                .and_then(|id| id.parse().ok())
                .and_then(resource_key);
            if let Some(key) = key
                && is_printable(packet.payload)
            {
                out.say(Subject::Sender, key, packet.payload);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Resources of the device object that identify (Annex E.4).
fn resource_key(id: u16) -> Option<Key> {
    match id {
        0 => Some(MANUFACTURER),
        1 => Some(MODEL),
        2 => Some(SERIAL_NUMBER),
        3 => Some(FIRMWARE),
        _ => None,
    }
}

/// Type, id of one or two octets, length of up to three, value (§6.4.3).
fn device_object(payload: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = payload;
    while !rest.is_empty() {
        let kind = octet(&mut rest, "tlv type")?;
        let id = if kind & 0x20 == 0 {
            octet(&mut rest, "tlv id")?.into()
        } else {
            be16(&mut rest, "tlv id")?
        };
        let length = match kind >> 3 & 3 {
            0 => usize::from(kind & 7),
            1 => octet(&mut rest, "tlv length")?.into(),
            2 => be16(&mut rest, "tlv length")?.into(),
            _ => return Err(Fault::value("tlv length", rest)),
        };
        let value = take(&mut rest, length, "tlv value")?;
        // A resource with a value.
        if kind >> 6 == 3
            && let Some(key) = resource_key(id)
            && is_printable(value)
        {
            out.say(Subject::Sender, key, value);
        }
    }
    Ok(())
}

/// The attribute `rt` of every link: `</t>;rt="temperature-c";if="sensor",</l>;rt="light-lux"`.
fn links(payload: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let kinds = payload
        .split(|octet| matches!(octet, b';' | b','))
        .filter_map(|part| part.strip_prefix(b"rt="))
        .map(|kind| kind.strip_prefix(b"\"").unwrap_or(kind))
        .map(|kind| kind.strip_suffix(b"\"").unwrap_or(kind))
        .filter(|kind| is_printable(kind))
        .map(Text)
        .take(64);
    let kinds = Joined(kinds);
    out.text(
        Subject::Sender,
        RESOURCE_TYPES,
        payload,
        format_args!("{kinds}"),
    );
    Ok(())
}
