//! What can be done now; the table of keys asks these.

use super::{Action, Here, Page, Screen, is_decided, next, scan, screens, step_of};

pub fn open(here: &Here<'_>) -> bool {
    here.entry.go.is_some()
}

pub fn back(here: &Here<'_>) -> bool {
    !here.state.pages.is_empty()
}

pub fn clear(here: &Here<'_>) -> bool {
    let place = here.state.place();
    !place.filter.is_empty() || !place.find.is_empty()
}

pub fn evidence(here: &Here<'_>) -> bool {
    here.entry.proof.is_some() && !matches!(here.page(), Some(Page::Evidence(_)))
}

pub fn write(here: &Here<'_>) -> bool {
    matches!(here.page(), Some(Page::Evidence(page)) if page.proof.is_some())
}

pub fn filter(here: &Here<'_>) -> bool {
    here.table() || here.on(Screen::Conversations)
}

pub fn find(here: &Here<'_>) -> bool {
    !filter(here)
}

pub fn matched(here: &Here<'_>) -> bool {
    !here.state.place().find.is_empty()
}

pub fn step(here: &Here<'_>) -> bool {
    here.state.abilities.orders && next(here).is_some_and(|next| step_of(here, &next).is_some())
}

pub fn scan(here: &Here<'_>) -> bool {
    here.state.abilities.scans && scan::next(here).is_some()
}

pub fn stop_scan(here: &Here<'_>) -> bool {
    scan::is_asking(here.state)
}

pub fn sanction(here: &Here<'_>) -> bool {
    let listed = here.on(Screen::Shadow) && here.state.list(Screen::Shadow).place.variant == 0;
    here.state.abilities.orders && listed && here.entry.subject.is_some()
}

pub fn acknowledge(here: &Here<'_>) -> bool {
    let open = here
        .entry
        .finding
        .as_ref()
        .is_some_and(|finding| !is_decided(&finding.state));
    let asset = here.on(Screen::Assets) && here.entry.subject.is_some();
    here.state.abilities.orders && !sanction(here) && (open || asset)
}

pub fn accept(here: &Here<'_>) -> bool {
    here.state.abilities.orders
        && here
            .entry
            .finding
            .as_ref()
            .is_some_and(|finding| !finding.state.starts_with("accepted"))
}

pub fn reopen(here: &Here<'_>) -> bool {
    here.state.abilities.orders
        && here
            .entry
            .finding
            .as_ref()
            .is_some_and(|finding| is_decided(&finding.state))
}

pub fn annotate(here: &Here<'_>) -> bool {
    let known = here.on(Screen::Assets)
        || matches!(here.page(), Some(Page::Asset(page)) if page.row.is_some());
    here.state.abilities.orders && known && here.entry.subject.is_some()
}

pub fn undo(here: &Here<'_>) -> bool {
    here.state.abilities.orders && !here.state.undo.is_empty()
}

pub fn other(here: &Here<'_>) -> bool {
    match here.page() {
        Some(Page::Evidence(page)) => page.wanted.frames.len() > 1,
        Some(Page::Control(page)) => page.rules.is_some(),
        Some(Page::Asset(_) | Page::Scan(_)) => false,
        None => !screens::variants(here.state.screen).is_empty(),
    }
}

pub fn sort(here: &Here<'_>) -> bool {
    let column = here.body.columns.get(here.state.place().column);
    here.on(Screen::Assets) && column.is_some_and(|column| !column.sort.is_empty())
}

pub fn columns(here: &Here<'_>) -> bool {
    here.table()
}

pub fn export(here: &Here<'_>) -> bool {
    match here.page() {
        Some(Page::Asset(page)) => page.asset.is_some(),
        Some(Page::Control(page)) => page.rules.is_some(),
        Some(Page::Evidence(_) | Page::Scan(_)) => false,
        None => here.body.total > 0,
    }
}

pub fn copy(here: &Here<'_>) -> bool {
    !here.entry.pieces.is_empty()
}

pub fn live(here: &Here<'_>) -> bool {
    here.state.abilities.live
}

/// Whether an action wants its key twice.
pub fn is_armed(action: Action) -> bool {
    matches!(
        action,
        Action::Step | Action::Sanction | Action::Refuse | Action::Acknowledge | Action::Reopen
    )
}
