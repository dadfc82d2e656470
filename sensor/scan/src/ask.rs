//! Spends a permit: puts one question, waits for what is said, and takes leave.
//!
//! TCP connections are opened whole, used by one question, and closed by a FIN after what the host still has to say was read:
//! unread octets would make the kernel send a reset. Time and size of every answer are bounded.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use fossick_parsers::{
    Carrier, Cut, Hole, Key, Message, Out, Piece, Probe, Protocol, Role, Statement, Step, Until,
};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::Ipv6RecvErr;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::fill::{Known, octets_of};
use crate::governor::{Outcome, Permit, Spent, To, Unsealed};
use crate::groups;
use crate::handshake::Handshake;
use crate::interface::Interface;
use crate::link::Link;
use crate::stop::{LOOK, Stop};

/// A connection must be answered within this: before TCP would repeat its opening (RFC 6298 §2: one second).
pub const CONNECT: Duration = Duration::from_millis(950);
/// The first octets of an answer must come within this.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// Datagrams that one host answers must come within this: most hosts say nothing to what they do not speak.
pub const DATAGRAM: Duration = Duration::from_secs(1);
/// Neighbour discovery takes so long to find that nobody has an address: three solicitations, a second apart (RFC 4861 §10).
pub const SOLICITED: Duration = Duration::from_millis(3500);
/// The protocol of IPv6 in which hosts are looked for.
const ICMPV6: u8 = 58;
/// All steps of a question together may take so long.
pub const LONGEST: Duration = Duration::from_secs(6);
/// A host may take so long to close its side after we closed ours.
pub const CLOSING: Duration = Duration::from_millis(500);
/// Octets of all answers to one question.
pub const ANSWER: usize = 256 * 1024;
/// Octets of one message of an answer.
pub const MESSAGE: usize = 64 * 1024;
/// Datagrams that are taken as answers to a question to many.
pub const DATAGRAMS: usize = 4096;
/// Frames that TCP may send again, of a question, where nobody acknowledges: it does so at 200, 400 … ms, until
/// [`PATIENCE`] is over, and once more as a probe.
pub const REPEATED: u16 = 5;
/// Frames by which the kernel finds a host's hardware address for us (three requests, and three to see whether it is still there).
pub const NEIGHBOUR: u16 = 6;

/// Puts the question of a permit.
#[must_use]
pub fn put(permit: Permit, interface: &Interface, stop: &Stop) -> Spent {
    let stop = &stop.or(permit.withdrawn());
    let mut asking = Asking {
        to: permit.question().to,
        about: permit.question().about,
        protocol: permit.question().protocol,
        probe: permit.question().probe,
        packet_gap: permit.packet_gap(),
        interface,
        stop,
        own_port: 0,
        begun: Instant::now(),
        answers: Vec::new(),
        octets: 0,
        told: false,
        sent: Vec::new(),
        unsealed: None,
    };
    let settings = &permit.question().settings;
    let outcome = match asking.probe.carrier {
        Carrier::Tcp(port) => asking.tcp(port, settings),
        Carrier::Udp(port) => asking.udp(port, settings),
        Carrier::Ip(number) => asking.raw(number, settings),
        Carrier::EtherType(_) => asking.link(settings),
        // What else there is cannot be asked in.
        _ => Ok(Outcome::Abandoned),
    };
    let outcome = outcome.unwrap_or_else(|error| match outcome_of(&error) {
        // What is not acknowledged in time is an error of the connection.
        Outcome::Silent if matches!(asking.probe.carrier, Carrier::Tcp(_)) => Outcome::Mute,
        outcome => outcome,
    });
    let outcome = if stop.is_set() && !asking.told {
        Outcome::Abandoned
    } else {
        outcome
    };
    let (sent, unsealed) = (asking.sent, asking.unsealed);
    Spent {
        receipt: permit.spend(),
        outcome,
        sent,
        unsealed,
    }
}

fn outcome_of(error: &io::Error) -> Outcome {
    match error.kind() {
        ErrorKind::ConnectionRefused => Outcome::Closed,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            Outcome::Reset
        }
        ErrorKind::TimedOut
        | ErrorKind::WouldBlock
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable => Outcome::Silent,
        _ => Outcome::Abandoned,
    }
}

