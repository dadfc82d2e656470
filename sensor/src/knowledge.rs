//! The fingerprints in use: ours, and a site's own from a folder.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use fossick_fingerprints::{Fingerprints, Said};
use fossick_parsers::PROTOCOLS;

use crate::safe::display_safe;

/// Loads ours and the sheets of the folder, if there is one. A sheet that is refused is an error: it was meant.
pub fn load(folder: Option<&Path>) -> anyhow::Result<Fingerprints> {
    let mut fingerprints = Fingerprints::built_in();
    let Some(folder) = folder else {
        return Ok(fingerprints);
    };
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("reading fingerprints from {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    paths.sort();
    if paths.is_empty() {
        bail!("no fingerprint sheets (*.toml) in {}", folder.display());
    }
    for path in paths {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("reading {}", path.display()))?;
        if let Err(refusals) = fingerprints.add(&text) {
            let reasons: Vec<String> = refusals.iter().map(ToString::to_string).collect();
            bail!("{} is refused:\n  {}", path.display(), reasons.join("\n  "));
        }
    }
    Ok(fingerprints)
}

/// A number that is another when the fingerprints in use are others.
///
/// # Errors
/// A sheet of the folder cannot be read.
pub fn hash(folder: Option<&Path>) -> anyhow::Result<u64> {
    let mut hash = Fingerprints::built_in().hash();
    if let Some(folder) = folder {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "toml"))
            .collect();
        paths.sort();
        for path in paths {
            for octet in std::fs::read(&path)? {
                // FNV-1a, as for ids: the same from run to run.
                hash = (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    Ok(hash)
}

/// Arguments of `fossick fingerprint`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Observation key, such as `modbus.product_code`
    #[arg(required_unless_present = "keys")]
    key: Option<String>,
    /// Value as a device would say it
    #[arg(required_unless_present = "keys")]
    value: Option<String>,
    /// List every key that a protocol can disclose
    #[arg(long)]
    keys: bool,
    /// Sheets of your own, asked before the built-in ones
    #[arg(long, value_name = "FOLDER")]
    fingerprints: Option<PathBuf>,
}

/// Says what a raw value would yield and by which entry.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let keys = || PROTOCOLS.iter().flat_map(|protocol| protocol.keys);
    if arguments.keys {
        for key in keys() {
            writeln!(std::io::stdout(), "{}", key.0)?;
        }
        return Ok(());
    }
    let fingerprints = load(arguments.fingerprints.as_deref())?;
    let key = arguments.key.as_deref().unwrap_or_default();
    let value = arguments.value.as_deref().unwrap_or_default();
    let known =
        keys().any(|known| known.0 == key) || key == fossick_fingerprints::ETHERNET_MANUFACTURER;
    if !known {
        bail!(
            "no protocol says `{}`: see `fossick fingerprint --keys`",
            display_safe(key)
        );
    }
    match fingerprints.read(key, value) {
        None => println!("No fingerprint matches: it would be an observation without a fact."),
        Some(reading) if reading.facts.is_empty() => {
            println!("{}: known to say nothing", reading.fingerprint);
        }
        Some(reading) => {
            println!("{} (certainty {})", reading.fingerprint, reading.certainty);
            for (said, value) in reading.facts {
                let name = match said {
                    Said::Asset(attribute) => attribute.name(),
                    Said::ServiceProduct => "service.product",
                    Said::ServiceVersion => "service.version",
                };
                println!("  {name:<16} {}", display_safe(&value));
            }
        }
    }
    Ok(())
}
