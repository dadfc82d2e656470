//! The journal's chain of hashes: each covers the one before and its own entry, so that whoever changes an entry has to
//! change every hash behind it.
//!
//! The hashes are a table of their own: what an entry's hash covers is its text octet by octet as it is stored, which could
//! not hold the hash itself, and everybody else reads the journal as before. In front of the hash of the first kept entry
//! stands that of the last one that was dropped: the anchor.

use fossick_model::{Audit, Fault, Head};
use redb::{ReadTransaction, ReadableTable, Table, WriteTransaction};
use sha2::{Digest, Sha256};

use super::tables::{CHAIN, JOURNAL, META};

/// SHA-256.
pub type Hash = [u8; 32];

/// What the chain begins with, where nothing was before.
const NOTHING: Hash = [0; 32];

/// The hash of an entry: of the one before, the number (8 octets, big-endian) and the text.
fn hash(before: &Hash, seq: u64, text: &str) -> Hash {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(seq.to_be_bytes());
    hash.update(text);
    hash.finalize().into()
}

/// The end of the chain, where entries are added.
pub struct Chain<'txn> {
    hashes: Table<'txn, u64, &'static Hash>,
    last: Option<Hash>,
}

impl Chain<'_> {
    /// The chain as it stands in this transaction.
    pub fn open(txn: &WriteTransaction) -> Result<Chain<'_>, redb::Error> {
        let hashes = txn.open_table(CHAIN)?;
        let last = hashes.last()?.map(|(_, hash)| *hash.value());
        Ok(Chain { hashes, last })
    }

    /// Covers one more entry.
    pub fn add(&mut self, seq: u64, text: &str) -> Result<(), redb::Error> {
        if self.last.is_none() {
            self.hashes.insert(seq.saturating_sub(1), &NOTHING)?;
        }
        let hash = hash(&self.last.unwrap_or(NOTHING), seq, text);
        self.hashes.insert(seq, &hash)?;
        self.last = Some(hash);
        Ok(())
    }
}

/// Chains what an older version wrote, as it stands. How many entries, and the first of them.
pub fn begin(txn: &WriteTransaction) -> Result<(u64, u64), redb::Error> {
    txn.open_table(CHAIN)?.retain(|_, _| false)?;
    let mut chain = Chain::open(txn)?;
    let (mut count, mut first) = (0_u64, 0);
    for entry in txn.open_table(JOURNAL)?.iter()? {
        let (seq, text) = entry?;
        if count == 0 {
            first = seq.value();
        }
        chain.add(seq.value(), text.value())?;
        count = count.saturating_add(1);
    }
    Ok((count, first))
}

/// Entries up to this one were dropped: its hash stays, as the anchor.
pub fn dropped(txn: &WriteTransaction, last: u64) -> Result<(), redb::Error> {
    Ok(txn.open_table(CHAIN)?.retain_in(..last, |_, _| false)?)
}

/// The hash that was kept of an entry.
pub fn kept(txn: &ReadTransaction, seq: u64) -> Result<Option<Hash>, redb::Error> {
    Ok(txn.open_table(CHAIN)?.get(seq)?.map(|hash| *hash.value()))
}

/// An empty journal that goes on behind this entry.
pub fn begin_behind(txn: &WriteTransaction, seq: u64, anchor: &Hash) -> Result<(), redb::Error> {
    txn.open_table(JOURNAL)?.retain(|_, _| false)?;
    let mut hashes = txn.open_table(CHAIN)?;
    hashes.retain(|_, _| false)?;
    hashes.insert(seq, anchor)?;
    Ok(())
}

/// Computes every hash again, and compares with what was kept and with a head that was written down elsewhere.
pub fn verify(txn: &ReadTransaction, wanted: Option<&Head>) -> Result<Audit, redb::Error> {
    let journal = txn.open_table(JOURNAL)?;
    let hashes = txn.open_table(CHAIN)?;
    let first = journal.first()?.map_or(0, |(seq, _)| seq.value());
    let written = txn.open_table(META)?.get("seq")?.map(|seq| seq.value());
    let mut audit = Audit {
        first,
        entries: 0,
        head: Head::default(),
        fault: None,
    };
    let mut entries = journal.iter()?;
    let mut links = hashes.iter()?;
    match links.next().transpose()? {
        Some((seq, anchor)) => {
            audit.head.seq = seq.value();
            audit.head.hash = *anchor.value();
        }
        None => audit.head.seq = first.saturating_sub(1),
    }
    // The first row is the anchor; where it is the first entry's own, the anchor is gone.
    if first != 0 && audit.head.seq == first {
        audit.head = Head::default();
        audit.fault = Some(Fault::Unanchored { first });
        return Ok(audit);
    }
    let anchored = audit.head;
    let mut at_wanted = wanted
        .filter(|head| head.seq == anchored.seq)
        .map(|_| anchored.hash);
    let (mut entry, mut link) = (entries.next().transpose()?, links.next().transpose()?);
    loop {
        let due = audit.head.seq.saturating_add(1);
        let here = entry.as_ref().map(|(seq, _)| seq.value());
        let covered = link.as_ref().map(|(seq, _)| seq.value());
        audit.fault = match (here, covered) {
            (None, None) => break,
            (Some(seq), _) if seq < due => Some(Fault::Added { seq }),
            (Some(seq), covered) if seq == due && covered != Some(due) => {
                Some(Fault::Added { seq })
            }
            (Some(seq), _) if seq > due => Some(Fault::Missing {
                first: due,
                last: seq.saturating_sub(1),
            }),
            (None, Some(_)) => Some(Fault::Missing {
                first: due,
                last: hashes.last()?.map_or(due, |(seq, _)| seq.value()),
            }),
            _ => None,
        };
        if audit.fault.is_some() {
            return Ok(audit);
        }
        if let (Some((_, text)), Some((_, kept))) = (&entry, &link) {
            let hash = hash(&audit.head.hash, due, text.value());
            if hash != *kept.value() {
                audit.fault = Some(Fault::Altered { seq: due });
                return Ok(audit);
            }
            audit.head = Head { seq: due, hash };
            audit.entries = audit.entries.saturating_add(1);
            if wanted.is_some_and(|head| head.seq == due) {
                at_wanted = Some(hash);
            }
        }
        (entry, link) = (entries.next().transpose()?, links.next().transpose()?);
    }
    audit.fault = last_words(&audit, anchored, written, wanted, at_wanted);
    Ok(audit)
}

/// The journal agrees with itself: does it with what else is known?
fn last_words(
    audit: &Audit,
    anchor: Head,
    written: Option<u64>,
    wanted: Option<&Head>,
    at_wanted: Option<Hash>,
) -> Option<Fault> {
    let last = audit.head.seq;
    let behind = last.saturating_add(1);
    // The number of the last entry that was written stands in the store once more.
    match written {
        Some(written) if written > last => {
            return Some(Fault::Missing {
                first: behind,
                last: written,
            });
        }
        Some(written) if written < last => {
            return Some(Fault::Added {
                seq: written.saturating_add(1),
            });
        }
        _ => {}
    }
    let head = *wanted?;
    match at_wanted {
        Some(hash) if hash == head.hash => None,
        Some(_) => Some(Fault::Rewritten { head }),
        None if head.seq < anchor.seq => Some(Fault::NoLongerKept { head }),
        None => Some(Fault::Missing {
            first: behind,
            last: head.seq,
        }),
    }
}
