//! What persons decide about findings, and how long that holds.

use serde::{Deserialize, Serialize};

use crate::change::Person;
use crate::time::Time;

/// A risk is accepted for so many days at most: then somebody has to look at it again.
pub const LONGEST_DAYS: i64 = 366;
/// Characters of a reason at most.
pub const LONGEST_REASON: usize = 1000;
/// The rule of the finding that an asset has because a person declared it unpatchable.
pub const DECLARED: &str = "declared";
/// The rule of a finding that a scan makes: the host's own traffic was disturbed while it was asked.
pub const DISTURBED: &str = "scan.disturbed";

const DAY: i64 = 86_400_000_000_000;

/// Why something is accepted, and how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// Why.
    pub reason: String,
    /// The last moment at which it holds.
    pub until: Time,
}

/// Something that a person answers for, for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// Who answers for it, as the kernel stated it.
    pub by: Person,
    /// Why.
    pub reason: String,
    /// When it was decided (the sensor's clock).
    pub since: Time,
    /// The last moment at which it holds.
    pub until: Time,
}

impl Acceptance {
    /// Whether it no longer holds.
    #[must_use]
    pub fn is_over(&self, now: Time) -> bool {
        now > self.until
    }

    /// Whole days until it ends; 0 on its last one.
    #[must_use]
    pub fn days_left(&self, now: Time) -> i64 {
        self.until.0.saturating_sub(now.0).max(0) / DAY
    }

    /// What must be so before anybody may answer for something: a reason, and an end that is neither past nor too far away.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub fn check(&self) -> Result<(), String> {
        let reason = self.reason.trim();
        if reason.is_empty() {
            return Err("a reason is needed: --reason TEXT".to_owned());
        }
        if reason.chars().count() > LONGEST_REASON {
            return Err(format!(
                "the reason is longer than {LONGEST_REASON} characters: say it shorter"
            ));
        }
        if self.is_over(self.since) {
            return Err(format!(
                "{} is over: name a day that is still to come",
                self.until.day()
            ));
        }
        if self.days_left(self.since) > LONGEST_DAYS {
            return Err(format!(
                "{} is too far away: at most {LONGEST_DAYS} days, so that somebody looks at it again",
                self.until.day()
            ));
        }
        Ok(())
    }
}

/// What a person decided about a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub enum Decision {
    /// Somebody has seen it.
    Acknowledged {
        /// Who.
        by: Person,
        /// When.
        at: Time,
    },
    /// Somebody answers for leaving it as it is.
    Accepted(Acceptance),
}

/// What a finding is about, whichever asset has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Matter {
    /// Its rule.
    pub rule: String,
    /// The id of its source.
    pub source: String,
    /// The place of the device behind the asset that has it; nothing if the asset has it itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// How a finding fared so far, besides being found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Life {
    /// Its title: it may be asked for when the finding is no more.
    pub title: String,
    /// What it is about: with that it is found again in the asset that its own turns out to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matter: Option<Matter>,
    /// What was decided, while that holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// It is no more, since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<Time>,
    /// It was closed or accepted before, and is open again since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reopened: Option<Time>,
}

impl Life {
    /// The acceptance that holds.
    #[must_use]
    pub fn accepted(&self) -> Option<&Acceptance> {
        match &self.decision {
            Some(Decision::Accepted(acceptance)) => Some(acceptance),
            _ => None,
        }
    }

    /// The finding's state in the contract, where a control of it may be under way.
    #[must_use]
    pub fn state(&self, control_planned: bool) -> String {
        match &self.decision {
            Some(Decision::Accepted(Acceptance {
                by, reason, until, ..
            })) => {
                format!("accepted until {} by {}: {reason}", until.day(), by.label())
            }
            _ if control_planned => "control planned".to_owned(),
            Some(Decision::Acknowledged { .. }) => "acknowledged".to_owned(),
            None if self.reopened.is_some() => "reopened".to_owned(),
            None => "open".to_owned(),
        }
    }
}

/// An exception that holds: somebody accepted a risk, or declared that an asset cannot be patched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Id of the asset.
    pub asset: String,
    /// How a person would call it.
    pub label: String,
    /// Id of the finding.
    pub finding: String,
    /// Its title.
    pub title: String,
    /// `accepted` or `declared`.
    pub kind: String,
    /// Who answers for it, why, and how long.
    #[serde(flatten)]
    pub acceptance: Acceptance,
    /// Whole days until it ends.
    pub days_left: i64,
    /// Whether the finding is there at present.
    pub present: bool,
}
