//! Web Services Dynamic Discovery: what printers, cameras, computers and medical devices announce of themselves,
//! and the descriptions they give over HTTP.
//!
//! Spec: OASIS WS-Discovery 1.1 and its forerunner of April 2005 (Hello, Probe, Resolve and their matches), DPWS 1.1 §5
//! (`ThisDevice`, `ThisModel`), ONVIF Core §7.3 (scopes) and §8.1 (`GetDeviceInformation`),
//! IEEE 11073-20701 §9 and 11073-20702 (SDC: scopes and types of medical devices), IEEE 11073-10207 (`MetaData`).

use std::fmt;

use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::find;

use super::http;

/// A type of the device, without its namespace: `NetworkVideoTransmitter`, `PrintDeviceType`, `Computer`.
pub const TYPE: Key = Key("ws-discovery.type");
/// Name of the endpoint, a URN that stays.
pub const ENDPOINT: Key = Key("ws-discovery.endpoint");
/// Where the device describes itself.
pub const TRANSPORT_ADDRESS: Key = Key("ws-discovery.transport_address");
/// ONVIF scope `hardware`: the model.
pub const HARDWARE: Key = Key("ws-discovery.onvif_hardware");
/// ONVIF scope `name`.
pub const NAME: Key = Key("ws-discovery.onvif_name");
/// ONVIF scope `location`.
pub const LOCATION: Key = Key("ws-discovery.onvif_location");
/// ONVIF scopes `manufacturer` and `mfr`, which some cameras add.
pub const MANUFACTURER: Key = Key("ws-discovery.onvif_manufacturer");
/// Name and domain or workgroup of a computer: `HOST/Workgroup:NAME`.
pub const COMPUTER: Key = Key("ws-discovery.computer");
/// What publishes a computer: the model name of that description, which is none of the device's.
pub const PUBLISHER: Key = Key("ws-discovery.publisher");

/// Type of a medical device, a code of IEEE 11073-10101.
pub const SDC_TYPE: Key = Key("sdc.device_type");
/// Purpose for which a medical device offers its services, an object identifier.
pub const SDC_PURPOSE: Key = Key("sdc.key_purpose");
/// Where a medical device is associated to stand: facility, point of care, room, bed …
pub const SDC_LOCATION: Key = Key("sdc.location");
/// Manufacturer in the description of a medical device.
pub const SDC_MANUFACTURER: Key = Key("sdc.manufacturer");
/// Model name in it.
pub const SDC_MODEL_NAME: Key = Key("sdc.model_name");
/// Model number in it.
pub const SDC_MODEL_NUMBER: Key = Key("sdc.model_number");
/// Serial number in it.
pub const SDC_SERIAL_NUMBER: Key = Key("sdc.serial_number");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "ws-discovery",
    spec: "OASIS WS-Discovery 1.1",
    carriers: &[Carrier::Udp(3702)],
    keys: &[
        TYPE,
        ENDPOINT,
        TRANSPORT_ADDRESS,
        HARDWARE,
        NAME,
        LOCATION,
        MANUFACTURER,
        COMPUTER,
        PUBLISHER,
    ],
    frame: None,
    recognise,
    operation: None,
    probes: &[
        PROBE,
        PROBE_1_1,
        PROBE_SEGMENT,
        PROBE_DEVICES_SEGMENT,
        PROBE_1_1_SEGMENT,
    ],
    dissect,
};

/// Registration of service-oriented device connectivity, the medical devices' own use of it.
pub static SDC: Protocol = Protocol {
    name: "sdc",
    spec: "IEEE 11073-20701",
    carriers: &[Carrier::Inside("ws-discovery"), Carrier::Inside("http")],
    keys: &[
        SDC_TYPE,
        SDC_PURPOSE,
        SDC_LOCATION,
        SDC_MANUFACTURER,
        SDC_MODEL_NAME,
        SDC_MODEL_NUMBER,
        SDC_SERIAL_NUMBER,
    ],
    frame: None,
    recognise: |message| {
        // Its types, its key purposes, its participant model: each a name that nobody else uses.
        let marks: [&[u8]; 3] = [b"11073-20702-2016", b"sdc.mds.pkp:", b"11073-10207-2017"];
        let marked = marks.iter().any(|mark| find(message, mark).is_some());
        marked.then_some(Recognition::STRONG)
    },
    operation: None,
    probes: &[],
    dissect: dissect_sdc,
};

