//! Everything in short; and who talks to whom, by zone.

use fossick_model::{Matrix, Overview, Tally};

use super::{bar, sparkline};
use crate::entry::{Body, Entry, Go, Piece};
use crate::state::{Screen, State};
use crate::text;
use crate::theme::Role;

/// Bars of one kind.
const BARS: usize = 8;

/// The screen.
pub(super) fn body(state: &State) -> Body {
    let Some(overview) = &state.overview else {
        return Body {
            empty: state.awaited(),
            ..Body::default()
        };
    };
    let mut entries = urgent(state, overview);
    entries.push(Entry::blank());
    entries.extend(health(state, overview));
    entries.push(Entry::blank());
    entries.extend(changed(state, overview));
    entries.push(Entry::blank());
    entries.extend(bars(state, overview));
    Body::page(entries)
}

/// What is to be looked at, each line a way to it.
fn urgent(state: &State, overview: &Overview) -> Vec<Entry> {
    let line = |number: u64, role: Role, what: String, go: Go| {
        let role = if number > 0 { role } else { Role::Dim };
        let pieces = vec![
            Piece::new(format!("{:>8}  ", text::count(number)), role),
            Piece::new(what, Role::Plain),
        ];
        Entry::line(pieces).going(go)
    };
    let to = |screen: Screen, filter: &str| Go::Screen(screen, filter.to_owned());
    let since = if state.abilities.live {
        "in the last 24 hours"
    } else {
        "in the 24 hours before the last packet"
    };
    let protects = match overview.unpatchable.saturating_sub(overview.fenced) {
        0 if overview.unpatchable > 0 => "each behind a control in force".to_owned(),
        0 => String::new(),
        bare if bare == overview.unpatchable => "none behind a control in force".to_owned(),
        bare => format!("{bare} of them behind no control in force"),
    };
    let mut unpatchable = "assets that nobody can patch".to_owned();
    if !protects.is_empty() {
        unpatchable = format!("{unpatchable}, {protects}");
    }
    vec![
        line(
            overview.open.act,
            Role::Bad,
            "findings to act on now".to_owned(),
            to(Screen::Findings, ""),
        ),
        line(
            overview.open.attend,
            Role::Warn,
            "findings to attend to".to_owned(),
            to(Screen::Findings, ""),
        ),
        line(
            overview.open.track,
            Role::Plain,
            "findings to keep track of".to_owned(),
            to(Screen::Findings, ""),
        ),
        line(
            overview.unpatchable,
            Role::Bad,
            unpatchable,
            to(Screen::Unpatchable, ""),
        ),
        line(
            overview.fresh,
            Role::Warn,
            format!("assets that appeared {since}"),
            to(Screen::Assets, "first<24h"),
        ),
        line(
            overview.silent,
            Role::Warn,
            "assets that fell silent".to_owned(),
            to(Screen::Assets, "silent:yes"),
        ),
        line(
            overview.assets,
            Role::Plain,
            match overview.behind {
                0 => "assets in all".to_owned(),
                1 => "assets in all, and 1 device behind them".to_owned(),
                many => format!("assets in all, and {many} devices behind them"),
            },
            to(Screen::Assets, ""),
        ),
    ]
}

