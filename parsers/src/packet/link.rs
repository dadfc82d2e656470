//! Link headers: how frames of each LINKTYPE begin, tags and labels between them and the network.

use super::{Decoded, Decoder, Link, LinkType, Net, Stop, split};
use crate::protocol::Carrier;
use crate::statement::Mac;

/// Cisco's organisation code, and what its discovery protocol goes by behind it.
const CISCO: u32 = 0x00_000c;
const CISCO_DISCOVERY: u16 = 0x2000;

impl<'a> Decoder<'_, 'a> {
    /// The link header. Values are those of the pcap LINKTYPE registry.
    pub(super) fn link(&mut self, link: LinkType, octets: &'a [u8]) -> Decoded {
        match link.0 {
            0 | 108 => self.null(octets),
            1 => self.ethernet(octets),
            6 => self.token_ring(octets),
            9 => self.ppp(octets),
            12 | 14 | 101 | 228 | 229 => self.ip(octets),
            50 => self.ppp_framed(octets),
            51 => self.pppoe(octets),
            104 => self.cisco_hdlc(octets),
            105 => self.wireless(octets),
            113 => self.sll(octets),
            127 => self.radiotap(octets),
            276 => self.sll2(octets),
            other => Err(Stop::LinkType(other)),
        }
    }

    /// Ethernet II or IEEE 802.3.
    pub(super) fn ethernet(&mut self, octets: &'a [u8]) -> Decoded {
        let (header, rest) = split::<14>(octets, "ethernet header")?;
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = *header;
        self.packet.link = Some(Link {
            source: Mac([s0, s1, s2, s3, s4, s5]),
            destination: Mac([d0, d1, d2, d3, d4, d5]),
        });
        self.ether_type(u16::from_be_bytes([t0, t1]), rest)
    }

    /// A customer's frame inside the provider's: the provider's VLAN is not its own.
    fn carried_ethernet(&mut self, octets: &'a [u8]) -> Decoded {
        self.packet.vlan = None;
        self.ethernet(octets)
    }

    /// What follows an `EtherType` or length field (IEEE 802.3 §3.2.6).
    fn ether_type(&mut self, ether_type: u16, rest: &'a [u8]) -> Decoded {
        match ether_type {
            0..=1500 => {
                // The frame may be padded to the least length of the medium.
                let length = usize::from(ether_type);
                self.llc(rest.get(..length).filter(|_| length > 0).unwrap_or(rest))
            }
            0x0800 | 0x86dd => self.ip(rest),
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => self.tag(rest),
            0x8847 | 0x8848 => self.mpls(rest),
            0x8864 => self.pppoe(rest),
            0x88e7 => self.backbone(rest),
            0x88e5 => Err(Stop::Encrypted),
            other => {
                self.packet.net = Net::Other(Carrier::EtherType(other), rest);
                Ok(())
            }
        }
    }

    /// IEEE 802.1Q §9.6: priority, drop eligibility, VLAN identifier.
    fn tag(&mut self, octets: &'a [u8]) -> Decoded {
        self.deeper()?;
        let (tag, rest) = split::<4>(octets, "802.1Q tag")?;
        let [c0, c1, t0, t1] = *tag;
        let vlan = u16::from_be_bytes([c0, c1]) & 0x0fff;
        if (1..=4094).contains(&vlan) {
            self.packet.vlan = Some(vlan);
        }
        self.ether_type(u16::from_be_bytes([t0, t1]), rest)
    }

    /// IEEE 802.1ah §9.7: the service tag carries a whole frame.
    fn backbone(&mut self, octets: &'a [u8]) -> Decoded {
        self.deeper()?;
        let (_, rest) = split::<4>(octets, "802.1ah tag")?;
        self.carried_ethernet(rest)
    }

    /// Labels down to the bottom of the stack (RFC 3032 §2.1), then whatever shows itself.
    fn mpls(&mut self, octets: &'a [u8]) -> Decoded {
        self.deeper()?;
        let (label, rest) = split::<4>(octets, "mpls label")?;
        let [_, _, bottom, _] = *label;
        if bottom & 1 == 0 {
            return self.mpls(rest);
        }
        match rest.first().map(|octet| octet >> 4) {
            Some(4 | 6) => self.ip(rest),
            // RFC 4448 §4.6: an Ethernet pseudowire. Many hardware addresses begin like a control word, so
            // that the frame without one is preferred where it makes sense and the other does not.
            Some(0) => {
                let (_, controlled) = split::<4>(rest, "pseudowire control word")?;
                let bare = sensible_ethernet(rest) && !sensible_ethernet(controlled);
                self.carried_ethernet(if bare { rest } else { controlled })
            }
            _ => self.carried_ethernet(rest),
        }
    }

    /// IEEE 802.2: service access points and control, or SNAP behind them. Novell's raw 802.3 looks like access point 0xff.
    pub(super) fn llc(&mut self, octets: &'a [u8]) -> Decoded {
        let (header, rest) = split::<3>(octets, "llc header")?;
        let [destination, source, control] = *header;
        if (destination, source, control) == (0xaa, 0xaa, 3) {
            let (snap, rest) = split::<5>(rest, "snap header")?;
            let [o0, o1, o2, p0, p1] = *snap;
            let protocol = u16::from_be_bytes([p0, p1]);
            let organisation = u32::from_be_bytes([0, o0, o1, o2]);
            // RFC 1042 and IEEE 802.1H: an EtherType follows these two.
            if matches!(organisation, 0 | 0x00_00f8) && protocol > 1500 {
                return self.ether_type(protocol, rest);
            }
            self.packet.net = Net::Other(Carrier::Snap(organisation, protocol), rest);
            return Ok(());
        }
        self.packet.net = Net::Other(Carrier::Llc(destination), octets);
        Ok(())
    }

    /// BSD loopback: an address family in the byte order of whoever captured.
    fn null(&mut self, octets: &'a [u8]) -> Decoded {
        let (_, rest) = split::<4>(octets, "loopback header")?;
        self.ip(rest)
    }

    /// Linux cooked capture: the sender's address alone.
    fn sll(&mut self, octets: &'a [u8]) -> Decoded {
        let (header, rest) = split::<16>(octets, "cooked header")?;
        let [_, _, h0, h1, _, _, s0, s1, s2, s3, s4, s5, _, _, t0, t1] = *header;
        let hardware = u16::from_be_bytes([h0, h1]);
        self.cooked(hardware, [s0, s1, s2, s3, s4, s5]);
        self.cooked_type(u16::from_be_bytes([t0, t1]), rest)
    }

    /// The second version of it.
    fn sll2(&mut self, octets: &'a [u8]) -> Decoded {
        let (header, rest) = split::<20>(octets, "cooked header")?;
        let [
            t0,
            t1,
            _,
            _,
            _,
            _,
            _,
            _,
            h0,
            h1,
            _,
            _,
            s0,
            s1,
            s2,
            s3,
            s4,
            s5,
            _,
            _,
        ] = *header;
        let hardware = u16::from_be_bytes([h0, h1]);
        self.cooked(hardware, [s0, s1, s2, s3, s4, s5]);
        self.cooked_type(u16::from_be_bytes([t0, t1]), rest)
    }

    fn cooked(&mut self, hardware: u16, source: [u8; 6]) {
        // ARPHRD_ETHER; other hardware has other addresses.
        if hardware == 1 {
            self.packet.link = Some(Link {
                source: Mac(source),
                destination: Mac([0; 6]),
            });
        }
    }

    fn cooked_type(&mut self, protocol: u16, rest: &'a [u8]) -> Decoded {
        match protocol {
            // Novell's raw 802.3, without an LLC header: it looks like access point 0xff.
            1 => {
                self.packet.net = Net::Other(Carrier::Llc(0xff), rest);
                Ok(())
            }
            4 => self.llc(rest),
            // The kernel's own numbers (CAN, netlink …) are not lengths, as they would be behind 802.3.
            ..0x0600 => Ok(()),
            other => self.ether_type(other, rest),
        }
    }

    /// RFC 1661 §2: a protocol field of one or two octets.
    fn ppp(&mut self, octets: &'a [u8]) -> Decoded {
        // Address and control (RFC 1662 §3.1) come once, or are left out.
        let octets = octets.strip_prefix(&[0xff, 0x03]).unwrap_or(octets);
        match octets {
            // IPv4 and IPv6.
            [0x00, 0x21 | 0x57, rest @ ..] | [0x21 | 0x57, rest @ ..] => self.ip(rest),
            [0x02, 0x81 | 0x83, rest @ ..] => self.mpls(rest),
            [0x02, 0x07, rest @ ..] => self.discovery(rest),
            [_, _, ..] => Ok(()),
            _ => Err(Stop::Short("ppp protocol")),
        }
    }

    /// RFC 1662: PPP, or Cisco's framing of the same line.
    fn ppp_framed(&mut self, octets: &'a [u8]) -> Decoded {
        match octets {
            [0x0f | 0x8f, 0x00, ..] => self.cisco_hdlc(octets),
            _ => self.ppp(octets),
        }
    }

    fn cisco_hdlc(&mut self, octets: &'a [u8]) -> Decoded {
        let (header, rest) = split::<4>(octets, "hdlc header")?;
        let [_, _, t0, t1] = *header;
        match u16::from_be_bytes([t0, t1]) {
            CISCO_DISCOVERY => self.discovery(rest),
            // Codes of Cisco's own, none of which is a length.
            ..0x0600 => Ok(()),
            other => self.ether_type(other, rest),
        }
    }

    /// Cisco's discovery protocol on a line without LLC: given the SNAP code that it has elsewhere.
    fn discovery(&mut self, rest: &'a [u8]) -> Decoded {
        self.packet.net = Net::Other(Carrier::Snap(CISCO, CISCO_DISCOVERY), rest);
        Ok(())
    }

    /// RFC 2516 §4: version, code, session, length.
    fn pppoe(&mut self, octets: &'a [u8]) -> Decoded {
        self.deeper()?;
        let (header, rest) = split::<6>(octets, "pppoe header")?;
        let [version, code, _, _, l0, l1] = *header;
        if version != 0x11 {
            return Err(Stop::Malformed("pppoe version"));
        }
        // Session data; discovery carries no packet.
        if code != 0 {
            return Ok(());
        }
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        self.ppp(rest.get(..length).unwrap_or(rest))
    }

    /// IEEE 802.5: like 802.3, with source routing announced by the group bit of the source.
    fn token_ring(&mut self, octets: &'a [u8]) -> Decoded {
        let (header, rest) = split::<14>(octets, "token ring header")?;
        let [_, control, d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5] = *header;
        self.packet.link = Some(Link {
            source: Mac([s0 & 0x7f, s1, s2, s3, s4, s5]),
            destination: Mac([d0, d1, d2, d3, d4, d5]),
        });
        // Frame control 01xxxxxx is LLC; the rest is ring maintenance.
        if control & 0xc0 != 0x40 {
            return Ok(());
        }
        let routing = if s0 & 0x80 == 0 {
            0
        } else {
            usize::from(rest.first().ok_or(Stop::Short("source routing"))? & 0x1f)
        };
        self.llc(rest.get(routing..).ok_or(Stop::Short("source routing"))?)
    }
}

/// Whether these octets look like a frame: a common type, or a length that fits.
fn sensible_ethernet(octets: &[u8]) -> bool {
    match octets {
        [_, _, _, _, _, _, _, _, _, _, _, _, t0, t1, rest @ ..] => {
            match u16::from_be_bytes([*t0, *t1]) {
                0x0800 | 0x0806 | 0x86dd | 0x8100 | 0x88a8 | 0x88cc | 0x8847 | 0x8864 => true,
                length @ 3..=1500 => usize::from(length) <= rest.len(),
                _ => false,
            }
        }
        _ => false,
    }
}
