//! What keys do: what can be done with the line that the cursor is on, what is asked twice, and the orders that follow.

pub(crate) mod can;
pub(crate) mod scan;

use fossick_model::{Asset, Demand, Finding, Kind, Order, Request, Step, Term, Time};

use crate::edit::Edit;
use crate::entry::{Body, Entry, Go, Proving, Subject};
use crate::event::{Command, Export, Slot};
use crate::keys::{Action, Keymap};
use crate::screens;
use crate::state::{
    AssetPage, ControlPage, EvidencePage, Mode, PAGES, Page, Purpose, Rows, Screen, State,
};
use crate::theme::Role;
use crate::update::{refresh, refresh_page};

/// A day is watched before silence counts, in seconds.
const WATCH: i64 = 86_400;
/// Conversations and entries of the history on an asset's page.
const BESIDE: usize = 200;

/// What the cursor is on.
pub(crate) struct Here<'a> {
    pub state: &'a State,
    pub entry: Entry,
    pub body: Body,
}

impl<'a> Here<'a> {
    pub fn of(state: &'a State) -> Here<'a> {
        let body = screens::body(state);
        let entry = body
            .entry(state.place().selected)
            .cloned()
            .unwrap_or_default();
        Here { state, entry, body }
    }

    fn table(&self) -> bool {
        !self.body.columns.is_empty()
    }

    fn on(&self, screen: Screen) -> bool {
        self.state.pages.is_empty() && self.state.screen == screen
    }

    fn page(&self) -> Option<&'a Page> {
        self.state.pages.last()
    }
}

/// An order that waits for its key a second time.
#[derive(Debug, Clone)]
pub(crate) struct Armed {
    pub action: Action,
    /// What will be done.
    what: String,
    asset: Subject,
    order: Order,
    /// Which format of a control is written to a file then.
    export: Option<String>,
}

impl Armed {
    pub fn question(&self, keymap: &Keymap) -> String {
        format!(
            "{} again: {} {}  (any other key: not)",
            keymap.key(self.action),
            self.what,
            self.asset.label
        )
    }
}

/// The next step of a control.
struct Next {
    subject: Subject,
    state: String,
    demand: Demand,
}

fn unpatchable(asset: &Asset) -> Option<&Finding> {
    let of_children = asset.children.iter().flat_map(|child| &child.findings);
    let mut all = asset.findings.iter().chain(of_children);
    all.find(|finding| {
        finding
            .verdict
            .is_some_and(fossick_model::Verdict::is_unpatchable)
    })
}

fn demand(finding: &Finding) -> Demand {
    let source = if finding.source.row.is_empty() {
        finding.title.clone()
    } else {
        finding.source.row.clone()
    };
    Demand {
        reason: finding.title.clone(),
        source,
        finding: Some(finding.id.clone()),
    }
}

fn next(here: &Here<'_>) -> Option<Next> {
    let of_row = |row: &fossick_model::ControlRow| Next {
        subject: Subject {
            id: row.asset.clone(),
            label: row.label.clone(),
        },
        state: row.state.clone(),
        demand: Demand {
            reason: row.reason.clone(),
            source: row.source.clone(),
            finding: row.finding.clone(),
        },
    };
    match here.page() {
        Some(Page::Control(page)) => return page.row.as_ref().map(of_row),
        Some(Page::Asset(page)) => {
            let finding = unpatchable(page.asset.as_ref()?)?;
            let state = page.row.as_ref()?.control.clone();
            return Some(Next {
                subject: page.subject.clone(),
                state,
                demand: demand(finding),
            });
        }
        Some(Page::Evidence(_) | Page::Scan(_)) => return None,
        None => {}
    }
    let list = here.state.list(here.state.screen);
    let at = list.place.selected.checked_sub(list.window.offset)?;
    match &list.window.rows {
        Rows::Controls(rows) => rows.get(at).map(of_row),
        Rows::Findings(rows) if here.state.screen == Screen::Unpatchable => {
            let row = rows.get(at)?;
            let subject = Subject {
                id: row.asset.clone(),
                label: row.label.clone(),
            };
            Some(Next {
                subject,
                state: row.control.clone(),
                demand: demand(&row.finding),
            })
        }
        _ => None,
    }
}

