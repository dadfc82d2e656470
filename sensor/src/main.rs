//! Fossick: what is on this network, and the packet that proves each word.

mod capture;
mod explain;
mod knowledge;
mod protocols;
mod read;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use fossick_sensor::safe;

/// Passive discovery sensor: what is on this network, and the packet that proves each word.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read captures and print the inventory
    Read(read::Arguments),
    /// Say what a raw value would yield, and by which fingerprint
    Fingerprint(knowledge::Arguments),
    /// List the protocols that are read, as a table
    Protocols,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Read(arguments) => return read::run(&arguments),
        Command::Fingerprint(arguments) => knowledge::run(&arguments),
        Command::Protocols => {
            print!("{}", protocols::table());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fossick: {error:#}");
            ExitCode::from(read::NOTHING_READ)
        }
    }
}
