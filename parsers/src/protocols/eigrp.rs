//! Enhanced Interior Gateway Routing Protocol: the software of a router.
//!
//! Spec: RFC 7868 §6.6 (header), §6.7 (type-length-value fields).

use crate::octets::{array, be16, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Subject};

/// Autonomous system (in classic mode, the number of the process).
pub const AUTONOMOUS_SYSTEM: Key = Key("eigrp.autonomous_system");
/// Software version: the release of the operating system on older routers, of the EIGRP code on newer ones.
pub const SOFTWARE_VERSION: Key = Key("eigrp.software_version");
/// Version of the protocol's fields.
pub const FIELD_VERSION: Key = Key("eigrp.field_version");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "eigrp",
    spec: "RFC 7868",
    carriers: &[Carrier::Ip(88)],
    keys: &[AUTONOMOUS_SYSTEM, SOFTWARE_VERSION, FIELD_VERSION],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Octets before the fields.
const HEADER: usize = 20;
/// Software version field (§6.7.3.4).
const SOFTWARE: u16 = 0x0004;

/// Version 2, a known operation, fields that read to the end.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let [2, 1..=11, ..] = message else {
        return None;
    };
    let mut rest = message.get(HEADER..)?;
    while !rest.is_empty() {
        field(&mut rest).ok()?;
    }
    Some(Recognition::STRONG)
}

/// Type and value; the length counts type and length too.
fn field<'a>(rest: &mut &'a [u8]) -> Result<(u16, &'a [u8]), Fault> {
    let kind = be16(rest, "eigrp field")?;
    let length = usize::from(be16(rest, "eigrp field length")?);
    let length = length
        .checked_sub(4)
        .ok_or(Fault::value("eigrp field length", rest))?;
    Ok((kind, take(rest, length, "eigrp field value")?))
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    take(&mut rest, HEADER - 2, "eigrp header")?;
    let octets = rest.get(..2).unwrap_or_default();
    let system = be16(&mut rest, "eigrp autonomous system")?;
    out.text(
        Subject::Sender,
        AUTONOMOUS_SYSTEM,
        octets,
        format_args!("{system}"),
    );
    while !rest.is_empty() {
        let (kind, value) = field(&mut rest)?;
        if kind == SOFTWARE {
            let mut versions = value;
            let [major, minor, field_major, field_minor] =
                array::<4>(&mut versions, "eigrp software version")?;
            let (software, fields) = value.split_at_checked(2).unwrap_or_default();
            out.text(
                Subject::Sender,
                SOFTWARE_VERSION,
                software,
                format_args!("{major}.{minor}"),
            );
            out.text(
                Subject::Sender,
                FIELD_VERSION,
                fields.get(..2).unwrap_or_default(),
                format_args!("{field_major}.{field_minor}"),
            );
        }
    }
    Ok(())
}
