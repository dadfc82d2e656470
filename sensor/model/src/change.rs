//! What changed: the entries of the journal, in the order in which they were committed.

use serde::{Deserialize, Serialize};

use crate::asset::{Addresses, Attribute, Evidence, Transport, Word};
use crate::control::Order;
use crate::decision::Acceptance;
use crate::policy::ControlState;
use crate::time::Time;

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Counts from 1 without a gap; an outlet that has seen `n` has seen everything up to `n`.
    pub seq: u64,
    /// When it was heard (packet time), or ordered (the sensor's clock).
    pub time: Time,
    /// The asset it is about; empty for the sensor itself.
    pub asset: String,
    /// How a person would call that asset: its name, or else its first address.
    pub label: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// Who ordered it, where a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
}

/// Who is behind a request, as the kernel states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// User id of the process.
    pub uid: u32,
    /// Its name, where the system has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Person {
    /// How they are called.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.name {
            Some(name) => name.clone(),
            None => format!("user {}", self.uid),
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// An asset is there that was not known.
    AssetSeen {
        /// Where.
        addresses: Addresses,
    },
    /// Two assets turned out to be one: this one lives on as `into`.
    AssetMerged {
        /// The id that stays.
        into: String,
    },
    /// Nothing was heard of it for the configured time.
    AssetSilent {
        /// When it was heard last.
        since: Time,
    },
    /// It was silent and is heard again.
    AssetReturned {
        /// When it had been heard last.
        since: Time,
    },
    /// It is no longer kept: an operator forgot it, or its time of retention is over.
    AssetForgotten,
    /// Something is concluded of it for the first time.
    FactLearnt {
        /// About what.
        attribute: Attribute,
        /// What.
        value: String,
        /// Why.
        #[serde(flatten)]
        reason: Reason,
    },
    /// Another conclusion takes the place of one.
    FactChanged {
        /// About what.
        attribute: Attribute,
        /// What was concluded before.
        old: String,
        /// What is concluded now.
        value: String,
        /// Why.
        #[serde(flatten)]
        reason: Reason,
    },
    /// What was concluded no longer is: the knowledge it came from changed, or it belongs to another asset.
    FactWithdrawn {
        /// About what.
        attribute: Attribute,
        /// What was concluded before.
        old: String,
    },
    /// It has an address that nobody had.
    AddressGained {
        /// Which.
        address: String,
    },
    /// An address is no longer its own.
    AddressLost {
        /// Which.
        address: String,
    },
    /// It has an address that another asset had.
    AddressMoved {
        /// Which.
        address: String,
        /// The asset that had it.
        from: String,
    },
    /// It answers on a port where it was not known to, or is recognised there.
    ServiceAppeared {
        /// Transport protocol.
        transport: Transport,
        /// Port.
        port: u16,
        /// Protocol confirmed by content, if it was.
        protocol: Option<Word>,
    },
    /// A finding was made.
    FindingOpened {
        /// The finding, as the output contract has it.
        finding: serde_json::Value,
    },
    /// A finding no longer holds.
    FindingClosed {
        /// The finding, as it was.
        finding: serde_json::Value,
        /// What shows that it is mended: another version was seen. Nothing where it closed otherwise: the knowledge changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        patched: Option<Reason>,
    },
    /// The time is over for which somebody answered for a finding: it is open again, or, where it was declared, gone.
    DecisionExpired {
        /// Id of the finding.
        finding: String,
        /// Its title.
        title: String,
        /// Who answered for it, why, and until when.
        acceptance: Acceptance,
    },
    /// What somebody answers for of an asset holds for the one that it turned out to be.
    DecisionInherited {
        /// Id of the asset that is no more.
        from: String,
        /// Id of the finding in the asset that stays.
        finding: String,
        /// Its title.
        title: String,
        /// Who answers for it, why, and until when.
        acceptance: Acceptance,
    },
    /// What happened to this asset meanwhile could not be written down: this is what it is like now.
    Resynchronised {
        /// Since when changes could not be written.
        since: Time,
    },
    /// What is heard moved its control.
    ControlMoved {
        /// Where it is now.
        control: ControlState,
    },
    /// A person decided something.
    Ordered {
        /// What.
        order: Order,
    },
    /// Something about the sensor itself.
    Sensor {
        /// Which part: `run`, `interface`, `store`, `config`, `outlet`.
        part: String,
        /// What, in a sentence.
        what: String,
    },
}

/// Why something is concluded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// 0–100.
    pub certainty: u8,
    /// Key of the observation.
    pub key: Word,
    /// What was said, word for word.
    pub raw: std::sync::Arc<str>,
    /// The packet that said it.
    pub evidence: Evidence,
}

impl Event {
    /// Its name, as it stands in the journal: `fact-changed`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Event::AssetSeen { .. } => "asset-seen",
            Event::AssetMerged { .. } => "asset-merged",
            Event::AssetSilent { .. } => "asset-silent",
            Event::AssetReturned { .. } => "asset-returned",
            Event::AssetForgotten => "asset-forgotten",
            Event::FactLearnt { .. } => "fact-learnt",
            Event::FactChanged { .. } => "fact-changed",
            Event::FactWithdrawn { .. } => "fact-withdrawn",
            Event::AddressGained { .. } => "address-gained",
            Event::AddressLost { .. } => "address-lost",
            Event::AddressMoved { .. } => "address-moved",
            Event::ServiceAppeared { .. } => "service-appeared",
            Event::FindingOpened { .. } => "finding-opened",
            Event::FindingClosed { .. } => "finding-closed",
            Event::DecisionExpired { .. } => "decision-expired",
            Event::DecisionInherited { .. } => "decision-inherited",
            Event::Resynchronised { .. } => "resynchronised",
            Event::ControlMoved { .. } => "control-moved",
            Event::Ordered { .. } => "ordered",
            Event::Sensor { .. } => "sensor",
        }
    }
}
