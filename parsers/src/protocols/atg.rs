//! Automatic tank gauges: the console's station name and software, from reports in display format.
//!
//! Spec: Veeder-Root, Serial Interface Manual for TLS-350 and TLS-450 consoles (576013-635), §4 (command format), functions 201
//! (in-tank inventory) and 902 (software revision). A security code before the command is not read.

use crate::octets::{foreign, more};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{find, is_printable, lines};

/// Function that was answered: `I20100`.
pub const FUNCTION: Key = Key("atg.function");
/// First line of the station header.
pub const STATION_NAME: Key = Key("atg.station_name");
/// Software version of the console (function 902).
pub const SOFTWARE_VERSION: Key = Key("atg.software_version");
/// Part number of that software.
pub const SOFTWARE_NUMBER: Key = Key("atg.software_number");
/// When that software was made, as told.
pub const SOFTWARE_CREATED: Key = Key("atg.software_created");
/// Part number of the software module.
pub const SOFTWARE_MODULE: Key = Key("atg.software_module");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "atg",
    spec: "Veeder-Root 576013-635",
    carriers: &[Carrier::Tcp(10001)],
    keys: &[
        FUNCTION,
        STATION_NAME,
        SOFTWARE_VERSION,
        SOFTWARE_NUMBER,
        SOFTWARE_CREATED,
        SOFTWARE_MODULE,
    ],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

const SOH: u8 = 0x01;
const ETX: u8 = 0x03;
/// Reports are shorter; what is longer is read so far.
const LONGEST: usize = 32_768;
/// A command: start, a security code of six, the function and what it sets.
const LONGEST_COMMAND: usize = 128;

/// Letter of the function (display or computer format, inquiry or setting), its number and a tank.
fn function(text: &[u8]) -> Option<&[u8]> {
    let (name, _) = text.split_at_checked(6)?;
    let (letter, digits) = name.split_first()?;
    let known = matches!(letter, b'I' | b'i' | b'S' | b's');
    (known && digits.iter().all(u8::is_ascii_digit)).then_some(name)
}

/// The report behind the start: in display format a new line precedes the function, in computer format nothing does.
fn report(message: &[u8]) -> Option<&[u8]> {
    let text = message.strip_prefix(&[SOH])?.trim_ascii_start();
    function(text).map(|_| text)
}

/// A report ends in ETX, a command in a line end or with the segment.
fn frame(input: &[u8]) -> Framed {
    let Some((&SOH, rest)) = input.split_first() else {
        return Err(if input.is_empty() {
            more(1, input)
        } else {
            foreign("tank gauge start", input)
        });
    };
    let printable = |octet: &u8| matches!(octet, b'\t' | b'\r' | b'\n' | 0x20..=0x7e | 0x80..);
    match rest.iter().position(|octet| !printable(octet)) {
        Some(end) if rest.get(end) == Some(&ETX) => Ok(Cut::whole(end.saturating_add(2))),
        Some(_) => Err(foreign("tank gauge text", input)),
        None if rest.len() < 6 => Err(more(7, input)),
        None => {
            let answers = rest.first() == Some(&b'\r') || rest.first() == Some(&b'\n');
            let command = || report(input).is_some() || rest.get(6..).and_then(function).is_some();
            if answers && report(input).is_none() && rest.len() >= 10 {
                Err(foreign("tank gauge function", input))
            } else if answers || rest.len() > LONGEST_COMMAND {
                if rest.len() > LONGEST {
                    return Ok(Cut::whole(input.len()));
                }
                Err(more(input.len().saturating_add(1), input))
            } else if command() {
                Ok(Cut::whole(input.len()))
            } else if rest.len() < 12 {
                Err(more(13, input))
            } else {
                Err(foreign("tank gauge command", input))
            }
        }
    }
}

/// Start, function and end: an answer has all of them.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let found = report(message);
    if found.is_some() && message.ends_with(&[ETX]) {
        return Some(Recognition::STRONG.from(Role::Server));
    }
    let coded = || message.strip_prefix(&[SOH])?.get(6..).and_then(function);
    (found.is_some() || coded().is_some()).then_some(Recognition::WEAK.from(Role::Client))
}

/// Function, date, station header; then the report.
fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    if !message.bytes.ends_with(&[ETX]) {
        return Ok(());
    }
    let Some(text) = report(message.bytes) else {
        return Err(Fault::value("tank gauge function", message.bytes));
    };
    let Some(name) = function(text) else {
        return Ok(());
    };
    out.say(Subject::Sender, FUNCTION, name);
    // Computer format has values alone.
    if !matches!(name.first(), Some(b'I')) {
        return Ok(());
    }
    let mut header = lines(text).skip(2).map(<[u8]>::trim_ascii);
    let first = header.find(|line| !line.is_empty());
    if let Some(first) = first
        && is_station(first)
    {
        out.say(Subject::Sender, STATION_NAME, first);
    }
    for line in lines(text).map(<[u8]>::trim_ascii) {
        let marks = [
            (&b"VERSION "[..], SOFTWARE_VERSION),
            (b"SOFTWARE# ", SOFTWARE_NUMBER),
            (b"CREATED - ", SOFTWARE_CREATED),
            (b"S-MODULE# ", SOFTWARE_MODULE),
        ];
        for (mark, key) in marks {
            if let Some(value) = line.strip_prefix(mark)
                && is_printable(value)
            {
                out.say(Subject::Sender, key, value);
            }
        }
    }
    Ok(())
}

/// Whether this line names a station rather than a report.
fn is_station(line: &[u8]) -> bool {
    let titles = [
        &b"IN-TANK"[..],
        b"REPORT",
        b"INVENTORY",
        b"SOFTWARE REV",
        b"SYSTEM STATUS",
        b"STATUS",
        b"ALARM",
        b"LEAK",
        b"TEST RESULTS",
        b"TANK  ",
        b"DELIVER",
        b"CONFIGURATION",
    ];
    is_printable(line) && !titles.iter().any(|title| find(line, title).is_some())
}
