//! Plugs, lamps and other things of a smart home that tell who they are when they are looked for:
//! TP-Link Kasa and Tapo, Tuya, Xiaomi, LIFX, Yeelight.
//!
//! Spec: TP-Link Smart Home Protocol (sentences of JSON under an autokey cipher) and its successor's discovery (a header, JSON);
//! Tuya local protocol 3.1 to 3.5 (announcements are sealed with a key that is everybody's); miIO binary protocol, "packet format";
//! LIFX LAN Protocol, "packet contents" and "information messages"; Yeelight Light Inter-Operation Specification §3.

use aes::Aes128;
use aes::cipher::{BlockDecrypt, KeyInit};
use aes_gcm::aead::AeadInPlace;
use aes_gcm::{Aes128Gcm, Nonce, Tag};

use crate::json;
use crate::octets::{array, be32, foreign, head, le16, le32, take, whole};
use crate::protocol::{Carrier, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Mac, Out, Subject};
use crate::text::{Text, find, header, lines};

/// Model: `HS110(EU)`.
pub const SHP_MODEL: Key = Key("tplink-shp.model");
/// Name that its owner gave it.
pub const SHP_ALIAS: Key = Key("tplink-shp.alias");
/// What it is in words: `Wi-Fi Smart Plug With Energy Monitoring`.
pub const SHP_DESCRIPTION: Key = Key("tplink-shp.description");
/// Kind: `IOT.SMARTPLUGSWITCH`, `SMART.TAPOBULB`.
pub const SHP_TYPE: Key = Key("tplink-shp.type");
/// Hardware version.
pub const SHP_HARDWARE: Key = Key("tplink-shp.hardware_version");
/// Software version.
pub const SHP_SOFTWARE: Key = Key("tplink-shp.software_version");
/// Device id, unique.
pub const SHP_DEVICE_ID: Key = Key("tplink-shp.device_id");
/// Hardware address, as it writes it.
pub const SHP_MAC: Key = Key("tplink-shp.mac");
/// Id of the device, unique.
pub const TUYA_ID: Key = Key("tuya.gateway_id");
/// Key of the product, the same for all of its kind.
pub const TUYA_PRODUCT: Key = Key("tuya.product_key");
/// Version of the protocol it speaks.
pub const TUYA_VERSION: Key = Key("tuya.version");
/// Device id, decimal.
pub const MIIO_ID: Key = Key("miio.device_id");
/// Vendor number; LIFX itself is 1.
pub const LIFX_VENDOR: Key = Key("lifx.vendor");
/// Vendor and product number: `1:27`.
pub const LIFX_PRODUCT: Key = Key("lifx.product");
/// Firmware of the host processor: `3.70`.
pub const LIFX_FIRMWARE: Key = Key("lifx.firmware");
/// Name that its owner gave it.
pub const LIFX_LABEL: Key = Key("lifx.label");
/// Hardware address of a lamp that answers.
pub const LIFX_MAC: Key = Key("lifx.mac");
/// Model: `color`, `ceiling4`.
pub const YEELIGHT_MODEL: Key = Key("yeelight.model");
/// Firmware version.
pub const YEELIGHT_FIRMWARE: Key = Key("yeelight.firmware");
/// Id, unique.
pub const YEELIGHT_ID: Key = Key("yeelight.id");
/// Name that its owner gave it.
pub const YEELIGHT_NAME: Key = Key("yeelight.name");

/// Registration of TP-Link's protocols.
pub static TPLINK_SHP: Protocol = Protocol {
    name: "tplink-shp",
    spec: "TP-Link Smart Home Protocol",
    carriers: &[Carrier::Udp(9999), Carrier::Tcp(9999), Carrier::Udp(20002)],
    keys: &[
        SHP_MODEL,
        SHP_ALIAS,
        SHP_DESCRIPTION,
        SHP_TYPE,
        SHP_HARDWARE,
        SHP_SOFTWARE,
        SHP_DEVICE_ID,
        SHP_MAC,
    ],
    frame: Some(shp_frame),
    recognise: shp_recognise,
    operation: None,
    probes: &[],
    dissect: shp_dissect,
};

/// Registration of Tuya.
pub static TUYA: Protocol = Protocol {
    name: "tuya",
    spec: "Tuya local protocol",
    carriers: &[
        Carrier::Udp(6666),
        Carrier::Udp(6667),
        Carrier::Udp(7000),
        Carrier::Tcp(6668),
    ],
    keys: &[TUYA_ID, TUYA_PRODUCT, TUYA_VERSION],
    frame: Some(tuya_frame),
    recognise: |message| {
        let length = tuya_length(message.get(..18).unwrap_or(message))?;
        let ends = message.ends_with(&[0, 0, 0xaa, 0x55]) || message.ends_with(&[0, 0, 0x99, 0x66]);
        (length == message.len() && ends).then_some(Recognition::STRONG)
    },
    operation: None,
    probes: &[],
    dissect: tuya_dissect,
};

