//! Asking, measured on the wire: what is sent is what the plan says, to nobody else, no faster, and it stops when it must.
//! Devices live in a namespace of their own; a capture beside them has every frame.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::arithmetic_side_effects
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fossick_parsers::packet::{LinkType, Net, Packet, Tcp, Transport};
use fossick_tests::live::{Beside, possible};
use fossick_tests::{Folder, fossick, root};
use serde_json::Value;

/// A segment of its own: `ask` in the scanner's namespace, `plant` in the devices'.
struct Plant {
    name: String,
    folder: Folder,
}

fn ip(arguments: &[&str]) {
    let done = Command::new("ip").args(arguments).status().unwrap();
    assert!(done.success(), "ip {arguments:?}");
}

/// A device's address.
fn device(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, last)
}

impl Plant {
    /// With so many devices, 10.77.0.1 and on, and a scanner at 10.77.0.250.
    fn new(name: &str, devices: u8) -> Plant {
        let name = format!("fsk-{name}-{}", std::process::id());
        let (scanner, devices_in) = (format!("{name}-s"), format!("{name}-d"));
        ip(&["netns", "add", &scanner]);
        ip(&["netns", "add", &devices_in]);
        let folder = Folder::new(&name);
        let plant = Plant { name, folder };
        plant.cable("ask", "plant");
        ip(&[
            "-n",
            &scanner,
            "addr",
            "add",
            "10.77.0.250/24",
            "dev",
            "ask",
        ]);
        for last in 1..=devices {
            let own = format!("{}/24", device(last));
            ip(&["-n", &devices_in, "addr", "add", &own, "dev", "plant"]);
        }
        plant
    }

    /// Another cable between the two.
    fn cable(&self, scanner: &str, devices: &str) {
        let (here, there) = (format!("{}-s", self.name), format!("{}-d", self.name));
        ip(&[
            "-n", &here, "link", "add", scanner, "type", "veth", "peer", "name", devices, "netns",
            &there,
        ]);
        for (namespace, end) in [(&here, scanner), (&there, devices)] {
            let quiet = format!("net.ipv6.conf.{end}.disable_ipv6=1");
            ip(&["netns", "exec", namespace, "sysctl", "-qw", &quiet]);
            ip(&["-n", namespace, "link", "set", "dev", end, "up"]);
        }
    }

    fn inside(&self, side: char, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &format!("{}-{side}", self.name), program]);
        command
    }

    /// Starts a program of the tests among the devices, and waits until it is ready. Its output stays readable.
    fn device(&self, script: &str, arguments: &[&str]) -> Device {
        let mut child = self
            .inside('d', "python3")
            .arg(root().join("tests").join(script))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut ready = String::new();
        lines.read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        Device {
            child: Beside(child),
            lines,
        }
    }

    /// The configuration, with what is under `[scan]`.
    fn config(&self, scan: &str, more: &str) -> String {
        let path = self.folder.path();
        // The unprivileged user that scans reads the state.
        fs::create_dir_all(format!("{path}/state")).unwrap();
        let text = format!(
            "user = \"nobody\"\n{more}\n[store]\npath = \"{path}/state\"\n[control]\nsocket = \"{path}/none\"\n\
             [scan]\nmode = \"on-request\"\n{scan}\n"
        );
        self.folder.write("fossick.toml", text.as_bytes())
    }

    fn scan(&self, config: &str, arguments: &[&str]) -> Command {
        let mut command = self.inside('s', fossick().to_str().unwrap());
        command.args(["scan", "--config", config]).args(arguments);
        command.stdin(Stdio::null());
        command
    }

    /// Captures what passes the devices' end, until it is asked for.
    fn capture(&self) -> Tap {
        let file = PathBuf::from(self.folder.path()).join("wire.pcap");
        let mut child = self
            .inside('d', "tcpdump")
            .args([
                "-i",
                "plant",
                "-U",
                "-s",
                "0",
                "-Z",
                "root",
                "-w",
                file.to_str().unwrap(),
            ])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "tcpdump ended");
        }
        Tap {
            child: Beside(child),
            file,
        }
    }
}

