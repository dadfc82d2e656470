//! `NetBIOS` name service: who registers, claims and answers for which name.
//!
//! Spec: RFC 1001 §14.1 (encoding), RFC 1002 §4.2 (messages), §4.2.18 (node status).

use crate::octets::{array, be16, be32, octet, take};
use crate::probe::{Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Mac, Out, Subject};
use crate::text::Text;

/// Name of the sender (unique, suffix 00 or 20).
pub const NAME: Key = Key("nbns.name");
/// Workgroup or domain that the sender belongs to (group, suffix 00 or 1e).
pub const GROUP: Key = Key("nbns.group");
/// Workgroup or domain of which the sender is the master browser (unique, suffix 1b or 1d).
pub const MASTER_OF: Key = Key("nbns.master_of");
/// Domain of which the sender is a controller (group, suffix 1c).
pub const CONTROLLER_OF: Key = Key("nbns.controller_of");
/// Hardware address in a node status.
pub const UNIT_ID: Key = Key("nbns.unit_id");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "nbns",
    spec: "RFC 1002",
    carriers: &[Carrier::Udp(137)],
    keys: &[NAME, GROUP, MASTER_OF, CONTROLLER_OF, UNIT_ID],
    frame: None,
    recognise,
    operation: None,
    probes: &[NODE_STATUS],
    dissect,
};

/// RFC 1002 §4.2.17: the names of a node, whatever they are.
const NODE_STATUS: Probe = Probe {
    name: "node status",
    asks: &[NAME, GROUP, UNIT_ID],
    carrier: Carrier::Udp(137),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[
            Piece::Octets(&[0x46, 0x4f, 0x00, 0x00], "id 0x464f, a query"),
            Piece::Octets(
                &[0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
                "one question",
            ),
            Piece::Octets(
                b" CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0",
                "name: *, padded with zeros",
            ),
            Piece::Octets(
                &[0x00, 0x21, 0x00, 0x01],
                "type node status, class Internet",
            ),
        ],
        until: Until::Answer,
    }],
    frames: 1,
};

/// Names of a node status read; its count is one octet.
const NODE_NAME: usize = 18;

/// A `NetBIOS` name: 15 characters and a suffix.
pub(super) struct NetbiosName(pub [u8; 16]);

impl NetbiosName {
    /// First-level encoding: each half octet as a letter from `A` on.
    pub fn decode(encoded: &[u8]) -> Option<NetbiosName> {
        let mut name = [0; 16];
        if encoded.len() != 32 {
            return None;
        }
        for (to, pair) in name.iter_mut().zip(encoded.chunks_exact(2)) {
            let [high, low] = pair else {
                return None;
            };
            let (high, low) = (high.checked_sub(b'A')?, low.checked_sub(b'A')?);
            if high > 15 || low > 15 {
                return None;
            }
            *to = high << 4 | low;
        }
        Some(NetbiosName(name))
    }

    /// The characters, less the blanks that pad them.
    pub fn text(&self) -> &[u8] {
        let [name @ .., _] = &self.0;
        crate::text::unpadded(name)
    }

    fn suffix(&self) -> u8 {
        let [.., suffix] = self.0;
        suffix
    }

    /// Whether it is text at all: the name of the whole network (`*`) is not.
    pub fn is_text(&self) -> bool {
        let text = self.text();
        !text.is_empty() && !text.starts_with(b"*") && text.iter().all(|octet| *octet >= 0x20)
    }
}

struct Header {
    flags: u16,
    questions: u16,
    answers: u16,
    additional: u16,
}

fn header(rest: &mut &[u8]) -> Result<Header, Fault> {
    be16(rest, "nbns id")?;
    let flags = be16(rest, "nbns flags")?;
    let questions = be16(rest, "nbns questions")?;
    let answers = be16(rest, "nbns answers")?;
    be16(rest, "nbns authority")?;
    let additional = be16(rest, "nbns additional")?;
    Ok(Header {
        flags,
        questions,
        answers,
        additional,
    })
}

