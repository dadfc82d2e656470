//! Which protocols to try where: the table of protocols, looked up by carrier.

use std::collections::BTreeMap;

use fossick_model::Direction;
use fossick_parsers::{Carrier, PROTOCOLS, Protocol};

use crate::flow::Side;

/// The protocols that are switched on.
pub(crate) struct Registry {
    by_carrier: BTreeMap<Carrier, Vec<&'static Protocol>>,
    /// By the first octet of the stream: those that may begin so.
    streams: Vec<Vec<&'static Protocol>>,
    datagrams: Vec<&'static Protocol>,
    openings: Vec<&'static Protocol>,
    tcp_ports: Ports,
    udp_ports: Ports,
    tcp_registered: Registered,
    udp_registered: Registered,
}

type Ports = BTreeMap<u16, Vec<&'static Protocol>>;

/// A bit for each port: asked for every new flow.
struct Registered(Box<[u64; 1024]>);

impl Registered {
    fn of(ports: &Ports) -> Registered {
        let mut registered = Registered(Box::new([0; 1024]));
        for port in ports.keys() {
            if let Some(word) = registered.0.get_mut(usize::from(port >> 6)) {
                *word |= 1 << (port & 63);
            }
        }
        registered
    }

    fn has(&self, port: u16) -> bool {
        let word = self.0.get(usize::from(port >> 6)).copied();
        word.unwrap_or_default() >> (port & 63) & 1 == 1
    }
}

impl Registry {
    /// Every protocol but those named.
    pub fn without(off: &[String]) -> Registry {
        let mut registry = Registry {
            by_carrier: BTreeMap::new(),
            streams: vec![Vec::new(); 256],
            datagrams: Vec::new(),
            openings: Vec::new(),
            tcp_ports: Ports::new(),
            udp_ports: Ports::new(),
            tcp_registered: Registered::of(&Ports::new()),
            udp_registered: Registered::of(&Ports::new()),
        };
        let on = |protocol: &&&'static Protocol| !off.iter().any(|name| name == protocol.name);
        for protocol in PROTOCOLS.iter().filter(on) {
            let carried = |wanted: fn(&Carrier) -> bool| protocol.carriers.iter().any(wanted);
            if carried(|carrier| matches!(carrier, Carrier::Tcp(_))) {
                for (first, streams) in (0..=u8::MAX).zip(&mut registry.streams) {
                    if protocol.may_begin(&[first]) {
                        streams.push(*protocol);
                    }
                }
            }
            if carried(|carrier| matches!(carrier, Carrier::Udp(_))) {
                registry.datagrams.push(protocol);
            }
            for carrier in protocol.carriers {
                let by_carrier = registry.by_carrier.entry(*carrier).or_default();
                by_carrier.push(protocol);
                match carrier {
                    Carrier::Tcp(port) => {
                        registry.tcp_ports.entry(*port).or_default().push(protocol);
                    }
                    Carrier::Udp(port) => {
                        registry.udp_ports.entry(*port).or_default().push(protocol);
                    }
                    _ => {}
                }
            }
        }
        registry.openings = registry.on(Carrier::TcpSyn).to_vec();
        registry.tcp_registered = Registered::of(&registry.tcp_ports);
        registry.udp_registered = Registered::of(&registry.udp_ports);
        registry
    }

    /// Those that read the opening segments of connections.
    pub fn openings(&self) -> &[&'static Protocol] {
        &self.openings
    }

    /// Those carried directly by this.
    pub fn on(&self, carrier: Carrier) -> &[&'static Protocol] {
        self.by_carrier
            .get(&carrier)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Stream protocols that may begin with this octet, those expected on either port first.
    pub fn streams(
        &self,
        first: u8,
        ports: (u16, u16),
    ) -> impl Iterator<Item = &'static Protocol> + use<'_> {
        let begun = self.streams.get(usize::from(first));
        expected_first(
            &self.tcp_ports,
            begun.map(Vec::as_slice).unwrap_or_default(),
            ports,
        )
    }

    /// Datagram protocols, those expected on either port first.
    pub fn datagrams(
        &self,
        ports: (u16, u16),
    ) -> impl Iterator<Item = &'static Protocol> + use<'_> {
        expected_first(&self.udp_ports, &self.datagrams, ports)
    }

    /// Which side opened a conversation of which the beginning was not seen, going by ports and by who is heard first; and
    /// what that is worth.
    pub fn likely_client(
        &self,
        protocol: u8,
        ports: (u16, u16),
        sender: Side,
    ) -> (Side, Direction) {
        /// Clients take ports from here on (Linux; others, RFC 6335 §6 among them, from 49152 on).
        const DYNAMIC: u16 = 32_768;
        const UDP: u8 = 17;
        let registered = match protocol {
            6 => &self.tcp_registered,
            _ => &self.udp_registered,
        };
        let known = |port: u16| registered.has(port);
        let (source, destination) = ports;
        let from_client = match (known(source), known(destination)) {
            (true, false) => false,
            (false, true) => true,
            _ => source >= destination,
        };
        let client = if from_client { sender } else { sender.other() };
        let told = |of: &dyn Fn(u16) -> bool| of(source) != of(destination);
        // In the order in which they are worth more.
        let clearly = told(&known) || told(&|port| port < 1024) || told(&|port| port >= DYNAMIC);
        if clearly {
            return (client, Direction::Ports);
        }
        // Datagrams between two ports of clients are as likely a part of something that was agreed on elsewhere.
        if protocol == UDP && destination < DYNAMIC {
            return (sender, Direction::Asked);
        }
        (client, Direction::Unknown)
    }
}

fn expected_first<'r>(
    ports: &'r Ports,
    all: &'r [&'static Protocol],
    (source, destination): (u16, u16),
) -> impl Iterator<Item = &'static Protocol> + use<'r> {
    let on = |port: u16| ports.get(&port).map(Vec::as_slice).unwrap_or_default();
    let (here, there) = (on(destination), on(source));
    let rest = all.iter().filter(move |protocol| {
        let expected = |p: &&'static Protocol| std::ptr::eq(*p, **protocol);
        !here.iter().any(expected) && !there.iter().any(expected)
    });
    let second = there
        .iter()
        .filter(move |p| !here.iter().any(|q| std::ptr::eq(*q, **p)));
    here.iter().chain(second).chain(rest).copied()
}
