//! Every question is one that its own protocol reads, budgets its frames, and may be answered by what a sample holds.
//!
//! All of it goes over the table of protocols: a new question is covered by being written.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fossick_parsers::{
    Carrier, Hole, Key, Message, Out, PROTOCOLS, Piece, Probe, Protocol, Reach, Role, Statement,
    Step, Until,
};

/// Where answers are longer than a segment: as many more acknowledgements as the segments that are read of them.
const LONG_ANSWERS: &[(&str, u16)] = &[("http", 13)];
/// How many frames more than are needed a budget may have.
const GENEROUS: u16 = 3;

fn each(mut check: impl FnMut(&'static Protocol, &'static Probe)) {
    let mut any = false;
    for protocol in PROTOCOLS {
        for probe in protocol.probes {
            any = true;
            check(protocol, probe);
        }
    }
    assert!(any, "there are no questions");
}

fn filled(hole: &Hole, before: &[u8]) -> Vec<u8> {
    match hole {
        // Whatever a device gives: neither zeros nor anything that stands for something.
        Hole::Answer { length, .. } => vec![1; *length],
        Hole::Random { length } => vec![0x5a; *length],
        Hole::RandomText { digits } => vec![b'5'; *digits],
        Hole::Setting { default, .. } => default.to_vec(),
        Hole::Padded {
            default, length, ..
        } => {
            let mut value = default.to_vec();
            assert!(value.len() <= *length, "the default exceeds its field");
            value.resize(*length, b' ');
            value
        }
        Hole::LengthOf { default, plus, .. } => {
            vec![u8::try_from(default.len()).unwrap() + plus]
        }
        Hole::Check { kind, from } => kind.of(&before[*from..]).to_vec(),
        Hole::Target => b"192.0.2.10".to_vec(),
        Hole::OwnHardwareAddress => vec![0x02, 0, 0, 0, 0, 1],
        Hole::OwnAddress => vec![192, 0, 2, 1],
        Hole::TargetAddress => vec![192, 0, 2, 10],
        Hole::OwnPort => vec![0xc0, 0x01],
        Hole::ReverseName => b"\x0210\x012\x010\x03192\x07in-addr\x04arpa\0".to_vec(),
        // What a library composes is known when it does so: here, what its first message must be, a client hello.
        Hole::Handshake { .. } => octets(&hello().steps[0]),
    }
}

/// A question that begins as a handshake does.
fn hello() -> &'static Probe {
    let tls = PROTOCOLS
        .iter()
        .find(|protocol| protocol.name == "tls")
        .unwrap();
    let mut probes = tls.probes.iter();
    probes
        .find(|probe| probe.name == "hello (TLS 1.2)")
        .unwrap()
}

fn octets(step: &Step) -> Vec<u8> {
    let mut octets = Vec::new();
    for piece in step.sends {
        match piece {
            Piece::Octets(fixed, _) => octets.extend_from_slice(fixed),
            Piece::Hole(hole, _) => {
                let filling = filled(hole, &octets);
                octets.extend(filling);
            }
        }
    }
    octets
}

fn is_tcp(probe: &Probe) -> bool {
    matches!(probe.carrier, Carrier::Tcp(_))
}

/// Answers that a step waits for at most. What comes until it is quiet is counted once.
fn answers(step: &Step) -> usize {
    match step.until {
        Until::Sent => 0,
        Until::Answer | Until::Quiet => 1,
        Until::Answers(count) | Until::Told(count) => count,
    }
}

/// The opening and the end of a transport connection (RFC 1006, X.224 §13.3), which several protocols share.
fn opens_transport(octets: &[u8]) -> bool {
    matches!(octets, [3, 0, _, _, _, 0xe0, ..])
}

