//! One shard of the traffic: from frames to events. No clock, no disk, nothing shared.

use std::hash::{BuildHasher, Hash, Hasher};
use std::net::IpAddr;

use foldhash::fast::FixedState;
use fossick_model::{Time, Transport as Carried};
use fossick_parsers::packet::{Ip, Link, Net, Packet, Tcp, Transport};
use fossick_parsers::{Carrier, Mac};

use crate::batch::Frame;
use crate::counters::Counters;
use crate::desk::{Desk, is_group, is_somebody};
use crate::event::{Address, End, Stamped};
use crate::flow::{Flow, FlowKey, Quiet, Side};
use crate::fragments::Fragments;
use crate::generations::Generations;
use crate::limits;
use crate::proof::{Now, Origin, Speakers, offset_in};
use crate::recognition::identify_datagram;
use crate::registry::Registry;
use crate::stream::Piece;

/// The bits of a word that are a time.
const MOMENTS: u64 = 0xff_ffff;

/// A frame, decoded: what a shard reads.
pub(crate) struct Seen<'a> {
    now: Now<'a>,
    vlan: u16,
    link: Option<Link>,
    net: Net<'a>,
    /// What two copies of it have in common; nothing where there is nothing to read.
    hash: Option<u64>,
}

impl<'a> Seen<'a> {
    pub fn of(frame: &Frame<'a>, packet: &Packet<'a>, position: usize) -> Seen<'a> {
        Seen {
            now: Now {
                position: u32::try_from(position).unwrap_or(u32::MAX),
                capture: frame.index.capture,
                frame: frame.index.number,
                time: frame.index.time,
                octets: frame.octets,
            },
            vlan: packet.vlan.unwrap_or_default(),
            link: packet.link,
            net: packet.net,
            hash: hash_of(packet),
        }
    }
}

/// A hash of all that a packet keeps on its way through the network.
fn hash_of(packet: &Packet<'_>) -> Option<u64> {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    match &packet.net {
        Net::Ip(ip) => {
            // All but what a router changes: hops and the header checksum.
            let (head, tail) = match ip.source {
                IpAddr::V4(_) => (ip.octets.get(..8), ip.octets.get(12..)),
                IpAddr::V6(_) => (ip.octets.get(..7), ip.octets.get(8..)),
            };
            let tail = tail.unwrap_or_default();
            hasher.write(head.unwrap_or_default());
            hasher.write(tail.get(..96).unwrap_or(tail));
            hasher.write_usize(ip.octets.len());
        }
        Net::Other(_, payload) => {
            let link = packet.link.map(|link| (link.source.0, link.destination.0));
            (payload, link).hash(&mut hasher);
        }
        Net::Nothing => return None,
    }
    Some(hasher.finish())
}

/// A share of the traffic that knows nothing of the others.
pub(crate) struct Shard {
    flows: Generations<FlowKey, Flow>,
    aged: Time,
    fragments: Fragments,
    /// Packets seen a moment ago: in each word the upper bits of a hash, and the time in [`limits::MOMENT`]s in the rest.
    recent: Box<[u64; 256]>,
    desk: Desk,
}

impl Shard {
    pub fn new(number: usize, converses: bool) -> Shard {
        Shard {
            flows: Generations::new(limits::FLOWS),
            aged: Time(i64::MIN),
            fragments: Fragments::default(),
            recent: Box::new([0; 256]),
            desk: Desk::new(number, converses),
        }
    }

    /// Moves the events since the last call to the end of these.
    pub fn take_events(&mut self, events: &mut Vec<Stamped>) {
        events.append(&mut self.desk.out);
    }

    /// Counts since the last call.
    pub fn take_counters(&mut self) -> Counters {
        let mut counters = self.desk.take_counters();
        counters.fragmented_given_up = self.fragments.take_given_up();
        counters.flows_held = self.flows.len();
        counters.stream_octets_held = self.desk.waiting;
        counters
    }

    /// Reads one frame.
    pub fn frame(&mut self, seen: &Seen<'_>, known: &Registry) {
        let now = seen.now;
        if seen.hash.is_some_and(|hash| self.again(hash, now.time)) {
            self.desk.counters.duplicates = self.desk.counters.duplicates.saturating_add(1);
            return;
        }
        self.age(now);
        let end = |mac: Option<Mac>, ip| End {
            vlan: seen.vlan,
            mac: mac.filter(|mac| is_somebody(*mac)),
            ip,
        };
        let source = seen.link.map(|link| link.source);
        let destination = seen.link.map(|link| link.destination);
        match &seen.net {
            Net::Ip(ip) => {
                let from = Some(ip.source).filter(|ip| !ip.is_unspecified());
                let to = Some(ip.destination).filter(|ip| !is_group(*ip));
                let (sender, receiver) = (end(source, from), end(destination, to));
                self.ip(now, ip, sender, receiver, known);
            }
            Net::Other(carrier, payload) => {
                let (sender, receiver) = (end(source, None), end(destination, None));
                self.desk
                    .other(now, *carrier, payload, sender, receiver, known);
            }
            Net::Nothing => {}
        }
    }

