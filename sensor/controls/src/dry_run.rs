//! What a policy would have done to what was heard.

use fossick_model::{Asked, Conversation, Policy, Why};
use serde::Serialize;

use crate::propose::direction;

/// What would have happened to one conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trial<'a> {
    /// Whether it would have passed.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What the rule did not know to be asked for; a filter of packets would have let it through.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub new_operations: Vec<&'a Asked>,
    /// Which.
    pub conversation: &'a Conversation,
}

/// Whether it would have passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// It would.
    Allowed {
        /// By which rule.
        rule: usize,
    },
    /// It would not.
    Blocked {
        /// Why it was left out on purpose; nothing where the policy does not know it.
        why: Option<Why>,
    },
}

/// Tries a policy on every conversation of its asset; those of others are not concerned.
#[must_use]
pub fn dry_run<'a>(
    policy: &Policy,
    conversations: impl IntoIterator<Item = &'a Conversation>,
) -> Vec<Trial<'a>> {
    let conversations = conversations.into_iter();
    let concerned = conversations.filter(|one| concerns(policy, one));
    concerned.map(|one| trial(policy, one)).collect()
}

/// Whether a conversation is one of the policy's asset.
#[must_use]
pub fn concerns(policy: &Policy, conversation: &Conversation) -> bool {
    direction(conversation, &policy.asset, &policy.addresses).is_some()
}

fn trial<'a>(policy: &Policy, conversation: &'a Conversation) -> Trial<'a> {
    let rule = policy.rules.iter().find(|rule| rule.allows(conversation));
    let Some(rule) = rule else {
        let known = policy
            .left_out
            .iter()
            .find(|left| is_same(&left.conversation, conversation));
        let why = known.map(|left| left.why);
        return Trial {
            verdict: Verdict::Blocked { why },
            new_operations: Vec::new(),
            conversation,
        };
    };
    let operations = conversation.operations.iter();
    let new = operations.filter(|asked| {
        !rule.operations.is_empty()
            && !rule.more_operations
            && !rule.operations.contains(&asked.name)
    });
    Trial {
        verdict: Verdict::Allowed { rule: rule.number },
        new_operations: new.collect(),
        conversation,
    }
}

/// Whether both are the same client's use of the same service.
fn is_same(one: &Conversation, other: &Conversation) -> bool {
    let what = |one: &Conversation| {
        let ends = (one.client.address, one.server.address);
        (ends, one.transport, one.port)
    };
    what(one) == what(other)
}
