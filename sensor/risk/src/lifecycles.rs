//! When support ends: the built-in table (`data/lifecycles.toml`) and what was imported from endoflife.date.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::Date;
use regex::Regex;
use serde::Deserialize;

use crate::feeds::lifecycle::Product;
use crate::names::{like, squash};

/// Kind of an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndKind {
    /// It is no longer sold.
    Sale,
    /// It is no longer supported.
    Support,
    /// Nor for money, nor in any edition.
    Extended,
}

impl EndKind {
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            EndKind::Sale => "end of sale",
            EndKind::Support => "end of support",
            EndKind::Extended => "end of extended support",
        }
    }
}

/// An end, with its source.
#[derive(Debug, Clone, Deserialize)]
pub struct End {
    /// Of what.
    pub kind: EndKind,
    /// When.
    pub date: Date,
    /// Who says so.
    pub source: String,
}

#[derive(Deserialize)]
struct Written {
    vendor: String,
    name: String,
    #[serde(default)]
    system: Option<String>,
    #[serde(rename = "match")]
    patterns: Vec<String>,
    #[serde(default)]
    orders: Vec<String>,
    end: Vec<End>,
}

/// A row of the table.
pub struct Row {
    /// Whose product.
    pub vendor: String,
    /// Product and cycle.
    pub name: String,
    /// What kind of operating system; `None` for a device.
    pub system: Option<String>,
    patterns: Vec<Regex>,
    orders: Vec<String>,
    /// Its ends.
    pub ends: Vec<End>,
}

impl Row {
    /// The end that counts: the last of support and extended support.
    #[must_use]
    pub fn last(&self) -> Option<&End> {
        self.ends
            .iter()
            .filter(|end| end.kind != EndKind::Sale)
            .max_by_key(|end| end.date)
    }
}

#[derive(Deserialize)]
struct Table {
    row: Vec<Written>,
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let table: Table = toml::from_str(include_str!("../data/lifecycles.toml"))
        .unwrap_or(Table { row: Vec::new() });
    let read = |written: Written| Row {
        vendor: written.vendor,
        name: written.name,
        system: written.system,
        patterns: written
            .patterns
            .iter()
            .filter_map(|pattern| Regex::new(pattern).ok())
            .collect(),
        orders: written.orders,
        ends: written.end,
    };
    table.row.into_iter().map(read).collect()
});

/// Every row.
#[must_use]
pub fn rows() -> &'static [Row] {
    &ROWS
}

/// The rows of operating systems that a text may mean. `Windows 7 to 8.1` means several.
#[must_use]
pub fn systems(text: &str) -> Vec<usize> {
    let text = text.to_lowercase().replace("microsoft ", "");
    let systems = ROWS
        .iter()
        .enumerate()
        .filter(|(_, row)| row.system.is_some());
    if let Some((from, to)) = text.split_once(" to ").or_else(|| text.split_once(" or ")) {
        let family = from.split_whitespace().next().unwrap_or_default();
        let place = |text: &str| {
            ROWS.iter().position(|row| {
                row.system.is_some() && row.patterns.iter().any(|pattern| pattern.is_match(text))
            })
        };
        let whole = if to.starts_with(family) {
            to.to_owned()
        } else {
            format!("{family} {to}")
        };
        if let (Some(from), Some(to)) = (place(from), place(&whole)) {
            return systems
                .map(|(at, _)| at)
                .filter(|at| (from.min(to)..=from.max(to)).contains(at))
                .collect();
        }
        return Vec::new();
    }
    systems
        .filter(|(_, row)| row.patterns.iter().any(|pattern| pattern.is_match(&text)))
        .map(|(at, _)| at)
        .collect()
}

/// The rows of devices that a model or an order number means.
#[must_use]
pub fn devices(text: &str, is_order: bool) -> Vec<usize> {
    let lower = text.to_lowercase();
    let order = squash(text);
    let means = |row: &Row| {
        row.system.is_none()
            && (row.orders.iter().any(|pattern| like(pattern, &order))
                || !is_order && row.patterns.iter().any(|pattern| pattern.is_match(&lower)))
    };
    ROWS.iter()
        .enumerate()
        .filter(|(_, row)| means(row))
        .map(|(at, _)| at)
        .collect()
}

