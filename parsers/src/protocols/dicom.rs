//! DICOM upper layer: who associates with whom, by which software, and the equipment named in data sets.
//! Nothing of a patient is ever read.
//!
//! Spec: DICOM PS3.8 §9.3 (PDUs), PS3.7 annex D.3.3 (implementation identification), PS3.5 §7.1 (data elements),
//! PS3.3 §C.7.5.1 (General Equipment), PS3.4 §F.7.2.1 (Modality Performed Procedure Step), PS3.6 (dictionary, UIDs).

use crate::octets::{array, counted16, foreign, head, le16, le32, more, take};
use crate::operation::Operation;
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};
use crate::text::{is_printable, unpadded};

/// Application entity title, of whoever bears it.
pub const AE_TITLE: Key = Key("dicom.ae_title");
/// Implementation class UID.
pub const IMPLEMENTATION_CLASS_UID: Key = Key("dicom.implementation_class_uid");
/// Implementation version name.
pub const IMPLEMENTATION_VERSION_NAME: Key = Key("dicom.implementation_version_name");
/// SOP classes that a client proposes.
pub const SOP_CLASS: Key = Key("dicom.sop_class");
/// SOP classes that a server accepts.
pub const ACCEPTED_SOP_CLASS: Key = Key("dicom.accepted_sop_class");
/// Manufacturer (0008,0070).
pub const MANUFACTURER: Key = Key("dicom.manufacturer");
/// Manufacturer's Model Name (0008,1090).
pub const MODEL_NAME: Key = Key("dicom.model_name");
/// Station Name (0008,1010).
pub const STATION_NAME: Key = Key("dicom.station_name");
/// Institution Name (0008,0080).
pub const INSTITUTION_NAME: Key = Key("dicom.institution_name");
/// Device Serial Number (0018,1000).
pub const SERIAL_NUMBER: Key = Key("dicom.serial_number");
/// Software Versions (0018,1020).
pub const SOFTWARE_VERSIONS: Key = Key("dicom.software_versions");
/// Unique Device Identifier (0018,1009), in the UDI Sequence (0018,100A).
pub const UDI: Key = Key("dicom.udi");
/// Device UID (0018,1002).
pub const DEVICE_UID: Key = Key("dicom.device_uid");
/// Institutional Department Name (0008,1040).
pub const DEPARTMENT_NAME: Key = Key("dicom.department_name");
/// Detector ID (0018,700A).
pub const DETECTOR_ID: Key = Key("dicom.detector_id");
/// Gantry ID (0018,1008).
pub const GANTRY_ID: Key = Key("dicom.gantry_id");
/// Scheduled Station AE Title (0040,0001) that a client asks its own worklist for.
pub const SCHEDULED_STATION: Key = Key("dicom.scheduled_station");
/// Modality (0008,0060).
pub const MODALITY: Key = Key("dicom.modality");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "dicom",
    spec: "DICOM PS3.8",
    carriers: &[Carrier::Tcp(104), Carrier::Tcp(11112), Carrier::Tcp(4242)],
    keys: &[
        AE_TITLE,
        IMPLEMENTATION_CLASS_UID,
        IMPLEMENTATION_VERSION_NAME,
        SOP_CLASS,
        ACCEPTED_SOP_CLASS,
        MANUFACTURER,
        MODEL_NAME,
        STATION_NAME,
        INSTITUTION_NAME,
        SERIAL_NUMBER,
        SOFTWARE_VERSIONS,
        UDI,
        DEVICE_UID,
        DEPARTMENT_NAME,
        DETECTOR_ID,
        GANTRY_ID,
        SCHEDULED_STATION,
        MODALITY,
    ],
    frame: Some(frame),
    recognise,
    operation: Some(operation),
    probes: &[ECHO_104, ECHO_11112, ECHO_4242],
    dissect,
};