impl Drop for Plant {
    fn drop(&mut self) {
        for side in ["s", "d"] {
            let name = format!("{}-{side}", self.name);
            // It may be gone.
            let _ = Command::new("ip").args(["netns", "del", &name]).status();
        }
    }
}

struct Device {
    child: Beside,
    lines: BufReader<std::process::ChildStdout>,
}

impl Device {
    /// What it died of, if it did.
    fn died(&mut self) -> Option<String> {
        self.child.0.try_wait().unwrap()?;
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        Some(line.trim().to_owned())
    }
}

struct Tap {
    child: Beside,
    file: PathBuf,
}

/// A frame that was captured.
struct Frame {
    /// Seconds since 1970.
    time: f64,
    octets: Vec<u8>,
}

impl Tap {
    fn frames(self) -> Vec<Frame> {
        sleep(Duration::from_millis(300));
        let id = self.child.0.id().to_string();
        Command::new("kill").args(["-INT", &id]).status().unwrap();
        sleep(Duration::from_millis(300));
        let octets = fs::read(&self.file).unwrap();
        let number = |at: usize| u32::from_le_bytes(octets[at..at + 4].try_into().unwrap());
        let mut frames = Vec::new();
        let mut at = 24;
        while at + 16 <= octets.len() {
            let length = number(at + 8) as usize;
            let time = f64::from(number(at)) + f64::from(number(at + 4)) / 1e6;
            frames.push(Frame {
                time,
                octets: octets[at + 16..at + 16 + length].to_vec(),
            });
            at += 16 + length;
        }
        frames
    }
}

/// Whom a frame of the scanner's is for, or speaks of.
fn is_about(frame: &Frame) -> Option<IpAddr> {
    let packet = Packet::decode(LinkType(1), &frame.octets);
    match packet.net {
        Net::Ip(ip) if ip.source == scanner() => Some(ip.destination),
        // The target of a request (RFC 826).
        Net::Other(_, arp)
            if frame.octets[12..14] == [8, 6] && arp[7] == 1 && arp[14..18] == [10, 77, 0, 250] =>
        {
            Some(Ipv4Addr::new(arp[24], arp[25], arp[26], arp[27]).into())
        }
        _ => None,
    }
}

fn scanner() -> IpAddr {
    Ipv4Addr::new(10, 77, 0, 250).into()
}