/// What kind of operating system a text names, if it names one.
#[must_use]
pub fn system_of(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    let kinds = [
        ("windows", "windows"),
        ("linux", "linux"),
        ("ubuntu", "linux"),
        ("debian", "linux"),
        ("centos", "linux"),
        ("red hat", "linux"),
        ("rhel", "linux"),
        ("samba", "linux"),
        ("suse", "linux"),
        ("fedora", "linux"),
        ("freebsd", "bsd"),
        ("netbsd", "bsd"),
        ("openbsd", "bsd"),
        ("vxworks", "vxworks"),
        ("qnx", "qnx"),
        ("android", "android"),
        ("macos", "apple"),
        ("mac os", "apple"),
        ("ios xe", "cisco"),
        ("cisco", "cisco"),
        ("solaris", "solaris"),
    ];
    kinds
        .iter()
        .find(|(word, _)| text.contains(word))
        .map(|(_, kind)| *kind)
}

/// Products of endoflife.date, by their names and labels.
#[derive(Default)]
pub struct Imported(BTreeMap<String, Product>);

impl Imported {
    /// Takes a product.
    pub fn add(&mut self, product: &Product) {
        for name in product
            .aliases
            .iter()
            .chain([&product.label, &product.name])
        {
            let key = name
                .trim_matches('/')
                .to_lowercase()
                .replace(['-', '_'], " ");
            self.0.entry(key).or_insert_with(|| product.clone());
        }
    }

    /// The last end of a product's release: product, release, date.
    #[must_use]
    pub fn end(&self, name: &str, version: &str) -> Option<(String, Date, String)> {
        let key = name.to_lowercase().replace(['-', '_'], " ");
        let product = self
            .0
            .get(key.trim())
            .or_else(|| self.0.get(key.replace("linux", "").trim()))?;
        let version = version.trim_start_matches(['v', 'V']).to_lowercase();
        let fits = |release: &&crate::feeds::lifecycle::Release| {
            let name = release.name.to_lowercase();
            let rest = version.strip_prefix(&name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', ' ']))
        };
        let release = product
            .releases
            .iter()
            .filter(fits)
            .max_by_key(|release| release.name.len())?;
        let dates = [&release.eol_from, &release.eoes_from]
            .into_iter()
            .flatten();
        let date = dates.filter_map(|date| date.parse::<Date>().ok()).max()?;
        Some((
            format!("{} {}", product.label, release.name),
            date,
            format!("https://endoflife.date/{}", product.name),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_read_and_has_an_end() {
        let table: Table = toml::from_str(include_str!("../data/lifecycles.toml")).unwrap();
        for (written, row) in table.row.iter().zip(rows()) {
            assert_eq!(written.patterns.len(), row.patterns.len(), "{}", row.name);
            assert!(!row.ends.is_empty(), "{}", row.name);
            if row.system.is_some() {
                let own = systems(&row.name);
                assert!(
                    !own.is_empty() || row.name.contains(" to ") || row.name.contains("MELSEC"),
                    "{} does not mean itself",
                    row.name
                );
            }
        }
    }

    #[test]
    fn names_mean_one_row_and_ranges_several() {
        let means = |text: &str| {
            systems(text)
                .iter()
                .map(|at| rows()[*at].name.as_str())
                .collect::<Vec<_>>()
        };
        for (text, name) in [
            ("Windows XP", "Windows XP"),
            ("Windows 7 Professional", "Windows 7"),
            (
                "Windows Server 2008 R2 Enterprise",
                "Windows Server 2008 R2",
            ),
            ("Windows Server 2008", "Windows Server 2008"),
            ("Windows 8.1", "Windows 8.1"),
            ("Windows 8", "Windows 8"),
            ("Ubuntu 14.04.3", "Ubuntu 14.04"),
            ("Microsoft Windows CE 6.0", "Windows Embedded CE 6.0"),
            ("VxWorks 5.5.1", "VxWorks 5"),
            ("Debian GNU/Linux 7 (wheezy)", "Debian 7"),
        ] {
            assert_eq!(means(text), [name], "{text}");
        }
        let range = means("Windows 7 to 8.1");
        assert!(
            range.contains(&"Windows 7")
                && range.contains(&"Windows 8.1")
                && !range.contains(&"Windows XP"),
            "{range:?}"
        );
        assert!(
            means("Windows").is_empty()
                && means("Linux").is_empty()
                && means("Windows 6.1").is_empty()
        );
    }
}
