//! The life of a control, as files: what is done and heard, and where the control is then.
//!
//! A line is a moment in seconds, what happens, and after `=>` what comes of it: the state, and after a colon why it stays.
//! `heard CLIENT > SERVER TRANSPORT/PORT from FIRST to LAST [answered BEGAN to LAST]` adds a conversation, or says how one goes on;
//! port 0 is one of which nothing shows the direction.
//! With `BLESS=1` what comes of each line is written into the files.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::fs;
use std::path::Path;

use fossick_controls::{
    Question, approve, begin, deploy, dry_run, export, observe, propose, try_out,
};
use fossick_model::{
    Answered, Asset, Control, ControlState, Conversation, Demand, Direction, Evidence, Frames,
    Origin, Rule, Span, Staleness, Time, Transport,
};

struct World {
    asset: Asset,
    demand: Demand,
    conversations: Vec<Conversation>,
    control: Option<Control>,
    added: Vec<Rule>,
}

fn time(seconds: &str) -> Time {
    Time(seconds.parse::<i64>().unwrap() * 1_000_000_000)
}

fn packet(time: Time) -> Evidence {
    Evidence {
        capture: "a.pcap".into(),
        frames: Frames::One(u64::try_from(time.0 / 1_000_000_000).unwrap()),
        time,
        heard: true,
        octets: Vec::new(),
    }
}

fn service(text: &str) -> (Transport, u16) {
    let (transport, port) = text.split_once('/').unwrap();
    let transport = match transport {
        "tcp" => Transport::Tcp,
        "udp" => Transport::Udp,
        _ => panic!("{text}"),
    };
    (transport, port.parse().unwrap())
}

impl World {
    fn new() -> World {
        let mut asset = common::asset();
        asset.addresses.as_mut().unwrap().ipv6.clear();
        World {
            asset,
            demand: Demand {
                reason: "no fix".into(),
                source: "row 1".into(),
                finding: None,
            },
            conversations: Vec::new(),
            control: None,
            added: Vec::new(),
        }
    }

    fn heard(&mut self, words: &[&str]) {
        let &[
            client,
            ">",
            server,
            what,
            "from",
            first,
            "to",
            last,
            ref answered @ ..,
        ] = words
        else {
            panic!("{words:?}");
        };
        let (transport, port) = service(what);
        let mut told = common::heard(client, server, "tcp", port);
        told.transport = transport;
        (told.first_seen, told.last_seen) = (time(first), time(last));
        told.evidence = packet(told.first_seen);
        told.operations.clear();
        if transport == Transport::Udp {
            told.direction = Direction::Asked;
        }
        if port == 0 {
            (told.port, told.direction) = (None, Direction::Unknown);
        }
        told.answered = match answered {
            [] => None,
            ["answered", began, "to", last] => Some(Answered {
                began: time(began),
                last: time(last),
                evidence: packet(time(began)),
            }),
            other => panic!("{other:?}"),
        };
        told.two_way = told.answered.is_some();
        let same = |one: &Conversation| {
            (&one.client, &one.server, one.transport, one.port)
                == (&told.client, &told.server, told.transport, told.port)
        };
        self.conversations.retain(|one| !same(one));
        self.conversations.push(told);
    }

    fn proposed(&mut self, now: Time, words: &[&str]) -> Result<(), String> {
        let mut vulnerable = Vec::new();
        let mut from_little = false;
        for word in words {
            match word.strip_prefix("vulnerable=") {
                Some(what) => vulnerable.push(service(what)),
                None => from_little |= *word == "from-little",
            }
        }
        let kept = match &self.control {
            Some(control) => control.policy.rules.clone(),
            None => Vec::new(),
        };
        let kept: Vec<Rule> = kept.into_iter().chain(self.added.drain(..)).collect();
        let policy = propose(Question {
            asset: &self.asset,
            demand: self.demand.clone(),
            conversations: &self.conversations,
            heard: &[Span::hours(0, Span::hour(now))],
            zones: &[],
            vulnerable: &vulnerable,
            kept: &kept,
            from_little,
        });
        self.control = Some(begin(policy.map_err(|why| why.to_string())?, "anna", now));
        Ok(())
    }

    /// What comes of a line.
    fn does(&mut self, now: Time, words: &[&str]) -> String {
        let done: Result<(), String> = match words {
            ["heard", words @ ..] => {
                self.heard(words);
                return String::new();
            }
            ["visibility", words @ ..] => {
                self.asset.visibility =
                    words.iter().map(|word| (*word).to_owned().into()).collect();
                return String::new();
            }
            ["demand", words @ ..] => {
                self.demand.source = words.join(" ");
                return String::new();
            }
            ["address", address] => {
                let addresses = self.asset.addresses.as_mut().unwrap();
                addresses.ipv4.push(address.parse().unwrap());
                return String::new();
            }
            ["adds", peer, what, by] => {
                let (transport, port) = service(what);
                let value = serde_json::json!({
                    "number": 0, "direction": "inbound", "local": "10.9.2.2", "peer": peer, "transport": transport, "port": port,
                    "protocol": null, "origin": {"from": "operator", "by": by, "reason": "wanted"}
                });
                self.added.push(serde_json::from_value(value).unwrap());
                return String::new();
            }
            ["propose", words @ ..] => self.proposed(now, words),
            ["rules"] => return self.rules(),
            ["trial"] => return self.trial(),
            [what, words @ ..] => {
                let control = self.control.as_mut().unwrap();
                let done = match (*what, words) {
                    ("dry-run", [by]) => try_out(control, &self.conversations, by, now),
                    ("approve", words) => approve(control, &words.join(" "), now),
                    ("export", [format, by]) => export(control, format, by, now),
                    ("deployed", [by, least]) => deploy(control, by, now, least.parse().unwrap()),
                    ("watch", []) => observe(
                        control,
                        &self.asset,
                        Some(&self.demand),
                        &self.conversations,
                    ),
                    _ => panic!("{what} {words:?}"),
                };
                done.map_err(|why| why.to_string())
            }
            [] => panic!("nothing happens"),
        };
        let state = self
            .control
            .as_ref()
            .map_or("none", |control| control.state.name());
        match done {
            Ok(()) => format!("{state}{}", self.more()),
            Err(why) => format!("{state}: {why}"),
        }
    }

