//! CSV, as CMDBs export it: a header, and a mapping from what we call a column to what the file does.

use std::str::FromStr;

use super::{Approved, Import, ImportError, ip, mac};

/// What can be told of an approved asset, and the names that its column goes by where none is given.
#[rustfmt::skip]
const FIELDS: [(&str, &[&str]); 9] = [
    ("ip", &["ip", "ip address", "ipaddress", "ip_address", "ipv4", "address", "primary ip"]),
    ("mac", &["mac", "mac address", "macaddress", "mac_address", "hardware address"]),
    ("name", &["name", "host", "hostname", "host name", "host_name", "device"]),
    ("vendor", &["vendor", "manufacturer", "maker"]),
    ("model", &["model", "product"]),
    ("os", &["os", "operating system", "operatingsystem", "operating_system"]),
    ("kind", &["kind"]),
    ("serial", &["serial", "serial number", "serialnumber", "serial_number"]),
    ("owner", &["owner", "responsible"]),
];

/// Which column is which: `ip=IPAddress,mac=MAC`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns(Vec<(&'static str, String)>);

/// Why a mapping is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ColumnsError {
    #[error("`{0}`: write ip=IPAddress")]
    NoPair(String),
    #[error("`{0}` is none of ip, mac, name, vendor, model, os, kind, serial, owner")]
    NoField(String),
}

impl FromStr for Columns {
    type Err = ColumnsError;

    fn from_str(text: &str) -> Result<Columns, ColumnsError> {
        let mut columns = Vec::new();
        for pair in text.split(',') {
            let (field, column) = pair
                .split_once('=')
                .ok_or_else(|| ColumnsError::NoPair(pair.to_owned()))?;
            let field = field.trim();
            let known = FIELDS.iter().find(|(name, _)| *name == field);
            let (name, _) = known.ok_or_else(|| ColumnsError::NoField(field.to_owned()))?;
            columns.push((*name, column.trim().to_owned()));
        }
        Ok(Columns(columns))
    }
}

/// Where each field stands.
fn places(header: &[String], columns: &Columns) -> Result<Vec<(&'static str, usize)>, ImportError> {
    let found = || header.join(", ");
    let at = |wanted: &str| {
        header
            .iter()
            .position(|name| name.eq_ignore_ascii_case(wanted))
    };
    let mut places = Vec::new();
    for (field, column) in &columns.0 {
        let place = at(column).ok_or_else(|| ImportError::NoColumn {
            name: column.clone(),
            found: found(),
        })?;
        places.push((*field, place));
    }
    if places.is_empty() {
        for (field, names) in FIELDS {
            places.extend(
                names
                    .iter()
                    .find_map(|name| at(name))
                    .map(|place| (field, place)),
            );
        }
    }
    let identifies = |field: &str| matches!(field, "ip" | "mac" | "name");
    if !places.iter().any(|(field, _)| identifies(field)) {
        return Err(ImportError::NoColumns { found: found() });
    }
    Ok(places)
}

/// The separator: of commas, semicolons and tabs whichever the header has most of.
fn separator(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    let count = |octet: &u8| header.bytes().filter(|one| one == octet).count();
    let mut best = b',';
    for one in [b';', b'\t'] {
        if count(&one) > count(&best) {
            best = one;
        }
    }
    best
}

/// Reads a file with a header.
pub(super) fn read(text: &str, columns: &Columns) -> Result<Import, ImportError> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator(text))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let syntax = |error: &csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        (line, error.to_string())
    };
    let header = reader.headers().map_err(|error| {
        let (line, reason) = syntax(&error);
        ImportError::Syntax { line, reason }
    })?;
    let header: Vec<String> = header.iter().map(str::to_owned).collect();
    let places = places(&header, columns)?;
    let mut import = Import::default();
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                if !record.iter().all(str::is_empty) {
                    import.take(line, row(&record, &places, line));
                }
            }
            Err(error) => {
                let (line, reason) = syntax(&error);
                import.refuse(line, reason);
            }
        }
    }
    Ok(import)
}

fn row(
    record: &csv::StringRecord,
    places: &[(&'static str, usize)],
    line: u64,
) -> Result<Approved, String> {
    let mut approved = Approved {
        line,
        ..Approved::default()
    };
    for (field, place) in places {
        let value = record.get(*place).unwrap_or_default();
        if value.is_empty() {
            continue;
        }
        // A cell may hold several.
        let several = || {
            value
                .split([' ', ';', '|', ',', '\n'])
                .filter(|part| !part.is_empty())
        };
        let text = Some(value.to_owned());
        match *field {
            "ip" => {
                for part in several() {
                    let address = ip(part).ok_or_else(|| format!("`{part}` is no IP address"))?;
                    approved.ips.push(address);
                }
            }
            "mac" => {
                // Blanks may stand between the digits of one.
                let parts: Vec<&str> = match mac(value) {
                    Some(_) => vec![value],
                    None => several().collect(),
                };
                for part in parts {
                    let address =
                        mac(part).ok_or_else(|| format!("`{part}` is no hardware address"))?;
                    approved.macs.push(address);
                }
            }
            "name" => approved.name = text,
            "vendor" => approved.vendor = text,
            "model" => approved.model = text,
            "os" => approved.os = text,
            "kind" => approved.kind = text,
            "serial" => approved.serial = text,
            _ => approved.owner = text,
        }
    }
    Ok(approved)
}
