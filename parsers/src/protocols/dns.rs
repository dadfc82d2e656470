//! Domain Name System, and its two local kin: multicast DNS and LLMNR.
//!
//! Spec: RFC 1035 §4 (messages), RFC 6762 (mDNS), RFC 6763 (DNS-SD), RFC 4795 (LLMNR), RFC 4892 (`version.bind`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::octets::{array, be16, be32, octet, take, whole};
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::Text;

/// Name of a local address, from an answer about it.
pub const NAME: Key = Key("dns.name");
/// `version.bind`: the server's software.
pub const VERSION_BIND: Key = Key("dns.version_bind");
/// `hostname.bind` or `id.server`: the server's name.
pub const HOSTNAME_BIND: Key = Key("dns.hostname_bind");

/// mDNS: host name of the sender.
pub const MDNS_NAME: Key = Key("mdns.name");
/// mDNS: name of a service that the sender offers (RFC 6335): `ipp` of `_ipp._tcp.local`.
pub const MDNS_SERVICE: Key = Key("mdns.service");
/// mDNS: what the sender calls its instance of a service: `Kitchen` of `Kitchen._ipp._tcp.local`.
pub const MDNS_INSTANCE: Key = Key("mdns.instance");
/// mDNS: an entry of a TXT record.
pub const MDNS_TXT: Key = Key("mdns.txt");
/// mDNS: CPU and operating system of an HINFO record.
pub const MDNS_HINFO: Key = Key("mdns.hinfo");

/// LLMNR: the name that the sender answers for.
pub const LLMNR_NAME: Key = Key("llmnr.name");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "dns",
    spec: "RFC 1035",
    carriers: &[Carrier::Udp(53), Carrier::Tcp(53)],
    keys: &[NAME, VERSION_BIND, HOSTNAME_BIND],
    frame: Some(frame),
    recognise: |message| recognise(message, Flavour::Unicast),
    operation: None,
    probes: &[ASK_VERSION, LOOK_UP],
    dissect: |message, out| dissect(message, Flavour::Unicast, out),
};

/// Registration of multicast DNS.
pub static MDNS: Protocol = Protocol {
    name: "mdns",
    spec: "RFC 6762",
    carriers: &[Carrier::Udp(5353)],
    keys: &[MDNS_NAME, MDNS_SERVICE, MDNS_INSTANCE, MDNS_TXT, MDNS_HINFO],
    frame: None,
    recognise: |message| recognise(message, Flavour::Multicast),
    operation: None,
    probes: &[LIST_SERVICES, LIST_SERVICES_SEGMENT],
    dissect: |message, out| dissect(message, Flavour::Multicast, out),
};

/// Registration of Link-Local Multicast Name Resolution.
pub static LLMNR: Protocol = Protocol {
    name: "llmnr",
    spec: "RFC 4795",
    carriers: &[Carrier::Udp(5355)],
    keys: &[LLMNR_NAME],
    frame: None,
    recognise: |message| recognise(message, Flavour::LinkLocal),
    operation: None,
    probes: &[],
    dissect: |message, out| dissect(message, Flavour::LinkLocal, out),
};

/// RFC 6763 §9: which services there are. The top bit of the class asks for an answer to us alone (RFC 6762 §5.4).
const LIST_SERVICES: Probe = Probe {
    name: "list services",
    asks: &[MDNS_SERVICE],
    carrier: Carrier::Udp(5353),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &ASK_SERVICES,
        until: Until::Answer,
    }],
    frames: 1,
};
const LIST_SERVICES_SEGMENT: Probe = Probe {
    name: "list services (multicast)",
    reach: Reach::Segment,
    steps: &[Step {
        sends: &ASK_SERVICES,
        until: Until::Quiet,
    }],
    ..LIST_SERVICES
};
const ASK_SERVICES: [Piece; 4] = [
    Piece::Octets(&[0x00, 0x00, 0x00, 0x00], "no id, a query"),
    Piece::Octets(
        &[0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
        "one question",
    ),
    Piece::Octets(
        b"\x09_services\x07_dns-sd\x04_udp\x05local\0",
        "_services._dns-sd._udp.local",
    ),
    Piece::Octets(
        &[0x00, 0x0c, 0x80, 0x01],
        "type PTR, class Internet, answer to us alone",
    ),
];
/// RFC 4892: what the server calls itself.
const ASK_VERSION: Probe = Probe {
    name: "version.bind",
    asks: &[VERSION_BIND],
    carrier: Carrier::Udp(53),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[
            Piece::Octets(
                &[0x46, 0x4f, 0x00, 0x00],
                "id 0x464f, a query, no recursion",
            ),
            Piece::Octets(
                &[0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
                "one question",
            ),
            Piece::Octets(b"\x07version\x04bind\0", "version.bind"),
            Piece::Octets(&[0x00, 0x10, 0x00, 0x03], "type TXT, class chaos"),
        ],
        until: Until::Answer,
    }],
    frames: 1,
};