/// Whether there is merely nothing to read yet.
fn is_too_early(error: &io::Error) -> bool {
    let kind = error.kind();
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// Opens a connection. False if it was stopped meanwhile.
fn connect(socket: &Socket, address: SocketAddr, stop: &Stop) -> io::Result<bool> {
    socket.set_nonblocking(true)?;
    let begun = Instant::now();
    match socket.connect(&address.into()) {
        Ok(()) => {}
        // EINPROGRESS of connect(2).
        Err(error) if error.raw_os_error() == Some(115) || is_too_early(&error) => {}
        Err(error) => return Err(error),
    }
    loop {
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
        if socket.peer_addr().is_ok() {
            return Ok(true);
        }
        if stop.is_set() {
            return Ok(false);
        }
        if begun.elapsed() >= CONNECT {
            return Err(ErrorKind::TimedOut.into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Messages that are waited for at most.
fn most(until: Until) -> usize {
    match until {
        Until::Answer => 1,
        Until::Answers(count) | Until::Told(count) => count,
        Until::Quiet => usize::MAX,
        Until::Sent => 0,
    }
}

/// Octets of a handshake that are composed while it goes on; none where a question has no such.
fn handshake_octets(probe: &Probe) -> usize {
    let pieces = probe.steps.iter().flat_map(|step| step.sends);
    let lengths = pieces.filter_map(|piece| match piece {
        Piece::Hole(Hole::Handshake { length }, _) => Some(*length),
        _ => None,
    });
    lengths.sum()
}

struct Asking<'a> {
    to: To,
    about: Option<IpAddr>,
    protocol: &'static Protocol,
    probe: &'static Probe,
    packet_gap: Duration,
    interface: &'a Interface,
    stop: &'a Stop,
    own_port: u16,
    begun: Instant,
    /// The answer to each step so far.
    answers: Vec<Vec<u8>>,
    /// Octets read in all.
    octets: usize,
    /// Something of what was asked was said.
    told: bool,
    sent: Vec<Vec<u8>>,
    unsealed: Option<Unsealed>,
}

/// How waiting for messages ended.
enum Heard {
    /// As many as were waited for.
    Enough,
    /// The host closed its side.
    Closed,
    /// What came is not of this protocol.
    Foreign,
    /// Nothing, or not enough, in time.
    Late,
    /// Too much.
    Endless,
    /// We stop.
    Stopped,
}

impl Asking<'_> {
    fn target(&self) -> IpAddr {
        match self.to {
            To::Host(address) => address,
            To::Segment(network) => network.address(),
        }
    }

    fn octets(&mut self, step: &Step, settings: &crate::Settings) -> Option<Vec<u8>> {
        let octets = octets_of(
            step,
            &Known {
                target: self.target(),
                about: self.about,
                interface: self.interface,
                settings,
                own_port: self.own_port,
                answers: &self.answers,
            },
        )?;
        self.sent.push(octets.clone());
        Some(octets)
    }

    /// Time that is left for the question.
    fn left(&self) -> Duration {
        LONGEST.saturating_sub(self.begun.elapsed())
    }

    fn socket(&self, kind: Type, protocol: Option<socket2::Protocol>) -> io::Result<Socket> {
        let domain = match self.target() {
            IpAddr::V4(_) => Domain::IPV4,
            IpAddr::V6(_) => Domain::IPV6,
        };
        let socket = Socket::new(domain, kind, protocol)?;
        socket.bind_device(Some(self.interface.name.as_bytes()))?;
        Ok(socket)
    }

    fn tcp(&mut self, port: u16, settings: &crate::Settings) -> io::Result<Outcome> {
        let socket = self.socket(Type::STREAM, Some(socket2::Protocol::TCP))?;
        socket.set_tcp_nodelay(true)?;
        // What is not acknowledged by then is not sent again.
        socket.set_tcp_user_timeout(Some(PATIENCE))?;
        let address = SocketAddr::new(self.target(), port);
        match connect(&socket, address, self.stop) {
            Ok(true) => {}
            Ok(false) => return Ok(Outcome::Abandoned),
            Err(error) if outcome_of(&error) == Outcome::Silent => return Ok(Outcome::Unopened),
            Err(error) => return Err(error),
        }
        socket.set_nonblocking(false)?;
        let mut stream = std::net::TcpStream::from(socket);
        self.own_port = stream.local_addr()?.port();
        let outcome = match handshake_octets(self.probe) {
            0 => self.converse(&mut stream, settings),
            most => self.shake_hands(&mut stream, port, most),
        };
        let closed = self.take_leave(&mut stream);
        match (outcome, closed) {
            (Ok(Outcome::Told(took)), _) => Ok(Outcome::Told(took)),
            (outcome, _) => outcome,
        }
    }

    /// All steps, in one connection.
    fn converse(
        &mut self,
        stream: &mut std::net::TcpStream,
        settings: &crate::Settings,
    ) -> io::Result<Outcome> {
        let mut took = None;
        let mut pending = Vec::new();
        let steps = self.probe.steps;
        for step in steps {
            if self.stop.wait(self.packet_gap) {
                return Ok(Outcome::Abandoned);
            }
            let Some(octets) = self.octets(step, settings) else {
                // The host gave too little to go on with.
                return Ok(Outcome::Unhelpful(self.begun.elapsed()));
            };
            let asked_at = Instant::now();
            if !octets.is_empty() {
                stream.write_all(&octets)?;
            }
            if step.until == Until::Sent {
                continue;
            }
            let (heard, answer) = self.hear(stream, &mut pending, step.until, &octets)?;
            if !answer.is_empty() && took.is_none() {
                took = Some(asked_at.elapsed());
            }
            let any = !answer.is_empty();
            self.answers.push(answer);
            let told = |asking: &Self| {
                let took = took.unwrap_or_else(|| asked_at.elapsed());
                if asking.told {
                    Outcome::Told(took)
                } else {
                    Outcome::Unhelpful(took)
                }
            };
            match heard {
                Heard::Enough => {}
                Heard::Late if step.until == Until::Quiet && any => {}
                Heard::Closed | Heard::Late if self.told => return Ok(told(self)),
                Heard::Closed => return Ok(Outcome::Reset),
                Heard::Foreign => return Ok(told(self)),
                Heard::Late if pending.is_empty() => return Ok(Outcome::Mute),
                Heard::Late | Heard::Endless => return Ok(Outcome::Endless),
                Heard::Stopped => return Ok(Outcome::Abandoned),
            }
        }
        let took = took.unwrap_or_default();
        Ok(if self.told {
            Outcome::Told(took)
        } else {
            Outcome::Unhelpful(took)
        })
    }

    /// A handshake of TLS 1.3, of so many octets of ours at most.
    fn shake_hands(
        &mut self,
        stream: &mut std::net::TcpStream,
        port: u16,
        most: usize,
    ) -> io::Result<Outcome> {
        let Some(mut handshake) = Handshake::with(self.target()) else {
            return Ok(Outcome::Abandoned);
        };
        stream.set_read_timeout(Some(LOOK))?;
        let asked_at = Instant::now();
        let mut took = None;
        let mut left = most;
        let mut goes_on = true;
        loop {
            let octets = handshake.say();
            if !octets.is_empty() {
                let Some(less) = left.checked_sub(octets.len()) else {
                    return Ok(Outcome::Abandoned);
                };
                left = less;
                if self.stop.wait(self.packet_gap) {
                    return Ok(Outcome::Abandoned);
                }
                stream.write_all(&octets)?;
                self.sent.push(octets);
            }
            if !goes_on || handshake.is_over() {
                break;
            }
            let mut room = [0; 4096];
            let patience = if took.is_none() { PATIENCE } else { LONGEST };
            let late = self.left().is_zero() || asked_at.elapsed() >= patience;
            match stream.read(&mut room) {
                _ if self.stop.is_set() => return Ok(Outcome::Abandoned),
                Ok(0) => break,
                Ok(length) => {
                    took.get_or_insert(asked_at.elapsed());
                    self.octets = self.octets.saturating_add(length);
                    if late || self.octets > ANSWER {
                        break;
                    }
                    goes_on = handshake.hear(room.get(..length).unwrap_or_default());
                }
                Err(error) if is_too_early(&error) && late => break,
                Err(error) if is_too_early(&error) => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(octets) = handshake.unsealed() {
            self.read_all(&octets);
            self.unsealed = Some(Unsealed {
                port,
                own_port: self.own_port,
                octets,
            });
        }
        Ok(match took {
            Some(took) if self.told => Outcome::Told(took),
            Some(_) if goes_on && !handshake.is_over() => Outcome::Endless,
            Some(took) => Outcome::Unhelpful(took),
            None if asked_at.elapsed() < PATIENCE => Outcome::Reset,
            None => Outcome::Mute,
        })
    }

    /// Reads messages that stand one behind the other.
    fn read_all(&mut self, mut octets: &[u8]) {
        let mut nth = 0_u32;
        while let Some(Ok(cut)) = self.cut(octets)
            && cut.length > 0
            && let Some((message, rest)) = octets.split_at_checked(cut.length)
        {
            self.read(message, &[], nth);
            nth = nth.saturating_add(1);
            octets = rest;
        }
    }

    /// Reads so many messages. What comes after them stays in `pending`.
    fn hear(
        &mut self,
        stream: &mut std::net::TcpStream,
        pending: &mut Vec<u8>,
        until: Until,
        asked: &[u8],
    ) -> io::Result<(Heard, Vec<u8>)> {
        let begun = Instant::now();
        let mut answer = Vec::new();
        let mut count = 0_usize;
        let mut told = false;
        let most = most(until);
        let is_enough =
            |count: usize, told: bool| count >= most || (told && matches!(until, Until::Told(_)));
        let mut skip = 0_u64;
        let mut nth = 0_u32;
        stream.set_read_timeout(Some(LOOK))?;
        loop {
            while !is_enough(count, told) {
                match self.cut(pending) {
                    Some(Ok(cut)) if cut.length > 0 => {
                        let rest = pending.split_off(cut.length.min(pending.len()));
                        let message = std::mem::replace(pending, rest);
                        told |= self.read(&message, asked, nth);
                        nth = nth.saturating_add(1);
                        count = count.saturating_add(1);
                        answer.extend(message);
                        skip = cut.skip;
                        let skipped = usize::try_from(skip).unwrap_or(usize::MAX);
                        let skipped = skipped.min(pending.len());
                        pending.drain(..skipped);
                        skip = skip.saturating_sub(skipped as u64);
                    }
                    Some(_) => return Ok((Heard::Foreign, answer)),
                    None => break,
                }
            }
            if is_enough(count, told) {
                return Ok((Heard::Enough, answer));
            }
            if pending.len() > MESSAGE || self.octets > ANSWER {
                return Ok((Heard::Endless, answer));
            }
            let patience = if count == 0 && pending.is_empty() {
                PATIENCE
            } else {
                LONGEST
            };
            if self.left().is_zero() || begun.elapsed() >= patience {
                return Ok((Heard::Late, answer));
            }
            if self.stop.is_set() {
                return Ok((Heard::Stopped, answer));
            }
            let mut room = [0; 4096];
            match stream.read(&mut room) {
                Ok(0) => return Ok((Heard::Closed, answer)),
                Ok(length) => {
                    let octets = room.get(..length).unwrap_or_default();
                    self.octets = self.octets.saturating_add(length);
                    let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(length);
                    skip = skip.saturating_sub(skipped as u64);
                    pending.extend_from_slice(octets.get(skipped..).unwrap_or_default());
                }
                Err(error) if is_too_early(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The first message of what was read; nothing where more is needed.
    fn cut(&self, pending: &[u8]) -> Option<Result<Cut, ()>> {
        if pending.is_empty() {
            return None;
        }
        let Some(frame) = self.protocol.frame else {
            return Some(Ok(Cut::whole(pending.len())));
        };
        match frame(pending) {
            Ok(cut) => Some(Ok(cut)),
            Err(nom::Err::Incomplete(_)) => None,
            Err(_) => Some(Err(())),
        }
    }

    /// Sees whether a message says anything of what was asked.
    fn read(&mut self, message: &[u8], asked: &[u8], nth: u32) -> bool {
        let message = Message {
            from: Role::Server,
            bytes: message,
            asked: Some(asked).filter(|asked| !asked.is_empty()),
            nth,
            ports: (0, 0),
            source: None,
        };
        let asks: &[Key] = self.probe.asks;
        // A question that asks for nothing in particular is answered by any answer, and one about somebody else also by one
        // that says that nothing is known of him.
        let mut told = asks.is_empty();
        if self.about.is_some() {
            let recognised = (self.protocol.recognise)(message.bytes);
            told = recognised.is_some_and(|found| found.from == Some(Role::Server));
        }
        let mut take = |statement: Statement<'_>| {
            if let Statement::Observation { key, .. } = statement {
                told |= asks.contains(&key);
            }
        };
        // What was said before a fault counts.
        let _ = (self.protocol.dissect)(message, &mut Out::new(&mut String::new(), &mut take));
        self.told |= told;
        told
    }

    /// Closes our side, and reads what the host still says until it closes its own.
    fn take_leave(&self, stream: &mut std::net::TcpStream) -> bool {
        if !self.stop.is_set() {
            std::thread::sleep(self.packet_gap);
        }
        if stream.shutdown(Shutdown::Write).is_err() {
            return false;
        }
        let begun = Instant::now();
        let mut left = ANSWER;
        let mut room = [0; 4096];
        while begun.elapsed() < CLOSING && left > 0 {
            match stream.read(&mut room) {
                Ok(0) => return true,
                Ok(length) => left = left.saturating_sub(length),
                Err(error) if is_too_early(&error) => {}
                Err(_) => return false,
            }
        }
        false
    }

    fn udp(&mut self, port: u16, settings: &crate::Settings) -> io::Result<Outcome> {
        let socket = self.socket(Type::DGRAM, Some(socket2::Protocol::UDP))?;
        let to = match self.to {
            To::Host(address) => SocketAddr::new(address, port),
            To::Segment(segment) => {
                let Some(group) = groups::of_port(port, segment) else {
                    return Ok(Outcome::Abandoned);
                };
                socket.set_broadcast(true)?;
                socket.set_multicast_ttl_v4(1)?;
                if let Some(own) = self.interface.address_v4() {
                    socket.set_multicast_if_v4(&own)?;
                    socket.bind(&SocketAddr::from((own, 0)).into())?;
                }
                SocketAddr::from((group, port))
            }
        };
        if matches!(self.to, To::Host(_)) {
            // The host's refusals reach us, and nobody else's datagrams do.
            socket.connect(&to.into())?;
        }
        let own = socket.local_addr()?.as_socket();
        self.own_port = own.map_or(0, |own| own.port());
        let whole = self.to;
        let send = |octets: &[u8]| match whole {
            To::Host(_) => socket.send(octets),
            To::Segment(_) => socket.send_to(octets, &SockAddr::from(to)),
        };
        self.datagrams(&socket, &send, 0, settings)
    }

    /// ICMP and the like: the kernel writes the IP header.
    fn raw(&mut self, number: u8, settings: &crate::Settings) -> io::Result<Outcome> {
        let protocol = socket2::Protocol::from(i32::from(number));
        let socket = self.socket(Type::RAW, Some(protocol))?;
        let To::Host(address) = self.to else {
            return Ok(Outcome::Abandoned);
        };
        socket.connect(&SocketAddr::new(address, 0).into())?;
        if number == ICMPV6 {
            // Otherwise the kernel keeps to itself that nobody was found (ipv6(7)).
            setsockopt(&socket, Ipv6RecvErr, &true)?;
        }
        let send = |octets: &[u8]| socket.send(octets);
        // Of IPv4, the header is handed over as well (raw(7)).
        let header = if address.is_ipv4() { 20 } else { 0 };
        match self.datagrams(&socket, &send, header, settings) {
            // Of IPv6 it comes before nobody but neighbour discovery says so.
            Err(error) if number == ICMPV6 && error.kind() == ErrorKind::HostUnreachable => {
                Ok(Outcome::Absent)
            }
            outcome => outcome,
        }
    }

    /// All steps, in datagrams from one socket.
    fn datagrams(
        &mut self,
        socket: &Socket,
        send: &dyn Fn(&[u8]) -> io::Result<usize>,
        header: usize,
        settings: &crate::Settings,
    ) -> io::Result<Outcome> {
        socket.set_read_timeout(Some(LOOK))?;
        let mut took = None;
        for (number, step) in self.probe.steps.iter().enumerate() {
            if number > 0 && self.stop.wait(self.packet_gap) {
                return Ok(Outcome::Abandoned);
            }
            let Some(octets) = self.octets(step, settings) else {
                return Ok(Outcome::Unhelpful(self.begun.elapsed()));
            };
            let asked_at = Instant::now();
            if !octets.is_empty() {
                send(&octets)?;
            }
            if step.until == Until::Sent {
                continue;
            }
            let patience = match (step.until, self.probe.carrier) {
                (Until::Quiet, _) => PATIENCE,
                (_, Carrier::Ip(ICMPV6)) => SOLICITED,
                _ => DATAGRAM,
            };
            let wanted = most(step.until).min(DATAGRAMS);
            let mut told = false;
            let mut heard = 0_usize;
            let mut first = Vec::new();
            while heard < wanted
                && !(told && matches!(step.until, Until::Told(_)))
                && asked_at.elapsed() < patience
                && !self.left().is_zero()
                && !self.stop.is_set()
            {
                let mut room = [0; 9216];
                let mut from = socket;
                let length = match from.read(&mut room) {
                    Ok(length) => length,
                    Err(error) if is_too_early(&error) => continue,
                    Err(error) => return Err(error),
                };
                let datagram = room.get(header..length).unwrap_or_default().to_vec();
                self.octets = self.octets.saturating_add(length);
                if self.octets > ANSWER {
                    return Ok(Outcome::Endless);
                }
                let nth = u32::try_from(heard).unwrap_or(u32::MAX);
                told |= self.read(&datagram, &octets, nth);
                took.get_or_insert(asked_at.elapsed());
                if heard == 0 {
                    first = datagram;
                }
                heard = heard.saturating_add(1);
            }
            self.answers.push(first);
            if self.stop.is_set() {
                return Ok(Outcome::Abandoned);
            }
            if heard == 0 {
                break;
            }
        }
        Ok(match took {
            Some(took) if self.told => Outcome::Told(took),
            Some(took) => Outcome::Unhelpful(took),
            // Answers to many may go to many: that none came here says nothing.
            None if matches!(self.to, To::Segment(_)) => Outcome::Waited,
            None => Outcome::Silent,
        })
    }

    fn link(&mut self, settings: &crate::Settings) -> io::Result<Outcome> {
        let Some(mut link) = Link::open(self.interface, self.protocol, self.probe.carrier) else {
            return Ok(Outcome::Abandoned);
        };
        let group = groups::on_link(self.probe.carrier);
        for step in self.probe.steps {
            let Some(octets) = self.octets(step, settings) else {
                return Ok(Outcome::Abandoned);
            };
            if self.stop.is_set() || !link.send(group, &octets) {
                return Ok(Outcome::Abandoned);
            }
            let asked_at = Instant::now();
            match self.to {
                To::Host(address) => {
                    if !link.hear(Some(address), CONNECT, self.stop) {
                        return Ok(Outcome::Silent);
                    }
                    self.told = true;
                    return Ok(Outcome::Told(asked_at.elapsed()));
                }
                To::Segment(_) => {
                    // The answers are read by whoever listens: here it is only waited.
                    if self.stop.wait(PATIENCE) {
                        return Ok(Outcome::Abandoned);
                    }
                }
            }
        }
        Ok(Outcome::Waited)
    }
}
