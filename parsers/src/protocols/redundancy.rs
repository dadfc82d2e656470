//! First-hop redundancy: VRRP, its relative CARP, and Cisco's HSRP.
//!
//! Spec: RFC 3768 §5 and RFC 5798 §5 (VRRP versions 2 and 3), OpenBSD carp(4), RFC 2281 §5 (HSRP version 1),
//! Cisco, "HSRP Version 2" (its type-length-value form).
//!
//! The virtual address belongs to a group, not to who sends: it is said as what the sender speaks for, never as its own.
//! Authentication data is never read.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::octets::{array, be16, counted8, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Key, Mac, Out, Subject};

/// VRRP: version, 2 or 3.
pub const VRRP_VERSION: Key = Key("vrrp.version");
/// VRRP: identifier of the virtual router.
pub const VRRP_GROUP: Key = Key("vrrp.group");
/// VRRP: priority; 255 is the owner of the address.
pub const VRRP_PRIORITY: Key = Key("vrrp.priority");
/// VRRP: address of the virtual router.
pub const VRRP_ADDRESS: Key = Key("vrrp.virtual_address");

/// CARP: identifier of the virtual host.
pub const CARP_GROUP: Key = Key("carp.group");

/// HSRP: version, 1 or 2.
pub const HSRP_VERSION: Key = Key("hsrp.version");
/// HSRP: number of the group.
pub const HSRP_GROUP: Key = Key("hsrp.group");
/// HSRP: what the sender is in the group, as a number of its version: active is 16 in the first, 6 in the second.
pub const HSRP_STATE: Key = Key("hsrp.state");
/// HSRP: address of the group.
pub const HSRP_ADDRESS: Key = Key("hsrp.virtual_address");
/// HSRP version 2: hardware address of the sender's interface, as it names itself.
pub const HSRP_IDENTIFIER: Key = Key("hsrp.identifier");

/// Registration of the Virtual Router Redundancy Protocol.
pub static VRRP: Protocol = Protocol {
    name: "vrrp",
    spec: "RFC 5798",
    carriers: &[Carrier::Ip(112)],
    keys: &[VRRP_VERSION, VRRP_GROUP, VRRP_PRIORITY, VRRP_ADDRESS],
    frame: None,
    recognise: |message| vrrp_form(message).map(|_| Recognition::STRONG),
    operation: None,
    probes: &[],
    dissect: dissect_vrrp,
};

/// Registration of the Common Address Redundancy Protocol, which has the number of VRRP.
pub static CARP: Protocol = Protocol {
    name: "carp",
    spec: "OpenBSD carp(4)",
    carriers: &[Carrier::Ip(112)],
    keys: &[CARP_GROUP],
    frame: None,
    recognise: |message| match message {
        // Version 2, type 1; seven words of authentication follow the checksum.
        [0x21, 1..=255, _, 7, _, _, ..] if message.len() == 36 => Some(Recognition::STRONG),
        _ => None,
    },
    operation: None,
    probes: &[],
    dissect: |message, out| {
        if let [_, group, ..] = message.bytes {
            let octets = message.bytes.get(1..2).unwrap_or_default();
            out.text(Subject::Sender, CARP_GROUP, octets, format_args!("{group}"));
        }
        Ok(())
    },
};

/// Registration of the Hot Standby Router Protocol.
pub static HSRP: Protocol = Protocol {
    name: "hsrp",
    spec: "RFC 2281",
    carriers: &[Carrier::Udp(1985), Carrier::Udp(2029)],
    keys: &[
        HSRP_VERSION,
        HSRP_GROUP,
        HSRP_STATE,
        HSRP_ADDRESS,
        HSRP_IDENTIFIER,
    ],
    frame: None,
    recognise: recognise_hsrp,
    operation: None,
    probes: &[],
    dissect: |message, out| match message.bytes {
        [1, ..] => hsrp_fields(message.bytes, out),
        _ => hsrp_first(message.bytes, out),
    },
};

/// Octets of each address of an advertisement; nothing where the length does not agree.
fn vrrp_form(message: &[u8]) -> Option<usize> {
    let [version, 1..=255, _, count @ 1..=255, second, ..] = message else {
        return None;
    };
    let count = usize::from(*count);
    let rest = message.len().checked_sub(8)?;
    match version {
        // Eight octets of authentication data end it (RFC 3768 §5.3.10).
        0x21 if *second <= 2 && rest == count.saturating_mul(4).saturating_add(8) => Some(4),
        0x31 if rest == count.saturating_mul(4) => Some(4),
        0x31 if rest == count.saturating_mul(16) => Some(16),
        _ => None,
    }
}

fn dissect_vrrp(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let bytes = message.bytes;
    let size = vrrp_form(bytes).ok_or(Fault::value("vrrp length", bytes))?;
    let mut rest = bytes;
    let [version, group, priority, count] = array::<4>(&mut rest, "vrrp header")?;
    take(&mut rest, 4, "vrrp interval and checksum")?;
    let part = |at: usize| bytes.get(at..at.saturating_add(1)).unwrap_or_default();
    let version = version >> 4;
    for (at, key, value) in [
        (0, VRRP_VERSION, version),
        (1, VRRP_GROUP, group),
        (2, VRRP_PRIORITY, priority),
    ] {
        out.text(Subject::Sender, key, part(at), format_args!("{value}"));
    }
    for _ in 0..count {
        let address = take(&mut rest, size, "vrrp address")?;
        virtual_address(VRRP_ADDRESS, address, out);
    }
    Ok(())
}

