//! The inventory as a table for people, and what was not read.
//!
//! ```text
//! ADDRESS          NAME         KIND   VENDOR    MODEL                 FIRMWARE  OS   SPEAKS
//! 10.10.10.10      plc-line-3   plc    Siemens   SIMATIC S7-300 CPU …  V3.2.6         profinet-dcp, s7comm
//!   unit 5                      meter  …
//! ```

use std::collections::BTreeMap;
use std::io::{self, Write};

use fossick_engine::Counters;
use fossick_model::{Addresses, Asset};
use fossick_parsers::packet::Stop;
use unicode_width::UnicodeWidthStr;

use crate::safe::{display_safe, fit};

/// One column: title, the least and the most columns it takes, and what stands in it.
struct Column {
    title: &'static str,
    least: usize,
    most: usize,
    cell: fn(&Asset) -> String,
}

const COLUMNS: [Column; 8] = [
    Column {
        title: "ADDRESS",
        least: 17,
        most: 26,
        cell: address,
    },
    Column {
        title: "NAME",
        least: 10,
        most: 24,
        cell: |asset| asset.hostnames.first().cloned().unwrap_or_default(),
    },
    Column {
        title: "KIND",
        least: 10,
        most: 20,
        cell: |asset| {
            asset
                .kind
                .map(|kind| kind.name().to_owned())
                .unwrap_or_default()
        },
    },
    Column {
        title: "VENDOR",
        least: 10,
        most: 24,
        cell: |asset| asset.vendor.clone().unwrap_or_default(),
    },
    Column {
        title: "MODEL",
        least: 14,
        most: 32,
        cell: |asset| {
            let model = asset.model.clone().or_else(|| asset.product.clone());
            model
                .or_else(|| asset.order_number.clone())
                .unwrap_or_default()
        },
    },
    Column {
        title: "FIRMWARE",
        least: 8,
        most: 16,
        cell: |asset| asset.firmware.clone().unwrap_or_default(),
    },
    Column {
        title: "OS",
        least: 10,
        most: 24,
        cell: |asset| asset.os.clone().unwrap_or_default(),
    },
    Column {
        title: "SPEAKS",
        least: 12,
        most: 60,
        cell: speaks,
    },
];

fn address(asset: &Asset) -> String {
    let shown = |addresses: &Addresses| {
        let v4 = addresses.ipv4.first().map(ToString::to_string);
        let mac = addresses.mac.first().cloned();
        let v6 = addresses.ipv6.first().map(ToString::to_string);
        v4.or(mac).or(v6).unwrap_or_default()
    };
    match (&asset.addresses, &asset.path) {
        (Some(addresses), _) => shown(addresses),
        (None, Some(path)) => format!("  {path}"),
        (None, None) => String::new(),
    }
}

/// What everybody on the link speaks comes last.
fn speaks(asset: &Asset) -> String {
    let everybody = |name: &&str| matches!(*name, "arp" | "ndp");
    let (common, telling): (Vec<&str>, Vec<&str>) = asset
        .protocols
        .iter()
        .map(AsRef::as_ref)
        .partition(everybody);
    [telling, common].concat().join(", ")
}

