//! The advisories at hand, and a reader of plain ranges that shares no code with the product's.
#![allow(dead_code)]

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};

use fossick_risk::Knowledge;
use fossick_risk::import::Import;
use fossick_risk::names::Names;
use fossick_risk::staging::Aside;

/// The folder with what the world knows, if it is there; otherwise this says so loudly.
pub fn zip() -> Option<PathBuf> {
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

pub fn scratch() -> io::Result<Box<dyn Aside>> {
    Ok(Box::new(Cursor::new(Vec::new())))
}

/// The knowledge of one file. Every document is taken.
pub fn imported(path: &Path) -> Knowledge {
    let mut import = Import::default();
    import
        .file("sample", &mut File::open(path).unwrap(), &mut scratch)
        .unwrap();
    println!("{:?}", import.report);
    assert!(import.report.refused.is_empty());
    let (octets, _) = import
        .write(None, Vec::new(), &Names::built_in(), &mut scratch)
        .unwrap();
    Knowledge::open(Box::new(Cursor::new(octets))).unwrap()
}

/// A dotted number, and the text around it.
type Dotted = (String, Vec<u64>, Vec<usize>);

pub fn dotted(text: &str) -> Option<Dotted> {
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

fn write((prefix, numbers, widths): &Dotted) -> String {
    let numbers = numbers
        .iter()
        .zip(widths)
        .map(|(number, width)| format!("{number:0width$}"));
    format!("{prefix}{}", numbers.collect::<Vec<_>>().join("."))
}

/// The version right after.
fn after(text: &str) -> Option<String> {
    let mut version = dotted(text)?;
    *version.1.last_mut()? += 1;
    Some(write(&version))
}

/// The version right before.
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

/// From, to, and whether those are in it.
struct Plain {
    from: Option<(String, bool)>,
    to: Option<(String, bool)>,
}

fn plain(text: &str) -> Option<Plain> {
    let text = text
        .trim()
        .trim_start_matches("vers:all/")
        .trim_start_matches("All versions")
        .trim_start_matches("All Versions")
        .trim();
    // A blank within is no part of a plain version.
    let parted = text.as_bytes().windows(3).any(|three| {
        three[1] == b' ' && three[0].is_ascii_alphanumeric() && three[2].is_ascii_alphanumeric()
    });
    if parted && !text.contains(" and <") {
        return None;
    }
    let text = text
        .replace(" and <", "<")
        .replace(" | <", "<")
        .replace("|<", "<")
        .replace(' ', "");
    let end = |text: &str| -> Option<(String, bool)> {
        let (rest, closed) = text
            .strip_prefix('=')
            .map_or((text, false), |rest| (rest, true));
        dotted(rest)?;
        Some((rest.to_owned(), closed))
    };
    if let Some(rest) = text.strip_prefix('>') {
        let (from, to) = rest
            .split_once('<')
            .map_or((rest, None), |(from, to)| (from, Some(to)));
        let to = match to {
            Some(to) => Some(end(to)?),
            None => None,
        };
        let from = end(from)?;
        if let Some((to, _)) = &to
            && compare(&from.0, to)? == Ordering::Greater
        {
            return None;
        }
        return Some(Plain {
            from: Some(from),
            to,
        });
    }
    if let Some(rest) = text.strip_prefix('<') {
        return Some(Plain {
            from: None,
            to: Some(end(rest)?),
        });
    }
    dotted(&text)?;
    Some(Plain {
        from: Some((text.clone(), true)),
        to: Some((text, true)),
    })
}

fn compare(one: &str, other: &str) -> Option<Ordering> {
    let (one, other) = (dotted(one)?.1, dotted(other)?.1);
    let most = one.len().max(other.len());
    let long = |version: &[u64]| {
        (0..most)
            .map(|at| version.get(at).copied().unwrap_or(0))
            .collect::<Vec<_>>()
    };
    Some(long(&one).cmp(&long(&other)))
}

/// Whether a plain range holds a dotted version; `None` where either is not plain.
pub fn contains(range: &str, version: &str) -> Option<bool> {
    let plain = plain(range)?;
    let low = match &plain.from {
        Some((from, closed)) => {
            let order = compare(version, from)?;
            order == Ordering::Greater || *closed && order == Ordering::Equal
        }
        None => true,
    };
    let high = match &plain.to {
        Some((to, closed)) => {
            let order = compare(version, to)?;
            order == Ordering::Less || *closed && order == Ordering::Equal
        }
        None => true,
    };
    Some(low && high)
}

/// Versions just inside and just outside of ranges in the plainest of their shapes.
pub fn around(text: &str) -> Option<(Vec<String>, Vec<String>)> {
    let range = plain(text)?;
    let ends = range.from.iter().chain(&range.to).map(|(end, _)| end);
    let mut made: Vec<String> = ends
        .flat_map(|end| {
            [
                Some(end.clone()),
                before(end),
                after(end),
                Some(format!("{end}.0.1")),
            ]
        })
        .flatten()
        .collect();
    made.sort();
    made.dedup();
    let (inside, outside): (Vec<String>, Vec<String>) = made
        .into_iter()
        .partition(|version| contains(text, version) == Some(true));
    (!inside.is_empty()).then_some((inside, outside))
}
