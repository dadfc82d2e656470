//! Text as devices send it.

/// The text before its first NUL, less surrounding blanks.
pub(crate) fn unpadded(octets: &[u8]) -> &[u8] {
    octets
        .split(|octet| *octet == 0)
        .next()
        .unwrap_or_default()
        .trim_ascii()
}
