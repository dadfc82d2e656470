//! Message brokers and those who use them: MQTT, AMQP and NATS. Topics' contents, accounts and secrets are never read.
//!
//! Spec: MQTT 3.1.1 §2 and §3.1, MQTT 5.0 §3.1; Sparkplug 3.0 §4.1 (topics); AMQP 0-9-1 §1.4.2.2 (connection), §4.2 (frames);
//! AMQP 1.0 §1.2 (types), §2.3 (frames), §2.7.1 (open); NATS client protocol (INFO, CONNECT).

use crate::octets::{be16, be32, counted8, counted16, foreign, head, more, octet, take, whole};
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{Text, find, is_printable, unpadded};

/// Client identifier of a connection.
pub const MQTT_CLIENT: Key = Key("mqtt.client_id");
/// Protocol version of a connection: `3.1`, `3.1.1` or `5.0`.
pub const MQTT_VERSION: Key = Key("mqtt.protocol_version");
/// What the broker publishes under `$SYS/broker/version`.
pub const MQTT_BROKER: Key = Key("mqtt.broker_version");
/// Group and edge node of a Sparkplug birth: `plant/press-5`.
pub const SPARKPLUG: Key = Key("mqtt.sparkplug_node");

/// Product, version and platform of an AMQP server: `RabbitMQ 3.8.2`.
pub const AMQP_SERVER: Key = Key("amqp.server");
/// Platform that an AMQP server runs on.
pub const AMQP_PLATFORM: Key = Key("amqp.platform");
/// Name of the cluster, by default that of its first node: `rabbit@broker-1`.
pub const AMQP_CLUSTER: Key = Key("amqp.cluster_name");
/// Product and version of an AMQP client.
pub const AMQP_CLIENT: Key = Key("amqp.client");
/// Container id of an AMQP 1.0 peer.
pub const AMQP_CONTAINER: Key = Key("amqp.container_id");

/// Name of a NATS server.
pub const NATS_NAME: Key = Key("nats.server_name");
/// Version of a NATS server.
pub const NATS_VERSION: Key = Key("nats.version");
/// Go release that a NATS server was built with.
pub const NATS_GO: Key = Key("nats.go");
/// Library and version of a NATS client: `nats.py 2.3.1`.
pub const NATS_CLIENT: Key = Key("nats.client");

/// Registration of MQTT.
pub static MQTT: Protocol = Protocol {
    name: "mqtt",
    spec: "MQTT 5.0",
    carriers: &[Carrier::Tcp(1883)],
    keys: &[MQTT_CLIENT, MQTT_VERSION, MQTT_BROKER, SPARKPLUG],
    frame: Some(mqtt_frame),
    recognise: recognise_mqtt,
    operation: None,
    probes: &[READ_VERSION],
    dissect: dissect_mqtt,
};

/// Registration of AMQP.
pub static AMQP: Protocol = Protocol {
    name: "amqp",
    spec: "AMQP 0-9-1",
    carriers: &[Carrier::Tcp(5672)],
    keys: &[
        AMQP_SERVER,
        AMQP_PLATFORM,
        AMQP_CLUSTER,
        AMQP_CLIENT,
        AMQP_CONTAINER,
    ],
    frame: Some(amqp_frame),
    recognise: recognise_amqp,
    operation: None,
    probes: &[],
    dissect: dissect_amqp,
};

/// Registration of NATS.
pub static NATS: Protocol = Protocol {
    name: "nats",
    spec: "NATS client protocol",
    carriers: &[Carrier::Tcp(4222)],
    keys: &[NATS_NAME, NATS_VERSION, NATS_GO, NATS_CLIENT],
    frame: Some(nats_frame),
    recognise: recognise_nats,
    operation: None,
    probes: &[NATS_GREETING],
    dissect: dissect_nats,
};

/// INFO, which a server of NATS sends before anything is asked.
const NATS_GREETING: Probe = Probe {
    name: "read greeting",
    asks: &[NATS_VERSION, NATS_NAME],
    carrier: Carrier::Tcp(4222),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[],
        until: Until::Answer,
    }],
    frames: 6,
};

