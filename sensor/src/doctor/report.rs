//! Lines of the report: printed as they come, since listening takes seconds.

use std::io::Write;

use crate::safe::display_safe;

/// How many lines of each kind were printed.
#[derive(Debug, Default)]
pub struct Report {
    good: usize,
    warnings: usize,
    failures: usize,
}

impl Report {
    /// As it should be.
    pub fn ok(&mut self, what: &str, found: &str) {
        self.good = self.good.saturating_add(1);
        print("ok", what, found, None);
    }

    /// Fossick works, but sees or proves less than it could.
    pub fn warn(&mut self, what: &str, found: &str, mend: &str) {
        self.warnings = self.warnings.saturating_add(1);
        print("warn", what, found, Some(mend));
    }

    /// Fossick does not work, or is not silent.
    pub fn fail(&mut self, what: &str, found: &str, mend: &str) {
        self.failures = self.failures.saturating_add(1);
        print("fail", what, found, Some(mend));
    }

    /// Something was changed.
    pub fn did(&mut self, what: &str, done: &str) {
        self.good = self.good.saturating_add(1);
        print("did", what, done, None);
    }

    /// Whether any line was a failure.
    pub fn failed(&self) -> bool {
        self.failures > 0
    }

    /// The last line: how many things are wrong.
    pub fn close(&self) {
        let good = self.good;
        line(&match (self.failures, self.warnings) {
            (0, 0) => format!("All is well ({good} looked at)."),
            (failures, warnings) => format!("{failures} fail, {warnings} warn, {good} are well."),
        });
    }
}

/// One line for what was found, and one for how to mend it.
fn print(level: &str, what: &str, found: &str, mend: Option<&str>) {
    let (what, found) = (display_safe(what), display_safe(found));
    line(&format!("{level:<5} {what}: {found}"));
    if let Some(mend) = mend {
        line(&format!("      mend: {}", display_safe(mend)));
    }
}

/// Whoever reads may have had enough of it; what is being mended is mended all the same.
fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
