//! What the network card does to frames before anybody sees them, as `ethtool` tells it.

use super::report::Report;
use super::tool::{self, Fault};

/// A feature of `ethtool -k`, and what it costs us.
struct Feature {
    /// As `ethtool -k` prints it.
    name: &'static str,
    /// As `ethtool -K` takes it.
    short: &'static str,
    /// What is lost while it is on.
    cost: &'static str,
    /// Whether evidence is wrong with it, rather than merely less.
    grave: bool,
}

const JOINS: &str =
    "frames are joined before they are captured: evidence is not what was on the wire";
const SENDS: &str = "frames that this machine passes on are captured before they are cut";
const STRIPS: &str = "VLAN tags are taken off by the card, and some drivers lose the second one";

#[rustfmt::skip]
const FEATURES: [Feature; 6] = [
    Feature { name: "generic-receive-offload", short: "gro", cost: JOINS, grave: true },
    Feature { name: "large-receive-offload", short: "lro", cost: JOINS, grave: true },
    Feature { name: "rx-gro-hw", short: "rx-gro-hw", cost: JOINS, grave: true },
    Feature { name: "generic-segmentation-offload", short: "gso", cost: SENDS, grave: false },
    Feature { name: "tcp-segmentation-offload", short: "tso", cost: SENDS, grave: false },
    Feature { name: "rx-vlan-offload", short: "rxvlan", cost: STRIPS, grave: false },
];

/// A feature that is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct On {
    /// Which of [`FEATURES`].
    feature: usize,
    /// The driver cannot turn it off.
    fixed: bool,
}

/// The harmful features that are on, from the output of `ethtool -k`.
fn harmful(output: &str) -> Vec<On> {
    let mut found = Vec::new();
    for line in output.lines() {
        let Some((name, state)) = line.trim().split_once(':') else {
            continue;
        };
        let mut words = state.split_whitespace();
        if words.next() != Some("on") {
            continue;
        }
        let fixed = words.any(|word| word == "[fixed]");
        if let Some(feature) = FEATURES.iter().position(|known| known.name == name) {
            found.push(On { feature, fixed });
        }
    }
    found
}

/// One line a feature that is on, or one for all being off.
pub fn check(name: &str, report: &mut Report) {
    let what = format!("{name} offloads");
    let output = match tool::ask("ethtool", &["-k", name]) {
        Ok(output) => output,
        Err(Fault::Absent(_)) => {
            let found = "not known: ethtool is not installed";
            return report.warn(&what, found, "apt-get install ethtool");
        }
        Err(fault) => {
            let found = format!("not known: {fault}");
            return report.warn(&what, &found, "see `man ethtool` about this driver");
        }
    };
    let on = harmful(&output);
    if on.is_empty() {
        report.ok(&what, "GRO, LRO, GSO, TSO and VLAN stripping are off");
    }
    for On { feature, fixed } in on {
        let Some(feature) = FEATURES.get(feature) else {
            continue;
        };
        let found = format!("{} is on: {}", feature.name, feature.cost);
        if fixed {
            let found = format!("{found}; the driver cannot turn it off");
            report.warn(
                &what,
                &found,
                "use a card whose driver can (Intel igb, ixgbe, i40e)",
            );
        } else {
            let mend = format!("ethtool -K {name} {} off", feature.short);
            if feature.grave {
                report.fail(&what, &found, &mend);
            } else {
                report.warn(&what, &found, &mend);
            }
        }
    }
    card_ring(name, report);
}

/// Receive descriptors of the card: now, and at most; from the output of `ethtool -g`.
fn descriptors(output: &str) -> Option<(u64, u64)> {
    let mut counts = output.lines().filter_map(|line| {
        let count = line.trim().strip_prefix("RX:")?;
        count.trim().parse::<u64>().ok()
    });
    let most = counts.next()?;
    let now = counts.next()?;
    Some((now, most))
}

/// Whether the card's own ring is as large as it can be; many virtual ones have none.
fn card_ring(name: &str, report: &mut Report) {
    let Some((now, most)) = tool::ask("ethtool", &["-g", name])
        .ok()
        .and_then(|output| descriptors(&output))
    else {
        return;
    };
    let what = format!("{name} card ring");
    if now < most {
        let found = format!("{now} of {most} receive descriptors: bursts are lost in the card");
        report.warn(&what, &found, &format!("ethtool -G {name} rx {most}"));
    } else {
        report.ok(
            &what,
            &format!("{now} receive descriptors, as many as it has"),
        );
    }
}

/// Turns off what can be turned off; says which.
///
/// # Errors
/// When `ethtool` is not installed or refuses.
pub fn turn_off(name: &str) -> Result<Vec<&'static str>, Fault> {
    let output = tool::ask("ethtool", &["-k", name])?;
    let mut done = Vec::new();
    for On { feature, fixed } in harmful(&output) {
        let Some(feature) = FEATURES.get(feature) else {
            continue;
        };
        if !fixed {
            tool::ask("ethtool", &["-K", name, feature.short, "off"])?;
            done.push(feature.short);
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmful_features_that_are_on_are_named() {
        let output = "Features for eth1:\nrx-checksumming: on\nscatter-gather: on\n\ttx-scatter-gather: on\n\
            tcp-segmentation-offload: off\n\ttx-tcp-segmentation: off\ngeneric-receive-offload: on\n\
            large-receive-offload: off [fixed]\nrx-vlan-offload: on [fixed]\nrx-gro-hw: off [requested on]\n";
        let on = harmful(output);
        let named: Vec<_> = on
            .iter()
            .map(|on| (FEATURES[on.feature].short, on.fixed))
            .collect();
        assert_eq!(named, [("gro", false), ("rxvlan", true)]);
    }

    #[test]
    fn descriptors_are_read_when_the_card_tells_them() {
        let output = "Ring parameters for eth1:\nPre-set maximums:\nRX:\t\t4096\nRX Mini:\tn/a\nTX:\t\t4096\n\
            Current hardware settings:\nRX:\t\t256\nRX Mini:\tn/a\nTX:\t\t256\n";
        assert_eq!(descriptors(output), Some((256, 4096)));
        assert_eq!(descriptors("Ring parameters for wl0:\nRX: n/a\n"), None);
    }
}
