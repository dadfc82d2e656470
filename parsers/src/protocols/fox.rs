//! Niagara Fox: stations, versions and what they run on.
//!
//! Spec: no public one; the text form as Tridium's stations send it in their hello.

use crate::octets::{foreign, more};
use crate::probe::{Piece, Probe, Reach, Safety, Step, Until};
use crate::protocol::{Carrier, Cut, Fault, Framed, Message, Protocol, Recognition};
use crate::statement::{Key, Out, Subject};
use crate::text::{find, lines};

/// Host name.
pub const HOST_NAME: Key = Key("fox.host_name");
/// Host address.
pub const HOST_ADDRESS: Key = Key("fox.host_address");
/// Application: `Workbench`, `Station`.
pub const APPLICATION: Key = Key("fox.app_name");
/// Version of the application.
pub const APPLICATION_VERSION: Key = Key("fox.app_version");
/// Java virtual machine.
pub const VM: Key = Key("fox.vm");
/// Its version.
pub const VM_VERSION: Key = Key("fox.vm_version");
/// Operating system.
pub const OS: Key = Key("fox.os");
/// Its version.
pub const OS_VERSION: Key = Key("fox.os_version");
/// Station name.
pub const STATION: Key = Key("fox.station_name");
/// Host id of the licence.
pub const HOST_ID: Key = Key("fox.host_id");
/// Brand.
pub const BRAND: Key = Key("fox.brand");
/// Version of the protocol.
pub const VERSION: Key = Key("fox.version");
/// Language of the station.
pub const LANGUAGE: Key = Key("fox.lang");
/// Time zone of the station, its name alone.
pub const TIME_ZONE: Key = Key("fox.time_zone");
/// Unique id of the virtual machine's run.
pub const VM_UUID: Key = Key("fox.vm_uuid");
/// Ways to log in that the station offers.
pub const AUTHENTICATION: Key = Key("fox.auth_agent_types");

/// Registration.
pub static PROTOCOL: Protocol = Protocol {
    name: "fox",
    spec: "Tridium Niagara Fox, as sent",
    carriers: &[Carrier::Tcp(1911), Carrier::Tcp(3011)],
    keys: &[
        HOST_NAME,
        HOST_ADDRESS,
        APPLICATION,
        APPLICATION_VERSION,
        VM,
        VM_VERSION,
        OS,
        OS_VERSION,
        STATION,
        HOST_ID,
        BRAND,
        VERSION,
        LANGUAGE,
        TIME_ZONE,
        VM_UUID,
        AUTHENTICATION,
    ],
    frame: Some(frame),
    recognise: |message| message.starts_with(b"fox ").then_some(Recognition::STRONG),
    operation: None,
    probes: &[HELLO],
    dissect,
};

/// A station answers a hello with its own before anybody logs in. It knows no goodbye before that.
const HELLO: Probe = Probe {
    name: "hello",
    asks: &[STATION, HOST_ID, APPLICATION_VERSION, BRAND, OS, OS_VERSION],
    carrier: Carrier::Tcp(1911),
    reach: Reach::Host,
    safety: Safety::Routine,
    steps: &[Step {
        sends: &[
            Piece::Octets(b"fox a 1 -1 fox hello\n{\n", "a request, number 1, in answer to nothing: hello"),
            Piece::Octets(b"fox.version=s:1.0\nid=i:1\n", "version of the protocol, session 1"),
            Piece::Octets(b"hostName=s:fossick\nhostAddress=s:fossick\n", "who asks"),
            Piece::Octets(b"app.name=s:Workbench\napp.version=s:3.7.44\n", "as the program that stations expect"),
            Piece::Octets(
                b"vm.name=s:Java HotSpot(TM) Server VM\nvm.version=s:20.4-b02\nos.name=s:Windows XP\nos.version=s:5.1\n",
                "on a system that every station knows",
            ),
            Piece::Octets(b"lang=s:en\ntimeZone=s:UTC;0;0;null;null\n", "in English; time zone"),
            Piece::Octets(b"hostId=s:Win-0000-0000-0000-0000\n", "of no licence"),
            Piece::Octets(
                b"vmUuid=s:00000000-0000-0000-0000-000000000000\nbrandId=s:vykon\n",
                "nobody in particular",
            ),
            Piece::Octets(b"};;\n", "end"),
        ],
        until: Until::Answer,
    }],
    frames: 8,
};

/// A message ends in `};;`.
fn frame(input: &[u8]) -> Framed {
    let begin = b"fox ";
    if !input.starts_with(begin) {
        return Err(if begin.starts_with(input) {
            more(begin.len(), input)
        } else {
            foreign("fox", input)
        });
    }
    match find(input, b"};;") {
        Some(end) => {
            let end = end.saturating_add(3);
            let newline = usize::from(input.get(end) == Some(&b'\n'));
            Ok(Cut::whole(end.saturating_add(newline)))
        }
        None => Err(more(input.len().saturating_add(1), input)),
    }
}

/// Lines of name, `=`, type, `:` and value: type s is text, u a unique id.
fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    for line in lines(message.bytes) {
        let Some(at) = find(line, b"=s:").or_else(|| find(line, b"=u:")) else {
            continue;
        };
        let (name, value) = line.split_at(at);
        let value = value.get(3..).unwrap_or_default();
        let key = match name {
            b"hostName" => HOST_NAME,
            b"hostAddress" => HOST_ADDRESS,
            b"app.name" => APPLICATION,
            b"app.version" => APPLICATION_VERSION,
            b"vm.name" => VM,
            b"vm.version" => VM_VERSION,
            b"os.name" => OS,
            b"os.version" => OS_VERSION,
            b"station.name" => STATION,
            b"hostId" => HOST_ID,
            b"brandId" => BRAND,
            b"fox.version" => VERSION,
            b"lang" => LANGUAGE,
            // Its offsets and rules follow the name.
            b"timeZone" => {
                let zone = value.split(|octet| *octet == b';').next();
                out.say(Subject::Sender, TIME_ZONE, zone.unwrap_or_default());
                continue;
            }
            b"vmUuid" => VM_UUID,
            b"authAgentTypeSpecs" => AUTHENTICATION,
            _ => continue,
        };
        out.say(Subject::Sender, key, value);
    }
    Ok(())
}
