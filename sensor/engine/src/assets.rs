//! What an asset looks like: its addresses, and what everything said of them comes to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use fossick_fingerprints::{ETHERNET_MANUFACTURER, Said, manufacturer};
use fossick_model::{
    Addresses, Asset, Attribute, Category, Fact, Kind, Observation, Service, Time, Word,
};
use fossick_parsers::Place;

use crate::census::Owner;
use crate::event::{Address, Places, Proof};
use crate::facts::{Reader, ServiceFact, rank};
use crate::ledger::{Node, NodeKey};
use crate::limits::VALUES_PER_KEY;
use crate::place::Locality;

/// The asset that these nodes are; nothing if nobody was heard there, or if it is on the Internet and not asked for.
pub(crate) fn asset(
    owner: Owner,
    members: Vec<(NodeKey, &Node)>,
    id: &str,
    locality: &Locality,
    abroad: bool,
    reader: &mut Reader<'_>,
) -> Option<Asset> {
    Group {
        owner,
        members,
        id,
        locality,
        abroad,
    }
    .asset(reader)
}

/// The addresses of one asset.
struct Group<'n> {
    owner: Owner,
    members: Vec<(NodeKey, &'n Node)>,
    /// Its id.
    id: &'n str,
    locality: &'n Locality,
    /// Hosts on the Internet are assets too.
    abroad: bool,
}

impl Group<'_> {
    fn asset(&self, reader: &mut Reader<'_>) -> Option<Asset> {
        let own = || self.members.iter().filter(|(key, _)| key.behind.is_none());
        let external = self.is_external();
        if external && !self.abroad {
            return None;
        }
        if !own().any(|(_, node)| node.was_heard())
            && !self.members.iter().any(|(k, _)| k.behind.is_some())
        {
            return None;
        }
        let mut places: BTreeMap<Place, Vec<&Node>> = BTreeMap::new();
        for (key, node) in &self.members {
            if let Some(place) = key.behind {
                places.entry(place).or_default().push(node);
            }
        }
        let nodes: Vec<&Node> = own().map(|(_, node)| *node).collect();
        let manufacturer = self.manufacturer(reader);
        let mut asset = describe(&nodes, manufacturer, reader);
        self.id.clone_into(&mut asset.id);
        asset.addresses = Some(self.addresses());
        asset.external = external;
        asset.visibility = self.visibility().into_iter().map(Word::from).collect();
        asset.children = places
            .into_iter()
            .take(crate::limits::CHILDREN)
            .map(|(place, nodes)| {
                let mut child = describe(&nodes, None, reader);
                child.id = hash_of(&format!("{} {place}", self.id));
                child.path = Some(place.to_string());
                child
            })
            .collect();
        for child in &asset.children {
            if asset.first_seen == Time::default() {
                asset.first_seen = child.first_seen;
            }
            asset.last_seen = asset.last_seen.max(child.last_seen);
        }
        Some(asset)
    }

    fn addresses(&self) -> Addresses {
        let mut addresses = Addresses::default();
        if let Owner::Interface(mac) = self.owner {
            addresses.mac.push(mac.to_string());
        }
        for (key, _) in &self.members {
            match key.address {
                Address::Ip(_, IpAddr::V4(ip)) => addresses.ipv4.push(ip),
                Address::Ip(_, IpAddr::V6(ip)) => addresses.ipv6.push(ip),
                Address::Mac(_) => {}
            }
        }
        addresses.ipv4.sort_unstable();
        addresses.ipv4.dedup();
        addresses.ipv6.sort_unstable();
        addresses.ipv6.dedup();
        addresses
    }

    fn is_external(&self) -> bool {
        matches!(self.owner, Owner::Address(_))
            && self.members.iter().all(|(key, _)| match key.address {
                Address::Ip(_, ip) => !self.locality.is_local(ip),
                Address::Mac(_) => false,
            })
    }

    fn visibility(&self) -> Vec<&'static str> {
        let mut seen = Vec::new();
        let presences = || self.members.iter().filter_map(|(_, node)| node.presence);
        if presences().next().is_none() {
            seen.push("never-spoke");
        } else if presences().all(|presence| !presence.unicast) {
            seen.push("broadcast-only");
        } else if presences().all(|presence| !presence.two_way) {
            seen.push("one-way");
        }
        match self.owner {
            Owner::Interface(mac) if mac.is_local() => seen.push("randomised-mac"),
            Owner::Address(_) if self.members.iter().any(|(_, node)| !node.macs.is_empty()) => {
                seen.push("routed-mac");
            }
            Owner::Interface(_) | Owner::Address(_) => {}
        }
        let tagged = |(_, node): &&(NodeKey, &Node)| !node.vlans.is_empty();
        let count = self.members.iter().filter(tagged).count();
        if count > 0 && count < self.members.len() {
            seen.push("vlan-on-one-side");
        }
        seen.sort_unstable();
        seen
    }

    /// Who registered the interface's address block (IEEE MA-L, MA-M, MA-S).
    fn manufacturer(&self, reader: &mut Reader<'_>) -> Option<(Fact, Observation)> {
        let Owner::Interface(mac) = self.owner else {
            return None;
        };
        let name: Arc<str> = Arc::from(manufacturer(mac)?);
        let first = self.members.iter().filter_map(|(_, node)| node.presence);
        let first = first.min_by_key(|presence| (presence.first, presence.frame))?;
        let evidence = reader.evidence(&Proof {
            capture: first.capture,
            time: first.first,
            places: Places::One((first.frame, 0, 0)),
        });
        let reading = reader.read(ETHERNET_MANUFACTURER, &name).first()?;
        let (_, vendor) = reading
            .facts
            .iter()
            .find(|(said, _)| *said == Said::Asset(Attribute::Vendor))?;
        let fact = Fact {
            attribute: Attribute::Vendor,
            value: vendor.clone(),
            certainty: reading.certainty,
            key: ETHERNET_MANUFACTURER.into(),
            raw: Arc::clone(&name),
            fingerprint: Arc::from(reading.fingerprint.as_str()),
            evidence: evidence.clone(),
        };
        let observation = Observation {
            key: ETHERNET_MANUFACTURER.into(),
            value: name,
            evidence,
        };
        Some((fact, observation))
    }
}

