//! `fossick doctor`: checks a machine and its mirror ports, and says how to mend what is wrong.
//!
//! Everything is looked up in `/proc` and `/sys`, or asked of `ip`, `ethtool` and `timedatectl`. Without `--mend`
//! nothing is changed; with it, only the interfaces named on the command line.

mod interface;
mod machine;
mod offload;
mod report;
mod tool;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::config::{self, Config};
use report::Report;

/// Arguments of `fossick doctor`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Interfaces that a mirror port or tap is cabled to; by default those of the configuration
    #[arg(value_name = "INTERFACE")]
    interfaces: Vec<String>,
    /// Bring the named interfaces up and make them silent: no IPv6, no ARP, no multicast, no offloads.
    /// One that has addresses or the default route is left alone
    #[arg(long, requires = "interfaces")]
    mend: bool,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT)]
    config: PathBuf,
    /// How long to listen on each interface; 0 for not at all
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    listen: u64,
}

/// Something is wrong that keeps Fossick from working, or from being silent.
const SOMETHING_FAILS: u8 = 1;

/// Checks, prints a line for each thing checked, and says by its status whether something fails.
pub fn run(arguments: &Arguments) -> ExitCode {
    let mut report = Report::default();
    let path = &arguments.config;
    let config = match Config::load(path) {
        Ok(config) => {
            report.ok("configuration", &format!("{} is right", path.display()));
            config
        }
        Err(error) if path.exists() => {
            let mend = format!("edit {}, then `fossick config check`", path.display());
            report.fail("configuration", &format!("{error:#}"), &mend);
            Config::default()
        }
        Err(_) => {
            let found = format!("{} does not exist: defaults are used", path.display());
            let mend = "install the package, or copy packaging/fossick.toml there";
            report.warn("configuration", &found, mend);
            Config::default()
        }
    };
    let mut interfaces = arguments.interfaces.clone();
    if interfaces.is_empty() {
        interfaces.extend(
            config
                .interfaces
                .iter()
                .map(|interface| interface.name.clone()),
        );
    }
    if interfaces.is_empty() {
        let mend = "name one: `fossick doctor eth1`, or [[interface]] in the configuration";
        report.fail(
            "interfaces",
            "none is named: there is nothing to listen on",
            mend,
        );
    }
    for name in &interfaces {
        if arguments.mend {
            interface::mend(name, &mut report);
        }
        interface::check(name, Duration::from_secs(arguments.listen), &mut report);
    }
    machine::check(&config, &mut report);
    report.close();
    if report.failed() {
        ExitCode::from(SOMETHING_FAILS)
    } else {
        ExitCode::SUCCESS
    }
}
