//! The least policy that an asset's conversations need.

use std::net::IpAddr;

use fossick_model::{
    Asset, Baseline, Conversation, Demand, Direction, LeftOut, Network, Origin, Policy, Rule, Time,
    Transport, Why,
};

/// A shorter baseline misses what is done once a day. Seconds.
pub const LEAST_LEARNT: i64 = 86_400;
/// Where conversations were new in the last one of so many parts of the time, the baseline still grows.
const PARTS: i64 = 4;
const SECOND: i64 = 1_000_000_000;

/// What a policy is asked for.
#[derive(Debug)]
pub struct Question<'a> {
    /// Whom it fences in.
    pub asset: &'a Asset,
    /// The finding that wants it.
    pub demand: Demand,
    /// What was heard; conversations of others are passed over.
    pub conversations: &'a [Conversation],
    /// Networks that count as one peer each. Without any, each peer is allowed by its address.
    pub zones: &'a [Network],
    /// Services of the asset that the finding is about.
    pub vulnerable: &'a [(Transport, u16)],
    /// Rules that an operator added before, which stay.
    pub kept: &'a [Rule],
    /// Somebody accepts a baseline shorter than [`LEAST_LEARNT`].
    pub from_little: bool,
}

/// Why there is no policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPolicy {
    /// Nothing to write into a filter.
    #[error("the asset has no IP address: no filter of packets can fence it in")]
    NoAddress,
    /// Nothing was heard.
    #[error("no conversation of the asset was heard: a policy would cut it off")]
    NoConversation,
    /// Not for long enough.
    #[error(
        "it was heard for {heard} of the {least} seconds that a baseline takes: what comes more seldom would be cut off"
    )]
    TooShort {
        /// Seconds from the first packet to the last.
        heard: i64,
        /// Seconds that are wanted.
        least: i64,
    },
}

/// The least policy that what was heard needs.
///
/// # Errors
///
/// The asset has no address, or was not heard in a conversation, or not for long enough.
pub fn propose(question: Question<'_>) -> Result<Policy, NoPolicy> {
    let addresses = addresses(question.asset);
    if addresses.is_empty() {
        return Err(NoPolicy::NoAddress);
    }
    let heard: Vec<_> = question
        .conversations
        .iter()
        .filter_map(|heard| Some((direction(heard, &question.asset.id, &addresses)?, heard)))
        .collect();
    let baseline = baseline(&heard).ok_or(NoPolicy::NoConversation)?;
    if baseline.short && !question.from_little {
        let heard = baseline.last.0.saturating_sub(baseline.first.0) / SECOND;
        let least = LEAST_LEARNT;
        return Err(NoPolicy::TooShort { heard, least });
    }
    let mut rules: Vec<Rule> = Vec::new();
    let mut left_out = Vec::new();
    for (direction, conversation) in heard {
        if let Some(why) = why_not(direction, conversation, &question) {
            let conversation = conversation.clone();
            left_out.push(LeftOut { why, conversation });
            continue;
        }
        let rule = rule(direction, conversation, question.zones);
        match rules.iter_mut().find(|known| same(known, &rule)) {
            Some(known) => {
                known.operations.extend(rule.operations);
                known.operations.sort();
                known.operations.dedup();
            }
            None => rules.push(rule),
        }
    }
    for kept in question.kept {
        if !matches!(kept.origin, Origin::Operator { .. }) {
            continue;
        }
        // Where it was heard as well it stays the operator's: another baseline may not have heard it.
        match rules.iter_mut().find(|known| same(known, kept)) {
            Some(known) => known.origin = kept.origin.clone(),
            None => rules.push(kept.clone()),
        }
    }
    left_out.retain(|left: &LeftOut| !rules.iter().any(|rule| rule.allows(&left.conversation)));
    rules.sort_by_key(|rule| {
        (
            rule.direction,
            rule.local,
            rule.peer,
            rule.transport,
            rule.port,
        )
    });
    for (rule, number) in rules.iter_mut().zip(1..) {
        rule.number = number;
    }
    let label = question.asset.hostnames.first().cloned();
    let label = label.or_else(|| addresses.first().map(ToString::to_string));
    Ok(Policy {
        asset: question.asset.id.clone(),
        label: label.unwrap_or_default(),
        addresses,
        demand: question.demand,
        baseline,
        rules,
        left_out,
    })
}

