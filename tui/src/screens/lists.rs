//! The screens that are windows of lists.

use fossick_model::{
    Attribute, By, ComparedRow, ControlRow, Conversation, FindingRow, Request, Row, Told, Which,
};

use super::{control_state, priority, verdict};
use crate::entry::{Body, Column, Decided, Entry, Go, Piece, Proving, Subject, Wanted, column};
use crate::state::{Rows, Screen, State};
use crate::text;
use crate::theme::Role;

const fn of(mut column: Column, sort: &'static str, attribute: Option<Attribute>) -> Column {
    column.sort = sort;
    column.attribute = attribute;
    column
}

const ASSETS: [Column; 11] = [
    of(column("ADDRESS", 17, 26, 0), "address", None),
    of(column("NAME", 12, 22, 2), "name", Some(Attribute::Hostname)),
    of(column("KIND", 12, 20, 1), "kind", Some(Attribute::Kind)),
    of(
        column("VENDOR", 9, 20, 6),
        "vendor",
        Some(Attribute::Vendor),
    ),
    of(column("MODEL", 10, 28, 3), "model", Some(Attribute::Model)),
    of(
        column("FIRMWARE", 8, 14, 8),
        "firmware",
        Some(Attribute::Firmware),
    ),
    of(column("OS", 8, 20, 2), "os", Some(Attribute::Os)),
    of(column("ZONE", 6, 14, 9), "", None),
    of(column("VERDICT", 9, 20, 5), "verdict", None),
    of(column("PRIORITY", 8, 8, 4), "priority", None),
    of(column("SEEN", 10, 16, 7), "seen", None),
];

const FINDINGS: [Column; 6] = [
    column("PRIORITY", 8, 8, 0),
    column("ASSET", 12, 24, 1),
    column("FINDING", 36, 90, 0),
    column("VERDICT", 14, 20, 4),
    column("STATE", 8, 30, 3),
    column("RULE", 10, 30, 5),
];

const UNPATCHABLE: [Column; 6] = [
    column("PRIORITY", 8, 8, 3),
    column("ASSET", 11, 24, 0),
    column("VERDICT", 14, 20, 1),
    column("BECAUSE", 40, 110, 0),
    column("CONTROL", 9, 10, 0),
    column("STATE", 8, 30, 5),
];

const COMPARED: [Column; 5] = [
    column("STATE", 14, 14, 0),
    column("ASSET", 14, 28, 0),
    column("BECAUSE", 30, 80, 0),
    column("APPROVED IN", 10, 30, 3),
    column("DECIDED", 10, 40, 2),
];

const CONTROLS: [Column; 6] = [
    column("ASSET", 12, 24, 0),
    column("CONTROL", 9, 10, 0),
    column("RULES", 5, 5, 2),
    column("FOR", 20, 60, 0),
    column("BY", 8, 40, 3),
    column("SOURCE", 12, 60, 4),
];

const TALKS: [Column; 6] = [
    column("CLIENT", 11, 24, 0),
    column("SERVER", 11, 24, 0),
    column("SERVICE", 20, 30, 0),
    column("ASKS", 20, 80, 1),
    column("FLOWS", 5, 8, 2),
    column("LAST SEEN", 16, 16, 3),
];

const CHANGES: [Column; 4] = [
    column("TIME", 16, 16, 0),
    column("WHAT", 10, 17, 2),
    column("CHANGE", 58, 160, 0),
    column("BY", 4, 14, 3),
];

/// Names of a screen's views; empty where it has one.
pub(crate) fn variants(screen: Screen) -> &'static [&'static str] {
    match screen {
        Screen::Findings => &["by priority", "by asset", "by rule"],
        Screen::Shadow => &["against the approved list", "what detectors found"],
        Screen::Conversations => &["by zone", "list"],
        _ => &[],
    }
}

