//! The knowledge file: sorted records in packed blocks, with an index at the end.
//!
//! It is written once, from front to back, and never changed: an import merges the old file with what is new into a new
//! one, which then takes the old one's place. That is why it is no database: nothing in it is updated in place, a reader
//! needs no lock, and the whole of it can be read from any `Read + Seek`. Every block carries a checksum; a length is
//! held against its limit before anything is allocated.
//!
//! ```text
//! magic │ block … │ index: (offset, first key) … │ offset of index, its length, its CRC, magic
//! block: packed length, length, CRC-32 of what is in it, deflated records
//! record: length of key (u16), length of value (u32), key, value
//! ```
//! Numbers are little-endian.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use crate::limits;

const MAGIC: &[u8; 8] = b"FOSSKNW1";
/// Octets after the index.
const TAIL: u64 = 8 + 8 + 4 + 8;

/// A record: its key, its rank (of two with the same key the higher stays) and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Sorted by this.
    pub key: String,
    /// A date or a revision, as text that sorts.
    pub rank: String,
    /// Text.
    pub value: String,
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the knowledge file is damaged: {what}"),
    )
}

fn checksum(octets: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(octets);
    crc.sum()
}

/// Writes records in the order of their keys.
pub struct Writer<W> {
    out: W,
    at: u64,
    block: Vec<u8>,
    first: Option<String>,
    last: Option<String>,
    index: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        let at = MAGIC.len() as u64;
        Ok(Writer {
            out,
            at,
            block: Vec::new(),
            first: None,
            last: None,
            index: Vec::new(),
        })
    }

    /// Adds a record; its key is above every key so far.
    ///
    /// # Errors
    /// It cannot be written, or is out of order or too long.
    pub fn add(&mut self, record: &Record) -> io::Result<()> {
        let value = record
            .rank
            .len()
            .saturating_add(record.value.len())
            .saturating_add(1);
        if value > limits::RECORD || record.key.len() > limits::KEY {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the record is too long",
            ));
        }
        if self.last.as_ref().is_some_and(|last| *last >= record.key) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "records are out of order",
            ));
        }
        let key_length = u16::try_from(record.key.len()).unwrap_or(u16::MAX);
        let value_length = u32::try_from(value).unwrap_or(u32::MAX);
        self.block.extend(key_length.to_le_bytes());
        self.block.extend(value_length.to_le_bytes());
        self.block.extend(record.key.as_bytes());
        self.block.extend(record.rank.as_bytes());
        self.block.push(b'\n');
        self.block.extend(record.value.as_bytes());
        if self.first.is_none() {
            self.first = Some(record.key.clone());
        }
        self.last = Some(record.key.clone());
        if self.block.len() >= limits::BLOCK {
            self.close()?;
        }
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        let Some(first) = self.first.take() else {
            return Ok(());
        };
        let mut packer = DeflateEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(&self.block)?;
        let packed = packer.finish()?;
        let length = |octets: &[u8]| {
            u32::try_from(octets.len())
                .unwrap_or(u32::MAX)
                .to_le_bytes()
        };
        self.index.extend(self.at.to_le_bytes());
        self.index
            .extend(u16::try_from(first.len()).unwrap_or(u16::MAX).to_le_bytes());
        self.index.extend(first.as_bytes());
        self.out.write_all(&length(&packed))?;
        self.out.write_all(&length(&self.block))?;
        self.out.write_all(&checksum(&self.block).to_le_bytes())?;
        self.out.write_all(&packed)?;
        self.at = self
            .at
            .saturating_add(12)
            .saturating_add(packed.len() as u64);
        self.block.clear();
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.close()?;
        self.out.write_all(&self.index)?;
        self.out.write_all(&self.at.to_le_bytes())?;
        self.out
            .write_all(&(self.index.len() as u64).to_le_bytes())?;
        self.out.write_all(&checksum(&self.index).to_le_bytes())?;
        self.out.write_all(MAGIC)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Anything that can be read from any place in it.
pub trait Source: Read + Seek + Send {}
impl<T: Read + Seek + Send> Source for T {}

/// A place that was written and is now read.
struct Written(Box<dyn crate::staging::Aside>);
impl Read for Written {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.0.read(to)
    }
}
impl Seek for Written {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

/// Reads records by key.
pub struct Reader {
    source: Box<dyn Source>,
    blocks: Vec<(String, u64)>,
    end: u64,
    kept: Vec<(usize, Arc<Vec<Record>>)>,
}

fn number<const N: usize>(octets: &[u8], at: usize) -> Option<[u8; N]> {
    octets.get(at..at.checked_add(N)?)?.try_into().ok()
}

impl Reader {
    /// Opens a file.
    ///
    /// # Errors
    /// It cannot be read, or is no knowledge file, or is damaged.
    pub fn open(mut source: Box<dyn Source>) -> io::Result<Self> {
        let length = source.seek(SeekFrom::End(0))?;
        let Some(tail_at) = length
            .checked_sub(TAIL)
            .filter(|at| *at >= MAGIC.len() as u64)
        else {
            return Err(damaged("it is too short"));
        };
        source.seek(SeekFrom::Start(tail_at))?;
        let mut tail = Vec::new();
        source.by_ref().take(TAIL).read_to_end(&mut tail)?;
        let field = |at| number::<8>(&tail, at).map_or(0, u64::from_le_bytes);
        let (at, index_length) = (field(0), field(8));
        let crc = number::<4>(&tail, 16).map_or(0, u32::from_le_bytes);
        let most = (limits::BLOCKS as u64).saturating_mul(64);
        let fits = at.checked_add(index_length) == Some(tail_at) && index_length <= most;
        if tail.get(20..) != Some(MAGIC) || !fits {
            return Err(damaged("its end is not that of a knowledge file"));
        }
        source.seek(SeekFrom::Start(at))?;
        let mut index = Vec::new();
        source.by_ref().take(index_length).read_to_end(&mut index)?;
        if checksum(&index) != crc {
            return Err(damaged("the checksum of its index"));
        }
        let mut blocks = Vec::new();
        let mut place = 0_usize;
        while place < index.len() {
            let offset = number::<8>(&index, place).map(u64::from_le_bytes);
            let size = number::<2>(&index, place.saturating_add(8)).map(u16::from_le_bytes);
            let (Some(offset), Some(size)) = (offset, size) else {
                return Err(damaged("its index ends early"));
            };
            let from = place.saturating_add(10);
            let to = from.saturating_add(size.into());
            let key = index
                .get(from..to)
                .and_then(|key| std::str::from_utf8(key).ok());
            let Some(key) = key.filter(|_| offset < at) else {
                return Err(damaged("a key of its index"));
            };
            blocks.push((key.to_owned(), offset));
            place = to;
        }
        Ok(Reader {
            source,
            blocks,
            end: at,
            kept: Vec::new(),
        })
    }

