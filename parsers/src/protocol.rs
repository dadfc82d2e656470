//! What one protocol must say about itself.

use std::fmt;

use nom::error::{ContextError, ErrorKind, ParseError};

use crate::operation::Operation;
use crate::probe::Probe;
use crate::statement::{Key, Mac, Out};

/// What a client's message asks for.
pub type Asks = fn(&[u8]) -> Option<Operation>;

/// Which end of the conversation spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Opened the conversation.
    Client,
    /// Answered it.
    Server,
}

/// One whole protocol message, with what it answers when that was seen.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Which end spoke.
    pub from: Role,
    /// Exactly one message: as cut by [`Protocol::frame`] from a stream, the payload of a datagram,
    /// what follows the `EtherType` or SNAP header on the link, an LLC frame from its header on, or, for [`Carrier::TcpSyn`], the packet
    /// from its IP header on.
    pub bytes: &'a [u8],
    /// The other end's latest message, if it was seen: the request, when this is its reply.
    pub asked: Option<&'a [u8]>,
    /// How many messages this end had sent before on this flow.
    pub nth: u32,
    /// Transport ports of sender and receiver; zero where there are none.
    pub ports: (u16, u16),
    /// Hardware address of the sending interface, where the link has one.
    pub source: Option<Mac>,
}

impl<'a> Message<'a> {
    /// The same message narrowed to the octets that a carried protocol owns.
    #[must_use]
    pub fn part(self, bytes: &'a [u8]) -> Self {
        Message {
            bytes,
            asked: None,
            ..self
        }
    }
}

/// Where a protocol is expected. Never evidence by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Carrier {
    /// TCP, registered port.
    Tcp(u16),
    /// UDP, registered port.
    Udp(u16),
    /// Directly on IP, protocol number.
    Ip(u8),
    /// Directly on the link, `EtherType` (IEEE 802 Numbers).
    EtherType(u16),
    /// IEEE 802.2 SNAP with a private code: organisation and protocol id.
    Snap(u32, u16),
    /// IEEE 802.2 LLC: destination service access point.
    Llc(u8),
    /// The opening segments (SYN, SYN-ACK) of every TCP connection.
    TcpSyn,
    /// Inside messages of another protocol, which hands it over with [`Out::carried`].
    Inside(&'static str),
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Carrier::Tcp(port) => write!(f, "TCP {port}"),
            Carrier::Udp(port) => write!(f, "UDP {port}"),
            Carrier::Ip(number) => write!(f, "IP protocol {number}"),
            Carrier::EtherType(number) => write!(f, "EtherType 0x{number:04x}"),
            Carrier::Snap(organisation, number) => {
                write!(f, "SNAP {organisation:06x}/0x{number:04x}")
            }
            Carrier::Llc(point) => write!(f, "LLC 0x{point:02x}"),
            Carrier::TcpSyn => f.write_str("TCP SYN"),
            Carrier::Inside(outer) => write!(f, "inside {outer}"),
        }
    }
}

/// How much of the front of a stream is one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Octets of the message, from the front of the input; at most what was given.
    pub length: usize,
    /// Octets after it that nobody reads (a body, a file): passed over without being kept.
    pub skip: u64,
}

impl Cut {
    /// A message with nothing to skip behind it.
    #[must_use]
    pub fn whole(length: usize) -> Self {
        Cut { length, skip: 0 }
    }
}

/// What cutting says: a message, `Incomplete`, or a fault (these are not our octets).
pub type Framed = Result<Cut, nom::Err<Fault>>;

/// How sure one message makes us of its protocol, and which end it says it is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recognition {
    /// One such message is proof. Otherwise both directions must agree.
    pub strong: bool,
    /// The end that sends such a message, where it shows: corrects flows whose start was not seen.
    pub from: Option<Role>,
}

impl Recognition {
    /// Proof by itself.
    pub const STRONG: Recognition = Recognition {
        strong: true,
        from: None,
    };
    /// Counts only when the other direction agrees.
    pub const WEAK: Recognition = Recognition {
        strong: false,
        from: None,
    };

