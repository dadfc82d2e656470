//! Makers' own searches on the local network: Ubiquiti, Hikvision, Dahua, Dropbox, Syncthing, Steam.
//!
//! Spec: Ubiquiti discovery (type, length, value) and Dahua DHIP as they send; Hikvision SADP (XML); Dropbox LAN sync discovery (JSON);
//! Syncthing Local Discovery Protocol v4; Steam `CMsgRemoteClientBroadcastHeader` and `CMsgRemoteClientBroadcastStatus`.

use std::net::{IpAddr, Ipv4Addr};

use crate::json;
use crate::octets::{array, counted16, foreign, head, le32, more, octet, take, whole};
use crate::protobuf::{self, Value};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Joined, Key, Mac, Out, Subject};
use crate::text::{between, find};

/// Model in full: `NanoStation Loco M5`.
pub const UBNT_MODEL: Key = Key("ubnt-discovery.model");
/// Short name of the model or its platform: `LM5`.
pub const UBNT_PLATFORM: Key = Key("ubnt-discovery.platform");
/// Firmware: `XM.ar7240.v5.6.15.30572.170328.1052`.
pub const UBNT_FIRMWARE: Key = Key("ubnt-discovery.firmware");
/// Host name.
pub const UBNT_HOST: Key = Key("ubnt-discovery.host_name");
/// Hardware address.
pub const UBNT_MAC: Key = Key("ubnt-discovery.mac");
/// Model, as the device describes itself: `DS-2CD2032-I`.
pub const SADP_DESCRIPTION: Key = Key("sadp.device_description");
/// Model and serial number in one.
pub const SADP_SERIAL: Key = Key("sadp.device_sn");
/// Firmware: `V5.5.6build 180326`.
pub const SADP_SOFTWARE: Key = Key("sadp.software_version");
/// Hardware address, as it writes it.
pub const SADP_MAC: Key = Key("sadp.mac");
/// Model: `IPC-HDW5421S`.
pub const DHIP_TYPE: Key = Key("dhip.device_type");
/// Class: `IPC`, `NVR`, `VTO`.
pub const DHIP_CLASS: Key = Key("dhip.device_class");
/// Serial number.
pub const DHIP_SERIAL: Key = Key("dhip.serial_number");
/// Firmware version.
pub const DHIP_VERSION: Key = Key("dhip.version");
/// Name of the machine.
pub const DHIP_NAME: Key = Key("dhip.machine_name");
/// Vendor, where the device names one.
pub const DHIP_VENDOR: Key = Key("dhip.vendor");
/// Hardware address, as it writes it.
pub const DHIP_MAC: Key = Key("dhip.mac");
/// Version of the protocol: `2.0`.
pub const DROPBOX_VERSION: Key = Key("dropbox-lan.version");
/// Number of the installation.
pub const DROPBOX_HOST: Key = Key("dropbox-lan.host_id");
/// Name of the host, where it is told.
pub const DROPBOX_NAME: Key = Key("dropbox-lan.display_name");
/// Device id: the digest of its certificate, in hex.
pub const SYNCTHING_ID: Key = Key("syncthing.device_id");
/// Host name.
pub const STEAM_HOST: Key = Key("steam-discovery.host_name");
/// Number of the operating system (`EOSType`).
pub const STEAM_OS: Key = Key("steam-discovery.os_type");
/// Hardware addresses.
pub const STEAM_MAC: Key = Key("steam-discovery.mac_addresses");

/// Registration of Ubiquiti's discovery.
pub static UBNT: Protocol = Protocol {
    name: "ubnt-discovery",
    spec: "Ubiquiti discovery, as sent",
    carriers: &[Carrier::Udp(10001)],
    keys: &[
        UBNT_MODEL,
        UBNT_PLATFORM,
        UBNT_FIRMWARE,
        UBNT_HOST,
        UBNT_MAC,
    ],
    frame: None,
    recognise: ubnt_recognise,
    operation: None,
    probes: &[],
    dissect: ubnt_dissect,
};

