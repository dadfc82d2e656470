//! A journal in memory, and waiting for what must come.
#![allow(dead_code, reason = "each test uses its part")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fossick_model::{Attribute, Change, Event, Evidence, Frames, Reason, Time};
use fossick_sensor::outlet::Journal;

/// What a hostile device calls itself.
pub const HOSTILE: &str = "\u{1b}[2J\"] \u{feff}<8>1 - - - - - -\r\nfake\0\u{202e}gpj.exe\\ 日本";

/// Entries, and how far they are delivered.
pub struct Entries {
    list: Mutex<Vec<Change>>,
    more: Condvar,
    cursor: Mutex<u64>,
    /// Entries up to this one are no longer kept.
    pub forgotten: AtomicU64,
}

impl Entries {
    pub fn new() -> Arc<Entries> {
        Arc::new(Entries {
            list: Mutex::default(),
            more: Condvar::new(),
            cursor: Mutex::default(),
            forgotten: AtomicU64::new(0),
        })
    }

    /// So many more.
    pub fn push(&self, count: u64) {
        let mut entries = self.list.lock().unwrap();
        for _ in 0..count {
            let seq = u64::try_from(entries.len()).unwrap() + 1;
            entries.push(change(seq));
        }
        self.more.notify_all();
    }

    /// So many more within that time.
    pub fn flow(self: &Arc<Self>, count: u64, within: Duration) -> JoinHandle<()> {
        let journal = Arc::clone(self);
        std::thread::spawn(move || {
            let begun = Instant::now();
            let mut pushed = 0;
            while pushed < count {
                let share = begun.elapsed().as_secs_f64() / within.as_secs_f64();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    clippy::cast_precision_loss
                )]
                let due = ((count as f64 * share) as u64).min(count);
                journal.push(due - pushed);
                pushed = due;
                std::thread::sleep(Duration::from_millis(5));
            }
        })
    }

    pub fn cursor(&self) -> u64 {
        *self.cursor.lock().unwrap()
    }

    pub fn all(&self) -> Vec<Change> {
        self.list.lock().unwrap().clone()
    }
}

impl Journal for Entries {
    fn after(&self, seq: u64, limit: usize) -> anyhow::Result<Vec<Change>> {
        let entries = self.list.lock().unwrap();
        let after = seq.max(self.forgotten.load(Ordering::Relaxed));
        let after = entries.iter().skip(usize::try_from(after)?);
        Ok(after.take(limit).cloned().collect())
    }

    fn wait(&self, seq: u64, timeout: Duration) -> bool {
        let entries = self.list.lock().unwrap();
        let none = |entries: &mut Vec<Change>| entries.len() as u64 <= seq;
        let (entries, _) = self
            .more
            .wait_timeout_while(entries, timeout, none)
            .unwrap();
        entries.len() as u64 > seq
    }

    fn delivered(&self, _: &str, seq: u64) {
        let mut cursor = self.cursor.lock().unwrap();
        assert!(
            seq >= *cursor,
            "the cursor went back from {cursor} to {seq}"
        );
        *cursor = seq;
    }
}

/// Of every length up to what a message holds, every seventh hostile.
fn change(seq: u64) -> Change {
    let value = match seq % 7 {
        0 => HOSTILE.repeat(usize::try_from(seq % 5).unwrap() + 1),
        1 if seq % 50 == 1 => "x".repeat(9000),
        _ => format!("V{seq}"),
    };
    let time = Time(1_770_000_000_000_000_000 + i64::try_from(seq).unwrap() * 1_000);
    Change {
        seq,
        time,
        asset: format!("{:016x}", seq % 97),
        label: format!("plc-{}", seq % 97),
        event: Event::FactChanged {
            attribute: Attribute::Firmware,
            old: format!("V{}", seq - 1),
            value: value.clone(),
            reason: Reason {
                certainty: 90,
                key: "s7comm.szl.firmware".into(),
                raw: value.into(),
                evidence: Evidence {
                    capture: "eth0".into(),
                    frames: Frames::One(seq),
                    time,
                    heard: true,
                    octets: Vec::new(),
                },
            },
        },
        by: None,
    }
}

/// Waits for it, half a minute at most.
pub fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "not in half a minute: {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
