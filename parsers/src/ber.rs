//! Basic Encoding Rules (ITU-T X.690), as much as SNMP, LDAP, Kerberos, MMS and SPNEGO need.

use nom::Parser;
use nom::bytes::complete::take;
use nom::error::context;
use nom::number::complete::u8;

use crate::protocol::{Fault, Parsed};

/// One tag-length-value element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// The identifier octet of a low-numbered tag: class, constructed bit and number.
    pub tag: u8,
    /// The contents.
    pub value: &'a [u8],
}

/// Reads one element with a low-numbered tag and a definite length of at most four octets.
///
/// # Errors
/// `ber tag` for a high-numbered tag, `ber length` for an indefinite or longer one, and too few octets.
pub fn element(input: &[u8]) -> Parsed<'_, Element<'_>> {
    let (rest, tag) = u8(input)?;
    if tag & 0x1f == 0x1f {
        return Err(nom::Err::Error(Fault::value("ber tag", rest)));
    }
    let (rest, length) = length(rest)?;
    let (rest, value) = context("ber value", take(length)).parse(rest)?;
    Ok((rest, Element { tag, value }))
}

fn length(input: &[u8]) -> Parsed<'_, usize> {
    let (rest, first) = u8(input)?;
    if first < 0x80 {
        return Ok((rest, usize::from(first)));
    }
    let octets = usize::from(first & 0x7f);
    if !(1..=4).contains(&octets) {
        return Err(nom::Err::Error(Fault::value("ber length", rest)));
    }
    let (rest, digits) = take(octets).parse(rest)?;
    let length = digits.iter().fold(0_usize, |sum, digit| {
        sum.wrapping_shl(8) | usize::from(*digit)
    });
    Ok((rest, length))
}

/// The contents of the first element if it has this tag, and what follows it.
///
/// # Errors
/// `what` where the tag is another, and those of [`element`].
pub fn expect<'a>(tag: u8, what: &'static str, input: &'a [u8]) -> Parsed<'a, &'a [u8]> {
    let (rest, element) = element(input)?;
    if element.tag == tag {
        Ok((rest, element.value))
    } else {
        Err(nom::Err::Error(Fault::value(what, rest)))
    }
}

/// The elements that follow one another in `input`, up to the first that cannot be read.
pub fn elements(input: &[u8]) -> impl Iterator<Item = Element<'_>> + Clone {
    let mut rest = input;
    std::iter::from_fn(move || {
        let (after, found) = element(rest).ok()?;
        rest = after;
        Some(found)
    })
}

/// An unsigned reading of an INTEGER of at most eight octets.
#[must_use]
pub fn unsigned(value: &[u8]) -> Option<u64> {
    (!value.is_empty() && value.len() <= 8).then(|| {
        value
            .iter()
            .fold(0_u64, |sum, digit| sum.wrapping_shl(8) | u64::from(*digit))
    })
}

/// Displays an OBJECT IDENTIFIER in dotted form (§8.19).
pub struct Oid<'a>(pub &'a [u8]);

impl std::fmt::Display for Oid<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut arc = 0_u64;
        let mut first = true;
        for octet in self.0 {
            arc = arc.wrapping_shl(7) | u64::from(octet & 0x7f);
            if octet & 0x80 != 0 {
                continue;
            }
            if first {
                let root = (arc / 40).min(2);
                write!(f, "{root}.{}", arc.saturating_sub(root.saturating_mul(40)))?;
                first = false;
            } else {
                write!(f, ".{arc}")?;
            }
            arc = 0;
        }
        Ok(())
    }
}

/// The contents of the context-specific, constructed element with this number among those of `fields`.
#[must_use]
pub fn tagged(fields: &[u8], number: u8) -> Option<&[u8]> {
    elements(fields)
        .find(|field| field.tag == 0xa0 | number)
        .map(|field| field.value)
}
