//! iSCSI: the names of initiators and targets, which tell their maker. Secrets of logins are never read.
//!
//! Spec: RFC 7143 §11.2 (header), §11.12 and §11.13 (login), §11.10 and §11.11 (text), §13 (keys); RFC 3720 §3.2.6.3 (names).

use crate::octets::{array, foreign, head, take};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::is_printable;

/// Name of the initiator: `iqn.1991-05.com.microsoft:press-5`.
pub const INITIATOR: Key = Key("iscsi.initiator_name");
/// Name of the target: `iqn.1992-08.com.netapp:sn.84230000`.
pub const TARGET: Key = Key("iscsi.target_name");
/// Alias of the target.
pub const ALIAS: Key = Key("iscsi.target_alias");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "iscsi",
    spec: "RFC 7143",
    carriers: &[Carrier::Tcp(3260)],
    keys: &[INITIATOR, TARGET, ALIAS],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Operation codes (§11.2.1.2) without the bit for immediate delivery.
const LOGIN: u8 = 0x03;
const TEXT: u8 = 0x04;
const LOGIN_ANSWER: u8 = 0x23;
const TEXT_ANSWER: u8 = 0x24;
const HEADER: usize = 48;
/// Texts are read up to here; data is passed over.
const READ: u32 = 8192;

/// Header of 48 octets, additional segments in words, data padded to four octets. Digests, which data may have, are not followed.
fn frame(input: &[u8]) -> Framed {
    let [code, _, _, _, additional, d0, d1, d2] = head::<8>(input)?;
    let code = code & 0x3f;
    let known = matches!(code, 0..=6 | 0x10 | 0x20..=0x26 | 0x31 | 0x32 | 0x3f);
    let data = u32::from_be_bytes([0, d0, d1, d2]);
    if !known || additional > 64 {
        return Err(foreign("iscsi operation", input));
    }
    let texts = matches!(code, LOGIN | TEXT | LOGIN_ANSWER | TEXT_ANSWER);
    if texts && data > READ {
        return Err(foreign("iscsi text length", input));
    }
    let padded = data.div_ceil(4).saturating_mul(4);
    let header = HEADER.saturating_add(usize::from(additional).saturating_mul(4));
    if texts {
        let data = usize::try_from(padded).unwrap_or(usize::MAX);
        return crate::octets::whole(input, header.saturating_add(data));
    }
    crate::octets::whole(input, header)?;
    Ok(Cut {
        length: header,
        skip: padded.into(),
    })
}

/// Keys and values of a login or text, each ended by a NUL.
fn texts(message: &[u8]) -> Option<(u8, &[u8])> {
    let [code, _, _, _, additional, d0, d1, d2] = *message.first_chunk::<8>()?;
    let code = code & 0x3f;
    if !matches!(code, LOGIN | TEXT | LOGIN_ANSWER | TEXT_ANSWER) || additional != 0 {
        return None;
    }
    let length = usize::try_from(u32::from_be_bytes([0, d0, d1, d2])).ok()?;
    Some((code, message.get(HEADER..)?.get(..length)?))
}

fn recognise(message: &[u8]) -> Option<Recognition> {
    let (code, texts) = texts(message)?;
    let pairs = texts
        .split(|octet| *octet == 0)
        .filter(|pair| !pair.is_empty());
    let sane = pairs
        .clone()
        .all(|pair| is_printable(pair) && pair.contains(&b'='));
    if !sane || pairs.count() == 0 {
        return None;
    }
    let role = if matches!(code, LOGIN | TEXT) {
        Role::Client
    } else {
        Role::Server
    };
    Some(Recognition::STRONG.from(role))
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let [_] = array::<1>(&mut rest, "iscsi header")?;
    take(&mut rest, HEADER.saturating_sub(1), "iscsi header")?;
    let Some((code, texts)) = texts(message.bytes) else {
        return Ok(());
    };
    let asks = matches!(code, LOGIN | TEXT);
    for pair in texts.split(|octet| *octet == 0) {
        let mut halves = pair.splitn(2, |octet| *octet == b'=');
        let (Some(name), Some(value)) = (halves.next(), halves.next()) else {
            continue;
        };
        match name {
            b"InitiatorName" if asks => out.say(Subject::Sender, INITIATOR, value),
            b"TargetName" if asks => out.say(Subject::Receiver, TARGET, value),
            b"TargetName" => out.say(Subject::Sender, TARGET, value),
            b"TargetAlias" => out.say(Subject::Sender, ALIAS, value),
            _ => {}
        }
    }
    Ok(())
}
