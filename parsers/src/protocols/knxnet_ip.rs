//! `KNXnet/IP`: what servers tell of themselves when they are searched for or asked for a description.
//!
//! Spec: KNX Standard 3/8/2 (core: header, search, description, device information), 3/8/4 (tunnelling), 3/8/5 (routing),
//! ISO 22510. Telegrams are not read.

use crate::octets::{array, be16, foreign, head, octet, take, whole};
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Joined, Key, Mac, Out, Subject};

/// Friendly name of the device.
pub const DEVICE_NAME: Key = Key("knxnet-ip.device_name");
/// Individual address: area, line, device: `1.1.250`.
pub const INDIVIDUAL_ADDRESS: Key = Key("knxnet-ip.individual_address");
/// KNX serial number, the manufacturer's code first: six pairs of hex digits.
pub const SERIAL_NUMBER: Key = Key("knxnet-ip.serial_number");
/// Hardware address.
pub const MAC: Key = Key("knxnet-ip.mac");
/// Number of project and installation, decimal.
pub const PROJECT: Key = Key("knxnet-ip.project");
/// Medium behind it: `tp1`, `pl110`, `rf` or `ip`.
pub const MEDIUM: Key = Key("knxnet-ip.medium");
/// Service families and their versions: `2.1,3.1,4.1,5.1`.
pub const SERVICES: Key = Key("knxnet-ip.services");
/// Manufacturer's code, from the manufacturer's own block: `00:c5`.
pub const MANUFACTURER: Key = Key("knxnet-ip.manufacturer");
/// Device descriptor (mask version): `57:b0`.
pub const MASK_VERSION: Key = Key("knxnet-ip.mask_version");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "knxnet-ip",
    spec: "ISO 22510",
    carriers: &[Carrier::Udp(3671), Carrier::Tcp(3671)],
    keys: &[
        DEVICE_NAME,
        INDIVIDUAL_ADDRESS,
        SERIAL_NUMBER,
        MAC,
        PROJECT,
        MEDIUM,
        SERVICES,
        MANUFACTURER,
        MASK_VERSION,
    ],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[DESCRIBE, SEARCH],
    dissect,
};

/// Core §7.6.3: a description of one server. Endpoint zero has it answer to where the question came from.
const DESCRIBE: Probe = Probe {
    name: "description",
    asks: &[DEVICE_NAME, INDIVIDUAL_ADDRESS, SERIAL_NUMBER, MAC],
    carrier: Carrier::Udp(3671),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[
            Piece::Octets(&[0x06, 0x10], "header of 6 octets, version 1.0"),
            Piece::Octets(
                &[0x02, 0x03, 0x00, 0x0e],
                "description request, 14 octets in all",
            ),
            Piece::Octets(&[0x08, 0x01], "endpoint: 8 octets, UDP"),
            Piece::Octets(&[0; 6], "answer to where this came from"),
        ],
        until: Until::Answer,
    }],
    frames: 1,
};

/// Core §7.6.1: all servers of the segment.
const SEARCH: Probe = Probe {
    name: "search (multicast)",
    reach: Reach::Segment,
    steps: &[Step {
        sends: &[
            Piece::Octets(&[0x06, 0x10], "header of 6 octets, version 1.0"),
            Piece::Octets(
                &[0x02, 0x01, 0x00, 0x0e],
                "search request, 14 octets in all",
            ),
            Piece::Octets(&[0x08, 0x01], "endpoint: 8 octets, UDP"),
            Piece::Hole(Hole::OwnAddress, "answer to our address"),
            Piece::Hole(Hole::OwnPort, "and the port that we ask from"),
        ],
        until: Until::Quiet,
    }],
    ..DESCRIBE
};

const HEADER: u16 = 6;
const LONGEST: u16 = 2048;

const SEARCH_RESPONSE: u16 = 0x0202;
const DESCRIPTION_RESPONSE: u16 = 0x0204;
const EXTENDED_SEARCH_RESPONSE: u16 = 0x020c;

/// Description blocks.
const DEVICE_INFORMATION: u8 = 0x01;
const SERVICE_FAMILIES: u8 = 0x02;
const EXTENDED_DEVICE_INFORMATION: u8 = 0x08;
const MANUFACTURER_DATA: u8 = 0xfe;

fn is_service(service: u16) -> bool {
    matches!(
        service,
        0x0201..=0x020c | 0x0310 | 0x0311 | 0x0420..=0x0425 | 0x0530..=0x0533 | 0x0740..=0x0743 | 0x0950..=0x0955
    )
}

