//! Fingerprints in the format of Recog (BSD-2-Clause, Rapid7), read from a user's own folder.
//!
//! A database becomes a [`Sheet`] like ours; what it says counts for less than what ours say. Patterns with look-around
//! or backreferences run in a backtracking engine with a limit; those that neither engine reads are refused one by one.

pub(crate) mod dialect;
mod facts;
mod keys;
mod template;
mod xml;

use std::collections::BTreeMap;

use data_encoding::BASE64;

use self::keys::View;
use self::template::{Template, Written};
pub use self::xml::Unusable;
use crate::pattern::{Dialect, Pattern};
use crate::sheet::{Answer, Fingerprint, Sheet};

/// What is told apart in a name that evidence quotes.
const LONGEST_ID: usize = 60;

/// Parameters and what they say.
pub type Words = BTreeMap<String, String>;

/// One file of Recog.
#[derive(Debug)]
pub struct Database {
    /// What it calls itself (`matches`), or its file's name.
    pub name: String,
    stem: String,
    key: Option<(&'static str, View)>,
    pub(crate) sheet: Sheet,
    /// What each entry says in Recog's own words.
    params: Vec<BTreeMap<String, Template>>,
}

/// What came of a database's examples.
#[derive(Debug, Default)]
pub struct Report {
    /// What it calls itself.
    pub name: String,
    /// The key of ours that it reads, if there is one.
    pub key: Option<&'static str>,
    /// How many fingerprints it has.
    pub entries: usize,
    /// How many of them need the backtracking engine.
    pub backtracking: usize,
    /// How many examples give what they state.
    pub right: usize,
    /// Those that do not.
    pub wrong: Vec<Complaint>,
    /// Patterns that are not used.
    pub refused: Vec<Complaint>,
}

/// An entry of a database, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Its description.
    pub entry: String,
    /// The example, if that is wrong.
    pub example: Option<String>,
    /// What is wrong.
    pub reason: String,
}

impl Database {
    /// Reads a file; `stem` is its name without the ending.
    ///
    /// # Errors
    /// It is no XML, no database, or beyond the limits. A pattern that does not compile is no error: it never matches.
    pub fn parse(
        stem: &str,
        text: &str,
        vendor: &dyn Fn(&str) -> String,
    ) -> Result<Database, Unusable> {
        let document = xml::read(text, false)?;
        Ok(Database::build(stem, &document, vendor))
    }

    fn build(stem: &str, document: &xml::Document, vendor: &dyn Fn(&str) -> String) -> Database {
        let name = document.matches.clone().unwrap_or_else(|| stem.to_owned());
        let mut params = Vec::new();
        let mut entries = Vec::new();
        for (number, entry) in document.entries.iter().enumerate() {
            let said = parameters(&entry.params);
            let certainty = entry
                .certainty
                .as_deref()
                .and_then(|text| text.parse().ok());
            let grades = facts::facts(&said, certainty, document.preference, vendor);
            entries.push(Fingerprint::foreign(
                id(&entry.description, number),
                entry.pattern.clone(),
                dialect(&entry.flags),
                grades,
            ));
            params.push(said);
        }
        Database {
            key: keys::key(&name, stem),
            sheet: Sheet::foreign(name.clone(), entries),
            name,
            stem: stem.to_owned(),
            params,
        }
    }

    /// Whether it is called so: by its own name or that of its file.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.stem == name
    }

    /// The key of ours that it reads.
    #[must_use]
    pub fn key(&self) -> Option<&'static str> {
        self.key.map(|(key, _)| key)
    }

    /// What a value of our key means.
    pub(crate) fn read(&self, value: &str) -> Option<Answer<'_>> {
        let (_, view) = self.key?;
        view.of(value).find_map(|shape| self.sheet.read(&shape))
    }

    /// What the first entry that matches says, in Recog's own words.
    #[must_use]
    pub fn said(&self, value: &str) -> Option<(String, Words)> {
        let (number, captures) = self.sheet.find(value)?;
        let said = self
            .params
            .get(number)?
            .iter()
            .filter(|(name, _)| !name.starts_with("_tmp."));
        let said =
            said.filter_map(|(name, template)| Some((name.clone(), template.said(&captures)?)));
        Some((self.sheet.id(number)?.to_owned(), said.collect()))
    }
}

