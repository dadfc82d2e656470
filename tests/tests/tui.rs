//! The screen, driven in a real terminal over real captures and a real sensor.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use fossick_tests::live::{Beside, Network, Sensor};
use fossick_tests::tmux::Terminal;
use fossick_tests::{Capture, Folder, fossick, ip, live, mac, root, tmux};
use serde_json::Value;

fn program() -> String {
    fossick().display().to_string()
}

fn demo() -> String {
    root().join("demo").display().to_string()
}

#[test]
fn captures_are_looked_at_and_the_packet_that_says_windows_xp_is_written() {
    if !tmux::possible() {
        return;
    }
    let folder = Folder::new("tui-captures");
    std::os::unix::fs::symlink(demo(), format!("{}/demo", folder.path())).unwrap();
    let terminal = Terminal::open("captures", (120, 40), folder.path());
    terminal.line("stty -g > before");
    terminal.line(&format!("{} read demo --tui", program()));
    terminal.wait("assets that nobody can patch");
    terminal.keys("j j j j Enter");
    // More is shown than the README has room for.
    is_in_the_readme(
        &terminal.wait("1 of 22  sorted by address  filter: first<24h"),
        9,
    );
    terminal.keys("4");
    let screen = terminal.wait("Windows XP end of support: 2014-04-08");
    assert!(
        screen.contains("CT-CONSOLE") && screen.contains("none"),
        "{screen}"
    );
    is_in_the_readme(&screen, 4);
    terminal.keys("e");
    let screen = terminal.wait("those that say it are marked");
    assert!(screen.contains("os = Windows XP"), "{screen}");
    assert!(screen.contains('»') && screen.contains('«'), "{screen}");
    is_in_the_readme(&screen, 32);
    terminal.keys("w Enter");
    terminal.wait("written to");
    terminal.keys("Escape");
    terminal.keys("2 / C-u x p");
    terminal.wait("1 of 1");
    terminal.keys("Enter Enter");
    terminal.wait("Facts, each with its packet");
    terminal.keys("Escape x Enter");
    terminal.wait("lines written to");
    assert_eq!(terminal.flag("alternate_on"), "1");
    terminal.keys("q");
    terminal.prompt();
    assert_eq!(terminal.flag("alternate_on"), "0");
    terminal.line("stty -g > after; echo do''ne");
    terminal.wait("done");
    let read = |name: &str| fs::read_to_string(format!("{}/{name}", folder.path())).unwrap();
    assert_eq!(read("before"), read("after"));
    assert!(read("fossick-assets.csv").contains("CT-CONSOLE"));
    is_the_frame_that_was_captured(folder.path());
}

/// The README's screens are the program's own.
fn is_in_the_readme(screen: &str, lines: usize) {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let shown: Vec<&str> = screen.lines().take(lines).map(str::trim_end).collect();
    assert!(
        readme.contains(&shown.join("\n")),
        "README.md shows it otherwise:\n{screen}"
    );
}

/// The packet of a file that was written: nanoseconds since 1970, octets, comment.
fn written(file: &Path) -> (u64, Vec<u8>, String) {
    let octets = fs::read(file).unwrap();
    let number = |at: usize| u32::from_le_bytes(octets[at..at + 4].try_into().unwrap());
    let mut at = 0;
    // An enhanced packet block.
    while number(at) != 6 {
        at += number(at + 4) as usize;
    }
    let time = u64::from(number(at + 12)) << 32 | u64::from(number(at + 16));
    let length = number(at + 20) as usize;
    let packet = octets[at + 28..at + 28 + length].to_vec();
    // Its first option is the comment.
    let option = at + 28 + length.next_multiple_of(4);
    let length = usize::from(u16::from_le_bytes([octets[option + 2], octets[option + 3]]));
    let comment = &octets[option + 4..option + 4 + length];
    (time, packet, String::from_utf8(comment.to_vec()).unwrap())
}

/// A frame of a capture, by its number: nanoseconds since 1970, octets.
fn captured(file: &Path, wanted: usize) -> (u64, Vec<u8>) {
    let octets = fs::read(file).unwrap();
    let number = |at: usize| u32::from_le_bytes(octets[at..at + 4].try_into().unwrap());
    let mut at = 24;
    for _ in 1..wanted {
        at += 16 + number(at + 8) as usize;
    }
    let time = u64::from(number(at)) * 1_000_000_000 + u64::from(number(at + 4)) * 1000;
    (
        time,
        octets[at + 16..at + 16 + number(at + 8) as usize].to_vec(),
    )
}

