//! The commands that speak to a running sensor through its control socket.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use fossick_model::{
    Asset, Baseline, Change, Conversation, FIELDS, Hello, Order, Reply, Request, Span, Status,
    Term, Time, VERSION,
};

use crate::chunks::{ChunkReader, ChunkWriter};
use crate::config::SOCKET;
use crate::outlet::syslog;
use crate::safe::display_safe;
use crate::{conversations, explain, read, store, table};

/// Assets asked for at once.
const WINDOW: usize = 500;

/// Which sensor.
#[derive(Debug, Clone, Args)]
pub struct Where {
    /// Its control socket
    #[arg(long, global = true, default_value = SOCKET, value_name = "PATH")]
    pub(crate) socket: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One JSON object a line, for programs
    Json,
}

/// Arguments of `fossick assets`.
#[derive(Debug, Args)]
pub struct Assets {
    /// Filter: kind:plc vendor:siemens -zone:dmz port:102 os:"windows xp" seen<7d /regex/
    filter: Vec<String>,
    /// How they are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Column to sort by; a leading - turns the order
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    sort: String,
    /// List so many at most
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
    /// List the fields of the filter language
    #[arg(long)]
    fields: bool,
    #[command(flatten)]
    sensor: Where,
}

/// Arguments of `fossick asset`.
#[derive(Debug, Args)]
pub struct One {
    /// Id, address or name
    asset: String,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write the packets that prove what is known of it, for Wireshark; payload that proves nothing is zeroed
    #[arg(long, value_name = "PCAPNG")]
    evidence: Option<PathBuf>,
    #[command(flatten)]
    sensor: Where,
}

/// Arguments of `fossick changes`.
#[derive(Debug, Args)]
pub struct Changes {
    /// Go on as things happen, until interrupted
    #[arg(long)]
    follow: bool,
    /// Begin after this entry of the journal
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// How they are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    sensor: Where,
}

/// Arguments of `fossick conversations`.
#[derive(Debug, Args)]
pub struct Conversations {
    /// Only those with this address, or with an asset that passes this filter: 10.66.0.12, or kind:plc vendor:siemens
    filter: Vec<String>,
    /// Say how far they may be taken for all that there are, instead of listing them
    #[arg(long)]
    baseline: bool,
    /// How they are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    sensor: Where,
}

/// Arguments of `fossick status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    sensor: Where,
}

/// Arguments of `fossick ingest`.
#[derive(Debug, Args)]
pub struct Ingest {
    /// Captures
    #[arg(required = true, value_name = "FILE")]
    captures: Vec<PathBuf>,
    #[command(flatten)]
    sensor: Where,
}

/// Arguments of `fossick order`.
#[derive(Debug, Args)]
pub struct OrderArguments {
    /// Id, address or name of the asset
    asset: String,
    #[command(subcommand)]
    order: OrderCommand,
    #[command(flatten)]
    sensor: Where,
}

#[derive(Debug, Subcommand)]
enum OrderCommand {
    /// I have seen it: it is no news any more
    Acknowledge,
    /// Call it this; without a name, take the name away
    Rename { name: Option<String> },
    /// Note this of it; without a text, take the note away
    Annotate { note: Option<String> },
    /// It is of this kind; without a word, take that back
    Kind { kind: Option<String> },
    /// Another asset is this one
    Merge { with: String },
    /// An address of it belongs to an asset of its own
    Split { address: String },
    /// Remove it and what is known of it
    Forget,
    /// It belongs here: put it on the list of approved assets
    Sanction,
    /// It does not belong here, and is to be taken off the network
    Refuse,
    /// I have seen this finding of it
    AcknowledgeFinding { finding: String },
    /// I answer for leaving this finding as it is, until the end of a day
    Accept {
        finding: String,
        #[command(flatten)]
        answered: Answered,
    },
    /// What was decided about this finding holds no longer
    Reopen { finding: String },
    /// It cannot be patched, and I answer for that until the end of a day
    DeclareUnpatchable {
        #[command(flatten)]
        answered: Answered,
    },
    /// It was declared unpatchable, and is not
    Withdraw,
}

