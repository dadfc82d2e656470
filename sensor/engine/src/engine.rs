//! Batches in, assets out, on any number of threads with the same result.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use foldhash::fast::FixedState;
use fossick_model::Time;
use fossick_parsers::packet::{Net, Packet, bare_addresses};

use crate::batch::Batch;
use crate::counters::Counters;
use crate::event::{Address, Event, Proof, Stamped};
use crate::flow::hash_pair;
use crate::inventory::{Forgotten, Inventory};
use crate::kept::Kept;
use crate::limits::{RECENT_OCTETS, SHARDS};
use crate::registry::Registry;
use crate::shard::{Seen, Shard};

/// What a worker is asked to do.
#[derive(Clone)]
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

/// Who reads the batches.
enum Workers {
    /// The caller's own thread, where one is all there may be: a frame is then read while it is still near.
    Here(Box<Share>, Arc<Registry>),
    /// One thread for each share.
    Threads(Vec<Worker>),
}

/// From frames to what is said in them, on any number of threads.
pub struct Engine {
    workers: Workers,
    /// What was handed out and not collected: the batch, where it was one.
    waiting: VecDeque<Option<Arc<Batch>>>,
    /// Batches read a while ago: a value may stand in several frames, and all of them are evidence.
    recent: VecDeque<Arc<Batch>>,
    /// Of the batch being taken; empty otherwise.
    events: Vec<Stamped>,
    counters: Counters,
}

/// Batches that may be under way at once: one being read while the ledger takes the one before.
const UNDER_WAY: usize = 2;

impl Engine {
    /// Starts workers; protocols named in `off` are not read.
    #[must_use]
    pub fn new(threads: usize, off: &[String]) -> Engine {
        Engine::start(threads, off, true)
    }

    /// Like [`Engine::new`], for whoever asks for assets alone: conversations are not followed.
    #[must_use]
    pub fn for_assets(threads: usize, off: &[String]) -> Engine {
        Engine::start(threads, off, false)
    }

    fn start(threads: usize, off: &[String], converses: bool) -> Engine {
        let threads = threads.clamp(1, SHARDS);
        let registry = Arc::new(Registry::without(off));
        let workers = if threads == 1 {
            Workers::Here(Box::new(Share::new(0, 1, converses)), registry)
        } else {
            let start = |share| Worker::start(share, threads, converses, Arc::clone(&registry));
            Workers::Threads((0..threads).map(start).collect())
        };
        Engine {
            workers,
            waiting: VecDeque::new(),
            recent: VecDeque::new(),
            events: Vec::new(),
            counters: Counters::default(),
        }
    }

    /// Reads a batch. With several threads it returns before it is read, and the inventory follows a batch behind.
    pub fn read(&mut self, batch: &Arc<Batch>, inventory: &mut Inventory) {
        let frames = u64::try_from(batch.frames.len()).unwrap_or(u64::MAX);
        self.counters.frames = self.counters.frames.saturating_add(frames);
        inventory.heard(batch);
        self.order(&Work::Read(Arc::clone(batch)), inventory);
    }

    /// Tells the inventory who is there: time goes on, also while no frame comes. Returns when it was told.
    pub fn tick(&mut self, now: Time, inventory: &mut Inventory) {
        self.order(&Work::Tick(now), inventory);
        self.settle(inventory);
    }

    /// Forgets what is under way with these addresses; what was said before is news when it is said again.
    pub fn forget(&mut self, forgotten: Forgotten, inventory: &mut Inventory) {
        self.order(&Work::Forget(Arc::new(forgotten)), inventory);
    }

    /// Ends all conversations: the captures are at their end.
    pub fn finish(&mut self, inventory: &mut Inventory) {
        self.order(&Work::Finish, inventory);
        self.settle(inventory);
    }

