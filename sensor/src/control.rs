//! The control socket's server: a thread for each client, and the rights of whom the kernel says it is.

mod scan;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail};
use fossick_model::{
    Asset, Conversation, End, Hello, Order, Person, Reply, Request, Span, Status, Step, VERSION,
};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

use crate::capture::{Captures, PcapngWriter};
use crate::chunks::{ChunkReader, ChunkWriter};
use crate::config::Config;
use crate::run::{Heard, clock};
use crate::store::{Job, Shared, lock};

/// Clients at a time.
const CLIENTS: usize = 32;
/// Octets of one request.
const REQUEST: u64 = 65_536;
/// Assets in one window, or entries of the journal in one reply.
const WINDOW: usize = 1000;
/// A client that takes nothing for so long is left alone.
const PATIENCE: Duration = Duration::from_secs(30);
/// The store may take so long to do what was ordered.
const ORDER: Duration = Duration::from_secs(30);

/// What clients are served from.
pub struct Desk {
    /// What was committed.
    pub shared: Arc<Shared>,
    /// The store's thread.
    pub jobs: SyncSender<Job>,
    /// The sensor's thread.
    pub heard: SyncSender<Heard>,
    /// How the sensor does.
    pub status: Arc<Mutex<Status>>,
    /// Who may do what.
    pub config: Mutex<Arc<Config>>,
    /// Set when the sensor ends.
    pub stop: Arc<AtomicBool>,
}

impl Desk {
    /// The configuration as it was read last.
    fn config(&self) -> Arc<Config> {
        Arc::clone(&lock(&self.config))
    }
}

/// What somebody may do; each may what the ones before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Nobody,
    Viewer,
    Analyst,
    Operator,
}

/// Opens the socket. One that was left behind is removed; one that answers is not.
///
/// # Errors
/// Another sensor answers there, or the folder cannot be written.
pub fn listen(path: &Path) -> anyhow::Result<UnixListener> {
    if UnixStream::connect(path).is_ok() {
        bail!(
            "another sensor answers on {}: end it first, or name another socket",
            path.display()
        );
    }
    // A socket that nobody answers on was left behind by a sensor that was killed.
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)
        .with_context(|| format!("opening the socket {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves clients in threads of their own.
///
/// # Errors
/// The system gives no thread.
pub fn serve(listener: UnixListener, desk: &Arc<Desk>) -> std::io::Result<()> {
    let desk = Arc::clone(desk);
    let clients = Arc::new(AtomicUsize::new(0));
    let accept = move || {
        while !desk.stop.load(Ordering::Relaxed) {
            let Ok((stream, _)) = listener.accept() else {
                std::thread::sleep(Duration::from_millis(20));
                continue;
            };
            let desk = Arc::clone(&desk);
            let count = Arc::clone(&clients);
            if count.fetch_add(1, Ordering::Relaxed) >= CLIENTS {
                count.fetch_sub(1, Ordering::Relaxed);
                let _ = refuse(&stream, "too many clients: hang one up");
                continue;
            }
            let spoken = std::thread::Builder::new()
                .name("client".to_owned())
                .spawn(move || {
                    if let Err(error) = converse(&desk, &stream) {
                        tracing::debug!("a client: {error:#}");
                    }
                    count.fetch_sub(1, Ordering::Relaxed);
                });
            if let Err(error) = spoken {
                tracing::warn!("serving a client: {error}");
                clients.fetch_sub(1, Ordering::Relaxed);
            }
        }
    };
    std::thread::Builder::new()
        .name("control".to_owned())
        .spawn(accept)?;
    Ok(())
}

fn refuse(stream: &UnixStream, why: &str) -> anyhow::Result<()> {
    say(
        stream,
        &Reply::Refused {
            why: why.to_owned(),
            position: None,
        },
    )
}

fn say(mut stream: &UnixStream, reply: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    Ok(())
}

/// What a client sends, buffered: lines, and chunks in between.
#[derive(Clone)]
struct Socket(Arc<Mutex<BufReader<UnixStream>>>);

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        lock(&self.0).read(buffer)
    }
}

