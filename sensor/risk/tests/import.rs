//! Imports: every feed, archives, hostile ones, and files cut at every octet. All samples are made here; none is a copy.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::io::{self, Cursor, Write};

use fossick_risk::file::Reader;
use fossick_risk::import::{Import, Report};
use fossick_risk::names::Names;
use fossick_risk::staging::Aside;
use fossick_risk::{Knowledge, Query, Standing};
use serde_json::{Value, json};

fn scratch() -> io::Result<Box<dyn Aside>> {
    Ok(Box::new(Cursor::new(Vec::new())))
}

/// Imports files into what was there before.
fn import(old: &[u8], files: &[(&str, Vec<u8>)]) -> (Vec<u8>, Report) {
    let usable = |name: &str, _: &str| match name {
        "ssh_banners" => Ok(()),
        _ => Err("its keys are not known".to_owned()),
    };
    let mut import = Import::default();
    import.recog = Some(usable);
    for (name, octets) in files {
        import
            .file(name, &mut Cursor::new(octets.clone()), &mut scratch)
            .unwrap();
    }
    let report = std::mem::take(&mut import.report);
    let old = (!old.is_empty()).then(|| Reader::open(Box::new(Cursor::new(old.to_vec()))).unwrap());
    let (new, _) = import
        .write(old, Vec::new(), &Names::built_in(), &mut scratch)
        .unwrap();
    (new, report)
}

fn csaf(id: &str, date: &str, range: &str) -> Vec<u8> {
    let document = json!({
        "document": {
            "category": "csaf_security_advisory", "csaf_version": "2.0", "title": "Acme PLC",
            "publisher": {"category": "vendor", "name": "Acme", "namespace": "https://acme.example"},
            "tracking": {"current_release_date": date, "id": id, "initial_release_date": date, "status": "final", "version": "1",
                "revision_history": [{"date": date, "number": "1", "summary": "first"}]}
        },
        "product_tree": {"branches": [{"category": "vendor", "name": "Acme", "branches": [
            {"category": "product_name", "name": "PLC-100 (ACM100-2AB)", "branches": [
                {"category": "product_version_range", "name": range, "product": {"name": "PLC-100", "product_id": "P1"}}]}]}]},
        "vulnerabilities": [{"cve": "CVE-2020-10000", "product_status": {"known_affected": ["P1"]},
            "scores": [{"products": ["P1"], "cvss_v3": {"baseScore": 9.8}}],
            "remediations": [{"category": "vendor_fix", "details": "Update to V2.0", "product_ids": ["P1"]}]}]
    });
    serde_json::to_vec(&document).unwrap()
}

/// A page of NVD with one CVE. Valid by its schema, and of nobody.
fn nvd() -> Vec<u8> {
    serde_json::to_vec(&json!({
        "resultsPerPage": 1, "startIndex": 0, "totalResults": 1, "format": "NVD_CVE", "version": "2.0", "timestamp": "2024-01-01T00:00:00.000",
        "vulnerabilities": [{"cve": {"id": "CVE-2021-20000", "vulnStatus": "Analyzed", "published": "2021-01-01T00:00:00.000", "lastModified": "2021-02-01T00:00:00.000",
            "descriptions": [{"lang": "en", "value": "Sample"}],
            "metrics": {"cvssMetricV31": [{"cvssData": {"baseScore": 7.5}}]},
            "configurations": [{"operator": "AND", "nodes": [
                {"operator": "OR", "negate": false, "cpeMatch": [{"vulnerable": true, "criteria": "cpe:2.3:o:acme:plc-100_firmware:*:*:*:*:*:*:*:*",
                    "versionStartIncluding": "1.0", "versionEndExcluding": "2.0", "matchCriteriaId": "1"}]},
                {"operator": "OR", "negate": false, "cpeMatch": [{"vulnerable": false, "criteria": "cpe:2.3:h:acme:plc-100:-:*:*:*:*:*:*:*", "matchCriteriaId": "2"}]}]}]}}]
    }))
    .unwrap()
}

