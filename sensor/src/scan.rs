//! `fossick scan`: ask gently what listening could not tell.
//!
//! The process that transmits is this one, and it lives no longer than the scan. It listens to its own conversations on the
//! interface that asks, and reads them by the same road as a sensor reads everybody's.

mod config;
mod desk;
mod marks;
mod unsealed;
mod xml;

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufWriter, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use fossick_model::{Asset, Attribute, Network};
use fossick_scan::plan::{self, Plan, Planned, Wish};
use fossick_scan::{Done, Governor, Interface, Known, Session, Stop, To};

pub use self::config::{Consent, ScanConfig, Setting};
pub(crate) use self::desk::is_of;
use self::desk::{Ear, Hosts, learn, minute_of_week};
use self::marks::Marks;
use crate::client::{Sensor, Where};
use crate::config::{Config, DEFAULT};
use crate::privileges::{self, Places, Process};
use crate::run::clock;
use crate::safe::display_safe;
use crate::{knowledge, read, table};

/// Addresses of one scan.
const TARGETS: usize = 65_536;
/// The sensor has judged anew after so long.
const JUDGED: Duration = Duration::from_secs(8);
/// What must be typed before anything is sent.
const CONFIRMATION: &str = "ask";

/// Arguments of `fossick scan`.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
#[derive(Debug, Args)]
pub struct Arguments {
    /// Addresses and networks: 10.0.0.7 10.0.1.0/24. They must be on the allow list of the configuration
    #[arg(value_name = "TARGET", required_unless_present_any = ["stop", "resume", "gaps", "verify"])]
    targets: Vec<Network>,
    /// Print what would be sent, octet by octet, and send nothing
    #[arg(long)]
    plan: bool,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
    /// Ask from this interface
    #[arg(long, short, value_name = "NAME")]
    interface: Option<String>,
    /// The configuration, whose [scan] says what may be asked of whom
    #[arg(long, default_value = DEFAULT, value_name = "FILE")]
    config: PathBuf,
    /// Ask only in this protocol, or only this question, protocol/question (may be given several times)
    #[arg(long, value_name = "NAME")]
    probe: Vec<String>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Ask the one gentlest question of each device of the running sensor that something is missing of, in a protocol that it
    /// was heard to speak (`mode = "fill-gaps"`)
    #[arg(long, conflicts_with_all = ["targets", "probe", "verify"])]
    gaps: bool,
    /// Ask again what a finding of the running sensor stands on: is it still so?
    #[arg(long, value_name = "FINDING", conflicts_with_all = ["targets", "probe"])]
    verify: Option<String>,
    /// Stop every scan at once, and allow no other
    #[arg(long, conflicts_with_all = ["targets", "resume"])]
    stop: bool,
    /// Allow scanning again after --stop
    #[arg(long, conflicts_with = "targets")]
    resume: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One JSON object a line, for programs
    Json,
    /// As nmap writes it with -oX
    NmapXml,
}

/// Runs the command. False if it was stopped before everything was asked.
///
/// # Errors
/// Nothing may be asked, or the interface cannot be used: why, and what mends it.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let config = Config::load(&arguments.config)?;
    let stop = Stop::within(&config.store.path);
    let state = format!("in {}", config.store.path.display());
    let state = || state.clone();
    if arguments.stop {
        stop.set().with_context(state)?;
        println!("Scanning is stopped. `fossick scan --resume` allows it again.");
        return Ok(true);
    }
    if arguments.resume {
        let was = stop.resume().with_context(state)?;
        println!(
            "{}",
            if was {
                "Scanning is allowed again."
            } else {
                "Scanning was not stopped."
            }
        );
        return Ok(true);
    }
    let wish = Wish {
        probes: arguments.probe.clone(),
        settings: config.scan.choices(),
    };
    if let Some(name) = wish.unknown().first() {
        bail!(
            "--probe {name}: no such protocol has questions, and no question is called so; `fossick scan TARGET --plan` names them"
        );
    }
    let scan = Scan::prepare(arguments, config, wish)?;
    if arguments.plan {
        scan.print_plan(arguments.format)?;
        return Ok(true);
    }
    scan.check()?;
    if stop.is_set() {
        bail!(
            "scanning was stopped {}: `fossick scan --resume` allows it again",
            state()
        );
    }
    if !arguments.yes {
        scan.confirm()?;
    }
    scan.act(arguments.format, &stop)
}

