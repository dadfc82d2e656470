//! IPv4, IPv6 and the transport headers that flows are made of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Decoded, Decoder, Fragment, Ip, Net, Stop, Tcp, Transport, split};

/// IP protocol numbers that are opened here.
mod number {
    pub const HOP_BY_HOP: u8 = 0;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const ROUTING: u8 = 43;
    pub const FRAGMENT: u8 = 44;
    pub const AUTHENTICATION: u8 = 51;
    pub const DESTINATION_OPTIONS: u8 = 60;
}

impl<'a> Decoder<'_, 'a> {
    /// A packet of either version.
    pub(super) fn ip(&mut self, octets: &'a [u8]) -> Decoded {
        match octets.first().map(|octet| octet >> 4) {
            Some(4) => self.ipv4(octets),
            Some(6) => self.ipv6(octets),
            Some(_) => Err(Stop::Malformed("ip version")),
            None => Err(Stop::Short("ip header")),
        }
    }

    /// RFC 791 §3.1.
    fn ipv4(&mut self, octets: &'a [u8]) -> Decoded {
        let (header, _) = split::<20>(octets, "ipv4 header")?;
        let [
            first,
            _,
            l0,
            l1,
            i0,
            i1,
            f0,
            f1,
            hops,
            protocol,
            _,
            _,
            s0,
            s1,
            s2,
            s3,
            d0,
            d1,
            d2,
            d3,
        ] = *header;
        let length = usize::from(first & 0x0f).saturating_mul(4);
        if length < 20 {
            return Err(Stop::Malformed("ipv4 header length"));
        }
        let total = usize::from(u16::from_be_bytes([l0, l1]));
        // Zero where the sending host left segmentation to its interface.
        let octets = octets
            .get(..total)
            .filter(|_| total >= length)
            .unwrap_or(octets);
        let part = u16::from_be_bytes([f0, f1]);
        let offset = (part & 0x1fff).saturating_mul(8);
        let more = part & 0x2000 != 0;
        let fragment = (more || offset > 0).then_some(Fragment {
            id: u16::from_be_bytes([i0, i1]).into(),
            offset,
            more,
        });
        let missing = total.saturating_sub(octets.len());
        let mut ip = Ip {
            source: IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3)),
            destination: IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3)),
            hops,
            protocol,
            fragment,
            octets,
            payload: &[],
            transport: Transport::Other,
        };
        let Some(payload) = octets.get(length..) else {
            self.packet.net = Net::Ip(ip);
            return Err(Stop::Short("ipv4 options"));
        };
        ip.payload = payload;
        if protocol == number::AUTHENTICATION && fragment.is_none() {
            self.packet.net = Net::Ip(ip);
            (ip.protocol, ip.payload) = authenticated(ip.payload)?;
        }
        self.transport(ip, missing)
    }

    /// RFC 8200 §3 and §4.
    fn ipv6(&mut self, octets: &'a [u8]) -> Decoded {
        let (header, _) = split::<40>(octets, "ipv6 header")?;
        let (head, addresses) = split::<8>(header, "ipv6 header")?;
        let [_, _, _, _, l0, l1, mut protocol, hops] = *head;
        let (source, destination) = split::<16>(addresses, "ipv6 addresses")?;
        let (destination, _) = split::<16>(destination, "ipv6 addresses")?;
        let total = usize::from(u16::from_be_bytes([l0, l1])).saturating_add(40);
        let octets = octets.get(..total).filter(|_| total > 40).unwrap_or(octets);
        let mut rest = octets.get(40..).unwrap_or_default();
        let mut fragment = None;
        let mut ip = Ip {
            source: IpAddr::V6(Ipv6Addr::from(*source)),
            destination: IpAddr::V6(Ipv6Addr::from(*destination)),
            hops,
            protocol,
            fragment,
            octets,
            payload: rest,
            transport: Transport::Other,
        };
        self.packet.net = Net::Ip(ip);
        loop {
            let length = match (protocol, rest) {
                (
                    number::HOP_BY_HOP | number::ROUTING | number::DESTINATION_OPTIONS,
                    [_, units, ..],
                ) => usize::from(*units).saturating_add(1).saturating_mul(8),
                (number::AUTHENTICATION, [_, units, ..]) => {
                    usize::from(*units).saturating_add(2).saturating_mul(4)
                }
                (number::FRAGMENT, [_, _, o0, o1, i0, i1, i2, i3, ..]) => {
                    let part = u16::from_be_bytes([*o0, *o1]);
                    // An "atomic" fragment (RFC 6946) is whole.
                    fragment = (part & 0xfff9 != 0).then_some(Fragment {
                        id: u32::from_be_bytes([*i0, *i1, *i2, *i3]),
                        offset: part & 0xfff8,
                        more: part & 1 == 1,
                    });
                    8
                }
                _ => break,
            };
            self.deeper()?;
            protocol = rest.first().copied().unwrap_or_default();
            rest = rest
                .get(length..)
                .ok_or(Stop::Short("ipv6 extension header"))?;
            if fragment.is_some() {
                break;
            }
        }
        let missing = total.saturating_sub(octets.len());
        (ip.protocol, ip.payload, ip.fragment) = (protocol, rest, fragment);
        self.transport(ip, missing)
    }

    /// Reads the transport header, and opens tunnels; `missing` octets of the packet were not captured.
    fn transport(&mut self, mut ip: Ip<'a>, missing: usize) -> Decoded {
        let read = if ip.fragment.is_some() {
            Ok(Transport::Other)
        } else {
            let missing = u32::try_from(missing).unwrap_or(u32::MAX);
            match ip.protocol {
                number::TCP => tcp(ip.payload, missing).map(Transport::Tcp),
                number::UDP => udp(ip.payload),
                _ => Ok(Transport::Other),
            }
        };
        if let Ok(transport) = read {
            ip.transport = transport;
        }
        self.packet.net = Net::Ip(ip);
        match read? {
            Transport::Tcp(_) => Ok(()),
            Transport::Udp {
                destination,
                payload,
                ..
            } => self.datagram_tunnel(&ip, destination, payload),
            Transport::Other if ip.fragment.is_some() => Ok(()),
            Transport::Other => self.tunnel(&ip),
        }
    }
}

