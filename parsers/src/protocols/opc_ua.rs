//! OPC Unified Architecture over its TCP mapping: applications, endpoints and build information.
//!
//! Spec: OPC 10000-6 §5.2 (binary encoding), §6.7 (secure conversation), §7.1 (connection protocol);
//! OPC 10000-4 §5.4.4 and §5.6.2 (services), §7.2 (`ApplicationDescription`); OPC 10000-5 §12.4 (`BuildInfo`).

use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::octets::{foreign, head, le16, le32, octet, take, whole};
use crate::operation::Operation;
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Joined, Key, Out, Subject};
use crate::text::{find, is_printable};

/// Endpoint that a client connects to: said of the server.
pub const ENDPOINT_URL: Key = Key("opc-ua.endpoint_url");
/// Application URI.
pub const APPLICATION_URI: Key = Key("opc-ua.application_uri");
/// Application name.
pub const APPLICATION_NAME: Key = Key("opc-ua.application_name");
/// Product URI.
pub const PRODUCT_URI: Key = Key("opc-ua.product_uri");
/// Manufacturer of the build information.
pub const MANUFACTURER: Key = Key("opc-ua.manufacturer");
/// Product name of the build information.
pub const PRODUCT_NAME: Key = Key("opc-ua.product_name");
/// Software version of the build information.
pub const SOFTWARE_VERSION: Key = Key("opc-ua.software_version");
/// Build number of the build information.
pub const BUILD_NUMBER: Key = Key("opc-ua.build_number");

/// Subject of the certificate with which the sender opens a channel.
pub const CERTIFICATE_SUBJECT: Key = Key("opc-ua.certificate_subject");
/// Host names of that certificate.
pub const CERTIFICATE_NAMES: Key = Key("opc-ua.certificate_names");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "opc-ua",
    spec: "OPC 10000-6",
    carriers: &[Carrier::Tcp(4840)],
    keys: &[
        ENDPOINT_URL,
        APPLICATION_URI,
        APPLICATION_NAME,
        PRODUCT_URI,
        MANUFACTURER,
        PRODUCT_NAME,
        SOFTWARE_VERSION,
        BUILD_NUMBER,
        CERTIFICATE_SUBJECT,
        CERTIFICATE_NAMES,
    ],
    frame: Some(frame),
    recognise,
    operation: Some(operation),
    probes: &[GET_ENDPOINTS, FIND_SERVERS],
    dissect,
};

/// The address by which an endpoint is asked for (OPC 10000-6 §7.1.2.3): a server knows itself by many, and answers to any.
const URL: Piece = Piece::Octets(
    b"\x18\0\0\0opc.tcp://localhost:4840",
    "endpoint: 24 octets of text",
);
/// §7.1.2.3.
const HELLO: Step = Step {
    sends: &[
        Piece::Octets(b"HELF\x38\0\0\0", "hello, final, 56 octets in all"),
        Piece::Octets(&[0; 4], "protocol version 0"),
        Piece::Octets(
            &[0xff, 0xff, 0x00, 0x00, 0xff, 0xff, 0x00, 0x00],
            "buffers of 65535 octets",
        ),
        Piece::Octets(&[0; 8], "messages of any size"),
        URL,
    ],
    until: Until::Answer,
};
/// §6.7.4, OPC 10000-4 §5.5.2: without security, which every server must allow for discovery.
const OPEN_CHANNEL: Step = Step {
    sends: &[
        Piece::Octets(
            b"OPNF\x84\0\0\0",
            "open secure channel, final, 132 octets in all",
        ),
        Piece::Octets(&[0; 4], "no channel yet"),
        Piece::Octets(
            b"\x2f\0\0\0http://opcfoundation.org/UA/SecurityPolicy#None",
            "policy: no security",
        ),
        Piece::Octets(&[0xff; 8], "no certificates"),
        Piece::Octets(
            &[0x01, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00],
            "sequence 1, request 1",
        ),
        Piece::Octets(
            &[0x01, 0x00, 0xbe, 0x01],
            "type 446: OpenSecureChannelRequest",
        ),
        REQUEST_HEADER,
        Piece::Octets(&[0; 4], "protocol version 0"),
        Piece::Octets(&[0; 4], "issue a token"),
        Piece::Octets(&[0x01, 0x00, 0x00, 0x00], "mode: none"),
        Piece::Octets(&[0xff; 4], "no nonce"),
        Piece::Octets(&[0x60, 0xea, 0x00, 0x00], "for 60 s"),
    ],
    until: Until::Answer,
};
const REQUEST_HEADER: Piece = Piece::Octets(
    &[
        0x00, 0x00, // no session
        0, 0, 0, 0, 0, 0, 0, 0, // no time
        0x01, 0, 0, 0, // handle
        0, 0, 0, 0, // no diagnostics
        0xff, 0xff, 0xff, 0xff, // no audit entry
        0xb8, 0x0b, 0, 0, // 3 s
        0, 0, 0, // nothing more
    ],
    "request header: no session, handle 1, no diagnostics, answer within 3 s",
);
const CHANNEL: Piece = Piece::Hole(
    Hole::Answer {
        step: 1,
        at: 8,
        length: 4,
    },
    "channel, as the server opened it",
);
/// Behind the header, the policy (which is the one that was asked for), the sequence, the type, and the response header.
const TOKEN: Piece = Piece::Hole(
    Hole::Answer {
        step: 1,
        at: 115,
        length: 4,
    },
    "token, as the server issued it",
);
/// OPC 10000-4 §5.5.3: the server closes the connection, and answers nothing.
const CLOSE_CHANNEL: Step = Step {
    sends: &[
        Piece::Octets(
            b"CLOF\x39\0\0\0",
            "close secure channel, final, 57 octets in all",
        ),
        CHANNEL,
        TOKEN,
        Piece::Octets(
            &[0x03, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00],
            "sequence 3, request 3",
        ),
        Piece::Octets(
            &[0x01, 0x00, 0xc4, 0x01],
            "type 452: CloseSecureChannelRequest",
        ),
        REQUEST_HEADER,
    ],
    until: Until::Sent,
};

