//! Conversations across the levels of the Purdue model.

use crate::detector::{Detector, Hit};
use crate::site::Scene;

/// The detector.
pub static DETECTOR: Detector = Detector {
    name: "shadow.zone-crossing",
    about: "is used from a zone of the enterprise (level 4 and above) past the levels between",
    priority: "attend",
    question: "Which conduit was this planned through, and which filter should stop it?",
    detect,
};

/// Up to here is control, from there on the enterprise (ISA-95, IEC 62443-1-1).
const CONTROL: f32 = 2.0;
const ENTERPRISE: f32 = 4.0;

fn detect<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    let crossing = scene.serves().find_map(|told| {
        let (from, to) = (
            scene.site.zone_of_end(&told.client)?,
            scene.site.zone_of_end(&told.server)?,
        );
        let (above, below) = (from.purdue?, to.purdue?);
        let skips = |high: f32, low: f32| high >= ENTERPRISE && low <= CONTROL;
        (skips(above, below) || skips(below, above)).then_some((told, from, to, above, below))
    });
    let (told, from, to, above, below) = crossing?;
    let title = format!(
        "{} (`{}`, level {below}) is used from `{}` (level {above})",
        scene.label(),
        to.name,
        from.name
    );
    Some(
        Hit::new(title, 90, &told.evidence)
            .step(format!("client {} in `{}`", told.client.address, from.name))
            .step(format!("server {} in `{}`", told.server.address, to.name))
            .because("the levels between them are there to be passed through, not by"),
    )
}