/// Prints the assets, by address, in so many columns of text.
pub fn print(out: &mut dyn Write, assets: &[Asset], width: usize) -> io::Result<()> {
    let mut sorted: Vec<&Asset> = assets.iter().collect();
    sorted.sort_by_key(|asset| {
        let addresses = asset.addresses.as_ref();
        let v4 = addresses.and_then(|addresses| addresses.ipv4.first().copied());
        (v4.is_none(), v4, address(asset))
    });
    let rows: Vec<Vec<String>> = sorted
        .iter()
        .flat_map(|asset| std::iter::once(*asset).chain(&asset.children))
        .map(|asset| COLUMNS.iter().map(|column| (column.cell)(asset)).collect())
        .collect();
    let widths = widths(&rows, width);
    let titles: Vec<String> = COLUMNS
        .iter()
        .map(|column| column.title.to_owned())
        .collect();
    for row in std::iter::once(&titles).chain(&rows) {
        let cells = row.iter().zip(&widths).filter(|(_, width)| **width > 0);
        let cells: Vec<String> = cells.map(|(cell, width)| fit(cell, *width)).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// As wide as their cells, within their bounds. Where the terminal is narrower, the widest give way first,
/// then the last columns go.
fn widths(rows: &[Vec<String>], width: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = COLUMNS
        .iter()
        .enumerate()
        .map(|(n, column)| {
            let cells = rows.iter().filter_map(|row| row.get(n));
            let widest = cells.map(|cell| display_safe(cell).width()).max();
            let widest = widest.unwrap_or(0);
            if widest == 0 {
                return 0;
            }
            widest
                .max(column.title.len())
                .clamp(column.least, column.most)
        })
        .collect();
    let total = |widths: &[usize]| -> usize {
        let shown = widths.iter().filter(|width| **width > 0).count();
        let gaps = shown.saturating_sub(1).saturating_mul(2);
        widths.iter().sum::<usize>().saturating_add(gaps)
    };
    while total(&widths) > width {
        let room = |(n, wide): (usize, &usize)| {
            let least = COLUMNS.get(n).map_or(0, |column| column.least);
            (wide.saturating_sub(least), n)
        };
        match widths.iter().enumerate().map(room).max() {
            Some((spare, n)) if spare > 0 => {
                if let Some(wide) = widths.get_mut(n) {
                    *wide = wide.saturating_sub(1);
                }
            }
            _ => match widths.iter_mut().rev().find(|width| **width > 0) {
                Some(last) => *last = 0,
                None => break,
            },
        }
    }
    widths
}

/// Prints how many assets there are of which sort, and what was not read and why.
pub fn summary(out: &mut dyn Write, assets: &[Asset], counters: &Counters) -> io::Result<()> {
    let mut categories: BTreeMap<&str, usize> = BTreeMap::new();
    let children = assets.iter().flat_map(|asset| &asset.children);
    for asset in assets.iter().chain(children) {
        let count = categories.entry(asset.category.name()).or_default();
        *count = count.saturating_add(1);
    }
    let count: usize = categories.values().sum();
    let parts: Vec<String> = categories
        .iter()
        .map(|(name, n)| format!("{n} {name}"))
        .collect();
    let frames = counters.frames;
    let parts = match parts.as_slice() {
        [] => String::new(),
        parts => format!(" ({})", parts.join(", ")),
    };
    writeln!(out, "\n{count} assets{parts} in {frames} frames.")?;
    for line in not_read(counters) {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

/// What was not read and why, a line each.
pub fn not_read(counters: &Counters) -> Vec<String> {
    let mut lines = Vec::new();
    for (stop, count) in &counters.stops {
        lines.push(match stop {
            Stop::LinkType(link) => {
                format!(
                    "{count} frames not decoded: link type {link} is not one that Fossick reads"
                )
            }
            Stop::Short(what) => format!("{count} frames end inside the {what}"),
            Stop::Malformed(what) => format!("{count} frames have a malformed {what}"),
            Stop::Depth => format!("{count} frames are nested deeper than Fossick follows"),
            Stop::Encrypted => format!("{count} frames are encrypted on the link"),
        });
    }
    for (carrier, count) in &counters.not_understood {
        lines.push(format!(
            "{count} frames of {carrier} not read: no parser for it"
        ));
    }
    for ((protocol, what), count) in &counters.faults {
        lines.push(format!(
            "{count} {protocol} messages broke their specification; read up to the {what}"
        ));
    }
    let others = [
        (
            counters.duplicates,
            "frames seen twice (mirrored in and out) counted once",
        ),
        (
            counters.flows_given_up,
            "conversations given up for newer ones: more at once than the limit",
        ),
        (
            counters.streams_given_up,
            "streams given up half read: more at once than the limit",
        ),
        (
            counters.fragmented_given_up,
            "fragmented packets given up unfinished: more at once than the limit",
        ),
        (
            counters.panics,
            "frames lost to a bug of Fossick's: please report them",
        ),
        (counters.too_long, "messages too long to be put together"),
        (
            counters.addresses_refused,
            "addresses refused: the inventory is full",
        ),
    ];
    let others = others.iter().filter(|(count, _)| *count > 0);
    lines.extend(others.map(|(count, what)| format!("{count} {what}")));
    lines
}
