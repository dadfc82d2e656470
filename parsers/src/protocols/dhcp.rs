//! Dynamic Host Configuration Protocol, what clients and servers say of themselves.
//!
//! Spec: RFC 2131 §2 (message), RFC 2132 (options), RFC 3046 (82), RFC 3004 (77), RFC 3925 (124, 125), RFC 4361 (61),
//! RFC 4578 (93, 97), RFC 4702 (81), RFC 8520 §10 (161); Broadband Forum TR-069 annex F (enterprise 3561);
//! `CableLabs`, CL-SP-CANN-DHCP-Reg (option 43 of cable modems).
//!
//! A client is its hardware address: its messages may come through a relay.

use std::net::{IpAddr, Ipv4Addr};

use crate::octets::{array, counted8, octet, take};
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
/// Where the relay heard the client, option 82 sub-option 1: text, or VLAN, module and port.
pub const CIRCUIT_ID: Key = Key("dhcp.circuit_id");
/// Which relay, option 82 sub-option 2: text, or a hardware address.
pub const REMOTE_ID: Key = Key("dhcp.remote_id");
/// Processor architecture that boots, option 93.
pub const CLIENT_ARCHITECTURE: Key = Key("dhcp.client_architecture");
/// Message type of a server, option 53: it serves leases.
pub const SERVER_MESSAGE: Key = Key("dhcp.server_message");
/// The router that the server hands out, option 3: said of the server.
pub const OFFERED_ROUTER: Key = Key("dhcp.offered_router");
/// The address is handed out as a router, option 3.
pub const ROUTER: Key = Key("dhcp.router");
/// The address is handed out as a name server, option 6.
pub const NAME_SERVER: Key = Key("dhcp.name_server");

/// Enterprise number behind which a vendor class or option stands, options 124 and 125.
pub const ENTERPRISE: Key = Key("dhcp.enterprise");
/// Vendor class of an enterprise, option 124, where it is text.
pub const ENTERPRISE_CLASS: Key = Key("dhcp.enterprise_class");
/// Enterprise number in the client's DUID, option 61.
pub const DUID_ENTERPRISE: Key = Key("dhcp.duid_enterprise");
/// UUID of the machine, option 97 or in the client's DUID.
pub const MACHINE_ID: Key = Key("dhcp.machine_id");
/// Maker of the device, as it tells its operator.
pub const DEVICE_VENDOR: Key = Key("dhcp.device_vendor");
/// Organisation code of the maker, six hexadecimal digits.
pub const DEVICE_OUI: Key = Key("dhcp.device_oui");
/// Model, or product class.
pub const DEVICE_MODEL: Key = Key("dhcp.device_model");
/// Serial number.
pub const DEVICE_SERIAL: Key = Key("dhcp.device_serial");
/// Hardware version.
pub const DEVICE_HARDWARE: Key = Key("dhcp.device_hardware");
/// Software version.
pub const DEVICE_SOFTWARE: Key = Key("dhcp.device_software");
/// What a cable device is: `ECM`, `EMTA`, `STB`.
pub const DEVICE_KIND: Key = Key("dhcp.device_kind");
/// Where the maker describes how the device behaves, option 161: names maker and model.
pub const MUD_URL: Key = Key("dhcp.mud_url");
/// Name that the server gives itself.
pub const SERVER_NAME: Key = Key("dhcp.server_name");
/// File that the server tells a client to start from.
pub const BOOT_FILE: Key = Key("dhcp.boot_file");

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
        OFFERED_ROUTER,
        ROUTER,
        NAME_SERVER,
        ENTERPRISE,
        ENTERPRISE_CLASS,
        DUID_ENTERPRISE,
        MACHINE_ID,
        DEVICE_VENDOR,
        DEVICE_OUI,
        DEVICE_MODEL,
        DEVICE_SERIAL,
        DEVICE_HARDWARE,
        DEVICE_SOFTWARE,
        DEVICE_KIND,
        MUD_URL,
        SERVER_NAME,
        BOOT_FILE,
    ],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// RFC 2131 §3: the first octets of the options.
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// The Broadband Forum's enterprise number.
const BROADBAND_FORUM: u32 = 3561;
/// `CableLabs`' enterprise number.
const CABLE_LABS: u32 = 4491;

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
    take(&mut rest, 4, "dhcp server address")?;
    let relay = Ipv4Addr::from(array::<4>(&mut rest, "dhcp relay address")?);
    let mac = Mac(array::<6>(&mut rest, "dhcp client hardware address")?);
    take(&mut rest, 10, "dhcp client hardware address")?;
    let server_name = take(&mut rest, 64, "dhcp server name")?;
    let file = take(&mut rest, 128, "dhcp file")?;
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
        // A relay is told by its address; a switch on the way that has none is nobody we know.
        let relay = (!relay.is_unspecified()).then_some(Subject::Ip(IpAddr::V4(relay)));
        return client_options(from, relay, options, out);
    }
    // Where room is short, options stand in these (option 52).
    for (key, text) in [(SERVER_NAME, server_name), (BOOT_FILE, file)] {
        if crate::text::is_printable(crate::text::unpadded(text)) {
            out.say(Subject::Sender, key, text);
        }
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
                return Ok(Some((code, counted8(rest, "dhcp option value")?)));
            }
        }
    }
}

