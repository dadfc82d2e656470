//! Fingerprints in the format of Recog: small ones written here, and a folder of real ones where it is at hand.
#![allow(missing_docs, clippy::unwrap_used, clippy::arithmetic_side_effects)]

use std::path::{Path, PathBuf};

use fossick_fingerprints::recog::{self, Unusable};
use fossick_fingerprints::{Fingerprints, Reading, Said};
use fossick_model::Attribute;

const DATABASE: &str = r#"<?xml version="1.0"?>
<fingerprints matches="ssh.banner" protocol="ssh" preference="0.90">
  <fingerprint pattern="^AcmeSSH_([\d.]+)(?: (\S+))?$" flags="REG_ICASE">
    <description>Acme switch &amp; more</description>
    <example service.version="2.1" os.cpe23="cpe:/o:acme:os:-">acmessh_2.1</example>
    <example _encoding="base64" service.version="2.1" os.version="9">QWNtZVNTSF8yLjEgOQ==</example>
    <example service.version="3.0">AcmeSSH_2.1</example>
    <param pos="0" name="service.product" value="AcmeSSH"/>
    <param pos="1" name="service.version"/>
    <param pos="0" name="hw.vendor" value="SIEMENS"/>
    <param pos="0" name="hw.device" value="Switch"/>
    <param pos="0" name="_tmp.model" value="S{service.version}"/>
    <param pos="0" name="hw.product" value="Acme {_tmp.model}"/>
    <param pos="2" name="os.version"/>
    <param pos="0" name="os.cpe23" value="cpe:/o:acme:os:{os.version}"/>
  </fingerprint>
  <fingerprint pattern="^(\w+)SSH-\1$">
    <description>Twice</description>
    <param pos="0" name="service.product" value="Twice"/>
    <param pos="0" name="service.certainty" value="0.5"/>
  </fingerprint>
  <fingerprint pattern="^(broken"><description>Broken</description></fingerprint>
</fingerprints>"#;

fn facts(readings: &[Reading]) -> Vec<(Said, String)> {
    readings
        .iter()
        .flat_map(|reading| reading.facts.clone())
        .collect()
}

#[test]
fn a_database_speaks_besides_our_sheets_and_counts_for_less() {
    let mut all = Fingerprints::built_in();
    let before = all.read("ssh.banner", "SSH-2.0-acmessh_2.1");
    all.add_recog("ssh_banners", DATABASE).unwrap();
    let readings = all.read("ssh.banner", "SSH-2.0-acmessh_2.1");
    assert_eq!(readings.first(), before.first());
    let recog: Vec<Reading> = readings
        .into_iter()
        .filter(|reading| reading.fingerprint == "recog/ssh.banner/acme-switch-more")
        .collect();
    assert!(
        recog
            .iter()
            .all(|reading| (56..65).contains(&reading.certainty))
    );
    let facts = facts(&recog);
    for (said, value) in [
        (Said::Asset(Attribute::Vendor), "Siemens"),
        (Said::Asset(Attribute::Kind), "switch"),
        (Said::Asset(Attribute::Model), "Acme S2.1"),
        (Said::ServiceProduct, "AcmeSSH"),
        (Said::ServiceVersion, "2.1"),
    ] {
        assert!(
            facts.contains(&(said, value.to_owned())),
            "{value}: {facts:?}"
        );
    }
    let doubtful = all.read("ssh.banner", "SSH-2.0-xSSH-x");
    let doubtful = doubtful
        .iter()
        .find(|reading| reading.fingerprint.ends_with("twice"))
        .unwrap();
    assert!(doubtful.certainty < 40);
}

#[test]
fn examples_are_tried_and_what_is_wrong_is_named() {
    let report = recog::check("ssh_banners", DATABASE, &|_| None).unwrap();
    assert_eq!(
        (report.entries, report.backtracking, report.right),
        (3, 1, 2)
    );
    assert_eq!(report.refused.first().unwrap().entry, "Broken");
    assert!(
        report
            .wrong
            .first()
            .unwrap()
            .reason
            .contains("stated as `3.0`")
    );
}

#[test]
fn a_database_of_what_we_do_not_observe_can_be_tried_by_name() {
    let mut all = Fingerprints::built_in();
    let text = DATABASE.replace("matches=\"ssh.banner\"", "matches=\"favicon.md5\"");
    all.add_recog("favicons", &text).unwrap();
    let database = all.recog().first().unwrap();
    assert!(database.key().is_none() && database.is_called("favicons"));
    let (_, said) = database.said("AcmeSSH_4 7").unwrap();
    assert_eq!(said.get("os.cpe23").unwrap(), "cpe:/o:acme:os:7");
}

