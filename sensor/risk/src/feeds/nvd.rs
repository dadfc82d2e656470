//! NVD JSON 2.0: pages of the API and yearly feeds.
//!
//! CPE names are read as in CPE 2.3 (NISTIR 7695 §6.2): eleven parts, `\` before what is literal.

use std::io::Read;

use serde::Deserialize;

use super::{Refusal, Sink, cut, date, invalid, is_cve, stream};
use crate::advisory::{Advisory, Entry, Stated, Vulnerability};
use crate::file::Record;
use crate::limits;

#[derive(Deserialize)]
struct Item {
    cve: Cve,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cve {
    id: String,
    #[serde(default)]
    vuln_status: String,
    last_modified: String,
    #[serde(default)]
    descriptions: Vec<Description>,
    #[serde(default)]
    metrics: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    configurations: Vec<Configuration>,
}

#[derive(Deserialize)]
struct Description {
    lang: String,
    value: String,
}

#[derive(Deserialize)]
struct Configuration {
    #[serde(default)]
    operator: Option<String>,
    #[serde(default)]
    negate: bool,
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    operator: String,
    #[serde(default)]
    negate: bool,
    cpe_match: Vec<Match>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Match {
    vulnerable: bool,
    criteria: String,
    #[serde(default)]
    version_start_including: Option<String>,
    #[serde(default)]
    version_start_excluding: Option<String>,
    #[serde(default)]
    version_end_including: Option<String>,
    #[serde(default)]
    version_end_excluding: Option<String>,
}

/// A CPE name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpe {
    /// `a`, `o` or `h`.
    pub part: char,
    /// Vendor, with blanks for underscores.
    pub vendor: String,
    /// Product, with blanks for underscores.
    pub product: String,
    /// Version and update; `None` for any.
    pub version: Option<String>,
    /// Whether the version does not apply (`-`).
    pub without: bool,
}

impl Cpe {
    /// Reads a formatted string, or the older URI.
    #[must_use]
    pub fn read(text: &str) -> Option<Cpe> {
        let parts: Vec<String> = if let Some(rest) = text.strip_prefix("cpe:2.3:") {
            fields(rest)
        } else {
            text.strip_prefix("cpe:/")?
                .split(':')
                .map(str::to_owned)
                .collect()
        };
        let field = |at: usize| parts.get(at).map_or("*", String::as_str);
        let part = field(0)
            .chars()
            .next()
            .filter(|part| "aoh".contains(*part))?;
        let (vendor, product) = (field(1), field(2));
        if parts.len() < 3 || vendor == "*" || product == "*" || vendor.is_empty() {
            return None;
        }
        let any = |text: &str| text.is_empty() || text == "*" || text == "-";
        let version = (!any(field(3))).then(|| {
            if any(field(4)) {
                field(3).to_owned()
            } else {
                format!("{} {}", field(3), field(4).replace('_', " "))
            }
        });
        let plain = |text: &str| text.replace('_', " ");
        Some(Cpe {
            part,
            vendor: plain(vendor),
            product: plain(product),
            version,
            without: field(3) == "-",
        })
    }
}

/// Splits at colons that are not literal, and takes the `\` away.
fn fields(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut literal = false;
    for c in text.chars() {
        match c {
            _ if literal => {
                fields
                    .last_mut()
                    .into_iter()
                    .for_each(|field| field.push(c));
                literal = false;
            }
            '\\' => literal = true,
            ':' => fields.push(String::new()),
            _ => fields
                .last_mut()
                .into_iter()
                .for_each(|field| field.push(c)),
        }
    }
    fields
}

fn bounds(found: &Match, cpe: &Cpe) -> Stated {
    let given = [
        (">=", &found.version_start_including),
        (">", &found.version_start_excluding),
        ("<=", &found.version_end_including),
        ("<", &found.version_end_excluding),
    ];
    let mut bounds: Vec<(String, String)> = Vec::new();
    for (sign, text) in given {
        bounds.extend(
            text.iter()
                .map(|text| (sign.to_owned(), cut(text, limits::TEXT).to_owned())),
        );
    }
    if let (true, Some(version)) = (bounds.is_empty(), &cpe.version) {
        bounds.push(("=".to_owned(), cut(version, limits::TEXT).to_owned()));
    }
    if bounds.is_empty() && cpe.without {
        // `-` says that a version does not apply: for a device that has one, that says nothing.
        return Stated::Text("n/a".to_owned());
    }
    Stated::Bounds(bounds)
}

/// The products of one configuration: what is vulnerable, with what must be there besides.
fn entries(configuration: &Configuration) -> Result<Vec<Entry>, Refusal> {
    let mut found = Vec::new();
    if configuration.negate || configuration.nodes.iter().any(|node| node.negate) {
        return Ok(found);
    }
    let together = configuration.operator.as_deref() == Some("AND");
    let mut groups: Vec<Vec<(&Match, Cpe)>> = Vec::new();
    for node in &configuration.nodes {
        if !["AND", "OR"].contains(&node.operator.as_str()) {
            return invalid(format!("`{}` is no operator", cut(&node.operator, 20)));
        }
        let mut group = Vec::new();
        for matched in &node.cpe_match {
            let Some(cpe) = Cpe::read(&matched.criteria) else {
                return invalid(format!("`{}` is no CPE name", cut(&matched.criteria, 80)));
            };
            group.push((matched, cpe));
        }
        if node.operator == "AND" {
            groups.extend(group.into_iter().map(|one| vec![one]));
        } else {
            groups.push(group);
        }
    }
    let all_of = together
        || configuration
            .nodes
            .iter()
            .any(|node| node.operator == "AND");
    for (at, group) in groups.iter().enumerate() {
        for (matched, cpe) in group.iter().filter(|(matched, _)| matched.vulnerable) {
            let others = groups
                .iter()
                .enumerate()
                .filter(|(other, _)| all_of && *other != at);
            let names = |group: &Vec<(&Match, Cpe)>| {
                group
                    .iter()
                    .map(|(_, cpe)| format!("{} {}", cpe.vendor, cpe.product))
                    .take(64)
                    .collect()
            };
            found.push(Entry {
                vendor: cut(&cpe.vendor, limits::TEXT).to_owned(),
                name: cut(&cpe.product, limits::TEXT).to_owned(),
                version: bounds(matched, cpe),
                orders: Vec::new(),
                also: others.map(|(_, group)| names(group)).collect(),
            });
        }
    }
    Ok(found)
}

/// Highest base score that any of its metrics states.
fn score(metrics: &serde_json::Map<String, serde_json::Value>) -> Option<f64> {
    let lists = [
        "cvssMetricV40",
        "cvssMetricV31",
        "cvssMetricV30",
        "cvssMetricV2",
    ];
    let list = lists.iter().find_map(|name| {
        metrics
            .get(*name)?
            .as_array()
            .filter(|list| !list.is_empty())
    })?;
    let scores = list
        .iter()
        .filter_map(|metric| metric.get("cvssData")?.get("baseScore")?.as_f64());
    scores
        .filter(|score| (0.0..=10.0).contains(score))
        .reduce(f64::max)
}

fn record(cve: &Cve) -> Result<Option<Record>, Refusal> {
    if !is_cve(&cve.id) {
        return invalid(format!("`{}` is no CVE", cut(&cve.id, 40)));
    }
    if date(&cve.last_modified).is_none() {
        return invalid(format!("{}: lastModified is no date", cve.id));
    }
    let mut found = Vec::new();
    for configuration in &cve.configurations {
        found.extend(
            entries(configuration)
                .map_err(|error| Refusal::Invalid(format!("{}: {error}", cve.id)))?,
        );
    }
    found.truncate(limits::ENTRIES);
    if cve.vuln_status == "Rejected" {
        found.clear();
    }
    let text = cve
        .descriptions
        .iter()
        .find(|text| text.lang == "en")
        .map(|text| text.value.as_str());
    let count = u32::try_from(found.len()).unwrap_or_default();
    let advisory = Advisory {
        feed: "nvd".to_owned(),
        id: cve.id.clone(),
        title: cut(text.unwrap_or_default(), 300).to_owned(),
        publisher: "NVD".to_owned(),
        date: cut(&cve.last_modified, 10).to_owned(),
        entries: found,
        vulnerabilities: vec![Vulnerability {
            cve: cve.id.clone(),
            cvss: score(&cve.metrics),
            affected: (0..count).collect(),
            ..Vulnerability::default()
        }],
    };
    let value = serde_json::to_string(&advisory)?;
    if value.len() > limits::RECORD / 2 {
        return Ok(None);
    }
    Ok(Some(Record {
        key: format!("a/nvd/{}", cve.id),
        rank: cut(&cve.last_modified, 40).replace('\n', " "),
        value,
    }))
}

/// Reads one feed or page.
///
/// # Errors
/// It is no NVD JSON 2.0, or does not hold what it must.
pub fn read(reader: &mut dyn Read, sink: &mut Sink<'_>) -> Result<String, Refusal> {
    let mut count = 0_u64;
    let mut newest = String::new();
    let mut element = |item: Item, others: &serde_json::Map<String, serde_json::Value>| {
        if others.get("format").and_then(serde_json::Value::as_str) != Some("NVD_CVE") {
            return invalid("its format is not NVD_CVE");
        }
        if others
            .get("version")
            .and_then(serde_json::Value::as_str)
            .is_none_or(|version| !version.starts_with("2."))
        {
            return invalid("its version is not 2.0");
        }
        newest = newest
            .clone()
            .max(cut(&item.cve.last_modified, 10).to_owned());
        count = count.saturating_add(1);
        match record(&item.cve)? {
            Some(record) => Ok(sink(record)?),
            None => invalid(format!("{} is too long", item.cve.id)),
        }
    };
    stream(reader, "vulnerabilities", &mut element)?;
    if !newest.is_empty() {
        sink(Record {
            key: "f/nvd".to_owned(),
            rank: newest.clone(),
            value: newest,
        })?;
    }
    Ok(format!("{count} CVEs"))
}
