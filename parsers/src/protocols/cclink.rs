//! CC-Link IE: Field Basic on UDP (cyclic data, node search), and the other networks directly on Ethernet.
//!
//! Spec: CC-Link Partner Association, BAP-C2010ENG-004 (CC-Link IE Field Basic, protocol), BAP-C2006ENG-003 (SLMP,
//! node search), BAP-C2005ENG (CC-Link IE Field). Numbers on UDP are sent least significant octet first, addresses too.

use std::net::{IpAddr, Ipv4Addr};

use crate::octets::{array, be16, le16, le32, octet, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Mac, Out, Subject};

/// Group of stations that the sender is master of, 1–64.
pub const GROUP: Key = Key("cclink-ie-field-basic.group");
/// Vendor code as assigned by the CC-Link Partner Association, decimal.
pub const VENDOR_CODE: Key = Key("cclink-ie-field-basic.vendor_code");
/// Model code as chosen by the vendor, decimal.
pub const MODEL_CODE: Key = Key("cclink-ie-field-basic.model_code");
/// Equipment version, decimal.
pub const EQUIPMENT_VERSION: Key = Key("cclink-ie-field-basic.equipment_version");
/// Hardware address as told in answer to a node search.
pub const MAC: Key = Key("cclink-ie-field-basic.mac");

/// Number of the sending node.
pub const NODE_NUMBER: Key = Key("cclink-ie.node_number");
/// Network: 0 control, 1 field, 3 TSN.
pub const NETWORK: Key = Key("cclink-ie.network");

/// Registration of Field Basic.
pub static PROTOCOL: Protocol = Protocol {
    name: "cclink-ie-field-basic",
    spec: "BAP-C2010ENG-004",
    carriers: &[Carrier::Udp(61450), Carrier::Udp(61451)],
    keys: &[GROUP, VENDOR_CODE, MODEL_CODE, EQUIPMENT_VERSION, MAC],
    frame: None,
    recognise: |message| kind(message).map(|kind| Recognition::STRONG.from(kind.role())),
    operation: None,
    probes: &[],
    dissect,
};

/// Registration of the networks on their own `EtherType`.
pub static IE: Protocol = Protocol {
    name: "cclink-ie",
    spec: "BAP-C2005ENG",
    carriers: &[Carrier::EtherType(0x890f)],
    keys: &[NODE_NUMBER, NETWORK],
    frame: None,
    recognise: |message| raw_network(message).map(|_| Recognition::STRONG),
    operation: None,
    probes: &[],
    dissect: dissect_raw,
};

/// Octets of the cyclic headers: of the frame, of the cyclic data, of the slave's notification.
const CYCLIC_REQUEST: usize = 15;
const CYCLIC_RESPONSE: usize = 11;
const CYCLIC_HEADER: usize = 20;
/// Where the cyclic data begins, counted from the protocol version.
const RESPONSE_OFFSET: u8 = 40;
/// Octets of an answer to a node search: its header, and the rest.
const SEARCH_HEADER: usize = 15;
const SEARCH_RESPONSE: usize = 66;

#[derive(Clone, Copy)]
enum Kind {
    CyclicRequest,
    CyclicResponse,
    SearchRequest,
    SearchResponse,
}

impl Kind {
    fn role(self) -> Role {
        match self {
            Kind::CyclicRequest | Kind::SearchRequest => Role::Client,
            Kind::CyclicResponse | Kind::SearchResponse => Role::Server,
        }
    }
}

