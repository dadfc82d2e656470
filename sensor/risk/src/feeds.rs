//! The feeds: what a document must be like to be believed, and the records it yields.

pub mod csaf;
pub mod exploited;
pub mod lifecycle;
pub mod nvd;
pub mod recog;
pub mod tables;

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use crate::file::Record;
use crate::limits;

/// Why a document is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Something that must be there is not.
    #[error("{0}")]
    Invalid(String),
    /// It is no JSON, or ends early.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// It is no table of the kind it seems to be.
    #[error("{0}")]
    Table(#[from] csv::Error),
    /// It cannot be read.
    #[error("{0}")]
    Read(#[from] io::Error),
}

/// Takes a record.
pub type Sink<'a> = dyn FnMut(Record) -> io::Result<()> + 'a;

pub(crate) fn invalid<T>(what: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Invalid(what.into()))
}

/// A reader that lets so many octets through, and then fails, until it is told to count anew.
pub(crate) struct Bounded<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Bounded<R> {
    pub(crate) fn new(inner: R) -> (Self, Rc<Cell<u64>>) {
        let left = Rc::new(Cell::new(limits::ELEMENT));
        (
            Bounded {
                inner,
                left: Rc::clone(&left),
            },
            left,
        )
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(to)?;
        let left = self.left.get().checked_sub(read as u64);
        let left = left.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "one element is too large")
        })?;
        self.left.set(left);
        Ok(read)
    }
}

/// Reads a whole document, up to its limit.
pub(crate) fn whole(reader: &mut dyn Read) -> Result<Vec<u8>, Refusal> {
    let mut octets = Vec::new();
    let read = reader
        .take(limits::DOCUMENT.saturating_add(1))
        .read_to_end(&mut octets)?;
    if read as u64 > limits::DOCUMENT {
        return invalid(format!("it is longer than {} MiB", limits::DOCUMENT >> 20));
    }
    Ok(octets)
}

/// The beginning of a text, cut at a character.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default()
}

/// Whether this is a CVE's name: `CVE-2020-12345`.
pub(crate) fn is_cve(text: &str) -> bool {
    let Some((year, number)) = text
        .strip_prefix("CVE-")
        .and_then(|rest| rest.split_once('-'))
    else {
        return false;
    };
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    year.len() == 4 && digits(year) && (4..=19).contains(&number.len()) && digits(number)
}

/// The date a timestamp begins with.
pub(crate) fn date(text: &str) -> Option<jiff::civil::Date> {
    text.get(..10)?.parse().ok()
}

/// Takes an element of an array, and what stood before that array.
pub(crate) type Element<'a, T> =
    dyn FnMut(T, &serde_json::Map<String, serde_json::Value>) -> Result<(), Refusal> + 'a;

/// Visits the elements of one array of a JSON object, one at a time, and the other members that are asked for.
pub(crate) struct Streamed<'a, T> {
    /// Name of the array.
    pub array: &'static str,
    /// Set to the limit again after each element.
    pub left: Rc<Cell<u64>>,
    /// Takes an element.
    pub element: &'a mut Element<'a, T>,
}

impl<'de, T: serde::de::DeserializeOwned> serde::de::DeserializeSeed<'de> for Streamed<'_, T> {
    type Value = serde_json::Map<String, serde_json::Value>;
    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, T: serde::de::DeserializeOwned> serde::de::Visitor<'de> for Streamed<'_, T> {
    type Value = serde_json::Map<String, serde_json::Value>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut others = serde_json::Map::new();
        let mut seen = false;
        while let Some(key) = map.next_key::<String>()? {
            self.left.set(limits::ELEMENT);
            if key == self.array && !seen {
                seen = true;
                let elements = Elements {
                    others: &others,
                    left: &self.left,
                    element: &mut *self.element,
                };
                map.next_value_seed(elements)?;
            } else if others.len() < 32 {
                others.insert(key, map.next_value()?);
            } else {
                map.next_value::<serde::de::IgnoredAny>()?;
            }
        }
        if !seen {
            return Err(serde::de::Error::custom(format!(
                "`{}` is missing",
                self.array
            )));
        }
        Ok(others)
    }
}

struct Elements<'a, T> {
    others: &'a serde_json::Map<String, serde_json::Value>,
    left: &'a Rc<Cell<u64>>,
    element: &'a mut Element<'a, T>,
}

impl<'de, T: serde::de::DeserializeOwned> serde::de::DeserializeSeed<'de> for Elements<'_, T> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de, T: serde::de::DeserializeOwned> serde::de::Visitor<'de> for Elements<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(element) = list.next_element::<T>()? {
            (self.element)(element, self.others).map_err(serde::de::Error::custom)?;
            self.left.set(limits::ELEMENT);
        }
        Ok(())
    }
}

/// Streams the array of a JSON object; whatever follows the object is refused.
pub(crate) fn stream<T: serde::de::DeserializeOwned>(
    reader: &mut dyn Read,
    array: &'static str,
    element: &mut Element<'_, T>,
) -> Result<serde_json::Map<String, serde_json::Value>, Refusal> {
    let (bounded, left) = Bounded::new(reader);
    let mut json = serde_json::Deserializer::from_reader(io::BufReader::new(bounded));
    let streamed = Streamed {
        array,
        left,
        element,
    };
    let others = serde::de::DeserializeSeed::deserialize(streamed, &mut json)?;
    json.end()?;
    Ok(others)
}
