//! Lightweight Directory Access Protocol: what a directory says of itself in its root entry and to those who look for a
//! domain controller (CLDAP), and the logons inside. Names of people and other entries are never read.
//!
//! Spec: RFC 4511 §4.1.1 (envelope), §4.2 (bind), §4.5 (search), §4.12 (extended); RFC 4512 §5.1 (root DSE);
//! MS-ADTS §3.1.1.3.2 (root DSE of Active Directory), §6.3.1 (netlogon over CLDAP).

use std::fmt;

use crate::ber::{element, elements, expect};
use crate::octets::{foreign, head, le16, le32, more, take, whole};
use crate::probe::{Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role, finish};
use crate::statement::{Joined, Key, Out, Subject};
use crate::text::{Text, find, is_printable};

use super::{kerberos, ntlm, tls};

/// `dnsHostName` of the root entry, or the controller's DNS name in a netlogon answer.
pub const DNS_HOST_NAME: Key = Key("ldap.dns_host_name");
/// `serverName` of the root entry.
pub const SERVER_NAME: Key = Key("ldap.server_name");
/// `defaultNamingContext` of the root entry.
pub const NAMING_CONTEXT: Key = Key("ldap.default_naming_context");
/// `vendorName` of the root entry (RFC 3045).
pub const VENDOR_NAME: Key = Key("ldap.vendor_name");
/// `vendorVersion` of the root entry (RFC 3045).
pub const VENDOR_VERSION: Key = Key("ldap.vendor_version");
/// `objectClass` of the root entry, other than `top`.
pub const OBJECT_CLASS: Key = Key("ldap.object_class");
/// `domainControllerFunctionality` of the root entry: a number.
pub const CONTROLLER_FUNCTIONALITY: Key = Key("ldap.controller_functionality");
/// `domainFunctionality` of the root entry: a number.
pub const DOMAIN_FUNCTIONALITY: Key = Key("ldap.domain_functionality");
/// One of `supportedCapabilities` of the root entry: an object identifier.
pub const CAPABILITY: Key = Key("ldap.supported_capability");
/// DNS name of the domain in a netlogon answer.
pub const DOMAIN: Key = Key("ldap.dns_domain");
/// DNS name of the forest in a netlogon answer.
pub const FOREST: Key = Key("ldap.dns_forest");
/// `NetBIOS` name of the controller in a netlogon answer.
pub const NETBIOS_NAME: Key = Key("ldap.netbios_name");
/// `NetBIOS` name of the domain in a netlogon answer.
pub const NETBIOS_DOMAIN: Key = Key("ldap.netbios_domain");
/// Site of the controller in a netlogon answer.
pub const SITE: Key = Key("ldap.site");
/// What a controller says it serves in a netlogon answer: `pdc,gc,ldap,ds,kdc`.
pub const ROLES: Key = Key("ldap.controller_roles");
/// `NetBIOS` name of who looks for a controller.
pub const CLIENT_NAME: Key = Key("ldap.client_name");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "ldap",
    spec: "RFC 4511",
    carriers: &[Carrier::Tcp(389), Carrier::Tcp(3268), Carrier::Udp(389)],
    keys: &[
        DNS_HOST_NAME,
        SERVER_NAME,
        NAMING_CONTEXT,
        VENDOR_NAME,
        VENDOR_VERSION,
        OBJECT_CLASS,
        CONTROLLER_FUNCTIONALITY,
        DOMAIN_FUNCTIONALITY,
        CAPABILITY,
        DOMAIN,
        FOREST,
        NETBIOS_NAME,
        NETBIOS_DOMAIN,
        SITE,
        ROLES,
        CLIENT_NAME,
    ],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[READ_ROOT, FIND_CONTROLLER],
    dissect,
};

/// RFC 4511 §4.5.1: what a search begins with, behind its base.
const BASE: Piece = Piece::Octets(
    &[
        0x04, 0x00, 0x0a, 0x01, 0x00, 0x0a, 0x01, 0x00, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00, 0x01,
        0x01, 0x00,
    ],
    "of the entry without a name, itself alone; aliases as they are; no limits; with values",
);

