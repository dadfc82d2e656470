//! What is to be done: what cannot be patched, what is exploited, what is late, what is fenced in, what should not be there.

use std::collections::BTreeMap;

use fossick_model::{Control, ControlState, Finding, Staleness, Verdict};
use jiff::civil::Date;
use maud::{Markup, html};

use super::{
    MOST_ROWS, counted, head, left_out, linked, nothing, number, packet, priority, short, shown,
    table, time, title_of, what, words,
};
use crate::Report;
use crate::figures::{self, DEADLINES, Figures, Listed, Summary, days};

/// Findings of one asset that are shown where it is one of many; the appendix has the rest.
const MOST_FINDINGS: usize = 4;

const NOT_JUDGED: &str = "Nothing can be said: no advisories and lifecycles were at hand.";

/// Each verdict, its mark, and what it means.
const VERDICTS: [(Verdict, &str, &str); 8] = [
    (
        Verdict::DeclaredNoFix,
        "✕",
        "The manufacturer's advisory says that no fix is planned.",
    ),
    (
        Verdict::NoFixYet,
        "✕",
        "The manufacturer's advisory says that there is no fix yet.",
    ),
    (
        Verdict::OutOfSupport,
        "✕",
        "The manufacturer's support has ended; two sources agree on what it is.",
    ),
    (
        Verdict::ManufacturerOnly,
        "✕",
        "A regulated device: only its manufacturer may patch it.",
    ),
    (
        Verdict::DeclaredByOperator,
        "✕",
        "A person of the site said that it cannot be patched.",
    ),
    (
        Verdict::FixAvailable,
        "✓",
        "A fixed version above the one that was seen exists.",
    ),
    (
        Verdict::FixNotStated,
        "–",
        "Affected, and the advisory states no fix. That does not say that none exists.",
    ),
    (
        Verdict::Unknown,
        "?",
        "It cannot be told from what was seen; each finding says why.",
    ),
];

/// A verdict with its mark, readable without colour.
pub fn verdict(verdict: Option<Verdict>) -> Markup {
    let found = VERDICTS.iter().find(|(own, _, _)| Some(*own) == verdict);
    html! {
        span.mark { @if let Some((own, mark, _)) = found { (mark) " " (own.name()) } @else { "! detector" } }
    }
}

pub fn unpatchable(report: &Report<'_>, figures: &Figures<'_>, all: &Summary) -> Markup {
    let title = head("unpatchable", title_of("unpatchable"));
    if report.knowledge.is_none() && all.verdicts.keys().all(|name| name == "detector") {
        return html! { (title) (nothing(NOT_JUDGED)) };
    }
    let mut assets = BTreeMap::<&str, u64>::new();
    for one in &figures.listed {
        let mut names: Vec<&str> = one
            .open()
            .filter_map(|f| f.verdict)
            .map(Verdict::name)
            .collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let count = assets.entry(name).or_default();
            *count = count.saturating_add(1);
        }
    }
    let rows: Vec<Vec<Markup>> = VERDICTS
        .iter()
        .map(|(own, _, meaning)| {
            let of = |counts: u64| html! { (counts) };
            vec![
                html! { (verdict(Some(*own))) },
                html! { (meaning) },
                of(assets.get(own.name()).copied().unwrap_or_default()),
                of(all.verdicts.get(own.name()).copied().unwrap_or_default()),
            ]
        })
        .collect();
    let heads = [
        words("Verdict"),
        words("What it means"),
        number("Assets"),
        number("Findings"),
    ];
    let mut cases: Vec<&Listed<'_>> = figures
        .listed
        .iter()
        .filter(|one| one.unpatchable().next().is_some())
        .collect();
    cases.sort_by_key(|one| one.unpatchable().map(figures::urgency).min());
    html! {
        (title)
        (table("Verdicts", &heads, &rows))
        @if cases.is_empty() { (nothing("No asset has a finding that no patch closes.")) }
        @for one in cases.iter().take(MOST_ROWS) { (case(report, figures, one)) }
        (left_out(cases.len()))
    }
}

