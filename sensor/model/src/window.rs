//! Windows: what a screen shows of an inventory, and no more. Every list comes with how many there are in all.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::asset::Transport;
use crate::change::Change;
use crate::conversation::Conversation;
use crate::finding::{Finding, Verdict};
use crate::policy::Why;
use crate::time::Time;

/// One asset in a line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// Id of the asset.
    pub id: String,
    /// Its first address.
    pub address: String,
    /// Its name, if it has one.
    pub name: String,
    /// What it is for.
    pub kind: String,
    /// Who made it.
    pub vendor: String,
    /// Its model, or else its product or order number.
    pub model: String,
    /// Firmware version.
    pub firmware: String,
    /// Operating system.
    pub os: String,
    /// The zone it is in; empty where none is configured.
    pub zone: String,
    /// The gravest verdict of its findings.
    pub verdict: Option<Verdict>,
    /// The most urgent priority of its open findings: `act`, `attend`, `track`.
    pub priority: String,
    /// How many findings it has.
    pub findings: u32,
    /// How far its control has come; empty where it has none.
    pub control: String,
    /// When it was heard first.
    pub first_seen: Time,
    /// When it was heard last.
    pub last_seen: Time,
    /// It has not been heard for long.
    pub silent: bool,
    /// What persons call it; empty where they do not.
    pub given_name: String,
    /// What kind persons say it is; empty where they do not.
    pub given_kind: String,
    /// What persons noted of it.
    pub note: String,
    /// Who refused it, and when.
    pub refused: String,
    /// What stands behind it, and has no address of its own.
    pub behind: Behind,
}

/// Devices behind an asset; what they do not have in common is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Behind {
    /// How many.
    pub devices: u32,
    /// What they are for.
    pub kind: String,
    /// Who made them.
    pub vendor: String,
    /// Their model, or else product or order number.
    pub model: String,
    /// Firmware version.
    pub firmware: String,
    /// Operating system.
    pub os: String,
}

/// Which findings are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// All of them.
    #[default]
    All,
    /// Those that no patch closes.
    Unpatchable,
    /// What should not be there.
    Shadow,
}

/// What findings are grouped by; within a group, and among groups, the most urgent come first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// By priority alone.
    #[default]
    Priority,
    /// By asset.
    Asset,
    /// By rule.
    Rule,
}

/// One finding, of one asset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FindingRow {
    /// Id of the asset.
    pub asset: String,
    /// How a person would call it.
    pub label: String,
    /// Its first address.
    pub address: String,
    /// How far the asset's control has come; empty where it has none.
    pub control: String,
    /// The finding.
    pub finding: Finding,
}

/// How many findings there are of each priority.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Priorities {
    /// Something must be done at once.
    pub act: u64,
    /// Something must be done soon.
    pub attend: u64,
    /// To be watched.
    pub track: u64,
}

/// A name and how often it occurs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// What is counted.
    pub name: String,
    /// How many there are.
    pub count: u64,
}

/// Everything in short.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Overview {
    /// What ages are counted from: the sensor's clock, or the last packet of a capture.
    pub now: Time,
    /// Assets.
    pub assets: u64,
    /// Devices behind them, that have no address of their own.
    #[serde(default)]
    pub behind: u64,
    /// Assets first heard in the 24 hours before.
    pub fresh: u64,
    /// Assets that have not been heard for long.
    pub silent: u64,
    /// Assets with a finding that no patch closes.
    pub unpatchable: u64,
    /// Of those, the ones whose control is deployed, or verified.
    pub fenced: u64,
    /// Findings that are open.
    pub open: Priorities,
    /// Assets by kind, the most first.
    pub kinds: Vec<Tally>,
    /// Assets by zone, the most first; `no zone` for those in none.
    pub zones: Vec<Tally>,
    /// Names of vendors, for completion; the most frequent, bounded.
    pub vendors: Vec<Tally>,
    /// Changes in the hour before, by what happened, the most first.
    pub changed: Vec<Tally>,
    /// More changed than was looked at.
    pub more_changed: bool,
    /// Packets in equal spans of a capture's time; empty for a sensor, whose status tells it.
    pub traffic: Vec<u64>,
}

/// One cell of the matrix of zones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Zone of the clients; an index into [`Matrix::zones`].
    pub from: usize,
    /// Zone of the servers.
    pub to: usize,
    /// Conversations.
    pub count: u64,
    /// Protocols in them, sorted, bounded.
    pub protocols: Vec<String>,
}

