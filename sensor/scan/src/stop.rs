//! The emergency stop: a file, so that it holds for every process and survives a restart, and a flag for this one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often whoever waits looks whether it shall stop: well below the 100 ms within which a stop takes effect.
pub const LOOK: Duration = Duration::from_millis(20);
/// Name of the file in the folder of the state.
const FILE: &str = "scan.stopped";

/// Whether everything shall stop. Clones are one.
#[derive(Debug, Clone)]
pub struct Stop {
    file: Arc<PathBuf>,
    flag: Arc<AtomicBool>,
    /// One question's own.
    withdrawn: Option<Arc<AtomicBool>>,
}

impl Stop {
    /// The stop of the state that is kept in this folder.
    #[must_use]
    pub fn within(folder: &Path) -> Stop {
        Stop {
            file: Arc::new(folder.join(FILE)),
            flag: Arc::new(AtomicBool::new(false)),
            withdrawn: None,
        }
    }

    /// The same, or that one question is withdrawn.
    pub(crate) fn or(&self, withdrawn: Arc<AtomicBool>) -> Stop {
        Stop {
            withdrawn: Some(withdrawn),
            ..self.clone()
        }
    }

    /// Whether nothing more may be sent. Looks at the file.
    #[must_use]
    pub fn is_set(&self) -> bool {
        // What cannot be looked at may be there.
        let set = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        set(&self.flag)
            || self.withdrawn.as_deref().is_some_and(set)
            || self.file.try_exists().unwrap_or(true)
    }

    /// Stops this process alone: it was interrupted.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }

    /// Stops every scan of this state, until [`Stop::resume`].
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set(&self) -> io::Result<()> {
        self.flag.store(true, Ordering::Relaxed);
        if let Some(folder) = self.file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(
            &*self.file,
            b"Scanning was stopped. `fossick scan --resume` allows it again.\n",
        )
    }

    /// Allows scanning again. True if it was stopped.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn resume(&self) -> io::Result<bool> {
        self.flag.store(false, Ordering::Relaxed);
        match std::fs::remove_file(&*self.file) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sleeps so long, or until it is stopped. True if it is stopped.
    #[must_use]
    pub fn wait(&self, time: Duration) -> bool {
        let begun = Instant::now();
        loop {
            if self.is_set() {
                return true;
            }
            let left = time.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return false;
            }
            std::thread::sleep(left.min(LOOK));
        }
    }
}
