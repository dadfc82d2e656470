//! Advisories against a device: which are about it, whether its version is in their range, and what they say of mending it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use fossick_model::Verdict;
use serde::Serialize;

use crate::advisory::{Advisory, Entry, Remediation};
use crate::feeds::lifecycle::Product as Supported;
use crate::file::{Reader, Record, Source};
use crate::lifecycles::Imported;
use crate::limits;
use crate::names::{Fit, Names, Pattern, Subject, words};
use crate::versions::{self, Answer, Range};

/// Everything that was imported, ready to be asked.
pub struct Knowledge {
    names: Names,
    reader: Mutex<Reader>,
    advisories: Mutex<HashMap<String, Arc<Ready>>>,
    products: Mutex<HashMap<Product, Arc<Vec<Candidate>>>>,
    lifecycles: Mutex<Option<Arc<Imported>>>,
}

/// What a device is called: vendor, products, order number.
type Product = (String, Vec<String>, Option<String>);

/// An advisory and its entries, ready to be compared.
pub struct Ready {
    /// The advisory.
    pub advisory: Advisory,
    entries: Vec<(Pattern, Range)>,
}

/// An advisory that is about a product, and the entries that say so.
struct Candidate {
    ready: Arc<Ready>,
    fits: Vec<(u32, Fit)>,
}

/// What is asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Who made it.
    pub vendor: String,
    /// Its product, its model: whatever it is called.
    pub products: Vec<String>,
    /// Its order number.
    pub order_number: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Its operating system, for what must be there besides.
    pub os: Option<String>,
}

/// Whether an advisory concerns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Standing {
    /// It is affected.
    #[serde(rename = "affected")]
    Affected,
    /// That cannot be said.
    #[serde(rename = "unknown")]
    Unknown,
    /// It is not affected.
    #[serde(rename = "not affected")]
    NotAffected,
}

/// An advisory that is about it.
#[derive(Clone)]
pub struct Match {
    /// The advisory.
    pub ready: Arc<Ready>,
    /// Whether it is affected.
    pub standing: Standing,
    /// Why.
    pub why: String,
    /// How sure it is that this is the product, 0–100.
    pub confidence: u8,
    /// The entry that says so.
    pub entry: usize,
    /// What can be done, where it is affected or may be.
    pub verdict: Option<Verdict>,
    /// The row that says it, and why it is read so.
    pub row: String,
    /// CVEs.
    pub cves: Vec<String>,
    /// Highest base score among them.
    pub cvss: Option<f64>,
    /// Probability of exploitation, the highest among them.
    pub epss: Option<f64>,
    /// The row of the catalogue of exploited vulnerabilities, if one of them is in it.
    pub kev: Option<String>,
    /// Remediations for that entry.
    pub remediations: Vec<Remediation>,
}

impl Match {
    /// The entry that says so.
    #[must_use]
    pub fn stated(&self) -> Option<&Entry> {
        self.ready.advisory.entries.get(self.entry)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Knowledge {
    /// Opens a knowledge file.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub fn open(source: Box<dyn Source>) -> io::Result<Knowledge> {
        Ok(Knowledge {
            names: Names::built_in(),
            reader: Mutex::new(Reader::open(source)?),
            advisories: Mutex::default(),
            products: Mutex::default(),
            lifecycles: Mutex::default(),
        })
    }

    /// One record.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn record(&self, key: &str) -> io::Result<Option<Record>> {
        lock(&self.reader).get(key)
    }

