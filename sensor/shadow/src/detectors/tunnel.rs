//! Tunnels out of the network.

use crate::detector::{Detector, Hit};
use crate::site::Scene;

/// The detector.
pub static DETECTOR: Detector = Detector {
    name: "shadow.tunnel",
    about: "a VPN, Tor or another tunnel to the Internet from what is no gateway",
    priority: "act",
    question: "Who set the tunnel up, and where does it end?",
    detect,
};

/// Meshes that join hosts wherever they are.
const MESHES: [&str; 3] = ["hamachi", "tailscale", "zerotier"];
/// What gateways speak as well.
const TUNNELS: [&str; 6] = ["ike", "l2tp", "openvpn", "pptp", "socks", "wireguard"];
/// JA3 of the Tor client, as JA3's authors publish it (BSD-3).
const TOR: &str = "e7d705a3286e19ea42f587b344ee6865";

fn detect<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    if matches!(scene.kind(), "router" | "firewall" | "vpn-gateway") {
        return None;
    }
    let label = scene.label();
    let mut spoken = scene.conversations.iter().filter(|told| scene.speaks(told));
    let told = spoken.find(|told| {
        let is = |names: &[&str]| {
            told.protocol
                .as_deref()
                .is_some_and(|name| names.contains(&name))
        };
        is(&MESHES) || (is(&TUNNELS) && told.two_way && scene.crosses_the_border(told))
    });
    if let Some(told) = told {
        let protocol = told.protocol.as_deref().unwrap_or_default();
        let (_, other) = scene.ends(told);
        let title = format!("{label} has a tunnel ({protocol}) to {}", other.address);
        return Some(
            Hit::new(title, 90, &told.evidence)
                .step(format!("speaks {protocol}, told by its content"))
                .because("what goes through it no filter on the way can see"),
        );
    }
    if let Some(hello) = scene
        .said("tls.ja3")
        .find(|said| said.value.as_ref() == TOR)
    {
        let title = format!("{label} greets servers as the Tor client does");
        return Some(
            Hit::new(title, 70, &hello.evidence)
                .step("its TLS greeting is that of the Tor client")
                .because("a program that copies it would look the same"),
        );
    }
    let named = scene
        .said("tls.service")
        .find(|said| said.value.starts_with("tunnel: "))?;
    let title = format!(
        "{label} uses {}",
        named.value.trim_start_matches("tunnel: ")
    );
    Some(
        Hit::new(title, 60, &named.evidence)
            .step("asks for a server of a tunnel's maker")
            .because("it may be its web pages alone"),
    )
}