    /// Opens what was written to a place of its own.
    ///
    /// # Errors
    /// It cannot be read, or is no knowledge file, or is damaged.
    pub fn of(written: Box<dyn crate::staging::Aside>) -> io::Result<Self> {
        Reader::open(Box::new(Written(written)))
    }

    fn load(&mut self, which: usize) -> io::Result<Vec<Record>> {
        let Some((_, offset)) = self.blocks.get(which) else {
            return Ok(Vec::new());
        };
        self.source.seek(SeekFrom::Start(*offset))?;
        let mut head = [0; 12];
        self.source.read_exact(&mut head)?;
        let field = |at| number::<4>(&head, at).map_or(0, u32::from_le_bytes);
        let (packed, length, crc) = (field(0), field(4), field(8));
        let most = limits::RECORD
            .saturating_add(limits::BLOCK)
            .saturating_add(limits::KEY);
        if u64::from(packed) > self.end || usize::try_from(length).unwrap_or(usize::MAX) > most {
            return Err(damaged("the length of a block"));
        }
        let mut octets = Vec::new();
        let inside = self.source.by_ref().take(packed.into());
        DeflateDecoder::new(inside)
            .take(length.into())
            .read_to_end(&mut octets)?;
        if checksum(&octets) != crc {
            return Err(damaged("the checksum of a block"));
        }
        records(&octets).ok_or_else(|| damaged("a record"))
    }

    fn block(&mut self, which: usize) -> io::Result<Arc<Vec<Record>>> {
        if let Some(at) = self.kept.iter().position(|(kept, _)| *kept == which) {
            let found = self.kept.remove(at);
            let records = Arc::clone(&found.1);
            self.kept.push(found);
            return Ok(records);
        }
        let records = Arc::new(self.load(which)?);
        if self.kept.len() >= limits::BLOCKS_KEPT {
            self.kept.remove(0);
        }
        self.kept.push((which, Arc::clone(&records)));
        Ok(records)
    }

    /// The block in which a key would stand.
    fn place(&self, key: &str) -> usize {
        self.blocks
            .partition_point(|(first, _)| first.as_str() <= key)
            .saturating_sub(1)
    }

    /// The record with this key.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn get(&mut self, key: &str) -> io::Result<Option<Record>> {
        let block = self.block(self.place(key))?;
        let found = block.binary_search_by(|record| record.key.as_str().cmp(key));
        Ok(found.ok().and_then(|at| block.get(at)).cloned())
    }

    /// Every record whose key begins so, in order, while the visitor wants more.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn scan(&mut self, prefix: &str, mut visit: impl FnMut(&Record) -> bool) -> io::Result<()> {
        for which in self.place(prefix)..self.blocks.len() {
            let block = self.block(which)?;
            let from = block.partition_point(|record| record.key.as_str() < prefix);
            for record in block.get(from..).unwrap_or_default() {
                if !record.key.starts_with(prefix) || !visit(record) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Reads everything from front to back.
    #[must_use]
    pub fn all(self) -> All {
        All {
            reader: self,
            next: 0,
            block: Vec::new().into_iter(),
        }
    }
}

fn records(octets: &[u8]) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    let mut at = 0_usize;
    while at < octets.len() {
        let key_length: usize = u16::from_le_bytes(number::<2>(octets, at)?).into();
        let value = u32::from_le_bytes(number::<4>(octets, at.checked_add(2)?)?);
        let from = at.checked_add(6)?;
        let middle = from.checked_add(key_length)?;
        let end = middle.checked_add(usize::try_from(value).ok()?)?;
        let key = std::str::from_utf8(octets.get(from..middle)?).ok()?;
        let value = std::str::from_utf8(octets.get(middle..end)?).ok()?;
        let (rank, value) = value.split_once('\n')?;
        records.push(Record {
            key: key.to_owned(),
            rank: rank.to_owned(),
            value: value.to_owned(),
        });
        at = end;
    }
    Some(records)
}

/// Every record of a file.
pub struct All {
    reader: Reader,
    next: usize,
    block: std::vec::IntoIter<Record>,
}

impl Iterator for All {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.block.next() {
                return Some(Ok(record));
            }
            if self.next >= self.reader.blocks.len() {
                return None;
            }
            let block = self.reader.load(self.next);
            self.next = self.next.saturating_add(1);
            match block {
                Ok(block) => self.block = block.into_iter(),
                Err(error) => {
                    self.next = usize::MAX;
                    return Some(Err(error));
                }
            }
        }
    }
}
