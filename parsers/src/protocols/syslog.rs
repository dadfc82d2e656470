//! Syslog: which system sends, and the marks by which products show. Nothing of what happened.
//!
//! Spec: RFC 5424 §6 (header, structured data), RFC 3164 §4 (its forerunner), RFC 6587 §3.4 (framing on TCP);
//! `ArcSight`, Common Event Format; IBM, Log Event Extended Format; Fortinet, `FortiOS` log message reference; Cisco,
//! system messages.
//!
//! A relay passes on the names of others, which no message shows: names from here are weak.

use crate::octets::{foreign, head, more, whole};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Subject};
use crate::text::{Text, between, find, is_printable};

/// Host name in the header, unless it is an address.
pub const HOST_NAME: Key = Key("syslog.host_name");
/// Name of the program in the header.
pub const APP_NAME: Key = Key("syslog.app_name");
/// Structured data `origin`: program and version.
pub const SOFTWARE: Key = Key("syslog.software");
/// Vendor, product and version at the head of an event in CEF or LEEF.
pub const PRODUCT: Key = Key("syslog.product");
/// Which part of a Cisco system speaks: `ASA` of `%ASA-6-302013`.
pub const MARK: Key = Key("syslog.mark");
/// Fortinet: name of the device.
pub const DEVICE_NAME: Key = Key("syslog.device_name");
/// Fortinet: identifier of the device, its serial number.
pub const DEVICE_ID: Key = Key("syslog.device_id");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "syslog",
    spec: "RFC 5424",
    carriers: &[Carrier::Udp(514), Carrier::Tcp(514), Carrier::Tcp(601)],
    keys: &[
        HOST_NAME,
        APP_NAME,
        SOFTWARE,
        PRODUCT,
        MARK,
        DEVICE_NAME,
        DEVICE_ID,
    ],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Longest message that is waited for on TCP.
const LONGEST: usize = 16 * 1024;
/// Octets of a message without time or mark that must be text.
const SEEN: usize = 64;

/// Octet-counted, or ended by a line feed (RFC 6587 §3.4).
fn frame(input: &[u8]) -> Framed {
    let [first, second] = head::<2>(input)?;
    match first {
        b'<' if second.is_ascii_digit() => {
            let [_, _, third] = head::<3>(input)?;
            if !third.is_ascii_digit() && third != b'>' {
                return Err(foreign("syslog priority", input));
            }
            match input.iter().position(|octet| *octet == b'\n') {
                Some(end) => Ok(Cut::whole(end.saturating_add(1))),
                None if input.len() < LONGEST => Err(more(input.len().saturating_add(1), input)),
                None => Err(foreign("syslog line", input)),
            }
        }
        b'1'..=b'9' if second.is_ascii_digit() || second == b' ' => {
            let digits = input.iter().take_while(|octet| octet.is_ascii_digit());
            let digits = digits.count();
            match input.get(digits..) {
                Some([]) if digits <= 5 => return Err(more(input.len().saturating_add(1), input)),
                Some([b' ']) => return Err(more(input.len().saturating_add(1), input)),
                Some([b' ', b'<', ..]) => {}
                _ => return Err(foreign("syslog length", input)),
            }
            let length = number(input.get(..digits).unwrap_or_default());
            match length {
                Some(length) if (8..=LONGEST).contains(&length) => {
                    whole(input, length.saturating_add(digits).saturating_add(1))
                }
                _ => Err(foreign("syslog length", input)),
            }
        }
        _ => Err(foreign("syslog priority", input)),
    }
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// What follows the priority, 0 to 191 without leading zeros, and a length before it.
fn after_priority(message: &[u8]) -> Option<&[u8]> {
    let message = match message.first()? {
        b'1'..=b'9' => {
            let digits = message.iter().take_while(|c| c.is_ascii_digit()).count();
            message.get(digits..)?.strip_prefix(b" ")?
        }
        _ => message,
    };
    let rest = message.strip_prefix(b"<")?;
    let end = rest.iter().take(4).position(|c| *c == b'>')?;
    let (digits, rest) = rest.split_at_checked(end)?;
    let priority = digits.iter().all(u8::is_ascii_digit).then_some(digits)?;
    let leads = priority.len() > 1 && priority.starts_with(b"0");
    (number(priority)? <= 191 && !leads).then_some(())?;
    rest.get(1..)
}

/// No other protocol begins with a number in angle brackets; text must follow.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let rest = after_priority(message)?;
    let text = rest.get(..SEEN).unwrap_or(rest);
    let text = text.trim_ascii_end();
    let text = text.strip_suffix(&[0]).unwrap_or(text);
    let plain = text
        .iter()
        .all(|c| matches!(c, b'\t' | b'\r' | b'\n' | 0x20..=0x7e | 0x80..));
    (plain && text.len() >= 8 && !matches!(text.first(), Some(b'<' | b'/')))
        .then_some(Recognition::STRONG)
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let text =
        after_priority(message.bytes).ok_or(Fault::value("syslog priority", message.bytes))?;
    let content = match text.strip_prefix(b"1 ") {
        Some(rest) => header(rest, out),
        None => old_header(text, out),
    };
    marks(content, out);
    Ok(())
}

