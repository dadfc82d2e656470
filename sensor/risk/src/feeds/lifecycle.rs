//! endoflife.date, API v1: `products/full`.

use std::io::Read;

use serde::{Deserialize, Serialize};

use super::{Refusal, Sink, cut, date, invalid, whole};
use crate::file::Record;

#[derive(Deserialize)]
struct Full {
    schema_version: String,
    generated_at: String,
    total: u64,
    result: Vec<Product>,
}

/// A product and its releases.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Product {
    /// Its name there: `windows-server`.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// `os`, `server-app` …
    #[serde(default)]
    pub category: String,
    /// Other names.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Its releases.
    pub releases: Vec<Release>,
}

/// A release and its ends.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// `14.04`, `11-24h2-e`.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub label: String,
    /// Name of the release.
    #[serde(default)]
    pub codename: Option<String>,
    /// End of security support.
    #[serde(default)]
    pub eol_from: Option<String>,
    /// Whether it has ended, where no date is known.
    #[serde(default)]
    pub is_eol: bool,
    /// End of extended support.
    #[serde(default)]
    pub eoes_from: Option<String>,
}

/// Reads the list.
///
/// # Errors
/// It is not that list, or does not hold what it must.
pub fn read(reader: &mut dyn Read, sink: &mut Sink<'_>) -> Result<String, Refusal> {
    let octets = whole(reader)?;
    let full: Full = serde_json::from_slice(&octets)?;
    if !full.schema_version.starts_with("1.")
        || full.total != full.result.len() as u64
        || date(&full.generated_at).is_none()
    {
        return invalid("it is no endoflife.date v1 list, or not as long as it states");
    }
    let generated = cut(&full.generated_at, 10).to_owned();
    for product in &full.result {
        let dates = product
            .releases
            .iter()
            .flat_map(|release| release.eol_from.iter().chain(&release.eoes_from));
        if let Some(wrong) = dates.into_iter().find(|text| date(text).is_none()) {
            return invalid(format!(
                "{}: `{}` is no date",
                cut(&product.name, 60),
                cut(wrong, 20)
            ));
        }
        sink(Record {
            key: format!("l/{}", cut(&product.name, 120)),
            rank: generated.clone(),
            value: serde_json::to_string(product)?,
        })?;
    }
    sink(Record {
        key: "f/endoflife".to_owned(),
        rank: generated.clone(),
        value: generated,
    })?;
    Ok(format!("{} products", full.result.len()))
}
