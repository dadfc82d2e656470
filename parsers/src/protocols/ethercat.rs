//! `EtherCAT`: the terminals and drives on a segment, as their memories and object dictionaries tell.
//!
//! Spec: ETG.1000.4 §5 (frames and datagrams), §6.4 (slave information interface), §6.7.4 (mailbox); ETG.1000.6 §5.6 (`CoE`),
//! §5.6.7 (objects 0x1008 to 0x100a and 0x1018); ETG.2010 (slave information words 8 to 15).

use crate::octets::{array, le16, le32, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Place, Subject};
use crate::text::is_printable;

/// Vendor id as assigned by the `EtherCAT` Technology Group: `0x00000002`.
pub const VENDOR_ID: Key = Key("ethercat.vendor_id");
/// Product code as assigned by the vendor: `0x044c2c52`.
pub const PRODUCT_CODE: Key = Key("ethercat.product_code");
/// Revision number: `0x00120000`.
pub const REVISION: Key = Key("ethercat.revision");
/// Serial number.
pub const SERIAL_NUMBER: Key = Key("ethercat.serial_number");
/// Device name, object 0x1008.
pub const DEVICE_NAME: Key = Key("ethercat.device_name");
/// Hardware version, object 0x1009.
pub const HARDWARE_VERSION: Key = Key("ethercat.hardware_version");
/// Software version, object 0x100a.
pub const SOFTWARE_VERSION: Key = Key("ethercat.software_version");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "ethercat",
    spec: "ETG.1000",
    carriers: &[Carrier::EtherType(0x88a4)],
    keys: &[
        VENDOR_ID,
        PRODUCT_CODE,
        REVISION,
        SERIAL_NUMBER,
        DEVICE_NAME,
        HARDWARE_VERSION,
        SOFTWARE_VERSION,
    ],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Datagrams that one frame can hold (§5.4: 15; more than that are passed over).
const MOST: usize = 16;
/// Read a station by its configured address.
const FPRD: u8 = 4;
/// Where a station shows what was read of its memory: status, address of the word, data.
const SII_CONTROL: u16 = 0x0502;

/// A length that the frame has room for, the reserved bit, and type 1 (datagrams) with a command that exists, 4 or 5.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let &[low, high, command, ..] = message else {
        return None;
    };
    let length = usize::from(u16::from_le_bytes([low, high]) & 0x07ff);
    let fits = length >= 4 && length.saturating_add(2) <= message.len() && high & 0x08 == 0;
    let known = match high >> 4 {
        1 => command <= 14,
        4 | 5 => true,
        _ => false,
    };
    (fits && known).then_some(Recognition::STRONG)
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let header = le16(&mut rest, "ethercat header")?;
    if header >> 12 != 1 {
        return Ok(());
    }
    for _ in 0..MOST {
        let [command, _index] = array::<2>(&mut rest, "datagram command")?;
        let station = le16(&mut rest, "datagram address")?;
        let offset = le16(&mut rest, "datagram offset")?;
        let length = le16(&mut rest, "datagram length")?;
        le16(&mut rest, "datagram event")?;
        let data = take(&mut rest, usize::from(length & 0x07ff), "datagram data")?;
        let worked = le16(&mut rest, "working counter")?;
        // What one station has answered.
        if command == FPRD && worked == 1 {
            let subject = Subject::Behind(Place::Unit(station));
            if offset == SII_CONTROL {
                memory(subject, data, out)?;
            } else if offset >= 0x1000 {
                mailbox(subject, data, out);
            }
        }
        // The top bit says that another follows.
        if length & 0x8000 == 0 {
            break;
        }
    }
    Ok(())
}

/// Status without fault, the address of a word of the slave information, and at least that word.
fn memory(subject: Subject, data: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    if data.len() < 10 {
        return Ok(());
    }
    let mut rest = data;
    let status = le16(&mut rest, "memory status")?;
    let word = le32(&mut rest, "memory address")?;
    // Busy, or one of the error bits.
    if status & 0xf800 != 0 {
        return Ok(());
    }
    let key = match word {
        0x08 => VENDOR_ID,
        0x0a => PRODUCT_CODE,
        0x0c => REVISION,
        0x0e => SERIAL_NUMBER,
        _ => return Ok(()),
    };
    number(subject, key, rest, out)?;
    // Stations may give eight octets at once: the next two words as well.
    let next = match key {
        VENDOR_ID => PRODUCT_CODE,
        REVISION => SERIAL_NUMBER,
        _ => return Ok(()),
    };
    if rest.len() >= 8 {
        number(subject, next, rest.get(4..).unwrap_or_default(), out)?;
    }
    Ok(())
}

fn number(subject: Subject, key: Key, data: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = data;
    let octets = data.get(..4).unwrap_or_default();
    let number = le32(&mut rest, "identity")?;
    if number == 0 || number == u32::MAX {
        return Ok(());
    }
    if key == SERIAL_NUMBER {
        out.text(subject, key, octets, format_args!("{number}"));
    } else {
        out.text(subject, key, octets, format_args!("0x{number:08x}"));
    }
    Ok(())
}

/// A mailbox that holds an answer to reading one of the identity objects; anything else is process data.
fn mailbox(subject: Subject, data: &[u8], out: &mut Out<'_>) {
    let Some(answer) = upload(data) else {
        return;
    };
    let key = match (answer.index, answer.sub_index) {
        (0x1008, 0) => DEVICE_NAME,
        (0x1009, 0) => HARDWARE_VERSION,
        (0x100a, 0) => SOFTWARE_VERSION,
        (0x1018, 1) => VENDOR_ID,
        (0x1018, 2) => PRODUCT_CODE,
        (0x1018, 3) => REVISION,
        (0x1018, 4) => SERIAL_NUMBER,
        _ => return,
    };
    if answer.index != 0x1018 {
        if is_printable(crate::text::unpadded(answer.value)) {
            out.say(subject, key, answer.value);
        }
    } else if answer.value.len() == 4 {
        // Four octets are there.
        let _ = number(subject, key, answer.value, out);
    }
}

struct Upload<'a> {
    index: u16,
    sub_index: u8,
    value: &'a [u8],
}

/// Length, address, channel, type 3 (`CoE`); service 3 (answer); command 2 (initiate upload), index, sub-index; the value.
fn upload(data: &[u8]) -> Option<Upload<'_>> {
    let mut rest = data;
    let length = usize::from(le16(&mut rest, "mailbox length").ok()?);
    take(&mut rest, 3, "mailbox address").ok()?;
    let kind = octet(&mut rest, "mailbox type").ok()?;
    let mut rest = rest.get(..length)?;
    let service = le16(&mut rest, "coe header").ok()?;
    if kind & 0x0f != 3 || service >> 12 != 3 {
        return None;
    }
    let command = octet(&mut rest, "sdo command").ok()?;
    let index = le16(&mut rest, "sdo index").ok()?;
    let sub_index = octet(&mut rest, "sdo sub-index").ok()?;
    if command >> 5 != 2 {
        return None;
    }
    let value = if command & 0x02 != 0 {
        // Expedited: up to four octets, of which some may not count.
        let unused = if command & 0x01 != 0 {
            usize::from(command >> 2 & 3)
        } else {
            0
        };
        rest.get(..4usize.checked_sub(unused)?)?
    } else {
        let size = usize::try_from(le32(&mut rest, "sdo size").ok()?).ok()?;
        rest.get(..size)?
    };
    Some(Upload {
        index,
        sub_index,
        value,
    })
}
