//! What the list of approved assets says against an asset.

use crate::detector::{Detector, Hit};
use crate::inventory::mismatches;
use crate::site::Scene;

/// Nobody approved it.
pub static UNSANCTIONED: Detector = Detector {
    name: "shadow.unsanctioned",
    about: "is not among the approved assets",
    priority: "attend",
    question: "Who knows this device, and should it be approved?",
    detect: unsanctioned,
};

/// It is not what was approved.
pub static MISMATCH: Detector = Detector {
    name: "shadow.mismatch",
    about: "is not what the list of approved assets says",
    priority: "attend",
    question: "Was the device exchanged, or is the list wrong?",
    detect: mismatch,
};

fn unsanctioned<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    if scene.site.approvals().is_empty() || scene.approved().is_some() {
        return None;
    }
    let said = scene.asset.observations.iter().map(|said| &said.evidence);
    let told = scene.conversations.iter().map(|told| &told.evidence);
    let first = said.chain(told).min_by_key(|evidence| evidence.time)?;
    let title = format!("{} is not among the approved assets", scene.label());
    Some(
        Hit::new(title, 95, first)
            .step("none of its addresses and names is in the list")
            .because(format!(
                "{} assets are approved",
                scene.site.approvals().len()
            )),
    )
}

fn mismatch<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    let approved = scene.approved()?;
    let mismatches = mismatches(approved, scene.asset);
    let first = mismatches.first()?;
    let facts = || mismatches.iter().filter_map(|one| one.fact);
    let said = scene.asset.observations.iter().map(|said| &said.evidence);
    let evidence = facts().map(|fact| &fact.evidence).chain(said).next()?;
    let certainty = facts().map(|fact| fact.certainty).max().unwrap_or(90);
    let title = format!("{}: {}", scene.label(), first.text);
    let mut hit =
        Hit::new(title, certainty, evidence).because(format!("{} says so", approved.place()));
    for one in &mismatches {
        hit = hit.step(one.text.clone());
    }
    Some(hit.and(facts().map(|fact| &fact.evidence)))
}
