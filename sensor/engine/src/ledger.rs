//! What was said of whom. The only writer of the asset model; applies events in frame order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use fossick_model::{Time, Transport};
use fossick_parsers::{Key, Mac, Place};
use hashbrown::HashMap;

use crate::event::{Address, End, Event, Presence, Proof, Stamped, Who};
use crate::limits;

/// One address at one time: when an IP address goes to another interface, another node begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeKey {
    pub address: Address,
    /// How many holders the IP address had before this one.
    pub tenancy: u8,
    pub behind: Option<Place>,
}

/// Something said, and who heard it where.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub value: Arc<str>,
    pub proof: Proof,
    pub service: Option<(Transport, u16)>,
}

/// Everything known of one address, or of one device behind it.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub presence: Option<Presence>,
    pub vlans: BTreeSet<u16>,
    pub protocols: BTreeSet<&'static str>,
    pub heard: BTreeMap<Key, Vec<Heard>>,
    pub services: BTreeMap<(Transport, u16), Option<&'static str>>,
    pub peers: BTreeSet<Address>,
    /// Interfaces its packets came from.
    pub macs: Vec<Mac>,
    /// The interface that said, or was told, to hold this IP address.
    pub holder: Option<Mac>,
}

/// Every node, and which of its tenancies an IP address is in now.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    nodes: HashMap<NodeKey, Node>,
    tenancies: HashMap<Address, Vec<Option<Mac>>>,
    current: HashMap<Address, u8>,
    /// Nodes that were refused because there are too many.
    pub refused: u64,
}

impl Ledger {
    /// Takes one event.
    pub fn apply(&mut self, stamped: Stamped) {
        match stamped.event {
            Event::Observed {
                who,
                key,
                value,
                proof,
                service,
            } => {
                let time = stamped.time;
                if let Some(node) = self.node(who) {
                    node.observe(key, value, proof, service);
                    if who.behind.is_some() {
                        node.sighted(time);
                        // A key begins with the name of the protocol that declares it.
                        node.protocols.extend(key.0.split('.').next());
                    }
                }
            }
            Event::Speaks { who, protocol } => {
                if let Some(node) = self.node(who) {
                    node.protocols.insert(protocol.name);
                }
            }
            Event::Serves {
                who,
                transport,
                port,
                protocol,
            } => {
                if let Some(node) = self.node(who)
                    && (node.services.len() < limits::SERVICES
                        || node.services.contains_key(&(transport, port)))
                {
                    let known = node.services.entry((transport, port)).or_default();
                    *known = protocol.map(|protocol| protocol.name).or(*known);
                }
            }
            Event::Holds { mac, vlan, ip } => self.holds(mac, Address::Ip(vlan, ip)),
            Event::Present { end, presence } => self.present(end, presence),
            Event::Talked { one, other } => {
                for (who, peer) in [(one, other), (other, one)] {
                    if let Some(node) = self.node(who.into())
                        && node.peers.len() < limits::PEERS
                    {
                        node.peers.insert(peer);
                    }
                }
            }
        }
    }

    /// Everything, in order of address.
    pub fn nodes(&self) -> Vec<(NodeKey, &Node)> {
        let mut nodes: Vec<_> = self.nodes.iter().map(|(key, node)| (*key, node)).collect();
        nodes.sort_by_key(|(key, _)| *key);
        nodes
    }

    fn node(&mut self, who: Who) -> Option<&mut Node> {
        let tenancy = self.current.get(&who.address).copied().unwrap_or_default();
        self.at(NodeKey {
            address: who.address,
            tenancy,
            behind: who.behind,
        })
    }

    fn at(&mut self, key: NodeKey) -> Option<&mut Node> {
        if self.nodes.len() >= limits::NODES && !self.nodes.contains_key(&key) {
            self.refused = self.refused.saturating_add(1);
            return None;
        }
        let node = self.nodes.entry(key).or_default();
        if let Address::Ip(vlan, _) = key.address
            && vlan != 0
        {
            node.vlans.insert(vlan);
        }
        Some(node)
    }

