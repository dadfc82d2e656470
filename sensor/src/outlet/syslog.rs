//! A change as a syslog message.
//!
//! Spec: RFC 5424 §6 (message), §6.3 (structured data), RFC 6587 §3.4.1 and RFC 5425 §4.3 (octet counting).
//!
//! ```text
//! 417 <165>1 2026-03-01T08:00:00.000000Z sensor-1 fossick 812 fact-changed [fossick@32473 seq="7" …] BOM sentence
//! ```

use std::fmt::{self, Write as _};

use fossick_model::{
    Acceptance, Addresses, Change, ControlState, Conversation, Event, Evidence, Order, Staleness,
    Step, Transport,
};
use serde::Deserialize;
use serde_json::Value;

use crate::safe::push_safe;

/// The enterprise number that RFC 5612 sets aside for examples: Fossick has none of its own. A site that has one
/// configures it.
pub const ENTERPRISE: u32 = 32473;

/// Octets of a message without its count. More than 8 KiB is cut or split by receivers as they are shipped
/// (rsyslog's `maxMessageSize`).
const MOST: usize = 8192;

/// Octets of one value of the structured data, if the message has room for all of them.
const VALUE: usize = 2048;

/// Octets of one value in the sentence.
const MENTION: usize = 200;

/// Octets of a host name (RFC 5424 §6.2.4).
const HOSTNAME: usize = 255;

/// Octets of the name of a parameter (RFC 5424 §6.3.3).
const NAME: usize = 32;

/// Parameters at most; a change has a dozen.
const PARAMETERS: usize = 64;

/// Objects within objects whose fields become parameters of their own.
const DEPTH: usize = 4;

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Name of the sensor: the message's HOSTNAME.
    pub sensor: String,
    /// Process id of the sensor: the message's PROCID.
    pub process: u32,
    /// Where the receiver files it.
    pub facility: Facility,
    /// Private enterprise number in the name of the structured data; see [`ENTERPRISE`].
    pub enterprise: u32,
}

impl Origin {
    /// This process, with what is configured by default.
    #[must_use]
    pub fn named(sensor: &str) -> Origin {
        Origin {
            sensor: sensor.to_owned(),
            process: std::process::id(),
            facility: Facility::default(),
            enterprise: ENTERPRISE,
        }
    }
}

/// A facility for local use (RFC 5424 §6.2.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum Facility {
    Local0 = 16,
    Local1 = 17,
    Local2 = 18,
    Local3 = 19,
    #[default]
    Local4 = 20,
    Local5 = 21,
    Local6 = 22,
    Local7 = 23,
}

/// How grave it is (RFC 5424 §6.2.1): the smaller, the graver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum Severity {
    Emergency = 0,
    Alert = 1,
    Critical = 2,
    Error = 3,
    Warning = 4,
    Notice = 5,
    Informational = 6,
    Debug = 7,
}

/// How grave a change is.
#[must_use]
pub fn severity(event: &Event) -> Severity {
    match event {
        Event::ControlMoved { control } => match control {
            ControlState::Violated { .. } | ControlState::Stale { .. } => Severity::Warning,
            _ => Severity::Notice,
        },
        // What the sensor says of its run and its configuration is no trouble.
        Event::Sensor { part, .. } if matches!(part.as_str(), "run" | "config") => Severity::Notice,
        Event::Sensor { .. }
        | Event::AddressMoved { .. }
        | Event::FindingOpened { .. }
        | Event::DecisionExpired { .. }
        | Event::Resynchronised { .. } => Severity::Warning,
        Event::AssetSeen { .. }
        | Event::AssetSilent { .. }
        | Event::AssetReturned { .. }
        | Event::AssetForgotten
        | Event::FactChanged { .. }
        | Event::ServiceAppeared { .. }
        | Event::FindingClosed { .. }
        | Event::DecisionInherited { .. }
        | Event::Ordered { .. } => Severity::Notice,
        Event::AssetMerged { .. }
        | Event::FactLearnt { .. }
        | Event::FactWithdrawn { .. }
        | Event::AddressGained { .. }
        | Event::AddressLost { .. } => Severity::Informational,
    }
}