    /// Every record whose key begins so, while the visitor wants more.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn scan(&self, prefix: &str, visit: impl FnMut(&Record) -> bool) -> io::Result<()> {
        lock(&self.reader).scan(prefix, visit)
    }

    /// The lifecycles that were imported.
    pub(crate) fn lifecycles(&self) -> io::Result<Arc<Imported>> {
        if let Some(known) = &*lock(&self.lifecycles) {
            return Ok(Arc::clone(known));
        }
        let mut imported = Imported::default();
        self.scan("l/", |record| {
            if let Ok(product) = serde_json::from_str::<Supported>(&record.value) {
                imported.add(&product);
            }
            true
        })?;
        let imported = Arc::new(imported);
        *lock(&self.lifecycles) = Some(Arc::clone(&imported));
        Ok(imported)
    }

    fn ready(&self, key: &str) -> io::Result<Option<Arc<Ready>>> {
        if let Some(ready) = lock(&self.advisories).get(key) {
            return Ok(Some(Arc::clone(ready)));
        }
        let Some(record) = self.record(key)? else {
            return Ok(None);
        };
        let advisory: Advisory = serde_json::from_str(&record.value)?;
        let entries = advisory
            .entries
            .iter()
            .map(|entry| (self.names.pattern(entry), entry.version.range()));
        let ready = Arc::new(Ready {
            entries: entries.collect(),
            advisory,
        });
        let mut kept = lock(&self.advisories);
        if kept.len() >= limits::ADVISORIES_KEPT {
            kept.clear();
        }
        kept.insert(key.to_owned(), Arc::clone(&ready));
        Ok(Some(ready))
    }

    fn subject(&self, query: &Query) -> Subject {
        let products: Vec<&str> = query.products.iter().map(String::as_str).collect();
        self.names
            .subject(&query.vendor, &products, query.order_number.as_deref())
    }

    fn candidates(&self, query: &Query) -> io::Result<Arc<Vec<Candidate>>> {
        let product = (
            query.vendor.clone(),
            query.products.clone(),
            query.order_number.clone(),
        );
        if let Some(known) = lock(&self.products).get(&product) {
            return Ok(Arc::clone(known));
        }
        let subject = self.subject(query);
        let mut places: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        for vendor in &subject.vendors {
            for key in self.names.keys(&subject) {
                let prefix = format!("p/{vendor}\t{key}\t");
                lock(&self.reader).scan(&prefix, |record| {
                    let advisory = record.key.get(prefix.len()..).unwrap_or_default();
                    let entries = record
                        .value
                        .split(',')
                        .filter_map(|entry| entry.parse::<u32>().ok());
                    places
                        .entry(advisory.to_owned())
                        .or_default()
                        .extend(entries);
                    true
                })?;
            }
        }
        let mut candidates = Vec::new();
        for (key, entries) in places {
            let Some(ready) = self.ready(&key)? else {
                continue;
            };
            let fit = |at: u32| {
                let (pattern, _) = ready.entries.get(usize::try_from(at).ok()?)?;
                let fit = self.names.fit(&subject, pattern);
                (fit != Fit::No).then_some((at, fit))
            };
            let fits: Vec<(u32, Fit)> = entries.into_iter().filter_map(fit).collect();
            let fits = closest(fits);
            if !fits.is_empty() {
                candidates.push(Candidate { ready, fits });
            }
        }
        let candidates = Arc::new(candidates);
        let mut kept = lock(&self.products);
        if kept.len() >= limits::PRODUCTS_KEPT {
            kept.clear();
        }
        kept.insert(product, Arc::clone(&candidates));
        Ok(candidates)
    }

    /// Every advisory that is about it, affected first, then by id.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn matches(&self, query: &Query) -> io::Result<Vec<Match>> {
        let candidates = self.candidates(query)?;
        let mut seen: Vec<String> = query
            .products
            .iter()
            .flat_map(|product| words(product))
            .collect();
        seen.extend(query.os.iter().flat_map(|os| words(os)));
        let mut matches: Vec<Match> = candidates
            .iter()
            .map(|candidate| judge(candidate, query, &seen))
            .collect();
        for found in &mut matches {
            self.exploitation(found)?;
        }
        matches.sort_by(|one, other| {
            let key = |found: &Match| {
                (
                    found.standing,
                    found.ready.advisory.feed.clone(),
                    found.ready.advisory.id.clone(),
                )
            };
            key(one).cmp(&key(other))
        });
        Ok(matches)
    }

    fn exploitation(&self, found: &mut Match) -> io::Result<()> {
        if found.standing == Standing::NotAffected {
            return Ok(());
        }
        for cve in &found.cves {
            if let Some(record) = self.record(&format!("k/{cve}"))? {
                found
                    .kev
                    .get_or_insert_with(|| format!("{cve}: {}", record.value.replace('\t', "; ")));
            }
            if let Some(record) = self.record(&format!("e/{cve}"))? {
                let share = record
                    .value
                    .split(' ')
                    .next()
                    .and_then(|share| share.parse::<f64>().ok());
                found.epss = [found.epss, share].into_iter().flatten().reduce(f64::max);
            }
        }
        Ok(())
    }

    /// How far the search for advisories gets with it, step by step, for people.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn steps(&self, query: &Query) -> io::Result<Vec<String>> {
        let mut steps = Vec::new();
        let subject = self.subject(query);
        if subject.vendors.is_empty() {
            steps.push("vendor: none was seen, and no advisory is matched without one".to_owned());
            return Ok(steps);
        }
        let mut named = 0_usize;
        for vendor in &subject.vendors {
            let mut advisories = BTreeSet::new();
            self.scan(&format!("p/{vendor}\t"), |record| {
                advisories.extend(record.key.rsplit('\t').next().map(str::to_owned));
                true
            })?;
            steps.push(format!(
                "vendor: `{}` is read as `{vendor}`, of which {} advisories speak",
                query.vendor,
                advisories.len()
            ));
            named = named.saturating_add(advisories.len());
        }
        if named == 0 {
            return Ok(steps);
        }
        if query.products.is_empty() && query.order_number.is_none() {
            steps.push("product: neither model, product nor order number was seen".to_owned());
            return Ok(steps);
        }
        let matches = self.matches(query)?;
        if matches.is_empty() {
            let products = query.products.join(", ");
            steps.push(format!(
                "product: of them none names `{products}`{}",
                query
                    .order_number
                    .as_ref()
                    .map_or(String::new(), |order| format!(" or order number `{order}`"))
            ));
            return Ok(steps);
        }
        steps.push(format!("product: {} of them name it", matches.len()));
        for found in matches {
            let advisory = &found.ready.advisory;
            let range = found
                .stated()
                .map(|entry| entry.version.text())
                .unwrap_or_default();
            let standing = match found.standing {
                Standing::Affected => "affected",
                Standing::Unknown => "unknown",
                Standing::NotAffected => "not affected",
            };
            steps.push(format!(
                "version: {} ({range}): {standing}, {}",
                advisory.id, found.why
            ));
        }
        Ok(steps)
    }
}

