//! `fossick inventory`: what should be there, and how what is there compares.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use fossick_model::{Asset, Reply, Request};
use fossick_shadow::{Approvals, Approved, Columns, Compared, DETECTORS, compare};

use crate::client::{Sensor, Where, unexpected};
use crate::safe::display_safe;
use crate::{read, shadow};

/// Assets asked for at once.
const WINDOW: usize = 500;

/// Arguments of `fossick inventory`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Approve what a file lists: CSV, JSON of `NetBox` (devices, addresses), or XML of nmap
    Import(Import),
    /// Hold what was seen against what is approved: sanctioned, unsanctioned, missing, mismatched
    Diff(Diff),
    /// List the detectors of what should not be there
    Detectors,
}

/// Arguments of `fossick inventory import`.
#[derive(Debug, Args)]
struct Import {
    /// The file; what it listed before is replaced
    file: PathBuf,
    /// Which column of a CSV file is which: ip=IPAddress,mac=MAC,name=Host,vendor=…,model=…,os=…,kind=…,serial=…,owner=…
    #[arg(long, value_name = "MAPPING")]
    columns: Option<Columns>,
    #[command(flatten)]
    sensor: Where,
}

/// Arguments of `fossick inventory diff`.
#[derive(Debug, Args)]
struct Diff {
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Compare what is in these captures instead of what a running sensor knows
    #[arg(long, value_name = "FILE", requires = "approved")]
    capture: Vec<PathBuf>,
    /// Compare with what these files list instead of what was imported
    #[arg(long, value_name = "FILE")]
    approved: Vec<PathBuf>,
    /// Which column of a CSV file is which
    #[arg(long, value_name = "MAPPING", requires = "approved")]
    columns: Option<Columns>,
    #[command(flatten)]
    sensor: Where,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One JSON object a line, for programs
    Json,
}

/// Runs the command.
///
/// # Errors
/// A file gives nothing, no sensor answers, or it refuses.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.command {
        Command::Import(arguments) => import(arguments),
        Command::Diff(arguments) => diff(arguments),
        Command::Detectors => {
            let mut out = BufWriter::new(io::stdout().lock());
            for detector in DETECTORS {
                writeln!(
                    out,
                    "{:<30} {:<7} {}",
                    detector.name, detector.priority, detector.about
                )?;
            }
            Ok(out.flush()?)
        }
    }
}

fn import(arguments: &Import) -> anyhow::Result<()> {
    let columns = arguments.columns.clone().unwrap_or_default();
    let approved = shadow::approved(&arguments.file, &columns)?;
    let name = arguments
        .file
        .file_name()
        .unwrap_or(arguments.file.as_os_str());
    let source = name.to_string_lossy().into_owned();
    let mut sensor = Sensor::connect(&arguments.sensor)?;
    sensor.send(&Request::Approve { source })?;
    let octets = serde_json::to_vec(&approved)?;
    sensor.upload(&mut octets.as_slice())?;
    match sensor.reply()? {
        Reply::Done { what } => println!("{}: {}", arguments.file.display(), display_safe(&what)),
        _ => return Err(unexpected()),
    }
    Ok(())
}

fn diff(arguments: &Diff) -> anyhow::Result<()> {
    let columns = arguments.columns.clone().unwrap_or_default();
    let mut approved: Vec<Approved> = Vec::new();
    for path in &arguments.approved {
        approved.extend(shadow::approved(path, &columns)?);
    }
    let assets = if arguments.capture.is_empty() {
        let mut sensor = Sensor::connect(&arguments.sensor)?;
        if arguments.approved.is_empty() {
            match sensor.ask(&Request::Approved)? {
                Reply::Octets => {
                    approved = serde_json::from_slice(&sensor.octets(shadow::LARGEST)?)?;
                }
                _ => return Err(unexpected()),
            }
        }
        known(&mut sensor)?
    } else {
        read::assets(&arguments.capture)?
    };
    if approved.is_empty() {
        bail!("nothing is approved yet: `fossick inventory import FILE` says what should be there");
    }
    print(
        arguments.format,
        &compare(&assets, &Approvals::new(approved)),
    )
}

/// Everything that a sensor knows.
fn known(sensor: &mut Sensor) -> anyhow::Result<Vec<Asset>> {
    let mut all = Vec::new();
    loop {
        let request = Request::Assets {
            filter: String::new(),
            sort: "id".to_owned(),
            offset: all.len(),
            limit: WINDOW,
            whole: true,
        };
        let Reply::Assets { total, assets } = sensor.ask(&request)? else {
            return Err(unexpected());
        };
        let empty = assets.is_empty();
        all.extend(assets);
        if empty || all.len() >= total {
            return Ok(all);
        }
    }
}

fn print(format: Format, lines: &[Compared]) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for line in lines {
        let count = counts.entry(line.state.name()).or_default();
        *count = count.saturating_add(1);
        match format {
            Format::Json => {
                serde_json::to_writer(&mut out, line)?;
                writeln!(out)?;
            }
            Format::Table => {
                let why = line.why.join("; ");
                let (label, why) = (display_safe(&line.label), display_safe(&why));
                writeln!(out, "{:<13} {label:<30} {why}", line.state.name())?;
            }
        }
    }
    if format == Format::Table {
        let counts: Vec<String> = counts
            .iter()
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        writeln!(out, "{}", counts.join(", "))?;
    }
    Ok(out.flush()?)
}
