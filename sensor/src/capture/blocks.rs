//! One capture, read block by block.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fossick_engine::FrameIndex;

use super::format::{Compression, Format, Found, Stop, is_capture};
use super::paths::STANDARD_INPUT;
use super::{OpenError, Trouble};

/// Octets read at once.
const BLOCK: usize = 64 * 1024;

/// Blocks that the workers hold at a time, as a rule.
const BLOCKS_UNDER_WAY: usize = 64;

/// One capture that is being read.
pub struct Capture {
    number: u32,
    name: Arc<str>,
    /// Gone when everything was read.
    source: Option<Box<dyn Read + Send>>,
    format: Format,
    /// Octets read but not yet understood: the front of the next block.
    rest: Vec<u8>,
    /// Blocks handed out, oldest first: used again when nobody holds them any more.
    issued: VecDeque<Arc<Vec<u8>>>,
    /// Octets of the capture before `rest`.
    offset: u64,
    frames: u64,
    /// Frames of the block before: about as many as in the next.
    expected: usize,
    trouble: Option<Trouble>,
}

/// Frames that lie in one block.
pub struct Chunk {
    pub block: Arc<Vec<u8>>,
    pub frames: Vec<FrameIndex>,
}

impl Capture {
    /// Opens a capture and looks at its first octets.
    pub fn open(path: &Path, number: u32) -> Result<Capture, OpenError> {
        let unreadable = |source| OpenError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let file: Box<dyn Read + Send> = if path == Path::new(STANDARD_INPUT) {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(path).map_err(unreadable)?)
        };
        let name = path.file_name().unwrap_or(path.as_os_str());
        Capture::of(path, &name.to_string_lossy(), file, number)
    }

    /// Looks at the first octets of a capture that is read from wherever it is.
    pub fn of(
        path: &Path,
        name: &str,
        source: Box<dyn Read + Send>,
        number: u32,
    ) -> Result<Capture, OpenError> {
        let unreadable = |source| OpenError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let (magic, file) = peek(source).map_err(unreadable)?;
        let source: Box<dyn Read + Send> = match Compression::of(&magic) {
            Compression::None => file,
            Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(file)),
            Compression::Zstd => Box::new(zstd::Decoder::new(file).map_err(unreadable)?),
        };
        let (magic, source) = if Compression::of(&magic) == Compression::None {
            (magic, source)
        } else {
            peek(source).map_err(unreadable)?
        };
        let path: PathBuf = path.to_owned();
        if magic.is_empty() {
            return Err(OpenError::Empty { path });
        }
        if !is_capture(&magic) {
            return Err(OpenError::NotACapture { path });
        }
        Ok(Capture {
            number,
            name: Arc::from(name),
            source: Some(source),
            format: Format::Unknown,
            rest: Vec::new(),
            issued: VecDeque::new(),
            offset: 0,
            frames: 0,
            expected: 0,
            trouble: None,
        })
    }

    /// Its name, without the folder.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Why reading stopped early, if it did.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Octets read so far (uncompressed).
    pub fn octets(&self) -> u64 {
        self.offset
    }

    /// The next frames; nothing at the end.
    pub fn next(&mut self) -> Option<Chunk> {
        while self.source.is_some() {
            let mut block = self.spare();
            let (filled, ended) = self.fill(&mut block);
            let octets = block.get(..filled).unwrap_or_default();
            let (frames, used) = self.frames(octets, ended);
            self.offset = self.offset.saturating_add(used as u64);
            if self.source.is_some() {
                self.rest
                    .extend_from_slice(octets.get(used..).unwrap_or_default());
            }
            if !frames.is_empty() {
                let block = Arc::new(block);
                self.issued.push_back(Arc::clone(&block));
                self.expected = frames.len();
                return Some(Chunk { block, frames });
            }
        }
        None
    }

    /// A block to be filled: the one that was given back last, which is still near, or a new one.
    fn spare(&mut self) -> Vec<u8> {
        let free = |block: &Arc<Vec<u8>>| Arc::strong_count(block) == 1;
        let free = self.issued.iter().rposition(free);
        let block = free.and_then(|place| self.issued.remove(place));
        if block.is_none() && self.issued.len() >= BLOCKS_UNDER_WAY {
            self.issued.pop_front();
        }
        block.and_then(Arc::into_inner).unwrap_or_default()
    }

    /// Fills the block with what is left of the one before and what comes next: how many octets it then holds, and
    /// whether there are no more. What else lies in it is of an earlier time.
    fn fill(&mut self, block: &mut Vec<u8>) -> (usize, bool) {
        // A record longer than a block makes the block grow.
        let wanted = BLOCK.max(self.rest.len().saturating_mul(2));
        block.resize(wanted, 0);
        let mut filled = self.rest.len();
        if let Some(front) = block.get_mut(..filled) {
            front.copy_from_slice(&self.rest);
        }
        self.rest.clear();
        while let Some(free) = block.get_mut(filled..).filter(|free| !free.is_empty()) {
            let Some(source) = &mut self.source else {
                return (filled, true);
            };
            match source.read(free) {
                Ok(0) => return (filled, true),
                Ok(read) => filled = filled.saturating_add(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.give_up(filled, format!("reading failed ({error})"));
                    return (filled, true);
                }
            }
        }
        (filled, false)
    }

    /// The frames in the block, and how many of its octets were understood.
    fn frames(&mut self, block: &[u8], ended: bool) -> (Vec<FrameIndex>, usize) {
        let mut frames = Vec::with_capacity(self.expected);
        let mut used = 0;
        while let Some(octets) = block.get(used..).filter(|octets| !octets.is_empty()) {
            match self.format.next(octets) {
                Ok((found, length)) => {
                    if let Found::Frame(mut frame, start) = found {
                        self.frames = self.frames.saturating_add(1);
                        frame.capture = self.number;
                        frame.number = self.frames;
                        let start = used.saturating_add(start);
                        frame.start = u32::try_from(start).unwrap_or(u32::MAX);
                        frames.push(frame);
                    }
                    used = used.saturating_add(length);
                }
                Err(Stop::Incomplete) if !ended => return (frames, used),
                Err(Stop::Incomplete) => {
                    self.give_up(used, "the capture ends inside a record".to_owned());
                    return (frames, used);
                }
                Err(Stop::Damaged(what)) => {
                    self.give_up(used, what.to_owned());
                    return (frames, used);
                }
            }
        }
        if ended {
            self.source = None;
        }
        (frames, used)
    }

    fn give_up(&mut self, used: usize, what: String) {
        self.source = None;
        self.trouble.get_or_insert(Trouble {
            capture: Arc::clone(&self.name),
            frame: self.frames,
            offset: self.offset.saturating_add(used as u64),
            what,
        });
    }
}

/// The first four octets, and a reader that begins with them.
fn peek(mut source: Box<dyn Read + Send>) -> io::Result<(Vec<u8>, Box<dyn Read + Send>)> {
    let mut magic = Vec::new();
    (&mut source).take(4).read_to_end(&mut magic)?;
    let whole = io::Cursor::new(magic.clone()).chain(source);
    Ok((magic, Box::new(whole)))
}
