//! `fossick control`: policies from what was heard, tried, approved, exported and watched. With captures, a policy is a file; with
//! a running sensor, its store keeps it, and every step is in the journal.

use std::fs;
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use fossick_controls::{Format, LEAST_WATCH, Question, Verdict, demands, dry_run, propose, render};
use fossick_engine::{Engine, Inventory, Locality};
use fossick_model::{
    Addition, Asset, Control, ControlState, Conversation, Demand, Network, Order, Origin, Policy,
    Reply, Request, Span, Step, Transport, Vulnerable, Way,
};

use crate::capture::Captures;
use crate::client::{Sensor, Where, unexpected};
use crate::safe::display_safe;
use crate::{explain, knowledge};

/// Time between two looks at a control that is waited for.
const LOOK: Duration = Duration::from_millis(500);

/// What `fossick control` is asked to do.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    sensor: Where,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the least policy that an asset's conversations need
    Propose(Propose),
    /// Show a policy and how far it has come
    Show(One),
    /// Say what a policy would have done to what was heard
    DryRun(DryRun),
    /// Agree to a policy that was tried: your name goes into the journal
    Approve(Named),
    /// Print an approved policy in the words of a device
    Export(Export),
    /// Say that a device holds the policy from now on: the sensor watches whether it does
    Deployed(Deployed),
    /// Wait until the watch comes to a verdict: exit status 0 where it is verified
    Watch(WatchFor),
    /// List all controls and how far they have come
    List(List),
}

#[derive(Debug, Args)]
struct Named {
    /// Id, address or name of the asset
    asset: String,
}

#[derive(Debug, Args)]
struct Propose {
    /// Id, address or name of the asset
    #[arg(required_unless_present = "all_unpatchable")]
    asset: Option<String>,
    /// For every asset with a finding that no patch closes; the finding is the reason
    #[arg(long, conflicts_with_all = ["asset", "capture"])]
    all_unpatchable: bool,
    /// Why it must be fenced in; by default a finding that no patch closes
    #[arg(long)]
    reason: Option<String>,
    /// The row of the advisory or lifecycle that says so, quoted
    #[arg(long, requires = "reason")]
    source: Option<String>,
    /// A network that counts as one peer: 10.0.0.0/24 (may be given several times, as what follows)
    #[arg(long, value_name = "NETWORK")]
    zone: Vec<Network>,
    /// A service that the finding is about, to be left out: tcp/445
    #[arg(long, value_name = "SERVICE", value_parser = service)]
    vulnerable: Vec<Vulnerable>,
    /// A rule besides what was heard: "in 10.0.0.7 tcp/443" or "out 10.0.0.0/24 udp/514"
    #[arg(long, value_name = "RULE", value_parser = addition, requires = "because")]
    allow: Vec<Addition>,
    /// Why the rules besides are there
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
    /// Accept less than a day of listening
    #[arg(long)]
    from_little: bool,
    /// Learn from captures (files or folders, may be given several times) instead of from a running sensor, and print the policy
    /// as JSON
    #[arg(long, value_name = "FILE")]
    capture: Vec<PathBuf>,
    /// An earlier policy, whose rules added by persons stay
    #[arg(long, value_name = "FILE", requires = "capture")]
    keep: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct One {
    /// Id, address or name of the asset
    #[arg(required_unless_present = "policy")]
    asset: Option<String>,
    /// A policy in a file instead (- for standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "asset")]
    policy: Option<PathBuf>,
    /// How it is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Print,
}

#[derive(Debug, Args)]
struct DryRun {
    #[command(flatten)]
    one: One,
    /// Try it on these captures (may be given several times) instead of on what the sensor heard
    #[arg(long, value_name = "FILE", requires = "policy")]
    capture: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct Export {
    /// Id, address or name of the asset
    #[arg(required_unless_present = "policy")]
    asset: Option<String>,
    /// A policy in a file instead (- for standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "asset")]
    policy: Option<PathBuf>,
    /// For what kind of device: nftables, cisco-ios, cisco-asa, fortigate, pan-os, suricata, json
    #[arg(long, value_parser = format)]
    format: Format,
}

#[derive(Debug, Args)]
struct Deployed {
    /// Id, address or name of the asset
    asset: String,
    /// How long must be listened before it may be called verified, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = LEAST_WATCH)]
    watch_for: i64,
}

#[derive(Debug, Args)]
struct WatchFor {
    /// Id, address or name of the asset
    asset: String,
    /// Wait so long at most, in seconds
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 0)]
    patience: u64,
}