/// An id that is new each time: an envelope that was heard before is passed over (WS-Discovery §3.1).
const MESSAGE_ID: [Piece; 9] = [
    Piece::Hole(Hole::RandomText { digits: 8 }, "message id"),
    Piece::Octets(b"-", "-"),
    Piece::Hole(Hole::RandomText { digits: 4 }, "message id"),
    Piece::Octets(b"-4", "of version 4"),
    Piece::Hole(Hole::RandomText { digits: 3 }, "message id"),
    Piece::Octets(b"-8", "of variant 8"),
    Piece::Hole(Hole::RandomText { digits: 3 }, "message id"),
    Piece::Octets(b"-", "-"),
    Piece::Hole(Hole::RandomText { digits: 12 }, "message id"),
];
const BEGIN: Piece = Piece::Octets(
    b"<?xml version=\"1.0\" encoding=\"utf-8\"?>\
      <soap:Envelope xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\" \
      xmlns:wsa=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
      xmlns:wsd=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\"><soap:Header>\
      <wsa:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</wsa:To>\
      <wsa:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</wsa:Action>\
      <wsa:MessageID>urn:uuid:",
    "an envelope for all: Probe, as of April 2005",
);
const BEGIN_1_1: Piece = Piece::Octets(
    b"<?xml version=\"1.0\" encoding=\"utf-8\"?>\
      <soap:Envelope xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\" \
      xmlns:wsa=\"http://www.w3.org/2005/08/addressing\" \
      xmlns:wsd=\"http://docs.oasis-open.org/ws-dd/ns/discovery/2009/01\"><soap:Header>\
      <wsa:To>urn:docs-oasis-open-org:ws-dd:ns:discovery:2009:01</wsa:To>\
      <wsa:Action>http://docs.oasis-open.org/ws-dd/ns/discovery/2009/01/Probe</wsa:Action>\
      <wsa:MessageID>urn:uuid:",
    "an envelope for all: Probe, version 1.1",
);
const END: Piece = Piece::Octets(
    b"</wsa:MessageID></soap:Header><soap:Body><wsd:Probe/></soap:Body></soap:Envelope>",
    "of any type, in any scope",
);
const END_DEVICES: Piece = Piece::Octets(
    b"</wsa:MessageID></soap:Header><soap:Body><wsd:Probe>\
      <wsd:Types xmlns:wsdp=\"http://schemas.xmlsoap.org/ws/2006/02/devprof\">wsdp:Device</wsd:Types>\
      </wsd:Probe></soap:Body></soap:Envelope>",
    "devices of the profile for web services, in any scope",
);
const fn envelope(begin: Piece, end: Piece) -> [Piece; 11] {
    let [a, b, c, d, e, f, g, h, i] = MESSAGE_ID;
    [begin, a, b, c, d, e, f, g, h, i, end]
}
const ASK: [Piece; 11] = envelope(BEGIN, END);
const ASK_DEVICES: [Piece; 11] = envelope(BEGIN, END_DEVICES);
const ASK_1_1: [Piece; 11] = envelope(BEGIN_1_1, END);

/// §5.2, to one device (directed): printers, cameras and computers.
const PROBE: Probe = Probe {
    name: "probe",
    asks: &[TYPE, ENDPOINT, TRANSPORT_ADDRESS],
    carrier: Carrier::Udp(3702),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &ASK,
        until: Until::Answer,
    }],
    frames: 1,
};
/// The same by type, as Windows asks: what serves files to it often answers to nothing else.
const PROBE_DEVICES_SEGMENT: Probe = Probe {
    name: "probe for devices (multicast)",
    reach: Reach::Segment,
    steps: &[Step {
        sends: &ASK_DEVICES,
        until: Until::Quiet,
    }],
    ..PROBE
};
/// The same in version 1.1, which medical devices speak.
const PROBE_1_1: Probe = Probe {
    name: "probe (1.1)",
    steps: &[Step {
        sends: &ASK_1_1,
        until: Until::Answer,
    }],
    ..PROBE
};
const PROBE_SEGMENT: Probe = Probe {
    name: "probe (multicast)",
    reach: Reach::Segment,
    steps: &[Step {
        sends: &ASK,
        until: Until::Quiet,
    }],
    ..PROBE
};
const PROBE_1_1_SEGMENT: Probe = Probe {
    name: "probe (1.1, multicast)",
    reach: Reach::Segment,
    steps: &[Step {
        sends: &ASK_1_1,
        until: Until::Quiet,
    }],
    ..PROBE
};

