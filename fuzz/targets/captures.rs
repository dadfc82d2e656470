//! One target over capture files: whatever is in them, reading ends.
#![no_main]

use fossick_sensor::capture::Captures;
use libfuzzer_sys::fuzz_target;

/// Compressed captures (gzip, zstd) hold more frames than they have octets, and unpacking them is a library's work.
const COMPRESSED: [&[u8]; 2] = [&[0x1f, 0x8b], &[0x28, 0xb5, 0x2f, 0xfd]];

fuzz_target!(|input: &[u8]| {
    if COMPRESSED.iter().any(|magic| input.starts_with(magic)) {
        return;
    }
    let source = Box::new(std::io::Cursor::new(input.to_vec()));
    let Ok(mut captures) = Captures::stream("fuzz.pcap", source) else {
        return;
    };
    let mut frames = 0_usize;
    while let Some(batch) = captures.next_batch() {
        frames += batch.frames().count();
        assert!(frames <= input.len(), "more frames than octets");
    }
    let _ = captures.troubles();
});