fn client_options(
    client: Subject,
    relay: Option<Subject>,
    mut rest: &[u8],
    out: &mut Out<'_>,
) -> Result<(), Fault> {
    let mut class: &[u8] = &[];
    let mut specific: &[u8] = &[];
    while let Some((code, value)) = option(&mut rest)? {
        match (code, value) {
            (12, _) => out.say(client, HOST_NAME, value),
            (55, _) => {
                let list = Joined(value.iter());
                out.text(client, PARAMETER_LIST, value, format_args!("{list}"));
            }
            (43, _) => specific = value,
            (60, _) => {
                class = value;
                out.say(client, VENDOR_CLASS, value);
            }
            // Type 0 is text; type 1 the hardware address; 255 a number of its own (RFC 4361).
            (61, [0, name @ ..]) if crate::text::is_printable(name) => {
                out.say(client, CLIENT_ID, name);
            }
            // Which interface, then who: by an enterprise's number, or by a UUID (RFC 6355).
            (61, [255, _, _, _, _, 0, 2, number @ ..]) => {
                if let Some(octets) = number.get(..4) {
                    let number = crate::octets::be32(&mut { octets }, "duid enterprise")?;
                    out.text(client, DUID_ENTERPRISE, octets, format_args!("{number}"));
                }
            }
            (61, [255, _, _, _, _, 0, 4, uuid @ ..]) | (97, [0, uuid @ ..]) => {
                machine_id(client, uuid, out);
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
            (82, _) => {
                if let Some(relay) = relay {
                    self::relay(relay, value, out)?;
                }
            }
            (124, _) => enterprise_classes(client, value, out)?,
            (125, _) => enterprise_options(client, value, out)?,
            (161, _) if crate::text::is_printable(value) => out.say(client, MUD_URL, value),
            (93, [high, low]) => {
                let kind = u16::from_be_bytes([*high, *low]);
                out.text(client, CLIENT_ARCHITECTURE, value, format_args!("{kind}"));
            }
            _ => {}
        }
    }
    // What stands in option 43 depends on the class; cable modems and their kin describe themselves there.
    if [&b"docsis"[..], b"pktc", b"CableHome"]
        .iter()
        .any(|begin| class.starts_with(begin))
    {
        while let Some((code, value)) = option(&mut specific)? {
            cable(client, code.into(), value, out);
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
            (3, _) => {
                if let Some(first) = value.get(..4).and_then(address) {
                    out.text(
                        Subject::Sender,
                        OFFERED_ROUTER,
                        value,
                        format_args!("{first}"),
                    );
                }
                handed_out(ROUTER, value, out);
            }
            (6, _) => handed_out(NAME_SERVER, value, out),
            (15, _) => out.say(Subject::Sender, DOMAIN_NAME, value),
            (67, _) if crate::text::is_printable(crate::text::unpadded(value)) => {
                out.say(Subject::Sender, BOOT_FILE, value);
            }
            // A gateway tells of itself to the devices behind it.
            (125, _) => enterprise_options(Subject::Sender, value, out)?,
            _ => {}
        }
    }
    Ok(kind)
}

fn handed_out(key: Key, value: &[u8], out: &mut Out<'_>) {
    for octets in value.chunks_exact(4) {
        if let Some(address) = address(octets) {
            out.text(
                Subject::Ip(IpAddr::V4(address)),
                key,
                octets,
                format_args!("{address}"),
            );
        }
    }
}

fn address(octets: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(octets).ok().map(Ipv4Addr::from)
}

/// RFC 3004 §4 counts each class; Microsoft and others send bare text.
fn user_class(client: Subject, value: &[u8], out: &mut Out<'_>) {
    let mut rest = value;
    let counted = value.first().is_some_and(|length| *length > 0)
        && std::iter::from_fn(|| counted8(&mut rest, "user class").ok())
            .all(crate::text::is_printable)
        && rest.is_empty();
    if !counted {
        if crate::text::is_printable(crate::text::unpadded(value)) {
            out.say(client, USER_CLASS, value);
        }
        return;
    }
    let mut rest = value;
    while let Ok(class) = counted8(&mut rest, "user class") {
        out.say(client, USER_CLASS, class);
    }
}

fn relay(relay: Subject, value: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = value;
    while !rest.is_empty() {
        let code = octet(&mut rest, "dhcp relay sub-option")?;
        let text = counted8(&mut rest, "dhcp relay sub-option value")?;
        match (code, text) {
            // Many switches send type and length of their own before a VLAN, module and port, and before their address.
            (1, [0, 4, high, low, module, port]) => {
                let vlan = u16::from_be_bytes([*high, *low]);
                out.text(
                    relay,
                    CIRCUIT_ID,
                    text,
                    format_args!("{vlan}/{module}/{port}"),
                );
            }
            (2, [0, 6, a, b, c, d, e, f]) => {
                let mac = Mac([*a, *b, *c, *d, *e, *f]);
                out.text(relay, REMOTE_ID, text, format_args!("{mac}"));
            }
            (1, _) if crate::text::is_printable(text) => out.say(relay, CIRCUIT_ID, text),
            (2, _) if crate::text::is_printable(text) => out.say(relay, REMOTE_ID, text),
            _ => {}
        }
    }
    Ok(())
}

fn machine_id(client: Subject, uuid: &[u8], out: &mut Out<'_>) {
    if let Ok(octets) = <[u8; 16]>::try_from(uuid)
        && octets.iter().any(|octet| *octet != 0 && *octet != 0xff)
    {
        let number = Uuid(octets);
        out.text(client, MACHINE_ID, uuid, format_args!("{number}"));
    }
}

/// RFC 3925 §3: for each enterprise its number, a length, and classes that are counted or bare.
fn enterprise_classes(client: Subject, value: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = value;
    while !rest.is_empty() {
        let mut data = enterprise(client, &mut rest, out)?;
        if crate::text::is_printable(data) {
            out.say(client, ENTERPRISE_CLASS, data);
            continue;
        }
        while let Ok(class) = counted8(&mut data, "vendor class") {
            if crate::text::is_printable(class) {
                out.say(client, ENTERPRISE_CLASS, class);
            }
        }
    }
    Ok(())
}

/// RFC 3925 §4: for each enterprise its number, a length, and options of its own.
fn enterprise_options(who: Subject, value: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = value;
    while !rest.is_empty() {
        let number = rest;
        let mut data = enterprise(who, &mut rest, out)?;
        let number = crate::octets::be32(&mut { number }, "enterprise")?;
        while !data.is_empty() {
            let code = octet(&mut data, "vendor option")?;
            let value = counted8(&mut data, "vendor option value")?;
            enterprise_option(who, number, code.into(), value, out);
        }
    }
    Ok(())
}

/// The enterprise number, which is said, and what it owns.
fn enterprise<'a>(who: Subject, rest: &mut &'a [u8], out: &mut Out<'_>) -> Result<&'a [u8], Fault> {
    let octets = rest.get(..4).unwrap_or_default();
    let number = crate::octets::be32(rest, "enterprise")?;
    out.text(who, ENTERPRISE, octets, format_args!("{number}"));
    counted8(rest, "enterprise data")
}

/// Options by which devices and gateways tell what they are; the same in both versions of DHCP.
pub(crate) fn enterprise_option(
    who: Subject,
    enterprise: u32,
    code: u16,
    value: &[u8],
    out: &mut Out<'_>,
) {
    match (enterprise, code) {
        // The gateway's own are three further on.
        (BROADBAND_FORUM, 1..=6) => {
            let key = match code {
                1 | 4 => DEVICE_OUI,
                2 | 5 => DEVICE_SERIAL,
                _ => DEVICE_MODEL,
            };
            printable(who, key, value, out);
        }
        (CABLE_LABS, _) => cable(who, code, value, out),
        _ => {}
    }
}

fn cable(who: Subject, code: u16, value: &[u8], out: &mut Out<'_>) {
    let key = match code {
        2 => DEVICE_KIND,
        4 => DEVICE_SERIAL,
        5 => DEVICE_HARDWARE,
        6 => DEVICE_SOFTWARE,
        8 => {
            if let [a, b, c] = value {
                out.text(
                    who,
                    DEVICE_OUI,
                    value,
                    format_args!("{a:02X}{b:02X}{c:02X}"),
                );
            }
            return;
        }
        9 => DEVICE_MODEL,
        10 => DEVICE_VENDOR,
        _ => return,
    };
    printable(who, key, value, out);
}

fn printable(who: Subject, key: Key, value: &[u8], out: &mut Out<'_>) {
    if crate::text::is_printable(crate::text::unpadded(value)) {
        out.say(who, key, value);
    }
}

/// Displays a UUID, its octets as they were sent.
pub(crate) struct Uuid(pub [u8; 16]);

impl std::fmt::Display for Uuid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, octet) in self.0.iter().enumerate() {
            if matches!(n, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{octet:02x}")?;
        }
        Ok(())
    }
}

/// Displays an uncompressed DNS name with dots.
struct Labels<'a>(&'a [u8]);

impl std::fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut rest = self.0;
        let mut first = true;
        while let Ok(label) = counted8(&mut rest, "label") {
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
