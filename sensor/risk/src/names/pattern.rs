//! A product name of an advisory, taken apart.

use std::collections::BTreeSet;

use super::{Names, Subject, like, prose, squash, words};
use crate::advisory::Entry;
use crate::limits;
use crate::versions::{self, Range};

/// One word of a product name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// As it is, in lower case.
    Plain(String),
    /// With wildcards, in lower case.
    Wild(String),
    /// `MP20-MP90`: letters, from, to; and how it is written.
    Between(String, u64, u64, String),
}

impl Word {
    pub(super) fn text(&self) -> &str {
        match self {
            Word::Plain(text) | Word::Wild(text) | Word::Between(_, _, _, text) => text,
        }
    }

    /// Whether it tells one product from another of its maker.
    pub(super) fn tells(&self) -> bool {
        let text = self.text();
        let digits = text.chars().any(|c| c.is_ascii_digit());
        let long = text.chars().filter(|c| c.is_alphanumeric()).count() >= 3;
        digits && long
    }

    pub(super) fn is(&self, word: &str) -> bool {
        match self {
            Word::Plain(text) => text == word,
            Word::Wild(text) => like(text, word),
            Word::Between(letters, from, to, _) => {
                let rest = word.strip_prefix(letters.as_str());
                let digits: Option<u64> = rest.and_then(|rest| rest.parse().ok());
                digits.is_some_and(|number| (*from..=*to).contains(&number))
            }
        }
    }
}

/// A product name, ready to be compared.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// Whose it is; any of them.
    pub vendors: BTreeSet<String>,
    /// Order numbers without blanks and dashes, with `*` and `?`.
    pub orders: Vec<String>,
    /// The name as it is written, without blanks and dashes, and its variants.
    pub(super) whole: BTreeSet<String>,
    pub(super) family: Option<usize>,
    pub(super) alternatives: Vec<Vec<Word>>,
    /// Shorter names: whatever is called so may be it.
    pub(super) loose: Vec<Vec<Word>>,
    excluded: Vec<Vec<String>>,
    /// A version that the name itself states: `RSG2488 V4.X`.
    pub version: Option<Range>,
    /// Only some serial numbers are meant: `FX5U (Serial number 17X**** and later)`.
    pub serials: bool,
}

regexes! {
    EXCLUDED = r"(?i)[\(,]?\s*\b(?:excluding|except(?: for)?|excl\.?|but not|without)\s+([^()]*)\)?";
    INCLUDED = r"(?i)\((?:incl\.?|including|all |and related)[^)]*\)?";
    SQUARES = r"(?:\s*(?:\[\]|□))+";
    BRACKETS = r"\(([^()]*)\)";
    LABEL = r"(?i)^\s*(?:MLFBs?|SKUs?|part (?:numbers?|nos?\.?)|article (?:numbers?|nos?\.?)|order (?:numbers?|nos?\.?)|catalog(?:ue)? (?:numbers?|nos?\.?)|model (?:numbers?|nos?\.?)|models?|P/N|PN|reference)?\s*[:\-]?\s*";
    SLASHED = r"\b([A-Za-z-]*?)(\d+)((?:/\d+)+)/?([A-Za-z-]*)(?:$|[\s,)])";
    LETTERED = r"\b([A-Za-z-]*?)(\d+[A-Z])((?:/\d+[A-Z])+)()(?:$|[\s,)])";
    OPTIONAL = r"\b([A-Za-z0-9/-]+)\(([A-Z]{1,3})\)( ?[A-Za-z0-9-]+)";
    SERIALS = r"(?i)\bserial n(?:umber|o\b)";
    SPAN = r"^([A-Za-z]+)(\d+)-([A-Za-z]+)(\d+)$";
}

/// Whether a word is an order number rather than a word: letters and digits, long, and nothing else.
pub(super) fn is_order(word: &str, least: usize) -> bool {
    let word = word.trim_matches(['.', ',', ';', ':']);
    let count = word.chars().filter(char::is_ascii_alphanumeric).count();
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let letters = word.chars().filter(char::is_ascii_alphabetic).count();
    let small = word
        .chars()
        .filter(|c| c.is_ascii_lowercase() && *c != 'x')
        .count();
    let clean = word
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-*?.[]_".contains(c));
    let wild = word.contains('*');
    let told = digits >= 2 || wild && letters >= 3;
    let long = count >= least || wild && count >= 4;
    clean && small == 0 && told && long && (letters >= 1 || digits >= 6)
}