/// The change as a message with its octet count before it, ready to be sent.
#[must_use]
pub fn format(change: &Change, origin: &Origin) -> Vec<u8> {
    let parameters = parameters(change);
    let mut value = VALUE;
    let mut message = write(change, origin, &parameters, value);
    // However many values there are, they all get their share.
    while message.len() > MOST && value > 16 {
        value = value.div_euclid(2);
        message = write(change, origin, &parameters, value);
    }
    format!("{} {message}", message.len()).into_bytes()
}

fn write(change: &Change, origin: &Origin, parameters: &[(String, String)], most: usize) -> String {
    let priority = (origin.facility as u8)
        .saturating_mul(8)
        .saturating_add(severity(&change.event) as u8);
    let mut message = format!(
        "<{priority}>1 {} {} fossick {} {} [fossick@{}",
        change.time,
        hostname(&origin.sensor),
        origin.process,
        change.event.name(),
        origin.enterprise,
    );
    for (name, value) in parameters {
        let value = cut(value, most, quoted);
        // Writing to a string cannot fail.
        let _ = write!(message, " {name}=\"{value}\"");
    }
    message.push_str("] \u{feff}");
    let _ = write!(message, "{}", Sentence(change, most.min(MENTION)));
    message
}

/// What HOSTNAME may hold; a hyphen for anything else.
fn hostname(name: &str) -> String {
    let printable = |c: char| if c.is_ascii_graphic() { c } else { '-' };
    let name: String = name.chars().take(HOSTNAME).map(printable).collect();
    if name.is_empty() {
        return "-".to_owned();
    }
    name
}

/// Every field of the change that is not in the header, by the name that it has in the journal.
fn parameters(change: &Change) -> Vec<(String, String)> {
    let mut list = vec![("seq".to_owned(), change.seq.to_string())];
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            list.push((name.to_owned(), value.to_owned()));
        }
    };
    add("asset", &change.asset);
    add("label", &change.label);
    if let Ok(Value::Object(mut fields)) = serde_json::to_value(change) {
        for there in ["seq", "time", "asset", "label", "event"] {
            fields.remove(there);
        }
        for (name, value) in &fields {
            flatten(name, value, DEPTH, &mut list);
        }
    }
    list.truncate(PARAMETERS);
    list
}

