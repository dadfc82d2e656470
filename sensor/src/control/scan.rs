//! What whoever scans tells the sensor: that it asks, what it asked, and whether that disturbed anybody.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::sync_channel;

use anyhow::{Context, bail};
use fossick_engine::Kept;
use fossick_model::{Disturbance, Person, Reply};

use super::{Desk, Socket, answered, say};
use crate::capture::Captures;
use crate::chunks::ChunkReader;
use crate::run::{Heard, clock};
use crate::store::Job;

/// Octets of the capture that shows a disturbance: a few headers.
const SHOWN: u64 = 1 << 16;
/// Frames of it.
const FRAMES: usize = 16;

/// A question was put: it is written down.
pub(super) fn asked(desk: &Desk, stream: &UnixStream, what: &str) -> anyhow::Result<()> {
    let what = crate::safe::display_safe(what);
    desk.heard.send(Heard::Note("scan", what.clone()))?;
    say(stream, &Reply::Done { what })
}

/// A scan begins: what is said to this interface is answers.
pub(super) fn asking(desk: &Desk, stream: &UnixStream, mac: &str) -> anyhow::Result<()> {
    let octets = mac.split(':').map(|octet| u8::from_str_radix(octet, 16));
    let octets: Result<Vec<u8>, _> = octets.collect();
    let mac = octets.ok().and_then(|octets| octets.try_into().ok());
    let mac = mac.context("a hardware address is wanted: 00:1b:1b:00:00:07")?;
    desk.heard.send(Heard::Asking(mac))?;
    let what = "what is said to it was asked for, for an hour".to_owned();
    say(stream, &Reply::Done { what })
}

/// A host's own traffic was watched while it was asked.
pub(super) fn watched(
    desk: &Desk,
    stream: &UnixStream,
    reader: &Socket,
    host: &str,
    disturbed: Option<Disturbance>,
    by: &Person,
) -> anyhow::Result<()> {
    // The capture is read first: requests follow it.
    let packets = match &disturbed {
        Some(disturbance) => shown(reader, disturbance)?,
        None => Vec::new(),
    };
    let asset = desk.shared.named(host);
    let asset = asset.with_context(|| {
        let host = crate::safe::display_safe(host);
        format!("there is no asset `{host}` yet: tell it again when it was heard")
    })?;
    let (done, answer) = sync_channel(1);
    desk.jobs.send(Job::Watched {
        asset,
        disturbed: disturbed.map(Box::new),
        packets,
        by: by.clone(),
        now: clock(),
        done,
    })?;
    answered(stream, &answer, |()| "it is in the journal".to_owned())
}

/// The frames that show a disturbance, masked, with the numbers that they had where they were captured.
fn shown(reader: &Socket, disturbance: &Disturbance) -> anyhow::Result<Vec<Kept>> {
    let mut chunks = ChunkReader::new(reader.clone());
    let mut octets = Vec::new();
    let beyond = SHOWN.saturating_add(1);
    (&mut chunks).take(beyond).read_to_end(&mut octets)?;
    std::io::copy(&mut chunks, &mut std::io::sink())?;
    if octets.len() as u64 == beyond || disturbance.frames.len() > FRAMES {
        bail!("what shows a disturbance is {FRAMES} frames and {SHOWN} octets at most");
    }
    let source = Box::new(std::io::Cursor::new(octets));
    let mut captures = Captures::stream(&disturbance.capture, source)?;
    let mut kept = Vec::new();
    let mut numbers = disturbance.frames.iter();
    while let Some(batch) = captures.next_batch() {
        for frame in (0..batch.frames.len()).filter_map(|position| batch.frame(position)) {
            let Some(number) = numbers.next() else {
                return Ok(kept);
            };
            kept.push(Kept {
                frame: *number,
                ..Kept::of(&frame, &[])
            });
        }
    }
    Ok(kept)
}
