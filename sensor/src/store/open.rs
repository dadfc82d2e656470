//! Opening the store: a damaged file is set aside and named, never emptied.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use fossick_model::{Audit, Head};
use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase};

use super::{chain, copy, tables};

/// Octets that the database may hold in memory: its own default is a gigabyte.
const CACHE: usize = 8 << 20;
/// The copy of the last good state, beside the store.
const LAST_GOOD: &str = "last-good.redb";

/// A store that was opened.
pub struct Opened {
    /// The database.
    pub database: Database,
    /// What happened to the file, if anything did: for the journal.
    pub notes: Vec<String>,
}

/// How the database is opened: from a file, or, in tests, from whatever fails as a disk may fail.
pub struct Opener {
    /// Its file, where it has one.
    pub path: Option<PathBuf>,
    /// Opens it.
    pub with: Box<dyn Fn() -> Result<Database, DatabaseError> + Send>,
}

/// Opens the file at this path.
#[must_use]
pub fn file_opener(path: &Path) -> Opener {
    let file = path.to_owned();
    Opener {
        path: Some(path.to_owned()),
        with: Box::new(move || builder().create(&file)),
    }
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE);
    builder
}

impl Opener {
    /// Opens the database, or what can be had in its place.
    ///
    /// # Errors
    /// Another process has it, a newer program wrote it, or there is no place for a fresh one.
    pub fn open(&self) -> anyhow::Result<Opened> {
        let damage = match self.try_open() {
            Ok(opened) => return Ok(opened),
            Err(Refusal::Final(error)) => return Err(error),
            Err(Refusal::Damaged(what)) => what,
        };
        let Some(path) = &self.path else {
            bail!("the store is damaged ({damage})");
        };
        let mut notes = Vec::new();
        let aside = free_name(path);
        std::fs::rename(path, &aside)
            .with_context(|| format!("setting the damaged store {} aside", path.display()))?;
        notes.push(format!(
            "the store was damaged ({damage}) and is set aside as {}",
            aside.display()
        ));
        let good = last_good(path);
        if good.exists() {
            std::fs::copy(&good, path)
                .with_context(|| format!("taking {} in its place", good.display()))?;
            match self.try_open() {
                Ok(opened) => {
                    notes.push(format!(
                        "it goes on from the last good copy, {}",
                        good.display()
                    ));
                    notes.extend(opened.notes);
                    let database = opened.database;
                    return Ok(Opened { database, notes });
                }
                Err(Refusal::Final(error)) => return Err(error),
                Err(Refusal::Damaged(what)) => {
                    std::fs::remove_file(path)?;
                    notes.push(format!("the last good copy cannot be used either ({what})"));
                }
            }
        }
        notes.push("it starts afresh".to_owned());
        match self.try_open() {
            Ok(opened) => Ok(Opened {
                database: opened.database,
                notes,
            }),
            Err(Refusal::Final(error)) => Err(error),
            Err(Refusal::Damaged(what)) => bail!("a fresh store cannot be made ({what})"),
        }
    }

    fn try_open(&self) -> Result<Opened, Refusal> {
        // Octets that make no sense may make the library panic: that is damage, too.
        let opened = catch_unwind(AssertUnwindSafe(|| self.open_whole()));
        opened.unwrap_or_else(|_| Err(Refusal::Damaged("it makes no sense".to_owned())))
    }

    fn open_whole(&self) -> Result<Opened, Refusal> {
        let database = match (self.with)() {
            Ok(database) => database,
            Err(error) => return Err(self.judge(error)),
        };
        let damaged = |error: redb::Error| Refusal::Damaged(error.to_string());
        let schema = tables::schema(&database).map_err(damaged)?;
        if schema > tables::SCHEMA {
            return Err(Refusal::Final(anyhow::anyhow!(
                "the store was written by a newer version (schema {schema}, this one knows {}): install that version again, or name another folder",
                tables::SCHEMA
            )));
        }
        let create = || -> Result<(u64, u64), redb::Error> {
            let txn = database.begin_write()?;
            tables::create(&txn)?;
            let chained = chain::begin(&txn)?;
            txn.commit()?;
            Ok(chained)
        };
        let mut notes = Vec::new();
        if schema < tables::SCHEMA {
            let (count, first) = create().map_err(|error| {
                Refusal::Final(
                    anyhow::Error::new(error)
                        .context("writing a store of this version: is the disk full?"),
                )
            })?;
            if count > 0 {
                notes.push(format!(
                    "its journal has a chain of hashes from entry {first} on; the {count} entries that an older version wrote are covered as they stood"
                ));
            }
        }
        tables::cards(&database).map_err(damaged)?;
        Ok(Opened { database, notes })
    }

