//! How the sensor does: interfaces, store, outlets, limits, parsers, each with what it means.

use fossick_model::{Count, Fill, Status};

use super::{bar, named};
use crate::entry::{Body, Entry, Piece};
use crate::state::State;
use crate::text;
use crate::theme::Role;

/// What each limit is, and what happens when it is full.
const LIMITS: [(&str, &str); 10] = [
    (
        "memory",
        "what the process takes; near its limit the kernel may end it: raise memory_mib or listen to less",
    ),
    (
        "addresses",
        "hosts and devices that stay; what is beyond is refused, and not in the inventory",
    ),
    (
        "addresses in passing",
        "the last to come; when there is no room, those that are assets stay, the others give way",
    ),
    (
        "conversations",
        "who uses which service of whom; those idle for longest give way",
    ),
    (
        "operations of conversations",
        "what clients ask for; what is beyond is left out",
    ),
    (
        "spans of hours heard",
        "when anything was heard; the oldest give way",
    ),
    (
        "evidence packets waiting",
        "packets on their way to the store; what is beyond is lost, the fact is not",
    ),
    (
        "flows",
        "connections at a time; those idle for longest give way, and are recognised anew",
    ),
    (
        "stream octets",
        "data waiting to be put together; a stream that gives way is read from its next message",
    ),
    (
        "fragmented packets",
        "packets in parts; those unfinished for longest give way",
    ),
];

/// What each count is.
const COUNTS: [(&str, &str); 8] = [
    ("frames", "frames read"),
    ("duplicates", "frames mirrored twice, counted once"),
    (
        "panics",
        "frames lost to a bug of Fossick's: please report them",
    ),
    ("too_long", "messages too long to be put together"),
    ("not_decoded", "frames of which a header could not be read"),
    ("not_understood", "frames of a protocol that is not read"),
    ("messages", "messages read"),
    (
        "faults",
        "messages that broke their specification; read up to there",
    ),
];

/// The screen.
pub(super) fn body(state: &State) -> Body {
    let Some(status) = &state.status else {
        return Body {
            empty: state.awaited(),
            ..Body::default()
        };
    };
    let mut entries = about(state, status);
    entries.push(Entry::blank());
    entries.push(Entry::title(format!(
        "{:<28} {:>12} {:>12} {:>10}",
        "Limits", "used", "of", "gave way"
    )));
    for fill in std::iter::once(&status.memory)
        .chain(&status.limits)
        .filter(|fill| fill.most > 0)
    {
        entries.extend(limit(state, fill));
    }
    let mut counts: Vec<&Count> = status.counts.iter().collect();
    counts.sort_by(|a, b| {
        (rank(&a.name), std::cmp::Reverse(a.count))
            .cmp(&(rank(&b.name), std::cmp::Reverse(b.count)))
    });
    let mut last = "";
    for count in counts {
        if count.name != last {
            last = &count.name;
            let means = COUNTS
                .iter()
                .find(|(name, _)| *name == count.name)
                .map_or("", |(_, means)| *means);
            if !count.of.is_empty() {
                entries.push(Entry::blank());
                entries.push(Entry::line(vec![
                    Piece::new(
                        format!("{:<16} ", count.name.replace('_', " ")),
                        Role::Title,
                    ),
                    Piece::new(means, Role::Dim),
                ]));
            }
        }
        let bad = matches!(count.name.as_str(), "panics") && count.count > 0;
        let name = if count.of.is_empty() {
            count.name.replace('_', " ")
        } else {
            count.of.clone()
        };
        let means = COUNTS
            .iter()
            .find(|(name, _)| *name == count.name && count.of.is_empty())
            .map_or("", |(_, means)| *means);
        entries.push(Entry::line(vec![
            Piece::new(format!("  {name:<40} "), Role::Plain),
            Piece::new(
                format!("{:>14}", text::count(count.count)),
                if bad { Role::Bad } else { Role::Plain },
            ),
            Piece::new(format!("  {means}"), Role::Dim),
        ]));
    }
    Body::page(entries)
}

