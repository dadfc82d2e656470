//! Who talks to whom, in which protocol, and what is asked for: many connections, one conversation.

use std::net::IpAddr;
use std::sync::Arc;

use fossick_model::{Cast, Direction, Time, Transport};
use fossick_parsers::{Carrier, Operation, Protocol};
use hashbrown::{HashMap, HashSet};

use crate::event::{Places, Proof};
use crate::generations::{Generations, Place};
use crate::limits;

/// Where something was asked for first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct First {
    pub capture: u32,
    pub frame: u64,
    pub time: Time,
}

/// What was asked for, in the order in which it was first. Short, without repetition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Operations {
    known: Vec<(Operation, First)>,
    /// There was more.
    more: bool,
}

impl Operations {
    /// Takes one in.
    pub fn add(&mut self, operation: Operation, capture: u32, frame: u64, time: Time) {
        if self.known.iter().any(|(known, _)| *known == operation) {
            return;
        }
        if self.known.len() >= limits::OPERATIONS {
            self.more = true;
            return;
        }
        if self.known.len() == self.known.capacity() {
            self.known.reserve_exact(2);
        }
        let first = First {
            capture,
            frame,
            time,
        };
        self.known.push((operation, first));
    }

    /// Takes others in.
    pub fn merge(&mut self, others: &Operations) {
        self.more |= others.more;
        for (operation, first) in &others.known {
            self.add(*operation, first.capture, first.frame, first.time);
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
    /// 0 where the direction is unknown.
    pub port: u16,
    pub transport: Transport,
}

/// The newest connection in which both ends took part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    pub began: Time,
    /// The server's last packet, in this connection or another.
    pub last: Time,
    /// The server's first packet in it.
    pub time: Time,
    pub capture: u32,
    pub frame: u64,
}

impl Answered {
    /// The newer of two.
    fn newer(one: Option<Answered>, other: Option<Answered>) -> Option<Answered> {
        let (Some(a), Some(b)) = (one, other) else {
            return one.or(other);
        };
        let newest = if b.began > a.began { b } else { a };
        let last = a.last.max(b.last);
        Some(Answered { last, ..newest })
    }
}

/// What a shard tells of a conversation.
#[derive(Debug, Clone)]
pub(crate) struct Talk {
    pub protocol: Option<&'static Protocol>,
    /// The server confirmed it.
    pub served: bool,
    pub operations: Operations,
    pub cast: Cast,
    pub direction: Direction,
    pub two_way: bool,
    /// Flows that were not told of before.
    pub flows: u64,
    pub first: Time,
    pub last: Time,
    /// A packet that shows it, the first of them.
    pub capture: u32,
    pub frame: u64,
    pub answered: Option<Answered>,
}

impl Talk {
    /// The packet that shows it, and the one that answers.
    pub fn proof(&self) -> Proof {
        let answered = self.answered.filter(|one| one.capture == self.capture);
        let answer = answered.map(|answered| answered.frame);
        let frames: Vec<u64> = std::iter::once(self.frame).chain(answer).collect();
        Proof {
            capture: self.capture,
            time: self.first,
            places: Places::of(&frames, &[]),
        }
    }

    /// Takes in another connection, or the same some time later.
    pub fn merge(&mut self, other: &Talk) {
        if self.protocol.is_none() || (other.served && !self.served) {
            self.protocol = other.protocol;
            self.served = other.served;
        }
        self.operations.merge(&other.operations);
        self.two_way |= other.two_way;
        self.direction = self.direction.min(other.direction);
        self.flows = self.flows.saturating_add(other.flows);
        if other.first < self.first {
            self.first = other.first;
            self.capture = other.capture;
            self.frame = other.frame;
        }
        self.last = self.last.max(other.last);
        self.answered = Answered::newer(self.answered, other.answered);
    }
}

/// The same as [`Pair`], and which of its holders had each address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub pair: Pair,
    pub tenancies: (u8, u8),
}

/// What is kept of a conversation.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a plain fact of its own"
)]
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub protocol: Option<&'static str>,
    /// The server confirmed it.
    pub served: bool,
    /// Words of [`Conversations::words`], in the order in which they came, and where each was asked for first.
    pub operations: Box<[(u16, First)]>,
    /// There were more.
    pub more: bool,
    pub cast: Cast,
    pub direction: Direction,
    pub two_way: bool,
    pub flows: u64,
    pub first: Time,
    pub last: Time,
    pub capture: u32,
    pub frame: u64,
    pub answered: Option<Answered>,
    /// It is one of those of which two hosts may have [`limits::UNNAMED`].
    pub unnamed: bool,
}

