//! Which devices must not be touched, by what the world knows of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use fossick_model::Asset;
use fossick_risk::Knowledge;
use fossick_risk::untouchable;
use fossick_scan::Marked;

use crate::config::Config;
use crate::intel;

/// Kinds of devices that are remembered.
const KINDS: usize = 65_536;

/// Holds assets against what the world knows.
pub struct Marks {
    /// What was imported on this machine, if anything was.
    knowledge: Option<Knowledge>,
    /// What came of it, by what was known of a device.
    known: BTreeMap<String, Vec<Marked>>,
}

impl Marks {
    /// With the knowledge of the configuration, where that file exists.
    ///
    /// # Errors
    /// It exists and cannot be read: then nobody knows whom it protects.
    pub fn open(config: &Config) -> anyhow::Result<Marks> {
        let exists = config.knowledge.exists();
        let knowledge = exists.then(|| intel::open(&config.knowledge));
        Ok(Marks {
            knowledge: knowledge.transpose()?,
            known: BTreeMap::new(),
        })
    }

    /// Why an asset must not be touched.
    pub fn of(&mut self, asset: &Asset) -> Vec<Marked> {
        let key = what_it_is(asset);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let marked = match untouchable::marks(asset, self.knowledge.as_ref()) {
            Ok(rows) => rows.iter().map(|row| marked(row)).collect(),
            // Nobody can say whether it is safe.
            Err(error) => vec![Marked {
                row: format!("what is known of it cannot be read: {error}").into(),
                ports: Vec::new(),
            }],
        };
        if self.known.len() >= KINDS {
            self.known.clear();
        }
        self.known.insert(key, marked.clone());
        marked
    }
}

fn marked(row: &untouchable::Row) -> Marked {
    let ports = row.ports.iter().filter_map(|port| port.parse().ok());
    Marked {
        row: Arc::from(row.to_string()),
        ports: ports.collect(),
    }
}

/// Everything of an asset that such a judgement stands on.
fn what_it_is(asset: &Asset) -> String {
    let mut key = String::new();
    for part in std::iter::once(asset).chain(&asset.children) {
        let said = [
            &part.vendor,
            &part.product,
            &part.model,
            &part.order_number,
            &part.firmware,
            &part.os,
            &part.os_version,
        ];
        for word in said {
            key.push_str(word.as_deref().unwrap_or_default());
            key.push('\0');
        }
        for cve in part.findings.iter().flat_map(|finding| &finding.cves) {
            key.push_str(cve);
            key.push('\0');
        }
        key.push('\u{1}');
    }
    key
}