/// Time, host name, program, process, message id, structured data; a dash for each that is missing (RFC 5424 §6.2).
fn header<'a>(text: &'a [u8], out: &mut Out<'_>) -> &'a [u8] {
    let mut rest = text;
    let _time = word(&mut rest);
    let host = word(&mut rest);
    host_name(host, out);
    let program = word(&mut rest);
    if program != b"-" {
        out.say(Subject::Sender, APP_NAME, program);
    }
    let (_process, _id) = (word(&mut rest), word(&mut rest));
    rest
}

/// A time in one of the usual forms, then a host name, then the program up to its process or colon.
fn old_header<'a>(text: &'a [u8], out: &mut Out<'_>) -> &'a [u8] {
    let mut rest = text;
    let first = word(&mut rest);
    let timed = match first {
        // `Oct  9 22:14:15`: month, day, on some systems the year, time. A time that ends with a colon ends the header.
        [a, b, c] if [a, b, c].iter().all(|c| c.is_ascii_alphabetic()) => {
            let day = word(&mut rest);
            let mut time = word(&mut rest);
            if time.len() == 4 {
                time = word(&mut rest);
            }
            let clock = time.get(2) == Some(&b':') && !time.ends_with(b":");
            day.iter().all(u8::is_ascii_digit) && clock
        }
        // `2003-10-11T22:14:15.003Z`.
        [a, b, c, d, b'-', .., _] => {
            [a, b, c, d].iter().all(|c| c.is_ascii_digit()) && first.contains(&b'T')
        }
        _ => false,
    };
    if !timed {
        return text;
    }
    let mut after = rest;
    let first = word(&mut after);
    // Without a host name the program comes first, and ends with a colon; Cisco's marks begin with a percent sign.
    if !first.ends_with(b":") && !first.contains(&b'[') && !first.starts_with(b"%") {
        host_name(first, out);
        rest = after;
    }
    let content = rest;
    let program = rest
        .split(|c| matches!(c, b':' | b'[' | b' '))
        .next()
        .unwrap_or_default();
    let ended = matches!(rest.get(program.len()), Some(b':' | b'['));
    if ended && program.first().is_some_and(u8::is_ascii_alphabetic) && program.len() <= 48 {
        out.say(Subject::Sender, APP_NAME, program);
    }
    content
}

/// A name is not an address, and not a word of a message that has no header.
fn host_name(host: &[u8], out: &mut Out<'_>) {
    let plain = host
        .iter()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_'));
    let address = host.iter().all(|c| c.is_ascii_digit() || *c == b'.');
    if plain && !address && host.len() > 1 && host.len() <= 255 {
        out.say(Subject::Sender, HOST_NAME, host);
    }
}

/// Takes a word and the blanks behind it.
fn word<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|c| *c == b' ').unwrap_or(rest.len());
    let (word, after) = rest.split_at_checked(end).unwrap_or_default();
    *rest = after.trim_ascii_start();
    word
}

fn marks(content: &[u8], out: &mut Out<'_>) {
    if let Some(origin) = between(content, b"[origin ", b"]")
        && let Some(software) = between(origin, b"software=\"", b"\"")
    {
        let version = between(origin, b"swVersion=\"", b"\"").unwrap_or_default();
        let (name, number) = (Text(software), Text(version));
        let blank = if version.is_empty() { "" } else { " " };
        out.text(
            Subject::Sender,
            SOFTWARE,
            software,
            format_args!("{name}{blank}{number}"),
        );
    }
    for begin in [&b"CEF:"[..], b"LEEF:"] {
        if let Some(event) = find(content, begin).and_then(|at| content.get(at..)) {
            product(event, out);
            return;
        }
    }
    if let Some(mark) = mark(content) {
        out.say(Subject::Sender, MARK, mark);
    }
    // FortiOS sends pairs from the first word on.
    if content.starts_with(b"date=") {
        for (name, key) in [(&b" devname="[..], DEVICE_NAME), (b" devid=", DEVICE_ID)] {
            if let Some(at) = find(content, name) {
                let mut value = content
                    .get(at.saturating_add(name.len())..)
                    .unwrap_or_default();
                let value = word(&mut value);
                let value = value.strip_prefix(b"\"").unwrap_or(value);
                out.say(
                    Subject::Sender,
                    key,
                    value.strip_suffix(b"\"").unwrap_or(value),
                );
            }
        }
    }
}

/// `CEF:0|vendor|product|version|…`: the three fields, with the bars between them.
fn product(event: &[u8], out: &mut Out<'_>) {
    let Some(start) = event.iter().position(|c| *c == b'|') else {
        return;
    };
    let rest = event.get(start.saturating_add(1)..).unwrap_or_default();
    let mut bars = rest.iter().enumerate().filter(|(_, c)| **c == b'|');
    if let Some((end, _)) = bars.nth(2)
        && let Some(named) = rest.get(..end).filter(|named| is_printable(named))
    {
        out.say(Subject::Sender, PRODUCT, named);
    }
}

/// `%FACILITY-severity-MNEMONIC:` near the beginning.
fn mark(content: &[u8]) -> Option<&[u8]> {
    /// A sequence number and a time of Cisco's may go before.
    const BEFORE: usize = 64;
    let at = content.iter().take(BEFORE).position(|c| *c == b'%')?;
    let rest = content.get(at.saturating_add(1)..)?;
    let end = rest.iter().position(|c| *c == b'-')?;
    let (facility, after) = rest.split_at_checked(end)?;
    let named = facility
        .iter()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == b'_');
    (named && facility.len() >= 2 && matches!(after, [b'-', b'0'..=b'7', b'-', ..]))
        .then_some(facility)
}