/// RFC 4512 §5.1: the root entry, which may be read without a login.
const READ_ROOT: Probe = Probe {
    name: "read root entry",
    asks: &[DNS_HOST_NAME, NAMING_CONTEXT, VENDOR_NAME, VENDOR_VERSION, OBJECT_CLASS],
    carrier: Carrier::Tcp(389),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[
        Step {
            sends: &[
                Piece::Octets(&[0x30, 0x81, 0xc9, 0x02, 0x01, 0x01], "message of 201 octets, number 1"),
                Piece::Octets(&[0x63, 0x81, 0xc3], "search of 195 octets"),
                BASE,
                Piece::Octets(b"\x87\x0bobjectClass", "filter: whatever has a class"),
                Piece::Octets(&[0x30, 0x81, 0xa2], "162 octets of attributes"),
                Piece::Octets(b"\x04\x0bdnsHostName\x04\x0aserverName\x04\x14defaultNamingContext", "names"),
                Piece::Octets(b"\x04\x0avendorName\x04\x0dvendorVersion\x04\x0bobjectClass", "vendor and class"),
                Piece::Octets(
                    b"\x04\x1ddomainControllerFunctionality\x04\x13domainFunctionality\x04\x15supportedCapabilities",
                    "level and capabilities",
                ),
            ],
            until: Until::Answers(2),
        },
        Step {
            sends: &[Piece::Octets(&[0x30, 0x05, 0x02, 0x01, 0x02, 0x42, 0x00], "unbind (RFC 4511 §4.3)")],
            until: Until::Sent,
        },
    ],
    frames: 9,
};

/// MS-ADTS §6.3.1: a controller answers anybody who looks for one, over UDP.
const FIND_CONTROLLER: Probe = Probe {
    name: "look for a domain controller (CLDAP)",
    asks: &[DOMAIN, FOREST, NETBIOS_NAME, ROLES],
    carrier: Carrier::Udp(389),
    steps: &[Step {
        sends: &[
            Piece::Octets(
                &[0x30, 0x33, 0x02, 0x01, 0x01],
                "message of 51 octets, number 1",
            ),
            Piece::Octets(&[0x63, 0x2e], "search of 46 octets"),
            BASE,
            Piece::Octets(
                b"\xa0\x0f\xa3\x0d\x04\x05NtVer\x04\x04\x06\0\0\0",
                "filter: answer in the extended form of version 5",
            ),
            Piece::Octets(b"\x30\x0a\x04\x08netlogon", "attribute netlogon"),
        ],
        until: Until::Answer,
    }],
    frames: 1,
    ..READ_ROOT
};

/// Longest message that is waited for; larger results hold no identity and are passed over.
const LONGEST: usize = 60_000;
/// No directory sends more in one message.
const LIMIT: usize = 16 * 1024 * 1024;

const MESSAGE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_ENTRY: u8 = 0x64;

/// Attributes of the root entry that identify (RFC 4512 §5.1, RFC 3045, MS-ADTS §3.1.1.3.2).
const ATTRIBUTES: [(&[u8], Key); 9] = [
    (b"dnsHostName", DNS_HOST_NAME),
    (b"serverName", SERVER_NAME),
    (b"defaultNamingContext", NAMING_CONTEXT),
    (b"vendorName", VENDOR_NAME),
    (b"vendorVersion", VENDOR_VERSION),
    (b"objectClass", OBJECT_CLASS),
    (b"domainControllerFunctionality", CONTROLLER_FUNCTIONALITY),
    (b"domainFunctionality", DOMAIN_FUNCTIONALITY),
    (b"supportedCapabilities", CAPABILITY),
];
/// Flags of a netlogon answer (MS-ADTS §6.3.1.2).
const FLAGS: [(u32, &str); 7] = [
    (0x0001, "pdc"),
    (0x0004, "gc"),
    (0x0008, "ldap"),
    (0x0010, "ds"),
    (0x0020, "kdc"),
    (0x0040, "timeserv"),
    (0x0100, "writable"),
];
/// Nesting of a filter that is followed.
const DEEPEST: u8 = 6;

/// A sequence whose length is definite (§5.1) and that begins with a message id; TLS where it was started (§4.14);
/// a protected buffer behind its length of four octets (RFC 4422 §3.7), whose contents are passed over.
fn frame(input: &[u8]) -> Framed {
    let [tag, first] = head::<2>(input)?;
    match (tag, first) {
        (20..=23, 3) => {
            return tls::PROTOCOL
                .frame
                .map_or_else(|| Err(foreign("ldap message", input)), |frame| frame(input));
        }
        (0, 0) => return protected(input),
        (MESSAGE, 0..=0x7f | 0x81..=0x84) => {}
        _ => return Err(foreign("ldap message", input)),
    }
    let digits = usize::from(if first < 0x80 { 0 } else { first & 0x7f });
    let header = digits.saturating_add(2);
    let Some(octets) = input.get(2..header) else {
        return Err(more(header, input));
    };
    let length = if digits == 0 {
        usize::from(first)
    } else {
        let shift = |n: usize, digit: &u8| n.wrapping_shl(8) | usize::from(*digit);
        octets.iter().fold(0, shift)
    };
    match input.get(header..).unwrap_or_default() {
        [INTEGER, 1..=4, ..] | [INTEGER] | [] => {}
        _ => return Err(foreign("ldap message id", input)),
    }
    if !(5..=LIMIT).contains(&length) {
        return Err(foreign("ldap length", input));
    }
    let whole_length = length.saturating_add(header);
    if length <= LONGEST {
        return whole(input, whole_length);
    }
    let read = 64;
    whole(input, read)?;
    let skip = u64::try_from(whole_length.saturating_sub(read)).unwrap_or_default();
    Ok(Cut { length: read, skip })
}

