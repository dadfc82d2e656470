//! One interface that is to be listened on: is it up, silent, and does it show both directions?

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use fossick_parsers::packet::{LinkType, Net, Packet, Transport};

use super::offload;
use super::report::Report;
use super::tool;

/// Conversations looked at to tell a one-way mirror.
const CONVERSATIONS: usize = 4096;

/// Flags of an interface (<linux/if.h>).
const UP: u32 = 1;
const NOARP: u32 = 0x80;
const PROMISCUOUS: u32 = 0x100;
const MULTICAST: u32 = 0x1000;

/// Checks one interface.
pub fn check(name: &str, listen: Duration, report: &mut Report) {
    let Some(flags) = flags(name) else {
        let mend = "`ip link` lists those that there are; correct the name";
        return report.fail(name, "there is no interface of this name", mend);
    };
    let make = format!("fossick doctor --mend {name}");
    if flags & UP == 0 {
        report.fail(name, "it is down", &make);
    } else if read(name, "carrier").as_deref() == Some("0") {
        report.fail(
            name,
            "it is up, but has no link",
            "plug the cable in; look at the port of the switch",
        );
    } else {
        report.ok(name, "it is up and has a link");
    }
    if flags & PROMISCUOUS == 0 {
        report.ok(
            name,
            "not promiscuous now: the sensor makes it so while it listens",
        );
    }
    silence(name, flags, &make, report);
    offload::check(name, report);
    if !listen.is_zero() {
        mirror(name, listen, report);
    }
}

/// Whether the kernel would send anything of its own out of it.
fn silence(name: &str, flags: u32, make: &str, report: &mut Report) {
    let what = format!("{name} silence");
    let addresses = addresses(name);
    if !addresses.is_empty() {
        let found = format!(
            "it has addresses ({}): the machine speaks on it",
            addresses.join(", ")
        );
        let mend = format!(
            "use an interface of its own for listening; if this is one: ip address flush dev {name}"
        );
        report.fail(&what, &found, &mend);
    }
    let disabled = std::fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"));
    if disabled.is_ok_and(|value| value.trim() == "0") {
        report.fail(
            &what,
            "IPv6 is on: the kernel sends neighbour and router solicitations",
            make,
        );
    }
    if flags & NOARP == 0 {
        report.warn(
            &what,
            "ARP is on: the kernel may answer for its addresses",
            make,
        );
    }
    if flags & MULTICAST != 0 {
        report.warn(&what, "multicast is on: group reports may be sent", make);
    }
    if addresses.is_empty() && flags & (NOARP | MULTICAST) == NOARP {
        report.ok(&what, "no addresses, no ARP, no multicast");
    }
}

/// Listens, and says whether conversations are seen in both directions and with their VLAN tags.
fn mirror(name: &str, listen: Duration, report: &mut Report) {
    let what = format!("{name} mirror");
    let opened = pcap::Capture::from_device(name)
        .and_then(|capture| capture.promisc(true).snaplen(256).timeout(100).open())
        .and_then(pcap::Capture::setnonblock);
    let mut capture = match opened {
        Ok(capture) => capture,
        Err(error) => {
            let mend =
                "run this as root, or give the sensor's user CAP_NET_RAW (the package's unit does)";
            return report.fail(&what, &format!("it cannot be listened on: {error}"), mend);
        }
    };
    let link = LinkType(u16::try_from(capture.get_datalink().0).unwrap_or(u16::MAX));
    let mut ways: BTreeSet<(IpAddr, IpAddr, u16, u16)> = BTreeSet::new();
    let (mut frames, mut tagged) = (0_u64, 0_u64);
    let begun = Instant::now();
    while begun.elapsed() < listen {
        let Ok(frame) = capture.next_packet() else {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        };
        frames = frames.saturating_add(1);
        let packet = Packet::decode(link, frame.data);
        tagged = tagged.saturating_add(u64::from(packet.vlan.is_some()));
        if let Net::Ip(ip) = packet.net
            && let Transport::Tcp(tcp) = ip.transport
            && ways.len() < CONVERSATIONS
        {
            ways.insert((ip.source, ip.destination, tcp.source, tcp.destination));
        }
    }
    let seconds = listen.as_secs();
    if frames == 0 {
        let mend = "look at the mirror session of the switch, and at the cable";
        return report.warn(&what, &format!("nothing was heard for {seconds} s"), mend);
    }
    let answered = |way: &&(IpAddr, IpAddr, u16, u16)| ways.contains(&(way.1, way.0, way.3, way.2));
    let both = ways.iter().filter(answered).count();
    let found = format!(
        "{frames} frames in {seconds} s, {tagged} with a VLAN tag, {} directions of TCP, {both} of them answered",
        ways.len()
    );
    if ways.len() >= 4 && both.saturating_mul(4) < ways.len() {
        let mend = "mirror both directions (`both` / `rx tx`), or use a tap that joins them";
        report.fail(
            &what,
            &format!("{found}: it shows one direction only"),
            mend,
        );
    } else {
        report.ok(&what, &found);
    }
}

/// Makes an interface silent and fit to listen on. Says each thing it did.
pub fn mend(name: &str, report: &mut Report) {
    let what = format!("{name} mended");
    if flags(name).is_none() {
        return;
    }
    let addresses = addresses(name);
    let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    let routed = routes
        .lines()
        .any(|line| line.split_whitespace().next() == Some(name));
    if !addresses.is_empty() || routed {
        let found =
            "it has addresses or routes: this machine may be reached by it, so nothing was changed";
        let mend =
            format!("if it is only for listening: ip address flush dev {name}, then this again");
        return report.fail(&what, found, &mend);
    }
    let key = format!("net.ipv6.conf.{name}.disable_ipv6=1");
    let steps: [(&'static str, Vec<&str>); 2] = [
        ("sysctl", vec!["-qw", &key]),
        (
            "ip",
            vec![
                "link",
                "set",
                "dev",
                name,
                "arp",
                "off",
                "multicast",
                "off",
                "promisc",
                "on",
                "up",
            ],
        ),
    ];
    for (program, arguments) in steps {
        match tool::ask(program, &arguments) {
            Ok(_) => report.did(&what, &format!("{program} {}", arguments.join(" "))),
            Err(fault) => report.fail(
                &what,
                &fault.to_string(),
                "run this as root, with iproute2 and procps installed",
            ),
        }
    }
    match offload::turn_off(name) {
        Ok(done) if done.is_empty() => {}
        Ok(done) => report.did(
            &what,
            &format!("ethtool -K {name} {} off", done.join(" off ")),
        ),
        Err(fault) => report.warn(&what, &fault.to_string(), "apt-get install ethtool"),
    }
}

fn read(name: &str, file: &str) -> Option<String> {
    let text = std::fs::read_to_string(Path::new("/sys/class/net").join(name).join(file)).ok()?;
    Some(text.trim().to_owned())
}

fn flags(name: &str) -> Option<u32> {
    u32::from_str_radix(read(name, "flags")?.trim_start_matches("0x"), 16).ok()
}

/// The IP addresses that this machine has on the interface.
fn addresses(name: &str) -> Vec<String> {
    let listed = tool::ask("ip", &["-o", "address", "show", "dev", name]).unwrap_or_default();
    let addresses = listed.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        words.find(|word| *word == "inet" || *word == "inet6")?;
        words.next().map(str::to_owned)
    });
    addresses.collect()
}