fn tcp(frame: &Frame) -> Option<(IpAddr, IpAddr, Tcp<'_>)> {
    match Packet::decode(LinkType(1), &frame.octets).net {
        Net::Ip(ip) => match ip.transport {
            Transport::Tcp(tcp) => Some((ip.source, ip.destination, tcp)),
            _ => None,
        },
        _ => None,
    }
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

fn done(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    output
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn wall() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}

/// The octets of a question's steps as the plan prints them; nothing where a hole is.
fn planned(question: &Value) -> Vec<Option<u8>> {
    let steps = question["steps"].as_array().unwrap().iter();
    let pieces = steps.flat_map(|step| step["sends"].as_array().unwrap());
    let mut octets = Vec::new();
    for piece in pieces {
        match piece["octets"].as_str() {
            Some(hex) => {
                let each = hex.split_whitespace();
                octets.extend(each.map(|octet| Some(u8::from_str_radix(octet, 16).unwrap())));
            }
            None => octets.extend(vec![None; piece["length"].as_u64().unwrap() as usize]),
        }
    }
    octets
}

#[test]
fn what_is_sent_is_what_the_plan_says_and_a_fragile_device_lives() {
    if !possible() {
        return;
    }
    let plant = Plant::new("plan", 2);
    let config = plant.config("allow = [\"10.77.0.1\"]", "");
    let arguments = ["plant", "10.77.0.1", "502", "20"];
    let mut fragile = plant.device("fragile.py", &arguments);
    let plan = done(plant.scan(&config, &["10.77.0.1", "--plan", "--format", "json"]));
    let plan = lines(&plan).remove(0);
    let tap = plant.capture();
    let result = done(plant.scan(&config, &["10.77.0.1", "--yes", "--format", "json"]));
    let asset = &lines(&result)[0];
    assert_eq!(fragile.died(), None);
    assert_eq!(
        [&asset["vendor"], &asset["firmware"]],
        ["Acme", "V1.4"],
        "{asset}"
    );
    let fact = &asset["facts"][0];
    assert_eq!(fact["evidence"]["heard"], false, "{fact}");
    assert!(
        !text(&result).contains("10.77.0.250"),
        "the scanner is no asset of its own"
    );

    let frames = tap.frames();
    let ours: Vec<&Frame> = frames
        .iter()
        .filter(|frame| is_about(frame).is_some())
        .collect();
    let about: BTreeSet<IpAddr> = ours.iter().filter_map(|frame| is_about(frame)).collect();
    assert_eq!(
        about,
        BTreeSet::from([device(1).into()]),
        "nobody else is spoken to or of"
    );
    let budget = plan["frames"].as_u64().unwrap() + plan["frames_besides"].as_u64().unwrap();
    assert!(
        ours.len() as u64 <= budget,
        "{} frames of {budget}",
        ours.len()
    );
    // What TCP itself may repeat was not needed here.
    let questions = plan["questions"].as_array().unwrap();
    let by_port = |port: u16| {
        let named = format!("TCP {port}");
        questions
            .iter()
            .filter(move |question| question["carrier"] == named.as_str())
    };
    // Every connection's octets are those of a question to its port, but for its holes.
    let mut connections: BTreeMap<u16, (u16, Vec<u8>)> = BTreeMap::new();
    for (_, _, tcp) in ours.iter().filter_map(|frame| tcp(frame)) {
        let said = connections
            .entry(tcp.source)
            .or_insert((tcp.destination, Vec::new()));
        said.1.extend_from_slice(tcp.payload);
    }
    let mut asked = 0;
    for (port, said) in connections.values().filter(|(_, said)| !said.is_empty()) {
        let fits = |question: &Value| {
            let planned = planned(question);
            let alike = |(said, planned): (&u8, &Option<u8>)| planned.is_none_or(|p| p == *said);
            planned.len() == said.len() && said.iter().zip(&planned).all(alike)
        };
        assert!(by_port(*port).any(fits), "tcp/{port}: {said:02x?}");
        asked += 1;
    }
    assert_eq!(asked, 1, "one question was answered there");
    one_at_a_time(&ours);
    println!(
        "fragile device: alive after fossick scan ({} frames of at most {budget}, {} connections)",
        ours.len(),
        connections.len()
    );
    against_nmap(&plant, fragile);
}

/// The connections to a host neither overlap nor follow one another within the gap: a second after a question, a quarter of
/// it after a port where nobody listens.
fn one_at_a_time(ours: &[&Frame]) {
    let mut spans: BTreeMap<u16, (f64, f64, bool)> = BTreeMap::new();
    for frame in ours {
        if let Some((_, _, tcp)) = tcp(frame) {
            let span = spans.entry(tcp.source);
            let span = span.or_insert((frame.time, frame.time, false));
            span.1 = frame.time;
            span.2 |= !tcp.payload.is_empty();
        }
    }
    let mut spans: Vec<(f64, f64, bool)> = spans.into_values().collect();
    spans.sort_by(|one, other| one.0.total_cmp(&other.0));
    for pair in spans.windows(2) {
        let gap = pair[1].0 - pair[0].1;
        let least = if pair[0].2 { 0.99 } else { 0.24 };
        assert!(gap > least, "{gap} s between two questions");
    }
}

/// The same device, asked by nmap as it is asked everywhere. Nothing is demanded of it: the outcome is printed.
fn against_nmap(plant: &Plant, mut fragile: Device) {
    if Command::new("nmap")
        .arg("-V")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        println!("nmap is not installed: there is nothing to compare with");
        return;
    }
    let mut nmap = plant.inside('s', "nmap");
    nmap.args(["-sV", "-p", "502", "--host-timeout", "60", "10.77.0.1"]);
    nmap.stdout(Stdio::null()).status().unwrap();
    sleep(Duration::from_millis(500));
    match fragile.died() {
        Some(why) => println!("fragile device: dead after nmap -sV -p 502: {why}"),
        None => println!("fragile device: alive after nmap -sV -p 502"),
    }
}

