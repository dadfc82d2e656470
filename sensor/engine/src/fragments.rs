//! IP packets put together from their fragments (RFC 791 §3.2, RFC 8200 §4.5).

use std::net::IpAddr;

use fossick_model::Time;
use fossick_parsers::packet::{Fragment, Ip};

use crate::limits;
use crate::stream::Piece;

#[derive(Debug)]
struct Part {
    offset: usize,
    octets: Vec<u8>,
    frame: u64,
    at: usize,
    time: Time,
}

#[derive(Debug)]
struct Partial {
    source: IpAddr,
    destination: IpAddr,
    id: u32,
    protocol: u8,
    /// Octets in all, once the last part was seen.
    length: Option<usize>,
    parts: Vec<Part>,
}

/// Packets that wait for their missing parts; the oldest gives way.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    partial: std::collections::VecDeque<Partial>,
    given_up: u64,
}

impl Fragments {
    /// How many packets gave way unfinished since the last call.
    pub fn take_given_up(&mut self) -> u64 {
        std::mem::take(&mut self.given_up)
    }

    /// Takes one part; the whole payload when it was the last that was missing.
    pub fn add(
        &mut self,
        ip: &Ip<'_>,
        fragment: Fragment,
        (frame, at, time): (u64, usize, Time),
    ) -> Option<(Vec<u8>, Vec<Piece>)> {
        let same = |p: &Partial| {
            (p.source, p.destination, p.id, p.protocol)
                == (ip.source, ip.destination, fragment.id, ip.protocol)
        };
        let index = self.partial.iter().position(same).unwrap_or_else(|| {
            if self.partial.len() >= limits::FRAGMENTED {
                self.partial.pop_front();
                self.given_up = self.given_up.saturating_add(1);
            }
            self.partial.push_back(Partial {
                source: ip.source,
                destination: ip.destination,
                id: fragment.id,
                protocol: ip.protocol,
                length: None,
                parts: Vec::new(),
            });
            self.partial.len().saturating_sub(1)
        });
        let partial = self.partial.get_mut(index)?;
        let offset = usize::from(fragment.offset);
        if !fragment.more {
            partial.length = Some(offset.saturating_add(ip.payload.len()));
        }
        // The first copy of a part counts; later ones may be forged to replace it.
        let known = partial.parts.iter().any(|part| part.offset == offset);
        if !known && partial.parts.len() < limits::FRAGMENTS {
            partial.parts.push(Part {
                offset,
                octets: ip.payload.to_vec(),
                frame,
                at,
                time,
            });
        }
        let whole = partial.assemble()?;
        self.partial.remove(index);
        Some(whole)
    }
}

impl Partial {
    fn assemble(&mut self) -> Option<(Vec<u8>, Vec<Piece>)> {
        let length = self.length.filter(|length| *length <= limits::MESSAGE)?;
        self.parts.sort_by_key(|part| part.offset);
        let mut octets = Vec::new();
        let mut pieces = Vec::new();
        for part in &self.parts {
            // Parts that overlap or leave a hole are not put together.
            if part.offset != octets.len() {
                return None;
            }
            pieces.push(Piece {
                start: octets.len(),
                frame: part.frame,
                at: part.at,
                length: part.octets.len(),
                time: part.time,
            });
            octets.extend_from_slice(&part.octets);
        }
        (octets.len() == length).then_some((octets, pieces))
    }
}