/// Registration of Xiaomi's miIO.
pub static MIIO: Protocol = Protocol {
    name: "miio",
    spec: "miIO binary protocol",
    carriers: &[Carrier::Udp(54321)],
    keys: &[MIIO_ID],
    frame: None,
    recognise: |message| match *message {
        [0x21, 0x31, high, low, ..]
            if message.len() >= MIIO_HEADER
                && usize::from(u16::from_be_bytes([high, low])) == message.len() =>
        {
            Some(Recognition::STRONG)
        }
        _ => None,
    },
    operation: None,
    probes: &[],
    dissect: miio_dissect,
};

/// Registration of LIFX.
pub static LIFX: Protocol = Protocol {
    name: "lifx",
    spec: "LIFX LAN Protocol",
    carriers: &[Carrier::Udp(56700)],
    keys: &[
        LIFX_VENDOR,
        LIFX_PRODUCT,
        LIFX_FIRMWARE,
        LIFX_LABEL,
        LIFX_MAC,
    ],
    frame: None,
    recognise: |message| {
        lifx_kind(message).map(|kind| {
            if LIFX_STATES.contains(&kind) {
                Recognition::STRONG.from(Role::Server)
            } else {
                Recognition::STRONG
            }
        })
    },
    operation: None,
    probes: &[],
    dissect: lifx_dissect,
};

/// Registration of Yeelight, which looks like SSDP.
pub static YEELIGHT: Protocol = Protocol {
    name: "yeelight",
    spec: "Yeelight Inter-Operation Specification",
    carriers: &[Carrier::Udp(1982)],
    keys: &[
        YEELIGHT_MODEL,
        YEELIGHT_FIRMWARE,
        YEELIGHT_ID,
        YEELIGHT_NAME,
    ],
    frame: None,
    recognise: |message| {
        let begins = |line: &[u8]| message.starts_with(line);
        if begins(b"M-SEARCH * HTTP/1.1") {
            return lines(message)
                .any(|line| header(line, b"ST") == Some(b"wifi_bulb"))
                .then_some(Recognition::STRONG.from(Role::Client));
        }
        let announces = begins(b"HTTP/1.1 200 OK") || begins(b"NOTIFY * HTTP/1.1");
        (announces && find(message, b"location: yeelight://").is_some())
            .then_some(Recognition::STRONG.from(Role::Server))
    },
    operation: None,
    probes: &[],
    dissect: yeelight_dissect,
};

/// Longest sentence that is read.
const LONGEST_SENTENCE: usize = 4096;
/// First key of the autokey cipher; every octet is the key of the one after it.
const AUTOKEY: u8 = 171;

/// On a stream the length comes first; the sentence opens with a brace.
fn shp_frame(input: &[u8]) -> Framed {
    let [0, 0, high, low, first] = head::<5>(input)? else {
        return Err(foreign("smart home length", input));
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if first ^ AUTOKEY != b'{' || !(2..=LONGEST_SENTENCE).contains(&length) {
        return Err(foreign("smart home sentence", input));
    }
    if let Some(second) = input.get(5)
        && first ^ second != b'"'
    {
        return Err(foreign("smart home sentence", input));
    }
    whole(input, length.saturating_add(4))
}

/// What one message says: its JSON, in the message or deciphered into `plain`, and where that stands in the message.
fn shp_sentence<'a>(
    message: &'a [u8],
    plain: &'a mut [u8; LONGEST_SENTENCE],
) -> Option<(&'a [u8], usize)> {
    let (cipher, start) = match *message {
        // Since Tapo: version 2, discovery, length, flags, serial number, checksum; then JSON in the clear.
        [
            2,
            0,
            0,
            1,
            high,
            low,
            0x11,
            0,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            ref body @ ..,
        ] => {
            let whole = usize::from(u16::from_be_bytes([high, low])) == body.len();
            return (whole && body.starts_with(b"{")).then_some((body, 16));
        }
        [0, 0, high, low, ref cipher @ ..]
            if usize::from(u16::from_be_bytes([high, low])) == cipher.len() =>
        {
            (cipher, 4)
        }
        _ => (message, 0),
    };
    if cipher.first()? ^ AUTOKEY != b'{' || cipher.len() > LONGEST_SENTENCE {
        return None;
    }
    let mut key = AUTOKEY;
    for (to, from) in plain.iter_mut().zip(cipher) {
        *to = key ^ from;
        key = *from;
    }
    Some((plain.get(..cipher.len())?, start))
}

