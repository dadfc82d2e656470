//! Everything known, kept up as events arrive: what `read` prints at the end and a sensor publishes round by round.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use fossick_fingerprints::Fingerprints;
use fossick_model::{
    Answered, Asked, Asset, Conversation, End, Evidence, Frames, Span, Time, Word,
};
use fossick_parsers::PROTOCOLS;
use hashbrown::{HashMap, HashSet};

use crate::assets;
use crate::batch::Batch;
use crate::census::{Census, Owner};
use crate::conversation::{
    Answered as Newest, At, First, Kept as Conversed, Key as Talking, is_expected,
};
use crate::event::{Address, Stamped};
use crate::facts::Reader;
use crate::kept::Kept;
use crate::ledger::{Ledger, Node, NodeKey};
use crate::limits;
use crate::place::Locality;
use crate::record::{self, Row};

/// What is known of all hosts.
#[derive(Debug, Default)]
pub struct Inventory {
    ledger: Ledger,
    census: Census,
    /// Names of the captures and live runs that evidence quotes, by number.
    captures: Vec<Arc<str>>,
    /// Ids that are not made from their present owner: an asset keeps its first.
    ids: HashMap<Owner, Arc<str>>,
    /// Owners whose assets were handed out.
    known: HashSet<Owner>,
    /// Whether packets that prove something are kept for whoever asks for the next round.
    keeps_packets: bool,
    kept: Vec<Kept>,
    kept_given_up: u64,
}

/// How the name of a capture begins whose conversations are our own: what is said in them was asked for. No file and no
/// interface can be called so.
pub const ASKED: &str = "asked/";

/// Whether what this capture holds was said without our asking.
pub(crate) fn is_heard(capture: &str) -> bool {
    !capture.starts_with(ASKED)
}

/// What changed since the round before.
#[derive(Debug, Default)]
pub struct Round {
    /// Nodes as they are to be written down, by key; without a value they are gone.
    pub rows: Vec<Row>,
    /// Assets that may look different.
    pub assets: Vec<Asset>,
    /// Ids of assets that are no more, and into which they went, if into one.
    pub gone: Vec<(String, Option<String>)>,
    /// Ids that are not made from their owner: owner, id.
    pub ids: Vec<(String, String)>,
    /// Packets that prove something said since.
    pub packets: Vec<Kept>,
    /// Conversations as they are to be written down, by key; nothing for those that are gone.
    pub conversations: Vec<(String, Option<Conversation>)>,
    /// When anything was heard, if that changed: first and last hour of each span.
    pub hours: Option<Vec<(i64, i64)>>,
}

impl Round {
    /// Nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
            && self.gone.is_empty()
            && self.conversations.is_empty()
            && self.hours.is_none()
    }
}

/// The addresses of an asset that was forgotten.
#[derive(Debug, Default)]
pub struct Forgotten(pub(crate) Vec<Address>);

/// Ids of the assets that nodes belong to, asked for once each.
type Ids = HashMap<NodeKey, Option<String>>;

/// How much is held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Addresses, and devices behind them.
    pub nodes: usize,
    /// Those of them that are not ours (yet).
    pub passing: usize,
    /// Those that changed since the last round.
    pub waiting: usize,
    /// Refused because there were too many.
    pub refused: u64,
    /// In passing, and gave way.
    pub gave_way: u64,
    /// Conversations.
    pub conversations: usize,
    /// Those that gave way to others.
    pub conversations_gave_way: u64,
    /// Those that changed since the last round.
    pub conversations_waiting: usize,
    /// Those left out, because one host used too many unnamed ports of another.
    pub conversations_left_out: u64,
    /// Operations told apart.
    pub words: usize,
    /// Operations left out, because there are too many.
    pub operations_left_out: u64,
    /// Spans of time in which anything was heard.
    pub spans: usize,
    /// Those of them that gave way.
    pub spans_gave_way: u64,
    /// Packets that prove something and wait to be stored.
    pub packets: usize,
    /// Packets that could not be kept.
    pub packets_given_up: u64,
}