#[test]
fn nobody_off_the_list_is_spoken_to_or_of_and_no_segment_is_asked_without_consent() {
    if !possible() {
        return;
    }
    let plant = Plant::new("list", 4);
    let tap = plant.capture();
    // Nothing is on: nothing is sent, whatever is typed.
    let off = plant.config("", "");
    let off_text = fs::read_to_string(&off)
        .unwrap()
        .replace("on-request", "off");
    fs::write(&off, off_text).unwrap();
    for arguments in [
        ["10.77.0.0/24", "--yes"].as_slice(),
        &["10.77.0.1", "--yes", "--probe", "modbus"],
        &["10.77.0.255", "--yes"],
        &["224.0.0.251", "--yes", "--interface", "ask"],
        &["0.0.0.0", "--yes", "--interface", "ask"],
    ] {
        let output = plant.scan(&off, arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}: {}", text(&output));
    }
    assert!(tap.frames().iter().all(|frame| is_about(frame).is_none()));

    let tap = plant.capture();
    let config = plant.config("allow = [\"10.77.0.2\", \"10.77.0.255\"]\ngap_ms = 100", "");
    done(plant.scan(&config, &["10.77.0.0/24", "--yes"]));
    let unconfirmed = plant.scan(&config, &["10.77.0.2"]).output().unwrap();
    assert!(!unconfirmed.status.success(), "nobody confirmed");
    let frames = tap.frames();
    let ours: Vec<&Frame> = frames
        .iter()
        .filter(|frame| is_about(frame).is_some())
        .collect();
    let about: BTreeSet<IpAddr> = ours.iter().filter_map(|frame| is_about(frame)).collect();
    assert_eq!(about, BTreeSet::from([device(2).into()]));
    for frame in &ours {
        let to_many = frame.octets[0] & 1 == 1;
        assert!(
            !to_many || frame.octets[12..14] == [8, 6],
            "{:02x?}",
            frame.octets
        );
    }
    println!(
        "off the list: 0 frames; {} frames to the one host on it",
        ours.len()
    );
}

#[test]
fn twenty_hosts_in_a_network_of_254_take_less_than_a_minute_at_the_default_pace() {
    if !possible() {
        return;
    }
    let plant = Plant::new("many", 20);
    let config = plant.config("allow = [\"10.77.0.0/24\"]", "");
    let tap = plant.capture();
    let begun = Instant::now();
    let result = done(plant.scan(&config, &["10.77.0.0/24", "--yes", "--format", "nmap-xml"]));
    let took = begun.elapsed();
    let frames = tap.frames();
    let ours: Vec<&Frame> = frames
        .iter()
        .filter(|frame| is_about(frame).is_some())
        .collect();
    let mut busiest = 0;
    let mut from = 0;
    for (at, frame) in ours.iter().enumerate() {
        while frame.time - ours[from].time > 1.0 {
            from += 1;
        }
        busiest = busiest.max(at - from + 1);
    }
    println!(
        "a /24 with 20 live hosts: {:.1} s, {} frames, {busiest} in the busiest second",
        took.as_secs_f64(),
        ours.len()
    );
    assert!(took < Duration::from_mins(1), "{}", text(&result));
    // What the kernel sends to find neighbours is not paced by us.
    assert!(busiest <= 260, "{busiest} frames in a second");
    assert!(text(&result).contains("<nmaprun scanner=\"fossick\""));
}