/// The fields of an object become `object.field`; a list of words becomes one value, joined by commas.
fn flatten(name: &str, value: &Value, depth: usize, into: &mut Vec<(String, String)>) {
    let text = match value {
        Value::Null => return,
        Value::Object(fields) if depth > 0 => {
            for (field, value) in fields {
                flatten(
                    &format!("{name}.{field}"),
                    value,
                    depth.saturating_sub(1),
                    into,
                );
            }
            return;
        }
        Value::Array(list) if list.iter().all(|v| !v.is_object() && !v.is_array()) => {
            list.iter().map(scalar).collect::<Vec<_>>().join(",")
        }
        Value::Array(_) | Value::Object(_) => value.to_string(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => scalar(value),
    };
    let allowed = |c: &char| c.is_ascii_graphic() && !matches!(c, '=' | ']' | '"');
    let name: String = name.chars().filter(allowed).take(NAME).collect();
    if !name.is_empty() && !text.is_empty() {
        into.push((name, text));
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A character as it stands in a value (RFC 5424 §6.3.3).
fn quoted(character: char, to: &mut String) {
    if matches!(character, '"' | '\\' | ']') {
        to.push('\\');
    }
    to.push(character);
}

/// A character as it stands in the sentence.
fn plain(character: char, to: &mut String) {
    to.push(character);
}

/// The text with everything written out that anybody might obey, in so many octets at most: what is longer ends
/// with an ellipsis. What stands for one character is never cut in half.
fn cut(text: &str, most: usize, put: fn(char, &mut String)) -> String {
    const ELLIPSIS: char = '…';
    let room = most.saturating_sub(ELLIPSIS.len_utf8());
    let (mut short, mut safe) = (String::new(), String::new());
    let mut fits = 0;
    // A character takes an octet at least, so that no more of them are looked at than could fit.
    for (n, character) in text.chars().enumerate() {
        if n > most {
            break;
        }
        safe.clear();
        push_safe(character, &mut safe);
        for character in safe.chars() {
            put(character, &mut short);
        }
        if short.len() <= room {
            fits = short.len();
        } else if short.len() > most {
            break;
        }
    }
    if short.len() > most {
        short.truncate(fits);
        short.push(ELLIPSIS);
    }
    short
}

/// What happened, in one sentence that is safe to print.
#[must_use]
pub fn sentence(change: &Change) -> String {
    Sentence(change, 200).to_string()
}

/// What happened, in one sentence.
struct Sentence<'a>(&'a Change, usize);

impl Sentence<'_> {
    fn short(&self, text: &str) -> String {
        cut(text, self.1, plain)
    }

    /// Where it was said: `frame 12 of plant.pcap`.
    fn place(&self, evidence: &Evidence) -> String {
        format!(
            "frame {} of {}",
            evidence.frames.first(),
            self.short(&evidence.capture)
        )
    }

    fn seen(&self, addresses: &Addresses) -> String {
        let v4 = addresses.ipv4.iter().map(ToString::to_string);
        let v6 = addresses.ipv6.iter().map(ToString::to_string);
        let all: Vec<String> = v4.chain(v6).chain(addresses.mac.iter().cloned()).collect();
        if all.is_empty() {
            return "new asset".to_owned();
        }
        format!("new asset at {}", self.short(&all.join(", ")))
    }

    fn served(&self, transport: Transport, port: u16, protocol: Option<&str>) -> String {
        let transport = match transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        let protocol = protocol.map(|protocol| format!(" ({})", self.short(protocol)));
        format!("serves {transport}/{port}{}", protocol.unwrap_or_default())
    }

    fn finding(&self, finding: &Value) -> String {
        let title = finding.get("title").or_else(|| finding.get("rule"));
        self.short(title.and_then(Value::as_str).unwrap_or("without a title"))
    }

    fn order(&self, order: &Order) -> String {
        match order {
            Order::Acknowledge => "acknowledged".to_owned(),
            Order::Rename { name: Some(name) } => format!("renamed to {}", self.short(name)),
            Order::Rename { name: None } => "no longer named by hand".to_owned(),
            Order::Annotate { note: Some(note) } => format!("annotated: {}", self.short(note)),
            Order::Annotate { note: None } => "annotation removed".to_owned(),
            Order::SetKind { kind: Some(kind) } => format!("kind set to {}", self.short(kind)),
            Order::SetKind { kind: None } => "kind no longer set by hand".to_owned(),
            Order::Merge { with } => format!("merged with {}", self.short(with)),
            Order::Split { address } => format!("{} split off", self.short(address)),
            Order::Forget => "to be forgotten".to_owned(),
            Order::Sanction => "put on the list of approved assets".to_owned(),
            Order::Refuse => "refused: to be taken off the network".to_owned(),
            Order::AcknowledgeFinding { finding } => {
                format!("finding {} acknowledged", self.short(finding))
            }
            Order::Accept { finding, term } => format!(
                "finding {} accepted until {}: {}",
                self.short(finding),
                term.until.day(),
                self.short(&term.reason)
            ),
            Order::Reopen { finding } => format!("finding {} reopened", self.short(finding)),
            Order::DeclareUnpatchable { term } => format!(
                "declared unpatchable until {}: {}",
                term.until.day(),
                self.short(&term.reason)
            ),
            Order::Withdraw => "no longer declared unpatchable".to_owned(),
            Order::Approve { source, count } => {
                format!("{count} assets approved by {}", self.short(source))
            }
            Order::Control { control } => match control.as_ref() {
                Step::Propose { .. } => "control proposed".to_owned(),
                Step::DryRun => "control tried on what was heard".to_owned(),
                Step::Approve => "control approved".to_owned(),
                Step::Export { format } => format!("control exported for {}", self.short(format)),
                Step::Deployed { .. } => "control deployed".to_owned(),
            },
        }
    }

    fn accepted(&self, title: &str, acceptance: &Acceptance) -> String {
        format!(
            "{} (until {} by {}: {})",
            self.short(title),
            acceptance.until.day(),
            self.short(&acceptance.by.label()),
            self.short(&acceptance.reason)
        )
    }

    fn control(&self, control: &ControlState) -> String {
        let ends = |told: &Conversation| {
            let port = told
                .port
                .map_or(String::new(), |port| format!(" port {port}"));
            format!("{} to {}{port}", told.client.address, told.server.address)
        };
        match control {
            ControlState::Violated {
                conversation,
                evidence,
                ..
            } => format!(
                "control violated: {} went through ({})",
                ends(conversation),
                self.place(evidence)
            ),
            ControlState::Stale { reason } => match reason {
                Staleness::DemandChanged { .. } => "control stale: its reason changed".to_owned(),
                Staleness::BaselineChanged { conversation } => {
                    format!("control stale: it was made without {}", ends(conversation))
                }
                Staleness::NewAddress { address } => {
                    format!("control stale: {address} is not fenced in")
                }
            },
            other => format!("control {}", other.name()),
        }
    }
}

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let change = self.0;
        let s = |text: &str| self.short(text);
        if !change.label.is_empty() {
            write!(f, "{}: ", s(&change.label))?;
        } else if !change.asset.is_empty() {
            write!(f, "{}: ", s(&change.asset))?;
        }
        match &change.event {
            Event::AssetSeen { addresses } => f.write_str(&self.seen(addresses))?,
            Event::AssetMerged { into } => write!(f, "is one with asset {}", s(into))?,
            Event::AssetSilent { since } => write!(f, "silent since {since}")?,
            Event::AssetReturned { since } => {
                write!(f, "is heard again, after silence since {since}")?;
            }
            Event::AssetForgotten => write!(f, "no longer kept")?,
            Event::FactLearnt {
                attribute,
                value,
                reason,
            } => write!(
                f,
                "{attribute} is {} ({} in {})",
                s(value),
                s(&reason.key),
                self.place(&reason.evidence)
            )?,
            Event::FactChanged {
                attribute,
                old,
                value,
                reason,
            } => write!(
                f,
                "{attribute} changed from {} to {} ({} in {})",
                s(old),
                s(value),
                s(&reason.key),
                self.place(&reason.evidence)
            )?,
            Event::FactWithdrawn { attribute, old } => {
                write!(f, "{attribute} is no longer {}", s(old))?;
            }
            Event::AddressGained { address } => write!(f, "has the address {}", s(address))?,
            Event::AddressLost { address } => {
                write!(f, "no longer has the address {}", s(address))?;
            }
            Event::AddressMoved { address, from } => write!(
                f,
                "has the address {}, which was asset {}'s",
                s(address),
                s(from)
            )?,
            Event::ServiceAppeared {
                transport,
                port,
                protocol,
            } => f.write_str(&self.served(*transport, *port, protocol.as_deref()))?,
            Event::FindingOpened { finding } => write!(f, "finding: {}", self.finding(finding))?,
            Event::FindingClosed { finding, patched } => {
                write!(f, "finding closed: {}", self.finding(finding))?;
                if let Some(reason) = patched {
                    write!(f, "; it says {} now", self.short(&reason.raw))?;
                }
            }
            Event::DecisionExpired {
                title, acceptance, ..
            } => {
                let words = self.accepted(title, acceptance);
                write!(f, "no longer accepted: {words}")?;
            }
            Event::DecisionInherited {
                from,
                title,
                acceptance,
                ..
            } => {
                let words = self.accepted(title, acceptance);
                write!(f, "accepted as it was of asset {}: {words}", s(from))?;
            }
            Event::Resynchronised { since } => write!(
                f,
                "changes since {since} could not be written; this is what it is like now"
            )?,
            Event::ControlMoved { control } => f.write_str(&self.control(control))?,
            Event::Ordered { order } => f.write_str(&self.order(order))?,
            Event::Sensor { part, what } => write!(f, "sensor, {}: {}", s(part), s(what))?,
        }
        match &change.by {
            Some(person) => match &person.name {
                Some(name) => write!(f, ", by {}", s(name)),
                None => write!(f, ", by user {}", person.uid),
            },
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use fossick_model::{Attribute, Frames, Person, Reason, Time};

    use super::*;

    fn changed(value: &str) -> Change {
        Change {
            seq: 7,
            time: Time(1_445_342_401_000_001_999),
            asset: "a0b1c2d3e4f50617".to_owned(),
            label: "plc-line-3".to_owned(),
            event: Event::FactChanged {
                attribute: Attribute::Firmware,
                old: "V3.2.6".to_owned(),
                value: value.to_owned(),
                reason: Reason {
                    certainty: 95,
                    key: "s7comm.szl.firmware".into(),
                    raw: value.into(),
                    evidence: Evidence {
                        capture: "plant.pcap".into(),
                        frames: Frames::Several(vec![4711, 4712]),
                        time: Time(1_445_342_401_000_001_999),
                        heard: true,
                        octets: Vec::new(),
                    },
                },
            },
            by: None,
        }
    }

    fn told(change: &Change) -> String {
        let mut origin = Origin::named("sensor-1");
        origin.process = 812;
        let framed = String::from_utf8(format(change, &origin)).unwrap();
        let (count, message) = framed.split_once(' ').unwrap();
        assert_eq!(count.parse::<usize>().unwrap(), message.len());
        assert!(message.len() <= MOST, "{} octets", message.len());
        message.to_owned()
    }

    /// The parameters of the structured data as a receiver reads them, and what follows it.
    fn read(message: &str) -> (Vec<(String, String)>, &str) {
        let (_, rest) = message.split_once(" [fossick@32473").unwrap();
        let mut found = Vec::new();
        let mut characters = rest.char_indices();
        loop {
            match characters.next().unwrap() {
                (at, ']') => return (found, rest.split_at(at.saturating_add(1)).1),
                (_, ' ') => {}
                other => panic!("{other:?} in {rest}"),
            }
            let named = characters.by_ref().map(|(_, c)| c);
            let name: String = named.take_while(|c| *c != '=').collect();
            assert_eq!(characters.next().unwrap().1, '"');
            let mut value = String::new();
            loop {
                match characters.next().unwrap().1 {
                    '"' => break,
                    '\\' => value.push(characters.next().unwrap().1),
                    other => value.push(other),
                }
            }
            found.push((name, value));
        }
    }

    #[test]
    fn a_change_is_a_message_as_the_specification_has_it() {
        let expected = "<165>1 2015-10-20T12:00:01.000001Z sensor-1 fossick 812 fact-changed \
            [fossick@32473 seq=\"7\" asset=\"a0b1c2d3e4f50617\" label=\"plc-line-3\" \
            attribute=\"firmware\" certainty=\"95\" evidence.capture=\"plant.pcap\" \
            evidence.frames=\"4711,4712\" evidence.heard=\"true\" \
            evidence.time=\"2015-10-20T12:00:01.000001Z\" key=\"s7comm.szl.firmware\" \
            old=\"V3.2.6\" raw=\"V3.3.0\" value=\"V3.3.0\"] \u{feff}plc-line-3: firmware changed from \
            V3.2.6 to V3.3.0 (s7comm.szl.firmware in frame 4711 of plant.pcap)";
        assert_eq!(told(&changed("V3.3.0")), expected);
    }

    #[test]
    fn nothing_from_the_wire_breaks_out_of_its_value() {
        let hostile = "a\"] \u{feff}<8>1 - - - - - -\r\n\0\u{1b}[2J\\\u{202e}\u{2028}\u{9b}31m]\"=\u{e0041}é日";
        let message = told(&changed(hostile));
        let acts = |c: char| c.is_control() || "\u{202e}\u{2028}\u{e0041}".contains(c);
        assert!(!message.contains(acts), "{message:?}");
        let (parameters, rest) = read(&message);
        let value = parameters.iter().find(|(name, _)| name == "value").unwrap();
        assert_eq!(value.1, crate::safe::display_safe(hostile));
        // The one byte order mark is ours.
        assert!(rest.starts_with(" \u{feff}plc-line-3: "), "{rest}");
        assert_eq!(message.matches('\u{feff}').count(), 1);
        assert!(message.contains("\\\"\\] \\\\u{feff}<8>1"), "{message}");
    }

    #[test]
    fn a_message_is_bounded_and_a_cut_value_ends_with_an_ellipsis() {
        for long in ["x", "\"", "\u{1b}", "日", "é\\", "]"] {
            let mut change = changed(&long.repeat(30_000));
            change.label = long.repeat(30_000);
            let message = told(&change);
            assert!(message.len() > MOST / 2, "{long}: {} octets", message.len());
            let (parameters, _) = read(&message);
            let value = &parameters.iter().find(|(n, _)| n == "value").unwrap().1;
            let whole = value.strip_suffix('…').unwrap();
            let unit = crate::safe::display_safe(long);
            assert_eq!(
                whole,
                unit.repeat(whole.len() / unit.len()),
                "cut between characters"
            );
        }
    }

    #[test]
    fn a_finding_of_any_shape_has_its_fields_and_fits() {
        let mut fields = serde_json::json!({
            "rule": "advisory", "title": "No fix", "cves": ["CVE-2022-0000", "CVE-2022-0001"], "cvss": 9.8,
            "source": {"feed": "csaf"}, "evidence": [{"capture": "plant.pcap", "frame": 4711}], "a b=\"]": 1, "verdict": null,
        });
        let opened = |finding| Change {
            event: Event::FindingOpened { finding },
            ..changed("")
        };
        let message = told(&opened(fields.clone()));
        let (parameters, rest) = read(&message);
        for (name, value) in [
            ("finding.cves", "CVE-2022-0000,CVE-2022-0001"),
            ("finding.source.feed", "csaf"),
            (
                "finding.evidence",
                "[{\"capture\":\"plant.pcap\",\"frame\":4711}]",
            ),
            ("finding.ab", "1"),
        ] {
            assert!(
                parameters.contains(&(name.to_owned(), value.to_owned())),
                "{name}: {parameters:?}"
            );
        }
        assert_eq!(rest, " \u{feff}plc-line-3: finding: No fix");
        for n in 0..500 {
            fields[format!("field-{n}-with-a-name-that-is-longer-than-32")] =
                "x".repeat(500).into();
        }
        told(&opened(fields));
    }

    #[test]
    fn an_order_names_its_author_and_the_sensor_speaks_of_itself_without_an_asset() {
        let mut change = changed("");
        change.event = Event::Ordered {
            order: Order::Rename {
                name: Some("Press 4".to_owned()),
            },
        };
        change.by = Some(Person {
            uid: 1000,
            name: Some("erika".to_owned()),
        });
        let message = told(&change);
        assert!(message.contains(
            "by.name=\"erika\" by.uid=\"1000\" order.name=\"Press 4\" order.order=\"rename\""
        ));
        assert!(
            message.ends_with("plc-line-3: renamed to Press 4, by erika"),
            "{message}"
        );
        let sensor = |part: &str| Change {
            asset: String::new(),
            label: String::new(),
            event: Event::Sensor {
                part: part.to_owned(),
                what: "eth0 is gone".to_owned(),
            },
            by: None,
            ..changed("")
        };
        assert!(told(&sensor("interface")).starts_with("<164>1 "));
        assert!(told(&sensor("run")).starts_with("<165>1 "));
        assert!(told(&sensor("run")).ends_with("[fossick@32473 seq=\"7\" part=\"run\" what=\"eth0 is gone\"] \u{feff}sensor, run: eth0 is gone"));
    }

    #[test]
    fn a_sensors_name_fits_the_header() {
        assert_eq!(hostname("Werk 3 Süd"), "Werk-3-S-d");
        assert_eq!(hostname(""), "-");
        assert_eq!(hostname(&"x".repeat(300)).len(), 255);
    }
}
