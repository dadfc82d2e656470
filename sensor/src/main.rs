//! Fossick: what is on this network, and the packet that proves each word.

mod capture;
mod read;

use clap::{Parser, Subcommand};

/// Passive discovery sensor and OT-safe scanning appliance.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read captures and print the inventory.
    Read(read::Arguments),
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        Command::Read(arguments) => read::run(&arguments),
    }
}
