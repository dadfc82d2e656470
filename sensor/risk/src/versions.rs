//! Versions as vendors write them, and the ranges that advisories state.
//!
//! What cannot be read is an answer of its own and never guessed. A version that is itself a pattern (`V3.X`, `*`) is
//! none: it is not compared with anything.

mod phrases;

use std::cmp::Ordering;

use crate::limits;

/// One part of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Number(u64),
    /// A letter or a word between numbers, in lower case.
    Word(String),
    /// `X` or `*` in a bound: whatever stands there.
    Any,
}

/// What comes after the numbers, in the order in which vendors stack it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Pre,
    Release,
    ServicePack,
    Update,
    Hotfix,
    Patch,
    Build,
}

impl Stage {
    const ALL: [Stage; 7] = [
        Stage::Pre,
        Stage::Release,
        Stage::ServicePack,
        Stage::Update,
        Stage::Hotfix,
        Stage::Patch,
        Stage::Build,
    ];

    fn named(word: &str) -> Option<Stage> {
        Some(match word {
            "alpha" | "beta" | "rc" | "pre" | "preview" => Stage::Pre,
            "r" | "rel" | "release" => Stage::Release,
            "sp" | "servicepack" | "mp" => Stage::ServicePack,
            "u" | "upd" | "update" | "cu" | "updt" | "ru" | "uc" | "qu" => Stage::Update,
            "hf" | "hotfix" | "hotfixrev" | "sr" => Stage::Hotfix,
            "p" | "pl" | "patch" | "fixpack" | "fp" => Stage::Patch,
            "build" | "bld" => Stage::Build,
            _ => return None,
        })
    }
}

/// A version that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    parts: Vec<Part>,
    stages: Vec<(Stage, u64)>,
    dated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Number(u64),
    Word(String),
    Star,
    /// Anything between; whether it holds a blank.
    Gap(bool),
}

fn pieces(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let end = |same: fn(char) -> bool| rest.find(|c| !same(c)).unwrap_or(rest.len());
        let (piece, length) = if c.is_ascii_digit() {
            let end = end(|c| c.is_ascii_digit());
            (Piece::Number(rest.get(..end)?.parse().ok()?), end)
        } else if c.is_ascii_alphabetic() {
            let end = end(|c| c.is_ascii_alphabetic());
            (Piece::Word(rest.get(..end)?.to_ascii_lowercase()), end)
        } else if c == '*' {
            (Piece::Star, 1)
        } else if " .-_()[]/:+,#~".contains(c) {
            let end = end(|c| " .-_()[]/:+,#~".contains(c));
            (Piece::Gap(rest.get(..end)?.contains(' ')), end)
        } else {
            return None;
        };
        pieces.push(piece);
        rest = rest.get(length..)?;
    }
    Some(pieces)
}

/// Words that say "a version follows" and nothing else.
const MARKS: [&str; 15] = [
    "v", "sv", "ver", "vers", "version", "versions", "rev", "revision", "fw", "firmware",
    "software", "release", "sw", "no", "vr",
];

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

fn month(word: &str) -> Option<u64> {
    let at = MONTHS.iter().position(|month| word.starts_with(month))?;
    let whole = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let known = word.len() == 3 || whole.get(at) == Some(&word) || word == "sept";
    known.then(|| at.saturating_add(1) as u64)
}

/// `April/17/2023`, `31 January 2014`: year, month, day.
fn date(pieces: &[Piece]) -> Option<Version> {
    let words: Vec<&String> = pieces
        .iter()
        .filter_map(|piece| {
            if let Piece::Word(word) = piece {
                Some(word)
            } else {
                None
            }
        })
        .collect();
    let [word] = words.as_slice() else {
        return None;
    };
    let month = month(word)?;
    let numbers: Vec<u64> = pieces
        .iter()
        .filter_map(|piece| {
            if let Piece::Number(n) = piece {
                Some(*n)
            } else {
                None
            }
        })
        .collect();
    let (year, day) = match numbers.as_slice() {
        [year] if *year > 31 => (*year, None),
        [day, year] | [year, day] if *day <= 31 && *year > 31 => (*year, Some(*day)),
        _ => return None,
    };
    let mut parts = vec![Part::Number(year), Part::Number(month)];
    parts.extend(day.map(Part::Number));
    Some(Version {
        parts,
        stages: Vec::new(),
        dated: true,
    })
}

