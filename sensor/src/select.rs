//! Which assets are meant by a filter, in which order: for windows of the inventory and exports.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::num::NonZero;

use fossick_model::{About, Asset, Filter, Reply};

use crate::config::Config;
use crate::run::clock;
use crate::store::{Card, Shared};

/// How assets are compared in one column.
type Compare = fn(&Asset, &Asset) -> Ordering;

/// Columns to sort by.
const COLUMNS: &[(&str, Compare)] = &[
    ("id", |a, b| a.id.cmp(&b.id)),
    ("address", |a, b| {
        known_first(a.ips().first().copied(), b.ips().first().copied())
    }),
    ("name", |a, b| {
        known_first(a.hostnames.first(), b.hostnames.first())
    }),
    ("vendor", |a, b| {
        known_first(a.vendor.as_ref(), b.vendor.as_ref())
    }),
    ("model", |a, b| {
        known_first(a.model.as_ref(), b.model.as_ref())
    }),
    ("kind", |a, b| known_first(a.kind.as_ref(), b.kind.as_ref())),
    ("os", |a, b| known_first(a.os.as_ref(), b.os.as_ref())),
    ("firmware", |a, b| {
        known_first(a.firmware.as_ref(), b.firmware.as_ref())
    }),
    ("first", |a, b| a.first_seen.cmp(&b.first_seen)),
    ("seen", |a, b| a.last_seen.cmp(&b.last_seen)),
    ("peers", |a, b| a.peers.cmp(&b.peers)),
];

/// What is not known stands at the end.
fn known_first<T: Ord>(a: Option<T>, b: Option<T>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

/// A card under its id.
type Entry<'a> = (&'a String, &'a Box<Card>);

/// Assets that one thread looks at: fewer are not worth another.
const SHARE: usize = 10_000;

/// The cards that pass, in the order of their ids. Very many are looked at by all processors: somebody waits at a screen.
fn pass<'a>(
    cards: &'a BTreeMap<String, Box<Card>>,
    passes: &(dyn Fn(&Card) -> bool + Sync),
) -> Vec<Entry<'a>> {
    let all: Vec<Entry<'a>> = cards.iter().collect();
    let look = |share: &[Entry<'a>]| -> Vec<Entry<'a>> {
        let of_share = share.iter().copied();
        of_share.filter(|(_, card)| passes(card)).collect()
    };
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let share = all.len().div_ceil(processors).max(SHARE);
    if all.len() <= share {
        return look(&all);
    }
    std::thread::scope(|scope| {
        let looking: Vec<_> = all
            .chunks(share)
            .map(|share| scope.spawn(move || look(share)))
            .collect();
        let found = looking.into_iter().map(|looked| {
            looked
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        found.flatten().collect()
    })
}

/// The ids of the assets that pass the filter, in order. A refusal says what is wrong, and where.
pub fn select(
    shared: &Shared,
    config: &Config,
    filter: &str,
    sort: &str,
) -> Result<Vec<String>, Reply> {
    let filter = Filter::parse(filter).map_err(|error| Reply::Refused {
        why: error.what,
        position: Some(error.position),
    })?;
    let (column, turned) = match sort.strip_prefix('-') {
        Some(column) => (column, true),
        None => (sort, false),
    };
    let compare = if column.is_empty() {
        None
    } else {
        let known = COLUMNS.iter().find(|(name, _)| *name == column);
        let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
        let why = || Reply::Refused {
            why: format!(
                "no column `{}` to sort by: there are {}",
                crate::safe::display_safe(column),
                names.join(", ")
            ),
            position: None,
        };
        Some(known.ok_or_else(why)?.1)
    };
    let now = clock();
    let zoning = config.zoning();
    let cards = shared.cards();
    let passes = |card: &Card| {
        let zone = (!zoning.is_empty())
            .then(|| zoning.zone(&card.asset.vlans, &card.asset.ips()))
            .flatten()
            .and_then(|number| config.zones.get(number));
        let about = About {
            now,
            zone: zone.map(|zone| zone.name.as_str()),
            note: card.standing.note.as_deref(),
            silent: card.standing.silent.is_some(),
        };
        filter.matches(&card.asset, &about)
    };
    let mut found = pass(&cards, &passes);
    if let Some(compare) = compare {
        found.sort_by(|(_, a), (_, b)| {
            let order = compare(&a.asset, &b.asset);
            if turned { order.reverse() } else { order }
        });
    }
    Ok(found.into_iter().map(|(id, _)| id.clone()).collect())
}
