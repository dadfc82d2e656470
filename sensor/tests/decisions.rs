//! The life of a finding: what persons decide about it, how long that holds, and what comes back.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread::sleep;
use std::time::{Duration, Instant};

use fossick_engine::Round;
use fossick_model::{
    Asset, Change, Demand, Event, LONGEST_DAYS, Order, Person, Step, Term, Time, Verdict,
};
use fossick_sensor::store::{Job, Keep, Store, file_opener};
use serde_json::json;

const KEEP: Keep = Keep {
    age: i64::MAX / 2_000_000_000,
    octets: u64::MAX,
    silent: i64::MAX / 2_000_000_000,
};
const ID: &str = "00000000000000aa";

fn fresh(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("decisions-{name}-{}.redb", std::process::id()));
    let _ = fs::remove_file(&path);
    path
}

fn at(text: &str) -> Time {
    serde_json::from_value(json!(text)).unwrap()
}

fn now() -> Time {
    at("2026-06-01T12:00:00Z")
}

/// The asset with these findings.
fn asset(findings: &[&str]) -> Asset {
    let findings: Vec<_> = findings
        .iter()
        .map(|id| {
            json!({"id": id, "rule": "advisory", "title": format!("Title of {id}"), "verdict": "declared no fix", "priority": "act",
                "state": "open", "source": {"feed": "csaf", "id": "ICSA-1", "row": "no_fix_planned", "date": "2024-01-01"}})
        })
        .collect();
    let asset = json!({
        "id": ID, "addresses": {"mac": [], "ipv4": ["10.0.0.1"], "ipv6": []},
        "vlans": [], "hostnames": [], "category": "unknown", "protocols": [], "services": [], "peers": 0,
        "first_seen": "2026-06-01T00:00:00Z", "last_seen": "2026-06-01T00:00:00Z", "visibility": [], "children": [],
        "facts": [], "observations": [], "findings": findings,
    });
    serde_json::from_value(asset).unwrap()
}

fn term(reason: &str, until: &str) -> Term {
    Term {
        reason: reason.to_owned(),
        until: Time::end_of(until).unwrap(),
    }
}

struct Sensor(Option<Store>);

impl Sensor {
    fn start(path: &Path) -> Sensor {
        let (store, _) = Store::start(file_opener(path), KEEP, 1, &[]).unwrap();
        Sensor(Some(store))
    }

    fn store(&self) -> &Store {
        self.0.as_ref().unwrap()
    }

    fn stop(mut self) {
        self.0.take().unwrap().stop(Duration::from_secs(10));
    }

    /// A round in which the asset has these findings.
    fn hear(&self, findings: &[&str], now: Time) {
        self.round(
            Round {
                assets: vec![asset(findings)],
                ..Round::default()
            },
            now,
        );
    }

    fn round(&self, round: Round, now: Time) {
        let job = Job::Round {
            round: Box::new(round),
            captures: Vec::new(),
            now,
        };
        self.store().jobs().send(job).unwrap();
        // What is asked of the thread afterwards is answered afterwards.
        let (done, answer) = sync_channel(1);
        self.store().jobs().send(Job::Check(done)).unwrap();
        answer.recv().unwrap().unwrap();
    }

    fn order(&self, order: Order, now: Time) -> Result<(), String> {
        let (done, answer) = sync_channel(1);
        let by = Person {
            uid: 1000,
            name: Some("erika".to_owned()),
        };
        let job = Job::Order {
            asset: ID.to_owned(),
            order,
            by,
            now,
            done,
        };
        self.store().jobs().send(job).unwrap();
        answer.recv().unwrap()
    }

    fn accept(&self, finding: &str, reason: &str, until: &str) -> Result<(), String> {
        let order = Order::Accept {
            finding: finding.to_owned(),
            term: Box::new(term(reason, until)),
        };
        self.order(order, now())
    }

    fn declare(&self, until: &str) -> Result<(), String> {
        let order = Order::DeclareUnpatchable {
            term: Box::new(term("the line stands still otherwise", until)),
        };
        self.order(order, now())
    }

    fn acknowledge(&self, finding: &str) -> Result<(), String> {
        let finding = finding.to_owned();
        self.order(Order::AcknowledgeFinding { finding }, now())
    }

    fn reopen(&self, finding: &str) -> Result<(), String> {
        let finding = finding.to_owned();
        self.order(Order::Reopen { finding }, now())
    }

