//! A policy in the words of the device that will hold it.

mod cisco_asa;
mod cisco_ios;
mod fortigate;
mod nftables;
mod pan_os;
mod suricata;

use std::fmt::Write as _;
use std::net::IpAddr;

use fossick_model::{Network, Origin, Policy, Rule, Transport, Way};

/// Whose words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Linux, in front of the asset.
    Nftables,
    /// Extended access lists of Cisco IOS, without state.
    CiscoIos,
    /// An extended access list of Cisco ASA.
    CiscoAsa,
    /// The command line of `FortiOS`.
    Fortigate,
    /// `set` commands of PAN-OS.
    PanOs,
    /// Rules that stop nothing, and tell of what the policy does not allow.
    Suricata,
    /// The policy itself.
    Json,
}

impl Format {
    /// Every one.
    pub const ALL: [Format; 7] = [
        Format::Nftables,
        Format::CiscoIos,
        Format::CiscoAsa,
        Format::Fortigate,
        Format::PanOs,
        Format::Suricata,
        Format::Json,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Nftables => "nftables",
            Format::CiscoIos => "cisco-ios",
            Format::CiscoAsa => "cisco-asa",
            Format::Fortigate => "fortigate",
            Format::PanOs => "pan-os",
            Format::Suricata => "suricata",
            Format::Json => "json",
        }
    }

    /// The one of this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// The policy in the words of one kind of device, with its reason in front.
///
/// # Errors
///
/// None in practice: JSON of a policy has no key that is not text.
pub fn render(policy: &Policy, format: Format) -> Result<String, serde_json::Error> {
    Ok(match format {
        Format::Nftables => nftables::render(policy),
        Format::CiscoIos => cisco_ios::render(policy),
        Format::CiscoAsa => cisco_asa::render(policy),
        Format::Fortigate => fortigate::render(policy),
        Format::PanOs => pan_os::render(policy),
        Format::Suricata => suricata::render(policy),
        Format::Json => serde_json::to_string_pretty(policy)? + "\n",
    })
}

/// Longest piece of foreign text in a comment: what a remark of Cisco IOS takes.
const MAX_TEXT: usize = 100;

/// Text from the wire for a comment: one short line of characters that no device takes for anything else; two dots stand for
/// what is cut off.
fn plain(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || " ._:/()-,+=<>".contains(c);
    let shown = text.chars().map(|c| if harmless(c) { c } else { '_' });
    let mut line: String = shown.take(MAX_TEXT.saturating_add(1)).collect();
    if line.len() > MAX_TEXT {
        line.truncate(MAX_TEXT.saturating_sub(2));
        line += "..";
    }
    line
}

/// A name for tables and lists: letters and digits of the asset's id.
fn name(policy: &Policy) -> String {
    let id = policy.asset.chars().filter(char::is_ascii_alphanumeric);
    id.take(16).collect()
}

/// Comment lines that say for whom, why and from what; `mark` begins a comment, `holds` says which protocol functions the
/// device holds the rules to.
fn header(policy: &Policy, mark: &str, checked: &str, holds: &str) -> String {
    let mut text = String::new();
    let learnt = &policy.learnt;
    let baseline = &learnt.baseline;
    let quiet = baseline.quiet_hours;
    let grown = if baseline.growing {
        format!("STILL GROWING: something new came {quiet} hours before its end")
    } else {
        format!("nothing new in its last {quiet} hours")
    };
    let since = baseline.since.unwrap_or(learnt.last);
    let lines = [
        format!(
            "Fossick control for {} (asset {})",
            plain(&policy.label),
            name(policy)
        ),
        format!("Why: {}", plain(&policy.demand.reason)),
        format!("Source: {}", plain(&policy.demand.source)),
        format!("Baseline (packet time): {} to {}", since, learnt.last),
        format!(
            "  conversations {}, hours heard {}; {grown}",
            baseline.conversations, baseline.hours
        ),
        format!("Syntax: {checked}"),
    ];
    let short = learnt
        .short
        .then(|| "  SHORTER THAN IS WANTED of a baseline; somebody accepted that".to_owned());
    let seen = policy.rules.iter().any(|rule| !rule.operations.is_empty());
    let functions = seen.then(|| format!("Protocol functions: {holds}"));
    let breaks = may_break(policy).map(|words| format!("  MAY BREAK {words}"));
    let more = short.into_iter().chain(breaks).chain(functions);
    for line in lines.into_iter().chain(more) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{mark} {line}");
    }
    for left in &policy.left_out {
        let one = &left.conversation;
        let _ = writeln!(
            text,
            "{mark} Left out: {} to {} {} {}: {}",
            one.client.address,
            one.server.address,
            transport(one.transport),
            one.port.map_or("?".to_owned(), |port| port.to_string()),
            left.why
        );
    }
    text
}

