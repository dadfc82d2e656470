//! Every detector, each in a file; what is served unsafely shares one.

mod dual_homed;
mod file_sharing;
mod internet;
mod inventory;
mod mining;
mod personal_device;
mod purdue;
mod remote_access;
mod rogue_dhcp;
mod rogue_router;
mod second_resolver;
mod tunnel;
mod unknown_access_point;
mod weak;

use crate::detector::Detector;

/// All of them, in the order in which they are listed.
pub static DETECTORS: &[&Detector] = &[
    &rogue_dhcp::DETECTOR,
    &rogue_router::DETECTOR,
    &second_resolver::DETECTOR,
    &unknown_access_point::DETECTOR,
    &remote_access::DETECTOR,
    &tunnel::DETECTOR,
    &file_sharing::DETECTOR,
    &mining::DETECTOR,
    &personal_device::DETECTOR,
    &dual_homed::DETECTOR,
    &internet::REACHED,
    &internet::REACHES,
    &purdue::DETECTOR,
    &inventory::UNSANCTIONED,
    &inventory::MISMATCH,
    &weak::CLEARTEXT_LOGIN,
    &weak::DEFAULT_COMMUNITY,
    &weak::SMB1,
    &weak::OBSOLETE_TLS,
    &weak::OBSOLETE_SSH,
    &weak::EXPIRED_CERTIFICATE,
];
