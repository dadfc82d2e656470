//! Running the machine's own tools, with nothing taken over from whoever runs us.

use std::io::ErrorKind;
use std::process::{Command, Stdio};

/// Where the system keeps its tools: a `PATH` that somebody prepared must not run as root.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// Why a tool gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It is not installed.
    #[error("{0} is not installed")]
    Absent(&'static str),
    /// It ran and refused.
    #[error("{tool}: {said}")]
    Refused {
        /// Which tool.
        tool: &'static str,
        /// The first line of its complaint.
        said: String,
    },
}

/// What the tool prints.
///
/// # Errors
/// When it is not installed, or says no.
pub fn ask(tool: &'static str, arguments: &[&str]) -> Result<String, Fault> {
    let refused = |said: &str| Fault::Refused {
        tool,
        said: said.lines().next().unwrap_or("failed").trim().to_owned(),
    };
    let program = PATH
        .split(':')
        .map(|folder| std::path::Path::new(folder).join(tool))
        .find(|path| path.exists())
        .ok_or(Fault::Absent(tool))?;
    let done = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => Fault::Absent(tool),
            _ => refused(&error.to_string()),
        })?;
    if done.status.success() {
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    } else {
        Err(refused(&String::from_utf8_lossy(&done.stderr)))
    }
}
