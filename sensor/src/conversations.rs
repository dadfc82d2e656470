//! Who talks to whom, as a table for people.
//!
//! ```text
//! CLIENT         SERVER       SERVICE          LAST SEEN             OPERATIONS
//! 10.0.0.1       10.0.0.2     tcp/502 modbus   2026-01-01T00:00:04Z  read holding registers (3)
//! ```

use std::io::{self, Write};

use fossick_model::{Conversation, Transport};
use unicode_width::UnicodeWidthStr;

use crate::safe::fit;

/// Least columns for operations.
const NARROWEST: usize = 20;
const TITLES: [&str; 5] = ["CLIENT", "SERVER", "SERVICE", "LAST SEEN", "OPERATIONS"];

/// Prints them, a line each, in as many columns as there are.
pub fn print(
    out: &mut impl Write,
    conversations: &[Conversation],
    columns: usize,
) -> io::Result<()> {
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
    let hosts = conversations
        .iter()
        .flat_map(|talk| [talk.client.address, talk.server.address]);
    let hosts: std::collections::BTreeSet<_> = hosts.collect();
    writeln!(
        out,
        "\n{} conversations of {} hosts",
        conversations.len(),
        hosts.len()
    )
}

fn cells(talk: &Conversation) -> [String; 5] {
    let transport = match talk.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    let mut service = format!("{transport}/{}", talk.port);
    if let Some(protocol) = &talk.protocol {
        service.push(' ');
        service.push_str(protocol);
    }
    if !talk.two_way {
        service.push_str(" (one way)");
    }
    [
        talk.client.address.to_string(),
        talk.server.address.to_string(),
        service,
        talk.last_seen.to_string(),
        talk.operations.join(", "),
    ]
}

fn line(out: &mut impl Write, cells: [&str; 5], widths: [usize; 5]) -> io::Result<()> {
    let mut text = String::new();
    for (cell, width) in cells.into_iter().zip(widths) {
        text.push_str(&fit(cell, width));
        text.push_str("  ");
    }
    writeln!(out, "{}", text.trim_end())
}
