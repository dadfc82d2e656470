//! Server Message Block 1 to 3 over `NetBIOS` sessions: dialects, native systems, and the NTLM inside.
//!
//! Spec: MS-CIFS §2.2.4.52 and §2.2.4.53, MS-SMB §2.2.4.5 and §2.2.4.6, MS-SMB2 §2.2.3 to §2.2.6,
//! RFC 1002 §4.3 (session service).

use crate::octets::{array, foreign, head, le16, more, octet, take};
use crate::operation::Operation;
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{Text, find};

use super::nbns::NetbiosName;
use super::{kerberos, ntlm};

/// Native operating system of SMB 1.
pub const NATIVE_OS: Key = Key("smb.native_os");
/// Native LAN manager of SMB 1.
pub const NATIVE_LANMAN: Key = Key("smb.native_lanman");
/// Primary domain of SMB 1.
pub const PRIMARY_DOMAIN: Key = Key("smb.primary_domain");
/// Server name in an SMB 1 negotiation.
pub const SERVER_NAME: Key = Key("smb.server_name");
/// Dialect that an SMB 2 or 3 server chose: `0x0311`.
pub const DIALECT: Key = Key("smb.dialect");
/// Name by which a client calls itself in a `NetBIOS` session request.
pub const CALLING_NAME: Key = Key("smb.calling_name");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "smb",
    spec: "MS-SMB2",
    carriers: &[Carrier::Tcp(445), Carrier::Tcp(139)],
    keys: &[
        NATIVE_OS,
        NATIVE_LANMAN,
        PRIMARY_DOMAIN,
        SERVER_NAME,
        DIALECT,
        CALLING_NAME,
    ],
    frame: Some(frame),
    recognise,
    operation: Some(operation),
    probes: &[NEGOTIATE_2, CHALLENGE, NEGOTIATE_1],
    dissect,
};

