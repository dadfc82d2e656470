//! The lab: real servers on a bridge with a mirror port. `tests/lab/README.md` tells of it.

use std::process::{Command, Output};

use serde_json::Value;

use crate::live::Network;
use crate::root;

/// What `lab.py` ends with where a lab cannot be had.
const SKIPPED: i32 = 77;

/// A lab that stands, and is taken away when it is dropped.
pub struct Lab {
    name: String,
}

/// A server of the lab, and what it says of itself.
pub struct Device {
    /// Name of its folder.
    pub name: String,
    /// Its IPv4 address.
    pub address: String,
    /// Attributes and their values, as a conversation tells them.
    pub truth: Vec<(String, String)>,
    /// The same, as far as questions get.
    pub asked: Vec<(String, String)>,
    /// Why nobody can ask it, empty where somebody can.
    pub only_heard: String,
    /// The intrusive question that it takes to identify it, empty where routine ones do.
    pub consent: String,
}

impl Lab {
    /// Starts all servers and waits until they listen. `None` where a lab cannot be had; says so loudly.
    #[must_use]
    pub fn up() -> Option<Lab> {
        let lab = Lab {
            name: std::process::id().to_string(),
        };
        let done = lab.run(&["up"]);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        if done.status.code() == Some(SKIPPED) {
            eprintln!("{}", said.trim_end());
            return None;
        }
        assert!(done.status.success(), "{said}");
        eprint!("{}", String::from_utf8_lossy(&done.stdout));
        Some(lab)
    }

    /// Its servers.
    #[must_use]
    pub fn devices(&self) -> Vec<Device> {
        let listed: Value = serde_json::from_slice(&self.run(&["list"]).stdout).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let pairs = |value: &Value| {
            let pairs = value.as_object().unwrap().iter();
            pairs
                .map(|(what, value)| (what.clone(), text(value)))
                .collect()
        };
        let device = |device: &Value| Device {
            name: text(&device["name"]),
            address: text(&device["address"]),
            truth: pairs(&device["truth"]),
            asked: pairs(&device["asked"]),
            only_heard: text(&device["only_heard"]),
            consent: text(&device["consent"]),
        };
        listed.as_array().unwrap().iter().map(device).collect()
    }

    /// Lets a real client talk to each server.
    pub fn talk(&self) {
        let done = self.run(&["talk"]);
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(
            done.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&done.stderr)
        );
        eprint!("{said}");
    }

    /// Where a sensor listens: `span` is the mirror port.
    #[must_use]
    pub fn mirror(&self) -> Network {
        Network::standing(&format!("fossick-{}-sensor", self.name))
    }

    /// A command that runs on a host of its own beside the client, from where devices are asked over `eth0`.
    #[must_use]
    pub fn scanner(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        let namespace = format!("fossick-{}-scanner", self.name);
        command.args(["netns", "exec", &namespace, program]);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new("python3")
            .arg(root().join("tests/lab/lab.py"))
            .args(arguments)
            .args(["--name", &self.name])
            .output()
            .unwrap()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let done = self.run(&["down"]);
        if !done.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&done.stderr));
        }
    }
}
