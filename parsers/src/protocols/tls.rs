//! Transport Layer Security: fingerprints of clients and servers, server names and certificates in the clear.
//!
//! Spec: RFC 5246 §6.2 and §7.4, RFC 8446 §4 and §5.1, RFC 6066 §3 (server name), RFC 7301 (ALPN), RFC 8701 (GREASE);
//! JA3 and JA3S by Salesforce (BSD-3), JA4 (the client fingerprint, BSD-3) by `FoxIO`.

use std::borrow::Cow;
use std::fmt::Write as _;

use md5::Md5;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{AttributeTypeAndValue, FromDer, GeneralName, X509Certificate};

use crate::octets::{array, be16, counted8, counted16, foreign, more, octet, take, whole};
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Joined, Key, Out, Subject};

use super::remote;

/// Name that the client asks for: said of the server.
pub const SERVER_NAME: Key = Key("tls.server_name");
/// JA3 of a client hello.
pub const JA3: Key = Key("tls.ja3");
/// JA4 of a client hello.
pub const JA4: Key = Key("tls.ja4");
/// JA3S of a server hello.
pub const JA3S: Key = Key("tls.ja3s");
/// Application protocols offered or chosen.
pub const ALPN: Key = Key("tls.alpn");
/// Version that the server chose, `1.2`.
pub const VERSION: Key = Key("tls.version");
/// Subject of the server's certificate.
pub const CERTIFICATE_SUBJECT: Key = Key("tls.certificate_subject");
/// Issuer of the server's certificate.
pub const CERTIFICATE_ISSUER: Key = Key("tls.certificate_issuer");
/// DNS names of the server's certificate.
pub const CERTIFICATE_NAMES: Key = Key("tls.certificate_names");

/// Last moment at which the server's certificate is valid, `2024-05-01T00:00:00Z`.
pub const CERTIFICATE_NOT_AFTER: Key = Key("tls.certificate_not_after");
/// A service outside that the client uses, by the name that it asks for: what it is for, and its domain. Said of the client;
/// of names that are not in the table nothing is said.
pub const SERVICE: Key = Key("tls.service");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "tls",
    spec: "RFC 8446",
    carriers: &[
        Carrier::Tcp(443),
        Carrier::Tcp(8443),
        Carrier::Tcp(636),
        Carrier::Tcp(993),
        Carrier::Inside("rdp"),
        Carrier::Inside("mssql"),
        Carrier::Inside("ldap"),
    ],
    keys: &[
        SERVER_NAME,
        JA3,
        JA4,
        JA3S,
        ALPN,
        VERSION,
        CERTIFICATE_SUBJECT,
        CERTIFICATE_ISSUER,
        CERTIFICATE_NAMES,
        CERTIFICATE_NOT_AFTER,
        SERVICE,
    ],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[HELLO, HELLO_8443, HELLO_LEGACY, HELLO_13, HELLO_13_8443],
    dissect,
};

const RANDOM: Piece = Piece::Hole(Hole::Random { length: 32 }, "client random");
/// RFC 5246 §7.2.1.
const TAKE_LEAVE: Step = Step {
    sends: &[Piece::Octets(
        &[0x15, 0x03, 0x01, 0x00, 0x02, 0x01, 0x00],
        "alert, warning: close notify",
    )],
    until: Until::Sent,
};

