//! PROFINET IO: cyclic data on the link, and the context management that opens it: stations, identification and maintenance.
//!
//! Spec: IEC 61158-6-10 §4.2 (frame ids), §4.10 (remote procedure calls), §5.2 (blocks: `ARBlockReq`, I&M records,
//! `PDInterfaceDataReal`); DCE 1.1: RPC (C706) §12.5 (connectionless PDUs), appendix O (endpoint mapper).

use crate::octets::{array, be16, be32, octet, take};
use crate::operation::Operation;
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Place, Subject};
use crate::text::{is_printable, unpadded};

/// Name of station: of a controller that opens an application relation, or as a device gives it.
pub const STATION_NAME: Key = Key("profinet-io.station_name");
/// Type of an application relation, said of whoever opens it: 1 and 16 of a controller, 6 of a supervisor; decimal.
pub const RELATION_TYPE: Key = Key("profinet-io.relation_type");
/// Vendor id as assigned by PI, decimal.
pub const VENDOR_ID: Key = Key("profinet-io.vendor_id");
/// Device id as assigned by the vendor, decimal.
pub const DEVICE_ID: Key = Key("profinet-io.device_id");
/// Vendor id of I&M0, decimal.
pub const IM_VENDOR_ID: Key = Key("profinet-io.im_vendor_id");
/// Order id (I&M0).
pub const ORDER_ID: Key = Key("profinet-io.order_id");
/// Serial number (I&M0).
pub const SERIAL_NUMBER: Key = Key("profinet-io.serial_number");
/// Hardware revision (I&M0).
pub const HARDWARE_REVISION: Key = Key("profinet-io.hardware_revision");
/// Software revision (I&M0): `V4.2.1`.
pub const SOFTWARE_REVISION: Key = Key("profinet-io.software_revision");
/// Function in the plant (I&M1).
pub const FUNCTION_TAG: Key = Key("profinet-io.function_tag");
/// Location in the plant (I&M1).
pub const LOCATION_TAG: Key = Key("profinet-io.location_tag");
/// Descriptor (I&M3).
pub const DESCRIPTOR: Key = Key("profinet-io.descriptor");
/// What the endpoint mapper notes of a device: type, order number, revisions.
pub const ANNOTATION: Key = Key("profinet-io.annotation");

/// Registration of the cyclic data, alarms, and context management.
pub static PROTOCOL: Protocol = Protocol {
    name: "profinet-io",
    spec: "IEC 61158-6-10",
    carriers: &[Carrier::EtherType(0x8892), Carrier::Inside("dce-rpc")],
    keys: &[
        STATION_NAME,
        RELATION_TYPE,
        VENDOR_ID,
        DEVICE_ID,
        IM_VENDOR_ID,
        ORDER_ID,
        SERIAL_NUMBER,
        HARDWARE_REVISION,
        SOFTWARE_REVISION,
        FUNCTION_TAG,
        LOCATION_TAG,
        DESCRIPTOR,
        ANNOTATION,
    ],
    frame: None,
    // Frame ids of synchronisation, real-time classes 1 to 3, and alarms. (A call begins with 4, which is one of them.)
    recognise: |message| match message {
        [0x00, 0x20 | 0x21 | 0x80 | 0x81, ..] | [0x01..=0xfb, _, ..] | [0xfc | 0xfe, 0x01, ..] => {
            Some(Recognition::STRONG)
        }
        _ => None,
    },
    operation: None,
    probes: &[],
    dissect: |message, out| match call(message.bytes) {
        Some(call) if call.interface != Interface::EndpointMapper => context(call, out),
        _ => Ok(()),
    },
};

/// Blocks that one call may hold; nesting is one level deep.
const MOST: usize = 64;

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interface {
    /// `DEA00001-6C97-11D1-8271-00A02442DF7D` and its three neighbours: device, controller, supervisor, parameter server.
    ProfinetIo,
    /// `E1AF8308-5D1F-11C9-91A4-08002B14A0FA`.
    EndpointMapper,
}

