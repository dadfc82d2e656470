//! A small plant that answers what screens ask: names of every width, and hostile ones.
#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::too_many_lines,
    clippy::indexing_slicing,
    clippy::assigning_clones,
    clippy::cast_possible_wrap
)]

use fossick_model::*;
use fossick_tui::{Abilities, Command, Event, Key, Keymap, Link, State, Theme, update};

pub const NOW: i64 = 1_790_000_000_000_000_000;
const HOUR: i64 = 3_600_000_000_000;

/// As `fossick scan --plan` prints it.
pub const PLAN: &str = "10.20.0.1
  1. s7comm/module identification: to learn order number and firmware; routine, TCP 102
     03 00 00 16 11 e0 00 00 00 01 00 c0 01 0a c1 02 01 00 c2 02 01 02
  not asked: modbus/report server id (17): it is intrusive, and nobody consented to it
  1 questions: 12 frames at most, and 8 that the kernel may add (what TCP repeats, ARP); 2 to 14 s

In all 1 questions to 1 targets, 12 frames at most, at most 10 a second; 1000 ms between questions to one host, 50 ms between packets.
";

pub fn row(n: usize) -> Row {
    let names = [
        "CT-CONSOLE",
        "影像工作站-三号",
        "SNAP7-SERVER",
        "pump\u{1b}]0;owned\u{7}\u{1b}[2J",
        "e\u{301}cho-5",
        "👩‍🚀 station",
        "",
        "gpj\u{202e}exe.local",
    ];
    let kinds = [
        "imaging-modality",
        "workstation",
        "plc",
        "infusion-pump",
        "",
        "hmi",
        "switch",
        "printer",
    ];
    let pick = |list: &[&str]| (*list.get(n % list.len()).unwrap()).to_owned();
    let os = pick(&[
        "Windows XP",
        "Windows 10",
        "",
        "VxWorks",
        "Debian Linux",
        "",
        "Cisco IOS",
        "",
    ]);
    let old = os == "Windows XP";
    Row {
        id: format!("{n:016x}"),
        address: format!("10.20.{}.{}", n / 250, n % 250 + 1),
        name: pick(&names),
        kind: pick(&kinds),
        vendor: pick(&[
            "Siemens Healthineers",
            "Dell",
            "Siemens",
            "B. Braun",
            "",
            "Beckhoff",
            "Cisco",
            "HP",
        ]),
        model: pick(&[
            "SIEMENS_SWFVB42",
            "",
            "SIMATIC S7-300 CPU 315-2 PN/DP",
            "Space plus",
            "",
            "CX5130",
            "IE-3300-8T2S",
            "LaserJet M507",
        ]),
        firmware: pick(&["", "", "V3.2.6", "042U", "", "", "17.9.4", ""]),
        os,
        zone: pick(&["radiology", "office", "line 3", "ward 7"]),
        verdict: old.then_some(Verdict::OutOfSupport),
        priority: if old { "act".to_owned() } else { String::new() },
        findings: u32::from(old),
        control: if old && n > 0 {
            "verified".to_owned()
        } else {
            String::new()
        },
        first_seen: Time(NOW - 30 * HOUR),
        last_seen: Time(NOW - HOUR * i64::try_from(n).unwrap() / 7),
        silent: n == 5,
        note: if n == 2 {
            "leased until May".to_owned()
        } else {
            String::new()
        },
        behind: if n == 4 {
            Behind {
                devices: 1,
                kind: "plc".to_owned(),
                vendor: "Schneider Electric".to_owned(),
                model: "Modicon M580".to_owned(),
                ..Behind::default()
            }
        } else {
            Behind::default()
        },
        ..Row::default()
    }
}

pub fn evidence(frame: u64) -> Evidence {
    Evidence {
        capture: "radiology.pcap".into(),
        frames: Frames::One(frame),
        time: Time(NOW - 3 * HOUR),
        heard: true,
        octets: vec![(frame, 60, 14)],
    }
}