/// The head of a request of 93 octets, the first after the channel was opened.
const MESSAGE: Piece = Piece::Octets(b"MSGF\x5d\0\0\0", "message, final, 93 octets in all");
const SECOND: Piece = Piece::Octets(
    &[0x02, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00],
    "sequence 2, request 2",
);

/// OPC 10000-4 §5.4.4: endpoints, with the application that offers them. Needs no session.
const GET_ENDPOINTS: Probe = Probe {
    name: "get endpoints",
    asks: &[ENDPOINT_URL, APPLICATION_URI, APPLICATION_NAME, PRODUCT_URI],
    carrier: Carrier::Tcp(4840),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[
        HELLO,
        OPEN_CHANNEL,
        Step {
            sends: &[
                MESSAGE,
                CHANNEL,
                TOKEN,
                SECOND,
                Piece::Octets(&[0x01, 0x00, 0xac, 0x01], "type 428: GetEndpointsRequest"),
                REQUEST_HEADER,
                URL,
                Piece::Octets(&[0; 8], "in any language, of any profile"),
            ],
            until: Until::Answer,
        },
        CLOSE_CHANNEL,
    ],
    frames: 14,
};

/// OPC 10000-4 §5.4.2: the servers that this one knows, itself first.
const FIND_SERVERS: Probe = Probe {
    name: "find servers",
    asks: &[APPLICATION_URI, APPLICATION_NAME, PRODUCT_URI],
    steps: &[
        HELLO,
        OPEN_CHANNEL,
        Step {
            sends: &[
                MESSAGE,
                CHANNEL,
                TOKEN,
                SECOND,
                Piece::Octets(&[0x01, 0x00, 0xa6, 0x01], "type 422: FindServersRequest"),
                REQUEST_HEADER,
                URL,
                Piece::Octets(&[0; 8], "in any language, any server"),
            ],
            until: Until::Answer,
        },
        CLOSE_CHANNEL,
    ],
    ..GET_ENDPOINTS
};

/// Longest chunk that is waited for; implementations negotiate 64 KiB.
const LONGEST: u32 = 65_535;
/// Elements read of an array.
const MOST: u32 = 64;

// Numeric node ids of the binary encodings (OPC 10000-6, annex A).
const FIND_SERVERS_RESPONSE: u16 = 425;
const GET_ENDPOINTS_RESPONSE: u16 = 431;
const CREATE_SESSION_REQUEST: u16 = 461;
const CREATE_SESSION_RESPONSE: u16 = 464;
const READ_REQUEST: u16 = 631;
const READ_RESPONSE: u16 = 634;
/// `BuildInfo`'s encoding inside an extension object: namespace 0, identifier 340.
const BUILD_INFO: [u8; 4] = [0x01, 0x00, 0x54, 0x01];

