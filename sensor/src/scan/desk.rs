//! Listens to our own conversations while questions are put, and knows what was said so far.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use fossick_engine::{ASKED, Batch, Engine, FrameIndex, Inventory};
use fossick_fingerprints::Fingerprints;
use fossick_model::{
    Asset, DISTURBED, Disturbance, Finding, Frames, Kind, Network, Request, Shown,
};
use fossick_parsers::Mac;
use fossick_scan::plan::{Planned, Said, missing};
use fossick_scan::{
    Desk, Disturbed, Event, Interface, Known, LEARN, Marked, Observer, Outcome, Question, Shot,
    Stop, To, Unsealed,
};

use crate::capture::PcapngWriter;
use crate::client::Sensor;
use crate::config::{self, Config, Zoning};
use crate::live::Listener;
use crate::run::{Heard, clock};

use super::marks::Marks;
use super::unsealed;

/// Batches of frames that may wait.
const HEARD: usize = 16;
/// What is known is put together again after so long, if anything was heard.
const REFRESH: Duration = Duration::from_millis(500);
/// The last answers are waited for so long: the kernel hands frames over more often.
const LAST: Duration = Duration::from_millis(300);
/// Disturbances that are told.
const DISTURBANCES: usize = 1024;
/// The sensor knows within this of a host whose answers were handed over.
const TAKEN: Duration = Duration::from_secs(10);
/// Octets of our conversations that are kept for the sensor.
const KEPT: usize = 64 << 20;

/// What is known of a host.
#[derive(Debug, Clone, Default)]
pub struct Host {
    /// What it said.
    pub said: Said,
    /// What it is.
    pub kind: Option<Kind>,
    /// Its zone.
    pub zone: Option<String>,
    /// Who made it, what it is and which version it runs is known.
    pub complete: bool,
    /// Why it must not be touched.
    pub marked: Vec<Marked>,
    /// Its one hardware address.
    pub mac: Option<Mac>,
}

/// What is known of hosts, by address.
pub type Hosts = BTreeMap<IpAddr, Host>;

/// Takes in what assets say of themselves.
pub fn learn(
    hosts: &mut Hosts,
    assets: &[Asset],
    config: &Config,
    zoning: &Zoning,
    marks: &mut Marks,
) {
    for asset in assets {
        let Some(addresses) = &asset.addresses else {
            continue;
        };
        let v4 = addresses.ipv4.iter().map(|ip| IpAddr::V4(*ip));
        let v6 = addresses.ipv6.iter().map(|ip| IpAddr::V6(*ip));
        let ips: Vec<IpAddr> = v4.chain(v6).collect();
        let zone = zoning.zone(&asset.vlans, &ips);
        let zone = zone.and_then(|number| config.zones.get(number));
        let marked = marks.of(asset);
        let mac = match addresses.mac.as_slice() {
            [mac] => mac_of(mac),
            _ => None,
        };
        for ip in &ips {
            let host = hosts.entry(*ip).or_default();
            let own = std::iter::once(asset).chain(&asset.children);
            for observation in own.flat_map(|part| &part.observations) {
                host.said.keys.insert(observation.key.clone().into_owned());
            }
            let spoken = asset.protocols.iter().map(|name| name.clone().into_owned());
            host.said.protocols.extend(spoken);
            host.complete |= is_complete(asset);
            host.kind = asset.kind.or(host.kind);
            host.zone = zone.map(|zone| zone.name.clone());
            // What was known of it once holds, also where less was said since.
            let fresh = marked.iter().filter(|mark| !host.marked.contains(mark));
            let fresh: Vec<Marked> = fresh.cloned().collect();
            host.marked.extend(fresh);
            host.mac = mac.or(host.mac);
        }
    }
}

fn mac_of(text: &str) -> Option<Mac> {
    let octets = text.split(':').map(|octet| u8::from_str_radix(octet, 16));
    let octets: Result<Vec<u8>, _> = octets.collect();
    octets.ok()?.try_into().ok().map(Mac)
}

