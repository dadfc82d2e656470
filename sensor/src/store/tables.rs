//! What is in the store, table by table. Values are JSON, so that a newer program can read what an older one wrote.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::{Arc, LazyLock};

use fossick_engine::{Kept, Row};
use fossick_model::{Acceptance, Asset, Control, Conversation, Finding, Life, Order, Time};
use fossick_parsers::packet::LinkType;
use fossick_shadow::Approved;
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};
use serde::{Deserialize, Serialize};

use super::{Card, Memory};

/// `schema`, `sheets` (hash of the fingerprints that the facts were derived with).
pub const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// Key of a node → what is known of it.
pub const NODES: TableDefinition<&str, &str> = TableDefinition::new("nodes");
/// Id → the asset as the output contract has it.
pub const ASSETS: TableDefinition<&str, &str> = TableDefinition::new("assets");
/// Id → what persons said of the asset, and what the sensor must remember of it.
pub const STANDING: TableDefinition<&str, &str> = TableDefinition::new("standing");
/// Owner → the id of its asset, where that is not made from the owner.
pub const IDS: TableDefinition<&str, &str> = TableDefinition::new("ids");
/// Number of a capture → its name.
pub const CAPTURES: TableDefinition<u32, &str> = TableDefinition::new("captures");
/// Sequence number → what changed.
pub const JOURNAL: TableDefinition<u64, &str> = TableDefinition::new("journal");
/// Sequence number → SHA-256 over the hash before and the entry, as `chain.rs` says; the first row is the anchor.
pub const CHAIN: TableDefinition<u64, &[u8; 32]> = TableDefinition::new("chain");
/// Capture and frame → time (8 octets), link type (2), length on the wire (4), then the packet, masked.
pub const PACKETS: TableDefinition<(u32, u64), &[u8]> = TableDefinition::new("packets");
/// Name of a capture that was made while somebody scanned, and frame → a packet, as in [`PACKETS`]. A store of before there
/// were any has no such table until one is written.
pub const WATCHED: TableDefinition<(&str, u64), &[u8]> = TableDefinition::new("watched");
/// Key of a conversation → the conversation. A store of before there were any has no such table until one is written.
pub const CONVERSATIONS: TableDefinition<&str, &str> = TableDefinition::new("conversations");
/// When anything was heard: first hour of a span, counted from 1970 on → its last.
pub const HOURS: TableDefinition<i64, i64> = TableDefinition::new("hours");
/// Id of an asset → its control.
pub const CONTROLS: TableDefinition<&str, &str> = TableDefinition::new("controls");
/// Name of a file → the approved assets that it lists.
pub const APPROVED: TableDefinition<&str, &str> = TableDefinition::new("approved");
/// Merges and splits, in the order in which they were ordered: asset and order.
pub const ARRANGEMENTS: TableDefinition<u64, &str> = TableDefinition::new("arrangements");
/// Outlet → the last entry of the journal that it has delivered. An entry with a number above is in its outbox.
pub const OUTLETS: TableDefinition<&str, u64> = TableDefinition::new("outlets");

/// Version of the above. What an older program wrote is brought up to it step by step; a newer one is refused.
///
/// 2: the journal has a chain of hashes.
pub const SCHEMA: u64 = 2;

/// What persons said of an asset, and what the sensor must remember of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// What they call it, and since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<(String, Time)>,
    /// What kind they say it is, and since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<(String, Time)>,
    /// Their remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Everything up to this entry of the journal is no news to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<u64>,
    /// It is silent, and was heard last at this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent: Option<Time>,
    /// How its findings fared, by id; those of findings that are no more are bounded.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub findings: BTreeMap<String, Life>,
    /// What disturbed it while it was asked, the latest last; bounded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disturbed: Vec<Finding>,
    /// They refused it: who, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<(String, Time)>,
    /// They declared that it cannot be patched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared: Option<Acceptance>,
}

/// Of most assets nobody said anything: they share this.
static NOTHING: LazyLock<Arc<Standing>> = LazyLock::new(Arc::default);