#[test]
fn each_step_is_one_message_of_its_protocol() {
    let mut wrong = Vec::new();
    each(|protocol, probe| {
        let name = format!("{}/{}", protocol.name, probe.name);
        // A question that merely asks whether anybody is there says nothing of its protocol.
        let asks_presence = probe.asks.is_empty();
        for (number, step) in probe.steps.iter().enumerate() {
            let octets = octets(step);
            if octets.is_empty() {
                continue;
            }
            if is_tcp(probe) {
                let frame = protocol.frame.unwrap();
                match frame(&octets) {
                    Ok(cut) if cut.length as u64 + cut.skip == octets.len() as u64 => {}
                    other => wrong.push(format!("{name}, step {number}: cut as {other:?}")),
                }
            }
            match (protocol.recognise)(&octets) {
                Some(found) if found.from == Some(Role::Server) => {
                    wrong.push(format!("{name}, step {number}: taken for a server's"));
                }
                None if !asks_presence && !opens_transport(&octets) => {
                    wrong.push(format!("{name}, step {number}: not recognised"));
                }
                _ => {}
            }
            let message = Message {
                from: Role::Client,
                bytes: &octets,
                asked: None,
                nth: u32::try_from(number).unwrap(),
                ports: (50_000, 0),
                source: None,
            };
            let mut take = |_: Statement<'_>| {};
            let done = (protocol.dissect)(message, &mut Out::new(&mut String::new(), &mut take));
            if let Err(fault) = done {
                wrong.push(format!("{name}, step {number}: {fault}"));
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The protocol, and those that are carried inside it, and inside those.
fn carried(protocol: &Protocol) -> Vec<&'static Protocol> {
    let mut names = BTreeSet::from([protocol.name]);
    loop {
        let before = names.len();
        for other in PROTOCOLS {
            let inside = |carrier: &Carrier| matches!(carrier, Carrier::Inside(outer) if names.contains(outer));
            if other.carriers.iter().any(inside) {
                names.insert(other.name);
            }
        }
        if names.len() == before {
            let all = PROTOCOLS.iter().copied();
            return all.filter(|p| names.contains(p.name)).collect();
        }
    }
}

#[test]
fn what_is_asked_is_what_the_protocol_can_tell() {
    each(|protocol, probe| {
        let known: Vec<Key> = carried(protocol)
            .iter()
            .flat_map(|p| p.keys)
            .copied()
            .collect();
        for key in probe.asks {
            assert!(
                known.contains(key),
                "{}/{} asks for {}, which it does not tell",
                protocol.name,
                probe.name,
                key.0
            );
        }
    });
}

/// What servers, or those who answer a search, say in the samples of a protocol, by the harness of the samples.
fn said_by_servers(protocol: &Protocol) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("samples")
        .join(protocol.name);
    let mut keys = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let (head, _) = text.split_once("---\n").unwrap_or((&text, ""));
        let mut parts: Vec<(Role, Vec<u8>)> = Vec::new();
        for line in head.lines() {
            let line = line.split('#').next().unwrap().trim();
            if line.starts_with("from client") {
                parts.push((Role::Client, Vec::new()));
            } else if line.starts_with("from server") {
                parts.push((Role::Server, Vec::new()));
            } else if let Some((_, octets)) = parts.last_mut() {
                let words = line.split_whitespace();
                octets.extend(words.map(|word| u8::from_str_radix(word, 16).unwrap()));
            }
        }
        for (n, (from, bytes)) in parts.iter().enumerate() {
            if *from != Role::Server {
                continue;
            }
            let asked = parts[..n].iter().rfind(|(from, _)| *from == Role::Client);
            let nth = parts[..n]
                .iter()
                .filter(|(from, _)| *from == Role::Server)
                .count();
            let message = Message {
                from: Role::Server,
                bytes,
                asked: asked.map(|(_, bytes)| bytes.as_slice()),
                nth: u32::try_from(nth).unwrap(),
                ports: (0, 0),
                source: None,
            };
            let mut take = |statement: Statement<'_>| {
                if let Statement::Observation { key, .. } = statement {
                    keys.insert(key.0.to_owned());
                }
            };
            let _ = (protocol.dissect)(message, &mut Out::new(&mut String::new(), &mut take));
        }
    }
    keys
}

#[test]
fn each_question_is_answered_in_a_sample() {
    let mut wrong = Vec::new();
    each(|protocol, probe| {
        if probe.asks.is_empty() {
            return;
        }
        let inside = carried(protocol);
        let said: BTreeSet<String> = inside.iter().flat_map(|p| said_by_servers(p)).collect();
        if !probe.asks.iter().any(|key| said.contains(key.0)) {
            wrong.push(format!(
                "{}/{}: no server says any of what is asked, only {said:?}",
                protocol.name, probe.name
            ));
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_are_unique_within_a_protocol() {
    for protocol in PROTOCOLS {
        let names: BTreeSet<_> = protocol.probes.iter().map(|probe| probe.name).collect();
        assert_eq!(
            names.len(),
            protocol.probes.len(),
            "{}: {names:?}",
            protocol.name
        );
    }
}

/// TCP: SYN and the acknowledgement of its answer, each step's data, an acknowledgement of each answer, FIN and the
/// acknowledgement of the other's. Otherwise a frame a step.
#[test]
fn budgets_are_what_the_steps_need_and_little_more() {
    let mut wrong = Vec::new();
    each(|protocol, probe| {
        let sent = probe
            .steps
            .iter()
            .filter(|step| !step.sends.is_empty())
            .count();
        let acknowledged: usize = probe.steps.iter().map(answers).sum();
        let needed = u16::try_from(if is_tcp(probe) {
            4 + sent + acknowledged
        } else {
            sent
        })
        .unwrap();
        let long = LONG_ANSWERS.iter().find(|(name, _)| *name == protocol.name);
        let most = needed + long.map_or(GENEROUS, |(_, more)| *more);
        if !(needed..=most).contains(&probe.frames) {
            wrong.push(format!(
                "{}/{}: {} frames, which must be {needed} to {most}",
                protocol.name, probe.name, probe.frames
            ));
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn many_are_asked_without_a_connection_and_one_at_a_time() {
    each(|protocol, probe| {
        let name = format!("{}/{}", protocol.name, probe.name);
        assert!(!probe.steps.is_empty(), "{name} asks nothing");
        if probe.reach == Reach::Segment {
            assert!(!is_tcp(probe), "{name} is put to many over TCP");
            assert_eq!(probe.steps.len(), 1, "{name} is put to many in steps");
            assert_eq!(
                probe.steps[0].until,
                Until::Quiet,
                "{name} waits for one of many"
            );
        } else {
            for step in probe.steps {
                // Datagrams that are waited for without a word of ours do not come.
                assert!(
                    is_tcp(probe) || !step.sends.is_empty(),
                    "{name} listens to nothing"
                );
            }
        }
    });
}

#[test]
fn holes_point_to_what_was_answered_before() {
    each(|protocol, probe| {
        for (number, step) in probe.steps.iter().enumerate() {
            for piece in step.sends {
                let Piece::Hole(
                    Hole::Answer {
                        step: from, length, ..
                    },
                    _,
                ) = piece
                else {
                    continue;
                };
                let name = format!("{}/{}, step {number}", protocol.name, probe.name);
                assert!(*from < number, "{name}: from step {from}");
                assert!(*length > 0, "{name}: of no length");
                // Answers are numbered as steps are: one that waits for nothing has none, and shifts those after it.
                let silent = probe.steps[..=*from]
                    .iter()
                    .any(|step| step.until == Until::Sent);
                assert!(!silent, "{name}: a step before {from} has no answer");
            }
        }
    });
}

#[test]
fn every_octet_is_explained() {
    each(|protocol, probe| {
        for piece in probe.steps.iter().flat_map(|step| step.sends) {
            let (Piece::Octets(_, meaning) | Piece::Hole(_, meaning)) = piece;
            assert!(
                !meaning.is_empty(),
                "{}/{}: {piece:?}",
                protocol.name,
                probe.name
            );
            if let Piece::Octets(octets, _) = piece {
                assert!(
                    !octets.is_empty(),
                    "{}/{}: {piece:?}",
                    protocol.name,
                    probe.name
                );
            }
        }
    });
}

/// UDP 48899 sets routes to `TwinCAT` systems, and whatever comes to 9100 to 9107 is printed.
#[test]
fn ports_that_do_harm_are_never_asked() {
    each(|protocol, probe| {
        let harmful = matches!(
            probe.carrier,
            Carrier::Udp(48_899 | 9100..=9107) | Carrier::Tcp(9100..=9107)
        );
        assert!(!harmful, "{}/{}", protocol.name, probe.name);
    });
}