#[derive(Debug, Args)]
struct List {
    /// How they are printed
    #[arg(long, value_enum, default_value = "table")]
    format: Print,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Print {
    /// For people
    Table,
    /// JSON, for programs
    Json,
}

fn format(text: &str) -> Result<Format, String> {
    let known = Format::ALL.map(Format::name).join(", ");
    Format::named(text).ok_or(format!("one of {known} is wanted"))
}

fn service(text: &str) -> Result<Vulnerable, &'static str> {
    let wrong = "a transport and a port are wanted: tcp/445";
    let (transport, port) = text.split_once('/').ok_or(wrong)?;
    let transport = match transport {
        "tcp" => Transport::Tcp,
        "udp" => Transport::Udp,
        _ => return Err(wrong),
    };
    let port = port.parse().map_err(|_| wrong)?;
    Ok(Vulnerable { transport, port })
}

fn addition(text: &str) -> Result<Addition, &'static str> {
    let wrong = "a direction, a peer and a service are wanted: \"in 10.0.0.7 tcp/443\"";
    let words: Vec<&str> = text.split_whitespace().collect();
    let [direction, peer, what] = words.as_slice() else {
        return Err(wrong);
    };
    let direction = match *direction {
        "in" => Way::Inbound,
        "out" => Way::Outbound,
        _ => return Err(wrong),
    };
    let Vulnerable { transport, port } = service(what)?;
    Ok(Addition {
        direction,
        peer: peer.parse()?,
        transport,
        port,
        reason: String::new(),
    })
}

/// Does it. True unless it waited for a verdict that is not the good one.
///
/// # Errors
/// No sensor answers, it refuses, or a file cannot be read.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let mut out = BufWriter::new(io::stdout().lock());
    let at = &arguments.sensor;
    match &arguments.command {
        Command::Propose(asked) if !asked.capture.is_empty() => {
            let policy = from_captures(asked)?;
            writeln!(out, "{}", serde_json::to_string_pretty(&policy)?)?;
        }
        Command::Propose(asked) => from_sensor(&mut out, at, asked)?,
        Command::Show(one) => {
            if let Some(file) = &one.policy {
                show(&mut out, &policy(file)?, None, one.format)?;
            } else {
                let control = control(&mut Sensor::connect(at)?, one.asset.as_deref())?;
                show(&mut out, &control.policy, Some(&control), one.format)?;
            }
        }
        Command::DryRun(asked) => tried(&mut out, at, asked)?,
        Command::Approve(named) => {
            let mut sensor = Sensor::connect(at)?;
            step(&mut sensor, &named.asset, Step::Approve)?;
            told(&mut out, &mut sensor, &named.asset)?;
        }
        Command::Export(asked) => {
            let policy = match (&asked.policy, &asked.asset) {
                (Some(file), _) => policy(file)?,
                (None, asset) => {
                    let mut sensor = Sensor::connect(at)?;
                    let asset = asset.as_deref().unwrap_or_default();
                    let format = asked.format.name().to_owned();
                    step(&mut sensor, asset, Step::Export { format })?;
                    control(&mut sensor, Some(asset))?.policy
                }
            };
            out.write_all(render(&policy, asked.format)?.as_bytes())?;
        }
        Command::Deployed(asked) => {
            let mut sensor = Sensor::connect(at)?;
            let least = asked.watch_for;
            step(&mut sensor, &asked.asset, Step::Deployed { least })?;
            told(&mut out, &mut sensor, &asked.asset)?;
        }
        Command::Watch(asked) => return waited(&mut out, at, asked),
        Command::List(list) => {
            for control in controls(&mut Sensor::connect(at)?, "")? {
                if list.format == Print::Json {
                    writeln!(out, "{}", serde_json::to_string(&control)?)?;
                } else {
                    sentence(&mut out, &control)?;
                }
            }
        }
    }
    out.flush()?;
    Ok(true)
}

fn step(sensor: &mut Sensor, asset: &str, control: Step) -> anyhow::Result<()> {
    let request = Request::Order {
        asset: asset.to_owned(),
        order: Order::Control {
            control: Box::new(control),
        },
    };
    match sensor.ask(&request)? {
        Reply::Done { .. } => Ok(()),
        _ => Err(unexpected()),
    }
}

/// Controls of the asset that is meant, or all of them.
pub(crate) fn controls(sensor: &mut Sensor, asset: &str) -> anyhow::Result<Vec<Control>> {
    let asset = asset.to_owned();
    match sensor.ask(&Request::Controls { asset })? {
        Reply::Controls { controls } => Ok(controls),
        _ => Err(unexpected()),
    }
}