impl Inventory {
    /// Empty, with what the configuration says of the networks.
    #[must_use]
    pub fn new(locality: Locality, keeps_packets: bool) -> Inventory {
        let mut inventory = Inventory {
            keeps_packets,
            ..Inventory::default()
        };
        inventory.ledger.locality = locality;
        inventory.ledger.conversations.followed = keeps_packets;
        inventory
    }

    /// A number for a capture or a live run, under which its frames are quoted from now on.
    pub fn capture(&mut self, name: &str) -> u32 {
        self.captures.push(Arc::from(name));
        u32::try_from(self.captures.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// The names that were given numbers.
    #[must_use]
    pub fn captures(&self) -> &[Arc<str>] {
        &self.captures
    }

    /// Frames are about to be read.
    pub(crate) fn heard(&mut self, batch: &Batch) {
        let times = batch.frames.iter().map(|frame| frame.time);
        self.ledger.hours.heard(times);
    }

    /// When anything was heard, in order.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.ledger.hours.spans()
    }

    /// Takes one event. True if it brought an observation or a conversation that is new and kept.
    pub(crate) fn apply(&mut self, stamped: Stamped) -> bool {
        self.ledger.apply(stamped)
    }

    /// Whether packets are to be handed to [`Inventory::keep`].
    pub(crate) fn keeps_packets(&self) -> bool {
        self.keeps_packets
    }

    pub(crate) fn keep(&mut self, packet: Kept) {
        if self.kept.len() < limits::KEPT_PACKETS {
            self.kept.push(packet);
        } else {
            self.kept_given_up = self.kept_given_up.saturating_add(1);
        }
    }

    /// How much is held.
    #[must_use]
    pub fn held(&self) -> Held {
        Held {
            nodes: self.ledger.len(),
            passing: self.ledger.passing(),
            waiting: self.ledger.waiting(),
            refused: self.ledger.refused,
            gave_way: self.ledger.gave_way,
            conversations: self.ledger.conversations.len(),
            conversations_gave_way: self.ledger.conversations.gave_way,
            conversations_waiting: self.ledger.conversations.waiting(),
            conversations_left_out: self.ledger.conversations.left_out,
            words: self.ledger.conversations.words(),
            operations_left_out: self.ledger.conversations.operations_left_out,
            spans: self.ledger.hours.len(),
            spans_gave_way: self.ledger.hours.gave_way,
            packets: self.kept.len(),
            packets_given_up: self.kept_given_up,
        }
    }

    /// Every asset as it stands, sorted by id. Those on the Internet are left out unless they are asked for.
    pub fn assets(&mut self, fingerprints: &Fingerprints, external: bool) -> Vec<Asset> {
        let mut assets = Vec::new();
        let Ok(()) = self.each_asset(fingerprints, external, |asset| {
            assets.push(asset);
            Ok::<(), std::convert::Infallible>(())
        });
        assets
    }

    /// Hands over what [`Inventory::assets`] lists, one by one.
    ///
    /// # Errors
    /// The first that `take` has: the rest is left out.
    pub fn each_asset<E>(
        &mut self,
        fingerprints: &Fingerprints,
        external: bool,
        mut take: impl FnMut(Asset) -> Result<(), E>,
    ) -> Result<(), E> {
        let changed = self.ledger.take_changed(usize::MAX);
        self.census.update(&self.ledger, &changed);
        let captures = self.captures.clone();
        let mut reader = Reader::new(fingerprints, &captures);
        let mut owners = self.census.all();
        owners.sort_by_cached_key(|owner| self.id(*owner));
        for owner in owners {
            if let Some(asset) = self.asset(owner, external, &mut reader) {
                take(asset)?;
            }
        }
        Ok(())
    }

    /// What changed since the round before, [`limits::ROUND`] nodes at most. `sightings` asks for the rows of nodes, too, that were merely heard again.
    pub fn round(&mut self, fingerprints: &Fingerprints, sightings: bool) -> Round {
        let changed = self.ledger.take_changed(limits::ROUND);
        let before: Vec<Option<Owner>> = changed
            .iter()
            .map(|key| self.census.owner_of(key))
            .collect();
        let owners = self.census.update(&self.ledger, &changed);
        let mut round = Round::default();
        self.follow(&changed, &before, &mut round);
        let mut rows = changed;
        let mut looked: HashSet<Owner> = owners.iter().copied().collect();
        let mut owners = owners;
        if sightings {
            for key in self.ledger.take_heard(limits::ROUND) {
                rows.push(key);
                if let Some(owner) = self.census.owner_of(&key)
                    && looked.insert(owner)
                {
                    owners.push(owner);
                }
            }
        }
        let captures = self.captures.clone();
        let mut reader = Reader::new(fingerprints, &captures);
        for owner in owners {
            match self.asset(owner, false, &mut reader) {
                Some(asset) => {
                    self.known.insert(owner);
                    round.assets.push(asset);
                }
                None if self.known.remove(&owner) => {
                    let into = self.heir(owner, &round);
                    round.gone.push((self.id(owner), into));
                    self.ids.remove(&owner);
                }
                None => {}
            }
        }
        rows.sort_unstable();
        rows.dedup();
        round.rows = rows
            .iter()
            .map(|key| record::row(&self.ledger, key))
            .collect();
        round.packets = std::mem::take(&mut self.kept);
        let talks = &mut self.ledger.conversations;
        let talks = talks.take_changed(sightings, limits::ROUND);
        let mut ids = Ids::new();
        for key in talks {
            let kept = self.ledger.conversations.get(&key);
            let told = kept.map(|kept| self.conversation(&key, kept, &mut ids));
            round.conversations.push((key.text(), told));
        }
        round.hours = self.ledger.hours.take_changed();
        round
    }

    /// An asset that gets a stronger identifier keeps its id.
    fn follow(&mut self, changed: &[NodeKey], before: &[Option<Owner>], round: &mut Round) {
        for (key, before) in changed.iter().zip(before) {
            let (Some(before), Some(after)) = (*before, self.census.owner_of(key)) else {
                continue;
            };
            let moved = before != after && key.behind.is_none();
            let left = moved && self.census.members(before).is_empty();
            if left && self.known.contains(&before) && !self.known.contains(&after) {
                let id = self.id(before);
                self.known.remove(&before);
                self.known.insert(after);
                self.ids.remove(&before);
                self.ids.insert(after, Arc::from(id.as_str()));
                round.ids.push((assets::identity(after), id));
            }
        }
    }

    /// Into which asset the one that is no more went.
    fn heir(&self, owner: Owner, round: &Round) -> Option<String> {
        let stands = self.census.standing_for(owner);
        if stands != owner {
            return Some(self.id(stands));
        }
        let Owner::Address(key) = owner else {
            return None;
        };
        let heir = self.id(self.census.owner_of(&key)?);
        round
            .assets
            .iter()
            .any(|asset| asset.id == heir)
            .then_some(heir)
    }

    fn id(&self, owner: Owner) -> String {
        match self.ids.get(&owner) {
            Some(id) => id.to_string(),
            None => assets::first_id(owner),
        }
    }

    fn asset(&self, owner: Owner, external: bool, reader: &mut Reader<'_>) -> Option<Asset> {
        let members = self.census.members(owner);
        let members = members
            .into_iter()
            .filter_map(|key| Some((key, self.ledger.get(&key)?)))
            .collect();
        let id = self.id(owner);
        assets::asset(owner, members, &id, &self.ledger.locality, external, reader)
    }

    /// Whether an address is one of ours.
    #[must_use]
    pub fn is_local(&self, ip: IpAddr) -> bool {
        self.ledger.locality.is_local(ip)
    }

    /// Client and server of every conversation between two hosts: VLAN tag and address of each.
    pub fn ends(&self) -> impl Iterator<Item = ((u16, IpAddr), (u16, IpAddr))> + use<'_> {
        self.ledger.conversations.ends()
    }