fn case(report: &Report<'_>, figures: &Figures<'_>, one: &Listed<'_>) -> Markup {
    let accepted = report.decisions.exceptions.iter();
    let accepted = accepted.filter(|exception| {
        let is_about = |id: &String| one.unpatchable().any(|finding| finding.id == *id);
        exception.asset == one.asset.id
            && exception.finding.as_ref().is_none_or(is_about)
            && !figures::is_over(exception, report.as_of)
    });
    let accepted: Vec<String> = accepted
        .map(|exception| format!("{} until {}", short(&exception.by), exception.until))
        .collect();
    let all: Vec<&Finding> = one.unpatchable().collect();
    let rows: Vec<Vec<Markup>> = all
        .iter()
        .take(MOST_FINDINGS)
        .map(|finding| {
            vec![
                html! { (verdict(finding.verdict)) br; (priority(&finding.priority)) },
                html! { (about(finding)) },
                html! { (quoted(finding)) },
                html! { (shown(&finding.evidence)) },
            ]
        })
        .collect();
    let more = all.len().saturating_sub(rows.len());
    let heads = [
        words("Verdict"),
        words("Finding"),
        words("The row that says so"),
        words("Packets"),
    ];
    html! {
        section.case {
            h3 { (linked(one)) }
            p { (what(one)) ". Zone: " (short(figures.zone(one.zone))) ". Control: " (control_of(one.control)) "."
                @if !accepted.is_empty() { " Accepted by " (accepted.join(", by ")) "." } }
            (table("Findings that no patch closes", &heads, &rows))
            @if more > 0 {
                @let more = counted(u64::try_from(more).unwrap_or(u64::MAX), "more such finding", "more such findings");
                p { @if one.whole { a href=(format!("#a-{}", one.asset.id)) { (more) } " below." } @else { (more) "." } }
            }
        }
    }
}

/// A finding's title, where it comes from, and what it is about.
pub fn about(finding: &Finding) -> Markup {
    let cves: Vec<&str> = finding.cves.iter().take(6).map(String::as_str).collect();
    let more = finding.cves.len().saturating_sub(cves.len());
    html! {
        (short(&finding.title))
        div.quiet {
            (short(&finding.source.id))
            @if !finding.source.date.is_empty() { ", " (short(&finding.source.date)) }
            @if !cves.is_empty() { "; " (short(&cves.join(", "))) }
            @if more > 0 { " and " (more) " more" }
            @if let Some(score) = finding.cvss { "; CVSS " (format!("{score:.1}")) }
            @if let Some(score) = finding.epss { "; EPSS " (format!("{score:.3}")) }
            @if finding.kev { "; " strong { "known to be exploited" } }
        }
    }
}

/// The row, and both sides of the match.
pub fn quoted(finding: &Finding) -> Markup {
    let stated = format!("{} {}", finding.stated.product, finding.stated.range);
    html! {
        @if finding.source.row.is_empty() { "–" } @else { blockquote { "“" (short(&finding.source.row)) "”" } }
        div.quiet {
            @if !stated.trim().is_empty() { "States: " (short(stated.trim())) ". " }
            @if !finding.why.is_empty() { "Why: " (short(&finding.why)) ". " }
            "Confidence " (finding.confidence) " of 100."
        }
    }
}

/// How far a control has come, in words.
pub fn control_of(control: Option<&Control>) -> Markup {
    let Some(control) = control else {
        return html! { strong.mark { "✕ none" } };
    };
    let words = match &control.state {
        ControlState::Proposed { .. } => "… proposed: nobody has tried it yet",
        ControlState::DryRun { .. } => "… tried on what was heard: nobody has approved it yet",
        ControlState::Approved { .. } => "… approved, and not exported yet",
        ControlState::Exported { .. } => "… exported, and not reported as deployed yet",
        ControlState::Deployed { .. } => "… deployed and watched: no verdict yet",
        ControlState::Verified { .. } => "✓ verified",
        ControlState::Violated { .. } => "✕ violated",
        ControlState::Stale { .. } => "✕ stale",
    };
    html! { strong class=[(!words.starts_with('…')).then_some("mark")] { (words) } }
}

