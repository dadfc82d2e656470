//! What is shown, written to a file: JSON lines, CSV, text, or the packets.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, bail};
use fossick_model::{Proof, Reply, Request};
use fossick_tui::Export;
use serde_json::Value;

use super::source::Asker;
use crate::capture::PcapngWriter;
use crate::safe::display_safe;
use crate::windows::kept_index;

/// Lines asked for at once.
const PAGE: usize = 500;
/// Assets whose packets go into one file.
const ASSETS: usize = 2000;

/// Writes it; what was written, in a sentence.
pub fn write(asker: &mut dyn Asker, path: &str, what: &Export) -> anyhow::Result<String> {
    let shown = display_safe(path);
    let end = Path::new(path)
        .extension()
        .and_then(|end| end.to_str())
        .unwrap_or_default();
    match what {
        Export::Text(text) => {
            create(path)?.write_all(text.as_bytes())?;
            Ok(format!("written to {shown}"))
        }
        Export::Packet(proof, says) => {
            if end != "pcapng" {
                bail!("{shown}: a packet is written as .pcapng");
            }
            packet(path, proof, says)?;
            Ok(format!(
                "frame {} written to {shown}: all but headers and evidence is zeroed",
                proof.frame
            ))
        }
        Export::List(request) => match end {
            "json" | "jsonl" => json(asker, path, request),
            "csv" => csv(asker, path, request),
            "pcapng" => packets(asker, path, request),
            _ => bail!("{shown}: name it .json, .csv or .pcapng"),
        },
    }
}

fn create(path: &str) -> anyhow::Result<File> {
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    created.with_context(|| format!("{} cannot be made: name another file", display_safe(path)))
}

fn packet(path: &str, proof: &Proof, says: &str) -> anyhow::Result<()> {
    let octets = proof.bytes();
    let marks: Vec<String> = proof
        .marks
        .iter()
        .map(|(first, count)| format!("{first}+{count}"))
        .collect();
    let comment = format!(
        "{} frame {}\n{}\noctets that say it: {}",
        display_safe(&proof.capture),
        proof.frame,
        display_safe(says),
        marks.join(" ")
    );
    let mut writer = PcapngWriter::new(BufWriter::new(create(path)?))?;
    writer.write(&kept_index(proof, octets.len()), &octets, &comment)?;
    Ok(writer.finish()?)
}

/// The request for another window of the same list; nothing where it is no list.
fn at(request: &Request, from: usize) -> Option<Request> {
    let mut next = request.clone();
    match &mut next {
        Request::Rows { offset, limit, .. }
        | Request::Findings { offset, limit, .. }
        | Request::Compared { offset, limit, .. }
        | Request::ControlRows { offset, limit, .. }
        | Request::Talks { offset, limit, .. }
        | Request::Recent { offset, limit, .. } => {
            *offset = from;
            *limit = PAGE;
        }
        _ => return None,
    }
    Some(next)
}

/// Hands every line over, page by page; how many there were.
fn each(
    asker: &mut dyn Asker,
    request: &Request,
    take: &mut dyn FnMut(Value) -> anyhow::Result<()>,
) -> anyhow::Result<usize> {
    let mut count = 0_usize;
    loop {
        let page = at(request, count);
        let reply = asker.ask(page.as_ref().unwrap_or(request))?;
        let (total, rows) = lines(reply)?;
        let ended = rows.is_empty();
        for row in rows {
            count = count.saturating_add(1);
            take(row)?;
        }
        if ended || count >= total || page.is_none() {
            return Ok(count);
        }
    }
}

