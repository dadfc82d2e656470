//! The phrases in which ranges are written, brought to signs and versions.

use std::sync::LazyLock;

use regex::Regex;

use super::{Bound, Interval, Other, Range, Sign, Version};
use crate::limits;

/// A version within a sentence.
const VERSION: &str = r"v?\d[\w]*(?:\.\w+)*(?:\([\w.]+\)\w*)?(?:[ -]?(?:sp|update|upd|hf|hotfix|patch|build|r)[ -]?\d+)*";

/// Phrases and the signs they stand for, in the order in which they are replaced.
static PHRASES: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let version = VERSION;
    let later = "(?:later|newer|above|higher|greater|up|onwards?|after|following|subsequent)";
    let earlier = "(?:earlier|prior|below|older|lower|previous|before)";
    let join = "(?:and|or|&|,)";
    let all = "(?:all )?";
    let noun = "(?: (?:versions?|releases?|revisions?|firmwares?|builds?))*";
    let phrases = [
        (r"≤|=<|&lt;=".to_owned(), "<="),
        (r"≥|=>|&gt;=".to_owned(), ">="),
        (r"&lt;".to_owned(), "<"),
        (r"&gt;".to_owned(), ">"),
        (r"==".to_owned(), "="),
        (
            format!(
                r"\bbetween ({version}) ?\(?(?:including|inclusive)\)? and ({version}) ?\(?(?:excluding|exclusive)\)?"
            ),
            ">=$1 <$2",
        ),
        (
            format!(
                r"\bbetween ({version})(?: ?\(?(?:including|inclusive)\)?)? and ({version})(?: ?\(?(?:including|inclusive)\)?)?"
            ),
            ">=$1 <=$2",
        ),
        (
            format!(
                r"({version})(?: ?\((?:including|inclusive)\))? (?:and|to|up to) ({version}) ?\((?:excluding|exclusive)\)"
            ),
            ">=$1 <$2",
        ),
        (
            format!(
                r"\b(?:up to|through|thru|until),? (?:and |\()?(?:including|inclusive|incl\.?)\)?,?{noun} ?"
            ),
            "<=",
        ),
        (
            format!(
                r"({version}),?{noun} ?(?:through|thru|up to|until|\bto\b) ?(?:and including )?{noun} ?({version})"
            ),
            ">=$1 <=$2",
        ),
        (
            format!(r"\bfrom{noun} ({version}),? ?(?:to|through|up to)? ?<= ?"),
            ">=$1 <=",
        ),
        (format!(r"^({version}) - ({version})$"), ">=$1 <=$2"),
        (
            format!(
                r"({version}),?{noun} ?{join} {all}(?:the )?(?:versions? )?{earlier}{noun}(?: to(?: this)?)?"
            ),
            "<=$1",
        ),
        (
            format!(r"({version}),?{noun} ?{join} {all}(?:the )?(?:versions? )?{later}{noun}"),
            ">=$1",
        ),
        (format!(r"^({version}) ?{earlier}$"), "<=$1"),
        (format!(r"({version}) ?\+(?:$| )"), ">=$1 "),
        (format!(r"\b(?:up to|through|thru|until){noun} ?"), "<="),
        (
            format!(
                r"\b(?:prior to|before|earlier than|lower than|older than|less than|smaller than|below|under|preceding){noun}(?: to)? ?"
            ),
            "<",
        ),
        (
            format!(r"\b(?:later than|newer than|greater than|higher than|above|after){noun} ?"),
            ">",
        ),
        (
            format!(r"\b(?:starting (?:from|with)|since|beginning with|from){noun} ?"),
            ">=",
        ),
    ];
    let read = |(pattern, signs): (String, &'static str)| {
        Regex::new(&pattern).ok().map(|regex| (regex, signs))
    };
    phrases.into_iter().filter_map(read).collect()
});

/// Words that add nothing to a range.
const SILENT: [&str; 34] = [
    "all",
    "version",
    "versions",
    "firmware",
    "software",
    "fw",
    "sw",
    "ver",
    "ver.",
    "the",
    "and",
    "any",
    "of",
    "with",
    "release",
    "releases",
    "revision",
    "rev",
    "rev.",
    "distributed",
    "is",
    "are",
    "running",
    "only",
    "family",
    "series",
    "number",
    "affected",
    "product",
    "products",
    "using",
    "no.",
    "system",
    "image",
];

