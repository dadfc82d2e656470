//! All sheets: ours, built in; a site's own, which are asked first; Recog's, which are asked besides.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use fossick_parsers::PROTOCOLS;
use include_dir::{Dir, include_dir};

use crate::manufacturer::ETHERNET_MANUFACTURER;
use crate::recog::{Database, Unusable};
use crate::sheet::{Answer, Refusal, Said, Sheet};

static DATA: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/data");

/// Every fingerprint that can be asked. Built-in sheets are read when their key is first asked for.
#[derive(Debug)]
pub struct Fingerprints {
    site: Vec<Sheet>,
    recog: Vec<Database>,
    built_in: BTreeMap<&'static str, BuiltIn>,
}

#[derive(Debug)]
struct BuiltIn {
    text: &'static str,
    sheet: OnceLock<Option<Sheet>>,
}

/// What a value means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Sheet and entry: `modbus.product_code/schneider-m340`, `recog/ssh.banner/openssh-on-debian`.
    pub fingerprint: String,
    /// 0–100.
    pub certainty: u8,
    /// What it says. Empty for values that are known to mean nothing.
    pub facts: Vec<(Said, String)>,
}

impl Fingerprints {
    /// The sheets that come with Fossick.
    #[must_use]
    pub fn built_in() -> Fingerprints {
        let sheets = DATA.files().filter_map(|file| {
            let name = file.path().file_name()?.to_str()?;
            let key = name.strip_suffix(".toml")?;
            let sheet = OnceLock::new();
            let text = file.contents_utf8()?;
            Some((key, BuiltIn { text, sheet }))
        });
        Fingerprints {
            site: Vec::new(),
            recog: Vec::new(),
            built_in: sheets.collect(),
        }
    }

    /// A number that is another when the sheets that come with Fossick are others (FNV-1a, 64 bits).
    #[must_use]
    pub fn hash(&self) -> u64 {
        let texts = self.built_in.values().flat_map(|sheet| sheet.text.bytes());
        texts.fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// Adds a site's sheet, to be asked before ours.
    ///
    /// # Errors
    /// Everything that is wrong with it; then it is not added.
    pub fn add(&mut self, text: &str) -> Result<(), Vec<Refusal>> {
        let sheet = Sheet::parse(text).map_err(|refusal| vec![refusal])?;
        // A site knows vendors that we do not.
        let wrong = sheet.check(is_key(&sheet.matches), &|_| true);
        if wrong.is_empty() {
            self.site.push(sheet);
            Ok(())
        } else {
            Err(wrong)
        }
    }

    /// Adds a file of Recog; `stem` is its name without the ending.
    ///
    /// # Errors
    /// Why it is no database; then it is not added.
    pub fn add_recog(&mut self, stem: &str, text: &str) -> Result<(), Unusable> {
        let spellings = spellings();
        let vendor = |name: &str| {
            let ours = spellings.get(&name.to_lowercase()).copied();
            ours.unwrap_or(name).to_owned()
        };
        self.recog.push(Database::parse(stem, text, &vendor)?);
        Ok(())
    }

    /// The files of Recog that were added.
    #[must_use]
    pub fn recog(&self) -> &[Database] {
        &self.recog
    }

    /// What the value of this key means: by a site's sheet or else by ours, and by Recog besides. One reading for each
    /// certainty; nothing if nobody knows.
    #[must_use]
    pub fn read(&self, key: &str, value: &str) -> Vec<Reading> {
        let site = self.site.iter().filter(|sheet| sheet.matches == key);
        let mut sheets = site.chain(self.sheet(key));
        let mut readings = Vec::new();
        if let Some(answer) = sheets.find_map(|sheet| sheet.read(value)) {
            // What is known to mean nothing needs no second opinion.
            let means_nothing = answer.facts.is_empty();
            readings.extend(in_order(key, answer));
            if means_nothing {
                return readings;
            }
        }
        for database in self.recog.iter().filter(|recog| recog.key() == Some(key)) {
            if let Some(answer) = database.read(value) {
                readings.extend(in_order(&format!("recog/{}", database.name), answer));
            }
        }
        readings
    }

    fn sheet(&self, key: &str) -> Option<&Sheet> {
        let built_in = self.built_in.get(key)?;
        built_in
            .sheet
            .get_or_init(|| Sheet::parse(built_in.text).ok())
            .as_ref()
    }

    /// Everything that is wrong with the built-in sheets, by file.
    #[must_use]
    pub fn check_built_in() -> Vec<(String, Refusal)> {
        let vendors = DATA.get_file("vendors.txt").and_then(|f| f.contents_utf8());
        let vendors: Vec<&str> = vendors.unwrap_or_default().lines().collect();
        let sheets = DATA
            .files()
            .filter(|file| file.path().extension() == Some("toml".as_ref()));
        let mut wrong = Vec::new();
        for file in sheets {
            let name = file.path().display().to_string();
            match Sheet::parse(file.contents_utf8().unwrap_or_default()) {
                Err(refusal) => wrong.push((name, refusal)),
                Ok(sheet) => {
                    if Path::new(&name).with_extension("") != Path::new(&sheet.matches) {
                        let key = sheet.matches.clone();
                        wrong.push((name.clone(), Refusal::UnknownKey(key)));
                    }
                    let refusals = sheet.check(is_key(&sheet.matches), &|v| vendors.contains(&v));
                    wrong.extend(refusals.into_iter().map(|refusal| (name.clone(), refusal)));
                }
            }
        }
        wrong
    }

    /// How many things the built-in sheets recognise.
    #[must_use]
    pub fn entries(&self) -> usize {
        let keys = self.built_in.keys();
        keys.filter_map(|key| self.sheet(key))
            .map(Sheet::entries)
            .sum()
    }
}

/// An answer as readings, the most certain first.
fn in_order(sheet: &str, answer: Answer<'_>) -> impl Iterator<Item = Reading> {
    let fingerprint = format!("{sheet}/{}", answer.id);
    let first = (answer.certainty, answer.facts);
    std::iter::once(first)
        .chain(answer.lesser)
        .map(move |(certainty, facts)| Reading {
            fingerprint: fingerprint.clone(),
            certainty,
            facts,
        })
}

/// Our spelling of each vendor, by its name in lower case.
fn spellings() -> BTreeMap<String, &'static str> {
    let vendors = DATA.get_file("vendors.txt").and_then(|f| f.contents_utf8());
    let names = vendors.unwrap_or_default().lines();
    names.map(|name| (name.to_lowercase(), name)).collect()
}

/// Whether anything declares this key.
fn is_key(key: &str) -> bool {
    key == ETHERNET_MANUFACTURER
        || PROTOCOLS
            .iter()
            .flat_map(|protocol| protocol.keys)
            .any(|known| known.0 == key)
}