/// Tries every example of a file. `open` reads a file that an example names (`_filename`).
///
/// # Errors
/// As [`Database::parse`].
pub fn check(
    stem: &str,
    text: &str,
    open: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<Report, Unusable> {
    let document = xml::read(text, true)?;
    let database = Database::build(stem, &document, &str::to_owned);
    let mut report = Report {
        name: database.name.clone(),
        key: database.key(),
        entries: document.entries.len(),
        ..Report::default()
    };
    for entry in &document.entries {
        let described = entry
            .description
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let complaint = |example: Option<&str>, reason: String| Complaint {
            entry: described.clone(),
            example: example.map(str::to_owned),
            reason,
        };
        match Pattern::compile(&entry.pattern, dialect(&entry.flags)) {
            Ok(Pattern::Linear(_)) => {}
            Ok(Pattern::Backtracking(_)) => {
                report.backtracking = report.backtracking.saturating_add(1);
            }
            Err(reason) => report.refused.push(complaint(None, reason)),
        }
        for example in &entry.examples {
            let text = content(example, open);
            let wrong = match &text {
                Err(reason) => Some((*reason).to_owned()),
                Ok(text) => contradiction(&database, text, &example.attributes),
            };
            match wrong {
                None => report.right = report.right.saturating_add(1),
                Some(reason) => {
                    let shown = text.as_deref().unwrap_or(&example.text);
                    report.wrong.push(complaint(Some(shown), reason));
                }
            }
        }
    }
    Ok(report)
}

/// The examples of a file that can be read, each with all that its database says of it in Recog's words.
///
/// # Errors
/// As [`Database::parse`].
pub fn examples(stem: &str, text: &str) -> Result<Vec<(String, Words)>, Unusable> {
    let document = xml::read(text, true)?;
    let database = Database::build(stem, &document, &str::to_owned);
    let examples = document.entries.iter().flat_map(|entry| &entry.examples);
    let said = examples.filter_map(|example| {
        let text = content(example, &|_| None).ok()?;
        let (_, said) = database.said(&text)?;
        Some((text, said))
    });
    Ok(said.collect())
}

/// What an example states and the database does not say.
fn contradiction(
    database: &Database,
    text: &str,
    stated: &BTreeMap<String, String>,
) -> Option<String> {
    let Some((by, said)) = database.said(text) else {
        return Some("nothing matches".to_owned());
    };
    let stated = stated.iter().filter(|(name, _)| !name.starts_with('_'));
    let different = stated.filter(|(name, value)| said.get(*name) != Some(value));
    let (name, value) = different.into_iter().next()?;
    let got = said.get(name).map_or("nothing", String::as_str);
    Some(format!(
        "{name} is stated as `{value}`, `{by}` gives `{got}`"
    ))
}

fn content(
    example: &xml::Example,
    open: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<String, &'static str> {
    let attribute = |name: &str| example.attributes.get(name).map(String::as_str);
    let octets = match (attribute("_filename"), attribute("_encoding")) {
        (Some(file), _) => open(file).ok_or("the file of the example cannot be read")?,
        (None, Some("base64")) => {
            let packed: String = example.text.split_whitespace().collect();
            let octets = BASE64.decode(packed.as_bytes());
            octets.map_err(|_| "the example is no base64")?
        }
        (None, Some(_)) => return Err("the encoding of the example is not known"),
        (None, None) => return Ok(example.text.clone()),
    };
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

fn parameters(params: &[xml::Param]) -> BTreeMap<String, Template> {
    let written: BTreeMap<String, Written> = params
        .iter()
        .filter_map(|param| {
            let said = match param.pos.trim().parse().ok()? {
                0 => Written::Value(param.value.clone()),
                group => Written::Group(group),
            };
            Some((param.name.clone(), said))
        })
        .collect();
    let resolved = written
        .keys()
        .filter_map(|name| Some((name.clone(), Template::resolve(name, &written)?)));
    resolved.collect()
}

/// Ruby's reading of the flags: all but one let the dot match a line end.
fn dialect(flags: &str) -> Dialect {
    let has = |wanted: &[&str]| flags.split(',').any(|flag| wanted.contains(&flag.trim()));
    Dialect::Recog {
        any_case: has(&["REG_ICASE"]),
        dot_is_newline: has(&["REG_DOT_NEWLINE", "REG_LINE_ANY_CRLF", "REG_MULTILINE"]),
    }
}

/// A name for evidence, from the description.
fn id(description: &str, number: usize) -> String {
    let mut id = String::new();
    for c in description.chars() {
        if c.is_ascii_alphanumeric() {
            id.push(c.to_ascii_lowercase());
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
        if id.len() >= LONGEST_ID {
            break;
        }
    }
    let id = id.trim_end_matches('-');
    if id.is_empty() {
        format!("entry-{number}")
    } else {
        id.to_owned()
    }
}
