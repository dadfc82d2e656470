//! Captures that were read, as a source of the screen: the same questions, the same answers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use fossick_engine::Kept;
use fossick_model::{
    Asset, Change, Control, Conversation, End, Event, Reason, Reply, Request, Status, Time,
};
use fossick_shadow::Approvals;

use super::source::Asker;
use crate::capture::{Captures, PcapngWriter};
use crate::config::{Config, Zoning};
use crate::explain;
use crate::windows::{Book, Known, answer, of_packet, said};

/// Spans of time that packets are counted in.
const SPANS: usize = 4096;
/// Entries of what was learnt.
const LEARNT: usize = 1_000_000;

/// Packets in equal spans of time.
#[derive(Debug)]
pub struct Traffic {
    /// Nanoseconds of one.
    span: i64,
    counts: BTreeMap<i64, u64>,
}

impl Default for Traffic {
    fn default() -> Traffic {
        Traffic {
            span: 1_000_000_000,
            counts: BTreeMap::new(),
        }
    }
}

impl Traffic {
    /// Counts packets.
    pub fn count(&mut self, batch: &fossick_engine::Batch) {
        for frame in &batch.frames {
            self.add(frame.time);
        }
    }

    fn add(&mut self, time: Time) {
        let count = self.counts.entry(time.0.div_euclid(self.span)).or_default();
        *count = count.saturating_add(1);
        while self.counts.len() > SPANS {
            self.span = self.span.saturating_mul(2);
            let mut wider: BTreeMap<i64, u64> = BTreeMap::new();
            for (at, count) in std::mem::take(&mut self.counts) {
                let sum = wider.entry(at.div_euclid(2)).or_default();
                *sum = sum.saturating_add(count);
            }
            self.counts = wider;
        }
    }

    /// The counts from first to last; spans in which nothing came are left out.
    fn line(&self) -> Vec<u64> {
        self.counts.values().copied().collect()
    }
}

/// What was read.
pub struct Read {
    paths: Vec<PathBuf>,
    assets: Vec<Asset>,
    talks: Vec<Conversation>,
    config: Config,
    zoning: Zoning,
    approvals: Arc<Approvals>,
    changes: Vec<Change>,
    status: Status,
    traffic: Vec<u64>,
    now: Time,
}

impl Read {
    /// Everything that was read from these captures.
    #[must_use]
    pub fn new(
        paths: Vec<PathBuf>,
        assets: Vec<Asset>,
        talks: Vec<Conversation>,
        (config, approvals): (Config, Approvals),
        status: Status,
        traffic: &Traffic,
    ) -> Read {
        let now = assets
            .iter()
            .map(|asset| asset.last_seen)
            .max()
            .unwrap_or_default();
        Read {
            changes: learnt(&assets, now),
            zoning: config.zoning(),
            approvals: Arc::new(approvals),
            traffic: traffic.line(),
            status: Status { now, ..status },
            paths,
            assets,
            talks,
            config,
            now,
        }
    }

