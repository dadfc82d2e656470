//! `fossick audit` and `fossick exceptions`: whether the journal is what was written, and what somebody answers for.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use fossick_model::{Audit, Exception, Fault, Head, Reply, Request};

use crate::client::{Sensor, Where, unexpected};
use crate::safe::display_safe;
use crate::store;

/// Exceptions asked for at once.
const WINDOW: usize = 500;

/// What `fossick audit` is asked to do.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    sensor: Where,
    /// A store that no sensor has open, or a backup, instead of a running sensor
    #[arg(long, global = true, value_name = "FILE")]
    store: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compute every hash of the journal again, and name the first entry that was altered, added or taken away
    Verify(Verify),
    /// Print number and hash of the last entry: whoever writes it down elsewhere can tell a rewritten journal
    Head,
}

#[derive(Debug, Args)]
struct Verify {
    /// What `fossick audit head` printed once
    #[arg(long, value_name = "SEQ:HASH")]
    head: Option<Head>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What `fossick exceptions` is asked to do.
#[derive(Debug, Args)]
pub struct Exceptions {
    /// How they are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    sensor: Where,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// JSON, for programs
    Json,
}

fn audited(arguments: &Arguments, head: Option<Head>) -> anyhow::Result<Audit> {
    if let Some(file) = &arguments.store {
        return store::audit(Path::new(file), head.as_ref());
    }
    match Sensor::connect(&arguments.sensor)?.ask(&Request::Audit { head })? {
        Reply::Audit(audit) => Ok(*audit),
        _ => Err(unexpected()),
    }
}

/// Does it. True if the journal is what was written.
///
/// # Errors
/// No sensor answers, or the store cannot be read.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let mut out = BufWriter::new(io::stdout().lock());
    let (head, format) = match &arguments.command {
        Command::Verify(asked) => (asked.head, Some(asked.format)),
        Command::Head => (None, None),
    };
    let audit = audited(arguments, head)?;
    match (format, &audit.fault) {
        (Some(Format::Json), _) => writeln!(out, "{}", serde_json::to_string(&audit)?)?,
        (Some(Format::Table), _) => told(&mut out, &audit)?,
        // Nobody shall write down the hash of what is wrong already.
        (None, Some(fault)) => anyhow::bail!("{fault}"),
        (None, None) => writeln!(out, "{}", audit.head)?,
    }
    out.flush()?;
    Ok(audit.fault.is_none())
}

fn told(out: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    let Audit {
        first,
        entries,
        head,
        fault,
    } = audit;
    if *entries > 0 {
        writeln!(
            out,
            "entries {first} to {} agree with their hashes: {entries} of them",
            head.seq
        )?;
    }
    match fault {
        None => writeln!(out, "the journal is whole; head {head}"),
        Some(fault @ Fault::NoLongerKept { .. }) => writeln!(out, "NOT COMPARED: {fault}"),
        Some(fault) => writeln!(out, "THE JOURNAL IS NOT WHAT WAS WRITTEN: {fault}"),
    }
}

/// `fossick exceptions`.
///
/// # Errors
/// No sensor answers.
pub fn exceptions(arguments: &Exceptions) -> anyhow::Result<()> {
    let all = held(&mut Sensor::connect(&arguments.sensor)?)?;
    let mut out = BufWriter::new(io::stdout().lock());
    for exception in &all {
        match arguments.format {
            Format::Json => writeln!(out, "{}", serde_json::to_string(exception)?)?,
            Format::Table => line(&mut out, exception)?,
        }
    }
    if arguments.format == Format::Table {
        writeln!(out, "{} exceptions", all.len())?;
    }
    Ok(out.flush()?)
}

/// Every exception that holds, those that end first in front.
///
/// # Errors
/// The sensor does not answer.
pub(crate) fn held(sensor: &mut Sensor) -> anyhow::Result<Vec<Exception>> {
    let mut all = Vec::new();
    loop {
        let request = Request::Exceptions {
            offset: all.len(),
            limit: WINDOW,
        };
        let Reply::Exceptions { total, exceptions } = sensor.ask(&request)? else {
            return Err(unexpected());
        };
        let last = exceptions.is_empty();
        all.extend(exceptions);
        if last || all.len() >= total {
            return Ok(all);
        }
    }
}

fn line(out: &mut dyn Write, exception: &Exception) -> io::Result<()> {
    let acceptance = &exception.acceptance;
    writeln!(
        out,
        "{}  {}  {} by {} until {} ({} days left): {}",
        exception.asset,
        display_safe(&exception.label),
        exception.kind,
        display_safe(&acceptance.by.label()),
        acceptance.until.day(),
        exception.days_left,
        display_safe(&acceptance.reason)
    )?;
    let there = if exception.present {
        ""
    } else {
        "  (not there at present)"
    };
    let (finding, title) = (
        display_safe(&exception.finding),
        display_safe(&exception.title),
    );
    writeln!(out, "    finding {finding}  {title}{there}")
}
