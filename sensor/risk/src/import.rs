//! Import: files and archives in, a new knowledge file out. All of a file or none of it.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};

use flate2::read::MultiGzDecoder;

use crate::advisory::Advisory;
use crate::feeds::{self, Refusal};
use crate::file::{Reader, Record, Writer};
use crate::limits;
use crate::names::Names;
use crate::staging::{Scratch, Sorted, Staging, merge};

/// What an import did.
#[derive(Debug, Default)]
pub struct Report {
    /// Documents taken, and what each held, by feed.
    pub taken: BTreeMap<&'static str, u64>,
    /// What was refused: file, document, reason.
    pub refused: Vec<Refused>,
    /// How many were refused.
    pub refusals: u64,
}

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// File, as it was named.
    pub file: String,
    /// Document in it; the file itself, if that is none.
    pub document: String,
    /// Why.
    pub reason: String,
}

/// A file that can be read from the beginning more than once.
pub trait Input: Read + Seek {}
impl<T: Read + Seek> Input for T {}

/// Gathers what is read.
#[derive(Default)]
pub struct Import {
    staging: Staging,
    /// Says why a file of Recog, given its name without the ending and its text, cannot be used. Without it none is taken.
    pub recog: Option<feeds::recog::Check>,
    /// What happened.
    pub report: Report,
}

/// Counts what is unpacked, and fails beyond the limits.
struct Unpacked<'a> {
    inner: &'a mut dyn Read,
    read: u64,
    packed: u64,
    budget: &'a mut u64,
}

impl Read for Unpacked<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(to)?;
        self.read = self.read.saturating_add(read as u64);
        let left = self.budget.checked_sub(read as u64);
        let bomb =
            self.read > limits::RATIO_FROM && self.read > self.packed.saturating_mul(limits::RATIO);
        match left {
            Some(left) if !bomb => *self.budget = left,
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "it unpacks to more than can be true",
                ));
            }
        }
        Ok(read)
    }
}

/// What is being read.
struct Task<'a, 'b> {
    file: &'a str,
    document: &'a str,
    recog: Option<feeds::recog::Check>,
    staging: &'a mut Staging,
    report: &'a mut Report,
    scratch: &'a mut Scratch<'b>,
    budget: u64,
    members: usize,
}

impl Import {
    /// Reads one file, whatever it is; what is refused is in the report, and leaves nothing behind.
    ///
    /// # Errors
    /// Records cannot be laid aside.
    pub fn file(
        &mut self,
        name: &str,
        input: &mut dyn Input,
        scratch: &mut Scratch<'_>,
    ) -> io::Result<()> {
        let mut staging = Staging::default();
        let mut report = Report::default();
        let packed = input.seek(io::SeekFrom::End(0))?;
        input.seek(io::SeekFrom::Start(0))?;
        let mut task = Task {
            file: name,
            document: name,
            recog: self.recog,
            staging: &mut staging,
            report: &mut report,
            scratch,
            budget: limits::UNPACKED,
            members: 0,
        };
        let mut magic = [0; 4];
        let length = fill(input, &mut magic)?;
        input.seek(io::SeekFrom::Start(0))?;
        let done = if magic.get(..length) == Some(b"PK\x03\x04") {
            task.zip(input)
        } else {
            task.stream(input, packed, 0)
        };
        for (feed, count) in report.taken {
            let whole = if done.is_ok() { count } else { 0 };
            let sum = self.report.taken.entry(feed).or_default();
            *sum = sum.saturating_add(whole);
        }
        self.report.taken.retain(|_, count| *count > 0);
        self.report.refusals = self.report.refusals.saturating_add(report.refusals);
        let room = limits::REFUSALS.saturating_sub(self.report.refused.len());
        self.report
            .refused
            .extend(report.refused.into_iter().take(room));
        match done {
            Ok(()) => self.staging.append(staging, scratch),
            Err(error) => {
                self.report.refuse(name, name, &error.to_string());
                Ok(())
            }
        }
    }

