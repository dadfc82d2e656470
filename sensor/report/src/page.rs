//! The page for people: one file, no scripts, nothing fetched.
//!
//! Markup is made by `maud`, which escapes whatever is put into it, and all of it passes [`Page::put`], which writes out the
//! characters that would turn the direction of text or hide in it.

mod appendix;
mod brief;
mod map;
mod risks;
mod unseen;

use std::io::{self, Write};

use fossick_model::{Evidence, Frames, Shown, Time, push_safe};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::figures::{Figures, Listed, Summary, days};
use crate::{Exception, Report, Zone, figures};

const STYLE: &str = include_str!("style.css");
/// Characters of a text from the wire that are shown.
const LONGEST: usize = 200;
/// Elements that begin a line of the file, so that two reports can be compared.
const LINES: [&str; 12] = [
    "<h2", "<h3", "<p>", "<p ", "<li>", "<tr>", "<article", "<section", "<div>", "<rect", "<path",
    "</main>",
];
/// Rows of a table.
const MOST_ROWS: usize = 500;
/// Columns of zones in the table of kinds.
const MOST_ZONES: usize = 8;

/// Where markup goes.
struct Page<'w> {
    out: &'w mut dyn Write,
}

impl Page<'_> {
    fn put(&mut self, markup: &Markup) -> io::Result<()> {
        let mut safe = String::with_capacity(markup.0.len());
        for (at, character) in markup.0.char_indices() {
            let rest = markup.0.get(at..).unwrap_or_default();
            if character == '<' && LINES.iter().any(|tag| rest.starts_with(tag)) {
                safe.push('\n');
            }
            if character == '\n' {
                safe.push(character);
            } else {
                push_safe(character, &mut safe);
            }
        }
        self.out.write_all(safe.as_bytes())
    }
}

/// A column's title, and whether it holds numbers.
#[derive(Clone, Copy)]
struct Head(&'static str, bool);

const fn words(title: &'static str) -> Head {
    Head(title, false)
}

const fn number(title: &'static str) -> Head {
    Head(title, true)
}

/// A table; on narrow screens each row becomes a list of its cells with their titles.
fn table(caption: &str, heads: &[Head], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div.scroll { table {
            caption { (caption) }
            thead { tr { @for Head(title, is_number) in heads {
                th scope="col" class=[is_number.then_some("number")] { (title) }
            } } }
            tbody { @for row in rows { tr {
                @for (at, (Head(title, is_number), cell)) in heads.iter().zip(row).enumerate() {
                    @if at == 0 {
                        th scope="row" data-title=(title) class=[is_number.then_some("number")] { (cell) }
                    } @else {
                        td data-title=(title) class=[is_number.then_some("number")] { (cell) }
                    }
                }
            } } }
        } }
    }
}

/// Text from the wire, cut where it is longer than anybody reads.
fn short(text: &str) -> String {
    let count = text.chars().count();
    if count <= LONGEST {
        return text.to_owned();
    }
    let cut: String = text.chars().take(LONGEST).collect();
    format!("{cut}… (cut: {count} characters)")
}

fn or_dash(text: Option<&String>) -> String {
    text.map_or_else(|| "–".to_owned(), |text| short(text))
}

/// `2026-11-23 20:21:04`; the page says that all times are UTC.
fn time(time: Time) -> String {
    let text = time.to_string();
    text.chars()
        .take(19)
        .map(|c| if c == 'T' { ' ' } else { c })
        .collect()
}

/// One thing, or so many.
fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn frames(frames: &Frames) -> String {
    let all = frames.all();
    let list: Vec<String> = all.iter().take(4).map(ToString::to_string).collect();
    let more = if all.len() > 4 { ", …" } else { "" };
    let word = if all.len() == 1 { "frame" } else { "frames" };
    format!("{word} {}{more}", list.join(", "))
}

fn packet(evidence: &Evidence) -> String {
    format!(
        "{} {}, {}",
        short(&evidence.capture),
        frames(&evidence.frames),
        time(evidence.time)
    )
}