pub fn asset() -> Asset {
    let fact = |attribute: Attribute,
                value: &str,
                certainty: u8,
                key: &'static str,
                raw: &str,
                frame: u64| Fact {
        attribute,
        value: value.to_owned(),
        certainty,
        key: key.into(),
        raw: raw.into(),
        fingerprint: format!("{key}/example").into(),
        evidence: evidence(frame),
    };
    Asset {
        id: "0000000000000000".to_owned(),
        addresses: Some(Addresses {
            mac: vec!["00:1b:1b:12:00:12".to_owned()],
            ipv4: vec![[10, 20, 0, 11].into()],
            ipv6: vec!["fe80::21b:1bff:fe12:12".parse().unwrap()],
        }),
        path: None,
        vlans: vec![20],
        hostnames: vec!["CT-CONSOLE".to_owned()],
        vendor: Some("Siemens Healthineers".to_owned()),
        model: Some("SIEMENS_SWFVB42".to_owned()),
        product: None,
        order_number: None,
        hardware: None,
        firmware: None,
        serial: None,
        os: Some("Windows XP".to_owned()),
        os_version: Some("5.1.2600".to_owned()),
        domain: None,
        location: None,
        description: None,
        kind: Kind::named("imaging-modality"),
        category: Kind::named("imaging-modality").unwrap().category(),
        external: false,
        protocols: vec![
            "browser".into(),
            "dhcp".into(),
            "dicom".into(),
            "smb".into(),
        ],
        services: vec![
            Service {
                transport: Transport::Tcp,
                port: 104,
                protocol: Some("dicom".into()),
                product: Some("syngo".to_owned()),
                version: None,
            },
            Service {
                transport: Transport::Tcp,
                port: 445,
                protocol: Some("smb".into()),
                product: None,
                version: None,
            },
        ],
        peers: 3,
        first_seen: Time(NOW - 30 * HOUR),
        last_seen: Time(NOW),
        visibility: vec!["one-way".into()],
        children: Vec::new(),
        facts: vec![
            fact(
                Attribute::Os,
                "Windows XP",
                95,
                "smb.native_os",
                "Windows 5.1",
                9,
            ),
            fact(
                Attribute::Os,
                "Windows 2000 to XP",
                60,
                "tcp.syn",
                "4:128:0:1460",
                1,
            ),
            fact(
                Attribute::Vendor,
                "Siemens Healthineers",
                90,
                "dicom.implementation_class_uid",
                "1.3.12.2.1107.5.9",
                12,
            ),
            fact(
                Attribute::Hostname,
                "CT-CONSOLE",
                90,
                "browser.name",
                "CT-CONSOLE",
                5,
            ),
        ],
        observations: vec![Observation {
            key: "smb.domain".into(),
            value: "RADIO\u{1b}[31mLOGY".into(),
            evidence: evidence(9),
        }],
        findings: vec![finding()],
    }
}

pub fn finding() -> Finding {
    Finding {
        id: "f1".to_owned(),
        rule: "lifecycle".to_owned(),
        title: "Windows XP is out of support since 2014-04-08".to_owned(),
        verdict: Some(Verdict::OutOfSupport),
        source: FindingSource {
            feed: "lifecycles".to_owned(),
            id: "windows-xp".to_owned(),
            row: "Windows XP end of support: 2014-04-08 (source: https://learn.microsoft.com/lifecycle)".to_owned(),
            date: "2014-04-08".to_owned(),
        },
        confidence: 95,
        why: "two sources agree".to_owned(),
        priority: "act".to_owned(),
        path: vec!["exposure: other zone".to_owned(), "medical".to_owned()],
        state: "open".to_owned(),
        evidence: vec![Shown { capture: "radiology.pcap".to_owned(), frames: Frames::One(9) }],
        ..Finding::default()
    }
}

pub fn finding_row(n: usize) -> FindingRow {
    let row = row(n);
    let mut finding = finding();
    if !n.is_multiple_of(3) {
        finding.title = format!(
            "{} answers SNMP under a community that everybody knows",
            row.address
        );
        finding.rule = "exposure.default-community".to_owned();
        finding.verdict = None;
        finding.priority = if n % 3 == 1 { "attend" } else { "track" }.to_owned();
        finding.state = if n.is_multiple_of(2) {
            "acknowledged".to_owned()
        } else {
            "open".to_owned()
        };
    }
    FindingRow {
        asset: row.id,
        label: if row.name.is_empty() {
            row.address.clone()
        } else {
            row.name
        },
        address: row.address,
        control: row.control,
        finding,
    }
}

