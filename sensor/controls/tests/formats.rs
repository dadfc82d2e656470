//! The words of each device, as files: what is printed, and what an independent parser reads in it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::policy;
use fossick_controls::{Format, render};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/formats")
}

#[test]
fn each_format_is_as_its_file_has_it() {
    for format in Format::ALL {
        let text = render(&policy(), format).unwrap();
        let path = folder().join(format!("{}.txt", format.name()));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let wanted = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, wanted, "{}: BLESS=1 writes it", path.display());
    }
}

#[test]
fn nothing_from_the_wire_leaves_its_comment() {
    for format in Format::ALL {
        let text = render(&policy(), format).unwrap();
        if format == Format::Json {
            // Control characters are written out there.
            assert!(!text.contains("\nflush"), "{text}");
            continue;
        }
        assert!(text.is_ascii(), "{text}");
        for line in text.lines().filter(|line| line.contains("flush")) {
            assert!(line.starts_with(['#', '!']), "{line}");
        }
        // A quote in a word would end it.
        for line in text.lines().filter(|line| line.contains("write")) {
            let quotes = line.matches('"').count();
            assert!(quotes == 0 || quotes == 2, "{line}");
        }
    }
}

#[test]
fn whoever_is_no_kernel_says_so() {
    for format in Format::ALL {
        let text = render(&policy(), format).unwrap();
        let says = text.contains("not checked by a device");
        assert_eq!(says, !matches!(format, Format::Nftables | Format::Json));
    }
}

/// What was heard of a transfer does not tell the ports of the next.
#[test]
fn whoever_agrees_on_ports_is_named_as_what_may_break() {
    for format in Format::ALL {
        let mut policy = policy();
        assert!(!render(&policy, format).unwrap().contains("MAY BREAK"));
        policy.rules[0].protocol = Some("ftp".into());
        let text = render(&policy, format).unwrap();
        let says = text.contains("MAY BREAK ftp: ");
        assert_eq!(says, format != Format::Json, "{text}");
    }
}

/// Python with the parsers in it: `make formats` puts it there.
fn python() -> Option<PathBuf> {
    let target = std::env::current_exe().unwrap();
    let beside = target
        .ancestors()
        .nth(3)
        .unwrap()
        .join("formats/bin/python");
    let found = std::env::var_os("FOSSICK_FORMATS").map_or(beside, PathBuf::from);
    if found.exists() {
        return Some(found);
    }
    eprintln!(
        "SKIPPED: there is no {}: `make formats` installs the parsers",
        found.display()
    );
    None
}

#[test]
fn independent_parsers_read_what_the_policy_says() {
    let Some(python) = python() else { return };
    let script = folder().join("../read.py");
    let done = Command::new(python)
        .arg(script)
        .arg(folder())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    let complained = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}\n{complained}");
    eprintln!("{said}");
}