/// The encoded name, 32 letters behind their count; a scope may follow.
fn encoded<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Fault> {
    if octet(rest, "nbns name length")? != 32 {
        return Err(Fault::value("nbns name length", rest));
    }
    let name = take(rest, 32, "nbns name")?;
    loop {
        match octet(rest, "nbns scope")? {
            0 => return Ok(name),
            length @ 1..=63 => {
                take(rest, length.into(), "nbns scope")?;
            }
            _ => {
                octet(rest, "nbns pointer")?;
                return Ok(name);
            }
        }
    }
}

/// 32 letters from A to P are marked well enough.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let mut rest = message;
    let header = header(&mut rest).ok()?;
    let name = encoded(&mut rest).ok()?;
    let one = header.questions.saturating_add(header.answers) == 1;
    let role = if header.flags & 0x8000 == 0 {
        Role::Client
    } else {
        Role::Server
    };
    (one && NetbiosName::decode(name).is_some()).then_some(Recognition::STRONG.from(role))
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let header = header(&mut rest)?;
    let octets = encoded(&mut rest)?;
    let Some(name) = NetbiosName::decode(octets) else {
        return Err(Fault::value("nbns name", rest));
    };
    let kind = be16(&mut rest, "nbns type")?;
    be16(&mut rest, "nbns class")?;
    let operation = header.flags >> 11 & 0x0f;
    if header.flags & 0x8000 == 0 {
        // Registration, refresh and multi-homed registration: the additional record says what sort of name.
        if matches!(operation, 5 | 8 | 9 | 15) && header.additional > 0 {
            be16(&mut rest, "nbns record name")?;
            take(&mut rest, 10, "nbns record")?;
            let flags = be16(&mut rest, "nbns name flags")?;
            say(&name, flags & 0x8000 != 0, octets, out);
        }
        return Ok(());
    }
    be32(&mut rest, "nbns ttl")?;
    let mut data = crate::octets::counted16(&mut rest, "nbns data")?;
    match kind {
        // A positive answer to a query: the sender holds the name.
        0x20 if operation == 0 && header.flags & 0x0f == 0 => {
            let flags = be16(&mut data, "nbns name flags")?;
            let address = array::<4>(&mut data, "nbns address")?;
            if message.ports.0 == 137 && address != [0; 4] {
                say(&name, flags & 0x8000 != 0, octets, out);
            }
        }
        0x21 => node_status(&mut data, out)?,
        _ => {}
    }
    Ok(())
}

fn node_status(data: &mut &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let count = octet(data, "nbns name count")?;
    for _ in 0..count {
        let mut entry = take(data, NODE_NAME, "nbns node name")?;
        let octets = entry;
        let name = NetbiosName(array::<16>(&mut entry, "nbns node name")?);
        let flags = be16(&mut entry, "nbns name flags")?;
        say(&name, flags & 0x8000 != 0, octets, out);
    }
    let octets = *data;
    let unit = Mac(array::<6>(data, "nbns unit id")?);
    if !unit.is_zero() {
        let octets = octets.get(..6).unwrap_or_default();
        out.text(Subject::Sender, UNIT_ID, octets, format_args!("{unit}"));
    }
    Ok(())
}

/// By its suffix a name is the host's, or that of what it serves. Suffix 03 may be a person's: never read.
fn say(name: &NetbiosName, group: bool, octets: &[u8], out: &mut Out<'_>) {
    let key = match (group, name.suffix()) {
        (false, 0x00 | 0x20) => NAME,
        (false, 0x1b | 0x1d) => MASTER_OF,
        (true, 0x00 | 0x1e) => GROUP,
        (true, 0x1c) => CONTROLLER_OF,
        _ => return,
    };
    if name.is_text() {
        let text = Text(name.text());
        out.text(Subject::Sender, key, octets, format_args!("{text}"));
    }
}
