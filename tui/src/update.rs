//! The only place where the state changes.

use fossick_model::{Reply, Request, Status};

use crate::act::{Here, ask_asset, options, perform, show, written};
use crate::event::{Command, Event, Link, Slot};
use crate::keys::{Action, Code, Key};
use crate::layout::{column_at, layout, tab_at, widths};
use crate::screens;
use crate::state::{Mode, Page, Purpose, Rows, Screen, State, TRAFFIC, UNDO, Window};
use crate::theme::Role;

/// Seconds between two looks at what costs the sensor more.
const SELDOM: u64 = 5;
/// Lines that the wheel goes.
const WHEEL: usize = 3;

/// What happens changes the state; what comes back is what the world is asked for.
pub fn update(state: &mut State, event: Event) -> Vec<Command> {
    let mut out = Vec::new();
    match event {
        Event::Key(key) => match std::mem::take(&mut state.mode) {
            Mode::Browse => press(state, key, &mut out),
            Mode::Write {
                purpose,
                edit,
                choice,
            } => {
                state.mode = Mode::Write {
                    purpose,
                    edit,
                    choice,
                };
                type_key(state, key, &mut out);
            }
        },
        Event::Paste(text) => {
            if let Mode::Write { edit, .. } = &mut state.mode {
                edit.insert(&text);
                filter_live(state, &mut out);
            }
        }
        Event::Click { column, row } => click(state, column, row, &mut out),
        Event::Wheel { down } => {
            let place = state.place_mut();
            place.selected = if down {
                place.selected.saturating_add(WHEEL)
            } else {
                place.selected.saturating_sub(WHEEL)
            };
        }
        Event::Resize(columns, rows) => (state.columns, state.rows) = (columns, rows),
        Event::Link(link) => {
            let up = link == Link::Up;
            state.link(link);
            if up {
                state.ask(Slot::Status, Request::Status, &mut out);
                state.ask(Slot::Overview, Request::Overview, &mut out);
                refresh(state, &mut out);
            }
        }
        Event::Answer {
            slot,
            serial,
            reply,
        } => answer(state, slot, serial, *reply, &mut out),
        Event::Scanned(told) => crate::act::scan::told(state, told, &mut out),
        Event::Written(Ok(what)) => state.say(what, Role::Good),
        Event::Written(Err(why)) => state.say(why, Role::Bad),
        Event::Tick => tick(state, &mut out),
    }
    settle(state, &mut out);
    out
}

fn press(state: &mut State, key: Key, out: &mut Vec<Command>) {
    state.message = None;
    let action = state.keymap.action(&Here::of(state), key);
    match action {
        Some(action) => perform(state, action, out),
        None => state.armed = None,
    }
}

