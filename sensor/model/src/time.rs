//! Time as packets carry it.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Nanoseconds since 1970-01-01T00:00:00Z, up to the year 2262. Packet time, never the machine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Time(pub i64);

impl Time {
    /// The last second of a day, in UTC. Nothing where the text is no day: `2026-01-31` is one.
    #[must_use]
    pub fn end_of(day: &str) -> Option<Time> {
        let day: jiff::civil::Date = day.parse().ok()?;
        let end = day.at(23, 59, 59, 0).to_zoned(jiff::tz::TimeZone::UTC);
        let end = end.ok()?.timestamp().as_nanosecond();
        i64::try_from(end).ok().map(Time)
    }

    /// Its day, in UTC: `2026-01-31`.
    #[must_use]
    pub fn day(self) -> String {
        self.to_string().chars().take(10).collect()
    }
}

impl fmt::Display for Time {
    /// RFC 3339 in UTC with microseconds: `2015-10-20T12:00:01.000000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(time) => write!(f, "{time:.6}"),
            Err(_) => f.write_str("1970-01-01T00:00:00.000000Z"),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
        let time = i64::try_from(time.as_nanosecond()).map_err(D::Error::custom)?;
        Ok(Time(time))
    }
}
