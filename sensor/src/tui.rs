//! The analyst's screen: the event loop around `fossick-tui`, over a running sensor or over captures that were read.
//!
//! Keys, answers and seconds come in by one bounded channel; what comes of its own accord is drawn at most [`RATE`] times a second, what a
//! key does at once. What is asked is asked by a thread of its own, so that a slow sensor never keeps a key waiting.

mod captures;
mod export;
mod scanner;
mod source;
mod terminal;

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use fossick_tui::{Abilities, Command, Event, Keymap, State, Theme, update, view};

use crate::client::Where;
use crate::config::{Config, DEFAULT, SOCKET};

pub use captures::{Read, Traffic};
use scanner::Scanner;
use source::{Asker, Remote, Task};
pub use terminal::Screen;

/// What comes of its own accord is drawn so often in a second at most.
const RATE: u32 = 30;
/// What somebody pressed is answered so soon after what was drawn before.
const PRESSED: Duration = Duration::from_millis(5);
/// Things that happened and are not looked at yet.
const EVENTS: usize = 256;
/// Questions that are not asked yet.
const TASKS: usize = 64;
/// Signals are looked for so often while nothing happens.
const LOOK: Duration = Duration::from_millis(100);

/// Arguments of `fossick tui`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    look: Look,
    #[command(flatten)]
    sensor: Where,
}

/// How it looks, and which keys do what.
#[derive(Debug, Clone, Default, Args)]
pub struct Look {
    /// Colours: dark, light, high-contrast, 16 or none; by default as the terminal says
    #[arg(long, value_name = "THEME", value_parser = theme)]
    theme: Option<Theme>,
    /// A configuration with [keys] and [screen]; of a running sensor its own, whose [scan] says what may be asked of whom
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

fn theme(name: &str) -> Result<Theme, String> {
    let known = Theme::ALL.map(|(name, _)| name).join(", ");
    Theme::named(name).ok_or(format!("one of {known} is wanted"))
}

impl Arguments {
    /// What `fossick` alone does.
    #[must_use]
    pub fn plain() -> Arguments {
        Arguments {
            look: Look::default(),
            sensor: Where {
                socket: SOCKET.into(),
            },
        }
    }
}

/// Whether there is a terminal to show anything on.
#[must_use]
pub fn possible() -> bool {
    io::stdout().is_terminal()
}

impl Look {
    /// The configuration that names keys and theme: the one that is given, or else the sensor's own, where it may be read.
    fn configured(&self) -> anyhow::Result<Config> {
        match &self.keys {
            Some(file) => Config::load(file),
            None if Path::new(DEFAULT).exists() => {
                Ok(Config::load(Path::new(DEFAULT)).unwrap_or_default())
            }
            None => Ok(Config::default()),
        }
    }

    fn file(&self) -> &Path {
        self.keys.as_deref().unwrap_or(Path::new(DEFAULT))
    }

    /// What was asked for, what is configured, or what the terminal says of itself.
    fn theme(&self, config: &Config) -> anyhow::Result<Theme> {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if let Some(theme) = self.theme {
            return Ok(theme);
        }
        if set("NO_COLOR") {
            return Ok(Theme::Plain);
        }
        if !config.screen.theme.is_empty() {
            return theme(&config.screen.theme).map_err(anyhow::Error::msg);
        }
        let says = |name: &str| std::env::var(name).unwrap_or_default();
        if !matches!(says("COLORTERM").as_str(), "truecolor" | "24bit") {
            return Ok(Theme::Sixteen);
        }
        // Foreground and background, by their numbers among the sixteen.
        let light = says("COLORFGBG")
            .rsplit(';')
            .next()
            .is_some_and(|ground| matches!(ground, "7" | "15"));
        Ok(if light { Theme::Light } else { Theme::Dark })
    }
}

/// `fossick tui`.
///
/// # Errors
/// There is no terminal, or a key is bound wrongly.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let at = arguments.sensor.clone();
    let name = at.socket.display().to_string();
    let look = &arguments.look;
    let config = look.configured()?;
    let scanner = Scanner::of(&config, look.file(), &at.socket);
    let abilities = Abilities {
        live: true,
        orders: true,
        scans: scanner.is_some(),
    };
    let seen = Seen {
        name: &name,
        abilities,
        scanner,
    };
    show(look, &config, seen, move || Box::new(Remote::new(at)))
}

/// Shows captures that were read.
///
/// # Errors
/// There is no terminal, or a key is bound wrongly.
pub fn captures(look: &Look, name: &str, read: Read) -> anyhow::Result<()> {
    let seen = Seen {
        name,
        abilities: Abilities::default(),
        scanner: None,
    };
    show(look, &look.configured()?, seen, move || Box::new(read))
}

