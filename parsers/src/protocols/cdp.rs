//! Cisco Discovery Protocol.
//!
//! Spec: Cisco, "Understanding Cisco Discovery Protocol", packet format of versions 1 and 2.

use std::net::{IpAddr, Ipv4Addr};

use crate::octets::{array, be16, be32, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Joined, Key, Out, Subject};

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
    ],
    frame: None,
    recognise,
    dissect,
};

/// The letters by which routers print the capability bits, from bit 0: router, transparent bridge,
/// source route bridge, switch, host, IGMP, repeater, phone, remotely managed, CVTA, two-port MAC relay.
const CAPABILITY_CODES: [&str; 11] = ["R", "T", "B", "S", "H", "I", "r", "P", "D", "C", "M"];

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
            0x0009 => out.say(Subject::Sender, VTP_DOMAIN, value),
            0x0014 => out.say(Subject::Sender, SYSTEM_NAME, value),
            0x0017 => out.say(
                Subject::Sender,
                LOCATION,
                value.get(1..).unwrap_or_default(),
            ),
            _ => {}
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
        }
    }
    Ok(())
}
