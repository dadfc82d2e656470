//! Link Layer Discovery Protocol, with the extensions that identify: LLDP-MED, PROFINET, MUD, Cisco's and Juniper's.
//!
//! Spec: IEEE 802.1AB-2016 §8 (TLVs), ANSI/TIA-1057 §10.2 (LLDP-MED), IEC 61158-6-10 §4.13 (PROFINET), RFC 8520 §11 (MUD);
//! Cisco's (ACI fabric) and Juniper's as they are sent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::octets::{array, be16, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Joined, Key, Mac, Out, Subject};

/// Chassis id: a hardware address, a network address or a name (§8.5.2).
pub const CHASSIS_ID: Key = Key("lldp.chassis_id");
/// Port id (§8.5.3).
pub const PORT_ID: Key = Key("lldp.port_id");
/// Port description (§8.5.5).
pub const PORT_DESCRIPTION: Key = Key("lldp.port_description");
/// System name (§8.5.6).
pub const SYSTEM_NAME: Key = Key("lldp.system_name");
/// System description (§8.5.7).
pub const SYSTEM_DESCRIPTION: Key = Key("lldp.system_description");
/// Enabled capabilities by their letters (§8.5.8).
pub const CAPABILITIES: Key = Key("lldp.capabilities");
/// Management address (§8.5.9).
pub const MANAGEMENT_ADDRESS: Key = Key("lldp.management_address");
/// Hardware revision (TIA-1057 §10.2.6.1).
pub const HARDWARE: Key = Key("lldp.hardware_revision");
/// Firmware revision.
pub const FIRMWARE: Key = Key("lldp.firmware_revision");
/// Software revision.
pub const SOFTWARE: Key = Key("lldp.software_revision");
/// Serial number.
pub const SERIAL: Key = Key("lldp.serial_number");
/// Manufacturer name.
pub const MANUFACTURER: Key = Key("lldp.manufacturer");
/// Model name.
pub const MODEL: Key = Key("lldp.model");
/// Asset id, as an operator gave it.
pub const ASSET_ID: Key = Key("lldp.asset_id");
/// LLDP-MED device class: 1 to 3 for endpoints, 4 for what connects them (TIA-1057 §10.2.2.3).
pub const MED_CLASS: Key = Key("lldp.med_class");
/// PROFINET: hardware address of the device itself.
pub const CHASSIS_MAC: Key = Key("lldp.chassis_mac");
/// PROFINET: alias of the port.
pub const PORT_ALIAS: Key = Key("lldp.port_alias");
/// Where the maker describes how the device behaves (RFC 8520): names maker and model.
pub const MUD_URL: Key = Key("lldp.mud_url");
/// Cisco ACI: what the node is in its fabric: 0 controller, 1 leaf, 2 spine, 3 virtual leaf.
pub const FABRIC_ROLE: Key = Key("lldp.fabric_role");
/// Cisco ACI: name of the node.
pub const FABRIC_NODE: Key = Key("lldp.fabric_node");
/// Juniper: serial number of the chassis.
pub const CHASSIS_SERIAL: Key = Key("lldp.chassis_serial");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "lldp",
    spec: "IEEE 802.1AB-2016",
    carriers: &[Carrier::EtherType(0x88cc)],
    keys: &[
        CHASSIS_ID,
        PORT_ID,
        PORT_DESCRIPTION,
        SYSTEM_NAME,
        SYSTEM_DESCRIPTION,
        CAPABILITIES,
        MANAGEMENT_ADDRESS,
        HARDWARE,
        FIRMWARE,
        SOFTWARE,
        SERIAL,
        MANUFACTURER,
        MODEL,
        ASSET_ID,
        MED_CLASS,
        CHASSIS_MAC,
        PORT_ALIAS,
        MUD_URL,
        FABRIC_ROLE,
        FABRIC_NODE,
        CHASSIS_SERIAL,
    ],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Organisations whose fields identify: LLDP-MED, PROFIBUS International, IANA, Cisco, Juniper.
const MED: [u8; 3] = [0x00, 0x12, 0xbb];
const PROFINET: [u8; 3] = [0x00, 0x0e, 0xcf];
const IANA: [u8; 3] = [0x00, 0x00, 0x5e];
const CISCO: [u8; 3] = [0x00, 0x01, 0x42];
const JUNIPER: [u8; 3] = [0x00, 0x90, 0x69];

/// The letters by which switches print the capability bits, from bit 0 (Table 8-4): other, repeater, bridge,
/// access point (W), router, telephone, DOCSIS (C), station.
const CAPABILITY_CODES: [&str; 8] = ["O", "P", "B", "W", "R", "T", "C", "S"];

