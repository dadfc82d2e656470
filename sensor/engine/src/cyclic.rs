//! Cyclic traffic on the link: sampled values, GOOSE, PROFINET IO and their like come thousands of times a second and say
//! the same each time.

use fossick_model::Time;

use crate::limits;

/// The streams of frames that were heard last. Two that fall on one place put each other back to the beginning, where every
/// frame is read.
#[derive(Debug)]
pub(crate) struct Cyclic(Vec<Stream>);

#[derive(Debug, Clone, Copy)]
struct Stream {
    hash: u64,
    last: Time,
    /// Frames in a row that said nothing new.
    quiet: u8,
    frames: u32,
}

impl Cyclic {
    pub fn new() -> Cyclic {
        let none = Stream {
            hash: 0,
            last: Time(i64::MIN),
            quiet: 0,
            frames: 0,
        };
        Cyclic(vec![none; limits::CYCLES])
    }

    /// Another frame of the stream with this hash: whether it may be passed over, because the many before it said nothing
    /// new, and they come so fast that a sample of them is soon read.
    pub fn passes(&mut self, hash: u64, now: Time) -> bool {
        let Some(stream) = self.at(hash) else {
            return false;
        };
        let cyclic = stream.hash == hash && !limits::passed(stream.last, now, limits::CYCLE);
        if !cyclic {
            (stream.hash, stream.quiet) = (hash, 0);
        }
        stream.last = now;
        stream.frames = stream.frames.wrapping_add(1);
        stream.quiet >= limits::QUIET_AFTER && !stream.frames.is_multiple_of(limits::SAMPLE_ONE_IN)
    }

    /// The frame was read: whether it said anything new.
    pub fn read(&mut self, hash: u64, new: bool) {
        if let Some(stream) = self.at(hash) {
            stream.quiet = if new {
                0
            } else {
                stream.quiet.saturating_add(1)
            };
        }
    }

    fn at(&mut self, hash: u64) -> Option<&mut Stream> {
        let place = usize::try_from(hash >> 32)
            .ok()?
            .checked_rem(self.0.len())?;
        self.0.get_mut(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_fast_and_says_nothing_new_is_sampled() {
        let read = |apart: i64, frames: i64, new: bool| {
            let mut cyclic = Cyclic::new();
            let times = (0..frames).map(|n| Time(n * apart));
            let read = times.filter(|now| {
                let read = !cyclic.passes(7, *now);
                if read {
                    cyclic.read(7, new);
                }
                read
            });
            read.count()
        };
        assert_eq!(read(250_000, 1600, true), 1600);
        assert_eq!(read(1_000_000_000, 200, false), 200);
        assert_eq!(read(250_000, 32 + 1600, false), 32 + 100);
    }
}