fn is_decided(state: &str) -> bool {
    state.starts_with("accepted") || state == "acknowledged"
}

/// The step that comes next, in words and as an order.
fn step_of(here: &Here<'_>, next: &Next) -> Option<(&'static str, Step, Option<String>)> {
    let format = match here.page() {
        Some(Page::Control(page)) => page.rules.as_ref().map(|rules| rules.format.clone()),
        _ => None,
    };
    Some(match next.state.as_str() {
        "" | "stale" | "violated" => {
            let from_little = here.state.little.as_deref() == Some(next.subject.id.as_str());
            let what = if from_little {
                "propose a control, from less than a day of listening, for"
            } else {
                "propose a control for"
            };
            let step = Step::Propose {
                demand: next.demand.clone(),
                zones: Vec::new(),
                vulnerable: Vec::new(),
                additions: Vec::new(),
                from_little,
            };
            (what, step, None)
        }
        "proposed" => ("try on what was heard the control of", Step::DryRun, None),
        "dry-run" => ("approve, in your name, the control of", Step::Approve, None),
        // It is exported in the words that are on the screen.
        "approved" => {
            let format = format?;
            (
                "export to a file the control of",
                Step::Export {
                    format: format.clone(),
                },
                Some(format),
            )
        }
        "exported" => (
            "say that a device holds, from now on, the control of",
            Step::Deployed { least: WATCH },
            None,
        ),
        _ => return None,
    })
}

/// What an action that wants its key twice will do.
fn arm(here: &Here<'_>, action: Action) -> Option<Armed> {
    let armed = |what: &str, asset: Subject, order: Order| Armed {
        action,
        what: what.to_owned(),
        asset,
        order,
        export: None,
    };
    let subject = here.entry.subject.clone();
    match action {
        Action::Step => {
            let next = next(here)?;
            let (what, step, export) = step_of(here, &next)?;
            let order = Order::Control {
                control: Box::new(step),
            };
            Some(Armed {
                export,
                ..armed(what, next.subject, order)
            })
        }
        Action::Sanction => Some(armed(
            "put on the list of approved assets:",
            subject?,
            Order::Sanction,
        )),
        Action::Refuse => Some(armed("refuse:", subject?, Order::Refuse)),
        Action::Acknowledge => {
            let Some(finding) = &here.entry.finding else {
                return Some(armed(
                    "acknowledge everything up to now of",
                    subject?,
                    Order::Acknowledge,
                ));
            };
            let order = Order::AcknowledgeFinding {
                finding: finding.id.clone(),
            };
            Some(armed(
                &format!("acknowledge “{}” of", finding.title),
                subject?,
                order,
            ))
        }
        Action::Reopen => {
            let finding = here.entry.finding.as_ref()?;
            let order = Order::Reopen {
                finding: finding.id.clone(),
            };
            Some(armed(
                &format!("reopen “{}” of", finding.title),
                subject?,
                order,
            ))
        }
        _ => None,
    }
}