pub fn talk(n: u8) -> Conversation {
    let end = |last: u8| End {
        asset: Some(format!("{last:016x}")),
        vlan: 20,
        address: [10, 20, 0, last].into(),
    };
    Conversation {
        client: end(n + 1),
        server: end(11),
        cast: Cast::Unicast,
        direction: Direction::Opening,
        transport: Transport::Tcp,
        port: Some(104),
        protocol: Some("dicom".into()),
        operations: vec![Asked {
            name: "c-store (1)".to_owned(),
            evidence: evidence(14),
        }],
        more_operations: false,
        two_way: n % 4 != 3,
        flows: u64::from(n) * 17 + 1,
        first_seen: Time(NOW - 20 * HOUR),
        last_seen: Time(NOW - HOUR),
        evidence: evidence(13),
        answered: None,
    }
}

fn told(n: usize) -> Told {
    let event = match n % 3 {
        0 => fossick_model::Event::AssetSeen {
            addresses: asset().addresses.unwrap(),
        },
        1 => fossick_model::Event::FactLearnt {
            attribute: Attribute::Os,
            value: "Windows XP".to_owned(),
            reason: Reason {
                certainty: 95,
                key: "smb.native_os".into(),
                raw: "Windows 5.1".into(),
                evidence: evidence(9),
            },
        },
        _ => fossick_model::Event::Ordered {
            order: Order::Acknowledge,
        },
    };
    let row = row(n);
    let sentence = match n % 3 {
        0 => format!("{}: new asset at {}", row.name, row.address),
        1 => format!("{}: os is Windows XP (frame 9 of radiology.pcap)", row.name),
        _ => format!("{}: acknowledged", row.name),
    };
    let by = (n % 3 == 2).then(|| Person {
        uid: 1000,
        name: Some("mia".to_owned()),
    });
    Told {
        sentence,
        change: Change {
            seq: 1000 - n as u64,
            time: Time(NOW - HOUR * n as i64 / 9),
            asset: row.id,
            label: row.name,
            event,
            by,
        },
    }
}

fn control_row(n: usize) -> ControlRow {
    let states = ["violated", "proposed", "", "verified"];
    let row = row(n);
    ControlRow {
        asset: row.id,
        label: row.name,
        state: states[n % 4].to_owned(),
        by: if n % 4 == 2 {
            String::new()
        } else {
            "mia on 2026-03-01".to_owned()
        },
        rules: n + 2,
        reason: finding().title,
        source: finding().source.row,
        finding: Some("f1".to_owned()),
    }
}

fn tally(words: &[(&str, u64)]) -> Vec<Tally> {
    words
        .iter()
        .map(|(name, count)| Tally {
            name: (*name).to_owned(),
            count: *count,
        })
        .collect()
}

fn status() -> Status {
    let fill = |name: &str, used: u64, most: u64, given_up: u64| Fill {
        name: name.to_owned(),
        used,
        most,
        given_up,
    };
    let count = |name: &str, of: &str, count: u64| Count {
        name: name.to_owned(),
        of: of.to_owned(),
        count,
    };
    Status {
        version: "0.1.0".to_owned(),
        site: "Klinik Süd".to_owned(),
        started: Time(NOW - 90 * HOUR),
        now: Time(NOW),
        interfaces: vec![Interface {
            name: "eth1".to_owned(),
            state: "listening".to_owned(),
            frames: 123_456_789,
            octets: 98_765_432_100,
            dropped: 12,
            interface_dropped: 0,
        }],
        assets: 500,
        journal: 1000,
        store: Store {
            state: "writing".to_owned(),
            octets: 123_000_000,
            commit: 0.012,
            failed: 0,
            waiting: 3,
        },
        outlets: vec![Outlet {
            name: "siem".to_owned(),
            state: "refused: connection reset".to_owned(),
            delivered: 940,
        }],
        memory: fill("memory", 300 << 20, 512 << 20, 0),
        lag: 0.012,
        limits: vec![
            fill("addresses", 500, 131_072, 0),
            fill("flows", 60_000, 65_536, 17),
        ],
        counts: vec![
            count("frames", "", 123_456_789),
            count("panics", "", 0),
            count("messages", "dicom", 4711),
            count("faults", "dicom: pdu", 1),
        ],
    }
}

