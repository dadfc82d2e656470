//! What the workers tell the ledger.

use std::net::IpAddr;
use std::sync::Arc;

use fossick_model::{Time, Transport};
use fossick_parsers::{Key, Mac, Place, Protocol};

use crate::conversation::{Pair, Talk};

/// An address that something is said of: hosts are put together from these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Address {
    /// A hardware address, wherever it is seen.
    Mac(Mac),
    /// An IP address on the VLAN with this tag; 0 where there is none.
    Ip(u16, IpAddr),
}

/// Whom an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Who {
    /// The host.
    pub address: Address,
    /// The device behind it, if it is about one.
    pub behind: Option<Place>,
}

impl From<Address> for Who {
    fn from(address: Address) -> Self {
        Who {
            address,
            behind: None,
        }
    }
}

/// An end of a conversation: an IP address and the interface its frames came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct End {
    pub vlan: u16,
    pub mac: Option<Mac>,
    pub ip: Option<IpAddr>,
}

impl End {
    /// What is said of this end is said of its IP address, or of its interface where it has none.
    pub fn address(self) -> Option<Address> {
        match (self.ip, self.mac) {
            (Some(ip), _) => Some(Address::Ip(self.vlan, ip)),
            (None, Some(mac)) => Some(Address::Mac(mac)),
            (None, None) => None,
        }
    }
}

/// Where a statement stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Which capture.
    pub capture: u32,
    /// When the last of its frames was captured.
    pub time: Time,
    pub places: Places,
}

/// A part of a frame: frame number, first octet, count. A count of 0 is the frame as a whole: which octets it were
/// cannot be told.
pub(crate) type Part = (u64, u32, u32);

/// The parts of frames that carry a value, in order. Nearly always there is one, which needs no memory of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Places {
    One(Part),
    Several(Box<[Part]>),
}

impl Places {
    /// Frames and the octets in them, as the store and the contract have them.
    pub fn of(frames: &[u64], octets: &[Part]) -> Places {
        match (frames, octets) {
            (_, [part]) => Places::One(*part),
            ([frame], []) => Places::One((*frame, 0, 0)),
            (_, []) => Places::Several(frames.iter().map(|frame| (*frame, 0, 0)).collect()),
            _ => Places::Several(octets.into()),
        }
    }

    fn parts(&self) -> &[Part] {
        match self {
            Places::One(part) => std::slice::from_ref(part),
            Places::Several(parts) => parts,
        }
    }

    /// The frames, in order, each once.
    pub fn frames(&self) -> Vec<u64> {
        let mut frames: Vec<u64> = self.parts().iter().map(|(frame, _, _)| *frame).collect();
        frames.sort_unstable();
        frames.dedup();
        frames
    }

    /// The octets that carry the value, where that is known.
    pub fn octets(&self) -> Vec<Part> {
        let parts = self.parts().iter().copied();
        parts.filter(|(_, _, count)| *count > 0).collect()
    }
}

/// What is known of a host from its frames alone.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a plain fact of its own"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Presence {
    pub first: Time,
    pub last: Time,
    /// Frame of `first`.
    pub frame: u64,
    pub capture: u32,
    /// Its packets arrived with the hops they were sent with: no router in between.
    pub direct: bool,
    /// It took part in an exchange, or was recognised by what it said.
    pub proven: bool,
    /// It was seen in an exchange that went both ways.
    pub two_way: bool,
    /// It was sent something that was not for a group.
    pub unicast: bool,
    /// How many times it announced itself.
    pub announced: u32,
}

impl Presence {
    /// Takes in another sight of the same host. True if that shows more than that it is still there.
    pub fn merge(&mut self, other: Presence) -> bool {
        let before = (self.direct, self.proven, self.two_way, self.unicast);
        let passed_once = self.announced <= 1;
        let earlier = other.first < self.first;
        if earlier {
            self.first = other.first;
            self.frame = other.frame;
            self.capture = other.capture;
        }
        self.last = self.last.max(other.last);
        self.direct &= other.direct;
        self.proven |= other.proven;
        self.two_way |= other.two_way;
        self.unicast |= other.unicast;
        self.announced = self.announced.saturating_add(other.announced);
        let after = (self.direct, self.proven, self.two_way, self.unicast);
        earlier || before != after || (passed_once && self.announced > 1)
    }
}

/// One thing the ledger must know.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// Somebody disclosed something.
    Observed {
        who: Who,
        key: Key,
        value: Arc<str>,
        proof: Proof,
        /// The port it serves, where it said so as a server.
        service: Option<(Transport, u16)>,
    },
    /// Somebody was heard to speak a protocol.
    Speaks {
        who: Who,
        protocol: &'static Protocol,
    },
    /// Somebody serves a port, with a protocol where that was recognised.
    Serves {
        who: Who,
        transport: Transport,
        port: u16,
        protocol: Option<&'static Protocol>,
    },
    /// An interface holds an IP address; said by itself or by whoever leased it.
    Holds { mac: Mac, vlan: u16, ip: IpAddr },
    /// A host was there.
    Present { end: End, presence: Presence },
    /// Two hosts talked with one another.
    Talked { one: Address, other: Address },
    /// A client used a service.
    Conversed { pair: Pair, talk: Box<Talk> },
}

/// An event and when it happened.
#[derive(Debug, Clone)]
pub(crate) struct Stamped {
    /// The shard that says it: decides the order of what is said at the end, of no frame.
    pub shard: u8,
    /// Position of the frame in its batch.
    pub position: u32,
    pub time: Time,
    pub event: Event,
}
