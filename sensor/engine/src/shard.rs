//! One shard of the traffic: from frames to events. No clock, no disk, nothing shared.

use std::hash::BuildHasher;
use std::net::IpAddr;

use foldhash::fast::FixedState;
use fossick_model::{Time, Transport as Carried};
use fossick_parsers::packet::{Ip, Net, Packet, Tcp, Transport};
use fossick_parsers::{Carrier, Mac, Message, Out, Protocol, Role, Statement, Subject};

use crate::batch::Frame;
use crate::counters::Counters;
use crate::event::{Address, End, Event, Presence, Proof, Stamped, Who};
use crate::flow::{Flow, FlowKey, Held, Side};
use crate::fragments::Fragments;
use crate::generations::Generations;
use crate::limits;
use crate::registry::Registry;
use crate::stream::{Arrived, Piece, Segment};

const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// A share of the traffic that knows nothing of the others.
pub(crate) struct Shard {
    flows: Generations<FlowKey, Flow>,
    aged: Time,
    fragments: Fragments,
    /// Frames seen a moment ago, by a hash of their octets.
    recent: Box<[(u64, Time); 256]>,
    desk: Desk,
}

/// What every message passes: what was said before, and where new statements go.
struct Desk {
    hash: FixedState,
    said: Generations<u64, Time>,
    hosts: Generations<End, Presence>,
    scratch: String,
    counters: Counters,
    number: u8,
    out: Vec<Stamped>,
}

/// The frame that is being read.
#[derive(Clone, Copy)]
struct Now<'a> {
    position: u32,
    capture: u16,
    frame: u64,
    time: Time,
    octets: &'a [u8],
}

/// Where the octets of a message lie: in the frame, or in a buffer put together from several.
#[derive(Clone, Copy)]
struct Origin<'a> {
    octets: &'a [u8],
    pieces: &'a [Piece],
}

/// Who says something to whom.
#[derive(Clone, Copy)]
struct Speakers {
    sender: End,
    receiver: End,
    service: Option<(Carried, u16)>,
}

impl Shard {
    pub fn new(number: usize) -> Shard {
        Shard {
            flows: Generations::new(limits::FLOWS),
            aged: Time(i64::MIN),
            fragments: Fragments::default(),
            recent: Box::new([(0, Time(i64::MIN)); 256]),
            desk: Desk {
                hash: FixedState::with_seed(0),
                said: Generations::new(limits::SAID),
                hosts: Generations::new(limits::HOSTS),
                scratch: String::new(),
                counters: Counters::default(),
                number: u8::try_from(number).unwrap_or_default(),
                out: Vec::new(),
            },
        }
    }

    /// Events since the last call.
    pub fn take_events(&mut self) -> Vec<Stamped> {
        std::mem::take(&mut self.desk.out)
    }

    /// Counts since the last call.
    pub fn take_counters(&mut self) -> Counters {
        std::mem::take(&mut self.desk.counters)
    }

    /// Reads one frame.
    pub fn frame(
        &mut self,
        frame: &Frame<'_>,
        packet: &Packet<'_>,
        position: u32,
        known: &Registry,
    ) {
        let now = Now {
            position,
            capture: frame.index.capture,
            frame: frame.index.number,
            time: frame.index.time,
            octets: frame.octets,
        };
        if let Some(stop) = packet.stop {
            self.desk.counters.stopped(stop);
        }
        if self.is_duplicate(packet, now.time) {
            self.desk.counters.duplicates = self.desk.counters.duplicates.saturating_add(1);
            return;
        }
        self.age(now);
        let vlan = packet.vlan.unwrap_or_default();
        let mac = packet
            .link
            .map(|link| link.source)
            .filter(|mac| is_somebody(*mac));
        match packet.net {
            Net::Ip(ip) => {
                let sender = End {
                    vlan,
                    mac,
                    ip: Some(ip.source).filter(|ip| !ip.is_unspecified()),
                };
                let receiver = End {
                    vlan,
                    mac: packet
                        .link
                        .map(|link| link.destination)
                        .filter(|mac| is_somebody(*mac)),
                    ip: Some(ip.destination).filter(|ip| !is_group(*ip)),
                };
                self.ip(now, &ip, sender, receiver, known);
            }
            Net::Other(carrier, payload) => {
                let sender = End {
                    vlan,
                    mac,
                    ip: None,
                };
                let receiver = End {
                    vlan,
                    mac: packet
                        .link
                        .map(|link| link.destination)
                        .filter(|mac| is_somebody(*mac)),
                    ip: None,
                };
                self.desk
                    .other(now, carrier, payload, sender, receiver, known);
            }
            Net::Nothing => {}
        }
    }