/// Everything but where it is.
fn describe(
    nodes: &[&Node],
    manufacturer: Option<(Fact, Observation)>,
    reader: &mut Reader<'_>,
) -> Asset {
    let mut facts = Vec::new();
    let mut served = Vec::new();
    let mut observations = Vec::new();
    for node in nodes {
        let (said, services) = reader.facts(node);
        facts.extend(said);
        served.extend(services);
        observations.extend(node.heard.iter().map(|heard| Observation {
            key: heard.key.0.into(),
            value: Arc::clone(&heard.value),
            evidence: reader.evidence(&heard.proof),
        }));
    }
    // Only the maker's name of the interface: worth telling where the device itself tells nothing.
    if let Some((fact, _)) = manufacturer {
        facts.push(fact);
    }
    observations.sort_by(|a, b| {
        let key = |o: &Observation| (Arc::clone(&o.value), o.evidence.time);
        a.key.cmp(&b.key).then_with(|| key(a).cmp(&key(b)))
    });
    observations.dedup_by(|later, first| (&later.key, &later.value) == (&first.key, &first.value));
    let observations = earliest(observations);
    rank(&mut facts);
    let presences = || nodes.iter().filter_map(|node| node.presence);
    let won = |attribute: Attribute| {
        let winner = facts.iter().find(|fact| fact.attribute == attribute);
        winner.map(|fact| fact.value.clone())
    };
    let kind = won(Attribute::Kind).and_then(|name| Kind::named(&name));
    let mut hostnames: Vec<String> = Vec::new();
    for fact in facts.iter().filter(|f| f.attribute == Attribute::Hostname) {
        if !hostnames
            .iter()
            .any(|h| h.eq_ignore_ascii_case(&fact.value))
        {
            hostnames.push(fact.value.clone());
        }
    }
    let peers: BTreeSet<u32> = nodes.iter().flat_map(|node| &node.peers).copied().collect();
    let protocols: BTreeSet<&str> = nodes.iter().flat_map(|n| &n.protocols).copied().collect();
    let vlans: BTreeSet<u16> = nodes.iter().flat_map(|node| &node.vlans).copied().collect();
    Asset {
        id: String::new(),
        addresses: None,
        path: None,
        vlans: vlans.into_iter().collect(),
        hostnames,
        vendor: won(Attribute::Vendor),
        model: won(Attribute::Model),
        product: won(Attribute::Product),
        order_number: won(Attribute::OrderNumber),
        hardware: won(Attribute::Hardware),
        firmware: won(Attribute::Firmware),
        serial: won(Attribute::Serial),
        os: won(Attribute::Os),
        os_version: won(Attribute::OsVersion),
        domain: won(Attribute::Domain),
        location: won(Attribute::Location),
        description: won(Attribute::Description),
        kind,
        category: kind.map_or(Category::UNKNOWN, Kind::category),
        external: false,
        protocols: protocols.into_iter().map(Word::from).collect(),
        services: services(nodes, &served),
        peers: u32::try_from(peers.len()).unwrap_or(u32::MAX),
        first_seen: presences().map(|p| p.first).min().unwrap_or_default(),
        last_seen: presences().map(|p| p.last).max().unwrap_or_default(),
        visibility: Vec::new(),
        children: Vec::new(),
        facts,
        observations,
        findings: Vec::new(),
    }
}

