//! The inventory as a `CycloneDX` 1.6 bill of materials (ECMA-424): each asset is a `device`, with its firmware, its operating
//! system and the devices behind it inside.
//!
//! Evidence goes where the standard has a place for it: `evidence.identity` of the device's name, of the version of firmware and
//! operating system, with our certainty as confidence; `evidence.occurrences` names the packets.

use std::io::{self, Write};

use fossick_model::{Asset, Attribute, Fact};
use serde_json::{Map, Value, json};

use crate::Report;
use crate::figures::{Figures, Listed};
use crate::json::list;

/// Facts of an asset that become properties and occurrences.
const MOST_FACTS: usize = 100;

pub fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let figures = Figures::of(report);
    components(report, &figures, out)?;
    out.write_all(b"}\n")
}

/// The document but for its end, component by component: together they would take more memory than what they are made of.
pub fn components(
    report: &Report<'_>,
    figures: &Figures<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let head = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata(report, figures),
    });
    let head = serde_json::to_string(&head)?;
    out.write_all(head.strip_suffix('}').unwrap_or_default().as_bytes())?;
    let hosts = figures.listed.iter().filter(|one| one.host.is_none());
    member(out, "components", hosts.map(|one| component(figures, one)))
}

/// One more member of an object that others precede: a list, an element a line.
pub fn member(out: &mut dyn Write, name: &str, all: impl Iterator<Item = Value>) -> io::Result<()> {
    write!(out, ",\n\"{name}\":[")?;
    list(out, all)?;
    out.write_all(b"]")
}

fn metadata(report: &Report<'_>, figures: &Figures<'_>) -> Value {
    let mut metadata = json!({
        "tools": {"components": [{"type": "application", "name": "fossick", "version": report.version}]},
        "lifecycles": [{"phase": "discovery"}],
        "properties": [
            property("fossick:as_of", &report.as_of.to_string()),
            property("fossick:site", report.site),
        ],
    });
    if let (Some((_, last)), Some(fields)) = (figures.period(), metadata.as_object_mut()) {
        fields.insert("timestamp".to_owned(), json!(last));
    }
    metadata
}

fn property(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}

/// What a fact rests on: how sure it is, and its packet.
fn identity(field: &str, fact: &Fact) -> Value {
    let confidence = f64::from(fact.certainty) / 100.0;
    json!({
        "field": field,
        "confidence": confidence,
        "concludedValue": fact.value,
        "methods": [{
            "technique": "other",
            "confidence": confidence,
            "value": format!("{} = {}; {}", fact.key, fact.raw, place(fact)),
        }],
    })
}

fn place(fact: &Fact) -> String {
    let frames: Vec<String> = fact
        .evidence
        .frames
        .all()
        .iter()
        .map(ToString::to_string)
        .collect();
    format!("{}#{}", fact.evidence.capture, frames.join(","))
}

fn component(figures: &Figures<'_>, one: &Listed<'_>) -> Value {
    let asset = one.asset;
    let named = [Attribute::Model, Attribute::Product, Attribute::OrderNumber];
    let name = named.iter().find_map(|it| asset.winner(*it));
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    put("type", json!("device"));
    put("bom-ref", json!(asset.id));
    put(
        "name",
        json!(name.map_or_else(|| asset.label(), |fact| fact.value.clone())),
    );
    if let Some(vendor) = &asset.vendor {
        put("manufacturer", json!({"name": vendor}));
    }
    if let Some(hardware) = &asset.hardware {
        put("version", json!(hardware));
    }
    if let Some(description) = &asset.description {
        put("description", json!(description));
    }
    put("properties", Value::Array(properties(figures, one)));
    let identities: Vec<Value> = name.iter().map(|fact| identity("name", fact)).collect();
    let occurrences: Vec<Value> = asset
        .facts
        .iter()
        .take(MOST_FACTS)
        .map(|fact| {
            let context = format!(
                "{} = {} ({} of 100): {} = {}",
                fact.attribute, fact.value, fact.certainty, fact.key, fact.raw
            );
            json!({"location": place(fact), "additionalContext": context})
        })
        .collect();
    let mut evidence = Map::new();
    for (key, list) in [("identity", identities), ("occurrences", occurrences)] {
        if !list.is_empty() {
            evidence.insert(key.to_owned(), Value::Array(list));
        }
    }
    if !evidence.is_empty() {
        put("evidence", Value::Object(evidence));
    }
    let mut inside: Vec<Value> = software(asset);
    let children = asset
        .children
        .iter()
        .filter_map(|child| figures.asset(&child.id));
    // A device stands below its host; nothing stands below a device.
    let children = children.filter(|child| child.host.is_some() && one.host.is_none());
    inside.extend(children.map(|child| component(figures, child)));
    if !inside.is_empty() {
        put("components", Value::Array(inside));
    }
    Value::Object(fields)
}

fn properties(figures: &Figures<'_>, one: &Listed<'_>) -> Vec<Value> {
    let asset = one.asset;
    let mut all = vec![
        property(
            "fossick:kind",
            asset.kind.map_or("unknown", |kind| kind.name()),
        ),
        property("fossick:category", asset.category.name()),
        property("fossick:zone", figures.zone(one.zone)),
        property("fossick:first_seen", &asset.first_seen.to_string()),
        property("fossick:last_seen", &asset.last_seen.to_string()),
    ];
    let mut add = |name: &str, value: &str| all.push(property(&format!("fossick:{name}"), value));
    for ip in asset.ips() {
        add("ip", &ip.to_string());
    }
    for mac in asset.addresses.iter().flat_map(|addresses| &addresses.mac) {
        add("mac", mac);
    }
    for name in &asset.hostnames {
        add("hostname", name);
    }
    let single = [
        ("path", &asset.path),
        ("order_number", &asset.order_number),
        ("serial", &asset.serial),
        ("location", &asset.location),
        ("domain", &asset.domain),
    ];
    for (name, value) in single {
        if let Some(value) = value {
            add(name, value);
        }
    }
    for protocol in &asset.protocols {
        add("protocol", protocol);
    }
    for limit in &asset.visibility {
        add("visibility", limit);
    }
    if let Some(control) = one.control {
        add("control", control.state.name());
    }
    all
}

/// Its firmware and its operating system, where a version or a name was seen.
fn software(asset: &Asset) -> Vec<Value> {
    let mut all = Vec::new();
    let model = asset.model.as_ref().or(asset.product.as_ref());
    let mut add = |kind: &str, name: String, version: Option<&Fact>, proof: Option<&Fact>| {
        let mut fields = Map::new();
        fields.insert("type".to_owned(), json!(kind));
        fields.insert("bom-ref".to_owned(), json!(format!("{}/{kind}", asset.id)));
        fields.insert("name".to_owned(), json!(name));
        if let Some(version) = version {
            fields.insert("version".to_owned(), json!(version.value));
        }
        let name = proof.map(|fact| identity("name", fact));
        let identities: Vec<Value> = name
            .into_iter()
            .chain(version.map(|fact| identity("version", fact)))
            .collect();
        fields.insert("evidence".to_owned(), json!({"identity": identities}));
        all.push(Value::Object(fields));
    };
    if let Some(firmware) = asset.winner(Attribute::Firmware) {
        let name = model.map_or_else(
            || "firmware".to_owned(),
            |model| format!("{model} firmware"),
        );
        add("firmware", name, Some(firmware), None);
    }
    if let Some(os) = asset.winner(Attribute::Os) {
        add(
            "operating-system",
            os.value.clone(),
            asset.winner(Attribute::OsVersion),
            Some(os),
        );
    }
    all
}