impl Standing {
    /// As cards hold it.
    #[must_use]
    pub fn shared(self) -> Arc<Standing> {
        if self == Standing::default() {
            Arc::clone(&NOTHING)
        } else {
            Arc::new(self)
        }
    }

    /// When the first of what was decided for a time ends.
    #[must_use]
    pub fn first_end(&self) -> Option<Time> {
        let accepted = self.findings.values().filter_map(Life::accepted);
        let all = accepted.chain(&self.declared);
        all.map(|acceptance| acceptance.until).min()
    }
}

/// Makes every table, so that readers find them.
pub fn create(txn: &WriteTransaction) -> Result<(), redb::Error> {
    txn.open_table(META)?.insert("schema", SCHEMA)?;
    txn.open_table(NODES)?;
    txn.open_table(ASSETS)?;
    txn.open_table(STANDING)?;
    txn.open_table(IDS)?;
    txn.open_table(CAPTURES)?;
    txn.open_table(JOURNAL)?;
    txn.open_table(CHAIN)?;
    txn.open_table(PACKETS)?;
    txn.open_table(WATCHED)?;
    txn.open_table(CONVERSATIONS)?;
    txn.open_table(HOURS)?;
    txn.open_table(CONTROLS)?;
    txn.open_table(APPROVED)?;
    txn.open_table(ARRANGEMENTS)?;
    txn.open_table(OUTLETS)?;
    Ok(())
}

/// The schema of a store; 0 for an empty one.
pub fn schema(database: &Database) -> Result<u64, redb::Error> {
    let txn = database.begin_read()?;
    match txn.open_table(META) {
        Ok(meta) => Ok(meta.get("schema")?.map_or(0, |version| version.value())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Everything that the inventory begins with.
pub fn memory(database: &Database, sheets: u64, notes: Vec<String>) -> Result<Memory, redb::Error> {
    let txn = database.begin_read()?;
    let mut captures: Vec<Arc<str>> = Vec::new();
    for entry in txn.open_table(CAPTURES)?.iter()? {
        let (number, name) = entry?;
        let number = usize::try_from(number.value()).unwrap_or(usize::MAX);
        // Numbers are given without a gap; one that is missing must not move those behind it.
        while captures.len() < number {
            captures.push(Arc::from(""));
        }
        captures.push(Arc::from(name.value()));
    }
    let mut ids = Vec::new();
    for entry in txn.open_table(IDS)?.iter()? {
        let (owner, id) = entry?;
        ids.push((owner.value().to_owned(), id.value().to_owned()));
    }
    let mut arrangements = Vec::new();
    for entry in txn.open_table(ARRANGEMENTS)?.iter()? {
        if let Ok(arrangement) = serde_json::from_str::<(String, Order)>(entry?.1.value()) {
            arrangements.push(arrangement);
        }
    }
    let known = txn
        .open_table(META)?
        .get("sheets")?
        .map(|hash| hash.value());
    Ok(Memory {
        captures,
        ids,
        arrangements,
        same_sheets: known.is_none_or(|known| known == sheets),
        notes,
    })
}

/// Number of each capture, by its name.
pub fn numbers(txn: &ReadTransaction) -> Result<BTreeMap<String, u32>, redb::Error> {
    let mut numbers = BTreeMap::new();
    for entry in txn.open_table(CAPTURES)?.iter()? {
        let (number, name) = entry?;
        numbers.insert(name.value().to_owned(), number.value());
    }
    Ok(numbers)
}

/// Hands the rows of all nodes over, one by one: together they are larger than what is made of them.
pub fn rows<T>(
    database: &Database,
    take: impl FnOnce(&mut dyn Iterator<Item = Row>) -> T,
) -> Result<T, redb::Error> {
    let txn = database.begin_read()?;
    let nodes = txn.open_table(NODES)?;
    // A row that cannot be read is one that is not there; the store's check would have found it.
    let mut rows = nodes
        .iter()?
        .filter_map(Result::ok)
        .map(|(key, value)| Row {
            key: key.value().to_owned(),
            value: Some(value.value().to_owned()),
        });
    Ok(take(&mut rows))
}

/// The numbers of captures of this name.
pub fn numbered(txn: &ReadTransaction, capture: &str) -> Result<Vec<u32>, redb::Error> {
    let mut numbers = Vec::new();
    for entry in txn.open_table(CAPTURES)?.iter()? {
        let (number, name) = entry?;
        if name.value() == capture {
            numbers.push(number.value());
        }
    }
    Ok(numbers)
}

/// Conversations by their keys, and the last key that was looked at if there may be more.
pub type Listed = (Vec<(String, Conversation)>, Option<String>);

/// Conversations that are wanted, in order of their keys from the one behind `after` on, so many at most; the key of the last
/// that was looked at, if there may be more.
pub fn conversations(
    txn: &ReadTransaction,
    after: &str,
    limit: usize,
    wanted: impl Fn(&Conversation) -> bool,
) -> Result<Listed, redb::Error> {
    let mut found = Vec::new();
    let table = match txn.open_table(CONVERSATIONS) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok((found, None)),
        Err(error) => return Err(error.into()),
    };
    let behind = (Bound::Excluded(after), Bound::Unbounded);
    for entry in table.range::<&str>(behind)? {
        let (key, text) = entry?;
        if let Ok(conversation) = serde_json::from_str(text.value())
            && wanted(&conversation)
        {
            found.push((key.value().to_owned(), conversation));
            if found.len() >= limit {
                return Ok((found, Some(key.value().to_owned())));
            }
        }
    }
    Ok((found, None))
}

/// Whose a conversation is, read without the rest of it: most are not wanted.
#[derive(Deserialize)]
struct Whose<'a> {
    #[serde(borrow)]
    client: Holder<'a>,
    #[serde(borrow)]
    server: Holder<'a>,
}

/// Who is at one end of a conversation.
#[derive(Deserialize)]
pub struct Holder<'a> {
    /// Id of the asset; it is hexadecimal, and has nothing in it to unescape.
    #[serde(borrow, default)]
    pub asset: Option<&'a str>,
    /// Its address.
    pub address: IpAddr,
}

