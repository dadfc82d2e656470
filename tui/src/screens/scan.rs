//! What would be asked of a device, and what came of it.

use super::{named, paragraph};
use crate::entry::{Body, Entry, Go, Piece};
use crate::keys::Action;
use crate::state::{Stage, State};
use crate::text;
use crate::theme::Role;

/// What the page is called.
pub(super) fn title(state: &State) -> Vec<Piece> {
    let target = state.scan.as_ref().map(|scan| scan.target.as_str());
    vec![
        Piece::new("asking ", Role::Title),
        Piece::private(target.unwrap_or_default(), Role::Title),
    ]
}

/// The page.
pub(super) fn body(state: &State) -> Body {
    let Some(scan) = &state.scan else {
        return Body::default();
    };
    let key = |action: Action| state.keymap.key(action);
    let (role, about) = match &scan.stage {
        Stage::Planning => (Role::Dim, "finding out what would be asked".to_owned()),
        Stage::Planned(Ok(_)) => (
            Role::Warn,
            format!(
                "nothing is sent yet: {} and a typed word send what stands here",
                key(Action::Scan)
            ),
        ),
        Stage::Planned(Err(_)) => (Role::Warn, "nothing can be asked".to_owned()),
        Stage::Asking(_) => (
            Role::Warn,
            format!("being asked; {} stops it at once", key(Action::StopScan)),
        ),
        Stage::Asked(Ok(_)) => (
            Role::Good,
            "asked; the answers are in the inventory".to_owned(),
        ),
        Stage::Asked(Err(_)) => (Role::Bad, "not everything was asked".to_owned()),
    };
    let mut entries = vec![
        named("asset", Piece::private(&scan.subject.label, Role::Key))
            .going(Go::Asset(scan.subject.clone())),
        named("address", Piece::private(&scan.target, Role::Plain)).copied(&scan.target),
        named("now", Piece::new(about, role)),
    ];
    if let Stage::Planned(Ok(text)) | Stage::Asking(text) = &scan.stage
        && let Some(sum) = text.lines().rfind(|line| !line.trim().is_empty())
    {
        entries.extend(paragraph(state, "              ", sum, Role::Plain, true));
    }
    entries.push(Entry::blank());
    let (told, role) = match &scan.stage {
        Stage::Planning => ("", Role::Dim),
        Stage::Asking(text) => (text.as_str(), Role::Dim),
        Stage::Planned(Ok(text)) | Stage::Asked(Ok(text)) => (text.as_str(), Role::Plain),
        Stage::Planned(Err(text)) | Stage::Asked(Err(text)) => (text.as_str(), Role::Warn),
    };
    for line in told.lines() {
        let words = line.trim_start();
        let indent = line.len().saturating_sub(words.len());
        // What stands in columns comes closer where there is no room for them.
        let words = if text::width(line) < usize::from(state.columns) {
            words.to_owned()
        } else {
            let parts = words.split("  ").map(str::trim);
            let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
            parts.join("  ")
        };
        entries.extend(paragraph(state, &" ".repeat(indent), &words, role, true));
    }
    Body::page(
        entries
            .into_iter()
            .map(|entry| Entry {
                subject: Some(scan.subject.clone()),
                ..entry
            })
            .collect(),
    )
}
