//! Hypertext Transfer Protocol: products named in heads, and documents in which devices describe themselves.
//!
//! Spec: RFC 9110, RFC 9112 (HTTP/1.1); `UPnP` Device Architecture 2.0 §2.3 (description);
//! HNAP 1.2 (`GetDeviceSettings`). Credentials, cookies and paths are never read.

use crate::octets::{foreign, more};
use crate::operation::Operation;
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{between, find, header, lines};

use super::printing;

/// `Server` of a response.
pub const SERVER: Key = Key("http.server");
/// `User-Agent` of a request.
pub const USER_AGENT: Key = Key("http.user_agent");
/// `X-Powered-By` of a response.
pub const POWERED_BY: Key = Key("http.powered_by");
/// Realm of an authentication challenge.
pub const REALM: Key = Key("http.realm");
/// Title of a page.
pub const TITLE: Key = Key("http.title");
/// `UPnP` and HNAP: who makes the device.
pub const MANUFACTURER: Key = Key("http.manufacturer");
/// `UPnP` and HNAP: model name.
pub const MODEL_NAME: Key = Key("http.model_name");
/// `UPnP`: model number.
pub const MODEL_NUMBER: Key = Key("http.model_number");
/// `UPnP` and HNAP: model description.
pub const MODEL_DESCRIPTION: Key = Key("http.model_description");
/// `UPnP`: name given by the user or the maker.
pub const FRIENDLY_NAME: Key = Key("http.friendly_name");
/// `UPnP`: serial number.
pub const SERIAL_NUMBER: Key = Key("http.serial_number");
/// `UPnP`: device type.
pub const DEVICE_TYPE: Key = Key("http.device_type");
/// HNAP: firmware version.
pub const FIRMWARE_VERSION: Key = Key("http.firmware_version");
/// Name and version in a small JSON document about the system itself: `Orthanc 1.10.1`.
pub const SYSTEM: Key = Key("http.system");

/// A name and a password came in the clear (RFC 7617): `basic`. Said of the server; neither is read.
pub const LOGIN: Key = Key("http.login");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "http",
    spec: "RFC 9112",
    carriers: &[
        Carrier::Tcp(80),
        Carrier::Tcp(8080),
        Carrier::Tcp(8000),
        Carrier::Tcp(8008),
        Carrier::Tcp(631),
        Carrier::Tcp(5985),
    ],
    keys: &[
        SERVER,
        USER_AGENT,
        POWERED_BY,
        REALM,
        TITLE,
        MANUFACTURER,
        MODEL_NAME,
        MODEL_NUMBER,
        MODEL_DESCRIPTION,
        FRIENDLY_NAME,
        SERIAL_NUMBER,
        DEVICE_TYPE,
        FIRMWARE_VERSION,
        SYSTEM,
        LOGIN,
    ],
    frame: Some(frame),
    recognise,
    operation: Some(operation),
    probes: &[
        GET_START_PAGE,
        GET_START_PAGE_8080,
        GET_DESCRIPTION,
        GET_SYSTEM,
        GET_SETTINGS,
        printing::GET_PRINTER_ATTRIBUTES,
    ],
    dissect,
};

/// The address that was asked (RFC 9112 §3.2), who asks, and that nothing else is asked in this connection (§9.6).
const HOST: Piece = Piece::Hole(Hole::Target, "the address that is asked");
const HEAD: Piece = Piece::Octets(
    b"\r\nUser-Agent: Fossick\r\nAccept: */*\r\nConnection: close\r\n\r\n",
    "who asks; anything is welcome; nothing else is asked in this connection",
);

/// The page that a browser would be shown first, and the head that goes before it.
const GET_START_PAGE: Probe = Probe {
    name: "get /",
    asks: &[SERVER, REALM, TITLE],
    carrier: Carrier::Tcp(80),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[
            Piece::Octets(b"GET / HTTP/1.1\r\nHost: ", "the start page"),
            HOST,
            HEAD,
        ],
        until: Until::Answer,
    }],
    // A page of the length that is read comes in a dozen segments, each of which may be acknowledged.
    frames: 18,
};

