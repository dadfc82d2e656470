//! The tables in `tests/data`: versions and ranges, spellings of products.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::io::Cursor;

use common::scratch;
use fossick_risk::advisory::Entry;
use fossick_risk::import::Import;
use fossick_risk::names::{Fit, Names};
use fossick_risk::versions::{Answer, Range};
use fossick_risk::{Knowledge, Query, Standing};
use serde_json::json;

fn rows(text: &'static str, columns: usize) -> Vec<Vec<&'static str>> {
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split('\t').collect()).collect();
    for row in &rows {
        assert_eq!(row.len(), columns, "{row:?}");
    }
    rows
}

#[test]
fn versions_are_in_their_ranges() {
    let mut wrong = Vec::new();
    for row in rows(include_str!("data/versions.tsv"), 3) {
        let answer = Range::read(row[0]).holds(Some(row[1]));
        let said = match answer {
            Answer::Yes => "yes",
            Answer::No => "no",
            Answer::Unknown(_) => "unknown",
        };
        if said != row[2] {
            wrong.push(format!(
                "{:?} and {:?}: {answer:?}, not {} ({:?})",
                row[0],
                row[1],
                row[2],
                Range::read(row[0])
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn products_are_known_however_they_are_spelt() {
    let names = Names::built_in();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for row in rows(include_str!("data/spellings.tsv"), 7) {
        count += 1;
        let order = Some(row[2]).filter(|order| !order.is_empty());
        let products: Vec<&str> = Some(row[1])
            .into_iter()
            .filter(|product| !product.is_empty())
            .collect();
        let subject = names.subject(row[0], &products, order);
        let orders = row[5].split_whitespace().map(str::to_owned).collect();
        let entry = Entry {
            vendor: row[3].to_owned(),
            name: row[4].to_owned(),
            orders,
            ..Entry::default()
        };
        let fit = names.fit(&subject, &names.pattern(&entry));
        let said = match fit {
            Fit::Same { .. } => "yes",
            Fit::Perhaps(_) => "perhaps",
            Fit::No => "no",
        };
        if said != row[6] {
            wrong.push(format!(
                "{} {} {} | {} | {}: {fit:?}, not {}",
                row[0], row[1], row[2], row[3], row[4], row[6]
            ));
        }
    }
    assert!(count >= 60);
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The knowledge of one advisory with one product.
fn knowledge(vendor: &str, product: &str, range: &str) -> Knowledge {
    let date = "2020-05-01T00:00:00Z";
    let document = json!({
        "document": {"category": "csaf_security_advisory", "csaf_version": "2.0", "title": "Sample",
            "publisher": {"category": "coordinator", "name": "Sample", "namespace": "https://sample.example"},
            "tracking": {"current_release_date": date, "id": "SAMPLE-1", "initial_release_date": date, "status": "final",
                "version": "1", "revision_history": [{"date": date, "number": "1", "summary": "first"}]}},
        "product_tree": {"branches": [{"category": "vendor", "name": vendor, "branches": [
            {"category": "product_name", "name": product, "branches": [
                {"category": "product_version_range", "name": range, "product": {"name": product, "product_id": "A"}}]}]}]},
        "vulnerabilities": [{"cve": "CVE-2020-10000", "product_status": {"known_affected": ["A"]}}]
    });
    let mut import = Import::default();
    let text = serde_json::to_vec(&document).unwrap();
    import
        .file("sample", &mut Cursor::new(text), &mut scratch)
        .unwrap();
    assert!(import.report.refused.is_empty());
    let (octets, _) = import
        .write(None, Vec::new(), &Names::built_in(), &mut scratch)
        .unwrap();
    Knowledge::open(Box::new(Cursor::new(octets))).unwrap()
}

#[test]
fn a_version_in_a_name_is_the_line_that_it_stands_for() {
    let mut wrong = Vec::new();
    for row in rows(include_str!("data/lines.tsv"), 6) {
        let query = Query {
            vendor: row[0].to_owned(),
            products: vec![row[3].to_owned()],
            version: Some(row[4].to_owned()),
            ..Query::default()
        };
        let found = knowledge(row[0], row[1], row[2]).matches(&query).unwrap();
        let said = match found.first().map(|found| found.standing) {
            Some(Standing::Affected) => "yes",
            Some(Standing::Unknown) => "unknown",
            Some(Standing::NotAffected) => "no",
            None => "no match",
        };
        if said != row[5] {
            let why = found.first().map(|found| &found.why);
            wrong.push(format!("{row:?}: {said}, {why:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Of `multiple` vendors: a name that begins with one is of that one; of others it is said that nobody knows.
#[test]
fn an_advisory_of_many_vendors_is_about_those_that_its_products_name() {
    let known = knowledge("multiple", "NXP MQX", "<= 5.1");
    for (vendor, version, wanted) in [
        ("NXP", "5.0", Some(Standing::Affected)),
        ("NXP", "5.2", Some(Standing::NotAffected)),
        ("Other", "5.0", None),
    ] {
        let query = Query::of(vendor, Some("MQX"), None, Some(version));
        let found = known.matches(&query).unwrap();
        let standing = found.first().map(|found| found.standing);
        assert_eq!(standing, wanted, "{vendor} {version}");
    }
    let known = knowledge("multiple open source", "uIP-Contiki-NG", "<= 4.5");
    let query = Query::of("Contiki", Some("uIP-Contiki-NG"), None, Some("4.5"));
    assert!(known.matches(&query).unwrap().is_empty());
    let steps = known.steps(&query).unwrap();
    let told = |step: &String| step.contains("SAMPLE-1") && step.contains("not whose it is");
    assert!(steps.iter().any(told), "{steps:?}");
}
