//! What should not be there, end to end: from captures to findings, and from a running sensor to its journal.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::thread::sleep;
use std::time::{Duration, Instant};

use fossick_tests::live::{Network, Sensor, possible};
use fossick_tests::{Capture, Folder, ip, mac, root, run};
use serde_json::Value;

/// A server that takes a login in the clear, and a client.
fn login() -> Capture {
    let mut capture = Capture::new();
    capture.connection(
        (mac(1), ip(1), 50_000),
        (mac(2), ip(2), 21),
        &[
            b"",
            b"220 ftp ready\r\n",
            b"USER operator\r\n",
            b"331 Password, please\r\n",
        ],
    );
    capture
}

fn rules(asset: &Value) -> Vec<&str> {
    let findings = asset["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|one| one["rule"].as_str().unwrap())
        .collect()
}

#[test]
fn findings_of_a_capture_name_their_packet() {
    let folder = Folder::new("shadow-read");
    let file = folder.write("login.pcap", &login().pcap());
    let ran = run(&["read", &file, "--format", "json", "--findings"], b"");
    let server = ran.asset("10.0.0.2");
    assert_eq!(rules(&server), ["exposure.cleartext-login"]);
    let finding = &server["findings"][0];
    assert_eq!(finding["evidence"][0]["capture"], "login.pcap");
    assert_eq!(finding["evidence"][0]["frame"], 6);
    assert_eq!(finding["verdict"], Value::Null);
    assert_eq!(finding["priority"], "attend");
    assert!(finding["question"].as_str().unwrap().ends_with('?'));
    assert!(rules(&ran.asset("10.0.0.1")).is_empty());
    let explained = run(&["read", &file, "--findings", "--explain", "10.0.0.2"], b"").out;
    let head = "(exposure.cleartext-login; attend; open)";
    assert!(explained.contains(head), "{explained}");
    // Its switch, and a name that is no switch.
    let off = [
        "read",
        &file,
        "--format",
        "json",
        "--findings",
        "--off",
        "exposure.cleartext-login",
    ];
    assert!(rules(&run(&off, b"").asset("10.0.0.2")).is_empty());
    let config = folder.write(
        "off.toml",
        b"[detectors]\noff = [\"exposure.cleartext-login\"]\n",
    );
    let off = ["read", &file, "--format", "json", "--config", &config];
    assert!(rules(&run(&off, b"").asset("10.0.0.2")).is_empty());
    let wrong = run(&["read", &file, "--off", "shadow.nothing"], b"");
    assert!(
        wrong.err.contains("no such protocol or detector"),
        "{}",
        wrong.err
    );
}

#[test]
fn what_is_approved_is_held_against_what_is_there() {
    let folder = Folder::new("shadow-approved");
    let file = folder.write("login.pcap", &login().pcap());
    let list = folder.write(
        "cmdb.csv",
        b"Address,Label\n10.0.0.1,client\n10.0.0.77,press\nnonsense,x\n",
    );
    let mapping = ["--columns", "ip=Address,name=Label"];
    let mut arguments = vec!["read", &file, "--format", "json", "--approved", &list];
    arguments.extend(mapping);
    let ran = run(&arguments, b"");
    assert!(
        ran.err.contains("cmdb.csv, 4: `nonsense` is no IP address"),
        "{}",
        ran.err
    );
    assert!(rules(&ran.asset("10.0.0.1")).is_empty());
    assert!(rules(&ran.asset("10.0.0.2")).contains(&"shadow.unsanctioned"));
    let mut arguments = vec![
        "inventory",
        "diff",
        "--format",
        "json",
        "--capture",
        &file,
        "--approved",
        &list,
    ];
    arguments.extend(mapping);
    let diff = run(&arguments, b"").out;
    let mut states: Vec<String> = diff
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            format!(
                "{} {}",
                line["label"].as_str().unwrap(),
                line["state"].as_str().unwrap()
            )
        })
        .collect();
    states.sort();
    assert_eq!(
        states,
        [
            "10.0.0.1 sanctioned",
            "10.0.0.2 unsanctioned",
            "press missing"
        ]
    );
}

#[test]
fn zones_of_a_configuration_are_asked() {
    let folder = Folder::new("shadow-zones");
    let zones = "[[zone]]\nname = \"office\"\nnetworks = [\"10.0.0.1/32\"]\npurdue = 4\n\
                 [[zone]]\nname = \"cell\"\nnetworks = [\"10.0.0.2/32\"]\npurdue = 1\n";
    let config = folder.write("zones.toml", zones.as_bytes());
    let file = folder.write("login.pcap", &login().pcap());
    let ran = run(
        &["read", &file, "--format", "json", "--config", &config],
        b"",
    );
    assert!(rules(&ran.asset("10.0.0.2")).contains(&"shadow.zone-crossing"));
}

