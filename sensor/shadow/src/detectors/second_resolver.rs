//! A DNS resolver beside those that the site hands out.

use std::collections::BTreeSet;

use crate::detector::{Detector, Hit};
use crate::site::{Scene, said};

/// The detector.
pub static DETECTOR: Detector = Detector {
    name: "shadow.second-resolver",
    about: "answers names for others, or asks a resolver on the Internet, while the site hands out resolvers of its own",
    priority: "attend",
    question: "Which resolver is this host configured with, and by whom?",
    detect,
};

/// What says that somebody is handed out as a resolver.
const HANDED_OUT: [&str; 3] = ["dhcp.name_server", "dhcpv6.name_server", "ndp.name_server"];
/// So many clients ask a resolver: one may have it by mistake.
const CLIENTS: usize = 2;

fn detect<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    let handed_out = HANDED_OUT
        .iter()
        .any(|key| scene.said(key).next().is_some());
    let known = scene.site.landmarks().find_map(|other| {
        let said = HANDED_OUT.iter().find_map(|key| said(other, key).next())?;
        Some((other, said))
    });
    let (resolver, told) = known?;
    if handed_out {
        return None;
    }
    let is_dns = |told: &&fossick_model::Conversation| told.protocol.as_deref() == Some("dns");
    let mut asked = scene.serves().filter(is_dns).peekable();
    if let Some(first) = asked.peek().copied() {
        // Domain controllers answer for their domain, whoever is handed out.
        let clients: BTreeSet<_> = asked.map(|told| told.client.address).collect();
        if clients.len() < CLIENTS || scene.kind() == "domain-controller" {
            return None;
        }
        let title = format!("{} is a second resolver", scene.label());
        return Some(
            Hit::new(title, 70, &first.evidence)
                .step(format!("{} clients ask it for names", clients.len()))
                .step(format!("{} is handed out as resolver", resolver.label()))
                .because("what it answers decides where its clients go")
                .and([&told.evidence]),
        );
    }
    let outside = scene
        .asks()
        .find(|told| is_dns(told) && scene.crosses_the_border(told))?;
    let title = format!(
        "{} asks a resolver on the Internet ({})",
        scene.label(),
        outside.server.address
    );
    // Who translates for others asks in their name.
    (scene.category() != "network").then(|| {
        Hit::new(title, 80, &outside.evidence)
            .step("asks a resolver on the Internet")
            .step(format!("{} is handed out as resolver", resolver.label()))
            .because("it goes past the site's resolver, and whatever that one refuses or logs")
            .and([&told.evidence])
    })
}
