//! What changed from one picture of an asset to the next.

use std::net::IpAddr;

use crate::asset::{Asset, Attribute};
use crate::change::{Event, Reason};
use crate::finding::Finding;

/// What happened between the two: the events of one asset and of the devices behind it, each with that asset's id and
/// label. Without an `old` one, it is new.
#[must_use]
pub fn difference(old: Option<&Asset>, new: &Asset) -> Vec<(String, String, Event)> {
    let label = new.label();
    let mut events: Vec<(String, String, Event)> = own(old, new)
        .into_iter()
        .map(|event| (new.id.clone(), label.clone(), event))
        .collect();
    for child in &new.children {
        let before = old.and_then(|old| old.children.iter().find(|other| other.id == child.id));
        let path = child.path.as_deref().unwrap_or_default();
        let label = format!("{label} {path}");
        events.extend(
            own(before, child)
                .into_iter()
                .map(|event| (child.id.clone(), label.clone(), event)),
        );
    }
    events
}

fn own(old: Option<&Asset>, new: &Asset) -> Vec<Event> {
    let mut events = Vec::new();
    if old.is_none() {
        events.push(Event::AssetSeen {
            addresses: new.addresses.clone().unwrap_or_default(),
        });
    }
    if let Some(old) = old {
        let (before, after) = (old.ips(), new.ips());
        let text = |ip: &&IpAddr| ip.to_string();
        let gained = after
            .iter()
            .filter(|ip| !before.contains(ip))
            .map(|ip| text(&ip));
        events.extend(gained.map(|address| Event::AddressGained { address }));
        let lost = before
            .iter()
            .filter(|ip| !after.contains(ip))
            .map(|ip| text(&ip));
        events.extend(lost.map(|address| Event::AddressLost { address }));
    }
    for attribute in Attribute::ALL {
        let before = old.and_then(|old| old.value(attribute));
        let fact = new.winner(attribute);
        let after = new.value(attribute);
        match (before, after, fact) {
            (before, Some(value), Some(fact)) if before.as_ref() != Some(&value) => {
                let reason = Reason {
                    certainty: fact.certainty,
                    key: fact.key.clone(),
                    raw: std::sync::Arc::clone(&fact.raw),
                    evidence: fact.evidence.clone(),
                };
                events.push(match before {
                    Some(old) => Event::FactChanged {
                        attribute,
                        old,
                        value,
                        reason,
                    },
                    None => Event::FactLearnt {
                        attribute,
                        value,
                        reason,
                    },
                });
            }
            (Some(old), None, _) => events.push(Event::FactWithdrawn { attribute, old }),
            _ => {}
        }
    }
    for service in &new.services {
        let same = |other: &&crate::Service| {
            (other.transport, other.port) == (service.transport, service.port)
        };
        let before = old.and_then(|old| old.services.iter().find(same));
        if before.is_none_or(|before| before.protocol != service.protocol) {
            events.push(Event::ServiceAppeared {
                transport: service.transport,
                port: service.port,
                protocol: service.protocol.clone(),
            });
        }
    }
    let had = old.map(|old| old.findings.as_slice()).unwrap_or_default();
    let in_it = |findings: &[Finding], id: &str| findings.iter().any(|other| other.id == id);
    for finding in &new.findings {
        if !in_it(had, &finding.id) {
            events.push(Event::FindingOpened {
                finding: serde_json::to_value(finding).unwrap_or_default(),
            });
        }
    }
    for finding in had {
        if !in_it(&new.findings, &finding.id) {
            events.push(Event::FindingClosed {
                finding: serde_json::to_value(finding).unwrap_or_default(),
                patched: patched(new, finding),
            });
        }
    }
    events
}

/// What shows that the asset has another version than the one that the finding is about.
fn patched(new: &Asset, finding: &Finding) -> Option<Reason> {
    let versions = [
        (Attribute::Firmware, &finding.seen.firmware),
        (Attribute::OsVersion, &finding.seen.os_version),
        (Attribute::Os, &finding.seen.os),
    ];
    versions.into_iter().find_map(|(attribute, seen)| {
        let seen = seen.as_ref()?;
        let fact = new.winner(attribute)?;
        (fact.value != *seen).then(|| Reason {
            certainty: fact.certainty,
            key: fact.key.clone(),
            raw: std::sync::Arc::clone(&fact.raw),
            evidence: fact.evidence.clone(),
        })
    })
}

impl Asset {
    /// How a person would call it: its name, or else its first address.
    #[must_use]
    pub fn label(&self) -> String {
        let name = self.hostnames.first().cloned();
        let ip = || self.ips().first().map(ToString::to_string);
        let mac = || self.addresses.as_ref()?.mac.first().cloned();
        name.or_else(ip)
            .or_else(mac)
            .or_else(|| self.path.clone())
            .unwrap_or_else(|| self.id.clone())
    }

    /// Its IP addresses, version 4 first.
    #[must_use]
    pub fn ips(&self) -> Vec<IpAddr> {
        let addresses = self.addresses.iter();
        addresses
            .flat_map(|addresses| {
                let v4 = addresses.ipv4.iter().copied().map(IpAddr::V4);
                v4.chain(addresses.ipv6.iter().copied().map(IpAddr::V6))
            })
            .collect()
    }

    /// What is concluded about an attribute.
    #[must_use]
    pub fn value(&self, attribute: Attribute) -> Option<String> {
        match attribute {
            Attribute::Vendor => self.vendor.clone(),
            Attribute::Model => self.model.clone(),
            Attribute::Product => self.product.clone(),
            Attribute::OrderNumber => self.order_number.clone(),
            Attribute::Hardware => self.hardware.clone(),
            Attribute::Firmware => self.firmware.clone(),
            Attribute::Serial => self.serial.clone(),
            Attribute::Os => self.os.clone(),
            Attribute::OsVersion => self.os_version.clone(),
            Attribute::Hostname => self.hostnames.first().cloned(),
            Attribute::Domain => self.domain.clone(),
            Attribute::Kind => self.kind.map(|kind| kind.name().to_owned()),
            Attribute::Location => self.location.clone(),
            Attribute::Description => self.description.clone(),
        }
    }

    /// The asset without what was said and why: for lists. Devices behind it likewise.
    #[must_use]
    pub fn brief(mut self) -> Asset {
        self.facts = Vec::new();
        self.observations = Vec::new();
        self.findings = self.findings.into_iter().map(Finding::brief).collect();
        self.children = self.children.into_iter().map(Asset::brief).collect();
        self
    }
}