/// Head of an SMB 2 message (MS-SMB2 §2.2.1.2), less command and what follows it.
const HEAD_2: Piece = Piece::Octets(
    b"\xfeSMB\x40\0\0\0\0\0\0\0",
    "SMB 2, header of 64 octets, no charge, no status",
);
const CLIENT: Piece = Piece::Hole(Hole::Random { length: 16 }, "client id");
/// MS-SMB2 §2.2.3: the dialects up to 3.0.2, which need no more than a list.
const OFFER: Step = Step {
    sends: &[
        Piece::Octets(&[0x00, 0x00, 0x00, 0x6c], "session message of 108 octets"),
        HEAD_2,
        Piece::Octets(
            &[0x00, 0x00, 0x01, 0x00],
            "command 0: negotiate; one credit",
        ),
        Piece::Octets(
            &[0; 48],
            "no flags, message 0, no tree, no session, no signature",
        ),
        Piece::Octets(&[0x24, 0x00, 0x04, 0x00], "negotiate, four dialects"),
        Piece::Octets(
            &[0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
            "signing enabled; no capabilities",
        ),
        CLIENT,
        Piece::Octets(&[0; 8], "start time: none"),
        Piece::Octets(
            &[0x02, 0x02, 0x10, 0x02, 0x00, 0x03, 0x02, 0x03],
            "2.0.2, 2.1, 3.0, 3.0.2",
        ),
    ],
    until: Until::Answer,
};

/// Which dialect the server chooses.
const NEGOTIATE_2: Probe = Probe {
    name: "negotiate (SMB 2 and 3)",
    asks: &[DIALECT],
    carrier: Carrier::Tcp(445),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[OFFER],
    frames: 7,
};

/// Begins to log in, as nobody, and goes no further: the challenge names host, domain and version (MS-NLMP §2.2.1.2).
const CHALLENGE: Probe = Probe {
    name: "ntlm challenge",
    asks: &[ntlm::VERSION, ntlm::COMPUTER_NAME, ntlm::DNS_COMPUTER_NAME],
    // A login that is begun may be written down by the server as one that failed.
    safety: Safety::Intrusive,
    steps: &[
        OFFER,
        Step {
            sends: &[
                Piece::Octets(&[0x00, 0x00, 0x00, 0x80], "session message of 128 octets"),
                HEAD_2,
                Piece::Octets(
                    &[0x01, 0x00, 0x01, 0x00],
                    "command 1: session setup; one credit",
                ),
                Piece::Octets(&[0; 8], "no flags, nothing follows"),
                Piece::Octets(&[0x01, 0, 0, 0, 0, 0, 0, 0], "message 1"),
                Piece::Octets(&[0; 32], "no tree, no session, no signature"),
                Piece::Octets(&[0x19, 0x00, 0x00, 0x01], "session setup, signing enabled"),
                Piece::Octets(&[0; 8], "no capabilities, no channel"),
                Piece::Octets(&[0x58, 0x00, 0x28, 0x00], "40 octets of security at 88"),
                Piece::Octets(&[0; 8], "no session before"),
                Piece::Octets(b"NTLMSSP\0\x01\0\0\0", "NTLM negotiate"),
                Piece::Octets(
                    &[0x05, 0x02, 0x08, 0xa2],
                    "UNICODE, target, NTLM, extended security, version, 128 bit",
                ),
                Piece::Octets(&[0; 16], "no domain, no workstation"),
                Piece::Octets(
                    &[0x0a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0f],
                    "version 10.0, revision 15",
                ),
            ],
            until: Until::Answer,
        },
    ],
    frames: 9,
    ..NEGOTIATE_2
};

/// MS-CIFS §2.2.4.52: what knows nothing later than version 1.
const NEGOTIATE_1: Probe = Probe {
    name: "negotiate (SMB 1)",
    asks: &[SERVER_NAME],
    // Old and neglected where it is still there.
    safety: Safety::Intrusive,
    steps: &[Step {
        sends: &[
            Piece::Octets(&[0x00, 0x00, 0x00, 0x2f], "session message of 47 octets"),
            Piece::Octets(b"\xffSMB\x72", "SMB 1, negotiate"),
            Piece::Octets(
                &[0, 0, 0, 0, 0x18, 0x01, 0x40],
                "no status; flags: long names, UNICODE off",
            ),
            Piece::Octets(&[0; 12], "no signature"),
            Piece::Octets(
                &[0x00, 0x00, 0x46, 0x4f, 0x00, 0x00, 0x01, 0x00],
                "no tree, process, no user, number 1",
            ),
            Piece::Octets(&[0x00, 0x0c, 0x00], "no parameters, 12 octets"),
            Piece::Octets(b"\x02NT LM 0.12\0", "dialect"),
        ],
        until: Until::Answer,
    }],
    ..NEGOTIATE_2
};

/// Octets of a message that are read; what follows is file data.
const READ: usize = 8192;
const NEGOTIATE: u8 = 0x72;
const SESSION_SETUP: u8 = 0x73;

/// One session message; of a long one only the front.
fn frame(input: &[u8]) -> Framed {
    let [kind, l0, l1, l2] = head::<4>(input)?;
    let length = u32::from_be_bytes([0, l0, l1, l2]);
    let length = usize::try_from(length)
        .unwrap_or(usize::MAX)
        .saturating_add(4);
    match kind {
        0x00 if length >= 8 => {
            let [.., mark, s, m, b] = head::<8>(input)?;
            if !matches!(mark, 0xfc..=0xff) || [s, m, b] != *b"SMB" {
                return Err(foreign("smb protocol id", input));
            }
            let read = length.min(READ);
            if input.len() < read {
                return Err(more(read, input));
            }
            let skip = u64::try_from(length.saturating_sub(read)).unwrap_or_default();
            Ok(Cut { length: read, skip })
        }
        // Session request: two encoded names. Positive response: nothing.
        0x81 if length == 72 => crate::octets::whole(input, length),
        0x82 | 0x85 if length == 4 => Ok(Cut::whole(4)),
        _ => Err(foreign("netbios session type", input)),
    }
}

fn recognise(message: &[u8]) -> Option<Recognition> {
    match *message {
        [0, _, _, _, 0xff, b'S', b'M', b'B', _, _, _, _, _, flags, ..] => {
            let role = if flags & 0x80 == 0 {
                Role::Client
            } else {
                Role::Server
            };
            Some(Recognition::STRONG.from(role))
        }
        [0, _, _, _, 0xfe, b'S', b'M', b'B', ..] => {
            let role = if message.get(20)? & 1 == 0 {
                Role::Client
            } else {
                Role::Server
            };
            Some(Recognition::STRONG.from(role))
        }
        [0, _, _, _, 0xfc | 0xfd, b'S', b'M', b'B', ..] => Some(Recognition::STRONG),
        [0x81, ..] => Some(Recognition::WEAK.from(Role::Client)),
        [0x82 | 0x85, ..] => Some(Recognition::WEAK),
        _ => None,
    }
}

/// Names of commands of versions 2 and 3 ([MS-SMB2] §2.2.1).
const COMMANDS: [(u16, &str); 19] = [
    (0, "negotiate"),
    (1, "session setup"),
    (2, "logoff"),
    (3, "tree connect"),
    (4, "tree disconnect"),
    (5, "create"),
    (6, "close"),
    (7, "flush"),
    (8, "read"),
    (9, "write"),
    (10, "lock"),
    (11, "ioctl"),
    (12, "cancel"),
    (13, "echo"),
    (14, "query directory"),
    (15, "change notify"),
    (16, "query information"),
    (17, "set information"),
    (18, "oplock break"),
];
/// Names of commands of version 1 ([MS-CIFS] §2.2.2.1).
const COMMANDS_1: [(u16, &str); 32] = [
    (0x00, "smb1 create directory"),
    (0x01, "smb1 delete directory"),
    (0x02, "smb1 open"),
    (0x03, "smb1 create"),
    (0x04, "smb1 close"),
    (0x05, "smb1 flush"),
    (0x06, "smb1 delete"),
    (0x07, "smb1 rename"),
    (0x08, "smb1 query information"),
    (0x09, "smb1 set information"),
    (0x0a, "smb1 read"),
    (0x0b, "smb1 write"),
    (0x10, "smb1 check directory"),
    (0x22, "smb1 set information 2"),
    (0x23, "smb1 query information 2"),
    (0x24, "smb1 lock"),
    (0x25, "smb1 transaction"),
    (0x2b, "smb1 echo"),
    (0x2d, "smb1 open"),
    (0x2e, "smb1 read"),
    (0x2f, "smb1 write"),
    (0x32, "smb1 transaction 2"),
    (0x34, "smb1 find close"),
    (0x71, "smb1 tree disconnect"),
    (0x72, "smb1 negotiate"),
    (0x73, "smb1 session setup"),
    (0x74, "smb1 logoff"),
    (0x75, "smb1 tree connect"),
    (0x80, "smb1 query disk"),
    (0xa0, "smb1 nt transaction"),
    (0xa2, "smb1 create"),
    (0xa4, "smb1 cancel"),
];

fn operation(message: &[u8]) -> Option<Operation> {
    match *message {
        [
            0,
            _,
            _,
            _,
            0xff,
            b'S',
            b'M',
            b'B',
            command,
            _,
            _,
            _,
            _,
            flags,
            ..,
        ] if flags & 0x80 == 0 => Some(Operation::of(&COMMANDS_1, "smb1 command", command.into())),
        [0, _, _, _, 0xfe, b'S', b'M', b'B', ..] => {
            let [low, high, _, _, flags] = *message.get(16..)?.first_chunk::<5>()?;
            let command = u16::from_le_bytes([low, high]);
            (flags & 1 == 0).then(|| Operation::of(&COMMANDS, "command", command))
        }
        [0, _, _, _, 0xfd, b'S', b'M', b'B', ..] => Some(Operation::word("encrypted")),
        _ => None,
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let [kind, ..] = array::<4>(&mut rest, "session header")?;
    match (kind, rest.first()) {
        (0x81, _) => {
            take(&mut rest, 34, "called name")?;
            let octets = rest.get(1..33).unwrap_or_default();
            if let Some(name) = NetbiosName::decode(octets).filter(NetbiosName::is_text) {
                let name = Text(name.text());
                out.text(
                    Subject::Sender,
                    CALLING_NAME,
                    octets,
                    format_args!("{name}"),
                );
            }
            Ok(())
        }
        (0, Some(0xff)) => smb1(message, rest, out),
        (0, Some(0xfe)) => smb2(message, rest, out),
        _ => Ok(()),
    }
}

/// Kerberos or NTLM where it stands in a security blob, in SPNEGO or bare.
fn security(message: Message<'_>, blob: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    kerberos::token(message, blob, out)?;
    match find(blob, b"NTLMSSP\0").and_then(|at| blob.get(at..)) {
        Some(token) => out.carried(&ntlm::PROTOCOL, message.part(token)),
        None => Ok(()),
    }
}

fn smb2(message: Message<'_>, header: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = header;
    take(&mut rest, 12, "smb2 header")?;
    let command = le16(&mut rest, "smb2 command")?;
    take(&mut rest, 2, "smb2 credits")?;
    let flags = octet(&mut rest, "smb2 flags")?;
    take(&mut rest, 47, "smb2 header")?;
    let response = flags & 1 == 1;
    let mut fields = rest;
    // Offset and length of the security buffer, from the start of the header.
    let before = match (command, response) {
        (0, true) => {
            take(&mut fields, 4, "negotiate response")?;
            let octets = fields;
            let dialect = le16(&mut fields, "dialect")?;
            out.text(
                Subject::Sender,
                DIALECT,
                octets.get(..2).unwrap_or_default(),
                format_args!("0x{dialect:04x}"),
            );
            50
        }
        (1, false) => 12,
        (1, true) => 4,
        _ => return Ok(()),
    };
    take(&mut fields, before, "smb2 fields")?;
    let offset = usize::from(le16(&mut fields, "security offset")?);
    let length = usize::from(le16(&mut fields, "security length")?);
    let blob = header.get(offset..).unwrap_or_default();
    security(message, blob.get(..length).unwrap_or(blob), out)
}

fn smb1(message: Message<'_>, header: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = header;
    take(&mut rest, 4, "smb header")?;
    let command = octet(&mut rest, "smb command")?;
    take(&mut rest, 4, "smb status")?;
    let flags = octet(&mut rest, "smb flags")?;
    let flags2 = le16(&mut rest, "smb flags 2")?;
    take(&mut rest, 20, "smb header")?;
    let count = octet(&mut rest, "smb word count")?;
    let words = take(&mut rest, usize::from(count).saturating_mul(2), "smb words")?;
    let word = |n: usize| {
        let mut at = words.get(n.saturating_mul(2)..)?;
        le16(&mut at, "smb word").ok().map(usize::from)
    };
    le16(&mut rest, "smb byte count")?;
    let unicode = flags2 & 0x8000 != 0;
    let mut strings = Strings {
        header,
        rest,
        unicode,
    };
    let response = flags & 0x80 != 0;
    match (command, response, count) {
        (SESSION_SETUP, false, 13) => {
            let passwords = word(7).unwrap_or(0).saturating_add(word(8).unwrap_or(0));
            take(&mut strings.rest, passwords, "smb passwords")?;
            // The account is a person's.
            strings.next();
            strings.say(PRIMARY_DOMAIN, out);
            strings.say(NATIVE_OS, out);
            strings.say(NATIVE_LANMAN, out);
        }
        (SESSION_SETUP, false, 12) => {
            let blob = take(&mut strings.rest, word(7).unwrap_or(0), "smb security blob")?;
            security(message, blob, out)?;
            strings.say(NATIVE_OS, out);
            strings.say(NATIVE_LANMAN, out);
            strings.say(PRIMARY_DOMAIN, out);
        }
        (SESSION_SETUP, true, 3 | 4) => {
            if count == 4 {
                let blob = take(&mut strings.rest, word(3).unwrap_or(0), "smb security blob")?;
                security(message, blob, out)?;
            }
            strings.say(NATIVE_OS, out);
            strings.say(NATIVE_LANMAN, out);
            strings.say(PRIMARY_DOMAIN, out);
        }
        // Without extended security (capability bit 31): a challenge, then domain and server, unaligned,
        // in Unicode where the server is capable of it (bit 2) whatever the flags say.
        (NEGOTIATE, true, 17) => {
            let Some([low, .., high]) = words.get(19..23) else {
                return Ok(());
            };
            if high & 0x80 == 0 {
                let challenge = words.last().copied().unwrap_or_default();
                take(&mut strings.rest, challenge.into(), "smb challenge")?;
                strings.unicode = low & 0x04 != 0;
                strings.header = strings.rest;
                strings.say(PRIMARY_DOMAIN, out);
                strings.say(SERVER_NAME, out);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Strings that follow one another; Unicode ones are aligned to where `header` begins.
struct Strings<'a> {
    header: &'a [u8],
    rest: &'a [u8],
    unicode: bool,
}

impl<'a> Strings<'a> {
    /// The next string without its end.
    fn next(&mut self) -> &'a [u8] {
        if !self.unicode {
            let end = self.rest.iter().position(|octet| *octet == 0);
            let (text, after) = self.rest.split_at(end.unwrap_or(self.rest.len()));
            self.rest = after.get(1..).unwrap_or_default();
            return text;
        }
        let at = self.header.len().saturating_sub(self.rest.len());
        if at % 2 == 1 {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        let units = self.rest.chunks_exact(2).position(|unit| unit == [0, 0]);
        let length = units.map_or(self.rest.len(), |units| units.saturating_mul(2));
        let (text, after) = self.rest.split_at(length);
        self.rest = after.get(2..).unwrap_or_default();
        text
    }

    fn say(&mut self, key: Key, out: &mut Out<'_>) {
        let text = self.next();
        if self.unicode {
            out.utf16le(Subject::Sender, key, text);
        } else {
            out.say(Subject::Sender, key, text);
        }
    }
}