/// Version 1.2, in which the certificate is in the clear, with the suites and groups that servers of its time have. No name is
/// asked for: an address is none (RFC 6066 §3).
const HELLO: Probe = Probe {
    name: "hello (TLS 1.2)",
    asks: &[
        CERTIFICATE_SUBJECT,
        CERTIFICATE_ISSUER,
        CERTIFICATE_NOT_AFTER,
    ],
    carrier: Carrier::Tcp(443),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[
        Step {
            sends: &[
                Piece::Octets(
                    &[0x16, 0x03, 0x01, 0x00, 0x95],
                    "handshake record of 149 octets",
                ),
                Piece::Octets(
                    &[0x01, 0x00, 0x00, 0x91, 0x03, 0x03],
                    "client hello of 145 octets, version 1.2",
                ),
                RANDOM,
                Piece::Octets(&[0x00], "no session"),
                Piece::Octets(
                    &[
                        0x00, 0x34, 0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30, 0xcc, 0xa9,
                        0xcc, 0xa8, 0xc0, 0x23, 0xc0, 0x27, 0xc0, 0x09, 0xc0, 0x13, 0xc0, 0x0a,
                        0xc0, 0x14, 0x00, 0x9e, 0x00, 0x9f, 0x00, 0x67, 0x00, 0x6b, 0x00, 0x33,
                        0x00, 0x39, 0x00, 0x9c, 0x00, 0x9d, 0x00, 0x3c, 0x00, 0x3d, 0x00, 0x2f,
                        0x00, 0x35, 0x00, 0x0a, 0x00, 0xff,
                    ],
                    "25 suites: ECDHE, DHE and RSA with AES, ChaCha20 or 3DES; secure renegotiation",
                ),
                Piece::Octets(&[0x01, 0x00], "no compression"),
                Piece::Octets(&[0x00, 0x34], "52 octets of extensions"),
                Piece::Octets(
                    &[
                        0x00, 0x0a, 0x00, 0x0a, 0x00, 0x08, 0x00, 0x1d, 0x00, 0x17, 0x00, 0x18,
                        0x00, 0x19,
                    ],
                    "groups: X25519, P-256, P-384, P-521",
                ),
                Piece::Octets(&[0x00, 0x0b, 0x00, 0x02, 0x01, 0x00], "points uncompressed"),
                Piece::Octets(
                    &[
                        0x00, 0x0d, 0x00, 0x18, 0x00, 0x16, 0x04, 0x03, 0x05, 0x03, 0x06, 0x03,
                        0x08, 0x04, 0x08, 0x05, 0x08, 0x06, 0x04, 0x01, 0x05, 0x01, 0x06, 0x01,
                        0x02, 0x03, 0x02, 0x01,
                    ],
                    "signatures: ECDSA, RSA-PSS and RSA with SHA-2 or SHA-1",
                ),
                Piece::Octets(&[0x00, 0x17, 0x00, 0x00], "extended master secret"),
            ],
            until: Until::Told(4),
        },
        TAKE_LEAVE,
    ],
    frames: 13,
};

const HELLO_8443: Probe = Probe {
    name: "hello (TLS 1.2), port 8443",
    carrier: Carrier::Tcp(8443),
    ..HELLO
};

/// Version 1.3, whose certificates are encrypted: only a client sees them. Its octets depend on keys that are made when it is asked
/// and on what is answered, so that none of them can be named beforehand but for their number.
const HELLO_13: Probe = Probe {
    name: "handshake (TLS 1.3)",
    steps: &[
        Step {
            sends: &[Piece::Hole(
                Hole::Handshake { length: 1024 },
                "client hello of version 1.3: random, suites, groups, a key of ours; no name. Once more where the host wants another group",
            )],
            until: Until::Answers(2),
        },
        Step {
            sends: &[Piece::Hole(
                Hole::Handshake { length: 256 },
                "encrypted: finished (no certificate of ours), and at once close notify",
            )],
            until: Until::Sent,
        },
    ],
    frames: 11,
    ..HELLO
};
const HELLO_13_8443: Probe = Probe {
    name: "handshake (TLS 1.3), port 8443",
    carrier: Carrier::Tcp(8443),
    ..HELLO_13
};

