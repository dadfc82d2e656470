//! What every message passes on its way to the ledger: statements that were said before stop here.

mod conversations;

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::FixedState;
use fossick_model::{Direction, Time, Transport as Carried};
use fossick_parsers::packet::{Ip, Tcp};
use fossick_parsers::{Carrier, Mac, Message, Out, Protocol, Role, Statement, Subject};

use crate::conversation::{Pair, Talk};
use crate::counters::{Counters, Tally};
use crate::cyclic::Cyclic;
use crate::event::{Address, End, Event, Presence, Stamped, Who};
use crate::flow::{Flow, FlowKey, Held, Side};
use crate::generations::Generations;
use crate::limits;
use crate::proof::{Now, Origin, Speakers, offset_in, proof, whom};
use crate::recognition::{Identified, identify_stream, successor};
use crate::registry::Registry;
use crate::said::Said;
use crate::stream::{Arrived, Piece, Segment};

/// TCP flags (RFC 9293 §3.1).
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// What every message passes: what was said before, and where new statements go.
pub(crate) struct Desk {
    pub hash: FixedState,
    pub said: Said,
    /// Who was told to hold which address, by hash, and when.
    holders: Generations<u64, Time>,
    pub hosts: Generations<End, Presence>,
    /// Somebody wants to know who talks with whom about what.
    converses: bool,
    /// Conversations that the ledger is not told of yet.
    talks: Generations<Pair, Talk>,
    pub scratch: String,
    /// Octets that wait in the streams of the shard.
    pub waiting: usize,
    pub counters: Counters,
    tally: Tally,
    cyclic: Cyclic,
    pub number: u8,
    pub out: Vec<Stamped>,
}

impl Desk {
    pub(crate) fn new(number: usize, converses: bool) -> Desk {
        Desk {
            hash: FixedState::with_seed(0),
            said: Said::new(),
            holders: Generations::new(limits::HOLDERS),
            hosts: Generations::new(limits::HOSTS),
            converses,
            talks: Generations::new(limits::UNTOLD),
            scratch: String::new(),
            waiting: 0,
            counters: Counters::default(),
            tally: Tally::default(),
            cyclic: Cyclic::new(),
            number: u8::try_from(number).unwrap_or_default(),
            out: Vec::new(),
        }
    }

    /// A frame that is not IP: whoever understands its carrier reads it.
    pub(crate) fn other(
        &mut self,
        now: Now<'_>,
        carrier: Carrier,
        payload: &[u8],
        sender: End,
        receiver: End,
        known: &Registry,
    ) {
        let protocols = known.on(carrier);
        // The first two octets of what is cyclic name the stream (APPID, FrameID).
        let stream = (sender.mac, receiver.mac, carrier, payload.get(..2));
        let stream = self.hash.hash_one(stream);
        if !protocols.is_empty() && self.cyclic.passes(stream, now.time) {
            self.present(now, sender);
            return;
        }
        let piece = [Piece {
            start: 0,
            frame: now.frame,
            at: 0,
            length: now.octets.len(),
            time: now.time,
        }];
        let origin = Origin {
            octets: now.octets,
            pieces: &piece,
        };
        let speakers = Speakers {
            sender,
            receiver,
            service: None,
        };
        let mut understood = false;
        let before = self.out.len();
        for protocol in protocols {
            understood |= self.recognised(now, protocol, payload, origin, speakers);
        }
        if understood {
            self.cyclic.read(stream, self.out.len() > before);
        } else {
            self.counters.not_understood(carrier);
        }
    }

    /// One message without a flow, if the protocol knows it for its own.
    pub(crate) fn recognised(
        &mut self,
        now: Now<'_>,
        protocol: &'static Protocol,
        payload: &[u8],
        origin: Origin<'_>,
        speakers: Speakers,
    ) -> bool {
        let Some(recognition) = (protocol.recognise)(payload) else {
            return false;
        };
        let message = Message {
            from: recognition.from.unwrap_or(Role::Server),
            bytes: payload,
            asked: None,
            nth: 0,
            ports: (0, 0),
            source: speakers.sender.mac,
        };
        self.present(now, speakers.sender);
        self.dissect(now, protocol, message, origin, speakers);
        self.introduce(now, protocol, speakers);
        true
    }

