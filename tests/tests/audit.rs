//! Exceptions and the audit trail of a running sensor: decided, killed, and held against what was written down.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::Path;
use std::process::Command;

use fossick_tests::Folder;
use fossick_tests::live::{Network, Sensor, hosts, possible};
use serde_json::Value;

fn in_days(days: u32) -> String {
    let day = format!("+{days} days");
    let out = Command::new("date")
        .args(["-u", "-d", &day, "+%F"])
        .output()
        .unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

#[test]
fn what_somebody_answers_for_is_listed_and_the_journal_holds_it_for_good() {
    if !possible() {
        return;
    }
    let (network, folder) = (Network::new("audit"), Folder::new("audit"));
    let file = folder.write("hosts.pcap", &hosts(1, 5).pcap());
    let mut sensor = Sensor::start(&network, &folder, "");
    sensor.hear(&network, &file);
    sensor.settle();
    let until = in_days(30);
    let declare = ["order", "10.0.0.2", "declare-unpatchable"];
    let because = ["--reason", "the line stands still otherwise"];
    let refused = |arguments: &[&str]| {
        let out = sensor.client(arguments).output().unwrap();
        assert!(!out.status.success(), "{arguments:?}");
        String::from_utf8(out.stderr).unwrap()
    };
    for (until, why) in [
        ("2020-01-01", "is over"),
        ("2199-01-01", "too far away"),
        ("soon", "a day is wanted"),
    ] {
        let said = refused(&[&declare[..], &because, &["--until", until]].concat());
        assert!(said.contains(why), "{said}");
    }
    let _ = sensor.ask(&[&declare[..], &because, &["--until", &until]].concat());
    let listed = sensor.lines(&["exceptions"]);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["days_left"], 30);
    assert_eq!(listed[0]["reason"], because[1]);
    assert_eq!(listed[0]["by"]["uid"], 0);
    let finding = listed[0]["finding"].as_str().unwrap();
    let _ = sensor.ask(&["order", "10.0.0.2", "acknowledge-finding", finding]);
    assert_eq!(sensor.lines(&["assets", "unpatchable:yes"]).len(), 1);
    let told = sensor.ask(&["asset", "10.0.0.2"]);
    assert!(
        told.contains("declared by operator") && told.contains("acknowledged"),
        "{told}"
    );
    let changes = sensor.ask(&["changes"]);
    assert!(changes.contains("declared unpatchable until"), "{changes}");
    let head = sensor.ask(&["audit", "head"]);
    let head = head.trim();

    sensor.kill();
    let mut sensor = Sensor::start(&network, &folder, "");
    sensor.settle();
    assert_eq!(sensor.lines(&["exceptions"]), listed);
    let whole = sensor.ask(&["audit", "verify", "--head", head]);
    assert!(whole.contains("the journal is whole"), "{whole}");
    let _ = sensor.ask(&["order", "10.0.0.2", "withdraw"]);
    assert!(sensor.lines(&["exceptions"]).is_empty());
    sensor.end();

    let store = Path::new(folder.path()).join("store/fossick.redb");
    let offline = |more: &[&str]| {
        let out = sensor
            .client(&["audit", "verify", "--format", "json"])
            .arg("--store")
            .arg(&store)
            .args(more)
            .output()
            .unwrap();
        let audit: Value = serde_json::from_slice(&out.stdout).unwrap();
        (out.status.success(), audit)
    };
    let (good, audit) = offline(&["--head", head]);
    assert!(good && audit["fault"].is_null(), "{audit}");
    // A head of the same number with another hash is of another journal.
    let (seq, hash) = head.split_once(':').unwrap();
    let other: String = hash.chars().rev().collect();
    let (good, audit) = offline(&["--head", &format!("{seq}:{other}")]);
    assert!(!good, "{audit}");
    assert_eq!(audit["fault"]["fault"], "rewritten");
}
