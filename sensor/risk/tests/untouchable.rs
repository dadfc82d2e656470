//! Devices that must not be touched, as imported advisories narrow and widen the table.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::Cursor;

use fossick_model::Asset;
use fossick_risk::import::Import;
use fossick_risk::names::Names;
use fossick_risk::staging::Aside;
use fossick_risk::{Knowledge, untouchable};
use serde_json::json;

/// The advisory of one row of the table: switches below version 4.0.0, under a name that the table does not have, too.
fn knowledge() -> Knowledge {
    let product = |name: &str, id: &str| {
        json!({"category": "product_name", "name": name, "branches": [
            {"category": "product_version_range", "name": "< 4.0.0", "product": {"name": name, "product_id": id}}]})
    };
    let document = json!({
        "document": {"category": "csaf_security_advisory", "csaf_version": "2.0", "title": "Switches",
            "publisher": {"category": "vendor", "name": "Siemens", "namespace": "https://siemens.example"},
            "tracking": {"current_release_date": "2018-09-11T00:00:00Z", "id": "ICSA-18-254-05", "initial_release_date": "2018-09-11T00:00:00Z",
                "status": "final", "version": "1", "revision_history": [{"date": "2018-09-11T00:00:00Z", "number": "1", "summary": "first"}]}},
        "product_tree": {"branches": [{"category": "vendor", "name": "Siemens", "branches": [
            product("SCALANCE X308-2", "A"), product("QXZ-700", "B")]}]},
        "vulnerabilities": [{"cve": "CVE-2018-13807", "product_status": {"known_affected": ["A", "B"]}}]
    });
    let mut scratch =
        || -> std::io::Result<Box<dyn Aside>> { Ok(Box::new(Cursor::new(Vec::new()))) };
    let mut import = Import::default();
    let text = serde_json::to_vec(&document).unwrap();
    import
        .file("sample", &mut Cursor::new(text), &mut scratch)
        .unwrap();
    let written = import.write(None, Vec::new(), &Names::built_in(), &mut scratch);
    Knowledge::open(Box::new(Cursor::new(written.unwrap().0))).unwrap()
}

fn asset(model: &str, firmware: &str) -> Asset {
    serde_json::from_value(json!({
        "id": "0123456789abcdef", "vlans": [], "hostnames": [], "category": "unknown", "vendor": "Siemens", "model": model, "firmware": firmware,
        "protocols": [], "services": [], "peers": 1, "first_seen": "2024-01-01T00:00:00Z", "last_seen": "2024-01-01T00:00:00Z",
        "visibility": [], "children": [], "facts": [], "observations": [], "findings": [],
    }))
    .unwrap()
}

#[test]
fn an_advisory_lifts_a_row_from_a_patched_device_and_lays_it_on_one_of_another_name() {
    let knowledge = knowledge();
    let marks = |asset: &Asset, known: Option<&Knowledge>| {
        let rows = untouchable::marks(asset, known).unwrap();
        rows.iter().map(|row| row.cve.clone()).collect::<Vec<_>>()
    };
    let cve = ["CVE-2018-13807"];
    let (old, patched) = (
        asset("SCALANCE X308-2", "3.1.2"),
        asset("SCALANCE X308-2", "4.1.0"),
    );
    assert_eq!(marks(&old, None), cve);
    assert_eq!(marks(&old, Some(&knowledge)), cve);
    assert_eq!(
        marks(&patched, None),
        cve,
        "without knowledge, nobody can say"
    );
    assert_eq!(marks(&patched, Some(&knowledge)), [""; 0]);
    let other = asset("QXZ-700", "3.0.0");
    assert_eq!(marks(&other, None), [""; 0]);
    assert_eq!(marks(&other, Some(&knowledge)), cve);
    // A finding that a sensor has says the same.
    let mut found = asset("S7-1200", "4.0");
    found.findings.push(fossick_model::Finding {
        cves: vec!["CVE-2018-13807".to_owned()],
        ..Default::default()
    });
    assert_eq!(marks(&found, None), cve);
    assert_eq!(
        untouchable::marks(&found, None).unwrap()[0].ports,
        ["tcp/443"]
    );
}