/// A scan that is ready to be confirmed.
struct Scan {
    config: Config,
    interface: Interface,
    hosts: Hosts,
    marks: Marks,
    plans: Vec<Plan>,
    /// What a resolver is asked afterwards, about those who answered.
    look_ups: Option<Plan>,
    sensor: Option<Sensor>,
    /// A person asked for this, not the configuration alone.
    wanted: bool,
    /// The finding that is asked about, and whose.
    finding: Option<(String, Box<Asset>)>,
}

impl Scan {
    fn prepare(arguments: &Arguments, config: Config, mut wish: Wish) -> anyhow::Result<Scan> {
        let (sensor, assets) = running(&config, arguments)?;
        let mut hosts = Hosts::default();
        let mut marks = Marks::open(&config)?;
        learn(&mut hosts, &assets, &config, &config.zoning(), &mut marks);
        let finding = match &arguments.verify {
            Some(id) => Some((id.clone(), stands_on(id, &assets, &mut hosts, &mut wish)?)),
            None => None,
        };
        let networks = match &finding {
            _ if arguments.gaps => with_gaps(&hosts, &config),
            Some((_, asset)) => first_address(asset)
                .map(Network::host)
                .into_iter()
                .collect(),
            None => arguments.targets.clone(),
        };
        let targets = addresses(&networks)?;
        let named = arguments
            .interface
            .as_ref()
            .or(config.scan.interface.as_ref());
        let interface = match (named, targets.first()) {
            (Some(name), _) => Interface::named(name)?,
            (None, Some(first)) => Interface::towards(*first)?,
            (None, None) => bail!("no address is left to ask"),
        };
        let mut scan = Scan {
            config,
            interface,
            hosts,
            marks,
            plans: Vec::new(),
            look_ups: None,
            sensor,
            wanted: !arguments.gaps,
            finding,
        };
        let segments = scan.interface.segments().collect::<BTreeSet<Network>>();
        let segments = segments.into_iter().filter(|segment| {
            let covers = |target: &Network| {
                target.prefix() <= segment.prefix() && target.contains(segment.address())
            };
            networks.iter().any(covers)
        });
        let one_by_one = targets
            .into_iter()
            .filter(|target| !scan.interface.is_own(*target));
        let all: Vec<To> = segments
            .map(To::Segment)
            .chain(one_by_one.map(To::Host))
            .collect();
        let governor = Governor::new(scan.config.scan.rules());
        let hosts: Vec<IpAddr> = all.iter().filter_map(To::host).collect();
        scan.plans = all
            .into_iter()
            .map(|to| scan.plan(to, &wish, &governor))
            .collect();
        if let Some(resolver) = scan.config.scan.resolver.filter(|_| scan.wanted) {
            scan.look_ups = scan.plan_look_ups(resolver, &hosts, &wish, &governor);
        }
        Ok(scan)
    }

    /// What a resolver may be asked about hosts, and what not.
    fn plan_look_ups(
        &self,
        resolver: IpAddr,
        hosts: &[IpAddr],
        wish: &Wish,
        governor: &Governor,
    ) -> Option<Plan> {
        let mut plan = Plan {
            to: To::Host(resolver),
            asked: Vec::new(),
            refused: Vec::new(),
        };
        let host = self.hosts.get(&resolver).cloned().unwrap_or_default();
        let known = Known {
            zone: host.zone,
            kind: host.kind,
            heard: false,
            wanted: self.wanted,
            router: self.interface.router_towards(resolver),
            marked: host.marked,
        };
        for planned in plan::look_ups(resolver, hosts, wish) {
            match governor.may(&planned.question, &known, minute_of_week()) {
                Ok(()) => plan.asked.push(planned),
                Err(refusal) => plan.refused.push((planned, refusal)),
            }
        }
        (!plan.asked.is_empty()).then_some(plan)
    }