fn control(sensor: &mut Sensor, asset: Option<&str>) -> anyhow::Result<Control> {
    let asset = asset.unwrap_or_default();
    let found = controls(sensor, asset)?.into_iter().next();
    found.context("it has no control: `fossick control propose` makes one from what was heard")
}

fn told(out: &mut dyn Write, sensor: &mut Sensor, asset: &str) -> anyhow::Result<()> {
    Ok(sentence(out, &control(sensor, Some(asset))?)?)
}

/// What captures tell: assets, conversations, and when anything was heard.
struct HeardThere {
    assets: Vec<Asset>,
    conversations: Vec<Conversation>,
    spans: Vec<Span>,
}

fn listen(files: &[PathBuf]) -> anyhow::Result<HeardThere> {
    let fingerprints = knowledge::load(None, None)?;
    let mut captures = Captures::open(files)?;
    for refused in captures.refused() {
        eprintln!("fossick: {refused}");
    }
    let mut inventory = Inventory::new(Locality::default(), false);
    for name in captures.names() {
        inventory.capture(&name);
    }
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    let mut engine = Engine::new(threads, &[]);
    while let Some(batch) = captures.next_batch() {
        engine.read(&Arc::new(batch), &mut inventory);
    }
    engine.finish(&mut inventory);
    for trouble in captures.troubles() {
        eprintln!("fossick: {trouble}");
    }
    Ok(HeardThere {
        conversations: inventory.conversations(),
        spans: inventory.spans(),
        assets: inventory.assets(&fingerprints, false),
    })
}

fn from_captures(asked: &Propose) -> anyhow::Result<Policy> {
    let there = listen(&asked.capture)?;
    let wanted = asked.asset.as_deref().unwrap_or_default();
    let asset = explain::find(&there.assets, wanted).with_context(|| {
        format!(
            "no asset `{}` in the captures: `fossick read` lists them",
            display_safe(wanted)
        )
    })?;
    let mut kept = match &asked.keep {
        Some(file) => policy(file)?.rules,
        None => Vec::new(),
    };
    let by = caller();
    let additions = additions(asked);
    kept.extend(
        additions
            .iter()
            .flat_map(|one| one.rules(&asset.ips(), &by)),
    );
    let vulnerable: Vec<_> = asked
        .vulnerable
        .iter()
        .map(|one| (one.transport, one.port))
        .collect();
    let question = Question {
        asset,
        demand: demand(asked, asset)?,
        conversations: &there.conversations,
        heard: &there.spans,
        zones: &asked.zone,
        vulnerable: &vulnerable,
        kept: &kept,
        from_little: asked.from_little,
    };
    Ok(propose(question)?)
}

/// Who runs this, as the kernel states it.
fn caller() -> String {
    let uid = nix::unistd::Uid::current();
    let user = nix::unistd::User::from_uid(uid).ok().flatten();
    user.map_or_else(|| format!("user {uid}"), |user| user.name)
}

fn additions(asked: &Propose) -> Vec<Addition> {
    let reason = asked.because.clone().unwrap_or_default();
    let allow = asked.allow.iter().cloned();
    let because = |one| Addition {
        reason: reason.clone(),
        ..one
    };
    allow.map(because).collect()
}

/// Why: as somebody says, or else a finding of the asset that no patch closes.
fn demand(asked: &Propose, asset: &Asset) -> anyhow::Result<Demand> {
    if let Some(reason) = asked.reason.clone() {
        let source = asked.source.clone().unwrap_or_default();
        return Ok(Demand {
            reason,
            source,
            finding: None,
        });
    }
    let found = demands(asset).into_iter().next();
    found.with_context(|| {
        format!(
            "{} has no finding that no patch closes: say why it must be fenced in with --reason and --source",
            display_safe(&asset.label())
        )
    })
}

fn from_sensor(out: &mut dyn Write, at: &Where, asked: &Propose) -> anyhow::Result<()> {
    let mut sensor = Sensor::connect(at)?;
    let assets = if let Some(asset) = &asked.asset {
        whole(&mut sensor, asset)?
    } else {
        let mut all = Vec::new();
        loop {
            let request = Request::Assets {
                filter: "unpatchable:yes".to_owned(),
                sort: String::new(),
                offset: all.len(),
                limit: 500,
                whole: true,
            };
            let Reply::Assets { total, assets } = sensor.ask(&request)? else {
                return Err(unexpected());
            };
            let ended = assets.is_empty();
            all.extend(assets);
            if ended || all.len() >= total {
                break all;
            }
        }
    };
    let mut refused = 0_usize;
    for asset in &assets {
        let propose = Step::Propose {
            demand: demand(asked, asset)?,
            zones: asked.zone.clone(),
            vulnerable: asked.vulnerable.clone(),
            additions: additions(asked),
            from_little: asked.from_little,
        };
        let done =
            step(&mut sensor, &asset.id, propose).and_then(|()| told(out, &mut sensor, &asset.id));
        match done {
            Ok(()) => {}
            Err(error) if asked.all_unpatchable => {
                refused = refused.saturating_add(1);
                eprintln!("fossick: {}: {error:#}", display_safe(&asset.label()));
            }
            Err(error) => return Err(error),
        }
    }
    if asked.all_unpatchable {
        let proposed = assets.len().saturating_sub(refused);
        writeln!(out, "{proposed} controls proposed, {refused} refused")?;
    }
    Ok(())
}

