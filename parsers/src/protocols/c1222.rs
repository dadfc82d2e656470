//! Meters and their collectors: ANSI C12.22 titles, identification and registration.
//!
//! Spec: ANSI C12.22-2012 (IEEE Std 1703-2012) §5.3.2 (ACSE and EPSEM), §5.3.2.4.1 (identification), §5.3.2.4.8 (registration).
//! Tables and passwords are never read.

use crate::ber::{Element, Oid, element, elements, expect};
use crate::octets::{foreign, head, more, octet, take, whole};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, finish};
use crate::statement::{Key, Out, Subject};
use crate::text::is_printable;

/// Title of an application process, absolute or relative to C12.22's own root: `.64.10001`.
pub const AP_TITLE: Key = Key("c1222.ap_title");
/// Class of the end device: four characters of its manufacturer.
pub const DEVICE_CLASS: Key = Key("c1222.device_class");
/// Serial number in a registration, as an object identifier.
pub const SERIAL_NUMBER: Key = Key("c1222.serial_number");
/// Standard, version and revision in an identification: `3 1.0`.
pub const STANDARD: Key = Key("c1222.standard");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "c1222",
    spec: "ANSI C12.22-2012",
    carriers: &[Carrier::Tcp(1153), Carrier::Udp(1153)],
    keys: &[AP_TITLE, DEVICE_CLASS, SERIAL_NUMBER, STANDARD],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Longer messages hold tables.
const LONGEST: usize = 60_000;
const CALLED: u8 = 0xa2;
const CALLING: u8 = 0xa6;
const USER_INFORMATION: u8 = 0xbe;
const IDENTIFY: u8 = 0x20;
const REGISTER: u8 = 0x27;

fn frame(input: &[u8]) -> Framed {
    let [tag, first] = head::<2>(input)?;
    if tag != 0x60 {
        return Err(foreign("c12.22 message", input));
    }
    let length = match first {
        0..=0x7f => usize::from(first).saturating_add(2),
        0x81 => match input.get(2) {
            Some(length) => usize::from(*length).saturating_add(3),
            None => return Err(more(3, input)),
        },
        0x82 => match input.get(2..4) {
            Some([high, low]) => usize::from(u16::from_be_bytes([*high, *low])).saturating_add(4),
            _ => return Err(more(4, input)),
        },
        _ => return Err(foreign("c12.22 length", input)),
    };
    if length > LONGEST {
        return Err(foreign("c12.22 length", input));
    }
    whole(input, length)
}

/// An ACSE message whose octets all belong to elements of C12.22: titles that are universal or relative identifiers, and EPSEM.
/// DLMS has an application context (0xa1) in front, which C12.22 names by an identifier below its root, if at all.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let (rest, body) = finish(expect(0x60, "c12.22 message", message)).ok()?;
    if !rest.is_empty() {
        return None;
    }
    let (mut titles, mut carries, mut octets) = (0_u8, false, 0_usize);
    for field in elements(body) {
        let header = if field.value.len() < 0x80 {
            2
        } else if field.value.len() < 0x100 {
            3
        } else {
            4
        };
        octets = octets
            .saturating_add(field.value.len())
            .saturating_add(header);
        match field.tag {
            0xa1 => {
                // 2.16.124.113620.1.22
                field
                    .value
                    .strip_prefix(&[0x06])?
                    .get(1..)?
                    .strip_prefix(&ROOT)?;
            }
            CALLED | CALLING => {
                title(field)?;
                titles = titles.saturating_add(1);
            }
            USER_INFORMATION => carries = epsem(field.value).is_some(),
            0xa4 | 0xa7..=0xa9 | 0xab | 0xac | 0x8b => {}
            _ => return None,
        }
    }
    (titles > 0 && carries && octets == body.len()).then_some(Recognition::STRONG)
}

/// 2.16.124.113620.1.22, the root of C12.22.
const ROOT: [u8; 8] = [0x60, 0x7c, 0x86, 0xf7, 0x54, 0x01, 0x16, 0x00];