#[test]
fn a_stop_takes_effect_at_once_and_lasts() {
    if !possible() {
        return;
    }
    let plant = Plant::new("stop", 20);
    let config = plant.config("allow = [\"10.77.0.0/24\"]\ngap_ms = 100", "");
    let tap = plant.capture();
    let mut scanning = plant.scan(&config, &["10.77.0.0/24", "--yes"]);
    let scanning = scanning
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut scanning = Beside(scanning);
    sleep(Duration::from_secs(3));
    done(plant.scan(&config, &["--stop"]));
    let file = PathBuf::from(plant.folder.path()).join("state/scan.stopped");
    let stopped = fs::metadata(&file).unwrap().modified().unwrap();
    let stopped = stopped.duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let ended = ends(&mut scanning.0);
    assert!(ended < Duration::from_secs(3), "{ended:?}");
    let again = plant
        .scan(&config, &["10.77.0.1", "--yes"])
        .output()
        .unwrap();
    assert!(!again.status.success(), "a stop lasts: {}", text(&again));
    assert!(text(&again).contains("--resume"), "{}", text(&again));
    let last = wall();
    let frames = tap.frames();
    let ours = frames.iter().filter(|frame| is_about(frame).is_some());
    let times: Vec<f64> = ours.map(|frame| frame.time).collect();
    assert!(times.iter().any(|time| *time < stopped), "it was asking");
    let after = times
        .iter()
        .fold(0.0_f64, |after, time| after.max(time - stopped));
    println!("stop: the last frame {:.0} ms after it", after * 1000.0);
    assert!(after < 0.1, "{after} s, listened for {} s", last - stopped);
    done(plant.scan(&config, &["--resume"]));
    done(plant.scan(&config, &["10.77.0.1", "--yes", "--probe", "modbus"]));
}

fn ends(child: &mut Child) -> Duration {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(30));
        sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}

#[test]
fn hostile_answers_cost_a_bounded_time_and_the_rest_goes_on() {
    if !possible() {
        return;
    }
    let plant = Plant::new("hostile", 8);
    let config = plant.config("allow = [\"10.77.0.0/24\"]", "");
    let kinds = ["endless", "trickle", "huge", "silent", "reset", "garbage"];
    let mut arguments = vec!["502".to_owned()];
    arguments.extend(
        kinds
            .iter()
            .zip(2..)
            .map(|(kind, n)| format!("{kind}={}", device(n))),
    );
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let _hostile = plant.device("hostile.py", &arguments);
    let mut fragile = plant.device("fragile.py", &["plant", "10.77.0.1", "502", "20"]);
    let begun = Instant::now();
    let mut scanning = plant.scan(
        &config,
        &[
            "10.77.0.0/29",
            "--yes",
            "--probe",
            "modbus",
            "--format",
            "json",
        ],
    );
    let scanning = scanning
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", scanning.id());
    let most = std::thread::spawn(move || {
        let mut most = 0_u64;
        while let Ok(text) = fs::read_to_string(&status) {
            let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let Some(peak) = peak else { break };
            most = most.max(peak.trim().trim_end_matches(" kB").parse().unwrap());
            sleep(Duration::from_millis(20));
        }
        most
    });
    let output = scanning.wait_with_output().unwrap();
    let took = begun.elapsed();
    let most = most.join().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    println!(
        "hostile answers: {:.1} s, {} MiB",
        took.as_secs_f64(),
        most / 1024
    );
    assert!(took < Duration::from_secs(15), "{}", text(&output));
    assert!(most < 256 * 1024, "{most} KiB");
    assert_eq!(fragile.died(), None);
    let assets = lines(&output);
    assert!(
        assets.iter().any(|asset| asset["vendor"] == "Acme"),
        "{}",
        text(&output)
    );
}

