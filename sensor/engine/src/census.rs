//! Which addresses are one asset, and which are nobody's: the merge rules, kept up as nodes change.
//!
//! Every rule has a scenario in `tests/scenarios.rs`. In short: an IP address belongs to the interface that says so
//! (ARP, ND) or was leased it (DHCP). Without such word it belongs to the only interface its packets came from,
//! if they came straight from it; otherwise it is a host behind a router, known by its address alone.
//! What an operator said of an address or an asset goes before all of them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use fossick_parsers::Mac;
use hashbrown::{HashMap, HashSet};

use crate::event::Address;
use crate::ledger::{Ledger, Node, NodeKey, is_virtual};

/// An interface with more IPv4 addresses than this that it never claimed forwards for others.
const MOST_ADDRESSES: usize = 4;

/// What addresses are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Owner {
    /// The asset with this interface.
    Interface(Mac),
    /// A host known by its IP address alone.
    Address(NodeKey),
}

/// What one node shows about interfaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Shown {
    holder: Option<Mac>,
    macs: Box<[Mac]>,
    /// Those of `macs` that forwarded its packets.
    routes: Box<[Mac]>,
}

/// Every node's owner, and what that follows from.
#[derive(Debug, Default)]
pub(crate) struct Census {
    shown: HashMap<NodeKey, Shown>,
    /// Interface → IP nodes whose packets came from it.
    by_mac: HashMap<Mac, Vec<NodeKey>>,
    /// IP address → its nodes, on whatever VLAN and in whatever tenancy.
    by_ip: HashMap<IpAddr, Vec<NodeKey>>,
    /// Interfaces that forward other hosts' packets, and for how many nodes.
    routers: HashMap<Mac, u32>,
    behind: HashMap<NodeKey, Vec<NodeKey>>,
    owners: HashMap<NodeKey, Owner>,
    groups: HashMap<Owner, Vec<NodeKey>>,
    /// What an operator said: this address stands alone.
    split: HashSet<Address>,
    /// What an operator said: what belongs to the first belongs to the second.
    merged: HashMap<Owner, Owner>,
}

impl Census {
    /// Takes in the nodes that changed. Returns the owners whose assets may look different now, in order.
    pub fn update(&mut self, ledger: &Ledger, changed: &[NodeKey]) -> Vec<Owner> {
        let mut affected: BTreeSet<NodeKey> = changed.iter().copied().collect();
        for key in changed {
            if key.behind.is_some() {
                let exists = ledger.get(key).is_some();
                list(&mut self.behind, key.host(), *key, exists);
            } else {
                self.show(ledger, key, &mut affected);
            }
        }
        let behind: Vec<NodeKey> = affected
            .iter()
            .filter_map(|key| self.behind.get(key))
            .flatten()
            .copied()
            .collect();
        affected.extend(behind);
        let mut looked: BTreeSet<Owner> = BTreeSet::new();
        for key in affected {
            let owner = ledger.get(&key).and_then(|node| {
                // A device behind a host belongs to whoever owns the host's address.
                let host = ledger.get(&key.host()).unwrap_or(node);
                self.owner(ledger, &key.host(), host)
            });
            let before = match owner {
                Some(owner) => self.owners.insert(key, owner),
                None => self.owners.remove(&key),
            };
            if before != owner {
                if let Some(before) = before {
                    list(&mut self.groups, before, key, false);
                    looked.insert(before);
                }
                if let Some(owner) = owner {
                    list(&mut self.groups, owner, key, true);
                }
            }
            looked.extend(owner);
        }
        looked.into_iter().collect()
    }

    /// The nodes of an asset, in order.
    pub fn members(&self, owner: Owner) -> Vec<NodeKey> {
        let mut members = self.groups.get(&owner).cloned().unwrap_or_default();
        members.sort_unstable();
        members
    }

    /// Whose this node is.
    pub fn owner_of(&self, key: &NodeKey) -> Option<Owner> {
        self.owners.get(key).copied()
    }

