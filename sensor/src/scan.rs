//! `fossick scan`: ask gently what listening could not tell.
//!
//! The process that transmits is this one, and it lives no longer than the scan. It listens to its own conversations on the
//! interface that asks, and reads them by the same road as a sensor reads everybody's.

mod config;
mod desk;
mod xml;

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufWriter, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use fossick_model::{Asset, Network};
use fossick_scan::plan::{self, Plan, Planned, Wish};
use fossick_scan::{Done, Governor, Interface, Known, Session, Stop, To};

pub use self::config::{Consent, ScanConfig, Setting};
use self::desk::{Ear, Hosts, minute_of_week};
use crate::config::{Config, DEFAULT};
use crate::run::clock;
use crate::safe::display_safe;
use crate::{knowledge, privileges, read, table};

/// Addresses of one scan.
const TARGETS: usize = 65_536;
/// What must be typed before anything is sent.
const CONFIRMATION: &str = "ask";

/// Arguments of `fossick scan`.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
#[derive(Debug, Args)]
pub struct Arguments {
    /// Addresses and networks: 10.0.0.7 10.0.1.0/24. They must be on the allow list of the configuration
    #[arg(value_name = "TARGET", required_unless_present_any = ["stop", "resume"])]
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
    let scan = Scan::prepare(arguments, config, &wish)?;
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
    plans: Vec<Plan>,
}

impl Scan {
    fn prepare(arguments: &Arguments, config: Config, wish: &Wish) -> anyhow::Result<Scan> {
        let targets = addresses(&arguments.targets)?;
        let named = arguments
            .interface
            .as_ref()
            .or(config.scan.interface.as_ref());
        let interface = match (named, targets.first()) {
            (Some(name), _) => Interface::named(name)?,
            (None, Some(first)) => Interface::towards(*first)?,
            (None, None) => bail!("no address is left to ask"),
        };
        let hosts = Hosts::default();
        let governor = Governor::new(config.scan.rules());
        let minute = minute_of_week();
        let segments = interface.segments().collect::<BTreeSet<Network>>();
        let segments = segments.into_iter().filter(|segment| {
            let wide = |target: &Network| {
                target.prefix() <= segment.prefix() && target.contains(segment.address())
            };
            arguments.targets.iter().any(wide)
        });
        let own = |address: &IpAddr| interface.is_own(*address);
        let one_by_one = targets.into_iter().filter(|address| !own(address));
        let all = segments.map(To::Segment).chain(one_by_one.map(To::Host));
        let mut plans = Vec::new();
        for to in all {
            let host = match to {
                To::Host(address) => hosts.get(&address).cloned().unwrap_or_default(),
                To::Segment(_) => desk::Host::default(),
            };
            let router = match to {
                To::Host(address) => interface.router_towards(address),
                To::Segment(_) => None,
            };
            let mut plan = Plan {
                to,
                asked: Vec::new(),
                refused: Vec::new(),
            };
            for planned in plan::questions(to, &host.said, wish, &interface) {
                let known = Known {
                    zone: host.zone.clone(),
                    kind: host.kind,
                    heard: host.said.protocols.contains(planned.question.protocol.name),
                    wanted: true,
                    router,
                };
                match governor.may(&planned.question, &known, minute) {
                    Ok(()) => plan.asked.push(planned),
                    Err(refusal) => plan.refused.push((planned, refusal)),
                }
            }
            plans.push(plan);
        }
        Ok(Scan {
            config,
            interface,
            hosts,
            plans,
        })
    }

    fn print_plan(&self, format: Format) -> anyhow::Result<()> {
        let mut out = BufWriter::new(io::stdout().lock());
        let rules = self.config.scan.rules();
        if format == Format::Table {
            let mut text = String::new();
            plan::print(&mut text, &self.plans, &rules)?;
            for line in text.lines() {
                writeln!(out, "{}", display_safe(line))?;
            }
        } else {
            for plan in &self.plans {
                serde_json::to_writer(&mut out, &plan.json(&rules))?;
                out.write_all(b"\n")?;
            }
        }
        out.flush().map_err(Into::into)
    }

    /// Whether there is anything to ask.
    fn check(&self) -> anyhow::Result<()> {
        if self.plans.iter().any(|plan| !plan.asked.is_empty()) {
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
        let asked: usize = self.plans.iter().map(|plan| plan.asked.len()).sum();
        let to = self
            .plans
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
        let mut ear = Ear::open(&self.config, &self.interface, self.hosts, fingerprints)?;
        let begun = clock();
        let mut governor = Governor::new(self.config.scan.rules());
        let mut session = Session {
            governor: &mut governor,
            interface: &self.interface,
            stop,
        };
        let plan = self.plans.into_iter().map(|plan| (plan.to, plan.asked));
        let plan: Vec<(To, Vec<Planned>)> = plan.filter(|(_, asked)| !asked.is_empty()).collect();
        let hosts = plan.iter().filter_map(|(to, _)| match to {
            To::Host(address) => Some(*address),
            To::Segment(_) => None,
        });
        ear.observe(&hosts.collect::<Vec<IpAddr>>(), stop);
        let done = session.run(plan, &mut ear);
        let assets = ear.finish();
        print(format, &assets, &ear, (begun, clock())).context("writing the result")?;
        if done == Done::Stopped {
            eprintln!("fossick: stopped before everything was asked");
        }
        Ok(done == Done::Asked)
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
        ear.refused.len(),
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
