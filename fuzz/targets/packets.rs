//! One target over whole packets, with all that is remembered between them. The first octet gives the link type;
//! then each packet has two octets of length and one of the time since the one before (in 100 ms).
#![no_main]

use std::sync::{Arc, OnceLock};

use fossick_engine::{Batch, Engine, FrameIndex, Inventory, Locality};
use fossick_fingerprints::Fingerprints;
use fossick_model::Time;
use fossick_parsers::packet::LinkType;
use libfuzzer_sys::fuzz_target;

/// Link types that are read.
const LINKS: [u16; 8] = [1, 101, 113, 105, 127, 276, 9, 192];

fuzz_target!(|input: &[u8]| {
    static SHEETS: OnceLock<Fingerprints> = OnceLock::new();
    let Some((link, mut rest)) = input.split_first() else {
        return;
    };
    let link = LinkType(LINKS[usize::from(*link) % LINKS.len()]);
    let mut batch = Batch {
        blocks: vec![Arc::new(input.to_vec())],
        frames: Vec::new(),
    };
    let mut time = 1_700_000_000_000_000_000_i64;
    while let [high, low, later, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
        time += i64::from(*later) * 100_000_000;
        let start = input.len() - after.len();
        batch.frames.push(FrameIndex {
            capture: 0,
            number: batch.frames.len() as u64 + 1,
            time: Time(time),
            link,
            block: 0,
            start: start as u32,
            length: length as u32,
            original: length as u32,
        });
        rest = &after[length..];
    }
    let mut inventory = Inventory::new(Locality::default(), true);
    inventory.capture("fuzz.pcap");
    let mut engine = Engine::new(1, &[]);
    engine.read(&Arc::new(batch), &mut inventory);
    engine.tick(Time(time), &mut inventory);
    engine.finish(&mut inventory);
    assert_eq!(engine.counters().panics, 0, "a parser panicked");
    let sheets = SHEETS.get_or_init(Fingerprints::built_in);
    let _ = inventory.round(sheets, true);
    let _ = inventory.assets(sheets, true);
});
