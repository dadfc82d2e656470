//! Text as devices send it.

/// The text before its first NUL, less surrounding blanks.
pub(crate) fn unpadded(octets: &[u8]) -> &[u8] {
    octets
        .split(|octet| *octet == 0)
        .next()
        .unwrap_or_default()
        .trim_ascii()
}

/// Whether all octets are printable ASCII.
pub(crate) fn is_printable(octets: &[u8]) -> bool {
    octets.iter().all(|octet| (0x20..0x7f).contains(octet))
}

/// Lines of a text protocol, without their ends; the last one too, ended or not.
pub(crate) fn lines(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(octets);
    std::iter::from_fn(move || {
        let here = rest?;
        let (line, after) = match memchr::memchr(b'\n', here) {
            Some(end) => (here.get(..end)?, here.get(end.saturating_add(1)..)),
            None => (here, None),
        };
        rest = after;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    })
}

/// Where `needle` first stands in `octets`.
pub(crate) fn find(octets: &[u8], needle: &[u8]) -> Option<usize> {
    let (first, others) = needle.split_first()?;
    let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    let last = octets.len().checked_sub(needle.len())?;
    let mut from = 0_usize;
    loop {
        let places = octets.get(from..=last)?;
        let ahead = memchr::memchr2(lower, upper, places)?;
        from = from.saturating_add(ahead).saturating_add(1);
        let rest = octets.get(from..)?.get(..others.len())?;
        if rest.eq_ignore_ascii_case(others) {
            return from.checked_sub(1);
        }
    }
}

/// What stands between two marks, whatever the case of the marks.
pub(crate) fn between<'a>(octets: &'a [u8], open: &[u8], close: &[u8]) -> Option<&'a [u8]> {
    let start = find(octets, open)?.saturating_add(open.len());
    let rest = octets.get(start..)?;
    rest.get(..find(rest, close)?)
}

/// The value of a header line such as `Server: nginx`.
pub(crate) fn header<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, rest) = line.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    found.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

/// Displays text as UTF-8, other octets as U+FFFD.
pub(crate) struct Text<'a>(pub &'a [u8]);

impl std::fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("\u{fffd}")?;
            }
        }
        Ok(())
    }
}

/// Displays ISO 8859-1.
pub(crate) struct Latin<'a>(pub &'a [u8]);

impl std::fmt::Display for Latin<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use std::fmt::Write as _;
        self.0.iter().try_for_each(|o| f.write_char(char::from(*o)))
    }
}

/// Displays UTF-16, high octet first, up to its first NUL.
pub(crate) struct Utf16<'a>(pub &'a [u8]);

impl std::fmt::Display for Utf16<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use std::fmt::Write as _;
        let units = self.0.chunks_exact(2).map(|pair| match pair {
            [high, low] => u16::from_be_bytes([*high, *low]),
            _ => 0,
        });
        char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .take_while(|c| *c != '\0')
            .try_for_each(|c| f.write_char(c))
    }
}

/// Displays octets as pairs of hex digits between colons.
pub(crate) struct Hex<'a>(pub &'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().enumerate().try_for_each(|(n, octet)| {
            let colon = if n == 0 { "" } else { ":" };
            write!(f, "{colon}{octet:02x}")
        })
    }
}
