//! Checksums by which messages prove themselves.

/// Polynomial of CRC-16 (0x8005), lowest bit first: serial lines of plants.
pub(crate) const CRC16: u16 = 0xa001;
/// Polynomial of CRC-CCITT (0x1021), lowest bit first: HDLC and its kin.
pub(crate) const CCITT: u16 = 0x8408;

/// A cyclic redundancy check of sixteen bits, lowest bit first.
pub(crate) fn crc16(polynomial: u16, start: u16, octets: &[u8]) -> u16 {
    octets.iter().fold(start, |sum, octet| {
        (0..8).fold(sum ^ u16::from(*octet), |sum, _| {
            let shifted = sum >> 1;
            if sum & 1 == 1 {
                shifted ^ polynomial
            } else {
                shifted
            }
        })
    })
}

/// Whether the last two octets, least significant first, are the check of those before them.
pub(crate) fn ends_in_crc16(polynomial: u16, start: u16, message: &[u8]) -> bool {
    message
        .split_last_chunk::<2>()
        .is_some_and(|(octets, sum)| u16::from_le_bytes(*sum) == crc16(polynomial, start, octets))
}