#[derive(Debug, Args)]
struct Answered {
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The last day on which that holds (UTC): 2026-12-31
    #[arg(long, value_name = "DATE", value_parser = end_of)]
    until: Time,
}

impl Answered {
    fn term(&self) -> Term {
        Term {
            reason: self.reason.clone(),
            until: self.until,
        }
    }
}

fn end_of(day: &str) -> Result<Time, &'static str> {
    Time::end_of(day).ok_or("a day is wanted: 2026-12-31")
}

/// Arguments of `fossick store`.
#[derive(Debug, Args)]
pub struct StoreArguments {
    #[command(subcommand)]
    command: StoreCommand,
    #[command(flatten)]
    sensor: Where,
    /// The store's file, where no sensor is running
    #[arg(
        long,
        global = true,
        default_value = "/var/lib/fossick/fossick.redb",
        value_name = "FILE"
    )]
    file: PathBuf,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Say whether it is whole
    Check,
    /// Give unused space back
    Compact,
    /// Copy it as it stands
    Backup { to: PathBuf },
    /// Put a backup in its place
    Restore { from: PathBuf },
}

/// A conversation with a sensor.
pub(crate) struct Sensor {
    reader: BufReader<UnixStream>,
}

impl Sensor {
    pub(crate) fn connect(at: &Where) -> anyhow::Result<Sensor> {
        let path = &at.socket;
        let stream = UnixStream::connect(path).with_context(|| {
            format!("no sensor answers on {}: is it running, and are you a member of its group? (--socket names another)", path.display())
        })?;
        let mut sensor = Sensor {
            reader: BufReader::new(stream),
        };
        sensor.send(&Hello::ours())?;
        let line = sensor.line()?.context("the sensor hung up")?;
        match serde_json::from_str::<Hello>(&line) {
            Ok(hello) if hello.version == VERSION => Ok(sensor),
            Ok(hello) => bail!(
                "the sensor speaks version {} of the control protocol, this command version {VERSION}: use the command of the sensor's version",
                hello.version
            ),
            Err(_) => match serde_json::from_str::<Reply>(&line) {
                Ok(Reply::Refused { why, .. }) => bail!("{why}"),
                _ => bail!("what answers on {} is no sensor", path.display()),
            },
        }
    }

    pub(crate) fn send(&mut self, message: &impl serde::Serialize) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.reader
            .get_mut()
            .write_all(&line)
            .context("the sensor hung up")
    }

    fn line(&mut self) -> anyhow::Result<Option<String>> {
        let mut line = String::new();
        let read = self
            .reader
            .read_line(&mut line)
            .context("the sensor hung up")?;
        Ok((read > 0).then_some(line))
    }

    /// What it answers, also where it refuses.
    pub(crate) fn any_reply(&mut self) -> anyhow::Result<Reply> {
        let line = self.line()?.context("the sensor hung up")?;
        serde_json::from_str(&line).context("the sensor's answer makes no sense")
    }

    /// How long is waited for an answer.
    pub(crate) fn patience(&self, longest: std::time::Duration) -> anyhow::Result<()> {
        Ok(self.reader.get_ref().set_read_timeout(Some(longest))?)
    }

    pub(crate) fn reply(&mut self) -> anyhow::Result<Reply> {
        match self.any_reply()? {
            Reply::Refused {
                why,
                position: None,
            } => bail!("{why}"),
            reply => Ok(reply),
        }
    }

    pub(crate) fn ask(&mut self, request: &Request) -> anyhow::Result<Reply> {
        self.send(request)?;
        self.reply()
    }

    /// How it does.
    pub(crate) fn status(&mut self) -> anyhow::Result<Status> {
        match self.ask(&Request::Status)? {
            Reply::Status(status) => Ok(*status),
            _ => Err(unexpected()),
        }
    }

    /// The whole inventory, with everything known of each asset.
    pub(crate) fn inventory(&mut self) -> anyhow::Result<Vec<Asset>> {
        let mut all = Vec::new();
        loop {
            let request = Request::Assets {
                filter: String::new(),
                sort: String::new(),
                offset: all.len(),
                limit: WINDOW,
                whole: true,
            };
            let Reply::Assets { total, assets } = self.ask(&request)? else {
                return Err(unexpected());
            };
            let ended = assets.is_empty();
            all.extend(assets);
            if ended || all.len() >= total {
                return Ok(all);
            }
        }
    }

    /// Conversations that pass a filter, and when anything was heard.
    pub(crate) fn conversations(
        &mut self,
        filter: &str,
    ) -> anyhow::Result<(Vec<Conversation>, Vec<Span>)> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let request = Request::Conversations {
                with: filter.to_owned(),
                after,
                limit: WINDOW,
            };
            match self.ask(&request)? {
                Reply::Conversations {
                    conversations,
                    next,
                    heard,
                } => {
                    all.extend(conversations);
                    match next {
                        Some(next) => after = next,
                        None => return Ok((all, heard)),
                    }
                }
                Reply::Refused { why, position } => bail!("{}", pointed(filter, position, &why)),
                _ => return Err(unexpected()),
            }
        }
    }

    pub(crate) fn upload(&mut self, from: &mut dyn Read) -> anyhow::Result<()> {
        let mut to = ChunkWriter::new(self.reader.get_mut());
        io::copy(from, &mut to)?;
        Ok(to.finish()?)
    }

    /// Octets that follow an answer, so many at most.
    pub(crate) fn octets(&mut self, most: u64) -> anyhow::Result<Vec<u8>> {
        let mut octets = Vec::new();
        let mut from = ChunkReader::new(&mut self.reader);
        (&mut from).take(most).read_to_end(&mut octets)?;
        io::copy(&mut from, &mut io::sink())?;
        Ok(octets)
    }

    fn download(&mut self, to: &Path) -> anyhow::Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(to)
            .with_context(|| format!("creating {}", to.display()))?;
        io::copy(&mut ChunkReader::new(&mut self.reader), &mut file)?;
        file.sync_all()?;
        Ok(())
    }
}

