//! Nodes as they are written down: a key and a value as text, so that a store outlives the program that wrote it.

use std::net::IpAddr;
use std::sync::Arc;

use fossick_model::{Time, Transport, Word};
use fossick_parsers::{Key, Mac, PROTOCOLS, Place};
use serde::{Deserialize, Serialize};

use crate::census::Owner;
use crate::event::{Address, Part, Places, Presence, Proof};
use crate::ledger::{Heard, Ledger, Node, NodeKey};

/// One node: its key, and what is known of it (JSON); nothing if it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `mac 00:1b:1b:aa:bb:cc` or `ip 10 192.0.2.1 0` (VLAN, address, tenancy), and `> unit 5` for a device behind it.
    pub key: String,
    /// See [`Record`].
    pub value: Option<String>,
}

/// What is known of a node.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Record {
    #[serde(skip_serializing_if = "Option::is_none")]
    presence: Option<Seen>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vlans: Vec<u16>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    protocols: Vec<Word>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    heard: Vec<Said>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    services: Vec<(Transport, u16, Option<Word>)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    peers: Vec<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    macs: Vec<[u8; 6]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<[u8; 6]>,
    /// Whether the address is in this tenancy now.
    current: bool,
}

#[expect(clippy::struct_excessive_bools, reason = "as in `Presence`")]
#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    first: i64,
    last: i64,
    frame: u64,
    capture: u32,
    direct: bool,
    proven: bool,
    two_way: bool,
    unicast: bool,
    announced: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Said {
    key: Word,
    value: Arc<str>,
    capture: u32,
    time: i64,
    frames: Vec<u64>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    octets: Vec<Part>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<(Transport, u16)>,
}

/// A node as it stands.
pub(crate) fn row(ledger: &Ledger, key: &NodeKey) -> Row {
    let value = ledger.get(key).map(|node| {
        let record = Record {
            presence: node.presence.map(|seen| Seen {
                first: seen.first.0,
                last: seen.last.0,
                frame: seen.frame,
                capture: seen.capture,
                direct: seen.direct,
                proven: seen.proven,
                two_way: seen.two_way,
                unicast: seen.unicast,
                announced: seen.announced,
            }),
            vlans: node.vlans.clone(),
            protocols: node.protocols.iter().copied().map(Word::from).collect(),
            heard: node.heard.iter().map(said).collect(),
            services: node
                .services
                .iter()
                .map(|(transport, port, name)| (*transport, *port, name.map(Word::from)))
                .collect(),
            peers: node.peers.clone(),
            macs: node.macs.iter().map(|mac| mac.0).collect(),
            holder: node.holder.map(|mac| mac.0),
            current: ledger.is_current(key),
        };
        // Numbers and text alone: there is nothing in it that JSON cannot say.
        serde_json::to_string(&record).unwrap_or_default()
    });
    Row {
        key: text(key),
        value,
    }
}

fn said(heard: &Heard) -> Said {
    Said {
        key: heard.key.0.into(),
        value: Arc::clone(&heard.value),
        capture: heard.proof.capture,
        time: heard.proof.time.0,
        frames: heard.proof.places.frames(),
        octets: heard.proof.places.octets(),
        service: heard.service,
    }
}

/// A node that was written down: its key, itself, and whether its address is in its tenancy now.
/// What protocols say that no longer exist is left out.
pub(crate) fn node(row: &Row) -> Option<(NodeKey, Node, bool)> {
    let key = key(&row.key)?;
    let record: Record = serde_json::from_str(row.value.as_deref()?).ok()?;
    let name = |word: &Word| {
        let protocol = PROTOCOLS.iter().find(|protocol| protocol.name == word);
        protocol.map(|protocol| protocol.name)
    };
    let mut node = Node {
        presence: record.presence.map(|seen| Presence {
            first: Time(seen.first),
            last: Time(seen.last),
            frame: seen.frame,
            capture: seen.capture,
            direct: seen.direct,
            proven: seen.proven,
            two_way: seen.two_way,
            unicast: seen.unicast,
            announced: seen.announced,
        }),
        vlans: record.vlans,
        protocols: record.protocols.iter().filter_map(name).collect(),
        heard: record
            .heard
            .into_iter()
            .filter_map(|said| {
                Some(Heard {
                    key: known_key(&said.key)?,
                    value: said.value,
                    proof: Proof {
                        capture: said.capture,
                        time: Time(said.time),
                        places: Places::of(&said.frames, &said.octets),
                    },
                    service: said.service,
                })
            })
            .collect(),
        services: record
            .services
            .iter()
            .map(|(transport, port, word)| (*transport, *port, word.as_ref().and_then(name)))
            .collect(),
        peers: record.peers,
        macs: record.macs.into_iter().map(Mac).collect(),
        holder: record.holder.map(Mac),
    };
    node.protocols.sort_unstable();
    // Stable: the values of a key stay in the order in which they were said.
    node.heard.sort_by_key(|heard| heard.key);
    Some((key, node, record.current))
}

