//! The network as detectors see it: one asset, its conversations, and who else is there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use fossick_model::{Asset, Cast, Conversation, End, Finding, Network, Observation, is_public};

use crate::detectors::DETECTORS;
use crate::inventory::{Approvals, Approved};

/// One zone of the site.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// Its networks.
    pub networks: Vec<Network>,
    /// Its VLANs, 1–4094.
    pub vlans: Vec<u16>,
    /// Level of the Purdue model, 0–5.
    pub purdue: Option<f32>,
}

/// Levels of the Purdue model up to this one control a process.
const OPERATIONS: f32 = 3.0;
/// Observations of assets that others are judged by: what they hand out to others.
pub const LANDMARKS: [&str; 4] = [
    "dhcp.offered_router",
    "dhcp.name_server",
    "dhcpv6.name_server",
    "ndp.name_server",
];
/// So many industrial or medical assets make a zone one where nothing personal belongs.
const MAKE_A_ZONE: usize = 2;

/// Everything that is known of a network at a time.
pub struct Site<'a> {
    assets: BTreeMap<&'a str, &'a Asset>,
    conversations: BTreeMap<&'a str, Vec<&'a Conversation>>,
    zones: &'a [Zone],
    approvals: &'a Approvals,
    off: &'a [String],
    /// Assets that others are judged by; they are few, and each asset is held against them alone.
    landmarks: Vec<&'a Asset>,
    /// Zones with industrial or medical assets.
    delicate: BTreeSet<&'a str>,
}

impl<'a> Site<'a> {
    /// Of two assets with the same id the later counts. Assets that are looked at must be whole; of others what lists show is
    /// enough. Conversations must be all those of the assets that are looked at.
    #[must_use]
    pub fn new(
        assets: impl IntoIterator<Item = &'a Asset>,
        conversations: impl IntoIterator<Item = &'a Conversation>,
        zones: &'a [Zone],
        approvals: &'a Approvals,
        off: &'a [String],
    ) -> Site<'a> {
        let assets: BTreeMap<&str, &Asset> = assets
            .into_iter()
            .map(|asset| (asset.id.as_str(), asset))
            .collect();
        let mut by_asset: BTreeMap<&str, Vec<&Conversation>> = BTreeMap::new();
        for told in conversations {
            let client = told.client.asset.as_deref();
            let server = told.server.asset.as_deref().filter(|id| client != Some(id));
            for id in client.into_iter().chain(server) {
                by_asset.entry(id).or_default().push(told);
            }
        }
        let mut site = Site {
            assets,
            conversations: by_asset,
            zones,
            approvals,
            off,
            landmarks: Vec::new(),
            delicate: BTreeSet::new(),
        };
        let landmarks = site.assets.values().copied();
        site.landmarks = landmarks.filter(|asset| is_landmark(asset)).collect();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for asset in site.assets.values() {
            let category = asset.category.name();
            if matches!(category, "industrial" | "medical")
                && let Some(zone) = site.zone(asset)
            {
                let count = counts.entry(zone.name.as_str()).or_default();
                *count = count.saturating_add(1);
            }
        }
        let many = counts
            .into_iter()
            .filter(|(_, count)| *count >= MAKE_A_ZONE);
        site.delicate = many.map(|(name, _)| name).collect();
        site
    }

    /// What is found of an asset, one finding a rule.
    #[must_use]
    pub fn findings(&'a self, asset: &'a Asset) -> Vec<Finding> {
        if asset.external {
            return Vec::new();
        }
        let none = &[];
        let conversations = self.conversations.get(asset.id.as_str());
        let scene = Scene {
            asset,
            conversations: conversations.map_or(none.as_slice(), Vec::as_slice),
            site: self,
        };
        let on = DETECTORS
            .iter()
            .filter(|detector| !self.off.iter().any(|off| off == detector.name));
        on.filter_map(|detector| Some(detector.finding(asset, (detector.detect)(&scene)?)))
            .collect()
    }

    /// Assets that others are judged by, by id.
    pub fn landmarks(&self) -> impl Iterator<Item = &'a Asset> {
        self.landmarks.iter().copied()
    }

    /// The asset with this id.
    #[must_use]
    pub fn asset(&self, id: &str) -> Option<&'a Asset> {
        self.assets.get(id).copied()
    }

    /// The zone of an asset: by its VLAN, or else by the narrowest network that holds one of its addresses.
    #[must_use]
    pub fn zone(&self, asset: &Asset) -> Option<&'a Zone> {
        let by_vlan = self
            .zones
            .iter()
            .find(|zone| asset.vlans.iter().any(|vlan| zone.vlans.contains(vlan)));
        by_vlan.or_else(|| asset.ips().into_iter().find_map(|ip| self.zone_of(ip)))
    }

    /// The zone whose network holds this address, the narrowest.
    #[must_use]
    pub fn zone_of(&self, ip: IpAddr) -> Option<&'a Zone> {
        let networks = self
            .zones
            .iter()
            .flat_map(|zone| zone.networks.iter().map(move |network| (network, zone)));
        let holding = networks.filter(|(network, _)| network.contains(ip));
        holding
            .max_by_key(|(network, _)| network.prefix())
            .map(|(_, zone)| zone)
    }

    /// The zone of one end of a conversation.
    #[must_use]
    pub fn zone_of_end(&self, end: &End) -> Option<&'a Zone> {
        let by_vlan = self
            .zones
            .iter()
            .find(|zone| zone.vlans.contains(&end.vlan));
        by_vlan.or_else(|| self.zone_of(end.address))
    }

    /// Every zone.
    #[must_use]
    pub fn zones(&self) -> &'a [Zone] {
        self.zones
    }

    /// What is approved.
    #[must_use]
    pub fn approvals(&self) -> &'a Approvals {
        self.approvals
    }

    /// Whether a zone controls a process or cares for patients: by its level, or by who is there.
    #[must_use]
    pub fn is_delicate(&self, zone: &Zone) -> bool {
        zone.purdue.is_some_and(|level| level <= OPERATIONS)
            || self.delicate.contains(zone.name.as_str())
    }

    /// Whether this is a host on the Internet: no asset of ours, with a public address that is in no zone.
    #[must_use]
    pub fn is_outside(&self, end: &End) -> bool {
        let ours = match end.asset.as_deref().map(|id| self.asset(id)) {
            None => false,
            Some(None) => true,
            Some(Some(asset)) => !asset.external,
        };
        !ours && is_public(end.address) && self.zone_of(end.address).is_none()
    }
}