/// Chunks that a reader of captures takes for its own, and of which the rest can be passed over behind its back.
#[derive(Clone)]
struct Chunks(Arc<Mutex<ChunkReader<Socket>>>);

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        lock(&self.0).read(buffer)
    }
}

fn line(reader: &Socket) -> anyhow::Result<Option<String>> {
    let mut line = Vec::new();
    let mut buffered = lock(&reader.0);
    let read = (&mut *buffered)
        .take(REQUEST)
        .read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        bail!("a request of more than {REQUEST} octets");
    }
    Ok(Some(String::from_utf8(line)?))
}

fn converse(desk: &Desk, stream: &UnixStream) -> anyhow::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let config = desk.config();
    let (person, role) = peer(stream, &config)?;
    if role == Role::Nobody {
        let group = &config.control.viewer;
        return refuse(
            stream,
            &format!("you may not: become a member of the group `{group}`"),
        );
    }
    let reader = Socket(Arc::new(Mutex::new(BufReader::new(stream.try_clone()?))));
    let Some(first) = line(&reader)? else {
        return Ok(());
    };
    say(stream, &Hello::ours())?;
    let hello: Result<Hello, _> = serde_json::from_str(&first);
    if hello.as_ref().map(|hello| hello.version).ok() != Some(VERSION) {
        return refuse(
            stream,
            &format!(
                "this sensor speaks version {VERSION} of the control protocol; use the client of its own version"
            ),
        );
    }
    let mut paging = Paging::default();
    while let Some(text) = line(&reader)? {
        if desk.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let request: Request = match serde_json::from_str(&text) {
            Ok(request) => request,
            Err(error) => {
                refuse(stream, &format!("not a request: {error}"))?;
                continue;
            }
        };
        let needed = needed(&request);
        if role < needed {
            let group = match needed {
                Role::Operator => &config.control.operator,
                Role::Analyst => &config.control.analyst,
                Role::Viewer | Role::Nobody => &config.control.viewer,
            };
            refuse(
                stream,
                &format!("you may not do this: it takes a member of the group `{group}`"),
            )?;
            continue;
        }
        let served = serve_one(desk, stream, &reader, &mut paging, request, &person);
        if let Err(error) = served {
            refuse(stream, &format!("{error:#}"))?;
        }
    }
    Ok(())
}

/// Who is at the other end, as the kernel states it, and what they may do.
fn peer(stream: &UnixStream, config: &Config) -> anyhow::Result<(Person, Role)> {
    let credentials = getsockopt(stream, PeerCredentials)?;
    let uid = Uid::from_raw(credentials.uid());
    let user = User::from_uid(uid).ok().flatten();
    let name = user.as_ref().map(|user| user.name.clone());
    let own = Gid::from_raw(credentials.gid());
    let mut groups = vec![own];
    if let Some(user) = &user
        && let Ok(name) = std::ffi::CString::new(user.name.as_str())
    {
        groups.extend(getgrouplist(&name, user.gid).unwrap_or_default());
    }
    let member = |name: &str| {
        let group = Group::from_name(name).ok().flatten();
        group.is_some_and(|group| groups.contains(&group.gid))
    };
    let control = &config.control;
    let role = if uid.is_root() || uid == Uid::effective() || member(&control.operator) {
        Role::Operator
    } else if member(&control.analyst) {
        Role::Analyst
    } else if member(&control.viewer) {
        Role::Viewer
    } else {
        Role::Nobody
    };
    let person = Person {
        uid: uid.as_raw(),
        name,
    };
    Ok((person, role))
}

