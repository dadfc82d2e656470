//! Extended access lists for a Cisco IOS router: without state, so answers are told by their ports and flags.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use fossick_model::{Network, Policy, Rule, Transport, Way};

use super::{NOT_HELD, header, name, of_family, purpose, transport};

const NOTES: &str = "\
! On the interface towards the asset: FROM lists inbound, TO lists outbound.
!   ip access-group NAME in / out, and ipv6 traffic-filter NAME in / out
! Only packets to and from this asset are judged; the last line lets all others pass.
! These lists have no state: answers over TCP are known by ACK or RST (established), over UDP by their source port alone,
! so whoever may answer may also send unasked from that port. Later fragments pass between allowed pairs.
! ARP is not filtered by them; neighbour discovery and the asset's broadcast renewal of its DHCP lease are let through.
";

/// Writes the lists, those of a family only where the asset has an address of it.
pub(super) fn render(policy: &Policy) -> String {
    let mut text = header(
        policy,
        "!",
        "Cisco IOS, as an independent parser reads it; not checked by a device",
        NOT_HELD,
    );
    text += NOTES;
    for v4 in [true, false] {
        let addresses = of_family(policy, v4);
        if !addresses.is_empty() {
            lists(&mut text, policy, &addresses, v4);
        }
    }
    text
}

fn lists(text: &mut String, policy: &Policy, addresses: &[IpAddr], v4: bool) {
    let (begin, any, family) = if v4 {
        ("ip access-list extended", "ip", "V4")
    } else {
        ("ipv6 access-list", "ipv6", "V6")
    };
    let list = format!("FOSSICK-{}-{family}", name(policy));
    let fits = |rule: &&Rule| rule.local.is_ipv4() == v4 && rule.peer.address().is_ipv4() == v4;
    for to in [true, false] {
        let side = if to { "TO" } else { "FROM" };
        let _ = writeln!(text, "no {begin} {list}-{side}\n{begin} {list}-{side}");
        for rule in policy.rules.iter().filter(fits) {
            entry(text, rule, to);
        }
        for address in addresses {
            let _ = match (v4, to) {
                (true, true) => writeln!(
                    text,
                    " permit icmp any host {address} unreachable\n permit icmp any host {address} ttl-exceeded"
                ),
                (true, false) => writeln!(
                    text,
                    " permit icmp host {address} any unreachable\n permit icmp host {address} any ttl-exceeded\n \
                     permit udp host {address} eq 68 host 255.255.255.255 eq 67"
                ),
                (false, true) => writeln!(
                    text,
                    " permit icmp any host {address} packet-too-big\n permit icmp any host {address} unreachable\n \
                     permit icmp any host {address} nd-ns\n permit icmp any host {address} nd-na"
                ),
                (false, false) => writeln!(
                    text,
                    " permit icmp host {address} any packet-too-big\n permit icmp host {address} any unreachable\n \
                     permit icmp host {address} any nd-ns\n permit icmp host {address} any nd-na"
                ),
            };
        }
        for address in addresses {
            let _ = if to {
                writeln!(text, " deny {any} any host {address} log")
            } else {
                writeln!(text, " deny {any} host {address} any log")
            };
        }
        let _ = writeln!(text, " permit {any} any any\n!");
    }
}

/// The rule as it looks towards the asset, or away from it.
fn entry(text: &mut String, rule: &Rule, to: bool) {
    let local = host(Network::host(rule.local));
    let peer = host(rule.peer);
    let service = format!("eq {}", rule.port);
    let (source, target) = if to { (peer, local) } else { (local, peer) };
    let asks = to == (rule.direction == Way::Inbound);
    let transport_name = transport(rule.transport);
    let _ = writeln!(text, " remark {}", purpose(rule));
    let _ = if asks {
        writeln!(text, " permit {transport_name} {source} {target} {service}")
    } else {
        let known = if rule.transport == Transport::Tcp {
            " established"
        } else {
            ""
        };
        writeln!(
            text,
            " permit {transport_name} {source} {service} {target}{known}"
        )
    };
}

/// A network as access lists write it: IPv4 with the mask turned over, IPv6 with its prefix.
fn host(network: Network) -> String {
    match network.address() {
        address if network.is_host() => format!("host {address}"),
        IpAddr::V4(address) => {
            let shared = u32::from(network.prefix());
            let wildcard = Ipv4Addr::from_bits(u32::MAX.checked_shr(shared).unwrap_or(0));
            format!("{address} {wildcard}")
        }
        IpAddr::V6(address) => format!("{address}/{}", network.prefix()),
    }
}
