//! Printers: what they answer to IPP and to the Printer Job Language, device ids included. Jobs and their owners are never read.
//!
//! Spec: RFC 8010 §3.1 (IPP encoding), RFC 8011 §5.4 (printer attributes), PWG 5100.13 (firmware), IEEE 1284-2000 §7.6 (device id);
//! HP PJL Technical Reference, chapters 2 and 7 (INFO).

use crate::octets::{be16, be32, counted16, foreign, more, take};
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{find, lines};

/// `printer-make-and-model`.
pub const MAKE_AND_MODEL: Key = Key("ipp.printer_make_and_model");
/// `printer-name`.
pub const PRINTER_NAME: Key = Key("ipp.printer_name");
/// `printer-info`.
pub const PRINTER_INFO: Key = Key("ipp.printer_info");
/// `printer-location`.
pub const LOCATION: Key = Key("ipp.printer_location");
/// `printer-dns-sd-name`.
pub const DNS_SD_NAME: Key = Key("ipp.printer_dns_sd_name");
/// `printer-firmware-string-version`.
pub const FIRMWARE: Key = Key("ipp.printer_firmware_version");
/// `cups-version`: the sender is a print server.
pub const CUPS_VERSION: Key = Key("ipp.cups_version");
/// `printer-make-and-model` of a queue on a print server, which is not the printer.
pub const QUEUE: Key = Key("ipp.queue_make_and_model");
/// Manufacturer in `printer-device-id`.
pub const MANUFACTURER: Key = Key("ipp.manufacturer");
/// Model in `printer-device-id`.
pub const MODEL: Key = Key("ipp.model");
/// Serial number in `printer-device-id`.
pub const SERIAL_NUMBER: Key = Key("ipp.serial_number");

/// Answer to `@PJL INFO ID`.
pub const PJL_ID: Key = Key("jetdirect.id");
/// Manufacturer in a device id.
pub const PJL_MANUFACTURER: Key = Key("jetdirect.manufacturer");
/// Model in a device id or among the product's details.
pub const PJL_MODEL: Key = Key("jetdirect.model");
/// Serial number in a device id or among the product's details.
pub const PJL_SERIAL_NUMBER: Key = Key("jetdirect.serial_number");
/// Firmware date code among the product's details.
pub const PJL_FIRMWARE: Key = Key("jetdirect.firmware");

/// Registration of the Internet Printing Protocol.
pub static IPP: Protocol = Protocol {
    name: "ipp",
    spec: "RFC 8010",
    carriers: &[Carrier::Inside("http")],
    keys: &[
        MAKE_AND_MODEL,
        PRINTER_NAME,
        PRINTER_INFO,
        LOCATION,
        DNS_SD_NAME,
        FIRMWARE,
        CUPS_VERSION,
        QUEUE,
        MANUFACTURER,
        MODEL,
        SERIAL_NUMBER,
    ],
    frame: None,
    recognise: recognise_ipp,
    operation: None,
    probes: &[],
    dissect: dissect_ipp,
};