/// Does what an action means.
pub(crate) fn perform(state: &mut State, action: Action, out: &mut Vec<Command>) {
    if can::is_armed(action) {
        match state.armed.take().filter(|armed| armed.action == action) {
            Some(armed) => carry_out(state, armed, out),
            None => state.armed = arm(&Here::of(state), action),
        }
        return;
    }
    state.armed = None;
    if crate::update::moves(state, action, out) {
        return;
    }
    let entry = Here::of(state).entry;
    match action {
        Action::Open => match entry.go {
            Some(Go::Proof) => prove(state, entry.proof, out),
            Some(go) => follow(state, go, out),
            None => {}
        },
        Action::Back => {
            state.pages.pop();
        }
        Action::ClearFilter => {
            let place = state.place_mut();
            place.filter.clear();
            place.find.clear();
            refresh(state, out);
        }
        Action::Evidence => prove(state, entry.proof, out),
        Action::Write => {
            if let Some(Page::Evidence(page)) = state.pages.last() {
                let frame = page.wanted.frames.get(page.at).copied().unwrap_or_default();
                let name = screens::proof_name(&page.wanted, frame);
                write(state, Purpose::Write, &name);
            }
        }
        Action::Filter => {
            let filter = state.place().filter.clone();
            write(state, Purpose::Filter(filter.clone()), &filter);
        }
        Action::Find => {
            let find = state.place().find.clone();
            write(state, Purpose::Find, &find);
        }
        Action::Palette => write(state, Purpose::Palette, ""),
        Action::Export => {
            let name = export_name(state);
            write(state, Purpose::Export, &name);
        }
        Action::Copy => {
            // Whatever it is pasted into must not obey it either.
            let text = fossick_model::display_safe(&copied(state, &entry));
            state.say(format!("copied: {text}"), Role::Good);
            out.push(Command::Copy(text));
        }
        Action::Rename | Action::Note | Action::SetKind => annotate(state, action, entry.subject),
        Action::Accept => {
            if let (Some(subject), Some(finding)) = (entry.subject, entry.finding) {
                write(state, Purpose::Accept(subject, finding.id), "");
            }
        }
        Action::Scan => scan::perform(state, out),
        Action::StopScan => scan::stop(state, out),
        Action::Undo => {
            if let Some((subject, order)) = state.undo.pop() {
                send(state, &subject, order, out);
            }
        }
        Action::Privacy => state.masked = !state.masked,
        Action::Freeze => {
            state.frozen = !state.frozen;
            refresh(state, out);
        }
        Action::Theme => {
            state.theme = state.theme.next();
            let name = state.theme.name();
            state.say(format!("theme: {name}"), Role::Plain);
        }
        Action::Help => state.help = !state.help,
        Action::Quit => out.push(Command::Quit { keep: false }),
        Action::QuitKeep => out.push(Command::Quit { keep: true }),
        _ => {}
    }
}

fn write(state: &mut State, purpose: Purpose, text: &str) {
    state.mode = Mode::Write {
        purpose,
        edit: Edit::new(text),
        choice: None,
    };
}

/// The value under the cursor, or the line.
fn copied(state: &State, entry: &Entry) -> String {
    if !entry.copy.is_empty() {
        return entry.copy.clone();
    }
    let cell = entry
        .pieces
        .get(state.place().column)
        .filter(|_| screens::is_table(state));
    cell.map(|piece| piece.text.clone())
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| entry.plain())
}

fn export_name(state: &State) -> String {
    match state.pages.last() {
        Some(Page::Control(page)) => {
            let format = page
                .rules
                .as_ref()
                .map_or("rules", |rules| rules.format.as_str());
            format!("fossick-{}-{format}.txt", page.subject.id)
        }
        Some(Page::Asset(page)) => format!("fossick-{}.json", page.subject.id),
        _ => format!(
            "fossick-{}.{}",
            state.screen.names().0.to_lowercase().replace(' ', "-"),
            if screens::is_table(state) {
                "csv"
            } else {
                "json"
            }
        ),
    }
}

/// What persons said of an asset so far is where the writing begins, and what undoing goes back to.
fn annotate(state: &mut State, action: Action, subject: Option<Subject>) {
    let Some(subject) = subject else { return };
    let row = match state.pages.last() {
        Some(Page::Asset(page)) => page.row.clone(),
        _ => match &state.list(Screen::Assets).window.rows {
            Rows::Assets(rows) => rows.iter().find(|row| row.id == subject.id).cloned(),
            _ => None,
        },
    };
    let Some(row) = row else { return };
    match action {
        Action::Rename => write(
            state,
            Purpose::Rename(subject, row.given_name.clone()),
            &row.given_name,
        ),
        Action::Note => write(state, Purpose::Note(subject, row.note.clone()), &row.note),
        _ => write(
            state,
            Purpose::Kind(subject, row.given_kind.clone()),
            &row.given_kind,
        ),
    }
}

