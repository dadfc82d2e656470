//! One target over all protocols: the first octet picks one, the second its circumstances, the rest is what it reads.
#![no_main]

use fossick_parsers::{Mac, Message, Out, PROTOCOLS, Role};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [pick, how, octets @ ..] = input else {
        return;
    };
    let Some(protocol) = PROTOCOLS.get(usize::from(*pick) % PROTOCOLS.len()) else {
        return;
    };
    let from = if how & 1 == 0 { Role::Client } else { Role::Server };
    // A question and its answer, where there are both.
    let (asked, mut rest) = match how & 2 {
        0 => (None, octets),
        _ => {
            let middle = octets.len().min(usize::from(how >> 2));
            let (asked, rest) = octets.split_at(middle);
            (Some(asked), rest)
        }
    };
    let read = |bytes: &[u8], nth: u32| {
        let message = Message {
            from,
            bytes,
            asked,
            nth,
            ports: (u16::from(*how), 40_000),
            source: Some(Mac([2, 0, 0, 0, 0, 1])),
        };
        let _ = (protocol.recognise)(bytes);
        let mut scratch = String::new();
        let mut said = |_statement: fossick_parsers::Statement<'_>| {};
        let mut out = Out::new(&mut scratch, &mut said);
        let _ = (protocol.dissect)(message, &mut out);
    };
    let Some(frame) = protocol.frame else {
        read(rest, 0);
        return;
    };
    for nth in 0..64 {
        match frame(rest) {
            Ok(cut) => {
                assert!(cut.length <= rest.len(), "{} cuts more than there is", protocol.name);
                let length = cut.length.clamp(1, rest.len().max(1)).min(rest.len());
                let (message, after) = rest.split_at(length);
                read(message, nth);
                let skip = usize::try_from(cut.skip).unwrap_or(usize::MAX).min(after.len());
                rest = &after[skip..];
                if rest.is_empty() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
});
