//! Frames of every link and tunnel, made by hand, and no damage to them makes decoding panic.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::too_many_lines
)]

use std::net::{IpAddr, Ipv4Addr};

use fossick_parsers::packet::{Ip, LinkType, Net, Packet, Stop, Transport};
use fossick_parsers::{Carrier, Mac};

const ETHERNET: u16 = 1;
const MACS: [u8; 12] = [0x02, 0, 0, 0, 0, 1, 0x00, 0x1b, 0x1b, 0, 0, 9];

/// An IPv4 packet from 10.0.0.1 to 10.0.0.2.
fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 20).unwrap().to_be_bytes();
    let mut packet = vec![
        0x45, 0, length[0], length[1], 0, 7, 0, 0, 64, protocol, 0, 0,
    ];
    packet.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    packet.extend(payload);
    packet
}

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
    let port = port.to_be_bytes();
    let mut datagram = vec![0x12, 0x34, port[0], port[1], length[0], length[1], 0, 0];
    datagram.extend(payload);
    ipv4(17, &datagram)
}

fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&MACS[..], &kind.to_be_bytes(), payload].concat()
}

/// The datagram that every frame below carries in the end.
fn inner() -> Vec<u8> {
    udp(53, b"inside")
}

fn decode(link: u16, octets: &[u8]) -> Packet<'_> {
    Packet::decode(LinkType(link), octets)
}

/// The payload of the UDP datagram in the packet.
fn datagram<'a>(packet: &Packet<'a>) -> Option<&'a [u8]> {
    match packet.net {
        Net::Ip(Ip {
            transport: Transport::Udp { payload, .. },
            ..
        }) => Some(payload),
        _ => None,
    }
}