fn needed(request: &Request) -> Role {
    match request {
        Request::Status
        | Request::Assets { .. }
        | Request::Asset { .. }
        | Request::Conversations { .. }
        | Request::Approved
        | Request::Controls { .. }
        | Request::Overview
        | Request::Rows { .. }
        | Request::Findings { .. }
        | Request::Compared { .. }
        | Request::ControlRows { .. }
        | Request::Rules { .. }
        | Request::Talks { .. }
        | Request::Matrix { .. }
        | Request::Recent { .. }
        | Request::Proof { .. }
        | Request::Exceptions { .. }
        | Request::Audit { .. }
        | Request::Evidence { .. }
        | Request::Changes { .. }
        | Request::Follow { .. } => Role::Viewer,
        Request::Order { order, .. } => match order {
            Order::Acknowledge
            | Order::Rename { .. }
            | Order::Annotate { .. }
            | Order::SetKind { .. }
            | Order::AcknowledgeFinding { .. } => Role::Analyst,
            Order::Accept { .. }
            | Order::Reopen { .. }
            | Order::DeclareUnpatchable { .. }
            | Order::Withdraw
            | Order::Merge { .. }
            | Order::Split { .. }
            | Order::Forget
            | Order::Sanction
            | Order::Refuse
            | Order::Approve { .. } => Role::Operator,
            Order::Control { control } => match **control {
                Step::Propose { .. } | Step::DryRun => Role::Analyst,
                Step::Approve | Step::Export { .. } | Step::Deployed { .. } => Role::Operator,
            },
        },
        Request::Ingest { .. }
        | Request::Asking { .. }
        | Request::Asked { .. }
        | Request::Watched { .. }
        | Request::Approve { .. }
        | Request::StoreCheck
        | Request::StoreCompact
        | Request::StoreBackup
        | Request::StoreRestore => Role::Operator,
    }
}

fn serve_one(
    desk: &Desk,
    stream: &UnixStream,
    reader: &Socket,
    paging: &mut Paging,
    request: Request,
    person: &Person,
) -> anyhow::Result<()> {
    match request {
        Request::Status => status(desk, stream),
        Request::Assets {
            filter,
            sort,
            offset,
            limit,
            whole,
        } => say(
            stream,
            &window(desk, paging, (filter, sort), offset, limit, whole)?,
        ),
        Request::Asset { asset } => {
            let asset = whole(desk, &asset)?;
            say(
                stream,
                &Reply::Assets {
                    total: 1,
                    assets: vec![asset],
                },
            )
        }
        Request::Conversations { with, after, limit } => {
            say(stream, &conversations(desk, &with, &after, limit)?)
        }
        Request::Controls { asset } => {
            let mut controls = desk.shared.controls();
            if !asset.is_empty() {
                let id = whole(desk, &asset)?.id;
                controls.retain(|known, _| *known == id);
            }
            let controls = controls.into_values().collect();
            say(stream, &Reply::Controls { controls })
        }
        Request::Exceptions { offset, limit } => {
            let all = desk.shared.exceptions(clock());
            let total = all.len();
            let exceptions = all.into_iter().skip(offset).take(limit.min(WINDOW));
            let exceptions = exceptions.collect();
            say(stream, &Reply::Exceptions { total, exceptions })
        }
        Request::Audit { head } => {
            let audit = desk.shared.audit(head.as_ref())?;
            say(stream, &Reply::Audit(Box::new(audit)))
        }
        Request::Evidence { asset } => evidence(desk, stream, &asset),
        Request::Changes { after, limit } => {
            let changes = desk.shared.changes(after, limit.min(WINDOW))?;
            say(stream, &Reply::Changes { changes })
        }
        Request::Follow { after } => follow(desk, stream, after),
        Request::Order { asset, order } => ordered(desk, stream, &asset, order, person),
        Request::Approve { source } => approve(desk, stream, reader, source, person),
        Request::Approved => {
            say(stream, &Reply::Octets)?;
            let mut to = ChunkWriter::new(stream);
            to.write_all(&serde_json::to_vec(desk.shared.approvals().all())?)?;
            Ok(to.finish()?)
        }
        Request::Ingest { name } => ingest(desk, stream, reader, &name),
        Request::Asking { mac } => scan::asking(desk, stream, &mac),
        Request::Asked {
            to,
            question,
            outcome,
        } => scan::asked(
            desk,
            stream,
            &format!("{} asked {to}: {question}: {outcome}", person.label()),
        ),
        Request::Watched { host, disturbed } => {
            scan::watched(desk, stream, reader, &host, disturbed, person)
        }
        Request::StoreCheck => store_job(desk, stream, Job::Check),
        Request::StoreCompact => store_job(desk, stream, Job::Compact),
        Request::StoreBackup => backup(desk, stream),
        Request::StoreRestore => {
            let from = desk.config().store.path.join("restore.redb.new");
            receive(reader, &from)?;
            store_job(desk, stream, |done| Job::Restore(from, done))
        }
        window => match crate::windows::of_desk(&desk.shared, &desk.config(), &window)? {
            Some(reply) => say(stream, &reply),
            None => refuse(stream, "not a window"),
        },
    }
}

