//! Every sample says what it should, and no damage to it makes a parser panic.
//!
//! A sample is `samples/<protocol>/<name>.txt`: annotated hex after `from client` or `from server`
//! (optionally `from server 8080 51000`: the sender's and the receiver's port), one message each,
//! then `---` and what is expected: of a client's message `does` and its operation, then the statements, one a line. `BLESS=1` writes what is said where
//! nothing is expected yet; review the diff.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fs;
use std::path::{Path, PathBuf};

use std::fmt::Write as _;

use fossick_parsers::{Carrier, Message, Out, PROTOCOLS, Protocol, Role, Statement};

struct Part {
    from: Role,
    ports: (u16, u16),
    bytes: Vec<u8>,
}

struct Sample {
    path: PathBuf,
    head: String,
    parts: Vec<Part>,
    want: String,
}

fn read(path: PathBuf) -> Sample {
    let text = fs::read_to_string(&path).unwrap();
    let (head, want) = text.split_once("---\n").unwrap_or((&text, ""));
    let mut parts: Vec<Part> = Vec::new();
    for line in head.lines() {
        let line = line.split('#').next().unwrap().trim();
        let mut words = line.split_whitespace();
        if line.starts_with("from ") {
            let from = match words.nth(1) {
                Some("client") => Role::Client,
                Some("server") => Role::Server,
                other => panic!("{}: from {other:?}", path.display()),
            };
            let mut port = || words.next().map_or(0, |port| port.parse().unwrap());
            let ports = (port(), port());
            let bytes = Vec::new();
            parts.push(Part { from, ports, bytes });
        } else {
            let octets = words.map(|word| {
                u8::from_str_radix(word, 16)
                    .unwrap_or_else(|_| panic!("{}: not hex: {word}", path.display()))
            });
            let octets: Vec<u8> = octets.collect();
            if !octets.is_empty() {
                let part = parts.last_mut();
                part.unwrap_or_else(|| panic!("{}: hex before `from`", path.display()))
                    .bytes
                    .extend(octets);
            }
        }
    }
    Sample {
        head: head.to_owned(),
        want: want.to_owned(),
        path,
        parts,
    }
}

fn each_sample(mut check: impl FnMut(&'static Protocol, Sample)) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    for protocol in PROTOCOLS {
        let folder = root.join(protocol.name);
        let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
            .unwrap_or_else(|_| panic!("{} has no samples", protocol.name))
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "txt"))
            .collect();
        paths.sort();
        assert!(!paths.is_empty(), "{} has no samples", protocol.name);
        for path in paths {
            check(protocol, read(path));
        }
    }
}

/// What `dissect` says of the message, a line a statement; the fault, if any, comes last.
fn said(protocol: &Protocol, message: Message<'_>) -> String {
    let mut scratch = String::new();
    let mut lines = String::new();
    let mut take = |statement: Statement<'_>| match statement {
        Statement::Observation {
            subject,
            key,
            value,
            ..
        } => {
            assert!(
                PROTOCOLS.iter().any(|p| p.keys.contains(&key)),
                "{} says {}, which no protocol declares",
                protocol.name,
                key.0
            );
            let value = value.escape_ascii();
            writeln!(lines, "{subject} {} {value}", key.0).unwrap();
        }
        Statement::Address { subject, address } => {
            writeln!(lines, "{subject} holds {address}").unwrap();
        }
        Statement::Speaks(carried) => writeln!(lines, "speaks {}", carried.name).unwrap(),
    };
    let done = (protocol.dissect)(message, &mut Out::new(&mut scratch, &mut take));
    if let Err(fault) = done {
        writeln!(lines, "fault {}", fault.what).unwrap();
    }
    lines
}

/// What a client's message asks for, as a line.
fn does(protocol: &Protocol, part: &Part) -> String {
    let operation = protocol
        .operation
        .filter(|_| part.from == Role::Client)
        .and_then(|operation| operation(&part.bytes));
    operation.map_or_else(String::new, |operation| format!("does {operation}\n"))
}

