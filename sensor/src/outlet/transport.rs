//! A connection to a receiver, over TCP or TLS, that can tell whether everything sent on it was read.
//!
//! Syslog has no acknowledgement, and what TCP acknowledges is only in the receiver's kernel. But how a connection
//! *ends* says more. When we have sent our last octet and close our side, a receiver that has read to the end closes
//! its own, and nothing follows. A receiver that died or gave up with octets unread makes its kernel send a reset
//! instead (RFC 1122 §4.2.2.13), and so does one that was gone before the last octets arrived.
//! [`Connection::finish`] tells the two apart.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, sockopt};
use rustls::{ClientConfig, ClientConnection, IoState, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde::Deserialize;

/// Longest wait for one address of the receiver to answer, and for the TLS handshake.
const CONNECT: Duration = Duration::from_secs(10);

/// Longest time in which the receiver takes nothing, or leaves our close without an answer.
const STALLED: Duration = Duration::from_mins(1);

/// Longest wait between two looks at the stop flag.
const SLICE: Duration = Duration::from_millis(200);

/// Between two looks at a connection that is about to be closed by the kernel.
const CLOSING: Duration = Duration::from_millis(2);

/// Silence after which the kernel asks whether the receiver is still there, and the time between its questions.
const KEEP_ALIVE: (Duration, Duration, u32) = (Duration::from_secs(20), Duration::from_secs(10), 3);

/// Milliseconds that octets may stay unacknowledged before the kernel gives the connection up.
const UNACKNOWLEDGED: u32 = 60_000;

/// Where a receiver is: `tcp://10.0.0.5:514`, `tls://logs.example:6514`, `tls://[2001:db8::1]:6514`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Target {
    /// With TLS.
    pub tls: bool,
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// What is wrong with the address of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write tcp://HOST:PORT or tls://HOST:PORT, an IPv6 address in brackets")]
pub struct BadTarget;

impl TryFrom<String> for Target {
    type Error = BadTarget;

    fn try_from(text: String) -> Result<Target, BadTarget> {
        let (scheme, rest) = text.split_once("://").ok_or(BadTarget)?;
        let tls = match scheme {
            "tcp" => false,
            "tls" => true,
            _ => return Err(BadTarget),
        };
        let (host, port) = rest.rsplit_once(':').ok_or(BadTarget)?;
        let bare = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').ok_or(BadTarget)?,
            None if host.contains(':') => return Err(BadTarget),
            None => host,
        };
        let port = port.parse().map_err(|_| BadTarget)?;
        // What is no name and no address could not be checked against a certificate either.
        if port == 0 || ServerName::try_from(bare).is_err() {
            return Err(BadTarget);
        }
        Ok(Target {
            tls,
            host: bare.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Where the certificates for TLS are: PEM files, read for every connection, so that renewed ones count at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certificates {
    /// Who may vouch for the receiver.
    pub ca: Option<PathBuf>,
    /// What we show, and its key.
    pub own: Option<(PathBuf, PathBuf)>,
}

/// Why a connection was not made, or did not last.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// We are asked to stop.
    #[error("stopping")]
    Stopped,
    /// The host's name has no address.
    #[error("the name has no address: {}", plainly(.0))]
    Name(io::Error),
    /// A file of certificates cannot be used.
    #[error("{path}: {what}", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The network.
    #[error("{}", plainly(.0))]
    Network(io::Error),
    /// TLS.
    #[error("TLS: {0}")]
    Tls(rustls::Error),
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The receiver ended the connection.
    #[error("the receiver closed the connection")]
    Closed,
    /// The receiver is there but takes nothing.
    #[error("the receiver has read nothing for {} s", .0.as_secs())]
    Stalled(Duration),
    /// The receiver did not close its side after we closed ours, so that nobody knows what it has read.
    #[error("the receiver has not answered our close for {} s", .0.as_secs())]
    Unanswered(Duration),
}

/// What the system says, without its number.
fn plainly(error: &io::Error) -> String {
    match (error.raw_os_error(), error.kind()) {
        (Some(_), kind) if kind.to_string() != "uncategorized error" => kind.to_string(),
        _ => error.to_string(),
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        Broken::Network(error)
    }
}

impl From<rustix::io::Errno> for Broken {
    fn from(error: rustix::io::Errno) -> Broken {
        Broken::Network(error.into())
    }
}

impl From<rustls::Error> for Broken {
    fn from(error: rustls::Error) -> Broken {
        Broken::Tls(error)
    }
}

/// An open connection. It is never blocked for longer than it takes to see the stop flag.
#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
    tls: Option<ClientConnection>,
    /// Our side is closed: nothing can be answered any more.
    finishing: bool,
    stop: Arc<AtomicBool>,
}

impl Connection {
    /// Connects, and for TLS shakes hands: the receiver's certificate must be vouched for and bear its name.
    ///
    /// # Errors
    /// [`Broken`], of the last address where the name has several. Looking the name up may take as long as
    /// the system's resolver does.
    pub fn open(
        target: &Target,
        certificates: &Certificates,
        stop: &Arc<AtomicBool>,
    ) -> Result<Connection, Broken> {
        let addresses = (target.host.as_str(), target.port)
            .to_socket_addrs()
            .map_err(Broken::Name)?;
        let mut last = Broken::Timeout(CONNECT);
        for address in addresses {
            match dial(address, stop) {
                Ok(socket) => {
                    let tls = target.tls.then(|| client(target, certificates));
                    let mut connection = Connection {
                        socket,
                        tls: tls.transpose()?,
                        finishing: false,
                        stop: Arc::clone(stop),
                    };
                    connection.shake_hands()?;
                    return Ok(connection);
                }
                Err(Broken::Stopped) => return Err(Broken::Stopped),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn shake_hands(&mut self) -> Result<(), Broken> {
        let begun = Instant::now();
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            let events = if self.flush()? {
                PollFlags::IN
            } else {
                PollFlags::OUT
            };
            if !wait(&self.socket, events, SLICE, &self.stop)? && begun.elapsed() > CONNECT {
                return Err(Broken::Timeout(CONNECT));
            }
            self.listen()?;
        }
        Ok(())
    }

    /// Sends all of it. Says how long the receiver has taken nothing while it does not.
    ///
    /// # Errors
    /// [`Broken`]: nobody knows how much of it arrived.
    pub fn send(&mut self, mut octets: &[u8], waiting: &dyn Fn(Duration)) -> Result<(), Broken> {
        let mut progress = Instant::now();
        while !octets.is_empty() || self.tls.as_ref().is_some_and(|tls| tls.wants_write()) {
            let before = octets.len();
            match self.push(&mut octets) {
                Ok(true) => {
                    progress = Instant::now();
                    continue;
                }
                Ok(false) => {}
                // Why it is refused stands in what the receiver said before it closed.
                Err(error) => return Err(self.listen().err().unwrap_or(error)),
            }
            if octets.len() < before {
                progress = Instant::now();
            }
            wait(
                &self.socket,
                PollFlags::OUT | PollFlags::IN,
                SLICE,
                &self.stop,
            )?;
            self.listen()?;
            let idle = progress.elapsed();
            if idle > STALLED {
                return Err(Broken::Stalled(STALLED));
            }
            waiting(idle);
        }
        Ok(())
    }

    /// Hands over what the system takes now. Whether it took all that it was given.
    fn push(&mut self, octets: &mut &[u8]) -> Result<bool, Broken> {
        let Some(tls) = &mut self.tls else {
            return match self.socket.write(octets) {
                Ok(count) => {
                    *octets = octets.get(count..).unwrap_or_default();
                    Ok(octets.is_empty())
                }
                Err(error) if not_now(&error) => Ok(false),
                Err(error) => Err(error.into()),
            };
        };
        let count = tls.writer().write(octets)?;
        *octets = octets.get(count..).unwrap_or_default();
        self.flush()
    }

    /// Hands over what TLS has to say. Whether the system took all of it.
    fn flush(&mut self) -> Result<bool, Broken> {
        let Some(tls) = &mut self.tls else {
            return Ok(true);
        };
        while tls.wants_write() {
            match tls.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if not_now(&error) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// Reads what the receiver says, which syslog has no use for, and notices whether it is still there.
    ///
    /// # Errors
    /// [`Broken`]: it is not.
    pub fn listen(&mut self) -> Result<(), Broken> {
        if self.hear()? {
            Ok(())
        } else {
            Err(Broken::Closed)
        }
    }

    /// Whether more may come.
    fn hear(&mut self) -> Result<bool, Broken> {
        let mut octets = [0; 4096];
        // Somebody who talks without end shall not keep us from sending.
        for _ in 0..16 {
            let Some(tls) = &mut self.tls else {
                match self.socket.read(&mut octets) {
                    Ok(0) => return Ok(false),
                    Ok(_) => continue,
                    Err(error) if not_now(&error) => return Ok(true),
                    Err(error) => return Err(error.into()),
                }
            };
            match tls.read_tls(&mut self.socket) {
                Ok(0) => return Ok(false),
                Ok(_) => {
                    let read = tls.process_new_packets();
                    let closed = read.as_ref().is_ok_and(IoState::peer_has_closed);
                    while tls.reader().read(&mut octets).is_ok_and(|count| count > 0) {}
                    // The answer to a bad certificate, or to a new key.
                    let flushed = if self.finishing {
                        Ok(true)
                    } else {
                        self.flush()
                    };
                    read?;
                    flushed?;
                    if closed {
                        return Ok(false);
                    }
                }
                Err(error) if not_now(&error) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// Ends the connection, and proves that everything sent on it was read by whoever held its other end.
    ///
    /// # Errors
    /// [`Broken`]: it was not, or nobody knows.
    pub fn finish(mut self, waiting: &dyn Fn(Duration)) -> Result<(), Broken> {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
        self.send(&[], waiting)?;
        self.socket.shutdown(Shutdown::Write)?;
        self.finishing = true;
        let begun = Instant::now();
        let late = || match begun.elapsed() {
            idle if idle > STALLED => Err(Broken::Unanswered(STALLED)),
            idle => {
                waiting(idle);
                Ok(())
            }
        };
        // Until the other side is closed as well. TLS may end on a close_notify that the close itself is yet to follow.
        while self.hear()? {
            wait(&self.socket, PollFlags::IN, SLICE, &self.stop)?;
            late()?;
        }
        while self.socket.read(&mut [0; 4096]).map_or_else(
            |error| {
                if not_now(&error) {
                    Ok(true)
                } else {
                    Err(error)
                }
            },
            |count| Ok(count > 0),
        )? {
            wait(&self.socket, PollFlags::IN, SLICE, &self.stop)?;
            late()?;
        }
        // It may have been closed before our last octets arrived, and they be answered by a reset. The kernel lets go
        // of the address (`getpeername`: not connected) once our close is acknowledged, or the reset has come.
        while self.socket.peer_addr().is_ok() {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Broken::Stopped);
            }
            std::thread::sleep(CLOSING);
            late()?;
        }
        match self.socket.take_error()? {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    /// Ends the connection without waiting: nothing is known of what was read.
    pub fn leave(mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
        // It is over either way. What was not read here would be answered by a reset, which might cost the receiver
        // what it has not read yet.
        let _ = self.flush();
        let _ = self.hear();
        let _ = self.socket.shutdown(Shutdown::Write);
    }
}

fn not_now(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// Whether anything happened in that time.
fn wait(
    socket: &TcpStream,
    events: PollFlags,
    most: Duration,
    stop: &AtomicBool,
) -> Result<bool, Broken> {
    if stop.load(Ordering::Relaxed) {
        return Err(Broken::Stopped);
    }
    let most = Timespec::try_from(most).unwrap_or_default();
    match poll(&mut [PollFd::new(socket, events)], Some(&most)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn dial(address: SocketAddr, stop: &AtomicBool) -> Result<TcpStream, Broken> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    sockopt::set_socket_keepalive(&socket, true)?;
    let (idle, interval, count) = KEEP_ALIVE;
    sockopt::set_tcp_keepidle(&socket, idle)?;
    sockopt::set_tcp_keepintvl(&socket, interval)?;
    sockopt::set_tcp_keepcnt(&socket, count)?;
    sockopt::set_tcp_user_timeout(&socket, UNACKNOWLEDGED)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    let socket = TcpStream::from(socket);
    let begun = Instant::now();
    while !wait(&socket, PollFlags::OUT, SLICE, stop)? {
        if begun.elapsed() > CONNECT {
            return Err(Broken::Timeout(CONNECT));
        }
    }
    match socket.take_error()? {
        Some(error) => Err(error.into()),
        None => Ok(socket),
    }
}

/// Our end of TLS, made from the files as they are now.
fn client(target: &Target, certificates: &Certificates) -> Result<ClientConnection, Broken> {
    let name = ServerName::try_from(target.host.clone())
        .map_err(|_| rustls::Error::General("the host has no name to check".to_owned()))?;
    Ok(ClientConnection::new(
        Arc::new(configuration(certificates)?),
        name,
    )?)
}

/// Reads the files.
///
/// # Errors
/// [`Broken::File`], [`Broken::Tls`]: they cannot be used.
pub fn configuration(certificates: &Certificates) -> Result<ClientConfig, Broken> {
    let mut roots = RootCertStore::empty();
    if let Some(ca) = &certificates.ca {
        for certificate in chain(ca)? {
            roots.add(certificate)?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    match &certificates.own {
        Some((certificate, key)) => {
            let secret =
                PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
            Ok(builder.with_client_auth_cert(chain(certificate)?, secret)?)
        }
        None => Ok(builder.with_no_client_auth()),
    }
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Broken> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let chain = chain.map_err(|error| unusable(path, &error))?;
    if chain.is_empty() {
        return Err(Broken::File {
            path: path.to_owned(),
            what: "holds no certificate in PEM".to_owned(),
        });
    }
    Ok(chain)
}

fn unusable(path: &Path, error: &rustls_pki_types::pem::Error) -> Broken {
    Broken::File {
        path: path.to_owned(),
        what: match error {
            rustls_pki_types::pem::Error::Io(error) => match error.kind() {
                io::ErrorKind::NotFound => "there is no such file".to_owned(),
                _ => plainly(error),
            },
            other => other.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn listener() -> (TcpListener, Target) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = Target {
            tls: false,
            host: "127.0.0.1".to_owned(),
            port: listener.local_addr().unwrap().port(),
        };
        (listener, target)
    }

    fn open(target: &Target) -> Result<Connection, Broken> {
        Connection::open(target, &Certificates::default(), &Arc::default())
    }

    #[test]
    fn a_receiver_that_reads_to_the_end_proves_it_by_closing() {
        for most in [1, 70_000, 3_000_000] {
            let (listener, target) = listener();
            let receiver = thread::spawn(move || {
                let mut all = Vec::new();
                listener.accept().unwrap().0.read_to_end(&mut all).unwrap();
                all.len()
            });
            let mut connection = open(&target).unwrap();
            connection.send(&vec![b'x'; most], &|_| ()).unwrap();
            connection.finish(&|_| ()).unwrap();
            assert_eq!(receiver.join().unwrap(), most);
        }
    }

    #[test]
    fn a_receiver_that_dies_with_octets_unread_proves_nothing() {
        let (listener, target) = listener();
        let mut connection = open(&target).unwrap();
        connection.send(&[b'x'; 1000], &|_| ()).unwrap();
        let receiver = thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            socket.read_exact(&mut [0; 999]).unwrap();
            thread::sleep(Duration::from_millis(100));
        });
        let end = connection.finish(&|_| ());
        assert!(matches!(end, Err(Broken::Network(_))), "{end:?}");
        receiver.join().unwrap();
    }

    #[test]
    fn a_receiver_that_was_gone_before_the_last_octets_came_proves_nothing() {
        for wait in [0, 0, 0, 0, 0, 0, 0, 0, 20, 20] {
            let (listener, target) = listener();
            let mut connection = open(&target).unwrap();
            connection.send(b"first", &|_| ()).unwrap();
            let (mut socket, _) = listener.accept().unwrap();
            socket.read_exact(&mut [0; 5]).unwrap();
            drop(socket);
            thread::sleep(Duration::from_millis(wait));
            // Nobody looks whether it is still there, as when its close is still on its way to us.
            let sent = connection.send(b"second", &|_| ());
            let end = sent.and_then(|()| connection.finish(&|_| ()));
            assert!(end.is_err(), "{end:?}");
        }
    }

    #[test]
    fn whoever_waits_stops_at_once_when_asked() {
        let (listener, target) = listener();
        let stop = Arc::new(AtomicBool::new(false));
        let mut connection = Connection::open(&target, &Certificates::default(), &stop).unwrap();
        let _held = listener.accept().unwrap();
        let asker = thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                thread::sleep(Duration::from_millis(300));
                stop.store(true, Ordering::Relaxed);
            }
        });
        let begun = Instant::now();
        let end = connection.send(&vec![0; 64 << 20], &|_| ());
        assert!(matches!(end, Err(Broken::Stopped)), "{end:?}");
        assert!(begun.elapsed() < Duration::from_millis(1500));
        asker.join().unwrap();
    }

    #[test]
    fn what_is_wrong_is_said_plainly() {
        let (listener, target) = listener();
        drop(listener);
        assert_eq!(open(&target).unwrap_err().to_string(), "connection refused");
        let certificates = Certificates {
            ca: Some(PathBuf::from("/nonexistent/ca.pem")),
            own: None,
        };
        assert_eq!(
            configuration(&certificates).unwrap_err().to_string(),
            "/nonexistent/ca.pem: there is no such file"
        );
    }

    #[test]
    fn a_target_is_a_scheme_a_host_and_a_port() {
        let read = |text: &str| Target::try_from(text.to_owned());
        let target = read("tls://[2001:db8::1]:6514").unwrap();
        assert!(target.tls);
        assert_eq!((target.host.as_str(), target.port), ("2001:db8::1", 6514));
        assert_eq!(target.to_string(), "[2001:db8::1]:6514");
        assert_eq!(
            read("tcp://logs.example:514").unwrap().to_string(),
            "logs.example:514"
        );
        for bad in [
            "",
            "logs:514",
            "udp://a:514",
            "tcp://a",
            "tcp://a:0",
            "tcp://:1",
            "tcp://a:70000",
            "tcp://::1:5",
            "tls://[::1:5",
            "tcp://a b:1",
        ] {
            assert_eq!(read(bad), Err(BadTarget), "{bad}");
        }
    }
}
