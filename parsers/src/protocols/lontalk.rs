//! `LonTalk` over IP: neuron ids and program ids that nodes behind a router tell.
//!
//! Spec: ANSI/CTA-852 (packet header), ANSI/CTA-709.1-D (link, network, transport and application layers; service pin message,
//! Query ID). Network variables are not read.

use crate::octets::{array, be16, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Place, Subject};

/// Neuron id: six pairs of hex digits.
pub const NEURON_ID: Key = Key("lontalk.neuron_id");
/// Program id: format, manufacturer, device class, usage, channel and model; eight pairs of hex digits.
pub const PROGRAM_ID: Key = Key("lontalk.program_id");
/// Vendor code of the sending router, decimal.
pub const VENDOR_CODE: Key = Key("lontalk.vendor_code");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "lontalk",
    spec: "ANSI/CTA-852",
    carriers: &[Carrier::Udp(1628), Carrier::Udp(1629)],
    keys: &[NEURON_ID, PROGRAM_ID, VENDOR_CODE],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

const HEADER: usize = 20;
const DATA: u8 = 0x01;

/// Service pin message, and the successful answer to Query ID.
const SERVICE_PIN: u8 = 0x7f;
const QUERY_ID_ANSWER: u8 = 0x21;

/// Its own length, version 1, a known packet type, protocol `LonTalk`, extensions that fit.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let &[high, low, 1, kind, extension, flags, ref rest @ ..] = message else {
        return None;
    };
    let known = matches!(
        kind,
        0x01 | 0x03 | 0x04 | 0x06..=0x08 | 0x60 | 0x63 | 0x64 | 0x66 | 0x68 | 0x70 | 0x71 | 0x7f
    );
    let room = rest.len().checked_sub(HEADER - 6)?;
    let fits = usize::from(extension).saturating_mul(4) <= room && flags & 0xdf <= 1;
    let length = usize::from(u16::from_be_bytes([high, low]));
    (known && fits && length == message.len()).then_some(Recognition::STRONG)
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let [_, _, _, kind, extension, flags] = array::<6>(&mut rest, "cn/ip header")?;
    let place = rest.get(..2).unwrap_or_default();
    let vendor = be16(&mut rest, "cn/ip vendor")?;
    if vendor != 0 {
        let value = format_args!("{vendor}");
        out.text(Subject::Sender, VENDOR_CODE, place, value);
    }
    take(&mut rest, 12, "cn/ip session, sequence and time")?;
    let extension = usize::from(extension).saturating_mul(4);
    take(&mut rest, extension, "cn/ip extension")?;
    if kind == DATA && flags & 0x1f == 0 {
        return packet(rest, out);
    }
    Ok(())
}

/// Link header, then version, kind of PDU, form of the addresses and length of the domain; addresses; domain.
fn packet(mut rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let [_, control] = array::<2>(&mut rest, "lontalk header")?;
    if control >> 6 != 0 {
        return Err(Fault::value("lontalk version", rest));
    }
    let [subnet, node] = array::<2>(&mut rest, "source address")?;
    let destination = match control >> 2 & 3 {
        0 | 1 => 1,
        // An acknowledgement of a group message names the group and the member too.
        2 if node & 0x80 == 0 => 4,
        2 => 2,
        _ => 7,
    };
    take(&mut rest, destination, "destination address")?;
    let domain = match control & 3 {
        0 => 0,
        1 => 1,
        2 => 3,
        _ => 6,
    };
    take(&mut rest, domain, "domain")?;
    // Transport and session PDUs have an octet of their own; authentication carries nothing that identifies.
    match control >> 4 & 3 {
        0 | 1 => {
            octet(&mut rest, "transaction")?;
        }
        2 => return Ok(()),
        _ => {}
    }
    // An acknowledgement ends here.
    if rest.is_empty() {
        return Ok(());
    }
    let code = octet(&mut rest, "message code")?;
    if !matches!(code, SERVICE_PIN | QUERY_ID_ANSWER) || rest.len() != 14 {
        return Ok(());
    }
    let place = u16::from_be_bytes([subnet, node & 0x7f]);
    let subject = Subject::Behind(Place::Unit(place));
    let neuron = take(&mut rest, 6, "neuron id")?;
    let program = take(&mut rest, 8, "program id")?;
    out.text(
        subject,
        NEURON_ID,
        neuron,
        format_args!("{}", crate::text::Hex(neuron)),
    );
    if program.iter().any(|octet| *octet != 0) {
        let value = format_args!("{}", crate::text::Hex(program));
        out.text(subject, PROGRAM_ID, program, value);
    }
    Ok(())
}
