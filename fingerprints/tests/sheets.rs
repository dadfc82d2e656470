//! Every sheet proves itself.
#![allow(missing_docs, clippy::unwrap_used)]

use fossick_fingerprints::Fingerprints;

#[test]
fn every_sheet_is_taken_and_every_example_gives_its_facts() {
    let wrong = Fingerprints::check_built_in();
    let lines: Vec<_> = wrong
        .iter()
        .map(|(file, refusal)| format!("{file}: {refusal}"))
        .collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

const SHEET: &str = r#"
matches = "modbus.product_code"
[[fingerprint]]
id = "acme"
pattern = '^PLC-(?P<n>\d+)$'
certainty = 90
source = "test"
facts = { vendor = "Acme", model = "PLC-$n" }
[[fingerprint.example]]
input = "PLC-1"
gives = { vendor = "Acme", model = "PLC-1" }
"#;

#[test]
fn a_sites_sheet_is_asked_before_ours() {
    let mut all = Fingerprints::built_in();
    all.add(SHEET).unwrap();
    let readings = all.read("modbus.product_code", "PLC-7");
    let reading = readings.first().unwrap();
    assert_eq!(reading.fingerprint, "modbus.product_code/acme");
}

#[test]
fn a_sheet_that_contradicts_itself_is_refused_with_the_reason() {
    let refused = |from: &str, to: &str| {
        let wrong = Fingerprints::built_in().add(&SHEET.replace(from, to));
        let first = wrong.unwrap_err().first().map(ToString::to_string);
        first.unwrap_or_default()
    };
    for (from, to, reason) in [
        (
            "modbus.product_code",
            "modbus.colour",
            "no protocol says `modbus.colour`",
        ),
        ("vendor", "maker", "`maker` is not an attribute"),
        (
            "vendor = \"Acme\"",
            "kind = \"gadget\"",
            "not in the list of kinds",
        ),
        ("(?P<n>", "(?P<n", "does not compile"),
        ("certainty = 90", "certainty = 190", "0 to 100"),
        (
            "input = \"PLC-1\"",
            "input = \"PLC\"",
            "nothing matches its example",
        ),
        ("model = \"PLC-1\"", "model = \"PLC-2\"", "gives"),
        ("id =", "name =", "unknown field"),
    ] {
        let said = refused(from, to);
        assert!(said.contains(reason), "{from} → {to}: {said}");
    }
}