/// Titles have 16 characters (PS3.8 §9.3.2); what answers only those it knows must be asked under names that it knows.
const CALLED_TITLE: Piece = Piece::Hole(
    Hole::Padded {
        name: "dicom.called_title",
        default: b"ANY-SCP",
        length: 16,
    },
    "called application entity title",
);
const CALLING_TITLE: Piece = Piece::Hole(
    Hole::Padded {
        name: "dicom.calling_title",
        default: b"FOSSICK",
        length: 16,
    },
    "calling application entity title",
);

/// Verification (PS3.4 annex A): an association for it alone, C-ECHO, and its release. A refusal is too short to go on from.
const ECHO_104: Probe = Probe {
    name: "verification (C-ECHO), port 104",
    asks: &[IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME],
    carrier: Carrier::Tcp(104),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[
        Step {
            sends: &[
                Piece::Octets(
                    &[0x01, 0x00, 0x00, 0x00, 0x00, 0xde],
                    "A-ASSOCIATE-RQ, 222 octets follow",
                ),
                Piece::Octets(&[0x00, 0x01, 0x00, 0x00], "version 1"),
                CALLED_TITLE,
                CALLING_TITLE,
                Piece::Octets(&[0; 32], "reserved"),
                Piece::Octets(
                    b"\x10\0\0\x151.2.840.10008.3.1.1.1",
                    "application context: DICOM",
                ),
                Piece::Octets(
                    b"\x20\0\0\x2e\x01\0\0\0",
                    "presentation context 1, 46 octets",
                ),
                Piece::Octets(
                    b"\x30\0\0\x111.2.840.10008.1.1",
                    "abstract syntax: verification",
                ),
                Piece::Octets(
                    b"\x40\0\0\x111.2.840.10008.1.2",
                    "transfer syntax: implicit VR little endian",
                ),
                Piece::Octets(b"\x50\0\0\x4b", "user information, 75 octets"),
                Piece::Octets(b"\x51\0\0\x04\0\0\x40\0", "PDUs of up to 16384 octets"),
                Piece::Octets(
                    b"\x52\0\0\x2c2.25.186302164107539416842914093526780481713",
                    "implementation class UID (PS3.5 annex B)",
                ),
                Piece::Octets(
                    b"\x55\0\0\x0fFOSSICK_SCANNER",
                    "implementation version name",
                ),
            ],
            until: Until::Answer,
        },
        Step {
            sends: &[
                Piece::Octets(
                    &[0x04, 0x00, 0x00, 0x00, 0x00, 0x4a],
                    "P-DATA-TF, 74 octets follow",
                ),
                Piece::Octets(&[0x00, 0x00, 0x00, 0x46], "value of 70 octets"),
                Piece::Hole(
                    Hole::Answer {
                        step: 0,
                        at: 103,
                        length: 1,
                    },
                    "presentation context, as it was accepted",
                ),
                Piece::Octets(&[0x03], "a command, whole"),
                Piece::Octets(
                    &[
                        0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x38, 0x00, 0x00, 0x00,
                    ],
                    "(0000,0000) 56 octets follow",
                ),
                Piece::Octets(
                    b"\0\0\x02\0\x12\0\0\x001.2.840.10008.1.1\0",
                    "(0000,0002) verification",
                ),
                Piece::Octets(
                    &[0x00, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x30, 0x00],
                    "(0000,0100) C-ECHO-RQ",
                ),
                Piece::Octets(
                    &[0x00, 0x00, 0x10, 0x01, 0x02, 0x00, 0x00, 0x00, 0x01, 0x00],
                    "(0000,0110) message 1",
                ),
                Piece::Octets(
                    &[0x00, 0x00, 0x00, 0x08, 0x02, 0x00, 0x00, 0x00, 0x01, 0x01],
                    "(0000,0800) no data set",
                ),
            ],
            until: Until::Answer,
        },
        Step {
            sends: &[Piece::Octets(
                &[0x05, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00],
                "A-RELEASE-RQ",
            )],
            until: Until::Answer,
        },
    ],
    frames: 12,
};

const ECHO_11112: Probe = Probe {
    name: "verification (C-ECHO), port 11112",
    carrier: Carrier::Tcp(11112),
    ..ECHO_104
};

