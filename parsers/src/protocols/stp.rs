//! Spanning Tree Protocol and its successors: which bridge sends, and which one is the root for it.
//!
//! Spec: IEEE 802.1D-2004 §9 (STP, RSTP), IEEE 802.1Q-2018 §14 (MSTP); Cisco's per-VLAN form has the same BPDU behind SNAP.

use crate::octets::{array, be16, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Key, Mac, Out, Subject};

/// Version: 0 is STP, 2 RSTP, 3 MSTP, 4 SPT.
pub const VERSION: Key = Key("stp.version");
/// VLAN whose tree it is, in Cisco's per-VLAN form.
pub const VLAN: Key = Key("stp.vlan");
/// Address part of the sending bridge's identifier.
pub const BRIDGE: Key = Key("stp.bridge");
/// Address part of the root's identifier, as the sender knows it.
pub const ROOT: Key = Key("stp.root");
/// Name of the sender's MST region.
pub const REGION: Key = Key("stp.region");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "stp",
    spec: "IEEE 802.1D-2004",
    carriers: &[Carrier::Llc(0x42), Carrier::Snap(0x00_000c, 0x010b)],
    keys: &[VERSION, VLAN, BRIDGE, ROOT, REGION],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

const CONFIGURATION: u8 = 0x00;
const RAPID: u8 = 0x02;
const TOPOLOGY_CHANGE: u8 = 0x80;

/// Octets of a configuration BPDU; a rapid one has one more.
const LENGTH: usize = 35;

/// The BPDU, and whether it came behind Cisco's SNAP code instead of the LLC address.
fn bpdu(message: &[u8]) -> (&[u8], bool) {
    match message.strip_prefix(&[0x42, 0x42, 0x03]) {
        Some(bpdu) => (bpdu, false),
        None => (message, true),
    }
}

/// Protocol identifier zero, a version and a type that belong together.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let (bpdu, _) = bpdu(message);
    let fits = match bpdu {
        [0, 0, 0, CONFIGURATION, ..] => bpdu.len() >= LENGTH,
        [0, 0, 2..=4, RAPID, ..] => bpdu.len() > LENGTH,
        [0, 0, 0, TOPOLOGY_CHANGE, ..] => true,
        _ => false,
    };
    fits.then_some(Recognition::STRONG)
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let (bpdu, per_vlan) = bpdu(message.bytes);
    let mut rest = bpdu;
    be16(&mut rest, "bpdu protocol")?;
    let [version, kind] = array::<2>(&mut rest, "bpdu version")?;
    let octets = bpdu.get(2..3).unwrap_or_default();
    out.text(Subject::Sender, VERSION, octets, format_args!("{version}"));
    if kind == TOPOLOGY_CHANGE {
        return Ok(());
    }
    octet(&mut rest, "bpdu flags")?;
    identifier(ROOT, &mut rest, out)?;
    take(&mut rest, 4, "bpdu path cost")?;
    if version < 3 {
        identifier(BRIDGE, &mut rest, out)?;
        if per_vlan {
            vlan(bpdu, out);
        }
        return Ok(());
    }
    // Here MSTP has the regional root; the bridge's own identifier comes at the end (§14.4).
    take(&mut rest, 8, "bpdu regional root")?;
    take(&mut rest, 11, "bpdu port and times")?;
    be16(&mut rest, "mst length")?;
    octet(&mut rest, "mst format")?;
    out.say(
        Subject::Sender,
        REGION,
        take(&mut rest, 32, "mst region name")?,
    );
    take(&mut rest, 2 + 16 + 4, "mst revision, digest, path cost")?;
    identifier(BRIDGE, &mut rest, out)
}

/// Behind the BPDU, at an even place: type 0, length 2, VLAN.
fn vlan(bpdu: &[u8], out: &mut Out<'_>) {
    if let Some([0, 0, 0, 2, octets @ ..]) = bpdu.get(LENGTH.saturating_add(1)..)
        && let Some([high, low]) = octets.get(..2)
    {
        let vlan = u16::from_be_bytes([*high, *low]);
        let octets = octets.get(..2).unwrap_or_default();
        out.text(Subject::Sender, VLAN, octets, format_args!("{vlan}"));
    }
}

/// Two octets of priority and VLAN, then an address.
fn identifier(key: Key, rest: &mut &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    be16(rest, "bridge priority")?;
    let octets = take(rest, 6, "bridge address")?;
    if let Ok(address) = <[u8; 6]>::try_from(octets) {
        let mac = Mac(address);
        if !mac.is_zero() {
            out.text(Subject::Sender, key, octets, format_args!("{mac}"));
        }
    }
    Ok(())
}