/// Goes where a line leads.
fn follow(state: &mut State, go: Go, out: &mut Vec<Command>) {
    match go {
        Go::Proof => {}
        Go::Asset(subject) => open(
            state,
            Page::Asset(Box::new(AssetPage {
                subject,
                ..AssetPage::default()
            })),
            out,
        ),
        Go::Control(subject) => open(
            state,
            Page::Control(Box::new(ControlPage {
                subject,
                ..ControlPage::default()
            })),
            out,
        ),
        Go::Screen(screen, filter) => {
            state.pages.clear();
            state.screen = screen;
            let place = state.place_mut();
            place.filter = filter;
            place.selected = 0;
            place.first = 0;
            if screen == Screen::Conversations {
                place.variant = 1;
            }
            refresh(state, out);
        }
    }
}

/// Opens a page and asks for what is on it.
fn open(state: &mut State, page: Page, out: &mut Vec<Command>) {
    if state.pages.len() >= PAGES {
        state.pages.remove(0);
    }
    state.pages.push(page);
    refresh_page(state, out);
}

/// What an asset's page is made of.
pub(crate) fn ask_asset(state: &mut State, id: &str, out: &mut Vec<Command>) {
    let filter = format!("id:{id}");
    state.ask(
        Slot::Asset,
        Request::Asset {
            asset: id.to_owned(),
        },
        out,
    );
    state.ask(
        Slot::Row,
        Request::Rows {
            filter: filter.clone(),
            sort: String::new(),
            offset: 0,
            limit: 1,
        },
        out,
    );
    state.ask(
        Slot::Talks,
        Request::Talks {
            filter: filter.clone(),
            offset: 0,
            limit: BESIDE,
        },
        out,
    );
    state.ask(
        Slot::History,
        Request::Recent {
            filter,
            offset: 0,
            limit: BESIDE,
        },
        out,
    );
}

/// Shows the evidence of a line; where only the asset knows it, the asset is asked first.
fn prove(state: &mut State, proving: Option<Proving>, out: &mut Vec<Command>) {
    match proving {
        None => {}
        Some(Proving::Known(wanted)) => show(state, *wanted, out),
        Some(proving) => {
            let (Proving::Attribute(subject, _) | Proving::Finding(subject, _, _)) = &proving
            else {
                return;
            };
            let asset = subject.id.clone();
            state.proving = Some(proving);
            state.ask(Slot::Search, Request::Asset { asset }, out);
        }
    }
}

/// Opens the page of a packet.
pub(crate) fn show(state: &mut State, wanted: crate::entry::Wanted, out: &mut Vec<Command>) {
    let page = EvidencePage {
        wanted,
        place: crate::state::Place::default(),
        at: 0,
        proof: None,
        trouble: None,
    };
    open(state, Page::Evidence(Box::new(page)), out);
}

fn send(state: &mut State, subject: &Subject, order: Order, out: &mut Vec<Command>) {
    if state.waiting.contains_key(&Slot::Order) {
        state.say("the order before is not answered yet", Role::Warn);
        return;
    }
    state.ordered = Some((subject.clone(), order.clone()));
    state.ask(
        Slot::Order,
        Request::Order {
            asset: subject.id.clone(),
            order,
        },
        out,
    );
}

fn carry_out(state: &mut State, armed: Armed, out: &mut Vec<Command>) {
    state.undoing = None;
    if armed.export.is_some()
        && let Some(Page::Control(page)) = state.pages.last()
        && let Some(rules) = &page.rules
    {
        let path = export_name(state);
        state.exporting = Some((path, rules.text.clone()));
    }
    send(state, &armed.asset, armed.order, out);
}

