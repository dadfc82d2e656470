//! Industrial and medical devices with the Internet.

use crate::detector::{Detector, Hit};
use crate::site::Scene;

/// Reached from there.
pub static REACHED: Detector = Detector {
    name: "shadow.internet-exposed",
    about: "an industrial, building or medical device answers a host on the Internet",
    priority: "act",
    question: "Which rule of the firewall lets this client in, and who needs it?",
    detect: reached,
};

/// Reaching out.
pub static REACHES: Detector = Detector {
    name: "shadow.internet-reach",
    about: "an industrial, building or medical device uses a host on the Internet",
    priority: "attend",
    question: "What does the device need there, and does its manual say so?",
    detect: reaches,
};

fn is_delicate(scene: &Scene<'_>) -> bool {
    matches!(scene.category(), "industrial" | "building" | "medical")
}

fn reached<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    let told = scene
        .serves()
        .find(|told| is_delicate(scene) && scene.crosses_the_border(told))?;
    let service = service(told);
    let title = format!(
        "{} answers {} on the Internet ({service})",
        scene.label(),
        told.client.address
    );
    Some(
        Hit::new(title, 95, &told.evidence)
            .step(format!("is {}", scene.kind_with_article()))
            .step(format!(
                "answers a public address that is in no zone, {service}"
            )),
    )
}

fn reaches<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    let told = scene
        .asks()
        .find(|told| is_delicate(scene) && scene.crosses_the_border(told))?;
    let service = service(told);
    let title = format!(
        "{} uses {} on the Internet ({service})",
        scene.label(),
        told.server.address
    );
    Some(
        Hit::new(title, 90, &told.evidence)
            .step(format!("is {}", scene.kind_with_article()))
            .step(format!(
                "uses a public address that is in no zone, {service}"
            )),
    )
}

fn service(told: &fossick_model::Conversation) -> String {
    let protocol = told.protocol.as_deref().unwrap_or("in no known protocol");
    match told.port {
        Some(port) => format!("{protocol}, port {port}"),
        None => protocol.to_owned(),
    }
}
