//! What was said to us in an encrypted connection, as packets that the engine reads like any other.
//!
//! They were not on the wire so: whoever asked unsealed them. Their capture says that, and keeps them apart from what was captured.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use fossick_engine::{Batch, FrameIndex};
use fossick_model::Time;
use fossick_parsers::packet::LinkType;

/// `LINKTYPE_RAW`: a packet of IP without a frame around it.
const RAW: LinkType = LinkType(101);

/// A segment of TCP that says this.
fn packet(from: SocketAddr, to: SocketAddr, octets: &[u8]) -> Option<Vec<u8>> {
    let mut segment = Vec::new();
    segment.extend(from.port().to_be_bytes());
    segment.extend(to.port().to_be_bytes());
    // Sequence and acknowledgement 1; a header of five words, PSH and ACK, a window; no checksum.
    segment.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend_from_slice(octets);
    let length = u16::try_from(segment.len()).ok()?;
    let mut packet = Vec::new();
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            packet.extend([0x45, 0]);
            packet.extend(length.checked_add(20)?.to_be_bytes());
            packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
            packet.extend(from.octets());
            packet.extend(to.octets());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            packet.extend([0x60, 0, 0, 0]);
            packet.extend(length.to_be_bytes());
            packet.extend([6, 64]);
            packet.extend(from.octets());
            packet.extend(to.octets());
        }
        _ => return None,
    }
    packet.extend(segment);
    Some(packet)
}

/// The packet in which a host says this to us, and where it stands: as so manyth of a capture.
pub fn said(
    from: SocketAddr,
    to: SocketAddr,
    octets: &[u8],
    (capture, number, time): (u32, u64, Time),
) -> Option<(FrameIndex, Vec<u8>)> {
    // The ports that the connection had are those of what was captured: beside them, this is another.
    let to = SocketAddr::new(to.ip(), to.port().wrapping_add(1).max(1));
    let packet = packet(from, to, octets)?;
    let length = u32::try_from(packet.len()).ok()?;
    let index = FrameIndex {
        capture,
        number,
        time,
        link: RAW,
        block: 0,
        start: 0,
        length,
        original: length,
    };
    Some((index, packet))
}

/// One packet, as the engine takes it.
pub fn batch(index: FrameIndex, packet: &[u8]) -> Batch {
    Batch {
        blocks: vec![Arc::new(packet.to_vec())],
        frames: vec![index],
    }
}
