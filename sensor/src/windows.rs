//! What screens ask for, answered from whatever holds an inventory: a running sensor's store, or captures that were read.

mod desk;
mod lists;
mod proof;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context, bail};
use fossick_controls::{Format, Verdict, dry_run, render};
use fossick_engine::Kept;
use fossick_model::{
    About, Asset, Behind, Cell, Change, Control, ControlState, Conversation, End, Filter, Matrix,
    Overview, Reply, Request, Row, Rules, Stopped, Tally, Time, Told,
};
use fossick_shadow::Approvals;

use crate::outlet::syslog;
use crate::safe::display_safe;

pub use desk::of_desk;
pub use proof::{kept_index, of_packet, said};

/// Lines of one window.
const WINDOW: usize = 1000;
/// Entries of the journal that are looked through for a filter, and for what changed in the last hour.
const LOOKED: usize = 20_000;
/// Names in one tally, and zones in a matrix.
const TALLIES: usize = 64;
/// Protocols in one cell of the matrix.
const PROTOCOLS: usize = 12;
/// Stopped conversations that are listed.
const STOPS: usize = 200;
const HOUR: i64 = 3_600_000_000_000;

/// An asset as lists know it, and what is known beside it.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// Without facts and observations.
    pub asset: &'a Asset,
    /// The zone it is in.
    pub zone: Option<&'a str>,
    /// What persons noted of it.
    pub note: Option<&'a str>,
    /// What persons call it.
    pub given_name: Option<&'a str>,
    /// What kind persons say it is.
    pub given_kind: Option<&'a str>,
    /// Who refused it, and when.
    pub refused: Option<&'a str>,
    /// It has not been heard for long.
    pub silent: bool,
}

