//! Captures of every form are read alike; damaged ones give what was read and say where reading stopped.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use fossick_tests::{Capture, Folder, Ran, fossick, ip, mac, read, run};

fn capture() -> Capture {
    let mut capture = Capture::new();
    let banner: [&[u8]; 2] = [b"", b"SSH-2.0-dropbear_2022.83\r\n"];
    capture.connection((mac(1), ip(1), 50_000), (mac(2), ip(2), 22), &banner);
    capture.arp(mac(1), ip(1), 0).arp(mac(2), ip(2), 0);
    capture
}

fn stdin(octets: &[u8]) -> Ran {
    run(&["read", "-", "--format", "json"], octets)
}

#[test]
fn every_form_of_the_same_capture_gives_the_same_inventory() {
    let capture = capture();
    let plain = read(&capture);
    assert_eq!(
        plain.asset("10.0.0.2")["services"][0]["product"],
        "Dropbear"
    );
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&capture.pcap()).unwrap();
    let forms = [
        ("nanoseconds", capture.pcap_with(0xa1b2_3c4d, false)),
        ("big endian", capture.pcap_with(0xa1b2_c3d4, true)),
        (
            "big endian, nanoseconds",
            capture.pcap_with(0xa1b2_3c4d, true),
        ),
        ("pcapng", capture.pcapng()),
        ("gzip", gzip.finish().unwrap()),
        ("zstd", zstd::encode_all(&capture.pcap()[..], 1).unwrap()),
    ];
    for (name, octets) in forms {
        let ran = stdin(&octets);
        assert_eq!(ran.status, Some(0), "{name}: {}", ran.err);
        assert_eq!(ran.out, plain.out, "{name}");
    }
}

#[test]
fn several_captures_are_read_as_one_in_time_order() {
    let whole = capture();
    let folder = Folder::new("merge");
    let (mut even, mut odd) = (Capture::new(), Capture::new());
    for (n, frame) in whole.frames().iter().enumerate() {
        if n % 2 == 0 {
            even.frame(frame)
        } else {
            odd.frame(frame)
        };
    }
    folder.write("a.pcap", &even.pcap());
    folder.write("b.pcapng", &odd.pcapng());
    folder.write("notes.txt", b"not a capture");
    let ran = run(&["read", folder.path(), "--format", "json"], b"");
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    assert_eq!(ran.asset("10.0.0.2")["services"][0]["product"], "Dropbear");
}

#[test]
fn a_capture_cut_anywhere_gives_what_was_read_and_says_where_it_stopped() {
    for octets in [capture().pcap(), capture().pcapng()] {
        for end in 0..octets.len() {
            let ran = stdin(&octets[..end]);
            let status = ran
                .status
                .unwrap_or_else(|| panic!("a signal after {end} octets"));
            assert!((0..=2).contains(&status), "{status} after {end} octets");
            // A capture that ends between two records is whole; every other cut is told.
            assert!(
                status == 0 || !ran.err.trim().is_empty(),
                "silent after {end} octets"
            );
            assert!(status != 0 || ran.err.is_empty(), "{end}: {}", ran.err);
        }
    }
}

#[test]
fn damage_in_the_middle_keeps_what_came_before() {
    let mut octets = capture().pcap();
    let end = octets.len();
    octets.extend([0xff; 64]);
    let ran = stdin(&octets);
    assert_eq!(ran.status, Some(1));
    assert!(ran.err.contains(&format!("at octet {end}")), "{}", ran.err);
    assert!(ran.find("10.0.0.2").is_some());
}

#[test]
fn what_is_no_capture_is_refused_with_a_reason() {
    let folder = Folder::new("refused");
    let empty = folder.write("empty.pcap", b"");
    let text = folder.write("letter.pcap", b"Dear colleague, attached is the capture.");
    for (path, reason) in [
        (empty.as_str(), "the file is empty"),
        (text.as_str(), "not a capture"),
        (folder.path(), "no capture in this folder"),
        ("/nowhere/at/all.pcap", "Check the path"),
        ("/dev/urandom", "not a capture"),
    ] {
        let ran = run(&["read", path], b"");
        assert_eq!(ran.status, Some(2), "{path}");
        assert!(ran.err.contains(reason), "{path}: {}", ran.err);
        assert!(ran.out.is_empty());
    }
}

#[test]
fn one_bad_file_does_not_lose_the_others() {
    let folder = Folder::new("one-bad");
    let good = folder.write("good.pcap", &capture().pcap());
    let bad = folder.write("bad.pcap", b"no");
    let ran = run(&["read", &bad, &good, "--format", "json"], b"");
    assert_eq!(ran.status, Some(1));
    assert!(ran.find("10.0.0.2").is_some());
}

#[test]
fn a_link_type_that_nobody_reads_is_named() {
    let mut octets = capture().pcap();
    octets[20] = 195;
    let ran = stdin(&octets);
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.contains("link type 195"), "{}", ran.err);
}

#[test]
fn a_reader_that_closes_early_is_no_error() {
    let folder = Folder::new("pipe");
    let path = folder.write("a.pcap", &capture().pcap());
    let mut child = Command::new(fossick())
        .args(["read", &path, "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    assert!(!String::from_utf8_lossy(&done.stderr).contains("panicked"));
}

#[test]
fn any_number_of_threads_gives_the_same_octets_also_when_limits_are_reached() {
    let mut capture = capture();
    // More flows than all shards hold together, each a recognised service that says something of its own.
    for n in 0..20_000_u32 {
        let client = std::net::Ipv4Addr::from(0x0a40_0000 + n % 700);
        let server = std::net::Ipv4Addr::from(0x0a50_0000 + n % 90);
        let port = u16::try_from(1024 + n % 60_000).unwrap();
        let banner = format!("SSH-2.0-probe_{}\r\n", n % 997);
        capture.tcp(
            (mac(1), client, port),
            (mac(2), server, 22),
            64,
            0x18,
            1,
            banner.as_bytes(),
        );
        capture.tcp(
            (mac(2), server, 22),
            (mac(1), client, port),
            64,
            0x18,
            1,
            b"SSH-2.0-OpenSSH_5.3\r\n",
        );
    }
    let octets = capture.pcap();
    let outputs: Vec<String> = ["1", "2", "3", "16", "64", "1"]
        .iter()
        .map(|threads| {
            run(
                &[
                    "read",
                    "-",
                    "--format",
                    "json",
                    "--external",
                    "--threads",
                    threads,
                ],
                &octets,
            )
            .out
        })
        .collect();
    assert!(outputs[0].lines().count() > 700);
    assert!(outputs.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_protocol_that_is_switched_off_is_not_read() {
    let octets = capture().pcap();
    let ran = run(&["read", "-", "--format", "json", "--off", "ssh"], &octets);
    assert!(!ran.out.contains("Dropbear"));
    let ran = run(&["read", "-", "--off", "shh"], &octets);
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.contains("no such protocol"), "{}", ran.err);
}
