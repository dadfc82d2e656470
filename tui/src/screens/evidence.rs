//! The packet that says it: what was concluded from what, and its octets layer by layer, those that say it marked.

use fossick_model::{Layer, Proof};

use super::named;
use crate::entry::{Body, Entry, Piece, Proving, Wanted};
use crate::state::{EvidencePage, State};
use crate::theme::Role;

/// So many lines of zeroes become one.
const FOLDED: usize = 3;
/// Octets that are shown of one packet.
const MOST: usize = 65_536;

/// How many octets stand on a line of so many columns.
fn per_line(columns: u16) -> usize {
    if columns >= 150 { 32 } else { 16 }
}

/// The name of the file that a packet is written to, unless somebody names another.
pub(crate) fn proof_name(wanted: &Wanted, frame: u64) -> String {
    let harmless = |c: char| {
        if c.is_ascii_alphanumeric() || ".-".contains(c) {
            c
        } else {
            '_'
        }
    };
    let label: String = wanted.asset.label.chars().map(harmless).take(40).collect();
    format!("fossick-{label}-frame-{frame}.pcapng")
}

/// The page.
pub(super) fn body(state: &State, page: &EvidencePage) -> Body {
    let wanted = &page.wanted;
    let mut entries = Vec::new();
    entries
        .push(named("concluded", Piece::private(&wanted.says, Role::Title)).copied(&wanted.says));
    if !wanted.key.is_empty() {
        entries.push(
            named(
                "said",
                Piece::private(format!("{} = {}", wanted.key, wanted.raw), Role::Plain),
            )
            .copied(&wanted.raw),
        );
    }
    if !wanted.fingerprint.is_empty() {
        entries.push(named(
            "fingerprint",
            Piece::new(&wanted.fingerprint, Role::Plain),
        ));
    }
    let numbers: Vec<String> = wanted.frames.iter().map(ToString::to_string).collect();
    let frame = wanted.frames.get(page.at).copied().unwrap_or_default();
    let which = if numbers.len() > 1 {
        format!(" of frames {} (v for the next)", numbers.join(", "))
    } else {
        String::new()
    };
    entries.push(named(
        "packet",
        Piece::new(
            format!("{} frame {frame}{which}", wanted.capture),
            Role::Plain,
        ),
    ));
    let time = page.proof.as_ref().map(|proof| proof.time).or(wanted.time);
    if let Some(time) = time {
        let how = if wanted.heard {
            "heard in passing"
        } else {
            "an answer to a question of ours"
        };
        entries.push(named(
            "time",
            Piece::new(format!("{time}  {how}"), Role::Plain),
        ));
    }
    match (&page.proof, &page.trouble) {
        (Some(proof), _) => entries.extend(packet(state, proof)),
        (None, Some(trouble)) => {
            entries.push(Entry::blank());
            entries.extend(super::paragraph(state, "", trouble, Role::Warn, false));
        }
        (None, None) => {
            entries.push(Entry::blank());
            entries.extend(super::paragraph(
                state,
                "",
                &state.awaited(),
                Role::Dim,
                false,
            ));
        }
    }
    let proof = Proving::Known(Box::new(wanted.clone()));
    let with = |entry: Entry| Entry {
        subject: Some(wanted.asset.clone()),
        proof: Some(proof.clone()),
        ..entry
    };
    Body::page(entries.into_iter().map(with).collect())
}

fn packet(state: &State, proof: &Proof) -> Vec<Entry> {
    let octets = proof.bytes();
    let mut entries = Vec::new();
    let kept = octets.len();
    let beyond = usize::try_from(proof.original)
        .unwrap_or_default()
        .saturating_sub(kept);
    let kept = if beyond > 0 {
        format!(", {kept} of them kept")
    } else {
        String::new()
    };
    let inexact = if proof.inexact {
        "; which of the marked ones say this very word is not known"
    } else {
        ""
    };
    let about = format!(
        "{} octets on the wire{kept}; those that say it are marked »so«, what proves nothing is zeroed{inexact}",
        proof.original
    );
    entries.extend(super::paragraph(
        state,
        "              ",
        &about,
        Role::Dim,
        false,
    ));
    let mut at = 0;
    for layer in &proof.layers {
        // What lies between two layers belongs to the one before.
        if layer.first > at {
            entries.extend(hex(state, proof, &octets, at, layer.first));
        }
        entries.push(Entry::blank());
        entries.push(head(layer));
        let end = layer.first.saturating_add(layer.count).min(octets.len());
        entries.extend(hex(state, proof, &octets, layer.first.max(at), end));
        at = end.max(at);
    }
    if at < octets.len().min(MOST) {
        entries.push(Entry::blank());
        entries.extend(hex(state, proof, &octets, at, octets.len()));
    }
    entries
}

