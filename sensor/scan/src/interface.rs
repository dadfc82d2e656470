//! The interface that asks: who we are on it, and whether a host is on its link.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fossick_model::Network;
use fossick_parsers::Mac;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;

/// Networks of an interface that are looked at.
const NETWORKS: usize = 64;
/// Lines of the kernel's table of routes that are looked at.
const ROUTES: usize = 4096;

/// An interface of this machine.
#[derive(Debug, Clone)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its hardware address, where it has one.
    pub mac: Option<Mac>,
    /// Its own addresses, each with the network that is on its link.
    pub addresses: Vec<(IpAddr, Network)>,
    /// Networks that are behind a router on its link, and which, the narrowest first.
    pub routes: Vec<(Network, IpAddr)>,
}

/// Why an interface cannot ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InterfaceError {
    /// The system does not tell.
    #[error("the system does not tell its interfaces: {0}")]
    System(String),
    /// There is none of that name that is up.
    #[error("there is no interface `{0}` that is up: `ip link` lists them")]
    Missing(String),
    /// It has no address to ask from.
    #[error(
        "the interface `{0}` has no address to ask from: a SPAN port only listens, and a scan needs a port of its own in that network"
    )]
    NoAddress(String),
    /// No interface has the host on its link.
    #[error("no interface has {0} on its link: name one with --interface")]
    NoWay(IpAddr),
}

impl Interface {
    /// The interface of this name.
    ///
    /// # Errors
    /// There is none that is up and has an address.
    pub fn named(name: &str) -> Result<Interface, InterfaceError> {
        let found = Interface::all()?.into_iter().find(|own| own.name == name);
        let found = found.ok_or_else(|| InterfaceError::Missing(name.to_owned()))?;
        if found.addresses.is_empty() {
            return Err(InterfaceError::NoAddress(name.to_owned()));
        }
        Ok(found)
    }

    /// The interface that has a host on its link.
    ///
    /// # Errors
    /// None has.
    pub fn towards(host: IpAddr) -> Result<Interface, InterfaceError> {
        let mut all = Interface::all()?.into_iter();
        all.find(|own| own.is_on_link(host))
            .ok_or(InterfaceError::NoWay(host))
    }

    /// Every interface that is up.
    fn all() -> Result<Vec<Interface>, InterfaceError> {
        let mut all: Vec<Interface> = Vec::new();
        let addresses = getifaddrs().map_err(|error| InterfaceError::System(error.to_string()))?;
        for entry in addresses {
            if !entry.flags.contains(InterfaceFlags::IFF_UP) {
                continue;
            }
            let name = entry.interface_name;
            let at = all.iter().position(|own| own.name == name);
            let at = at.unwrap_or_else(|| {
                all.push(Interface {
                    routes: routes(&name),
                    name,
                    mac: None,
                    addresses: Vec::new(),
                });
                all.len().saturating_sub(1)
            });
            let (Some(own), Some(address)) = (all.get_mut(at), entry.address) else {
                continue;
            };
            if let Some(link) = address.as_link_addr() {
                own.mac = link.addr().map(Mac).filter(|mac| !mac.is_zero());
            }
            let mask = entry.netmask.as_ref().and_then(ip).map_or(0, ones);
            if let Some(address) = ip(&address)
                && let Some(network) = Network::new(address, mask)
                && own.addresses.len() < NETWORKS
            {
                own.addresses.push((address, network));
            }
        }
        Ok(all)
    }

    /// Whether the host needs no router.
    #[must_use]
    pub fn is_on_link(&self, host: IpAddr) -> bool {
        let mut networks = self.addresses.iter().map(|(_, network)| network);
        networks.any(|network| network.contains(host))
    }

    /// Whether the address is ours.
    #[must_use]
    pub fn is_own(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|(own, _)| *own == address)
    }

    /// The router that frames for a host go to, if they do not go to itself.
    #[must_use]
    pub fn router_towards(&self, host: IpAddr) -> Option<IpAddr> {
        if self.is_on_link(host) {
            return None;
        }
        let mut routes = self.routes.iter();
        routes.find_map(|(network, router)| network.contains(host).then_some(*router))
    }

    /// Our first IPv4 address.
    #[must_use]
    pub fn address_v4(&self) -> Option<Ipv4Addr> {
        self.addresses
            .iter()
            .find_map(|(address, _)| match address {
                IpAddr::V4(address) => Some(*address),
                IpAddr::V6(_) => None,
            })
    }

    /// The networks of IPv4 that are on its link.
    pub fn segments(&self) -> impl Iterator<Item = Network> {
        let networks = self.addresses.iter().map(|(_, network)| *network);
        networks.filter(|network| network.address().is_ipv4() && !network.is_host())
    }
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

fn ones(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(mask) => mask.to_bits().count_ones(),
        IpAddr::V6(mask) => mask.to_bits().count_ones(),
    };
    u8::try_from(ones).unwrap_or(u8::MAX)
}

/// The routers on an interface, the narrowest network first.
fn routes(name: &str) -> Vec<(Network, IpAddr)> {
    let table = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let mut routes = routes_v4(name, &table("/proc/net/route"));
    routes.extend(routes_v6(name, &table("/proc/net/ipv6_route")));
    routes.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix()));
    routes
}

/// As the kernel's table of IPv4 has them (proc(5), /proc/net/route): numbers in the machine's order of octets.
fn routes_v4(name: &str, table: &str) -> Vec<(Network, IpAddr)> {
    let address = |field: &str| {
        let number = u32::from_str_radix(field, 16).ok()?;
        Some(Ipv4Addr::from(number.to_ne_bytes()))
    };
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (interface, router) = (fields.first()?, address(fields.get(2)?)?);
        if *interface != name || router.is_unspecified() {
            return None;
        }
        let mask = ones(IpAddr::V4(address(fields.get(7)?)?));
        let network = Network::new(IpAddr::V4(address(fields.get(1)?)?), mask)?;
        Some((network, IpAddr::V4(router)))
    };
    table
        .lines()
        .skip(1)
        .take(ROUTES)
        .filter_map(route)
        .collect()
}

/// As the kernel's table of IPv6 has them (`/proc/net/ipv6_route`): destination, length, source, length, router, …, interface.
fn routes_v6(name: &str, table: &str) -> Vec<(Network, IpAddr)> {
    let address = |field: &str| Some(Ipv6Addr::from(u128::from_str_radix(field, 16).ok()?));
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (interface, router) = (fields.last()?, address(fields.get(4)?)?);
        if *interface != name || router.is_unspecified() {
            return None;
        }
        let length = u8::from_str_radix(fields.get(1)?, 16).ok()?;
        let network = Network::new(IpAddr::V6(address(fields.first()?)?), length)?;
        Some((network, IpAddr::V6(router)))
    };
    table.lines().take(ROUTES).filter_map(route).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routers_of_ipv6_are_found_in_the_kernels_table() {
        let zero = "0".repeat(32);
        let net = format!("fd88{}", "0".repeat(28));
        let router = format!("fd77{}0001", "0".repeat(24));
        let table = format!(
            "{net} 40 {zero} 00 {router} 00000400 00000001 00000000 00000003      ask\n\
             {net} 40 {zero} 00 {zero} 00000100 00000001 00000000 00000001      ask\n\
             {zero} 00 {zero} 00 {router} 00000400 00000001 00000000 00000003    other\n"
        );
        let expected = ("fd88::/64".parse().unwrap(), "fd77::1".parse().unwrap());
        assert_eq!(routes_v6("ask", &table), [expected]);
    }
}
