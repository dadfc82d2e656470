//! Asking beside a sensor: it watches what the devices do of their own, writes down what is asked, and learns what is said.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use fossick_tests::fossick;
use fossick_tests::live::{Beside, possible};
use fossick_tests::plant::{Plant, done, ip, is_about, lines, scanner, tcp, text};
use serde_json::Value;

/// A plant whose one device talks to its controller where a sensor listens: on `span` it is heard on `cyclic`.
fn mirrored(name: &str) -> Plant {
    let plant = Plant::new(name, 1);
    plant.cable("span", "cyclic");
    for (side, own, end) in [
        ("s", "10.88.0.1/24", "span"),
        ("d", "10.88.0.2/24", "cyclic"),
    ] {
        let namespace = format!("{}-{side}", plant.name);
        ip(&["-n", &namespace, "addr", "add", own, "dev", end]);
    }
    // What is mirrored has the hardware address that it has where it is asked.
    let namespace = format!("{}-d", plant.name);
    for end in ["plant", "cyclic"] {
        let mac = "02:00:00:00:77:01";
        ip(&["-n", &namespace, "link", "set", "dev", end, "address", mac]);
    }
    plant
}

const IN_CYCLES: [&str; 5] = ["plant", "10.77.0.1", "502", "20", "10.88.0.1:2222"];
const PROFINET: [&str; 5] = ["plant", "10.77.0.1", "502", "20", "profinet:cyclic"];
/// Modbus is asked first; the others would follow, a moment later.
const ASK_THREE: [&str; 10] = [
    "10.77.0.1",
    "--yes",
    "--format",
    "json",
    "--probe",
    "modbus",
    "--probe",
    "snmp",
    "--probe",
    "bacnet",
];

#[test]
fn questions_end_within_one_cycle_when_the_hosts_own_traffic_is_late() {
    if !possible() {
        return;
    }
    std::thread::scope(|both| {
        both.spawn(|| is_left_alone("cycle", "datagrams", &IN_CYCLES));
        both.spawn(|| is_left_alone("cycle-pn", "PROFINET", &PROFINET));
    });
}

fn is_left_alone(name: &str, kind: &str, arguments: &[&str]) {
    let plant = mirrored(name);
    let config = plant.config(
        "allow = [\"10.77.0.1\"]\ngap_ms = 200",
        "[[interface]]\nname = \"span\"",
    );
    let _device = plant.device("fragile.py", arguments);
    let tap = plant.capture();
    let result = done(plant.scan(&config, &ASK_THREE));
    let said = text(&result);
    assert!(said.contains("its questions end"), "{kind}: {said}");
    let asset = &lines(&result)[0];
    let rules = asset["findings"].to_string();
    assert!(rules.contains("scan.disturbed"), "{kind}: {asset}");
    let frames = tap.frames();
    let asked = frames.iter().filter(|frame| {
        tcp(frame).is_some_and(|(from, _, tcp)| from == scanner() && !tcp.payload.is_empty())
    });
    let asked: Vec<f64> = asked.map(|frame| frame.time).collect();
    assert_eq!(
        asked.len(),
        1,
        "{kind}: it is asked once, and nothing after its delay: {said}"
    );
    let last = frames
        .iter()
        .filter(|frame| is_about(frame).is_some())
        .map(|frame| frame.time);
    let last = last.fold(0.0_f64, f64::max);
    // A cycle is 100 ms; the one after the question is missed.
    println!(
        "cycle of {kind}: the last frame {:.0} ms after the question that delayed it",
        (last - asked[0]) * 1000.0
    );
    assert!(last - asked[0] < 0.3);
}

/// A sensor in the scanner's namespace, and its clients.
struct Sensor {
    _process: Beside,
    socket: String,
}

impl Sensor {
    /// Starts it, and changes the configuration so that scans find it.
    fn start(plant: &Plant, config: &str, mode: &str) -> Sensor {
        let path = plant.folder.path();
        let socket = format!("{path}/run/control.sock");
        let changed = fs::read_to_string(config).unwrap();
        let changed = changed.replace(&format!("{path}/none"), &socket);
        fs::write(config, changed.replace("on-request", mode)).unwrap();
        let mut sensor = plant.inside('s', fossick().to_str().unwrap());
        let sensor = sensor
            .args(["run", "--config", config])
            .stderr(Stdio::null())
            .spawn();
        let sensor = Sensor {
            _process: Beside(sensor.unwrap()),
            socket,
        };
        wait("it answers", || sensor.client(&["status"]).status.success());
        sensor
    }