/// Protocols that agree on ports for further connections, each time on others.
const AGREE_ON_PORTS: [&str; 6] = ["dce-rpc", "ftp", "rpc", "rtsp", "sip", "tftp"];

/// What a policy may break although it was heard, and why: the ports of the next transfer are none of those that were heard.
#[must_use]
pub fn may_break(policy: &Policy) -> Option<String> {
    let spoken = |name: &&str| {
        let mut rules = policy.rules.iter();
        rules.any(|rule| rule.protocol.as_deref() == Some(*name))
    };
    let found: Vec<&str> = AGREE_ON_PORTS.into_iter().filter(spoken).collect();
    (!found.is_empty()).then(|| {
        format!(
            "{}: further connections take ports that are agreed on each time, and those heard are allowed alone; have the device inspect it",
            found.join(", ")
        )
    })
}

fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    }
}

/// What is said of protocol functions where a device knows packets alone.
const NOT_HELD: &str = "not enforced by this device, which is told addresses and ports alone; comments say which were seen";

/// Whether a filter can state the rule: both ends are of one family.
fn is_one_family(rule: &Rule) -> bool {
    rule.local.is_ipv4() == rule.peer.address().is_ipv4()
}

/// Client and server of what a rule allows.
fn ends(rule: &Rule) -> (Network, Network) {
    let local = Network::host(rule.local);
    match rule.direction {
        Way::Inbound => (rule.peer, local),
        Way::Outbound => (local, rule.peer),
    }
}

/// An address or network with its prefix: `10.0.0.1/32`.
fn prefixed(network: Network) -> String {
    format!("{}/{}", network.address(), network.prefix())
}

/// A network for the name of an object: `10.0.0.0-24`, `fd00--1`.
fn object(network: Network) -> String {
    network.to_string().replace([':', '/'], "-")
}

/// The mask of an IPv4 network; all ones for others, which are not written with masks.
fn mask(network: Network) -> std::net::Ipv4Addr {
    let host = 32_u32.saturating_sub(network.prefix().into());
    std::net::Ipv4Addr::from_bits(u32::MAX.checked_shl(host).unwrap_or(0))
}

/// The asset's addresses of one family.
fn of_family(policy: &Policy, v4: bool) -> Vec<IpAddr> {
    let all = policy.addresses.iter().copied();
    all.filter(|address| address.is_ipv4() == v4).collect()
}

/// What a rule is for, in a few words.
fn purpose(rule: &Rule) -> String {
    let mut text = format!("rule {}", rule.number);
    if let Some(protocol) = &rule.protocol {
        let _ = write!(text, " {}", plain(protocol));
    }
    if let Origin::Operator { by, reason } = &rule.origin {
        let _ = write!(text, " added by {}: {}", plain(by), plain(reason));
    } else if !rule.operations.is_empty() {
        let _ = write!(text, " seen: {}", plain(&rule.operations.join(", ")));
    }
    plain(&text)
}
