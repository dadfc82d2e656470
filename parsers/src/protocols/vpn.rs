//! Private networks over public ones: `OpenVPN`, `WireGuard`, Tailscale, `ZeroTier`, Hamachi.
//!
//! Spec: `OpenVPN` wire protocol (draft-openvpn-wire-protocol §3 to §5); `WireGuard`, "Protocol & Cryptography" (whitepaper §5.4);
//! Tailscale, package `disco`; `ZeroTier`, `Packet.hpp` (version 1 packets, HELLO); Hamachi as it sends.

use crate::octets::{array, be16, be32, foreign, head, octet, take, whole};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};

/// Version of the node's software: `1.10.2`.
pub const ZEROTIER_VERSION: Key = Key("zerotier.version");
/// Address of the node, ten hex digits: made from its key.
pub const ZEROTIER_NODE: Key = Key("zerotier.node");

/// Registration of `OpenVPN`.
pub static OPENVPN: Protocol = Protocol {
    name: "openvpn",
    spec: "draft-openvpn-wire-protocol",
    carriers: &[Carrier::Udp(1194), Carrier::Tcp(1194)],
    keys: &[],
    frame: Some(openvpn_frame),
    recognise: |message| {
        openvpn_recognise(message).or_else(|| match *message {
            // On a stream the length comes first.
            [high, low, ref packet @ ..] => (usize::from(u16::from_be_bytes([high, low]))
                == packet.len())
            .then(|| openvpn_recognise(packet))
            .flatten(),
            _ => None,
        })
    },
    operation: None,
    probes: &[],
    dissect: |_, _| Ok(()),
};

/// Registration of `WireGuard`.
pub static WIREGUARD: Protocol = Protocol {
    name: "wireguard",
    spec: "WireGuard whitepaper",
    carriers: &[Carrier::Udp(51820)],
    keys: &[],
    frame: None,
    recognise: wireguard_recognise,
    operation: None,
    probes: &[],
    dissect: |_, _| Ok(()),
};

/// Registration of Tailscale, of which only the search for paths shows: the data are `WireGuard`'s.
pub static TAILSCALE: Protocol = Protocol {
    name: "tailscale",
    spec: "Tailscale package disco",
    carriers: &[Carrier::Udp(41641)],
    keys: &[],
    frame: None,
    recognise: |message| {
        (message.starts_with(DISCO) && message.len() >= DISCO_LEAST).then_some(Recognition::STRONG)
    },
    operation: None,
    probes: &[],
    dissect: |_, _| Ok(()),
};

/// Registration of `ZeroTier`.
pub static ZEROTIER: Protocol = Protocol {
    name: "zerotier",
    spec: "ZeroTier Packet.hpp",
    carriers: &[Carrier::Udp(9993)],
    keys: &[ZEROTIER_VERSION, ZEROTIER_NODE],
    frame: None,
    recognise: |message| {
        zerotier_hello(message)
            .is_ok_and(|hello| hello.is_some())
            .then_some(Recognition::STRONG)
    },
    operation: None,
    probes: &[],
    dissect: zerotier_dissect,
};

/// Registration of Hamachi.
pub static HAMACHI: Protocol = Protocol {
    name: "hamachi",
    spec: "LogMeIn Hamachi, as sent",
    carriers: &[Carrier::Tcp(12975), Carrier::Udp(17771)],
    keys: &[],
    frame: Some(hamachi_frame),
    recognise: hamachi_recognise,
    operation: None,
    probes: &[],
    dissect: |_, _| Ok(()),
};

/// `OpenVPN` opcodes: the upper five bits of the first octet; the lower three are the key id.
mod opcode {
    pub(super) const CLIENT_RESET_1: u8 = 1;
    pub(super) const SERVER_RESET_1: u8 = 2;
    pub(super) const CLIENT_RESET_2: u8 = 7;
    pub(super) const SERVER_RESET_2: u8 = 8;
    pub(super) const CLIENT_RESET_3: u8 = 10;
    pub(super) const LAST: u8 = 11;
}

