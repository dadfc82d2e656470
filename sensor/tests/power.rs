//! Power cuts: a disk that loses or keeps, in any combination, what was not synced. What was published is there afterwards.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

use std::io;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use fossick_engine::Round;
use fossick_model::{Asset, Change, Time};
use fossick_sensor::store::{Job, Keep, Opener, Store};
use redb::{Database, StorageBackend};

/// What the disk was told and has not been asked to keep.
#[derive(Debug, Clone)]
enum Told {
    Write(usize, Vec<u8>),
    Length(usize),
}

/// A disk with a cache of its own.
#[derive(Debug, Default)]
struct Disk {
    /// What a power cut cannot take.
    kept: Vec<u8>,
    /// What whoever reads sees.
    seen: Vec<u8>,
    told: Vec<Told>,
}

fn apply(octets: &mut Vec<u8>, told: &Told) {
    match told {
        Told::Write(at, data) => {
            if octets.len() < at + data.len() {
                octets.resize(at + data.len(), 0);
            }
            octets[*at..at + data.len()].copy_from_slice(data);
        }
        Told::Length(length) => octets.resize(*length, 0),
    }
}

#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<Disk>>);

impl StorageBackend for Shared {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.0.lock().unwrap();
        let at = offset as usize;
        let octets = disk.seen.get(at..at + out.len());
        out.copy_from_slice(octets.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        let told = Told::Length(length as usize);
        apply(&mut disk.seen, &told);
        disk.told.push(told);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        let seen = disk.seen.clone();
        disk.kept = seen;
        disk.told.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        let told = Told::Write(offset as usize, data.to_vec());
        apply(&mut disk.seen, &told);
        disk.told.push(told);
        Ok(())
    }
}

/// Any sequence will do; a fixed one fails again when it has failed.
struct Random(u32);

impl Random {
    fn below(&mut self, most: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % most
    }
}

impl Shared {
    /// The disk after a power cut now: of what was not synced, some was written, in some order, and some was not.
    fn cut(&self, random: &mut Random) -> Shared {
        let disk = self.0.lock().unwrap();
        let mut octets = disk.kept.clone();
        let mut told = disk.told.clone();
        while !told.is_empty() {
            let one = told.swap_remove(random.below(told.len() as u32) as usize);
            if random.below(2) == 0 {
                apply(&mut octets, &one);
            }
        }
        Shared(Arc::new(Mutex::new(Disk {
            kept: octets.clone(),
            seen: octets,
            told: Vec::new(),
        })))
    }

    fn opener(&self) -> Opener {
        let disk = self.clone();
        Opener {
            path: None,
            with: Box::new(move || Database::builder().create_with_backend(disk.clone())),
        }
    }
}

fn asset(number: u32) -> Asset {
    let time = "2026-01-01T00:00:00.000000Z";
    let [_, a, b, c] = number.to_be_bytes();
    let asset = serde_json::json!({
        "id": format!("{number:016x}"), "addresses": {"mac": [], "ipv4": [format!("10.{a}.{b}.{c}")], "ipv6": []},
        "vlans": [], "hostnames": [], "category": "unknown", "protocols": ["arp"], "services": [], "peers": 0,
        "first_seen": time, "last_seen": time, "visibility": [], "children": [], "facts": [], "observations": [],
        "findings": [],
    });
    serde_json::from_value(asset).unwrap()
}

const KEEP: Keep = Keep {
    age: i64::MAX / 2_000_000_000,
    octets: u64::MAX,
    silent: i64::MAX / 2_000_000_000,
};

#[test]
fn a_power_cut_takes_nothing_that_was_published() {
    let mut random = Random(0x1234_5678);
    let mut disk = Shared::default();
    let mut published: Vec<Change> = Vec::new();
    let mut number = 0;
    for cut in 0..100 {
        let (store, _) = Store::start(disk.opener(), KEEP, 1, &[]).unwrap();
        let journal = store.shared.changes(0, usize::MAX).unwrap();
        let audit = store.shared.audit(None).unwrap();
        assert_eq!(audit.fault, None, "cut {cut}");
        assert_eq!(audit.head.seq, journal.len() as u64, "cut {cut}");
        for (expected, change) in (1..).zip(&journal) {
            assert_eq!(
                change.seq, expected,
                "the journal has a gap after cut {cut}"
            );
        }
        assert!(
            journal.len() >= published.len(),
            "cut {cut} took published entries"
        );
        assert_eq!(journal[..published.len()], published[..], "cut {cut}");
        let begun = Instant::now();
        let until = Duration::from_micros(u64::from(random.below(12_000)));
        while begun.elapsed() < until {
            if store.is_idle() {
                let round = Round {
                    assets: (0..20).map(|n| asset(number + n)).collect(),
                    ..Round::default()
                };
                number += 20;
                let job = Job::Round {
                    round: Box::new(round),
                    captures: Vec::new(),
                    now: Time(1),
                };
                assert!(store.offer(job).is_ok());
            }
            sleep(Duration::from_micros(50));
        }
        published = store.shared.changes(0, usize::MAX).unwrap();
        published.truncate(store.shared.published() as usize);
        let after = disk.cut(&mut random);
        store.stop(Duration::from_secs(10));
        disk = after;
    }
    assert!(
        published.len() > 1000,
        "hardly anything was published: {}",
        published.len()
    );
    println!(
        "100 power cuts, {} published entries, none lost",
        published.len()
    );
}
