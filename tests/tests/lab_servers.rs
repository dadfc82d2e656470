//! Real servers: each must be identified as what it says it is, by listening to a real client's conversation with it
//! on a mirror port, and by asking it.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use fossick_tests::Folder;
use fossick_tests::lab::{Device, Lab};
use fossick_tests::live::Sensor;
use serde_json::Value;

#[test]
fn every_server_is_what_it_says_it_is() {
    let Some(lab) = Lab::up() else {
        return;
    };
    let devices = lab.devices();
    assert!(devices.len() >= 25, "{} servers", devices.len());
    let folder = Folder::new("lab");
    let mirror = lab.mirror();
    let mut sensor = Sensor::start(&mirror, &folder, "");
    lab.talk();
    sensor.settle();
    let heard = sensor.lines(&["assets"]);
    sensor.end();

    let mut missing = Vec::new();
    println!("\n{:<14} {:<12} HEARD", "DEVICE", "ADDRESS");
    for device in &devices {
        let judged = Judged::new(device, &heard);
        println!("{:<14} {:<12} {}", device.name, device.address, judged.line());
        missing.extend(judged.missing.iter().map(|what| format!("{}, heard: {what}", device.name)));
    }
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

/// What of a device's truth an inventory has.
struct Judged {
    found: Vec<String>,
    missing: Vec<String>,
}

impl Judged {
    fn new(device: &Device, assets: &[Value]) -> Judged {
        let mut judged = Judged {
            found: Vec::new(),
            missing: Vec::new(),
        };
        let asset = assets.iter().find(|asset| has(&asset["addresses"]["ipv4"], &device.address));
        for (what, value) in &device.truth {
            let shown: Vec<String> = asset.map(|asset| shown(asset, what)).unwrap_or_default();
            if shown.contains(value) {
                judged.found.push(value.clone());
            } else {
                judged.missing.push(format!("{what} is {value}, shown {shown:?}"));
            }
        }
        judged
    }

    fn line(&self) -> String {
        let missing = self.missing.iter().map(|what| format!("MISSING {what}"));
        let all: Vec<String> = self.found.iter().cloned().chain(missing).collect();
        all.join(", ")
    }
}

/// What an asset and what is behind it show for an attribute.
fn shown(asset: &Value, what: &str) -> Vec<String> {
    let mut shown = match what {
        "protocol" => texts(&asset["protocols"]),
        "hostname" => texts(&asset["hostnames"]),
        _ => texts(&asset[what]),
    };
    if what == "product" {
        for service in asset["services"].as_array().unwrap() {
            let both = texts(&service["product"]).into_iter().chain(texts(&service["version"]));
            shown.push(both.collect::<Vec<_>>().join(" "));
        }
    }
    let children = asset["children"].as_array().into_iter().flatten();
    shown.extend(children.flat_map(|child| self::shown(child, what)));
    shown
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

fn has(values: &Value, wanted: &str) -> bool {
    values.as_array().unwrap().iter().any(|value| value == wanted)
}
