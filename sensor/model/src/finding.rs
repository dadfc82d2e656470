//! What is to be done about an asset, as the output contract prints it.

use serde::{Deserialize, Serialize};

use crate::asset::Frames;

/// Whether and how something can be mended. The values are never merged into one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verdict {
    /// A matched advisory names a fixed version above the one seen.
    #[serde(rename = "fix available")]
    FixAvailable,
    /// The advisory says that no fix is planned.
    #[serde(rename = "declared no fix")]
    DeclaredNoFix,
    /// The advisory says that no fix is there yet.
    #[serde(rename = "no fix yet")]
    NoFixYet,
    /// Affected, remediations are stated, none of them a fix. That is not "no fix exists".
    #[serde(rename = "fix not stated")]
    FixNotStated,
    /// A lifecycle date has passed.
    #[serde(rename = "out of support")]
    OutOfSupport,
    /// A regulated device: its owner may not patch it himself.
    #[serde(rename = "manufacturer only")]
    ManufacturerOnly,
    /// A person said so.
    #[serde(rename = "declared by operator")]
    DeclaredByOperator,
    /// It is not known, and the finding says why.
    #[serde(rename = "unknown")]
    Unknown,
}

impl Verdict {
    /// Its name in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verdict::FixAvailable => "fix available",
            Verdict::DeclaredNoFix => "declared no fix",
            Verdict::NoFixYet => "no fix yet",
            Verdict::FixNotStated => "fix not stated",
            Verdict::OutOfSupport => "out of support",
            Verdict::ManufacturerOnly => "manufacturer only",
            Verdict::DeclaredByOperator => "declared by operator",
            Verdict::Unknown => "unknown",
        }
    }

    /// Whether it says that no patch will close the finding.
    #[must_use]
    pub fn is_unpatchable(self) -> bool {
        match self {
            Verdict::DeclaredNoFix
            | Verdict::NoFixYet
            | Verdict::OutOfSupport
            | Verdict::ManufacturerOnly
            | Verdict::DeclaredByOperator => true,
            Verdict::FixAvailable | Verdict::FixNotStated | Verdict::Unknown => false,
        }
    }
}

/// Where a finding comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FindingSource {
    /// `csaf`, `nvd`, `lifecycles`, `endoflife`, or the detector's own name.
    pub feed: String,
    /// Id of the document.
    pub id: String,
    /// The row that says it, quoted.
    pub row: String,
    /// Date of that document, or of the end of support.
    pub date: String,
}

/// What was seen of the asset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the asset's attributes of the same names")]
pub struct Seen {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
}

/// What the source says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FindingStated {
    /// The product it names.
    pub product: String,
    /// The versions it names.
    pub range: String,
}

/// A frame that shows what the finding stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Name of the capture.
    pub capture: String,
    /// Where in it.
    #[serde(flatten)]
    pub frames: Frames,
}

/// Something to be done about an asset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Finding {
    /// The same for the same asset, rule and document.
    pub id: String,
    /// `advisory`, `lifecycle`, or the detector's dotted name.
    pub rule: String,
    /// For people.
    pub title: String,
    /// `None` for detectors.
    pub verdict: Option<Verdict>,
    /// Where it comes from.
    pub source: FindingSource,
    /// CVEs that it is about.
    pub cves: Vec<String>,
    /// Highest base score among them.
    pub cvss: Option<f64>,
    /// Highest probability of exploitation among them.
    pub epss: Option<f64>,
    /// Whether one of them is known to be exploited.
    pub kev: bool,
    /// How sure the match is, 0–100.
    pub confidence: u8,
    /// What was seen.
    pub seen: Seen,
    /// What the source says.
    pub stated: FindingStated,
    /// Why the verdict is as it is; for `unknown`, what is not known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// For `unknown`: the one safe question that would settle it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// `act`, `attend` or `track`.
    pub priority: String,
    /// How the priority was reached.
    pub path: Vec<String>,
    /// `open`, or what a person made of it.
    pub state: String,
    /// Frames.
    pub evidence: Vec<Shown>,
}

impl Finding {
    /// What lists and filters need of it.
    #[must_use]
    pub fn brief(self) -> Finding {
        // What a detector found is found nowhere else.
        if self.verdict.is_none() {
            return self;
        }
        Finding {
            id: self.id,
            rule: self.rule,
            title: self.title,
            verdict: self.verdict,
            source: FindingSource {
                row: String::new(),
                ..self.source
            },
            cves: self.cves,
            cvss: self.cvss,
            epss: self.epss,
            kev: self.kev,
            confidence: self.confidence,
            seen: self.seen,
            priority: self.priority,
            state: self.state,
            ..Finding::default()
        }
    }
}