/// What is looked at.
struct Seen<'a> {
    name: &'a str,
    abilities: Abilities,
    scanner: Option<Scanner>,
}

fn show(
    look: &Look,
    config: &Config,
    seen: Seen<'_>,
    source: impl FnOnce() -> Box<dyn Asker> + Send + 'static,
) -> anyhow::Result<()> {
    if !possible() {
        bail!(
            "a screen needs a terminal; `fossick assets`, `fossick findings` and `fossick overview` print the same, with --format json"
        );
    }
    let keymap = Keymap::with(&config.keys)?;
    let theme = look.theme(config)?;
    let signals = terminal::signals()?;
    let (events, happened) = sync_channel(EVENTS);
    let (tasks, todo) = sync_channel(TASKS);
    let answers = events.clone();
    spawn("source", move || source::work(source(), &todo, &answers))?;
    let mut screen = Screen::open()?;
    let mut hands = Hands {
        tasks,
        scanner: seen.scanner,
        events: events.clone(),
    };
    spawn("keys", terminal::reader(events))?;
    let mut state = State::new(screen.size()?, seen.name, seen.abilities, theme, keymap);
    let frame = Duration::from_secs(1).checked_div(RATE).unwrap_or_default();
    let mut drawn: Option<Instant> = None;
    let mut second = Instant::now();
    let mut stale = true;
    let mut pressed = false;
    let kept = loop {
        let rest = drawn.map_or(Duration::ZERO, |drawn| {
            let least = if pressed { PRESSED } else { frame };
            least.saturating_sub(drawn.elapsed())
        });
        if stale && rest.is_zero() {
            screen.draw(|frame| view(&state, frame))?;
            drawn = Some(Instant::now());
            (stale, pressed) = (false, false);
        }
        let mut pending: Vec<Event> = match happened.recv_timeout(if stale {
            rest.max(Duration::from_millis(1))
        } else {
            LOOK
        }) {
            Ok(event) => vec![event],
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => break None,
        };
        pending.extend(happened.try_iter().take(EVENTS));
        if signals.ended() {
            break None;
        }
        if second.elapsed() >= Duration::from_secs(1) {
            second = Instant::now();
            pending.push(Event::Tick);
        }
        stale |= !pending.is_empty();
        pressed |= pending.iter().any(is_pressed);
        let mut quit = None;
        for event in pending {
            for command in update(&mut state, event) {
                if let Command::Quit { keep } = &command {
                    quit = Some(*keep);
                }
                hands.carry_out(command, &mut screen, &mut state)?;
            }
        }
        if let Some(keep) = quit {
            break Some(keep);
        }
    };
    let text = match kept {
        Some(true) => screen.text(|frame| view(&state, frame))?,
        _ => String::new(),
    };
    drop(screen);
    print!("{text}");
    Ok(())
}

/// Whether somebody waits to see what it does.
fn is_pressed(event: &Event) -> bool {
    matches!(
        event,
        Event::Key(_) | Event::Click { .. } | Event::Wheel { .. } | Event::Paste(_)
    )
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    let thread = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work);
    thread.with_context(|| format!("starting the thread `{name}`"))?;
    Ok(())
}

/// What the screen's commands are carried out with.
struct Hands {
    tasks: SyncSender<Task>,
    scanner: Option<Scanner>,
    events: SyncSender<Event>,
}

impl Hands {
    fn carry_out(
        &mut self,
        command: Command,
        screen: &mut Screen,
        state: &mut State,
    ) -> anyhow::Result<()> {
        let task = match command {
            Command::Ask(asked) => Task::Ask(asked),
            Command::Export { path, what } => Task::Export(path, what),
            Command::Copy(text) => return screen.copy(&text),
            Command::Scan { target, send } => {
                let events = self.events.clone();
                let started = self
                    .scanner
                    .as_ref()
                    .map(|scanner| scanner.start(&target, send, events));
                if let Some(Err(error)) = started {
                    update(state, Event::Scanned(Err(format!("{error:#}"))));
                }
                return Ok(());
            }
            Command::StopScan => {
                self.scanner.iter().for_each(Scanner::stop);
                return Ok(());
            }
            Command::Quit { .. } => return Ok(()),
        };
        match self.tasks.try_send(task) {
            Ok(()) => {}
            // The state asks one thing of a sort at a time: that many never wait.
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                let why = "too much is waiting for an answer; try again".to_owned();
                update(state, Event::Written(Err(why)));
            }
        }
        Ok(())
    }
}