/// What the window of a screen is asked with.
pub(crate) fn request(
    state: &State,
    screen: Screen,
    offset: usize,
    limit: usize,
) -> Option<Request> {
    let place = &state.list(screen).place;
    let filter = place.filter.clone();
    let turned = if place.turned { "-" } else { "" };
    Some(match screen {
        Screen::Assets => Request::Rows {
            filter,
            sort: format!("{turned}{}", place.sort),
            offset,
            limit,
        },
        Screen::Findings => {
            let by = match place.variant {
                1 => By::Asset,
                2 => By::Rule,
                _ => By::Priority,
            };
            Request::Findings {
                filter,
                which: Which::All,
                by,
                offset,
                limit,
            }
        }
        Screen::Unpatchable => Request::Findings {
            filter,
            which: Which::Unpatchable,
            by: By::Priority,
            offset,
            limit,
        },
        Screen::Shadow if place.variant == 0 => Request::Compared {
            filter,
            offset,
            limit,
        },
        Screen::Shadow => Request::Findings {
            filter,
            which: Which::Shadow,
            by: By::Priority,
            offset,
            limit,
        },
        Screen::Controls => Request::ControlRows {
            filter,
            offset,
            limit,
        },
        Screen::Conversations if place.variant == 0 => return None,
        Screen::Conversations => Request::Talks {
            filter,
            offset,
            limit,
        },
        Screen::Changes => Request::Recent {
            filter,
            offset,
            limit,
        },
        Screen::Overview | Screen::Sensor => return None,
    })
}

/// Whether the screen is a window of a list now.
pub(crate) fn is_table(state: &State) -> bool {
    state.pages.is_empty() && request(state, state.screen, 0, 1).is_some()
}

/// The screen's lines.
pub(crate) fn body(state: &State) -> Body {
    let list = state.list(state.screen);
    if state.screen == Screen::Conversations && list.place.variant == 0 {
        return super::overview::matrix(state);
    }
    let window = &list.window;
    let columns: &'static [Column] = match (state.screen, list.place.variant) {
        (Screen::Assets, _) => &ASSETS,
        (Screen::Unpatchable, _) => &UNPATCHABLE,
        (Screen::Shadow, 0) => &COMPARED,
        (Screen::Controls, _) => &CONTROLS,
        (Screen::Conversations, _) => &TALKS,
        (Screen::Changes, _) => &CHANGES,
        _ => &FINDINGS,
    };
    let entries: Vec<Entry> = match &window.rows {
        Rows::None => Vec::new(),
        Rows::Assets(rows) => rows.iter().map(|row| asset(state, row)).collect(),
        Rows::Findings(rows) if state.screen == Screen::Unpatchable => {
            rows.iter().map(unpatchable).collect()
        }
        Rows::Findings(rows) => rows.iter().map(finding).collect(),
        Rows::Compared(_, rows) => rows.iter().map(compared).collect(),
        Rows::Controls(rows) => rows.iter().map(control).collect(),
        Rows::Talks(rows) => rows.iter().map(talk).collect(),
        Rows::Recent(rows) => rows.iter().map(change).collect(),
    };
    Body {
        columns,
        total: window.total,
        offset: window.offset,
        entries,
        empty: empty(state),
    }
}

/// What stands where there is nothing, and what to do next.
fn empty(state: &State) -> String {
    let list = state.list(state.screen);
    if let Some(trouble) = &list.window.trouble {
        return trouble.clone();
    }
    if matches!(list.window.rows, Rows::None) {
        return state.awaited();
    }
    if !list.place.filter.is_empty() {
        return "nothing passes the filter; esc takes it away".to_owned();
    }
    let offline = !state.abilities.orders;
    match state.screen {
        Screen::Assets => "nothing was heard yet".to_owned(),
        Screen::Findings => "no findings".to_owned(),
        Screen::Unpatchable => "no asset has a finding that no patch closes".to_owned(),
        Screen::Shadow => match &list.window.rows {
            Rows::Compared(0, _) if offline => "no list of approved assets: give one with --approved FILE; v shows what detectors found".to_owned(),
            Rows::Compared(0, _) => {
                "no list of approved assets: `fossick inventory import FILE` brings one; v shows what detectors found".to_owned()
            }
            Rows::Compared(..) => "every asset is as the approved list says".to_owned(),
            _ => "detectors found nothing".to_owned(),
        },
        Screen::Controls => "no control, and nothing that needs one".to_owned(),
        Screen::Conversations => "no conversation was heard".to_owned(),
        Screen::Changes | Screen::Overview | Screen::Sensor => "nothing changed".to_owned(),
    }
}