/// Version 1.0 without extensions, for servers that know nothing later or stumble over those.
const HELLO_LEGACY: Probe = Probe {
    name: "hello (TLS 1.0)",
    steps: &[
        Step {
            sends: &[
                Piece::Octets(
                    &[0x16, 0x03, 0x01, 0x00, 0x41],
                    "handshake record of 65 octets",
                ),
                Piece::Octets(
                    &[0x01, 0x00, 0x00, 0x3d, 0x03, 0x01],
                    "client hello of 61 octets, version 1.0",
                ),
                RANDOM,
                Piece::Octets(&[0x00], "no session"),
                Piece::Octets(
                    &[
                        0x00, 0x16, 0x00, 0x2f, 0x00, 0x35, 0x00, 0x0a, 0x00, 0x05, 0x00, 0x04,
                        0x00, 0x33, 0x00, 0x39, 0x00, 0x16, 0xc0, 0x13, 0xc0, 0x14, 0x00, 0xff,
                    ],
                    "11 suites: RSA, DHE and ECDHE with AES, 3DES or RC4; secure renegotiation",
                ),
                Piece::Octets(&[0x01, 0x00], "no compression"),
            ],
            until: Until::Told(4),
        },
        TAKE_LEAVE,
    ],
    ..HELLO
};

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
/// RFC 5246 §6.2.3: 2^14 and what encryption may add.
const LONGEST_RECORD: u16 = 16_384 + 2048;
/// Of a handshake message spread over records.
const LONGEST_HANDSHAKE: usize = 60_000;

/// One record; of a handshake, all records of the messages that begin in it. Data is passed over.
fn frame(input: &[u8]) -> Framed {
    if let Some(length) = ssl2(input) {
        return whole(input, length);
    }
    let mut at = 0_usize;
    let mut pending = 0_usize;
    loop {
        let rest = input.get(at..).unwrap_or_default();
        match rest {
            [20..=24, 3, 0..=4, ..] | [20..=24, 3] | [20..=24] => {}
            [] => return Err(more(at.saturating_add(5), input)),
            _ => return Err(foreign("tls record type", rest)),
        }
        let [kind, _, _, high, low] = crate::octets::head::<5>(rest)?;
        let length = u16::from_be_bytes([high, low]);
        if length == 0 || length > LONGEST_RECORD {
            return Err(foreign("tls record length", rest));
        }
        let length = usize::from(length);
        if kind != HANDSHAKE {
            // In the middle of a handshake message: that one is broken off.
            if at > 0 {
                return Ok(Cut::whole(at));
            }
            let skip = u64::try_from(length).unwrap_or_default();
            return Ok(Cut { length: 5, skip });
        }
        let end = at.saturating_add(5).saturating_add(length);
        let Some(mut payload) = input.get(at.saturating_add(5)..end) else {
            return Err(more(end, input));
        };
        while !payload.is_empty() {
            if pending == 0 {
                let [kind, l0, l1, l2, ..] = *payload else {
                    break;
                };
                let size =
                    usize::try_from(u32::from_be_bytes([0, l0, l1, l2])).unwrap_or(usize::MAX);
                // Encrypted handshake messages have no header to go by.
                if !matches!(kind, 0..=4 | 8 | 11..=16 | 20..=22) || size > LONGEST_HANDSHAKE {
                    return Ok(Cut::whole(end));
                }
                pending = size.saturating_add(4);
            }
            let step = pending.min(payload.len());
            pending = pending.saturating_sub(step);
            payload = payload.get(step..).unwrap_or_default();
        }
        at = end;
        if pending == 0 || at > LONGEST_HANDSHAKE {
            return Ok(Cut::whole(at));
        }
    }
}

/// Length of an SSL 2.0 compatible client hello (RFC 5246 §E.2).
fn ssl2(input: &[u8]) -> Option<usize> {
    match *input {
        [high, low, 1, 3, 0..=3, c0, c1, ..] if high & 0x80 != 0 => {
            let length = usize::from(u16::from_be_bytes([high & 0x7f, low]));
            let ciphers = u16::from_be_bytes([c0, c1]);
            (length > 9 && ciphers > 0 && ciphers.is_multiple_of(3))
                .then_some(length.saturating_add(2))
        }
        _ => None,
    }
}

