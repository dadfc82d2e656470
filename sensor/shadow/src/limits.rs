//! Everything that would grow with what is heard or handed in.

/// Approved assets; rows beyond are refused.
pub const MOST_APPROVED: usize = 200_000;
/// Addresses of one approved asset.
pub const MOST_ADDRESSES: usize = 64;
/// Characters of a value in a file of approved assets.
pub const LONGEST_VALUE: usize = 256;
/// Refused rows that are told one by one.
pub const MOST_REFUSED: usize = 1000;
/// Packets that one finding names.
pub const MOST_EVIDENCE: usize = 4;
/// Depth of elements in an XML file.
pub const DEEPEST: usize = 32;
