//! The machine itself: rights, users, clock, disk, store.

use std::path::Path;

use nix::sys::statvfs::statvfs;
use nix::unistd::{Group, Uid, User};

use super::report::Report;
use super::tool;
use crate::config::Config;
use crate::store;

/// Checks it.
pub fn check(config: &Config, report: &mut Report) {
    rights(config, report);
    clock(report);
    disk(config, report);
    health(config, report);
}

fn rights(config: &Config, report: &mut Report) {
    let name = &config.user;
    match User::from_name(name) {
        Ok(Some(user)) if user.uid.is_root() => {
            report.fail(
                "user",
                "the sensor would go on as root",
                "name an unprivileged `user` in the configuration",
            );
        }
        Ok(Some(_)) => report.ok("user", &format!("`{name}` exists: the sensor becomes it")),
        Ok(None) | Err(_) => {
            let mend = format!("useradd --system --user-group --no-create-home {name}");
            report.fail(
                "user",
                &format!("there is no user `{name}` for the sensor to become"),
                &mend,
            );
        }
    }
    let control = &config.control;
    for group in [&control.viewer, &control.analyst, &control.operator] {
        if !matches!(Group::from_name(group), Ok(Some(_))) {
            let found = format!("there is no group `{group}`: its rights are nobody's but root's");
            report.warn("groups", &found, &format!("groupadd --system {group}"));
        }
    }
    let held = caps::has_cap(None, caps::CapSet::Effective, caps::Capability::CAP_NET_RAW);
    if Uid::effective().is_root() || held.unwrap_or(false) {
        report.ok("rights", "this user may open interfaces");
    } else {
        let mend = "start the sensor by its unit, which gives it CAP_NET_RAW, or as root, which it gives up";
        report.warn("rights", "this user may not open interfaces", mend);
    }
}

fn clock(report: &mut Report) {
    match tool::ask(
        "timedatectl",
        &["show", "--property=NTPSynchronized", "--value"],
    ) {
        Ok(answer) if answer.trim() == "yes" => report.ok("clock", "it is synchronised"),
        Ok(_) => report.warn(
            "clock",
            "it is not synchronised: times in the journal are this machine's guess",
            "timedatectl set-ntp true, or set a time server that this network reaches",
        ),
        Err(_) => report.warn(
            "clock",
            "not known: timedatectl does not answer",
            "install systemd-timesyncd or chrony",
        ),
    }
}

fn disk(config: &Config, report: &mut Report) {
    let folder = &config.store.path;
    let nearest = folder
        .ancestors()
        .find(|folder| folder.exists())
        .unwrap_or(Path::new("/"));
    let Ok(disk) = statvfs(nearest) else {
        return report.fail(
            "disk",
            &format!("{} cannot be looked at", nearest.display()),
            "look at its permissions",
        );
    };
    let free = disk.blocks_available().saturating_mul(disk.fragment_size()) >> 20;
    let used = std::fs::metadata(config.store_file()).map_or(0, |file| file.len()) >> 20;
    let wanted = config.store.max_mib.saturating_sub(used);
    let found = format!(
        "{free} MiB are free for {}, which may grow by {wanted} MiB",
        folder.display()
    );
    if free < wanted {
        report.warn("disk", &found, "make room, or lower max_mib under [store]");
    } else {
        report.ok("disk", &found);
    }
}

fn health(config: &Config, report: &mut Report) {
    let file = config.store_file();
    if !file.exists() {
        return report.ok(
            "store",
            &format!("{} will be made at the first start", file.display()),
        );
    }
    if std::os::unix::net::UnixStream::connect(&config.control.socket).is_ok() {
        return report.ok(
            "store",
            "a sensor has it open: `fossick store check` asks that",
        );
    }
    match store::check(&file) {
        Ok(summary) => report.ok("store", &summary),
        Err(error) => report.fail("store", &format!("{error:#}"), "the sensor sets a damaged store aside at its next start; `fossick store restore BACKUP` takes a backup"),
    }
}
