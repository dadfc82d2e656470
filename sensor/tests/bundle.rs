//! Knowledge on its way into a sensor, by the program itself: imports, bundles, and those that are refused.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of its own, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Runs `fossick intel`; says whether it went well, and what it said.
    fn intel(&self, arguments: &[&str]) -> (bool, String) {
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new(env!("CARGO_BIN_EXE_fossick"))
            .current_dir(&self.0)
            .arg("intel")
            .args(arguments)
            .output()
            .unwrap();
        let said = [stdout, stderr].concat();
        (
            status.success(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    fn works(&self, arguments: &[&str]) -> String {
        let (well, said) = self.intel(arguments);
        assert!(well, "{arguments:?}: {said}");
        said
    }

    /// What must be refused, and change nothing.
    fn refused(&self, arguments: &[&str], reason: &str) {
        let before = self.listing();
        let (well, said) = self.intel(arguments);
        assert!(!well && said.contains(reason), "{arguments:?}: {said}");
        assert_eq!(before, self.listing(), "{arguments:?}: {said}");
    }

    fn listing(&self) -> Vec<(String, Vec<u8>)> {
        let files = std::fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut listing: Vec<(String, Vec<u8>)> = files
            .filter(|path| path.extension().is_none_or(|end| end != "lock"))
            .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
            .collect();
        listing.sort();
        listing
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An advisory of our own making.
fn advisory(id: &str) -> String {
    format!(
        r#"{{"document": {{"category": "csaf_security_advisory", "csaf_version": "2.0", "title": "Sample",
        "publisher": {{"category": "vendor", "name": "Acme", "namespace": "https://acme.example"}},
        "tracking": {{"current_release_date": "2023-01-01T00:00:00Z", "id": "{id}", "initial_release_date": "2023-01-01T00:00:00Z",
        "status": "final", "version": "1", "revision_history": [{{"date": "2023-01-01T00:00:00Z", "number": "1", "summary": "first"}}]}}}},
        "product_tree": {{"branches": [{{"category": "vendor", "name": "Acme", "branches": [{{"category": "product_name", "name": "PLC-100",
        "branches": [{{"category": "product_version_range", "name": "< V2.0", "product": {{"name": "PLC-100", "product_id": "P1"}}}}]}}]}}]}},
        "vulnerabilities": [{{"cve": "CVE-2020-10000", "product_status": {{"known_affected": ["P1"]}},
        "remediations": [{{"category": "vendor_fix", "details": "Update to V2.0", "product_ids": ["P1"]}}]}}]}}"#
    )
}

const RECOG: &str = r#"<?xml version="1.0"?>
<fingerprints matches="ssh.banner" protocol="ssh">
  <fingerprint pattern="^AcmeSSH_([\d.]+)$">
    <description>Sample of our own</description>
    <example service.version="1.2">AcmeSSH_1.2</example>
    <param pos="0" name="service.vendor" value="Acme"/>
    <param pos="1" name="service.version"/>
  </fingerprint>
</fingerprints>
"#;

fn flip(path: &Path, at: usize) {
    let mut octets = std::fs::read(path).unwrap();
    octets[at] ^= 1;
    std::fs::write(path, octets).unwrap();
}

