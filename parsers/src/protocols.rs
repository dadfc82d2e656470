//! Every protocol: one file and one line in [`PROTOCOLS`].

use crate::protocol::Protocol;

pub mod ads;
pub mod arp;
pub mod bacnet;
pub mod banner;
pub mod cdp;
pub mod cip;
pub mod database;
pub mod dhcp;
pub mod dhcpv6;
pub mod dicom;
pub mod directory;
pub mod dnp3;
pub mod dns;
pub mod enip;
pub mod fins;
pub mod fox;
pub mod hart_ip;
pub mod hl7;
pub mod http;
pub mod iec104;
pub mod iec61850;
pub mod legacy;
pub mod lldp;
pub mod mndp;
pub mod modbus;
pub mod nbdgm;
pub mod nbns;
pub mod ndp;
pub mod ntlm;
pub mod opc_ua;
pub mod profinet_dcp;
pub mod quic;
pub mod s7comm;
pub mod sip;
pub mod smb;
pub mod snmp;
pub mod ssdp;
pub mod ssh;
pub mod synchrophasor;
pub mod tcp;
pub mod tls;

/// Every protocol, in the order they are tried on an unknown stream.
#[rustfmt::skip]
pub static PROTOCOLS: &[&Protocol] = &[
    // Link and transport.
    &arp::PROTOCOL,
    &lldp::PROTOCOL,
    &cdp::PROTOCOL,
    &legacy::NETBEUI,
    &legacy::IPX_SAP,
    &legacy::APPLETALK_NBP,
    &ndp::PROTOCOL,
    &tcp::PROTOCOL,
    // Names and configuration.
    &dhcp::PROTOCOL,
    &dhcpv6::PROTOCOL,
    &mndp::PROTOCOL,
    &nbns::PROTOCOL,
    &nbdgm::PROTOCOL,
    &nbdgm::BROWSER,
    &ssdp::PROTOCOL,
    &snmp::PROTOCOL,
    // Services.
    &http::PROTOCOL,
    &tls::PROTOCOL,
    &quic::PROTOCOL,
    &ssh::PROTOCOL,
    &smb::PROTOCOL,
    &ntlm::PROTOCOL,
    &directory::DCE_RPC,
    &directory::LDAP,
    &sip::SIP,
    &sip::RTSP,
    &database::MYSQL,
    &database::POSTGRESQL,
    &database::VNC,
    &banner::SMTP,
    &banner::IMAP,
    &banner::FTP,
    &banner::TELNET,
    &banner::POP3,
    // Medical.
    &dicom::PROTOCOL,
    &hl7::PROTOCOL,
    // Building.
    &fox::PROTOCOL,
    &bacnet::PROTOCOL,
    // Industrial.
    &iec61850::GOOSE,
    &iec61850::SAMPLED_VALUES,
    &fins::PROTOCOL,
    &ads::PROTOCOL,
    &synchrophasor::PROTOCOL,
    &hart_ip::PROTOCOL,
    &profinet_dcp::PROTOCOL,
    &profinet_dcp::IO,
    &s7comm::PROTOCOL,
    &s7comm::PLUS,
    &opc_ua::PROTOCOL,
    &enip::PROTOCOL,
    &cip::PROTOCOL,
    &dnp3::PROTOCOL,
    &iec104::PROTOCOL,
    // Names again: these are marked by their form alone.
    &dns::PROTOCOL,
    &dns::MDNS,
    &dns::LLMNR,
    // The weakly marked come last.
    &modbus::PROTOCOL,
];

/// Those whose replies are read with what they answer: of these alone the latest message of an end is kept for the other's.
static RECALLING: &[&Protocol] = &[&banner::TELNET, &enip::PROTOCOL, &cip::PROTOCOL];

/// Whether messages of this protocol are given what they answer.
#[must_use]
pub fn recalls(protocol: &Protocol) -> bool {
    let same = |recalling: &&Protocol| std::ptr::eq(*recalling, protocol);
    RECALLING.iter().any(same)
}
