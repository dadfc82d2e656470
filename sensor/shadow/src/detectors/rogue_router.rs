//! A host that routes for others: it announces itself as a router, or several systems speak from behind its address.

use std::collections::BTreeSet;

use fossick_model::Observation;

use crate::detector::{Detector, Hit};
use crate::site::Scene;

/// The detector.
pub static DETECTOR: Detector = Detector {
    name: "shadow.rogue-router",
    about: "routes or translates addresses for others, and is no network device",
    priority: "attend",
    question: "Is connection sharing, a hotspot or a virtual machine in use on this host?",
    detect,
};

fn detect<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    if scene.category() == "network" || scene.kind() == "hypervisor" {
        return None;
    }
    announces(scene).or_else(|| mixes(scene))
}

/// It announces itself (RFC 4861 §4.2, lifetime above 0), and is known to be something else.
fn announces<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    let elsewhere = matches!(
        scene.category(),
        "workstation" | "mobile" | "printer" | "camera" | "iot" | "medical" | "voice"
    );
    let announced = scene
        .said("ndp.router_lifetime")
        .find(|said| said.value.parse::<u32>().is_ok_and(|seconds| seconds > 0))?;
    elsewhere.then(|| {
        let title = format!("{} announces itself as a router", scene.label());
        Hit::new(title, 85, &announced.evidence)
            .step("sends router advertisements")
            .step(format!("is {}", scene.kind_with_article()))
            .because("others on the link take it for their router of IPv6")
    })
}

/// Connections are opened with the hop limits of two kinds of systems, and browsers name two systems as well: each alone could be
/// a virtual machine's, an odd setting, or a false name.
fn mixes<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    // Behind another router, addresses are given to one host after another unnoticed.
    if scene
        .asset
        .visibility
        .iter()
        .any(|word| word == "routed-mac")
    {
        return None;
    }
    let opened = |ttl: &str| scene.said("tcp.syn").find(|said| said.value.contains(ttl));
    let (windows, others) = (opened(" ttl=128 ")?, opened(" ttl=64 ")?);
    let agents: Vec<(&str, &Observation)> = scene
        .said("http.user_agent")
        .filter_map(|said| Some((system(&said.value)?, said)))
        .collect();
    let systems: BTreeSet<&str> = agents.iter().map(|(system, _)| *system).collect();
    if systems.len() < 2 {
        return None;
    }
    let names: Vec<&str> = systems.into_iter().collect();
    let title = format!(
        "several systems speak from the address of {}",
        scene.label()
    );
    let packets = agents.iter().map(|(_, said)| &said.evidence);
    Some(
        Hit::new(title, 75, &windows.evidence)
            .step("opens connections with 128 and with 64 hops")
            .step(format!("its browsers run on {}", names.join(" and ")))
            .because(
                "one host has one network stack: others are behind it, translated to its address",
            )
            .and([&others.evidence])
            .and(packets),
    )
}

/// The system that a browser names.
fn system(agent: &str) -> Option<&'static str> {
    let known = [
        ("Windows NT", "Windows"),
        ("iPhone", "iOS"),
        ("iPad", "iOS"),
        ("Android", "Android"),
        ("Macintosh", "macOS"),
        ("X11; Linux", "Linux"),
    ];
    known
        .into_iter()
        .find(|(mark, _)| agent.contains(mark))
        .map(|(_, name)| name)
}