/// A key while a line is written.
fn type_key(state: &mut State, key: Key, out: &mut Vec<Command>) {
    let Mode::Write {
        purpose,
        mut edit,
        choice,
    } = std::mem::take(&mut state.mode)
    else {
        return;
    };
    let all = options(state, &purpose, &edit);
    let count = all.len();
    let chosen = choice
        .and_then(|n| all.get(n))
        .map(|(word, _)| word.clone());
    let picked = |edit: &mut crate::edit::Edit, word: &str| match purpose {
        Purpose::Filter(_) => edit.complete(word),
        _ => *edit = crate::edit::Edit::new(word),
    };
    let mut choice = choice;
    match key.code {
        Code::Esc => {
            if let Purpose::Filter(before) = purpose {
                state.place_mut().filter = before;
                refresh(state, out);
            }
            return;
        }
        Code::Char('c') if key.control => {
            out.push(Command::Quit { keep: false });
            return;
        }
        Code::Enter => {
            match chosen {
                Some(word) if !matches!(purpose, Purpose::Palette) => {
                    picked(&mut edit, &word);
                    // A field is no whole filter yet.
                    if matches!(purpose, Purpose::Filter(_)) {
                        state.mode = Mode::Write {
                            purpose,
                            edit,
                            choice: None,
                        };
                        return filter_live(state, out);
                    }
                }
                Some(word) => edit = crate::edit::Edit::new(&word),
                None => {}
            }
            if matches!(purpose, Purpose::Filter(_)) && edit.trouble().is_some() {
                state.mode = Mode::Write {
                    purpose,
                    edit,
                    choice: None,
                };
                return;
            }
            return written(state, purpose, edit.text, out);
        }
        Code::Tab => match (chosen, all.as_slice()) {
            (Some(word), _) => {
                picked(&mut edit, &word);
                choice = None;
            }
            (None, [(word, _)]) => picked(&mut edit, word),
            (None, []) => {}
            (None, _) => choice = Some(0),
        },
        Code::Down if count > 0 => {
            choice = Some(choice.map_or(0, |n| n.saturating_add(1).min(count.saturating_sub(1))));
        }
        Code::Up if count > 0 => choice = choice.and_then(|n| n.checked_sub(1)),
        Code::Down | Code::Up => {
            let place = state.place_mut();
            place.selected = if key.code == Code::Down {
                place.selected.saturating_add(1)
            } else {
                place.selected.saturating_sub(1)
            };
        }
        _ => {
            if edit.take(key) {
                choice = None;
            }
        }
    }
    state.mode = Mode::Write {
        purpose,
        edit,
        choice,
    };
    filter_live(state, out);
}

/// A filter works while it is written, as soon as it is one.
fn filter_live(state: &mut State, out: &mut Vec<Command>) {
    let Mode::Write {
        purpose: Purpose::Filter(_),
        edit,
        ..
    } = &state.mode
    else {
        return;
    };
    if edit.trouble().is_none() {
        let text = edit.text.trim().to_owned();
        let place = state.place_mut();
        if place.filter != text {
            place.filter = text;
            place.selected = 0;
            place.first = 0;
            refresh(state, out);
        }
    }
}

fn click(state: &mut State, column: u16, row: u16, out: &mut Vec<Command>) {
    if matches!(state.mode, Mode::Write { .. }) {
        return;
    }
    if row == 0 {
        if let Some(screen) = tab_at(state, column) {
            perform(state, Action::Show(screen), out);
        }
        return;
    }
    let here = Here::of(state);
    let titled = !here.body.columns.is_empty();
    let at = layout(state, titled);
    let on = column_at(&widths(&here.body, state.columns), column).filter(|_| titled);
    let first = at.top.saturating_add(u16::from(titled));
    let line = row.checked_sub(first).filter(|line| *line < at.height);
    let total = here.body.total;
    let place = state.place_mut();
    if let Some(on) = on {
        place.column = on;
    }
    let Some(line) = line
        .map(|line| place.first.saturating_add(line.into()))
        .filter(|line| *line < total)
    else {
        // Its title: sort by it.
        if titled && row == at.top {
            perform(state, Action::Sort, out);
        }
        return;
    };
    if place.selected == line {
        perform(state, Action::Copy, out);
    }
    state.place_mut().selected = line;
}

