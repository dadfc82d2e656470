//! An extended access list for a Cisco ASA, which knows connections: answers pass by themselves.

use std::fmt::Write as _;
use std::net::IpAddr;

use fossick_model::{Network, Policy};

use super::{NOT_HELD, ends, header, is_one_family, mask, name, of_family, purpose, transport};

const NOTES: &str = "\
! Bind the list to the interfaces on both sides of the asset: access-group NAME in interface INTERFACE
! Where one is bound there already, these lines belong in front of its own.
! Only packets to and from this asset are judged. What others may do is the last line's business: it lets all pass,
! as before a list was bound between interfaces of one level. Leave it away where your own rules follow.
! Connections that are open already stay: end them with clear conn address ADDRESS.
! To put it in the place of an older one: clear configure access-list NAME first, and bind it again.
";

/// Writes the list.
pub(super) fn render(policy: &Policy) -> String {
    let mut text = header(
        policy,
        "!",
        "Cisco ASA 9, as an independent parser reads it; not checked by a device",
        NOT_HELD,
    );
    text += NOTES;
    let list = format!("FOSSICK-{}", name(policy));
    for rule in policy.rules.iter().filter(|rule| is_one_family(rule)) {
        let (client, server) = ends(rule);
        let _ = writeln!(
            text,
            "access-list {list} remark {}\naccess-list {list} extended permit {} {} {} eq {}",
            purpose(rule),
            transport(rule.transport),
            place(client),
            place(server),
            rule.port
        );
    }
    // Errors of allowed connections: without them, paths with a smaller packet size go dark.
    for v4 in [true, false] {
        let (icmp, errors) = if v4 {
            ("icmp", ["unreachable", "time-exceeded"])
        } else {
            ("icmp6", ["unreachable", "packet-too-big"])
        };
        for address in of_family(policy, v4) {
            for error in errors {
                let any = if v4 { "any4" } else { "any6" };
                let _ = writeln!(
                    text,
                    "access-list {list} extended permit {icmp} {any} host {address} {error}\n\
                     access-list {list} extended permit {icmp} host {address} {any} {error}"
                );
            }
        }
    }
    for address in &policy.addresses {
        let any = if address.is_ipv4() { "any4" } else { "any6" };
        let _ = writeln!(
            text,
            "access-list {list} extended deny ip {any} host {address} log\n\
             access-list {list} extended deny ip host {address} {any} log"
        );
    }
    let _ = writeln!(text, "access-list {list} extended permit ip any any");
    text
}

/// A network as the ASA writes it: IPv4 with a mask, IPv6 with its prefix.
fn place(network: Network) -> String {
    match network.address() {
        address if network.is_host() => format!("host {address}"),
        IpAddr::V4(address) => format!("{address} {}", mask(network)),
        IpAddr::V6(address) => format!("{address}/{}", network.prefix()),
    }
}
