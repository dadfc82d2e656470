//! The merge rules, one scenario each: which addresses are one asset, and which are nobody's.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

use std::net::Ipv4Addr;

use fossick_tests::{Capture, ip, mac, read};

const PING: u8 = 1;

/// An exchange of pings, so that both ends certainly exist.
fn ping(
    capture: &mut Capture,
    one: ([u8; 6], Ipv4Addr),
    other: ([u8; 6], Ipv4Addr),
    vlan: u16,
    hops: u8,
) {
    capture.ipv4(one, other, vlan, 64, PING, &[8, 0, 0, 0, 0, 1, 0, 1]);
    capture.ipv4(other, one, vlan, hops, PING, &[0, 0, 0, 0, 0, 1, 0, 1]);
}

#[test]
fn hosts_behind_a_router_are_assets_without_a_mac() {
    let mut capture = Capture::new();
    let (here, router) = ((mac(1), ip(1)), mac(9));
    capture.arp(router, ip(9), 0).again();
    for last in 1..6 {
        let far = Ipv4Addr::new(10, 7, 0, last);
        ping(&mut capture, here, (router, far), 0, 63);
    }
    let ran = read(&capture);
    for last in 1..6 {
        let far = ran.asset(&format!("10.7.0.{last}"));
        assert_eq!(far["addresses"]["mac"].as_array().unwrap().len(), 0);
        assert_eq!(far["visibility"][0], "routed-mac");
    }
    let router = ran.asset("00:1b:1b:00:00:09");
    assert_eq!(router["addresses"]["ipv4"].as_array().unwrap().len(), 1);
}