/// Of several entries those that name it most closely.
fn closest(fits: Vec<(u32, Fit)>) -> Vec<(u32, Fit)> {
    let rank = |fit: &Fit| match fit {
        Fit::Same { rank, .. } => *rank,
        Fit::Perhaps(_) | Fit::No => 0,
    };
    let best = fits
        .iter()
        .map(|(_, fit)| rank(fit))
        .max()
        .unwrap_or_default();
    fits.into_iter()
        .filter(|(_, fit)| rank(fit) == best)
        .collect()
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
    answer
}

fn judge(candidate: &Candidate, query: &Query, seen: &[String]) -> Match {
    let ready = &candidate.ready;
    let advisory = &ready.advisory;
    let mut found: Option<Match> = None;
    for (at, fit) in &candidate.fits {
        let (confidence, by, sure) = match fit {
            Fit::Same { confidence, by, .. } => (*confidence, by.clone(), true),
            Fit::Perhaps(why) => (40, why.clone(), false),
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
    found.unwrap_or_else(|| Match {
        ready: Arc::clone(ready),
        standing: Standing::NotAffected,
        why: format!("{} names no such product", advisory.id),
        confidence: 0,
        entry: 0,
        verdict: None,
        row: String::new(),
        cves: Vec::new(),
        cvss: None,
        epss: None,
        kev: None,
        remediations: Vec::new(),
    })
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
        best.cvss = [best.cvss, rest.cvss]
            .into_iter()
            .flatten()
            .reduce(f64::max);
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
    let mut judged = Match {
        ready: Arc::clone(ready),
        standing,
        why,
        confidence,
        entry: place,
        verdict: None,
        row: String::new(),
        cves: Vec::new(),
        cvss: None,
        epss: None,
        kev: None,
        remediations: Vec::new(),
    };
    let concerned: Vec<_> = advisory
        .vulnerabilities
        .iter()
        .filter(|vulnerability| vulnerability.affected.contains(&at))
        .collect();
    let investigated = advisory
        .vulnerabilities
        .iter()
        .any(|vulnerability| vulnerability.investigated.contains(&at));
    if concerned.is_empty() && standing != Standing::NotAffected {
        let stated = advisory
            .vulnerabilities
            .iter()
            .any(|vulnerability| vulnerability.not_affected.contains(&at));
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
    let mut worst: Option<(Verdict, String)> = None;
    for vulnerability in concerned {
        if !vulnerability.cve.is_empty() && !judged.cves.contains(&vulnerability.cve) {
            judged.cves.push(vulnerability.cve.clone());
        }
        judged.cvss = [judged.cvss, vulnerability.cvss]
            .into_iter()
            .flatten()
            .reduce(f64::max);
        let rows: Vec<&Remediation> = vulnerability
            .remediations
            .iter()
            .filter(|row| row.is_for(at))
            .collect();
        let other = |row: &Remediation| speaks_of_another(ready, place, row);
        let verdict = mending(&rows, &other, range, version, &advisory.feed);
        for row in rows {
            if !judged
                .remediations
                .iter()
                .any(|other| other.category == row.category && other.details == row.details)
            {
                judged.remediations.push(Remediation {
                    entries: Vec::new(),
                    ..row.clone()
                });
            }
        }
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

/// Whether a row is about another product of the advisory: some publishers give every row to every product.
fn speaks_of_another(ready: &Ready, place: usize, row: &Remediation) -> bool {
    let said = words(&row.details);
    let named = |at: usize| {
        let pattern = ready.entries.get(at).map(|(pattern, _)| pattern);
        pattern.is_some_and(|pattern| pattern.telling().iter().any(|word| said.contains(word)))
    };
    !named(place) && (0..ready.entries.len().min(200)).any(|at| at != place && named(at))
}

/// What the rows for one flaw say of mending it in the version seen.
fn mending(
    rows: &[&Remediation],
    other: &dyn Fn(&Remediation) -> bool,
    range: Option<&Range>,
    version: Option<&str>,
    feed: &str,
) -> (Verdict, String) {
    let fixed = range.and_then(|range| range.fixed_above(version));
    let fixes: Vec<&&Remediation> = rows
        .iter()
        .filter(|row| row.category == "vendor_fix")
        .collect();
    let own: Vec<&&&Remediation> = fixes.iter().filter(|row| !other(row)).collect();
    let names = |row: &Remediation, fixed: &str| {
        versions::told(&row.details)
            .iter()
            .any(|told| versions::same(told, fixed))
    };
    if let Some((fixed, row)) =
        fixed.and_then(|fixed| Some((fixed, own.iter().find(|row| names(row, fixed))?)))
    {
        return (
            Verdict::FixAvailable,
            format!("fixed in {fixed}; {}", row.row()),
        );
    }
    if let (Some(fixed), Some(row)) = (
        fixed,
        own.first()
            .map(|row| **row)
            .or_else(|| fixes.first().copied()),
    ) {
        return (
            Verdict::FixAvailable,
            format!("fixed in {fixed}; {}", row.row()),
        );
    }
    let names_above = |row: &Remediation| {
        let told = versions::told(&row.details);
        version.is_some_and(|seen| {
            told.iter()
                .any(|told| versions::above(told, seen) == Some(true))
        })
    };
    if let Some(row) = own.iter().find(|row| names_above(row)) {
        return (Verdict::FixAvailable, row.row());
    }
    if let (Some(fixed), "nvd") = (fixed, feed) {
        return (
            Verdict::FixAvailable,
            format!("versionEndExcluding: {fixed}"),
        );
    }
    let first = |category: &str| rows.iter().find(|row| row.category == category);
    if let Some(row) = first("no_fix_planned") {
        return (Verdict::DeclaredNoFix, row.row());
    }
    if let Some(row) = first("none_available") {
        return (Verdict::NoFixYet, row.row());
    }
    if let Some(row) = fixes.iter().find(|row| mends(&row.details)) {
        let why = if version.is_none() {
            "a fix is stated, but the version in use was not seen"
        } else {
            "a fix is stated, but no version that is above the one seen"
        };
        return (Verdict::Unknown, format!("{why}; {}", row.row()));
    }
    if let Some(row) = rows.first() {
        return (Verdict::FixNotStated, row.row());
    }
    (
        Verdict::Unknown,
        "the source states no remediation".to_owned(),
    )
}

/// Whether a row that is called a fix is one: some publishers file advice under it.
fn mends(details: &str) -> bool {
    let details = details.to_lowercase();
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
