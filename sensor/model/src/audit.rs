//! Whether the journal is what was written.

use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An entry of the journal and the hash that covers it and everything before it: to be written down elsewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Head {
    /// Number of the entry.
    pub seq: u64,
    /// SHA-256.
    pub hash: [u8; 32],
}

impl fmt::Display for Head {
    /// Number, colon, 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.seq)?;
        self.hash
            .iter()
            .try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl FromStr for Head {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Head, &'static str> {
        let wrong = "a number, a colon and 64 hexadecimal digits are wanted, as `fossick audit head` prints them";
        let (seq, digits) = text.trim().split_once(':').ok_or(wrong)?;
        let seq = seq.parse().map_err(|_| wrong)?;
        let mut values = digits.chars().map(|digit| digit.to_digit(16));
        let mut hash = [0_u8; 32];
        for octet in &mut hash {
            let (high, low) = (values.next().flatten(), values.next().flatten());
            let (high, low) = (high.ok_or(wrong)?, low.ok_or(wrong)?);
            *octet = u8::try_from(high << 4 | low).map_err(|_| wrong)?;
        }
        if values.next().is_some() {
            return Err(wrong);
        }
        Ok(Head { seq, hash })
    }
}

impl Serialize for Head {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Head {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// What an examination of the journal came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// The first entry that is kept; 0 where there is none.
    pub first: u64,
    /// How many entries, from the first on, are what was written.
    pub entries: u64,
    /// The last of them, and the hash that was computed of it.
    pub head: Head,
    /// What is wrong with the one behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// The first thing that is wrong with the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum Fault {
    /// The entry's text does not give the hash that was kept.
    Altered {
        /// Its number.
        seq: u64,
    },
    /// Entries are not there that were.
    Missing {
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// An entry is there that nobody wrote.
    Added {
        /// Its number.
        seq: u64,
    },
    /// The hash that the first kept entry stands on is not there.
    Unanchored {
        /// The first kept entry.
        first: u64,
    },
    /// The journal agrees with itself, and is not the one that the head was written down of.
    Rewritten {
        /// Up to which entry it is another.
        head: Head,
    },
    /// The journal begins behind the head that was written down: nothing can be said.
    NoLongerKept {
        /// What was written down.
        head: Head,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Altered { seq } => write!(
                f,
                "entry {seq} is altered: it does not give the hash that was kept of it (or the one before was altered together with its hash)"
            ),
            Fault::Missing { first, last } if first == last => {
                write!(f, "entry {first} is missing")
            }
            Fault::Missing { first, last } => write!(f, "entries {first} to {last} are missing"),
            Fault::Added { seq } => write!(
                f,
                "entry {seq} was added by somebody else: no hash was kept of it"
            ),
            Fault::Unanchored { first } => write!(
                f,
                "the hash before entry {first} is missing: nobody can say whether that was the first"
            ),
            Fault::Rewritten { head } => write!(
                f,
                "the journal up to entry {} is not the one that {head} was written down of: it was rewritten",
                head.seq
            ),
            Fault::NoLongerKept { head } => write!(
                f,
                "entry {} is no longer kept, so that {head} says nothing: compare with a newer one",
                head.seq
            ),
        }
    }
}