/// A sentence is an object whose first member is a module of the device.
fn shp_recognise(message: &[u8]) -> Option<Recognition> {
    let cipher = match *message {
        [2, 0, 0, 1, high, low, 0x11, 0, ..] => {
            let json = message.get(16..)?;
            let whole = usize::from(u16::from_be_bytes([high, low])) == json.len();
            let ours = [&b"device_model"[..], b"device_type", b"rsa_key"];
            let ours = ours.iter().any(|name| json::has(json, name));
            return (whole && json.starts_with(b"{") && ours).then_some(Recognition::STRONG);
        }
        [0, 0, high, low, ref cipher @ ..]
            if usize::from(u16::from_be_bytes([high, low])) == cipher.len() =>
        {
            cipher
        }
        _ => message,
    };
    let [first, second, .., before, last] = *cipher else {
        return None;
    };
    if first ^ AUTOKEY != b'{' || first ^ second != b'"' || before ^ last != b'}' {
        return None;
    }
    let mut key = second;
    let mut module = [0; 24];
    for (to, from) in module.iter_mut().zip(cipher.get(2..)?) {
        *to = key ^ from;
        key = *from;
    }
    let module = module.split(|c| *c == b'"').next()?;
    let known = SHP_MODULES.contains(&module) || module.starts_with(b"smartlife.iot.");
    known.then_some(Recognition::STRONG)
}

#[rustfmt::skip]
const SHP_MODULES: &[&[u8]] = &[
    b"system", b"context", b"netif", b"emeter", b"schedule", b"time", b"cnCloud", b"count_down", b"anti_theft",
];

#[rustfmt::skip]
const SHP_MEMBERS: &[(&[u8], Key)] = &[
    (b"model", SHP_MODEL), (b"device_model", SHP_MODEL),
    (b"alias", SHP_ALIAS),
    (b"dev_name", SHP_DESCRIPTION), (b"description", SHP_DESCRIPTION),
    (b"type", SHP_TYPE), (b"mic_type", SHP_TYPE), (b"device_type", SHP_TYPE),
    (b"hw_ver", SHP_HARDWARE),
    (b"sw_ver", SHP_SOFTWARE),
    (b"deviceId", SHP_DEVICE_ID), (b"device_id", SHP_DEVICE_ID),
    (b"mac", SHP_MAC), (b"mic_mac", SHP_MAC),
];

/// What `get_sysinfo` and discovery answer. Where the device is (`latitude_i`) and whose it is are passed over.
fn shp_dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut plain = [0; LONGEST_SENTENCE];
    let Some((json, start)) = shp_sentence(message.bytes, &mut plain) else {
        return Ok(());
    };
    let answers = json::has(json, b"sw_ver") || json::has(json, b"device_model");
    if !answers {
        return Ok(());
    }
    // The parts of a power strip have ids and names of their own.
    let end = find(json, b"\"children\"").unwrap_or(json.len());
    let json = json.get(..end).unwrap_or_default();
    for (name, key) in SHP_MEMBERS {
        let Some(value) = json::string(json, name).filter(|value| !value.is_empty()) else {
            continue;
        };
        // The cipher keeps every octet in its place.
        let at = value.as_ptr().addr().saturating_sub(json.as_ptr().addr());
        let at = at.saturating_add(start);
        let octets = message.bytes.get(at..at.saturating_add(value.len()));
        let octets = octets.unwrap_or_default();
        out.text(
            Subject::Sender,
            *key,
            octets,
            format_args!("{}", Text(value)),
        );
    }
    Ok(())
}

/// Prefix, sequence, command, length of what follows.
const TUYA_HEADER: usize = 16;
/// Prefix, two zeros, sequence, command, length: since 3.5.
const TUYA_HEADER_5: usize = 18;
/// MD5 of `yGAdlopoPVldABfn`: all devices seal their announcements with it.
const TUYA_KEY: [u8; 16] = [
    0x6c, 0x1e, 0xc8, 0xe2, 0xbb, 0x9b, 0xb5, 0x9a, 0xb5, 0x0b, 0x0d, 0xaf, 0x64, 0x9b, 0x41, 0x0a,
];
/// Announcements, in the clear, sealed, and sealed since 3.4.
const TUYA_ANNOUNCES: [u32; 4] = [0x00, 0x12, 0x13, 0x23];
/// Longest announcement that is opened.
const LONGEST_ANNOUNCEMENT: usize = 1024;