/// MQTT 3.1.1 §3.1, §3.8, §3.14: connects as nobody in particular, reads the one topic by which brokers commonly name their
/// version, and disconnects. The client id is new, so that nobody else's session is taken over (§3.1.4).
const READ_VERSION: Probe = Probe {
    name: "connect, read $SYS/broker/version",
    asks: &[MQTT_BROKER],
    carrier: Carrier::Tcp(1883),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[
        Step {
            sends: &[
                Piece::Octets(
                    b"\x10\x1c\0\x04MQTT\x04",
                    "connect, 28 octets, version 3.1.1",
                ),
                Piece::Octets(
                    &[0x02, 0x00, 0x0f],
                    "a clean session, no name, no password; alive for 15 s",
                ),
                Piece::Octets(b"\0\x10fossick-", "client id of 16 characters"),
                Piece::Hole(Hole::RandomText { digits: 8 }, "client id"),
            ],
            until: Until::Answer,
        },
        Step {
            sends: &[
                Piece::Octets(&[0x82, 0x18, 0x00, 0x01], "subscribe, 24 octets, packet 1"),
                Piece::Octets(b"\0\x13$SYS/broker/version\0", "topic, at most once"),
            ],
            until: Until::Told(2),
        },
        Step {
            sends: &[Piece::Octets(&[0xe0, 0x00], "disconnect")],
            until: Until::Sent,
        },
    ],
    frames: 12,
};

/// Octets read of one message; what follows is payload.
const READ: usize = 4096;
const CONNECT: u8 = 0x10;
const PUBLISH: u8 = 3;
/// Frame end of AMQP 0-9-1.
const END: u8 = 0xce;
/// Longest frame that is taken for one: negotiated, 128 KiB by default.
const LONGEST_FRAME: u32 = 1_048_576;
/// Longest line of NATS: INFO of a large cluster (the server's limit on control lines is 4096 by default).
const LONGEST_LINE: usize = 32_768;

/// The remaining length, at most four digits of seven bits (§2.1.4), and where it ends.
fn remaining(input: &[u8]) -> Result<(usize, usize), nom::Err<Fault>> {
    let mut length = 0_usize;
    for n in 0..4_usize {
        let Some(digit) = input.get(n.saturating_add(1)) else {
            return Err(more(n.saturating_add(2), input));
        };
        length |=
            usize::from(digit & 0x7f).wrapping_shl(u32::try_from(n).unwrap_or(0).wrapping_mul(7));
        if digit & 0x80 == 0 {
            return Ok((length, n.saturating_add(2)));
        }
    }
    Err(foreign("mqtt length", input))
}

/// One packet, whose flags must be those of its type (§2.1.3).
fn mqtt_frame(input: &[u8]) -> Framed {
    let [first] = head::<1>(input)?;
    let sane = match first >> 4 {
        1 | 2 | 4 | 5 | 7 | 9 | 11..=15 => first & 0x0f == 0,
        6 | 8 | 10 => first & 0x0f == 2,
        PUBLISH => first & 6 != 6,
        _ => false,
    };
    if !sane {
        return Err(foreign("mqtt flags", input));
    }
    let (length, header) = remaining(input)?;
    let body = input.get(header..).unwrap_or_default();
    let named = match first >> 4 {
        // The name of the protocol.
        1 => begins(body, b"\0\x04MQTT") || begins(body, b"\0\x06MQIsdp"),
        2 => length >= 2 && matches!(body, [] | [0 | 1, ..]),
        PUBLISH => match body {
            [high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])) < length,
            _ => length > 2,
        },
        4..=7 | 11 => length >= 2,
        8..=10 => length >= 3,
        12 | 13 => length == 0,
        _ => true,
    };
    if !named {
        return Err(foreign("mqtt packet", input));
    }
    let length = length.saturating_add(header);
    let read = length.min(READ);
    whole(input, read)?;
    let skip = u64::try_from(length.saturating_sub(read)).unwrap_or_default();
    Ok(Cut { length: read, skip })
}

