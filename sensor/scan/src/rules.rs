//! What a site allows, as its configuration says it. Nothing is allowed that is not written down.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use fossick_model::{Category, Kind, Network};
use fossick_parsers::Carrier;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Whether questions are asked at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Nothing is ever sent.
    #[default]
    Off,
    /// Only when a person runs `fossick scan`.
    OnRequest,
    /// As well, of itself, where a device was heard and something is missing that it could tell.
    FillGaps,
}

/// A port of a transport: `tcp/9100`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Port {
    /// Of TCP.
    Tcp(u16),
    /// Of UDP.
    Udp(u16),
}

impl Port {
    /// The port that a carrier goes to, if it has one.
    #[must_use]
    pub fn of(carrier: Carrier) -> Option<Port> {
        match carrier {
            Carrier::Tcp(port) => Some(Port::Tcp(port)),
            Carrier::Udp(port) => Some(Port::Udp(port)),
            _ => None,
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Port::Tcp(port) => write!(f, "tcp/{port}"),
            Port::Udp(port) => write!(f, "udp/{port}"),
        }
    }
}

impl FromStr for Port {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "a transport and a port are wanted: tcp/9100, udp/161";
        let (transport, port) = text.split_once('/').ok_or(wrong)?;
        let port = port.parse().map_err(|_| wrong)?;
        match transport {
            "tcp" => Ok(Port::Tcp(port)),
            "udp" => Ok(Port::Udp(port)),
            _ => Err(wrong),
        }
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Never touched, whatever is configured: raw print ports put on paper what they are sent, and `TwinCAT`'s discovery service
/// has been seen to stop controllers.
pub const NEVER: [Port; 9] = [
    Port::Tcp(9100),
    Port::Tcp(9101),
    Port::Tcp(9102),
    Port::Tcp(9103),
    Port::Tcp(9104),
    Port::Tcp(9105),
    Port::Tcp(9106),
    Port::Tcp(9107),
    Port::Udp(48_899),
];

/// When questions may be asked, in the machine's time: `mon-fri 22:00-04:00`, `sun 00:00-24:00`. A window that ends before it
/// begins goes on into the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Days on which it opens, Monday first.
    days: [bool; 7],
    /// Minutes after midnight.
    from: u16,
    until: u16,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY: u16 = 24 * 60;

impl Window {
    /// Whether it is open at this minute of the week: 0 is Monday, 00:00.
    #[must_use]
    pub fn is_open(&self, minute_of_week: u16) -> bool {
        let (day, minute) = (minute_of_week / DAY, minute_of_week % DAY);
        let opens = |day: u16| self.days.get(usize::from(day)).copied().unwrap_or(false);
        if self.from < self.until {
            return opens(day) && (self.from..self.until).contains(&minute);
        }
        let before = day.checked_sub(1).unwrap_or(6);
        (opens(day) && minute >= self.from) || (opens(before) && minute < self.until)
    }
}

impl FromStr for Window {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "days and hours are wanted: mon-fri 22:00-04:00, sat,sun 00:00-24:00";
        let (days, hours) = text.trim().split_once(' ').ok_or(wrong)?;
        let number = |day: &str| DAYS.iter().position(|name| *name == day).ok_or(wrong);
        let mut open = [false; 7];
        for part in days.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (mut day, last) = (number(first)?, number(last)?);
            loop {
                if let Some(open) = open.get_mut(day) {
                    *open = true;
                }
                if day == last {
                    break;
                }
                day = day.saturating_add(1) % 7;
            }
        }
        let minute = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            let all = hour.checked_mul(60)?.checked_add(minute)?;
            (minute < 60 && all <= DAY).then_some(all)
        };
        let (from, until) = hours.trim().split_once('-').ok_or(wrong)?;
        let (from, until) = (minute(from).ok_or(wrong)?, minute(until).ok_or(wrong)?);
        if from == until || from == DAY {
            return Err(wrong);
        }
        Ok(Window {
            days: open,
            from,
            until,
        })
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Who is never asked although its network is allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclusions {
    /// By address.
    pub networks: Vec<Network>,
    /// By the name of its zone.
    pub zones: Vec<String>,
    /// By what it is.
    pub kinds: Vec<Kind>,
}

