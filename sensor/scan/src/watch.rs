//! What a host sends of its own, in cycles: when a cycle is missed while it is asked, the questions end.
//!
//! Conversations of IP are watched, and what controllers and devices exchange on the link itself: cyclic data of PROFINET,
//! GOOSE, sampled values. It reads no clock: frames bring their time, and `look` is told what time it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use fossick_model::Time;
use fossick_parsers::packet::{Ip, LinkType, Net, Packet, Transport};
use fossick_parsers::{Carrier, Mac};

/// Conversations that are watched.
pub const CONVERSATIONS: usize = 4096;
/// Hardware addresses of hosts that are remembered.
pub const HOSTS: usize = 65_536;
/// Octets of a frame that are kept.
pub const SHOT: usize = 160;
/// Intervals after which a baseline is trusted.
const LEARNT: u32 = 8;
/// Shorter ones than this (nanoseconds) are the parts of one message.
const SAME: i64 = 500_000;

/// One end of what is sent: an address, or of what has none a hardware address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Of IP.
    Ip(IpAddr),
    /// Of the link.
    Link(Mac),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Ip(address) => address.fmt(f),
            End::Link(mac) => mac.fmt(f),
        }
    }
}

/// One direction of a conversation: from the host to its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    host: End,
    peer: End,
    /// Of IP, the protocol; of the link, the `EtherType`.
    protocol: u16,
    /// Of the link, what tells one exchange of the same two from another comes first.
    ports: (u16, u16),
}

/// A frame that shows something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shot {
    /// Counted from 1.
    pub frame: u64,
    /// When.
    pub time: Time,
    /// How it begins.
    pub link: LinkType,
    /// Octets that were on the wire.
    pub original: u32,
    /// Its first octets, [`SHOT`] at most.
    pub octets: Vec<u8>,
}

impl Shot {
    /// Takes the place of another, in its memory.
    fn retake(&mut self, frame: &Frame<'_>, number: u64) {
        (self.frame, self.time) = (number, frame.time);
        (self.link, self.original) = (frame.link, frame.original);
        self.octets.clear();
        let first = frame.octets.get(..SHOT).unwrap_or(frame.octets);
        self.octets.extend_from_slice(first);
    }

    fn of(frame: &Frame<'_>, number: u64) -> Shot {
        let mut shot = Shot {
            frame: number,
            time: frame.time,
            link: frame.link,
            original: frame.original,
            octets: Vec::new(),
        };
        shot.retake(frame, number);
        shot
    }
}

/// A frame as it was captured.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// How it begins.
    pub link: LinkType,
    /// When.
    pub time: Time,
    /// Octets that were on the wire.
    pub original: u32,
    /// Its octets, as far as they were captured.
    pub octets: &'a [u8],
}

/// How often a host sends, and how exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cycle {
    /// Mean interval, nanoseconds.
    pub period: i64,
    /// The farthest from it so far.
    pub jitter: i64,
    intervals: u32,
    last: i64,
}

impl Cycle {
    /// Whether it is one: enough intervals, none farther than half from the mean.
    #[must_use]
    pub fn is_learnt(&self) -> bool {
        self.intervals >= LEARNT && self.jitter.saturating_mul(2) <= self.period
    }

    /// How late the next may be: what was seen and as much again, but at least a quarter of the period, and never a whole one.
    fn patience(&self) -> i64 {
        let twice = self.jitter.saturating_mul(2);
        twice.clamp(self.period / 4, self.period.saturating_mul(9) / 10)
    }

    fn take(&mut self, time: i64) {
        let interval = time.saturating_sub(self.last);
        if interval < SAME {
            return;
        }
        self.last = time;
        self.intervals = self.intervals.saturating_add(1);
        if self.intervals == 1 {
            self.period = interval;
            return;
        }
        let off = interval.saturating_sub(self.period).saturating_abs();
        self.jitter = self.jitter.max(off);
        // An eighth towards what it is now.
        let towards = interval.saturating_sub(self.period) / 8;
        self.period = self.period.saturating_add(towards);
    }
}

/// A host's own traffic was disturbed while it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disturbed {
    /// Who.
    pub host: IpAddr,
    /// With whom it was talking.
    pub peer: End,
    /// When.
    pub time: Time,
    /// The frames that show it: the last of the cycle, and what came late or ended it, where something did.
    pub shown: Vec<Shot>,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Nothing came when something was due: period, and how long ago the last was (nanoseconds).
    Missed(i64, i64),
    /// It came later than it ever did: period, interval (nanoseconds).
    Late(i64, i64),
    /// It broke the conversation off.
    Reset,
}

