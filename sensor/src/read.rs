//! `fossick read`: captures in, inventory out.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use fossick_engine::{Counters, Engine, Inventory, Locality};
use fossick_fingerprints::Fingerprints;
use fossick_model::{Asset, Baseline, Status};
use fossick_parsers::PROTOCOLS;
use fossick_parsers::packet::Stop;
use fossick_risk::Knowledge;
use fossick_shadow::{Approvals, Columns};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::capture::Captures;
use crate::config::Config;
use crate::{conversations, explain, health, intel, knowledge, shadow, table, tui};

/// The input was read in part.
pub const READ_IN_PART: u8 = 1;
/// Nothing could be read, or the arguments are wrong.
pub const NOTHING_READ: u8 = 2;
/// Columns of a table that does not go to a terminal.
const COLUMNS_ELSEWHERE: usize = 160;
/// A progress bar is for what takes longer.
const SHOW_PROGRESS_AFTER: Duration = Duration::from_secs(1);

/// Arguments of `fossick read`.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
#[derive(Debug, Args)]
pub struct Arguments {
    /// Captures: pcap or pcapng files, plain or compressed (gzip, zstd), folders of them, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    captures: Vec<PathBuf>,
    /// How the inventory is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// List hosts on the Internet too
    #[arg(long)]
    external: bool,
    /// List who was seen to use which service of whom, and what was asked for, instead of assets
    #[arg(long, conflicts_with_all = ["explain", "external"])]
    conversations: bool,
    /// Say how far the conversations may be taken for all that there are, instead of listing them
    #[arg(long, conflicts_with_all = ["explain", "external"])]
    baseline: bool,
    /// Show everything on a screen, with its packets
    #[arg(long, conflicts_with_all = ["explain", "conversations", "baseline", "format"])]
    tui: bool,
    #[command(flatten)]
    look: tui::Look,
    /// Explain one asset: each fact with what was said, by which fingerprint, in which packet
    #[arg(long, value_name = "ADDRESS")]
    explain: Option<String>,
    /// Write the packets that prove the explained asset's facts, with comments, for Wireshark.
    /// Payload that is not evidence is zeroed
    #[arg(long, value_name = "PCAPNG", requires = "explain")]
    evidence: Option<PathBuf>,
    /// Write evidence packets as they were captured: they may hold patients' names and passwords
    #[arg(long, requires = "evidence")]
    whole_packets: bool,
    /// Fingerprint sheets of your own, asked before the built-in ones
    #[arg(long, value_name = "FOLDER")]
    fingerprints: Option<PathBuf>,
    /// What the world knows, as `fossick intel import` made it: fills in findings
    #[arg(long, value_name = "FILE")]
    knowledge: Option<PathBuf>,
    /// The day that lifecycles and advisories are judged by; by default that of the last packet
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,
    /// Say what is to be done about each asset, as with --knowledge, --config and --approved: what should not be there, and
    /// what is out of support
    #[arg(long)]
    findings: bool,
    /// A sensor's configuration: its zones, and its detectors and protocols that are off
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Approved assets: CSV, JSON of `NetBox`, or XML of nmap (may be given several times); others are findings then
    #[arg(long, value_name = "FILE")]
    approved: Vec<PathBuf>,
    /// Which column of a CSV file is which: ip=IPAddress,mac=MAC,name=Host,vendor=…,model=…,os=…,kind=…,serial=…,owner=…
    #[arg(long, requires = "approved", value_name = "MAPPING")]
    columns: Option<Columns>,
    /// Fingerprints in the format of Recog (*.xml), asked besides; what they say counts for less
    #[arg(long, value_name = "FOLDER")]
    recog: Option<PathBuf>,
    /// Threads that read; by default one for each processor
    #[arg(long, value_name = "COUNT")]
    threads: Option<usize>,
    /// Do not read this protocol (may be given several times)
    #[arg(long, value_name = "PROTOCOL")]
    off: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for people
    Table,
    /// One JSON object a line, for programs
    Json,
}

/// Runs the command; the exit status is the contract's.
pub fn run(arguments: &Arguments) -> ExitCode {
    match read(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(READ_IN_PART),
        // Whoever reads our output has had enough of it.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fossick: {error:#}");
            ExitCode::from(NOTHING_READ)
        }
    }
}

/// Whether whoever reads our output has had enough of it.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// What is expected of the network, and what is not asked.
struct Expected {
    config: Config,
    approvals: Approvals,
    /// Protocols and detectors that are off.
    off: Vec<String>,
}

fn expected(arguments: &Arguments) -> anyhow::Result<Expected> {
    for off in &arguments.off {
        let known = PROTOCOLS.iter().any(|protocol| protocol.name == off);
        if !known && !fossick_shadow::is_detector(off) {
            bail!(
                "--off {off}: no such protocol or detector; `fossick protocols` and `fossick inventory detectors` list them"
            );
        }
    }
    let config = arguments.config.as_deref().map(Config::load).transpose()?;
    let config = config.unwrap_or_default();
    let mut off = arguments.off.clone();
    off.extend(config.detectors.off.iter().cloned());
    let columns = arguments.columns.clone().unwrap_or_default();
    let mut approved = Vec::new();
    for path in &arguments.approved {
        approved.extend(shadow::approved(path, &columns)?);
    }
    Ok(Expected {
        config,
        approvals: Approvals::new(approved),
        off,
    })
}