/// Conversations of which one end is wanted, with their keys.
pub fn conversations_of(
    txn: &ReadTransaction,
    is_one: impl Fn(&Holder<'_>) -> bool,
) -> Result<Vec<(String, Conversation)>, redb::Error> {
    let mut found = Vec::new();
    let table = match txn.open_table(CONVERSATIONS) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(found),
        Err(error) => return Err(error.into()),
    };
    for entry in table.iter()? {
        let (key, text) = entry?;
        let text = text.value();
        let wanted = serde_json::from_str(text)
            .is_ok_and(|whose: Whose<'_>| is_one(&whose.client) || is_one(&whose.server));
        if wanted && let Ok(conversation) = serde_json::from_str(text) {
            found.push((key.value().to_owned(), conversation));
        }
    }
    Ok(found)
}

/// When anything was heard: first and last hour of each span, in order.
pub fn hours(txn: &ReadTransaction) -> Result<Vec<(i64, i64)>, redb::Error> {
    let mut hours = Vec::new();
    let table = match txn.open_table(HOURS) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(hours),
        Err(error) => return Err(error.into()),
    };
    for entry in table.iter()? {
        let (first, last) = entry?;
        hours.push((first.value(), last.value()));
    }
    Ok(hours)
}

/// Every asset as lists show it.
pub fn cards(database: &Database) -> Result<BTreeMap<String, Box<Card>>, redb::Error> {
    let txn = database.begin_read()?;
    let standing = txn.open_table(STANDING)?;
    let mut cards = BTreeMap::new();
    for entry in txn.open_table(ASSETS)?.iter()? {
        let (id, text) = entry?;
        let Ok(asset) = serde_json::from_str::<Asset>(text.value()) else {
            continue;
        };
        let standing = standing.get(id.value())?;
        let standing = standing.and_then(|text| serde_json::from_str(text.value()).ok());
        cards.insert(
            id.value().to_owned(),
            Box::new(Card {
                asset: asset.brief(),
                standing: Standing::shared(standing.unwrap_or_default()),
            }),
        );
    }
    Ok(cards)
}

