//! Approved assets: what a CMDB, an IPAM or an nmap scan says should be there, and what of it is.

mod csv;
mod netbox;
mod nmap;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use fossick_model::{Asset, Attribute, Fact};
use serde::{Deserialize, Serialize};

use crate::limits::{LONGEST_VALUE, MOST_ADDRESSES, MOST_APPROVED, MOST_REFUSED};

pub use self::csv::{Columns, ColumnsError};

/// A fact that is less certain contradicts nobody's list.
const CERTAIN: u8 = 60;

/// An asset that somebody approved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Approved {
    /// Its IP addresses.
    pub ips: Vec<IpAddr>,
    /// Its hardware addresses, lower-case hex with colons.
    pub macs: Vec<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Its model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its operating system, with its version where that is stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// A word of the list of kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Its serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Name of the file that says so.
    pub source: String,
    /// Where in it: a line, or in JSON the entry, from 1.
    pub line: u64,
}

impl Approved {
    /// Where it is stated: `cmdb.csv, 12`.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}, {}", self.source, self.line)
    }

    /// How a person would call it.
    #[must_use]
    pub fn label(&self) -> String {
        let ip = || self.ips.first().map(ToString::to_string);
        let mac = || self.macs.first().cloned();
        self.name
            .clone()
            .or_else(ip)
            .or_else(mac)
            .unwrap_or_default()
    }

    /// Cut to what is kept, or why it is of no use.
    fn checked(mut self) -> Result<Approved, String> {
        if self.ips.is_empty() && self.macs.is_empty() && self.name.is_none() {
            return Err("no address and no name".to_owned());
        }
        if self.ips.len() > MOST_ADDRESSES || self.macs.len() > MOST_ADDRESSES {
            return Err(format!("more than {MOST_ADDRESSES} addresses"));
        }
        let texts = [
            &mut self.name,
            &mut self.vendor,
            &mut self.model,
            &mut self.os,
            &mut self.kind,
            &mut self.serial,
            &mut self.owner,
        ];
        for text in texts {
            let trimmed = text.take().map(|text| text.trim().to_owned());
            *text = trimmed.filter(|text| !text.is_empty());
            if text
                .as_ref()
                .is_some_and(|text| text.chars().count() > LONGEST_VALUE)
            {
                return Err(format!("a value of more than {LONGEST_VALUE} characters"));
            }
        }
        Ok(self)
    }
}

/// A row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where: a line, or in JSON the entry, from 1.
    pub line: u64,
    /// Why.
    pub reason: String,
}

/// What a file gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Import {
    /// The rows that were taken.
    pub approved: Vec<Approved>,
    /// The rows that were not, the first thousand.
    pub refused: Vec<Refusal>,
    /// How many were not.
    pub refused_count: u64,
}

impl Import {
    fn take(&mut self, line: u64, row: Result<Approved, String>) {
        let full = self.approved.len() >= MOST_APPROVED;
        match row.and_then(Approved::checked) {
            Ok(approved) if !full => self.approved.push(approved),
            Ok(_) => self.refuse(line, format!("more than {MOST_APPROVED} assets")),
            Err(reason) => self.refuse(line, reason),
        }
    }

    fn refuse(&mut self, line: u64, reason: String) {
        self.refused_count = self.refused_count.saturating_add(1);
        if self.refused.len() < MOST_REFUSED {
            self.refused.push(Refusal { line, reason });
        }
    }
}

/// Why a file gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ImportError {
    #[error("line {line}: {reason}")]
    Syntax { line: u64, reason: String },
    #[error(
        "its columns are {found}: say which is which, such as --columns ip=IPAddress,mac=MAC,name=Host"
    )]
    NoColumns { found: String },
    #[error("there is no column `{name}`: its columns are {found}")]
    NoColumn { name: String, found: String },
    #[error(
        "neither devices nor addresses as NetBox exports them: a list, or an object with `results`"
    )]
    NotNetBox,
    #[error("no `nmaprun` element in it")]
    NotNmap,
}

/// Reads a file of approved assets: JSON of `NetBox`, XML of nmap, or CSV, told by how it begins.
///
/// # Errors
/// It is none of these, or broken where nothing behind could be read. Single rows that are of no use are in the result.
pub fn import(name: &str, text: &str, columns: &Columns) -> Result<Import, ImportError> {
    let text = text.trim_start_matches('\u{feff}');
    let mut import = match text.trim_start().chars().next() {
        Some('{' | '[') => netbox::read(text)?,
        Some('<') => nmap::read(text)?,
        _ => csv::read(text, columns)?,
    };
    for approved in &mut import.approved {
        name.clone_into(&mut approved.source);
    }
    Ok(import)
}

/// A hardware address as it is written: 12 digits, with colons, dashes, dots or nothing between.
fn mac(text: &str) -> Option<String> {
    let digits: String = text
        .chars()
        .filter(|c| !matches!(c, ':' | '-' | '.' | ' '))
        .collect();
    let whole = digits.len() == 12 && digits.chars().all(|c| c.is_ascii_hexdigit());
    whole.then(|| {
        let lower = digits.to_ascii_lowercase();
        let pairs: Vec<String> = lower
            .chars()
            .collect::<Vec<char>>()
            .chunks(2)
            .map(|pair| pair.iter().collect())
            .collect();
        pairs.join(":")
    })
}

