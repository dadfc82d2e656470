//! Verdicts on assets as the output contract has them: what is said, and what must not be.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::io::{self, Cursor};

use fossick_model::{Asset, Finding, Verdict};
use fossick_risk::import::Import;
use fossick_risk::names::Names;
use fossick_risk::staging::Aside;
use fossick_risk::{Exposure, Knowledge, findings};
use serde_json::{Value, json};

fn scratch() -> io::Result<Box<dyn Aside>> {
    Ok(Box::new(Cursor::new(Vec::new())))
}

/// An advisory with one product for each remediation category.
fn knowledge() -> Knowledge {
    let product = |name: &str, id: &str, range: &str| {
        json!({"category": "product_name", "name": name, "branches": [
        {"category": "product_version_range", "name": range, "product": {"name": name, "product_id": id}}]})
    };
    let row = |category: &str, details: &str, id: &str| json!({"category": category, "details": details, "product_ids": [id]});
    let document = json!({
        "document": {"category": "csaf_security_advisory", "csaf_version": "2.0", "title": "Sample",
            "publisher": {"category": "vendor", "name": "Acme", "namespace": "https://acme.example"},
            "tracking": {"current_release_date": "2020-05-01T00:00:00Z", "id": "ACME-1", "initial_release_date": "2020-05-01T00:00:00Z", "status": "final",
                "version": "1", "revision_history": [{"date": "2020-05-01T00:00:00Z", "number": "1", "summary": "first"}]}},
        "product_tree": {"branches": [{"category": "vendor", "name": "Acme", "branches": [
            product("FIX-100", "A", "< 2.0"), product("NOFIX-100", "B", "vers:all/*"), product("WAIT-100", "C", "vers:all/*"), product("SILENT-100", "D", "vers:all/*"),
            product("OLD-100", "E", "vers:all/*"), product("Rack Alpha", "F", "< 3.60"), product("Rack BETA-200", "G", "< 3.20"),
            product("SOME-100 (Serial number 17X**** and later)", "H", "vers:all/*")]}]},
        "vulnerabilities": [{"cve": "CVE-2020-10000", "product_status": {"known_affected": ["A", "B", "C", "D", "E", "F", "G", "H"]}, "remediations": [
            row("vendor_fix", "Update to 2.0", "A"), row("no_fix_planned", "Currently no fix is planned", "B"),
            row("none_available", "Currently no fix is available", "C"), row("mitigation", "Use a firewall", "D"),
            row("vendor_fix", "Ensure physical access protection", "E"),
            row("vendor_fix", "Versions before V4.x cannot be updated. For remediation see the recommendations.", "E"),
            json!({"category": "vendor_fix", "details": "BETA-200: firmware v3.20", "product_ids": ["F", "G"]}),
            json!({"category": "mitigation", "details": "Rack Alpha firmware v3.60", "product_ids": ["F", "G"]}),
            row("no_fix_planned", "Currently no fix is planned", "H")]}]
    });
    let mut import = Import::default();
    import
        .file(
            "sample",
            &mut Cursor::new(serde_json::to_vec(&document).unwrap()),
            &mut scratch,
        )
        .unwrap();
    assert!(
        import.report.refused.is_empty(),
        "{:?}",
        import.report.refused
    );
    let (octets, _) = import
        .write(None, Vec::new(), &Names::built_in(), &mut scratch)
        .unwrap();
    Knowledge::open(Box::new(Cursor::new(octets))).unwrap()
}

fn asset(kind: &str, known: &Value, facts: &[(&str, &str, &str, u8)]) -> Asset {
    let category =
        fossick_model::Kind::named(kind).map_or("unknown", |kind| kind.category().name());
    let facts: Vec<Value> = facts.iter().map(|(attribute, value, key, certainty)| json!({
        "attribute": attribute, "value": value, "certainty": certainty, "key": key, "raw": value, "fingerprint": "sample",
        "evidence": {"capture": "sample.pcap", "frame": 7, "time": "2024-01-01T00:00:00Z", "heard": true}})).collect();
    let mut asset = json!({
        "id": "0123456789abcdef", "addresses": {"mac": [], "ipv4": [], "ipv6": []}, "vlans": [], "hostnames": [], "kind": kind, "category": category,
        "protocols": ["modbus"], "services": [], "peers": 1, "first_seen": "2024-01-01T00:00:00Z", "last_seen": "2024-01-01T00:00:00Z", "visibility": [],
        "children": [], "facts": facts, "observations": [], "findings": []});
    for (key, value) in known.as_object().unwrap() {
        asset[key] = value.clone();
    }
    serde_json::from_value(asset).unwrap()
}

