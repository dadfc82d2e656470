//! DHCP for IPv6: what clients say of themselves, and what servers hand out.
//!
//! Spec: RFC 8415 §8 (messages), §11 (DUIDs), §21 (options), RFC 3646 (name servers), RFC 4704 (client FQDN),
//! RFC 5970 (61), RFC 8520 §10 (112).

use std::net::{IpAddr, Ipv6Addr};

use crate::octets::{array, be16, be32, counted16, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Mac, Out, Subject};
use crate::text::Text;

use super::dhcp;

/// Vendor class, option 16.
pub const VENDOR_CLASS: Key = Key("dhcpv6.vendor_class");
/// Client's domain name, option 39.
pub const CLIENT_FQDN: Key = Key("dhcpv6.client_fqdn");
/// Hardware address in the client's DUID (types 1 and 3).
pub const CLIENT_MAC: Key = Key("dhcpv6.client_mac");
/// Options that the client asks for, option 6.
pub const OPTION_REQUEST: Key = Key("dhcpv6.option_request");

/// Enterprise number of a vendor class or vendor options, options 16 and 17.
pub const ENTERPRISE: Key = Key("dhcpv6.enterprise");
/// Enterprise number in the client's DUID (type 2).
pub const DUID_ENTERPRISE: Key = Key("dhcpv6.duid_enterprise");
/// UUID of the machine in the client's DUID (type 4).
pub const MACHINE_ID: Key = Key("dhcpv6.machine_id");
/// User class, option 15.
pub const USER_CLASS: Key = Key("dhcpv6.user_class");
/// Processor architecture that boots, option 61.
pub const CLIENT_ARCHITECTURE: Key = Key("dhcpv6.client_architecture");
/// Where the maker describes how the device behaves, option 112.
pub const MUD_URL: Key = Key("dhcpv6.mud_url");
/// Message type of a server: it serves leases.
pub const SERVER_MESSAGE: Key = Key("dhcpv6.server_message");
/// The address is handed out as a name server, option 23.
pub const NAME_SERVER: Key = Key("dhcpv6.name_server");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "dhcpv6",
    spec: "RFC 8415",
    carriers: &[Carrier::Udp(547), Carrier::Udp(546)],
    keys: &[
        VENDOR_CLASS,
        CLIENT_FQDN,
        CLIENT_MAC,
        OPTION_REQUEST,
        ENTERPRISE,
        DUID_ENTERPRISE,
        MACHINE_ID,
        USER_CLASS,
        CLIENT_ARCHITECTURE,
        MUD_URL,
        SERVER_MESSAGE,
        NAME_SERVER,
    ],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
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
    if let [kind @ (2 | 7 | 10), ..] = message.bytes {
        let octets = message.bytes.get(..1).unwrap_or_default();
        out.text(
            Subject::Sender,
            SERVER_MESSAGE,
            octets,
            format_args!("{kind}"),
        );
        return server_options(rest, out);
    }
    while !rest.is_empty() {
        let code = be16(&mut rest, "option")?;
        client_option(code, counted16(&mut rest, "option value")?, out)?;
    }
    Ok(())
}

fn client_option(code: u16, value: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut value = value;
    match (code, value) {
        // DUID-LLT and DUID-LL of Ethernet: the address ends it.
        (1, [0, 1 | 3, 0, 1, ..]) => {
            if let Some(octets) = value.last_chunk::<6>() {
                let mac = Mac(*octets);
                out.text(Subject::Sender, CLIENT_MAC, octets, format_args!("{mac}"));
            }
        }
        (1, [0, 2, ..]) => {
            let octets = value.get(2..6).unwrap_or_default();
            take(&mut value, 2, "duid type")?;
            let number = be32(&mut value, "duid enterprise")?;
            out.text(
                Subject::Sender,
                DUID_ENTERPRISE,
                octets,
                format_args!("{number}"),
            );
        }
        (1, [0, 4, uuid @ ..]) => {
            if let Ok(octets) = <[u8; 16]>::try_from(uuid) {
                let number = dhcp::Uuid(octets);
                out.text(Subject::Sender, MACHINE_ID, uuid, format_args!("{number}"));
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
            enterprise(&mut value, out)?;
            while !value.is_empty() {
                let class = counted16(&mut value, "vendor class")?;
                if crate::text::is_printable(crate::text::unpadded(class)) {
                    out.say(Subject::Sender, VENDOR_CLASS, class);
                }
            }
        }
        // Enterprise number, then options of its own.
        (17, _) => {
            let number = enterprise(&mut value, out)?;
            while !value.is_empty() {
                let code = be16(&mut value, "vendor option")?;
                let own = counted16(&mut value, "vendor option value")?;
                dhcp::enterprise_option(Subject::Sender, number, code, own, out);
            }
        }
        (15, _) => {
            while !value.is_empty() {
                let class = counted16(&mut value, "user class")?;
                if crate::text::is_printable(class) {
                    out.say(Subject::Sender, USER_CLASS, class);
                }
            }
        }
        (61, [high, low, ..]) => {
            let kind = u16::from_be_bytes([*high, *low]);
            let octets = value.get(..2).unwrap_or_default();
            out.text(
                Subject::Sender,
                CLIENT_ARCHITECTURE,
                octets,
                format_args!("{kind}"),
            );
        }
        (112, _) if crate::text::is_printable(value) => {
            out.say(Subject::Sender, MUD_URL, value);
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
    Ok(())
}

/// The enterprise number, which is said.
fn enterprise(value: &mut &[u8], out: &mut Out<'_>) -> Result<u32, Fault> {
    let octets = value.get(..4).unwrap_or_default();
    let number = be32(value, "enterprise")?;
    out.text(
        Subject::Sender,
        ENTERPRISE,
        octets,
        format_args!("{number}"),
    );
    Ok(number)
}

fn server_options(mut rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    while !rest.is_empty() {
        let code = be16(&mut rest, "option")?;
        let value = counted16(&mut rest, "option value")?;
        if code != 23 {
            continue;
        }
        for octets in value.chunks_exact(16) {
            if let Ok(address) = <[u8; 16]>::try_from(octets) {
                let address = Ipv6Addr::from(address);
                out.text(
                    Subject::Ip(IpAddr::V6(address)),
                    NAME_SERVER,
                    octets,
                    format_args!("{address}"),
                );
            }
        }
    }
    Ok(())
}
