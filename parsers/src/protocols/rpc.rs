//! Open Network Computing: remote procedures, the programs a port mapper lists, and NFS among them. Files and accounts are never read.
//!
//! Spec: RFC 5531 §9 (messages), §11 (records), RFC 1833 §3 (port mapper), RFC 1813 and RFC 7530 (NFS), RFC 1057 §9.1 (machine names).

use crate::octets::{array, be32, foreign, head, take};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::is_printable;

/// Machine name in the credentials of a call.
pub const MACHINE_NAME: Key = Key("rpc.machine_name");
/// Program that a server answered for or that its port mapper lists, a number.
pub const PROGRAM: Key = Key("rpc.program");
/// Versions of NFS that a server answered: `3`.
pub const NFS_VERSION: Key = Key("nfs.version");

/// Registration of remote procedure calls.
pub static RPC: Protocol = Protocol {
    name: "rpc",
    spec: "RFC 5531",
    carriers: &[
        Carrier::Tcp(111),
        Carrier::Udp(111),
        Carrier::Tcp(2049),
        Carrier::Udp(2049),
    ],
    keys: &[MACHINE_NAME, PROGRAM],
    frame: Some(frame),
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

/// Registration of NFS, whose calls these are.
pub static NFS: Protocol = Protocol {
    name: "nfs",
    spec: "RFC 7530",
    carriers: &[Carrier::Inside("rpc")],
    keys: &[NFS_VERSION],
    frame: None,
    recognise: recognise_nfs,
    operation: None,
    probes: &[],
    dissect: dissect_nfs,
};

/// The port mapper, and NFS.
const PORTMAP: u32 = 100_000;
const NFS_PROGRAM: u32 = 100_003;
const DUMP: u32 = 4;
/// Octets read of one record.
const READ: usize = 1024;
/// Longest record: NFS writes up to 1 MiB.
const LONGEST: u32 = 2 * 1_048_576;
/// Credentials that name a machine.
const UNIX: u32 = 1;

/// A record of one fragment, the last (§11), that begins as a call or an answer does.
fn frame(input: &[u8]) -> Framed {
    let [mark @ .., _, _, _, _, k0, k1, k2, kind] = head::<12>(input)?;
    let mark = u32::from_be_bytes(mark);
    let length = mark & 0x7fff_ffff;
    if mark >> 31 != 1 || !(24..=LONGEST).contains(&length) || [k0, k1, k2] != [0; 3] || kind > 1 {
        return Err(foreign("rpc record", input));
    }
    let length = usize::try_from(length)
        .unwrap_or(usize::MAX)
        .saturating_add(4);
    let read = length.min(READ);
    crate::octets::whole(input, read)?;
    let skip = u64::try_from(length.saturating_sub(read)).unwrap_or_default();
    Ok(Cut { length: read, skip })
}

/// A call: program, version, procedure, and what follows the credentials.
struct Call<'a> {
    program: u32,
    version: u32,
    procedure: u32,
    /// Name of the machine, where the credentials give it.
    machine: Option<&'a [u8]>,
}

/// The message without the mark of its record.
fn unmarked(message: &[u8]) -> &[u8] {
    match message {
        [0x80..=0xff, _, _, _, rest @ ..] => rest,
        _ => message,
    }
}

/// Transaction id, 0, version 2, program, version, procedure, credentials, verifier (§9).
fn call(message: &[u8]) -> Result<Option<Call<'_>>, Fault> {
    let mut rest = unmarked(message);
    be32(&mut rest, "rpc id")?;
    if be32(&mut rest, "rpc kind")? != 0 || be32(&mut rest, "rpc version")? != 2 {
        return Ok(None);
    }
    let program = be32(&mut rest, "rpc program")?;
    let version = be32(&mut rest, "rpc program version")?;
    let procedure = be32(&mut rest, "rpc procedure")?;
    let flavour = be32(&mut rest, "rpc credentials")?;
    let length = be32(&mut rest, "rpc credentials")?;
    // At most 400 octets (§8.2).
    if length > 400 || version > 8 || procedure > 64 || flavour > 400_000 {
        return Ok(None);
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let mut credentials = take(&mut rest, length, "rpc credentials")?;
    let mut machine = None;
    if flavour == UNIX {
        be32(&mut credentials, "rpc stamp")?;
        let length = be32(&mut credentials, "rpc machine name")?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        machine = take(&mut credentials, length, "rpc machine name").ok();
    }
    Ok(Some(Call {
        program,
        version,
        procedure,
        machine: machine.filter(|name| is_printable(name)),
    }))
}

