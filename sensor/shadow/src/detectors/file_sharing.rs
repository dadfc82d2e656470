//! Files that leave by ways of their own.

use crate::detector::{Detector, Hit};
use crate::site::Scene;

/// The detector.
pub static DETECTOR: Detector = Detector {
    name: "shadow.file-sharing",
    about: "shares files with strangers, or keeps them in a cloud",
    priority: "attend",
    question: "Which files does it share, and is there an agreement with that provider?",
    detect,
};

/// Told by their content.
const PROTOCOLS: [&str; 3] = ["bittorrent", "dropbox-lan", "syncthing"];

fn detect<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    let label = scene.label();
    // A beacon is the client's alone; who hears it need not run anything.
    let id = scene.asset.id.as_str();
    let told = scene.conversations.iter().find(|told| {
        let known = told
            .protocol
            .as_deref()
            .is_some_and(|name| PROTOCOLS.contains(&name));
        known && (told.two_way || told.client.asset.as_deref() == Some(id))
    });
    if let Some(told) = told {
        let protocol = told.protocol.as_deref().unwrap_or_default();
        let title = format!("{label} shares files ({protocol})");
        return Some(
            Hit::new(title, 90, &told.evidence)
                .step(format!("speaks {protocol}, told by its content")),
        );
    }
    let named = scene
        .said("tls.service")
        .find(|said| said.value.starts_with("file sharing: "))?;
    let title = format!(
        "{label} uses {}",
        named.value.trim_start_matches("file sharing: ")
    );
    Some(Hit::new(title, 75, &named.evidence).step("asks for a server of a cloud storage"))
}
