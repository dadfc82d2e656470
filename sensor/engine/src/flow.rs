//! Conversations: who talks to whom, and in which protocol.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use fossick_model::{Time, Transport};
use fossick_parsers::packet::Ip;
use fossick_parsers::{Protocol, Role};

use crate::conversation::{Answered, Operations, Pair, Talk};
use crate::event::{End, Presence};
use crate::stream::{Piece, Stream};

/// What the two directions of a conversation have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FlowKey {
    /// IP protocol number.
    pub protocol: u8,
    /// VLAN tag, for datagrams. A TCP connection is told by its ports and may be tagged on one side only.
    pub vlan: u16,
    /// The ends in order of address, then port.
    pub low: (IpAddr, u16),
    pub high: (IpAddr, u16),
}

impl FlowKey {
    /// The flow of a packet with these ports, and which side of it speaks.
    pub fn of(ip: &Ip<'_>, ports: (u16, u16), vlan: u16) -> (FlowKey, Side) {
        const TCP: u8 = 6;
        let from = (ip.source, ports.0);
        let to = (ip.destination, ports.1);
        let key = |low, high| FlowKey {
            protocol: ip.protocol,
            vlan: if ip.protocol == TCP { 0 } else { vlan },
            low,
            high,
        };
        if from <= to {
            (key(from, to), Side::Low)
        } else {
            (key(to, from), Side::High)
        }
    }
}

impl Hash for FlowKey {
    /// In two or three strokes instead of one for each field.
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_pair(self.low.0, self.high.0, state);
        let ports = u64::from(self.low.1) << 16 | u64::from(self.high.1);
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

/// What one end has done so far.
#[derive(Debug, Default)]
pub(crate) struct Half {
    /// Who it is; set by its first packet.
    pub end: Option<End>,
    pub first: Time,
    pub first_frame: u64,
    pub last: Time,
    pub packets: u32,
    /// Packets arrived with the hops they were sent with.
    pub direct: bool,
    /// Sent something that only a real participant sends: not a lone SYN or RST.
    pub acted: bool,
    /// Was recognised by content.
    pub spoke: bool,
    /// It was told that this end speaks this protocol, and serves it if it does.
    pub told: Option<&'static Protocol>,
    /// What its messages may be.
    pub maybe: Option<&'static Protocol>,
    pub tries: u8,
    pub messages: u32,
    pub stream: Stream,
    pub asked: Vec<u8>,
    pub held: Option<Box<Held>>,
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

/// One conversation.
#[derive(Debug)]
pub(crate) struct Flow {
    pub halves: Both<Half>,
    /// The end that opened it, as far as we can tell.
    pub client: Side,
    /// The opening was seen, or a message said which end it came from.
    pub client_known: bool,
    pub protocol: Option<&'static Protocol>,
    /// Faults in a row.
    pub faults: u8,
    /// Its protocol took the place of another: what the port serves is that one.
    pub succeeded: bool,
    pub quiet: Quiet,
    pub last: Time,
    /// `last`, when the ledger was told of it.
    pub told: Time,
    pub capture: u32,
    pub to_group: bool,
    /// Its first frame was for a group on the link: a broadcast on a network whose size we do not know.
    pub to_nobody: bool,
    /// Of its services.
    pub transport: Option<Transport>,
    /// Ports of the low and the high end.
    pub ports: (u16, u16),
    /// The first protocol that was confirmed: what the port serves.
    pub service: Option<&'static Protocol>,
    /// It was the server that confirmed it: a client may try another protocol than the one that is served.
    pub served: bool,
    /// What the client asked for.
    pub operations: Operations,
}

impl Flow {
    pub fn new(client: Side, capture: u32, to_group: bool, transport: Option<Transport>) -> Flow {
        Flow {
            halves: Both::default(),
            client,
            client_known: false,
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
            ports: (0, 0),
            service: None,
            served: false,
            operations: Operations::default(),
        }
    }

    /// The conversation that it is a part of: both ends took part in it, or what one said was recognised.
    pub fn conversation(&self) -> Option<(Pair, Talk)> {
        let (client, server) = (self.client, self.client.other());
        let heard = self.halves.at(client).spoke || self.halves.at(server).spoke;
        if self.to_group
            || self.to_nobody
            || !(heard || (self.proven(client) && self.proven(server)))
        {
            return None;
        }
        let at = |side| {
            let end: End = self.halves.at(side).end?;
            Some((end.vlan, end.ip?))
        };
        let shown = [client, server].map(|side| self.halves.at(side));
        let first = shown.into_iter().filter(|half| half.packets > 0);
        let first = first.min_by_key(|half| (half.first, half.first_frame))?;
        let answer = self.halves.at(server);
        let answered = self.two_way().then_some(Answered {
            began: first.first,
            last: answer.last,
            time: answer.first,
            capture: self.capture,
            frame: answer.first_frame,
        });
        Some((
            Pair {
                client: at(client)?,
                server: at(server)?,
                port: match server {
                    Side::Low => self.ports.0,
                    Side::High => self.ports.1,
                },
                transport: self.transport?,
            },
            Talk {
                protocol: self.service,
                served: self.served,
                operations: self.operations.clone(),
                two_way: self.two_way(),
                first: first.first,
                last: self.last,
                capture: self.capture,
                frame: first.first_frame,
                answered,
            },
        ))
    }

    /// This end spoke a protocol, and said this in it.
    pub fn said(&mut self, side: Side, protocol: &'static Protocol, message: &[u8]) {
        let serves = side != self.client;
        if !self.served && !self.succeeded && (serves || self.service.is_none()) {
            self.service = Some(protocol);
            self.served = serves;
        }
        if !serves && let Some(operation) = protocol.operation.and_then(|read| read(message)) {
            self.operations.add(operation);
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
            self.halves.at_mut(Side::Low).told = None;
            self.halves.at_mut(Side::High).told = None;
        }
        self.client = side;
        self.client_known = true;
    }

    /// The message showed which end it came from.
    pub fn correct(&mut self, side: Side, role: Option<Role>) {
        if let Some(role) = role
            && !self.client_known
        {
            self.opened_by(match role {
                Role::Client => side,
                Role::Server => side.other(),
            });
        }
    }

    /// Both ends were heard.
    pub fn two_way(&self) -> bool {
        self.halves.at(Side::Low).packets > 0 && self.halves.at(Side::High).packets > 0
    }

    /// Whether this end certainly exists: it was recognised, or it took part in an exchange
    /// beyond what a forged source address could.
    pub fn proven(&self, side: Side) -> bool {
        let half = self.halves.at(side);
        half.spoke || (self.two_way() && (half.acted || side != self.client))
    }

    /// What the ledger should know of the presence of one end.
    pub fn presence(&self, side: Side) -> Option<(End, Presence)> {
        let half = self.halves.at(side);
        let end = half.end.filter(|_| half.packets > 0)?;
        Some((
            end,
            Presence {
                first: half.first,
                last: half.last,
                frame: half.first_frame,
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
