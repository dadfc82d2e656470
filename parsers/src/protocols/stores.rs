//! Databases that answer in documents or packets of their own: Redis, `MongoDB` and Oracle. Accounts, keys and statements are never read.
//!
//! Spec: Redis serialization protocol (RESP 2 and 3), `INFO` and `HELLO`; `MongoDB` wire protocol (`OP_REPLY`, `OP_QUERY`, `OP_MSG`),
//! BSON 1.1; Oracle TNS as sent: packet header, accept, refuse.

use crate::octets::{array, foreign, head, le32, more, octet, take, whole};
use crate::probe::{Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{Text, find, header, is_printable, lines};

/// `redis_version` of INFO, or `version` of HELLO.
pub const REDIS_VERSION: Key = Key("redis.version");
/// `os` of INFO: `Linux 5.10.0-8-amd64 x86_64`.
pub const REDIS_OS: Key = Key("redis.os");
/// Name and release of the driver or of the system that a client tells: `nodejs 4.1.0`.
pub const MONGODB_CLIENT: Key = Key("mongodb.client");
/// Operating system that a client tells.
pub const MONGODB_CLIENT_OS: Key = Key("mongodb.client_os");
/// `version` of buildInfo.
pub const MONGODB_VERSION: Key = Key("mongodb.version");
/// Name and port by which a member of a replica set calls itself.
pub const MONGODB_ME: Key = Key("mongodb.me");
/// Version in the number that listeners send: `19.0.0.0.0`.
pub const ORACLE_VERSION: Key = Key("oracle-tns.version");
/// Banner of a listener.
pub const ORACLE_BANNER: Key = Key("oracle-tns.banner");
/// Host that a client gives of itself.
pub const ORACLE_CLIENT: Key = Key("oracle-tns.client_host");

/// Registration of Redis.
pub static REDIS: Protocol = Protocol {
    name: "redis",
    spec: "RESP 3",
    carriers: &[Carrier::Tcp(6379)],
    keys: &[REDIS_VERSION, REDIS_OS],
    frame: Some(redis_frame),
    recognise: recognise_redis,
    operation: None,
    probes: &[REDIS_INFO],
    dissect: dissect_redis,
};

/// INFO: it reads no key. A server that wants a password says so, which is an answer too.
const REDIS_INFO: Probe = Probe {
    name: "info of the server",
    asks: &[REDIS_VERSION, REDIS_OS],
    carrier: Carrier::Tcp(6379),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[
        Step {
            sends: &[
                Piece::Octets(b"*1\r\n", "a command of one word"),
                Piece::Octets(b"$4\r\nINFO\r\n", "what the server is"),
            ],
            until: Until::Answer,
        },
        Step {
            sends: &[Piece::Octets(b"*1\r\n$4\r\nQUIT\r\n", "takes leave")],
            until: Until::Answer,
        },
    ],
    frames: 9,
};

/// Registration of `MongoDB`.
pub static MONGODB: Protocol = Protocol {
    name: "mongodb",
    spec: "MongoDB wire protocol",
    carriers: &[Carrier::Tcp(27017)],
    keys: &[
        MONGODB_CLIENT,
        MONGODB_CLIENT_OS,
        MONGODB_VERSION,
        MONGODB_ME,
    ],
    frame: Some(mongodb_frame),
    recognise: recognise_mongodb,
    operation: None,
    probes: &[],
    dissect: dissect_mongodb,
};

/// Registration of Oracle's transport.
pub static ORACLE: Protocol = Protocol {
    name: "oracle-tns",
    spec: "Oracle TNS, as sent",
    carriers: &[Carrier::Tcp(1521)],
    keys: &[ORACLE_VERSION, ORACLE_BANNER, ORACLE_CLIENT],
    frame: Some(oracle_frame),
    recognise: recognise_oracle,
    operation: None,
    probes: &[],
    dissect: dissect_oracle,
};

/// Octets read of one message; what follows is data.
const READ: usize = 8192;
/// Commands that begin a conversation or ask for what identifies, as words of an array.
const COMMANDS: [&[u8]; 11] = [
    b"auth", b"client", b"command", b"config", b"echo", b"get", b"hello", b"info", b"ping",
    b"quit", b"select",
];

/// A line of RESP, or a text with its length and the line end behind it; an array is its first line, its items follow.
fn redis_frame(input: &[u8]) -> Framed {
    let [kind] = head::<1>(input)?;
    if !matches!(
        kind,
        b'+' | b'-' | b':' | b'$' | b'*' | b'%' | b'_' | b'#' | b',' | b'=' | b'~' | b'>'
    ) {
        return Err(foreign("resp type", input));
    }
    let numbered = !matches!(kind, b'+' | b'-' | b',' | b'#' | b'_');
    let line = input.iter().take(1024).position(|octet| *octet == b'\n');
    let first = input
        .get(1..line.unwrap_or(input.len()))
        .unwrap_or_default();
    let digits = first.strip_suffix(b"\r").unwrap_or(first);
    let sane = |octet: &u8| octet.is_ascii_digit() || *octet == b'-';
    if numbered && !digits.iter().all(sane) {
        return Err(foreign("resp number", input));
    }
    let Some(end) = line.map(|end| end.saturating_add(1)) else {
        return Err(if input.len() < 1024 {
            more(input.len().saturating_add(1), input)
        } else {
            foreign("resp line", input)
        });
    };
    if !first.ends_with(b"\r") {
        return Err(foreign("resp line", input));
    }
    if !matches!(kind, b'$' | b'=') || digits.starts_with(b"-") {
        // The command behind an array belongs to it, so that it can be recognised.
        return if kind == b'*' {
            command(input, end)
        } else {
            Ok(Cut::whole(end))
        };
    }
    let length: usize = number(digits).ok_or_else(|| foreign("resp length", input))?;
    let length = end.saturating_add(length).saturating_add(2);
    let read = length.min(READ);
    whole(input, read)?;
    let skip = u64::try_from(length.saturating_sub(read)).unwrap_or_default();
    Ok(Cut { length: read, skip })
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// An array with its first item, where that is a word.
fn command(input: &[u8], end: usize) -> Framed {
    let rest = input.get(end..).unwrap_or_default();
    match *rest {
        [b'$', b'1'..=b'9', b'\r', ..] | [b'$', b'1'..=b'9'] | [b'$'] => {}
        _ => return Ok(Cut::whole(end)),
    }
    let length = rest
        .get(1)
        .map(|digit| usize::from(digit.wrapping_sub(b'0')));
    let length = length.ok_or_else(|| more(end.saturating_add(4), input))?;
    whole(input, end.saturating_add(length).saturating_add(6))
}

fn recognise_redis(message: &[u8]) -> Option<Recognition> {
    match *message.first()? {
        b'*' => {
            let mut lines = lines(message);
            let count = number(lines.next()?.get(1..)?)?;
            let length = number(lines.next()?.strip_prefix(b"$")?)?;
            let word = lines.next()?;
            let known = COMMANDS
                .iter()
                .any(|known| word.eq_ignore_ascii_case(known));
            (known && word.len() == length && count <= 64)
                .then_some(Recognition::STRONG.from(Role::Client))
        }
        b'$' => {
            find(message, b"\r\nredis_version:").map(|_| Recognition::STRONG.from(Role::Server))
        }
        b'+' if message == b"+PONG\r\n" || message == b"+OK\r\n" => {
            Some(Recognition::WEAK.from(Role::Server))
        }
        b'-' if message.starts_with(b"-NOAUTH ") || message.starts_with(b"-WRONGPASS ") => {
            Some(Recognition::WEAK.from(Role::Server))
        }
        _ => None,
    }
}

/// The section on the server in an answer to INFO.
fn dissect_redis(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    if message.from != Role::Server || !message.bytes.starts_with(b"$") {
        return Ok(());
    }
    for line in lines(message.bytes).take(64) {
        if let Some(version) = header(line, b"redis_version") {
            out.say(Subject::Sender, REDIS_VERSION, version);
        } else if let Some(os) = header(line, b"os") {
            out.say(Subject::Sender, REDIS_OS, os);
        }
    }
    Ok(())
}

/// Operations in use (`OP_REPLY`, `OP_QUERY`, `OP_COMPRESSED`, `OP_MSG`).
const REPLY: u32 = 1;
const QUERY: u32 = 2004;
const COMPRESSED: u32 = 2012;
const MESSAGE: u32 = 2013;
/// Longest message (`maxMessageSizeBytes`).
const LONGEST: u32 = 48_000_000;

fn mongodb_frame(input: &[u8]) -> Framed {
    let [a, b, c, d, .., e, f, g, h] = head::<16>(input)?;
    let length = u32::from_le_bytes([a, b, c, d]);
    let operation = u32::from_le_bytes([e, f, g, h]);
    if !(21..=LONGEST).contains(&length)
        || !matches!(operation, REPLY | QUERY | 2005 | COMPRESSED | MESSAGE)
    {
        return Err(foreign("mongodb header", input));
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let read = length.min(READ);
    whole(input, read)?;
    let skip = u64::try_from(length.saturating_sub(read)).unwrap_or_default();
    Ok(Cut { length: read, skip })
}

/// The document of a message, behind what its operation puts before it.
fn document(message: &[u8]) -> Option<(&[u8], Role)> {
    let [_, _, _, _, _, _, _, _, response @ .., e, f, g, h] = message.first_chunk::<16>()?;
    let asked = *response == [0; 4];
    let role = if asked { Role::Client } else { Role::Server };
    let rest = message.get(16..)?;
    let document = match u32::from_le_bytes([*e, *f, *g, *h]) {
        // Flags, cursor, two numbers.
        REPLY => rest.get(20..)?,
        // Flags, a name, two numbers.
        QUERY => {
            let name = rest.get(4..)?.iter().position(|octet| *octet == 0)?;
            rest.get(name.saturating_add(13)..)?
        }
        // Flags, a section of kind 0.
        MESSAGE => rest.get(4..)?.strip_prefix(&[0])?,
        _ => return None,
    };
    Some((document, role))
}

fn recognise_mongodb(message: &[u8]) -> Option<Recognition> {
    let (document, role) = document(message)?;
    let length = le32(&mut &*document, "bson length").ok()?;
    let length = usize::try_from(length).ok()?;
    // A type that is defined, and a name.
    let sane = matches!(document.get(4)?, 0x01..=0x13)
        && document.get(5).is_some_and(u8::is_ascii_graphic);
    let whole = length <= document.len() || message.len() == READ;
    (sane && length >= 5 && whole).then_some(Recognition::STRONG.from(role))
}

/// What the fields of hello, isMaster and buildInfo tell; they stand in the outermost document and one below.
fn dissect_mongodb(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let Some((document, role)) = document(message.bytes) else {
        return Ok(());
    };
    match role {
        Role::Server => {
            let mut version = None;
            let mut build = false;
            fields(document, 0, &mut |path, value| match path {
                (None, b"version") => version = Some(value),
                (None, b"gitVersion") => build = true,
                (None, b"me") => out.say(Subject::Sender, MONGODB_ME, value),
                _ => {}
            })?;
            // Other answers have versions too.
            if let Some(version) = version.filter(|_| build) {
                out.say(Subject::Sender, MONGODB_VERSION, version);
            }
        }
        Role::Client => {
            let (mut name, mut version) = (None, None);
            let mut system = None;
            fields(document, 0, &mut |path, value| match path {
                (Some(b"driver"), b"name") => name = Some(value),
                (Some(b"driver"), b"version") => version = Some(value),
                (Some(b"os"), b"name") => system = Some(value),
                _ => {}
            })?;
            if let (Some(name), Some(release)) = (name, version) {
                let (name, shown) = (Text(name), Text(release));
                let text = format_args!("{name} {shown}");
                out.text(Subject::Sender, MONGODB_CLIENT, release, text);
            }
            if let Some(system) = system {
                out.say(Subject::Sender, MONGODB_CLIENT_OS, system);
            }
        }
    }
    Ok(())
}

/// Name of the document around a field, and the field's own.
type Path<'a> = (Option<&'a [u8]>, &'a [u8]);

/// Tells every text of a document and of those inside, three deep.
fn fields<'a>(
    document: &'a [u8],
    depth: u8,
    tell: &mut dyn FnMut(Path<'a>, &'a [u8]),
) -> Result<(), Fault> {
    walk(document, None, depth, tell)
}

fn walk<'a>(
    document: &'a [u8],
    around: Option<&'a [u8]>,
    depth: u8,
    tell: &mut dyn FnMut(Path<'a>, &'a [u8]),
) -> Result<(), Fault> {
    let mut rest = document;
    let length = usize::try_from(le32(&mut rest, "bson length")?).unwrap_or(usize::MAX);
    let body = length.saturating_sub(4).min(rest.len());
    let mut rest = rest.get(..body).unwrap_or_default();
    while let [kind @ 1..=0x13, ..] = *rest {
        octet(&mut rest, "bson type")?;
        let end = rest
            .iter()
            .position(|octet| *octet == 0)
            .ok_or(Fault::short("bson name"))?;
        let name = take(&mut rest, end, "bson name")?;
        octet(&mut rest, "bson name")?;
        let length = match kind {
            0x02 => {
                let length = usize::try_from(le32(&mut rest, "bson text")?).unwrap_or(usize::MAX);
                let value = take(&mut rest, length, "bson text")?;
                let value = value.strip_suffix(&[0]).unwrap_or(value);
                if is_printable(value) {
                    tell((around, name), value);
                }
                0
            }
            // A document or an array counts its own length.
            0x03 | 0x04 => {
                let length =
                    usize::try_from(le32(&mut &*rest, "bson length")?).unwrap_or(usize::MAX);
                let inner = take(&mut rest, length.max(5), "bson document")?;
                if depth < 3 && kind == 0x03 {
                    walk(inner, Some(name), depth.saturating_add(1), tell)?;
                }
                0
            }
            0x01 | 0x09 | 0x11 | 0x12 => 8,
            0x05 => usize::try_from(le32(&mut rest, "bson binary")?)
                .unwrap_or(usize::MAX)
                .saturating_add(1),
            0x06 | 0x0a => 0,
            0x07 => 12,
            0x08 => 1,
            0x10 => 4,
            0x13 => 16,
            _ => return Err(Fault::value("bson type", rest)),
        };
        take(&mut rest, length, "bson value")?;
    }
    Ok(())
}

/// Packet types: connect, accept, refuse, redirect, data, resend and the rest up to 14.
const CONNECT: u8 = 1;
const REFUSE: u8 = 4;
const DATA: u8 = 6;

/// Length of two octets, a checksum that is not used, type, flags.
fn oracle_frame(input: &[u8]) -> Framed {
    let [l0, l1, l2, l3, kind, _, c0, c1] = head::<8>(input)?;
    // Since version 315 the length of data packets has four octets.
    let length = match [l0, l1] {
        [0, 0] => u32::from_be_bytes([0, 0, l2, l3]),
        _ if [l2, l3] == [0, 0] => u32::from(u16::from_be_bytes([l0, l1])),
        _ => 0,
    };
    if !(8..=32_768).contains(&length) || !matches!(kind, 1..=7 | 9 | 11..=15) || [c0, c1] != [0, 0]
    {
        return Err(foreign("tns header", input));
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let read = length.min(READ);
    whole(input, read)?;
    let skip = u64::try_from(length.saturating_sub(read)).unwrap_or_default();
    Ok(Cut { length: read, skip })
}

fn recognise_oracle(message: &[u8]) -> Option<Recognition> {
    let kind = *message.get(4)?;
    match kind {
        CONNECT => find(message, b"(CONNECT_DATA=")
            .or_else(|| find(message, b"(DESCRIPTION="))
            .map(|_| Recognition::STRONG.from(Role::Client)),
        REFUSE => find(message, b"(VSNNUM=").map(|_| Recognition::STRONG.from(Role::Server)),
        // Resend is a header alone; accept gives a version.
        11 if message.len() == 8 => Some(Recognition::WEAK.from(Role::Server)),
        2 if message.len() >= 24 => Some(Recognition::WEAK.from(Role::Server)),
        _ => None,
    }
}

fn dissect_oracle(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let [_, _, _, _, kind, ..] = array::<8>(&mut rest, "tns header")?;
    match (kind, message.from) {
        (CONNECT, _) => {
            // The program's host; the server's stands in the address before.
            if let Some(at) = find(rest, b"(CID=")
                && let Some(host) = value(rest.get(at..).unwrap_or_default(), b"(HOST=")
            {
                out.say(Subject::Sender, ORACLE_CLIENT, host);
            }
        }
        (REFUSE, _) | (DATA, Role::Server) => {
            if let Some(digits) = value(rest, b"(VSNNUM=")
                && let Some(number) = number(digits).and_then(|number| u32::try_from(number).ok())
            {
                version(number, digits, out);
            }
            if let Some(at) = find(rest, b"TNSLSNR for ") {
                let text = rest.get(at..).unwrap_or_default();
                let end = text.iter().position(|octet| !(0x20..0x7f).contains(octet));
                let text = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
                out.say(Subject::Sender, ORACLE_BANNER, text);
            }
        }
        _ => {}
    }
    Ok(())
}

/// What stands behind `(NAME=` up to the next parenthesis.
fn value<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = text.get(find(text, name)?.saturating_add(name.len())..)?;
    let value = rest.split(|octet| *octet == b')').next()?;
    (is_printable(value) && value.len() <= 64).then_some(value)
}

/// Parts of 8, 4, 8, 4 and 8 bits up to release 12; since 18 of 8, 8, 4, 8 and 4.
fn version(number: u32, octets: &[u8], out: &mut Out<'_>) {
    let major = number >> 24;
    let parts = if major >= 18 {
        [
            major,
            number >> 16 & 0xff,
            number >> 12 & 0xf,
            number >> 4 & 0xff,
            number & 0xf,
        ]
    } else {
        [
            major,
            number >> 20 & 0xf,
            number >> 12 & 0xff,
            number >> 8 & 0xf,
            number & 0xff,
        ]
    };
    let [a, b, c, d, e] = parts;
    if major > 0 {
        let text = format_args!("{a}.{b}.{c}.{d}.{e}");
        out.text(Subject::Sender, ORACLE_VERSION, octets, text);
    }
}
