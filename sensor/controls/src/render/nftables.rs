//! A table for a Linux router in front of the asset: stateful, both address families.

use std::fmt::Write as _;
use std::net::IpAddr;

use fossick_model::{Policy, Rule, Way};

use super::{NOT_HELD, header, is_one_family, name, purpose, transport};

const NOTES: &str = "\
# For a router (hook forward). Only packets to and from this asset are judged; all others pass to the next table.
# Each packet is held against the connection it belongs to: what was open before and is not allowed ends as well.
# ARP, neighbour discovery and a DHCP server or relay of this router itself do not pass this hook and go on.
# ICMP passes where it is an error of an allowed connection; echo does not.
";

/// Writes the table.
pub(super) fn render(policy: &Policy) -> String {
    let table = format!("fossick_{}", name(policy));
    let mut text = header(
        policy,
        "#",
        "nftables, as a Linux kernel takes it; nft -c -f FILE checks this output",
        NOT_HELD,
    );
    text += NOTES;
    // Named before it is deleted, so that deleting works the first time as well: the whole file is one transaction.
    let _ = writeln!(
        text,
        "table inet {table}\ndelete table inet {table}\ntable inet {table} {{"
    );
    text += "\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n";
    for address in &policy.addresses {
        let family = family(*address);
        let _ = writeln!(text, "\t\t{family} saddr {address} goto guard");
        let _ = writeln!(text, "\t\t{family} daddr {address} goto guard");
    }
    text += "\t}\n\tchain guard {\n\t\tct state related meta l4proto { icmp, ipv6-icmp } accept\n";
    for rule in &policy.rules {
        pair(&mut text, rule);
    }
    text += "\t\tcounter drop comment \"not in the baseline\"\n\t}\n}\n";
    text
}

fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "ip" } else { "ip6" }
}

/// A rule for what is asked, and one for what is answered.
fn pair(text: &mut String, rule: &Rule) {
    if !is_one_family(rule) {
        return;
    }
    let (local, peer) = (rule.local.to_string(), rule.peer.to_string());
    let (client, server) = match rule.direction {
        Way::Inbound => (peer, local),
        Way::Outbound => (local, peer),
    };
    let (family, port) = (family(rule.local), rule.port);
    let transport = transport(rule.transport);
    let purpose = purpose(rule);
    let _ = writeln!(
        text,
        "\t\tct direction original ct state new,established {family} saddr {client} {family} daddr {server} \
         {transport} dport {port} counter accept comment \"{purpose}\""
    );
    let _ = writeln!(
        text,
        "\t\tct direction reply ct state established {family} saddr {server} {family} daddr {client} \
         {transport} sport {port} counter accept comment \"answers\""
    );
}
