//! The result as nmap writes it (`nmap.dtd` of nmap 7), for tools that read that: hosts, addresses, names, open ports.

use std::io::{self, Write};

use fossick_model::{Asset, Time, Transport, display_safe};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

/// Writes the assets that answered.
pub fn write(out: impl Write, assets: &[Asset], begun: Time, ended: Time) -> io::Result<()> {
    let mut writer = Writer::new_with_indent(out, b' ', 1);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let seconds = |time: Time| (time.0 / 1_000_000_000).to_string();
    let version = env!("CARGO_PKG_VERSION");
    writer
        .create_element("nmaprun")
        .with_attributes([
            ("scanner", "fossick"),
            ("args", "fossick scan"),
            ("start", &seconds(begun)),
            ("version", version),
            ("xmloutputversion", "1.05"),
        ])
        .write_inner_content(|writer| {
            for asset in assets {
                host(writer, asset)?;
            }
            writer
                .create_element("runstats")
                .write_inner_content(|writer| {
                    let time = seconds(ended);
                    let finished = [("time", time.as_str()), ("exit", "success")];
                    writer
                        .create_element("finished")
                        .with_attributes(finished)
                        .write_empty()?;
                    let up = assets.len().to_string();
                    let hosts = [("up", up.as_str()), ("down", "0"), ("total", up.as_str())];
                    writer
                        .create_element("hosts")
                        .with_attributes(hosts)
                        .write_empty()?;
                    Ok(())
                })?;
            Ok(())
        })?;
    writer.write_event(Event::Text(BytesText::new("\n")))
}

fn host<W: Write>(writer: &mut Writer<W>, asset: &Asset) -> io::Result<()> {
    let Some(addresses) = &asset.addresses else {
        return Ok(());
    };
    let host = writer.create_element("host");
    host.write_inner_content(|writer| {
        let up = [("state", "up"), ("reason", "user-set"), ("reason_ttl", "0")];
        writer
            .create_element("status")
            .with_attributes(up)
            .write_empty()?;
        let v4 = addresses.ipv4.iter().map(|ip| (ip.to_string(), "ipv4"));
        let v6 = addresses.ipv6.iter().map(|ip| (ip.to_string(), "ipv6"));
        let mac = addresses.mac.iter().map(|mac| (mac.to_uppercase(), "mac"));
        for (address, kind) in v4.chain(v6).chain(mac) {
            let own = [("addr", address.as_str()), ("addrtype", kind)];
            writer
                .create_element("address")
                .with_attributes(own)
                .write_empty()?;
        }
        writer
            .create_element("hostnames")
            .write_inner_content(|writer| {
                for name in &asset.hostnames {
                    let name = display_safe(name);
                    let own = [("name", name.as_str()), ("type", "user")];
                    writer
                        .create_element("hostname")
                        .with_attributes(own)
                        .write_empty()?;
                }
                Ok(())
            })?;
        writer
            .create_element("ports")
            .write_inner_content(|writer| {
                asset.services.iter().try_for_each(|service| {
                    let protocol = match service.transport {
                        Transport::Tcp => "tcp",
                        Transport::Udp => "udp",
                    };
                    let number = service.port.to_string();
                    let own = [("protocol", protocol), ("portid", number.as_str())];
                    let port = writer.create_element("port").with_attributes(own);
                    port.write_inner_content(|writer| {
                        let open = [
                            ("state", "open"),
                            ("reason", "user-set"),
                            ("reason_ttl", "0"),
                        ];
                        writer
                            .create_element("state")
                            .with_attributes(open)
                            .write_empty()?;
                        let safe = |text: &Option<String>| text.as_deref().map(display_safe);
                        let (product, version) = (safe(&service.product), safe(&service.version));
                        let name = service.protocol.as_deref().unwrap_or("unknown");
                        let mut own = vec![("name", name), ("method", "probed"), ("conf", "10")];
                        own.extend(product.as_deref().map(|text| ("product", text)));
                        own.extend(version.as_deref().map(|text| ("version", text)));
                        writer
                            .create_element("service")
                            .with_attributes(own)
                            .write_empty()?;
                        Ok(())
                    })?;
                    Ok(())
                })
            })?;
        if let Some(system) = &asset.os {
            let name = display_safe(system);
            writer.create_element("os").write_inner_content(|writer| {
                let own = [("name", name.as_str()), ("accuracy", "100"), ("line", "0")];
                writer
                    .create_element("osmatch")
                    .with_attributes(own)
                    .write_empty()?;
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(())
}