/// Every control, by the id of its asset.
pub fn controls(database: &Database) -> Result<BTreeMap<String, Control>, redb::Error> {
    let txn = database.begin_read()?;
    let mut controls = BTreeMap::new();
    let table = match txn.open_table(CONTROLS) {
        Ok(table) => table,
        // The store is older than the table.
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(controls),
        Err(error) => return Err(error.into()),
    };
    for entry in table.iter()? {
        let (id, text) = entry?;
        if let Ok(control) = serde_json::from_str(text.value()) {
            controls.insert(id.value().to_owned(), control);
        }
    }
    Ok(controls)
}

/// Every approved asset, file by file.
pub fn approved(database: &Database) -> Result<Vec<Approved>, redb::Error> {
    let txn = database.begin_read()?;
    let mut approved = Vec::new();
    let table = match txn.open_table(APPROVED) {
        Ok(table) => table,
        // The store is older than the table.
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(approved),
        Err(error) => return Err(error.into()),
    };
    for entry in table.iter()? {
        let list: Result<Vec<Approved>, _> = serde_json::from_str(entry?.1.value());
        approved.extend(list.unwrap_or_default());
    }
    Ok(approved)
}

/// The last entry of the journal.
pub fn last(database: &Database) -> Result<u64, redb::Error> {
    let txn = database.begin_read()?;
    let last = txn.open_table(JOURNAL)?.last()?.map(|(seq, _)| seq.value());
    // Old entries are dropped, numbers are not given again.
    let meta = txn.open_table(META)?.get("seq")?.map(|seq| seq.value());
    Ok(last.unwrap_or_default().max(meta.unwrap_or_default()))
}

/// The last entry of the journal of another store.
pub fn last_of(path: &std::path::Path) -> Result<u64, redb::Error> {
    last(&Database::open(path)?)
}

/// Where each outlet is.
pub fn cursors(database: &Database) -> Result<BTreeMap<String, u64>, redb::Error> {
    let txn = database.begin_read()?;
    let mut cursors = BTreeMap::new();
    for entry in txn.open_table(OUTLETS)?.iter()? {
        let (name, seq) = entry?;
        cursors.insert(name.value().to_owned(), seq.value());
    }
    Ok(cursors)
}

/// A packet as it is written down. What another observation of the same frame keeps of it is added.
pub fn packet(packet: &Kept, known: Option<&[u8]>) -> Vec<u8> {
    let mut octets = Vec::with_capacity(packet.octets.len().saturating_add(14));
    octets.extend(packet.time.0.to_be_bytes());
    octets.extend(packet.link.0.to_be_bytes());
    octets.extend(packet.original.to_be_bytes());
    octets.extend(&packet.octets);
    if let Some(known) = known {
        octets.resize(octets.len().max(known.len()), 0);
        // What is masked is zero.
        for (octet, known) in octets.iter_mut().zip(known) {
            *octet |= known;
        }
    }
    octets
}

/// A packet that shows what disturbed a host, with the name of its capture.
pub fn watched(
    txn: &ReadTransaction,
    capture: &str,
    frame: u64,
) -> Result<Option<(Arc<str>, Kept)>, redb::Error> {
    let table = match txn.open_table(WATCHED) {
        Ok(table) => table,
        // The store is older than the table.
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let octets = table.get((capture, frame))?;
    let kept = octets.and_then(|octets| kept(0, frame, octets.value()));
    Ok(kept.map(|kept| (Arc::from(capture), kept)))
}

/// A packet that was written down.
pub fn kept(capture: u32, frame: u64, octets: &[u8]) -> Option<Kept> {
    let (time, rest) = octets.split_first_chunk::<8>()?;
    let (link, rest) = rest.split_first_chunk::<2>()?;
    let (original, rest) = rest.split_first_chunk::<4>()?;
    Some(Kept {
        capture,
        frame,
        time: Time(i64::from_be_bytes(*time)),
        link: LinkType(u16::from_be_bytes(*link)),
        original: u32::from_be_bytes(*original),
        octets: rest.to_vec(),
    })
}
