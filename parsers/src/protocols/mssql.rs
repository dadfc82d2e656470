//! Microsoft SQL Server (Tabular Data Stream, and the browser of instances): versions, hosts, instances and programs.
//! Accounts, passwords, databases and statements are never read.
//!
//! Spec: MS-TDS §2.2.3 (packets), §2.2.6.4 (LOGIN7), §2.2.6.5 (PRELOGIN), §2.2.7.13 (INFO), §2.2.7.14 (LOGINACK);
//! MC-SQLR §2.2 (browser).

use crate::octets::{array, foreign, head, le16, le32, octet, take, whole};
use crate::probe::{Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::is_printable;

use super::tls;

/// Version of the server: `15.0.4153`.
pub const SERVER_VERSION: Key = Key("mssql.server_version");
/// Version of the client's network library: `8.0.341`.
pub const CLIENT_VERSION: Key = Key("mssql.client_version");
/// Program that the server calls itself: `Microsoft SQL Server`.
pub const PRODUCT: Key = Key("mssql.product");
/// Host of the server, with the instance where it is named: `HISTORIAN01\WINCC`.
pub const SERVER_NAME: Key = Key("mssql.server_name");
/// Instance that the browser lists.
pub const INSTANCE: Key = Key("mssql.instance");
/// Host name that a client gives of itself.
pub const CLIENT_HOST: Key = Key("mssql.client_host_name");
/// Program of the client.
pub const APPLICATION: Key = Key("mssql.application");
/// Interface library of the client: `ODBC`.
pub const LIBRARY: Key = Key("mssql.client_library");
/// Version of the protocol that a client asks for: `0x74000004`.
pub const TDS_VERSION: Key = Key("mssql.tds_version");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "mssql",
    spec: "MS-TDS",
    carriers: &[Carrier::Tcp(1433), Carrier::Udp(1434)],
    keys: &[
        SERVER_VERSION,
        CLIENT_VERSION,
        PRODUCT,
        SERVER_NAME,
        INSTANCE,
        CLIENT_HOST,
        APPLICATION,
        LIBRARY,
        TDS_VERSION,
    ],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[LIST_INSTANCES, PRELOGIN_VERSION, LIST_INSTANCES_SEGMENT],
    dissect,
};

/// MC-SQLR §2.2.2: the instances of one server.
const LIST_INSTANCES: Probe = Probe {
    name: "list instances (browser)",
    asks: &[SERVER_NAME, INSTANCE, SERVER_VERSION],
    carrier: Carrier::Udp(1434),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[Piece::Octets(
            &[0x03],
            "CLNT_UCAST_EX: all instances of this server",
        )],
        until: Until::Answer,
    }],
    frames: 1,
};

/// MC-SQLR §2.2.1: those of all servers of the segment.
const LIST_INSTANCES_SEGMENT: Probe = Probe {
    name: "list instances (browser, broadcast)",
    reach: Reach::Segment,
    steps: &[Step {
        sends: &[Piece::Octets(
            &[0x02],
            "CLNT_BCAST_EX: all instances of all servers",
        )],
        until: Until::Quiet,
    }],
    ..LIST_INSTANCES
};

/// MS-TDS §2.2.6.5: versions are exchanged before anybody logs in.
const PRELOGIN_VERSION: Probe = Probe {
    name: "prelogin",
    asks: &[SERVER_VERSION],
    carrier: Carrier::Tcp(1433),
    steps: &[Step {
        sends: &[
            Piece::Octets(
                &[0x12, 0x01, 0x00, 0x2f, 0x00, 0x00, 0x01, 0x00],
                "prelogin, the last packet, 47 octets in all",
            ),
            Piece::Octets(&[0x00, 0x00, 0x1a, 0x00, 0x06], "version: 6 octets at 26"),
            Piece::Octets(&[0x01, 0x00, 0x20, 0x00, 0x01], "encryption: 1 octet at 32"),
            Piece::Octets(&[0x02, 0x00, 0x21, 0x00, 0x01], "instance: 1 octet at 33"),
            Piece::Octets(&[0x03, 0x00, 0x22, 0x00, 0x04], "thread: 4 octets at 34"),
            Piece::Octets(
                &[0x04, 0x00, 0x26, 0x00, 0x01, 0xff],
                "several results: 1 octet at 38; end",
            ),
            Piece::Octets(&[0x0b, 0x00, 0x00, 0x00, 0x00, 0x00], "version 11.0"),
            Piece::Octets(&[0x02, 0x00], "no encryption; any instance"),
            Piece::Octets(
                &[0x00, 0x00, 0x00, 0x00, 0x00],
                "no thread; one result at a time",
            ),
        ],
        until: Until::Answer,
    }],
    frames: 7,
    ..LIST_INSTANCES
};

