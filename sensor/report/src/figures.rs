//! The figures of a report: who is where, and how many there are of what.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use fossick_model::{Asset, Control, Finding, Network, Time, Verdict, is_public};
use jiff::civil::Date;
use serde::Serialize;

use crate::{Exception, Report};

/// Days within which what can be patched should be.
pub(crate) const DEADLINES: [u32; 2] = [14, 30];
/// Where hosts are that are not ours.
pub(crate) const INTERNET: &str = "Internet";
/// Assets of which the page shows everything: a browser opens a few megabytes, not hundreds.
const MOST_WHOLE: usize = 1000;

/// An asset in its place.
#[derive(Clone, Copy)]
pub(crate) struct Listed<'a> {
    pub asset: &'a Asset,
    /// The host that it is behind.
    pub host: Option<&'a Asset>,
    /// Index into [`Figures::zones`].
    pub zone: usize,
    pub control: Option<&'a Control>,
    /// The page shows everything that is known of it.
    pub whole: bool,
}

impl Listed<'_> {
    /// Its name, or its first address, and behind which host it is.
    pub fn label(&self) -> String {
        match self.host {
            Some(host) => format!("{} of {}", self.asset.label(), host.label()),
            None => self.asset.label(),
        }
    }

    /// Findings that still stand.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.asset
            .findings
            .iter()
            .filter(|finding| is_open(finding))
    }

    /// The most urgent of its open findings: 0 for `act`, 3 where there is none.
    fn urgency(&self) -> usize {
        self.open().map(urgency).min().unwrap_or(3)
    }

    /// Findings that no patch closes.
    pub fn unpatchable(&self) -> impl Iterator<Item = &Finding> {
        self.open()
            .filter(|finding| finding.verdict.is_some_and(Verdict::is_unpatchable))
    }
}

/// How urgent a finding is, 0 for `act`.
pub(crate) fn urgency(finding: &Finding) -> usize {
    match finding.priority.as_str() {
        "act" => 0,
        "attend" => 1,
        _ => 2,
    }
}

/// Whether a finding still stands.
pub(crate) fn is_open(finding: &Finding) -> bool {
    finding.state != "closed"
}

/// The inventory in order, and where everything is.
pub(crate) struct Figures<'a> {
    /// By zone, then address; a device follows its host.
    pub listed: Vec<Listed<'a>>,
    /// Names of zones in order of their level, the highest first.
    pub zones: Vec<String>,
    /// Where each zone is among them, by its name.
    by_name: BTreeMap<String, usize>,
    /// Where each asset is in the list, by its id.
    places: BTreeMap<&'a str, usize>,
    controls: BTreeMap<&'a str, &'a Control>,
}

/// What stands for a zone where none is configured.
fn stand_in(vlans: &[u16], addresses: &[IpAddr]) -> String {
    let network = |address: &IpAddr| {
        let prefix = if address.is_ipv4() { 24 } else { 64 };
        Network::new(*address, prefix)
    };
    match (vlans.first(), addresses.first()) {
        (Some(vlan), _) if *vlan > 0 => format!("VLAN {vlan}"),
        (_, Some(address)) if is_public(*address) => INTERNET.to_owned(),
        (_, Some(address)) => {
            network(address).map_or_else(String::new, |network| network.to_string())
        }
        (_, None) => "without IP address".to_owned(),
    }
}

