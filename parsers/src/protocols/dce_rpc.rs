//! Remote procedure calls over connections: which interfaces a server answers for, and the names DCOM gives of it.
//!
//! Spec: DCE 1.1: RPC (C706) §12.6 (connection-oriented PDUs), Appendix L (towers); MS-RPCE §2.2.2.11 (authentication);
//! MS-DCOM §2.2.19 (DUALSTRINGARRAY), §3.1.2.5.1.6 (`ServerAlive2`).

use std::fmt;

use crate::octets::{array, be16, foreign, head, le16, octet, take, whole};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::find;

use super::{kerberos, ntlm, profinet_io};

/// Interface that the server accepted or listed, by its UUID.
pub const INTERFACE: Key = Key("dce-rpc.interface");
/// Name in the string bindings of a DCOM object exporter.
pub const HOST_BINDING: Key = Key("dce-rpc.host_binding");

/// Registration of DCE/RPC: over TCP, and over UDP as PROFINET uses it.
pub static PROTOCOL: Protocol = Protocol {
    name: "dce-rpc",
    spec: "C706",
    carriers: &[Carrier::Tcp(135), Carrier::Udp(34964)],
    keys: &[INTERFACE, HOST_BINDING],
    frame: Some(frame),
    recognise,
    operation: Some(profinet_io::operation_of_call),
    probes: &[],
    dissect: |message, out| match message.bytes {
        [CONNECTIONLESS, ..] => profinet_io::dissect_call(message, out),
        _ => dissect(message, out),
    },
};

/// Version of the protocol that does without connections.
const CONNECTIONLESS: u8 = 4;

const REQUEST: u8 = 0;
const RESPONSE: u8 = 2;
const BIND: u8 = 11;
const BIND_ACK: u8 = 12;
const ALTER_CONTEXT: u8 = 14;
const ALTER_CONTEXT_RESPONSE: u8 = 15;
/// Octets of the header common to all PDUs.
const HEADER: usize = 16;
/// `ept_map` of the endpoint mapper, `ServerAlive2` of the object exporter.
const EPT_MAP: u16 = 3;
const SERVER_ALIVE_2: u16 = 5;
/// Tower of a binding over TCP (MS-DCOM §2.2.19.3).
const TOWER_TCP: u16 = 7;
/// Five floors, the first of 19 octets that hold an interface (Appendix L).
const TOWER: &[u8] = &[5, 0, 19, 0, 0x0d];

/// Version 5, a known type, and the fragment's own length.
fn frame(input: &[u8]) -> Framed {
    let [5, 0 | 1, 0..=19, _, 0x10 | 0x00, _, 0, 0, low, high] = head::<10>(input)? else {
        return Err(foreign("dce/rpc header", input));
    };
    let length = usize::from(u16::from_le_bytes([low, high]));
    if length < HEADER {
        return Err(foreign("dce/rpc fragment length", input));
    }
    whole(input, length)
}

fn recognise(message: &[u8]) -> Option<Recognition> {
    if message.starts_with(&[CONNECTIONLESS]) {
        return profinet_io::recognise_call(message);
    }
    let mut rest = message;
    let [5, _, kind, ..] = *take(&mut rest, 8, "dce/rpc header").ok()? else {
        return None;
    };
    let length = le16(&mut rest, "fragment length").ok()?;
    let authentication = le16(&mut rest, "authentication length").ok()?;
    if usize::from(length) != message.len() || authentication >= length {
        return None;
    }
    let role = match kind {
        REQUEST | BIND | ALTER_CONTEXT | 16 => Role::Client,
        RESPONSE | 3 | BIND_ACK | 13 | ALTER_CONTEXT_RESPONSE => Role::Server,
        _ => return None,
    };
    Some(Recognition::STRONG.from(role))
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let [5, _, kind, _, order, ..] = array::<HEADER>(&mut rest, "dce/rpc header")? else {
        return Err(Fault::value("dce/rpc version", message.bytes));
    };
    // Numbers are sent low octet first by everybody who is left.
    if order & 0x10 != 0 {
        match kind {
            BIND_ACK | ALTER_CONTEXT_RESPONSE => accepted(message.asked, rest, out)?,
            RESPONSE => response(message.asked, rest, out)?,
            _ => {}
        }
    }
    kerberos::token(message, message.bytes, out)?;
    match find(message.bytes, b"NTLMSSP\0").and_then(|at| message.bytes.get(at..)) {
        Some(token) => out.carried(&ntlm::PROTOCOL, message.part(token)),
        None => Ok(()),
    }
}

