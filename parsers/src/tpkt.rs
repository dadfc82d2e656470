//! ISO transport on TCP, shared by S7comm, MMS and RDP.
//!
//! Spec: RFC 1006 §6 (TPKT) and ITU-T X.224 §13 (COTP).

use nom::Parser;
use nom::combinator::verify;
use nom::error::context;
use nom::number::streaming::{be_u16, u8};

use crate::protocol::{Cut, Fault, Framed};

/// Cuts one TPKT off a stream.
pub(crate) fn frame(input: &[u8]) -> Framed {
    let (rest, _) = context("tpkt version", verify(u8, |version| *version == 3)).parse(input)?;
    let (rest, _) = context("tpkt reserved", verify(u8, |octet| *octet == 0)).parse(rest)?;
    // RFC 1006 §6: at least seven octets, the shortest COTP TPDU included.
    let (_, length) = context("tpkt length", verify(be_u16, |n| *n >= 7)).parse(rest)?;
    nom::bytes::streaming::take::<_, _, Fault>(length).parse(input)?;
    Ok(Cut::whole(usize::from(length)))
}

/// One COTP TPDU.
pub(crate) struct Tpdu<'a> {
    /// TPDU code in the upper four bits (X.224 §13.2.2.2): 0xe0 CR, 0xd0 CC, 0xf0 DT.
    pub code: u8,
    /// The rest of the header, behind the code.
    pub header: &'a [u8],
    /// User data.
    pub data: &'a [u8],
}

/// Splits a whole TPKT into the parts of its TPDU.
pub(crate) fn tpdu(message: &[u8]) -> Result<Tpdu<'_>, Fault> {
    let (_, rest) = message
        .split_at_checked(4)
        .ok_or(Fault::short("tpkt header"))?;
    let (indicator, rest) = rest.split_first().ok_or(Fault::short("cotp length"))?;
    let (header, data) = rest
        .split_at_checked(usize::from(*indicator))
        .ok_or(Fault::short("cotp header"))?;
    let (code, header) = header.split_first().ok_or(Fault::short("cotp code"))?;
    Ok(Tpdu {
        code: code & 0xf0,
        header,
        data,
    })
}
