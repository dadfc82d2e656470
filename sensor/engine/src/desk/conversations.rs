//! Who talks with whom about what: flows become conversations, and the ledger is told of those.

use super::Desk;
use crate::conversation::{Pair, Talk};
use crate::event::{Address, Event, Stamped};
use crate::flow::{Flow, FlowKey};

impl Desk {
    /// Takes in the conversation that a flow is a part of.
    pub(crate) fn converse(&mut self, position: u32, key: &FlowKey, flow: &mut Flow) {
        if !self.converses {
            return;
        }
        let Some((pair, talk)) = flow.conversation(key) else {
            return;
        };
        flow.counted = true;
        if let Some(known) = self.talks.touch(&pair) {
            known.merge(&talk);
            return;
        }
        let (_, gone) = self.talks.insert(pair, talk);
        self.tell_talks(position, gone);
    }

    pub(super) fn tell_talks(&mut self, position: u32, mut talks: Vec<(Pair, Talk)>) {
        talks.sort_unstable_by_key(|(pair, _)| *pair);
        let shard = self.number;
        let told = talks.into_iter().map(|(pair, talk)| Stamped {
            shard,
            position,
            time: talk.last,
            event: Event::Conversed {
                pair,
                talk: Box::new(talk),
            },
        });
        self.out.extend(told);
    }

    /// Conversations of addresses that are forgotten are, too.
    pub(crate) fn forget_talks(&mut self, forgotten: impl Fn(&Address) -> bool) {
        self.talks.retain(|pair| {
            let ends = [pair.client, pair.server];
            !ends
                .iter()
                .any(|(vlan, ip)| forgotten(&Address::Ip(*vlan, *ip)))
        });
    }
}
