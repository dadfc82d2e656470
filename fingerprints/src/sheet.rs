//! One sheet: every fingerprint for one observation key.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use fossick_model::{Attribute, Kind};
use serde::Deserialize;

use crate::pattern::{Beginnings, Captures, Dialect, Pattern};

/// What a fact of a sheet is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Said {
    /// An attribute of the asset.
    Asset(Attribute),
    /// The product that serves the port the value came from.
    ServiceProduct,
    /// Its version.
    ServiceVersion,
}

impl Said {
    fn named(name: &str) -> Option<Said> {
        match name {
            "service.product" => Some(Said::ServiceProduct),
            "service.version" => Some(Said::ServiceVersion),
            name => Attribute::named(name).map(Said::Asset),
        }
    }
}

/// Facts as a sheet writes them: attribute name → text with `$captures`.
type Facts = BTreeMap<String, String>;

/// Every fingerprint for one key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sheet {
    /// The observation key it reads.
    pub matches: String,
    /// In order; the first that matches speaks.
    #[serde(default)]
    fingerprint: Vec<Fingerprint>,
    /// For keys whose values are registered numbers or names: what each stands for.
    #[serde(default)]
    table: BTreeMap<String, String>,
    /// What the table's values are.
    attribute: Option<String>,
    /// Of every row of the table, 0–100.
    certainty: Option<u8>,
    /// Where the table is from.
    source: Option<String>,
}

/// One recognisable thing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fingerprint {
    /// Stable name, quoted in evidence.
    id: String,
    /// Regular expression; of linear time in a sheet of ours.
    pattern: String,
    #[serde(skip)]
    dialect: Dialect,
    #[serde(skip)]
    beginnings: OnceLock<Beginnings>,
    #[serde(skip)]
    compiled: OnceLock<Option<Pattern>>,
    /// 0–100.
    certainty: u8,
    /// Where the knowledge is from.
    source: String,
    facts: Facts,
    /// Facts that are less certain; a foreign library's alone.
    #[serde(skip)]
    lesser: Vec<(u8, Facts)>,
    #[serde(default)]
    example: Vec<Example>,
}

/// Input and the facts it must give, all of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    input: String,
    gives: Facts,
}

/// Why a sheet is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Refusal {
    #[error("not a fingerprint sheet: {0}")]
    Syntax(String),
    #[error("no protocol says `{0}`: see `fossick fingerprint --keys`")]
    UnknownKey(String),
    #[error("a table needs `attribute`, `certainty` and `source`")]
    TableWithoutHead,
    #[error("neither a fingerprint nor a table row in it")]
    Empty,
    #[error("`{id}`: the pattern does not compile: {reason}")]
    Pattern { id: String, reason: String },
    #[error("`{id}`: `{attribute}` is not an attribute")]
    UnknownAttribute { id: String, attribute: String },
    #[error("`{id}`: `{vendor}` is not in the list of vendor spellings")]
    UnknownVendor { id: String, vendor: String },
    #[error("`{id}`: `{kind}` is not in the list of kinds")]
    UnknownKind { id: String, kind: String },
    #[error("`{id}`: certainty is 0 to 100")]
    Certainty { id: String },
    #[error("`{id}`: says where its knowledge is from (`source`)")]
    NoSource { id: String },
    #[error("`{id}`: has no example")]
    NoExample { id: String },
    #[error("`{id}`: another entry has the same id")]
    SameId { id: String },
    #[error("`{id}`: nothing matches its example `{input}`")]
    ExampleMissed { id: String, input: String },
    #[error("`{id}`: its example `{input}` is caught by `{by}`")]
    ExampleCaught {
        id: String,
        input: String,
        by: String,
    },
    #[error("`{id}`: its example `{input}` gives {got}")]
    ExampleGives {
        id: String,
        input: String,
        got: String,
    },
}

