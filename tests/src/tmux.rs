//! A terminal that a test looks at: tmux without a configuration, on a socket of its own.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What appears, appears within so long.
const PATIENCE: Duration = Duration::from_secs(40);

/// Whether tmux is there; says so where not.
#[must_use]
pub fn possible() -> bool {
    let asked = Command::new("tmux")
        .arg("-V")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let there = asked.is_ok_and(|status| status.success());
    if !there {
        eprintln!("SKIPPED: there is no tmux here (`make test` installs it)");
    }
    there
}

/// A terminal with a shell in it.
pub struct Terminal {
    socket: String,
}

impl Terminal {
    /// Opens one of so many columns and rows, in a folder.
    #[must_use]
    pub fn open(name: &str, (columns, rows): (u16, u16), folder: &str) -> Terminal {
        let terminal = Terminal {
            socket: format!("fossick-{name}-{}", std::process::id()),
        };
        let size = [columns.to_string(), rows.to_string()];
        let made = terminal
            .command(&[
                "-f",
                "/dev/null",
                "new-session",
                "-d",
                "-x",
                &size[0],
                "-y",
                &size[1],
                "-c",
                folder,
                "sh",
            ])
            .env("COLORTERM", "truecolor")
            .status()
            .unwrap();
        assert!(made.success());
        // A shell that is root's own asks in its own way, whatever its environment says.
        terminal.line("PS1='ready''$ '; clear");
        terminal.wait("ready$");
        terminal
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.socket]).args(arguments);
        command
    }

    /// Types a line and ends it.
    pub fn line(&self, text: &str) {
        assert!(
            self.command(&["send-keys", "-l", text])
                .status()
                .unwrap()
                .success()
        );
        self.keys("Enter");
    }

    /// Presses keys, as tmux names them, one after another.
    pub fn keys(&self, keys: &str) {
        for key in keys.split_whitespace() {
            assert!(
                self.command(&["send-keys", key])
                    .status()
                    .unwrap()
                    .success()
            );
            sleep(Duration::from_millis(40));
        }
    }

    /// What is shown.
    #[must_use]
    pub fn screen(&self) -> String {
        let output = self.command(&["capture-pane", "-p"]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until a text is shown; the screen that shows it.
    pub fn wait(&self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "`{text}` did not appear:\n{screen}"
            );
            sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the program has given the terminal back.
    pub fn leaves(&self) {
        let begun = Instant::now();
        while self.flag("alternate_on") != "0" {
            assert!(begun.elapsed() < PATIENCE, "it stays:\n{}", self.screen());
            sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the shell asks for a line: what is typed while it takes the terminal back may be lost.
    pub fn prompt(&self) {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            let last = screen.lines().rev().find(|line| !line.trim().is_empty());
            if last.is_some_and(|line| line.trim_end() == "ready$") {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "no prompt:\n{screen}");
            sleep(Duration::from_millis(50));
        }
    }

    /// Something that tmux knows of the terminal: `alternate_on`, `mouse_any_flag`, `cursor_flag`.
    #[must_use]
    pub fn flag(&self, name: &str) -> String {
        let output = self
            .command(&["display-message", "-p", &format!("#{{{name}}}")])
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self
            .command(&["kill-server"])
            .stderr(Stdio::null())
            .status();
    }
}
