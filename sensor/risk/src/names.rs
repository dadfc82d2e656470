//! Names of vendors and products: what they mean, whoever writes them.
//!
//! The knowledge is in `data/names.toml`; here is how it is used. A product name in an advisory becomes a
//! [`Pattern`], what was seen of a device a [`Subject`]; [`Names::fit`] says whether they are the same, and how sure.

/// Patterns that are read once; one that cannot be read finds nothing.
macro_rules! regexes {
    ($($name:ident = $text:expr;)*) => {$(
        static $name: std::sync::LazyLock<Option<regex::Regex>> =
            std::sync::LazyLock::new(|| regex::Regex::new($text).ok());
    )*};
}

mod pattern;
mod prose;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use regex::Regex;
use serde::Deserialize;

use crate::advisory::Advisory;
use crate::limits;

pub use pattern::Pattern;

#[derive(Deserialize)]
struct Table {
    noise: Vec<String>,
    species: Vec<String>,
    together: Vec<String>,
    models: Vec<String>,
    legal: Vec<String>,
    vendor: Vec<VendorRow>,
    family: Vec<FamilyRow>,
}

#[derive(Deserialize)]
struct VendorRow {
    name: String,
    aliases: Vec<String>,
    brands: Vec<String>,
    /// Under whose name advisories about its products stand as well.
    #[serde(default)]
    also: Vec<String>,
}

#[derive(Deserialize)]
struct FamilyRow {
    vendor: String,
    name: String,
    names: Vec<String>,
    orders: Vec<String>,
}

struct Family {
    vendor: String,
    name: String,
    /// Its names, each as words.
    names: Vec<Vec<String>>,
    orders: Vec<String>,
}

/// What stands for a vendor where an advisory names none.
const NOBODY: [&str; 6] = [
    "multiple",
    "multipleopensource",
    "na",
    "opensource",
    "unknown",
    "various",
];

/// The table of names.
pub struct Names {
    noise: HashSet<String>,
    species: HashSet<String>,
    together: Option<Regex>,
    /// Words after which what looks like a version is a model.
    models: HashSet<String>,
    legal: HashSet<String>,
    /// Aliases without blanks, and whose they are.
    vendors: HashMap<String, String>,
    brands: HashMap<String, HashSet<String>>,
    also: HashMap<String, Vec<String>>,
    families: Vec<Family>,
}

/// What was seen of a device.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    /// Who may have made it.
    pub vendors: BTreeSet<String>,
    /// Words of its product or model, without noise.
    words: Vec<String>,
    /// Those words, and neighbours written as one.
    parts: HashSet<String>,
    /// Order numbers, without blanks and dashes.
    orders: Vec<String>,
    /// Each of its names as a whole, without blanks and dashes.
    whole: BTreeSet<String>,
    /// Whether an order number was stated as such.
    numbered: bool,
    families: Vec<usize>,
}

/// Whether a device is what an advisory names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// It is another one.
    No,
    /// It may be: the advisory names something more special than what was seen.
    Perhaps(String),
    /// It is: how sure (0–100), how special the name is, and by what.
    Same {
        /// 0–100.
        confidence: u8,
        /// The more, the more special: order numbers above names above families.
        rank: u32,
        /// By what.
        by: String,
    },
}

/// Letters and digits alone, in upper case, and the wildcards.
pub(crate) fn squash(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric() || *c == '*' || *c == '?')
        .flat_map(char::to_uppercase)
        .collect()
}

/// Whether a text is as the pattern has it: `?` is one character, `*` any number.
#[must_use]
pub fn like(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut back: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let before = text.clone();
        let Some(own) = text.next() else {
            return pattern.all(|c| c == '*');
        };
        let wanted = pattern.next();
        if wanted == Some('*') {
            back = Some((pattern.clone(), before.clone()));
            text = before;
        } else if wanted != Some('?') && wanted != Some(own) {
            let Some((after, from)) = &mut back else {
                return false;
            };
            from.next();
            (pattern, text) = (after.clone(), from.clone());
        }
    }
}

/// Words in lower case, dashes within them taken out.
pub(crate) fn words(text: &str) -> Vec<String> {
    let parted = text.split(|c: char| c.is_whitespace() || "()[]{},;:/\"'|_®™©".contains(c));
    let squashed = parted.map(|word| {
        word.chars()
            .filter(|c| c.is_alphanumeric() || "*?+!.".contains(*c))
            .flat_map(char::to_lowercase)
            .collect::<String>()
    });
    let trimmed = squashed.map(|word| word.trim_matches(['.', '!']).to_owned());
    trimmed
        .filter(|word| !word.is_empty())
        .take(limits::WORDS)
        .collect()
}