/// Who moved it, when, and what is behind it.
fn detail(control: &Control) -> Markup {
    let by = |by: &String, at| html! { "by " (short(by)) " on " (time(at)) };
    html! {
        @match &control.state {
            ControlState::Proposed { by: who, at } | ControlState::Approved { by: who, at } => { (by(who, *at)) },
            ControlState::DryRun { by: who, at, passes, stops } => { (by(who, *at)) ": " (passes) " conversations pass, " (stops) " are stopped" },
            ControlState::Exported { by: who, at, format } => { (by(who, *at)) " as " (short(format)) },
            ControlState::Deployed { by: who, at, least } => { (by(who, *at)) ", watched for " (least) " seconds" },
            ControlState::Verified { since, until, allowed, attempts, .. } => {
                "in force since " (time(*since)) ", heard until " (time(*until)) ": "
                (allowed) " allowed conversations, " (attempts) " forbidden ones answered by nobody"
            },
            ControlState::Violated { since, conversation, evidence } => {
                "in force since " (time(*since)) ": " (conversation.client.address.to_string()) " was answered by "
                (conversation.server.address.to_string())
                @if let Some(port) = conversation.port { " on port " (port) }
                " (" (packet(evidence)) ")"
            },
            ControlState::Stale { reason } => {
                @match reason {
                    Staleness::DemandChanged { now } => { "its reason is another by now: " (short(&now.reason)) },
                    Staleness::BaselineChanged { conversation } => {
                        "a conversation that it was not made for: " (conversation.client.address.to_string()) " with " (conversation.server.address.to_string())
                    },
                    Staleness::NewAddress { address } => { "the asset has an address that is not fenced in: " (address.to_string()) },
                }
            },
        }
        @if let Some(waits) = &control.waits { "; " (short(waits)) }
    }
}

pub fn controls(report: &Report<'_>, figures: &Figures<'_>) -> Markup {
    let rows: Vec<Vec<Markup>> = report
        .decisions
        .controls
        .iter()
        .take(MOST_ROWS)
        .map(|control| {
            let policy = &control.policy;
            vec![
                figures
                    .asset(&policy.asset)
                    .map_or_else(|| html! { (short(&policy.label)) }, linked),
                control_of(Some(control)),
                detail(control),
                html! { (policy.rules.len()) },
                html! { (short(&policy.demand.reason)) },
            ]
        })
        .collect();
    let heads = [
        words("Asset"),
        words("State"),
        words("Since"),
        number("Rules"),
        words("Why"),
    ];
    html! {
        (head("controls", title_of("controls")))
        @if rows.is_empty() { (nothing("No controls are recorded.")) }
        @else { (table("Assets that are fenced in, or are to be", &heads, &rows)) (left_out(report.decisions.controls.len())) }
    }
}

pub fn exploited(report: &Report<'_>, figures: &Figures<'_>) -> Markup {
    let title = head("exploited", title_of("exploited"));
    let all = figures::exploited(report, figures);
    if report.knowledge.is_none() && all.is_empty() {
        return html! { (title) (nothing(NOT_JUDGED)) };
    }
    if let Some(knowledge) = report.knowledge.filter(|it| !it.feeds.contains_key("kev")) {
        let feeds: Vec<&str> = knowledge.feeds.keys().map(String::as_str).collect();
        return html! { (title) (nothing(&format!("Nothing can be said: CISA's catalogue of exploited vulnerabilities was not imported, only {}.", if feeds.is_empty() { "nothing".to_owned() } else { feeds.join(", ") }))) };
    }
    let rows: Vec<Vec<Markup>> = all
        .iter()
        .take(MOST_ROWS)
        .map(|one| {
            let left = one.day.map(|due| (due, days(report.as_of, due)));
            vec![
                html! { (short(one.cve)) },
                html! { @match left {
                    None => "not stated",
                    Some((due, left)) => { (due.to_string()) br; @if left < 0 { strong.mark { "✕ overdue by " (left.saturating_neg()) " days" } } @else { "in " (left) " days" } },
                } },
                linked(one.listed),
                html! { (verdict(one.finding.verdict)) },
                html! { @if let Some(what) = one.what { (short(&what.name)) ". " span.quiet { (short(&what.action)) } } @else { (short(&one.finding.title)) } },
            ]
        })
        .collect();
    let heads = [
        words("CVE"),
        words("Due"),
        words("Asset"),
        words("Verdict"),
        words("What, and what is to be done"),
    ];
    html! {
        (title)
        @if rows.is_empty() { (nothing(&no_exploited(report))) }
        @else {
            p { "Due dates are those of CISA's catalogue of known exploited vulnerabilities (KEV). They bind agencies of the United States, and are a measure for everybody else." }
            (table("Known to be exploited, the first due first", &heads, &rows))
            (left_out(all.len()))
        }
    }
}

/// The longest deadline that a finding has missed.
fn kept(finding: &Finding, as_of: Date) -> String {
    let missed = DEADLINES
        .iter()
        .rev()
        .find(|days| figures::is_late(finding, as_of, **days));
    missed.map_or_else(
        || "✓ in time".to_owned(),
        |days| format!("✕ past {days} days"),
    )
}