fn recognise(message: &[u8]) -> Option<Recognition> {
    if ssl2(message).is_some() {
        return Some(Recognition::STRONG.from(Role::Client));
    }
    match *message {
        [
            HANDSHAKE,
            3,
            0..=4,
            _,
            _,
            CLIENT_HELLO,
            0,
            _,
            _,
            3,
            0..=3,
            ..,
        ] => Some(Recognition::STRONG.from(Role::Client)),
        [
            HANDSHAKE,
            3,
            0..=4,
            _,
            _,
            SERVER_HELLO,
            0,
            _,
            _,
            3,
            0..=4,
            ..,
        ] => Some(Recognition::STRONG.from(Role::Server)),
        [20..=24, 3, 1..=4, ..] => Some(Recognition::WEAK),
        _ => None,
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    if message.bytes.first() != Some(&HANDSHAKE) {
        return Ok(());
    }
    let handshake = handshake(message.bytes);
    let mut rest = &handshake[..];
    while !rest.is_empty() {
        let [kind, l0, l1, l2] = array::<4>(&mut rest, "handshake header")?;
        let length = usize::try_from(u32::from_be_bytes([0, l0, l1, l2])).unwrap_or(usize::MAX);
        // Behind a change of cipher the records are encrypted: what looks like a header is none.
        let Ok(body) = take(&mut rest, length, "handshake body") else {
            return Ok(());
        };
        match kind {
            CLIENT_HELLO => client_hello(body, b't', out)?,
            SERVER_HELLO => server_hello(body, out)?,
            CERTIFICATE => certificate(body, message, out)?,
            _ => {}
        }
    }
    Ok(())
}

/// The handshake data, put together where it is spread over several records.
fn handshake(message: &[u8]) -> Cow<'_, [u8]> {
    let mut rest = message;
    let mut joined: Cow<'_, [u8]> = Cow::default();
    while let Ok([HANDSHAKE, _, _, high, low]) = array::<5>(&mut rest, "record") {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Ok(payload) = take(&mut rest, length, "record") else {
            break;
        };
        if joined.is_empty() {
            joined = Cow::Borrowed(payload);
        } else {
            joined.to_mut().extend_from_slice(payload);
        }
    }
    joined
}

/// What a client offers.
#[derive(Default)]
struct ClientHello<'a> {
    version: u16,
    ciphers: Vec<u16>,
    extensions: Vec<u16>,
    groups: Vec<u16>,
    point_formats: &'a [u8],
    signatures: Vec<u16>,
    versions: Vec<u16>,
    server_name: Option<&'a [u8]>,
    /// The list as it is sent.
    alpn: &'a [u8],
}

/// RFC 8701: reserved values that some clients sprinkle in.
fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

fn numbers(octets: &[u8]) -> Vec<u16> {
    octets
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |n, octet| n << 8 | u16::from(*octet)))
        .filter(|n| !is_grease(*n))
        .collect()
}

fn read_client_hello(body: &[u8]) -> Result<ClientHello<'_>, Fault> {
    let mut rest = body;
    let mut hello = ClientHello {
        version: be16(&mut rest, "client version")?,
        ..ClientHello::default()
    };
    take(&mut rest, 32, "client random")?;
    counted8(&mut rest, "session id")?;
    hello.ciphers = numbers(counted16(&mut rest, "cipher suites")?);
    counted8(&mut rest, "compression methods")?;
    if rest.is_empty() {
        return Ok(hello);
    }
    let mut rest = counted16(&mut rest, "extensions")?;
    while !rest.is_empty() {
        let kind = be16(&mut rest, "extension type")?;
        let mut value = counted16(&mut rest, "extension")?;
        if !is_grease(kind) {
            hello.extensions.push(kind);
        }
        match kind {
            0 => {
                let mut names = counted16(&mut value, "server names").unwrap_or_default();
                if octet(&mut names, "name type") == Ok(0) {
                    hello.server_name = counted16(&mut names, "server name").ok();
                }
            }
            10 => hello.groups = numbers(counted16(&mut value, "groups").unwrap_or_default()),
            11 => hello.point_formats = counted8(&mut value, "point formats").unwrap_or_default(),
            13 => {
                hello.signatures = numbers(counted16(&mut value, "signatures").unwrap_or_default());
            }
            16 => hello.alpn = counted16(&mut value, "alpn").unwrap_or_default(),
            43 => hello.versions = numbers(counted8(&mut value, "versions").unwrap_or_default()),
            _ => {}
        }
    }
    Ok(hello)
}

