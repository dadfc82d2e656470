//! Names that are prose: what else a product may be called that an advisory names in a sentence.

use std::sync::LazyLock;

use regex::Regex;

/// What else a name stands for.
#[derive(Debug, Default)]
pub(super) struct Variants {
    /// Other names of the same product.
    pub sure: Vec<String>,
    /// Shorter names: the product is a part or a special case of what is called so.
    pub loose: Vec<String>,
}

regexes! {
    ACRONYM = r"\s*\(([A-Z][A-Za-z]{1,6}[A-Z]|[A-Z]{2,8})\)";
    BRACKET = r"\s*\([^()]*\)?";
    CLAUSE = r"(?i)[,;]?\s+(?:an? (?:server|tool|device|product|component|part)|which|that|used (?:to|for|by|in|with)|using|when|where|if|part of|connected|running|installed|shipped|configured|enabled|redistributed|prior to|with|for)\s";
    TEMPLATE = r"(?:^|\s)([A-Z][A-Za-z0-9/-]*[xyz][A-Za-z0-9/-]*)[\s,]+[xyz]\s?=";
    BITS = r"(?i)\b(?:all )?(?:32|64)(?:[ -]?(?:and|/|or) ?64)?[ -]?bits?\b";
    FAMILY = r"(?i)\b(?:family|series)\b";
    ROUND = r"\b([A-Za-z]{1,3}-?[1-9]\d*?)(0{1,2})\b";
}

fn replaced(regex: &LazyLock<Option<Regex>>, text: &str, by: &str) -> String {
    regex.as_ref().map_or_else(
        || text.to_owned(),
        |regex| regex.replace_all(text, by).trim().to_owned(),
    )
}

/// A name that is written as a template, `FX5U-xMy/z x=32,64, y=T,R`, as one with wildcards; others as they are.
pub(super) fn plain(text: &str) -> String {
    let text = replaced(&BITS, text, "");
    let Some(found) = TEMPLATE.as_ref().and_then(|regex| regex.captures(&text)) else {
        return text;
    };
    let name = found.get(1).map(|name| name.range()).unwrap_or_default();
    let before = text.get(..name.start).unwrap_or_default();
    let filled = text
        .get(name)
        .unwrap_or_default()
        .replace(['x', 'y', 'z'], "*");
    format!("{before}{filled}")
}

/// `Panel Control Unit (PCU)`: without the letters, and with them for the words that they stand for.
fn acronyms(text: &str, sure: &mut Vec<String>) {
    let Some(found) = ACRONYM.as_ref().and_then(|regex| regex.captures(text)) else {
        return;
    };
    let (Some(whole), Some(letters)) = (found.get(0), found.get(1)) else {
        return;
    };
    let before = text.get(..whole.start()).unwrap_or_default();
    let after = text.get(whole.end()..).unwrap_or_default();
    sure.push(format!("{before}{after}"));
    let words: Vec<&str> = before.split_whitespace().collect();
    let first = words.len().saturating_sub(letters.as_str().chars().count());
    let named = words.get(first..).unwrap_or_default();
    let initials: String = named
        .iter()
        .filter_map(|word| word.chars().next())
        .collect();
    if initials.eq_ignore_ascii_case(letters.as_str()) {
        let head = words.get(..first).unwrap_or_default().join(" ");
        sure.push(format!("{head} {}{after}", letters.as_str()));
    }
}

/// `IGSS (Interactive Graphical SCADA System)`: without the words that the letters stand for.
fn spelt_out(text: &str, sure: &mut Vec<String>) {
    let Some((before, inside)) = text.split_once(" (") else {
        return;
    };
    let Some((inside, after)) = inside.split_once(')') else {
        return;
    };
    let letters = before.rsplit(' ').next().unwrap_or_default();
    let initials: String = inside
        .split_whitespace()
        .filter_map(|word| word.chars().next())
        .collect();
    if letters.len() > 1 && initials.eq_ignore_ascii_case(letters) {
        sure.push(format!("{before}{after}"));
    }
}