/// Hands an order to the sensor's thread, and says what became of it.
fn ordered(
    desk: &Desk,
    stream: &UnixStream,
    asset: &str,
    order: Order,
    person: &Person,
) -> anyhow::Result<()> {
    if let Order::SetKind { kind: Some(kind) } = &order
        && fossick_model::Kind::named(kind).is_none()
    {
        bail!("`{}` is not a kind", crate::safe::display_safe(kind));
    }
    if matches!(order, Order::Approve { .. }) {
        bail!("a list is approved with `fossick inventory import`");
    }
    let asset = desk.shared.named(asset).context("there is no such asset")?;
    let (done, answer) = sync_channel(1);
    desk.heard.send(Heard::Order {
        asset,
        order,
        by: person.clone(),
        done,
    })?;
    answered(stream, &answer, |()| "done, and in the journal".to_owned())
}

fn answered<T>(
    stream: &UnixStream,
    answer: &std::sync::mpsc::Receiver<Result<T, String>>,
    text: impl FnOnce(T) -> String,
) -> anyhow::Result<()> {
    match answer.recv_timeout(ORDER) {
        Ok(Ok(done)) => say(stream, &Reply::Done { what: text(done) }),
        Ok(Err(why)) => refuse(stream, &why),
        Err(_) => refuse(
            stream,
            "the store did not answer in time; `fossick status` says how it does",
        ),
    }
}

fn store_job(
    desk: &Desk,
    stream: &UnixStream,
    job: impl FnOnce(SyncSender<Result<String, String>>) -> Job,
) -> anyhow::Result<()> {
    let (done, answer) = sync_channel(1);
    desk.jobs.send(job(done))?;
    match answer.recv() {
        Ok(Ok(what)) => say(stream, &Reply::Done { what }),
        Ok(Err(why)) => refuse(stream, &why),
        Err(_) => refuse(stream, "the sensor is ending"),
    }
}

fn whole(desk: &Desk, wanted: &str) -> anyhow::Result<Asset> {
    let id = desk.shared.named(wanted);
    let id = id.with_context(|| {
        format!(
            "there is no asset `{}`: `fossick assets` lists them",
            crate::safe::display_safe(wanted)
        )
    })?;
    desk.shared
        .asset(&id)?
        .context("it was forgotten a moment ago")
}

/// Conversations with an address, or with the assets that pass a filter.
fn conversations(desk: &Desk, with: &str, after: &str, limit: usize) -> anyhow::Result<Reply> {
    let address: Option<IpAddr> = with.parse().ok();
    let assets: BTreeSet<String> = if with.is_empty() || address.is_some() {
        BTreeSet::new()
    } else {
        match crate::select::select(&desk.shared, &desk.config(), with, "") {
            Ok(found) => found.into_iter().collect(),
            Err(refusal) => return Ok(refusal),
        }
    };
    let is = |end: &End| {
        let held = end.asset.as_ref();
        Some(end.address) == address || held.is_some_and(|id| assets.contains(id))
    };
    let wanted = |told: &Conversation| with.is_empty() || is(&told.client) || is(&told.server);
    let limit = limit.clamp(1, WINDOW);
    let (found, next) = desk.shared.conversations(after, limit, wanted)?;
    // How long anything was heard belongs to the whole list.
    let hours = match next {
        Some(_) => Vec::new(),
        None => desk.shared.hours()?,
    };
    let heard = hours
        .into_iter()
        .map(|(first, last)| Span::hours(first, last));
    Ok(Reply::Conversations {
        conversations: found.into_iter().map(|(_, told)| told).collect(),
        next,
        heard: heard.collect(),
    })
}