/// RFC 1035 §3.5: what an address is called. It is put to a resolver, about somebody else.
const LOOK_UP: Probe = Probe {
    name: "name of an address (PTR)",
    asks: &[NAME],
    steps: &[Step {
        sends: &[
            Piece::Hole(Hole::Random { length: 2 }, "id"),
            Piece::Octets(&[0x01, 0x00], "a query, recursion desired"),
            Piece::Octets(
                &[0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
                "one question",
            ),
            Piece::Hole(Hole::ReverseName, "what is asked about"),
            Piece::Octets(&[0x00, 0x0c, 0x00, 0x01], "type PTR, class Internet"),
        ],
        until: Until::Answer,
    }],
    ..ASK_VERSION
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flavour {
    Unicast,
    Multicast,
    LinkLocal,
}

/// Records read of one message.
const MOST_RECORDS: u16 = 256;
/// Labels and pointers followed of one name (RFC 1035 §2.3.4 allows 255 octets).
const MOST_LABELS: usize = 128;

/// On TCP a length goes before each message (RFC 1035 §4.2.2).
fn frame(input: &[u8]) -> Framed {
    let [high, low, _, _, f0, f1, q0, q1, ..] = crate::octets::head::<14>(input)?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    // Opcode, reserved bit and one question, as almost every message has.
    let plausible = f0 & 0x70 == 0 && f1 & 0x40 == 0 && [q0, q1] == [0, 1];
    if length < 12 || !plausible {
        return Err(crate::octets::foreign("dns header", input));
    }
    whole(input, length.saturating_add(2)).map(|cut| Cut::whole(cut.length))
}

/// The message behind the length that goes before it on TCP.
fn body(message: &[u8]) -> &[u8] {
    match message {
        [high, low, rest @ ..] if usize::from(u16::from_be_bytes([*high, *low])) == rest.len() => {
            rest
        }
        other => other,
    }
}

struct Header {
    response: bool,
    questions: u16,
    answers: u16,
    records: u16,
}

fn read_header(rest: &mut &[u8]) -> Result<Header, Fault> {
    be16(rest, "dns id")?;
    let flags = be16(rest, "dns flags")?;
    let [q0, q1, a0, a1, n0, n1, x0, x1] = array::<8>(rest, "dns counts")?;
    let records = u16::from_be_bytes([a0, a1])
        .saturating_add(u16::from_be_bytes([n0, n1]))
        .saturating_add(u16::from_be_bytes([x0, x1]));
    Ok(Header {
        response: flags & 0x8000 != 0,
        questions: u16::from_be_bytes([q0, q1]),
        answers: u16::from_be_bytes([a0, a1]),
        records,
    })
}

/// A name where it stands in a message.
#[derive(Clone, Copy)]
struct Name<'a> {
    message: &'a [u8],
    /// Offset of its first label.
    at: usize,
}

impl<'a> Name<'a> {
    /// The labels, pointers followed.
    fn labels(self) -> impl Iterator<Item = &'a [u8]> {
        let mut at = self.at;
        let mut left = MOST_LABELS;
        std::iter::from_fn(move || {
            loop {
                left = left.checked_sub(1)?;
                let length = usize::from(*self.message.get(at)?);
                at = match length {
                    1..=63 => {
                        let start = at.saturating_add(1);
                        let end = start.saturating_add(length);
                        at = end;
                        return self.message.get(start..end);
                    }
                    0xc0.. => {
                        let low = usize::from(*self.message.get(at.saturating_add(1))?);
                        // Pointers go back; one that does not would loop.
                        let target = (length & 0x3f) << 8 | low;
                        if target >= at {
                            return None;
                        }
                        target
                    }
                    _ => return None,
                };
            }
        })
    }

    fn ends_with(self, suffix: &[&[u8]]) -> bool {
        let count = self.labels().count();
        let Some(skip) = count.checked_sub(suffix.len()) else {
            return false;
        };
        self.labels()
            .skip(skip)
            .zip(suffix)
            .all(|(a, b)| a.eq_ignore_ascii_case(b))
    }

    fn is(self, name: &[&[u8]]) -> bool {
        self.labels().count() == name.len() && self.ends_with(name)
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, label) in self.labels().enumerate() {
            if n > 0 {
                f.write_str(".")?;
            }
            Text(label).fmt(f)?;
        }
        Ok(())
    }
}

