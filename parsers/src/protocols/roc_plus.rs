//! Emerson ROC and ROC Plus: which remote controller or flow computer answers, and its station name.
//!
//! Spec: Emerson, ROC Plus Protocol Specification Manual (A6127), chapter 1 (message format), opcodes 6, 167 and 180,
//! point types 15 and 91 (system variables). Logins (opcode 17) are not read.

use crate::checksum::{CRC16, ends_in_crc16};
use crate::octets::{array, foreign, head, le32, octet, take, whole};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{is_printable, unpadded};

/// Type of ROC (opcode 6): decimal.
pub const TYPE: Key = Key("roc-plus.type");
/// Station name.
pub const STATION_NAME: Key = Key("roc-plus.station_name");
/// Part number and version of the firmware.
pub const PART_NUMBER: Key = Key("roc-plus.part_number");
/// Manufacturing identification.
pub const MANUFACTURER: Key = Key("roc-plus.manufacturer");
/// Product description.
pub const PRODUCT: Key = Key("roc-plus.product");
/// Serial number.
pub const SERIAL_NUMBER: Key = Key("roc-plus.serial_number");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "roc-plus",
    spec: "Emerson A6127",
    carriers: &[Carrier::Tcp(4000), Carrier::Udp(4000)],
    keys: &[
        TYPE,
        STATION_NAME,
        PART_NUMBER,
        MANUFACTURER,
        PRODUCT,
        SERIAL_NUMBER,
    ],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

const SYSTEM_CONFIGURATION: u8 = 6;
const READ_POINT: u8 = 167;
const READ_PARAMETERS: u8 = 180;
const ERROR: u8 = 255;

/// Destination and source of two octets each, opcode and length; a CRC follows the data.
const HEADER: usize = 6;
const CRC: usize = 2;

/// System variables of ROC Plus and of ROC.
const SYSTEM_VARIABLES: u8 = 91;
const SYSTEM_VARIABLES_ROC: u8 = 15;

/// Opcodes of the manual.
fn is_opcode(opcode: u8) -> bool {
    matches!(
        opcode,
        6..=8 | 10 | 11 | 17 | 24 | 50 | 100 | 105 | 107 | 108 | 118..=121 | 135..=139 | 166 | 167 | 180 | 181
            | 203 | 205 | 206 | 224 | 225 | 255
    )
}

fn frame(input: &[u8]) -> Framed {
    let [_, _, _, _, opcode, length] = head::<HEADER>(input)?;
    if !is_opcode(opcode) {
        return Err(foreign("roc opcode", input));
    }
    let length = usize::from(length).saturating_add(HEADER + CRC);
    let cut = whole(input, length)?;
    let message = input.get(..length).unwrap_or_default();
    if !ends_in_crc16(CRC16, 0, message) && !ends_in_crc16(CRC16, 0xffff, message) {
        return Err(foreign("roc crc", input));
    }
    Ok(cut)
}

/// Two different addresses, a known opcode, the exact length and a CRC-16 that agrees. Started from ones, that check is
/// also the one of Modbus over serial lines, whose shortest messages have the form of ours.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let &[
        to_unit,
        to_group,
        from_unit,
        from_group,
        opcode,
        length,
        ref rest @ ..,
    ] = message
    else {
        return None;
    };
    if usize::from(length).saturating_add(CRC) != rest.len()
        || !is_opcode(opcode)
        || (to_unit, to_group) == (from_unit, from_group)
    {
        return None;
    }
    let found = if ends_in_crc16(CRC16, 0, message) {
        Recognition::STRONG
    } else if length > 0 && ends_in_crc16(CRC16, 0xffff, message) {
        Recognition::WEAK
    } else {
        return None;
    };
    Some(match (opcode, length) {
        (ERROR, _) | (SYSTEM_CONFIGURATION, 20..) => found.from(Role::Server),
        (SYSTEM_CONFIGURATION..=8, 0) => found.from(Role::Client),
        _ => found,
    })
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let [_, _, _, _, opcode, length] = array::<HEADER>(&mut rest, "roc header")?;
    let mut data = take(&mut rest, length.into(), "roc data")?;
    match opcode {
        // Mode, port, access, compatibility, revision, subtype, eleven reserved, type; then points by type.
        SYSTEM_CONFIGURATION if length >= 20 => {
            take(&mut data, 18, "system configuration")?;
            let place = data.get(..1).unwrap_or_default();
            let kind = octet(&mut data, "type of roc")?;
            out.text(Subject::Sender, TYPE, place, format_args!("{kind}"));
        }
        // A request has no values: the point, how many parameters, the first of them.
        READ_POINT if length > 4 => {
            let [point, _, count, first] = array::<4>(&mut data, "point")?;
            for parameter in (first..=u8::MAX).take(count.into()) {
                if !parameter_value(point, parameter, &mut data, out)? {
                    break;
                }
            }
        }
        READ_PARAMETERS => {
            let count = octet(&mut data, "parameters")?;
            if usize::from(count).checked_mul(3) == Some(data.len()) {
                return Ok(());
            }
            for _ in 0..count {
                let [point, _, parameter] = array::<3>(&mut data, "parameter")?;
                if !parameter_value(point, parameter, &mut data, out)? {
                    break;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// Takes the value of a system variable and says it; false where its length is not known, so that nothing behind it
/// can be read.
fn parameter_value(
    point: u8,
    parameter: u8,
    data: &mut &[u8],
    out: &mut Out<'_>,
) -> Result<bool, Fault> {
    let key = match (point, parameter) {
        // Address and group.
        (SYSTEM_VARIABLES | SYSTEM_VARIABLES_ROC, 0 | 1) => {
            octet(data, "roc address")?;
            return Ok(true);
        }
        // Time of creation.
        (SYSTEM_VARIABLES, 4) => {
            take(data, 20, "time created")?;
            return Ok(true);
        }
        (SYSTEM_VARIABLES, 7) => {
            let place = data.get(..4).unwrap_or_default();
            let serial = le32(data, "serial number")?;
            if serial != 0 {
                let value = format_args!("{serial}");
                out.text(Subject::Sender, SERIAL_NUMBER, place, value);
            }
            return Ok(true);
        }
        (SYSTEM_VARIABLES | SYSTEM_VARIABLES_ROC, 2) => STATION_NAME,
        (SYSTEM_VARIABLES, 3) | (SYSTEM_VARIABLES_ROC, 11) => PART_NUMBER,
        (SYSTEM_VARIABLES, 5) | (SYSTEM_VARIABLES_ROC, 12) => MANUFACTURER,
        (SYSTEM_VARIABLES, 6) => PRODUCT,
        _ => return Ok(false),
    };
    let text = take(data, 20, "system variable")?;
    if is_printable(unpadded(text)) {
        out.say(Subject::Sender, key, text);
    }
    Ok(true)
}