/// What was written names the frame, has its time, and its octets where they say it; somebody else's program reads the same.
fn is_the_frame_that_was_captured(folder: &str) {
    let mut files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let file = files
        .find(|path| path.extension().is_some_and(|end| end == "pcapng"))
        .unwrap();
    let (time, octets, comment) = written(&file);
    let (name, rest) = comment.split_once(" frame ").unwrap();
    let (number, rest) = rest.split_once('\n').unwrap();
    assert!(rest.contains("os = Windows XP"), "{comment}");
    let (there, original) = captured(&root().join("demo").join(name), number.parse().unwrap());
    assert_eq!(time, there);
    let (_, marks) = rest.split_once("octets that say it: ").unwrap();
    let mut said: Vec<u8> = Vec::new();
    for mark in marks.split_whitespace() {
        let (first, count) = mark.split_once('+').unwrap();
        let (first, count): (usize, usize) = (first.parse().unwrap(), count.parse().unwrap());
        let marked = &octets[first..first + count];
        assert_eq!(marked, &original[first..first + count]);
        said.extend(marked);
    }
    let said: String = said
        .iter()
        .filter(|octet| **octet != 0)
        .map(|octet| char::from(*octet))
        .collect();
    assert_eq!(said, "Windows 2002 Service Pack 3 2600");
    let shown = |fields: &[&str]| {
        let mut tshark = Command::new("tshark");
        tshark
            .arg("-r")
            .arg(&file)
            .args(["-T"])
            .args(fields)
            .output()
    };
    let Ok(fields) = shown(&["fields", "-e", "frame.time_epoch", "-e", "frame.comment"]) else {
        eprintln!(
            "SKIPPED: there is no tshark here to read what was written; it was read by the test alone"
        );
        return;
    };
    let fields = String::from_utf8(fields.stdout).unwrap();
    let (shown_time, shown_comment) = fields.trim().split_once('\t').unwrap();
    assert_eq!(shown_time.replace('.', ""), time.to_string());
    assert!(
        shown_comment.contains(&format!("{name} frame {number}")),
        "{fields}"
    );
    let raw: Value = serde_json::from_slice(&shown(&["jsonraw"]).unwrap().stdout).unwrap();
    let raw = raw[0]["_source"]["layers"]["frame_raw"][0]
        .as_str()
        .unwrap();
    let octet = |n: usize| u8::from_str_radix(&raw[n..n + 2], 16).unwrap();
    let raw: Vec<u8> = (0..raw.len()).step_by(2).map(octet).collect();
    assert_eq!(raw, octets);
}

#[test]
fn the_terminal_is_given_back_whatever_ends_the_program() {
    if !tmux::possible() {
        return;
    }
    let folder = Folder::new("tui-ends");
    let terminal = Terminal::open("ends", (80, 24), folder.path());
    for (signal, number) in [("TERM", 1), ("HUP", 2), ("INT", 3)] {
        terminal.line(&format!(
            "{} read {} --tui & echo $! > pid; fg",
            program(),
            demo()
        ));
        terminal.wait("assets that nobody can patch");
        let pid = fs::read_to_string(format!("{}/pid", folder.path())).unwrap();
        assert!(
            Command::new("kill")
                .args([&format!("-{signal}"), pid.trim()])
                .status()
                .unwrap()
                .success()
        );
        terminal.leaves();
        terminal.prompt();
        terminal.line(&format!("echo given-back-$(({number}))"));
        terminal.wait(&format!("given-back-{number}"));
        assert_eq!(terminal.flag("alternate_on"), "0", "{signal}");
        assert_eq!(terminal.flag("mouse_any_flag"), "0", "{signal}");
        assert_eq!(terminal.flag("cursor_flag"), "1", "{signal}");
    }
    // A bug, too: the program of this test takes the terminal over as the screen does, and panics.
    let panicking = std::env::current_exe()
        .unwrap()
        .ancestors()
        .nth(2)
        .unwrap()
        .join("examples/panicking");
    if !panicking.exists() {
        eprintln!(
            "SKIPPED: {} is not built (`cargo build --examples`)",
            panicking.display()
        );
        return;
    }
    terminal.line(&format!("{}; echo after-$((40 + 2))", panicking.display()));
    let screen = terminal.wait("after-42");
    assert!(screen.contains("panicked"), "{screen}");
    assert_eq!(terminal.flag("alternate_on"), "0");
    assert_eq!(terminal.flag("mouse_any_flag"), "0");
}

