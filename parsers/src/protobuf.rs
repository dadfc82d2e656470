//! Fields of Protocol Buffers messages, without their schema.
//!
//! Spec: Protocol Buffers, "Encoding".

use crate::octets::{octet, take};
use crate::protocol::Fault;

/// What one field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// Wire type 0.
    Number(u64),
    /// Wire type 2: text, octets or a message.
    Octets(&'a [u8]),
    /// Wire types 1 and 5.
    Fixed(&'a [u8]),
}

/// The next field: its number and what it holds.
pub(crate) fn field<'a>(rest: &mut &'a [u8]) -> Result<(u64, Value<'a>), Fault> {
    let tag = varint(rest)?;
    let value = match tag & 7 {
        0 => Value::Number(varint(rest)?),
        1 => Value::Fixed(take(rest, 8, "fixed field")?),
        2 => {
            let length = usize::try_from(varint(rest)?).unwrap_or(usize::MAX);
            Value::Octets(take(rest, length, "field")?)
        }
        5 => Value::Fixed(take(rest, 4, "fixed field")?),
        _ => return Err(Fault::value("field type", rest)),
    };
    Ok((tag >> 3, value))
}

/// The first field of this number that holds octets.
pub(crate) fn octets(mut message: &[u8], number: u64) -> Option<&[u8]> {
    while let Ok((found, value)) = field(&mut message) {
        match value {
            Value::Octets(octets) if found == number => return Some(octets),
            _ => {}
        }
    }
    None
}

/// Seven bits an octet, the least significant first.
fn varint(rest: &mut &[u8]) -> Result<u64, Fault> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let part = octet(rest, "varint")?;
        value |= u64::from(part & 0x7f) << shift;
        if part & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Fault::value("varint", rest))
}
