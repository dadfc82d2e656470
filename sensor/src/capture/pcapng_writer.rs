//! Captures written by us: pcapng with a comment for each packet.
//!
//! Spec: draft-ietf-opsawg-pcapng, §4.1 (section header), §4.2 (interface), §4.3 (enhanced packet), §3.5 (comment option).

use std::io::{self, Write};

use fossick_engine::FrameIndex;
use fossick_parsers::packet::LinkType;

/// Writes one section; an interface is described when its link type is first seen. Times are in nanoseconds.
pub struct PcapngWriter<W> {
    out: W,
    interfaces: Vec<LinkType>,
}

impl<W: Write> PcapngWriter<W> {
    /// Begins the section.
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = PcapngWriter {
            out,
            interfaces: Vec::new(),
        };
        let mut body = Vec::new();
        body.extend(0x1a2b_3c4d_u32.to_le_bytes());
        body.extend(1_u16.to_le_bytes());
        body.extend(0_u16.to_le_bytes());
        body.extend((-1_i64).to_le_bytes());
        writer.block(0x0a0d_0d0a, &body)?;
        Ok(writer)
    }

    /// Writes a packet: the octets as given, the rest as the frame says.
    pub fn write(&mut self, frame: &FrameIndex, octets: &[u8], comment: &str) -> io::Result<()> {
        let interface = self.interface(frame.link)?;
        let time = u64::try_from(frame.time.0).unwrap_or_default();
        let length = u32::try_from(octets.len()).unwrap_or(u32::MAX);
        let (high, low) = (time >> 32, time & 0xffff_ffff);
        let mut body = Vec::new();
        body.extend(interface.to_le_bytes());
        for half in [high, low] {
            body.extend(u32::try_from(half).unwrap_or_default().to_le_bytes());
        }
        body.extend(length.to_le_bytes());
        body.extend(frame.original.max(length).to_le_bytes());
        padded(&mut body, octets);
        option(&mut body, 1, comment.as_bytes());
        option(&mut body, 0, &[]);
        self.block(6, &body)
    }

    /// Hands everything to the file.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn interface(&mut self, link: LinkType) -> io::Result<u32> {
        let known = self.interfaces.iter().position(|known| *known == link);
        let number = if let Some(number) = known {
            number
        } else {
            let mut body = Vec::new();
            body.extend(link.0.to_le_bytes());
            body.extend([0; 2]);
            body.extend(0_u32.to_le_bytes());
            // if_tsresol: 10^-9.
            option(&mut body, 9, &[9]);
            option(&mut body, 0, &[]);
            self.block(1, &body)?;
            self.interfaces.push(link);
            self.interfaces.len().saturating_sub(1)
        };
        Ok(u32::try_from(number).unwrap_or_default())
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(body.len().saturating_add(12)).unwrap_or(u32::MAX);
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(body)?;
        self.out.write_all(&length.to_le_bytes())
    }
}

/// Appends octets and fills up to a multiple of four.
fn padded(body: &mut Vec<u8>, octets: &[u8]) {
    body.extend_from_slice(octets);
    body.resize(body.len().next_multiple_of(4), 0);
}

/// An option; a comment longer than its length field can say is cut.
fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
    body.extend(code.to_le_bytes());
    body.extend(u16::try_from(value.len()).unwrap_or_default().to_le_bytes());
    padded(body, value);
}