/// The fixed octets of the SLMP headers that Field Basic uses, lengths, commands and offsets.
fn kind(message: &[u8]) -> Option<Kind> {
    let counts = |low: u8, high: u8, before: usize| {
        usize::from(u16::from_le_bytes([low, high])).checked_add(before) == Some(message.len())
    };
    match *message {
        [
            0x50,
            0,
            0,
            0xff,
            0xff,
            3,
            0,
            low,
            high,
            0,
            0,
            0x70,
            0x0e,
            0,
            0,
            ref rest @ ..,
        ] => {
            let cyclic = matches!(rest, [1 | 2, 0, 0, 0, 36, 0, ..]);
            (counts(low, high, 9) && cyclic).then_some(Kind::CyclicRequest)
        }
        [
            0xd0,
            0,
            0,
            0xff,
            0xff,
            3,
            0,
            low,
            high,
            0,
            0,
            1 | 2,
            0,
            _,
            _,
            RESPONSE_OFFSET,
            0,
            ref rest @ ..,
        ] => {
            let reserved = rest.get(..14)?.iter().all(|octet| *octet == 0);
            (counts(low, high, 9) && reserved).then_some(Kind::CyclicResponse)
        }
        [
            0x54,
            0,
            _,
            _,
            0,
            0,
            0,
            0xff,
            0xff,
            3,
            0,
            low,
            high,
            0,
            0,
            0x30 | 0x31,
            0x0e,
            0,
            0,
            ..,
        ] => counts(low, high, 13).then_some(Kind::SearchRequest),
        // An answer does not repeat the command: both its addresses have four octets, at their places.
        [
            0xd4,
            0,
            _,
            _,
            0,
            0,
            0,
            0xff,
            0xff,
            3,
            0,
            low,
            high,
            0,
            0,
            ref rest @ ..,
        ] => {
            let sizes = rest.get(6) == Some(&4) && rest.get(17) == Some(&4);
            let search = message.len() >= SEARCH_RESPONSE && sizes;
            (counts(low, high, 13) && search).then_some(Kind::SearchResponse)
        }
        _ => None,
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    match kind(message.bytes) {
        // The master's notification and its address go before the group.
        Some(Kind::CyclicRequest) => {
            take(
                &mut rest,
                CYCLIC_REQUEST + CYCLIC_HEADER + 16,
                "request header",
            )?;
            let place = rest.get(..1).unwrap_or_default();
            let group = octet(&mut rest, "group")?;
            if (1..=64).contains(&group) {
                out.text(Subject::Sender, GROUP, place, format_args!("{group}"));
            }
            Ok(())
        }
        Some(Kind::CyclicResponse) => {
            take(
                &mut rest,
                CYCLIC_RESPONSE + CYCLIC_HEADER,
                "response header",
            )?;
            code16(VENDOR_CODE, &mut rest, out)?;
            le16(&mut rest, "reserved")?;
            model(&mut rest, out)
        }
        Some(Kind::SearchResponse) => search_response(rest, out),
        Some(Kind::SearchRequest) | None => Ok(()),
    }
}

fn code16(key: Key, rest: &mut &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let place = rest.get(..2).unwrap_or_default();
    let code = le16(rest, "code")?;
    out.text(Subject::Sender, key, place, format_args!("{code}"));
    Ok(())
}

/// Model code and equipment version.
fn model(rest: &mut &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    let place = rest.get(..4).unwrap_or_default();
    let code = le32(rest, "model code")?;
    let value = format_args!("{code}");
    out.text(Subject::Sender, MODEL_CODE, place, value);
    let place = rest.get(..2).unwrap_or_default();
    let version = le16(rest, "equipment version")?;
    let value = format_args!("{version}");
    out.text(Subject::Sender, EQUIPMENT_VERSION, place, value);
    Ok(())
}

/// The master's addresses, the slave's, mask, gateway, a name that is never there, then the codes.
fn search_response(mut rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    take(&mut rest, SEARCH_HEADER, "search header")?;
    take(&mut rest, 11, "master addresses")?;
    let place = rest.get(..6).unwrap_or_default();
    let mut address = array::<6>(&mut rest, "slave address")?;
    address.reverse();
    let mac = Mac(address);
    if !mac.is_zero() && !mac.is_group() {
        out.text(Subject::Sender, MAC, place, format_args!("{mac}"));
    }
    octet(&mut rest, "address size")?;
    let address = Ipv4Addr::from(le32(&mut rest, "slave ip address")?);
    out.address(Subject::Sender, IpAddr::V4(address));
    take(&mut rest, 8, "mask and gateway")?;
    let name = octet(&mut rest, "name size")?;
    take(&mut rest, name.into(), "name")?;
    code16(VENDOR_CODE, &mut rest, out)?;
    model(&mut rest, out)
}

/// Frame types of each network, and the octet that names the network where the header has one (offset 8, low half).
fn raw_network(message: &[u8]) -> Option<u8> {
    let network = |expected: u8| {
        let named = message.get(8).is_some_and(|octet| octet & 0x0f == expected);
        (named && message.len() >= 14).then_some(expected)
    };
    match *message.first()? {
        0x00..=0x06 | 0x24 | 0x2f | 0x80 | 0x81 | 0x8c..=0x8f => network(0),
        0x10..=0x15
        | 0x1c
        | 0x20
        | 0x22
        | 0x23
        | 0x25
        | 0x26
        | 0x28
        | 0x29
        | 0x40..=0x43
        | 0x82..=0x85 => network(1),
        0xc0..=0xc5 => Some(TSN),
        _ => None,
    }
}

const TSN: u8 = 3;

/// Frame type, data type, four octets of the type's own, number of the sending node, network.
fn dissect_raw(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let Some(network) = raw_network(message.bytes) else {
        return Ok(());
    };
    let mut rest = message.bytes;
    if network == TSN {
        let place = rest.get(..1).unwrap_or_default();
        out.text(Subject::Sender, NETWORK, place, format_args!("{network}"));
        return Ok(());
    }
    take(&mut rest, 6, "frame header")?;
    let place = rest.get(..2).unwrap_or_default();
    let node = be16(&mut rest, "node number")?;
    out.text(Subject::Sender, NODE_NUMBER, place, format_args!("{node}"));
    let place = rest.get(..1).unwrap_or_default();
    out.text(Subject::Sender, NETWORK, place, format_args!("{network}"));
    Ok(())
}
