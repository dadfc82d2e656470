//! Conversations: who talks to whom, and in which protocol.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fossick_model::{Cast, Direction, Time, Transport};
use fossick_parsers::packet::Ip;
use fossick_parsers::{Protocol, Role};

use crate::conversation::{Answered, Operations, Pair, Talk};
use crate::event::{End, Presence};
use crate::limits;
use crate::proof::Now;
use crate::stream::{Piece, Stream};

/// What the two directions of a conversation have in common: numbers alone, which are compared at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FlowKey {
    /// The ends in order of address, then port.
    low: u128,
    high: u128,
    ports: (u16, u16),
    /// VLAN tag, for datagrams. A TCP connection is told by its ports and may be tagged on one side only.
    vlan: u16,
    /// IP protocol number.
    protocol: u8,
    /// The addresses are of IPv6.
    six: bool,
}

impl FlowKey {
    /// The flow of a packet with these ports, and which side of it speaks.
    pub fn of(ip: &Ip<'_>, ports: (u16, u16), vlan: u16) -> (FlowKey, Side) {
        const TCP: u8 = 6;
        let from = (number(ip.source), ports.0);
        let to = (number(ip.destination), ports.1);
        let key = |low: (u128, u16), high: (u128, u16)| FlowKey {
            low: low.0,
            high: high.0,
            ports: (low.1, high.1),
            vlan: if ip.protocol == TCP { 0 } else { vlan },
            protocol: ip.protocol,
            six: ip.source.is_ipv6(),
        };
        if from <= to {
            (key(from, to), Side::Low)
        } else {
            (key(to, from), Side::High)
        }
    }

    /// Address and port of an end.
    pub fn end(&self, side: Side) -> (IpAddr, u16) {
        let (number, port) = match side {
            Side::Low => (self.low, self.ports.0),
            Side::High => (self.high, self.ports.1),
        };
        let ip = match u32::try_from(number) {
            Ok(bits) if !self.six => Ipv4Addr::from(bits).into(),
            _ => Ipv6Addr::from(number).into(),
        };
        (ip, port)
    }

    /// Whether one of its ends has this address.
    pub fn has(&self, ip: IpAddr) -> bool {
        let number = number(ip);
        self.six == ip.is_ipv6() && (self.low == number || self.high == number)
    }
}

/// An address as a number: addresses of one version are in the same order as these.
fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

impl Hash for FlowKey {
    /// In three strokes instead of one for each field; the version shows in the addresses.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.low);
        state.write_u128(self.high);
        let ports = u64::from(self.ports.0) << 16 | u64::from(self.ports.1);
        let rest = u64::from(self.vlan) << 8 | u64::from(self.protocol);
        state.write_u64(rest << 32 | ports);
    }
}

/// Hashes two addresses.
pub(crate) fn hash_pair<H: Hasher>(one: IpAddr, other: IpAddr, state: &mut H) {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            state.write_u64(u64::from(one.to_bits()) << 32 | u64::from(other.to_bits()));
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            state.write_u128(one.to_bits());
            state.write_u128(other.to_bits());
        }
        mixed => mixed.hash(state),
    }
}

/// An index into the pairs of a [`Flow`]: which end speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Low,
    High,
}

impl Side {
    pub const BOTH: [Side; 2] = [Side::Low, Side::High];

    pub fn other(self) -> Side {
        match self {
            Side::Low => Side::High,
            Side::High => Side::Low,
        }
    }
}

/// A value for each end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Both<T> {
    low: T,
    high: T,
}

impl<T> Both<T> {
    pub fn at(&self, side: Side) -> &T {
        match side {
            Side::Low => &self.low,
            Side::High => &self.high,
        }
    }

    pub fn at_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Low => &mut self.low,
            Side::High => &mut self.high,
        }
    }
}

/// A message that will count once the other end agrees.
#[derive(Debug)]
pub(crate) struct Held {
    pub protocol: &'static Protocol,
    pub octets: Vec<u8>,
    pub piece: Piece,
}

/// What one end has done so far: what its every packet asks for.
#[derive(Debug, Default)]
pub(crate) struct Half {
    pub stream: Stream,
    pub last: Time,
    pub held: Option<Box<Held>>,
    /// Messages that were recognised by content.
    pub messages: u32,
    pub tries: u8,
    /// A packet of it was seen.
    pub seen: bool,
    /// Packets arrived with the hops they were sent with.
    pub direct: bool,
    /// Sent something that only a real participant sends: not a lone SYN or RST.
    pub acted: bool,
}

