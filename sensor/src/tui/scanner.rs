//! Asking devices from the screen: by `fossick scan`, in a process of its own, as from a shell. The screen itself sends nothing.

use std::io::{self, PipeReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use caps::{CapSet, Capability};
use fossick_scan::Mode;
use fossick_tui::Event;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::spawn;
use crate::config::Config;

/// Octets of a plan or result that are shown.
const SHOWN: u64 = 1 << 20;
/// How long `fossick scan` may take to end, and to hand over what it heard.
const LAST: Duration = Duration::from_secs(10);

/// Starts `fossick scan`, and ends it. One runs at a time.
pub struct Scanner {
    program: PathBuf,
    config: PathBuf,
    child: Arc<Mutex<Option<Child>>>,
}

impl Scanner {
    /// Nothing where asking is off, where this process may not, or where the configuration is another sensor's.
    pub fn of(config: &Config, file: &Path, socket: &Path) -> Option<Scanner> {
        let ours = std::fs::canonicalize(socket).unwrap_or_else(|_| socket.to_owned())
            == std::fs::canonicalize(&config.control.socket)
                .unwrap_or_else(|_| config.control.socket.clone());
        let on = config.scan.mode != Mode::Off && !config.scan.allow.is_empty();
        let may = caps::has_cap(None, CapSet::Effective, Capability::CAP_NET_RAW).unwrap_or(false);
        let program = std::env::current_exe().ok()?;
        (ours && on && may).then(|| Scanner {
            program,
            config: file.to_owned(),
            child: Arc::default(),
        })
    }

    /// Plans, or asks; what it prints comes as an event.
    ///
    /// # Errors
    /// The system gives no process or thread.
    pub fn start(&self, target: &str, send: bool, to: SyncSender<Event>) -> anyhow::Result<()> {
        let (said, says) = io::pipe().context("making a pipe")?;
        let mut command = Command::new(&self.program);
        command
            .args(["scan", if send { "--yes" } else { "--plan" }, "--config"])
            .args([&self.config, Path::new(target)])
            .stdin(Stdio::null())
            .stdout(says.try_clone()?)
            .stderr(says);
        let child = command.spawn().context("starting `fossick scan`")?;
        // The pipe ends with the process alone.
        drop(command);
        *self.lock() = Some(child);
        let held = Arc::clone(&self.child);
        spawn("scan", move || {
            // Nobody listens any more where the screen was left.
            let _ = to.send(Event::Scanned(ended(said, &held)));
        })
    }

    /// Has it end: it sends nothing more, and says what it heard so far.
    pub fn stop(&self) {
        if let Some(child) = &*self.lock()
            && let Ok(id) = i32::try_from(child.id())
        {
            // It may have ended by itself, but is not waited for yet: the number is still its own.
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Scanner {
    /// What was answered so far still comes into the inventory.
    fn drop(&mut self) {
        if self.lock().is_none() {
            return;
        }
        eprintln!("fossick: ends the questions that are under way");
        self.stop();
        let begun = Instant::now();
        while self.lock().is_some() && begun.elapsed() < LAST {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What it printed until it ended; an error where it did not do all of it.
fn ended(mut said: PipeReader, child: &Mutex<Option<Child>>) -> Result<String, String> {
    let mut octets = Vec::new();
    let read = said.by_ref().take(SHOWN).read_to_end(&mut octets);
    let read = read.and_then(|_| io::copy(&mut said, &mut io::sink()));
    let text = String::from_utf8_lossy(&octets).into_owned();
    let mut held = child.lock().unwrap_or_else(PoisonError::into_inner);
    let status = held.take().map(|mut child| child.wait());
    match (read, status) {
        (Ok(_), Some(Ok(status))) if status.success() => Ok(text),
        (Err(error), _) | (_, Some(Err(error))) => Err(format!("{text}{error}")),
        _ => Err(text),
    }
}