/// Registration of raw printing with the Printer Job Language.
pub static JETDIRECT: Protocol = Protocol {
    name: "jetdirect",
    spec: "HP PJL Technical Reference Manual",
    carriers: &[Carrier::Tcp(9100)],
    keys: &[
        PJL_ID,
        PJL_MANUFACTURER,
        PJL_MODEL,
        PJL_SERIAL_NUMBER,
        PJL_FIRMWARE,
    ],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// RFC 8011 §4.2.5, Get-Printer-Attributes, in HTTP (RFC 8010 §4). Asked in the protocol that carries it.
pub(super) const GET_PRINTER_ATTRIBUTES: Probe = Probe {
    name: "get printer attributes (IPP)",
    asks: &[MAKE_AND_MODEL, PRINTER_NAME, FIRMWARE, MANUFACTURER, MODEL, SERIAL_NUMBER, CUPS_VERSION],
    carrier: Carrier::Tcp(631),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[
                Piece::Octets(b"POST /ipp/print HTTP/1.1\r\nHost: ", "to the printer"),
                Piece::Hole(Hole::Target, "the address that is asked"),
                Piece::Octets(
                    b":631\r\nUser-Agent: Fossick\r\nContent-Type: application/ipp\r\nContent-Length: 314\r\nConnection: close\r\n\r\n",
                    "who asks; 314 octets of IPP; nothing else is asked in this connection",
                ),
                Piece::Octets(&[0x01, 0x01, 0x00, 0x0b, 0x00, 0x00, 0x00, 0x01], "IPP 1.1, Get-Printer-Attributes, request 1"),
                Piece::Octets(b"\x01\x47\x00\x12attributes-charset\x00\x05utf-8", "operation attributes: UTF-8"),
                Piece::Octets(b"\x48\x00\x1battributes-natural-language\x00\x02en", "English"),
                Piece::Octets(b"\x45\x00\x0bprinter-uri\x00\x19ipp://localhost/ipp/print", "the printer, as it knows itself"),
                Piece::Octets(b"D\x00\x14requested-attributes\x00\x16printer-make-and-model", "printer-make-and-model"),
                Piece::Octets(b"D\x00\x00\x00\x0cprinter-name", "printer-name"),
                Piece::Octets(b"D\x00\x00\x00\x0cprinter-info", "printer-info"),
                Piece::Octets(b"D\x00\x00\x00\x10printer-location", "printer-location"),
                Piece::Octets(b"D\x00\x00\x00\x13printer-dns-sd-name", "printer-dns-sd-name"),
                Piece::Octets(b"D\x00\x00\x00\x1fprinter-firmware-string-version", "printer-firmware-string-version"),
                Piece::Octets(b"D\x00\x00\x00\x11printer-device-id", "printer-device-id"),
                Piece::Octets(b"D\x00\x00\x00\x0ccups-version", "cups-version"),
                Piece::Octets(&[0x03], "end"),
        ],
        until: Until::Answer,
    }],
    frames: 10,
};

/// Delimiters of groups (RFC 8010 §3.5.1).
const OPERATION: u8 = 1;
const END: u8 = 3;
const PRINTER: u8 = 4;
/// The first attribute of every message: type charset, name of 18 octets (RFC 8011 §4.1.4.1).
const CHARSET: &[u8] = b"\x47\x00\x12attributes-charset";
/// Leaves PJL or enters it: the universal exit language.
const EXIT: &[u8] = b"\x1b%-12345X";
const PJL: &[u8] = b"@PJL";
/// Ends an answer.
const FORM_FEED: u8 = 0x0c;
/// Longest answer that is waited for, and most of a job that is looked at.
const LONGEST: usize = 8192;
/// Printing is in one direction: what follows the head of a job is passed over.
const JOB: u64 = 1 << 40;

/// Version, operation or status, request id, then the charset.
fn recognise_ipp(message: &[u8]) -> Option<Recognition> {
    match *message {
        [1 | 2, 0..=2, _, _, _, _, _, _, OPERATION, ref rest @ ..] => {
            rest.starts_with(CHARSET).then_some(Recognition::STRONG)
        }
        _ => None,
    }
}

/// Attributes of printers in an answer. Where several printers or CUPS answer, they are queues.
fn dissect_ipp(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    if message.from != Role::Server {
        return Ok(());
    }
    let mut rest = message.bytes;
    take(&mut rest, 2, "ipp version")?;
    be16(&mut rest, "ipp status")?;
    be32(&mut rest, "ipp request id")?;
    let body = rest;
    let served = find(body, b"cups-version").is_some()
        || find(body, b"/printers/").is_some()
        || find(body, b"/classes/").is_some();
    let mut group = 0;
    while let Some((tag, after)) = rest.split_first() {
        rest = after;
        if *tag == END {
            break;
        }
        if *tag < 0x10 {
            group = *tag;
            continue;
        }
        // Of a long answer only the front is here.
        let (Ok(name), Ok(value)) = (
            counted16(&mut rest, "ipp name"),
            counted16(&mut rest, "ipp value"),
        ) else {
            break;
        };
        if group == PRINTER {
            attribute(name, value, served, out);
        }
    }
    Ok(())
}

fn attribute(name: &[u8], value: &[u8], served: bool, out: &mut Out<'_>) {
    let key = match name {
        b"cups-version" => CUPS_VERSION,
        b"printer-make-and-model" if served => QUEUE,
        _ if served => return,
        b"printer-make-and-model" => MAKE_AND_MODEL,
        b"printer-name" => PRINTER_NAME,
        b"printer-info" => PRINTER_INFO,
        b"printer-location" => LOCATION,
        b"printer-dns-sd-name" => DNS_SD_NAME,
        b"printer-firmware-string-version" => FIRMWARE,
        b"printer-device-id" => {
            device_id(value, [MANUFACTURER, MODEL, SERIAL_NUMBER], out);
            return;
        }
        _ => return,
    };
    out.say(Subject::Sender, key, value);
}