    /// Ends everything that is going on.
    pub fn finish(&mut self, position: u32) {
        let mut flows: Vec<_> = self.flows.drain().collect();
        flows.sort_by_key(|(key, _)| *key);
        for (_, flow) in flows {
            self.desk.end(position, &flow);
        }
        self.desk.flush(position);
    }

    /// Lets idle flows go, by packet time.
    fn age(&mut self, now: Now<'_>) {
        if self.aged.0 == i64::MIN {
            self.aged = now.time;
        }
        if limits::passed(self.aged, now.time, limits::FLOW_IDLE) {
            self.aged = now.time;
            let idle = self.flows.age();
            self.retire(now.position, idle);
        }
    }

    fn retire(&mut self, position: u32, flows: hashbrown::HashMap<FlowKey, Flow>) {
        let mut flows: Vec<_> = flows.into_iter().collect();
        flows.sort_by_key(|(key, _)| *key);
        for (_, flow) in flows {
            self.desk.end(position, &flow);
        }
    }

    /// Whether the same packet went by a moment ago: mirrored on its way in and on its way out.
    fn is_duplicate(&mut self, packet: &Packet<'_>, time: Time) -> bool {
        let hash = match packet.net {
            Net::Ip(ip) => {
                // All but what a router changes: hops and the header checksum.
                let head = match ip.source {
                    IpAddr::V4(_) => (ip.octets.get(..8), ip.octets.get(12..)),
                    IpAddr::V6(_) => (ip.octets.get(..7), ip.octets.get(8..)),
                };
                let tail = head.1.map(|tail| tail.get(..96).unwrap_or(tail));
                self.desk.hash.hash_one((head.0, tail, ip.octets.len()))
            }
            Net::Other(_, payload) => {
                let link = packet.link.map(|link| (link.source.0, link.destination.0));
                self.desk.hash.hash_one((payload, link))
            }
            Net::Nothing => return false,
        };
        let slot = usize::try_from(hash % 256).unwrap_or_default();
        let Some(recent) = self.recent.get_mut(slot) else {
            return false;
        };
        let same = recent.0 == hash && !limits::passed(recent.1, time, limits::DUPLICATE_WINDOW);
        *recent = (hash, time);
        same
    }

