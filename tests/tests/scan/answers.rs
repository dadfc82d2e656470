//! Answers of all kinds: hostile ones, none at all, and what must not be asked because of what was said.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::process::Stdio;
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use fossick_tests::live::possible;
use fossick_tests::plant::{
    Plant, datagrams, device, done, fits, ip, lines, planned, step_planned, tcp, text,
};

/// The most memory that a process takes while it runs, in KiB.
fn peak(process: u32) -> JoinHandle<u64> {
    let status = format!("/proc/{process}/status");
    std::thread::spawn(move || {
        let mut most = 0_u64;
        while let Ok(text) = fs::read_to_string(&status) {
            let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let Some(peak) = peak else { break };
            most = most.max(peak.trim().trim_end_matches(" kB").parse().unwrap());
            sleep(Duration::from_millis(20));
        }
        most
    })
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
    let most = peak(scanning.id());
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
fn a_host_that_says_nothing_to_datagrams_is_asked_all_the_same() {
    if !possible() {
        return;
    }
    let plant = Plant::new("dumb", 1);
    let config = plant.config("allow = [\"10.77.0.1\"]\ngap_ms = 100", "");
    let _dumb = plant.device("hostile.py", &["1", "dumb=10.77.0.1"]);
    let probes = ["snmp", "enip", "bacnet", "knxnet-ip", "fins", "sip"];
    let mut arguments = vec!["10.77.0.1", "--yes"];
    arguments.extend(probes.iter().flat_map(|name| ["--probe", name]));
    let to_plan = [arguments.as_slice(), &["--plan", "--format", "json"]].concat();
    let plan = lines(&done(plant.scan(&config, &to_plan))).remove(0);
    let tap = plant.capture();
    let said = text(&done(plant.scan(&config, &arguments)));
    let frames = tap.frames();
    let datagrams = datagrams(&frames.iter().collect::<Vec<_>>());
    // Each is what the plan says, but for its holes.
    let questions = plan["questions"].as_array().unwrap();
    for (port, octets) in &datagrams {
        let named = format!("UDP {port}");
        let there = questions
            .iter()
            .filter(|one| one["carrier"] == named.as_str());
        let mut steps = there.flat_map(|one| one["steps"].as_array().unwrap());
        assert!(
            steps.any(|step| fits(octets, &step_planned(step))),
            "udp/{port}: {octets:02x?}"
        );
    }
    assert!(datagrams.len() > 5, "{said}");
    let silent = said.lines().filter(|line| line.ends_with(": no answer"));
    assert!(silent.count() > 5, "{said}");
    assert!(said.contains(" 0 refused"), "{said}");
}

#[test]
fn what_must_not_be_touched_is_left_alone_as_soon_as_it_is_known() {
    if !possible() {
        return;
    }
    let plant = Plant::new("marked", 1);
    let config = plant.config("allow = [\"10.77.0.1\"]", "knowledge = \"/nowhere\"");
    let with = [("IDENTITY", "Johnson Controls|VideoEdge NVR")];
    let arguments = ["plant", "10.77.0.1", "502", "20"];
    let _device = plant.device_with("fragile.py", &arguments, &with);
    let arguments = ["10.77.0.1", "--yes", "--probe", "modbus", "--probe", "snmp"];
    let said = text(&done(plant.scan(&config, &arguments)));
    assert!(
        said.contains("1 questions asked") || said.contains("2 questions asked"),
        "{said}"
    );
    assert!(
        !said.contains("10.77.0.1: snmp/get sysDescr, sysObjectID, sysName (v2c): "),
        "{said}"
    );
    assert!(
        said.contains("it must not be touched: CVE-2021-36199 (ICSA-22-011-01)"),
        "{said}"
    );
}

#[test]
fn a_certificate_of_tls_1_3_is_seen_among_servers_that_never_end() {
    if !possible() {
        return;
    }
    let plant = Plant::new("tls", 5);
    let config = plant.config("allow = [\"10.77.0.0/24\"]", "");
    let servers = [
        "tls13=10.77.0.1",
        "tls-drip=10.77.0.2",
        "tls-flood=10.77.0.3",
        "endless=10.77.0.4",
        "bomb=10.77.0.5:80",
    ];
    let arguments = [["443"].as_slice(), &servers].concat();
    let _servers = plant.device("hostile.py", &arguments);
    let plan = done(plant.scan(&config, &["10.77.0.1", "--plan", "--probe", "tls"]));
    let plan = text(&plan);
    assert!(plan.contains("(at most 1024 octets)"), "{plan}");
    assert!(
        plan.contains("[a handshake by rustls, 1024 octets at most]"),
        "{plan}"
    );
    let tap = plant.capture();
    let begun = Instant::now();
    let scanning = plant
        .scan(
            &config,
            &[
                "10.77.0.0/29",
                "--yes",
                "--probe",
                "tls",
                "--probe",
                "http",
                "--format",
                "json",
            ],
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let most = peak(scanning.id());
    let output = scanning.wait_with_output().unwrap();
    let (took, most) = (begun.elapsed(), most.join().unwrap());
    println!(
        "hostile TLS and HTTP: {:.1} s, {} MiB",
        took.as_secs_f64(),
        most / 1024
    );
    assert!(output.status.success(), "{}", text(&output));
    assert!(took < Duration::from_mins(1), "{}", text(&output));
    assert!(most < 256 * 1024, "{most} KiB");
    let assets = lines(&output);
    // All of them have one hardware address, so they are one asset.
    let [good] = assets.as_slice() else {
        panic!("{}", text(&output))
    };
    let said = good["observations"].as_array().unwrap().iter();
    let mut said = said.filter(|one| one["key"] == "tls.certificate_subject");
    let subject = said.next().unwrap();
    assert_eq!(subject["value"], "O=Acme, CN=fx-2000.plant.example");
    let capture = subject["evidence"]["capture"].as_str().unwrap();
    assert!(capture.starts_with("asked/unsealed/ask "), "{subject}");
    assert_eq!(subject["evidence"]["heard"], false);
    assert!(good["services"].to_string().contains("\"bomb\""), "{good}");
    // What the plan says of it holds: its octets and its frames.
    let mut sent: BTreeMap<u16, (usize, usize)> = BTreeMap::new();
    for frame in &tap.frames() {
        let Some((_, to, tcp)) = tcp(frame) else {
            continue;
        };
        if to == IpAddr::from(device(1)) && tcp.destination == 443 {
            let (frames, octets) = sent.entry(tcp.source).or_default();
            *frames += 1;
            *octets += tcp.payload.len();
        }
    }
    let most = sent.values().max_by_key(|(_, octets)| octets).unwrap();
    println!("handshake of TLS 1.3: {} frames, {} octets", most.0, most.1);
    assert!(most.0 <= 11 && most.1 <= 1280, "{most:?}");
}

/// Names are asked of the configured resolver alone, about those who answered alone, octet by octet as planned.
#[test]
fn a_resolver_is_asked_what_those_who_answered_are_called() {
    if !possible() {
        return;
    }
    let plant = Plant::new("names", 3);
    let allowed = "allow = [\"10.77.0.0/24\"]\ngap_ms = 100";
    let config = plant.config(&format!("{allowed}\nresolver = \"10.77.0.53\""), "");
    let devices = format!("{}-d", plant.name);
    ip(&[
        "-n",
        &devices,
        "addr",
        "add",
        "10.77.0.53/24",
        "dev",
        "plant",
    ]);
    let _names = plant.device("names.py", &["10.77.0.53", "plc-1.plant.example=10.77.0.1"]);
    let arguments = [
        "10.77.0.0/29",
        "--yes",
        "--format",
        "json",
        "--probe",
        "arp",
        "--probe",
    ];
    let arguments = [arguments.as_slice(), &["dns/name of an address (PTR)"]].concat();
    let to_plan = [arguments.as_slice(), &["--plan"]].concat();
    let plans = lines(&done(plant.scan(&config, &to_plan)));
    let plan = plans.last().unwrap();
    assert_eq!(plan["to"], "10.77.0.53");
    assert_eq!(plan["questions"].as_array().unwrap().len(), 6, "{plan}");
    let tap = plant.capture();
    let result = done(plant.scan(&config, &arguments));
    let said = text(&result);
    let frames = tap.frames();
    let datagrams = datagrams(&frames.iter().collect::<Vec<_>>());
    let asked: Vec<&str> = (1..=6)
        .filter(|last| {
            let question = &plan["questions"][*last - 1];
            assert_eq!(question["about"], format!("10.77.0.{last}"));
            let wanted = planned(question);
            datagrams
                .iter()
                .any(|(port, octets)| *port == 53 && fits(octets, &wanted))
        })
        .map(|last| ["", "1", "2", "3", "4", "5", "6"][last])
        .collect();
    assert_eq!(asked, ["1", "2", "3"], "those who are there: {said}");
    assert_eq!(
        datagrams.iter().filter(|(port, _)| *port == 53).count(),
        3,
        "{said}"
    );
    assert!(
        lines(&result)[0]["hostnames"]
            .to_string()
            .contains("plc-1.plant.example"),
        "{said}"
    );
    assert!(
        !said.contains("nothing of what was asked"),
        "no such name is an answer: {said}"
    );
    // Off unless somebody names one, and not one that may not be asked.
    let without = plant.config(allowed, "");
    let plans = text(&done(plant.scan(&without, &["10.77.0.1", "--plan"])));
    assert!(!plans.contains("(PTR)"), "{plans}");
    let refused = plant.config("allow = [\"10.77.0.1\"]\nresolver = \"10.77.0.53\"", "");
    let output = plant
        .scan(&refused, &["10.77.0.1", "--plan"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(
        text(&output).contains("10.77.0.53 is not on the allow list"),
        "{}",
        text(&output)
    );
}
