//! Rights: the sensor gives up all that it does not need, before it reads the first octet from the network.
//!
//! Order matters. Started by root, it becomes an unprivileged user and keeps `CAP_NET_RAW` alone; started by a service
//! manager, it has been given just that. No process or thread of it may ever gain a right again (`no_new_privs`), the file
//! system is closed but for a few places (landlock), and so are all system calls that it does not use (seccomp). Then the
//! capture threads are started, and the thread that starts everything else gives up `CAP_NET_RAW`, too.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use caps::{CapSet, Capability, CapsHashSet};
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, path_beneath_rules,
};
use nix::unistd::{Gid, Uid, User, setgroups, setresgid, setresuid};
use seccompiler::{SeccompAction, SeccompFilter, TargetArch};

/// System calls that the sensor and its libraries make (x86-64 and arm64 names; those that an architecture lacks are
/// left out). Everything else is refused with EPERM.
const CALLS: &[i64] = &include!("privileges/calls.in");

/// Those that a process that only asks does without: it serves nobody, and writes, moves and removes nothing.
const NOT_ASKING: &[i64] = &[
    nix::libc::SYS_listen,
    nix::libc::SYS_accept,
    nix::libc::SYS_accept4,
    nix::libc::SYS_kill,
    nix::libc::SYS_flock,
    nix::libc::SYS_ftruncate,
    nix::libc::SYS_fallocate,
    nix::libc::SYS_fsync,
    nix::libc::SYS_fdatasync,
    nix::libc::SYS_sync_file_range,
    nix::libc::SYS_copy_file_range,
    nix::libc::SYS_pwrite64,
    nix::libc::SYS_pwritev,
    nix::libc::SYS_unlinkat,
    nix::libc::SYS_renameat,
    nix::libc::SYS_renameat2,
    nix::libc::SYS_mkdirat,
    nix::libc::SYS_fchmod,
    nix::libc::SYS_fchmodat,
    nix::libc::SYS_fchown,
    nix::libc::SYS_fchownat,
    #[cfg(target_arch = "x86_64")]
    nix::libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    nix::libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    nix::libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    nix::libc::SYS_chmod,
];

/// Which process is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// The sensor.
    Sensor,
    /// One that asks, and lives no longer than the scan.
    Scan,
}

impl Process {
    /// The system calls that it makes.
    fn calls(self) -> impl Iterator<Item = i64> {
        let refused: &[i64] = match self {
            Process::Sensor => &[],
            Process::Scan => NOT_ASKING,
        };
        CALLS.iter().copied().filter(|call| !refused.contains(call))
    }
}

/// Becomes the user, keeping `CAP_NET_RAW` alone. Does nothing for whoever is not root.
///
/// # Errors
/// There is no such user: the sensor never goes on as root.
pub fn become_user(name: &str, folders: &[&Path]) -> anyhow::Result<()> {
    if !Uid::effective().is_root() {
        return keep_net_raw();
    }
    let user = User::from_name(name)
        .with_context(|| format!("looking the user `{name}` up"))?
        .with_context(|| {
            format!("Fossick does not go on as root, and there is no user `{name}`: `useradd --system --user-group {name}` makes it, or name another with `user` in the configuration")
        })?;
    if user.uid.is_root() {
        bail!("`user` in the configuration is root: Fossick does not go on as root. Name another.");
    }
    for folder in folders {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("creating {}", folder.display()))?;
        hand_over(folder, user.uid, user.gid)?;
    }
    caps::securebits::set_keepcaps(true).context("keeping capabilities")?;
    let mut groups = nix::unistd::getgrouplist(&std::ffi::CString::new(name)?, user.gid)?;
    groups.retain(|group| *group != Gid::from_raw(0));
    setgroups(&groups).context("taking the user's groups")?;
    setresgid(user.gid, user.gid, user.gid).context("taking the user's group")?;
    setresuid(user.uid, user.uid, user.uid).context("becoming the user")?;
    keep_net_raw()?;
    if setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_ok() {
        bail!("the way back to root is open: refusing to go on");
    }
    Ok(())
}

/// A folder that root made, and the store in it, belong to the user.
fn hand_over(folder: &Path, uid: Uid, gid: Gid) -> anyhow::Result<()> {
    std::os::unix::fs::chown(folder, Some(uid.as_raw()), Some(gid.as_raw()))
        .with_context(|| format!("handing {} over", folder.display()))?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "redb") && !path.is_symlink() {
            std::os::unix::fs::lchown(&path, Some(uid.as_raw()), Some(gid.as_raw()))?;
        }
    }
    Ok(())
}

fn keep_net_raw() -> anyhow::Result<()> {
    let held = caps::read(None, CapSet::Permitted).context("reading capabilities")?;
    let kept: CapsHashSet = held
        .into_iter()
        .filter(|capability| *capability == Capability::CAP_NET_RAW)
        .collect();
    caps::clear(None, CapSet::Ambient).context("clearing ambient capabilities")?;
    caps::clear(None, CapSet::Inheritable).context("clearing inheritable capabilities")?;
    caps::set(None, CapSet::Effective, &kept).context("keeping CAP_NET_RAW alone")?;
    caps::set(None, CapSet::Permitted, &kept).context("keeping CAP_NET_RAW alone")?;
    Ok(())
}

/// Gives up the last right of this thread and of all that it starts.
///
/// # Errors
/// The kernel refuses.
pub fn drop_all() -> anyhow::Result<()> {
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::clear(None, set).context("giving up capabilities")?;
    }
    Ok(())
}

/// What the file system may be used for.
pub struct Places {
    /// Read and written.
    pub write: Vec<PathBuf>,
    /// Read alone.
    pub read: Vec<PathBuf>,
}

/// Closes the file system and the system calls. Returns what could not be closed, for the log.
///
/// # Errors
/// The kernel refuses something that it knows.
pub fn close(places: &Places, process: Process) -> anyhow::Result<Vec<&'static str>> {
    nix::sys::prctl::set_no_new_privs().context("no_new_privs")?;
    let mut open = Vec::new();
    let abi = ABI::V3;
    let all = AccessFs::from_all(abi);
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .create()?
        .add_rules(path_beneath_rules(&places.write, all))?
        .add_rules(path_beneath_rules(&places.read, AccessFs::from_read(abi)))?
        .restrict_self()
        .context("landlock")?;
    if status.ruleset == RulesetStatus::NotEnforced {
        open.push("this kernel has no landlock: the file system is guarded by permissions alone");
    }
    let arch = TargetArch::try_from(std::env::consts::ARCH).context("seccomp")?;
    let calls = process.calls().map(|call| (call, Vec::new())).collect();
    let filter = SeccompFilter::new(
        calls,
        SeccompAction::Errno(u32::try_from(nix::libc::EPERM).unwrap_or(1)),
        SeccompAction::Allow,
        arch,
    )
    .context("seccomp")?;
    let program: seccompiler::BpfProgram = filter.try_into().context("seccomp")?;
    if let Err(error) = seccompiler::apply_filter(&program) {
        tracing::warn!("seccomp: {error}");
        open.push("this kernel has no seccomp filter: every system call is open");
    }
    Ok(open)
}
