//! CSAF 2.0 (OASIS): security advisories, VEX, and the other profiles.
//!
//! What is required is required (§3.2), every product id is defined once (tests 6.1.1, 6.1.2), and no product of one
//! vulnerability has contradicting status (6.1.6).

use std::collections::{HashMap, HashSet};
use std::io::Read;

use serde::Deserialize;

use super::{Refusal, Sink, cut, date, invalid, whole};
use crate::advisory::{Advisory, Entry, Remediation, Stated, Vulnerability};
use crate::file::Record;
use crate::limits;

#[derive(Deserialize)]
struct Csaf {
    document: Document,
    #[serde(default)]
    product_tree: Option<Tree>,
    #[serde(default)]
    vulnerabilities: Vec<Vuln>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "category")]
    _category: String,
    csaf_version: String,
    publisher: Publisher,
    title: String,
    tracking: Tracking,
}

#[derive(Deserialize)]
struct Publisher {
    #[serde(rename = "category")]
    _category: String,
    name: String,
    #[serde(rename = "namespace")]
    _namespace: String,
}

#[derive(Deserialize)]
struct Tracking {
    current_release_date: String,
    id: String,
    #[serde(rename = "initial_release_date")]
    _initial: String,
    revision_history: Vec<serde::de::IgnoredAny>,
    status: String,
    version: String,
}

#[derive(Deserialize)]
struct Tree {
    #[serde(default)]
    branches: Vec<Branch>,
    #[serde(default)]
    full_product_names: Vec<Product>,
    #[serde(default)]
    relationships: Vec<Relationship>,
    #[serde(default)]
    product_groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Branch {
    category: String,
    name: String,
    #[serde(default)]
    branches: Vec<Branch>,
    #[serde(default)]
    product: Option<Product>,
}

#[derive(Deserialize)]
struct Product {
    name: String,
    #[serde(rename = "product_id")]
    id: String,
    #[serde(default, rename = "product_identification_helper")]
    helper: Option<Identification>,
}

#[derive(Deserialize)]
struct Identification {
    #[serde(default)]
    cpe: Option<String>,
    #[serde(default)]
    model_numbers: Vec<String>,
    #[serde(default)]
    skus: Vec<String>,
}

#[derive(Deserialize)]
struct Relationship {
    category: String,
    full_product_name: Product,
    product_reference: String,
    relates_to_product_reference: String,
}

#[derive(Deserialize)]
struct Group {
    group_id: String,
    product_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Vuln {
    #[serde(default)]
    cve: Option<String>,
    #[serde(default)]
    ids: Vec<Id>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    product_status: Status,
    #[serde(default)]
    remediations: Vec<Row>,
    #[serde(default)]
    scores: Vec<Score>,
}

#[derive(Deserialize)]
struct Id {
    text: String,
}

#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    first_affected: Vec<String>,
    #[serde(default)]
    first_fixed: Vec<String>,
    #[serde(default)]
    fixed: Vec<String>,
    #[serde(default)]
    known_affected: Vec<String>,
    #[serde(default)]
    known_not_affected: Vec<String>,
    #[serde(default)]
    last_affected: Vec<String>,
    #[serde(default)]
    recommended: Vec<String>,
    #[serde(default)]
    under_investigation: Vec<String>,
}

#[derive(Deserialize)]
struct Row {
    category: String,
    details: String,
    #[serde(default)]
    product_ids: Vec<String>,
    #[serde(default)]
    group_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Score {
    #[serde(default)]
    cvss_v3: Option<Cvss>,
    #[serde(default)]
    cvss_v2: Option<Cvss>,
}

#[derive(Deserialize)]
struct Cvss {
    #[serde(rename = "baseScore")]
    base_score: f64,
}

const CATEGORIES: [&str; 12] = [
    "architecture",
    "host_name",
    "language",
    "legacy",
    "patch_level",
    "product_family",
    "product_name",
    "product_version",
    "product_version_range",
    "service_pack",
    "specification",
    "vendor",
];
const REMEDIATIONS: [&str; 5] = [
    "mitigation",
    "no_fix_planned",
    "none_available",
    "vendor_fix",
    "workaround",
];

/// What the branches above a product say of it.
#[derive(Clone, Default)]
struct Above<'a> {
    vendor: &'a str,
    names: Vec<&'a str>,
    version: Option<Stated>,
}

#[derive(Default)]
struct Entries {
    list: Vec<Entry>,
    place: HashMap<String, u32>,
}

impl Entries {
    fn add(&mut self, id: &str, entry: Entry) -> Result<(), Refusal> {
        let place = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        if self.list.len() >= limits::ENTRIES {
            return invalid(format!("it has more than {} products", limits::ENTRIES));
        }
        if id.is_empty() || self.place.insert(id.to_owned(), place).is_some() {
            return invalid(format!(
                "product id `{}` is defined twice or empty",
                cut(id, 60)
            ));
        }
        self.list.push(entry);
        Ok(())
    }

