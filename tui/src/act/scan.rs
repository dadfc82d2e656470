//! Asking a device: its plan is shown, a typed word lets it be sent, and nothing else does.

use super::{Here, Page, open, write};
use crate::entry::Subject;
use crate::event::Command;
use crate::state::{Place, Purpose, Rows, Scan, Screen, Stage, State};
use crate::theme::Role;
use crate::update::refresh;

/// What must be typed before anything is sent; `fossick scan` wants the same.
const WORD: &str = "ask";

/// What the key does now.
pub(crate) enum Next {
    /// The page is shown of what is under way.
    Show,
    /// It is found out what would be asked.
    Plan(Subject, String),
    /// The word is asked for.
    Confirm,
}

/// Whether a device is being asked.
pub(crate) fn is_asking(state: &State) -> bool {
    asking(state).is_some()
}

/// The address that is being asked.
pub(crate) fn asking(state: &State) -> Option<&str> {
    let scan = state.scan.as_ref()?;
    matches!(scan.stage, Stage::Asking(_)).then_some(scan.target.as_str())
}

/// What the key does here; nothing where there is no address to ask.
pub(crate) fn next(here: &Here<'_>) -> Option<Next> {
    let scan = here.state.scan.as_ref();
    if let Some(Page::Scan(_)) = here.page() {
        let planned = matches!(scan?.stage, Stage::Planned(Ok(_)));
        return planned.then_some(Next::Confirm);
    }
    if scan.is_some_and(|scan| matches!(scan.stage, Stage::Planning | Stage::Asking(_))) {
        return Some(Next::Show);
    }
    let (subject, target) = match here.page() {
        Some(Page::Asset(page)) => {
            let addresses = page.asset.as_ref()?.addresses.as_ref()?;
            let v4 = addresses.ipv4.first().map(ToString::to_string);
            let first = v4.or_else(|| addresses.ipv6.first().map(ToString::to_string));
            (page.subject.clone(), first?)
        }
        None if here.state.screen == Screen::Assets => {
            let list = here.state.list(Screen::Assets);
            let at = list.place.selected.checked_sub(list.window.offset)?;
            let Rows::Assets(rows) = &list.window.rows else {
                return None;
            };
            (here.entry.subject.clone()?, rows.get(at)?.address.clone())
        }
        _ => return None,
    };
    let is_address = target.parse::<std::net::IpAddr>().is_ok();
    is_address.then_some(Next::Plan(subject, target))
}

/// Shows what would be asked, or asks for the word.
pub(super) fn perform(state: &mut State, out: &mut Vec<Command>) {
    match next(&Here::of(state)) {
        None => {}
        Some(Next::Confirm) => write(state, Purpose::Send, ""),
        Some(Next::Show) => open(state, Page::Scan(Place::default()), out),
        Some(Next::Plan(subject, target)) => {
            out.push(Command::Scan {
                target: target.clone(),
                send: false,
            });
            state.scan = Some(Scan {
                subject,
                target,
                stage: Stage::Planning,
            });
            open(state, Page::Scan(Place::default()), out);
        }
    }
}

/// The word was typed, or another.
pub(super) fn send(state: &mut State, text: &str, out: &mut Vec<Command>) {
    let ready = matches!(state.pages.last(), Some(Page::Scan(_)));
    let scan = state.scan.as_mut().filter(|_| ready);
    let Some(scan) = scan else { return };
    let Stage::Planned(Ok(plan)) = &scan.stage else {
        return;
    };
    if text.trim() != WORD {
        state.say(
            format!("nothing was asked: the word is `{WORD}`"),
            Role::Warn,
        );
        return;
    }
    scan.stage = Stage::Asking(plan.clone());
    out.push(Command::Scan {
        target: scan.target.clone(),
        send: true,
    });
    state.place_mut().selected = 0;
}

/// Asks for asking to be stopped.
pub(super) fn stop(state: &mut State, out: &mut Vec<Command>) {
    out.push(Command::StopScan);
    state.say("stopping: nothing more is sent", Role::Warn);
}

/// The plan came, or everything was asked; or why not.
pub(crate) fn told(state: &mut State, told: Result<String, String>, out: &mut Vec<Command>) {
    let Some(scan) = &mut state.scan else { return };
    if !matches!(scan.stage, Stage::Asking(_)) {
        scan.stage = Stage::Planned(told);
        return;
    }
    let (text, role) = match &told {
        Ok(_) => (format!("{} was asked", scan.target), Role::Good),
        Err(_) => (
            format!("{} was not asked everything", scan.target),
            Role::Bad,
        ),
    };
    scan.stage = Stage::Asked(told);
    state.say(text, role);
    refresh(state, out);
}
