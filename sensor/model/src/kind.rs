//! What an asset is for.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most specific word of the list in `kinds.txt` that the evidence allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind {
    name: &'static str,
    category: Category,
}

/// What kinds are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Category(&'static str);

/// One kind and its category a line, separated by a tab; `#` begins a comment.
const KINDS: &str = include_str!("kinds.txt");

impl Kind {
    /// The kind of this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Kind> {
        Kind::all().find(|kind| kind.name == name)
    }

    /// Every kind.
    pub fn all() -> impl Iterator<Item = Kind> {
        KINDS
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once('\t'))
            .map(|(name, category)| Kind {
                name,
                category: Category(category),
            })
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// The category it belongs to.
    #[must_use]
    pub fn category(self) -> Category {
        self.category
    }
}

impl Category {
    /// Of an asset whose kind nobody stated.
    pub const UNKNOWN: Category = Category("unknown");

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl Serialize for Category {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Kind::named(&name).ok_or_else(|| D::Error::custom("no kind of this name"))
    }
}

impl<'de> Deserialize<'de> for Category {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let mut categories = Kind::all().map(Kind::category).chain([Category::UNKNOWN]);
        categories
            .find(|category| category.0 == name)
            .ok_or_else(|| D::Error::custom("no category of this name"))
    }
}