    /// What may be asked of one host or segment, and what may not.
    fn plan(&self, to: To, wish: &Wish, governor: &Governor) -> Plan {
        let mut plan = Plan {
            to,
            asked: Vec::new(),
            refused: Vec::new(),
        };
        let (host, router) = match to {
            To::Host(address) => (
                self.hosts.get(&address).cloned().unwrap_or_default(),
                self.interface.router_towards(address),
            ),
            To::Segment(_) => (desk::Host::default(), None),
        };
        for planned in plan::questions(to, &host.said, wish, &self.interface) {
            let heard = host.said.protocols.contains(planned.question.protocol.name);
            let finds = planned.question.probe.asks.is_empty();
            // The one gentlest question of what was heard.
            if !self.wanted && (!heard || finds || !plan.asked.is_empty()) {
                continue;
            }
            let known = Known {
                zone: host.zone.clone(),
                kind: host.kind,
                heard,
                wanted: self.wanted,
                router,
                marked: host.marked.clone(),
            };
            match governor.may(&planned.question, &known, minute_of_week()) {
                Ok(()) => plan.asked.push(planned),
                Err(refusal) => plan.refused.push((planned, refusal)),
            }
        }
        plan
    }

    /// Every plan, in the order in which they are carried out.
    fn all(&self) -> Vec<&Plan> {
        self.plans.iter().chain(&self.look_ups).collect()
    }

    fn print_plan(&self, format: Format) -> anyhow::Result<()> {
        let mut out = BufWriter::new(io::stdout().lock());
        let rules = self.config.scan.rules();
        if format == Format::Table {
            let mut text = String::new();
            plan::print(&mut text, &self.all(), &rules)?;
            for line in text.lines() {
                writeln!(out, "{}", display_safe(line))?;
            }
        } else {
            for plan in self.all() {
                serde_json::to_writer(&mut out, &plan.json(&rules))?;
                out.write_all(b"\n")?;
            }
        }
        out.flush().map_err(Into::into)
    }

    /// Whether there is anything to ask.
    fn check(&self) -> anyhow::Result<()> {
        if self.all().iter().any(|plan| !plan.asked.is_empty()) {
            return Ok(());
        }
        let refused = self
            .plans
            .iter()
            .find_map(|plan| Some((plan.to, plan.refused.first()?)));
        match refused {
            Some((to, (planned, refusal))) => bail!(
                "nothing may be asked. Of {to}, {}: {refusal}",
                planned.question.name()
            ),
            None => bail!("nothing is left to ask: no question fits these targets"),
        }
    }

    fn confirm(&self) -> anyhow::Result<()> {
        let asked: usize = self.all().iter().map(|plan| plan.asked.len()).sum();
        let to = self
            .all()
            .iter()
            .filter(|plan| !plan.asked.is_empty())
            .count();
        if !io::stdin().is_terminal() {
            bail!("nobody is there to confirm: read what --plan prints, then add --yes");
        }
        eprint!(
            "{asked} questions to {to} targets, from {}. `fossick scan … --plan` prints every octet. Type `{CONFIRMATION}` to ask them: ",
            self.interface.name
        );
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        if line.trim() != CONFIRMATION {
            bail!("nothing was asked");
        }
        Ok(())
    }

