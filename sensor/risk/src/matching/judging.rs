//! What the entries of an advisory say of a product that they name: affected or not, and what mends it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use fossick_model::Verdict;
use regex::Regex;

use super::{Match, Query, Standing};
use crate::advisory::{Advisory, Remediation};
use crate::limits;
use crate::names::{Fit, Names, Pattern, words};
use crate::versions::{self, Answer, Range};

/// An advisory, ready to be compared: what does not depend on the device is worked out once.
pub struct Ready {
    /// The advisory.
    pub advisory: Advisory,
    pub(super) entries: Vec<(Pattern, Range)>,
    /// Of each entry a number that it has in common with those that are called the same, in any advisory.
    pub(super) kinds: Vec<u32>,
    /// For each vulnerability.
    exploited: Vec<Exploited>,
    /// For each vulnerability and each of its rows the place of its text.
    rows: Vec<Vec<usize>>,
    texts: Vec<Text>,
}

/// Numbers for names; none is given twice.
#[derive(Default)]
pub(super) struct Kinds {
    known: HashMap<String, u32>,
    next: u32,
}

impl Kinds {
    fn of(&mut self, called: String) -> u32 {
        if self.known.len() >= limits::KINDS {
            self.known.clear();
        }
        *self.known.entry(called).or_insert_with(|| {
            self.next = self.next.wrapping_add(1);
            self.next
        })
    }
}

/// What is known of the exploitation of a vulnerability.
pub(super) struct Exploited {
    /// The row of the catalogue of exploited vulnerabilities.
    pub kev: Option<String>,
    /// Its probability.
    pub epss: Option<f64>,
}

/// Confidence in a match of which it is not known whether it is that product.
pub const PERHAPS: u8 = 40;

/// What the text of a remediation speaks of.
struct Text {
    /// Entries whose telling words it holds.
    named: BTreeSet<usize>,
    /// Entries that it holds a word of which not every entry has: `Quantum`, where all are Modicons.
    perhaps: BTreeSet<usize>,
    /// Versions that it names as those to go to.
    told: Vec<String>,
    /// Whether it speaks of a fix at all.
    mends: bool,
    /// Whether it says that there is none.
    denies: bool,
}

impl Text {
    fn of(details: &str, telling: &Words, rarer: &Words) -> Text {
        let said = words(details);
        let of = |all: &Words| {
            let found = said.iter().filter_map(|word| all.get(word));
            found.flatten().copied().collect()
        };
        let promised = promised(details);
        Text {
            named: of(telling),
            perhaps: of(rarer),
            told: versions::told(&promised),
            mends: mends(&promised),
            denies: promised.len() < details.len(),
        }
    }
}

/// Words, and the entries that have them.
type Words = HashMap<String, Vec<usize>>;

fn words_of(entries: &[(Pattern, Range)], of: impl Fn(&Pattern) -> Vec<String>) -> Words {
    let mut all = Words::new();
    for (at, (pattern, _)) in entries.iter().enumerate() {
        for word in of(pattern) {
            let places = all.entry(word).or_default();
            if places.last() != Some(&at) {
                places.push(at);
            }
        }
    }
    all
}

impl Ready {
    pub(super) fn of(
        advisory: Advisory,
        exploited: Vec<Exploited>,
        names: &Names,
        known_kinds: &mut Kinds,
    ) -> Ready {
        let entries: Vec<(Pattern, Range)> = advisory
            .entries
            .iter()
            .map(|entry| (names.pattern(entry), entry.version.range()))
            .collect();
        let mut kinds = Vec::new();
        for (entry, (pattern, _)) in advisory.entries.iter().zip(&entries) {
            let called = format!(
                "{}\t{}\t{}\t{}",
                entry.vendor,
                entry.name,
                entry.orders.join(" "),
                pattern.version.is_some()
            );
            kinds.push(known_kinds.of(called));
        }
        let telling = words_of(&entries, Pattern::telling);
        let mut rarer = words_of(&entries, Pattern::words);
        rarer.retain(|_, places| places.len() < entries.len());
        let mut texts = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut rows = Vec::new();
        for vulnerability in &advisory.vulnerabilities {
            let mut own = Vec::new();
            for row in &vulnerability.remediations {
                own.push(*known.entry(&row.details).or_insert_with(|| {
                    texts.push(Text::of(&row.details, &telling, &rarer));
                    texts.len().saturating_sub(1)
                }));
            }
            rows.push(own);
        }
        Ready {
            advisory,
            entries,
            kinds,
            exploited,
            rows,
            texts,
        }
    }
}

