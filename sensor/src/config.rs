//! The configuration of a sensor: one TOML file. What is not named keeps its default; an unknown name is refused.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use fossick_engine::{Locality, Network};
use fossick_parsers::PROTOCOLS;
use serde::Deserialize;

use crate::outlet::OutletConfig;
use crate::scan::ScanConfig;

/// Where it is, unless another file is named.
pub const DEFAULT: &str = "/etc/fossick/fossick.toml";
/// Where the control socket is, unless another is named.
pub const SOCKET: &str = "/run/fossick/control.sock";
/// Least memory a sensor can work in, MiB.
const LEAST_MEMORY: u64 = 256;

/// Everything that can be configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Name of the site.
    pub site: String,
    /// The unprivileged user that the sensor becomes when it is started by root.
    pub user: String,
    /// What to listen on.
    #[serde(rename = "interface")]
    pub interfaces: Vec<Interface>,
    /// What the networks are.
    #[serde(rename = "zone")]
    pub zones: Vec<Zone>,
    /// Where everything is kept, and how long.
    pub store: Store,
    /// How much may be used.
    pub limits: Limits,
    /// What is read.
    pub detectors: Detectors,
    /// Who may ask and order.
    pub control: Control,
    /// Counts for Prometheus.
    pub metrics: Metrics,
    /// Who is told what changed.
    #[serde(rename = "outlet")]
    pub outlets: Vec<OutletConfig>,
    /// What may be asked of whom.
    pub scan: ScanConfig,
    /// File of what the world knows, made by `fossick intel import`.
    pub knowledge: PathBuf,
    /// Folder of fingerprint sheets of the site's own.
    pub fingerprints: Option<PathBuf>,
    /// Folder of fingerprints in the format of Recog.
    pub recog: Option<PathBuf>,
    /// How the screen looks.
    pub screen: Screen,
    /// Keys of the screen's commands, by the command's name.
    pub keys: BTreeMap<String, Vec<String>>,
}

/// How the screen looks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Screen {
    /// `dark`, `light`, `high-contrast`, `16` or `none`; empty for what the terminal says.
    pub theme: String,
}

/// One interface to listen on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Size of the ring that the kernel fills, MiB.
    #[serde(default = "ring")]
    pub ring_mib: u16,
    /// Only what matches is read (pcap-filter syntax).
    #[serde(default)]
    pub filter: String,
    /// Octets of a frame that are read.
    #[serde(default = "snap")]
    pub snap: u32,
}

fn ring() -> u16 {
    64
}

fn snap() -> u32 {
    65_535
}

/// One zone of the site.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// Its networks: `10.1.0.0/16`.
    #[serde(default)]
    pub networks: Vec<String>,
    /// Its VLANs. The same address in two zones is two places.
    #[serde(default)]
    pub vlans: Vec<u16>,
    /// Level of the Purdue model, 0–5.
    pub purdue: Option<f32>,
    /// How bad it is when it stops.
    pub criticality: Option<Criticality>,
    /// Who answers for it.
    pub owner: Option<String>,
}

/// How bad it is when a zone stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "plain words")]
pub enum Criticality {
    Low,
    Medium,
    High,
    Safety,
}

/// Where everything is kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// Folder.
    pub path: PathBuf,
    /// Entries of the journal are kept for so many days.
    pub retention_days: u32,
    /// MiB on disk at most.
    pub max_mib: u64,
    /// An asset that was not heard for so many hours is silent.
    pub silent_hours: u32,
}

impl Default for Store {
    fn default() -> Store {
        Store {
            path: PathBuf::from("/var/lib/fossick"),
            retention_days: 400,
            max_mib: 4096,
            silent_hours: 72,
        }
    }
}

/// How much may be used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// MiB of memory.
    pub memory_mib: u64,
    /// Threads that read; 0 for one each processor.
    pub threads: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            memory_mib: 512,
            threads: 0,
        }
    }
}

/// What is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Detectors {
    /// Protocols that are not read, and detectors that say nothing.
    pub off: Vec<String>,
}

/// Who may ask and order. Members of a group have its rights and those of the ones before.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Control {
    /// The socket.
    pub socket: PathBuf,
    /// Group that may look; the socket belongs to it.
    pub viewer: String,
    /// Group that may acknowledge, rename, annotate, set a kind.
    pub analyst: String,
    /// Group that may merge, split, forget, read captures in, and handle the store.
    pub operator: String,
}

