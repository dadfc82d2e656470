//! Reads a capture and does nothing with it: what reading alone costs, for the benchmark.
//!
//! usage: reading CAPTURE

#[path = "../src"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the benchmark needs a part of it only"
)]
mod sensor {
    pub mod capture;
}

use std::path::PathBuf;
use std::process::ExitCode;

use sensor::capture::Captures;

fn main() -> ExitCode {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let mut captures = match Captures::open(&paths) {
        Ok(captures) => captures,
        Err(error) => {
            eprintln!("reading: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut frames = 0_usize;
    while let Some(batch) = captures.next_batch() {
        frames = frames.saturating_add(batch.frames.len());
    }
    println!("{frames}");
    ExitCode::SUCCESS
}
