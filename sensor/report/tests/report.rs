//! Reports of a small site in a file (`data/small.json`), and of none; `BLESS=1` writes what is expected anew.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fossick_model::{Asset, Baseline, Conversation, Network, Span};
use fossick_report::{Decisions, Format, Knowledge, Report, Zone, write};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Given {
    site: String,
    as_of: Date,
    sources: Vec<String>,
    zones: Vec<Placed>,
    knowledge: Option<Knowledge>,
    detectors: Vec<String>,
    unread: Vec<String>,
    heard: Vec<Span>,
    decisions: Decisions,
    assets: Vec<Asset>,
    conversations: Vec<Conversation>,
}

#[derive(Deserialize)]
struct Placed {
    #[serde(flatten)]
    zone: Zone,
    networks: Vec<Network>,
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

fn small() -> Given {
    serde_json::from_str(&fs::read_to_string(data("small.json")).unwrap()).unwrap()
}

/// A site of which nothing is known.
fn empty() -> Given {
    Given {
        site: String::new(),
        as_of: "2026-01-01".parse().unwrap(),
        sources: Vec::new(),
        zones: Vec::new(),
        knowledge: None,
        detectors: Vec::new(),
        unread: Vec::new(),
        heard: Vec::new(),
        decisions: Decisions::default(),
        assets: Vec::new(),
        conversations: Vec::new(),
    }
}

fn printed(site: &Given, format: Format) -> String {
    let place = |_: &[u16], addresses: &[IpAddr]| {
        let holds = |zone: &&Placed| {
            let mut pairs = zone
                .networks
                .iter()
                .flat_map(|n| addresses.iter().map(move |a| (n, a)));
            pairs.any(|(network, address)| network.contains(*address))
        };
        site.zones
            .iter()
            .find(holds)
            .map(|zone| zone.zone.name.clone())
    };
    let zones: Vec<Zone> = site.zones.iter().map(|zone| zone.zone.clone()).collect();
    let report = Report {
        site: &site.site,
        version: "1.2.3",
        as_of: site.as_of,
        sources: &site.sources,
        assets: &site.assets,
        conversations: &site.conversations,
        baseline: &Baseline::of(&site.conversations, &site.heard),
        zones: &zones,
        place: &place,
        decisions: &site.decisions,
        knowledge: site.knowledge.as_ref(),
        detectors: &site.detectors,
        unread: &site.unread,
    };
    let mut out = Vec::new();
    write(&report, format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn holds_to(name: &str, is: &str) {
    let path = data(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, is).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let line = expected
        .lines()
        .zip(is.lines())
        .position(|(one, other)| one != other);
    assert!(
        expected == is,
        "{name} differs from line {line:?} on: BLESS=1 writes it anew; review the difference"
    );
}

#[test]
fn the_page_is_as_it_was_reviewed() {
    holds_to("small.html", &printed(&small(), Format::Html));
}

#[test]
fn the_table_is_as_it_was_reviewed() {
    holds_to("small.csv", &printed(&small(), Format::Csv));
}

#[test]
fn nothing_is_fetched_and_nothing_runs() {
    let page = printed(&small(), Format::Html);
    assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'\""));
    for word in [
        "<script",
        "<img",
        "<link",
        "<iframe",
        "url(",
        "@import",
        "src=",
        "http-equiv=\"refresh\"",
        " on",
    ] {
        // What stands in text is escaped, and so has no `<` or `=\"`; ` on` would begin a handler.
        let found = page.match_indices(word).filter(|(at, _)| {
            word != " on" || {
                let rest = &page[*at + 1..];
                let name: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
                rest[name.len()..].starts_with("=\"")
            }
        });
        assert_eq!(found.count(), 0, "{word}");
    }
    assert_eq!(
        page.matches("http://").count(),
        1,
        "the name space of SVG alone"
    );
}

/// Element by element: everything that is opened is closed, and in order.
#[test]
fn the_page_is_well_formed() {
    for site in [small(), empty(), hostile()] {
        let page = printed(&site, Format::Html);
        let mut open: Vec<String> = Vec::new();
        for tag in page.split('<').skip(1) {
            let inside = tag.split('>').next().unwrap();
            let name: String = inside
                .trim_start_matches('/')
                .chars()
                .take_while(char::is_ascii_alphanumeric)
                .collect();
            if inside.starts_with('/') {
                assert_eq!(open.pop().as_deref(), Some(name.as_str()), "{inside}");
            } else if !inside.starts_with('!') && !["meta", "br"].contains(&name.as_str()) {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{open:?}");
        let ids: Vec<&str> = page
            .split(" id=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        for link in page
            .split("href=\"#")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
        {
            assert!(ids.contains(&link), "nothing has the id {link}");
        }
    }
}

/// The small site so many times, each asset with ids of its own.
fn large(times: usize) -> Given {
    let mut site = small();
    let few = std::mem::take(&mut site.assets);
    for at in 0..times {
        site.assets.extend(few.iter().cloned().map(|mut asset| {
            let renamed = |id: &str| format!("{id}-{at}");
            asset.id = renamed(&asset.id);
            for child in &mut asset.children {
                child.id = renamed(&child.id);
            }
            asset
        }));
    }
    site
}

/// However large the site: a browser opens the page, no link is dead, and what is not shown is counted; the table has all.
#[test]
fn a_page_of_a_large_site_is_bounded_and_says_what_it_leaves_out() {
    let site = large(2_000);
    let page = printed(&site, Format::Html);
    assert!(page.len() < 16 << 20, "{} octets", page.len());
    let hosts = site.assets.iter().filter(|asset| !asset.external);
    let all: usize = hosts.map(|asset| 1 + asset.children.len()).sum();
    let shown = page.matches("<article").count();
    assert!(shown >= 500 && shown < all, "{shown}");
    assert!(page.contains(&format!("⚠ {} assets are left out here", all - shown)));
    let ids: std::collections::BTreeSet<&str> = page
        .split(" id=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    for link in page.split("href=\"#").skip(1) {
        let link = link.split('"').next().unwrap();
        assert!(ids.contains(link), "nothing has the id {link}");
    }
    // Urgent ones go first.
    let urgent = |asset: &&Asset| {
        let mut open = asset.findings.iter();
        open.any(|finding| finding.priority == "act" && finding.state != "closed")
    };
    let urgent = site.assets.iter().filter(urgent);
    let urgent = urgent.filter(|asset| ids.contains(format!("a-{}", asset.id).as_str()));
    assert_eq!(
        urgent.count(),
        shown,
        "there are more urgent ones than are shown"
    );
    let rows = printed(&site, Format::Csv);
    assert_eq!(rows.lines().count(), all + 1);
}

#[test]
fn what_is_empty_says_so() {
    let page = printed(&empty(), Format::Html);
    for sentence in [
        "No assets were found.",
        "Nothing can be said: no advisories and lifecycles were at hand.",
        "No controls are recorded.",
        "No exceptions are recorded.",
        "Nothing can be said: no detector of shadow IT was on.",
        "No conversations between hosts were heard.",
        "Nothing was dropped",
    ] {
        assert!(page.contains(sentence), "{sentence}");
    }
    assert!(
        !page.contains("No asset has a finding that no patch closes."),
        "that would be a claim"
    );
}

const SCRIPT: &str = "<script>alert(1)</script>\"'><svg onload=alert(1)>&#x3c;";
const BIDI: &str = "press\u{202e}gpj.exe\u{2066}\u{200b}\u{feff}\u{1b}[2J\u{0}\u{9b}31m";
const FORMULAS: [&str; 8] = [
    "=HYPERLINK(\"http://192.0.2.1\")",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "＝1+1",
    "  =1",
];

/// Devices that call themselves what no device is called.
fn hostile() -> Given {
    let mut site = small();
    let long = "A".repeat(10_240);
    let names = [
        SCRIPT,
        BIDI,
        &long,
        "</style></title><script>",
        "'; style-src *",
    ];
    for (at, asset) in site.assets.iter_mut().enumerate() {
        let name = names[at % names.len()];
        asset.hostnames = vec![name.to_owned()];
        for value in [
            &mut asset.vendor,
            &mut asset.model,
            &mut asset.firmware,
            &mut asset.os,
            &mut asset.description,
        ] {
            *value = Some(name.to_owned());
        }
        asset.protocols.push(name.to_owned().into());
        asset.visibility.push(name.to_owned().into());
        for fact in &mut asset.facts {
            name.clone_into(&mut fact.value);
            fact.raw = name.into();
            fact.evidence.capture = name.into();
        }
        for finding in &mut asset.findings {
            for text in [
                &mut finding.title,
                &mut finding.why,
                &mut finding.source.row,
                &mut finding.stated.range,
                &mut finding.priority,
            ] {
                name.clone_into(text);
            }
            finding.cves.push(name.to_owned());
        }
        for child in &mut asset.children {
            child.path = Some(name.to_owned());
        }
    }
    for told in &mut site.conversations {
        told.protocol = Some(SCRIPT.into());
    }
    for exception in &mut site.decisions.exceptions {
        exception.reason = format!("{SCRIPT}{BIDI}");
    }
    for control in &mut site.decisions.controls {
        SCRIPT.clone_into(&mut control.policy.demand.reason);
    }
    for zone in &mut site.zones {
        zone.zone.name = format!("{}{SCRIPT}", zone.zone.name);
    }
    site.site = format!("{SCRIPT}{BIDI}{long}");
    site.unread.push(SCRIPT.to_owned());
    site
}

#[test]
fn names_from_the_wire_are_shown_and_not_obeyed() {
    let page = printed(&hostile(), Format::Html);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    for bad in ["<script", "<svg onload", "onload=\"", "</style></title>"] {
        assert!(!page.contains(bad), "{bad}");
    }
    let acts = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    assert_eq!(page.chars().find(|c| acts(*c)), None);
    assert!(page.contains("press\\u{202e}gpj.exe"));
    let longest = page.split(|c: char| c != 'A').map(str::len).max();
    assert!(longest <= Some(200), "a name of 10 kB is cut: {longest:?}");
    assert!(page.contains("(cut: 10240 characters)"));
}

#[test]
fn no_cell_is_a_formula() {
    let mut site = small();
    for formula in FORMULAS {
        for asset in &mut site.assets {
            asset.hostnames = vec![formula.to_owned()];
            asset.vendor = Some(formula.to_owned());
            asset.protocols = vec![formula.into()];
            asset.location = Some(format!("{formula}{BIDI}"));
        }
        let printed = printed(&site, Format::Csv);
        let mut reader = csv::Reader::from_reader(printed.as_bytes());
        let heads = reader.headers().unwrap().clone();
        for row in reader.records() {
            let row = row.unwrap();
            assert_eq!(row.len(), heads.len());
            for cell in &row {
                let first = cell.trim_start().chars().next();
                assert!(
                    !first.is_some_and(|c| "=+-@|%＝＋－＠".contains(c)),
                    "{cell}"
                );
                assert!(
                    !cell.chars().any(|c| c.is_control() || c == '\u{202e}'),
                    "{cell:?}"
                );
            }
        }
    }
}

#[test]
fn the_json_holds_the_assets_as_they_are() {
    let site = small();
    let all: Value = serde_json::from_str(&printed(&site, Format::Json)).unwrap();
    let assets: Vec<Asset> = serde_json::from_value(all["assets"].clone()).unwrap();
    assert_eq!(assets, site.assets);
    let summary = &all["summary"];
    let expected = [
        ("assets", 5),
        ("hosts", 4),
        ("unpatchable", 2),
        ("unpatchable_verified", 1),
        ("exploited", 1),
        ("exploited_overdue", 1),
        ("exceptions", 1),
        ("exceptions_expired", 1),
    ];
    for (name, count) in expected {
        assert_eq!(summary[name], count, "{name}");
    }
    // One of two fixes is 22 days old.
    let late = |at: usize| summary["deadlines"][at]["missed"].clone();
    assert_eq!((late(0), late(1)), (1.into(), 0.into()));
    // Who shows no version keeps nothing.
    let versions = assets
        .iter()
        .flat_map(|asset| std::iter::once(asset).chain(&asset.children))
        .filter(|asset| asset.firmware.is_some() || asset.os_version.is_some());
    let first = &summary["deadlines"][0];
    let sum = |names: [&str; 2]| {
        names
            .iter()
            .map(|name| first[name].as_u64().unwrap())
            .sum::<u64>()
    };
    let told = sum(["assets_in_time", "assets_behind"]);
    assert!(told >= u64::try_from(versions.count()).unwrap() && told < 5);
    assert_eq!(told + first["assets_unknown"].as_u64().unwrap(), 5);
}

/// Every reference in a bill of materials leads somewhere, and none is taken twice.
#[test]
fn references_lead_somewhere() {
    fn gather(component: &Value, refs: &mut Vec<String>) {
        refs.push(component["bom-ref"].as_str().unwrap().to_owned());
        for inside in component["components"].as_array().into_iter().flatten() {
            gather(inside, refs);
        }
    }
    let all: Value = serde_json::from_str(&printed(&small(), Format::Vex)).unwrap();
    let mut refs = Vec::new();
    for component in all["components"].as_array().unwrap() {
        gather(component, &mut refs);
    }
    let vulnerabilities = all["vulnerabilities"].as_array().unwrap();
    for affected in vulnerabilities
        .iter()
        .flat_map(|one| one["affects"].as_array().unwrap())
    {
        assert!(refs.iter().any(|own| affected["ref"] == own.as_str()));
    }
    refs.extend(
        vulnerabilities
            .iter()
            .map(|one| one["bom-ref"].as_str().unwrap().to_owned()),
    );
    let count = refs.len();
    refs.sort();
    refs.dedup();
    assert_eq!(refs.len(), count);
    let of = |id: &str| vulnerabilities.iter().find(|one| one["id"] == id).unwrap();
    assert_eq!(
        of("CVE-2026-10001")["analysis"]["response"][0],
        "will_not_fix"
    );
    assert_eq!(of("CVE-2026-10003")["analysis"]["response"][0], "update");
    assert_eq!(of("ACME-2026-04")["analysis"]["state"], "in_triage");
    assert!(
        !vulnerabilities.iter().any(|one| one["id"] == "Windows XP"),
        "a lifecycle is no vulnerability"
    );
}

/// Somebody else's validator has the last word on `CycloneDX`; `make formats` installs it.
#[test]
fn bills_of_materials_follow_the_schema() {
    let target = std::env::current_exe()
        .unwrap()
        .ancestors()
        .nth(3)
        .unwrap()
        .to_owned();
    let python = std::env::var_os("FOSSICK_FORMATS")
        .map_or(target.join("formats/bin/python"), PathBuf::from);
    let there = Command::new(&python)
        .args(["-c", "import cyclonedx.validation.json, jsonschema"])
        .output();
    if !there.is_ok_and(|done| done.status.success()) {
        eprintln!("SKIPPED: CycloneDX is not validated; `make formats` installs the validator");
        return;
    }
    for site in [small(), empty(), hostile()] {
        for format in [Format::CycloneDx, Format::Vex] {
            let mut child = Command::new(&python)
                .arg(data("validate.py"))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            child
                .stdin
                .take()
                .unwrap()
                .write_all(printed(&site, format).as_bytes())
                .unwrap();
            let done = child.wait_with_output().unwrap();
            assert!(
                done.status.success(),
                "{format:?}: {}",
                String::from_utf8_lossy(&done.stdout)
            );
        }
    }
}