/// Registration of Hikvision's search.
pub static SADP: Protocol = Protocol {
    name: "sadp",
    spec: "Hikvision SADP, as sent",
    carriers: &[Carrier::Udp(37020)],
    keys: &[SADP_DESCRIPTION, SADP_SERIAL, SADP_SOFTWARE, SADP_MAC],
    frame: None,
    recognise: |message| {
        if !message.starts_with(b"<?xml") && !message.starts_with(b"<Probe") {
            return None;
        }
        // WS-Discovery has the same words, but in a namespace, and a name of another form.
        if find(message, b"<ProbeMatch>").is_some() && find(message, b"<DeviceSN>").is_some() {
            return Some(Recognition::STRONG.from(Role::Server));
        }
        (find(message, b"<Probe>").is_some() && find(message, b"<Types>").is_some())
            .then_some(Recognition::STRONG.from(Role::Client))
    },
    operation: None,
    probes: &[],
    dissect: sadp_dissect,
};

/// Registration of Dahua's protocol.
pub static DHIP: Protocol = Protocol {
    name: "dhip",
    spec: "Dahua DHIP, as sent",
    carriers: &[Carrier::Udp(37810), Carrier::Tcp(37777), Carrier::Tcp(5000)],
    keys: &[
        DHIP_TYPE,
        DHIP_CLASS,
        DHIP_SERIAL,
        DHIP_VERSION,
        DHIP_NAME,
        DHIP_VENDOR,
        DHIP_MAC,
    ],
    frame: Some(dhip_frame),
    recognise: |message| {
        message
            .starts_with(DHIP_MARK)
            .then_some(Recognition::STRONG)
    },
    operation: None,
    probes: &[],
    dissect: dhip_dissect,
};

/// Registration of Dropbox LAN sync.
pub static DROPBOX: Protocol = Protocol {
    name: "dropbox-lan",
    spec: "Dropbox LAN sync discovery, as sent",
    carriers: &[Carrier::Udp(17500)],
    keys: &[DROPBOX_VERSION, DROPBOX_HOST, DROPBOX_NAME],
    frame: None,
    recognise: |message| {
        (message.starts_with(b"{\"")
            && json::has(message, b"host_int")
            && json::has(message, b"namespaces"))
        .then_some(Recognition::STRONG)
    },
    operation: None,
    probes: &[],
    dissect: dropbox_dissect,
};

/// Registration of Syncthing's local discovery.
pub static SYNCTHING: Protocol = Protocol {
    name: "syncthing",
    spec: "Syncthing Local Discovery Protocol v4",
    carriers: &[Carrier::Udp(21027)],
    keys: &[SYNCTHING_ID],
    frame: None,
    recognise: |message| syncthing_id(message).map(|_| Recognition::STRONG),
    operation: None,
    probes: &[],
    dissect: |message, out| {
        if let Some(id) = syncthing_id(message.bytes) {
            let hex = Hex(id);
            out.text(Subject::Sender, SYNCTHING_ID, id, format_args!("{hex}"));
        }
        Ok(())
    },
};

/// Registration of Steam's discovery.
pub static STEAM: Protocol = Protocol {
    name: "steam-discovery",
    spec: "Steam CMsgRemoteClientBroadcastStatus",
    carriers: &[Carrier::Udp(27036)],
    keys: &[STEAM_HOST, STEAM_OS, STEAM_MAC],
    frame: None,
    recognise: |message| {
        (message.starts_with(STEAM_MARK) && message.len() > 12).then_some(Recognition::STRONG)
    },
    operation: None,
    probes: &[],
    dissect: steam_dissect,
};

/// Octets as hex digits.
struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// The attributes of a message: version 1 or 2, command, the exact length.
fn ubnt_attributes(message: &[u8]) -> Option<&[u8]> {
    match *message {
        [1, 0, high, low, ref rest @ ..] | [2, 6..=11, high, low, ref rest @ ..] => {
            (usize::from(u16::from_be_bytes([high, low])) == rest.len()).then_some(rest)
        }
        _ => None,
    }
}

