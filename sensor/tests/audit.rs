//! The journal's chain: whoever changes the file with the database's own means is found, and what he did is named.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::sync_channel;
use std::thread::sleep;
use std::time::{Duration, Instant};

use fossick_model::{Fault, Head, Time};
use fossick_sensor::store::{self, Job, Keep, Store, file_opener};
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const JOURNAL: TableDefinition<u64, &str> = TableDefinition::new("journal");
const CHAIN: TableDefinition<u64, &[u8; 32]> = TableDefinition::new("chain");

const DAY: i64 = 86_400_000_000_000;
const KEEP: Keep = Keep {
    age: i64::MAX / 2_000_000_000,
    octets: u64::MAX,
    silent: i64::MAX / 2_000_000_000,
};

fn fresh(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("audit-{name}-{}.redb", std::process::id()));
    let _ = fs::remove_file(&path);
    path
}

fn write(path: &Path, count: u64, now: Time) {
    let (store, _) = Store::start(file_opener(path), KEEP, 1, &[]).unwrap();
    note(&store, count, now);
    store.stop(Duration::from_secs(10));
}

fn note(store: &Store, count: u64, now: Time) {
    let before = store.shared.published();
    for n in 0..count {
        let what = format!("{n} things happened");
        let job = Job::Note {
            part: "run",
            what,
            now,
        };
        store.jobs().send(job).unwrap();
    }
    let begun = Instant::now();
    while store.shared.published() < before + count {
        assert!(begun.elapsed() < Duration::from_secs(30));
        sleep(Duration::from_millis(1));
    }
}

/// A store of so many entries, changed by somebody.
fn changed(name: &str, change: impl FnOnce(&redb::WriteTransaction)) -> PathBuf {
    let path = fresh(name);
    write(&path, 20, Time(DAY));
    assert_eq!(store::audit(&path, None).unwrap().fault, None);
    tamper(&path, change);
    path
}

fn tamper(path: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = Database::open(path).unwrap();
    let txn = database.begin_write().unwrap();
    change(&txn);
    txn.commit().unwrap();
}

fn fault(path: &Path) -> Option<Fault> {
    store::audit(path, None).unwrap().fault
}

fn text(txn: &redb::WriteTransaction, seq: u64) -> String {
    let journal = txn.open_table(JOURNAL).unwrap();
    journal.get(seq).unwrap().unwrap().value().to_owned()
}

#[test]
fn one_octet_of_one_entry_is_noticed() {
    for seq in [1, 7, 20] {
        let path = changed(&format!("octet-{seq}"), |txn| {
            let altered = text(txn, seq).replace("things", "thingz");
            let mut journal = txn.open_table(JOURNAL).unwrap();
            journal.insert(seq, altered.as_str()).unwrap();
        });
        let audit = store::audit(&path, None).unwrap();
        assert_eq!(audit.fault, Some(Fault::Altered { seq }));
        assert_eq!(audit.entries, seq - 1);
    }
}

#[test]
fn a_missing_entry_is_named_whether_or_not_its_hash_went_with_it() {
    for with_hash in [false, true] {
        for seq in [1, 7, 20] {
            let path = changed(&format!("missing-{seq}-{with_hash}"), |txn| {
                txn.open_table(JOURNAL).unwrap().remove(seq).unwrap();
                if with_hash {
                    txn.open_table(CHAIN).unwrap().remove(seq).unwrap();
                }
            });
            let missing = Fault::Missing {
                first: seq,
                last: seq,
            };
            assert_eq!(fault(&path), Some(missing), "{seq} {with_hash}");
        }
    }
}

#[test]
fn swapped_entries_are_noticed() {
    let path = changed("swapped", |txn| {
        let (five, nine) = (text(txn, 5), text(txn, 9));
        let mut journal = txn.open_table(JOURNAL).unwrap();
        journal.insert(5, nine.as_str()).unwrap();
        journal.insert(9, five.as_str()).unwrap();
    });
    assert_eq!(fault(&path), Some(Fault::Altered { seq: 5 }));
}

