//! Ethernet POWERLINK: nodes and the identities that they answer with.
//!
//! Spec: EPSG DS 301 V1.3.0 §4.6.1 (frames), §7.3.3.2.1 (`IdentResponse`).

use crate::octets::{array, le32, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Subject};
use crate::text::{is_printable, unpadded};

/// Node id of the sender: 1 to 239, 240 is the managing node.
pub const NODE_ID: Key = Key("powerlink.node_id");
/// Device profile and its particulars: `0x01070191`.
pub const DEVICE_TYPE: Key = Key("powerlink.device_type");
/// Vendor id as assigned by CAN in Automation or EPSG: `0x0100006c`.
pub const VENDOR_ID: Key = Key("powerlink.vendor_id");
/// Product code as assigned by the vendor.
pub const PRODUCT_CODE: Key = Key("powerlink.product_code");
/// Revision number, as the vendor writes it: `0x00010002`.
pub const REVISION: Key = Key("powerlink.revision");
/// Serial number.
pub const SERIAL_NUMBER: Key = Key("powerlink.serial_number");
/// Host name.
pub const HOST_NAME: Key = Key("powerlink.host_name");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "powerlink",
    spec: "EPSG DS 301",
    carriers: &[Carrier::EtherType(0x88ab)],
    keys: &[
        NODE_ID,
        DEVICE_TYPE,
        VENDOR_ID,
        PRODUCT_CODE,
        REVISION,
        SERIAL_NUMBER,
        HOST_NAME,
    ],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Asynchronous send.
const ASND: u8 = 6;
const IDENT_RESPONSE: u8 = 1;
const MANAGING_NODE: u8 = 240;

/// A message type that exists, and a node that may send.
fn recognise(message: &[u8]) -> Option<Recognition> {
    matches!(
        message,
        [1 | 3..=7 | 13, _, 1..=MANAGING_NODE | 253 | 254, ..]
    )
    .then_some(Recognition::STRONG)
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let [kind, _destination, source] = array::<3>(&mut rest, "powerlink header")?;
    let octets = message.bytes.get(2..3).unwrap_or_default();
    if (1..=MANAGING_NODE).contains(&source) {
        out.text(Subject::Sender, NODE_ID, octets, format_args!("{source}"));
    }
    if kind != ASND || array::<1>(&mut rest, "service")? != [IDENT_RESPONSE] {
        return Ok(());
    }
    // Flags, state, version, features, sizes and times.
    take(&mut rest, 22, "ident response head")?;
    for key in [
        DEVICE_TYPE,
        VENDOR_ID,
        PRODUCT_CODE,
        REVISION,
        SERIAL_NUMBER,
    ] {
        let octets = rest.get(..4).unwrap_or_default();
        let number = le32(&mut rest, "identity")?;
        // All zeros or all ones: not told.
        if number == 0 || number == u32::MAX {
            continue;
        }
        if key == PRODUCT_CODE || key == SERIAL_NUMBER {
            out.text(Subject::Sender, key, octets, format_args!("{number}"));
        } else {
            out.text(Subject::Sender, key, octets, format_args!("0x{number:08x}"));
        }
    }
    // Vendor's own, dates of configuration and application, address, mask, gateway.
    take(&mut rest, 36, "ident response middle")?;
    let name = take(&mut rest, 32, "host name")?;
    if is_printable(unpadded(name)) {
        out.say(Subject::Sender, HOST_NAME, name);
    }
    Ok(())
}
