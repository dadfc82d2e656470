//! Which advisory concerns which device, and what can be done: VEX in `CycloneDX` 1.6.
//!
//! `CycloneDX` and not CSAF: its VEX speaks of the very components of the bill of materials, each device on its own, by the same
//! references, and carries them along. A CSAF VEX speaks of products, as their publisher does; a site would have to publish a
//! product tree of its own under a namespace of its own to say the same of single devices.
//!
//! A finding whose verdict is unknown is `in_triage`; the others are `exploitable`, which the standard has for what may be; closed
//! ones are `resolved`. Lifecycles and detectors name no vulnerability and are not in it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use fossick_model::{Finding, Verdict};
use serde_json::{Map, Value, json};

use crate::Report;
use crate::cyclonedx::{components, member};
use crate::figures::{Figures, Listed};

pub fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let figures = Figures::of(report);
    components(report, &figures, out)?;
    let all = vulnerabilities(report, &figures);
    member(out, "vulnerabilities", all.into_iter())?;
    out.write_all(b"}\n")
}

/// What makes two findings one entry: the vulnerability, the advisory, and what is said of it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key<'f> {
    vulnerability: &'f str,
    advisory: &'f str,
    row: &'f str,
    state: &'static str,
    verdict: &'static str,
}

fn state(finding: &Finding, verdict: Verdict) -> &'static str {
    match verdict {
        _ if finding.state == "closed" => "resolved",
        Verdict::Unknown => "in_triage",
        _ => "exploitable",
    }
}

fn vulnerabilities(report: &Report<'_>, figures: &Figures<'_>) -> Vec<Value> {
    let mut entries = BTreeMap::<Key<'_>, Vec<(&Listed<'_>, &Finding)>>::new();
    for one in &figures.listed {
        for finding in one
            .asset
            .findings
            .iter()
            .filter(|finding| finding.rule == "advisory")
        {
            let verdict = finding.verdict.unwrap_or(Verdict::Unknown);
            let none = [finding.source.id.clone()];
            let ids = if finding.cves.is_empty() {
                none.len()
            } else {
                finding.cves.len()
            };
            for at in 0..ids {
                let vulnerability = finding.cves.get(at).unwrap_or(&finding.source.id);
                let key = Key {
                    vulnerability,
                    advisory: &finding.source.id,
                    row: &finding.source.row,
                    state: state(finding, verdict),
                    verdict: verdict.name(),
                };
                entries.entry(key).or_default().push((one, finding));
            }
        }
    }
    entries
        .iter()
        .enumerate()
        .filter_map(|(at, (key, of))| Some(entry(report, at, key, of.first()?.1, of)))
        .collect()
}

fn entry(
    report: &Report<'_>,
    at: usize,
    key: &Key<'_>,
    finding: &Finding,
    of: &[(&Listed<'_>, &Finding)],
) -> Value {
    let is_cve = key.vulnerability.starts_with("CVE-");
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put(
        "bom-ref",
        json!(format!("vulnerability-{}", at.saturating_add(1))),
    );
    put("id", json!(key.vulnerability));
    put(
        "source",
        json!({"name": if is_cve { "CVE" } else { finding.source.feed.as_str() }}),
    );
    put(
        "references",
        json!([{"id": key.advisory, "source": {"name": finding.source.feed}}]),
    );
    if let Some(score) = finding.cvss {
        // The finding has the highest of all its vulnerabilities, and says so.
        put(
            "ratings",
            json!([{"score": score, "justification": "the highest base score among the advisory's vulnerabilities"}]),
        );
    }
    put("description", json!(finding.title));
    if !finding.source.row.is_empty() {
        put("recommendation", json!(finding.source.row));
    }
    let mut analysis = json!({
        "state": key.state,
        "detail": format!("{}: {}. States: {} {}. As of {}.", key.verdict, finding.why, finding.stated.product, finding.stated.range, report.as_of),
    });
    let response = match finding.verdict {
        Some(Verdict::FixAvailable) => Some("update"),
        Some(Verdict::DeclaredNoFix) => Some("will_not_fix"),
        _ => None,
    };
    if let (Some(response), Some(fields)) = (response, analysis.as_object_mut()) {
        fields.insert("response".to_owned(), json!([response]));
    }
    put("analysis", analysis);
    let affects: Vec<Value> = of
        .iter()
        .map(|(one, _)| json!({"ref": one.asset.id}))
        .collect();
    put("affects", Value::Array(affects));
    let property =
        |name: &str, value: String| json!({"name": format!("fossick:{name}"), "value": value});
    let known = report
        .knowledge
        .and_then(|known| known.exploited.get(key.vulnerability));
    let mut properties = vec![
        property("verdict", key.verdict.to_owned()),
        property("priority", finding.priority.clone()),
        property("confidence", finding.confidence.to_string()),
    ];
    if let Some(known) = known {
        properties.push(property("known_exploited", "true".to_owned()));
        if let Some(due) = known.due {
            properties.push(property("known_exploited_due", due.to_string()));
        }
    }
    put("properties", Value::Array(properties));
    Value::Object(fields)
}