fn rank(name: &str) -> usize {
    COUNTS
        .iter()
        .position(|(known, _)| *known == name)
        .unwrap_or(COUNTS.len())
}

fn about(state: &State, status: &Status) -> Vec<Entry> {
    let mut entries = vec![named("fossick", Piece::new(&status.version, Role::Plain))];
    if !state.abilities.live {
        entries.push(named("captures", Piece::new(&state.source, Role::Plain)));
        return entries;
    }
    entries.push(named(
        "since",
        Piece::new(text::minute(status.started), Role::Plain),
    ));
    entries.push(named(
        "assets",
        Piece::new(
            format!(
                "{}, journal at {}",
                text::count(status.assets),
                text::count(status.journal)
            ),
            Role::Plain,
        ),
    ));
    entries.push(named(
        "lag",
        Piece::new(format!("{:.3} s behind the wire", status.lag), Role::Plain),
    ));
    let writes = status.store.state == "writing";
    let store = format!(
        "{}; {}, last commit {:.0} ms, {} addresses wait, {} commits failed",
        status.store.state,
        text::octets(status.store.octets),
        status.store.commit * 1000.0,
        status.store.waiting,
        status.store.failed
    );
    entries.extend(signed(state, "store", writes, &store));
    for one in &status.interfaces {
        let text = format!(
            "{} {}; {} frames, {}; dropped by the kernel {}, by the interface {}",
            one.name,
            one.state,
            text::count(one.frames),
            text::octets(one.octets),
            text::count(one.dropped),
            text::count(one.interface_dropped)
        );
        entries.extend(signed(state, "interface", one.state == "listening", &text));
    }
    for outlet in &status.outlets {
        let behind = status.journal.saturating_sub(outlet.delivered);
        let text = format!(
            "{} {}; {} entries to go",
            outlet.name,
            outlet.state,
            text::count(behind)
        );
        entries.extend(signed(state, "outlet", outlet.state == "delivering", &text));
    }
    entries
}

/// A name and how it does, in as many lines as it takes.
fn signed(state: &State, name: &str, well: bool, text: &str) -> Vec<Entry> {
    let columns = usize::from(state.columns).saturating_sub(16);
    let (text, role) = if well {
        (text.to_owned(), Role::Good)
    } else {
        (format!("! {text}"), Role::Bad)
    };
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    names
        .zip(text::wrap(&text, columns))
        .map(|(name, line)| named(name, Piece::new(line, role)))
        .collect()
}

fn limit(state: &State, fill: &Fill) -> Vec<Entry> {
    let memory = fill.name == "memory";
    let number = |value: u64| {
        if memory {
            text::octets(value)
        } else {
            text::count(value)
        }
    };
    let full = fill.used.saturating_mul(10) >= fill.most.saturating_mul(9);
    let role = if full || fill.given_up > 0 {
        Role::Warn
    } else {
        Role::Plain
    };
    let mark = if full || fill.given_up > 0 { "!" } else { " " };
    let means = LIMITS
        .iter()
        .find(|(name, _)| *name == fill.name)
        .map_or("", |(_, means)| *means);
    let mut pieces = vec![Piece::new(
        format!(
            "{mark} {:<26} {:>12} {:>12} {:>10}",
            fill.name,
            number(fill.used),
            number(fill.most),
            text::count(fill.given_up)
        ),
        role,
    )];
    if state.columns >= 180 {
        let drawn = bar(fill.used, fill.most, 10);
        let pad = 11_usize.saturating_sub(text::width(&drawn));
        pieces.push(Piece::new(
            format!("  {drawn}{}", " ".repeat(pad)),
            Role::Bar,
        ));
        pieces.push(Piece::new(means, Role::Dim));
        return vec![Entry::line(pieces)];
    }
    let mut lines = vec![Entry::line(pieces)];
    lines.extend(super::paragraph(state, "      ", means, Role::Dim, false));
    lines
}