/// Whether a word is a model number: capitals and digits.
fn is_model(word: &str) -> bool {
    let capitals = word.chars().filter(char::is_ascii_uppercase).count();
    let clean = word
        .chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    clean && word.len() >= 5 && capitals >= 2 && word.len() > capitals
}

/// An order number as a pattern: `x` after a digit or a letter of an otherwise upper-case number stands for one character.
fn order(word: &str) -> String {
    let mut text = String::new();
    let characters: Vec<char> = word.trim_matches(['.', ',', ';', ' ']).chars().collect();
    let shouting = characters.iter().any(char::is_ascii_uppercase)
        || characters.iter().any(char::is_ascii_digit);
    for (at, c) in characters.iter().enumerate() {
        let rest = characters.get(at.saturating_add(1)..).unwrap_or_default();
        let last = rest.iter().all(|next| next == c);
        match c {
            'x' if shouting && at > 0 => text.push(if last { '*' } else { '?' }),
            'X' if last && at > 0 && characters.get(at.saturating_sub(1)) == Some(c)
                || last && rest.len() > 1 && *c == 'X' =>
            {
                text.push('*');
            }
            _ => text.push(*c),
        }
    }
    if word.ends_with("...") {
        text.push('*');
    }
    let squashed = squash(&text);
    if squashed.ends_with("**") {
        format!("{}*", squashed.trim_end_matches('*'))
    } else {
        squashed
    }
}

/// Order numbers that a bracket holds; none, if it holds something else.
fn bracketed(text: &str) -> Vec<String> {
    let text = LABEL
        .as_ref()
        .map_or_else(|| text.into(), |label| label.replace(text, ""));
    let pieces = text
        .split([',', ';', '&', '/'])
        .flat_map(|piece| piece.split(" and ").collect::<Vec<_>>());
    let mut found = Vec::new();
    for piece in pieces {
        let each: Vec<&str> = piece.split_whitespace().collect();
        let many = each.iter().filter(|word| is_order(word, 9)).count();
        let begun = each.len() == 2 && each.first().is_some_and(|word| word.len() <= 4);
        if many >= 1 && !begun {
            found.extend(
                each.iter()
                    .filter(|word| is_order(word, 9))
                    .map(|word| order(word)),
            );
        } else if many == 0 && each.len() > 1 && each.iter().all(|word| is_model(word)) {
            found.extend(each.iter().map(|word| order(word)));
        } else if is_order(&each.concat(), 6)
            || each.concat().ends_with("...") && is_order(each.concat().trim_end_matches('.'), 4)
        {
            found.push(order(&each.concat()));
        }
    }
    found
}

/// A word with wildcards, if `x` or `*` stand for something in it.
fn word(raw: &str) -> Vec<Word> {
    if let Some(found) = SPAN.as_ref().and_then(|span| span.captures(raw)) {
        let group = |at| {
            found
                .get(at)
                .map(|group| group.as_str().to_lowercase())
                .unwrap_or_default()
        };
        if let (true, Ok(from), Ok(to)) = (group(1) == group(3), group(2).parse(), group(4).parse())
        {
            return vec![Word::Between(group(1), from, to, raw.to_lowercase())];
        }
    }
    let characters: Vec<char> = raw.chars().collect();
    let mut text = String::new();
    let mut wild = false;
    let telling = characters.iter().any(char::is_ascii_digit);
    for (at, c) in characters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| characters.get(at));
        let after = characters.get(at.saturating_add(1));
        let digit_before = before.is_some_and(|c| c.is_ascii_digit() || *c == 'x');
        if *c == '*' {
            wild = true;
            text.push('*');
        } else if *c == 'x'
            && telling
            && digit_before
            && after.is_none_or(|c| !c.is_ascii_lowercase() || *c == 'x')
        {
            wild = true;
            text.push(if after.is_none() { '*' } else { '?' });
        } else {
            text.push(*c);
        }
    }
    let plain = words(&text);
    let literal = |word: &String| word.chars().filter(|c| c.is_alphanumeric()).count();
    let kept = plain.into_iter().filter(|word| literal(word) > 0);
    kept.map(|word| {
        if wild && word.contains(['*', '?']) {
            Word::Wild(word)
        } else {
            Word::Plain(word)
        }
    })
    .collect()
}

