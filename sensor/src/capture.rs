//! Captures: files, folders and standard input, as batches of frames in time order.
//!
//! Files are read in large blocks and frames borrow from the block. Several captures are merged by time.

mod blocks;
mod format;
mod merge;
mod paths;
mod pcapng_writer;

use std::path::PathBuf;
use std::sync::Arc;

pub use merge::Captures;
pub use pcapng_writer::PcapngWriter;

/// Why a capture could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or folder cannot be read.
    #[error("{path}: {source}. Check the path and its permissions.", path = path.display())]
    Unreadable {
        /// As it was named.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file begins with nothing that a capture begins with.
    #[error("{path}: not a capture. Fossick reads pcap and pcapng, plain or compressed with gzip or zstd.", path = path.display())]
    NotACapture {
        /// As it was named.
        path: PathBuf,
    },
    /// The file is empty.
    #[error("{path}: the file is empty. Was the capture written to the end?", path = path.display())]
    Empty {
        /// As it was named.
        path: PathBuf,
    },
    /// A folder without captures.
    #[error("{path}: no capture in this folder or those below it.", path = path.display())]
    NoCaptures {
        /// As it was named.
        path: PathBuf,
    },
    /// More captures than can be told apart.
    #[error("{count} captures: at most {most} can be read at once. Name fewer.")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many may be.
        most: usize,
    },
}

/// Reading of a capture stopped before its end.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// Name of the capture.
    pub capture: Arc<str>,
    /// The last frame that was read.
    pub frame: u64,
    /// Where in the (uncompressed) capture.
    pub offset: u64,
    /// What is wrong there.
    pub what: String,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: {} at octet {}; read as far as frame {}",
            self.capture, self.what, self.offset, self.frame
        )
    }
}