#[test]
fn quitting_with_a_capital_letter_keeps_what_was_shown() {
    if !tmux::possible() {
        return;
    }
    let folder = Folder::new("tui-keeps");
    let terminal = Terminal::open("keeps", (120, 60), folder.path());
    terminal.line(&format!("{} read {} --tui", program(), demo()));
    terminal.wait("assets that nobody can patch");
    terminal.keys("4");
    terminal.wait("Windows XP end of support");
    terminal.keys("Q");
    terminal.leaves();
    terminal.wait("Windows XP end of support");
    assert_eq!(terminal.flag("alternate_on"), "0");
}

#[test]
fn an_analyst_works_through_a_running_sensor_and_its_restart() {
    if !tmux::possible() || !live::possible() {
        return;
    }
    let folder = Folder::new("tui-sensor");
    let network = Network::new("tui");
    let sensor = Sensor::start(&network, &folder, "");
    for entry in fs::read_dir(root().join("demo")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "pcap") {
            let _ = sensor.ask(&["ingest", path.to_str().unwrap()]);
        }
    }
    sensor.settle();
    let list = folder.write(
        "cmdb.csv",
        b"ip,name\n10.66.0.12,SNAP7-SERVER\n10.9.9.9,GONE-1\n",
    );
    let _ = sensor.ask(&["inventory", "import", &list, "--columns", "ip=ip,name=name"]);
    sensor.settle();
    let terminal = Terminal::open("sensor", (140, 40), folder.path());
    let socket = format!("{}/run/control.sock", folder.path());
    terminal.line(&format!("{} tui --socket {socket}", program()));
    terminal.wait("assets that nobody can patch");
    // Approve one of those that nobody approved.
    terminal.keys("5");
    let screen = terminal.wait("unsanctioned");
    assert!(
        screen.contains("GONE-1") || screen.contains("1 of"),
        "{screen}"
    );
    terminal.keys("a");
    terminal.wait("a again: put on the list of approved assets");
    terminal.keys("a");
    terminal.wait("done, and in the journal");
    // Name an asset, and take it back.
    terminal.keys("2 / x p");
    terminal.wait("1 of 1");
    terminal.keys("Enter r o l d Enter");
    terminal.wait("old");
    terminal.keys("u");
    terminal.wait("CT-CONSOLE");
    // Fence it in.
    terminal.keys("4");
    terminal.wait("Windows XP end of support");
    terminal.keys("c c");
    terminal.wait("press c twice to accept that");
    terminal.keys("c c");
    terminal.wait("proposed");
    for state in ["dry-run", "approved"] {
        terminal.keys("c c");
        terminal.wait(state);
    }
    terminal.keys("6 Enter");
    terminal.wait("Rules as nftables");
    terminal.keys("c c");
    terminal.wait("[exported]");
    let exported = fs::read_dir(folder.path()).unwrap().any(|entry| {
        entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .ends_with("nftables.txt")
    });
    assert!(exported);
    // Its packet, with exactly the octets.
    terminal.keys("4 e");
    let screen = terminal.wait("those that say it are marked");
    assert!(
        screen.contains("Windows XP") && screen.contains('»') && !screen.contains("is not known"),
        "{screen}"
    );
    // The sensor goes and comes back.
    drop(sensor);
    terminal.keys("2");
    terminal.wait("NO ANSWER");
    terminal.keys("j j ?");
    terminal.wait("Keys here");
    terminal.keys("?");
    let sensor = Sensor::start(&network, &folder, "");
    for _ in 0..400 {
        if !terminal.screen().contains("NO ANSWER") {
            break;
        }
        sleep(Duration::from_millis(100));
    }
    terminal.keys("2 Escape");
    let screen = terminal.wait("10.66.0.12");
    assert!(!screen.contains("NO ANSWER"), "{screen}");
    terminal.keys("q");
    terminal.prompt();
    without_a_screen(&sensor);
}

/// Every screen's content is there for programs.
fn without_a_screen(sensor: &Sensor) {
    for (command, key) in [
        (&["overview"][..], "unpatchable"),
        (&["findings", "--which", "unpatchable"], "finding"),
        (&["zones"], "cells"),
        (&["assets"], "id"),
        (&["changes"], "seq"),
        (&["status"], "limits"),
        (&["conversations"], "client"),
        (&["control", "list"], "state"),
    ] {
        let lines = sensor.lines(command);
        assert!(
            lines.first().is_some_and(|line| line.get(key).is_some()),
            "{command:?}: {lines:?}"
        );
    }
}