/// The results of an answer that was accepted and successful.
fn answer(message: &[u8]) -> Result<Option<&[u8]>, Fault> {
    let mut rest = unmarked(message);
    be32(&mut rest, "rpc id")?;
    let [kind, state, _flavour] = [
        be32(&mut rest, "rpc kind")?,
        be32(&mut rest, "rpc state")?,
        be32(&mut rest, "rpc verifier")?,
    ];
    let length = be32(&mut rest, "rpc verifier")?;
    if kind != 1 || state != 0 || length > 400 {
        return Ok(None);
    }
    take(
        &mut rest,
        usize::try_from(length).unwrap_or(usize::MAX),
        "rpc verifier",
    )?;
    Ok((be32(&mut rest, "rpc accept")? == 0).then_some(rest))
}

/// Programs of the range that is assigned centrally and of the one for users (§8.3).
fn assigned(program: u32) -> bool {
    matches!(program, 100_000..=100_999 | 150_000..=150_999 | 200_000..=400_999 | 0x2000_0000..=0x3fff_ffff)
}

fn recognise(message: &[u8]) -> Option<Recognition> {
    if let Ok(Some(call)) = call(message) {
        return assigned(call.program).then_some(Recognition::STRONG.from(Role::Client));
    }
    // Kind 1, accepted or denied; the transaction id is all that an answer repeats.
    let mut rest = unmarked(message);
    let [_, _, _, _, 0, 0, 0, 1, 0, 0, 0, 0 | 1] = array::<12>(&mut rest, "rpc answer").ok()?
    else {
        return None;
    };
    let whole = message.len() >= 24 && message.len().is_multiple_of(4);
    whole.then_some(Recognition::WEAK.from(Role::Server))
}

fn recognise_nfs(message: &[u8]) -> Option<Recognition> {
    match call(message) {
        Ok(Some(call)) => (call.program == NFS_PROGRAM && matches!(call.version, 2..=4))
            .then_some(Recognition::STRONG.from(Role::Client)),
        _ => recognise(message),
    }
}

/// Whether the answer is to this call.
fn answered(message: Message<'_>) -> Option<(Call<'_>, &[u8])> {
    let asked = message.asked?;
    let (id, asked_id) = (unmarked(message.bytes).get(..4)?, unmarked(asked).get(..4)?);
    let results = answer(message.bytes).ok()??;
    let call = call(asked).ok()??;
    (id == asked_id).then_some((call, results))
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    if let Some(call) = call(message.bytes)? {
        if let Some(name) = call.machine {
            out.say(Subject::Sender, MACHINE_NAME, name);
        }
        return out.carried(&NFS, message);
    }
    let Some((call, results)) = answered(message) else {
        return Ok(());
    };
    let octets = unmarked(message.bytes).get(..4).unwrap_or_default();
    let program = call.program;
    out.text(Subject::Sender, PROGRAM, octets, format_args!("{program}"));
    if call.program == PORTMAP && call.version == 2 && call.procedure == DUMP {
        return mappings(results, out);
    }
    if call.program == NFS_PROGRAM {
        return out.carried(&NFS, message);
    }
    Ok(())
}

/// A list of program, version, protocol, port (RFC 1833 §3.1).
fn mappings(results: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = results;
    for _ in 0..128 {
        if be32(&mut rest, "rpc mapping")? == 0 {
            break;
        }
        let octets = rest.get(..4).unwrap_or_default();
        let program = be32(&mut rest, "rpc mapping")?;
        take(&mut rest, 12, "rpc mapping")?;
        out.text(Subject::Sender, PROGRAM, octets, format_args!("{program}"));
    }
    Ok(())
}

fn dissect_nfs(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    if let Some((call, _)) = answered(message)
        && call.program == NFS_PROGRAM
    {
        let version = call.version;
        let octets = unmarked(message.bytes).get(..4).unwrap_or_default();
        out.text(
            Subject::Sender,
            NFS_VERSION,
            octets,
            format_args!("{version}"),
        );
    }
    Ok(())
}
