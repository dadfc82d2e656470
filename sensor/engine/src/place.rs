//! Where addresses belong: what is ours, and which VLANs are one place.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// A range of addresses: the first octets of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Any address in it.
    pub address: IpAddr,
    /// How many leading bits are common, 0–32 or 0–128.
    pub prefix: u8,
}

impl Network {
    /// Whether the address lies in it.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        let differ = match (self.address, ip) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => (own.to_bits() ^ ip.to_bits()).leading_zeros(),
            (IpAddr::V6(own), IpAddr::V6(ip)) => (own.to_bits() ^ ip.to_bits()).leading_zeros(),
            _ => return false,
        };
        differ >= u32::from(self.prefix)
    }
}

/// What the configuration says of the networks that are watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Locality {
    /// Networks that are ours besides the private, link-local and loopback ones.
    pub networks: Vec<Network>,
    /// VLAN → the VLAN that stands for its zone. The same address on VLANs of one zone is one host, where nobody is
    /// known to hold it; VLANs that are not named here are one place.
    pub zones: BTreeMap<u16, u16>,
}

impl Locality {
    /// Whether the address is ours.
    #[must_use]
    pub fn is_local(&self, ip: IpAddr) -> bool {
        is_private(ip) || self.networks.iter().any(|network| network.contains(ip))
    }

    /// The VLAN that stands for the place of this one.
    #[must_use]
    pub fn place(&self, vlan: u16) -> u16 {
        self.zones.get(&vlan).copied().unwrap_or_default()
    }
}

/// Private, link-local, unique-local and loopback addresses: ours unless configured otherwise.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_unique_local() || ip.is_loopback(),
    }
}
