//! What happens, and what the world is asked for.

use fossick_model::{Proof, Reply, Request};

use crate::keys::Key;

/// What an answer is for: each has at most one question under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// How the source does.
    Status,
    /// Everything in short.
    Overview,
    /// The window of a screen, by its number.
    Window(usize),
    /// Who talks to whom, by zone.
    Matrix,
    /// The asset of a page.
    Asset,
    /// Its line in the inventory.
    Row,
    /// Its conversations.
    Talks,
    /// Its history.
    History,
    /// A packet.
    Proof,
    /// An asset that is asked for its evidence.
    Search,
    /// The text of a control.
    Rules,
    /// An order.
    Order,
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// What the answer is for.
    pub slot: Slot,
    /// Comes back with the answer.
    pub serial: u64,
    /// The question.
    pub request: Request,
}

/// What is written to a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Export {
    /// Everything that passes, page by page: as JSON lines or CSV, by the name of the file; as the evidence packets of its assets where it
    /// ends in `.pcapng`.
    List(Request),
    /// This packet, with what it proves as its comment.
    Packet(Box<Proof>, String),
    /// A text.
    Text(String),
}

/// What the world is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Ask the source.
    Ask(Asked),
    /// Write a file; one that is there stays.
    Export {
        /// Its name.
        path: String,
        /// What.
        what: Export,
    },
    /// Put this on the clipboard of whoever looks at the terminal.
    Copy(String),
    /// What would be asked of this address, octet by octet; or, where `send` is set, ask it. One at a time.
    Scan {
        /// The address.
        target: String,
        /// Somebody typed the word for it.
        send: bool,
    },
    /// Stop asking at once.
    StopScan,
    /// End; the screen stays as it is where `keep` is set.
    Quit {
        /// Leave what is shown on the terminal.
        keep: bool,
    },
}

/// What can be done with a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Abilities {
    /// It goes on, and what is shown is asked for again.
    pub live: bool,
    /// It takes orders.
    pub orders: bool,
    /// Questions can be put to devices from here.
    pub scans: bool,
}

/// How the connection to the source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// It answers.
    Up,
    /// It does not, and why; it is tried again.
    Down(String),
}

/// What happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A key was pressed.
    Key(Key),
    /// A button of the mouse was pressed here.
    Click {
        /// From the left, from 0.
        column: u16,
        /// From the top, from 0.
        row: u16,
    },
    /// The wheel was turned.
    Wheel {
        /// Towards the end.
        down: bool,
    },
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size: columns, rows.
    Resize(u16, u16),
    /// The source answered.
    Answer {
        /// What for.
        slot: Slot,
        /// Which question.
        serial: u64,
        /// The answer.
        reply: Box<Reply>,
    },
    /// The connection is another than before.
    Link(Link),
    /// The plan is there, or everything was asked; or why not.
    Scanned(Result<String, String>),
    /// A file was written, or why not.
    Written(Result<String, String>),
    /// A second went by.
    Tick,
}
