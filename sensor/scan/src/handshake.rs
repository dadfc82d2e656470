//! TLS 1.3: the certificate is encrypted there, so whoever wants to see it must be a client. `rustls` is; it trusts nobody here, and
//! nothing is sent in the connection but the handshake and its end.

use std::io::Cursor;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

/// Longest record with its header (RFC 8446 §5.1).
const RECORD: usize = 16_384 + 5;
/// Longest certificate that is shown.
const CERTIFICATE: usize = 16_000;

/// Takes every certificate down, and believes none: nothing depends on who the server is.
#[derive(Debug)]
struct Witness {
    provider: Arc<CryptoProvider>,
    seen: Arc<Mutex<Option<Vec<u8>>>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Some(end_entity.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// A client's side of one handshake. It reads no socket.
pub struct Handshake {
    connection: ClientConnection,
    seen: Arc<Mutex<Option<Vec<u8>>>>,
    /// The first record of the server, which is in the clear.
    first: Vec<u8>,
}

impl Handshake {
    /// With this host, by its address: no name is asked for. Nothing where there are no random octets.
    pub fn with(host: IpAddr) -> Option<Handshake> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let seen = Arc::default();
        let witness = Witness {
            provider: Arc::clone(&provider),
            seen: Arc::clone(&seen),
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .ok()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(witness))
            .with_no_client_auth();
        let name = ServerName::IpAddress(host.into());
        Some(Handshake {
            connection: ClientConnection::new(Arc::new(config), name).ok()?,
            seen,
            first: Vec::new(),
        })
    }

    /// What is to be sent now; empty where it is the server's turn.
    pub fn say(&mut self) -> Vec<u8> {
        let mut octets = Vec::new();
        while self.connection.wants_write() {
            // Into memory: it does not fail.
            if self.connection.write_tls(&mut octets).is_err() {
                break;
            }
        }
        octets
    }

    /// Takes what the server said. False where it makes no sense, or says no: what is said then is the last.
    pub fn hear(&mut self, octets: &[u8]) -> bool {
        let room = RECORD.saturating_sub(self.first.len());
        let first = octets.get(..room).unwrap_or(octets);
        self.first.extend_from_slice(first);
        let mut left = Cursor::new(octets);
        let all = octets.len() as u64;
        while left.position() < all {
            match self.connection.read_tls(&mut left) {
                Ok(0) | Err(_) => return false,
                Ok(_) => {}
            }
            if self.connection.process_new_packets().is_err() {
                return false;
            }
        }
        if self.is_over() {
            self.connection.send_close_notify();
        }
        true
    }

    /// Whether both sides have said everything that belongs to it.
    pub fn is_over(&self) -> bool {
        !self.connection.is_handshaking()
    }

    /// What the server said of itself, as records in the clear: its hello as it was sent, and its certificate, which was
    /// encrypted, as version 1.2 would have sent it (RFC 5246 §7.4.2). Nothing before it came.
    pub fn unsealed(&self) -> Option<Vec<u8>> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let certificate = seen.as_ref().filter(|der| der.len() <= CERTIFICATE)?;
        let [kind, _, _, high, low, ..] = *self.first else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let hello = self.first.get(..length.saturating_add(5))?;
        if kind != 0x16 {
            return None;
        }
        let counted = |octets: &[u8]| -> Option<Vec<u8>> {
            let length = u32::try_from(octets.len()).ok()?.to_be_bytes();
            let mut all = length.get(1..)?.to_vec();
            all.extend_from_slice(octets);
            Some(all)
        };
        let mut message = vec![11];
        message.extend(counted(&counted(&counted(certificate)?)?)?);
        let mut octets = hello.to_vec();
        octets.extend([0x16, 3, 3]);
        octets.extend(u16::try_from(message.len()).ok()?.to_be_bytes());
        octets.extend(message);
        Some(octets)
    }
}
