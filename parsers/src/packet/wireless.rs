//! IEEE 802.11: data frames in the clear, alone or behind a radiotap header.

use super::{Decoded, Decoder, Link, Stop, split};
use crate::statement::Mac;

/// Bits of radiotap's `Flags` field.
mod reception {
    /// Padding between the 802.11 header and its body, to a multiple of four octets.
    pub const PADDED: u8 = 0x20;
    /// The frame check failed: nothing in the frame can be believed.
    pub const DAMAGED: u8 = 0x40;
}

impl<'a> Decoder<'_, 'a> {
    /// Radiotap (radiotap.org): a length, and fields about reception, of which `Flags` alone matters here.
    pub(super) fn radiotap(&mut self, octets: &'a [u8]) -> Decoded {
        let (header, _) = split::<8>(octets, "radiotap header")?;
        let [version, _, l0, l1, ..] = *header;
        if version != 0 {
            return Err(Stop::Malformed("radiotap version"));
        }
        let length = usize::from(u16::from_le_bytes([l0, l1]));
        let (header, frame) = octets
            .split_at_checked(length)
            .ok_or(Stop::Short("radiotap header"))?;
        let flags = radiotap_flags(header).unwrap_or_default();
        if flags & reception::DAMAGED != 0 {
            return Err(Stop::Malformed("802.11 frame check"));
        }
        self.data_frame(frame, flags & reception::PADDED != 0)
    }

    /// A frame from its 802.11 header on.
    pub(super) fn wireless(&mut self, octets: &'a [u8]) -> Decoded {
        self.data_frame(octets, false)
    }

    /// IEEE 802.11-2020 §9.3.2.
    fn data_frame(&mut self, octets: &'a [u8], padded: bool) -> Decoded {
        let (control, _) = split::<2>(octets, "802.11 frame control")?;
        let [kind, flags] = *control;
        // The lowest bits are the version. Type 2 is data; its null subtypes (bit 6) carry none.
        // Management and control frames are often shorter than a data frame's header.
        if kind & 0x03 != 0 {
            return Err(Stop::Malformed("802.11 version"));
        }
        if kind & 0x0c != 0x08 || kind & 0x40 != 0 {
            return Ok(());
        }
        let (_, rest) = split::<4>(octets, "802.11 header")?;
        let (first, rest) = mac(rest)?;
        let (second, rest) = mac(rest)?;
        let (third, rest) = mac(rest)?;
        let (sequence, mut rest) = split::<2>(rest, "802.11 sequence control")?;
        // Table 9-30: whom the addresses name depends on the directions to and from the distribution system.
        let (destination, source) = match flags & 3 {
            0 => (first, second),
            1 => (third, second),
            2 => (first, third),
            _ => {
                let (fourth, after) = mac(rest)?;
                rest = after;
                (third, fourth)
            }
        };
        self.packet.link = Some(Link {
            source,
            destination,
        });
        let mut aggregate = false;
        if kind & 0x80 != 0 {
            let (qos, after) = split::<2>(rest, "802.11 qos control")?;
            let [low, _] = *qos;
            aggregate = low & 0x80 != 0;
            rest = after;
            if flags & 0x80 != 0 {
                rest = split::<4>(rest, "802.11 ht control")?.1;
            }
        }
        if flags & 0x40 != 0 {
            return Err(Stop::Encrypted);
        }
        // Later fragments begin in the middle of something.
        let [sequence, _] = *sequence;
        if sequence & 0x0f != 0 {
            return Ok(());
        }
        if padded {
            let header = octets.len().saturating_sub(rest.len());
            let padding = header.next_multiple_of(4).saturating_sub(header);
            rest = rest.get(padding..).ok_or(Stop::Short("802.11 padding"))?;
        }
        if aggregate {
            return self.first_of_aggregate(rest);
        }
        self.llc(rest)
    }

    /// §9.3.2.2: several frames in one, each behind addresses and a length. Only the first is read.
    fn first_of_aggregate(&mut self, octets: &'a [u8]) -> Decoded {
        let (destination, rest) = mac(octets)?;
        let (source, rest) = mac(rest)?;
        let (length, rest) = split::<2>(rest, "802.11 aggregate length")?;
        self.packet.link = Some(Link {
            source,
            destination,
        });
        let length = usize::from(u16::from_be_bytes(*length));
        self.llc(rest.get(..length).unwrap_or(rest))
    }
}

fn mac(octets: &[u8]) -> Result<(Mac, &[u8]), Stop> {
    let (mac, rest) = split::<6>(octets, "802.11 address")?;
    Ok((Mac(*mac), rest))
}

/// The `Flags` field (bit 1 of the first `present` word), where there is one. Fields are aligned to their size,
/// counted from the start of the header; before it comes only `TSFT` (bit 0), of eight octets.
fn radiotap_flags(header: &[u8]) -> Option<u8> {
    let (_, mut words) = header.split_at_checked(4)?;
    let (first, _) = words.split_first_chunk::<4>()?;
    let present = u32::from_le_bytes(*first);
    if present & 2 == 0 {
        return None;
    }
    // Bit 31 announces another word; the header's length bounds them.
    loop {
        let (word, after) = words.split_first_chunk::<4>()?;
        words = after;
        if u32::from_le_bytes(*word) >> 31 == 0 {
            break;
        }
    }
    let mut at = header.len().saturating_sub(words.len());
    if present & 1 != 0 {
        at = at.next_multiple_of(8).saturating_add(8);
    }
    header.get(at).copied()
}
