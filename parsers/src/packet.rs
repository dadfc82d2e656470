//! From a captured frame to the packet inside it: link, tags, tunnels, network and transport headers.
//!
//! Decoding is lax: every layer that was understood is kept, and [`Packet::stop`] says what was not.

use std::net::IpAddr;

use crate::protocol::Carrier;
use crate::statement::Mac;

/// How frames of a capture begin: a LINKTYPE value as registered for pcap and pcapng.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

/// One frame, decoded as far as it could be. When it carries a tunnel or mirror encapsulation,
/// this is the innermost frame and [`Packet::tunnel`] names the outer ends.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// Hardware addresses, where the link has them.
    pub link: Option<Link>,
    /// VLAN of the innermost 802.1Q tag, 1–4094.
    pub vlan: Option<u16>,
    /// The outermost encapsulation that was opened.
    pub tunnel: Option<Tunnel>,
    /// What the frame carries.
    pub net: Net<'a>,
    /// Why decoding went no further, where it should have.
    pub stop: Option<Stop>,
}

/// The hardware addresses of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Sending interface.
    pub source: Mac,
    /// Receiving interface or group.
    pub destination: Mac,
}

/// An encapsulation that was opened: what kind, between whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tunnel {
    /// `gre`, `erspan`, `vxlan`, `geneve`, `tzsp`, `gtp`, `ip-in-ip`.
    pub kind: &'static str,
    /// Outer source.
    pub source: IpAddr,
    /// Outer destination.
    pub destination: IpAddr,
}

/// What a frame carries above the link.
#[derive(Debug, Clone, Copy)]
pub enum Net<'a> {
    /// An IP packet.
    Ip(Ip<'a>),
    /// Anything else, by its `EtherType` or SNAP code and the octets behind that, or by its LLC address and the
    /// LLC frame from its header on.
    Other(Carrier, &'a [u8]),
    /// Nothing that could be read.
    Nothing,
}

/// An IPv4 or IPv6 packet.
#[derive(Debug, Clone, Copy)]
pub struct Ip<'a> {
    /// Sending address.
    pub source: IpAddr,
    /// Receiving address.
    pub destination: IpAddr,
    /// Time to live or hop limit as captured.
    pub hops: u8,
    /// Protocol number of `payload`, extension headers passed over.
    pub protocol: u8,
    /// Set when this is a part of a fragmented packet: then `payload` is that part and
    /// `transport` is [`Transport::Other`].
    pub fragment: Option<Fragment>,
    /// The whole packet from its IP header on, link padding removed.
    pub octets: &'a [u8],
    /// What follows the IP headers.
    pub payload: &'a [u8],
    /// The transport header, read.
    pub transport: Transport<'a>,
}

/// Which part of which packet a fragment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fragment {
    /// Identification, shared by the parts of one packet.
    pub id: u32,
    /// Where this part goes, in octets.
    pub offset: u16,
    /// Whether parts follow it.
    pub more: bool,
}

/// Transport headers that flows are made of.
#[derive(Debug, Clone, Copy)]
pub enum Transport<'a> {
    /// RFC 9293.
    Tcp(Tcp<'a>),
    /// RFC 768.
    Udp {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
        /// The datagram.
        payload: &'a [u8],
    },
    /// Another protocol, a fragment, or a header too short to read.
    Other,
}

/// One TCP segment.
#[derive(Debug, Clone, Copy)]
pub struct Tcp<'a> {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Sequence number of the first octet.
    pub sequence: u32,
    /// Flag octet: FIN 0x01, SYN 0x02, RST 0x04, PSH 0x08, ACK 0x10.
    pub flags: u8,
    /// The data.
    pub payload: &'a [u8],
    /// Octets of data that were sent but not captured (a snap length): a gap follows.
    pub missing: u32,
}