impl<'a> Figures<'a> {
    pub fn of(report: &Report<'a>) -> Figures<'a> {
        let named = |vlans: &[u16], addresses: &[IpAddr]| {
            (report.place)(vlans, addresses).unwrap_or_else(|| stand_in(vlans, addresses))
        };
        let ours = report.assets.iter().filter(|asset| !asset.external);
        let places: Vec<(&Asset, String)> = ours
            .map(|asset| (asset, named(&asset.vlans, &asset.ips())))
            .collect();
        let mut names: BTreeSet<String> = places.iter().map(|(_, name)| name.clone()).collect();
        names.extend(report.zones.iter().map(|zone| zone.name.clone()));
        for told in report.conversations {
            for end in [&told.client, &told.server] {
                if end.address.is_multicast() || told.cast != fossick_model::Cast::Unicast {
                    continue;
                }
                names.insert(named(vlans(&end.vlan), &[end.address]));
            }
        }
        let mut zones: Vec<String> = names.into_iter().collect();
        let levels: BTreeMap<&str, f32> = report
            .zones
            .iter()
            .filter_map(|zone| Some((zone.name.as_str(), zone.purdue?)))
            .collect();
        // The Internet is above every level; what has no level comes last.
        let level = |name: &str| match levels.get(name) {
            _ if name == INTERNET => 6.0,
            Some(level) => *level,
            None => -1.0,
        };
        zones.sort_by(|one, other| {
            let order = level(other).total_cmp(&level(one));
            order.then_with(|| one.cmp(other))
        });
        let numbers = zones.iter().cloned().enumerate();
        let by_name: BTreeMap<String, usize> = numbers.map(|(at, name)| (name, at)).collect();
        let at = |name: &str| by_name.get(name).copied().unwrap_or_default();
        let controls: BTreeMap<&str, &Control> = report
            .decisions
            .controls
            .iter()
            .map(|control| (control.policy.asset.as_str(), control))
            .collect();
        let mut hosts: Vec<(usize, &Asset)> = places
            .iter()
            .map(|(asset, name)| (at(name), *asset))
            .collect();
        hosts.sort_by_cached_key(|(zone, asset)| {
            let first = asset.ips().first().copied();
            (
                *zone,
                first.is_none(),
                first,
                asset.label(),
                asset.id.clone(),
            )
        });
        let mut listed: Vec<Listed<'a>> = hosts
            .iter()
            .flat_map(|(zone, host)| {
                let one = |asset: &'a Asset, of: Option<&'a Asset>| Listed {
                    asset,
                    host: of,
                    zone: *zone,
                    control: controls.get(asset.id.as_str()).copied(),
                    whole: false,
                };
                let children: Vec<_> = host.children.iter().map(|c| one(c, Some(host))).collect();
                std::iter::once(one(host, None)).chain(children)
            })
            .collect();
        // Those that somebody must look at first.
        let mut ranks: Vec<(usize, usize)> = listed.iter().map(Listed::urgency).zip(0..).collect();
        ranks.sort_unstable();
        for (_, at) in ranks.into_iter().take(MOST_WHOLE) {
            if let Some(one) = listed.get_mut(at) {
                one.whole = true;
            }
        }
        let ids = listed.iter().enumerate();
        let places = ids.map(|(at, one)| (one.asset.id.as_str(), at)).collect();
        Figures {
            listed,
            zones,
            by_name,
            places,
            controls,
        }
    }

    /// Index of the zone of a conversation's end.
    pub fn zone_of(&self, report: &Report<'_>, end: &fossick_model::End) -> Option<usize> {
        let known = end.asset.as_deref().and_then(|id| self.asset(id));
        known.map(|one| one.zone).or_else(|| {
            let addresses = [end.address];
            let vlans = vlans(&end.vlan);
            let name = (report.place)(vlans, &addresses);
            let name = name.unwrap_or_else(|| stand_in(vlans, &addresses));
            self.by_name.get(&name).copied()
        })
    }

    /// What is listed of each zone, in the zones' order.
    pub fn by_zone(&self) -> Vec<Vec<&Listed<'a>>> {
        let mut all: Vec<Vec<&Listed<'a>>> = vec![Vec::new(); self.zones.len()];
        for one in &self.listed {
            if let Some(members) = all.get_mut(one.zone) {
                members.push(one);
            }
        }
        all
    }

    /// The name of a zone.
    pub fn zone(&self, at: usize) -> &str {
        self.zones.get(at).map_or("", String::as_str)
    }