    fn judge(&self, error: DatabaseError) -> Refusal {
        let name = self
            .path
            .as_deref()
            .unwrap_or(Path::new("the store"))
            .display();
        match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => Refusal::Final(anyhow::anyhow!(
                "{name} is in use by another process: is a sensor running? `fossick status` asks it"
            )),
            DatabaseError::Storage(redb::StorageError::Io(error))
                if !matches!(
                    error.kind(),
                    std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
                ) =>
            {
                Refusal::Final(anyhow::Error::new(error).context(format!(
                    "opening {name}: does the folder exist, may this user write it, is the disk full?"
                )))
            }
            other => Refusal::Damaged(other.to_string()),
        }
    }
}

enum Refusal {
    /// It is what it should be, and cannot be opened now.
    Final(anyhow::Error),
    /// It is not what it should be.
    Damaged(String),
}

/// Where the last good copy of a store is.
pub fn last_good(path: &Path) -> PathBuf {
    path.with_file_name(LAST_GOOD)
}

fn free_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let names = (1_u32..).map(|n| path.with_file_name(format!("{name}.damaged-{n}")));
    names
        .into_iter()
        .find(|name| !name.exists())
        .unwrap_or_else(|| path.with_extension("damaged"))
}

/// Looks whether the file at this path is a store and whole. Says what is in it.
///
/// # Errors
/// It is not, and why.
pub fn check(path: &Path) -> anyhow::Result<String> {
    if !path.exists() {
        bail!("{}: there is no store here", path.display());
    }
    let whole = catch_unwind(AssertUnwindSafe(|| -> anyhow::Result<String> {
        let mut database = builder().open(path)?;
        if !database.check_integrity()? {
            bail!("it was damaged and could be repaired");
        }
        copy::summary(&database)
    }));
    match whole {
        Ok(Ok(summary)) => Ok(summary),
        Ok(Err(error)) => Err(error.context(format!("checking {}", path.display()))),
        Err(_) => bail!("{} is damaged beyond reading", path.display()),
    }
}

/// Gives unused space of a store back that no sensor has open.
///
/// # Errors
/// It cannot be opened.
pub fn compact(path: &Path) -> anyhow::Result<String> {
    let size = || std::fs::metadata(path).map_or(0, |file| file.len());
    let before = size();
    let mut database = builder()
        .open(path)
        .with_context(|| format!("opening {}", path.display()))?;
    database.compact()?;
    drop(database);
    Ok(format!("{before} octets before, {} now", size()))
}

/// Copies a store that no sensor has open.
///
/// # Errors
/// It cannot be opened, or the copy not be written.
pub fn backup(path: &Path, to: &Path) -> anyhow::Result<()> {
    let database = builder()
        .open(path)
        .with_context(|| format!("opening {}", path.display()))?;
    copy::copy(&database, to)
}

/// Computes the hashes of a journal again, in a store that no sensor has open or a backup of one. Nothing is written, unless
/// the store was not closed in good order and has to be mended first.
///
/// # Errors
/// It cannot be read, or is older than hashes.
pub fn audit(path: &Path, head: Option<&Head>) -> anyhow::Result<Audit> {
    if !path.exists() {
        bail!("{}: there is no store here", path.display());
    }
    let whole = catch_unwind(AssertUnwindSafe(|| -> anyhow::Result<Audit> {
        let txn = match builder().open_read_only(path) {
            Ok(database) => return audited(&database.begin_read()?, head),
            Err(DatabaseError::DatabaseAlreadyOpen) => bail!(
                "a sensor has it open: without --store, the sensor is asked; a backup can be named as well"
            ),
            Err(DatabaseError::RepairAborted) => builder().open(path)?.begin_read()?,
            Err(error) => return Err(error.into()),
        };
        audited(&txn, head)
    }));
    match whole {
        Ok(audit) => audit.with_context(|| format!("reading {}", path.display())),
        Err(_) => bail!("{} is damaged beyond reading", path.display()),
    }
}

fn audited(txn: &ReadTransaction, head: Option<&Head>) -> anyhow::Result<Audit> {
    let schema = txn.open_table(tables::META)?.get("schema")?;
    let schema = schema.map_or(0, |schema| schema.value());
    if schema != tables::SCHEMA {
        bail!(
            "it is of another version (schema {schema}, this one knows {}): a sensor of this version brings an older one up to date",
            tables::SCHEMA
        );
    }
    Ok(chain::verify(txn, head)?)
}