pub(crate) fn unexpected() -> anyhow::Error {
    anyhow::anyhow!(
        "the sensor answered something else than was asked: are both of the same version?"
    )
}

/// `fossick assets`.
///
/// # Errors
/// No sensor answers, or the filter is wrong.
pub fn assets(arguments: &Assets) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    if arguments.fields {
        for field in FIELDS {
            writeln!(
                out,
                "{:<12} {:<38} {}",
                field.name, field.meaning, field.example
            )?;
        }
        return Ok(out.flush()?);
    }
    let filter = arguments.filter.join(" ");
    let mut sensor = Sensor::connect(&arguments.sensor)?;
    let whole = arguments.format == Format::Json;
    let most = arguments.limit.unwrap_or(usize::MAX);
    let mut all = Vec::new();
    let total = loop {
        let request = Request::Assets {
            filter: filter.clone(),
            sort: arguments.sort.clone(),
            offset: all.len(),
            limit: WINDOW.min(most.saturating_sub(all.len())),
            whole,
        };
        let (total, assets) = match sensor.ask(&request)? {
            Reply::Assets { total, assets } => (total, assets),
            Reply::Refused { why, position } => bail!("{}", pointed(&filter, position, &why)),
            _ => return Err(unexpected()),
        };
        let ended = assets.is_empty();
        if whole {
            for asset in &assets {
                serde_json::to_writer(&mut out, asset)?;
                out.write_all(b"\n")?;
            }
        }
        all.extend(assets.into_iter().map(Asset::brief));
        if ended || all.len() >= total.min(most) {
            break total;
        }
    };
    if !whole {
        table::print(&mut out, &all, read::columns())?;
        if all.len() < total {
            writeln!(out, "\n{} of {total} assets", all.len())?;
        } else {
            writeln!(out, "\n{} assets", all.len())?;
        }
    }
    Ok(out.flush()?)
}

/// The filter with a mark under the place where it is wrong.
fn pointed(filter: &str, position: Option<usize>, why: &str) -> String {
    match position {
        Some(position) => format!(
            "the filter is wrong: {}\n  {}\n  {}^",
            display_safe(why),
            display_safe(filter),
            " ".repeat(position)
        ),
        None => display_safe(why),
    }
}