/// Which octets of a packet say what a key says (first, count), in a node that was written down; of all keys where it is empty.
#[must_use]
pub fn said_in(value: &str, capture: u32, frame: u64, key: &str) -> Vec<(usize, usize)> {
    let Ok(record) = serde_json::from_str::<Record>(value) else {
        return Vec::new();
    };
    let said = record.heard.iter().filter(|said| said.capture == capture);
    let said = said.filter(|said| key.is_empty() || said.key == key);
    let octets = said.flat_map(|said| &said.octets);
    octets
        .filter(|(number, _, _)| *number == frame)
        .filter_map(|(_, first, count)| {
            Some((usize::try_from(*first).ok()?, usize::try_from(*count).ok()?))
        })
        .collect()
}

fn known_key(name: &str) -> Option<Key> {
    let protocol = name.split('.').next()?;
    let protocols = PROTOCOLS.iter().filter(|known| known.name == protocol);
    let mut keys = protocols.flat_map(|protocol| protocol.keys);
    keys.find(|key| key.0 == name)
        .or_else(|| {
            let mut all = PROTOCOLS.iter().flat_map(|protocol| protocol.keys);
            all.find(|key| key.0 == name)
        })
        .copied()
}

/// The key as text.
fn text(key: &NodeKey) -> String {
    let host = match key.address {
        Address::Mac(mac) => format!("mac {mac}"),
        Address::Ip(vlan, ip) => format!("ip {vlan} {ip} {}", key.tenancy),
    };
    match key.behind {
        Some(place) => format!("{host} > {place}"),
        None => host,
    }
}

fn key(text: &str) -> Option<NodeKey> {
    let (host, behind) = match text.split_once(" > ") {
        Some((host, place)) => (host, Some(place_of(place)?)),
        None => (text, None),
    };
    let mut words = host.split(' ');
    let (address, tenancy) = match words.next()? {
        "mac" => (Address::Mac(mac(words.next()?)?), 0),
        "ip" => {
            let vlan = words.next()?.parse().ok()?;
            let ip: IpAddr = words.next()?.parse().ok()?;
            (Address::Ip(vlan, ip), words.next()?.parse().ok()?)
        }
        _ => return None,
    };
    Some(NodeKey {
        address,
        tenancy,
        behind,
    })
}

fn place_of(text: &str) -> Option<Place> {
    let (word, rest) = text.split_once(' ')?;
    match word {
        "unit" => Some(Place::Unit(rest.parse().ok()?)),
        "slot" => Some(Place::Slot(rest.parse().ok()?)),
        "bacnet" => {
            let (network, digits) = rest.split_once(':')?;
            let mut address = [0; 7];
            let count = digits.len() / 2;
            for (n, octet) in address.iter_mut().enumerate().take(count) {
                let start = n.saturating_mul(2);
                let pair = digits.get(start..start.saturating_add(2))?;
                *octet = u8::from_str_radix(pair, 16).ok()?;
            }
            Some(Place::Bacnet {
                network: network.parse().ok()?,
                length: u8::try_from(count).ok()?,
                address,
            })
        }
        _ => None,
    }
}

fn mac(text: &str) -> Option<Mac> {
    let mut octets = [0; 6];
    let mut parts = text.split(':');
    for octet in &mut octets {
        *octet = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    Some(Mac(octets))
}

/// The owner that an id was made for.
pub(crate) fn owner(identity: &str) -> Option<Owner> {
    let key = key(identity)?;
    Some(match key.address {
        Address::Mac(mac) => Owner::Interface(mac),
        Address::Ip(..) => Owner::Address(key),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let ip = Address::Ip(7, "2001:db8::1".parse().unwrap());
        let mac = Address::Mac(Mac([0, 0x1b, 0x1b, 1, 2, 0xff]));
        let bacnet = Place::Bacnet {
            network: 65534,
            length: 2,
            address: [0x0a, 0xff, 0, 0, 0, 0, 0],
        };
        for address in [ip, mac] {
            for behind in [
                None,
                Some(Place::Unit(5)),
                Some(Place::Slot(3)),
                Some(bacnet),
            ] {
                let tenancy = u8::from(address == ip) * 3;
                let written = NodeKey {
                    address,
                    tenancy,
                    behind,
                };
                assert_eq!(key(&text(&written)), Some(written));
            }
        }
    }
}