fn shown(evidence: &[Shown]) -> Markup {
    html! {
        @for one in evidence.iter().take(3) { span.packet { (short(&one.capture)) " " (frames(&one.frames)) } " " }
        @if evidence.len() > 3 { "and " (evidence.len().saturating_sub(3)) " more" }
        @if evidence.is_empty() { "–" }
    }
}

/// What a table does not show, of so many rows.
fn left_out(all: usize) -> Markup {
    let more = all.saturating_sub(MOST_ROWS);
    html! { @if more > 0 { p { (more) " more are left out here; " code { "fossick report --format json" } " has them all." } } }
}

/// The asset, as a link to all that is known of it, where the page has that.
fn linked(one: &Listed<'_>) -> Markup {
    let label = short(&one.label());
    let host = one.host.unwrap_or(one.asset);
    let address = host.ips().first().map(ToString::to_string);
    html! {
        @if one.whole { a href=(format!("#a-{}", one.asset.id)) { (label) } } @else { (label) }
        @if let Some(address) = address.filter(|address| !label.contains(address.as_str())) { " " span.quiet { (address) } }
    }
}

/// What it is, in a line.
fn what(one: &Listed<'_>) -> String {
    let asset = one.asset;
    let model = asset.model.as_ref().or(asset.product.as_ref());
    let kind = asset.kind.map_or("unknown kind", |kind| kind.name());
    let firmware = asset.firmware.as_ref().map(|it| format!("firmware {it}"));
    let os = match (&asset.os, &asset.os_version) {
        (Some(os), Some(version)) if !os.contains(version.as_str()) => {
            Some(format!("{os} {version}"))
        }
        (os, _) => os.clone(),
    };
    let name = [
        asset.vendor.clone(),
        model.or(asset.order_number.as_ref()).cloned(),
    ];
    let name: Vec<String> = name.into_iter().flatten().collect();
    let name = Some(name.join(" ")).filter(|name| !name.is_empty());
    let parts = [Some(kind.to_owned()), name, firmware, os];
    let parts: Vec<String> = parts.into_iter().flatten().map(|it| short(&it)).collect();
    parts.join(", ")
}

fn priority(name: &str) -> Markup {
    let words = match name {
        "act" => "▲ act",
        "attend" => "● attend",
        "track" => "○ track",
        _ => "–",
    };
    html! { span.mark { (words) } }
}

/// Opens a section.
fn head(id: &str, title: &str) -> Markup {
    html! { h2 id=(id) { (title) } }
}

fn nothing(sentence: &str) -> Markup {
    html! { p.nothing { (sentence) } }
}

const SECTIONS: [(&str, &str); 11] = [
    ("summary", "In short"),
    ("inventory", "What is there"),
    ("unpatchable", "What cannot be patched"),
    ("exploited", "What is known to be exploited"),
    ("patching", "Patches and their deadlines"),
    ("controls", "Controls"),
    ("exceptions", "Accepted risks"),
    ("shadow", "What should not be there"),
    ("map", "Who talks to whom"),
    ("unseen", "What could not be seen"),
    ("assets", "The assets, and what proves it"),
];

fn title_of(id: &str) -> &'static str {
    let found = SECTIONS.iter().find(|(own, _)| *own == id);
    found.map_or("", |(_, title)| title)
}

/// Writes the page.
pub fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let figures = Figures::of(report);
    let summary = Summary::of(report, &figures);
    let mut page = Page { out };
    page.put(&top(report, &figures))?;
    page.put(&brief::section(report, &summary))?;
    page.put(&inventory(report, &figures, &summary))?;
    page.put(&risks::unpatchable(report, &figures, &summary))?;
    page.put(&risks::exploited(report, &figures))?;
    page.put(&risks::patching(report, &figures, &summary))?;
    page.put(&risks::controls(report, &figures))?;
    page.put(&exceptions(report, &figures))?;
    page.put(&risks::shadow(report, &figures))?;
    page.put(&map::section(report, &figures))?;
    page.put(&unseen::section(report, &figures))?;
    appendix::write(report, &figures, &mut page)?;
    page.put(&PreEscaped("</main></body></html>\n".to_owned()))
}

