//! What an import has read and not yet written: in memory up to a limit, laid aside in sorted runs above it.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, Write};

use crate::file::{Reader, Record, Writer};
use crate::limits;

/// A place for records that do not fit into memory.
pub trait Aside: Read + Write + Seek + Send {}
impl<T: Read + Write + Seek + Send> Aside for T {}

/// Gives such places: a file without a name, usually.
pub type Scratch<'a> = dyn FnMut() -> io::Result<Box<dyn Aside>> + 'a;

/// Records gathered from one or several files.
#[derive(Default)]
pub struct Staging {
    records: BTreeMap<String, (String, String)>,
    octets: usize,
    runs: Vec<Box<dyn Aside>>,
}

impl Staging {
    /// Adds a record; of two with the same key the one of higher rank stays, the newer among equals.
    ///
    /// # Errors
    /// It cannot be laid aside.
    pub fn add(&mut self, record: Record, scratch: &mut Scratch<'_>) -> io::Result<()> {
        let size = |record: &(String, String)| record.0.len().saturating_add(record.1.len());
        let new = (record.rank, record.value);
        let added = size(&new)
            .saturating_add(record.key.len())
            .saturating_add(96);
        match self.records.entry(record.key) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(new);
            }
            std::collections::btree_map::Entry::Occupied(mut place) => {
                if place.get().0 <= new.0 {
                    place.insert(new);
                }
            }
        }
        self.octets = self.octets.saturating_add(added);
        if self.octets > limits::STAGED {
            self.lay_aside(scratch)?;
        }
        Ok(())
    }

    fn lay_aside(&mut self, scratch: &mut Scratch<'_>) -> io::Result<()> {
        let mut writer = Writer::new(io::BufWriter::new(scratch()?))?;
        for (key, (rank, value)) in std::mem::take(&mut self.records) {
            writer.add(&Record { key, rank, value })?;
        }
        self.octets = 0;
        let run = writer
            .finish()?
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        self.runs.push(run);
        if self.runs.len() > limits::RUNS {
            let mut writer = Writer::new(io::BufWriter::new(scratch()?))?;
            let runs = std::mem::take(&mut self.runs);
            merge(
                runs.into_iter().map(open).collect::<io::Result<Vec<_>>>()?,
                |record| writer.add(&record),
            )?;
            let run = writer
                .finish()?
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            self.runs.push(run);
        }
        Ok(())
    }

    /// Takes over what another one gathered after this one.
    ///
    /// # Errors
    /// It cannot be laid aside.
    pub fn append(&mut self, other: Staging, scratch: &mut Scratch<'_>) -> io::Result<()> {
        if !other.runs.is_empty() {
            // Runs are in the order in which they were read: what is in memory here is older than they are.
            self.lay_aside(scratch)?;
            self.runs.extend(other.runs);
        }
        for (key, (rank, value)) in other.records {
            self.add(Record { key, rank, value }, scratch)?;
        }
        Ok(())
    }

    /// All of it in the order of keys, from the oldest to the newest.
    ///
    /// # Errors
    /// What was laid aside cannot be read.
    pub fn sources(self) -> io::Result<Vec<Sorted>> {
        let mut sources = self
            .runs
            .into_iter()
            .map(open)
            .collect::<io::Result<Vec<_>>>()?;
        let records = self.records.into_iter();
        sources.push(Box::new(
            records.map(|(key, (rank, value))| Ok(Record { key, rank, value })),
        ));
        Ok(sources)
    }
}

/// Records in the order of their keys.
pub type Sorted = Box<dyn Iterator<Item = io::Result<Record>>>;

fn open(run: Box<dyn Aside>) -> io::Result<Sorted> {
    Ok(Box::new(Reader::of(run)?.all()))
}

/// Merges sorted sources; later ones win among equals of rank.
///
/// # Errors
/// A source cannot be read, or the visitor fails.
pub fn merge(
    sources: Vec<Sorted>,
    mut visit: impl FnMut(Record) -> io::Result<()>,
) -> io::Result<()> {
    let mut heads: Vec<(Option<Record>, Sorted)> = Vec::new();
    for mut source in sources {
        heads.push((source.next().transpose()?, source));
    }
    loop {
        let least = heads
            .iter()
            .filter_map(|(head, _)| head.as_ref())
            .map(|head| &head.key)
            .min();
        let Some(least) = least.cloned() else {
            return Ok(());
        };
        let mut best: Option<Record> = None;
        for (head, source) in &mut heads {
            if head.as_ref().is_none_or(|head| head.key != least) {
                continue;
            }
            let next = source.next().transpose()?;
            let record = std::mem::replace(head, next);
            if record.as_ref().map(|record| &record.rank) >= best.as_ref().map(|best| &best.rank) {
                best = record;
            }
        }
        if let Some(best) = best {
            visit(best)?;
        }
    }
}
