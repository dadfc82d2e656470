//! What the end-to-end tests share: small captures made in memory, and running the built binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "test code"
)]

pub mod lab;
pub mod live;
pub mod plant;
pub mod tmux;

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The folder that holds the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// The binary of the tests' own build profile.
pub fn fossick() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let binary = test.ancestors().nth(2).unwrap().join("fossick");
    assert!(
        binary.exists(),
        "{} is not built: run `make test`, which builds it first",
        binary.display()
    );
    binary
}

/// What a run printed and how it ended.
pub struct Ran {
    /// Exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Its JSON lines.
    pub fn assets(&self) -> Vec<Value> {
        let lines = self.out.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The asset with this address.
    pub fn asset(&self, address: &str) -> Value {
        self.find(address)
            .unwrap_or_else(|| panic!("no asset {address} in\n{}\n{}", self.out, self.err))
    }

    /// The asset with this address, if there is one.
    pub fn find(&self, address: &str) -> Option<Value> {
        self.assets().into_iter().find(|asset| {
            asset["addresses"]
                .to_string()
                .contains(&format!("\"{address}\""))
        })
    }
}

/// Runs the binary with these arguments and this standard input.
pub fn run(arguments: &[&str], input: &[u8]) -> Ran {
    let mut child = Command::new(fossick())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || {
        // The binary may refuse its input before it has read all of it.
        let _ = stdin.write_all(&input);
    });
    let done = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    let ran = Ran {
        status: done.status.code(),
        out: String::from_utf8(done.stdout).expect("standard output is UTF-8"),
        err: String::from_utf8_lossy(&done.stderr).into_owned(),
    };
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    ran
}

/// Reads a capture from standard input and gives the inventory as JSON.
pub fn read(capture: &Capture) -> Ran {
    run(&["read", "-", "--format", "json"], &capture.pcap())
}

/// A capture in the making: Ethernet frames a second apart.
#[derive(Default, Clone)]
pub struct Capture {
    frames: Vec<Vec<u8>>,
    /// Seconds of each since the beginning.
    times: Vec<u32>,
    paused: u32,
}

/// A hardware address from its last octet, of a registered block.
pub fn mac(last: u8) -> [u8; 6] {
    [0x00, 0x1b, 0x1b, 0, 0, last]
}

/// 10.0.0.`last`.
pub fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

/// The sum of RFC 1071 over a header.
fn checksum(header: &[u8]) -> u16 {
    let sum: u32 = header
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
        .sum();
    !(((sum & 0xffff) + (sum >> 16)) as u16)
}

impl Capture {
    /// An empty one.
    pub fn new() -> Self {
        Capture::default()
    }

    /// Adds a frame as it is.
    pub fn frame(&mut self, frame: &[u8]) -> &mut Self {
        self.times.push(self.frames.len() as u32 + self.paused);
        self.frames.push(frame.to_vec());
        self
    }

    /// Nothing happens for so many seconds.
    pub fn pause(&mut self, seconds: u32) -> &mut Self {
        self.paused += seconds;
        self
    }

    /// Adds an Ethernet frame, tagged unless the VLAN is 0.
    pub fn ethernet(
        &mut self,
        from: [u8; 6],
        to: [u8; 6],
        vlan: u16,
        kind: u16,
        payload: &[u8],
    ) -> &mut Self {
        let mut frame = [to, from].concat();
        if vlan > 0 {
            frame.extend(0x8100_u16.to_be_bytes());
            frame.extend(vlan.to_be_bytes());
        }
        frame.extend(kind.to_be_bytes());
        frame.extend(payload);
        self.frame(&frame)
    }

    /// Adds an ARP reply: this interface holds this address.
    pub fn arp(&mut self, from: [u8; 6], address: Ipv4Addr, vlan: u16) -> &mut Self {
        let mut packet = vec![0, 1, 8, 0, 6, 4, 0, 2];
        packet.extend(from);
        packet.extend(address.octets());
        packet.extend(mac(250));
        packet.extend(ip(250).octets());
        self.ethernet(from, mac(250), vlan, 0x0806, &packet)
    }

    /// Adds an IPv4 packet.
    pub fn ipv4(
        &mut self,
        from: ([u8; 6], Ipv4Addr),
        to: ([u8; 6], Ipv4Addr),
        vlan: u16,
        hops: u8,
        protocol: u8,
        payload: &[u8],
    ) -> &mut Self {
        let length = (payload.len() + 20) as u16;
        let id = self.frames.len() as u16;
        let mut header = vec![0x45, 0];
        header.extend(length.to_be_bytes());
        header.extend(id.to_be_bytes());
        header.extend([0x40, 0, hops, protocol, 0, 0]);
        header.extend(from.1.octets());
        header.extend(to.1.octets());
        let sum = checksum(&header).to_be_bytes();
        header[10..12].copy_from_slice(&sum);
        header.extend(payload);
        self.ethernet(from.0, to.0, vlan, 0x0800, &header)
    }

    /// Adds a UDP datagram.
    pub fn udp(
        &mut self,
        from: ([u8; 6], Ipv4Addr, u16),
        to: ([u8; 6], Ipv4Addr, u16),
        payload: &[u8],
    ) -> &mut Self {
        let mut datagram = from.2.to_be_bytes().to_vec();
        datagram.extend(to.2.to_be_bytes());
        datagram.extend(((payload.len() + 8) as u16).to_be_bytes());
        datagram.extend([0, 0]);
        datagram.extend(payload);
        self.ipv4((from.0, from.1), (to.0, to.1), 0, 64, 17, &datagram)
    }

