//! Detectors, as files: who is there and what is heard, and behind `---` what is found.
//!
//! `zone NAME NETWORK [purdue LEVEL]`, `off RULE`, `approved KEY=VALUE …` say what is known beforehand.
//! `asset NAME ADDRESS [mac=…] [vlan=N] [kind=KIND] [certainty=N] [vendor=…] [os=…] [serves=PROTOCOL] [routed]` is somebody;
//! `NAME says KEY VALUE` is an observation; `CLIENT > SERVER TRANSPORT/PORT PROTOCOL [one-way] [from S to S] [does WORDS]` a
//! conversation (`tried` where its client alone spoke the protocol), where an end is the name of an asset, with `@ADDRESS` if it has several, or an address.
//! A packet's frame is the line that tells of it. With `BLESS=1` what is found is written into the files.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fmt::Write;
use std::fs;
use std::path::Path;

use fossick_model::{Asset, Conversation};
use fossick_shadow::{Approvals, Approved, DETECTORS, Site, Zone};
use serde_json::{Value, json};

#[derive(Default)]
struct World {
    zones: Vec<Zone>,
    off: Vec<String>,
    approved: Vec<Approved>,
    assets: Vec<Value>,
    conversations: Vec<Value>,
}

fn evidence(line: usize, seconds: i64) -> Value {
    let time = format!("2024-05-01T00:{:02}:{:02}Z", seconds / 60, seconds % 60);
    json!({"capture": "a.pcap", "frame": line, "time": time, "heard": true})
}

