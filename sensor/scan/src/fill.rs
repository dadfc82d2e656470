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
        // What it covers goes before it: `octets_of` puts it in.
        Hole::Check { .. } => return None,
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