impl Names {
    /// The table that is built in.
    ///
    /// # Panics
    /// Never: the table is read in a test.
    #[must_use]
    pub fn built_in() -> Names {
        let table = toml::from_str(include_str!("../data/names.toml"));
        Names::of(table.unwrap_or(Table {
            noise: Vec::new(),
            species: Vec::new(),
            together: Vec::new(),
            models: Vec::new(),
            legal: Vec::new(),
            vendor: Vec::new(),
            family: Vec::new(),
        }))
    }

    fn of(table: Table) -> Names {
        let together = format!(r"(?i)\b(?:{})\b", table.together.join("|"));
        let joined = table.together.iter().map(|words| words.replace(' ', ""));
        let mut names = Names {
            together: Regex::new(&together)
                .ok()
                .filter(|_| !table.together.is_empty()),
            noise: table.noise.into_iter().collect(),
            species: joined.chain(table.species).collect(),
            models: table.models.into_iter().collect(),
            legal: table.legal.into_iter().collect(),
            vendors: HashMap::new(),
            brands: HashMap::new(),
            also: HashMap::new(),
            families: Vec::new(),
        };
        for row in table.vendor {
            let key = names.plain(&row.name);
            let also = row.also.iter().map(|name| names.plain(name)).collect();
            names.also.insert(key.clone(), also);
            names
                .brands
                .insert(key.clone(), row.brands.into_iter().collect());
            for alias in row.aliases.iter().chain([&row.name]) {
                let alias = names.plain(alias);
                names.vendors.insert(alias, key.clone());
            }
        }
        for row in table.family {
            let vendor = names.plain(&row.vendor);
            let split = |name: &String| words(name);
            names.families.push(Family {
                vendor,
                name: row.name,
                names: row.names.iter().map(split).collect(),
                orders: row.orders,
            });
        }
        names
    }

