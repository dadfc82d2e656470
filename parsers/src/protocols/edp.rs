//! Extreme Discovery Protocol.
//!
//! Spec: Extreme Networks, EDP as switches send it: a header of 16 octets, then marked type-length-value fields.

use std::net::{IpAddr, Ipv4Addr};

use crate::octets::{array, be16, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Key, Mac, Out, Subject};

/// Hardware address of the switch itself, from the header.
pub const MACHINE: Key = Key("edp.machine");
/// Name of the switch.
pub const SYSTEM_NAME: Key = Key("edp.system_name");
/// Software version, four numbers.
pub const VERSION: Key = Key("edp.version");
/// Slot and port that the frame was sent from, counted from one.
pub const PORT: Key = Key("edp.port");
/// Address of the switch in a VLAN.
pub const ADDRESS: Key = Key("edp.address");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "edp",
    spec: "Extreme Discovery Protocol version 1",
    carriers: &[Carrier::Snap(0x00_e02b, 0x00bb)],
    keys: &[MACHINE, SYSTEM_NAME, VERSION, PORT, ADDRESS],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// What every field begins with.
const MARKER: u8 = 0x99;

const DISPLAY: u8 = 1;
const INFO: u8 = 2;
const VLAN: u8 = 5;

/// Version 1, reserved zero, a length that fits, a machine id that is a hardware address, a field's marker.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let [
        1,
        0,
        high,
        low,
        _,
        _,
        _,
        _,
        0,
        0,
        _,
        _,
        _,
        _,
        _,
        _,
        MARKER,
        ..,
    ] = message
    else {
        return None;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    (20..=message.len())
        .contains(&length)
        .then_some(Recognition::STRONG)
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    take(&mut rest, 2, "edp version")?;
    let length = usize::from(be16(&mut rest, "edp length")?);
    take(&mut rest, 6, "edp header")?;
    let octets = rest;
    let machine = Mac(array::<6>(&mut rest, "edp machine id")?);
    let octets = octets.get(..6).unwrap_or_default();
    out.text(Subject::Sender, MACHINE, octets, format_args!("{machine}"));
    // The frame may be padded.
    let mut rest = rest.get(..length.saturating_sub(16)).unwrap_or(rest);
    while !rest.is_empty() {
        let [marker, kind] = array::<2>(&mut rest, "edp field")?;
        let length = usize::from(be16(&mut rest, "edp field length")?);
        let length = length.checked_sub(4).filter(|_| marker == MARKER);
        let length = length.ok_or(Fault::value("edp field", rest))?;
        let value = take(&mut rest, length, "edp field value")?;
        match kind {
            0 => break,
            DISPLAY => out.say(Subject::Sender, SYSTEM_NAME, value),
            INFO => info(value, out)?,
            VLAN => vlan(value, message.source, out)?,
            _ => {}
        }
    }
    Ok(())
}

/// Slot and port, both counted from zero; virtual chassis, reserved; version.
fn info(value: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = value;
    let slot = u32::from(be16(&mut rest, "edp slot")?).saturating_add(1);
    let port = u32::from(be16(&mut rest, "edp port")?).saturating_add(1);
    let place = value.get(..4).unwrap_or_default();
    out.text(Subject::Sender, PORT, place, format_args!("{slot}:{port}"));
    take(&mut rest, 8, "edp virtual chassis")?;
    let octets = rest;
    let [a, b, c, d] = array::<4>(&mut rest, "edp version")?;
    let octets = octets.get(..4).unwrap_or_default();
    out.text(
        Subject::Sender,
        VERSION,
        octets,
        format_args!("{a}.{b}.{c}.{d}"),
    );
    Ok(())
}

/// Flags (the top bit: it has an address), VLAN id, address, name.
fn vlan(value: &[u8], source: Option<Mac>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = value;
    let flags = octet(&mut rest, "edp vlan flags")?;
    take(&mut rest, 7, "edp vlan id")?;
    let octets = rest;
    let address = Ipv4Addr::from(array::<4>(&mut rest, "edp vlan address")?);
    if flags & 0x80 != 0 && !address.is_unspecified() && !address.is_loopback() {
        let octets = octets.get(..4).unwrap_or_default();
        out.text(Subject::Sender, ADDRESS, octets, format_args!("{address}"));
        if source.is_some() {
            out.address(Subject::Sender, IpAddr::V4(address));
        }
    }
    Ok(())
}
