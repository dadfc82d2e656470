//! What is to be done about the assets of a running sensor: its knowledge, as of today, against each of them.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fossick_engine::Inventory;
use fossick_model::{Asset, Time};
use fossick_risk::{Exposure, Knowledge, findings};

use crate::config::{Config, Zoning};
use crate::safe::display_safe;
use crate::store::Shared;

/// Which file it is: an import puts another one in its place.
type Stamp = Option<(u64, u64, i64)>;

/// Judges assets by a knowledge file that others replace while the sensor runs.
pub struct Judge {
    path: PathBuf,
    stamp: Stamp,
    day: String,
    knowledge: Option<Knowledge>,
    zoning: Zoning,
}

impl Judge {
    /// Knows nothing until it is [refreshed](Judge::refresh).
    #[must_use]
    pub fn new(config: &Config) -> Judge {
        Judge {
            path: config.knowledge.clone(),
            stamp: None,
            day: String::new(),
            knowledge: None,
            zoning: config.zoning(),
        }
    }

    /// The networks are others than before.
    pub fn rezone(&mut self, config: &Config) {
        self.zoning = config.zoning();
    }

    /// Looks whether there is other knowledge, or another day. What there is to say about it, if everything is to be judged
    /// again.
    pub fn refresh(&mut self, now: Time) -> Option<String> {
        let day: String = now.to_string().chars().take(10).collect();
        let stamp = std::fs::metadata(&self.path).ok().as_ref().map(stamp);
        let same = self.knowledge.is_some() && stamp == self.stamp;
        if same && day == self.day {
            return None;
        }
        self.day = day;
        if same {
            return Some(format!("judges by the day {}", self.day));
        }
        self.stamp = stamp;
        let (knowledge, what) = open(&self.path, stamp.is_some());
        self.knowledge = knowledge;
        Some(what)
    }

    /// Puts its findings into each asset; where the knowledge cannot be read, those that were published stay. What could not
    /// be read, if anything.
    pub fn judge(
        &self,
        assets: &mut [Asset],
        inventory: &Inventory,
        published: &Shared,
    ) -> Option<String> {
        let (Some(knowledge), Ok(day)) = (&self.knowledge, self.day.parse()) else {
            for asset in assets {
                stays(asset, published);
            }
            return Some("there is nothing to judge by".to_owned());
        };
        if assets.is_empty() {
            return None;
        }
        let reached = self.reached(inventory);
        let mut trouble = None;
        for asset in assets {
            let exposure = asset
                .ips()
                .iter()
                .filter_map(|ip| reached.get(ip))
                .copied()
                .max_by_key(|exposure| rank(*exposure))
                .unwrap_or(Exposure::Unknown);
            let mut of = |asset: &mut Asset| {
                asset.findings = findings(asset, knowledge, day, exposure)?;
                Ok(())
            };
            let judged: io::Result<()> = asset
                .children
                .iter_mut()
                .try_for_each(&mut of)
                .and_then(|()| of(asset));
            if let Err(error) = judged {
                trouble = Some(format!("{}: {error}", display_path(&self.path)));
                stays(asset, published);
            }
        }
        trouble
    }

    /// From where each host that serves something was reached.
    fn reached(&self, inventory: &Inventory) -> HashMap<IpAddr, Exposure> {
        let mut reached = HashMap::new();
        let mut zones: HashMap<(u16, IpAddr), Option<usize>> = HashMap::new();
        for (client, server) in inventory.ends() {
            let mut zone = |at: (u16, IpAddr)| {
                let known = zones.entry(at);
                *known.or_insert_with(|| self.zoning.zone(&[at.0], &[at.1]))
            };
            let exposure = if !inventory.is_local(client.1) {
                Exposure::Internet
            } else if self.zoning.is_empty() {
                Exposure::Unknown
            } else if zone(client) == zone(server) {
                Exposure::SameZone
            } else {
                Exposure::OtherZone
            };
            let worst = reached.entry(server.1).or_insert(exposure);
            if rank(exposure) > rank(*worst) {
                *worst = exposure;
            }
        }
        reached
    }
}

/// The findings that were published of the asset and of what is behind it.
fn stays(asset: &mut Asset, published: &Shared) {
    let Ok(Some(known)) = published.asset(&asset.id) else {
        return;
    };
    for child in &mut asset.children {
        let mut before = known.children.iter();
        if let Some(before) = before.find(|before| before.id == child.id) {
            child.findings.clone_from(&before.findings);
        }
    }
    let found = known.findings.into_iter();
    asset.findings = found
        .filter(|finding| !fossick_shadow::is_ours(finding))
        .collect();
}

/// The worse, the higher.
fn rank(exposure: Exposure) -> u8 {
    match exposure {
        Exposure::Unknown => 0,
        Exposure::SameZone => 1,
        Exposure::OtherZone => 2,
        Exposure::Internet => 3,
    }
}

fn stamp(about: &Metadata) -> (u64, u64, i64) {
    (about.dev(), about.ino(), about.mtime())
}

fn display_path(path: &Path) -> String {
    display_safe(&path.display().to_string())
}

/// The knowledge there is, and what to say about it.
fn open(path: &Path, exists: bool) -> (Option<Knowledge>, String) {
    let shown = display_path(path);
    if !exists {
        let what = format!(
            "no knowledge in {shown} yet: only built-in lifecycles are judged by; `fossick intel import` brings more"
        );
        return (Knowledge::built_in().ok(), what);
    }
    let opened = File::open(path).and_then(|file| Knowledge::open(Box::new(file)));
    match opened {
        Ok(knowledge) => (
            Some(knowledge),
            format!("judges by the knowledge in {shown}"),
        ),
        Err(error) => (
            Knowledge::built_in().ok(),
            format!(
                "{shown}: {error}; only built-in lifecycles are judged by until `fossick intel import` makes it anew"
            ),
        ),
    }
}
