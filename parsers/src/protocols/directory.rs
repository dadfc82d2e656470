//! Directory access and remote procedure calls, as far as they carry NTLM: who serves, on which system.
//!
//! Spec: RFC 4511 §4.1.1 (LDAP envelope), §4.2 (bind); DCE 1.1: RPC (C706) §12.6 (connection-oriented PDUs), MS-RPCE §2.2.2.11.
//! Names of people and distinguished names are never read.

use crate::ber::{element, expect};
use crate::octets::{foreign, head, le16, take, whole};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role, finish};
use crate::statement::Out;
use crate::text::find;

use super::{ntlm, profinet_io};

/// Registration of LDAP.
pub static LDAP: Protocol = Protocol {
    name: "ldap",
    spec: "RFC 4511",
    carriers: &[Carrier::Tcp(389), Carrier::Tcp(3268)],
    keys: &[],
    frame: Some(ldap_frame),
    recognise: recognise_ldap,
    dissect: token,
};

/// Registration of DCE/RPC: over TCP, and over UDP as PROFINET uses it.
pub static DCE_RPC: Protocol = Protocol {
    name: "dce-rpc",
    spec: "C706",
    carriers: &[Carrier::Tcp(135), Carrier::Udp(34964)],
    keys: &[],
    frame: Some(rpc_frame),
    recognise: recognise_rpc,
    dissect: |message, out| match message.bytes {
        [4, ..] => profinet_io::dissect_call(message, out),
        _ => token(message, out),
    },
};

/// Longest message that is waited for; larger results hold no identity.
const LONGEST: usize = 60_000;

/// A sequence whose length is definite (RFC 4511 §5.1).
fn ldap_frame(input: &[u8]) -> Framed {
    let [tag, first] = head::<2>(input)?;
    if tag != 0x30 {
        return Err(foreign("ldap message", input));
    }
    let octets = usize::from(first & 0x7f);
    let (length, header) = match first {
        0..=0x7f => (usize::from(first), 2),
        0x81..=0x84 => {
            let digits = input.get(2..octets.saturating_add(2));
            let Some(digits) = digits else {
                return Err(crate::octets::more(octets.saturating_add(2), input));
            };
            let length = digits
                .iter()
                .fold(0_usize, |n, digit| n.wrapping_shl(8) | usize::from(*digit));
            (length, octets.saturating_add(2))
        }
        _ => return Err(foreign("ldap length", input)),
    };
    if length > LONGEST {
        return Err(foreign("ldap length", input));
    }
    whole(input, length.saturating_add(header))
}

/// A message id and an operation that is assigned; that it is one of bind makes it certain.
fn recognise_ldap(message: &[u8]) -> Option<Recognition> {
    let (_, body) = finish(expect(0x30, "ldap message", message)).ok()?;
    let (rest, id) = finish(expect(0x02, "ldap message id", body)).ok()?;
    let (_, operation) = finish(element(rest)).ok()?;
    if id.len() > 4 {
        return None;
    }
    match operation.tag {
        // Bind request: version 2 or 3 comes first.
        0x60 => operation
            .value
            .starts_with(&[0x02, 0x01])
            .then_some(Recognition::STRONG.from(Role::Client)),
        // Bind response: an enumerated result code comes first.
        0x61 => operation
            .value
            .starts_with(&[0x0a, 0x01])
            .then_some(Recognition::STRONG.from(Role::Server)),
        0x42 | 0x63 | 0x66 | 0x68 | 0x6c | 0x77 => Some(Recognition::WEAK.from(Role::Client)),
        0x64 | 0x65 | 0x67 | 0x69 | 0x6d | 0x73 | 0x78 => {
            Some(Recognition::WEAK.from(Role::Server))
        }
        _ => None,
    }
}

/// Version 5, a known type, and the fragment's own length.
fn rpc_frame(input: &[u8]) -> Framed {
    let [5, 0 | 1, 0..=19, _, 0x10 | 0x00, _, 0, 0, low, high] = head::<10>(input)? else {
        return Err(foreign("dce/rpc header", input));
    };
    let length = usize::from(u16::from_le_bytes([low, high]));
    if length < 16 {
        return Err(foreign("dce/rpc fragment length", input));
    }
    whole(input, length)
}

fn recognise_rpc(message: &[u8]) -> Option<Recognition> {
    // Version 4 is connectionless.
    if message.starts_with(&[4]) {
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
        0 | 11 | 14 | 16 => Role::Client,
        2 | 3 | 12 | 13 | 15 => Role::Server,
        _ => return None,
    };
    Some(Recognition::STRONG.from(role))
}

/// The NTLM token of a bind or of an authentication trailer.
fn token(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    match find(message.bytes, b"NTLMSSP\0").and_then(|at| message.bytes.get(at..)) {
        Some(token) => out.carried(&ntlm::PROTOCOL, message.part(token)),
        None => Ok(()),
    }
}
