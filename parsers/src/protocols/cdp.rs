//! Cisco Discovery Protocol.
//!
//! Spec: Cisco, "Understanding Cisco Discovery Protocol", packet format of versions 1 and 2.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::octets::{array, be16, be32, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Joined, Key, Mac, Out, Subject};

/// Device id: a host name, or a serial number on old switches.
pub const DEVICE_ID: Key = Key("cdp.device_id");
/// Port the frame was sent from.
pub const PORT_ID: Key = Key("cdp.port_id");
/// Capabilities by their letters.
pub const CAPABILITIES: Key = Key("cdp.capabilities");
/// Software version, several lines.
pub const VERSION: Key = Key("cdp.version");
/// Platform: the model.
pub const PLATFORM: Key = Key("cdp.platform");
/// Address of the sending port or for management.
pub const ADDRESS: Key = Key("cdp.address");
/// VTP management domain.
pub const VTP_DOMAIN: Key = Key("cdp.vtp_domain");
/// System name.
pub const SYSTEM_NAME: Key = Key("cdp.system_name");
/// Location, as configured.
pub const LOCATION: Key = Key("cdp.location");
/// Object identifier of the system, as in SNMP.
pub const SYSTEM_OBJECT_ID: Key = Key("cdp.system_object_id");
/// `EnergyWise`: model number.
pub const MODEL: Key = Key("cdp.model");
/// `EnergyWise`: hardware version.
pub const HARDWARE: Key = Key("cdp.hardware_version");
/// Serial number: in `EnergyWise`, or of HP's access points.
pub const SERIAL: Key = Key("cdp.serial_number");
/// Hardware address of the switch itself, in what it says to its cluster.
pub const CHASSIS_MAC: Key = Key("cdp.chassis_mac");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "cdp",
    spec: "Cisco Discovery Protocol versions 1 and 2",
    carriers: &[Carrier::Snap(0x00_000c, 0x2000)],
    keys: &[
        DEVICE_ID,
        PORT_ID,
        CAPABILITIES,
        VERSION,
        PLATFORM,
        ADDRESS,
        VTP_DOMAIN,
        SYSTEM_NAME,
        LOCATION,
        SYSTEM_OBJECT_ID,
        MODEL,
        HARDWARE,
        SERIAL,
        CHASSIS_MAC,
    ],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// The letters by which routers print the capability bits, from bit 0: router, transparent bridge,
/// source route bridge, switch, host, IGMP, repeater, phone, remotely managed, CVTA, two-port MAC relay.
const CAPABILITY_CODES: [&str; 11] = ["R", "T", "B", "S", "H", "I", "r", "P", "D", "C", "M"];

/// An 802.2 address whose SNAP code is the `EtherType` of IPv6.
const IPV6: &[u8] = &[0xaa, 0xaa, 0x03, 0, 0, 0, 0x86, 0xdd];

fn recognise(message: &[u8]) -> Option<Recognition> {
    matches!(message, [1 | 2, _, _, _, 0, ..]).then_some(Recognition::STRONG)
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    take(&mut rest, 4, "cdp header")?;
    while !rest.is_empty() {
        let kind = be16(&mut rest, "cdp tlv type")?;
        let length = usize::from(be16(&mut rest, "cdp tlv length")?);
        let length = length
            .checked_sub(4)
            .ok_or(Fault::value("cdp tlv length", rest))?;
        let value = take(&mut rest, length, "cdp tlv value")?;
        match kind {
            0x0001 => out.say(Subject::Sender, DEVICE_ID, value),
            0x0002 | 0x0016 => addresses(value, out)?,
            0x0003 => out.say(Subject::Sender, PORT_ID, value),
            0x0004 => capabilities(value, out)?,
            0x0005 => out.say(Subject::Sender, VERSION, value),
            0x0006 => out.say(Subject::Sender, PLATFORM, value),
            0x0008 => cluster(value, out),
            0x0009 => out.say(Subject::Sender, VTP_DOMAIN, value),
            0x0014 => out.say(Subject::Sender, SYSTEM_NAME, value),
            0x0015 => object_id(value, out),
            0x0017 => out.say(
                Subject::Sender,
                LOCATION,
                value.get(1..).unwrap_or_default(),
            ),
            0x001d => energy(value, out)?,
            0x1001 => out.say(Subject::Sender, SERIAL, value),
            _ => {}
        }
    }
    Ok(())
}

