//! QUIC: the client hello in its Initial packets, which everyone on the path may decrypt.
//!
//! Spec: RFC 9000 §17.2.2 (Initial), §19.6 (CRYPTO); RFC 9001 §5.2 (keys), §5.4 (header protection); RFC 9369 (version 2).

use aes::Aes128;
use aes::cipher::{BlockEncrypt, KeyInit};
use aes_gcm::aead::AeadInPlace;
use aes_gcm::{Aes128Gcm, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;

use crate::octets::{array, be32, counted8, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::Out;

use super::tls;

/// Registration. What a client hello says, TLS's keys tell.
pub static PROTOCOL: Protocol = Protocol {
    name: "quic",
    spec: "RFC 9000",
    carriers: &[Carrier::Udp(443)],
    keys: &[],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

const VERSION_1: u32 = 1;
const VERSION_2: u32 = 0x6b33_43cf;
/// RFC 9001 §5.2 and RFC 9369 §3.3.1.
const SALT_1: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad,
    0xcc, 0xbb, 0x7f, 0x0a,
];
const SALT_2: [u8; 20] = [
    0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb,
    0xf9, 0xbd, 0x2e, 0xd9,
];
/// Longest client hello that is put together.
const LONGEST_HELLO: usize = 4096;

/// Long header with the fixed bit, a known version, plausible connection ids.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let mut rest = message;
    let first = octet(&mut rest, "quic first octet").ok()?;
    let version = be32(&mut rest, "quic version").ok()?;
    let destination = counted8(&mut rest, "quic destination").ok()?;
    let source = counted8(&mut rest, "quic source").ok()?;
    let known = matches!(version, VERSION_1 | VERSION_2) && first & 0xc0 == 0xc0;
    (known && destination.len() <= 20 && source.len() <= 20).then_some(Recognition::STRONG)
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    // Keys of Initial packets follow from what the client chose; only its own are opened.
    if message.from != Role::Client {
        return Ok(());
    }
    let Some(packet) = Initial::read(message.bytes)? else {
        return Ok(());
    };
    let Some(plain) = packet.decrypt() else {
        return Ok(());
    };
    let hello = crypto(&plain)?;
    match hello.as_slice() {
        [1, _, high, low, body @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            match body.get(..length) {
                Some(body) => tls::client_hello(body, b'q', out),
                // The rest of it comes in another packet.
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// An Initial packet, still protected.
struct Initial<'a> {
    version: u32,
    destination: &'a [u8],
    /// Header up to the packet number.
    header: &'a [u8],
    /// Packet number and payload.
    protected: &'a [u8],
}

impl<'a> Initial<'a> {
    /// The first packet of the datagram, if it is an Initial.
    fn read(datagram: &'a [u8]) -> Result<Option<Self>, Fault> {
        let mut rest = datagram;
        let first = octet(&mut rest, "quic first octet")?;
        let version = be32(&mut rest, "quic version")?;
        let kind = first >> 4 & 3;
        let initial = u8::from(version == VERSION_2);
        if kind != initial || !matches!(version, VERSION_1 | VERSION_2) {
            return Ok(None);
        }
        let destination = counted8(&mut rest, "quic destination")?;
        counted8(&mut rest, "quic source")?;
        let token = variable(&mut rest)?;
        take(&mut rest, token, "quic token")?;
        let length = variable(&mut rest)?;
        let before = datagram.len().saturating_sub(rest.len());
        let protected = take(&mut rest, length, "quic payload")?;
        Ok(Some(Initial {
            version,
            destination,
            header: datagram.get(..before).unwrap_or_default(),
            protected,
        }))
    }

    /// Removes header protection and opens the payload; nothing where that fails.
    fn decrypt(&self) -> Option<Vec<u8>> {
        let (salt, prefix) = if self.version == VERSION_2 {
            (SALT_2, "quicv2 ")
        } else {
            (SALT_1, "quic ")
        };
        let secret = Hkdf::<Sha256>::new(Some(&salt), self.destination);
        let mut client = [0; 32];
        expand(&secret, "client in", &mut client)?;
        let client = Hkdf::<Sha256>::from_prk(&client).ok()?;
        let (mut key, mut iv, mut mask_key) = ([0; 16], [0; 12], [0; 16]);
        expand(&client, &format!("{prefix}key"), &mut key)?;
        expand(&client, &format!("{prefix}iv"), &mut iv)?;
        expand(&client, &format!("{prefix}hp"), &mut mask_key)?;
        // The sample begins four octets behind the start of the packet number.
        let mut mask = aes::Block::clone_from_slice(self.protected.get(4..20)?);
        Aes128::new(&mask_key.into()).encrypt_block(&mut mask);
        let mut header = self.header.to_vec();
        let first = header.first_mut()?;
        *first ^= mask.first()? & 0x0f;
        let number_length = usize::from(*first & 0x03).saturating_add(1);
        let number: Vec<u8> = self
            .protected
            .get(..number_length)?
            .iter()
            .zip(mask.iter().skip(1))
            .map(|(octet, mask)| octet ^ mask)
            .collect();
        header.extend_from_slice(&number);
        for (octet, digit) in iv.iter_mut().rev().zip(number.iter().rev()) {
            *octet ^= digit;
        }
        let sealed = self.protected.get(number_length..)?;
        let (payload, tag) = sealed.split_at_checked(sealed.len().checked_sub(16)?)?;
        let mut plain = payload.to_vec();
        let cipher = Aes128Gcm::new(&key.into());
        cipher
            .decrypt_in_place_detached(
                Nonce::from_slice(&iv),
                &header,
                &mut plain,
                Tag::from_slice(tag),
            )
            .ok()?;
        Some(plain)
    }
}

/// HKDF-Expand-Label of RFC 8446 §7.1 with an empty context.
fn expand(secret: &Hkdf<Sha256>, label: &str, out: &mut [u8]) -> Option<()> {
    let length = u16::try_from(out.len()).ok()?.to_be_bytes();
    let label_length = u8::try_from(label.len()).ok()?.saturating_add(6);
    let info = [
        &length[..],
        &[label_length],
        b"tls13 ",
        label.as_bytes(),
        &[0],
    ]
    .concat();
    secret.expand(&info, out).ok()
}

/// RFC 9000 §16: the top two bits say how many octets there are.
fn variable(rest: &mut &[u8]) -> Result<usize, Fault> {
    let first = octet(rest, "variable-length integer")?;
    let more = (1_usize << (first >> 6)).saturating_sub(1);
    let octets = take(rest, more, "variable-length integer")?;
    let value = octets.iter().fold(u64::from(first & 0x3f), |value, octet| {
        value << 8 | u64::from(*octet)
    });
    Ok(usize::try_from(value).unwrap_or(usize::MAX))
}

/// The handshake data of the CRYPTO frames, put in order as far as it is whole from the start.
fn crypto(mut frames: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut hello = vec![0; LONGEST_HELLO];
    let mut pieces: Vec<(usize, usize)> = Vec::new();
    while !frames.is_empty() {
        match array::<1>(&mut frames, "frame type")? {
            // Padding and ping.
            [0 | 1] => {}
            [6] => {
                let offset = variable(&mut frames)?;
                let length = variable(&mut frames)?;
                let data = take(&mut frames, length, "crypto frame")?;
                let end = offset.saturating_add(length);
                if let Some(place) = hello.get_mut(offset..end) {
                    place.copy_from_slice(data);
                    pieces.push((offset, end));
                }
            }
            _ => break,
        }
    }
    pieces.sort_unstable();
    let whole = pieces.iter().fold(0, |whole, (start, end)| {
        if *start <= whole {
            whole.max(*end)
        } else {
            whole
        }
    });
    hello.truncate(whole);
    Ok(hello)
}