    /// The asset of this id.
    pub fn asset(&self, id: &str) -> Option<&Listed<'a>> {
        self.places.get(id).and_then(|at| self.listed.get(*at))
    }

    /// Findings, with their assets.
    pub fn findings(&self) -> impl Iterator<Item = (&Listed<'a>, &Finding)> {
        let of = |one: &'_ Listed<'a>| one.asset.findings.iter().filter(|one| is_open(one));
        self.listed
            .iter()
            .flat_map(move |one| of(one).map(move |finding| (one, finding)))
    }

    /// First and last packet of any asset.
    pub fn period(&self) -> Option<(Time, Time)> {
        let first = self.listed.iter().map(|one| one.asset.first_seen).min()?;
        let last = self.listed.iter().map(|one| one.asset.last_seen).max()?;
        Some((first, last))
    }
}

fn vlans(vlan: &u16) -> &[u16] {
    if *vlan == 0 {
        &[]
    } else {
        std::slice::from_ref(vlan)
    }
}

/// How well a deadline for patches is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Deadline {
    /// Days after the advisory.
    pub days: u32,
    /// Open findings with a fix that are not so old.
    pub within: u64,
    /// Open findings with a fix that are older.
    pub missed: u64,
    /// Assets with one of the latter.
    pub assets_behind: u64,
    /// Assets without, of which a version was seen.
    pub assets_in_time: u64,
    /// Assets of which no version was seen: whether they keep it cannot be told.
    pub assets_unknown: u64,
}

/// What there is, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Hosts, and devices behind them.
    pub assets: u64,
    /// Those that have an address of their own.
    pub hosts: u64,
    /// Assets by category.
    pub categories: BTreeMap<String, u64>,
    /// Assets by kind; `unknown` where nothing shows it.
    pub kinds: BTreeMap<String, u64>,
    /// Assets by zone.
    pub zones: BTreeMap<String, u64>,
    /// Whether advisories and lifecycles were asked at all; if not, the figures of findings say nothing.
    pub judged: bool,
    /// Open findings by verdict; those of detectors under `detector`.
    pub verdicts: BTreeMap<String, u64>,
    /// Open findings by priority.
    pub priorities: BTreeMap<String, u64>,
    /// Assets with a finding that no patch closes.
    pub unpatchable: u64,
    /// Of those, the ones whose control is verified.
    pub unpatchable_verified: u64,
    /// Controls by state.
    pub controls: BTreeMap<String, u64>,
    /// Assets with a vulnerability that is known to be exploited.
    pub exploited: u64,
    /// Pairs of asset and CVE whose due date has passed.
    pub exploited_overdue: u64,
    /// How well the deadlines for patches are kept.
    pub deadlines: Vec<Deadline>,
    /// Accepted risks that hold.
    pub exceptions: u64,
    /// Accepted risks whose time is over.
    pub exceptions_expired: u64,
    /// Conversations.
    pub conversations: u64,
    /// Conversations of which one direction alone was heard.
    pub one_way: u64,
    /// Assets with a limit to what this sensor sees of them.
    pub limited_visibility: u64,
}

/// The day of a finding's source.
pub(crate) fn day(finding: &Finding) -> Option<Date> {
    finding.source.date.get(..10)?.parse().ok()
}

/// Whole days from one to the other.
pub(crate) fn days(from: Date, to: Date) -> i32 {
    from.until(to).map_or(0, |span| span.get_days())
}

/// Whether a finding can be patched and is older than so many days.
pub(crate) fn is_late(finding: &Finding, as_of: Date, most: u32) -> bool {
    let most = i32::try_from(most).unwrap_or(i32::MAX);
    finding.verdict == Some(Verdict::FixAvailable)
        && day(finding).is_some_and(|day| days(day, as_of) > most)
}

/// Whether an accepted risk is so no longer.
pub(crate) fn is_over(exception: &Exception, as_of: Date) -> bool {
    exception.until < as_of
}

fn count(one: &mut u64) {
    *one = one.saturating_add(1);
}