/// `fossick asset`.
///
/// # Errors
/// No sensor answers, or there is no such asset.
pub fn asset(arguments: &One) -> anyhow::Result<()> {
    let mut sensor = Sensor::connect(&arguments.sensor)?;
    let request = Request::Asset {
        asset: arguments.asset.clone(),
    };
    let Reply::Assets { assets, .. } = sensor.ask(&request)? else {
        return Err(unexpected());
    };
    let mut out = BufWriter::new(io::stdout().lock());
    for asset in &assets {
        match arguments.format {
            Format::Table => explain::print(&mut out, asset)?,
            Format::Json => {
                serde_json::to_writer(&mut out, asset)?;
                out.write_all(b"\n")?;
            }
        }
    }
    out.flush()?;
    if let Some(to) = &arguments.evidence {
        let request = Request::Evidence {
            asset: arguments.asset.clone(),
        };
        let Reply::Octets = sensor.ask(&request)? else {
            return Err(unexpected());
        };
        sensor.download(to)?;
        eprintln!(
            "fossick: packets written to {} (all but headers and evidence zeroed)",
            to.display()
        );
    }
    Ok(())
}

/// `fossick changes`.
///
/// # Errors
/// No sensor answers.
pub fn changes(arguments: &Changes) -> anyhow::Result<()> {
    let mut sensor = Sensor::connect(&arguments.sensor)?;
    let mut after = arguments.after.unwrap_or_default();
    let print = |changes: &[Change]| -> anyhow::Result<()> {
        let mut out = BufWriter::new(io::stdout().lock());
        for change in changes {
            match arguments.format {
                Format::Json => {
                    serde_json::to_writer(&mut out, change)?;
                    out.write_all(b"\n")?;
                }
                Format::Table => writeln!(
                    out,
                    "{:>8}  {}  {}",
                    change.seq,
                    change.time,
                    syslog::sentence(change)
                )?,
            }
        }
        Ok(out.flush()?)
    };
    if arguments.follow {
        sensor.send(&Request::Follow {
            after: arguments.after,
        })?;
        while let Reply::Changes { changes } = sensor.reply()? {
            print(&changes)?;
        }
        return Ok(());
    }
    loop {
        let request = Request::Changes {
            after,
            limit: WINDOW,
        };
        let Reply::Changes { changes } = sensor.ask(&request)? else {
            return Err(unexpected());
        };
        let Some(last) = changes.last() else {
            return Ok(());
        };
        after = last.seq;
        print(&changes)?;
    }
}

