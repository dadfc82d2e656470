//! A map that cannot grow without end.

use std::hash::Hash;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

/// A map in two generations: what is used moves to the young one; when that is full,
/// the old one (all that was not used meanwhile) is given up and the young one grows old.
/// Giving way is by idleness, in constant time, without a list to maintain.
#[derive(Debug)]
pub(crate) struct Generations<K, V> {
    half: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Hash + Eq, V> Generations<K, V> {
    /// Holds at most `capacity` entries, both generations together.
    pub fn new(capacity: usize) -> Self {
        Generations {
            half: (capacity / 2).max(1),
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    /// The entry, if it is held; used now.
    pub fn touch(&mut self, key: &K) -> Option<&mut V> {
        if !self.young.contains_key(key) {
            let (key, value) = self.old.remove_entry(key)?;
            self.young.insert(key, value);
        }
        self.young.get_mut(key)
    }

    /// The entry, made if it is not held; used now. What had to give way for it is returned as well.
    pub fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> (&mut V, Option<HashMap<K, V>>) {
        let room = self.young.len() < self.half;
        let given_up = if room || self.young.contains_key(&key) {
            None
        } else {
            // One that idled with the others is used again: it must not be given up with them.
            let known = self.old.remove_entry(&key);
            let given_up = self.age();
            self.young.extend(known);
            Some(given_up)
        };
        let value = match self.young.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let known = self.old.remove(place.key());
                place.insert(known.unwrap_or_else(make))
            }
        };
        (value, given_up)
    }

    /// Gives up what is not wanted.
    pub fn retain(&mut self, wanted: impl Fn(&K) -> bool) {
        self.young.retain(|key, _| wanted(key));
        self.old.retain(|key, _| wanted(key));
    }

    /// Adds an entry. What had to give way for it is returned.
    pub fn insert(&mut self, key: K, value: V) -> Option<HashMap<K, V>> {
        let given_up = (self.young.len() >= self.half).then(|| self.age());
        self.young.insert(key, value);
        given_up
    }

    /// The young grow old; what was old already is returned.
    pub fn age(&mut self) -> HashMap<K, V> {
        std::mem::replace(&mut self.old, std::mem::take(&mut self.young))
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.young.len().saturating_add(self.old.len())
    }

    /// Those used since the last ageing, in no order.
    pub fn young_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.young.iter_mut()
    }

    /// Everything that is held, in no order.
    pub fn drain(&mut self) -> impl Iterator<Item = (K, V)> {
        self.young.drain().chain(self.old.drain())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_what_idles_gives_way() {
        let mut map = Generations::new(4);
        let mut given_up = 0;
        for n in 0..100 {
            map.insert(n, n);
            if n > 0 {
                assert!(map.touch(&0).is_some(), "{n}");
            }
            given_up += map.insert(1000 + n, n).map_or(0, |gone| gone.len());
        }
        assert!(map.drain().count() <= 6);
        assert!(given_up > 90);
    }
}
