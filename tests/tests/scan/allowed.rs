//! Who is asked, and how fast: nobody off the list, and a network of many within a minute.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use fossick_tests::live::possible;
use fossick_tests::plant::{Frame, Plant, device, done, is_about, text};

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