/// Whether as much as is there of `input` agrees with the mark.
fn begins(input: &[u8], mark: &[u8]) -> bool {
    input.starts_with(mark) || mark.starts_with(input)
}

fn recognise_mqtt(message: &[u8]) -> Option<Recognition> {
    let (length, header) = remaining(message).ok()?;
    let body = message.get(header..)?;
    let whole = length == body.len();
    match *message.first()? {
        CONNECT => matches!(
            body,
            [0, 4, b'M', b'Q', b'T', b'T', 3..=5, ..]
                | [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', 3, ..]
        )
        .then_some(Recognition::STRONG.from(Role::Client)),
        0x20 if whole && matches!(body, [0 | 1, 0..=5] | [0 | 1, 0 | 0x80..=0x9f, _, ..]) => {
            Some(Recognition::WEAK.from(Role::Server))
        }
        // Subscribe: a packet's id, a topic and what is wanted of it.
        0x82 if whole && length > 5 => Some(Recognition::WEAK.from(Role::Client)),
        // Where the beginning was not seen: a topic that is text, keeping alive, or an end.
        0x30..=0x3d => topic(message)
            .filter(|topic| topic.contains(&b'/') && is_printable(topic))
            .map(|_| Recognition::WEAK),
        0xc0 | 0xe0 if whole && length == 0 => Some(Recognition::WEAK.from(Role::Client)),
        0xd0 if whole && length == 0 => Some(Recognition::WEAK.from(Role::Server)),
        _ => None,
    }
}

/// The topic of a publication.
fn topic(message: &[u8]) -> Option<&[u8]> {
    let (_, header) = remaining(message).ok()?;
    let mut rest = message.get(header..)?;
    counted16(&mut rest, "mqtt topic").ok()
}

fn dissect_mqtt(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let Ok((_, header)) = remaining(message.bytes) else {
        return Err(Fault::short("mqtt length"));
    };
    let mut rest = message.bytes.get(header..).unwrap_or_default();
    match message.bytes.first().copied().unwrap_or_default() {
        CONNECT => {
            counted16(&mut rest, "mqtt protocol")?;
            let octets = rest.get(..1).unwrap_or_default();
            let level = octet(&mut rest, "mqtt level")?;
            let version = match level {
                3 => "3.1",
                4 => "3.1.1",
                5 => "5.0",
                _ => return Ok(()),
            };
            out.text(
                Subject::Sender,
                MQTT_VERSION,
                octets,
                format_args!("{version}"),
            );
            take(&mut rest, 3, "mqtt flags")?;
            if level == 5 {
                // Properties, behind a length of up to four digits; those of a CONNECT are short.
                let mut length = usize::from(octet(&mut rest, "mqtt properties")?);
                if length & 0x80 != 0 {
                    let high = usize::from(octet(&mut rest, "mqtt properties")?);
                    length = length & 0x7f | high.wrapping_shl(7);
                }
                take(&mut rest, length, "mqtt properties")?;
            }
            let id = counted16(&mut rest, "mqtt client id")?;
            if is_printable(id) {
                out.say(Subject::Sender, MQTT_CLIENT, id);
            }
        }
        first if first >> 4 == PUBLISH => {
            let topic = counted16(&mut rest, "mqtt topic")?;
            if first & 6 != 0 {
                be16(&mut rest, "mqtt packet id")?;
            }
            if topic == b"$SYS/broker/version" && message.from == Role::Server {
                // In version 5 properties precede the text, none as a rule.
                let text = rest.strip_prefix(b"\0").unwrap_or(rest);
                if is_printable(text) {
                    out.say(Subject::Sender, MQTT_BROKER, text);
                }
            }
            let mut levels = topic.split(|octet| *octet == b'/');
            if message.from == Role::Client
                && levels.next() == Some(b"spBv1.0")
                && let (Some(group), Some(b"NBIRTH"), Some(node)) =
                    (levels.next(), levels.next(), levels.next())
            {
                let (group, name) = (Text(group), Text(node));
                let text = format_args!("{group}/{name}");
                out.text(Subject::Sender, SPARKPLUG, node, text);
            }
        }
        _ => {}
    }
    Ok(())
}

/// A protocol header, or a frame: of 0-9-1 by its end, of 1.0 by its data offset.
fn amqp_frame(input: &[u8]) -> Framed {
    let [first] = head::<1>(input)?;
    match first {
        b'A' => {
            let [a, m, q, p, id, ..] = head::<8>(input)?;
            if [a, m, q, p] == *b"AMQP" && id <= 3 {
                Ok(Cut::whole(8))
            } else {
                Err(foreign("amqp header", input))
            }
        }
        // Method, header, body; heartbeat.
        1..=4 | 8 => {
            let [_, _, _, a, b, c, d] = head::<7>(input)?;
            let size = u32::from_be_bytes([a, b, c, d]);
            if size > LONGEST_FRAME || (first == 1 && size < 4) {
                return Err(foreign("amqp frame", input));
            }
            let length = usize::try_from(size)
                .unwrap_or(usize::MAX)
                .saturating_add(8);
            let read = length.min(READ);
            whole(input, read)?;
            if read == length && input.get(length.saturating_sub(1)) != Some(&END) {
                return Err(foreign("amqp frame end", input));
            }
            let skip = u64::try_from(length.saturating_sub(read)).unwrap_or_default();
            Ok(Cut { length: read, skip })
        }
        0 => {
            let [_, a, b, c, offset, kind, ..] = head::<8>(input)?;
            let size = u32::from_be_bytes([0, a, b, c]);
            if !(8..=LONGEST_FRAME).contains(&size) || offset != 2 || kind > 1 {
                return Err(foreign("amqp frame", input));
            }
            let length = usize::try_from(size).unwrap_or(usize::MAX);
            let read = length.min(READ);
            whole(input, read)?;
            let skip = u64::try_from(length.saturating_sub(read)).unwrap_or_default();
            Ok(Cut { length: read, skip })
        }
        _ => Err(foreign("amqp", input)),
    }
}

#[rustfmt::skip]
fn recognise_amqp(message: &[u8]) -> Option<Recognition> {
    match *message {
        // Version 0-8 to 0-10 with protocol 0 or 1; version 1.0 bare, over TLS and over SASL.
        [b'A', b'M', b'Q', b'P', 0 | 1, 0 | 1, 0..=10, 0..=10]
        | [b'A', b'M', b'Q', b'P', 2 | 3, 1, 0, 0] => Some(Recognition::STRONG),
        // Connection.start and start-ok: method of channel 0, class 10.
        [1, 0, 0, _, _, _, _, 0, 10, 0, 10, 0, 8 | 9, .., END] => {
            Some(Recognition::STRONG.from(Role::Server))
        }
        [1, 0, 0, _, _, _, _, 0, 10, 0, 11, .., END] => {
            Some(Recognition::STRONG.from(Role::Client))
        }
        // Another method of a class that is assigned, or a heartbeat; a performative of 1.0.
        [1, _, _, _, _, _, _, 0, 10 | 20 | 30 | 40 | 50 | 60 | 90, 0, _, .., END]
        | [8, 0, 0, 0, 0, 0, 0, END]
        | [0, _, _, _, 2, 0 | 1, _, _, 0, 0x53, 0x10..=0x18 | 0x40..=0x44, ..] => {
            Some(Recognition::WEAK)
        }
        _ => None,
    }
}

fn dissect_amqp(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    match *message.bytes {
        [1, 0, 0, _, _, _, _, 0, 10, 0, 10, _, _, ref rest @ ..] => {
            let mut properties = Properties::default();
            let table = properties.table(rest)?;
            properties.say(AMQP_SERVER, table, out);
            if let Some(platform) = properties.platform {
                out.say(Subject::Sender, AMQP_PLATFORM, platform);
            }
            if let Some(cluster) = properties.cluster {
                out.say(Subject::Sender, AMQP_CLUSTER, cluster);
            }
        }
        [1, 0, 0, _, _, _, _, 0, 10, 0, 11, ref rest @ ..] => {
            let mut properties = Properties::default();
            let table = properties.table(rest)?;
            properties.say(AMQP_CLIENT, table, out);
        }
        [0, _, _, _, 2, 0, _, _, 0, 0x53, 0x10, ref list @ ..] => {
            return open(list, message.from, out);
        }
        _ => {}
    }
    Ok(())
}

/// What identifies, of a table of properties.
#[derive(Default)]
struct Properties<'a> {
    product: Option<&'a [u8]>,
    version: Option<&'a [u8]>,
    platform: Option<&'a [u8]>,
    cluster: Option<&'a [u8]>,
}

