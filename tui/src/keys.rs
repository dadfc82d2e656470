//! The table of keys. It is the dispatch, the help, the palette, the line at the bottom, and what the configuration may bind anew:
//! what is not in it cannot be done, and what cannot be done now is not shown.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::act::{Here, can};
use crate::state::Screen;

/// A key without its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "names of keys")]
pub enum Code {
    Char(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
}

/// Keys that have names.
const NAMED: [(&str, Code); 15] = [
    ("enter", Code::Enter),
    ("esc", Code::Esc),
    ("tab", Code::Tab),
    ("shift-tab", Code::BackTab),
    ("backspace", Code::Backspace),
    ("delete", Code::Delete),
    ("up", Code::Up),
    ("down", Code::Down),
    ("left", Code::Left),
    ("right", Code::Right),
    ("home", Code::Home),
    ("end", Code::End),
    ("page-up", Code::PageUp),
    ("page-down", Code::PageDown),
    ("space", Code::Char(' ')),
];

/// A key as it is pressed; written `j`, `G`, `ctrl-d`, `page-down`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Which.
    pub code: Code,
    /// With the control key.
    pub control: bool,
}

impl Key {
    /// A key alone.
    #[must_use]
    pub const fn of(code: Code) -> Key {
        Key {
            code,
            control: false,
        }
    }
}

/// Why there is no such key, or it cannot be bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyError(String);

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeyError {}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Key, KeyError> {
        let (control, rest) = match text.strip_prefix("ctrl-") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let named = NAMED
            .iter()
            .find(|(name, _)| *name == rest)
            .map(|(_, code)| *code);
        let mut characters = rest.chars();
        let single = match (characters.next(), characters.next()) {
            (Some(character), None) if !character.is_control() => Some(Code::Char(character)),
            _ => None,
        };
        let code = named.or(single);
        let known = || NAMED.map(|(name, _)| name).join(", ");
        let code = code.ok_or_else(|| {
            KeyError(format!(
                "`{text}` is no key: write one character, ctrl- and one, or one of {}",
                known()
            ))
        })?;
        Ok(Key { code, control })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let control = if self.control { "ctrl-" } else { "" };
        let named = NAMED
            .iter()
            .find(|(_, code)| *code == self.code)
            .map(|(name, _)| *name);
        match (named, self.code) {
            (Some(name), _) => write!(f, "{control}{name}"),
            (None, Code::Char(character)) => write!(f, "{control}{character}"),
            (None, _) => Ok(()),
        }
    }
}

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    Show(Screen),
    NextScreen,
    PreviousScreen,
    Down,
    Up,
    Left,
    Right,
    HalfDown,
    HalfUp,
    First,
    Last,
    Open,
    Back,
    Evidence,
    Write,
    Filter,
    ClearFilter,
    Find,
    NextMatch,
    PreviousMatch,
    Sort,
    Reverse,
    Other,
    Freeze,
    Copy,
    Export,
    Rename,
    Note,
    SetKind,
    Undo,
    Acknowledge,
    Accept,
    Reopen,
    Sanction,
    Refuse,
    Step,
    Scan,
    StopScan,
    Privacy,
    Theme,
    Palette,
    Help,
    Quit,
    QuitKeep,
}

/// One line of the table.
pub(crate) struct Binding {
    pub action: Action,
    /// What the configuration and the palette call it.
    pub name: &'static str,
    /// Its keys, unless the configuration says otherwise.
    pub keys: &'static [&'static str],
    /// A word for the line at the bottom; empty where it does not belong there.
    pub short: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// Whether it can be done now.
    pub when: fn(&Here<'_>) -> bool,
}

const fn bind(
    action: Action,
    name: &'static str,
    keys: &'static [&'static str],
    short: &'static str,
    about: &'static str,
    when: fn(&Here<'_>) -> bool,
) -> Binding {
    Binding {
        action,
        name,
        keys,
        short,
        about,
        when,
    }
}

fn always(_: &Here<'_>) -> bool {
    true
}

