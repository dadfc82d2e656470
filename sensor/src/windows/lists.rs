//! Windows of assets, findings, controls, and of what the approved list says.

use std::collections::BTreeMap;

use fossick_model::{
    Asset, By, ComparedRow, ControlRow, Filter, Finding, FindingRow, Reply, Row, Verdict, Which,
};

use super::{Book, Known, is_open, moved_by, passes, rank, row};
use crate::safe::display_safe;

/// Columns to sort by.
const COLUMNS: [&str; 11] = [
    "address", "name", "kind", "vendor", "model", "os", "firmware", "first", "seen", "verdict",
    "priority",
];

/// Every finding of an asset and of what is behind it.
pub(super) fn of(asset: &Asset) -> impl Iterator<Item = &Finding> {
    let of_children = asset.children.iter().flat_map(|child| &child.findings);
    asset.findings.iter().chain(of_children)
}

/// Its first address, or where it is behind another.
pub(super) fn address(asset: &Asset) -> String {
    let ip = asset.ips().first().map(ToString::to_string);
    let mac = || asset.addresses.as_ref()?.mac.first().cloned();
    ip.or_else(mac)
        .or_else(|| asset.path.clone())
        .unwrap_or_default()
}

/// The smaller, the less can be done about it.
fn gravity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::OutOfSupport => 0,
        Verdict::DeclaredNoFix => 1,
        Verdict::ManufacturerOnly => 2,
        Verdict::DeclaredByOperator => 3,
        Verdict::NoFixYet => 4,
        Verdict::FixNotStated => 5,
        Verdict::FixAvailable => 6,
        Verdict::Unknown => 7,
    }
}

/// The gravest verdict of its findings.
pub(super) fn gravest(asset: &Asset) -> Option<Verdict> {
    of(asset)
        .filter_map(|finding| finding.verdict)
        .min_by_key(|verdict| gravity(*verdict))
}

/// What an asset is sorted by: what is not known stands at the end.
fn key(known: Known<'_>, column: &str) -> (bool, Vec<u8>) {
    let asset = known.asset;
    let text = |text: Option<&String>| text.map(|text| text.to_lowercase().into_bytes());
    let octets = match column {
        "address" => asset.ips().first().map(|ip| match ip {
            std::net::IpAddr::V4(v4) => [&[4][..], &v4.octets()].concat(),
            std::net::IpAddr::V6(v6) => [&[6][..], &v6.octets()].concat(),
        }),
        "name" => text(asset.hostnames.first()),
        "kind" => asset.kind.map(|kind| kind.name().as_bytes().to_vec()),
        "vendor" => text(asset.vendor.as_ref()),
        "model" => text(asset.model.as_ref()),
        "os" => text(asset.os.as_ref()),
        "firmware" => text(asset.firmware.as_ref()),
        // The latest first.
        "first" => Some((!asset.first_seen.0).to_be_bytes().to_vec()),
        "seen" => Some((!asset.last_seen.0).to_be_bytes().to_vec()),
        "verdict" => gravest(asset).map(|verdict| vec![gravity(verdict)]),
        "priority" => {
            let open = of(asset).filter(|finding| is_open(&finding.state));
            open.map(|finding| rank(&finding.priority))
                .min()
                .map(|rank| vec![rank])
        }
        _ => Some(asset.id.as_bytes().to_vec()),
    };
    (octets.is_none(), octets.unwrap_or_default())
}

