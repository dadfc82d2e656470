//! Listens where a sensor listens while questions are asked, with no more delay than the kernel has.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fossick_model::Time;
use fossick_parsers::Mac;
use fossick_parsers::packet::LinkType;
use pcap::{Active, Capture};

use crate::watch::{Disturbed, Frame, Watch};

/// Octets of a frame that are looked at: its headers, as many as [`crate::watch::SHOT`].
const SNAP: i32 = 160;
/// Octets of the kernel's buffer.
const BUFFER: i32 = 4 << 20;
/// Time between two looks at the clock while nothing comes.
const IDLE: Duration = Duration::from_millis(1);
/// Disturbances, and hardware addresses, that may wait to be taken.
const WAITING: usize = 1024;
/// The kernel hands over what came this long before it says that nothing more is there (nanoseconds).
const HANDED: i64 = 1_000_000;
/// How long is listened before the first question, so that cycles are known.
pub const LEARN: Duration = Duration::from_secs(3);

/// One interface on which hosts' own traffic is watched.
#[derive(Debug)]
pub struct Observer {
    /// Its name.
    pub interface: String,
    /// How its capture is called: frames are counted from its beginning.
    pub capture: String,
    disturbed: Receiver<Disturbed>,
    known: SyncSender<(Mac, IpAddr)>,
    learnt: Arc<AtomicUsize>,
    watched: Arc<Mutex<BTreeSet<IpAddr>>>,
    asking: Arc<AtomicBool>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Observer {
    /// Begins to watch these hosts, but not what they say to us.
    ///
    /// # Errors
    /// The interface cannot be opened: why.
    pub fn start(
        interface: &str,
        hosts: Vec<IpAddr>,
        own: Vec<IpAddr>,
    ) -> Result<Observer, String> {
        let capture = Capture::from_device(interface).map_err(|error| error.to_string())?;
        let capture = capture
            .promisc(true)
            .immediate_mode(true)
            .snaplen(SNAP)
            .buffer_size(BUFFER)
            .timeout(1)
            .open();
        let capture = capture.and_then(Capture::setnonblock);
        let capture = capture.map_err(|error| error.to_string())?;
        let (tell, disturbed) = sync_channel(WAITING);
        let (known, news) = sync_channel(WAITING);
        let watched: Arc<Mutex<BTreeSet<IpAddr>>> = Arc::default();
        let learnt = Arc::new(AtomicUsize::new(0));
        let (asking, end) = (Arc::default(), Arc::default());
        let mut observing = Observing {
            capture,
            watch: Watch::of(hosts, own),
            tell,
            news,
            learnt: Arc::clone(&learnt),
            watched: Arc::clone(&watched),
            asking: Arc::clone(&asking),
            end: Arc::clone(&end),
        };
        let thread = std::thread::Builder::new().name("observe".to_owned());
        let thread = thread.spawn(move || observing.run());
        Ok(Observer {
            interface: interface.to_owned(),
            capture: format!("watched/{interface} {}", clock()),
            disturbed,
            known,
            learnt,
            watched,
            asking,
            end,
            thread: Some(thread.map_err(|error| error.to_string())?),
        })
    }

    /// From now on questions are asked: what is late is a disturbance.
    pub fn asking(&self) {
        self.asking.store(true, Ordering::Relaxed);
    }

    /// A hardware address is a host's: what it sends on the link is the host's own.
    pub fn knows(&self, mac: Mac, host: IpAddr) {
        // Where so many wait, it says so itself sooner or later.
        let _ = self.known.try_send((mac, host));
    }

    /// Hosts of which a cycle is known.
    #[must_use]
    pub fn watched(&self) -> BTreeSet<IpAddr> {
        let watched = self.watched.lock();
        watched.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Cycles that are known.
    #[must_use]
    pub fn learnt(&self) -> usize {
        self.learnt.load(Ordering::Relaxed)
    }

    /// Disturbances since this was asked last.
    pub fn disturbed(&self) -> impl Iterator<Item = Disturbed> {
        self.disturbed.try_iter()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has no result.
            let _ = thread.join();
        }
    }
}

struct Observing {
    capture: Capture<Active>,
    watch: Watch,
    tell: SyncSender<Disturbed>,
    news: Receiver<(Mac, IpAddr)>,
    learnt: Arc<AtomicUsize>,
    watched: Arc<Mutex<BTreeSet<IpAddr>>>,
    asking: Arc<AtomicBool>,
    end: Arc<AtomicBool>,
}

impl Observing {
    fn run(&mut self) {
        let link = u16::try_from(self.capture.get_datalink().0).unwrap_or(u16::MAX);
        while !self.end.load(Ordering::Relaxed) {
            let asking = self.asking.load(Ordering::Relaxed);
            // Before we look: what comes while we are held up is not missing.
            let now = clock();
            match self.capture.next_packet() {
                Ok(packet) => {
                    let stamp = packet.header.ts;
                    let nanoseconds = stamp.tv_usec.saturating_mul(1000);
                    let seconds = stamp.tv_sec.saturating_mul(1_000_000_000);
                    let time = Time(seconds.saturating_add(nanoseconds));
                    let frame = Frame {
                        link: LinkType(link),
                        time,
                        original: packet.header.len,
                        octets: packet.data,
                    };
                    let seen = self.watch.frame(&frame, asking);
                    if let Some(disturbed) = seen {
                        // Where so many wait, the host is left alone already.
                        let _ = self.tell.try_send(disturbed);
                    }
                }
                // Everything that came is read by now: what is not there did not come.
                Err(pcap::Error::TimeoutExpired) => {
                    while let Ok((mac, host)) = self.news.try_recv() {
                        self.watch.knows(mac, host);
                    }
                    if asking {
                        for disturbed in self.watch.look(Time(now.0.saturating_sub(HANDED))) {
                            let _ = self.tell.try_send(disturbed);
                        }
                    } else {
                        self.count();
                    }
                    std::thread::sleep(IDLE);
                }
                Err(_) => return,
            }
        }
    }
}

impl Observing {
    /// What is learnt by now.
    fn count(&self) {
        let mut count = 0_usize;
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.clear();
        for (host, _) in self.watch.learnt() {
            count = count.saturating_add(1);
            watched.insert(host);
        }
        self.learnt.store(count, Ordering::Relaxed);
    }
}

fn clock() -> Time {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Time(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
