//! Genisys: railway field stations and the office that polls them.
//!
//! Spec: Union Switch & Signal, Genisys-2000 serial protocol: a control octet, the station, pairs of octets, a CRC-16 and
//! an end octet; octets from 0xf0 on are escaped.

use crate::checksum::{CRC16, crc16};
use crate::octets::{foreign, more};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};

/// Address of a station, 1–255, of whoever bears it.
pub const ADDRESS: Key = Key("genisys.address");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "genisys",
    spec: "Union Switch & Signal Genisys-2000",
    carriers: &[Carrier::Tcp(10001)],
    keys: &[ADDRESS],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

const ESCAPE: u8 = 0xf0;
const END: u8 = 0xf6;
/// Acknowledgement of a station that has nothing to say: the one message without a check.
const ACKNOWLEDGE: u8 = 0xf1;
/// Control octets of stations, and of the office.
const STATION: std::ops::RangeInclusive<u8> = 0xf1..=0xf3;
const OFFICE: std::ops::RangeInclusive<u8> = 0xf9..=0xfe;

/// 256 pairs, all of them escaped.
const LONGEST: usize = 2056;

fn frame(input: &[u8]) -> Framed {
    let Some((control, rest)) = input.split_first() else {
        return Err(more(1, input));
    };
    if !STATION.contains(control) && !OFFICE.contains(control) {
        return Err(foreign("genisys control", input));
    }
    // Some leave the two octets of the check as they are.
    let mut bare = usize::MAX;
    for (n, octet) in rest.iter().enumerate().take(LONGEST) {
        if *octet == END {
            return Ok(Cut::whole(n.saturating_add(2)));
        }
        if *octet > ESCAPE {
            bare = bare.min(n);
        }
        if n > bare.saturating_add(1) || n == 0 && *octet > ESCAPE {
            return Err(foreign("genisys octet", input));
        }
    }
    if rest.len() >= LONGEST {
        return Err(foreign("genisys length", input));
    }
    Err(more(input.len().saturating_add(1), input))
}

/// The octets between control and end, escapes undone: the escape counts as the high half of what follows.
fn unescaped(body: &[u8]) -> impl Iterator<Item = u8> + Clone + '_ {
    let mut high = 0;
    body.iter().filter_map(move |octet| {
        if *octet == ESCAPE {
            high = ESCAPE;
            return None;
        }
        let whole = *octet | high;
        high = 0;
        Some(whole)
    })
}

/// Control and end octets; the check agrees, of what an office asks and of what a station answers with data.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let (control, body) = message.split_first()?;
    let body = body.strip_suffix(&[END])?;
    let role = if STATION.contains(control) {
        Role::Server
    } else if OFFICE.contains(control) {
        Role::Client
    } else {
        return None;
    };
    let octets = unescaped(body);
    let count = octets.clone().count();
    if *control == ACKNOWLEDGE {
        return (count == 1).then_some(Recognition::WEAK.from(role));
    }
    let end = count.checked_sub(2).filter(|n| *n >= 1)?;
    let start = crc16(CRC16, 0xffff, &[*control]);
    let sum = octets
        .clone()
        .take(end)
        .fold(start, |sum, octet| crc16(CRC16, sum, &[octet]));
    let sent = octets.skip(end);
    sent.eq(sum.to_le_bytes())
        .then_some(Recognition::WEAK.from(role))
}

/// Both ends name the station.
fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let Some((control, body)) = message.bytes.split_first() else {
        return Err(Fault::short("genisys control"));
    };
    let Some(address) = unescaped(body).next() else {
        return Err(Fault::short("genisys address"));
    };
    let subject = if STATION.contains(control) {
        Subject::Sender
    } else {
        Subject::Receiver
    };
    // 0 is everybody.
    if address != 0 && address != END {
        let place = message.bytes.get(1..2).unwrap_or_default();
        out.text(subject, ADDRESS, place, format_args!("{address}"));
    }
    Ok(())
}