/// Tag of a medical device's description, exactly so: the exchange of metadata has an element that differs in case.
const DESCRIPTION: &[u8] = b":MetaData>";
/// The namespaces of the two versions.
const NAMESPACES: [&[u8]; 2] = [
    b"schemas.xmlsoap.org/ws/2005/04/discovery",
    b"docs.oasis-open.org/ws-dd/ns/discovery/2009/01",
];
/// The device profile's namespaces, in which devices describe themselves.
const PROFILES: [&[u8]; 2] = [
    b"schemas.xmlsoap.org/ws/2006/02/devprof",
    b"docs.oasis-open.org/ws-dd/ns/dpws/2009/01",
];

/// An envelope of XML that uses the namespace; its action shows who sends such a one.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let text = message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message);
    if !matches!(
        text.trim_ascii_start(),
        [b'<', b'?' | b'a'..=b'z' | b'A'..=b'Z', ..]
    ) {
        return None;
    }
    let uses = NAMESPACES.iter().any(|name| find(text, name).is_some());
    if !uses || find(text, b"Envelope").is_none() {
        return None;
    }
    let found = Recognition::STRONG;
    Some(match element(text, b"Action") {
        Some(action) if action.ends_with(b"Matches") => found.from(Role::Server),
        Some(action) if action.ends_with(b"/Probe") || action.ends_with(b"/Resolve") => {
            found.from(Role::Client)
        }
        _ => found,
    })
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let body = message.bytes;
    let action = element(body, b"Action").unwrap_or_default();
    let announces = [&b"/Hello"[..], b"/ProbeMatches", b"/ResolveMatches"]
        .iter()
        .any(|end| action.ends_with(end));
    // A proxy answers for many; what it says is about others.
    if announces && count(body, b"ProbeMatch") <= 1 && !relayed(body) {
        device(body, out);
        return out.carried(&SDC, message.part(body));
    }
    if action.ends_with(b"/Probe") {
        // Who looks for medical devices in this way speaks as they do; what it looks for is not its own.
        let types = element(body, b"Types").unwrap_or_default();
        return out.carried(&SDC, message.part(types));
    }
    Ok(())
}

/// Whether the sender calls itself a discovery proxy, or target of others.
fn relayed(body: &[u8]) -> bool {
    element(body, b"Types").is_some_and(|types| find(types, b"DiscoveryProxy").is_some())
}

fn device(body: &[u8], out: &mut Out<'_>) {
    if let Some(reference) = open(body, b"EndpointReference")
        && let Some(address) = element(reference, b"Address")
    {
        out.say(Subject::Sender, ENDPOINT, address);
    }
    for name in words(element(body, b"Types")) {
        // The prefix is the sender's choice.
        let local = name.rsplit(|c| *c == b':').next().unwrap_or(name);
        out.say(Subject::Sender, TYPE, local);
    }
    for address in words(element(body, b"XAddrs")) {
        out.say(Subject::Sender, TRANSPORT_ADDRESS, address);
    }
    for scope in words(element(body, b"Scopes")) {
        let Some(path) = scope.strip_prefix(b"onvif://www.onvif.org/") else {
            continue;
        };
        let Some(at) = path.iter().position(|c| *c == b'/') else {
            continue;
        };
        let (category, value) = path.split_at_checked(at).unwrap_or_default();
        let value = value.strip_prefix(b"/").unwrap_or_default();
        let key = match category {
            b"hardware" => HARDWARE,
            b"name" => NAME,
            b"location" => LOCATION,
            b"manufacturer" | b"mfr" => MANUFACTURER,
            _ => continue,
        };
        if !value.is_empty() {
            let text = Percent(value);
            out.text(Subject::Sender, key, value, format_args!("{text}"));
        }
    }
}

