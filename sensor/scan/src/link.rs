//! Questions on the link itself: whole frames, through libpcap.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use fossick_parsers::packet::{LinkType, Net, Packet};
use fossick_parsers::{Carrier, Mac, Message, Out, Protocol, Role, Statement};
use pcap::{Active, Capture};

use crate::interface::Interface;
use crate::stop::{LOOK, Stop};

/// Shortest frame without its check sequence (IEEE 802.3 §4.2.3.3).
const SHORTEST: usize = 60;
/// Octets of the kernel's buffer: answers to one question.
const BUFFER: i32 = 1 << 18;
/// Octets of an answer that are looked at.
const SNAP: i32 = 2048;

/// An interface, opened to send frames and to hear the answers.
pub struct Link {
    capture: Capture<Active>,
    own: Mac,
    protocol: &'static Protocol,
    number: u16,
}

impl Link {
    /// Opens it for one protocol. Nothing where it has no hardware address or cannot be opened.
    pub fn open(
        interface: &Interface,
        protocol: &'static Protocol,
        carrier: Carrier,
    ) -> Option<Link> {
        let Carrier::EtherType(number) = carrier else {
            return None;
        };
        let own = interface.mac?;
        let capture = Capture::from_device(interface.name.as_str()).ok()?;
        let capture = capture
            .promisc(false)
            .immediate_mode(true)
            .buffer_size(BUFFER)
            .snaplen(SNAP)
            .timeout(1)
            .open();
        let mut capture = capture.ok()?;
        let filter = format!("ether proto {number} and ether dst {own} and not ether src {own}");
        capture.filter(&filter, true).ok()?;
        Some(Link {
            capture: capture.setnonblock().ok()?,
            own,
            protocol,
            number,
        })
    }

    /// Sends one frame. True if it went out.
    pub fn send(&mut self, to: Mac, octets: &[u8]) -> bool {
        let mut frame = Vec::with_capacity(SHORTEST.max(octets.len().saturating_add(14)));
        frame.extend(to.0);
        frame.extend(self.own.0);
        frame.extend(self.number.to_be_bytes());
        frame.extend_from_slice(octets);
        if frame.len() < SHORTEST {
            frame.resize(SHORTEST, 0);
        }
        self.capture.sendpacket(frame).is_ok()
    }

    /// Waits for a frame in which this host, or anybody where none is named, says something. True if there was one.
    pub fn hear(&mut self, from: Option<IpAddr>, patience: Duration, stop: &Stop) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < patience && !stop.is_set() {
            match self.capture.next_packet() {
                Ok(packet) => {
                    if says(self.protocol, packet.data, from) {
                        return true;
                    }
                }
                Err(pcap::Error::TimeoutExpired) => {
                    std::thread::sleep(LOOK.min(Duration::from_millis(2)));
                }
                Err(_) => return false,
            }
        }
        false
    }
}

/// Whether a frame states that somebody holds this address, or anything at all where none is named.
fn says(protocol: &'static Protocol, frame: &[u8], wanted: Option<IpAddr>) -> bool {
    // LINKTYPE_ETHERNET.
    let packet = Packet::decode(LinkType(1), frame);
    let Net::Other(_, payload) = packet.net else {
        return false;
    };
    if (protocol.recognise)(payload).is_none() {
        return false;
    }
    let message = Message {
        from: Role::Server,
        bytes: payload,
        asked: None,
        nth: 0,
        ports: (0, 0),
        source: packet.link.map(|link| link.source),
    };
    let mut said = false;
    let mut take = |statement: Statement<'_>| {
        said |= match (wanted, statement) {
            (None, _) => true,
            (Some(wanted), Statement::Address { address, .. }) => address == wanted,
            (Some(_), _) => false,
        };
    };
    // What was said before a fault counts.
    let _ = (protocol.dissect)(message, &mut Out::new(&mut String::new(), &mut take));
    said
}
