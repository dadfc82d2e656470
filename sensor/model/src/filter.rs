//! The filter language: one for the command line, the screen and exports.
//!
//! `kind:plc vendor:siemens -zone:dmz port:102 os:"windows xp" seen<7d unpatchable:yes /regex/`: terms side by side must
//! all hold, `or` between them lets either do, parentheses group, a leading `-` turns a term into its opposite.
//! [`FIELDS`] is the language: the parser, the help and the messages are made from it.

mod fields;

use std::fmt;
use std::net::IpAddr;

use regex::{Regex, RegexBuilder};

use crate::asset::Asset;
use crate::time::Time;

pub use fields::{About, FIELDS, Field};
use fields::{Kind, Numbers, Texts};

/// Characters of a filter.
const LONGEST: usize = 4096;
/// Parentheses within parentheses.
const DEPTH: usize = 16;
/// Octets that the texts of an asset have, mostly.
const TEXTS: usize = 512;
/// Octets that a regular expression may compile to.
const REGEX: usize = 1 << 20;
/// What is wrong with a filter, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// Characters before the wrong part.
    pub position: usize,
    /// What is wrong, and what to write.
    pub what: String,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} (at character {})",
            self.what,
            self.position.saturating_add(1)
        )
    }
}

impl std::error::Error for FilterError {}

/// A filter that was understood.
#[derive(Debug, Clone)]
pub struct Filter(Term);

