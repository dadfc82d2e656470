//! What is served in a way that was safe once: logins in the clear, SMB 1, old TLS and SSH, expired certificates,
//! communities that everybody knows.

use fossick_model::{Conversation, Observation};

use crate::detector::{Detector, Hit};
use crate::site::Scene;

/// Names and passwords in the clear.
pub static CLEARTEXT_LOGIN: Detector = Detector {
    name: "exposure.cleartext-login",
    about: "takes names and passwords in the clear",
    priority: "attend",
    question: "Does the device offer SSH, FTPS or HTTPS, and is it switched on?",
    detect: cleartext,
};

/// A community that everybody knows.
pub static DEFAULT_COMMUNITY: Detector = Detector {
    name: "exposure.default-community",
    about: "answers SNMP under a community that everybody knows",
    priority: "attend",
    question: "Can the community be changed, or SNMPv3 be used?",
    detect: community,
};

/// Version 1 of SMB.
pub static SMB1: Detector = Detector {
    name: "exposure.smb1",
    about: "serves SMB version 1",
    priority: "attend",
    question: "Which clients still need SMB 1?",
    detect: smb1,
};

/// TLS before 1.2.
pub static OBSOLETE_TLS: Detector = Detector {
    name: "exposure.obsolete-tls",
    about: "agrees to a TLS version before 1.2 (RFC 8996)",
    priority: "track",
    question: "Does an update of the server, or a setting, allow TLS 1.2?",
    detect: tls,
};

/// SSH before 2.
pub static OBSOLETE_SSH: Detector = Detector {
    name: "exposure.obsolete-ssh",
    about: "offers SSH version 1 (RFC 4253 §5.1)",
    priority: "attend",
    question: "Can protocol 1 be switched off?",
    detect: ssh,
};

/// A certificate whose time is over.
pub static EXPIRED_CERTIFICATE: Detector = Detector {
    name: "exposure.expired-certificate",
    about: "shows a certificate whose validity was over when it was seen",
    priority: "track",
    question: "Who renews this certificate?",
    detect: expired,
};

fn cleartext<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    let label = scene.label();
    let login = |key, what: &str| -> Option<Hit<'s>> {
        let said: &'s Observation = scene.said(key).next()?;
        let title = format!("{label} takes logins in the clear ({what})");
        Some(Hit::new(title, 95, &said.evidence).step(format!("a login came over {what}")))
    };
    login("ftp.login", "FTP")
        .or_else(|| login("http.login", "HTTP"))
        .or_else(|| {
            let told = scene
                .serves()
                .find(|told| told.protocol.as_deref() == Some("telnet") && scene.speaks(told))?;
            let title = format!("{label} takes logins in the clear (Telnet)");
            Some(Hit::new(title, 90, &told.evidence).step("serves Telnet, told by its content"))
        })
}

fn community<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    let said = scene.said("snmp.default_community").next()?;
    let title = format!(
        "{} answers SNMP under a community that everybody knows",
        scene.label()
    );
    Some(Hit::new(title, 95, &said.evidence).step("answered `public` or `private`"))
}

/// An offer of old dialects alone is no use of them: more must have been asked for than what begins a session of any version.
fn smb1<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    let used = |told: &'s Conversation| {
        let mut asked = told.operations.iter();
        asked.find(|asked| {
            asked.name.starts_with("smb1 ") && !asked.name.starts_with("smb1 negotiate")
        })
    };
    let mut served = scene.serves().filter(|told| scene.speaks(told));
    let asked = served.find_map(used)?;
    let title = format!("{} serves SMB 1", scene.label());
    Some(
        Hit::new(title, 90, &asked.evidence)
            .step(format!("was asked for `{}`", asked.name))
            .because("version 1 has no protection against being altered on the way, and worms live on it"),
    )
}

fn tls<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    let said = scene
        .said("tls.version")
        .find(|said| matches!(said.value.as_ref(), "SSL 3.0" | "1.0" | "1.1"))?;
    let title = format!("{} agrees to TLS {}", scene.label(), said.value).replace("TLS SSL", "SSL");
    Some(Hit::new(title, 95, &said.evidence).step(format!("chose {}", said.value)))
}

fn ssh<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    let said = scene
        .said("ssh.banner")
        .find(|said| said.value.starts_with("SSH-1."))?;
    // A client of version 1 is a finding of its own only where it is a server that offers it.
    let serves = scene
        .asset
        .services
        .iter()
        .any(|service| service.protocol.as_deref() == Some("ssh"));
    let what = if said.value.starts_with("SSH-1.99") {
        "offers"
    } else {
        "speaks nothing but"
    };
    let title = format!("{} {what} SSH version 1", scene.label());
    serves.then(|| Hit::new(title, 90, &said.evidence).step("its greeting says so"))
}

fn expired<'s>(scene: &Scene<'s>) -> Option<Hit<'s>> {
    // Both are of one form down to the second, so that the texts compare as the times do.
    let seconds = |text: &str| -> String { text.chars().take(19).collect() };
    let said = scene.said("tls.certificate_not_after").find(|said| {
        let seen = said.evidence.time.to_string();
        seconds(&said.value) < seconds(&seen)
    })?;
    let end = day(&said.value);
    let title = format!(
        "{} shows a certificate that expired on {end}",
        scene.label()
    );
    Some(Hit::new(title, 95, &said.evidence).step(format!(
        "valid until {end}, seen {}",
        day(&said.evidence.time.to_string())
    )))
}

fn day(time: &str) -> String {
    time.chars().take(10).collect()
}