/// A description in the body of an HTTP response: of a device of this profile, or of an ONVIF camera. Whether it was one.
///
/// # Errors
/// Those of the medical description in it.
pub(crate) fn description(
    message: Message<'_>,
    body: &[u8],
    out: &mut Out<'_>,
) -> Result<bool, Fault> {
    if find(body, b"Envelope").is_none() {
        return Ok(false);
    }
    let profile = PROFILES.iter().any(|name| find(body, name).is_some());
    if profile && let Some(computer) = element(body, b"Computer") {
        // The description is that of the publishing program; every such computer has the same.
        xml(COMPUTER, computer, out);
        if let Some(publisher) = element(body, b"ModelName") {
            xml(PUBLISHER, publisher, out);
        }
        return Ok(true);
    }
    let elements: &[(&[u8], Key)] = if profile && find(body, b"ThisModel").is_some() {
        &[
            (b"Manufacturer", http::MANUFACTURER),
            (b"ModelName", http::MODEL_NAME),
            (b"ModelNumber", http::MODEL_NUMBER),
            (b"FriendlyName", http::FRIENDLY_NAME),
            (b"FirmwareVersion", http::FIRMWARE_VERSION),
            (b"SerialNumber", http::SERIAL_NUMBER),
        ]
    } else if find(body, b"GetDeviceInformationResponse").is_some() {
        &[
            (b"Manufacturer", http::MANUFACTURER),
            (b"Model", http::MODEL_NAME),
            (b"FirmwareVersion", http::FIRMWARE_VERSION),
            (b"SerialNumber", http::SERIAL_NUMBER),
        ]
    } else {
        out.carried(&SDC, message.part(body))?;
        return Ok((SDC.recognise)(body).is_some());
    };
    for (name, key) in elements {
        if let Some(value) = element(body, name) {
            xml(*key, value, out);
        }
    }
    out.carried(&SDC, message.part(body))?;
    Ok(true)
}

/// Scopes of an announcement, or the description of the device in an answer. Nothing of patients, operators or alarms.
fn dissect_sdc(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let body = message.bytes;
    for scope in words(element(body, b"Scopes")) {
        if let Some(code) = scope.strip_prefix(b"sdc.cdc.type:") {
            // Coding system, its version, the code; the first two are empty for 11073-10101.
            if let Some(code) = code.strip_prefix(b"///") {
                out.say(Subject::Sender, SDC_TYPE, code);
            }
        } else if let Some(purpose) = scope.strip_prefix(b"sdc.mds.pkp:") {
            out.say(Subject::Sender, SDC_PURPOSE, purpose);
        } else if scope.starts_with(b"sdc.ctxt.loc:")
            && let Some(at) = scope.iter().position(|c| *c == b'?')
        {
            let query = scope.get(at.saturating_add(1)..).unwrap_or_default();
            let place = Place(query);
            out.text(
                Subject::Sender,
                SDC_LOCATION,
                query,
                format_args!("{place}"),
            );
        }
    }
    let edge = |text: &[u8]| {
        let mut windows = text.windows(DESCRIPTION.len());
        windows.position(|window| window == DESCRIPTION)
    };
    if let Some(at) = edge(body) {
        let rest = body.get(at.saturating_add(1)..).unwrap_or_default();
        let description = rest.get(..edge(rest).unwrap_or_default());
        let description = description.unwrap_or_default();
        for (name, key) in [
            (&b"Manufacturer"[..], SDC_MANUFACTURER),
            (b"ModelName", SDC_MODEL_NAME),
            (b"ModelNumber", SDC_MODEL_NUMBER),
            (b"SerialNumber", SDC_SERIAL_NUMBER),
        ] {
            if let Some(value) = element(description, name) {
                xml(key, value, out);
            }
        }
    }
    Ok(())
}

fn xml(key: Key, value: &[u8], out: &mut Out<'_>) {
    let text = Unescaped(value);
    out.text(Subject::Sender, key, value, format_args!("{text}"));
}