impl Version {
    /// Reads a version as a device states it. `None`: it is unknown, a pattern, or not readable.
    #[must_use]
    pub fn seen(text: &str) -> Option<Version> {
        let version = Version::stated(text)?;
        let wild = version.parts.contains(&Part::Any);
        (!wild).then_some(version)
    }

    /// Reads a version as an advisory states it: it may hold an `X`.
    fn stated(text: &str) -> Option<Version> {
        let text = text.trim();
        if text.is_empty() || text.len() > limits::TEXT {
            return None;
        }
        let pieces = pieces(text)?;
        if let Some(dated) = date(&pieces) {
            return Some(dated);
        }
        let mut pieces = pieces.as_slice();
        // A mark, or the `R` of `R12.00.02`, before the first number.
        loop {
            match pieces {
                [Piece::Gap(_), rest @ ..] => pieces = rest,
                [Piece::Word(word), rest @ ..]
                    if MARKS.contains(&word.as_str()) && !rest.is_empty() =>
                {
                    pieces = rest;
                }
                [Piece::Word(word), Piece::Number(_), ..] if word == "r" => {
                    pieces = pieces.get(1..)?;
                }
                _ => break,
            }
        }
        let letters = match pieces {
            [Piece::Word(word)] | [Piece::Word(word), Piece::Gap(_)]
                if word.len() <= 2 && word != "na" =>
            {
                Some(word)
            }
            _ => None,
        };
        if let Some(word) = letters {
            let parts = vec![Part::Word(word.clone())];
            return Some(Version {
                parts,
                stages: Vec::new(),
                dated: false,
            });
        }
        Version::of(pieces)
    }

    fn of(mut pieces: &[Piece]) -> Option<Version> {
        let mut version = Version {
            parts: Vec::new(),
            stages: Vec::new(),
            dated: false,
        };
        let mut numbers = 0_u32;
        let mut apart = false;
        loop {
            match pieces {
                [] => break,
                [Piece::Gap(blank), rest @ ..] => {
                    apart = *blank;
                    pieces = rest;
                    continue;
                }
                [
                    Piece::Word(one),
                    Piece::Gap(_),
                    Piece::Word(two),
                    Piece::Gap(_),
                    Piece::Number(n),
                    rest @ ..,
                ] if one == "service" && two == "pack" => {
                    version.stages.push((Stage::ServicePack, *n));
                    pieces = rest;
                }
                [
                    Piece::Word(word),
                    Piece::Gap(_),
                    Piece::Number(n),
                    rest @ ..,
                ]
                | [Piece::Word(word), Piece::Number(n), rest @ ..]
                    if numbers > 0
                        && Stage::named(word).is_some()
                        && !single(word, &version, apart) =>
                {
                    version.stages.push((Stage::named(word)?, *n));
                    pieces = rest;
                }
                [Piece::Word(word), rest @ ..]
                    if numbers > 0 && matches!(word.as_str(), "sp" | "rc" | "beta" | "alpha") =>
                {
                    version.stages.push((Stage::named(word)?, 1));
                    pieces = rest;
                }
                [Piece::Number(n), rest @ ..] => {
                    // A number after what closes a version belongs to something else.
                    if let Some((last, _)) = version.stages.last().copied() {
                        version.stages.push((last, *n));
                    } else {
                        version.parts.push(Part::Number(*n));
                        numbers = numbers.saturating_add(1);
                    }
                    pieces = rest;
                }
                [Piece::Star, rest @ ..] => {
                    if version.parts.last() != Some(&Part::Any) {
                        version.parts.push(Part::Any);
                    }
                    pieces = rest;
                }
                [Piece::Word(word), rest @ ..] if word == "x" || word == "xx" => {
                    // Both `3.X` and `2.3x`: what stands there may be anything.
                    version.parts.push(Part::Any);
                    pieces = rest;
                }
                [Piece::Word(word), rest @ ..]
                    if word.len() <= 3 && !apart && version.stages.is_empty() =>
                {
                    version.parts.push(Part::Word(word.clone()));
                    pieces = rest;
                }
                [Piece::Word(word), rest @ ..]
                    if word.len() == 1 && numbers > 0 && version.stages.is_empty() =>
                {
                    version.parts.push(Part::Word(word.clone()));
                    pieces = rest;
                }
                _ => return None,
            }
            apart = false;
        }
        let any = version.parts.contains(&Part::Any);
        (numbers > 0 || any && version.parts.len() == 1).then_some(version)
    }

