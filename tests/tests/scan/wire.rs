//! Asking, measured on the wire: what is sent is what the plan says, to nobody else, no faster, and it stops when it must.
//! Devices live in a namespace of their own; a capture beside them has every frame.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, UNIX_EPOCH};

use fossick_tests::live::{Beside, possible};
use fossick_tests::plant::{
    Device, Frame, Plant, device, done, fits, is_about, lines, planned, tcp, text, wall,
};

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
        let mut there = by_port(*port);
        assert!(
            there.any(|question| fits(said, &planned(question))),
            "tcp/{port}: {said:02x?}"
        );
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

/// Whom a frame of the scanner's over IPv6 is for, or, if it is a solicitation, of whom it speaks.
fn is_about_v6(frame: &Frame) -> Option<Ipv6Addr> {
    let octets = &frame.octets;
    let address = |at: usize| Ipv6Addr::from(<[u8; 16]>::try_from(&octets[at..at + 16]).unwrap());
    let ours: Ipv6Addr = "fd77::250".parse().unwrap();
    if octets[12..14] != [0x86, 0xdd] || address(22) != ours {
        return None;
    }
    // ICMPv6, neighbour solicitation: its target (RFC 4861 §4.3).
    let solicits = octets[20] == 58 && octets[54] == 135;
    Some(address(if solicits { 62 } else { 38 }))
}

#[test]
fn hosts_of_ipv6_are_found_and_asked_and_nobody_else_is_spoken_to_or_of() {
    if !possible() {
        return;
    }
    let plant = Plant::new("six", 1);
    plant.with_ipv6(3);
    let config = plant.config("allow = [\"fd77::1\", \"fd77::9\"]\ngap_ms = 100", "");
    let arguments = ["plant", "fd77::1", "502", "20"];
    let mut fragile = plant.device("fragile.py", &arguments);
    let tap = plant.capture();
    let three = ["--probe", "ndp", "--probe", "modbus", "--probe", "snmp"];
    let arguments = [
        ["fd77::/123", "--yes", "--format", "json"].as_slice(),
        &three,
    ]
    .concat();
    let result = done(plant.scan(&config, &arguments));
    let said = text(&result);
    assert_eq!(fragile.died(), None);
    let asset = &lines(&result)[0];
    assert_eq!(asset["vendor"], "Acme", "{said}");
    assert!(
        asset["addresses"]["ipv6"].to_string().contains("fd77::1"),
        "{asset}"
    );
    assert!(said.contains("fd77::1: ndp/"), "{said}");
    assert!(
        said.contains("fd77::1: modbus/read device identification"),
        "{said}"
    );
    let closed = "fd77::1: snmp/get sysDescr, sysObjectID, sysName (v2c): nobody listens there";
    assert!(said.contains(closed), "{said}");
    assert!(said.contains("1 addresses where nobody is"), "{said}");
    let frames = tap.frames();
    let about: BTreeSet<Ipv6Addr> = frames.iter().filter_map(is_about_v6).collect();
    let expected = ["fd77::1", "fd77::9"].map(|text| text.parse().unwrap());
    assert_eq!(about, BTreeSet::from(expected), "{said}");
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
    is_confined(scanning.0.id());
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

/// Every thread of the process that asks has a filter of system calls, no way to another right, and the right to raw sockets alone.
fn is_confined(process: u32) {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let mut count = 0;
    for thread in threads {
        let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().trim().to_owned()
        };
        let held = [of("Seccomp:"), of("NoNewPrivs:"), of("CapPrm:")];
        assert_eq!(held, ["2", "1", "0000000000002000"], "{status}");
        let ids: Vec<&str> = status
            .lines()
            .filter(|line| line.starts_with("Uid:"))
            .collect();
        assert!(!ids[0].contains("\t0"), "it is not root: {ids:?}");
        count += 1;
    }
    assert!(count > 2, "{count} threads");
}

fn ends(child: &mut Child) -> Duration {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(30));
        sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}