fn found(asset: &Asset, day: &str) -> Vec<Finding> {
    findings(
        asset,
        &knowledge(),
        day.parse().unwrap(),
        Exposure::OtherZone,
    )
    .unwrap()
}

#[test]
fn each_category_of_remediation_has_its_own_verdict() {
    for (model, firmware, verdict) in [
        ("FIX-100", Some("1.0"), Verdict::FixAvailable),
        ("FIX-100", None, Verdict::Unknown),
        ("FIX-100", Some("*"), Verdict::Unknown),
        ("NOFIX-100", Some("1.0"), Verdict::DeclaredNoFix),
        ("WAIT-100", None, Verdict::NoFixYet),
        ("SILENT-100", Some("1.0"), Verdict::FixNotStated),
        ("OLD-100", Some("1.0"), Verdict::FixNotStated),
        ("Rack Alpha", Some("3.5"), Verdict::FixAvailable),
        ("SOME-100", Some("1.0"), Verdict::Unknown),
    ] {
        let plc = asset(
            "plc",
            &json!({"vendor": "Acme", "model": model, "firmware": firmware}),
            &[],
        );
        let found = found(&plc, "2024-01-01");
        assert_eq!(found.len(), 1, "{model}");
        assert_eq!(
            found[0].verdict,
            Some(verdict),
            "{model} {firmware:?}: {:?}",
            found[0]
        );
        assert_eq!(found[0].question.is_some(), verdict == Verdict::Unknown);
        assert!(
            found[0].source.id == "ACME-1" && !found[0].why.is_empty() && !found[0].path.is_empty()
        );
    }
    let plc = asset(
        "plc",
        &json!({"vendor": "Acme", "model": "NOFIX-100", "firmware": "1.0"}),
        &[("model", "NOFIX-100", "modbus.product_code", 90)],
    );
    let rack = asset(
        "plc",
        &json!({"vendor": "Acme", "model": "Rack Alpha", "firmware": "3.5"}),
        &[],
    );
    let old = asset(
        "plc",
        &json!({"vendor": "Acme", "model": "OLD-100", "firmware": "1.0"}),
        &[],
    );
    let row = &found(&old, "2024-01-01")[0].source.row;
    assert!(row.contains("cannot be updated"), "{row}");
    // The row of another product proves nothing, under whatever it is filed.
    assert_eq!(
        found(&rack, "2024-01-01")[0].source.row,
        "fixed in 3.60; mitigation: Rack Alpha firmware v3.60"
    );
    let one = found(&plc, "2024-01-01").remove(0);
    assert_eq!(
        one.source.row,
        "no_fix_planned: Currently no fix is planned"
    );
    assert_eq!(
        one.path,
        [
            "not known exploited",
            "reached from another zone",
            "controls a process",
            "no fix"
        ]
    );
    assert_eq!(one.priority, "attend");
    assert_eq!(one.evidence.len(), 1);
}

#[test]
fn what_is_fixed_of_another_vendor_or_not_yet_out_is_no_finding() {
    for (known, day) in [
        (
            json!({"vendor": "Acme", "model": "FIX-100", "firmware": "2.0"}),
            "2024-01-01",
        ),
        (
            json!({"vendor": "Other", "model": "FIX-100", "firmware": "1.0"}),
            "2024-01-01",
        ),
        (
            json!({"vendor": "Acme", "model": "FIX-100", "firmware": "1.0"}),
            "2019-12-31",
        ),
        (json!({"vendor": "Acme"}), "2024-01-01"),
        (json!({"model": "FIX-100", "firmware": "1.0"}), "2024-01-01"),
    ] {
        let found = found(&asset("plc", &known, &[]), day);
        assert!(found.is_empty(), "{known}: {found:?}");
    }
}

#[test]
fn a_medical_device_is_for_its_manufacturer_to_mend() {
    let pump = asset(
        "infusion-pump",
        &json!({"vendor": "Acme", "model": "FIX-100", "firmware": "1.0"}),
        &[],
    );
    assert_eq!(
        found(&pump, "2024-01-01")[0].verdict,
        Some(Verdict::ManufacturerOnly)
    );
    let pump = asset(
        "infusion-pump",
        &json!({"vendor": "Acme", "model": "NOFIX-100", "firmware": "1.0"}),
        &[],
    );
    assert_eq!(
        found(&pump, "2024-01-01")[0].verdict,
        Some(Verdict::DeclaredNoFix)
    );
}