/// `fossick conversations`.
///
/// # Errors
/// No sensor answers.
pub fn conversations(arguments: &Conversations) -> anyhow::Result<()> {
    let filter = arguments.filter.join(" ");
    let mut sensor = Sensor::connect(&arguments.sensor)?;
    let (mut all, spans) = sensor.conversations(&filter)?;
    all.sort_by_cached_key(|told| {
        let ends = (told.client.clone(), told.server.clone());
        (told.cast, ends, told.port, told.transport)
    });
    let baseline = Baseline::of(&all, &spans);
    let json = arguments.format == Format::Json;
    let shown = conversations::Shown {
        all: &all,
        baseline: &baseline,
        alone: arguments.baseline,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    if json {
        shown.json(&mut out)?;
    } else {
        shown.table(&mut out, read::columns())?;
    }
    Ok(out.flush()?)
}

/// `fossick status`.
///
/// # Errors
/// No sensor answers.
pub fn status(arguments: &StatusArguments) -> anyhow::Result<()> {
    let status = Sensor::connect(&arguments.sensor)?.status()?;
    let mut out = BufWriter::new(io::stdout().lock());
    match arguments.format {
        Format::Json => {
            serde_json::to_writer(&mut out, &status)?;
            out.write_all(b"\n")?;
        }
        Format::Table => crate::health::print(&mut out, &status)?,
    }
    Ok(out.flush()?)
}

/// `fossick ingest`.
///
/// # Errors
/// No sensor answers, or a capture cannot be read.
pub fn ingest(arguments: &Ingest) -> anyhow::Result<()> {
    let mut sensor = Sensor::connect(&arguments.sensor)?;
    for path in &arguments.captures {
        let mut file =
            std::fs::File::open(path).with_context(|| format!("reading {}", path.display()))?;
        let name = path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned();
        sensor.send(&Request::Ingest { name })?;
        sensor.upload(&mut file)?;
        match sensor.reply().with_context(|| path.display().to_string())? {
            Reply::Done { what } => println!("{}: {}", path.display(), display_safe(&what)),
            _ => return Err(unexpected()),
        }
    }
    Ok(())
}

/// `fossick order`.
///
/// # Errors
/// No sensor answers, or the order is refused.
pub fn order(arguments: &OrderArguments) -> anyhow::Result<()> {
    let mut sensor = Sensor::connect(&arguments.sensor)?;
    let order = match &arguments.order {
        OrderCommand::Acknowledge => Order::Acknowledge,
        OrderCommand::Rename { name } => Order::Rename { name: name.clone() },
        OrderCommand::Annotate { note } => Order::Annotate { note: note.clone() },
        OrderCommand::Kind { kind } => Order::SetKind { kind: kind.clone() },
        OrderCommand::Merge { with } => Order::Merge { with: with.clone() },
        OrderCommand::Split { address } => Order::Split {
            address: address.clone(),
        },
        OrderCommand::Forget => Order::Forget,
        OrderCommand::Sanction => Order::Sanction,
        OrderCommand::Refuse => Order::Refuse,
        OrderCommand::AcknowledgeFinding { finding } => Order::AcknowledgeFinding {
            finding: finding.clone(),
        },
        OrderCommand::Accept { finding, answered } => Order::Accept {
            finding: finding.clone(),
            term: Box::new(answered.term()),
        },
        OrderCommand::Reopen { finding } => Order::Reopen {
            finding: finding.clone(),
        },
        OrderCommand::DeclareUnpatchable { answered } => Order::DeclareUnpatchable {
            term: Box::new(answered.term()),
        },
        OrderCommand::Withdraw => Order::Withdraw,
    };
    let request = Request::Order {
        asset: arguments.asset.clone(),
        order,
    };
    match sensor.ask(&request)? {
        Reply::Done { what } => println!("{what}"),
        _ => return Err(unexpected()),
    }
    Ok(())
}

/// `fossick store`.
///
/// # Errors
/// What is wrong with the store, or with the backup.
pub fn store(arguments: &StoreArguments) -> anyhow::Result<()> {
    let running = UnixStream::connect(&arguments.sensor.socket).is_ok();
    if !running {
        return offline(arguments);
    }
    let mut sensor = Sensor::connect(&arguments.sensor)?;
    let reply = match &arguments.command {
        StoreCommand::Check => sensor.ask(&Request::StoreCheck)?,
        StoreCommand::Compact => sensor.ask(&Request::StoreCompact)?,
        StoreCommand::Backup { to } => {
            let Reply::Octets = sensor.ask(&Request::StoreBackup)? else {
                return Err(unexpected());
            };
            sensor.download(to)?;
            println!("{}: {}", to.display(), store::check(to)?);
            return Ok(());
        }
        StoreCommand::Restore { from } => {
            let mut file =
                std::fs::File::open(from).with_context(|| format!("reading {}", from.display()))?;
            sensor.send(&Request::StoreRestore)?;
            sensor.upload(&mut file)?;
            sensor.reply()?
        }
    };
    match reply {
        Reply::Done { what } => println!("{what}"),
        _ => return Err(unexpected()),
    }
    Ok(())
}

fn offline(arguments: &StoreArguments) -> anyhow::Result<()> {
    let file = &arguments.file;
    match &arguments.command {
        StoreCommand::Check => println!("{}", store::check(file)?),
        StoreCommand::Compact => println!("{}", store::compact(file)?),
        StoreCommand::Backup { to } => {
            store::backup(file, to)?;
            println!("{}: {}", to.display(), store::check(to)?);
        }
        StoreCommand::Restore { from } => {
            let summary = store::check(from)?;
            if file.exists() {
                let aside = file.with_extension("before-restore");
                std::fs::rename(file, &aside)?;
                println!("the store that was is {}", aside.display());
            }
            std::fs::copy(from, file).with_context(|| format!("writing {}", file.display()))?;
            println!("{summary}");
        }
    }
    Ok(())
}
