//! What the world knows: `fossick intel` imports it and asks it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use fossick_model::{Asset, Time, Verdict};
use fossick_risk::file::Reader;
use fossick_risk::import::Import;
use fossick_risk::names::Names;
use fossick_risk::staging::{Aside, Scratch};
use fossick_risk::{Exposure, Knowledge, Match, Query, Standing, findings, lifecycles, queries};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::safe::display_safe;
use crate::{bundle, explain, knowledge, read};

/// Lines of a batch that are answered at a time.
const BATCH: usize = 4096;
/// Where the knowledge is, unless another file is named.
pub const KNOWLEDGE: &str = "/var/lib/fossick/knowledge";

/// Arguments of `fossick intel`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The knowledge file
    #[arg(long, global = true, value_name = "FILE", default_value = KNOWLEDGE)]
    knowledge: PathBuf,
    #[command(subcommand)]
    command: IntelCommand,
}

#[derive(Debug, Subcommand)]
enum IntelCommand {
    /// Import advisories, lifecycles, scores and fingerprints: CSAF 2.0, NVD JSON 2.0, CISA KEV, EPSS, endoflife.date,
    /// IEEE OUI, Recog.
    /// Files, folders, zip, tar and gzip, in any mixture
    Import {
        /// What to import
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// List what was imported
    List {
        /// Only ids that begin so
        #[arg(default_value = "")]
        prefix: String,
    },
    /// Show one advisory, CVE or lifecycle as it is kept
    Show {
        /// Its id: ICSA-22-104-04, CVE-2022-0001, windows
        id: String,
    },
    /// Say how old each feed is
    Age,
    /// Ask which advisories are about a device
    Match(MatchArguments),
    /// Make a pair of keys to sign and verify bundles with
    Key(bundle::Key),
    /// Pack the knowledge into one signed bundle, for a memory stick
    Pack(bundle::Pack),
    /// Take over what a bundle knows, once its signature and its age are verified
    Install(bundle::Install),
}

/// Arguments of `fossick intel match`.
#[derive(Debug, Args)]
struct MatchArguments {
    /// Who made it
    #[arg(long, required_unless_present = "batch")]
    vendor: Option<String>,
    /// Its product or model
    #[arg(long)]
    product: Option<String>,
    /// Its order number
    #[arg(long)]
    order_number: Option<String>,
    /// Its version
    #[arg(long)]
    version: Option<String>,
    /// Only advisories that were out by this day
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Answer each line of this file of JSON lines (vendor, product, `order_number`, version) with a line; - is standard input
    #[arg(long, value_name = "FILE")]
    batch: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

/// Opens a knowledge file.
pub fn open(path: &Path) -> anyhow::Result<Knowledge> {
    let file = File::open(path).with_context(|| {
        format!(
            "{}: no knowledge; `fossick intel --knowledge FILE import PATH` makes it",
            path.display()
        )
    })?;
    Knowledge::open(Box::new(file)).with_context(|| path.display().to_string())
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let path = &arguments.knowledge;
    match &arguments.command {
        IntelCommand::Import { paths } => return import(path, paths),
        IntelCommand::List { prefix } => list(&open(path)?, prefix)?,
        IntelCommand::Show { id } => show(&open(path)?, id)?,
        IntelCommand::Age => age(&open(path)?)?,
        IntelCommand::Match(asked) => return answer(&open(path)?, asked),
        IntelCommand::Key(arguments) => bundle::key(arguments)?,
        IntelCommand::Pack(arguments) => bundle::pack(path, arguments)?,
        IntelCommand::Install(arguments) => bundle::install(path, arguments)?,
    }
    Ok(true)
}

/// Every file of the paths, folders walked in order; what is no file is left out.
fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut left: Vec<PathBuf> = paths.iter().rev().cloned().collect();
    while let Some(path) = left.pop() {
        let about =
            std::fs::metadata(&path).with_context(|| format!("reading {}", path.display()))?;
        if about.is_dir() {
            let entries =
                std::fs::read_dir(&path).with_context(|| format!("reading {}", path.display()))?;
            let mut inside: Vec<PathBuf> = entries
                .filter_map(Result::ok)
                .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()))
                .map(|entry| entry.path())
                .collect();
            inside.sort();
            inside.reverse();
            left.extend(inside);
        } else if about.is_file() {
            found.push(path);
        } else if paths.contains(&path) {
            bail!("{}: neither a file nor a folder", path.display());
        }
    }
    Ok(found)
}

