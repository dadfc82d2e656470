//! Who talks to whom: what exposure, baselines and controls are judged by.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::asset::{Evidence, Transport, Word};
use crate::time::Time;

/// One end of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct End {
    /// Id of the asset that held the address; nothing for hosts that are no assets of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// VLAN tag, 1–4094; 0 where there was none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub vlan: u16,
    /// Its address.
    pub address: IpAddr,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(vlan: &u16) -> bool {
    *vlan == 0
}

/// Whom the client addresses.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Cast {
    /// One host.
    #[default]
    Unicast,
    /// A group of hosts.
    Multicast,
    /// Everybody on a network.
    Broadcast,
}

/// What shows which end is the server; the first is the surest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The connection was heard being opened.
    Opening,
    /// What was said is what only one end of this protocol says.
    Role,
    /// A datagram that was asked or told of its own accord: whoever was heard first is the client.
    Asked,
    /// Its beginning was not heard; one port alone is one of a known service, or below those that clients take.
    Ports,
    /// Nothing shows it: the ends are in order of address, and there is no port.
    Unknown,
}

/// Something that a client asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// In the protocol's own words: `read holding registers (3)`.
    pub name: String,
    /// The first packet that asks for it.
    #[serde(flatten)]
    pub evidence: Evidence,
}

/// A client that was seen to use a service, in whatever many connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// Who opens it.
    pub client: End,
    /// Who is asked; of what is for a group or for everybody, their address.
    pub server: End,
    /// Whom it is for.
    #[serde(default)]
    pub cast: Cast,
    /// What shows which end is the server.
    pub direction: Direction,
    /// Transport protocol of the service.
    pub transport: Transport,
    /// Port of the service; nothing where the direction is unknown.
    pub port: Option<u16>,
    /// Protocol confirmed by content, if it was.
    pub protocol: Option<Word>,
    /// What the client asks for, sorted by name; empty where the protocol has no operations that we read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<Asked>,
    /// The client asks for more than is kept of one conversation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more_operations: bool,
    /// Both directions were seen: otherwise this sensor hears one of them at most.
    pub two_way: bool,
    /// Connections, or exchanges of datagrams without a long pause.
    pub flows: u64,
    /// First packet.
    pub first_seen: Time,
    /// Last packet.
    pub last_seen: Time,
    /// A packet that shows it, the first.
    pub evidence: Evidence,
    /// The newest connection in which both ends took part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Answered>,
}

/// The newest connection of a conversation in which both ends took part; of a transport without connections, packets of the
/// same ports without a long pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// Its first packet.
    pub began: Time,
    /// The server's last packet, in this connection or another.
    pub last: Time,
    /// The server's first packet in it.
    pub evidence: Evidence,
}

impl Conversation {
    /// When it showed last what it had not before: its first packet, or the first that asks for another operation.
    #[must_use]
    pub fn grown(&self) -> Time {
        let asked = self.operations.iter().map(|asked| asked.evidence.time);
        asked.fold(self.first_seen, Time::max)
    }
}

/// Time in which something was heard, in whole hours of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Its beginning.
    pub from: Time,
    /// The first moment behind it.
    pub until: Time,
}

/// Nanoseconds of an hour.
const HOUR: i64 = 3_600_000_000_000;

impl Span {
    /// The hours from one of these to the other, both included; counted from 1970 on.
    #[must_use]
    pub fn hours(first: i64, last: i64) -> Span {
        Span {
            from: Time(first.saturating_mul(HOUR)),
            until: Time(last.saturating_add(1).saturating_mul(HOUR)),
        }
    }

    /// The hour that a moment is in, counted from 1970 on.
    #[must_use]
    pub fn hour(time: Time) -> i64 {
        time.0.div_euclid(HOUR)
    }

    /// How many hours of it lie in `since` and after.
    fn count(&self, since: Time) -> u64 {
        let first = Span::hour(self.from.max(since));
        let behind = Span::hour(self.until);
        u64::try_from(behind.saturating_sub(first)).unwrap_or_default()
    }

    /// The same in days; one that `counted` reaches into is not counted again.
    fn days(&self, since: Time, counted: &mut i64) -> u64 {
        let first = Span::hour(self.from.max(since)).div_euclid(24);
        let last = Span::hour(self.until).saturating_sub(1).div_euclid(24);
        let first = first.max(counted.saturating_add(1));
        *counted = last.max(*counted);
        let days = last.saturating_add(1).saturating_sub(first);
        u64::try_from(days).unwrap_or_default()
    }
}