impl Default for Control {
    fn default() -> Control {
        Control {
            socket: PathBuf::from(SOCKET),
            viewer: "fossick".to_owned(),
            analyst: "fossick-analyst".to_owned(),
            operator: "fossick-operator".to_owned(),
        }
    }
}

/// Counts for Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Where they are served; empty for nowhere.
    pub listen: String,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics {
            listen: "127.0.0.1:9184".to_owned(),
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            site: String::new(),
            user: "fossick".to_owned(),
            interfaces: Vec::new(),
            zones: Vec::new(),
            store: Store::default(),
            limits: Limits::default(),
            detectors: Detectors::default(),
            control: Control::default(),
            metrics: Metrics::default(),
            outlets: Vec::new(),
            scan: ScanConfig::default(),
            knowledge: PathBuf::from(crate::intel::KNOWLEDGE),
            fingerprints: None,
            recog: None,
            screen: Screen::default(),
            keys: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// It cannot be read, or something in it is wrong: where and what.
    pub fn load(path: &Path) -> anyhow::Result<Config> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!(
                "reading the configuration {} (--config names another)",
                path.display()
            )
        })?;
        let config: Config =
            toml::from_str(&text).with_context(|| format!("{} is wrong", path.display()))?;
        let wrong = config.faults();
        if let Some((words, what)) = wrong.first() {
            let line = text.lines().position(|line| line.contains(words.as_str()));
            let line = line.map_or(String::new(), |line| {
                format!(" line {}", line.saturating_add(1))
            });
            bail!("{}{line}: {what}", path.display());
        }
        Ok(config)
    }

    /// What makes no sense, and a word of the line where it stands.
    fn faults(&self) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        let mut fault = |word: &str, what: String| faults.push((word.to_owned(), what));
        let mut vlans: BTreeMap<u16, &str> = BTreeMap::new();
        for zone in &self.zones {
            for network in &zone.networks {
                if let Err(error) = parse_network(network) {
                    fault(network, format!("{error:#}"));
                }
            }
            for vlan in &zone.vlans {
                if !(1..=4094).contains(vlan) {
                    fault(
                        &vlan.to_string(),
                        format!("VLAN {vlan}: they are 1 to 4094"),
                    );
                }
                if let Some(other) = vlans.insert(*vlan, &zone.name) {
                    fault(
                        &vlan.to_string(),
                        format!("VLAN {vlan} is in zone `{other}` already"),
                    );
                }
            }
            if zone
                .purdue
                .is_some_and(|level| !(0.0..=5.0).contains(&level))
            {
                fault("purdue", "Purdue levels are 0 to 5".to_owned());
            }
        }
        if let Err(error) = fossick_tui::Keymap::with(&self.keys) {
            fault("[keys]", error.to_string());
        }
        let theme = &self.screen.theme;
        if !theme.is_empty() && fossick_tui::Theme::named(theme).is_none() {
            let known = fossick_tui::Theme::ALL.map(|(name, _)| name).join(", ");
            fault(theme, format!("no theme `{theme}`: there are {known}"));
        }
        for off in &self.detectors.off {
            let known = PROTOCOLS.iter().any(|protocol| protocol.name == off);
            if !known && !fossick_shadow::is_detector(off) {
                fault(
                    off,
                    format!(
                        "no such protocol or detector `{off}`; `fossick protocols` and `fossick inventory detectors` list them"
                    ),
                );
            }
        }
        if self.limits.memory_mib < LEAST_MEMORY {
            fault("memory_mib", format!("memory_mib: at least {LEAST_MEMORY}"));
        }
        if !self.metrics.listen.is_empty() && self.metrics.listen.parse::<SocketAddr>().is_err() {
            let what = "an address and a port, such as 127.0.0.1:9184, or nothing".to_owned();
            fault(&self.metrics.listen, what);
        }
        for outlet in &self.outlets {
            if let Err(error) = outlet.check() {
                fault(&outlet.name, format!("outlet `{}`: {error}", outlet.name));
            }
        }
        for (word, what) in self.scan.faults(&self.zones) {
            fault(&word, what);
        }
        let mut names: Vec<&str> = self
            .outlets
            .iter()
            .map(|outlet| outlet.name.as_str())
            .collect();
        names.sort_unstable();
        if let Some([name, _]) = names.windows(2).find(|pair| pair.first() == pair.last()) {
            fault(name, format!("two outlets are called `{name}`"));
        }
        faults
    }

    /// What the engine needs to know of the networks.
    #[must_use]
    pub fn locality(&self) -> Locality {
        let networks = self.zones.iter().flat_map(|zone| &zone.networks);
        let mut locality = Locality {
            networks: networks
                .filter_map(|text| parse_network(text).ok())
                .collect(),
            zones: BTreeMap::new(),
        };
        for zone in &self.zones {
            if let Some(first) = zone.vlans.iter().min() {
                locality
                    .zones
                    .extend(zone.vlans.iter().map(|vlan| (*vlan, *first)));
            }
        }
        locality
    }

    /// The zones, made ready for many questions.
    #[must_use]
    pub fn zoning(&self) -> Zoning {
        let mut zoning = Zoning::default();
        for (number, zone) in self.zones.iter().enumerate() {
            zoning
                .vlans
                .extend(zone.vlans.iter().map(|vlan| (*vlan, number)));
            let networks = zone.networks.iter();
            let networks = networks.filter_map(|text| parse_network(text).ok());
            zoning
                .networks
                .extend(networks.map(|network| (network, number)));
        }
        // The narrowest network decides; among equals the one that stands first.
        zoning
            .networks
            .sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix));
        zoning
    }

    /// The zone of an asset: by its VLAN, or else by the narrowest network that holds one of its addresses.
    #[must_use]
    pub fn zone(&self, vlans: &[u16], ips: &[IpAddr]) -> Option<&str> {
        let number = self.zoning().zone(vlans, ips)?;
        self.zones.get(number).map(|zone| zone.name.as_str())
    }

    /// The store's file.
    #[must_use]
    pub fn store_file(&self) -> PathBuf {
        self.store.path.join("fossick.redb")
    }
}

