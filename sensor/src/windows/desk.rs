//! The store of a running sensor, as windows are made from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use fossick_engine::Kept;
use fossick_model::{Asset, Change, Control, Conversation, End, Reply, Request, Time};
use fossick_shadow::Approvals;

use super::{Book, Known, answer};
use crate::config::{Config, Zoning};
use crate::run::clock;
use crate::store::Shared;

/// Conversations that are read at a time: others may write in between.
const PAGE: usize = 4096;

struct Desk<'a> {
    shared: &'a Shared,
    config: &'a Config,
    zoning: Zoning,
}

/// Answers a request of a window from the store; nothing where it is another one.
///
/// # Errors
/// The store cannot be read, or there is no such asset.
pub fn of_desk(
    shared: &Shared,
    config: &Config,
    request: &Request,
) -> anyhow::Result<Option<Reply>> {
    answer(
        &Desk {
            shared,
            config,
            zoning: config.zoning(),
        },
        request,
    )
}

impl Book for Desk<'_> {
    fn now(&self) -> Time {
        clock()
    }

    fn each(&self, show: &mut dyn FnMut(Known<'_>)) {
        for card in self.shared.cards().values() {
            let zone = if self.zoning.is_empty() {
                None
            } else {
                let number = self.zoning.zone(&card.asset.vlans, &card.asset.ips());
                number.and_then(|number| self.config.zones.get(number))
            };
            let standing = &card.standing;
            let refused = standing
                .refused
                .as_ref()
                .map(|(by, when)| format!("{by} on {}", when.day()));
            show(Known {
                asset: &card.asset,
                zone: zone.map(|zone| zone.name.as_str()),
                note: standing.note.as_deref(),
                given_name: standing.name.as_ref().map(|(name, _)| name.as_str()),
                given_kind: standing.kind.as_ref().map(|(kind, _)| kind.as_str()),
                refused: refused.as_deref(),
                silent: standing.silent.is_some(),
            });
        }
    }

    fn whole(&self, wanted: &str) -> anyhow::Result<Option<Asset>> {
        match self.shared.named(wanted) {
            Some(id) => self.shared.asset(&id),
            None => Ok(None),
        }
    }

    fn talks(&self, show: &mut dyn FnMut(Conversation)) -> anyhow::Result<()> {
        let mut after = String::new();
        loop {
            let (found, next) = self.shared.conversations(&after, PAGE, |_| true)?;
            for (_, told) in found {
                show(told);
            }
            match next {
                Some(next) => after = next,
                None => return Ok(()),
            }
        }
    }

    fn zone(&self, end: &End) -> Option<String> {
        let number = self.zoning.zone(&[end.vlan], &[end.address])?;
        self.config.zones.get(number).map(|zone| zone.name.clone())
    }

    fn has_zones(&self) -> bool {
        !self.zoning.is_empty()
    }

    fn control(&self, id: &str) -> Option<Control> {
        self.shared.control(id)
    }

    fn control_states(&self) -> BTreeMap<String, &'static str> {
        self.shared.control_states()
    }

    fn approvals(&self) -> Arc<Approvals> {
        self.shared.approvals()
    }

    fn journal(&self, skip: usize, show: &mut dyn FnMut(Change) -> bool) -> anyhow::Result<usize> {
        self.shared.journal_back(skip, show)
    }

    fn packet(&self, _: &Asset, capture: &str, frame: u64) -> anyhow::Result<Option<Kept>> {
        self.shared.packet(capture, frame)
    }

    fn marks(
        &self,
        asset: &Asset,
        capture: &str,
        frame: u64,
        key: &str,
    ) -> anyhow::Result<Option<Vec<(usize, usize)>>> {
        self.shared.marks(asset, capture, frame, key).map(Some)
    }

    fn traffic(&self) -> Vec<u64> {
        Vec::new()
    }
}
