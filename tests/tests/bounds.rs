//! Floods and long runs: what is bounded stays bounded, and what is known stays known.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss
)]

use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use fossick_tests::live::{Network, Sensor, hosts, possible};
use fossick_tests::{Capture, Folder, root};
use serde_json::Value;

/// Opening segments from random sources to random hosts: half of them from outside, half from the link itself.
fn syns(count: u32) -> Capture {
    let mut capture = Capture::new();
    let mut random = 0x9e37_79b9_u32;
    let mut next = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        random.rotate_left(13)
    };
    for n in 0..count {
        let [a, b, c, d] = next().to_be_bytes();
        let (mac, source) = if n % 2 == 0 {
            ([2, 0, 0, 0, 0, 1], Ipv4Addr::new(a % 90 + 20, b, c, d))
        } else {
            ([2, 7, a, b, c, d], Ipv4Addr::new(10, b, c, d))
        };
        let [_, e, f, g] = next().to_be_bytes();
        let target = ([2, 0, 0, 0, 0, 2], Ipv4Addr::new(10, e, f, g), 445);
        let source = (mac, source, 1024 + (n % 60_000) as u16);
        capture.tcp(source, target, 64, 0x02, n, b"");
    }
    capture
}

fn memory(status: &Value) -> u64 {
    status["memory"]["used"].as_u64().unwrap()
}

#[test]
fn a_flood_makes_no_asset_and_takes_none_away() {
    if !possible() {
        return;
    }
    let (network, folder) = (Network::new("flood"), Folder::new("flood"));
    let sensor = Sensor::start(&network, &folder, "");
    let known = folder.write("known.pcap", &hosts(1, 30).pcap());
    assert!(network.send(&known, 5000, 1).wait().unwrap().success());
    sensor.settle();
    let before = sensor.lines(&["assets"]).len();
    let flood = folder.write("flood.pcap", &syns(300_000).pcap());
    let said = sensor.ask(&["ingest", &flood]);
    assert!(said.contains("300000 frames"), "{said}");
    assert!(network.send(&flood, 100_000, 1).wait().unwrap().success());
    sensor.settle();
    let status = sensor.status();
    assert_eq!(
        sensor.lines(&["assets"]).len(),
        before,
        "a ghost, or one less"
    );
    assert!(
        memory(&status) < status["memory"]["most"].as_u64().unwrap(),
        "{status}"
    );
    for limit in status["limits"].as_array().unwrap() {
        assert!(limit["used"].as_u64() <= limit["most"].as_u64(), "{limit}");
    }
}

/// Loops the demonstration for so many seconds (`FOSSICK_SOAK`); memory must be flat in the second half.
#[test]
fn memory_is_flat_under_looped_traffic() {
    let Some(seconds) = std::env::var("FOSSICK_SOAK")
        .ok()
        .and_then(|text| text.parse().ok())
    else {
        eprintln!("SKIPPED: `make soak` sets FOSSICK_SOAK to the seconds it shall take");
        return;
    };
    if !possible() {
        return;
    }
    let (network, folder) = (Network::new("soak"), Folder::new("soak"));
    let sensor = Sensor::start(&network, &folder, "");
    let file = root().join("demo/simulated-legacy-and-medical.pcap");
    let more = folder.write("hosts.pcap", &hosts(1, 2000).pcap());
    let begun = Instant::now();
    let mut samples: Vec<(f64, f64)> = Vec::new();
    while begun.elapsed() < Duration::from_secs(seconds) {
        assert!(
            network
                .send(file.to_str().unwrap(), 5000, 5)
                .wait()
                .unwrap()
                .success()
        );
        assert!(network.send(&more, 5000, 1).wait().unwrap().success());
        sleep(Duration::from_millis(200));
        let status = sensor.status();
        samples.push((
            begun.elapsed().as_secs_f64(),
            memory(&status) as f64 / 1_048_576.0,
        ));
        for limit in status["limits"].as_array().unwrap() {
            assert!(limit["used"].as_u64() <= limit["most"].as_u64(), "{limit}");
        }
    }
    let late = &samples[samples.len() / 2..];
    let count = late.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| late.iter().map(of).sum::<f64>() / count;
    let (time, level) = (mean(|s| s.0), mean(|s| s.1));
    let above: f64 = late.iter().map(|s| (s.0 - time) * (s.1 - level)).sum();
    let below: f64 = late.iter().map(|s| (s.0 - time).powi(2)).sum();
    let slope = above / below * 60.0;
    println!(
        "{} samples over {seconds} s: {level:.1} MiB, slope {slope:.3} MiB a minute in the second half",
        samples.len()
    );
    assert!(slope < 1.0, "memory grows: {samples:?}");
}