/// Of each key the values said first: the contract lists so many, however many addresses said them.
fn earliest(mut observations: Vec<Observation>) -> Vec<Observation> {
    observations
        .sort_by_cached_key(|o| (o.key.clone(), o.evidence.time, o.evidence.frames.first()));
    let (mut key, mut count) = (Word::default(), 0_usize);
    observations.retain(|observation| {
        if observation.key != key {
            (key, count) = (observation.key.clone(), 0);
        }
        count = count.saturating_add(1);
        count <= VALUES_PER_KEY
    });
    observations.sort_by(|a, b| (&a.key, &a.value).cmp(&(&b.key, &b.value)));
    observations
}

fn services(nodes: &[&Node], served: &[ServiceFact]) -> Vec<Service> {
    let mut services: BTreeMap<_, Option<&'static str>> = BTreeMap::new();
    for node in nodes {
        for (transport, port, protocol) in &node.services {
            let known = services.entry((*transport, *port)).or_default();
            *known = known.or(*protocol);
        }
    }
    let mut services: Vec<Service> = services
        .into_iter()
        .map(|((transport, port), protocol)| {
            let about = |said: Said| {
                served
                    .iter()
                    .filter(|fact| {
                        (fact.transport, fact.port, fact.said) == (transport, port, said)
                    })
                    .max_by_key(|fact| (fact.certainty, fact.value.len()))
                    .map(|fact| fact.value.clone())
            };
            Service {
                transport,
                port,
                protocol: protocol.map(Word::from),
                product: about(Said::ServiceProduct),
                version: about(Said::ServiceVersion),
            }
        })
        .collect();
    services.sort_by_key(|service| (service.port, service.transport));
    services
}

/// The id of an asset whose first strong identifier is its owner.
pub(crate) fn first_id(owner: Owner) -> String {
    hash_of(&identity(owner))
}

/// The identifier that an id is made from: the interface, or the zone and address.
pub(crate) fn identity(owner: Owner) -> String {
    match owner {
        Owner::Interface(mac) => format!("mac {mac}"),
        Owner::Address(key) => match key.address {
            Address::Mac(mac) => format!("mac {mac}"),
            Address::Ip(vlan, ip) => format!("ip {vlan} {ip} {}", key.tenancy),
        },
    }
}

/// 16 hex digits that stay the same from run to run (FNV-1a, 64 bits).
fn hash_of(identity: &str) -> String {
    let hash = identity
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}
