//! What the paths on the command line stand for.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::OpenError;
use super::format::{Compression, is_capture};

/// Standard input, as a path.
pub const STANDARD_INPUT: &str = "-";

/// Files as named, and the captures of folders and those below them, sorted by name.
pub fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, OpenError> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = files.len();
            folder(path, &mut files)?;
            if files.len() == before {
                return Err(OpenError::NoCaptures { path: path.clone() });
            }
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn folder(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), OpenError> {
    let unreadable = |source| OpenError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut entries = fs::read_dir(path)
        .map_err(unreadable)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() {
            folder(&path, files)?;
        } else if kind.is_file() && begins_like_a_capture(&path) {
            files.push(path);
        }
    }
    Ok(())
}

/// A compressed file counts: it is looked into when it is opened.
fn begins_like_a_capture(path: &Path) -> bool {
    let mut magic = [0; 4];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && (is_capture(&magic) || Compression::of(&magic) != Compression::None)
}