fn name_of(report: &Report<'_>) -> String {
    if report.site.is_empty() {
        "this network".to_owned()
    } else {
        short(report.site)
    }
}

fn top(report: &Report<'_>, figures: &Figures<'_>) -> Markup {
    let title = format!("What is on {}", name_of(report));
    let sources: Vec<String> = report
        .sources
        .iter()
        .take(8)
        .map(|one| short(one))
        .collect();
    let more = report.sources.len().saturating_sub(sources.len());
    let begin = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
        }
    };
    let header = html! {
        header {
            p.brand { "Fossick report" }
            h1 { (title) }
            dl.facts {
                div { dt { "Heard" } dd {
                    @if let Some((first, last)) = figures.period() { (time(first)) " to " (time(last)) }
                    @else { "nothing" }
                } }
                div { dt { "Judged as of" } dd { (report.as_of.to_string()) } }
                div { dt { "From" } dd {
                    @if sources.is_empty() { "no source" } @else { (sources.join(", ")) }
                    @if more > 0 { " and " (more) " more" }
                } }
                div { dt { "Made by" } dd { "Fossick " (report.version) } }
            }
            p.quiet { "All times are UTC. Everything here was heard in passing: nothing was sent to any device. Each statement names the packet that proves it." }
        }
        nav aria-label="Contents" { ol { @for (id, title) in SECTIONS { li { a href=(format!("#{id}")) { (title) } } } } }
    };
    // The document stays open: sections are written one by one.
    let begin = begin.0.trim_end_matches("</html>").to_owned();
    PreEscaped(format!("{begin}<body>{}<main>", header.0))
}

fn inventory(report: &Report<'_>, figures: &Figures<'_>, all: &Summary) -> Markup {
    if figures.listed.is_empty() {
        return html! { (head("inventory", title_of("inventory"))) (nothing("No assets were found.")) };
    }
    let by_zone = figures.by_zone();
    let zones: Vec<(&String, &Vec<&Listed<'_>>)> = figures
        .zones
        .iter()
        .zip(&by_zone)
        .filter(|(name, _)| *name != figures::INTERNET || all.zones.contains_key(*name))
        .collect();
    let zone_rows: Vec<Vec<Markup>> = zones
        .iter()
        .take(MOST_ROWS)
        .map(|(name, members)| zone_row(report, name, members))
        .collect();
    let heads = [
        words("Zone"),
        words("Level"),
        words("Answers for it"),
        number("Assets"),
        number("Unpatchable"),
        number("Known exploited"),
        words("What is there"),
    ];
    html! {
        (head("inventory", title_of("inventory")))
        (table("Assets by zone", &heads, &zone_rows))
        (left_out(zones.len()))
        @if report.zones.is_empty() {
            p.quiet { "No zones are configured: VLANs and networks stand for them. Name yours in the configuration, and hand it in with " code { "--config" } "." }
        }
        (kinds(figures))
    }
}

fn zone_row(report: &Report<'_>, name: &str, members: &[&Listed<'_>]) -> Vec<Markup> {
    let zone: Option<&Zone> = report.zones.iter().find(|zone| zone.name == name);
    let mut kinds = std::collections::BTreeMap::<&str, u64>::new();
    for one in members {
        let kind = kinds.entry(one.asset.category.name()).or_default();
        *kind = kind.saturating_add(1);
    }
    let kinds: Vec<String> = kinds
        .iter()
        .map(|(name, n)| format!("{n} {name}"))
        .collect();
    let level = zone
        .and_then(|zone| zone.purdue)
        .map_or("–".to_owned(), |level| level.to_string());
    let level = match zone.and_then(|zone| zone.criticality.as_deref()) {
        Some(criticality) => format!("{level}, criticality {criticality}"),
        None => level,
    };
    let unpatchable = members
        .iter()
        .filter(|one| one.unpatchable().next().is_some())
        .count();
    let exploited = members
        .iter()
        .filter(|one| one.open().any(|f| f.kev))
        .count();
    vec![
        html! { (short(name)) },
        html! { (level) },
        html! { (or_dash(zone.and_then(|zone| zone.owner.as_ref()))) },
        html! { (members.len()) },
        html! { (unpatchable) },
        html! { (exploited) },
        html! { @if kinds.is_empty() { "nothing was heard" } @else { (kinds.join(", ")) } },
    ]
}

