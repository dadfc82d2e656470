//! What this sensor could not see: what is not in the report may still be there.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{counted, head, linked, nothing, number, short, table, title_of, words};
use crate::Report;
use crate::figures::{Figures, Listed};

/// Assets that are named of each limit.
const MOST_NAMED: usize = 6;

/// Days after which a feed is called old.
const STALE: i32 = 30;

/// Words of visibility, and what they mean for a reader.
const MEANINGS: [(&str, &str); 6] = [
    (
        "one-way",
        "One direction alone was heard: what the other end said is not known, and silence proves nothing.",
    ),
    (
        "broadcast-only",
        "It was heard only where it spoke to everybody; its conversations do not pass this mirror port.",
    ),
    (
        "never-spoke",
        "It was only spoken about or to, and never heard itself.",
    ),
    (
        "routed-mac",
        "It is behind a router: its hardware address, and what is said on its own link, cannot be seen.",
    ),
    (
        "randomised-mac",
        "Its hardware address is made up, and may be another one tomorrow.",
    ),
    (
        "vlan-on-one-side",
        "VLAN tags were there in one direction alone: the mirror port is set up by halves.",
    ),
];

pub fn section(report: &Report<'_>, figures: &Figures<'_>) -> Markup {
    let mut limits = BTreeMap::<&str, Vec<&Listed<'_>>>::new();
    for one in &figures.listed {
        for word in &one.asset.visibility {
            limits.entry(word.as_ref()).or_default().push(one);
        }
    }
    let rows: Vec<Vec<Markup>> = limits
        .iter()
        .map(|(word, assets)| {
            let meaning = MEANINGS.iter().find(|(own, _)| own == word);
            let more = assets.len().saturating_sub(MOST_NAMED);
            vec![
                html! { (short(word)) },
                html! { (meaning.map_or("–", |(_, meaning)| meaning)) },
                html! { (assets.len()) },
                html! {
                    @for (at, one) in assets.iter().take(MOST_NAMED).enumerate() { @if at > 0 { ", " } (linked(one)) }
                    @if more > 0 { " and " (more) " more" }
                },
            ]
        })
        .collect();
    let heads = [
        words("Limit"),
        words("What it means"),
        number("Assets"),
        words("Which"),
    ];
    let told = report.baseline;
    html! {
        (head("unseen", title_of("unseen")))
        p { "Fossick listens and sends nothing. A device that said nothing while it listened is not in this report, and what a device did not say is not known of it." }
        @if rows.is_empty() { (nothing("Of every asset both directions were heard, on its own link.")) }
        @else { (table("Limits to what is seen of assets", &heads, &rows)) }
        h3 { "Dropped, not read, switched off" }
        @if report.unread.is_empty() { (nothing("Nothing was dropped, every frame was read to its end, and no protocol is switched off.")) }
        @else { ul { @for line in report.unread { li { (short(line)) } } } }
        h3 { "Conversations" }
        p {
            "Of " (counted(told.conversations, "conversation", "conversations")) ", " (told.one_way) " were heard in one direction alone, and of "
            (told.unknown_direction) " nothing shows which end serves."
        }
        h3 { "Knowledge" }
        @match report.knowledge {
            None => (nothing("No advisories and lifecycles were at hand.")),
            Some(known) if known.feeds.is_empty() => (nothing("Nothing was imported: lifecycles are those that are built in, and no advisory was asked.")),
            Some(known) => {
                ul { @for (feed, newest) in &known.feeds {
                    li { (short(feed)) ": the newest is of " (short(newest)) @if let Some(age) = age(report, newest) { ", " (age) " days before the day of this report" @if age > STALE { ". " strong { "⚠ What was published since is not in it." } } } }
                } }
            },
        }
    }
}

fn age(report: &Report<'_>, newest: &str) -> Option<i32> {
    let day = newest.get(..10)?.parse().ok()?;
    Some(crate::figures::days(day, report.as_of)).filter(|age| *age >= 0)
}