fn is_kind(kind: [u8; 3]) -> bool {
    [b"HEL", b"ACK", b"ERR", b"RHE", b"OPN", b"CLO", b"MSG"].contains(&&kind)
}

fn frame(input: &[u8]) -> Framed {
    let [a, b, c, chunk, l0, l1, l2, l3] = head::<8>(input)?;
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    if !is_kind([a, b, c])
        || !matches!(chunk, b'F' | b'C' | b'A')
        || !(8..=LONGEST).contains(&length)
    {
        return Err(foreign("opc ua message header", input));
    }
    whole(input, usize::try_from(length).unwrap_or(usize::MAX))
}

fn recognise(message: &[u8]) -> Option<Recognition> {
    frame(message).ok()?;
    let role = match message.get(..3)? {
        b"HEL" => Some(Role::Client),
        b"ACK" | b"ERR" => Some(Role::Server),
        _ => None,
    };
    Some(Recognition {
        strong: true,
        from: role,
    })
}

/// Names of services by the numeric id of their request in its binary encoding (part 6, annex A).
const SERVICES: [(u16, &str); 30] = [
    (422, "find servers"),
    (428, "get endpoints"),
    (461, "create session"),
    (467, "activate session"),
    (473, "close session"),
    (479, "cancel"),
    (488, "add nodes"),
    (494, "add references"),
    (500, "delete nodes"),
    (506, "delete references"),
    (527, "browse"),
    (533, "browse next"),
    (554, "translate browse paths"),
    (560, "register nodes"),
    (566, "unregister nodes"),
    (631, "read"),
    (664, "history read"),
    (673, "write"),
    (700, "history update"),
    (712, "call"),
    (751, "create monitored items"),
    (763, "modify monitored items"),
    (769, "set monitoring mode"),
    (781, "delete monitored items"),
    (787, "create subscription"),
    (793, "modify subscription"),
    (799, "set publishing mode"),
    (826, "publish"),
    (832, "republish"),
    (847, "delete subscriptions"),
];

/// A service that is not known is not told: its id may be a part of something encrypted, or of a later chunk.
fn operation(message: &[u8]) -> Option<Operation> {
    match message {
        [b'H', b'E', b'L', ..] => Some(Operation::word("hello")),
        [b'O', b'P', b'N', ..] => Some(Operation::word("open secure channel")),
        [b'C', b'L', b'O', ..] => Some(Operation::word("close secure channel")),
        [b'M', b'S', b'G', ..] => {
            let [1, 0, low, high] = message.get(24..)?.first_chunk::<4>()? else {
                return None;
            };
            let id = u16::from_le_bytes([*low, *high]);
            let known = SERVICES.iter().any(|(known, _)| *known == id);
            known.then(|| Operation::of(&SERVICES, "service", id))
        }
        _ => None,
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let header = take(&mut rest, 8, "message header")?;
    match header.get(..3).unwrap_or_default() {
        b"HEL" => {
            take(&mut rest, 20, "hello")?;
            let url = string(&mut rest)?;
            out.say(Subject::Receiver, ENDPOINT_URL, url);
            Ok(())
        }
        b"MSG" => {
            let asked = message.asked.and_then(|asked| asked.get(8..));
            service(rest, asked, out)
        }
        b"OPN" => channel(rest, out),
        _ => Ok(()),
    }
}

/// Channel, policy, then the sender's own certificate; what follows it may be encrypted.
fn channel(mut rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    le32(&mut rest, "secure channel")?;
    string(&mut rest)?;
    let der = string(&mut rest)?;
    if der.is_empty() {
        return Ok(());
    }
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|_| Fault::value("certificate", der))?;
    let subject = certificate.subject();
    out.text(
        Subject::Sender,
        CERTIFICATE_SUBJECT,
        subject.as_raw(),
        format_args!("{subject}"),
    );
    if let Ok(Some(names)) = certificate.subject_alternative_name() {
        let names = names.value.general_names.iter();
        let names = Joined(names.filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(*name),
            _ => None,
        }));
        out.text(
            Subject::Sender,
            CERTIFICATE_NAMES,
            der,
            format_args!("{names}"),
        );
    }
    Ok(())
}

