//! Devices that do not bear being asked: `data/untouchable.toml`, and what imported advisories say of its vulnerabilities.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::LazyLock;

use fossick_model::Asset;
use regex::Regex;
use serde::Deserialize;

use crate::findings::queries;
use crate::matching::{Knowledge, Standing};
use crate::names::Names;

#[derive(Deserialize)]
struct Written {
    cve: String,
    document: String,
    vendors: Vec<String>,
    #[serde(rename = "match")]
    patterns: Vec<String>,
    #[serde(default)]
    ports: Vec<String>,
    why: String,
}

#[derive(Deserialize)]
struct Table {
    row: Vec<Written>,
}

/// A row of the table.
pub struct Row {
    /// The vulnerability by which it is known.
    pub cve: String,
    /// The document that says that questions do harm.
    pub document: String,
    /// The ports that must not be touched, as `tcp/443`; all of the device where there is none.
    pub ports: Vec<String>,
    /// What happens.
    pub why: String,
    vendors: BTreeSet<String>,
    patterns: Vec<Regex>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.cve, self.document, self.why)
    }
}

static NAMES: LazyLock<Names> = LazyLock::new(Names::built_in);

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let table = toml::from_str(include_str!("../data/untouchable.toml"));
    let table: Table = table.unwrap_or(Table { row: Vec::new() });
    let read = |written: Written| {
        let vendors = written.vendors.iter();
        let patterns = written.patterns.iter();
        Row {
            vendors: vendors.flat_map(|name| NAMES.vendor(name)).collect(),
            patterns: patterns.filter_map(|text| Regex::new(text).ok()).collect(),
            cve: written.cve,
            document: written.document,
            ports: written.ports,
            why: written.why,
        }
    };
    table.row.into_iter().map(read).collect()
});

/// Every row.
#[must_use]
pub fn rows() -> &'static [Row] {
    &ROWS
}

/// The rows that are about an asset or a device behind it: by what it is called, by its findings, and by what imported advisories
/// say of its version.
///
/// # Errors
/// The knowledge cannot be read, or is damaged.
pub fn marks(asset: &Asset, knowledge: Option<&Knowledge>) -> io::Result<Vec<&'static Row>> {
    let mut found = Vec::new();
    for part in std::iter::once(asset).chain(&asset.children) {
        let advised = advised(part, knowledge)?;
        for row in rows() {
            let said = advised.iter().filter(|(cve, _)| *cve == row.cve);
            // Not affected counts only where no advisory says otherwise.
            let standing = said.map(|(_, standing)| *standing).min();
            let is_meant = match standing {
                Some(standing) => standing != Standing::NotAffected,
                None => is_called(row, part),
            };
            let is_known = found.iter().any(|known: &&Row| known.cve == row.cve);
            if is_meant && !is_known {
                found.push(row);
            }
        }
    }
    Ok(found)
}

/// What advisories say of it: vulnerability and standing.
fn advised(asset: &Asset, knowledge: Option<&Knowledge>) -> io::Result<Vec<(String, Standing)>> {
    let findings = asset.findings.iter().flat_map(|finding| &finding.cves);
    let mut advised: Vec<(String, Standing)> = findings
        .map(|cve| (cve.clone(), Standing::Affected))
        .collect();
    let Some(knowledge) = knowledge else {
        return Ok(advised);
    };
    for query in queries(asset) {
        for matched in knowledge.matches(&query)? {
            // What it is not affected by is in no row of its own.
            let said = &matched.ready.advisory.vulnerabilities;
            let all = said.iter().map(|one| one.cve.clone());
            let cves: Vec<String> = match matched.standing {
                Standing::NotAffected => all.collect(),
                Standing::Affected | Standing::Unknown => matched.cves,
            };
            advised.extend(cves.into_iter().map(|cve| (cve, matched.standing)));
        }
    }
    Ok(advised)
}

/// Whether a row means it by its name. Who made it may be unknown; that another made it may not be known.
fn is_called(row: &Row, asset: &Asset) -> bool {
    let other = asset.vendor.as_ref().is_some_and(|vendor| {
        let vendors = NAMES.vendor(vendor);
        vendors.is_disjoint(&row.vendors)
    });
    let parts = [
        &asset.vendor,
        &asset.product,
        &asset.model,
        &asset.order_number,
    ];
    let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    let text = parts.join(" ").to_lowercase();
    !other && row.patterns.iter().any(|pattern| pattern.is_match(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(vendor: Option<&str>, model: &str) -> Asset {
        serde_json::from_value(serde_json::json!({
            "id": "0123456789abcdef", "vlans": [], "hostnames": [], "category": "unknown", "vendor": vendor, "model": model,
            "protocols": [], "services": [], "peers": 1, "first_seen": "2024-01-01T00:00:00Z", "last_seen": "2024-01-01T00:00:00Z",
            "visibility": [], "children": [], "facts": [], "observations": [], "findings": [],
        }))
        .unwrap()
    }

    fn marked(vendor: Option<&str>, model: &str) -> Vec<&'static str> {
        let marks = marks(&asset(vendor, model), None).unwrap();
        marks.into_iter().map(|row| row.cve.as_str()).collect()
    }

    #[test]
    fn every_row_is_read() {
        let table: Table = toml::from_str(include_str!("../data/untouchable.toml")).unwrap();
        assert_eq!(table.row.len(), rows().len());
        for (written, row) in table.row.iter().zip(rows()) {
            assert_eq!(written.patterns.len(), row.patterns.len(), "{}", row.cve);
            assert!(row.cve.starts_with("CVE-") && !row.why.is_empty(), "{row}");
            assert!(!row.vendors.is_empty(), "{row}");
        }
    }

    #[test]
    fn a_device_is_meant_by_its_name_and_its_maker() {
        let nvr = ["CVE-2021-36199"];
        assert_eq!(marked(Some("Johnson Controls"), "VideoEdge 2U"), nvr);
        assert_eq!(marked(Some("American Dynamics"), "VideoEdge NVR"), nvr);
        assert_eq!(marked(None, "VideoEdge NVR"), nvr);
        assert_eq!(marked(Some("Siemens"), "VideoEdge NVR"), [""; 0]);
        assert_eq!(
            marked(Some("Siemens"), "SCALANCE X308-2"),
            ["CVE-2018-13807"]
        );
        assert_eq!(marked(Some("Siemens"), "SCALANCE XC208"), [""; 0]);
        assert_eq!(marked(Some("Siemens"), "S7-1200"), [""; 0]);
    }
}
