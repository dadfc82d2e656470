//! Values that many say are held once.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::limits;

/// The values that came last, each in the place that its hash chooses. Of what many hosts say (a user agent, a vendor's name)
/// there is one copy in memory, but for those that another value of the same place came between.
#[derive(Debug)]
pub(crate) struct Values(Vec<Option<Arc<str>>>);

impl Default for Values {
    fn default() -> Values {
        Values(vec![None; limits::COMMON_VALUES])
    }
}

impl Values {
    /// The same text, in memory that others share where somebody said it before.
    pub fn shared(&mut self, value: Arc<str>) -> Arc<str> {
        let hash = FixedState::with_seed(3).hash_one(&*value);
        let place =
            usize::try_from(hash).unwrap_or_default() & limits::COMMON_VALUES.saturating_sub(1);
        let Some(held) = self.0.get_mut(place) else {
            return value;
        };
        match held {
            Some(known) if *known == value => Arc::clone(known),
            _ => {
                *held = Some(Arc::clone(&value));
                value
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_say_is_held_once() {
        let mut values = Values::default();
        let first = values.shared(Arc::from("MSFT 5.0"));
        let again = values.shared(Arc::from("MSFT 5.0"));
        assert!(Arc::ptr_eq(&first, &again));
        // However many others come, the text stays what was said.
        for number in 0..3 * limits::COMMON_VALUES {
            let text = format!("WS-{number}");
            assert_eq!(*values.shared(Arc::from(text.as_str())), *text);
        }
    }
}
