//! Whole advisories against devices that are made from them: every affected product with a plain range is asked for by
//! its name and by its order number, with a version just inside and one just outside. What makes the questions reads the
//! documents on its own and shares no code with what answers them.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use common::{around, contains, imported, zip};
use fossick_risk::{Knowledge, Query, Standing};
use serde_json::Value;

/// What the file says, read once.
fn known(path: &Path) -> &'static Knowledge {
    static KNOWN: OnceLock<Knowledge> = OnceLock::new();
    KNOWN.get_or_init(|| imported(path))
}

/// An affected product: advisory, vendor, name, version as written, model numbers.
struct Product {
    advisory: String,
    vendor: String,
    name: String,
    version: String,
    numbers: Vec<String>,
}

fn walk(branch: &Value, above: &[String; 3], found: &mut Vec<(String, [String; 3], Vec<String>)>) {
    let mut here = above.clone();
    let name = branch["name"].as_str().unwrap_or_default().to_owned();
    match branch["category"].as_str() {
        Some("vendor") => here[0] = name,
        Some("product_name" | "product_family") => {
            here[1] = format!("{} {name}", here[1]);
        }
        Some("product_version" | "product_version_range") => here[2] = name,
        _ => {}
    }
    if let Some(id) = branch["product"]["product_id"].as_str() {
        let helper = &branch["product"]["product_identification_helper"];
        let lists = [&helper["model_numbers"], &helper["skus"]];
        let numbers = lists
            .iter()
            .filter_map(|list| list.as_array())
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        found.push((id.to_owned(), here.clone(), numbers));
    }
    for inner in branch["branches"].as_array().into_iter().flatten() {
        walk(inner, &here, found);
    }
}

fn products(path: &Path) -> Vec<Product> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut all = Vec::new();
    for at in 0..archive.len() {
        let mut text = String::new();
        archive
            .by_index(at)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let mut found = Vec::new();
        for branch in document["product_tree"]["branches"]
            .as_array()
            .into_iter()
            .flatten()
        {
            walk(branch, &[const { String::new() }; 3], &mut found);
        }
        let affected: BTreeSet<&str> = document["vulnerabilities"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|vulnerability| {
                vulnerability["product_status"]["known_affected"].as_array()
            })
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let id = document["document"]["tracking"]["id"].as_str().unwrap();
        for (product, [vendor, name, version], numbers) in found {
            if affected.contains(product.as_str()) {
                all.push(Product {
                    advisory: id.to_owned(),
                    vendor,
                    name: name.trim().to_owned(),
                    version,
                    numbers,
                });
            }
        }
    }
    all
}

fn ask(vendor: &str, name: Option<&str>, order: Option<&str>, version: &str) -> Query {
    Query {
        vendor: vendor.to_owned(),
        products: name.map(str::to_owned).into_iter().collect(),
        order_number: order.map(str::to_owned),
        version: Some(version.to_owned()),
        os: None,
    }
}

/// What was asked, of which it was right how often, and what was wrong.
#[derive(Default)]
struct Tally {
    right: u32,
    all: u32,
    wrong: Vec<String>,
}

impl Tally {
    fn count(&mut self, right: bool, wrong: impl FnOnce() -> String) {
        self.all += 1;
        self.right += u32::from(right);
        if !right {
            self.wrong.push(wrong());
        }
    }

    fn holds(&self, what: &str, least: f64) {
        let share = f64::from(self.right) / f64::from(self.all);
        for line in self.wrong.iter().step_by(self.wrong.len() / 40 + 1) {
            println!("  {line}");
        }
        println!(
            "{what}: {} of {} right, {:.2} %",
            self.right,
            self.all,
            share * 100.0
        );
        assert!(share >= least, "{what}: {share}");
    }
}

#[test]
fn products_just_inside_and_just_outside_of_whole_advisories() {
    let Some(path) = zip() else { return };
    let knowledge = known(&path);
    let products = products(&path);
    // All ranges of what is called the same in one advisory: outside is what is in none of them.
    let mut ranges: BTreeMap<(&str, &str, &str), Vec<&str>> = BTreeMap::new();
    for one in &products {
        let key = (
            one.advisory.as_str(),
            one.vendor.as_str(),
            one.name.as_str(),
        );
        ranges.entry(key).or_default().push(&one.version);
    }
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut asked = 0_u32;
    let step = if cfg!(debug_assertions) { 10 } else { 1 };
    for one in products.iter().step_by(step) {
        let Some((inside, outside)) = around(&one.version) else {
            continue;
        };
        asked += 1;
        let all = &ranges[&(
            one.advisory.as_str(),
            one.vendor.as_str(),
            one.name.as_str(),
        )];
        let number = one
            .numbers
            .iter()
            .find(|number| !number.contains(['*', 'x', 'X', '[', '.', '(', ' ']));
        let kinds = [("name", Some(one.name.as_str()), None)]
            .into_iter()
            .chain(number.map(|number| ("order number", None, Some(number.as_str()))));
        for (kind, name, order) in kinds {
            for (versions, wanted) in [(&inside, true), (&outside, false)] {
                for version in versions {
                    let others = all.iter().map(|range| contains(range, version));
                    if !wanted && others.clone().any(|answer| answer != Some(false)) {
                        continue;
                    }
                    let query = ask(&one.vendor, name, order, version);
                    let found = knowledge.matches(&query).unwrap();
                    let own = found
                        .iter()
                        .find(|found| found.ready.advisory.id == one.advisory);
                    let standing = own.map(|found| found.standing);
                    let right = (standing == Some(Standing::Affected)) == wanted
                        && (wanted || standing != Some(Standing::Unknown));
                    let side = if wanted { "inside" } else { "outside" };
                    let key = match (kind, wanted) {
                        ("name", true) => "by name, just inside",
                        ("name", false) => "by name, just outside",
                        (_, true) => "by order number, just inside",
                        (_, false) => "by order number, just outside",
                    };
                    tallies.entry(key).or_default().count(right, || {
                        format!(
                            "{side} {} | {} | {} | {} | {version}: {standing:?} {:?}",
                            one.advisory,
                            one.vendor,
                            one.name,
                            one.version,
                            own.map(|found| found.why.as_str())
                        )
                    });
                }
            }
        }
    }
    println!(
        "{asked} of {} affected products are asked for",
        products.len()
    );
    for (what, tally) in &tallies {
        tally.holds(what, 0.99);
    }
}