    /// Adds a UDP datagram in fragments of so many octets, a multiple of eight.
    pub fn fragmented_udp(
        &mut self,
        from: ([u8; 6], Ipv4Addr, u16),
        to: ([u8; 6], Ipv4Addr, u16),
        payload: &[u8],
        size: usize,
    ) -> &mut Self {
        let mut whole = Capture::new();
        whole.udp(from, to, payload);
        let datagram = whole.frames[0][34..].to_vec();
        let count = datagram.len().div_ceil(size);
        for (n, part) in datagram.chunks(size).enumerate() {
            self.ipv4((from.0, from.1), (to.0, to.1), 0, 64, 17, part);
            let header = &mut self.frames.last_mut().unwrap()[14..34];
            let more = if n + 1 < count { 0x2000 } else { 0 };
            let field = more | (n * size / 8) as u16;
            header[4..6].copy_from_slice(&77_u16.to_be_bytes());
            header[6..8].copy_from_slice(&field.to_be_bytes());
        }
        self
    }

    /// Adds one TCP segment.
    pub fn tcp(
        &mut self,
        from: ([u8; 6], Ipv4Addr, u16),
        to: ([u8; 6], Ipv4Addr, u16),
        hops: u8,
        flags: u8,
        sequence: u32,
        payload: &[u8],
    ) -> &mut Self {
        let mut segment = from.2.to_be_bytes().to_vec();
        segment.extend(to.2.to_be_bytes());
        segment.extend(sequence.to_be_bytes());
        segment.extend([0, 0, 0, 1, 0x50, flags, 0x20, 0, 0, 0, 0, 0]);
        segment.extend(payload);
        self.ipv4((from.0, from.1), (to.0, to.1), 0, hops, 6, &segment)
    }

    /// Adds a whole connection: handshake, what is asked and what is answered, in turn, client first.
    pub fn connection(
        &mut self,
        client: ([u8; 6], Ipv4Addr, u16),
        server: ([u8; 6], Ipv4Addr, u16),
        said: &[&[u8]],
    ) -> &mut Self {
        self.tcp(client, server, 64, 0x02, 100, b"");
        self.tcp(server, client, 64, 0x12, 500, b"");
        self.tcp(client, server, 64, 0x10, 101, b"");
        let mut next = [101_u32, 501];
        for (n, octets) in said.iter().enumerate() {
            let (from, to) = if n % 2 == 0 {
                (client, server)
            } else {
                (server, client)
            };
            if !octets.is_empty() {
                self.tcp(from, to, 64, 0x18, next[n % 2], octets);
                next[n % 2] += octets.len() as u32;
            }
        }
        self
    }

    /// The last frame once more.
    pub fn again(&mut self) -> &mut Self {
        let last = self.frames.last().unwrap().clone();
        self.frame(&last)
    }

    /// Its frames.
    pub fn frames(&self) -> &[Vec<u8>] {
        &self.frames
    }

    /// As a pcap file, microseconds, least significant octet first.
    pub fn pcap(&self) -> Vec<u8> {
        self.pcap_with(0xa1b2_c3d4, false)
    }

    /// As a pcap file with this magic number, in either byte order.
    pub fn pcap_with(&self, magic: u32, big_endian: bool) -> Vec<u8> {
        let word = |n: u32| {
            if big_endian {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let half = |n: u16| {
            if big_endian {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let mut file = word(magic).to_vec();
        file.extend(half(2));
        file.extend(half(4));
        for n in [0, 0, 262_144, 1] {
            file.extend(word(n));
        }
        for (time, frame) in self.times.iter().zip(&self.frames) {
            let length = frame.len() as u32;
            for n in [1_700_000_000 + time, 0, length, length] {
                file.extend(word(n));
            }
            file.extend(frame);
        }
        file
    }

    /// As a pcapng file with two sections of opposite byte order, the frames shared among them.
    pub fn pcapng(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let middle = self.frames.len() / 2;
        for (big_endian, from, to) in [(false, 0, middle), (true, middle, self.frames.len())] {
            let word = |n: u32| {
                if big_endian {
                    n.to_be_bytes()
                } else {
                    n.to_le_bytes()
                }
            };
            let half = |n: u16| {
                if big_endian {
                    n.to_be_bytes()
                } else {
                    n.to_le_bytes()
                }
            };
            let block = |file: &mut Vec<u8>, kind: u32, body: &[u8]| {
                let length = word((body.len() + 12) as u32);
                file.extend(word(kind));
                file.extend(length);
                file.extend(body);
                file.extend(length);
            };
            let head = [&word(0x1a2b_3c4d)[..], &half(1), &half(0), &[0xff; 8]].concat();
            block(&mut file, 0x0a0d_0d0a, &head);
            // An interface before the one that is used, and a block that nobody knows.
            for link in [113, 1] {
                let body = [&half(link)[..], &half(0), &word(0)].concat();
                block(&mut file, 1, &body);
            }
            block(&mut file, 0x0bad, &[1, 2, 3, 4]);
            for (n, frame) in self.frames.iter().enumerate().take(to).skip(from) {
                let time = (1_700_000_000 + u64::from(self.times[n])) * 1_000_000;
                let length = frame.len() as u32;
                let mut body = Vec::new();
                for n in [1, (time >> 32) as u32, time as u32, length, length] {
                    body.extend(word(n));
                }
                body.extend(frame);
                body.resize(body.len().next_multiple_of(4), 0);
                block(&mut file, 6, &body);
            }
        }
        file
    }
}

/// A folder of the test's own, removed when it is dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes it.
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("fossick-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// Writes a file in it and gives its path.
    pub fn write(&self, name: &str, octets: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, octets).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Its path.
    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The material beside the project, where there is any; says loudly when a test goes without.
pub fn shared(what: &str) -> Option<PathBuf> {
    let path = root().join("../shared").join(what);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not here", path.display());
    None
}