const ECHO_4242: Probe = Probe {
    name: "verification (C-ECHO), port 4242",
    carrier: Carrier::Tcp(4242),
    ..ECHO_104
};

const ASSOCIATE_RQ: u8 = 1;
const ASSOCIATE_AC: u8 = 2;
const DATA: u8 = 4;
/// Associations are shorter; more is not one.
const LONGEST_ASSOCIATION: u32 = 32_768;
/// Of a data PDU so many octets are read: equipment comes before pixels.
const READ: u32 = 8192;

fn frame(input: &[u8]) -> Framed {
    let [kind, reserved, l0, l1, l2, l3] = head::<6>(input)?;
    let length = u32::from_be_bytes([l0, l1, l2, l3]);
    let read = match kind {
        ASSOCIATE_RQ | ASSOCIATE_AC if (68..=LONGEST_ASSOCIATION).contains(&length) => length,
        DATA if length >= 6 => length.min(READ),
        3 | 5..=7 if length == 4 => length,
        _ => return Err(foreign("dicom pdu", input)),
    };
    if reserved != 0 {
        return Err(foreign("dicom pdu", input));
    }
    let length_read = usize::try_from(read)
        .unwrap_or(usize::MAX)
        .saturating_add(6);
    if input.len() < length_read {
        return Err(more(length_read, input));
    }
    Ok(Cut {
        length: length_read,
        skip: u64::from(length.saturating_sub(read)),
    })
}

/// Associations have a version, two titles and the one application context; data has a presentation context.
fn recognise(message: &[u8]) -> Option<Recognition> {
    match *message {
        [
            kind @ (ASSOCIATE_RQ | ASSOCIATE_AC),
            0,
            _,
            _,
            _,
            _,
            0,
            1,
            ..,
        ] => {
            // Both titles are padded with blanks; the items follow the 32 reserved octets behind them.
            let titles = message.get(10..42)?;
            let role = if kind == ASSOCIATE_RQ {
                Role::Client
            } else {
                Role::Server
            };
            (is_printable(titles) && message.get(74) == Some(&0x10))
                .then_some(Recognition::STRONG.from(role))
        }
        [DATA, 0, ..] => {
            // The first value: its length, an odd presentation context, two flags of control.
            let [_, _, _, _, context, control] = *message.get(6..)?.first_chunk::<6>()?;
            (context & 1 == 1 && control < 4).then_some(Recognition::WEAK)
        }
        [3 | 5..=7, 0, 0, 0, 0, 4, ..] => Some(Recognition::WEAK),
        _ => None,
    }
}

/// Names of requests (PS3.7 §E.1).
const COMMANDS: [(u16, &str); 12] = [
    (0x0001, "C-STORE"),
    (0x0010, "C-GET"),
    (0x0020, "C-FIND"),
    (0x0021, "C-MOVE"),
    (0x0030, "C-ECHO"),
    (0x0100, "N-EVENT-REPORT"),
    (0x0110, "N-GET"),
    (0x0120, "N-SET"),
    (0x0130, "N-ACTION"),
    (0x0140, "N-CREATE"),
    (0x0150, "N-DELETE"),
    (0x0fff, "C-CANCEL"),
];

/// The command field of a command set; answers have its highest bit.
fn operation(message: &[u8]) -> Option<Operation> {
    /// More elements than come before the command field.
    const BEFORE: usize = 4;
    if let [ASSOCIATE_RQ, ..] = message {
        return Some(Operation::word("associate"));
    }
    let (head, mut rest) = message.split_first_chunk::<12>()?;
    let [DATA, .., control] = *head else {
        return None;
    };
    // The first fragment of a command, in Implicit VR Little Endian (PS3.7 §6.3.1).
    if control & 1 == 0 || !rest.starts_with(&[0, 0, 0, 0]) {
        return None;
    }
    for _ in 0..=BEFORE {
        let (element, after) = rest.split_first_chunk::<8>()?;
        let [g0, g1, e0, e1, l0, l1, l2, l3] = *element;
        let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).ok()?;
        let (value, after) = after.split_at_checked(length)?;
        if [g0, g1, e0, e1] == [0, 0, 0, 1] {
            let code = u16::from_le_bytes(*value.first_chunk::<2>()?);
            return (code & 0x8000 == 0).then(|| Operation::hex(&COMMANDS, "command", code));
        }
        rest = after;
    }
    None
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let [kind, ..] = array::<6>(&mut rest, "pdu header")?;
    match kind {
        ASSOCIATE_RQ | ASSOCIATE_AC => association(kind, rest, message.asked, out),
        // A server's data sets answer queries: they describe what it keeps, not what it is.
        DATA if message.from == Role::Client => data(rest, out),
        _ => Ok(()),
    }
}

