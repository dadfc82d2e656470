//! Counts for Prometheus: a text page over HTTP, on loopback unless configured otherwise.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use fossick_model::Status;

use crate::store::lock;

/// Octets of a request that are read.
const REQUEST: u64 = 8192;
/// A client that says nothing is left alone.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens the port; nothing if none is configured.
///
/// # Errors
/// It is taken.
pub fn listen(address: &str) -> anyhow::Result<Option<TcpListener>> {
    if address.is_empty() {
        return Ok(None);
    }
    let listener = TcpListener::bind(address).with_context(|| {
        format!("serving metrics on {address} ([metrics] listen names another, or none)")
    })?;
    listener.set_nonblocking(true)?;
    Ok(Some(listener))
}

/// Answers, one client after the other, in a thread of its own.
///
/// # Errors
/// The system gives no thread.
pub fn serve(
    listener: TcpListener,
    status: Arc<Mutex<Status>>,
    stop: Arc<AtomicBool>,
) -> std::io::Result<()> {
    let answer = move || {
        while !stop.load(Ordering::Relaxed) {
            match listener.accept() {
                Ok((client, _)) => {
                    let page = page(&lock(&status));
                    if let Err(error) = reply(client, &page) {
                        tracing::debug!("metrics: {error}");
                    }
                }
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    };
    std::thread::Builder::new()
        .name("metrics".to_owned())
        .spawn(answer)?;
    Ok(())
}

fn reply(client: TcpStream, page: &str) -> std::io::Result<()> {
    client.set_nonblocking(false)?;
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new((&client).take(REQUEST));
    let mut request = String::new();
    lines.read_line(&mut request)?;
    let mut line = String::new();
    while lines.read_line(&mut line)? > 2 {
        line.clear();
    }
    let known = request.starts_with("GET /metrics ");
    let (result, body) = if known {
        ("200 OK", page)
    } else {
        ("404 Not Found", "see /metrics\n")
    };
    let mut client = client;
    write!(
        client,
        "HTTP/1.1 {result}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The status in Prometheus' text format.
#[must_use]
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn page(status: &Status) -> String {
    let mut page = String::new();
    let mut one = |name: &str, kind: &str, help: &str, samples: Vec<(String, String)>| {
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "# HELP fossick_{name} {help}\n# TYPE fossick_{name} {kind}"
        );
        for (labels, value) in samples {
            let _ = writeln!(page, "fossick_{name}{labels} {value}");
        }
    };
    let plain = |value: String| vec![(String::new(), value)];
    one(
        "assets",
        "gauge",
        "Assets in the inventory.",
        plain(status.assets.to_string()),
    );
    one(
        "journal_entries_total",
        "counter",
        "Last entry of the journal.",
        plain(status.journal.to_string()),
    );
    one(
        "lag_seconds",
        "gauge",
        "From a frame's arrival to its reading.",
        plain(status.lag.to_string()),
    );
    one(
        "memory_bytes",
        "gauge",
        "Memory in use.",
        plain(status.memory.used.to_string()),
    );
    one(
        "memory_limit_bytes",
        "gauge",
        "Most memory that may be in use.",
        plain(status.memory.most.to_string()),
    );
    one(
        "store_bytes",
        "gauge",
        "Octets on disk.",
        plain(status.store.octets.to_string()),
    );
    one(
        "store_commit_seconds",
        "gauge",
        "Duration of the last commit.",
        plain(status.store.commit.to_string()),
    );
    one(
        "store_failed_total",
        "counter",
        "Commits that failed.",
        plain(status.store.failed.to_string()),
    );
    one(
        "store_waiting",
        "gauge",
        "Addresses whose changes wait to be written.",
        plain(status.store.waiting.to_string()),
    );
    let interfaces = |value: fn(&fossick_model::Interface) -> u64| -> Vec<(String, String)> {
        let all = status.interfaces.iter();
        all.map(|i| {
            (
                format!("{{interface=\"{}\"}}", escape(&i.name)),
                value(i).to_string(),
            )
        })
        .collect()
    };
    one(
        "frames_total",
        "counter",
        "Frames read.",
        interfaces(|i| i.frames),
    );
    one(
        "bytes_total",
        "counter",
        "Octets read.",
        interfaces(|i| i.octets),
    );
    one(
        "kernel_drops_total",
        "counter",
        "Frames dropped because the ring was full.",
        interfaces(|i| i.dropped),
    );
    one(
        "interface_drops_total",
        "counter",
        "Frames dropped by the interface.",
        interfaces(|i| i.interface_dropped),
    );
    one(
        "up",
        "gauge",
        "Whether the interface is listened on.",
        interfaces(|i| u64::from(i.state.starts_with("listening"))),
    );
    let outlets = status.outlets.iter().map(|outlet| {
        (
            format!("{{outlet=\"{}\"}}", escape(&outlet.name)),
            outlet.delivered.to_string(),
        )
    });
    one(
        "delivered_entries_total",
        "counter",
        "Last entry of the journal that was delivered.",
        outlets.collect(),
    );
    let limits = |value: fn(&fossick_model::Fill) -> u64| -> Vec<(String, String)> {
        let all = status.limits.iter();
        all.map(|fill| {
            (
                format!("{{limit=\"{}\"}}", escape(&fill.name)),
                value(fill).to_string(),
            )
        })
        .collect()
    };
    one(
        "limit_used",
        "gauge",
        "What is held.",
        limits(|fill| fill.used),
    );
    one(
        "limit_most",
        "gauge",
        "What may be held.",
        limits(|fill| fill.most),
    );
    one(
        "limit_given_up_total",
        "counter",
        "What had to give way.",
        limits(|fill| fill.given_up),
    );
    let counts = status.counts.iter().map(|count| {
        let labels = format!(
            "{{what=\"{}\",of=\"{}\"}}",
            escape(&count.name),
            escape(&count.of)
        );
        (labels, count.count.to_string())
    });
    one(
        "count_total",
        "counter",
        "What was read, and what was not.",
        counts.collect(),
    );
    page
}

/// As the text format wants it.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
