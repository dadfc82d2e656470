//! Where a statement stands: who says it, in which octets of which frames.

use fossick_model::{Time, Transport as Carried};
use fossick_parsers::Subject;

use crate::desk::{is_group, is_somebody};
use crate::event::{Address, End, Places, Proof, Who};
use crate::stream::Piece;

/// The frame that is being read.
#[derive(Clone, Copy)]
pub(crate) struct Now<'a> {
    pub position: u32,
    pub capture: u32,
    pub frame: u64,
    pub time: Time,
    pub octets: &'a [u8],
}

/// Where the octets of a message lie: in the frame, or in a buffer put together from several.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub octets: &'a [u8],
    pub pieces: &'a [Piece],
}

/// Who says something to whom.
#[derive(Clone, Copy)]
pub(crate) struct Speakers {
    pub sender: End,
    pub receiver: End,
    pub service: Option<(Carried, u16)>,
}

pub(crate) fn whom(subject: Subject, speakers: Speakers) -> Option<Who> {
    let vlan = speakers.sender.vlan;
    let address = match subject {
        Subject::Sender | Subject::Behind(_) => speakers.sender.address()?,
        Subject::Receiver => speakers.receiver.address()?,
        Subject::Mac(mac) => Address::Mac(Some(mac).filter(|mac| is_somebody(*mac))?),
        Subject::Ip(ip) => Address::Ip(vlan, Some(ip).filter(|ip| !is_group(*ip))?),
    };
    let behind = match subject {
        Subject::Behind(place) => Some(place),
        _ => None,
    };
    Some(Who { address, behind })
}

/// Which octets of which frames `part` is: frame, first octet, count.
pub(crate) fn locate(now: Now<'_>, origin: Origin<'_>, part: &[u8]) -> Vec<(u64, usize, usize)> {
    let Some(start) = offset_in(origin.octets, part) else {
        return offset_in(now.octets, part)
            .map(|at| (now.frame, at, part.len()))
            .into_iter()
            .collect();
    };
    let end = start.saturating_add(part.len());
    let pieces = origin.pieces.iter().filter_map(|piece| {
        let from = start.max(piece.start);
        let to = end.min(piece.start.saturating_add(piece.length));
        let at = piece.at.saturating_add(from.checked_sub(piece.start)?);
        (from < to).then(|| (piece.frame, at, to.saturating_sub(from)))
    });
    pieces.collect()
}

/// The frames that carry the octets of a value; all of the message's where they cannot be told apart.
pub(crate) fn proof(now: Now<'_>, origin: Origin<'_>, message: &[u8], octets: &[u8]) -> Proof {
    let mut places = locate(now, origin, octets);
    let exact = !places.is_empty();
    if !exact {
        places = locate(now, origin, message);
    }
    let mut frames: Vec<u64> = places.iter().map(|(frame, _, _)| *frame).collect();
    frames.sort_unstable();
    frames.dedup();
    if frames.is_empty() {
        frames.push(now.frame);
    }
    let last = origin
        .pieces
        .iter()
        .filter(|piece| frames.contains(&piece.frame))
        .map(|piece| piece.time)
        .max();
    let short = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Proof {
        capture: now.capture,
        time: last.unwrap_or(now.time),
        places: match places.as_slice() {
            [(frame, at, length)] if exact => Places::One((*frame, short(*at), short(*length))),
            several if exact => {
                let parts = several.iter();
                Places::Several(
                    parts
                        .map(|(frame, at, length)| (*frame, short(*at), short(*length)))
                        .collect(),
                )
            }
            _ => Places::of(&frames, &[]),
        },
    }
}

/// Where `part` begins in `whole`, if it lies inside.
pub(crate) fn offset_in(whole: &[u8], part: &[u8]) -> Option<usize> {
    let offset = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    (offset.checked_add(part.len())? <= whole.len()).then_some(offset)
}
