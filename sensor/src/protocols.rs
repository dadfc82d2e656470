//! The protocols that are read, as the README's table.

use std::fmt::Write as _;

use fossick_parsers::PROTOCOLS;

/// A Markdown table: name, where it is expected, what it can disclose, the document it was written from.
pub fn table() -> String {
    let mut table =
        String::from("| protocol | expected on | discloses | specification |\n|---|---|---|---|\n");
    let mut protocols: Vec<_> = PROTOCOLS.iter().collect();
    protocols.sort_by_key(|protocol| protocol.name);
    for protocol in protocols {
        let carriers: Vec<String> = protocol.carriers.iter().map(ToString::to_string).collect();
        let prefix = format!("{}.", protocol.name);
        let keys: Vec<String> = protocol
            .keys
            .iter()
            .map(|key| {
                key.0
                    .strip_prefix(&prefix)
                    .unwrap_or(key.0)
                    .replace('_', " ")
            })
            .collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} |",
            protocol.name,
            carriers.join(", "),
            keys.join(", "),
            protocol.spec
        );
    }
    table
}
