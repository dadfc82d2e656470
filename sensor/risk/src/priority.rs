//! Priority: a decision tree that can be read (`data/priority.toml`), and the path that was taken through it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use fossick_model::Verdict;
use serde::Deserialize;

/// From where an asset is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// Only hosts of its own zone talk with it.
    SameZone,
    /// Hosts of another zone talk with it.
    OtherZone,
    /// Hosts on the Internet talk with it.
    Internet,
    /// That cannot be said.
    Unknown,
}

/// EPSS from which on exploitation is likely.
pub const LIKELY: f64 = 0.1;

/// A node of the tree, or its end.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Node {
    End(String),
    Ask {
        ask: String,
        answers: BTreeMap<String, Node>,
    },
}

static TREE: LazyLock<Node> = LazyLock::new(|| {
    toml::from_str(include_str!("../data/priority.toml")).unwrap_or(Node::End("attend".to_owned()))
});

/// What the tree asks about.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Whether it is known to be exploited.
    pub kev: bool,
    /// Probability of exploitation.
    pub epss: Option<f64>,
    /// From where it is reached.
    pub exposure: Exposure,
    /// Name of the category of its kind.
    pub category: &'static str,
    /// Whether it can be mended.
    pub verdict: Verdict,
    /// Whether it is that product at all.
    pub sure: bool,
}

impl Case {
    fn answer(&self, question: &str) -> &'static str {
        match question {
            "exploitation" if self.kev => "known exploited",
            "exploitation" if self.epss.is_some_and(|epss| epss >= LIKELY) => "likely exploited",
            "exploitation" => "not known exploited",
            "exposure" => match self.exposure {
                Exposure::SameZone => "reached from its own zone only",
                Exposure::OtherZone => "reached from another zone",
                Exposure::Internet => "reached from the Internet",
                Exposure::Unknown => "exposure unknown",
            },
            "role" => match self.category {
                "medical" => "cares for patients",
                "industrial" | "building" | "power" => "controls a process",
                "network" | "server" | "storage" => "carries others",
                "unknown" => "role unknown",
                _ => "serves itself",
            },
            "patchability" => match self.verdict {
                Verdict::FixAvailable => "fix",
                Verdict::Unknown | Verdict::FixNotStated => "fix not known",
                _ => "no fix",
            },
            _ => "",
        }
    }

    /// `act`, `attend` or `track`, and every answer on the way there.
    #[must_use]
    pub fn priority(&self) -> (String, Vec<String>) {
        let mut path = Vec::new();
        let mut node = &*TREE;
        loop {
            match node {
                Node::End(priority) if priority == "act" && !self.sure => {
                    path.push("perhaps another product".to_owned());
                    return ("attend".to_owned(), path);
                }
                Node::End(priority) => return (priority.clone(), path),
                Node::Ask { ask, answers } => {
                    let answer = self.answer(ask);
                    path.push(answer.to_owned());
                    match answers.get(answer) {
                        Some(next) => node = next,
                        None => return ("attend".to_owned(), path),
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERDICTS: [Verdict; 3] = [
        Verdict::FixAvailable,
        Verdict::Unknown,
        Verdict::DeclaredNoFix,
    ];
    const EXPOSURES: [Exposure; 4] = [
        Exposure::SameZone,
        Exposure::Unknown,
        Exposure::OtherZone,
        Exposure::Internet,
    ];
    const CATEGORIES: [&str; 5] = ["unknown", "printer", "server", "industrial", "medical"];

    fn cases() -> Vec<([usize; 4], u8)> {
        let mut cases = Vec::new();
        for exploited in 0..3 {
            for (e, exposure) in EXPOSURES.into_iter().enumerate() {
                for (c, category) in CATEGORIES.into_iter().enumerate() {
                    for (v, verdict) in VERDICTS.into_iter().enumerate() {
                        let epss = (exploited == 1).then_some(0.5);
                        let case = Case {
                            kev: exploited == 2,
                            epss,
                            exposure,
                            category,
                            verdict,
                            sure: true,
                        };
                        let (priority, path) = case.priority();
                        assert!(path.len() >= 2 && matches!(&*TREE, Node::Ask { .. }));
                        let rank = ["track", "attend", "act"]
                            .iter()
                            .position(|name| *name == priority)
                            .unwrap();
                        cases.push(([exploited, e, c, v], u8::try_from(rank).unwrap()));
                    }
                }
            }
        }
        cases
    }

    fn complete(node: &Node) {
        let Node::Ask { ask, answers } = node else {
            return;
        };
        let count = match ask.as_str() {
            "exploitation" | "patchability" => 3,
            "exposure" => 4,
            "role" => 5,
            other => panic!("nobody answers {other}"),
        };
        assert_eq!(answers.len(), count, "{ask}: {answers:?}");
        answers.values().for_each(complete);
    }

    #[test]
    fn every_question_has_all_its_answers() {
        complete(&TREE);
    }

    #[test]
    fn nothing_that_is_worse_leads_to_less() {
        let cases = cases();
        for (one, low) in &cases {
            for (other, high) in &cases {
                if one.iter().zip(other).all(|(a, b)| a <= b) {
                    assert!(low <= high, "{one:?} {other:?}");
                }
            }
        }
    }

    #[test]
    fn nobody_is_sent_running_for_what_may_be_another_product() {
        let case = |sure| Case {
            kev: true,
            epss: None,
            exposure: Exposure::Internet,
            category: "industrial",
            verdict: Verdict::Unknown,
            sure,
        };
        assert_eq!(case(true).priority().0, "act");
        let (priority, path) = case(false).priority();
        assert_eq!(priority, "attend");
        assert_eq!(path.last().unwrap(), "perhaps another product");
    }
}