/// Whether nothing that a question could tell is missing of what is wanted of every device.
fn is_complete(asset: &Asset) -> bool {
    let model = asset.model.is_some() || asset.product.is_some();
    let version = asset.firmware.is_some() || asset.os_version.is_some();
    asset.vendor.is_some() && model && version
}

/// One question that was put.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Whom.
    pub to: To,
    /// Protocol and name.
    pub question: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// Listens, reads and remembers.
pub struct Ear {
    config: Config,
    marks: Marks,
    zoning: Zoning,
    interface: Interface,
    hosts: Hosts,
    engine: Engine,
    inventory: Inventory,
    fingerprints: Fingerprints,
    /// Numbers of the capture that holds our conversations, and of that which holds what others say to all.
    captures: (u32, u32),
    /// Number and name of the capture of what was unsealed.
    unsealing: (u32, String),
    heard: Receiver<Heard>,
    listener: Option<Listener>,
    stop_listening: Arc<AtomicBool>,
    observers: Vec<Observer>,
    /// A person asked for this.
    wanted: bool,
    /// The running sensor, which has every question in its journal.
    sensor: Option<Sensor>,
    stop: Stop,
    /// Hosts whose own cycles are watched.
    watched: BTreeSet<IpAddr>,
    /// Whose own traffic was disturbed, and the name of the capture that shows it.
    pub disturbed: Vec<(String, Disturbed)>,
    /// How many of those the sensor was told.
    told: usize,
    fresh: bool,
    refreshed: Instant,
    ticked: Instant,
    /// What was put so far.
    pub asked: Vec<Asked>,
    /// How many were not.
    pub refused: usize,
    /// Hosts that do not answer on their link.
    pub absent: Vec<IpAddr>,
    /// Frames of our conversations.
    kept: Vec<(FrameIndex, Vec<u8>)>,
    /// What was said to us in encrypted connections.
    unsealed: Vec<(FrameIndex, Vec<u8>)>,
    /// Of both.
    kept_octets: usize,
}

