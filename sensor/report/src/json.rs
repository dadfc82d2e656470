//! The report as one JSON object: about, summary, assets as the output contract has them, conversations, decisions.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::json;

use crate::Report;
use crate::figures::{Figures, Summary};

pub fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let figures = Figures::of(report);
    let period = figures.period();
    let about = json!({
        "site": report.site,
        "as_of": report.as_of.to_string(),
        "first_seen": period.map(|(first, _)| first),
        "last_seen": period.map(|(_, last)| last),
        "sources": report.sources,
        "tool": {"name": "fossick", "version": report.version},
        "feeds": report.knowledge.map(|known| &known.feeds),
        "detectors": report.detectors,
        "not_read": report.unread,
        "zones": report.zones,
    });
    out.write_all(b"{\"report\":")?;
    serde_json::to_writer(&mut *out, &about)?;
    out.write_all(b",\n\"summary\":")?;
    serde_json::to_writer(&mut *out, &Summary::of(report, &figures))?;
    out.write_all(b",\n\"baseline\":")?;
    serde_json::to_writer(&mut *out, report.baseline)?;
    out.write_all(b",\n\"decisions\":")?;
    serde_json::to_writer(&mut *out, report.decisions)?;
    out.write_all(b",\n\"assets\":[")?;
    list(out, report.assets.iter().filter(|asset| !asset.external))?;
    out.write_all(b"],\n\"conversations\":[")?;
    list(out, report.conversations)?;
    out.write_all(b"]}\n")
}

/// The elements of an array, a line each.
pub fn list<T: Serialize>(out: &mut dyn Write, all: impl IntoIterator<Item = T>) -> io::Result<()> {
    for (at, one) in all.into_iter().enumerate() {
        out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, &one)?;
    }
    Ok(())
}
