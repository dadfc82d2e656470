//! Who talks to whom, as a table for people and as JSON for programs.
//!
//! ```text
//! CLIENT         SERVER       SERVICE          LAST SEEN             OPERATIONS
//! 10.0.0.1       10.0.0.2     tcp/502 modbus   2026-01-01T00:00:04Z  read holding registers (3)
//! ```

use std::io::{self, Write};

use fossick_model::{Baseline, Cast, Conversation, Direction, Transport};
use unicode_width::UnicodeWidthStr;

use crate::safe::fit;

/// Least columns for operations.
const NARROWEST: usize = 20;
const TITLES: [&str; 5] = ["CLIENT", "SERVER", "SERVICE", "LAST SEEN", "OPERATIONS"];

/// What is shown of conversations.
pub struct Shown<'a> {
    /// In the order in which they are shown.
    pub all: &'a [Conversation],
    /// How far they may be taken for all that there are.
    pub baseline: &'a Baseline,
    /// The baseline alone is shown.
    pub alone: bool,
}

impl Shown<'_> {
    /// An object a line: conversations, or the baseline alone.
    pub fn json(&self, out: &mut impl Write) -> io::Result<()> {
        if self.alone {
            serde_json::to_writer(&mut *out, self.baseline)?;
            return out.write_all(b"\n");
        }
        for conversation in self.all {
            serde_json::to_writer(&mut *out, conversation)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// A line each, in as many columns as there are, and the baseline below.
    pub fn table(&self, out: &mut impl Write, columns: usize) -> io::Result<()> {
        if !self.alone {
            rows(out, self.all, columns)?;
        }
        let ends = |talk: &Conversation| {
            let host = (talk.cast == Cast::Unicast).then_some(talk.server.address);
            [Some(talk.client.address), host]
        };
        let hosts = self.all.iter().flat_map(ends).flatten();
        let hosts: std::collections::BTreeSet<_> = hosts.collect();
        let groups = self.all.iter().filter(|talk| talk.cast != Cast::Unicast);
        writeln!(
            out,
            "{} conversations of {} hosts, {} of them with groups",
            self.all.len(),
            hosts.len(),
            groups.count()
        )?;
        sentence(out, self.baseline)
    }
}

/// How far conversations may be taken for all that there are.
fn sentence(out: &mut impl Write, baseline: &Baseline) -> io::Result<()> {
    let (Some(since), Some(grown)) = (baseline.since, baseline.grown) else {
        return Ok(());
    };
    let Baseline {
        hours,
        days,
        quiet_hours,
        ..
    } = baseline;
    writeln!(
        out,
        "learnt since {since}, with something heard in {hours} hours on {days} days"
    )?;
    let still = if baseline.growing {
        "still growing"
    } else {
        "no longer growing"
    };
    writeln!(
        out,
        "last that was new: {grown}; {quiet_hours} hours without anything new since: {still}"
    )?;
    if baseline.one_way > 0 {
        writeln!(
            out,
            "{} heard one way only: what is not seen of them may be there all the same",
            baseline.one_way
        )?;
    }
    if baseline.unknown_direction > 0 {
        writeln!(
            out,
            "{} of which nothing shows who is the server",
            baseline.unknown_direction
        )?;
    }
    Ok(())
}

fn rows(out: &mut impl Write, conversations: &[Conversation], columns: usize) -> io::Result<()> {
    let rows: Vec<[String; 5]> = conversations.iter().map(cells).collect();
    let mut widths = TITLES.map(UnicodeWidthStr::width);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    // The last column takes what is left.
    let [client, server, service, seen, ..] = widths;
    let taken: usize = [client, server, service, seen]
        .iter()
        .map(|width| width.saturating_add(2))
        .sum();
    let left = columns.saturating_sub(taken).max(NARROWEST);
    if let Some(operations) = widths.last_mut() {
        *operations = (*operations).min(left);
    }
    line(out, TITLES, widths)?;
    for row in &rows {
        line(out, row.each_ref().map(String::as_str), widths)?;
    }
    writeln!(out)
}

fn cells(talk: &Conversation) -> [String; 5] {
    let transport = match talk.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    let mut service = match talk.port {
        Some(port) => format!("{transport}/{port}"),
        None => transport.to_owned(),
    };
    if let Some(protocol) = &talk.protocol {
        service.push(' ');
        service.push_str(protocol);
    }
    service.push_str(match talk.cast {
        Cast::Multicast => " (multicast)",
        Cast::Broadcast => " (broadcast)",
        Cast::Unicast if !talk.two_way => " (one way)",
        Cast::Unicast => "",
    });
    if talk.direction == Direction::Unknown {
        service.push_str(" (who serves is unknown)");
    }
    [
        talk.client.address.to_string(),
        talk.server.address.to_string(),
        service,
        talk.last_seen.to_string(),
        operations(talk),
    ]
}

fn operations(talk: &Conversation) -> String {
    let mut names: Vec<&str> = talk.operations.iter().map(|told| &*told.name).collect();
    if talk.more_operations {
        names.push("and more");
    }
    names.join(", ")
}

fn line(out: &mut impl Write, cells: [&str; 5], widths: [usize; 5]) -> io::Result<()> {
    let mut text = String::new();
    for (cell, width) in cells.into_iter().zip(widths) {
        text.push_str(&fit(cell, width));
        text.push_str("  ");
    }
    writeln!(out, "{}", text.trim_end())
}