/// A call or its answer.
#[derive(Debug, Clone, Copy)]
struct Call<'a> {
    interface: Interface,
    /// 0 request, 2 response.
    kind: u8,
    operation: u16,
    /// Whether numbers have their lowest octet first.
    low_first: bool,
    /// Instance, device and vendor of the object that is called.
    object: Option<&'a [u8]>,
    body: &'a [u8],
}

/// An identifier in the order of its text: its first three parts may be sent lowest octet first.
fn uuid(octets: [u8; 16], low_first: bool) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, tail @ ..] = octets;
    let [i, j, k, l, m, n, o, p] = tail;
    if low_first {
        [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]
    } else {
        octets
    }
}

/// Version 4, a known PDU type, one of the interfaces above, and the length of the body.
fn call(message: &[u8]) -> Option<Call<'_>> {
    let mut rest = message;
    let [4, kind @ 0..=10, _, _, representation, _, _, _] =
        array::<8>(&mut rest, "call head").ok()?
    else {
        return None;
    };
    let low_first = representation & 0xf0 == 0x10;
    let object = take(&mut rest, 16, "object").ok()?;
    let interface = uuid(array::<16>(&mut rest, "interface").ok()?, low_first);
    take(&mut rest, 28, "activity and versions").ok()?;
    let operation = array::<2>(&mut rest, "operation").ok()?;
    take(&mut rest, 4, "hints").ok()?;
    let length = array::<2>(&mut rest, "body length").ok()?;
    take(&mut rest, 4, "fragment").ok()?;
    let number = |octets| {
        if low_first {
            u16::from_le_bytes(octets)
        } else {
            u16::from_be_bytes(octets)
        }
    };
    let interface = match interface {
        [
            0xde,
            0xa0,
            0x00,
            1..=4,
            0x6c,
            0x97,
            0x11,
            0xd1,
            0x82,
            0x71,
            0x00,
            0xa0,
            0x24,
            0x42,
            0xdf,
            0x7d,
        ] => Interface::ProfinetIo,
        [
            0xe1,
            0xaf,
            0x83,
            0x08,
            0x5d,
            0x1f,
            0x11,
            0xc9,
            0x91,
            0xa4,
            0x08,
            0x00,
            0x2b,
            0x14,
            0xa0,
            0xfa,
        ] => Interface::EndpointMapper,
        _ => return None,
    };
    // `DEA00000-6C97-11D1-8271-` and the object's own six octets.
    let object = object.get(10..).filter(|_| {
        let head = object
            .first_chunk::<16>()
            .map(|octets| uuid(*octets, low_first));
        matches!(
            head,
            Some([
                0xde,
                0xa0,
                0x00,
                0x00,
                0x6c,
                0x97,
                0x11,
                0xd1,
                0x82,
                0x71,
                ..
            ])
        )
    });
    (usize::from(number(length)) == rest.len()).then_some(Call {
        interface,
        kind,
        operation: number(operation),
        low_first,
        object,
        body: rest,
    })
}

/// Names of the operations of a call (IEC 61158-6-10 §5.2.40).
const OPERATIONS: [(u16, &str); 6] = [
    (0, "connect"),
    (1, "release"),
    (2, "read"),
    (3, "write"),
    (4, "control"),
    (5, "read implicit"),
];

/// What a call asks for.
pub(super) fn operation_of_call(message: &[u8]) -> Option<Operation> {
    let call = call(message).filter(|call| call.kind == 0)?;
    let names: &[(u16, &str)] = match call.interface {
        Interface::ProfinetIo => &OPERATIONS,
        Interface::EndpointMapper => &[(2, "endpoint lookup")],
    };
    Some(Operation::of(names, "operation", call.operation))
}

/// For the registration of DCE/RPC: a call of PROFINET's, or of the endpoint mapper that goes with it.
pub(super) fn recognise_call(message: &[u8]) -> Option<Recognition> {
    let call = call(message)?;
    let role = match call.kind {
        0 | 1 | 8 => Role::Client,
        _ => Role::Server,
    };
    Some(Recognition::STRONG.from(role))
}

