//! XML of nmap (`-oX`): hosts that were up, with their addresses, names and what they were taken for.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::{Approved, Import, ImportError, ip, mac};
use crate::limits::DEEPEST;

/// Guesses of a system that are less sure than this (percent) are left out.
const SURE: u32 = 95;

/// Reads a report; of one that was cut off, the hosts before.
pub(super) fn read(text: &str) -> Result<Import, ImportError> {
    let mut reader = Reader::from_str(text);
    // Lines are counted as the reader goes on.
    let (mut counted, mut lines) = (0_usize, 1_u64);
    let mut line = |at: u64| {
        let at = usize::try_from(at).unwrap_or(usize::MAX).min(text.len());
        let since = text.as_bytes().get(counted..at).unwrap_or_default();
        let new = since.split(|octet| *octet == b'\n').skip(1).count();
        counted = counted.max(at);
        lines = lines.saturating_add(u64::try_from(new).unwrap_or_default());
        lines
    };
    let mut import = Import::default();
    let mut host: Option<(Result<Approved, String>, bool)> = None;
    let (mut depth, mut is_nmap) = (0_usize, false);
    loop {
        let at = line(reader.buffer_position());
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) if is_nmap => {
                import.refuse(at, format!("not read from here on: {error}"));
                break;
            }
            Err(error) => {
                let reason = error.to_string();
                return Err(ImportError::Syntax { line: at, reason });
            }
        };
        match event {
            Event::Start(element) | Event::Empty(element)
                if element.name().as_ref() == "nmaprun" =>
            {
                is_nmap = true;
                depth = depth.saturating_add(1);
            }
            Event::Start(element) => {
                depth = depth.saturating_add(1);
                if depth > DEEPEST {
                    let reason = format!("elements more than {DEEPEST} deep");
                    return Err(ImportError::Syntax { line: at, reason });
                }
                if element.name().as_ref() == "host" {
                    let begun = Approved {
                        line: at,
                        ..Approved::default()
                    };
                    host = Some((Ok(begun), true));
                } else {
                    tell(&mut host, &element);
                }
            }
            Event::Empty(element) => tell(&mut host, &element),
            Event::End(element) => {
                depth = depth.saturating_sub(1);
                if element.name().as_ref() == "host"
                    && let Some((approved, up)) = host.take()
                    && up
                {
                    let at = approved.as_ref().map_or(at, |approved| approved.line);
                    import.take(at, approved);
                }
            }
            Event::Eof => {
                if depth > 0 && is_nmap {
                    import.refuse(at, "the file ends in the middle".to_owned());
                }
                break;
            }
            _ => {}
        }
    }
    if is_nmap {
        Ok(import)
    } else {
        Err(ImportError::NotNmap)
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element.try_get_attribute(name).ok().flatten()?;
    let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(value.into_owned())
}

/// What an element inside a host says of it.
fn tell(host: &mut Option<(Result<Approved, String>, bool)>, element: &BytesStart<'_>) {
    let Some((told, up)) = host else { return };
    let Ok(approved) = told else { return };
    match element.name().as_ref() {
        "status" => *up = attribute(element, "state").is_none_or(|state| state == "up"),
        "address" => {
            let address = attribute(element, "addr").unwrap_or_default();
            let is_mac = attribute(element, "addrtype").is_some_and(|kind| kind == "mac");
            if is_mac {
                match mac(&address) {
                    Some(mac) => approved.macs.push(mac),
                    None => *told = Err(format!("`{address}` is no hardware address")),
                }
            } else {
                match ip(&address) {
                    Some(ip) => approved.ips.push(ip),
                    None => *told = Err(format!("`{address}` is no IP address")),
                }
            }
        }
        "hostname" if approved.name.is_none() => approved.name = attribute(element, "name"),
        "osmatch" if approved.os.is_none() => {
            let sure = attribute(element, "accuracy").and_then(|text| text.parse::<u32>().ok());
            if sure.is_some_and(|sure| sure >= SURE) {
                approved.os = attribute(element, "name");
            }
        }
        _ => {}
    }
}
