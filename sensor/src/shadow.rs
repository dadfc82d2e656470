//! What should not be there, for captures and for a running sensor: what the detectors of `fossick-shadow` need, and where it comes from.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use fossick_model::{Asset, Conversation};
use fossick_shadow::{Approvals, Approved, Columns, Import, Site, Zone, import};

use crate::config::Config;
use crate::safe::display_safe;

/// Most octets of a file of approved assets.
pub const LARGEST: u64 = 64 * 1024 * 1024;

/// The zones of a configuration, as detectors want them.
#[must_use]
pub fn zones(config: &Config) -> Vec<Zone> {
    let zones = config.zones.iter().map(|zone| Zone {
        name: zone.name.clone(),
        // They were checked when the configuration was read.
        networks: zone
            .networks
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect(),
        vlans: zone.vlans.clone(),
        purdue: zone.purdue,
    });
    zones.collect()
}

/// Reads one file of approved assets; rows that are refused are told on standard error.
///
/// # Errors
/// It cannot be read, or gives nothing.
pub fn approved(path: &Path, columns: &Columns) -> anyhow::Result<Vec<Approved>> {
    let shown = path.display();
    let file = std::fs::File::open(path).with_context(|| format!("reading {shown}"))?;
    let mut octets = Vec::new();
    let beyond = LARGEST.saturating_add(1);
    file.take(beyond)
        .read_to_end(&mut octets)
        .with_context(|| format!("reading {shown}"))?;
    if u64::try_from(octets.len()).is_ok_and(|length| length == beyond) {
        bail!("{shown} has more than {LARGEST} octets");
    }
    // Many an export is in a code page of its own: names may suffer, addresses do not.
    let text = String::from_utf8_lossy(&octets);
    let name = path.file_name().unwrap_or(path.as_os_str());
    let Import {
        approved,
        refused,
        refused_count,
    } = import(&name.to_string_lossy(), &text, columns).with_context(|| shown.to_string())?;
    for one in &refused {
        eprintln!(
            "fossick: {shown}, {}: {}",
            one.line,
            display_safe(&one.reason)
        );
    }
    let told = u64::try_from(refused.len()).unwrap_or(u64::MAX);
    if refused_count > told {
        let more = refused_count.saturating_sub(told);
        eprintln!("fossick: {shown}: and {more} more rows");
    }
    if approved.is_empty() {
        bail!("{shown}: no approved asset in it");
    }
    Ok(approved)
}

/// Adds to each asset what the detectors find.
pub fn detect(
    assets: &mut [Asset],
    conversations: &[Conversation],
    zones: &[Zone],
    approvals: &Approvals,
    off: &[String],
) {
    let site = Site::new(assets.iter(), conversations, zones, approvals, off);
    let found: Vec<_> = assets.iter().map(|asset| site.findings(asset)).collect();
    for (asset, findings) in assets.iter_mut().zip(found) {
        asset.findings.extend(findings);
    }
}
