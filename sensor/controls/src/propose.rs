//! The least policy that an asset's conversations need.

use std::net::IpAddr;

use fossick_model::{
    Asset, Baseline, Cast, Conversation, Demand, Learnt, LeftOut, Network, Origin, Policy, Rule,
    Span, Transport, Way, Why,
};

/// Hours in which something was heard; a shorter baseline misses what is done once a day.
pub const LEAST_HOURS: u64 = 24;

/// Rules of one policy at most, and as many conversations that it leaves out: nobody reads more, and few devices take them.
pub const MOST_RULES: usize = 1024;

/// What a policy is asked for.
#[derive(Debug)]
pub struct Question<'a> {
    /// Whom it fences in.
    pub asset: &'a Asset,
    /// The finding that wants it.
    pub demand: Demand,
    /// What was heard; conversations of others are passed over.
    pub conversations: &'a [Conversation],
    /// When anything was heard.
    pub heard: &'a [Span],
    /// Networks that count as one peer each. Without any, each peer is allowed by its address.
    pub zones: &'a [Network],
    /// Services of the asset that the finding is about.
    pub vulnerable: &'a [(Transport, u16)],
    /// Rules that an operator added before, which stay.
    pub kept: &'a [Rule],
    /// Somebody accepts a baseline shorter than [`LEAST_HOURS`].
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
        "it was heard in {hours} of the {least} hours that a baseline takes, and what comes more seldom would be cut off: listen longer, or accept it with --from-little"
    )]
    TooShort {
        /// Hours in which something was heard, since its first packet.
        hours: u64,
        /// Hours that are wanted.
        least: u64,
    },
    /// More than [`MOST_RULES`].
    #[error(
        "it would take more than {most} rules, or leave more than that out, and nobody could judge them: \
         name networks that count as one peer with --zone"
    )]
    TooManyRules {
        /// As many are allowed.
        most: usize,
    },
}

const TOO_MANY: NoPolicy = NoPolicy::TooManyRules { most: MOST_RULES };

/// The least policy that what was heard needs.
///
/// # Errors
///
/// The asset has no address, or was not heard in a conversation, or not for long enough, or needs too many rules.
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
    let last = heard.iter().map(|(_, one)| one.last_seen).max();
    let last = last.ok_or(NoPolicy::NoConversation)?;
    let baseline = Baseline::of(heard.iter().map(|(_, one)| *one), question.heard);
    let (hours, least) = (baseline.hours, LEAST_HOURS);
    let short = hours < least;
    if short && !question.from_little {
        return Err(NoPolicy::TooShort { hours, least });
    }
    let mut rules: Vec<Rule> = Vec::new();
    let mut left_out = Vec::new();
    for (direction, conversation) in heard {
        let rule = match why_not(direction, conversation, &question) {
            None => rule(direction, conversation, question.zones),
            Some(why) => Err(why),
        };
        let rule = match rule {
            Ok(rule) => rule,
            Err(_) if left_out.len() >= MOST_RULES => return Err(TOO_MANY),
            Err(why) => {
                let conversation = conversation.clone();
                left_out.push(LeftOut { why, conversation });
                continue;
            }
        };
        let full = rules.len() >= MOST_RULES;
        match rules.iter_mut().find(|known| same(known, &rule)) {
            Some(known) => {
                known.operations.extend(rule.operations);
                known.operations.sort();
                known.operations.dedup();
                known.more_operations |= rule.more_operations;
            }
            None if full => return Err(TOO_MANY),
            None => rules.push(rule),
        }
    }
    for kept in question.kept {
        if !matches!(kept.origin, Origin::Operator { .. }) {
            continue;
        }
        // Where it was heard as well it stays the operator's: another baseline may not have heard it.
        let full = rules.len() >= MOST_RULES;
        match rules.iter_mut().find(|known| same(known, kept)) {
            Some(known) => known.origin = kept.origin.clone(),
            None if full => return Err(TOO_MANY),
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
        learnt: Learnt {
            baseline,
            last,
            short,
        },
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
pub(crate) fn direction(heard: &Conversation, asset: &str, addresses: &[IpAddr]) -> Option<Way> {
    let own = |end: &fossick_model::End| {
        let others = end.asset.as_deref().is_some_and(|id| id != asset);
        addresses.contains(&end.address) && !others
    };
    match (own(&heard.server), own(&heard.client)) {
        (true, false) => Some(Way::Inbound),
        (false, true) => Some(Way::Outbound),
        _ => None,
    }
}

fn why_not(direction: Way, heard: &Conversation, question: &Question<'_>) -> Option<Why> {
    let peer = match direction {
        Way::Inbound => heard.client.address,
        Way::Outbound => heard.server.address,
    };
    let is_vulnerable = |(transport, port): &(Transport, u16)| {
        (*transport, Some(*port)) == (heard.transport, heard.port)
    };
    if heard.cast != Cast::Unicast || peer.is_multicast() || is_broadcast(peer) {
        Some(Why::Group)
    } else if !is_local(peer, question.zones) {
        Some(Why::Internet)
    } else if direction == Way::Inbound && question.vulnerable.iter().any(is_vulnerable) {
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

fn rule(direction: Way, heard: &Conversation, zones: &[Network]) -> Result<Rule, Why> {
    let port = heard.port.ok_or(Why::NoDirection)?;
    let (local, peer) = match direction {
        Way::Inbound => (heard.server.address, heard.client.address),
        Way::Outbound => (heard.client.address, heard.server.address),
    };
    let zone = zones.iter().find(|zone| zone.contains(peer));
    Ok(Rule {
        number: 0,
        direction,
        local,
        peer: zone.copied().unwrap_or_else(|| Network::host(peer)),
        transport: heard.transport,
        port,
        protocol: heard.protocol.clone(),
        operations: heard
            .operations
            .iter()
            .map(|asked| asked.name.clone())
            .collect(),
        more_operations: heard.more_operations,
        origin: Origin::Baseline {
            evidence: heard.evidence.clone(),
        },
    })
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