    /// Tells who took part in anything since the last time, and lets idle flows go.
    pub fn tick(&mut self, now: Time) {
        if limits::passed(self.aged, now, limits::FLOW_IDLE) {
            self.aged = now;
            let idle = self.flows.age();
            self.retire(0, idle);
        }
        for (key, flow) in self.flows.young_mut() {
            if flow.last > flow.told {
                flow.told = flow.last;
                self.desk.tell_of(0, flow);
                if !flow.is_undecided() {
                    self.desk.converse(0, key, flow);
                }
            }
        }
        self.desk.flush(0);
    }

    /// These addresses are forgotten: what is under way with them is, too, and what was said before is news again.
    pub fn forget(&mut self, addresses: &[Address]) {
        let forgotten = |address: &Address| addresses.contains(address);
        self.flows.retain(|key| {
            !addresses.iter().any(|address| match address {
                Address::Ip(_, ip) => key.has(*ip),
                Address::Mac(_) => false,
            })
        });
        self.desk.hosts.retain(|end| {
            let mac = end.mac.map(Address::Mac);
            !end.address().iter().chain(&mac).any(forgotten)
        });
        self.desk.forget_talks(forgotten);
        self.desk.forget_said();
        for (_, flow) in self.flows.young_mut() {
            flow.quiet = Quiet::default();
        }
    }

    /// Ends everything that is going on.
    pub fn finish(&mut self, position: u32) {
        for (key, flow) in self.flows.drain() {
            self.desk.end(position, &key, flow);
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

    fn retire(&mut self, position: u32, flows: Vec<(FlowKey, Flow)>) {
        for (key, flow) in flows {
            self.desk.end(position, &key, flow);
        }
    }

    /// Whether the same packet went by a moment ago: mirrored on its way in and on its way out.
    fn again(&mut self, hash: u64, time: Time) -> bool {
        let slot = usize::try_from(hash % 256).unwrap_or_default();
        let Some(recent) = self.recent.get_mut(slot) else {
            return false;
        };
        let moment = u64::from_ne_bytes((time.0 / limits::MOMENT).to_ne_bytes()) & MOMENTS;
        let before = std::mem::replace(recent, hash & !MOMENTS | moment);
        let ahead = moment.wrapping_sub(before) & MOMENTS;
        let apart = ahead.min(before.wrapping_sub(moment) & MOMENTS);
        (before ^ hash) & !MOMENTS == 0 && apart <= limits::DUPLICATE_MOMENTS
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
        match &ip.transport {
            Transport::Tcp(tcp) => self.segment(now, ip, tcp, (sender, receiver), known),
            Transport::Udp {
                source,
                destination,
                payload,
            } => {
                let ports = (*source, *destination);
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
        let (key, side) = FlowKey::of(ip, ports, sender.vlan);
        let place = if let Some(place) = self.flows.find(&key) {
            place
        } else {
            let opened = known.likely_client(ip.protocol, ports, side);
            let transport = match ip.protocol {
                6 => Some(Carried::Tcp),
                17 => Some(Carried::Udp),
                _ => None,
            };
            let to_group = is_group(ip.destination);
            let mut flow = Flow::new(opened, now.capture, to_group, transport);
            flow.to_nobody = sender.mac.is_some() && receiver.mac.is_none();
            let (place, idle) = self.flows.insert(key, flow);
            let counters = &mut self.desk.counters;
            counters.flows_given_up = counters.flows_given_up.saturating_add(idle.len() as u64);
            self.retire(now.position, idle);
            place
        };
        let flow = self.flows.at(place)?;
        flow.last = now.time;
        let half = flow.halves.at_mut(side);
        half.direct = is_initial(ip.hops) && (half.direct || !half.seen);
        half.last = now.time;
        if !half.seen {
            half.seen = true;
            let party = flow.parties.at_mut(side);
            party.end = Some(sender);
            party.first = now.time;
            party.first_frame = now.frame;
            let other = flow.parties.at_mut(side.other());
            other.end.get_or_insert(End {
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
        if let Some(recognition) = (protocol.recognise)(payload) {
            flow.faults = 0;
            flow.correct(side, recognition.from);
            desk.message(now, flow, side, protocol, payload, origin, ports);
        } else {
            flow.faults = flow.faults.saturating_add(1);
            if flow.faults > 3 {
                flow.protocol = None;
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
        let before = flow.held();
        desk.segment(now, flow, side, ip, tcp, ports, known);
        let after = flow.held();
        desk.waiting = desk.waiting.saturating_add(after).saturating_sub(before);
        if desk.waiting > limits::STREAM_OCTETS && after > 0 {
            flow.give_up();
            desk.waiting = desk.waiting.saturating_sub(after);
            desk.counters.streams_given_up = desk.counters.streams_given_up.saturating_add(1);
        }
    }
}

/// Ports and payload of a UDP datagram that was put together from fragments.
fn datagram(octets: &[u8]) -> Option<((u16, u16), &[u8])> {
    let (header, payload) = octets.split_first_chunk::<8>()?;
    let [a, b, c, d, ..] = *header;
    let ports = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    Some((ports, payload))
}

/// Whether hops are what systems begin with: the packet has crossed no router.
fn is_initial(hops: u8) -> bool {
    // 1 is what link-local protocols send with.
    matches!(hops, 1 | 30 | 32 | 60 | 64 | 128 | 255)
}