/// For the registration of DCE/RPC: hands over a call.
pub(super) fn dissect_call(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    match call(message.bytes) {
        Some(call) if call.interface == Interface::EndpointMapper => annotation(call, out),
        Some(_) => out.carried(&PROTOCOL, message),
        None => Ok(()),
    }
}

/// Arguments in their own array, then blocks.
fn context(call: Call<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let asks = call.kind == 0;
    if !matches!(call.kind, 0 | 2) {
        return Ok(());
    }
    // A device is called under its own object, and answers under it.
    if let Some(object) = call.object {
        let about = if asks {
            Subject::Receiver
        } else {
            Subject::Sender
        };
        ids(about, object, out)?;
    }
    let mut rest = call.body;
    take(&mut rest, 20, "call arguments")?;
    let reader = Reader { asks, slot: 0 };
    reader.blocks(rest, true, out)
}

/// Instance, device id, vendor id.
fn ids(subject: Subject, object: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = object;
    be16(&mut rest, "instance")?;
    let (device_octets, vendor_octets) = rest.split_at_checked(2).unwrap_or_default();
    let device = be16(&mut rest, "device id")?;
    let vendor = be16(&mut rest, "vendor id")?;
    if vendor != 0 {
        out.text(subject, VENDOR_ID, vendor_octets, format_args!("{vendor}"));
        out.text(subject, DEVICE_ID, device_octets, format_args!("{device}"));
    }
    Ok(())
}

/// Where in a call the blocks stand.
struct Reader {
    /// A request; else an answer.
    asks: bool,
    /// Slot of the record that is read.
    slot: u16,
}

impl Reader {
    /// Blocks: type, length (version included), version, contents.
    fn blocks(mut self, mut rest: &[u8], nests: bool, out: &mut Out<'_>) -> Result<(), Fault> {
        for _ in 0..MOST {
            if rest.len() < 6 {
                break;
            }
            let kind = be16(&mut rest, "block type")?;
            let length = be16(&mut rest, "block length")?;
            let mut block = take(&mut rest, length.into(), "block")?;
            be16(&mut block, "block version")?;
            match kind {
                // Several blocks of one place: padding, interface, slot, subslot.
                0x0400 if nests => {
                    take(&mut block, 6, "multiple block header")?;
                    let slot = be16(&mut block, "slot")?;
                    be16(&mut block, "subslot")?;
                    let inner = Reader { slot, ..self };
                    inner.blocks(block, false, out)?;
                }
                _ => self.block(kind, block, out)?,
            }
        }
        Ok(())
    }

    /// Modules in other slots than the device's own are devices behind it.
    fn subject(&self) -> Subject {
        match (self.asks, self.slot) {
            (true, _) => Subject::Receiver,
            (false, 0) => Subject::Sender,
            (false, slot) => Subject::Behind(Place::Slot(slot)),
        }
    }

