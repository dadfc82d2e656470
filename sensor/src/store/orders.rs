//! What persons said of an asset: it outranks everything heard.

use std::sync::Arc;

use fossick_model::{Asset, Attribute, Evidence, Fact, Frames, Kind, Time};

use super::tables::Standing;

/// Puts into the asset what persons said of it, as facts that win.
pub fn apply(asset: &mut Asset, standing: &Standing) {
    if let Some((name, since)) = &standing.name {
        asset.hostnames.retain(|other| other != name);
        asset.hostnames.insert(0, name.clone());
        asset
            .facts
            .insert(0, fact(Attribute::Hostname, "operator.name", name, *since));
    }
    if let Some((name, since)) = &standing.kind
        && let Some(kind) = Kind::named(name)
    {
        asset.kind = Some(kind);
        asset.category = kind.category();
        asset
            .facts
            .insert(0, fact(Attribute::Kind, "operator.kind", name, *since));
    }
}

fn fact(attribute: Attribute, key: &'static str, value: &str, since: Time) -> Fact {
    Fact {
        attribute,
        value: value.to_owned(),
        certainty: 100,
        key: key.into(),
        raw: Arc::from(value),
        fingerprint: Arc::from("operator"),
        evidence: Evidence {
            capture: Arc::from("operator"),
            frames: Frames::Several(Vec::new()),
            time: since,
            heard: false,
            octets: Vec::new(),
        },
    }
}
