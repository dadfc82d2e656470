//! When anything was heard: what is known of who talks to whom was learnt in these hours.

use fossick_model::{Span, Time};

use crate::limits;

/// Hours of the clock in which anything was heard, counted from 1970 on: first and last of each span, in order and apart.
#[derive(Debug, Default)]
pub(crate) struct Hours {
    spans: Vec<(i64, i64)>,
    changed: bool,
    /// Spans that gave way.
    pub gave_way: u64,
}

impl Hours {
    /// Takes in frames in order of time.
    pub fn heard(&mut self, mut times: impl DoubleEndedIterator<Item = Time>) {
        let (Some(first), last) = (times.next(), times.next_back()) else {
            return;
        };
        let first = Span::hour(first);
        self.add(first);
        let Some(last) = last.map(Span::hour).filter(|last| *last != first) else {
            return;
        };
        for time in times {
            self.add(Span::hour(time));
        }
        self.add(last);
    }

    /// What is known, if it changed since it was asked for.
    pub fn take_changed(&mut self) -> Option<Vec<(i64, i64)>> {
        std::mem::take(&mut self.changed).then(|| self.spans.clone())
    }

    /// Takes in what was written down.
    pub fn restore(&mut self, spans: &[(i64, i64)]) {
        for (first, last) in spans.iter().filter(|(first, last)| first <= last) {
            self.insert(*first, *last);
        }
        self.changed = false;
    }

    /// How many spans are held.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// The spans, in order.
    pub fn spans(&self) -> Vec<Span> {
        let spans = self.spans.iter();
        spans
            .map(|(first, last)| Span::hours(*first, *last))
            .collect()
    }

    fn add(&mut self, hour: i64) {
        let known = |(first, last): &(i64, i64)| (*first..=*last).contains(&hour);
        if !self.spans.last().is_some_and(known) {
            self.insert(hour, hour);
        }
    }

    fn insert(&mut self, mut first: i64, mut last: i64) {
        // Those that it touches become one with it.
        let (near, behind) = (first.saturating_sub(1), last.saturating_add(1));
        let start = self.spans.partition_point(|(_, last)| *last < near);
        let end = self.spans.partition_point(|(first, _)| *first <= behind);
        let touched = self.spans.get(start..end.max(start)).unwrap_or_default();
        if touched.iter().any(|(a, b)| *a <= first && last <= *b) {
            return;
        }
        if let (Some((a, _)), Some((_, b))) = (touched.first(), touched.last()) {
            (first, last) = (first.min(*a), last.max(*b));
        }
        self.spans.splice(start..end.max(start), [(first, last)]);
        if self.spans.len() > limits::SPANS {
            self.spans.remove(0);
            self.gave_way = self.gave_way.saturating_add(1);
        }
        self.changed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(hours: &[i64]) -> Hours {
        let mut known = Hours::default();
        for hour in hours {
            known.add(*hour);
        }
        known
    }

    #[test]
    fn hours_in_whatever_order_make_spans() {
        for hours in [[1, 2, 3, 7, 8], [8, 3, 1, 7, 2], [3, 7, 2, 8, 1]] {
            assert_eq!(of(&hours).spans, [(1, 3), (7, 8)]);
        }
        assert_eq!(of(&[1, 3, 2]).spans, [(1, 3)]);
    }

    #[test]
    fn every_frame_of_a_sparse_batch_counts() {
        let hour = 3_600_000_000_000;
        let mut known = Hours::default();
        known.heard([0, 1, 5 * hour, 9 * hour].map(Time).into_iter());
        assert_eq!(known.spans, [(0, 0), (5, 5), (9, 9)]);
        assert_eq!(known.take_changed().map(|spans| spans.len()), Some(3));
        known.heard([9 * hour + 1].map(Time).into_iter());
        assert_eq!(known.take_changed(), None);
    }

    #[test]
    fn spans_are_bounded_and_the_first_give_way() {
        let hours: Vec<i64> = (0..5000).map(|n| n * 2).collect();
        let known = of(&hours);
        assert_eq!(known.spans.len(), limits::SPANS);
        assert_eq!(known.spans.last(), Some(&(9998, 9998)));
        assert_eq!(known.gave_way, 5000 - limits::SPANS as u64);
    }
}