/// Every binding. The first that fits a key and can be done is taken. What comes first comes first at the bottom, too.
#[rustfmt::skip]
pub(crate) const BINDINGS: &[Binding] = &[
    bind(Action::Open, "open", &["enter"], "open", "Open what the line is about", can::open),
    bind(Action::Back, "back", &["esc", "backspace"], "back", "Close this page", can::back),
    bind(Action::ClearFilter, "clear-filter", &["esc"], "clear filter", "Take the filter away", can::clear),
    bind(Action::Evidence, "evidence", &["e"], "evidence", "Show the packet that says it", can::evidence),
    bind(Action::Write, "write", &["w"], "write pcapng", "Write the packet for Wireshark", can::write),
    bind(Action::Filter, "filter", &["/"], "filter", "Filter while you write", can::filter),
    bind(Action::Find, "find", &["/"], "find", "Find text on this page", can::find),
    bind(Action::NextMatch, "next-match", &["n"], "", "To the next match", can::matched),
    bind(Action::PreviousMatch, "previous-match", &["N"], "", "To the match before", can::matched),
    bind(Action::Step, "control-step", &["c"], "control", "Next step of its control, twice", can::step),
    bind(Action::Sanction, "approve", &["a"], "approve", "It belongs here: approve, twice", can::sanction),
    bind(Action::Refuse, "refuse", &["d"], "refuse", "It does not: refuse it, twice", can::sanction),
    bind(Action::Acknowledge, "acknowledge", &["a"], "acknowledge", "Say that you saw it, twice", can::acknowledge),
    bind(Action::Accept, "accept", &["A"], "accept", "Answer for leaving it as it is", can::accept),
    bind(Action::Reopen, "reopen", &["R"], "reopen", "Take a decision back, twice", can::reopen),
    bind(Action::StopScan, "stop-scan", &["X"], "stop asking", "Stop asking the device at once", can::stop_scan),
    bind(Action::Scan, "scan", &["i"], "ask it", "Ask it: the plan, then a word", can::scan),
    bind(Action::Rename, "rename", &["r"], "rename", "Call the asset something", can::annotate),
    bind(Action::Note, "note", &["m"], "note", "Note something of the asset", can::annotate),
    bind(Action::SetKind, "kind", &["K"], "", "Say what kind the asset is", can::annotate),
    bind(Action::Undo, "undo", &["u"], "undo", "Take back a name, note or kind", can::undo),
    bind(Action::Other, "other-view", &["v"], "other view", "The other view of this screen", can::other),
    bind(Action::Sort, "sort", &["s"], "sort", "Sort by the cursor's column", can::sort),
    bind(Action::Reverse, "reverse", &["S"], "", "Turn the order", can::sort),
    bind(Action::Export, "export", &["x"], "export", "Write what is shown to a file", can::export),
    bind(Action::Copy, "copy", &["y"], "", "Copy what the cursor is on", can::copy),
    bind(Action::Freeze, "freeze", &["f"], "", "Hold what is shown, or go on", can::live),
    bind(Action::Privacy, "privacy", &["p"], "", "Mask names and addresses", always),
    bind(Action::Down, "down", &["j", "down"], "", "Down", always),
    bind(Action::Up, "up", &["k", "up"], "", "Up", always),
    bind(Action::Left, "left", &["h", "left"], "", "To the column before", can::columns),
    bind(Action::Right, "right", &["l", "right"], "", "To the next column", can::columns),
    bind(Action::HalfDown, "half-down", &["ctrl-d", "page-down"], "", "Down half a screen", always),
    bind(Action::HalfUp, "half-up", &["ctrl-u", "page-up"], "", "Up half a screen", always),
    bind(Action::First, "first", &["g", "home"], "", "To the first line", always),
    bind(Action::Last, "last", &["G", "end"], "", "To the last line", always),
    bind(Action::Show(Screen::Overview), "overview", &["1"], "", "What is urgent, health, changes", always),
    bind(Action::Show(Screen::Assets), "assets", &["2"], "", "Assets", always),
    bind(Action::Show(Screen::Findings), "findings", &["3"], "", "Findings, the most urgent first", always),
    bind(Action::Show(Screen::Unpatchable), "unpatchable", &["4"], "", "What cannot be patched, and why", always),
    bind(Action::Show(Screen::Shadow), "shadow", &["5"], "", "What should not be there", always),
    bind(Action::Show(Screen::Controls), "controls", &["6"], "", "Controls, proposed to verified", always),
    bind(Action::Show(Screen::Conversations), "conversations", &["7"], "", "Who talks to whom", always),
    bind(Action::Show(Screen::Changes), "changes", &["8"], "", "What changed, the latest first", always),
    bind(Action::Show(Screen::Sensor), "sensor", &["9"], "", "Limits, parsers, drops, outlets", always),
    bind(Action::NextScreen, "next-screen", &["tab"], "", "To the next screen", always),
    bind(Action::PreviousScreen, "previous-screen", &["shift-tab"], "", "To the screen before", always),
    bind(Action::Theme, "theme", &["T"], "", "Another theme", always),
    bind(Action::Palette, "palette", &[":"], "commands", "Any command, by its name", always),
    bind(Action::Help, "help", &["?"], "help", "Show these keys, or hide them", always),
    bind(Action::Quit, "quit", &["q", "ctrl-c"], "quit", "Quit", always),
    bind(Action::QuitKeep, "quit-and-keep", &["Q"], "", "Quit, leaving the screen as is", always),
];