pub fn proof() -> Proof {
    let mut octets: Vec<u8> = vec![
        0x00, 0x1b, 0x1b, 0x12, 0x00, 0x12, 0x00, 0x50, 0x56, 0x01, 0x02, 0x03, 0x08, 0x00, 0x45,
        0x00, 0x00, 0x5c, 0x00, 0x01, 0x40, 0x00, 0x80, 0x06, 0x00, 0x00, 0x0a, 0x14, 0x00, 0x0b,
        0x0a, 0x14, 0x00, 0x07, 0x01, 0xbd, 0x04, 0x01, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
        0x01, 0x50, 0x18, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00,
    ];
    octets.extend([0, 0, 0, 0x22, 0xff, 0x53]);
    octets.extend("Windows 5.1\0\u{1b}[".bytes());
    octets.extend([0; 12]);
    let layer = |name: &str, first: usize, count: usize, says: &str| Layer {
        name: name.to_owned(),
        first,
        count,
        says: says.to_owned(),
    };
    Proof {
        capture: "radiology.pcap".to_owned(),
        frame: 9,
        time: Time(NOW - 3 * HOUR),
        link: 1,
        original: 106,
        octets: Proof::digits(&octets),
        marks: vec![(60, 11)],
        inexact: false,
        layers: vec![
            layer("Ethernet", 0, 14, "00:50:56:01:02:03 → 00:1b:1b:12:00:12"),
            layer(
                "IPv4",
                14,
                20,
                "10.20.0.11 → 10.20.0.7, time to live 128, protocol 6",
            ),
            layer("TCP", 34, 20, "445 → 1025, sequence 1, flags 0x18"),
            layer("smb", 54, 32, ""),
        ],
    }
}

fn window<T>(
    total: usize,
    offset: usize,
    limit: usize,
    make: impl Fn(usize) -> T,
) -> (usize, Vec<T>) {
    (
        total,
        (offset..total.min(offset + limit)).map(make).collect(),
    )
}

