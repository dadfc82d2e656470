//! What people run beside their work: `BitTorrent`, mining of currencies, SOCKS proxies, and STUN, by which calls and peers find each other.
//!
//! Spec: BEP 3 (peer protocol), BEP 5 (DHT), BEP 10 (extensions), BEP 14 (local discovery), BEP 20 (peer ids), BEP 29 (uTP);
//! Stratum mining protocol, Ethereum's `eth_submitLogin` and Monero's `login` over JSON lines; RFC 1928 and SOCKS 4 with 4A; RFC 8489, RFC 8656.

use crate::json;
use crate::octets::{array, be16, be32, counted16, foreign, head, more, take, whole};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{find, is_printable};

/// Client and version as a peer id begins with, or DHT messages end with: `-qB4390-`, `LT0102`.
pub const BITTORRENT_CLIENT: Key = Key("bittorrent.client");
/// Name of the client in full: `qBittorrent/4.3.9`.
pub const BITTORRENT_NAME: Key = Key("bittorrent.client_name");
/// Program that mines.
pub const STRATUM_AGENT: Key = Key("stratum.agent");
/// `SOFTWARE` of either end.
pub const STUN_SOFTWARE: Key = Key("stun.software");

/// Registration of `BitTorrent`.
pub static BITTORRENT: Protocol = Protocol {
    name: "bittorrent",
    spec: "BEP 3",
    carriers: &[Carrier::Tcp(6881), Carrier::Udp(6881), Carrier::Udp(6771)],
    keys: &[BITTORRENT_CLIENT, BITTORRENT_NAME],
    frame: Some(bittorrent_frame),
    recognise: bittorrent_recognise,
    operation: None,
    probes: &[],
    dissect: bittorrent_dissect,
};

/// Registration of mining protocols.
pub static STRATUM: Protocol = Protocol {
    name: "stratum",
    spec: "Stratum mining protocol",
    carriers: &[Carrier::Tcp(3333)],
    keys: &[STRATUM_AGENT],
    frame: Some(stratum_frame),
    recognise: stratum_recognise,
    operation: None,
    probes: &[],
    dissect: stratum_dissect,
};

/// Registration of SOCKS.
pub static SOCKS: Protocol = Protocol {
    name: "socks",
    spec: "RFC 1928",
    carriers: &[Carrier::Tcp(1080)],
    keys: &[],
    frame: Some(socks_frame),
    recognise: socks_recognise,
    operation: None,
    probes: &[],
    dissect: |_, _| Ok(()),
};

/// Registration of STUN, with TURN.
pub static STUN: Protocol = Protocol {
    name: "stun",
    spec: "RFC 8489",
    carriers: &[Carrier::Udp(3478), Carrier::Tcp(3478)],
    keys: &[STUN_SOFTWARE],
    frame: Some(stun_frame),
    recognise: |message| {
        let length = stun_length(*message.first_chunk()?)?;
        (length == message.len()).then_some(Recognition::STRONG)
    },
    operation: None,
    probes: &[],
    dissect: stun_dissect,
};

/// What begins a conversation of peers (BEP 3).
const HANDSHAKE: &[u8] = b"\x13BitTorrent protocol";
/// With reserved octets, what is shared, and the peer id.
const HANDSHAKE_LENGTH: usize = 68;
/// Longest message that is not a piece: a list of pieces.
const LONGEST_LIST: u32 = 65_536;
/// Longest piece: eight times what all clients ask for.
const LONGEST_PIECE: u32 = 131_072 + 9;