impl<'a> Properties<'a> {
    /// Reads texts of a table (§4.2.5.5) up to a value that is neither text, truth, number nor table.
    fn table(&mut self, octets: &'a [u8]) -> Result<&'a [u8], Fault> {
        let mut rest = octets;
        let length = usize::try_from(be32(&mut rest, "amqp table")?).unwrap_or(usize::MAX);
        let table = take(&mut rest, length, "amqp table")?;
        let mut rest = table;
        while !rest.is_empty() {
            let name = counted8(&mut rest, "amqp name")?;
            let skip = match octet(&mut rest, "amqp type")? {
                b'S' | b'x' => {
                    let length = be32(&mut rest, "amqp text")?;
                    let length = usize::try_from(length).unwrap_or(usize::MAX);
                    let value = take(&mut rest, length, "amqp text")?;
                    self.set(name, value);
                    0
                }
                b'F' | b'A' => {
                    usize::try_from(be32(&mut rest, "amqp table")?).unwrap_or(usize::MAX)
                }
                b't' | b'b' | b'B' => 1,
                b's' | b'u' | b'U' => 2,
                b'I' | b'i' | b'f' => 4,
                b'D' => 5,
                b'L' | b'l' | b'T' | b'd' => 8,
                b'V' => 0,
                _ => return Err(Fault::value("amqp type", rest)),
            };
            take(&mut rest, skip, "amqp value")?;
        }
        Ok(table)
    }

    fn set(&mut self, name: &[u8], value: &'a [u8]) {
        // Some send the NUL that ends the text as well.
        let value = unpadded(value);
        if !is_printable(value) {
            return;
        }
        match name {
            b"product" => self.product = Some(value),
            b"version" => self.version = Some(value),
            b"platform" => self.platform = Some(value),
            b"cluster_name" => self.cluster = Some(value),
            _ => {}
        }
    }

    fn say(&self, key: Key, octets: &[u8], out: &mut Out<'_>) {
        match (self.product, self.version) {
            (Some(product), Some(version)) => {
                let (product, version) = (Text(product), Text(version));
                let text = format_args!("{product} {version}");
                out.text(Subject::Sender, key, octets, text);
            }
            (Some(product), None) => out.say(Subject::Sender, key, product),
            _ => {}
        }
    }
}

/// An open of 1.0: a list of container id, host name, limits, and properties as the tenth.
fn open(list: &[u8], from: Role, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = list;
    match octet(&mut rest, "amqp list")? {
        0xc0 => take(&mut rest, 2, "amqp list")?,
        0xd0 => take(&mut rest, 8, "amqp list")?,
        _ => return Ok(()),
    };
    let (_, container) = value(&mut rest)?;
    if is_printable(container) {
        out.say(Subject::Sender, AMQP_CONTAINER, container);
    }
    for _ in 0..8 {
        value(&mut rest)?;
    }
    let octets = rest;
    let (kind, map) = value(&mut rest)?;
    let mut map = match kind {
        // The count of elements comes first.
        0xc1 => map.get(1..),
        0xd1 => map.get(4..),
        _ => None,
    }
    .unwrap_or_default();
    let mut properties = Properties::default();
    while !map.is_empty() {
        let (_, name) = value(&mut map)?;
        let (kind, text) = value(&mut map)?;
        if matches!(kind, 0xa1 | 0xb1 | 0xa3 | 0xb3) {
            properties.set(name, text);
        }
    }
    let key = match from {
        Role::Client => AMQP_CLIENT,
        Role::Server => AMQP_SERVER,
    };
    properties.say(key, octets, out);
    Ok(())
}

/// The next value by the width that its code says (§1.2.2), not described.
fn value<'a>(rest: &mut &'a [u8]) -> Result<(u8, &'a [u8]), Fault> {
    let code = octet(rest, "amqp code")?;
    let length = match code >> 4 {
        4 => 0,
        5 => 1,
        6 => 2,
        7 => 4,
        8 => 8,
        9 => 16,
        0xa | 0xc | 0xe => octet(rest, "amqp size")?.into(),
        0xb | 0xd | 0xf => usize::try_from(be32(rest, "amqp size")?).unwrap_or(usize::MAX),
        _ => return Err(Fault::value("amqp code", rest)),
    };
    Ok((code, take(rest, length, "amqp value")?))
}

