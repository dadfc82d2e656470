//! Simple Service Discovery Protocol: what announces itself over `UPnP`.
//!
//! Spec: `UPnP` Device Architecture 2.0 §1.

use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
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
    probes: &[SEARCH_ONE, SEARCH],
    dissect,
};

/// §1.3.3: a search that one device is sent names that device, and no time to spread the answers over.
const SEARCH_ONE: Probe = Probe {
    name: "search",
    asks: &[SERVER, NAME, LOCATION],
    carrier: Carrier::Udp(1900),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[
            Piece::Octets(b"M-SEARCH * HTTP/1.1\r\nHOST: ", "a search"),
            Piece::Hole(Hole::Target, "the address that is asked"),
            Piece::Octets(
                b":1900\r\nMAN: \"ssdp:discover\"\r\nST: upnp:rootdevice\r\n\r\n",
                "for root devices",
            ),
        ],
        until: Until::Answer,
    }],
    frames: 1,
};

/// §1.3.2: all root devices of the segment, answers spread over a second.
const SEARCH: Probe = Probe {
    name: "search (multicast)",
    reach: Reach::Segment,
    steps: &[Step {
        sends: &[
            Piece::Octets(
                b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n",
                "a search, to all",
            ),
            Piece::Octets(
                b"MAN: \"ssdp:discover\"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n",
                "for root devices",
            ),
        ],
        until: Until::Quiet,
    }],
    ..SEARCH_ONE
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