/// How the source does, and what comes in.
fn health(state: &State, overview: &Overview) -> Vec<Entry> {
    let columns = usize::from(state.columns).saturating_sub(34).clamp(10, 120);
    let spark = |name: &str, line: String, now: String, role: Role| {
        let pieces = vec![
            Piece::new(format!("{name:<10}"), Role::Dim),
            Piece::new(line, role),
            Piece::new(format!("  {now}"), Role::Plain),
        ];
        Entry::line(pieces).going(Go::Screen(Screen::Sensor, String::new()))
    };
    if !state.abilities.live {
        let line = sparkline(overview.traffic.iter().copied(), columns);
        let total: u64 = overview.traffic.iter().sum();
        return vec![spark(
            "Packets",
            line,
            format!("{} in all", text::count(total)),
            Role::Bar,
        )];
    }
    let frames = state.traffic.iter().map(|(frames, _)| *frames);
    let drops = state.traffic.iter().map(|(_, drops)| *drops);
    let (last, dropped) = state.traffic.back().copied().unwrap_or_default();
    let lost: u64 = drops.clone().sum();
    let mut lines = vec![
        spark(
            "Frames",
            sparkline(frames, columns),
            format!("{}/s", text::count(last)),
            Role::Bar,
        ),
        spark(
            "Drops",
            sparkline(drops, columns),
            if lost == 0 {
                "none".to_owned()
            } else {
                format!("{}/s", text::count(dropped))
            },
            if lost == 0 { Role::Bar } else { Role::Bad },
        ),
    ];
    if let Some(status) = &state.status {
        let well = status.store.state == "writing"
            && status.interfaces.iter().all(|one| one.state == "listening");
        let sign = if well {
            Piece::new("well      ", Role::Good)
        } else {
            Piece::new("! look    ", Role::Bad)
        };
        let interfaces: Vec<String> = status
            .interfaces
            .iter()
            .map(|one| format!("{} {}", one.name, one.state))
            .collect();
        let text = format!(
            "{}; store {}; {:.1} s behind the wire",
            interfaces.join(", "),
            status.store.state,
            status.lag
        );
        lines.push(
            Entry::line(vec![sign, Piece::new(text, Role::Plain)])
                .going(Go::Screen(Screen::Sensor, String::new())),
        );
    }
    lines
}

fn changed(state: &State, overview: &Overview) -> Vec<Entry> {
    let when = if state.abilities.live {
        "Changed in the last hour"
    } else {
        "Learnt from the captures"
    };
    let mut title = when.to_owned();
    if overview.more_changed {
        title.push_str(" (the latest of many)");
    }
    let mut lines = vec![Entry::title(title)];
    if overview.changed.is_empty() {
        lines.push(Entry::text("nothing", Role::Dim));
    }
    let words: Vec<String> = overview
        .changed
        .iter()
        .map(|tally| format!("{} {}", text::count(tally.count), tally.name))
        .collect();
    let wrapped = text::wrap(
        &words.join(" · "),
        usize::from(state.columns).saturating_sub(1),
    );
    lines.extend(wrapped.into_iter().map(|line| {
        Entry::text(line, Role::Plain).going(Go::Screen(Screen::Changes, String::new()))
    }));
    lines
}

/// Assets by kind, and by zone beside them.
fn bars(state: &State, overview: &Overview) -> Vec<Entry> {
    let half = state.columns.saturating_sub(2) / 2;
    let side = |tallies: &[Tally], n: usize| -> Vec<Piece> {
        let Some(tally) = tallies.get(n) else {
            return vec![Piece::new(" ".repeat(half.into()), Role::Plain)];
        };
        let most = tallies
            .iter()
            .map(|tally| tally.count)
            .max()
            .unwrap_or_default();
        let name = tally.name.as_str();
        let (name, used) = text::cut(name, 20);
        let pad = 21_usize.saturating_sub(used);
        let room = half.saturating_sub(30).max(4);
        let drawn = bar(tally.count, most, room);
        let length = text::width(&drawn);
        let rest = usize::from(half)
            .saturating_sub(30)
            .saturating_sub(length)
            .max(1);
        vec![
            Piece::new(format!("{name}{}", " ".repeat(pad)), Role::Plain),
            Piece::new(format!("{:>6} ", text::count(tally.count)), Role::Plain),
            Piece::new(drawn, Role::Bar),
            Piece::new(" ".repeat(rest.saturating_add(1)), Role::Plain),
        ]
    };
    let heading = format!("{:<width$}", "Assets by kind", width = usize::from(half));
    let mut lines = vec![Entry::line(vec![
        Piece::new(heading, Role::Title),
        Piece::new(
            if overview.zones.is_empty() {
                ""
            } else {
                "Assets by zone"
            },
            Role::Title,
        ),
    ])];
    if overview.zones.is_empty() && overview.kinds.is_empty() {
        lines.push(Entry::text("no assets yet", Role::Dim));
    }
    let rows = overview.kinds.len().max(overview.zones.len()).min(BARS);
    for n in 0..rows {
        let mut pieces = side(&overview.kinds, n);
        pieces.extend(side(&overview.zones, n));
        let kind = overview.kinds.get(n);
        let filter = kind.map(|tally| match tally.name.as_str() {
            "unknown" => "-kind:*".to_owned(),
            name => format!("kind:{name}"),
        });
        let zone = || {
            overview
                .zones
                .get(n)
                .map(|tally| format!("zone:\"{}\"", tally.name))
        };
        let filter = filter.or_else(zone).unwrap_or_default();
        lines.push(Entry::line(pieces).going(Go::Screen(Screen::Assets, filter)));
    }
    lines
}