/// Rules of the findings that the journal tells of, with the event's name.
fn journal(sensor: &Sensor) -> Vec<String> {
    let changes = sensor.lines(&["changes"]);
    let told = changes
        .iter()
        .filter(|change| change["finding"].is_object());
    told.map(|change| {
        format!(
            "{} {}",
            change["event"].as_str().unwrap(),
            change["finding"]["rule"].as_str().unwrap()
        )
    })
    .collect()
}

fn wait(what: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(30) {
        if what() {
            return true;
        }
        sleep(Duration::from_millis(200));
    }
    false
}

#[test]
fn a_sensor_opens_and_closes_findings_in_its_journal() {
    if !possible() {
        return;
    }
    let (network, folder) = (Network::new("shadow"), Folder::new("shadow"));
    let mut sensor = Sensor::start(&network, &folder, "");
    let file = folder.write("login.pcap", &login().pcap());
    let _ = sensor.ask(&["ingest", &file]);
    assert!(
        wait(|| journal(&sensor) == ["finding-opened exposure.cleartext-login"]),
        "{:?}",
        journal(&sensor)
    );
    // What is approved is kept and journalled; who is not on the list is found.
    let list = folder.write("cmdb.csv", b"ip,name\n10.0.0.2,server\n10.0.0.77,press\n");
    let said = sensor.ask(&["inventory", "import", &list]);
    assert!(
        said.contains("2 assets approved, and in the journal"),
        "{said}"
    );
    assert!(wait(
        || journal(&sensor).contains(&"finding-opened shadow.unsanctioned".to_owned())
    ));
    let changes = sensor.ask(&["changes"]);
    assert!(changes.contains("cmdb.csv"), "{changes}");
    let diff = sensor.ask(&["inventory", "diff"]);
    assert!(
        diff.contains("1 missing, 1 sanctioned, 1 unsanctioned"),
        "{diff}"
    );
    // A list that names everybody closes it.
    let list = folder.write("cmdb.csv", b"ip,name\n10.0.0.1,client\n10.0.0.2,server\n");
    let _ = sensor.ask(&["inventory", "import", &list]);
    assert!(wait(
        || journal(&sensor).contains(&"finding-closed shadow.unsanctioned".to_owned())
    ));
    // Nothing is told twice after a restart, and nothing forgotten.
    let told = journal(&sensor);
    sensor.kill();
    let sensor = Sensor::start(&network, &folder, "");
    sleep(Duration::from_secs(3));
    assert_eq!(journal(&sensor), told);
    let server = &sensor.lines(&["asset", "10.0.0.2"])[0];
    assert_eq!(rules(server), ["exposure.cleartext-login"]);
    assert!(sensor.ask(&["inventory", "diff"]).contains("2 sanctioned"));
}

/// What a conversation alone shows has its packet as well, and the packet says what for.
#[test]
fn the_packet_of_a_finding_that_rests_on_a_conversation_is_kept() {
    if !possible() {
        return;
    }
    let (network, folder) = (Network::new("shadow2"), Folder::new("shadow2"));
    let sensor = Sensor::start(&network, &folder, "");
    let mut capture = Capture::new();
    capture.connection(
        (mac(1), ip(1), 50_000),
        (mac(2), ip(2), 23),
        &[
            b"",
            b"\xff\xfd\x18\xff\xfd\x20\xff\xfd\x23\xff\xfd\x27",
            b"\xff\xfb\x18\xff\xfb\x20\xff\xfc\x23\xff\xfb\x27",
            b"\r\nlogin: ",
        ],
    );
    let file = folder.write("telnet.pcap", &capture.pcap());
    let _ = sensor.ask(&["ingest", &file]);
    assert!(wait(
        || journal(&sensor) == ["finding-opened exposure.cleartext-login"]
    ));
    let server = &sensor.lines(&["asset", "10.0.0.2"])[0];
    let why = server["findings"][0]["why"].as_str().unwrap_or_default();
    assert!(!why.contains("not kept"), "{why}");
    let evidence = folder.path().to_owned() + "/evidence.pcapng";
    let _ = sensor.ask(&["asset", "10.0.0.2", "--evidence", &evidence]);
    let kept = std::fs::read(&evidence).unwrap();
    let mark = b"finding exposure.cleartext-login";
    assert!(
        kept.windows(mark.len()).any(|octets| octets == mark),
        "{} octets, and not the packet",
        kept.len()
    );
}

#[test]
fn detectors_are_listed_with_what_they_look_for() {
    let table = run(&["inventory", "detectors"], b"").out;
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for line in table.lines() {
        let name = line.split_whitespace().next().unwrap();
        assert!(
            readme.contains(&format!("`{name}`")),
            "README.md does not name {name}"
        );
    }
}
