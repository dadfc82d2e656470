//! What would be asked, octet by octet, and why: to be read before anything is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::time::Duration;

use fossick_parsers::{Carrier, Hole, PROTOCOLS, Piece, Probe, Protocol, Reach, Safety, Until};
use serde_json::{Value, json};

use crate::ask;
use crate::fill::{self, Settings};
use crate::governor::{Question, Refusal, To};
use crate::interface::Interface;
use crate::rules::Rules;

/// Values that a setting may have, each of which makes a question of its own, by name.
pub type Choices = BTreeMap<String, Vec<Vec<u8>>>;

/// A question, and why it is asked.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What.
    pub question: Question,
    /// What it may tell that is missing; empty where it asks whether anybody is there.
    pub missing: Vec<&'static str>,
}

/// Which questions are wanted.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Protocols, or single questions: `modbus`, `modbus/report server id (17)`. All routine ones where there is none.
    pub probes: Vec<String>,
    /// What is put in for settings.
    pub settings: Choices,
}

/// What was said by a host so far.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// Keys of what it said.
    pub keys: BTreeSet<String>,
    /// Protocols that it speaks.
    pub protocols: BTreeSet<String>,
}

impl Wish {
    /// Whether it names a question.
    fn names(&self, protocol: &Protocol, probe: &Probe) -> bool {
        let whole = |name: &str| {
            let rest = name.strip_prefix(protocol.name);
            rest.and_then(|rest| rest.strip_prefix('/')) == Some(probe.name)
        };
        let mut names = self.probes.iter();
        names.any(|name| name == protocol.name || whole(name))
    }

    /// Those of its names that no question has.
    #[must_use]
    pub fn unknown(&self) -> Vec<&str> {
        let any = |name: &str| {
            let only = Wish {
                probes: vec![name.to_owned()],
                settings: Choices::new(),
            };
            all().any(|(protocol, probe)| only.names(protocol, probe))
        };
        let names = self.probes.iter().map(String::as_str);
        names.filter(|name| !any(name)).collect()
    }
}

/// Every question there is.
pub fn all() -> impl Iterator<Item = (&'static Protocol, &'static Probe)> {
    let protocols = PROTOCOLS.iter().copied();
    protocols.flat_map(|protocol| protocol.probes.iter().map(move |probe| (protocol, probe)))
}

/// Names of the settings that questions have.
#[must_use]
pub fn settings() -> BTreeSet<&'static str> {
    let pieces = all()
        .flat_map(|(_, probe)| probe.steps)
        .flat_map(|step| step.sends);
    pieces.filter_map(setting_of).collect()
}

fn setting_of(piece: &Piece) -> Option<&'static str> {
    match piece {
        Piece::Hole(
            Hole::Setting { name, .. } | Hole::Padded { name, .. } | Hole::LengthOf { name, .. },
            _,
        ) => Some(*name),
        _ => None,
    }
}

/// Protocols over UDP in which devices say what they are.
const TELLING: [&str; 6] = ["snmp", "enip", "bacnet", "knxnet-ip", "fins", "hart-ip"];

/// The questions for a host or a segment, in the order in which they are put: is it there, what it was heard to speak, then
/// the others.
#[must_use]
pub fn questions(to: To, said: &Said, wish: &Wish, interface: &Interface) -> Vec<Planned> {
    let mut planned = Vec::new();
    for (protocol, probe) in all() {
        if !is_asked(to, protocol, probe, wish, interface) {
            continue;
        }
        let missing = missing(probe, said);
        if missing.is_empty() && !probe.asks.is_empty() {
            continue;
        }
        for settings in variants(probe, &wish.settings) {
            planned.push(Planned {
                question: Question {
                    to,
                    about: None,
                    protocol,
                    probe,
                    settings,
                },
                missing: missing.clone(),
            });
        }
    }
    planned.sort_by_key(|planned| {
        let question = &planned.question;
        match question.probe.carrier {
            Carrier::EtherType(_) => 0,
            Carrier::Ip(_) => 1,
            _ if said.protocols.contains(question.protocol.name) => 2,
            Carrier::Tcp(_) => 3,
            // What tells most comes first: what is known by then is not asked any more.
            _ if TELLING.contains(&question.protocol.name) => 4,
            _ => 5,
        }
    });
    planned
}