fn head(layer: &Layer) -> Entry {
    Entry::line(vec![
        Piece::new(format!("{}  ", layer.name), Role::Title),
        Piece::private(&layer.says, Role::Dim),
    ])
}

fn is_marked(proof: &Proof, at: usize) -> bool {
    proof
        .marks
        .iter()
        .any(|(first, count)| (*first..first.saturating_add(*count)).contains(&at))
}

/// Lines of octets from one to before another, each beginning at a multiple of what stands on a line.
fn hex(state: &State, proof: &Proof, octets: &[u8], from: usize, to: usize) -> Vec<Entry> {
    let wide = per_line(state.columns);
    let to = to.min(octets.len()).min(MOST);
    let mut lines = Vec::new();
    let mut start = from
        .checked_div(wide)
        .unwrap_or_default()
        .saturating_mul(wide);
    while start < to {
        let zeroed = zeroed(proof, octets, start, wide, to);
        if zeroed >= FOLDED {
            let count = zeroed.saturating_mul(wide);
            lines.push(Entry::text(
                format!("{start:04x}   … {count} octets of zero"),
                Role::Dim,
            ));
            start = start.saturating_add(count);
            continue;
        }
        let mut pieces = vec![Piece::new(format!("{start:04x}  "), Role::Dim)];
        let mut letters: Vec<Piece> = vec![Piece::new(" ", Role::Plain)];
        for at in start..start.saturating_add(wide) {
            let octet = octets.get(at).filter(|_| at >= from && at < to);
            let marked = octet.is_some() && is_marked(proof, at);
            let before_is = at > 0 && is_marked(proof, at.saturating_sub(1));
            // Marked by signs as well as by how it looks: from the first to the last.
            let before = match (before_is, marked) {
                (false, true) => "»",
                (true, false) if octet.is_some() && at > start => "«",
                _ => " ",
            };
            let (digits, letter) = match octet {
                Some(_) if state.masked => ("••".to_owned(), "•".to_owned()),
                Some(octet) => (format!("{octet:02x}"), letter(*octet)),
                None => ("  ".to_owned(), " ".to_owned()),
            };
            let role = if marked { Role::Mark } else { Role::Plain };
            pieces.push(Piece::new(before, Role::Warn));
            pieces.push(Piece::new(digits, role));
            letters.push(Piece::new(letter, role));
        }
        let last = start.saturating_add(wide).saturating_sub(1);
        let closes =
            last < to && is_marked(proof, last) && !is_marked(proof, last.saturating_add(1));
        pieces.push(Piece::new(if closes { "«" } else { " " }, Role::Warn));
        pieces.extend(letters);
        lines.push(Entry::line(merged(pieces)));
        start = start.saturating_add(wide);
    }
    lines
}

/// How many whole lines from here on are nothing but zeroes that say nothing.
fn zeroed(proof: &Proof, octets: &[u8], start: usize, wide: usize, to: usize) -> usize {
    let line = |n: &usize| {
        let first = start.saturating_add(n.saturating_mul(wide));
        let last = first.saturating_add(wide);
        let nothing = |at: usize| octets.get(at) == Some(&0) && !is_marked(proof, at);
        last <= to && (first..last).all(nothing)
    };
    (0..octets.len()).take_while(line).count()
}

fn letter(octet: u8) -> String {
    let character = char::from(octet);
    if character.is_ascii_graphic() || character == ' ' {
        character.to_string()
    } else {
        "·".to_owned()
    }
}

/// Pieces that look alike become one; blanks between marked octets are not marked.
fn merged(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut line: Vec<Piece> = Vec::new();
    for piece in pieces {
        let blank = piece.text.trim().is_empty();
        match line.last_mut() {
            Some(last)
                if last.private == piece.private
                    && (last.role == piece.role || (blank && last.role != Role::Mark)) =>
            {
                last.text.push_str(&piece.text);
            }
            _ => line.push(piece),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Abilities;
    use crate::keys::Keymap;
    use crate::theme::Theme;

    #[test]
    fn marked_octets_stand_between_signs() {
        let proof = Proof {
            octets: "000102030405060708".to_owned(),
            marks: vec![(2, 3)],
            ..Proof::default()
        };
        let state = State::new(
            (80, 24),
            "",
            Abilities::default(),
            Theme::Plain,
            Keymap::default(),
        );
        let line: String = hex(&state, &proof, &proof.bytes(), 0, 9)
            .iter()
            .flat_map(|entry| &entry.pieces)
            .map(|piece| piece.text.as_str())
            .collect();
        assert!(line.contains("01»02 03 04«05"), "{line}");
    }
}