/// Who one end is, and what was made of its messages.
#[derive(Debug, Default)]
pub(crate) struct Party {
    /// Set by its first packet.
    pub end: Option<End>,
    pub first: Time,
    pub first_frame: u64,
    /// It was told that this end speaks this protocol, and serves it if it does.
    pub told: Option<&'static Protocol>,
    /// What its messages may be.
    pub maybe: Option<&'static Protocol>,
    /// Its latest message, where the reply is read with it.
    pub asked: Vec<u8>,
}

/// How many messages in a row said nothing new, by their length: what has another length is another kind of message, which
/// may disclose something at last however long the others have not.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Quiet([u8; 16]);

impl Quiet {
    /// Messages like this one that said nothing new, since one did.
    pub fn of(&self, message: &[u8]) -> u8 {
        self.0
            .get(Quiet::class(message))
            .copied()
            .unwrap_or_default()
    }

    /// The message was read: whether it said anything new.
    pub fn read(&mut self, message: &[u8], new: bool) {
        // Who has said something new may be about to say more.
        if new {
            self.0 = [0; 16];
        } else if let Some(count) = self.0.get_mut(Quiet::class(message)) {
            *count = count.saturating_add(1);
        }
    }

    fn class(message: &[u8]) -> usize {
        (message.len() ^ message.len() >> 4) & 15
    }
}

/// One conversation. What every packet asks for lies in front, in two lines of memory: there are too many flows for more
/// than that of each to be near.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Flow {
    pub halves: Both<Half>,
    pub protocol: Option<&'static Protocol>,
    pub last: Time,
    pub quiet: Quiet,
    /// Faults in a row.
    pub faults: u8,
    /// The end that opened it, as far as we can tell.
    pub client: Side,
    /// What shows that.
    pub direction: Direction,
    /// Its protocol took the place of another: what the port serves is that one.
    pub succeeded: bool,
    pub to_group: bool,
    /// Its first frame was for a group on the link: a broadcast on a network whose size we do not know.
    pub to_nobody: bool,
    /// It was the server that confirmed `service`: a client may try another protocol than the one that is served.
    pub served: bool,
    /// The conversation that it is a part of counts it.
    pub counted: bool,
    /// Of its services.
    pub transport: Option<Transport>,
    pub capture: u32,
    /// The first protocol that was confirmed: what the port serves.
    pub service: Option<&'static Protocol>,
    /// What the client asked for, if for anything.
    pub operations: Option<Box<Operations>>,
    /// `last`, when the ledger was told of it.
    pub told: Time,
    /// Numbers of the latest of `operations`: most clients ask for the same few things again and again.
    asked: [u64; 3],
    pub parties: Both<Party>,
}

impl Flow {
    pub fn new(
        (client, direction): (Side, Direction),
        capture: u32,
        to_group: bool,
        transport: Option<Transport>,
    ) -> Flow {
        Flow {
            halves: Both::default(),
            parties: Both::default(),
            client,
            direction,
            protocol: None,
            faults: 0,
            succeeded: false,
            quiet: Quiet::default(),
            last: Time(0),
            told: Time(i64::MIN),
            capture,
            to_group,
            to_nobody: false,
            transport,
            service: None,
            served: false,
            operations: None,
            asked: [0; 3],
            counted: false,
        }
    }

    /// The conversation that it is a part of: both ends took part in it, what one said was recognised, or one that is not
    /// answered goes on.
    pub fn conversation(&self, key: &FlowKey) -> Option<(Pair, Talk)> {
        let transport = self.transport?;
        let (two_way, cast) = (self.two_way(), self.cast(key));
        let halves = Side::BOTH.map(|side| self.halves.at(side));
        let spoke = halves.iter().any(|half| half.messages > 0);
        let goes_on = halves.iter().any(|half| half.tries >= limits::ONE_WAY);
        let proven = || Side::BOTH.into_iter().all(|side| self.proven(side));
        let group = cast != Cast::Unicast;
        if !(spoke || (goes_on && !two_way) || (proven() && !group)) {
            return None;
        }
        let (client, direction) = match self.direction {
            // Who speaks to a group is its client.
            _ if group && self.halves.low.seen => (Side::Low, Direction::Asked),
            _ if group => (Side::High, Direction::Asked),
            Direction::Unknown => (Side::Low, Direction::Unknown),
            known => (self.client, known),
        };
        let server = client.other();
        let at = |side| {
            let end: End = self.parties.at(side).end?;
            let ip = if group { key.end(side).0 } else { end.ip? };
            Some((end.vlan, ip))
        };
        let heard = Side::BOTH
            .into_iter()
            .filter(|side| self.halves.at(*side).seen);
        let heard = heard.map(|side| self.parties.at(side));
        let first = heard.min_by_key(|party| (party.first, party.first_frame))?;
        let pair = Pair {
            client: at(client)?,
            server: at(server)?,
            port: if direction == Direction::Unknown {
                0
            } else {
                key.end(server).1
            },
            transport,
        };
        let talk = Talk {
            protocol: self.service,
            served: self.served,
            operations: self.operations.as_deref().cloned().unwrap_or_default(),
            cast,
            direction,
            two_way,
            flows: u64::from(!self.counted),
            first: first.first,
            last: self.last,
            capture: self.capture,
            frame: first.first_frame,
            answered: (two_way && !group).then(|| {
                let answer = self.parties.at(server);
                Answered {
                    began: first.first,
                    last: self.halves.at(server).last,
                    time: answer.first,
                    capture: self.capture,
                    frame: answer.first_frame,
                }
            }),
        };
        Some((pair, talk))
    }