/// The interfaces of the bind that was asked for, where the answer accepts them (§12.6.3.1).
fn accepted(asked: Option<&[u8]>, body: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let Some(
        [
            5,
            _,
            BIND | ALTER_CONTEXT,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            contexts @ ..,
        ],
    ) = asked
    else {
        return Ok(());
    };
    let mut contexts = contexts;
    take(&mut contexts, 8, "bind")?;
    let count = octet(&mut contexts, "contexts")?;
    take(&mut contexts, 3, "bind")?;

    let mut rest = body;
    take(&mut rest, 8, "bind answer")?;
    let address = le16(&mut rest, "secondary address")?;
    take(&mut rest, address.into(), "secondary address")?;
    // Aligned to four octets; ten precede the address.
    let padding = (2_usize.wrapping_sub(usize::from(address))) & 3;
    take(&mut rest, padding, "padding")?;
    take(&mut rest, 4, "results")?;
    for _ in 0..count {
        take(&mut contexts, 2, "context")?;
        let syntaxes = octet(&mut contexts, "transfer syntaxes")?;
        octet(&mut contexts, "context")?;
        let interface = array::<16>(&mut contexts, "interface")?;
        take(&mut contexts, 4, "interface version")?;
        let length = usize::from(syntaxes).saturating_mul(20);
        take(&mut contexts, length, "transfer syntaxes")?;
        let octets = rest.get(..2).unwrap_or_default();
        let result = le16(&mut rest, "result")?;
        take(&mut rest, 22, "result")?;
        if result == 0 {
            let uuid = Uuid(interface);
            out.text(Subject::Sender, INTERFACE, octets, format_args!("{uuid}"));
        }
    }
    Ok(())
}

/// What an endpoint mapper lists, and how an object exporter is reached.
fn response(asked: Option<&[u8]>, body: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let Some(mut request) = asked.filter(|asked| asked.get(2) == Some(&REQUEST)) else {
        return Ok(());
    };
    take(&mut request, HEADER, "request")?;
    take(&mut request, 6, "request")?;
    let operation = le16(&mut request, "operation")?;
    let mut stub = body;
    take(&mut stub, 8, "response")?;
    match operation {
        // Answered with the version of COM first, which is 5.
        SERVER_ALIVE_2 if request.is_empty() && stub.starts_with(&[5, 0]) => bindings(stub, out),
        EPT_MAP => {
            towers(stub, out);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Every interface in the towers of an answer.
fn towers(stub: &[u8], out: &mut Out<'_>) {
    let mut rest = stub;
    for _ in 0..64 {
        let at = rest.windows(TOWER.len()).position(|octets| octets == TOWER);
        let Some(mut tower) = at.and_then(|at| rest.get(at.saturating_add(TOWER.len())..)) else {
            return;
        };
        rest = tower;
        let octets = tower.get(..16).unwrap_or_default();
        if let Ok(interface) = array::<16>(&mut tower, "interface") {
            let uuid = Uuid(interface);
            out.text(Subject::Sender, INTERFACE, octets, format_args!("{uuid}"));
        }
    }
}

/// Version, pointer, two counts, then bindings: tower, address as text, NUL.
fn bindings(stub: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = stub;
    take(&mut rest, 16, "dual string array")?;
    while le16(&mut rest, "tower").is_ok_and(|tower| tower == TOWER_TCP) {
        let length = rest.chunks_exact(2).position(|unit| unit == [0, 0]);
        let length = length.ok_or(Fault::short("binding"))?.saturating_mul(2);
        let address = take(&mut rest, length, "binding")?;
        be16(&mut rest, "binding")?;
        // A name has letters; an address of version 6 has colons.
        let letters = address.chunks_exact(2).any(|unit| match unit {
            [low, 0] => low.is_ascii_alphabetic(),
            _ => true,
        });
        if letters && !address.contains(&b':') {
            out.utf16le(Subject::Sender, HOST_BINDING, address);
        }
    }
    Ok(())
}

/// Displays a UUID whose first three parts are sent low octet first (Appendix A).
struct Uuid([u8; 16]);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g, h, i, rest @ ..] = self.0;
        let (low, middle) = (u32::from_le_bytes([a, b, c, d]), u16::from_le_bytes([e, g]));
        let high = u16::from_le_bytes([h, i]);
        write!(f, "{low:08x}-{middle:04x}-{high:04x}-")?;
        for (n, octet) in rest.iter().enumerate() {
            if n == 2 {
                f.write_str("-")?;
            }
            write!(f, "{octet:02x}")?;
        }
        Ok(())
    }
}