fn highest(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    [one, other].into_iter().flatten().reduce(f64::max)
}

/// What an entry says of the version seen.
fn answer(ready: &Ready, at: u32, query: &Query, seen: &[String]) -> Answer {
    let place = usize::try_from(at).unwrap_or(usize::MAX);
    let (Some((pattern, range)), Some(entry)) =
        (ready.entries.get(place), ready.advisory.entries.get(place))
    else {
        return Answer::No;
    };
    let version = query.version.as_deref();
    let stated = range.holds(version);
    let named = pattern
        .version
        .as_ref()
        .map_or(Answer::Yes, |named| named.holds(version));
    let mut answer = match (named, stated) {
        (Answer::No, _) | (_, Answer::No) => Answer::No,
        (Answer::Yes, other) => other,
        (unknown @ Answer::Unknown(_), _) => unknown,
    };
    // What must be there besides was seen, or it cannot be said.
    let there = |names: &Vec<String>| {
        names.iter().any(|name| {
            let all = words(name);
            let telling: Vec<&String> = all
                .iter()
                .filter(|word| word.chars().any(|c| c.is_ascii_digit()))
                .collect();
            !telling.is_empty()
                && telling
                    .iter()
                    .all(|word| seen.contains(word) || seen.concat().contains(word.as_str()))
                || pattern.is_own(&all)
        })
    };
    if answer == Answer::Yes && !entry.also.iter().all(there) {
        answer = Answer::Unknown("it is affected only together with something that was not seen");
    }
    let told = |name: &String| name.to_lowercase().contains("serial");
    if answer == Answer::Yes && pattern.serials && !query.products.iter().any(told) {
        answer = Answer::Unknown("the advisory is about certain serial numbers of it");
    }
    answer
}

/// What the entries of an advisory that name a product say of it.
pub(super) fn judge(
    ready: &Arc<Ready>,
    fits: &[(u32, Fit)],
    query: &Query,
    seen: &[String],
) -> Match {
    let advisory = &ready.advisory;
    let mut found: Option<Match> = None;
    for (at, fit) in fits {
        let (confidence, by, sure) = match fit {
            Fit::Same { confidence, by, .. } => (*confidence, by.clone(), true),
            Fit::Perhaps(why) => (PERHAPS, why.clone(), false),
            Fit::No => continue,
        };
        let answered = answer(ready, *at, query, seen);
        let (standing, why) = match answered {
            Answer::No => (
                Standing::NotAffected,
                "the version seen is not in the range".to_owned(),
            ),
            Answer::Yes if sure => (
                Standing::Affected,
                format!("the version is in the range; {by}"),
            ),
            Answer::Yes => (Standing::Unknown, format!("product ambiguous: {by}")),
            Answer::Unknown(why) if sure => (Standing::Unknown, why.to_owned()),
            Answer::Unknown(why) => (Standing::Unknown, format!("product ambiguous: {by}; {why}")),
        };
        let judged = statuses(
            ready,
            *at,
            standing,
            why,
            confidence,
            query.version.as_deref(),
        );
        found = Some(match found {
            None => judged,
            Some(before) => better(before, judged),
        });
    }
    found.unwrap_or_else(|| {
        let why = format!("{} names no such product", advisory.id);
        bare(ready, 0, Standing::NotAffected, why, 0)
    })
}

/// A match of which nothing more is known.
fn bare(
    ready: &Arc<Ready>,
    entry: usize,
    standing: Standing,
    why: String,
    confidence: u8,
) -> Match {
    Match {
        ready: Arc::clone(ready),
        standing,
        why,
        confidence,
        entry,
        verdict: None,
        row: String::new(),
        cves: Vec::new(),
        cvss: None,
        epss: None,
        kev: None,
        rows: Vec::new(),
    }
}

fn better(one: Match, other: Match) -> Match {
    let both = one.standing == Standing::Affected && other.standing == Standing::Affected;
    let (mut best, rest) =
        if (other.standing, rank(other.verdict)) < (one.standing, rank(one.verdict)) {
            (other, one)
        } else {
            (one, other)
        };
    if both {
        for cve in rest.cves {
            if !best.cves.contains(&cve) {
                best.cves.push(cve);
            }
        }
        best.cvss = highest(best.cvss, rest.cvss);
        best.epss = highest(best.epss, rest.epss);
        best.kev = best.kev.or(rest.kev);
    }
    best
}