fn kev() -> Vec<u8> {
    serde_json::to_vec(&json!({
        "title": "Sample", "catalogVersion": "2024.01.01", "dateReleased": "2024-01-01T00:00:00Z", "count": 1,
        "vulnerabilities": [{"cveID": "CVE-2020-10000", "vendorProject": "Acme", "product": "PLC", "vulnerabilityName": "Sample", "dateAdded": "2023-12-01",
            "shortDescription": "Sample", "requiredAction": "Sample", "dueDate": "2024-01-01"}]
    }))
    .unwrap()
}

const EPSS: &str = "#model_version:v2023.03.01,score_date:2024-01-01T00:00:00+0000\ncve,epss,percentile\nCVE-2020-10000,0.25,0.9\nCVE-2021-20000,0.01,0.5\n";
const OUI: &str = "Registry,Assignment,Organization Name,Organization Address\nMA-L,00FFEE,\"Acme, Inc.\",Street 1\n";

fn gz(octets: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(octets).unwrap();
    packer.finish().unwrap()
}

fn zipped(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, octets) in members {
        archive
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        archive.write_all(octets).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn tarred(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, octets) in members {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(octets.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append(&header, octets.as_slice()).unwrap();
    }
    archive.into_inner().unwrap()
}

fn asked(knowledge: &[u8], version: &str) -> Vec<(String, Standing, Option<&'static str>)> {
    let knowledge = Knowledge::open(Box::new(Cursor::new(knowledge.to_vec()))).unwrap();
    let query = Query {
        vendor: "Acme Inc.".to_owned(),
        products: vec!["PLC 100".to_owned()],
        version: Some(version.to_owned()),
        ..Query::default()
    };
    let found = knowledge.matches(&query).unwrap();
    found
        .iter()
        .map(|found| {
            (
                found.ready.advisory.id.clone(),
                found.standing,
                found.verdict.map(fossick_model::Verdict::name),
            )
        })
        .collect()
}

#[test]
fn every_feed_is_read_in_any_wrapping() {
    let members = [
        (
            "a/acme-1.json",
            csaf("ACME-1", "2023-01-01T00:00:00Z", "< V2.0"),
        ),
        ("nvd.json.gz", gz(&nvd())),
    ];
    let files = [
        ("mixed.zip", zipped(&members)),
        (
            "feeds.tar.gz",
            gz(&tarred(&[("kev.json", kev()), ("nvd.json.gz", gz(&nvd()))])),
        ),
        ("epss.csv.gz", gz(EPSS.as_bytes())),
        ("oui.csv", OUI.as_bytes().to_vec()),
        (
            "recog/ssh_banners.xml",
            b"<?xml version=\"1.0\"?><fingerprints/>".to_vec(),
        ),
    ];
    let (knowledge, report) = import(&[], &files);
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    assert_eq!(
        report.taken.keys().copied().collect::<Vec<_>>(),
        ["csaf", "epss", "kev", "nvd", "oui", "recog"]
    );
    let fix = Some("fix available");
    assert_eq!(
        asked(&knowledge, "1.5"),
        [
            ("ACME-1".to_owned(), Standing::Affected, fix),
            ("CVE-2021-20000".to_owned(), Standing::Affected, fix)
        ]
    );
    assert!(
        asked(&knowledge, "2.0")
            .iter()
            .all(|(_, standing, _)| *standing == Standing::NotAffected)
    );
    let open = Knowledge::open(Box::new(Cursor::new(knowledge.clone()))).unwrap();
    let query = Query {
        vendor: "Acme".to_owned(),
        products: vec!["PLC-100".to_owned()],
        version: Some("1.5".to_owned()),
        ..Query::default()
    };
    let found = open.matches(&query).unwrap();
    assert!(found[0].kev.is_some() && found[0].epss == Some(0.25) && found[0].cvss == Some(9.8));
    assert_eq!(
        open.record("m/00FFEE").unwrap().unwrap().value,
        "Acme, Inc."
    );
    assert!(open.record("r/ssh_banners").unwrap().is_some());
    // The same once more changes nothing; the order of files neither.
    let (again, _) = import(&knowledge, &files);
    assert_eq!(again, knowledge);
    let mut turned = files.to_vec();
    turned.reverse();
    assert_eq!(import(&[], &turned).0, knowledge);
}

#[test]
fn a_newer_revision_takes_the_place_of_an_older_one_and_never_the_other_way() {
    let (first, _) = import(
        &[],
        &[("a", csaf("ACME-1", "2023-01-01T00:00:00Z", "< V2.0"))],
    );
    let (second, _) = import(
        &first,
        &[("b", csaf("ACME-1", "2023-06-01T00:00:00Z", "< V1.2"))],
    );
    assert_eq!(asked(&second, "1.5")[0].1, Standing::NotAffected);
    let (third, _) = import(
        &second,
        &[("a", csaf("ACME-1", "2023-01-01T00:00:00Z", "< V2.0"))],
    );
    assert_eq!(third, second);
}

#[test]
fn files_cut_at_any_octet_change_nothing() {
    let zip = zipped(&[("one.json", csaf("ACME-1", "2023-01-01T00:00:00Z", "< V2.0"))]);
    let tar = gz(&tarred(&[
        ("one.json", csaf("ACME-1", "2023-01-01T00:00:00Z", "< V2.0")),
        ("two.json", csaf("ACME-2", "2023-01-01T00:00:00Z", "< V2.0")),
    ]));
    let (empty, _) = import(&[], &[]);
    for (name, whole) in [
        ("csaf", csaf("ACME-1", "2023-01-01T00:00:00Z", "< V2.0")),
        ("nvd", nvd()),
        ("kev", kev()),
        ("zip", zip),
        ("tar.gz", tar),
        (
            "tar",
            tarred(&[("one.json", csaf("ACME-1", "2023-01-01T00:00:00Z", "< V2.0"))]),
        ),
        ("epss.gz", gz(EPSS.as_bytes())),
    ] {
        for cut in 0..whole.len() {
            let (knowledge, report) = import(&[], &[(name, whole[..cut].to_vec())]);
            assert!(
                knowledge == empty && report.taken.is_empty() && report.refusals >= 1,
                "{name} cut at {cut}: {report:?}"
            );
        }
        assert!(import(&[], &[(name, whole)]).1.refused.is_empty(), "{name}");
    }
}

#[test]
fn a_knowledge_file_that_is_cut_or_damaged_is_refused_or_reads_as_it_was() {
    let (whole, _) = import(
        &[],
        &[
            ("a", csaf("ACME-1", "2023-01-01T00:00:00Z", "< V2.0")),
            ("k", kev()),
        ],
    );
    let read = |octets: &[u8]| -> io::Result<Vec<_>> {
        Reader::open(Box::new(Cursor::new(octets.to_vec())))?
            .all()
            .collect()
    };
    let wanted = read(&whole).unwrap();
    for cut in 0..whole.len() {
        assert!(read(&whole[..cut]).is_err(), "cut at {cut}");
    }
    for at in 0..whole.len() {
        let mut other = whole.clone();
        other[at] ^= 0x10;
        assert!(
            read(&other).map_or(true, |records| records == wanted),
            "flipped at {at}"
        );
    }
}

#[test]
fn hostile_archives_are_refused_and_the_next_file_is_read() {
    let good = ("good", csaf("ACME-9", "2023-01-01T00:00:00Z", "< V2.0"));
    let advisory = || csaf("ACME-1", "2023-01-01T00:00:00Z", "< V2.0");
    let mut link = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    header.set_path("x.json").unwrap();
    header.set_link_name("/etc/passwd").unwrap();
    header.set_cksum();
    link.append(&header, io::empty()).unwrap();
    let hostile = [
        (
            "nested.zip",
            zipped(&[("inner.zip", zipped(&[("one.json", advisory())]))]),
        ),
        (
            "traversal.zip",
            zipped(&[("../../etc/cron.d/x", advisory())]),
        ),
        ("absolute.zip", zipped(&[("/etc/x", advisory())])),
        ("traversal.tar", tarred(&[("../x.json", advisory())])),
        ("link.tar", link.into_inner().unwrap()),
        ("bomb.zip", zipped(&[("bomb.json", vec![b' '; 80 << 20])])),
        ("bomb.gz", gz(&vec![b' '; 80 << 20])),
        ("nested.gz", gz(&gz(&gz(&gz(&advisory()))))),
        ("empty", Vec::new()),
        (
            "recog.xml",
            b"<?xml version=\"1.0\"?><fingerprints matches=\"x\"/>".to_vec(),
        ),
    ];
    for (name, octets) in hostile {
        let (knowledge, report) = import(&[], &[(name, octets), good.clone()]);
        assert_eq!(report.refusals, 1, "{name}: {:?}", report.refused);
        assert_eq!(report.refused[0].file, name);
        assert_eq!(report.taken["csaf"], 1, "{name}");
        assert_eq!(asked(&knowledge, "1.0").len(), 1, "{name}");
    }
}

#[test]
fn a_member_that_does_not_validate_is_refused_alone() {
    let mut wrong: Value =
        serde_json::from_slice(&csaf("ACME-2", "2023-01-01T00:00:00Z", "< V2.0")).unwrap();
    wrong["vulnerabilities"][0]["product_status"]["known_affected"] = json!(["NOBODY"]);
    let zip = zipped(&[
        ("wrong.json", serde_json::to_vec(&wrong).unwrap()),
        (
            "right.json",
            csaf("ACME-1", "2023-01-01T00:00:00Z", "< V2.0"),
        ),
    ]);
    let (_, report) = import(&[], &[("two.zip", zip)]);
    assert_eq!((report.taken["csaf"], report.refusals), (1, 1));
    assert!(
        report.refused[0].document == "wrong.json" && report.refused[0].reason.contains("NOBODY"),
        "{:?}",
        report.refused
    );
}

/// Octets without an end, as of a string of ten gigabytes.
struct Endless {
    head: Cursor<Vec<u8>>,
    read: u64,
}

impl io::Read for Endless {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = io::Read::read(&mut self.head, to)?;
        if read > 0 {
            return Ok(read);
        }
        to.fill(b'x');
        self.read += to.len() as u64;
        assert!(self.read < 100 << 20, "it goes on reading");
        Ok(to.len())
    }
}

impl io::Seek for Endless {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        match to {
            io::SeekFrom::End(_) => Ok(10 << 30),
            other => self.head.seek(other),
        }
    }
}

#[test]
fn a_string_without_an_end_is_given_up() {
    let heads = [
        "{\"document\": {\"title\": \"",
        "{\"format\": \"NVD_CVE\", \"version\": \"2.0\", \"vulnerabilities\": [{\"cve\": {\"id\": \"",
        "{\"catalogVersion\": \"1\", \"vulnerabilities\": [{\"cveID\": \"",
        "#model_version:v1,score_date:2024-01-01\ncve,epss,percentile\nCVE-",
        "Registry,Assignment,Organization Name,Organization Address\nMA-L,\"",
    ];
    for head in heads {
        let mut import = Import::default();
        let mut endless = Endless {
            head: Cursor::new(head.as_bytes().to_vec()),
            read: 0,
        };
        import.file("endless", &mut endless, &mut scratch).unwrap();
        assert_eq!(import.report.refusals, 1, "{head}");
    }
}