/// Beside the knowledge file, so that a rename puts it in its place; one for each process.
fn beside(path: &Path, what: &str) -> PathBuf {
    beside_all(path, &format!("{}.{what}", std::process::id()))
}

fn beside_all(path: &Path, what: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{what}"));
    path.with_file_name(name)
}

/// Gives files without a name beside the knowledge file: they are gone when we are.
pub(crate) fn scratch(path: &Path) -> Box<dyn FnMut() -> io::Result<Box<dyn Aside>> + '_> {
    let mut count = 0_u32;
    Box::new(move || {
        count = count.saturating_add(1);
        let place = beside(path, &format!("aside{count}"));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&place)?;
        std::fs::remove_file(&place)?;
        Ok(Box::new(file))
    })
}

/// Two imports at once would each undo the other: the second waits until this is dropped.
pub(crate) fn guard(path: &Path) -> anyhow::Result<File> {
    let guard = File::create(beside_all(path, "lock"))
        .with_context(|| format!("writing beside {}", path.display()))?;
    guard.lock()?;
    Ok(guard)
}

/// The records of a knowledge file, if it is there.
pub(crate) fn reader(path: &Path) -> anyhow::Result<Option<Reader>> {
    match File::open(path) {
        Ok(file) => Ok(Some(
            Reader::open(Box::new(file)).with_context(|| path.display().to_string())?,
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// Writes a knowledge file whole beside its place, and puts it there. Says how many records it holds.
pub(crate) fn put(
    path: &Path,
    import: Import,
    sources: Vec<Reader>,
    scratch: &mut Scratch<'_>,
) -> anyhow::Result<u64> {
    let new = beside(path, "new");
    let written = (|| -> anyhow::Result<u64> {
        let out = BufWriter::new(File::create(&new)?);
        let (out, count) = import.write(sources, out, &Names::built_in(), scratch)?;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(count)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written.with_context(|| format!("writing {}", path.display()))
}

fn import(path: &Path, paths: &[PathBuf]) -> anyhow::Result<bool> {
    let mut scratch = scratch(path);
    let _guard = guard(path)?;
    let mut import = Import::default();
    import.recog = Some(knowledge::is_recog);
    for file in files(paths)? {
        let name = file.display().to_string();
        let mut input = File::open(&file).with_context(|| format!("reading {name}"))?;
        import.file(&name, &mut input, &mut *scratch)?;
    }
    for refused in &import.report.refused {
        let document = if refused.document == refused.file {
            String::new()
        } else {
            format!(": {}", display_safe(&refused.document))
        };
        eprintln!(
            "fossick: {}{document}: refused: {}",
            display_safe(&refused.file),
            display_safe(&refused.reason)
        );
    }
    let refusals = import.report.refusals;
    for (feed, count) in &import.report.taken {
        println!("{feed}: {count} documents");
    }
    if import.is_empty() {
        bail!("nothing was imported ({refusals} refused), and nothing is changed");
    }
    let sources = reader(path)?.into_iter().collect();
    let count = put(path, import, sources, &mut *scratch)?;
    println!(
        "{}: {count} records, {refusals} documents refused",
        path.display()
    );
    Ok(refusals == 0)
}

fn list(knowledge: &Knowledge, prefix: &str) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut failed = Ok(());
    for feed in ["a/csaf/", "a/nvd/", "l/", "r/"] {
        knowledge.scan(&format!("{feed}{prefix}"), |record| {
            let value: Value = serde_json::from_str(&record.value).unwrap_or_default();
            let text = |key: &str| {
                value
                    .get(key)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let id = record.key.get(feed.len()..).unwrap_or_default();
            let title = if feed == "l/" {
                text("label")
            } else {
                text("title")
            };
            let title: String = title.chars().take(100).collect();
            failed = writeln!(
                out,
                "{:<18} {:<10} {}",
                display_safe(id),
                text("date"),
                display_safe(&title)
            );
            failed.is_ok()
        })?;
    }
    failed?;
    out.flush()?;
    Ok(())
}

fn show(knowledge: &Knowledge, id: &str) -> anyhow::Result<()> {
    let mut found = false;
    for feed in ["a/csaf/", "a/nvd/", "l/", "k/", "e/", "m/", "r/"] {
        if let Some(record) = knowledge.record(&format!("{feed}{id}"))? {
            found = true;
            match serde_json::from_str::<Value>(&record.value) {
                Ok(value) if value.is_object() => {
                    println!("{}", serde_json::to_string_pretty(&value)?);
                }
                _ => println!("{}: {}", record.key, display_safe(&record.value)),
            }
        }
    }
    for row in lifecycles::rows().iter().filter(|row| row.name == id) {
        found = true;
        println!("{} {}, built in:", row.vendor, row.name);
        for end in &row.ends {
            println!("  {}: {} ({})", end.kind.name(), end.date, end.source);
        }
    }
    if !found {
        bail!("nothing of the id `{id}`: `fossick intel list` says what there is");
    }
    Ok(())
}

fn age(knowledge: &Knowledge) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    knowledge.scan("f/", |record| {
        // What has no date says how much there is of it.
        let newest = if record.value.contains(' ') {
            ""
        } else {
            "newest "
        };
        let feed = record.key.trim_start_matches("f/");
        lines.push(format!("{feed:<10} {newest}{}", record.value));
        true
    })?;
    for line in lines {
        println!("{}", display_safe(&line));
    }
    Ok(())
}

#[derive(Debug, Default, Deserialize)]
struct Line {
    #[serde(default)]
    vendor: Option<String>,
    #[serde(default)]
    product: Option<String>,
    #[serde(default)]
    order_number: Option<String>,
    #[serde(default)]
    version: Option<String>,
}

impl Line {
    fn query(&self) -> Query {
        Query::of(
            self.vendor.as_deref().unwrap_or_default(),
            self.product.as_deref(),
            self.order_number.as_deref(),
            self.version.as_deref(),
        )
    }
}

/// Answers what is asked about; whether all of it was understood.
fn answer(knowledge: &Knowledge, asked: &MatchArguments) -> anyhow::Result<bool> {
    let mut out = BufWriter::new(io::stdout().lock());
    if let Some(batch) = &asked.batch {
        let reader: Box<dyn BufRead> = if batch.as_os_str() == "-" {
            Box::new(BufReader::new(io::stdin()))
        } else {
            Box::new(BufReader::new(
                File::open(batch).with_context(|| format!("reading {}", batch.display()))?,
            ))
        };
        let mut lines = reader.lines();
        let mut first = 1_usize;
        let mut understood = true;
        loop {
            let some: Vec<String> = lines
                .by_ref()
                .take(BATCH)
                .collect::<io::Result<_>>()
                .with_context(|| format!("reading {}", batch.display()))?;
            if some.is_empty() {
                break;
            }
            for answers in answers(knowledge, asked, &some, first) {
                let (answers, bad) = answers.with_context(|| batch.display().to_string())?;
                out.write_all(&answers)?;
                understood &= bad == 0;
            }
            first = first.saturating_add(some.len());
        }
        out.flush()?;
        return Ok(understood);
    }
    let line = Line {
        vendor: asked.vendor.clone(),
        product: asked.product.clone(),
        order_number: asked.order_number.clone(),
        version: asked.version.clone(),
    };
    let query = line.query();
    let found = told(knowledge, &query, asked)?;
    if asked.format == Format::Json {
        serde_json::to_writer(&mut out, &as_json(&query, &found, true))?;
        out.write_all(b"\n")?;
    } else {
        print(&mut out, &found)?;
    }
    out.flush()?;
    Ok(true)
}

/// Answers lines, a part on each processor, in their order, and says how many were not understood.
fn answers(
    knowledge: &Knowledge,
    asked: &MatchArguments,
    lines: &[String],
    first: usize,
) -> Vec<anyhow::Result<(Vec<u8>, usize)>> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = lines.len().div_ceil(threads).max(1);
    let part = |at: usize, lines: &[String]| -> anyhow::Result<(Vec<u8>, usize)> {
        let (mut out, mut bad) = (Vec::new(), 0_usize);
        for (after, line) in lines.iter().enumerate() {
            match serde_json::from_str::<Line>(line) {
                Ok(line) => {
                    let query = line.query();
                    let found = told(knowledge, &query, asked)?;
                    serde_json::to_writer(&mut out, &as_json(&query, &found, false))?;
                }
                // The others are answered, each by its line.
                Err(error) => {
                    bad = bad.saturating_add(1);
                    let line = at.saturating_add(after);
                    let error = json!({"error": format!("line {line} is not understood: {error}")});
                    serde_json::to_writer(&mut out, &error)?;
                }
            }
            out.push(b'\n');
        }
        Ok((out, bad))
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> = lines
            .chunks(share)
            .enumerate()
            .map(|(at, lines)| {
                let at = first.saturating_add(at.saturating_mul(share));
                scope.spawn(move || part(at, lines))
            })
            .collect();
        parts
            .into_iter()
            .map(|part| {
                part.join().unwrap_or_else(|_| {
                    Err(anyhow::anyhow!("the matcher failed: please report it"))
                })
            })
            .collect()
    })
}

fn told(
    knowledge: &Knowledge,
    query: &Query,
    asked: &MatchArguments,
) -> anyhow::Result<Vec<Match>> {
    let mut found = knowledge.matches(query)?;
    if let Some(day) = &asked.as_of {
        found.retain(|found| found.ready.advisory.date <= *day);
    }
    Ok(found)
}

/// One match as programs read it. In long lists what does not affect the product is told in short.
fn one(found: &Match, whole: bool) -> Value {
    let advisory = &found.ready.advisory;
    let stated = found.stated();
    let mut value = json!({
        "feed": advisory.feed,
        "id": advisory.id,
        "standing": found.standing,
        "why": found.why,
        "confidence": found.confidence,
        "verdict": found.verdict,
        "row": found.row,
        "cves": found.cves,
        "cvss": found.cvss,
        "epss": found.epss,
        "kev": found.kev.is_some(),
        "date": advisory.date,
        "stated": {
            "vendor": stated.map(|entry| entry.vendor.clone()),
            "product": stated.map(|entry| entry.name.clone()),
            "range": stated.map(|entry| entry.version.text()),
            "order_numbers": stated.map(|entry| entry.orders.clone()),
        },
    });
    if let (true, Some(fields)) = (
        whole || found.standing != Standing::NotAffected,
        value.as_object_mut(),
    ) {
        fields.insert("title".to_owned(), json!(advisory.title));
        let rows = found
            .remediations()
            .map(|row| json!({"category": row.category, "details": row.details}));
        fields.insert("remediations".to_owned(), rows.collect());
        fields.insert("exploited".to_owned(), json!(found.kev));
    }
    value
}

fn as_json(query: &Query, found: &[Match], whole: bool) -> Value {
    let advisories: Vec<Value> = found.iter().map(|found| one(found, whole)).collect();
    json!({
        "seen": {
            "vendor": query.vendor,
            "product": query.products.first(),
            "order_number": query.order_number,
            "version": query.version,
        },
        "advisories": advisories,
    })
}

fn print(out: &mut dyn Write, found: &[Match]) -> io::Result<()> {
    if found.is_empty() {
        return writeln!(out, "No advisory is about it.");
    }
    for found in found {
        let advisory = &found.ready.advisory;
        let standing = match found.standing {
            Standing::Affected => "affected",
            Standing::Unknown => "unknown",
            Standing::NotAffected => "not affected",
        };
        let verdict = found.verdict.map_or("-", Verdict::name);
        writeln!(
            out,
            "{:<17} {:<13} {:<16} {:>3}%  {}",
            display_safe(&advisory.id),
            standing,
            verdict,
            found.confidence,
            display_safe(&advisory.title)
        )?;
        if let Some(entry) = found.stated() {
            writeln!(
                out,
                "    states  {} | {} | {}",
                display_safe(&entry.vendor),
                display_safe(&entry.name),
                display_safe(&entry.version.text())
            )?;
        }
        writeln!(out, "    why     {}", display_safe(&found.why))?;
        if !found.row.is_empty() {
            writeln!(out, "    row     {}", display_safe(&found.row))?;
        }
    }
    Ok(())
}

/// Fills in the findings of every asset, and of the devices behind it.
///
/// # Errors
/// The date is none, or the knowledge file cannot be read.
pub fn judge(
    assets: &mut [Asset],
    knowledge: &Knowledge,
    as_of: Option<&str>,
) -> anyhow::Result<()> {
    let last = assets
        .iter()
        .map(|asset| asset.last_seen)
        .max()
        .unwrap_or(Time(0));
    let day = as_of.map_or_else(
        || last.to_string().chars().take(10).collect(),
        str::to_owned,
    );
    let day = day
        .parse()
        .with_context(|| format!("`{day}` is no date: write it like 2026-01-31"))?;
    for asset in assets {
        asset.findings = findings(asset, knowledge, day, Exposure::Unknown)?;
        for child in &mut asset.children {
            child.findings = findings(child, knowledge, day, Exposure::Unknown)?;
        }
    }
    Ok(())
}

/// Says how many findings there are of each verdict.
///
/// # Errors
/// It cannot be written.
pub fn summary(out: &mut dyn Write, assets: &[Asset]) -> io::Result<()> {
    let mut counts = std::collections::BTreeMap::new();
    for asset in assets {
        for finding in asset
            .findings
            .iter()
            .chain(asset.children.iter().flat_map(|child| &child.findings))
        {
            let count: &mut u64 = counts
                .entry(finding.verdict.map_or("detector", Verdict::name))
                .or_default();
            *count = count.saturating_add(1);
        }
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(verdict, count)| format!("{count} {verdict}"))
        .collect();
    writeln!(
        out,
        "findings: {}",
        if counts.is_empty() {
            "none".to_owned()
        } else {
            counts.join(", ")
        }
    )
}

/// Arguments of `fossick why-no-cve`.
#[derive(Debug, Args)]
pub struct Why {
    /// Address, id or name of the asset
    address: String,
    /// Captures it is in
    #[arg(long, required = true, value_name = "FILE")]
    capture: Vec<PathBuf>,
    /// The knowledge file
    #[arg(long, value_name = "FILE", default_value = KNOWLEDGE)]
    knowledge: PathBuf,
}

/// Runs `fossick why-no-cve`: what was known of an asset, and at which step no advisory fitted.
///
/// # Errors
/// The captures or the knowledge cannot be read, or there is no such asset.
pub fn why(arguments: &Why) -> anyhow::Result<()> {
    let knowledge = open(&arguments.knowledge)?;
    let assets = read::assets(&arguments.capture)?;
    let Some(asset) = explain::find(&assets, &arguments.address) else {
        bail!("no asset with the address `{}`", arguments.address);
    };
    let known = [
        ("vendor", &asset.vendor),
        ("model", &asset.model),
        ("product", &asset.product),
        ("order number", &asset.order_number),
        ("firmware", &asset.firmware),
        ("os", &asset.os),
        ("os version", &asset.os_version),
    ];
    println!("Known of it:");
    for (name, value) in known {
        println!(
            "  {name:<13} {}",
            value.as_deref().map_or("not seen".to_owned(), display_safe)
        );
    }
    let queries = queries(asset);
    if queries.is_empty() {
        println!(
            "Step 1: neither vendor nor operating system was seen, and no advisory is matched without."
        );
    }
    for query in queries {
        println!(
            "Asked as: {}",
            display_safe(format!("{} {}", query.vendor, query.products.join(", ")).trim_end())
        );
        for step in knowledge.steps(&query)? {
            println!("  {}", display_safe(&step));
        }
    }
    Ok(())
}
