//! Everything that the screen depends on.

use std::collections::{BTreeMap, VecDeque};

use fossick_model::{
    Asset, ComparedRow, ControlRow, Conversation, FindingRow, Matrix, Order, Overview, Proof,
    Request, Row, Rules, Status, Time, Told,
};

use crate::act::Armed;
use crate::edit::Edit;
use crate::entry::{Proving, Subject, Wanted};
use crate::event::{Abilities, Asked, Command, Link, Slot};
use crate::keys::Keymap;
use crate::theme::{Role, Theme};

/// Seconds of traffic that are shown.
pub(crate) const TRAFFIC: usize = 240;
/// Annotations that can be taken back.
pub(crate) const UNDO: usize = 100;
/// Pages on top of one another.
pub(crate) const PAGES: usize = 16;

/// A screen, in the order of its number key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "named as they are shown")]
pub enum Screen {
    #[default]
    Overview,
    Assets,
    Findings,
    Unpatchable,
    Shadow,
    Controls,
    Conversations,
    Changes,
    Sensor,
}

impl Screen {
    /// All of them.
    pub const ALL: [Screen; 9] = [
        Screen::Overview,
        Screen::Assets,
        Screen::Findings,
        Screen::Unpatchable,
        Screen::Shadow,
        Screen::Controls,
        Screen::Conversations,
        Screen::Changes,
        Screen::Sensor,
    ];

    /// Its number, from 0.
    #[must_use]
    pub fn number(self) -> usize {
        Screen::ALL
            .iter()
            .position(|screen| *screen == self)
            .unwrap_or_default()
    }

    /// Its name, and a shorter one.
    #[must_use]
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Screen::Overview => ("Overview", "Overview"),
            Screen::Assets => ("Assets", "Assets"),
            Screen::Findings => ("Findings", "Findings"),
            Screen::Unpatchable => ("Unpatchable", "Unpatch."),
            Screen::Shadow => ("Shadow IT", "Shadow"),
            Screen::Controls => ("Controls", "Controls"),
            Screen::Conversations => ("Conversations", "Talks"),
            Screen::Changes => ("Changes", "Changes"),
            Screen::Sensor => ("Sensor", "Sensor"),
        }
    }
}

/// Where somebody is in a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    pub selected: usize,
    /// The first line that is shown.
    pub first: usize,
    /// The column of the cursor, among all of the table's.
    pub column: usize,
    pub filter: String,
    /// Name of the column that is sorted by.
    pub sort: &'static str,
    pub turned: bool,
    /// Which of the screen's views.
    pub variant: usize,
    /// What is looked for on a page.
    pub find: String,
}

/// Lines of a list that are there.
#[derive(Debug, Clone, Default)]
pub(crate) enum Rows {
    #[default]
    None,
    Assets(Vec<Row>),
    Findings(Vec<FindingRow>),
    Compared(usize, Vec<ComparedRow>),
    Controls(Vec<ControlRow>),
    Talks(Vec<Conversation>),
    Recent(Vec<Told>),
}

impl Rows {
    pub fn len(&self) -> usize {
        match self {
            Rows::None => 0,
            Rows::Assets(rows) => rows.len(),
            Rows::Findings(rows) => rows.len(),
            Rows::Compared(_, rows) => rows.len(),
            Rows::Controls(rows) => rows.len(),
            Rows::Talks(rows) => rows.len(),
            Rows::Recent(rows) => rows.len(),
        }
    }

    /// What the line of this number is about: the same in a later window.
    fn about(&self, number: usize) -> Option<String> {
        Some(match self {
            Rows::None => return None,
            Rows::Assets(rows) => rows.get(number)?.id.clone(),
            Rows::Findings(rows) => rows.get(number)?.finding.id.clone(),
            Rows::Compared(_, rows) => {
                let row = rows.get(number)?;
                format!("{} {}", row.asset, row.label)
            }
            Rows::Controls(rows) => rows.get(number)?.asset.clone(),
            Rows::Talks(rows) => {
                let told = rows.get(number)?;
                let (client, server) = (&told.client.address, &told.server.address);
                format!("{client} {server} {}", told.service())
            }
            Rows::Recent(rows) => rows.get(number)?.change.seq.to_string(),
        })
    }
}

/// What is there of a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Window {
    pub total: usize,
    pub offset: usize,
    pub rows: Rows,
    /// What the list was asked with.
    pub list: Option<Request>,
    /// Why there is nothing.
    pub trouble: Option<String>,
}