    /// The state of a finding, the same in lists and in the asset.
    fn state(&self, finding: &str) -> Option<String> {
        let shared = &self.store().shared;
        let of = |asset: &Asset| {
            let found = asset.findings.iter().find(|known| known.id == finding);
            found.map(|finding| finding.state.clone())
        };
        let listed = of(&shared.cards()[ID].asset);
        assert_eq!(listed, of(&shared.asset(ID).unwrap().unwrap()));
        listed
    }

    fn journal(&self) -> Vec<Change> {
        self.store().shared.changes(0, 10_000).unwrap()
    }

    fn tick(&self, now: Time) {
        let job = Job::Note {
            part: "run",
            what: "time goes on".to_owned(),
            now,
        };
        self.store().jobs().send(job).unwrap();
    }

    fn expired(&self) -> Vec<Change> {
        let over = |change: &Change| matches!(change.event, Event::DecisionExpired { .. });
        self.journal().into_iter().filter(over).collect()
    }

    fn wait_for_expiry(&self, count: usize) {
        let begun = Instant::now();
        while self.expired().len() < count {
            assert!(begun.elapsed() < Duration::from_secs(10));
            sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn an_accepted_risk_has_an_owner_a_reason_and_an_end_and_is_open_again_after_it() {
    let path = fresh("accepted");
    let sensor = Sensor::start(&path);
    sensor.hear(&["f1", "f2"], now());
    assert_eq!(sensor.state("f1").unwrap(), "open");
    for (reason, until, why) in [
        (" ", "2026-07-01", "a reason is needed"),
        ("because", "2026-05-31", "is over"),
        ("because", "2028-01-01", "too far away"),
    ] {
        let refused = sensor.accept("f1", reason, until).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    let refused = sensor.accept("f3", "because", "2026-07-01").unwrap_err();
    assert!(refused.contains("no finding `f3`"), "{refused}");
    assert!(sensor.journal().iter().all(|change| change.by.is_none()));
    let far = at("2026-06-01T23:59:59Z").0 + LONGEST_DAYS * 86_400_000_000_000;
    let far = Time(far).day();
    sensor.accept("f1", "because", &far).unwrap();
    sensor
        .accept("f1", "behind a firewall", "2026-07-01")
        .unwrap();
    let accepted = "accepted until 2026-07-01 by erika: behind a firewall";
    assert_eq!(sensor.state("f1").unwrap(), accepted);
    assert_eq!(sensor.state("f2").unwrap(), "open");
    let last = sensor.journal().pop().unwrap();
    assert_eq!(last.by.unwrap().label(), "erika");
    let listed = sensor.store().shared.exceptions(now());
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].days_left, listed[0].present), (30, true));
    assert_eq!(listed[0].title, "Title of f1");
    // It outlives rounds and restarts.
    sensor.hear(&["f1", "f2"], now());
    assert_eq!(sensor.state("f1").unwrap(), accepted);
    sensor.stop();
    let sensor = Sensor::start(&path);
    assert_eq!(sensor.state("f1").unwrap(), accepted);
    sensor.tick(at("2026-07-01T23:59:58Z"));
    // The clock goes on, though nobody says anything.
    sensor.wait_for_expiry(1);
    assert_eq!(sensor.state("f1").unwrap(), "reopened");
    let expired = sensor.expired();
    let Event::DecisionExpired {
        finding,
        acceptance,
        ..
    } = &expired[0].event
    else {
        panic!("{expired:?}")
    };
    assert_eq!(
        (finding.as_str(), acceptance.reason.as_str()),
        ("f1", "behind a firewall")
    );
    assert!(sensor.store().shared.exceptions(now()).is_empty());
    // Once is enough, also after a restart.
    sensor.stop();
    let sensor = Sensor::start(&path);
    sensor.tick(at("2026-08-01T00:00:00Z"));
    sensor.hear(&["f1", "f2"], at("2026-08-01T00:00:00Z"));
    assert_eq!(sensor.state("f1").unwrap(), "reopened");
    assert_eq!(sensor.expired().len(), 1);
    assert_eq!(sensor.store().shared.audit(None).unwrap().fault, None);
    sensor.stop();
}

#[test]
fn what_ended_while_no_sensor_ran_is_open_again_when_one_does() {
    let path = fresh("while-away");
    let sensor = Sensor::start(&path);
    sensor.hear(&["f1"], now());
    sensor.accept("f1", "because", "2026-07-01").unwrap();
    sensor.stop();
    let sensor = Sensor::start(&path);
    sensor.tick(at("2026-09-01T00:00:00Z"));
    sensor.wait_for_expiry(1);
    assert_eq!(sensor.state("f1").unwrap(), "reopened");
    sensor.stop();
}

#[test]
fn findings_are_acknowledged_closed_and_reopened() {
    let path = fresh("life");
    let sensor = Sensor::start(&path);
    sensor.hear(&["f1", "f2", "f3"], now());
    sensor.acknowledge("f1").unwrap();
    sensor.accept("f2", "because", "2026-07-01").unwrap();
    assert_eq!(sensor.state("f1").unwrap(), "acknowledged");
    assert!(sensor.acknowledge("f2").is_err());
    assert!(
        sensor
            .reopen("f3")
            .unwrap_err()
            .contains("nothing was decided")
    );
    // All three are no more.
    sensor.hear(&[], now());
    assert_eq!(sensor.state("f1"), None);
    let listed = sensor.store().shared.exceptions(now());
    assert!(!listed[0].present);
    assert_eq!(listed[0].title, "Title of f2");
    sensor.stop();
    // They are there again: an acceptance holds, an acknowledgement was of what is over.
    let sensor = Sensor::start(&path);
    sensor.hear(&["f1", "f2", "f3"], now());
    assert_eq!(sensor.state("f1").unwrap(), "reopened");
    assert!(sensor.state("f2").unwrap().starts_with("accepted until"));
    assert_eq!(sensor.state("f3").unwrap(), "reopened");
    sensor.acknowledge("f1").unwrap();
    assert_eq!(sensor.state("f1").unwrap(), "acknowledged");
    sensor.reopen("f2").unwrap();
    assert_eq!(sensor.state("f2").unwrap(), "reopened");
    sensor.stop();
}

#[test]
fn what_is_kept_of_findings_that_are_no_more_is_bounded_and_acceptances_stay_longest() {
    let path = fresh("bounded");
    let sensor = Sensor::start(&path);
    sensor.hear(&["kept"], now());
    sensor.accept("kept", "because", "2026-07-01").unwrap();
    let names: Vec<String> = (0..300).map(|n| format!("f{n:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    sensor.hear(&names, now());
    sensor.hear(&[], at("2026-06-02T00:00:00Z"));
    let kept = sensor.store().shared.cards()[ID].standing.findings.len();
    assert_eq!(kept, 256);
    sensor.hear(&["kept"], at("2026-06-03T00:00:00Z"));
    assert!(sensor.state("kept").unwrap().starts_with("accepted until"));
    sensor.stop();
}

#[test]
fn an_asset_is_declared_unpatchable_by_a_name_and_for_a_time() {
    let path = fresh("declared");
    let sensor = Sensor::start(&path);
    sensor.hear(&["f1"], now());
    let declared = |sensor: &Sensor| {
        let asset = sensor.store().shared.asset(ID).unwrap().unwrap();
        asset
            .findings
            .into_iter()
            .find(|finding| finding.rule == "declared")
    };
    assert!(sensor.order(Order::Withdraw, now()).is_err());
    sensor.declare("2026-07-01").unwrap();
    let first = declared(&sensor).unwrap();
    assert_eq!(first.verdict, Some(Verdict::DeclaredByOperator));
    assert_eq!(first.source.row, "the line stands still otherwise");
    assert_eq!(first.source.id, "erika");
    assert!(first.title.contains("erika until 2026-07-01"));
    assert!(!first.priority.is_empty() && !first.path.is_empty());
    assert_eq!(first.state, "open");
    let seq = sensor.store().shared.published();
    // Rounds do not take it away, and it is no news to them.
    sensor.hear(&["f1"], now());
    assert_eq!(sensor.store().shared.published(), seq);
    assert_eq!(declared(&sensor).unwrap(), first);
    sensor.acknowledge(&first.id).unwrap();
    assert_eq!(sensor.state(&first.id).unwrap(), "acknowledged");
    sensor.order(Order::Withdraw, now()).unwrap();
    assert_eq!(declared(&sensor), None);
    // Declared again it has the same id, and its time ends.
    sensor.declare("2026-07-02").unwrap();
    assert_eq!(declared(&sensor).unwrap().id, first.id);
    assert_eq!(sensor.state(&first.id).unwrap(), "open");
    let listed = sensor.store().shared.exceptions(now());
    assert_eq!(
        (listed[0].kind.as_str(), listed[0].days_left),
        ("declared", 31)
    );
    sensor.tick(at("2026-07-03T00:00:00Z"));
    sensor.wait_for_expiry(1);
    assert_eq!(declared(&sensor), None);
    sensor.stop();
}

#[test]
fn what_was_declared_goes_with_the_asset_into_another() {
    for heard in [true, false] {
        let path = fresh(&format!("merged-{heard}"));
        let sensor = Sensor::start(&path);
        let mut other = asset(&["g1"]);
        other.id = "00000000000000bb".to_owned();
        let both = Round {
            assets: vec![asset(&["f1"]), other.clone()],
            ..Round::default()
        };
        sensor.round(both, now());
        sensor.declare("2026-07-01").unwrap();
        let merged = Round {
            assets: if heard {
                vec![other.clone()]
            } else {
                Vec::new()
            },
            gone: vec![(ID.to_owned(), Some(other.id.clone()))],
            ..Round::default()
        };
        sensor.round(merged, now());
        let listed = sensor.store().shared.exceptions(now());
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].asset, other.id);
        assert!(listed[0].present);
        let whole = sensor.store().shared.asset(&other.id).unwrap().unwrap();
        assert_eq!(whole.findings.len(), 2);
        sensor.stop();
    }
}

/// A scan saw its own traffic falter: that holds through rounds, comes with its packet, and goes with it into another.
#[test]
fn a_disturbance_stays_with_its_packet_and_goes_with_the_asset_into_another() {
    let path = fresh("disturbed");
    let sensor = Sensor::start(&path);
    let mut other = asset(&["g1"]);
    other.id = "00000000000000bb".to_owned();
    let both = || Round {
        assets: vec![asset(&["f1"]), other.clone()],
        ..Round::default()
    };
    sensor.round(both(), now());
    let capture = "watched/span 2026-01-01T00:00:00Z";
    let disturbance = fossick_model::Disturbance {
        peer: "10.0.0.9".to_owned(),
        why: "sends every 20 ms, and has sent nothing for 39 ms".to_owned(),
        capture: capture.to_owned(),
        frames: vec![7],
    };
    let packet = fossick_engine::Kept {
        capture: 0,
        frame: 7,
        time: now(),
        link: fossick_parsers::packet::LinkType(1),
        original: 60,
        octets: vec![2; 14],
    };
    let (done, answer) = sync_channel(1);
    let job = Job::Watched {
        asset: ID.to_owned(),
        disturbed: Some(Box::new(disturbance)),
        packets: vec![packet.clone()],
        by: Person { uid: 0, name: None },
        now: now(),
        done,
    };
    sensor.store().jobs().send(job).unwrap();
    answer.recv().unwrap().unwrap();
    // The inventory knows nothing of it.
    sensor.round(both(), now());
    let shown = |id: &str| {
        let whole = sensor.store().shared.asset(id).unwrap().unwrap();
        let rules = whole.findings.iter().map(|one| one.rule.clone());
        let count = rules.filter(|rule| rule == "scan.disturbed").count();
        (count, sensor.store().shared.packets(&whole).unwrap())
    };
    let expected = vec![(std::sync::Arc::from(capture), packet)];
    assert_eq!(shown(ID), (1, expected.clone()));
    let merged = Round {
        assets: vec![other.clone()],
        gone: vec![(ID.to_owned(), Some(other.id.clone()))],
        ..Round::default()
    };
    sensor.round(merged, now());
    assert_eq!(shown(&other.id), (1, expected));
    sensor.stop();
}

/// The same risk of the same device: the id of a finding is another in another asset.
#[test]
fn an_accepted_risk_goes_with_the_asset_into_another_and_the_journal_says_so() {
    for (name, heard, findings) in [
        ("there", true, ["g1"].as_slice()),
        ("quiet", false, ["g1"].as_slice()),
        ("later", true, [].as_slice()),
    ] {
        let path = fresh(&format!("inherited-{name}"));
        let sensor = Sensor::start(&path);
        let mut other = asset(findings);
        other.id = "00000000000000bb".to_owned();
        let both = Round {
            assets: vec![asset(&["f1", "f2"]), other.clone()],
            ..Round::default()
        };
        sensor.round(both, now());
        sensor
            .accept("f1", "behind a firewall", "2026-07-01")
            .unwrap();
        let merged = Round {
            assets: if heard {
                vec![other.clone()]
            } else {
                Vec::new()
            },
            gone: vec![(ID.to_owned(), Some(other.id.clone()))],
            ..Round::default()
        };
        sensor.round(merged, now());
        let told: Vec<Change> = sensor
            .journal()
            .into_iter()
            .filter(|change| matches!(change.event, Event::DecisionInherited { .. }))
            .collect();
        assert_eq!(told.len(), 1, "{name}");
        assert_eq!(told[0].asset, other.id);
        let Event::DecisionInherited {
            from,
            finding,
            acceptance,
            ..
        } = &told[0].event
        else {
            unreachable!()
        };
        assert_eq!(
            (from.as_str(), acceptance.reason.as_str()),
            (ID, "behind a firewall")
        );
        // In an asset that does not have the finding yet it waits under the id that the finding will have.
        let own = fossick_risk::finding_id(&other, "advisory", "ICSA-1");
        let wanted = findings.first().map_or(own.as_str(), |id| *id);
        assert_eq!(finding, wanted, "{name}");
        let listed = sensor.store().shared.exceptions(now());
        assert_eq!(listed.len(), 1, "{name}");
        assert_eq!(
            (listed[0].asset.as_str(), listed[0].finding.as_str()),
            (other.id.as_str(), wanted)
        );
        assert_eq!(listed[0].present, !findings.is_empty());
        let mut later = asset(&[wanted]);
        later.id = other.id.clone();
        let found = Round {
            assets: vec![later],
            ..Round::default()
        };
        sensor.round(found, now());
        let whole = sensor.store().shared.asset(&other.id).unwrap().unwrap();
        let state = &whole.findings[0].state;
        assert!(state.starts_with("accepted until"), "{name}: {state}");
        sensor.stop();
    }
}

/// What was accepted of one device behind a gateway is not accepted of its neighbour.
#[test]
fn an_accepted_risk_of_a_device_behind_the_asset_stays_that_device_s() {
    let path = fresh("inherited-behind");
    let sensor = Sensor::start(&path);
    let with = |id: &str, findings: [&str; 2]| {
        let mut gateway = asset(&[]);
        gateway.id = id.to_owned();
        for (place, finding) in ["unit 1", "unit 2"].into_iter().zip(findings) {
            let mut device = asset(&[finding]);
            device.id = format!("{id} {place}");
            device.path = Some(place.to_owned());
            gateway.children.push(device);
        }
        gateway
    };
    let other = "00000000000000bb";
    let both = Round {
        assets: vec![with(ID, ["f1", "f2"]), with(other, ["g1", "g2"])],
        ..Round::default()
    };
    sensor.round(both, now());
    sensor
        .accept("f2", "behind a firewall", "2026-07-01")
        .unwrap();
    let merged = Round {
        gone: vec![(ID.to_owned(), Some(other.to_owned()))],
        ..Round::default()
    };
    sensor.round(merged, now());
    let whole = sensor.store().shared.asset(other).unwrap().unwrap();
    let states: Vec<&str> = whole
        .children
        .iter()
        .map(|device| device.findings[0].state.as_str())
        .collect();
    assert_eq!(states[0], "open");
    assert!(states[1].starts_with("accepted until"), "{states:?}");
    sensor.stop();
}

#[test]
fn a_control_beyond_its_proposal_shows_in_the_finding() {
    let path = fresh("control");
    let sensor = Sensor::start(&path);
    sensor.hear(&["f1", "f2"], now());
    sensor.acknowledge("f1").unwrap();
    let step = |step| Order::Control {
        control: Box::new(step),
    };
    let propose = Step::Propose {
        demand: Demand {
            reason: "no fix".to_owned(),
            source: "row".to_owned(),
            finding: Some("f1".to_owned()),
        },
        zones: Vec::new(),
        vulnerable: Vec::new(),
        additions: Vec::new(),
        from_little: true,
    };
    let heard = "2026-06-01T00:00:00Z";
    let conversation = json!({
        "client": {"address": "10.0.0.2"}, "server": {"address": "10.0.0.1", "asset": ID}, "direction": "opening",
        "transport": "tcp", "port": 502, "protocol": "modbus", "two_way": true, "flows": 1, "first_seen": heard, "last_seen": heard,
        "evidence": {"capture": "span", "frame": 1, "time": heard, "heard": true},
    });
    let conversation = serde_json::from_value(conversation).unwrap();
    let hour = at(heard).0 / 3_600_000_000_000;
    let round = Round {
        conversations: vec![("key".to_owned(), Some(conversation))],
        hours: Some(vec![(hour, hour)]),
        ..Round::default()
    };
    sensor.round(round, now());
    sensor.order(step(propose), now()).unwrap();
    assert_eq!(sensor.state("f1").unwrap(), "acknowledged");
    sensor.order(step(Step::DryRun), now()).unwrap();
    assert_eq!(sensor.state("f1").unwrap(), "control planned");
    assert_eq!(sensor.state("f2").unwrap(), "open");
    sensor.hear(&["f1", "f2"], now());
    assert_eq!(sensor.state("f1").unwrap(), "control planned");
    sensor.stop();
}
