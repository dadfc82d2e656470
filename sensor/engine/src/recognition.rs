//! Which protocol unrecognised data is: by content, those expected on the ports first.

use fossick_parsers::Protocol;

use crate::flow::{Flow, Held, Side};
use crate::proof::{Now, Origin, locate};
use crate::registry::Registry;
use crate::stream::Piece;

/// What looking at unrecognised data found.
pub(crate) enum Identified {
    Yes,
    /// More may show it.
    NotYet,
    /// These octets begin no message that we know.
    No,
}

/// Tries every stream protocol that may begin like the data, those expected on these ports first.
pub(crate) fn identify_stream(
    flow: &mut Flow,
    side: Side,
    ports: (u16, u16),
    octets: &[u8],
    known: &Registry,
) -> Identified {
    let Some(first) = octets.first() else {
        return Identified::No;
    };
    let mut waits = false;
    for protocol in known.streams(*first, ports) {
        let Some(frame) = protocol.frame else {
            continue;
        };
        let mut rest = octets;
        while !rest.is_empty() {
            let cut = match frame(rest) {
                Ok(cut) => cut,
                Err(nom::Err::Incomplete(_)) => {
                    waits = true;
                    break;
                }
                Err(_) => break,
            };
            let length = cut.length.clamp(1, rest.len());
            let message = rest.get(..length).unwrap_or_default();
            if let Some(recognition) = (protocol.recognise)(message) {
                let party = flow.parties.at_mut(side);
                party.maybe = party.maybe.or(Some(protocol));
                let agreed = flow
                    .parties
                    .at(side.other())
                    .maybe
                    .is_some_and(|other| std::ptr::eq(other, protocol));
                if recognition.strong || agreed {
                    flow.protocol = Some(protocol);
                    flow.correct(side, recognition.from);
                    return Identified::Yes;
                }
            }
            waits = true;
            let skip = usize::try_from(cut.skip).unwrap_or(usize::MAX);
            rest = rest.get(length.saturating_add(skip)..).unwrap_or_default();
        }
    }
    if waits {
        Identified::NotYet
    } else {
        Identified::No
    }
}

/// What a connection goes on in where its protocol ends: behind a proxy's consent, after an upgrade.
/// Only a strongly marked message shows it.
pub(crate) fn successor(
    flow: &mut Flow,
    side: Side,
    ports: (u16, u16),
    octets: &[u8],
    known: &Registry,
) -> Option<&'static Protocol> {
    let current = flow.protocol?;
    for protocol in known.streams(*octets.first()?, ports) {
        let Some(frame) = protocol.frame.filter(|_| !std::ptr::eq(protocol, current)) else {
            continue;
        };
        let Ok(cut) = frame(octets) else {
            continue;
        };
        let length = cut.length.clamp(1, octets.len());
        let message = octets.get(..length).unwrap_or_default();
        if let Some(recognition) = (protocol.recognise)(message).filter(|found| found.strong) {
            flow.protocol = Some(protocol);
            flow.succeeded = true;
            flow.faults = 0;
            flow.correct(side, recognition.from);
            return Some(protocol);
        }
    }
    None
}

/// Tries every datagram protocol, those expected on these ports first.
pub(crate) fn identify_datagram(
    now: Now<'_>,
    flow: &mut Flow,
    side: Side,
    ports: (u16, u16),
    payload: &[u8],
    origin: Origin<'_>,
    known: &Registry,
) {
    for protocol in known.datagrams(ports) {
        let Some(recognition) = (protocol.recognise)(payload) else {
            continue;
        };
        let other = flow.parties.at(side.other()).maybe;
        let agreed = other.is_some_and(|other| std::ptr::eq(other, protocol));
        if recognition.strong || agreed {
            flow.protocol = Some(protocol);
            flow.correct(side, recognition.from);
            return;
        }
        let party = flow.parties.at_mut(side);
        if party.maybe.is_none() {
            party.maybe = Some(protocol);
            let piece = locate(now, origin, payload).first().copied();
            flow.halves.at_mut(side).held = piece.map(|(frame, at, length)| {
                Box::new(Held {
                    protocol,
                    octets: payload.to_vec(),
                    piece: Piece {
                        start: 0,
                        frame,
                        at,
                        length,
                        time: now.time,
                    },
                })
            });
        }
    }
}