    /// Shows the packets of captures that are wanted, until there are no more.
    fn packets(
        &self,
        wanted: &mut dyn FnMut(&str, &fossick_engine::Frame<'_>) -> bool,
    ) -> anyhow::Result<()> {
        if self.paths.iter().any(|path| path.as_os_str() == "-") {
            anyhow::bail!(
                "standard input is read only once: save the capture to a file to see its packets"
            );
        }
        let mut reading = Captures::open(&self.paths)?;
        let names = reading.names();
        while let Some(batch) = reading.next_batch() {
            for frame in batch.frames() {
                let name = names.get(usize::try_from(frame.index.capture).unwrap_or(usize::MAX));
                if let Some(name) = name
                    && !wanted(name, &frame)
                {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// What was learnt, in the order in which it was.
fn learnt(assets: &[Asset], now: Time) -> Vec<Change> {
    let mut changes = Vec::new();
    for asset in assets {
        let label = asset.label();
        let mut add = |time: Time, event: Event| {
            if changes.len() < LEARNT {
                changes.push(Change {
                    seq: 0,
                    time,
                    asset: asset.id.clone(),
                    label: label.clone(),
                    event,
                    by: None,
                });
            }
        };
        add(
            asset.first_seen,
            Event::AssetSeen {
                addresses: asset.addresses.clone().unwrap_or_default(),
            },
        );
        let mut told = std::collections::BTreeSet::new();
        for fact in asset
            .facts
            .iter()
            .filter(|fact| told.insert(fact.attribute))
        {
            let reason = Reason {
                certainty: fact.certainty,
                key: fact.key.clone(),
                raw: Arc::clone(&fact.raw),
                evidence: fact.evidence.clone(),
            };
            add(
                fact.evidence.time,
                Event::FactLearnt {
                    attribute: fact.attribute,
                    value: fact.value.clone(),
                    reason,
                },
            );
        }
        for finding in &asset.findings {
            if let Ok(finding) = serde_json::to_value(finding) {
                add(now, Event::FindingOpened { finding });
            }
        }
    }
    changes.sort_by_key(|change| change.time);
    for (seq, change) in (1..).zip(&mut changes) {
        change.seq = seq;
    }
    changes
}

impl Book for Read {
    fn now(&self) -> Time {
        self.now
    }

    fn each(&self, show: &mut dyn FnMut(Known<'_>)) {
        for asset in &self.assets {
            let number = self.zoning.zone(&asset.vlans, &asset.ips());
            let zone = number.and_then(|number| self.config.zones.get(number));
            show(Known {
                asset,
                zone: zone.map(|zone| zone.name.as_str()),
                note: None,
                given_name: None,
                given_kind: None,
                refused: None,
                silent: false,
            });
        }
    }

    fn whole(&self, wanted: &str) -> anyhow::Result<Option<Asset>> {
        Ok(explain::find(&self.assets, wanted).cloned())
    }

    fn talks(&self, show: &mut dyn FnMut(Conversation)) -> anyhow::Result<()> {
        for told in &self.talks {
            show(told.clone());
        }
        Ok(())
    }

    fn zone(&self, end: &End) -> Option<String> {
        let number = self.zoning.zone(&[end.vlan], &[end.address])?;
        self.config.zones.get(number).map(|zone| zone.name.clone())
    }

    fn has_zones(&self) -> bool {
        !self.zoning.is_empty()
    }

    fn control(&self, _: &str) -> Option<Control> {
        None
    }

    fn control_states(&self) -> BTreeMap<String, &'static str> {
        BTreeMap::new()
    }

    fn approvals(&self) -> Arc<Approvals> {
        Arc::clone(&self.approvals)
    }

    fn journal(&self, skip: usize, show: &mut dyn FnMut(Change) -> bool) -> anyhow::Result<usize> {
        let mut back = self.changes.iter().rev().skip(skip);
        while let Some(change) = back.next()
            && show(change.clone())
        {}
        Ok(self.changes.len())
    }

    fn packet(&self, asset: &Asset, capture: &str, frame: u64) -> anyhow::Result<Option<Kept>> {
        let mut found = None;
        self.packets(&mut |name, at| {
            if name == capture && at.index.number == frame {
                found = Some(of_packet(at, asset, capture));
            }
            found.is_none()
        })?;
        Ok(found)
    }

    fn marks(
        &self,
        asset: &Asset,
        capture: &str,
        frame: u64,
        key: &str,
    ) -> anyhow::Result<Option<Vec<(usize, usize)>>> {
        Ok(Some(said(asset, capture, frame, key)))
    }

    fn traffic(&self) -> Vec<u64> {
        self.traffic.clone()
    }
}

impl Asker for Read {
    fn connect(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    fn ask(&mut self, request: &Request) -> anyhow::Result<Reply> {
        let refused = |why: String| Reply::Refused {
            why,
            position: None,
        };
        Ok(match request {
            Request::Status => Reply::Status(Box::new(self.status.clone())),
            Request::Asset { asset } => match explain::find(&self.assets, asset) {
                Some(asset) => Reply::Assets {
                    total: 1,
                    assets: vec![asset.clone()],
                },
                None => refused("there is no such asset in the captures".to_owned()),
            },
            other => match answer(self, other) {
                Ok(Some(reply)) => reply,
                Ok(None) => refused("this takes a running sensor".to_owned()),
                Err(error) => refused(format!("{error:#}")),
            },
        })
    }

    fn evidence(&mut self, id: &str) -> anyhow::Result<Vec<u8>> {
        let mut octets = Vec::new();
        let mut writer = PcapngWriter::new(&mut octets)?;
        let Some(asset) = explain::find(&self.assets, id) else {
            anyhow::bail!("there is no such asset in the captures");
        };
        let mut wanted = std::collections::BTreeSet::new();
        for asset in std::iter::once(asset).chain(&asset.children) {
            for said in &asset.observations {
                wanted.extend(
                    said.evidence
                        .frames
                        .all()
                        .iter()
                        .map(|frame| (said.evidence.capture.to_string(), *frame)),
                );
            }
        }
        let mut trouble = None;
        self.packets(&mut |name, at| {
            if wanted.remove(&(name.to_owned(), at.index.number)) {
                let kept = of_packet(at, asset, name);
                let comment = explain::proves(asset, name, kept.frame);
                trouble = writer
                    .write(&explain::index(&kept), &kept.octets, &comment)
                    .err();
            }
            trouble.is_none() && !wanted.is_empty()
        })?;
        if let Some(error) = trouble {
            return Err(error.into());
        }
        writer.finish()?;
        Ok(octets)
    }
}
