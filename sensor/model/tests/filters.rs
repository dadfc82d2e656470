//! The filter language: a table of filters (`filters.txt`), and anything at all.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

use fossick_model::{About, Asset, FIELDS, Filter, Time};
use serde_json::{Value, json};

/// The assets of the table: name, what is known of it, and its zone, note and silence.
fn assets() -> Vec<(Asset, About<'static>)> {
    let now: Time = serde_json::from_value(json!("2026-11-24T12:00:00Z")).unwrap();
    let about = About {
        now,
        ..About::default()
    };
    let recent = json!("2026-11-24T11:00:00Z");
    let known = |id: &str, more: Value| -> Asset {
        let mut asset = json!({
            "id": id, "addresses": {"mac": [], "ipv4": [], "ipv6": []}, "vlans": [], "hostnames": [],
            "category": "unknown", "protocols": [], "services": [], "peers": 1, "first_seen": "2026-01-02T00:00:00Z",
            "last_seen": recent, "visibility": [], "children": [], "facts": [], "observations": [], "findings": [],
        });
        for (key, value) in more.as_object().unwrap() {
            asset[key] = value.clone();
        }
        serde_json::from_value(asset).unwrap()
    };
    let service = |port: u16, product: Option<&str>| json!([{"transport": "tcp", "port": port, "protocol": null, "product": product, "version": null}]);
    let plc = known(
        "plc",
        json!({
            "addresses": {"mac": ["00:1b:1b:00:00:05"], "ipv4": ["10.1.0.5"], "ipv6": []}, "vlans": [10], "kind": "plc",
            "vendor": "Siemens", "model": "SIMATIC S7-300", "protocols": ["s7comm"], "services": service(102, None),
            "findings": [{"verdict": "declared no fix", "cves": ["CVE-2022-1234"]}],
        }),
    );
    let hmi = known(
        "hmi",
        json!({
            "addresses": {"mac": [], "ipv4": ["10.1.0.6"], "ipv6": []}, "vlans": [10, 11], "kind": "hmi",
            "vendor": "Siemens", "os": "Windows XP", "services": service(22, Some("OpenSSH")), "peers": 40,
            "children": [known("behind", json!({"path": "unit 3", "kind": "ied", "vendor": "SEL", "model": "SEL-351S"}))],
        }),
    );
    let printer = known(
        "printer",
        json!({"kind": "printer", "vendor": "HP", "services": service(9100, None), "first_seen": recent}),
    );
    let camera = known(
        "camera",
        json!({
            "addresses": {"mac": [], "ipv4": [], "ipv6": ["fe80::1"]}, "last_seen": "2025-12-31T00:00:00Z",
            "first_seen": "2025-12-30T00:00:00Z",
        }),
    );
    vec![
        (plc, about),
        (hmi, about),
        (
            printer,
            About {
                zone: Some("dmz"),
                ..about
            },
        ),
        (
            camera,
            About {
                note: Some("leased from Acme"),
                silent: true,
                ..about
            },
        ),
    ]
}

#[test]
fn filters_let_through_what_the_table_says() {
    let assets = assets();
    let table = include_str!("filters.txt");
    let mut lines = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        lines += 1;
        let (filter, expected) = line.split_once("=>").unwrap();
        let filter = filter.strip_suffix(' ').unwrap();
        let expected = expected.trim();
        match (Filter::parse(filter), expected.strip_prefix("! ")) {
            (Ok(parsed), None) => {
                let through = assets
                    .iter()
                    .filter(|(asset, about)| parsed.matches(asset, about));
                let through: Vec<&str> = through.map(|(asset, _)| asset.id.as_str()).collect();
                assert_eq!(through.join(" "), expected, "{filter}");
            }
            (Err(error), Some(wrong)) => {
                let (position, what) = wrong.split_once(' ').unwrap();
                assert_eq!(
                    (error.position + 1).to_string(),
                    position,
                    "{filter}: {error}"
                );
                assert!(error.what.contains(what), "{filter}: {error}");
            }
            (Ok(_), Some(_)) => panic!("`{filter}` is taken"),
            (Err(error), None) => panic!("`{filter}` is refused: {error}"),
        }
    }
    assert!(lines > 50);
}

#[test]
fn every_field_s_example_is_a_filter() {
    for field in FIELDS {
        Filter::parse(field.example).unwrap_or_else(|error| panic!("{}: {error}", field.example));
    }
}

#[test]
fn whatever_is_typed_is_a_filter_or_refused_within_it() {
    let pieces = [
        "kind:", "plc", "-", "(", ")", "or", " ", "\"", "/", "\\", ":", "<", ">=", ",", "seen",
        "7d", "ip:", "ü", "\u{202e}", "=", "*", "0",
    ];
    let mut random = 0x1357_9bdf_u32;
    let assets = assets();
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..(random >> 28) {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push_str(pieces[(random >> 16) as usize % pieces.len()]);
        }
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match Filter::parse(&text) {
            Ok(filter) => {
                for (asset, about) in &assets {
                    let _ = filter.matches(asset, about);
                }
            }
            Err(error) => assert!(error.position <= text.chars().count(), "{text}: {error}"),
        }
    }
    let deep = "(".repeat(5000);
    assert!(Filter::parse(&deep).is_err());
    assert!(Filter::parse(&"-".repeat(200)).is_err());
}
