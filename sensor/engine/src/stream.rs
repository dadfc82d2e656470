//! One direction of a TCP connection, put in order.
//!
//! In the common case (the next segment, nothing waiting) the data is handed on as it lies in the frame.
//! Only what is not yet a whole message is kept.

use fossick_model::Time;

use crate::limits;

/// Which octets of a buffer came from which frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// First octet in the buffer.
    pub start: usize,
    pub frame: u64,
    /// First octet in the frame.
    pub at: usize,
    pub length: usize,
    pub time: Time,
}

/// Data of one segment and where it lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'a> {
    pub sequence: u32,
    pub octets: &'a [u8],
    pub frame: u64,
    pub at: usize,
    pub time: Time,
    /// Octets that were sent behind these but not captured.
    pub missing: u32,
}

/// What a segment brought.
pub(crate) enum Arrived<'a> {
    /// Nothing that was not there before, or nothing that can be read yet.
    Nothing,
    /// The next octets, and nothing was waiting: read them where they lie. The number is the offset in the frame.
    Direct(&'a [u8], usize),
    /// More in the buffer.
    Buffered,
}

#[derive(Debug)]
struct Early {
    sequence: u32,
    octets: Vec<u8>,
    frame: u64,
    at: usize,
    time: Time,
}

/// One direction of a connection. Most have nothing waiting, and are small.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    next: Option<u32>,
    skip: u64,
    waiting: Option<Box<Waiting>>,
}

/// What cannot be read yet.
#[derive(Debug, Default)]
struct Waiting {
    /// In order, from the first octet that was not read.
    buffer: Vec<u8>,
    pieces: Vec<Piece>,
    /// Behind a gap.
    early: Vec<Early>,
}

impl Stream {
    /// The connection (re)starts: the first octet of data has this sequence number.
    pub fn start(&mut self, sequence: u32) {
        *self = Stream {
            next: Some(sequence),
            ..Stream::default()
        };
    }

