//! Live capture: one thread for each interface copies frames out of the kernel's ring into batches.
//!
//! libpcap fills a `TPACKET_V3` ring; when the reader falls behind, the kernel drops frames and counts them. An interface
//! that goes down, disappears or takes another name is waited for, and opened again when it is back.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fossick_engine::{Batch, FrameIndex};
use fossick_model::Time;
use fossick_parsers::packet::LinkType;
use pcap::{Active, Capture, Precision};

use crate::config::Interface;
use crate::run::{Heard, Source};
use crate::store::lock;

/// Octets of frames in one batch.
const BLOCK: usize = 512 * 1024;
/// Frames in one batch.
const FRAMES: usize = 8192;
/// Blocks kept to be used again.
const BLOCKS: usize = 32;
/// The kernel hands a block over at least this often (milliseconds).
const HAND_OVER: i32 = 50;
/// Time between two looks at an interface that cannot be opened, and at the counts of one that is.
const LOOK: Duration = Duration::from_secs(1);

/// One interface that is listened on.
pub struct Listener {
    /// How it does.
    pub status: Arc<Mutex<fossick_model::Interface>>,
    thread: JoinHandle<()>,
}

impl Listener {
    /// Starts to listen. The thread keeps the rights of the one that calls this.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        number: usize,
        config: Interface,
        heard: SyncSender<Heard>,
        stop: Arc<AtomicBool>,
    ) -> std::io::Result<Listener> {
        let status = Arc::new(Mutex::new(fossick_model::Interface {
            name: config.name.clone(),
            state: "opening".to_owned(),
            ..fossick_model::Interface::default()
        }));
        let mut listening = Listening {
            number,
            config,
            heard,
            stop,
            status: Arc::clone(&status),
            blocks: VecDeque::new(),
            run: 0,
        };
        let thread = std::thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || listening.listen())?;
        Ok(Listener { status, thread })
    }

    /// Waits for the thread to end.
    pub fn join(self) {
        // It has no result, and a panic has been printed.
        let _ = self.thread.join();
    }
}

struct Listening {
    number: usize,
    config: Interface,
    heard: SyncSender<Heard>,
    stop: Arc<AtomicBool>,
    status: Arc<Mutex<fossick_model::Interface>>,
    /// Blocks handed out, oldest first: used again when nobody holds them any more.
    blocks: VecDeque<Arc<Vec<u8>>>,
    /// How often it was opened.
    run: u32,
}