fn whole(sensor: &mut Sensor, asset: &str) -> anyhow::Result<Vec<Asset>> {
    let asset = asset.to_owned();
    match sensor.ask(&Request::Asset { asset })? {
        Reply::Assets { assets, .. } => Ok(assets),
        _ => Err(unexpected()),
    }
}

fn policy(file: &PathBuf) -> anyhow::Result<Policy> {
    let text = if file.as_os_str() == "-" {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        text
    } else {
        fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?
    };
    serde_json::from_str(&text).with_context(|| {
        format!(
            "{}: a policy is wanted, as `fossick control propose --capture` prints it",
            file.display()
        )
    })
}

fn tried(out: &mut dyn Write, at: &Where, asked: &DryRun) -> anyhow::Result<()> {
    let (policy, conversations) = match &asked.one.policy {
        Some(file) if asked.capture.is_empty() => bail!(
            "name the captures to try {} on, with --capture",
            file.display()
        ),
        Some(file) => (policy(file)?, listen(&asked.capture)?.conversations),
        None => {
            let mut sensor = Sensor::connect(at)?;
            let asset = asked.one.asset.as_deref().unwrap_or_default();
            step(&mut sensor, asset, Step::DryRun)?;
            let control = control(&mut sensor, Some(asset))?;
            let mut all = Vec::new();
            for address in &control.policy.addresses {
                all.extend(sensor.conversations(&address.to_string())?.0);
            }
            (control.policy, all)
        }
    };
    let trials = dry_run(&policy, &conversations);
    for trial in &trials {
        if asked.one.format == Print::Json {
            writeln!(out, "{}", serde_json::to_string(trial)?)?;
            continue;
        }
        let one = trial.conversation;
        let (word, why) = match trial.verdict {
            Verdict::Allowed { rule } => ("passes ", format!("rule {rule}")),
            Verdict::Blocked { why: Some(why) } => ("STOPPED", why.to_string()),
            Verdict::Blocked { why: None } => ("STOPPED", "no rule allows it".to_owned()),
        };
        let (line, packet) = (ends(one), packet(&one.evidence));
        writeln!(out, "{word}  {line}  {why}  ({packet})")?;
        for asked in &trial.new_operations {
            let packet = self::packet(&asked.evidence);
            let name = display_safe(&asked.name);
            writeln!(
                out,
                "         new: {name}, which a packet filter lets through  ({packet})"
            )?;
        }
    }
    if asked.one.format == Print::Table {
        let stopped = |verdict| matches!(verdict, Verdict::Blocked { .. });
        let count = trials.iter().filter(|trial| stopped(trial.verdict)).count();
        let passed = trials.len().saturating_sub(count);
        writeln!(
            out,
            "{passed} would have passed, {count} would have been stopped"
        )?;
    }
    Ok(())
}

fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    }
}

fn ends(one: &Conversation) -> String {
    let (client, server) = (one.client.address, one.server.address);
    let port = one.port.map_or("?".to_owned(), |port| port.to_string());
    format!("{client} → {server} {}/{port}", transport(one.transport))
}

fn packet(evidence: &fossick_model::Evidence) -> String {
    let capture = display_safe(&evidence.capture);
    format!("{capture} frame {}", evidence.frames.first())
}