/// A window of the inventory.
pub(super) fn rows(
    book: &dyn Book,
    filter: &Filter,
    sort: &str,
    (offset, limit): (usize, usize),
) -> anyhow::Result<Reply> {
    let (column, turned) = match sort.strip_prefix('-') {
        Some(column) => (column, true),
        None => (sort, false),
    };
    if !column.is_empty() && !COLUMNS.contains(&column) {
        let why = format!(
            "no column `{}` to sort by: there are {}",
            display_safe(column),
            COLUMNS.join(", ")
        );
        return Ok(Reply::Refused {
            why,
            position: None,
        });
    }
    let mut found: Vec<((bool, Vec<u8>), String)> = Vec::new();
    book.each(&mut |known| {
        if passes(book, filter, known) {
            found.push((key(known, column), known.asset.id.clone()));
        }
    });
    // What is not known stands at the end whichever way the order is.
    found.sort_by(|((a_missing, a), a_id), ((b_missing, b), b_id)| {
        let order = a.cmp(b);
        let order = if turned { order.reverse() } else { order };
        a_missing
            .cmp(b_missing)
            .then(order)
            .then_with(|| a_id.cmp(b_id))
    });
    let total = found.len();
    let shown: Vec<String> = found
        .into_iter()
        .skip(offset)
        .take(limit)
        .map(|(_, id)| id)
        .collect();
    let controls = book.control_states();
    let mut by_id: BTreeMap<String, Row> = BTreeMap::new();
    let wanted: std::collections::BTreeSet<&String> = shown.iter().collect();
    book.each(&mut |known| {
        let id = &known.asset.id;
        if wanted.contains(id) {
            by_id.insert(id.clone(), row(known, controls.get(id).copied()));
        }
    });
    let rows = shown.iter().filter_map(|id| by_id.remove(id)).collect();
    Ok(Reply::Rows { total, rows })
}

/// What a finding is sorted by, and where it is.
struct Found {
    group: (u8, String),
    rank: u8,
    /// Known to be exploited, likely to be, severe; the most comes first.
    urgency: (bool, i64, i64),
    label: String,
    asset: String,
    finding: String,
}

fn is_wanted(finding: &Finding, which: Which) -> bool {
    match which {
        Which::All => true,
        Which::Unpatchable => finding.verdict.is_some_and(Verdict::is_unpatchable),
        Which::Shadow => finding.rule.starts_with("shadow."),
    }
}

/// What is missing to the most, in parts of 10 000: the most comes first.
#[expect(
    clippy::cast_possible_truncation,
    reason = "it is between 0 and 10 000"
)]
fn rest(value: Option<f64>, most: f64) -> i64 {
    value.map_or(10_000, |value| {
        ((1.0 - (value / most).clamp(0.0, 1.0)) * 10_000.0) as i64
    })
}

/// A window of the findings.
pub(super) fn findings(
    book: &dyn Book,
    filter: &Filter,
    which: Which,
    by: By,
    (offset, limit): (usize, usize),
) -> anyhow::Result<Reply> {
    let mut all: Vec<Found> = Vec::new();
    book.each(&mut |known| {
        let asset = known.asset;
        if asset.findings.is_empty() && asset.children.is_empty() || !passes(book, filter, known) {
            return;
        }
        for finding in of(asset).filter(|finding| is_wanted(finding, which)) {
            let label = asset.label();
            let name = match by {
                By::Priority => String::new(),
                By::Asset => format!("{label}\0{}", asset.id),
                By::Rule => finding.rule.clone(),
            };
            all.push(Found {
                group: (0, name),
                rank: rank(&finding.priority),
                urgency: (
                    !finding.kev,
                    rest(finding.epss, 1.0),
                    rest(finding.cvss, 10.0),
                ),
                label,
                asset: asset.id.clone(),
                finding: finding.id.clone(),
            });
        }
    });
    let mut groups: BTreeMap<String, u8> = BTreeMap::new();
    for found in &all {
        let most = groups.entry(found.group.1.clone()).or_insert(found.rank);
        *most = (*most).min(found.rank);
    }
    for found in &mut all {
        found.group.0 = groups.get(&found.group.1).copied().unwrap_or_default();
    }
    all.sort_by(|a, b| {
        (&a.group, a.rank, a.urgency, &a.label, &a.finding)
            .cmp(&(&b.group, b.rank, b.urgency, &b.label, &b.finding))
    });
    let total = all.len();
    let controls = book.control_states();
    let mut rows = Vec::new();
    let mut last: Option<Asset> = None;
    for found in all.into_iter().skip(offset).take(limit) {
        // Lists leave out what only the asset itself holds: the row that is quoted.
        if last.as_ref().is_none_or(|asset| asset.id != found.asset) {
            last = book.whole(&found.asset)?;
        }
        let Some(asset) = &last else { continue };
        let Some(finding) = of(asset).find(|finding| finding.id == found.finding) else {
            continue;
        };
        rows.push(FindingRow {
            asset: found.asset.clone(),
            label: found.label,
            address: address(asset),
            control: controls
                .get(&found.asset)
                .map(|state| (*state).to_owned())
                .unwrap_or_default(),
            finding: finding.clone(),
        });
    }
    Ok(Reply::Findings { total, rows })
}