    /// A text whose words that belong together are written as one.
    fn together<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let join = |found: &regex::Captures<'_>| {
            let words = found.get(0).map_or("", |words| words.as_str());
            words.replace(' ', "")
        };
        self.together
            .as_ref()
            .map_or(Cow::Borrowed(text), |regex| regex.replace_all(text, join))
    }

    /// A vendor's name without legal forms, blanks and marks.
    fn plain(&self, text: &str) -> String {
        let words = text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty());
        let words = words.map(str::to_lowercase);
        words
            .filter(|word| !self.legal.contains(word))
            .collect::<Vec<_>>()
            .concat()
    }

    /// The vendors that a text names, as keys; none, if it names none.
    #[must_use]
    pub fn vendor(&self, text: &str) -> BTreeSet<String> {
        let text = text.trim();
        let bracket = text
            .find(['(', ','])
            .and_then(|at| text.get(..at))
            .filter(|_| text.contains('('));
        let known = |text: &str| self.vendors.get(&self.plain(text)).cloned();
        if let Some(vendor) = known(text).or_else(|| bracket.and_then(known)) {
            return BTreeSet::from([vendor]);
        }
        let mut parts: Vec<String> = vec![text.to_owned()];
        for mark in [
            ",",
            "(",
            ")",
            ";",
            " and ",
            "/",
            " a subsidiary of ",
            " an affiliate of ",
            "formerly",
            " - ",
        ] {
            parts = parts
                .iter()
                .flat_map(|part| part.split(mark).map(str::to_owned).collect::<Vec<_>>())
                .collect();
        }
        let mut found = BTreeSet::new();
        for part in parts {
            let plain = self.plain(&part);
            let is_word = ["", "asubsidiaryof", "s"].contains(&plain.as_str());
            if !is_word && !NOBODY.contains(&plain.as_str()) {
                found.insert(self.vendors.get(&plain).cloned().unwrap_or(plain));
            }
        }
        found
    }

    /// The vendors that a name may begin with, each with the rest of the name: for advisories of `multiple` vendors.
    fn vendors_in_name<'a>(&self, name: &'a str) -> Vec<(String, &'a str)> {
        let ends = name.char_indices().filter(|(_, c)| c.is_whitespace());
        let parts = ends.take(3).map(|(at, _)| name.split_at(at));
        let mut found = Vec::new();
        for (first, rest) in parts {
            let plain = self.plain(first);
            if let Some(vendor) = self.vendors.get(&plain) {
                return vec![(vendor.clone(), rest)];
            }
            if !plain.is_empty() && found.len() < 2 {
                found.push((plain, rest));
            }
        }
        if found.is_empty() {
            found.push((self.plain(name), name));
        }
        found
    }

    /// Whether a text ends in a word after which comes a model.
    fn expects_model(&self, text: &str) -> bool {
        let last = text.split_whitespace().next_back();
        last.is_some_and(|word| self.models.contains(&word.to_lowercase()))
    }

    fn is_legal(&self, word: &str) -> bool {
        self.legal.contains(word)
    }

    fn is_brand(&self, word: &str, vendors: &BTreeSet<String>) -> bool {
        vendors.iter().any(|vendor| {
            vendor == word
                || self
                    .brands
                    .get(vendor)
                    .is_some_and(|brands| brands.contains(word))
        }) || [
            "family", "families", "series", "all", "versions", "products",
        ]
        .contains(&word)
    }

    fn is_noise(&self, word: &str, vendors: &BTreeSet<String>) -> bool {
        self.is_brand(word, vendors) || self.noise.contains(word)
    }

    /// The same, whoever made it: for advisories that do not say whose a product is.
    #[must_use]
    pub fn of_nobody(&self, subject: Subject) -> Subject {
        let vendors = NOBODY.map(str::to_owned).into();
        Subject { vendors, ..subject }
    }

    /// What was seen of a device.
    #[must_use]
    pub fn subject(&self, vendor: &str, products: &[&str], order_number: Option<&str>) -> Subject {
        let mut subject = Subject {
            vendors: self.vendor(vendor),
            ..Subject::default()
        };
        if subject.vendors.is_empty() && !vendor.trim().is_empty() {
            subject.vendors.insert(self.plain(vendor));
        }
        let also = subject.vendors.iter().filter_map(|own| self.also.get(own));
        let also: Vec<String> = also.flatten().cloned().collect();
        subject.vendors.extend(also);
        let mut orders = BTreeSet::new();
        if let Some(order) = order_number.filter(|order| !order.trim().is_empty()) {
            let order = crate::feeds::cut(order.trim(), limits::TEXT);
            subject.numbered = true;
            orders.insert(squash(order));
            let before = order.split('/').next().unwrap_or_default();
            orders.insert(squash(before));
            orders.insert(squash(order.split_whitespace().next().unwrap_or_default()));
        }
        for product in products {
            let product = crate::feeds::cut(product, limits::TEXT);
            subject.whole.insert(squash(product));
            let product = self.own_name(product, vendor);
            subject.whole.insert(squash(product));
            let product = &*self.together(product);
            let all = words(product);
            // `R08ENCPU` is the CPU R08EN.
            let short = all.iter().filter_map(|word| word.strip_suffix("cpu"));
            let short = short.filter(|word| word.chars().any(|c| c.is_ascii_digit()));
            subject.parts.extend(short.map(str::to_owned));
            for width in 1..=3 {
                for group in all.windows(width) {
                    subject.parts.insert(group.concat());
                }
            }
            for word in product.split_whitespace() {
                let word = word.split('/').next().unwrap_or_default();
                if pattern::is_order(word, 6) {
                    orders.insert(squash(word));
                }
            }
            if pattern::is_order(&squash(product), 8) {
                orders.insert(squash(product));
            }
            for word in all {
                if !self.is_noise(&word, &subject.vendors) && !subject.words.contains(&word) {
                    subject.words.push(word);
                }
            }
        }
        subject.orders = orders
            .into_iter()
            .filter(|order| order.len() >= 4)
            .collect();
        for (at, family) in self.families.iter().enumerate() {
            if !subject.vendors.contains(&family.vendor) {
                continue;
            }
            let numbered = family
                .orders
                .iter()
                .any(|order| subject.orders.iter().any(|own| like(order, own)));
            let named = family.names.iter().any(|name| {
                name.iter().all(|word| subject.parts.contains(word))
                    || subject.parts.contains(&name.concat())
            });
            // An order number that is of no member outranks a name.
            let other = subject.numbered
                && self.families.iter().any(|other| {
                    other.vendor == family.vendor
                        && other
                            .orders
                            .iter()
                            .any(|order| subject.orders.iter().any(|own| like(order, own)))
                });
            if numbered || named && !other {
                subject.families.push(at);
            }
        }
        subject
    }

    /// Under which keys the entries of an advisory are found: vendor, and a word, an order number or a family.
    #[must_use]
    pub fn places(&self, advisory: &Advisory) -> BTreeMap<String, BTreeSet<u32>> {
        let mut places: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        for (at, entry) in advisory.entries.iter().enumerate() {
            let pattern = self.pattern(entry);
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            for vendor in &pattern.vendors {
                for key in pattern.keys(self) {
                    let place = format!("{vendor}\t{key}");
                    if place.len() < limits::KEY / 2 {
                        places.entry(place).or_default().insert(at);
                    }
                }
            }
        }
        places
    }

    /// Under which keys entries that may be about this device are found.
    #[must_use]
    pub fn keys(&self, subject: &Subject) -> BTreeSet<String> {
        let whole = subject.whole.iter().filter(|name| !name.is_empty());
        let mut keys: BTreeSet<String> = whole.map(|name| pattern::whole_key(name)).collect();
        let first = |text: &str, count: usize| text.chars().take(count).collect::<String>();
        for part in &subject.parts {
            keys.insert(part.clone());
            keys.insert(format!("~{}", first(part, 3)));
        }
        for order in &subject.orders {
            keys.insert(format!("#{}", first(order, 6)));
            keys.insert(format!("#{}", first(order, 3)));
            keys.insert(order.to_lowercase());
            keys.insert(format!("~{}", first(&order.to_lowercase(), 3)));
        }
        keys.extend(
            subject
                .families
                .iter()
                .filter_map(|at| self.families.get(*at))
                .map(|family| format!("@{}", family.name)),
        );
        keys
    }

    /// Whether a device is what an advisory names. The vendors are compared as well.
    #[must_use]
    pub fn fit(&self, subject: &Subject, pattern: &Pattern) -> Fit {
        if subject.vendors.is_disjoint(&pattern.vendors) {
            return Fit::No;
        }
        let counts = !subject.numbered || pattern.orders.is_empty();
        if counts && !pattern.whole.is_disjoint(&subject.whole) {
            return Fit::Same {
                confidence: 96,
                rank: 4000,
                by: "its whole name".to_owned(),
            };
        }
        if pattern.excludes(subject) {
            return Fit::No;
        }
        let seen = |order: &&String| {
            subject.orders.iter().any(|own| like(order, own))
                || order.len() >= 5 && subject.parts.contains(&order.to_lowercase())
        };
        if let Some(order) = pattern.orders.iter().find(seen) {
            let wild = order.contains(['*', '?']);
            return Fit::Same {
                confidence: if wild { 93 } else { 98 },
                rank: 3000,
                by: format!("order number {order}"),
            };
        }
        if subject.numbered && pattern.orders.iter().any(|order| order.len() >= 5) {
            return Fit::No;
        }
        if let Some(family) = pattern.family.and_then(|at| self.families.get(at)) {
            let mut own = subject
                .families
                .iter()
                .filter_map(|at| self.families.get(*at));
            return if own.any(|own| own.name == family.name) {
                Fit::Same {
                    confidence: 88,
                    rank: 1000,
                    by: format!("family {}", family.name),
                }
            } else {
                Fit::No
            };
        }
        let best = pattern
            .alternatives
            .iter()
            .map(|alternative| self.fit_words(subject, alternative, pattern));
        let mut found = Fit::No;
        for fit in best {
            found = match (found, fit) {
                (
                    Fit::Same {
                        confidence,
                        rank,
                        by,
                    },
                    Fit::Same {
                        confidence: c,
                        rank: r,
                        by: b,
                    },
                ) => {
                    if (r, c) > (rank, confidence) {
                        Fit::Same {
                            confidence: c,
                            rank: r,
                            by: b,
                        }
                    } else {
                        Fit::Same {
                            confidence,
                            rank,
                            by,
                        }
                    }
                }
                (same @ Fit::Same { .. }, _) | (_, same @ Fit::Same { .. }) => same,
                (perhaps @ Fit::Perhaps(_), _) => perhaps,
                (Fit::No, fit) => fit,
            };
        }
        if found == Fit::No && counts {
            let loose = pattern.loose.iter().find(|alternative| {
                matches!(
                    self.fit_words(subject, alternative, pattern),
                    Fit::Same { .. }
                )
            });
            if let Some(alternative) = loose {
                let words: Vec<&str> = alternative.iter().map(pattern::Word::text).collect();
                return Fit::Perhaps(format!(
                    "the advisory names a part or a special case of it: {}",
                    words.join(" ")
                ));
            }
        }
        found
    }

    fn fit_words(
        &self,
        subject: &Subject,
        alternative: &[pattern::Word],
        pattern: &Pattern,
    ) -> Fit {
        if alternative.is_empty() || subject.words.is_empty() && subject.orders.is_empty() {
            return Fit::No;
        }
        let (mut uncovered, used) = pattern::cover(subject, alternative);
        // The words of a family are seen where the order number is of it.
        let kin = subject
            .families
            .iter()
            .filter_map(|at| self.families.get(*at));
        let kin: Vec<&Vec<String>> = kin
            .flat_map(|family| &family.names)
            .filter(|name| {
                name.iter()
                    .all(|word| alternative.iter().any(|own| own.text() == word))
                    || alternative.iter().any(|own| own.text() == name.concat())
            })
            .collect();
        let whole = uncovered.len();
        uncovered.retain(|word| {
            !kin.iter()
                .any(|name| name.contains(word) || name.concat() == *word)
        });
        let related = uncovered.len() < whole;
        let foreign = subject.words.iter().any(|word| {
            self.species.contains(word)
                && !alternative.iter().any(|own| own.text() == word.as_str())
        });
        if foreign {
            return Fit::No;
        }
        let with_digit = alternative.iter().any(pattern::Word::tells);
        let count = u32::try_from(alternative.len()).unwrap_or(u32::MAX);
        if uncovered.is_empty() {
            let plain = alternative
                .iter()
                .map(|word| word.text().chars().count())
                .max()
                .unwrap_or_default();
            let enough = with_digit || count >= 2 || plain >= 5;
            if !enough {
                return Fit::No;
            }
            let own = u32::try_from(subject.words.len().max(1)).unwrap_or(1);
            let share = used.saturating_mul(30).checked_div(own).unwrap_or_default();
            let confidence = if with_digit { 62 } else { 50_u32 };
            let confidence = u8::try_from(confidence.saturating_add(share.min(30))).unwrap_or(92);
            let words: Vec<&str> = alternative.iter().map(pattern::Word::text).collect();
            let rank = if with_digit { 2000_u32 } else { 500 }.saturating_add(count);
            return Fit::Same {
                confidence,
                rank,
                by: format!("name: {}", words.join(" ")),
            };
        }
        // What was seen is a part of what is named: it may be that one, or another of its kind.
        if uncovered
            .iter()
            .any(|word| self.species.contains(word.as_str()))
            || used == 0 && !related
        {
            return Fit::No;
        }
        let within = subject.words.iter().all(|word| {
            alternative.iter().any(|own| own.is(word))
                || alternative
                    .windows(2)
                    .any(|pair| pair.iter().map(pattern::Word::text).collect::<String>() == *word)
        });
        let telling = related
            || subject
                .words
                .iter()
                .any(|word| word.chars().any(|c| c.is_ascii_digit()))
            || subject.words.len() >= 2;
        let unnumbered = !subject.numbered || pattern.orders.is_empty();
        // Of the family by its order number; what else is named cannot be told from it.
        let member = related
            && uncovered
                .iter()
                .all(|word| !word.chars().any(|c| c.is_ascii_digit()));
        if (within && telling || member) && unnumbered {
            return Fit::Perhaps(format!(
                "the advisory names it more closely: {}",
                uncovered.join(" ")
            ));
        }
        Fit::No
    }

    pub(crate) fn family_of(&self, vendors: &BTreeSet<String>, words: &[String]) -> Option<usize> {
        self.families.iter().position(|family| {
            vendors.contains(&family.vendor)
                && family
                    .names
                    .iter()
                    .any(|name| name == words || name.concat() == words.concat())
        })
    }

    /// The families whose names are among these words.
    pub(crate) fn families_in(&self, vendors: &BTreeSet<String>, words: &[String]) -> Vec<&str> {
        let named = |family: &&Family| {
            vendors.contains(&family.vendor)
                && family.names.iter().any(|name| {
                    name.iter().all(|word| words.contains(word)) || words.contains(&name.concat())
                })
        };
        self.families
            .iter()
            .filter(named)
            .map(|family| family.name.as_str())
            .collect()
    }

    pub(crate) fn quiet(&self, word: &str, vendors: &BTreeSet<String>) -> bool {
        self.is_noise(word, vendors)
    }
}