#[test]
fn an_address_that_dhcp_gives_to_another_is_two_assets_in_turn() {
    let mut capture = Capture::new();
    let peer = (mac(1), ip(1));
    for holder in [mac(2), mac(3)] {
        capture.arp(holder, ip(50), 0);
        ping(&mut capture, peer, (holder, ip(50)), 0, 64);
    }
    let ran = read(&capture);
    for holder in ["00:1b:1b:00:00:02", "00:1b:1b:00:00:03"] {
        let asset = ran.asset(holder);
        assert_eq!(asset["addresses"]["ipv4"][0], "10.0.0.50", "{holder}");
        assert_eq!(asset["addresses"]["mac"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn a_redundant_pair_that_swaps_addresses_stays_two_assets() {
    let mut capture = Capture::new();
    for (first, second) in [(2, 3), (3, 2), (2, 3)] {
        for _ in 0..3 {
            capture.arp(mac(first), ip(50), 0);
            capture.arp(mac(second), ip(51), 0);
        }
    }
    let assets = read(&capture).assets();
    let macs: Vec<_> = assets
        .iter()
        .map(|asset| asset["addresses"]["mac"].clone())
        .collect();
    assert_eq!(assets.len(), 2, "{macs:?}");
}

#[test]
fn addresses_of_redundant_routers_are_nobodys() {
    let mut capture = Capture::new();
    // VRRP group 7, and HSRP group 1.
    for shared in [[0, 0, 0x5e, 0, 1, 7], [0, 0, 0x0c, 0x07, 0xac, 1]] {
        for _ in 0..3 {
            capture.arp(shared, ip(254), 0);
        }
    }
    assert_eq!(read(&capture).assets().len(), 0);
}

#[test]
fn a_redundant_router_that_announces_its_group_is_somebody_and_the_groups_address_nobody() {
    const VRRP: u8 = 112;
    let mut capture = Capture::new();
    let shared = [0, 0, 0x5e, 0, 1, 7];
    let group = ([1, 0, 0x5e, 0, 0, 0x12], Ipv4Addr::new(224, 0, 0, 18));
    let advertisement = [0x31, 7, 100, 1, 0, 100, 0, 0, 10, 0, 0, 254];
    capture.arp(shared, ip(254), 0);
    capture.ipv4((shared, ip(3)), group, 0, 255, VRRP, &advertisement);
    let ran = read(&capture);
    let router = ran.asset("10.0.0.3");
    assert_eq!(router["protocols"][0], "vrrp");
    assert_eq!(router["addresses"]["mac"].as_array().unwrap().len(), 0);
    assert_eq!(ran.assets().len(), 1);
}

#[test]
fn units_behind_a_gateway_are_its_children() {
    let mut capture = Capture::new();
    let question = [0, 1, 0, 0, 0, 2, 17, 0x11];
    let answer = *b"\x00\x01\x00\x00\x00\x0c\x11\x11\x09PM800-A1\xff";
    capture.connection(
        (mac(1), ip(1), 50_000),
        (mac(2), ip(2), 502),
        &[&question, &answer],
    );
    let gateway = read(&capture).asset("10.0.0.2");
    assert_eq!(gateway["children"][0]["path"], "unit 17");
    assert_eq!(
        gateway["children"][0]["observations"][0]["value"],
        "PM800-A1"
    );
    assert_eq!(gateway["children"][0]["protocols"][0], "modbus");
    assert!(gateway["children"][0].get("addresses").is_none());
}

#[test]
fn the_same_network_on_two_vlans_is_two_networks() {
    let mut capture = Capture::new();
    for (vlan, host) in [(10, mac(2)), (20, mac(3))] {
        capture.arp(host, ip(50), vlan);
        ping(&mut capture, (mac(1), ip(1)), (host, ip(50)), vlan, 64);
    }
    let assets = read(&capture).assets();
    let holders = assets
        .iter()
        .filter(|asset| asset["addresses"]["ipv4"][0] == "10.0.0.50");
    let mut vlans: Vec<String> = holders.map(|asset| asset["vlans"].to_string()).collect();
    vlans.sort();
    assert_eq!(vlans, ["[10]", "[20]"]);
}

#[test]
fn a_randomised_address_says_so() {
    let mut capture = Capture::new();
    let phone = [0x02, 0x1b, 0x1b, 0, 0, 7];
    capture.arp(phone, ip(70), 0).again();
    capture.arp(phone, ip(70), 0);
    let asset = read(&capture).asset("10.0.0.70");
    assert!(asset["visibility"].to_string().contains("randomised-mac"));
}

#[test]
fn a_sweep_adds_nobody_but_the_sweeper_and_those_who_answer() {
    let mut capture = Capture::new();
    let sweeper = (mac(1), ip(1), 40_000);
    for n in 0..4096_u16 {
        let [high, low] = n.to_be_bytes();
        let target = Ipv4Addr::new(10, 9, high, low);
        capture.tcp(sweeper, (mac(9), target, 502), 64, 0x02, 1, b"");
    }
    let answers = (mac(2), ip(2), 502);
    capture.tcp(sweeper, answers, 64, 0x02, 1, b"");
    capture.tcp(answers, sweeper, 64, 0x14, 0, b"");
    let assets = read(&capture).assets();
    let addresses: Vec<_> = assets
        .iter()
        .map(|asset| asset["addresses"]["ipv4"].to_string())
        .collect();
    assert_eq!(
        addresses,
        ["[\"10.0.0.2\"]"],
        "only the host that answered is proven"
    );
}

#[test]
fn a_flood_of_forged_sources_adds_nobody() {
    let mut capture = Capture::new();
    for n in 0..4096_u16 {
        let [high, low] = n.to_be_bytes();
        let forged = (mac(low), Ipv4Addr::new(10, 8, high, low), 40_000 + n % 1000);
        capture.tcp(forged, (mac(2), ip(2), 80), 64, 0x02, 1, b"");
    }
    assert_eq!(read(&capture).assets().len(), 0);
}

#[test]
fn peers_on_the_internet_are_listed_only_when_asked_for() {
    let mut capture = Capture::new();
    let far = Ipv4Addr::new(192, 0, 2, 80);
    let said: [&[u8]; 2] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\n\r\n",
    ];
    capture.connection((mac(1), ip(1), 50_000), (mac(9), far, 80), &said);
    assert!(read(&capture).find("192.0.2.80").is_none());
    let ran = fossick_tests::run(
        &["read", "-", "--format", "json", "--external"],
        &capture.pcap(),
    );
    assert_eq!(ran.asset("192.0.2.80")["external"], true);
    let local = ran.asset("10.0.0.1");
    assert!(local.get("external").is_none());
    assert_eq!(local["peers"], 1);
}

#[test]
fn a_frame_mirrored_twice_counts_once() {
    let mut capture = Capture::new();
    let said: [&[u8]; 2] = [b"", b"220 plc FTP server (vsFTPd 3.0.3)\r\n"];
    capture.connection((mac(1), ip(1), 50_000), (mac(2), ip(2), 21), &said);
    let once = read(&capture);
    let mut doubled = Capture::new();
    for frame in capture.frames() {
        doubled.frame(frame);
    }
    let ran = fossick_tests::run(&["read", "-", "--format", "json"], &doubled.pcap());
    assert_eq!(once.assets().len(), ran.assets().len());
}

#[test]
fn a_service_on_a_foreign_port_is_found_and_a_port_alone_names_nothing() {
    let mut capture = Capture::new();
    let banner: [&[u8]; 2] = [
        b"SSH-2.0-PuTTY_Release_0.74\r\n",
        b"SSH-2.0-dropbear_2022.83\r\n",
    ];
    capture.connection((mac(1), ip(1), 50_000), (mac(2), ip(2), 44_818), &banner);
    capture.connection(
        (mac(1), ip(1), 50_001),
        (mac(3), ip(3), 502),
        &[b"hello", b"world"],
    );
    let ran = read(&capture);
    let ssh = &ran.asset("10.0.0.2")["services"][0];
    assert_eq!(
        (&ssh["protocol"], &ssh["product"]),
        (&"ssh".into(), &"Dropbear".into())
    );
    let other = &ran.asset("10.0.0.3")["services"][0];
    assert_eq!(
        (&other["port"], &other["protocol"]),
        (&502.into(), &serde_json::Value::Null)
    );
}

#[test]
fn what_goes_through_a_proxy_is_read_and_the_port_still_serves_the_proxy() {
    let mut capture = Capture::new();
    let said: [&[u8]; 6] = [
        &[5, 1, 0],
        &[5, 0],
        &[5, 1, 0, 1, 192, 0, 2, 7, 0, 80],
        &[5, 0, 0, 1, 192, 0, 2, 1, 4, 56],
        b"GET / HTTP/1.1\r\nHost: example.com\r\nUser-Agent: Wget/1.21.3\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nServer: nginx/1.22.1\r\n\r\n",
    ];
    capture.connection((mac(1), ip(1), 50_000), (mac(2), ip(2), 9050), &said);
    let ran = read(&capture);
    assert_eq!(
        ran.asset("10.0.0.1")["protocols"],
        serde_json::json!(["http", "socks"])
    );
    let service = &ran.asset("10.0.0.2")["services"][0];
    assert_eq!(
        (&service["protocol"], &service["product"]),
        (&"socks".into(), &serde_json::Value::Null)
    );
}

#[test]
fn a_conversation_heard_from_the_middle_is_read() {
    let mut capture = Capture::new();
    let (client, server) = ((mac(1), ip(1), 50_000), (mac(2), ip(2), 502));
    // The tail of a message that began before the capture, then a whole question and its answer.
    capture.tcp(server, client, 64, 0x18, 900, b"\x00\x07\x00\x09");
    capture.tcp(
        client,
        server,
        64,
        0x18,
        70,
        &[0, 1, 0, 0, 0, 5, 0xff, 0x2b, 0x0e, 1, 0],
    );
    let mut answer = vec![0, 1, 0, 0, 0, 15, 0xff, 0x2b, 0x0e, 1, 1, 0, 0, 1, 0, 5];
    answer.extend(b"Acme!");
    capture.tcp(server, client, 64, 0x18, 904, &answer);
    assert_eq!(read(&capture).asset("10.0.0.2")["vendor"], "Acme!");
}

#[test]
fn a_datagram_in_fragments_is_read_and_its_evidence_names_each_frame() {
    let mut capture = Capture::new();
    let name = "x".repeat(40);
    let answer =
        format!("HTTP/1.1 200 OK\r\nSERVER: Linux/4.9 UPnP/1.0 {name}/1.0\r\nUSN: uuid:1\r\n\r\n");
    let (device, asks) = ((mac(2), ip(2), 1900), (mac(1), ip(1), 50_000));
    capture.fragmented_udp(device, asks, answer.as_bytes(), 56);
    let asset = read(&capture).asset("10.0.0.2");
    assert_eq!(asset["os"], "Linux");
    let server = asset["observations"]
        .as_array()
        .unwrap()
        .iter()
        .find(|observation| observation["key"] == "ssdp.server")
        .unwrap();
    assert_eq!(server["evidence"]["frames"], serde_json::json!([1, 2]));
}