/// A control in a line.
fn sentence(out: &mut dyn Write, control: &Control) -> io::Result<()> {
    let Control {
        policy,
        state,
        waits,
    } = control;
    let (id, label) = (&policy.asset, display_safe(&policy.label));
    write!(out, "{id}  {label}  {}", state.name())?;
    match state {
        ControlState::Proposed { by, at }
        | ControlState::Approved { by, at }
        | ControlState::Exported { by, at, .. } => write!(out, " by {} at {at}", display_safe(by))?,
        ControlState::DryRun { passes, stops, .. } => {
            write!(
                out,
                ": {passes} conversations would have passed, {stops} not"
            )?;
        }
        ControlState::Deployed { by, at, least } => {
            write!(
                out,
                " by {} at {at}, watched for {least} seconds at least",
                display_safe(by)
            )?;
        }
        ControlState::Verified {
            since,
            until,
            allowed,
            attempts,
            ..
        } => write!(
            out,
            ": {allowed} allowed conversations went on from {since} to {until}, nothing else went through ({attempts} tried)"
        )?,
        ControlState::Violated {
            conversation,
            evidence,
            ..
        } => write!(
            out,
            ": {} went through ({})",
            ends(conversation),
            packet(evidence)
        )?,
        ControlState::Stale { reason } => match reason {
            fossick_model::Staleness::DemandChanged { now } => {
                write!(out, ": its reason is now {}", display_safe(&now.source))?;
            }
            fossick_model::Staleness::BaselineChanged { conversation } => {
                write!(out, ": it was made without {}", ends(conversation))?;
            }
            fossick_model::Staleness::NewAddress { address } => {
                write!(out, ": {address} is not fenced in")?;
            }
        },
    }
    if let Some(waits) = waits {
        write!(out, "; {}", display_safe(waits))?;
    }
    writeln!(out)
}

fn show(
    out: &mut dyn Write,
    policy: &Policy,
    control: Option<&Control>,
    format: Print,
) -> anyhow::Result<()> {
    if format == Print::Json {
        let text = match control {
            Some(control) => serde_json::to_string_pretty(control)?,
            None => serde_json::to_string_pretty(policy)?,
        };
        return Ok(writeln!(out, "{text}")?);
    }
    if let Some(control) = control {
        sentence(out, control)?;
    }
    let learnt = &policy.learnt;
    let baseline = &learnt.baseline;
    let (reason, source) = (&policy.demand.reason, &policy.demand.source);
    writeln!(out, "  why        {}", display_safe(reason))?;
    writeln!(out, "  source     {}", display_safe(source))?;
    writeln!(
        out,
        "  learnt     conversations {}, hours heard {}, until {}{}",
        baseline.conversations,
        baseline.hours,
        learnt.last,
        if learnt.short {
            "; SHORTER than is wanted, and accepted"
        } else {
            ""
        }
    )?;
    let quiet = baseline.quiet_hours;
    if baseline.growing {
        writeln!(
            out,
            "  baseline   STILL GROWING: something new came {quiet} hours before its end"
        )?;
    } else {
        writeln!(out, "  baseline   nothing new in its last {quiet} hours")?;
    }
    if let Some(words) = fossick_controls::may_break(policy) {
        writeln!(out, "  MAY BREAK  {words}")?;
    }
    for rule in &policy.rules {
        let (from, to) = match rule.direction {
            Way::Inbound => (rule.peer.to_string(), rule.local.to_string()),
            Way::Outbound => (rule.local.to_string(), rule.peer.to_string()),
        };
        let origin = match &rule.origin {
            Origin::Baseline { evidence } => packet(evidence),
            Origin::Operator { by, reason } => {
                format!("added by {}: {}", display_safe(by), display_safe(reason))
            }
        };
        let protocol = rule
            .protocol
            .as_deref()
            .map(display_safe)
            .unwrap_or_default();
        let asked = display_safe(&rule.operations.join(", "));
        let (number, service) = (rule.number, transport(rule.transport));
        writeln!(
            out,
            "  rule {number:<5} {from} → {to} {service}/{} {protocol}  ({origin})",
            rule.port
        )?;
        if !asked.is_empty() {
            let more = if rule.more_operations {
                ", and more"
            } else {
                ""
            };
            writeln!(out, "             asks: {asked}{more}")?;
        }
    }
    for left in &policy.left_out {
        let (ends, packet) = (
            ends(&left.conversation),
            packet(&left.conversation.evidence),
        );
        writeln!(out, "  left out   {ends}  {}  ({packet})", left.why)?;
    }
    Ok(())
}

fn waited(out: &mut dyn Write, at: &Where, asked: &WatchFor) -> anyhow::Result<bool> {
    let mut sensor = Sensor::connect(at)?;
    let until = Instant::now().checked_add(Duration::from_secs(asked.patience));
    loop {
        let control = control(&mut sensor, Some(&asked.asset))?;
        let in_time = until.is_some_and(|until| Instant::now() < until);
        if matches!(control.state, ControlState::Deployed { .. }) && in_time {
            sleep(LOOK);
            continue;
        }
        sentence(out, &control)?;
        out.flush()?;
        return Ok(matches!(control.state, ControlState::Verified { .. }));
    }
}