/// What a question may tell that was not said yet.
#[must_use]
pub fn missing(probe: &Probe, said: &Said) -> Vec<&'static str> {
    let keys = probe.asks.iter().map(|key| key.0);
    keys.filter(|key| !said.keys.contains(*key)).collect()
}

fn is_asked(
    to: To,
    protocol: &Protocol,
    probe: &Probe,
    wish: &Wish,
    interface: &Interface,
) -> bool {
    if is_about_others(probe) {
        return false;
    }
    let reaches = match (to, probe.reach) {
        (To::Host(host), Reach::Host) => match probe.carrier {
            Carrier::EtherType(_) => host.is_ipv4() && interface.is_on_link(host),
            // ICMP and ICMPv6.
            Carrier::Ip(1) => host.is_ipv4(),
            Carrier::Ip(58) => host.is_ipv6(),
            Carrier::Tcp(_) | Carrier::Udp(_) => true,
            _ => false,
        },
        (To::Segment(_), Reach::Segment) => true,
        _ => false,
    };
    if !reaches {
        return false;
    }
    let finds = probe.asks.is_empty();
    match (wish.probes.is_empty(), finds) {
        // Whether anybody is there is asked on the link where that is possible, or else by an echo.
        (_, true) if matches!(to, To::Host(_)) => {
            let on_link =
                matches!(to, To::Host(host) if host.is_ipv4() && interface.is_on_link(host));
            let echo = matches!(probe.carrier, Carrier::Ip(_));
            wish.names(protocol, probe)
                || matches!(probe.carrier, Carrier::EtherType(_))
                || (wish.probes.is_empty() && echo && !on_link)
        }
        (true, _) => probe.safety == Safety::Routine,
        (false, _) => wish.names(protocol, probe),
    }
}

/// Whether a question is put to one about another.
fn is_about_others(probe: &Probe) -> bool {
    let mut pieces = probe.steps.iter().flat_map(|step| step.sends);
    pieces.any(|piece| matches!(piece, Piece::Hole(Hole::ReverseName, _)))
}

/// Questions to a resolver: what each of these addresses is called, if that is wanted.
#[must_use]
pub fn look_ups(resolver: IpAddr, about: &[IpAddr], wish: &Wish) -> Vec<Planned> {
    let mut planned = Vec::new();
    for (protocol, probe) in all().filter(|(_, probe)| is_about_others(probe)) {
        if !wish.probes.is_empty() && !wish.names(protocol, probe) {
            continue;
        }
        planned.extend(about.iter().map(|about| Planned {
            question: Question {
                to: To::Host(resolver),
                about: Some(*about),
                protocol,
                probe,
                settings: Settings::new(),
            },
            missing: probe.asks.iter().map(|key| key.0).collect(),
        }));
    }
    planned
}

/// One set of settings for each combination of their values.
fn variants(probe: &Probe, choices: &Choices) -> Vec<Settings> {
    let pieces = probe.steps.iter().flat_map(|step| step.sends);
    let names: BTreeSet<&str> = pieces.filter_map(setting_of).collect();
    let mut variants = vec![Settings::new()];
    for name in names {
        let Some(values) = choices.get(name) else {
            continue;
        };
        let with = |settings: &Settings| {
            let values = values.iter().map(|value| {
                let mut settings = settings.clone();
                settings.insert(name.to_owned(), value.clone());
                settings
            });
            values.collect::<Vec<_>>()
        };
        variants = variants.iter().flat_map(with).collect();
    }
    variants
}

/// What is planned for one host or segment.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whom.
    pub to: To,
    /// What is asked, in order.
    pub asked: Vec<Planned>,
    /// What is not, and why.
    pub refused: Vec<(Planned, Refusal)>,
}

/// How much it takes at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// Frames of the questions themselves.
    pub frames: u32,
    /// Frames that the kernel may send besides: what TCP repeats, and requests for hardware addresses.
    pub besides: u32,
    /// If everything is answered at once.
    pub least: Duration,
    /// If nothing is.
    pub most: Duration,
}

