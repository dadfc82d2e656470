//! What screens show, without a screen: as tables for people, as JSON for programs and for screen readers.

use std::io::{self, BufWriter, Write};

use anyhow::bail;
use clap::{Args, ValueEnum};
use fossick_model::{By, FindingRow, Matrix, Overview, Reply, Request, Tally, Verdict, Which};

use crate::client::{Sensor, Where, unexpected};
use crate::read;
use crate::safe::{display_safe, fit};

/// Findings asked for at once.
const WINDOW: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// JSON, for programs
    Json,
}

/// Arguments of `fossick overview`.
#[derive(Debug, Args)]
pub struct Plain {
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    sensor: Where,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wanted {
    /// All of them
    All,
    /// Those that no patch closes
    Unpatchable,
    /// What should not be there
    Shadow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Grouped {
    /// The most urgent first
    Priority,
    /// Asset by asset
    Asset,
    /// Rule by rule
    Rule,
}

/// Arguments of `fossick findings`.
#[derive(Debug, Args)]
pub struct Findings {
    /// Only those of assets that pass this filter: kind:plc -zone:dmz
    filter: Vec<String>,
    /// Which of them
    #[arg(long, value_enum, default_value_t = Wanted::All)]
    which: Wanted,
    /// What they are grouped by
    #[arg(long, value_enum, default_value_t = Grouped::Priority)]
    by: Grouped,
    /// How they are printed; JSON has an object a line
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    sensor: Where,
}

/// Arguments of `fossick zones`.
#[derive(Debug, Args)]
pub struct Zones {
    /// Only conversations of assets that pass this filter
    filter: Vec<String>,
    /// How they are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    sensor: Where,
}

/// Arguments of `fossick proof`.
#[derive(Debug, Args)]
pub struct Proof {
    /// Id, address or name of the asset
    asset: String,
    /// Name of the capture, as `fossick asset` quotes it
    capture: String,
    /// Which packet of it
    frame: u64,
    /// Key of what is said: only its octets are marked
    #[arg(long, default_value = "")]
    key: String,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    sensor: Where,
}

fn asked(at: &Where, request: &Request) -> anyhow::Result<Reply> {
    match Sensor::connect(at)?.ask(request)? {
        Reply::Refused { why, .. } => bail!("{}", display_safe(&why)),
        reply => Ok(reply),
    }
}

fn json(out: &mut dyn Write, value: &impl serde::Serialize) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    Ok(out.write_all(b"\n")?)
}

/// `fossick overview`.
///
/// # Errors
/// No sensor answers.
pub fn overview(arguments: &Plain) -> anyhow::Result<()> {
    let Reply::Overview(overview) = asked(&arguments.sensor, &Request::Overview)? else {
        return Err(unexpected());
    };
    let mut out = BufWriter::new(io::stdout().lock());
    match arguments.format {
        Format::Json => json(&mut out, &overview)?,
        Format::Table => print_overview(&mut out, &overview)?,
    }
    Ok(out.flush()?)
}

fn print_overview(out: &mut dyn Write, overview: &Overview) -> io::Result<()> {
    let Overview { open, .. } = overview;
    writeln!(
        out,
        "findings     act {}, attend {}, track {}",
        open.act, open.attend, open.track
    )?;
    writeln!(
        out,
        "unpatchable  {}, of them behind a control in force {}",
        overview.unpatchable, overview.fenced
    )?;
    writeln!(
        out,
        "assets       {}, first heard in the last 24 hours {}, silent {}",
        overview.assets, overview.fresh, overview.silent
    )?;
    let line = |tallies: &[Tally]| {
        let words = tallies
            .iter()
            .map(|tally| format!("{} {}", tally.count, display_safe(&tally.name)));
        words.collect::<Vec<String>>().join(", ")
    };
    writeln!(out, "kinds        {}", line(&overview.kinds))?;
    writeln!(out, "zones        {}", line(&overview.zones))?;
    writeln!(out, "last hour    {}", line(&overview.changed))
}

/// `fossick findings`.
///
/// # Errors
/// No sensor answers, or the filter is wrong.
pub fn findings(arguments: &Findings) -> anyhow::Result<()> {
    let which = match arguments.which {
        Wanted::All => Which::All,
        Wanted::Unpatchable => Which::Unpatchable,
        Wanted::Shadow => Which::Shadow,
    };
    let by = match arguments.by {
        Grouped::Priority => By::Priority,
        Grouped::Asset => By::Asset,
        Grouped::Rule => By::Rule,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let mut count = 0_usize;
    loop {
        let request = Request::Findings {
            filter: arguments.filter.join(" "),
            which,
            by,
            offset: count,
            limit: WINDOW,
        };
        let Reply::Findings { total, rows } = asked(&arguments.sensor, &request)? else {
            return Err(unexpected());
        };
        for row in &rows {
            match arguments.format {
                Format::Json => json(&mut out, row)?,
                Format::Table => print_finding(&mut out, row)?,
            }
        }
        count = count.saturating_add(rows.len());
        if rows.is_empty() || count >= total {
            break;
        }
    }
    if arguments.format == Format::Table {
        writeln!(out, "{count} findings")?;
    }
    Ok(out.flush()?)
}

fn print_finding(out: &mut dyn Write, row: &FindingRow) -> io::Result<()> {
    let finding = &row.finding;
    let verdict = finding.verdict.map_or("", Verdict::name);
    let control = if row.control.is_empty() {
        ""
    } else {
        &row.control
    };
    let line = format!(
        "{}  {}  {}  {}  {}  {}",
        fit(&finding.priority, 6),
        fit(&row.label, 22),
        fit(verdict, 19),
        fit(control, 9),
        fit(&finding.state, 12),
        display_safe(&finding.title)
    );
    let line = fit(&line, read::columns());
    writeln!(out, "{}", line.trim_end())
}

/// `fossick zones`.
///
/// # Errors
/// No sensor answers, or the filter is wrong.
pub fn zones(arguments: &Zones) -> anyhow::Result<()> {
    let filter = arguments.filter.join(" ");
    let Reply::Matrix(matrix) = asked(&arguments.sensor, &Request::Matrix { filter })? else {
        return Err(unexpected());
    };
    let mut out = BufWriter::new(io::stdout().lock());
    match arguments.format {
        Format::Json => json(&mut out, &matrix)?,
        Format::Table => print_zones(&mut out, &matrix)?,
    }
    Ok(out.flush()?)
}

fn print_zones(out: &mut dyn Write, matrix: &Matrix) -> io::Result<()> {
    let name = |number: usize| {
        matrix
            .zones
            .get(number)
            .map(|name| display_safe(name))
            .unwrap_or_default()
    };
    for cell in &matrix.cells {
        let (from, to) = (name(cell.from), name(cell.to));
        writeln!(
            out,
            "{:>8}  {from} → {to}  {}",
            cell.count,
            display_safe(&cell.protocols.join(", "))
        )?;
    }
    Ok(())
}

/// `fossick proof`.
///
/// # Errors
/// No sensor answers, or the packet is not kept.
pub fn proof(arguments: &Proof) -> anyhow::Result<()> {
    let request = Request::Proof {
        asset: arguments.asset.clone(),
        capture: arguments.capture.clone(),
        frame: arguments.frame,
        key: arguments.key.clone(),
    };
    let Reply::Proof(proof) = asked(&arguments.sensor, &request)? else {
        return Err(unexpected());
    };
    let mut out = BufWriter::new(io::stdout().lock());
    if arguments.format == Format::Json {
        json(&mut out, &proof)?;
        return Ok(out.flush()?);
    }
    writeln!(
        out,
        "{} frame {} at {}",
        display_safe(&proof.capture),
        proof.frame,
        proof.time
    )?;
    for layer in &proof.layers {
        writeln!(
            out,
            "  {:>5}+{:<5} {}  {}",
            layer.first,
            layer.count,
            display_safe(&layer.name),
            display_safe(&layer.says)
        )?;
    }
    for (first, count) in &proof.marks {
        writeln!(out, "  octets that say it: {first}+{count}")?;
    }
    for (n, line) in proof.bytes().chunks(16).enumerate() {
        let digits: Vec<String> = line.iter().map(|octet| format!("{octet:02x}")).collect();
        writeln!(out, "{:04x}  {}", n.saturating_mul(16), digits.join(" "))?;
    }
    Ok(out.flush()?)
}
