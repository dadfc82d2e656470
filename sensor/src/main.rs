//! Fossick: what is on this network, and the packet that proves each word.

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use fossick_sensor::{
    audit, client, config, controls, doctor, intel, inventory, knowledge, protocols, read, report,
    run, scan, screens, tui,
};
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Passive discovery sensor: what is on this network, and the packet that proves each word.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read captures and print the inventory
    Read(read::Arguments),
    /// Listen on SPAN ports and keep the inventory
    Run(run::Arguments),
    /// List the assets of a running sensor
    Assets(client::Assets),
    /// Explain one asset of a running sensor: each fact with what was said, and the packet
    Asset(client::One),
    /// List who was seen to use which service of whom, on a running sensor
    Conversations(client::Conversations),
    /// Print what changed
    Changes(client::Changes),
    /// Say how a running sensor does
    Status(client::StatusArguments),
    /// Read captures into a running sensor's inventory
    Ingest(client::Ingest),
    /// Decide something about an asset or a finding of it: name, note, kind, merge, split, forget, accept
    Order(client::OrderArguments),
    /// List what somebody answers for: accepted risks, and what was declared unpatchable
    Exceptions(audit::Exceptions),
    /// Say whether the journal is what was written, and the hash to be written down elsewhere
    Audit(audit::Arguments),
    /// Check, compact, back up or restore the store, also while the sensor runs
    Store(client::StoreArguments),
    /// Check this machine and its mirror ports, and say how to mend them
    Doctor(doctor::Arguments),
    /// Check a configuration
    Config(config::Arguments),
    /// Ask devices what listening could not tell, gently: see --plan first
    Scan(scan::Arguments),
    /// Import advisories and lifecycles, and ask which are about a device
    Intel(intel::Arguments),
    /// Say why no advisory is about an asset: what was known of it, and at which step none fitted
    WhyNoCve(intel::Why),
    /// Fence in what cannot be patched: propose a policy, try it on what was heard, export it for a device
    Control(controls::Arguments),
    /// Say what should be there, and hold it against what is
    Inventory(inventory::Arguments),
    /// Write a report: one page for people who would rather look, or the same for other programs
    Report(report::Arguments),
    /// Say what a raw value would yield, and by which fingerprint
    Fingerprint(knowledge::Arguments),
    /// Show everything on a screen; `fossick` alone does so too
    Tui(tui::Arguments),
    /// Say in short what is there, what is urgent and what changed, on a running sensor
    Overview(screens::Plain),
    /// List findings of a running sensor, the most urgent first
    Findings(screens::Findings),
    /// Say which zones talk to which, on a running sensor
    Zones(screens::Zones),
    /// Show a packet that proves something, on a running sensor
    Proof(screens::Proof),
    /// Print what a shell needs to complete these commands
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write a manual page for each command
    Man {
        /// The folder that they go into
        folder: std::path::PathBuf,
    },
    /// List the protocols that are read, as a table
    Protocols(protocols::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(command) = arguments.command else {
        return alone();
    };
    let done = match command {
        Command::Read(arguments) => return read::run(&arguments),
        Command::Run(arguments) => match run::run(&arguments) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Intel(arguments) => match intel::run(&arguments) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::from(read::READ_IN_PART),
            Err(error) => Err(error),
        },
        Command::Report(arguments) => match report::run(&arguments) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::from(read::READ_IN_PART),
            Err(error) => Err(error),
        },
        Command::Doctor(arguments) => return doctor::run(&arguments),
        Command::Assets(arguments) => client::assets(&arguments),
        Command::Asset(arguments) => client::asset(&arguments),
        Command::Conversations(arguments) => client::conversations(&arguments),
        Command::Changes(arguments) => client::changes(&arguments),
        Command::Status(arguments) => client::status(&arguments),
        Command::Ingest(arguments) => client::ingest(&arguments),
        Command::Order(arguments) => client::order(&arguments),
        Command::Exceptions(arguments) => audit::exceptions(&arguments),
        Command::Audit(arguments) => match audit::run(&arguments) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        Command::Store(arguments) => client::store(&arguments),
        Command::WhyNoCve(arguments) => intel::why(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Control(arguments) => match controls::run(&arguments) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        Command::Scan(arguments) => match scan::run(&arguments) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        Command::Inventory(arguments) => inventory::run(&arguments),
        Command::Fingerprint(arguments) => knowledge::run(&arguments),
        Command::Tui(arguments) => tui::run(&arguments),
        Command::Overview(arguments) => screens::overview(&arguments),
        Command::Findings(arguments) => screens::findings(&arguments),
        Command::Zones(arguments) => screens::zones(&arguments),
        Command::Proof(arguments) => screens::proof(&arguments),
        Command::Completions { shell } => completions(shell),
        Command::Man { folder } => manual(&folder),
        Command::Protocols(arguments) => {
            let table = protocols::print(&arguments);
            std::io::stdout()
                .write_all(table.as_bytes())
                .map_err(Into::into)
        }
    };
    ended(done)
}

/// What a shell needs to complete the commands.
fn completions(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "fossick", &mut text);
    Ok(std::io::stdout().write_all(&text)?)
}

/// A manual page for each command.
fn manual(folder: &std::path::Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    Ok(clap_mangen::generate_to(Arguments::command(), folder)?)
}

/// `fossick` without a command: the screen where there is a terminal, or else what could be asked for.
fn alone() -> ExitCode {
    if tui::possible() {
        return ended(tui::run(&tui::Arguments::plain()));
    }
    let _ = Arguments::command().print_help();
    ExitCode::from(read::NOTHING_READ)
}

fn ended(done: anyhow::Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if read::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fossick: {error:#}");
            ExitCode::from(read::NOTHING_READ)
        }
    }
}