    /// What a state says besides its name.
    fn more(&self) -> String {
        match &self.control.as_ref().unwrap().state {
            ControlState::Proposed { .. } => {
                let policy = &self.control.as_ref().unwrap().policy;
                let growing = if policy.learnt.baseline.growing {
                    ", still growing"
                } else {
                    ""
                };
                let short = if policy.learnt.short { ", short" } else { "" };
                format!(
                    " {} rules, {} left out{growing}{short}",
                    policy.rules.len(),
                    policy.left_out.len()
                )
            }
            ControlState::DryRun { passes, stops, .. } => {
                format!(" passes {passes}, stops {stops}")
            }
            ControlState::Approved { by, .. } => format!(" by {by}"),
            ControlState::Verified {
                allowed, attempts, ..
            } => {
                format!(" allowed {allowed}, attempts {attempts}")
            }
            ControlState::Violated {
                conversation,
                evidence,
                ..
            } => format!(
                " {} > {} frame {}",
                conversation.client.address,
                conversation.server.address,
                evidence.frames.first()
            ),
            ControlState::Stale { reason } => match reason {
                Staleness::DemandChanged { now } => format!(" demand {}", now.source),
                Staleness::BaselineChanged { conversation } => {
                    format!(" baseline {}", conversation.client.address)
                }
                Staleness::NewAddress { address } => format!(" address {address}"),
            },
            _ => String::new(),
        }
    }

    fn rules(&self) -> String {
        let rules = self.control.as_ref().unwrap().policy.rules.iter();
        let each = rules.map(|rule| {
            let origin = match &rule.origin {
                Origin::Baseline { .. } => "seen".to_owned(),
                Origin::Operator { by, .. } => by.clone(),
            };
            format!("{} {} {}", rule.peer, rule.port, origin)
        });
        each.collect::<Vec<_>>().join("; ")
    }

    fn trial(&self) -> String {
        let policy = &self.control.as_ref().unwrap().policy;
        let each = dry_run(policy, &self.conversations)
            .into_iter()
            .map(|trial| {
                let one = trial.conversation;
                let frame = one.evidence.frames.first();
                let verdict = match trial.verdict {
                    fossick_controls::Verdict::Allowed { rule } => format!("rule {rule}"),
                    fossick_controls::Verdict::Blocked { why: Some(why) } => {
                        format!("stopped, {why}")
                    }
                    fossick_controls::Verdict::Blocked { why: None } => "stopped".to_owned(),
                };
                format!(
                    "{} {} frame {frame} {verdict}",
                    one.client.address,
                    one.port.unwrap_or_default()
                )
            });
        each.collect::<Vec<_>>().join("; ")
    }
}

#[test]
fn each_life_goes_as_its_file_has_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/life");
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let mut world = World::new();
        let mut now = String::new();
        for line in text.lines() {
            let done = line.split(" => ").next().unwrap().trim_end();
            let words: Vec<&str> = done.split_whitespace().collect();
            now += done;
            if let [moment, words @ ..] = words.as_slice()
                && !done.starts_with('#')
            {
                let comes = world.does(time(moment), words);
                if !comes.is_empty() {
                    now.push_str(" => ");
                    now.push_str(&comes);
                }
            }
            now.push('\n');
        }
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, &now).unwrap();
        } else {
            assert_eq!(now, text, "{}", path.display());
        }
        files += 1;
    }
    assert!(files >= 8, "{files} files");
}

#[test]
fn more_than_anybody_could_judge_is_refused() {
    let mut world = World::new();
    for n in 0..=fossick_controls::MOST_RULES {
        let client = format!("10.8.{}.{}", n / 256, n % 256);
        let words = [
            &client, ">", "10.9.2.2", "tcp/502", "from", "0", "to", "90000", "answered", "0", "to",
            "90000",
        ];
        world.heard(&words);
    }
    let refused = world.does(time("90000"), &["propose"]);
    assert!(
        refused.starts_with("none: it would take more than 1024 rules"),
        "{refused}"
    );
    world.conversations.pop();
    let proposed = world.does(time("90000"), &["propose"]);
    assert!(proposed.starts_with("proposed 1024 rules"), "{proposed}");
}