    /// What was read and what was not.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    fn order(&mut self, work: &Work, inventory: &mut Inventory) {
        if self.waiting.len() >= UNDER_WAY {
            self.collect(inventory);
        }
        let batch = match work {
            Work::Read(batch) => Some(Arc::clone(batch)),
            _ => None,
        };
        match &mut self.workers {
            Workers::Here(share, registry) => {
                let found = share.work(work, registry);
                self.take([found], batch, inventory);
            }
            Workers::Threads(workers) => {
                for worker in workers {
                    // A worker that is gone took its batch with it; `collect` counts what it did not find.
                    let _ = worker.work.send(work.clone());
                }
                self.waiting.push_back(batch);
            }
        }
    }

    fn settle(&mut self, inventory: &mut Inventory) {
        while !self.waiting.is_empty() {
            self.collect(inventory);
        }
    }

    /// Takes what all threads found in the oldest piece of work that is under way.
    fn collect(&mut self, inventory: &mut Inventory) {
        if let Workers::Threads(workers) = &self.workers {
            let found: Vec<Found> = workers
                .iter()
                .filter_map(|worker| worker.found.recv().ok())
                .collect();
            let batch = self.waiting.pop_front().flatten();
            self.take(found, batch, inventory);
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
        let octets = proof.places.octets();
        let frames = proof.places.frames();
        frames
            .iter()
            .filter_map(|number| {
                let mut batches = self.recent.iter().rev();
                let frame = batches.find_map(|batch| batch.numbered(proof.capture, *number))?;
                let own = octets.iter().filter(|(frame, _, _)| frame == number);
                let own: Vec<(usize, usize)> = own
                    .filter_map(|(_, at, count)| {
                        Some((usize::try_from(*at).ok()?, usize::try_from(*count).ok()?))
                    })
                    .collect();
                Some(Kept::of(&frame, &own))
            })
            .collect()
    }

    /// Hands the events of one piece of work to the inventory, in frame order.
    fn take(
        &mut self,
        found: impl IntoIterator<Item = Found>,
        batch: Option<Arc<Batch>>,
        inventory: &mut Inventory,
    ) {
        // What is held now, not what was held before as well.
        (self.counters.flows_held, self.counters.stream_octets_held) = (0, 0);
        let mut all = std::mem::take(&mut self.events);
        for (mut events, counters) in found {
            all.append(&mut events);
            self.counters.add(counters);
        }
        let keeps = inventory.keeps_packets();
        if let Some(batch) = batch.filter(|_| keeps) {
            self.remember(batch);
        }
        all.sort_by_key(|stamped| (stamped.position, stamped.shard));
        for stamped in all.drain(..) {
            let proof = match &stamped.event {
                Event::Observed { proof, .. } if keeps => Some(proof.clone()),
                Event::Conversed { talk, .. } if keeps => Some(talk.proof()),
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
        self.events = all;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Workers::Threads(workers) = &mut self.workers {
            for worker in workers.drain(..) {
                drop(worker.work);
                let _ = worker.thread.join();
            }
        }
    }
}

impl Worker {
    fn start(share: usize, threads: usize, converses: bool, registry: Arc<Registry>) -> Worker {
        let (work, todo) = sync_channel::<Work>(UNDER_WAY);
        let (done, found) = sync_channel::<Found>(UNDER_WAY.saturating_add(1));
        let thread = std::thread::spawn(move || {
            let mut shards = Share::new(share, threads, converses);
            for work in todo {
                if done.send(shards.work(&work, &registry)).is_err() {
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
    /// Of the batch being read: what is counted outside the shards.
    counters: Counters,
    shards: Vec<Shard>,
    /// How many frames each shard may have in the next batch, going by those before.
    expected: Vec<usize>,
}

impl Share {
    fn new(first: usize, threads: usize, converses: bool) -> Share {
        let own = (first..SHARDS).step_by(threads);
        let shards: Vec<Shard> = own.map(|number| Shard::new(number, converses)).collect();
        Share {
            first,
            threads,
            hash: FixedState::with_seed(1),
            counters: Counters::default(),
            expected: vec![0; shards.len()],
            shards,
        }
    }

    fn work(&mut self, work: &Work, registry: &Registry) -> Found {
        match work {
            Work::Read(batch) => self.read(batch, registry),
            Work::Tick(now) => self.tick(*now),
            Work::Forget(forgotten) => self.forget(&forgotten.0),
            Work::Finish => self.finish(),
        }
        self.take()
    }

    /// Decodes frames as they lie in memory, then reads those of each shard in turn, so that what the shard remembers is
    /// near; their order within a shard is all that matters.
    fn read(&mut self, batch: &Batch, registry: &Registry) {
        let sorted = self.sort(batch);
        for (shard, frames) in self.shards.iter_mut().zip(&sorted) {
            for seen in frames {
                let read = || shard.frame(seen, registry);
                // What a panic leaves half done in a shard are counts and buffers, which the next frame puts right.
                if catch_unwind(AssertUnwindSafe(read)).is_err() {
                    self.counters.panics = self.counters.panics.saturating_add(1);
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

    /// The frames of each of our shards, decoded.
    fn sort<'a>(&mut self, batch: &'a Batch) -> Vec<Vec<Seen<'a>>> {
        let room = |expected: &usize| Vec::with_capacity(expected.saturating_add(expected / 2));
        let mut sorted: Vec<Vec<Seen<'a>>> = self.expected.iter().map(room).collect();
        for position in 0..batch.frames.len() {
            let Some(frame) = batch.frame(position) else {
                continue;
            };
            let own = |shard: usize| {
                let ours = shard.checked_rem(self.threads) == Some(self.first);
                shard.checked_div(self.threads).filter(|_| ours)
            };
            // Most frames show whose they are without being decoded: those of other threads are not.
            if self.threads > 1
                && let Some((one, other)) = bare_addresses(frame.index.link, frame.octets)
                && own(self.shard_between(one, other)).is_none()
            {
                continue;
            }
            let packet = Packet::decode(frame.index.link, frame.octets);
            let shard = self.shard_of(&packet);
            if let Some(frames) = own(shard).and_then(|own| sorted.get_mut(own)) {
                if let Some(stop) = packet.stop {
                    self.counters.stopped(stop);
                }
                frames.push(Seen::of(&frame, &packet, position));
            }
        }
        for (expected, frames) in self.expected.iter_mut().zip(&sorted) {
            *expected = frames.len().max(expected.saturating_sub(*expected / 16));
        }
        sorted
    }

    fn finish(&mut self) {
        for shard in &mut self.shards {
            shard.finish(0);
        }
    }

    fn take(&mut self) -> Found {
        let mut counters = std::mem::take(&mut self.counters);
        let mut events = Vec::new();
        for shard in &mut self.shards {
            shard.take_events(&mut events);
            counters.add(shard.take_counters());
        }
        (events, counters)
    }

    fn shard_of(&self, packet: &Packet<'_>) -> usize {
        match packet.net {
            Net::Ip(ip) => self.shard_between(ip.source, ip.destination),
            _ => packet
                .link
                .map_or(0, |link| one_of(self.hash.hash_one(link.source))),
        }
    }

    /// Both directions of a conversation and all fragments of a packet hash alike.
    fn shard_between(&self, one: IpAddr, other: IpAddr) -> usize {
        let mut hasher = self.hash.build_hasher();
        let (low, high) = if one <= other {
            (one, other)
        } else {
            (other, one)
        };
        hash_pair(low, high, &mut hasher);
        one_of(hasher.finish())
    }
}

fn one_of(hash: u64) -> usize {
    usize::try_from(hash).unwrap_or_default() & SHARDS.saturating_sub(1)
}