/// The same at the second port of web servers.
const GET_START_PAGE_8080: Probe = Probe {
    name: "get / (port 8080)",
    carrier: Carrier::Tcp(8080),
    ..GET_START_PAGE
};

/// `UPnP` description where lamps, gateways and media devices commonly have it.
const GET_DESCRIPTION: Probe = Probe {
    name: "get /description.xml",
    asks: &[MANUFACTURER, MODEL_NAME, MODEL_NUMBER, SERIAL_NUMBER],
    steps: &[Step {
        sends: &[
            Piece::Octets(
                b"GET /description.xml HTTP/1.1\r\nHost: ",
                "the device's description of itself",
            ),
            HOST,
            HEAD,
        ],
        until: Until::Answer,
    }],
    ..GET_START_PAGE
};

/// What the imaging server Orthanc says of itself to whoever may ask.
const GET_SYSTEM: Probe = Probe {
    name: "get /system (port 8042)",
    asks: &[SYSTEM],
    carrier: Carrier::Tcp(8042),
    steps: &[Step {
        sends: &[
            Piece::Octets(
                b"GET /system HTTP/1.1\r\nHost: ",
                "name and version of the system",
            ),
            HOST,
            HEAD,
        ],
        until: Until::Answer,
    }],
    ..GET_START_PAGE
};

/// HNAP 1.2 §4.1: without a body it is `GetDeviceSettings`.
const GET_SETTINGS: Probe = Probe {
    name: "get /HNAP1/",
    asks: &[MANUFACTURER, MODEL_NAME, FIRMWARE_VERSION],
    // Known from attacks on home routers, some of which it has crashed.
    safety: Safety::Intrusive,
    steps: &[Step {
        sends: &[
            Piece::Octets(
                b"GET /HNAP1/ HTTP/1.1\r\nHost: ",
                "settings of a home router",
            ),
            HOST,
            HEAD,
        ],
        until: Until::Answer,
    }],
    ..GET_START_PAGE
};

/// Methods of RFC 9110 §9, RFC 5789, `WebDAV`, `UPnP` and IPP printers' clients.
const METHODS: [&[u8]; 14] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"OPTIONS ",
    b"DELETE ",
    b"PATCH ",
    b"CONNECT ",
    b"TRACE ",
    b"PROPFIND ",
    b"SUBSCRIBE ",
    b"UNSUBSCRIBE ",
    b"REPORT ",
    b"MERGE ",
];
/// A head longer than this is not waited for.
const LONGEST_HEAD: usize = 32 * 1024;
/// Bodies up to this length are read with their head; of longer ones nothing is.
const LONGEST_BODY: usize = 16 * 1024;

/// The start line shows the direction.
fn role(message: &[u8]) -> Option<Role> {
    if message.starts_with(b"HTTP/1.") {
        return Some(Role::Server);
    }
    METHODS
        .iter()
        .any(|method| message.starts_with(method))
        .then_some(Role::Client)
}