/// A client hello that came over TCP (`t`) or QUIC (`q`).
pub(super) fn client_hello(body: &[u8], transport: u8, out: &mut Out<'_>) -> Result<(), Fault> {
    let hello = read_client_hello(body)?;
    if let Some(name) = hello.server_name {
        out.say(Subject::Receiver, SERVER_NAME, name);
        if let Some((domain, purpose)) = service(name) {
            out.text(
                Subject::Sender,
                SERVICE,
                name,
                format_args!("{purpose}: {domain}"),
            );
        }
    }
    let ja3 = ja3(&hello);
    out.text(Subject::Sender, JA3, body, format_args!("{ja3}"));
    let ja4 = ja4(&hello, transport);
    out.text(Subject::Sender, JA4, body, format_args!("{ja4}"));
    alpn(hello.alpn, out);
    Ok(())
}

/// Services outside that a site may want to know of: the domain under which they are asked for, and what they are for.
#[rustfmt::skip]
const SERVICES: [(&str, &str); 30] = [
    ("dropbox.com", "file sharing"), ("dropboxapi.com", "file sharing"), ("wetransfer.com", "file sharing"),
    ("drive.google.com", "file sharing"), ("onedrive.live.com", "file sharing"), ("api.onedrive.com", "file sharing"),
    ("box.com", "file sharing"), ("boxcdn.net", "file sharing"), ("mega.nz", "file sharing"), ("mega.co.nz", "file sharing"),
    ("pcloud.com", "file sharing"), ("sync.com", "file sharing"), ("mediafire.com", "file sharing"),
    ("icloud-content.com", "file sharing"), ("gofile.io", "file sharing"),
    ("teamviewer.com", "remote access"), ("anydesk.com", "remote access"), ("rustdesk.com", "remote access"),
    ("logmein.com", "remote access"), ("gotomypc.com", "remote access"), ("splashtop.com", "remote access"),
    ("screenconnect.com", "remote access"), ("remotedesktop.google.com", "remote access"),
    ("torproject.org", "tunnel"), ("tailscale.com", "tunnel"), ("zerotier.com", "tunnel"), ("nordvpn.com", "tunnel"),
    ("ngrok.io", "tunnel"), ("ngrok-agent.com", "tunnel"), ("nanopool.org", "mining"),
];

fn service(name: &[u8]) -> Option<(&'static str, &'static str)> {
    let is_of = |domain: &str| {
        let cut = name.len().checked_sub(domain.len());
        let (before, end) = cut
            .and_then(|cut| name.split_at_checked(cut))
            .unwrap_or_default();
        end.eq_ignore_ascii_case(domain.as_bytes()) && (before.is_empty() || before.ends_with(b"."))
    };
    SERVICES.into_iter().find(|(domain, _)| is_of(domain))
}

fn alpn(list: &[u8], out: &mut Out<'_>) {
    let names = AlpnNames(list).map(crate::text::Text);
    if !list.is_empty() {
        let names = Joined(names);
        out.text(Subject::Sender, ALPN, list, format_args!("{names}"));
    }
}

#[derive(Clone)]
struct AlpnNames<'a>(&'a [u8]);

