//! A network of two interfaces in a namespace of its own, and a sensor that listens on one of them.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Capture, Folder, fossick, root};

/// Probes so far: tests ask at the same time.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Whether network namespaces can be made here; says so where not.
#[must_use]
pub fn possible() -> bool {
    let tools = ["ip", "python3"].iter().all(|tool| {
        let mut asked = Command::new(tool);
        asked.arg("-V").stdout(Stdio::null()).stderr(Stdio::null());
        asked.status().is_ok()
    });
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("fossick-probe-{}-{count}", std::process::id());
    let made = tools && ip(&["netns", "add", &name]);
    if made {
        ip(&["netns", "del", &name]);
    } else {
        eprintln!(
            "SKIPPED: network namespaces cannot be made here (root, iproute2 and python3 are needed)"
        );
    }
    made
}

fn ip(arguments: &[&str]) -> bool {
    let done = Command::new("ip")
        .args(arguments)
        .stderr(Stdio::null())
        .status();
    done.is_ok_and(|status| status.success())
}

/// A namespace with `span`, where a sensor listens, and `wire`, from where frames are sent.
pub struct Network {
    name: String,
}

impl Network {
    /// Makes it.
    #[must_use]
    pub fn new(name: &str) -> Network {
        let name = format!("fossick-{name}-{}", std::process::id());
        assert!(ip(&["netns", "add", &name]));
        let network = Network { name };
        network.plug();
        network
    }

    /// One that stands already, with an interface `span`. It goes with this.
    #[must_use]
    pub fn standing(name: &str) -> Network {
        Network {
            name: name.to_owned(),
        }
    }

    /// What `ip netns` calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts the cable in.
    pub fn plug(&self) {
        let name = self.name.as_str();
        let made = ip(&[
            "-n", name, "link", "add", "span", "type", "veth", "peer", "name", "wire",
        ]);
        assert!(made);
        ip(&["-n", name, "link", "set", "lo", "up"]);
        for end in ["span", "wire"] {
            let key = format!("net.ipv6.conf.{end}.disable_ipv6=1");
            let quiet = self.command("sysctl").args(["-qw", &key]).status().unwrap();
            assert!(quiet.success());
            assert!(ip(&[
                "-n",
                name,
                "link",
                "set",
                end,
                "arp",
                "off",
                "multicast",
                "off",
                "up"
            ]));
        }
    }

    /// Pulls it out: the interfaces are gone.
    pub fn unplug(&self) {
        assert!(ip(&["-n", &self.name, "link", "del", "span"]));
    }

    /// Sets an interface down or up.
    pub fn set(&self, interface: &str, state: &str) {
        assert!(ip(&["-n", &self.name, "link", "set", interface, state]));
    }

