//! Dynamic Host Configuration Protocol, what clients and servers say of themselves.
//!
//! Spec: RFC 2131 §2 (message), RFC 2132 (options), RFC 3046 (82), RFC 3004 (77), RFC 4578 (93), RFC 4702 (81).
//!
//! A client is its hardware address: its messages may come through a relay.

use std::net::{IpAddr, Ipv4Addr};

use crate::octets::{array, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Joined, Key, Mac, Out, Subject};

/// Host name, option 12.
pub const HOST_NAME: Key = Key("dhcp.host_name");
/// Domain name that the server hands out, option 15.
pub const DOMAIN_NAME: Key = Key("dhcp.domain_name");
/// What the client wants to know, in its order, option 55.
pub const PARAMETER_LIST: Key = Key("dhcp.parameter_list");
/// Vendor class identifier, option 60.
pub const VENDOR_CLASS: Key = Key("dhcp.vendor_class");
/// Client identifier, option 61, where it is text.
pub const CLIENT_ID: Key = Key("dhcp.client_id");
/// User class, option 77.
pub const USER_CLASS: Key = Key("dhcp.user_class");
/// Client's domain name, option 81.
pub const CLIENT_FQDN: Key = Key("dhcp.client_fqdn");
/// Where the relay heard the client, option 82 sub-option 1, where it is text.
pub const CIRCUIT_ID: Key = Key("dhcp.circuit_id");
/// Which relay, option 82 sub-option 2, where it is text.
pub const REMOTE_ID: Key = Key("dhcp.remote_id");
/// Processor architecture that boots, option 93.
pub const CLIENT_ARCHITECTURE: Key = Key("dhcp.client_architecture");
/// Message type of a server, option 53: it serves leases.
pub const SERVER_MESSAGE: Key = Key("dhcp.server_message");
/// The address is handed out as a router, option 3.
pub const ROUTER: Key = Key("dhcp.router");
/// The address is handed out as a name server, option 6.
pub const NAME_SERVER: Key = Key("dhcp.name_server");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "dhcp",
    spec: "RFC 2131",
    carriers: &[Carrier::Udp(67), Carrier::Udp(68)],
    keys: &[
        HOST_NAME,
        DOMAIN_NAME,
        PARAMETER_LIST,
        VENDOR_CLASS,
        CLIENT_ID,
        USER_CLASS,
        CLIENT_FQDN,
        CIRCUIT_ID,
        REMOTE_ID,
        CLIENT_ARCHITECTURE,
        SERVER_MESSAGE,
        ROUTER,
        NAME_SERVER,
    ],
    frame: None,
    recognise,
    dissect,
};

/// RFC 2131 §3: the first octets of the options.
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Octets before the cookie.
const FIXED: usize = 236;

fn recognise(message: &[u8]) -> Option<Recognition> {
    let role = match message.first()? {
        1 => Role::Client,
        2 => Role::Server,
        _ => return None,
    };
    let options = message.get(FIXED..)?;
    options
        .starts_with(&COOKIE)
        .then_some(Recognition::STRONG.from(role))
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let operation = octet(&mut rest, "dhcp operation")?;
    let hardware = array::<2>(&mut rest, "dhcp hardware type")?;
    take(&mut rest, 9, "dhcp transaction")?;
    let client = Ipv4Addr::from(array::<4>(&mut rest, "dhcp client address")?);
    let leased = Ipv4Addr::from(array::<4>(&mut rest, "dhcp your address")?);
    take(&mut rest, 8, "dhcp server and relay address")?;
    let mac = Mac(array::<6>(&mut rest, "dhcp client hardware address")?);
    take(&mut rest, 10 + 64 + 128, "dhcp server name and file")?;
    // Ethernet, six octets; others have no address that would be seen on the link.
    let from = if hardware == [1, 6] && !mac.is_zero() {
        Subject::Mac(mac)
    } else {
        Subject::Sender
    };
    let options = rest.strip_prefix(&COOKIE).unwrap_or_default();
    if operation == 1 {
        if !client.is_unspecified() {
            out.address(from, IpAddr::V4(client));
        }
        return client_options(from, options, out);
    }
    let kind = server_options(options, out)?;
    // DHCPACK, or BOOTP, which knows no other answer.
    if matches!(kind, None | Some(5)) && !leased.is_unspecified() {
        out.address(from, IpAddr::V4(leased));
    }
    Ok(())
}