/// What could be written for this purpose: the words, and what they mean.
pub(crate) fn options(state: &State, purpose: &Purpose, edit: &Edit) -> Vec<(String, String)> {
    match purpose {
        Purpose::Filter(_) => {
            let meaning = |word: &str| {
                let name = word.split(':').next().unwrap_or_default();
                let field = fossick_model::FIELDS
                    .iter()
                    .find(|field| field.name == name);
                field
                    .map(|field| format!("{}  {}", field.meaning, field.example))
                    .unwrap_or_default()
            };
            let all = edit.completions(state.overview.as_ref()).into_iter();
            all.map(|word| (word.clone(), meaning(&word))).collect()
        }
        Purpose::Palette => {
            let here = Here::of(state);
            let wanted = edit.text.trim().to_lowercase();
            let all = state.keymap.possible(&here);
            let fits = all.filter(|(binding, _)| {
                binding.name.contains(&wanted) || binding.about.to_lowercase().contains(&wanted)
            });
            let mut fits: Vec<_> = fits
                .map(|(binding, _)| (binding.name.to_owned(), binding.about.to_owned()))
                .collect();
            fits.sort_by_key(|(name, _)| !name.starts_with(&wanted));
            fits
        }
        Purpose::Kind(..) => {
            let begun = edit.text.to_lowercase();
            let all = Kind::all().filter(|kind| kind.name().starts_with(&begun));
            all.map(|kind| (kind.name().to_owned(), kind.category().name().to_owned()))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// What was written is done.
pub(crate) fn written(state: &mut State, purpose: Purpose, text: String, out: &mut Vec<Command>) {
    let given = (!text.trim().is_empty()).then(|| text.trim().to_owned());
    let before = |text: String| (!text.is_empty()).then_some(text);
    let (subject, order, back) = match purpose {
        Purpose::Filter(_) => {
            text.trim().clone_into(&mut state.place_mut().filter);
            return refresh(state, out);
        }
        Purpose::Find => {
            state.place_mut().find = text;
            crate::update::next_match(state, true);
            return;
        }
        Purpose::Send => return scan::send(state, &text, out),
        Purpose::Palette => {
            let found = options(state, &Purpose::Palette, &Edit::new(&text));
            let name = found.first().map(|(name, _)| name.clone());
            let binding = crate::keys::BINDINGS
                .iter()
                .find(|binding| Some(binding.name) == name.as_deref());
            match binding {
                Some(binding) => perform(state, binding.action, out),
                None => state.say(format!("no command `{text}` can be done here"), Role::Warn),
            }
            return;
        }
        Purpose::Export => return export(state, text, out),
        Purpose::Write => {
            if let Some(Page::Evidence(page)) = state.pages.last()
                && let Some(proof) = &page.proof
            {
                let what = Export::Packet(Box::new(proof.clone()), page.wanted.says.clone());
                out.push(Command::Export { path: text, what });
            }
            return;
        }
        Purpose::Rename(subject, old) => (
            subject,
            Order::Rename { name: given },
            Order::Rename { name: before(old) },
        ),
        Purpose::Note(subject, old) => (
            subject,
            Order::Annotate { note: given },
            Order::Annotate { note: before(old) },
        ),
        Purpose::Kind(subject, old) => (
            subject,
            Order::SetKind { kind: given },
            Order::SetKind { kind: before(old) },
        ),
        Purpose::Accept(subject, finding) => {
            let (day, reason) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
            let Some(until) = Time::end_of(day) else {
                state.say(
                    "a day comes first, then why: 2026-12-31 behind a firewall",
                    Role::Bad,
                );
                return;
            };
            let term = Box::new(Term {
                reason: reason.trim().to_owned(),
                until,
            });
            state.undoing = None;
            return send(state, &subject, Order::Accept { finding, term }, out);
        }
    };
    state.undoing = Some((subject.clone(), back));
    send(state, &subject, order, out);
}

/// What is asked for all that a screen shows which is no window of a list.
fn whole(state: &State) -> Option<Request> {
    match state.screen {
        Screen::Overview => Some(Request::Overview),
        Screen::Sensor => Some(Request::Status),
        Screen::Conversations => Some(Request::Matrix {
            filter: state.place().filter.clone(),
        }),
        _ => None,
    }
}

fn export(state: &mut State, path: String, out: &mut Vec<Command>) {
    let what = match state.pages.last() {
        Some(Page::Control(page)) => page
            .rules
            .as_ref()
            .map(|rules| Export::Text(rules.text.clone())),
        Some(Page::Asset(page)) => Some(Export::List(Request::Asset {
            asset: page.subject.id.clone(),
        })),
        Some(Page::Evidence(_) | Page::Scan(_)) => None,
        None => screens::request(state, state.screen, 0, 500)
            .or_else(|| whole(state))
            .map(Export::List),
    };
    if let Some(what) = what {
        state.say("writing", Role::Plain);
        out.push(Command::Export { path, what });
    }
}