/// The words of a list, separated by white space.
fn words(list: Option<&[u8]>) -> impl Iterator<Item = &[u8]> {
    list.unwrap_or_default()
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// Where the content of the first element of this local name begins, whatever its prefix; `None` past the last.
fn open<'a>(xml: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = xml;
    loop {
        let at = find(rest, name)?;
        let (head, after) = rest.split_at_checked(at)?;
        let after = after.get(name.len()..)?;
        let tag = head
            .rsplit(|c| *c == b'<')
            .next()
            .filter(|tag| tag.len() < head.len());
        let opens = match tag {
            Some([]) => true,
            Some([prefix @ .., b':']) => prefix
                .iter()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.')),
            _ => false,
        };
        if opens && matches!(after.first(), Some(b'>' | b' ' | b'\t' | b'\r' | b'\n')) {
            let close = after.iter().position(|c| *c == b'>')?;
            let (attributes, content) = after.split_at_checked(close)?;
            if !attributes.ends_with(b"/") {
                return content.get(1..);
            }
        }
        rest = after;
    }
}

/// The text of the first element of this local name.
fn element<'a>(xml: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let content = open(xml, name)?;
    let end = content.iter().position(|c| *c == b'<')?;
    content.get(..end).map(<[u8]>::trim_ascii)
}

/// How many elements of this local name there are, at most two.
fn count(xml: &[u8], name: &[u8]) -> usize {
    match open(xml, name) {
        None => 0,
        Some(rest) if open(rest, name).is_none() => 1,
        Some(_) => 2,
    }
}

/// Displays the text of an element, the five entities of XML replaced.
struct Unescaped<'a>(&'a [u8]);

impl fmt::Display for Unescaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ENTITIES: [(&[u8], &str); 5] = [
            (b"&amp;", "&"),
            (b"&lt;", "<"),
            (b"&gt;", ">"),
            (b"&quot;", "\""),
            (b"&apos;", "'"),
        ];
        let mut rest = self.0;
        while let Some(at) = rest.iter().position(|c| *c == b'&') {
            let (before, after) = rest.split_at_checked(at).unwrap_or_default();
            crate::text::Text(before).fmt(f)?;
            let known = ENTITIES
                .iter()
                .find_map(|(entity, text)| Some((after.strip_prefix(*entity)?, *text)));
            let (after, text) = known.unwrap_or((after.get(1..).unwrap_or_default(), "&"));
            f.write_str(text)?;
            rest = after;
        }
        crate::text::Text(rest).fmt(f)
    }
}

/// Displays a part of a URI, its escapes (RFC 3986 §2.1) replaced.
struct Percent<'a>(&'a [u8]);

impl fmt::Display for Percent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |c: u8| {
            char::from(c)
                .to_digit(16)
                .and_then(|n| u8::try_from(n).ok())
        };
        let mut rest = self.0;
        // Octets of a character that is not whole yet.
        let (mut held, mut length) = ([0_u8; 4], 0_usize);
        loop {
            let escaped = match rest {
                [b'%', high, low, ..] => digit(*high).zip(digit(*low)),
                _ => None,
            };
            let (octet, length_here) = match (escaped, rest.first()) {
                (Some((high, low)), _) => (high << 4 | low, 3),
                (None, Some(octet)) => (*octet, 1),
                (None, None) => break,
            };
            rest = rest.get(length_here..).unwrap_or_default();
            if let Some(place) = held.get_mut(length) {
                *place = octet;
            }
            length = length.saturating_add(1);
            match std::str::from_utf8(held.get(..length).unwrap_or_default()) {
                Ok(text) => {
                    f.write_str(text)?;
                    length = 0;
                }
                Err(error) if error.error_len().is_some() || length >= 4 => {
                    f.write_str("\u{fffd}")?;
                    length = 0;
                }
                Err(_) => {}
            }
        }
        if length > 0 {
            f.write_str("\u{fffd}")?;
        }
        Ok(())
    }
}

/// Displays the values of a query, joined by commas.
struct Place<'a>(&'a [u8]);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for pair in self.0.split(|c| *c == b'&') {
            let value = pair.splitn(2, |c| *c == b'=').nth(1).unwrap_or_default();
            // In XML the ampersand is an entity, of which this end stays.
            if value.is_empty() {
                continue;
            }
            if !first {
                f.write_str(",")?;
            }
            first = false;
            Percent(value).fmt(f)?;
        }
        Ok(())
    }
}
