//! Who talks to whom: zones from the highest level to the lowest, and an arc for each two of which one uses services of the other.
//!
//! On the right a higher zone asks a lower one, on the left a lower one a higher. The same input gives the same picture: zones
//! stand in their order, and no two arcs of a side share their outermost point.

use std::collections::{BTreeMap, BTreeSet};

use fossick_model::{Cast, Transport};
use maud::{Markup, html};

use super::{MOST_ROWS, head, left_out, nothing, number, short, table, title_of, words};
use crate::Report;
use crate::figures::{self, Figures};

/// Zones that are drawn.
const MOST_ZONES: usize = 20;
/// Arcs that are drawn.
const MOST_ARCS: usize = 40;
/// Services that are named of an arc.
const MOST_SERVICES: usize = 6;

/// The picture's measures, in its own units.
const WIDTH: f64 = 760.0;
const BOX_LEFT: f64 = 230.0;
const BOX_WIDTH: f64 = 300.0;
const BOX_HEIGHT: f64 = 58.0;
const STEP: f64 = 96.0;
const MARGIN: f64 = 12.0;

/// What is heard between two zones, one asking the other; or within one.
#[derive(Default)]
struct Way<'a> {
    conversations: u64,
    unanswered: u64,
    clients: BTreeSet<std::net::IpAddr>,
    servers: BTreeSet<std::net::IpAddr>,
    services: BTreeMap<String, u64>,
    first: Option<&'a fossick_model::Conversation>,
}

fn service(told: &fossick_model::Conversation) -> String {
    let transport = match told.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    match (&told.protocol, told.port) {
        (Some(protocol), _) => protocol.to_string(),
        (None, Some(port)) => format!("{transport}/{port}"),
        (None, None) => transport.to_owned(),
    }
}

fn ways<'a>(report: &Report<'a>, figures: &Figures<'_>) -> BTreeMap<(usize, usize), Way<'a>> {
    let mut ways = BTreeMap::<(usize, usize), Way<'a>>::new();
    let add = |count: &mut u64, one: bool| *count = count.saturating_add(u64::from(one));
    for told in report
        .conversations
        .iter()
        .filter(|told| told.cast == Cast::Unicast)
    {
        let zones = [&told.client, &told.server].map(|end| figures.zone_of(report, end));
        let [Some(client), Some(server)] = zones else {
            continue;
        };
        let way = ways.entry((client, server)).or_default();
        add(&mut way.conversations, true);
        add(&mut way.unanswered, !told.two_way);
        way.clients.insert(told.client.address);
        way.servers.insert(told.server.address);
        add(way.services.entry(service(told)).or_default(), true);
        way.first = way.first.or(Some(told));
    }
    ways
}

/// The services of a way, the most used first.
fn services(way: &Way<'_>) -> String {
    let mut all: Vec<(&String, &u64)> = way.services.iter().collect();
    all.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
    let names: Vec<String> = all
        .iter()
        .take(MOST_SERVICES)
        .map(|(name, _)| (*name).clone())
        .collect();
    let more = all.len().saturating_sub(names.len());
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{more}", names.join(", "))
}

