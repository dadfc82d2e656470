//! Bundles: a knowledge file for a memory stick, with a signature beside it (minisign's format, so that its own tools can
//! check it as well). What is in one is knowledge and nothing else: no bundle can change what is sent.
//!
//! ```text
//! knowledge.bundle           the knowledge file, and when it was packed
//! knowledge.bundle.minisig   the signature
//! ```

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use clap::Args;
use fossick_model::Time;
use fossick_risk::file::Reader;
use fossick_risk::import::{self, Import};
use minisign::{KeyPair, PublicKey, SecretKey, SecretKeyBox};

use crate::intel;
use crate::safe::display_safe;

/// Where the keys of those are whose bundles are taken.
const KEYS: &str = "/etc/fossick/keys";
/// Octets of a bundle.
const LARGEST: u64 = 8 << 30;
/// Octets of a key or a signature.
const LARGEST_KEY: u64 = 8 << 10;
/// Keys of a folder.
const MOST_KEYS: usize = 100;
/// How far a bundle may be ahead of this machine's clock.
const AHEAD: i64 = 48 * 3600 * 1_000_000_000;

/// Arguments of `fossick intel key`.
#[derive(Debug, Args)]
pub struct Key {
    /// Makes FILE (secret, stays where bundles are packed) and FILE.pub (for the sensors)
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Arguments of `fossick intel pack`.
#[derive(Debug, Args)]
pub struct Pack {
    /// The bundle; its signature is put beside it
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// The secret key: of `fossick intel key`, or of minisign
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

/// Arguments of `fossick intel install`.
#[derive(Debug, Args)]
pub struct Install {
    /// The bundle; its signature is beside it
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// A public key (*.pub) whose bundles are taken, or a folder of such
    #[arg(long = "key", value_name = "PATH", default_value = KEYS)]
    keys: Vec<PathBuf>,
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}

fn small(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let file = File::open(path).with_context(|| format!("reading {}", path.display()))?;
    file.take(LARGEST_KEY)
        .read_to_string(&mut text)
        .with_context(|| format!("reading {}", path.display()))?;
    Ok(text)
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanoseconds = since.map_or(0, |since| since.as_nanos());
    Time(i64::try_from(nanoseconds).unwrap_or(i64::MAX))
}

/// Runs `fossick intel key`.
///
/// # Errors
/// A file is there already, or cannot be written.
pub fn key(arguments: &Key) -> anyhow::Result<()> {
    let (secret, public) = (arguments.file.clone(), beside(&arguments.file, ".pub"));
    let KeyPair { pk, sk } = KeyPair::generate_unencrypted_keypair()?;
    let write = |path: &Path, mode: u32, text: String| -> anyhow::Result<()> {
        let mut new = OpenOptions::new();
        let file = new.write(true).create_new(true).mode(mode).open(path);
        let mut file = file.with_context(|| format!("writing {}", path.display()))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(())
    };
    write(&secret, 0o600, sk.to_box(None)?.to_string())?;
    write(&public, 0o644, pk.to_box()?.to_string())?;
    println!(
        "{}: the secret key; keep it where bundles are packed, and nowhere else",
        secret.display()
    );
    println!(
        "{}: the public key; put it into {KEYS} of every sensor",
        public.display()
    );
    Ok(())
}

/// Runs `fossick intel pack`.
///
/// # Errors
/// The knowledge or the key cannot be read, or the bundle not be written.
pub fn pack(knowledge: &Path, arguments: &Pack) -> anyhow::Result<()> {
    let text = small(&arguments.key)?;
    let own = || SecretKeyBox::from_string(&text);
    // Whether it is behind a password is known when it was tried.
    let secret = SecretKey::from_unencrypted_box(own()?)
        .or_else(|_| SecretKey::from_box(own()?, None))
        .with_context(|| format!("{}: no secret key", arguments.key.display()))?;
    let public = PublicKey::from_secret_key(&secret)?;
    let old = intel::reader(knowledge)?.with_context(|| {
        format!(
            "{}: no knowledge; `fossick intel --knowledge FILE import PATH` makes it",
            knowledge.display()
        )
    })?;
    let mut import = Import::default();
    let made = now().to_string();
    let mut scratch = intel::scratch(&arguments.bundle);
    import.packed(&made, &mut *scratch)?;
    let count = intel::put(&arguments.bundle, import, vec![old], &mut *scratch)?;
    let signature = minisign::sign(
        Some(&public),
        &secret,
        File::open(&arguments.bundle)?,
        Some(&format!("fossick knowledge packed {made}")),
        None,
    )?;
    let place = beside(&arguments.bundle, ".minisig");
    std::fs::write(&place, signature.to_string())
        .with_context(|| format!("writing {}", place.display()))?;
    println!(
        "{}: {count} records, packed {made}\n{}: its signature; both belong together",
        arguments.bundle.display(),
        place.display()
    );
    Ok(())
}

/// The keys of files and folders.
fn keys(paths: &[PathBuf]) -> anyhow::Result<Vec<minisign_verify::PublicKey>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = std::fs::read_dir(path)
                .with_context(|| format!("reading {}", path.display()))?
                .filter_map(|entry| Some(entry.ok()?.path()));
            let keys = entries.filter(|path| path.extension().is_some_and(|end| end == "pub"));
            files.extend(keys.take(MOST_KEYS));
        } else {
            files.push(path.clone());
        }
    }
    let mut keys = Vec::new();
    for file in files {
        let text = small(&file)
            .context("no key to verify bundles with: --key names one, or a folder of such")?;
        let key = minisign_verify::PublicKey::decode(&text);
        keys.push(key.with_context(|| format!("{}: no public key", file.display()))?);
    }
    if keys.is_empty() {
        bail!("no key to verify bundles with: --key names one, or a folder with *.pub");
    }
    Ok(keys)
}

