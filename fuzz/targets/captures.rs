//! One target over capture files: whatever is in them, reading ends.
#![no_main]

use fossick_sensor::capture::Captures;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
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