/// Takes a name off `rest`, which lies in `message`; also its own octets.
fn name<'a>(message: &'a [u8], rest: &mut &'a [u8]) -> Result<(Name<'a>, &'a [u8]), Fault> {
    let at = message.len().saturating_sub(rest.len());
    let start = *rest;
    for _ in 0..MOST_LABELS {
        let length = octet(rest, "dns name")?;
        match length {
            0 => break,
            1..=63 => {
                take(rest, length.into(), "dns label")?;
            }
            0xc0.. => {
                octet(rest, "dns pointer")?;
                break;
            }
            _ => return Err(Fault::value("dns label length", rest)),
        }
    }
    let used = start.len().saturating_sub(rest.len());
    Ok((Name { message, at }, start.get(..used).unwrap_or_default()))
}

/// One resource record.
struct Record<'a> {
    name: Name<'a>,
    /// The name's own octets.
    name_octets: &'a [u8],
    kind: u16,
    class: u16,
    data: &'a [u8],
}

fn record<'a>(message: &'a [u8], rest: &mut &'a [u8]) -> Result<Record<'a>, Fault> {
    let (name, name_octets) = name(message, rest)?;
    let kind = be16(rest, "dns record type")?;
    let class = be16(rest, "dns record class")?;
    be32(rest, "dns record ttl")?;
    let data = crate::octets::counted16(rest, "dns record data")?;
    Ok(Record {
        name,
        name_octets,
        kind,
        class,
        data,
    })
}

/// Few octets mark a DNS message: every name and record must read to the end of it.
fn recognise(message: &[u8], flavour: Flavour) -> Option<Recognition> {
    let message = body(message);
    let mut rest = message;
    let header = read_header(&mut rest).ok()?;
    let &[_, _, f0, f1, ..] = message else {
        return None;
    };
    // Opcode QUERY, and of the reply codes only those that servers send.
    let plain = f0 & 0x78 == 0 && f1 & 0x40 == 0 && f1 & 0x0f <= 5;
    if !plain || header.questions.saturating_add(header.records) == 0 || header.questions > 32 {
        return None;
    }
    for _ in 0..header.questions {
        name(message, &mut rest).ok()?;
        let kind = be16(&mut rest, "dns question type").ok()?;
        // The top bit of the class asks for unicast answers (RFC 6762 §5.4).
        let class = be16(&mut rest, "dns question class").ok()? & 0x7fff;
        if kind == 0 || !matches!(class, 1 | 3 | 255) {
            return None;
        }
    }
    for _ in 0..header.records.min(MOST_RECORDS) {
        record(message, &mut rest).ok()?;
    }
    if !rest.is_empty() {
        return None;
    }
    let role = if header.response {
        Role::Server
    } else {
        Role::Client
    };
    let found = Recognition::STRONG.from(role);
    match flavour {
        Flavour::Unicast => (header.questions == 1).then_some(found),
        // RFC 6762 §18: reply code, opcode and recursion bits are zero, and names are local ones.
        Flavour::Multicast => {
            let first = Name { message, at: 12 };
            let local = first.ends_with(&[b"local"]) || first.ends_with(&[b"arpa"]);
            let plain = matches!([f0, f1], [0x00 | 0x02 | 0x84 | 0x86 | 0x80, 0x00]);
            (plain && local).then_some(Recognition::STRONG)
        }
        // RFC 4795 §2.1.1: a single label, as a rule.
        Flavour::LinkLocal => {
            let recursion = f0 & 0x01 != 0 || f1 & 0x80 != 0;
            (header.questions == 1 && !recursion).then_some(found)
        }
    }
}

fn dissect(message: Message<'_>, flavour: Flavour, out: &mut Out<'_>) -> Result<(), Fault> {
    let bytes = body(message.bytes);
    let mut rest = bytes;
    let header = read_header(&mut rest)?;
    for _ in 0..header.questions {
        name(bytes, &mut rest)?;
        take(&mut rest, 4, "dns question")?;
    }
    // The answers in a question are what others have said already; behind them stands what the sender
    // is about to claim (RFC 6762 §7.1, §8.2).
    let skipped = match (header.response, flavour) {
        (true, _) => 0,
        (false, Flavour::Multicast) => header.answers,
        (false, _) => return Ok(()),
    };
    for n in 0..header.records.min(MOST_RECORDS) {
        let record = record(bytes, &mut rest)?;
        if n < skipped {
            continue;
        }
        match flavour {
            Flavour::Unicast => unicast(&record, bytes, out),
            Flavour::Multicast => multicast(&record, bytes, out),
            Flavour::LinkLocal => {
                if matches!(record.kind, 1 | 28) {
                    let name = record.name;
                    out.text(
                        Subject::Sender,
                        LLMNR_NAME,
                        record.name_octets,
                        format_args!("{name}"),
                    );
                }
            }
        }
    }
    Ok(())
}

