//! `fossick report`: one page for people who would rather look, of captures or of a running sensor, and the same for programs.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use fossick_engine::{Counters, Engine, Inventory, Locality};
use fossick_model::{Asset, Baseline, Conversation, Finding, Span, Status, Time};
use fossick_report::{Decisions, Exploited, Knowledge, Report, Zone};
use fossick_shadow::Approvals;
use jiff::civil::Date;

use crate::capture::Captures;
use crate::client::{Sensor, Where};
use crate::config::{Config, Criticality};
use crate::{audit, controls, intel, knowledge, shadow, table};

/// Arguments of `fossick report`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Report on captures (files or folders, may be given several times) instead of on a running sensor
    #[arg(long, value_name = "FILE")]
    capture: Vec<PathBuf>,
    /// What the world knows, as `fossick intel import` made it: advisories, lifecycles, what is exploited. For a sensor, by
    /// default the knowledge of this machine
    #[arg(long, value_name = "FILE")]
    knowledge: Option<PathBuf>,
    /// The configuration: name of the site, zones, protocols that are off
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The day it is judged by; by default that of the last packet of captures, and the sensor's today
    #[arg(long, value_name = "DATE")]
    as_of: Option<Date>,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Html)]
    format: Format,
    /// Where to; - is standard output
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    sensor: Where,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(clippy::doc_markdown, reason = "the command's help prints it")]
enum Format {
    /// One page for people: no scripts, nothing fetched, printable
    Html,
    /// A row for each asset, for a spreadsheet
    Csv,
    /// Summary, assets, conversations and decisions, for programs
    Json,
    /// CycloneDX 1.6: devices, firmware, operating systems
    Cyclonedx,
    /// CycloneDX 1.6 VEX: which advisory concerns which device, and what can be done
    Vex,
}

impl From<Format> for fossick_report::Format {
    fn from(format: Format) -> fossick_report::Format {
        match format {
            Format::Html => fossick_report::Format::Html,
            Format::Csv => fossick_report::Format::Csv,
            Format::Json => fossick_report::Format::Json,
            Format::Cyclonedx => fossick_report::Format::CycloneDx,
            Format::Vex => fossick_report::Format::Vex,
        }
    }
}

/// What was heard, wherever it was.
struct Heard {
    assets: Vec<Asset>,
    conversations: Vec<Conversation>,
    spans: Vec<Span>,
    sources: Vec<String>,
    site: String,
    today: Option<Date>,
    unread: Vec<String>,
    decisions: Decisions,
    /// Everything was read to its end.
    whole: bool,
}

/// Writes the report. Whether everything was read to its end.
///
/// # Errors
/// Captures, knowledge or configuration cannot be read, no sensor answers, or the report cannot be written.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let config = arguments.config.as_deref().map(Config::load).transpose()?;
    let known = known(arguments)?;
    let mut heard = if arguments.capture.is_empty() {
        asked(&arguments.sensor)?
    } else {
        listened(&arguments.capture, config.as_ref(), known.as_ref())?
    };
    let as_of = day(arguments.as_of, &heard)?;
    let mut held = None;
    if let Some(known) = &known {
        // A sensor has judged, and persons have decided about what it found.
        if !arguments.capture.is_empty() || arguments.knowledge.is_some() {
            judge(&mut heard.assets, known, as_of)?;
        }
        held = Some(of(known)?);
    } else if heard
        .assets
        .iter()
        .any(|asset| asset.findings.iter().any(|it| it.verdict.is_some()))
    {
        // The sensor judged them by knowledge of its own.
        held = Some(Knowledge::default());
    }
    let zones: Vec<Zone> = config
        .iter()
        .flat_map(|config| &config.zones)
        .map(zone)
        .collect();
    let place = |vlans: &[u16], addresses: &[IpAddr]| {
        let found = config
            .as_ref()
            .and_then(|config| config.zone(vlans, addresses));
        found.map(str::to_owned)
    };
    let detectors = detectors(config.as_ref());
    let site = config
        .as_ref()
        .map(|config| config.site.clone())
        .filter(|site| !site.is_empty());
    if let Some(config) = config
        .as_ref()
        .filter(|config| !config.detectors.off.is_empty())
    {
        heard.unread.push(format!(
            "switched off by the configuration: {}",
            config.detectors.off.join(", ")
        ));
    }
    let report = Report {
        site: &site.unwrap_or(heard.site),
        version: env!("CARGO_PKG_VERSION"),
        as_of,
        sources: &heard.sources,
        assets: &heard.assets,
        conversations: &heard.conversations,
        baseline: &Baseline::of(&heard.conversations, &heard.spans),
        zones: &zones,
        place: &place,
        decisions: &heard.decisions,
        knowledge: held.as_ref(),
        detectors: &detectors,
        unread: &heard.unread,
    };
    put(&arguments.out, |out| {
        fossick_report::write(&report, arguments.format.into(), out)
    })?;
    Ok(heard.whole)
}