/// A host that answers with this banner.
fn speaker(capture: &mut Capture, n: u8, banner: &str) {
    let server = (mac(n), ip(n), 22);
    capture.arp(mac(n), ip(n), 0);
    capture.connection(
        (mac(250), ip(250), 40_000),
        server,
        &[
            b"SSH-2.0-PuTTY_Release_0.78\r\n",
            format!("SSH-2.0-{banner}\r\n").as_bytes(),
        ],
    );
    let request = format!("GET / HTTP/1.1\r\nHost: {n}\r\n\r\n");
    let answer = format!("HTTP/1.1 200 OK\r\nServer: {banner}\r\nContent-Length: 0\r\n\r\n");
    capture.connection(
        (mac(250), ip(250), 40_001),
        (mac(n), ip(n), 80),
        &[request.as_bytes(), answer.as_bytes()],
    );
}

#[test]
fn hostile_names_are_shown_and_never_obeyed() {
    let hostile = [
        "EVIL\u{1b}]0;owned\u{7}",
        "EVIL\u{1b}[2J\u{1b}[31m",
        "EVIL\u{9b}31m",
        "EVIL\u{1b}]52;c;b3duZWQ=\u{7}",
        "EVIL\u{202e}gpj.exe",
        "EVIL\u{1b}P+q544e\u{1b}\\",
        "EVIL\u{8}\u{8}\u{8}\u{7f}",
        "EVIL\u{1b}[?1049l",
    ];
    let mut capture = Capture::new();
    for (n, banner) in (1..).zip(hostile) {
        speaker(&mut capture, n, banner);
    }
    let folder = Folder::new("tui-hostile");
    let file = folder.write("hostile.pcap", &capture.pcap());
    let out = format!("{}/octets", folder.path());
    let keys = "wait:1 2 wait:0.5 enter wait:0.5 j j j G wait:0.5 e wait:0.5 esc esc 3 7 v 8 enter wait:0.5 y esc 9 2 / E V I L wait:0.3 enter : e x p esc Q wait:1";
    let done = Command::new("python3")
        .arg(root().join("tests/press.py"))
        .args([&out, "160x50", keys, &program(), "read", &file, "--tui"])
        .env("HOME", folder.path())
        .output();
    let Ok(done) = done else {
        eprintln!("SKIPPED: there is no python3 here");
        return;
    };
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let octets = fs::read(&out).unwrap();
    let text = String::from_utf8_lossy(&octets);
    assert!(
        text.contains("EVIL\\u{1b}]0;owned\\u{7}"),
        "it was not even shown"
    );
    assert!(text.contains("\u{1b}]52;c;"), "nothing was copied");
    // What the program itself sends: colours, places, modes of its own. None of the names' own.
    for banner in hostile {
        assert!(!text.contains(banner), "{banner:?} reached the terminal");
    }
    for sign in ["\u{1b}]0;", "\u{1b}P", "\u{9b}", "\u{202e}", "b3duZWQ="] {
        assert!(!text.contains(sign), "{sign:?} reached the terminal");
    }
    assert_eq!(
        text.matches("\u{1b}[?1049l").count(),
        1,
        "the terminal was given back once"
    );
}

#[test]
fn a_key_is_answered_at_once_while_much_changes() {
    if !live::possible() {
        return;
    }
    let folder = Folder::new("tui-fast");
    let network = Network::new("tui-fast");
    let sensor = Sensor::start(&network, &folder, "");
    let many = folder.write("many.pcap", &live::hosts(1, 2000).pcap());
    let _ = sensor.ask(&["ingest", &many]);
    sensor.settle();
    let more = folder.write("more.pcap", &live::hosts(10_000, 3000).pcap());
    let mut sending = network.send(&more, 1500, 3);
    let out = format!("{}/octets", folder.path());
    let socket = format!("{}/run/control.sock", folder.path());
    let done = Command::new("python3")
        .arg(root().join("tests/press.py"))
        .args([
            &out,
            "120x40",
            "until:assets 2 wait:1 measure:j:150 measure:G:5 q",
            &program(),
            "tui",
            "--socket",
            &socket,
        ])
        .output()
        .unwrap();
    let _ = sending.kill();
    let _ = sending.wait();
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    let first = text
        .lines()
        .next()
        .unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&done.stderr)));
    let figures: Value = serde_json::from_str(first).unwrap();
    println!("{figures}");
    // The figure that must be reached is measured by bench/tui.py, on the released program and a machine that does nothing else.
    assert!(figures["p50"].as_f64().unwrap() < 50.0, "{figures}");
    assert!(
        figures["resident_kib"].as_u64().unwrap() < 100 * 1024,
        "{figures}"
    );
}

