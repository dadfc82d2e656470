//! The fingerprints in use: ours, a site's own from a folder, and files of Recog from another.

use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use fossick_fingerprints::recog::{self, Complaint};
use fossick_fingerprints::{Fingerprints, Reading, Said};
use fossick_parsers::PROTOCOLS;

use crate::safe::display_safe;

/// Most octets of a file that is read; the loader of each kind has its own limits below that.
const LARGEST: u64 = 16 * 1024 * 1024;
/// Most files of one folder.
const MOST_FILES: usize = 1000;
/// Complaints of each kind that are printed of one file.
const MOST_SHOWN: usize = 20;
/// Characters of a value that are printed.
const LONGEST_SHOWN: usize = 100;

/// Loads ours, the sheets of one folder and the Recog files of the other, where there are such.
///
/// # Errors
/// A file is refused: it was meant.
pub fn load(sheets: Option<&Path>, recog: Option<&Path>) -> anyhow::Result<Fingerprints> {
    let mut fingerprints = Fingerprints::built_in();
    for path in files(sheets, "toml")? {
        let text = text(&path)?;
        if let Err(refusals) = fingerprints.add(&text) {
            let reasons: Vec<String> = refusals.iter().map(ToString::to_string).collect();
            bail!("{} is refused:\n  {}", path.display(), reasons.join("\n  "));
        }
    }
    for path in files(recog, "xml")? {
        fingerprints
            .add_recog(stem(&path), &text(&path)?)
            .with_context(|| format!("{} is refused", path.display()))?;
    }
    Ok(fingerprints)
}

