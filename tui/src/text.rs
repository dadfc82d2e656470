//! Text in columns: safe, no wider than it may be, and masked where somebody looks on.

use fossick_model::display_safe;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Stands for what is masked.
const MASK: &str = "•••••";

/// How many columns a text takes once it is safe to print.
pub(crate) fn width(text: &str) -> usize {
    display_safe(text).width()
}

/// The safe text in so many columns at most, cut with an ellipsis; and how many it takes.
pub(crate) fn cut(text: &str, columns: usize) -> (String, usize) {
    let safe = display_safe(text);
    let wide = safe.width();
    if wide <= columns {
        return (safe, wide);
    }
    let mut kept = String::new();
    let mut used = 0_usize;
    for cluster in safe.graphemes(true) {
        let next = used.saturating_add(cluster.width());
        if next >= columns {
            break;
        }
        used = next;
        kept.push_str(cluster);
    }
    if columns > 0 {
        kept.push('…');
        used = used.saturating_add(1);
    }
    (kept, used)
}

/// The safe text broken into lines of so many columns at most, between words where that can be.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(8);
    let safe = display_safe(text);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0_usize;
    // A word goes with the blank behind it, which may stand beyond the end.
    for word in safe.split_inclusive(' ') {
        let wide = word.trim_end().width();
        if used.saturating_add(wide) > columns && used > 0 {
            lines.push(line.trim_end().to_owned());
            line.clear();
            used = 0;
        }
        // A word that is longer than a line is broken where the line ends.
        for cluster in word.graphemes(true) {
            let next = used.saturating_add(cluster.width());
            if next > columns && cluster == " " {
                continue;
            }
            if next > columns && used > 0 {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push_str(cluster);
            used = used.saturating_add(cluster.width());
        }
    }
    lines.push(line);
    lines
}

/// The text with everything that looks like an address written over.
pub(crate) fn mask_addresses(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut token = String::new();
    let belongs = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
    for character in text.chars() {
        if belongs(character) {
            token.push(character);
        } else {
            flush(&mut token, &mut masked);
            masked.push(character);
        }
    }
    flush(&mut token, &mut masked);
    masked
}

fn flush(token: &mut String, to: &mut String) {
    let bare = token.trim_end_matches([':', '.']);
    let dotted =
        bare.split('.').count() == 4 && bare.split('.').all(|part| part.parse::<u8>().is_ok());
    let colons = bare.matches(':').count();
    let is_address = dotted || colons >= 5 || (colons >= 2 && bare.contains("::"));
    if is_address {
        to.push_str(MASK);
        to.push_str(token.get(bare.len()..).unwrap_or_default());
    } else {
        to.push_str(token);
    }
    token.clear();
}

/// What stands for a value that is masked; nothing for nothing.
pub(crate) fn mask(text: &str) -> &'static str {
    if text.trim().is_empty() { "" } else { MASK }
}

/// The minute of a time in UTC: `2026-01-31 08:15`.
pub(crate) fn minute(time: fossick_model::Time) -> String {
    let text: String = time.to_string().chars().take(16).collect();
    text.replace('T', " ")
}

/// How long ago, in the largest unit of which there is more than one: `3 h`.
pub(crate) fn ago(time: fossick_model::Time, now: fossick_model::Time) -> String {
    let seconds = now.0.saturating_sub(time.0).max(0) / 1_000_000_000;
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let fits = units
        .iter()
        .find(|(unit, _)| seconds.checked_div(*unit).unwrap_or_default() > 1);
    let (unit, name) = fits.copied().unwrap_or((1, "s"));
    format!("{} {name}", seconds.checked_div(unit).unwrap_or_default())
}

/// A count with its thousands apart: `12 345`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Octets in the unit that reads best: `12 MiB`.
pub(crate) fn octets(number: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let fits = units.iter().find(|(shift, _)| number >> shift >= 10);
    fits.map_or_else(
        || format!("{number} B"),
        |(shift, name)| format!("{} {name}", number >> shift),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_and_combining_names_take_the_columns_they_show() {
        for text in [
            "plc-1",
            "日本語のなまえ",
            "e\u{301}e\u{301}e\u{301}",
            "👩‍🚀 station",
            "",
        ] {
            for columns in 0..12 {
                let (kept, used) = cut(text, columns);
                assert!(used <= columns, "{text} in {columns}");
                assert_eq!(kept.width(), used, "{text} in {columns}");
            }
        }
    }

    #[test]
    fn what_looks_like_an_address_is_written_over_and_times_are_not() {
        let text = "10.0.0.7 asked fe80::1 and 00:1b:1b:12:00:12: at 08:15:03, V4.5.0";
        assert_eq!(
            mask_addresses(text),
            "••••• asked ••••• and •••••: at 08:15:03, V4.5.0"
        );
    }

    #[test]
    fn a_long_word_is_broken_and_nothing_is_lost() {
        let text = "abcdefghijklmnopqrstuvwxyz 0123456789";
        let lines = wrap(text, 10);
        assert!(lines.iter().all(|line| line.width() <= 10), "{lines:?}");
        assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
    }
}