fn association(
    kind: u8,
    mut rest: &[u8],
    asked: Option<&[u8]>,
    out: &mut Out<'_>,
) -> Result<(), Fault> {
    take(&mut rest, 4, "association version")?;
    let called = take(&mut rest, 16, "called ae title")?;
    let calling = take(&mut rest, 16, "calling ae title")?;
    take(&mut rest, 32, "association reserved")?;
    // An acceptance repeats the titles of the request.
    let (caller, callee) = if kind == ASSOCIATE_RQ {
        (Subject::Sender, Subject::Receiver)
    } else {
        (Subject::Receiver, Subject::Sender)
    };
    out.say(caller, AE_TITLE, calling);
    out.say(callee, AE_TITLE, called);
    while !rest.is_empty() {
        let [item, _] = array::<2>(&mut rest, "item type")?;
        let value = counted16(&mut rest, "item")?;
        match item {
            0x20 if kind == ASSOCIATE_RQ => presentation_context(value, out)?,
            // Context, reserved, result: 0 is acceptance.
            0x21 if kind == ASSOCIATE_AC => {
                if let [context, _, 0, ..] = *value
                    && let Some(uid) = asked.and_then(|asked| abstract_syntax(asked, context))
                {
                    let place = value.get(..3).unwrap_or_default();
                    let uid = format_args!("{}", crate::text::Text(unpadded(uid)));
                    out.text(Subject::Sender, ACCEPTED_SOP_CLASS, place, uid);
                }
            }
            0x50 => user_information(value, out)?,
            _ => {}
        }
    }
    Ok(())
}

/// The abstract syntax is the SOP class.
fn presentation_context(value: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = value;
    take(&mut rest, 4, "presentation context")?;
    while !rest.is_empty() {
        let [item, _] = array::<2>(&mut rest, "sub-item type")?;
        let uid = counted16(&mut rest, "sub-item")?;
        if item == 0x30 {
            out.say(Subject::Sender, SOP_CLASS, uid);
        }
    }
    Ok(())
}

/// The SOP class that a request proposed under this context.
fn abstract_syntax(request: &[u8], context: u8) -> Option<&[u8]> {
    let mut rest = request;
    let [ASSOCIATE_RQ, ..] = array::<6>(&mut rest, "pdu header").ok()? else {
        return None;
    };
    take(&mut rest, 68, "association").ok()?;
    while !rest.is_empty() {
        let [item, _] = array::<2>(&mut rest, "item type").ok()?;
        let mut value = counted16(&mut rest, "item").ok()?;
        if item != 0x20 || value.first() != Some(&context) {
            continue;
        }
        take(&mut value, 4, "presentation context").ok()?;
        let [0x30, _] = array::<2>(&mut value, "sub-item type").ok()? else {
            return None;
        };
        return counted16(&mut value, "sub-item").ok();
    }
    None
}

fn user_information(value: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = value;
    while !rest.is_empty() {
        let [item, _] = array::<2>(&mut rest, "user item type")?;
        let value = counted16(&mut rest, "user item")?;
        match item {
            0x52 => out.say(Subject::Sender, IMPLEMENTATION_CLASS_UID, value),
            0x55 => out.say(Subject::Sender, IMPLEMENTATION_VERSION_NAME, value),
            _ => {}
        }
    }
    Ok(())
}

