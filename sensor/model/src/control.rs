//! The control socket: one JSON object a line, a request and its reply.
//!
//! A client begins with [`Hello`]; the sensor answers with its own. Then requests are answered in turn.
//! [`Request::Ingest`], [`Request::Restore`] are followed, and [`Reply::Octets`] is followed, by chunks of octets:
//! a big-endian 32-bit count, then so many octets; a count of 0 ends them.

use serde::{Deserialize, Serialize};

use crate::asset::Asset;
use crate::audit::{Audit, Head};
use crate::change::Change;
use crate::conversation::{Conversation, Span};
use crate::decision::{Exception, Term};
use crate::policy::{Control, Step};
use crate::window::{
    By, ComparedRow, ControlRow, FindingRow, Matrix, Overview, Proof, Row, Rules, Told, Which,
};

/// Version of the requests and replies in this file. A sensor refuses a client of another one, and says so.
pub const VERSION: u16 = 1;

/// The first line of each side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Always `fossick`.
    pub hello: String,
    /// See [`VERSION`].
    pub version: u16,
}

impl Hello {
    /// What this side says.
    #[must_use]
    pub fn ours() -> Hello {
        Hello {
            hello: "fossick".to_owned(),
            version: VERSION,
        }
    }
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// How the sensor does.
    Status,
    /// A window of the inventory.
    Assets {
        /// In the filter language; empty for all.
        #[serde(default)]
        filter: String,
        /// Column to sort by; a leading `-` turns the order..
        #[serde(default)]
        sort: String,
        /// Assets to leave out at the beginning.
        #[serde(default)]
        offset: usize,
        /// Assets to list at most.
        limit: usize,
        /// With facts and observations; otherwise those lists are empty.
        #[serde(default)]
        whole: bool,
    },
    /// One asset with everything known of it.
    Asset {
        /// Its id, one of its addresses, or its name.
        asset: String,
    },
    /// Who was seen to use which service of whom.
    Conversations {
        /// An address that is an end of them, or a filter for assets of which one is; empty for all.
        #[serde(default)]
        with: String,
        /// Those behind this one; empty to begin.
        #[serde(default)]
        after: String,
        /// Conversations to list at most.
        limit: usize,
    },
    /// Controls, and how far they have come.
    Controls {
        /// Id, address or name of the asset; empty for all.
        #[serde(default)]
        asset: String,
    },
    /// Accepted risks and what was declared, those that end first in front.
    Exceptions {
        /// Exceptions to leave out at the beginning.
        #[serde(default)]
        offset: usize,
        /// Exceptions to list at most.
        limit: usize,
    },
    /// Is the journal what was written?
    Audit {
        /// A head that was written down elsewhere.
        #[serde(default)]
        head: Option<Head>,
    },
    /// Everything in short.
    Overview,
    /// A window of the inventory, a line each.
    Rows {
        /// In the filter language; empty for all.
        #[serde(default)]
        filter: String,
        /// Column to sort by; a leading `-` turns the order.
        #[serde(default)]
        sort: String,
        /// Assets to leave out at the beginning.
        #[serde(default)]
        offset: usize,
        /// Assets to list at most.
        limit: usize,
    },
    /// A window of the findings.
    Findings {
        /// Only those of assets that pass this filter.
        #[serde(default)]
        filter: String,
        /// Which of them.
        #[serde(default)]
        which: Which,
        /// What they are grouped by.
        #[serde(default)]
        by: By,
        /// Findings to leave out at the beginning.
        #[serde(default)]
        offset: usize,
        /// Findings to list at most.
        limit: usize,
    },
    /// A window of what differs from the list of approved assets.
    Compared {
        /// Only those whose label or state contains this.
        #[serde(default)]
        filter: String,
        /// Lines to leave out at the beginning.
        #[serde(default)]
        offset: usize,
        /// Lines to list at most.
        limit: usize,
    },
    /// A window of the controls, and of the unpatchable assets that have none yet.
    ControlRows {
        /// Only those of assets that pass this filter.
        #[serde(default)]
        filter: String,
        /// Lines to leave out at the beginning.
        #[serde(default)]
        offset: usize,
        /// Lines to list at most.
        limit: usize,
    },
    /// A control as text, and what it would have stopped.
    Rules {
        /// Id, address or name of the asset.
        asset: String,
        /// In whose words; empty for those that come first.
        #[serde(default)]
        format: String,
    },
    /// A window of the conversations.
    Talks {
        /// Only those of assets that pass this filter.
        #[serde(default)]
        filter: String,
        /// Conversations to leave out at the beginning.
        #[serde(default)]
        offset: usize,
        /// Conversations to list at most.
        limit: usize,
    },
    /// Who talks to whom, by zone.
    Matrix {
        /// Only conversations of assets that pass this filter.
        #[serde(default)]
        filter: String,
    },
    /// A window of the journal, the latest first.
    Recent {
        /// Only entries about assets that pass this filter.
        #[serde(default)]
        filter: String,
        /// Entries to leave out, from the latest on.
        #[serde(default)]
        offset: usize,
        /// Entries to list at most.
        limit: usize,
    },
    /// A packet that shows something of an asset.
    Proof {
        /// Id, address or name of the asset.
        asset: String,
        /// Name of the capture.
        capture: String,
        /// Which packet of it.
        frame: u64,
        /// Key of the observation whose octets are marked; empty for all that show something.
        #[serde(default)]
        key: String,
    },
    /// The packets that prove what is known of an asset, as a pcapng file. Answered by [`Reply::Octets`].
    Evidence {
        /// Its id, one of its addresses, or its name.
        asset: String,
    },
    /// The journal.
    Changes {
        /// Entries after this one.
        #[serde(default)]
        after: u64,
        /// Entries to list at most.
        limit: usize,
    },
    /// The journal from here on, as it is written: one [`Reply::Changes`] after another until the client hangs up.
    Follow {
        /// Entries after this one; without it, only those to come.
        after: Option<u64>,
    },
    /// A decision about an asset.
    Order {
        /// Its id, one of its addresses, or its name.
        asset: String,
        /// What is decided.
        order: Order,
    },
    /// Approved assets follow, as chunks of a JSON list; they take the place of those that the same file gave before.
    Approve {
        /// Name of the file that they are from.
        source: String,
    },
    /// Every approved asset, as a JSON list. Answered by [`Reply::Octets`].
    Approved,
    /// A capture follows, to be read as if it had been heard.
    Ingest {
        /// Its name, as evidence will quote it.
        name: String,
    },
    /// Somebody who scans asks from this hardware address until he hangs up: what is said to it was asked for.
    Asking {
        /// Lower-case hex with colons.
        mac: String,
    },
    /// Somebody who scans put a question: for the journal.
    Asked {
        /// To whom.
        to: String,
        /// Protocol and name of the question.
        question: String,
        /// How it ended.
        outcome: String,
    },
    /// Somebody who scans watched a host's own traffic meanwhile. Where it was disturbed a capture follows, of the frames that
    /// show it; where it was not, an earlier finding of that holds no longer.
    Watched {
        /// An address of the host.
        host: String,
        /// How it was disturbed, if it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        disturbed: Option<Disturbance>,
    },
    /// Is the store whole?
    StoreCheck,
    /// Give unused space of the store back.
    StoreCompact,
    /// A copy of the store as it stands. Answered by [`Reply::Octets`].
    StoreBackup,
    /// A backup follows, which takes the place of the store.
    StoreRestore,
}