/// What a bracket says that bounds no version.
static REMARK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words = r"(?:including|incl\.?|formerly|former|aka|also known as|these products are|build (?:nr|number|no)|part of|integrated into|end[ -]of[ -]life|eol|cve-)";
    Regex::new(&format!(r" ?\({words}[ .\d][^()]*\)")).ok()
});

/// A range, and a condition after it.
static CONDITION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(.*\d\S*?)[ (,-]+((?:only )?(?:if|when|where|provided|only affected|only with|these product versions)\b.*)$").ok()
});

fn tidy(text: &str) -> String {
    let mut text = text
        .trim()
        .to_lowercase()
        .replace(['\u{a0}', '_', '\t', '\n'], " ");
    if let Some(scheme) = text.strip_prefix("vers:") {
        text = scheme
            .split_once('/')
            .map(|(_, rest)| rest)
            .unwrap_or_default()
            .to_owned();
        text = text
            .replace("%20", " ")
            .replace("%2b", "+")
            .replace("%3a", ":");
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut text = words.join(" ");
    let cut = text.strip_suffix('.').unwrap_or_default();
    if !cut.is_empty() && cut.bytes().all(|b| b.is_ascii_digit()) {
        // `2.`: any of the second.
        text.push('*');
    }
    text
}

pub(super) fn range(text: &str) -> Range {
    if text.len() > limits::TEXT {
        return Range::Unreadable;
    }
    let mut text = tidy(text);
    match text.trim_end_matches('.') {
        "*"
        | "all"
        | "any"
        | "all versions"
        | "all version"
        | "all firmware versions"
        | "all product versions"
        | "all versions of firmware"
        | "all firmware"
        | "versions all"
        | "all software versions"
        | "all releases"
        | "vers:all/*"
        | "all models"
        | "all devices"
        | "all series"
        | "all revisions"
        | "all current versions" => return Range::All,
        "no version" | "none" | "no versions" => return Range::Never,
        "" | "-" | "n/a" | "na" | "unspecified" | "unknown" | "none stated" | "not stated" => {
            return Range::Unreadable;
        }
        _ => {}
    }
    if let Some((main, _)) = aside(&text).filter(|(_, remark)| remark.contains("affected by")) {
        text = main;
    }
    if text.contains("serial number") || text.contains("serial no") || text.contains("s/n") {
        return Range::Other(Other::Serial);
    }
    if let Some(remark) = text.strip_prefix("* ") {
        return Range::Other(Other::Condition(remark.to_owned()));
    }
    if let Some(remark) = REMARK.as_ref() {
        text = remark.replace_all(&text, "").trim().to_owned();
    }
    let condition = CONDITION.as_ref().and_then(|regex| regex.captures(&text));
    if let Some(found) = condition {
        let group = |at| found.get(at).map_or("", |group| group.as_str());
        if let Range::Within(intervals) = range(group(1)) {
            return Range::Other(Other::Conditional(group(2).to_owned(), intervals));
        }
    }
    for (phrase, signs) in PHRASES.iter() {
        if phrase.is_match(&text) {
            text = phrase.replace_all(&text, *signs).into_owned();
        }
    }
    signs(&text)
}

/// `2.8.1 (only affected by …)`: what stands before the bracket, and in it.
fn aside(text: &str) -> Option<(String, String)> {
    let at = text.find(" (")?;
    let inside = text.get(at.checked_add(2)?..)?.strip_suffix(')')?;
    Some((text.get(..at)?.to_owned(), inside.to_owned()))
}

/// A piece of a range: its sign, if it has one, and what follows.
fn split(text: &str) -> Vec<(Option<Sign>, String)> {
    let mut found: Vec<(Option<Sign>, String)> = Vec::new();
    let mut sign = None;
    let mut current = String::new();
    let mut rest = text;
    let close =
        |sign: &mut Option<Sign>, current: &mut String, found: &mut Vec<(Option<Sign>, String)>| {
            let words = std::mem::take(current);
            let words = words
                .trim()
                .trim_end_matches(" and")
                .trim_end_matches(" or")
                .trim();
            if sign.is_some() || !words.is_empty() {
                found.push((sign.take(), words.to_owned()));
            }
        };
    while let Some(c) = rest.chars().next() {
        let signs = [
            ("<=", Sign::AtMost),
            (">=", Sign::AtLeast),
            ("!=", Sign::Not),
            ("<", Sign::Below),
            (">", Sign::Above),
            ("=", Sign::Is),
        ];
        if let Some((written, which)) = signs.iter().find(|(written, _)| rest.starts_with(written))
        {
            close(&mut sign, &mut current, &mut found);
            sign = Some(*which);
            rest = rest.get(written.len()..).unwrap_or_default();
            continue;
        }
        let breaks = ["|", ";", ", ", " and ", " or ", " & "];
        if let Some(mark) = breaks.iter().find(|mark| rest.starts_with(**mark)) {
            // In `april 1, 2018` the comma belongs to the date.
            let dated =
                *mark == ", " && Version::stated(&current).is_none() && !current.trim().is_empty();
            if !dated {
                close(&mut sign, &mut current, &mut found);
                rest = rest.get(mark.len()..).unwrap_or_default();
                continue;
            }
        }
        current.push(c);
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    close(&mut sign, &mut current, &mut found);
    found
}

/// Takes words away that add nothing.
fn bare(text: &str) -> String {
    let words: Vec<&str> = text
        .split_whitespace()
        .filter(|word| !SILENT.contains(word))
        .collect();
    words.join(" ")
}

fn signs(text: &str) -> Range {
    let mut bounds: Vec<Bound> = Vec::new();
    let mut labels: Vec<String> = Vec::new();
    let mut models: Vec<String> = Vec::new();
    let mut pending: Option<Sign> = None;
    for (sign, words) in split(text) {
        let words = bare(&words);
        let sign = sign.or_else(|| pending.take());
        if words.is_empty() {
            pending = sign;
            continue;
        }
        if let Some(version) = Version::stated(words.trim_matches(['(', ')', ' ', '.', ',']))
            .or_else(|| Version::stated(&words))
        {
            let sign = sign.unwrap_or(Sign::Is);
            bounds.push(Bound {
                sign,
                version,
                text: words.trim_matches(['(', ')', ' ']).to_owned(),
            });
        } else if let (None, Some((version, remark))) = (
            sign,
            aside(&words).and_then(|(main, remark)| Some((Version::stated(&main)?, remark))),
        ) {
            bounds.push(Bound {
                sign: Sign::Is,
                version,
                text: words.clone(),
            });
            labels.push(remark);
        } else if sign.is_none() {
            if model(&words) {
                models.push(words);
            } else {
                labels.push(words);
            }
        } else if let Some((version, label)) = labelled(&words) {
            let sign = sign.unwrap_or(Sign::Is);
            bounds.push(Bound {
                sign,
                version: version.0,
                text: version.1,
            });
            if !label.is_empty() {
                labels.push(label);
            }
        } else {
            return Range::Unreadable;
        }
    }
    if pending.is_some() {
        return Range::Unreadable;
    }
    match (bounds.is_empty(), labels.is_empty(), models.is_empty()) {
        (false, true, true) => Range::Within(intervals(bounds)),
        (false, _, _) => {
            labels.extend(models);
            Range::Other(Other::Part(labels.join(" "), intervals(bounds)))
        }
        (true, true, false) => Range::Other(Other::Model(models.join(" "))),
        (true, false, _) => condition(&labels.join(" ")),
        (true, true, true) => Range::Unreadable,
    }
}

/// Prose without a number is a condition; with one, it is something that was not understood.
fn condition(words: &str) -> Range {
    let plain =
        words.split_whitespace().count() >= 2 && !words.contains(|c: char| c.is_ascii_digit());
    if plain {
        Range::Other(Other::Condition(words.to_owned()))
    } else {
        Range::Unreadable
    }
}

/// `12.4 (firmware 1.46)`: a version and a remark.
fn labelled(words: &str) -> Option<((Version, String), String)> {
    let all: Vec<&str> = words.split_whitespace().collect();
    for count in (1..all.len()).rev() {
        let text = all.get(..count)?.join(" ");
        if let Some(version) = Version::stated(&text) {
            return Some(((version, text), all.get(count..)?.join(" ")));
        }
    }
    for from in 1..all.len() {
        let text = all.get(from..)?.join(" ");
        if let Some(version) = Version::stated(&text) {
            return Some(((version, text), all.get(..from)?.join(" ")));
        }
    }
    None
}

/// Whether this is a model or an order number: letters and digits in one word, not written as versions are.
fn model(words: &str) -> bool {
    let first = words.split(' ').next().unwrap_or_default();
    let named = words
        .split(' ')
        .nth(1)
        .is_some_and(|word| word.chars().filter(char::is_ascii_alphabetic).count() >= 3);
    if first.len() >= 6 && first.bytes().all(|b| b.is_ascii_digit()) && named {
        return true;
    }
    let word = words.split([' ', '/']).next().unwrap_or_default();
    let letters = word.chars().filter(char::is_ascii_alphabetic).count();
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let clean = word
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-.*[]()".contains(c));
    let short = words.split_whitespace().count() <= 3;
    clean && short && letters >= 2 && digits >= 1
}

/// What the bounds of a list say together, as `vers` has it: `>=` and the `<` after it are one interval.
fn intervals(bounds: Vec<Bound>) -> Vec<Interval> {
    let mut found: Vec<Interval> = Vec::new();
    let mut without: Vec<Bound> = Vec::new();
    let mut open: Option<Bound> = None;
    for bound in bounds {
        match bound.sign {
            Sign::Not => without.push(bound),
            Sign::Above | Sign::AtLeast => {
                found.extend(open.replace(bound).map(|bound| vec![bound]));
            }
            Sign::Below | Sign::AtMost => {
                let mut interval: Interval = open.take().into_iter().collect();
                interval.push(bound);
                found.push(interval);
            }
            Sign::Is => {
                found.extend(open.take().map(|bound| vec![bound]));
                found.push(vec![bound]);
            }
        }
    }
    found.extend(open.map(|bound| vec![bound]));
    if found.is_empty() && !without.is_empty() {
        found.push(Vec::new());
    }
    for interval in &mut found {
        interval.extend(without.iter().cloned());
    }
    found
}

static IN_NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:^|[\s(])(?:version |firmware |release )?v(?:ersion)?[ .]?(\d+(?:\.[\dxX*]+)*(?: ?(?:sp|update|upd|hf|r)[ ]?\d+)*)(?:$|[\s),])|\b((?:19|20)\d\d) (?:and|or) (?:earlier|prior|older|below)").ok()
});