/// Operations of the protocol, as they begin a line.
const OPERATIONS: [&[u8]; 12] = [
    b"INFO {",
    b"CONNECT {",
    b"PING",
    b"PONG",
    b"+OK",
    b"-ERR",
    b"SUB ",
    b"UNSUB ",
    b"PUB ",
    b"HPUB ",
    b"MSG ",
    b"HMSG ",
];

/// One line; the payload that it announces is passed over.
fn nats_frame(input: &[u8]) -> Framed {
    let known = OPERATIONS
        .iter()
        .find(|operation| begins(input, operation))
        .ok_or_else(|| foreign("nats operation", input))?;
    let Some(end) = input.iter().position(|octet| *octet == b'\n') else {
        return Err(if input.len() < LONGEST_LINE {
            more(input.len().saturating_add(1), input)
        } else {
            foreign("nats line", input)
        });
    };
    let length = end.saturating_add(1);
    if !input.starts_with(known) {
        return Err(foreign("nats operation", input));
    }
    let line = input.get(..end).unwrap_or_default().trim_ascii_end();
    let skip = if matches!(*known, b"PUB " | b"HPUB " | b"MSG " | b"HMSG ") {
        let size = line.rsplit(|octet| *octet == b' ').next();
        let size = size.and_then(|size| std::str::from_utf8(size).ok());
        let size: u32 = size
            .and_then(|size| size.parse().ok())
            .ok_or_else(|| foreign("nats size", input))?;
        // The payload ends with a line end of its own.
        u64::from(size).saturating_add(2)
    } else {
        0
    };
    Ok(Cut { length, skip })
}

