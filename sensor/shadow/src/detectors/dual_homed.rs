//! Hosts with a foot in two zones.

use std::collections::BTreeMap;

use fossick_model::{Conversation, Time};

use crate::detector::{Detector, Hit};
use crate::site::Scene;

/// The detector.
pub static DETECTOR: Detector = Detector {
    name: "shadow.dual-homed",
    about: "has addresses in two zones at a time, and is no network device",
    priority: "attend",
    question: "Does it forward between its interfaces, and which of them could go?",
    detect,
};

fn detect<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    if scene.category() == "network" {
        return None;
    }
    // Who is handed out as a router, or announces itself, is one.
    let routes = [
        "dhcp.router",
        "ndp.router_lifetime",
        "vrrp.version",
        "hsrp.version",
    ];
    if routes.iter().any(|key| scene.said(key).next().is_some()) {
        return None;
    }
    let mut zones: BTreeMap<&str, (&Conversation, Time, Time)> = BTreeMap::new();
    for told in scene.conversations {
        let (own, _) = scene.ends(told);
        let Some(zone) = scene.site.zone_of_end(own).filter(|_| told.two_way) else {
            continue;
        };
        let (first, last) = (told.first_seen, told.last_seen);
        let span = zones
            .entry(zone.name.as_str())
            .or_insert((told, first, last));
        *span = (span.0, span.1.min(first), span.2.max(last));
    }
    // A portable that goes from one zone to another is never in both.
    let spans: Vec<_> = zones.into_iter().collect();
    let pair = spans.iter().enumerate().find_map(|(at, (one, a))| {
        let later = spans.get(at.saturating_add(1)..)?;
        let (other, b) = later.iter().find(|(_, b)| a.1 <= b.2 && b.1 <= a.2)?;
        Some(((*one, a.0), (*other, b.0)))
    });
    let ((one, first), (other, second)) = pair?;
    let title = format!("{} is in the zones `{one}` and `{other}`", scene.label());
    Some(
        Hit::new(title, 85, &first.evidence)
            .step("speaks from addresses in two zones at a time")
            .step("is not known as a network device")
            .because(
                "what gets into it gets from one zone into the other, past what is between them",
            )
            .and([&second.evidence]),
    )
}