pub(super) fn in_name(text: &str) -> Option<(String, std::ops::Range<usize>)> {
    let found = IN_NAME.as_ref()?.captures(text)?;
    let whole = found.get(0)?.range();
    // The version of the hardware is none of the firmware.
    let before = text.get(..whole.start)?.trim_end().to_lowercase();
    if before.ends_with("hardware") || before.ends_with("hw") || before.ends_with("function state")
    {
        return None;
    }
    if let Some(year) = found.get(2) {
        return Some((year.as_str().to_owned(), year.range()));
    }
    Some((found.get(1)?.as_str().to_owned(), whole))
}

static TOLD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:v(?:er(?:sion)?s?)?[. ]{0,2}|firmware |revision |rev\.? ?|release |to |upgrade |r)(\d+(?:\.[\w]+)*(?:\(\w+\)\w*)?(?: ?(?:sp|service pack|update|upd|hf|hotfix|patch|build)[ ]?\d+)*)").ok()
});

pub(super) fn told(text: &str) -> Vec<String> {
    let Some(told) = TOLD.as_ref() else {
        return Vec::new();
    };
    let found = told
        .captures_iter(text)
        .filter_map(|found| Some(found.get(1)?.as_str().trim_end_matches('.').to_owned()));
    found
        .filter(|version| Version::stated(version).is_some())
        .take(32)
        .collect()
}
