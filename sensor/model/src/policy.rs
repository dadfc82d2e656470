//! Controls for what cannot be patched: the policy, and how far it has come.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::asset::{Evidence, Transport, Word};
use crate::conversation::{Baseline, Conversation};
use crate::time::Time;

/// Whether an address is one of the public Internet (RFC 6890, RFC 4291): not of private, local or shared networks.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                || (a == 100 && b & 0xc0 == 64)
                || (a == 198 && b & 0xfe == 18)
                || (a == 192 && b == 0 && c == 0))
        }
        IpAddr::V6(v6) => {
            let [first, ..] = v6.segments();
            first & 0xe000 == 0x2000
        }
    }
}

/// Addresses that begin with the same bits; written `10.0.0.0/24`, a single address without its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// The network of an address: bits beyond the prefix are cleared. Nothing where the prefix is longer than an address.
    #[must_use]
    pub fn new(address: IpAddr, prefix: u8) -> Option<Network> {
        let address = match address {
            IpAddr::V4(v4) => {
                let host = 32_u32.checked_sub(prefix.into())?;
                let mask = u32::MAX.checked_shl(host).unwrap_or(0);
                IpAddr::V4((v4.to_bits() & mask).into())
            }
            IpAddr::V6(v6) => {
                let host = 128_u32.checked_sub(prefix.into())?;
                let mask = u128::MAX.checked_shl(host).unwrap_or(0);
                IpAddr::V6((v6.to_bits() & mask).into())
            }
        };
        Some(Network { address, prefix })
    }

    /// This address alone.
    #[must_use]
    pub fn host(address: IpAddr) -> Network {
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        Network { address, prefix }
    }

    /// Its first address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How many bits its addresses share.
    #[must_use]
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether it is one address.
    #[must_use]
    pub fn is_host(&self) -> bool {
        *self == Network::host(self.address)
    }

    /// Whether an address belongs to it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        Network::new(address, self.prefix) == Some(*self)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_host() {
            write!(f, "{}", self.address)
        } else {
            write!(f, "{}/{}", self.address, self.prefix)
        }
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "an address, or an address and a prefix, is wanted: 10.0.0.0/24";
        let Some((address, prefix)) = text.split_once('/') else {
            return text.parse().map(Network::host).map_err(|_| wrong);
        };
        let address = address.parse().map_err(|_| wrong)?;
        let prefix = prefix.parse().map_err(|_| wrong)?;
        Network::new(address, prefix).ok_or(wrong)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// What a policy allows an asset, and why it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Id of the asset.
    pub asset: String,
    /// How a person would call it: its name, or else its first address. It may come off the wire.
    pub label: String,
    /// The addresses that are fenced in, sorted.
    pub addresses: Vec<IpAddr>,
    /// Why.
    pub demand: Demand,
    /// What it was learnt from.
    pub learnt: Learnt,
    /// What is allowed; all else to and from the asset is not.
    pub rules: Vec<Rule>,
    /// What was seen and is not allowed all the same.
    pub left_out: Vec<LeftOut>,
}

/// The finding that no patch closes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// In a sentence.
    pub reason: String,
    /// The row of the advisory or lifecycle, quoted.
    pub source: String,
    /// Id of the finding, where it is one of the asset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
}

/// How long was listened, and whether that was long enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learnt {
    /// The conversations of the asset.
    #[serde(flatten)]
    pub baseline: Baseline,
    /// The last packet of any of them.
    pub last: Time,
    /// Fewer hours than are wanted of a baseline: somebody accepted it all the same.
    pub short: bool,
}

/// Who opens a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// The peer: the asset serves.
    Inbound,
    /// The asset: the peer serves.
    Outbound,
}

/// One thing that is allowed, with its answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Counts from 1.
    pub number: usize,
    /// Who opens it.
    pub direction: Way,
    /// The asset's own address.
    pub local: IpAddr,
    /// Who is at the other end.
    pub peer: Network,
    /// Transport protocol of the service.
    pub transport: Transport,
    /// Port of the service.
    pub port: u16,
    /// Protocol confirmed by content, if it was.
    pub protocol: Option<Word>,
    /// What the client asked for; a filter of packets does not hold it to this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<String>,
    /// It asked for more than is kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more_operations: bool,
    /// Where it comes from.
    pub origin: Origin,
}

impl Rule {
    /// Whether a conversation is what it allows.
    #[must_use]
    pub fn allows(&self, conversation: &Conversation) -> bool {
        let (local, peer) = match self.direction {
            Way::Inbound => (&conversation.server, &conversation.client),
            Way::Outbound => (&conversation.client, &conversation.server),
        };
        self.local == local.address
            && self.peer.contains(peer.address)
            && (self.transport, Some(self.port)) == (conversation.transport, conversation.port)
    }
}

/// Where a rule comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "lowercase")]
pub enum Origin {
    /// It was seen.
    Baseline {
        /// A packet that shows it.
        evidence: Evidence,
    },
    /// Somebody wants it.
    Operator {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
}

/// A conversation that is not allowed although it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Why.
    pub why: Why,
    /// Which.
    pub conversation: Conversation,
}

/// Why a conversation is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It uses the service that the finding is about.
    VulnerableService,
    /// Its other end is on the Internet.
    Internet,
    /// One direction alone was seen: perhaps nobody answered.
    OneWay,
    /// It goes to a group, which no router forwards unasked.
    Group,
    /// Nothing shows which end is the server, nor on which port.
    NoDirection,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::VulnerableService => "uses the service that the finding is about",
            Why::Internet => "its other end is on the Internet",
            Why::OneWay => "one direction alone was seen",
            Why::Group => "goes to a group or to everybody",
            Why::NoDirection => "nothing shows which end is the server",
        })
    }
}

