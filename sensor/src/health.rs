//! How the sensor does, in numbers; and its log.

use std::io::{self, IsTerminal, Write};

use fossick_engine::{Counters, Held, limits};
use fossick_model::{Count, Fill, Status};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::safe::display_safe;

/// Starts the log: to journald where it reads standard error, otherwise to standard error.
pub fn log() {
    let filter = tracing_subscriber::filter::LevelFilter::INFO;
    let registry = tracing_subscriber::registry().with(filter);
    let journald = std::env::var_os("JOURNAL_STREAM").is_some();
    if journald && let Ok(layer) = tracing_journald::layer() {
        let _ = registry.with(layer).try_init();
        return;
    }
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let _ = registry.with(layer).try_init();
}

/// Memory in use, and the most that may be.
pub fn memory(most_mib: u64) -> Fill {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Fill {
        name: "memory".to_owned(),
        used: kib.unwrap_or_default().saturating_mul(1024),
        most: most_mib.saturating_mul(1 << 20),
        given_up: 0,
    }
}

/// Every limit: what is in it, what it takes, what had to give way.
pub fn limits(held: &Held, counters: &Counters) -> Vec<Fill> {
    let fill = |name: &str, used: usize, most: usize, given_up: u64| Fill {
        name: name.to_owned(),
        used: used as u64,
        most: most as u64,
        given_up,
    };
    let all = |of_one: usize| of_one.saturating_mul(limits::SHARDS);
    let ours = held.nodes.saturating_sub(held.passing);
    vec![
        fill("addresses", ours, limits::NODES, held.refused),
        fill(
            "addresses in passing",
            held.passing,
            limits::PASSING,
            held.gave_way,
        ),
        fill(
            "conversations",
            held.conversations,
            limits::CONVERSATIONS,
            held.conversations_gave_way
                .saturating_add(held.conversations_left_out),
        ),
        fill(
            "operations of conversations",
            held.words,
            limits::WORDS,
            held.operations_left_out,
        ),
        fill(
            "spans of hours heard",
            held.spans,
            limits::SPANS,
            held.spans_gave_way,
        ),
        fill(
            "evidence packets waiting",
            held.packets,
            limits::KEPT_PACKETS,
            held.packets_given_up,
        ),
        fill(
            "flows",
            counters.flows_held,
            all(limits::FLOWS),
            counters.flows_given_up,
        ),
        fill(
            "stream octets",
            counters.stream_octets_held,
            all(limits::STREAM_OCTETS),
            counters.streams_given_up,
        ),
        fill(
            "fragmented packets",
            0,
            all(limits::FRAGMENTED),
            counters.fragmented_given_up,
        ),
    ]
}

/// Counts since the start.
pub fn counts(counters: &Counters) -> Vec<Count> {
    let count = |name: &str, of: String, count: u64| Count {
        name: name.to_owned(),
        of,
        count,
    };
    let none = String::new;
    let mut counts = vec![
        count("frames", none(), counters.frames),
        count("duplicates", none(), counters.duplicates),
        count("panics", none(), counters.panics),
        count("too_long", none(), counters.too_long),
    ];
    let stops = counters.stops.iter();
    counts.extend(stops.map(|(stop, n)| count("not_decoded", format!("{stop:?}"), *n)));
    let carriers = counters.not_understood.iter();
    counts.extend(carriers.map(|(carrier, n)| count("not_understood", format!("{carrier:?}"), *n)));
    let messages = counters.messages.iter();
    counts.extend(messages.map(|(protocol, n)| count("messages", (*protocol).to_owned(), *n)));
    let faults = counters.faults.iter();
    counts.extend(
        faults.map(|((protocol, part), n)| count("faults", format!("{protocol}: {part}"), *n)),
    );
    counts
}

/// Prints how a sensor does, for people.
pub fn print(out: &mut dyn Write, status: &Status) -> io::Result<()> {
    let mib = |octets: u64| octets >> 20;
    writeln!(
        out,
        "Fossick {} at {}, since {}",
        status.version,
        if status.site.is_empty() {
            "a site without a name"
        } else {
            &status.site
        },
        status.started
    )?;
    writeln!(
        out,
        "  {} assets, journal at {}",
        status.assets, status.journal
    )?;
    writeln!(
        out,
        "  memory   {} of {} MiB",
        mib(status.memory.used),
        mib(status.memory.most)
    )?;
    writeln!(out, "  lag      {:.3} s behind the wire", status.lag)?;
    writeln!(
        out,
        "  store    {}; {} MiB, last commit {:.0} ms, {} addresses wait",
        display_safe(&status.store.state),
        mib(status.store.octets),
        status.store.commit * 1000.0,
        status.store.waiting
    )?;
    for interface in &status.interfaces {
        writeln!(
            out,
            "  {:<8} {}; {} frames, {} MiB, dropped by the kernel {}, by the interface {}",
            display_safe(&interface.name),
            display_safe(&interface.state),
            interface.frames,
            mib(interface.octets),
            interface.dropped,
            interface.interface_dropped
        )?;
    }
    for outlet in &status.outlets {
        writeln!(
            out,
            "  outlet {}: {}; delivered up to {}",
            display_safe(&outlet.name),
            display_safe(&outlet.state),
            outlet.delivered
        )?;
    }
    writeln!(out, "\nLimits")?;
    for fill in &status.limits {
        writeln!(
            out,
            "  {:<26} {:>9} of {:>9}, gave way {}",
            fill.name, fill.used, fill.most, fill.given_up
        )?;
    }
    writeln!(out, "\nCounts")?;
    for count in &status.counts {
        writeln!(
            out,
            "  {:<14} {:<40} {:>12}",
            count.name,
            display_safe(&count.of),
            count.count
        )?;
    }
    Ok(())
}