/// Every name that a name with slashes or optional letters stands for.
fn expanded(text: &str) -> Vec<String> {
    if let Some(found) = OPTIONAL
        .as_ref()
        .and_then(|optional| optional.captures(text))
    {
        let group = |at| {
            found
                .get(at)
                .map(|group| group.as_str())
                .unwrap_or_default()
        };
        let around = found.get(0).map(|whole| whole.range()).unwrap_or_default();
        let (before, after) = (
            text.get(..around.start).unwrap_or_default(),
            text.get(around.end..).unwrap_or_default(),
        );
        if group(3).chars().any(char::is_alphabetic) {
            let with = format!("{before}{}{}{}{after}", group(1), group(2), group(3));
            let without = format!("{before}{}{}{after}", group(1), group(3));
            return vec![with, without];
        }
    }
    let slashed = [&*SLASHED, &*LETTERED].into_iter().flatten();
    let mut slashed = slashed;
    let Some(found) = slashed.find_map(|slashed| slashed.captures(text)) else {
        return vec![text.to_owned()];
    };
    let group = |at| {
        found
            .get(at)
            .map(|group| group.as_str())
            .unwrap_or_default()
    };
    let (letters, first, more, tail) = (group(1), group(2), group(3), group(4));
    let from = found.get(1).map(|group| group.start()).unwrap_or_default();
    let to = found.get(4).map(|group| group.end()).unwrap_or_default();
    if letters.is_empty() && tail.is_empty() && first.len() < 3 {
        return vec![text.to_owned()];
    }
    let (before, after) = (
        text.get(..from).unwrap_or_default(),
        text.get(to..).unwrap_or_default(),
    );
    let numbers = std::iter::once(first).chain(more.split('/').filter(|number| !number.is_empty()));
    numbers
        .map(|number| format!("{before}{letters}{number}{tail}{after}"))
        .take(limits::ALTERNATIVES)
        .collect()
}

/// Where a name stands in the index as a whole.
pub(super) fn whole_key(whole: &str) -> String {
    format!("={}", crate::feeds::cut(whole, 100))
}

/// Takes a version out of a name, as a range: `V7.3` stands for all that begin so, `V6 and below` for those before too.
///
/// Where the versions that are stated besides begin with another number it is none, but a generation: `CP 1242-7 V2`. Where
/// they end above it, it is where a line of versions begins: `SINUMERIK 808D V4.7` with `< V4.91`.
fn named_version(names: &Names, text: &mut String, stated: &Range) -> Option<Range> {
    let (version, at) = versions::in_name(text)?;
    if names.expects_model(text.get(..at.start)?) {
        return None;
    }
    let major = version
        .split(['.', ' '])
        .next()
        .and_then(|number| number.parse().ok());
    let generation =
        |major| !version.contains(['x', 'X', '*']) && stated.begins_with(major) == Some(false);
    if major.is_some_and(generation) {
        return None;
    }
    let (before, after) = (
        text.get(..at.start)?.to_owned(),
        text.get(at.end..)?.to_owned(),
    );
    let wild = version.contains(['x', 'X', '*']);
    let line = if wild || version.contains(' ') {
        version.clone()
    } else {
        format!("{version}.*")
    };
    let below = [
        "and below",
        "and earlier",
        "and prior",
        "or lower",
        "and lower",
        "and older",
    ];
    let lower = after.to_lowercase();
    let until = ["prior to", "before", "below", "<"];
    let until = until
        .iter()
        .any(|words| before.trim_end().to_lowercase().ends_with(words));
    let said = below
        .iter()
        .find(|words| lower.trim_start().starts_with(**words));
    let after = said.map_or(&*after, |words| {
        after.trim_start().get(words.len()..).unwrap_or_default()
    });
    *text = format!("{} {}", before.trim_end(), after.trim_start());
    let sign = if until {
        "< "
    } else if said.is_none() && !wild && stated.ends_above(&line) {
        return Some(Range::read(&format!(">= {version}")));
    } else if below.iter().any(|words| lower.contains(words)) {
        "<= "
    } else {
        ""
    };
    Some(Range::read(&format!("{sign}{line}")))
}

