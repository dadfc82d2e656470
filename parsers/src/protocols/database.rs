//! Databases and remote screens that name themselves in their first message: `MySQL`, `PostgreSQL`, VNC.
//!
//! Spec: `MySQL` Internals, "`Protocol::HandshakeV10`"; `PostgreSQL` 16, §55.7 (message formats); RFC 6143 §7.1 (RFB).

use crate::octets::{array, foreign, head, more, octet, whole};
use crate::probe::{Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::is_printable;

/// `MySQL` or `MariaDB` server version.
pub const MYSQL_VERSION: Key = Key("mysql.version");
/// `PostgreSQL` parameter `server_version`.
pub const POSTGRESQL_VERSION: Key = Key("postgresql.version");
/// VNC protocol version: `RFB 003.008`.
pub const VNC_VERSION: Key = Key("vnc.version");
/// VNC desktop name.
pub const VNC_DESKTOP: Key = Key("vnc.desktop_name");

/// Registration of `MySQL`.
pub static MYSQL: Protocol = Protocol {
    name: "mysql",
    spec: "MySQL Protocol::HandshakeV10",
    carriers: &[Carrier::Tcp(3306)],
    keys: &[MYSQL_VERSION],
    frame: Some(|input| {
        let [l0, l1, l2, sequence] = head::<4>(input)?;
        let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, 0])).unwrap_or(usize::MAX);
        if !(1..=16_384).contains(&length) || sequence > 8 {
            return Err(foreign("mysql packet", input));
        }
        whole(input, length.saturating_add(4))
    }),
    recognise: |message| match message {
        // Protocol 10, then a version that begins with a digit and a dot.
        [_, _, _, 0, 10, b'3'..=b'9' | b'1', rest @ ..] => {
            let version = rest.split(|octet| *octet == 0).next()?;
            (version.contains(&b'.') && is_printable(version))
                .then_some(Recognition::STRONG.from(Role::Server))
        }
        _ => None,
    },
    operation: None,
    probes: &[MYSQL_GREETING],
    dissect: |message, out| {
        if let [_, _, _, 0, 10, version @ ..] = message.bytes {
            out.say(Subject::Sender, MYSQL_VERSION, version);
        }
        Ok(())
    },
};

/// Registration of `PostgreSQL`.
pub static POSTGRESQL: Protocol = Protocol {
    name: "postgresql",
    spec: "PostgreSQL frontend/backend protocol 3.0",
    carriers: &[Carrier::Tcp(5432)],
    keys: &[POSTGRESQL_VERSION],
    frame: Some(postgresql_frame),
    recognise: |message| match message {
        [0, 0, _, _, 0, 3, 0, 0, rest @ ..]
            if rest.starts_with(b"user\0") || rest.ends_with(b"\0\0") =>
        {
            Some(Recognition::STRONG.from(Role::Client))
        }
        [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f] => Some(Recognition::STRONG.from(Role::Client)),
        [b'R', 0, 0, 0, 8 | 12, 0, 0, 0, _, ..] => Some(Recognition::WEAK.from(Role::Server)),
        [b'S', 0, 0, 0, ..] if message.contains(&b'_') => {
            Some(Recognition::STRONG.from(Role::Server))
        }
        _ => None,
    },
    operation: None,
    probes: &[],
    dissect: |message, out| {
        if let [b'S', _, _, _, _, rest @ ..] = message.bytes
            && let Some(version) = rest.strip_prefix(b"server_version\0")
        {
            out.say(Subject::Sender, POSTGRESQL_VERSION, version);
        }
        Ok(())
    },
};

/// Registration of VNC.
pub static VNC: Protocol = Protocol {
    name: "vnc",
    spec: "RFC 6143",
    carriers: &[Carrier::Tcp(5900), Carrier::Tcp(5901)],
    keys: &[VNC_VERSION, VNC_DESKTOP],
    frame: Some(|input| {
        let begin = b"RFB 00";
        if input.starts_with(begin) {
            return whole(input, 12);
        }
        if begin.starts_with(input) {
            return Err(more(begin.len(), input));
        }
        // ServerInit: 20 octets of geometry, then the name behind its length.
        match input {
            [_, _, _, _, 8 | 16 | 32, ..] => match input.get(20..24) {
                Some([0, 0, high, low]) => {
                    let length = usize::from(u16::from_be_bytes([*high, *low]));
                    whole(input, length.saturating_add(24))
                }
                _ => Err(foreign("rfb", input)),
            },
            // Everything else is short and told apart by state alone.
            _ => Ok(Cut::whole(input.len().min(64))),
        }
    }),
    recognise: |message| {
        (message.starts_with(b"RFB 00") && message.len() == 12).then_some(Recognition::STRONG)
    },
    operation: None,
    probes: &[VNC_GREETING],
    dissect: dissect_vnc,
};

/// A start-up message (no type) or a typed one; the length counts itself.
/// The server speaks first: §"Connection Phase" of `MySQL`, RFC 6143 §7.1.1 of RFB. A goodbye before the login there is none; of
/// `MySQL`, a hundred such visits in a row would bar the visitor, and nobody else (`max_connect_errors`).
const MYSQL_GREETING: Probe = Probe {
    name: "read greeting",
    asks: &[MYSQL_VERSION],
    carrier: Carrier::Tcp(3306),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[],
        until: Until::Answer,
    }],
    frames: 6,
};
const VNC_GREETING: Probe = Probe {
    name: "read version",
    asks: &[VNC_VERSION],
    carrier: Carrier::Tcp(5900),
    ..MYSQL_GREETING
};

fn postgresql_frame(input: &[u8]) -> Framed {
    // The answer to a request for encryption is one octet (§55.2.10). Lengths begin with zero, and what follows does not.
    if let [b'S' | b'N', 1..=255, ..] = input {
        return whole(input, 1);
    }
    let [first, l1, l2, l3, l4] = head::<5>(input)?;
    let (length, before) = if first == 0 {
        (u32::from_be_bytes([first, l1, l2, l3]), 0)
    } else if first.is_ascii_alphanumeric() {
        (u32::from_be_bytes([l1, l2, l3, l4]), 1)
    } else {
        return Err(foreign("postgresql message", input));
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if !(4..=32_768).contains(&length) {
        return Err(foreign("postgresql length", input));
    }
    whole(input, length.saturating_add(before))
}

fn dissect_vnc(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    if message.bytes.starts_with(b"RFB ") {
        out.say(Subject::Sender, VNC_VERSION, message.bytes);
        return Ok(());
    }
    // Only a server initialises: pixel format with its padding of zeros, then the name to the end.
    let mut rest = message.bytes;
    if let (Role::Server, Ok([_, _, _, _, 8 | 16 | 32, _, 0 | 1, 0 | 1, ..])) =
        (message.from, array::<20>(&mut rest, "rfb server init"))
    {
        let [0, 0, _, _] = array::<4>(&mut rest, "rfb name length")? else {
            return Ok(());
        };
        if is_printable(rest) && octet(&mut &*rest, "rfb name").is_ok() {
            out.say(Subject::Sender, VNC_DESKTOP, rest);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded in a lab: `PostgreSQL` 15 refuses encryption, and goes on in the same stream.
    #[test]
    fn an_answer_about_encryption_is_one_octet() {
        let refused = postgresql_frame(b"NR\0\0\0\x08\0\0\0\0");
        assert_eq!(refused, Ok(Cut::whole(1)));
        let notice = postgresql_frame(b"N\0\0\0\x08SLOG");
        assert_eq!(notice, Ok(Cut::whole(9)));
    }
}
