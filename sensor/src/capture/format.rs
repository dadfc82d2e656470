//! pcap and pcapng: finding the frames in a block of octets.

use fossick_engine::FrameIndex;
use fossick_model::Time;
use fossick_parsers::packet::LinkType;
use pcap_parser::PcapError;
use pcap_parser::pcapng::{Block, parse_block_be, parse_block_le};

/// No packet of any link is longer; a length beyond this is damage (Wireshark's own maximum for most links).
const LONGEST_RECORD: usize = 1 << 20;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// By the first octets (RFC 1952 §2.3.1, RFC 8878 §3.1.1).
    pub fn of(magic: &[u8]) -> Compression {
        match magic {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
            _ => Compression::None,
        }
    }
}

/// Whether captures begin so.
pub fn is_capture(magic: &[u8]) -> bool {
    let pcap = [
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x34, 0xcd, 0xb2, 0xa1],
        [0x0a, 0x0d, 0x0d, 0x0a],
    ];
    pcap.iter().any(|known| magic.starts_with(known))
}

/// The format of one capture and what its headers said so far.
#[derive(Debug)]
pub enum Format {
    /// Not seen yet.
    Unknown,
    /// One header, then records.
    Pcap {
        big_endian: bool,
        /// Octets before the data of a record: 16, or 24 in Kuznetzov's modified format.
        header: usize,
        /// Nanoseconds in the unit of the fraction.
        fraction: i64,
        link: LinkType,
    },
    /// Sections of blocks.
    Pcapng {
        big_endian: bool,
        interfaces: Vec<Interface>,
    },
}

/// One interface of a pcapng section.
#[derive(Debug, Clone, Copy)]
pub struct Interface {
    link: LinkType,
    /// `if_tsresol`: a negative power of 10, or of 2 when the top bit is set.
    resolution: u8,
    /// `if_tsoffset`, seconds.
    offset: i64,
    snap_length: u32,
}

/// What stands at the front of the octets.
#[derive(Debug)]
pub enum Found {
    /// A frame; its octets begin at this offset.
    Frame(FrameIndex, usize),
    /// Something else that was understood or passed over.
    Other,
}

/// Why nothing could be read.
#[derive(Debug)]
pub enum Stop {
    /// More octets are needed.
    Incomplete,
    /// This cannot be.
    Damaged(&'static str),
}

impl Format {
    /// Reads one record or block from the front of the octets: what it was, and its length.
    pub fn next(&mut self, octets: &[u8]) -> Result<(Found, usize), Stop> {
        match self {
            Format::Unknown => self.begin(octets),
            Format::Pcap {
                big_endian,
                header,
                fraction,
                link,
            } => pcap_record(*big_endian, *header, *fraction, *link, octets),
            Format::Pcapng {
                big_endian,
                interfaces,
            } => pcapng_block(big_endian, interfaces, octets),
        }
    }

    fn begin(&mut self, octets: &[u8]) -> Result<(Found, usize), Stop> {
        if octets.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
            *self = Format::Pcapng {
                big_endian: false,
                interfaces: Vec::new(),
            };
            return self.next(octets);
        }
        let (rest, header) = pcap_parser::parse_pcap_header(octets)
            .map_err(|error| stop(&error, "no capture header"))?;
        let nanoseconds = header.is_nanosecond_precision();
        *self = Format::Pcap {
            big_endian: header.is_bigendian(),
            header: if header.is_modified_format() { 24 } else { 16 },
            fraction: if nanoseconds { 1 } else { 1000 },
            link: link_type(header.network.0),
        };
        Ok((Found::Other, octets.len().saturating_sub(rest.len())))
    }
}

/// The lower 16 bits are the link type; the upper ones tell of a frame check sequence.
fn link_type(value: i32) -> LinkType {
    LinkType(u16::try_from(value & 0xffff).unwrap_or_default())
}

/// draft-ietf-opsawg-pcap §5: seconds, fraction, octets captured, octets sent; then the data.
fn pcap_record(
    big_endian: bool,
    header: usize,
    fraction: i64,
    link: LinkType,
    octets: &[u8],
) -> Result<(Found, usize), Stop> {
    let (fields, _) = octets.split_first_chunk::<16>().ok_or(Stop::Incomplete)?;
    let [
        s0,
        s1,
        s2,
        s3,
        f0,
        f1,
        f2,
        f3,
        c0,
        c1,
        c2,
        c3,
        o0,
        o1,
        o2,
        o3,
    ] = *fields;
    let word = |octets| {
        if big_endian {
            u32::from_be_bytes(octets)
        } else {
            u32::from_le_bytes(octets)
        }
    };
    let captured = usize::try_from(word([c0, c1, c2, c3])).unwrap_or(usize::MAX);
    if captured > LONGEST_RECORD {
        return Err(Stop::Damaged("a record longer than any frame"));
    }
    let used = header.saturating_add(captured);
    if octets.len() < used {
        return Err(Stop::Incomplete);
    }
    let seconds = i64::from(word([s0, s1, s2, s3])).saturating_mul(1_000_000_000);
    let part = i64::from(word([f0, f1, f2, f3])).saturating_mul(fraction);
    let time = Time(seconds.saturating_add(part));
    let frame = frame(time, link, captured, word([o0, o1, o2, o3]));
    Ok((Found::Frame(frame, header), used))
}