/// Moves about; true where the action is one of moving.
pub(crate) fn moves(state: &mut State, action: Action, out: &mut Vec<Command>) -> bool {
    let here = Here::of(state);
    let columns = here.body.columns.len();
    // The cursor is on columns that are shown.
    let widths = widths(&here.body, state.columns);
    let shown: Vec<usize> = (0..columns).filter(|n| widths.get(*n) > Some(&0)).collect();
    let sort = here
        .body
        .columns
        .get(state.place().column)
        .map_or("", |column| column.sort);
    let last = here.body.total.saturating_sub(1);
    let half = usize::from(layout(state, columns > 0).height / 2).max(1);
    let number = state.screen.number();
    let screens = Screen::ALL.len();
    let screen = |number: usize| {
        Screen::ALL
            .get(number.checked_rem(screens).unwrap_or_default())
            .copied()
            .unwrap_or_default()
    };
    let place = state.place_mut();
    match action {
        Action::Down => place.selected = place.selected.saturating_add(1).min(last),
        Action::Up => place.selected = place.selected.saturating_sub(1),
        Action::HalfDown => place.selected = place.selected.saturating_add(half).min(last),
        Action::HalfUp => place.selected = place.selected.saturating_sub(half),
        Action::First => place.selected = 0,
        Action::Last => place.selected = last,
        Action::Left => {
            let before = shown.iter().rfind(|n| **n < place.column);
            place.column = before.copied().unwrap_or(place.column);
        }
        Action::Right => {
            let next = shown.iter().find(|n| **n > place.column);
            place.column = next.copied().unwrap_or(place.column);
        }
        Action::NextMatch => next_match(state, true),
        Action::PreviousMatch => next_match(state, false),
        Action::Sort => {
            if !sort.is_empty() {
                place.turned = place.sort == sort && !place.turned;
                place.sort = sort;
                refresh(state, out);
            }
        }
        Action::Reverse => {
            place.turned = !place.turned;
            refresh(state, out);
        }
        Action::Show(screen) => go(state, screen, out),
        Action::NextScreen => go(state, screen(number.saturating_add(1)), out),
        Action::PreviousScreen => go(
            state,
            screen(number.saturating_add(screens).saturating_sub(1)),
            out,
        ),
        Action::Other => other(state, out),
        _ => return false,
    }
    true
}

fn go(state: &mut State, screen: Screen, out: &mut Vec<Command>) {
    state.pages.clear();
    state.screen = screen;
    refresh(state, out);
}

/// The other view of a screen or page.
fn other(state: &mut State, out: &mut Vec<Command>) {
    match state.pages.last_mut() {
        Some(Page::Evidence(page)) => {
            let count = page.wanted.frames.len();
            page.at = page
                .at
                .saturating_add(1)
                .checked_rem(count)
                .unwrap_or_default();
            page.proof = None;
            page.trouble = None;
            refresh_page(state, out);
        }
        Some(Page::Control(page)) => {
            let count = page.rules.as_ref().map_or(0, |rules| rules.formats.len());
            page.format = page
                .format
                .saturating_add(1)
                .checked_rem(count)
                .unwrap_or_default();
            refresh_page(state, out);
        }
        Some(Page::Asset(_) | Page::Scan(_)) => {}
        None => {
            let count = screens::variants(state.screen).len();
            let list = state.list_mut(state.screen);
            list.place.variant = list
                .place
                .variant
                .saturating_add(1)
                .checked_rem(count)
                .unwrap_or_default();
            list.place.selected = 0;
            list.place.first = 0;
            list.window = Window::default();
            refresh(state, out);
        }
    }
}

/// Goes to the next line, or the one before, in which what is looked for stands.
pub(crate) fn next_match(state: &mut State, forward: bool) {
    let wanted = state.place().find.to_lowercase();
    if wanted.is_empty() {
        return;
    }
    let body = screens::body(state);
    let selected = state.place().selected;
    let is = |n: &usize| {
        body.entry(*n)
            .is_some_and(|entry| entry.plain().to_lowercase().contains(&wanted))
    };
    let all: Vec<usize> = (0..body.total).filter(is).collect();
    let found = if forward {
        all.iter().find(|n| **n > selected).or(all.first())
    } else {
        all.iter().rev().find(|n| **n < selected).or(all.last())
    };
    match found {
        Some(found) => state.place_mut().selected = *found,
        None => state.say(format!("`{wanted}` is nowhere on this page"), Role::Warn),
    }
}

/// Asks anew for everything that is shown.
pub(crate) fn refresh(state: &mut State, out: &mut Vec<Command>) {
    state.behind = false;
    let screen = state.screen;
    if matches!(screen, Screen::Overview) {
        state.ask(Slot::Overview, Request::Overview, out);
    }
    let place = &state.list(screen).place;
    if screen == Screen::Conversations && place.variant == 0 {
        let filter = place.filter.clone();
        state.ask(Slot::Matrix, Request::Matrix { filter }, out);
    }
    ask_window(state, out);
    refresh_page(state, out);
}

