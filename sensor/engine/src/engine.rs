//! Batches in, assets out, on any number of threads with the same result.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use foldhash::fast::FixedState;
use fossick_fingerprints::Fingerprints;
use fossick_model::Asset;
use fossick_parsers::packet::{Net, Packet};
use std::hash::BuildHasher;

use crate::assets;
use crate::batch::Batch;
use crate::counters::Counters;
use crate::event::Stamped;
use crate::ledger::Ledger;
use crate::limits::SHARDS;
use crate::registry::Registry;
use crate::shard::Shard;

/// What a worker is asked to do.
enum Work {
    /// Read the frames of its shards.
    Read(Arc<Batch>),
    /// End everything that is going on.
    Finish,
}

/// What a worker found: events in order of frame, and what it counted.
type Found = (Vec<Stamped>, Counters);

struct Worker {
    work: SyncSender<Work>,
    found: Receiver<Found>,
    thread: JoinHandle<()>,
}

/// From frames to assets.
pub struct Engine {
    workers: Vec<Worker>,
    /// Batches handed out whose events the ledger has not taken yet.
    waiting: usize,
    ledger: Ledger,
    counters: Counters,
}

/// Batches that may be under way at once: one being read while the ledger takes the one before.
const UNDER_WAY: usize = 2;

impl Engine {
    /// Starts workers; protocols named in `off` are not read.
    #[must_use]
    pub fn new(threads: usize, off: &[String]) -> Engine {
        let threads = threads.clamp(1, SHARDS);
        let registry = Arc::new(Registry::without(off));
        Engine {
            workers: (0..threads)
                .map(|share| Worker::start(share, threads, Arc::clone(&registry)))
                .collect(),
            waiting: 0,
            ledger: Ledger::default(),
            counters: Counters::default(),
        }
    }

    /// Reads a batch. Returns before it is read; the ledger follows a batch behind.
    pub fn read(&mut self, batch: &Arc<Batch>) {
        let frames = u64::try_from(batch.frames.len()).unwrap_or(u64::MAX);
        self.counters.frames = self.counters.frames.saturating_add(frames);
        if self.waiting >= UNDER_WAY {
            self.collect();
        }
        for worker in &self.workers {
            // A worker that is gone took its batch with it; `collect` counts what it did not find.
            let _ = worker.work.send(Work::Read(Arc::clone(batch)));
        }
        self.waiting = self.waiting.saturating_add(1);
    }

    /// Ends all conversations: the captures are at their end.
    pub fn finish(&mut self) {
        while self.waiting > 0 {
            self.collect();
        }
        for worker in &self.workers {
            let _ = worker.work.send(Work::Finish);
        }
        self.waiting = 1;
        self.collect();
    }

    /// The inventory as it stands, sorted by id.
    #[must_use]
    pub fn assets(
        &self,
        fingerprints: &Fingerprints,
        captures: &[Arc<str>],
        external: bool,
    ) -> Vec<Asset> {
        assets::assets(&self.ledger, fingerprints, captures, external)
    }

    /// What was read and what was not.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            addresses_refused: self.ledger.refused,
            ..self.counters.clone()
        }
    }

    /// Takes what all workers found in one batch, in frame order.
    fn collect(&mut self) {
        let mut all = Vec::new();
        for worker in &self.workers {
            if let Ok((events, counters)) = worker.found.recv() {
                all.extend(events);
                self.counters.add(counters);
            }
        }
        all.sort_by_key(|stamped: &Stamped| (stamped.position, stamped.shard));
        for stamped in all {
            self.ledger.apply(stamped);
        }
        self.waiting = self.waiting.saturating_sub(1);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        for worker in self.workers.drain(..) {
            drop(worker.work);
            let _ = worker.thread.join();
        }
    }
}

impl Worker {
    fn start(share: usize, threads: usize, registry: Arc<Registry>) -> Worker {
        let (work, todo) = sync_channel::<Work>(UNDER_WAY);
        let (done, found) = sync_channel::<Found>(UNDER_WAY.saturating_add(1));
        let thread = std::thread::spawn(move || {
            let mut shards = Share::new(share, threads);
            for work in todo {
                match work {
                    Work::Read(batch) => shards.read(&batch, &registry),
                    Work::Finish => shards.finish(),
                }
                if done.send(shards.take()).is_err() {
                    return;
                }
            }
        });
        Worker {
            work,
            found,
            thread,
        }
    }
}

/// The shards that one thread serves: every `threads`th, from `first` on.
struct Share {
    first: usize,
    threads: usize,
    hash: FixedState,
    panics: u64,
    shards: Vec<Shard>,
}

impl Share {
    fn new(first: usize, threads: usize) -> Share {
        let own = (first..SHARDS).step_by(threads);
        Share {
            first,
            threads,
            hash: FixedState::with_seed(1),
            panics: 0,
            shards: own.map(Shard::new).collect(),
        }
    }

    fn read(&mut self, batch: &Batch, registry: &Registry) {
        for (position, frame) in batch.frames().enumerate() {
            let packet = Packet::decode(frame.index.link, frame.octets);
            let shard = self.shard_of(&packet);
            if shard.checked_rem(self.threads) != Some(self.first) {
                continue;
            }
            let position = u32::try_from(position).unwrap_or(u32::MAX);
            let own = shard
                .checked_div(self.threads)
                .and_then(|n| self.shards.get_mut(n));
            if let Some(shard) = own {
                let read = || shard.frame(&frame, &packet, position, registry);
                // What a panic leaves half done in a shard are counts and buffers, which the next frame puts right.
                if catch_unwind(AssertUnwindSafe(read)).is_err() {
                    self.panics = self.panics.saturating_add(1);
                }
            }
        }
    }

    fn finish(&mut self) {
        for shard in &mut self.shards {
            shard.finish(0);
        }
    }

    fn take(&mut self) -> Found {
        let mut counters = Counters {
            panics: std::mem::take(&mut self.panics),
            ..Counters::default()
        };
        let mut events = Vec::new();
        for shard in &mut self.shards {
            events.append(&mut shard.take_events());
            counters.add(shard.take_counters());
        }
        (events, counters)
    }

    /// Both directions of a conversation and all fragments of a packet hash alike.
    fn shard_of(&self, packet: &Packet<'_>) -> usize {
        let hash = match packet.net {
            Net::Ip(ip) => {
                let ends = (ip.source.min(ip.destination), ip.source.max(ip.destination));
                self.hash.hash_one(ends)
            }
            _ => packet
                .link
                .map_or(0, |link| self.hash.hash_one(link.source)),
        };
        usize::try_from(hash).unwrap_or_default() & SHARDS.saturating_sub(1)
    }
}
