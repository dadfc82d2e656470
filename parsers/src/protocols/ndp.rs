//! Neighbour Discovery for IPv6: which interface holds which address.
//!
//! Spec: RFC 4861 §4 (messages), §4.6.1 (link-layer address options).

use std::net::{IpAddr, Ipv6Addr};

use crate::octets::{array, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Key, Mac, Out, Subject};

/// Flags and lifetime of a router advertisement: the sender routes.
pub const ROUTER_LIFETIME: Key = Key("ndp.router_lifetime");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "ndp",
    spec: "RFC 4861",
    carriers: &[Carrier::Ip(58)],
    keys: &[ROUTER_LIFETIME],
    frame: None,
    recognise,
    dissect,
};

const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;

/// Types 133 to 137 with code 0.
fn recognise(message: &[u8]) -> Option<Recognition> {
    matches!(message, [133..=137, 0, _, _, _, _, _, _, ..]).then_some(Recognition::STRONG)
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let [kind, _, _, _, _, _, high, low] = array::<8>(&mut rest, "icmpv6 header")?;
    match kind {
        ROUTER_ADVERTISEMENT => {
            let octets = message.bytes.get(6..8).unwrap_or_default();
            let lifetime = u16::from_be_bytes([high, low]);
            out.text(
                Subject::Sender,
                ROUTER_LIFETIME,
                octets,
                format_args!("{lifetime}"),
            );
        }
        NEIGHBOUR_ADVERTISEMENT => {
            let target = Ipv6Addr::from(array::<16>(&mut rest, "target address")?);
            // Option 2 is the target's link-layer address, in units of eight octets.
            while rest.len() >= 8 {
                let option = octet(&mut rest, "option type")?;
                let units = usize::from(octet(&mut rest, "option length")?);
                let length = units.saturating_mul(8).saturating_sub(2);
                let mut value = take(&mut rest, length, "option value")?;
                if option == 2 && units == 1 {
                    let mac = Mac(array::<6>(&mut value, "link-layer address")?);
                    out.address(Subject::Mac(mac), IpAddr::V6(target));
                }
                if units == 0 {
                    return Err(Fault::value("option length", rest));
                }
            }
        }
        _ => {}
    }
    Ok(())
}
