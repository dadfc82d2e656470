//! Packets kept because they prove something: headers and the octets that say it, the rest masked.
//!
//! Packets hold patients' names and passwords; what is kept outlives the capture, so nothing else may be in it.

use fossick_model::Time;
use fossick_parsers::packet::{LinkType, Net, Packet, Transport};

use crate::batch::Frame;
use crate::limits::KEPT_OCTETS;

/// A packet as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Which capture, by the number the inventory gave it.
    pub capture: u32,
    /// Counts from 1 within its capture.
    pub frame: u64,
    /// When it was captured.
    pub time: Time,
    /// How its octets begin.
    pub link: LinkType,
    /// Octets that were on the wire.
    pub original: u32,
    /// Its octets up to the last that proves something, at most [`KEPT_OCTETS`]; those masked are zero.
    pub octets: Vec<u8>,
}

impl Kept {
    /// The frame with everything masked but its headers and these octets (first, count), cut behind the last of them.
    #[must_use]
    pub fn of(frame: &Frame<'_>, evidence: &[(usize, usize)]) -> Kept {
        let mut octets = masked(frame, evidence);
        let ends = evidence.iter().map(|(at, count)| at.saturating_add(*count));
        let end = ends.max().unwrap_or_default().max(headers(frame));
        octets.truncate(end.min(KEPT_OCTETS));
        Kept {
            capture: frame.index.capture,
            frame: frame.index.number,
            time: frame.index.time,
            link: frame.index.link,
            original: frame.index.original,
            octets,
        }
    }
}

/// The frame with everything zeroed that is neither a header nor evidence (first octet, count).
#[must_use]
pub fn masked(frame: &Frame<'_>, evidence: &[(usize, usize)]) -> Vec<u8> {
    let mut kept = vec![0; frame.octets.len()];
    let headers = (0, headers(frame));
    for (start, count) in evidence.iter().copied().chain([headers]) {
        let end = start.saturating_add(count).min(frame.octets.len());
        if let (Some(to), Some(from)) = (kept.get_mut(start..end), frame.octets.get(start..end)) {
            to.copy_from_slice(from);
        }
    }
    kept
}

/// How many octets of link, network and transport headers begin the frame.
fn headers(frame: &Frame<'_>) -> usize {
    let packet = Packet::decode(frame.index.link, frame.octets);
    let payload: &[u8] = match packet.net {
        Net::Ip(ip) => match ip.transport {
            Transport::Tcp(tcp) => tcp.payload,
            Transport::Udp { payload, .. } => payload,
            Transport::Other => ip.payload,
        },
        Net::Other(_, payload) => payload,
        Net::Nothing => return 0,
    };
    crate::proof::offset_in(frame.octets, payload).unwrap_or_default()
}