fn unicast(record: &Record<'_>, message: &[u8], out: &mut Out<'_>) {
    let name = record.name;
    match (record.kind, record.class) {
        // Class CHAOS asks about the server itself.
        (16, 3) => {
            let text = record.data.get(1..).unwrap_or_default();
            if name.is(&[b"version", b"bind"]) || name.is(&[b"version", b"server"]) {
                out.say(Subject::Sender, VERSION_BIND, text);
            } else if name.is(&[b"hostname", b"bind"]) || name.is(&[b"id", b"server"]) {
                out.say(Subject::Sender, HOSTNAME_BIND, text);
            }
        }
        (1 | 28, 1) => {
            if let Some(address) = address(record).filter(|address| is_private(*address)) {
                out.text(
                    Subject::Ip(address),
                    NAME,
                    record.name_octets,
                    format_args!("{name}"),
                );
            }
        }
        (12, 1) => {
            if let Some(address) = reverse(name).filter(|address| is_private(*address)) {
                let at = message
                    .len()
                    .saturating_sub(offset_from_end(message, record.data));
                let target = Name { message, at };
                out.text(
                    Subject::Ip(address),
                    NAME,
                    record.data,
                    format_args!("{target}"),
                );
            }
        }
        _ => {}
    }
}

fn multicast(record: &Record<'_>, message: &[u8], out: &mut Out<'_>) {
    let name = record.name;
    let at = message
        .len()
        .saturating_sub(offset_from_end(message, record.data));
    match record.kind {
        1 | 28 if name.ends_with(&[b"local"]) => host(name, record.name_octets, out),
        // The host that serves it: priority, weight and port go before.
        33 => {
            let target = Name {
                message,
                at: at.saturating_add(6),
            };
            host(target, record.data.get(6..).unwrap_or_default(), out);
            instance(name, record.name_octets, out);
        }
        12 if name.ends_with(&[b"local"]) => instance(Name { message, at }, record.data, out),
        16 => {
            let mut rest = record.data;
            while let Ok(entry) = crate::octets::counted8(&mut rest, "txt entry") {
                out.say(Subject::Sender, MDNS_TXT, entry);
            }
        }
        13 => {
            let mut rest = record.data;
            if let (Ok(cpu), Ok(os)) = (
                crate::octets::counted8(&mut rest, "hinfo cpu"),
                crate::octets::counted8(&mut rest, "hinfo os"),
            ) {
                let (cpu, os) = (Text(cpu), Text(os));
                out.text(
                    Subject::Sender,
                    MDNS_HINFO,
                    record.data,
                    format_args!("{cpu} {os}"),
                );
            }
        }
        _ => {}
    }
}

/// A host name; `local` is the same for all.
fn host(name: Name<'_>, octets: &[u8], out: &mut Out<'_>) {
    if let Some(label) = name.labels().next() {
        let label = Text(label);
        out.text(Subject::Sender, MDNS_NAME, octets, format_args!("{label}"));
    }
}

/// Instance, service, transport and domain (RFC 6763 §4.1); the instance may be missing.
fn instance(name: Name<'_>, octets: &[u8], out: &mut Out<'_>) {
    let mut before = None;
    for label in name.labels() {
        if let Some(service) = label.strip_prefix(b"_") {
            if !matches!(service, b"tcp" | b"udp" | b"services" | b"dns-sd" | b"sub") {
                let service = Text(service);
                out.text(
                    Subject::Sender,
                    MDNS_SERVICE,
                    octets,
                    format_args!("{service}"),
                );
                if let Some(instance) = before.take().map(Text) {
                    out.text(
                        Subject::Sender,
                        MDNS_INSTANCE,
                        octets,
                        format_args!("{instance}"),
                    );
                }
            }
            before = None;
        } else {
            before = Some(label);
        }
    }
}

/// How far before the end of the message a part of it begins.
fn offset_from_end(message: &[u8], part: &[u8]) -> usize {
    let end = message.as_ptr().addr().saturating_add(message.len());
    end.saturating_sub(part.as_ptr().addr())
}

fn address(record: &Record<'_>) -> Option<IpAddr> {
    match record.kind {
        1 => <[u8; 4]>::try_from(record.data)
            .ok()
            .map(|a| IpAddr::V4(Ipv4Addr::from(a))),
        28 => <[u8; 16]>::try_from(record.data)
            .ok()
            .map(|a| IpAddr::V6(Ipv6Addr::from(a))),
        _ => None,
    }
}

/// The address of `4.3.2.1.in-addr.arpa`.
fn reverse(name: Name<'_>) -> Option<IpAddr> {
    if !name.ends_with(&[b"in-addr", b"arpa"]) {
        return None;
    }
    let mut octets = [0; 4];
    let labels = name.labels().take(4);
    for (octet, label) in octets.iter_mut().rev().zip(labels) {
        *octet = std::str::from_utf8(label).ok()?.parse().ok()?;
    }
    Some(IpAddr::V4(Ipv4Addr::from(octets)))
}

/// Answers about the Internet describe no asset of ours.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}
