//! `set` commands for PAN-OS: addresses, services, security rules.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use fossick_model::{Network, Policy};

use super::{NOT_HELD, ends, header, is_one_family, name, object, prefixed, purpose, transport};

const NOTES: &str = "\
# For configure mode. PAN-OS knows no comments: leave the lines that begin with # away, they are for you.
# Rules are added at the end of the rulebase; the move commands put them in front. Put your zones in the place of any.
# Only packets to and from this asset are judged. A session that is open stays until it is cleared:
# clear session all filter destination ADDRESS.
";

/// Writes the commands.
pub(super) fn render(policy: &Policy) -> String {
    let mut text = header(
        policy,
        "#",
        "PAN-OS 10, as an independent parser reads it; not checked by a device",
        NOT_HELD,
    );
    text += NOTES;
    let rules = || policy.rules.iter().filter(|rule| is_one_family(rule));
    let own = policy
        .addresses
        .iter()
        .map(|address| Network::host(*address));
    let peers = rules().map(|rule| rule.peer);
    let networks: BTreeSet<Network> = own.clone().chain(peers).collect();
    for network in networks {
        let _ = writeln!(
            text,
            "set address fossick-{} ip-netmask {}",
            object(network),
            prefixed(network)
        );
    }
    let services: BTreeSet<(&str, u16)> = rules()
        .map(|rule| (transport(rule.transport), rule.port))
        .collect();
    for (transport, port) in services {
        let _ = writeln!(
            text,
            "set service fossick-{transport}-{port} protocol {transport} port {port}"
        );
    }
    let mut names = Vec::new();
    for rule in rules() {
        let (client, server) = ends(rule);
        let what = format!("fossick-{}-{}", name(policy), rule.number);
        let _ = writeln!(
            text,
            "set rulebase security rules {what} from any to any source fossick-{} destination fossick-{} \
             application any service fossick-{}-{} action allow description \"{}\"",
            object(client),
            object(server),
            transport(rule.transport),
            rule.port,
            purpose(rule)
        );
        names.push(what);
    }
    let own: Vec<String> = own.map(|own| format!("fossick-{}", object(own))).collect();
    let own = match own.as_slice() {
        [one] => one.clone(),
        several => format!("[ {} ]", several.join(" ")),
    };
    for (side, ends) in [
        ("to", format!("source any destination {own}")),
        ("from", format!("source {own} destination any")),
    ] {
        let what = format!("fossick-{}-{side}", name(policy));
        let _ = writeln!(
            text,
            "set rulebase security rules {what} from any to any {ends} application any service any \
             action drop log-end yes description \"not in the baseline\""
        );
        names.push(what);
    }
    // The last is moved first, so that they stand in order.
    for what in names.iter().rev() {
        let _ = writeln!(text, "move rulebase security rules {what} top");
    }
    text
}