/// The chassis id comes first, always (§8.2).
fn recognise(message: &[u8]) -> Option<Recognition> {
    matches!(message, [0x02, length, 1..=7, ..] if *length > 1).then_some(Recognition::STRONG)
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    loop {
        let header = be16(&mut rest, "lldp tlv")?;
        let value = take(&mut rest, usize::from(header & 0x01ff), "lldp tlv value")?;
        match header >> 9 {
            0 => return Ok(()),
            1 => identifier(CHASSIS_ID, value, 4, 5, out)?,
            2 => identifier(PORT_ID, value, 3, 4, out)?,
            4 => out.say(Subject::Sender, PORT_DESCRIPTION, value),
            5 => out.say(Subject::Sender, SYSTEM_NAME, value),
            6 => out.say(Subject::Sender, SYSTEM_DESCRIPTION, value),
            7 => capabilities(value, out)?,
            8 => management_address(value, message.source, out)?,
            127 => organisation(value, out)?,
            _ => {}
        }
    }
}

/// A chassis or port id; which subtype means a hardware address and which a network address differs.
fn identifier(
    key: Key,
    value: &[u8],
    mac: u8,
    network: u8,
    out: &mut Out<'_>,
) -> Result<(), Fault> {
    let mut rest = value;
    let subtype = octet(&mut rest, "lldp id subtype")?;
    match <[u8; 6]>::try_from(rest) {
        Ok(address) if subtype == mac => {
            out.text(Subject::Sender, key, rest, format_args!("{}", Mac(address)));
        }
        _ if subtype == network => {
            if let Some(address) = address(rest) {
                out.text(Subject::Sender, key, rest, format_args!("{address}"));
            }
        }
        _ if crate::text::is_printable(rest) => out.say(Subject::Sender, key, rest),
        _ => {}
    }
    Ok(())
}

/// An address behind its family number (IANA): 1 is IPv4, 2 is IPv6.
fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets {
        [1, address @ ..] => <[u8; 4]>::try_from(address)
            .ok()
            .map(Ipv4Addr::from)
            .map(IpAddr::V4),
        [2, address @ ..] => <[u8; 16]>::try_from(address)
            .ok()
            .map(Ipv6Addr::from)
            .map(IpAddr::V6),
        _ => None,
    }
}

fn capabilities(value: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = value;
    be16(&mut rest, "lldp system capabilities")?;
    let octets = rest;
    let enabled = be16(&mut rest, "lldp enabled capabilities")?;
    let names = CAPABILITY_CODES.iter().enumerate();
    let names = names.filter(|(bit, _)| enabled >> bit & 1 == 1);
    let names = Joined(names.map(|(_, name)| name));
    out.text(
        Subject::Sender,
        CAPABILITIES,
        octets,
        format_args!("{names}"),
    );
    Ok(())
}

fn management_address(value: &[u8], source: Option<Mac>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = value;
    let length = octet(&mut rest, "lldp management address length")?;
    let octets = take(&mut rest, length.into(), "lldp management address")?;
    if let Some(address) = address(octets) {
        out.text(
            Subject::Sender,
            MANAGEMENT_ADDRESS,
            octets,
            format_args!("{address}"),
        );
        if source.is_some() && !address.is_loopback() {
            out.address(Subject::Sender, address);
        }
    }
    Ok(())
}

fn organisation(value: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = value;
    let organisation = array::<3>(&mut rest, "lldp organisation")?;
    let subtype = octet(&mut rest, "lldp organisation subtype")?;
    let key = match (organisation, subtype) {
        // Capabilities, then the class.
        (MED, 1) => {
            let octets = rest.get(2..3).unwrap_or_default();
            if let [class @ 1..=4] = octets {
                out.text(Subject::Sender, MED_CLASS, octets, format_args!("{class}"));
            }
            return Ok(());
        }
        (PROFINET, 5) => {
            if let Ok(address) = <[u8; 6]>::try_from(rest) {
                let mac = Mac(address);
                out.text(Subject::Sender, CHASSIS_MAC, rest, format_args!("{mac}"));
            }
            return Ok(());
        }
        (CISCO, 0xca) => {
            if let [role] = rest {
                out.text(Subject::Sender, FABRIC_ROLE, rest, format_args!("{role}"));
            }
            return Ok(());
        }
        (MED, 5) => HARDWARE,
        (MED, 6) => FIRMWARE,
        (MED, 7) | (CISCO, 0xd2) => SOFTWARE,
        (MED, 8) | (CISCO, 0xd4) => SERIAL,
        (MED, 9) => MANUFACTURER,
        (MED, 10) | (CISCO, 0xd6) => MODEL,
        (MED, 11) => ASSET_ID,
        (PROFINET, 3) => PORT_ALIAS,
        (IANA, 1) => MUD_URL,
        (CISCO, 0xd7) => FABRIC_NODE,
        (JUNIPER, 1) => CHASSIS_SERIAL,
        _ => return Ok(()),
    };
    if crate::text::is_printable(crate::text::unpadded(rest)) {
        out.say(Subject::Sender, key, rest);
    }
    Ok(())
}