/// One entry's answer.
pub(crate) struct Answer<'s> {
    pub id: &'s str,
    pub certainty: u8,
    pub facts: Vec<(Said, String)>,
    /// Less certain ones.
    pub lesser: Vec<(u8, Vec<(Said, String)>)>,
}

impl Sheet {
    /// Reads a sheet without judging it; see [`Sheet::check`].
    ///
    /// # Errors
    /// [`Refusal::Syntax`].
    pub fn parse(text: &str) -> Result<Sheet, Refusal> {
        toml::from_str(text).map_err(|error| Refusal::Syntax(error.to_string()))
    }

    /// How many things it recognises.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.fingerprint.len().saturating_add(self.table.len())
    }

    /// What the value means, by the first entry that matches.
    pub(crate) fn read(&self, value: &str) -> Option<Answer<'_>> {
        if let Some(meaning) = self.table.get(value) {
            let said = self.attribute.as_deref().and_then(Said::named)?;
            return Some(Answer {
                id: "table",
                certainty: self.certainty.unwrap_or_default(),
                facts: vec![(said, meaning.clone())],
                lesser: Vec::new(),
            });
        }
        self.fingerprint.iter().find_map(|print| print.read(value))
    }

    /// A sheet of another library's entries.
    pub(crate) fn foreign(matches: String, fingerprint: Vec<Fingerprint>) -> Sheet {
        Sheet {
            matches,
            fingerprint,
            table: BTreeMap::new(),
            attribute: None,
            certainty: None,
            source: None,
        }
    }

    /// The first entry that matches, and what it captured.
    pub(crate) fn find<'v>(&self, value: &'v str) -> Option<(usize, Captures<'v>)> {
        let mut entries = self.fingerprint.iter().enumerate();
        entries.find_map(|(n, print)| Some((n, print.captures(value)?)))
    }

    /// Name of an entry.
    pub(crate) fn id(&self, number: usize) -> Option<&str> {
        self.fingerprint.get(number).map(|print| print.id.as_str())
    }

    /// Everything that is wrong with it; nothing for a sheet that may be used.
    #[must_use]
    pub fn check(&self, knows_key: bool, vendors: &dyn Fn(&str) -> bool) -> Vec<Refusal> {
        let mut wrong = Vec::new();
        if !knows_key {
            wrong.push(Refusal::UnknownKey(self.matches.clone()));
        }
        if self.entries() == 0 {
            wrong.push(Refusal::Empty);
        }
        if !self.table.is_empty() {
            self.check_table(vendors, &mut wrong);
        }
        for (n, print) in self.fingerprint.iter().enumerate() {
            print.check(vendors, &mut wrong);
            let earlier = self.fingerprint.get(..n).unwrap_or_default();
            if earlier.iter().any(|other| other.id == print.id) {
                wrong.push(Refusal::SameId {
                    id: print.id.clone(),
                });
            }
            for example in &print.example {
                wrong.extend(self.check_example(print, example));
            }
        }
        wrong
    }

    fn check_table(&self, vendors: &dyn Fn(&str) -> bool, wrong: &mut Vec<Refusal>) {
        let (Some(attribute), Some(certainty), Some(_)) =
            (&self.attribute, self.certainty, &self.source)
        else {
            wrong.push(Refusal::TableWithoutHead);
            return;
        };
        for (id, value) in &self.table {
            check_fact(id, attribute, value, vendors, wrong);
        }
        if certainty > 100 {
            wrong.push(Refusal::Certainty {
                id: self.matches.clone(),
            });
        }
    }

    fn check_example(&self, print: &Fingerprint, example: &Example) -> Option<Refusal> {
        let id = print.id.clone();
        let input = example.input.clone();
        let Some(answer) = self.read(&example.input) else {
            return Some(Refusal::ExampleMissed { id, input });
        };
        if answer.id != print.id {
            let by = answer.id.to_owned();
            return Some(Refusal::ExampleCaught { id, input, by });
        }
        let wanted: Vec<_> = example
            .gives
            .iter()
            .filter_map(|(name, value)| Some((Said::named(name)?, value.clone())))
            .collect();
        let mut got = answer.facts;
        got.sort();
        let mut sorted = wanted;
        sorted.sort();
        (got != sorted).then(|| Refusal::ExampleGives {
            id,
            input,
            got: format!("{got:?}"),
        })
    }
}