fn evidence(desk: &Desk, stream: &UnixStream, wanted: &str) -> anyhow::Result<()> {
    let asset = whole(desk, wanted)?;
    let mut packets = desk.shared.packets(&asset)?;
    packets.sort_by_key(|(_, kept)| kept.time);
    let mut file = Vec::new();
    let mut writer = PcapngWriter::new(&mut file)?;
    for (capture, kept) in &packets {
        let comment = crate::explain::proves(&asset, capture, kept.frame);
        writer.write(&crate::explain::index(kept), &kept.octets, &comment)?;
    }
    writer.finish()?;
    say(stream, &Reply::Octets)?;
    let mut to = ChunkWriter::new(stream);
    to.write_all(&file)?;
    to.finish()?;
    Ok(())
}

fn follow(desk: &Desk, stream: &UnixStream, after: Option<u64>) -> anyhow::Result<()> {
    let mut after = after.unwrap_or_else(|| desk.shared.published());
    stream.set_read_timeout(Some(Duration::from_millis(1)))?;
    while !desk.stop.load(Ordering::Relaxed) {
        if desk.shared.wait(after, Duration::from_millis(500)) {
            let changes = desk.shared.changes(after, WINDOW)?;
            match changes.last() {
                Some(last) => after = last.seq,
                // Dropped before they were read: what is kept goes on from here.
                None => after = desk.shared.published(),
            }
            say(stream, &Reply::Changes { changes })?;
        }
        // Whoever hangs up is seen by reading.
        let mut octet = [0; 1];
        let mut stream = stream;
        if matches!(stream.read(&mut octet), Ok(0)) {
            return Ok(());
        }
    }
    Ok(())
}

fn ingest(desk: &Desk, stream: &UnixStream, reader: &Socket, name: &str) -> anyhow::Result<()> {
    // One at a time: frames of two captures must not mix.
    static BUSY: Mutex<()> = Mutex::new(());
    let mut chunks = Chunks(Arc::new(Mutex::new(ChunkReader::new(reader.clone()))));
    let Ok(_busy) = BUSY.try_lock() else {
        std::io::copy(&mut chunks, &mut std::io::sink())?;
        bail!("another capture is being read in; try again when it is done");
    };
    let opened = Captures::stream(name, Box::new(chunks.clone()));
    let mut captures = match opened {
        Ok(captures) => captures,
        Err(error) => {
            std::io::copy(&mut chunks, &mut std::io::sink())?;
            bail!("{error}");
        }
    };
    desk.heard.send(Heard::IngestBegins(name.to_owned()))?;
    while let Some(batch) = captures.next_batch() {
        desk.heard.send(Heard::Ingest(batch))?;
    }
    let troubles = captures.troubles();
    drop(captures);
    // One that is damaged is not read to its end, and requests follow it.
    std::io::copy(&mut chunks, &mut std::io::sink())?;
    let (done, answer) = sync_channel(1);
    desk.heard.send(Heard::IngestEnds(done))?;
    let frames = answer.recv().unwrap_or_default();
    let mut what = format!("{frames} frames read");
    for trouble in troubles {
        what.push_str("; ");
        what.push_str(&trouble.to_string());
    }
    say(stream, &Reply::Done { what })
}

/// Takes a list of approved assets over.
fn approve(
    desk: &Desk,
    stream: &UnixStream,
    reader: &Socket,
    source: String,
    person: &Person,
) -> anyhow::Result<()> {
    let mut chunks = ChunkReader::new(reader.clone());
    let mut octets = Vec::new();
    let beyond = crate::shadow::LARGEST.saturating_add(1);
    (&mut chunks).take(beyond).read_to_end(&mut octets)?;
    // What is too long is read to its end all the same: requests follow it.
    std::io::copy(&mut chunks, &mut std::io::sink())?;
    if u64::try_from(octets.len()).is_ok_and(|length| length == beyond) {
        bail!("the list is larger than {} octets", crate::shadow::LARGEST);
    }
    let approved: Vec<fossick_shadow::Approved> =
        serde_json::from_slice(&octets).context("the list cannot be read")?;
    let (done, answer) = sync_channel(1);
    desk.jobs.send(Job::Approve {
        source,
        approved,
        by: person.clone(),
        now: crate::run::clock(),
        done,
    })?;
    answered(stream, &answer, |count| {
        format!("{count} assets approved, and in the journal")
    })
}