    fn act(self, format: Format, stop: &Stop) -> anyhow::Result<bool> {
        let fingerprints = knowledge::load(
            self.config.fingerprints.as_deref(),
            self.config.recog.as_deref(),
        )?;
        privileges::become_user(&self.config.user, &[])?;
        signal_hook::flag::register(signal_hook::consts::SIGINT, stop.flag())?;
        signal_hook::flag::register(signal_hook::consts::SIGTERM, stop.flag())?;
        for open in privileges::close(&places(), Process::Scan)? {
            tell(open);
        }
        let mut ear = Ear::open(
            &self.config,
            &self.interface,
            (self.hosts, self.marks),
            fingerprints,
            stop,
        )?;
        if !self.wanted {
            ear.fills_gaps();
        }
        if let Some(sensor) = self.sensor {
            ear.report_to(sensor)
                .context("telling the sensor of the scan")?;
        }
        let begun = clock();
        let mut governor = Governor::new(self.config.scan.rules());
        let mut session = Session {
            governor: &mut governor,
            interface: &self.interface,
            stop,
            begun: Instant::now(),
        };
        let plan = self.plans.into_iter().map(|plan| (plan.to, plan.asked));
        let plan: Vec<(To, Vec<Planned>)> = plan.filter(|(_, asked)| !asked.is_empty()).collect();
        let hosts = plan.iter().filter_map(|(to, _)| match to {
            To::Host(address) => Some(*address),
            To::Segment(_) => None,
        });
        ear.observe(&hosts.collect::<Vec<IpAddr>>(), stop);
        let mut done = session.run(plan, &mut ear);
        if let Some(plan) = self.look_ups.filter(|_| done == Done::Asked) {
            ear.settle();
            done = session.run(vec![(plan.to, plan.asked)], &mut ear);
        }
        let assets = ear.finish();
        print(format, &assets, &ear, (begun, clock())).context("writing the result")?;
        if done == Done::Stopped {
            eprintln!("fossick: stopped before everything was asked");
        }
        let sensor = ear
            .hand_over()
            .context("handing the answers over to the sensor")?;
        if let (Some(mut sensor), Some((id, before))) = (sensor, self.finding) {
            return verdict(&mut sensor, &id, &before, &assets);
        }
        Ok(done == Done::Asked)
    }
}

/// What the file system is needed for: everything else was read by now.
fn places() -> Places {
    let all = [
        "/etc",
        "/sys/class/net",
        "/sys/devices",
        "/proc",
        "/usr/share/zoneinfo",
    ];
    let mut read: Vec<PathBuf> = all.iter().map(PathBuf::from).collect();
    read.retain(|path| path.exists());
    Places {
        write: Vec::new(),
        read,
    }
}

/// The sensor that runs, and what it knows; neither where none does.
fn running(config: &Config, arguments: &Arguments) -> anyhow::Result<(Option<Sensor>, Vec<Asset>)> {
    let socket = config.control.socket.clone();
    let needed = arguments.gaps || arguments.verify.is_some();
    if !needed && !socket.exists() {
        return Ok((None, Vec::new()));
    }
    match Sensor::connect(&Where { socket }).and_then(|mut sensor| {
        let assets = sensor.inventory()?;
        Ok((sensor, assets))
    }) {
        Ok((sensor, assets)) => Ok((Some(sensor), assets)),
        Err(error) if needed => Err(error),
        Err(error) => {
            tell(&format!("scans without the sensor: {error:#}"));
            Ok((None, Vec::new()))
        }
    }
}

/// Hosts that may be asked and of which something is missing.
fn with_gaps(hosts: &Hosts, config: &Config) -> Vec<Network> {
    let rules = config.scan.rules();
    let gaps = hosts
        .iter()
        .filter(|(address, host)| !host.complete && rules.allows(**address));
    gaps.map(|(address, _)| Network::host(*address)).collect()
}

fn first_address(asset: &Asset) -> Option<IpAddr> {
    let addresses = asset.addresses.as_ref()?;
    let v4 = addresses.ipv4.first().map(|ip| IpAddr::V4(*ip));
    v4.or_else(|| addresses.ipv6.first().map(|ip| IpAddr::V6(*ip)))
}

/// The attributes that a finding may stand on.
const STANDS_ON: [Attribute; 7] = [
    Attribute::Vendor,
    Attribute::Model,
    Attribute::Product,
    Attribute::OrderNumber,
    Attribute::Firmware,
    Attribute::Os,
    Attribute::OsVersion,
];

/// The asset that has a finding. What the finding stands on is asked again: it counts as not said.
fn stands_on(
    id: &str,
    assets: &[Asset],
    hosts: &mut Hosts,
    wish: &mut Wish,
) -> anyhow::Result<Box<Asset>> {
    let has = |asset: &&Asset| asset.findings.iter().any(|finding| finding.id == id);
    let asset = assets.iter().find(has);
    let asset = asset.with_context(|| {
        format!(
            "no asset has a finding `{}`: `fossick asset ADDRESS` lists those of one",
            display_safe(id)
        )
    })?;
    let facts = asset
        .facts
        .iter()
        .filter(|fact| STANDS_ON.contains(&fact.attribute));
    let keys: BTreeSet<&str> = facts.map(|fact| fact.key.as_ref()).collect();
    let asks = plan::all().filter(|(_, probe)| probe.asks.iter().any(|key| keys.contains(key.0)));
    wish.probes = asks
        .map(|(protocol, probe)| format!("{}/{}", protocol.name, probe.name))
        .collect();
    if wish.probes.is_empty() {
        bail!("what this finding stands on was only heard: no question asks for it");
    }
    if let Some(host) = first_address(asset).and_then(|address| hosts.get_mut(&address)) {
        host.said.keys.retain(|key| !keys.contains(key.as_str()));
        host.complete = false;
    }
    Ok(Box::new(asset.clone()))
}