/// A policy on its way into force. An asset has one at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// What is to be held.
    pub policy: Policy,
    /// How far it has come.
    #[serde(flatten)]
    pub state: ControlState,
    /// Why the watch does not call it verified (yet).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
}

/// A rule that somebody wants besides what was heard. It is made for each of the asset's addresses of the peer's family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addition {
    /// Who opens it.
    pub direction: Way,
    /// Who is at the other end.
    pub peer: Network,
    /// Transport protocol of the service.
    pub transport: Transport,
    /// Port of the service.
    pub port: u16,
    /// Why.
    pub reason: String,
}

impl Addition {
    /// Its rules, for an asset of these addresses; `by` wants them.
    #[must_use]
    pub fn rules(&self, own: &[IpAddr], by: &str) -> Vec<Rule> {
        let fits = |ip: &&IpAddr| ip.is_ipv4() == self.peer.address().is_ipv4();
        let rule = |local: &IpAddr| Rule {
            number: 0,
            direction: self.direction,
            local: *local,
            peer: self.peer,
            transport: self.transport,
            port: self.port,
            protocol: None,
            operations: Vec::new(),
            more_operations: false,
            origin: Origin::Operator {
                by: by.to_owned(),
                reason: self.reason.clone(),
            },
        };
        own.iter().filter(fits).map(rule).collect()
    }
}

/// A service that a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vulnerable {
    /// Transport protocol.
    pub transport: Transport,
    /// Port.
    pub port: u16,
}

/// What a person does with the control of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// Have a policy made from what was heard. One that was there gives way; rules that persons added stay.
    Propose {
        /// Why.
        demand: Demand,
        /// Networks that count as one peer each.
        #[serde(default)]
        zones: Vec<Network>,
        /// Services to leave out.
        #[serde(default)]
        vulnerable: Vec<Vulnerable>,
        /// Rules besides.
        #[serde(default)]
        additions: Vec<Addition>,
        /// Accept a baseline that is shorter than it should be.
        #[serde(default)]
        from_little: bool,
    },
    /// Try it on what was heard.
    DryRun,
    /// Agree to it.
    Approve,
    /// Have it in the words of a device.
    Export {
        /// Which: `nftables`, `cisco-ios` …
        format: String,
    },
    /// A device holds it from now on.
    Deployed {
        /// How long must be listened before silence counts, in seconds.
        least: i64,
    },
}

/// How far a control has come. `by` is who did it, as the kernel names them; `at` is the sensor's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum ControlState {
    /// Nobody has looked yet at what it would stop.
    Proposed {
        /// Who asked for it.
        by: String,
        /// When.
        at: Time,
    },
    /// It was tried on what was heard.
    DryRun {
        /// Who asked for it.
        by: String,
        /// When.
        at: Time,
        /// Conversations that it would let through.
        passes: usize,
        /// Conversations that it would stop.
        stops: usize,
    },
    /// Somebody agreed.
    Approved {
        /// Who.
        by: String,
        /// When.
        at: Time,
    },
    /// It was handed out in the words of a device.
    Exported {
        /// To whom.
        by: String,
        /// When.
        at: Time,
        /// Of which device.
        format: String,
    },
    /// Somebody says that a device holds it.
    Deployed {
        /// Who.
        by: String,
        /// Since when.
        at: Time,
        /// How long must be listened before silence counts, in seconds.
        least: i64,
    },
    /// What is heard agrees with it.
    Verified {
        /// In force since.
        since: Time,
        /// Heard until.
        until: Time,
        /// How long must be listened before silence counts, in seconds.
        least: i64,
        /// Conversations that it allows, heard in both directions since.
        allowed: usize,
        /// Conversations that it forbids, tried since and answered by nobody.
        attempts: usize,
    },
    /// Something that it forbids went through.
    Violated {
        /// In force since.
        since: Time,
        /// What went through.
        conversation: Box<Conversation>,
        /// The packet that answered.
        evidence: Evidence,
    },
    /// What it was made for is no longer so.
    Stale {
        /// Why.
        reason: Staleness,
    },
}

impl ControlState {
    /// Its name, as JSON has it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            ControlState::Proposed { .. } => "proposed",
            ControlState::DryRun { .. } => "dry-run",
            ControlState::Approved { .. } => "approved",
            ControlState::Exported { .. } => "exported",
            ControlState::Deployed { .. } => "deployed",
            ControlState::Verified { .. } => "verified",
            ControlState::Violated { .. } => "violated",
            ControlState::Stale { .. } => "stale",
        }
    }

    /// Whether what is heard is held against it.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        matches!(
            self,
            ControlState::Deployed { .. } | ControlState::Verified { .. }
        )
    }
}

/// Why a control is stale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "kebab-case")]
pub enum Staleness {
    /// The advisory or lifecycle says something else by now.
    DemandChanged {
        /// What.
        now: Demand,
    },
    /// A conversation of the time it was learnt from, which it does not know.
    BaselineChanged {
        /// Which.
        conversation: Box<Conversation>,
    },
    /// The asset has an address that is not fenced in.
    NewAddress {
        /// Which.
        address: IpAddr,
    },
}
