//! Files of approved assets: what is taken of them, what is refused and why, and what becomes of broken ones.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::Path;

use fossick_shadow::{Approvals, Columns, Import, ImportError, State, compare, import};
use serde_json::json;

fn file(name: &str) -> String {
    fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/files")
            .join(name),
    )
    .unwrap()
}

fn taken(name: &str, columns: &str) -> Import {
    let columns = if columns.is_empty() {
        Columns::default()
    } else {
        columns.parse().unwrap()
    };
    import(name, &file(name), &columns).unwrap()
}

fn refused(import: &Import) -> Vec<(u64, &str)> {
    import
        .refused
        .iter()
        .map(|one| (one.line, one.reason.as_str()))
        .collect()
}

#[test]
fn bad_rows_are_told_by_line_and_the_others_taken() {
    let import = taken(
        "cmdb.csv",
        "ip=IPAddress,mac=MAC,name=Host,vendor=Manufacturer,os=OS,owner=Owner",
    );
    let names: Vec<_> = import
        .approved
        .iter()
        .map(|one| one.name.as_deref().unwrap())
        .collect();
    assert_eq!(names, ["plc-1", "hmi-1", "press"]);
    assert_eq!(
        refused(&import),
        [
            (4, "`10.0.0.999` is no IP address"),
            (5, "no address and no name"),
            (8, "`00:1b:1b` is no hardware address")
        ]
    );
    let hmi = &import.approved[1];
    assert_eq!(hmi.ips.len(), 2);
    assert_eq!(hmi.vendor.as_deref(), Some("Acme; Inc"));
    assert_eq!((hmi.source.as_str(), hmi.line), ("cmdb.csv", 3));
    assert_eq!(import.approved[0].macs, ["00:1b:1b:00:00:01"]);
    assert_eq!(import.approved[2].macs, ["00:1b:1b:00:00:04"]);
}

#[test]
fn columns_are_found_by_their_usual_names_and_a_wrong_mapping_says_what_there_is() {
    assert_eq!(taken("cmdb.csv", "").approved.len(), 3);
    let wrong = import("a.csv", &file("cmdb.csv"), &"ip=Address".parse().unwrap()).unwrap_err();
    assert!(
        wrong
            .to_string()
            .contains("there is no column `Address`: its columns are Host, IPAddress"),
        "{wrong}"
    );
    let none = import("a.csv", "colour,size\nred,1\n", &Columns::default()).unwrap_err();
    assert!(matches!(none, ImportError::NoColumns { .. }), "{none}");
    assert!("ip".parse::<Columns>().is_err());
    assert!(
        "colour=a"
            .parse::<Columns>()
            .unwrap_err()
            .to_string()
            .contains("none of ip, mac")
    );
}

#[test]
fn netbox_devices_and_addresses_are_assets() {
    let devices = taken("netbox_devices.json", "");
    assert_eq!(devices.approved.len(), 1);
    let plc = &devices.approved[0];
    assert_eq!(plc.ips.len(), 1);
    assert_eq!(
        (
            plc.vendor.as_deref(),
            plc.model.as_deref(),
            plc.kind.as_deref(),
            plc.owner.as_deref()
        ),
        (
            Some("Siemens"),
            Some("S7-300"),
            Some("plc"),
            Some("maintenance")
        )
    );
    assert_eq!(
        refused(&devices),
        [(2, "`not an address` is no IP address"), (3, "no object")]
    );
    let addresses = taken("netbox_addresses.json", "");
    assert_eq!(addresses.approved.len(), 2);
    let plc = &addresses.approved[0];
    assert_eq!(
        (plc.ips.len(), plc.macs.len(), plc.name.as_deref()),
        (2, 1, Some("plc-1"))
    );
    assert_eq!(
        addresses.approved[1].name.as_deref(),
        Some("printer.plant.example")
    );
}

#[test]
fn hosts_of_nmap_that_were_up_are_assets() {
    let scan = taken("scan.xml", "");
    assert_eq!(scan.approved.len(), 1);
    let plc = &scan.approved[0];
    assert_eq!((plc.ips.len(), plc.macs.len()), (1, 1));
    assert_eq!(plc.name.as_deref(), Some("plc-1.plant.example"));
    // A guess of 80 % is none.
    assert_eq!(plc.os.as_deref(), Some("Linux 4.4"));
    assert_eq!(refused(&scan), [(11, "`10.0.0.300` is no IP address")]);
}

/// Cut at every octet, and with every octet altered: an error or a result, and never more assets than there are.
#[test]
fn broken_files_do_no_harm() {
    for (name, most) in [
        ("cmdb.csv", 9),
        ("netbox_devices.json", 3),
        ("netbox_addresses.json", 4),
        ("scan.xml", 3),
    ] {
        let whole = file(name);
        let octets = whole.as_bytes();
        for at in 0..octets.len() {
            let cut = String::from_utf8_lossy(&octets[..at]);
            let mut altered = octets.to_vec();
            altered[at] ^= 0x15;
            for text in [cut, String::from_utf8_lossy(&altered)] {
                if let Ok(import) = import(name, &text, &Columns::default()) {
                    assert!(import.approved.len() <= most, "{name} at {at}");
                }
            }
        }
    }
    let deep = format!("<nmaprun>{}", "<a>".repeat(100_000));
    assert!(import("a.xml", &deep, &Columns::default()).is_err());
    assert!(import("a.json", &"[".repeat(100_000), &Columns::default()).is_err());
    for text in ["", "{}", "<html></html>", "[1]"] {
        let given = import("a", text, &Columns::default());
        assert!(
            given.is_err() || given.unwrap().approved.is_empty(),
            "{text}"
        );
    }
}

#[test]
fn what_was_never_seen_is_missing() {
    let asset = |id: &str, ip: &str, os: &str| {
        serde_json::from_value(json!({
            "id": id, "addresses": {"mac": [], "ipv4": [ip], "ipv6": []}, "vlans": [], "hostnames": [], "category": "unknown",
            "protocols": [], "services": [], "peers": 0, "first_seen": "2024-01-01T00:00:00Z",
            "last_seen": "2024-01-01T00:00:00Z", "visibility": [], "children": [], "observations": [], "findings": [],
            "facts": [{"attribute": "os", "value": os, "certainty": 90, "key": "k", "raw": os, "fingerprint": "f",
                "evidence": {"capture": "a", "frame": 1, "time": "2024-01-01T00:00:00Z", "heard": true}}]
        }))
        .unwrap()
    };
    let assets = [
        asset("a", "10.0.0.1", "Linux"),
        asset("b", "10.0.0.3", "Windows XP"),
        asset("c", "10.0.0.99", "Linux"),
    ];
    let approvals = Approvals::new(taken("cmdb.csv", "").approved);
    let lines = compare(&assets, &approvals);
    let states: Vec<_> = lines
        .iter()
        .map(|line| (line.label.as_str(), line.state))
        .collect();
    assert_eq!(
        states,
        [
            ("10.0.0.1", State::Sanctioned),
            ("10.0.0.3", State::Mismatched),
            ("10.0.0.99", State::Unsanctioned),
            ("press", State::Missing)
        ]
    );
    assert_eq!(
        lines[1].why,
        ["the list says system `Windows 11`, it is `Windows XP`"]
    );
}