impl<'a> Iterator for AlpnNames<'a> {
    type Item = &'a [u8];
    fn next(&mut self) -> Option<&'a [u8]> {
        counted8(&mut self.0, "alpn name").ok()
    }
}

/// Appends a number in decimal. Client hellos hold hundreds; formatting each of them costs more than hashing all.
fn push_decimal(text: &mut String, number: u16) {
    if number >= 10 {
        push_decimal(text, number / 10);
    }
    text.push(digit(number % 10));
}

/// Appends an octet in hexadecimal.
fn push_hex(text: &mut String, octet: u8) {
    text.push(digit(u16::from(octet >> 4)));
    text.push(digit(u16::from(octet & 0x0f)));
}

/// Of a number below 16.
fn digit(number: u16) -> char {
    char::from_digit(number.into(), 16).unwrap_or_default()
}

/// Appends a list of JA3, and the comma before it.
fn push_dashed(text: &mut String, values: impl Iterator<Item = u16>) {
    text.push(',');
    for (n, value) in values.enumerate() {
        if n > 0 {
            text.push('-');
        }
        push_decimal(text, value);
    }
}

fn ja3(hello: &ClientHello<'_>) -> String {
    let mut text = String::with_capacity(512);
    push_decimal(&mut text, hello.version);
    push_dashed(&mut text, hello.ciphers.iter().copied());
    push_dashed(&mut text, hello.extensions.iter().copied());
    push_dashed(&mut text, hello.groups.iter().copied());
    push_dashed(
        &mut text,
        hello.point_formats.iter().copied().map(u16::from),
    );
    hex(&Md5::digest(text))
}

/// `FoxIO`'s technical details of JA4: `t13d1516h2_8daaf6152771_e5627efa2ab1`.
fn ja4(hello: &ClientHello<'_>, transport: u8) -> String {
    let version = hello
        .versions
        .iter()
        .max()
        .copied()
        .unwrap_or(hello.version);
    let version = match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    };
    let name = if hello.extensions.contains(&0) {
        'd'
    } else {
        'i'
    };
    let ciphers = hello.ciphers.len().min(99);
    let extensions = hello.extensions.len().min(99);
    let mut text = format!(
        "{}{version}{name}{ciphers:02}{extensions:02}",
        char::from(transport)
    );
    text.push_str(&alpn_ends(hello.alpn));
    let hex4 = |values: &[u16]| {
        let mut text = String::with_capacity(values.len().saturating_mul(5));
        for (n, value) in values.iter().enumerate() {
            if n > 0 {
                text.push(',');
            }
            let [high, low] = value.to_be_bytes();
            push_hex(&mut text, high);
            push_hex(&mut text, low);
        }
        text
    };
    let mut sorted = hello.ciphers.clone();
    sorted.sort_unstable();
    let first = truncated(&hex4(&sorted));
    // Server name and ALPN are in the first part already.
    let mut sorted: Vec<u16> = hello
        .extensions
        .iter()
        .copied()
        .filter(|e| !matches!(e, 0 | 16))
        .collect();
    sorted.sort_unstable();
    let mut list = hex4(&sorted);
    if !hello.signatures.is_empty() {
        list.push('_');
        list.push_str(&hex4(&hello.signatures));
    }
    let second = if sorted.is_empty() {
        truncated("")
    } else {
        truncated(&list)
    };
    let _ = write!(text, "_{first}_{second}");
    text
}

/// First and last character of the first ALPN value; in hex where they are no letters or digits.
fn alpn_ends(list: &[u8]) -> String {
    match AlpnNames(list).next() {
        Some([first, .., last])
            if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() =>
        {
            [char::from(*first), char::from(*last)].iter().collect()
        }
        Some([only]) if only.is_ascii_alphanumeric() => [char::from(*only); 2].iter().collect(),
        Some([first, .., last]) => {
            let hex = format!("{first:02x}{last:02x}");
            [hex.chars().next(), hex.chars().last()]
                .into_iter()
                .flatten()
                .collect()
        }
        _ => "00".to_owned(),
    }
}