/// Those by which it can be fenced in, sorted.
pub(crate) fn addresses(asset: &Asset) -> Vec<IpAddr> {
    let Some(addresses) = &asset.addresses else {
        return Vec::new();
    };
    let v4 = addresses.ipv4.iter().copied().map(IpAddr::V4);
    let v6 = addresses.ipv6.iter().copied().map(IpAddr::V6);
    let mut all: Vec<IpAddr> = v4.chain(v6).collect();
    // Nobody is fenced in by an address that is nobody's.
    all.retain(|address| !address.is_unspecified() && !address.is_multicast());
    all.sort_unstable();
    all.dedup();
    all
}

/// Who opens it, where it is one of the asset's own. By its address: that is what a filter sees.
pub(crate) fn direction(
    heard: &Conversation,
    asset: &str,
    addresses: &[IpAddr],
) -> Option<Direction> {
    let own = |end: &fossick_model::End| {
        let others = end.asset.as_deref().is_some_and(|id| id != asset);
        addresses.contains(&end.address) && !others
    };
    match (own(&heard.server), own(&heard.client)) {
        (true, false) => Some(Direction::Inbound),
        (false, true) => Some(Direction::Outbound),
        _ => None,
    }
}

fn baseline(heard: &[(Direction, &Conversation)]) -> Option<Baseline> {
    let first = heard.iter().map(|(_, one)| one.first_seen).min()?;
    let last = heard.iter().map(|(_, one)| one.last_seen).max()?;
    let heard_for = last.0.saturating_sub(first.0);
    let late_from = Time(last.0.saturating_sub(heard_for / PARTS));
    // Where all was heard in one moment, nothing shows that it has stopped to grow.
    let late = heard
        .iter()
        .filter(|(_, one)| one.first_seen >= late_from)
        .count();
    Some(Baseline {
        first,
        last,
        conversations: heard.len(),
        short: heard_for / SECOND < LEAST_LEARNT,
        late,
        growing: late > 0,
    })
}

fn why_not(direction: Direction, heard: &Conversation, question: &Question<'_>) -> Option<Why> {
    let peer = match direction {
        Direction::Inbound => heard.client.address,
        Direction::Outbound => heard.server.address,
    };
    let service = (heard.transport, heard.port);
    if peer.is_multicast() || is_broadcast(peer) {
        Some(Why::Group)
    } else if !is_local(peer, question.zones) {
        Some(Why::Internet)
    } else if direction == Direction::Inbound && question.vulnerable.contains(&service) {
        Some(Why::VulnerableService)
    } else if !heard.two_way {
        Some(Why::OneWay)
    } else {
        None
    }
}

fn is_broadcast(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.is_broadcast())
}

fn is_local(address: IpAddr, zones: &[Network]) -> bool {
    let unasked = match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_loopback(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback(),
    };
    unasked || zones.iter().any(|zone| zone.contains(address))
}

fn rule(direction: Direction, heard: &Conversation, zones: &[Network]) -> Rule {
    let (local, peer) = match direction {
        Direction::Inbound => (heard.server.address, heard.client.address),
        Direction::Outbound => (heard.client.address, heard.server.address),
    };
    let zone = zones.iter().find(|zone| zone.contains(peer));
    Rule {
        number: 0,
        direction,
        local,
        peer: zone.copied().unwrap_or_else(|| Network::host(peer)),
        transport: heard.transport,
        port: heard.port,
        protocol: heard.protocol.clone(),
        operations: heard.operations.clone(),
        origin: Origin::Baseline {
            evidence: heard.evidence.clone(),
        },
    }
}

/// Whether a filter could not tell them apart.
fn same(one: &Rule, other: &Rule) -> bool {
    let what = |rule: &Rule| {
        let Rule {
            direction,
            local,
            peer,
            transport,
            port,
            ..
        } = *rule;
        (direction, local, peer, transport, port)
    };
    what(one) == what(other)
}
