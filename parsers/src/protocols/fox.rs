//! Niagara Fox: stations, versions and what they run on.
//!
//! Spec: no public one; the text form as Tridium's stations send it in their hello.

use crate::octets::{foreign, more};
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
    ],
    frame: Some(frame),
    recognise: |message| message.starts_with(b"fox ").then_some(Recognition::STRONG),
    dissect,
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

/// Lines of name, `=`, type, `:` and value.
fn dissect(message: Message<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    for line in lines(message.bytes) {
        let Some(at) = find(line, b"=s:") else {
            continue;
        };
        let (name, value) = line.split_at(at);
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
            _ => continue,
        };
        out.say(Subject::Sender, key, value.get(3..).unwrap_or_default());
    }
    Ok(())
}