    fn ip(&mut self, now: Now<'_>, ip: &Ip<'_>, sender: End, receiver: End, known: &Registry) {
        if let Some(fragment) = ip.fragment {
            let at = offset_in(now.octets, ip.payload).unwrap_or_default();
            let whole = self.fragments.add(ip, fragment, (now.frame, at, now.time));
            if let Some((octets, pieces)) = whole {
                let origin = Origin {
                    octets: &octets,
                    pieces: &pieces,
                };
                // Only datagrams are worth it: TCP avoids fragments.
                if let (17, Some((ports, payload))) = (ip.protocol, datagram(&octets)) {
                    self.datagram(now, ip, ports, payload, origin, (sender, receiver), known);
                }
            }
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
        match ip.transport {
            Transport::Tcp(tcp) => self.segment(now, ip, &tcp, (sender, receiver), known),
            Transport::Udp {
                source,
                destination,
                payload,
            } => {
                let ports = (source, destination);
                self.datagram(now, ip, ports, payload, origin, (sender, receiver), known);
            }
            Transport::Other => {
                self.touch(now, ip, (0, 0), (sender, receiver), known);
                let speakers = Speakers {
                    sender,
                    receiver,
                    service: None,
                };
                for protocol in known.on(Carrier::Ip(ip.protocol)) {
                    self.desk
                        .recognised(now, protocol, ip.payload, origin, speakers);
                }
            }
        }
    }

    /// The flow a packet belongs to, and which side of it speaks.
    fn touch(
        &mut self,
        now: Now<'_>,
        ip: &Ip<'_>,
        ports: (u16, u16),
        (sender, receiver): (End, End),
        known: &Registry,
    ) -> Option<(&mut Flow, &mut Desk, Side)> {
        let from = (ip.source, ports.0);
        let to = (ip.destination, ports.1);
        let side = if from <= to { Side::Low } else { Side::High };
        let key = FlowKey {
            protocol: ip.protocol,
            vlan: if ip.protocol == 6 { 0 } else { sender.vlan },
            low: from.min(to),
            high: from.max(to),
        };
        if self.flows.touch(&key).is_none() {
            let client = known.likely_client(ip.protocol, ports, side);
            let to_group = is_group(ip.destination);
            let transport = match ip.protocol {
                6 => Some(Carried::Tcp),
                17 => Some(Carried::Udp),
                _ => None,
            };
            let flow = Flow::new(client, now.capture, to_group, transport);
            let idle = self.flows.insert(key, flow);
            if let Some(idle) = idle {
                self.desk.counters.flows_given_up = self
                    .desk
                    .counters
                    .flows_given_up
                    .saturating_add(idle.len() as u64);
                self.retire(now.position, idle);
            }
        }
        let flow = self.flows.touch(&key)?;
        flow.last = now.time;
        let half = flow.halves.at_mut(side);
        if half.packets == 0 {
            half.end = Some(sender);
            half.first = now.time;
            half.first_frame = now.frame;
            half.direct = true;
        }
        half.direct &= is_initial(ip.hops);
        half.last = now.time;
        half.packets = half.packets.saturating_add(1);
        let other = flow.halves.at_mut(side.other());
        if other.end.is_none() {
            other.end = Some(End {
                mac: None,
                ..receiver
            });
        }
        Some((flow, &mut self.desk, side))
    }

    #[expect(clippy::too_many_arguments, reason = "a datagram is all of these")]
    fn datagram(
        &mut self,
        now: Now<'_>,
        ip: &Ip<'_>,
        ports: (u16, u16),
        payload: &[u8],
        origin: Origin<'_>,
        ends: (End, End),
        known: &Registry,
    ) {
        if ends.0.ip.is_none() {
            // Everybody without an address would share one flow: each such datagram stands alone.
            let speakers = Speakers {
                sender: ends.0,
                receiver: ends.1,
                service: None,
            };
            let mut protocols = known.datagrams(ports);
            protocols.any(|protocol| {
                self.desk
                    .recognised(now, protocol, payload, origin, speakers)
            });
            return;
        }
        let Some((flow, desk, side)) = self.touch(now, ip, ports, ends, known) else {
            return;
        };
        flow.halves.at_mut(side).acted = true;
        if payload.is_empty() {
            return;
        }
        let half = flow.halves.at_mut(side);
        if flow.protocol.is_none() && half.tries < limits::RECOGNITION_TRIES {
            half.tries = half.tries.saturating_add(1);
            identify_datagram(now, flow, side, ports, payload, origin, known);
            if let Some(protocol) = flow.protocol {
                desk.deliver_held(now, flow, side.other(), protocol, ports);
            }
        }
        let Some(protocol) = flow.protocol else {
            return;
        };
        match (protocol.recognise)(payload) {
            Some(recognition) => {
                flow.faults = 0;
                flow.correct(side, recognition.from);
                desk.message(now, flow, side, protocol, payload, origin, ports);
            }
            None => {
                flow.faults = flow.faults.saturating_add(1);
                if flow.faults > 3 {
                    flow.protocol = None;
                }
            }
        }
    }

    fn segment(
        &mut self,
        now: Now<'_>,
        ip: &Ip<'_>,
        tcp: &Tcp<'_>,
        ends: (End, End),
        known: &Registry,
    ) {
        let ports = (tcp.source, tcp.destination);
        let Some((flow, desk, side)) = self.touch(now, ip, ports, ends, known) else {
            return;
        };
        if tcp.flags & SYN != 0 {
            let opens = tcp.flags & ACK == 0;
            flow.client = if opens { side } else { side.other() };
            flow.client_known = true;
            // The SYN takes one sequence number (RFC 9293 §3.4).
            let half = flow.halves.at_mut(side);
            half.stream.start(tcp.sequence.wrapping_add(1));
            if opens && flow.protocol.is_some() {
                // The ports are used again.
                flow.protocol = None;
                flow.halves.at_mut(Side::Low).tries = 0;
                flow.halves.at_mut(Side::High).tries = 0;
            }
            desk.signature(now, flow, side, ip.octets, ports, known);
        } else if tcp.flags & RST == 0 {
            flow.halves.at_mut(side).acted = true;
            if flow.two_way()
                && let Some(held) = flow.halves.at_mut(flow.client).held.take()
            {
                desk.release(now, flow, flow.client, &held, ports);
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
                let used = desk.read(now, flow, side, origin, ports, known);
                let stream = &mut flow.halves.at_mut(side).stream;
                if let Some(rest) = fresh.get(used..).filter(|rest| !rest.is_empty()) {
                    stream.keep(rest, now.frame, at.saturating_add(used), now.time);
                }
            }
            Arrived::Buffered => desk.read_buffer(now, flow, side, ports, known),
        }
        // Recognition by this side's data may have made the other side's readable.
        if flow.protocol.is_some() && flow.halves.at(side.other()).stream.waits() {
            desk.read_buffer(now, flow, side.other(), (ports.1, ports.0), known);
        }
    }
}

impl Desk {
    /// A frame that is not IP: whoever understands its carrier reads it.
    fn other(
        &mut self,
        now: Now<'_>,
        carrier: Carrier,
        payload: &[u8],
        sender: End,
        receiver: End,
        known: &Registry,
    ) {
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
        for protocol in known.on(carrier) {
            understood |= self.recognised(now, protocol, payload, origin, speakers);
        }
        if !understood {
            self.counters.not_understood(carrier);
        }
    }