    /// Who was seen to use which service of whom, in order of client, server and port; what is for groups comes behind.
    pub fn conversations(&mut self) -> Vec<Conversation> {
        let changed = self.ledger.take_changed(usize::MAX);
        self.census.update(&self.ledger, &changed);
        self.ledger.touch(&changed);
        let mut ids = Ids::new();
        let all = self.ledger.conversations.all().into_iter();
        let mut all: Vec<Conversation> = all
            .map(|(key, kept)| self.conversation(key, kept, &mut ids))
            .collect();
        all.sort_by_key(|told| told.cast);
        all
    }

    fn conversation(&self, key: &Talking, kept: &Conversed, ids: &mut Ids) -> Conversation {
        let mut end = |(vlan, address): At, tenancy: u8| {
            let key = NodeKey {
                address: Address::Ip(vlan, address),
                tenancy,
                behind: None,
            };
            let asset = ids.entry(key).or_insert_with(|| self.id_at(&key)).clone();
            End {
                asset,
                vlan,
                address,
            }
        };
        let evidence = |capture: u32, frame: u64, time: Time| Evidence {
            capture: self.capture_named(capture),
            frames: Frames::One(frame),
            time,
            heard: is_heard(&self.capture_named(capture)),
            octets: Vec::new(),
        };
        let asked = self.ledger.conversations.operations(kept).into_iter();
        let asked = asked.map(|(word, first)| Asked {
            name: word.to_owned(),
            evidence: evidence(first.capture, first.frame, first.time),
        });
        Conversation {
            client: end(key.pair.client, key.tenancies.0),
            server: end(key.pair.server, key.tenancies.1),
            cast: kept.cast,
            direction: kept.direction,
            transport: key.pair.transport,
            port: Some(key.pair.port).filter(|port| *port > 0),
            protocol: kept.protocol.map(Into::into),
            operations: asked.collect(),
            more_operations: kept.more,
            two_way: kept.two_way,
            flows: kept.flows,
            first_seen: kept.first,
            last_seen: kept.last,
            evidence: evidence(kept.capture, kept.frame, kept.first),
            answered: kept.answered.map(|answered| Answered {
                began: answered.began,
                last: answered.last,
                evidence: evidence(answered.capture, answered.frame, answered.time),
            }),
        }
    }

