//! Copies of the store: backups, and the last good state.

use std::borrow::Borrow;
use std::path::Path;

use anyhow::{Context, bail};
use redb::{
    Database, Key, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    TableDefinition, Value, WriteTransaction,
};

use super::tables::{
    APPROVED, ARRANGEMENTS, ASSETS, CAPTURES, CHAIN, CONTROLS, CONVERSATIONS, HOURS, IDS, JOURNAL,
    META, NODES, OUTLETS, PACKETS, SCHEMA, STANDING, WATCHED, schema,
};

/// Copies everything, as it stands now, into a fresh file. Readers and the writer go on meanwhile.
pub fn copy(from: &Database, to: &Path) -> anyhow::Result<()> {
    if to.exists() {
        bail!("{} is there already: name a file that is not", to.display());
    }
    let target = Database::builder()
        .set_cache_size(8 << 20)
        .create(to)
        .with_context(|| format!("creating {}", to.display()))?;
    let read = from.begin_read()?;
    let write = target.begin_write()?;
    table(&read, &write, META)?;
    table(&read, &write, NODES)?;
    table(&read, &write, ASSETS)?;
    table(&read, &write, STANDING)?;
    table(&read, &write, IDS)?;
    table(&read, &write, CAPTURES)?;
    table(&read, &write, JOURNAL)?;
    table(&read, &write, CHAIN)?;
    table(&read, &write, PACKETS)?;
    table(&read, &write, WATCHED)?;
    table(&read, &write, CONVERSATIONS)?;
    table(&read, &write, HOURS)?;
    table(&read, &write, CONTROLS)?;
    table(&read, &write, APPROVED)?;
    table(&read, &write, ARRANGEMENTS)?;
    table(&read, &write, OUTLETS)?;
    write.commit()?;
    Ok(())
}

fn table<K: Key + 'static, V: Value + 'static>(
    read: &ReadTransaction,
    write: &WriteTransaction,
    definition: TableDefinition<K, V>,
) -> Result<(), redb::Error> {
    let mut to = write.open_table(definition)?;
    let from = match read.open_table(definition) {
        Ok(from) => from,
        // The store is older than the table.
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for entry in from.iter()? {
        let (key, value) = entry?;
        let (key, value) = (key.value(), value.value());
        to.insert(key.borrow(), value.borrow())?;
    }
    Ok(())
}

/// What is in a store, in a sentence.
pub fn summary(database: &Database) -> anyhow::Result<String> {
    let schema = schema(database)?;
    if schema == 0 || schema > SCHEMA {
        bail!("it is not a store of this version (schema {schema}, this one knows {SCHEMA})");
    }
    let txn = database.begin_read()?;
    let journal = txn.open_table(JOURNAL)?;
    let first = journal.first()?.map_or(0, |(seq, _)| seq.value());
    let last = journal.last()?.map_or(0, |(seq, _)| seq.value());
    let count = journal.len()?;
    let span = if count == 0 {
        0
    } else {
        last.saturating_sub(first).saturating_add(1)
    };
    if count != span {
        bail!("the journal has {count} entries between {first} and {last}: some are missing");
    }
    Ok(format!(
        "whole: {} assets, {} addresses, {count} entries of the journal ({first} to {last}), {} packets",
        txn.open_table(ASSETS)?.len()?,
        txn.open_table(NODES)?.len()?,
        txn.open_table(PACKETS)?.len()?,
    ))
}
