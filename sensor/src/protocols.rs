//! The protocols that are read, as the README's table, and the questions that may be asked in them.

use std::fmt::Write as _;

use clap::Args;
use fossick_parsers::{PROTOCOLS, Reach, Safety};

/// Arguments of `fossick protocols`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// List the questions that may be put to devices instead: how safe, to whom, and how many frames at most
    #[arg(long)]
    probes: bool,
}

/// What is asked for.
#[must_use]
pub fn print(arguments: &Arguments) -> String {
    if arguments.probes {
        questions()
    } else {
        table()
    }
}

/// A Markdown table of questions, those of a protocol in the order in which they are put.
fn questions() -> String {
    let mut table = String::from(
        "| protocol | question | sent to | safety | reach | frames |\n|---|---|---|---|---|---|\n",
    );
    let mut protocols: Vec<_> = PROTOCOLS.iter().collect();
    protocols.sort_by_key(|protocol| protocol.name);
    for protocol in protocols {
        for probe in protocol.probes {
            let safety = match probe.safety {
                Safety::Routine => "routine",
                Safety::Intrusive => "intrusive: needs consent",
            };
            let reach = match probe.reach {
                Reach::Host => "one host",
                Reach::Segment => "a segment: needs consent",
            };
            // Writing to a String cannot fail.
            let _ = writeln!(
                table,
                "| {} | {} | {} | {safety} | {reach} | {} |",
                protocol.name, probe.name, probe.carrier, probe.frames
            );
        }
    }
    table
}

/// A Markdown table: name, where it is expected, what it can disclose, the document it was written from.
pub fn table() -> String {
    let mut table =
        String::from("| protocol | expected on | discloses | specification |\n|---|---|---|---|\n");
    let mut protocols: Vec<_> = PROTOCOLS.iter().collect();
    protocols.sort_by_key(|protocol| protocol.name);
    for protocol in protocols {
        let carriers: Vec<String> = protocol.carriers.iter().map(ToString::to_string).collect();
        let prefix = format!("{}.", protocol.name);
        let keys: Vec<String> = protocol
            .keys
            .iter()
            .map(|key| {
                key.0
                    .strip_prefix(&prefix)
                    .unwrap_or(key.0)
                    .replace('_', " ")
            })
            .collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} |",
            protocol.name,
            carriers.join(", "),
            keys.join(", "),
            protocol.spec
        );
    }
    table
}
