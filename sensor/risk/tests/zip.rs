//! The advisories of CISA, where they are at hand: how many version strings are read, and whether versions just inside
//! and just outside of a range are told apart. What makes those versions shares no code with what compares them.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use fossick_risk::versions::{Answer, Other, Range};
use serde_json::Value;

/// The folder with what the world knows, if it is there; otherwise this says so loudly.
fn zip() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap();
    let named = std::env::var_os("FOSSICK_INTEL").map(PathBuf::from);
    let path = named
        .unwrap_or_else(|| root.join("../shared/intel"))
        .join("csaf-cisa-ot-2017-2023.zip");
    if path.exists() {
        return Some(path);
    }
    eprintln!(
        "SKIPPED: {} is not there (FOSSICK_INTEL names another folder)",
        path.display()
    );
    None
}

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
        strings.len() as u32 - distinct,
        strings.len()
    );
    assert!(
        f64::from(all - missed) / f64::from(all) >= 0.97,
        "{missed} of {all} are not read"
    );
    assert!(
        f64::from(distinct) / strings.len() as f64 <= 0.03,
        "{distinct} different ones are not read"
    );
}

/// A dotted number, and the text around it.
fn dotted(text: &str) -> Option<(String, Vec<u64>, Vec<usize>)> {
    let text = text.trim();
    let digits = text.trim_start_matches(['V', 'v', 'R']);
    let prefix = text[..text.len() - digits.len()].to_owned();
    let parts: Vec<&str> = digits.split('.').collect();
    if parts
        .iter()
        .any(|part| part.is_empty() || part.len() > 9 || !part.bytes().all(|b| b.is_ascii_digit()))
    {
        return None;
    }
    Some((
        prefix,
        parts.iter().map(|part| part.parse().unwrap()).collect(),
        parts.iter().map(|part| part.len()).collect(),
    ))
}

fn write((prefix, numbers, widths): &(String, Vec<u64>, Vec<usize>)) -> String {
    let numbers = numbers
        .iter()
        .zip(widths)
        .map(|(number, width)| format!("{number:0width$}"));
    format!("{prefix}{}", numbers.collect::<Vec<_>>().join("."))
}

/// The version right after, and the one right before.
fn after(text: &str) -> Option<String> {
    let mut version = dotted(text)?;
    *version.1.last_mut()? += 1;
    Some(write(&version))
}

fn before(text: &str) -> Option<String> {
    let mut version = dotted(text)?;
    for at in (0..version.1.len()).rev() {
        if version.1[at] > 0 {
            version.1[at] -= 1;
            for later in at + 1..version.1.len() {
                version.1[later] = 99;
            }
            return Some(write(&version));
        }
    }
    None
}

/// Versions just inside and just outside of ranges in the plainest of their shapes.
fn around(text: &str) -> Option<(Vec<String>, Vec<String>)> {
    let text = text
        .trim()
        .trim_start_matches("vers:all/")
        .trim_start_matches("All versions")
        .trim_start_matches("All Versions")
        .trim();
    let text = text
        .replace(" and <", "<")
        .replace(" | <", "<")
        .replace("|<", "<")
        .replace(' ', "");
    let list = |found: Vec<Option<String>>| found.into_iter().flatten().collect::<Vec<_>>();
    if let Some(rest) = text.strip_prefix(">=") {
        let Some((from, to)) = rest.split_once('<') else {
            dotted(rest)?;
            return Some((
                list(vec![Some(rest.to_owned()), after(rest)]),
                list(vec![before(rest)]),
            ));
        };
        let closed = to.starts_with('=');
        let to = to.trim_start_matches('=');
        dotted(from)?;
        dotted(to)?;
        let inside = if closed {
            vec![Some(from.to_owned()), Some(to.to_owned())]
        } else {
            vec![Some(from.to_owned()), before(to)]
        };
        let outside = if closed {
            vec![before(from), after(to)]
        } else {
            vec![before(from), Some(to.to_owned()), after(to)]
        };
        return Some((list(inside), list(outside)));
    }
    if let Some(to) = text.strip_prefix("<=") {
        dotted(to)?;
        return Some((
            list(vec![Some(to.to_owned()), before(to)]),
            list(vec![after(to), Some(format!("{to}.1"))]),
        ));
    }
    if let Some(to) = text.strip_prefix('<') {
        dotted(to)?;
        return Some((
            list(vec![before(to)]),
            list(vec![
                Some(to.to_owned()),
                after(to),
                Some(format!("{to}.0.1")),
            ]),
        ));
    }
    dotted(&text)?;
    Some((vec![text.clone()], list(vec![before(&text), after(&text)])))
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