fn bittorrent_frame(input: &[u8]) -> Framed {
    if input.starts_with(HANDSHAKE) {
        return whole(input, HANDSHAKE_LENGTH);
    }
    if HANDSHAKE.starts_with(input) {
        return Err(more(HANDSHAKE.len(), input));
    }
    let length = u32::from_be_bytes(head::<4>(input)?);
    let body = usize::try_from(length).unwrap_or(usize::MAX);
    if length == 0 {
        return whole(input, 4);
    }
    if length > LONGEST_PIECE {
        return Err(foreign("bittorrent length", input));
    }
    let [_, _, _, _, kind] = head::<5>(input)?;
    match (kind, length) {
        (0..=3 | 14 | 15, 1) | (4 | 17, 5) | (6 | 8 | 13 | 16, 13) | (9, 3) => {
            whole(input, body.saturating_add(4))
        }
        (5 | 20, 2..=LONGEST_LIST) | (21 | 23, 49) => whole(input, body.saturating_add(4)),
        (7, 9..) => {
            whole(input, 13)?;
            Ok(Cut {
                length: 13,
                skip: length.saturating_sub(9).into(),
            })
        }
        _ => Err(foreign("bittorrent message", input)),
    }
}

fn bittorrent_recognise(message: &[u8]) -> Option<Recognition> {
    let found = match *message {
        [0x13, ..] => message.starts_with(HANDSHAKE) && message.len() == HANDSHAKE_LENGTH,
        [b'd', ..] => is_dht(message),
        [b'B', ..] => message.starts_with(b"BT-SEARCH * HTTP/1.1\r\n"),
        // uTP: a packet of data, without extensions, that begins the conversation of peers.
        [0x01, 0, ..] => message
            .get(20..)
            .is_some_and(|data| data.starts_with(HANDSHAKE)),
        _ => false,
    };
    found.then_some(Recognition::STRONG)
}

/// A dictionary with the sender's id in its argument or reply, and its kind at the end.
fn is_dht(message: &[u8]) -> bool {
    let begins = |mark: &[u8]| message.starts_with(mark);
    let answers = || find(message, b"1:rd2:id20:").is_some();
    let ends = message
        .strip_suffix(b"e")
        .and_then(|rest| rest.split_last_chunk::<6>());
    matches!(ends, Some((_, b"1:y1:q" | b"1:y1:r")))
        && (begins(b"d1:ad2:id20:") || begins(b"d1:rd2:id20:") || begins(b"d2:ip") && answers())
}

