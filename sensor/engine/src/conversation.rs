//! Who talks to whom, in which protocol, and what is asked for: many connections, one conversation.

use std::net::IpAddr;
use std::sync::Arc;

use fossick_model::{Time, Transport};
use fossick_parsers::{Operation, Protocol};
use hashbrown::HashMap;

use crate::generations::Generations;
use crate::limits;

/// What was asked for, in the order in which it was first. Short, without repetition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Operations(Vec<Operation>);

impl Operations {
    /// Takes one in. The latest is looked at first: most ask the same again and again.
    pub fn add(&mut self, operation: Operation) {
        let known = &self.0;
        if known.last() != Some(&operation)
            && known.len() < limits::OPERATIONS
            && !known.contains(&operation)
        {
            self.0.push(operation);
        }
    }

    /// Takes others in.
    pub fn merge(&mut self, others: &Operations) {
        for operation in &others.0 {
            self.add(*operation);
        }
    }
}

/// An end: VLAN tag and address.
pub(crate) type At = (u16, IpAddr);

/// What all connections of a conversation have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Pair {
    pub client: At,
    pub server: At,
    pub port: u16,
    pub transport: Transport,
}

/// What a shard tells of a conversation.
#[derive(Debug, Clone)]
pub(crate) struct Talk {
    pub protocol: Option<&'static Protocol>,
    pub operations: Operations,
    pub two_way: bool,
    pub first: Time,
    pub last: Time,
    /// A packet that shows it, the first of them.
    pub capture: u32,
    pub frame: u64,
}

impl Talk {
    /// Takes in another connection, or the same some time later.
    pub fn merge(&mut self, other: &Talk) {
        self.protocol = self.protocol.or(other.protocol);
        self.operations.merge(&other.operations);
        self.two_way |= other.two_way;
        if other.first < self.first {
            self.first = other.first;
            self.capture = other.capture;
            self.frame = other.frame;
        }
        self.last = self.last.max(other.last);
    }
}

/// The same as [`Pair`], and which of its holders had each address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub pair: Pair,
    pub tenancies: (u8, u8),
}

/// What is kept of a conversation.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub protocol: Option<&'static str>,
    /// Words of [`Conversations::words`], in the order in which they came.
    pub operations: Vec<u16>,
    pub two_way: bool,
    pub first: Time,
    pub last: Time,
    pub capture: u32,
    pub frame: u64,
}

/// All conversations, or rather those that went on last.
#[derive(Debug)]
pub(crate) struct Conversations {
    held: Generations<Key, Kept>,
    /// Every operation that anybody asked for, as it is shown.
    words: Vec<Arc<str>>,
    numbers: HashMap<Operation, u16>,
    /// Services in no known protocol on ports that nobody registered, by client and server.
    unnamed: HashMap<(At, At), u16>,
    /// Gave way to others.
    pub gave_way: u64,
    /// Left out: one host uses too many unnamed ports of another.
    pub left_out: u64,
}

impl Default for Conversations {
    fn default() -> Self {
        Conversations {
            held: Generations::new(limits::CONVERSATIONS),
            words: Vec::new(),
            numbers: HashMap::new(),
            unnamed: HashMap::new(),
            gave_way: 0,
            left_out: 0,
        }
    }
}

impl Conversations {
    /// Takes in what a shard tells.
    pub fn apply(&mut self, key: Key, talk: &Talk) {
        let name = talk.protocol.map(|protocol| protocol.name);
        let place = match self.held.find(&key) {
            Some(place) => place,
            None if name.is_none() && !self.has_room(&key) => {
                self.left_out = self.left_out.saturating_add(1);
                return;
            }
            None => {
                let kept = Kept {
                    protocol: name,
                    operations: Vec::new(),
                    two_way: false,
                    first: talk.first,
                    last: talk.last,
                    capture: talk.capture,
                    frame: talk.frame,
                };
                let (place, gone) = self.held.insert(key, kept);
                for (key, kept) in gone {
                    self.gave_way = self.gave_way.saturating_add(1);
                    self.leave(&key, &kept);
                }
                place
            }
        };
        let mut operations = Vec::new();
        for operation in &talk.operations.0 {
            operations.extend(self.number(*operation));
        }
        let mut named = false;
        if let Some(kept) = self.held.at(place) {
            named = kept.protocol.is_none() && name.is_some();
            kept.protocol = kept.protocol.or(name);
            kept.two_way |= talk.two_way;
            if talk.first < kept.first {
                kept.first = talk.first;
                kept.capture = talk.capture;
                kept.frame = talk.frame;
            }
            kept.last = kept.last.max(talk.last);
            for number in operations {
                if kept.operations.len() < limits::OPERATIONS && !kept.operations.contains(&number)
                {
                    if kept.operations.len() == kept.operations.capacity() {
                        kept.operations.reserve_exact(2);
                    }
                    kept.operations.push(number);
                }
            }
        }
        if named {
            self.release(&key);
        }
    }

    /// All of them, in order.
    pub fn all(&self) -> Vec<(&Key, &Kept)> {
        let mut all: Vec<(&Key, &Kept)> = self.held.iter().collect();
        all.sort_unstable_by_key(|(key, _)| **key);
        all
    }

    /// What is asked for in it, in order.
    pub fn operations(&self, kept: &Kept) -> Vec<String> {
        let words = kept.operations.iter();
        let mut words: Vec<String> = words
            .filter_map(|number| self.words.get(usize::from(*number)))
            .map(ToString::to_string)
            .collect();
        words.sort_unstable();
        words
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Removes those with any of these addresses.
    pub fn forget(&mut self, gone: impl Fn(At) -> bool) {
        let unwanted = |key: &Key| gone(key.pair.client) || gone(key.pair.server);
        self.held.retain(|key| !unwanted(key));
        self.unnamed
            .retain(|(client, server), _| !gone(*client) && !gone(*server));
    }

    fn number(&mut self, operation: Operation) -> Option<u16> {
        if let Some(number) = self.numbers.get(&operation) {
            return Some(*number);
        }
        if self.words.len() >= limits::WORDS {
            return None;
        }
        let number = u16::try_from(self.words.len()).ok()?;
        self.words.push(Arc::from(operation.to_string()));
        self.numbers.insert(operation, number);
        Some(number)
    }

    /// Makes room for a service in no known protocol, if the pair has any left.
    fn has_room(&mut self, key: &Key) -> bool {
        let count = self.unnamed.entry((key.pair.client, key.pair.server));
        let count = count.or_default();
        let room = usize::from(*count) < limits::UNNAMED;
        if room {
            *count = count.saturating_add(1);
        }
        room
    }

    fn leave(&mut self, key: &Key, kept: &Kept) {
        if kept.protocol.is_none() {
            self.release(key);
        }
    }

    fn release(&mut self, key: &Key) {
        let ends = (key.pair.client, key.pair.server);
        if let Some(count) = self.unnamed.get_mut(&ends) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.unnamed.remove(&ends);
            }
        }
    }
}