/// The next option: code and value. Padding is passed over; nothing at the end.
fn option<'a>(rest: &mut &'a [u8]) -> Result<Option<(u8, &'a [u8])>, Fault> {
    loop {
        match octet(rest, "dhcp option") {
            Ok(0) => {}
            Ok(255) | Err(_) => return Ok(None),
            Ok(code) => {
                return Ok(Some((
                    code,
                    crate::octets::counted8(rest, "dhcp option value")?,
                )));
            }
        }
    }
}

fn client_options(client: Subject, mut rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    while let Some((code, value)) = option(&mut rest)? {
        match (code, value) {
            (12, _) => out.say(client, HOST_NAME, value),
            (55, _) => {
                let list = Joined(value.iter());
                out.text(client, PARAMETER_LIST, value, format_args!("{list}"));
            }
            (60, _) => out.say(client, VENDOR_CLASS, value),
            // Type 0 is text; type 1 the hardware address; 255 a number of its own (RFC 4361).
            (61, [0, name @ ..]) if crate::text::is_printable(name) => {
                out.say(client, CLIENT_ID, name);
            }
            (77, _) => user_class(client, value, out),
            // Flags and two obsolete octets, then a name: text, or as DNS sends it.
            (81, [flags, _, _, name @ ..]) => {
                if flags & 4 == 0 {
                    out.say(client, CLIENT_FQDN, name);
                } else {
                    let labels = Labels(name);
                    out.text(client, CLIENT_FQDN, name, format_args!("{labels}"));
                }
            }
            (82, _) => relay(value, out)?,
            (93, [high, low]) => {
                let kind = u16::from_be_bytes([*high, *low]);
                out.text(client, CLIENT_ARCHITECTURE, value, format_args!("{kind}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a server hands out; its message type.
fn server_options(mut rest: &[u8], out: &mut Out<'_>) -> Result<Option<u8>, Fault> {
    let mut kind = None;
    while let Some((code, value)) = option(&mut rest)? {
        match (code, value) {
            (53, [code]) => {
                kind = Some(*code);
                out.text(
                    Subject::Sender,
                    SERVER_MESSAGE,
                    value,
                    format_args!("{code}"),
                );
            }
            (3, _) => handed_out(ROUTER, value, out),
            (6, _) => handed_out(NAME_SERVER, value, out),
            (15, _) => out.say(Subject::Sender, DOMAIN_NAME, value),
            _ => {}
        }
    }
    Ok(kind)
}

fn handed_out(key: Key, value: &[u8], out: &mut Out<'_>) {
    for octets in value.chunks_exact(4) {
        if let Ok(address) = <[u8; 4]>::try_from(octets) {
            let address = Ipv4Addr::from(address);
            out.text(
                Subject::Ip(IpAddr::V4(address)),
                key,
                octets,
                format_args!("{address}"),
            );
        }
    }
}

/// RFC 3004 §4 counts each class; Microsoft sends bare text.
fn user_class(client: Subject, value: &[u8], out: &mut Out<'_>) {
    let text = match value {
        [length, text @ ..] if usize::from(*length) == text.len() => text,
        text => text,
    };
    if crate::text::is_printable(crate::text::unpadded(text)) {
        out.say(client, USER_CLASS, text);
    }
}

fn relay(value: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = value;
    while !rest.is_empty() {
        let code = octet(&mut rest, "dhcp relay sub-option")?;
        let text = crate::octets::counted8(&mut rest, "dhcp relay sub-option value")?;
        if crate::text::is_printable(text) {
            match code {
                1 => out.say(Subject::Sender, CIRCUIT_ID, text),
                2 => out.say(Subject::Sender, REMOTE_ID, text),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Displays an uncompressed DNS name with dots.
struct Labels<'a>(&'a [u8]);

impl std::fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut rest = self.0;
        let mut first = true;
        while let Ok(label) = crate::octets::counted8(&mut rest, "label") {
            if label.is_empty() {
                break;
            }
            if !first {
                f.write_str(".")?;
            }
            first = false;
            crate::text::Text(label).fmt(f)?;
        }
        Ok(())
    }
}
