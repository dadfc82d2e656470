//! Reports by the program itself: captures and knowledge in, a file out, whole or not at all.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A folder of its own, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn fossick(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new(env!("CARGO_BIN_EXE_fossick"))
            .current_dir(&self.0)
            .args(arguments)
            .output()
            .unwrap();
        let said = [stdout, stderr].concat();
        (status.code(), String::from_utf8_lossy(&said).into_owned())
    }

    fn works(&self, arguments: &[&str]) -> String {
        let (status, said) = self.fossick(arguments);
        assert_eq!(status, Some(0), "{arguments:?}: {said}");
        said
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn demo(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../demo")
        .join(name);
    path.canonicalize().unwrap().display().to_string()
}

/// An advisory of our own making: about a device of our own laboratory, which it says will not be mended.
const ADVISORY: &str = r#"{"document": {"category": "csaf_security_advisory", "csaf_version": "2.0", "title": "Sample of our own",
    "publisher": {"category": "vendor", "name": "Siemens", "namespace": "https://siemens.example"},
    "tracking": {"current_release_date": "2026-01-01T00:00:00Z", "id": "SAMPLE-1", "initial_release_date": "2026-01-01T00:00:00Z",
    "status": "final", "version": "1", "revision_history": [{"date": "2026-01-01T00:00:00Z", "number": "1", "summary": "first"}]}},
    "product_tree": {"branches": [{"category": "vendor", "name": "Siemens", "branches": [{"category": "product_name", "name": "SIMATIC S7-300 CPU 315-2 PN/DP",
    "branches": [{"category": "product_version_range", "name": "< V4.0", "product": {"name": "S7-300", "product_id": "P1"}}]}]}]},
    "vulnerabilities": [{"cve": "CVE-2026-10000", "product_status": {"known_affected": ["P1"]},
    "remediations": [{"category": "no_fix_planned", "details": "None will come", "product_ids": ["P1"]}]}]}"#;
const EXPLOITED: &str = r#"{"title": "Sample", "catalogVersion": "2026.01.02", "dateReleased": "2026-01-02T00:00:00Z", "count": 1,
    "vulnerabilities": [{"cveID": "CVE-2026-10000", "vendorProject": "Siemens", "product": "S7", "vulnerabilityName": "Sample of our own",
    "dateAdded": "2026-01-02", "shortDescription": "Sample", "requiredAction": "Fence it in", "dueDate": "2026-01-23"}]}"#;
const SITE: &str = "site = \"Sample Works\"\n[[zone]]\nname = \"Line 3\"\nnetworks = [\"10.66.0.0/24\"]\npurdue = 1\n[detectors]\noff = [\"telnet\"]\n";

#[test]
fn captures_and_knowledge_become_a_page() {
    let folder = Folder::new("report");
    folder.put("advisory.json", ADVISORY);
    folder.put("exploited.json", EXPLOITED);
    folder.put("site.toml", SITE);
    folder.works(&[
        "intel",
        "--knowledge",
        "known",
        "import",
        "advisory.json",
        "exploited.json",
    ]);
    let capture = demo("s7comm.pcap");
    let arguments = [
        "report",
        "--capture",
        &capture,
        "--knowledge",
        "known",
        "--config",
        "site.toml",
        "--as-of",
        "2026-02-01",
        "--out",
    ];
    folder.works(&[&arguments[..], &["page.html"]].concat());
    let page = fs::read_to_string(folder.0.join("page.html")).unwrap();
    for words in [
        "What is on Sample Works",
        "Line 3",
        "declared no fix",
        "no_fix_planned: None will come",
        "overdue by 9 days",
        "Fence it in",
        "switched off by the configuration: telnet",
        "6ES7 315-2EH14-0AB0",
        "s7comm.pcap frame 17",
        "Detectors that were on: shadow.rogue-dhcp",
    ] {
        assert!(page.contains(words), "{words}");
    }
    let json = folder.works(&[&arguments[..], &["-", "--format", "json"]].concat());
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["summary"]["unpatchable"], 1);
    assert_eq!(json["summary"]["exploited_overdue"], 1);
    assert_eq!(json["summary"]["zones"]["Line 3"], 2);
    // Before the advisory was out, nobody could know.
    let before = [
        &arguments[..7],
        &["--as-of", "2025-12-31", "--out", "-", "--format", "json"],
    ]
    .concat();
    let json: Value = serde_json::from_str(&folder.works(&before)).unwrap();
    assert_eq!(json["summary"]["unpatchable"], 0);
}

#[test]
fn the_same_input_gives_the_same_octets() {
    let folder = Folder::new("report-twice");
    let captures = [
        demo("s7comm.pcap"),
        demo("simulated-legacy-and-medical.pcap"),
    ];
    for format in ["html", "csv", "json", "cyclonedx", "vex"] {
        let arguments = [
            "report",
            "--capture",
            &captures[0],
            "--capture",
            &captures[1],
            "--format",
            format,
            "--out",
            "-",
        ];
        assert_eq!(
            folder.works(&arguments),
            folder.works(&arguments),
            "{format}"
        );
    }
}

#[test]
fn what_cannot_be_done_says_what_to_do_and_leaves_nothing() {
    let folder = Folder::new("report-refused");
    folder.put("old.html", "precious");
    let capture = demo("s7comm.pcap");
    let cases: [(&[&str], &str); 6] = [
        (
            &["--socket", "nowhere", "--out", "old.html"],
            "--capture FILE",
        ),
        (
            &["--capture", "missing.pcap", "--out", "old.html"],
            "missing.pcap",
        ),
        (
            &[
                "--capture",
                &capture,
                "--knowledge",
                "missing",
                "--out",
                "old.html",
            ],
            "fossick intel",
        ),
        (
            &[
                "--capture",
                &capture,
                "--as-of",
                "yesterday",
                "--out",
                "old.html",
            ],
            "yesterday",
        ),
        (&["--capture", &capture, "--out", "."], "is a folder"),
        (
            &["--capture", &capture, "--out", "no/such/folder.html"],
            "no/such",
        ),
    ];
    for (arguments, says) in cases {
        let (status, said) = folder.fossick(&[&["report"], arguments].concat());
        assert_eq!(status, Some(2), "{arguments:?}");
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    assert_eq!(folder.names(), ["old.html"]);
    assert_eq!(
        fs::read_to_string(folder.0.join("old.html")).unwrap(),
        "precious"
    );
    folder.works(&["report", "--capture", &capture, "--out", "old.html"]);
    assert_eq!(folder.names(), ["old.html"]);
}
