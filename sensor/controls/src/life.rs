//! `proposed → dry-run → approved → exported → deployed → verified | violated | stale`: what moves a control, and what must be
//! so before it moves.

use fossick_model::{
    Answered, Asset, Control, ControlState, Conversation, Demand, Direction, Evidence, Policy,
    Staleness, Time,
};

use crate::dry_run::{Trial, Verdict, dry_run};
use crate::propose::addresses;

/// How long is listened before silence counts, unless somebody says otherwise: what is done once a day has been done. Seconds.
pub const LEAST_WATCH: i64 = 86_400;

/// Why a control does not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An earlier step is missing, or the control has come further.
    #[error("the control is {state}: {next}")]
    OutOfOrder {
        /// Where it is.
        state: &'static str,
        /// What can be done there.
        next: &'static str,
    },
    /// Nobody stands behind it.
    #[error("a name is needed")]
    NoName,
    /// One direction of its traffic is heard at most.
    #[error("its traffic is heard one way only: silence proves nothing where the sensor is deaf")]
    HeardOneWay,
    /// It never spoke, or to everybody alone.
    #[error(
        "it was never heard to speak with anybody: silence proves nothing where nothing is heard"
    )]
    NeverSpoke,
    /// Not long enough.
    #[error("what is allowed was heard for {heard} of the {least} seconds that it takes")]
    TooEarly {
        /// Seconds from when it was deployed to the last packet of what is allowed.
        heard: i64,
        /// Seconds that are needed.
        least: i64,
    },
    /// Nothing that is allowed was heard in both directions since it was deployed.
    #[error(
        "nothing that is allowed was heard both ways since: the asset or the sensor may be cut off"
    )]
    NothingHeard,
}

/// A policy begins its way.
#[must_use]
pub fn begin(policy: Policy, by: &str, at: Time) -> Control {
    let by = by.to_owned();
    Control {
        policy,
        state: ControlState::Proposed { by, at },
        waits: None,
    }
}

/// It was tried on these conversations.
///
/// # Errors
///
/// It was approved already.
pub fn try_out<'a>(
    control: &mut Control,
    conversations: impl IntoIterator<Item = &'a Conversation>,
    by: &str,
    at: Time,
) -> Result<(), Refusal> {
    match control.state {
        ControlState::Proposed { .. } | ControlState::DryRun { .. } => {}
        _ => return Err(out_of_order(control)),
    }
    let trials = dry_run(&control.policy, conversations);
    let stops = trials.iter().filter(|trial| is_forbidden(trial)).count();
    control.state = ControlState::DryRun {
        by: named(by)?,
        at,
        passes: trials.len().saturating_sub(stops),
        stops,
    };
    Ok(())
}

/// Somebody agrees to a control.
///
/// # Errors
///
/// It was not tried before, or nobody is named.
pub fn approve(control: &mut Control, by: &str, at: Time) -> Result<(), Refusal> {
    if !matches!(control.state, ControlState::DryRun { .. }) {
        return Err(out_of_order(control));
    }
    let by = named(by)?;
    control.state = ControlState::Approved { by, at };
    Ok(())
}

/// It is handed out in the words of a device. Once it is deployed this changes nothing.
///
/// # Errors
///
/// It was not approved before, or nobody is named.
pub fn export(control: &mut Control, format: &str, by: &str, at: Time) -> Result<(), Refusal> {
    match control.state {
        ControlState::Approved { .. } | ControlState::Exported { .. } => {
            control.state = ControlState::Exported {
                by: named(by)?,
                at,
                format: format.to_owned(),
            };
            Ok(())
        }
        ControlState::Proposed { .. } | ControlState::DryRun { .. } => Err(out_of_order(control)),
        _ => Ok(()),
    }
}

/// Somebody says that a device holds it from now on; `least` seconds are listened before silence counts.
///
/// # Errors
///
/// It was not exported before, or nobody is named.
pub fn deploy(control: &mut Control, by: &str, at: Time, least: i64) -> Result<(), Refusal> {
    match control.state {
        ControlState::Exported { at: exported, .. } if exported <= at => {}
        _ => return Err(out_of_order(control)),
    }
    let by = named(by)?;
    control.state = ControlState::Deployed { by, at, least };
    control.waits = None;
    Ok(())
}

fn named(by: &str) -> Result<String, Refusal> {
    let by = by.trim();
    (!by.is_empty())
        .then(|| by.to_owned())
        .ok_or(Refusal::NoName)
}

fn out_of_order(control: &Control) -> Refusal {
    let state = control.state.name();
    let next = match control.state {
        ControlState::Proposed { .. } => "try it with `dry-run`",
        ControlState::DryRun { .. } => "somebody must `approve` it",
        ControlState::Approved { .. } => "`export` it for a device",
        ControlState::Exported { .. } => "load it into the device, and say so with `deployed`",
        ControlState::Deployed { .. } | ControlState::Verified { .. } => {
            "it is watched; `propose` begins anew"
        }
        ControlState::Violated { .. } | ControlState::Stale { .. } => "`propose` begins anew",
    };
    Refusal::OutOfOrder { state, next }
}