pub fn section(report: &Report<'_>, figures: &Figures<'_>) -> Markup {
    let ways = ways(report, figures);
    let title = head("map", title_of("map"));
    if ways.is_empty() {
        return html! { (title) (nothing("No conversations between hosts were heard.")) };
    }
    let mut between: Vec<(&(usize, usize), &Way<'_>)> = ways
        .iter()
        .filter(|((client, server), _)| client != server)
        .collect();
    between.sort_by_key(|(zones, way)| (std::cmp::Reverse(way.conversations), **zones));
    let inside: Vec<(&(usize, usize), &Way<'_>)> = ways
        .iter()
        .filter(|((client, server), _)| client == server)
        .collect();
    let rows = |ways: &[(&(usize, usize), &Way<'_>)]| -> Vec<Vec<Markup>> {
        let cells = |(at, ((client, server), way)): (usize, &(&(usize, usize), &Way<'_>))| {
            vec![
                html! { @if client == server { "–" } @else { (at.saturating_add(1)) } },
                html! { (short(figures.zone(*client))) },
                html! { @if client == server { "itself" } @else { (short(figures.zone(*server))) } },
                html! { (way.conversations) },
                html! { (way.clients.len()) },
                html! { (way.servers.len()) },
                html! { (services(way)) },
                html! { (way.unanswered) },
                html! { @if let Some(first) = way.first { (super::packet(&first.evidence)) } },
            ]
        };
        let shown = ways.iter().enumerate().take(MOST_ROWS);
        shown.map(cells).collect()
    };
    let mut all = rows(&between);
    all.extend(rows(&inside));
    all.truncate(MOST_ROWS);
    let heads = [
        number("No."),
        words("Who asks"),
        words("Whom"),
        number("Conversations"),
        number("Clients"),
        number("Servers"),
        words("Services"),
        number("One direction alone"),
        words("A packet"),
    ];
    html! {
        (title)
        p { "An arc is one zone using services of another; its number is that of the row below, and it is the thicker the more conversations it stands for. "
            "On the right, the upper zone asks the lower one; on the left, the lower one asks the upper one. " "Where it is dashed, one direction alone was heard. " strong { "The table says the same as the picture." } }
        (drawn(report, figures, &between, &ways))
        (table("Conversations between zones and within them", &heads, &all))
        (left_out(ways.len()))
        (baseline(report))
    }
}

fn baseline(report: &Report<'_>) -> Markup {
    let told = report.baseline;
    html! {
        @if let (Some(since), Some(grown)) = (told.since, told.grown) {
            p.quiet {
                "Heard since " (super::time(since)) ", with something heard in " (super::counted(told.hours, "hour", "hours")) ". The last that was new came at "
                (super::time(grown)) ". "
                @if told.growing { strong { "More is to be expected: " } "new conversations came within the last " (fossick_model::Baseline::SETTLED) " hours of listening." }
                @else { "Nothing new came in the " (told.quiet_hours) " hours of listening since." }
            }
        }
    }
}

/// A count as a measure.
fn real(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Where an arc meets a box: evenly along its side, ordered by where the other ends are.
fn berths(arcs: &[(usize, usize)]) -> BTreeMap<(usize, usize, bool), f64> {
    let mut sides = BTreeMap::<(usize, bool), Vec<(usize, usize, bool)>>::new();
    for (client, server) in arcs {
        let right = client < server;
        sides
            .entry((*client, right))
            .or_default()
            .push((*client, *server, true));
        sides
            .entry((*server, right))
            .or_default()
            .push((*client, *server, false));
    }
    let mut berths = BTreeMap::new();
    for ((zone, _), mut ends) in sides {
        let other = |end: &(usize, usize, bool)| if end.2 { end.1 } else { end.0 };
        // Arcs upwards take the upper berths. Of arcs to the same side the widest is the outermost, and nests around the others.
        ends.sort_by_key(|end| (other(end) > zone, std::cmp::Reverse(other(end))));
        let room = BOX_HEIGHT / real(ends.len().saturating_add(1));
        for (at, end) in ends.iter().enumerate() {
            berths.insert(*end, room * real(at.saturating_add(1)));
        }
    }
    berths
}

fn drawn(
    report: &Report<'_>,
    figures: &Figures<'_>,
    between: &[(&(usize, usize), &Way<'_>)],
    ways: &BTreeMap<(usize, usize), Way<'_>>,
) -> Markup {
    // The zones with the most to show, in their order.
    let mut weight = BTreeMap::<usize, u64>::new();
    for ((client, server), way) in ways {
        for zone in [client, server] {
            let sum = weight.entry(*zone).or_default();
            *sum = sum.saturating_add(way.conversations);
        }
    }
    for one in &figures.listed {
        let sum = weight.entry(one.zone).or_default();
        *sum = sum.saturating_add(1);
    }
    let mut zones: Vec<(usize, u64)> = weight.into_iter().collect();
    zones.sort_by_key(|(zone, weight)| (std::cmp::Reverse(*weight), *zone));
    let hidden = zones.len().saturating_sub(MOST_ZONES);
    zones.truncate(MOST_ZONES);
    let mut zones: Vec<usize> = zones.into_iter().map(|(zone, _)| zone).collect();
    zones.sort_unstable();
    let place = |zone: usize| zones.iter().position(|own| *own == zone);
    let arcs: Vec<(usize, (usize, usize), &Way<'_>)> = between
        .iter()
        .enumerate()
        .filter_map(|(at, ((client, server), way))| {
            Some((
                at.saturating_add(1),
                (place(*client)?, place(*server)?),
                *way,
            ))
        })
        .take(MOST_ARCS)
        .collect();
    let left_out = between.len().saturating_sub(arcs.len());
    let height = MARGIN * 2.0 + STEP * real(zones.len().saturating_sub(1)) + BOX_HEIGHT;
    let ends: Vec<(usize, usize)> = arcs.iter().map(|(_, ends, _)| *ends).collect();
    let berths = berths(&ends);
    let widest = ends.iter().map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(1);
    let described = format!(
        "{} zones and {} ways between them; the table below says the same.",
        zones.len(),
        arcs.len()
    );
    html! {
        figure {
            svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label=(described) xmlns="http://www.w3.org/2000/svg" {
                @for (no, ends, way) in &arcs { (arc(*no, *ends, way, &berths, widest)) }
                @for (row, zone) in zones.iter().enumerate() { (boxed(report, figures, row, *zone, ways)) }
            }
            @if hidden > 0 || left_out > 0 {
                figcaption.quiet { "Not drawn: " (hidden) " zones with the least, and " (left_out) " ways. The table has them." }
            }
        }
    }
}

fn arc(
    no: usize,
    (client, server): (usize, usize),
    way: &Way<'_>,
    berths: &BTreeMap<(usize, usize, bool), f64>,
    widest: usize,
) -> Markup {
    let berth = |begins| {
        berths
            .get(&(client, server, begins))
            .copied()
            .unwrap_or(BOX_HEIGHT / 2.0)
    };
    let y = |row: usize, begins| MARGIN + STEP * real(row) + berth(begins);
    let (from, to) = (y(client, true), y(server, false));
    let right = client < server;
    let (edge, sign) = if right {
        (BOX_LEFT + BOX_WIDTH, 1.0)
    } else {
        (BOX_LEFT, -1.0)
    };
    // The farther apart two zones are, the farther out their arc: at three quarters of where its handles are.
    let out = 60.0 + 190.0 * real(client.abs_diff(server)) / real(widest.max(1));
    let (handle, tip) = (edge + sign * out, edge + sign * 9.0);
    let conversations = f64::from(u32::try_from(way.conversations).unwrap_or(u32::MAX));
    let thick = 1.2 + conversations.log2().clamp(0.0, 10.0) * 0.5;
    let label = (edge + sign * out * 0.75, f64::midpoint(from, to));
    html! {
        path.way d=(format!("M{edge:.1} {from:.1}C{handle:.1} {from:.1} {handle:.1} {to:.1} {tip:.1} {to:.1}")) stroke-width=(format!("{thick:.1}"))
            stroke-dasharray=[(way.unanswered == way.conversations).then_some("6 4")] {
            title { "No. " (no) ": " (way.conversations) " conversations: " (services(way)) }
        }
        path.tip d=(format!("M{edge:.1} {to:.1}L{:.1} {:.1}V{:.1}Z", edge + sign * 12.0, to - 5.5, to + 5.5)) {}
        text.label.bold x=(format!("{:.1}", label.0)) y=(format!("{:.1}", label.1 + 5.0)) { (no) }
    }
}

/// Text that fits into a box.
fn fitted(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let cut: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{cut}…")
}

fn boxed(
    report: &Report<'_>,
    figures: &Figures<'_>,
    row: usize,
    zone: usize,
    ways: &BTreeMap<(usize, usize), Way<'_>>,
) -> Markup {
    let top = MARGIN + STEP * real(row);
    let name = figures.zone(zone);
    let level = report
        .zones
        .iter()
        .find(|own| own.name == name)
        .and_then(|own| own.purdue);
    let assets = figures.listed.iter().filter(|one| one.zone == zone).count();
    let unpatchable = figures
        .listed
        .iter()
        .filter(|one| one.zone == zone && one.unpatchable().next().is_some())
        .count();
    let mut about = if name == figures::INTERNET && assets == 0 {
        "hosts that are not ours".to_owned()
    } else {
        super::counted(u64::try_from(assets).unwrap_or(u64::MAX), "asset", "assets")
    };
    if let Some(level) = level {
        about = format!("level {level}: {about}");
    }
    if unpatchable > 0 {
        about = format!("{about}, {unpatchable} unpatchable");
    }
    let inside = ways.get(&(zone, zone)).map_or(0, |way| way.conversations);
    let x = format!("{:.1}", BOX_LEFT + 14.0);
    let line = |down: f64| format!("{:.1}", top + down);
    html! {
        rect.box x=(format!("{BOX_LEFT:.1}")) y=(line(0.0)) width=(format!("{BOX_WIDTH:.1}")) height=(format!("{BOX_HEIGHT:.1}")) rx="4" {}
        text.bold x=(x) y=(line(19.0)) { (fitted(name, 34)) }
        text.small x=(x) y=(line(35.0)) { (fitted(&about, 44)) }
        text.small x=(x) y=(line(50.0)) { @if inside == 0 { "no conversations inside" } @else { (super::counted(inside, "conversation", "conversations")) " inside" } }
    }
}
