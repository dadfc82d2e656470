//! A packet that shows something: its layers, and which of its octets say it.

use std::fmt::Write as _;

use anyhow::Context;
use fossick_engine::{FrameIndex, Kept};
use fossick_model::{Asset, Layer, Proof};
use fossick_parsers::packet::{LinkType, Net, Packet, Transport};

use super::Book;
use crate::safe::display_safe;

/// The packet, as it is shown.
pub(super) fn proof(
    book: &dyn Book,
    asset: &Asset,
    capture: &str,
    frame: u64,
    key: &str,
) -> anyhow::Result<Proof> {
    let kept = book.packet(asset, capture, frame)?;
    let kept = kept.with_context(|| {
        format!(
            "frame {frame} of {} is not kept: it was dropped to make room, or its capture is not at hand",
            display_safe(capture)
        )
    })?;
    let exact = if key.is_empty() {
        None
    } else {
        book.marks(asset, capture, frame, key)?
    };
    let exact = exact.filter(|marks| !marks.is_empty());
    let inexact = exact.is_none();
    let marks = match exact {
        Some(marks) => Some(marks),
        None => book.marks(asset, capture, frame, "")?,
    };
    let mut marks = marks.unwrap_or_default();
    marks.sort_unstable();
    let protocol = key
        .split('.')
        .next()
        .filter(|name| !name.is_empty())
        .unwrap_or("payload");
    Ok(Proof {
        capture: capture.to_owned(),
        frame,
        time: kept.time,
        link: kept.link.0,
        original: kept.original,
        octets: Proof::digits(&kept.octets),
        marks,
        inexact,
        layers: layers(kept.link, &kept.octets, protocol),
    })
}

/// Where a part of the octets begins.
fn start(whole: &[u8], part: &[u8]) -> Option<usize> {
    let at = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    (at.saturating_add(part.len()) <= whole.len()).then_some(at)
}

fn layers(link: LinkType, octets: &[u8], protocol: &str) -> Vec<Layer> {
    let packet = Packet::decode(link, octets);
    let mut layers = Vec::new();
    let mut at = 0;
    let mut layer = |name: &str, until: usize, says: String| {
        if until > at {
            layers.push(Layer {
                name: name.to_owned(),
                first: at,
                count: until.saturating_sub(at),
                says,
            });
            at = until;
        }
    };
    let mut says = match packet.link {
        Some(link) => format!("{} → {}", link.source, link.destination),
        None => format!("link type {}", link.0),
    };
    // Writing to a string cannot fail.
    if let Some(vlan) = packet.vlan {
        let _ = write!(says, ", VLAN {vlan}");
    }
    if let Some(tunnel) = packet.tunnel {
        let (kind, source, destination) = (tunnel.kind, tunnel.source, tunnel.destination);
        let _ = write!(says, ", inside {kind} {source} → {destination}");
    }
    let name = if link.0 == 1 { "Ethernet" } else { "Link" };
    let end = octets.len();
    match packet.net {
        Net::Nothing => layer(name, end, says),
        Net::Other(carrier, payload) => {
            layer(name, start(octets, payload).unwrap_or(end), says);
            layer(protocol, end, format!("{carrier:?}"));
        }
        Net::Ip(ip) => {
            layer(name, start(octets, ip.octets).unwrap_or(end), says);
            let version = if ip.source.is_ipv4() { "IPv4" } else { "IPv6" };
            let says = format!(
                "{} → {}, time to live {}, protocol {}",
                ip.source, ip.destination, ip.hops, ip.protocol
            );
            layer(version, start(octets, ip.payload).unwrap_or(end), says);
            let payload = match ip.transport {
                Transport::Tcp(tcp) => {
                    let says = format!(
                        "{} → {}, sequence {}, flags 0x{:02x}",
                        tcp.source, tcp.destination, tcp.sequence, tcp.flags
                    );
                    layer("TCP", start(octets, tcp.payload).unwrap_or(end), says);
                    tcp.payload
                }
                Transport::Udp {
                    source,
                    destination,
                    payload,
                } => {
                    layer(
                        "UDP",
                        start(octets, payload).unwrap_or(end),
                        format!("{source} → {destination}"),
                    );
                    payload
                }
                Transport::Other => ip.payload,
            };
            let until =
                start(octets, payload).map_or(end, |first| first.saturating_add(payload.len()));
            layer(protocol, until, String::new());
            layer("padding", end, String::new());
        }
    }
    layers
}

/// How a packet that was shown is written to a capture.
#[must_use]
pub fn kept_index(proof: &Proof, length: usize) -> FrameIndex {
    FrameIndex {
        capture: 0,
        number: proof.frame,
        time: proof.time,
        link: LinkType(proof.link),
        block: 0,
        start: 0,
        length: u32::try_from(length).unwrap_or(u32::MAX),
        original: proof.original,
    }
}

/// The octets of an asset's observations in one packet; those of one key where it is named.
#[must_use]
pub fn said(asset: &Asset, capture: &str, frame: u64, key: &str) -> Vec<(usize, usize)> {
    let mut marks = Vec::new();
    for asset in std::iter::once(asset).chain(&asset.children) {
        let wanted = asset
            .observations
            .iter()
            .filter(|said| key.is_empty() || said.key == key);
        for said in wanted.filter(|said| *said.evidence.capture == *capture) {
            let own = said
                .evidence
                .octets
                .iter()
                .filter(|(number, _, _)| *number == frame);
            marks.extend(own.filter_map(|(_, first, count)| {
                Some((usize::try_from(*first).ok()?, usize::try_from(*count).ok()?))
            }));
        }
    }
    marks.sort_unstable();
    marks.dedup();
    marks
}

/// A packet of which everything is zeroed that is neither header nor said by the asset.
#[must_use]
pub fn of_packet(frame: &fossick_engine::Frame<'_>, asset: &Asset, capture: &str) -> Kept {
    Kept::of(frame, &said(asset, capture, frame.index.number, ""))
}