fn pcapng_block(
    big_endian: &mut bool,
    interfaces: &mut Vec<Interface>,
    octets: &[u8],
) -> Result<(Found, usize), Stop> {
    let (head, _) = octets.split_first_chunk::<12>().ok_or(Stop::Incomplete)?;
    let [k0, k1, k2, k3, l0, l1, l2, l3, m0, ..] = *head;
    if [k0, k1, k2, k3] == [0x0a, 0x0d, 0x0d, 0x0a] {
        *big_endian = m0 == 0x1a;
        interfaces.clear();
    }
    let word = |octets| {
        if *big_endian {
            u32::from_be_bytes(octets)
        } else {
            u32::from_le_bytes(octets)
        }
    };
    let length = usize::try_from(word([l0, l1, l2, l3])).unwrap_or(usize::MAX);
    if length < 12 || length % 4 != 0 || length > LONGEST_RECORD.saturating_mul(16) {
        return Err(Stop::Damaged("a block of an impossible length"));
    }
    let whole = octets.get(..length).ok_or(Stop::Incomplete)?;
    // The obsolete Packet Block (type 2) is not read by the library.
    if word([k0, k1, k2, k3]) == 2 {
        return Ok((old_packet_block(whole, interfaces, &word), length));
    }
    let parse = if *big_endian {
        parse_block_be
    } else {
        parse_block_le
    };
    let (_, block) = parse(whole).map_err(|_| Stop::Damaged("a block that cannot be read"))?;
    let offset = |data: &[u8]| data.as_ptr().addr().saturating_sub(octets.as_ptr().addr());
    let found = match block {
        Block::InterfaceDescription(block) => {
            interfaces.push(Interface {
                link: link_type(block.linktype.0),
                resolution: block.if_tsresol,
                offset: block.if_tsoffset,
                snap_length: block.snaplen,
            });
            Found::Other
        }
        Block::EnhancedPacket(block) => {
            let interface = usize::try_from(block.if_id)
                .ok()
                .and_then(|id| interfaces.get(id))
                .ok_or(Stop::Damaged(
                    "a packet of an interface that is not described",
                ))?;
            let units = (u64::from(block.ts_high) << 32) | u64::from(block.ts_low);
            let captured = usize::try_from(block.caplen).unwrap_or(usize::MAX);
            let captured = captured.min(block.data.len());
            let frame = frame(
                interface.time(units),
                interface.link,
                captured,
                block.origlen,
            );
            Found::Frame(frame, offset(block.data))
        }
        Block::SimplePacket(block) => {
            let interface = interfaces.first().ok_or(Stop::Damaged(
                "a packet of an interface that is not described",
            ))?;
            let snapped = match interface.snap_length {
                0 => block.origlen,
                limit => block.origlen.min(limit),
            };
            let captured = usize::try_from(snapped).unwrap_or(usize::MAX);
            let captured = captured.min(block.data.len());
            // Simple packets carry no time.
            let frame = frame(Time(0), interface.link, captured, block.origlen);
            Found::Frame(frame, offset(block.data))
        }
        _ => Found::Other,
    };
    Ok((found, length))
}

/// draft-ietf-opsawg-pcapng, appendix A: interface (16 bits), drops, then as in an enhanced packet.
fn old_packet_block(
    block: &[u8],
    interfaces: &[Interface],
    word: &dyn Fn([u8; 4]) -> u32,
) -> Found {
    let field = |at: usize| {
        let octets = block.get(at..)?.first_chunk::<4>()?;
        Some(word(*octets))
    };
    let read = || {
        // The interface number is the half of the word that comes first in the file.
        let both = block.get(8..)?.first_chunk::<2>()?;
        let id = u16::try_from(word([both[0], both[1], 0, 0]) & 0xffff)
            .ok()
            .filter(|id| *id > 0)
            .or_else(|| u16::try_from(word([both[0], both[1], 0, 0]) >> 16).ok())?;
        let interface = interfaces.get(usize::from(id))?;
        let units = (u64::from(field(12)?) << 32) | u64::from(field(16)?);
        let captured = usize::try_from(field(20)?).ok()?;
        block.get(28..)?.get(..captured)?;
        let frame = frame(interface.time(units), interface.link, captured, field(24)?);
        Some(Found::Frame(frame, 28))
    };
    read().unwrap_or(Found::Other)
}

impl Interface {
    fn time(self, units: u64) -> Time {
        let units = i128::from(units);
        let exponent = u32::from(self.resolution & 0x7f);
        let per_second = if self.resolution & 0x80 == 0 {
            10_i128.checked_pow(exponent)
        } else {
            2_i128.checked_pow(exponent)
        };
        let nanoseconds = per_second
            .and_then(|per_second| units.checked_mul(1_000_000_000)?.checked_div(per_second))
            .and_then(|fraction| {
                i128::from(self.offset)
                    .checked_mul(1_000_000_000)?
                    .checked_add(fraction)
            });
        Time(nanoseconds.and_then(|n| i64::try_from(n).ok()).unwrap_or(0))
    }
}

fn frame(time: Time, link: LinkType, captured: usize, original: u32) -> FrameIndex {
    FrameIndex {
        capture: 0,
        number: 0,
        time,
        link,
        block: 0,
        start: 0,
        length: u32::try_from(captured).unwrap_or(u32::MAX),
        original,
    }
}

fn stop(error: &nom::Err<PcapError<&[u8]>>, what: &'static str) -> Stop {
    match error {
        nom::Err::Incomplete(_) => Stop::Incomplete,
        _ => Stop::Damaged(what),
    }
}
