//! `fossick read`: captures in, inventory out.

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use fossick_engine::Engine;
use fossick_fingerprints::Fingerprints;

use crate::capture::Captures;

/// The input was read in part.
const READ_IN_PART: u8 = 1;
/// Nothing could be read, or the arguments are wrong.
const NOTHING_READ: u8 = 2;

/// Arguments of `fossick read`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Captures: pcap or pcapng files, plain or compressed, folders of them, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    captures: Vec<PathBuf>,
    /// How the inventory is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// List hosts on the Internet too
    #[arg(long)]
    external: bool,
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
        Err(error) => {
            eprintln!("fossick: {error:#}");
            ExitCode::from(NOTHING_READ)
        }
    }
}

/// Whether everything was read to its end.
fn read(arguments: &Arguments) -> anyhow::Result<bool> {
    let mut captures = Captures::open(&arguments.captures)?;
    let names = captures.names();
    let threads = arguments
        .threads
        .or_else(|| std::thread::available_parallelism().ok().map(Into::into))
        .unwrap_or(1);
    let mut engine = Engine::new(threads, &arguments.off);
    while let Some(batch) = captures.next_batch() {
        engine.read(&Arc::new(batch));
    }
    engine.finish();
    let fingerprints = Fingerprints::built_in();
    let assets = engine.assets(&fingerprints, &names, arguments.external);
    let mut out = BufWriter::new(std::io::stdout().lock());
    for asset in &assets {
        serde_json::to_writer(&mut out, asset).context("writing the inventory")?;
        out.write_all(b"\n").context("writing the inventory")?;
    }
    out.flush().context("writing the inventory")?;
    let troubles = captures.troubles();
    for trouble in &troubles {
        eprintln!("fossick: {trouble}");
    }
    Ok(troubles.is_empty())
}