    /// Notes when this is packed, RFC 3339 in UTC.
    ///
    /// # Errors
    /// It cannot be laid aside.
    pub fn packed(&mut self, when: &str, scratch: &mut Scratch<'_>) -> io::Result<()> {
        let record = Record {
            key: PACKED.to_owned(),
            rank: when.to_owned(),
            value: when.to_owned(),
        };
        self.staging.add(record, scratch)
    }

    /// Whether anything was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.report.taken.is_empty()
    }

    /// Writes the new knowledge file: the old ones, the newest last, and what was read. Says how many records it holds.
    ///
    /// # Errors
    /// The old one cannot be read, or the new one not be written.
    pub fn write<W: Write>(
        self,
        old: impl IntoIterator<Item = Reader>,
        out: W,
        names: &Names,
        scratch: &mut Scratch<'_>,
    ) -> io::Result<(W, u64)> {
        let mut sources: Vec<Sorted> = Vec::new();
        for old in old {
            // Places in the index are worked out anew: the table of names may be another by now.
            let kept = old.all().filter(|record| {
                record
                    .as_ref()
                    .map_or(true, |record| !record.key.starts_with(PLACES))
            });
            sources.push(Box::new(kept));
        }
        sources.extend(self.staging.sources()?);
        let mut writer = Writer::new(out)?;
        // Of every advisory, which goes before all of them, and written among the others where their keys belong.
        let mut places = Some(Staging::default());
        let mut count = 0_u64;
        merge(sources, |record| {
            if record.key.as_str() > PLACES
                && let Some(places) = places.take()
            {
                merge(places.sources()?, |record| writer.add(&record))?;
            }
            if record.key.starts_with("a/") {
                let advisory: Advisory = serde_json::from_str(&record.value)?;
                for (key, entries) in names.places(&advisory) {
                    let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
                    let place = Record {
                        key: format!("{PLACES}{key}\t{}", record.key),
                        rank: String::new(),
                        value: entries.join(","),
                    };
                    if let Some(places) = &mut places {
                        places.add(place, scratch)?;
                    }
                }
            }
            count = count.saturating_add(1);
            writer.add(&record)
        })?;
        if let Some(places) = places {
            merge(places.sources()?, |record| writer.add(&record))?;
        }
        Ok((writer.finish()?, count))
    }
}

/// How the keys of the index begin: which advisories name a product.
const PLACES: &str = "p/";
/// Key of the record that says when this was packed.
const PACKED: &str = "b/packed";

/// When a knowledge file was packed, or that from which it has most of what it knows.
///
/// # Errors
/// It cannot be read, or is damaged.
pub fn packed(knowledge: &mut Reader) -> io::Result<Option<String>> {
    Ok(knowledge.get(PACKED)?.map(|record| record.value))
}

impl Report {
    fn refuse(&mut self, file: &str, document: &str, reason: &str) {
        self.refusals = self.refusals.saturating_add(1);
        if self.refused.len() < limits::REFUSALS {
            let reason = feeds::cut(reason, 300).to_owned();
            self.refused.push(Refused {
                file: file.to_owned(),
                document: document.to_owned(),
                reason,
            });
        }
    }
}