fn lines(reply: Reply) -> anyhow::Result<(usize, Vec<Value>)> {
    let values = |rows: Vec<Result<Value, serde_json::Error>>| {
        rows.into_iter().collect::<Result<Vec<Value>, _>>()
    };
    Ok(match reply {
        Reply::Assets { total, assets } => (
            total,
            values(assets.iter().map(serde_json::to_value).collect())?,
        ),
        Reply::Rows { total, rows } => (
            total,
            values(rows.iter().map(serde_json::to_value).collect())?,
        ),
        Reply::Findings { total, rows } => (
            total,
            values(rows.iter().map(serde_json::to_value).collect())?,
        ),
        Reply::Compared { total, rows, .. } => (
            total,
            values(rows.iter().map(serde_json::to_value).collect())?,
        ),
        Reply::ControlRows { total, rows } => (
            total,
            values(rows.iter().map(serde_json::to_value).collect())?,
        ),
        Reply::Talks { total, rows } => (
            total,
            values(rows.iter().map(serde_json::to_value).collect())?,
        ),
        Reply::Recent { total, rows } => (
            total,
            values(
                rows.iter()
                    .map(|told| serde_json::to_value(&told.change))
                    .collect(),
            )?,
        ),
        Reply::Overview(overview) => (1, vec![serde_json::to_value(overview)?]),
        Reply::Status(status) => (1, vec![serde_json::to_value(status)?]),
        Reply::Matrix(matrix) => (1, vec![serde_json::to_value(matrix)?]),
        Reply::Refused { why, .. } => bail!("{why}"),
        _ => return Err(crate::client::unexpected()),
    })
}

fn json(asker: &mut dyn Asker, path: &str, request: &Request) -> anyhow::Result<String> {
    let mut out = BufWriter::new(create(path)?);
    let count = each(asker, request, &mut |row| {
        serde_json::to_writer(&mut out, &row)?;
        Ok(out.write_all(b"\n")?)
    })?;
    out.flush()?;
    Ok(format!(
        "{count} lines of JSON written to {}",
        display_safe(path)
    ))
}

/// A value as a cell: what spreadsheets would take for a formula is written as text.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let safe = display_safe(&text);
    if safe.starts_with(['=', '+', '-', '@']) {
        format!("'{safe}")
    } else {
        safe
    }
}

/// Objects within objects become columns of their own: `finding.title`.
fn flat(value: &Value, name: &str, to: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let name = if name.is_empty() {
                    key.clone()
                } else {
                    format!("{name}.{key}")
                };
                flat(value, &name, to);
            }
        }
        other => to.push((name.to_owned(), cell(other))),
    }
}

fn csv(asker: &mut dyn Asker, path: &str, request: &Request) -> anyhow::Result<String> {
    let mut out = csv::Writer::from_writer(BufWriter::new(create(path)?));
    let mut titles: Vec<String> = Vec::new();
    let count = each(asker, request, &mut |row| {
        let mut cells = Vec::new();
        flat(&row, "", &mut cells);
        if titles.is_empty() {
            titles = cells.iter().map(|(name, _)| name.clone()).collect();
            out.write_record(&titles)?;
        }
        let find = |title: &String| {
            cells
                .iter()
                .find(|(name, _)| name == title)
                .map(|(_, cell)| cell.as_str())
                .unwrap_or_default()
        };
        Ok(out.write_record(titles.iter().map(find))?)
    })?;
    out.flush()?;
    Ok(format!("{count} lines written to {}", display_safe(path)))
}

/// The evidence of every asset of the list, one section of pcapng after another.
fn packets(asker: &mut dyn Asker, path: &str, request: &Request) -> anyhow::Result<String> {
    let mut ids = Vec::new();
    each(asker, request, &mut |row| {
        let id = row
            .get("asset")
            .or_else(|| row.get("id"))
            .and_then(Value::as_str);
        if let Some(id) = id.filter(|id| !id.is_empty())
            && !ids.iter().any(|known| known == id)
        {
            if ids.len() >= ASSETS {
                bail!("packets of at most {ASSETS} assets go into one file: filter first");
            }
            ids.push(id.to_owned());
        }
        Ok(())
    })?;
    if ids.is_empty() {
        bail!("no asset is shown");
    }
    let mut out = BufWriter::new(create(path)?);
    for id in &ids {
        out.write_all(&asker.evidence(id)?)?;
    }
    out.flush()?;
    Ok(format!(
        "evidence of {} assets written to {}: all but headers and evidence is zeroed",
        ids.len(),
        display_safe(path)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula_and_no_escape() {
        assert_eq!(
            cell(&Value::from("=cmd|'/c calc'!A0")),
            "'=cmd|'/c calc'!A0"
        );
        assert_eq!(cell(&Value::from("a\u{1b}[2J")), "a\\u{1b}[2J");
    }
}