impl Fingerprint {
    /// An entry of another library; its facts by certainty, the highest first.
    pub fn foreign(
        id: String,
        pattern: String,
        dialect: Dialect,
        mut grades: Vec<(u8, Facts)>,
    ) -> Fingerprint {
        let lesser = grades.split_off(grades.len().min(1));
        let (certainty, facts) = grades.pop().unwrap_or_default();
        Fingerprint {
            id,
            pattern,
            dialect,
            beginnings: OnceLock::new(),
            compiled: OnceLock::new(),
            certainty,
            source: String::new(),
            facts,
            lesser,
            example: Vec::new(),
        }
    }

    /// Compiles the pattern when a value comes that may match.
    fn captures<'v>(&self, value: &'v str) -> Option<Captures<'v>> {
        let beginnings = || Beginnings::of(&self.pattern, self.dialect);
        if !self.beginnings.get_or_init(beginnings).are_in(value) {
            return None;
        }
        let compile = || Pattern::compile(&self.pattern, self.dialect).ok();
        self.compiled.get_or_init(compile).as_ref()?.captures(value)
    }

    fn read(&self, value: &str) -> Option<Answer<'_>> {
        let captures = self.captures(value)?;
        let expand = |facts: &Facts| {
            let facts = facts.iter().filter_map(|(name, template)| {
                let said = Said::named(name)?;
                let mut text = String::new();
                captures.expand(template, &mut text);
                // A capture that took no part leaves blanks where it stood.
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                (!text.is_empty()).then_some((said, text))
            });
            facts.collect()
        };
        let lesser = self.lesser.iter();
        Some(Answer {
            id: &self.id,
            certainty: self.certainty,
            facts: expand(&self.facts),
            lesser: lesser
                .map(|(certainty, facts)| (*certainty, expand(facts)))
                .collect(),
        })
    }

    fn check(&self, vendors: &dyn Fn(&str) -> bool, wrong: &mut Vec<Refusal>) {
        let id = || self.id.clone();
        if let Err(reason) = Pattern::compile(&self.pattern, self.dialect) {
            wrong.push(Refusal::Pattern { id: id(), reason });
        }
        if self.certainty > 100 {
            wrong.push(Refusal::Certainty { id: id() });
        }
        if self.source.trim().is_empty() {
            wrong.push(Refusal::NoSource { id: id() });
        }
        if self.example.is_empty() {
            wrong.push(Refusal::NoExample { id: id() });
        }
        for (attribute, value) in &self.facts {
            check_fact(&self.id, attribute, value, vendors, wrong);
        }
    }
}

fn check_fact(
    id: &str,
    attribute: &str,
    value: &str,
    vendors: &dyn Fn(&str) -> bool,
    wrong: &mut Vec<Refusal>,
) {
    let id = id.to_owned();
    // What the device itself names is not ours to spell.
    let fixed = !value.contains('$');
    match Said::named(attribute) {
        None => wrong.push(Refusal::UnknownAttribute {
            id,
            attribute: attribute.to_owned(),
        }),
        Some(Said::Asset(Attribute::Vendor)) if fixed && !vendors(value) => {
            wrong.push(Refusal::UnknownVendor {
                id,
                vendor: value.to_owned(),
            });
        }
        Some(Said::Asset(Attribute::Kind)) if Kind::named(value).is_none() => {
            wrong.push(Refusal::UnknownKind {
                id,
                kind: value.to_owned(),
            });
        }
        Some(_) => {}
    }
}