/// Asks for what stands on the topmost page.
pub(crate) fn refresh_page(state: &mut State, out: &mut Vec<Command>) {
    match state.pages.last() {
        None | Some(Page::Scan(_)) => {}
        Some(Page::Asset(page)) => {
            let id = page.subject.id.clone();
            ask_asset(state, &id, out);
        }
        Some(Page::Evidence(page)) => {
            let wanted = &page.wanted;
            if page.proof.is_some() {
                return;
            }
            let request = Request::Proof {
                asset: wanted.asset.id.clone(),
                capture: wanted.capture.clone(),
                frame: wanted.frames.get(page.at).copied().unwrap_or_default(),
                key: wanted.key.clone(),
            };
            state.ask(Slot::Proof, request, out);
        }
        Some(Page::Control(page)) => {
            let asset = page.subject.id.clone();
            let formats = page.rules.as_ref().map(|rules| &rules.formats);
            let format = formats
                .and_then(|formats| formats.get(page.format))
                .cloned()
                .unwrap_or_default();
            let filter = format!("id:{asset}");
            state.ask(
                Slot::Row,
                Request::ControlRows {
                    filter,
                    offset: 0,
                    limit: 1,
                },
                out,
            );
            state.ask(Slot::Rules, Request::Rules { asset, format }, out);
        }
    }
}

/// Asks for the lines that are shown, and as many before and behind.
fn ask_window(state: &mut State, out: &mut Vec<Command>) {
    let screen = state.screen;
    let height = usize::from(state.rows.max(10));
    let offset = state.list(screen).place.first.saturating_sub(height);
    if let Some(request) = screens::request(state, screen, offset, height.saturating_mul(3)) {
        state.ask(Slot::Window(screen.number()), request, out);
    }
}

/// The cursor stays on a line, that line is shown, and what is shown is asked for.
fn settle(state: &mut State, out: &mut Vec<Command>) {
    let body = screens::body(state);
    let (total, columns) = (body.total, body.columns.len());
    let height = usize::from(layout(state, columns > 0).height).max(1);
    let known = columns == 0 || state.list(state.screen).window.rows.len() > 0;
    let place = state.place_mut();
    if known {
        place.selected = place.selected.min(total.saturating_sub(1));
    }
    place.column = place.column.min(columns.saturating_sub(1));
    place.first = place.first.min(place.selected);
    let bottom = place.selected.saturating_add(1).saturating_sub(height);
    place.first = place
        .first
        .max(bottom)
        .min(total.saturating_sub(height.min(total)));
    if !screens::is_table(state) {
        return;
    }
    let list = state.list(state.screen);
    let (first, window) = (list.place.first, &list.window);
    let until = first.saturating_add(height).min(window.total);
    let there = first >= window.offset && until <= window.offset.saturating_add(window.rows.len());
    if !there && window.trouble.is_none() && !matches!(window.rows, Rows::None) {
        ask_window(state, out);
    }
}

fn tick(state: &mut State, out: &mut Vec<Command>) {
    state.seconds = state.seconds.saturating_add(1);
    if !state.abilities.live {
        return;
    }
    state.ask(Slot::Status, Request::Status, out);
    if state.frozen || !state.behind {
        return;
    }
    let often = state.pages.is_empty() && matches!(state.screen, Screen::Assets | Screen::Changes);
    if often || state.seconds.is_multiple_of(SELDOM) {
        refresh(state, out);
    }
}

