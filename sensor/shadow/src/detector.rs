//! What a detector is, and how what it finds becomes a finding.

use fossick_model::{Asset, Evidence, Finding, FindingSource, Seen, Shown};

use crate::limits::MOST_EVIDENCE;
use crate::site::Scene;

/// The feed that detectors' findings name as their source.
pub(crate) const FEED: &str = "detector";

/// One detector.
#[derive(Debug, Clone, Copy)]
pub struct Detector {
    /// Dotted name: the rule of its findings, and its switch in the configuration.
    pub name: &'static str,
    /// What it looks for, in a sentence.
    pub about: &'static str,
    /// `act`, `attend` or `track`.
    pub priority: &'static str,
    /// The safe next question: what to ask or look at, without a packet being sent to the asset.
    pub question: &'static str,
    /// Looks at one asset.
    pub detect: for<'s> fn(&Scene<'s>) -> Option<Hit<'s>>,
}

/// What a detector found.
#[derive(Debug, Clone)]
pub struct Hit<'s> {
    /// In a sentence, for people.
    pub title: String,
    /// What was seen, and why that is no chance.
    pub why: String,
    /// 0–100.
    pub confidence: u8,
    /// What it was concluded from, step by step.
    pub path: Vec<String>,
    /// Packets, the first of each thing that counts.
    pub evidence: Vec<&'s Evidence>,
}

impl<'s> Hit<'s> {
    /// With one packet.
    pub(crate) fn new(title: String, confidence: u8, evidence: &'s Evidence) -> Hit<'s> {
        Hit {
            title,
            why: String::new(),
            confidence,
            path: Vec::new(),
            evidence: vec![evidence],
        }
    }

    pub(crate) fn because(mut self, why: impl Into<String>) -> Hit<'s> {
        self.why = why.into();
        self
    }

    pub(crate) fn step(mut self, step: impl Into<String>) -> Hit<'s> {
        self.path.push(step.into());
        self
    }

    pub(crate) fn and(mut self, evidence: impl IntoIterator<Item = &'s Evidence>) -> Hit<'s> {
        self.evidence.extend(evidence);
        self
    }
}

impl Detector {
    /// The finding that a hit is.
    pub(crate) fn finding(&self, asset: &Asset, hit: Hit<'_>) -> Finding {
        let mut evidence: Vec<Shown> = Vec::new();
        for packet in hit.evidence {
            let shown = Shown {
                capture: packet.capture.to_string(),
                frames: packet.frames.clone(),
            };
            if evidence.len() < MOST_EVIDENCE && !evidence.contains(&shown) {
                evidence.push(shown);
            }
        }
        Finding {
            id: finding_id(&asset.id, self.name),
            rule: self.name.to_owned(),
            title: hit.title,
            source: FindingSource {
                feed: FEED.to_owned(),
                id: self.name.to_owned(),
                row: self.about.to_owned(),
                date: String::new(),
            },
            confidence: hit.confidence,
            seen: Seen {
                vendor: asset.vendor.clone(),
                model: asset.model.clone(),
                product: asset.product.clone(),
                order_number: asset.order_number.clone(),
                firmware: asset.firmware.clone(),
                os: asset.os.clone(),
                os_version: asset.os_version.clone(),
            },
            why: hit.why,
            question: Some(self.question.to_owned()),
            priority: self.priority.to_owned(),
            path: hit.path,
            state: "open".to_owned(),
            evidence,
            ..Finding::default()
        }
    }
}

/// The id of a detector's finding, FNV-1a of asset and rule: the same from run to run.
#[must_use]
pub fn finding_id(asset: &str, rule: &str) -> String {
    let octets = asset.bytes().chain([b' ']).chain(rule.bytes());
    let hash = octets.fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
