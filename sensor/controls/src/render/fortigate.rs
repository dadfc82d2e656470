//! Commands for `FortiOS`: addresses, services, policies.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use fossick_model::{Network, Policy};

use super::{NOT_HELD, ends, header, is_one_family, mask, name, object, purpose, transport};

const NOTES: &str = "\
# For the command line of FortiOS 7 (execute batch, or pasted). Policies are added at the end: move them in front of those
# that allow more, and put your interfaces in the place of any.
# Only packets to and from this asset are judged. A session that is open stays until it is cleared:
# diagnose sys session filter dst ADDRESS, then diagnose sys session clear.
";

/// Writes the commands.
pub(super) fn render(policy: &Policy) -> String {
    let mut text = header(
        policy,
        "#",
        "FortiOS 7, as an independent parser reads it; not checked by a device",
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
    addresses(&mut text, &networks, true);
    addresses(&mut text, &networks, false);
    let services: BTreeSet<(&str, u16)> = rules()
        .map(|rule| (transport(rule.transport), rule.port))
        .collect();
    if !services.is_empty() {
        text += "config firewall service custom\n";
        for (transport, port) in services {
            let _ = writeln!(
                text,
                "    edit \"fossick-{transport}-{port}\"\n        set {transport}-portrange {port}\n    next"
            );
        }
        text += "end\n";
    }
    text += "config firewall policy\n";
    for rule in rules() {
        let (client, server) = ends(rule);
        let service = format!("fossick-{}-{}", transport(rule.transport), rule.port);
        let what = format!("fossick-{}-{}", name(policy), rule.number);
        let comment = purpose(rule);
        let ends = (
            format!("\"fossick-{}\"", object(client)),
            format!("\"fossick-{}\"", object(server)),
        );
        let v4 = rule.local.is_ipv4();
        entry(&mut text, &what, "accept", v4, &ends, &service, &comment);
    }
    for v4 in [true, false] {
        let family = own.clone().filter(|own| own.address().is_ipv4() == v4);
        let all: Vec<String> = family
            .map(|own| format!("\"fossick-{}\"", object(own)))
            .collect();
        if all.is_empty() {
            continue;
        }
        let (all, any, family) = (all.join(" "), "\"all\"".to_owned(), if v4 { 4 } else { 6 });
        for (ends, side) in [
            ((any.clone(), all.clone()), "to"),
            ((all.clone(), any.clone()), "from"),
        ] {
            let what = format!("fossick-{}-{side}-{family}", name(policy));
            let comment = "not in the baseline";
            entry(&mut text, &what, "deny", v4, &ends, "ALL", comment);
        }
    }
    text += "end\n";
    text
}

fn addresses(text: &mut String, networks: &BTreeSet<Network>, v4: bool) {
    let family = networks.iter().filter(|one| one.address().is_ipv4() == v4);
    let family: Vec<_> = family.collect();
    if family.is_empty() {
        return;
    }
    *text += if v4 {
        "config firewall address\n"
    } else {
        "config firewall address6\n"
    };
    for network in family {
        let _ = writeln!(text, "    edit \"fossick-{}\"", object(*network));
        let _ = if v4 {
            writeln!(
                text,
                "        set subnet {} {}",
                network.address(),
                mask(*network)
            )
        } else {
            writeln!(
                text,
                "        set ip6 {}/{}",
                network.address(),
                network.prefix()
            )
        };
        *text += "    next\n";
    }
    *text += "end\n";
}

/// One policy. `ends` are lists of names in quotes, of source and destination.
fn entry(
    text: &mut String,
    name: &str,
    action: &str,
    v4: bool,
    ends: &(String, String),
    service: &str,
    comment: &str,
) {
    let family = if v4 { "" } else { "6" };
    let (source, destination) = ends;
    let _ = writeln!(
        text,
        "    edit 0\n        set name \"{name}\"\n        set srcintf \"any\"\n        set dstintf \"any\"\n        \
         set action {action}\n        set srcaddr{family} {source}\n        set dstaddr{family} {destination}\n        \
         set schedule \"always\"\n        set service \"{service}\"\n        set logtraffic all\n        \
         set comments \"{comment}\"\n    next"
    );
}
