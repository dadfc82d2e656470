//! The asset as the output contract prints it.

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::finding::Finding;
use crate::kind::{Category, Kind};
use crate::time::Time;

/// One of our own words: borrowed where we say it, owned where it was read back.
pub type Word = Cow<'static, str>;

/// What a fact is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the contract's and say it all")]
pub enum Attribute {
    Vendor,
    Model,
    Product,
    OrderNumber,
    Hardware,
    Firmware,
    Serial,
    Os,
    OsVersion,
    Hostname,
    Domain,
    Kind,
    Location,
    Description,
}

impl Attribute {
    /// Every attribute, in the contract's order.
    pub const ALL: [Attribute; 14] = [
        Attribute::Vendor,
        Attribute::Model,
        Attribute::Product,
        Attribute::OrderNumber,
        Attribute::Hardware,
        Attribute::Firmware,
        Attribute::Serial,
        Attribute::Os,
        Attribute::OsVersion,
        Attribute::Hostname,
        Attribute::Domain,
        Attribute::Kind,
        Attribute::Location,
        Attribute::Description,
    ];

    /// Its name in the contract and in fingerprint sheets.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Attribute::Vendor => "vendor",
            Attribute::Model => "model",
            Attribute::Product => "product",
            Attribute::OrderNumber => "order_number",
            Attribute::Hardware => "hardware",
            Attribute::Firmware => "firmware",
            Attribute::Serial => "serial",
            Attribute::Os => "os",
            Attribute::OsVersion => "os_version",
            Attribute::Hostname => "hostname",
            Attribute::Domain => "domain",
            Attribute::Kind => "kind",
            Attribute::Location => "location",
            Attribute::Description => "description",
        }
    }

    /// The attribute of this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Attribute> {
        Attribute::ALL.into_iter().find(|a| a.name() == name)
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl<'de> Deserialize<'de> for Attribute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Attribute::named(&name).ok_or_else(|| D::Error::custom("no attribute of this name"))
    }
}

impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The frames that say something: one, or several that the value spans.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Frames {
    /// Counts from 1 within its capture.
    #[serde(rename = "frame")]
    One(u64),
    /// In order.
    #[serde(rename = "frames")]
    Several(Vec<u64>),
}

impl Frames {
    /// The frame in which it begins.
    #[must_use]
    pub fn first(&self) -> u64 {
        match self {
            Frames::One(frame) => *frame,
            Frames::Several(frames) => frames.first().copied().unwrap_or_default(),
        }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[u64] {
        match self {
            Frames::One(frame) => std::slice::from_ref(frame),
            Frames::Several(frames) => frames,
        }
    }
}

/// The packet that proves a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Name of the capture, without its folder.
    pub capture: Arc<str>,
    /// Where in it.
    #[serde(flatten)]
    pub frames: Frames,
    /// When the (last) frame was captured.
    pub time: Time,
    /// Heard in passing; otherwise it is the answer to a question of ours.
    pub heard: bool,
    /// Which octets of those frames carry the raw value: frame, first octet, count.
    #[serde(skip)]
    pub octets: Vec<(u64, u32, u32)>,
}

/// Something we conclude.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is about.
    pub attribute: Attribute,
    /// What it says.
    pub value: String,
    /// 0–100.
    pub certainty: u8,
    /// The observation's key.
    pub key: Word,
    /// The observation's value, as it was said.
    pub raw: Arc<str>,
    /// Sheet and entry: `s7comm.szl.order_number/simatic-s7-300`.
    pub fingerprint: Arc<str>,
    /// The packet.
    pub evidence: Evidence,
}

/// Something the asset said, word for word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// What is being said.
    pub key: Word,
    /// Canonical text; invalid UTF-8 is U+FFFD.
    pub value: Arc<str>,
    /// The packet that said it first.
    pub evidence: Evidence,
}

/// Transport of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "protocol names")]
pub enum Transport {
    Tcp,
    Udp,
}

/// What an asset serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Transport protocol.
    pub transport: Transport,
    /// Port it answers on.
    pub port: u16,
    /// Protocol confirmed by content, if it was.
    pub protocol: Option<Word>,
    /// Product as disclosed.
    pub product: Option<String>,
    /// Version as disclosed.
    pub version: Option<String>,
}

/// Addresses of an asset, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// Hardware addresses, lower-case hex with colons.
    pub mac: Vec<String>,
    /// IPv4 addresses.
    pub ipv4: Vec<Ipv4Addr>,
    /// IPv6 addresses.
    pub ipv6: Vec<Ipv6Addr>,
}

/// One host, or one device behind a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    /// 16 hex digits from its first strong identifier.
    pub id: String,
    /// Where it is, for a host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Addresses>,
    /// Where it is, for a device behind a host: `unit 5`, `slot 3`, `bacnet 2:0a`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// VLANs its frames were tagged with.
    pub vlans: Vec<u16>,
    /// Names, most certain first.
    pub hostnames: Vec<String>,
    /// Winner among the facts.
    pub vendor: Option<String>,
    /// Winner among the facts.
    pub model: Option<String>,
    /// Winner among the facts.
    pub product: Option<String>,
    /// Winner among the facts.
    pub order_number: Option<String>,
    /// Winner among the facts.
    pub hardware: Option<String>,
    /// Winner among the facts.
    pub firmware: Option<String>,
    /// Winner among the facts.
    pub serial: Option<String>,
    /// Winner among the facts.
    pub os: Option<String>,
    /// Winner among the facts.
    pub os_version: Option<String>,
    /// Winner among the facts.
    pub domain: Option<String>,
    /// Winner among the facts.
    pub location: Option<String>,
    /// Winner among the facts.
    pub description: Option<String>,
    /// What it is for.
    pub kind: Option<Kind>,
    /// Follows from the kind.
    pub category: Category,
    /// Not of ours: a peer on the Internet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub external: bool,
    /// Protocols it was seen to speak, sorted.
    pub protocols: Vec<Word>,
    /// What it serves, by port.
    pub services: Vec<Service>,
    /// How many hosts it talked with.
    pub peers: u32,
    /// First frame of it.
    pub first_seen: Time,
    /// Last frame of it.
    pub last_seen: Time,
    /// What this sensor cannot see of it.
    pub visibility: Vec<Word>,
    /// Devices behind it.
    pub children: Vec<Asset>,
    /// Everything concluded, the winner of each attribute first.
    pub facts: Vec<Fact>,
    /// Everything said.
    pub observations: Vec<Observation>,
    /// What is to be done about it.
    pub findings: Vec<Finding>,
}

impl Asset {
    /// The value that won for an attribute.
    #[must_use]
    pub fn winner(&self, attribute: Attribute) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.attribute == attribute)
    }
}
