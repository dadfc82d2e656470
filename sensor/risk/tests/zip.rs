//! The advisories of CISA, where they are at hand: how many version strings are read, and whether versions just inside
//! and just outside of a range are told apart. What makes those versions shares no code with what compares them.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use common::{around, zip};
use fossick_risk::versions::{Answer, Other, Range};
use serde_json::Value;

fn strings(path: &Path) -> BTreeMap<String, u32> {
    fn walk(branch: &Value, found: &mut BTreeMap<String, u32>) {
        if matches!(
            branch["category"].as_str(),
            Some("product_version" | "product_version_range")
        ) {
            *found
                .entry(branch["name"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        branch["branches"]
            .as_array()
            .into_iter()
            .flatten()
            .for_each(|inner| walk(inner, found));
    }
    let mut archive = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut found = BTreeMap::new();
    for at in 0..archive.len() {
        let mut text = String::new();
        archive
            .by_index(at)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        document["product_tree"]["branches"]
            .as_array()
            .into_iter()
            .flatten()
            .for_each(|branch| walk(branch, &mut found));
    }
    found
}

#[test]
fn version_strings_are_read() {
    let Some(path) = zip() else { return };
    let strings = strings(&path);
    let (mut unread, mut other, mut all) = (BTreeMap::<String, (u32, String)>::new(), 0, 0);
    let (mut distinct, mut kinds) = (0_u32, BTreeMap::<&str, (u32, String)>::new());
    for (text, count) in &strings {
        all += count;
        let kind = match Range::read(text) {
            Range::Unreadable => {
                distinct += 1;
                let shape: String = text
                    .chars()
                    .map(|c| if c.is_ascii_digit() { '9' } else { c })
                    .collect();
                let entry = unread.entry(shape).or_insert((0, text.clone()));
                entry.0 += count;
                continue;
            }
            Range::Other(Other::Serial) => "serial number",
            Range::Other(Other::Part(..)) => "version of a part",
            Range::Other(Other::Model(_)) => "model",
            Range::Other(Other::Condition(_)) => "condition",
            Range::Other(Other::Conditional(..)) => "version and a condition",
            Range::All | Range::Never | Range::Within(_) => continue,
        };
        other += count;
        let entry = kinds.entry(kind).or_default();
        entry.0 += count;
        if entry.1.len() < 900 {
            entry.1.push_str(text);
            entry.1.push_str(" ~ ");
        }
    }
    let missed: u32 = unread.values().map(|(count, _)| count).sum();
    let mut shapes: Vec<_> = unread.into_iter().collect();
    shapes.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    for (shape, (count, example)) in shapes.iter().take(70) {
        println!("unreadable {count:>4}  {shape:?}  such as {example:?}");
    }
    println!("about something else: {other}: {kinds:#?}");
    println!(
        "{} of {all} strings are read, {} of {} different ones",
        all - missed,
        u32::try_from(strings.len()).unwrap() - distinct,
        strings.len()
    );
    assert!(
        f64::from(all - missed) / f64::from(all) >= 0.97,
        "{missed} of {all} are not read"
    );
    assert!(
        f64::from(distinct) / f64::from(u32::try_from(strings.len()).unwrap()) <= 0.03,
        "{distinct} different ones are not read"
    );
}

#[test]
fn versions_just_inside_and_just_outside_are_told_apart() {
    let Some(path) = zip() else { return };
    let (mut inside, mut outside, mut wrong) = ([0_u32; 2], [0_u32; 2], Vec::new());
    let mut shapes = 0;
    for text in strings(&path).keys() {
        let Some((within, without)) = around(text) else {
            continue;
        };
        shapes += 1;
        let range = Range::read(text);
        for (versions, wanted, count) in [
            (within, Answer::Yes, &mut inside),
            (without, Answer::No, &mut outside),
        ] {
            for version in versions {
                count[1] += 1;
                if range.holds(Some(&version)) == wanted {
                    count[0] += 1;
                } else {
                    wrong.push(format!("{text:?} and {version:?}: not {wanted:?}"));
                }
            }
        }
    }
    wrong.iter().take(40).for_each(|line| println!("{line}"));
    println!(
        "{shapes} ranges: {} of {} inside, {} of {} outside",
        inside[0], inside[1], outside[0], outside[1]
    );
    assert!(
        f64::from(inside[0]) / f64::from(inside[1]) >= 0.99
            && f64::from(outside[0]) / f64::from(outside[1]) >= 0.99
    );
}
