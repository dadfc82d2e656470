//! The page of a control: how far it has come, what it would have stopped, and its rules as text.

use fossick_model::Rules;

use super::{control_state, named, paragraph};
use crate::entry::{Body, Entry, Go, Piece, Proving, Wanted};
use crate::state::{ControlPage, State};
use crate::theme::Role;

/// The steps in order.
const STEPS: [&str; 6] = [
    "proposed", "dry-run", "approved", "exported", "deployed", "verified",
];

/// The page.
pub(super) fn body(state: &State, page: &ControlPage) -> Body {
    let mut entries = Vec::new();
    let here = page
        .row
        .as_ref()
        .map(|row| row.state.clone())
        .unwrap_or_default();
    if let Some(row) = &page.row {
        let mut way = Vec::new();
        for (n, step) in STEPS.iter().enumerate() {
            if n > 0 {
                way.push(Piece::new(" → ", Role::Dim));
            }
            let role = if *step == here {
                Role::Title
            } else {
                Role::Dim
            };
            way.push(Piece::new(
                if *step == here {
                    format!("[{step}]")
                } else {
                    (*step).to_owned()
                },
                role,
            ));
        }
        if matches!(here.as_str(), "violated" | "stale") {
            way.push(Piece::new("  now: ", Role::Dim));
            way.push(control_state(&here));
        }
        entries.push(Entry::line(way));
        entries.push(
            named("asset", Piece::private(&row.label, Role::Key))
                .going(Go::Asset(page.subject.clone())),
        );
        entries.push(named("for", Piece::private(&row.reason, Role::Plain)));
        entries.extend(paragraph(
            state,
            "              ",
            &row.source,
            Role::Dim,
            true,
        ));
        if !row.by.is_empty() {
            entries.push(named("by", Piece::private(&row.by, Role::Plain)));
        }
    }
    if let Some(trouble) = &page.trouble {
        entries.extend(paragraph(state, "", trouble, Role::Warn, true));
    }
    if let Some(rules) = &page.rules {
        entries.extend(text(state, page, rules));
    } else if page.trouble.is_none() {
        let waits = if page.row.is_none() {
            state.awaited()
        } else {
            "no rules yet".to_owned()
        };
        entries.push(Entry::blank());
        entries.push(Entry::text(waits, Role::Dim));
        if here.is_empty() && page.row.is_some() && state.abilities.orders {
            let key = state.keymap.key(crate::keys::Action::Step);
            entries.push(Entry::text(
                format!("{key} twice proposes a control from what was heard"),
                Role::Dim,
            ));
        }
    }
    Body::page(
        entries
            .into_iter()
            .map(|entry| Entry {
                subject: Some(page.subject.clone()),
                ..entry
            })
            .collect(),
    )
}

/// What it would have stopped, and its rules.
fn text(state: &State, page: &ControlPage, rules: &Rules) -> Vec<Entry> {
    let mut entries = Vec::new();
    entries.push(Entry::blank());
    let stops = rules.stops.len();
    let role = if stops > 0 { Role::Warn } else { Role::Good };
    entries.push(Entry::line(vec![
        Piece::new("Tried on what was heard: ", Role::Title),
        Piece::new(
            format!("{} would pass, {stops} would be stopped", rules.passes),
            role,
        ),
    ]));
    for stopped in &rules.stops {
        let told = &stopped.conversation;
        let why = stopped
            .why
            .map_or_else(|| "no rule allows it".to_owned(), |why| why.to_string());
        let says = format!(
            "{} → {} {}",
            told.client.address,
            told.server.address,
            told.service()
        );
        let wanted = Wanted::of(&page.subject, says.clone(), "", "", &told.evidence);
        entries.push(
            Entry::line(vec![
                Piece::new("  stops  ", Role::Warn),
                Piece::private(says, Role::Plain),
                Piece::new(format!("  {why}"), Role::Dim),
            ])
            .proven(Proving::Known(Box::new(wanted)))
            .going(Go::Proof),
        );
    }
    entries.push(Entry::blank());
    let others: Vec<&str> = rules
        .formats
        .iter()
        .map(String::as_str)
        .filter(|name| *name != rules.format)
        .collect();
    entries.push(Entry::line(vec![
        Piece::new(format!("Rules as {}", rules.format), Role::Title),
        Piece::new(format!("  (v: {})", others.join(", ")), Role::Dim),
    ]));
    for line in rules.text.lines() {
        let line = line.replace('\t', "    ");
        entries.extend(paragraph(state, "", &line, Role::Plain, true));
    }
    entries
}
