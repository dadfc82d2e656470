//! Leave to send. Nothing goes out without a [`Permit`], and the Governor alone makes one.
//!
//! It reads no clock and does no I/O: time is passed in. Its rules are asked in one order, and the first that says no is the
//! answer: stopped, off, not allowed, excluded, never touched, marked, outside the window, nobody's wish, no consent, in flight, too
//! soon, too many at once, backing off.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fossick_model::{Kind, Network};
use fossick_parsers::{Carrier, Probe, Protocol, Reach, Safety};

use crate::fill::Settings;
use crate::rules::{Excluded, Mode, NEVER, Port, Rules};

/// Hosts and segments that are remembered. More are not asked.
pub const HOSTS: usize = 65_536;
/// After a port where nobody listens, so many times less is waited than after a question.
const CLOSED: u32 = 4;
/// Troubles in a row after which a host is left alone.
pub const TROUBLES: u32 = 4;
/// Least time of a back-off; it doubles with each trouble in a row.
const BACK_OFF: Duration = Duration::from_secs(1);
/// Longest.
const LONGEST: Duration = Duration::from_mins(5);
/// An answer that takes so many times as long as usual, and this much longer, is clearly slower.
const SLOWER: (u32, Duration) = (4, Duration::from_millis(100));

/// Whom a question is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum To {
    /// One host.
    Host(IpAddr),
    /// Everybody of the interface's network.
    Segment(Network),
}

impl To {
    /// The host, if it is one.
    #[must_use]
    pub fn host(&self) -> Option<IpAddr> {
        match self {
            To::Host(address) => Some(*address),
            To::Segment(_) => None,
        }
    }
}

impl fmt::Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            To::Host(address) => address.fmt(f),
            To::Segment(network) => write!(f, "all of {network}"),
        }
    }
}

/// One question to one host or segment.
#[derive(Debug, Clone)]
pub struct Question {
    /// Whom.
    pub to: To,
    /// About whom, where it is not about himself.
    pub about: Option<IpAddr>,
    /// In which protocol.
    pub protocol: &'static Protocol,
    /// Which.
    pub probe: &'static Probe,
    /// What is put in for its settings.
    pub settings: Settings,
}

impl Question {
    /// How it is named in the configuration and in the journal: `modbus/report server id (17)`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.protocol.name, self.probe.name)
    }
}

/// A row of what the world knows that says: this device, or this port of it, must not be touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// The row, for people: `CVE-2021-36199 (ICSA-22-011-01): a vulnerability scan stops it`.
    pub row: Arc<str>,
    /// The ports that it is about; all of the device where there is none.
    pub ports: Vec<Port>,
}

/// What is known of a host before it is asked.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The name of its zone.
    pub zone: Option<String>,
    /// What it is.
    pub kind: Option<Kind>,
    /// It was heard to speak the protocol.
    pub heard: bool,
    /// A person asked for this.
    pub wanted: bool,
    /// The router to which frames for it would go, if they would.
    pub router: Option<IpAddr>,
    /// What the world knows of devices like it that must not be touched.
    pub marked: Vec<Marked>,
}

/// What time it is.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Since any fixed moment.
    pub since: Duration,
    /// Minute of the week, Monday 00:00 being 0, in the site's time.
    pub minute_of_week: u16,
}