    /// Everybody who owns something, in order.
    pub fn all(&self) -> Vec<Owner> {
        let mut owners: Vec<Owner> = self.groups.keys().copied().collect();
        owners.sort_unstable();
        owners
    }

    /// What an operator said: the address stands alone. Returns the nodes to look at again.
    pub fn split(&mut self, address: Address) -> Vec<NodeKey> {
        self.split.insert(address);
        match address {
            Address::Ip(_, ip) => self.by_ip.get(&ip).cloned().unwrap_or_default(),
            Address::Mac(_) => Vec::new(),
        }
    }

    /// What an operator said: what belongs to `from` belongs to `to`. Returns the nodes to look at again.
    pub fn merge(&mut self, from: Owner, to: Owner) -> Vec<NodeKey> {
        if self.standing_for(to) == from {
            return Vec::new();
        }
        self.merged.insert(from, to);
        self.members(from)
    }

    /// Who stands for this owner, by what operators said.
    pub fn standing_for(&self, owner: Owner) -> Owner {
        let mut owner = owner;
        // A chain longer than the map would be a ring, which `merge` refuses.
        for _ in 0..=self.merged.len() {
            match self.merged.get(&owner) {
                Some(next) => owner = *next,
                None => break,
            }
        }
        owner
    }

    /// Takes in what a host's node shows now; adds the nodes whose owner may depend on it.
    fn show(&mut self, ledger: &Ledger, key: &NodeKey, affected: &mut BTreeSet<NodeKey>) {
        let Address::Ip(_, ip) = key.address else {
            return;
        };
        let node = ledger.get(key);
        let now = node.map_or_else(Shown::default, |node| shown(ledger, ip, node));
        let before = match node {
            Some(_) => self.shown.insert(*key, now.clone()),
            None => self.shown.remove(key),
        };
        list(&mut self.by_ip, ip, *key, node.is_some());
        let before = before.unwrap_or_default();
        if before == now {
            return;
        }
        affected.extend(self.by_ip.get(&ip).into_iter().flatten());
        let mut macs: BTreeSet<Mac> = before.macs.iter().copied().collect();
        macs.extend(&now.macs);
        for mac in macs {
            let stood = (self.is_router(mac), self.has_many(mac));
            if before.routes.contains(&mac) {
                let count = self.routers.entry(mac).or_default();
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.routers.remove(&mac);
                }
            }
            if now.routes.contains(&mac) {
                let count = self.routers.entry(mac).or_default();
                *count = count.saturating_add(1);
            }
            // A router's list is long: it is looked through only for what leaves it.
            let (was, is) = (before.macs.contains(&mac), now.macs.contains(&mac));
            if is && !was {
                let nodes = self.by_mac.entry(mac).or_default();
                if nodes.is_empty() {
                    nodes.reserve_exact(1);
                }
                nodes.push(*key);
            } else if was && !is {
                list(&mut self.by_mac, mac, *key, false);
            }
            if stood != (self.is_router(mac), self.has_many(mac)) {
                affected.extend(self.by_mac.get(&mac).into_iter().flatten());
            }
        }
    }

    fn is_router(&self, mac: Mac) -> bool {
        self.routers.contains_key(&mac)
    }

    /// Whether more IPv4 addresses come from this interface than one host has.
    fn has_many(&self, mac: Mac) -> bool {
        let nodes = self.by_mac.get(&mac).into_iter().flatten();
        let mut addresses = BTreeSet::new();
        for node in nodes {
            if let Address::Ip(_, ip @ IpAddr::V4(_)) = node.address {
                addresses.insert(ip);
            }
            if addresses.len() > MOST_ADDRESSES {
                return true;
            }
        }
        false
    }

    /// Whose this address is; `None` for one that redundant routers share.
    fn owner(&self, ledger: &Ledger, key: &NodeKey, node: &Node) -> Option<Owner> {
        let owner = match key.address {
            _ if self.split.contains(&key.address) => Some(Owner::Address(*key)),
            Address::Mac(mac) if is_virtual(mac) => None,
            Address::Mac(mac) => Some(Owner::Interface(mac)),
            Address::Ip(vlan, ip) => self.owner_of_ip(ledger, key, vlan, ip, node),
        };
        owner.map(|owner| self.standing_for(owner))
    }

    fn owner_of_ip(
        &self,
        ledger: &Ledger,
        key: &NodeKey,
        vlan: u16,
        ip: IpAddr,
        node: &Node,
    ) -> Option<Owner> {
        if let Some(holder) = node.holder {
            return Some(Owner::Interface(holder));
        }
        if let Some(mac) = self.only_interface(ledger, ip, node) {
            return Some(Owner::Interface(mac));
        }
        let place = ledger.locality.place(vlan);
        let others = self.by_ip.get(&ip).into_iter().flatten();
        let holders: BTreeSet<Mac> = others
            .filter(|other| match other.address {
                Address::Ip(vlan, _) => ledger.locality.place(vlan) == place,
                Address::Mac(_) => false,
            })
            .filter_map(|other| self.shown.get(other)?.holder)
            .collect();
        if let (1, Some(holder)) = (holders.len(), holders.first())
            && self.may_be_routed_copy(node, *holder)
        {
            return Some(Owner::Interface(*holder));
        }
        // Only redundant routers announce their group, and each does so from an address of its own.
        let announces = |name: &&str| matches!(*name, "vrrp" | "hsrp" | "carp");
        let shared = !node.macs.is_empty() && node.macs.iter().all(|mac| is_virtual(*mac));
        if shared && !node.protocols.iter().any(announces) {
            return None;
        }
        // The same address on another VLAN of its zone, nobody known to hold it: one host behind a router.
        let anywhere = NodeKey {
            address: Address::Ip(place, ip),
            tenancy: 0,
            behind: None,
        };
        let routed = node.macs.iter().all(|mac| self.is_router(*mac));
        Some(Owner::Address(if routed { anywhere } else { *key }))
    }

    /// The one interface that sent everything of this local address, straight and for few others.
    fn only_interface(&self, ledger: &Ledger, ip: IpAddr, node: &Node) -> Option<Mac> {
        let [mac] = node.macs.as_slice() else {
            return None;
        };
        let direct = node.presence.is_some_and(|presence| presence.direct);
        let link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        let alone = ip.is_ipv6() || !self.has_many(*mac);
        let straight = direct && alone && ledger.locality.is_local(ip) && !self.is_router(*mac);
        (!is_virtual(*mac) && (link_local || straight)).then_some(*mac)
    }

    /// Packets of an address seen elsewhere than at its holder: the same host's, unless another interface sent them itself.
    fn may_be_routed_copy(&self, node: &Node, holder: Mac) -> bool {
        node.macs
            .iter()
            .all(|mac| *mac == holder || self.is_router(*mac) || is_virtual(*mac))
    }
}

fn shown(ledger: &Ledger, ip: IpAddr, node: &Node) -> Shown {
    let direct = node.presence.is_some_and(|presence| presence.direct);
    let foreign = !direct || !ledger.locality.is_local(ip);
    Shown {
        holder: node.holder,
        macs: node.macs.as_slice().into(),
        routes: node
            .macs
            .iter()
            .filter(|mac| node.holder != Some(**mac) && foreign)
            .copied()
            .collect(),
    }
}

/// Puts a node on a list, or takes it off.
fn list<K: std::hash::Hash + Eq>(
    lists: &mut HashMap<K, Vec<NodeKey>>,
    on: K,
    key: NodeKey,
    wanted: bool,
) {
    if wanted {
        let nodes = lists.entry(on).or_default();
        if !nodes.contains(&key) {
            if nodes.is_empty() {
                nodes.reserve_exact(1);
            }
            nodes.push(key);
        }
    } else if let Some(nodes) = lists.get_mut(&on) {
        nodes.retain(|other| *other != key);
        if nodes.is_empty() {
            lists.remove(&on);
        }
    }
}