/// Whether a word looks like a name of its own: with a digit, in capitals, or with a capital within.
fn proper(word: &str) -> bool {
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    let capitals = word.chars().skip(1).filter(|c| c.is_uppercase()).count();
    letters >= 3 && capitals >= 1 || letters >= 1 && word.chars().any(|c| c.is_ascii_digit())
}

/// `Coronary Tools/Dynamic Coronary Roadmap`, `Server/Desktop`: what may be a list, or one name.
fn slashed(text: &str, found: &mut Vec<String>) {
    let parts: Vec<&str> = text.split('/').map(str::trim).collect();
    let words = parts
        .iter()
        .all(|part| part.len() >= 5 && !part.contains(|c: char| c.is_ascii_digit() || c == '('));
    if let (true, [first, rest @ ..]) = (words && parts.len() > 1, parts.as_slice()) {
        let head = first.rsplit_once(' ').map_or("", |(head, _)| head);
        found.push((*first).to_owned());
        for part in rest {
            found.push(if part.contains(' ') {
                (*part).to_owned()
            } else {
                format!("{head} {part}").trim().to_owned()
            });
        }
    }
}

/// `smartRTU and INEA ME-RTU`: each name of a list.
fn listed(text: &str, found: &mut Vec<String>) {
    let parts: Vec<&str> = text.split(" and ").map(str::trim).collect();
    let names = |part: &&str| part.split_whitespace().any(proper);
    if parts.len() > 1 && !text.contains('(') && parts.iter().all(names) {
        found.extend(parts.iter().map(|part| (*part).to_owned()));
    }
}

/// What else this name stands for.
pub(super) fn variants(text: &str) -> Variants {
    let mut variants = Variants::default();
    acronyms(text, &mut variants.sure);
    spelt_out(text, &mut variants.sure);
    listed(text, &mut variants.sure);
    let mut shorter = vec![replaced(&BRACKET, text, "")];
    slashed(text, &mut shorter);
    if let Some(clause) = CLAUSE.as_ref().and_then(|regex| regex.find(text)) {
        let before = text.get(..clause.start()).unwrap_or_default();
        if before.split_whitespace().count() >= 2 {
            shorter.push(replaced(&BRACKET, before, ""));
        }
    }
    if FAMILY.as_ref().is_some_and(|regex| regex.is_match(text)) {
        // `W780 family`: the members have other digits where it has a round number.
        let members = ROUND.as_ref().map(|regex| {
            regex.replace_all(text, |found: &regex::Captures<'_>| {
                let group = |at| found.get(at).map_or("", |group| group.as_str());
                format!("{}{}*", group(1), "x".repeat(group(2).len()))
            })
        });
        shorter.extend(members.map(|text| replaced(&BRACKET, &text, "")));
    }
    let mut each = Vec::new();
    for name in &shorter {
        listed(name, &mut each);
    }
    shorter.extend(each);
    shorter.retain(|name| name != text && !name.is_empty());
    variants.loose = shorter;
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_prose_have_shorter_ones() {
        assert_eq!(
            variants("SINUMERIK Panel Control Unit (PCU)").sure,
            ["SINUMERIK Panel Control Unit", "SINUMERIK PCU"]
        );
        assert_eq!(
            variants("IGSS (Interactive Graphical SCADA System)").sure,
            ["IGSS"]
        );
        assert_eq!(
            variants("Tableau Server/Desktop").loose,
            ["Tableau Server", "Tableau Desktop"]
        );
        assert_eq!(
            variants("smartRTU and INEA ME-RTU").sure,
            ["smartRTU", "INEA ME-RTU"]
        );
        assert!(variants("SIMATIC S7-300 CPU 315-2 PN/DP").sure.is_empty());
        assert_eq!(
            variants("Custom Reports (RMS16.dll)").loose,
            ["Custom Reports"]
        );
        assert_eq!(
            plain(
                "MELSEC iQ-F FX5U-xMy/z x=32,64,80, y=T,R, z=ES,DS with Serial number 179**** and prior"
            ),
            "MELSEC iQ-F FX5U-*M*/*"
        );
    }
}
