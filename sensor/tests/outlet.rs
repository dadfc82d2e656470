//! How an outlet bears with receivers of every sort, played by a few lines each.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Entries, eventually};
use fossick_sensor::outlet::{Outlet, OutletConfig, Pace};

fn pace() -> Pace {
    Pace {
        prove: Duration::from_millis(50),
        entries: 100,
        octets: 1 << 20,
        settle: Duration::from_millis(200),
        longest: Duration::from_millis(100),
    }
}

fn config(listener: &TcpListener, more: &str) -> OutletConfig {
    let address = listener.local_addr().unwrap();
    let text = format!("name = \"siem\"\nsyslog = \"tcp://{address}\"\n{more}");
    toml::from_str(&text).unwrap()
}

fn start(listener: &TcpListener, more: &str, journal: &Arc<Entries>) -> Outlet {
    Outlet::start(
        config(listener, more),
        "sensor-1",
        journal.clone(),
        0,
        pace(),
    )
    .unwrap()
}

/// The sequence numbers of the messages, by their octet counts.
fn sequence(mut octets: &[u8]) -> Vec<u64> {
    let mut found = Vec::new();
    while let Some(space) = octets.iter().position(|octet| *octet == b' ') {
        let count: usize = std::str::from_utf8(&octets[..space])
            .unwrap()
            .parse()
            .unwrap();
        let Some(message) = octets.get(space + 1..space + 1 + count) else {
            break;
        };
        let message = std::str::from_utf8(message).unwrap();
        let (_, rest) = message.split_once(" seq=\"").unwrap();
        found.push(rest.split_once('"').unwrap().0.parse().unwrap());
        octets = &octets[space + 1 + count..];
    }
    found
}

/// Serves one connection after another, as `serve` does it; what it returns counts as received.
fn receiver(
    listener: &TcpListener,
    mut serve: impl FnMut(usize, TcpStream) -> Vec<u8> + Send + 'static,
) -> Arc<Mutex<Vec<u64>>> {
    let received = Arc::new(Mutex::new(Vec::new()));
    let (listener, into) = (listener.try_clone().unwrap(), Arc::clone(&received));
    std::thread::spawn(move || {
        for (n, socket) in listener.incoming().enumerate() {
            let found = sequence(&serve(n, socket.unwrap()));
            into.lock().unwrap().extend(found);
        }
    });
    received
}

fn whole(mut socket: TcpStream) -> Vec<u8> {
    let mut octets = Vec::new();
    // What came before a break has come.
    let _ = socket.read_to_end(&mut octets);
    octets
}

#[test]
fn without_a_break_each_entry_comes_once_and_in_order() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let received = receiver(&listener, |_, socket| whole(socket));
    let journal = Entries::new();
    let outlet = start(&listener, "", &journal);
    journal
        .flow(2000, Duration::from_millis(1500))
        .join()
        .unwrap();
    eventually("delivered", || journal.cursor() == 2000);
    outlet.join();
    assert_eq!(*received.lock().unwrap(), (1..=2000).collect::<Vec<_>>());
}

#[test]
fn what_a_receiver_dropped_unread_is_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let received = receiver(&listener, |n, mut socket| {
        if n % 3 == 2 {
            return whole(socket);
        }
        let mut some = vec![0; 3000];
        let count = socket.read(&mut some).unwrap_or(0);
        some.truncate(count);
        some
    });
    let journal = Entries::new();
    let outlet = start(&listener, "", &journal);
    journal.flow(1000, Duration::from_secs(2)).join().unwrap();
    eventually("delivered", || journal.cursor() == 1000);
    outlet.join();
    let mut received = received.lock().unwrap().clone();
    received.sort_unstable();
    received.dedup();
    assert_eq!(received, (1..=1000).collect::<Vec<_>>());
}

#[test]
fn what_is_below_the_floor_is_passed_over() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let received = receiver(&listener, |_, socket| whole(socket));
    let journal = Entries::new();
    journal.push(1000);
    let outlet = start(&listener, "severity = \"warning\"", &journal);
    eventually("passed", || journal.cursor() == 1000);
    outlet.join();
    assert!(received.lock().unwrap().is_empty());
}

#[test]
fn entries_that_the_journal_no_longer_has_are_counted_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let received = receiver(&listener, |n, socket| match n {
        0 => Vec::new(),
        _ => whole(socket),
    });
    let journal = Entries::new();
    journal.push(300);
    journal.forgotten.store(120, Ordering::Relaxed);
    let outlet = start(&listener, "", &journal);
    eventually("delivered", || journal.cursor() == 300);
    let state = outlet.status().state;
    assert_eq!(
        state,
        "delivering; 120 entries were no longer in the journal"
    );
    outlet.join();
    assert_eq!(received.lock().unwrap().first(), Some(&121));
}

#[test]
fn an_outlet_stops_at_once_whatever_it_waits_for() {
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = config(&refusing, "");
    drop(refusing);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_config = config(&silent, "");
    for (config, entries) in [
        (nobody, 10),
        (silent_config.clone(), 0),
        (silent_config, 100_000),
    ] {
        let journal = Entries::new();
        journal.push(entries);
        let patient = Pace {
            longest: Duration::from_mins(1),
            ..pace()
        };
        let outlet = Outlet::start(config, "sensor-1", journal.clone(), 0, patient).unwrap();
        std::thread::sleep(Duration::from_millis(700));
        let begun = Instant::now();
        outlet.join();
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
        assert_eq!(journal.cursor(), 0);
    }
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused() {
    let read = |text: &str| toml::from_str::<OutletConfig>(text).map_err(|error| error.to_string());
    for (text, what) in [
        (
            "name = \"a\"\nsyslog = \"udp://a:514\"",
            "write tcp://HOST:PORT",
        ),
        (
            "name = \"a\"\nsyslog = \"tcp://a:514\"\nfacility = \"kern\"",
            "local0",
        ),
        (
            "name = \"a\"\nsyslog = \"tcp://a:514\"\ncertificat = \"x\"",
            "unknown field",
        ),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(what), "{error}");
    }
    for (text, what) in [
        ("name = \"\"\nsyslog = \"tcp://a:514\"", "name"),
        ("name = \"a\"\nsyslog = \"tls://a:6514\"", "needs `ca`"),
        (
            "name = \"a\"\nsyslog = \"tcp://a:514\"\nca = \"x\"",
            "are for tls://",
        ),
        (
            "name = \"a\"\nsyslog = \"tls://a:6514\"\nca = \"x\"\nkey = \"x\"",
            "go together",
        ),
    ] {
        let error = read(text).unwrap().check().unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let good = "name = \"a\"\nsyslog = \"tls://[::1]:6514\"\nca = \"x\"\ncertificate = \"x\"\nkey = \"x\"\n\
        facility = \"local0\"\nseverity = \"notice\"\nenterprise = 9";
    read(good).unwrap().check().unwrap();
}