impl Plan {
    /// What all its questions take together.
    #[must_use]
    pub fn budget(&self, rules: &Rules) -> Budget {
        let mut budget = Budget::default();
        for planned in &self.asked {
            let probe = planned.question.probe;
            let tcp = matches!(probe.carrier, Carrier::Tcp(_));
            let link = matches!(probe.carrier, Carrier::EtherType(_));
            budget.frames = budget.frames.saturating_add(probe.frames.into());
            let repeated = if tcp { ask::REPEATED } else { 0 };
            let neighbour = if link { 0 } else { ask::NEIGHBOUR };
            let besides = u32::from(repeated).saturating_add(neighbour.into());
            budget.besides = budget.besides.saturating_add(besides);
            let steps = u32::try_from(probe.steps.len()).unwrap_or(u32::MAX);
            let paced = rules.packet_gap.saturating_mul(steps);
            let gap = if budget.least.is_zero() {
                Duration::ZERO
            } else {
                rules.gap
            };
            budget.least = budget.least.saturating_add(paced).saturating_add(gap);
            let longest = if tcp { ask::LONGEST } else { ask::PATIENCE };
            let most = longest.saturating_add(ask::CLOSING).saturating_add(gap);
            budget.most = budget.most.saturating_add(most);
        }
        budget
    }

    /// For programs.
    #[must_use]
    pub fn json(&self, rules: &Rules) -> Value {
        let budget = self.budget(rules);
        let asked: Vec<Value> = self.asked.iter().map(json).collect();
        let refused = self.refused.iter().map(|(planned, refusal)| {
            json!({ "question": planned.question.name(), "why": refusal.to_string() })
        });
        json!({
            "to": self.to.to_string(),
            "questions": asked,
            "refused": refused.collect::<Vec<_>>(),
            "frames": budget.frames,
            "frames_besides": budget.besides,
            "seconds": [budget.least.as_secs_f64(), budget.most.as_secs_f64()],
        })
    }

    /// What it has in common with the plans of other hosts.
    fn common(&self) -> Vec<(String, &Settings)> {
        let asked = self.asked.iter().map(|planned| &planned.question);
        asked
            .map(|question| (question.name(), &question.settings))
            .collect()
    }
}

fn hex(octets: &[u8]) -> String {
    let octets: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    octets.join(" ")
}

/// What stands for a piece: its octets where they are known beforehand, and how it is called otherwise.
fn piece(piece: &Piece, question: &Question) -> (Option<Vec<u8>>, Option<String>, &'static str) {
    match piece {
        Piece::Octets(octets, comment) => (Some(octets.to_vec()), None, comment),
        Piece::Hole(hole, comment) => {
            let octets = match (hole, question.to) {
                (Hole::Setting { name, default }, _) => {
                    Some(fill::setting(&question.settings, name, default).to_vec())
                }
                (
                    Hole::LengthOf {
                        name,
                        default,
                        plus,
                    },
                    _,
                ) => {
                    let length = fill::setting(&question.settings, name, default).len();
                    let length = u8::try_from(length).ok();
                    length
                        .and_then(|length| length.checked_add(*plus))
                        .map(|all| vec![all])
                }
                (
                    Hole::Padded {
                        name,
                        default,
                        length,
                    },
                    _,
                ) => fill::padded(fill::setting(&question.settings, name, default), *length),
                (Hole::ReverseName, _) => question.about.map(fill::reverse_name),
                (Hole::Target, To::Host(host)) => Some(fill::as_text(host).into_bytes()),
                (Hole::TargetAddress, To::Host(IpAddr::V4(host))) => Some(host.octets().to_vec()),
                _ => None,
            };
            (octets, Some(hole.to_string()), comment)
        }
    }
}

fn json(planned: &Planned) -> Value {
    let question = &planned.question;
    let steps = question.probe.steps.iter().map(|step| {
        let sends = step.sends.iter().map(|each| {
            let (octets, hole, comment) = piece(each, question);
            json!({ "octets": octets.as_deref().map(hex), "hole": hole, "length": each.length(), "comment": comment })
        });
        json!({ "sends": sends.collect::<Vec<_>>(), "until": until(step.until) })
    });
    json!({
        "question": question.name(),
        "about": question.about.map(|about| about.to_string()),
        "carrier": question.probe.carrier.to_string(),
        "safety": safety(question.probe.safety),
        "missing": planned.missing,
        "frames": question.probe.frames,
        "steps": steps.collect::<Vec<_>>(),
    })
}

fn safety(safety: Safety) -> &'static str {
    match safety {
        Safety::Routine => "routine",
        Safety::Intrusive => "intrusive, consented to",
    }
}