/// One screen's place and window.
#[derive(Debug, Clone, Default)]
pub(crate) struct List {
    pub place: Place,
    pub window: Window,
}

impl List {
    /// Takes a window. The cursor stays on what it is on, wherever that is by now; at the top it stays at the top.
    pub fn take(&mut self, window: Window) {
        let before = std::mem::replace(&mut self.window, window);
        let (place, window) = (&mut self.place, &self.window);
        if place.selected == 0 || before.list != window.list {
            return;
        }
        let at = place.selected.checked_sub(before.offset);
        let Some(about) = at.and_then(|at| before.rows.about(at)) else {
            return;
        };
        let mut there = 0..window.rows.len();
        let same = |n: &usize| window.rows.about(*n).as_ref() == Some(&about);
        let Some(found) = there.find(same) else {
            return;
        };
        let above = place.selected.saturating_sub(place.first);
        place.selected = window.offset.saturating_add(found);
        place.first = place.selected.saturating_sub(above);
    }
}

/// A page on top of a screen.
#[derive(Debug, Clone)]
pub(crate) enum Page {
    Asset(Box<AssetPage>),
    Evidence(Box<EvidencePage>),
    Control(Box<ControlPage>),
    /// What is asked of a device: [`State::scan`].
    Scan(Place),
}

/// Asking one device.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    pub subject: Subject,
    /// Its address.
    pub target: String,
    pub stage: Stage,
}

/// How far asking has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    Planning,
    Planned(Result<String, String>),
    /// This was planned.
    Asking(String),
    Asked(Result<String, String>),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct AssetPage {
    pub subject: Subject,
    pub place: Place,
    pub asset: Option<Asset>,
    pub row: Option<Row>,
    pub talks: Vec<Conversation>,
    pub talks_total: usize,
    pub history: Vec<Told>,
    pub trouble: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct EvidencePage {
    pub wanted: Wanted,
    pub place: Place,
    /// Which of its packets.
    pub at: usize,
    pub proof: Option<Proof>,
    pub trouble: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct ControlPage {
    pub subject: Subject,
    pub place: Place,
    pub row: Option<ControlRow>,
    pub format: usize,
    pub rules: Option<Rules>,
    pub trouble: Option<String>,
}

impl Page {
    pub fn place(&self) -> &Place {
        match self {
            Page::Asset(page) => &page.place,
            Page::Evidence(page) => &page.place,
            Page::Control(page) => &page.place,
            Page::Scan(place) => place,
        }
    }

    pub fn place_mut(&mut self) -> &mut Place {
        match self {
            Page::Asset(page) => &mut page.place,
            Page::Evidence(page) => &mut page.place,
            Page::Control(page) => &mut page.place,
            Page::Scan(place) => place,
        }
    }
}

/// What a line that is written is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// What the filter was before.
    Filter(String),
    Find,
    /// The word that lets a device be asked.
    Send,
    Palette,
    Export,
    Write,
    Rename(Subject, String),
    Note(Subject, String),
    Kind(Subject, String),
    /// Asset, finding.
    Accept(Subject, String),
}

/// What keys do.
#[derive(Debug, Clone, Default)]
pub(crate) enum Mode {
    #[default]
    Browse,
    /// A line is written.
    Write {
        purpose: Purpose,
        edit: Edit,
        choice: Option<usize>,
    },
}

/// A question under way.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub serial: u64,
    pub request: Request,
    /// Asked when this one is answered.
    pub next: Option<Request>,
}

/// Everything that the screen depends on.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
#[derive(Debug, Clone, Default)]
pub struct State {
    pub(crate) columns: u16,
    pub(crate) rows: u16,
    pub(crate) theme: Theme,
    pub(crate) keymap: Keymap,
    /// What is looked at: the site's name, or the captures'.
    pub(crate) source: String,
    pub(crate) abilities: Abilities,
    pub(crate) down: Option<String>,
    pub(crate) masked: bool,
    pub(crate) frozen: bool,
    pub(crate) help: bool,
    pub(crate) screen: Screen,
    pub(crate) lists: [List; 9],
    pub(crate) pages: Vec<Page>,
    pub(crate) mode: Mode,
    pub(crate) armed: Option<Armed>,
    pub(crate) message: Option<(String, Role)>,
    pub(crate) overview: Option<Overview>,
    pub(crate) status: Option<Status>,
    pub(crate) matrix: Option<Matrix>,
    /// Frames and drops of each second.
    pub(crate) traffic: VecDeque<(u64, u64)>,
    /// Frames and drops when they were asked for last.
    pub(crate) counted: Option<(u64, u64)>,
    pub(crate) undo: Vec<(Subject, Order)>,
    /// What is waited for before evidence can be shown.
    pub(crate) proving: Option<Proving>,
    /// What takes the last order back, once it is done.
    pub(crate) undoing: Option<(Subject, Order)>,
    /// The order under way.
    pub(crate) ordered: Option<(Subject, Order)>,
    /// An asset whose control was refused because little was heard: asked again, that is accepted.
    pub(crate) little: Option<String>,
    /// Something changed since everything was asked for.
    pub(crate) behind: bool,
    /// A file, and what is written to it when the order is done.
    pub(crate) exporting: Option<(String, String)>,
    pub(crate) waiting: BTreeMap<Slot, Waiting>,
    pub(crate) serial: u64,
    pub(crate) seconds: u64,
    pub(crate) scan: Option<Scan>,
    /// The journal's last entry when everything was asked for.
    pub(crate) journal: u64,
}