/// Every link and tunnel: a name, the link type, the frame.
fn frames() -> Vec<(&'static str, u16, Vec<u8>)> {
    let ip = inner();
    let frame = ethernet(0x0800, &ip);
    let tagged = |kinds: &[u16], last: &[u8]| {
        let mut octets = MACS.to_vec();
        for (n, kind) in kinds.iter().enumerate() {
            octets.extend(kind.to_be_bytes());
            if matches!(kind, 0x8100 | 0x88a8) {
                octets.extend([0, 10 + u8::try_from(n).unwrap()]);
            }
        }
        octets.extend(last);
        octets
    };
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &ip].concat();
    let llc_length = u16::try_from(snap.len()).unwrap();
    let gre = |kind: u16, header: &[u8], flags: u8, payload: &[u8]| {
        let body = [&[flags, 0][..], &kind.to_be_bytes(), header, payload].concat();
        ethernet(0x0800, &ipv4(47, &body))
    };
    let pppoe = {
        let length = u16::try_from(ip.len() + 2).unwrap().to_be_bytes();
        [&[0x11, 0, 0, 1, length[0], length[1], 0, 0x21][..], &ip].concat()
    };
    let mut wireless = vec![0x08, 0x01, 0, 0];
    wireless.extend([0x02, 0, 0, 0, 0, 7]);
    wireless.extend([0x00, 0x1b, 0x1b, 0, 0, 9]);
    wireless.extend([0x02, 0, 0, 0, 0, 1, 0, 0]);
    wireless.extend(&snap);
    let mut cooked = vec![0, 0, 0, 1, 0, 6, 0, 0x1b, 0x1b, 0, 0, 9, 0, 0, 8, 0];
    cooked.extend(&ip);
    let mut cooked2 = vec![
        8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 0, 0x1b, 0x1b, 0, 0, 9, 0, 0,
    ];
    cooked2.extend(&ip);
    vec![
        ("ethernet", ETHERNET, frame.clone()),
        ("802.1Q", ETHERNET, tagged(&[0x8100, 0x0800], &ip)),
        ("QinQ", ETHERNET, tagged(&[0x88a8, 0x8100, 0x0800], &ip)),
        ("802.3 SNAP", ETHERNET, ethernet(llc_length, &snap)),
        (
            "MPLS",
            ETHERNET,
            ethernet(0x8847, &[&[0, 1, 0, 64, 0, 2, 1, 64][..], &ip].concat()),
        ),
        (
            "pseudowire",
            ETHERNET,
            ethernet(0x8847, &[&[0, 2, 1, 64, 0, 0, 0, 0][..], &frame].concat()),
        ),
        ("PPPoE", ETHERNET, ethernet(0x8864, &pppoe)),
        ("PPPoE alone", 51, pppoe.clone()),
        ("PPP", 9, [&[0xff, 3, 0, 0x21][..], &ip].concat()),
        ("Cisco HDLC", 104, [&[0x0f, 0, 8, 0][..], &ip].concat()),
        ("loopback", 0, [&[2, 0, 0, 0][..], &ip].concat()),
        (
            "loopback, big endian",
            108,
            [&[0, 0, 0, 2][..], &ip].concat(),
        ),
        ("raw", 101, ip.clone()),
        ("cooked", 113, cooked),
        ("cooked 2", 276, cooked2),
        ("802.11", 105, wireless.clone()),
        (
            "radiotap",
            127,
            [&[0, 0, 8, 0, 0, 0, 0, 0][..], &wireless].concat(),
        ),
        ("GRE", ETHERNET, gre(0x0800, &[], 0, &ip)),
        (
            "GRE with key and sequence",
            ETHERNET,
            gre(0x6558, &[0; 8], 0x30, &frame),
        ),
        ("ERSPAN I", ETHERNET, gre(0x88be, &[], 0, &frame)),
        ("ERSPAN II", ETHERNET, gre(0x88be, &[0; 12], 0x10, &frame)),
        ("ERSPAN III", ETHERNET, gre(0x22eb, &[0; 16], 0x10, &frame)),
        ("IP in IP", ETHERNET, ethernet(0x0800, &ipv4(4, &ip))),
        (
            "VXLAN",
            ETHERNET,
            ethernet(
                0x0800,
                &udp(4789, &[&[8, 0, 0, 0, 0, 0, 7, 0][..], &frame].concat()),
            ),
        ),
        (
            "Geneve",
            ETHERNET,
            ethernet(
                0x0800,
                &udp(
                    6081,
                    &[&[1, 0, 0x65, 0x58, 0, 0, 7, 0, 0, 0, 0, 0][..], &frame].concat(),
                ),
            ),
        ),
        (
            "TZSP",
            ETHERNET,
            ethernet(
                0x0800,
                &udp(37008, &[&[1, 0, 0, 1, 10, 1, 200, 1][..], &frame].concat()),
            ),
        ),
        (
            "GTP",
            ETHERNET,
            ethernet(
                0x0800,
                &udp(2152, &[&[0x30, 0xff, 0, 34, 0, 0, 0, 1][..], &ip].concat()),
            ),
        ),
    ]
}

#[test]
fn every_link_and_tunnel_is_opened_to_the_packet_inside() {
    for (name, link, octets) in frames() {
        let packet = decode(link, &octets);
        assert_eq!(
            datagram(&packet),
            Some(&b"inside"[..]),
            "{name}: {:?}",
            packet.stop
        );
        assert_eq!(packet.stop, None, "{name}");
    }
}

