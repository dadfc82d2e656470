//! Findings of a running sensor: knowledge comes while it runs, and a newer version closes what it is about.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

use std::thread::sleep;
use std::time::{Duration, Instant};

use fossick_tests::live::{Network, Sensor, possible};
use fossick_tests::{Capture, Folder, ip, mac, run};
use serde_json::{Value, json};

/// A controller that says its version when it is asked.
fn controller(transaction: u8, version: &str) -> Capture {
    let objects = ["Schneider Electric", "BMEP584040", version];
    let mut reply = vec![0xff, 0x2b, 0x0e, 1, 1, 0, 0, 3];
    for (number, text) in objects.iter().enumerate() {
        reply.extend([number as u8, text.len() as u8]);
        reply.extend(text.bytes());
    }
    let mut answer = vec![0, transaction, 0, 0, 0, reply.len() as u8];
    answer.extend(reply);
    let question = [0, transaction, 0, 0, 0, 5, 0xff, 0x2b, 0x0e, 1, 0];
    let mut capture = Capture::new();
    capture.arp(mac(1), ip(1), 0).arp(mac(9), ip(9), 0);
    let port = 40_000 + u16::from(transaction);
    capture.connection(
        (mac(1), ip(1), port),
        (mac(9), ip(9), 502),
        &[&question, &answer],
    );
    capture
}

/// An advisory of our own about it.
fn advisory() -> String {
    let date = "2024-01-01T00:00:00Z";
    json!({
        "document": {
            "category": "csaf_security_advisory", "csaf_version": "2.0", "title": "Sample: Modicon M580",
            "publisher": {"category": "vendor", "name": "Schneider Electric", "namespace": "https://vendor.example"},
            "tracking": {"current_release_date": date, "id": "SAMPLE-24-001", "initial_release_date": date, "status": "final", "version": "1",
                "revision_history": [{"date": date, "number": "1", "summary": "first"}]}
        },
        "product_tree": {"branches": [{"category": "vendor", "name": "Schneider Electric", "branches": [
            {"category": "product_name", "name": "Modicon M580 CPU (part numbers BMEP* and BMEH*)", "branches": [
                {"category": "product_version_range", "name": "< V4.10", "product": {"name": "Modicon M580 < V4.10", "product_id": "P1"}}]}]}]},
        "vulnerabilities": [{"cve": "CVE-2020-10000", "product_status": {"known_affected": ["P1"]},
            "scores": [{"products": ["P1"], "cvss_v3": {"baseScore": 9.8}}],
            "remediations": [{"category": "vendor_fix", "details": "Update to V4.10", "product_ids": ["P1"]}]}]
    })
    .to_string()
}

/// What the sensor answers, once it is so.
fn wait_for(sensor: &Sensor, arguments: &[&str], wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let lines = sensor.lines(arguments);
        if wanted(&lines) {
            return lines;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{lines:?}\n{}",
            sensor.log()
        );
        sleep(Duration::from_millis(200));
    }
}

fn event<'a>(changes: &'a [Value], name: &str) -> Option<&'a Value> {
    changes.iter().find(|change| change["event"] == name)
}

#[test]
fn knowledge_comes_while_the_sensor_runs_and_a_newer_version_closes_the_finding() {
    if !possible() {
        return;
    }
    let (network, folder) = (Network::new("findings"), Folder::new("findings"));
    let known = format!("{}/store/knowledge", folder.path());
    let config = format!("knowledge = \"{known}\"");
    let sensor = Sensor::start(&network, &folder, &config);
    let old = folder.write("old.pcap", &controller(1, "v3.10").pcap());
    sensor.hear(&network, &old);
    assert_eq!(sensor.lines(&["assets", "vendor:schneider"]).len(), 1);
    assert!(sensor.lines(&["assets", "rule:advisory"]).is_empty());

    let file = folder.write("advisory.json", advisory().as_bytes());
    let imported = run(&["intel", "--knowledge", &known, "import", &file], b"");
    assert_eq!(imported.status, Some(0), "{}", imported.err);
    let assets = wait_for(&sensor, &["assets", "rule:advisory"], |found| {
        found.len() == 1
    });
    let finding = &assets[0]["findings"][0];
    assert_eq!(finding["verdict"], "fix available", "{finding}");
    assert_eq!(finding["source"]["id"], "SAMPLE-24-001");
    let changes = sensor.lines(&["changes"]);
    let opened = event(&changes, "finding-opened").unwrap();
    assert_eq!(opened["finding"]["id"], finding["id"]);
    assert!(
        opened["finding"]["evidence"][0]["frame"].is_u64(),
        "{opened}"
    );

    let new = folder.write("new.pcap", &controller(2, "v4.20").pcap());
    sensor.hear(&network, &new);
    let changes = wait_for(&sensor, &["changes"], |changes| {
        event(changes, "finding-closed").is_some()
    });
    let closed = event(&changes, "finding-closed").unwrap();
    assert_eq!(closed["finding"]["id"], finding["id"]);
    assert_eq!(closed["patched"]["raw"], "v4.20", "{closed}");
    assert!(sensor.lines(&["assets", "rule:advisory"]).is_empty());
}
