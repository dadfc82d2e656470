//! JSON as `NetBox`'s API exports it: `dcim` devices with their primary addresses, `dcim` interfaces, `ipam` addresses.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Approved, Import, ImportError, ip, mac};

/// Reads one page, or a list of objects.
pub(super) fn read(text: &str) -> Result<Import, ImportError> {
    let value: Value = serde_json::from_str(text).map_err(|error| ImportError::Syntax {
        line: error.line().try_into().unwrap_or_default(),
        reason: error.to_string(),
    })?;
    let list = match &value {
        Value::Array(list) => list,
        Value::Object(object) => match object.get("results") {
            Some(Value::Array(list)) => list,
            _ => return Err(ImportError::NotNetBox),
        },
        _ => return Err(ImportError::NotNetBox),
    };
    let mut import = Import::default();
    // Addresses and interfaces of one device are one asset.
    let mut devices: BTreeMap<String, Approved> = BTreeMap::new();
    for (number, entry) in list.iter().enumerate() {
        let line = u64::try_from(number).unwrap_or(u64::MAX).saturating_add(1);
        match object(entry, line) {
            Ok((Some(device), part)) => {
                let whole = devices.entry(device).or_insert_with(|| Approved {
                    line,
                    ..Approved::default()
                });
                merge(whole, part);
            }
            Ok((None, alone)) => import.take(line, Ok(alone)),
            Err(reason) => import.refuse(line, reason),
        }
    }
    for device in devices.into_values() {
        import.take(device.line, Ok(device));
    }
    import.approved.sort_by_key(|approved| approved.line);
    Ok(import)
}

fn merge(whole: &mut Approved, part: Approved) {
    for ip in part.ips {
        if !whole.ips.contains(&ip) {
            whole.ips.push(ip);
        }
    }
    for mac in part.macs {
        if !whole.macs.contains(&mac) {
            whole.macs.push(mac);
        }
    }
    let texts = [
        (&mut whole.name, part.name),
        (&mut whole.vendor, part.vendor),
        (&mut whole.model, part.model),
        (&mut whole.os, part.os),
        (&mut whole.kind, part.kind),
        (&mut whole.serial, part.serial),
        (&mut whole.owner, part.owner),
    ];
    for (known, told) in texts {
        *known = known.take().or(told);
    }
}

fn text(value: &Value, path: &[&str]) -> Option<String> {
    let mut value = value;
    for name in path {
        value = value.get(name)?;
    }
    // Older versions give a name, newer ones an object.
    let text = value.as_str().or_else(|| value.get("name")?.as_str())?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// What one object says, and of which device if it is a part of one.
fn object(entry: &Value, line: u64) -> Result<(Option<String>, Approved), String> {
    if !entry.is_object() {
        return Err("no object".to_owned());
    }
    let mut approved = Approved {
        line,
        ..Approved::default()
    };
    if let Some(macs) = entry.get("mac_address").and_then(Value::as_str) {
        approved
            .macs
            .push(mac(macs).ok_or_else(|| format!("`{macs}` is no hardware address"))?);
    }
    if let Some(address) = entry.get("address").and_then(Value::as_str) {
        approved
            .ips
            .push(ip(address).ok_or_else(|| format!("`{address}` is no IP address"))?);
        approved.name = text(entry, &["assigned_object", "device"])
            .or_else(|| text(entry, &["assigned_object", "virtual_machine"]));
        approved.owner = text(entry, &["tenant"]);
        let device = approved.name.clone();
        approved.name = approved.name.or_else(|| text(entry, &["dns_name"]));
        return Ok((device, approved));
    }
    if let Some(device) = text(entry, &["device"]).filter(|_| entry.get("device_type").is_none()) {
        approved.name = Some(device.clone());
        return Ok((Some(device), approved));
    }
    for which in ["primary_ip4", "primary_ip6", "primary_ip", "oob_ip"] {
        let address = entry
            .get(which)
            .and_then(|value| value.get("address")?.as_str());
        if let Some(address) = address {
            let parsed = ip(address).ok_or_else(|| format!("`{address}` is no IP address"))?;
            if !approved.ips.contains(&parsed) {
                approved.ips.push(parsed);
            }
        }
    }
    approved.name = text(entry, &["name"]).or_else(|| text(entry, &["display"]));
    approved.vendor = text(entry, &["device_type", "manufacturer"]);
    approved.model = text(entry, &["device_type", "model"]);
    approved.os = text(entry, &["platform"]);
    approved.serial = text(entry, &["serial"]);
    approved.owner = text(entry, &["tenant"]);
    let role = text(entry, &["role", "slug"]).or_else(|| text(entry, &["device_role", "slug"]));
    approved.kind = role;
    Ok((approved.name.clone(), approved))
}