fn asset(state: &State, row: &Row) -> Entry {
    let subject = Subject {
        id: row.id.clone(),
        label: label(row),
    };
    let seen = if row.silent {
        Piece::new(
            format!("silent {}", text::ago(row.last_seen, state.now())),
            Role::Warn,
        )
    } else if state.abilities.live {
        Piece::new(
            format!("{} ago", text::ago(row.last_seen, state.now())),
            Role::Plain,
        )
    } else {
        Piece::new(row.last_seen.day(), Role::Plain)
    };
    let plain = |text: &str| Piece::new(text, Role::Plain);
    let behind = &row.behind;
    // Where it says nothing itself, what stands behind it does.
    let through = |own: &str, behind: &str| match (own, behind) {
        ("", "") => Piece::default(),
        ("", behind) => Piece::new(format!("› {behind}"), Role::Plain),
        (own, _) => plain(own),
    };
    let kinds = match (behind.kind.as_str(), behind.devices) {
        ("", many) if many > 1 => format!("{many} devices"),
        (kind, _) => kind.to_owned(),
    };
    let entry = Entry::line(vec![
        Piece::private(&row.address, Role::Key),
        Piece::private(&row.name, Role::Plain),
        through(&row.kind, &kinds),
        through(&row.vendor, &behind.vendor),
        through(&row.model, &behind.model),
        through(&row.firmware, &behind.firmware),
        through(&row.os, &behind.os),
        plain(&row.zone),
        verdict(row.verdict),
        priority(&row.priority),
        seen,
    ]);
    let columns = ASSETS.get(state.place().column);
    let attribute = columns.and_then(|column| column.attribute);
    let proof = match attribute {
        Some(attribute) => Proving::Attribute(subject.clone(), attribute),
        // Addresses and times have no word of their own; what is most telling stands for them.
        None => Proving::Attribute(subject.clone(), telling(row)),
    };
    entry
        .going(Go::Asset(subject.clone()))
        .of(subject)
        .proven(proof)
}

/// The attribute that says most of what an asset is.
fn telling(row: &Row) -> Attribute {
    let behind = &row.behind;
    let known = [
        (&row.os, &behind.os, Attribute::Os),
        (&row.model, &behind.model, Attribute::Model),
        (&row.kind, &behind.kind, Attribute::Kind),
        (&row.vendor, &behind.vendor, Attribute::Vendor),
    ];
    known
        .iter()
        .find(|(own, behind, _)| !own.is_empty() || !behind.is_empty())
        .map_or(Attribute::Hostname, |(_, _, attribute)| *attribute)
}

fn label(row: &Row) -> String {
    let known = [&row.name, &row.address, &row.id];
    known
        .into_iter()
        .find(|text| !text.is_empty())
        .cloned()
        .unwrap_or_default()
}

fn of_finding(row: &FindingRow, pieces: Vec<Piece>) -> Entry {
    let subject = Subject {
        id: row.asset.clone(),
        label: row.label.clone(),
    };
    let found = &row.finding;
    let mut entry = Entry::line(pieces).going(Go::Asset(subject.clone()));
    entry.finding = Some(Decided {
        id: found.id.clone(),
        title: found.title.clone(),
        state: found.state.clone(),
    });
    if !found.evidence.is_empty() {
        entry.proof = Some(Proving::Finding(
            subject.clone(),
            found.title.clone(),
            found.evidence.clone(),
        ));
    }
    entry.of(subject)
}

fn finding(row: &FindingRow) -> Entry {
    let found = &row.finding;
    of_finding(
        row,
        vec![
            priority(&found.priority),
            Piece::private(&row.label, Role::Key),
            Piece::new(own(&row.label, &found.title), Role::Plain),
            verdict(found.verdict),
            Piece::new(&found.state, Role::Plain),
            Piece::new(&found.rule, Role::Dim),
        ],
    )
}

/// A title without the asset's name before it, which stands beside it.
fn own<'a>(label: &str, title: &'a str) -> &'a str {
    let rest = title.strip_prefix(label).map(str::trim_start);
    rest.filter(|rest| !rest.is_empty()).unwrap_or(title)
}