    /// How two versions stand to one another; `None` when that cannot be said.
    #[must_use]
    pub fn compare(&self, other: &Version) -> Option<Ordering> {
        if self.dated != other.dated {
            let date = |version: &Version| {
                version.dated
                    || matches!(version.parts.as_slice(), [Part::Number(year), Part::Number(month), Part::Number(day)]
                    if (1990..2100).contains(year) && (1..=12).contains(month) && (1..=31).contains(day))
            };
            if !(date(self) && date(other)) {
                return None;
            }
        }
        let most = self.parts.len().max(other.parts.len());
        for at in 0..most {
            let order = match (self.parts.get(at), other.parts.get(at)) {
                (Some(Part::Any), _) | (_, Some(Part::Any)) => {
                    let last = |version: &Version| {
                        version.parts.get(at) == Some(&Part::Any)
                            && at.saturating_add(1) == version.parts.len()
                    };
                    if last(self) || last(other) {
                        return Some(Ordering::Equal);
                    }
                    Ordering::Equal
                }
                (Some(Part::Number(one)), Some(Part::Number(two))) => one.cmp(two),
                (Some(Part::Word(one)), Some(Part::Word(two))) if one == two => Ordering::Equal,
                (Some(Part::Word(one)), Some(Part::Word(two)))
                    if one.len() == two.len() && one.len() <= 2 =>
                {
                    one.cmp(two)
                }
                (None, Some(part)) => reversed(beyond(part)?),
                (Some(part), None) => beyond(part)?,
                _ => return None,
            };
            if order != Ordering::Equal {
                return Some(order);
            }
        }
        self.compare_stages(other)
    }

    fn compare_stages(&self, other: &Version) -> Option<Ordering> {
        let at = |version: &Version, stage: Stage| -> Vec<u64> {
            version
                .stages
                .iter()
                .filter(|(own, _)| *own == stage)
                .map(|(_, n)| *n)
                .collect()
        };
        for stage in Stage::ALL {
            let (one, two) = (at(self, stage), at(other, stage));
            let order = match (stage, one.is_empty(), two.is_empty()) {
                (Stage::Pre, false, true) => Ordering::Less,
                (Stage::Pre, true, false) => Ordering::Greater,
                // A build that one of them does not state may be any.
                (Stage::Build, true, false) | (Stage::Build, false, true) => return None,
                _ => one.cmp(&two),
            };
            if order != Ordering::Equal {
                return Some(order);
            }
        }
        Some(Ordering::Equal)
    }
}

/// `1.2r3` and `12p` have letters of their own; a stage of one letter stands apart, or after a whole release.
fn single(word: &str, version: &Version, apart: bool) -> bool {
    word.len() == 1 && !apart && version.parts.len() > 2
}

fn reversed(order: Ordering) -> Ordering {
    order.reverse()
}

