//! Who talks to whom: what exposure, baselines and controls are judged by.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::asset::{Evidence, Transport, Word};
use crate::time::Time;

/// One end of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct End {
    /// Id of the asset that held the address; nothing for hosts that are no assets of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// VLAN tag, 1–4094; 0 where there was none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub vlan: u16,
    /// Its address.
    pub address: IpAddr,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(vlan: &u16) -> bool {
    *vlan == 0
}

/// A client that was seen to use a service, in whatever many connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// Who opens it.
    pub client: End,
    /// Who is asked.
    pub server: End,
    /// Transport protocol of the service.
    pub transport: Transport,
    /// Port of the service.
    pub port: u16,
    /// Protocol confirmed by content, if it was.
    pub protocol: Option<Word>,
    /// What the client asks for, in the protocol's own words and sorted (`read holding registers (3)`); empty where the
    /// protocol has no operations that we read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<String>,
    /// Both directions were seen: otherwise this sensor hears one of them at most.
    pub two_way: bool,
    /// First packet.
    pub first_seen: Time,
    /// Last packet.
    pub last_seen: Time,
    /// A packet that shows it.
    pub evidence: Evidence,
    /// The newest connection in which both ends took part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Answered>,
}

/// The newest connection of a conversation in which both ends took part; of a transport without connections, packets of the
/// same ports without a long pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// Its first packet.
    pub began: Time,
    /// The server's last packet, in this connection or another.
    pub last: Time,
    /// The server's first packet in it.
    pub evidence: Evidence,
}