/// Whether a finding is still so, by what was said now. True if it is gone.
fn verdict(sensor: &mut Sensor, id: &str, before: &Asset, now: &[Asset]) -> anyhow::Result<bool> {
    let address = first_address(before);
    let answered = now.iter().find(|asset| first_address(asset) == address);
    let Some(answered) = answered else {
        println!(
            "It did not answer: nothing can be said of the finding {}.",
            display_safe(id)
        );
        return Ok(false);
    };
    for attribute in STANDS_ON {
        let (was, is) = (before.winner(attribute), answered.winner(attribute));
        if let (Some(was), Some(is)) = (was, is) {
            let change = if was.value == is.value {
                "still"
            } else {
                "now"
            };
            let line = format!("{attribute}: was {}, is {change} {}", was.value, is.value);
            println!("{}", display_safe(&line));
        }
    }
    let begun = Instant::now();
    loop {
        let assets = sensor.inventory()?;
        let open = assets
            .iter()
            .flat_map(|asset| &asset.findings)
            .any(|finding| finding.id == id);
        if !open {
            println!("The finding is gone.");
            return Ok(true);
        }
        if begun.elapsed() > JUDGED {
            println!("The finding is still there.");
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}

fn print(
    format: Format,
    assets: &[Asset],
    ear: &Ear,
    (begun, ended): (fossick_model::Time, fossick_model::Time),
) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match format {
        Format::Table => table::print(&mut out, assets, read::columns())?,
        Format::Json => {
            for asset in assets {
                serde_json::to_writer(&mut out, asset)?;
                out.write_all(b"\n")?;
            }
        }
        Format::NmapXml => xml::write(&mut out, assets, begun, ended)?,
    }
    out.flush()?;
    for asked in &ear.asked {
        tell(&format!(
            "{}: {}: {}",
            asked.to, asked.question, asked.outcome
        ));
    }
    tell(&format!(
        "{} assets; {} questions asked, {} refused, {} addresses where nobody is",
        assets.len(),
        ear.asked.len(),
        ear.refused,
        ear.absent.len()
    ));
    Ok(())
}

/// A line to whoever watches.
fn tell(line: &str) {
    eprintln!("fossick: {}", display_safe(line));
}

/// The addresses of the targets, each once. Of a network of IPv4, its first and its last name nobody.
fn addresses(targets: &[Network]) -> anyhow::Result<Vec<IpAddr>> {
    let mut all = BTreeSet::new();
    for target in targets {
        let bits = if target.address().is_ipv4() {
            32_u8
        } else {
            128
        };
        let host = u32::from(bits.saturating_sub(target.prefix()));
        let count = 1_u128.checked_shl(host).unwrap_or(u128::MAX);
        if count > TARGETS as u128 {
            bail!("{target} has more than {TARGETS} addresses: name smaller networks");
        }
        for offset in 0..count {
            let named = host < 2 || (offset > 0 && offset < count.saturating_sub(1));
            let address = match target.address() {
                IpAddr::V4(first) => {
                    let offset = u32::try_from(offset).unwrap_or_default();
                    IpAddr::V4(Ipv4Addr::from_bits(first.to_bits().wrapping_add(offset)))
                }
                IpAddr::V6(first) => {
                    IpAddr::V6(Ipv6Addr::from_bits(first.to_bits().wrapping_add(offset)))
                }
            };
            if named || address.is_ipv6() {
                all.insert(address);
            }
        }
    }
    if all.len() > TARGETS {
        bail!("more than {TARGETS} addresses: scan them in parts");
    }
    Ok(all.into_iter().collect())
}