    /// Takes a segment.
    pub fn arrive<'a>(&mut self, segment: Segment<'a>) -> Arrived<'a> {
        let next = *self.next.get_or_insert(segment.sequence);
        let ahead = segment.sequence.wrapping_sub(next);
        // Serial number arithmetic (RFC 1982): the upper half is behind us.
        if ahead != 0 && ahead < u32::MAX / 2 {
            return self.early(segment);
        }
        let known = usize::try_from(next.wrapping_sub(segment.sequence)).unwrap_or(usize::MAX);
        let Some(fresh) = segment
            .octets
            .get(known..)
            .filter(|fresh| !fresh.is_empty())
        else {
            return Arrived::Nothing;
        };
        let at = segment.at.saturating_add(known);
        self.advance(fresh.len());
        let (fresh, at) = self.skipped(fresh, at);
        let arrived = if fresh.is_empty() {
            Arrived::Nothing
        } else if self.waiting.is_none() {
            Arrived::Direct(fresh, at)
        } else {
            self.append(fresh, segment.frame, at, segment.time);
            self.join();
            Arrived::Buffered
        };
        if segment.missing > 0 {
            self.lose(segment.missing);
        }
        arrived
    }

    /// Keeps the tail of data that was handed over directly.
    pub fn keep(&mut self, octets: &[u8], frame: u64, at: usize, time: Time) {
        self.append(octets, frame, at, time);
    }

    /// The octets after those read so far are nobody's to read.
    pub fn skip(&mut self, octets: u64) {
        self.skip = octets;
    }

    /// Takes out the buffer, to be given back by [`Stream::put_back`].
    pub fn take(&mut self) -> (Vec<u8>, Vec<Piece>) {
        let Some(waiting) = &mut self.waiting else {
            return (Vec::new(), Vec::new());
        };
        let taken = (
            std::mem::take(&mut waiting.buffer),
            std::mem::take(&mut waiting.pieces),
        );
        self.tidy();
        taken
    }

    /// Gives the buffer back less its first `used` octets; more than it holds are skipped in what comes.
    pub fn put_back(&mut self, mut buffer: Vec<u8>, mut pieces: Vec<Piece>, used: usize) {
        buffer.drain(..used.min(buffer.len()));
        pieces.retain_mut(|piece| {
            let end = piece.start.saturating_add(piece.length);
            let gone = used.saturating_sub(piece.start).min(piece.length);
            piece.at = piece.at.saturating_add(gone);
            piece.length = piece.length.saturating_sub(gone);
            piece.start = piece.start.saturating_add(gone).saturating_sub(used);
            end > used
        });
        // What is read gives its memory back: a hundred thousand quiet streams must not keep theirs.
        if buffer.is_empty() {
            self.clear();
        } else {
            let waiting = self.waiting.get_or_insert_default();
            waiting.buffer = buffer;
            waiting.pieces = pieces;
        }
    }

    /// Whether octets wait in the buffer.
    pub fn waits(&self) -> bool {
        let waiting = self.waiting.as_ref();
        waiting.is_some_and(|waiting| !waiting.buffer.is_empty())
    }

    /// Forgets what waits: it could not be read.
    pub fn clear(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.buffer = Vec::new();
            waiting.pieces = Vec::new();
            self.tidy();
        }
    }

    /// Gives up everything that is held.
    pub fn give_up(&mut self) {
        self.waiting = None;
    }

    /// Octets held.
    pub fn held(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| {
            let early = waiting.early.iter().map(|early| early.octets.len());
            early.fold(waiting.buffer.len(), usize::saturating_add)
        })
    }

    fn tidy(&mut self) {
        let empty = |waiting: &Waiting| waiting.buffer.is_empty() && waiting.early.is_empty();
        if self.waiting.as_deref().is_some_and(empty) {
            self.waiting = None;
        }
    }

    fn advance(&mut self, octets: usize) {
        let octets = u32::try_from(octets).unwrap_or_default();
        self.next = self.next.map(|next| next.wrapping_add(octets));
    }

    /// What remains of the next octets when those nobody reads are passed over.
    fn skipped<'a>(&mut self, octets: &'a [u8], at: usize) -> (&'a [u8], usize) {
        let over = usize::try_from(self.skip)
            .unwrap_or(usize::MAX)
            .min(octets.len());
        self.skip = self
            .skip
            .saturating_sub(u64::try_from(over).unwrap_or(u64::MAX));
        (
            octets.get(over..).unwrap_or_default(),
            at.saturating_add(over),
        )
    }

    fn append(&mut self, octets: &[u8], frame: u64, at: usize, time: Time) {
        let waiting = self.waiting.get_or_insert_default();
        waiting.pieces.push(Piece {
            start: waiting.buffer.len(),
            frame,
            at,
            length: octets.len(),
            time,
        });
        waiting.buffer.extend_from_slice(octets);
    }

    /// Holds a segment that came before its turn; when too many wait, what is missing is given up.
    fn early<'a>(&mut self, segment: Segment<'a>) -> Arrived<'a> {
        if segment.octets.is_empty() {
            return Arrived::Nothing;
        }
        let early = &mut self.waiting.get_or_insert_default().early;
        early.push(Early {
            sequence: segment.sequence,
            octets: segment.octets.to_vec(),
            frame: segment.frame,
            at: segment.at,
            time: segment.time,
        });
        let next = self.next.unwrap_or_default();
        let count = early.len();
        let nearest = early.iter().map(|early| early.sequence);
        let nearest = nearest.min_by_key(|sequence| sequence.wrapping_sub(next));
        if count <= limits::EARLY_SEGMENTS && self.held() <= limits::MESSAGE {
            return Arrived::Nothing;
        }
        self.lose(nearest.map_or(0, |sequence| sequence.wrapping_sub(next)));
        self.join();
        if self.waits() {
            Arrived::Buffered
        } else {
            Arrived::Nothing
        }
    }

    /// Goes on behind a gap: what was begun before it cannot be finished.
    fn lose(&mut self, octets: u32) {
        self.clear();
        self.next = self.next.map(|next| next.wrapping_add(octets));
        self.skip = self.skip.saturating_sub(u64::from(octets));
    }

    /// Appends the early segments whose turn has come.
    fn join(&mut self) {
        while let (Some(next), Some(waiting)) = (self.next, &mut self.waiting) {
            let due = waiting.early.iter().position(|early| {
                let behind = next.wrapping_sub(early.sequence);
                behind < u32::MAX / 2
            });
            let Some(early) = due.map(|due| waiting.early.swap_remove(due)) else {
                break;
            };
            let known = usize::try_from(next.wrapping_sub(early.sequence)).unwrap_or(usize::MAX);
            let fresh = early.octets.get(known..).unwrap_or_default();
            self.advance(fresh.len());
            let (fresh, at) = self.skipped(fresh, early.at.saturating_add(known));
            if !fresh.is_empty() {
                self.append(fresh, early.frame, at, early.time);
            }
        }
        self.tidy();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(sequence: u32, octets: &[u8]) -> Segment<'_> {
        Segment {
            sequence,
            octets,
            frame: u64::from(sequence),
            at: 54,
            time: Time(0),
            missing: 0,
        }
    }

    /// Everything read when the segments arrive in this order; direct data is kept, so that it all ends in the buffer.
    fn read(segments: &[(u32, &[u8])]) -> Vec<u8> {
        let mut stream = Stream::default();
        stream.start(100);
        for (sequence, octets) in segments {
            let segment = segment(*sequence, octets);
            if let Arrived::Direct(fresh, at) = stream.arrive(segment) {
                stream.keep(fresh, segment.frame, at, segment.time);
            }
        }
        stream.take().0
    }

    #[test]
    fn order_retransmission_and_overlap_give_the_same_octets() {
        assert_eq!(read(&[(100, b"ab"), (102, b"cd"), (104, b"ef")]), b"abcdef");
        assert_eq!(read(&[(100, b"ab"), (104, b"ef"), (102, b"cd")]), b"abcdef");
        assert_eq!(read(&[(100, b"ab"), (100, b"ab"), (102, b"cd")]), b"abcd");
        assert_eq!(read(&[(100, b"abc"), (101, b"bcdef")]), b"abcdef");
        assert_eq!(read(&[(102, b"cdef"), (100, b"abcd")]), b"abcdef");
    }

    #[test]
    fn sequence_numbers_wrap() {
        let mut stream = Stream::default();
        stream.start(u32::MAX);
        let first = segment(u32::MAX, b"ab");
        assert!(matches!(stream.arrive(first), Arrived::Direct(b"ab", 54)));
        let second = segment(1, b"cd");
        assert!(matches!(stream.arrive(second), Arrived::Direct(b"cd", 54)));
    }

    #[test]
    fn a_hole_that_is_never_filled_is_given_up() {
        let mut stream = Stream::default();
        stream.start(0);
        let mut read = false;
        for n in 1..40 {
            read |= matches!(
                stream.arrive(segment(n * 10, b"0123456789")),
                Arrived::Buffered
            );
        }
        assert!(read);
        assert!(stream.held() <= 400);
    }

    #[test]
    fn pieces_name_the_frames_of_what_is_left() {
        let mut stream = Stream::default();
        stream.keep(b"abcd", 1, 54, Time(0));
        stream.keep(b"efgh", 2, 54, Time(0));
        let (buffer, pieces) = stream.take();
        stream.put_back(buffer, pieces, 6);
        let (buffer, pieces) = stream.take();
        assert_eq!(buffer, b"gh");
        let [piece] = pieces.as_slice() else {
            panic!("{pieces:?}")
        };
        assert_eq!(
            (piece.frame, piece.at, piece.start, piece.length),
            (2, 56, 0, 2)
        );
    }
}
