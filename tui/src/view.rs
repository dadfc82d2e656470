//! Draws; decides nothing.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::act::Here;
use crate::entry::{Body, Entry, Piece};
use crate::keys::Action;
use crate::layout::{HELP_COLUMNS, Layout, help_across, layout, tabs, widths};
use crate::paint::{put, seen};
use crate::screens::{body, title, variants};
use crate::state::{Mode, Purpose, State};
use crate::text;
use crate::theme::Role;

/// The least terminal that everything fits on.
const LEAST: (u16, u16) = (40, 10);

/// Draws the state.
pub fn view(state: &State, frame: &mut Frame<'_>) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    buffer.set_style(area, state.theme.ground());
    if area.width < LEAST.0 || area.height < LEAST.1 {
        put(
            buffer,
            (0, 0),
            &format!("at least {} columns and {} rows, please", LEAST.0, LEAST.1),
            area.width,
            Style::new(),
        );
        return;
    }
    let body = body(state);
    let place = layout(state, !body.columns.is_empty());
    screens(state, buffer, area);
    about(state, &body, buffer, area);
    lines(state, &body, place, buffer, area);
    help(state, place, buffer, area);
    let cursor = message(state, place, buffer, area);
    keys(state, place, buffer, area);
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// Names of the screens, and what is looked at.
fn screens(state: &State, buffer: &mut Buffer, area: Rect) {
    let theme = state.theme;
    let frame = theme.style(Role::Frame);
    let mut x = 0;
    for (screen, label) in tabs(state) {
        let here = screen == state.screen;
        let style = if here {
            theme.style(Role::Title).add_modifier(Modifier::UNDERLINED)
        } else {
            frame
        };
        x = put(buffer, (x, 0), &label, area.width.saturating_sub(x), style).saturating_add(x);
        x = put(buffer, (x, 0), " ", area.width.saturating_sub(x), frame).saturating_add(x);
    }
    let rest = area.width.saturating_sub(x);
    let source = Piece::new(&state.source, Role::Frame);
    let source = seen(&source, state.masked);
    let wide = u16::try_from(text::width(&source)).unwrap_or(u16::MAX);
    let pad = " ".repeat(rest.saturating_sub(wide).into());
    put(buffer, (x, 0), &format!("{pad}{source}"), rest, frame);
}

/// What is shown: how many, by which filter, in which order; and how the source is.
fn about(state: &State, body: &Body, buffer: &mut Buffer, area: Rect) {
    let theme = state.theme;
    let mut pieces: Vec<Piece> = Vec::new();
    let place = state.place();
    if let Some(why) = &state.down {
        pieces.push(Piece::new(
            format!("NO ANSWER: {}; trying again · ", short(why)),
            Role::Bad,
        ));
    }
    if let Some(target) = crate::act::scan::asking(state) {
        pieces.push(Piece::new("ASKING ", Role::Warn));
        pieces.push(Piece::private(target, Role::Warn));
        pieces.push(Piece::new(" · ", Role::Warn));
    }
    if state.frozen {
        pieces.push(Piece::new("FROZEN · ", Role::Warn));
    }
    if state.masked {
        pieces.push(Piece::new("MASKED · ", Role::Warn));
    }
    match state.pages.last() {
        Some(page) => {
            pieces.extend(title(state, page));
            let line = place.selected.saturating_add(1).min(body.total);
            pieces.push(Piece::new(
                format!("  line {line} of {}", body.total),
                Role::Dim,
            ));
        }
        None if body.columns.is_empty() => {
            let word = variants(state.screen).get(place.variant);
            let name = state.screen.names().0;
            pieces.push(Piece::new(
                word.map_or(name.to_owned(), |word| format!("{name}, {word}")),
                Role::Title,
            ));
        }
        None => {
            let at = place.selected.saturating_add(1).min(body.total);
            pieces.push(Piece::new(
                format!(
                    "{} of {}",
                    text::count(at as u64),
                    text::count(body.total as u64)
                ),
                Role::Title,
            ));
            if let Some(word) = variants(state.screen).get(place.variant) {
                pieces.push(Piece::new(format!("  {word}"), Role::Plain));
            }
            if !place.sort.is_empty() {
                let way = if place.turned { ", turned" } else { "" };
                pieces.push(Piece::new(
                    format!("  sorted by {}{way}", place.sort),
                    Role::Dim,
                ));
            }
        }
    }
    if !place.filter.is_empty() {
        pieces.push(Piece::new("  filter: ", Role::Dim));
        pieces.push(Piece::private(&place.filter, Role::Key));
    }
    if !place.find.is_empty() {
        pieces.push(Piece::new("  found: ", Role::Dim));
        pieces.push(Piece::private(&place.find, Role::Mark));
    }
    let waits = state
        .waiting
        .keys()
        .any(|slot| *slot != crate::event::Slot::Status);
    if waits {
        pieces.push(Piece::new("  …", Role::Dim));
    }
    let mut x = 0;
    for piece in &pieces {
        let room = area.width.saturating_sub(x);
        x = put(
            buffer,
            (x, 1),
            &seen(piece, state.masked),
            room,
            theme.style(piece.role),
        )
        .saturating_add(x);
    }
}

/// What is the matter, without what to do about it.
fn short(why: &str) -> &str {
    why.split(": ").next().unwrap_or(why)
}

/// The lines of the screen or page.
fn lines(state: &State, body: &Body, at: Layout, buffer: &mut Buffer, area: Rect) {
    let theme = state.theme;
    let place = state.place();
    let table = !body.columns.is_empty();
    let widths = widths(body, area.width);
    let mut top = at.top;
    if table {
        let mut x = 2;
        for (n, (column, width)) in body.columns.iter().zip(&widths).enumerate() {
            if *width == 0 {
                continue;
            }
            let mut style = theme.style(Role::Title);
            // The column of the cursor.
            if n == place.column && state.pages.is_empty() {
                style = style.add_modifier(Modifier::UNDERLINED);
            }
            put(buffer, (x, top), column.title, *width, style);
            x = x.saturating_add(*width).saturating_add(1);
        }
        top = top.saturating_add(1);
    }
    if body.entries.is_empty() && body.total == 0 {
        for (line, row) in text::wrap(&body.empty, usize::from(area.width).saturating_sub(3))
            .iter()
            .zip(top..top.saturating_add(at.height))
        {
            put(
                buffer,
                (2, row),
                line,
                area.width.saturating_sub(2),
                theme.style(Role::Dim),
            );
        }
        return;
    }
    for (n, row) in (place.first..body.total).zip(top..top.saturating_add(at.height)) {
        let selected = n == place.selected;
        let mark = if selected { ">" } else { " " };
        put(buffer, (0, row), mark, 1, theme.style(Role::Key));
        let Some(entry) = body.entry(n) else {
            put(buffer, (2, row), "…", 1, theme.style(Role::Dim));
            continue;
        };
        if table {
            cells(state, entry, &widths, row, buffer);
        } else {
            line(state, entry, row, buffer, area);
        }
        if selected {
            let style = Style::new().add_modifier(Modifier::REVERSED);
            buffer.set_style(Rect::new(0, row, area.width, 1), style);
        }
    }
}

fn cells(state: &State, entry: &Entry, widths: &[u16], row: u16, buffer: &mut Buffer) {
    let mut x = 2;
    for (piece, width) in entry
        .pieces
        .iter()
        .zip(widths)
        .filter(|(_, width)| **width > 0)
    {
        put(
            buffer,
            (x, row),
            &seen(piece, state.masked),
            *width,
            state.theme.style(piece.role),
        );
        x = x.saturating_add(*width).saturating_add(1);
    }
}

fn line(state: &State, entry: &Entry, row: u16, buffer: &mut Buffer, area: Rect) {
    let mut x = 1;
    let find = state.place().find.to_lowercase();
    for piece in &entry.pieces {
        let room = area.width.saturating_sub(x);
        let shown = seen(piece, state.masked);
        let matched = !find.is_empty() && shown.to_lowercase().contains(&find);
        let role = if matched { Role::Mark } else { piece.role };
        x = put(buffer, (x, row), &shown, room, state.theme.style(role)).saturating_add(x);
    }
}

/// Characters of the names of a command's keys, beside what it does.
const KEYS: usize = 7;

/// The keys that do something now, and what.
fn help(state: &State, at: Layout, buffer: &mut Buffer, area: Rect) {
    if at.help == 0 {
        return;
    }
    let theme = state.theme;
    let here = Here::of(state);
    let top = at.message.saturating_sub(at.help);
    let all = state.keymap.key(Action::Palette);
    let heading = format!(" Keys here; {all} has every command by its name");
    let heading = format!("{heading:<width$}", width = usize::from(area.width));
    put(
        buffer,
        (0, top),
        &heading,
        area.width,
        theme.style(Role::Frame),
    );
    let across = help_across(state);
    let wide = area.width.checked_div(across).unwrap_or(HELP_COLUMNS);
    let rows = at.help.saturating_sub(1).max(1);
    for (n, (binding, keys)) in state.keymap.helped(&here).enumerate() {
        let n = u16::try_from(n).unwrap_or(u16::MAX);
        let (column, row) = (
            n.checked_div(rows).unwrap_or_default(),
            n.checked_rem(rows).unwrap_or_default(),
        );
        if column >= across {
            break;
        }
        let x = column.saturating_mul(wide);
        let y = top.saturating_add(1).saturating_add(row);
        // As many of its keys as there is room for.
        let names = keys.iter().map(ToString::to_string);
        let names = names.reduce(|all, name| match all.len().saturating_add(name.len()) {
            0..=KEYS => format!("{all} {name}"),
            _ => all,
        });
        let names = names.unwrap_or_default();
        let used = put(buffer, (x, y), &names, wide, theme.style(Role::Key));
        let about = x.saturating_add(used.max(7)).saturating_add(1);
        let room = x
            .saturating_add(wide)
            .saturating_sub(1)
            .saturating_sub(about);
        put(
            buffer,
            (about, y),
            binding.about,
            room,
            theme.style(Role::Plain),
        );
    }
}

/// Lines of what is said; they cover what is above.
const SAID: usize = 3;

/// What is said, or the line that is written; where the cursor is then.
fn message(state: &State, at: Layout, buffer: &mut Buffer, area: Rect) -> Option<(u16, u16)> {
    let theme = state.theme;
    let row = at.message;
    let Mode::Write {
        purpose,
        edit,
        choice,
    } = &state.mode
    else {
        let said = match (&state.armed, &state.message) {
            (Some(armed), _) => Some((armed.question(&state.keymap), Role::Warn)),
            (None, Some((text, role))) => Some((text.clone(), *role)),
            (None, None) => None,
        };
        if let Some((text, role)) = said {
            let text = seen(&Piece::new(text, role), state.masked);
            let lines = text::wrap(&text, area.width.into());
            let most = lines.len().min(SAID);
            let top = row
                .saturating_add(1)
                .saturating_sub(u16::try_from(most).unwrap_or(1));
            for (line, y) in lines.iter().zip(top..=row) {
                let blank = " ".repeat(area.width.into());
                let ground = Style::reset().patch(theme.ground());
                put(buffer, (0, y), &blank, area.width, ground);
                put(buffer, (0, y), line, area.width, theme.style(role));
            }
        }
        return None;
    };
    let question = match purpose {
        Purpose::Filter(_) => "filter: ",
        Purpose::Find => "find: ",
        Purpose::Send => "this sends packets to the device: type `ask` and press enter: ",
        Purpose::Palette => ": ",
        Purpose::Export => "write what is shown to (.json .csv .pcapng .txt): ",
        Purpose::Write => "write this packet to: ",
        Purpose::Rename(..) => "call it: ",
        Purpose::Note(..) => "note: ",
        Purpose::Kind(..) => "its kind: ",
        Purpose::Accept(..) => "until when, and why (2026-12-31 behind a firewall): ",
    };
    let mut x = put(
        buffer,
        (0, row),
        question,
        area.width,
        theme.style(Role::Title),
    );
    let trouble = matches!(purpose, Purpose::Filter(_))
        .then(|| edit.trouble())
        .flatten();
    let room = area.width.saturating_sub(x);
    // What is written stays in sight: its beginning gives way.
    let before: String = edit.text.chars().take(edit.at).collect();
    let over = text::width(&before).saturating_sub(usize::from(room).saturating_sub(2));
    let hidden = edit.text.chars().scan(0_usize, |used, c| {
        let fits = *used < over;
        *used = used.saturating_add(text::width(&c.to_string()));
        fits.then_some(())
    });
    let hidden = hidden.count();
    let begin = x;
    for (n, character) in edit.text.chars().enumerate().skip(hidden) {
        let wrong = trouble.as_ref().is_some_and(|(position, _)| n >= *position);
        let style = theme.style(if wrong { Role::Bad } else { Role::Plain });
        x = put(
            buffer,
            (x, row),
            &character.to_string(),
            area.width.saturating_sub(x),
            style,
        )
        .saturating_add(x);
    }
    let shown: String = edit.text.chars().take(edit.at).skip(hidden).collect();
    let cursor = begin
        .saturating_add(u16::try_from(text::width(&shown)).unwrap_or(u16::MAX))
        .min(area.width.saturating_sub(1));
    let after = x.saturating_add(2);
    let options = crate::act::options(state, purpose, edit);
    let hint = match &trouble {
        Some((position, what)) if !edit.text.is_empty() => {
            Some(format!("^ at {}: {what}", position.saturating_add(1)))
        }
        _ => None,
    };
    if let (Some(hint), true) = (&hint, options.is_empty()) {
        put(
            buffer,
            (after, row),
            hint,
            area.width.saturating_sub(after),
            theme.style(Role::Bad),
        );
    }
    choices(state, &options, *choice, at, buffer, area);
    Some((cursor, row))
}

/// What could be written, above the line that is.
fn choices(
    state: &State,
    options: &[(String, String)],
    choice: Option<usize>,
    at: Layout,
    buffer: &mut Buffer,
    area: Rect,
) {
    let theme = state.theme;
    let room = usize::from(at.height.min(10)).min(options.len());
    let first = choice
        .unwrap_or_default()
        .saturating_add(1)
        .saturating_sub(room);
    let shown = options.iter().enumerate().skip(first).take(room);
    let top = at
        .message
        .saturating_sub(u16::try_from(room).unwrap_or_default());
    for ((n, (word, about)), row) in shown.zip(top..at.message) {
        let style = if Some(n) == choice {
            theme.style(Role::Plain).add_modifier(Modifier::REVERSED)
        } else {
            theme.style(Role::Plain)
        };
        let wide = area.width.min(100);
        put(buffer, (0, row), &" ".repeat(wide.into()), wide, style);
        put(
            buffer,
            (1, row),
            word,
            26,
            style.add_modifier(Modifier::BOLD),
        );
        put(buffer, (28, row), about, wide.saturating_sub(29), style);
    }
}

/// The keys that matter most now.
fn keys(state: &State, at: Layout, buffer: &mut Buffer, area: Rect) {
    let theme = state.theme;
    let frame = theme.style(Role::Frame);
    let row = at.keys;
    put(
        buffer,
        (0, row),
        &" ".repeat(area.width.into()),
        area.width,
        frame,
    );
    let mut x = 0_u16;
    let mut say = |key: &str, what: &str| {
        let text = format!(" {key} {what} ");
        let wide = u16::try_from(text::width(&text)).unwrap_or(u16::MAX);
        if x.saturating_add(wide) <= area.width {
            put(buffer, (x, row), &text, wide, frame);
            put(
                buffer,
                (x.saturating_add(1), row),
                key,
                wide,
                frame.add_modifier(Modifier::BOLD),
            );
            x = x.saturating_add(wide);
        }
    };
    if let Mode::Write { purpose, .. } = &state.mode {
        say("enter", "done");
        say("esc", "leave");
        if matches!(
            purpose,
            Purpose::Filter(_) | Purpose::Palette | Purpose::Kind(..)
        ) {
            say("tab", "complete");
        }
        return;
    }
    let here = Here::of(state);
    // Help and quitting are always in sight; the others come as there is room.
    let always = ["help", "commands", "quit"];
    let shorts = state
        .keymap
        .possible(&here)
        .filter(|(binding, _)| !binding.short.is_empty());
    let (last, first): (Vec<_>, Vec<_>) =
        shorts.partition(|(binding, _)| always.contains(&binding.short));
    let wide = |binding: &crate::keys::Binding, keys: &[crate::keys::Key]| {
        let key = keys.first().map(ToString::to_string).unwrap_or_default();
        text::width(&key)
            .saturating_add(text::width(binding.short))
            .saturating_add(3)
    };
    let reserved: usize = last.iter().map(|(binding, keys)| wide(binding, keys)).sum();
    let mut left = usize::from(area.width).saturating_sub(reserved);
    for (binding, keys) in first {
        let Some(rest) = left.checked_sub(wide(binding, keys)) else {
            break;
        };
        left = rest;
        say(
            &keys.first().map(ToString::to_string).unwrap_or_default(),
            binding.short,
        );
    }
    for (binding, keys) in last {
        say(
            &keys.first().map(ToString::to_string).unwrap_or_default(),
            binding.short,
        );
    }
}