/// Everything that the Governor goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Whether anything is asked.
    pub mode: Mode,
    /// Who may be asked. An address that stands here by itself is named one by one.
    pub allow: Vec<Network>,
    /// Who is not, all the same.
    pub exclude: Exclusions,
    /// Ports that are not touched, besides [`NEVER`].
    pub never_ports: Vec<Port>,
    /// When; at any time where there is none.
    pub windows: Vec<Window>,
    /// Least time between the end of a question to a host and the next to it.
    pub gap: Duration,
    /// Least time between two things that are sent to a host.
    pub packet_gap: Duration,
    /// Frames a second at most, to all hosts together.
    pub rate: u32,
    /// Segments that may be asked by broadcast or multicast.
    pub segments: Vec<Network>,
    /// Intrusive questions that may be asked, by protocol and name: `modbus/report server id (17)`.
    pub probes: Vec<String>,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            mode: Mode::Off,
            allow: Vec::new(),
            exclude: Exclusions::default(),
            never_ports: Vec::new(),
            windows: Vec::new(),
            gap: Duration::from_secs(1),
            packet_gap: Duration::from_millis(25),
            rate: 200,
            segments: Vec::new(),
            probes: Vec::new(),
        }
    }
}

impl Rules {
    /// Whether a host is on the allow list.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        self.allow.iter().any(|network| network.contains(address))
    }

    /// Whether it stands there by itself.
    #[must_use]
    pub fn names(&self, address: IpAddr) -> bool {
        self.allow.contains(&Network::host(address))
    }

    /// Why a host of this kind, in this zone, is excluded, if it is.
    #[must_use]
    pub fn excludes(
        &self,
        address: IpAddr,
        zone: Option<&str>,
        kind: Option<Kind>,
    ) -> Option<Excluded> {
        let exclude = &self.exclude;
        if exclude.networks.iter().any(|n| n.contains(address)) {
            return Some(Excluded::Address);
        }
        if zone.is_some_and(|zone| exclude.zones.iter().any(|name| name == zone)) {
            return Some(Excluded::Zone);
        }
        let kind = kind?;
        if exclude.kinds.contains(&kind) {
            return Some(Excluded::Kind(kind));
        }
        (is_medical(kind.category()) && !self.names(address)).then_some(Excluded::Medical(kind))
    }
}

fn is_medical(category: Category) -> bool {
    category.name() == "medical"
}

/// By what a host is excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excluded {
    /// Its address.
    Address,
    /// Its zone.
    Zone,
    /// What it is.
    Kind(Kind),
    /// It is a medical device, and not named one by one.
    Medical(Kind),
}

impl fmt::Display for Excluded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Excluded::Address => f.write_str("its address is excluded"),
            Excluded::Zone => f.write_str("its zone is excluded"),
            Excluded::Kind(kind) => write!(f, "{} are excluded", kind.name()),
            Excluded::Medical(kind) => write!(
                f,
                "it is a {}: medical devices are asked only where `allow` names their very address",
                kind.name()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_goes_on_past_midnight_is_open_on_the_next_morning() {
        let window: Window = "fri-sun 22:00-04:00".parse().unwrap();
        let at = |day: u16, hour: u16| window.is_open(day * DAY + hour * 60);
        assert!(at(4, 23) && at(5, 3) && at(6, 22), "Friday to Sunday night");
        assert!(at(0, 3), "Sunday's window ends on Monday morning");
        assert!(!at(4, 3) && !at(0, 23) && !at(5, 12));
        for wrong in [
            "",
            "mon",
            "mon 1-2",
            "mon 10:00-10:00",
            "mon 24:00-01:00",
            "xyz 01:00-02:00",
            "mon 01:60-02:00",
        ] {
            assert!(wrong.parse::<Window>().is_err(), "{wrong}");
        }
    }
}