#[test]
fn an_added_entry_is_named() {
    for seq in [0, 21] {
        let path = changed(&format!("added-{seq}"), |txn| {
            let text = text(txn, 20);
            let mut journal = txn.open_table(JOURNAL).unwrap();
            journal.insert(seq, text.as_str()).unwrap();
        });
        assert_eq!(fault(&path), Some(Fault::Added { seq }));
    }
    let path = changed("added-far", |txn| {
        let text = text(txn, 20);
        let mut journal = txn.open_table(JOURNAL).unwrap();
        journal.insert(30, text.as_str()).unwrap();
    });
    let missing = Fault::Missing {
        first: 21,
        last: 29,
    };
    assert_eq!(fault(&path), Some(missing));
}

#[test]
fn a_hash_or_the_anchor_that_is_not_there_is_noticed() {
    let path = changed("no-anchor", |txn| {
        txn.open_table(CHAIN).unwrap().remove(0).unwrap();
    });
    assert_eq!(fault(&path), Some(Fault::Unanchored { first: 1 }));
    let path = changed("no-hash", |txn| {
        txn.open_table(CHAIN).unwrap().remove(9).unwrap();
    });
    assert_eq!(fault(&path), Some(Fault::Added { seq: 9 }));
    let path = changed("no-chain", |txn| {
        txn.delete_table(CHAIN).unwrap();
        txn.open_table(CHAIN).unwrap();
    });
    assert_eq!(fault(&path), Some(Fault::Added { seq: 1 }));
    // Its hash went with the entry: the next one no longer fits.
    let path = changed("with-hash", |txn| {
        let altered = text(txn, 9).replace("things", "thingz");
        let mut journal = txn.open_table(JOURNAL).unwrap();
        journal.insert(9, altered.as_str()).unwrap();
        let mut chain = txn.open_table(CHAIN).unwrap();
        chain.insert(9, &[7; 32]).unwrap();
    });
    assert_eq!(fault(&path), Some(Fault::Altered { seq: 9 }));
}

#[test]
fn hashes_are_what_another_program_computes() {
    let path = fresh("other-program");
    write(&path, 3, Time(DAY));
    let database = Database::open(&path).unwrap();
    let txn = database.begin_read().unwrap();
    let (journal, chain) = (
        txn.open_table(JOURNAL).unwrap(),
        txn.open_table(CHAIN).unwrap(),
    );
    let kept = |seq: u64| *chain.get(seq).unwrap().unwrap().value();
    assert_eq!(kept(0), [0; 32]);
    for seq in 1..=3 {
        let mut octets = kept(seq - 1).to_vec();
        octets.extend(seq.to_be_bytes());
        octets.extend(journal.get(seq).unwrap().unwrap().value().as_bytes());
        let file = path.with_extension("entry");
        fs::write(&file, octets).unwrap();
        let out = Command::new("sha256sum").arg(&file).output().unwrap();
        let said = String::from_utf8(out.stdout).unwrap();
        let hash = kept(seq);
        let head = Head { seq, hash }.to_string();
        assert_eq!(head, format!("{seq}:{}", &said[..64]));
        assert_eq!(head.parse(), Ok(Head { seq, hash }));
        for wrong in [
            &head[..head.len() - 1],
            &head[2..],
            &format!("{head}0"),
            "1:é",
        ] {
            assert!(wrong.parse::<Head>().is_err(), "{wrong}");
        }
    }
}

/// The end of the journal cut off, as if it had never been.
fn truncate(path: &Path, last: u64) {
    tamper(path, |txn| {
        let above = (last + 1)..;
        let mut journal = txn.open_table(JOURNAL).unwrap();
        journal.retain_in(above.clone(), |_, _| false).unwrap();
        let mut chain = txn.open_table(CHAIN).unwrap();
        chain.retain_in(above, |_, _| false).unwrap();
        txn.open_table(META).unwrap().insert("seq", last).unwrap();
    });
}

