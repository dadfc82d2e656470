//! A map that cannot grow without end.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// A map whose entries are of two generations: what is used becomes young; when the young are too many,
/// the old ones (all that were not used meanwhile) are given up and the young ones grow old.
/// Giving way is by idleness, in constant time, without a list to maintain.
///
/// Entries lie in one row, in an order that depends on nothing but what was done to the map; the table holds their places.
/// Growing therefore moves little, and an entry is found with one look-up.
#[derive(Debug)]
pub(crate) struct Generations<K, V> {
    half: usize,
    /// Nobody who chooses keys can choose where they lie; no order depends on it.
    hash: RandomState,
    places: HashTable<u32>,
    entries: Vec<Entry<K, V>>,
    /// Odd and even ones take turns.
    generation: bool,
    young: usize,
}

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    value: V,
    generation: bool,
}

/// Where an entry lies, until the next call of [`Generations::insert`] or [`Generations::age`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place(usize);

impl<K: Hash + Eq, V> Generations<K, V> {
    /// Holds at most `capacity` entries, both generations together.
    pub fn new(capacity: usize) -> Self {
        Generations {
            half: (capacity / 2).max(1),
            hash: RandomState::default(),
            places: HashTable::new(),
            entries: Vec::new(),
            generation: false,
            young: 0,
        }
    }

    /// The place of an entry, if it is held; used now.
    pub fn find(&mut self, key: &K) -> Option<Place> {
        let entries = &self.entries;
        let held = |place: &u32| at(entries, *place).is_some_and(|entry| entry.key == *key);
        let place = *self.places.find(self.hash.hash_one(key), held)?;
        let place = usize::try_from(place).ok()?;
        let entry = self.entries.get_mut(place)?;
        if entry.generation != self.generation {
            entry.generation = self.generation;
            self.young = self.young.saturating_add(1);
        }
        Some(Place(place))
    }

    /// The entry at a place that was found just now.
    pub fn at(&mut self, place: Place) -> Option<&mut V> {
        self.entries.get_mut(place.0).map(|entry| &mut entry.value)
    }

    /// The entry, if it is held; used now.
    pub fn touch(&mut self, key: &K) -> Option<&mut V> {
        let place = self.find(key)?;
        self.at(place)
    }

    /// Gives up what is not wanted.
    pub fn retain(&mut self, wanted: impl Fn(&K) -> bool) {
        let before = self.entries.len();
        self.entries.retain(|entry| wanted(&entry.key));
        if self.entries.len() < before {
            let young = self
                .entries
                .iter()
                .filter(|entry| entry.generation == self.generation);
            self.young = young.count();
            self.register_all();
        }
    }

    /// Adds an entry that is not held yet, and says where it lies. What had to give way for it is returned.
    pub fn insert(&mut self, key: K, value: V) -> (Place, Vec<(K, V)>) {
        let given_up = if self.young >= self.half {
            self.age()
        } else {
            Vec::new()
        };
        let place = self.entries.len();
        let hash = self.hash.hash_one(&key);
        let generation = self.generation;
        self.entries.push(Entry {
            key,
            value,
            generation,
        });
        self.young = self.young.saturating_add(1);
        self.register(hash, place);
        (Place(place), given_up)
    }

    /// The young grow old; what was old already is returned.
    pub fn age(&mut self) -> Vec<(K, V)> {
        let young = self.generation;
        let old = self.entries.len().saturating_sub(self.young);
        let mut given_up = Vec::new();
        if old > 0 {
            given_up.reserve_exact(old);
            let gone = self
                .entries
                .extract_if(.., |entry| entry.generation != young);
            given_up.extend(gone.map(|entry| (entry.key, entry.value)));
            self.register_all();
        }
        self.generation = !young;
        self.young = 0;
        given_up
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Those used since the last ageing.
    pub fn young_mut(&mut self) -> impl Iterator<Item = &mut V> {
        let young = self.generation;
        let entries = self.entries.iter_mut();
        entries
            .filter(move |entry| entry.generation == young)
            .map(|entry| &mut entry.value)
    }

    /// The entry, if it is held; that it was looked at is no use of it.
    pub fn get(&self, key: &K) -> Option<&V> {
        let entries = &self.entries;
        let held = |place: &u32| at(entries, *place).is_some_and(|entry| entry.key == *key);
        let place = self.places.find(self.hash.hash_one(key), held)?;
        at(entries, *place).map(|entry| &entry.value)
    }

    /// Everything that is held, in the order of the row.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|entry| (&entry.key, &entry.value))
    }

    /// Everything that is held.
    pub fn drain(&mut self) -> impl Iterator<Item = (K, V)> {
        self.places.clear();
        self.young = 0;
        let entries = std::mem::take(&mut self.entries);
        entries.into_iter().map(|entry| (entry.key, entry.value))
    }

    fn register_all(&mut self) {
        self.places.clear();
        for place in 0..self.entries.len() {
            if let Some(entry) = self.entries.get(place) {
                let hash = self.hash.hash_one(&entry.key);
                self.register(hash, place);
            }
        }
    }

    fn register(&mut self, hash: u64, place: usize) {
        let (entries, state) = (&self.entries, &self.hash);
        let rehash = |place: &u32| {
            let entry = at(entries, *place);
            entry.map_or(0, |entry| state.hash_one(&entry.key))
        };
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        self.places.insert_unique(hash, place, rehash);
    }
}

fn at<K, V>(entries: &[Entry<K, V>], place: u32) -> Option<&Entry<K, V>> {
    entries.get(usize::try_from(place).ok()?)
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
            given_up += map.insert(1000 + n, n).1.len();
        }
        assert!(map.drain().count() <= 6);
        assert!(given_up > 90);
    }

    #[test]
    fn entries_are_found_after_others_gave_way() {
        let mut map = Generations::new(100);
        for n in 0..1000 {
            map.insert(n, n);
            assert_eq!(map.touch(&n), Some(&mut n.clone()));
            assert_eq!(map.touch(&(n / 2 * 2)).copied(), Some(n / 2 * 2));
        }
        assert!(map.touch(&0).is_none());
        assert_eq!(map.touch(&980).copied(), Some(980));
    }
}