/// Why nothing may be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody stopped everything.
    #[error("scanning was stopped: `fossick scan --resume` allows it again")]
    Stopped,
    /// The configuration does not allow scanning.
    #[error("scanning is off: `mode = \"on-request\"` under [scan] in the configuration allows it")]
    Off,
    /// Questions of the sensor's own are not configured.
    #[error("scanning is on request only, and nobody asked for this")]
    OnRequestOnly,
    /// Not on the allow list.
    #[error("it is not on the allow list: put it into `allow` under [scan] in the configuration")]
    NotAllowed,
    /// Frames for it would go to a router that is not on the allow list.
    #[error("the way there leads through the router {0}, which is not on the allow list")]
    RouterNotAllowed(IpAddr),
    /// A question to many, and nobody consented for this segment.
    #[error(
        "a question to everybody needs consent: put the network into `segments` under [scan.consent]"
    )]
    SegmentNotConsented,
    /// It is excluded.
    #[error("{0}")]
    Excluded(Excluded),
    /// The port is never touched.
    #[error("the port {0} is never touched")]
    NeverTouched(Port),
    /// Devices like it are known not to bear it: all of it, or this port.
    #[error("{} must not be touched: {row}", port.map_or_else(|| "it".to_owned(), |port| format!("its port {port}")))]
    Marked {
        /// The port, where it is not all of the device.
        port: Option<Port>,
        /// The row that says so.
        row: Arc<str>,
    },
    /// Not at this time.
    #[error("this is outside the windows in which questions may be asked")]
    OutsideWindow,
    /// It was not heard to speak this protocol, and nobody named it.
    #[error("it was not heard to speak this protocol, and nobody asked for this")]
    NotHeard,
    /// Intrusive, and nobody consented to it.
    #[error(
        "the question may upset devices: put its name into `probes` under [scan.consent] if it may be asked"
    )]
    NeedsConsent,
    /// One is on its way.
    #[error("a question to it is under way")]
    InFlight,
    /// The last one is not long enough ago.
    #[error("the last question to it was just now: {} ms more", .0.as_millis())]
    TooSoon(Duration),
    /// So many frames a second are allowed.
    #[error("as many frames a second as are allowed: {} ms more", .0.as_millis())]
    RateReached(Duration),
    /// It did not answer well.
    #[error("it answered late or badly, or broke off, and is left alone for {} ms more", .0.as_millis())]
    BackingOff(Duration),
    /// It did not answer well, several times in a row.
    #[error(
        "it answered late or badly, or broke off, {TROUBLES} times in a row, and is left alone"
    )]
    GivenUp,
    /// What it sends of its own was disturbed.
    #[error("its own traffic was disturbed while it was asked, and it is left alone")]
    Disturbed,
    /// There is no room to remember another host.
    #[error("{HOSTS} hosts were asked: no more are remembered")]
    TooManyHosts,
}

impl Refusal {
    /// Whether it holds for every question to the same host.
    #[must_use]
    pub fn is_of_host(&self) -> bool {
        matches!(
            self,
            Refusal::Stopped
                | Refusal::Off
                | Refusal::OnRequestOnly
                | Refusal::NotAllowed
                | Refusal::RouterNotAllowed(_)
                | Refusal::Excluded(_)
                | Refusal::Marked { port: None, .. }
                | Refusal::OutsideWindow
                | Refusal::GivenUp
                | Refusal::Disturbed
                | Refusal::TooManyHosts
        )
    }

    /// How long it lasts, where it passes by itself.
    #[must_use]
    pub fn passes(&self) -> Option<Duration> {
        match self {
            Refusal::TooSoon(time) | Refusal::RateReached(time) | Refusal::BackingOff(time) => {
                Some(*time)
            }
            Refusal::InFlight => Some(Duration::from_millis(20)),
            _ => None,
        }
    }
}

/// How a question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It said something of what was asked, this long after it was asked.
    Told(Duration),
    /// It answered, but said nothing of what was asked: an error, or another protocol.
    Unhelpful(Duration),
    /// Everybody was asked, and answers were waited for: whoever listens has them.
    Waited,
    /// Nobody listens on that port: the host said so.
    Closed,
    /// No answer to a datagram or a frame: most hosts say nothing to what they do not speak.
    Silent,
    /// Nobody on the link has that address.
    Absent,
    /// No answer to the opening of a connection: something on the way, or the host, drops it.
    Unopened,
    /// It accepted the connection, and then said nothing.
    Mute,
    /// It broke the conversation off.
    Reset,
    /// It said more, or took longer, than is read.
    Endless,
    /// We stopped, or could not send: nothing is known of it.
    Abandoned,
}