/// Every attribute must be known and have its length; who asks sends none.
fn ubnt_recognise(message: &[u8]) -> Option<Recognition> {
    let mut rest = ubnt_attributes(message)?;
    if rest.is_empty() {
        return Some(Recognition::WEAK.from(Role::Client));
    }
    let mut addressed = false;
    while !rest.is_empty() {
        let kind = octet(&mut rest, "ubnt attribute").ok()?;
        let value = counted16(&mut rest, "ubnt attribute").ok()?;
        match (kind, value.len()) {
            (1 | 5 | 0x13, 6) | (2, 10) => addressed = true,
            (0 | 1 | 2 | 5 | 0x13 | 0x40.., _) => return None,
            _ => {}
        }
    }
    addressed.then_some(Recognition::STRONG.from(Role::Server))
}

fn ubnt_dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let Some(mut rest) = ubnt_attributes(message.bytes) else {
        return Ok(());
    };
    while !rest.is_empty() {
        let kind = octet(&mut rest, "ubnt attribute")?;
        let value = counted16(&mut rest, "ubnt attribute")?;
        match kind {
            1 | 2 => {
                if let Some((mac, address)) = value.split_first_chunk::<6>() {
                    let octets = value.get(..6).unwrap_or_default();
                    out.text(
                        Subject::Sender,
                        UBNT_MAC,
                        octets,
                        format_args!("{}", Mac(*mac)),
                    );
                    if let [a, b, c, d] = *address {
                        let address = IpAddr::V4(Ipv4Addr::new(a, b, c, d));
                        out.address(Subject::Sender, address);
                    }
                }
            }
            3 => out.say(Subject::Sender, UBNT_FIRMWARE, value),
            0x0b => out.say(Subject::Sender, UBNT_HOST, value),
            0x0c | 0x15 => out.say(Subject::Sender, UBNT_PLATFORM, value),
            0x14 => out.say(Subject::Sender, UBNT_MODEL, value),
            _ => {}
        }
    }
    Ok(())
}

fn sadp_dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    if find(message.bytes, b"<ProbeMatch>").is_none() {
        return Ok(());
    }
    for (open, close, key) in [
        (
            &b"<DeviceDescription>"[..],
            &b"</DeviceDescription>"[..],
            SADP_DESCRIPTION,
        ),
        (b"<DeviceSN>", b"</DeviceSN>", SADP_SERIAL),
        (b"<SoftwareVersion>", b"</SoftwareVersion>", SADP_SOFTWARE),
        (b"<MAC>", b"</MAC>", SADP_MAC),
    ] {
        if let Some(value) = between(message.bytes, open, close) {
            out.say(Subject::Sender, key, value);
        }
    }
    Ok(())
}

/// Length of the header, and what it is.
const DHIP_MARK: &[u8] = b"\x20\0\0\0DHIP";
const DHIP_HEADER: usize = 32;
const LONGEST_DHIP: u32 = 32_768;

/// Mark, session, number, length of the JSON behind the header.
fn dhip_frame(input: &[u8]) -> Framed {
    if !input.starts_with(DHIP_MARK) {
        if DHIP_MARK.starts_with(input) {
            return Err(more(DHIP_MARK.len(), input));
        }
        return Err(foreign("dhip mark", input));
    }
    let mut rest = &head::<DHIP_HEADER>(input)?[..];
    let skipped = take(&mut rest, 16, "dhip header");
    let length = skipped.and_then(|_| le32(&mut rest, "dhip length"));
    match length {
        Ok(length @ 0..=LONGEST_DHIP) => {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            whole(input, length.saturating_add(DHIP_HEADER))
        }
        _ => Err(foreign("dhip length", input)),
    }
}