/// Software is asked about by who makes it, the device by who makes that.
#[test]
fn a_toolkit_has_a_maker_of_its_own() {
    let scanner = asset(
        "imaging-modality",
        &json!({"vendor": "Scanner Works", "product": "FIX-100 1.0"}),
        &[
            ("vendor", "Scanner Works", "dicom.manufacturer", 60),
            (
                "product",
                "FIX-100 1.0",
                "dicom.implementation_version_name",
                55,
            ),
            ("vendor", "Acme", "dicom.implementation_version_name", 55),
        ],
    );
    let found = found(&scanner, "2024-01-01");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].verdict, Some(Verdict::ManufacturerOnly));
    assert_eq!(found[0].seen.vendor.as_deref(), Some("Acme"));
}

#[test]
fn support_has_ended_only_where_two_protocols_agree_and_none_contradicts() {
    let xp = json!({"os": "Windows XP"});
    let smb = ("os", "Windows XP", "smb.native_os", 90);
    let http = ("os", "Windows XP", "http.user_agent", 80);
    for (facts, day, verdict) in [
        (vec![smb], "2024-01-01", Some(Verdict::Unknown)),
        (
            vec![smb, ("os", "Windows XP", "smb.native_lan_manager", 80)],
            "2024-01-01",
            Some(Verdict::Unknown),
        ),
        (vec![smb, http], "2024-01-01", Some(Verdict::OutOfSupport)),
        (vec![smb, http], "2014-04-07", None),
        (vec![smb, http], "2014-04-08", Some(Verdict::OutOfSupport)),
        (
            vec![smb, http, ("os", "Linux", "ssh.banner", 90)],
            "2024-01-01",
            Some(Verdict::Unknown),
        ),
        (
            vec![smb, http, ("os", "Linux", "tcp.syn", 40)],
            "2024-01-01",
            Some(Verdict::OutOfSupport),
        ),
        (
            vec![smb, ("os", "Windows", "dhcp.vendor_class", 90)],
            "2024-01-01",
            Some(Verdict::Unknown),
        ),
        (
            vec![("os", "Windows 7 to 8.1", "tcp.syn", 60)],
            "2024-01-01",
            None,
        ),
        (
            vec![
                ("os", "Windows 7", "smb.native_os", 90),
                ("os", "Windows 7 to 8.1", "tcp.syn", 60),
            ],
            "2024-01-01",
            Some(Verdict::OutOfSupport),
        ),
        (
            vec![
                ("os", "Windows 7", "smb.native_os", 90),
                ("os", "Windows 7", "ntlm.version", 90),
            ],
            "2022-01-01",
            None,
        ),
        (
            vec![
                ("os", "Windows 7", "smb.native_os", 90),
                ("os", "Windows 10", "ntlm.version", 90),
            ],
            "2024-01-01",
            Some(Verdict::Unknown),
        ),
    ] {
        let host = asset("workstation", &xp, &facts);
        let found = found(&host, day);
        assert_eq!(
            found.first().and_then(|finding| finding.verdict),
            verdict,
            "{facts:?} on {day}: {found:?}"
        );
        if verdict == Some(Verdict::OutOfSupport) {
            assert!(
                found[0].source.row.contains("source: http"),
                "{:?}",
                found[0].source
            );
        }
    }
}

#[test]
fn a_system_is_asked_of_its_own_maker() {
    for (os, maker) in [
        ("Cisco IOS", Some("Cisco")),
        ("iOS", Some("Apple")),
        ("Kiosk OS", None),
        ("Windows 10", Some("Microsoft")),
    ] {
        let queries = fossick_risk::queries(&asset("workstation", &json!({"os": os}), &[]));
        let asked = queries.first().map(|query| query.vendor.as_str());
        assert_eq!(asked, maker, "{os}");
    }
}

/// The device and the software on it, both named by one advisory, one fixed and the other not.
#[test]
fn an_advisory_is_one_finding_of_an_asset() {
    let plc = asset(
        "plc",
        &json!({"vendor": "Acme", "model": "NOFIX-100", "product": "FIX-100 1.0", "firmware": "1.0"}),
        &[],
    );
    let found = found(&plc, "2024-01-01");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].verdict, Some(Verdict::DeclaredNoFix));
}

#[test]
fn findings_read_back_as_they_were_written() {
    let plc = asset("plc", &json!({"vendor": "Acme", "model": "WAIT-100"}), &[]);
    let found = found(&plc, "2024-01-01");
    let text = serde_json::to_string(&found).unwrap();
    let back: Vec<Finding> = serde_json::from_str(&text).unwrap();
    assert_eq!(back, found);
    assert!(text.contains("\"verdict\":\"no fix yet\""));
}
