//! The house rules that a compiler cannot see.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects
)]

use std::fs;
use std::path::{Path, PathBuf};

use fossick_parsers::PROTOCOLS;
use fossick_tests::root;

/// Who may use whom. Each crate may use those named, and no other of ours.
const MAY_USE: [(&str, &[&str]); 12] = [
    ("parsers", &[]),
    ("sensor/model", &[]),
    ("sensor/report", &["fossick-model"]),
    ("sensor/risk", &["fossick-model"]),
    ("sensor/scan", &["fossick-model", "fossick-parsers"]),
    ("sensor/shadow", &["fossick-model"]),
    ("fingerprints", &["fossick-model", "fossick-parsers"]),
    ("sensor/controls", &["fossick-model"]),
    (
        "sensor/engine",
        &["fossick-fingerprints", "fossick-model", "fossick-parsers"],
    ),
    (
        "sensor",
        &[
            "fossick-controls",
            "fossick-engine",
            "fossick-fingerprints",
            "fossick-model",
            "fossick-parsers",
            "fossick-report",
            "fossick-risk",
            "fossick-scan",
            "fossick-shadow",
            "fossick-tui",
        ],
    ),
    ("tests", &["fossick-parsers"]),
    ("tui", &["fossick-model"]),
];

#[test]
fn dependencies_point_one_way() {
    let workspace: toml::Table = fs::read_to_string(root().join("Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let mut members: Vec<&str> = members.iter().filter_map(toml::Value::as_str).collect();
    members.sort_unstable();
    let mut listed = MAY_USE.map(|(folder, _)| folder);
    listed.sort_unstable();
    assert_eq!(members, listed, "the list above is not the workspace");
    for (folder, allowed) in MAY_USE {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        // Dependencies of one platform only stand in tables of their own.
        let platforms = manifest.get("target").and_then(toml::Value::as_table);
        let platforms = platforms.into_iter().flat_map(toml::Table::values);
        let tables = platforms.filter_map(toml::Value::as_table);
        for table in tables.chain([&manifest]) {
            for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
                let used = table.get(section).and_then(toml::Value::as_table);
                for (name, how) in used.into_iter().flatten() {
                    // A crate may go by another name where it is used.
                    let package = how.get("package").and_then(toml::Value::as_str);
                    let name = package.unwrap_or(name);
                    let ours = name.starts_with("fossick");
                    assert!(
                        !ours || allowed.contains(&name),
                        "{folder} may not use {name}"
                    );
                }
            }
        }
    }
}

/// What is sent is code: a question is made of constants, in a crate that can read nothing in, and what reads bundles knows none.
/// So no bundle can change what is sent.
#[test]
fn what_is_sent_is_code() {
    let manifest = fs::read_to_string(root().join("parsers/Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    for name in manifest["dependencies"].as_table().unwrap().keys() {
        assert!(
            !name.contains("serde") && !name.contains("toml"),
            "parsers may not read files: {name}"
        );
    }
    let question = fs::read_to_string(root().join("parsers/src/probe.rs")).unwrap();
    let (question, _) = question.split_once("mod tests").unwrap_or((&question, ""));
    for owned in ["String", "Vec<", "Box<", "Arc<", "Rc<", "Cow<"] {
        let mut fields = question.lines().filter(|line| line.contains("pub "));
        assert!(
            !fields.any(|line| !line.contains("fn ") && line.contains(owned)),
            "a question holds {owned}, which is not a constant"
        );
    }
    // A fence that keeps nothing out would be no test: the constants are there.
    assert!(question.contains("pub struct Probe") && question.contains("&'static [Step]"));
    // Who reads bundles and other knowledge knows no questions.
    let readers = [
        "fingerprints/src",
        "sensor/risk/src",
        "sensor/src/bundle.rs",
        "sensor/src/intel.rs",
        "sensor/src/knowledge.rs",
    ];
    let mut read = 0;
    for (path, text) in files(&[".rs"]) {
        let place = path.strip_prefix(root()).unwrap();
        if !readers.iter().any(|reader| place.starts_with(reader)) {
            continue;
        }
        read += 1;
        let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        let found = words.find(|word| ["Probe", "probes", "Hole", "Permit"].contains(word));
        assert!(found.is_none(), "{}: {found:?}", place.display());
    }
    assert!(read > readers.len(), "the readers are elsewhere by now");
}

/// Every file that is ours to keep tidy.
fn files(ends: &[&str]) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, ends: &[&str], found: &mut Vec<(PathBuf, String)>) {
        let mut entries: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with("target") && name != ".git" {
                    walk(&path, ends, found);
                }
            } else if ends.iter().any(|end| name.ends_with(end)) {
                found.push((path.clone(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), ends, &mut found);
    found
}

#[test]
fn a_file_tells_one_story() {
    for (path, text) in files(&[".rs"]) {
        let lines = text.lines().count();
        assert!(lines <= 800, "{} has {lines} lines", path.display());
        assert!(
            text.starts_with("//!"),
            "{} does not say what it is",
            path.display()
        );
    }
}

#[test]
fn nothing_is_left_lying_about() {
    let leftovers = [
        "todo!(",
        "unimplemented!(",
        "dbg!(",
        "#[ignore",
        "FIXME",
        "XXX",
    ];
    let names = ["Manager", "Helper", "Util"];
    for (path, text) in files(&[".rs"]) {
        if path.ends_with("tidy.rs") {
            continue;
        }
        for word in leftovers {
            assert!(!text.contains(word), "{} holds {word}", path.display());
        }
        for line in text.lines() {
            let declares = ["struct ", "enum ", "trait ", "mod "]
                .iter()
                .any(|word| line.contains(word));
            let vague = names.iter().any(|name| line.contains(name));
            assert!(!(declares && vague), "{}: {line}", path.display());
        }
    }
}

#[test]
fn the_project_speaks_of_itself_alone() {
    let machine = ["/ho", "me/"].concat();
    let work = ["/wo", "rk/"].concat();
    // Where packages are fetched from is the business of whoever builds.
    let registry = ["registry", "+http"].concat();
    let index = ["crates.io", "-index"].concat();
    for (path, text) in files(&[".rs", ".md", ".toml", "Makefile", ".sh", ".yml"]) {
        for word in [
            machine.as_str(),
            work.as_str(),
            registry.as_str(),
            index.as_str(),
            "/root/",
        ] {
            let own = path.ends_with("tidy.rs");
            assert!(
                own || !text.contains(word),
                "{} names {word}",
                path.display()
            );
        }
    }
}

#[test]
fn the_hot_path_holds_nothing_that_grows_without_a_bound() {
    for (path, text) in files(&[".rs"]) {
        let place = path
            .strip_prefix(root())
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let unbounded = [
            ["unbounded_", "channel("].concat(),
            ["mpsc::", "channel("].concat(),
            ["mpsc::", "channel::<"].concat(),
            ["channel::", "unbounded"].concat(),
        ];
        let found = unbounded.iter().find(|word| text.contains(*word));
        assert!(found.is_none(), "{place}: {}", found.unwrap());
        // What the ledger holds is bounded by it, and counted; the others hold what it does.
        let bounded = [
            "census.rs",
            "conversation.rs",
            "generations.rs",
            "inventory.rs",
            "ledger.rs",
        ]
        .iter()
        .any(|name| place.ends_with(name));
        if place.starts_with("sensor/engine/src") && !bounded {
            let field = |line: &&str| {
                [": HashMap<", ": HashSet<"]
                    .iter()
                    .any(|kind| line.contains(kind))
                    && line.ends_with(',')
            };
            let found = text.lines().find(field);
            assert!(found.is_none(), "{place}: {}", found.unwrap());
        }
    }
}

#[test]
fn every_protocol_file_is_in_the_table() {
    let table = fs::read_to_string(root().join("parsers/src/protocols.rs")).unwrap();
    for entry in fs::read_dir(root().join("parsers/src/protocols")).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            table.contains(&format!("&{module}::")),
            "{module} is in no line of PROTOCOLS"
        );
    }
    for entry in fs::read_dir(root().join("parsers/samples")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(
            PROTOCOLS.iter().any(|p| p.name == name),
            "samples of {name}, which is no protocol"
        );
    }
}

#[test]
fn the_readmes_protocol_table_is_the_programs_own() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let table = fossick_tests::run(&["protocols"], b"").out;
    assert!(
        readme.contains(table.trim()),
        "put the output of `fossick protocols` into README.md"
    );
}
