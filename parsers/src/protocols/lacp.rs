//! Link Aggregation Control Protocol, one of the slow protocols: which system sends.
//!
//! Spec: IEEE 802.1AX-2020 §6.4.2 (LACPDU), §6.5.3 (marker), IEEE 802.3-2018 annex 57A (slow protocols).

use crate::octets::take;
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Key, Mac, Out, Subject};

/// Address part of the sending system's identifier.
pub const SYSTEM: Key = Key("lacp.system");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "lacp",
    spec: "IEEE 802.1AX-2020",
    carriers: &[Carrier::EtherType(0x8809)],
    keys: &[SYSTEM],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Subtype 1 with its actor and partner fields of 20 octets, or subtype 2, a marker or its answer of 16.
fn recognise(message: &[u8]) -> Option<Recognition> {
    let fits = match message {
        [1, 1 | 2, 1, 20, rest @ ..] => matches!(rest.get(18..20), Some([2, 20])),
        [2, 1, 1 | 2, 16, ..] => true,
        _ => false,
    };
    fits.then_some(Recognition::STRONG)
}

/// What the partner is called is hearsay; only the actor is the sender.
fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let header = take(&mut rest, 4, "lacp header")?;
    // A marker has its port first, not a priority; both are two octets.
    take(&mut rest, 2, "lacp system priority")?;
    let octets = take(&mut rest, 6, "lacp system")?;
    // The answer to a marker repeats the asker's system.
    let answers = matches!(header, [2, _, 2, ..]);
    if let (Ok(address), false) = (<[u8; 6]>::try_from(octets), answers) {
        let mac = Mac(address);
        if !mac.is_zero() {
            out.text(Subject::Sender, SYSTEM, octets, format_args!("{mac}"));
        }
    }
    Ok(())
}