    fn product(&mut self, product: &Product, above: &Above<'_>) -> Result<(), Refusal> {
        let mut entry = Entry {
            vendor: cut(above.vendor, limits::TEXT).to_owned(),
            name: cut(&above.names.join(" "), limits::TEXT).to_owned(),
            version: above
                .version
                .clone()
                .unwrap_or(Stated::Text("*".to_owned())),
            ..Entry::default()
        };
        if entry.name.is_empty() {
            cut(&product.name, limits::TEXT).clone_into(&mut entry.name);
            if above.version.is_none() {
                // The version stands in the name, if anywhere.
                let (name, version) = split(&entry.name);
                (entry.name, entry.version) = (name, Stated::Text(version));
            }
        }
        if let Some(helper) = &product.helper {
            let numbers = helper.model_numbers.iter().chain(&helper.skus);
            entry.orders = numbers
                .map(|number| cut(number, limits::TEXT).to_owned())
                .take(64)
                .collect();
            if let (true, Some(cpe)) = (
                entry.vendor.is_empty(),
                helper.cpe.as_deref().and_then(super::nvd::Cpe::read),
            ) {
                entry.vendor = cpe.vendor;
            }
        }
        self.add(&product.id, entry)
    }

    fn branch<'a>(
        &mut self,
        branch: &'a Branch,
        above: &Above<'a>,
        depth: usize,
    ) -> Result<(), Refusal> {
        if depth > limits::BRANCHES {
            return invalid("its branches are too deep");
        }
        let mut here = above.clone();
        match branch.category.as_str() {
            "vendor" => here.vendor = &branch.name,
            "product_name" | "product_family" => here.names.push(&branch.name),
            "product_version" | "product_version_range" => {
                here.version = Some(Stated::Text(cut(&branch.name, limits::TEXT).to_owned()));
            }
            "service_pack" | "patch_level" => {
                if let Some(Stated::Text(text)) = &mut here.version {
                    text.push(' ');
                    text.push_str(cut(&branch.name, limits::TEXT));
                }
            }
            known if CATEGORIES.contains(&known) => {}
            other => return invalid(format!("`{}` is no category of a branch", cut(other, 60))),
        }
        if let Some(product) = &branch.product {
            self.product(product, &here)?;
        }
        for inner in &branch.branches {
            self.branch(inner, &here, depth.saturating_add(1))?;
        }
        Ok(())
    }

    fn relationship(&mut self, relation: &Relationship) -> Result<(), Refusal> {
        let known = |id: &String| {
            self.place
                .get(id)
                .and_then(|at| self.list.get(usize::try_from(*at).ok()?))
        };
        let (Some(what), Some(on)) = (
            known(&relation.product_reference),
            known(&relation.relates_to_product_reference),
        ) else {
            return invalid(format!(
                "relationship of undefined product `{}`",
                cut(&relation.product_reference, 60)
            ));
        };
        let mut entry = on.clone();
        // Firmware on its hardware is one product; anything else must be there besides.
        let firmware = what.name.to_lowercase().contains("firmware")
            || what.name == on.name
            || what.name.contains(&on.name);
        let versioned = |entry: &Entry| entry.version != Stated::Text("*".to_owned());
        if firmware
            || relation.category == "default_component_of" && versioned(what) && !versioned(on)
        {
            entry.version = what.version.clone();
            entry.orders.extend(what.orders.iter().cloned());
        } else {
            entry
                .also
                .push(vec![format!("{} {}", what.name, what.version.text())]);
        }
        self.add(&relation.full_product_name.id, entry)
    }

    fn places(&self, ids: &[String]) -> Result<Vec<u32>, Refusal> {
        let place = |id: &String| match self.place.get(id) {
            Some(place) => Ok(*place),
            None => invalid(format!("product id `{}` is not defined", cut(id, 60))),
        };
        ids.iter().map(place).collect()
    }
}

/// `Product < 1.2`: the name, and the range.
fn split(name: &str) -> (String, String) {
    let at = name
        .find(['<', '>', '='])
        .or_else(|| name.find(": "))
        .filter(|at| *at > 0);
    match at.and_then(|at| Some((name.get(..at)?, name.get(at..)?))) {
        Some((name, range)) => (
            name.trim().to_owned(),
            range.trim_start_matches([':', ' ']).to_owned(),
        ),
        None => match crate::versions::in_name(name) {
            Some((version, at)) => (
                name.get(..at.start).unwrap_or(name).trim().to_owned(),
                version,
            ),
            None => (name.to_owned(), "*".to_owned()),
        },
    }
}