#[test]
fn addresses_and_tags_are_those_of_the_innermost_frame() {
    let all = frames();
    let find = |wanted: &str| all.iter().find(|(name, ..)| *name == wanted).unwrap();
    for name in [
        "ethernet",
        "QinQ",
        "VXLAN",
        "ERSPAN II",
        "cooked",
        "802.11",
        "radiotap",
    ] {
        let (_, link, octets) = find(name);
        let source = decode(*link, octets).link.unwrap().source;
        assert_eq!(source, Mac([0, 0x1b, 0x1b, 0, 0, 9]), "{name}");
    }
    let (_, link, octets) = find("QinQ");
    assert_eq!(decode(*link, octets).vlan, Some(11));
    let (_, link, octets) = find("VXLAN");
    let tunnel = decode(*link, octets).tunnel.unwrap();
    assert_eq!(tunnel.kind, "vxlan");
    assert_eq!(tunnel.source, IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
}

#[test]
fn a_tunnels_port_alone_opens_nothing() {
    let octets = ethernet(0x0800, &udp(4789, b"not a tunnel at all"));
    let packet = decode(ETHERNET, &octets);
    assert_eq!(packet.tunnel, None);
    assert_eq!(datagram(&packet), Some(&b"not a tunnel at all"[..]));
}

#[test]
fn what_is_not_ip_keeps_its_carrier() {
    let octets = ethernet(0x88cc, &[2, 7, 4]);
    assert!(matches!(
        decode(ETHERNET, &octets).net,
        Net::Other(Carrier::EtherType(0x88cc), [2, 7, 4])
    ));
    let octets = ethernet(8, &[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0]);
    assert!(matches!(
        decode(ETHERNET, &octets).net,
        Net::Other(Carrier::Snap(0x0c, 0x2000), [])
    ));
}

#[test]
fn extension_headers_are_passed_over_and_fragments_told() {
    let mut octets = vec![0x60, 0, 0, 0, 0, 24, 0, 64];
    octets.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    octets.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    // Hop-by-hop, then a fragment header: offset 8, more to come.
    octets.extend([44, 0, 5, 2, 0, 0, 1, 0]);
    octets.extend([17, 0, 0, 9, 0, 0, 0, 77]);
    octets.extend([1, 2, 3, 4, 5, 6, 7, 8]);
    let packet = decode(101, &octets);
    let Net::Ip(ip) = packet.net else {
        panic!("{packet:?}")
    };
    let fragment = ip.fragment.unwrap();
    assert_eq!((fragment.id, fragment.offset, fragment.more), (77, 8, true));
    assert_eq!((ip.protocol, ip.payload.len()), (17, 8));
}

#[test]
fn padding_is_not_payload_and_what_was_not_captured_is_missing() {
    let mut octets = ethernet(0x0800, &inner());
    octets.extend([0; 20]);
    assert_eq!(datagram(&decode(ETHERNET, &octets)), Some(&b"inside"[..]));
    let mut segment = vec![
        0, 1, 0, 2, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 0x18, 0, 0, 0, 0, 0, 0,
    ];
    segment.extend(b"hello world");
    let octets = ipv4(6, &segment);
    let packet = decode(101, &octets[..octets.len() - 6]);
    match packet.net {
        Net::Ip(Ip {
            transport: Transport::Tcp(tcp),
            ..
        }) => assert_eq!((tcp.payload, tcp.missing), (&b"hello"[..], 6)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_be_decoded_says_why() {
    assert_eq!(decode(195, &[0; 40]).stop, Some(Stop::LinkType(195)));
    assert_eq!(
        decode(ETHERNET, &[0; 9]).stop,
        Some(Stop::Short("ethernet header"))
    );
    let nested: Vec<u8> = [0x81, 0, 0, 1].repeat(30);
    let octets = [&MACS[..], &nested].concat();
    assert_eq!(decode(ETHERNET, &octets).stop, Some(Stop::Depth));
    let mut protected = vec![0x08, 0x41];
    protected.extend([0; 40]);
    assert_eq!(decode(105, &protected).stop, Some(Stop::Encrypted));
}

#[test]
fn damaged_frames_never_panic() {
    for (_, link, octets) in frames() {
        for end in 0..octets.len() {
            let _ = decode(link, &octets[..end]);
            for bit in 0..8 {
                let mut flipped = octets.clone();
                flipped[end] ^= 1 << bit;
                let _ = decode(link, &flipped);
            }
        }
    }
}

/// An 802.11 frame to the distribution system, from 00:1b:1b:00:00:09 to 02:00:00:00:00:01, up to its body.
fn wireless_header(kind: u8, flags: u8, sequence: u8) -> Vec<u8> {
    let mut header = vec![kind, flags, 0, 0, 0x02, 0, 0, 0, 0, 7];
    header.extend([0x00, 0x1b, 0x1b, 0, 0, 9, 0x02, 0, 0, 0, 0, 1, sequence, 0]);
    header
}

fn snap() -> Vec<u8> {
    [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &inner()].concat()
}

#[test]
fn wireless_control_and_management_frames_are_no_stop() {
    // An acknowledgement, a clear-to-send, a beacon that is cut short.
    for octets in [
        &[0xd4, 0, 0, 0, 2, 0, 0, 0, 0, 1][..],
        &[0xc4, 0, 0, 0, 2, 0, 0, 0, 0, 1],
        &[0x80, 0, 0, 0, 0xff, 0xff],
    ] {
        let packet = decode(105, octets);
        assert_eq!(packet.stop, None);
        assert!(matches!(packet.net, Net::Nothing));
    }
}

#[test]
fn wireless_data_is_found_behind_qos_ht_control_and_padding() {
    let qos = wireless_header(0x88, 0x01, 0);
    let body = snap();
    let plain = [&qos[..], &[0, 0], &body].concat();
    assert_eq!(datagram(&decode(105, &plain)), Some(&b"inside"[..]));
    let ordered = wireless_header(0x88, 0x81, 0);
    let ordered = [&ordered[..], &[0; 6], &body].concat();
    assert_eq!(datagram(&decode(105, &ordered)), Some(&b"inside"[..]));
    // Radiotap with TSFT and flags: data padding.
    let mut padded = vec![0, 0, 17, 0, 3, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0x20];
    padded.extend([&qos[..], &[0, 0], &[0, 0], &body].concat());
    assert_eq!(datagram(&decode(127, &padded)), Some(&b"inside"[..]));
    // Two `present` words.
    let mut words = vec![0, 0, 13, 0, 2, 0, 0, 0x80, 0, 0, 0, 0, 0x20];
    words.extend([&qos[..], &[0, 0], &[0, 0], &body].concat());
    assert_eq!(datagram(&decode(127, &words)), Some(&b"inside"[..]));
}

#[test]
fn the_first_frame_of_a_wireless_aggregate_is_read_with_its_own_addresses() {
    let body = snap();
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let mut octets = wireless_header(0x88, 0x01, 0);
    octets.extend([0x80, 0]);
    octets.extend([0x02, 0, 0, 0, 0, 3, 0x02, 0, 0, 0, 0, 4]);
    octets.extend(length);
    octets.extend(&body);
    let packet = decode(105, &octets);
    assert_eq!(datagram(&packet), Some(&b"inside"[..]));
    assert_eq!(packet.link.unwrap().source, Mac([0x02, 0, 0, 0, 0, 4]));
    assert_eq!(packet.link.unwrap().destination, Mac([0x02, 0, 0, 0, 0, 3]));
}

#[test]
fn a_wireless_frame_between_access_points_names_the_stations_behind_them() {
    let mut octets = wireless_header(0x08, 0x03, 0);
    octets.extend([0x02, 0, 0, 0, 0, 5]);
    octets.extend(snap());
    let link = decode(105, &octets).link.unwrap();
    assert_eq!(link.source, Mac([0x02, 0, 0, 0, 0, 5]));
    assert_eq!(link.destination, Mac([0x02, 0, 0, 0, 0, 1]));
}

#[test]
fn wireless_frames_that_cannot_be_believed_say_nothing() {
    let whole = [wireless_header(0x08, 0x01, 0), snap()].concat();
    // A failed frame check.
    let damaged = [&[0, 0, 9, 0, 2, 0, 0, 0, 0x40][..], &whole].concat();
    let packet = decode(127, &damaged);
    assert_eq!(packet.stop, Some(Stop::Malformed("802.11 frame check")));
    assert!(matches!(packet.net, Net::Nothing) && packet.link.is_none());
    // The second fragment of something.
    let later = [wireless_header(0x08, 0x01, 1), snap()].concat();
    assert!(matches!(decode(105, &later).net, Net::Nothing));
}

#[test]
fn cooked_frames_keep_the_senders_address_and_kernel_numbers_are_no_lengths() {
    let header = |protocol: u8| vec![0, 0, 0, 1, 0, 6, 0, 0x1b, 0x1b, 0, 0, 9, 0, 0, 0, protocol];
    let mut novell = header(1);
    novell.extend([0xff, 0xff, 0, 34, 0, 0x11, 0, 0, 0, 1]);
    novell.extend([0xff; 24]);
    let packet = decode(113, &novell);
    assert_eq!(packet.link.unwrap().source, Mac([0, 0x1b, 0x1b, 0, 0, 9]));
    assert!(matches!(
        packet.net,
        Net::Other(Carrier::Llc(0xff), [0xff, 0xff, ..])
    ));
    let mut can = header(0x0c);
    can.extend([0xf0; 16]);
    assert!(matches!(decode(113, &can).net, Net::Nothing));
}

#[test]
fn discovery_on_serial_lines_has_its_snap_code() {
    for (link, octets) in [
        (104, &[0x8f, 0, 0x20, 0, 2, 180][..]),
        (50, &[0x8f, 0, 0x20, 0, 2, 180]),
        (9, &[0xff, 3, 2, 7, 2, 180]),
    ] {
        assert!(matches!(
            decode(link, octets).net,
            Net::Other(Carrier::Snap(0x0c, 0x2000), [2, 180])
        ));
    }
}

#[test]
fn endless_ppp_addresses_are_not_followed() {
    let octets = [0xff, 3].repeat(130_000);
    assert!(matches!(decode(9, &octets).net, Net::Nothing));
}

#[test]
fn the_providers_vlan_is_not_the_customers() {
    let frame = ethernet(0x0800, &inner());
    let tagged = |kind: u16, rest: &[u8]| {
        let body = [&[0, 100][..], &kind.to_be_bytes(), rest].concat();
        ethernet(0x88a8, &body)
    };
    let backbone = tagged(0x88e7, &[&[0, 0, 0, 7][..], &frame].concat());
    // The hardware address begins like a control word, but there is none.
    let mut low = frame.clone();
    low[0] = 0;
    let pseudowire = tagged(0x8847, &[&[0, 2, 1, 64][..], &low].concat());
    for octets in [backbone, pseudowire] {
        let packet = decode(ETHERNET, &octets);
        assert_eq!(datagram(&packet), Some(&b"inside"[..]));
        assert_eq!(packet.vlan, None);
    }
}

#[test]
fn addresses_survive_headers_that_are_cut_short() {
    let mut v6 = vec![0x60, 0, 0, 0, 0, 24, 0, 64];
    v6.extend([1; 32]);
    v6.extend([17, 9, 0, 0, 0, 0, 0, 0]);
    let v4 = [&[0x4f][..], &inner()[1..24]].concat();
    for octets in [v6, v4] {
        let packet = decode(101, &octets);
        assert!(matches!(packet.net, Net::Ip(_)), "{packet:?}");
        assert!(matches!(packet.stop, Some(Stop::Short(_))), "{packet:?}");
    }
}

#[test]
fn what_an_authentication_header_protects_is_read() {
    let datagram_octets = inner()[20..].to_vec();
    let mut header = vec![17, 4];
    header.extend([0; 22]);
    let octets = ipv4(51, &[header, datagram_octets].concat());
    assert_eq!(datagram(&decode(101, &octets)), Some(&b"inside"[..]));
}

#[test]
fn extension_headers_of_gtp_are_passed_over() {
    // A PDU session container (type 0x85), as on every 5G user plane.
    let header = [0x34, 0xff, 0, 42, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0x10, 1, 0];
    let octets = udp(2152, &[&header[..], &inner()].concat());
    let packet = decode(101, &octets);
    assert_eq!(datagram(&packet), Some(&b"inside"[..]));
    assert_eq!(packet.tunnel.unwrap().kind, "gtp");
}

#[test]
fn random_octets_never_panic() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let links = [0, 1, 6, 9, 50, 51, 101, 104, 105, 108, 113, 127, 276];
    for _ in 0..20_000 {
        let length = next() % 200;
        let mut octets: Vec<u8> = (0..length).map(|_| next().to_le_bytes()[3]).collect();
        for link in links {
            let _ = decode(link, &octets);
        }
        // The same behind a type that is read on.
        let kinds = [0x0800, 0x86dd, 0x8100, 0x8847, 0x8864, 0x88e7, 40];
        let kind = kinds[usize::try_from(next()).unwrap() % kinds.len()];
        if let Some(first) = octets.first_mut() {
            *first = if kind == 0x86dd { 0x60 } else { 0x45 };
        }
        let _ = decode(ETHERNET, &ethernet(kind, &octets));
    }
}