/// Length of the whole message, as its header tells.
fn tuya_length(header: &[u8]) -> Option<usize> {
    let (length, before) = match *header {
        [
            0,
            0,
            0x55,
            0xaa,
            _,
            _,
            _,
            _,
            0,
            0,
            0,
            _,
            0,
            0,
            high,
            low,
            ..,
        ] => ([high, low], TUYA_HEADER),
        [
            0,
            0,
            0x66,
            0x99,
            0,
            0,
            _,
            _,
            _,
            _,
            0,
            0,
            0,
            _,
            0,
            0,
            high,
            low,
            ..,
        ] => ([high, low], TUYA_HEADER_5.saturating_add(4)),
        _ => return None,
    };
    let length = usize::from(u16::from_be_bytes(length));
    (8..=8192)
        .contains(&length)
        .then_some(length.saturating_add(before))
}

fn tuya_frame(input: &[u8]) -> Framed {
    let ([0, 0, 0x55, 0xaa] | [0, 0, 0x66, 0x99]) = head::<4>(input)? else {
        return Err(foreign("tuya prefix", input));
    };
    let header = head::<TUYA_HEADER_5>(input)?;
    match tuya_length(&header) {
        Some(length) => whole(input, length),
        None => Err(foreign("tuya length", input)),
    }
}

fn tuya_dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut plain = [0; LONGEST_ANNOUNCEMENT];
    let Some((json, octets)) = tuya_announcement(message.bytes, &mut plain)? else {
        return Ok(());
    };
    // An application that looks for devices says so with the same command.
    if !json::has(json, b"gwId") {
        return Ok(());
    }
    for (name, key) in [
        (&b"gwId"[..], TUYA_ID),
        (b"productKey", TUYA_PRODUCT),
        (b"version", TUYA_VERSION),
    ] {
        if let Some(value) = json::string(json, name) {
            out.text(
                Subject::Sender,
                key,
                octets,
                format_args!("{}", Text(value)),
            );
        }
    }
    Ok(())
}

/// JSON, and the octets of the message that hold it.
type Announcement<'a> = (&'a [u8], &'a [u8]);

/// What a device announces, opened where it is sealed.
fn tuya_announcement<'a>(
    message: &'a [u8],
    plain: &'a mut [u8; LONGEST_ANNOUNCEMENT],
) -> Result<Option<Announcement<'a>>, Fault> {
    let mut rest = message;
    let sealed = match array::<4>(&mut rest, "tuya prefix")? {
        [0, 0, 0x55, 0xaa] => false,
        [0, 0, 0x66, 0x99] => true,
        _ => return Ok(None),
    };
    if sealed {
        take(&mut rest, 2, "tuya header")?;
    }
    be32(&mut rest, "tuya sequence")?;
    let command = be32(&mut rest, "tuya command")?;
    let length = usize::try_from(be32(&mut rest, "tuya length")?).unwrap_or(usize::MAX);
    if !TUYA_ANNOUNCES.contains(&command) || length > LONGEST_ANNOUNCEMENT {
        return Ok(None);
    }
    let body = take(&mut rest, length, "tuya body")?;
    let opened = if sealed {
        let header = message.get(4..TUYA_HEADER_5).unwrap_or_default();
        tuya_unseal(header, body, plain)
    } else {
        // Behind it a checksum and the suffix; before it a return code.
        let length = length.saturating_sub(8);
        let body = body.get(..length).unwrap_or_default();
        let coded = body.strip_prefix(&[0; 4]).unwrap_or(body);
        if coded.starts_with(b"{") {
            return Ok(Some((coded, coded)));
        }
        tuya_decipher(coded, plain)
    };
    Ok(opened
        .filter(|json| json.starts_with(b"{\""))
        .map(|json| (json, body)))
}

/// AES in blocks of sixteen octets, each for itself.
fn tuya_decipher<'a>(cipher: &[u8], plain: &'a mut [u8; LONGEST_ANNOUNCEMENT]) -> Option<&'a [u8]> {
    let key = Aes128::new(&TUYA_KEY.into());
    let plain = plain.get_mut(..cipher.len())?;
    plain.copy_from_slice(cipher);
    for block in plain.chunks_exact_mut(16) {
        key.decrypt_block(block.into());
    }
    Some(plain)
}