impl fmt::Display for Disturbed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |ns: i64| ns / 1_000_000;
        write!(f, "{} to {}: ", self.host, self.peer)?;
        match self.what {
            What::Missed(period, ago) => write!(
                f,
                "sends every {} ms, and has sent nothing for {} ms",
                ms(period),
                ms(ago)
            ),
            What::Late(period, interval) => write!(
                f,
                "sends every {} ms, and took {} ms",
                ms(period),
                ms(interval)
            ),
            What::Reset => f.write_str("broke the conversation off"),
        }
    }
}

/// Watches hosts' own conversations.
#[derive(Debug, Default)]
pub struct Watch {
    hosts: BTreeSet<IpAddr>,
    /// Our own addresses: what is said to us is no cycle of theirs.
    own: Vec<IpAddr>,
    /// Whose a hardware address is.
    macs: BTreeMap<Mac, IpAddr>,
    ways: BTreeMap<Way, (Cycle, Shot)>,
    frames: u64,
    /// Conversations that found no room.
    pub left_out: u64,
}

impl Watch {
    /// Watches these hosts, but not what they say to these.
    #[must_use]
    pub fn of(hosts: Vec<IpAddr>, own: Vec<IpAddr>) -> Watch {
        Watch {
            hosts: hosts.into_iter().collect(),
            own,
            ..Watch::default()
        }
    }

    /// A hardware address is a host's.
    pub fn knows(&mut self, mac: Mac, host: IpAddr) {
        if self.hosts.contains(&host) && (self.macs.len() < HOSTS || self.macs.contains_key(&mac)) {
            self.macs.insert(mac, host);
        }
    }

    /// Hosts of which a cycle was learnt, one for each cycle.
    pub fn learnt(&self) -> impl Iterator<Item = (IpAddr, Cycle)> {
        let cycles = self.ways.iter().filter(|(_, (cycle, _))| cycle.is_learnt());
        cycles.filter_map(|(way, (cycle, _))| Some((self.host(way.host)?, *cycle)))
    }

    /// The host that an end is, if it is one of those that are watched.
    fn host(&self, end: End) -> Option<IpAddr> {
        match end {
            End::Ip(address) => Some(address),
            End::Link(mac) => self.macs.get(&mac).copied(),
        }
    }

