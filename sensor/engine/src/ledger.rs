//! What was said of whom. The only writer of what is known; applies events in frame order.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use fossick_model::{Time, Transport};
use fossick_parsers::{Key, Mac, Place};
use hashbrown::{HashMap, HashSet};

use crate::conversation::{At, Conversations, Key as Talking};
use crate::event::{Address, End, Event, Presence, Proof, Stamped, Who};
use crate::hours::Hours;
use crate::limits;
use crate::place::Locality;
use crate::values::Values;

/// One address at one time: when an IP address goes to another interface, another node begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeKey {
    pub address: Address,
    /// How many holders the IP address had before this one.
    pub tenancy: u8,
    pub behind: Option<Place>,
}

impl NodeKey {
    /// The host itself, where this is a device behind it.
    pub fn host(self) -> NodeKey {
        NodeKey {
            behind: None,
            ..self
        }
    }
}

/// Something said, and who heard it where.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub key: Key,
    pub value: Arc<str>,
    pub proof: Proof,
    pub service: Option<(Transport, u16)>,
}

/// A port that is served, and the protocol where that was recognised.
pub(crate) type Served = (Transport, u16, Option<&'static str>);

/// Everything known of one address, or of one device behind it. Lists are short, in order, and without repetition.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub presence: Option<Presence>,
    pub vlans: Vec<u16>,
    pub protocols: Vec<&'static str>,
    pub heard: Vec<Heard>,
    pub services: Vec<Served>,
    /// Hashes of the addresses it talked with: to count them.
    pub peers: Vec<u32>,
    /// Interfaces its packets came from.
    pub macs: Vec<Mac>,
    /// The interface that said, or was told, to hold this IP address.
    pub holder: Option<Mac>,
}

/// Every node, and which of its tenancies an IP address is in now.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Each with memory of its own: the table grows by doubling.
    nodes: HashMap<NodeKey, Box<Node>>,
    tenancies: HashMap<Address, Vec<Option<Mac>>>,
    current: HashMap<Address, u8>,
    /// Nodes that are not ours (yet), in the order in which they came.
    passing: VecDeque<NodeKey>,
    /// Nodes of which something changed, besides when they were heard last.
    changed: HashSet<NodeKey>,
    /// Nodes that were heard since they were written down.
    heard: HashSet<NodeKey>,
    values: Values,
    pub conversations: Conversations,
    pub hours: Hours,
    pub locality: Locality,
    /// Nodes that were refused because there are too many.
    pub refused: u64,
    /// Nodes in passing that gave way.
    pub gave_way: u64,
}

impl Ledger {
    /// Takes one event. True if it brought an observation or a conversation that is new and kept.
    pub fn apply(&mut self, stamped: Stamped) -> bool {
        match stamped.event {
            Event::Observed {
                who,
                key,
                value,
                proof,
                service,
            } => {
                let time = stamped.time;
                let value = self.values.shared(value);
                return self.edit(who, |node| {
                    let new = node.observe(key, value, proof, service);
                    if who.behind.is_some() {
                        let first = node.presence.is_none();
                        node.sighted(time);
                        // A key begins with the name of the protocol that declares it.
                        let spoken = key.0.split('.').next();
                        return new
                            | first
                            | spoken.is_some_and(|name| add(&mut node.protocols, name));
                    }
                    new
                });
            }
            Event::Speaks { who, protocol } => {
                self.edit(who, |node| add(&mut node.protocols, protocol.name));
            }
            Event::Serves {
                who,
                transport,
                port,
                protocol,
            } => {
                let name = protocol.map(|protocol| protocol.name);
                self.edit(who, |node| node.serves(transport, port, name));
            }
            Event::Holds { mac, vlan, ip } => self.holds(mac, Address::Ip(vlan, ip)),
            Event::Present { end, presence } => self.present(end, presence),
            Event::Conversed { pair, talk } => {
                let tenancy = |(vlan, ip): At| {
                    let address = Address::Ip(vlan, ip);
                    self.current.get(&address).copied().unwrap_or_default()
                };
                let tenancies = (tenancy(pair.client), tenancy(pair.server));
                let key = Talking { pair, tenancies };
                return self.conversations.apply(key, &talk);
            }
            Event::Talked { one, other } => {
                for (who, peer) in [(one, other), (other, one)] {
                    let hash = FixedState::with_seed(2).hash_one(peer);
                    let peer = u32::try_from(hash >> 32).unwrap_or_default();
                    self.edit(who.into(), |node| {
                        node.peers.len() < limits::PEERS && add(&mut node.peers, peer)
                    });
                }
            }
        }
        false
    }