#[test]
fn hostile_files_are_refused() {
    let wrap = |inner: &str| format!("<fingerprints matches=\"x\">{inner}</fingerprints>");
    let deep = "<a>".repeat(5000);
    let long = format!("<fingerprint pattern=\"{}\"/>", "a".repeat(1_000_000));
    let many = "<fingerprint pattern=\"a\"/>".repeat(30_000);
    let laughs =
        "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]>".to_owned() + &wrap("&b;");
    let entity = wrap("<fingerprint pattern=\"a\"><description>&b;</description></fingerprint>");
    for text in [
        "",
        "<a/>",
        "<fingerprints",
        &wrap(&deep),
        &wrap(&long),
        &wrap(&many),
        &laughs,
        &entity,
    ] {
        let refused = Fingerprints::built_in().add_recog("x", text);
        assert!(refused.is_err(), "{}", &text[..text.len().min(60)]);
    }
    assert_eq!(
        Fingerprints::built_in().add_recog("x", &laughs),
        Err(Unusable::DocumentType)
    );
    // Parameters that name each other for ever are left out; the rest is read.
    let circle = wrap(
        "<fingerprint pattern=\"^a$\"><param pos=\"0\" name=\"hw.vendor\" value=\"{os.vendor}\"/>\
         <param pos=\"0\" name=\"os.vendor\" value=\"{hw.vendor}\"/></fingerprint>",
    );
    Fingerprints::built_in().add_recog("x", &circle).unwrap();
}

/// Real files, where they lie beside the project; they are not part of it.
fn real() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/recog");
    let folder = std::env::var_os("RECOG").map_or(folder, PathBuf::from);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!(
            "SKIPPED: no files of Recog in {} (RECOG names another folder)",
            folder.display()
        );
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "xml"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn ninety_nine_examples_of_a_hundred_give_what_they_state() {
    let (mut right, mut all) = (0, 0);
    for (path, text) in real() {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let open = |named: &str| std::fs::read(path.with_extension("").join(named)).ok();
        let report = recog::check(stem, &text, &open).unwrap();
        println!(
            "{stem}: {} right, {} wrong, {} refused",
            report.right,
            report.wrong.len(),
            report.refused.len()
        );
        for complaint in report.refused.iter().chain(&report.wrong) {
            println!("  {complaint:?}");
        }
        right += report.right;
        all += report.right + report.wrong.len();
    }
    assert!(right * 100 >= all * 99, "{right} of {all}");
}

/// What is compared: attributes of ours, parameters of Recog's.
const PARTS: [(&str, &[&str], &[&str]); 3] = [
    (
        "vendor",
        &["vendor"],
        &["hw.vendor", "os.vendor", "service.vendor"],
    ),
    (
        "product",
        &["model", "product", "os", "service.product"],
        &[
            "hw.product",
            "hw.model",
            "hw.family",
            "os.product",
            "os.family",
            "service.product",
            "service.family",
        ],
    ),
    (
        "version",
        &["firmware", "os_version", "service.version", "hardware"],
        &[
            "os.version",
            "service.version",
            "hw.version",
            "os.version.version",
            "linux.kernel.version",
        ],
    ),
];

/// What our own sheets say of Recog's examples. A measurement: it prints, and fails where we are wrong too often.
/// `LIST=wrong` or `LIST=silent` names the examples.
#[test]
fn our_own_sheets_are_seldom_wrong_about_recogs_examples() {
    let plain = |text: &str| -> String {
        let kept = text.chars().filter(|c| c.is_alphanumeric());
        kept.flat_map(char::to_lowercase).collect()
    };
    let list = std::env::var("LIST").unwrap_or_default();
    let ours = Fingerprints::built_in();
    let (mut correct, mut mistaken) = (0, 0);
    for (path, text) in real() {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let mut all = Fingerprints::built_in();
        all.add_recog(stem, &text).unwrap();
        let key = all.recog().first().unwrap().key();
        let Some(key) = key else { continue };
        let mut counts = [[0_u32; 3]; 3];
        for (text, said) in recog::examples(stem, &text).unwrap() {
            let value = if key == "ssh.banner" {
                format!("SSH-2.0-{text}")
            } else {
                text.trim().to_owned()
            };
            let mut stated: Vec<(&str, String)> = Vec::new();
            let readings = ours.read(key, &value);
            for (name, value) in facts(&readings) {
                let name = match name {
                    Said::Asset(attribute) => attribute.name(),
                    Said::ServiceProduct => "service.product",
                    Said::ServiceVersion => "service.version",
                };
                stated.push((name, value));
            }
            for ((part, own, theirs), count) in PARTS.iter().zip(&mut counts) {
                let theirs: Vec<String> = theirs
                    .iter()
                    .filter_map(|name| said.get(*name))
                    .map(|v| plain(v))
                    .filter(|v| !v.is_empty())
                    .collect();
                if theirs.is_empty() {
                    continue;
                }
                let own: Vec<&(&str, String)> = stated
                    .iter()
                    .filter(|(name, _)| own.contains(name))
                    .collect();
                let agrees = own.iter().any(|(_, value)| {
                    let value = plain(value);
                    theirs
                        .iter()
                        .any(|their| value.contains(their.as_str()) || their.contains(&value))
                });
                let (which, column) = match (own.is_empty(), agrees) {
                    (true, _) => ("silent", 2),
                    (_, true) => ("right", 0),
                    _ => ("wrong", 1),
                };
                count[column] += 1;
                if list == which {
                    println!("{which} {stem} {part}: {value:?}: ours {own:?}, theirs {theirs:?}");
                }
            }
        }
        print!("{stem}:");
        for ((part, ..), [right, wrong, silent]) in PARTS.iter().zip(counts) {
            correct += right;
            mistaken += wrong;
            print!("  {part} {right} right {wrong} wrong {silent} silent;");
        }
        println!();
    }
    assert!(
        mistaken * 20 <= correct,
        "wrong {mistaken} times, right {correct} times"
    );
}
