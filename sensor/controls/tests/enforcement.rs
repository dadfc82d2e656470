//! The output for nftables in a real kernel: what is in the baseline passes, everything else stops.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::process::{Command, Stdio};

use common::policy;
use fossick_controls::{Format, render};

/// A server that listens on a port of each transport and family, and a client that says whether it was answered.
const TALK: &str = r#"
import socket, sys, select
what, kind, address, port = sys.argv[1:5]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
one = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
if what == "serve":
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((address, int(port)))
    if kind == "tcp": one.listen()
    print("ready", flush=True)
    while True:
        if kind == "tcp":
            peer, _ = one.accept(); peer.sendall(b"yes"); peer.close()
        else:
            _, peer = one.recvfrom(9); one.sendto(b"yes", peer)
one.settimeout(1.0)
try:
    one.connect((address, int(port)))
    if kind == "udp": one.send(b"ask")
    sys.exit(0 if one.recv(9) == b"yes" else 1)
except OSError:
    sys.exit(1)
"#;

fn ip(line: &str) -> bool {
    let done = Command::new("ip")
        .args(line.split(' '))
        .stderr(Stdio::null())
        .status();
    done.is_ok_and(|status| status.success())
}

/// Four namespaces, which go when the test ends.
struct Plant(String);

impl Plant {
    fn name(&self, who: &str) -> String {
        format!("{}-{who}", self.0)
    }

    fn run(&self, who: &str, command: &[&str]) -> Command {
        let mut run = Command::new("ip");
        run.args(["netns", "exec", &self.name(who)]).args(command);
        run
    }

    /// Whether somebody who asks is answered.
    fn answered(&self, who: &str, kind: &str, address: &str, port: u16) -> bool {
        let port = port.to_string();
        let mut asked = self.run(who, &["python3", "-c", TALK, "ask", kind, address, &port]);
        asked.status().unwrap().success()
    }
}

impl Drop for Plant {
    fn drop(&mut self) {
        for who in ["client", "device", "stranger", "router"] {
            ip(&format!("netns del {}", self.name(who)));
        }
    }
}

/// Servers that end with the test.
struct Beside(std::process::Child);

impl Drop for Beside {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Three hosts around a router; nothing where namespaces cannot be made.
fn plant() -> Option<Plant> {
    let plant = Plant(format!("fc{}", std::process::id()));
    let nft = Command::new("nft")
        .arg("-v")
        .stdout(Stdio::null())
        .status()
        .is_ok();
    if !nft || !ip(&format!("netns add {}", plant.name("router"))) {
        eprintln!("SKIPPED: root, iproute2 and nftables are needed");
        return None;
    }
    for (n, who) in [(1, "client"), (2, "device"), (3, "stranger")] {
        let (host, router) = (plant.name(who), plant.name("router"));
        assert!(ip(&format!("netns add {host}")));
        assert!(ip(&format!(
            "-n {router} link add r{n} type veth peer name e netns {host}"
        )));
        assert!(ip(&format!("-n {router} addr add 10.9.{n}.1/24 dev r{n}")));
        assert!(ip(&format!(
            "-n {router} addr add fd09:{n}::1/64 dev r{n} nodad"
        )));
        assert!(ip(&format!("-n {router} link set r{n} up")));
        assert!(ip(&format!("-n {host} addr add 10.9.{n}.2/24 dev e")));
        assert!(ip(&format!(
            "-n {host} addr add fd09:{n}::2/64 dev e nodad"
        )));
        assert!(ip(&format!("-n {host} link set e up")));
        assert!(ip(&format!("-n {host} route add default via 10.9.{n}.1")));
        assert!(ip(&format!(
            "-n {host} -6 route add default via fd09:{n}::1"
        )));
    }
    for key in ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"] {
        assert!(
            plant
                .run("router", &["sysctl", "-qw", key])
                .status()
                .unwrap()
                .success()
        );
    }
    Some(plant)
}

#[test]
fn the_baseline_passes_and_everything_else_stops() {
    let Some(plant) = plant() else { return };
    let mut servers = Vec::new();
    for (who, kind, address, port) in [
        ("device", "tcp", "10.9.2.2", "502"),
        ("device", "udp", "10.9.2.2", "161"),
        ("device", "tcp", "fd09:2::2", "502"),
        ("device", "tcp", "10.9.2.2", "445"),
        ("device", "tcp", "10.9.2.2", "80"),
        ("client", "tcp", "10.9.1.2", "514"),
        ("client", "udp", "fd09:1::2", "123"),
        ("client", "tcp", "10.9.1.2", "80"),
        ("stranger", "tcp", "10.9.3.2", "80"),
    ] {
        let mut serve = plant.run(who, &["python3", "-c", TALK, "serve", kind, address, port]);
        let mut child = serve.stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = [0; 5];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
        servers.push(Beside(child));
    }
    let passes = [
        ("client", "tcp", "10.9.2.2", 502),
        ("client", "udp", "10.9.2.2", 161),
        ("client", "tcp", "fd09:2::2", 502),
        ("device", "tcp", "10.9.1.2", 514),
        ("device", "udp", "fd09:1::2", 123),
        // Between others: none of the control's business.
        ("client", "tcp", "10.9.3.2", 80),
        ("stranger", "tcp", "10.9.1.2", 80),
    ];
    let stops = [
        ("stranger", "tcp", "10.9.2.2", 502),
        ("stranger", "udp", "10.9.2.2", 161),
        ("stranger", "tcp", "fd09:2::2", 502),
        ("client", "tcp", "10.9.2.2", 445),
        ("client", "tcp", "10.9.2.2", 80),
        ("device", "tcp", "10.9.1.2", 80),
        ("device", "tcp", "10.9.3.2", 80),
    ];
    for (who, kind, address, port) in passes.iter().chain(&stops) {
        assert!(
            plant.answered(who, kind, address, *port),
            "before: {who} {kind} {address} {port}"
        );
    }
    let file = std::env::temp_dir().join(format!("{}.nft", plant.0));
    std::fs::write(&file, render(&policy(), Format::Nftables).unwrap()).unwrap();
    let path = file.to_str().unwrap();
    // Twice: what is there is replaced.
    for how in [
        &["nft", "-c", "-f", path][..],
        &["nft", "-f", path],
        &["nft", "-f", path],
    ] {
        assert!(plant.run("router", how).status().unwrap().success());
    }
    std::fs::remove_file(&file).unwrap();
    for (who, kind, address, port) in passes {
        assert!(
            plant.answered(who, kind, address, port),
            "stopped: {who} {kind} {address} {port}"
        );
    }
    for (who, kind, address, port) in stops {
        assert!(
            !plant.answered(who, kind, address, port),
            "passed: {who} {kind} {address} {port}"
        );
    }
}