/// Every command's name, its keys unless bound otherwise, and what it does.
pub fn commands() -> impl Iterator<Item = (&'static str, &'static [&'static str], &'static str)> {
    BINDINGS
        .iter()
        .map(|binding| (binding.name, binding.keys, binding.about))
}

/// Which key does what.
#[derive(Debug, Clone)]
pub struct Keymap {
    /// Keys of each binding, in the table's order.
    keys: Vec<Vec<Key>>,
}

impl Default for Keymap {
    fn default() -> Keymap {
        let of = |binding: &Binding| {
            binding
                .keys
                .iter()
                .filter_map(|key| key.parse().ok())
                .collect()
        };
        Keymap {
            keys: BINDINGS.iter().map(of).collect(),
        }
    }
}

impl Keymap {
    /// The table with some commands bound to other keys.
    ///
    /// # Errors
    /// There is no such command or key, or quitting would have none.
    pub fn with(bound: &BTreeMap<String, Vec<String>>) -> Result<Keymap, KeyError> {
        let mut keymap = Keymap::default();
        for (name, keys) in bound {
            let at = BINDINGS.iter().position(|binding| binding.name == name);
            let slot = at.and_then(|at| keymap.keys.get_mut(at));
            let slot = slot.ok_or_else(|| {
                let names: Vec<&str> = BINDINGS.iter().map(|binding| binding.name).collect();
                KeyError(format!(
                    "keys: there is no command `{name}`: there are {}",
                    names.join(", ")
                ))
            })?;
            *slot = keys
                .iter()
                .map(|key| key.parse())
                .collect::<Result<_, _>>()?;
        }
        let quits = BINDINGS.iter().zip(&keymap.keys);
        if !quits
            .clone()
            .any(|(binding, keys)| binding.action == Action::Quit && !keys.is_empty())
        {
            return Err(KeyError("keys: `quit` needs a key".to_owned()));
        }
        Ok(keymap)
    }

    /// What a key does now.
    pub(crate) fn action(&self, here: &Here<'_>, key: Key) -> Option<Action> {
        let mut all = BINDINGS.iter().zip(&self.keys);
        all.find(|(binding, keys)| keys.contains(&key) && (binding.when)(here))
            .map(|(binding, _)| binding.action)
    }

    /// What can be done now, with its keys.
    pub(crate) fn possible<'a>(
        &'a self,
        here: &'a Here<'_>,
    ) -> impl Iterator<Item = (&'static Binding, &'a [Key])> {
        let all = BINDINGS.iter().zip(&self.keys);
        let bound = move |(binding, keys): &(&Binding, &Vec<Key>)| {
            (binding.when)(here)
                && keys
                    .iter()
                    .any(|key| self.action(here, *key) == Some(binding.action))
        };
        all.filter(bound)
            .map(|(binding, keys)| (binding, keys.as_slice()))
    }

    /// The same without the screens, whose numbers stand in the first line.
    pub(crate) fn helped<'a>(
        &'a self,
        here: &'a Here<'_>,
    ) -> impl Iterator<Item = (&'static Binding, &'a [Key])> {
        let screen = |binding: &Binding| matches!(binding.action, Action::Show(_));
        self.possible(here)
            .filter(move |(binding, _)| !screen(binding))
    }

    /// The first key of an action.
    pub(crate) fn key(&self, action: Action) -> String {
        let mut all = BINDINGS.iter().zip(&self.keys);
        let keys = all
            .find(|(binding, _)| binding.action == action)
            .map(|(_, keys)| keys);
        keys.and_then(|keys| keys.first())
            .map(ToString::to_string)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_table_is_one_and_names_are_unique() {
        let mut names: Vec<&str> = BINDINGS.iter().map(|binding| binding.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        for binding in BINDINGS {
            // Beside its keys, on three columns of 120.
            let width = binding.about.chars().count();
            assert!(width <= 31, "{} takes {width} columns", binding.name);
            for key in binding.keys {
                let parsed: Key = key.parse().unwrap();
                assert_eq!(parsed.to_string(), *key);
            }
        }
    }

    #[test]
    fn keys_are_bound_anew_and_mistakes_are_named() {
        let bound =
            |name: &str, key: &str| BTreeMap::from([(name.to_owned(), vec![key.to_owned()])]);
        let keymap = Keymap::with(&bound("evidence", "ctrl-e")).unwrap();
        assert_eq!(keymap.key(Action::Evidence), "ctrl-e");
        assert!(
            Keymap::with(&bound("evidenc", "e"))
                .unwrap_err()
                .to_string()
                .contains("evidence")
        );
        assert!(Keymap::with(&bound("evidence", "hyper-e")).is_err());
        assert!(Keymap::with(&BTreeMap::from([("quit".to_owned(), Vec::new())])).is_err());
    }
}
