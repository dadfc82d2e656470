//! What the configuration says of asking: everything is off until it is written down.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use fossick_model::{Kind, Network};
use fossick_scan::plan::{self, Choices};
use fossick_scan::{Exclusions, LONGEST_SETTING, Mode, Port, Rules, Window};
use serde::Deserialize;

use crate::config::Zone;

/// What may be asked of whom, when, and how fast.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScanConfig {
    /// `off`, `on-request` or `fill-gaps`.
    pub mode: Mode,
    /// Addresses and networks that may be asked. Medical devices are asked only where their very address stands here.
    pub allow: Vec<Network>,
    /// Addresses and networks that are not asked all the same.
    pub exclude: Vec<Network>,
    /// Names of zones that are not asked.
    pub exclude_zones: Vec<String>,
    /// Kinds of devices that are not asked.
    pub exclude_kinds: Vec<Kind>,
    /// Ports that are never touched, besides the built-in ones: `tcp/502`.
    pub never_ports: Vec<Port>,
    /// When questions may be asked, in the machine's time; at any time where there is none.
    pub windows: Vec<Window>,
    /// Least time between the end of a question to a host and the next to it, milliseconds.
    pub gap_ms: u32,
    /// Least time between two things that are sent to a host, milliseconds.
    pub packet_gap_ms: u32,
    /// Frames a second at most, to all hosts together.
    pub rate: u32,
    /// The interface that asks; the one that has the hosts on its link, where none is named.
    pub interface: Option<String>,
    /// Who is asked what hosts are called; nobody where none is named. It must be on the allow list itself.
    pub resolver: Option<IpAddr>,
    /// What somebody consented to.
    pub consent: Consent,
    /// What is put into questions: `"snmp.community" = "public"`, `"modbus.unit" = [1, 2]`.
    pub settings: BTreeMap<String, Setting>,
}

/// What somebody consented to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Consent {
    /// Networks that may be asked by broadcast and multicast.
    pub segments: Vec<Network>,
    /// Intrusive questions that may be asked: `modbus/report server id (17)`.
    pub probes: Vec<String>,
}

/// A setting: text as it is sent, a number that is one octet, or several of them, each of which is asked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// One octet.
    Octet(u8),
    /// Text, as it is sent.
    Text(String),
    /// Several, each in a question of its own.
    Several(Vec<Setting>),
}

impl Setting {
    fn values(&self) -> Vec<Vec<u8>> {
        match self {
            Setting::Octet(octet) => vec![vec![*octet]],
            Setting::Text(text) => vec![text.as_bytes().to_vec()],
            Setting::Several(all) => all.iter().flat_map(Setting::values).collect(),
        }
    }
}

/// Least gap that can be configured: a scan that does not wait is another program's business.
const LEAST_GAP: u32 = 100;
/// Values of one setting.
const VALUES: usize = 256;
/// Octets of a community of SNMP: its messages count theirs in one octet.
const COMMUNITY: usize = 64;

impl Default for ScanConfig {
    fn default() -> ScanConfig {
        let rules = Rules::default();
        let ms = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        ScanConfig {
            mode: rules.mode,
            allow: Vec::new(),
            exclude: Vec::new(),
            exclude_zones: Vec::new(),
            exclude_kinds: Vec::new(),
            never_ports: Vec::new(),
            windows: Vec::new(),
            gap_ms: ms(rules.gap),
            packet_gap_ms: ms(rules.packet_gap),
            rate: rules.rate,
            interface: None,
            resolver: None,
            consent: Consent::default(),
            settings: BTreeMap::new(),
        }
    }
}