/// All messages of a sample in order, each with the one it answers.
fn run(protocol: &'static Protocol, sample: &Sample) -> String {
    let mut out = String::new();
    for (n, part) in sample.parts.iter().enumerate() {
        let earlier = sample.parts.get(..n).unwrap_or_default();
        let asked = earlier.iter().rfind(|before| before.from != part.from);
        let nth = earlier.iter().filter(|b| b.from == part.from).count();
        let message = Message {
            from: part.from,
            bytes: &part.bytes,
            asked: asked.map(|before| before.bytes.as_slice()),
            nth: u32::try_from(nth).unwrap(),
            ports: part.ports,
            source: None,
        };
        out.push_str(&does(protocol, part));
        out.push_str(&said(protocol, message));
    }
    out
}

#[test]
fn samples_say_what_they_should() {
    let mut wrong = Vec::new();
    each_sample(|protocol, sample| {
        let got = run(protocol, &sample);
        if sample.want.is_empty() && std::env::var_os("BLESS").is_some() {
            fs::write(&sample.path, format!("{}---\n{got}", sample.head)).unwrap();
        } else if got != sample.want {
            wrong.push(format!(
                "{}\n  expected:\n{}  said:\n{got}",
                sample.path.display(),
                sample.want
            ));
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn samples_are_recognised_and_cut_whole() {
    let mut wrong = Vec::new();
    each_sample(|protocol, sample| {
        let path = sample.path.display();
        let recognised = |part: &Part| (protocol.recognise)(&part.bytes).is_some();
        if !sample.parts.iter().any(recognised) {
            wrong.push(format!("{path}: nothing in it is recognised"));
        }
        // Of a protocol on both streams and datagrams, a sample may be of either.
        let datagrams = protocol
            .carriers
            .iter()
            .any(|c| matches!(c, Carrier::Udp(_)));
        for (n, part) in sample.parts.iter().enumerate() {
            // By its first octet alone a stream is given to those that may begin so.
            let begins = part.bytes.get(..1).unwrap_or_default();
            if protocol.frame.is_some() && !datagrams && !protocol.may_begin(begins) {
                wrong.push(format!("{path}: the first octet of message {n} is refused"));
            }
            match protocol.frame.map(|frame| frame(&part.bytes)) {
                Some(Ok(cut)) if cut.length != part.bytes.len() => {
                    wrong.push(format!("{path}: message {n} is cut after {}", cut.length));
                }
                Some(Err(error)) if !datagrams => {
                    wrong.push(format!("{path}: message {n} is not cut: {error:?}"));
                }
                _ => {}
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn damaged_samples_never_panic() {
    each_sample(|protocol, sample| {
        for (n, part) in sample.parts.iter().enumerate() {
            let asked = n.checked_sub(1).and_then(|n| sample.parts.get(n));
            let touch = |bytes: &[u8], asked: Option<&[u8]>| {
                if let Some(frame) = protocol.frame
                    && let Ok(cut) = frame(bytes)
                {
                    assert!(cut.length <= bytes.len(), "{}: cut too long", protocol.name);
                    assert!(cut.length > 0, "{}: cut nothing", protocol.name);
                }
                let _ = (protocol.recognise)(bytes);
                let _ = protocol.operation.map(|operation| operation(bytes));
                let message = Message {
                    from: part.from,
                    bytes,
                    asked,
                    nth: 0,
                    ports: part.ports,
                    source: None,
                };
                said(protocol, message);
            };
            let asked = asked.map(|before| before.bytes.as_slice());
            for end in 0..part.bytes.len() {
                touch(&part.bytes[..end], asked);
                for bit in 0..8 {
                    let mut flipped = part.bytes.clone();
                    flipped[end] ^= 1 << bit;
                    touch(&flipped, asked);
                }
            }
            for end in 0..asked.map_or(0, <[u8]>::len) {
                touch(&part.bytes, asked.map(|a| &a[..end]));
            }
        }
    });
}

#[test]
fn protocols_are_declared_once_and_own_their_keys() {
    let mut names: Vec<_> = PROTOCOLS.iter().map(|p| p.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(count, names.len(), "two protocols share a name");
    for protocol in PROTOCOLS {
        for key in protocol.keys {
            let prefix = key.0.split('.').next().unwrap();
            assert_eq!(prefix, protocol.name, "{} is not its own key", key.0);
        }
        let streams = protocol
            .carriers
            .iter()
            .any(|c| matches!(c, Carrier::Tcp(_)));
        assert!(
            !streams || protocol.frame.is_some(),
            "{} is carried on TCP but cannot cut a stream",
            protocol.name
        );
    }
}
