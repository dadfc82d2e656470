//! Octets on the control socket: chunks with their length before them, and an empty one at the end.

use std::io::{self, Read, Write};

/// Octets of one chunk.
const CHUNK: usize = 65_536;

/// Reads chunks as one stream of octets.
pub struct ChunkReader<R> {
    from: R,
    left: usize,
    ended: bool,
}

impl<R: Read> ChunkReader<R> {
    /// Begins with the first chunk.
    pub fn new(from: R) -> Self {
        ChunkReader {
            from,
            left: 0,
            ended: false,
        }
    }
}

impl<R: Read> Read for ChunkReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            let mut length = [0; 4];
            self.from.read_exact(&mut length)?;
            self.left = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
            if self.left == 0 {
                self.ended = true;
                return Ok(0);
            }
        }
        let most = self.left.min(buffer.len());
        let read = self.from.read(buffer.get_mut(..most).unwrap_or_default())?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left = self.left.saturating_sub(read);
        Ok(read)
    }
}

/// Writes octets as chunks.
pub struct ChunkWriter<W> {
    to: W,
}

impl<W: Write> ChunkWriter<W> {
    /// Nothing is written yet.
    pub fn new(to: W) -> Self {
        ChunkWriter { to }
    }

    /// Says that this was all.
    ///
    /// # Errors
    /// The other end hung up.
    pub fn finish(mut self) -> io::Result<()> {
        self.to.write_all(&[0; 4])?;
        self.to.flush()
    }
}

impl<W: Write> Write for ChunkWriter<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let part = octets.get(..CHUNK).unwrap_or(octets);
        if part.is_empty() {
            return Ok(0);
        }
        let length = u32::try_from(part.len()).unwrap_or_default();
        self.to.write_all(&length.to_be_bytes())?;
        self.to.write_all(part)?;
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
