//! Recog's patterns, which Ruby and Java read, as the `regex` and `fancy-regex` crates read them.
//!
//! Kept as they are but for what would be refused or would mean something else: classes of letters and digits are
//! ASCII, `{` may stand for itself, `(?m)` lets the dot match a line end, `\<` is no word boundary.

use std::iter::Peekable;
use std::str::Chars;

/// A pattern in our dialect.
pub(crate) struct Translated {
    pub text: String,
    /// Whether it holds what only a backtracking engine reads as it is meant.
    pub backtracks: bool,
}

/// Translates what can be; what cannot is left for the engines to refuse.
pub(crate) fn translate(pattern: &str) -> Translated {
    let mut to = Translated {
        text: String::with_capacity(pattern.len()),
        backtracks: false,
    };
    let mut rest = pattern.chars().peekable();
    // How many classes are open, one in the other.
    let mut classes = 0_u32;
    // A shorthand such as `\d` came just before: a hyphen after it is a hyphen.
    let mut shorthand = false;
    // The last character repeats what is before it: a `+` after it makes it possessive.
    let mut repeats = false;
    while let Some(c) = rest.next() {
        let (after_shorthand, after_repeat) = (shorthand, repeats);
        (shorthand, repeats) = (false, false);
        match c {
            '\\' => shorthand = escape(&mut rest, classes > 0, &mut to),
            '[' if classes == 0 => {
                classes = 1;
                open_class(&mut rest, &mut to.text);
            }
            '[' if rest.peek() == Some(&':') => posix(&mut rest, &mut to.text),
            '[' => {
                classes = classes.saturating_add(1);
                open_class(&mut rest, &mut to.text);
            }
            ']' if classes > 0 => {
                classes = classes.saturating_sub(1);
                to.text.push(c);
            }
            // What stands for itself in Ruby is an operation on sets here.
            '~' if classes > 0 => to.text.push_str("\\~"),
            '-' if classes > 0 && (after_shorthand || rest.peek() == Some(&'-')) => {
                to.text.push_str("\\-");
            }
            '-' if classes > 0 && next_is_shorthand(&rest) => to.text.push_str("\\-"),
            _ if classes > 0 => to.text.push(c),
            '(' if rest.peek() == Some(&'?') => group(&mut rest, &mut to),
            '{' => match counted(&rest) {
                Some(count) => {
                    repeats = true;
                    to.text.push('{');
                    to.text.push_str(&count);
                    to.text.push('}');
                    rest.by_ref()
                        .take(count.len().saturating_add(1))
                        .for_each(drop);
                    // `{n}+` is not possessive in Ruby: once more is meant.
                    if rest.peek() == Some(&'+') {
                        repeats = false;
                    }
                }
                None => to.text.push_str("\\{"),
            },
            '+' if after_repeat => {
                to.backtracks = true;
                to.text.push('+');
            }
            '*' | '+' | '?' => {
                repeats = true;
                to.text.push(c);
            }
            _ => to.text.push(c),
        }
    }
    to
}

/// One escape; whether it was a shorthand for several characters.
fn escape(rest: &mut Peekable<Chars<'_>>, in_class: bool, to: &mut Translated) -> bool {
    let Some(c) = rest.next() else {
        to.text.push('\\');
        return false;
    };
    let text = &mut to.text;
    let set = match c {
        'd' => Some("0-9"),
        'w' => Some("0-9A-Za-z_"),
        's' => Some("\\t\\n\\x0b\\x0c\\r "),
        'h' => Some("0-9A-Fa-f"),
        _ => None,
    };
    if let Some(set) = set {
        if in_class {
            text.push_str(set);
        } else {
            text.push('[');
            text.push_str(set);
            text.push(']');
        }
        return true;
    }
    let other = match c {
        'D' => "[^0-9]",
        'W' => "[^0-9A-Za-z_]",
        'S' => "[^\\t\\n\\x0b\\x0c\\r ]",
        'H' => "[^0-9A-Fa-f]",
        _ => "",
    };
    if !other.is_empty() {
        text.push_str(other);
        return true;
    }
    match c {
        'b' if in_class => text.push_str("\\x08"),
        'b' => text.push_str("(?-u:\\b)"),
        'B' if !in_class => text.push_str("(?-u:\\B)"),
        'Z' if !in_class => text.push_str("(?:\\n?\\z)"),
        'R' if !in_class => text.push_str("(?:\\r\\n|[\\n\\x0b\\x0c\\r])"),
        'e' => text.push_str("\\x1b"),
        '0' => text.push_str("\\x00"),
        '<' | '>' => text.push(c),
        '1'..='9' | 'k' | 'K' | 'G' | 'X' if !in_class => {
            to.backtracks = true;
            text.push('\\');
            text.push(c);
        }
        // Any other character stands for itself, escaped or not.
        c if !c.is_ascii() => text.push(c),
        c => {
            text.push('\\');
            text.push(c);
        }
    }
    false
}