/// The first twelve digits of a SHA-256; zeros for nothing.
fn truncated(text: &str) -> String {
    if text.is_empty() {
        return "000000000000".to_owned();
    }
    let mut digits = hex(&Sha256::digest(text));
    digits.truncate(12);
    digits
}

fn hex(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len().saturating_mul(2));
    for octet in octets {
        push_hex(&mut text, *octet);
    }
    text
}

fn server_hello(body: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = body;
    let mut version = be16(&mut rest, "server version")?;
    let legacy = version;
    take(&mut rest, 32, "server random")?;
    counted8(&mut rest, "session id")?;
    let cipher = be16(&mut rest, "cipher suite")?;
    octet(&mut rest, "compression method")?;
    let mut extensions = Vec::new();
    let mut list = counted16(&mut rest, "extensions").unwrap_or_default();
    while !list.is_empty() {
        let kind = be16(&mut list, "extension type")?;
        let mut value = counted16(&mut list, "extension")?;
        extensions.push(kind);
        match kind {
            16 => alpn(counted16(&mut value, "alpn").unwrap_or_default(), out),
            43 => version = be16(&mut value, "version")?,
            _ => {}
        }
    }
    let mut text = format!("{legacy},{cipher}");
    push_dashed(&mut text, extensions.into_iter());
    let ja3s = hex(&Md5::digest(text));
    out.text(Subject::Sender, JA3S, body, format_args!("{ja3s}"));
    let name = match version {
        0x0304 => "1.3",
        0x0303 => "1.2",
        0x0302 => "1.1",
        0x0301 => "1.0",
        0x0300 => "SSL 3.0",
        _ => return Ok(()),
    };
    out.text(
        Subject::Sender,
        VERSION,
        body.get(..2).unwrap_or_default(),
        format_args!("{name}"),
    );
    Ok(())
}

fn not_after(certificate: &X509Certificate<'_>) -> Option<String> {
    let end = certificate.validity().not_after.to_datetime();
    let (year, month, day) = (end.year(), u8::from(end.month()), end.day());
    let (hour, minute, second) = end.to_hms();
    // RFC 5280 §4.1.2.5: 9999 stands for no end at all.
    (year < 9999)
        .then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

/// The first certificate is the sender's own (RFC 5246 §7.4.2).
fn certificate(body: &[u8], message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = body;
    take(&mut rest, 3, "certificate list length")?;
    let [l0, l1, l2] = array::<3>(&mut rest, "certificate length")?;
    let length = usize::try_from(u32::from_be_bytes([0, l0, l1, l2])).unwrap_or(usize::MAX);
    let der = take(&mut rest, length, "certificate")?;
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|_| Fault::value("certificate", der))?;
    let subject = certificate.subject();
    out.text(
        Subject::Sender,
        CERTIFICATE_SUBJECT,
        subject.as_raw(),
        format_args!("{subject}"),
    );
    let name = subject.iter_common_name().next();
    if let Some(name) = name.map(AttributeTypeAndValue::as_slice) {
        out.carried(&remote::ANYDESK, message.part(name))?;
    }
    if let Some(end) = not_after(&certificate) {
        out.text(
            Subject::Sender,
            CERTIFICATE_NOT_AFTER,
            subject.as_raw(),
            format_args!("{end}"),
        );
    }
    let issuer = certificate.issuer();
    out.text(
        Subject::Sender,
        CERTIFICATE_ISSUER,
        issuer.as_raw(),
        format_args!("{issuer}"),
    );
    if let Ok(Some(names)) = certificate.subject_alternative_name() {
        let names = names
            .value
            .general_names
            .iter()
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some(*name),
                _ => None,
            });
        let names = Joined(names);
        out.text(
            Subject::Sender,
            CERTIFICATE_NAMES,
            der,
            format_args!("{names}"),
        );
    }
    Ok(())
}
