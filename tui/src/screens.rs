//! What stands on each screen and page, as lines.

mod asset;
mod control;
mod evidence;
mod lists;
mod overview;
mod scan;
mod sensor;

use fossick_model::Verdict;

use crate::entry::{Body, Entry, Piece};
use crate::state::{Page, Screen, State};
use crate::text;
use crate::theme::Role;

pub(crate) use asset::wanted;
pub(crate) use evidence::proof_name;
pub(crate) use lists::{is_table, request, variants};

/// What is shown now.
pub(crate) fn body(state: &State) -> Body {
    match state.pages.last() {
        Some(Page::Asset(page)) => asset::body(state, page),
        Some(Page::Evidence(page)) => evidence::body(state, page),
        Some(Page::Control(page)) => control::body(state, page),
        Some(Page::Scan(_)) => scan::body(state),
        None => match state.screen {
            Screen::Overview => overview::body(state),
            Screen::Sensor => sensor::body(state),
            _ => lists::body(state),
        },
    }
}

/// What the topmost page is called.
pub(crate) fn title(state: &State, page: &Page) -> Vec<Piece> {
    match page {
        Page::Scan(_) => scan::title(state),
        Page::Asset(page) => vec![
            Piece::new("asset ", Role::Title),
            Piece::private(&page.subject.label, Role::Title),
        ],
        Page::Evidence(page) => vec![
            Piece::new("evidence of ", Role::Title),
            Piece::private(&page.wanted.asset.label, Role::Title),
            Piece::new(": ", Role::Title),
            Piece::private(&page.wanted.says, Role::Plain),
        ],
        Page::Control(page) => vec![
            Piece::new("control of ", Role::Title),
            Piece::private(&page.subject.label, Role::Title),
        ],
    }
}

/// How a priority is shown: its word, with a sign where it is urgent.
fn priority(word: &str) -> Piece {
    match word {
        "act" => Piece::new("!! act", Role::Bad),
        "attend" => Piece::new("! attend", Role::Warn),
        "track" => Piece::new("track", Role::Plain),
        other => Piece::new(other, Role::Dim),
    }
}

fn verdict(verdict: Option<Verdict>) -> Piece {
    match verdict {
        Some(verdict) if verdict.is_unpatchable() => Piece::new(verdict.name(), Role::Bad),
        Some(Verdict::FixAvailable) => Piece::new("fix available", Role::Good),
        Some(verdict) => Piece::new(verdict.name(), Role::Warn),
        None => Piece::default(),
    }
}

/// How far a control has come; what protects, and what does not.
fn control_state(state: &str) -> Piece {
    match state {
        "" => Piece::new("none", Role::Bad),
        "verified" => Piece::new("verified", Role::Good),
        "violated" => Piece::new("VIOLATED", Role::Bad),
        "stale" => Piece::new("stale", Role::Warn),
        other => Piece::new(other, Role::Plain),
    }
}

/// A line of a name and a value, the names under one another.
fn named(name: &str, value: Piece) -> Entry {
    Entry::line(vec![Piece::new(format!("{name:<13} "), Role::Dim), value])
}

/// Text in as many lines as it takes, set in.
fn paragraph(state: &State, indent: &str, value: &str, role: Role, private: bool) -> Vec<Entry> {
    let columns = usize::from(state.columns)
        .saturating_sub(indent.len())
        .saturating_sub(1);
    let lines = text::wrap(value, columns).into_iter();
    let line = |line: String| {
        Entry::line(vec![
            Piece::new(indent, Role::Dim),
            Piece {
                text: line,
                role,
                private,
            },
        ])
    };
    lines.map(line).collect()
}

/// A bar of so many eighths of a column.
fn bar(value: u64, most: u64, columns: u16) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let full = u64::from(columns).saturating_mul(8);
    let eighths = value
        .saturating_mul(full)
        .checked_div(most)
        .unwrap_or_default();
    // What is there is seen.
    let eighths = if value > 0 { eighths.max(1) } else { 0 };
    let whole = usize::try_from(eighths / 8).unwrap_or_default();
    let rest = usize::try_from(eighths % 8).unwrap_or_default();
    let mut text = "█".repeat(whole);
    if let Some(part) = EIGHTHS.get(rest).filter(|_| rest > 0) {
        text.push(*part);
    }
    text
}

/// The last values as columns of eight heights.
fn sparkline(values: impl DoubleEndedIterator<Item = u64>, columns: usize) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let mut last: Vec<u64> = values.rev().take(columns).collect();
    last.reverse();
    let most = last.iter().copied().max().unwrap_or_default();
    let height = |value: &u64| {
        let part = value
            .saturating_mul(7)
            .checked_div(most)
            .unwrap_or_default();
        let part = if *value > 0 { part.max(1) } else { 0 };
        HEIGHTS
            .get(usize::try_from(part).unwrap_or_default())
            .copied()
            .unwrap_or(' ')
    };
    last.iter().map(height).collect()
}
