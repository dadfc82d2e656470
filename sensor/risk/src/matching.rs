//! Advisories against a device: which are about it, whether its version is in their range, and what they say of mending it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use fossick_model::Verdict;
use serde::Serialize;

use crate::advisory::{Advisory, Entry, Remediation};
use crate::feeds::lifecycle::Product as Supported;
use crate::file::{Reader, Record, Source, Writer};
use crate::lifecycles::Imported;
use crate::limits;
use crate::names::{Fit, Names, Subject, words};
use crate::versions;

mod judging;

use judging::{Exploited, Kinds};
pub use judging::{PERHAPS, Ready};

/// Everything that was imported, ready to be asked.
pub struct Knowledge {
    names: Names,
    reader: Mutex<Reader>,
    advisories: Mutex<HashMap<String, Arc<Ready>>>,
    products: Mutex<HashMap<Product, Arc<Vec<Candidate>>>>,
    kinds: Mutex<Kinds>,
    lifecycles: Mutex<Option<Arc<Imported>>>,
}

/// What a device is called: vendor, products, order number.
type Product = (String, Vec<String>, Option<String>);

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

impl Query {
    /// What is asked about a product. A version that closes its name (`DCMTK 3.6.2`) is its version, where none is known.
    #[must_use]
    pub fn of(
        vendor: &str,
        product: Option<&str>,
        order_number: Option<&str>,
        version: Option<&str>,
    ) -> Query {
        let closing = product.filter(|_| version.is_none());
        let (product, version) = match closing.and_then(versions::closing) {
            Some((name, own)) => (Some(name), Some(own)),
            None => (product, version),
        };
        Query {
            vendor: vendor.to_owned(),
            products: product.map(str::to_owned).into_iter().collect(),
            order_number: order_number.map(str::to_owned),
            version: version.map(str::to_owned),
            os: None,
        }
    }
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
    /// Remediations for that entry: which vulnerability, which of its rows.
    rows: Vec<(usize, usize)>,
}

impl Match {
    /// The entry that says so.
    #[must_use]
    pub fn stated(&self) -> Option<&Entry> {
        self.ready.advisory.entries.get(self.entry)
    }

    /// Remediations for that entry, each once.
    pub fn remediations(&self) -> impl Iterator<Item = &Remediation> {
        let vulnerabilities = &self.ready.advisory.vulnerabilities;
        self.rows
            .iter()
            .filter_map(|(of, row)| vulnerabilities.get(*of)?.remediations.get(*row))
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
            kinds: Mutex::default(),
            lifecycles: Mutex::default(),
        })
    }

    /// What is known before anything is imported: the built-in lifecycles.
    ///
    /// # Errors
    /// Never where memory can be had.
    pub fn built_in() -> io::Result<Knowledge> {
        let nothing = Writer::new(io::Cursor::new(Vec::new()))?.finish()?;
        Knowledge::open(Box::new(nothing))
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
        let exploited = self.exploited(&advisory)?;
        let ready = Ready::of(advisory, exploited, &self.names, &mut lock(&self.kinds));
        let ready = Arc::new(ready);
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
        let candidates = Arc::new(self.naming(&self.subject(query))?);
        let mut kept = lock(&self.products);
        if kept.len() >= limits::PRODUCTS_KEPT {
            kept.clear();
        }
        kept.insert(product, Arc::clone(&candidates));
        Ok(candidates)
    }

    /// Every advisory that names it.
    fn naming(&self, subject: &Subject) -> io::Result<Vec<Candidate>> {
        let mut places: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        for vendor in &subject.vendors {
            for key in self.names.keys(subject) {
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
        // The same product stands in many advisories.
        let mut fits: HashMap<u32, Fit> = HashMap::new();
        for (key, entries) in places {
            let Some(ready) = self.ready(&key)? else {
                continue;
            };
            let mut fit = |at: u32| {
                let place = usize::try_from(at).ok()?;
                let (pattern, _) = ready.entries.get(place)?;
                let known = fits.entry(*ready.kinds.get(place)?);
                let fit = known.or_insert_with(|| self.names.fit(subject, pattern));
                (*fit != Fit::No).then(|| (at, fit.clone()))
            };
            let found: Vec<(u32, Fit)> = entries.into_iter().filter_map(&mut fit).collect();
            let found = closest(found);
            if !found.is_empty() {
                candidates.push(Candidate { ready, fits: found });
            }
        }
        Ok(candidates)
    }

    /// Advisories that name it and not whose it is: whether they are about this one, nobody can say.
    fn unowned(&self, query: &Query) -> io::Result<Vec<String>> {
        let subject = self.names.of_nobody(self.subject(query));
        let found = self.naming(&subject)?;
        let named = found.iter().map(|one| {
            let places = one.fits.iter().map(|(at, _)| usize::try_from(*at));
            let mut entries = places.filter_map(|at| one.ready.advisory.entries.get(at.ok()?));
            let name = entries.next().map_or("", |entry| entry.name.as_str());
            format!(
                "vendor: unknown to {}, which names `{name}` and not whose it is: compare by hand",
                one.ready.advisory.id
            )
        });
        Ok(named.take(limits::UNOWNED).collect())
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
            .map(|candidate| judging::judge(&candidate.ready, &candidate.fits, query, &seen))
            .collect();
        matches.sort_by(|one, other| {
            let (first, second) = (&one.ready.advisory, &other.ready.advisory);
            let ids = (&first.feed, &first.id).cmp(&(&second.feed, &second.id));
            one.standing.cmp(&other.standing).then(ids)
        });
        Ok(matches)
    }

    /// What is known of the exploitation of each of its vulnerabilities.
    fn exploited(&self, advisory: &Advisory) -> io::Result<Vec<Exploited>> {
        let mut all = Vec::new();
        for vulnerability in &advisory.vulnerabilities {
            let cve = &vulnerability.cve;
            let kev = self.record(&format!("k/{cve}"))?;
            let epss = self.record(&format!("e/{cve}"))?;
            let share = |record: Record| record.value.split(' ').next()?.parse::<f64>().ok();
            all.push(Exploited {
                kev: kev.map(|record| format!("{cve}: {}", record.value.replace('\t', "; "))),
                epss: epss.and_then(share),
            });
        }
        Ok(all)
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
        steps.extend(self.unowned(query)?);
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
