//! Members of JSON texts, found by their name: enough for messages whose names say what they are.

use crate::text::find;

/// The first string member of this name, as it is written: escapes stay.
pub(crate) fn string<'a>(json: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    members(json, name).find_map(quoted)
}

/// The first whole number of this name.
pub(crate) fn number<'a>(json: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    members(json, name).find_map(|value| {
        let digits = value.iter().take_while(|c| c.is_ascii_digit()).count();
        value.get(..digits).filter(|digits| !digits.is_empty())
    })
}

/// The first string of the first list of this name.
pub(crate) fn first_of<'a>(json: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    members(json, name).find_map(|value| quoted(value.strip_prefix(b"[")?.trim_ascii_start()))
}

/// Whether it has a member of this name.
pub(crate) fn has(json: &[u8], name: &[u8]) -> bool {
    members(json, name).next().is_some()
}

/// What begins after the colon of each member of this name, to the end of the text.
fn members<'a>(json: &'a [u8], name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = json;
    std::iter::from_fn(move || {
        loop {
            let at = find(rest, name)?;
            let opened = at.checked_sub(1).and_then(|before| rest.get(before));
            let opened = opened == Some(&b'"');
            rest = rest.get(at.saturating_add(name.len())..)?;
            let value = rest.strip_prefix(b"\"").map(<[u8]>::trim_ascii_start);
            if let Some(value) = value.and_then(|value| value.strip_prefix(b":"))
                && opened
            {
                return Some(value.trim_ascii_start());
            }
        }
    })
}

/// The string that begins here.
fn quoted(value: &[u8]) -> Option<&[u8]> {
    let value = value.strip_prefix(b"\"")?;
    let mut escaped = false;
    let end = value.iter().position(|c| {
        let ends = *c == b'"' && !escaped;
        escaped = *c == b'\\' && !escaped;
        ends
    });
    value.get(..end?)
}
