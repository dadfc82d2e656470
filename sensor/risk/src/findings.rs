//! Findings: what the knowledge says of an asset, each with its row, its confidence and its priority.

use std::collections::BTreeSet;
use std::io;

use fossick_model::{
    Asset, Attribute, Fact, Finding, FindingSource, FindingStated, Seen, Shown, Verdict,
};
use jiff::civil::Date;

use crate::lifecycles::{self, EndKind};
use crate::limits;
use crate::matching::{Knowledge, Match, PERHAPS, Query, Standing};
use crate::priority::{Case, Exposure};
use crate::versions;

/// From which certainty on a fact counts against another.
const STRONG: u8 = 70;

/// Who makes an operating system of whose name this is a word, for advisories about it; the first counts: there is a Cisco IOS.
const MAKERS: [(&str, &str); 9] = [
    ("windows", "Microsoft"),
    ("vxworks", "Wind River"),
    ("qnx", "BlackBerry"),
    ("ubuntu", "Canonical"),
    ("debian", "Debian"),
    ("cisco", "Cisco"),
    ("ios", "Apple"),
    ("freebsd", "FreeBSD"),
    ("android", "Google"),
];

/// What is asked about an asset: the device itself, and its operating system.
#[must_use]
pub fn queries(asset: &Asset) -> Vec<Query> {
    let mut queries = Vec::new();
    let named = asset.model.iter().chain(&asset.product);
    if let Some(vendor) = &asset.vendor {
        // Software whose name states its version has that one, whatever the firmware around it is.
        let (software, products): (Vec<&String>, Vec<&String>) =
            named.partition(|name| versions::closing(name).is_some());
        if !products.is_empty() || asset.order_number.is_some() || software.is_empty() {
            queries.push(Query {
                vendor: vendor.clone(),
                products: products.into_iter().cloned().collect(),
                order_number: asset.order_number.clone(),
                version: asset.firmware.clone(),
                os: asset.os.clone(),
            });
        }
        for name in software {
            let maker = maker(asset, name).unwrap_or(vendor);
            queries.push(Query {
                os: asset.os.clone(),
                ..Query::of(maker, Some(name), None, None)
            });
        }
    }
    if let Some(os) = &asset.os {
        let lower = os.to_lowercase();
        let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
        if let Some((_, maker)) = MAKERS.iter().find(|(word, _)| words.contains(word)) {
            queries.push(Query {
                vendor: (*maker).to_owned(),
                products: vec![os.clone()],
                order_number: None,
                version: asset.os_version.clone(),
                os: None,
            });
        }
    }
    queries
}

/// Who makes software, where what names it names its maker too: the device that it runs on may be somebody else's.
fn maker<'a>(asset: &'a Asset, name: &str) -> Option<&'a String> {
    let named = |fact: &&Fact| {
        matches!(fact.attribute, Attribute::Model | Attribute::Product) && fact.value == name
    };
    let of = asset.facts.iter().find(named)?;
    let mut all = asset.facts.iter();
    let maker = all.find(|fact| {
        let same = fact.key == of.key && fact.fingerprint == of.fingerprint;
        same && fact.attribute == Attribute::Vendor
    });
    maker.map(|fact| &fact.value)
}

/// Everything the knowledge says of an asset.
///
/// # Errors
/// The knowledge file cannot be read, or is damaged.
pub fn findings(
    asset: &Asset,
    knowledge: &Knowledge,
    as_of: Date,
    exposure: Exposure,
) -> io::Result<Vec<Finding>> {
    let mut found = Vec::new();
    let today = as_of.to_string();
    for query in queries(asset) {
        for matched in knowledge.matches(&query)? {
            if matched.standing != Standing::NotAffected && matched.ready.advisory.date <= today {
                found.push(advisory(asset, &query, &matched, exposure));
            }
        }
    }
    found.extend(lifecycle(asset, knowledge, as_of, exposure)?);
    found.sort_by(|one, other| {
        let order = |finding: &Finding| match finding.priority.as_str() {
            "act" => 0,
            "attend" => 1,
            _ => 2,
        };
        let unknown = |finding: &Finding| finding.verdict == Some(Verdict::Unknown);
        (order(one), unknown(one), &one.rule, &one.source.id).cmp(&(
            order(other),
            unknown(other),
            &other.rule,
            &other.source.id,
        ))
    });
    // Device, software and system may each be in the same advisory: the most urgent stands for it.
    let mut ids = BTreeSet::new();
    found.retain(|finding| ids.insert(finding.id.clone()));
    found.truncate(limits::FINDINGS);
    Ok(found)
}

