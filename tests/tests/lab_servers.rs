//! Real servers: each must be identified as what it says it is, by listening on a mirror port to a real client's
//! conversation with it, and by asking it.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::io::Write;

use fossick_tests::lab::{Device, Lab};
use fossick_tests::live::Sensor;
use fossick_tests::{Folder, fossick};
use serde_json::Value;

/// What may be asked: all that is routine, and one intrusive question, which is put where it is asked for by its name.
const SCAN: &str = r#"
[scan]
mode = "on-request"
interface = "eth0"
consent = { segments = ["10.66.0.0/24"], probes = ["iec104/start data transfer (STARTDT)"] }
settings = { "snmp.community" = "public" }
"#;

#[test]
fn every_server_is_what_it_says_it_is() {
    let Some(lab) = Lab::up() else {
        return;
    };
    let devices = lab.devices();
    assert!(devices.len() >= 25, "{} servers", devices.len());
    let heard = listen(&lab);
    let asked = ask(&lab, &devices);

    let mut missing = Vec::new();
    let mut table = vec![format!(
        "\n{:<14} {:<11} {:<14} {:<14} WHAT",
        "DEVICE", "ADDRESS", "HEARD", "ASKED"
    )];
    for device in &devices {
        let by_ear = Judged::new(device, &device.truth, &heard);
        let by_question = Judged::new(device, &device.asked, &asked);
        let answer = if device.only_heard.is_empty() {
            by_question.verdict()
        } else {
            "only heard".to_owned()
        };
        let (name, address) = (&device.name, &device.address);
        let what = by_ear.found.join(", ");
        let verdict = by_ear.verdict();
        table.push(format!(
            "{name:<14} {address:<11} {verdict:<14} {answer:<14} {what}"
        ));
        missing.extend(
            by_ear
                .missing
                .iter()
                .map(|what| format!("{name}, heard: {what}")),
        );
        if device.only_heard.is_empty() {
            missing.extend(
                by_question
                    .missing
                    .iter()
                    .map(|what| format!("{name}, asked: {what}")),
            );
        }
    }
    // Past the test's own capture of what is printed: whoever runs all tests sees it as well.
    writeln!(std::io::stdout(), "{}", table.join("\n")).unwrap();
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

/// What a sensor makes of the conversations that clients have with the servers.
fn listen(lab: &Lab) -> Vec<Value> {
    let folder = Folder::new("lab-sensor");
    let mirror = lab.mirror();
    let mut sensor = Sensor::start(&mirror, &folder, "");
    lab.talk();
    sensor.settle();
    let assets = sensor.lines(&["assets"]);
    sensor.end();
    assets
}

/// What a scan from a host beside the client finds out. It has heard nothing of what was said before.
fn ask(lab: &Lab, devices: &[Device]) -> Vec<Value> {
    let folder = Folder::new("lab-scan");
    // One by one: medical devices are asked under no other condition.
    let addresses: Vec<&str> = devices
        .iter()
        .map(|device| device.address.as_str())
        .collect();
    let allow = format!("allow = {addresses:?}");
    let store = format!("[store]\npath = \"{}/store\"", folder.path());
    let text = format!("site = \"lab\"\nuser = \"nobody\"\n{SCAN}{allow}\n{store}\n");
    let config = folder.write("fossick.toml", text.as_bytes());
    let scan = |arguments: &[&str]| -> Vec<Value> {
        let mut scan = lab.scanner(fossick().to_str().unwrap());
        scan.args(["scan", "--yes", "--format", "json", "--config", &config]);
        let done = scan.args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{said}");
        println!("{}", said.lines().last().unwrap_or_default());
        let lines = String::from_utf8(done.stdout).unwrap();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let mut assets = Vec::new();
    for device in devices.iter().filter(|device| !device.consent.is_empty()) {
        let found = scan(&[&device.address, "--probe", &device.consent]);
        // Of the others no more is in there than what they called out meanwhile.
        let of_it = |asset: &Value| texts(&asset["addresses"]["ipv4"]).contains(&device.address);
        assets.extend(found.into_iter().filter(of_it));
    }
    assets.extend(scan(&["10.66.0.0/24"]));
    assets
}

/// What of a device's truth an inventory has.
struct Judged {
    found: Vec<String>,
    missing: Vec<String>,
}

impl Judged {
    fn new(device: &Device, truth: &[(String, String)], assets: &[Value]) -> Judged {
        let mut judged = Judged {
            found: Vec::new(),
            missing: Vec::new(),
        };
        let asset = assets
            .iter()
            .find(|asset| texts(&asset["addresses"]["ipv4"]).contains(&device.address));
        for (what, value) in truth {
            let shown: Vec<String> = asset.map(|asset| shown(asset, what)).unwrap_or_default();
            if shown.contains(value) {
                judged.found.push(value.clone());
            } else {
                judged
                    .missing
                    .push(format!("{what} is {value}, shown {shown:?}"));
            }
        }
        judged
    }

    fn verdict(&self) -> String {
        let all = self.found.len() + self.missing.len();
        if self.missing.is_empty() {
            format!("all {all}")
        } else {
            format!("{} of {all}", self.found.len())
        }
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
        for service in asset["services"].as_array().into_iter().flatten() {
            let both = [texts(&service["product"]), texts(&service["version"])];
            shown.push(both.concat().join(" "));
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
