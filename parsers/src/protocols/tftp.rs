//! Trivial File Transfer Protocol: the files that devices fetch when they start.
//!
//! Spec: RFC 1350 §5 (packets), RFC 2347 (option acknowledgement).

use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::is_printable;

/// Name of a file that the sender wants to read: configuration or firmware, by which its maker often shows.
pub const FILE: Key = Key("tftp.file");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "tftp",
    spec: "RFC 1350",
    carriers: &[Carrier::Udp(69)],
    keys: &[FILE],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

const READ: u8 = 1;
const WRITE: u8 = 2;

/// Longest request: RFC 2347 §2 allows 512 octets.
const LONGEST: usize = 512;

/// File name and mode of a request; the rest are options.
fn request(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0, READ | WRITE, rest @ ..] = message else {
        return None;
    };
    if message.len() > LONGEST {
        return None;
    }
    let mut parts = rest.split(|octet| *octet == 0);
    let (file, mode) = (parts.next()?, parts.next()?);
    // The mode must be ended too.
    parts.next()?;
    (!file.is_empty() && is_printable(file)).then_some((file, mode))
}

/// Requests name one of three modes. Transfers go on between ports of their own that nobody serves for long, where
/// an opcode and a block number are all there is: they are left alone.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let (_, mode) = request(message)?;
    [&b"octet"[..], b"netascii", b"mail"]
        .iter()
        .any(|known| mode.eq_ignore_ascii_case(known))
        .then_some(Recognition::STRONG.from(Role::Client))
}

/// What is written may be named after anything; what is read at the start is named by the maker.
fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    if let ([0, READ, ..], Some((file, _))) = (message.bytes, request(message.bytes)) {
        out.say(Subject::Sender, FILE, file);
    }
    Ok(())
}
