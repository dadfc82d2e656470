//! The words parsers speak in.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use crate::protocol::{Fault, Message, Protocol};

/// Name of one thing a protocol can disclose, e.g. `modbus.vendor_name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub &'static str);

/// A hardware address (EUI-48), in the order it is sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Whether the group bit is set (IEEE 802 §8.2): such an address is nobody's.
    #[must_use]
    pub fn is_group(self) -> bool {
        let [first, ..] = self.0;
        first & 1 == 1
    }

    /// Whether the address was chosen locally: by an administrator, a hypervisor or for privacy.
    #[must_use]
    pub fn is_local(self) -> bool {
        let [first, ..] = self.0;
        first & 2 == 2
    }

    /// All zeros: no address.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == [0; 6]
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where a device sits behind the one that speaks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// A serial unit behind a gateway (Modbus unit, DNP3 link address …).
    Unit(u16),
    /// A slot of the rack or backplane.
    Slot(u16),
    /// A `BACnet` network number and the device's address on it (1–7 octets, left-aligned).
    Bacnet {
        /// Network number, 1–65534.
        network: u16,
        /// How many octets of `address` count.
        length: u8,
        /// The address, zero-padded.
        address: [u8; 7],
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Unit(unit) => write!(f, "unit {unit}"),
            Place::Slot(slot) => write!(f, "slot {slot}"),
            Place::Bacnet {
                network,
                length,
                address,
            } => {
                write!(f, "bacnet {network}:")?;
                address
                    .iter()
                    .take(usize::from(*length))
                    .try_for_each(|octet| write!(f, "{octet:02x}"))
            }
        }
    }
}

/// Whom a statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// The host that sent the message.
    Sender,
    /// The host it was sent to.
    Receiver,
    /// The interface with this hardware address, which was spoken about.
    Mac(Mac),
    /// The host at this address, which was spoken about.
    Ip(IpAddr),
    /// A device behind the sender.
    Behind(Place),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Sender => f.write_str("sender"),
            Subject::Receiver => f.write_str("receiver"),
            Subject::Mac(mac) => write!(f, "mac {mac}"),
            Subject::Ip(ip) => write!(f, "ip {ip}"),
            Subject::Behind(place) => write!(f, "behind {place}"),
        }
    }
}

/// One thing read from one message; borrows the message or the scratch text of [`Out`].
#[derive(Debug, Clone, Copy)]
pub enum Statement<'a> {
    /// The subject disclosed this value.
    Observation {
        /// Whom it is about.
        subject: Subject,
        /// What is being said.
        key: Key,
        /// Canonical text: as sent where it was text, otherwise as rendered by the parser.
        value: &'a [u8],
        /// The octets of the message that say it.
        octets: &'a [u8],
    },
    /// The subject holds this address.
    Address {
        /// Whom it is about.
        subject: Subject,
        /// The address it holds.
        address: IpAddr,
    },
    /// The message carried one of this protocol: its sender speaks that too.
    Speaks(&'static Protocol),
}

/// Takes what a dissector says. Nothing is allocated for what was said before.
pub struct Out<'s> {
    scratch: &'s mut String,
    take: &'s mut dyn FnMut(Statement<'_>),
}

impl<'s> Out<'s> {
    /// `scratch` is reused between messages.
    pub fn new(scratch: &'s mut String, take: &'s mut dyn FnMut(Statement<'_>)) -> Self {
        Out { scratch, take }
    }

    /// Text as it was sent, less the NULs and blanks that pad it. Empty values say nothing.
    pub fn say(&mut self, subject: Subject, key: Key, octets: &[u8]) {
        let value = crate::text::unpadded(octets);
        self.observe(subject, key, value, octets);
    }

    /// A value rendered from `octets`, the part of the message that says it.
    pub fn text(&mut self, subject: Subject, key: Key, octets: &[u8], value: fmt::Arguments<'_>) {
        let mut text = std::mem::take(self.scratch);
        text.clear();
        // Writing to a String cannot fail; a Display that fails has said what it could.
        let _ = text.write_fmt(value);
        self.observe(subject, key, text.as_bytes(), octets);
        *self.scratch = text;
    }

    /// Text sent as UTF-16, low octet first, less padding.
    pub fn utf16le(&mut self, subject: Subject, key: Key, octets: &[u8]) {
        let units = octets.chunks_exact(2).map(|pair| match pair {
            [low, high] => u16::from_le_bytes([*low, *high]),
            _ => 0,
        });
        let mut text = std::mem::take(self.scratch);
        text.clear();
        text.extend(
            char::decode_utf16(units)
                .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                .take_while(|c| *c != '\0'),
        );
        self.observe(subject, key, crate::text::unpadded(text.as_bytes()), octets);
        *self.scratch = text;
    }

    /// The subject holds this address.
    pub fn address(&mut self, subject: Subject, address: IpAddr) {
        if !address.is_unspecified() && !address.is_multicast() {
            (self.take)(Statement::Address { subject, address });
        }
    }

    /// Hands a part of the message to the protocol it carries, whose sender thereby speaks it.
    ///
    /// # Errors
    /// The carried protocol's own fault; it is not spoken where it is not recognised.
    pub fn carried(
        &mut self,
        protocol: &'static Protocol,
        message: Message<'_>,
    ) -> Result<(), Fault> {
        if (protocol.recognise)(message.bytes).is_none() {
            return Ok(());
        }
        (self.take)(Statement::Speaks(protocol));
        (protocol.dissect)(message, self)
    }

    fn observe(&mut self, subject: Subject, key: Key, value: &[u8], octets: &[u8]) {
        if !value.is_empty() {
            (self.take)(Statement::Observation {
                subject,
                key,
                value,
                octets,
            });
        }
    }
}

/// Displays items joined by commas without blanks, the canonical text of a list.
pub struct Joined<I>(pub I);

impl<I> fmt::Display for Joined<I>
where
    I: Iterator + Clone,
    I::Item: fmt::Display,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, item) in self.0.clone().enumerate() {
            if n > 0 {
                f.write_str(",")?;
            }
            item.fmt(f)?;
        }
        Ok(())
    }
}