/// A number that is another when the fingerprints in use are others.
///
/// # Errors
/// A file cannot be read.
pub fn hash(sheets: Option<&Path>, recog: Option<&Path>) -> anyhow::Result<u64> {
    let mut hash = Fingerprints::built_in().hash();
    let mut paths = files(sheets, "toml")?;
    paths.extend(files(recog, "xml")?);
    for path in paths {
        for octet in octets(&path)? {
            // FNV-1a, as for ids: the same from run to run.
            hash = (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    Ok(hash)
}

/// The files of a folder with this ending, by name; there must be one.
fn files(folder: Option<&Path>, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    let Some(folder) = folder else {
        return Ok(Vec::new());
    };
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("reading fingerprints from {}", folder.display()))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let wanted = paths.filter(|path| path.extension().is_some_and(|end| end == ending));
    let mut paths: Vec<PathBuf> = wanted.take(MOST_FILES).collect();
    paths.sort();
    if paths.is_empty() {
        bail!("no fingerprints (*.{ending}) in {}", folder.display());
    }
    Ok(paths)
}

fn octets(path: &Path) -> anyhow::Result<Vec<u8>> {
    let reading = || format!("reading {}", path.display());
    let file = std::fs::File::open(path).with_context(reading)?;
    let mut octets = Vec::new();
    let beyond = LARGEST.saturating_add(1);
    file.take(beyond)
        .read_to_end(&mut octets)
        .with_context(reading)?;
    if u64::try_from(octets.len()).is_ok_and(|length| length == beyond) {
        bail!("{} has more than {LARGEST} octets", path.display());
    }
    Ok(octets)
}

fn text(path: &Path) -> anyhow::Result<String> {
    String::from_utf8(octets(path)?).with_context(|| format!("reading {}", path.display()))
}

fn stem(path: &Path) -> &str {
    path.file_stem()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// Arguments of `fossick fingerprint`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Observation key, such as `modbus.product_code`; with --recog, the name of a database too
    #[arg(required_unless_present_any = ["keys", "check"])]
    key: Option<String>,
    /// Value as a device would say it
    #[arg(required_unless_present_any = ["keys", "check"])]
    value: Option<String>,
    /// List every key that a protocol can disclose
    #[arg(long)]
    keys: bool,
    /// Sheets of your own, asked before the built-in ones
    #[arg(long, value_name = "FOLDER")]
    fingerprints: Option<PathBuf>,
    /// Files of Recog (*.xml), asked besides; what they say counts for less
    #[arg(long, value_name = "FOLDER")]
    recog: Option<PathBuf>,
    /// Try every example in the files of Recog and list the patterns that are refused
    #[arg(long, requires = "recog", conflicts_with_all = ["key", "value", "keys"])]
    check: bool,
}

/// Says what a raw value would yield and by which entry.
///
/// # Errors
/// The key is not known, fingerprints cannot be read, or nobody reads what is printed.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let keys = || PROTOCOLS.iter().flat_map(|protocol| protocol.keys);
    let mut out = std::io::stdout().lock();
    if arguments.keys {
        for key in keys() {
            writeln!(out, "{}", key.0)?;
        }
        return Ok(());
    }
    if arguments.check {
        return check(arguments.recog.as_deref(), &mut out);
    }
    let fingerprints = load(
        arguments.fingerprints.as_deref(),
        arguments.recog.as_deref(),
    )?;
    let key = arguments.key.as_deref().unwrap_or_default();
    let value = arguments.value.as_deref().unwrap_or_default();
    let known =
        keys().any(|known| known.0 == key) || key == fossick_fingerprints::ETHERNET_MANUFACTURER;
    let mut databases = fingerprints.recog().iter();
    let database = databases.find(|database| database.is_called(key));
    if !known && database.is_none() {
        bail!(
            "no protocol says `{}`: see `fossick fingerprint --keys`",
            display_safe(key)
        );
    }
    let readings = fingerprints.read(key, value);
    for reading in &readings {
        print(&mut out, reading)?;
    }
    // A database that reads no key of ours answers in its own words.
    let said = database.and_then(|database| Some((database, database.said(value)?)));
    if let Some((database, (entry, said))) = &said {
        writeln!(out, "recog/{}/{entry}, in its own words", database.name)?;
        for (name, value) in said {
            writeln!(out, "  {name:<16} {}", display_safe(value))?;
        }
    }
    if readings.is_empty() && said.is_none() {
        writeln!(
            out,
            "No fingerprint matches: it would be an observation without a fact."
        )?;
    }
    Ok(())
}

fn print(out: &mut dyn Write, reading: &Reading) -> std::io::Result<()> {
    if reading.facts.is_empty() {
        return writeln!(out, "{}: known to say nothing", reading.fingerprint);
    }
    writeln!(
        out,
        "{} (certainty {})",
        reading.fingerprint, reading.certainty
    )?;
    for (said, value) in &reading.facts {
        let name = match said {
            Said::Asset(attribute) => attribute.name(),
            Said::ServiceProduct => "service.product",
            Said::ServiceVersion => "service.version",
        };
        writeln!(out, "  {name:<16} {}", display_safe(value))?;
    }
    Ok(())
}

/// Prints what came of each example of a folder, file by file.
fn check(folder: Option<&Path>, out: &mut dyn Write) -> anyhow::Result<()> {
    let (mut right, mut wrong, mut refused, mut unusable) = (0_usize, 0_usize, 0_usize, 0_usize);
    for path in files(folder, "xml")? {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let open = |file: &str| example_file(&path, file);
        let report = match text(&path).and_then(|text| Ok(recog::check(stem(&path), &text, &open)?))
        {
            Ok(report) => report,
            Err(error) => {
                unusable = unusable.saturating_add(1);
                writeln!(out, "{name}: refused: {error:#}")?;
                continue;
            }
        };
        let key = report.key.unwrap_or("no key of ours");
        writeln!(
            out,
            "{name}: {} → {key}: {} fingerprints ({} backtracking, {} refused), examples: {} right, {} wrong",
            display_safe(&report.name),
            report.entries,
            report.backtracking,
            report.refused.len(),
            report.right,
            report.wrong.len(),
        )?;
        complain(out, "refused", &report.refused)?;
        complain(out, "wrong", &report.wrong)?;
        right = right.saturating_add(report.right);
        wrong = wrong.saturating_add(report.wrong.len());
        refused = refused.saturating_add(report.refused.len());
    }
    writeln!(
        out,
        "{right} examples right, {wrong} wrong; {refused} patterns and {unusable} files refused"
    )?;
    if unusable > 0 {
        bail!("{unusable} files are no Recog databases");
    }
    Ok(())
}

fn complain(out: &mut dyn Write, what: &str, complaints: &[Complaint]) -> std::io::Result<()> {
    for complaint in complaints.iter().take(MOST_SHOWN) {
        let shorten = |text: &str| -> String { text.chars().take(LONGEST_SHOWN).collect() };
        let entry = display_safe(&shorten(&complaint.entry));
        write!(
            out,
            "  {what}: {entry}: {}",
            display_safe(&complaint.reason)
        )?;
        match &complaint.example {
            Some(example) => writeln!(out, ": {}", display_safe(&shorten(example)))?,
            None => writeln!(out)?,
        }
    }
    match complaints.len().saturating_sub(MOST_SHOWN) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more"),
    }
}

/// A file that an example names: in the folder of the database's own, or beside it.
fn example_file(database: &Path, named: &str) -> Option<Vec<u8>> {
    let plain = Path::new(named)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let folder = database.parent()?;
    let places = [folder.join(stem(database)).join(named), folder.join(named)];
    places
        .iter()
        .filter(|_| plain)
        .find_map(|path| octets(path).ok())
}