    fn block(&mut self, kind: u16, block: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
        match kind {
            0x0101 => relation(block, out),
            // Headers of reading and writing: sequence, relation, interface, slot.
            0x0008 | 0x0009 | 0x8008 | 0x8009 => {
                let mut rest = block;
                take(&mut rest, 22, "record header")?;
                self.slot = be16(&mut rest, "slot")?;
                Ok(())
            }
            0x0020 if !self.asks => identification(self.subject(), block, out),
            0x0021 => {
                let mut rest = block;
                let subject = self.subject();
                name(
                    subject,
                    FUNCTION_TAG,
                    take(&mut rest, 32, "function tag")?,
                    out,
                );
                name(
                    subject,
                    LOCATION_TAG,
                    take(&mut rest, 22, "location tag")?,
                    out,
                );
                Ok(())
            }
            0x0023 => {
                let mut rest = block;
                name(
                    self.subject(),
                    DESCRIPTOR,
                    take(&mut rest, 54, "descriptor")?,
                    out,
                );
                Ok(())
            }
            // The interface as it is: its own chassis id is the name of station.
            0x0240 if !self.asks => {
                let mut rest = block;
                let length = octet(&mut rest, "chassis id")?;
                name(
                    Subject::Sender,
                    STATION_NAME,
                    take(&mut rest, length.into(), "chassis id")?,
                    out,
                );
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// `ARBlockReq`: kind, relation, key, address, object and properties of the initiator; its name comes last.
fn relation(block: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = block;
    let octets = rest.get(..2).unwrap_or_default();
    let kind = be16(&mut rest, "relation type")?;
    out.text(
        Subject::Sender,
        RELATION_TYPE,
        octets,
        format_args!("{kind}"),
    );
    take(&mut rest, 24, "relation")?;
    let object = take(&mut rest, 16, "initiator object")?;
    if let Some(own) = object.get(10..) {
        ids(Subject::Sender, own, out)?;
    }
    take(&mut rest, 8, "relation properties")?;
    let length = be16(&mut rest, "station name length")?;
    name(
        Subject::Sender,
        STATION_NAME,
        take(&mut rest, length.into(), "station name")?,
        out,
    );
    Ok(())
}

/// I&M0: vendor, order id, serial number, revisions.
fn identification(subject: Subject, block: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = block;
    let octets = rest.get(..2).unwrap_or_default();
    let vendor = be16(&mut rest, "i&m0 vendor")?;
    out.text(subject, IM_VENDOR_ID, octets, format_args!("{vendor}"));
    name(subject, ORDER_ID, take(&mut rest, 20, "order id")?, out);
    name(
        subject,
        SERIAL_NUMBER,
        take(&mut rest, 16, "serial number")?,
        out,
    );
    let octets = rest.get(..2).unwrap_or_default();
    let hardware = be16(&mut rest, "hardware revision")?;
    if hardware > 0 {
        out.text(
            subject,
            HARDWARE_REVISION,
            octets,
            format_args!("{hardware}"),
        );
    }
    let octets = rest.get(..4).unwrap_or_default();
    let [prefix, major, minor, patch] = array::<4>(&mut rest, "software revision")?;
    // V released, R revision, P prototype, U under test, T test device.
    if matches!(prefix, b'V' | b'R' | b'P' | b'U' | b'T') && (major, minor, patch) != (0, 0, 0) {
        let prefix = char::from(prefix);
        out.text(
            subject,
            SOFTWARE_REVISION,
            octets,
            format_args!("{prefix}{major}.{minor}.{patch}"),
        );
    }
    Ok(())
}

/// Answer to a look-up (operation 2): handle, count, array head; object, tower, annotation.
fn annotation(call: Call<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    if (call.kind, call.operation) != (2, 2) {
        return Ok(());
    }
    let mut rest = call.body;
    take(&mut rest, 20, "look-up handle")?;
    let number = |rest: &mut &[u8]| {
        be32(rest, "look-up number").map(|n| if call.low_first { n.swap_bytes() } else { n })
    };
    if number(&mut rest)? == 0 {
        return Ok(());
    }
    take(&mut rest, 12, "look-up array")?;
    let object = array::<16>(&mut rest, "look-up object")?;
    take(&mut rest, 8, "look-up tower")?;
    let length = number(&mut rest)?;
    let object = uuid(object, call.low_first);
    let ours = matches!(
        object,
        [
            0xde,
            0xa0,
            0x00,
            0x00,
            0x6c,
            0x97,
            0x11,
            0xd1,
            0x82,
            0x71,
            ..
        ]
    );
    if !ours || length > 64 {
        return Ok(());
    }
    let length = usize::try_from(length).unwrap_or_default();
    name(
        Subject::Sender,
        ANNOTATION,
        take(&mut rest, length, "annotation")?,
        out,
    );
    if let Some(own) = object.get(10..) {
        ids(Subject::Sender, own, out)?;
    }
    Ok(())
}

fn name(subject: Subject, key: Key, octets: &[u8], out: &mut Out<'_>) {
    if is_printable(unpadded(octets)) {
        out.say(subject, key, octets);
    }
}