    /// One segment of a connection: its opening, or data that may complete messages.
    #[expect(clippy::too_many_arguments, reason = "a segment is all of these")]
    pub(crate) fn segment(
        &mut self,
        now: Now<'_>,
        flow: &mut Flow,
        side: Side,
        ip: &Ip<'_>,
        tcp: &Tcp<'_>,
        ports: (u16, u16),
        known: &Registry,
    ) {
        if tcp.flags & SYN != 0 {
            let opens = tcp.flags & ACK == 0;
            flow.opened_by(if opens { side } else { side.other() });
            // The SYN takes one sequence number (RFC 9293 §3.4).
            let half = flow.halves.at_mut(side);
            half.stream.start(tcp.sequence.wrapping_add(1));
            if opens && flow.protocol.is_some() {
                // The ports are used again.
                flow.protocol = None;
                flow.succeeded = false;
                flow.counted = false;
                flow.halves.at_mut(Side::Low).tries = 0;
                flow.halves.at_mut(Side::High).tries = 0;
            }
            self.signature(now, flow, side, ip.octets, ports, known);
        } else if tcp.flags & RST == 0 {
            flow.halves.at_mut(side).acted = true;
            if flow.two_way()
                && let Some(held) = flow.halves.at_mut(flow.client).held.take()
            {
                self.release(now, flow, flow.client, &held, ports);
            }
        }
        if tcp.payload.is_empty() {
            return;
        }
        let segment = Segment {
            sequence: tcp.sequence,
            octets: tcp.payload,
            frame: now.frame,
            at: offset_in(now.octets, tcp.payload).unwrap_or_default(),
            time: now.time,
            missing: tcp.missing,
        };
        if flow.protocol.is_none() && flow.halves.at(side).tries >= limits::RECOGNITION_TRIES {
            return;
        }
        let half = flow.halves.at_mut(side);
        match half.stream.arrive(segment) {
            Arrived::Nothing => {}
            Arrived::Direct(fresh, at) => {
                let piece = [Piece {
                    start: 0,
                    frame: now.frame,
                    at,
                    length: fresh.len(),
                    time: now.time,
                }];
                let origin = Origin {
                    octets: fresh,
                    pieces: &piece,
                };
                let used = self.read(now, flow, side, origin, ports, known);
                let stream = &mut flow.halves.at_mut(side).stream;
                if let Some(rest) = fresh.get(used..).filter(|rest| !rest.is_empty()) {
                    stream.keep(rest, now.frame, at.saturating_add(used), now.time);
                }
            }
            Arrived::Buffered => self.read_buffer(now, flow, side, ports, known),
        }
        // Recognition by this side's data may have made the other side's readable.
        if flow.protocol.is_some() && flow.halves.at(side.other()).stream.waits() {
            self.read_buffer(now, flow, side.other(), (ports.1, ports.0), known);
        }
    }

