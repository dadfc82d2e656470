//! A control from the first packet to the last: a sensor learns on a mirror port of a router what a device needs, the policy is
//! approved, loaded into the router by nft, watched, verified, and violated once it is taken away.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

const FOSSICK: &str = env!("CARGO_BIN_EXE_fossick");

/// Host, transport, address and port that it asks.
type Talk = (&'static str, &'static str, &'static str, &'static str);

/// What the device needs.
const BASELINE: [Talk; 4] = [
    ("client", "tcp", "10.9.2.2", "502"),
    ("client", "udp", "10.9.2.2", "161"),
    ("client", "tcp", "fd09:2::2", "502"),
    ("device", "tcp", "10.9.1.2", "514"),
];
/// What is used as well, and the finding is about.
const VULNERABLE: Talk = ("client", "tcp", "10.9.2.2", "445");
/// What nobody used.
const NEVER: [Talk; 4] = [
    ("stranger", "tcp", "10.9.2.2", "502"),
    ("stranger", "tcp", "fd09:2::2", "502"),
    ("client", "tcp", "10.9.2.2", "80"),
    ("device", "tcp", "10.9.3.2", "80"),
];

fn ip(line: &str) -> bool {
    let done = Command::new("ip")
        .args(line.split(' '))
        .stderr(Stdio::null())
        .status();
    done.is_ok_and(|status| status.success())
}

fn data(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    path.join(name).to_string_lossy().into_owned()
}

/// A program that ends with the test, however the test ends.
struct Beside(Child);

impl Drop for Beside {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Three hosts around a router, with a sensor on a mirror of the device's port.
struct Plant {
    name: String,
    folder: PathBuf,
    servers: Vec<Beside>,
    mirror: Option<Beside>,
    sensor: Option<Beside>,
}

impl Plant {
    /// Nothing where namespaces cannot be made.
    fn new(name: &str) -> Option<Plant> {
        let name = format!("fw{name}{}", std::process::id());
        let folder = std::env::temp_dir().join(&name);
        let plant = Plant {
            name,
            folder,
            servers: Vec::new(),
            mirror: None,
            sensor: None,
        };
        let nft = Command::new("nft").arg("-v").stdout(Stdio::null()).status();
        if nft.is_err() || !ip(&format!("netns add {}", plant.host("router"))) {
            eprintln!("SKIPPED: root, iproute2 and nftables are needed");
            return None;
        }
        fs::create_dir_all(plant.folder.join("run")).unwrap();
        let router = plant.host("router");
        for (n, who) in [(1, "client"), (2, "device"), (3, "stranger")] {
            let host = plant.host(who);
            for line in [
                format!("netns add {host}"),
                format!("-n {router} link add r{n} type veth peer name e netns {host}"),
                format!("-n {router} addr add 10.9.{n}.1/24 dev r{n}"),
                format!("-n {router} addr add fd09:{n}::1/64 dev r{n} nodad"),
                format!("-n {router} link set r{n} up"),
                format!("-n {host} addr add 10.9.{n}.2/24 dev e"),
                format!("-n {host} addr add fd09:{n}::2/64 dev e nodad"),
                format!("-n {host} link set e up"),
                format!("-n {host} route add default via 10.9.{n}.1"),
                format!("-n {host} -6 route add default via fd09:{n}::1"),
            ] {
                assert!(ip(&line), "{line}");
            }
        }
        for line in [
            "link add span type veth peer name wire",
            "link set span arp off multicast off up",
            "link set wire arp off multicast off up",
            "link set lo up",
        ] {
            assert!(ip(&format!("-n {router} {line}")), "{line}");
        }
        for key in [
            "net.ipv4.ip_forward=1",
            "net.ipv6.conf.all.forwarding=1",
            "net.ipv6.conf.span.disable_ipv6=1",
            "net.ipv6.conf.wire.disable_ipv6=1",
        ] {
            plant.must("router", &["sysctl", "-qw", key]);
        }
        Some(plant)
    }

    fn host(&self, who: &str) -> String {
        format!("{}-{who}", self.name)
    }

    fn run(&self, who: &str, command: &[&str]) -> Command {
        let mut run = Command::new("ip");
        run.args(["netns", "exec", &self.host(who)]).args(command);
        run
    }

    fn must(&self, who: &str, command: &[&str]) {
        assert!(
            self.run(who, command).status().unwrap().success(),
            "{command:?}"
        );
    }

