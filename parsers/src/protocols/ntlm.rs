//! NT LAN Manager authentication: versions and names of both ends. Who logs in is never read.
//!
//! Spec: MS-NLMP §2.2.1 (messages), §2.2.2.1 (`AV_PAIR`), §2.2.2.10 (VERSION).

use crate::octets::{array, le16, le32, take};
use crate::protocol::{Carrier, Fault, Message, Protocol, Recognition, Role};
use crate::statement::{Key, Out, Subject};

/// Operating system version: `5.1.2600`.
pub const VERSION: Key = Key("ntlm.version");
/// `NetBIOS` name of the sender.
pub const COMPUTER_NAME: Key = Key("ntlm.computer_name");
/// `NetBIOS` domain of the server.
pub const DOMAIN_NAME: Key = Key("ntlm.domain_name");
/// DNS name of the server.
pub const DNS_COMPUTER_NAME: Key = Key("ntlm.dns_computer_name");
/// DNS domain of the server.
pub const DNS_DOMAIN_NAME: Key = Key("ntlm.dns_domain_name");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "ntlm",
    spec: "MS-NLMP",
    carriers: &[
        Carrier::Inside("smb"),
        Carrier::Inside("ldap"),
        Carrier::Inside("dce-rpc"),
    ],
    keys: &[
        VERSION,
        COMPUTER_NAME,
        DOMAIN_NAME,
        DNS_COMPUTER_NAME,
        DNS_DOMAIN_NAME,
    ],
    frame: None,
    recognise,
    operation: None,
    probes: &[],
    dissect,
};

const NEGOTIATE_UNICODE: u32 = 0x0000_0001;
const NEGOTIATE_VERSION: u32 = 0x0200_0000;

fn recognise(message: &[u8]) -> Option<Recognition> {
    let rest = message.strip_prefix(b"NTLMSSP\0")?;
    match rest.first()? {
        1 | 3 => Some(Recognition::STRONG.from(Role::Client)),
        2 => Some(Recognition::STRONG.from(Role::Server)),
        _ => None,
    }
}

fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let token = message.bytes;
    let mut rest = token;
    take(&mut rest, 8, "ntlm signature")?;
    match le32(&mut rest, "ntlm message type")? {
        1 => {
            let flags = le32(&mut rest, "ntlm flags")?;
            field(token, &mut rest)?;
            let workstation = field(token, &mut rest)?;
            // A negotiation's names are in the OEM character set.
            out.say(Subject::Sender, COMPUTER_NAME, workstation);
            version(flags, rest, out);
        }
        2 => {
            field(token, &mut rest)?;
            let flags = le32(&mut rest, "ntlm flags")?;
            take(&mut rest, 16, "ntlm challenge")?;
            let target = field(token, &mut rest).unwrap_or_default();
            target_info(target, out)?;
            version(flags, rest, out);
        }
        3 => {
            field(token, &mut rest)?;
            field(token, &mut rest)?;
            field(token, &mut rest)?;
            field(token, &mut rest)?;
            let workstation = field(token, &mut rest)?;
            field(token, &mut rest)?;
            let flags = le32(&mut rest, "ntlm flags").unwrap_or(NEGOTIATE_UNICODE);
            if flags & NEGOTIATE_UNICODE == 0 {
                out.say(Subject::Sender, COMPUTER_NAME, workstation);
            } else {
                out.utf16le(Subject::Sender, COMPUTER_NAME, workstation);
            }
            version(flags, rest, out);
        }
        _ => {}
    }
    Ok(())
}

/// Length, allocated length and offset of a field, and its octets.
fn field<'a>(token: &'a [u8], rest: &mut &[u8]) -> Result<&'a [u8], Fault> {
    let length = usize::from(le16(rest, "ntlm field length")?);
    le16(rest, "ntlm field maximum")?;
    let offset = usize::try_from(le32(rest, "ntlm field offset")?).unwrap_or(usize::MAX);
    let field = token.get(offset..).and_then(|rest| rest.get(..length));
    Ok(field.unwrap_or_default())
}

fn version(flags: u32, mut rest: &[u8], out: &mut Out<'_>) {
    let octets = rest;
    if flags & NEGOTIATE_VERSION == 0 {
        return;
    }
    if let Ok([major, minor, b0, b1]) = array::<4>(&mut rest, "ntlm version")
        && matches!(major, 5 | 6 | 10)
    {
        let build = u16::from_le_bytes([b0, b1]);
        let octets = octets.get(..4).unwrap_or_default();
        out.text(
            Subject::Sender,
            VERSION,
            octets,
            format_args!("{major}.{minor}.{build}"),
        );
    }
}

fn target_info(mut rest: &[u8], out: &mut Out<'_>) -> Result<(), Fault> {
    while !rest.is_empty() {
        let id = le16(&mut rest, "ntlm pair id")?;
        let length = le16(&mut rest, "ntlm pair length")?;
        let value = take(&mut rest, length.into(), "ntlm pair value")?;
        let key = match id {
            0 => break,
            1 => COMPUTER_NAME,
            2 => DOMAIN_NAME,
            3 => DNS_COMPUTER_NAME,
            4 => DNS_DOMAIN_NAME,
            _ => continue,
        };
        out.utf16le(Subject::Sender, key, value);
    }
    Ok(())
}