#[test]
fn no_product_of_another_vendor_matches() {
    let Some(path) = zip() else { return };
    let knowledge = known(&path);
    let products = products(&path);
    let vendors: BTreeSet<&str> = products.iter().map(|one| one.vendor.as_str()).collect();
    let vendors: Vec<&str> = vendors.into_iter().collect();
    let first = |text: &str| {
        text.split(|c: char| !c.is_alphanumeric())
            .next()
            .unwrap_or_default()
            .to_lowercase()
    };
    let mut tally = Tally::default();
    for (at, one) in products.iter().enumerate().step_by(3) {
        let inside = around(&one.version).and_then(|(inside, _)| inside.first().cloned());
        let version = inside.unwrap_or_else(|| "1.0".to_owned());
        let other = vendors[(at * 7919) % vendors.len()];
        for vendor in ["Nobody Instruments", other] {
            let query = ask(
                vendor,
                Some(&one.name),
                one.numbers.first().map(String::as_str),
                &version,
            );
            for found in knowledge.matches(&query).unwrap() {
                let stated = found.stated().map(|entry| entry.vendor.clone());
                let stated = stated.unwrap_or_default();
                // The same vendor in two spellings is no other vendor, nor is one of a list.
                let mut each = vendor
                    .split([',', '(', '/', ';'])
                    .flat_map(|part| part.split(" and "));
                let same = each.any(|part| {
                    let part = first(part.trim().trim_start_matches("and "));
                    !part.is_empty()
                        && (part == first(&stated) || stated.to_lowercase().contains(&part))
                });
                tally.count(same, || {
                    format!(
                        "{vendor} | {} : {} of {stated}",
                        one.name, found.ready.advisory.id
                    )
                });
            }
        }
    }
    if tally.all > 0 {
        tally.holds(
            "matches with a vendor taken at random are of that vendor",
            1.0,
        );
    }
}

#[test]
fn products_named_in_prose_are_found() {
    let Some(path) = zip() else { return };
    let knowledge = known(&path);
    let (mut found, mut affected) = (Tally::default(), 0);
    let rows = include_str!("data/prose.tsv").lines();
    for line in rows.filter(|line| !line.starts_with('#')) {
        let [vendor, product, order, version, advisory] =
            line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let some = |text: &'static str| Some(text).filter(|text| !text.is_empty());
        let query = Query::of(vendor, some(product), some(order), some(version));
        let matches = knowledge.matches(&query).unwrap();
        let own = matches
            .iter()
            .find(|found| found.ready.advisory.id == advisory);
        let standing = own.map(|found| found.standing);
        affected += u32::from(standing == Some(Standing::Affected));
        let named = matches!(standing, Some(Standing::Affected | Standing::Unknown));
        found.count(named, || {
            format!("{line}: {standing:?} {:?}", own.map(|found| &found.why))
        });
    }
    println!("{affected} affected, the others unknown and why");
    found.holds("named in prose", 0.9);
}

/// A hundred thousand devices against everything; a build for debugging takes a hundredth of them.
#[test]
fn a_hundred_thousand_assets_are_matched_in_ten_seconds() {
    let Some(path) = zip() else { return };
    let knowledge = known(&path);
    let products = products(&path);
    let count = if cfg!(debug_assertions) {
        1_000
    } else {
        100_000
    };
    // As on a large network: many of a kind, each with a version of its own; and the worst case, no two called the same.
    for (what, kinds) in [("of many kinds", 1), ("no two of a kind", 100_000)] {
        let began = Instant::now();
        let mut matches = 0_usize;
        for at in 0..count {
            let one = &products[(at * 7919) % products.len()];
            let version = format!("{}.{}.{}", at % 9, at % 17, at);
            let order = one.numbers.first().map(String::as_str);
            let name = if kinds == 1 {
                one.name.clone()
            } else {
                format!("{} X{}", one.name, at % kinds)
            };
            let query = ask(&one.vendor, Some(&name), order, &version);
            matches += knowledge.matches(&query).unwrap().len();
        }
        let took = began.elapsed();
        println!("{count} assets {what}, {matches} matches: {took:?}");
        assert!(cfg!(debug_assertions) || kinds > 1 || took.as_secs() < 10);
    }
}