    /// An interface holds an IP address. If another held it, a new tenancy begins, or an earlier one goes on.
    fn holds(&mut self, mac: Mac, address: Address) {
        if is_virtual(mac) {
            return;
        }
        let tenancies = self.tenancies.entry(address).or_default();
        let known = tenancies.iter().position(|holder| *holder == Some(mac));
        let tenancy = match known {
            Some(tenancy) => tenancy,
            None if tenancies.len() < limits::TENANCIES => {
                tenancies.push(Some(mac));
                tenancies.len().saturating_sub(1)
            }
            None => return,
        };
        let tenancy = u8::try_from(tenancy).unwrap_or(u8::MAX);
        self.current.insert(address, tenancy);
        if let Some(node) = self.node(address.into()) {
            node.holder = Some(mac);
        }
    }

    fn present(&mut self, end: End, presence: Presence) {
        let Some(address) = end.address() else {
            return;
        };
        // What was heard from an interface belongs to the time when that interface held the address.
        let tenancies = self.tenancies.get(&address);
        let by_mac = end.mac.and_then(|mac| {
            let mut holders = tenancies?.iter();
            holders.position(|holder| *holder == Some(mac))
        });
        let tenancy = by_mac
            .and_then(|tenancy| u8::try_from(tenancy).ok())
            .or_else(|| self.current.get(&address).copied())
            .unwrap_or_default();
        let key = NodeKey {
            address,
            tenancy,
            behind: None,
        };
        let Some(node) = self.at(key) else {
            return;
        };
        match &mut node.presence {
            Some(known) => known.merge(presence),
            None => node.presence = Some(presence),
        }
        if end.vlan != 0 {
            node.vlans.insert(end.vlan);
        }
        if let (Some(mac), Some(_)) = (end.mac, end.ip)
            && !node.macs.contains(&mac)
            && node.macs.len() < limits::MACS_PER_IP
        {
            node.macs.push(mac);
        }
    }
}

impl Node {
    fn observe(
        &mut self,
        key: Key,
        value: String,
        proof: Proof,
        service: Option<(Transport, u16)>,
    ) {
        let values = self.heard.entry(key).or_default();
        let known = values.iter().any(|heard| *heard.value == *value);
        if !known && values.len() < limits::VALUES_PER_KEY {
            let value = Arc::from(value);
            values.push(Heard {
                value,
                proof,
                service,
            });
        }
    }

    /// A device behind another is there when it is spoken for.
    fn sighted(&mut self, time: Time) {
        let presence = Presence {
            first: time,
            last: time,
            frame: 0,
            capture: 0,
            direct: false,
            proven: true,
            two_way: false,
            unicast: false,
            announced: 0,
        };
        match &mut self.presence {
            Some(known) => known.merge(presence),
            None => self.presence = Some(presence),
        }
    }

    /// Whether it was itself heard: what others say of an address makes no asset.
    pub fn was_heard(&self) -> bool {
        !self.protocols.is_empty()
            || !self.services.is_empty()
            || self
                .presence
                .is_some_and(|presence| presence.proven || presence.announced > 1)
    }
}

/// Addresses that redundant routers share: VRRP (RFC 9568 §7.3), HSRP (RFC 2281 §5.3 and version 2), GLBP, CARP.
pub(crate) fn is_virtual(mac: Mac) -> bool {
    matches!(
        mac.0,
        [0x00, 0x00, 0x5e, 0x00, 0x01 | 0x02, _]
            | [0x00, 0x00, 0x0c, 0x07, 0xac, _]
            | [0x00, 0x00, 0x0c, 0x9f, 0xf0..=0xff, _]
            | [0x00, 0x07, 0xb4, 0x00, _, _]
    )
}

/// Private, shared, link-local, unique-local and loopback addresses: ours unless configured otherwise.
pub(crate) fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_unique_local() || ip.is_loopback(),
    }
}