fn seen(asset: &Asset) -> Seen {
    Seen {
        vendor: asset.vendor.clone(),
        model: asset.model.clone(),
        product: asset.product.clone(),
        order_number: asset.order_number.clone(),
        firmware: asset.firmware.clone(),
        os: asset.os.clone(),
        os_version: asset.os_version.clone(),
    }
}

/// The id of a finding: the same for the same asset, rule and document, from run to run (FNV-1a, as for the ids of assets).
#[must_use]
pub fn id(asset: &Asset, rule: &str, source: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for octet in asset
        .id
        .bytes()
        .chain([0])
        .chain(rule.bytes())
        .chain([0])
        .chain(source.bytes())
    {
        hash = (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}

fn shown<'a>(facts: impl Iterator<Item = &'a Fact>) -> Vec<Shown> {
    let mut shown: Vec<Shown> = Vec::new();
    for fact in facts {
        let one = Shown {
            capture: fact.evidence.capture.to_string(),
            frames: fact.evidence.frames.clone(),
        };
        if !shown.contains(&one) {
            shown.push(one);
        }
    }
    shown.truncate(8);
    shown
}

/// The one question that is safe to put to it and would tell its version.
fn question(asset: &Asset) -> String {
    let asks = [
        (
            "s7comm",
            "read its module identification (S7 SZL 0x0011): it states order number and firmware",
        ),
        (
            "s7comm-plus",
            "read its module identification over PROFINET or its web page: it states order number and firmware",
        ),
        (
            "profinet-dcp",
            "read its I&M0 record: it states order number and firmware",
        ),
        (
            "modbus",
            "read its device identification (Modbus 43/14, basic): it states vendor, product code and revision",
        ),
        (
            "enip",
            "ask it for its identity (EtherNet/IP List Identity): it states product and revision",
        ),
        (
            "bacnet",
            "read model-name and firmware-revision of its device object (BACnet ReadProperty)",
        ),
        (
            "snmp",
            "read sysDescr.0 with the community that its owner has set (SNMP get)",
        ),
        (
            "opc-ua",
            "read its server's build information (OPC UA, node 2260)",
        ),
        (
            "smb",
            "ask for its SMB dialect and build (SMB negotiate, without logging in)",
        ),
        (
            "dicom",
            "send it an association request without any context of images (DICOM verification)",
        ),
        ("http", "fetch the start page of its web server"),
    ];
    let ask = asks
        .iter()
        .find(|(protocol, _)| asset.protocols.iter().any(|own| own == protocol));
    ask.map_or("read its type plate or its own menu: no question over the network is known to be safe for it".to_owned(), |(_, ask)| (*ask).to_owned())
}

fn advisory(asset: &Asset, query: &Query, matched: &Match, exposure: Exposure) -> Finding {
    let advisory = &matched.ready.advisory;
    let stated = matched.verdict.unwrap_or(Verdict::Unknown);
    let medical = asset.category.name() == "medical";
    let regulated = medical && matches!(stated, Verdict::FixAvailable | Verdict::FixNotStated);
    let verdict = if regulated {
        Verdict::ManufacturerOnly
    } else {
        stated
    };
    let why = match (regulated, verdict) {
        (true, _) => {
            "a medical device: its owner may not patch it himself, its manufacturer may".to_owned()
        }
        (false, Verdict::Unknown) if matched.standing == Standing::Affected => matched.row.clone(),
        _ => matched.why.clone(),
    };
    let case = Case {
        kev: matched.kev.is_some(),
        epss: matched.epss,
        exposure,
        category: asset.category.name(),
        verdict,
        sure: matched.confidence > PERHAPS,
    };
    let (priority, path) = case.priority();
    let entry = matched.stated();
    let used = [
        Attribute::Vendor,
        Attribute::Model,
        Attribute::Product,
        Attribute::OrderNumber,
        Attribute::Firmware,
        Attribute::Os,
        Attribute::OsVersion,
    ];
    let facts = used
        .into_iter()
        .filter_map(|attribute| asset.winner(attribute));
    let mut seen = seen(asset);
    if query.os.is_none() && asset.os.as_ref() == query.products.first() {
        seen = Seen {
            os: seen.os,
            os_version: seen.os_version,
            ..Seen::default()
        };
    } else {
        seen.vendor = Some(query.vendor.clone());
    }
    Finding {
        id: id(asset, "advisory", &advisory.id),
        rule: "advisory".to_owned(),
        title: advisory.title.clone(),
        verdict: Some(verdict),
        source: FindingSource {
            feed: advisory.feed.clone(),
            id: advisory.id.clone(),
            row: matched.row.clone(),
            date: advisory.date.clone(),
        },
        cves: matched.cves.clone(),
        cvss: matched.cvss,
        epss: matched.epss,
        kev: matched.kev.is_some(),
        confidence: matched.confidence,
        seen,
        stated: FindingStated {
            product: entry
                .map(|entry| format!("{} {}", entry.vendor.trim(), entry.name))
                .unwrap_or_default(),
            range: entry.map(|entry| entry.version.text()).unwrap_or_default(),
        },
        why,
        question: (verdict == Verdict::Unknown && matched.standing == Standing::Unknown)
            .then(|| question(asset)),
        priority,
        path,
        state: "open".to_owned(),
        evidence: shown(facts),
    }
}

/// What one protocol says the asset is, as rows of the table.
struct Reading<'a> {
    fact: &'a Fact,
    protocol: &'a str,
    rows: Vec<usize>,
    system: Option<&'static str>,
}

