//! The terminal: taken over, and given back however the program ends.

use std::io::{self, Stdout, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;

use anyhow::Context;
use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{
    self, DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
    Event as Terminal, KeyCode, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
};
use crossterm::execute;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use fossick_tui::{Code, Event, Key};
use ratatui::Frame;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::{Buffer, Cell};

/// Octets that are put on the clipboard at most: terminals take no more.
const CLIPBOARD: usize = 65_536;

/// The terminal while it is ours.
pub struct Screen {
    terminal: ratatui::Terminal<CrosstermBackend<Stdout>>,
}

/// Gives the terminal back. What cannot be given back, nobody could be told of.
fn restore() {
    let _ = disable_raw_mode();
    let _ = execute!(
        io::stdout(),
        EndSynchronizedUpdate,
        DisableBracketedPaste,
        DisableMouseCapture,
        LeaveAlternateScreen,
        crossterm::cursor::Show
    );
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

impl Screen {
    /// Takes the terminal over.
    pub fn open() -> anyhow::Result<Screen> {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore();
            before(info);
        }));
        enable_raw_mode().context("taking the terminal over")?;
        let taken = execute!(
            io::stdout(),
            EnterAlternateScreen,
            EnableMouseCapture,
            EnableBracketedPaste
        );
        let terminal =
            taken.and_then(|()| ratatui::Terminal::new(CrosstermBackend::new(io::stdout())));
        match terminal {
            Ok(terminal) => Ok(Screen { terminal }),
            Err(error) => {
                restore();
                Err(error).context("taking the terminal over")
            }
        }
    }

    /// Columns and rows.
    pub fn size(&self) -> anyhow::Result<(u16, u16)> {
        let size = self.terminal.size()?;
        Ok((size.width, size.height))
    }

    /// Draws all at once, so that nothing flickers.
    pub fn draw(&mut self, view: impl FnOnce(&mut Frame<'_>)) -> anyhow::Result<()> {
        execute!(io::stdout(), BeginSynchronizedUpdate)?;
        self.terminal.draw(view)?;
        execute!(io::stdout(), EndSynchronizedUpdate)?;
        Ok(())
    }

    /// Draws a last time; what is shown, as text.
    pub fn text(&mut self, view: impl FnOnce(&mut Frame<'_>)) -> anyhow::Result<String> {
        let mut buffer = Buffer::default();
        self.draw(|frame| {
            view(frame);
            buffer.clone_from(frame.buffer_mut());
        })?;
        let mut text = String::new();
        for row in buffer.area.top()..buffer.area.bottom() {
            let mut line = String::new();
            let mut covered = 0;
            for column in buffer.area.left()..buffer.area.right() {
                let symbol = buffer.cell((column, row)).map_or(" ", Cell::symbol);
                if covered == 0 {
                    line.push_str(symbol);
                    covered = unicode_width::UnicodeWidthStr::width(symbol).saturating_sub(1);
                } else {
                    covered = covered.saturating_sub(1);
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        Ok(text)
    }

    /// Puts a text on the clipboard of whoever looks (OSC 52).
    pub fn copy(&mut self, text: &str) -> anyhow::Result<()> {
        let short = text.get(..CLIPBOARD).unwrap_or(text);
        let mut out = io::stdout();
        execute!(out, CopyToClipboard::to_clipboard_from(short))?;
        Ok(out.flush()?)
    }
}

/// Whether somebody wants the program to end.
pub struct Signals(Arc<AtomicBool>);

impl Signals {
    /// Whether a signal came.
    pub fn ended(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Listens for the signals that end a program.
pub fn signals() -> anyhow::Result<Signals> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [
        signal_hook::consts::SIGTERM,
        signal_hook::consts::SIGHUP,
        signal_hook::consts::SIGINT,
    ] {
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(Signals(flag))
}

/// Reads what is pressed, clicked and pasted until nobody listens any more.
pub fn reader(to: SyncSender<Event>) -> impl FnOnce() {
    move || {
        while let Ok(read) = event::read() {
            let Some(event) = happened(read) else {
                continue;
            };
            if to.send(event).is_err() {
                return;
            }
        }
    }
}

fn happened(read: Terminal) -> Option<Event> {
    match read {
        Terminal::Key(key) if key.kind != KeyEventKind::Release => {
            let control = key.modifiers.contains(KeyModifiers::CONTROL);
            let code = match key.code {
                KeyCode::Char(character) => Code::Char(character),
                KeyCode::Enter => Code::Enter,
                KeyCode::Esc => Code::Esc,
                KeyCode::Tab => Code::Tab,
                KeyCode::BackTab => Code::BackTab,
                KeyCode::Backspace => Code::Backspace,
                KeyCode::Delete => Code::Delete,
                KeyCode::Up => Code::Up,
                KeyCode::Down => Code::Down,
                KeyCode::Left => Code::Left,
                KeyCode::Right => Code::Right,
                KeyCode::Home => Code::Home,
                KeyCode::End => Code::End,
                KeyCode::PageUp => Code::PageUp,
                KeyCode::PageDown => Code::PageDown,
                _ => return None,
            };
            Some(Event::Key(Key { code, control }))
        }
        Terminal::Mouse(mouse) => match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => Some(Event::Click {
                column: mouse.column,
                row: mouse.row,
            }),
            MouseEventKind::ScrollDown => Some(Event::Wheel { down: true }),
            MouseEventKind::ScrollUp => Some(Event::Wheel { down: false }),
            _ => None,
        },
        Terminal::Paste(text) => Some(Event::Paste(text)),
        Terminal::Resize(columns, rows) => Some(Event::Resize(columns, rows)),
        _ => None,
    }
}
