//! An access point that nobody approved.

use fossick_model::Attribute;

use crate::detector::{Detector, Hit};
use crate::site::Scene;

/// The detector.
pub static DETECTOR: Detector = Detector {
    name: "shadow.unknown-access-point",
    about: "is an access point, and not among the approved assets",
    priority: "act",
    question: "Does the wireless controller know this access point?",
    detect,
};

fn detect<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    let is_one = matches!(scene.kind(), "access-point" | "wireless-controller");
    if !is_one || scene.site.approvals().is_empty() || scene.approved().is_some() {
        return None;
    }
    let fact = scene.asset.winner(Attribute::Kind)?;
    let title = format!("{} is an access point that nobody approved", scene.label());
    Some(
        Hit::new(title, fact.certainty, &fact.evidence)
            .step(format!("is an {}", scene.kind()))
            .step("is not among the approved assets")
            .because("it opens this network to whoever is near"),
    )
}