/// `MFG:HP;MDL:LaserJet M507;CMD:PJL,PCL;SN:CNB1234567;`
fn device_id(text: &[u8], keys: [Key; 3], out: &mut Out<'_>) {
    let [manufacturer, model, serial_number] = keys;
    for field in text.split(|octet| *octet == b';') {
        let mut halves = field.splitn(2, |octet| *octet == b':');
        let (Some(name), Some(value)) = (halves.next(), halves.next()) else {
            continue;
        };
        let key = match name.trim_ascii() {
            b"MFG" | b"MANUFACTURER" => manufacturer,
            b"MDL" | b"MODEL" => model,
            b"SN" | b"SERN" | b"SERIALNUMBER" => serial_number,
            _ => continue,
        };
        out.say(Subject::Sender, key, value);
    }
}

/// The head of a job, which enters PJL, or an answer, which ends in a form feed.
fn frame(input: &[u8]) -> Framed {
    if input.starts_with(EXIT) {
        let rest = input.get(EXIT.len()..).unwrap_or_default();
        return if rest.starts_with(PJL) {
            Ok(Cut {
                length: input.len().min(LONGEST),
                skip: JOB,
            })
        } else if PJL.starts_with(rest) {
            Err(more(EXIT.len().saturating_add(PJL.len()), input))
        } else {
            Err(foreign("pjl", input))
        };
    }
    if input.starts_with(PJL) {
        return match input.iter().position(|octet| *octet == FORM_FEED) {
            Some(end) => Ok(Cut::whole(end.saturating_add(1))),
            None if input.len() < LONGEST => Err(more(input.len().saturating_add(1), input)),
            None => Err(foreign("pjl answer", input)),
        };
    }
    if EXIT.starts_with(input) || PJL.starts_with(input) {
        return Err(more(EXIT.len(), input));
    }
    Err(foreign("pjl", input))
}

fn recognise(message: &[u8]) -> Option<Recognition> {
    if message.starts_with(EXIT) {
        let rest = message.get(EXIT.len()..)?;
        return rest
            .starts_with(PJL)
            .then_some(Recognition::STRONG.from(Role::Client));
    }
    (message.starts_with(b"@PJL ") && message.ends_with(&[FORM_FEED]))
        .then_some(Recognition::STRONG.from(Role::Server))
}

/// An answer repeats the question in its first line.
fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let Some(answer) = message.bytes.strip_prefix(b"@PJL INFO ") else {
        return Ok(());
    };
    let answer = answer.strip_suffix(&[FORM_FEED]).unwrap_or(answer);
    let mut lines = lines(answer).map(<[u8]>::trim_ascii);
    let about = lines.next().unwrap_or_default();
    for line in lines.take(256) {
        match about {
            b"ID" => {
                if find(line, b"MDL:")
                    .or_else(|| find(line, b"MODEL:"))
                    .is_some()
                {
                    device_id(
                        unquoted(line),
                        [PJL_MANUFACTURER, PJL_MODEL, PJL_SERIAL_NUMBER],
                        out,
                    );
                } else {
                    out.say(Subject::Sender, PJL_ID, unquoted(line));
                }
            }
            b"PRODINFO" | b"CONFIG" => detail(line, out),
            _ => {}
        }
    }
    Ok(())
}

/// `SerialNumber = "CNB1234567"`.
fn detail(line: &[u8], out: &mut Out<'_>) {
    let mut halves = line.splitn(2, |octet| *octet == b'=');
    let (Some(name), Some(value)) = (halves.next(), halves.next()) else {
        return;
    };
    let name = name.trim_ascii();
    let key = if name.eq_ignore_ascii_case(b"ProductName") || name == b"MODEL" {
        PJL_MODEL
    } else if name.eq_ignore_ascii_case(b"SerialNumber") || name == b"SERIAL NUMBER" {
        PJL_SERIAL_NUMBER
    } else if name.eq_ignore_ascii_case(b"FirmwareDateCode") {
        PJL_FIRMWARE
    } else {
        return;
    };
    out.say(Subject::Sender, key, unquoted(value.trim_ascii()));
}

fn unquoted(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(b"\"").unwrap_or(text);
    text.strip_suffix(b"\"").unwrap_or(text)
}