/// An address, with or without the length of its network.
fn ip(text: &str) -> Option<IpAddr> {
    let address = text.split('/').next().unwrap_or(text);
    address.trim().parse().ok()
}

/// All approved assets, by what they are found by.
#[derive(Debug, Clone, Default)]
pub struct Approvals {
    all: Vec<Approved>,
    by_mac: BTreeMap<String, usize>,
    by_ip: BTreeMap<IpAddr, usize>,
    by_name: BTreeMap<String, usize>,
}

impl Approvals {
    /// Of two that claim the same address or name, the first counts.
    #[must_use]
    pub fn new(all: Vec<Approved>) -> Approvals {
        let mut approvals = Approvals::default();
        for (number, approved) in all.iter().enumerate() {
            for mac in &approved.macs {
                approvals.by_mac.entry(mac.clone()).or_insert(number);
            }
            for ip in &approved.ips {
                approvals.by_ip.entry(*ip).or_insert(number);
            }
            if let Some(name) = &approved.name {
                approvals.by_name.entry(host(name)).or_insert(number);
            }
        }
        approvals.all = all;
        approvals
    }

    /// Whether nothing is approved: then nothing can be said to be missing from the list.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Every one.
    #[must_use]
    pub fn all(&self) -> &[Approved] {
        &self.all
    }

    /// Which of them an asset is: an index into [`Approvals::all`].
    #[must_use]
    pub fn number(&self, asset: &Asset) -> Option<usize> {
        let mut macs = asset.addresses.iter().flat_map(|addresses| &addresses.mac);
        let by_mac = macs.find_map(|mac| self.by_mac.get(mac));
        let by_ip = || asset.ips().iter().find_map(|ip| self.by_ip.get(ip));
        let by_name = || {
            let mut names = asset.hostnames.iter();
            names.find_map(|name| self.by_name.get(&host(name)))
        };
        by_mac.or_else(by_ip).or_else(by_name).copied()
    }

    /// The approved asset that this one is: by hardware address, by IP address, or by name.
    #[must_use]
    pub fn of(&self, asset: &Asset) -> Option<&Approved> {
        self.all.get(self.number(asset)?)
    }
}

/// The host's part of a name, in lower case.
fn host(name: &str) -> String {
    name.split('.').next().unwrap_or(name).to_lowercase()
}

/// Something in which an asset is not what was approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch<'a> {
    /// Both sides, in a sentence.
    pub text: String,
    /// What was concluded, where it is a fact.
    pub fact: Option<&'a Fact>,
}

/// In what an asset is not what was approved. What the list does not state, or is not known for certain, contradicts nothing.
pub(crate) fn mismatches<'a>(approved: &Approved, asset: &'a Asset) -> Vec<Mismatch<'a>> {
    let mut found = Vec::new();
    let mut differ =
        |what: &str, stated: Option<&String>, attribute, same: fn(&str, &str) -> bool| {
            let fact = asset
                .winner(attribute)
                .filter(|fact| fact.certainty >= CERTAIN);
            if let (Some(stated), Some(fact)) = (stated, fact)
                && !same(stated, &fact.value)
            {
                found.push(Mismatch {
                    text: format!("the list says {what} `{stated}`, it is `{}`", fact.value),
                    fact: Some(fact),
                });
            }
        };
    differ(
        "vendor",
        approved.vendor.as_ref(),
        Attribute::Vendor,
        is_same_name,
    );
    differ(
        "model",
        approved.model.as_ref(),
        Attribute::Model,
        is_same_name,
    );
    differ(
        "kind",
        approved.kind.as_ref(),
        Attribute::Kind,
        is_same_kind,
    );
    differ(
        "serial number",
        approved.serial.as_ref(),
        Attribute::Serial,
        is_same_name,
    );
    differ(
        "system",
        approved.os.as_ref(),
        Attribute::Os,
        is_same_system,
    );
    let macs = asset.addresses.iter().flat_map(|addresses| &addresses.mac);
    let macs: Vec<&String> = macs.collect();
    if let (Some(stated), Some(seen)) = (approved.macs.first(), macs.first())
        && !macs.iter().any(|mac| approved.macs.contains(mac))
    {
        found.push(Mismatch {
            text: format!("the list says hardware address {stated}, it is {seen}"),
            fact: None,
        });
    }
    found
}

/// Words of letters or digits, in lower case, without the forms of companies.
fn words(text: &str) -> Vec<String> {
    const FORMS: [&str; 10] = [
        "ag",
        "co",
        "corp",
        "corporation",
        "gmbh",
        "inc",
        "kg",
        "llc",
        "ltd",
        "sa",
    ];
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| !word.is_empty() && !FORMS.contains(word))
        .map(str::to_owned)
        .collect()
}

