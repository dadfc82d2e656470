//! Crypto-mining.

use crate::detector::{Detector, Hit};
use crate::site::Scene;

/// The detector.
pub static DETECTOR: Detector = Detector {
    name: "shadow.crypto-mining",
    about: "mines a crypto-currency",
    priority: "act",
    question: "Which process holds this connection, and how did it get there?",
    detect,
};

fn detect<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    let label = scene.label();
    if let Some(told) = scene
        .asks()
        .find(|told| told.protocol.as_deref() == Some("stratum"))
    {
        let title = format!("{label} mines for {}", told.server.address);
        return Some(
            Hit::new(title, 95, &told.evidence).step("speaks Stratum, told by its content"),
        );
    }
    let named = scene
        .said("tls.service")
        .find(|said| said.value.starts_with("mining: "))?;
    let title = format!(
        "{label} uses {}",
        named.value.trim_start_matches("mining: ")
    );
    Some(Hit::new(title, 70, &named.evidence).step("asks for a server of a mining pool"))
}
