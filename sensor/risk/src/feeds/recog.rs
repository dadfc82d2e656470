//! Fingerprints of Recog: kept as they are, for those who read captures. Whether one can be used, its user says.

use std::io::Read;

use super::{Refusal, Sink, invalid, whole};
use crate::file::Record;
use crate::limits;

/// Says why a file, given its name without the ending and its text, cannot be used.
pub type Check = fn(&str, &str) -> Result<(), String>;

/// Reads one file.
///
/// # Errors
/// It is none of Recog's, or cannot be used.
pub fn read(
    name: &str,
    reader: &mut dyn Read,
    check: Option<Check>,
    sink: &mut Sink<'_>,
) -> Result<(), Refusal> {
    let octets = whole(reader)?;
    if octets.len() > limits::RECOG {
        return invalid(format!("it is longer than {} MiB", limits::RECOG >> 20));
    }
    let Ok(text) = String::from_utf8(octets) else {
        return invalid("it is no text");
    };
    let Some(check) = check.filter(|_| text.contains("<fingerprints")) else {
        return invalid("XML that is no database of Recog is not read");
    };
    let file = name.rsplit('/').next().unwrap_or_default();
    let stem = file.trim_end_matches(".gz").trim_end_matches(".xml");
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if stem.is_empty() || stem.len() > 100 || !stem.chars().all(plain) {
        return invalid("a database of Recog is known by the name of its file, and this is none");
    }
    if let Err(reason) = check(stem, &text) {
        return invalid(reason);
    }
    sink(Record {
        key: format!("r/{stem}"),
        rank: String::new(),
        value: text,
    })?;
    Ok(())
}
