//! BSAP, the Bristol Standard Asynchronous Protocol, on serial lines carried over UDP and on IP.
//!
//! Spec: Emerson/Bristol, BSAP & EBSAP Communication Application Programmer's Reference (D4052), chapters 2 (frames,
//! addresses) and 3 (functions). The form on IP has no public one: as sent. Values of signals are not read.

use crate::checksum::{CCITT, crc16};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};

/// Local address of the slave that is asked, 1–127.
pub const ADDRESS: Key = Key("bsap.address");
/// Function that an answer is from, decimal: 160 and 161 are the data base of a remote unit.
pub const ANSWERING_FUNCTION: Key = Key("bsap.answering_function");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "bsap",
    spec: "Bristol D4052",
    carriers: &[Carrier::Udp(1234), Carrier::Udp(1235)],
    keys: &[ADDRESS, ANSWERING_FUNCTION],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

const DLE: u8 = 0x10;
const STX: u8 = 0x02;
const ETX: u8 = 0x03;

/// The task of a master that answers come back to.
const PEI_PC: u8 = 0x03;
/// Remote data base access, and what extends it.
const RDB: std::ops::RangeInclusive<u8> = 0xa0..=0xa1;

/// Between DLE STX and DLE ETX, DLEs as sent: doubled. The check that follows counts one of each, and the ETX.
fn serial(message: &[u8]) -> Option<&[u8]> {
    let body = message.strip_prefix(&[DLE, STX])?;
    let (body, sum) = body.split_last_chunk::<2>()?;
    let body = body.strip_suffix(&[DLE, ETX])?;
    let found = undoubled(body)
        .chain([ETX])
        .fold(0xffff, |sum, octet| crc16(CCITT, sum, &[octet]));
    (u16::from_le_bytes(*sum) == found).then_some(body)
}

/// One DLE for each two.
fn undoubled(body: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mut after = false;
    body.iter().copied().filter(move |octet| {
        after = *octet == DLE && !after;
        !after
    })
}

/// On IP: length of the header, number of messages, function, two sequence numbers; then the message with its own length.
fn on_ip(message: &[u8]) -> Option<Recognition> {
    let (header, rest) = match *message {
        [0x0e, 0, ..] => message.split_at_checked(14)?,
        [0x16, 0, ..] => message.split_at_checked(22)?,
        _ => return None,
    };
    let [_, _, count, 0, function, 0, ..] = *header else {
        return None;
    };
    let role = match (count, function, rest) {
        (0, 0, []) => return Some(Recognition::WEAK),
        (1..=8, 0x06 | 0x84 | 0x86, _) => Role::Client,
        (1..=8, 0x01 | 0x05, _) => Role::Server,
        _ => return None,
    };
    let length = u32::from_le_bytes(*rest.first_chunk::<4>()?);
    let fits = usize::try_from(length).ok()? <= rest.len() && length >= 10;
    fits.then_some(Recognition::WEAK.from(role))
}

/// A serial frame proves itself by its marks and its check.
fn recognise(message: &[u8]) -> Option<Recognition> {
    if message.first() != Some(&DLE) {
        return on_ip(message);
    }
    let body = serial(message)?;
    let found = Recognition::STRONG;
    match body {
        [1..=0x7f, ..] => Some(found.from(Role::Client)),
        [0, ..] => Some(found.from(Role::Server)),
        [_, _, ..] => Some(found),
        _ => None,
    }
}

/// Address, serial number, functions of destination and source around a sequence number; a global message has the
/// addresses of both ends before them.
fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let Some(body) = serial(message.bytes) else {
        return Ok(());
    };
    let place = body.get(..1).unwrap_or_default();
    let mut octets = undoubled(body);
    let mut next = || octets.next().ok_or(Fault::short("bsap header"));
    let address = next()?;
    let global = address > 0x7f;
    for _ in 0..if global { 6 } else { 1 } {
        next()?;
    }
    let to = next()?;
    next()?;
    next()?;
    let from = next()?;
    match (RDB.contains(&to), RDB.contains(&from)) {
        (true, false) if address != 0 && !global => {
            let value = format_args!("{address}");
            out.text(Subject::Receiver, ADDRESS, place, value);
        }
        (false, true) if to == PEI_PC => {
            let value = format_args!("{from}");
            out.text(Subject::Sender, ANSWERING_FUNCTION, body, value);
        }
        _ => {}
    }
    Ok(())
}
