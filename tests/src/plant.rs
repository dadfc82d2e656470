//! Devices in a namespace of their own, a scanner in another, and a capture that has every frame between them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fossick_parsers::packet::{LinkType, Net, Packet, Tcp, Transport};
use serde_json::Value;

use crate::live::Beside;
use crate::{Folder, fossick, root};

/// A segment of its own: `ask` in the scanner's namespace, `plant` in the devices'.
pub struct Plant {
    /// What its namespaces' names begin with.
    pub name: String,
    /// What its scanner and its sensor keep.
    pub folder: Folder,
}

/// Runs `ip`.
pub fn ip(arguments: &[&str]) {
    let done = Command::new("ip").args(arguments).status().unwrap();
    assert!(done.success(), "ip {arguments:?}");
}

/// A device's address.
pub fn device(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, last)
}

impl Plant {
    /// With so many devices, 10.77.0.1 and on, and a scanner at 10.77.0.250.
    pub fn new(name: &str, devices: u8) -> Plant {
        let name = format!("fsk-{name}-{}", std::process::id());
        let (scanner, devices_in) = (format!("{name}-s"), format!("{name}-d"));
        ip(&["netns", "add", &scanner]);
        ip(&["netns", "add", &devices_in]);
        let folder = Folder::new(&name);
        let plant = Plant { name, folder };
        plant.cable("ask", "plant");
        ip(&[
            "-n",
            &scanner,
            "addr",
            "add",
            "10.77.0.250/24",
            "dev",
            "ask",
        ]);
        for last in 1..=devices {
            let own = format!("{}/24", device(last));
            ip(&["-n", &devices_in, "addr", "add", &own, "dev", "plant"]);
        }
        plant
    }

    /// Another cable between the two.
    pub fn cable(&self, scanner: &str, devices: &str) {
        let (here, there) = (format!("{}-s", self.name), format!("{}-d", self.name));
        ip(&[
            "-n", &here, "link", "add", scanner, "type", "veth", "peer", "name", devices, "netns",
            &there,
        ]);
        for (namespace, end) in [(&here, scanner), (&there, devices)] {
            let quiet = format!("net.ipv6.conf.{end}.disable_ipv6=1");
            ip(&["netns", "exec", namespace, "sysctl", "-qw", &quiet]);
            ip(&["-n", namespace, "link", "set", "dev", end, "up"]);
        }
    }

    /// IPv6 as well: `fd77::250` for the scanner, `fd77::1` and on for so many devices.
    pub fn with_ipv6(&self, devices: u8) {
        let own = (1..=devices).map(|last| format!("fd77::{last:x}/64"));
        let ends = [
            ("s", "ask", vec!["fd77::250/64".to_owned()]),
            ("d", "plant", own.collect()),
        ];
        for (side, end, addresses) in ends {
            let namespace = format!("{}-{side}", self.name);
            // By way of it the kernel says that nobody has an address.
            ip(&["-n", &namespace, "link", "set", "dev", "lo", "up"]);
            let on = format!("net.ipv6.conf.{end}.disable_ipv6=0");
            ip(&["netns", "exec", &namespace, "sysctl", "-qw", &on]);
            for address in addresses {
                ip(&[
                    "-n", &namespace, "-6", "addr", "add", &address, "dev", end, "nodad",
                ]);
            }
        }
    }

    /// A program in the scanner's namespace (`s`) or the devices' (`d`).
    pub fn inside(&self, side: char, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &format!("{}-{side}", self.name), program]);
        command
    }

    /// Starts a program of the tests among the devices, and waits until it is ready. Its output stays readable.
    pub fn device(&self, script: &str, arguments: &[&str]) -> Device {
        self.device_with(script, arguments, &[])
    }

    /// The same, with something in its environment.
    pub fn device_with(&self, script: &str, arguments: &[&str], with: &[(&str, &str)]) -> Device {
        let mut child = self
            .inside('d', "python3")
            .arg(root().join("tests").join(script))
            .args(arguments)
            .envs(with.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut ready = String::new();
        lines.read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        Device {
            child: Beside(child),
            lines,
        }
    }

    /// The configuration, with what is under `[scan]`.
    pub fn config(&self, scan: &str, more: &str) -> String {
        let path = self.folder.path();
        // The unprivileged user that scans reads the state.
        fs::create_dir_all(format!("{path}/state")).unwrap();
        let text = format!(
            "user = \"nobody\"\n{more}\n[store]\npath = \"{path}/state\"\n[control]\nsocket = \"{path}/none\"\n\
             [scan]\nmode = \"on-request\"\n{scan}\n"
        );
        self.folder.write("fossick.toml", text.as_bytes())
    }

    /// `fossick scan` in the scanner's namespace.
    pub fn scan(&self, config: &str, arguments: &[&str]) -> Command {
        let mut command = self.inside('s', fossick().to_str().unwrap());
        command.args(["scan", "--config", config]).args(arguments);
        command.stdin(Stdio::null());
        command
    }

    /// Captures what passes the devices' end, until it is asked for.
    pub fn capture(&self) -> Tap {
        let file = PathBuf::from(self.folder.path()).join("wire.pcap");
        let mut child = self
            .inside('d', "tcpdump")
            .args([
                "-i",
                "plant",
                "-U",
                "-s",
                "0",
                "-Z",
                "root",
                "-w",
                file.to_str().unwrap(),
            ])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "tcpdump ended");
        }
        Tap {
            child: Beside(child),
            file,
        }
    }
}