/// RFC 768.
fn udp(octets: &[u8]) -> Result<Transport<'_>, Stop> {
    let (header, rest) = split::<8>(octets, "udp header")?;
    let [s0, s1, d0, d1, l0, l1, _, _] = *header;
    let length = usize::from(u16::from_be_bytes([l0, l1])).saturating_sub(8);
    Ok(Transport::Udp {
        source: u16::from_be_bytes([s0, s1]),
        destination: u16::from_be_bytes([d0, d1]),
        payload: rest.get(..length).filter(|_| length > 0).unwrap_or(rest),
    })
}

/// RFC 4302 §2: what an authentication header protects, by its protocol number.
fn authenticated(octets: &[u8]) -> Result<(u8, &[u8]), Stop> {
    let (header, _) = split::<2>(octets, "authentication header")?;
    let [protocol, units] = *header;
    let length = usize::from(units).saturating_add(2).saturating_mul(4);
    let rest = octets.get(length..);
    Ok((protocol, rest.ok_or(Stop::Short("authentication header"))?))
}

/// RFC 9293 §3.1.
fn tcp(octets: &[u8], missing: u32) -> Result<Tcp<'_>, Stop> {
    let (header, _) = split::<20>(octets, "tcp header")?;
    let [
        s0,
        s1,
        d0,
        d1,
        q0,
        q1,
        q2,
        q3,
        _,
        _,
        _,
        _,
        offset,
        flags,
        ..,
    ] = *header;
    let length = usize::from(offset >> 4).saturating_mul(4);
    if length < 20 {
        return Err(Stop::Malformed("tcp data offset"));
    }
    Ok(Tcp {
        source: u16::from_be_bytes([s0, s1]),
        destination: u16::from_be_bytes([d0, d1]),
        sequence: u32::from_be_bytes([q0, q1, q2, q3]),
        flags,
        payload: octets.get(length..).ok_or(Stop::Short("tcp options"))?,
        missing,
    })
}
