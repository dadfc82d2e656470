//! Compiled patterns. Ours take linear time; a foreign one that looks around or back takes bounded time.
//!
//! A compiled pattern takes tens of kilobytes, and most are never met: one is compiled when a value holds a text that
//! each match begins with.

use regex::RegexBuilder;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::Extractor;

use crate::recog::dialect;

/// Most memory a foreign pattern may compile to, octets: the larger ones of Recog take a tenth.
const LARGEST: usize = 4 * 1024 * 1024;
/// Steps back that a foreign pattern may take over one value before it counts as not matching.
const BACKTRACKING: usize = 100_000;

/// Beginnings that are kept of one pattern; one with more of them is always compiled.
const MOST_BEGINNINGS: usize = 40;

/// How a pattern is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// As the `regex` crate reads it.
    #[default]
    Ours,
    /// As Recog's tools read it (Ruby, Java): lines are anchored one by one.
    Recog {
        /// `REG_ICASE`.
        any_case: bool,
        /// `REG_DOT_NEWLINE` and its like.
        dot_is_newline: bool,
    },
}

/// A pattern that can be asked.
#[derive(Debug)]
pub(crate) enum Pattern {
    /// Linear in the length of the value.
    Linear(regex::Regex),
    /// For look-around, backreferences and atomic groups; gives up after [`BACKTRACKING`] steps.
    Backtracking(Box<fancy_regex::Regex>),
}

/// Texts one of which each match begins with; nothing if there are no such, or too many.
#[derive(Debug)]
pub(crate) struct Beginnings(Option<Vec<Vec<u8>>>);

impl Beginnings {
    /// Of a pattern. One that cannot be read has none: compiling says why.
    pub fn of(text: &str, dialect: Dialect) -> Beginnings {
        let mut parser = ParserBuilder::new();
        let parsed = match dialect {
            Dialect::Ours => parser.build().parse(text),
            Dialect::Recog {
                any_case,
                dot_is_newline,
            } => parser
                .case_insensitive(any_case)
                .multi_line(true)
                .dot_matches_new_line(dot_is_newline)
                .build()
                .parse(&dialect::translate(text).text),
        };
        let Ok(parsed) = parsed else {
            return Beginnings(None);
        };
        let found = Extractor::new()
            .limit_total(MOST_BEGINNINGS)
            .extract(&parsed);
        let texts = found.literals().map(|literals| {
            let texts = literals.iter().map(|literal| literal.as_bytes().to_vec());
            texts.collect::<Vec<_>>()
        });
        Beginnings(texts.filter(|texts| texts.iter().all(|text| !text.is_empty())))
    }

    /// Whether a match is possible.
    pub fn are_in(&self, value: &str) -> bool {
        let Beginnings(Some(texts)) = self else {
            return true;
        };
        texts.iter().any(|text| {
            let mut places = value.as_bytes().windows(text.len());
            places.any(|place| place == text)
        })
    }
}

/// What a pattern captured.
pub(crate) enum Captures<'v> {
    Linear(regex::Captures<'v>),
    Backtracking(fancy_regex::Captures<'v, str>),
}

impl Pattern {
    /// # Errors
    /// Why it does not compile, in a line.
    pub fn compile(text: &str, dialect: Dialect) -> Result<Pattern, String> {
        let Dialect::Recog {
            any_case,
            dot_is_newline,
        } = dialect
        else {
            let pattern = regex::Regex::new(text);
            return pattern
                .map(Pattern::Linear)
                .map_err(|error| error.to_string());
        };
        let translated = dialect::translate(text);
        let linear = RegexBuilder::new(&translated.text)
            .case_insensitive(any_case)
            .multi_line(true)
            .dot_matches_new_line(dot_is_newline)
            .size_limit(LARGEST)
            .dfa_size_limit(LARGEST)
            .build();
        match linear {
            Ok(linear) if !translated.backtracks => return Ok(Pattern::Linear(linear)),
            Err(error @ regex::Error::CompiledTooBig(_)) => return Err(error.to_string()),
            _ => {}
        }
        fancy_regex::RegexBuilder::new(&translated.text)
            .case_insensitive(any_case)
            .multi_line(true)
            .dot_matches_new_line(dot_is_newline)
            .backtrack_limit(BACKTRACKING)
            .delegate_size_limit(LARGEST)
            .delegate_dfa_size_limit(LARGEST)
            .build()
            .map(|pattern| Pattern::Backtracking(Box::new(pattern)))
            .map_err(|error| last_line(&error.to_string()))
    }

    /// The first match. Nothing if there is none, or if looking for it would take too long.
    pub fn captures<'v>(&self, value: &'v str) -> Option<Captures<'v>> {
        match self {
            Pattern::Linear(pattern) => pattern.captures(value).map(Captures::Linear),
            Pattern::Backtracking(pattern) => {
                let found = pattern.captures(value).ok().flatten();
                found.map(Captures::Backtracking)
            }
        }
    }
}

impl<'v> Captures<'v> {
    /// Appends the template with `$captures` put in.
    pub fn expand(&self, template: &str, to: &mut String) {
        match self {
            Captures::Linear(captures) => captures.expand(template, to),
            Captures::Backtracking(captures) => captures.expand(template, to),
        }
    }

    /// What the group took; nothing if it took no part.
    pub fn group(&self, number: usize) -> Option<&'v str> {
        match self {
            Captures::Linear(captures) => captures.get(number).map(|found| found.as_str()),
            Captures::Backtracking(captures) => captures.get(number).map(|found| found.as_str()),
        }
    }
}

/// Errors of patterns draw a picture; the reason is below it.
fn last_line(text: &str) -> String {
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    line.unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Beginnings, Dialect};

    #[test]
    fn a_pattern_is_asked_of_every_value_that_it_may_match() {
        for (pattern, held, not_held) in [
            (r"^Acme (?P<m>\S+)", "Acme X1", "Other X1"),
            (r"(?i)^acme", "ACME", "other"),
            (r"^(?:One|Two) \d", "Two 2", "Three 3"),
            (r"\bFTP server", "an FTP server", "an SMTP server"),
        ] {
            let beginnings = Beginnings::of(pattern, Dialect::Ours);
            assert!(beginnings.are_in(held), "{pattern}");
            assert!(!beginnings.are_in(not_held), "{pattern}");
        }
        let any = Beginnings::of(r"^(?P<v>\S.*)$", Dialect::Ours);
        assert!(any.are_in("whatever"));
    }
}
