//! Personal phones and consumer devices where a process is controlled or patients are cared for.

use fossick_model::Attribute;

use crate::detector::{Detector, Hit};
use crate::site::Scene;

/// The detector.
pub static DETECTOR: Detector = Detector {
    name: "shadow.personal-device",
    about: "a phone or a consumer device in a zone of industrial or medical devices",
    priority: "attend",
    question: "Whose is it, and does the guest network reach there?",
    detect,
};

/// Kinds that people bring along.
const KINDS: [&str; 8] = [
    "appliance",
    "game-console",
    "media-player",
    "phone",
    "smart-speaker",
    "tablet",
    "tv",
    "iot-hub",
];
/// Said by consumer devices alone.
const PROTOCOLS: [&str; 6] = [
    "lifx",
    "miio",
    "steam-discovery",
    "tplink-shp",
    "tuya",
    "yeelight",
];
/// A kind that is less certain is no reason to go looking for somebody.
const CERTAIN: u8 = 60;

fn detect<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    let zone = scene.zone()?;
    if !scene.site.is_delicate(zone) || scene.approved().is_some() {
        return None;
    }
    let label = scene.label();
    let place = format!("in the zone `{}`", zone.name);
    if KINDS.contains(&scene.kind()) {
        let fact = scene.asset.winner(Attribute::Kind)?;
        if fact.certainty < CERTAIN {
            return None;
        }
        let title = format!("{label} is {} {place}", scene.kind_with_article());
        return Some(
            Hit::new(title, fact.certainty, &fact.evidence)
                .step(format!("is {}", scene.kind_with_article()))
                .step(place),
        );
    }
    let id = scene.asset.id.as_str();
    let (told, protocol) = scene.conversations.iter().find_map(|told| {
        let protocol = told.protocol.as_deref()?;
        // Who serves these is the device; who asks may be a person's program.
        let serves = told.server.asset.as_deref() == Some(id) && told.two_way;
        (serves && PROTOCOLS.contains(&protocol)).then_some((*told, protocol))
    })?;
    let title = format!("{label} is a consumer device ({protocol}) {place}");
    Some(
        Hit::new(title, 85, &told.evidence)
            .step(format!("serves {protocol}, told by its content"))
            .step(place),
    )
}