/// How a version that goes on with this part stands to one that has ended.
fn beyond(part: &Part) -> Option<Ordering> {
    match part {
        Part::Number(0) | Part::Any => Some(Ordering::Equal),
        Part::Number(_) => Some(Ordering::Greater),
        Part::Word(word) if word.len() == 1 => Some(Ordering::Greater),
        Part::Word(_) => None,
    }
}

/// How a bound binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `=`
    Is,
    /// `>=`
    AtLeast,
    /// `>`
    Above,
    /// `!=`
    Not,
}

/// One side of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// How it binds.
    pub sign: Sign,
    /// Where.
    pub version: Version,
    /// How it is written.
    pub text: String,
}

/// Bounds that hold together.
pub type Interval = Vec<Bound>;

/// What a range is about, if not about the version of the product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Other {
    /// The serial number.
    Serial,
    /// The version of a part of it: `BIOS`, `U-Boot`.
    Part(String, Vec<Interval>),
    /// A model or an order number that stands where a version should.
    Model(String),
    /// A condition that is not a version: `with Ethernet interface`.
    Condition(String),
    /// Versions, and a condition besides: `< V10.4.1 only if web components are used`.
    Conditional(String, Vec<Interval>),
}

/// A range that an advisory states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Range {
    /// Every version.
    All,
    /// No version.
    Never,
    /// Any of these intervals.
    Within(Vec<Interval>),
    /// It was read, and is about something else.
    Other(Other),
    /// It cannot be read.
    Unreadable,
}

/// Whether a version is in a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// That cannot be said, and why.
    Unknown(&'static str),
}

impl Range {
    /// Reads a range as an advisory states it.
    #[must_use]
    pub fn read(text: &str) -> Range {
        phrases::range(text)
    }

    /// A range of bounds that are given one by one, as NVD has them.
    #[must_use]
    pub fn bounds(bounds: &[(Sign, &str)]) -> Range {
        let mut interval = Vec::new();
        for (sign, text) in bounds {
            let Some(version) = Version::stated(text) else {
                return Range::Unreadable;
            };
            interval.push(Bound {
                sign: *sign,
                version,
                text: (*text).to_owned(),
            });
        }
        if interval.is_empty() {
            Range::All
        } else {
            Range::Within(vec![interval])
        }
    }

    /// Whether a version that was seen is in it.
    #[must_use]
    pub fn holds(&self, seen: Option<&str>) -> Answer {
        match self {
            Range::All => Answer::Yes,
            Range::Never => Answer::No,
            Range::Unreadable => Answer::Unknown("the advisory's range cannot be read"),
            Range::Other(Other::Conditional(_, intervals)) => match versioned(intervals, seen) {
                Answer::Yes => Answer::Unknown(CONDITION),
                other => other,
            },
            Range::Other(other) => Answer::Unknown(match other {
                Other::Serial => "the advisory goes by serial number",
                Other::Part(..) => "the advisory states the version of another part",
                Other::Model(_) => "the advisory names a model where a version should stand",
                Other::Condition(_) | Other::Conditional(..) => CONDITION,
            }),
            Range::Within(intervals) => versioned(intervals, seen),
        }
    }

    /// Whether it speaks of versions that begin with this number; `None` where it names no version at all.
    #[must_use]
    pub(crate) fn begins_with(&self, major: u64) -> Option<bool> {
        let (Range::Within(intervals) | Range::Other(Other::Conditional(_, intervals))) = self
        else {
            return None;
        };
        let mut bounds = intervals.iter().flatten();
        Some(bounds.any(|bound| bound.version.parts.first() == Some(&Part::Number(major))))
    }

