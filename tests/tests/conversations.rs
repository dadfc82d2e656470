//! Who was seen to use which service of whom, and how far that may be taken for all that there is.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

use std::net::Ipv4Addr;

use fossick_tests::live::{Network, Sensor, possible};
use fossick_tests::{Capture, Folder, ip, mac, read, run};
use serde_json::{Value, json};

/// An end that tests use.
type End = ([u8; 6], Ipv4Addr, u16);

fn end(last: u8, port: u16) -> End {
    (mac(last), ip(last), port)
}

/// What was seen of who uses what, on so many threads.
fn on_threads(capture: &Capture, threads: &str) -> Vec<Value> {
    let arguments = [
        "read",
        "-",
        "--conversations",
        "--format",
        "json",
        "--threads",
        threads,
    ];
    run(&arguments, &capture.pcap()).assets()
}

fn conversations(capture: &Capture) -> Vec<Value> {
    on_threads(capture, "1")
}

fn baseline(capture: &Capture) -> Value {
    let arguments = ["read", "-", "--baseline", "--format", "json"];
    run(&arguments, &capture.pcap()).assets().remove(0)
}

/// The names of what is asked for.
fn names(conversation: &Value) -> Vec<&str> {
    let asked = conversation["operations"].as_array();
    let names = asked.into_iter().flatten();
    names.map(|asked| asked["name"].as_str().unwrap()).collect()
}

/// A Modbus request for two registers, and its answer.
fn registers(function: u8, nth: u8) -> (Vec<u8>, Vec<u8>) {
    let question = vec![0, nth, 0, 0, 0, 6, 1, function, 0, 0, 0, 2];
    let answer = if function < 5 {
        vec![0, nth, 0, 0, 0, 7, 1, function, 4, 0, 1, 0, 2]
    } else {
        question.clone()
    };
    (question, answer)
}

/// A whole connection, in which these functions are asked for in turn.
fn modbus(capture: &mut Capture, client: End, server: End, functions: &[u8]) {
    let mut said = Vec::new();
    for (nth, function) in functions.iter().enumerate() {
        let (question, answer) = registers(*function, nth as u8);
        said.extend([question, answer]);
    }
    let said: Vec<&[u8]> = said.iter().map(Vec::as_slice).collect();
    capture.connection(client, server, &said);
}

#[test]
fn a_conversation_has_its_direction_where_the_start_was_not_seen() {
    let mut capture = Capture::new();
    let (client, server) = (end(1, 50_000), end(2, 502));
    let (question, answer) = registers(3, 1);
    // The answer to something before is heard first.
    capture.tcp(server, client, 64, 0x18, 900, &answer);
    capture.tcp(client, server, 64, 0x18, 70, &question);
    capture.tcp(server, client, 64, 0x18, 913, &answer);
    let all = conversations(&capture);
    assert_eq!(all.len(), 1, "{all:?}");
    let one = &all[0];
    assert_eq!(one["client"]["address"], "10.0.0.1");
    assert_eq!(one["server"]["address"], "10.0.0.2");
    assert_eq!(one["direction"], "ports");
    assert_eq!(
        (&one["port"], &one["protocol"]),
        (&502.into(), &"modbus".into())
    );
    assert_eq!(names(one), ["read holding registers (3)"]);
    assert_eq!(one["operations"][0]["frame"], 2);
    assert_eq!(
        (&one["two_way"], &one["evidence"]["frame"]),
        (&true.into(), &1.into())
    );
    let ran = read(&capture);
    assert_eq!(one["server"]["asset"], ran.asset("10.0.0.2")["id"]);
    assert_eq!(one["client"]["asset"], ran.asset("10.0.0.1")["id"]);
}

#[test]
fn the_opening_tells_the_server_whatever_the_ports() {
    let mut capture = Capture::new();
    // Ports say the opposite.
    for port in [1042, 1043, 1044] {
        modbus(&mut capture, end(1, port), end(2, 60_000), &[3]);
    }
    let all = conversations(&capture);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0]["server"]["address"], "10.0.0.2");
    assert_eq!(all[0]["port"], 60_000);
    assert_eq!(all[0]["direction"], "opening");
    assert_eq!(all[0]["flows"], 3);
}