/// How far a list of conversations may be taken for all that there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// How many.
    pub conversations: u64,
    /// The first packet of any of them.
    pub since: Option<Time>,
    /// Hours of the clock, from then on, in which the sensor heard anything.
    pub hours: u64,
    /// Days (UTC) of which that was so.
    pub days: u64,
    /// When the last conversation came that was new, or the last operation.
    pub grown: Option<Time>,
    /// Hours in which the sensor heard anything and nothing new came, since then.
    pub quiet_hours: u64,
    /// Fewer of those than [`Baseline::SETTLED`]: more is to be expected.
    pub growing: bool,
    /// Those of which one direction alone was heard: that something is not there cannot be told from them.
    pub one_way: u64,
    /// Those of which nothing shows the direction.
    pub unknown_direction: u64,
}

impl Baseline {
    /// Hours without anything new after which a baseline is no longer growing: what comes once a day has come.
    pub const SETTLED: u64 = 24;

    /// Judges these, of a sensor that heard something in these spans of time, which are in order and apart.
    pub fn of<'a>(
        conversations: impl IntoIterator<Item = &'a Conversation>,
        heard: &[Span],
    ) -> Baseline {
        let mut baseline = Baseline {
            conversations: 0,
            since: None,
            hours: 0,
            days: 0,
            grown: None,
            quiet_hours: 0,
            growing: true,
            one_way: 0,
            unknown_direction: 0,
        };
        for told in conversations {
            let add = |count: &mut u64, one: bool| *count = count.saturating_add(u64::from(one));
            add(&mut baseline.conversations, true);
            // Nobody answers a group.
            let answered = told.two_way || told.cast != Cast::Unicast;
            add(&mut baseline.one_way, !answered);
            let unknown = told.direction == Direction::Unknown;
            add(&mut baseline.unknown_direction, unknown);
            let first = told.first_seen;
            baseline.since = Some(baseline.since.map_or(first, |since| since.min(first)));
            baseline.grown = baseline.grown.max(Some(told.grown()));
        }
        if let (Some(since), Some(grown)) = (baseline.since, baseline.grown) {
            let mut counted = i64::MIN;
            for span in heard {
                baseline.hours = baseline.hours.saturating_add(span.count(since));
                let days = span.days(since, &mut counted);
                baseline.days = baseline.days.saturating_add(days);
                // The hour in which it came is not one without anything new.
                let after = Time(grown.0.saturating_add(HOUR));
                baseline.quiet_hours = baseline.quiet_hours.saturating_add(span.count(after));
            }
            baseline.growing = baseline.quiet_hours < Baseline::SETTLED;
        }
        baseline
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Frames;

    fn seen(hour: i64, operation: Option<i64>) -> Conversation {
        let at = |hour: i64| Time(hour.saturating_mul(HOUR).saturating_add(7));
        let end = |last| End {
            asset: None,
            vlan: 0,
            address: IpAddr::from([10, 0, 0, last]),
        };
        let evidence = |hour| Evidence {
            capture: Arc::from("a"),
            frames: Frames::One(1),
            time: at(hour),
            heard: true,
            octets: Vec::new(),
        };
        Conversation {
            client: end(1),
            server: end(2),
            cast: Cast::Unicast,
            direction: Direction::Opening,
            transport: Transport::Tcp,
            port: Some(502),
            protocol: None,
            operations: operation
                .into_iter()
                .map(|hour| Asked {
                    name: "write".into(),
                    evidence: evidence(hour),
                })
                .collect(),
            more_operations: false,
            two_way: true,
            flows: 1,
            first_seen: at(hour),
            last_seen: at(hour),
            evidence: evidence(hour),
            answered: None,
        }
    }

    #[test]
    fn hours_count_from_the_first_packet_and_where_something_was_heard() {
        let heard = [Span::hours(0, 9), Span::hours(20, 49)];
        let baseline = Baseline::of(&[seen(5, None)], &heard);
        assert_eq!(
            (baseline.hours, baseline.days, baseline.quiet_hours),
            (35, 3, 34)
        );
        assert!(!baseline.growing);
    }

    #[test]
    fn a_new_operation_is_growth() {
        let heard = [Span::hours(0, 49)];
        let of = |operation| Baseline::of(&[seen(5, None), seen(5, operation)], &heard);
        assert!(!of(None).growing);
        let baseline = of(Some(40));
        assert_eq!((baseline.quiet_hours, baseline.growing), (9, true));
    }

    #[test]
    fn nothing_is_no_baseline() {
        let baseline = Baseline::of(&[], &[Span::hours(0, 1000)]);
        assert_eq!((baseline.hours, baseline.growing), (0, true));
    }

    #[test]
    fn a_day_in_two_spans_is_one() {
        let heard = [Span::hours(0, 1), Span::hours(5, 6), Span::hours(23, 24)];
        assert_eq!(Baseline::of(&[seen(0, None)], &heard).days, 2);
    }
}