impl State {
    /// Nothing is known yet. `source` is what is looked at, as the line at the top says it.
    #[must_use]
    pub fn new(
        size: (u16, u16),
        source: &str,
        abilities: Abilities,
        theme: Theme,
        keymap: Keymap,
    ) -> State {
        let mut state = State {
            columns: size.0,
            rows: size.1,
            source: source.to_owned(),
            abilities,
            theme,
            keymap,
            ..State::default()
        };
        state.list_mut(Screen::Assets).place.sort = "address";
        state
    }

    pub(crate) fn list(&self, screen: Screen) -> &List {
        // There are as many lists as screens.
        let [first, ..] = &self.lists;
        self.lists.get(screen.number()).unwrap_or(first)
    }

    pub(crate) fn list_mut(&mut self, screen: Screen) -> &mut List {
        list_of(&mut self.lists, screen)
    }

    /// Where somebody is: on the topmost page, or on the screen.
    pub(crate) fn place(&self) -> &Place {
        self.pages
            .last()
            .map_or_else(|| &self.list(self.screen).place, Page::place)
    }

    pub(crate) fn place_mut(&mut self) -> &mut Place {
        match self.pages.last_mut() {
            Some(page) => page.place_mut(),
            None => &mut list_of(&mut self.lists, self.screen).place,
        }
    }

    /// What ages are counted from.
    pub(crate) fn now(&self) -> Time {
        let overview = self.overview.as_ref().map(|overview| overview.now);
        let status = self.status.as_ref().map(|status| status.now);
        status.into_iter().chain(overview).max().unwrap_or_default()
    }

    /// Asks, or notes that it is to be asked when the question under way is answered.
    pub(crate) fn ask(&mut self, slot: Slot, request: Request, out: &mut Vec<Command>) {
        if self.down.is_some() {
            return;
        }
        if let Some(waiting) = self.waiting.get_mut(&slot) {
            if waiting.request != request || waiting.next.is_some() {
                waiting.next = Some(request);
            }
            return;
        }
        self.serial = self.serial.saturating_add(1);
        let serial = self.serial;
        self.waiting.insert(
            slot,
            Waiting {
                serial,
                request: request.clone(),
                next: None,
            },
        );
        out.push(Command::Ask(Asked {
            slot,
            serial,
            request,
        }));
    }

    /// What stands where an answer will.
    pub(crate) fn awaited(&self) -> String {
        match &self.down {
            Some(why) => format!("nobody answers: {why}. It is tried again twice a second."),
            None => "waiting for the answer".to_owned(),
        }
    }

    pub(crate) fn say(&mut self, text: impl Into<String>, role: Role) {
        self.message = Some((text.into(), role));
    }

    /// The connection is another than before; nothing that was asked will be answered.
    pub(crate) fn link(&mut self, link: Link) {
        self.waiting.clear();
        self.down = match link {
            Link::Up => None,
            Link::Down(why) => Some(why),
        };
        self.counted = None;
    }
}

fn list_of(lists: &mut [List; 9], screen: Screen) -> &mut List {
    let [
        overview,
        assets,
        findings,
        unpatchable,
        shadow,
        controls,
        conversations,
        changes,
        sensor,
    ] = lists;
    match screen {
        Screen::Overview => overview,
        Screen::Assets => assets,
        Screen::Findings => findings,
        Screen::Unpatchable => unpatchable,
        Screen::Shadow => shadow,
        Screen::Controls => controls,
        Screen::Conversations => conversations,
        Screen::Changes => changes,
        Screen::Sensor => sensor,
    }
}