#[test]
fn the_role_in_a_protocol_tells_the_server_where_ports_do_not() {
    let mut capture = Capture::new();
    let (client, server) = (end(1, 50_000), end(2, 50_001));
    let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    capture.tcp(client, server, 64, 0x18, 70, request);
    capture.tcp(
        server,
        client,
        64,
        0x18,
        900,
        b"HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n",
    );
    let all = conversations(&capture);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0]["server"]["address"], "10.0.0.2");
    assert_eq!(
        (&all[0]["port"], &all[0]["direction"]),
        (&50_001.into(), &"role".into())
    );
}

#[test]
fn an_operation_is_seen_with_its_packet_however_long_a_flow_said_nothing_new() {
    let mut capture = Capture::new();
    // A write of the same length as the reads, once, where only one message in sixteen is read.
    let mut functions = [3; 200];
    functions[150] = 6;
    modbus(&mut capture, end(1, 50_000), end(2, 502), &functions);
    let all = conversations(&capture);
    assert_eq!(
        names(&all[0]),
        ["read holding registers (3)", "write single register (6)"]
    );
    // Behind the handshake, a question and an answer at a time.
    let write = &all[0]["operations"][1];
    assert_eq!(
        (&write["frame"], &write["heard"]),
        (&304.into(), &true.into())
    );
}

#[test]
fn what_is_asked_for_is_bounded_and_says_so() {
    let mut capture = Capture::new();
    let functions: Vec<u8> = (1..=120).collect();
    modbus(&mut capture, end(1, 50_000), end(2, 502), &functions);
    modbus(&mut capture, end(1, 50_001), end(3, 502), &functions[..10]);
    let all = conversations(&capture);
    assert_eq!(names(&all[0]).len(), 64);
    assert_eq!(all[0]["more_operations"], true);
    assert_eq!(names(&all[1]).len(), 10);
    assert!(all[1].get("more_operations").is_none());
}

#[test]
fn a_lone_opening_is_no_conversation_and_hosts_on_the_internet_are_ends() {
    let mut capture = Capture::new();
    capture.tcp(end(1, 50_000), end(3, 80), 64, 2, 1, b"");
    let far = Ipv4Addr::new(192, 0, 2, 80);
    let said: [&[u8]; 2] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\n\r\n",
    ];
    for port in 50_000..50_010 {
        capture.connection(end(1, port), (mac(9), far, 80), &said);
    }
    let all = conversations(&capture);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0]["server"]["address"], "192.0.2.80");
    assert!(all[0]["server"].get("asset").is_none());
    assert_eq!(names(&all[0]), ["GET"]);
    assert_eq!(all[0]["flows"], 10);
}

#[test]
fn many_ports_of_one_host_are_few_conversations_on_any_number_of_threads() {
    let mut capture = Capture::new();
    for n in 0..20_000_u32 {
        let (client, server) = (end(1, 40_000), end(n as u8 % 5 + 2, 1024 + n as u16));
        capture.connection(client, server, &[b"\x00\x01", b"\x00\x02"]);
    }
    let one = on_threads(&capture, "1");
    // So many services in no known protocol are kept of a pair of hosts.
    assert_eq!(one.len(), 5 * 64);
    assert_eq!(one, on_threads(&capture, "2"));
    assert_eq!(one, on_threads(&capture, "16"));
}

#[test]
fn ports_of_clients_become_no_services_where_nothing_shows_the_direction() {
    let mut capture = Capture::new();
    for n in 0..500 {
        let (one, other) = (end(1, 40_000 + n), end(2, 50_000 + n));
        capture.tcp(one, other, 64, 0x18, 1, b"\x00\x01");
        capture.tcp(other, one, 64, 0x18, 1, b"\x00\x02");
        capture.udp(one, other, b"\x80\x00\x07");
        capture.udp(other, one, b"\x80\x00\x07");
    }
    let all = conversations(&capture);
    assert_eq!(all.len(), 2, "{all:?}");
    for one in &all {
        assert_eq!(one["direction"], "unknown");
        assert_eq!((&one["port"], &one["flows"]), (&Value::Null, &500.into()));
    }
    assert_eq!(baseline(&capture)["unknown_direction"], 2);
}