/// Head and small body; a large body is passed over.
fn frame(input: &[u8]) -> Framed {
    // What a method or version begins with.
    if !matches!(input.first(), None | Some(b'C'..=b'U')) {
        return Err(foreign("http start line", input));
    }
    let longest = METHODS.iter().map(|method| method.len()).max().unwrap_or(0);
    if role(input).is_none() {
        let begins = METHODS
            .iter()
            .chain([&&b"HTTP/1."[..]])
            .any(|begin| begin.starts_with(input));
        return Err(if begins {
            more(longest, input)
        } else {
            foreign("http start line", input)
        });
    }
    let Some(end) = find(input, b"\r\n\r\n").map(|end| end.saturating_add(4)) else {
        return Err(if input.len() > LONGEST_HEAD {
            foreign("http head", input)
        } else {
            more(input.len().saturating_add(1), input)
        });
    };
    let head = input.get(..end).unwrap_or_default();
    // Of each header line the first counts.
    let (mut length, mut kind, mut coding) = (None, None, None);
    for line in lines(head) {
        if let Some(value) = header(line, b"Content-Length") {
            length = length.or(Some(value));
        } else if let Some(value) = header(line, b"Content-Type") {
            kind = kind.or(Some(value));
        } else if let Some(value) = header(line, b"Transfer-Encoding") {
            coding = coding.or(Some(value));
        }
    }
    let length = length
        .and_then(|value| std::str::from_utf8(value).ok())
        .and_then(|value| value.parse::<u64>().ok());
    let text = kind.is_some_and(is_text);
    let chunked = coding.is_some_and(|value| value.eq_ignore_ascii_case(b"chunked"));
    match length {
        Some(length) if text && length <= LONGEST_BODY as u64 => {
            let whole = end.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
            crate::octets::whole(input, whole)
        }
        // A printer describes itself at length, the front of which is enough.
        Some(length) if text && role(head) == Some(Role::Server) && kind.is_some_and(is_ipp) => {
            let read = end.saturating_add(LONGEST_BODY);
            let skip = length.saturating_sub(LONGEST_BODY as u64);
            crate::octets::whole(input, read).map(|cut| Cut { skip, ..cut })
        }
        Some(length) => Ok(Cut {
            length: end,
            skip: length,
        }),
        None if chunked && role(head) == Some(Role::Server) => chunks(input, end),
        None if text && role(head) == Some(Role::Server) => {
            let soap = kind.and_then(|value| find(value, b"soap+xml"));
            soap.map_or(Ok(Cut::whole(end)), |_| envelope(input, end))
        }
        None => Ok(Cut::whole(end)),
    }
}

/// A chunked body that is short enough is kept as it is sent, sizes and all.
fn chunks(input: &[u8], head: usize) -> Framed {
    let body = input.get(head..).unwrap_or_default();
    match find(body, b"\r\n0\r\n\r\n") {
        Some(end) => Ok(Cut::whole(head.saturating_add(end).saturating_add(7))),
        None if body.len() < LONGEST_BODY => Err(more(input.len().saturating_add(1), input)),
        None => Ok(Cut::whole(input.len())),
    }
}

/// Whether the body is of the printing protocol.
fn is_ipp(content_type: &[u8]) -> bool {
    find(content_type, b"application/ipp") == Some(0)
}

/// A body of no stated length, as HTTP/1.0 sends it: an envelope shows its own end.
fn envelope(input: &[u8], head: usize) -> Framed {
    let body = input.get(head..).unwrap_or_default();
    let mut at = 0_usize;
    while let Some(found) = body.get(at..).and_then(|rest| find(rest, b"Envelope>")) {
        let before = body.get(..at.saturating_add(found)).unwrap_or_default();
        at = at.saturating_add(found).saturating_add(9);
        let tag = before.rsplit(|c| *c == b'<').next().unwrap_or_default();
        if tag.starts_with(b"/") {
            return Ok(Cut::whole(head.saturating_add(at)));
        }
    }
    if body.len() < LONGEST_BODY {
        Err(more(input.len().saturating_add(1), input))
    } else {
        Ok(Cut::whole(input.len()))
    }
}

/// Whether a device may describe itself in such a body.
fn is_text(content_type: &[u8]) -> bool {
    [
        &b"text/html"[..],
        b"text/xml",
        b"application/xml",
        b"application/json",
        b"application/soap+xml",
        b"application/ipp",
    ]
    .iter()
    .any(|kind| find(content_type, kind) == Some(0))
}

fn recognise(message: &[u8]) -> Option<Recognition> {
    let role = role(message)?;
    let start = lines(message).next()?;
    let version = role == Role::Server || find(start, b" HTTP/1.").is_some();
    version.then_some(Recognition::STRONG.from(role))
}

fn operation(message: &[u8]) -> Option<Operation> {
    let method = METHODS.iter().find(|method| message.starts_with(method))?;
    std::str::from_utf8(method)
        .ok()
        .map(|method| Operation::word(method.trim_ascii_end()))
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let end = find(message.bytes, b"\r\n\r\n").unwrap_or(message.bytes.len());
    let (head, body) = message
        .bytes
        .split_at_checked(end)
        .unwrap_or((message.bytes, &[]));
    let mut kinds = lines(head).filter_map(|line| header(line, b"Content-Type"));
    let printing = kinds.any(is_ipp);
    match role(message.bytes) {
        Some(Role::Client) => request(head, out),
        Some(Role::Server) => {
            response(head, out);
            if !printing && !super::ws_discovery::description(message, body, out)? {
                document(body, out);
            }
        }
        None => return Err(Fault::value("http start line", message.bytes)),
    }
    if printing {
        print(message, body, out)
    } else {
        Ok(())
    }
}