/// Holds a control against its asset as it is now, what demands it now (where that is known), and the conversations then and
/// since.
///
/// # Errors
///
/// It is not in force, or what is heard does not suffice to call it verified: the state stays.
pub fn observe<'a>(
    control: &mut Control,
    asset: &Asset,
    demand: Option<&Demand>,
    conversations: impl IntoIterator<Item = &'a Conversation>,
) -> Result<(), Refusal> {
    // A violation stands until somebody proposes and deploys anew.
    let (since, least) = match control.state {
        ControlState::Deployed { at, least, .. } => (at, least),
        ControlState::Verified { since, least, .. } => (since, least),
        _ => return Err(out_of_order(control)),
    };
    let trials = dry_run(&control.policy, conversations);
    let forbidden = || trials.iter().filter(|trial| is_forbidden(trial));
    if let Some((trial, evidence)) = forbidden().find_map(|trial| {
        let evidence = went_through(&control.policy, trial.conversation, since, least)?;
        Some((trial, evidence))
    }) {
        let conversation = Box::new(trial.conversation.clone());
        control.state = ControlState::Violated {
            since,
            conversation,
            evidence,
        };
        return Ok(());
    }
    if let Some(reason) = staleness(&control.policy, asset, demand, &trials) {
        control.state = ControlState::Stale { reason };
        return Ok(());
    }
    for word in &asset.visibility {
        match word.as_ref() {
            "one-way" => return Err(Refusal::HeardOneWay),
            "never-spoke" | "broadcast-only" => return Err(Refusal::NeverSpoke),
            _ => {}
        }
    }
    let answered = |trial: &Trial<'_>| Some(trial.conversation.answered.as_ref()?.last);
    let allowed = trials.iter().filter(|trial| !is_forbidden(trial));
    let allowed = allowed.filter_map(answered).filter(|last| *last > since);
    let (allowed, until) = allowed.fold((0_usize, since), |(count, until), last| {
        (count.saturating_add(1), until.max(last))
    });
    if allowed == 0 {
        return Err(Refusal::NothingHeard);
    }
    // What is allowed shows that the mirror still works: after the last of it, silence proves nothing.
    let heard = until.0.saturating_sub(since.0) / SECOND;
    if heard < least {
        return Err(Refusal::TooEarly { heard, least });
    }
    let attempts = forbidden().filter(|trial| {
        trial.conversation.last_seen > since && answered(trial).is_none_or(|last| last <= since)
    });
    control.state = ControlState::Verified {
        since,
        until,
        least,
        allowed,
        attempts: attempts.count(),
    };
    Ok(())
}

const SECOND: i64 = 1_000_000_000;

fn is_forbidden(trial: &Trial<'_>) -> bool {
    matches!(trial.verdict, Verdict::Blocked { .. })
}

/// The packet that shows that a forbidden conversation went through: it began after the control was in force and was
/// answered. One from before may take its time to end, as its retransmissions do, but not for as long as is listened.
fn went_through(
    policy: &Policy,
    conversation: &Conversation,
    since: Time,
    least: i64,
) -> Option<Evidence> {
    let Answered {
        began,
        last,
        evidence,
    } = conversation.answered.as_ref()?;
    let opened = match conversation.direction {
        _ if is_perhaps_an_answer(policy, conversation) => return None,
        Direction::Unknown | Direction::Ports => false,
        Direction::Opening | Direction::Role | Direction::Asked => *began > since,
    };
    let late = Time(since.0.saturating_add(least.saturating_mul(SECOND)));
    (opened || *last > late).then(|| evidence.clone())
}

/// From here on are ports that clients take; old systems begin that low.
const CLIENTS: u16 = 1024;

/// Whether it may be the other half of something that is allowed, of which the beginning was not heard: after a restart, or a
/// pause, the first datagram may be an answer.
fn is_perhaps_an_answer(policy: &Policy, conversation: &Conversation) -> bool {
    let perhaps = match conversation.direction {
        Direction::Unknown => true,
        Direction::Asked => conversation.port.is_none_or(|port| port >= CLIENTS),
        Direction::Opening | Direction::Role | Direction::Ports => false,
    };
    let ends = [conversation.client.address, conversation.server.address];
    let mut rules = policy.rules.iter();
    perhaps
        && rules.any(|rule| {
            rule.transport == conversation.transport
                && ends.contains(&rule.local)
                && ends.iter().any(|end| rule.peer.contains(*end))
        })
}

fn staleness(
    policy: &Policy,
    asset: &Asset,
    demand: Option<&Demand>,
    trials: &[Trial<'_>],
) -> Option<Staleness> {
    if let Some(demand) = demand.filter(|demand| **demand != policy.demand) {
        let now = demand.clone();
        return Some(Staleness::DemandChanged { now });
    }
    let mut now = addresses(asset).into_iter();
    if let Some(address) = now.find(|address| !policy.addresses.contains(address)) {
        return Some(Staleness::NewAddress { address });
    }
    let until = policy.learnt.last;
    let unknown = |trial: &&Trial<'_>| {
        trial.verdict == Verdict::Blocked { why: None } && trial.conversation.first_seen <= until
    };
    let trial = trials.iter().find(unknown)?;
    let conversation = Box::new(trial.conversation.clone());
    Some(Staleness::BaselineChanged { conversation })
}
