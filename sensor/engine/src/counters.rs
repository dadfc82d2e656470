//! What was not read, and why.

use std::collections::BTreeMap;

use crate::limits;
use fossick_parsers::packet::Stop;
use fossick_parsers::{Carrier, Fault, Protocol};

/// Counts of everything that did not go as it should. Keys are our own words, and codes from the wire,
/// of which there are at most [`limits::CARRIERS`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames read.
    pub frames: u64,
    /// Frames that were copies of one seen a moment before.
    pub duplicates: u64,
    /// Flows that gave way to others before they were idle.
    pub flows_given_up: u64,
    /// Streams whose waiting octets were given up: more at once than the limit.
    pub streams_given_up: u64,
    /// Fragmented packets that gave way unfinished.
    pub fragmented_given_up: u64,
    /// Frames whose reading panicked: each is a bug of ours, and costs that frame alone.
    pub panics: u64,
    /// Messages too long to be waited for.
    pub too_long: u64,
    /// Addresses refused because the inventory is full.
    pub addresses_refused: u64,
    /// Frames whose decoding stopped early, by reason.
    pub stops: BTreeMap<Stop, u64>,
    /// Flows held now.
    pub flows_held: usize,
    /// Octets waiting in streams now.
    pub stream_octets_held: usize,
    /// Frames of link protocols that nothing here reads, by `EtherType`, LLC or SNAP code.
    pub not_understood: BTreeMap<Carrier, u64>,
    /// Such frames of codes that there was no room to count.
    pub carriers_given_up: u64,
    /// Messages read, by protocol.
    pub messages: BTreeMap<&'static str, u64>,
    /// Messages that broke their specification, by protocol and by the part that could not be read.
    pub faults: BTreeMap<(&'static str, &'static str), u64>,
}

impl Counters {
    /// Adds another shard's counts.
    pub fn add(&mut self, other: Counters) {
        let sum = |mine: &mut u64, theirs: u64| *mine = mine.saturating_add(theirs);
        sum(&mut self.frames, other.frames);
        sum(&mut self.duplicates, other.duplicates);
        sum(&mut self.flows_given_up, other.flows_given_up);
        sum(&mut self.streams_given_up, other.streams_given_up);
        sum(&mut self.fragmented_given_up, other.fragmented_given_up);
        sum(&mut self.panics, other.panics);
        sum(&mut self.too_long, other.too_long);
        sum(&mut self.carriers_given_up, other.carriers_given_up);
        sum(&mut self.addresses_refused, other.addresses_refused);
        self.flows_held = self.flows_held.saturating_add(other.flows_held);
        self.stream_octets_held = self
            .stream_octets_held
            .saturating_add(other.stream_octets_held);
        for (key, count) in other.stops {
            sum(self.stops.entry(key).or_default(), count);
        }
        for (key, count) in other.not_understood {
            if self.not_understood.len() < limits::CARRIERS
                || self.not_understood.contains_key(&key)
            {
                sum(self.not_understood.entry(key).or_default(), count);
            } else {
                sum(&mut self.carriers_given_up, count);
            }
        }
        for (key, count) in other.messages {
            sum(self.messages.entry(key).or_default(), count);
        }
        for (key, count) in other.faults {
            sum(self.faults.entry(key).or_default(), count);
        }
    }

    pub(crate) fn stopped(&mut self, stop: Stop) {
        increment(self.stops.entry(stop).or_default());
    }

    pub(crate) fn fault(&mut self, protocol: &Protocol, fault: Fault) {
        let key = (protocol.name, fault.what);
        increment(self.faults.entry(key).or_default());
    }

    pub(crate) fn not_understood(&mut self, carrier: Carrier) {
        if self.not_understood.len() < limits::CARRIERS
            || self.not_understood.contains_key(&carrier)
        {
            increment(self.not_understood.entry(carrier).or_default());
        } else {
            increment(&mut self.carriers_given_up);
        }
    }
}

/// Messages by protocol, while they are being counted. The last to be counted are found first.
#[derive(Debug, Default)]
pub(crate) struct Tally(Vec<(&'static Protocol, u64)>);

impl Tally {
    pub fn message(&mut self, protocol: &'static Protocol) {
        let counts = &mut self.0;
        let known = counts.iter().position(|(p, _)| std::ptr::eq(*p, protocol));
        let place = known.unwrap_or_else(|| {
            counts.push((protocol, 0));
            counts.len().saturating_sub(1)
        });
        if let Some((_, count)) = counts.get_mut(place) {
            increment(count);
        }
        if place > 0 {
            counts.swap(place, place.saturating_sub(1));
        }
    }

    /// Adds them to these counters, and begins again.
    pub fn move_to(&mut self, counters: &mut Counters) {
        for (protocol, count) in &mut self.0 {
            if *count > 0 {
                let sum = counters.messages.entry(protocol.name).or_default();
                *sum = sum.saturating_add(std::mem::take(count));
            }
        }
    }
}

fn increment(count: &mut u64) {
    *count = count.saturating_add(1);
}
