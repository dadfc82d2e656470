//! DHCP for IPv6: what clients say of themselves.
//!
//! Spec: RFC 8415 §8 (messages), §21 (options), RFC 4704 (client FQDN).

use crate::octets::{array, be16, be32, counted16, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Mac, Out, Subject};
use crate::text::Text;

/// Vendor class, option 16.
pub const VENDOR_CLASS: Key = Key("dhcpv6.vendor_class");
/// Client's domain name, option 39.
pub const CLIENT_FQDN: Key = Key("dhcpv6.client_fqdn");
/// Hardware address in the client's DUID (types 1 and 3).
pub const CLIENT_MAC: Key = Key("dhcpv6.client_mac");
/// Options that the client asks for, option 6.
pub const OPTION_REQUEST: Key = Key("dhcpv6.option_request");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "dhcpv6",
    spec: "RFC 8415",
    carriers: &[Carrier::Udp(547), Carrier::Udp(546)],
    keys: &[VENDOR_CLASS, CLIENT_FQDN, CLIENT_MAC, OPTION_REQUEST],
    frame: None,
    recognise,
    dissect,
};

/// Types of clients and servers; the options must read to the end and hold an identifier.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let mut rest = message;
    let [kind, ..] = array::<4>(&mut rest, "dhcpv6 header").ok()?;
    let role = match kind {
        1 | 3..=6 | 8 | 9 | 11 => Role::Client,
        2 | 7 | 10 => Role::Server,
        _ => return None,
    };
    let mut identified = false;
    while !rest.is_empty() {
        let code = be16(&mut rest, "option").ok()?;
        let value = counted16(&mut rest, "option value").ok()?;
        // DUIDs begin with a type of 1 to 4.
        identified |= matches!((code, value), (1 | 2, [0, 1..=4, ..]));
    }
    identified.then_some(Recognition::STRONG.from(role))
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    take(&mut rest, 4, "dhcpv6 header")?;
    if message.from == Role::Server {
        return Ok(());
    }
    while !rest.is_empty() {
        let code = be16(&mut rest, "option")?;
        let mut value = counted16(&mut rest, "option value")?;
        match (code, value) {
            // DUID-LLT and DUID-LL of Ethernet: the address ends it.
            (1, [0, 1 | 3, 0, 1, ..]) => {
                if let Some(octets) = value.last_chunk::<6>() {
                    let mac = Mac(*octets);
                    out.text(Subject::Sender, CLIENT_MAC, octets, format_args!("{mac}"));
                }
            }
            (6, _) => {
                let codes = value.chunks_exact(2);
                let codes = codes.map(|pair| {
                    pair.iter()
                        .fold(0_u16, |n, octet| n << 8 | u16::from(*octet))
                });
                let codes = crate::statement::Joined(codes);
                out.text(
                    Subject::Sender,
                    OPTION_REQUEST,
                    value,
                    format_args!("{codes}"),
                );
            }
            // Enterprise number, then counted texts.
            (16, _) => {
                be32(&mut value, "enterprise")?;
                let class = counted16(&mut value, "vendor class")?;
                out.say(Subject::Sender, VENDOR_CLASS, class);
            }
            // Flags, then a name as DNS sends it: the first label is the host's own.
            (39, [_, name @ ..]) => {
                let mut name = name;
                let label = crate::octets::counted8(&mut name, "fqdn label")?;
                let text = Text(label);
                out.text(Subject::Sender, CLIENT_FQDN, label, format_args!("{text}"));
            }
            _ => {}
        }
    }
    Ok(())
}