/// Of two verdicts the graver comes first: a fix for one flaw does not close another.
fn rank(verdict: Option<Verdict>) -> u8 {
    match verdict {
        Some(Verdict::DeclaredNoFix) => 0,
        Some(Verdict::NoFixYet) => 1,
        Some(Verdict::FixNotStated) => 2,
        Some(Verdict::Unknown) => 3,
        Some(Verdict::FixAvailable) => 4,
        _ => 5,
    }
}

/// What the vulnerabilities of an advisory say of an entry whose version was judged.
fn statuses(
    ready: &Arc<Ready>,
    at: u32,
    standing: Standing,
    why: String,
    confidence: u8,
    version: Option<&str>,
) -> Match {
    let advisory = &ready.advisory;
    let place = usize::try_from(at).unwrap_or_default();
    let mut judged = bare(ready, place, standing, why, confidence);
    let named = |list: &[u32]| list.binary_search(&at).is_ok();
    let concerned: Vec<_> = advisory
        .vulnerabilities
        .iter()
        .enumerate()
        .filter(|(_, vulnerability)| named(&vulnerability.affected))
        .collect();
    let investigated = advisory
        .vulnerabilities
        .iter()
        .any(|vulnerability| named(&vulnerability.investigated));
    if concerned.is_empty() && standing != Standing::NotAffected {
        let stated = advisory
            .vulnerabilities
            .iter()
            .any(|vulnerability| named(&vulnerability.not_affected));
        (judged.standing, judged.why) = match (investigated, stated, standing) {
            (true, _, _) => (
                Standing::Unknown,
                "the publisher is still looking into it".to_owned(),
            ),
            (false, true, Standing::Affected) => (
                Standing::NotAffected,
                "the advisory states that this version is not affected, or fixed".to_owned(),
            ),
            (false, true, _) => (Standing::Unknown, judged.why),
            (false, false, _) => (
                Standing::Unknown,
                "the advisory names it without a status".to_owned(),
            ),
        };
        if judged.standing == Standing::NotAffected {
            return judged;
        }
    }
    if standing == Standing::NotAffected {
        return judged;
    }
    let range = ready.entries.get(place).map(|(_, range)| range);
    let mut told: Vec<(&String, usize)> = Vec::new();
    let mut worst: Option<(Verdict, String)> = None;
    for (of, vulnerability) in concerned {
        if !vulnerability.cve.is_empty() && !judged.cves.contains(&vulnerability.cve) {
            judged.cves.push(vulnerability.cve.clone());
        }
        judged.cvss = highest(judged.cvss, vulnerability.cvss);
        if let Some(exploited) = ready.exploited.get(of) {
            judged.epss = highest(judged.epss, exploited.epss);
            judged.kev = judged.kev.or_else(|| exploited.kev.clone());
        }
        let texts = ready.rows.get(of).map_or(&[][..], Vec::as_slice);
        let rows: Vec<Said<'_>> = vulnerability
            .remediations
            .iter()
            .zip(texts)
            .enumerate()
            .filter(|(_, (row, _))| row.is_for(at))
            .filter_map(|(which, (row, text))| {
                let said = ready.texts.get(*text)?;
                if !told.contains(&(&row.category, *text)) {
                    told.push((&row.category, *text));
                    judged.rows.push((of, which));
                }
                Some(Said {
                    row,
                    text: said,
                    other: !said.named.is_empty()
                        && !said.named.contains(&place)
                        && !said.perhaps.contains(&place),
                })
            })
            .collect();
        let verdict = mending(&rows, range, version, &advisory.feed);
        if worst
            .as_ref()
            .is_none_or(|(before, _)| rank(Some(verdict.0)) < rank(Some(*before)))
        {
            worst = Some(verdict);
        }
    }
    if let Some((verdict, row)) = worst {
        (judged.verdict, judged.row) = (Some(verdict), row);
    }
    if judged.standing == Standing::Unknown {
        // Whether there is a flaw is not known: what would mend it does not decide.
        judged.verdict = Some(Verdict::Unknown);
    }
    judged
}

/// A remediation row for the entry in question.
struct Said<'a> {
    row: &'a Remediation,
    text: &'a Text,
    /// Whether it is about another product of the advisory: some publishers give every row to every product.
    other: bool,
}

