//! GE controllers: names told over the Service Request Transport Protocol, and the producers of Ethernet Global Data.
//!
//! Spec: no public one for SRTP; the layout follows Denton et al., "Leveraging the SRTP protocol for over-the-network memory
//! acquisition of a GE Fanuc Series 90-30", DFRWS 2017 (services 0x03 and 0x43). EGD: GE Fanuc, TCP/IP Ethernet Communications
//! for `PACSystems` (GFK-2224), chapter 4.

use crate::octets::{be32, foreign, head, le32, take, whole};
use crate::probe::{Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::unpadded;

/// Name of the controller (service 0x43), where one was set.
pub const CONTROLLER_NAME: Key = Key("ge-srtp.controller_name");
/// Name of a control program (service 0x03).
pub const PROGRAM_NAME: Key = Key("ge-srtp.program_name");
/// Id of the producer of an exchange, in the form of an address.
pub const PRODUCER_ID: Key = Key("egd.producer_id");
/// Number of an exchange that is produced.
pub const EXCHANGE_ID: Key = Key("egd.exchange_id");

/// Registration of SRTP.
pub static SRTP: Protocol = Protocol {
    name: "ge-srtp",
    spec: "GE SRTP, as published at DFRWS 2017",
    carriers: &[Carrier::Tcp(18245)],
    keys: &[CONTROLLER_NAME, PROGRAM_NAME],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[READ_CONTROLLER],
    dissect,
};

/// Registration of Ethernet Global Data.
pub static EGD: Protocol = Protocol {
    name: "egd",
    spec: "GE Fanuc GFK-2224",
    carriers: &[Carrier::Udp(18246)],
    keys: &[PRODUCER_ID, EXCHANGE_ID],
    frame: None,
    recognise: recognise_egd,
    operation: None,
    probes: &[],
    dissect: dissect_egd,
};

/// A session opens with zeros; then service 0x43 returns the controller's type and id.
const READ_CONTROLLER: Probe = Probe {
    name: "return controller type and id (0x43)",
    asks: &[CONTROLLER_NAME],
    carrier: Carrier::Tcp(18245),
    reach: Reach::Host,
    // Controllers serve few connections at a time, and one may be a panel's.
    safety: Safety::Intrusive,
    steps: &[
        Step {
            sends: &[Piece::Octets(&[0; HEADER], "opening: 56 zeros")],
            until: Until::Answer,
        },
        Step {
            sends: &[
                Piece::Octets(&[0x02, 0x00, 0x01, 0x00], "request, number 1"),
                Piece::Octets(&[0x00, 0x00, 0x00, 0x00, 0x00, 0x01], "no text"),
                Piece::Octets(
                    &[0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01],
                    "as controllers expect",
                ),
                Piece::Octets(&[0; 8], "reserved"),
                Piece::Octets(&[0x00, 0x00, 0x00, 0x00], "no time"),
                Piece::Octets(&[0x01, 0xc0], "sequence 1, a request without text"),
                Piece::Octets(
                    &[0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0x00],
                    "from mailbox 0 to 0x0e10",
                ),
                Piece::Octets(&[0x01, 0x01], "packet 1 of 1"),
                Piece::Octets(&[0x43], "service: return controller type and id"),
                Piece::Octets(&[0; 13], "no parameters"),
            ],
            until: Until::Answer,
        },
    ],
    frames: 9,
};

/// Octets of a mailbox message: 24 of transport, 32 of mailbox.
const HEADER: usize = 56;
/// Longest text behind a header.
const LONGEST: u16 = 8_192;
const PROGRAM_NAMES: u8 = 0x03;
const CONTROLLER_TYPE: u8 = 0x43;
/// Octets of a name.
const NAME: usize = 8;

/// Opening (all zeros, and its answer), request and answer; the length of the text stands at 4.
fn frame(input: &[u8]) -> Framed {
    let [0..=3, 0, _, _, low, high, 0, 0] = head::<8>(input)? else {
        return Err(foreign("srtp header", input));
    };
    let length = u16::from_le_bytes([low, high]);
    if length > LONGEST {
        return Err(foreign("srtp length", input));
    }
    whole(input, usize::from(length).saturating_add(HEADER))
}

/// Type, mailbox type, and that this is the only packet of its message; the opening is nothing but zeros.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let kind = *message.first()?;
    let mailbox = *message.get(31)?;
    if message.len() < HEADER {
        return None;
    }
    match (kind, mailbox) {
        (2, 0x80 | 0xc0) => packets(message)?.then_some(Recognition::STRONG.from(Role::Client)),
        (3, 0x94 | 0xd4 | 0xd1) => {
            packets(message)?.then_some(Recognition::STRONG.from(Role::Server))
        }
        (1, 0) => {
            let rest = message.get(16..HEADER)?;
            rest.iter()
                .all(|octet| *octet == 0)
                .then_some(Recognition::WEAK.from(Role::Server))
        }
        (0, 0) => message
            .iter()
            .all(|octet| *octet == 0)
            .then_some(Recognition::WEAK.from(Role::Client)),
        _ => None,
    }
}