/// Takes brackets that hold order numbers out of a name, and gives those.
fn bracketed_orders(text: &mut String) -> Vec<String> {
    let Some(regex) = BRACKETS.as_ref() else {
        return Vec::new();
    };
    let (mut kept, mut from, mut orders) = (String::new(), 0_usize, Vec::new());
    for found in regex.captures_iter(text) {
        let whole = found.get(0).map(|group| group.range()).unwrap_or_default();
        let numbers = bracketed(found.get(1).map_or("", |group| group.as_str()));
        kept.push_str(text.get(from..whole.start).unwrap_or_default());
        kept.push_str(if numbers.is_empty() {
            text.get(whole.clone()).unwrap_or_default()
        } else {
            " "
        });
        orders.extend(numbers);
        from = whole.end;
    }
    kept.push_str(text.get(from..).unwrap_or_default());
    *text = kept;
    orders
}

/// Every order number that an entry states; brackets that hold nothing else are taken out of its name.
fn stated_orders(entry: &Entry, text: &mut String) -> Vec<String> {
    let mut orders: Vec<String> = entry
        .orders
        .iter()
        .map(|number| order(number))
        .filter(|order| order.len() >= 4)
        .collect();
    orders.extend(bracketed_orders(text));
    for raw in text.split([' ', ',', ';']) {
        let long = raw.matches('-').count() >= 2 && is_order(raw, 10);
        let doubted =
            raw.contains('x') && raw.contains(|c: char| c.is_ascii_uppercase()) && is_order(raw, 8);
        if long || doubted || raw.contains('*') && is_order(raw, 4) {
            orders.push(order(raw));
        }
    }
    orders.sort();
    orders.dedup();
    orders
}

impl Names {
    /// Takes a product name apart.
    #[must_use]
    pub fn pattern(&self, entry: &Entry) -> Pattern {
        let mut vendors = self.vendor(&entry.vendor);
        let text = entry.name.replace(['\u{a0}', '®', '™'], " ");
        let text = text.replace("(R)", "").replace("(TM)", "");
        let mut text = self.together(&text).into_owned();
        let mut others = Vec::new();
        if vendors.is_empty() {
            // Of `multiple` vendors: whose it is stands in its name.
            for (vendor, rest) in self.vendors_in_name(text.trim()) {
                vendors.insert(vendor);
                others.push(rest.to_owned());
            }
            vendors.insert(self.plain(&entry.vendor));
        }
        let mut excluded = Vec::new();
        if let Some(regex) = EXCLUDED.as_ref() {
            for found in regex.captures_iter(&text) {
                let named = found.get(1).map(|group| group.as_str()).unwrap_or_default();
                excluded.extend(self.telling_parts(named, &vendors));
            }
            text = regex.replace_all(&text, " ").into_owned();
        }
        text = INCLUDED.as_ref().map_or_else(
            || text.clone(),
            |regex| regex.replace_all(&text, " ").into_owned(),
        );
        text = SQUARES.as_ref().map_or_else(
            || text.clone(),
            |regex| regex.replace_all(&text, "*").into_owned(),
        );
        let orders = stated_orders(entry, &mut text);
        let range = named_version(self, &mut text, &entry.version.range());
        let text = self
            .own_name(&prose::plain(&text), &entry.vendor)
            .to_owned();
        let variants = prose::variants(&text);
        let mut alternatives: Vec<Vec<Word>> = Vec::new();
        let own = self.listed(&text, &vendors);
        for name in own.iter().chain(&others) {
            let all = self.telling_words(name, &vendors);
            if !all.is_empty() && !alternatives.contains(&all) {
                alternatives.push(all);
            }
        }
        let family = match alternatives.as_slice() {
            [one] => {
                let plain: Vec<String> = one.iter().map(|word| word.text().to_owned()).collect();
                self.family_of(&vendors, &plain)
            }
            _ => None,
        };
        let enough =
            |all: &Vec<Word>| all.len() > 1 || all.iter().any(|word| word.text().len() > 5);
        let sure = variants
            .sure
            .iter()
            .map(|name| self.telling_words(name, &vendors));
        for all in sure.filter(enough) {
            if !alternatives.contains(&all) {
                alternatives.push(all);
            }
        }
        alternatives.truncate(limits::ALTERNATIVES);
        let loose = variants
            .loose
            .iter()
            .map(|name| self.telling_words(name, &vendors));
        let loose: Vec<Vec<Word>> = loose
            .filter(enough)
            .filter(|all| !alternatives.contains(all))
            .collect();
        let mut whole = BTreeSet::from([squash(&entry.name)]);
        whole.extend(variants.sure.iter().map(|name| squash(name)));
        if orders.is_empty() {
            whole.insert(squash(&text));
            whole.extend(others.iter().map(|rest| squash(rest)));
        }
        whole.retain(|name| name.chars().count() > 1);
        Pattern {
            vendors,
            orders,
            whole,
            family,
            alternatives,
            loose,
            excluded,
            version: range,
            serials: SERIALS
                .as_ref()
                .is_some_and(|serials| serials.is_match(&entry.name)),
        }
    }

