//! The fields of the filter language, in one table.

use crate::asset::Asset;
use crate::finding::Verdict;
use crate::time::Time;

/// What an asset does not know of itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct About<'a> {
    /// The clock that ages are counted from.
    pub now: Time,
    /// The zone it is in.
    pub zone: Option<&'a str>,
    /// What an operator noted of it.
    pub note: Option<&'a str>,
    /// It is silent.
    pub silent: bool,
}

/// Hands the texts of a field over, until one is wanted.
pub(super) type Texts = fn(&Asset, &About<'_>, &mut dyn FnMut(&str) -> bool) -> bool;
/// Hands the numbers of a field over, until one is wanted.
pub(super) type Numbers = fn(&Asset, &mut dyn FnMut(u64) -> bool) -> bool;

/// One field of the language.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it is compared with.
    pub meaning: &'static str,
    /// A term with it.
    pub example: &'static str,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Contains it, whatever the case.
    Text(Texts),
    /// Is it, whatever the case.
    Word(Texts),
    Number(Numbers),
    Age(fn(&Asset) -> Time),
    Truth(fn(&Asset, &About<'_>) -> bool),
    Ip,
    Mac,
}

macro_rules! field {
    ($name:literal, $meaning:literal, $example:literal, $kind:expr) => {
        Field {
            name: $name,
            meaning: $meaning,
            example: $example,
            kind: $kind,
        }
    };
}

/// Every field.
#[rustfmt::skip]
pub const FIELDS: &[Field] = &[
    field!("kind", "what it is for", "kind:plc,hmi", Kind::Word(|a, _, f| a.kind.is_some_and(|kind| f(kind.name())))),
    field!("category", "the category of its kind", "category:medical", Kind::Word(|a, _, f| f(a.category.name()))),
    field!("vendor", "who made it", "vendor:siemens", Kind::Text(|a, _, f| a.vendor.as_deref().is_some_and(f))),
    field!("model", "its model", "model:\"S7-300\"", Kind::Text(|a, _, f| a.model.as_deref().is_some_and(f))),
    field!("product", "its software product", "product:wincc", Kind::Text(|a, _, f| a.product.as_deref().is_some_and(f))),
    field!("order", "its order number", "order:6ES7", Kind::Text(|a, _, f| a.order_number.as_deref().is_some_and(f))),
    field!("hardware", "its hardware revision", "hardware:*", Kind::Text(|a, _, f| a.hardware.as_deref().is_some_and(f))),
    field!("firmware", "its firmware version", "firmware:V3.2", Kind::Text(|a, _, f| a.firmware.as_deref().is_some_and(f))),
    field!("serial", "its serial number", "serial:*", Kind::Text(|a, _, f| a.serial.as_deref().is_some_and(f))),
    field!("os", "its operating system", "os:\"windows xp\"", Kind::Text(|a, _, f| a.os.as_deref().is_some_and(&mut *f) || a.os_version.as_deref().is_some_and(f))),
    field!("name", "its names", "name:line-3", Kind::Text(|a, _, f| a.hostnames.iter().any(|name| f(name)))),
    field!("domain", "its domain", "domain:plant.example", Kind::Text(|a, _, f| a.domain.as_deref().is_some_and(f))),
    field!("location", "where it says it stands", "location:hall", Kind::Text(|a, _, f| a.location.as_deref().is_some_and(f))),
    field!("description", "how it describes itself", "description:backup", Kind::Text(|a, _, f| a.description.as_deref().is_some_and(f))),
    field!("note", "what an operator noted", "note:leased", Kind::Text(|_, about, f| about.note.is_some_and(f))),
    field!("zone", "the zone it is in", "zone:dmz", Kind::Word(|_, about, f| about.zone.is_some_and(f))),
    field!("protocol", "what it speaks", "protocol:s7comm", Kind::Word(|a, _, f| a.protocols.iter().any(|name| f(name)))),
    field!("service", "what it serves: protocol or product", "service:openssh", Kind::Text(|a, _, f| a.services.iter().any(|s| s.protocol.as_deref().is_some_and(&mut *f) || s.product.as_deref().is_some_and(&mut *f)))),
    field!("visibility", "what the sensor cannot see of it", "visibility:one-way", Kind::Word(|a, _, f| a.visibility.iter().any(|word| f(word)))),
    field!("verdict", "the verdict of one of its findings", "verdict:\"out of support\"", Kind::Word(|a, _, f| a.findings.iter().filter_map(|finding| finding.verdict).any(|verdict| f(verdict.name())))),
    field!("rule", "the rule of one of its findings", "rule:shadow.rogue-dhcp", Kind::Text(|a, _, f| a.findings.iter().any(|finding| f(&finding.rule)))),
    field!("cve", "a CVE of one of its findings", "cve:CVE-2022-1234", Kind::Word(|a, _, f| a.findings.iter().flat_map(|finding| &finding.cves).any(|cve| f(cve)))),
    field!("id", "its id", "id:0a3f", Kind::Text(|a, _, f| f(&a.id))),
    field!("ip", "an address or a network", "ip:10.1.0.0/16", Kind::Ip),
    field!("mac", "the beginning of a hardware address", "mac:00:1b:1b", Kind::Mac),
    field!("vlan", "a VLAN it was seen on", "vlan:10", Kind::Number(|a, f| a.vlans.iter().any(|vlan| f((*vlan).into())))),
    field!("port", "a port it serves", "port:102", Kind::Number(|a, f| a.services.iter().any(|service| f(service.port.into())))),
    field!("peers", "how many hosts it talked with", "peers>10", Kind::Number(|a, f| f(a.peers.into()))),
    field!("children", "how many devices are behind it", "children>0", Kind::Number(|a, f| f(a.children.len() as u64))),
    field!("seen", "when it was heard last", "seen<7d", Kind::Age(|a| a.last_seen)),
    field!("first", "when it was heard first", "first<24h", Kind::Age(|a| a.first_seen)),
    field!("unpatchable", "no patch will close a finding of it", "unpatchable:yes", Kind::Truth(|a, _| a.findings.iter().filter_map(|finding| finding.verdict).any(Verdict::is_unpatchable))),
    field!("finding", "there are findings", "finding:yes", Kind::Truth(|a, _| !a.findings.is_empty())),
    field!("silent", "it has not been heard for long", "silent:yes", Kind::Truth(|_, about| about.silent)),
    field!("external", "it is on the Internet", "external:no", Kind::Truth(|a, _| a.external)),
];