fn dhip_dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    take(&mut rest, DHIP_HEADER, "dhip header")?;
    // Only what a device tells of itself: logins and settings go the same way.
    if json::string(rest, b"method") != Some(b"client.notifyDevInfo") {
        return Ok(());
    }
    for (name, key) in [
        (&b"DeviceType"[..], DHIP_TYPE),
        (b"DeviceClass", DHIP_CLASS),
        (b"SerialNo", DHIP_SERIAL),
        (b"Version", DHIP_VERSION),
        (b"MachineName", DHIP_NAME),
        (b"Vendor", DHIP_VENDOR),
        (b"mac", DHIP_MAC),
    ] {
        if let Some(value) = json::string(rest, name) {
            out.say(Subject::Sender, key, value);
        }
    }
    Ok(())
}

/// What is shared (`namespaces`) is nobody's business.
fn dropbox_dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let json = message.bytes;
    if let Some(version) = between(json, b"\"version\": [", b"]") {
        let parts = version.split(|c| *c == b',').map(<[u8]>::trim_ascii);
        let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit) && part.len() <= 4;
        if parts.clone().all(digits) {
            let mut parts = parts.map(crate::text::Text);
            if let (Some(major), Some(minor), None) = (parts.next(), parts.next(), parts.next()) {
                out.text(
                    Subject::Sender,
                    DROPBOX_VERSION,
                    version,
                    format_args!("{major}.{minor}"),
                );
            }
        }
    }
    if let Some(id) = json::number(json, b"host_int") {
        out.say(Subject::Sender, DROPBOX_HOST, id);
    }
    if let Some(name) = json::string(json, b"displayname") {
        out.say(Subject::Sender, DROPBOX_NAME, name);
    }
    Ok(())
}

/// The magic number, then an announcement whose first field is an id of 32 octets.
fn syncthing_id(message: &[u8]) -> Option<&[u8]> {
    let announcement = message.strip_prefix(&[0x2e, 0xa7, 0xd9, 0x0b])?;
    protobuf::octets(announcement, 1).filter(|id| id.len() == 32)
}

const STEAM_MARK: &[u8] = b"\xff\xff\xff\xff\x21\x4c\x5f\xa0";
/// `msg_type` of a status.
const STEAM_STATUS: u64 = 1;
/// Hardware addresses that are told of one host.
const ADDRESSES: usize = 8;

/// Mark, header behind its length, body behind its length. Accounts (`users`) are passed over.
fn steam_dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    array::<8>(&mut rest, "steam mark")?;
    let mut part = |what| {
        let length = usize::try_from(le32(&mut rest, what)?).unwrap_or(usize::MAX);
        take(&mut rest, length, what)
    };
    let mut header = part("steam header")?;
    let mut body = part("steam body")?;
    let mut status = false;
    while !header.is_empty() {
        status |= protobuf::field(&mut header)? == (2, Value::Number(STEAM_STATUS));
    }
    if !status {
        return Ok(());
    }
    let octets = body;
    let mut addresses = [&b""[..]; ADDRESSES];
    let mut free = addresses.iter_mut();
    while !body.is_empty() {
        match protobuf::field(&mut body)? {
            (4, Value::Octets(name)) => out.say(Subject::Sender, STEAM_HOST, name),
            (15, Value::Octets(mac)) if mac.len() == 17 && crate::text::is_printable(mac) => {
                if let Some(place) = free.next() {
                    *place = mac;
                }
            }
            (7, Value::Number(number)) => {
                // Negative for all but Windows (two's complement of 64 bits).
                let number = number.cast_signed();
                out.text(Subject::Sender, STEAM_OS, octets, format_args!("{number}"));
            }
            _ => {}
        }
    }
    let told = addresses.iter().filter(|mac| !mac.is_empty());
    let told = Joined(told.map(|mac| crate::text::Text(mac)));
    out.text(Subject::Sender, STEAM_MAC, octets, format_args!("{told}"));
    Ok(())
}