    /// Reads whole messages from the front of the data; how many octets need not be kept.
    pub(crate) fn read(
        &mut self,
        now: Now<'_>,
        flow: &mut Flow,
        side: Side,
        origin: Origin<'_>,
        ports: (u16, u16),
        known: &Registry,
    ) -> usize {
        let mut used = 0;
        if flow.protocol.is_none() {
            let half = flow.halves.at_mut(side);
            half.tries = half.tries.saturating_add(1);
            // A message begins where a segment does, if not with the first of those that wait.
            let starts = origin.pieces.iter().map(|piece| piece.start);
            // The first start at which more may show what it is.
            let mut waits = None;
            for start in starts {
                let rest = origin.octets.get(start..).unwrap_or_default();
                match identify_stream(flow, side, ports, rest, known) {
                    Identified::Yes => {
                        used = start;
                        break;
                    }
                    Identified::NotYet => waits = waits.or(Some(start)),
                    Identified::No => {}
                }
            }
            if flow.protocol.is_none() {
                let again = flow.halves.at(side).tries < limits::RECOGNITION_TRIES;
                let keep = again && origin.octets.len() < limits::UNKNOWN_OCTETS;
                return waits.filter(|_| keep).unwrap_or(origin.octets.len());
            }
        }
        let Some(mut protocol) = flow.protocol else {
            return 0;
        };
        let Some(mut frame) = protocol.frame else {
            return origin.octets.len();
        };
        while let Some(rest) = origin.octets.get(used..).filter(|rest| !rest.is_empty()) {
            match frame(rest) {
                Ok(cut) => {
                    let length = cut.length.clamp(1, rest.len());
                    let message = rest.get(..length).unwrap_or_default();
                    flow.faults = 0;
                    // Which end it came from is all that recognising a message could still tell.
                    if flow.direction > Direction::Role
                        && let Some(recognition) = (protocol.recognise)(message)
                    {
                        flow.correct(side, recognition.from);
                    }
                    self.message(now, flow, side, protocol, message, origin, ports);
                    used = used.saturating_add(length);
                    let after = origin.octets.len().saturating_sub(used);
                    let here = usize::try_from(cut.skip).unwrap_or(usize::MAX).min(after);
                    used = used.saturating_add(here);
                    let later = cut.skip.saturating_sub(here as u64);
                    flow.halves.at_mut(side).stream.skip(later);
                }
                Err(nom::Err::Incomplete(_)) => {
                    if rest.len() >= limits::MESSAGE {
                        self.counters.too_long = self.counters.too_long.saturating_add(1);
                        return origin.octets.len();
                    }
                    return used;
                }
                Err(nom::Err::Error(fault) | nom::Err::Failure(fault)) => {
                    if let Some(next) = successor(flow, side, ports, rest, known)
                        && let Some(cuts) = next.frame
                    {
                        (protocol, frame) = (next, cuts);
                        continue;
                    }
                    // Feet lost: the next segment may begin a message.
                    self.counters.fault(protocol, fault);
                    flow.faults = flow.faults.saturating_add(1);
                    if flow.faults > 2 {
                        flow.protocol = None;
                        flow.faults = 0;
                        flow.parties.at_mut(side).maybe = None;
                        flow.parties.at_mut(side.other()).maybe = None;
                    }
                    return origin.octets.len();
                }
            }
        }
        used
    }

    pub(crate) fn read_buffer(
        &mut self,
        now: Now<'_>,
        flow: &mut Flow,
        side: Side,
        ports: (u16, u16),
        known: &Registry,
    ) {
        let (buffer, pieces) = flow.halves.at_mut(side).stream.take();
        let origin = Origin {
            octets: &buffer,
            pieces: &pieces,
        };
        let used = self.read(now, flow, side, origin, ports, known);
        flow.halves
            .at_mut(side)
            .stream
            .put_back(buffer, pieces, used);
    }

    /// A message of a flow whose protocol is known.
    #[expect(clippy::too_many_arguments, reason = "a message is all of these")]
    pub(crate) fn message(
        &mut self,
        now: Now<'_>,
        flow: &mut Flow,
        side: Side,
        protocol: &'static Protocol,
        bytes: &[u8],
        origin: Origin<'_>,
        ports: (u16, u16),
    ) {
        let role = flow.role(side);
        let nth = flow.halves.at(side).messages;
        flow.halves.at_mut(side).messages = nth.saturating_add(1);
        if self.converses {
            flow.said(now, side, protocol, bytes);
        }
        if flow.quiet.of(bytes) >= limits::QUIET_AFTER && !nth.is_multiple_of(limits::SAMPLE_ONE_IN)
        {
            return;
        }
        let Some(speakers) = Desk::speakers(flow, side, ports) else {
            return;
        };
        let asked = std::mem::take(&mut flow.parties.at_mut(side.other()).asked);
        let message = Message {
            from: role,
            bytes,
            asked: Some(asked.as_slice()).filter(|asked| !asked.is_empty()),
            nth,
            ports,
            source: speakers.sender.mac,
        };
        let mut new = self.dissect(now, protocol, message, origin, speakers);
        let party = flow.parties.at_mut(side);
        if !party.told.is_some_and(|told| std::ptr::eq(told, protocol)) {
            party.told = Some(protocol);
            new |= self.introduce(now, protocol, speakers);
        }
        flow.quiet.read(bytes, new);
        flow.parties.at_mut(side.other()).asked = asked;
        let kept = &mut flow.parties.at_mut(side).asked;
        kept.clear();
        kept.extend_from_slice(bytes.get(..limits::ASKED).unwrap_or(bytes));
    }