    /// Takes a frame. Says if it shows that its sender was disturbed; while nobody is asked, that is merely learnt.
    pub fn frame(&mut self, frame: &Frame<'_>, asking: bool) -> Option<Disturbed> {
        self.frames = self.frames.saturating_add(1);
        let packet = Packet::decode(frame.link, frame.octets);
        let source = packet.link.map(|link| link.source);
        let (way, seen) = match packet.net {
            Net::Ip(ip) => {
                if !self.hosts.contains(&ip.source) || self.own.contains(&ip.destination) {
                    return None;
                }
                // A router's, where the host is behind one: that sends no cycles on the link.
                if let Some(mac) = source.filter(|mac| !self.macs.contains_key(mac)) {
                    self.knows(mac, ip.source);
                }
                let seen = seen(&ip);
                let way = Way {
                    host: End::Ip(ip.source),
                    peer: End::Ip(ip.destination),
                    protocol: ip.protocol.into(),
                    ports: seen.ports,
                };
                (way, seen)
            }
            Net::Other(Carrier::EtherType(ARP), payload) => {
                if let Some((mac, address)) = sender(payload) {
                    self.knows(mac, address);
                }
                return None;
            }
            Net::Other(Carrier::EtherType(number), payload) => {
                let (link, exchange) = (packet.link?, exchange(number, payload)?);
                let way = Way {
                    host: End::Link(link.source),
                    peer: End::Link(link.destination),
                    protocol: number,
                    ports: (exchange, 0),
                };
                (way, Seen::default())
            }
            _ => return None,
        };
        let number = self.frames;
        let host = self.host(way.host);
        let disturbed = |what, shown| {
            Some(Disturbed {
                host: host?,
                peer: way.peer,
                time: frame.time,
                shown,
                what,
            })
        };
        if seen.reset || seen.ends {
            let (cycle, last) = self.ways.remove(&way)?;
            return if asking && cycle.is_learnt() && seen.reset {
                disturbed(What::Reset, vec![last, Shot::of(frame, number)])
            } else {
                None
            };
        }
        // Acknowledgements come and go with what others send.
        if seen.empty {
            return None;
        }
        if let Some((cycle, last)) = self.ways.get_mut(&way) {
            let interval = frame.time.0.saturating_sub(cycle.last);
            let late =
                cycle.is_learnt() && interval > cycle.period.saturating_add(cycle.patience());
            if asking && late {
                cycle.last = frame.time.0;
                let before = last.clone();
                last.retake(frame, number);
                return disturbed(
                    What::Late(cycle.period, interval),
                    vec![before, last.clone()],
                );
            }
            last.retake(frame, number);
            cycle.take(frame.time.0);
            return None;
        }
        if self.ways.len() >= CONVERSATIONS {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        let cycle = Cycle {
            period: 0,
            jitter: 0,
            intervals: 0,
            last: frame.time.0,
        };
        self.ways.insert(way, (cycle, Shot::of(frame, number)));
        None
    }

    /// Cycles that are overdue by now. Each is said once.
    pub fn look(&mut self, now: Time) -> Vec<Disturbed> {
        let mut overdue = Vec::new();
        let macs = &self.macs;
        self.ways.retain(|way, (cycle, last)| {
            let ago = now.0.saturating_sub(cycle.last);
            let due = cycle.period.saturating_add(cycle.patience());
            let missed = cycle.is_learnt() && ago > due;
            let host = match way.host {
                End::Ip(address) => Some(address),
                End::Link(mac) => macs.get(&mac).copied(),
            };
            if let Some(host) = host.filter(|_| missed) {
                overdue.push(Disturbed {
                    host,
                    peer: way.peer,
                    time: now,
                    shown: vec![last.clone()],
                    what: What::Missed(cycle.period, ago),
                });
            }
            !missed
        });
        overdue
    }
}

const ARP: u16 = 0x0806;

/// Who says in an ARP message for Ethernet and IPv4 that an address is his (RFC 826).
fn sender(arp: &[u8]) -> Option<(Mac, IpAddr)> {
    let [0, 1, 8, 0, 6, 4, _, _, rest @ ..] = arp else {
        return None;
    };
    let (mac, rest) = rest.split_first_chunk::<6>()?;
    let address = Ipv4Addr::from(*rest.first_chunk::<4>()?);
    (!address.is_unspecified()).then_some((Mac(*mac), IpAddr::V4(address)))
}

/// What tells one cyclic exchange of the same two from another, of protocols on the link that have cycles.
fn exchange(number: u16, payload: &[u8]) -> Option<u16> {
    let first = u16::from_be_bytes(*payload.first_chunk::<2>()?);
    match number {
        // PROFINET: frame ids of cyclic data (IEC 61158-6-10, table 5); alarms and DCP are none.
        0x8892 => (0x0100..0xfc00).contains(&first).then_some(first),
        // GOOSE and sampled values: the application id (IEC 61850-8-1, annex C).
        0x88b8 | 0x88ba => Some(first),
        _ => None,
    }
}

/// What a packet shows of its conversation.
#[derive(Default)]
struct Seen {
    ports: (u16, u16),
    /// Nothing is said in it.
    empty: bool,
    ends: bool,
    reset: bool,
}

fn seen(ip: &Ip<'_>) -> Seen {
    match ip.transport {
        Transport::Tcp(tcp) => Seen {
            ports: (tcp.source, tcp.destination),
            empty: tcp.payload.is_empty(),
            ends: tcp.flags & 1 == 1,
            reset: tcp.flags & 4 == 4,
        },
        Transport::Udp {
            source,
            destination,
            payload,
        } => Seen {
            ports: (source, destination),
            empty: payload.is_empty(),
            ends: false,
            reset: false,
        },
        Transport::Other => Seen {
            ports: (0, 0),
            empty: ip.payload.is_empty(),
            ends: false,
            reset: false,
        },
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "test code")]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    /// An Ethernet frame with a datagram from the host to its peer.
    fn frame() -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        frame.extend([0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0]);
        frame.extend([10, 0, 0, 7, 10, 0, 0, 1]);
        frame.extend([0x08, 0xae, 0x08, 0xae, 0, 12, 0, 0, 1, 2, 3, 4]);
        frame
    }

    /// Cyclic data of PROFINET from the same host: frame id 0x8001, data, cycle counter and status.
    fn profinet() -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0x92];
        frame.extend([0x80, 0x01]);
        frame.extend([0; 40]);
        frame.extend([0, 32, 0x35, 0]);
        frame
    }

    /// It says whose that hardware address is.
    fn arp() -> Vec<u8> {
        let mut frame = vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6];
        frame.extend([0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 7]);
        frame.extend([0, 0, 0, 0, 0, 0, 10, 0, 0, 1]);
        frame
    }

    fn put(watch: &mut Watch, octets: &[u8], time: i64, asking: bool) -> Option<Disturbed> {
        let frame = Frame {
            link: LinkType(1),
            time: Time(time),
            original: u32::try_from(octets.len()).unwrap(),
            octets,
        };
        watch.frame(&frame, asking)
    }

    /// One that has learnt a cycle of 20 ms, and the time of the last message.
    fn learnt_of(octets: &[u8]) -> (Watch, i64) {
        let host: IpAddr = "10.0.0.7".parse().unwrap();
        let mut watch = Watch::of(vec![host], Vec::new());
        put(&mut watch, &arp(), 0, false);
        let mut time = 0;
        for n in 0..20 {
            time += 20 * MS + (n % 3) * MS / 2;
            let seen = put(&mut watch, octets, time, false);
            assert_eq!(seen, None);
        }
        assert_eq!(watch.learnt().count(), 1);
        (watch, time)
    }

    fn learnt() -> (Watch, i64) {
        learnt_of(&frame())
    }

    #[test]
    fn cyclic_data_of_profinet_is_watched_by_its_hardware_address() {
        let (mut watch, last) = learnt_of(&profinet());
        let overdue = watch.look(Time(last + 39 * MS));
        let [disturbed] = overdue.as_slice() else {
            panic!("{overdue:?}")
        };
        assert_eq!(disturbed.host.to_string(), "10.0.0.7");
        assert_eq!(disturbed.peer.to_string(), "02:00:00:00:00:02");
        let [shot] = disturbed.shown.as_slice() else {
            panic!("{disturbed:?}")
        };
        // The ARP message was the first.
        assert_eq!((shot.frame, &shot.octets[..]), (21, &profinet()[..]));
        // An identify request of DCP comes once in a while.
        let mut dcp = profinet();
        dcp[14..16].copy_from_slice(&[0xfe, 0xfe]);
        let (mut watch, last) = learnt_of(&profinet());
        for n in 1..20 {
            put(&mut watch, &dcp, last + n * 20 * MS, false);
        }
        assert_eq!(watch.learnt().count(), 1);
    }

    #[test]
    fn a_cycle_that_is_missed_is_seen_before_the_next_is_due() {
        let (mut watch, last) = learnt();
        assert_eq!(watch.look(Time(last + 21 * MS)), []);
        let overdue = watch.look(Time(last + 39 * MS));
        let [disturbed] = overdue.as_slice() else {
            panic!("{overdue:?}")
        };
        assert!(
            matches!(disturbed.what, What::Missed(_, 39_000_000)),
            "{disturbed}"
        );
        assert_eq!(watch.look(Time(last + 60 * MS)), [], "it is said once");
    }

    #[test]
    fn a_late_message_counts_only_while_somebody_asks() {
        let (mut watch, last) = learnt();
        let late = put(&mut watch, &frame(), last + 45 * MS, true).unwrap();
        assert!(matches!(late.what, What::Late(..)), "{late:?}");
        let shown: Vec<u64> = late.shown.iter().map(|shot| shot.frame).collect();
        assert_eq!(shown, [21, 22], "the last in time, and the late one");
        let (mut watch, last) = learnt();
        assert_eq!(put(&mut watch, &frame(), last + 45 * MS, false), None);
    }

    #[test]
    fn what_is_sent_now_and_then_is_no_cycle() {
        let host: IpAddr = "10.0.0.7".parse().unwrap();
        let mut watch = Watch::of(vec![host], Vec::new());
        let mut time = 0;
        for interval in [3, 900, 40, 7, 2000, 11, 350, 80, 5, 1200, 60] {
            time += interval * MS;
            put(&mut watch, &frame(), time, true);
        }
        assert_eq!(watch.learnt().count(), 0);
        assert_eq!(watch.look(Time(time * 10)), []);
    }
}
