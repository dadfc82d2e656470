//! IEC 61850 on the link: GOOSE and sampled values.
//!
//! Spec: IEC 61850-8-1:2011 annex A and C (GOOSE), IEC 61850-9-2:2011 §8 (sampled values).

use crate::ber::{elements, expect};
use crate::octets::{array, be16};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, finish};
use crate::statement::{Key, Out, Subject};

/// Reference of the GOOSE control block.
pub const CONTROL_BLOCK: Key = Key("goose.control_block");
/// Reference of the data set.
pub const DATA_SET: Key = Key("goose.data_set");
/// GOOSE identifier.
pub const GOOSE_ID: Key = Key("goose.id");
/// Reference of the data set of sampled values.
pub const SV_DATA_SET: Key = Key("sampled-values.data_set");
/// Sampled value identifier.
pub const SV_ID: Key = Key("sampled-values.id");

/// Registration of GOOSE.
pub static GOOSE: Protocol = Protocol {
    name: "goose",
    spec: "IEC 61850-8-1:2011",
    carriers: &[Carrier::EtherType(0x88b8)],
    keys: &[CONTROL_BLOCK, DATA_SET, GOOSE_ID],
    frame: None,
    recognise: |message| pdu(message, 0x61).ok().map(|_| Recognition::STRONG),
    operation: None,
    probes: &[],
    dissect: |message, out| {
        for field in elements(pdu(message.bytes, 0x61)?) {
            match field.tag {
                0x80 => out.say(Subject::Sender, CONTROL_BLOCK, field.value),
                0x82 => out.say(Subject::Sender, DATA_SET, field.value),
                0x83 => out.say(Subject::Sender, GOOSE_ID, field.value),
                _ => {}
            }
        }
        Ok(())
    },
};

/// Registration of sampled values.
pub static SAMPLED_VALUES: Protocol = Protocol {
    name: "sampled-values",
    spec: "IEC 61850-9-2:2011",
    carriers: &[Carrier::EtherType(0x88ba)],
    keys: &[SV_ID, SV_DATA_SET],
    frame: None,
    recognise: |message| pdu(message, 0x60).ok().map(|_| Recognition::STRONG),
    operation: None,
    probes: &[],
    dissect: dissect_sampled_values,
};

/// Application id, length, two reserved words, then the PDU with this tag.
fn pdu(message: &[u8], tag: u8) -> Result<&[u8], Fault> {
    let mut rest = message;
    be16(&mut rest, "application id")?;
    be16(&mut rest, "length")?;
    array::<4>(&mut rest, "reserved")?;
    let (_, body) = finish(expect(tag, "iec 61850 pdu", rest))?;
    Ok(body)
}

/// The sequence of ASDUs (0xa2); in each, the identifier comes first (0x80), and the data set (0x81) where it is told.
fn dissect_sampled_values(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let body = pdu(message.bytes, 0x60)?;
    for list in elements(body).filter(|field| field.tag == 0xa2) {
        for asdu in elements(list.value) {
            for field in elements(asdu.value) {
                match field.tag {
                    0x80 => out.say(Subject::Sender, SV_ID, field.value),
                    0x81 => out.say(Subject::Sender, SV_DATA_SET, field.value),
                    _ => break,
                }
            }
        }
    }
    Ok(())
}