/// All conversations, or rather those that went on last.
#[derive(Debug)]
pub(crate) struct Conversations {
    held: Generations<Key, Kept>,
    /// Every operation that anybody asked for, as it is shown.
    words: Vec<Arc<str>>,
    numbers: HashMap<Operation, u16>,
    /// Services on ports that are not those of their protocol, or in no known protocol, by client and server.
    unnamed: HashMap<(At, At), u16>,
    /// Whether anybody asks for what changed.
    pub followed: bool,
    /// Those of which something changed, besides when they were heard last, and those that gave way.
    changed: HashSet<Key>,
    /// Those that were heard again.
    heard: HashSet<Key>,
    /// Addresses of which each new connection is a change.
    watched: HashSet<IpAddr>,
    /// Gave way to others.
    pub gave_way: u64,
    /// Left out: one host uses too many unnamed ports of another.
    pub left_out: u64,
    /// Operations that could not be told apart any more.
    pub operations_left_out: u64,
}

impl Default for Conversations {
    fn default() -> Self {
        Conversations {
            held: Generations::new(limits::CONVERSATIONS),
            words: Vec::new(),
            numbers: HashMap::new(),
            unnamed: HashMap::new(),
            followed: false,
            changed: HashSet::new(),
            heard: HashSet::new(),
            watched: HashSet::new(),
            gave_way: 0,
            left_out: 0,
            operations_left_out: 0,
        }
    }
}

impl Conversations {
    /// Takes in what a shard tells. True if it is a conversation that was not known, or a new connection of a watched address.
    pub fn apply(&mut self, key: Key, talk: &Talk) -> bool {
        let name = talk.protocol.map(|protocol| protocol.name);
        let unnamed = !is_expected(talk.protocol, key.pair);
        let known = self.held.find(&key);
        let place = match known {
            Some(place) => place,
            None if unnamed && !self.has_room(&key) => {
                self.left_out = self.left_out.saturating_add(1);
                return false;
            }
            None => {
                let kept = Kept {
                    protocol: name,
                    served: talk.served,
                    operations: Box::default(),
                    more: false,
                    cast: talk.cast,
                    direction: talk.direction,
                    two_way: talk.two_way,
                    flows: 0,
                    first: talk.first,
                    last: talk.last,
                    capture: talk.capture,
                    frame: talk.frame,
                    answered: None,
                    unnamed,
                };
                self.insert(key, kept)
            }
        };
        let new = known.is_none();
        let mut operations = Vec::new();
        for (operation, first) in &talk.operations.known {
            match self.number(*operation) {
                Some(number) => operations.push((number, *first)),
                None => self.operations_left_out = self.operations_left_out.saturating_add(1),
            }
        }
        let ends = [key.pair.client.1, key.pair.server.1];
        let watched = !self.watched.is_empty() && ends.iter().any(|ip| self.watched.contains(ip));
        let (mut changed, mut released, mut newer) = (new, false, false);
        if let Some(kept) = self.held.at(place) {
            let before = (
                kept.protocol,
                kept.two_way,
                kept.direction,
                kept.more,
                kept.first,
            );
            if (kept.protocol.is_none() && name.is_some()) || (talk.served && !kept.served) {
                kept.protocol = name;
                kept.served = talk.served;
                released = kept.unnamed && !unnamed;
                kept.unnamed &= unnamed;
            }
            kept.two_way |= talk.two_way;
            kept.direction = kept.direction.min(talk.direction);
            kept.flows = kept.flows.saturating_add(talk.flows);
            kept.more |= talk.operations.more;
            if talk.first < kept.first {
                kept.first = talk.first;
                kept.capture = talk.capture;
                kept.frame = talk.frame;
            }
            kept.last = kept.last.max(talk.last);
            let began = kept.answered.map(|answered| answered.began);
            kept.answered = Answered::newer(kept.answered, talk.answered);
            newer = watched && kept.answered.map(|answered| answered.began) != began;
            changed |= newer;
            for (number, first) in operations {
                if let Some((_, known)) = kept.operations.iter_mut().find(|(n, _)| *n == number) {
                    // A flow that began sooner may be told of later.
                    if first.time < known.time {
                        *known = first;
                        changed = true;
                    }
                } else if kept.operations.len() < limits::OPERATIONS {
                    // Seldom: it takes no more room than it must.
                    let mut more = std::mem::take(&mut kept.operations).into_vec();
                    more.push((number, first));
                    kept.operations = more.into_boxed_slice();
                    changed = true;
                } else {
                    kept.more = true;
                }
            }
            let after = (
                kept.protocol,
                kept.two_way,
                kept.direction,
                kept.more,
                kept.first,
            );
            changed |= before != after;
        }
        if released {
            self.release(&key);
        }
        self.note(key, changed);
        new || newer
    }

    /// Takes in one that was written down, with what was asked for.
    pub fn restore(&mut self, key: Key, mut kept: Kept, asked: &[(String, First)]) {
        if kept.unnamed && !self.has_room(&key) {
            return;
        }
        let operations = asked
            .iter()
            .filter_map(|(word, first)| Some((self.word(word)?, *first)));
        kept.operations = operations.collect();
        self.insert(key, kept);
    }

