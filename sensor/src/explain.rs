//! One asset explained: each fact with its packet, and those packets as a capture of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use fossick_engine::masked;
use fossick_model::{Asset, Evidence, Finding};

use crate::capture::{Captures, PcapngWriter};
use crate::safe::display_safe;

/// The asset with this address, id or name.
pub fn find<'a>(assets: &'a [Asset], wanted: &str) -> Option<&'a Asset> {
    let wanted = wanted.to_lowercase();
    assets.iter().find(|asset| {
        let addresses = asset.addresses.as_ref();
        let has = |addresses: &fossick_model::Addresses| {
            addresses.mac.contains(&wanted)
                || addresses.ipv4.iter().any(|ip| ip.to_string() == wanted)
                || addresses.ipv6.iter().any(|ip| ip.to_string() == wanted)
        };
        addresses.is_some_and(has)
            || asset.id == wanted
            || asset
                .hostnames
                .iter()
                .any(|name| name.to_lowercase() == wanted)
    })
}

/// Prints what is known of the asset and why.
pub fn print(out: &mut dyn Write, asset: &Asset) -> io::Result<()> {
    if let Some(addresses) = &asset.addresses {
        let all = addresses.mac.iter().cloned();
        let all = all.chain(addresses.ipv4.iter().map(ToString::to_string));
        let all: Vec<String> = all
            .chain(addresses.ipv6.iter().map(ToString::to_string))
            .collect();
        writeln!(out, "Asset {}  {}", asset.id, all.join("  "))?;
    } else if let Some(path) = &asset.path {
        writeln!(out, "\nBehind it, {path}")?;
    }
    writeln!(
        out,
        "  heard from {} to {}",
        asset.first_seen, asset.last_seen
    )?;
    writeln!(out, "  speaks {}", asset.protocols.join(", "))?;
    if !asset.visibility.is_empty() {
        writeln!(out, "  visibility: {}", asset.visibility.join(", "))?;
    }
    for finding in &asset.findings {
        // What a detector found has a rule in the place of a verdict.
        let verdict = finding
            .verdict
            .map_or(display_safe(&finding.rule), |verdict| verdict.name().into());
        let (title, state) = (display_safe(&finding.title), display_safe(&finding.state));
        writeln!(
            out,
            "  finding {}  {title}  ({verdict}; {}; {state})",
            display_safe(&finding.id),
            display_safe(&finding.priority)
        )?;
    }
    let mut told = BTreeSet::new();
    for fact in &asset.facts {
        // The first of each attribute is the winner.
        let mark = if told.insert(fact.attribute) {
            '*'
        } else {
            ' '
        };
        writeln!(
            out,
            "\n{mark} {:<13} {}  (certainty {})",
            fact.attribute,
            display_safe(&fact.value),
            fact.certainty
        )?;
        writeln!(
            out,
            "    said:        {} = {}",
            fact.key,
            display_safe(&fact.raw)
        )?;
        writeln!(out, "    fingerprint: {}", display_safe(&fact.fingerprint))?;
        writeln!(out, "    packet:      {}", place(&fact.evidence))?;
    }
    for finding in &asset.findings {
        print_finding(out, finding)?;
    }
    let explained: BTreeSet<&str> = asset.facts.iter().map(|fact| fact.key.as_ref()).collect();
    let mut others = asset
        .observations
        .iter()
        .filter(|o| !explained.contains(o.key.as_ref()))
        .peekable();
    if others.peek().is_some() {
        writeln!(out, "\n  Also said, of which no fingerprint makes a fact:")?;
    }
    for observation in others {
        let value = display_safe(&observation.value);
        writeln!(
            out,
            "    {} = {value}  ({})",
            observation.key,
            place(&observation.evidence)
        )?;
    }
    for child in &asset.children {
        print(out, child)?;
    }
    Ok(())
}

/// What is to be done about it.
fn print_finding(out: &mut dyn Write, finding: &Finding) -> io::Result<()> {
    let title = display_safe(&finding.title);
    writeln!(
        out,
        "\n! {:<13} {title}  ({})",
        finding.priority, finding.rule
    )?;
    let steps = finding
        .path
        .iter()
        .chain((!finding.why.is_empty()).then_some(&finding.why));
    for step in steps {
        writeln!(out, "    because:     {}", display_safe(step))?;
    }
    for shown in &finding.evidence {
        let capture = display_safe(&shown.capture);
        let frames: Vec<String> = shown.frames.all().iter().map(ToString::to_string).collect();
        writeln!(
            out,
            "    packet:      {capture} frame {}",
            frames.join(", ")
        )?;
    }
    match &finding.question {
        Some(question) => writeln!(out, "    ask:         {}", display_safe(question)),
        None => Ok(()),
    }
}

