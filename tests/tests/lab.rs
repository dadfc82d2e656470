//! Captures of real servers: the demonstration's inventory, and what each server is known to tell.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fs;
use std::process::Command;

use fossick_tests::{fossick, root, run, shared};
use serde_json::Value;

/// What the demonstration prints, word for word. `BLESS=1` writes it; review the diff.
#[test]
fn the_demonstration_prints_its_inventory() {
    let demo = root().join("demo");
    let ran = run(&["read", demo.to_str().unwrap()], b"");
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    let expected = root().join("tests/screens/demo.txt");
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(expected.parent().unwrap()).unwrap();
        fs::write(&expected, &ran.out).unwrap();
    }
    let wanted = fs::read_to_string(&expected).unwrap();
    assert_eq!(ran.out, wanted, "review, then `make bless`");
}

/// Letters and digits alone, in lower case.
fn plain(text: &str) -> String {
    let kept = text.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

#[test]
fn everything_that_the_servers_of_the_lab_tell_is_in_the_inventory() {
    let Some(folder) = shared("lab/pcap") else {
        return;
    };
    let truth = fs::read_to_string(folder.join("truth.json")).unwrap();
    let truth: Value = serde_json::from_str(&truth).unwrap();
    let mut missing = Vec::new();
    for (capture, server) in truth.as_object().unwrap() {
        let Some(told) = server["told"].as_object() else {
            continue;
        };
        let path = folder.join(capture);
        let ran = run(&["read", path.to_str().unwrap(), "--format", "json"], b"");
        let said = plain(&ran.out);
        for (what, value) in told {
            let value = value.as_str().unwrap();
            if !said.contains(&plain(value)) {
                missing.push(format!("{capture}: {what} = {value}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// The figures that must hold on captures whose truth is known, where those are at hand.
#[test]
fn the_score_on_known_captures_holds() {
    let (Some(script), Some(captures)) = (shared("contract/score.py"), shared("captures")) else {
        return;
    };
    let figures = std::env::temp_dir().join(format!("fossick-score-{}.json", std::process::id()));
    let done = Command::new("python3")
        .arg(script)
        .arg("--fossick")
        .arg(fossick())
        .arg("--captures")
        .arg(captures)
        .args(["--brief", "--json"])
        .arg(&figures)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&done.stdout).into_owned();
    println!("{printed}");
    assert!(
        done.status.success(),
        "{printed}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let read: Value = serde_json::from_str(&fs::read_to_string(&figures).unwrap()).unwrap();
    fs::remove_file(&figures).unwrap();
    let ratio = |name: &str| {
        let pair = &read["figures"][name];
        pair[0].as_f64().unwrap() / pair[1].as_f64().unwrap().max(1.0)
    };
    for (name, least) in [
        ("assets", 0.95),
        ("default", 0.95),
        ("identity", 0.80),
        ("disclosure", 0.70),
        ("protocols", 0.75),
        ("ja4", 0.95),
        ("evidence", 0.95),
    ] {
        assert!(
            ratio(name) >= least,
            "{name} is {:.3}, below {least}",
            ratio(name)
        );
    }
    // The truth lacks every claim of s7comm-plus, and swaps some revisions: see ARCHITECTURE.md, "Figures".
    for (name, most) in [
        ("contradicted", 0.04),
        ("ghosts", 0.01),
        ("unsupported", 0.03),
    ] {
        assert!(
            ratio(name) <= most,
            "{name} is {:.3}, above {most}",
            ratio(name)
        );
    }
}
