//! Remote Desktop: which machine asks, of which build, and what the server agrees to. The cookie names a person and is never read.
//!
//! Spec: MS-RDPBCGR §2.2.1.1 (connection request), §2.2.1.2 (confirm), §2.2.1.3 and §2.2.1.4 (MCS connect, core data),
//! §2.2.9.1 (fast path); T.125 §7 (MCS); RFC 1006 and X.224 (see `tpkt.rs`).

use crate::octets::{foreign, head, le16, le32, take};
use crate::probe::{Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::find;
use crate::tpkt::{self, tpdu};

use super::tls;

/// Name of the client's computer.
pub const CLIENT_NAME: Key = Key("rdp.client_name");
/// Build of the client: of Windows, where it is Windows.
pub const CLIENT_BUILD: Key = Key("rdp.client_build");
/// Protocol version of the client's core data: `0x00080004`.
pub const CLIENT_VERSION: Key = Key("rdp.client_version");
/// Layout of the client's keyboard: a Windows language code such as `0x00000407`.
pub const KEYBOARD_LAYOUT: Key = Key("rdp.keyboard_layout");
/// Product id of the client's Windows.
pub const PRODUCT_ID: Key = Key("rdp.client_product_id");
/// Protocol version of the server's core data: `0x00080004`.
pub const SERVER_VERSION: Key = Key("rdp.server_version");
/// Security that the server chose: `rdp`, `tls`, `credssp`, `rdstls`, `credssp-ex` or `aad`.
pub const SECURITY: Key = Key("rdp.security");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "rdp",
    spec: "MS-RDPBCGR",
    carriers: &[Carrier::Tcp(3389)],
    keys: &[
        CLIENT_NAME,
        CLIENT_BUILD,
        CLIENT_VERSION,
        KEYBOARD_LAYOUT,
        PRODUCT_ID,
        SERVER_VERSION,
        SECURITY,
    ],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[NEGOTIATE],
    dissect,
};

/// §2.2.1.1: which security the server chooses; nothing goes on from there.
const NEGOTIATE: Probe = Probe {
    name: "negotiate security",
    asks: &[SECURITY],
    carrier: Carrier::Tcp(3389),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[
            Piece::Octets(
                &[0x03, 0x00, 0x00, 0x13],
                "TPKT version 3, 19 octets in all",
            ),
            Piece::Octets(
                &[0x0e, 0xe0],
                "X.224: 14 octets of header, connection request",
            ),
            Piece::Octets(&[0x00, 0x00, 0x00, 0x00, 0x00], "no references, class 0"),
            Piece::Octets(&[0x01, 0x00, 0x08, 0x00], "negotiation request, 8 octets"),
            Piece::Octets(&[0x03, 0x00, 0x00, 0x00], "TLS or CredSSP"),
        ],
        until: Until::Answer,
    }],
    frames: 7,
};

const CONNECTION_REQUEST: u8 = 0xe0;
const CONNECTION_CONFIRM: u8 = 0xd0;
/// MCS Connect-Initial and Connect-Response: application tags 101 and 102 (T.125 §7).
const CONNECT_INITIAL: &[u8] = &[0x7f, 0x65];
const CONNECT_RESPONSE: &[u8] = &[0x7f, 0x66];
/// Non-standard keys of the conference: client to server, server to client (§2.2.1.3, §2.2.1.4).
const CLIENT_KEY: &[u8] = b"Duca";
const SERVER_KEY: &[u8] = b"McDn";
const CLIENT_CORE: u16 = 0xc001;
const SERVER_CORE: u16 = 0x0c01;

/// A TPKT; once security is agreed a TLS record; once encrypted by RDP itself a fast-path PDU, which is passed over.
fn frame(input: &[u8]) -> Framed {
    match input.first() {
        None | Some(3) => tpkt::frame(input),
        Some(20..=23) => match tls::PROTOCOL.frame {
            Some(frame) => frame(input),
            None => Err(foreign("rdp", input)),
        },
        // Encrypted, and so with eight octets of signature (§2.2.9.1.2): flag 0x80, action 0.
        Some(first) if first & 0x83 == 0x80 => {
            let [_, high, low] = head::<3>(input)?;
            let (length, header) = if high & 0x80 == 0 {
                (u16::from(high), 2)
            } else {
                (u16::from_be_bytes([high & 0x7f, low]), 3)
            };
            if length < 11 {
                return Err(foreign("rdp fast path", input));
            }
            Ok(Cut {
                length: header,
                skip: u64::from(length).saturating_sub(u64::try_from(header).unwrap_or(0)),
            })
        }
        Some(_) => Err(foreign("rdp", input)),
    }
}

/// The negotiation at the end of a request or confirm: type, flags, length 8, value.
fn negotiation(data: &[u8]) -> Option<(u8, u32)> {
    let tail = data.len().checked_sub(8).and_then(|at| data.get(at..))?;
    match *tail {
        [kind @ 1..=3, _, 8, 0, a, b, c, d] => Some((kind, u32::from_le_bytes([a, b, c, d]))),
        _ => None,
    }
}

/// Behind the fixed part (references and class) of the header: in RDP cookies and the negotiation are there, for want of user data.
fn variable(header: &[u8]) -> &[u8] {
    header.get(5..).unwrap_or_default()
}