/// Longest packet on a stream that is believed.
const LONGEST_PACKET: u16 = 9216;
/// Opcode and session id.
const OPENVPN_HEADER: usize = 9;
/// Lengths of the digests that `tls-auth` puts before the packet: none, MD5, SHA-1, SHA-224 to SHA-512.
const DIGESTS: [usize; 7] = [0, 16, 20, 28, 32, 48, 64];

fn openvpn_frame(input: &[u8]) -> Framed {
    let [high, low, first] = head::<3>(input)?;
    let length = u16::from_be_bytes([high, low]);
    if !(14..=LONGEST_PACKET).contains(&length) || !(1..=opcode::LAST).contains(&(first >> 3)) {
        return Err(foreign("openvpn packet", input));
    }
    let length = usize::from(length).saturating_add(2);
    // Only the beginnings of sessions are looked at.
    if matches!(first >> 3, 6 | 9) {
        whole(input, 3)?;
        let skip = u64::try_from(length.saturating_sub(3)).unwrap_or_default();
        return Ok(Cut { length: 3, skip });
    }
    whole(input, length)
}

/// A reset begins a session: the client's acknowledges nothing, the server's the client's first packet.
/// What follows the session id must come out exactly, with the digest of `tls-auth` or without;
/// with `tls-crypt` all but the time is encrypted.
fn openvpn_recognise(packet: &[u8]) -> Option<Recognition> {
    let role = match packet.first()? {
        first if first & 7 != 0 => return None,
        first => match first >> 3 {
            opcode::CLIENT_RESET_1 | opcode::CLIENT_RESET_2 | opcode::CLIENT_RESET_3 => {
                Role::Client
            }
            opcode::SERVER_RESET_1 | opcode::SERVER_RESET_2 => Role::Server,
            _ => return None,
        },
    };
    let session = packet.get(1..OPENVPN_HEADER)?;
    if session.iter().all(|octet| *octet == 0) {
        return None;
    }
    let body = packet.get(OPENVPN_HEADER..)?;
    let exact = DIGESTS.iter().any(|digest| {
        let signed = if *digest > 0 { 8 } else { 0 };
        let Some(rest) = body.get(digest.saturating_add(signed)..) else {
            return false;
        };
        let counted = signed == 0
            || body
                .get(*digest..)
                .is_some_and(|rest| rest.starts_with(&[0, 0, 0]));
        counted
            && match (role, rest) {
                (Role::Client, [0, 0, 0, 0, 0]) => true,
                (Role::Server, [1, 0, 0, 0, 0, peer @ .., 0, 0, 0, 0]) => peer.len() == 8,
                _ => false,
            }
    });
    if exact && body.len() > 5 {
        return Some(Recognition::STRONG.from(role));
    }
    // Packet number, time between 2008 and 2040, digest of 32 octets.
    let encrypted = body.len() >= 45 && matches!(body.get(4), Some(0x48..=0x83));
    (exact || encrypted).then_some(Recognition::WEAK.from(role))
}

/// §5.4: type, three zeros, and the only length of its type. Counters of data begin at zero.
fn wireguard_recognise(message: &[u8]) -> Option<Recognition> {
    let &[kind, 0, 0, 0, ref rest @ ..] = message else {
        return None;
    };
    let found = match (kind, message.len()) {
        (1, 148) => Recognition::WEAK.from(Role::Client),
        (2, 92) => Recognition::WEAK.from(Role::Server),
        (3, 64) => Recognition::WEAK,
        (4, 32..) if message.len().is_multiple_of(16) => {
            let counter = rest.get(8..12)?;
            (counter == [0; 4]).then_some(Recognition::WEAK)?
        }
        _ => return None,
    };
    // The sender's or receiver's index is drawn at random.
    (rest.get(..4)? != [0; 4]).then_some(found)
}

/// `TS` and a speech balloon.
const DISCO: &[u8] = b"TS\xf0\x9f\x92\xac";
/// With the sender's key, the nonce and the seal around the shortest message.
const DISCO_LEAST: usize = 6 + 32 + 24 + 16 + 2;

