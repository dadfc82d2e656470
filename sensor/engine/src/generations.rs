//! A map that cannot grow without end.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// A map whose entries are of two generations: what is used becomes young; when the young are too many,
/// the old ones (all that were not used meanwhile) are given up and the young ones grow old.
/// Giving way is by idleness, in constant time, without a list to maintain.
///
/// Entries lie in one row, in an order that depends on nothing but what was done to the map; the table holds their places.
/// Growing therefore moves little, and an entry is found with one look-up. Keys lie in a row of their own, so that finding
/// one brings nothing near but its key.
#[derive(Debug)]
pub(crate) struct Generations<K, V> {
    half: usize,
    /// Nobody who chooses keys can choose where they lie; no order depends on it.
    hash: RandomState,
    places: HashTable<u32>,
    keys: Vec<Held<K>>,
    /// In the order of the keys.
    values: Vec<V>,
    /// Odd and even ones take turns.
    generation: bool,
    young: usize,
}

#[derive(Debug)]
struct Held<K> {
    key: K,
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
            keys: Vec::new(),
            values: Vec::new(),
            generation: false,
            young: 0,
        }
    }

    /// The place of an entry, if it is held; used now.
    pub fn find(&mut self, key: &K) -> Option<Place> {
        let keys = &self.keys;
        let same = |place: &u32| at(keys, *place).is_some_and(|held| held.key == *key);
        let place = *self.places.find(self.hash.hash_one(key), same)?;
        let place = usize::try_from(place).ok()?;
        let held = self.keys.get_mut(place)?;
        if held.generation != self.generation {
            held.generation = self.generation;
            self.young = self.young.saturating_add(1);
        }
        Some(Place(place))
    }

    /// The entry at a place that was found just now.
    pub fn at(&mut self, place: Place) -> Option<&mut V> {
        self.values.get_mut(place.0)
    }

    /// The entry, if it is held; used now.
    pub fn touch(&mut self, key: &K) -> Option<&mut V> {
        let place = self.find(key)?;
        self.at(place)
    }

    /// Gives up what is not wanted.
    pub fn retain(&mut self, wanted: impl Fn(&K) -> bool) {
        let unwanted = self.remove(|held| !wanted(&held.key));
        if !unwanted.is_empty() {
            let young = self.keys.iter();
            let young = young.filter(|held| held.generation == self.generation);
            self.young = young.count();
        }
    }

    /// Adds an entry that is not held yet, and says where it lies. What had to give way for it is returned.
    pub fn insert(&mut self, key: K, value: V) -> (Place, Vec<(K, V)>) {
        let given_up = if self.young >= self.half {
            self.age()
        } else {
            Vec::new()
        };
        let place = self.keys.len();
        let hash = self.hash.hash_one(&key);
        let generation = self.generation;
        self.keys.push(Held { key, generation });
        self.values.push(value);
        self.young = self.young.saturating_add(1);
        self.register(hash, place);
        (Place(place), given_up)
    }

    /// The young grow old; what was old already is returned.
    pub fn age(&mut self) -> Vec<(K, V)> {
        let young = self.generation;
        let given_up = if self.keys.len() > self.young {
            self.remove(|held| held.generation != young)
        } else {
            Vec::new()
        };
        self.generation = !young;
        self.young = 0;
        given_up
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Those used since the last ageing.
    pub fn young_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        let young = self.generation;
        let entries = self.keys.iter().zip(&mut self.values);
        entries
            .filter(move |(held, _)| held.generation == young)
            .map(|(held, value)| (&held.key, value))
    }

    /// The entry, if it is held; that it was looked at is no use of it.
    pub fn get(&self, key: &K) -> Option<&V> {
        let keys = &self.keys;
        let same = |place: &u32| at(keys, *place).is_some_and(|held| held.key == *key);
        let place = *self.places.find(self.hash.hash_one(key), same)?;
        self.values.get(usize::try_from(place).ok()?)
    }

    /// Everything that is held, in the order of the row.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let keys = self.keys.iter().map(|held| &held.key);
        keys.zip(&self.values)
    }

    /// Everything that is held.
    pub fn drain(&mut self) -> impl Iterator<Item = (K, V)> {
        self.places.clear();
        self.young = 0;
        let keys = std::mem::take(&mut self.keys);
        let values = std::mem::take(&mut self.values);
        keys.into_iter().map(|held| held.key).zip(values)
    }

    /// Takes out what is gone, in order.
    fn remove(&mut self, gone: impl Fn(&Held<K>) -> bool) -> Vec<(K, V)> {
        let mut keys = self.keys.iter();
        let leaves = |_: &mut V| keys.next().is_some_and(&gone);
        let values: Vec<V> = self.values.extract_if(.., leaves).collect();
        if values.is_empty() {
            return Vec::new();
        }
        let keys = self.keys.extract_if(.., |held| gone(held));
        let removed = keys.map(|held| held.key).zip(values).collect();
        self.register_all();
        removed
    }

    fn register_all(&mut self) {
        self.places.clear();
        for place in 0..self.keys.len() {
            if let Some(held) = self.keys.get(place) {
                let hash = self.hash.hash_one(&held.key);
                self.register(hash, place);
            }
        }
    }

    fn register(&mut self, hash: u64, place: usize) {
        let (keys, state) = (&self.keys, &self.hash);
        let rehash = |place: &u32| at(keys, *place).map_or(0, |held| state.hash_one(&held.key));
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        self.places.insert_unique(hash, place, rehash);
    }
}

fn at<K>(keys: &[Held<K>], place: u32) -> Option<&Held<K>> {
    keys.get(usize::try_from(place).ok()?)
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
