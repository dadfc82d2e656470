//! Session Initiation Protocol and the Real-Time Streaming Protocol: products of phones, exchanges and cameras.
//!
//! Spec: RFC 3261 §7 and §20.35, §20.41 (SIP), RFC 7826 §5 and §18.50, §18.53 (RTSP). Numbers and names of people are never read.

use crate::octets::{foreign, more};
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{find, header, lines};

/// SIP `User-Agent`.
pub const SIP_USER_AGENT: Key = Key("sip.user_agent");
/// SIP `Server`.
pub const SIP_SERVER: Key = Key("sip.server");
/// RTSP `User-Agent`.
pub const RTSP_USER_AGENT: Key = Key("rtsp.user_agent");
/// RTSP `Server`.
pub const RTSP_SERVER: Key = Key("rtsp.server");

/// Registration of SIP.
pub static SIP: Protocol = Protocol {
    name: "sip",
    spec: "RFC 3261",
    carriers: &[Carrier::Udp(5060), Carrier::Tcp(5060)],
    keys: &[SIP_USER_AGENT, SIP_SERVER],
    frame: Some(|input| frame(input, b"SIP/2.0")),
    recognise: |message| recognise(message, b"SIP/2.0"),
    operation: None,
    probes: &[SIP_OPTIONS],
    dissect: |message, out| dissect(message, SIP_USER_AGENT, SIP_SERVER, out),
};

/// Registration of RTSP.
pub static RTSP: Protocol = Protocol {
    name: "rtsp",
    spec: "RFC 7826",
    carriers: &[Carrier::Tcp(554), Carrier::Tcp(8554)],
    keys: &[RTSP_USER_AGENT, RTSP_SERVER],
    frame: Some(|input| frame(input, b"RTSP/1.0")),
    recognise: |message| recognise(message, b"RTSP/1.0"),
    operation: None,
    probes: &[RTSP_OPTIONS],
    dissect: |message, out| dissect(message, RTSP_USER_AGENT, RTSP_SERVER, out),
};

/// RFC 3261 §11: what the other end can do. It answers to where the question came from (RFC 3581); nothing rings.
const SIP_OPTIONS: Probe = Probe {
    name: "options",
    asks: &[SIP_SERVER, SIP_USER_AGENT],
    carrier: Carrier::Udp(5060),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[
            Piece::Octets(b"OPTIONS sip:", "what can you do"),
            Piece::Hole(Hole::Target, "the address that is asked"),
            Piece::Octets(b" SIP/2.0\r\nVia: SIP/2.0/UDP fossick.invalid;branch=z9hG4bK", "by this way; transaction"),
            Piece::Hole(Hole::RandomText { digits: 16 }, "transaction"),
            Piece::Octets(b";rport\r\nMax-Forwards: 1\r\nTo: <sip:", "answer to where this came from; not further; to"),
            Piece::Hole(Hole::Target, "the address that is asked"),
            Piece::Octets(b">\r\nFrom: <sip:fossick@fossick.invalid>;tag=", "from"),
            Piece::Hole(Hole::RandomText { digits: 8 }, "tag"),
            Piece::Octets(b"\r\nCall-ID: ", "call"),
            Piece::Hole(Hole::RandomText { digits: 16 }, "call"),
            Piece::Octets(
                b"\r\nCSeq: 1 OPTIONS\r\nContact: <sip:fossick@fossick.invalid>\r\nContent-Length: 0\r\n\r\n",
                "number 1, nothing more",
            ),
        ],
        until: Until::Answer,
    }],
    frames: 1,
};

/// RFC 2326 §10.1: what the server can do, of no stream in particular.
const RTSP_OPTIONS: Probe = Probe {
    carrier: Carrier::Tcp(554),
    asks: &[RTSP_SERVER],
    steps: &[Step {
        sends: &[Piece::Octets(
            b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: Fossick\r\n\r\n",
            "what can you do",
        )],
        until: Until::Answer,
    }],
    frames: 7,
    ..SIP_OPTIONS
};

/// A start line longer than this is none.
const LONGEST_LINE: usize = 1024;
/// Heads longer than this are not waited for.
const LONGEST: usize = 16 * 1024;

/// The version stands at the end of a request's first line, or at the beginning of a reply's.
fn role(message: &[u8], version: &[u8]) -> Option<Role> {
    let line = lines(message).next()?;
    if line.starts_with(version) {
        Some(Role::Server)
    } else {
        let method = line.split(|octet| *octet == b' ').next()?;
        let upper = (3..=13).contains(&method.len())
            && method.iter().all(|c| c.is_ascii_uppercase() || *c == b'_');
        (upper && line.ends_with(version)).then_some(Role::Client)
    }
}

/// Head, and a body that is passed over. Interleaved media (`$`, RTSP) is passed over whole.
fn frame(input: &[u8], version: &[u8]) -> Framed {
    if let [b'$', _, high, low, ..] = *input {
        return Ok(Cut {
            length: 4,
            skip: u64::from(u16::from_be_bytes([high, low])),
        });
    }
    // Neither a method nor a version begins otherwise. Most data of other protocols ends here.
    let begins = |count: usize| {
        input
            .iter()
            .take(count)
            .all(|c| c.is_ascii_uppercase() || matches!(c, b' ' | b'_' | b'/' | b'.' | b'0'..=b'9'))
    };
    if !begins(3) {
        return Err(foreign("start line", input));
    }
    if role(input, version).is_none() {
        let more_may_come = begins(8) && input.len() < LONGEST_LINE;
        return Err(if more_may_come && find(input, b"\r\n").is_none() {
            more(input.len().saturating_add(1), input)
        } else {
            foreign("start line", input)
        });
    }
    let Some(end) = find(input, b"\r\n\r\n") else {
        return Err(if input.len() > LONGEST {
            foreign("head", input)
        } else {
            more(input.len().saturating_add(1), input)
        });
    };
    let head = input.get(..end).unwrap_or_default();
    let length =
        lines(head).find_map(|line| header(line, b"Content-Length").or_else(|| header(line, b"l")));
    let length = length.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
    Ok(Cut {
        length: end.saturating_add(4),
        skip: length.unwrap_or(0),
    })
}

fn recognise(message: &[u8], version: &[u8]) -> Option<Recognition> {
    // What one end of a call sends says nothing about who opened it.
    role(message, version).map(|_| Recognition::STRONG)
}

fn dissect(
    message: Message<'_>,
    user_agent: Key,
    server: Key,
    out: &mut Out<'_>,
) -> Result<(), Fault> {
    for line in lines(message.bytes)
        .skip(1)
        .take_while(|line| !line.is_empty())
    {
        if let Some(value) = header(line, b"User-Agent") {
            out.say(Subject::Sender, user_agent, value);
        } else if let Some(value) = header(line, b"Server") {
            out.say(Subject::Sender, server, value);
        }
    }
    Ok(())
}
