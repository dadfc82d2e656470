//! What was said before, by hash.

use crate::limits;

/// Hashes in one line of the table: what a processor fetches at once.
const WAYS: usize = 8;

/// Remembers hashes of what was said. Where a line is full, one of it gives way, whichever the new one's own bits choose:
/// that then counts as news once more, which costs a message to the ledger and nothing else.
///
/// Not a map of two generations like the others: this is asked for every statement of every message, and a look-up must
/// not cost more than one line of memory.
#[derive(Debug)]
pub(crate) struct Said(Vec<u64>);

impl Said {
    pub fn new() -> Said {
        Said(vec![0; limits::SAID])
    }

    /// Whether this was said; it is from now on.
    pub fn again(&mut self, hash: u64) -> bool {
        // Zero is what empty places hold.
        let hash = hash.max(1);
        let high = usize::try_from(hash >> 32).unwrap_or_default();
        let start = high.wrapping_mul(WAYS) & limits::SAID.saturating_sub(1);
        let Some(line) = self
            .0
            .get_mut(start..)
            .and_then(|rest| rest.first_chunk_mut::<WAYS>())
        else {
            return false;
        };
        if line.contains(&hash) {
            return true;
        }
        let free = line.iter().position(|said| *said == 0);
        let chosen = usize::try_from(hash).unwrap_or_default() & WAYS.saturating_sub(1);
        if let Some(place) = line.get_mut(free.unwrap_or(chosen)) {
            *place = hash;
        }
        false
    }

    /// Everything is news again.
    pub fn forget(&mut self) {
        self.0.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_known_again() {
        let mut said = Said::new();
        let hashes = || (1..6000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let new = hashes().filter(|hash| !said.again(*hash)).count();
        assert_eq!(new, 5999);
        let known = hashes().filter(|hash| said.again(*hash)).count();
        assert!(known > 5900, "{known}");
        said.forget();
        assert!(!said.again(7) && said.again(7));
        assert!(!said.again(0) && said.again(0));
    }
}