fn answer(state: &mut State, slot: Slot, serial: u64, reply: Reply, out: &mut Vec<Command>) {
    let Some(waiting) = state.waiting.remove(&slot) else {
        return;
    };
    if waiting.serial != serial {
        state.waiting.insert(slot, waiting);
        return;
    }
    let request = waiting.request;
    if let Some(next) = waiting.next {
        state.ask(slot, next, out);
    }
    match (slot, reply) {
        (Slot::Status, Reply::Status(status)) => hear(state, *status),
        (Slot::Overview, Reply::Overview(overview)) => state.overview = Some(*overview),
        (Slot::Matrix, Reply::Matrix(matrix)) => state.matrix = Some(*matrix),
        (Slot::Window(number), reply) => window(state, number, &request, reply),
        (Slot::Order, reply) => ordered(state, reply, out),
        (Slot::Search, Reply::Assets { assets, .. }) => {
            let proving = state.proving.take();
            if let (Some(proving), Some(asset)) = (proving, assets.first()) {
                match screens::wanted(asset, &proving) {
                    Ok(wanted) => show(state, wanted, out),
                    Err(why) => state.say(why, Role::Warn),
                }
            }
        }
        (_, Reply::Refused { why, .. }) if !of_page(slot) => state.say(why, Role::Bad),
        (_, reply) => {
            let packet = matches!(reply, Reply::Proof(_));
            page(state, &request, reply);
            if packet {
                look_at_marks(state);
            }
        }
    }
}

/// What says it is in sight, wherever in the packet it is.
fn look_at_marks(state: &mut State) {
    let body = screens::body(state);
    let marked = |entry: &crate::entry::Entry| {
        let mut pieces = entry.pieces.iter();
        pieces.any(|piece| piece.role == Role::Mark)
    };
    if let Some(last) = body.entries.iter().rposition(marked) {
        state.place_mut().selected = last;
    }
}

fn of_page(slot: Slot) -> bool {
    matches!(
        slot,
        Slot::Asset | Slot::Row | Slot::Talks | Slot::History | Slot::Proof | Slot::Rules
    )
}

/// Frames and drops since the second before; whether anything changed.
fn hear(state: &mut State, status: Status) {
    let frames = status
        .interfaces
        .iter()
        .fold(0_u64, |sum, one| sum.saturating_add(one.frames));
    let drops = status.interfaces.iter().fold(0_u64, |sum, one| {
        sum.saturating_add(one.dropped)
            .saturating_add(one.interface_dropped)
    });
    if let Some((before, dropped)) = state.counted {
        if state.traffic.len() >= TRAFFIC {
            state.traffic.pop_front();
        }
        state
            .traffic
            .push_back((frames.saturating_sub(before), drops.saturating_sub(dropped)));
    }
    state.counted = Some((frames, drops));
    if status.journal != state.journal {
        state.journal = status.journal;
        state.behind = true;
    }
    if !status.site.is_empty() && state.abilities.live {
        status.site.clone_into(&mut state.source);
    }
    state.status = Some(status);
}

/// A window came. One that is no longer what is asked for is passed over.
fn window(state: &mut State, number: usize, request: &Request, reply: Reply) {
    let Some(screen) = Screen::ALL.get(number).copied() else {
        return;
    };
    let (offset, limit) = match request {
        Request::Rows { offset, limit, .. }
        | Request::Findings { offset, limit, .. }
        | Request::Compared { offset, limit, .. }
        | Request::ControlRows { offset, limit, .. }
        | Request::Talks { offset, limit, .. }
        | Request::Recent { offset, limit, .. } => (*offset, *limit),
        _ => return,
    };
    if screens::request(state, screen, offset, limit).as_ref() != Some(request) {
        return;
    }
    let (total, rows) = match reply {
        Reply::Rows { total, rows } => (total, Rows::Assets(rows)),
        Reply::Findings { total, rows } => (total, Rows::Findings(rows)),
        Reply::Compared {
            approved,
            total,
            rows,
        } => (total, Rows::Compared(approved, rows)),
        Reply::ControlRows { total, rows } => (total, Rows::Controls(rows)),
        Reply::Talks { total, rows } => (total, Rows::Talks(rows)),
        Reply::Recent { total, rows } => (total, Rows::Recent(rows)),
        Reply::Refused { why, .. } => {
            state.list_mut(screen).window = Window {
                trouble: Some(why),
                ..Window::default()
            };
            return;
        }
        _ => return,
    };
    let list = screens::request(state, screen, 0, 0);
    state.list_mut(screen).take(Window {
        total,
        offset,
        rows,
        list,
        trouble: None,
    });
}

