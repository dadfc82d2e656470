//! Canaries: what a person would not want to read in an inventory is nowhere in it.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

use std::process::Stdio;
use std::{fs, thread, time::Duration};

use fossick_tests::live::{Beside, Network, Sensor, possible};
use fossick_tests::{Capture, Folder, ip, mac, run};

/// Invented, each found by its text alone.
const CANARIES: [&str; 8] = [
    "CANARYCOMMUNITY",
    "Q0FOQVJZQkFTSUM6c2VjcmV0",
    "CANARYTELNET",
    "CANARYPATIENT",
    "CANARYCOOKIE",
    "CANARYFTPPASS",
    "CANARYMRN",
    "CANARYBODY",
];

fn snmp(community: &str, name: &str) -> Vec<u8> {
    let ber = |tag: u8, value: &[u8]| [&[tag, value.len() as u8][..], value].concat();
    let object = ber(0x06, &[0x2b, 6, 1, 2, 1, 1, 5, 0]);
    let binding = ber(0x30, &[object, ber(0x04, name.as_bytes())].concat());
    let zero = ber(0x02, &[0]);
    let pdu = ber(
        0xa2,
        &[ber(0x02, &[1]), zero.clone(), zero, ber(0x30, &binding)].concat(),
    );
    ber(
        0x30,
        &[ber(0x02, &[1]), ber(0x04, community.as_bytes()), pdu].concat(),
    )
}

fn capture() -> Capture {
    let mut capture = Capture::new();
    let client = |port| (mac(1), ip(1), port);
    let server = |port| (mac(2), ip(2), port);
    capture.udp(
        server(161),
        client(50_000),
        &snmp("CANARYCOMMUNITY", "sw-cell-4"),
    );
    let request = b"GET /CANARYBODY HTTP/1.1\r\nHost: x\r\nUser-Agent: WinCC/7.5\r\n\
        Authorization: Basic Q0FOQVJZQkFTSUM6c2VjcmV0\r\nCookie: id=CANARYCOOKIE\r\n\r\n";
    let response = b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nSet-Cookie: id=CANARYCOOKIE\r\n\
        Content-Type: text/html\r\nContent-Length: 10\r\n\r\nCANARYBODY";
    capture.connection(client(50_001), server(80), &[request, response]);
    let telnet: [&[u8]; 6] = [
        b"\xff\xfb\x18",
        b"\xff\xfd\x18",
        b"",
        b"Debian GNU/Linux 12\r\nplc1 login: ",
        b"operator\r\nCANARYTELNET\r\n",
        b"operator\r\nPassword: CANARYTELNET\r\nWelcome\r\n",
    ];
    capture.connection(client(50_002), server(23), &telnet);
    let ftp: [&[u8]; 4] = [
        b"",
        b"220 (vsFTPd 3.0.3)\r\n",
        b"USER CANARYPATIENT\r\nPASS CANARYFTPPASS\r\n",
        b"331 Password for CANARYPATIENT\r\n",
    ];
    capture.connection(client(50_003), server(21), &ftp);
    let hl7 = b"\x0bMSH|^~\\&|MONITOR|ICU|EHR|HOSPITAL|20260101||ADT^A01|1|P|2.5\r\
        PID|1||CANARYMRN||CANARYPATIENT^JANE\r\x1c\r";
    capture.connection(client(50_004), server(2575), &[hl7]);
    capture
}

#[test]
fn no_canary_is_in_the_inventory_the_explanation_or_the_evidence() {
    let folder = Folder::new("canaries");
    let path = folder.write("canaries.pcap", &capture().pcap());
    let evidence = format!("{}/evidence.pcapng", folder.path());
    let runs = [
        vec!["read", &path, "--format", "json", "--external"],
        vec!["read", &path],
        vec!["read", &path, "--conversations", "--format", "json"],
        vec!["read", &path, "--conversations"],
        vec!["read", &path, "--explain", "10.0.0.1"],
        vec![
            "read",
            &path,
            "--explain",
            "10.0.0.2",
            "--evidence",
            &evidence,
        ],
    ];
    let mut told = String::new();
    for arguments in runs {
        let ran = run(&arguments, b"");
        assert_eq!(ran.status, Some(0), "{}", ran.err);
        told.push_str(&ran.out);
        told.push_str(&ran.err);
    }
    // The protocols were read, so that silence means discretion.
    for known in [
        "sw-cell-4",
        "nginx",
        "WinCC/7.5",
        "plc1",
        "vsFTPd",
        "MONITOR",
        "ADT^A01",
    ] {
        assert!(told.contains(known), "{known} was not read");
    }
    let file = std::fs::read(&evidence).unwrap();
    told.push_str(&String::from_utf8_lossy(&file));
    assert!(told.contains("nginx/1.22.1"), "the evidence itself is kept");
    for canary in CANARIES {
        assert!(!told.contains(canary), "{canary} got out");
    }
}

#[test]
fn whole_packets_are_written_only_on_demand_and_with_a_warning() {
    let folder = Folder::new("whole");
    let path = folder.write("canaries.pcap", &capture().pcap());
    let evidence = format!("{}/evidence.pcapng", folder.path());
    let arguments = [
        "read",
        &path,
        "--explain",
        "10.0.0.2",
        "--evidence",
        &evidence,
        "--whole-packets",
    ];
    let ran = run(&arguments, b"");
    assert!(ran.err.contains("patients' names"), "{}", ran.err);
    let file = std::fs::read(&evidence).unwrap();
    assert!(String::from_utf8_lossy(&file).contains("CANARYCOMMUNITY"));
}

