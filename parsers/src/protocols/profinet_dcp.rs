//! PROFINET Discovery and basic Configuration Protocol.
//!
//! Spec: IEC 61158-6-10 §4.3 (DCP: services, options and blocks), §4.2 (frame ids).

use std::net::{IpAddr, Ipv4Addr};

use crate::octets::{array, be16, octet, take};
use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Subject};

/// Name of station.
pub const NAME_OF_STATION: Key = Key("profinet-dcp.name_of_station");
/// Type of station: the manufacturer's name of the product line.
pub const TYPE_OF_STATION: Key = Key("profinet-dcp.type_of_station");
/// Vendor id as assigned by PI, decimal.
pub const VENDOR_ID: Key = Key("profinet-dcp.vendor_id");
/// Device id as assigned by the vendor, decimal.
pub const DEVICE_ID: Key = Key("profinet-dcp.device_id");
/// Role bits: 1 device, 2 controller, 4 multidevice, 8 supervisor; decimal.
pub const ROLE: Key = Key("profinet-dcp.role");
/// Alias by neighbourhood: `port-001.plc1`.
pub const ALIAS: Key = Key("profinet-dcp.alias");
/// IP address in its IP parameter.
pub const IP_ADDRESS: Key = Key("profinet-dcp.ip_address");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "profinet-dcp",
    spec: "IEC 61158-6-10",
    carriers: &[Carrier::EtherType(0x8892)],
    keys: &[
        NAME_OF_STATION,
        TYPE_OF_STATION,
        VENDOR_ID,
        DEVICE_ID,
        ROLE,
        ALIAS,
        IP_ADDRESS,
    ],
    frame: None,
    recognise,
    operation: None,
    probes: &[IDENTIFY],
    dissect,
};

/// §4.3.1.3: all stations identify themselves, spread over the time that the request allows.
const IDENTIFY: Probe = Probe {
    name: "identify all",
    asks: &[NAME_OF_STATION, TYPE_OF_STATION, VENDOR_ID, DEVICE_ID, ROLE],
    carrier: Carrier::EtherType(0x8892),
    reach: Reach::Segment,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[
            Piece::Octets(&[0xfe, 0xfe], "frame id: identify request"),
            Piece::Octets(&[0x05, 0x00], "service identify, request"),
            Piece::Hole(
                Hole::Random { length: 4 },
                "transaction id, which the answers repeat",
            ),
            Piece::Octets(&[0x00, 0x80], "answers are spread over 128 times 10 ms"),
            Piece::Octets(&[0x00, 0x04], "4 octets of blocks"),
            Piece::Octets(&[0xff, 0xff, 0x00, 0x00], "all: no filter"),
        ],
        until: Until::Quiet,
    }],
    frames: 1,
};

/// Hello, Get/Set, Identify request and response; then the service.
fn recognise(message: &[u8]) -> Option<Recognition> {
    matches!(message, [0xfe, 0xfc..=0xff, 3..=6, 0 | 1 | 5, ..]).then_some(Recognition::STRONG)
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut rest = message.bytes;
    let frame_id = be16(&mut rest, "frame id")?;
    let service = octet(&mut rest, "service id")?;
    let kind = octet(&mut rest, "service type")?;
    take(&mut rest, 6, "transaction")?;
    let length = usize::from(be16(&mut rest, "dcp data length")?);
    let mut rest = rest.get(..length).unwrap_or(rest);
    // Answers to Get and Identify, and Hello, are about the sender; Set is about the receiver.
    let about_sender = matches!((frame_id, kind), (0xfefc | 0xfeff, _) | (0xfefd, 1));
    let sets = (frame_id, service, kind) == (0xfefd, 4, 0);
    let subject = match (about_sender, sets) {
        (true, _) => Subject::Sender,
        (false, true) => Subject::Receiver,
        _ => return Ok(()),
    };
    while rest.len() >= 4 {
        let [option, sub_option] = array::<2>(&mut rest, "dcp option")?;
        let length = usize::from(be16(&mut rest, "dcp block length")?);
        let block = take(&mut rest, length, "dcp block")?;
        if length % 2 == 1 && !rest.is_empty() {
            octet(&mut rest, "dcp padding")?;
        }
        // Two octets of block info or qualifier go before each value.
        let value = block.get(2..).unwrap_or_default();
        self::block(subject, option, sub_option, value, out)?;
    }
    Ok(())
}

fn block(
    subject: Subject,
    option: u8,
    sub_option: u8,
    value: &[u8],
    out: &mut Out<'_>,
) -> Result<(), Fault> {
    let mut rest = value;
    match (option, sub_option) {
        (1, 2) => {
            let address = Ipv4Addr::from(array::<4>(&mut rest, "dcp ip address")?);
            if !address.is_unspecified() {
                let octets = value.get(..4).unwrap_or_default();
                out.text(subject, IP_ADDRESS, octets, format_args!("{address}"));
                out.address(subject, IpAddr::V4(address));
            }
        }
        (2, 1) => out.say(subject, TYPE_OF_STATION, value),
        (2, 2) => out.say(subject, NAME_OF_STATION, value),
        (2, 3) => {
            let vendor = be16(&mut rest, "dcp vendor id")?;
            let device = be16(&mut rest, "dcp device id")?;
            out.text(
                subject,
                VENDOR_ID,
                value.get(..2).unwrap_or_default(),
                format_args!("{vendor}"),
            );
            out.text(
                subject,
                DEVICE_ID,
                value.get(2..4).unwrap_or_default(),
                format_args!("{device}"),
            );
        }
        (2, 4) => {
            let role = octet(&mut rest, "dcp role")?;
            out.text(
                subject,
                ROLE,
                value.get(..1).unwrap_or_default(),
                format_args!("{role}"),
            );
        }
        (2, 6) => out.say(subject, ALIAS, value),
        _ => {}
    }
    Ok(())
}