/// An application process title: an absolute (0x06) or a relative (0x80, 0x0d) object identifier.
fn title(field: Element<'_>) -> Option<Element<'_>> {
    let (rest, title) = finish(element(field.value)).ok()?;
    let fits = rest.is_empty() && !title.value.is_empty();
    (fits && matches!(title.tag, 0x06 | 0x0d | 0x80)).then_some(title)
}

/// EPSEM: in an external (0x28), octets (0x81); the first one's top bit is reserved and set.
fn epsem(information: &[u8]) -> Option<&[u8]> {
    let (_, external) = finish(expect(0x28, "external", information)).ok()?;
    let octets = elements(external).find(|field| field.tag == 0x81)?.value;
    octets
        .first()
        .is_some_and(|flags| flags & 0x80 != 0)
        .then_some(octets)
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let (_, body) = finish(expect(0x60, "c12.22 message", message.bytes))?;
    let mut held = None;
    for field in elements(body) {
        let subject = match field.tag {
            CALLING => Subject::Sender,
            CALLED => Subject::Receiver,
            USER_INFORMATION => {
                held = epsem(field.value);
                continue;
            }
            _ => continue,
        };
        if let Some(title) = title(field) {
            identifier(subject, AP_TITLE, title, out);
        }
    }
    match held {
        Some(octets) => services(octets, message.asked, out),
        None => Ok(()),
    }
}

/// An identifier in dotted form; a relative one begins with a dot.
fn identifier(subject: Subject, key: Key, id: Element<'_>, out: &mut Out<'_>) {
    if id.tag == 0x06 {
        out.text(subject, key, id.value, format_args!("{}", Oid(id.value)));
    } else {
        let relative = Relative(id.value);
        out.text(subject, key, id.value, format_args!("{relative}"));
    }
}

/// Displays a relative object identifier with a dot before each arc.
struct Relative<'a>(&'a [u8]);

impl std::fmt::Display for Relative<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut arc = 0_u64;
        for octet in self.0 {
            arc = arc.wrapping_shl(7) | u64::from(octet & 0x7f);
            if octet & 0x80 == 0 {
                write!(f, ".{arc}")?;
                arc = 0;
            }
        }
        Ok(())
    }
}

/// Flags, the class of the end device where they say so, then counted services; encrypted ones are not read.
fn services(octets: &[u8], asked: Option<&[u8]>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = octets;
    let flags = octet(&mut rest, "epsem flags")?;
    if flags & 0x10 != 0 {
        let class = take(&mut rest, 4, "device class")?;
        if is_printable(class) {
            out.say(Subject::Sender, DEVICE_CLASS, class);
        }
    }
    if flags & 0x0c != 0 {
        return Ok(());
    }
    // One octet of length is all that identities need.
    let length = octet(&mut rest, "epsem length")?;
    if length >= 0x80 {
        return Ok(());
    }
    let mut service = take(&mut rest, length.into(), "epsem service")?;
    match octet(&mut service, "epsem code")? {
        REGISTER => registration(service, out),
        0x00 if asked.is_some_and(is_identify) => {
            let octets = service.get(..3).unwrap_or_default();
            let [standard, version, revision] = *octets else {
                return Ok(());
            };
            out.text(
                Subject::Sender,
                STANDARD,
                octets,
                format_args!("{standard} {version}.{revision}"),
            );
            Ok(())
        }
        _ => Ok(()),
    }
}

fn is_identify(message: &[u8]) -> bool {
    let Ok((_, body)) = finish(expect(0x60, "c12.22 message", message)) else {
        return false;
    };
    let information = elements(body).find(|field| field.tag == USER_INFORMATION);
    matches!(
        information.and_then(|field| epsem(field.value)),
        Some([_, 1, IDENTIFY, ..])
    )
}

/// Node type, connection type, device class; then the node's title and its serial number.
fn registration(service: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = service;
    take(&mut rest, 2, "node type")?;
    let class = take(&mut rest, 4, "device class")?;
    if is_printable(class) {
        out.say(Subject::Sender, DEVICE_CLASS, class);
    }
    let (rest, title) = finish(element(rest))?;
    if matches!(title.tag, 0x06 | 0x0d | 0x80) {
        identifier(Subject::Sender, AP_TITLE, title, out);
    }
    let (_, serial) = finish(element(rest))?;
    if matches!(serial.tag, 0x06 | 0x0d | 0x80) {
        identifier(Subject::Sender, SERIAL_NUMBER, serial, out);
    }
    Ok(())
}
