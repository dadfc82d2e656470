//! What persons said of an asset and of its findings, which outranks everything heard, and what disturbed it while it was asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use fossick_model::{
    Acceptance, Asset, Attribute, Control, ControlState, DECLARED, DISTURBED, Evidence, Exception,
    Fact, Finding, FindingSource, Frames, Kind, Life, Time, Verdict,
};
use fossick_risk::{Case, Exposure, finding_id};

use super::tables::Standing;

/// Findings of an asset that are no more, and of which is kept how they fared. Those without an acceptance give way first,
/// then those that have been gone for longest.
const GONE: usize = 256;

/// Puts into the asset what persons said of it, as facts that win, what disturbed it, and into its findings how they fare.
pub fn apply(asset: &mut Asset, standing: &Standing, control: Option<&Control>) {
    if let Some((name, since)) = &standing.name {
        asset.hostnames.retain(|other| other != name);
        asset.hostnames.insert(0, name.clone());
        asset
            .facts
            .insert(0, fact(Attribute::Hostname, "operator.name", name, *since));
    }
    if let Some((name, since)) = &standing.kind
        && let Some(kind) = Kind::named(name)
    {
        asset.kind = Some(kind);
        asset.category = kind.category();
        asset
            .facts
            .insert(0, fact(Attribute::Kind, "operator.kind", name, *since));
    }
    let is_said = |finding: &Finding| [DECLARED, DISTURBED].contains(&finding.rule.as_str());
    asset.findings.retain(|finding| !is_said(finding));
    asset.findings.extend(standing.disturbed.iter().cloned());
    if let Some(declared) = &standing.declared {
        asset.findings.push(declaration(asset, declared));
    }
    let planned = control.and_then(planned);
    let fresh = Life::default();
    let of_children = asset
        .children
        .iter_mut()
        .flat_map(|child| &mut child.findings);
    for finding in asset.findings.iter_mut().chain(of_children) {
        let life = standing.findings.get(&finding.id).unwrap_or(&fresh);
        finding.state = life.state(planned == Some(finding.id.as_str()));
    }
}

/// The finding for which a control is under way.
fn planned(control: &Control) -> Option<&str> {
    match control.state {
        // Nobody has looked at it yet, or it no longer fits.
        ControlState::Proposed { .. } | ControlState::Stale { .. } => None,
        ControlState::DryRun { .. }
        | ControlState::Approved { .. }
        | ControlState::Exported { .. }
        | ControlState::Deployed { .. }
        | ControlState::Verified { .. }
        | ControlState::Violated { .. } => control.policy.demand.finding.as_deref(),
    }
}

/// The finding that an asset has because a person declared it unpatchable.
fn declaration(asset: &Asset, declared: &Acceptance) -> Finding {
    let case = Case {
        kev: false,
        epss: None,
        exposure: Exposure::Unknown,
        category: asset.category.name(),
        verdict: Verdict::DeclaredByOperator,
        sure: true,
    };
    let (priority, path) = case.priority();
    let (by, until) = (declared.by.label(), declared.until.day());
    Finding {
        id: finding_id(asset, DECLARED, DECLARED),
        rule: DECLARED.to_owned(),
        title: format!("Declared unpatchable by {by} until {until}"),
        verdict: Some(Verdict::DeclaredByOperator),
        source: FindingSource {
            feed: "operator".to_owned(),
            id: by.clone(),
            row: declared.reason.clone(),
            date: declared.since.day(),
        },
        confidence: 100,
        why: format!("{by} says so, until {until}: {}", declared.reason),
        priority,
        path,
        ..Finding::default()
    }
}

/// Every finding of an asset and of the devices behind it.
pub fn findings(asset: &Asset) -> impl Iterator<Item = &Finding> {
    let of_children = asset.children.iter().flat_map(|child| &child.findings);
    asset.findings.iter().chain(of_children)
}

/// Remembers which findings are no more, and reopens those that are there again; true if there is one. An acceptance holds
/// for a finding that comes back, an acknowledgement does not: it was of what is over.
pub fn follow(before: Option<&Asset>, asset: &Asset, standing: &mut Standing, now: Time) -> bool {
    fn found(asset: &Asset) -> BTreeMap<&str, &str> {
        let found = findings(asset).filter(|finding| finding.rule != DECLARED);
        found
            .map(|finding| (finding.id.as_str(), finding.title.as_str()))
            .collect()
    }
    let there = found(asset);
    for (id, title) in before.map(found).unwrap_or_default() {
        if !there.contains_key(id) {
            let life = standing.findings.entry(id.to_owned()).or_default();
            title.clone_into(&mut life.title);
            life.closed = Some(now);
        }
    }
    let mut again = false;
    for (id, life) in &mut standing.findings {
        if there.contains_key(id.as_str()) && life.closed.take().is_some() {
            again = true;
            if life.accepted().is_none() {
                life.decision = None;
                life.reopened = Some(now);
            }
        }
    }
    let mut gone: Vec<(bool, Time, String)> = standing
        .findings
        .iter()
        .filter_map(|(id, life)| Some((life.accepted().is_some(), life.closed?, id.clone())))
        .collect();
    if gone.len() > GONE {
        gone.sort_unstable();
        let surplus = gone.len().saturating_sub(GONE);
        for (_, _, id) in gone.iter().take(surplus) {
            standing.findings.remove(id);
        }
    }
    again
}

/// The id that the finding of a rule and a source has in this asset.
pub fn id_in(asset: &Asset, rule: &str, source: &str) -> String {
    if fossick_shadow::is_detector(rule) {
        fossick_shadow::finding_id(&asset.id, rule)
    } else {
        finding_id(asset, rule, source)
    }
}

/// What somebody answers for.
pub fn exceptions(asset: &Asset, standing: &Standing, now: Time) -> Vec<Exception> {
    let exception = |finding: &str, title: &str, kind: &str, acceptance: &Acceptance| Exception {
        asset: asset.id.clone(),
        label: asset.label(),
        finding: finding.to_owned(),
        title: title.to_owned(),
        kind: kind.to_owned(),
        acceptance: acceptance.clone(),
        days_left: acceptance.days_left(now),
        present: findings(asset).any(|known| known.id == finding),
    };
    let declared = standing.declared.iter().map(|declared| {
        let finding = declaration(asset, declared);
        exception(&finding.id, &finding.title, "declared", declared)
    });
    let accepted = standing.findings.iter().filter_map(|(id, life)| {
        let acceptance = life.accepted()?;
        Some(exception(id, &life.title, "accepted", acceptance))
    });
    declared.chain(accepted).collect()
}

fn fact(attribute: Attribute, key: &'static str, value: &str, since: Time) -> Fact {
    Fact {
        attribute,
        value: value.to_owned(),
        certainty: 100,
        key: key.into(),
        raw: Arc::from(value),
        fingerprint: Arc::from("operator"),
        evidence: Evidence {
            capture: Arc::from("operator"),
            frames: Frames::Several(Vec::new()),
            time: since,
            heard: false,
            octets: Vec::new(),
        },
    }
}
