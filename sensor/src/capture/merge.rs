//! Several captures as one, in time order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fossick_engine::{Batch, FrameIndex};
use fossick_model::Time;

use super::blocks::{Capture, Chunk};
use super::{OpenError, Trouble, paths};

/// Frames handed on at once.
const BATCH: usize = 4096;
/// Captures that one run can tell apart, all open at once.
const MOST: usize = 4096;

/// Captures being read.
pub struct Captures {
    readers: Vec<Reader>,
    /// The next frame of each capture that has one, by time, then by capture.
    next: BinaryHeap<Reverse<(Time, usize)>>,
    refused: Vec<OpenError>,
}

struct Reader {
    capture: Capture,
    chunk: Option<Chunk>,
    at: usize,
}

impl Captures {
    /// Opens files, the captures of folders, and standard input (`-`). What cannot be opened is among the
    /// [`Captures::refused`], so that the others are read all the same.
    ///
    /// # Errors
    /// Where none can be opened: why the first cannot.
    pub fn open(paths: &[PathBuf]) -> Result<Captures, OpenError> {
        let files = paths::expand(paths)?;
        if files.len() > MOST {
            return Err(OpenError::TooMany {
                count: files.len(),
                most: MOST,
            });
        }
        let mut captures = Captures {
            readers: Vec::new(),
            next: BinaryHeap::new(),
            refused: Vec::new(),
        };
        for path in &files {
            let number = captures.readers.len();
            match Capture::open(path, u32::try_from(number).unwrap_or(u32::MAX)) {
                Ok(capture) => {
                    captures.readers.push(Reader {
                        capture,
                        chunk: None,
                        at: 0,
                    });
                    captures.advance(number);
                }
                Err(error) => captures.refused.push(error),
            }
        }
        if captures.readers.is_empty() && !captures.refused.is_empty() {
            return Err(captures.refused.swap_remove(0));
        }
        Ok(captures)
    }

    /// One capture, read from wherever it is.
    ///
    /// # Errors
    /// It is none.
    pub fn stream(name: &str, source: Box<dyn Read + Send>) -> Result<Captures, OpenError> {
        let capture = Capture::of(Path::new(name), name, source, 0)?;
        let mut captures = Captures {
            readers: vec![Reader {
                capture,
                chunk: None,
                at: 0,
            }],
            next: BinaryHeap::new(),
            refused: Vec::new(),
        };
        captures.advance(0);
        Ok(captures)
    }

    /// What could not be opened.
    pub fn refused(&self) -> &[OpenError] {
        &self.refused
    }

    /// Their names, by the number that frames give.
    pub fn names(&self) -> Vec<Arc<str>> {
        let readers = self.readers.iter();
        readers
            .map(|reader| Arc::clone(reader.capture.name()))
            .collect()
    }

    /// Octets read so far.
    pub fn octets(&self) -> u64 {
        let readers = self.readers.iter();
        readers.map(|reader| reader.capture.octets()).sum()
    }

    /// Where reading stopped early.
    pub fn troubles(&self) -> Vec<Trouble> {
        let readers = self.readers.iter();
        readers
            .filter_map(|reader| reader.capture.trouble().cloned())
            .collect()
    }

    /// The next frames in time order; nothing at the end.
    pub fn next_batch(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        batch.frames.reserve_exact(BATCH);
        // Index in `batch.blocks` of the block that each capture is at.
        let mut blocks: Vec<Option<u16>> = vec![None; self.readers.len()];
        while batch.frames.len() < BATCH {
            let Some(Reverse((_, number))) = self.next.pop() else {
                break;
            };
            // Alone, or ahead of the others: take what comes before their next frame.
            let until = self.next.peek().map(|Reverse(next)| *next);
            let Some(ended) = self.take(number, until, &mut batch, &mut blocks) else {
                continue;
            };
            if ended && let Some(block) = blocks.get_mut(number) {
                *block = None;
            }
            self.advance(number);
        }
        (!batch.frames.is_empty()).then_some(batch)
    }

    /// Takes frames of one capture as long as they come first; whether its chunk is used up.
    fn take(
        &mut self,
        number: usize,
        until: Option<(Time, usize)>,
        batch: &mut Batch,
        blocks: &mut [Option<u16>],
    ) -> Option<bool> {
        let reader = self.readers.get_mut(number)?;
        let chunk = reader.chunk.as_ref()?;
        let slot = blocks.get_mut(number)?;
        let block = if let Some(block) = *slot {
            block
        } else {
            let block = u16::try_from(batch.blocks.len()).ok()?;
            batch.blocks.push(Arc::clone(&chunk.block));
            *slot = Some(block);
            block
        };
        if until.is_none() {
            let room = BATCH.saturating_sub(batch.frames.len());
            let frames = chunk.frames.get(reader.at..).unwrap_or_default();
            let frames = frames.get(..room).unwrap_or(frames);
            let placed = frames.iter().map(|frame| FrameIndex { block, ..*frame });
            batch.frames.extend(placed);
            reader.at = reader.at.saturating_add(frames.len());
            return Some(reader.at >= chunk.frames.len());
        }
        while let Some(frame) = chunk.frames.get(reader.at) {
            let first = until.is_none_or(|until| (frame.time, number) <= until);
            // The frame that the capture was chosen for is always taken, so that reading goes on.
            if !first || batch.frames.len() >= BATCH {
                return Some(false);
            }
            batch.frames.push(FrameIndex { block, ..*frame });
            reader.at = reader.at.saturating_add(1);
        }
        Some(true)
    }

    /// Looks up the next frame of a capture.
    fn advance(&mut self, number: usize) {
        let Some(reader) = self.readers.get_mut(number) else {
            return;
        };
        let used_up = |reader: &Reader| {
            let chunk = reader.chunk.as_ref();
            chunk.is_none_or(|chunk| reader.at >= chunk.frames.len())
        };
        if used_up(reader) {
            reader.chunk = reader.capture.next();
            reader.at = 0;
        }
        let chunk = reader.chunk.as_ref();
        if let Some(frame) = chunk.and_then(|chunk| chunk.frames.get(reader.at)) {
            self.next.push(Reverse((frame.time, number)));
        }
    }
}
