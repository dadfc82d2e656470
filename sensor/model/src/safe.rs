//! Text from the wire, made safe to print: shown, never obeyed.

/// Whether a terminal would act on this character instead of printing it: control characters, and the marks
/// that turn the direction of text or hide in it.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Adds a character, written out (`\u{1b}`) where a terminal would obey it.
pub fn push_safe(character: char, to: &mut String) {
    if acts(character) {
        to.extend(character.escape_default());
    } else {
        to.push(character);
    }
}

/// The text with every character that a terminal would obey written out (`\u{1b}`).
#[must_use]
pub fn display_safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        push_safe(character, &mut safe);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_direction_marks_are_shown_not_obeyed() {
        let hostile = "\u{1b}[2J\u{1b}]0;owned\u{7}name\u{202e}gpj.exe\r\n\u{9b}31m";
        let safe = display_safe(hostile);
        assert!(!safe.chars().any(acts), "{safe}");
        assert!(safe.contains("\\u{1b}[2J"));
        assert!(safe.contains("name\\u{202e}gpj.exe\\r\\n"));
    }
}