    /// The words of each part of a list that names a product: `S7-300 and S7-400`.
    fn telling_parts(&self, list: &str, vendors: &BTreeSet<String>) -> Vec<Vec<String>> {
        let parts = list.split([',', ';']).flat_map(|part| part.split(" and "));
        let words = parts.map(|part| {
            let mut all = words(part);
            all.retain(|word| !self.quiet(word, vendors));
            all
        });
        let telling = |word: &String| word.chars().any(|c| c.is_ascii_digit());
        words.filter(|all| all.iter().any(telling)).collect()
    }

    /// A name without the vendor's that it begins with: `Capsule Technologies SmartLinx`.
    pub(super) fn own_name<'a>(&self, name: &'a str, vendor: &str) -> &'a str {
        let own = words(vendor);
        let mut rest = name.trim_start();
        let mut begun = false;
        while let Some((first, after)) = rest.split_once(' ') {
            let first = words(first);
            // `PLC` is a legal form as well: it goes only where the vendor's own name went before it.
            let of_vendor = |word: &String| {
                let legal = self.is_legal(word);
                own.contains(word) && !legal || begun && legal
            };
            if !first.iter().all(of_vendor) || after.trim().is_empty() {
                break;
            }
            begun = true;
            rest = after.trim_start();
        }
        rest
    }

    /// The words of a name that tell it from others of its maker.
    fn telling_words(&self, name: &str, vendors: &BTreeSet<String>) -> Vec<Word> {
        let raw = name.split(|c: char| c.is_whitespace() || "()[]{},;:/\"'|_".contains(c));
        let every: Vec<Word> = raw.flat_map(word).take(limits::WORDS).collect();
        let told = |word: &&Word| !self.quiet(word.text(), vendors);
        let all: Vec<Word> = every.iter().filter(told).cloned().collect();
        if all.is_empty() && every.len() > 1 {
            // `Drive Controller family`: words that say nothing elsewhere are all that it is called.
            let own = |word: &&Word| !self.is_brand(word.text(), vendors);
            return every.iter().filter(own).cloned().collect();
        }
        all
    }

    /// The names that a list of names is made of: `NAE85 and NIE85`.
    fn listed(&self, text: &str, vendors: &BTreeSet<String>) -> Vec<String> {
        let mut parts: Vec<String> = vec![text.to_owned()];
        if !text.contains('(') {
            for mark in [", ", " and ", " or ", " & "] {
                parts = parts
                    .iter()
                    .flat_map(|part| part.split(mark).map(str::to_owned).collect::<Vec<_>>())
                    .collect();
            }
        }
        let telling = |part: &String| {
            let all = part.split_whitespace().flat_map(word);
            all.filter(|word| !self.quiet(word.text(), vendors))
                .any(|word| word.tells())
        };
        if parts.len() < 2 || !parts.iter().all(telling) {
            parts = vec![text.to_owned()];
        }
        let mut names = Vec::new();
        while let Some(part) = parts.pop() {
            let more = expanded(&part);
            if more.len() > 1 && names.len().saturating_add(parts.len()) < limits::ALTERNATIVES {
                parts.extend(more);
            } else {
                names.push(part);
            }
        }
        names.truncate(limits::ALTERNATIVES);
        names
    }
}