/// What holds an inventory.
pub trait Book {
    /// What ages are counted from.
    fn now(&self) -> Time;
    /// Shows every asset.
    fn each(&self, show: &mut dyn FnMut(Known<'_>));
    /// One asset with everything known of it; by its id, one of its addresses, or its name.
    fn whole(&self, wanted: &str) -> anyhow::Result<Option<Asset>>;
    /// Shows every conversation.
    fn talks(&self, show: &mut dyn FnMut(Conversation)) -> anyhow::Result<()>;
    /// The zone of an address.
    fn zone(&self, end: &End) -> Option<String>;
    /// Whether there are zones.
    fn has_zones(&self) -> bool;
    /// The control of an asset.
    fn control(&self, id: &str) -> Option<Control>;
    /// How far controls have come, by the id of their asset.
    fn control_states(&self) -> BTreeMap<String, &'static str>;
    /// Approved assets.
    fn approvals(&self) -> Arc<Approvals>;
    /// Shows entries of the journal from the latest back, without so many at first, until there are enough; how many there are.
    fn journal(&self, skip: usize, show: &mut dyn FnMut(Change) -> bool) -> anyhow::Result<usize>;
    /// A packet, masked.
    fn packet(&self, asset: &Asset, capture: &str, frame: u64) -> anyhow::Result<Option<Kept>>;
    /// Which octets of a packet say what a key says (first, count); nothing where that is not known.
    fn marks(
        &self,
        asset: &Asset,
        capture: &str,
        frame: u64,
        key: &str,
    ) -> anyhow::Result<Option<Vec<(usize, usize)>>>;
    /// Packets in equal spans of time, where that is known.
    fn traffic(&self) -> Vec<u64>;
}

/// Answers a request of a window; nothing where it is another one.
pub fn answer(book: &dyn Book, request: &Request) -> anyhow::Result<Option<Reply>> {
    let filter = |text: &str| Filter::parse(text);
    let refused = |error: fossick_model::FilterError| Reply::Refused {
        why: error.what,
        position: Some(error.position),
    };
    macro_rules! filtered {
        ($text:expr) => {
            match filter($text) {
                Ok(filter) => filter,
                Err(error) => return Ok(Some(refused(error))),
            }
        };
    }
    Ok(Some(match request {
        Request::Overview => Reply::Overview(Box::new(overview(book)?)),
        Request::Rows {
            filter,
            sort,
            offset,
            limit,
        } => lists::rows(book, &filtered!(filter), sort, window(*offset, *limit))?,
        Request::Findings {
            filter,
            which,
            by,
            offset,
            limit,
        } => lists::findings(
            book,
            &filtered!(filter),
            *which,
            *by,
            window(*offset, *limit),
        )?,
        Request::Compared {
            filter,
            offset,
            limit,
        } => lists::compared(book, &filtered!(filter), filter, window(*offset, *limit)),
        Request::ControlRows {
            filter,
            offset,
            limit,
        } => lists::controls(book, &filtered!(filter), window(*offset, *limit)),
        Request::Talks {
            filter,
            offset,
            limit,
        } => talks(book, filter, &filtered!(filter), window(*offset, *limit))?,
        Request::Matrix { filter } => {
            Reply::Matrix(Box::new(matrix(book, filter, &filtered!(filter))?))
        }
        Request::Recent {
            filter,
            offset,
            limit,
        } => recent(book, filter, &filtered!(filter), window(*offset, *limit))?,
        Request::Rules { asset, format } => Reply::Rules(Box::new(rules(book, asset, format)?)),
        Request::Proof {
            asset,
            capture,
            frame,
            key,
        } => {
            let asset = whole(book, asset)?;
            Reply::Proof(Box::new(proof::proof(book, &asset, capture, *frame, key)?))
        }
        _ => return Ok(None),
    }))
}

fn window(offset: usize, limit: usize) -> (usize, usize) {
    (offset, limit.min(WINDOW))
}

fn whole(book: &dyn Book, wanted: &str) -> anyhow::Result<Asset> {
    book.whole(wanted)?
        .with_context(|| format!("there is no asset `{}` any more", display_safe(wanted)))
}

fn passes(book: &dyn Book, filter: &Filter, known: Known<'_>) -> bool {
    let about = About {
        now: book.now(),
        zone: known.zone,
        note: known.note,
        silent: known.silent,
    };
    filter.matches(known.asset, &about)
}

/// Ids of the assets that pass.
fn chosen(book: &dyn Book, filter: &Filter) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    book.each(&mut |known| {
        if passes(book, filter, known) {
            ids.insert(known.asset.id.clone());
        }
    });
    ids
}

/// How urgent: the smaller, the more.
fn rank(priority: &str) -> u8 {
    match priority {
        "act" => 0,
        "attend" => 1,
        "track" => 2,
        _ => 3,
    }
}

/// Whether nobody answers for leaving it as it is.
fn is_open(state: &str) -> bool {
    !state.starts_with("accepted")
}

/// The most first; what is beyond is left out.
fn tallied(counts: BTreeMap<String, u64>) -> Vec<Tally> {
    let mut all: Vec<Tally> = counts
        .into_iter()
        .map(|(name, count)| Tally { name, count })
        .collect();
    all.sort_by_key(|tally| std::cmp::Reverse(tally.count));
    all.truncate(TALLIES);
    all
}

fn add(counts: &mut BTreeMap<String, u64>, name: &str) {
    if let Some(count) = counts.get_mut(name) {
        *count = count.saturating_add(1);
    } else {
        counts.insert(name.to_owned(), 1);
    }
}

fn overview(book: &dyn Book) -> anyhow::Result<Overview> {
    let now = book.now();
    let controls = book.control_states();
    let mut overview = Overview {
        now,
        traffic: book.traffic(),
        ..Overview::default()
    };
    let (mut kinds, mut zones, mut vendors) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let has_zones = book.has_zones();
    book.each(&mut |known| {
        let asset = known.asset;
        let count = |number: &mut u64, is: bool| *number = number.saturating_add(u64::from(is));
        count(&mut overview.assets, true);
        count(
            &mut overview.fresh,
            asset.first_seen.0 > now.0.saturating_sub(24 * HOUR),
        );
        count(&mut overview.silent, known.silent);
        let mut unpatchable = false;
        for finding in lists::of(asset).filter(|finding| is_open(&finding.state)) {
            count(&mut overview.open.act, finding.priority == "act");
            count(&mut overview.open.attend, finding.priority == "attend");
            count(&mut overview.open.track, finding.priority == "track");
        }
        for finding in lists::of(asset) {
            unpatchable |= finding
                .verdict
                .is_some_and(fossick_model::Verdict::is_unpatchable);
        }
        let held = matches!(controls.get(&asset.id), Some(&("deployed" | "verified")));
        count(&mut overview.unpatchable, unpatchable);
        count(&mut overview.fenced, unpatchable && held);
        overview.behind = overview.behind.saturating_add(asset.children.len() as u64);
        for part in std::iter::once(asset).chain(&asset.children) {
            let kind = part.kind.map_or("unknown", fossick_model::Kind::name);
            add(&mut kinds, kind);
        }
        if let Some(vendor) = &asset.vendor {
            add(&mut vendors, vendor);
        }
        if has_zones {
            add(&mut zones, known.zone.unwrap_or("no zone"));
        }
    });
    overview.kinds = tallied(kinds);
    overview.zones = tallied(zones);
    overview.vendors = tallied(vendors);
    let mut changed = BTreeMap::new();
    let mut looked = 0_usize;
    // Of captures, everything that was learnt.
    let since = if overview.traffic.is_empty() {
        now.0.saturating_sub(HOUR)
    } else {
        i64::MIN
    };
    book.journal(0, &mut |change| {
        looked = looked.saturating_add(1);
        let within = change.time.0 >= since;
        if within {
            add(&mut changed, change.event.name());
        }
        within && looked < LOOKED
    })?;
    overview.more_changed = looked >= LOOKED;
    overview.changed = tallied(changed);
    Ok(overview)
}

/// Conversations of the assets that pass, or all of them.
fn wanted_talks(
    book: &dyn Book,
    text: &str,
    filter: &Filter,
    show: &mut dyn FnMut(Conversation),
) -> anyhow::Result<()> {
    let ids = (!text.trim().is_empty()).then(|| chosen(book, filter));
    book.talks(&mut |told| {
        let is = |end: &End| {
            end.asset
                .as_ref()
                .is_some_and(|id| ids.as_ref().is_some_and(|ids| ids.contains(id)))
        };
        if ids.is_none() || is(&told.client) || is(&told.server) {
            show(told);
        }
    })
}

fn talks(
    book: &dyn Book,
    text: &str,
    filter: &Filter,
    (offset, limit): (usize, usize),
) -> anyhow::Result<Reply> {
    let mut total = 0_usize;
    let mut rows = Vec::new();
    wanted_talks(book, text, filter, &mut |told| {
        if total >= offset && rows.len() < limit {
            rows.push(told);
        }
        total = total.saturating_add(1);
    })?;
    Ok(Reply::Talks { total, rows })
}

fn matrix(book: &dyn Book, text: &str, filter: &Filter) -> anyhow::Result<Matrix> {
    let mut zones: BTreeMap<String, usize> = BTreeMap::new();
    let mut cells: BTreeMap<(String, String), (u64, BTreeSet<String>)> = BTreeMap::new();
    let mut known: BTreeMap<(u16, IpAddr), String> = BTreeMap::new();
    wanted_talks(book, text, filter, &mut |told| {
        let mut zone = |end: &End| {
            let at = (end.vlan, end.address);
            if let Some(name) = known.get(&at) {
                return name.clone();
            }
            let ours =
                end.asset.is_some() || fossick_engine::Locality::default().is_local(end.address);
            let none = || if ours { "no zone" } else { "elsewhere" }.to_owned();
            let name = book.zone(end).unwrap_or_else(none);
            if known.len() < LOOKED {
                known.insert(at, name.clone());
            }
            name
        };
        let (from, to) = (
            zone(&told.client),
            if told.cast == fossick_model::Cast::Unicast {
                zone(&told.server)
            } else {
                "groups".to_owned()
            },
        );
        for name in [&from, &to] {
            let next = zones.len();
            if next < TALLIES {
                zones.entry(name.clone()).or_insert(next);
            }
        }
        let (count, protocols) = cells.entry((from, to)).or_default();
        *count = count.saturating_add(1);
        if let Some(name) = told
            .protocol
            .as_deref()
            .filter(|_| protocols.len() < PROTOCOLS)
        {
            protocols.insert(name.to_owned());
        }
    })?;
    let names: Vec<String> = zones.keys().cloned().collect();
    let number = |name: &str| names.iter().position(|known| known == name);
    let mut cells: Vec<Cell> = cells
        .into_iter()
        .filter_map(|((from, to), (count, protocols))| {
            Some(Cell {
                from: number(&from)?,
                to: number(&to)?,
                count,
                protocols: protocols.into_iter().collect(),
            })
        })
        .collect();
    cells.sort_by_key(|cell| std::cmp::Reverse(cell.count));
    Ok(Matrix {
        zones: names,
        cells,
    })
}

fn recent(
    book: &dyn Book,
    text: &str,
    filter: &Filter,
    (offset, limit): (usize, usize),
) -> anyhow::Result<Reply> {
    let told = |change: Change| Told {
        sentence: syslog::sentence(&change),
        change,
    };
    let mut rows = Vec::new();
    if text.trim().is_empty() {
        let total = book.journal(offset, &mut |change| {
            if rows.len() < limit {
                rows.push(told(change));
            }
            rows.len() < limit
        })?;
        return Ok(Reply::Recent { total, rows });
    }
    let ids = chosen(book, filter);
    let (mut looked, mut total) = (0_usize, 0_usize);
    book.journal(0, &mut |change| {
        looked = looked.saturating_add(1);
        if ids.contains(&change.asset) {
            if total >= offset && rows.len() < limit {
                rows.push(told(change));
            }
            total = total.saturating_add(1);
        }
        looked < LOOKED
    })?;
    Ok(Reply::Recent { total, rows })
}

fn rules(book: &dyn Book, asset: &str, format: &str) -> anyhow::Result<Rules> {
    let asset = whole(book, asset)?;
    let Some(control) = book.control(&asset.id) else {
        bail!("it has no control yet: nothing fences it in");
    };
    let format = Format::named(format).unwrap_or(Format::Nftables);
    let mut heard = Vec::new();
    book.talks(&mut |told| {
        if fossick_controls::concerns(&control.policy, &told) {
            heard.push(told);
        }
    })?;
    let trials = dry_run(&control.policy, &heard);
    let stopped = trials.iter().filter_map(|trial| match trial.verdict {
        Verdict::Blocked { why } => Some(Stopped {
            why,
            conversation: trial.conversation.clone(),
        }),
        Verdict::Allowed { .. } => None,
    });
    let stops: Vec<Stopped> = stopped.take(STOPS).collect();
    let passes = trials
        .iter()
        .filter(|trial| matches!(trial.verdict, Verdict::Allowed { .. }))
        .count();
    Ok(Rules {
        format: format.name().to_owned(),
        formats: Format::ALL
            .iter()
            .map(|format| format.name().to_owned())
            .collect(),
        text: render(&control.policy, format)?,
        passes,
        stops,
    })
}

/// Who brought a control to where it is, or what moved it there.
fn moved_by(control: &Control) -> String {
    let by = match &control.state {
        ControlState::Proposed { by, at }
        | ControlState::DryRun { by, at, .. }
        | ControlState::Approved { by, at }
        | ControlState::Exported { by, at, .. }
        | ControlState::Deployed { by, at, .. } => format!("{by} on {}", at.day()),
        ControlState::Verified { until, allowed, .. } => {
            format!("{allowed} allowed conversations heard until {until}")
        }
        ControlState::Violated {
            conversation,
            evidence,
            ..
        } => format!(
            "{} → {} {} went through: {} frame {}",
            conversation.client.address,
            conversation.server.address,
            conversation.service(),
            evidence.capture,
            evidence.frames.first()
        ),
        ControlState::Stale { reason } => match reason {
            fossick_model::Staleness::DemandChanged { now } => {
                format!("its reason is now {}", now.source)
            }
            fossick_model::Staleness::BaselineChanged { conversation } => {
                format!(
                    "made without {} → {}",
                    conversation.client.address, conversation.server.address
                )
            }
            fossick_model::Staleness::NewAddress { address } => {
                format!("{address} is not fenced in")
            }
        },
    };
    match &control.waits {
        Some(waits) => format!("{by}; {waits}"),
        None => by,
    }
}

/// What the devices behind an asset are, where they are alike.
fn behind(asset: &Asset) -> Behind {
    let alike = |of: &dyn Fn(&Asset) -> String| {
        let mut all = asset.children.iter().map(of);
        let first = all.next().unwrap_or_default();
        if all.all(|other| other == first) {
            first
        } else {
            String::new()
        }
    };
    Behind {
        devices: u32::try_from(asset.children.len()).unwrap_or(u32::MAX),
        kind: alike(&kind),
        vendor: alike(&|asset| asset.vendor.clone().unwrap_or_default()),
        model: alike(&model),
        firmware: alike(&|asset| asset.firmware.clone().unwrap_or_default()),
        os: alike(&|asset| asset.os.clone().unwrap_or_default()),
    }
}

fn kind(asset: &Asset) -> String {
    let kind = asset.kind.map(fossick_model::Kind::name);
    kind.unwrap_or_default().to_owned()
}

fn model(asset: &Asset) -> String {
    let known = [&asset.model, &asset.product, &asset.order_number];
    let first = known.into_iter().flatten().next();
    first.cloned().unwrap_or_default()
}

/// The line of an asset.
pub(crate) fn row(known: Known<'_>, control: Option<&str>) -> Row {
    let asset = known.asset;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let open = lists::of(asset).filter(|finding| is_open(&finding.state));
    let urgent = open.min_by_key(|finding| rank(&finding.priority));
    let words = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Row {
        id: asset.id.clone(),
        address: lists::address(asset),
        name: asset.hostnames.first().cloned().unwrap_or_default(),
        kind: kind(asset),
        vendor: text(&asset.vendor),
        model: model(asset),
        firmware: text(&asset.firmware),
        os: text(&asset.os),
        behind: behind(asset),
        zone: words(known.zone),
        verdict: lists::gravest(asset),
        priority: urgent
            .map(|finding| finding.priority.clone())
            .unwrap_or_default(),
        findings: u32::try_from(lists::of(asset).count()).unwrap_or(u32::MAX),
        control: words(control),
        first_seen: asset.first_seen,
        last_seen: asset.last_seen,
        silent: known.silent,
        given_name: words(known.given_name),
        given_kind: words(known.given_kind),
        note: words(known.note),
        refused: words(known.refused),
    }
}
