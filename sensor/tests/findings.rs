//! Captures in, findings out: on the recordings and the advisories that are at hand. Otherwise this says so loudly.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn shared() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let named = std::env::var_os("FOSSICK_SHARED").map(PathBuf::from);
    let path = named.unwrap_or_else(|| root.join("../shared"));
    if path.join("intel").exists() && path.join("captures").exists() {
        return Some(path);
    }
    eprintln!(
        "SKIPPED: no captures and advisories in {} (FOSSICK_SHARED names another folder)",
        path.display()
    );
    None
}

fn fossick(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_fossick"))
        .args(arguments)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Protocols that a lifecycle finding rests on: `smb.native_os=Windows XP; tcp.syn=…`.
fn protocols(finding: &Value) -> BTreeSet<String> {
    let range = finding["stated"]["range"].as_str().unwrap();
    range
        .split("; ")
        .map(|one| one.split('.').next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_verdict_that_traffic_can_give_is_given_with_its_row_and_its_packet() {
    let Some(shared) = shared() else { return };
    let knowledge =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("known-{}", std::process::id()));
    let known = knowledge.to_str().unwrap();
    let intel = shared.join("intel");
    fossick(&[
        "intel",
        "--knowledge",
        known,
        "import",
        intel.to_str().unwrap(),
    ]);
    let mut captures = Vec::new();
    for folder in ["captures", "lab/pcap"] {
        let files = std::fs::read_dir(shared.join(folder)).unwrap();
        captures.extend(files.map(|entry| entry.unwrap().path()));
    }
    captures.retain(|path| {
        path.extension()
            .is_some_and(|end| end == "pcap" || end == "pcapng")
    });
    captures.sort();
    let mut counts: BTreeMap<String, (u32, String)> = BTreeMap::new();
    for capture in &captures {
        let path = capture.to_str().unwrap();
        let said = fossick(&[
            "read",
            path,
            "--knowledge",
            known,
            "--as-of",
            "2026-06-01",
            "--format",
            "json",
        ]);
        for line in said.lines() {
            let asset: Value = serde_json::from_str(line).unwrap();
            let children = asset["children"].as_array().unwrap();
            for one in children.iter().chain([&asset]) {
                let findings = one["findings"].as_array().unwrap();
                // Detectors give no verdict.
                for finding in findings
                    .iter()
                    .filter(|finding| !finding["verdict"].is_null())
                {
                    let verdict = finding["verdict"].as_str().unwrap();
                    let name = capture.file_name().unwrap().to_string_lossy();
                    let source = &finding["source"];
                    let shown = format!(
                        "{name}: {} | {} | {} | {}",
                        source["id"], source["row"], finding["why"], finding["evidence"][0]
                    );
                    assert!(!finding["path"].as_array().unwrap().is_empty(), "{shown}");
                    assert!(!finding["why"].as_str().unwrap().is_empty(), "{shown}");
                    assert!(
                        finding["evidence"][0]["frame"].is_u64()
                            || finding["evidence"][0].is_object(),
                        "{shown}"
                    );
                    if verdict == "out of support" {
                        println!("out of support: {shown} | {}", finding["stated"]["range"]);
                        assert!(protocols(finding).len() >= 2, "a single source: {shown}");
                    }
                    if verdict == "manufacturer only" {
                        assert_eq!(one["category"], "medical", "{shown}");
                    }
                    let entry = counts.entry(verdict.to_owned()).or_insert((0, shown));
                    entry.0 += 1;
                }
            }
        }
    }
    std::fs::remove_file(&knowledge).unwrap();
    for (verdict, (count, shown)) in &counts {
        println!("{count:>4} {verdict}: {shown}");
    }
    // `declared by operator` is what a person says, not what traffic shows.
    for verdict in [
        "fix available",
        "declared no fix",
        "no fix yet",
        "fix not stated",
        "out of support",
        "manufacturer only",
        "unknown",
    ] {
        assert!(counts.contains_key(verdict), "nobody is `{verdict}`");
    }
}