impl World {
    fn take(&mut self, line: usize, text: &str) {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["zone", name, network, rest @ ..] => self.zones.push(Zone {
                name: (*name).to_owned(),
                networks: vec![network.parse().unwrap()],
                vlans: Vec::new(),
                purdue: rest.last().map(|level| level.parse().unwrap()),
            }),
            ["off", rule] => self.off.push((*rule).to_owned()),
            ["approved", rest @ ..] => {
                let header: Vec<&str> = rest
                    .iter()
                    .map(|pair| pair.split_once('=').unwrap().0)
                    .collect();
                let values: Vec<&str> = rest
                    .iter()
                    .map(|pair| pair.split_once('=').unwrap().1)
                    .collect();
                let csv = format!(
                    "{}\n{}\n",
                    header.join(","),
                    values.join(",").replace('_', " ")
                );
                let import =
                    fossick_shadow::import("list.csv", &csv, &fossick_shadow::Columns::default())
                        .unwrap();
                assert!(import.refused.is_empty(), "{:?}", import.refused);
                self.approved.extend(import.approved);
            }
            ["asset", name, address, rest @ ..] => self.asset(line, name, address, rest),
            [name, "says", key, value @ ..] => {
                let said = json!({"key": key, "value": value.join(" ")});
                let mut said = said.as_object().unwrap().clone();
                said.insert(
                    "evidence".into(),
                    evidence(line, i64::try_from(line).unwrap()),
                );
                let asset = self
                    .assets
                    .iter_mut()
                    .find(|asset| asset["id"] == **name)
                    .unwrap();
                asset["observations"]
                    .as_array_mut()
                    .unwrap()
                    .push(said.into());
            }
            [client, ">", server, service, protocol, rest @ ..] => {
                self.conversation(line, (client, server), service, protocol, rest);
            }
            other => panic!("line {line}: {other:?}"),
        }
    }

    fn asset(&mut self, line: usize, name: &str, addresses: &str, rest: &[&str]) {
        let ips: Vec<&str> = addresses.split(',').collect();
        let named = |key: &str| {
            let found = rest
                .iter()
                .find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
            found.map(|value| value.replace('_', " "))
        };
        let certainty: u8 = named("certainty").map_or(90, |text| text.parse().unwrap());
        let kind = named("kind");
        let category = kind
            .as_ref()
            .map_or(fossick_model::Category::UNKNOWN, |kind| {
                fossick_model::Kind::named(kind)
                    .unwrap_or_else(|| panic!("{kind}"))
                    .category()
            });
        let fact = |attribute: &str, value: &String| {
            json!({"attribute": attribute, "value": value, "certainty": certainty, "key": "k", "raw": value, "fingerprint": "f",
                   "evidence": evidence(line, 0)})
        };
        let facts: Vec<Value> = ["kind", "vendor", "os"]
            .iter()
            .filter_map(|key| named(key).map(|value| fact(key, &value)))
            .collect();
        let serves = named("serves");
        let services: Vec<Value> = serves
            .iter()
            .map(|protocol| json!({"transport": "tcp", "port": 22, "protocol": protocol, "product": null, "version": null}))
            .collect();
        let vlans: Vec<u16> = named("vlan")
            .iter()
            .map(|vlan| vlan.parse().unwrap())
            .collect();
        let macs: Vec<String> = named("mac").into_iter().collect();
        let visibility = if rest.contains(&"routed") {
            vec!["routed-mac"]
        } else {
            Vec::new()
        };
        self.assets.push(json!({
            "id": name, "addresses": {"mac": macs, "ipv4": ips, "ipv6": []}, "vlans": vlans, "hostnames": [name],
            "vendor": named("vendor"), "os": named("os"), "kind": kind, "category": category.name(), "protocols": [],
            "services": services, "peers": 1, "first_seen": "2024-05-01T00:00:00Z", "last_seen": "2024-05-01T01:00:00Z",
            "visibility": visibility, "children": [], "facts": facts, "observations": [], "findings": []
        }));
    }

    fn end(&self, text: &str) -> Value {
        let (name, address) = match text.split_once('@') {
            Some((name, address)) => (name, Some(address)),
            None => (text, None),
        };
        match self.assets.iter().find(|asset| asset["id"] == *name) {
            Some(asset) => {
                let first = asset["addresses"]["ipv4"][0].as_str().unwrap();
                json!({"asset": name, "address": address.unwrap_or(first)})
            }
            None => json!({"address": name}),
        }
    }

    fn conversation(
        &mut self,
        line: usize,
        ends: (&str, &str),
        service: &str,
        protocol: &str,
        rest: &[&str],
    ) {
        let (transport, port) = service.split_once('/').unwrap();
        let after = |word: &str| {
            rest.iter()
                .position(|one| *one == word)
                .map(|at| &rest[at + 1..])
        };
        let seconds = |word: &str, or: i64| after(word).map_or(or, |rest| rest[0].parse().unwrap());
        let (first, last) = (seconds("from", 0), seconds("to", 1000));
        let time = |at| evidence(line, at)["time"].clone();
        let operations: Vec<Value> = after("does")
            .map(|words| {
                let mut asked = evidence(line, first);
                asked["name"] = words.join(" ").into();
                asked
            })
            .into_iter()
            .collect();
        let protocol = (protocol != "-").then_some(protocol);
        let client_alone = rest.contains(&"tried") || rest.contains(&"one-way");
        let speakers = if client_alone {
            vec![ends.0]
        } else {
            vec![ends.0, ends.1]
        };
        for end in speakers {
            let name = end.split('@').next().unwrap();
            let asset = self.assets.iter_mut().find(|asset| asset["id"] == *name);
            if let (Some(asset), Some(protocol)) = (asset, protocol) {
                asset["protocols"]
                    .as_array_mut()
                    .unwrap()
                    .push(protocol.into());
            }
        }
        self.conversations.push(json!({
            "client": self.end(ends.0), "server": self.end(ends.1), "transport": transport,
            "port": port.parse::<u16>().unwrap(), "direction": "opening", "protocol": protocol, "operations": operations,
            "two_way": !rest.contains(&"one-way"), "flows": 1, "first_seen": time(first), "last_seen": time(last),
            "evidence": evidence(line, first)
        }));
    }

    fn found(self) -> String {
        let assets: Vec<Asset> = self
            .assets
            .into_iter()
            .map(|one| serde_json::from_value(one).unwrap())
            .collect();
        let told: Vec<Conversation> = self
            .conversations
            .into_iter()
            .map(|one| serde_json::from_value(one).unwrap())
            .collect();
        let approvals = Approvals::new(self.approved);
        let site = Site::new(&assets, &told, &self.zones, &approvals, &self.off);
        let mut lines = String::new();
        for asset in &assets {
            for finding in site.findings(asset) {
                assert!(!finding.evidence.is_empty(), "{finding:?}");
                assert!(
                    DETECTORS
                        .iter()
                        .any(|detector| detector.name == finding.rule)
                );
                let frames: Vec<String> = finding
                    .evidence
                    .iter()
                    .map(|shown| shown.frames.first().to_string())
                    .collect();
                let (rule, sure) = (&finding.rule, finding.confidence);
                writeln!(
                    lines,
                    "{} {rule} {sure} frames {}: {}",
                    asset.id,
                    frames.join(","),
                    finding.title
                )
                .unwrap();
            }
        }
        lines
    }
}

#[test]
fn detectors_find_what_they_should_and_nothing_else() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "txt"));
    paths.sort();
    let mut wrong = Vec::new();
    let mut everything = String::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let (head, want) = text.split_once("---\n").unwrap_or((&text, ""));
        let mut world = World::default();
        for (number, line) in head.lines().enumerate() {
            if !line.is_empty() && !line.starts_with('#') {
                world.take(number + 1, line);
            }
        }
        let got = world.found();
        everything.push_str(&got);
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, format!("{head}---\n{got}")).unwrap();
        } else if got != want {
            wrong.push(format!(
                "{}\n  expected:\n{want}  found:\n{got}",
                path.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for detector in DETECTORS {
        let rule = format!(" {} ", detector.name);
        assert!(
            everything.contains(&rule),
            "no scenario shows {}",
            detector.name
        );
    }
}
