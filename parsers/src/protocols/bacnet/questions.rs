//! What a `BACnet` device may be asked: who it is, and its device object.
//!
//! Spec: ANSI/ASHRAE 135-2020, clauses 15.5 and 15.7 (reading), 16.10 (who-is), 6.2 (through routers), annex J (BVLL).

use crate::probe::{Hole, Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::Carrier;
use crate::statement::Key;

use super::{
    APPLICATION_SOFTWARE_VERSION, DEVICE_INSTANCE, FIRMWARE_REVISION, MODEL_NAME, OBJECT_NAME,
    VENDOR_ID, VENDOR_NAME,
};

/// The device object, whatever its number: the wildcard stands for the one that is asked (clauses 15.5.2 and 15.7.2).
const ANY_DEVICE: Piece = Piece::Octets(
    &[0x0c, 0x02, 0x3f, 0xff, 0xff],
    "object: device 4194303, which stands for the device that is asked",
);
/// Properties that identify a device object (clause 12.11), in a list.
const IDENTITY: Piece = Piece::Octets(
    &[
        0x1e, 0x09, 75, 0x09, 120, 0x09, 121, 0x09, 70, 0x09, 44, 0x09, 12, 0x09, 77, 0x09, 58,
        0x09, 28, 0x1f,
    ],
    "object identifier (75), vendor identifier (120) and name (121), model (70), firmware (44), software (12), \
     name (77), location (58), description (28)",
);
const IDENTITY_KEYS: [Key; 6] = [
    VENDOR_NAME,
    MODEL_NAME,
    FIRMWARE_REVISION,
    APPLICATION_SOFTWARE_VERSION,
    OBJECT_NAME,
    DEVICE_INSTANCE,
];

/// Clause 16.10.1.
const ASK_WHO: Step = Step {
    sends: &[
        Piece::Octets(
            &[0x81, 0x0a, 0x00, 0x08],
            "BACnet/IP, to one; 8 octets in all",
        ),
        Piece::Octets(&[0x01, 0x00], "network layer version 1, to this network"),
        Piece::Octets(
            &[0x10, 0x08],
            "unconfirmed request: who-is, whatever the instance",
        ),
    ],
    until: Until::Answer,
};

/// To one device. Old ones answer to all of their segment.
pub(super) const WHO_IS: Probe = Probe {
    name: "who-is",
    asks: &[DEVICE_INSTANCE, VENDOR_ID],
    carrier: Carrier::Udp(47808),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[ASK_WHO],
    frames: 1,
};

/// The same to all of the segment, not through routers.
pub(super) const WHO_IS_SEGMENT: Probe = Probe {
    name: "who-is (broadcast)",
    reach: Reach::Segment,
    steps: &[Step {
        sends: &[
            Piece::Octets(
                &[0x81, 0x0b, 0x00, 0x08],
                "BACnet/IP, to all; 8 octets in all",
            ),
            Piece::Octets(&[0x01, 0x00], "network layer version 1, to this network"),
            Piece::Octets(
                &[0x10, 0x08],
                "unconfirmed request: who-is, whatever the instance",
            ),
        ],
        until: Until::Quiet,
    }],
    ..WHO_IS
};

/// Clause 15.7: everything in one request.
pub(super) const READ_DEVICE: Probe = Probe {
    name: "read device object (read property multiple)",
    asks: &IDENTITY_KEYS,
    steps: &[Step {
        sends: &[
            Piece::Octets(
                &[0x81, 0x0a, 0x00, 0x23],
                "BACnet/IP, to one; 35 octets in all",
            ),
            Piece::Octets(
                &[0x01, 0x04],
                "network layer version 1, an answer is expected",
            ),
            Piece::Octets(
                &[0x00, 0x05, 0x01],
                "confirmed request, answers of up to 1476 octets, invoke id 1",
            ),
            Piece::Octets(&[0x0e], "read property multiple"),
            ANY_DEVICE,
            IDENTITY,
        ],
        until: Until::Answer,
    }],
    ..WHO_IS
};

/// The same of devices that do not know the wildcard, by the number that they give of themselves.
pub(super) const READ_DEVICE_BY_NUMBER: Probe = Probe {
    name: "who-is, read device object by its number",
    asks: &IDENTITY_KEYS,
    steps: &[
        ASK_WHO,
        Step {
            sends: &[
                Piece::Octets(
                    &[0x81, 0x0a, 0x00, 0x23],
                    "BACnet/IP, to one; 35 octets in all",
                ),
                Piece::Octets(
                    &[0x01, 0x04],
                    "network layer version 1, an answer is expected",
                ),
                Piece::Octets(
                    &[0x00, 0x05, 0x01],
                    "confirmed request, answers of up to 1476 octets, invoke id 1",
                ),
                Piece::Octets(&[0x0e, 0x0c], "read property multiple, of the object"),
                Piece::Hole(
                    Hole::Answer {
                        step: 0,
                        at: 9,
                        length: 4,
                    },
                    "device and its number, as it said in its i-am",
                ),
                IDENTITY,
            ],
            until: Until::Answer,
        },
    ],
    frames: 2,
    ..WHO_IS
};

/// Clause 15.5, one property after the other, for devices that have nothing else. One that is missing is answered by an error.
pub(super) const READ_DEVICE_SINGLY: Probe = Probe {
    name: "read device object (read property)",
    asks: &IDENTITY_KEYS,
    steps: &[
        read_property_step(&[
            READ_HEAD_1,
            ANY_DEVICE,
            Piece::Octets(&[0x19, 75], "object identifier"),
        ]),
        read_property_step(&[
            READ_HEAD_2,
            ANY_DEVICE,
            Piece::Octets(&[0x19, 121], "vendor name"),
        ]),
        read_property_step(&[
            READ_HEAD_3,
            ANY_DEVICE,
            Piece::Octets(&[0x19, 70], "model name"),
        ]),
        read_property_step(&[
            READ_HEAD_4,
            ANY_DEVICE,
            Piece::Octets(&[0x19, 44], "firmware revision"),
        ]),
        read_property_step(&[
            READ_HEAD_5,
            ANY_DEVICE,
            Piece::Octets(&[0x19, 12], "application software version"),
        ]),
        read_property_step(&[
            READ_HEAD_6,
            ANY_DEVICE,
            Piece::Octets(&[0x19, 77], "object name"),
        ]),
    ],
    frames: 6,
    ..WHO_IS
};
const READ_HEAD_1: Piece = read_head(&[0x81, 0x0a, 0x00, 0x11, 0x01, 0x04, 0x00, 0x05, 1, 0x0c]);
const READ_HEAD_2: Piece = read_head(&[0x81, 0x0a, 0x00, 0x11, 0x01, 0x04, 0x00, 0x05, 2, 0x0c]);
const READ_HEAD_3: Piece = read_head(&[0x81, 0x0a, 0x00, 0x11, 0x01, 0x04, 0x00, 0x05, 3, 0x0c]);
const READ_HEAD_4: Piece = read_head(&[0x81, 0x0a, 0x00, 0x11, 0x01, 0x04, 0x00, 0x05, 4, 0x0c]);
const READ_HEAD_5: Piece = read_head(&[0x81, 0x0a, 0x00, 0x11, 0x01, 0x04, 0x00, 0x05, 5, 0x0c]);
const READ_HEAD_6: Piece = read_head(&[0x81, 0x0a, 0x00, 0x11, 0x01, 0x04, 0x00, 0x05, 6, 0x0c]);

const fn read_head(octets: &'static [u8]) -> Piece {
    Piece::Octets(
        octets,
        "BACnet/IP, to one, 17 octets in all; network layer 1, an answer is expected; confirmed request, answers of up to \
         1476 octets, invoke id, read property",
    )
}

const fn read_property_step(sends: &'static [Piece]) -> Step {
    Step {
        sends,
        until: Until::Answer,
    }
}

/// Clause 6.2: the same of a device on a network behind the router that is asked.
pub(super) const READ_BEHIND_ROUTER: Probe = Probe {
    name: "read device object behind a router",
    asks: &IDENTITY_KEYS,
    // What is behind it is often a slow line that controllers share.
    safety: Safety::Intrusive,
    steps: &[Step {
        sends: &[
            Piece::Octets(
                &[0x81, 0x0a, 0x00, 0x28],
                "BACnet/IP, to one; 40 octets in all",
            ),
            Piece::Octets(
                &[0x01, 0x24],
                "network layer version 1, a destination, an answer is expected",
            ),
            Piece::Hole(
                Hole::Setting {
                    name: "bacnet.network",
                    default: &[0x00, 0x01],
                },
                "number of the network behind the router",
            ),
            Piece::Octets(&[0x01], "address of one octet"),
            Piece::Hole(
                Hole::Setting {
                    name: "bacnet.station",
                    default: &[0x01],
                },
                "address of the device on that network",
            ),
            Piece::Octets(&[0xff], "hops left"),
            Piece::Octets(
                &[0x00, 0x03, 0x01],
                "confirmed request, answers of up to 480 octets, invoke id 1",
            ),
            Piece::Octets(&[0x0e], "read property multiple"),
            ANY_DEVICE,
            IDENTITY,
        ],
        until: Until::Answer,
    }],
    ..WHO_IS
};