#[test]
fn what_is_for_groups_stands_apart() {
    let mut capture = Capture::new();
    let search = b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n";
    let group = (
        [1, 0, 0x5e, 0x7f, 0xff, 0xfa],
        Ipv4Addr::new(239, 255, 255, 250),
        1900,
    );
    capture.udp(end(1, 50_000), group, search);
    // Who-Is, to everybody on a network whose size only the link layer shows.
    let everybody = ([0xff; 6], Ipv4Addr::new(10, 0, 0, 127), 47_808);
    capture.udp(
        end(1, 47_808),
        everybody,
        &[0x81, 0x0b, 0, 8, 1, 0, 0x10, 8],
    );
    modbus(&mut capture, end(3, 50_000), end(2, 502), &[3]);
    let all = conversations(&capture);
    let seen: Vec<_> = all
        .iter()
        .map(|one| {
            (
                one["cast"].as_str().unwrap(),
                one["server"]["address"].as_str().unwrap(),
                one["port"].as_u64(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("unicast", "10.0.0.2", Some(502)),
            ("multicast", "239.255.255.250", Some(1900)),
            ("broadcast", "10.0.0.127", Some(47_808)),
        ]
    );
    // Nobody could have answered them.
    assert_eq!(baseline(&capture)["one_way"], 0);
    assert!(all[1]["server"].get("asset").is_none());
}

#[test]
fn one_direction_alone_is_said() {
    let mut capture = Capture::new();
    // What no answer is heard to, in no known protocol: twice is nothing, five times is something.
    for n in 0..5 {
        capture.udp(end(1, 50_000), end(2, 20_777), &[0, 1, n]);
    }
    capture.udp(end(1, 50_000), end(3, 20_777), &[0, 1, 0]);
    capture.udp(end(1, 50_000), end(3, 20_777), &[0, 1, 1]);
    // A port of a switch that copies what comes from the server alone.
    let (_, answer) = registers(3, 1);
    for n in 0..4 {
        capture.tcp(end(4, 502), end(5, 50_000), 64, 0x18, 100 + n * 13, &answer);
    }
    let all = conversations(&capture);
    let seen: Vec<_> = all
        .iter()
        .map(|one| (&one["server"]["address"], &one["port"], &one["two_way"]))
        .collect();
    let no = &Value::Bool(false);
    assert_eq!(
        seen,
        [
            (&json!("10.0.0.2"), &json!(20_777), no),
            (&json!("10.0.0.4"), &json!(502), no)
        ]
    );
    assert_eq!(baseline(&capture)["one_way"], 2);
}

#[test]
fn a_baseline_says_how_long_it_learnt_and_whether_it_still_grows() {
    let mut capture = Capture::new();
    modbus(&mut capture, end(1, 50_000), end(2, 502), &[3]);
    // Somebody else is heard twice an hour, for thirty hours; then nobody for ten.
    for _ in 0..60 {
        capture.pause(1799).arp(mac(7), ip(7), 0);
    }
    let quiet = baseline(&capture);
    assert_eq!(
        (&quiet["hours"], &quiet["quiet_hours"]),
        (&31.into(), &30.into())
    );
    assert_eq!(
        (&quiet["days"], &quiet["growing"]),
        (&3.into(), &false.into())
    );
    assert_eq!(quiet["conversations"], 1);
    capture.pause(36_000);
    modbus(&mut capture, end(1, 50_001), end(2, 502), &[3, 16]);
    let grown = baseline(&capture);
    assert_eq!(
        (&grown["hours"], &grown["quiet_hours"]),
        (&32.into(), &0.into())
    );
    assert_eq!(grown["growing"], true);
    assert_eq!(grown["conversations"], 1);
    let one = &conversations(&capture)[0];
    assert_eq!(one["flows"], 2);
    assert_eq!(grown["grown"], one["operations"][1]["time"]);
    assert_eq!(one["first_seen"], quiet["since"]);
}

#[test]
fn the_table_says_how_far_it_may_be_trusted() {
    let mut capture = Capture::new();
    modbus(&mut capture, end(1, 50_000), end(2, 502), &[3, 6]);
    let ran = run(&["read", "-", "--conversations"], &capture.pcap());
    for text in [
        "tcp/502 modbus",
        "read holding registers (3), write single register (6)",
        "1 conversations of 2 hosts",
        "still growing",
    ] {
        assert!(ran.out.contains(text), "{text} is not in\n{}", ran.out);
    }
}

/// Without what goes on changing while the sensor listens.
fn essence(conversation: &Value) -> Value {
    let mut essence = conversation.clone();
    essence.as_object_mut().unwrap().remove("last_seen");
    essence
}

#[test]
fn a_sensor_keeps_conversations_and_answers_with_them_after_it_was_killed() {
    if !possible() {
        return;
    }
    let (network, folder) = (Network::new("talks"), Folder::new("talks"));
    let mut capture = Capture::new();
    modbus(&mut capture, end(1, 50_000), end(2, 502), &[3, 6]);
    modbus(&mut capture, end(3, 50_000), end(2, 502), &[3]);
    let file = folder.write("modbus.pcap", &capture.pcap());
    let mut sensor = Sensor::start(&network, &folder, "");
    sensor.hear(&network, &file);
    let known = || -> Vec<Value> {
        let all = sensor.lines(&["conversations"]);
        all.iter().map(essence).collect()
    };
    let mut before = known();
    for _ in 0..100 {
        if before.len() == 2 && before.iter().all(|one| one["flows"] == 1) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        before = known();
    }
    assert_eq!(before.len(), 2, "{before:?}");
    assert_eq!(
        names(&before[0]),
        ["read holding registers (3)", "write single register (6)"]
    );
    assert_eq!(sensor.lines(&["conversations", "10.0.0.3"]).len(), 1);
    assert_eq!(sensor.lines(&["conversations", "ip:10.0.0.2"]).len(), 2);
    assert_eq!(sensor.lines(&["conversations", "192.0.2.1"]).len(), 0);
    let wrong = sensor.client(&["conversations", "kind:"]).output().unwrap();
    assert!(!wrong.status.success());
    let baseline = |sensor: &Sensor| {
        let told = sensor.ask(&["conversations", "--baseline", "--format", "json"]);
        serde_json::from_str::<Value>(&told).unwrap()
    };
    sensor.kill();
    let mut sensor = Sensor::start(&network, &folder, "");
    let after: Vec<Value> = sensor
        .lines(&["conversations"])
        .iter()
        .map(essence)
        .collect();
    assert_eq!(after, before);
    // They go on where they were, and a new one is told from them.
    let mut more = Capture::new();
    modbus(&mut more, end(1, 50_007), end(2, 502), &[3, 16]);
    let file = folder.write("more.pcap", &more.pcap());
    sensor.hear(&network, &file);
    for _ in 0..100 {
        if sensor.lines(&["conversations", "10.0.0.1"])[0]["flows"] == 2 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let one = &sensor.lines(&["conversations", "10.0.0.1"])[0];
    assert_eq!(one["flows"], 2);
    assert_eq!(names(one).len(), 3);
    assert_eq!(one["first_seen"], before[0]["first_seen"]);
    let told = baseline(&sensor);
    assert_eq!(told["conversations"], 2);
    assert!(told["hours"].as_u64().unwrap() >= 1, "{told}");
    assert_eq!(told["growing"], true);
    // A backup holds them.
    let backup = folder.path().to_owned() + "/backup.redb";
    let _ = sensor.ask(&["store", "backup", &backup]);
    let octets = std::fs::read(&backup).unwrap();
    assert!(String::from_utf8_lossy(&octets).contains("write single register (6)"));
    sensor.end();
}