    /// Whether it ends above a version that stands for all that begin so: then that one is where a line of versions begins, and
    /// not all there is of it.
    #[must_use]
    pub(crate) fn ends_above(&self, line: &str) -> bool {
        let (Range::Within(intervals) | Range::Other(Other::Conditional(_, intervals))) = self
        else {
            return false;
        };
        let Some(line) = Version::stated(line) else {
            return false;
        };
        let ends = |bound: &&Bound| matches!(bound.sign, Sign::Below | Sign::AtMost | Sign::Is);
        let mut ends = intervals.iter().flatten().filter(ends);
        ends.any(|bound| bound.version.compare(&line) == Some(Ordering::Greater))
    }

    /// The first version that is no longer in it, if it says so and it is above the one seen.
    #[must_use]
    pub fn fixed_above(&self, seen: Option<&str>) -> Option<&str> {
        let Range::Within(intervals) = self else {
            return None;
        };
        let version = Version::seen(seen?)?;
        let holding = intervals
            .iter()
            .find(|interval| inside(interval, &version) == Some(true))?;
        let bound = holding.iter().find(|bound| bound.sign == Sign::Below)?;
        Some(bound.text.as_str())
    }
}

const CONDITION: &str = "the advisory states a condition that traffic does not show";

fn versioned(intervals: &[Interval], seen: Option<&str>) -> Answer {
    let Some(text) = seen.filter(|text| !text.trim().is_empty()) else {
        return Answer::Unknown("no version was seen");
    };
    match Version::seen(text) {
        Some(version) => within(intervals, &version),
        None => Answer::Unknown("the version seen cannot be read"),
    }
}

fn inside(interval: &Interval, version: &Version) -> Option<bool> {
    let mut unsure = false;
    for bound in interval {
        let order = version.compare(&bound.version);
        let holds = order.map(|order| match bound.sign {
            Sign::Below => order == Ordering::Less,
            Sign::AtMost => order != Ordering::Greater,
            Sign::Is => order == Ordering::Equal,
            Sign::AtLeast => order != Ordering::Less,
            Sign::Above => order == Ordering::Greater,
            Sign::Not => order != Ordering::Equal,
        });
        match holds {
            Some(false) => return Some(false),
            None => unsure = true,
            Some(true) => {}
        }
    }
    (!unsure).then_some(true)
}

fn within(intervals: &[Interval], version: &Version) -> Answer {
    let mut unsure = false;
    for interval in intervals {
        match inside(interval, version) {
            Some(true) => return Answer::Yes,
            Some(false) => {}
            None => unsure = true,
        }
    }
    if unsure {
        Answer::Unknown("the two versions cannot be compared")
    } else {
        Answer::No
    }
}

/// Whether one version that is written so is above another that is written so.
#[must_use]
pub fn above(one: &str, other: &str) -> Option<bool> {
    let one = Version::stated(one)?;
    Some(one.compare(&Version::seen(other)?)? == Ordering::Greater)
}

/// Whether two versions are the same, `V3.X.17` and `3.X.17`.
#[must_use]
pub(crate) fn same(one: &str, other: &str) -> bool {
    Version::stated(one).is_some_and(|one| Version::stated(other) == Some(one))
}

/// A version and the rest of the words, where a text names one: `SINAMICS S150 V5.1 SP1 Control Unit`.
#[must_use]
pub fn in_name(text: &str) -> Option<(String, std::ops::Range<usize>)> {
    phrases::in_name(text)
}

/// A name and the dotted version that closes it: `DCMTK 3.6.2`.
#[must_use]
pub fn closing(text: &str) -> Option<(&str, &str)> {
    let (name, version) = text.trim_end().rsplit_once(' ')?;
    let digits = version.trim_start_matches(['v', 'V']);
    let dotted = digits.contains('.') && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    let whole = digits.split('.').all(|part| !part.is_empty());
    (dotted && whole && !name.trim().is_empty()).then_some((name.trim_end(), version))
}

/// Versions that a remediation tells to go to, in order: `Update to V2.8 or later`.
#[must_use]
pub fn told(text: &str) -> Vec<String> {
    phrases::told(text)
}