/// Runs `fossick intel install`. What is verified is a copy of the bundle that nobody else can write.
///
/// # Errors
/// The signature is not by one of the keys or does not fit, or the bundle is older than what is installed; then nothing
/// is changed.
pub fn install(knowledge: &Path, arguments: &Install) -> anyhow::Result<()> {
    let bundle = &arguments.bundle;
    let unchanged = "nothing is changed";
    let keys = keys(&arguments.keys)?;
    let place = beside(bundle, ".minisig");
    let text = small(&place)
        .with_context(|| format!("a bundle comes with its signature beside it; {unchanged}"))?;
    let signature = minisign_verify::Signature::decode(&text)
        .with_context(|| format!("{}: no signature; {unchanged}", place.display()))?;
    let mut fitting = keys
        .iter()
        .filter_map(|key| key.verify_stream(&signature).ok());
    let Some(mut verifier) = fitting.next() else {
        bail!(
            "{}: signed with a key that is none of the {} known here; {unchanged}",
            bundle.display(),
            keys.len()
        );
    };
    let _guard = intel::guard(knowledge)?;
    let mut scratch = intel::scratch(knowledge);
    let mut copy = scratch()?;
    let from = File::open(bundle).with_context(|| format!("reading {}", bundle.display()))?;
    let mut from = from.take(LARGEST.saturating_add(1));
    let mut piece = vec![0; 64 << 10];
    let mut octets = 0_u64;
    loop {
        let read = from.read(&mut piece)?;
        let Some(piece) = piece.get(..read).filter(|piece| !piece.is_empty()) else {
            break;
        };
        verifier.update(piece);
        copy.write_all(piece)?;
        octets = octets.saturating_add(read as u64);
    }
    if octets > LARGEST {
        bail!("{}: too large; {unchanged}", bundle.display());
    }
    verifier.finalize().with_context(|| {
        format!(
            "{}: the signature does not fit it: it was damaged or altered; {unchanged}",
            bundle.display()
        )
    })?;
    let mut new = Reader::of(copy)
        .with_context(|| format!("{}: no bundle; {unchanged}", bundle.display()))?;
    let Some(made) = import::packed(&mut new)? else {
        bail!(
            "{}: not made by `fossick intel pack`; {unchanged}",
            bundle.display()
        );
    };
    if made > Time(now().0.saturating_add(AHEAD)).to_string() {
        bail!(
            "{}: packed {}, which has not come yet by this machine's clock: set the clock, or pack it anew; {unchanged}",
            bundle.display(),
            display_safe(&made)
        );
    }
    let mut old = intel::reader(knowledge)?;
    let installed = match &mut old {
        Some(old) => import::packed(old)?,
        None => None,
    };
    match installed.as_deref() {
        Some(installed) if *made < *installed => bail!(
            "{}: packed {}, but what is installed was packed {}; {unchanged}",
            bundle.display(),
            display_safe(&made),
            display_safe(installed)
        ),
        Some(installed) if made == installed => {
            println!("{}: installed already", bundle.display());
            return Ok(());
        }
        _ => {}
    }
    let sources = old.into_iter().chain([new]).collect();
    let count = intel::put(knowledge, Import::default(), sources, &mut *scratch)?;
    println!(
        "{}: {count} records, packed {}",
        knowledge.display(),
        display_safe(&made)
    );
    Ok(())
}
