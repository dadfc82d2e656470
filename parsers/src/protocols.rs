//! Every protocol: one file and one line in [`PROTOCOLS`].

use crate::protocol::Protocol;

pub mod ads;
pub mod arp;
pub mod astm;
pub mod atg;
pub mod bacnet;
pub mod banner;
pub mod bsap;
pub mod c1222;
pub mod cclink;
pub mod cdp;
pub mod cip;
pub mod coap;
pub mod codesys;
pub mod database;
pub mod dce_rpc;
pub mod dhcp;
pub mod dhcpv6;
pub mod dicom;
pub mod discovery;
pub mod dlms;
pub mod dnp3;
pub mod dns;
pub mod edp;
pub mod eigrp;
pub mod enip;
pub mod ethercat;
pub mod fins;
pub mod fox;
pub mod ge;
pub mod genisys;
pub mod hart_ip;
pub mod hl7;
pub mod http;
pub mod icmp;
pub mod iec104;
pub mod iec61850;
pub mod ike;
pub mod intellivue;
pub mod ipmi;
pub mod iscsi;
pub mod kerberos;
pub mod knxnet_ip;
pub mod lacp;
pub mod ldap;
pub mod legacy;
pub mod lldp;
pub mod lontalk;
pub mod melsec;
pub mod messaging;
pub mod mms;
pub mod mndp;
pub mod modbus;
pub mod mssql;
pub mod nbdgm;
pub mod nbns;
pub mod ndp;
pub mod ntlm;
pub mod ntp;
pub mod opc_ua;
pub mod peers;
pub mod poct1;
pub mod powerlink;
pub mod printing;
pub mod profinet_dcp;
pub mod profinet_io;
pub mod quic;
pub mod radius;
pub mod rdp;
pub mod redundancy;
pub mod remote;
pub mod roc_plus;
pub mod rpc;
pub mod s7comm;
pub mod sip;
pub mod smart_home;
pub mod smb;
pub mod snmp;
pub mod ssdp;
pub mod ssh;
pub mod stores;
pub mod stp;
pub mod synchrophasor;
pub mod syslog;
pub mod tcp;
pub mod tftp;
pub mod tls;
pub mod trdp;
pub mod tristation;
pub mod tunnels;
pub mod umas;
pub mod vpn;
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
    &smart_home::YEELIGHT,
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
    &dce_rpc::PROTOCOL,
    &kerberos::PROTOCOL,
    &ldap::PROTOCOL,
    &rdp::PROTOCOL,
    &mssql::PROTOCOL,
    &printing::IPP,
    &printing::JETDIRECT,
    &messaging::MQTT,
    &messaging::AMQP,
    &messaging::NATS,
    &stores::REDIS,
    &stores::MONGODB,
    &stores::ORACLE,
    &iscsi::PROTOCOL,
    &ike::PROTOCOL,
    &ipmi::PROTOCOL,
    &radius::PROTOCOL,
    &rpc::RPC,
    &rpc::NFS,
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
    &poct1::PROTOCOL,
    &astm::PROTOCOL,
    &intellivue::PROTOCOL,
    // Building.
    &fox::PROTOCOL,
    &bacnet::PROTOCOL,
    &knxnet_ip::PROTOCOL,
    &lontalk::PROTOCOL,
    // Industrial.
    &iec61850::GOOSE,
    &iec61850::SAMPLED_VALUES,
    &cclink::IE,
    &cclink::PROTOCOL,
    &tristation::PROTOCOL,
    &roc_plus::PROTOCOL,
    &bsap::PROTOCOL,
    &atg::PROTOCOL,
    &powerlink::PROTOCOL,
    &ethercat::PROTOCOL,
    &fins::PROTOCOL,
    &ads::PROTOCOL,
    &synchrophasor::PROTOCOL,
    &hart_ip::PROTOCOL,
    &profinet_dcp::PROTOCOL,
    &profinet_io::PROTOCOL,
    &s7comm::PROTOCOL,
    &s7comm::PLUS,
    &mms::PROTOCOL,
    &opc_ua::PROTOCOL,
    &enip::PROTOCOL,
    &cip::PROTOCOL,
    &dnp3::PROTOCOL,
    &iec104::PROTOCOL,
    &c1222::PROTOCOL,
    &trdp::PROTOCOL,
    &ge::SRTP,
    &ge::EGD,
    &codesys::PROTOCOL,
    &melsec::PROTOCOL,
    &dlms::PROTOCOL,
    // Names again: these are marked by their form alone.
    &dns::PROTOCOL,
    &dns::MDNS,
    &dns::LLMNR,
    // The weakly marked come last.
    &genisys::PROTOCOL,
    &coap::PROTOCOL,
    &tftp::PROTOCOL,
    &ntp::PROTOCOL,
    &remote::RUSTDESK,
    &vpn::WIREGUARD,
    &peers::SOCKS,
    &modbus::PROTOCOL,
    &umas::PROTOCOL,
];