/// Packet types (§2.2.3.1.1).
const BATCH: u8 = 1;
const CALL: u8 = 3;
const TABULAR: u8 = 4;
const ATTENTION: u8 = 6;
const BULK: u8 = 7;
const FEDERATION: u8 = 8;
const TRANSACTION: u8 = 14;
const LOGIN: u8 = 16;
const SSPI: u8 = 17;
const PRELOGIN: u8 = 18;
/// Octets of the header.
const HEADER: u16 = 8;
/// Packet sizes that can be negotiated end here (§2.2.6.4, packet size).
const LONGEST: u16 = 32_767;
/// Octets read of a packet; logins and their answers are shorter.
const READ: usize = 4096;
/// Tokens (§2.2.4) that a login is answered with.
const ERROR: u8 = 0xaa;
const INFO: u8 = 0xab;
const LOGIN_ACK: u8 = 0xad;
const ENVIRONMENT: u8 = 0xe3;
/// Length of all headers, 22; of the first, 18; its type, 2.
const TRANSACTION_HEADERS: &[u8] = &[0x16, 0, 0, 0, 0x12, 0, 0, 0, 2, 0];
/// Options of a prelogin at most: seven are defined.
const MOST_OPTIONS: usize = 12;
/// Answer of the browser (MC-SQLR §2.2.5).
const BROWSER_ANSWER: u8 = 5;

/// One packet: a known type, sane status, the length, and a window of zero; or TLS that was agreed to begin outside of it.
fn frame(input: &[u8]) -> Framed {
    let [kind, status] = head::<2>(input)?;
    if matches!(kind, 20..=23) && status == 3 {
        return tls::PROTOCOL
            .frame
            .map_or_else(|| Err(foreign("tds packet", input)), |frame| frame(input));
    }
    let known = matches!(
        kind,
        BATCH
            | CALL
            | TABULAR
            | ATTENTION
            | BULK
            | FEDERATION
            | TRANSACTION
            | LOGIN
            | SSPI
            | PRELOGIN
    );
    if !known || status & 0xe0 != 0 {
        return Err(foreign("tds packet", input));
    }
    let [_, _, high, low, _, _, _, window] = head::<8>(input)?;
    let length = u16::from_be_bytes([high, low]);
    if !(HEADER..=LONGEST).contains(&length) || window != 0 {
        return Err(foreign("tds length", input));
    }
    let length = usize::from(length);
    let read = length.min(READ);
    whole(input, read)?;
    let skip = u64::try_from(length.saturating_sub(read)).unwrap_or_default();
    Ok(Cut { length: read, skip })
}

/// Logins and prelogins prove themselves by offsets that agree, calls by the header on transactions.
fn recognise(message: &[u8]) -> Option<Recognition> {
    if let [BROWSER_ANSWER, low, high, text @ ..] = message {
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let begins = text.starts_with(b"ServerName;");
        return (begins && length == text.len()).then_some(Recognition::STRONG.from(Role::Server));
    }
    // Questions to the browser, by broadcast and to one (MC-SQLR §2.2.1, §2.2.2), are of one octet.
    if let [2 | 3] = message {
        return Some(Recognition::WEAK.from(Role::Client));
    }
    if frame(message).is_err() {
        return None;
    }
    let body = message.get(8..)?;
    match *message.first()? {
        PRELOGIN => prelogin(body).map(|_| Recognition::STRONG.from(Role::Client)),
        TABULAR if prelogin(body).is_some() => Some(Recognition::STRONG.from(Role::Server)),
        LOGIN => {
            let [length @ .., _, _, _, _] = *body.first_chunk::<8>()?;
            let whole = usize::try_from(u32::from_le_bytes(length)).ok()?;
            (whole >= 86 && whole <= body.len()).then_some(Recognition::STRONG.from(Role::Client))
        }
        // Since version 7.2 headers come first, of which the one on transactions must be there (§2.2.5.3).
        BATCH | CALL | TRANSACTION => body
            .starts_with(TRANSACTION_HEADERS)
            .then_some(Recognition::STRONG.from(Role::Client)),
        _ => None,
    }
}