fn unpatchable(row: &FindingRow) -> Entry {
    let found = &row.finding;
    // The row that says so; where nobody wrote one, the title.
    let because = if found.source.row.is_empty() {
        &found.title
    } else {
        &found.source.row
    };
    of_finding(
        row,
        vec![
            priority(&found.priority),
            Piece::private(&row.label, Role::Key),
            verdict(found.verdict),
            Piece::new(because, Role::Plain),
            control_state(&row.control),
            Piece::new(&found.state, Role::Plain),
        ],
    )
}

fn compared(row: &ComparedRow) -> Entry {
    let state = match row.state.as_str() {
        "missing" => Piece::new("missing", Role::Plain),
        other => Piece::new(format!("! {other}"), Role::Warn),
    };
    let entry = Entry::line(vec![
        state,
        Piece::private(&row.label, Role::Key),
        Piece::new(&row.why, Role::Plain),
        Piece::new(&row.approved, Role::Dim),
        Piece::new(&row.decided, Role::Plain),
    ]);
    if row.asset.is_empty() {
        return entry;
    }
    let subject = Subject {
        id: row.asset.clone(),
        label: row.label.clone(),
    };
    let proof = Proving::Attribute(subject.clone(), Attribute::Vendor);
    entry
        .going(Go::Asset(subject.clone()))
        .of(subject)
        .proven(proof)
}

fn control(row: &ControlRow) -> Entry {
    let subject = Subject {
        id: row.asset.clone(),
        label: row.label.clone(),
    };
    let rules = if row.state.is_empty() {
        String::new()
    } else {
        row.rules.to_string()
    };
    let entry = Entry::line(vec![
        Piece::private(&row.label, Role::Key),
        control_state(&row.state),
        Piece::new(rules, Role::Plain),
        Piece::new(&row.reason, Role::Plain),
        Piece::new(&row.by, Role::Plain),
        Piece::new(&row.source, Role::Dim),
    ]);
    entry.going(Go::Control(subject.clone())).of(subject)
}

fn talk(told: &Conversation) -> Entry {
    let subject = |end: &fossick_model::End| {
        let id = end.asset.clone()?;
        Some(Subject {
            id,
            label: end.address.to_string(),
        })
    };
    let service = match (told.two_way, told.port) {
        (false, _) => format!("{} (one way)", told.service()),
        (true, None) => format!("{} (who serves is unknown)", told.service()),
        _ => told.service(),
    };
    let mut entry = Entry::line(vec![
        Piece::private(told.client.address.to_string(), Role::Key),
        Piece::private(told.server.address.to_string(), Role::Key),
        Piece::new(service, Role::Plain),
        Piece::new(told.asks(), Role::Plain),
        Piece::new(told.flows.to_string(), Role::Plain),
        Piece::new(text::minute(told.last_seen), Role::Plain),
    ]);
    let known = subject(&told.server).or_else(|| subject(&told.client));
    let holder = known.clone().unwrap_or_default();
    let says = format!(
        "{} uses {} of {}",
        told.client.address,
        told.service(),
        told.server.address
    );
    entry.proof = Some(Proving::Known(Box::new(Wanted::of(
        &holder,
        says,
        "",
        "",
        &told.evidence,
    ))));
    entry.go = known.clone().map(Go::Asset);
    entry.subject = known;
    entry
}

fn change(told: &Told) -> Entry {
    let change = &told.change;
    let by = change
        .by
        .as_ref()
        .map(fossick_model::Person::label)
        .unwrap_or_default();
    let name = change.event.name();
    let role = match name {
        "asset-seen" | "address-moved" | "finding-opened" | "asset-silent" | "decision-expired"
        | "control-moved" => Role::Warn,
        _ => Role::Plain,
    };
    let mut entry = Entry::line(vec![
        Piece::new(text::minute(change.time), Role::Dim),
        Piece::new(name, role),
        Piece::private(&told.sentence, Role::Plain),
        Piece::private(by, Role::Plain),
    ]);
    if !change.asset.is_empty() {
        let subject = Subject {
            id: change.asset.clone(),
            label: change.label.clone(),
        };
        entry.proof = super::asset::of_change(&subject, &change.event);
        entry.go = Some(Go::Asset(subject.clone()));
        entry.subject = Some(subject);
    }
    entry
}
