//! The report: what was found, for people who would rather look, and the same for other programs.
//!
//! It knows neither files nor the day: both are handed in, and so the same input gives the same octets.

mod cyclonedx;
mod figures;
mod json;
mod page;
mod table;
mod vex;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;

use fossick_model::{Asset, Baseline, Control, Conversation};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use figures::{Deadline, Summary};

/// Says in which zone VLANs and addresses are, if in any.
pub type Place<'a> = dyn Fn(&[u16], &[IpAddr]) -> Option<String> + 'a;

/// Everything that a report is made of.
pub struct Report<'a> {
    /// Name of the site; empty where it has none.
    pub site: &'a str,
    /// Version of the program.
    pub version: &'a str,
    /// The day it is judged by.
    pub as_of: Date,
    /// Where it was heard: names of captures, or of interfaces.
    pub sources: &'a [String],
    /// The inventory, with findings. Hosts on the Internet are left out.
    pub assets: &'a [Asset],
    /// Who was seen to use which service of whom.
    pub conversations: &'a [Conversation],
    /// How far those may be taken for all that there are.
    pub baseline: &'a Baseline,
    /// The zones of the site, as they are configured.
    pub zones: &'a [Zone],
    /// The name of the zone of these VLANs and addresses, if there is one.
    pub place: &'a Place<'a>,
    /// What persons decided.
    pub decisions: &'a Decisions,
    /// Which knowledge the findings come from; nothing where none was asked.
    pub knowledge: Option<&'a Knowledge>,
    /// Names of the detectors of shadow IT that were on.
    pub detectors: &'a [String],
    /// What was dropped, not read or switched off, a sentence each.
    pub unread: &'a [String],
}

/// A zone of the site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// Level of the Purdue model, 0–5.
    #[serde(default)]
    pub purdue: Option<f32>,
    /// How bad it is when it stops: `low`, `medium`, `high`, `safety`.
    #[serde(default)]
    pub criticality: Option<String>,
    /// Who answers for it.
    #[serde(default)]
    pub owner: Option<String>,
}

/// What persons decided.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Decisions {
    /// Controls, and how far they have come. An asset has one at most.
    pub controls: Vec<Control>,
    /// Accepted risks.
    pub exceptions: Vec<Exception>,
}

/// A risk that somebody accepted for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Id of the asset.
    pub asset: String,
    /// Id of the finding; nothing for all of them.
    #[serde(default)]
    pub finding: Option<String>,
    /// Who accepted it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The last day on which it holds.
    pub until: Date,
}

/// What the findings come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Knowledge {
    /// Each feed, and the day of the newest of it.
    pub feeds: BTreeMap<String, String>,
    /// Entries of the catalogue of exploited vulnerabilities, by CVE.
    pub exploited: BTreeMap<String, Exploited>,
}

/// A vulnerability that is known to be exploited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exploited {
    /// What it is called.
    pub name: String,
    /// What is to be done.
    pub action: String,
    /// By when, as the catalogue has it.
    #[serde(default)]
    pub due: Option<Date>,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One page for people.
    Html,
    /// A row for each asset, for a spreadsheet.
    Csv,
    /// Summary, assets, conversations and decisions.
    Json,
    /// `CycloneDX` 1.6: the inventory as devices, firmware and operating systems.
    CycloneDx,
    /// `CycloneDX` 1.6 with vulnerabilities: which advisory concerns which device, and what can be done.
    Vex,
}

/// Writes a report.
///
/// # Errors
/// It cannot be written.
pub fn write(report: &Report<'_>, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Html => page::write(report, out),
        Format::Csv => table::write(report, out),
        Format::Json => json::write(report, out),
        Format::CycloneDx => cyclonedx::write(report, out),
        Format::Vex => vex::write(report, out),
    }
}
