//! Every protocol: one file and one line in [`PROTOCOLS`].

use crate::protocol::Protocol;

pub mod arp;
pub mod bacnet;
pub mod banner;
pub mod cdp;
pub mod dhcp;
pub mod dns;
pub mod http;
pub mod lldp;
pub mod modbus;
pub mod nbdgm;
pub mod nbns;
pub mod ntlm;
pub mod smb;
pub mod snmp;
pub mod ssdp;
pub mod ssh;
pub mod tcp;
pub mod tls;

/// Every protocol, in the order they are tried on an unknown stream.
#[rustfmt::skip]
pub static PROTOCOLS: &[&Protocol] = &[
    // Link and transport.
    &arp::PROTOCOL,
    &lldp::PROTOCOL,
    &cdp::PROTOCOL,
    &tcp::PROTOCOL,
    // Names and configuration.
    &dhcp::PROTOCOL,
    &nbns::PROTOCOL,
    &nbdgm::PROTOCOL,
    &nbdgm::BROWSER,
    &ssdp::PROTOCOL,
    &snmp::PROTOCOL,
    // Services.
    &http::PROTOCOL,
    &tls::PROTOCOL,
    &ssh::PROTOCOL,
    &smb::PROTOCOL,
    &ntlm::PROTOCOL,
    &banner::SMTP,
    &banner::IMAP,
    &banner::FTP,
    &banner::TELNET,
    &banner::POP3,
    // Medical.
    // Building.
    &bacnet::PROTOCOL,
    // Names again: these are marked by their form alone.
    &dns::PROTOCOL,
    &dns::MDNS,
    &dns::LLMNR,
    // Industrial: the weakly marked come last.
    &modbus::PROTOCOL,
];
