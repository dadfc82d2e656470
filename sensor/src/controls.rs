//! `fossick control`: a policy from what was heard, what it would have stopped, and its words for a device.

use std::fs;
use std::io::{self, Read, Write};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use fossick_controls::{Format, Question, Verdict, dry_run, propose, render};
use fossick_model::{Asset, Conversation, Demand, Network, Policy, Transport};

use crate::safe::display_safe;

/// What `fossick control` is asked to do.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the least policy that the asset's conversations need, as JSON
    Propose(Propose),
    /// Say what a policy would have done to what was heard
    DryRun(DryRun),
    /// Print a policy in the words of a device
    Export(Export),
}

#[derive(Debug, Args)]
struct Propose {
    /// The asset, as `fossick read --format json` prints it; `-` for standard input
    #[arg(long, value_name = "FILE")]
    asset: String,
    /// Its conversations, as JSON Lines; those of others are passed over
    #[arg(long, value_name = "FILE")]
    conversations: String,
    /// Why it must be fenced in
    #[arg(long)]
    reason: String,
    /// The row of the advisory or lifecycle that says so, quoted
    #[arg(long)]
    source: String,
    /// A network of a zone, whose hosts count as one peer: 10.0.0.0/24
    #[arg(long, value_name = "NETWORK")]
    zone: Vec<Network>,
    /// A service that the finding is about, to be left out: tcp/445
    #[arg(long, value_name = "SERVICE", value_parser = service)]
    vulnerable: Vec<(Transport, u16)>,
    /// An earlier policy, whose rules added by operators stay
    #[arg(long, value_name = "FILE")]
    keep: Option<String>,
}

#[derive(Debug, Args)]
struct DryRun {
    /// The policy; `-` for standard input
    #[arg(default_value = "-")]
    policy: String,
    /// What was heard, as JSON Lines
    #[arg(long, value_name = "FILE")]
    conversations: String,
    /// As a table, or as JSON Lines
    #[arg(long, value_enum, default_value = "table")]
    format: Print,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Print {
    Table,
    Json,
}

#[derive(Debug, Args)]
struct Export {
    /// The policy; `-` for standard input
    #[arg(default_value = "-")]
    policy: String,
    /// For what kind of device
    #[arg(long, value_enum)]
    format: Device,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Device {
    Nftables,
    CiscoIos,
    Json,
}

fn service(text: &str) -> Result<(Transport, u16), &'static str> {
    let wrong = "a transport and a port are wanted: tcp/445";
    let (transport, port) = text.split_once('/').ok_or(wrong)?;
    let transport = match transport {
        "tcp" => Transport::Tcp,
        "udp" => Transport::Udp,
        _ => return Err(wrong),
    };
    Ok((transport, port.parse().map_err(|_| wrong)?))
}

/// Does it.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match &arguments.command {
        Command::Propose(asked) => {
            let policy = proposed(asked)?;
            writeln!(out, "{}", serde_json::to_string_pretty(&policy)?)?;
        }
        Command::DryRun(asked) => {
            let policy = policy(&asked.policy)?;
            let heard = conversations(&asked.conversations)?;
            tell(&mut out, &policy, &heard, asked.format)?;
        }
        Command::Export(asked) => {
            let format = match asked.format {
                Device::Nftables => Format::Nftables,
                Device::CiscoIos => Format::CiscoIos,
                Device::Json => Format::Json,
            };
            out.write_all(render(&policy(&asked.policy)?, format)?.as_bytes())?;
        }
    }
    Ok(())
}

fn proposed(asked: &Propose) -> anyhow::Result<Policy> {
    let asset: Asset = serde_json::from_str(&text(&asked.asset)?)
        .with_context(|| format!("{}: one asset is wanted", asked.asset))?;
    let conversations = conversations(&asked.conversations)?;
    let kept = match &asked.keep {
        Some(file) => policy(file)?.rules,
        None => Vec::new(),
    };
    let question = Question {
        asset: &asset,
        demand: Demand {
            reason: asked.reason.clone(),
            source: asked.source.clone(),
        },
        conversations: &conversations,
        zones: &asked.zone,
        vulnerable: &asked.vulnerable,
        kept: &kept,
    };
    Ok(propose(question)?)
}

fn text(file: &str) -> anyhow::Result<String> {
    if file == "-" {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(file).with_context(|| file.to_owned())
}

fn policy(file: &str) -> anyhow::Result<Policy> {
    serde_json::from_str(&text(file)?).with_context(|| format!("{file}: a policy is wanted"))
}

fn conversations(file: &str) -> anyhow::Result<Vec<Conversation>> {
    let text = text(file)?;
    let mut all = Vec::new();
    for (line, number) in text.lines().zip(1_u64..) {
        if !line.trim().is_empty() {
            let one = serde_json::from_str(line)
                .with_context(|| format!("{file}, line {number}: a conversation is wanted"))?;
            all.push(one);
        }
    }
    if all.is_empty() {
        bail!("{file} holds no conversation");
    }
    Ok(all)
}

fn tell(
    out: &mut dyn Write,
    policy: &Policy,
    heard: &[Conversation],
    format: Print,
) -> anyhow::Result<()> {
    for trial in dry_run(policy, heard) {
        if matches!(format, Print::Json) {
            writeln!(out, "{}", serde_json::to_string(&trial)?)?;
            continue;
        }
        let one = trial.conversation;
        let transport = match one.transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        let (word, why) = match trial.verdict {
            Verdict::Allowed { rule } => ("allowed", format!("rule {rule}")),
            Verdict::Blocked { why: Some(why) } => ("BLOCKED", why.to_string()),
            Verdict::Blocked { why: None } => ("BLOCKED", "not in the baseline".to_owned()),
        };
        let (client, server, port) = (one.client.address, one.server.address, one.port);
        write!(out, "{word}  {client} → {server} {transport}/{port}  {why}")?;
        if !trial.new_operations.is_empty() {
            let new = display_safe(&trial.new_operations.join(", "));
            write!(out, "; new, and a packet filter lets it through: {new}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}
