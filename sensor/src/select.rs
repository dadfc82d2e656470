//! Which assets are meant by a filter, in which order: for windows of the inventory and exports.

use std::cmp::Ordering;

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
    let mut found: Vec<(&String, &Box<Card>)> = cards
        .iter()
        .filter(|(_, card)| {
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
        })
        .collect();
    if let Some(compare) = compare {
        found.sort_by(|(_, a), (_, b)| {
            let order = compare(&a.asset, &b.asset);
            if turned { order.reverse() } else { order }
        });
    }
    Ok(found.into_iter().map(|(id, _)| id.clone()).collect())
}
