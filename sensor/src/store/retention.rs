//! What is dropped when it is old, or when there is too much of it.

use fossick_model::Time;
use redb::{Database, ReadableDatabase, ReadableTable, WriteTransaction};

use super::chain::{self, Chain, Hash};
use super::tables::{JOURNAL, META, PACKETS};

/// Entries dropped in one transaction.
const AT_ONCE: usize = 10_000;

/// Drops entries of the journal from before `before` that every outlet has. The last that was dropped.
pub fn drop_old(
    txn: &WriteTransaction,
    before: Time,
    delivered: u64,
) -> Result<Option<u64>, redb::Error> {
    let mut journal = txn.open_table(JOURNAL)?;
    let mut last = None;
    for entry in journal.range(..=delivered)?.take(AT_ONCE) {
        let (seq, text) = entry?;
        let change: Option<fossick_model::Change> = serde_json::from_str(text.value()).ok();
        if change.is_some_and(|change| change.time >= before) {
            break;
        }
        last = Some(seq.value());
    }
    if let Some(last) = last {
        journal.retain_in(..=last, |_, _| false)?;
        chain::dropped(txn, last)?;
    }
    Ok(last)
}

/// Drops the oldest entries and packets, a tenth of each. The last entry that was dropped.
pub fn drop_oldest(txn: &WriteTransaction, share: u64) -> Result<Option<u64>, redb::Error> {
    let mut journal = txn.open_table(JOURNAL)?;
    let first = journal.first()?.map(|(seq, _)| seq.value());
    let last = journal.last()?.map(|(seq, _)| seq.value());
    let mut dropped = None;
    if let (Some(first), Some(last)) = (first, last) {
        let count = last
            .saturating_sub(first)
            .checked_div(share)
            .unwrap_or_default();
        let until = first.saturating_add(count);
        if until < last {
            journal.retain_in(..=until, |_, _| false)?;
            chain::dropped(txn, until)?;
            dropped = Some(until);
        }
    }
    let mut packets = txn.open_table(PACKETS)?;
    let mut oldest = Vec::new();
    for entry in packets.iter()?.take(AT_ONCE) {
        oldest.push(entry?.0.value());
    }
    for key in oldest {
        packets.remove(key)?;
    }
    Ok(dropped)
}

/// The end of a journal.
pub struct End {
    /// The hash before the first of its entries.
    anchor: Option<Hash>,
    entries: Vec<(u64, String)>,
}

/// Entries of the journal after this one.
pub fn entries_after(database: &Database, seq: u64) -> Result<End, redb::Error> {
    let txn = database.begin_read()?;
    let journal = txn.open_table(JOURNAL)?;
    let mut entries = Vec::new();
    for entry in journal.range(seq.saturating_add(1)..)? {
        let (seq, text) = entry?;
        entries.push((seq.value(), text.value().to_owned()));
    }
    let first = entries.first().map_or(1, |(seq, _)| *seq);
    let anchor = chain::kept(&txn, first.saturating_sub(1))?;
    Ok(End { anchor, entries })
}

/// Adds the end of a journal to another that ends where it begins. Where entries between them are no longer kept, the
/// end alone stays: a journal has no gap.
pub fn add_entries(database: &Database, last: u64, end: &End) -> Result<(), redb::Error> {
    let Some((first, _)) = end.entries.first() else {
        return Ok(());
    };
    let txn = database.begin_write()?;
    let before = first.saturating_sub(1);
    if before > last {
        chain::begin_behind(&txn, before, &end.anchor.unwrap_or_default())?;
    }
    {
        let mut journal = txn.open_table(JOURNAL)?;
        let mut chain = Chain::open(&txn)?;
        let mut meta = txn.open_table(META)?;
        for (seq, text) in &end.entries {
            journal.insert(seq, text.as_str())?;
            chain.add(*seq, text)?;
            meta.insert("seq", seq)?;
        }
    }
    Ok(txn.commit()?)
}