    /// Those that changed, or merely were heard again, so many at most, in order. Some are gone.
    pub fn take_changed(&mut self, heard: bool, most: usize) -> Vec<Key> {
        let mut taken: Vec<Key> = self.changed.iter().take(most).copied().collect();
        for key in &taken {
            self.changed.remove(key);
            self.heard.remove(key);
        }
        if heard {
            let room = most.saturating_sub(taken.len());
            let again: Vec<Key> = self.heard.iter().take(room).copied().collect();
            for key in &again {
                self.heard.remove(key);
            }
            taken.extend(again);
        }
        taken.sort_unstable();
        taken
    }

    /// Each new connection of these addresses is a change from now on, not merely that they are heard again.
    pub fn watch(&mut self, addresses: HashSet<IpAddr>) {
        self.watched = addresses;
    }

    /// One of them.
    pub fn get(&self, key: &Key) -> Option<&Kept> {
        self.held.get(key)
    }

    fn insert(&mut self, key: Key, kept: Kept) -> Place {
        let (place, gone) = self.held.insert(key, kept);
        for (key, kept) in gone {
            self.gave_way = self.gave_way.saturating_add(1);
            if kept.unnamed {
                self.release(&key);
            }
            self.note(key, true);
        }
        place
    }

    fn note(&mut self, key: Key, changed: bool) {
        if !self.followed {
            return;
        }
        // While nothing can be written, those that gave way would gather without end.
        if changed && self.changed.len() < limits::CONVERSATIONS.saturating_mul(2) {
            self.changed.insert(key);
        } else if self.heard.len() < limits::CONVERSATIONS {
            self.heard.insert(key);
        }
    }

    /// All of them, in order.
    pub fn all(&self) -> Vec<(&Key, &Kept)> {
        let mut all: Vec<(&Key, &Kept)> = self.held.iter().collect();
        all.sort_unstable_by_key(|(key, _)| **key);
        all
    }

