//! What a parameter says: fixed text, what groups captured, or both.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::pattern::Captures;

/// Parameters that name each other, one in the other.
const DEEPEST: usize = 4;
/// Parts of one value after everything was put in.
const MOST_PARTS: usize = 64;

/// Text and captures in the order in which they are said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A capture, and what stands for it if it took no part.
    Group(usize, &'static str),
}

/// A parameter as written.
pub(super) enum Written {
    Value(String),
    Group(usize),
}

impl Template {
    /// Puts into the parameter `name` the others that it names in braces. Nothing where they name each other for ever.
    pub(super) fn resolve(name: &str, all: &BTreeMap<String, Written>) -> Option<Template> {
        let mut parts = Vec::new();
        let cpe = name.rsplit('.').next() == Some("cpe23");
        put(all.get(name)?, all, cpe, "", 0, &mut parts)?;
        Some(Template(parts))
    }

    /// What is said of these captures; nothing where it is all one capture that took no part.
    pub fn said(&self, captures: &Captures<'_>) -> Option<String> {
        if let [Part::Group(group, "")] = self.0.as_slice() {
            return captures.group(*group).map(str::to_owned);
        }
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Group(group, otherwise) => captures.group(*group).unwrap_or(otherwise),
        });
        Some(parts.collect())
    }

    /// The text, if no capture is in it.
    pub fn fixed(&self) -> Option<String> {
        let texts = self.0.iter().map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Group(..) => None,
        });
        texts.collect()
    }

    /// As a fact of a sheet writes it.
    pub fn to_ours(&self) -> String {
        let mut ours = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => ours.push_str(&text.replace('$', "$$")),
                // Writing to a String cannot fail.
                Part::Group(group, _) => drop(write!(ours, "${{{group}}}")),
            }
        }
        ours
    }
}

fn put(
    written: &Written,
    all: &BTreeMap<String, Written>,
    cpe: bool,
    otherwise: &'static str,
    depth: usize,
    parts: &mut Vec<Part>,
) -> Option<()> {
    if depth > DEEPEST || parts.len() > MOST_PARTS {
        return None;
    }
    let value = match written {
        Written::Group(group) => {
            parts.push(Part::Group(*group, otherwise));
            return Some(());
        }
        Written::Value(value) => value,
    };
    let mut rest = value.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let named = after
            .split_once('}')
            .and_then(|(name, behind)| Some((name, all.get(name)?, behind)));
        let Some((name, other, behind)) = named else {
            // A brace that names nothing is a brace.
            push(parts, before);
            push(parts, "{");
            rest = after;
            continue;
        };
        push(parts, before);
        // A name of the common platform enumeration says `-` for a version that is not known.
        let otherwise = if cpe && name.ends_with(".version") {
            "-"
        } else {
            ""
        };
        put(other, all, cpe, otherwise, depth.saturating_add(1), parts)?;
        rest = behind;
    }
    push(parts, rest);
    Some(())
}

fn push(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Text(last)) => last.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}
