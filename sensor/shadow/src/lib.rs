//! What should not be on this network: assets that nobody approved, and what approved ones had better not do.
//!
//! A detector that lacks what it needs says nothing. Nothing here does I/O or reads a clock.

mod detector;
mod detectors;
mod inventory;
mod limits;
mod site;

pub use detector::{Detector, Hit, finding_id};
pub use detectors::DETECTORS;
pub use inventory::{
    Approvals, Approved, Columns, ColumnsError, Compared, Import, ImportError, Refusal, State,
    compare, import,
};
pub use limits::{MOST_APPROVED, MOST_EVIDENCE};
pub use site::{Scene, Site, Zone, is_landmark};

/// Whether there is a detector of this name.
#[must_use]
pub fn is_detector(name: &str) -> bool {
    DETECTORS.iter().any(|detector| detector.name == name)
}

/// Whether a finding is one of a detector.
#[must_use]
pub fn is_ours(finding: &fossick_model::Finding) -> bool {
    finding.source.feed == detector::FEED
}