impl Reading<'_> {
    /// What it said, with the version that the same protocol states of a system: `ssh.banner=Ubuntu Linux 14.04`.
    fn words(&self, asset: &Asset) -> String {
        let fact = self.fact;
        let version = asset.facts.iter().find(|other| {
            fact.attribute == Attribute::Os
                && other.attribute == Attribute::OsVersion
                && other.key == fact.key
        });
        let version = version.map(|version| format!(" {}", version.value));
        format!("{}={}{}", fact.key, fact.value, version.unwrap_or_default())
    }
}

fn protocol(fact: &Fact) -> &str {
    fact.key.split('.').next().unwrap_or_default()
}

fn readings(asset: &Asset) -> Vec<Reading<'_>> {
    let mut readings = Vec::new();
    for fact in &asset.facts {
        let rows = match fact.attribute {
            Attribute::Os => {
                let version = asset.facts.iter().find(|other| {
                    other.attribute == Attribute::OsVersion && protocol(other) == protocol(fact)
                });
                let alone = lifecycles::systems(&fact.value);
                match version {
                    Some(version) if alone.is_empty() => {
                        lifecycles::systems(&format!("{} {}", fact.value, version.value))
                    }
                    _ => alone,
                }
            }
            Attribute::OrderNumber => lifecycles::devices(&fact.value, true),
            Attribute::Model | Attribute::Product => lifecycles::devices(&fact.value, false),
            _ => continue,
        };
        let system = if fact.attribute == Attribute::Os {
            lifecycles::system_of(&fact.value)
        } else {
            None
        };
        readings.push(Reading {
            fact,
            protocol: protocol(fact),
            rows,
            system,
        });
    }
    readings
}

/// Whether a reading speaks against a row.
fn contradicts(reading: &Reading<'_>, at: usize) -> bool {
    let Some(row) = lifecycles::rows().get(at) else {
        return false;
    };
    let about_system = reading.fact.attribute == Attribute::Os;
    if reading.fact.certainty < STRONG
        || about_system != row.system.is_some()
        || reading.rows.contains(&at)
    {
        return false;
    }
    let other_system = reading.system.is_some() && reading.system != row.system.as_deref();
    other_system || !reading.rows.is_empty()
}