    /// The same, where the message also shows which end sent it.
    #[must_use]
    pub const fn from(self, role: Role) -> Self {
        Recognition {
            from: Some(role),
            ..self
        }
    }
}

/// Why reading stopped. Holds no input, so it is cheap to count and log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}: stopped with {left} octets left ({kind:?})")]
pub struct Fault {
    /// The part being read.
    pub what: &'static str,
    /// Octets not yet read when it stopped.
    pub left: usize,
    /// What nom expected.
    pub kind: ErrorKind,
}

impl Fault {
    /// A value that the specification does not allow, found before `rest`.
    #[must_use]
    pub fn value(what: &'static str, rest: &[u8]) -> Self {
        Fault {
            what,
            left: rest.len(),
            kind: ErrorKind::Verify,
        }
    }

    /// The message ended too early.
    #[must_use]
    pub fn short(what: &'static str) -> Self {
        Fault {
            what,
            left: 0,
            kind: ErrorKind::Eof,
        }
    }
}

impl<'a> ParseError<&'a [u8]> for Fault {
    fn from_error_kind(input: &'a [u8], kind: ErrorKind) -> Self {
        Fault {
            what: "message",
            left: input.len(),
            kind,
        }
    }
    fn append(_: &'a [u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

impl<'a> ContextError<&'a [u8]> for Fault {
    fn add_context(_: &'a [u8], what: &'static str, other: Self) -> Self {
        Fault { what, ..other }
    }
}

/// What every nom parser in this crate returns.
pub type Parsed<'a, T> = nom::IResult<&'a [u8], T, Fault>;

/// Ends streaming: the message is whole by now, so "needs more" is a fault.
///
/// # Errors
/// The parser's own fault, or `message` where it asked for more.
pub fn finish<T>(parsed: Parsed<'_, T>) -> Result<(&[u8], T), Fault> {
    match parsed {
        Ok(done) => Ok(done),
        Err(nom::Err::Incomplete(_)) => Err(Fault::short("message")),
        Err(nom::Err::Error(fault) | nom::Err::Failure(fault)) => Err(fault),
    }
}

/// Everything the rest of the system knows about a protocol.
#[derive(Debug)]
pub struct Protocol {
    /// Lower-case name as the output contract spells it.
    pub name: &'static str,
    /// The document the parser was written from.
    pub spec: &'static str,
    /// Where to expect it.
    pub carriers: &'static [Carrier],
    /// Everything `dissect` can say. Each begins with the protocol's name.
    pub keys: &'static [Key],
    /// For streams: cut one message off the front, or ask for more. `None`: a datagram is a message.
    pub frame: Option<fn(&[u8]) -> Framed>,
    /// Whether one whole message is ours, and how sure that makes us. Reads a few octets, says nothing.
    pub recognise: fn(&[u8]) -> Option<Recognition>,
    /// What a client's message asks for, from its first octets: asked of every one, so that it must be cheap. Nothing for
    /// what is an answer, or asks for nothing of its own.
    pub operation: Option<Asks>,
    /// Questions that may be asked in it, the gentlest first.
    pub probes: &'static [Probe],
    /// Reads one whole message; on a fault, what was already said stays.
    pub dissect: for<'a> fn(Message<'a>, &mut Out<'_>) -> Result<(), Fault>,
}

impl Protocol {
    /// Whether the registered ports of this protocol include this one.
    #[must_use]
    pub fn expects(&self, carrier: Carrier) -> bool {
        self.carriers.contains(&carrier)
    }

    /// Whether a stream that begins with these octets may be of this protocol.
    #[must_use]
    pub fn may_begin(&self, octets: &[u8]) -> bool {
        self.frame
            .is_some_and(|frame| matches!(frame(octets), Ok(_) | Err(nom::Err::Incomplete(_))))
    }
}