/// That a host's own traffic was disturbed while it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disturbance {
    /// With whom it was talking: an address, or a hardware address.
    pub peer: String,
    /// What happened, in a sentence.
    pub why: String,
    /// Name of the capture whose frames show it.
    pub capture: String,
    /// Their numbers in it, in order.
    pub frames: Vec<u64>,
}

/// What a person decides about an asset. It outranks everything heard, and is journalled with its author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case")]
pub enum Order {
    /// I have seen it; it is no news any more.
    Acknowledge,
    /// Call it this; nothing to take the name away.
    Rename {
        /// The name.
        name: Option<String>,
    },
    /// A remark; nothing to take it away.
    Annotate {
        /// The remark.
        note: Option<String>,
    },
    /// It is of this kind; nothing to take the word back.
    SetKind {
        /// A word of the list of kinds.
        kind: Option<String>,
    },
    /// It and another are one.
    Merge {
        /// The other: its id, one of its addresses, or its name.
        with: String,
    },
    /// An address of it belongs to another asset, of its own.
    Split {
        /// The address that goes.
        address: String,
    },
    /// Remove it and everything known of it.
    Forget,
    /// It belongs here: it is among the approved assets from now on.
    Sanction,
    /// It does not belong here, and is to be taken off the network.
    Refuse,
    /// I have seen this finding.
    AcknowledgeFinding {
        /// Its id.
        finding: String,
    },
    /// I answer for leaving this finding as it is.
    Accept {
        /// Its id.
        finding: String,
        /// Why, and how long.
        #[serde(flatten)]
        term: Box<Term>,
    },
    /// What was decided about this finding holds no longer.
    Reopen {
        /// Its id.
        finding: String,
    },
    /// It cannot be patched, and no document says so: I do.
    DeclareUnpatchable {
        /// Why, and how long.
        #[serde(flatten)]
        term: Box<Term>,
    },
    /// It was declared unpatchable, and is not.
    Withdraw,
    /// What a file lists is approved; it is about no single asset.
    Approve {
        /// Name of the file.
        source: String,
        /// How many assets it lists.
        count: u64,
    },
    /// Something is done with its control.
    Control {
        /// What.
        control: Box<Step>,
    },
}