fn recognise(message: &[u8]) -> Option<Recognition> {
    let tpdu = tpkt::tpdu(message).ok()?;
    match tpdu.code {
        CONNECTION_REQUEST => {
            let rest = variable(tpdu.header);
            let cookie =
                rest.starts_with(b"Cookie: mstshash=") || rest.starts_with(b"Cookie: msts=");
            let asks = negotiation(rest).is_some_and(|(kind, value)| kind == 1 && value <= 0x1f);
            (cookie || asks).then_some(Recognition::STRONG.from(Role::Client))
        }
        CONNECTION_CONFIRM => {
            let rest = variable(tpdu.header);
            let answers = negotiation(rest).is_some_and(|(kind, _)| matches!(kind, 2 | 3));
            (answers && rest.len() == 8).then_some(Recognition::STRONG.from(Role::Server))
        }
        0xf0 if tpdu.data.starts_with(CONNECT_INITIAL) => {
            find(tpdu.data, CLIENT_KEY).map(|_| Recognition::STRONG.from(Role::Client))
        }
        0xf0 if tpdu.data.starts_with(CONNECT_RESPONSE) => {
            find(tpdu.data, SERVER_KEY).map(|_| Recognition::STRONG.from(Role::Server))
        }
        _ => None,
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    if let [20..=23, 3, ..] = message.bytes {
        return out.carried(&tls::PROTOCOL, message);
    }
    if message.bytes.first() != Some(&3) {
        return Ok(());
    }
    let tpdu = tpdu(message.bytes)?;
    match tpdu.code {
        CONNECTION_CONFIRM => {
            let rest = variable(tpdu.header);
            if let Some((2, chosen)) = negotiation(rest)
                && let Some(name) = security(chosen)
            {
                out.text(Subject::Sender, SECURITY, rest, format_args!("{name}"));
            }
            Ok(())
        }
        0xf0 if tpdu.data.starts_with(CONNECT_INITIAL) => {
            blocks(tpdu.data, CLIENT_KEY, CLIENT_CORE, client, out)
        }
        0xf0 if tpdu.data.starts_with(CONNECT_RESPONSE) => {
            blocks(tpdu.data, SERVER_KEY, SERVER_CORE, server, out)
        }
        _ => Ok(()),
    }
}

/// §2.2.1.2.1.
fn security(chosen: u32) -> Option<&'static str> {
    match chosen {
        0 => Some("rdp"),
        1 => Some("tls"),
        2 => Some("credssp"),
        4 => Some("rdstls"),
        8 => Some("credssp-ex"),
        16 => Some("aad"),
        _ => None,
    }
}

type Reader = fn(&[u8], &mut Out<'_>) -> Result<(), Fault>;

/// Finds the core data among the blocks behind the key and a length (X.691 §10.9: one octet, or two with the high bit set).
fn blocks(
    data: &[u8],
    key: &[u8],
    core: u16,
    read: Reader,
    out: &mut Out<'_>,
) -> Result<(), Fault> {
    let at = find(data, key).ok_or(Fault::short("gcc key"))?;
    let mut rest = data.get(at.saturating_add(key.len())..).unwrap_or_default();
    match rest {
        [0x80..=0xff, ..] => take(&mut rest, 2, "gcc length")?,
        _ => take(&mut rest, 1, "gcc length")?,
    };
    while !rest.is_empty() {
        let kind = le16(&mut rest, "block type")?;
        let length = le16(&mut rest, "block length")?;
        let block = take(&mut rest, usize::from(length).saturating_sub(4), "block")?;
        if kind == core {
            return read(block, out);
        }
        if length < 4 {
            return Err(Fault::value("block length", rest));
        }
    }
    Ok(())
}

/// `TS_UD_CS_CORE`.
fn client(block: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = block;
    version(CLIENT_VERSION, &mut rest, out)?;
    // Width, height, colour depth, sequence.
    take(&mut rest, 8, "desktop")?;
    let octets = rest.get(..4).unwrap_or_default();
    let layout = le32(&mut rest, "keyboard layout")?;
    if layout != 0 {
        let text = format_args!("0x{layout:08x}");
        out.text(Subject::Sender, KEYBOARD_LAYOUT, octets, text);
    }
    let octets = rest.get(..4).unwrap_or_default();
    let build = le32(&mut rest, "client build")?;
    if build != 0 {
        let text = format_args!("{build}");
        out.text(Subject::Sender, CLIENT_BUILD, octets, text);
    }
    let name = take(&mut rest, 32, "client name")?;
    out.utf16le(Subject::Sender, CLIENT_NAME, name);
    // Keyboard type, subtype, function keys, input method; colour depth, product, serial number, depths and flags.
    if take(&mut rest, 76, "keyboard").is_ok()
        && take(&mut rest, 14, "colours").is_ok()
        && let Ok(id) = take(&mut rest, 64, "product id")
    {
        out.utf16le(Subject::Sender, PRODUCT_ID, id);
    }
    Ok(())
}

/// `TS_UD_SC_CORE`.
fn server(block: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    version(SERVER_VERSION, &mut &*block, out)
}

fn version(key: Key, rest: &mut &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let octets = rest.get(..4).unwrap_or_default();
    let version = le32(rest, "version")?;
    if version >> 16 == 8 {
        out.text(
            Subject::Sender,
            key,
            octets,
            format_args!("0x{version:08x}"),
        );
    }
    Ok(())
}