    /// Who speaks here, and the service it speaks for.
    pub(crate) fn speakers(flow: &Flow, side: Side, ports: (u16, u16)) -> Option<Speakers> {
        let serves = flow.role(side) == Role::Server && ports.0 != 0 && !flow.succeeded;
        Some(Speakers {
            sender: flow.parties.at(side).end?,
            receiver: flow.parties.at(side.other()).end?,
            service: flow.transport.filter(|_| serves).map(|t| (t, ports.0)),
        })
    }

    /// Hands what a message says to the ledger, unless it was said before. Whether any of it was new.
    pub(crate) fn dissect(
        &mut self,
        now: Now<'_>,
        protocol: &'static Protocol,
        message: Message<'_>,
        origin: Origin<'_>,
        speakers: Speakers,
    ) -> bool {
        let mut new = false;
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut take = |statement: Statement<'_>| {
            // Whoever tells of itself under its hardware address speaks, through a relay too.
            if let Statement::Observation {
                subject: Subject::Mac(mac),
                ..
            } = statement
                && is_somebody(mac)
            {
                new |= self.speaks(now, Address::Mac(mac), protocol);
            }
            new |= self.statement(now, statement, origin, message.bytes, speakers);
        };
        let done = (protocol.dissect)(message, &mut Out::new(&mut scratch, &mut take));
        self.scratch = scratch;
        if let Err(fault) = done {
            self.counters.fault(protocol, fault);
        }
        self.tally.message(protocol);
        new
    }

    /// Tells the ledger what the sender of a message speaks, and serves where it does. Whether that was new.
    pub(crate) fn introduce(
        &mut self,
        now: Now<'_>,
        protocol: &'static Protocol,
        speakers: Speakers,
    ) -> bool {
        let Some(sender) = speakers.sender.address() else {
            return false;
        };
        let mut new = self.speaks(now, sender, protocol);
        if let Some((transport, port)) = speakers.service {
            new |= self.serves(now, sender, transport, port, Some(protocol));
        }
        new
    }

    pub(crate) fn statement(
        &mut self,
        now: Now<'_>,
        statement: Statement<'_>,
        origin: Origin<'_>,
        message: &[u8],
        speakers: Speakers,
    ) -> bool {
        let vlan = speakers.sender.vlan;
        match statement {
            Statement::Speaks(protocol) => speakers
                .sender
                .address()
                .is_some_and(|sender| self.speaks(now, sender, protocol)),
            Statement::Address { subject, address } => {
                let mac = match subject {
                    Subject::Mac(mac) => Some(mac),
                    Subject::Sender => speakers.sender.mac,
                    _ => None,
                };
                let Some(mac) = mac.filter(|mac| is_somebody(*mac)) else {
                    return false;
                };
                let hash = self.hash.hash_one((vlan, address, mac));
                let event = Event::Holds {
                    mac,
                    vlan,
                    ip: address,
                };
                // An address may go to another and come back: it is told again, but not at every frame.
                match self.holders.touch(&hash) {
                    Some(said) if !limits::passed(*said, now.time, limits::HOLDER_AGAIN) => false,
                    Some(said) => {
                        *said = now.time;
                        self.say(now, event);
                        false
                    }
                    None => {
                        self.holders.insert(hash, now.time);
                        self.say(now, event);
                        true
                    }
                }
            }
            Statement::Observation {
                subject,
                key,
                value,
                octets,
            } => {
                let Some(who) = whom(subject, speakers) else {
                    return false;
                };
                let hash = self.hash.hash_one((who, key, value));
                if self.said.again(hash) {
                    return false;
                }
                let value =
                    String::from_utf8_lossy(value.get(..limits::VALUE_OCTETS).unwrap_or(value));
                let event = Event::Observed {
                    who,
                    key,
                    value: Arc::from(&*value),
                    proof: proof(now, origin, message, octets),
                    service: speakers.service.filter(|_| subject == Subject::Sender),
                };
                self.say(now, event);
                true
            }
        }
    }

    /// Counts since the last call.
    pub(crate) fn take_counters(&mut self) -> Counters {
        let mut counters = std::mem::take(&mut self.counters);
        self.tally.move_to(&mut counters);
        counters
    }

    /// Everything is news again.
    pub(crate) fn forget_said(&mut self) {
        self.said.forget();
        self.holders = Generations::new(limits::HOLDERS);
    }

    pub(crate) fn say(&mut self, now: Now<'_>, event: Event) {
        self.out.push(Stamped {
            shard: self.number,
            position: now.position,
            time: now.time,
            event,
        });
    }

    pub(crate) fn speaks(
        &mut self,
        now: Now<'_>,
        who: Address,
        protocol: &'static Protocol,
    ) -> bool {
        let hash = self.hash.hash_one((who, protocol.name));
        let new = !self.said.again(hash);
        if new {
            let who = Who::from(who);
            self.say(now, Event::Speaks { who, protocol });
        }
        new
    }

    pub(crate) fn serves(
        &mut self,
        now: Now<'_>,
        who: Address,
        transport: Carried,
        port: u16,
        protocol: Option<&'static Protocol>,
    ) -> bool {
        let name = protocol.map(|protocol| protocol.name);
        let hash = self
            .hash
            .hash_one((who, transport == Carried::Tcp, port, name));
        let new = !self.said.again(hash);
        if new {
            let event = Event::Serves {
                who: who.into(),
                transport,
                port,
                protocol,
            };
            self.say(now, event);
        }
        new
    }

    /// The opening of a connection: an open port, and a signature of the system that opened or accepted it.
    pub(crate) fn signature(
        &mut self,
        now: Now<'_>,
        flow: &mut Flow,
        side: Side,
        octets: &[u8],
        ports: (u16, u16),
        known: &Registry,
    ) {
        let answers = side != flow.client;
        // A lone answer to nothing may have been forged.
        if answers && !flow.halves.at(side.other()).seen {
            return;
        }
        let start = offset_in(now.octets, octets).unwrap_or_default();
        for protocol in known.openings() {
            let held = Held {
                protocol,
                octets: octets.get(..limits::ASKED).unwrap_or(octets).to_vec(),
                piece: Piece {
                    start: 0,
                    frame: now.frame,
                    at: start,
                    length: octets.len(),
                    time: now.time,
                },
            };
            if answers {
                self.release(now, flow, side, &held, ports);
            } else {
                flow.halves.at_mut(side).held = Some(Box::new(held));
            }
        }
        if let (true, Some(server)) = (answers, flow.parties.at(side).end.and_then(End::address)) {
            self.serves(now, server, Carried::Tcp, ports.0, None);
        }
    }

    /// A message that was held back counts now.
    pub(crate) fn release(
        &mut self,
        now: Now<'_>,
        flow: &Flow,
        side: Side,
        held: &Held,
        ports: (u16, u16),
    ) {
        let Some(speakers) = Desk::speakers(flow, side, ports) else {
            return;
        };
        let message = Message {
            from: flow.role(side),
            bytes: &held.octets,
            asked: None,
            nth: 0,
            ports,
            source: speakers.sender.mac,
        };
        let origin = Origin {
            octets: &held.octets,
            pieces: std::slice::from_ref(&held.piece),
        };
        if is_signature(held.protocol) {
            let speakers = Speakers {
                service: None,
                ..speakers
            };
            self.dissect(now, held.protocol, message, origin, speakers);
        } else {
            self.dissect(now, held.protocol, message, origin, speakers);
            self.introduce(now, held.protocol, speakers);
        }
    }

    /// The other end agreed: what this end said before counts too.
    pub(crate) fn deliver_held(
        &mut self,
        now: Now<'_>,
        flow: &mut Flow,
        side: Side,
        protocol: &'static Protocol,
        ports: (u16, u16),
    ) {
        let held = flow.halves.at_mut(side).held.take();
        if let Some(held) = held.filter(|held| std::ptr::eq(held.protocol, protocol)) {
            let half = flow.halves.at_mut(side);
            half.messages = half.messages.saturating_add(1);
            let asked = &mut flow.parties.at_mut(side).asked;
            asked.clone_from(&held.octets);
            asked.truncate(limits::ASKED);
            self.release(now, flow, side, &held, (ports.1, ports.0));
            flow.said(now, side, protocol, &held.octets);
        }
    }

    /// A host was seen outside any flow, recognised by what it said.
    pub(crate) fn present(&mut self, now: Now<'_>, end: End) {
        let presence = Presence {
            first: now.time,
            last: now.time,
            frame: now.frame,
            capture: now.capture,
            direct: true,
            proven: false,
            two_way: false,
            unicast: false,
            announced: 1,
        };
        self.merge(now.position, end, presence);
    }

    pub(crate) fn merge(&mut self, position: u32, end: End, presence: Presence) {
        if let Some(known) = self.hosts.touch(&end) {
            known.merge(presence);
            return;
        }
        let (_, gone) = self.hosts.insert(end, presence);
        if !gone.is_empty() {
            self.tell(position, gone);
        }
    }

    pub(crate) fn tell(&mut self, position: u32, mut hosts: Vec<(End, Presence)>) {
        hosts.sort_by_key(|(end, _)| *end);
        let shard = self.number;
        self.out
            .extend(hosts.into_iter().map(|(end, presence)| Stamped {
                shard,
                position,
                time: presence.last,
                event: Event::Present { end, presence },
            }));
    }

    /// A flow is over: who took part in it.
    pub(crate) fn end(&mut self, position: u32, key: &FlowKey, mut flow: Flow) {
        self.waiting = self.waiting.saturating_sub(flow.held());
        self.tell_of(position, &flow);
        self.converse(position, key, &mut flow);
    }

    /// Who takes part in a flow.
    pub(crate) fn tell_of(&mut self, position: u32, flow: &Flow) {
        for side in [Side::Low, Side::High] {
            if let Some((end, presence)) = flow.presence(side)
                && presence.proven
            {
                self.merge(position, end, presence);
            }
        }
        let ends = [Side::Low, Side::High].map(|side| {
            let end = flow.parties.at(side).end.filter(|_| flow.proven(side));
            end.and_then(End::address)
        });
        if let [Some(one), Some(other)] = ends
            && !flow.to_group
        {
            let hash = self.hash.hash_one((one, other));
            if !self.said.again(hash) {
                self.out.push(Stamped {
                    shard: self.number,
                    position,
                    time: flow.last,
                    event: Event::Talked { one, other },
                });
            }
        }
    }

    pub(crate) fn flush(&mut self, position: u32) {
        let hosts = self.hosts.drain().collect();
        self.tell(position, hosts);
        let talks = self.talks.drain().collect();
        self.tell_talks(position, talks);
    }
}

pub(crate) fn is_signature(protocol: &Protocol) -> bool {
    protocol.expects(Carrier::TcpSyn)
}

pub(crate) fn is_somebody(mac: Mac) -> bool {
    !mac.is_group() && !mac.is_zero()
}

/// Addresses that are no host's: groups and broadcasts of every network size that ends on an octet.
pub(crate) fn is_group(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_multicast() || ip.is_unspecified(),
    }
}