/// An address of four or sixteen octets, unless it is none.
fn virtual_address(key: Key, octets: &[u8], out: &mut Out<'_>) {
    if octets.iter().all(|octet| *octet == 0) {
        return;
    }
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        let address = Ipv4Addr::from(v4);
        out.text(Subject::Sender, key, octets, format_args!("{address}"));
    } else if let Ok(v6) = <[u8; 16]>::try_from(octets) {
        let address = Ipv6Addr::from(v6);
        out.text(Subject::Sender, key, octets, format_args!("{address}"));
    }
}

/// Version 1: known values, reserved zero, printable authentication data, a plausible address, no more than a digest behind.
/// Version 2: a group state field of 40 octets, and fields that read to the end.
fn recognise_hsrp(message: &[u8]) -> Option<Recognition> {
    let fits = match message {
        [
            0,
            0..=2,
            0 | 1 | 2 | 4 | 8 | 16,
            hello @ 1..=255,
            hold @ 1..=255,
            _,
            _,
            0,
            rest @ ..,
        ] => {
            let (auth, after) = rest.split_first_chunk::<8>()?;
            let (address, after) = after.split_first_chunk::<4>()?;
            let [first, ..] = address;
            // The digest of "MD5 authentication", type 4, takes 28 octets and its header.
            let ends = matches!((after.len(), after.first()), (0, _) | (30, Some(4)));
            let text = crate::text::unpadded(auth);
            let padded = auth.iter().skip(text.len()).all(|octet| *octet == 0);
            hello <= hold
                && ends
                && padded
                && crate::text::is_printable(text)
                && matches!(first, 1..=126 | 128..=223)
        }
        [1, 40, 2, 0..=2, 0..=6, 4 | 6, ..] => {
            let mut rest = message;
            while !rest.is_empty() {
                let [kind] = array::<1>(&mut rest, "hsrp field").ok()?;
                counted8(&mut rest, "hsrp field value").ok()?;
                if !(1..=4).contains(&kind) {
                    return None;
                }
            }
            true
        }
        _ => false,
    };
    fits.then_some(Recognition::STRONG)
}

fn hsrp_first(bytes: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = bytes;
    let [_, _, state] = array::<3>(&mut rest, "hsrp header")?;
    take(&mut rest, 3, "hsrp times and priority")?;
    let group = octet(&mut rest, "hsrp group")?;
    take(&mut rest, 9, "hsrp authentication")?;
    let address = take(&mut rest, 4, "hsrp address")?;
    let part = |at: usize| bytes.get(at..at.saturating_add(1)).unwrap_or_default();
    out.text(Subject::Sender, HSRP_VERSION, part(0), format_args!("1"));
    out.text(
        Subject::Sender,
        HSRP_GROUP,
        part(6),
        format_args!("{group}"),
    );
    out.text(
        Subject::Sender,
        HSRP_STATE,
        part(2),
        format_args!("{state}"),
    );
    virtual_address(HSRP_ADDRESS, address, out);
    Ok(())
}

fn hsrp_fields(bytes: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let kind = octet(&mut rest, "hsrp field")?;
        let value = counted8(&mut rest, "hsrp field value")?;
        // The others are authentication and interface state.
        if kind == 1 {
            group_state(value, out)?;
        }
    }
    Ok(())
}

fn group_state(value: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = value;
    let [version, _, state, family] = array::<4>(&mut rest, "hsrp group state")?;
    let group = be16(&mut rest, "hsrp group")?;
    let part = |from: usize, to: usize| value.get(from..to).unwrap_or_default();
    out.text(
        Subject::Sender,
        HSRP_VERSION,
        part(0, 1),
        format_args!("{version}"),
    );
    out.text(
        Subject::Sender,
        HSRP_GROUP,
        part(4, 6),
        format_args!("{group}"),
    );
    out.text(
        Subject::Sender,
        HSRP_STATE,
        part(2, 3),
        format_args!("{state}"),
    );
    let octets = take(&mut rest, 6, "hsrp identifier")?;
    if let Ok(address) = <[u8; 6]>::try_from(octets) {
        let mac = Mac(address);
        if !mac.is_zero() {
            out.text(
                Subject::Sender,
                HSRP_IDENTIFIER,
                octets,
                format_args!("{mac}"),
            );
        }
    }
    take(&mut rest, 12, "hsrp priority and times")?;
    let address = take(&mut rest, 16, "hsrp address")?;
    // IPv4 takes the first four of them.
    let length = if family == 4 { 4 } else { 16 };
    virtual_address(HSRP_ADDRESS, address.get(..length).unwrap_or_default(), out);
    Ok(())
}
