//! How a system opens and accepts TCP connections: a signature of its network stack.
//!
//! Spec: RFC 9293 §3.1 (header), §3.2 (options); RFC 7323 (window scale, timestamps). The form of the line is ours:
//! `4 ttl=64 win=mss*44 ws=7 mss=1460 opt=mss,sok,ts,nop,ws df`.

use std::fmt;

use crate::octets::{array, be16, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};

/// Signature of a SYN: the system that opened the connection.
pub const SYN: Key = Key("tcp.syn");
/// Signature of a SYN-ACK: the system that accepted it.
pub const SYN_ACK: Key = Key("tcp.syn_ack");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "tcp",
    spec: "RFC 9293",
    carriers: &[Carrier::TcpSyn],
    keys: &[SYN, SYN_ACK],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// What a signature is made of; borrows the options.
struct Signature<'a> {
    version: u8,
    /// Hops that it was sent with, as far as they can be told.
    ttl: u8,
    dont_fragment: bool,
    window: u16,
    ecn: bool,
    options: &'a [u8],
}

fn recognise(message: &[u8]) -> Option<Recognition> {
    let role = match read(message).ok()? {
        (_, true) => Role::Server,
        (_, false) => Role::Client,
    };
    Some(Recognition::STRONG.from(role))
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let (signature, accepts) = read(message.bytes)?;
    let key = if accepts { SYN_ACK } else { SYN };
    out.text(
        Subject::Sender,
        key,
        message.bytes,
        format_args!("{signature}"),
    );
    Ok(())
}

/// The signature, and whether it is of a SYN-ACK.
fn read(packet: &[u8]) -> Result<(Signature<'_>, bool), Fault> {
    let mut rest = packet;
    let first = octet(&mut rest, "ip version")?;
    let (version, ttl, dont_fragment) = if first >> 4 == 4 {
        let [_, _, _, _, _, flags, _, ttl, ..] = array::<19>(&mut rest, "ipv4 header")?;
        let options = usize::from(first & 0x0f)
            .saturating_mul(4)
            .saturating_sub(20);
        take(&mut rest, options, "ipv4 options")?;
        (4, ttl, flags & 0x40 != 0)
    } else {
        // Extension headers before a SYN are too rare to tell systems apart.
        let [_, _, _, _, _, next, hops, ..] = array::<39>(&mut rest, "ipv6 header")?;
        if next != 6 {
            return Err(Fault::value("ipv6 next header", rest));
        }
        (6, hops, true)
    };
    take(&mut rest, 12, "tcp ports and numbers")?;
    let [offset, flags] = array::<2>(&mut rest, "tcp offset and flags")?;
    if flags & 0x07 != 0x02 {
        return Err(Fault::value("tcp flags", rest));
    }
    let window = be16(&mut rest, "tcp window")?;
    take(&mut rest, 4, "tcp checksum and urgent pointer")?;
    let length = usize::from(offset >> 4)
        .saturating_mul(4)
        .saturating_sub(20);
    let options = take(&mut rest, length, "tcp options")?;
    let signature = Signature {
        version,
        ttl,
        dont_fragment,
        window,
        ecn: flags & 0xc0 == 0xc0,
        options,
    };
    Ok((signature, flags & 0x10 != 0))
}

/// One option: kind and value.
fn option<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let kind = octet(rest, "tcp option").ok()?;
    if kind < 2 {
        return Some((kind, &[]));
    }
    let length = usize::from(octet(rest, "tcp option length").ok()?);
    let value = take(rest, length.checked_sub(2)?, "tcp option value").ok()?;
    Some((kind, value))
}

impl Signature<'_> {
    fn value(&self, wanted: u8) -> Option<u16> {
        let mut rest = self.options;
        std::iter::from_fn(|| option(&mut rest)).find_map(|(kind, value)| match value {
            [low] if kind == wanted => Some(u16::from(*low)),
            [high, low] if kind == wanted => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        })
    }
}

impl fmt::Display for Signature<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ttl = [32, 64, 128].into_iter().find(|ttl| self.ttl <= *ttl);
        write!(f, "{} ttl={}", self.version, ttl.unwrap_or(255))?;
        let mss = self.value(2);
        match mss.filter(|mss| *mss >= 100 && self.window > 0 && self.window.is_multiple_of(*mss)) {
            Some(mss) => write!(f, " win=mss*{}", self.window.checked_div(mss).unwrap_or(0))?,
            None => write!(f, " win={}", self.window)?,
        }
        if let Some(scale) = self.value(3) {
            write!(f, " ws={scale}")?;
        }
        if let Some(mss) = mss {
            write!(f, " mss={mss}")?;
        }
        f.write_str(" opt=")?;
        let mut rest = self.options;
        let mut first = true;
        while let Some((kind, _)) = option(&mut rest) {
            if !first {
                f.write_str(",")?;
            }
            first = false;
            match kind {
                0 => f.write_str("eol")?,
                1 => f.write_str("nop")?,
                2 => f.write_str("mss")?,
                3 => f.write_str("ws")?,
                4 => f.write_str("sok")?,
                8 => f.write_str("ts")?,
                other => write!(f, "{other}")?,
            }
            if kind == 0 {
                break;
            }
        }
        if self.dont_fragment && self.version == 4 {
            f.write_str(" df")?;
        }
        if self.ecn {
            f.write_str(" ecn")?;
        }
        Ok(())
    }
}