/// The knowledge file: the one that is named, or for a sensor the machine's own, where it is.
fn known(arguments: &Arguments) -> anyhow::Result<Option<fossick_risk::Knowledge>> {
    let usual = Path::new(intel::KNOWLEDGE);
    match &arguments.knowledge {
        Some(path) => intel::open(path).map(Some),
        None if arguments.capture.is_empty() && usual.exists() => intel::open(usual).map(Some),
        None => Ok(None),
    }
}

/// Which day it is judged by.
fn day(wanted: Option<Date>, heard: &Heard) -> anyhow::Result<Date> {
    if let Some(day) = wanted.or(heard.today) {
        return Ok(day);
    }
    let last = heard
        .assets
        .iter()
        .map(|asset| asset.last_seen)
        .max()
        .unwrap_or(Time(0));
    date(last).context("the last packet has no date: name the day with --as-of")
}

fn date(time: Time) -> Option<Date> {
    time.to_string().get(..10)?.parse().ok()
}

/// Advisories and lifecycles anew; what detectors found stays.
fn judge(assets: &mut [Asset], known: &fossick_risk::Knowledge, as_of: Date) -> anyhow::Result<()> {
    let detected = |asset: &Asset| -> Vec<Finding> {
        let found = asset
            .findings
            .iter()
            .filter(|finding| finding.verdict.is_none());
        found.cloned().collect()
    };
    let kept: Vec<Vec<Finding>> = assets
        .iter()
        .flat_map(|asset| std::iter::once(asset).chain(&asset.children))
        .map(detected)
        .collect();
    intel::judge(assets, known, Some(&as_of.to_string()))?;
    let mut kept = kept.into_iter();
    for asset in assets {
        asset.findings.extend(kept.next().unwrap_or_default());
        for child in &mut asset.children {
            child.findings.extend(kept.next().unwrap_or_default());
        }
    }
    Ok(())
}

/// How old the feeds are, and what is known to be exploited.
fn of(known: &fossick_risk::Knowledge) -> anyhow::Result<Knowledge> {
    let mut held = Knowledge::default();
    known.scan("f/", |record| {
        let feed = record.key.trim_start_matches("f/").to_owned();
        held.feeds.insert(feed, record.value.clone());
        true
    })?;
    known.scan("k/", |record| {
        let mut parts = record.value.split('\t').skip(1).map(str::to_owned);
        let (name, action) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        let due = parts
            .next()
            .and_then(|due| due.trim_start_matches("due ").parse().ok());
        let cve = record.key.trim_start_matches("k/").to_owned();
        held.exploited.insert(cve, Exploited { name, action, due });
        true
    })?;
    Ok(held)
}

fn zone(zone: &crate::config::Zone) -> Zone {
    let criticality = zone.criticality.map(|criticality| match criticality {
        Criticality::Low => "low",
        Criticality::Medium => "medium",
        Criticality::High => "high",
        Criticality::Safety => "safety",
    });
    Zone {
        name: zone.name.clone(),
        purdue: zone.purdue,
        criticality: criticality.map(str::to_owned),
        owner: zone.owner.clone(),
    }
}

/// Detectors that are on.
fn detectors(config: Option<&Config>) -> Vec<String> {
    let off = |name: &str| {
        config.is_some_and(|config| config.detectors.off.iter().any(|off| off == name))
    };
    let names = fossick_shadow::DETECTORS
        .iter()
        .map(|detector| detector.name);
    names.filter(|name| !off(name)).map(str::to_owned).collect()
}

/// What captures say.
fn listened(
    files: &[PathBuf],
    config: Option<&Config>,
    known: Option<&fossick_risk::Knowledge>,
) -> anyhow::Result<Heard> {
    let folder = |of: fn(&Config) -> Option<&Path>| config.and_then(of);
    let mut fingerprints = knowledge::load(
        folder(|config| config.fingerprints.as_deref()),
        folder(|config| config.recog.as_deref()),
    )?;
    if let Some(known) = known {
        knowledge::add_imported(&mut fingerprints, known)?;
    }
    let mut captures = Captures::open(files)?;
    let mut unread: Vec<String> = Vec::new();
    let refused: Vec<String> = captures.refused().iter().map(ToString::to_string).collect();
    let locality = config.map_or_else(Locality::default, Config::locality);
    let mut inventory = Inventory::new(locality, false);
    let names = captures.names();
    for name in &names {
        inventory.capture(name);
    }
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    let off = config
        .map(|config| config.detectors.off.as_slice())
        .unwrap_or_default();
    let mut engine = Engine::new(threads, off);
    while let Some(batch) = captures.next_batch() {
        engine.read(&Arc::new(batch), &mut inventory);
    }
    engine.finish(&mut inventory);
    let counters = Counters {
        addresses_refused: inventory.held().refused,
        ..engine.counters().clone()
    };
    let troubles: Vec<String> = captures
        .troubles()
        .iter()
        .map(ToString::to_string)
        .collect();
    for trouble in refused.iter().chain(&troubles) {
        eprintln!("fossick: {trouble}");
    }
    unread.extend(refused.iter().chain(&troubles).cloned());
    unread.extend(table::not_read(&counters));
    let whole = refused.is_empty() && troubles.is_empty();
    let conversations = inventory.conversations();
    let mut assets = inventory.assets(&fingerprints, false);
    let zones = config.map(shadow::zones).unwrap_or_default();
    let approvals = Approvals::new(Vec::new());
    shadow::detect(&mut assets, &conversations, &zones, &approvals, off);
    Ok(Heard {
        conversations,
        spans: inventory.spans(),
        assets,
        sources: names.iter().map(ToString::to_string).collect(),
        site: String::new(),
        today: None,
        unread,
        decisions: Decisions::default(),
        whole,
    })
}

