//! `proposed → approved → deployed → verified | violated | stale`: what moves a control, and what must be so before it moves.

use fossick_model::{Asset, Control, ControlState, Conversation, Demand, Staleness, Time};

use crate::dry_run::{Trial, Verdict, dry_run};

/// Why a control does not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An earlier step is missing, or the control has come further.
    #[error("the control is not in the state that comes before this one")]
    OutOfOrder,
    /// Nobody stands behind it.
    #[error("a name is needed")]
    NoName,
    /// Another asset was handed over.
    #[error("this is another asset's control")]
    AnotherAsset,
    /// One direction of its traffic is heard at most.
    #[error("its traffic is heard one way only: silence proves nothing where the sensor is deaf")]
    HeardOneWay,
    /// It never spoke.
    #[error("it never spoke: silence proves nothing where nothing is heard")]
    NeverSpoke,
    /// Not long enough.
    #[error("heard for {heard} of the {least} seconds that it takes")]
    TooEarly {
        /// Seconds since it was deployed.
        heard: i64,
        /// Seconds that are needed.
        least: i64,
    },
    /// Nothing that is allowed was heard in both directions since it was deployed.
    #[error(
        "nothing that is allowed was heard both ways since: the asset or the sensor may be cut off"
    )]
    NothingHeard,
    /// Something forbidden was heard, and no packet since then shows whether it went through.
    #[error(
        "{count} forbidden conversations were heard, and it is not clear that they were stopped"
    )]
    Unclear {
        /// How many.
        count: usize,
    },
}

/// Somebody agrees to a control.
///
/// # Errors
///
/// It was not just proposed, or nobody is named.
pub fn approve(control: &mut Control, by: &str, at: Time) -> Result<(), Refusal> {
    if control.state != ControlState::Proposed {
        return Err(Refusal::OutOfOrder);
    }
    let by = named(by)?;
    control.state = ControlState::Approved { by, at };
    Ok(())
}

/// Somebody says that a device holds it from now on.
///
/// # Errors
///
/// It was not approved before, or nobody is named.
pub fn deploy(control: &mut Control, by: &str, at: Time) -> Result<(), Refusal> {
    match control.state {
        ControlState::Approved { at: approved, .. } if approved <= at => {}
        _ => return Err(Refusal::OutOfOrder),
    }
    let by = named(by)?;
    control.state = ControlState::Deployed { by, at };
    Ok(())
}

fn named(by: &str) -> Result<String, Refusal> {
    let by = by.trim();
    (!by.is_empty())
        .then(|| by.to_owned())
        .ok_or(Refusal::NoName)
}

/// Holds a control against what is heard by packet time `now`, and what demands it now.
/// `least` is how long must be listened before silence counts, in seconds.
///
/// # Errors
///
/// It is not in force, or what is heard does not suffice to call it verified: the state stays.
pub fn observe(
    control: &mut Control,
    asset: &Asset,
    demand: &Demand,
    conversations: &[Conversation],
    now: Time,
    least: i64,
) -> Result<(), Refusal> {
    if asset.id != control.policy.asset {
        return Err(Refusal::AnotherAsset);
    }
    // A violation stands until somebody proposes and deploys anew.
    let since = match control.state {
        ControlState::Deployed { at, .. } => at,
        ControlState::Verified { since, .. } => since,
        _ => return Err(Refusal::OutOfOrder),
    };
    let trials = dry_run(&control.policy, conversations);
    let after = |trial: &&Trial<'_>| trial.conversation.last_seen > since;
    let forbidden = |trial: &&Trial<'_>| matches!(trial.verdict, Verdict::Blocked { .. });
    let through = |trial: &&Trial<'_>| {
        // Both its directions and its packet must be of the time after: older ones prove nothing about now.
        let one = trial.conversation;
        one.two_way && one.first_seen > since && one.evidence.time > since
    };
    if let Some(trial) = trials.iter().filter(forbidden).find(through) {
        let conversation = Box::new(trial.conversation.clone());
        control.state = ControlState::Violated {
            since,
            conversation,
        };
        return Ok(());
    }
    if *demand != control.policy.demand {
        let reason = Staleness::DemandChanged {
            now: demand.clone(),
        };
        control.state = ControlState::Stale { reason };
        return Ok(());
    }
    let until = control.policy.baseline.last;
    let unknown = |trial: &&Trial<'_>| {
        trial.verdict == Verdict::Blocked { why: None } && trial.conversation.first_seen <= until
    };
    if let Some(trial) = trials.iter().find(unknown) {
        let conversation = Box::new(trial.conversation.clone());
        let reason = Staleness::BaselineChanged { conversation };
        control.state = ControlState::Stale { reason };
        return Ok(());
    }
    for word in &asset.visibility {
        match word.as_ref() {
            "one-way" => return Err(Refusal::HeardOneWay),
            "never-spoke" => return Err(Refusal::NeverSpoke),
            _ => {}
        }
    }
    let heard = now.0.saturating_sub(since.0) / 1_000_000_000;
    if heard < least {
        return Err(Refusal::TooEarly { heard, least });
    }
    // Attempts that nobody answered are what a filter leaves of a forbidden conversation; one that was two-way before
    // and is heard still may be either.
    let unclear = |trial: &&Trial<'_>| trial.conversation.two_way;
    let count = trials
        .iter()
        .filter(forbidden)
        .filter(after)
        .filter(unclear)
        .count();
    if count > 0 {
        return Err(Refusal::Unclear { count });
    }
    let alive = |trial: &&Trial<'_>| {
        matches!(trial.verdict, Verdict::Allowed { .. }) && trial.conversation.two_way
    };
    if !trials.iter().filter(after).any(|trial| alive(&trial)) {
        return Err(Refusal::NothingHeard);
    }
    control.state = ControlState::Verified { since, until: now };
    Ok(())
}