/// One asset, and what it does.
pub struct Scene<'s> {
    /// The asset.
    pub asset: &'s Asset,
    /// Its conversations.
    pub conversations: &'s [&'s Conversation],
    /// Everything else.
    pub site: &'s Site<'s>,
}

impl<'s> Scene<'s> {
    /// What it said under a key, first what was said first.
    pub fn said(&self, key: &'static str) -> impl Iterator<Item = &'s Observation> + use<'s> {
        said(self.asset, key)
    }

    /// Conversations with one host in which both ends took part and it is known who serves.
    fn sure(&self) -> impl Iterator<Item = &'s Conversation> + use<'s> {
        self.conversations
            .iter()
            .copied()
            .filter(|told| told.two_way && told.cast == Cast::Unicast && told.port.is_some())
    }

    /// Conversations in which it serves.
    pub fn serves(&self) -> impl Iterator<Item = &'s Conversation> + use<'s> {
        let id = self.asset.id.as_str();
        self.sure()
            .filter(move |told| told.server.asset.as_deref() == Some(id))
    }

    /// Conversations in which it asks.
    pub fn asks(&self) -> impl Iterator<Item = &'s Conversation> + use<'s> {
        let id = self.asset.id.as_str();
        self.sure()
            .filter(move |told| told.client.asset.as_deref() == Some(id))
    }

    /// Whether it was itself heard to speak the protocol of this conversation: a client may try what is not served there.
    #[must_use]
    pub fn speaks(&self, told: &Conversation) -> bool {
        let own = &self.asset.protocols;
        told.protocol
            .as_deref()
            .is_some_and(|protocol| own.iter().any(|one| one == protocol))
    }

    /// Its end of a conversation, and the other.
    #[must_use]
    pub fn ends(&self, told: &'s Conversation) -> (&'s End, &'s End) {
        if told.client.asset.as_deref() == Some(self.asset.id.as_str()) {
            (&told.client, &told.server)
        } else {
            (&told.server, &told.client)
        }
    }

    /// Its end is inside for certain and the other on the Internet: where networks of ours have public addresses that no zone
    /// names, that cannot be told.
    #[must_use]
    pub fn crosses_the_border(&self, told: &'s Conversation) -> bool {
        let (own, other) = self.ends(told);
        let inside = !is_public(own.address) || self.site.zone_of_end(own).is_some();
        inside && self.site.is_outside(other)
    }

    /// Its zone.
    #[must_use]
    pub fn zone(&self) -> Option<&'s Zone> {
        self.site.zone(self.asset)
    }

    /// What category it is of.
    #[must_use]
    pub fn category(&self) -> &'static str {
        self.asset.category.name()
    }

    /// What kind it is, if that is known.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.asset.kind.map_or("", fossick_model::Kind::name)
    }

    /// That kind in a sentence: `a phone`, `an appliance`.
    #[must_use]
    pub fn kind_with_article(&self) -> String {
        let kind = self.kind();
        let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) {
            "an"
        } else {
            "a"
        };
        format!("{article} {kind}")
    }

    /// The approved asset that it is.
    #[must_use]
    pub fn approved(&self) -> Option<&'s Approved> {
        self.site.approvals.of(self.asset)
    }

    /// How a person would call it.
    #[must_use]
    pub fn label(&self) -> String {
        self.asset.label()
    }
}

/// Whether others are judged by this asset.
#[must_use]
pub fn is_landmark(asset: &Asset) -> bool {
    let mut said = asset.observations.iter();
    said.any(|said| LANDMARKS.contains(&said.key.as_ref()))
}

/// What an asset said under a key, first what was said first.
pub fn said<'s>(
    asset: &'s Asset,
    key: &'static str,
) -> impl Iterator<Item = &'s Observation> + use<'s> {
    asset
        .observations
        .iter()
        .filter(move |observation| observation.key == key)
}