    fn client(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(fossick());
        command
            .args(arguments)
            .args(["--socket", &self.socket, "--format", "json"]);
        command.output().unwrap()
    }

    fn asset(&self) -> String {
        text(&self.client(&["asset", "10.77.0.1"]))
    }
}

fn wait(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        sleep(Duration::from_millis(100));
    }
}

#[test]
fn the_sensor_keeps_a_disturbance_with_its_packets_until_a_scan_disturbs_nobody() {
    if !possible() {
        return;
    }
    let plant = mirrored("watch");
    let more = "[[interface]]\nname = \"span\"\n[metrics]\nlisten = \"\"";
    let config = plant.config("allow = [\"10.77.0.1\"]\ngap_ms = 200", more);
    let sensor = Sensor::start(&plant, &config, "on-request");
    let device = plant.device("fragile.py", &IN_CYCLES);
    wait("it is heard", || sensor.asset().contains("10.77.0.1"));
    let said = text(&done(plant.scan(&config, &ASK_THREE)));
    assert!(said.contains("its questions end"), "{said}");
    wait("the finding is there", || {
        sensor.asset().contains("scan.disturbed")
    });
    let asset: Value = serde_json::from_str(sensor.asset().lines().next().unwrap()).unwrap();
    let findings = asset["findings"].as_array().unwrap();
    let finding = findings
        .iter()
        .find(|one| one["rule"] == "scan.disturbed")
        .unwrap();
    assert_eq!(finding["state"], "open", "{finding}");
    let capture = finding["evidence"][0]["capture"].as_str().unwrap();
    assert!(capture.starts_with("watched/span "), "{finding}");
    let changes = text(&sensor.client(&["changes"]));
    assert!(
        changes.contains("finding-opened") && changes.contains("scan.disturbed"),
        "{changes}"
    );
    // The packets that show it, with the reason beside them.
    let file = format!("{}/evidence.pcapng", plant.folder.path());
    let mut evidence = Command::new(fossick());
    evidence.args([
        "asset",
        "10.77.0.1",
        "--socket",
        &sensor.socket,
        "--evidence",
        &file,
    ]);
    done(evidence);
    let octets = fs::read(&file).unwrap();
    let holds = |wanted: &[u8]| octets.windows(wanted.len()).any(|found| found == wanted);
    let beside = b"finding scan.disturbed: Its own traffic was disturbed";
    assert!(holds(beside), "{finding}");
    assert!(
        holds(&[10, 77, 0, 1, 10, 88, 0, 1]),
        "the datagram's addresses"
    );
    assert!(!holds(b"cycle"), "what it says is masked");
    drop(device);
    // Asked again, it goes on steadily; on a machine that is busy, a process may be late all the same.
    let _device = plant.device_with("fragile.py", &IN_CYCLES, &[("STEADY", "1")]);
    let calm = (0..5).any(|_| {
        let said = text(&done(plant.scan(&config, &ASK_THREE)));
        !said.contains("its questions end")
    });
    assert!(calm, "it was late five times");
    wait("the finding is gone", || {
        !sensor.asset().contains("scan.disturbed")
    });
    let changes = text(&sensor.client(&["changes"]));
    assert!(changes.contains("finding-closed"), "{changes}");
}

/// A connection to the device that reads two registers, as its own controller would.
const CONTROLLER: &str = "import socket, time
c = socket.create_connection(('10.77.0.1', 502))
for n in range(5):
    c.sendall(bytes([0, n, 0, 0, 0, 6, 1, 3, 0, 0, 0, 2]))
    c.recv(100)
    time.sleep(0.2)
c.shutdown(1)
c.recv(100)";

#[test]
fn a_running_sensor_writes_every_question_down_and_its_gaps_are_filled() {
    if !possible() {
        return;
    }
    let plant = Plant::new("gaps", 1);
    let more = "[[interface]]\nname = \"ask\"\n[metrics]\nlisten = \"\"";
    let config = plant.config("allow = [\"10.77.0.1\"]\ngap_ms = 200", more);
    let mut fragile = plant.device("fragile.py", &["plant", "10.77.0.1", "502", "40"]);
    let sensor = Sensor::start(&plant, &config, "fill-gaps");
    // Nobody of whom nothing was heard is asked.
    let nobody = plant.scan(&config, &["--gaps", "--yes"]).output().unwrap();
    assert!(!nobody.status.success(), "{}", text(&nobody));
    let controller = plant
        .inside('s', "python3")
        .args(["-c", CONTROLLER])
        .status();
    assert!(controller.unwrap().success());
    let asset = || sensor.asset();
    wait("it is heard", || asset().contains("\"modbus\""));
    assert!(!asset().contains("Acme"));
    let filled = done(plant.scan(&config, &["--gaps", "--yes", "--format", "json"]));
    assert!(
        text(&filled).contains("1 questions asked"),
        "{}",
        text(&filled)
    );
    wait("what was asked is known", || asset().contains("Acme"));
    let known: Value = serde_json::from_str(asset().lines().next().unwrap()).unwrap();
    let facts = known["facts"].as_array().unwrap();
    let vendor = facts.iter().find(|fact| fact["value"] == "Acme").unwrap();
    assert_eq!(vendor["evidence"]["heard"], false, "{vendor}");
    let said = text(&sensor.client(&["changes"]));
    assert!(
        said.contains("asked 10.77.0.1: modbus/read device identification"),
        "{said}"
    );
    // Nothing is missing any more.
    let nobody = plant.scan(&config, &["--gaps", "--yes"]).output().unwrap();
    assert!(!nobody.status.success(), "{}", text(&nobody));
    assert_eq!(fragile.died(), None);
}