fn backup(desk: &Desk, stream: &UnixStream) -> anyhow::Result<()> {
    let path = desk
        .config()
        .store
        .path
        .join(format!("backup-{}.tmp", std::process::id()));
    // One that was cut off before is of no use.
    let _ = std::fs::remove_file(&path);
    let copied = desk.shared.backup(&path);
    let sent = copied.and_then(|()| {
        let mut file = std::fs::File::open(&path)?;
        say(stream, &Reply::Octets)?;
        let mut to = ChunkWriter::new(stream);
        std::io::copy(&mut file, &mut to)?;
        to.finish()?;
        Ok(())
    });
    let _ = std::fs::remove_file(&path);
    sent
}

fn receive(reader: &Socket, to: &Path) -> anyhow::Result<()> {
    let mut chunks = ChunkReader::new(reader.clone());
    let mut file = std::fs::File::create(to)?;
    let written = std::io::copy(&mut chunks, &mut file);
    if let Err(error) = written {
        std::io::copy(&mut chunks, &mut std::io::sink())?;
        return Err(error.into());
    }
    file.sync_all()?;
    Ok(())
}

fn status(desk: &Desk, stream: &UnixStream) -> anyhow::Result<()> {
    let mut status = lock(&desk.status).clone();
    status.store = desk.shared.status(status.store.waiting);
    say(stream, &Reply::Status(Box::new(status)))
}

/// What a client pages through: a window that begins where the last one ended is of the same selection, so that whoever takes all
/// of it waits once for the filter, and meets no asset twice because others came.
#[derive(Default)]
struct Paging {
    /// Filter and sort.
    of: (String, String),
    /// All that were selected, by id.
    found: Vec<String>,
    /// Where the last window ended.
    next: usize,
}

/// A window of the inventory.
fn window(
    desk: &Desk,
    paging: &mut Paging,
    of: (String, String),
    offset: usize,
    limit: usize,
    whole: bool,
) -> anyhow::Result<Reply> {
    let goes_on = offset > 0 && offset == paging.next && of == paging.of;
    if !goes_on {
        paging.found = match crate::select::select(&desk.shared, &desk.config(), &of.0, &of.1) {
            Ok(found) => found,
            Err(refusal) => return Ok(refusal),
        };
        paging.of = of;
    }
    let total = paging.found.len();
    let shown = paging.found.iter().skip(offset).take(limit.min(WINDOW));
    let mut assets = Vec::new();
    paging.next = offset;
    for id in shown {
        paging.next = paging.next.saturating_add(1);
        let asset = if whole {
            desk.shared.asset(id)?
        } else {
            desk.shared.cards().get(id).map(|card| card.asset.clone())
        };
        assets.extend(asset);
    }
    if paging.next >= total {
        *paging = Paging::default();
    }
    Ok(Reply::Assets { total, assets })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_analyst_acknowledges_and_an_operator_answers_for_a_risk() {
        let finding = || "f1".to_owned();
        let term = Box::new(fossick_model::Term {
            reason: "because".to_owned(),
            until: fossick_model::Time(1),
        });
        let role = |order| {
            needed(&Request::Order {
                asset: "10.0.0.1".to_owned(),
                order,
            })
        };
        assert_eq!(
            role(Order::AcknowledgeFinding { finding: finding() }),
            Role::Analyst
        );
        for order in [
            Order::Accept {
                finding: finding(),
                term: term.clone(),
            },
            Order::Reopen { finding: finding() },
            Order::DeclareUnpatchable { term },
            Order::Withdraw,
        ] {
            assert_eq!(role(order), Role::Operator);
        }
        assert_eq!(needed(&Request::Audit { head: None }), Role::Viewer);
    }
}
