//! Feeds that are tables: EPSS and the registry of hardware addresses of the IEEE.

use std::io::{BufRead, BufReader, Read};

use super::{Refusal, Sink, cut, date, invalid, is_cve};
use crate::file::Record;
use crate::limits;

/// Fails where a line is longer than any of these tables has.
struct Lines<R> {
    inner: R,
    length: u64,
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(to)?;
        for octet in to.get(..read).unwrap_or_default() {
            self.length = if *octet == b'\n' {
                0
            } else {
                self.length.saturating_add(1)
            };
            if self.length > limits::LINE {
                return Err(std::io::Error::new(
                    std::io::ErrorKind::InvalidData,
                    "a line is too long",
                ));
            }
        }
        Ok(read)
    }
}

/// Reads EPSS: `#model_version:…,score_date:…`, then `cve,epss,percentile`.
///
/// # Errors
/// It is no such table, or ends within a line.
pub fn epss(reader: &mut dyn Read, sink: &mut Sink<'_>) -> Result<String, Refusal> {
    let mut reader = BufReader::new(Lines {
        inner: reader,
        length: 0,
    });
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let stated = first.split("score_date:").nth(1).and_then(date);
    let Some(day) = stated.filter(|_| first.starts_with("#model_version:")) else {
        return invalid("its first line does not state a score_date");
    };
    let day = day.to_string();
    let mut table = csv::Reader::from_reader(reader);
    if table.headers()?.iter().collect::<Vec<_>>() != ["cve", "epss", "percentile"] {
        return invalid("its columns are not cve, epss, percentile");
    }
    let mut count = 0_u64;
    for row in table.records() {
        let row = row?;
        let field = |at| row.get(at).unwrap_or_default();
        let share = |at| {
            field(at)
                .parse::<f64>()
                .ok()
                .filter(|share| (0.0..=1.0).contains(share))
        };
        let (true, Some(_), Some(_)) = (is_cve(field(0)), share(1), share(2)) else {
            return invalid(format!(
                "row {}: `{}` has no CVE or no share",
                count.saturating_add(1),
                cut(field(0), 40)
            ));
        };
        count = count.saturating_add(1);
        sink(Record {
            key: format!("e/{}", field(0)),
            rank: day.clone(),
            value: format!("{} {}", field(1), field(2)),
        })?;
    }
    sink(Record {
        key: "f/epss".to_owned(),
        rank: day.clone(),
        value: day,
    })?;
    Ok(format!("{count} scores"))
}

/// Reads a registry of the IEEE: `Registry,Assignment,Organization Name,Organization Address`.
///
/// # Errors
/// It is no such table.
pub fn oui(reader: &mut dyn Read, sink: &mut Sink<'_>) -> Result<String, Refusal> {
    let mut table = csv::Reader::from_reader(Lines {
        inner: reader,
        length: 0,
    });
    let headers: Vec<String> = table.headers()?.iter().map(str::to_owned).collect();
    if headers
        .get(..3)
        .is_none_or(|first| first != ["Registry", "Assignment", "Organization Name"])
    {
        return invalid("its columns are not those of the IEEE");
    }
    let mut count = 0_u64;
    for row in table.records() {
        let row = row?;
        let field = |at| row.get(at).unwrap_or_default().trim();
        let prefix = field(1).to_ascii_uppercase();
        if !(6..=9).contains(&prefix.len()) || !prefix.chars().all(|c| c.is_ascii_hexdigit()) {
            return invalid(format!("`{}` is no assignment", cut(&prefix, 20)));
        }
        count = count.saturating_add(1);
        let value = cut(field(2), limits::TEXT).replace(['\n', '\r'], " ");
        sink(Record {
            key: format!("m/{prefix}"),
            rank: String::new(),
            value,
        })?;
    }
    sink(Record {
        key: "f/oui".to_owned(),
        rank: String::new(),
        value: format!("{count} assignments"),
    })?;
    Ok(format!("{count} assignments"))
}