/// Whether findings are wanted: they need everybody at once.
fn is_judged(arguments: &Arguments) -> bool {
    arguments.findings
        || arguments.knowledge.is_some()
        || arguments.config.is_some()
        || !arguments.approved.is_empty()
        || arguments.tui
}

/// Fingerprints, and what the world knows if that is given.
fn library(arguments: &Arguments) -> anyhow::Result<(Fingerprints, Option<Knowledge>)> {
    let mut fingerprints = knowledge::load(
        arguments.fingerprints.as_deref(),
        arguments.recog.as_deref(),
    )?;
    let intelligence = arguments.knowledge.as_deref();
    let intelligence = intelligence.map(intel::open).transpose()?;
    if let Some(known) = &intelligence {
        knowledge::add_imported(&mut fingerprints, known)?;
    }
    Ok((fingerprints, intelligence))
}

fn threads(arguments: &Arguments) -> usize {
    let there = || std::thread::available_parallelism().ok().map(Into::into);
    arguments.threads.or_else(there).unwrap_or(1)
}

/// Whether everything was read to its end.
fn read(arguments: &Arguments) -> anyhow::Result<bool> {
    let expected = expected(arguments)?;
    let judged = is_judged(arguments);
    let (fingerprints, intelligence) = library(arguments)?;
    let locality = match &arguments.config {
        Some(_) => expected.config.locality(),
        None => Locality::default(),
    };
    let mut captures = Captures::open(&arguments.captures)?;
    for refused in captures.refused() {
        eprintln!("fossick: {refused}");
    }
    let mut inventory = Inventory::new(locality, false);
    for name in captures.names() {
        inventory.capture(&name);
    }
    let threads = threads(arguments);
    let mut engine = if arguments.conversations || arguments.baseline || judged {
        Engine::new(threads, &expected.off)
    } else {
        Engine::for_assets(threads, &expected.off)
    };
    let progress = progress();
    let mut shown = false;
    let mut traffic = tui::Traffic::default();
    while let Some(batch) = captures.next_batch() {
        if arguments.tui {
            traffic.count(&batch);
        }
        engine.read(&Arc::new(batch), &mut inventory);
        if progress.is_hidden() && !shown && progress.elapsed() > SHOW_PROGRESS_AFTER {
            progress.set_draw_target(ProgressDrawTarget::stderr());
            shown = true;
        }
        progress.set_position(captures.octets());
    }
    progress.finish_and_clear();
    engine.finish(&mut inventory);
    let counters = Counters {
        addresses_refused: inventory.held().refused,
        ..engine.counters().clone()
    };
    let troubles = captures.troubles();
    for trouble in &troubles {
        eprintln!("fossick: {trouble}");
    }
    if let Some(link) = unknown_link(&counters) {
        bail!(
            "no frame could be decoded: link type {link} is not one that Fossick reads. Capture on Ethernet, or as raw IP."
        );
    }
    let judge = |inventory: &mut Inventory, external| -> anyhow::Result<Vec<Asset>> {
        let mut assets = inventory.assets(&fingerprints, external);
        let built_in;
        let known = if let Some(known) = &intelligence {
            known
        } else {
            built_in = Knowledge::built_in()?;
            &built_in
        };
        intel::judge(&mut assets, known, arguments.as_of.as_deref())?;
        let conversations = inventory.conversations();
        let zones = shadow::zones(&expected.config);
        let Expected { approvals, off, .. } = &expected;
        shadow::detect(&mut assets, &conversations, &zones, approvals, off);
        Ok(assets)
    };
    if arguments.tui {
        let assets = judge(&mut inventory, arguments.external)?;
        show(
            arguments,
            expected,
            assets,
            &mut inventory,
            &counters,
            &traffic,
        )?;
        std::mem::forget(inventory);
        return Ok(troubles.is_empty() && captures.refused().is_empty());
    }
    match &arguments.explain {
        _ if arguments.conversations || arguments.baseline => {
            print_conversations(arguments, &mut inventory).context("writing the conversations")?;
        }
        Some(wanted) => {
            let assets = judge(&mut inventory, true)?;
            explain_one(arguments, &assets, wanted)?;
        }
        None if judged => {
            let assets = judge(&mut inventory, arguments.external)?;
            print_judged(arguments, &assets, &counters).context("writing the inventory")?;
        }
        None => print(arguments, &mut inventory, &fingerprints, &counters)
            .context("writing the inventory")?,
    }
    // The process ends here: to take the inventory apart piece by piece would take as long as to print it.
    std::mem::forget(inventory);
    Ok(troubles.is_empty() && captures.refused().is_empty())
}

