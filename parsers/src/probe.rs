//! Questions that may be put to a live device, octet by octet.
//!
//! Data may say what an answer means; only reviewed code says what is sent. So questions are constants beside the parser that
//! reads their answers, each octet with its meaning, and what cannot be known before (a session handle, a random) is a named [`Hole`].

use std::fmt;

use crate::protocol::Carrier;
use crate::statement::Key;

/// How a question may be put to a live device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Safety {
    /// A standard read that every conforming device must answer.
    Routine,
    /// Answered by most, known to upset some: asked only where an operator consented to this very question.
    Intrusive,
}

/// Whom a question reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// One host.
    Host,
    /// All of a segment, by broadcast or multicast: needs consent for that segment.
    Segment,
}

/// What is not known before the question is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hole {
    /// Octets that the device gave in its answer to an earlier step of the same question, counted from 0.
    Answer {
        /// Which step's answer.
        step: usize,
        /// Offset in it.
        at: usize,
        /// Octets taken; an answer that is too short ends the question.
        length: usize,
    },
    /// Fresh random octets.
    Random {
        /// How many.
        length: usize,
    },
    /// What an operator may configure, and what stands there otherwise.
    Setting {
        /// Its name in the configuration: `snmp.community`.
        name: &'static str,
        /// What is sent where nothing is configured.
        default: &'static [u8],
    },
    /// A setting where a field has a fixed length: a shorter value is followed by blanks.
    Padded {
        /// Its name in the configuration.
        name: &'static str,
        /// What is sent where nothing is configured.
        default: &'static [u8],
        /// Octets of the field, which no value may exceed.
        length: usize,
    },
    /// Fresh random octets as text: lower-case hexadecimal digits.
    RandomText {
        /// How many digits.
        digits: usize,
    },
    /// A check of the octets of this step that go before it, in two octets.
    Check {
        /// Which check.
        kind: Check,
        /// Offset in the step from which on octets are covered.
        from: usize,
    },
    /// The length of another hole's octets, in one octet, with what else it counts.
    LengthOf {
        /// The setting whose octets are counted.
        name: &'static str,
        /// What is counted where nothing is configured.
        default: &'static [u8],
        /// Octets counted besides.
        plus: u8,
    },
    /// The address of the host that is asked, as text; of IPv6 in brackets, as it stands in a URI (RFC 3986 §3.2.2).
    Target,
    /// The hardware address of the interface that asks: six octets.
    OwnHardwareAddress,
    /// The asking interface's own IPv4 address: four octets.
    OwnAddress,
    /// The IPv4 address of the host that is asked: four octets.
    TargetAddress,
    /// The port that the question is asked from, in two octets, the high one first.
    OwnPort,
    /// The name under which the address that is asked about is looked up, as DNS writes it: `7.0.0.10.in-addr.arpa` (RFC 1035
    /// §3.5, RFC 3596 §2.5).
    ReverseName,
    /// Our part of an encrypted handshake, which a library composes as the host answers: at most so many octets.
    Handshake {
        /// How many.
        length: usize,
    },
}

/// How octets are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// CRC of the link layer of DNP3 (IEEE 1815 §9.2.4.2), the low octet first.
    Dnp3,
}

impl Check {
    /// The check of these octets, as it is sent.
    #[must_use]
    pub fn of(self, octets: &[u8]) -> [u8; 2] {
        match self {
            Check::Dnp3 => crate::protocols::dnp3::crc(octets).to_le_bytes(),
        }
    }
}

/// A run of octets of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// Exactly these.
    Octets(&'static [u8], &'static str),
    /// What is put in when it is sent.
    Hole(Hole, &'static str),
}

/// What ends a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// One whole message of the device, as the protocol's `frame` cuts it; for datagrams, one datagram.
    Answer,
    /// As many messages.
    Answers(usize),
    /// Messages, until one of them tells something of what is asked, but no more than this.
    Told(usize),
    /// All messages or datagrams that come within the time that is waited for an answer: a question to many.
    Quiet,
    /// Nothing: no answer is expected to what is sent.
    Sent,
}

/// One thing to send, and what to wait for.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// What is sent, in order; empty where the device speaks first.
    pub sends: &'static [Piece],
    /// What ends it.
    pub until: Until,
}

/// A question. The answer is read by the same protocol's `dissect`.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// What an operator reads before it is sent.
    pub name: &'static str,
    /// What the answer may tell: a question is asked only where one of these is missing.
    pub asks: &'static [Key],
    /// Where it is sent.
    pub carrier: Carrier,
    /// Whom it reaches.
    pub reach: Reach,
    /// How it may be used.
    pub safety: Safety,
    /// In order, in one connection or from one port. A last step may take leave of the device.
    pub steps: &'static [Step],
    /// Frames that we send for it at most, those of TCP itself counted, answered or not.
    pub frames: u16,
}

impl Step {
    /// Octets of what is sent, where settings stand at what is sent by default.
    #[must_use]
    pub fn length(&self) -> usize {
        self.sends.iter().map(Piece::length).sum()
    }
}

impl Piece {
    /// Octets it stands for, at the most, where settings stand at what is sent by default.
    #[must_use]
    pub fn length(&self) -> usize {
        match self {
            Piece::Octets(octets, _) => octets.len(),
            Piece::Hole(hole, _) => match hole {
                Hole::Answer { length, .. }
                | Hole::Random { length }
                | Hole::Handshake { length }
                | Hole::Padded { length, .. } => *length,
                Hole::Setting { default, .. } => default.len(),
                Hole::RandomText { digits } => *digits,
                Hole::LengthOf { .. } => 1,
                Hole::Check { .. } | Hole::OwnPort => 2,
                Hole::Target => 41,
                Hole::ReverseName => 74,
                Hole::OwnHardwareAddress => 6,
                Hole::OwnAddress | Hole::TargetAddress => 4,
            },
        }
    }
}

impl fmt::Display for Hole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hole::Answer { step, at, length } => write!(
                f,
                "{length} octets from the answer to step {}, at {at}",
                step.saturating_add(1)
            ),
            Hole::Random { length } => write!(f, "{length} random octets"),
            Hole::Setting { name, .. } => write!(f, "the setting {name}"),
            Hole::Padded { name, length, .. } => {
                write!(f, "the setting {name}, padded to {length} octets")
            }
            Hole::RandomText { digits } => write!(f, "{digits} random digits"),
            Hole::Check { from, .. } => write!(f, "the check of the octets from {from} on"),
            Hole::LengthOf { name, plus, .. } => {
                write!(f, "the length of the setting {name}, and {plus}")
            }
            Hole::Target => f.write_str("the target's address, as text"),
            Hole::OwnHardwareAddress => f.write_str("our own hardware address"),
            Hole::OwnAddress => f.write_str("our own address"),
            Hole::TargetAddress => f.write_str("the target's address"),
            Hole::OwnPort => f.write_str("our own port"),
            Hole::ReverseName => f.write_str("the address asked about, as a name"),
            Hole::Handshake { length } => {
                write!(f, "a handshake by rustls, {length} octets at most")
            }
        }
    }
}