    /// Whom it is for.
    fn cast(&self, key: &FlowKey) -> Cast {
        if self.to_group {
            let multicast = Side::BOTH.map(|side| key.end(side).0.is_multicast());
            return if multicast.contains(&true) {
                Cast::Multicast
            } else {
                Cast::Broadcast
            };
        }
        // A switch may flood what is for one host, which then answers.
        if self.to_nobody && !self.two_way() {
            Cast::Broadcast
        } else {
            Cast::Unicast
        }
    }

    /// Nothing shows its direction yet, and something may: until it is over, or has gone on for long.
    pub fn is_undecided(&self) -> bool {
        let heard = Side::BOTH
            .into_iter()
            .filter(|side| self.halves.at(*side).seen);
        let first = heard.map(|side| self.parties.at(side).first).min();
        let first = first.unwrap_or(self.last);
        self.direction == Direction::Unknown && !limits::passed(first, self.last, limits::FLOW_IDLE)
    }

    /// This end spoke a protocol, and said this in it. Asked of every message, so that it does nothing for most.
    pub fn said(&mut self, now: Now<'_>, side: Side, protocol: &'static Protocol, message: &[u8]) {
        let serves = side != self.client;
        if !self.served && !self.succeeded && (serves || self.service.is_none()) {
            self.service = Some(protocol);
            self.served = serves;
        }
        if !serves && let Some(operation) = protocol.operation.and_then(|read| read(message)) {
            let number = operation.number();
            let [latest, before, _] = self.asked;
            if !self.asked.contains(&number) {
                self.asked = [number, latest, before];
                let operations = self.operations.get_or_insert_default();
                operations.add(operation, now.capture, now.frame, now.time);
            }
        }
    }

    /// Octets that wait in its streams.
    pub fn held(&self) -> usize {
        let of = |side| self.halves.at(side).stream.held();
        of(Side::Low).saturating_add(of(Side::High))
    }

    /// Gives up what waits in its streams.
    pub fn give_up(&mut self) {
        self.halves.at_mut(Side::Low).stream.give_up();
        self.halves.at_mut(Side::High).stream.give_up();
    }

    pub fn role(&self, side: Side) -> Role {
        if side == self.client {
            Role::Client
        } else {
            Role::Server
        }
    }

    /// This end certainly opened it.
    pub fn opened_by(&mut self, side: Side) {
        if self.client != side {
            self.parties.at_mut(Side::Low).told = None;
            self.parties.at_mut(Side::High).told = None;
        }
        self.client = side;
        self.direction = Direction::Opening;
    }

    /// The message showed which end it came from.
    pub fn correct(&mut self, side: Side, role: Option<Role>) {
        if let Some(role) = role
            && self.direction > Direction::Role
        {
            self.opened_by(match role {
                Role::Client => side,
                Role::Server => side.other(),
            });
            self.direction = Direction::Role;
        }
    }

    /// Both ends were heard.
    pub fn two_way(&self) -> bool {
        self.halves.at(Side::Low).seen && self.halves.at(Side::High).seen
    }

    /// Whether this end certainly exists: it was recognised, or it took part in an exchange
    /// beyond what a forged source address could.
    pub fn proven(&self, side: Side) -> bool {
        let half = self.halves.at(side);
        half.messages > 0 || (self.two_way() && (half.acted || side != self.client))
    }

    /// What the ledger should know of the presence of one end.
    pub fn presence(&self, side: Side) -> Option<(End, Presence)> {
        let half = self.halves.at(side);
        let party = self.parties.at(side);
        let end = party.end.filter(|_| half.seen)?;
        Some((
            end,
            Presence {
                first: party.first,
                last: half.last,
                frame: party.first_frame,
                capture: self.capture,
                direct: half.direct,
                proven: self.proven(side),
                two_way: self.two_way(),
                unicast: !self.to_group,
                announced: 0,
            },
        ))
    }
}