impl Listening {
    fn listen(&mut self) {
        while !self.stopping() {
            let why = match self.open() {
                Ok((capture, index)) => {
                    self.run = self.run.saturating_add(1);
                    self.say("listening");
                    let why = self.read(capture, &index);
                    if self.stopping() {
                        return;
                    }
                    why
                }
                Err(error) => error,
            };
            self.say(&format!("waiting: {why}"));
            let until = Instant::now().checked_add(LOOK);
            while !self.stopping() && until.is_some_and(|until| Instant::now() < until) {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Tells the sensor when the state is another.
    fn say(&self, state: &str) {
        let mut status = lock(&self.status);
        if status.state != state {
            state.clone_into(&mut status.state);
            let what = format!("{}: {state}", self.config.name);
            drop(status);
            // The store's journal has it if there is room; the status has it in any case.
            let _ = self.heard.try_send(Heard::Note("interface", what));
        }
    }

    fn open(&self) -> Result<(Capture<Active>, String), String> {
        let name = self.config.name.as_str();
        let index = index(name).ok_or("there is no interface of this name")?;
        if let Some(state) = down(name) {
            return Err(state);
        }
        let ring = i32::from(self.config.ring_mib).saturating_mul(1 << 20);
        let capture = Capture::from_device(name)
            .map_err(|error| error.to_string())?
            .promisc(true)
            .immediate_mode(false)
            .buffer_size(ring)
            .snaplen(i32::try_from(self.config.snap).unwrap_or(65_535))
            .timeout(HAND_OVER)
            .precision(Precision::Nano)
            .open();
        // Precision is refused by some interfaces; microseconds will do.
        let mut capture = capture.map_err(|error| error.to_string())?;
        if !self.config.filter.is_empty() {
            capture
                .filter(&self.config.filter, true)
                .map_err(|error| format!("the filter is wrong: {error}"))?;
        }
        // Whoever reads must wake up to see that it shall stop, also where nothing is heard.
        let capture = capture.setnonblock().map_err(|error| error.to_string())?;
        Ok((capture, index))
    }

    /// Reads until the interface is gone or the sensor stops; says why.
    fn read(&mut self, mut capture: Capture<Active>, index: &str) -> String {
        let link = u16::try_from(capture.get_datalink().0).unwrap_or(u16::MAX);
        let mut block = Vec::with_capacity(BLOCK);
        let mut frames: Vec<FrameIndex> = Vec::with_capacity(FRAMES);
        let (mut number, mut octets) = (0_u64, 0_u64);
        let mut looked = Instant::now();
        let before = lock(&self.status).clone();
        loop {
            let mut idle = false;
            match capture.next_packet() {
                Ok(packet) => {
                    number = number.saturating_add(1);
                    octets = octets.saturating_add(u64::from(packet.header.len));
                    let seconds = packet.header.ts.tv_sec;
                    // With `Precision::Nano`, what libpcap calls microseconds are nanoseconds.
                    let nanoseconds = packet.header.ts.tv_usec;
                    frames.push(FrameIndex {
                        capture: 0,
                        number,
                        time: Time(
                            seconds
                                .saturating_mul(1_000_000_000)
                                .saturating_add(nanoseconds),
                        ),
                        link: LinkType(link),
                        block: 0,
                        start: u32::try_from(block.len()).unwrap_or(u32::MAX),
                        length: u32::try_from(packet.data.len()).unwrap_or(u32::MAX),
                        original: packet.header.len,
                    });
                    block.extend_from_slice(packet.data);
                }
                Err(pcap::Error::TimeoutExpired) => idle = true,
                Err(error) => {
                    self.hand_over(&mut block, &mut frames);
                    return error.to_string();
                }
            }
            let full = frames.len() >= FRAMES || block.len() >= BLOCK;
            if full || idle {
                self.hand_over(&mut block, &mut frames);
            }
            if idle {
                std::thread::sleep(Duration::from_millis(5));
            }
            if (full || idle) && looked.elapsed() > LOOK {
                looked = Instant::now();
                self.count(&mut capture, &before, number, octets);
                if self::index(&self.config.name).as_deref() != Some(index) {
                    return "it is gone, or has another name".to_owned();
                }
                match down(&self.config.name) {
                    Some(state) => self.say(&format!("listening, but {state}")),
                    None => self.say("listening"),
                }
            }
            if (full || idle) && self.stopping() {
                self.hand_over(&mut block, &mut frames);
                self.count(&mut capture, &before, number, octets);
                return "the sensor stops".to_owned();
            }
        }
    }

    fn count(
        &self,
        capture: &mut Capture<Active>,
        before: &fossick_model::Interface,
        frames: u64,
        octets: u64,
    ) {
        let Ok(counts) = capture.stats() else { return };
        let mut status = lock(&self.status);
        status.frames = before.frames.saturating_add(frames);
        status.octets = before.octets.saturating_add(octets);
        status.dropped = before.dropped.saturating_add(counts.dropped.into());
        status.interface_dropped = before
            .interface_dropped
            .saturating_add(counts.if_dropped.into());
    }

    /// Hands a batch over. While nobody takes it, the kernel's ring fills, and what it drops is counted.
    fn hand_over(&mut self, block: &mut Vec<u8>, frames: &mut Vec<FrameIndex>) {
        if frames.is_empty() {
            return;
        }
        let full = std::mem::replace(block, self.spare());
        let full = Arc::new(full);
        self.blocks.push_back(Arc::clone(&full));
        let batch = Batch {
            blocks: vec![full],
            frames: std::mem::replace(frames, Vec::with_capacity(FRAMES)),
        };
        let mut heard = Heard::Frames {
            source: Source {
                interface: self.number,
                name: self.config.name.clone(),
                run: self.run,
            },
            batch,
        };
        loop {
            match self.heard.try_send(heard) {
                Ok(()) | Err(TrySendError::Disconnected(_)) => return,
                Err(TrySendError::Full(back)) => heard = back,
            }
            if self.stopping() {
                return;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// An empty block: one that was handed out and given back, or a new one.
    fn spare(&mut self) -> Vec<u8> {
        while self.blocks.len() > BLOCKS {
            self.blocks.pop_front();
        }
        let free = self
            .blocks
            .iter()
            .position(|block| Arc::strong_count(block) == 1);
        let block = free
            .and_then(|at| self.blocks.remove(at))
            .and_then(Arc::into_inner);
        match block {
            Some(mut block) => {
                block.clear();
                block
            }
            None => Vec::with_capacity(BLOCK),
        }
    }
}

/// The number that the kernel gives an interface; another one under the same name is another interface.
fn index(name: &str) -> Option<String> {
    let path = Path::new("/sys/class/net").join(name).join("ifindex");
    std::fs::read_to_string(path).ok()
}

/// What is wrong with the link, if anything.
fn down(name: &str) -> Option<String> {
    let folder = Path::new("/sys/class/net").join(name);
    let flags = std::fs::read_to_string(folder.join("flags")).ok()?;
    let flags = u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16).ok()?;
    // IFF_UP of <linux/if.h>.
    if flags & 1 == 0 {
        return Some("it is down: `ip link set dev NAME up` mends that".to_owned());
    }
    let carrier = std::fs::read_to_string(folder.join("carrier")).ok()?;
    (carrier.trim() == "0").then(|| "it has no link: is the cable plugged in?".to_owned())
}