#[test]
fn evidence_is_a_capture_that_gives_the_same_facts_again() {
    let folder = Folder::new("again");
    let mut capture = Capture::new();
    capture.udp(
        (mac(2), ip(2), 161),
        (mac(1), ip(1), 50_000),
        &snmp("public", "sw-cell-4"),
    );
    let path = folder.write("a.pcap", &capture.pcap());
    let evidence = format!("{}/evidence.pcapng", folder.path());
    let whole = [
        "read",
        &path,
        "--explain",
        "10.0.0.2",
        "--evidence",
        &evidence,
        "--whole-packets",
    ];
    run(&whole, b"");
    let again = run(&["read", &evidence, "--format", "json"], b"");
    assert_eq!(again.asset("10.0.0.2")["hostnames"][0], "sw-cell-4");
}

#[test]
fn a_hostile_capture_harms_neither_terminal_nor_json() {
    let mut capture = Capture::new();
    let name = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}gpj.exe\u{9b}31m\r\nfake: line";
    capture.udp(
        (mac(2), ip(2), 161),
        (mac(1), ip(1), 50_000),
        &snmp("public", name),
    );
    let banner = [
        b"SSH-2.0-".as_slice(),
        &[0x1b, b'[', b'1', b'm'],
        &[b'A'; 300],
        b"\xff\xfe\r\n",
    ]
    .concat();
    capture.connection(
        (mac(1), ip(1), 50_001),
        (mac(3), ip(3), 22),
        &[b"", &banner],
    );
    let huge = [
        b"HTTP/1.1 200 OK\r\nServer: ".as_slice(),
        "x".repeat(30_000).as_bytes(),
        b"\r\n\r\n",
    ]
    .concat();
    for chunk in huge.chunks(1400).enumerate() {
        let sequence = 1 + u32::try_from(chunk.0).unwrap().wrapping_mul(1400);
        capture.tcp(
            (mac(4), ip(4), 80),
            (mac(1), ip(1), 50_002),
            64,
            0x18,
            sequence,
            chunk.1,
        );
    }
    let folder = Folder::new("hostile");
    let path = folder.write("hostile.pcap", &capture.pcap());
    for arguments in [
        vec!["read", &path],
        vec!["read", &path, "--explain", "10.0.0.2"],
    ] {
        let ran = run(&arguments, b"");
        let acts = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!ran.out.chars().any(acts), "{:?}", ran.out);
        assert!(!ran.out.contains("\nfake: line"));
    }
    let ran = run(&["read", &path, "--format", "json"], b"");
    assert!(ran.assets().len() >= 3);
    assert!(!ran.out.contains('\u{1b}'));
}

/// Takes what is sent to a port and writes it into a file.
const SINK: &str = "
import socket, sys
server = socket.create_server(('127.0.0.1', 5514))
while True:
    client, _ = server.accept()
    while True:
        octets = client.recv(65536)
        if not octets:
            break
        open(sys.argv[1], 'ab').write(octets)
    client.close()
";

#[test]
fn a_sensor_tells_and_keeps_no_canary() {
    if !possible() {
        return;
    }
    let (network, folder) = (Network::new("canary"), Folder::new("canary"));
    let syslog = folder.path().to_owned() + "/syslog";
    let sink = network
        .command("python3")
        .args(["-c", SINK, &syslog])
        .stderr(Stdio::null())
        .spawn();
    let sink = Beside(sink.unwrap());
    let outlet = "[[outlet]]\nname = \"siem\"\nsyslog = \"tcp://127.0.0.1:5514\"\n";
    let mut sensor = Sensor::start(&network, &folder, outlet);
    let path = folder.write("canaries.pcap", &capture().pcap());
    assert!(network.send(&path, 1000, 1).wait().unwrap().success());
    sensor.settle();
    let backup = folder.path().to_owned() + "/backup.redb";
    let evidence = folder.path().to_owned() + "/evidence.pcapng";
    let mut told = vec![
        sensor.ask(&["assets", "--format", "json"]),
        sensor.ask(&["changes", "--format", "json"]),
        sensor.ask(&["changes"]),
        sensor.ask(&["conversations", "--format", "json"]),
        sensor.ask(&["conversations"]),
        sensor.ask(&["status", "--format", "json"]),
        sensor.ask(&["asset", "10.0.0.2", "--evidence", &evidence]),
        sensor.ask(&["store", "backup", &backup]),
    ];
    assert!(told[0].contains("sw-cell-4"), "{}", told[0]);
    for _ in 0..100 {
        let sent = fs::read(&syslog).unwrap_or_default();
        if String::from_utf8_lossy(&sent).contains("sw-cell-4") {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    sensor.end();
    let store = folder.path().to_owned() + "/store/fossick.redb";
    for file in [&syslog, &backup, &evidence, &store] {
        let octets = fs::read(file).unwrap();
        assert!(!octets.is_empty(), "{file}");
        told.push(String::from_utf8_lossy(&octets).into_owned());
    }
    told.push(sensor.log());
    drop(sink);
    for canary in CANARIES {
        for text in &told {
            assert!(!text.contains(canary), "{canary} was told or kept");
        }
    }
}