    /// Starts a program and waits until it says that it is ready.
    fn beside(&self, who: &str, command: &[&str]) -> Beside {
        let mut child = self
            .run(who, command)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 5];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut ready)
            .unwrap();
        Beside(child)
    }

    fn serve(&mut self) {
        let all = BASELINE.iter().chain(&NEVER).chain([&VULNERABLE]);
        let mut services: Vec<(&str, &str, &str)> =
            all.map(|(_, kind, at, port)| (*kind, *at, *port)).collect();
        services.sort_unstable();
        services.dedup();
        for (kind, address, port) in services {
            let who = match address {
                "10.9.1.2" => "client",
                "10.9.3.2" => "stranger",
                _ => "device",
            };
            let talk = data("talk.py");
            let command = ["python3", &talk, "serve", kind, address, port];
            let server = self.beside(who, &command);
            self.servers.push(server);
        }
    }

    /// Whether somebody who asks is answered.
    fn answered(&self, (who, kind, address, port): Talk) -> bool {
        let talk = data("talk.py");
        let mut asked = self.run(who, &["python3", &talk, "ask", kind, address, port]);
        asked.status().unwrap().success()
    }

    fn mirror(&mut self, which: &str) {
        self.mirror = None;
        let script = data("mirror.py");
        let mirror = self.beside("router", &["python3", &script, "r2", "wire", which]);
        self.mirror = Some(mirror);
    }

    fn listen(&mut self) {
        self.sensor = None;
        let folder = self.folder.to_string_lossy().into_owned();
        let config = format!(
            "site = \"test\"\nuser = \"nobody\"\n[[interface]]\nname = \"span\"\nring_mib = 16\n\
             [store]\npath = \"{folder}/store\"\n[control]\nsocket = \"{folder}/run/control.sock\"\n[metrics]\nlisten = \"127.0.0.1:9184\"\n"
        );
        let file = self.folder.join("fossick.toml");
        fs::write(&file, config).unwrap();
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))
            .unwrap();
        let mut run = self.run(
            "router",
            &[FOSSICK, "run", "--config", &file.to_string_lossy()],
        );
        let child = run.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.sensor = Some(Beside(child));
        self.until("the sensor listens", || {
            let status = self.fossick(&["status", "--format", "json"]);
            String::from_utf8_lossy(&status.stdout).contains("\"listening\"")
        });
    }

    fn fossick(&self, arguments: &[&str]) -> Output {
        let socket = self.folder.join("run/control.sock");
        let mut run = Command::new(FOSSICK);
        run.args(arguments)
            .arg("--socket")
            .arg(socket)
            .output()
            .unwrap()
    }

    fn ask(&self, arguments: &[&str]) -> String {
        let output = self.fossick(arguments);
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{arguments:?}: {complained}\n{}",
            self.log()
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.fossick(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn control(&self) -> Value {
        let text = self.ask(&["control", "show", "10.9.2.2", "--format", "json"]);
        serde_json::from_str(&text).unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn until(&self, what: &str, is: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is() {
            let in_time = begun.elapsed() < Duration::from_mins(1);
            assert!(in_time, "{what}: not so\n{}", self.log());
            sleep(Duration::from_millis(200));
        }
    }

    /// Has the baseline heard, and makes a policy of it that the router enforces.
    fn fence(&mut self) {
        self.serve();
        self.mirror("both");
        self.listen();
        for talk in BASELINE.iter().chain([&VULNERABLE]) {
            assert!(self.answered(*talk), "before: {talk:?}");
        }
        // It has a link-local address too: heard only later, it would be one that the control does not fence in.
        let speaks = "import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); \
                      s.sendto(b'here', ('ff02::1', 9, 0, socket.if_nametoindex('e')))";
        self.must("device", &["python3", "-c", speaks]);
        self.until("the link-local address is heard", || {
            let known = self.fossick(&["asset", "10.9.2.2", "--format", "json"]);
            String::from_utf8_lossy(&known.stdout).contains("\"fe80:")
        });
        self.until("the baseline is heard", || {
            let heard = self.ask(&["conversations", "--format", "json"]);
            let two_way = heard
                .lines()
                .filter(|line| line.contains("\"two_way\":true"));
            two_way.count() > BASELINE.len()
        });
        let device = "10.9.2.2";
        let why = [
            "control",
            "propose",
            device,
            "--reason",
            "declared no fix",
            "--source",
            "ICSA-24-001-01: no_fix_planned",
            "--vulnerable",
            "tcp/445",
        ];
        let short = self.refused(&why);
        assert!(
            short.contains("of the 24 hours that a baseline takes"),
            "{short}"
        );
        let proposed = self.ask(&[&why[..], &["--from-little"]].concat());
        assert!(proposed.contains("proposed by root"), "{proposed}");
        let early = self.refused(&["control", "approve", device]);
        assert!(early.contains("dry-run"), "{early}");
        let tried = self.ask(&["control", "dry-run", device]);
        assert!(
            tried.contains("4 would have passed, 1 would have been stopped"),
            "{tried}"
        );
        let left = "STOPPED  10.9.1.2 → 10.9.2.2 tcp/445  uses the service that the finding is about  (span ";
        assert!(tried.contains(left), "{tried}");
        let approved = self.ask(&["control", "approve", device]);
        assert!(approved.contains("approved by root"), "{approved}");
        let table = self.ask(&["control", "export", device, "--format", "nftables"]);
        assert!(table.contains("read holding registers (3)"), "{table}");
        let file = self.folder.join("table.nft");
        fs::write(&file, table).unwrap();
        let file = file.to_string_lossy().into_owned();
        self.must("router", &["nft", "-c", "-f", &file]);
        self.must("router", &["nft", "-f", &file]);
    }

    /// It is in force from now on.
    fn deploy(&self) {
        let device = "10.9.2.2";
        let deployed = self.ask(&["control", "deployed", device, "--watch-for", "4"]);
        assert!(deployed.contains("deployed by root"), "{deployed}");
    }

    /// The device goes on with what it needs, for so long.
    fn go_on(&self, seconds: u64) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(seconds) {
            for talk in BASELINE {
                assert!(self.answered(talk), "stopped: {talk:?}");
            }
            sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Plant {
    fn drop(&mut self) {
        self.servers.clear();
        (self.mirror, self.sensor) = (None, None);
        for who in ["client", "device", "stranger", "router"] {
            ip(&format!("netns del {}", self.host(who)));
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_control_is_verified_while_it_holds_and_violated_by_one_connection() {
    let Some(mut plant) = Plant::new("v") else {
        return;
    };
    plant.fence();
    plant.deploy();
    for talk in BASELINE {
        assert!(plant.answered(talk), "stopped: {talk:?}");
    }
    for talk in NEVER.iter().chain([&VULNERABLE]) {
        assert!(!plant.answered(*talk), "passed: {talk:?}");
    }
    plant.go_on(6);
    let verdict = plant.ask(&["control", "watch", "10.9.2.2", "--for", "60"]);
    assert!(
        verdict.contains("verified: 4 allowed conversations"),
        "{verdict}"
    );

    // Whoever takes the rules away is found out by the first connection.
    plant.must("router", &["nft", "flush", "ruleset"]);
    assert!(plant.answered(NEVER[0]));
    plant.until("it is violated", || plant.control()["state"] == "violated");
    let control = plant.control();
    assert_eq!(control["conversation"]["client"]["address"], "10.9.3.2");
    assert_eq!(control["conversation"]["port"], 502);
    let evidence = &control["evidence"];
    assert!(
        evidence["capture"].as_str().unwrap().starts_with("span "),
        "{evidence}"
    );
    assert!(evidence["frame"].as_u64().unwrap() > 0, "{evidence}");
    // The packet is kept: the device answers the stranger.
    let file = plant.folder.join("proof.pcapng");
    let _ = plant.ask(&["asset", "10.9.2.2", "--evidence", &file.to_string_lossy()]);
    let kept = fs::read(&file).unwrap();
    let answers = [10, 9, 2, 2, 10, 9, 3, 2];
    assert!(kept.windows(answers.len()).any(|octets| octets == answers));
    let watched = plant.fossick(&["control", "watch", "10.9.2.2"]);
    assert!(!watched.status.success());
    let journal = plant.ask(&["changes"]);
    for entry in [
        "control proposed, by root",
        "control approved, by root",
        "control exported for nftables, by root",
        "control deployed, by root",
        "control verified",
        "control violated: 10.9.3.2 to 10.9.2.2 port 502 went through (frame ",
    ] {
        assert!(journal.contains(entry), "{entry} is not in\n{journal}");
    }
    // It is kept.
    plant.listen();
    assert_eq!(plant.control(), control);
}

#[test]
fn a_mirror_of_one_direction_verifies_nothing() {
    let Some(mut plant) = Plant::new("o") else {
        return;
    };
    plant.fence();
    plant.mirror("in");
    // What was heard of both directions is written down by now: none of it counts as heard since.
    sleep(Duration::from_secs(2));
    plant.deploy();
    plant.go_on(8);
    plant.until("the watch says why it waits", || {
        let control = plant.control();
        assert_eq!(control["state"], "deployed", "{control}");
        !control["waits"].is_null()
    });
    let control = plant.control();
    assert_eq!(control["state"], "deployed");
    let waits = control["waits"].as_str().unwrap();
    assert!(
        waits.contains("nothing that is allowed was heard both ways"),
        "{waits}"
    );
    // Nothing else was missing.
    plant.mirror("both");
    plant.go_on(1);
    let verdict = plant.ask(&["control", "watch", "10.9.2.2", "--for", "60"]);
    assert!(verdict.contains("verified"), "{verdict}");
}

/// Runs `fossick control`: whether it succeeded, and what it printed.
fn control(arguments: &[&str]) -> (bool, String, String) {
    let mut run = Command::new(FOSSICK);
    let output = run.arg("control").args(arguments).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.success(), out, err)
}

fn demo(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo");
    path.join(name).to_string_lossy().into_owned()
}

/// A policy from a demonstration's capture, in a file.
fn policy_file(name: &str) -> String {
    let file = std::env::temp_dir().join(format!("fossick-{name}-{}.json", std::process::id()));
    let modbus = demo("modbus.pcap");
    let (done, policy, complaint) = control(&[
        "propose",
        "10.66.0.11",
        "--capture",
        &modbus,
        "--reason",
        "declared no fix",
        "--source",
        "row 7",
        "--from-little",
        "--allow",
        "in 10.66.0.7 tcp/443",
        "--because",
        "firmware",
    ]);
    assert!(done, "{complaint}");
    fs::write(&file, policy).unwrap();
    file.to_string_lossy().into_owned()
}

#[test]
fn policies_are_proposed_and_tried_without_a_sensor() {
    let modbus = demo("modbus.pcap");
    let why = [
        "propose",
        "10.66.0.11",
        "--capture",
        &modbus,
        "--reason",
        "declared no fix",
    ];
    let (done, _, complaint) = control(&why);
    assert!(
        !done && complaint.contains("accept it with --from-little"),
        "{complaint}"
    );
    let nobody = [
        "propose",
        "10.66.0.99",
        "--capture",
        &modbus,
        "--reason",
        "none",
    ];
    let (done, _, complaint) = control(&nobody);
    assert!(
        !done && complaint.contains("no asset `10.66.0.99` in the captures"),
        "{complaint}"
    );
    let file = policy_file("proposed");
    // What a person added stays.
    let (done, policy, _) = control(&[&why[..], &["--from-little", "--keep", &file]].concat());
    assert!(
        done && policy.contains("\"reason\": \"firmware\""),
        "{policy}"
    );
    let (done, shown, _) = control(&["show", "--policy", &file]);
    assert!(
        done && shown.contains("STILL GROWING") && shown.contains("SHORTER"),
        "{shown}"
    );
    let rule = "10.66.0.250 → 10.66.0.11 tcp/502 modbus  (modbus.pcap frame 1)";
    assert!(shown.contains(rule), "{shown}");
    let (done, tried, _) = control(&["dry-run", "--policy", &file, "--capture", &demo("")]);
    assert!(
        done && tried.contains("1 would have passed, 0 would have been stopped"),
        "{tried}"
    );
    fs::remove_file(&file).unwrap();
}

#[test]
fn policies_in_files_are_exported() {
    let file = policy_file("exported");
    for (format, holds) in [
        (
            "nftables",
            "ip saddr 10.66.0.250 ip daddr 10.66.0.11 tcp dport 502",
        ),
        (
            "cisco-ios",
            " permit tcp host 10.66.0.250 host 10.66.0.11 eq 502",
        ),
        (
            "cisco-asa",
            "extended permit tcp host 10.66.0.250 host 10.66.0.11 eq 502",
        ),
        ("fortigate", "set subnet 10.66.0.250 255.255.255.255"),
        (
            "pan-os",
            "source fossick-10.66.0.250 destination fossick-10.66.0.11",
        ),
        ("suricata", "alert tcp ![10.66.0.250] any -> 10.66.0.11 502"),
        ("json", "\"label\": \"10.66.0.11\""),
    ] {
        let (done, text, complaint) = control(&["export", "--policy", &file, "--format", format]);
        assert!(
            done && text.contains(holds),
            "{format}: {complaint}\n{text}"
        );
    }
    fs::write(&file, "{}").unwrap();
    let (done, _, complaint) = control(&["export", "--policy", &file, "--format", "json"]);
    assert!(
        !done && complaint.contains("a policy is wanted"),
        "{complaint}"
    );
    fs::remove_file(&file).unwrap();
}