#[derive(Debug, Clone)]
enum Term {
    All(Vec<Term>),
    Any(Vec<Term>),
    Not(Box<Term>),
    /// Some text of the asset.
    Anywhere(Matcher),
    Texts(Texts, Vec<Matcher>),
    Numbers(Numbers, Compare, Vec<u64>),
    /// At or before, or after, this long ago, or this time.
    Moment(fn(&Asset) -> Time, Compare, Moment),
    Truth(fn(&Asset, &About<'_>) -> bool, bool),
    Networks(Vec<(IpAddr, u8)>),
    Macs(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Is,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Compare {
    fn holds<T: Ord>(self, left: &T, right: &T) -> bool {
        match self {
            Compare::Is => left == right,
            Compare::Less => left < right,
            Compare::AtMost => left <= right,
            Compare::More => left > right,
            Compare::AtLeast => left >= right,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Moment {
    /// Nanoseconds before now.
    Ago(i64),
    At(Time),
}

#[derive(Debug, Clone)]
enum Matcher {
    /// Any value at all.
    Exists,
    /// In lower case.
    Contains(String),
    Is(String),
    /// The expression, and the same where each line is a text of its own.
    Regex(Regex, Option<Regex>),
}

impl Matcher {
    fn is_match(&self, text: &str) -> bool {
        match self {
            Matcher::Exists => !text.is_empty(),
            Matcher::Contains(needle) => contains(text, needle),
            Matcher::Is(word) => text.eq_ignore_ascii_case(word) || text.to_lowercase() == *word,
            Matcher::Regex(regex, _) => regex.is_match(text),
        }
    }
}

/// Whether `needle` (in lower case) occurs in the text, whatever its case.
fn contains(text: &str, needle: &str) -> bool {
    if !text.is_ascii() || !needle.is_ascii() {
        return text.to_lowercase().contains(needle);
    }
    let Some(first) = needle.bytes().next() else {
        return true;
    };
    let octets = text.as_bytes();
    let last = octets.len().saturating_sub(needle.len());
    needle.len() <= octets.len()
        && octets
            .iter()
            .take(last.saturating_add(1))
            .enumerate()
            .any(|(at, octet)| {
                octet.to_ascii_lowercase() == first
                    && octets
                        .get(at..at.saturating_add(needle.len()))
                        .is_some_and(|part| part.eq_ignore_ascii_case(needle.as_bytes()))
            })
}

impl Filter {
    /// Reads a filter. An empty one lets everything through.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        let characters: Vec<char> = text.chars().collect();
        if characters.len() > LONGEST {
            return Err(FilterError {
                position: LONGEST,
                what: format!("a filter has at most {LONGEST} characters"),
            });
        }
        let mut parser = Parser {
            text: characters,
            at: 0,
            depth: 0,
        };
        let term = parser.either()?;
        if parser.at < parser.text.len() {
            return Err(wrong(parser.at, "a `)` that closes nothing"));
        }
        Ok(Filter(term))
    }

    /// Whether the asset passes.
    #[must_use]
    pub fn matches(&self, asset: &Asset, about: &About<'_>) -> bool {
        self.0.holds(asset, about)
    }
}

impl Term {
    fn holds(&self, asset: &Asset, about: &About<'_>) -> bool {
        match self {
            Term::All(terms) => terms.iter().all(|term| term.holds(asset, about)),
            Term::Any(terms) => terms.iter().any(|term| term.holds(asset, about)),
            Term::Not(term) => !term.holds(asset, about),
            Term::Anywhere(matcher) => anywhere(asset, about, matcher),
            // What stands behind an asset belongs to it: who looks for controllers looks for those behind a gateway too.
            Term::Texts(read, matchers) => any(asset, &|asset| {
                read(asset, about, &mut |text| {
                    matchers.iter().any(|matcher| matcher.is_match(text))
                })
            }),
            Term::Numbers(read, compare, numbers) => read(asset, &mut |own| {
                numbers.iter().any(|number| compare.holds(&own, number))
            }),
            Term::Moment(read, compare, Moment::Ago(ago)) => {
                let age = about.now.0.saturating_sub(read(asset).0);
                compare.holds(&age, ago)
            }
            Term::Moment(read, compare, Moment::At(time)) => compare.holds(&read(asset), time),
            Term::Truth(read, wanted) => any(asset, &|asset| read(asset, about)) == *wanted,
            Term::Networks(networks) => {
                let ips = asset.ips();
                ips.iter()
                    .any(|ip| networks.iter().any(|network| within(*ip, *network)))
            }
            Term::Macs(beginnings) => {
                let macs = asset.addresses.iter().flat_map(|addresses| &addresses.mac);
                let mut macs = macs;
                macs.any(|mac| {
                    beginnings
                        .iter()
                        .any(|beginning| mac.starts_with(beginning.as_str()))
                })
            }
        }
    }
}

/// Whether it holds for the asset, or for a device behind it.
fn any(asset: &Asset, holds: &dyn Fn(&Asset) -> bool) -> bool {
    holds(asset) || asset.children.iter().any(|child| any(child, holds))
}

/// Whether it is in one of the texts of an asset, or of a device behind it.
fn anywhere(asset: &Asset, about: &About<'_>, matcher: &Matcher) -> bool {
    // One search in all the texts, a line each, costs less than one in each. What it finds may lie across two of them.
    if let Matcher::Regex(_, Some(lines)) = matcher {
        let mut all = String::with_capacity(TEXTS);
        texts(asset, about, &mut |text| {
            all.push_str(text);
            all.push('\n');
            false
        });
        if !lines.is_match(&all) {
            return false;
        }
    }
    texts(asset, about, &mut |text| matcher.is_match(text))
}

/// Hands over every text of an asset that people look for, and of the devices behind it, until one is wanted.
fn texts(asset: &Asset, about: &About<'_>, is: &mut dyn FnMut(&str) -> bool) -> bool {
    let options = [
        &asset.vendor,
        &asset.model,
        &asset.product,
        &asset.order_number,
        &asset.hardware,
        &asset.firmware,
        &asset.serial,
        &asset.os,
        &asset.os_version,
        &asset.domain,
        &asset.location,
        &asset.description,
    ];
    asset.hostnames.iter().any(|name| is(name))
        || options.into_iter().flatten().any(|text| is(text))
        || asset.kind.is_some_and(|kind| is(kind.name()))
        || asset.protocols.iter().any(|name| is(name))
        || about.zone.is_some_and(&mut *is)
        || about.note.is_some_and(&mut *is)
        || is(&asset.id)
        || asset.addresses.iter().any(|addresses| {
            addresses.mac.iter().any(|mac| is(mac))
                || addresses.ipv4.iter().any(|ip| is(&ip.to_string()))
                || addresses.ipv6.iter().any(|ip| is(&ip.to_string()))
        })
        || asset.children.iter().any(|child| texts(child, about, is))
}

fn within(ip: IpAddr, (network, prefix): (IpAddr, u8)) -> bool {
    let same = match (network, ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        _ => return false,
    };
    same >= u32::from(prefix)
}

fn wrong(position: usize, what: &str) -> FilterError {
    FilterError {
        position,
        what: what.to_owned(),
    }
}

struct Parser {
    text: Vec<char>,
    at: usize,
    depth: usize,
}

/// A value as it was written.
struct Value {
    at: usize,
    text: String,
    shape: Shape,
}

#[derive(PartialEq, Eq)]
enum Shape {
    Bare,
    Quoted,
    Regex,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.step();
        }
    }

    /// The word `or`, alone.
    fn is_or(&self) -> bool {
        let next = |n: usize| self.text.get(self.at.saturating_add(n)).copied();
        let word = next(0).is_some_and(|c| c.eq_ignore_ascii_case(&'o'))
            && next(1).is_some_and(|c| c.eq_ignore_ascii_case(&'r'));
        word && next(2).is_none_or(|c| c.is_whitespace() || c == '(')
    }

    fn either(&mut self) -> Result<Term, FilterError> {
        let mut terms = vec![self.all()?];
        loop {
            self.blanks();
            if !self.is_or() {
                break;
            }
            let at = self.at;
            self.at = self.at.saturating_add(2);
            self.blanks();
            if self.peek().is_none_or(|c| c == ')') {
                return Err(wrong(at, "`or` needs a term on either side"));
            }
            terms.push(self.all()?);
        }
        Ok(match terms.len() {
            1 => terms.remove(0),
            _ => Term::Any(terms),
        })
    }

    fn all(&mut self) -> Result<Term, FilterError> {
        let mut terms = Vec::new();
        loop {
            self.blanks();
            if self.is_or() {
                if terms.is_empty() {
                    return Err(wrong(self.at, "`or` needs a term on either side"));
                }
                break;
            }
            match self.peek() {
                None | Some(')') => break,
                Some(_) => terms.push(self.term()?),
            }
        }
        Ok(Term::All(terms))
    }

    fn term(&mut self) -> Result<Term, FilterError> {
        let at = self.at;
        match self.peek() {
            Some('-') => {
                self.step();
                if self.peek().is_none_or(char::is_whitespace) {
                    return Err(wrong(at, "`-` needs a term right behind it"));
                }
                self.nest(at)?;
                let term = self.term()?;
                self.depth = self.depth.saturating_sub(1);
                Ok(Term::Not(Box::new(term)))
            }
            Some('(') => {
                self.step();
                self.nest(at)?;
                let term = self.either()?;
                self.depth = self.depth.saturating_sub(1);
                if self.peek() != Some(')') {
                    return Err(wrong(at, "this `(` is not closed"));
                }
                self.step();
                Ok(term)
            }
            _ => self.comparison(),
        }
    }

    fn nest(&mut self, at: usize) -> Result<(), FilterError> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > DEPTH {
            return Err(wrong(at, "too many terms within terms"));
        }
        Ok(())
    }

    fn comparison(&mut self) -> Result<Term, FilterError> {
        let at = self.at;
        let mut name = String::new();
        while let Some(c) = self
            .peek()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        {
            name.push(c);
            self.step();
        }
        let sign = self.sign().filter(|_| !name.is_empty());
        let Some(compare) = sign else {
            self.at = at;
            let value = self.value()?;
            // 00:1b:1b looks like a field, and `fe80::1` does.
            return Ok(Term::Anywhere(matcher(&value, false)?));
        };
        let lower = name.to_ascii_lowercase();
        let Some(field) = FIELDS.iter().find(|field| field.name == lower) else {
            let hexadecimal = name.chars().all(|c| c.is_ascii_hexdigit());
            if hexadecimal && matches!(compare, Sign::Colon) {
                self.at = at;
                let value = self.value()?;
                return Ok(Term::Anywhere(matcher(&value, false)?));
            }
            let near = nearest(&lower);
            let what = format!(
                "there is no field `{name}`: did you mean `{near}`? (`fossick assets --fields` lists them)"
            );
            return Err(wrong(at, &what));
        };
        let mut values = vec![self.value()?];
        while self.peek() == Some(',') {
            self.step();
            values.push(self.value()?);
        }
        build(field, at, compare, &values)
    }

    fn sign(&mut self) -> Option<Sign> {
        let next = self.text.get(self.at.saturating_add(1)).copied();
        let (sign, length) = match (self.peek()?, next) {
            (':', _) => (Sign::Colon, 1),
            ('=', _) => (Sign::Equals, 1),
            ('<', Some('=')) => (Sign::Order(Compare::AtMost), 2),
            ('>', Some('=')) => (Sign::Order(Compare::AtLeast), 2),
            ('<', _) => (Sign::Order(Compare::Less), 1),
            ('>', _) => (Sign::Order(Compare::More), 1),
            _ => return None,
        };
        self.at = self.at.saturating_add(length);
        Some(sign)
    }

    fn value(&mut self) -> Result<Value, FilterError> {
        let at = self.at;
        let shape = match self.peek() {
            Some('"') => Shape::Quoted,
            Some('/') => Shape::Regex,
            Some(_) => Shape::Bare,
            None => return Err(wrong(at, "a value is missing here")),
        };
        let mut text = String::new();
        if shape == Shape::Bare {
            while let Some(c) = self
                .peek()
                .filter(|c| !c.is_whitespace() && !matches!(c, ',' | '(' | ')' | '"'))
            {
                text.push(c);
                self.step();
            }
            if text.is_empty() {
                return Err(wrong(at, "a value is missing here"));
            }
            return Ok(Value { at, text, shape });
        }
        let end = if shape == Shape::Quoted { '"' } else { '/' };
        self.step();
        loop {
            match self.peek() {
                None if shape == Shape::Quoted => {
                    return Err(wrong(at, "this `\"` is not closed"));
                }
                None => return Err(wrong(at, "this `/` is not closed: a path goes in quotes")),
                Some(c) if c == end => {
                    self.step();
                    return Ok(Value { at, text, shape });
                }
                Some('\\') => {
                    self.step();
                    match self.peek() {
                        Some(c) if c == end => text.push(c),
                        Some(c) => text.extend(['\\', c]),
                        None => continue,
                    }
                    self.step();
                }
                Some(c) => {
                    text.push(c);
                    self.step();
                }
            }
        }
    }
}

fn matcher(value: &Value, exactly: bool) -> Result<Matcher, FilterError> {
    match value.shape {
        Shape::Regex => {
            let build = |lines: bool| {
                RegexBuilder::new(&value.text)
                    .case_insensitive(true)
                    .multi_line(lines)
                    .size_limit(REGEX)
                    .build()
            };
            let regex = build(false).map_err(|error| {
                let text = error.to_string();
                let last = text
                    .lines()
                    .last()
                    .unwrap_or("")
                    .trim_start_matches("error: ");
                wrong(value.at, &format!("not a regular expression: {last}"))
            })?;
            // The beginning and the end of everything are not those of a line.
            let of_all = ["\\A", "\\z"].iter().any(|mark| value.text.contains(mark));
            let lines = (!of_all).then(|| build(true).ok()).flatten();
            Ok(Matcher::Regex(regex, lines))
        }
        Shape::Bare if value.text == "*" => Ok(Matcher::Exists),
        Shape::Bare | Shape::Quoted if exactly => Ok(Matcher::Is(value.text.to_lowercase())),
        Shape::Bare | Shape::Quoted => Ok(Matcher::Contains(value.text.to_lowercase())),
    }
}

fn build(field: &Field, at: usize, sign: Sign, values: &[Value]) -> Result<Term, FilterError> {
    let orders = matches!(sign, Sign::Order(_));
    let compare = match sign {
        Sign::Order(compare) => compare,
        Sign::Colon | Sign::Equals => Compare::Is,
    };
    let example = |what: &str| format!("{what}: write it like `{}`", field.example);
    if orders && !matches!(field.kind, Kind::Number(_) | Kind::Age(_)) {
        return Err(wrong(
            at,
            &example(&format!("`{}` has no more and less", field.name)),
        ));
    }
    match field.kind {
        Kind::Text(read) | Kind::Word(read) => {
            let exactly = matches!(field.kind, Kind::Word(_)) || sign == Sign::Equals;
            let matchers = values.iter().map(|value| matcher(value, exactly));
            Ok(Term::Texts(read, matchers.collect::<Result<_, _>>()?))
        }
        Kind::Number(read) => {
            let numbers = values.iter().map(|value| {
                let number = value.text.parse::<u64>();
                number.map_err(|_| wrong(value.at, &example("a number is needed here")))
            });
            Ok(Term::Numbers(
                read,
                compare,
                numbers.collect::<Result<_, _>>()?,
            ))
        }
        Kind::Age(read) => {
            let [value] = values else {
                return Err(wrong(at, &example("one time is needed here")));
            };
            let moment = moment(&value.text).ok_or_else(|| {
                wrong(
                    value.at,
                    &example("an age (30m, 24h, 7d, 4w) or a date (2026-01-31) is needed here"),
                )
            })?;
            let compare = if orders { compare } else { Compare::AtMost };
            Ok(Term::Moment(read, compare, moment))
        }
        Kind::Truth(read) => match values {
            [value] => match value.text.to_ascii_lowercase().as_str() {
                "yes" | "true" => Ok(Term::Truth(read, true)),
                "no" | "false" => Ok(Term::Truth(read, false)),
                _ => Err(wrong(value.at, &example("`yes` or `no` is needed here"))),
            },
            _ => Err(wrong(at, &example("`yes` or `no` is needed here"))),
        },
        Kind::Ip => {
            let networks = values.iter().map(|value| {
                network(&value.text).ok_or_else(|| {
                    wrong(value.at, &example("an address or a network is needed here"))
                })
            });
            Ok(Term::Networks(networks.collect::<Result<_, _>>()?))
        }
        Kind::Mac => Ok(Term::Macs(
            values
                .iter()
                .map(|value| value.text.to_lowercase().replace('-', ":"))
                .collect(),
        )),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Colon,
    Equals,
    Order(Compare),
}

fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (
            address.parse::<IpAddr>().ok()?,
            Some(prefix.parse::<u8>().ok()?),
        ),
        None => (text.parse::<IpAddr>().ok()?, None),
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(most);
    (prefix <= most).then_some((address, prefix))
}

fn moment(text: &str) -> Option<Moment> {
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        let time = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        return Some(Moment::At(Time(i64::try_from(time.as_nanosecond()).ok()?)));
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(Moment::At(Time(i64::try_from(time.as_nanosecond()).ok()?)));
    }
    let unit = text.chars().last()?;
    let count: i64 = text
        .get(..text.len().checked_sub(unit.len_utf8())?)?
        .parse()
        .ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        'y' => 31_557_600,
        _ => return None,
    };
    let ago = count.checked_mul(seconds)?.checked_mul(1_000_000_000)?;
    (count >= 0).then_some(Moment::Ago(ago))
}

/// The field whose name is most like this.
fn nearest(name: &str) -> &'static str {
    let best = FIELDS.iter().min_by_key(|field| distance(name, field.name));
    best.map_or("name", |field| field.name)
}

/// How many letters must be changed, added or taken away (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut next = vec![i.saturating_add(1)];
        for (b, pair) in other.iter().zip(row.windows(2)) {
            let [diagonal, above] = pair else { break };
            let left = next.last().copied().unwrap_or_default();
            let change = diagonal.saturating_add(usize::from(a != *b));
            next.push(
                change
                    .min(above.saturating_add(1))
                    .min(left.saturating_add(1)),
            );
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