/// The answer to a question.
pub fn reply(request: &Request) -> Reply {
    match request {
        Request::Status => Reply::Status(Box::new(status())),
        Request::Overview => Reply::Overview(Box::new(Overview {
            behind: 1,
            now: Time(NOW),
            assets: 500,
            fresh: 7,
            silent: 1,
            unpatchable: 63,
            fenced: 62,
            open: Priorities { act: 63, attend: 12, track: 4 },
            kinds: tally(&[("imaging-modality", 63), ("plc", 62), ("workstation", 50), ("unknown", 40)]),
            zones: tally(&[("radiology", 125), ("office", 125), ("line 3", 125), ("no zone", 3)]),
            vendors: tally(&[("Siemens", 62)]),
            changed: tally(&[("fact-learnt", 120), ("asset-seen", 7), ("finding-opened", 2)]),
            more_changed: false,
            traffic: Vec::new(),
        })),
        Request::Rows { filter, offset, limit, .. } if filter.starts_with("id:") => {
            let _ = (offset, limit);
            Reply::Rows { total: 1, rows: vec![row(0)] }
        }
        Request::Rows { filter, .. } if filter.starts_with("vendor:") => {
            Reply::Rows { total: 1, rows: vec![row(2)] }
        }
        Request::Rows { offset, limit, .. } => {
            let (total, rows) = window(500, *offset, *limit, row);
            Reply::Rows { total, rows }
        }
        Request::Findings { which: Which::Unpatchable, offset, limit, .. } => {
            let (total, rows) = window(21, *offset, *limit, |n| finding_row(n * 3));
            Reply::Findings { total, rows }
        }
        Request::Findings { offset, limit, .. } => {
            let (total, rows) = window(79, *offset, *limit, finding_row);
            Reply::Findings { total, rows }
        }
        Request::Compared { offset, limit, .. } => {
            let (total, rows) = window(9, *offset, *limit, |n| ComparedRow {
                state: ["unsanctioned", "mismatched", "missing"][n / 3].to_owned(),
                asset: if n < 6 { format!("{n:016x}") } else { String::new() },
                label: row(n).name,
                why: ["none of its addresses and names is in the list", "vendor is HP, the list says Dell", "in the list, never seen"][n / 3].to_owned(),
                approved: if n < 3 { String::new() } else { format!("cmdb.csv, {n}") },
                decided: if n == 1 { "refused: mia on 2026-03-01".to_owned() } else { String::new() },
            });
            Reply::Compared { approved: 480, total, rows }
        }
        Request::ControlRows { filter, .. } if filter.starts_with("id:") => Reply::ControlRows { total: 1, rows: vec![ControlRow { state: "approved".to_owned(), ..control_row(0) }] },
        Request::ControlRows { offset, limit, .. } => {
            let (total, rows) = window(8, *offset, *limit, control_row);
            Reply::ControlRows { total, rows }
        }
        Request::Rules { .. } => Reply::Rules(Box::new(Rules {
            format: "nftables".to_owned(),
            formats: vec!["nftables".to_owned(), "cisco-ios".to_owned()],
            text: "# Fossick control for CT-CONSOLE\ntable inet fossick {\n\tchain forward {\n\t\tip saddr 10.20.0.7 ip daddr 10.20.0.11 tcp dport 104 accept\n\t}\n}\n".to_owned(),
            passes: 4,
            stops: vec![Stopped { why: None, conversation: talk(3) }],
        })),
        Request::Talks { offset, limit, .. } => {
            let (total, rows) = window(40, *offset, *limit, |n| talk(u8::try_from(n).unwrap()));
            Reply::Talks { total, rows }
        }
        Request::Matrix { .. } => Reply::Matrix(Box::new(Matrix {
            zones: ["elsewhere", "line 3", "office", "radiology"].map(str::to_owned).to_vec(),
            cells: vec![
                Cell { from: 3, to: 3, count: 40, protocols: vec!["dicom".to_owned(), "smb".to_owned()] },
                Cell { from: 2, to: 1, count: 2, protocols: vec!["s7comm".to_owned()] },
                Cell { from: 2, to: 0, count: 812, protocols: vec!["tls".to_owned()] },
            ],
        })),
        Request::Recent { offset, limit, .. } => {
            let (total, rows) = window(90, *offset, *limit, told);
            Reply::Recent { total, rows }
        }
        Request::Proof { .. } => Reply::Proof(Box::new(proof())),
        Request::Asset { .. } => Reply::Assets { total: 1, assets: vec![asset()] },
        Request::Order { .. } => Reply::Done { what: "done, and in the journal".to_owned() },
        _ => Reply::Refused { why: "not here".to_owned(), position: None },
    }
}

/// Lets an event happen, and answers what is asked; what else the world is asked for.
pub fn happen(state: &mut State, event: Event) -> Vec<Command> {
    let mut left = Vec::new();
    let mut todo = update(state, event);
    while let Some(command) = todo.pop() {
        match command {
            Command::Ask(asked) => {
                let reply = Box::new(reply(&asked.request));
                todo.extend(update(
                    state,
                    Event::Answer {
                        slot: asked.slot,
                        serial: asked.serial,
                        reply,
                    },
                ));
            }
            other => left.push(other),
        }
    }
    left
}

/// Presses keys one after another: `2`, `/`, `enter`.
pub fn press(state: &mut State, keys: &str) -> Vec<Command> {
    let mut left = Vec::new();
    for key in keys.split_whitespace() {
        let key: Key = key.parse().unwrap();
        left.extend(happen(state, Event::Key(key)));
    }
    left
}

pub fn start(size: (u16, u16), theme: Theme) -> State {
    let abilities = Abilities {
        live: true,
        orders: true,
        scans: true,
    };
    let mut state = State::new(
        size,
        "/run/fossick/control.sock",
        abilities,
        theme,
        Keymap::default(),
    );
    happen(&mut state, Event::Link(Link::Up));
    happen(&mut state, Event::Tick);
    state
}