    /// Each new connection of these addresses is a change from now on, so that whoever watches them is told at once.
    pub fn watch(&mut self, addresses: impl IntoIterator<Item = IpAddr>) {
        let addresses = addresses.into_iter().collect();
        self.ledger.conversations.watch(addresses);
    }

    /// Takes in conversations that were written down, after the nodes. Those that cannot be read are counted.
    pub fn restore_conversations(
        &mut self,
        rows: &mut dyn Iterator<Item = (String, Conversation)>,
    ) -> usize {
        let names = self.captures.iter().zip(0_u32..);
        let numbers: HashMap<Arc<str>, u32> = names
            .map(|(name, number)| (Arc::clone(name), number))
            .collect();
        let first = |evidence: &Evidence| First {
            capture: numbers.get(&evidence.capture).copied().unwrap_or(u32::MAX),
            frame: evidence.frames.all().first().copied().unwrap_or_default(),
            time: evidence.time,
        };
        let mut unreadable = 0_usize;
        for (key, told) in rows {
            let Some(key) = Talking::read(&key) else {
                unreadable = unreadable.saturating_add(1);
                continue;
            };
            let named = |name: Word| PROTOCOLS.iter().find(|protocol| protocol.name == name);
            let protocol = told.protocol.and_then(named).copied();
            let shown = first(&told.evidence);
            let asked = told.operations.iter();
            let asked: Vec<(String, First)> = asked
                .map(|asked| (asked.name.clone(), first(&asked.evidence)))
                .collect();
            let kept = Conversed {
                protocol: protocol.map(|protocol| protocol.name),
                // Who was heard both ways was heard as a server.
                served: told.two_way,
                operations: Box::default(),
                more: told.more_operations,
                cast: told.cast,
                direction: told.direction,
                two_way: told.two_way,
                flows: told.flows,
                first: told.first_seen,
                last: told.last_seen,
                capture: shown.capture,
                frame: shown.frame,
                unnamed: !is_expected(protocol, key.pair),
                answered: told.answered.as_ref().map(|answered| {
                    let packet = first(&answered.evidence);
                    Newest {
                        began: answered.began,
                        last: answered.last,
                        time: packet.time,
                        capture: packet.capture,
                        frame: packet.frame,
                    }
                }),
            };
            self.ledger.conversations.restore(key, kept, &asked);
        }
        unreadable
    }