#[test]
fn a_bundle_is_installed_only_with_a_signature_that_fits_and_never_over_a_newer_one() {
    let folder = Folder::new("bundle");
    std::fs::write(folder.path("one.json"), advisory("ACME-1")).unwrap();
    std::fs::write(folder.path("two.json"), advisory("ACME-2")).unwrap();
    folder.works(&["--knowledge", "k", "import", "one.json"]);
    folder.works(&["key", "mine"]);
    folder.works(&["key", "other"]);
    folder.works(&["--knowledge", "k", "pack", "old.bundle", "--key", "mine"]);
    folder.works(&["--knowledge", "k", "import", "two.json"]);
    folder.works(&["--knowledge", "k", "pack", "new.bundle", "--key", "mine"]);
    // A secret key stays with its owner.
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &folder.path("mine").metadata().unwrap().permissions(),
    );
    assert_eq!(mode & 0o077, 0);

    folder.works(&[
        "--knowledge",
        "n",
        "install",
        "old.bundle",
        "--key",
        "mine.pub",
    ]);
    let matched = |id: &str| {
        let said = folder.works(&[
            "--knowledge",
            "n",
            "match",
            "--vendor",
            "Acme",
            "--product",
            "PLC-100",
            "--version",
            "1.0",
        ]);
        said.contains(id)
    };
    assert!(matched("ACME-1") && !matched("ACME-2"));
    let install = ["--knowledge", "n", "install", "new.bundle", "--key"];
    let with = |key| [&install[..], &[key]].concat();
    folder.refused(&with("other.pub"), "none of the 1 known here");
    folder.refused(&with("nowhere.pub"), "no key to verify bundles with");
    let size = std::fs::metadata(folder.path("new.bundle")).unwrap().len();
    for at in [
        0,
        20,
        usize::try_from(size).unwrap() / 2,
        usize::try_from(size).unwrap() - 1,
    ] {
        flip(&folder.path("new.bundle"), at);
        folder.refused(&with("mine.pub"), "the signature does not fit");
        flip(&folder.path("new.bundle"), at);
    }
    let whole = std::fs::read(folder.path("new.bundle")).unwrap();
    for cut in (0..whole.len()).step_by(whole.len() / 20) {
        std::fs::write(folder.path("new.bundle"), &whole[..cut]).unwrap();
        folder.refused(&with("mine.pub"), "the signature does not fit");
    }
    std::fs::write(folder.path("new.bundle"), &whole).unwrap();
    let signature = std::fs::read(folder.path("new.bundle.minisig")).unwrap();
    for cut in (0..signature.len() - 1).step_by(7) {
        std::fs::write(folder.path("new.bundle.minisig"), &signature[..cut]).unwrap();
        folder.refused(&with("mine.pub"), "nothing is changed");
    }
    std::fs::remove_file(folder.path("new.bundle.minisig")).unwrap();
    folder.refused(&with("mine.pub"), "comes with its signature");
    // Signed, but no bundle.
    std::fs::write(folder.path("new.bundle.minisig"), &signature).unwrap();

    folder.works(&with("mine.pub"));
    assert!(matched("ACME-1") && matched("ACME-2"));
    assert!(folder.works(&with(".")).contains("installed already"));
    folder.refused(
        &[
            "--knowledge",
            "n",
            "install",
            "old.bundle",
            "--key",
            "mine.pub",
        ],
        "but what is installed was packed",
    );
}

#[test]
fn an_import_that_is_refused_leaves_the_knowledge_as_it_was() {
    let folder = Folder::new("import");
    std::fs::write(folder.path("one.json"), advisory("ACME-1")).unwrap();
    folder.works(&["--knowledge", "k", "import", "one.json"]);
    let long = advisory("ACME-2");
    std::fs::write(folder.path("cut.json"), &long[..long.len() - 9]).unwrap();
    std::fs::write(
        folder.path("bad.xml"),
        "<?xml version=\"1.0\"?><fingerprints><fingerprint",
    )
    .unwrap();
    for name in ["cut.json", "bad.xml"] {
        folder.refused(
            &["--knowledge", "k", "import", name],
            "nothing was imported",
        );
    }
    // What is right is taken beside what is wrong, and that is said.
    let (well, said) = folder.intel(&["--knowledge", "k", "import", "cut.json", "one.json"]);
    assert!(!well && said.contains("1 documents refused"), "{said}");
}

#[test]
fn files_of_recog_are_kept() {
    let folder = Folder::new("recog");
    std::fs::write(folder.path("ssh_banners.xml"), RECOG).unwrap();
    let said = folder.works(&["--knowledge", "k", "import", "ssh_banners.xml"]);
    assert!(said.contains("recog: 1 documents"), "{said}");
    assert!(
        folder
            .works(&["--knowledge", "k", "list"])
            .contains("ssh_banners")
    );
    assert!(
        folder
            .works(&["--knowledge", "k", "show", "ssh_banners"])
            .contains("AcmeSSH")
    );
}

#[test]
fn a_batch_answers_every_line_and_says_which_it_did_not_understand() {
    let folder = Folder::new("batch");
    std::fs::write(folder.path("one.json"), advisory("ACME-1")).unwrap();
    folder.works(&["--knowledge", "k", "import", "one.json"]);
    let asked = "{\"vendor\":\"Acme\",\"product\":\"PLC-100\",\"version\":\"1.0\"}\nnonsense\n{\"vendor\":\"Nobody\"}\n";
    std::fs::write(folder.path("asked"), asked).unwrap();
    let (well, said) = folder.intel(&["--knowledge", "k", "match", "--batch", "asked"]);
    assert!(!well);
    let lines: Vec<serde_json::Value> = said
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    assert_eq!(lines.len(), 3, "{said}");
    let found = &lines[0]["advisories"][0];
    assert_eq!(found["standing"], "affected", "{found}");
    assert!(!found["remediations"].as_array().unwrap().is_empty());
    assert!(lines[1]["error"].as_str().unwrap().contains("line 2"));
    assert_eq!(lines[2]["advisories"], serde_json::json!([]));
}

#[test]
fn what_is_built_in_is_shown_as_what_was_imported_is() {
    let folder = Folder::new("built-in");
    std::fs::write(folder.path("one.json"), advisory("ACME-1")).unwrap();
    folder.works(&["--knowledge", "k", "import", "one.json"]);
    let said = folder.works(&["--knowledge", "k", "show", "Windows XP"]);
    assert!(said.contains("2014-04-08 (https://"), "{said}");
}