fn recognise_nats(message: &[u8]) -> Option<Recognition> {
    if message.starts_with(b"INFO {") {
        return find(message, b"\"server_id\"").map(|_| Recognition::STRONG.from(Role::Server));
    }
    if message.starts_with(b"CONNECT {") {
        return find(message, b"\"verbose\"").map(|_| Recognition::STRONG.from(Role::Client));
    }
    None
}

fn dissect_nats(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let line = message.bytes;
    if line.starts_with(b"INFO {") {
        for (name, key) in [
            (&b"\"server_name\""[..], NATS_NAME),
            (b"\"version\"", NATS_VERSION),
            (b"\"go\"", NATS_GO),
        ] {
            if let Some(value) = json(line, name) {
                out.say(Subject::Sender, key, value);
            }
        }
    } else if line.starts_with(b"CONNECT {")
        && let (Some(library), Some(version)) =
            (json(line, b"\"lang\""), json(line, b"\"version\""))
    {
        let (library, shown) = (Text(library), Text(version));
        let text = format_args!("{library} {shown}");
        out.text(Subject::Sender, NATS_CLIENT, version, text);
    }
    Ok(())
}

/// The text behind a quoted name.
fn json<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.get(find(line, name)?.saturating_add(name.len())..)?;
    let rest = rest.trim_ascii_start().strip_prefix(b":")?;
    let rest = rest.trim_ascii_start().strip_prefix(b"\"")?;
    rest.split(|octet| *octet == b'"').next()
}