/// The version option's six octets: it comes first, its table ends where it points to (§2.2.6.5).
fn prelogin(body: &[u8]) -> Option<&[u8]> {
    let [0, high, low, 0, 6, ..] = *body else {
        return None;
    };
    let at = usize::from(u16::from_be_bytes([high, low]));
    let options = body.chunks_exact(5).take(MOST_OPTIONS);
    let count = options
        .take_while(|option| option.first() != Some(&0xff))
        .count();
    let end = count.saturating_mul(5);
    (body.get(end) == Some(&0xff) && at == end.saturating_add(1))
        .then(|| body.get(at..).and_then(|rest| rest.get(..6)))
        .flatten()
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    if let [BROWSER_ANSWER, _, _, text @ ..] = rest
        && text.starts_with(b"ServerName;")
    {
        browser(text, out);
        return Ok(());
    }
    if let [20..=23, 3, ..] = rest {
        return out.carried(&tls::PROTOCOL, message);
    }
    // The browser's request: one octet, and a name.
    if rest.len() < HEADER.into() {
        return Ok(());
    }
    let [kind, ..] = array::<8>(&mut rest, "tds header")?;
    match kind {
        PRELOGIN | TABULAR if prelogin(rest).is_some() => {
            let key = if kind == PRELOGIN {
                CLIENT_VERSION
            } else {
                SERVER_VERSION
            };
            let octets = prelogin(rest).unwrap_or_default();
            if let [major, minor, high, low, ..] = *octets
                && major != 0
            {
                let build = u16::from_be_bytes([high, low]);
                let text = format_args!("{major}.{minor}.{build}");
                out.text(Subject::Sender, key, octets, text);
            }
            Ok(())
        }
        // The handshake of TLS is wrapped in prelogins.
        PRELOGIN | TABULAR if matches!(rest, [22, 3, ..]) => {
            out.carried(&tls::PROTOCOL, message.part(rest))
        }
        LOGIN => login(rest, out),
        TABULAR => tokens(rest, out),
        _ => Ok(()),
    }
}

/// LOGIN7: fixed fields, then offsets and lengths (in characters) of texts from its beginning.
fn login(body: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = body;
    take(&mut rest, 4, "login length")?;
    let octets = rest.get(..4).unwrap_or_default();
    let version = le32(&mut rest, "tds version")?;
    let text = format_args!("0x{version:08x}");
    out.text(Subject::Sender, TDS_VERSION, octets, text);
    take(&mut rest, 28, "login fields")?;
    // Host, account, password, program, server, extension, library.
    let keys = [
        Some(CLIENT_HOST),
        None,
        None,
        Some(APPLICATION),
        None,
        None,
        Some(LIBRARY),
    ];
    for key in keys {
        let at = usize::from(le16(&mut rest, "login offset")?);
        let length = usize::from(le16(&mut rest, "login length")?).saturating_mul(2);
        let text = body.get(at..).and_then(|text| text.get(..length));
        if let (Some(key), Some(text)) = (key, text) {
            out.utf16le(Subject::Sender, key, text);
        }
    }
    Ok(())
}

/// The tokens that answer a login, up to the first of another kind.
fn tokens(body: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = body;
    while let [ERROR | INFO | LOGIN_ACK | ENVIRONMENT, ..] = rest {
        let kind = octet(&mut rest, "token")?;
        let length = le16(&mut rest, "token length")?;
        let mut token = take(&mut rest, length.into(), "token")?;
        match kind {
            LOGIN_ACK => {
                take(&mut token, 5, "login answer")?;
                let name = characters(&mut token)?;
                out.utf16le(Subject::Sender, PRODUCT, name);
                let octets = token;
                let [major, minor, high, low] = array::<4>(&mut token, "program version")?;
                let build = u16::from_be_bytes([high, low]);
                let text = format_args!("{major}.{minor}.{build}");
                out.text(Subject::Sender, SERVER_VERSION, octets, text);
            }
            // Number, state, class, a text behind its length of two octets; then who says so.
            INFO | ERROR => {
                take(&mut token, 6, "message")?;
                let length = usize::from(le16(&mut token, "message text")?);
                take(&mut token, length.saturating_mul(2), "message text")?;
                let name = characters(&mut token)?;
                out.utf16le(Subject::Sender, SERVER_NAME, name);
            }
            _ => {}
        }
    }
    Ok(())
}

/// A text behind its length in characters of one octet.
fn characters<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Fault> {
    let length = usize::from(octet(rest, "text length")?);
    take(rest, length.saturating_mul(2), "text")
}

/// `ServerName;PRESS-5;InstanceName;WINCC;IsClustered;No;Version;11.0.2100.60;tcp;1433;;` and further instances.
fn browser(text: &[u8], out: &mut Out<'_>) {
    let mut words = text.split(|octet| *octet == b';');
    while let Some(name) = words.next() {
        let key = match name {
            b"ServerName" => SERVER_NAME,
            b"InstanceName" => INSTANCE,
            b"Version" => SERVER_VERSION,
            // Between instances.
            b"" => continue,
            _ => {
                words.next();
                continue;
            }
        };
        if let Some(value) = words.next()
            && is_printable(value)
        {
            out.say(Subject::Sender, key, value);
        }
    }
}