/// Reads one document.
///
/// # Errors
/// It is no CSAF 2.0, or does not hold what it must.
pub fn read(reader: &mut dyn Read, sink: &mut Sink<'_>) -> Result<String, Refusal> {
    let octets = whole(reader)?;
    let csaf: Csaf = serde_json::from_slice(&octets)?;
    let tracking = &csaf.document.tracking;
    if csaf.document.csaf_version != "2.0" {
        return invalid(format!(
            "CSAF version `{}` is not 2.0",
            cut(&csaf.document.csaf_version, 20)
        ));
    }
    if tracking.id.is_empty()
        || tracking.id.len() > 256
        || tracking.id.contains(|c: char| c.is_control())
    {
        return invalid("its id is empty, too long or holds control characters");
    }
    if date(&tracking.current_release_date).is_none() {
        return invalid("its release date is none");
    }
    if !["draft", "final", "interim"].contains(&tracking.status.as_str())
        || tracking.revision_history.is_empty()
    {
        return invalid("its status or revision history is not as CSAF wants it");
    }
    let mut entries = Entries::default();
    if let Some(tree) = &csaf.product_tree {
        for branch in &tree.branches {
            entries.branch(branch, &Above::default(), 0)?;
        }
        for product in &tree.full_product_names {
            entries.product(product, &Above::default())?;
        }
        for relation in &tree.relationships {
            entries.relationship(relation)?;
        }
    }
    if csaf.vulnerabilities.len() > limits::VULNERABILITIES {
        return invalid(format!(
            "it has more than {} vulnerabilities",
            limits::VULNERABILITIES
        ));
    }
    let groups = csaf
        .product_tree
        .iter()
        .flat_map(|tree| &tree.product_groups);
    let groups: HashMap<&str, &Group> = groups
        .map(|group| (group.group_id.as_str(), group))
        .collect();
    let vulnerabilities = csaf
        .vulnerabilities
        .iter()
        .map(|vuln| vulnerability(vuln, &entries, &groups));
    let advisory = Advisory {
        feed: "csaf".to_owned(),
        id: tracking.id.clone(),
        title: cut(&csaf.document.title, limits::TEXT).to_owned(),
        publisher: cut(&csaf.document.publisher.name, 120).to_owned(),
        date: cut(&tracking.current_release_date, 10).to_owned(),
        vulnerabilities: vulnerabilities.collect::<Result<_, _>>()?,
        entries: entries.list,
    };
    let rank = format!(
        "{} {:0>12}",
        tracking.current_release_date,
        cut(&tracking.version, 12)
    );
    let rank = rank.replace('\n', " ");
    sink(Record {
        key: format!("a/csaf/{}", advisory.id),
        rank,
        value: serde_json::to_string(&advisory)?,
    })?;
    sink(Record {
        key: "f/csaf".to_owned(),
        rank: advisory.date.clone(),
        value: advisory.date,
    })?;
    Ok(tracking.id.clone())
}

fn vulnerability(
    vuln: &Vuln,
    entries: &Entries,
    groups: &HashMap<&str, &Group>,
) -> Result<Vulnerability, Refusal> {
    let status = &vuln.product_status;
    let all = |lists: &[&Vec<String>]| -> Result<Vec<u32>, Refusal> {
        let mut places = Vec::new();
        for list in lists {
            places.extend(entries.places(list)?);
        }
        places.sort_unstable();
        places.dedup();
        Ok(places)
    };
    let affected = all(&[
        &status.known_affected,
        &status.first_affected,
        &status.last_affected,
    ])?;
    let not_affected = all(&[
        &status.known_not_affected,
        &status.fixed,
        &status.first_fixed,
        &status.recommended,
    ])?;
    let investigated = all(&[&status.under_investigation])?;
    let said: HashSet<&u32> = affected.iter().collect();
    let recommended = entries.places(&status.recommended)?;
    if not_affected
        .iter()
        .any(|place| said.contains(place) && !recommended.contains(place))
    {
        return invalid("a product is both affected and not affected");
    }
    let mut remediations = Vec::new();
    for row in &vuln.remediations {
        if !REMEDIATIONS.contains(&row.category.as_str()) {
            return invalid(format!(
                "`{}` is no category of a remediation",
                cut(&row.category, 60)
            ));
        }
        let mut places = entries.places(&row.product_ids)?;
        for group in &row.group_ids {
            let Some(group) = groups.get(group.as_str()) else {
                return invalid(format!("product group `{}` is not defined", cut(group, 60)));
            };
            places.extend(entries.places(&group.product_ids)?);
        }
        places.sort_unstable();
        places.dedup();
        remediations.push(Remediation {
            category: row.category.clone(),
            details: cut(&row.details, limits::QUOTED).to_owned(),
            entries: places,
        });
    }
    let scores = vuln
        .scores
        .iter()
        .flat_map(|score| score.cvss_v3.iter().chain(&score.cvss_v2));
    let cvss = scores
        .map(|cvss| cvss.base_score)
        .filter(|score| (0.0..=10.0).contains(score));
    let name = vuln
        .cve
        .clone()
        .or_else(|| vuln.ids.first().map(|id| id.text.clone()))
        .or_else(|| vuln.title.clone());
    Ok(Vulnerability {
        cve: cut(&name.unwrap_or_default(), 120).to_owned(),
        cvss: cvss.reduce(f64::max),
        affected,
        not_affected,
        investigated,
        remediations,
    })
}