fn open_class(rest: &mut Peekable<Chars<'_>>, text: &mut String) {
    text.push('[');
    if rest.next_if_eq(&'^').is_some() {
        text.push('^');
    }
    // First in a class it stands for itself.
    if rest.next_if_eq(&']').is_some() {
        text.push_str("\\]");
    }
}

/// `[:alpha:]`.
fn posix(rest: &mut Peekable<Chars<'_>>, text: &mut String) {
    text.push('[');
    for c in rest.by_ref() {
        text.push(c);
        if c == ']' {
            break;
        }
    }
}

/// `(?…`: what follows the question mark.
fn group(rest: &mut Peekable<Chars<'_>>, to: &mut Translated) {
    rest.next();
    to.text.push_str("(?");
    match rest.peek() {
        Some('=' | '!' | '>') => to.backtracks = true,
        Some('<') => {
            let behind = rest.clone().nth(1);
            to.backtracks |= matches!(behind, Some('=' | '!'));
        }
        _ => {
            while let Some(flag) = rest.next_if(|c| c.is_ascii_alphabetic() || *c == '-') {
                to.text.push(if flag == 'm' { 's' } else { flag });
            }
        }
    }
}

/// The count in `{count}`, if that is what follows.
fn counted(rest: &Peekable<Chars<'_>>) -> Option<String> {
    let mut count = String::new();
    for c in rest.clone() {
        match c {
            '0'..='9' | ',' => count.push(c),
            '}' => {
                let counts = count.starts_with(|c: char| c.is_ascii_digit());
                return (counts && count.matches(',').count() < 2).then_some(count);
            }
            _ => return None,
        }
    }
    None
}

fn next_is_shorthand(rest: &Peekable<Chars<'_>>) -> bool {
    let mut ahead = rest.clone();
    ahead.next() == Some('\\') && matches!(ahead.next(), Some('d' | 'w' | 's' | 'D' | 'W' | 'S'))
}

#[cfg(test)]
mod tests {
    use crate::pattern::{Dialect, Pattern};

    fn matches(pattern: &str, value: &str) -> bool {
        let dialect = Dialect::Recog {
            any_case: false,
            dot_is_newline: false,
        };
        let compiled = Pattern::compile(pattern, dialect);
        compiled.is_ok_and(|compiled| compiled.captures(value).is_some())
    }

    #[test]
    fn what_ruby_reads_is_read_as_ruby_reads_it() {
        for (pattern, yes, no) in [
            (r"^a{b}$", "a{b}", "ab"),
            (r"^[\w-.]+$", "a-b.c", "a b"),
            (r"^[--~]+$", "-.~", "!"),
            (r"^\<\d{2,}\>$", "<12>", "12"),
            (r"^(?i)abc(?m).$", "ABC\n", "abd"),
            (r"^one$", "none\none", "none"),
            (r"^(a+)-\1$", "aa-aa", "aa-a"),
            (r"^x(?!y)", "xz", "xy"),
            (r"^(?<n>a)b\Z", "ab\n", "abc"),
            (r"^a++b", "aab", "b"),
            (r"^[[:alpha:]]+[]x]$", "ab]", "12]"),
            (r"^\h+$", "0aF", "0g"),
        ] {
            assert!(matches(pattern, yes), "{pattern}: {yes}");
            assert!(!matches(pattern, no), "{pattern}: {no}");
        }
    }

    #[test]
    fn a_pattern_that_would_take_for_ever_gives_up() {
        let begun = std::time::Instant::now();
        assert!(!matches(r"^(a|aa)+(?!b)$\1x", &"a".repeat(4000)));
        assert!(!matches(r"(?:x{1000}){1000}{1000}", "x"));
        assert!(begun.elapsed() < std::time::Duration::from_secs(20));
    }
}
