//! What is put into the holes of a question.

use std::collections::BTreeMap;
use std::net::IpAddr;

use fossick_parsers::{Hole, Piece, Step};

use crate::interface::Interface;

/// Values of settings, by name, for one question.
pub type Settings = BTreeMap<String, Vec<u8>>;

const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// Longest value of a setting.
pub const LONGEST_SETTING: usize = 255;

/// What is known when a question is put.
pub struct Known<'a> {
    /// Who is asked.
    pub target: IpAddr,
    /// About whom, where it is not about himself.
    pub about: Option<IpAddr>,
    /// Who asks.
    pub interface: &'a Interface,
    /// Values of settings.
    pub settings: &'a Settings,
    /// The port that is asked from.
    pub own_port: u16,
    /// Answers to the steps before, in order.
    pub answers: &'a [Vec<u8>],
}

/// The octets of a step. Nothing where an answer is shorter than is needed, or where no random octets are to be had.
#[must_use]
pub fn octets_of(step: &Step, known: &Known<'_>) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(step.length());
    for piece in step.sends {
        match piece {
            Piece::Octets(fixed, _) => octets.extend_from_slice(fixed),
            Piece::Hole(Hole::Check { kind, from }, _) => {
                let check = kind.of(octets.get(*from..)?);
                octets.extend(check);
            }
            Piece::Hole(hole, _) => octets.extend(filling(hole, known)?),
        }
    }
    Some(octets)
}

/// The value that a setting has.
pub fn setting<'a>(settings: &'a Settings, name: &str, default: &'static [u8]) -> &'a [u8] {
    settings.get(name).map_or(default, Vec::as_slice)
}

/// A value in a field of fixed length. Nothing where it is longer.
pub fn padded(value: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut field = value.to_vec();
    let fits = field.len() <= length;
    field.resize(length, b' ');
    fits.then_some(field)
}

/// An address as it stands in a URI.
pub fn as_text(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// The name under which an address is looked up, label by label.
pub fn reverse_name(address: IpAddr) -> Vec<u8> {
    let (labels, zone): (Vec<String>, &[u8]) = match address {
        IpAddr::V4(address) => {
            let octets = address.octets().into_iter().rev();
            (
                octets.map(|octet| octet.to_string()).collect(),
                b"\x07in-addr\x04arpa\0",
            )
        }
        IpAddr::V6(address) => {
            let octets = address.octets().into_iter().rev();
            let halves = octets.flat_map(|octet| [octet & 0x0f, octet >> 4]);
            (
                halves.map(|half| format!("{half:x}")).collect(),
                b"\x03ip6\x04arpa\0",
            )
        }
    };
    let mut name = Vec::new();
    for label in labels {
        // Of three digits at most.
        name.push(u8::try_from(label.len()).unwrap_or_default());
        name.extend(label.into_bytes());
    }
    name.extend_from_slice(zone);
    name
}

fn filling(hole: &Hole, known: &Known<'_>) -> Option<Vec<u8>> {
    let own = known.interface;
    Some(match hole {
        Hole::Answer { step, at, length } => {
            let answer = known.answers.get(*step)?;
            answer.get(*at..)?.get(..*length)?.to_vec()
        }
        Hole::Random { length } => {
            let mut random = vec![0; *length];
            getrandom::fill(&mut random).ok()?;
            random
        }
        Hole::Setting { name, default } => setting(known.settings, name, default).to_vec(),
        Hole::Padded {
            name,
            default,
            length,
        } => padded(setting(known.settings, name, default), *length)?,
        Hole::RandomText { digits } => {
            let mut random = vec![0; *digits];
            getrandom::fill(&mut random).ok()?;
            let digit = |octet: &u8| DIGITS.get(usize::from(octet & 0x0f)).copied();
            random.iter().filter_map(digit).collect()
        }
        // What a check covers goes before it: `octets_of` puts it in. A handshake depends on what is answered: `ask` leads it.
        Hole::Check { .. } | Hole::Handshake { .. } => return None,
        Hole::ReverseName => reverse_name(known.about?),
        Hole::OwnPort => known.own_port.to_be_bytes().to_vec(),
        Hole::LengthOf {
            name,
            default,
            plus,
        } => {
            let length = setting(known.settings, name, default).len();
            vec![u8::try_from(length).ok()?.checked_add(*plus)?]
        }
        Hole::Target => as_text(known.target).into_bytes(),
        Hole::OwnHardwareAddress => own.mac?.0.to_vec(),
        Hole::OwnAddress => own.address_v4()?.octets().to_vec(),
        Hole::TargetAddress => match known.target {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(_) => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_looked_up_backwards() {
        let name = |text: &str| reverse_name(text.parse().unwrap());
        assert_eq!(
            name("10.0.0.7"),
            b"\x017\x010\x010\x0210\x07in-addr\x04arpa\0"
        );
        let v6 = name("fd77::1a");
        assert_eq!(v6.len(), 74);
        assert!(v6.starts_with(b"\x01a\x011\x010\x010"));
        assert!(v6.ends_with(b"\x017\x017\x01d\x01f\x03ip6\x04arpa\0"));
    }
}