/// What the rows for one flaw say of mending it in the version seen.
fn mending(
    rows: &[Said<'_>],
    range: Option<&Range>,
    version: Option<&str>,
    feed: &str,
) -> (Verdict, String) {
    let fixed = range.and_then(|range| range.fixed_above(version));
    let fixes = || rows.iter().filter(|said| said.row.category == "vendor_fix");
    let own = || fixes().filter(|said| !said.other);
    if let Some(fixed) = fixed {
        let names = |said: &&Said<'_>| {
            let mut told = said.text.told.iter();
            !said.other && told.any(|told| versions::same(told, fixed))
        };
        // Some publishers file a fix under what merely mitigates, beside that of another product.
        let said = own()
            .find(names)
            .or_else(|| rows.iter().find(names))
            .or_else(|| own().next());
        if fixes().next().is_some() {
            let row = said.map_or_else(
                || "where the range of what is affected ends".to_owned(),
                |said| said.row.row(),
            );
            return (Verdict::FixAvailable, format!("fixed in {fixed}; {row}"));
        }
    }
    let names_above = |said: &&Said<'_>| {
        version.is_some_and(|seen| {
            let mut told = said.text.told.iter();
            told.any(|told| versions::above(told, seen) == Some(true))
        })
    };
    if let Some(said) = own().find(names_above) {
        return (Verdict::FixAvailable, said.row.row());
    }
    if let (Some(fixed), "nvd") = (fixed, feed) {
        return (
            Verdict::FixAvailable,
            format!("versionEndExcluding: {fixed}"),
        );
    }
    let first = |category: &str| rows.iter().find(|said| said.row.category == category);
    if let Some(said) = first("no_fix_planned") {
        return (Verdict::DeclaredNoFix, said.row.row());
    }
    if let Some(said) = first("none_available") {
        return (Verdict::NoFixYet, said.row.row());
    }
    let stated = |said: &&Said<'_>| said.text.mends;
    if let Some(said) = own().find(stated).or_else(|| fixes().find(stated)) {
        let why = if version.is_none() {
            "a fix is stated, but the version in use was not seen"
        } else {
            "a fix is stated, but no version that is above the one seen"
        };
        return (Verdict::Unknown, format!("{why}; {}", said.row.row()));
    }
    let own = || rows.iter().filter(|said| !said.other);
    let denial = own().find(|said| said.text.denies);
    if let Some(said) = denial.or_else(|| own().next()).or_else(|| rows.first()) {
        return (Verdict::FixNotStated, said.row.row());
    }
    (
        Verdict::Unknown,
        "the source states no remediation".to_owned(),
    )
}

static DENIED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\bcan ?not be (?:updated|upgraded|patched|fixed)\b|\b(?:will|does|do|has|have) not (?:be |been |currently |yet )*(?:issu|releas|receiv|develop|provid|plan|intend|patch)|\bno (?:\w+ ){0,2}(?:fix|fixes|patch|patches|update|updates|upgrade) (?:\w+ ){0,2}(?:available|planned|provided|released|developed)\b").ok()
});

/// What a row tells to do, without the sentences that say what there is not: `Versions before V4.x cannot be updated.`
fn promised(details: &str) -> String {
    let Some(denied) = DENIED.as_ref() else {
        return details.to_owned();
    };
    let ends = details.match_indices(['.', ';', '!', '?', '\n']);
    let ends = ends.filter_map(|(at, mark)| {
        let end = at.saturating_add(mark.len());
        let after = details.get(end..)?.chars().next();
        // A version has dots within.
        (mark == "\n" || after.is_none_or(char::is_whitespace)).then_some(end)
    });
    let mut from = 0;
    let mut kept = String::new();
    for end in ends.chain([details.len()]) {
        let sentence = details.get(from..end).unwrap_or_default();
        if !denied.is_match(sentence) {
            kept.push_str(sentence);
        }
        from = end;
    }
    kept
}

/// Whether a row that is called a fix is one: some publishers file advice under it.
fn mends(details: &str) -> bool {
    let words = details.split_whitespace();
    let without_links: Vec<&str> = words.filter(|word| !word.contains("://")).collect();
    let details = without_links.join(" ").to_lowercase();
    let words = [
        "update",
        "upgrade",
        "patch",
        "hotfix",
        "new version",
        "newer version",
        "latest version",
        "fixed",
        "firmware",
        "download",
        "service pack",
        "release",
        "replace",
        "migrate",
    ];
    words.iter().any(|word| details.contains(word))
}