fn no_exploited(report: &Report<'_>) -> String {
    let day = report.knowledge.and_then(|known| known.feeds.get("kev"));
    let day = day.map_or("its day is not stated", String::as_str);
    format!(
        "No asset has a vulnerability that is in the catalogue of known exploited ones ({}).",
        short(day)
    )
}

pub fn patching(report: &Report<'_>, figures: &Figures<'_>, all: &Summary) -> Markup {
    let title = head("patching", title_of("patching"));
    if report.knowledge.is_none() && all.verdicts.keys().all(|name| name == "detector") {
        return html! { (title) (nothing(NOT_JUDGED)) };
    }
    let rows: Vec<Vec<Markup>> = all
        .deadlines
        .iter()
        .map(|one| {
            let sum = one.assets_in_time.saturating_add(one.assets_behind);
            let share = one.assets_in_time.saturating_mul(100).checked_div(sum);
            vec![
                html! { (one.days) " days" },
                html! { (one.within) },
                html! { (one.missed) },
                html! { (one.assets_behind) },
                html! { (one.assets_in_time) " of " (sum) @if let Some(share) = share { " (" (share) " %)" } },
                html! { (one.assets_unknown) },
            ]
        })
        .collect();
    let heads = [
        words("Deadline"),
        number("Open, in time"),
        number("Open, too late"),
        number("Assets behind"),
        number("Assets that keep it"),
        number("Cannot be told"),
    ];
    let mut late: Vec<(&Listed<'_>, &Finding)> = figures
        .findings()
        .filter(|(_, finding)| finding.verdict == Some(Verdict::FixAvailable))
        .collect();
    late.sort_by_key(|(_, finding)| figures::day(finding));
    let oldest: Vec<Vec<Markup>> = late
        .iter()
        .take(MOST_ROWS)
        .map(|(one, finding)| {
            let age = figures::day(finding).map(|day| days(day, report.as_of));
            vec![
                linked(one),
                html! { (about(finding)) },
                html! { @match age { None => "no date", Some(age) => {
                    (age) " days" br;
                    span.mark { (kept(finding, report.as_of)) }
                } } },
                html! { (quoted(finding)) },
                html! { (shown(&finding.evidence)) },
            ]
        })
        .collect();
    let finding_heads = [
        words("Asset"),
        words("Finding"),
        words("Age"),
        words("The row that says so"),
        words("Packets"),
    ];
    html! {
        (title)
        p { "Counted are findings for which a fixed version exists, in days since the advisory's date (that of its last revision). An asset keeps a deadline when a version of it was seen and nothing of it is open for longer; of one that shows no version it cannot be told." }
        (table("Deadlines", &heads, &rows))
        @if oldest.is_empty() { (nothing("No open finding has a fix.")) }
        @else { (table("Open findings with a fix, the oldest first", &finding_heads, &oldest)) (left_out(late.len())) }
    }
}

pub fn shadow(report: &Report<'_>, figures: &Figures<'_>) -> Markup {
    let rows: Vec<(&Listed<'_>, &Finding)> = figures
        .findings()
        .filter(|(_, finding)| finding.verdict.is_none())
        .collect();
    let mut sorted = rows;
    sorted.sort_by_key(|(_, finding)| finding.rule.clone());
    let rows: Vec<Vec<Markup>> = sorted
        .iter()
        .take(MOST_ROWS)
        .map(|(one, finding)| {
            vec![
                html! { (short(&finding.title)) div.quiet { (short(&finding.rule)) } },
                linked(one),
                html! { (priority(&finding.priority)) },
                html! { (short(if finding.why.is_empty() { &finding.source.row } else { &finding.why })) },
                html! { (shown(&finding.evidence)) },
            ]
        })
        .collect();
    let heads = [
        words("What"),
        words("Asset"),
        words("Priority"),
        words("Why"),
        words("Packets"),
    ];
    html! {
        (head("shadow", title_of("shadow")))
        @if !rows.is_empty() { (table("Shadow IT", &heads, &rows)) (left_out(sorted.len())) }
        @else if report.detectors.is_empty() { (nothing("Nothing can be said: no detector of shadow IT was on.")) }
        @else { (nothing("No detector found anything that should not be there.")) }
        @if !report.detectors.is_empty() { p.quiet { "Detectors that were on: " (report.detectors.join(", ")) "." } }
    }
}
