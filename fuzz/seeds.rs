//! Makes the seeds: seeds SAMPLES DEMO TO. From the parsers' samples and our own captures.

use std::fs;
use std::path::Path;

use fossick_parsers::PROTOCOLS;
// Instrumented like the targets, so that everything is built once; the counters need their runtime.
use libfuzzer_sys as _;

/// The messages of a sample: hexadecimal digits, `#` begins a comment, `from` a message, `---` ends them.
fn messages(text: &str) -> Vec<Vec<u8>> {
    let mut messages = vec![Vec::new()];
    for line in text.lines().take_while(|line| !line.starts_with("---")) {
        let line = line.split('#').next().unwrap_or_default();
        if line.starts_with("from") {
            messages.push(Vec::new());
            continue;
        }
        let words = line.split_whitespace().filter(|word| word.len() == 2);
        let octets = words.filter_map(|word| u8::from_str_radix(word, 16).ok());
        messages.last_mut().unwrap().extend(octets);
    }
    messages.retain(|message| !message.is_empty());
    messages
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, samples, demo, to] = arguments.as_slice() else {
        panic!("seeds SAMPLES DEMO TO");
    };
    for target in ["protocols", "captures", "packets"] {
        fs::create_dir_all(Path::new(to).join(target)).unwrap();
    }
    let mut count = 0_u32;
    for (number, protocol) in PROTOCOLS.iter().enumerate() {
        let Ok(files) = fs::read_dir(Path::new(samples).join(protocol.name)) else {
            continue;
        };
        for file in files {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            for message in messages(&text) {
                for how in [0_u8, 1] {
                    let seed = [&[number as u8, how][..], &message].concat();
                    fs::write(Path::new(to).join(format!("protocols/{count}")), seed).unwrap();
                    count += 1;
                }
            }
        }
    }
    for file in fs::read_dir(demo).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|end| end != "pcap") {
            continue;
        }
        let data = fs::read(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        fs::write(Path::new(to).join(format!("captures/{name}")), &data[..data.len().min(2000)]).unwrap();
        // Classic pcap, little-endian: a record header of 16 octets before each frame.
        let (mut at, mut seed) = (24, vec![0_u8]);
        while let Some(length) = data.get(at + 8..at + 12) {
            let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
            let Some(frame) = data.get(at + 16..at + 16 + length) else { break };
            if seed.len() + length > 4000 {
                break;
            }
            seed.extend((length as u16).to_be_bytes());
            seed.push(0);
            seed.extend(frame);
            at += 16 + length;
        }
        fs::write(Path::new(to).join(format!("packets/{name}")), seed).unwrap();
    }
    println!("{count} seeds of protocols");
}