/// AES-GCM: nonce, text, tag; the header is authenticated with it. A return code may come first.
fn tuya_unseal<'a>(
    header: &[u8],
    body: &[u8],
    plain: &'a mut [u8; LONGEST_ANNOUNCEMENT],
) -> Option<&'a [u8]> {
    let (nonce, rest) = body.split_first_chunk::<12>()?;
    let (cipher, tag) = rest.split_last_chunk::<16>()?;
    let plain = plain.get_mut(..cipher.len())?;
    plain.copy_from_slice(cipher);
    Aes128Gcm::new(&TUYA_KEY.into())
        .decrypt_in_place_detached(
            Nonce::from_slice(nonce),
            header,
            plain,
            Tag::from_slice(tag),
        )
        .ok()?;
    Some(plain.strip_prefix(&[0; 4]).unwrap_or(plain))
}

/// Mark, length, four octets, device id, time, checksum.
const MIIO_HEADER: usize = 32;

/// The id alone: where a device is not set up yet, its token stands in place of the checksum.
fn miio_dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    take(&mut rest, 8, "miio header")?;
    let octets = rest.get(..4).unwrap_or_default();
    let id = be32(&mut rest, "miio device id")?;
    // Who looks for devices has ones in all places; orders go to the device of that id.
    if message.from == Role::Server && id != u32::MAX && id != 0 {
        out.text(Subject::Sender, MIIO_ID, octets, format_args!("{id}"));
    }
    Ok(())
}

/// Header of a frame, its address and its protocol part.
const LIFX_HEADER: usize = 36;
/// What a lamp answers: its service, firmware, label, version and so on.
const LIFX_STATES: &[u16] = &[3, 13, 15, 17, 19, 22, 25, 33, 35, 50, 53, 107];

/// The type of a message: size that agrees, protocol number 1024, addressable, origin 0, reserved fields empty.
fn lifx_kind(message: &[u8]) -> Option<u16> {
    let mut rest = message;
    let size = le16(&mut rest, "lifx size").ok()?;
    let protocol = le16(&mut rest, "lifx protocol").ok()?;
    if usize::from(size) != message.len() || !matches!(protocol, 0x1400 | 0x3400) {
        return None;
    }
    let [.., 0, 0] = array::<12>(&mut rest, "lifx target").ok()? else {
        return None;
    };
    take(&mut rest, 8, "lifx address").ok()?;
    take(&mut rest, 8, "lifx reserved").ok()?;
    let kind = le16(&mut rest, "lifx type").ok()?;
    let reserved = le16(&mut rest, "lifx reserved").ok()?;
    (reserved == 0 && matches!(kind, 2..=150 | 401..=912)).then_some(kind)
}

fn lifx_dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let Some(kind) = lifx_kind(message.bytes).filter(|kind| LIFX_STATES.contains(kind)) else {
        return Ok(());
    };
    let mut rest = message.bytes;
    let header = take(&mut rest, LIFX_HEADER, "lifx header")?;
    if let Some(octets) = header.get(8..14)
        && let Some(mac) = octets.first_chunk()
        && !Mac(*mac).is_zero()
    {
        out.text(
            Subject::Sender,
            LIFX_MAC,
            octets,
            format_args!("{}", Mac(*mac)),
        );
    }
    let body = rest;
    match kind {
        // StateHostFirmware: build, reserved, minor, major.
        15 => {
            take(&mut rest, 16, "lifx build")?;
            let octets = rest;
            let minor = le16(&mut rest, "lifx minor version")?;
            let major = le16(&mut rest, "lifx major version")?;
            out.text(
                Subject::Sender,
                LIFX_FIRMWARE,
                octets,
                format_args!("{major}.{minor}"),
            );
        }
        // StateLabel.
        25 => out.say(
            Subject::Sender,
            LIFX_LABEL,
            take(&mut rest, 32, "lifx label")?,
        ),
        // StateVersion: vendor, product.
        33 => {
            let vendor = le32(&mut rest, "lifx vendor")?;
            let product = le32(&mut rest, "lifx product")?;
            let octets = body.get(..8).unwrap_or_default();
            out.text(
                Subject::Sender,
                LIFX_VENDOR,
                octets,
                format_args!("{vendor}"),
            );
            out.text(
                Subject::Sender,
                LIFX_PRODUCT,
                octets,
                format_args!("{vendor}:{product}"),
            );
        }
        _ => {}
    }
    Ok(())
}

fn yeelight_dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    if message.bytes.starts_with(b"M-SEARCH") {
        return Ok(());
    }
    for line in lines(message.bytes) {
        for (name, key) in [
            (&b"model"[..], YEELIGHT_MODEL),
            (b"fw_ver", YEELIGHT_FIRMWARE),
            (b"id", YEELIGHT_ID),
            (b"name", YEELIGHT_NAME),
        ] {
            if let Some(value) = header(line, name) {
                out.say(Subject::Sender, key, value);
            }
        }
    }
    Ok(())
}