#[test]
fn a_cut_or_rewritten_journal_is_found_with_a_head_that_was_written_down() {
    let path = fresh("head");
    write(&path, 20, Time(DAY));
    let head = store::audit(&path, None).unwrap().head;
    assert_eq!(head.seq, 20);
    let twelfth = {
        let database = Database::open(&path).unwrap();
        let txn = database.begin_read().unwrap();
        let chain = txn.open_table(CHAIN).unwrap();
        let hash = *chain.get(12).unwrap().unwrap().value();
        Head { seq: 12, hash }
    };
    assert_eq!(store::audit(&path, Some(&twelfth)).unwrap().fault, None);
    // It went on: what was written down still fits.
    write(&path, 5, Time(DAY));
    assert_eq!(store::audit(&path, Some(&head)).unwrap().fault, None);

    truncate(&path, 15);
    let cut = |path: &Path, head: &Head| store::audit(path, Some(head)).unwrap().fault;
    assert_eq!(fault(&path), None, "without the head nobody can tell");
    let missing = Fault::Missing {
        first: 16,
        last: 20,
    };
    assert_eq!(cut(&path, &head), Some(missing));
    assert_eq!(cut(&path, &twelfth), None);

    // What took the place of the entries that were cut off fits together, and not with the head.
    write(&path, 10, Time(2 * DAY));
    assert_eq!(fault(&path), None);
    assert_eq!(cut(&path, &head), Some(Fault::Rewritten { head }));
    assert_eq!(cut(&path, &twelfth), None);
    let out = Command::new(env!("CARGO_BIN_EXE_fossick"))
        .args(["audit", "verify", "--store", path.to_str().unwrap()])
        .args(["--head", &head.to_string()])
        .output()
        .unwrap();
    let said = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("up to entry 20 is not the one"), "{said}");
    let out = Command::new(env!("CARGO_BIN_EXE_fossick"))
        .args(["audit", "head", "--store", path.to_str().unwrap()])
        .output()
        .unwrap();
    let said = String::from_utf8(out.stdout).unwrap();
    let now: Head = said.parse().unwrap();
    assert_eq!((now.seq, out.status.success()), (25, true), "{said}");
}

#[test]
fn the_end_that_was_cut_off_alone_is_found_without_a_head() {
    let path = changed("end", |txn| {
        let mut journal = txn.open_table(JOURNAL).unwrap();
        journal.retain_in(16.., |_, _| false).unwrap();
        let mut chain = txn.open_table(CHAIN).unwrap();
        chain.retain_in(16.., |_, _| false).unwrap();
    });
    let missing = Fault::Missing {
        first: 16,
        last: 20,
    };
    assert_eq!(fault(&path), Some(missing));
}

/// As a program before the chain wrote it, with its first entries dropped already.
fn aged(path: &Path) {
    tamper(path, |txn| {
        txn.delete_table(CHAIN).unwrap();
        txn.open_table(META).unwrap().insert("schema", 1).unwrap();
        let mut journal = txn.open_table(JOURNAL).unwrap();
        journal.retain_in(..6, |_, _| false).unwrap();
    });
}

#[test]
fn a_store_from_before_the_chain_is_brought_up_to_it() {
    let path = fresh("schema-1");
    write(&path, 20, Time(DAY));
    aged(&path);
    let why = store::audit(&path, None).unwrap_err();
    assert!(format!("{why:#}").contains("schema 1"), "{why:#}");
    let (store, memory) = Store::start(file_opener(&path), KEEP, 1, &[]).unwrap();
    assert!(
        memory
            .notes
            .iter()
            .any(|note| note.contains("from entry 6 on; the 15 entries")),
        "{:?}",
        memory.notes
    );
    note(&store, 5, Time(2 * DAY));
    let audit = store.shared.audit(None).unwrap();
    assert_eq!((audit.first, audit.entries, audit.head.seq), (6, 20, 25));
    assert_eq!(audit.fault, None);
    store.stop(Duration::from_secs(10));
    // Once is enough.
    let (store, memory) = Store::start(file_opener(&path), KEEP, 1, &[]).unwrap();
    assert!(memory.notes.is_empty(), "{:?}", memory.notes);
    store.stop(Duration::from_secs(10));
    tamper(&path, |txn| {
        let altered = text(txn, 8).replace("things", "thingz");
        let mut journal = txn.open_table(JOURNAL).unwrap();
        journal.insert(8, altered.as_str()).unwrap();
    });
    assert_eq!(fault(&path), Some(Fault::Altered { seq: 8 }));
}

