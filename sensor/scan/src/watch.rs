//! What a host sends of its own, in cycles: when a cycle is missed while it is asked, the questions end.
//!
//! It reads no clock: frames bring their time, and `look` is told what time it is.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use fossick_model::Time;
use fossick_parsers::packet::{Ip, LinkType, Net, Packet, Transport};

/// Conversations that are watched.
pub const CONVERSATIONS: usize = 4096;
/// Intervals after which a baseline is trusted.
const LEARNT: u32 = 8;
/// Shorter ones than this (nanoseconds) are the parts of one message.
const SAME: i64 = 500_000;

/// One direction of a conversation: from the host to its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    host: IpAddr,
    peer: IpAddr,
    protocol: u8,
    ports: (u16, u16),
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
    pub peer: IpAddr,
    /// When.
    pub time: Time,
    /// The frame that shows it, counted from 1; the last one that was heard where one is missing.
    pub frame: u64,
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
    hosts: Vec<IpAddr>,
    /// Our own addresses: what is said to us is no cycle of theirs.
    own: Vec<IpAddr>,
    ways: BTreeMap<Way, (Cycle, u64)>,
    frames: u64,
    /// Conversations that found no room.
    pub left_out: u64,
}

impl Watch {
    /// Watches these hosts, but not what they say to these.
    #[must_use]
    pub fn of(hosts: Vec<IpAddr>, own: Vec<IpAddr>) -> Watch {
        Watch {
            hosts,
            own,
            ..Watch::default()
        }
    }

    /// Cycles that were learnt.
    pub fn learnt(&self) -> impl Iterator<Item = (IpAddr, IpAddr, Cycle)> {
        let cycles = self.ways.iter().filter(|(_, (cycle, _))| cycle.is_learnt());
        cycles.map(|(way, (cycle, _))| (way.host, way.peer, *cycle))
    }

    /// Takes a frame. Says if it shows that its sender was disturbed; while nobody is asked, that is merely learnt.
    pub fn frame(
        &mut self,
        link: LinkType,
        octets: &[u8],
        time: Time,
        asking: bool,
    ) -> Option<Disturbed> {
        self.frames = self.frames.saturating_add(1);
        let packet = Packet::decode(link, octets);
        let Net::Ip(ip) = packet.net else {
            return None;
        };
        if !self.hosts.contains(&ip.source) || self.own.contains(&ip.destination) {
            return None;
        }
        let seen = seen(&ip);
        let way = Way {
            host: ip.source,
            peer: ip.destination,
            protocol: ip.protocol,
            ports: seen.ports,
        };
        let disturbed = |what| Disturbed {
            host: way.host,
            peer: way.peer,
            time,
            frame: self.frames,
            what,
        };
        if seen.reset || seen.ends {
            let known = self.ways.remove(&way);
            let learnt = known.is_some_and(|(cycle, _)| cycle.is_learnt());
            return (asking && learnt && seen.reset).then(|| disturbed(What::Reset));
        }
        // Acknowledgements come and go with what others send.
        if seen.empty {
            return None;
        }
        if let Some((cycle, frame)) = self.ways.get_mut(&way) {
            let interval = time.0.saturating_sub(cycle.last);
            let late =
                cycle.is_learnt() && interval > cycle.period.saturating_add(cycle.patience());
            *frame = self.frames;
            if asking && late {
                cycle.last = time.0;
                return Some(disturbed(What::Late(cycle.period, interval)));
            }
            cycle.take(time.0);
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
            last: time.0,
        };
        self.ways.insert(way, (cycle, self.frames));
        None
    }

    /// Cycles that are overdue by now. Each is said once.
    pub fn look(&mut self, now: Time) -> Vec<Disturbed> {
        let mut overdue = Vec::new();
        self.ways.retain(|way, (cycle, frame)| {
            let ago = now.0.saturating_sub(cycle.last);
            let due = cycle.period.saturating_add(cycle.patience());
            let missed = cycle.is_learnt() && ago > due;
            if missed {
                overdue.push(Disturbed {
                    host: way.host,
                    peer: way.peer,
                    time: now,
                    frame: *frame,
                    what: What::Missed(cycle.period, ago),
                });
            }
            !missed
        });
        overdue
    }
}

/// What a packet shows of its conversation.
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

    /// One that has learnt a cycle of 20 ms, and the time of the last message.
    fn learnt() -> (Watch, i64) {
        let host: IpAddr = "10.0.0.7".parse().unwrap();
        let mut watch = Watch::of(vec![host], Vec::new());
        let mut time = 0;
        for n in 0..20 {
            time += 20 * MS + (n % 3) * MS / 2;
            let seen = watch.frame(LinkType(1), &frame(), Time(time), false);
            assert_eq!(seen, None);
        }
        assert_eq!(watch.learnt().count(), 1);
        (watch, time)
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
        let late = watch.frame(LinkType(1), &frame(), Time(last + 45 * MS), true);
        assert!(
            matches!(
                late,
                Some(Disturbed {
                    what: What::Late(..),
                    frame: 21,
                    ..
                })
            ),
            "{late:?}"
        );
        let (mut watch, last) = learnt();
        assert_eq!(
            watch.frame(LinkType(1), &frame(), Time(last + 45 * MS), false),
            None
        );
    }

    #[test]
    fn what_is_sent_now_and_then_is_no_cycle() {
        let host: IpAddr = "10.0.0.7".parse().unwrap();
        let mut watch = Watch::of(vec![host], Vec::new());
        let mut time = 0;
        for interval in [3, 900, 40, 7, 2000, 11, 350, 80, 5, 1200, 60] {
            time += interval * MS;
            watch.frame(LinkType(1), &frame(), Time(time), true);
        }
        assert_eq!(watch.learnt().count(), 0);
        assert_eq!(watch.look(Time(time * 10)), []);
    }
}
