//! Rules for Suricata: they stop nothing, and tell of what the policy does not allow.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use fossick_model::{Policy, Rule, Transport, Way};

use super::{header, is_one_family, name, plain, transport};

const NOTES: &str = "\
# These rules alert; in a Suricata that stands in the way, drop in the place of alert makes them stop what they tell of.
# Who opens a connection is known by flow:to_server: a Suricata that starts in the middle of one may take it for another.
# Numbers are of the local range (1000000 to 1999999), made from the asset and the rule: the same rule keeps its number.
";

/// Writes the rules.
pub(super) fn render(policy: &Policy) -> String {
    let mut text = header(
        policy,
        "#",
        "Suricata 5 and later, as an independent parser reads it; not checked by a device",
        "of Modbus, other functions than those seen raise an alert; of other protocols they are not held",
    );
    text += NOTES;
    let mut rules = Rules {
        asset: name(policy),
        used: BTreeSet::new(),
        text,
    };
    for address in &policy.addresses {
        for direction in [Way::Inbound, Way::Outbound] {
            for transport in [Transport::Tcp, Transport::Udp] {
                services(&mut rules, policy, *address, direction, transport);
            }
        }
        others(&mut rules, *address);
    }
    for rule in policy.rules.iter().filter(|rule| is_one_family(rule)) {
        functions(&mut rules, rule);
    }
    rules.text
}

struct Rules {
    asset: String,
    used: BTreeSet<u32>,
    text: String,
}

impl Rules {
    /// `head` is everything up to the options, `options` ends with its semicolon.
    fn add(&mut self, head: &str, message: &str, options: &str) {
        let mut number = number(&format!("{} {head} {options}", self.asset));
        while !self.used.insert(number) {
            number = if number == LAST {
                FIRST
            } else {
                number.saturating_add(1)
            };
        }
        let _ = writeln!(
            self.text,
            "alert {head} (msg:\"Fossick {}, {}\"; {options} threshold:type limit, track by_src, count 1, seconds 60; \
             sid:{number}; rev:1;)",
            self.asset,
            escaped(message)
        );
    }
}

/// The range that Suricata's makers leave to users.
const FIRST: u32 = 1_000_000;
const LAST: u32 = 1_999_999;

/// FNV-1a, folded into the range: the same words give the same number on every machine.
fn number(words: &str) -> u32 {
    let hash = words.bytes().fold(0x811c_9dc5_u32, |hash, octet| {
        (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193)
    });
    FIRST.saturating_add(hash % 1_000_000)
}

/// A message must not hold what ends it or begins an option.
fn escaped(message: &str) -> String {
    plain(message).replace([';', ':', '"', '\\', '|'], " ")
}

/// What is opened in one direction: services that the policy does not know, and strangers at those it does.
fn services(
    rules: &mut Rules,
    policy: &Policy,
    address: IpAddr,
    direction: Way,
    transport_of: Transport,
) {
    let mut peers: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    let fit = policy.rules.iter().filter(|rule| {
        (rule.local, rule.direction, rule.transport) == (address, direction, transport_of)
            && is_one_family(rule)
    });
    for rule in fit {
        peers
            .entry(rule.port)
            .or_default()
            .push(rule.peer.to_string());
    }
    let transport = transport(transport_of);
    let ports: Vec<String> = peers.keys().map(ToString::to_string).collect();
    let other = if ports.is_empty() {
        "any".to_owned()
    } else {
        format!("![{}]", ports.join(","))
    };
    let opened = "flow:to_server;";
    match direction {
        Way::Inbound => rules.add(
            &format!("{transport} any any -> {address} {other}"),
            "a service that is not in the baseline is asked",
            opened,
        ),
        Way::Outbound => rules.add(
            &format!("{transport} {address} any -> any {other}"),
            "it asks for a service that is not in the baseline",
            opened,
        ),
    }
    for (port, peers) in peers {
        let others = format!("![{}]", peers.join(","));
        match direction {
            Way::Inbound => rules.add(
                &format!("{transport} {others} any -> {address} {port}"),
                "somebody who is not in the baseline asks",
                opened,
            ),
            Way::Outbound => rules.add(
                &format!("{transport} {address} any -> {others} {port}"),
                "it asks somebody who is not in the baseline",
                opened,
            ),
        }
    }
}

/// What is neither TCP, UDP nor ICMP: a baseline never holds it.
fn others(rules: &mut Rules, address: IpAddr) {
    let icmp = if address.is_ipv4() { 1 } else { 58 };
    let options = format!("ip_proto:!6; ip_proto:!17; ip_proto:!{icmp};");
    let message = "neither TCP, UDP nor ICMP";
    rules.add(&format!("ip any any -> {address} any"), message, &options);
    rules.add(&format!("ip {address} any -> any any"), message, &options);
}

/// Modbus functions that were not seen. Function codes stand behind the header of seven octets (Modbus Messaging §3.1.3).
fn functions(rules: &mut Rules, rule: &Rule) {
    let is_modbus = rule.protocol.as_deref() == Some("modbus") && rule.transport == Transport::Tcp;
    // Where one of them has no number that we know, an alert on all others would be a false one.
    let codes: Option<BTreeSet<u8>> = rule.operations.iter().map(|one| code(one)).collect();
    let Some(codes) = codes.filter(|codes| is_modbus && !codes.is_empty() && !rule.more_operations)
    else {
        return;
    };
    let (client, server) = super::ends(rule);
    let mut options = "flow:established,to_server; dsize:>7; ".to_owned();
    let tests: Vec<String> = codes
        .iter()
        .map(|code| format!("byte_test:1,!=,{code},7;"))
        .collect();
    options += &tests.join(" ");
    rules.add(
        &format!("tcp {client} any -> {server} {}", rule.port),
        "a Modbus function that is not in the baseline",
        &options,
    );
}

/// The function of an operation: `read holding registers (3)`, `read device identification (43/14)`, `function 65`.
fn code(operation: &str) -> Option<u8> {
    let number = match operation.strip_suffix(')') {
        Some(named) => named.rsplit_once('(')?.1,
        None => operation.strip_prefix("function ")?,
    };
    let function = number
        .split_once('/')
        .map_or(number, |(function, _)| function);
    function.parse().ok()
}