/// What a HELLO, which is authenticated but not encrypted, tells.
struct ZerotierHello<'a> {
    version: &'a [u8],
    node: &'a [u8],
}

/// Initialisation vector, receiver, sender, flags (the cipher among them: none), authentication code, then verb 1.
/// The identity in it begins with the sender's address again.
fn zerotier_hello(message: &[u8]) -> Result<Option<ZerotierHello<'_>>, Fault> {
    let mut rest = message;
    take(&mut rest, 8, "zerotier header")?;
    let destination = take(&mut rest, 5, "zerotier destination")?;
    let node = take(&mut rest, 5, "zerotier source")?;
    let flags = octet(&mut rest, "zerotier flags")?;
    take(&mut rest, 8, "zerotier authentication")?;
    let verb = octet(&mut rest, "zerotier verb")?;
    if flags & 0x38 != 0 || verb != 1 {
        return Ok(None);
    }
    let protocol = octet(&mut rest, "zerotier protocol version")?;
    let version = take(&mut rest, 4, "zerotier version")?;
    // Milliseconds since 1970, between 2004 and 2109.
    let [0, 0, 1..=3, ..] = array::<8>(&mut rest, "zerotier time")? else {
        return Ok(None);
    };
    let identity = take(&mut rest, 5, "zerotier identity")?;
    let kind = octet(&mut rest, "zerotier identity type")?;
    let named = identity == node && node != destination && node.first() != Some(&0xff);
    Ok((named && kind == 0 && (1..=32).contains(&protocol))
        .then_some(ZerotierHello { version, node }))
}

fn zerotier_dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    // Everything but a HELLO is encrypted.
    let Ok(Some(hello)) = zerotier_hello(message.bytes) else {
        return Ok(());
    };
    let mut version = hello.version;
    let [major, minor] = array::<2>(&mut version, "zerotier version")?;
    let revision = be16(&mut version, "zerotier revision")?;
    out.text(
        Subject::Sender,
        ZEROTIER_VERSION,
        hello.version,
        format_args!("{major}.{minor}.{revision}"),
    );
    if let [a, b, c, d, e] = hello.node {
        out.text(
            Subject::Sender,
            ZEROTIER_NODE,
            hello.node,
            format_args!("{a:02x}{b:02x}{c:02x}{d:02x}{e:02x}"),
        );
    }
    Ok(())
}

/// What every first message of a Hamachi client to its server holds.
const HAMACHI_MARK: u32 = 0x7b7a_0dad;

/// A length of four octets, four zeros, four octets, the mark: of the first message, after which all is encrypted.
fn hamachi_frame(input: &[u8]) -> Framed {
    let [0, 0, high, low] = head::<4>(input)? else {
        return Err(foreign("hamachi length", input));
    };
    let length = u16::from_be_bytes([high, low]);
    let [.., 0, 0, 0, 0, _, _, _, _, a, b, c, d] = head::<16>(input)? else {
        return Err(foreign("hamachi header", input));
    };
    if !(300..=8192).contains(&length) || u32::from_be_bytes([a, b, c, d]) != HAMACHI_MARK {
        return Err(foreign("hamachi mark", input));
    }
    whole(input, usize::from(length).saturating_add(4))
}

/// The first message on a stream; or the exchange that opens a tunnel: 76 octets, zeros but for the four in the middle.
fn hamachi_recognise(message: &[u8]) -> Option<Recognition> {
    let mut rest = message;
    let length = usize::try_from(be32(&mut rest, "hamachi length").ok()?).ok()?;
    let [0, 0, 0, 0] = array::<4>(&mut rest, "hamachi header").ok()? else {
        return None;
    };
    if length == rest.len().saturating_add(4) && length >= 300 {
        let mark = u32::from_be_bytes(*rest.get(4..)?.first_chunk()?);
        return (mark == HAMACHI_MARK).then_some(Recognition::STRONG.from(Role::Client));
    }
    let (id, padding) = rest.split_first_chunk::<4>()?;
    let opens = length == 0 && padding.len() == 64 && *id != [0; 4];
    (opens && padding.iter().all(|octet| *octet == 0)).then_some(Recognition::WEAK)
}
