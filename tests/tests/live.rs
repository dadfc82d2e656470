//! A sensor that listens: what it tells, what it keeps, and what no accident takes from it.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::case_sensitive_file_extension_comparisons,
    clippy::cast_possible_truncation
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use fossick_tests::live::{Network, Sensor, hosts, possible};
use fossick_tests::{Folder, fossick, root};
use serde_json::Value;

/// What `read` and a sensor must agree on.
fn essence(asset: &Value) -> Value {
    let mut essence = asset.clone();
    let object = essence.as_object_mut().unwrap();
    for key in [
        "first_seen",
        "last_seen",
        "facts",
        // Those of a sensor follow a moment later; a test of their own looks at them.
        "findings",
        "observations",
        // A sensor judges by what it knows; a capture is judged when it is asked for.
        "findings",
        "peers",
        "visibility",
    ] {
        object.remove(key);
    }
    if let Some(Value::Array(children)) = object.get_mut("children") {
        *children = children.iter().map(self::essence).collect();
    }
    essence
}

fn demonstration() -> Vec<String> {
    let mut files: Vec<String> = fs::read_dir(root().join("demo"))
        .unwrap()
        .map(|entry| entry.unwrap().path().to_string_lossy().into_owned())
        .filter(|path| path.ends_with(".pcap"))
        .collect();
    files.sort();
    files
}

