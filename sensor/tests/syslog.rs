//! Delivery to a real rsyslog, which is killed while entries flow: not one is missing at the end.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Entries, HOSTILE, eventually};
use fossick_sensor::outlet::{Outlet, OutletConfig, Pace, syslog};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// Entries that are told in each test.
const ENTRIES: u64 = 12_000;

/// Proves delivery so often that a break finds entries in every state.
fn pace() -> Pace {
    Pace {
        prove: Duration::from_millis(200),
        entries: 300,
        octets: 1 << 20,
        settle: Duration::from_secs(1),
        longest: Duration::from_secs(1),
    }
}

/// A folder with a configuration, certificates, and what each run of rsyslog wrote.
struct Site {
    folder: PathBuf,
    port: u16,
    tls: bool,
    runs: usize,
    running: Option<Child>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Site {
    /// None, loudly, if there is no rsyslog with what the test needs.
    fn new(name: &str, tls: bool) -> Option<Site> {
        let driver = |folder: fs::DirEntry| folder.path().join("rsyslog/lmnsd_gtls.so").exists();
        let drivers = fs::read_dir("/usr/lib")
            .unwrap()
            .map(Result::unwrap)
            .any(driver);
        if program().is_none() || tls && !drivers {
            // Past the harness, which keeps what a passing test prints to itself.
            let said = format!(
                "SKIPPED: {name}: rsyslogd or its GnuTLS driver is missing; `make test` installs both\n"
            );
            std::io::stderr().write_all(said.as_bytes()).unwrap();
            return None;
        }
        let folder = std::env::temp_dir().join(format!("fossick-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        if tls {
            certificates(&folder);
        }
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        Some(Site {
            folder,
            port,
            tls,
            runs: 0,
            running: None,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Runs rsyslog with a file of its own, so that a line cut by a kill spoils no other. It keeps what it has read in
    /// memory for a tenth of a second before it writes it down.
    fn start(&mut self) {
        self.runs += 1;
        let (driver, files) = if self.tls {
            let files = format!(
                "defaultNetstreamDriverCAFile=\"{}\" defaultNetstreamDriverCertFile=\"{}\" \
                 defaultNetstreamDriverKeyFile=\"{}\"",
                self.text("ca.pem"),
                self.text("server.pem"),
                self.text("server.key")
            );
            let driver = "StreamDriver.Name=\"gtls\" StreamDriver.Mode=\"1\" \
                StreamDriver.AuthMode=\"x509/certvalid\"";
            (driver, files)
        } else {
            ("", String::new())
        };
        let configuration = format!(
            "global(workDirectory=\"{}\" {files})\n\
             main_queue(queue.dequeueBatchSize=\"1024\" queue.dequeueSlowdown=\"100000\")\n\
             module(load=\"imtcp\" {driver})\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{}\")\n\
             template(name=\"whole\" type=\"string\" string=\"%rawmsg%\\n\")\n\
             local4.* action(type=\"omfile\" file=\"{}\" template=\"whole\")\n\
             syslog.* action(type=\"omfile\" file=\"{}\")\n",
            self.folder.display(),
            self.port,
            self.text(&format!("out-{}.log", self.runs)),
            self.text("own.log"),
        );
        fs::write(self.path("rsyslog.conf"), configuration).unwrap();
        let child = Command::new(program().unwrap())
            .arg("-n")
            .arg("-f")
            .arg(self.path("rsyslog.conf"))
            .arg("-i")
            .arg(self.path("rsyslog.pid"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.running = Some(child);
    }

    /// Holds it up: what arrives is acknowledged by the kernel, and read by nobody.
    fn hold(&self) {
        let process = self.running.as_ref().unwrap().id().to_string();
        let held = Command::new("kill").args(["-STOP", &process]).status();
        assert!(held.unwrap().success());
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn outlet(&self, ca: &str) -> OutletConfig {
        let mut text = format!(
            "name = \"siem\"\nsyslog = \"{}://127.0.0.1:{}\"\n",
            if self.tls { "tls" } else { "tcp" },
            self.port
        );
        if self.tls {
            for (what, name) in [
                ("ca", ca),
                ("certificate", "client.pem"),
                ("key", "client.key"),
            ] {
                writeln!(text, "{what} = \"{}\"", self.text(name)).unwrap();
            }
        }
        toml::from_str(&text).unwrap()
    }

    /// How often each line stands in the files.
    fn lines(&self) -> HashMap<Vec<u8>, usize> {
        let mut lines = HashMap::new();
        for run in 1..=self.runs {
            let file = fs::read(self.path(&format!("out-{run}.log"))).unwrap_or_default();
            let whole = file.split_inclusive(|octet| *octet == b'\n');
            for line in whole.filter_map(|line| line.strip_suffix(b"\n")) {
                *lines.entry(line.to_vec()).or_default() += 1;
            }
        }
        lines
    }
}

fn program() -> Option<&'static Path> {
    let places = ["/usr/sbin/rsyslogd", "/usr/bin/rsyslogd", "/sbin/rsyslogd"];
    places.into_iter().map(Path::new).find(|path| path.exists())
}

fn certificates(folder: &Path) {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (certificate, Issuer::new(params, key))
    };
    let (ca, issuer) = authority("ours");
    let (other, _) = authority("theirs");
    fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
    fs::write(folder.join("other.pem"), other.pem()).unwrap();
    for (who, name) in [("server", "127.0.0.1"), ("client", "sensor-1")] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        fs::write(folder.join(format!("{who}.pem")), certificate.pem()).unwrap();
        fs::write(folder.join(format!("{who}.key")), key.serialize_pem()).unwrap();
    }
}

/// Kills rsyslog while entries flow: as it reads, as it is held up with octets unread, and as it has just begun.
fn nothing_is_lost(name: &str, tls: bool) {
    let Some(mut site) = Site::new(name, tls) else {
        return;
    };
    let journal = Entries::new();
    let config = site.outlet("ca.pem");
    let outlet = Outlet::start(config, "sensor-1", journal.clone(), 0, pace()).unwrap();
    let refused = format!(
        "waiting for 127.0.0.1:{}: connection refused, next try in ",
        site.port
    );
    eventually("the state says what is wrong", || {
        outlet.status().state.starts_with(&refused)
    });
    site.start();
    eventually("it delivers", || outlet.status().state == "delivering");
    let begun = Instant::now();
    let flow = journal.flow(ENTRIES, Duration::from_secs(13));
    for round in 0..4 {
        std::thread::sleep(Duration::from_millis(2200));
        if round == 1 {
            site.hold();
            // Longer than it takes to settle.
            std::thread::sleep(Duration::from_millis(2200));
        }
        site.kill();
        std::thread::sleep(Duration::from_millis(if round == 2 { 0 } else { 250 }));
        site.start();
    }
    flow.join().unwrap();
    eventually("everything is delivered", || journal.cursor() == ENTRIES);
    assert_eq!(outlet.status().delivered, ENTRIES);
    assert_eq!(outlet.status().state, "delivering");
    let took = begun.elapsed();
    outlet.join();
    // It has had its time to write down what it read, and gets no more.
    site.kill();

    let lines = site.lines();
    let mut missing = Vec::new();
    let (mut copies, mut distinct) = (0, 0);
    for change in journal.all() {
        let framed = syslog::format(&change, &syslog::Origin::named("sensor-1"));
        let message = framed.splitn(2, |octet| *octet == b' ').nth(1).unwrap();
        match lines.get(message) {
            Some(count) => (copies, distinct) = (copies + count, distinct + 1),
            None => missing.push(change.seq),
        }
    }
    let kills = site.runs - 1;
    println!(
        "{name}: {ENTRIES} entries, {copies} whole lines of them, killed {kills} times, {took:?}"
    );
    let few = missing.iter().take(20).collect::<Vec<_>>();
    assert!(
        missing.is_empty(),
        "{} are missing: {few:?} …",
        missing.len()
    );
    assert_eq!(
        distinct,
        lines.len(),
        "a line that nobody sent: something broke out of its value"
    );
    let escaped = b"\\\\u{1b}[2J\\\"\\] \\\\u{feff}<8>1".as_slice();
    let hostile = |line: &&Vec<u8>| line.windows(escaped.len()).any(|part| part == escaped);
    assert!(
        lines.keys().filter(hostile).count() > 0,
        "{HOSTILE:?} is nowhere"
    );
}

#[test]
fn nothing_is_lost_over_tcp_when_rsyslog_is_killed() {
    nothing_is_lost("syslog-tcp", false);
}

#[test]
fn nothing_is_lost_over_tls_when_rsyslog_is_killed() {
    nothing_is_lost("syslog-tls", true);
}

#[test]
fn a_receiver_that_nobody_vouches_for_is_told_nothing() {
    let Some(mut site) = Site::new("syslog-stranger", true) else {
        return;
    };
    site.start();
    eventually("rsyslog listens", || {
        TcpStream::connect(("127.0.0.1", site.port)).is_ok()
    });
    let journal = Entries::new();
    journal.push(10);
    let start = |config| Outlet::start(config, "sensor-1", journal.clone(), 0, pace()).unwrap();
    let outlet = start(site.outlet("other.pem"));
    eventually("the state says why", || {
        let state = outlet.status().state;
        state.contains("TLS: invalid peer certificate: UnknownIssuer, next try in")
    });
    // This rsyslog does not hear those who show no certificate, and they must not take it for delivered.
    let bare = start(OutletConfig {
        certificate: None,
        key: None,
        ..site.outlet("ca.pem")
    });
    std::thread::sleep(Duration::from_secs(4));
    println!("{:?}", bare.status());
    assert_eq!(journal.cursor(), 0);
    let begun = Instant::now();
    outlet.join();
    bare.join();
    assert!(begun.elapsed() < Duration::from_secs(2));
    site.kill();
    assert!(site.lines().is_empty());
}