    /// Takes in when anything was heard, as it was written down.
    pub fn restore_hours(&mut self, hours: &[(i64, i64)]) {
        self.ledger.hours.restore(hours);
    }

    fn capture_named(&self, number: u32) -> Arc<str> {
        let name = usize::try_from(number)
            .ok()
            .and_then(|number| self.captures.get(number));
        name.map_or_else(|| Arc::from(""), Arc::clone)
    }

    /// Id of the asset of ours that this node belongs to.
    fn id_at(&self, key: &NodeKey) -> Option<String> {
        let owner = self.census.owner_of(key)?;
        let members: Vec<NodeKey> = self.census.members(owner);
        let ours = members.iter().any(|member| match member.address {
            Address::Ip(_, ip) => self.ledger.locality.is_local(ip),
            Address::Mac(_) => true,
        });
        let heard = members.iter().any(|member| {
            let node = self.ledger.get(member);
            member.behind.is_some() || node.is_some_and(Node::was_heard)
        });
        (ours && heard).then(|| self.id(owner))
    }

    /// Takes in what was written down before: names of captures, ids, ids of the assets that were published, rows. Rows that cannot be read are counted.
    pub fn restore(
        &mut self,
        captures: Vec<Arc<str>>,
        ids: &[(String, String)],
        known: &BTreeSet<String>,
        rows: &mut dyn Iterator<Item = Row>,
    ) -> usize {
        self.captures = captures;
        let mut unreadable = 0_usize;
        for row in rows {
            match record::node(&row) {
                Some((key, node, current)) => self.ledger.restore(key, node, current),
                None => unreadable = unreadable.saturating_add(1),
            }
        }
        let changed = self.ledger.take_changed(usize::MAX);
        self.census.update(&self.ledger, &changed);
        for (identity, id) in ids {
            if let Some(owner) = record::owner(identity) {
                self.ids.insert(owner, Arc::from(id.as_str()));
            }
        }
        for owner in self.census.all() {
            if known.contains(&self.id(owner)) {
                self.known.insert(owner);
            }
        }
        unreadable
    }

    /// Looks at every asset again in the next round: sheets or the configuration changed.
    pub fn look_again(&mut self, locality: Option<Locality>) {
        if let Some(locality) = locality {
            self.ledger.locality = locality;
        }
        self.ledger.touch_all();
    }

    /// What an operator said: these two assets are one. False if either is unknown, or they are one already.
    pub fn merge(&mut self, from: &str, into: &str) -> bool {
        let (Some(from), Some(into)) = (self.owner_named(from), self.owner_named(into)) else {
            return false;
        };
        let again = self.census.merge(from, into);
        self.ledger.touch(&again);
        !again.is_empty()
    }

    /// What an operator said: this IP address stands alone. False if nobody has it.
    pub fn split(&mut self, address: std::net::IpAddr) -> bool {
        let nodes = self.ledger.nodes_at(address);
        for key in &nodes {
            let again = self.census.split(key.address);
            self.ledger.touch(&again);
        }
        !nodes.is_empty()
    }

    /// Removes an asset and what is known of it; nothing if there is none with this id.
    pub fn forget(&mut self, id: &str) -> Option<Forgotten> {
        let owner = self.owner_named(id)?;
        let mut addresses = Vec::new();
        for key in self.census.members(owner) {
            self.ledger.forget(&key);
            addresses.push(key.address);
        }
        if let Owner::Interface(mac) = owner {
            addresses.push(Address::Mac(mac));
        }
        self.ledger
            .conversations
            .forget(|(vlan, ip)| addresses.contains(&Address::Ip(vlan, ip)));
        Some(Forgotten(addresses))
    }

    fn owner_named(&self, id: &str) -> Option<Owner> {
        let renamed = self.ids.iter().find(|(_, known)| ***known == *id);
        renamed.map(|(owner, _)| *owner).or_else(|| {
            let mut known = self.known.iter();
            known
                .find(|owner| !self.ids.contains_key(*owner) && assets::first_id(**owner) == id)
                .copied()
        })
    }
}