impl ScanConfig {
    /// What makes no sense, and a word of the line where it stands.
    pub fn faults(&self, zones: &[Zone]) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        for name in &self.exclude_zones {
            if !zones.iter().any(|zone| zone.name == *name) {
                faults.push((
                    name.clone(),
                    format!("exclude_zones: there is no zone `{name}`"),
                ));
            }
        }
        if self.gap_ms < LEAST_GAP {
            let what = format!("gap_ms: at least {LEAST_GAP} between two questions to one host");
            faults.push(("gap_ms".to_owned(), what));
        }
        if let Some(resolver) = self.resolver.filter(|one| !self.rules().allows(*one)) {
            let what = format!(
                "resolver: {resolver} is not on the allow list: add it to `allow` if it may be asked"
            );
            faults.push(("resolver".to_owned(), what));
        }
        if self.rate == 0 {
            faults.push((
                "rate".to_owned(),
                "rate: at least one frame a second".to_owned(),
            ));
        }
        let known: Vec<String> = plan::all()
            .map(|(protocol, probe)| format!("{}/{}", protocol.name, probe.name))
            .collect();
        for name in &self.consent.probes {
            if !known.contains(name) {
                let what = format!(
                    "no such question `{name}`: `fossick scan --plan` names them as protocol/question"
                );
                faults.push((name.clone(), what));
            }
        }
        let settings = plan::settings();
        for (name, value) in &self.settings {
            let values = value.values();
            let longest = match name.as_str() {
                "snmp.community" => COMMUNITY,
                _ => LONGEST_SETTING,
            };
            if !settings.contains(name.as_str()) {
                let names: Vec<&str> = settings.iter().copied().collect();
                let what = format!(
                    "no question has a setting `{name}`: there are {}",
                    names.join(", ")
                );
                faults.push((name.clone(), what));
            } else if values.len() > VALUES || values.iter().any(|v| v.len() > longest) {
                let what =
                    format!("{name}: {VALUES} values at most, each of {longest} octets at most");
                faults.push((name.clone(), what));
            }
        }
        faults
    }

    /// What the Governor goes by.
    pub fn rules(&self) -> Rules {
        Rules {
            mode: self.mode,
            allow: self.allow.clone(),
            exclude: Exclusions {
                networks: self.exclude.clone(),
                zones: self.exclude_zones.clone(),
                kinds: self.exclude_kinds.clone(),
            },
            never_ports: self.never_ports.clone(),
            windows: self.windows.clone(),
            gap: Duration::from_millis(self.gap_ms.into()),
            packet_gap: Duration::from_millis(self.packet_gap_ms.into()),
            rate: self.rate,
            segments: self.consent.segments.clone(),
            probes: self.consent.probes.clone(),
        }
    }

    /// Values of settings, by name.
    pub fn choices(&self) -> Choices {
        let values = self
            .settings
            .iter()
            .map(|(name, value)| (name.clone(), value.values()));
        values.collect()
    }
}

#[cfg(test)]
mod tests {
    use fossick_parsers::{Hole, Piece};

    use super::*;

    fn of_community(octets: usize) -> Vec<(String, String)> {
        let text = format!(
            "[settings]\n\"snmp.community\" = \"{}\"",
            "x".repeat(octets)
        );
        let config: ScanConfig = toml::from_str(&text).unwrap();
        config.faults(&[])
    }

    #[test]
    fn a_community_is_no_longer_than_its_messages_can_count() {
        assert!(of_community(COMMUNITY).is_empty());
        let faults = of_community(COMMUNITY + 1);
        let [(word, what)] = faults.as_slice() else {
            panic!("{faults:?}")
        };
        assert_eq!(word, "snmp.community");
        assert!(what.contains("of 64 octets at most"), "{what}");
        // In one octet up to 127 are counted (X.690 §8.1.3.4).
        let steps = plan::all().flat_map(|(_, probe)| probe.steps);
        for piece in steps.flat_map(|step| step.sends) {
            if let Piece::Hole(
                Hole::LengthOf {
                    name: "snmp.community",
                    plus,
                    ..
                },
                _,
            ) = piece
            {
                assert!(usize::from(*plus) + COMMUNITY < 128, "{plus}");
            }
        }
    }
}