/// One says what the other does, with more words or fewer, or run together: `Siemens AG` and `Siemens`, `S7-300` and `S7 300`.
fn is_same_name(stated: &str, seen: &str) -> bool {
    let (stated, seen) = (words(stated), words(seen));
    let within = |some: &[String], others: &[String]| some.iter().all(|word| others.contains(word));
    let (one, other) = (stated.concat(), seen.concat());
    within(&stated, &seen) || within(&seen, &stated) || one.contains(&other) || other.contains(&one)
}

/// Lists have words of their own for kinds: only one of ours can contradict.
fn is_same_kind(stated: &str, seen: &str) -> bool {
    let kind = |text: &str| {
        fossick_model::Kind::named(&text.trim().to_lowercase().replace([' ', '_'], "-"))
    };
    match (kind(stated), kind(seen)) {
        (Some(stated), Some(seen)) => {
            stated == seen || stated.category() != seen.category() && is_vague(stated)
        }
        _ => true,
    }
}

/// Stands for much else in many a list.
fn is_vague(kind: fossick_model::Kind) -> bool {
    matches!(kind.name(), "server" | "workstation")
}

/// Of one family, and of versions that do not exclude each other: every number of one is in the other, where both have any.
fn is_same_system(stated: &str, seen: &str) -> bool {
    const FAMILIES: [(&str, &[&str]); 7] = [
        ("windows", &["windows", "win"]),
        (
            "linux",
            &[
                "linux", "ubuntu", "debian", "rhel", "centos", "suse", "fedora", "red",
            ],
        ),
        ("bsd", &["freebsd", "openbsd", "netbsd"]),
        ("apple", &["macos", "ios", "darwin"]),
        ("vxworks", &["vxworks"]),
        ("qnx", &["qnx"]),
        ("android", &["android"]),
    ];
    let (stated, seen) = (words(stated), words(seen));
    let family = |words: &[String]| {
        FAMILIES
            .iter()
            .find(|(_, marks)| words.iter().any(|word| marks.contains(&word.as_str())))
            .map(|(name, _)| *name)
    };
    match (family(&stated), family(&seen)) {
        (Some(one), Some(other)) if one != other => return false,
        (Some("windows"), Some("windows")) => {}
        // Versions of others are written in too many ways to contradict each other.
        _ => return true,
    }
    let releases = |words: &[String]| -> BTreeSet<String> {
        let known = |word: &&String| {
            let number = word.parse::<u32>();
            matches!(word.as_str(), "xp" | "vista" | "nt" | "me")
                || number.is_ok_and(|n| matches!(n, 7 | 8 | 10 | 11 | 95 | 98 | 2000..=2030))
        };
        words.iter().filter(known).cloned().collect()
    };
    // `Windows 7 to 8.1` and the like name several: one that is shared is enough.
    let (stated, seen) = (releases(&stated), releases(&seen));
    stated.is_empty() || seen.is_empty() || !stated.is_disjoint(&seen)
}

/// What an asset, or an approved one, comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Approved, and as it was approved.
    Sanctioned,
    /// There, and not approved.
    Unsanctioned,
    /// Approved, and never seen.
    Missing,
    /// Approved, and something else than what was approved.
    Mismatched,
}

impl State {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            State::Sanctioned => "sanctioned",
            State::Unsanctioned => "unsanctioned",
            State::Missing => "missing",
            State::Mismatched => "mismatched",
        }
    }
}

/// One line of the comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// What it comes to.
    pub state: State,
    /// Id of the asset, where it was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// How a person would call it.
    pub label: String,
    /// Why, in sentences.
    pub why: Vec<String>,
    /// What was approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approved>,
}

/// Holds the assets against what is approved: first the assets, then what is missing, each in their own order.
pub fn compare<'a>(
    assets: impl IntoIterator<Item = &'a Asset>,
    approvals: &Approvals,
) -> Vec<Compared> {
    let mut seen: BTreeSet<usize> = BTreeSet::new();
    let mut lines = Vec::new();
    for asset in assets {
        if asset.external {
            continue;
        }
        let number = approvals.number(asset);
        seen.extend(number);
        let approved = number.and_then(|number| approvals.all.get(number));
        let differences = approved
            .map(|approved| mismatches(approved, asset))
            .unwrap_or_default();
        let (state, why) = match approved {
            None => {
                let why = "none of its addresses and names is in the list".to_owned();
                (State::Unsanctioned, vec![why])
            }
            Some(approved) if differences.is_empty() => (
                State::Sanctioned,
                vec![format!("approved by {}", approved.place())],
            ),
            Some(_) => {
                let why = differences.into_iter().map(|one| one.text).collect();
                (State::Mismatched, why)
            }
        };
        lines.push(Compared {
            state,
            asset: Some(asset.id.clone()),
            label: asset.label(),
            why,
            approved: approved.cloned(),
        });
    }
    let missing = approvals
        .all
        .iter()
        .enumerate()
        .filter(|(number, _)| !seen.contains(number));
    lines.extend(missing.map(|(_, approved)| Compared {
        state: State::Missing,
        asset: None,
        label: approved.label(),
        why: vec!["in the list, never seen".to_owned()],
        approved: Some(approved.clone()),
    }));
    lines
}
