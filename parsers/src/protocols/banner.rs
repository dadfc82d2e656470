//! Servers that greet in lines of text: FTP, SMTP, POP3, IMAP and Telnet.
//!
//! Spec: RFC 959 §4.2 and RFC 1123 §4.1 (FTP), RFC 5321 §4.2 (SMTP), RFC 1939 §4 (POP3), RFC 9051 §7.1 and RFC 2971
//! (IMAP), RFC 854 (Telnet). Only servers are read, and only what they say before anybody logs in:
//! what a client types is nobody's business.

use crate::octets::{foreign, more};
use crate::probe::{Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{find, is_printable, lines, unpadded};

/// FTP greeting (reply 220).
pub const FTP_BANNER: Key = Key("ftp.banner");
/// FTP reply to SYST (215).
pub const FTP_SYSTEM: Key = Key("ftp.system");
/// FTP line of a STAT reply (211) that names the server.
pub const FTP_STATUS: Key = Key("ftp.status");
/// FTP reply to a user name that came in the clear (230, 331): its code.
pub const FTP_LOGIN: Key = Key("ftp.login");
/// SMTP greeting.
pub const SMTP_BANNER: Key = Key("smtp.banner");
/// POP3 greeting.
pub const POP3_BANNER: Key = Key("pop3.banner");
/// IMAP greeting.
pub const IMAP_BANNER: Key = Key("imap.banner");
/// Telnet: the text before the login prompt.
pub const TELNET_BANNER: Key = Key("telnet.banner");

/// Registration of FTP.
pub static FTP: Protocol = Protocol {
    name: "ftp",
    spec: "RFC 959",
    carriers: &[Carrier::Tcp(21)],
    keys: &[FTP_BANNER, FTP_SYSTEM, FTP_STATUS, FTP_LOGIN],
    frame: Some(frame),
    recognise: |message| {
        let known = [
            &b"USER "[..],
            b"SYST",
            b"FEAT",
            b"PASV",
            b"EPSV",
            b"AUTH TLS",
            b"TYPE I",
            b"RETR ",
            b"STOR ",
            b"QUIT",
        ];
        let ftp = || find(message, b"ftp").is_some() || find(message, b"FileZilla").is_some();
        match message {
            [b'2', b'2', b'0', b' ' | b'-', ..] if ftp() => {
                Some(Recognition::STRONG.from(Role::Server))
            }
            [b'2', b'2', b'0', b' ' | b'-', ..] => Some(Recognition::WEAK.from(Role::Server)),
            [b'1'..=b'5', b'0'..=b'5', b'0'..=b'9', b' ' | b'-', ..] => Some(Recognition::WEAK),
            _ => known
                .iter()
                .any(|c| message.starts_with(c))
                .then_some(Recognition::WEAK.from(Role::Client)),
        }
    },
    operation: None,
    probes: &[FTP_GREETING],
    dissect: |message, out| {
        if message.from == Role::Server {
            reply(message, b"220", FTP_BANNER, out);
            reply(message, b"215", FTP_SYSTEM, out);
            // After AUTH TLS nothing of this could be read.
            if let Some(code @ (b"230" | b"331")) = message.bytes.get(..3) {
                out.say(Subject::Sender, FTP_LOGIN, code);
            }
            for line in lines(message.bytes) {
                // STAT: the lines between "211-" and "211 " are indented; the version is among them.
                let text = line.trim_ascii();
                if line.first() == Some(&b' ')
                    && find(text, b"ftp").is_some()
                    && find(text, b"session").is_none()
                {
                    out.say(Subject::Sender, FTP_STATUS, text);
                }
            }
        }
        Ok(())
    },
};

/// Registration of SMTP.
pub static SMTP: Protocol = Protocol {
    name: "smtp",
    spec: "RFC 5321",
    carriers: &[Carrier::Tcp(25), Carrier::Tcp(587)],
    keys: &[SMTP_BANNER],
    frame: Some(frame),
    recognise: |message| {
        let client = [&b"EHLO "[..], b"HELO ", b"MAIL FROM:", b"RCPT TO:"];
        if client.iter().any(|begin| message.starts_with(begin)) {
            return Some(Recognition::STRONG.from(Role::Client));
        }
        if message.starts_with(b"QUIT") {
            return Some(Recognition::WEAK.from(Role::Client));
        }
        match message {
            [b'2', b'2', b'0', b' ' | b'-', rest @ ..] if find(rest, b"SMTP").is_some() => {
                Some(Recognition::STRONG.from(Role::Server))
            }
            [
                b'2' | b'3' | b'5',
                b'0' | b'2' | b'5',
                b'0'..=b'9',
                b' ' | b'-',
                ..,
            ] => Some(Recognition::WEAK),
            _ => None,
        }
    },
    operation: None,
    probes: &[SMTP_GREETING],
    dissect: |message, out| {
        if message.from == Role::Server && message.nth < 2 {
            reply(message, b"220", SMTP_BANNER, out);
        }
        Ok(())
    },
};

/// Registration of POP3.
pub static POP3: Protocol = Protocol {
    name: "pop3",
    spec: "RFC 1939",
    carriers: &[Carrier::Tcp(110)],
    keys: &[POP3_BANNER],
    frame: Some(frame),
    recognise: |message| match message {
        [b'+', b'O', b'K', ..] | [b'-', b'E', b'R', b'R', ..] => {
            Some(Recognition::WEAK.from(Role::Server))
        }
        _ => [&b"USER "[..], b"CAPA", b"STAT", b"APOP ", b"STLS", b"QUIT"]
            .iter()
            .any(|begin| message.starts_with(begin))
            .then_some(Recognition::WEAK.from(Role::Client)),
    },
    operation: None,
    probes: &[POP3_GREETING],
    dissect: |message, out| {
        if message.from == Role::Server && message.nth == 0 {
            let line = lines(message.bytes)
                .next()
                .and_then(|line| line.strip_prefix(b"+OK"));
            out.say(
                Subject::Sender,
                POP3_BANNER,
                without_timestamp(line.unwrap_or_default()),
            );
        }
        Ok(())
    },
};

/// Registration of IMAP.
pub static IMAP: Protocol = Protocol {
    name: "imap",
    spec: "RFC 9051",
    carriers: &[Carrier::Tcp(143)],
    keys: &[IMAP_BANNER],
    frame: Some(frame),
    recognise: |message| {
        if find(message, b" LOGOUT\r\n").is_some_and(|at| at < 8) {
            return Some(Recognition::WEAK.from(Role::Client));
        }
        let greets = message.starts_with(b"* OK ") || message.starts_with(b"* PREAUTH ");
        greets.then_some(Recognition::STRONG.from(Role::Server))
    },
    operation: None,
    probes: &[IMAP_GREETING],
    dissect: |message, out| {
        if message.from == Role::Server && message.nth == 0 {
            let line = lines(message.bytes)
                .next()
                .and_then(|line| line.strip_prefix(b"* OK"));
            out.say(Subject::Sender, IMAP_BANNER, line.unwrap_or_default());
        }
        Ok(())
    },
};

/// Registration of Telnet.
pub static TELNET: Protocol = Protocol {
    name: "telnet",
    spec: "RFC 854",
    carriers: &[Carrier::Tcp(23)],
    keys: &[TELNET_BANNER],
    frame: Some(telnet_frame),
    // Interpret-as-command, then WILL, WON'T, DO or DON'T and an option that is assigned: nothing else begins so.
    recognise: |message| match message {
        [0xff, 0xfb..=0xfe, 0..=49, rest @ ..] => {
            let again = rest.is_empty() || rest.first() == Some(&0xff) || message.len() > 3;
            again.then_some(Recognition::STRONG)
        }
        [0xff, 0xfa, 0..=49, ..] => Some(Recognition::STRONG),
        _ => None,
    },
    operation: None,
    probes: &[TELNET_GREETING, TELNET_LOGIN],
    dissect: dissect_telnet,
};

/// Waits for what the server says unasked.
const LISTEN: Step = Step {
    sends: &[],
    until: Until::Answer,
};
/// Takes leave, as RFC 959 §4.1.1, RFC 5321 §4.1.1.10 and RFC 1939 §5 want it.
const QUIT: Step = Step {
    sends: &[Piece::Octets(b"QUIT\r\n", "takes leave")],
    until: Until::Answer,
};

/// RFC 959 §5.4: 220.
const FTP_GREETING: Probe = Probe {
    name: "read greeting",
    asks: &[FTP_BANNER],
    carrier: Carrier::Tcp(21),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[LISTEN, QUIT],
    frames: 8,
};

/// RFC 5321 §3.1: 220.
const SMTP_GREETING: Probe = Probe {
    asks: &[SMTP_BANNER],
    carrier: Carrier::Tcp(25),
    ..FTP_GREETING
};

/// RFC 1939 §4: +OK.
const POP3_GREETING: Probe = Probe {
    asks: &[POP3_BANNER],
    carrier: Carrier::Tcp(110),
    ..FTP_GREETING
};

/// RFC 9051 §7.1.5: an untagged OK.
const IMAP_GREETING: Probe = Probe {
    asks: &[IMAP_BANNER],
    carrier: Carrier::Tcp(143),
    steps: &[
        LISTEN,
        Step {
            sends: &[Piece::Octets(
                b"A1 LOGOUT\r\n",
                "takes leave (RFC 9051 §6.1.3)",
            )],
            until: Until::Answer,
        },
    ],
    ..FTP_GREETING
};

/// What comes before anything is typed, options left unanswered. A goodbye there is none.
const TELNET_GREETING: Probe = Probe {
    asks: &[TELNET_BANNER],
    carrier: Carrier::Tcp(23),
    steps: &[Step {
        sends: &[],
        until: Until::Quiet,
    }],
    ..FTP_GREETING
};

/// Some greet only when their questions about the terminal are answered. Whoever has an option off may say so at any time
/// (RFC 854, "general considerations"); of what is asked then, the rest. Nothing is typed.
const TELNET_LOGIN: Probe = Probe {
    name: "refuse options, read greeting",
    steps: &[
        LISTEN,
        Step {
            sends: &[
                Piece::Octets(&[0xff, 0xfc, 24], "won't: terminal type"),
                Piece::Octets(&[0xff, 0xfc, 32], "won't: terminal speed"),
                Piece::Octets(&[0xff, 0xfc, 35], "won't: display location"),
                Piece::Octets(&[0xff, 0xfc, 39], "won't: new environment"),
                Piece::Octets(&[0xff, 0xfc, 36], "won't: environment"),
                Piece::Octets(&[0xff, 0xfe, 37], "don't: authentication"),
                Piece::Octets(&[0xff, 0xfe, 38], "don't: encryption"),
            ],
            until: Until::Answer,
        },
        Step {
            sends: &[
                Piece::Octets(&[0xff, 0xfc, 1], "won't: echo"),
                Piece::Octets(&[0xff, 0xfc, 34], "won't: line mode"),
                Piece::Octets(&[0xff, 0xfc, 31], "won't: window size"),
                Piece::Octets(&[0xff, 0xfc, 33], "won't: flow control"),
                Piece::Octets(&[0xff, 0xfe, 5], "don't: status"),
            ],
            until: Until::Quiet,
        },
    ],
    frames: 12,
    ..TELNET_GREETING
};

/// Lines up to this length are waited for.
const LONGEST: usize = 4096;
/// Telnet messages of a server in which a banner is looked for: later ones may echo what was typed. Negotiation alone
/// takes up to ten where each option is a segment of its own.
const TELNET_MESSAGES: u32 = 12;

/// Whole lines, as many as have arrived: a greeting of several lines is one message.
fn frame(input: &[u8]) -> Framed {
    // Lines of text end where something else begins (TLS after STARTTLS).
    if input
        .iter()
        .take(4)
        .any(|octet| *octet < 0x09 || *octet == 0xff)
    {
        return Err(foreign("line of text", input));
    }
    match memchr::memrchr(b'\n', input) {
        Some(end) => Ok(Cut::whole(end.saturating_add(1))),
        None if input.len() > LONGEST => Err(foreign("line of text", input)),
        None => Err(more(input.len().saturating_add(1), input)),
    }
}

/// All that has arrived: Telnet has no messages.
fn telnet_frame(input: &[u8]) -> Framed {
    if input
        .first()
        .is_some_and(|octet| *octet == 0xff || *octet >= 0x20 || octet.is_ascii_whitespace())
    {
        Ok(Cut::whole(input.len()))
    } else {
        Err(foreign("telnet data", input))
    }
}

/// The text of a reply with this code: its last line, or all lines that bear the code.
fn reply(message: Message<'_>, code: &[u8], key: Key, out: &mut Out<'_>) {
    for line in lines(message.bytes) {
        let text = line.strip_prefix(code).and_then(|rest| rest.get(1..));
        if let Some(text) = text {
            out.say(Subject::Sender, key, without_timestamp(text));
        }
    }
}

/// A greeting may end in a time stamp (APOP) or a date: neither identifies.
fn without_timestamp(text: &[u8]) -> &[u8] {
    match text.iter().rposition(|octet| *octet == b'<') {
        Some(at) if text.ends_with(b">") && text.contains(&b'@') => text.get(..at).unwrap_or(text),
        _ => text,
    }
}

/// Text of the server up to the prompt, as long as nobody has typed more than a line.
fn dissect_telnet(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    if message.from != Role::Server || message.nth >= TELNET_MESSAGES {
        return Ok(());
    }
    // The other end has typed something that is no negotiation: from here on it may be echoed.
    if message
        .asked
        .is_some_and(|typed| !typed.is_empty() && typed.first() != Some(&0xff))
    {
        return Ok(());
    }
    let mut rest = message.bytes;
    while let [0xff, command, after @ ..] = rest {
        rest = match command {
            0xfb..=0xfe => after.get(1..).unwrap_or_default(),
            0xfa => {
                let end = find(after, &[0xff, 0xf0]).map(|end| end.saturating_add(2));
                end.and_then(|end| after.get(end..)).unwrap_or_default()
            }
            _ => after,
        };
    }
    for line in lines(rest) {
        let text = unpadded(line.strip_suffix(b"\r").unwrap_or(line));
        let prompt = find(text, b"login:").is_some()
            || find(text, b"password").is_some()
            || find(text, b"username").is_some();
        // `plc1 login:` names the host; a bare prompt names nothing.
        if prompt && find(text, b"login:").is_none_or(|at| at == 0) {
            break;
        }
        if text.len() >= 4 && is_printable(text) && text.iter().any(u8::is_ascii_alphabetic) {
            out.say(Subject::Sender, TELNET_BANNER, text);
        }
        if prompt {
            break;
        }
    }
    Ok(())
}