fn request(head: &[u8], out: &mut Out<'_>) {
    for line in lines(head).skip(1) {
        if let Some(value) = header(line, b"User-Agent") {
            out.say(Subject::Sender, USER_AGENT, value);
        } else if let Some(scheme) = header(line, b"Authorization").and_then(|value| value.get(..5))
            && scheme.eq_ignore_ascii_case(b"basic")
        {
            out.text(Subject::Receiver, LOGIN, scheme, format_args!("basic"));
        }
    }
}

fn response(head: &[u8], out: &mut Out<'_>) {
    for line in lines(head).skip(1) {
        if let Some(value) = header(line, b"Server") {
            out.say(Subject::Sender, SERVER, value);
        } else if let Some(value) = header(line, b"X-Powered-By") {
            out.say(Subject::Sender, POWERED_BY, value);
        } else if let Some(realm) =
            header(line, b"WWW-Authenticate").and_then(|value| between(value, b"realm=\"", b"\""))
        {
            out.say(Subject::Sender, REALM, realm);
        }
    }
}

/// A message of the printing protocol, behind the empty line and, where it is chunked, the size of its first chunk.
fn print(message: Message<'_>, body: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let body = body.get(4..).unwrap_or_default();
    let begin = match body {
        [b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..] => {
            find(body, b"\r\n").map(|at| at.saturating_add(2))
        }
        _ => Some(0),
    };
    let inner = begin
        .and_then(|begin| body.get(begin..))
        .unwrap_or_default();
    out.carried(&printing::IPP, message.part(inner))
}

/// What the server says of itself in a body. Documents it merely hands out look different.
fn document(body: &[u8], out: &mut Out<'_>) {
    if find(body, b"<title").is_some() {
        if let Some(title) = between(body, b"<title>", b"</title>") {
            out.say(Subject::Sender, TITLE, title.trim_ascii());
        }
        return;
    }
    if find(body, b"urn:schemas-upnp-org:device").is_some()
        || find(body, b"GetDeviceSettingsResult").is_some()
    {
        let elements: [(&[u8], &[u8], Key); 12] = [
            (b"<manufacturer>", b"</", MANUFACTURER),
            (b"<VendorName>", b"</", MANUFACTURER),
            (b"<modelName>", b"</", MODEL_NAME),
            (b"<modelNumber>", b"</", MODEL_NUMBER),
            (b"<modelDescription>", b"</", MODEL_DESCRIPTION),
            (b"<friendlyName>", b"</", FRIENDLY_NAME),
            (b"<DeviceName>", b"</", FRIENDLY_NAME),
            (b"<serialNumber>", b"</", SERIAL_NUMBER),
            (b"<SerialNumber>", b"</", SERIAL_NUMBER),
            (b"<deviceType>", b"</", DEVICE_TYPE),
            (b"<FirmwareVersion>", b"</", FIRMWARE_VERSION),
            (b"<firmwareVersion>", b"</", FIRMWARE_VERSION),
        ];
        for (open, close, key) in elements {
            if let Some(value) = between(body, open, close) {
                out.say(Subject::Sender, key, value);
            }
        }
        return;
    }
    let json = |name: &[u8]| {
        let rest = body.get(find(body, name)?.saturating_add(name.len())..)?;
        let value = rest
            .trim_ascii_start()
            .strip_prefix(b":")?
            .trim_ascii_start();
        let value = value.strip_prefix(b"\"")?;
        value.split(|octet| *octet == b'"').next()
    };
    // A server that gives its own API version beside a version describes itself.
    if let (Some(_), Some(version), Some(name)) = (
        json(b"\"DicomAet\""),
        json(b"\"Version\""),
        json(b"\"Name\""),
    ) {
        let (name, text) = (crate::text::Text(name), crate::text::Text(version));
        out.text(
            Subject::Sender,
            SYSTEM,
            version,
            format_args!("{name} {text}"),
        );
    }
}