/// Which zone an address is in.
#[derive(Debug, Clone, Default)]
pub struct Zoning {
    vlans: BTreeMap<u16, usize>,
    /// The narrowest first.
    networks: Vec<(Network, usize)>,
}

impl Zoning {
    /// No zones are configured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.vlans.is_empty() && self.networks.is_empty()
    }

    /// The number of the zone: by a VLAN, or else by the narrowest network that holds one of the addresses.
    #[must_use]
    pub fn zone(&self, vlans: &[u16], ips: &[IpAddr]) -> Option<usize> {
        let by_vlan = vlans.iter().filter_map(|vlan| self.vlans.get(vlan));
        let by_network = || {
            let mut networks = self.networks.iter();
            networks.find(|(network, _)| ips.iter().any(|ip| network.contains(*ip)))
        };
        by_vlan
            .min()
            .or_else(|| by_network().map(|(_, zone)| zone))
            .copied()
    }
}

/// A network as it is written: `10.1.0.0/16`, or one address.
fn parse_network(text: &str) -> anyhow::Result<Network> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let wrong = || format!("`{text}` is not a network: write 10.1.0.0/16");
    let address: IpAddr = address.parse().with_context(wrong)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.map_or(Ok(most), str::parse).with_context(wrong)?;
    if prefix > most {
        bail!("`{text}` is not a network: {prefix} is more than the {most} bits of an address");
    }
    Ok(Network { address, prefix })
}

/// Arguments of `fossick config`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether a configuration is right, and which line is wrong
    Check {
        /// The file
        #[arg(default_value = DEFAULT)]
        file: PathBuf,
    },
}

/// Runs the command.
///
/// # Errors
/// The configuration is wrong: where and what.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Command::Check { file } = &arguments.command;
    let config = Config::load(file)?;
    let interfaces: Vec<&str> = config.interfaces.iter().map(|i| i.name.as_str()).collect();
    println!(
        "{} is right: listens on {}; {} zones, {} outlets, store in {}",
        file.display(),
        if interfaces.is_empty() {
            "nothing".to_owned()
        } else {
            interfaces.join(", ")
        },
        config.zones.len(),
        config.outlets.len(),
        config.store.path.display()
    );
    Ok(())
}
