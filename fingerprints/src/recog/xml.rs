//! Recog's XML, read as a stream within limits. No entity but the five predefined is expanded, no other file opened.

use std::collections::BTreeMap;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// The largest of Recog's own files has half a million octets.
const LARGEST_FILE: usize = 16 * 1024 * 1024;
/// Entries of one file; Recog's longest has a few hundred.
const MOST_ENTRIES: usize = 20_000;
/// Parameters, and examples, of one entry.
const MOST_PARTS: usize = 2_000;
/// Octets of one attribute.
const LONGEST_ATTRIBUTE: usize = 16 * 1024;
/// Octets of the text of one example.
const LONGEST_TEXT: usize = 1024 * 1024;
/// `fingerprints`, `fingerprint`, `example`, and what nobody expects.
const DEEPEST: usize = 8;

/// Why a file is no fingerprint database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Unusable {
    #[error("octet {at}: {reason}")]
    Syntax { at: u64, reason: String },
    #[error("no `fingerprints` element in it")]
    NoDatabase,
    #[error("more than {limit} {what}")]
    TooMuch { what: &'static str, limit: usize },
    #[error("it declares a document type: entities are not expanded")]
    DocumentType,
}

/// A file as it is written.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub matches: Option<String>,
    pub preference: Option<f32>,
    pub entries: Vec<Entry>,
}

/// One `fingerprint`.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub pattern: String,
    pub flags: String,
    pub certainty: Option<String>,
    pub description: String,
    pub params: Vec<Param>,
    pub examples: Vec<Example>,
}

/// One `param`.
#[derive(Debug, Default)]
pub(super) struct Param {
    pub name: String,
    pub pos: String,
    pub value: String,
}

/// One `example`.
#[derive(Debug, Default)]
pub(super) struct Example {
    pub attributes: BTreeMap<String, String>,
    pub text: String,
}

/// Where text goes that is met.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Elsewhere,
    Description,
    Example,
}

/// Reads a file; examples only if they are wanted.
pub(super) fn read(text: &str, examples: bool) -> Result<Document, Unusable> {
    if text.len() > LARGEST_FILE {
        return Err(too_much("octets", LARGEST_FILE));
    }
    // A byte order mark is no content.
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut document = Document::default();
    let mut depth = 0_usize;
    let mut place = Place::Elsewhere;
    let mut found = false;
    loop {
        let at = reader.buffer_position();
        let syntax = |error: &dyn std::fmt::Display| Unusable::Syntax {
            at,
            reason: error.to_string(),
        };
        let event = reader.read_event().map_err(|error| syntax(&error))?;
        let alone = matches!(event, Event::Empty(_));
        match event {
            Event::Start(start) | Event::Empty(start) => {
                let attributes = attributes(&start).map_err(|reason| syntax(&reason))?;
                let name = start.name();
                place = open(&mut document, name.into_inner(), attributes, examples)?;
                found |= name.into_inner() == "fingerprints";
                if alone {
                    place = Place::Elsewhere;
                } else {
                    depth = depth.saturating_add(1);
                }
                if depth > DEEPEST {
                    return Err(too_much("elements in each other", DEEPEST));
                }
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                place = Place::Elsewhere;
            }
            Event::Text(text) => add(&mut document, place, &text.xml10_content())?,
            Event::CData(text) => add(&mut document, place, &text.xml10_content())?,
            Event::GeneralRef(name) => {
                let character = name.resolve_char_ref().map_err(|error| syntax(&error))?;
                let mut octets = [0; 4];
                let text = match character {
                    Some(character) => Some(&*character.encode_utf8(&mut octets)),
                    None => quick_xml::escape::resolve_predefined_entity(&name.xml10_content()),
                };
                let text = text.ok_or_else(|| syntax(&"an entity that XML does not define"))?;
                add(&mut document, place, text)?;
            }
            Event::DocType(_) => return Err(Unusable::DocumentType),
            Event::Eof if depth > 0 => return Err(syntax(&"it ends within an element")),
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    if found {
        Ok(document)
    } else {
        Err(Unusable::NoDatabase)
    }
}

fn too_much(what: &'static str, limit: usize) -> Unusable {
    Unusable::TooMuch { what, limit }
}

fn attributes(start: &BytesStart<'_>) -> Result<BTreeMap<String, String>, String> {
    let mut all = BTreeMap::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.value.len() > LONGEST_ATTRIBUTE {
            return Err(format!(
                "an attribute of more than {LONGEST_ATTRIBUTE} octets"
            ));
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|error| error.to_string())?;
        all.insert(attribute.key.into_inner().to_owned(), value.into_owned());
    }
    Ok(all)
}

/// An element begins; where the text in it belongs.
fn open(
    document: &mut Document,
    name: &str,
    mut attributes: BTreeMap<String, String>,
    examples: bool,
) -> Result<Place, Unusable> {
    let entries = document.entries.len();
    let mut take = |name: &str| attributes.remove(name);
    match (name, document.entries.last_mut()) {
        ("fingerprints", _) => {
            document.matches = take("matches");
            document.preference = take("preference").and_then(|text| text.parse().ok());
        }
        ("fingerprint", _) => {
            if entries >= MOST_ENTRIES {
                return Err(too_much("fingerprints", MOST_ENTRIES));
            }
            document.entries.push(Entry {
                pattern: take("pattern").unwrap_or_default(),
                flags: take("flags").unwrap_or_default(),
                certainty: take("certainty"),
                ..Entry::default()
            });
        }
        ("description", Some(_)) => return Ok(Place::Description),
        ("param", Some(entry)) => {
            if entry.params.len() >= MOST_PARTS {
                return Err(too_much("parameters of a fingerprint", MOST_PARTS));
            }
            entry.params.push(Param {
                name: take("name").unwrap_or_default(),
                pos: take("pos").unwrap_or_default(),
                value: take("value").unwrap_or_default(),
            });
        }
        ("example", Some(entry)) if examples => {
            if entry.examples.len() >= MOST_PARTS {
                return Err(too_much("examples of a fingerprint", MOST_PARTS));
            }
            entry.examples.push(Example {
                attributes,
                text: String::new(),
            });
            return Ok(Place::Example);
        }
        _ => {}
    }
    Ok(Place::Elsewhere)
}

fn add(document: &mut Document, place: Place, text: &str) -> Result<(), Unusable> {
    let Some(entry) = document.entries.last_mut() else {
        return Ok(());
    };
    let to = match place {
        Place::Elsewhere => return Ok(()),
        Place::Description => &mut entry.description,
        Place::Example => match entry.examples.last_mut() {
            Some(example) => &mut example.text,
            None => return Ok(()),
        },
    };
    if to.len().saturating_add(text.len()) > LONGEST_TEXT {
        return Err(too_much("octets of text in an element", LONGEST_TEXT));
    }
    to.push_str(text);
    Ok(())
}
