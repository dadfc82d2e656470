//! Kerberos 5: realms, accounts and services of machines, and the encryption a client offers. People are never read.
//!
//! Spec: RFC 4120 §5.2 (basic types), §5.4 (KDC), §5.5 (AP), §5.9 (errors), §7.2 (transport); RFC 4121 §4.1 (GSS-API tokens).

use crate::ber::{elements, expect, tagged};
use crate::octets::{foreign, head, whole};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role, finish};
use crate::statement::{Key, Out, Subject};
use crate::text::is_printable;

/// Realm that is asked, or that answers.
pub const REALM: Key = Key("kerberos.realm");
/// Account of a machine, which ends in a dollar sign: `PRESS-5$`.
pub const MACHINE_ACCOUNT: Key = Key("kerberos.machine_account");
/// Host in the principal of a service: `historian.plant.example` of `cifs/historian.plant.example`.
pub const SERVICE_HOST: Key = Key("kerberos.service_host");
/// `NetBIOS` name among a client's addresses (type 20).
pub const NETBIOS_NAME: Key = Key("kerberos.netbios_name");
/// Encryption types that a client offers to the authentication service, in its order.
pub const ENCRYPTION_TYPES: Key = Key("kerberos.encryption_types");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "kerberos",
    spec: "RFC 4120",
    carriers: &[
        Carrier::Udp(88),
        Carrier::Tcp(88),
        Carrier::Inside("smb"),
        Carrier::Inside("ldap"),
        Carrier::Inside("dce-rpc"),
    ],
    keys: &[
        REALM,
        MACHINE_ACCOUNT,
        SERVICE_HOST,
        NETBIOS_NAME,
        ENCRYPTION_TYPES,
    ],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Identifier octets of the messages: APPLICATION 10 to 15, and 30 (§5.10).
const AS_REQUEST: u8 = 0x6a;
const AS_REPLY: u8 = 0x6b;
const TGS_REQUEST: u8 = 0x6c;
const TGS_REPLY: u8 = 0x6d;
const AP_REQUEST: u8 = 0x6e;
const ERROR: u8 = 0x7e;
/// Tickets with many groups are long; nothing longer is waited for.
const LONGEST: usize = 60_000;
/// `NetBIOS` address type (§7.5.3).
const NETBIOS: [u8; 1] = [20];
/// Encryption types of one request that are read.
const MOST_TYPES: usize = 24;
/// Length octets, then the token id of an AP-REQ behind the mechanism's name (RFC 4121 §4.1).
const GSS_AP_REQUEST: &[u8] = &[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x01, 0x00,
];

/// On streams a length of four octets comes first, of which the highest bit is reserved (§7.2.2).
fn frame(input: &[u8]) -> Framed {
    let [0, 0, high, low, AS_REQUEST..=TGS_REPLY | ERROR] = head::<5>(input)? else {
        return Err(foreign("kerberos message", input));
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if !(16..=LONGEST).contains(&length) {
        return Err(foreign("kerberos length", input));
    }
    whole(input, length.saturating_add(4))
}

/// The message without the length that precedes it on a stream.
fn unprefixed(message: &[u8]) -> &[u8] {
    match message {
        [0, 0, _, _, rest @ ..] => rest,
        _ => message,
    }
}

/// Tag of the message and the contents of its sequence.
fn body(message: &[u8]) -> Result<(u8, &[u8]), Fault> {
    let (_, outer) = finish(crate::ber::element(unprefixed(message)))?;
    let (_, fields) = finish(expect(0x30, "kerberos message", outer.value))?;
    Ok((outer.tag, fields))
}

/// A message type within the application tag of the same number, both behind version 5.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let (tag, fields) = body(message).ok()?;
    let (first, role) = match tag {
        AS_REQUEST | TGS_REQUEST => (1, Role::Client),
        AP_REQUEST => (0, Role::Client),
        AS_REPLY | TGS_REPLY | ERROR => (0, Role::Server),
        _ => return None,
    };
    let version = tagged(fields, first)? == [0x02, 0x01, 5];
    let kind = tagged(fields, first.saturating_add(1))? == [0x02, 0x01, tag & 0x1f];
    (version && kind).then_some(Recognition::STRONG.from(role))
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let (tag, fields) = body(message.bytes)?;
    match tag {
        AS_REQUEST | TGS_REQUEST => {
            let request = tagged(fields, 4).ok_or(Fault::short("kerberos request body"))?;
            let (_, request) = finish(expect(0x30, "kerberos request body", request))?;
            realm(Subject::Sender, tagged(request, 2), out);
            if tag == AS_REQUEST {
                machine(Subject::Sender, tagged(request, 1), out);
                encryption(tagged(request, 8), out);
            }
            addresses(tagged(request, 9), out);
        }
        AS_REPLY | TGS_REPLY => {
            realm(Subject::Sender, tagged(fields, 3), out);
            machine(Subject::Receiver, tagged(fields, 4), out);
        }
        AP_REQUEST => ticket(tagged(fields, 3), out),
        // Of a key distribution centre; the realm of the service that was asked for.
        ERROR if message.from == Role::Server => realm(Subject::Sender, tagged(fields, 9), out),
        _ => {}
    }
    Ok(())
}

