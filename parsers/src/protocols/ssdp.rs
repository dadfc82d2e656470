//! Simple Service Discovery Protocol: what announces itself over `UPnP`.
//!
//! Spec: `UPnP` Device Architecture 2.0 §1.

use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Subject};
use crate::text::{header, lines};

/// `SERVER`: operating system, `UPnP` version, product.
pub const SERVER: Key = Key("ssdp.server");
/// `USER-AGENT` of who searches.
pub const USER_AGENT: Key = Key("ssdp.user_agent");
/// `NT` or `ST` of a device or service that is announced.
pub const TYPE: Key = Key("ssdp.type");
/// `USN`: the unique name of what is announced.
pub const NAME: Key = Key("ssdp.unique_name");
/// `LOCATION` of its description.
pub const LOCATION: Key = Key("ssdp.location");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "ssdp",
    spec: "UPnP Device Architecture 2.0",
    carriers: &[Carrier::Udp(1900)],
    keys: &[SERVER, USER_AGENT, TYPE, NAME, LOCATION],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

fn recognise(message: &[u8]) -> Option<Recognition> {
    let begins = |line: &[u8]| message.starts_with(line);
    let answers =
        begins(b"HTTP/1.1 200") && lines(message).any(|line| header(line, b"USN").is_some());
    (begins(b"NOTIFY * HTTP/1.1") || begins(b"M-SEARCH * HTTP/1.1") || answers)
        .then_some(Recognition::STRONG)
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let searches = message.bytes.starts_with(b"M-SEARCH");
    for line in lines(message.bytes).skip(1) {
        let value = |name: &[u8]| header(line, name);
        if let Some(value) = value(b"SERVER") {
            out.say(Subject::Sender, SERVER, value);
        } else if let Some(value) = value(b"USER-AGENT") {
            out.say(Subject::Sender, USER_AGENT, value);
        } else if let Some(value) = value(b"LOCATION") {
            out.say(Subject::Sender, LOCATION, value);
        } else if let Some(value) = value(b"USN") {
            out.say(Subject::Sender, NAME, value);
        } else if let (Some(value), false) = (value(b"NT").or(value(b"ST")), searches) {
            out.say(Subject::Sender, TYPE, value);
        }
    }
    Ok(())
}