    /// A command that will run inside.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Sends the frames of a file so many times, at so many a second.
    #[must_use]
    pub fn send(&self, file: &str, rate: u32, times: u32) -> Child {
        let script = root().join("tests/send.py");
        self.command("python3")
            .arg(script)
            .args(["wire", file, &rate.to_string(), &times.to_string()])
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Counts the frames that come out of the interface that the sensor listens on, until it is asked.
    #[must_use]
    pub fn listen(&self) -> Ear {
        let script = root().join("tests/send.py");
        let mut child = self
            .command("python3")
            .arg(script)
            .args(["wire", "listen"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        Ear { child, lines }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        ip(&["netns", "del", &self.name]);
    }
}

/// A program that runs beside a test, and ends with it however the test ends.
pub struct Beside(pub Child);

impl Drop for Beside {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Somebody who listens on the wire.
pub struct Ear {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Ear {
    /// How many frames came out of the sensor's interface.
    pub fn heard(mut self) -> u64 {
        self.child.stdin.take().unwrap().write_all(b"\n").unwrap();
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        self.child.wait().unwrap();
        line.trim().parse().unwrap()
    }
}

/// A running sensor, and where its things are.
pub struct Sensor {
    /// Its process.
    pub child: Child,
    folder: String,
    log: PathBuf,
}

impl Sensor {
    /// Starts one in a folder and waits until it answers. `more` is added to its configuration.
    #[must_use]
    pub fn start(network: &Network, folder: &Folder, more: &str) -> Sensor {
        let path = folder.path().to_owned();
        let config = format!(
            "site = \"test\"\nuser = \"nobody\"\n{more}\n[[interface]]\nname = \"span\"\nring_mib = 16\n\
             [store]\npath = \"{path}/store\"\n[control]\nsocket = \"{path}/run/control.sock\"\n[metrics]\nlisten = \"127.0.0.1:9184\"\n"
        );
        let file = folder.write("fossick.toml", config.as_bytes());
        let log = PathBuf::from(&path).join("log");
        let errors = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let child = network
            .command(fossick().to_str().unwrap())
            .args(["run", "--config", &file])
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap();
        let mut sensor = Sensor {
            child,
            folder: path,
            log,
        };
        let begun = Instant::now();
        while sensor
            .try_status()
            .is_none_or(|status| status["interfaces"].as_array().is_none_or(Vec::is_empty))
        {
            let ended = sensor.child.try_wait().unwrap();
            assert!(
                ended.is_none() && begun.elapsed() < Duration::from_secs(30),
                "{}",
                sensor.log()
            );
            sleep(Duration::from_millis(20));
        }
        sensor
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A client's command.
    #[must_use]
    pub fn client(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(fossick());
        command
            .args(arguments)
            .args(["--socket", &format!("{}/run/control.sock", self.folder)]);
        command
    }

    /// What a client's command prints. It must succeed.
    #[must_use]
    pub fn ask(&self, arguments: &[&str]) -> String {
        let output = self.client(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{arguments:?}: {errors}\n{}",
            self.log()
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// The lines of JSON that a client's command prints.
    #[must_use]
    pub fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.ask(&[arguments, &["--format", "json"]].concat());
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// How it does.
    #[must_use]
    pub fn status(&self) -> Value {
        self.try_status().unwrap()
    }

    fn try_status(&self) -> Option<Value> {
        let output = self
            .client(&["status", "--format", "json"])
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).ok()
    }

    /// Has it hear the frames of a file, and waits until what they say is written down.
    pub fn hear(&self, network: &Network, file: &str) {
        assert!(network.send(file, 2000, 1).wait().unwrap().success());
        self.settle();
    }

    /// Asks it to read its configuration again.
    pub fn reload(&self) {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-HUP", &id]).status().unwrap();
        assert!(asked.success());
        self.settle();
    }

    /// Waits until it has read so many frames since its start.
    pub fn wait_for_frames(&self, frames: u64) {
        let begun = Instant::now();
        loop {
            let status = self.status();
            let counts = status["counts"].as_array().unwrap();
            let read = counts
                .iter()
                .find(|count| count["name"] == "frames")
                .unwrap();
            if read["count"].as_u64().unwrap() >= frames {
                return;
            }
            assert!(
                begun.elapsed() < Duration::from_mins(1),
                "{status}\n{}",
                self.log()
            );
            sleep(Duration::from_millis(50));
        }
    }

    /// Waits until nothing waits to be written.
    pub fn settle(&self) {
        let begun = Instant::now();
        let mut last = None;
        loop {
            sleep(Duration::from_millis(1200));
            let status = self.status();
            let now = (
                status["journal"].as_u64(),
                status["store"]["waiting"].as_u64(),
            );
            if last == Some(now) && now.1 == Some(0) {
                return;
            }
            last = Some(now);
            assert!(
                begun.elapsed() < Duration::from_mins(1),
                "{status}\n{}",
                self.log()
            );
        }
    }

    /// Kills it as a power cut would its process.
    pub fn kill(&mut self) {
        // `ip netns exec` becomes the program: this is the sensor itself.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub fn end(&mut self) {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// So many hosts that answer one another, each with a banner of its own: `first` is added to their numbers.
#[must_use]
pub fn hosts(first: u32, count: u32) -> Capture {
    let mut capture = Capture::new();
    for n in first..first.saturating_add(count) {
        let [_, a, b, c] = n.to_be_bytes();
        let mac = [2, 0, 0, a, b, c];
        let address = std::net::Ipv4Addr::new(10, a, b, c);
        let server = (mac, address, 22);
        let client = (crate::mac(1), crate::ip(1), 40_000);
        capture.arp(mac, address, 0);
        let banner = format!("SSH-2.0-OpenSSH_9.{} Debian-{n}\r\n", n % 8);
        capture.connection(
            client,
            server,
            &[b"SSH-2.0-PuTTY_Release_0.78\r\n", banner.as_bytes()],
        );
    }
    capture
}