/// What a running sensor says.
fn asked(at: &Where) -> anyhow::Result<Heard> {
    let mut sensor = Sensor::connect(at)
        .context("a report is made of a running sensor, or of captures with --capture FILE")?;
    let status = sensor.status()?;
    let assets = sensor.inventory()?;
    let (conversations, spans) = sensor.conversations("")?;
    let decisions = Decisions {
        controls: controls::controls(&mut sensor, "")?,
        exceptions: audit::held(&mut sensor)?
            .into_iter()
            .filter_map(exception)
            .collect(),
    };
    let sources = status
        .interfaces
        .iter()
        .map(|it| format!("interface {}", it.name));
    Ok(Heard {
        assets,
        conversations,
        spans,
        sources: sources.collect(),
        today: date(status.now),
        unread: unheard(&status),
        site: status.site,
        decisions,
        whole: true,
    })
}

/// An accepted risk, as the report has it; what was declared is a finding of its own.
fn exception(held: fossick_model::Exception) -> Option<fossick_report::Exception> {
    Some(fossick_report::Exception {
        asset: held.asset,
        finding: Some(held.finding),
        by: held.acceptance.by.label(),
        reason: held.acceptance.reason,
        until: date(held.acceptance.until)?,
    })
}

/// What a sensor dropped, gave up or could not read.
fn unheard(status: &Status) -> Vec<String> {
    let mut lines = Vec::new();
    for one in &status.interfaces {
        let name = &one.name;
        if one.state != "listening" {
            lines.push(format!("interface {name}: {}", one.state));
        }
        if one.dropped > 0 {
            lines.push(format!(
                "interface {name}: {} frames dropped because the machine was too slow",
                one.dropped
            ));
        }
        if one.interface_dropped > 0 {
            lines.push(format!(
                "interface {name}: {} frames dropped by the interface itself",
                one.interface_dropped
            ));
        }
    }
    if status.store.state != "writing" {
        lines.push(format!("the store: {}", status.store.state));
    }
    for fill in status.limits.iter().filter(|fill| fill.given_up > 0) {
        lines.push(format!(
            "{}: {} given up or refused, the limit is {}",
            fill.name, fill.given_up, fill.most
        ));
    }
    for count in status.counts.iter().filter(|count| count.count > 0) {
        let (of, n) = (&count.of, count.count);
        lines.push(match count.name.as_str() {
            "duplicates" => format!("{n} frames seen twice (mirrored in and out) counted once"),
            "panics" => format!("{n} frames lost to a bug of Fossick's: please report them"),
            "too_long" => format!("{n} messages too long to be put together"),
            "not_decoded" => format!("{n} frames not decoded: {of}"),
            "not_understood" => format!("{n} frames of {of} not read: no parser for it"),
            "faults" => format!("{n} messages broke their specification; read up to there: {of}"),
            _ => continue,
        });
    }
    lines
}

/// Writes whole or not at all: beside its place, then renamed into it.
fn put(to: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    if to.as_os_str() == "-" {
        let mut out = BufWriter::new(io::stdout().lock());
        write(&mut out)?;
        out.flush()?;
        return Ok(());
    }
    let writing = || format!("writing {}", to.display());
    let is_special = std::fs::metadata(to).is_ok_and(|about| !about.is_file());
    if is_special {
        if to.is_dir() {
            bail!("{} is a folder: name a file in it", to.display());
        }
        let mut out = BufWriter::new(
            OpenOptions::new()
                .write(true)
                .open(to)
                .with_context(writing)?,
        );
        write(&mut out).with_context(writing)?;
        return out.flush().with_context(writing);
    }
    let mut name = to.file_name().with_context(writing)?.to_os_string();
    name.push(format!(".{}.new", std::process::id()));
    let beside = to.with_file_name(name);
    let written = (|| -> io::Result<()> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&beside)?;
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()?;
        std::fs::rename(&beside, to)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written.with_context(writing)
}