/// Channel, token, sequence and request numbers; the type of the service; request or response header; the service.
fn service(mut rest: &[u8], asked: Option<&[u8]>, out: &mut Out<'_>) -> Result<(), Fault> {
    take(&mut rest, 16, "secure conversation header")?;
    // A four-octet node id in namespace 0; an encrypted body has none.
    let [1, 0, low, high] = *take(&mut rest, 4, "service type")? else {
        return Ok(());
    };
    match u16::from_le_bytes([low, high]) {
        FIND_SERVERS_RESPONSE => {
            response_header(&mut rest)?;
            for _ in 0..le32(&mut rest, "server count")?.min(MOST) {
                application(&mut rest, Subject::Sender, out)?;
            }
            Ok(())
        }
        GET_ENDPOINTS_RESPONSE => {
            response_header(&mut rest)?;
            endpoints(&mut rest, out)
        }
        CREATE_SESSION_REQUEST => {
            request_header(&mut rest)?;
            application(&mut rest, Subject::Sender, out)
        }
        CREATE_SESSION_RESPONSE => {
            response_header(&mut rest)?;
            node_id(&mut rest)?;
            node_id(&mut rest)?;
            take(&mut rest, 8, "session timeout")?;
            string(&mut rest)?;
            string(&mut rest)?;
            endpoints(&mut rest, out)
        }
        READ_RESPONSE => {
            build_info(rest, out)?;
            match asked {
                Some(asked) => parts(asked, rest, out),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn endpoints(rest: &mut &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    for _ in 0..le32(rest, "endpoint count")?.min(MOST) {
        let url = string(rest)?;
        out.say(Subject::Sender, ENDPOINT_URL, url);
        application(rest, Subject::Sender, out)?;
        string(rest)?;
        le32(rest, "security mode")?;
        string(rest)?;
        for _ in 0..le32(rest, "token count")?.min(MOST) {
            string(rest)?;
            le32(rest, "token type")?;
            string(rest)?;
            string(rest)?;
            string(rest)?;
        }
        string(rest)?;
        octet(rest, "security level")?;
    }
    Ok(())
}

/// `ApplicationDescription`: URI, product, name, type, gateway, profile, discovery URLs.
fn application(rest: &mut &[u8], subject: Subject, out: &mut Out<'_>) -> Result<(), Fault> {
    out.say(subject, APPLICATION_URI, string(rest)?);
    out.say(subject, PRODUCT_URI, string(rest)?);
    out.say(subject, APPLICATION_NAME, localized(rest)?);
    le32(rest, "application type")?;
    string(rest)?;
    string(rest)?;
    let count = le32(rest, "discovery url count")?;
    // Minus one stands for no array.
    if count != u32::MAX {
        for _ in 0..count.min(MOST) {
            string(rest)?;
        }
    }
    Ok(())
}

/// `BuildInfo` wherever it stands among the values: product URI, manufacturer, product, version, build.
fn build_info(rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let Some(at) = find(rest, &BUILD_INFO) else {
        return Ok(());
    };
    let mut rest = rest.get(at.saturating_add(4)..).unwrap_or_default();
    if octet(&mut rest, "extension object encoding")? != 1 {
        return Ok(());
    }
    le32(&mut rest, "extension object length")?;
    for key in [
        PRODUCT_URI,
        MANUFACTURER,
        PRODUCT_NAME,
        SOFTWARE_VERSION,
        BUILD_NUMBER,
    ] {
        let text = string(&mut rest)?;
        if is_printable(text) {
            out.say(Subject::Sender, key, text);
        }
    }
    Ok(())
}

/// Parts of the build information that were read one by one: the nodes 2261 to 2265 of namespace 0 (OPC 10000-6, annex A).
fn parts(asked: &[u8], answer: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut asked = asked;
    let mut answer = answer;
    take(&mut asked, 16, "secure conversation header")?;
    let [1, 0, low, high] = *take(&mut asked, 4, "service type")? else {
        return Ok(());
    };
    if u16::from_le_bytes([low, high]) != READ_REQUEST {
        return Ok(());
    }
    request_header(&mut asked)?;
    response_header(&mut answer)?;
    take(&mut asked, 12, "read age")?;
    le32(&mut asked, "node count")?;
    for _ in 0..le32(&mut answer, "result count")?.min(MOST) {
        // The end of a long request is not kept.
        let Ok(key) = wanted(&mut asked) else {
            return Ok(());
        };
        let Some(text) = data_value(&mut answer)? else {
            return Ok(());
        };
        if let Some(key) = key.filter(|_| is_printable(text)) {
            out.say(Subject::Sender, key, text);
        }
    }
    Ok(())
}

/// `ReadValueId`: node, attribute (13 is the value), range, encoding.
fn wanted(rest: &mut &[u8]) -> Result<Option<Key>, Fault> {
    let node = *rest;
    node_id(rest)?;
    let attribute = le32(rest, "attribute")?;
    string(rest)?;
    le16(rest, "encoding namespace")?;
    string(rest)?;
    let [1, 0, low, high, ..] = *node else {
        return Ok(None);
    };
    let key = match u16::from_le_bytes([low, high]) {
        2261 => PRODUCT_NAME,
        2262 => PRODUCT_URI,
        2263 => MANUFACTURER,
        2264 => SOFTWARE_VERSION,
        2265 => BUILD_NUMBER,
        _ => return Ok(None),
    };
    Ok((attribute == 13).then_some(key))
}

/// `DataValue`: a mask, then what it says is there. The text of a string, nothing of other scalars; none where it cannot be passed over.
fn data_value<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Fault> {
    let mask = octet(rest, "data value")?;
    let mut text: &[u8] = &[];
    if mask & 0x01 != 0 {
        let length = match octet(rest, "variant")? {
            0 => 0,
            1..=3 => 1,
            4 | 5 => 2,
            6 | 7 | 10 | 19 => 4,
            8 | 9 | 11 | 13 => 8,
            14 => 16,
            12 => {
                text = string(rest)?;
                0
            }
            _ => return Ok(None),
        };
        take(rest, length, "variant value")?;
    }
    for (bit, length) in [(0x02, 4), (0x04, 8), (0x10, 2), (0x08, 8), (0x20, 2)] {
        if mask & bit != 0 {
            take(rest, length, "data value part")?;
        }
    }
    Ok(Some(text))
}

/// A length of four octets, minus one for null, and that many octets.
fn string<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Fault> {
    match le32(rest, "string length")? {
        u32::MAX => Ok(&[]),
        length => take(
            rest,
            usize::try_from(length).unwrap_or(usize::MAX),
            "string",
        ),
    }
}

/// A mask says whether locale and text are there.
fn localized<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Fault> {
    let mask = octet(rest, "localized text")?;
    if mask & 1 != 0 {
        string(rest)?;
    }
    if mask & 2 != 0 { string(rest) } else { Ok(&[]) }
}

fn node_id(rest: &mut &[u8]) -> Result<(), Fault> {
    let length = match octet(rest, "node id encoding")? & 0x0f {
        0 => 1,
        1 => 3,
        2 => 6,
        3 | 5 => {
            le16(rest, "namespace")?;
            string(rest)?;
            0
        }
        4 => 18,
        _ => return Err(Fault::value("node id encoding", rest)),
    };
    take(rest, length, "node id")?;
    Ok(())
}

/// Token, time, handle, diagnostics, audit entry, timeout, additional header.
fn request_header(rest: &mut &[u8]) -> Result<(), Fault> {
    node_id(rest)?;
    take(rest, 16, "request header")?;
    string(rest)?;
    le32(rest, "timeout")?;
    extension(rest)
}

/// Time, handle, result, diagnostics, strings, additional header.
fn response_header(rest: &mut &[u8]) -> Result<(), Fault> {
    take(rest, 16, "response header")?;
    // Diagnostics that are there are not read.
    if octet(rest, "diagnostic mask")? != 0 {
        return Err(Fault::value("diagnostic mask", rest));
    }
    let count = le32(rest, "string table")?;
    if count != u32::MAX {
        for _ in 0..count.min(MOST) {
            string(rest)?;
        }
    }
    extension(rest)
}

fn extension(rest: &mut &[u8]) -> Result<(), Fault> {
    node_id(rest)?;
    if octet(rest, "extension object encoding")? != 0 {
        string(rest)?;
    }
    Ok(())
}
