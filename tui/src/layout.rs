//! Where everything is on the terminal.

use crate::act::Here;
use crate::entry::{Body, Column};
use crate::state::State;
use crate::text;

/// Columns between two cells of a table.
const GAP: u16 = 1;
/// Rows above the lines: screens, and what is shown of them.
const TOP: u16 = 2;
/// Rows below: what is said or asked, and the keys.
const BOTTOM: u16 = 2;

/// Rows of the terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// The first line of a list, or of its titles.
    pub top: u16,
    /// Lines that are shown, without titles.
    pub height: u16,
    /// Rows of the help, at the bottom of the lines.
    pub help: u16,
    /// The row of what is said or asked.
    pub message: u16,
    /// The row of keys.
    pub keys: u16,
}

/// Where everything is. `titled` for a table.
pub(crate) fn layout(state: &State, titled: bool) -> Layout {
    let between = state.rows.saturating_sub(TOP).saturating_sub(BOTTOM);
    // Half of what there is, so that what the help is about stays in sight.
    let help = if state.help {
        help_rows(state).min(between / 2)
    } else {
        0
    };
    Layout {
        top: TOP,
        height: between
            .saturating_sub(help)
            .saturating_sub(u16::from(titled)),
        help,
        message: state.rows.saturating_sub(2),
        keys: state.rows.saturating_sub(1),
    }
}

/// Columns that one command takes in the help.
pub(crate) const HELP_COLUMNS: u16 = 40;

/// Commands side by side in the help.
pub(crate) fn help_across(state: &State) -> u16 {
    state
        .columns
        .checked_div(HELP_COLUMNS)
        .unwrap_or_default()
        .max(1)
}

fn help_rows(state: &State) -> u16 {
    let here = Here::of(state);
    let count = u16::try_from(state.keymap.helped(&here).count()).unwrap_or(u16::MAX);
    // One more for its title.
    count.div_ceil(help_across(state)).saturating_add(1)
}

/// How wide each column of a table is; 0 for one that there is no room for. As wide as what stands in it, within its bounds; where
/// the terminal is narrower the widest give way first, then the columns of the highest rank go.
pub(crate) fn widths(body: &Body, columns: u16) -> Vec<u16> {
    let wanted = |(n, column): (usize, &Column)| {
        let cells = body.entries.iter().filter_map(|entry| entry.pieces.get(n));
        let widest = cells.map(|piece| text::width(&piece.text)).max();
        // A column in which nothing stands is none.
        if widest == Some(0) {
            return 0;
        }
        let widest = widest.unwrap_or_default().max(text::width(column.title));
        u16::try_from(widest)
            .unwrap_or(u16::MAX)
            .clamp(column.least, column.most)
    };
    let mut widths: Vec<u16> = body.columns.iter().enumerate().map(wanted).collect();
    let total = |widths: &[u16]| {
        let shown = widths.iter().filter(|width| **width > 0).count();
        let gaps = u16::try_from(shown.saturating_sub(1))
            .unwrap_or(u16::MAX)
            .saturating_mul(GAP);
        // The mark of the line that the cursor is on.
        widths.iter().fold(gaps.saturating_add(2), |sum, width| {
            sum.saturating_add(*width)
        })
    };
    let least = |widths: &[u16]| {
        let each = widths
            .iter()
            .zip(body.columns)
            .map(|(width, column)| if *width > 0 { column.least } else { 0 });
        total(&each.collect::<Vec<u16>>())
    };
    while least(&widths) > columns {
        let shown = widths
            .iter()
            .zip(body.columns)
            .enumerate()
            .filter(|(_, (width, _))| **width > 0);
        let last = shown
            .max_by_key(|(n, (_, column))| (column.rank, *n))
            .map(|(n, _)| n);
        match last.and_then(|n| widths.get_mut(n)) {
            Some(width) => *width = 0,
            None => break,
        }
    }
    while total(&widths) > columns {
        let room = widths
            .iter()
            .zip(body.columns)
            .enumerate()
            .map(|(n, (width, column))| (width.saturating_sub(column.least), n));
        match room
            .max()
            .filter(|(room, _)| *room > 0)
            .and_then(|(_, n)| widths.get_mut(n))
        {
            Some(width) => *width = width.saturating_sub(1),
            None => break,
        }
    }
    widths
}

/// Which column of a table is at this place, if one is.
pub(crate) fn column_at(widths: &[u16], at: u16) -> Option<usize> {
    let mut left = 2_u16;
    for (n, width) in widths.iter().enumerate().filter(|(_, width)| **width > 0) {
        let right = left.saturating_add(*width);
        if (left..=right).contains(&at) {
            return Some(n);
        }
        left = right.saturating_add(GAP);
    }
    None
}

/// Which screen's name is at this place of the first row.
pub(crate) fn tab_at(state: &State, at: u16) -> Option<crate::state::Screen> {
    let mut left = 0_u16;
    for (screen, label) in tabs(state) {
        let right = left.saturating_add(u16::try_from(text::width(&label)).unwrap_or(u16::MAX));
        if (left..right).contains(&at) {
            return Some(screen);
        }
        left = right.saturating_add(1);
    }
    None
}

/// The screens with their numbers, as wide as there is room.
pub(crate) fn tabs(state: &State) -> Vec<(crate::state::Screen, String)> {
    let label = |screen: crate::state::Screen, short: bool, blank: &str| {
        let (long, brief) = screen.names();
        let name = if short { brief } else { long };
        format!("{}{blank}{name}", screen.number().saturating_add(1))
    };
    let (short, blank) = match state.columns {
        0..=99 => (true, ""),
        100..=119 => (false, ""),
        _ => (false, " "),
    };
    crate::state::Screen::ALL
        .into_iter()
        .map(|screen| (screen, label(screen, short, blank)))
        .collect()
}