fn place(evidence: &Evidence) -> String {
    let frames: Vec<String> = evidence
        .frames
        .all()
        .iter()
        .map(ToString::to_string)
        .collect();
    let word = if frames.len() == 1 { "frame" } else { "frames" };
    let capture = display_safe(&evidence.capture);
    format!(
        "{capture} {word} {} at {}",
        frames.join(", "),
        evidence.time
    )
}

/// What one packet proves.
#[derive(Default)]
struct Proven {
    lines: Vec<String>,
    /// Octets that carry what was said: first and count.
    octets: Vec<(usize, usize)>,
}

/// Writes the packets that prove what is known of the asset, each with a comment saying what it proves.
///
/// Octets that are neither headers nor evidence are zeroed unless `whole` is set: packets hold patients' names and
/// passwords. The captures are read a second time.
pub fn write_evidence(
    asset: &Asset,
    captures: &[PathBuf],
    to: &PathBuf,
    whole: bool,
) -> anyhow::Result<usize> {
    let mut proven: BTreeMap<(String, u64), Proven> = BTreeMap::new();
    for asset in std::iter::once(asset).chain(&asset.children) {
        for observation in &asset.observations {
            let line = format!("{} = {}", observation.key, observation.value);
            add(&mut proven, &observation.evidence, &line);
        }
    }
    if captures.iter().any(|path| path.as_os_str() == "-") {
        bail!(
            "evidence cannot be written from standard input, which is read only once: save the capture to a file first"
        );
    }
    let mut reading = Captures::open(captures)?;
    let names = reading.names();
    let file = std::fs::File::create(to).with_context(|| format!("creating {}", to.display()))?;
    let mut writer = PcapngWriter::new(io::BufWriter::new(file))?;
    let mut written = 0_usize;
    while let Some(batch) = reading.next_batch() {
        for frame in batch.frames() {
            let name = names.get(usize::try_from(frame.index.capture).unwrap_or(usize::MAX));
            let key = (
                name.map(ToString::to_string).unwrap_or_default(),
                frame.index.number,
            );
            let Some(proven) = proven.get(&key) else {
                continue;
            };
            let octets = if whole {
                frame.octets.to_vec()
            } else {
                masked(&frame, &proven.octets)
            };
            let (capture, number) = key;
            let comment = format!("{capture} frame {number}\n{}", proven.lines.join("\n"));
            writer.write(&frame.index, &octets, &display_safe_lines(&comment))?;
            written = written.saturating_add(1);
        }
    }
    writer
        .finish()
        .with_context(|| format!("writing {}", to.display()))?;
    Ok(written)
}

fn add(proven: &mut BTreeMap<(String, u64), Proven>, evidence: &Evidence, line: &str) {
    for frame in evidence.frames.all() {
        let entry = proven
            .entry((evidence.capture.to_string(), *frame))
            .or_default();
        entry.lines.push(line.to_owned());
        let own = evidence
            .octets
            .iter()
            .filter(|(number, _, _)| number == frame);
        entry.octets.extend(own.filter_map(|(_, start, count)| {
            Some((usize::try_from(*start).ok()?, usize::try_from(*count).ok()?))
        }));
    }
}

fn display_safe_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(display_safe).collect();
    lines.join("\n")
}

/// What a frame proves of an asset, line by line: the comment of its packet.
pub fn proves(asset: &Asset, capture: &str, frame: u64) -> String {
    let mut lines = vec![format!("{capture} frame {frame}")];
    for asset in std::iter::once(asset).chain(&asset.children) {
        let said = asset.observations.iter().filter(|observation| {
            *observation.evidence.capture == *capture
                && observation.evidence.frames.all().contains(&frame)
        });
        lines
            .extend(said.map(|observation| format!("{} = {}", observation.key, observation.value)));
        let found = asset.findings.iter().filter(|finding| {
            let mut shown = finding.evidence.iter();
            shown.any(|shown| shown.capture == capture && shown.frames.all().contains(&frame))
        });
        lines.extend(found.map(|finding| format!("finding {}: {}", finding.rule, finding.title)));
    }
    display_safe_lines(&lines.join("\n"))
}

/// How a kept packet is written to a capture.
pub fn index(kept: &fossick_engine::Kept) -> fossick_engine::FrameIndex {
    fossick_engine::FrameIndex {
        capture: kept.capture,
        number: kept.frame,
        time: kept.time,
        link: kept.link,
        block: 0,
        start: 0,
        length: u32::try_from(kept.octets.len()).unwrap_or(u32::MAX),
        original: kept.original,
    }
}
