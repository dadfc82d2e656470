//! What a screen consists of: lines, each with what can be done there.

use fossick_model::{Attribute, Evidence, Shown};

use crate::state::Screen;
use crate::theme::Role;

/// A piece of a line; in a table, a cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Piece {
    pub text: String,
    pub role: Role,
    /// Written over where somebody looks on.
    pub private: bool,
}

impl Piece {
    pub fn new(text: impl Into<String>, role: Role) -> Piece {
        Piece {
            text: text.into(),
            role,
            private: false,
        }
    }

    pub fn private(text: impl Into<String>, role: Role) -> Piece {
        Piece {
            text: text.into(),
            role,
            private: true,
        }
    }
}

/// An asset that something can be done with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    pub id: String,
    pub label: String,
}

/// What a line proves, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub asset: Subject,
    /// What is concluded: `os = Windows XP (certainty 90)`.
    pub says: String,
    /// The observation's key; empty where it is not one.
    pub key: String,
    /// What was said, word for word.
    pub raw: String,
    pub fingerprint: String,
    pub capture: String,
    pub frames: Vec<u64>,
    pub time: Option<fossick_model::Time>,
    pub heard: bool,
}

impl Wanted {
    pub fn of(asset: &Subject, says: String, key: &str, raw: &str, evidence: &Evidence) -> Wanted {
        Wanted {
            asset: asset.clone(),
            says,
            key: key.to_owned(),
            raw: raw.to_owned(),
            fingerprint: String::new(),
            capture: evidence.capture.to_string(),
            frames: evidence.frames.all().to_vec(),
            time: Some(evidence.time),
            heard: evidence.heard,
        }
    }
}

/// Where the evidence of a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proving {
    /// Here.
    Known(Box<Wanted>),
    /// The asset has to be asked: for the fact that won.
    Attribute(Subject, Attribute),
    /// The asset has to be asked: for what these packets say.
    Finding(Subject, String, Vec<Shown>),
}

/// A finding that something can be decided about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decided {
    pub id: String,
    pub title: String,
    pub state: String,
}

/// Where a line leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Go {
    Asset(Subject),
    Screen(Screen, String),
    Control(Subject),
    Proof,
}

/// A line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    pub pieces: Vec<Piece>,
    pub subject: Option<Subject>,
    pub finding: Option<Decided>,
    pub proof: Option<Proving>,
    pub go: Option<Go>,
    /// What `y` puts on the clipboard; where it is empty, the text of the line.
    pub copy: String,
}

impl Entry {
    pub fn line(pieces: Vec<Piece>) -> Entry {
        Entry {
            pieces,
            ..Entry::default()
        }
    }

    pub fn text(text: impl Into<String>, role: Role) -> Entry {
        Entry::line(vec![Piece::new(text, role)])
    }

    pub fn blank() -> Entry {
        Entry::default()
    }

    pub fn title(text: impl Into<String>) -> Entry {
        Entry::text(text, Role::Title)
    }

    pub fn of(mut self, subject: Subject) -> Entry {
        self.subject = Some(subject);
        self
    }

    pub fn going(mut self, go: Go) -> Entry {
        self.go = Some(go);
        self
    }

    pub fn proven(mut self, proof: Proving) -> Entry {
        self.proof = Some(proof);
        self
    }

    pub fn copied(mut self, text: impl Into<String>) -> Entry {
        self.copy = text.into();
        self
    }

    /// Its text, pieces apart.
    pub fn plain(&self) -> String {
        let texts: Vec<&str> = self
            .pieces
            .iter()
            .map(|piece| piece.text.trim())
            .filter(|text| !text.is_empty())
            .collect();
        texts.join("  ")
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub title: &'static str,
    /// The least and the most columns of the terminal that it takes.
    pub least: u16,
    pub most: u16,
    /// Those of the highest rank go first where there is too little room.
    pub rank: u8,
    /// What the source sorts by; empty where it cannot.
    pub sort: &'static str,
    pub attribute: Option<Attribute>,
}

pub(crate) const fn column(title: &'static str, least: u16, most: u16, rank: u8) -> Column {
    Column {
        title,
        least,
        most,
        rank,
        sort: "",
        attribute: None,
    }
}

/// What is shown between the top and the bottom.
#[derive(Debug, Clone, Default)]
pub(crate) struct Body {
    /// Where the lines are a table.
    pub columns: &'static [Column],
    /// How many lines there are in all.
    pub total: usize,
    /// Which of them the first of `entries` is.
    pub offset: usize,
    pub entries: Vec<Entry>,
    /// What stands there while there is nothing.
    pub empty: String,
}

impl Body {
    /// Lines that are all there.
    pub fn page(entries: Vec<Entry>) -> Body {
        Body {
            total: entries.len(),
            entries,
            ..Body::default()
        }
    }

    /// The line of this number, where it is there.
    pub fn entry(&self, number: usize) -> Option<&Entry> {
        self.entries.get(number.checked_sub(self.offset)?)
    }
}