/// What the sensor answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// It was done.
    Done {
        /// What exactly, in a sentence.
        what: String,
    },
    /// It was not, and why, and what to do next.
    Refused {
        /// In a sentence.
        why: String,
        /// Where in the filter the trouble is (in characters from its beginning), where it is one of the filter.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<usize>,
    },
    /// How the sensor does.
    Status(Box<crate::Status>),
    /// A window of the inventory.
    Assets {
        /// How many assets match the filter.
        total: usize,
        /// Those in the window.
        assets: Vec<Asset>,
    },
    /// Everything in short.
    Overview(Box<Overview>),
    /// A window of the inventory.
    Rows {
        /// How many assets pass the filter.
        total: usize,
        /// Those in the window.
        rows: Vec<Row>,
    },
    /// A window of the findings.
    Findings {
        /// How many there are.
        total: usize,
        /// Those in the window.
        rows: Vec<FindingRow>,
    },
    /// A window of what differs from the list of approved assets.
    Compared {
        /// How many assets are approved.
        approved: usize,
        /// How many lines there are.
        total: usize,
        /// Those in the window.
        rows: Vec<ComparedRow>,
    },
    /// A window of the controls.
    ControlRows {
        /// How many there are.
        total: usize,
        /// Those in the window.
        rows: Vec<ControlRow>,
    },
    /// A control as text.
    Rules(Box<Rules>),
    /// A window of the conversations.
    Talks {
        /// How many there are.
        total: usize,
        /// Those in the window.
        rows: Vec<Conversation>,
    },
    /// Who talks to whom, by zone.
    Matrix(Box<Matrix>),
    /// A window of the journal.
    Recent {
        /// How many entries there are; of filtered ones, as many as were looked through.
        total: usize,
        /// Those in the window.
        rows: Vec<Told>,
    },
    /// A packet.
    Proof(Box<Proof>),
    /// Entries of the journal.
    Changes {
        /// In order.
        changes: Vec<Change>,
    },
    /// Conversations, in an order of their own.
    Conversations {
        /// Those found.
        conversations: Vec<Conversation>,
        /// Where to go on, if there may be more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
        /// When the sensor heard anything: with the last of them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        heard: Vec<Span>,
    },
    /// Controls, in order of their assets' ids.
    Controls {
        /// Those asked for.
        controls: Vec<Control>,
    },
    /// Exceptions.
    Exceptions {
        /// How many hold.
        total: usize,
        /// Those in the window.
        exceptions: Vec<Exception>,
    },
    /// What an examination of the journal came to.
    Audit(Box<Audit>),
    /// Chunks of octets follow.
    Octets,
}