impl Ear {
    /// Starts to listen on the interface that asks.
    ///
    /// # Errors
    /// The system gives no thread, or the interface cannot be opened.
    pub fn open(
        config: &Config,
        interface: &Interface,
        (hosts, marks): (Hosts, Marks),
        fingerprints: Fingerprints,
        stop: &Stop,
    ) -> anyhow::Result<Ear> {
        let (to_us, heard) = sync_channel(HEARD);
        let stop_listening = Arc::new(AtomicBool::new(false));
        let filter = match interface.mac {
            Some(mac) => format!("ether host {mac} or ether multicast"),
            None => String::new(),
        };
        let listens = config::Interface {
            name: interface.name.clone(),
            ring_mib: 8,
            filter,
            snap: 65_535,
        };
        let listener = Listener::start(0, listens, to_us, Arc::clone(&stop_listening))?;
        let mut inventory = Inventory::new(config.locality(), false);
        let time = clock();
        let asked = inventory.capture(&format!("{ASKED}{} {time}", interface.name));
        let name = format!("{ASKED}unsealed/{} {time}", interface.name);
        let unsealing = (inventory.capture(&name), name);
        let passing = inventory.capture(&format!("{} {time}", interface.name));
        let begun = Instant::now();
        // Nothing is asked before the answer can be heard.
        loop {
            let state = crate::store::lock(&listener.status).state.clone();
            if state == "listening" {
                break;
            }
            if let Some(why) = state.strip_prefix("waiting: ") {
                stop_listening.store(true, Ordering::Relaxed);
                anyhow::bail!(
                    "listening on {}: {why} (scanning needs CAP_NET_RAW: run it as root)",
                    interface.name
                );
            }
            if begun.elapsed() > Duration::from_secs(5) {
                stop_listening.store(true, Ordering::Relaxed);
                anyhow::bail!("listening on {}: the system takes too long", interface.name);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(Ear {
            zoning: config.zoning(),
            config: config.clone(),
            marks,
            interface: interface.clone(),
            hosts,
            engine: Engine::for_assets(1, &config.detectors.off),
            inventory,
            fingerprints,
            captures: (asked, passing),
            unsealing,
            heard,
            listener: Some(listener),
            stop_listening,
            observers: Vec::new(),
            wanted: true,
            sensor: None,
            stop: stop.clone(),
            watched: BTreeSet::new(),
            disturbed: Vec::new(),
            told: 0,
            fresh: false,
            refreshed: begun,
            ticked: begun,
            asked: Vec::new(),
            refused: 0,
            absent: Vec::new(),
            kept: Vec::new(),
            unsealed: Vec::new(),
            kept_octets: 0,
        })
    }

    /// Nobody asked for this but the configuration.
    pub fn fills_gaps(&mut self) {
        self.wanted = false;
    }

    /// Has every question written down by a running sensor, which is told that what it hears of us was asked for.
    ///
    /// # Errors
    /// It refuses: whoever scans needs the rights of an operator.
    pub fn report_to(&mut self, mut sensor: Sensor) -> anyhow::Result<()> {
        if let Some(mac) = self.interface.mac {
            let mac = mac.to_string();
            sensor.ask(&Request::Asking { mac })?;
        }
        self.sensor = Some(sensor);
        Ok(())
    }

    /// Hands what was said to us over to the sensor.
    ///
    /// # Errors
    /// It hung up, or refuses.
    pub fn hand_over(&mut self) -> anyhow::Result<Option<Sensor>> {
        let Some(sensor) = self.sensor.as_mut() else {
            return Ok(None);
        };
        let asked = format!("{ASKED}{} {}", self.interface.name, clock());
        let captures = [
            (asked, &self.kept),
            (self.unsealing.1.clone(), &self.unsealed),
        ];
        for (name, frames) in captures.into_iter().filter(|(_, kept)| !kept.is_empty()) {
            let mut octets = Vec::new();
            let mut writer = PcapngWriter::new(&mut octets)?;
            for (frame, data) in frames {
                writer.write(frame, data, "")?;
            }
            writer.finish()?;
            sensor.send(&Request::Ingest { name })?;
            sensor.upload(&mut octets.as_slice())?;
            sensor.reply()?;
        }
        self.tell_watched()?;
        Ok(self.sensor.take())
    }

    /// Tells the sensor whose own traffic was disturbed. It may not know the host yet: then it is told later.
    fn tell_disturbed(&mut self) {
        while let (Some((capture, disturbed)), Some(sensor)) =
            (self.disturbed.get(self.told), self.sensor.as_mut())
        {
            let disturbance = Disturbance {
                peer: disturbed.peer.to_string(),
                why: disturbed.to_string(),
                capture: capture.clone(),
                frames: disturbed.shown.iter().map(|shot| shot.frame).collect(),
            };
            let request = Request::Watched {
                host: disturbed.host.to_string(),
                disturbed: Some(disturbance),
            };
            let told = capture_of(&disturbed.shown).and_then(|octets| {
                sensor.send(&request)?;
                sensor.upload(&mut octets.as_slice())?;
                sensor.reply()
            });
            if told.is_err() {
                return;
            }
            self.told = self.told.saturating_add(1);
        }
    }

    /// The last that the sensor is told: what it did not take before, and who was asked and left in peace.
    fn tell_watched(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.told < self.disturbed.len() {
            self.tell_disturbed();
            if begun.elapsed() > TAKEN {
                anyhow::bail!("it does not know a host whose own traffic was disturbed");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let Some(sensor) = self.sensor.as_mut() else {
            return Ok(());
        };
        let asked: BTreeSet<To> = self.asked.iter().map(|asked| asked.to).collect();
        for host in &self.watched {
            let disturbed = self.disturbed.iter().any(|(_, one)| one.host == *host);
            if asked.contains(&To::Host(*host)) && !disturbed {
                let request = Request::Watched {
                    host: host.to_string(),
                    disturbed: None,
                };
                sensor.ask(&request)?;
            }
        }
        Ok(())
    }

    /// Has one question written down. Where that cannot be, nothing more is asked.
    fn write_down(&mut self, asked: &Asked) {
        let Some(sensor) = &mut self.sensor else {
            return;
        };
        let request = Request::Asked {
            to: asked.to.to_string(),
            question: asked.question.clone(),
            outcome: asked.outcome.to_string(),
        };
        if let Err(error) = sensor.ask(&request) {
            super::tell(&format!(
                "the sensor does not write down what is asked, so nothing more is: {error:#}"
            ));
            self.sensor = None;
            self.stop.flag().store(true, Ordering::Relaxed);
        }
    }

    /// Listens to the hosts' own traffic wherever a sensor would, and learns its cycles before anything is asked.
    pub fn observe(&mut self, hosts: &[IpAddr], stop: &Stop) {
        let own: Vec<IpAddr> = self
            .interface
            .addresses
            .iter()
            .map(|(own, _)| *own)
            .collect();
        let names = self
            .config
            .interfaces
            .iter()
            .map(|interface| interface.name.as_str());
        for name in names.filter(|name| *name != self.interface.name) {
            match Observer::start(name, hosts.to_vec(), own.clone()) {
                Ok(observer) => self.observers.push(observer),
                Err(why) => super::tell(&format!("{name} is not listened on meanwhile: {why}")),
            }
        }
        self.introduce();
        if self.observers.is_empty() || stop.wait(LEARN) {
            return;
        }
        for observer in &self.observers {
            self.watched.extend(observer.watched());
        }
        for observer in &self.observers {
            let cycles = observer.learnt();
            super::tell(&format!(
                "{}: {cycles} cycles of theirs are watched",
                observer.interface
            ));
            observer.asking();
        }
    }

    /// Tells whoever watches which hardware addresses hosts have.
    fn introduce(&self) {
        for (address, host) in &self.hosts {
            if let Some(mac) = host.mac {
                for observer in &self.observers {
                    observer.knows(mac, *address);
                }
            }
        }
    }

    /// Reads what was captured meanwhile.
    fn read(&mut self) {
        while let Ok(heard) = self.heard.try_recv() {
            let Heard::Frames { mut batch, .. } = heard else {
                continue;
            };
            self.sort(&mut batch);
            self.engine.read(&Arc::new(batch), &mut self.inventory);
            self.fresh = true;
        }
        if self.ticked.elapsed() >= Duration::from_secs(1) {
            self.ticked = Instant::now();
            self.engine.tick(clock(), &mut self.inventory);
        }
    }

    /// Reads what was said to us in an encrypted connection.
    fn unseal(&mut self, to: To, unsealed: &Unsealed) {
        let To::Host(host) = to else { return };
        let alike = |own: &&(IpAddr, Network)| own.0.is_ipv4() == host.is_ipv4();
        let Some((own, _)) = self.interface.addresses.iter().find(alike) else {
            return;
        };
        let from = SocketAddr::new(host, unsealed.port);
        let own = SocketAddr::new(*own, unsealed.own_port);
        let number = self.unsealed.len().saturating_add(1) as u64;
        let place = (self.unsealing.0, number, clock());
        let Some((index, packet)) = unsealed::said(from, own, &unsealed.octets, place) else {
            return;
        };
        let batch = Arc::new(unsealed::batch(index, &packet));
        self.engine.read(&batch, &mut self.inventory);
        self.fresh = true;
        if self.kept_octets.saturating_add(packet.len()) <= KEPT {
            self.kept_octets = self.kept_octets.saturating_add(packet.len());
            self.unsealed.push((index, packet));
        }
    }

    /// Tells what was asked for from what others say to everybody.
    fn sort(&mut self, batch: &mut Batch) {
        let own = self.interface.mac;
        let mut ours = Vec::new();
        for position in 0..batch.frames.len() {
            let Some(frame) = batch.frame(position) else {
                continue;
            };
            // Where there are no hardware addresses, there is nobody else.
            let is_ours = own.is_none_or(|own| is_of(frame.octets, own.0));
            if is_ours && self.kept_octets.saturating_add(frame.octets.len()) <= KEPT {
                self.kept_octets = self.kept_octets.saturating_add(frame.octets.len());
                self.kept.push((frame.index, frame.octets.to_vec()));
            }
            ours.push(is_ours);
        }
        for (frame, ours) in batch.frames.iter_mut().zip(ours) {
            frame.capture = if ours {
                self.captures.0
            } else {
                self.captures.1
            };
        }
    }

    /// Puts together again what is known, if that is due.
    fn refresh(&mut self) {
        if self.fresh && self.refreshed.elapsed() >= REFRESH {
            let assets = self.inventory.assets(&self.fingerprints, false);
            let marks = &mut self.marks;
            learn(&mut self.hosts, &assets, &self.config, &self.zoning, marks);
            self.introduce();
            self.fresh = false;
            self.refreshed = Instant::now();
        }
    }

    /// Waits for the last answers, and takes in what they say.
    pub fn settle(&mut self) {
        let begun = Instant::now();
        while begun.elapsed() < LAST {
            self.read();
            std::thread::sleep(Duration::from_millis(10));
        }
        self.fresh = true;
        self.refreshed = self
            .refreshed
            .checked_sub(REFRESH)
            .unwrap_or(self.refreshed);
        self.refresh();
    }

    /// Waits for the last answers, and says what it came to: the assets that answered, without ourselves.
    pub fn finish(&mut self) -> Vec<Asset> {
        let begun = Instant::now();
        while begun.elapsed() < LAST {
            self.read();
            std::thread::sleep(Duration::from_millis(10));
        }
        self.stop_listening.store(true, Ordering::Relaxed);
        if let Some(listener) = self.listener.take() {
            // What it still has is taken from it until it ends.
            std::thread::sleep(Duration::from_millis(100));
            self.read();
            listener.join();
        }
        self.read();
        self.engine.finish(&mut self.inventory);
        let mut assets = self.inventory.assets(&self.fingerprints, false);
        assets.retain(|asset| !self.is_own(asset));
        for (capture, disturbed) in &self.disturbed {
            let of = |asset: &&mut Asset| has(asset, disturbed.host);
            if let Some(asset) = assets.iter_mut().find(of) {
                let finding = finding(asset, capture, disturbed);
                asset.findings.push(finding);
            }
        }
        assets
    }

    fn is_own(&self, asset: &Asset) -> bool {
        let Some(addresses) = &asset.addresses else {
            return false;
        };
        let own = self.interface.mac.map(|mac| mac.to_string());
        let v4 = addresses.ipv4.iter().map(|ip| IpAddr::V4(*ip));
        let v6 = addresses.ipv6.iter().map(|ip| IpAddr::V6(*ip));
        let mut ips = v4.chain(v6);
        ips.any(|ip| self.interface.is_own(ip))
            || own.is_some_and(|own| addresses.mac.contains(&own))
    }
}

fn has(asset: &Asset, ip: IpAddr) -> bool {
    asset.addresses.as_ref().is_some_and(|addresses| match ip {
        IpAddr::V4(ip) => addresses.ipv4.contains(&ip),
        IpAddr::V6(ip) => addresses.ipv6.contains(&ip),
    })
}

/// That a host's own traffic was disturbed while it was asked.
fn finding(asset: &Asset, capture: &str, disturbed: &Disturbed) -> Finding {
    Finding {
        id: fossick_risk::finding_id(asset, DISTURBED, &disturbed.peer.to_string()),
        rule: DISTURBED.to_owned(),
        title: "Its own traffic was disturbed while it was asked".to_owned(),
        why: disturbed.to_string(),
        confidence: 100,
        priority: "attend".to_owned(),
        state: "open".to_owned(),
        evidence: vec![Shown {
            capture: capture.to_owned(),
            frames: Frames::Several(disturbed.shown.iter().map(|shot| shot.frame).collect()),
        }],
        ..Finding::default()
    }
}

/// The frames that show a disturbance, as a capture.
fn capture_of(shown: &[Shot]) -> anyhow::Result<Vec<u8>> {
    let mut octets = Vec::new();
    let mut writer = PcapngWriter::new(&mut octets)?;
    for shot in shown {
        let index = FrameIndex {
            capture: 0,
            number: shot.frame,
            time: shot.time,
            link: shot.link,
            block: 0,
            start: 0,
            length: u32::try_from(shot.octets.len()).unwrap_or(u32::MAX),
            original: shot.original,
        };
        writer.write(&index, &shot.octets, "")?;
    }
    writer.finish()?;
    Ok(octets)
}

/// Whether this hardware address sent or is to receive a frame.
pub fn is_of(octets: &[u8], own: [u8; 6]) -> bool {
    octets.get(..6) == Some(&own) || octets.get(6..12) == Some(&own)
}

impl Desk for Ear {
    fn known(&mut self, question: &Question) -> Known {
        let To::Host(address) = question.to else {
            return Known {
                wanted: self.wanted,
                ..Known::default()
            };
        };
        let host = self.hosts.get(&address);
        let speaks = |host: &Host| host.said.protocols.contains(question.protocol.name);
        Known {
            zone: host.and_then(|host| host.zone.clone()),
            kind: host.and_then(|host| host.kind),
            heard: host.is_some_and(speaks),
            wanted: self.wanted,
            router: self.interface.router_towards(address),
            marked: host.map(|host| host.marked.clone()).unwrap_or_default(),
        }
    }

    fn is_missing(&mut self, planned: &Planned) -> bool {
        self.refresh();
        let probe = planned.question.probe;
        let To::Host(address) = planned.question.to else {
            return true;
        };
        if let Some(about) = planned.question.about {
            let about = self.hosts.get(&about);
            return about.is_some_and(|host| !missing(probe, &host.said).is_empty());
        }
        let Some(host) = self.hosts.get(&address) else {
            return true;
        };
        if host.complete && !host.said.protocols.contains(planned.question.protocol.name) {
            return false;
        }
        // Units of their own are asked one by one.
        !planned.question.settings.is_empty()
            || probe.asks.is_empty()
            || !missing(probe, &host.said).is_empty()
    }

    fn minute_of_week(&mut self) -> u16 {
        minute_of_week()
    }

    fn disturbed(&mut self) -> Vec<IpAddr> {
        self.read();
        let mut hosts = Vec::new();
        for observer in &self.observers {
            for disturbed in observer.disturbed() {
                hosts.push(disturbed.host);
                if self.disturbed.len() < DISTURBANCES {
                    super::tell(&format!("{disturbed}: its questions end"));
                    self.disturbed.push((observer.capture.clone(), disturbed));
                }
            }
        }
        self.tell_disturbed();
        hosts
    }

    fn happened(&mut self, event: Event<'_>) {
        match event {
            Event::Asked(spent) => {
                let question = spent.receipt.question();
                let asked = Asked {
                    to: question.to,
                    question: question.name(),
                    outcome: spent.outcome,
                };
                self.write_down(&asked);
                self.asked.push(asked);
                if let Some(unsealed) = &spent.unsealed {
                    self.unseal(question.to, unsealed);
                }
            }
            Event::Refused(question, refusal, others) => {
                let and = match others {
                    0 => String::new(),
                    others => format!(" and {others} more"),
                };
                let name = question.name();
                super::tell(&format!(
                    "{}: {name}{and} not asked: {refusal}",
                    question.to
                ));
                self.refused = self.refused.saturating_add(others).saturating_add(1);
            }
            Event::Absent(address) => self.absent.push(address),
            Event::Dropped(_) => {}
        }
    }
}

/// Minute of the week by the machine's clock and in its time zone, Monday 00:00 being 0.
pub fn minute_of_week() -> u16 {
    let now = jiff::Zoned::now();
    let day = i16::from(now.weekday().to_monday_zero_offset());
    let minute = day
        .saturating_mul(24 * 60)
        .saturating_add(i16::from(now.hour()).saturating_mul(60))
        .saturating_add(now.minute().into());
    u16::try_from(minute).unwrap_or_default()
}