fn frame(input: &[u8]) -> Framed {
    let [0x06, 0x10, service_high, service_low, high, low] = head::<6>(input)? else {
        return Err(foreign("knxnet/ip header", input));
    };
    let length = u16::from_be_bytes([high, low]);
    let service = u16::from_be_bytes([service_high, service_low]);
    if !is_service(service) || !(HEADER..=LONGEST).contains(&length) {
        return Err(foreign("knxnet/ip service", input));
    }
    whole(input, length.into())
}

/// Length of the header, version 1.0, a known service, its own length.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let &[0x06, 0x10, service_high, service_low, high, low, ..] = message else {
        return None;
    };
    let service = u16::from_be_bytes([service_high, service_low]);
    if !is_service(service) || usize::from(u16::from_be_bytes([high, low])) != message.len() {
        return None;
    }
    let found = Recognition::STRONG;
    Some(match service {
        0x0201 | 0x0203 | 0x0205 | 0x020b => found.from(Role::Client),
        0x0202 | 0x0204 | 0x0206 | 0x020c => found.from(Role::Server),
        _ => found,
    })
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    be16(&mut rest, "knxnet/ip version")?;
    let service = be16(&mut rest, "knxnet/ip service")?;
    be16(&mut rest, "knxnet/ip length")?;
    match service {
        // The control endpoint goes before the blocks.
        SEARCH_RESPONSE | EXTENDED_SEARCH_RESPONSE => {
            block(&mut rest, "control endpoint")?;
        }
        DESCRIPTION_RESPONSE => {}
        _ => return Ok(()),
    }
    while !rest.is_empty() {
        let mut value = block(&mut rest, "description block")?;
        match octet(&mut value, "block type")? {
            DEVICE_INFORMATION => device_information(value, out)?,
            SERVICE_FAMILIES => {
                let families = value.chunks_exact(2).filter_map(|pair| match pair {
                    [family, version] => Some(Family(*family, *version)),
                    _ => None,
                });
                let families = format_args!("{}", Joined(families));
                out.text(Subject::Sender, SERVICES, value, families);
            }
            // Status of the medium, a reserved octet, longest frame, descriptor.
            EXTENDED_DEVICE_INFORMATION => {
                take(&mut value, 4, "extended device information")?;
                hex(MASK_VERSION, take(&mut value, 2, "mask version")?, out);
            }
            MANUFACTURER_DATA => {
                hex(MANUFACTURER, take(&mut value, 2, "manufacturer")?, out);
            }
            _ => {}
        }
    }
    Ok(())
}

/// A block without its length, which counts itself.
fn block<'a>(rest: &mut &'a [u8], what: &'static str) -> Result<&'a [u8], Fault> {
    let length = octet(rest, what)?;
    match usize::from(length).checked_sub(1) {
        Some(length @ 1..) => take(rest, length, what),
        _ => Err(Fault::value(what, rest)),
    }
}

/// Medium, status, individual address, project, serial number, multicast address, hardware address, name.
fn device_information(mut rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let place = rest.get(..1).unwrap_or_default();
    let medium = match octet(&mut rest, "medium")? {
        0x02 => "tp1",
        0x04 => "pl110",
        0x10 => "rf",
        0x20 => "ip",
        _ => "",
    };
    out.text(Subject::Sender, MEDIUM, place, format_args!("{medium}"));
    octet(&mut rest, "device status")?;
    let place = rest.get(..2).unwrap_or_default();
    let [line, device] = array::<2>(&mut rest, "individual address")?;
    let (area, line) = (line >> 4, line & 0x0f);
    let value = format_args!("{area}.{line}.{device}");
    out.text(Subject::Sender, INDIVIDUAL_ADDRESS, place, value);
    let place = rest.get(..2).unwrap_or_default();
    let project = be16(&mut rest, "project")?;
    if project != 0 {
        out.text(Subject::Sender, PROJECT, place, format_args!("{project}"));
    }
    let serial = take(&mut rest, 6, "serial number")?;
    if serial.iter().any(|octet| *octet != 0) {
        hex(SERIAL_NUMBER, serial, out);
    }
    take(&mut rest, 4, "multicast address")?;
    let place = rest.get(..6).unwrap_or_default();
    let mac = Mac(array::<6>(&mut rest, "hardware address")?);
    if !mac.is_zero() && !mac.is_group() {
        out.text(Subject::Sender, MAC, place, format_args!("{mac}"));
    }
    let name = take(&mut rest, 30, "friendly name")?;
    // ISO 8859-1, padded with zeros.
    let name = crate::text::unpadded(name);
    let value = format_args!("{}", crate::text::Latin(name));
    out.text(Subject::Sender, DEVICE_NAME, name, value);
    Ok(())
}

fn hex(key: Key, octets: &[u8], out: &mut Out<'_>) {
    let value = format_args!("{}", crate::text::Hex(octets));
    out.text(Subject::Sender, key, octets, value);
}

/// Displays a service family and its version.
struct Family(u8, u8);

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}
