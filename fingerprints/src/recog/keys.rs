//! Which of Recog's databases reads which of our keys, and in what shape it expects the value.

use std::borrow::Cow;

/// What a database makes of a value of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// As it is.
    Whole,
    /// What stands behind `SSH-2.0-`.
    Software,
    /// The header that the realm was read from.
    Challenge,
    /// What stands in the first parentheses: Apache names its system there.
    Parentheses,
    /// A distinguished name, the common name first.
    Name,
}

/// Name of the database (`matches`), name of its file, key, view. Databases of what we do not observe are not here:
/// favicons, cookies, LDAP, NNTP, NTP, H.323, PJL, rsh, X11, JARM and replies of SMTP beyond the greeting.
#[rustfmt::skip]
const DATABASES: [(&str, &str, &str, View); 27] = [
    ("ssh.banner", "ssh_banners", "ssh.banner", View::Software),
    ("ftp.banner", "ftp_banners", "ftp.banner", View::Whole),
    ("smtp.banner", "smtp_banners", "smtp.banner", View::Whole),
    ("pop3.banner", "pop_banners", "pop3.banner", View::Whole),
    ("pop.banner", "pop3_banners", "pop3.banner", View::Whole),
    ("imap4.banner", "imap_banners", "imap.banner", View::Whole),
    ("telnet.banner", "telnet_banners", "telnet.banner", View::Whole),
    ("http_header.server", "http_servers", "http.server", View::Whole),
    ("apache_os", "apache_os", "http.server", View::Parentheses),
    ("http_header.wwwauth", "http_wwwauth", "http.realm", View::Challenge),
    ("http_header.x-powered-by", "http_xpoweredby", "http.powered_by", View::Whole),
    ("html_title", "html_title", "http.title", View::Whole),
    ("snmp.sys_description", "snmp_sysdescr", "snmp.sys_descr", View::Whole),
    ("snmp.sys_object_id", "snmp_sysobjid", "snmp.sys_object_id", View::Whole),
    ("sip_header.user_agent", "sip_user_agents", "sip.user_agent", View::Whole),
    ("sip_header.server", "sip_banners", "sip.server", View::Whole),
    ("rtsp_header.server", "rtsp_servers", "rtsp.server", View::Whole),
    ("upnp.banner", "upnp_banners", "ssdp.server", View::Whole),
    ("mysql.banners", "mysql_banners", "mysql.version", View::Whole),
    ("dns.versionbind", "dns_versionbind", "dns.version_bind", View::Whole),
    ("smb.native_os", "smb_native_os", "smb.native_os", View::Whole),
    ("smb.native_lm", "smb_native_lm", "smb.native_lanman", View::Whole),
    ("mdns.device-info.txt", "mdns_device-info_txt", "mdns.txt", View::Whole),
    ("mdns.workstation.txt", "mdns_workstation_txt", "mdns.txt", View::Whole),
    ("dhcp_vendor_class", "dhcp_vendor_class", "dhcp.vendor_class", View::Whole),
    ("x509.subject", "x509_subjects", "tls.certificate_subject", View::Name),
    ("x509.issuer", "x509_issuers", "tls.certificate_issuer", View::Name),
];

/// The key that the database reads, by its name or else by that of its file.
pub(super) fn key(matches: &str, stem: &str) -> Option<(&'static str, View)> {
    let by_name = DATABASES.iter().find(|(name, ..)| *name == matches);
    let by_file = || DATABASES.iter().find(|(_, file, ..)| *file == stem);
    let (_, _, key, view) = by_name.or_else(by_file)?;
    Some((key, *view))
}

impl View {
    /// The value in the shapes to try, the likeliest first.
    pub fn of(self, value: &str) -> impl Iterator<Item = Cow<'_, str>> {
        let (first, second) = match self {
            View::Whole => (Some(Cow::Borrowed(value)), None),
            View::Software => {
                let rest = value.strip_prefix("SSH-");
                let software = rest.and_then(|rest| rest.split_once('-'));
                (software.map(|(_, software)| Cow::Borrowed(software)), None)
            }
            View::Challenge => {
                let header = Cow::Owned(format!("Basic realm=\"{value}\""));
                (
                    Some(header),
                    Some(Cow::Owned(format!("Digest realm=\"{value}\""))),
                )
            }
            View::Parentheses => {
                let inner = value
                    .split_once('(')
                    .and_then(|(_, rest)| rest.split_once(')'));
                let apache = value.starts_with("Apache");
                (
                    inner
                        .filter(|_| apache)
                        .map(|(inner, _)| Cow::Borrowed(inner)),
                    None,
                )
            }
            View::Name => {
                let mut parts: Vec<&str> = value.split(", ").collect();
                parts.reverse();
                let turned = Cow::Owned(parts.join(", "));
                if value.starts_with("CN=") {
                    (Some(Cow::Borrowed(value)), Some(turned))
                } else {
                    (Some(turned), Some(Cow::Borrowed(value)))
                }
            }
        };
        first.into_iter().chain(second)
    }
}