    /// One node.
    pub fn get(&self, key: &NodeKey) -> Option<&Node> {
        self.nodes.get(key).map(Box::as_ref)
    }

    /// How many nodes are held.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// How many of them are in passing.
    pub fn passing(&self) -> usize {
        self.passing.len()
    }

    /// Nodes that changed, so many at most, in order. Some are gone.
    pub fn take_changed(&mut self, most: usize) -> Vec<NodeKey> {
        take(&mut self.changed, most)
    }

    /// Nodes that were heard again, so many at most, of which nothing else changed.
    pub fn take_heard(&mut self, most: usize) -> Vec<NodeKey> {
        take(&mut self.heard, most)
    }

    /// How many nodes wait to be looked at.
    pub fn waiting(&self) -> usize {
        self.changed.len()
    }

    /// Whether the address is in this tenancy now.
    pub fn is_current(&self, key: &NodeKey) -> bool {
        self.current.get(&key.address).copied().unwrap_or_default() == key.tenancy
    }

    /// Takes in a node that was written down.
    pub fn restore(&mut self, key: NodeKey, node: Node, current: bool) {
        if let (Some(holder), Address::Ip(..)) = (node.holder, key.address) {
            let tenancies = self.tenancies.entry(key.address).or_default();
            let tenancy = usize::from(key.tenancy);
            if tenancies.len() <= tenancy {
                tenancies.resize(tenancy.saturating_add(1), None);
            }
            if let Some(place) = tenancies.get_mut(tenancy) {
                *place = Some(holder);
            }
        }
        if current && key.tenancy > 0 {
            self.current.insert(key.address, key.tenancy);
        }
        self.nodes.insert(key, Box::new(node));
        self.changed.insert(key);
    }

    /// Has nodes looked at again.
    pub fn touch(&mut self, keys: &[NodeKey]) {
        self.changed.extend(keys);
    }

    /// Has every node looked at again.
    pub fn touch_all(&mut self) {
        self.changed.extend(self.nodes.keys());
    }

    /// The nodes with this IP address, on whatever VLAN.
    pub fn nodes_at(&self, ip: std::net::IpAddr) -> Vec<NodeKey> {
        let keys = self.nodes.keys();
        keys.filter(|key| matches!(key.address, Address::Ip(_, other) if other == ip))
            .copied()
            .collect()
    }

    /// Removes a node and what is known of it.
    pub fn forget(&mut self, key: &NodeKey) {
        self.nodes.remove(key);
        self.changed.insert(*key);
    }

    /// Changes a node; the closure says whether it did.
    fn edit(&mut self, who: Who, change: impl FnOnce(&mut Node) -> bool) -> bool {
        let tenancy = self.current.get(&who.address).copied().unwrap_or_default();
        let key = NodeKey {
            address: who.address,
            tenancy,
            behind: who.behind,
        };
        let Some(node) = self.at(key) else {
            return false;
        };
        let changed = change(node);
        if changed {
            self.changed.insert(key);
        }
        changed
    }

    fn at(&mut self, key: NodeKey) -> Option<&mut Node> {
        if !self.nodes.contains_key(&key) {
            let ours = self.nodes.len().saturating_sub(self.passing.len());
            if ours >= limits::NODES {
                self.refused = self.refused.saturating_add(1);
                return None;
            }
            self.make_room();
            self.passing.push_back(key);
            self.changed.insert(key);
        }
        let node = self.nodes.entry(key).or_default();
        if let Address::Ip(vlan, _) = key.address
            && vlan != 0
        {
            add(&mut node.vlans, vlan);
        }
        Some(node)
    }