    /// Client and server of every conversation between two hosts of which it is known which is which.
    pub fn ends(&self) -> impl Iterator<Item = (At, At)> + use<'_> {
        let between = |(key, kept): (&Key, &Kept)| {
            let known = kept.cast == Cast::Unicast && kept.direction != Direction::Unknown;
            known.then_some((key.pair.client, key.pair.server))
        };
        self.held.iter().filter_map(between)
    }

    /// What is asked for in it, in order of the words.
    pub fn operations(&self, kept: &Kept) -> Vec<(&str, First)> {
        let known = kept.operations.iter();
        let mut told: Vec<(&str, First)> = known
            .filter_map(|(number, first)| {
                let word = self.words.get(usize::from(*number))?;
                Some((&**word, *first))
            })
            .collect();
        told.sort_unstable_by_key(|(word, _)| *word);
        told
    }

    /// How many operations are told apart.
    pub fn words(&self) -> usize {
        self.words.len()
    }

    /// How many changed since they were taken last.
    pub fn waiting(&self) -> usize {
        self.changed.len()
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Removes those with any of these addresses.
    pub fn forget(&mut self, gone: impl Fn(At) -> bool) {
        let unwanted = |key: &Key| gone(key.pair.client) || gone(key.pair.server);
        let unwanted_now = self.held.iter().map(|(key, _)| *key).filter(unwanted);
        for key in unwanted_now.collect::<Vec<Key>>() {
            self.note(key, true);
        }
        self.held.retain(|key| !unwanted(key));
        self.unnamed
            .retain(|(client, server), _| !gone(*client) && !gone(*server));
    }

    fn number(&mut self, operation: Operation) -> Option<u16> {
        if let Some(number) = self.numbers.get(&operation) {
            return Some(*number);
        }
        let number = self.word(&operation.to_string())?;
        self.numbers.insert(operation, number);
        Some(number)
    }

    fn word(&mut self, word: &str) -> Option<u16> {
        // Asked once for each operation, and for what was written down.
        let known = self.words.iter().position(|known| **known == *word);
        let number = known.unwrap_or(self.words.len());
        if known.is_none() {
            if self.words.len() >= limits::WORDS {
                return None;
            }
            self.words.push(Arc::from(word));
        }
        u16::try_from(number).ok()
    }

    /// Makes room for a service that is not to be expected, if the pair has any left.
    fn has_room(&mut self, key: &Key) -> bool {
        let count = self.unnamed.entry((key.pair.client, key.pair.server));
        let count = count.or_default();
        let room = usize::from(*count) < limits::UNNAMED;
        if room {
            *count = count.saturating_add(1);
        }
        room
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

/// Whether the port is one of those that the protocol is registered for, or no port.
pub(crate) fn is_expected(protocol: Option<&Protocol>, pair: Pair) -> bool {
    let on = match pair.transport {
        Transport::Tcp => Carrier::Tcp(pair.port),
        Transport::Udp => Carrier::Udp(pair.port),
    };
    pair.port == 0 || protocol.is_some_and(|protocol| protocol.expects(on))
}

impl Key {
    /// As it is written down: transport and port, then VLAN tag, address and tenancy of client and server.
    pub fn text(&self) -> String {
        let Pair {
            client,
            server,
            port,
            transport,
        } = self.pair;
        let transport = match transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        let (held, served) = self.tenancies;
        format!(
            "{transport} {port} {} {} {held} {} {} {served}",
            client.0, client.1, server.0, server.1
        )
    }

    /// The other way round.
    pub fn read(text: &str) -> Option<Key> {
        let mut words = text.split(' ');
        let transport = match words.next()? {
            "tcp" => Transport::Tcp,
            "udp" => Transport::Udp,
            _ => return None,
        };
        let port = words.next()?.parse().ok()?;
        let mut end = || -> Option<(At, u8)> {
            let at = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            Some((at, words.next()?.parse().ok()?))
        };
        let ((client, held), (server, served)) = (end()?, end()?);
        Some(Key {
            pair: Pair {
                client,
                server,
                port,
                transport,
            },
            tenancies: (held, served),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(client: u8, port: u16) -> Key {
        let at = |last| (0, std::net::IpAddr::from([10, 0, 0, last]));
        Key {
            pair: Pair {
                client: at(client),
                server: at(200),
                port,
                transport: Transport::Tcp,
            },
            tenancies: (0, 0),
        }
    }

    fn talk(protocol: &str) -> Talk {
        let protocols = fossick_parsers::PROTOCOLS.iter();
        Talk {
            protocol: protocols.copied().find(|known| known.name == protocol),
            served: true,
            operations: Operations::default(),
            cast: Cast::Unicast,
            direction: Direction::Opening,
            two_way: true,
            flows: 1,
            first: Time(1),
            last: Time(2),
            capture: 0,
            frame: 1,
            answered: None,
        }
    }

    #[test]
    fn those_that_were_quiet_longest_give_way_and_are_counted() {
        let mut known = Conversations {
            held: Generations::new(8),
            followed: true,
            ..Conversations::default()
        };
        let regular = key(1, 502);
        for n in 2..100 {
            assert!(known.apply(key(n, 502), &talk("modbus")));
            known.apply(regular, &talk("modbus"));
        }
        assert!(known.len() <= 8);
        assert_eq!(known.gave_way + known.len() as u64, 99);
        assert_eq!(known.get(&regular).map(|kept| kept.flows), Some(98));
        // Whoever writes them down is told of those that are gone, too.
        let changed = known.take_changed(false, usize::MAX);
        let gone = changed.iter().filter(|key| known.get(key).is_none());
        assert_eq!(gone.count() as u64, known.gave_way);
    }

    #[test]
    fn a_flood_of_ports_leaves_room_for_what_a_pair_says_in_its_protocol() {
        let mut known = Conversations::default();
        for port in 1..=1000 {
            known.apply(key(1, 20_000 + port), &talk(""));
        }
        assert_eq!((known.len(), known.left_out), (limits::UNNAMED, 936));
        assert!(known.apply(key(1, 502), &talk("modbus")));
        assert!(known.apply(key(2, 20_000), &talk("")));
        // What was forgotten makes room.
        known.forget(|(_, ip)| ip == std::net::IpAddr::from([10, 0, 0, 1]));
        assert!(known.apply(key(1, 30_000), &talk("")));
    }

    #[test]
    fn what_turns_out_to_be_on_its_port_is_no_longer_unnamed() {
        let mut known = Conversations::default();
        known.apply(key(1, 502), &talk(""));
        assert_eq!(known.unnamed.len(), 1);
        known.apply(key(1, 502), &talk("modbus"));
        assert!(known.unnamed.is_empty());
    }

    #[test]
    fn what_was_told_later_may_have_been_first() {
        let mut known = Conversations::default();
        let later = Talk {
            first: Time(9),
            frame: 9,
            ..talk("modbus")
        };
        known.apply(key(1, 502), &later);
        known.apply(key(1, 502), &talk("modbus"));
        let kept = known.get(&key(1, 502)).unwrap();
        assert_eq!((kept.first, kept.frame, kept.flows), (Time(1), 1, 2));
    }

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let key = Key {
            pair: Pair {
                client: (7, "2001:db8::1".parse().unwrap()),
                server: (0, "10.0.0.2".parse().unwrap()),
                port: 502,
                transport: Transport::Tcp,
            },
            tenancies: (0, 3),
        };
        assert_eq!(Key::read(&key.text()), Some(key));
    }
}