impl Outcome {
    /// Whether it shows that the host had trouble with the question. `served`: it accepted connections to that port before.
    fn is_trouble(self, usual: Option<Duration>, served: bool) -> bool {
        match self {
            Outcome::Told(took) => usual.is_some_and(|usual| {
                let (times, longer) = SLOWER;
                took > usual.saturating_mul(times) && took > usual.saturating_add(longer)
            }),
            Outcome::Waited | Outcome::Silent | Outcome::Absent | Outcome::Abandoned => false,
            Outcome::Closed | Outcome::Unopened => served,
            Outcome::Unhelpful(_) | Outcome::Mute | Outcome::Reset | Outcome::Endless => true,
        }
    }
}

impl Outcome {
    /// Whether a connection was opened for it.
    fn was_accepted(self) -> bool {
        match self {
            Outcome::Told(_)
            | Outcome::Unhelpful(_)
            | Outcome::Mute
            | Outcome::Reset
            | Outcome::Endless => true,
            Outcome::Waited
            | Outcome::Closed
            | Outcome::Silent
            | Outcome::Absent
            | Outcome::Unopened
            | Outcome::Abandoned => false,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Told(took) => write!(f, "answered after {} ms", took.as_millis()),
            Outcome::Unhelpful(took) => write!(
                f,
                "answered after {} ms, but nothing of what was asked",
                took.as_millis()
            ),
            Outcome::Waited => f.write_str("asked; whoever answered is in the result"),
            Outcome::Closed => f.write_str("nobody listens there"),
            Outcome::Silent => f.write_str("no answer"),
            Outcome::Absent => f.write_str("nobody has that address"),
            Outcome::Unopened => f.write_str("no answer to the opening of a connection"),
            Outcome::Mute => f.write_str("accepted the connection, and said nothing"),
            Outcome::Reset => f.write_str("broke off"),
            Outcome::Endless => f.write_str("said more, or took longer, than is read"),
            Outcome::Abandoned => f.write_str("abandoned"),
        }
    }
}

/// Leave to put one question once. Only [`Governor::ask`] makes one; there is no second of it, and to send is to spend it.
#[derive(Debug)]
#[must_use = "a permit that is not spent keeps its host in flight"]
pub struct Permit {
    question: Question,
    packet_gap: Duration,
    withdrawn: Arc<AtomicBool>,
}

impl Permit {
    /// What may be asked.
    #[must_use]
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// Least time between two things that are sent.
    pub(crate) fn packet_gap(&self) -> Duration {
        self.packet_gap
    }

    /// Set when the question must be broken off.
    pub(crate) fn withdrawn(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.withdrawn)
    }

    /// It is spent: what remains is to tell the Governor how it went.
    pub(crate) fn spend(self) -> Receipt {
        Receipt {
            question: self.question,
        }
    }
}

/// What remains of a permit that was spent.
#[derive(Debug)]
pub struct Receipt {
    question: Question,
}

impl Receipt {
    /// What was asked.
    #[must_use]
    pub fn question(&self) -> &Question {
        &self.question
    }
}

/// A question that was put, and how it went.
#[derive(Debug)]
pub struct Spent {
    /// What was asked.
    pub receipt: Receipt,
    /// How it ended.
    pub outcome: Outcome,
    /// Application octets that were sent, step by step.
    pub sent: Vec<Vec<u8>>,
    /// What the host said of itself in an encrypted connection, as the messages would stand in the clear.
    pub unsealed: Option<Unsealed>,
}

/// What nobody who listens could read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsealed {
    /// The port of the host.
    pub port: u16,
    /// Ours.
    pub own_port: u16,
    /// The messages.
    pub octets: Vec<u8>,
}

/// What the Governor remembers of a host or segment.
#[derive(Debug, Clone, Default)]
struct Remembered {
    /// The permit that is out, by what withdraws it.
    in_flight: Option<Arc<AtomicBool>>,
    /// Not before: the gap after the last question.
    next: Duration,
    /// Until when it is left alone.
    until: Option<Duration>,
    /// In a row.
    troubles: u32,
    /// How long its answers take.
    usual: Option<Duration>,
    /// Ports of TCP that accepted connections; no more than questions go to.
    serves: BTreeSet<u16>,
    disturbed: bool,
}