fn fill(input: &mut dyn Read, to: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0_usize;
    while filled < to.len() {
        let read = input.read(to.get_mut(filled..).unwrap_or_default())?;
        if read == 0 {
            break;
        }
        filled = filled.saturating_add(read);
    }
    Ok(filled)
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// Whether a name within an archive stays within it.
fn stays_inside(name: &str) -> bool {
    let drive = name.get(1..2) == Some(":");
    let outside = name.starts_with('/') || name.contains('\\') || name.contains('\0') || drive;
    !outside && name.split('/').all(|part| part != "..")
}

impl Task<'_, '_> {
    fn member(&mut self, name: &str) -> io::Result<()> {
        self.members = self.members.saturating_add(1);
        if self.members > limits::MEMBERS {
            return Err(damaged("the archive has too many members"));
        }
        if !stays_inside(name) {
            return Err(damaged("a name in the archive leads out of it"));
        }
        Ok(())
    }

    fn zip(&mut self, input: &mut dyn Input) -> io::Result<()> {
        let mut archive =
            zip::ZipArchive::new(input).map_err(|error| damaged(&error.to_string()))?;
        for at in 0..archive.len() {
            let mut member = archive
                .by_index(at)
                .map_err(|error| damaged(&error.to_string()))?;
            let name = member.name().to_owned();
            self.member(&name)?;
            if member.is_dir() {
                continue;
            }
            if member.is_symlink() || member.encrypted() {
                return Err(damaged("the archive holds a link or something encrypted"));
            }
            let packed = member.compressed_size();
            self.document(&name, &mut member, packed, 1)?;
        }
        Ok(())
    }

    /// A member: what is wrong with its content is its own affair, what is wrong with the archive is everybody's.
    fn document(
        &mut self,
        name: &str,
        reader: &mut dyn Read,
        packed: u64,
        depth: usize,
    ) -> io::Result<()> {
        let mut budget = self.budget;
        let mut staging = Staging::default();
        let (done, is_damaged) = {
            let mut bounded = Unpacked {
                inner: reader,
                read: 0,
                packed: packed.max(1),
                budget: &mut budget,
            };
            let mut watched = Watched {
                inner: &mut bounded,
                failed: false,
            };
            let mut task = Task {
                file: self.file,
                document: name,
                recog: self.recog,
                staging: &mut staging,
                report: &mut *self.report,
                scratch: &mut *self.scratch,
                budget: limits::UNPACKED,
                members: self.members,
            };
            let done = task.stream(&mut watched, packed, depth);
            // Read to the end, so that the archive's own checksum is seen.
            let rest = io::copy(&mut watched, &mut io::sink());
            let is_damaged = watched.failed || rest.is_err();
            (done.and_then(|()| rest.map(|_| ())), is_damaged)
        };
        self.budget = budget;
        match done {
            Ok(()) => {
                let scratch = &mut *self.scratch;
                self.staging.append(staging, scratch)
            }
            Err(error) if is_damaged => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{name}: {error}"),
            )),
            Err(error) => {
                self.report.refuse(self.file, name, &error.to_string());
                Ok(())
            }
        }
    }

    fn stream(&mut self, reader: &mut dyn Read, packed: u64, depth: usize) -> io::Result<()> {
        if depth > limits::DEPTH {
            return Err(damaged("archives within archives"));
        }
        let mut reader = BufReader::with_capacity(64 << 10, reader);
        let head = head(&mut reader)?;
        let (head, rest) = (head.as_slice(), &mut reader);
        let mut whole = head.chain(rest);
        if head.starts_with(&[0x1f, 0x8b]) {
            let mut budget = self.budget;
            let done = {
                let mut plain = MultiGzDecoder::new(&mut whole);
                let mut bounded = Unpacked {
                    inner: &mut plain,
                    read: 0,
                    packed,
                    budget: &mut budget,
                };
                let done = self.stream(&mut bounded, packed, depth.saturating_add(1));
                done.and_then(|()| io::copy(&mut bounded, &mut io::sink()).map(|_| ()))
            };
            self.budget = budget;
            return done;
        }
        if head.get(257..262) == Some(b"ustar") {
            return self.tar(&mut whole, depth);
        }
        if head.starts_with(b"PK\x03\x04") {
            return Err(damaged(
                "a zip archive within another archive is not read: unpack it first",
            ));
        }
        self.feed(head, &mut whole)
            .map_err(|refusal| match refusal {
                Refusal::Read(error) => error,
                other => damaged(&other.to_string()),
            })
    }

    fn tar(&mut self, reader: &mut dyn Read, depth: usize) -> io::Result<()> {
        let mut watched = Ended {
            inner: reader,
            zeros: 0,
        };
        {
            let mut archive = tar::Archive::new(&mut watched);
            for member in archive.entries()? {
                let mut member = member?;
                let name = String::from_utf8_lossy(&member.path_bytes()).into_owned();
                self.member(&name)?;
                let kind = member.header().entry_type();
                if kind.is_dir() || kind.is_pax_global_extensions() {
                    continue;
                }
                if !kind.is_file() {
                    return Err(damaged("the archive holds a link or a device"));
                }
                let size = member.header().size()?;
                let mut exact = Exact {
                    inner: &mut member,
                    left: size,
                };
                self.document(&name, &mut exact, size, depth.saturating_add(1))?;
            }
        }
        // A missing end is taken for an end; a whole archive has two empty blocks there, of which one may be unread yet.
        let mut last = [0; 512];
        if watched.zeros < 512 || fill(&mut watched, &mut last)? < 512 || watched.zeros < 1024 {
            return Err(damaged("the archive is cut"));
        }
        Ok(())
    }

    /// Reads one document of a feed.
    fn feed(&mut self, head: &[u8], reader: &mut dyn Read) -> Result<(), Refusal> {
        let text = String::from_utf8_lossy(head);
        let begins = text.trim_start_matches('\u{feff}').trim_start();
        let staging = &mut *self.staging;
        let scratch = &mut *self.scratch;
        let mut sink = |record: Record| staging.add(record, scratch);
        let has = |word: &str| begins.contains(word);
        let feed = if begins.starts_with('{') {
            if has("\"NVD_CVE\"") {
                feeds::nvd::read(reader, &mut sink)?;
                "nvd"
            } else if has("\"catalogVersion\"") {
                feeds::exploited::read(reader, &mut sink)?;
                "kev"
            } else if has("\"generated_at\"") && has("\"schema_version\"") {
                feeds::lifecycle::read(reader, &mut sink)?;
                "endoflife"
            } else {
                feeds::csaf::read(reader, &mut sink)?;
                "csaf"
            }
        } else if begins.starts_with("#model_version:") {
            feeds::tables::epss(reader, &mut sink)?;
            "epss"
        } else if begins.starts_with("Registry,Assignment,") {
            feeds::tables::oui(reader, &mut sink)?;
            "oui"
        } else if begins.starts_with('<') {
            feeds::recog::read(self.document, reader, self.recog, &mut sink)?;
            "recog"
        } else {
            return feeds::invalid(
                "it is none of CSAF, NVD, KEV, EPSS, endoflife.date, OUI, Recog",
            );
        };
        let count = self.report.taken.entry(feed).or_default();
        *count = count.saturating_add(1);
        Ok(())
    }
}

