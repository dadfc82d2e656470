//! A policy in the words of the device that will hold it.

mod cisco_ios;
mod nftables;

use std::fmt::Write as _;

use fossick_model::{Origin, Policy, Rule};

/// Whose words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Linux, in front of the asset.
    Nftables,
    /// Extended access lists of Cisco IOS, without state.
    CiscoIos,
    /// The policy itself.
    Json,
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
        Format::Json => serde_json::to_string_pretty(policy)? + "\n",
    })
}

/// Longest piece of foreign text in a comment.
const MAX_TEXT: usize = 70;

/// Text from the wire for a comment: one short line of characters that no device takes for anything else.
fn plain(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || " ._:/()-,+=<>".contains(c);
    let shown = text.chars().map(|c| if harmless(c) { c } else { '_' });
    shown.take(MAX_TEXT).collect()
}

/// A name for tables and lists: letters and digits of the asset's id.
fn name(policy: &Policy) -> String {
    let id = policy.asset.chars().filter(char::is_ascii_alphanumeric);
    id.take(16).collect()
}

/// Comment lines that say for whom, why and from what; `mark` begins a comment.
fn header(policy: &Policy, mark: &str, checked: &str) -> String {
    let mut text = String::new();
    let baseline = &policy.baseline;
    let grown = if baseline.growing {
        format!("STILL GROWING: {} new in its last quarter", baseline.late)
    } else {
        "nothing new in its last quarter".to_owned()
    };
    let lines = [
        format!(
            "Fossick control for {} (asset {})",
            plain(&policy.label),
            name(policy)
        ),
        format!("Why: {}", plain(&policy.demand.reason)),
        format!("Source: {}", plain(&policy.demand.source)),
        format!(
            "Baseline (packet time): {} to {}",
            baseline.first, baseline.last
        ),
        format!("  {} conversations; {grown}", baseline.conversations),
        format!("Syntax: {checked}"),
    ];
    for line in lines {
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
            one.port,
            left.why
        );
    }
    text
}

fn transport(transport: fossick_model::Transport) -> &'static str {
    match transport {
        fossick_model::Transport::Tcp => "tcp",
        fossick_model::Transport::Udp => "udp",
    }
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