#[test]
fn questions_end_within_one_cycle_when_the_hosts_own_traffic_is_late() {
    if !possible() {
        return;
    }
    let plant = Plant::new("cycle", 1);
    // The other side of its cyclic conversation, where a sensor listens.
    plant.cable("span", "cyclic");
    ip(&[
        "-n",
        &format!("{}-s", plant.name),
        "addr",
        "add",
        "10.88.0.1/24",
        "dev",
        "span",
    ]);
    ip(&[
        "-n",
        &format!("{}-d", plant.name),
        "addr",
        "add",
        "10.88.0.2/24",
        "dev",
        "cyclic",
    ]);
    let config = plant.config("allow = [\"10.77.0.1\"]", "[[interface]]\nname = \"span\"");
    let cycle = "10.88.0.1:2222";
    let _device = plant.device("fragile.py", &["plant", "10.77.0.1", "502", "20", cycle]);
    let tap = plant.capture();
    // Modbus is asked first; the others would follow, each a second later.
    let three = ["--probe", "modbus", "--probe", "snmp", "--probe", "bacnet"];
    let arguments = [
        ["10.77.0.1", "--yes", "--format", "json"].as_slice(),
        &three,
    ]
    .concat();
    let result = done(plant.scan(&config, &arguments));
    let said = text(&result);
    assert!(said.contains("its questions end"), "{said}");
    let asset = &lines(&result)[0];
    let rules = asset["findings"].to_string();
    assert!(rules.contains("scan.disturbed"), "{asset}");
    let frames = tap.frames();
    let asked = frames.iter().filter(|frame| {
        tcp(frame).is_some_and(|(from, _, tcp)| from == scanner() && !tcp.payload.is_empty())
    });
    let asked: Vec<f64> = asked.map(|frame| frame.time).collect();
    assert_eq!(
        asked.len(),
        1,
        "it is asked once, and nothing after its delay: {said}"
    );
    let last = frames
        .iter()
        .filter(|frame| is_about(frame).is_some())
        .map(|frame| frame.time);
    let last = last.fold(0.0_f64, f64::max);
    // A cycle is 100 ms; the one after the question is missed.
    println!(
        "cycle: the last frame {:.0} ms after the question that delayed it",
        (last - asked[0]) * 1000.0
    );
    assert!(last - asked[0] < 0.3);
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
    let path = plant.folder.path().to_owned();
    let more = "[[interface]]\nname = \"ask\"\n[metrics]\nlisten = \"\"";
    let config = plant.config("allow = [\"10.77.0.1\"]", more);
    let socket = format!("{path}/run/control.sock");
    let changed = fs::read_to_string(&config).unwrap();
    let changed = changed.replace(&format!("{path}/none"), &socket);
    fs::write(&config, changed.replace("on-request", "fill-gaps")).unwrap();
    let mut fragile = plant.device("fragile.py", &["plant", "10.77.0.1", "502", "40"]);
    let mut sensor = plant.inside('s', fossick().to_str().unwrap());
    let sensor = sensor
        .args(["run", "--config", &config])
        .stderr(Stdio::null())
        .spawn();
    let _sensor = Beside(sensor.unwrap());
    let client = |arguments: &[&str]| {
        let mut command = Command::new(fossick());
        command
            .args(arguments)
            .args(["--socket", &socket, "--format", "json"]);
        command.output().unwrap()
    };
    let wait = |what: &str, is_so: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
            sleep(Duration::from_millis(100));
        }
    };
    wait("it answers", &|| client(&["status"]).status.success());
    // Nobody of whom nothing was heard is asked.
    let nobody = plant.scan(&config, &["--gaps", "--yes"]).output().unwrap();
    assert!(!nobody.status.success(), "{}", text(&nobody));
    let controller = plant
        .inside('s', "python3")
        .args(["-c", CONTROLLER])
        .status();
    assert!(controller.unwrap().success());
    let asset = || text(&client(&["asset", "10.77.0.1"]));
    wait("it is heard", &|| asset().contains("\"modbus\""));
    assert!(!asset().contains("Acme"));
    let filled = done(plant.scan(&config, &["--gaps", "--yes", "--format", "json"]));
    assert!(
        text(&filled).contains("1 questions asked"),
        "{}",
        text(&filled)
    );
    wait("what was asked is known", &|| asset().contains("Acme"));
    let known: Value = serde_json::from_str(asset().lines().next().unwrap()).unwrap();
    let facts = known["facts"].as_array().unwrap();
    let vendor = facts.iter().find(|fact| fact["value"] == "Acme").unwrap();
    assert_eq!(vendor["evidence"]["heard"], false, "{vendor}");
    let said = text(&client(&["changes"]));
    assert!(
        said.contains("asked 10.77.0.1: modbus/read device identification"),
        "{said}"
    );
    // Nothing is missing any more.
    let nobody = plant.scan(&config, &["--gaps", "--yes"]).output().unwrap();
    assert!(!nobody.status.success(), "{}", text(&nobody));
    assert_eq!(fragile.died(), None);
}