/// A buffer that Kerberos (RFC 4121 §4.2.6.2) or NTLM (MS-NLMP §2.2.2.9) protects.
fn protected(input: &[u8]) -> Framed {
    match head::<8>(input)? {
        [0, 0 | 1, high, low, 5, 4, ..] | [0, 0 | 1, high, low, 1, 0, 0, 0] => Ok(Cut {
            length: 8,
            skip: u64::from(u16::from_be_bytes([high, low])).saturating_sub(4)
                | u64::from(input.get(1).copied().unwrap_or_default()).wrapping_shl(16),
        }),
        _ => Err(foreign("ldap message", input)),
    }
}

/// Tag and contents of the operation of a whole message.
fn operation(message: &[u8]) -> Option<(u8, &[u8])> {
    let (_, body) = finish(expect(MESSAGE, "ldap message", message)).ok()?;
    let (rest, id) = finish(expect(INTEGER, "ldap message id", body)).ok()?;
    let (_, operation) = finish(element(rest)).ok()?;
    (id.len() <= 4).then_some((operation.tag, operation.value))
}

/// A message id and an operation that is assigned; that it begins as bind or search do makes it certain.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let (tag, value) = operation(message)?;
    match tag {
        // Bind request: version 2 or 3 comes first.
        0x60 => matches!(value, [INTEGER, 1, 2 | 3, ..])
            .then_some(Recognition::STRONG.from(Role::Client)),
        // Bind response: an enumerated result code comes first.
        0x61 => matches!(value, [0x0a, 1, ..]).then_some(Recognition::STRONG.from(Role::Server)),
        // Search: base, scope, how to follow aliases, two limits, whether types alone.
        SEARCH_REQUEST => {
            let (rest, _base) = expect(OCTETS, "base", value).ok()?;
            let [0x0a, 1, 0..=3, 0x0a, 1, 0..=3, rest @ ..] = rest else {
                return None;
            };
            let (rest, _size) = expect(INTEGER, "size limit", rest).ok()?;
            let (rest, _time) = expect(INTEGER, "time limit", rest).ok()?;
            matches!(rest, [0x01, 1, 0 | 0xff, ..])
                .then_some(Recognition::STRONG.from(Role::Client))
        }
        SEARCH_ENTRY => {
            let (rest, _name) = expect(OCTETS, "name", value).ok()?;
            let (rest, _attributes) = expect(MESSAGE, "attributes", rest).ok()?;
            rest.is_empty()
                .then_some(Recognition::WEAK.from(Role::Server))
        }
        0x42 | 0x66 | 0x68 | 0x6c | 0x77 => Some(Recognition::WEAK.from(Role::Client)),
        0x65 | 0x67 | 0x69 | 0x6d | 0x73 | 0x78 => Some(Recognition::WEAK.from(Role::Server)),
        _ => None,
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    if let [20..=23, 3, ..] = message.bytes {
        return out.carried(&tls::PROTOCOL, message);
    }
    match operation(message.bytes) {
        Some((SEARCH_ENTRY, value)) => entry(value, out),
        Some((SEARCH_REQUEST, value)) => {
            request(value, out);
            Ok(())
        }
        Some((0x60 | 0x61, value)) => {
            kerberos::token(message, value, out)?;
            match find(value, b"NTLMSSP\0").and_then(|at| value.get(at..)) {
                Some(token) => out.carried(&ntlm::PROTOCOL, message.part(token)),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Attributes of the entry without a name: the server itself.
fn entry(value: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let (rest, name) = finish(expect(OCTETS, "ldap entry name", value))?;
    if !name.is_empty() {
        return Ok(());
    }
    let (_, list) = finish(expect(MESSAGE, "ldap attributes", rest))?;
    for attribute in elements(list) {
        let mut parts = elements(attribute.value);
        let (Some(kind), Some(values)) = (parts.next(), parts.next()) else {
            continue;
        };
        if kind.value.eq_ignore_ascii_case(b"netlogon") {
            for value in elements(values.value) {
                netlogon(value.value, out)?;
            }
            continue;
        }
        let known = ATTRIBUTES
            .iter()
            .find(|(name, _)| kind.value.eq_ignore_ascii_case(name));
        if let Some((_, key)) = known {
            for value in elements(values.value) {
                if value.value != b"top" {
                    out.say(Subject::Sender, *key, value.value);
                }
            }
        }
    }
    Ok(())
}

/// Who looks for a domain controller names itself in the filter (MS-ADTS §6.3.3).
fn request(value: &[u8], out: &mut Out<'_>) {
    // Base, scope, aliases, two limits, types alone; then the filter.
    let Some(filter) = elements(value).nth(6) else {
        return;
    };
    if find(filter.value, b"NtVer").is_some() {
        filter_host(filter.tag, filter.value, DEEPEST, out);
    }
}

fn filter_host(tag: u8, value: &[u8], depth: u8, out: &mut Out<'_>) {
    match tag {
        // All of these.
        0xa0 if depth > 0 => {
            for inner in elements(value).take(16) {
                filter_host(inner.tag, inner.value, depth.saturating_sub(1), out);
            }
        }
        // Equality.
        0xa3 => {
            let mut parts = elements(value);
            if let (Some(name), Some(host)) = (parts.next(), parts.next())
                && name.value.eq_ignore_ascii_case(b"Host")
                && is_printable(host.value)
            {
                out.say(Subject::Sender, CLIENT_NAME, host.value);
            }
        }
        _ => {}
    }
}

/// `NETLOGON_SAM_LOGON_RESPONSE_EX` (MS-ADTS §6.3.1.9): names of the controller, its domain and site. The user's is passed by.
fn netlogon(value: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = value;
    if !matches!(le16(&mut rest, "netlogon opcode")?, 23..=25) {
        return Ok(());
    }
    le16(&mut rest, "netlogon reserved")?;
    let octets = rest.get(..4).unwrap_or_default();
    let flags = le32(&mut rest, "netlogon flags")?;
    take(&mut rest, 16, "netlogon domain id")?;
    let roles = FLAGS.iter().filter(|(bit, _)| flags & bit != 0);
    let roles = Joined(roles.map(|(_, name)| *name));
    out.text(Subject::Sender, ROLES, octets, format_args!("{roles}"));
    let keys = [
        Some(FOREST),
        Some(DOMAIN),
        Some(DNS_HOST_NAME),
        Some(NETBIOS_DOMAIN),
        Some(NETBIOS_NAME),
        None,
        Some(SITE),
    ];
    for key in keys {
        let (name, octets) = name(value, &mut rest)?;
        if let Some(key) = key {
            out.text(Subject::Sender, key, octets, format_args!("{name}"));
        }
    }
    Ok(())
}

/// The next name, compressed as in DNS (RFC 1035 §4.1.4) relative to the whole value, and its octets.
fn name<'a>(value: &'a [u8], rest: &mut &'a [u8]) -> Result<(Name<'a>, &'a [u8]), Fault> {
    let begin = *rest;
    loop {
        match *crate::octets::array::<1>(rest, "netlogon name")?.as_slice() {
            [0] => break,
            [length @ 1..=63] => {
                take(rest, length.into(), "netlogon label")?;
            }
            [0xc0..=0xff] => {
                crate::octets::octet(rest, "netlogon pointer")?;
                break;
            }
            _ => return Err(Fault::value("netlogon label", rest)),
        }
    }
    let length = begin.len().saturating_sub(rest.len());
    let octets = begin.get(..length).unwrap_or_default();
    Ok((Name { value, begin }, octets))
}

/// Displays a compressed name with dots; leading backslashes of a `NetBIOS` name are dropped.
struct Name<'a> {
    value: &'a [u8],
    begin: &'a [u8],
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut rest, mut first) = (self.begin, true);
        // Every pointer costs a step, so that a loop of them ends.
        for _ in 0..64 {
            match *rest {
                [length @ 1..=63, ref after @ ..] => {
                    let Some((label, after)) = after.split_at_checked(length.into()) else {
                        break;
                    };
                    if !first {
                        f.write_str(".")?;
                    }
                    first = false;
                    Text(label.strip_prefix(b"\\\\").unwrap_or(label)).fmt(f)?;
                    rest = after;
                }
                [high @ 0xc0..=0xff, low, ..] => {
                    let at = usize::from(u16::from_be_bytes([high & 0x3f, low]));
                    rest = self.value.get(at..).unwrap_or_default();
                }
                _ => break,
            }
        }
        Ok(())
    }
}