fn until(until: Until) -> String {
    match until {
        Until::Answer => "waits for one message".to_owned(),
        Until::Answers(count) => format!("waits for {count} messages"),
        Until::Told(count) => format!("waits for an answer that tells, {count} messages at most"),
        Until::Quiet => format!("takes what comes within {} s", ask::PATIENCE.as_secs()),
        Until::Sent => "waits for nothing".to_owned(),
    }
}

/// Prints plans for people. Hosts of which the same is asked stand together.
///
/// # Errors
/// The first that `to` has.
pub fn print(to: &mut dyn fmt::Write, plans: &[&Plan], rules: &Rules) -> fmt::Result {
    let mut groups: Vec<Vec<&Plan>> = Vec::new();
    for plan in plans {
        let alike = |group: &&mut Vec<&Plan>| {
            group.first().is_some_and(|first| {
                first.common() == plan.common() && first.refused.len() == plan.refused.len()
            })
        };
        match groups.iter_mut().find(alike) {
            Some(group) => group.push(plan),
            None => groups.push(vec![plan]),
        }
    }
    for group in groups {
        let Some(first) = group.first() else { continue };
        for plan in &group {
            writeln!(to, "{}", plan.to)?;
        }
        let many = if group.len() > 1 { ", of each" } else { "" };
        for (number, planned) in (1..).zip(&first.asked) {
            print_question(to, number, planned, group.len() > 1)?;
        }
        for (planned, refusal) in &first.refused {
            writeln!(to, "  not asked: {}: {refusal}", planned.question.name())?;
        }
        let budget = first.budget(rules);
        writeln!(
            to,
            "  {} questions{many}: {} frames at most, and {} that the kernel may add (what TCP repeats, ARP); {:.0} to {:.0} s\n",
            first.asked.len(),
            budget.frames,
            budget.besides,
            budget.least.as_secs_f64().ceil(),
            budget.most.as_secs_f64().ceil()
        )?;
    }
    let asked: usize = plans.iter().map(|plan| plan.asked.len()).sum();
    let budgets: Vec<Budget> = plans.iter().map(|plan| plan.budget(rules)).collect();
    let frames: u32 = budgets.iter().map(|budget| budget.frames).sum();
    writeln!(
        to,
        "In all {asked} questions to {} targets, {frames} frames at most, at most {} a second; {} ms between questions to one host, {} ms between packets.",
        plans.iter().filter(|plan| !plan.asked.is_empty()).count(),
        rules.rate,
        rules.gap.as_millis(),
        rules.packet_gap.as_millis()
    )
}

fn print_question(
    to: &mut dyn fmt::Write,
    number: usize,
    planned: &Planned,
    many: bool,
) -> fmt::Result {
    let question = &planned.question;
    let probe = question.probe;
    writeln!(
        to,
        "  {number}. {}: {}; {}, {}",
        question.protocol.name,
        probe.name,
        probe.carrier,
        safety(probe.safety)
    )?;
    if let Some(about) = question.about {
        writeln!(
            to,
            "     about: {about}, if it answers and nobody said its name"
        )?;
    }
    if planned.missing.is_empty() {
        writeln!(to, "     why: whether anybody is there")?;
    } else {
        writeln!(to, "     why: not known: {}", planned.missing.join(", "))?;
    }
    for (number, step) in (1..).zip(probe.steps) {
        writeln!(to, "     step {number}: {}", until(step.until))?;
        for each in step.sends {
            let own = matches!(each, Piece::Hole(Hole::Target | Hole::TargetAddress, _));
            let (octets, hole, comment) = piece(each, question);
            let shown = octets.filter(|_| !(many && own));
            let most = matches!(each, Piece::Hole(Hole::Handshake { .. }, _));
            let most = if most { "at most " } else { "" };
            let unknown = || format!("({most}{} octets)", each.length());
            let mut left = shown.map_or_else(unknown, |o| hex(&o));
            let hole = hole.map(|hole| format!("[{hole}] ")).unwrap_or_default();
            // Sixteen octets a line; the comment stands beside the first.
            let mut first = true;
            while first || !left.is_empty() {
                let rest = left.split_off(left.len().min(48));
                if first {
                    writeln!(to, "       {:<48} {hole}{comment}", left.trim_end())?;
                } else {
                    writeln!(to, "       {}", left.trim_end())?;
                }
                (first, left) = (false, rest);
            }
        }
    }
    let mut tail = String::new();
    write!(tail, "{} frames at most", probe.frames)?;
    writeln!(to, "     {tail}")
}