    /// One message without a flow, if the protocol knows it for its own.
    fn recognised(
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
        true
    }

    /// Reads whole messages from the front of the data; how many octets need not be kept.
    fn read(
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
            let mut waits = false;
            for start in starts {
                let rest = origin.octets.get(start..).unwrap_or_default();
                match identify_stream(flow, side, ports, rest, known) {
                    Identified::Yes => {
                        used = start;
                        break;
                    }
                    Identified::NotYet => waits = true,
                    Identified::No => {}
                }
            }
            if flow.protocol.is_none() {
                let keep = waits && origin.octets.len() < limits::UNKNOWN_OCTETS;
                return if keep { 0 } else { origin.octets.len() };
            }
        }
        let Some(protocol) = flow.protocol else {
            return 0;
        };
        let Some(frame) = protocol.frame else {
            return origin.octets.len();
        };
        while let Some(rest) = origin.octets.get(used..).filter(|rest| !rest.is_empty()) {
            match frame(rest) {
                Ok(cut) => {
                    let length = cut.length.clamp(1, rest.len());
                    let message = rest.get(..length).unwrap_or_default();
                    flow.faults = 0;
                    if let Some(recognition) = (protocol.recognise)(message) {
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
                Err(_) => {
                    // Feet lost: the next segment may begin a message.
                    self.counters.fault(protocol);
                    flow.faults = flow.faults.saturating_add(1);
                    if flow.faults > 2 {
                        flow.protocol = None;
                        flow.faults = 0;
                        flow.halves.at_mut(side).maybe = None;
                        flow.halves.at_mut(side.other()).maybe = None;
                    }
                    return origin.octets.len();
                }
            }
        }
        used
    }

    fn read_buffer(
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
    fn message(
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
        flow.halves.at_mut(side).spoke = true;
        if flow.quiet >= limits::QUIET_AFTER && nth % limits::SAMPLE_ONE_IN != 0 {
            return;
        }
        let Some(speakers) = Desk::speakers(flow, side, ports) else {
            return;
        };
        let asked = std::mem::take(&mut flow.halves.at_mut(side.other()).asked);
        let message = Message {
            from: role,
            bytes,
            asked: Some(asked.as_slice()).filter(|asked| !asked.is_empty()),
            nth,
            ports,
            source: speakers.sender.mac,
        };
        let new = self.dissect(now, protocol, message, origin, speakers);
        flow.quiet = if new { 0 } else { flow.quiet.saturating_add(1) };
        flow.halves.at_mut(side.other()).asked = asked;
        let kept = &mut flow.halves.at_mut(side).asked;
        kept.clear();
        kept.extend_from_slice(bytes.get(..limits::ASKED).unwrap_or(bytes));
    }

    /// Who speaks here, and the service it speaks for.
    fn speakers(flow: &Flow, side: Side, ports: (u16, u16)) -> Option<Speakers> {
        let serves = flow.role(side) == Role::Server && ports.0 != 0;
        Some(Speakers {
            sender: flow.halves.at(side).end?,
            receiver: flow.halves.at(side.other()).end?,
            service: flow.transport.filter(|_| serves).map(|t| (t, ports.0)),
        })
    }

    /// Hands what a message says to the ledger, unless it was said before. Whether any of it was new.
    fn dissect(
        &mut self,
        now: Now<'_>,
        protocol: &'static Protocol,
        message: Message<'_>,
        origin: Origin<'_>,
        speakers: Speakers,
    ) -> bool {
        let sender = speakers.sender.address();
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
        if done.is_err() {
            self.counters.fault(protocol);
        }
        self.counters.message(protocol);
        if let Some(sender) = sender.filter(|_| !is_signature(protocol)) {
            new |= self.speaks(now, sender, protocol);
            if let Some((transport, port)) = speakers.service {
                new |= self.serves(now, sender, transport, port, Some(protocol));
            }
        }
        new
    }

    fn statement(
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
                match self.said.touch(&hash) {
                    Some(said) if !limits::passed(*said, now.time, limits::HOLDER_AGAIN) => false,
                    Some(said) => {
                        *said = now.time;
                        self.say(now, event);
                        false
                    }
                    None => {
                        self.said.insert(hash, now.time);
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
                if self.said_before(now, hash) {
                    return false;
                }
                let value =
                    String::from_utf8_lossy(value.get(..limits::VALUE_OCTETS).unwrap_or(value));
                let event = Event::Observed {
                    who,
                    key,
                    value: value.into_owned(),
                    proof: proof(now, origin, message, octets),
                    service: speakers.service.filter(|_| subject == Subject::Sender),
                };
                self.say(now, event);
                true
            }
        }
    }

    /// Whether this was said; it is from now on.
    fn said_before(&mut self, now: Now<'_>, hash: u64) -> bool {
        let before = self.said.touch(&hash).is_some();
        if !before {
            self.said.insert(hash, now.time);
        }
        before
    }

    fn say(&mut self, now: Now<'_>, event: Event) {
        self.out.push(Stamped {
            shard: self.number,
            position: now.position,
            time: now.time,
            event,
        });
    }

    fn speaks(&mut self, now: Now<'_>, who: Address, protocol: &'static Protocol) -> bool {
        let hash = self.hash.hash_one((who, protocol.name));
        let new = !self.said_before(now, hash);
        if new {
            let who = Who::from(who);
            self.say(now, Event::Speaks { who, protocol });
        }
        new
    }

    fn serves(
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
        let new = !self.said_before(now, hash);
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
    fn signature(
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
        if answers && flow.halves.at(side.other()).packets == 0 {
            return;
        }
        let start = offset_in(now.octets, octets).unwrap_or_default();
        for protocol in known.on(Carrier::TcpSyn) {
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
        if let (true, Some(server)) = (answers, flow.halves.at(side).end.and_then(End::address)) {
            self.serves(now, server, Carried::Tcp, ports.0, None);
        }
    }

    /// A message that was held back counts now.
    fn release(&mut self, now: Now<'_>, flow: &Flow, side: Side, held: &Held, ports: (u16, u16)) {
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
        let speakers = Speakers {
            service: speakers.service.filter(|_| !is_signature(held.protocol)),
            ..speakers
        };
        self.dissect(now, held.protocol, message, origin, speakers);
    }

    /// The other end agreed: what this end said before counts too.
    fn deliver_held(
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
            half.spoke = true;
            half.messages = half.messages.saturating_add(1);
            half.asked.clone_from(&held.octets);
            half.asked.truncate(limits::ASKED);
            self.release(now, flow, side, &held, (ports.1, ports.0));
        }
    }

    /// A host was seen outside any flow, recognised by what it said.
    fn present(&mut self, now: Now<'_>, end: End) {
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

    fn merge(&mut self, position: u32, end: End, presence: Presence) {
        if let Some(known) = self.hosts.touch(&end) {
            known.merge(presence);
            return;
        }
        if let Some(gone) = self.hosts.insert(end, presence) {
            self.tell(position, gone.into_iter().collect());
        }
    }

    fn tell(&mut self, position: u32, mut hosts: Vec<(End, Presence)>) {
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
    fn end(&mut self, position: u32, flow: &Flow) {
        for side in [Side::Low, Side::High] {
            if let Some((end, presence)) = flow.presence(side)
                && presence.proven
            {
                self.merge(position, end, presence);
            }
        }
        let ends = [Side::Low, Side::High].map(|side| {
            let end = flow.halves.at(side).end.filter(|_| flow.proven(side));
            end.and_then(End::address)
        });
        if let [Some(one), Some(other)] = ends
            && !flow.to_group
        {
            let hash = self.hash.hash_one((one, other));
            if self.said.touch(&hash).is_none() {
                self.said.insert(hash, flow.last);
                self.out.push(Stamped {
                    shard: self.number,
                    position,
                    time: flow.last,
                    event: Event::Talked { one, other },
                });
            }
        }
    }

    fn flush(&mut self, position: u32) {
        let hosts = self.hosts.drain().collect();
        self.tell(position, hosts);
    }
}

/// What looking at unrecognised data found.
enum Identified {
    Yes,
    /// More may show it.
    NotYet,
    /// These octets begin no message that we know.
    No,
}

/// Tries every stream protocol on the front of the data, those expected on these ports first.
fn identify_stream(
    flow: &mut Flow,
    side: Side,
    ports: (u16, u16),
    octets: &[u8],
    known: &Registry,
) -> Identified {
    let mut waits = false;
    for protocol in known.streams(ports) {
        let Some(frame) = protocol.frame else {
            continue;
        };
        let mut rest = octets;
        while !rest.is_empty() {
            let cut = match frame(rest) {
                Ok(cut) => cut,
                Err(nom::Err::Incomplete(_)) => {
                    waits = true;
                    break;
                }
                Err(_) => break,
            };
            let length = cut.length.clamp(1, rest.len());
            let message = rest.get(..length).unwrap_or_default();
            if let Some(recognition) = (protocol.recognise)(message) {
                let half = flow.halves.at_mut(side);
                half.maybe = half.maybe.or(Some(protocol));
                let agreed = flow
                    .halves
                    .at(side.other())
                    .maybe
                    .is_some_and(|other| std::ptr::eq(other, protocol));
                if recognition.strong || agreed {
                    flow.protocol = Some(protocol);
                    flow.correct(side, recognition.from);
                    return Identified::Yes;
                }
            }
            waits = true;
            let skip = usize::try_from(cut.skip).unwrap_or(usize::MAX);
            rest = rest.get(length.saturating_add(skip)..).unwrap_or_default();
        }
    }
    if waits {
        Identified::NotYet
    } else {
        Identified::No
    }
}

/// Tries every datagram protocol, those expected on these ports first.
fn identify_datagram(
    now: Now<'_>,
    flow: &mut Flow,
    side: Side,
    ports: (u16, u16),
    payload: &[u8],
    origin: Origin<'_>,
    known: &Registry,
) {
    for protocol in known.datagrams(ports) {
        let Some(recognition) = (protocol.recognise)(payload) else {
            continue;
        };
        let other = flow.halves.at(side.other()).maybe;
        let agreed = other.is_some_and(|other| std::ptr::eq(other, protocol));
        if recognition.strong || agreed {
            flow.protocol = Some(protocol);
            flow.correct(side, recognition.from);
            return;
        }
        let half = flow.halves.at_mut(side);
        if half.maybe.is_none() {
            half.maybe = Some(protocol);
            let piece = locate(now, origin, payload).first().copied();
            half.held = piece.map(|(frame, at, length)| {
                Box::new(Held {
                    protocol,
                    octets: payload.to_vec(),
                    piece: Piece {
                        start: 0,
                        frame,
                        at,
                        length,
                        time: now.time,
                    },
                })
            });
        }
    }
}

fn whom(subject: Subject, speakers: Speakers) -> Option<Who> {
    let vlan = speakers.sender.vlan;
    let address = match subject {
        Subject::Sender | Subject::Behind(_) => speakers.sender.address()?,
        Subject::Receiver => speakers.receiver.address()?,
        Subject::Mac(mac) => Address::Mac(Some(mac).filter(|mac| is_somebody(*mac))?),
        Subject::Ip(ip) => Address::Ip(vlan, Some(ip).filter(|ip| !is_group(*ip))?),
    };
    let behind = match subject {
        Subject::Behind(place) => Some(place),
        _ => None,
    };
    Some(Who { address, behind })
}

/// Which octets of which frames `part` is: frame, first octet, count.
fn locate(now: Now<'_>, origin: Origin<'_>, part: &[u8]) -> Vec<(u64, usize, usize)> {
    let Some(start) = offset_in(origin.octets, part) else {
        return offset_in(now.octets, part)
            .map(|at| (now.frame, at, part.len()))
            .into_iter()
            .collect();
    };
    let end = start.saturating_add(part.len());
    let pieces = origin.pieces.iter().filter_map(|piece| {
        let from = start.max(piece.start);
        let to = end.min(piece.start.saturating_add(piece.length));
        let at = piece.at.saturating_add(from.checked_sub(piece.start)?);
        (from < to).then(|| (piece.frame, at, to.saturating_sub(from)))
    });
    pieces.collect()
}

/// The frames that carry the octets of a value; all of the message's where they cannot be told apart.
fn proof(now: Now<'_>, origin: Origin<'_>, message: &[u8], octets: &[u8]) -> Proof {
    let mut places = locate(now, origin, octets);
    let exact = !places.is_empty();
    if !exact {
        places = locate(now, origin, message);
    }
    let mut frames: Vec<u64> = places.iter().map(|(frame, _, _)| *frame).collect();
    frames.sort_unstable();
    frames.dedup();
    if frames.is_empty() {
        frames.push(now.frame);
    }
    let last = origin
        .pieces
        .iter()
        .filter(|piece| frames.contains(&piece.frame))
        .map(|piece| piece.time)
        .max();
    let short = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Proof {
        capture: now.capture,
        time: last.unwrap_or(now.time),
        frames,
        octets: places
            .into_iter()
            .filter(|_| exact)
            .map(|(frame, at, length)| (frame, short(at), short(length)))
            .collect(),
    }
}

/// Where `part` begins in `whole`, if it lies inside.
fn offset_in(whole: &[u8], part: &[u8]) -> Option<usize> {
    let offset = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    (offset.checked_add(part.len())? <= whole.len()).then_some(offset)
}

/// Ports and payload of a UDP datagram that was put together from fragments.
fn datagram(octets: &[u8]) -> Option<((u16, u16), &[u8])> {
    let (header, payload) = octets.split_first_chunk::<8>()?;
    let [a, b, c, d, ..] = *header;
    let ports = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    Some((ports, payload))
}

fn is_signature(protocol: &Protocol) -> bool {
    protocol.expects(Carrier::TcpSyn)
}

fn is_somebody(mac: Mac) -> bool {
    !mac.is_group() && !mac.is_zero()
}

/// Addresses that are no host's: groups and broadcasts of every network size that ends on an octet.
fn is_group(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_multicast() || ip.is_unspecified(),
    }
}

/// Whether hops are what systems begin with: the packet has crossed no router.
fn is_initial(hops: u8) -> bool {
    // 1 is what link-local protocols send with.
    matches!(hops, 1 | 30 | 32 | 60 | 64 | 128 | 255)
}