impl Pattern {
    /// Whether these words are its own: hardware named beside its firmware.
    pub(crate) fn is_own(&self, all: &[String]) -> bool {
        self.alternatives.iter().any(|alternative| {
            alternative
                .iter()
                .all(|word| all.iter().any(|own| word.is(own)))
        })
    }

    /// Its words that tell it from other products.
    pub(crate) fn telling(&self) -> Vec<String> {
        let all = self
            .alternatives
            .iter()
            .flatten()
            .filter(|word| word.tells());
        all.map(|word| word.text().to_owned())
            .take(limits::WORDS)
            .collect()
    }

    /// All its words but those that are brands, or say nothing.
    pub(crate) fn words(&self) -> Vec<String> {
        let all = self.alternatives.iter().flatten();
        let long = all.filter(|word| word.text().chars().count() >= 4);
        long.map(|word| word.text().to_owned())
            .take(limits::WORDS)
            .collect()
    }

    pub(super) fn excludes(&self, subject: &Subject) -> bool {
        self.excluded
            .iter()
            .any(|words| !words.is_empty() && words.iter().all(|word| subject.parts.contains(word)))
    }

    /// Under which keys it is found.
    pub(super) fn keys(&self, names: &Names) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        keys.extend(self.whole.iter().map(|whole| whole_key(whole)));
        let literal = |text: &str, count: usize| {
            let letters = text.chars().take_while(|c| *c != '*' && *c != '?');
            letters.take(count).collect::<String>()
        };
        for order in &self.orders {
            let six = literal(order, 6);
            let three = literal(order, 3);
            if six.chars().count() == 6 {
                keys.insert(format!("#{six}"));
            } else if three.chars().count() == 3 {
                keys.insert(format!("#{three}"));
            }
        }
        let families = self.alternatives.iter().flat_map(|alternative| {
            let plain: Vec<String> = alternative
                .iter()
                .map(|word| word.text().to_owned())
                .collect();
            names.families_in(&self.vendors, &plain)
        });
        keys.extend(families.map(|name| format!("@{name}")));
        for alternative in self.alternatives.iter().chain(&self.loose) {
            let telling = alternative.iter().any(Word::tells);
            for word in alternative.iter().filter(|word| !telling || word.tells()) {
                match word {
                    Word::Plain(text) => keys.insert(text.clone()),
                    Word::Wild(text) => keys.insert(format!("~{}", literal(text, 3))),
                    Word::Between(letters, from, _, _) => keys.insert(format!(
                        "~{}",
                        literal(&format!("{letters}{from}"), letters.chars().count().min(3))
                    )),
                };
            }
            for pair in alternative.windows(2) {
                let joined: String = pair.iter().map(Word::text).collect();
                if !joined.contains(['*', '?']) {
                    keys.insert(joined);
                }
            }
        }
        keys
    }
}

/// Which words of a name were not seen, and how many of the device's own words it takes up.
pub(super) fn cover(subject: &Subject, alternative: &[Word]) -> (Vec<String>, u32) {
    let mut uncovered = Vec::new();
    let mut at = 0_usize;
    while let Some(word) = alternative.get(at) {
        let plain = match word {
            Word::Plain(text) => subject.parts.contains(text),
            other => subject.parts.iter().any(|part| other.is(part)),
        };
        let ordered = word.tells()
            && subject
                .orders
                .iter()
                .any(|order| word.is(&order.to_lowercase()));
        let joined = alternative.get(at.saturating_add(1)).is_some_and(|next| {
            subject
                .parts
                .contains(&format!("{}{}", word.text(), next.text()))
        });
        if plain || ordered {
            at = at.saturating_add(1);
        } else if joined {
            at = at.saturating_add(2);
        } else {
            uncovered.push(word.text().to_owned());
            at = at.saturating_add(1);
        }
    }
    let joined: String = alternative.iter().map(Word::text).collect();
    let used = subject.words.iter().filter(|own| {
        alternative.iter().any(|word| word.is(own))
            || own.len() > 3 && joined.contains(own.as_str())
    });
    (uncovered, u32::try_from(used.count()).unwrap_or(u32::MAX))
}