/// An advisory about the device of the tests, in versions below 1.5.
const ADVISORY: &str = r#"{"document": {"category": "csaf_security_advisory", "csaf_version": "2.0", "title": "Sample",
  "publisher": {"category": "vendor", "name": "Acme", "namespace": "https://acme.example"},
  "tracking": {"current_release_date": "2020-05-01T00:00:00Z", "id": "ACME-1", "initial_release_date": "2020-05-01T00:00:00Z",
    "status": "final", "version": "1", "revision_history": [{"date": "2020-05-01T00:00:00Z", "number": "1", "summary": "first"}]}},
 "product_tree": {"branches": [{"category": "vendor", "name": "Acme", "branches": [{"category": "product_name", "name": "FX-2000",
  "branches": [{"category": "product_version_range", "name": "< 1.5", "product": {"name": "FX-2000", "product_id": "A"}}]}]}]},
 "vulnerabilities": [{"cve": "CVE-2020-10000", "product_status": {"known_affected": ["A"]},
  "remediations": [{"category": "vendor_fix", "details": "Update to 1.5", "product_ids": ["A"]}]}]}"#;

#[test]
fn a_verification_closes_a_finding_once_the_patched_version_is_there_and_not_before() {
    if !possible() {
        return;
    }
    let plant = Plant::new("verify", 1);
    let advisory = plant.folder.write("advisory.json", ADVISORY.as_bytes());
    let knowledge = format!("{}/knowledge", plant.folder.path());
    let mut import = Command::new(fossick());
    done({
        import.args(["intel", "--knowledge", &knowledge, "import", &advisory]);
        import
    });
    let more = format!(
        "knowledge = \"{knowledge}\"\n[[interface]]\nname = \"ask\"\n[metrics]\nlisten = \"\""
    );
    let config = plant.config("allow = [\"10.77.0.1\"]\ngap_ms = 200", &more);
    let sensor = Sensor::start(&plant, &config, "on-request");
    let arguments = ["plant", "10.77.0.1", "502", "20"];
    let old = plant.device("fragile.py", &arguments);
    done(plant.scan(&config, &["10.77.0.1", "--yes", "--probe", "modbus"]));
    wait("the finding is there", || sensor.asset().contains("ACME-1"));
    let asset: Value = serde_json::from_str(sensor.asset().lines().next().unwrap()).unwrap();
    let findings = asset["findings"].as_array().unwrap();
    let finding = findings
        .iter()
        .find(|one| one["source"]["id"] == "ACME-1")
        .unwrap();
    let id = finding["id"].as_str().unwrap();
    let verify = || {
        plant
            .scan(&config, &["--verify", id, "--yes"])
            .output()
            .unwrap()
    };
    let still = verify();
    assert!(!still.status.success(), "{}", text(&still));
    assert!(
        text(&still).contains("The finding is still there."),
        "{}",
        text(&still)
    );
    assert!(text(&still).contains("is still V1.4"), "{}", text(&still));
    assert!(sensor.asset().contains("ACME-1"));
    drop(old);
    let new = [("IDENTITY", "Acme|FX-2000|V1.6")];
    let _new = plant.device_with("fragile.py", &arguments, &new);
    let gone = verify();
    assert!(gone.status.success(), "{}", text(&gone));
    assert!(text(&gone).contains("is now V1.6"), "{}", text(&gone));
    assert!(
        text(&gone).contains("The finding is gone."),
        "{}",
        text(&gone)
    );
    assert!(!sensor.asset().contains("ACME-1"));
    let changes = text(&sensor.client(&["changes"]));
    assert!(changes.contains("finding-closed"), "{changes}");
}