/// Presentation data values: length, context, control, fragment. Data sets are the ones that are no commands.
fn data(mut rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    while rest.len() > 6 {
        let length =
            usize::try_from(crate::octets::be32(&mut rest, "pdv length")?).unwrap_or(usize::MAX);
        let [_, control] = array::<2>(&mut rest, "pdv header")?;
        // Of a fragment that goes on beyond what is read, its front.
        let length = length.saturating_sub(2).min(rest.len());
        let fragment = take(&mut rest, length, "pdv")?;
        if control & 1 == 0 {
            data_set(fragment, out);
        }
    }
    Ok(())
}

/// Root of the SOP classes of stored objects (PS3.4 §B.5).
const STORAGE: &[u8] = b"1.2.840.10008.5.1.4.1.1.";
/// SOP Class UID.
const SOP_CLASS_UID: Tag = (0x0008, 0x0016);
/// Performed Station AE Title: a modality reports what it does.
const PERFORMED_STATION_AE_TITLE: Tag = (0x0040, 0x0241);

/// Scheduled Procedure Step Sequence: of a worklist, or the query for it.
const SCHEDULED_STEP: Tag = (0x0040, 0x0100);
/// Unique Device Identifier.
const UNIQUE_DEVICE_IDENTIFIER: Tag = (0x0018, 0x1009);
/// Scheduled Station AE Title.
const SCHEDULED_STATION_AE_TITLE: Tag = (0x0040, 0x0001);

/// The equipment in the data set of an object to store or of a step performed. Queries, and fragments from
/// the middle of a data set, have neither mark; a query for a worklist names the station whose it is.
fn data_set(fragment: &[u8], out: &mut Out<'_>) {
    let marked = elements(fragment).any(|(tag, value)| match tag {
        SOP_CLASS_UID => value.starts_with(STORAGE),
        PERFORMED_STATION_AE_TITLE => !unpadded(value).is_empty(),
        _ => false,
    });
    if !marked {
        scheduled_station(fragment, out);
        return;
    }
    for (tag, mut value) in elements(fragment) {
        let key = match tag {
            (0x0008, 0x0060) => MODALITY,
            (0x0008, 0x0070) => MANUFACTURER,
            (0x0008, 0x0080) => INSTITUTION_NAME,
            (0x0008, 0x1010) | (0x0040, 0x0242) => STATION_NAME,
            (0x0008, 0x1040) => DEPARTMENT_NAME,
            (0x0008, 0x1090) => MODEL_NAME,
            (0x0018, 0x1000) => SERIAL_NUMBER,
            (0x0018, 0x1002) => DEVICE_UID,
            (0x0018, 0x1008) => GANTRY_ID,
            // A sequence: this equipment comes first.
            (0x0018, 0x100a) => {
                value = within(value, UNIQUE_DEVICE_IDENTIFIER).unwrap_or_default();
                UDI
            }
            (0x0018, 0x1020) => SOFTWARE_VERSIONS,
            (0x0018, 0x700a) => DETECTOR_ID,
            PERFORMED_STATION_AE_TITLE => AE_TITLE,
            _ => continue,
        };
        if is_printable(unpadded(value)) {
            out.say(Subject::Sender, key, value);
        }
    }
}

/// Of the one item of a worklist query the title it asks for, unless that is a pattern.
fn scheduled_station(fragment: &[u8], out: &mut Out<'_>) {
    let step = elements(fragment).find(|(tag, _)| *tag == SCHEDULED_STEP);
    let title = step.and_then(|(_, items)| within(items, SCHEDULED_STATION_AE_TITLE));
    if let Some(title) = title
        && is_printable(unpadded(title))
        && !title.contains(&b'*')
    {
        out.say(Subject::Sender, SCHEDULED_STATION, title);
    }
}