#[test]
fn a_sensor_hears_what_a_capture_holds_and_is_silent_itself() {
    if !possible() {
        return;
    }
    let (network, folder) = (Network::new("hears"), Folder::new("hears"));
    let ear = network.listen();
    let mut sensor = Sensor::start(&network, &folder, "");
    let file = demonstration()
        .into_iter()
        .find(|file| file.ends_with("simulated-legacy-and-medical.pcap"))
        .unwrap();
    sensor.hear(&network, &file);
    let output = Command::new(fossick())
        .args(["read", &file, "--format", "json"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let read: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let live = sensor.lines(&["assets"]);
    let (read, live): (Vec<Value>, Vec<Value>) = (
        read.iter().map(essence).collect(),
        live.iter().map(essence).collect(),
    );
    assert_eq!(live, read);
    assert!(!live.is_empty());
    // The packets that prove it are kept.
    let evidence = folder.path().to_owned() + "/evidence.pcapng";
    let _ = sensor.ask(&["asset", "10.20.0.14", "--evidence", &evidence]);
    let kept = fs::read(&evidence).unwrap();
    let kept = String::from_utf8_lossy(&kept);
    assert!(kept.contains("6ES7"), "the octets that prove it are there");
    sensor.end();
    assert_eq!(
        ear.heard(),
        0,
        "frames came out of the interface that is listened on"
    );
}

#[test]
fn only_capture_threads_keep_a_right_and_nobody_gains_one() {
    if !possible() {
        return;
    }
    let (network, folder) = (Network::new("rights"), Folder::new("rights"));
    let sensor = Sensor::start(&network, &folder, "");
    let tasks = format!("/proc/{}/task", sensor.child.id());
    let mut captures = 0;
    for task in fs::read_dir(tasks).unwrap() {
        let task = task.unwrap().path();
        let name = fs::read_to_string(task.join("comm")).unwrap();
        let status = fs::read_to_string(task.join("status")).unwrap();
        let field = |field: &str| {
            let line = status.lines().find(|line| line.starts_with(field)).unwrap();
            line.split_whitespace().nth(1).unwrap().to_owned()
        };
        let own = if name.trim() == "capture" {
            captures += 1;
            // CAP_NET_RAW is number 13.
            "0000000000002000"
        } else {
            "0000000000000000"
        };
        assert_eq!(field("CapEff:"), own, "{name}");
        assert_eq!(field("CapPrm:"), own, "{name}");
        assert_eq!(field("NoNewPrivs:"), "1", "{name}");
        assert_eq!(field("Seccomp:"), "2", "{name}");
        assert_ne!(field("Uid:"), "0", "{name}");
    }
    assert_eq!(captures, 1);
}

#[test]
fn an_interface_that_goes_and_comes_back_is_heard_again() {
    if !possible() {
        return;
    }
    let (network, folder) = (Network::new("plug"), Folder::new("plug"));
    let sensor = Sensor::start(&network, &folder, "");
    let state = || {
        sensor.status()["interfaces"][0]["state"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let until = |wanted: &str| {
        for _ in 0..100 {
            if state().starts_with(wanted) {
                return;
            }
            sleep(Duration::from_millis(100));
        }
        panic!("{}, not {wanted}", state());
    };
    until("listening");
    network.unplug();
    until("waiting: there is no interface of this name");
    network.plug();
    until("listening");
    let file = folder.write("hosts.pcap", &hosts(1, 5).pcap());
    sensor.hear(&network, &file);
    assert!(sensor.lines(&["assets"]).len() >= 5);
    network.set("span", "down");
    until("listening, but it is down");
    network.set("span", "up");
    for _ in 0..50 {
        sleep(Duration::from_millis(100));
        if state() == "listening" {
            break;
        }
    }
    assert_eq!(state(), "listening");
    let changes = sensor.ask(&["changes"]);
    assert!(
        changes.contains("span: waiting: there is no interface of this name"),
        "{changes}"
    );
}

/// The journal of a sensor, by number; it must be without a gap.
fn journal(sensor: &Sensor) -> BTreeMap<u64, Value> {
    let changes = sensor.lines(&["changes"]);
    let journal: BTreeMap<u64, Value> = changes
        .into_iter()
        .map(|change| (change["seq"].as_u64().unwrap(), change))
        .collect();
    for (expected, seq) in (1..).zip(journal.keys()) {
        assert_eq!(expected, *seq, "the journal has a gap");
    }
    let whole = sensor.ask(&["audit", "verify"]);
    assert!(whole.contains("the journal is whole"), "{whole}");
    journal
}

/// Kills a sensor at so many moments under traffic; what it had published must be there afterwards.
fn killed(times: u32) {
    let (network, folder) = (Network::new("kill"), Folder::new("kill"));
    let followed = Path::new(folder.path()).join("followed");
    let mut published: BTreeMap<u64, Value> = BTreeMap::new();
    // Any sequence will do; a fixed one fails again when it has failed.
    let mut random = 0x2545_f491_u32;
    for round in 0..times {
        let mut sensor = Sensor::start(&network, &folder, "");
        let kept = journal(&sensor);
        for (seq, change) in &published {
            assert_eq!(
                kept.get(seq),
                Some(change),
                "entry {seq} was published and is lost"
            );
        }
        let after = kept.keys().last().copied().unwrap_or_default();
        let out = fs::File::create(&followed).unwrap();
        let mut follower = sensor
            .client(&[
                "changes",
                "--follow",
                "--after",
                &after.to_string(),
                "--format",
                "json",
            ])
            .stdout(out)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let file = folder.write("hosts.pcap", &hosts(1 + round * 40, 40).pcap());
        let mut sender = network.send(&file, 400, 1);
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        sleep(Duration::from_millis(u64::from(random >> 22)));
        sensor.kill();
        let _ = follower.wait();
        let _ = sender.kill();
        let _ = sender.wait();
        for line in fs::read_to_string(&followed).unwrap().lines() {
            if let Ok(change) = serde_json::from_str::<Value>(line) {
                published.insert(change["seq"].as_u64().unwrap(), change);
            }
        }
    }
    let sensor = Sensor::start(&network, &folder, "");
    let kept = journal(&sensor);
    for (seq, change) in &published {
        assert_eq!(
            kept.get(seq),
            Some(change),
            "entry {seq} was published and is lost"
        );
    }
    assert!(
        published.len() > times as usize,
        "hardly anything was published"
    );
    assert!(sensor.ask(&["store", "check"]).starts_with("whole"));
    println!(
        "{times} kills, {} published entries, none lost; the journal has {}",
        published.len(),
        kept.len()
    );
}

#[test]
fn a_sensor_killed_at_any_moment_has_lost_nothing_that_it_published() {
    if possible() {
        killed(
            std::env::var("FOSSICK_KILLS")
                .ok()
                .and_then(|n| n.parse().ok())
                .unwrap_or(20),
        );
    }
}

#[test]
fn assets_keep_their_ids_and_what_was_decided_of_them() {
    if !possible() {
        return;
    }
    let (network, folder) = (Network::new("ids"), Folder::new("ids"));
    let file = folder.write("hosts.pcap", &hosts(1, 20).pcap());
    let mut sensor = Sensor::start(&network, &folder, "");
    sensor.hear(&network, &file);
    let _ = sensor.ask(&["order", "10.0.0.5", "rename", "press 5"]);
    let _ = sensor.ask(&["order", "10.0.0.5", "kind", "plc"]);
    let _ = sensor.ask(&["order", "10.0.0.6", "annotate", "leased"]);
    let _ = sensor.ask(&["order", "10.0.0.7", "forget"]);
    sensor.settle();
    let before = sensor.lines(&["assets"]);
    let backup = folder.path().to_owned() + "/backup.redb";
    let _ = sensor.ask(&["store", "backup", &backup]);
    sensor.end();
    let mut sensor = Sensor::start(&network, &folder, "");
    sensor.settle();
    let after = sensor.lines(&["assets"]);
    let when_heard = |asset: &Value| {
        let mut asset = asset.clone();
        asset.as_object_mut().unwrap().remove("last_seen");
        asset
    };
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(when_heard(before), when_heard(after));
    }
    assert_eq!(sensor.lines(&["assets", "kind:plc name:press"]).len(), 1);
    assert_eq!(sensor.lines(&["assets", "note:leased"]).len(), 1);
    assert!(sensor.lines(&["assets", "ip:10.0.0.7"]).is_empty());
    let wrong = sensor.client(&["assets", "vendr:x"]).output().unwrap();
    let wrong = String::from_utf8(wrong.stderr).unwrap();
    assert!(wrong.contains("did you mean `vendor`"), "{wrong}");
    let ordered = sensor
        .lines(&["changes"])
        .into_iter()
        .find(|change| change["event"] == "ordered")
        .unwrap();
    assert_eq!(ordered["by"]["uid"], 0, "{ordered}");
    // What was forgotten is news when it speaks again.
    sensor.hear(&network, &file);
    assert_eq!(sensor.lines(&["assets", "ip:10.0.0.7"]).len(), 1);
    // A backup takes the place of the store while the sensor runs.
    let said = sensor.ask(&["store", "restore", &backup]);
    assert!(said.contains("whole"), "{said}");
    sensor.settle();
    assert!(sensor.lines(&["assets", "ip:10.0.0.7"]).is_empty());
    let _ = sensor.ask(&["store", "compact"]);
    let _ = journal(&sensor);
    sensor.end();
}

#[test]
fn a_damaged_store_is_set_aside_and_named() {
    if !possible() {
        return;
    }
    let (network, folder) = (Network::new("damage"), Folder::new("damage"));
    let file = folder.write("hosts.pcap", &hosts(1, 5).pcap());
    let mut sensor = Sensor::start(&network, &folder, "");
    sensor.hear(&network, &file);
    sensor.end();
    let store = Path::new(folder.path()).join("store/fossick.redb");
    let mut octets = fs::read(&store).unwrap();
    for octet in octets.iter_mut().skip(64).take(1 << 16) {
        *octet ^= 0x5a;
    }
    fs::write(&store, &octets).unwrap();
    let sensor = Sensor::start(&network, &folder, "");
    let changes = sensor.ask(&["changes"]);
    assert!(changes.contains("was damaged"), "{changes}");
    let aside = fs::read(store.with_file_name("fossick.redb.damaged-1")).unwrap();
    assert_eq!(aside, octets, "what was damaged is kept as it was");
}

/// Takes the small disk away again.
struct Unmount(std::path::PathBuf);
impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_stops_the_journal_and_not_the_sensor() {
    if !possible() {
        return;
    }
    let (network, folder) = (Network::new("full"), Folder::new("full"));
    let store = Path::new(folder.path()).join("store");
    fs::create_dir_all(&store).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"])
        .arg(&store)
        .status()
        .unwrap();
    assert!(mounted.success());
    let _unmount = Unmount(store.clone());
    let mut sensor = Sensor::start(&network, &folder, "");
    let first = folder.write("first.pcap", &hosts(1, 20).pcap());
    sensor.hear(&network, &first);
    let before = journal(&sensor);
    // Everything that is left.
    let filler = store.join("filler");
    let _ = Command::new("dd")
        .args([
            "if=/dev/zero",
            "bs=4096",
            &format!("of={}", filler.display()),
        ])
        .stderr(Stdio::null())
        .status();
    // More than fits into what the store has reserved.
    let mut failing = false;
    let mut sent = 0;
    for n in 1..60 {
        let file = folder.write("more.pcap", &hosts(n * 200, 200).pcap());
        assert!(network.send(&file, 20_000, 1).wait().unwrap().success());
        sent = n * 200 + 200;
        sleep(Duration::from_millis(300));
        let status = sensor.status();
        if status["store"]["failed"].as_u64().unwrap() > 0 {
            failing = true;
            break;
        }
    }
    assert!(failing, "the disk did not fill: {}", sensor.status());
    // More happens while nothing can be written, and the sensor goes on.
    let read = |sensor: &Sensor| sensor.status()["interfaces"][0]["frames"].as_u64().unwrap();
    let frames = read(&sensor);
    let late = folder.write("late.pcap", &hosts(sent + 10, 30).pcap());
    assert!(network.send(&late, 2000, 1).wait().unwrap().success());
    sleep(Duration::from_secs(2));
    assert!(read(&sensor) > frames, "capture stopped");
    fs::remove_file(&filler).unwrap();
    sleep(Duration::from_secs(5));
    sensor.settle();
    let after = journal(&sensor);
    for (seq, change) in &before {
        assert_eq!(after.get(seq), Some(change));
    }
    let late = sensor.lines(&["assets", &format!("mac:{}", mac_of(sent + 11))]);
    assert_eq!(
        late.len(),
        1,
        "what happened while the disk was full is known"
    );
    let id = late[0]["id"].as_str().unwrap();
    let of_it: Vec<&Value> = after
        .values()
        .filter(|change| change["asset"] == id)
        .collect();
    let resynchronised = of_it
        .iter()
        .filter(|change| change["event"] == "resynchronised")
        .count();
    assert_eq!((of_it.len(), resynchronised), (1, 1), "{of_it:?}");
    sensor.end();
}

fn mac_of(n: u32) -> String {
    let [_, a, b, c] = n.to_be_bytes();
    format!("02:00:00:{a:02x}:{b:02x}:{c:02x}")
}

#[test]
fn captures_are_read_into_a_running_sensor() {
    if !possible() {
        return;
    }
    let (network, folder) = (Network::new("ingest"), Folder::new("ingest"));
    let sensor = Sensor::start(&network, &folder, "");
    let files = demonstration();
    let arguments: Vec<&str> = ["ingest"]
        .into_iter()
        .chain(files.iter().map(String::as_str))
        .collect();
    let said = sensor.ask(&arguments);
    assert_eq!(said.lines().count(), files.len(), "{said}");
    sensor.settle();
    assert!(sensor.lines(&["assets"]).len() > 20);
    let plc = sensor.ask(&["asset", "10.66.0.12"]);
    assert!(plc.contains("s7comm.pcap frame"), "{plc}");
    let broken = folder.write("broken.pcap", b"this is no capture at all");
    let refused = sensor.client(&["ingest", &broken]).output().unwrap();
    assert!(!refused.status.success());
    assert!(
        String::from_utf8(refused.stderr)
            .unwrap()
            .contains("not a capture")
    );
}

#[test]
fn metrics_are_served_on_loopback() {
    if !possible() {
        return;
    }
    let (network, folder) = (Network::new("metrics"), Folder::new("metrics"));
    let sensor = Sensor::start(&network, &folder, "");
    let fetch = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:9184/metrics').read().decode())";
    let page = network
        .command("python3")
        .args(["-c", fetch])
        .output()
        .unwrap();
    let page = String::from_utf8(page.stdout).unwrap();
    for name in [
        "fossick_frames_total{interface=\"span\"}",
        "fossick_kernel_drops_total",
        "fossick_limit_used",
        "fossick_store_commit_seconds",
    ] {
        assert!(page.contains(name), "{page}\n{}", sensor.log());
    }
}

#[test]
fn zones_are_read_again_while_the_sensor_runs() {
    if !possible() {
        return;
    }
    let (network, folder) = (Network::new("reload"), Folder::new("reload"));
    let sensor = Sensor::start(&network, &folder, "");
    let file = folder.write("hosts.pcap", &hosts(1, 5).pcap());
    sensor.hear(&network, &file);
    assert!(sensor.lines(&["assets", "zone:press"]).is_empty());
    let path = Path::new(folder.path()).join("fossick.toml");
    let config = fs::read_to_string(&path).unwrap();
    let zone = "[[zone]]\nname = \"press\"\nnetworks = [\"10.0.0.0/30\"]\n";
    fs::write(&path, config.clone() + zone).unwrap();
    sensor.reload();
    assert_eq!(sensor.lines(&["assets", "zone:press"]).len(), 3);
    fs::write(&path, config + "[[zone]]\nnam = \"press\"\n").unwrap();
    sensor.reload();
    let changes = sensor.ask(&["changes"]);
    assert!(
        changes.contains("not reloaded, everything stays as it was"),
        "{changes}"
    );
    assert_eq!(sensor.lines(&["assets", "zone:press"]).len(), 3);
}
