//! A DHCP server that is not the site's.

use fossick_model::{Asset, Evidence};

use crate::detector::{Detector, Hit};
use crate::site::{Scene, said};

/// The detector.
pub static DETECTOR: Detector = Detector {
    name: "shadow.rogue-dhcp",
    about: "serves DHCP leases, and is not approved, or contradicts another server of the same link",
    priority: "act",
    question: "Which switch port has this hardware address, and who plugged it in?",
    detect,
};

/// Answers that hand out a lease: DHCPOFFER and DHCPACK (RFC 2131 §3.1).
const LEASES: [&str; 2] = ["2", "5"];

fn detect<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    let lease = lease(scene.asset)?;
    let title = format!("{} serves DHCP", scene.label());
    if !scene.site.approvals().is_empty() && scene.approved().is_none() {
        let hit = Hit::new(title, 90, lease).step("serves leases");
        return Some(hit.step("is not among the approved assets").because(
            "whoever serves leases says which router and name server the others use, and nobody approved this one",
        ));
    }
    if scene.approved().is_some() {
        return None;
    }
    let own = said(scene.asset, "dhcp.offered_router").next()?;
    // Routers of other subnets are what one server for several of them hands out; another one in the same is a contradiction.
    let rival = scene.site.landmarks().find_map(|other| {
        let offered = said(other, "dhcp.offered_router").next()?;
        let rivals = other.id != scene.asset.id
            && lease_of_a_rival(other)
            && on_one_link(scene.asset, other)
            && offered.value != own.value
            && is_intruder(scene, other, &own.value, &offered.value);
        rivals.then_some((other, offered))
    });
    let (other, offered) = rival?;
    let why = format!(
        "it hands out {} as the router, while {} on the same link hands out {}",
        own.value,
        other.label(),
        offered.value
    );
    Some(
        Hit::new(title, 75, lease)
            .because(why)
            .step("serves leases")
            .step("another server on the same link hands out another router")
            .and([&own.evidence, &offered.evidence]),
    )
}

fn lease(asset: &Asset) -> Option<&Evidence> {
    let answer =
        said(asset, "dhcp.server_message").find(|said| LEASES.contains(&said.value.as_ref()));
    answer.map(|said| &said.evidence)
}

fn lease_of_a_rival(asset: &Asset) -> bool {
    lease(asset).is_some()
}

/// Both were heard on the link itself: under a tag they share, or, where there are none, with addresses of one /24.
fn on_one_link(one: &Asset, other: &Asset) -> bool {
    let routed = |asset: &Asset| asset.visibility.iter().any(|word| word == "routed-mac");
    if routed(one) || routed(other) {
        return false;
    }
    if !one.vlans.is_empty() || !other.vlans.is_empty() {
        return one.vlans.iter().any(|vlan| other.vlans.contains(vlan));
    }
    let networks = |asset: &Asset| -> Vec<[u8; 3]> {
        let ips = asset.addresses.iter().flat_map(|addresses| &addresses.ipv4);
        ips.map(|ip| {
            let [a, b, c, _] = ip.octets();
            [a, b, c]
        })
        .collect()
    };
    let theirs = networks(other);
    networks(one).iter().any(|network| theirs.contains(network))
}

/// Of two that contradict each other: the one that makes itself the router while the other does not; otherwise the one that was
/// heard later.
fn is_intruder(scene: &Scene<'_>, other: &Asset, own: &str, offered: &str) -> bool {
    let names_itself =
        |asset: &Asset, router: &str| asset.ips().iter().any(|ip| ip.to_string() == router);
    match (names_itself(scene.asset, own), names_itself(other, offered)) {
        (true, false) => true,
        (false, true) => false,
        _ => {
            let time = |asset: &Asset| lease(asset).map(|evidence| evidence.time);
            (time(scene.asset), &scene.asset.id) > (time(other), &other.id)
        }
    }
}
