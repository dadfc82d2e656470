//! Batches in, assets out, on any number of threads with the same result.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use foldhash::fast::FixedState;
use fossick_model::Time;
use fossick_parsers::packet::{Net, Packet};

use crate::batch::Batch;
use crate::counters::Counters;
use crate::event::{Address, Event, Proof, Stamped};
use crate::inventory::{Forgotten, Inventory};
use crate::kept::Kept;
use crate::limits::{RECENT_OCTETS, SHARDS};
use crate::registry::Registry;
use crate::shard::Shard;

/// What a worker is asked to do.
enum Work {
    /// Read the frames of its shards.
    Read(Arc<Batch>),
    /// Tell who is there, by a clock that goes on when no frame comes.
    Tick(Time),
    /// Whatever is under way with these addresses is forgotten.
    Forget(Arc<Forgotten>),
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

/// From frames to what is said in them, on several threads.
pub struct Engine {
    workers: Vec<Worker>,
    /// What was handed out and not collected: the batch, where it was one.
    waiting: VecDeque<Option<Arc<Batch>>>,
    /// Batches read a while ago: a value may stand in several frames, and all of them are evidence.
    recent: VecDeque<Arc<Batch>>,
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
            waiting: VecDeque::new(),
            recent: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Reads a batch. Returns before it is read; the inventory follows a batch behind.
    pub fn read(&mut self, batch: &Arc<Batch>, inventory: &mut Inventory) {
        let frames = u64::try_from(batch.frames.len()).unwrap_or(u64::MAX);
        self.counters.frames = self.counters.frames.saturating_add(frames);
        self.order(Some(batch), || Work::Read(Arc::clone(batch)), inventory);
    }

    /// Tells the inventory who is there: time goes on, also while no frame comes. Returns when it was told.
    pub fn tick(&mut self, now: Time, inventory: &mut Inventory) {
        self.order(None, || Work::Tick(now), inventory);
        self.settle(inventory);
    }

    /// Forgets what is under way with these addresses; what was said before is news when it is said again.
    pub fn forget(&mut self, forgotten: Forgotten, inventory: &mut Inventory) {
        let forgotten = Arc::new(forgotten);
        self.order(None, || Work::Forget(Arc::clone(&forgotten)), inventory);
    }

    /// Ends all conversations: the captures are at their end.
    pub fn finish(&mut self, inventory: &mut Inventory) {
        self.order(None, || Work::Finish, inventory);
        self.settle(inventory);
    }

    /// What was read and what was not.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    fn order(
        &mut self,
        batch: Option<&Arc<Batch>>,
        work: impl Fn() -> Work,
        inventory: &mut Inventory,
    ) {
        if self.waiting.len() >= UNDER_WAY {
            self.collect(inventory);
        }
        for worker in &self.workers {
            // A worker that is gone took its batch with it; `collect` counts what it did not find.
            let _ = worker.work.send(work());
        }
        self.waiting.push_back(batch.map(Arc::clone));
    }

    fn settle(&mut self, inventory: &mut Inventory) {
        while !self.waiting.is_empty() {
            self.collect(inventory);
        }
    }

    /// Takes what all workers found in one batch, in frame order.
    fn collect(&mut self, inventory: &mut Inventory) {
        let mut all = Vec::new();
        // What is held now, not what was held before as well.
        (self.counters.flows_held, self.counters.stream_octets_held) = (0, 0);
        for worker in &self.workers {
            if let Ok((events, counters)) = worker.found.recv() {
                all.extend(events);
                self.counters.add(counters);
            }
        }
        let keeps = inventory.keeps_packets();
        if let Some(batch) = self.waiting.pop_front().flatten()
            && keeps
        {
            self.remember(batch);
        }
        all.sort_by_key(|stamped: &Stamped| (stamped.position, stamped.shard));
        for stamped in all {
            let proof = match &stamped.event {
                Event::Observed { proof, .. } if keeps => Some(proof.clone()),
                _ => None,
            };
            if inventory.apply(stamped)
                && let Some(proof) = proof
            {
                for packet in self.packets(&proof) {
                    inventory.keep(packet);
                }
            }
        }
    }

    fn remember(&mut self, batch: Arc<Batch>) {
        self.recent.push_back(batch);
        let octets =
            |batch: &Arc<Batch>| batch.blocks.iter().map(|block| block.len()).sum::<usize>();
        let mut total: usize = self.recent.iter().map(octets).sum();
        while total > RECENT_OCTETS && self.recent.len() > 1 {
            total = total.saturating_sub(self.recent.pop_front().as_ref().map_or(0, octets));
        }
    }

    /// The packets that prove something, as far as they are still at hand.
    fn packets(&self, proof: &Proof) -> Vec<Kept> {
        let frames = proof.frames.iter();
        frames
            .filter_map(|number| {
                let mut batches = self.recent.iter().rev();
                let frame = batches.find_map(|batch| batch.frame(proof.capture, *number))?;
                let own = proof.octets.iter().filter(|(frame, _, _)| frame == number);
                let own: Vec<(usize, usize)> = own
                    .filter_map(|(_, at, count)| {
                        Some((usize::try_from(*at).ok()?, usize::try_from(*count).ok()?))
                    })
                    .collect();
                Some(Kept::of(&frame, &own))
            })
            .collect()
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
                    Work::Tick(now) => shards.tick(now),
                    Work::Forget(forgotten) => shards.forget(&forgotten.0),
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

    fn tick(&mut self, now: Time) {
        for shard in &mut self.shards {
            shard.tick(now);
        }
    }

    fn forget(&mut self, addresses: &[Address]) {
        for shard in &mut self.shards {
            shard.forget(addresses);
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