/// Everything on a screen.
fn show(
    arguments: &Arguments,
    expected: Expected,
    assets: Vec<Asset>,
    inventory: &mut Inventory,
    counters: &Counters,
    traffic: &tui::Traffic,
) -> anyhow::Result<()> {
    let status = Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        assets: assets.len() as u64,
        limits: health::limits(&inventory.held(), counters),
        counts: health::counts(counters),
        ..Status::default()
    };
    let paths = arguments.captures.clone();
    let names = paths.iter().map(|path| path.display().to_string());
    let names = names.collect::<Vec<String>>().join(" ");
    let site = (expected.config, expected.approvals);
    let talks = inventory.conversations();
    let read = tui::Read::new(paths, assets, talks, site, status, traffic);
    tui::captures(&arguments.look, &names, read)
}

/// The link type, if all frames are of types that we do not read.
fn unknown_link(counters: &Counters) -> Option<u16> {
    let unknown = counters
        .stops
        .iter()
        .filter_map(|(stop, count)| match stop {
            Stop::LinkType(link) => Some((*link, *count)),
            _ => None,
        });
    let unknown: Vec<(u16, u64)> = unknown.collect();
    let total: u64 = unknown.iter().map(|(_, count)| count).sum();
    unknown
        .first()
        .filter(|_| total == counters.frames)
        .map(|(link, _)| *link)
}

fn print(
    arguments: &Arguments,
    inventory: &mut Inventory,
    fingerprints: &Fingerprints,
    counters: &Counters,
) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match arguments.format {
        Format::Json => {
            inventory.each_asset(fingerprints, arguments.external, |asset| {
                serde_json::to_writer(&mut out, &asset)?;
                out.write_all(b"\n")
            })?;
            for line in table::not_read(counters) {
                eprintln!("fossick: {line}");
            }
        }
        Format::Table => {
            let assets = inventory.assets(fingerprints, arguments.external);
            table::print(&mut out, &assets, columns())?;
            table::summary(&mut out, &assets, counters)?;
        }
    }
    out.flush()
}

fn print_conversations(arguments: &Arguments, inventory: &mut Inventory) -> io::Result<()> {
    let all = inventory.conversations();
    let shown = conversations::Shown {
        all: &all,
        baseline: &Baseline::of(&all, &inventory.spans()),
        alone: arguments.baseline,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    match arguments.format {
        Format::Json => shown.json(&mut out)?,
        Format::Table => shown.table(&mut out, columns())?,
    }
    out.flush()
}

/// The inventory with its findings.
fn print_judged(arguments: &Arguments, assets: &[Asset], counters: &Counters) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match arguments.format {
        Format::Json => {
            for asset in assets {
                serde_json::to_writer(&mut out, asset)?;
                out.write_all(b"\n")?;
            }
            for line in table::not_read(counters) {
                eprintln!("fossick: {line}");
            }
        }
        Format::Table => {
            table::print(&mut out, assets, columns())?;
            table::summary(&mut out, assets, counters)?;
            intel::summary(&mut out, assets)?;
        }
    }
    out.flush()
}

/// Columns of the terminal, or those of a table that goes elsewhere.
pub fn columns() -> usize {
    let size = Some(io::stdout())
        .filter(IsTerminal::is_terminal)
        .and_then(|_| terminal_size::terminal_size());
    size.map_or(COLUMNS_ELSEWHERE, |(width, _)| usize::from(width.0))
}

/// The inventory of captures, for commands that ask about one asset of it.
///
/// # Errors
/// A capture cannot be read.
pub fn assets(paths: &[PathBuf]) -> anyhow::Result<Vec<Asset>> {
    let fingerprints = knowledge::load(None, None)?;
    let mut captures = Captures::open(paths)?;
    let mut inventory = Inventory::new(Locality::default(), false);
    for name in captures.names() {
        inventory.capture(&name);
    }
    let mut engine = Engine::for_assets(1, &[]);
    while let Some(batch) = captures.next_batch() {
        engine.read(&Arc::new(batch), &mut inventory);
    }
    engine.finish(&mut inventory);
    for trouble in captures.troubles() {
        eprintln!("fossick: {trouble}");
    }
    Ok(inventory.assets(&fingerprints, true))
}

fn explain_one(arguments: &Arguments, assets: &[Asset], wanted: &str) -> anyhow::Result<()> {
    let Some(asset) = explain::find(assets, wanted) else {
        bail!("no asset with the address `{wanted}`: leave --explain away to list them all");
    };
    let mut out = BufWriter::new(io::stdout().lock());
    match arguments.format {
        Format::Table => explain::print(&mut out, asset)?,
        Format::Json => {
            serde_json::to_writer(&mut out, asset)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    if let Some(to) = &arguments.evidence {
        let whole = arguments.whole_packets;
        let written = explain::write_evidence(asset, &arguments.captures, to, whole)?;
        let how = if whole {
            "as they were captured: they may hold patients' names and passwords"
        } else {
            "all but headers and evidence zeroed"
        };
        eprintln!(
            "fossick: {written} packets written to {} ({how})",
            to.display()
        );
    }
    Ok(())
}

/// A bar on standard error, hidden until it is worth while, and where that is no terminal.
fn progress() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    let style = ProgressStyle::with_template("{spinner} {bytes} read, {bytes_per_sec}");
    style.map_or(bar.clone(), |style| bar.with_style(style))
}
