//! What the tests of controls share: an asset, its conversations, and a policy from them.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "test code; each test uses its part"
)]

use fossick_controls::{Question, propose};
use fossick_model::{Asset, Conversation, Demand, Policy, Span};
use serde_json::{Value, json};

/// Of both families, with a name that would like to be a command.
pub fn asset() -> Asset {
    serde_json::from_value(json!({
        "id": "00aa11bb22cc33dd", "addresses": {"mac": [], "ipv4": ["10.9.2.2"], "ipv6": ["fd09:2::2"]},
        "vlans": [], "hostnames": ["x\"; }\nflush ruleset\n#"], "category": "industrial", "protocols": [], "services": [],
        "peers": 1, "first_seen": "2024-01-01T00:00:00Z", "last_seen": "2024-01-09T00:00:00Z", "visibility": [],
        "children": [], "facts": [], "observations": [], "findings": []
    }))
    .unwrap()
}

/// Eight days of a client's use of a service.
pub fn heard(client: &str, server: &str, transport: &str, port: u16) -> Conversation {
    serde_json::from_value(conversation(client, server, transport, port)).unwrap()
}

fn conversation(client: &str, server: &str, transport: &str, port: u16) -> Value {
    json!({
        "client": {"address": client}, "server": {"address": server}, "transport": transport, "port": port,
        "direction": "opening", "protocol": "modbus", "two_way": true, "flows": 9,
        "operations": [
            {"name": "read holding registers (3)", "capture": "a.pcap", "frame": 1, "time": "2024-01-01T00:00:00Z", "heard": true},
            {"name": "write \"all\";\n} (16)", "capture": "a.pcap", "frame": 2, "time": "2024-01-02T00:00:00Z", "heard": true},
        ],
        "first_seen": "2024-01-01T00:00:00Z", "last_seen": "2024-01-09T00:00:00Z",
        "evidence": {"capture": "a.pcap", "frame": 1, "time": "2024-01-01T00:00:00Z", "heard": true}
    })
}

/// What the asset needs, and what it had better not have.
pub fn policy() -> Policy {
    let mut conversations = vec![
        heard("10.9.1.2", "10.9.2.2", "tcp", 502),
        heard("10.9.1.2", "10.9.2.2", "udp", 161),
        heard("10.9.1.3", "10.9.2.2", "udp", 161),
        heard("fd09:1::2", "fd09:2::2", "tcp", 502),
        heard("10.9.2.2", "10.9.1.2", "tcp", 514),
        heard("fd09:2::2", "fd09:1::2", "udp", 123),
        heard("10.9.1.2", "10.9.2.2", "tcp", 445),
        heard("10.9.2.2", "203.0.113.9", "tcp", 443),
    ];
    let mut unanswered = heard("10.9.3.2", "10.9.2.2", "udp", 69);
    unanswered.two_way = false;
    conversations.push(unanswered);
    propose(Question {
        asset: &asset(),
        demand: Demand {
            reason: "no fix is planned\n}".into(),
            source: "ICSA-24-001-01: no_fix_planned, \"Customers should …\"".into(),
            finding: None,
        },
        conversations: &conversations,
        // From 1 January 2024 on.
        heard: &[Span::hours(473_352, 473_352 + 8 * 24)],
        zones: &["10.9.4.0/24".parse().unwrap()],
        vulnerable: &[(fossick_model::Transport::Tcp, 445)],
        kept: &[serde_json::from_value(json!({
            "number": 1, "direction": "inbound", "local": "10.9.2.2", "peer": "10.9.4.0/24", "transport": "tcp", "port": 443,
            "protocol": null, "origin": {"from": "operator", "by": "anna", "reason": "backup; once a quarter"}
        }))
        .unwrap()],
        from_little: false,
    })
    .unwrap()
}