/// Who talks to whom, by zone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Matrix {
    /// Names of the zones.
    pub zones: Vec<String>,
    /// Those cells in which something was heard.
    pub cells: Vec<Cell>,
}

/// A change and what it says in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// In a sentence.
    pub sentence: String,
    /// The entry of the journal.
    pub change: Change,
}

/// What an asset is to the list of approved assets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ComparedRow {
    /// `unsanctioned`, `mismatched` or `missing`.
    pub state: String,
    /// Id of the asset; empty where it was never seen.
    pub asset: String,
    /// How a person would call it.
    pub label: String,
    /// Why, in a sentence.
    pub why: String,
    /// Where it is approved; empty where it is not.
    pub approved: String,
    /// What a person decided.
    pub decided: String,
}

/// A control in a line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ControlRow {
    /// Id of the asset.
    pub asset: String,
    /// How a person would call it.
    pub label: String,
    /// How far it has come; empty where nothing is proposed yet.
    pub state: String,
    /// Who brought it there, or what moved it there.
    pub by: String,
    /// How many rules it has.
    pub rules: usize,
    /// Why it is there: the finding, in a sentence.
    pub reason: String,
    /// The row that says so, quoted.
    pub source: String,
    /// Id of the finding, where it is one of the asset's.
    pub finding: Option<String>,
}

/// A conversation that a control would stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// Why it was left out on purpose; nothing where the policy does not know it.
    pub why: Option<Why>,
    /// Which.
    pub conversation: Conversation,
}

/// A control as text, and what it would have stopped of what was heard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// Whose words the text is in.
    pub format: String,
    /// Every format there is.
    pub formats: Vec<String>,
    /// The text.
    pub text: String,
    /// Conversations that would have passed.
    pub passes: usize,
    /// Those that would have been stopped, bounded.
    pub stops: Vec<Stopped>,
}

/// One layer of a packet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Its name: `Ethernet`, `IPv4`, `TCP`, `s7comm`.
    pub name: String,
    /// Its first octet.
    pub first: usize,
    /// How many it has.
    pub count: usize,
    /// What its header says, in a line.
    pub says: String,
}

/// A packet that shows something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proof {
    /// Name of the capture.
    pub capture: String,
    /// Counts from 1 within its capture.
    pub frame: u64,
    /// When it was captured.
    pub time: Time,
    /// How its octets begin: a LINKTYPE value as registered for pcap.
    pub link: u16,
    /// Octets that were on the wire.
    pub original: u32,
    /// Its octets, as hexadecimal digits; those masked are zero.
    pub octets: String,
    /// Which octets say it: first, count; in order.
    pub marks: Vec<(usize, usize)>,
    /// The marks are all octets that were kept of this packet, as those of one word of it are not known.
    pub inexact: bool,
    /// Its layers, in order.
    pub layers: Vec<Layer>,
}

impl Proof {
    /// Its octets.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let digit = |character: u8| char::from(character).to_digit(16);
        let pairs = self.octets.as_bytes().chunks(2);
        let octets = pairs.filter_map(|pair| match pair {
            [high, low] => u8::try_from(
                digit(*high)?
                    .saturating_mul(16)
                    .saturating_add(digit(*low)?),
            )
            .ok(),
            _ => None,
        });
        octets.collect()
    }

    /// Octets as hexadecimal digits.
    #[must_use]
    pub fn digits(octets: &[u8]) -> String {
        let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
        octets
            .iter()
            .flat_map(|octet| [digit(octet >> 4), digit(octet & 15)])
            .collect()
    }
}

impl Transport {
    /// Its name, as filters and rules write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        }
    }
}

impl Conversation {
    /// What is asked for: `tcp/502 modbus`.
    #[must_use]
    pub fn service(&self) -> String {
        let mut text = self.transport.name().to_owned();
        if let Some(port) = self.port {
            text.push('/');
            text.push_str(&port.to_string());
        }
        if let Some(protocol) = self
            .protocol
            .as_deref()
            .filter(|name: &&str| !name.is_empty())
        {
            text.push(' ');
            text.push_str(protocol);
        }
        text
    }

    /// Both ends' addresses.
    #[must_use]
    pub fn addresses(&self) -> [IpAddr; 2] {
        [self.client.address, self.server.address]
    }

    /// The names of what the client asks for, in a line.
    #[must_use]
    pub fn asks(&self) -> String {
        let mut names: Vec<&str> = self
            .operations
            .iter()
            .map(|asked| asked.name.as_str())
            .collect();
        if self.more_operations {
            names.push("and more");
        }
        names.join(", ")
    }
}
