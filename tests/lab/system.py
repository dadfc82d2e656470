"""The system that the lab's servers and clients are installed in: a folder with a Debian, never the host."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

from device import devices

# What the lab itself uses in there: addresses (iproute2), offloads (ethtool), certificates (openssl), pip.
BASE = ["ca-certificates", "ethtool", "iproute2", "openssl", "procps", "python3-venv"]
SUITE = "bookworm"
# Where a site has a mirror of its own; otherwise it is Debian's.
MIRROR = os.environ.get("FOSSICK_LAB_MIRROR")
# Nobody reads manuals in the lab.
LEFT_OUT = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"]


def cache():
    """Where the system is kept from one run to the next, and from one checkout to another."""
    place = os.environ.get("XDG_CACHE_HOME")
    return Path(place) / "fossick-lab" if place else Path("/var/cache/fossick-lab")


def packages():
    """What all devices need: of Debian, of PyPI, of crates.io."""
    every = devices()
    apt = sorted(set(BASE).union(*(device.apt for device in every)))
    pip = sorted(set().union(*(device.pip for device in every)))
    cargo = sorted(set().union(*(device.cargo for device in every)))
    return apt, pip, cargo


def system():
    """The folder of the system, whether or not it is there yet. Its name changes with what is to be installed."""
    listed = repr((SUITE, LEFT_OUT, packages()))
    return cache() / hashlib.sha256(listed.encode()).hexdigest()[:12]


def install():
    """Installs the system unless it is there. Prints what it does and how long it took."""
    place = system()
    if place.exists():
        return place
    if os.geteuid() != 0 or not shutil.which("mmdebstrap"):
        raise SystemExit("Installing the lab's servers needs root and mmdebstrap (apt-get install mmdebstrap)")
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        # Two who install at the same time would do it twice: the second waits and finds it done.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if place.exists():
            return place
        begun = time.monotonic()
        for old in cache().iterdir():
            if old.is_dir():
                shutil.rmtree(old)
        new = cache() / "new"
        apt, pip, cargo = packages()
        print(f"Installing the lab's servers into {place}: {len(apt)} packages of Debian {SUITE}, {len(pip)} of PyPI,"
              f" {len(cargo)} of crates.io", flush=True)
        crates = Crates(cargo)
        crates.start()
        debian(new, apt)
        python(new, pip)
        crates.join()
        if crates.failed:
            raise SystemExit(crates.failed)
        for program in (crates.place / "bin").glob("*"):
            shutil.copy(program, new / "opt/lab/bin")
        shutil.rmtree(crates.place)
        new.rename(place)
        print(f"Installed in {time.monotonic() - begun:.0f} s", flush=True)
    return place


def run(*command, **more):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode != 0:
        raise SystemExit(f"{done.stdout[-4000:]}\n{' '.join(command)[:200]}: failed")


def debian(root, apt):
    """A Debian with these packages. No daemon is started by its installation (mmdebstrap sees to that)."""
    options = ["--dpkgopt=force-unsafe-io", '--aptopt=APT::Install-Recommends "false"']
    options += [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
    sources = [f"deb {MIRROR}/debian {SUITE} main", f"deb {MIRROR}/debian {SUITE}-updates main",
               f"deb {MIRROR}/debian-security {SUITE}-security main"] if MIRROR else []
    run("mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", *options, f"--include={','.join(apt)}", SUITE, str(root), *sources)


def python(root, pip):
    """An environment with these packages, in /opt/lab of the system."""
    # A site with a mirror of its own trusts somebody of its own.
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", root / "etc/ssl/certs/ca-certificates.crt")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    kept = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy") or name == "PIP_INDEX_URL"}
    inside = {**kept, "PATH": "/opt/lab/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
              "PIP_CERT": "/etc/ssl/certs/ca-certificates.crt", "PIP_ROOT_USER_ACTION": "ignore"}
    # With the packages of the system: one of them brings gdbm, which PyPI has not.
    run("chroot", str(root), "python3", "-m", "venv", "--system-site-packages", "/opt/lab", env=inside)
    run("chroot", str(root), "pip", "install", "--quiet", "--no-cache-dir", *pip, env=inside)


class Crates(threading.Thread):
    """Builds examples of crates meanwhile, each given as `crate@version example`, linked statically: the system may be older than the host."""

    def __init__(self, crates):
        super().__init__()
        self.crates = crates
        self.place = cache() / "crates"
        self.failed = None

    def run(self):
        target = f"{os.uname().machine}-unknown-linux-gnu"
        environment = {**os.environ, "RUSTFLAGS": "-C target-feature=+crt-static", "CARGO_TARGET_DIR": str(self.place / "target")}
        try:
            for line in self.crates:
                crate, example = line.split()
                run("cargo", "install", "--quiet", "--locked", "--target", target, "--root", str(self.place), crate, "--example", example,
                    env=environment)
        except SystemExit as failed:
            self.failed = str(failed)


def versions(root):
    """Upstream's version of each installed package: 5.9.3 for `5.9.3+dfsg-2+deb12u1`, 9.2p1 for `1:9.2p1-2`."""
    found = {}
    name = None
    for line in (root / "var/lib/dpkg/status").read_text().splitlines():
        if line.startswith("Package: "):
            name = line.removeprefix("Package: ")
        elif line.startswith("Version: "):
            version = line.removeprefix("Version: ").split(":", 1)[-1]
            found[name] = version.rsplit("-", 1)[0].split("+", 1)[0].split("~", 1)[0]
    return found
