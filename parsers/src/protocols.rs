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
pub mod edp;
pub mod eigrp;
pub mod enip;
pub mod fins;
pub mod fox;
pub mod hart_ip;
pub mod hl7;
pub mod http;
pub mod icmp;
pub mod iec104;
pub mod iec61850;
pub mod lacp;
pub mod legacy;
pub mod lldp;
pub mod mndp;
pub mod modbus;
pub mod nbdgm;
pub mod nbns;
pub mod ndp;
pub mod ntlm;
pub mod ntp;
pub mod opc_ua;
pub mod profinet_dcp;
pub mod quic;
pub mod redundancy;
pub mod s7comm;
pub mod sip;
pub mod smb;
pub mod snmp;
pub mod ssdp;
pub mod ssh;
pub mod stp;
pub mod synchrophasor;
pub mod syslog;
pub mod tcp;
pub mod tftp;
pub mod tls;
pub mod ws_discovery;

/// Every protocol, in the order they are tried on an unknown stream.
#[rustfmt::skip]
pub static PROTOCOLS: &[&Protocol] = &[
    // Link and transport.
    &arp::PROTOCOL,
    &lldp::PROTOCOL,
    &cdp::PROTOCOL,
    &edp::PROTOCOL,
    &stp::PROTOCOL,
    &lacp::PROTOCOL,
    &legacy::NETBEUI,
    &legacy::IPX_SAP,
    &legacy::APPLETALK_NBP,
    &ndp::PROTOCOL,
    &icmp::ICMP,
    &icmp::IGMP,
    &eigrp::PROTOCOL,
    &redundancy::VRRP,
    &redundancy::CARP,
    &tcp::PROTOCOL,
    // Names and configuration.
    &dhcp::PROTOCOL,
    &dhcpv6::PROTOCOL,
    &mndp::PROTOCOL,
    &nbns::PROTOCOL,
    &nbdgm::PROTOCOL,
    &nbdgm::BROWSER,
    &ssdp::PROTOCOL,
    &ws_discovery::PROTOCOL,
    &ws_discovery::SDC,
    &snmp::PROTOCOL,
    &redundancy::HSRP,
    &syslog::PROTOCOL,
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
    &tftp::PROTOCOL,
    &ntp::PROTOCOL,
    &modbus::PROTOCOL,
];