/// Whether an address is no host's own.
fn is_group(address: IpAddr) -> bool {
    let broadcast = IpAddr::V4(std::net::Ipv4Addr::BROADCAST);
    address.is_multicast() || address.is_unspecified() || address == broadcast
}

/// The first mark that is about all of a device or about this port of it.
fn marked(marks: &[Marked], port: Option<Port>) -> Option<Refusal> {
    marks.iter().find_map(|mark| {
        let refusal = |port| Refusal::Marked {
            port,
            row: Arc::clone(&mark.row),
        };
        if mark.ports.is_empty() {
            return Some(refusal(None));
        }
        let port = port.filter(|port| mark.ports.contains(port))?;
        Some(refusal(Some(port)))
    })
}

/// Holds the rules, and what was asked.
#[derive(Debug)]
pub struct Governor {
    rules: Rules,
    stopped: bool,
    /// When the frames that were permitted so far are through, at the rate that is allowed.
    through: Duration,
    hosts: BTreeMap<To, Remembered>,
}

impl Governor {
    /// With a site's rules, and nothing asked so far.
    #[must_use]
    pub fn new(rules: Rules) -> Governor {
        Governor {
            rules,
            stopped: false,
            through: Duration::ZERO,
            hosts: BTreeMap::new(),
        }
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Nothing more is permitted.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// A host's own traffic was disturbed: what is asked of it is broken off, and nothing more is asked.
    pub fn disturbed(&mut self, host: IpAddr) {
        let host = self.hosts.entry(To::Host(host)).or_default();
        host.disturbed = true;
        if let Some(withdrawn) = &host.in_flight {
            withdrawn.store(true, Ordering::Relaxed);
        }
    }

    /// Leave to put a question, if every rule allows it.
    ///
    /// # Errors
    /// The first rule that does not.
    pub fn ask(&mut self, question: &Question, known: &Known, now: Now) -> Result<Permit, Refusal> {
        self.may(question, known, now.minute_of_week)?;
        let host = self.hosts.get(&question.to).cloned().unwrap_or_default();
        if host.in_flight.is_some() {
            return Err(Refusal::InFlight);
        }
        let left = |until: Duration| Some(until.saturating_sub(now.since)).filter(|d| !d.is_zero());
        if let Some(left) = left(host.next) {
            return Err(Refusal::TooSoon(left));
        }
        if let Some(left) = left(self.through) {
            return Err(Refusal::RateReached(left));
        }
        if host.disturbed {
            return Err(Refusal::Disturbed);
        }
        if host.troubles >= TROUBLES {
            return Err(Refusal::GivenUp);
        }
        if let Some(left) = host.until.and_then(left) {
            return Err(Refusal::BackingOff(left));
        }
        if !self.hosts.contains_key(&question.to) && self.hosts.len() >= HOSTS {
            return Err(Refusal::TooManyHosts);
        }
        let takes = self.takes(question.probe.frames);
        self.through = self.through.max(now.since).saturating_add(takes);
        let withdrawn = Arc::new(AtomicBool::new(false));
        let host = self.hosts.entry(question.to).or_default();
        host.in_flight = Some(Arc::clone(&withdrawn));
        Ok(Permit {
            question: question.clone(),
            packet_gap: self.rules.packet_gap,
            withdrawn,
        })
    }

    /// The rules that do not depend on what was asked before: what a plan can say.
    ///
    /// # Errors
    /// The first rule that does not allow it.
    pub fn may(
        &self,
        question: &Question,
        known: &Known,
        minute_of_week: u16,
    ) -> Result<(), Refusal> {
        let rules = &self.rules;
        if self.stopped {
            return Err(Refusal::Stopped);
        }
        match rules.mode {
            Mode::Off => return Err(Refusal::Off),
            Mode::OnRequest if !known.wanted => return Err(Refusal::OnRequestOnly),
            Mode::OnRequest | Mode::FillGaps => {}
        }
        match (question.to, question.probe.reach) {
            (To::Host(host), Reach::Host) => {
                // Who is not to be asked is not to be asked about, either.
                let mut meant = question.about.into_iter().chain([host]);
                if !meant.all(|address| rules.allows(address)) {
                    return Err(Refusal::NotAllowed);
                }
                // Whatever stands on the list: such an address is many, or nobody.
                if is_group(host) {
                    return Err(Refusal::SegmentNotConsented);
                }
                if let Some(router) = known.router.filter(|router| !rules.allows(*router)) {
                    return Err(Refusal::RouterNotAllowed(router));
                }
                let excluded = rules.excludes(host, known.zone.as_deref(), known.kind);
                if let Some(excluded) = excluded {
                    return Err(Refusal::Excluded(excluded));
                }
            }
            (To::Segment(segment), Reach::Segment) => {
                let covers = |consented: &Network| {
                    consented.prefix() <= segment.prefix() && consented.contains(segment.address())
                };
                if !rules.segments.iter().any(covers) {
                    return Err(Refusal::SegmentNotConsented);
                }
            }
            // A question for one is not asked of many, nor the other way round.
            (To::Segment(_), Reach::Host) => return Err(Refusal::NotAllowed),
            (To::Host(_), Reach::Segment) => return Err(Refusal::SegmentNotConsented),
        }
        if let Some(port) = Port::of(question.probe.carrier)
            && (NEVER.contains(&port) || rules.never_ports.contains(&port))
        {
            return Err(Refusal::NeverTouched(port));
        }
        if let To::Host(_) = question.to
            && let Some(refusal) = marked(&known.marked, Port::of(question.probe.carrier))
        {
            return Err(refusal);
        }
        let windows = &rules.windows;
        if !windows.is_empty() && !windows.iter().any(|window| window.is_open(minute_of_week)) {
            return Err(Refusal::OutsideWindow);
        }
        if !known.heard && !known.wanted {
            return Err(Refusal::NotHeard);
        }
        if question.probe.safety > Safety::Routine && !rules.probes.contains(&question.name()) {
            return Err(Refusal::NeedsConsent);
        }
        Ok(())
    }

    /// How long so many frames take at the rate that is allowed.
    fn takes(&self, frames: u16) -> Duration {
        let takes = Duration::from_secs(frames.into()).checked_div(self.rules.rate.max(1));
        takes.unwrap_or(Duration::from_secs(1))
    }

    /// A question was put, and this is how it ended.
    pub fn settle(&mut self, receipt: &Receipt, outcome: Outcome, now: Duration) {
        let unopened = matches!(outcome, Outcome::Closed | Outcome::Unopened);
        if unopened {
            // All but the first of its frames were not sent.
            let rest = receipt.question.probe.frames.saturating_sub(1);
            self.through = self.through.saturating_sub(self.takes(rest));
        }
        let Some(host) = self.hosts.get_mut(&receipt.question.to) else {
            return;
        };
        host.in_flight = None;
        // Where nobody listens nothing was asked: one segment went out, and at most one came back.
        let gap = if unopened {
            self.rules.gap.checked_div(CLOSED).unwrap_or_default()
        } else {
            self.rules.gap
        };
        host.next = now.saturating_add(gap.max(self.rules.packet_gap));
        let mut served = false;
        if let Carrier::Tcp(port) = receipt.question.probe.carrier {
            served = host.serves.contains(&port);
            if outcome.was_accepted() {
                host.serves.insert(port);
            }
        }
        if outcome.is_trouble(host.usual, served) {
            host.troubles = host.troubles.saturating_add(1);
            let doubled = 2_u32.saturating_pow(host.troubles.saturating_sub(1));
            let pause = BACK_OFF.max(self.rules.gap).saturating_mul(doubled);
            host.until = Some(now.saturating_add(pause.min(LONGEST)));
        } else if let Outcome::Told(took) = outcome {
            (host.troubles, host.until) = (0, None);
            // Towards what it takes now, by a quarter.
            let usual = host.usual.unwrap_or(took);
            let sum = usual.saturating_mul(3).saturating_add(took);
            host.usual = sum.checked_div(4);
        }
    }
}

#[cfg(test)]
mod tests;