fn head(reader: &mut BufReader<&mut dyn Read>) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while head.len() < 4096 {
        let more = reader.fill_buf()?;
        if more.is_empty() {
            break;
        }
        let length = more.len();
        head.extend_from_slice(more);
        reader.consume(length);
    }
    Ok(head)
}

/// Remembers whether reading failed: then it is not the document that is wrong, but what it was in.
struct Watched<'a> {
    inner: &'a mut dyn Read,
    failed: bool,
}

impl Read for Watched<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(to);
        self.failed = self.failed || read.is_err();
        read
    }
}

/// Counts the empty octets at the end of what was read.
struct Ended<'a> {
    inner: &'a mut dyn Read,
    zeros: u64,
}

impl Read for Ended<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(to)?;
        for octet in to.get(..read).unwrap_or_default() {
            self.zeros = if *octet == 0 {
                self.zeros.saturating_add(1)
            } else {
                0
            };
        }
        Ok(read)
    }
}

/// Fails if what is read is shorter than was said.
struct Exact<'a> {
    inner: &'a mut dyn Read,
    left: u64,
}

impl Read for Exact<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(to)?;
        self.left = self.left.saturating_sub(read as u64);
        if read == 0 && self.left > 0 && !to.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the archive is cut",
            ));
        }
        Ok(read)
    }
}
