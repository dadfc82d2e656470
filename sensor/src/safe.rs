//! Text from the wire, in columns: made safe to print, and no wider than it may be.

pub use fossick_model::{display_safe, push_safe};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The safe text in exactly so many columns: cut with an ellipsis, or filled with blanks.
#[must_use]
pub fn fit(text: &str, columns: usize) -> String {
    let safe = display_safe(text);
    let width = safe.width();
    if width <= columns {
        return safe + &" ".repeat(columns.saturating_sub(width));
    }
    let mut cut = String::new();
    let mut used = 0_usize;
    for character in safe.chars() {
        let wide = character.width().unwrap_or(0);
        if used.saturating_add(wide) >= columns {
            break;
        }
        used = used.saturating_add(wide);
        cut.push(character);
    }
    if columns > 0 {
        cut.push('…');
        used = used.saturating_add(1);
    }
    cut + &" ".repeat(columns.saturating_sub(used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_and_combining_characters_fill_the_columns_they_take() {
        for text in [
            "plc-1",
            "日本語のなまえ",
            "e\u{301}e\u{301}e\u{301}",
            "👩‍🚀 station",
            "",
        ] {
            for columns in 0..12 {
                assert_eq!(fit(text, columns).width(), columns, "{text} in {columns}");
            }
        }
    }
}
