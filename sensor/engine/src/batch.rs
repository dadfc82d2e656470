//! Frames on their way to the workers: borrowed from the blocks they were read in.

use std::sync::Arc;

use fossick_model::Time;
use fossick_parsers::packet::LinkType;

/// Frames in time order, and the blocks that hold their octets.
#[derive(Debug, Default, Clone)]
pub struct Batch {
    /// Octets as they were read.
    pub blocks: Vec<Arc<Vec<u8>>>,
    /// Where each frame lies.
    pub frames: Vec<FrameIndex>,
}

/// Where one frame lies and what is known of it besides its octets.
#[derive(Debug, Clone, Copy)]
pub struct FrameIndex {
    /// Which of the captures being read, in the order they were named.
    pub capture: u32,
    /// Counts from 1 within its capture.
    pub number: u64,
    /// When it was captured.
    pub time: Time,
    /// How its octets begin.
    pub link: LinkType,
    /// Index into [`Batch::blocks`].
    pub block: u16,
    /// First octet in the block.
    pub start: u32,
    /// Octets captured.
    pub length: u32,
    /// Octets that were on the wire.
    pub original: u32,
}

/// One frame with its octets.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// What is known of it.
    pub index: FrameIndex,
    /// Its octets as captured.
    pub octets: &'a [u8],
}

impl Batch {
    /// The frames in order. One whose index points outside its block is left out.
    pub fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        (0..self.frames.len()).filter_map(|position| self.frame(position))
    }

    /// The frame with this number of this capture.
    #[must_use]
    pub fn numbered(&self, capture: u32, number: u64) -> Option<Frame<'_>> {
        // Numbers rise within a capture; where there is only one, the place is known.
        let first = self.frames.first().filter(|f| f.capture == capture);
        let guess = first.and_then(|first| usize::try_from(number.checked_sub(first.number)?).ok());
        let wanted = |f: &FrameIndex| f.capture == capture && f.number == number;
        let position = guess
            .filter(|guess| self.frames.get(*guess).is_some_and(wanted))
            .or_else(|| self.frames.iter().position(wanted))?;
        self.frame(position)
    }

    /// The frame at this place in the order; nothing where its index points outside its block.
    #[must_use]
    pub fn frame(&self, position: usize) -> Option<Frame<'_>> {
        let index = self.frames.get(position)?;
        let block = self.blocks.get(usize::from(index.block))?;
        let start = usize::try_from(index.start).ok()?;
        let length = usize::try_from(index.length).ok()?;
        let octets = block.get(start..)?.get(..length)?;
        Some(Frame {
            index: *index,
            octets,
        })
    }
}