/// A cable from the sensor's network to a device of its own, and the device; nothing when its words are over.
fn device(network: &Network, far: &Network) -> Beside {
    let run = |network: &Network, arguments: &[&str]| {
        let done = network.command("ip").args(arguments).status().unwrap();
        assert!(done.success(), "ip {arguments:?}");
    };
    run(
        network,
        &[
            "link",
            "add",
            "ask",
            "type",
            "veth",
            "peer",
            "name",
            "plant",
            "netns",
            far.name(),
        ],
    );
    let own = mac(7).map(|octet| format!("{octet:02x}")).join(":");
    run(far, &["link", "set", "plant", "address", &own]);
    for (network, end, address) in [(network, "ask", 9), (far, "plant", 7)] {
        let quiet = format!("net.ipv6.conf.{end}.disable_ipv6=1");
        let done = network.command("sysctl").args(["-qw", &quiet]).status();
        assert!(done.unwrap().success());
        let address = format!("{}/24", ip(address));
        run(network, &["addr", "add", &address, "dev", end]);
        run(network, &["link", "set", end, "up"]);
    }
    let mut device = far
        .command("python3")
        .arg(root().join("tests/fragile.py"))
        .args(["plant", &ip(7).to_string(), "502", "20"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 6];
    device
        .stdout
        .take()
        .unwrap()
        .read_exact(&mut ready)
        .unwrap();
    assert_eq!(&ready, b"ready\n");
    Beside(device)
}

#[test]
fn a_device_is_asked_from_the_screen_after_its_plan_was_read_and_a_word_typed() {
    if !tmux::possible() || !live::possible() {
        return;
    }
    let folder = Folder::new("tui-asks");
    let (network, far) = (Network::new("tui-ask"), Network::new("tui-far"));
    let _device = device(&network, &far);
    let scan = format!("[scan]\nmode = \"on-request\"\nallow = [\"{}\"]\n", ip(7));
    let sensor = Sensor::start(&network, &folder, &scan);
    let mut capture = Capture::new();
    // A controller reads a register of it: that it speaks Modbus is all that was heard.
    let read = [0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1];
    let registers = [0, 1, 0, 0, 0, 5, 1, 3, 2, 0, 42];
    capture.arp(mac(7), ip(7), 0).connection(
        (mac(8), ip(8), 40_000),
        (mac(7), ip(7), 502),
        &[&read, &registers],
    );
    let heard = folder.write("heard.pcap", &capture.pcap());
    let _ = sensor.ask(&["ingest", &heard]);
    sensor.settle();
    let questions = || sensor.ask(&["changes"]).matches("asked 10.0.0.7").count();
    let terminal = Terminal::open("asks", (140, 40), folder.path());
    terminal.line(&format!(
        "ip netns exec {} {} tui --socket {path}/run/control.sock --keys {path}/fossick.toml",
        network.name(),
        program(),
        path = folder.path()
    ));
    terminal.wait("assets in all");
    terminal.keys("2 / 1 0 . 0 . 0 . 7 Enter");
    terminal.wait("1 of 1");
    terminal.keys("i");
    let screen = terminal.wait("nothing is sent yet");
    assert!(
        screen.contains("modbus: read device identification"),
        "{screen}"
    );
    terminal.keys("i y e s Enter");
    terminal.wait("nothing was asked: the word is `ask`");
    assert_eq!(questions(), 0);
    terminal.keys("i a s k Enter");
    terminal.wait("ASKING 10.0.0.7");
    let begun = Instant::now();
    while !sensor
        .ask(&["changes"])
        .contains("asked 10.0.0.7: modbus/read device")
    {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{}",
            terminal.screen()
        );
        sleep(Duration::from_millis(100));
    }
    // The other questions are not wanted any more.
    terminal.keys("X");
    let screen = terminal.wait("was not asked everything");
    assert!(screen.contains("stopped before everything"), "{screen}");
    terminal.keys("2 Enter");
    terminal.wait("Acme");
    // Whoever leaves ends what is under way.
    terminal.keys("i");
    terminal.wait("nothing is sent yet");
    terminal.keys("i a s k Enter");
    terminal.wait("ASKING 10.0.0.7");
    terminal.keys("q");
    let begun = Instant::now();
    terminal.wait("ends the questions that are under way\nready$");
    assert!(
        begun.elapsed() < Duration::from_secs(9),
        "it was not waited for"
    );
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    let completions = fossick_tests::run(&["completions", "bash"], b"").out;
    let folder = Folder::new("tui-man");
    let made = fossick_tests::run(&["man", folder.path()], b"");
    assert_eq!(made.status, Some(0), "{}", made.err);
    for command in ["tui", "findings", "overview", "read", "control"] {
        assert!(completions.contains(command));
        let page = format!("{}/fossick-{command}.1", folder.path());
        assert!(
            fs::read_to_string(&page).is_ok_and(|text| text.contains(".TH")),
            "{page}"
        );
    }
}
