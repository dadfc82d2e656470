//! Tools that let somebody in from elsewhere.

use fossick_model::Conversation;

use crate::detector::{Detector, Hit};
use crate::site::Scene;

/// The detector.
pub static DETECTOR: Detector = Detector {
    name: "shadow.remote-access",
    about: "runs a remote-access tool, or its screen or shell is used from the Internet",
    priority: "act",
    question: "Who uses it, for which maintenance contract, and can a jump host take its place?",
    detect,
};

/// Made to let somebody in through others' servers, or past a firewall.
const TOOLS: [&str; 4] = ["anydesk", "rustdesk", "teamviewer", "radmin"];
/// What no one uses across the Internet without a gateway.
const SCREENS: [&str; 4] = ["rdp", "vnc", "telnet", "ssh"];

fn detect<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    let of = |told: &Conversation, names: &[&str]| {
        told.protocol
            .as_deref()
            .is_some_and(|protocol| names.contains(&protocol))
    };
    let label = scene.label();
    if let Some(told) = scene
        .serves()
        .find(|told| of(told, &SCREENS) && scene.speaks(told) && scene.crosses_the_border(told))
    {
        let protocol = told.protocol.as_deref().unwrap_or_default();
        let title = format!(
            "{label} is used with {protocol} from the Internet ({})",
            told.client.address
        );
        return Some(
            Hit::new(title, 95, &told.evidence)
                .step(format!("serves {protocol}"))
                .step("to a client on the Internet"),
        );
    }
    let mut spoken = scene.conversations.iter().filter(|told| scene.speaks(told));
    if let Some(told) = spoken.find(|told| of(told, &TOOLS)) {
        let tool = told.protocol.as_deref().unwrap_or_default();
        let (_, other) = scene.ends(told);
        let title = format!("{label} speaks {tool} with {}", other.address);
        return Some(
            Hit::new(title, 95, &told.evidence).step(format!("speaks {tool}, told by its content")),
        );
    }
    let named = scene
        .said("tls.service")
        .find(|said| said.value.starts_with("remote access: "))?;
    let title = format!(
        "{label} uses {}",
        named.value.trim_start_matches("remote access: ")
    );
    // A visit to the vendor's pages looks the same.
    Some(
        Hit::new(title, 60, &named.evidence)
            .step("asks for a server of a remote-access tool")
            .because("it may be its web pages alone"),
    )
}
