//! A line of text that is being written, and what could complete it.

use fossick_model::{FIELDS, Filter, Kind, Overview};

use crate::keys::{Code, Key};

/// Characters of a line that is written.
const LONGEST: usize = 2000;
/// Completions at a time.
const COMPLETIONS: usize = 40;

/// A line of text, and where in it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Edit {
    pub text: String,
    /// Characters before the cursor.
    pub at: usize,
}

impl Edit {
    pub fn new(text: &str) -> Edit {
        Edit {
            text: text.to_owned(),
            at: text.chars().count(),
        }
    }

    fn byte(&self, at: usize) -> usize {
        self.text
            .char_indices()
            .nth(at)
            .map_or(self.text.len(), |(byte, _)| byte)
    }

    /// Takes a key; false where it is none of writing.
    pub fn take(&mut self, key: Key) -> bool {
        let length = self.text.chars().count();
        match (key.code, key.control) {
            (Code::Char(character), false) => self.insert(&character.to_string()),
            (Code::Char('u'), true) => {
                self.text.drain(..self.byte(self.at));
                self.at = 0;
            }
            (Code::Char('w'), true) => {
                let before = self.text.get(..self.byte(self.at)).unwrap_or_default();
                let kept = before.trim_end();
                let kept = kept.rfind(' ').map_or(0, |blank| blank.saturating_add(1));
                let count = before.get(..kept).unwrap_or_default().chars().count();
                self.text.drain(kept..self.byte(self.at));
                self.at = count;
            }
            (Code::Char('a'), true) | (Code::Home, _) => self.at = 0,
            (Code::Char('e'), true) | (Code::End, _) => self.at = length,
            (Code::Left, _) => self.at = self.at.saturating_sub(1),
            (Code::Right, _) => self.at = self.at.saturating_add(1).min(length),
            (Code::Backspace, _) => {
                if self.at > 0 {
                    self.at = self.at.saturating_sub(1);
                    self.text.remove(self.byte(self.at));
                }
            }
            (Code::Delete, _) => {
                if self.at < length {
                    self.text.remove(self.byte(self.at));
                }
            }
            _ => return false,
        }
        true
    }

    /// Writes text where the cursor is; line ends become blanks.
    pub fn insert(&mut self, text: &str) {
        for character in text.chars() {
            if self.text.chars().count() >= LONGEST {
                return;
            }
            let character = if character.is_control() {
                ' '
            } else {
                character
            };
            self.text.insert(self.byte(self.at), character);
            self.at = self.at.saturating_add(1);
        }
    }

    /// The word before the cursor, and where it begins (in characters).
    fn word(&self) -> (usize, String) {
        let before: Vec<char> = self.text.chars().take(self.at).collect();
        let start = before
            .iter()
            .rposition(|c| matches!(c, ' ' | '('))
            .map_or(0, |blank| blank.saturating_add(1));
        let word: String = before.iter().skip(start).collect();
        let negated = word.starts_with('-');
        (
            start.saturating_add(usize::from(negated)),
            word.trim_start_matches('-').to_owned(),
        )
    }

    /// Puts a completion in the place of the word before the cursor.
    pub fn complete(&mut self, with: &str) {
        let (start, _) = self.word();
        let from = self.byte(start);
        let to = self.byte(self.at);
        self.text.replace_range(from..to, with);
        self.at = start.saturating_add(with.chars().count());
    }

    /// What could stand in the place of the word before the cursor, in the filter language.
    pub fn completions(&self, overview: Option<&Overview>) -> Vec<String> {
        let (_, word) = self.word();
        let Some((name, begun)) = word.split_once(':') else {
            if word.is_empty() {
                return Vec::new();
            }
            let fields = FIELDS
                .iter()
                .filter(|field| field.name.starts_with(word.as_str()));
            return fields
                .map(|field| format!("{}:", field.name))
                .take(COMPLETIONS)
                .collect();
        };
        let begun = begun.to_lowercase();
        let begun = begun.trim_start_matches('"');
        let quoted = |value: &str| {
            let bare = !value.is_empty()
                && value
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
            if bare {
                value.to_owned()
            } else {
                format!("\"{}\"", value.replace('"', ""))
            }
        };
        let all = values(name, overview);
        let fitting = all
            .iter()
            .filter(|value| value.to_lowercase().starts_with(begun));
        fitting
            .map(|value| format!("{name}:{}", quoted(value)))
            .take(COMPLETIONS)
            .collect()
    }

    /// What is wrong with it as a filter, and where (in characters).
    pub fn trouble(&self) -> Option<(usize, String)> {
        Filter::parse(&self.text)
            .err()
            .map(|error| (error.position, error.what))
    }
}

/// Values that a field is known to have.
fn values(field: &str, overview: Option<&Overview>) -> Vec<String> {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let tallied = |list: fn(&Overview) -> &Vec<fossick_model::Tally>| {
        overview
            .map(|overview| {
                list(overview)
                    .iter()
                    .map(|tally| tally.name.clone())
                    .collect()
            })
            .unwrap_or_default()
    };
    match field {
        "kind" => Kind::all().map(|kind| kind.name().to_owned()).collect(),
        "category" => {
            let mut all: Vec<String> = Kind::all()
                .map(|kind| kind.category().name().to_owned())
                .collect();
            all.sort();
            all.dedup();
            all
        }
        "verdict" => owned(&[
            "fix available",
            "declared no fix",
            "no fix yet",
            "fix not stated",
            "out of support",
            "manufacturer only",
            "declared by operator",
            "unknown",
        ]),
        "zone" => tallied(|overview| &overview.zones),
        "vendor" => tallied(|overview| &overview.vendors),
        "unpatchable" | "finding" | "silent" | "external" => owned(&["yes", "no"]),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_values_complete_and_a_minus_stays() {
        let mut edit = Edit::new("kind:plc -ven");
        assert_eq!(edit.completions(None), ["vendor:"]);
        edit.complete("vendor:");
        assert_eq!(edit.text, "kind:plc -vendor:");
        let verdicts = Edit::new("verdict:out").completions(None);
        assert_eq!(verdicts, ["verdict:\"out of support\""]);
    }

    #[test]
    fn a_wrong_filter_says_where() {
        let edit = Edit::new("kind:plc vendr:siemens");
        let (at, what) = edit.trouble().unwrap();
        assert_eq!(at, 9);
        assert!(what.contains("vendor"), "{what}");
    }

    #[test]
    fn writing_counts_characters_not_octets() {
        let mut edit = Edit::new("日本");
        edit.take(Key::of(Code::Left));
        edit.take(Key::of(Code::Char('x')));
        assert_eq!((edit.text.as_str(), edit.at), ("日x本", 2));
        edit.take(Key::of(Code::Backspace));
        assert_eq!(edit.text, "日本");
    }
}