impl Summary {
    pub(crate) fn of(report: &Report<'_>, figures: &Figures<'_>) -> Summary {
        let mut all = Summary {
            judged: report.knowledge.is_some(),
            conversations: report.baseline.conversations,
            one_way: report.baseline.one_way,
            ..Summary::default()
        };
        for one in &figures.listed {
            let asset = one.asset;
            count(&mut all.assets);
            if one.host.is_none() {
                count(&mut all.hosts);
            }
            let category = asset.category.name().to_owned();
            count(all.categories.entry(category).or_default());
            let kind = asset.kind.map_or("unknown", |kind| kind.name()).to_owned();
            count(all.kinds.entry(kind).or_default());
            let zone = figures.zone(one.zone).to_owned();
            count(all.zones.entry(zone).or_default());
            if !asset.visibility.is_empty() {
                count(&mut all.limited_visibility);
            }
            if one.unpatchable().next().is_some() {
                count(&mut all.unpatchable);
                if one
                    .control
                    .is_some_and(|control| control.state.name() == "verified")
                {
                    count(&mut all.unpatchable_verified);
                }
            }
            if one.open().any(|finding| finding.kev) {
                count(&mut all.exploited);
            }
        }
        for (_, finding) in figures.findings() {
            let verdict = finding.verdict.map_or("detector", Verdict::name).to_owned();
            count(all.verdicts.entry(verdict).or_default());
            count(all.priorities.entry(finding.priority.clone()).or_default());
        }
        for due in exploited(report, figures) {
            if due.day.is_some_and(|day| day < report.as_of) {
                count(&mut all.exploited_overdue);
            }
        }
        for control in figures.controls.values() {
            count(
                all.controls
                    .entry(control.state.name().to_owned())
                    .or_default(),
            );
        }
        for exception in &report.decisions.exceptions {
            let over = is_over(exception, report.as_of);
            count(if over {
                &mut all.exceptions_expired
            } else {
                &mut all.exceptions
            });
        }
        all.deadlines = DEADLINES
            .iter()
            .map(|days| deadline(report, figures, *days))
            .collect();
        all
    }
}

fn deadline(report: &Report<'_>, figures: &Figures<'_>, days: u32) -> Deadline {
    let mut one = Deadline {
        days,
        ..Deadline::default()
    };
    for listed in &figures.listed {
        let mut behind = false;
        for finding in listed
            .open()
            .filter(|f| f.verdict == Some(Verdict::FixAvailable))
        {
            let late = is_late(finding, report.as_of, days);
            behind |= late;
            count(if late {
                &mut one.missed
            } else {
                &mut one.within
            });
        }
        count(if behind {
            &mut one.assets_behind
        } else if shows_version(listed.asset) {
            &mut one.assets_in_time
        } else {
            &mut one.assets_unknown
        });
    }
    one
}

/// Whether anything was seen that an advisory's range could be held against.
fn shows_version(asset: &Asset) -> bool {
    let product = asset.product.as_ref();
    asset.firmware.is_some()
        || asset.os_version.is_some()
        || product.is_some_and(|name| name.chars().any(|c| c.is_ascii_digit()))
}

/// A vulnerability that is known to be exploited, of an asset.
pub(crate) struct Due<'f, 'a> {
    pub listed: &'f Listed<'a>,
    pub finding: &'f Finding,
    pub cve: &'f str,
    pub what: Option<&'a crate::Exploited>,
    pub day: Option<Date>,
}

/// Everything of ours that is known to be exploited, the earliest due first, those without a day last.
pub(crate) fn exploited<'f, 'a>(report: &Report<'a>, figures: &'f Figures<'a>) -> Vec<Due<'f, 'a>> {
    let mut found = Vec::new();
    for (listed, finding) in figures.findings().filter(|(_, finding)| finding.kev) {
        let known = |cve: &str| report.knowledge.and_then(|known| known.exploited.get(cve));
        let before = found.len();
        for cve in &finding.cves {
            if let Some(what) = known(cve) {
                let day = what.due;
                found.push(Due {
                    listed,
                    finding,
                    cve,
                    what: Some(what),
                    day,
                });
            }
        }
        if found.len() == before {
            // The finding says that one of them is, and no catalogue is at hand that says which.
            let cve = finding
                .cves
                .first()
                .map_or(finding.source.id.as_str(), String::as_str);
            found.push(Due {
                listed,
                finding,
                cve,
                what: None,
                day: None,
            });
        }
    }
    found.sort_by_key(|one| (one.day.is_none(), one.day));
    found
}