    /// Everybody comes in passing; who turns out to be ours stays, the others give way in the order they came.
    fn make_room(&mut self) {
        while self.passing.len() >= limits::PASSING {
            let Some(oldest) = self.passing.pop_front() else {
                return;
            };
            let host = self.nodes.get(&oldest.host());
            let heard = host.is_some_and(|node| node.was_heard()) || oldest.behind.is_some();
            let local = match oldest.address {
                Address::Ip(_, ip) => {
                    self.locality.is_local(ip) || host.is_some_and(|node| node.holder.is_some())
                }
                Address::Mac(_) => true,
            };
            if !(heard && local) {
                self.nodes.remove(&oldest);
                self.tenancies.remove(&oldest.address);
                self.current.remove(&oldest.address);
                self.changed.insert(oldest);
                self.heard.remove(&oldest);
                self.gave_way = self.gave_way.saturating_add(1);
            }
        }
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
        let before = self.current.insert(address, tenancy).unwrap_or_default();
        if before != tenancy {
            self.changed.insert(NodeKey {
                address,
                tenancy: before,
                behind: None,
            });
        }
        self.edit(address.into(), |node| {
            node.holder.replace(mac) != Some(mac) || before != tenancy
        });
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
        let mut changed = if let Some(known) = &mut node.presence {
            known.merge(presence)
        } else {
            node.presence = Some(presence);
            true
        };
        if end.vlan != 0 {
            changed |= add(&mut node.vlans, end.vlan);
        }
        if let (Some(mac), Some(_)) = (end.mac, end.ip)
            && node.macs.len() < limits::MACS_PER_IP
        {
            changed |= add(&mut node.macs, mac);
        }
        if changed {
            self.changed.insert(key);
        } else {
            self.heard.insert(key);
        }
    }
}

/// Takes so many out at most, in order.
fn take(from: &mut HashSet<NodeKey>, most: usize) -> Vec<NodeKey> {
    let mut taken: Vec<NodeKey> = if from.len() <= most {
        // What is left empty shall not keep the room that a flood took.
        std::mem::take(from).into_iter().collect()
    } else {
        from.iter().take(most).copied().collect()
    };
    for key in &taken {
        from.remove(key);
    }
    taken.sort_unstable();
    taken
}

/// Adds to a list in order; true if it was not there.
fn add<T: Ord>(list: &mut Vec<T>, item: T) -> bool {
    match list.binary_search(&item) {
        Ok(_) => false,
        Err(place) => {
            if list.is_empty() {
                list.reserve_exact(1);
            }
            list.insert(place, item);
            true
        }
    }
}

impl Node {
    fn observe(
        &mut self,
        key: Key,
        value: Arc<str>,
        proof: Proof,
        service: Option<(Transport, u16)>,
    ) -> bool {
        let start = self.heard.partition_point(|heard| heard.key < key);
        let end = self.heard.partition_point(|heard| heard.key <= key);
        let values = self.heard.get(start..end).unwrap_or_default();
        let known = values.iter().any(|heard| *heard.value == *value);
        if known || values.len() >= limits::VALUES_PER_KEY {
            return false;
        }
        if self.heard.len() == self.heard.capacity() {
            self.heard.reserve_exact(2);
        }
        self.heard.insert(
            end,
            Heard {
                key,
                value,
                proof,
                service,
            },
        );
        true
    }

    fn serves(&mut self, transport: Transport, port: u16, protocol: Option<&'static str>) -> bool {
        let place = self
            .services
            .binary_search_by_key(&(transport, port), |(transport, port, _)| {
                (*transport, *port)
            });
        match place {
            Ok(place) => self
                .services
                .get_mut(place)
                .filter(|_| protocol.is_some())
                .is_some_and(|known| std::mem::replace(&mut known.2, protocol) != protocol),
            Err(place) if self.services.len() < limits::SERVICES => {
                if self.services.is_empty() {
                    self.services.reserve_exact(1);
                }
                self.services.insert(place, (transport, port, protocol));
                true
            }
            Err(_) => false,
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
            Some(known) => {
                known.merge(presence);
            }
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
