//! Reading a whole message from the front: each reader takes octets off `rest`, or says what was cut short.
//!
//! `frame` functions ask [`whole`] instead, which asks for more.

use crate::protocol::{Cut, Fault, Framed};

/// The next `count` octets.
pub(crate) fn take<'a>(
    rest: &mut &'a [u8],
    count: usize,
    what: &'static str,
) -> Result<&'a [u8], Fault> {
    let (taken, after) = rest.split_at_checked(count).ok_or(Fault {
        left: rest.len(),
        ..Fault::short(what)
    })?;
    *rest = after;
    Ok(taken)
}

/// The next `N` octets.
pub(crate) fn array<const N: usize>(
    rest: &mut &[u8],
    what: &'static str,
) -> Result<[u8; N], Fault> {
    let (taken, after) = rest.split_first_chunk::<N>().ok_or(Fault {
        left: rest.len(),
        ..Fault::short(what)
    })?;
    *rest = after;
    Ok(*taken)
}

/// The next octet.
pub(crate) fn octet(rest: &mut &[u8], what: &'static str) -> Result<u8, Fault> {
    array::<1>(rest, what).map(|[octet]| octet)
}

/// The next two octets, most significant first.
pub(crate) fn be16(rest: &mut &[u8], what: &'static str) -> Result<u16, Fault> {
    array(rest, what).map(u16::from_be_bytes)
}

/// The next four octets, most significant first.
pub(crate) fn be32(rest: &mut &[u8], what: &'static str) -> Result<u32, Fault> {
    array(rest, what).map(u32::from_be_bytes)
}

/// The next two octets, least significant first.
pub(crate) fn le16(rest: &mut &[u8], what: &'static str) -> Result<u16, Fault> {
    array(rest, what).map(u16::from_le_bytes)
}

/// The next four octets, least significant first.
pub(crate) fn le32(rest: &mut &[u8], what: &'static str) -> Result<u32, Fault> {
    array(rest, what).map(u32::from_le_bytes)
}

/// A field that a length of one octet precedes.
pub(crate) fn counted8<'a>(rest: &mut &'a [u8], what: &'static str) -> Result<&'a [u8], Fault> {
    let length = octet(rest, what)?;
    take(rest, length.into(), what)
}

/// A field that a length of two octets precedes, most significant first.
pub(crate) fn counted16<'a>(rest: &mut &'a [u8], what: &'static str) -> Result<&'a [u8], Fault> {
    let length = be16(rest, what)?;
    take(rest, length.into(), what)
}

/// For `frame`: the first `N` octets of a stream, or the wish for more.
pub(crate) fn head<const N: usize>(input: &[u8]) -> Result<[u8; N], nom::Err<Fault>> {
    input
        .first_chunk::<N>()
        .copied()
        .ok_or_else(|| more(N, input))
}

/// For `frame`: a message of this length, once it is there.
pub(crate) fn whole(input: &[u8], length: usize) -> Framed {
    if input.len() < length {
        Err(more(length, input))
    } else {
        Ok(Cut::whole(length))
    }
}

/// For `frame`: these octets are not ours.
pub(crate) fn foreign(what: &'static str, input: &[u8]) -> nom::Err<Fault> {
    nom::Err::Error(Fault::value(what, input))
}

/// For `frame`: more is needed.
pub(crate) fn more(length: usize, input: &[u8]) -> nom::Err<Fault> {
    nom::Err::Incomplete(nom::Needed::new(length.saturating_sub(input.len()).max(1)))
}
