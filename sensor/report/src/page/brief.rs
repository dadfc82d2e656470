//! In short: what there is, in numbers, each with a sentence.

use maud::{Markup, html};

use super::{counted, head, title_of};
use crate::Report;
use crate::figures::Summary;

/// One number and what it means.
fn figure(number: u64, sentence: &str, link: &str) -> Markup {
    html! { li { a href=(format!("#{link}")) { strong { (number) } } " " span { (sentence) } } }
}

fn plural(count: u64, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

/// What the knowledge says.
fn judged(all: &Summary) -> Vec<Markup> {
    let verified = match all.unpatchable_verified {
        0 => "none of them".to_owned(),
        count => count.to_string(),
    };
    let overdue = match all.exploited_overdue {
        0 => String::new(),
        count => format!(
            "; {} past the due date",
            counted(count, "case is", "cases are")
        ),
    };
    let mut lines = vec![
        figure(
            all.unpatchable,
            &format!(
                "{} a finding that no patch closes; the control of {verified} is verified.",
                plural(all.unpatchable, "asset has", "assets have"),
            ),
            "unpatchable",
        ),
        figure(
            all.exploited,
            &format!(
                "{} a vulnerability that is known to be exploited{overdue}.",
                plural(all.exploited, "asset has", "assets have"),
            ),
            "exploited",
        ),
    ];
    if let Some(first) = all.deadlines.first() {
        let missed = first.missed;
        lines.push(figure(
            missed,
            &format!(
                "{} that a patch would close {} open for more than {} days.",
                plural(missed, "finding", "findings"),
                plural(missed, "is", "are"),
                first.days
            ),
            "patching",
        ));
    }
    let act = all.priorities.get("act").copied().unwrap_or_default();
    let words = plural(act, "finding is", "findings are");
    lines.push(figure(
        act,
        &format!("{words} to be acted on now."),
        "unpatchable",
    ));
    lines
}

pub fn section(report: &Report<'_>, all: &Summary) -> Markup {
    let behind = all.assets.saturating_sub(all.hosts);
    let zones = u64::try_from(all.zones.len()).unwrap_or(u64::MAX);
    let mut lines = vec![figure(
        all.assets,
        &format!(
            "{} found: {} and {} behind them, in {}.",
            plural(all.assets, "asset was", "assets were"),
            counted(all.hosts, "host", "hosts"),
            counted(behind, "device", "devices"),
            counted(zones, "zone", "zones"),
        ),
        "inventory",
    )];
    if all.judged {
        lines.extend(judged(all));
    }
    let accepted = all.exceptions.saturating_add(all.exceptions_expired);
    let over = match all.exceptions_expired {
        0 => String::new(),
        count => format!("; the time of {count} is over"),
    };
    let words = plural(accepted, "risk was", "risks were");
    lines.push(figure(
        accepted,
        &format!("{words} accepted by a person{over}."),
        "exceptions",
    ));
    if !report.detectors.is_empty() {
        let found = all.verdicts.get("detector").copied().unwrap_or_default();
        let words = plural(found, "thing was found", "things were found");
        lines.push(figure(
            found,
            &format!("{words} that should not be there."),
            "shadow",
        ));
    }
    let one_way = match all.one_way {
        0 => "none".to_owned(),
        count => count.to_string(),
    };
    let words = plural(all.conversations, "conversation was", "conversations were");
    lines.push(figure(
        all.conversations,
        &format!("{words} heard; of {one_way} one direction alone."),
        "map",
    ));
    let words = plural(all.limited_visibility, "asset is", "assets are");
    lines.push(figure(
        all.limited_visibility,
        &format!("{words} seen in part only."),
        "unseen",
    ));
    html! {
        (head("summary", title_of("summary")))
        ul.figures { @for line in &lines { (line) } }
        @if !all.judged {
            p.warning { "⚠ No advisories and lifecycles were at hand, so this report says nothing about vulnerabilities, patches and support. "
                "Import them with " code { "fossick intel import" } ", and name the file with " code { "--knowledge" } "." }
        }
    }
}