fn kinds(figures: &Figures<'_>) -> Markup {
    let mut counts = std::collections::BTreeMap::<(&str, &str), Vec<u64>>::new();
    let used: std::collections::BTreeSet<usize> =
        figures.listed.iter().map(|one| one.zone).collect();
    let columns = used.len().min(MOST_ZONES);
    for one in &figures.listed {
        let kind = one.asset.kind.map_or("unknown", |kind| kind.name());
        let row = counts
            .entry((one.asset.category.name(), kind))
            .or_insert_with(|| vec![0; columns.saturating_add(2)]);
        let mut own = used.iter().take(columns);
        let column = own.position(|zone| *zone == one.zone).unwrap_or(columns);
        for at in [column, columns.saturating_add(1)] {
            if let Some(cell) = row.get_mut(at) {
                *cell = cell.saturating_add(1);
            }
        }
    }
    let shown = used
        .iter()
        .take(columns)
        .map(|zone| short(figures.zone(*zone)));
    let others = used.len() > columns;
    let titles: Vec<String> = shown
        .chain([("other zones").to_owned(), "in all".to_owned()])
        .collect();
    let keep = |at: usize| others || at != columns;
    html! {
        div.scroll.wide { table {
            caption { "Assets by kind and zone" }
            thead { tr {
                th scope="col" { "Kind" } th scope="col" { "Category" }
                @for (at, title) in titles.iter().enumerate() { @if keep(at) { th.number scope="col" { (title) } } }
            } }
            tbody { @for ((category, kind), row) in &counts { tr {
                th scope="row" { (kind) } td { (category) }
                @for (at, n) in row.iter().enumerate() { @if keep(at) { td.number { @if *n == 0 { "·" } @else { (n) } } } }
            } } }
        } }
    }
}

fn exceptions(report: &Report<'_>, figures: &Figures<'_>) -> Markup {
    let mut all: Vec<&Exception> = report.decisions.exceptions.iter().collect();
    all.sort_by_key(|one| (one.until, one.asset.clone()));
    let rows: Vec<Vec<Markup>> = all
        .iter()
        .take(MOST_ROWS)
        .map(|one| {
            let left = days(report.as_of, one.until);
            let listed = figures.asset(&one.asset);
            let finding = one.finding.as_ref().map(|id| {
                let of = listed.and_then(|listed| listed.asset.findings.iter().find(|f| f.id == *id));
                of.map_or_else(|| id.clone(), |finding| finding.title.clone())
            });
            vec![
                listed.map_or_else(|| html! { (short(&one.asset)) }, linked),
                html! { @if let Some(finding) = finding { (short(&finding)) } @else { "all findings" } },
                html! { (short(&one.by)) },
                html! { (short(&one.reason)) },
                html! { span.mark { (one.until.to_string()) } },
                html! { @if figures::is_over(one, report.as_of) { "✕ over: open again" } @else { "✓ holds, " (left) " days left" } },
            ]
        })
        .collect();
    let heads = [
        words("Asset"),
        words("Finding"),
        words("Accepted by"),
        words("Why"),
        words("Until"),
        words("State"),
    ];
    html! {
        (head("exceptions", title_of("exceptions")))
        @if rows.is_empty() { (nothing("No exceptions are recorded.")) }
        @else { (table("Accepted risks, the first to end first", &heads, &rows)) (left_out(all.len())) }
    }
}