/// Who talks to whom, by zone: a line for each two of them.
pub(super) fn matrix(state: &State) -> Body {
    let Some(matrix) = &state.matrix else {
        return Body {
            empty: state.awaited(),
            ..Body::default()
        };
    };
    let mut entries = table(state, matrix);
    entries.push(Entry::blank());
    entries.push(Entry::title("From zone to zone"));
    let name = |number: usize| matrix.zones.get(number).cloned().unwrap_or_default();
    for cell in &matrix.cells {
        let crossing = if cell.from == cell.to {
            Role::Plain
        } else {
            Role::Warn
        };
        let pieces = vec![
            Piece::new(format!("{:>8}  ", text::count(cell.count)), crossing),
            Piece::new(
                format!("{} → {}", name(cell.from), name(cell.to)),
                Role::Plain,
            ),
            Piece::new(format!("  {}", cell.protocols.join(", ")), Role::Dim),
        ];
        let zone = name(cell.from);
        let filter = if zone.starts_with("no zone") || zone == "elsewhere" {
            String::new()
        } else {
            format!("zone:\"{zone}\"")
        };
        entries.push(Entry::line(pieces).going(Go::Screen(Screen::Conversations, filter)));
    }
    if matrix.cells.is_empty() {
        entries.push(Entry::text("no conversation was heard", Role::Dim));
    }
    Body::page(entries)
}

/// The matrix itself: clients down, servers across, as many as there is room for.
fn table(state: &State, matrix: &Matrix) -> Vec<Entry> {
    const WIDE: usize = 11;
    let room = usize::from(state.columns)
        .saturating_sub(18)
        .checked_div(WIDE)
        .unwrap_or_default();
    let shown = matrix.zones.len().min(room);
    let cell = |text: &str| {
        let (cut, used) = text::cut(text, WIDE.saturating_sub(1));
        format!("{}{cut}", " ".repeat(WIDE.saturating_sub(used)))
    };
    let label = |text: &str| {
        let (cut, used) = text::cut(text, 16);
        format!("{cut}{}", " ".repeat(17_usize.saturating_sub(used)))
    };
    let mut head = vec![Piece::new(label("client \\ server"), Role::Title)];
    head.extend(
        matrix
            .zones
            .iter()
            .take(shown)
            .map(|zone| Piece::new(cell(zone), Role::Title)),
    );
    let mut lines = vec![Entry::line(head)];
    for (from, zone) in matrix.zones.iter().enumerate().take(shown) {
        let mut pieces = vec![Piece::new(label(zone), Role::Plain)];
        for to in 0..shown {
            let found = matrix
                .cells
                .iter()
                .find(|cell| (cell.from, cell.to) == (from, to));
            pieces.push(match found {
                Some(found) => {
                    let role = if from == to { Role::Plain } else { Role::Warn };
                    Piece::new(cell(&text::count(found.count)), role)
                }
                None => Piece::new(cell("·"), Role::Dim),
            });
        }
        lines.push(Entry::line(pieces));
    }
    if shown < matrix.zones.len() {
        let more = matrix.zones.len().saturating_sub(shown);
        lines.push(Entry::text(
            format!("and {more} more zones, for which there is no room: they are below"),
            Role::Dim,
        ));
    }
    lines
}
