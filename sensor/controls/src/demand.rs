//! Findings that no patch closes: what demands a control.

use fossick_model::{Asset, Demand, Finding};

/// What an asset's findings demand, in their order.
#[must_use]
pub fn demands(asset: &Asset) -> Vec<Demand> {
    asset.findings.iter().filter_map(demand).collect()
}

/// What the finding of an earlier demand demands now; nothing where that was not a finding.
#[must_use]
pub fn demand_now(asset: &Asset, earlier: &Demand) -> Option<Demand> {
    let id = earlier.finding.as_ref()?;
    let now = demands(asset).into_iter();
    let mut now = now.filter(|demand| demand.finding.as_ref() == Some(id));
    Some(now.next().unwrap_or_else(|| Demand {
        reason: "the finding is no more, or can be patched".to_owned(),
        source: String::new(),
        finding: None,
    }))
}

fn demand(finding: &Finding) -> Option<Demand> {
    let verdict = finding.verdict.filter(|verdict| verdict.is_unpatchable())?;
    let title = if finding.title.is_empty() {
        &finding.rule
    } else {
        &finding.title
    };
    Some(Demand {
        reason: format!("{}: {title}", verdict.name()),
        source: format!("{}: {}", finding.source.id, finding.source.row),
        finding: Some(finding.id.clone()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asset(verdict: &str, row: &str) -> Asset {
        serde_json::from_value(json!({
            "id": "00", "addresses": null, "vlans": [], "hostnames": [], "category": "unknown", "protocols": [], "services": [],
            "peers": 0, "first_seen": "2024-01-01T00:00:00Z", "last_seen": "2024-01-01T00:00:00Z", "visibility": [],
            "children": [], "facts": [], "observations": [],
            "findings": [{
                "id": "f1", "rule": "advisory", "title": "Weak session keys", "verdict": verdict, "priority": "act",
                "source": {"feed": "csaf", "id": "ICSA-24-001-01", "row": row, "date": "2024-01-01"}
            }]
        }))
        .unwrap()
    }

    #[test]
    fn a_finding_demands_a_control_until_a_patch_closes_it() {
        let found = demands(&asset("declared no fix", "no_fix_planned"));
        let [demand] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(demand.reason, "declared no fix: Weak session keys");
        assert_eq!(demand.source, "ICSA-24-001-01: no_fix_planned");
        let same = demand_now(&asset("declared no fix", "no_fix_planned"), demand);
        assert_eq!(same.as_ref(), Some(demand));
        let patched = demand_now(&asset("fix available", "vendor_fix"), demand).unwrap();
        assert_ne!(&patched, demand);
        assert_eq!(patched.finding, None);
        assert_eq!(demand_now(&asset("unknown", ""), &patched), None);
    }
}
