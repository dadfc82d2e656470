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
pub mod discovery;
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
pub mod peers;
pub mod profinet_dcp;
pub mod quic;
pub mod remote;
pub mod s7comm;
pub mod sip;
pub mod smart_home;
pub mod smb;
pub mod snmp;
pub mod ssdp;
pub mod ssh;
pub mod synchrophasor;
pub mod tcp;
pub mod tls;
pub mod tunnels;
pub mod vpn;

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
    &smart_home::YEELIGHT,
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
    // Remote control, tunnels, and what people bring along.
    &remote::TEAMVIEWER,
    &remote::ANYDESK,
    &remote::RADMIN,
    &vpn::OPENVPN,
    &vpn::TAILSCALE,
    &vpn::ZEROTIER,
    &vpn::HAMACHI,
    &tunnels::PPTP,
    &tunnels::L2TP,
    &peers::BITTORRENT,
    &peers::STRATUM,
    &peers::STUN,
    // Things that look for each other.
    &discovery::UBNT,
    &discovery::SADP,
    &discovery::DHIP,
    &discovery::DROPBOX,
    &discovery::SYNCTHING,
    &discovery::STEAM,
    &smart_home::TPLINK_SHP,
    &smart_home::TUYA,
    &smart_home::MIIO,
    &smart_home::LIFX,
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
    &remote::RUSTDESK,
    &vpn::WIREGUARD,
    &peers::SOCKS,
    &modbus::PROTOCOL,
];
