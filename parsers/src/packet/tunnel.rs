//! Tunnels and mirror encapsulations, opened to the frame inside.
//!
//! A port is not evidence: what is inside must decode, or the tunnel stays shut.

use super::{DEPTH, Decoded, Decoder, Ip, Net, Packet, Tunnel, split};

impl<'a> Decoder<'_, 'a> {
    /// Tunnels directly on IP.
    pub(super) fn tunnel(&mut self, ip: &Ip<'a>) -> Decoded {
        match ip.protocol {
            4 | 41 => self.open("ip-in-ip", ip, ip.payload, Decoder::ip),
            47 => self.gre(ip),
            _ => Ok(()),
        }
    }

    /// RFC 2784 §2, RFC 2890 §2; ERSPAN as in draft-foschiano-erspan-03.
    fn gre(&mut self, ip: &Ip<'a>) -> Decoded {
        let (header, rest) = split::<4>(ip.payload, "gre header")?;
        let [flags, version, p0, p1] = *header;
        // Version 1 is PPTP's, of which the payload may be compressed.
        if version & 0x07 != 0 {
            return Ok(());
        }
        let present = |bit: u8| usize::from(flags & bit != 0).saturating_mul(4);
        let optional = present(0x80)
            .saturating_add(present(0x20))
            .saturating_add(present(0x10));
        let payload = rest.get(optional..).unwrap_or_default();
        let sequenced = flags & 0x10 != 0;
        match u16::from_be_bytes([p0, p1]) {
            0x0800 | 0x86dd => self.open("gre", ip, payload, Decoder::ip),
            0x6558 => self.open("gre", ip, payload, Decoder::ethernet),
            // Type I has neither a sequence number nor a header of its own.
            0x88be if !sequenced => self.open("erspan", ip, payload, Decoder::ethernet),
            0x88be => {
                let (_, frame) = split::<8>(payload, "erspan header")?;
                self.open("erspan", ip, frame, Decoder::ethernet)
            }
            0x22eb => {
                let (header, mut frame) = split::<12>(payload, "erspan header")?;
                let [.., last] = *header;
                // The O bit announces a platform-specific sub-header.
                if last & 1 == 1 {
                    frame = split::<8>(frame, "erspan sub-header")?.1;
                }
                self.open("erspan", ip, frame, Decoder::ethernet)
            }
            _ => Ok(()),
        }
    }

    /// Tunnels on UDP.
    pub(super) fn datagram_tunnel(&mut self, ip: &Ip<'a>, port: u16, payload: &'a [u8]) -> Decoded {
        match (port, payload) {
            // RFC 7348 §5: only the I flag, reserved octets zero.
            (4789 | 8472, [0x08, 0, 0, 0, _, _, _, 0, frame @ ..]) => {
                self.open("vxlan", ip, frame, Decoder::ethernet)
            }
            // RFC 8926 §3.4: version 0, options, protocol type Ethernet.
            (6081, [first, _, 0x65, 0x58, _, _, _, 0, rest @ ..]) if first & 0xc0 == 0 => {
                let options = usize::from(first & 0x3f).saturating_mul(4);
                let frame = rest.get(options..).unwrap_or_default();
                self.open("geneve", ip, frame, Decoder::ethernet)
            }
            // TaZmen Sniffer Protocol: version 1, a received packet, encapsulating Ethernet; then tagged fields.
            (37008, [1, 0, 0, 1, rest @ ..]) => {
                let frame = tzsp_frame(rest).unwrap_or_default();
                self.open("tzsp", ip, frame, Decoder::ethernet)
            }
            // 3GPP TS 29.281 §5.1: version 1, GTP, a G-PDU.
            (2152, [first, 0xff, _, _, _, _, _, _, rest @ ..]) if first & 0xf8 == 0x30 => {
                let packet = gtp_packet(*first, rest).unwrap_or_default();
                self.open("gtp", ip, packet, Decoder::ip)
            }
            _ => Ok(()),
        }
    }

    /// Decodes what is inside; if that fails, the outer packet stands.
    fn open(
        &mut self,
        kind: &'static str,
        outer: &Ip<'a>,
        inner: &'a [u8],
        read: fn(&mut Self, &'a [u8]) -> Decoded,
    ) -> Decoded {
        self.deeper()?;
        let shut: Packet<'a> = *self.packet;
        self.packet.tunnel = shut.tunnel.or(Some(Tunnel {
            kind,
            source: outer.source,
            destination: outer.destination,
        }));
        self.packet.link = None;
        self.packet.vlan = None;
        self.packet.net = Net::Nothing;
        let done = read(self, inner);
        if matches!(self.packet.net, Net::Nothing) {
            *self.packet = shut;
        }
        done
    }
}

/// Whether this UDP header may be a tunnel's: those ports of [`Decoder::datagram_tunnel`].
pub(super) fn is_on(header: &[u8]) -> bool {
    match *header {
        [_, _, high, low, ..] => matches!(
            u16::from_be_bytes([high, low]),
            4789 | 8472 | 6081 | 37008 | 2152
        ),
        _ => true,
    }
}

/// The frame behind TZSP's tagged fields: type, length, value; type 0 pads, type 1 ends them.
fn tzsp_frame(mut fields: &[u8]) -> Option<&[u8]> {
    loop {
        fields = match fields {
            [1, frame @ ..] => return Some(frame),
            [0, rest @ ..] => rest,
            [_, length, rest @ ..] => rest.get(usize::from(*length)..)?,
            _ => return None,
        };
    }
}

/// The packet behind GTP-U's optional fields, which are all there when one flag is set, and its extension
/// headers (§5.2.1: a length in units of four octets, the content, the type of the next).
fn gtp_packet(flags: u8, rest: &[u8]) -> Option<&[u8]> {
    if flags & 0x07 == 0 {
        return Some(rest);
    }
    let (optional, mut rest) = rest.split_first_chunk::<4>()?;
    let [_, _, _, mut next] = *optional;
    // Without the E flag the type has no meaning.
    if flags & 0x04 == 0 {
        next = 0;
    }
    for _ in 0..DEPTH {
        if next == 0 {
            return Some(rest);
        }
        let length = usize::from(*rest.first()?).saturating_mul(4);
        let (extension, after) = rest.split_at_checked(length)?;
        next = *extension.last()?;
        rest = after;
    }
    None
}