fn lifecycle(
    asset: &Asset,
    knowledge: &Knowledge,
    as_of: Date,
    exposure: Exposure,
) -> io::Result<Vec<Finding>> {
    let readings = readings(asset);
    let mut found = Vec::new();
    let candidates: BTreeSet<usize> = readings
        .iter()
        .filter(|reading| reading.rows.len() == 1)
        .flat_map(|reading| reading.rows.iter().copied())
        .collect();
    for at in candidates {
        let Some(row) = lifecycles::rows().get(at) else {
            continue;
        };
        let Some(end) = row.last().filter(|end| end.date <= as_of) else {
            continue;
        };
        let for_it: Vec<&Reading<'_>> = readings
            .iter()
            .filter(|reading| reading.rows.contains(&at))
            .collect();
        let against: Vec<&Reading<'_>> = readings
            .iter()
            .filter(|reading| contradicts(reading, at))
            .collect();
        let stated = format!(
            "{} {}: {} (source: {})",
            row.name,
            end.kind.name(),
            end.date,
            end.source
        );
        let feed = ("lifecycles", row.name.clone(), end.date);
        found.push(judged(asset, &for_it, &against, feed, stated, exposure));
    }
    if let (true, Some(os), Some(version)) = (found.is_empty(), &asset.os, &asset.os_version) {
        let imported = knowledge.lifecycles()?;
        if let Some((name, date, source)) = imported
            .end(os, version)
            .filter(|(_, date, _)| *date <= as_of)
        {
            let says = |reading: &&Reading<'_>| {
                reading.fact.attribute == Attribute::Os
                    && reading.fact.value == *os
                    && asset.facts.iter().any(|fact| {
                        fact.attribute == Attribute::OsVersion
                            && protocol(fact) == reading.protocol
                            && imported
                                .end(os, &fact.value)
                                .is_some_and(|(other, _, _)| other == name)
                    })
            };
            let for_it: Vec<&Reading<'_>> = readings.iter().filter(says).collect();
            let system = lifecycles::system_of(os);
            let against: Vec<&Reading<'_>> = readings
                .iter()
                .filter(|reading| {
                    reading.fact.certainty >= STRONG
                        && reading.system.is_some()
                        && reading.system != system
                })
                .collect();
            let stated = format!(
                "{name} {}: {date} (source: {source})",
                EndKind::Extended.name()
            );
            found.push(judged(
                asset,
                &for_it,
                &against,
                ("endoflife", name, date),
                stated,
                exposure,
            ));
        }
    }
    Ok(found)
}

/// Two protocols must agree, and none strongly contradict.
fn judged(
    asset: &Asset,
    for_it: &[&Reading<'_>],
    against: &[&Reading<'_>],
    (feed, name, date): (&str, String, Date),
    row: String,
    exposure: Exposure,
) -> Finding {
    let protocols: BTreeSet<&str> = for_it.iter().map(|reading| reading.protocol).collect();
    let agreed: Vec<&str> = protocols.iter().copied().collect();
    let (verdict, why) = if let Some(other) = against.first() {
        (
            Verdict::Unknown,
            format!(
                "{} says {name}, but {} says `{}`",
                agreed.join(", "),
                other.protocol,
                other.fact.value
            ),
        )
    } else if protocols.len() >= 2 {
        (
            Verdict::OutOfSupport,
            format!("{} agree on {name}", agreed.join(" and ")),
        )
    } else {
        let one = agreed.first().copied().unwrap_or("one source");
        (
            Verdict::Unknown,
            format!("{one} alone says {name}: a second protocol has to agree"),
        )
    };
    let case = Case {
        kev: false,
        epss: None,
        exposure,
        category: asset.category.name(),
        verdict,
        sure: true,
    };
    let (priority, path) = case.priority();
    let sure = for_it
        .iter()
        .map(|reading| reading.fact.certainty)
        .min()
        .unwrap_or_default();
    let words: Vec<String> = for_it.iter().map(|reading| reading.words(asset)).collect();
    Finding {
        id: id(asset, "lifecycle", &name),
        rule: "lifecycle".to_owned(),
        title: if verdict == Verdict::OutOfSupport {
            format!("{name} is out of support since {date}")
        } else {
            format!("Perhaps {name}, out of support since {date}")
        },
        verdict: Some(verdict),
        source: FindingSource {
            feed: feed.to_owned(),
            id: name.clone(),
            row,
            date: date.to_string(),
        },
        confidence: if verdict == Verdict::OutOfSupport {
            sure
        } else {
            sure.min(50)
        },
        seen: seen(asset),
        stated: FindingStated {
            product: name,
            range: words.join("; "),
        },
        why,
        question: (verdict == Verdict::Unknown).then(|| question(asset)),
        priority,
        path,
        state: "open".to_owned(),
        evidence: shown(for_it.iter().map(|reading| reading.fact)),
        ..Finding::default()
    }
}