/// The value of an element in the first item of a sequence.
fn within(mut items: &[u8], wanted: Tag) -> Option<&[u8]> {
    let (ITEM, mut item) = tagged(&mut items)? else {
        return None;
    };
    loop {
        let (tag, value) = data_element(&mut item, MOST_NESTED)?;
        if tag >= wanted {
            return (tag == wanted).then_some(value);
        }
    }
}

/// Group and element number.
type Tag = (u16, u16);

/// Delimiters of PS3.5 §7.5.
const ITEM: Tag = (0xfffe, 0xe000);
const ITEM_END: Tag = (0xfffe, 0xe00d);
const SEQUENCE_END: Tag = (0xfffe, 0xe0dd);
/// Sequences within sequences that are followed.
const MOST_NESTED: u8 = 8;

/// Elements in ascending order from group 8 on, little endian, with or without their types; ends before pixels
/// and at what cannot be read.
fn elements(fragment: &[u8]) -> impl Iterator<Item = (Tag, &[u8])> {
    let mut rest = fragment;
    let mut before = (0x0007, 0xffff);
    std::iter::from_fn(move || {
        let (tag, value) = data_element(&mut rest, MOST_NESTED)?;
        let ascends = tag > before && tag <= (0x0040, 0xffff);
        before = tag;
        ascends.then_some((tag, value))
    })
    .fuse()
}

/// One element: tag and value; of a sequence its items.
fn data_element<'a>(rest: &mut &'a [u8], depth: u8) -> Option<(Tag, &'a [u8])> {
    let tag = (le16(rest, "group").ok()?, le16(rest, "element").ok()?);
    let explicit = rest.get(..2)?.iter().all(u8::is_ascii_uppercase);
    let length = if !explicit {
        le32(rest, "length").ok()?
    } else if matches!(
        rest.get(..2)?,
        b"OB"
            | b"OW"
            | b"OF"
            | b"SQ"
            | b"UT"
            | b"UN"
            | b"UC"
            | b"UR"
            | b"OD"
            | b"OL"
            | b"OV"
            | b"SV"
            | b"UV"
    ) {
        take(rest, 4, "vr").ok()?;
        le32(rest, "length").ok()?
    } else {
        take(rest, 2, "vr").ok()?;
        le16(rest, "length").ok()?.into()
    };
    let value = if length == u32::MAX {
        undefined(rest, SEQUENCE_END, depth)?
    } else {
        take(rest, usize::try_from(length).ok()?, "value").ok()?
    };
    Some((tag, value))
}

/// Tag and length of an item or delimiter, and what it holds.
fn tagged<'a>(rest: &mut &'a [u8]) -> Option<(Tag, &'a [u8])> {
    let tag = (le16(rest, "group").ok()?, le16(rest, "element").ok()?);
    let length = le32(rest, "length").ok()?;
    let value = if length == u32::MAX {
        undefined(rest, ITEM_END, MOST_NESTED)?
    } else {
        take(rest, usize::try_from(length).ok()?, "item").ok()?
    };
    Some((tag, value))
}

/// What has no length of its own: a sequence of items, or an item of elements, up to the delimiter, which is taken too.
fn undefined<'a>(rest: &mut &'a [u8], end: Tag, depth: u8) -> Option<&'a [u8]> {
    let depth = depth.checked_sub(1)?;
    let whole = *rest;
    loop {
        let inside = whole.len().checked_sub(rest.len())?;
        let (tag, _) = rest.split_first_chunk::<4>()?;
        let [group_low, group_high, element_low, element_high] = *tag;
        let tag = (
            u16::from_le_bytes([group_low, group_high]),
            u16::from_le_bytes([element_low, element_high]),
        );
        if tag == end {
            take(rest, 8, "delimiter").ok()?;
            return whole.get(..inside);
        }
        if end == ITEM_END {
            data_element(rest, depth)?;
        } else {
            take(rest, 4, "item").ok()?;
            let length = le32(rest, "item length").ok()?;
            if length == u32::MAX {
                undefined(rest, ITEM_END, depth)?;
            } else {
                take(rest, usize::try_from(length).ok()?, "item").ok()?;
            }
        }
    }
}