/// Cisco's hello of clusters (0x0112): master's address, mask, version and state; then two hardware addresses,
/// the commander's and the switch's own.
fn cluster(value: &[u8], out: &mut Out<'_>) {
    let own = value
        .strip_prefix(&[0x00, 0x00, 0x0c, 0x01, 0x12])
        .and_then(|hello| hello.get(18..24));
    if let Some(octets) = own
        && let Ok(address) = <[u8; 6]>::try_from(octets)
    {
        let mac = Mac(address);
        if !mac.is_zero() && !mac.is_group() {
            out.text(Subject::Sender, CHASSIS_MAC, octets, format_args!("{mac}"));
        }
    }
}

/// An object identifier with its tag and length, as BER has it.
fn object_id(value: &[u8], out: &mut Out<'_>) {
    const OBJECT_IDENTIFIER: u8 = 0x06;
    if let Ok((_, octets)) = crate::ber::expect(OBJECT_IDENTIFIER, "object id", value) {
        let id = crate::ber::Oid(octets);
        out.text(
            Subject::Sender,
            SYSTEM_OBJECT_ID,
            octets,
            format_args!("{id}"),
        );
    }
}

/// Digest and counters of 28 octets; model of 16, two of padding, hardware version of 3, serial number of 11.
fn energy(value: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = value;
    take(&mut rest, 28, "energywise header")?;
    for (length, padding, key) in [(16, 2, MODEL), (3, 0, HARDWARE), (11, 0, SERIAL)] {
        let text = take(&mut rest, length, "energywise inventory")?;
        take(&mut rest, padding, "energywise padding")?;
        if crate::text::is_printable(crate::text::unpadded(text)) {
            out.say(Subject::Sender, key, text);
        }
    }
    Ok(())
}

fn capabilities(value: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = value;
    let bits = be32(&mut rest, "cdp capabilities")?;
    let names = CAPABILITY_CODES.iter().enumerate();
    let names = names.filter(|(bit, _)| bits >> bit & 1 == 1);
    let names = Joined(names.map(|(_, name)| name));
    out.text(
        Subject::Sender,
        CAPABILITIES,
        value,
        format_args!("{names}"),
    );
    Ok(())
}

/// A count, then for each: protocol type, its length and number, address length, address.
fn addresses(value: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    /// More addresses than a device announces on one port.
    const MOST: u32 = 32;
    let mut rest = value;
    let count = be32(&mut rest, "cdp address count")?.min(MOST);
    for _ in 0..count {
        octet(&mut rest, "cdp address protocol type")?;
        let length = octet(&mut rest, "cdp address protocol length")?;
        let protocol = take(&mut rest, length.into(), "cdp address protocol")?;
        let length = be16(&mut rest, "cdp address length")?;
        let mut address = take(&mut rest, length.into(), "cdp address")?;
        // NLPID 0xcc is IPv4.
        if protocol == [0xcc] && address.len() == 4 {
            let octets = address;
            let ip = Ipv4Addr::from(array::<4>(&mut address, "cdp address")?);
            out.text(Subject::Sender, ADDRESS, octets, format_args!("{ip}"));
            out.address(Subject::Sender, IpAddr::V4(ip));
        } else if protocol == IPV6 && address.len() == 16 {
            let octets = address;
            let ip = Ipv6Addr::from(array::<16>(&mut address, "cdp address")?);
            out.text(Subject::Sender, ADDRESS, octets, format_args!("{ip}"));
            out.address(Subject::Sender, IpAddr::V6(ip));
        }
    }
    Ok(())
}