fn bittorrent_dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    match message.bytes {
        [0x13, rest @ ..] if rest.starts_with(b"BitTorrent protocol") => {
            peer_id(message.bytes, out);
        }
        [0x01, 0, ..] => peer_id(message.bytes.get(20..).unwrap_or_default(), out),
        [b'd', ..] if is_dht(message.bytes) => dht_version(message.bytes, out),
        // BEP 10: an extension message of number 0 is a handshake, whose member `v` names the client.
        [_, _, _, _, 20, 0, dictionary @ ..] => {
            if let Some(at) = find(dictionary, b"1:v") {
                let value = dictionary.get(at.saturating_add(3)..).unwrap_or_default();
                if let Some(name) = bencoded(value) {
                    out.say(Subject::Sender, BITTORRENT_NAME, name);
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// BEP 20: a dash, two letters, four of version, a dash; the rest is drawn at random.
fn peer_id(handshake: &[u8], out: &mut Out<'_>) {
    let id = handshake
        .get(48..56)
        .filter(|id| id.starts_with(b"-") && is_printable(id));
    if let Some(id) = id {
        out.say(Subject::Sender, BITTORRENT_CLIENT, id);
    }
}

/// BEP 5: two letters for the client, two octets that it encodes as it likes.
fn dht_version(message: &[u8], out: &mut Out<'_>) {
    let Some(at) = find(message, b"1:v4:") else {
        return;
    };
    let value = message.get(at.saturating_add(5)..).unwrap_or_default();
    if let Some(octets @ &[a, b, major, minor]) = value.first_chunk::<4>()
        && a.is_ascii_alphabetic()
        && b.is_ascii_alphabetic()
    {
        let (a, b) = (char::from(a), char::from(b));
        out.text(
            Subject::Sender,
            BITTORRENT_CLIENT,
            octets,
            format_args!("{a}{b}{major:02x}{minor:02x}"),
        );
    }
}

/// A string: its length in digits, a colon, its octets.
fn bencoded(value: &[u8]) -> Option<&[u8]> {
    let digits = value.iter().take(3).take_while(|c| c.is_ascii_digit());
    let mut length = 0_usize;
    let mut places = 0_usize;
    for digit in digits {
        let digit = usize::from(digit.saturating_sub(b'0'));
        length = length.saturating_mul(10).saturating_add(digit);
        places = places.saturating_add(1);
    }
    value.get(places..)?.strip_prefix(b":")?.get(..length)
}

/// Longest line of a miner or its pool.
const LONGEST_LINE: usize = 16_384;

fn stratum_frame(input: &[u8]) -> Framed {
    let object = match input {
        [] => return Err(more(1, input)),
        [b'{'] | [b'{', b'"' | b' ', ..] => true,
        _ => false,
    };
    if !object || input.iter().take(LONGEST_LINE).any(|c| *c == 0) {
        return Err(foreign("stratum line", input));
    }
    match input.iter().take(LONGEST_LINE).position(|c| *c == b'\n') {
        Some(at) => Ok(Cut::whole(at.saturating_add(1))),
        None if input.len() >= LONGEST_LINE => Err(foreign("stratum line", input)),
        None => Err(more(input.len().saturating_add(1), input)),
    }
}

fn stratum_recognise(message: &[u8]) -> Option<Recognition> {
    if !message.starts_with(b"{") {
        return None;
    }
    let method = json::string(message, b"method").unwrap_or_default();
    let role = match method {
        b"mining.notify"
        | b"mining.set_difficulty"
        | b"mining.set_extranonce"
        | b"mining.set_target"
        | b"mining.set_version_mask" => Role::Server,
        b"eth_submitLogin" => Role::Client,
        b"login" if json::has(message, b"login") && json::has(message, b"pass") => Role::Client,
        b"job" if json::has(message, b"job_id") && json::has(message, b"target") => Role::Server,
        // What a pool answers to a login.
        b"" if json::has(message, b"job_id") && json::has(message, b"blob") => Role::Server,
        method if method.starts_with(b"mining.") => Role::Client,
        _ => return None,
    };
    Some(Recognition::STRONG.from(role))
}

/// The program alone: who mines for whom is nobody's device.
fn stratum_dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let line = message.bytes;
    let agent = match json::string(line, b"method") {
        Some(b"mining.subscribe") => json::first_of(line, b"params"),
        Some(b"login") => json::string(line, b"agent"),
        _ => None,
    };
    if let Some(agent) = agent {
        out.say(Subject::Sender, STRATUM_AGENT, agent);
    }
    Ok(())
}

/// What may be said on a stream of SOCKS, by form alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Socks {
    Greeting,
    Choice,
    Request { named: bool },
    Reply,
}

/// RFC 1928 §3: those of IANA, and private ones.
fn is_method(method: u8) -> bool {
    matches!(method, 0..=9 | 0x80..=0xfe)
}

/// What begins here, and how long it is; nothing where it is not SOCKS.
fn socks(input: &[u8]) -> Result<(Socks, usize), nom::Err<Fault>> {
    let wrong = || foreign("socks", input);
    let long = |header: usize, name: u8| header.saturating_add(name.into());
    match *input {
        [] => Err(more(1, input)),
        // Version 5: where the method is chosen nothing else follows.
        [5] => Err(more(2, input)),
        [5, 0..=9 | 0xff] => Ok((Socks::Choice, 2)),
        // A list of methods may look like the beginning of a request, but ends where it should.
        [5, count @ 1..=9, ref methods @ ..]
            if methods.len() == usize::from(count) && methods.iter().copied().all(is_method) =>
        {
            Ok((Socks::Greeting, input.len()))
        }
        [5, command, 0, kind @ (1 | 3 | 4), ref rest @ ..] if command <= 9 => {
            let length = match (kind, rest.first()) {
                (1, _) => 10,
                (4, _) => 22,
                (_, Some(name)) => long(7, *name),
                (_, None) => return Err(more(7, input)),
            };
            let named = kind == 3;
            // Requests are 1 to 3, replies 0 to 8.
            let what = match command {
                1..=3 => Socks::Request { named },
                _ => Socks::Reply,
            };
            Ok((what, length))
        }
        [5, count @ 1..=9, ref methods @ ..] => {
            let methods = methods.get(..count.into()).unwrap_or(methods);
            let known = methods.iter().copied().all(is_method);
            known
                .then_some((Socks::Greeting, long(2, count)))
                .ok_or_else(wrong)
        }
        // Version 4: command, port, address, then a name that ends with a zero; with 4A another.
        [4, 1 | 2, _, _, a, b, c, d, ref rest @ ..] => {
            let named = (a, b, c) == (0, 0, 0) && d != 0;
            let mut ends = rest.iter().take(512).enumerate();
            let mut end = || ends.find(|(_, octet)| **octet == 0).map(|(at, _)| at);
            let last = if named {
                end().and_then(|_| end())
            } else {
                end()
            };
            match last {
                Some(at) => Ok((Socks::Request { named }, at.saturating_add(9))),
                None if rest.len() >= 512 => Err(wrong()),
                None => Err(more(input.len().saturating_add(1), input)),
            }
        }
        [4] | [4, 1 | 2] | [4, 1 | 2, _, ..] => Err(more(9, input)),
        [0] | [0, 0x5a..=0x5d] | [0, 0x5a..=0x5d, ..] => Ok((Socks::Reply, 8)),
        _ => Err(wrong()),
    }
}

fn socks_frame(input: &[u8]) -> Framed {
    let (_, length) = socks(input)?;
    whole(input, length)
}

/// All of it is short: both ends must agree, unless a name is asked for.
fn socks_recognise(message: &[u8]) -> Option<Recognition> {
    let (what, length) = socks(message).ok()?;
    if length != message.len() {
        return None;
    }
    Some(match what {
        Socks::Request { named: true } => {
            let name = match message {
                [5, _, _, _, _, name @ .., _, _] => name,
                [4, _, _, _, _, _, _, _, rest @ .., 0] => {
                    rest.rsplit(|octet| *octet == 0).next().unwrap_or_default()
                }
                _ => return None,
            };
            let host = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_');
            if name.len() < 4 || !name.contains(&b'.') || !name.iter().all(host) {
                return None;
            }
            Recognition::STRONG.from(Role::Client)
        }
        Socks::Greeting | Socks::Request { .. } => Recognition::WEAK.from(Role::Client),
        Socks::Choice | Socks::Reply => Recognition::WEAK.from(Role::Server),
    })
}

/// RFC 8489 §5: the magic cookie.
const COOKIE: u32 = 0x2112_a442;
const STUN_HEADER: usize = 20;

/// Length with the header, where it is one: two zero bits, a multiple of four, the cookie.
fn stun_length(header: [u8; 8]) -> Option<usize> {
    let [first, _, high, low, cookie @ ..] = header;
    let length = u16::from_be_bytes([high, low]);
    let ours = first & 0xc0 == 0 && length.is_multiple_of(4) && length <= 4096;
    (ours && u32::from_be_bytes(cookie) == COOKIE)
        .then_some(STUN_HEADER.saturating_add(length.into()))
}

fn stun_frame(input: &[u8]) -> Framed {
    match input {
        [0..=0x3f, ..] | [] => {}
        _ => return Err(foreign("stun message", input)),
    }
    if let [_, _, _, low, ..] = input
        && low % 4 != 0
    {
        return Err(foreign("stun length", input));
    }
    let header = head::<8>(input)?;
    match stun_length(header) {
        Some(length) => whole(input, length),
        None => Err(foreign("stun cookie", input)),
    }
}

fn stun_dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    take(&mut rest, 4, "stun header")?;
    // Media and relayed data share the ports with STUN.
    if be32(&mut rest, "stun cookie")? != COOKIE {
        return Ok(());
    }
    array::<12>(&mut rest, "stun transaction")?;
    while !rest.is_empty() {
        let kind = be16(&mut rest, "stun attribute")?;
        let value = counted16(&mut rest, "stun attribute")?;
        let padding = (value.len().wrapping_neg() & 3).min(rest.len());
        take(&mut rest, padding, "stun padding")?;
        if kind == 0x8022 && is_printable(value) {
            out.say(Subject::Sender, STUN_SOFTWARE, value);
        }
    }
    Ok(())
}