/// Hands over the AP-REQ in a token of the GSS-API, wherever it stands in `blob`.
pub(crate) fn token(message: Message<'_>, blob: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let at = blob
        .windows(GSS_AP_REQUEST.len())
        .position(|window| window == GSS_AP_REQUEST);
    let request = at.and_then(|at| blob.get(at.saturating_add(GSS_AP_REQUEST.len())..));
    match request {
        Some(request) => out.carried(&PROTOCOL, message.part(request)),
        None => Ok(()),
    }
}

/// The text of a `GeneralString`.
fn general(value: &[u8]) -> Option<&[u8]> {
    let (_, text) = expect(0x1b, "kerberos string", value).ok()?;
    (is_printable(text) && !text.is_empty()).then_some(text)
}

fn realm(subject: Subject, field: Option<&[u8]>, out: &mut Out<'_>) {
    if let Some(name) = field.and_then(general) {
        out.say(subject, REALM, name);
    }
}

/// The parts of a principal's name.
fn parts(field: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let (_, name) = expect(0x30, "kerberos principal", field).ok()?;
    let (_, strings) = expect(0x30, "kerberos name", tagged(name, 1)?).ok()?;
    let strings = elements(strings).filter(|part| part.tag == 0x1b && is_printable(part.value));
    Some(strings.map(|part| part.value))
}

/// A name that is a machine's: an account with a dollar sign, or a host's own principal. Others are people's.
fn machine(subject: Subject, field: Option<&[u8]>, out: &mut Out<'_>) {
    let Some(mut parts) = field.and_then(parts) else {
        return;
    };
    match (parts.next(), parts.next()) {
        (Some(account), None) if account.ends_with(b"$") && account.len() > 1 => {
            out.say(subject, MACHINE_ACCOUNT, account);
        }
        (Some(class), Some(host)) if class.eq_ignore_ascii_case(b"host") => {
            out.say(subject, SERVICE_HOST, host);
        }
        _ => {}
    }
}

/// The ticket that is shown to a service says what that service is called.
fn ticket(field: Option<&[u8]>, out: &mut Out<'_>) {
    let fields = field.and_then(|field| {
        let (_, outer) = expect(0x61, "kerberos ticket", field).ok()?;
        expect(0x30, "kerberos ticket", outer).ok()
    });
    let Some((_, fields)) = fields else {
        return;
    };
    let Some(mut parts) = tagged(fields, 2).and_then(parts) else {
        return;
    };
    match (parts.next(), parts.next()) {
        (Some(account), None) if account.ends_with(b"$") && account.len() > 1 => {
            out.say(Subject::Receiver, MACHINE_ACCOUNT, account);
        }
        // A ticket to get tickets is shown to a key distribution centre, whose realm it names.
        (Some(class), Some(host)) if class != b"krbtgt" && class != b"kadmin" => {
            out.say(Subject::Receiver, SERVICE_HOST, host);
        }
        _ => {}
    }
}

/// The list as decimal numbers; types that Microsoft added are negative.
fn encryption(field: Option<&[u8]>, out: &mut Out<'_>) {
    let Some((_, list)) = field.and_then(|field| expect(0x30, "kerberos types", field).ok()) else {
        return;
    };
    let types = elements(list)
        .filter(|number| number.tag == 0x02)
        .take(MOST_TYPES)
        .filter_map(|number| match *number.value {
            [one] => Some(i32::from(i8::from_be_bytes([one]))),
            [high, low] => Some(i32::from(i16::from_be_bytes([high, low]))),
            [a, b, c, d] => Some(i32::from_be_bytes([a, b, c, d])),
            _ => None,
        });
    let types = crate::statement::Joined(types);
    out.text(
        Subject::Sender,
        ENCRYPTION_TYPES,
        list,
        format_args!("{types}"),
    );
}

fn addresses(field: Option<&[u8]>, out: &mut Out<'_>) {
    let Some((_, list)) = field.and_then(|field| expect(0x30, "kerberos addresses", field).ok())
    else {
        return;
    };
    for address in elements(list).take(16) {
        let kind = tagged(address.value, 0).and_then(|v| expect(0x02, "address type", v).ok());
        let name = tagged(address.value, 1).and_then(|v| expect(0x04, "address", v).ok());
        if let (Some((_, kind)), Some((_, name))) = (kind, name)
            && kind == NETBIOS
            && let Some(name) = name.get(..15)
            && is_printable(name)
        {
            out.say(Subject::Sender, NETBIOS_NAME, name);
        }
    }
}
