//! Whole screens against files: every screen in three sizes and four themes. `BLESS=1` writes them; review the diff.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects
)]

mod world;

use std::fmt::Write as _;
use std::path::Path;

use fossick_tui::{Command, Event, State, Theme, view};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use unicode_width::UnicodeWidthStr;
use world::{PLAN, happen, press, start};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];
const THEMES: [Theme; 4] = [Theme::Dark, Theme::Light, Theme::Contrast, Theme::Plain];

/// What is shown, and the keys that lead there.
const SCREENS: [(&str, &str); 19] = [
    ("1-overview", "1"),
    ("2-assets", "2"),
    ("2-assets-filter", "2 / v e n"),
    ("2-assets-filter-wrong", "2 / v e n d r : x"),
    ("2-assets-masked", "2 p"),
    ("2-assets-help", "2 ?"),
    ("3-findings", "3"),
    ("4-unpatchable", "4"),
    ("5-shadow", "5"),
    ("6-controls", "6"),
    ("6-control", "6 enter"),
    ("7-conversations-matrix", "7"),
    ("7-conversations-list", "7 v"),
    ("8-changes", "8"),
    ("9-sensor", "9"),
    ("asset", "2 enter"),
    ("asking", "2 i"),
    ("evidence", "4 e"),
    ("palette", "2 : e x p"),
];

/// What is shown after these keys.
fn at(size: (u16, u16), theme: Theme, keys: &str) -> State {
    let mut state = start(size, theme);
    for command in press(&mut state, keys) {
        if let Command::Scan { send: false, .. } = command {
            happen(&mut state, Event::Scanned(Ok(PLAN.to_owned())));
        }
    }
    state
}

fn draw(state: &State, size: (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    terminal.draw(|frame| view(state, frame)).unwrap();
    terminal.backend().buffer().clone()
}

/// The text, and of each line how many cells look alike, by a letter for each look.
fn written(buffer: &Buffer, looks: &mut String) -> String {
    let mut text = String::new();
    let mut legend: Vec<String> = Vec::new();
    let mut lines = String::new();
    for row in 0..buffer.area.height {
        let mut line = String::new();
        let mut covered = 0;
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for column in 0..buffer.area.width {
            let cell = buffer.cell((column, row)).unwrap();
            if covered == 0 {
                line.push_str(cell.symbol());
                covered = cell.symbol().width().saturating_sub(1);
            } else {
                covered -= 1;
            }
            let look = format!("{} on {} {:?}", cell.fg, cell.bg, cell.modifier);
            let known = legend
                .iter()
                .position(|known| *known == look)
                .unwrap_or_else(|| {
                    legend.push(look);
                    legend.len() - 1
                });
            match runs.last_mut() {
                Some((last, count)) if *last == known => *count += 1,
                _ => runs.push((known, 1)),
            }
        }
        writeln!(text, "{}", line.trim_end()).unwrap();
        let letter = |n: usize| char::from(b'a' + u8::try_from(n).unwrap());
        let runs: Vec<String> = runs
            .iter()
            .map(|(known, count)| format!("{}{count}", letter(*known)))
            .collect();
        writeln!(lines, "{}", runs.join(" ")).unwrap();
    }
    for (n, look) in legend.iter().enumerate() {
        writeln!(
            looks,
            "{} {look}",
            char::from(b'a' + u8::try_from(n).unwrap())
        )
        .unwrap();
    }
    looks.push_str(&lines);
    text
}

#[test]
fn every_screen_is_as_its_file_shows_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens");
    let bless = std::env::var_os("BLESS").is_some();
    let mut differing = Vec::new();
    for (name, keys) in SCREENS {
        for size in SIZES {
            let mut shown = String::new();
            let mut looks = String::new();
            for theme in THEMES {
                let state = at(size, theme, keys);
                writeln!(looks, "== {}", theme.name()).unwrap();
                let text = written(&draw(&state, size), &mut looks);
                assert!(
                    shown.is_empty() || shown == text,
                    "{name}: the theme changes the text"
                );
                shown = text;
            }
            let file = folder.join(format!("{name}-{}x{}.txt", size.0, size.1));
            let now = format!("{shown}{looks}");
            if bless {
                std::fs::write(&file, now).unwrap();
            } else if std::fs::read_to_string(&file).unwrap_or_default() != now {
                differing.push(file.display().to_string());
            }
        }
    }
    assert!(
        differing.is_empty(),
        "other than written (BLESS=1 writes them anew):\n{}",
        differing.join("\n")
    );
}

#[test]
fn no_cell_holds_what_a_terminal_would_obey() {
    for (name, keys) in SCREENS {
        let state = at((120, 40), Theme::Dark, keys);
        let buffer = draw(&state, (120, 40));
        for cell in buffer.content() {
            let acts = |c: char| {
                c.is_control()
                    || ('\u{202a}'..='\u{202e}').contains(&c)
                    || ('\u{2066}'..='\u{2069}').contains(&c)
            };
            assert!(
                !cell.symbol().chars().any(acts),
                "{name}: {:?}",
                cell.symbol()
            );
        }
    }
}

#[test]
fn every_size_from_nothing_upward_is_drawn() {
    for (_, keys) in SCREENS {
        let mut state = at((80, 24), Theme::Plain, keys);
        for columns in (1..240).step_by(29) {
            for rows in (1..70).step_by(11) {
                happen(&mut state, Event::Resize(columns, rows));
                draw(&state, (columns, rows));
            }
        }
    }
}
