//! A row for each asset, for a spreadsheet.

use std::io::{self, Write};

use fossick_model::{Attribute, Verdict, display_safe};

use crate::Report;
use crate::figures::{Figures, Listed};

type Cell = fn(&Listed<'_>, &Figures<'_>) -> String;

/// Characters of a cell; spreadsheets take 32,767.
const LONGEST: usize = 2000;

const COLUMNS: [(&str, Cell); 21] = [
    ("id", |one, _| one.asset.id.clone()),
    ("behind", |one, _| {
        one.host.map(|host| host.id.clone()).unwrap_or_default()
    }),
    ("name", |one, _| one.asset.label()),
    ("ip", |one, _| joined(one.asset.ips())),
    ("mac", |one, _| {
        joined(one.asset.addresses.iter().flat_map(|all| &all.mac))
    }),
    ("path", |one, _| one.asset.path.clone().unwrap_or_default()),
    ("vlans", |one, _| joined(&one.asset.vlans)),
    ("zone", |one, figures| figures.zone(one.zone).to_owned()),
    ("kind", |one, _| {
        one.asset
            .kind
            .map_or(String::new(), |kind| kind.name().to_owned())
    }),
    ("category", |one, _| one.asset.category.name().to_owned()),
    ("verdicts", |one, _| joined(verdicts(one))),
    ("unpatchable_findings", |one, _| {
        one.unpatchable().count().to_string()
    }),
    ("open_findings", |one, _| one.open().count().to_string()),
    ("known_exploited", |one, _| {
        yes(one.open().any(|finding| finding.kev))
    }),
    ("priority", |one, _| priority(one).to_owned()),
    ("control", |one, _| {
        one.control
            .map_or("none", |control| control.state.name())
            .to_owned()
    }),
    ("protocols", |one, _| joined(&one.asset.protocols)),
    ("services", |one, _| {
        joined(one.asset.services.iter().map(|it| it.port))
    }),
    ("visibility", |one, _| joined(&one.asset.visibility)),
    ("first_seen", |one, _| one.asset.first_seen.to_string()),
    ("last_seen", |one, _| one.asset.last_seen.to_string()),
];

fn joined(parts: impl IntoIterator<Item = impl ToString>) -> String {
    let parts: Vec<String> = parts.into_iter().map(|part| part.to_string()).collect();
    parts.join(" ; ")
}

fn yes(it: bool) -> String {
    if it { "yes" } else { "no" }.to_owned()
}

fn verdicts(one: &Listed<'_>) -> Vec<&'static str> {
    let mut names: Vec<&str> = one
        .open()
        .filter_map(|f| f.verdict)
        .map(Verdict::name)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn priority(one: &Listed<'_>) -> &'static str {
    let has = |name: &&&str| one.open().any(|finding| finding.priority == **name);
    ["act", "attend", "track"]
        .iter()
        .find(has)
        .copied()
        .unwrap_or_default()
}

/// A cell that no spreadsheet calculates and no terminal obeys.
fn cell(text: &str) -> String {
    let text: String = text.chars().take(LONGEST).collect();
    let safe = display_safe(&text);
    // The wide forms count as well where people write with them.
    let calculates = |c: char| {
        matches!(
            c,
            '=' | '+' | '-' | '@' | '|' | '%' | '＝' | '＋' | '－' | '＠'
        )
    };
    if safe.trim_start().starts_with(calculates) {
        format!("'{safe}")
    } else {
        safe
    }
}

pub fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let figures = Figures::of(report);
    let mut to = csv::Writer::from_writer(out);
    let attributes = Attribute::ALL
        .iter()
        .filter(|one| !matches!(one, Attribute::Kind | Attribute::Hostname));
    let attributes: Vec<&Attribute> = attributes.collect();
    let heads = COLUMNS.iter().map(|(name, _)| *name);
    to.write_record(heads.chain(attributes.iter().map(|one| one.name())))?;
    for one in &figures.listed {
        let own = COLUMNS.iter().map(|(_, of)| cell(&of(one, &figures)));
        let facts = attributes.iter().map(|attribute| {
            let value = one.asset.value(**attribute);
            cell(&value.unwrap_or_default())
        });
        to.write_record(own.chain(facts).collect::<Vec<_>>())?;
    }
    to.flush()
}
