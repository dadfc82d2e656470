//! An advisory as it is kept: what it says of which product, whatever feed it came from.

use serde::{Deserialize, Serialize};

use crate::versions::{Range, Sign};

/// One advisory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Advisory {
    /// `csaf` or `nvd`.
    pub feed: String,
    /// Its id: `ICSA-22-104-04`, `CVE-2022-0001`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Who published it.
    pub publisher: String,
    /// When it was released as it is: a date.
    pub date: String,
    /// What it speaks of.
    pub entries: Vec<Entry>,
    /// What it says.
    pub vulnerabilities: Vec<Vulnerability>,
}

/// A product that an advisory names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Vendor, as written.
    pub vendor: String,
    /// Product and family, as written.
    pub name: String,
    /// Versions, as written.
    pub version: Stated,
    /// Model numbers, SKUs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<String>,
    /// What must be there besides: of each list, one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Vec<String>>,
}

/// Versions as a source states them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Stated {
    /// A range in words.
    Text(String),
    /// Bounds, each with its sign.
    Bounds(Vec<(String, String)>),
}

impl Default for Stated {
    fn default() -> Self {
        Stated::Bounds(Vec::new())
    }
}

impl Stated {
    /// Reads it.
    #[must_use]
    pub fn range(&self) -> Range {
        match self {
            Stated::Text(text) => Range::read(text),
            Stated::Bounds(bounds) => {
                let read = |(sign, text): &(String, String)| {
                    let sign = match sign.as_str() {
                        "<" => Sign::Below,
                        "<=" => Sign::AtMost,
                        ">=" => Sign::AtLeast,
                        ">" => Sign::Above,
                        _ => Sign::Is,
                    };
                    (sign, text.clone())
                };
                let bounds: Vec<(Sign, String)> = bounds.iter().map(read).collect();
                let bounds: Vec<(Sign, &str)> = bounds
                    .iter()
                    .map(|(sign, text)| (*sign, text.as_str()))
                    .collect();
                Range::bounds(&bounds)
            }
        }
    }

    /// How it is written.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Stated::Text(text) => text.clone(),
            Stated::Bounds(bounds) if bounds.is_empty() => "*".to_owned(),
            Stated::Bounds(bounds) => {
                let bounds: Vec<String> = bounds
                    .iter()
                    .map(|(sign, text)| format!("{sign} {text}"))
                    .collect();
                bounds.join(", ")
            }
        }
    }
}

/// One vulnerability, and which entries it concerns, by their place in the list, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Vulnerability {
    /// CVE, or what the publisher calls it.
    pub cve: String,
    /// Base score, the highest that is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cvss: Option<f64>,
    /// Affected, first affected, last affected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affected: Vec<u32>,
    /// Not affected, fixed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_affected: Vec<u32>,
    /// Under investigation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub investigated: Vec<u32>,
    /// What is said about mending it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remediations: Vec<Remediation>,
}

/// A remediation row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remediation {
    /// `vendor_fix`, `no_fix_planned` …
    pub category: String,
    /// In words.
    pub details: String,
    /// Entries it is for, in order; all, if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<u32>,
}

impl Remediation {
    /// Whether it is for this entry.
    #[must_use]
    pub fn is_for(&self, entry: u32) -> bool {
        self.entries.is_empty() || self.entries.binary_search(&entry).is_ok()
    }

    /// As findings quote it.
    #[must_use]
    pub fn row(&self) -> String {
        format!("{}: {}", self.category, self.details)
    }
}