/// Why decoding stopped early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stop {
    /// The link type is not one that we read.
    LinkType(u16),
    /// The frame ends inside this header.
    Short(&'static str),
    /// A field of this header contradicts its specification.
    Malformed(&'static str),
    /// More headers nested than we follow.
    Depth,
    /// The payload is encrypted (802.11 protected data).
    Encrypted,
}

mod link;
mod net;
mod tunnel;
mod wireless;

/// Headers of the same sort that may be nested: tags, labels, extension headers, tunnels.
const DEPTH: u8 = 8;

impl<'a> Packet<'a> {
    /// Decodes a captured frame.
    #[must_use]
    pub fn decode(link: LinkType, octets: &'a [u8]) -> Packet<'a> {
        let mut packet = Packet {
            link: None,
            vlan: None,
            tunnel: None,
            net: Net::Nothing,
            stop: None,
        };
        let mut decoder = Decoder {
            packet: &mut packet,
            depth: 0,
        };
        if let Err(stop) = decoder.link(link, octets) {
            packet.stop = Some(stop);
        }
        packet
    }
}

/// The addresses of an IP packet that lies bare in an Ethernet frame: those that [`Packet::decode`] finds, for a fraction
/// of the work. Nothing for frames that must be decoded to know, such as tunnels.
#[must_use]
pub fn bare_addresses(link: LinkType, octets: &[u8]) -> Option<(IpAddr, IpAddr)> {
    const TCP: u8 = 6;
    const UDP: u8 = 17;
    if link != LinkType(1) {
        return None;
    }
    let (_, packet) = octets.split_first_chunk::<12>()?;
    match *packet {
        [
            0x08,
            0,
            0x45,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            protocol @ (TCP | UDP),
            _,
            _,
            ref rest @ ..,
        ] => {
            let (source, rest) = rest.split_first_chunk::<4>()?;
            let (destination, rest) = rest.split_first_chunk::<4>()?;
            if protocol == UDP && tunnel::is_on(rest) {
                return None;
            }
            Some(((*source).into(), (*destination).into()))
        }
        // The first octet of the version, traffic class and flow label; length and hop limit are nobody's address.
        [
            0x86,
            0xdd,
            version,
            _,
            _,
            _,
            _,
            _,
            TCP,
            _,
            ref addresses @ ..,
        ] if version >> 4 == 6 => {
            let (source, rest) = addresses.split_first_chunk::<16>()?;
            let destination = rest.first_chunk::<16>()?;
            Some(((*source).into(), (*destination).into()))
        }
        _ => None,
    }
}

/// A packet in the making.
struct Decoder<'p, 'a> {
    packet: &'p mut Packet<'a>,
    depth: u8,
}

/// Whether a layer was read; what was understood before it stays.
type Decoded = Result<(), Stop>;

impl Decoder<'_, '_> {
    fn deeper(&mut self) -> Decoded {
        self.depth = self.depth.saturating_add(1);
        if self.depth > DEPTH {
            Err(Stop::Depth)
        } else {
            Ok(())
        }
    }
}

/// The first `N` octets and the rest.
fn split<'a, const N: usize>(
    octets: &'a [u8],
    what: &'static str,
) -> Result<(&'a [u8; N], &'a [u8]), Stop> {
    octets.split_first_chunk::<N>().ok_or(Stop::Short(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame from its `EtherType` on.
    fn frame(network: &[u8]) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        frame.extend_from_slice(network);
        frame
    }

    fn frames() -> Vec<Vec<u8>> {
        let mut v4 = vec![
            0x08, 0, 0x45, 0, 0, 60, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ];
        v4.extend([
            0x12, 0xb5, 0x12, 0xb5, 0, 40, 0, 0, 8, 0, 0, 0, 0x50, 0, 0, 7,
        ]);
        let mut v6 = vec![0x86, 0xdd, 0x60, 0, 0, 0, 0, 24, 6, 64];
        v6.extend([0xfd; 16]);
        v6.extend([0xfc; 16]);
        for octets in [&mut v4, &mut v6] {
            octets.extend([0x50, 0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
            octets.extend(v4_inside());
        }
        vec![frame(&v4), frame(&v6)]
    }

    /// Something that a tunnel may carry.
    fn v4_inside() -> Vec<u8> {
        vec![
            0x45, 0, 0, 20, 0, 1, 0, 0, 64, 1, 0, 0, 10, 9, 9, 1, 10, 9, 9, 2,
        ]
    }

    #[test]
    fn bare_addresses_are_those_of_the_decoded_packet() {
        let mut bare = 0;
        for frame in frames() {
            for at in 12..frame.len() {
                for value in 0..=255 {
                    let mut changed = frame.clone();
                    changed[at] = value;
                    for length in [changed.len(), at.max(30)] {
                        let octets = &changed[..length];
                        let Some(found) = bare_addresses(LinkType(1), octets) else {
                            continue;
                        };
                        bare += 1;
                        let Net::Ip(ip) = Packet::decode(LinkType(1), octets).net else {
                            panic!("{octets:02x?}");
                        };
                        assert_eq!(found, (ip.source, ip.destination), "{octets:02x?}");
                    }
                }
            }
        }
        assert!(bare > 10_000);
    }
}