/// Something came for the page on top; what is for another one is passed over.
fn page(state: &mut State, request: &Request, reply: Reply) {
    match (state.pages.last_mut(), request, reply) {
        (Some(Page::Asset(page)), Request::Asset { asset }, Reply::Assets { assets, .. })
            if *asset == page.subject.id =>
        {
            page.asset = assets.into_iter().next();
            if let Some(asset) = &page.asset {
                page.subject.label = asset.label();
            }
        }
        (Some(Page::Asset(page)), Request::Asset { asset }, Reply::Refused { why, .. })
            if *asset == page.subject.id =>
        {
            page.asset = None;
            page.trouble = Some(why);
        }
        (Some(Page::Asset(page)), Request::Rows { filter, .. }, Reply::Rows { rows, .. })
            if *filter == format!("id:{}", page.subject.id) =>
        {
            page.row = rows.into_iter().next();
        }
        (Some(Page::Asset(page)), Request::Talks { filter, .. }, Reply::Talks { total, rows })
            if *filter == format!("id:{}", page.subject.id) =>
        {
            page.talks_total = total;
            page.talks = rows;
        }
        (Some(Page::Asset(page)), Request::Recent { filter, .. }, Reply::Recent { rows, .. })
            if *filter == format!("id:{}", page.subject.id) =>
        {
            page.history = rows;
        }
        (Some(Page::Evidence(page)), Request::Proof { frame, capture, .. }, reply)
            if page.wanted.capture == *capture
                && page.wanted.frames.get(page.at) == Some(frame) =>
        {
            match reply {
                Reply::Proof(proof) => page.proof = Some(*proof),
                Reply::Refused { why, .. } => page.trouble = Some(why),
                _ => {}
            }
        }
        (
            Some(Page::Control(page)),
            Request::ControlRows { filter, .. },
            Reply::ControlRows { rows, .. },
        ) if *filter == format!("id:{}", page.subject.id) => {
            page.row = rows.into_iter().next();
        }
        (Some(Page::Control(page)), Request::Rules { asset, .. }, reply)
            if *asset == page.subject.id =>
        {
            match reply {
                Reply::Rules(rules) => {
                    page.format = rules
                        .formats
                        .iter()
                        .position(|format| *format == rules.format)
                        .unwrap_or_default();
                    page.rules = Some(*rules);
                    page.trouble = None;
                }
                Reply::Refused { why, .. } => {
                    page.rules = None;
                    page.trouble = Some(why);
                }
                _ => {}
            }
        }
        _ => {}
    }
}

/// An order was carried out, or refused.
fn ordered(state: &mut State, reply: Reply, out: &mut Vec<Command>) {
    let ordered = state.ordered.take();
    match reply {
        Reply::Done { what } => {
            state.say(what, Role::Good);
            state.little = None;
            if let Some(back) = state.undoing.take() {
                if state.undo.len() >= UNDO {
                    state.undo.remove(0);
                }
                state.undo.push(back);
            }
            if let Some((path, text)) = state.exporting.take() {
                out.push(Command::Export {
                    path,
                    what: crate::event::Export::Text(text),
                });
            }
            refresh(state, out);
        }
        Reply::Refused { why, .. } => {
            state.undoing = None;
            state.exporting = None;
            if why.contains("--from-little") {
                let key = state.keymap.key(Action::Step);
                state.little = ordered.map(|(subject, _)| subject.id);
                let why = why.split(':').next().unwrap_or_default();
                let why = format!("press {key} twice to accept that {why}");
                state.say(why, Role::Warn);
                return;
            }
            state.say(why, Role::Bad);
        }
        _ => {}
    }
}