/// A window of what differs from the list of approved assets.
pub(super) fn compared(
    book: &dyn Book,
    filter: &Filter,
    text: &str,
    (offset, limit): (usize, usize),
) -> Reply {
    let approvals = book.approvals();
    let mut all: Vec<ComparedRow> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    book.each(&mut |known| {
        let asset = known.asset;
        let approved = approvals.number(asset);
        seen.extend(approved);
        let place = || {
            approved
                .and_then(|number| approvals.all().get(number))
                .map(fossick_shadow::Approved::place)
        };
        for finding in of(asset) {
            let state = match finding.rule.as_str() {
                "shadow.unsanctioned" => "unsanctioned",
                "shadow.mismatch" => "mismatched",
                _ => continue,
            };
            if !passes(book, filter, known) {
                continue;
            }
            let refused = known.refused.map(|by| format!("refused: {by}"));
            let decided = refused.unwrap_or_else(|| {
                if finding.state == "open" {
                    String::new()
                } else {
                    finding.state.clone()
                }
            });
            let why = finding.path.first().unwrap_or(&finding.title).clone();
            all.push(ComparedRow {
                state: state.to_owned(),
                asset: asset.id.clone(),
                label: asset.label(),
                why,
                approved: place().unwrap_or_default(),
                decided,
            });
        }
    });
    let wanted = text.trim().to_lowercase();
    let missing = approvals
        .all()
        .iter()
        .enumerate()
        .filter(|(number, _)| !seen.contains(number));
    for (_, approved) in missing {
        let label = approved.label();
        if label.to_lowercase().contains(&wanted) {
            all.push(ComparedRow {
                state: "missing".to_owned(),
                label,
                why: "in the list, never seen".to_owned(),
                approved: approved.place(),
                ..ComparedRow::default()
            });
        }
    }
    let order = |row: &ComparedRow| match row.state.as_str() {
        "unsanctioned" => 0,
        "mismatched" => 1,
        _ => 2,
    };
    all.sort_by(|a, b| (order(a), &a.label).cmp(&(order(b), &b.label)));
    let total = all.len();
    let rows = all.into_iter().skip(offset).take(limit).collect();
    Reply::Compared {
        approved: approvals.len(),
        total,
        rows,
    }
}

/// A window of the controls, and of what needs one.
pub(super) fn controls(book: &dyn Book, filter: &Filter, (offset, limit): (usize, usize)) -> Reply {
    let states = book.control_states();
    let mut all: Vec<ControlRow> = Vec::new();
    book.each(&mut |known| {
        let asset = known.asset;
        let has = states.contains_key(&asset.id);
        let needs = of(asset).find(|finding| finding.verdict.is_some_and(Verdict::is_unpatchable));
        if !has && needs.is_none() || !passes(book, filter, known) {
            return;
        }
        let mut line = ControlRow {
            asset: asset.id.clone(),
            label: asset.label(),
            ..ControlRow::default()
        };
        if let Some(finding) = needs {
            line.reason.clone_from(&finding.title);
            line.finding = Some(finding.id.clone());
        }
        let state = states.get(&asset.id).copied().unwrap_or_default();
        state.clone_into(&mut line.state);
        all.push(line);
    });
    // What went wrong first, then what is on its way, then what is wanting, then what is well.
    let order = |state: &str| match state {
        "violated" => 0,
        "stale" => 1,
        "" => 3,
        "verified" => 4,
        _ => 2,
    };
    all.sort_by(|a, b| (order(&a.state), &a.label).cmp(&(order(&b.state), &b.label)));
    let total = all.len();
    let mut rows: Vec<ControlRow> = all.into_iter().skip(offset).take(limit).collect();
    for line in &mut rows {
        if let Some(control) = book.control(&line.asset) {
            line.by = moved_by(&control);
            line.rules = control.policy.rules.len();
            line.reason = control.policy.demand.reason;
            line.source = control.policy.demand.source;
            line.finding = control.policy.demand.finding;
        } else if let Ok(Some(asset)) = book.whole(&line.asset) {
            let quoted = of(&asset).find(|finding| Some(&finding.id) == line.finding.as_ref());
            line.source = quoted
                .map(|finding| finding.source.row.clone())
                .unwrap_or_default();
        }
    }
    Reply::ControlRows { total, rows }
}