impl Drop for Plant {
    fn drop(&mut self) {
        for side in ["s", "d"] {
            let name = format!("{}-{side}", self.name);
            // It may be gone.
            let _ = Command::new("ip").args(["netns", "del", &name]).status();
        }
    }
}

/// A program among the devices.
pub struct Device {
    child: Beside,
    lines: BufReader<std::process::ChildStdout>,
}

impl Device {
    /// What it died of, if it did.
    pub fn died(&mut self) -> Option<String> {
        self.child.0.try_wait().unwrap()?;
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        Some(line.trim().to_owned())
    }
}

/// A capture beside the devices.
pub struct Tap {
    child: Beside,
    file: PathBuf,
}

/// A frame that was captured.
pub struct Frame {
    /// Seconds since 1970.
    pub time: f64,
    /// Its octets.
    pub octets: Vec<u8>,
}

impl Tap {
    /// Ends it.
    pub fn frames(self) -> Vec<Frame> {
        sleep(Duration::from_millis(300));
        let id = self.child.0.id().to_string();
        Command::new("kill").args(["-INT", &id]).status().unwrap();
        sleep(Duration::from_millis(300));
        let octets = fs::read(&self.file).unwrap();
        let number = |at: usize| u32::from_le_bytes(octets[at..at + 4].try_into().unwrap());
        let mut frames = Vec::new();
        let mut at = 24;
        while at + 16 <= octets.len() {
            let length = number(at + 8) as usize;
            let time = f64::from(number(at)) + f64::from(number(at + 4)) / 1e6;
            frames.push(Frame {
                time,
                octets: octets[at + 16..at + 16 + length].to_vec(),
            });
            at += 16 + length;
        }
        frames
    }
}

/// Whom a frame of the scanner's is for, or speaks of.
pub fn is_about(frame: &Frame) -> Option<IpAddr> {
    let packet = Packet::decode(LinkType(1), &frame.octets);
    match packet.net {
        Net::Ip(ip) if ip.source == scanner() => Some(ip.destination),
        // The target of a request (RFC 826).
        Net::Other(_, arp)
            if frame.octets[12..14] == [8, 6] && arp[7] == 1 && arp[14..18] == [10, 77, 0, 250] =>
        {
            Some(Ipv4Addr::new(arp[24], arp[25], arp[26], arp[27]).into())
        }
        _ => None,
    }
}

/// The scanner's address.
pub fn scanner() -> IpAddr {
    Ipv4Addr::new(10, 77, 0, 250).into()
}

/// Its segment: from whom, to whom.
pub fn tcp(frame: &Frame) -> Option<(IpAddr, IpAddr, Tcp<'_>)> {
    match Packet::decode(LinkType(1), &frame.octets).net {
        Net::Ip(ip) => match ip.transport {
            Transport::Tcp(tcp) => Some((ip.source, ip.destination, tcp)),
            _ => None,
        },
        _ => None,
    }
}

/// All that a program printed.
pub fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

/// Runs it, and it must succeed.
pub fn done(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    output
}

/// The JSON lines that it printed.
pub fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Seconds since 1970.
pub fn wall() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}

/// The octets of a question's steps as the plan prints them; nothing where a hole is.
pub fn planned(question: &Value) -> Vec<Option<u8>> {
    let steps = question["steps"].as_array().unwrap().iter();
    steps.flat_map(step_planned).collect()
}

/// The same of one step.
pub fn step_planned(step: &Value) -> Vec<Option<u8>> {
    let mut octets = Vec::new();
    for piece in step["sends"].as_array().unwrap() {
        match piece["octets"].as_str() {
            Some(hex) => {
                let each = hex.split_whitespace();
                octets.extend(each.map(|octet| Some(u8::from_str_radix(octet, 16).unwrap())));
            }
            None => octets.extend(vec![None; piece["length"].as_u64().unwrap() as usize]),
        }
    }
    octets
}

/// Whether octets are those of the plan but for its holes.
pub fn fits(said: &[u8], planned: &[Option<u8>]) -> bool {
    let alike = |(said, planned): (&u8, &Option<u8>)| planned.is_none_or(|p| p == *said);
    planned.len() == said.len() && said.iter().zip(planned).all(alike)
}

/// What was sent over UDP: to which port, and what.
pub fn datagrams(frames: &[&Frame]) -> Vec<(u16, Vec<u8>)> {
    let said = |frame: &&Frame| match Packet::decode(LinkType(1), &frame.octets).net {
        Net::Ip(ip) => match ip.transport {
            Transport::Udp {
                destination,
                payload,
                ..
            } => Some((destination, payload.to_vec())),
            _ => None,
        },
        _ => None,
    };
    frames.iter().filter_map(said).collect()
}