#[test]
fn a_backup_that_is_restored_goes_on_with_the_same_chain() {
    for old in [false, true] {
        let (path, copy) = (fresh(&format!("live-{old}")), fresh(&format!("copy-{old}")));
        let (store, _) = Store::start(file_opener(&path), KEEP, 1, &[]).unwrap();
        note(&store, 10, Time(DAY));
        store.shared.backup(&copy).unwrap();
        assert_eq!(store::audit(&copy, None).unwrap().entries, 10);
        if old {
            aged(&copy);
        }
        note(&store, 10, Time(DAY));
        let head = store.shared.audit(None).unwrap().head;
        let (done, answer) = sync_channel(1);
        store.jobs().send(Job::Restore(copy, done)).unwrap();
        answer.recv().unwrap().unwrap();
        let audit = store.shared.audit(None).unwrap();
        assert_eq!((audit.fault, audit.head.seq), (None, 20), "{old}");
        // A chain that began only with the restored entries has other hashes.
        assert_eq!(audit.head == head, !old);
        note(&store, 3, Time(DAY));
        let compared = (!old).then_some(&head);
        assert_eq!(store.shared.audit(compared).unwrap().fault, None);
        store.stop(Duration::from_secs(10));
    }
}

#[test]
fn a_backup_from_before_everything_that_is_kept_takes_the_later_journal() {
    let (path, copy) = (fresh("later"), fresh("earlier"));
    write(&path, 4, Time(DAY));
    fs::copy(&path, &copy).unwrap();
    write(&path, 16, Time(DAY));
    let head = store::audit(&path, None).unwrap().head;
    tamper(&path, |txn| {
        let mut journal = txn.open_table(JOURNAL).unwrap();
        journal.retain_in(..=9, |_, _| false).unwrap();
        let mut chain = txn.open_table(CHAIN).unwrap();
        chain.retain_in(..9, |_, _| false).unwrap();
    });
    let (store, _) = Store::start(file_opener(&path), KEEP, 1, &[]).unwrap();
    let (done, answer) = sync_channel(1);
    store.jobs().send(Job::Restore(copy, done)).unwrap();
    answer.recv().unwrap().unwrap();
    let audit = store.shared.audit(Some(&head)).unwrap();
    assert_eq!((audit.first, audit.fault, audit.head), (10, None, head));
    store.stop(Duration::from_secs(10));
}

#[test]
fn what_is_dropped_for_its_age_leaves_an_anchor() {
    let path = fresh("dropped");
    write(&path, 10, Time(DAY));
    let tenth = store::audit(&path, None).unwrap().head;
    write(&path, 10, Time(40 * DAY));
    let head = store::audit(&path, None).unwrap().head;
    let keep = Keep {
        age: 30 * 86_400,
        ..KEEP
    };
    let (store, _) = Store::start(file_opener(&path), keep, 1, &[]).unwrap();
    note(&store, 1, Time(41 * DAY));
    // It is looked at once a minute.
    let begun = Instant::now();
    while store.shared.changes(0, 1).unwrap()[0].seq == 1 {
        assert!(begun.elapsed() < Duration::from_secs(90));
        sleep(Duration::from_millis(200));
    }
    for head in [tenth, head] {
        let audit = store.shared.audit(Some(&head)).unwrap();
        assert_eq!((audit.first, audit.fault), (11, None));
    }
    let dropped = Head { seq: 5, ..tenth };
    let audit = store.shared.audit(Some(&dropped)).unwrap();
    assert_eq!(audit.fault, Some(Fault::NoLongerKept { head: dropped }));
    store.stop(Duration::from_secs(10));
    let database = Database::open(&path).unwrap();
    let txn = database.begin_read().unwrap();
    assert_eq!(txn.open_table(CHAIN).unwrap().len().unwrap(), 12);
}