/// Whether the time is one, and the number and count of packets (in requests and answers without text at 40, else at 48) are.
fn packets(message: &[u8]) -> Option<bool> {
    let time = message.get(26..29)?;
    let decimal = time
        .iter()
        .all(|octet| octet & 0x0f <= 9 && octet >> 4 <= 9);
    let one = |at: usize| message.get(at..at.saturating_add(2)) == Some(&[1, 1]);
    Some(decimal && (one(40) || one(48)))
}

/// The service of a request: at 42, or at 50 where text follows.
fn service(message: &[u8]) -> Option<u8> {
    match message.get(31)? {
        0xc0 => message.get(42).copied(),
        0x80 => message.get(50).copied(),
        _ => None,
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let (0x94 | 0xd4, Some(asked)) = (
        message.bytes.get(31).copied().unwrap_or_default(),
        message.asked.and_then(service),
    ) else {
        return Ok(());
    };
    let key = match asked {
        CONTROLLER_TYPE => CONTROLLER_NAME,
        PROGRAM_NAMES => PROGRAM_NAME,
        _ => return Ok(()),
    };
    // Short answers stand in the header, longer ones behind it. A name has eight octets, and leads; programs are counted first.
    let rest = message.bytes.get(HEADER..).filter(|rest| !rest.is_empty());
    let rest = rest
        .or_else(|| message.bytes.get(44..HEADER))
        .unwrap_or_default();
    let at = usize::from(asked == PROGRAM_NAMES && rest.first().is_some_and(|count| *count < 0x20));
    let octets = rest.get(at..at.saturating_add(NAME)).unwrap_or_default();
    let name = unpadded(octets);
    let named = name
        .iter()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'$'));
    if name.len() >= 3 && named {
        out.say(Subject::Sender, key, octets);
    }
    Ok(())
}

/// Data message (13) of version 1, a time with fewer nanoseconds than a second has, a status that exists, and reserved zeros.
fn recognise_egd(message: &[u8]) -> Option<Recognition> {
    let mut rest = message.strip_prefix(&[13, 1])?;
    take(&mut rest, 2, "request id").ok()?;
    let producer = be32(&mut rest, "producer id").ok()?;
    le32(&mut rest, "exchange id").ok()?;
    le32(&mut rest, "seconds").ok()?;
    let nanoseconds = le32(&mut rest, "nanoseconds").ok()?;
    let status = le32(&mut rest, "status").ok()?;
    le32(&mut rest, "configuration signature").ok()?;
    let reserved = le32(&mut rest, "reserved").ok()?;
    let known = matches!(
        status & 0xffff,
        0..=4 | 6 | 7 | 10 | 12 | 14 | 16 | 18 | 22 | 26 | 28 | 30
    );
    let fits = producer != 0 && nanoseconds < 1_000_000_000 && reserved == 0 && status >> 16 == 0;
    (fits && known && rest.len() <= 1_400).then_some(Recognition::STRONG)
}

fn dissect_egd(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    take(&mut rest, 4, "egd head")?;
    let octets = rest.get(..4).unwrap_or_default();
    let producer = std::net::Ipv4Addr::from(be32(&mut rest, "producer id")?);
    out.text(
        Subject::Sender,
        PRODUCER_ID,
        octets,
        format_args!("{producer}"),
    );
    let octets = rest.get(..4).unwrap_or_default();
    let exchange = le32(&mut rest, "exchange id")?;
    out.text(
        Subject::Sender,
        EXCHANGE_ID,
        octets,
        format_args!("{exchange}"),
    );
    Ok(())
}
