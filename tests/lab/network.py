"""The lab's network: namespaces on a bridge without an uplink, and a mirror port where a sensor listens.

Every name begins with `fossick-NAME-`, so several labs may stand at a time, and nothing of the host is touched:
interfaces are made inside the namespaces and go with them.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

CLIENT = "10.66.0.250"
SCANNER = "10.66.0.251"
ENTER = Path(__file__).parent / "enter.sh"


class Failed(Exception):
    """What could not be made, and why."""


def run(*command, stdin=None):
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stdout.strip()}")
    return done.stdout


class Network:
    def __init__(self, name, system):
        self.prefix = f"fossick-{name}-"
        self.system = system
        self.state = Path("/run/fossick-lab") / name

    def namespace(self, name):
        return self.prefix + name

    def make(self):
        """The bridge, the mirror port, and the two that talk to devices: a client and a scanner."""
        (self.state / "space").mkdir(parents=True)
        for name in ["bridge", "sensor"]:
            run("ip", "netns", "add", self.namespace(name))
        bridge, sensor = self.namespace("bridge"), self.namespace("sensor")
        # Forwards LLDP too, which a bridge otherwise keeps to itself.
        run("ip", "-n", bridge, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0", "group_fwd_mask", "0x4000")
        self.silence(bridge, "br0")
        run("ip", "-n", bridge, "link", "set", "br0", "up")
        run("ip", "-n", bridge, "link", "add", "mirror", "type", "veth", "peer", "name", "span", "netns", sensor)
        self.silence(bridge, "mirror")
        self.silence(sensor, "span")
        for end in [(bridge, "mirror"), (sensor, "span")]:
            run("ip", "-n", end[0], "link", "set", end[1], "arp", "off", "multicast", "off", "up")
        run("ip", "-n", sensor, "link", "set", "lo", "up")
        self.plug("client", CLIENT, "02:66:00:00:00:fa")
        self.plug("scanner", SCANNER, "02:66:00:00:00:fb")

    def plug(self, name, address, mac):
        """A host on the bridge. What it sends is copied to the mirror port: each frame once, at the port where it enters."""
        bridge, host, port = self.namespace("bridge"), self.namespace(name), "port" + address.rsplit(".", 1)[1]
        run("ip", "netns", "add", host)
        run("ip", "-n", bridge, "link", "add", port, "type", "veth", "peer", "name", "eth0", "address", mac, "netns", host)
        self.silence(bridge, port)
        self.silence(host, "eth0")
        steps = [f"address add {address}/24 brd + dev eth0", "link set lo up", "link set eth0 up", "route add 224.0.0.0/4 dev eth0"]
        run("ip", "-n", host, "-batch", "-", stdin="\n".join(steps))
        run("ip", "-n", bridge, "link", "set", port, "master", "br0", "up")
        copy = f"qdisc add dev {port} clsact\nfilter add dev {port} ingress protocol all prio 1 u32 match u32 0 0 action mirred egress mirror dev mirror\n"
        run("tc", "-n", bridge, "-batch", "-", stdin=copy)

    def silence(self, namespace, interface):
        """Says nothing of its own there, and sends frames as they would be on a wire: not longer, with their checksums."""
        run("ip", "netns", "exec", namespace, "sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=1")
        off = [word for what in ["tx", "rx", "gso", "tso", "gro", "sg"] for word in [what, "off"]]
        run("ip", "netns", "exec", namespace, "chroot", str(self.system), "ethtool", "-K", interface, *off)

    def start(self, namespace, folder, address, name, command, log):
        """Starts a command in a namespace, with a system of its own (`enter.sh`). It goes on when we end."""
        inside = ["ip", "netns", "exec", self.namespace(namespace), "unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child",
                  "sh", str(ENTER), str(self.state / "space"), str(self.system), str(folder), address, name, command]
        with log.open("w") as file:
            child = subprocess.Popen(inside, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        with (self.state / "processes").open("a") as file:
            file.write(f"{child.pid}\n")
        return child

    def listens(self, namespace, where):
        """Whether anybody listens there: `tcp/502`, `udp/161`."""
        transport, port = where.split("/")
        listening = run("ip", "netns", "exec", self.namespace(namespace), "ss", "-Hln", f"--{transport}", f"sport = :{port}")
        return bool(listening.strip())

    def remove(self):
        """Ends what was started, by process id, and takes the namespaces away."""
        started = self.state / "processes"
        processes = [int(line) for line in started.read_text().split()] if started.exists() else []
        # The number may be somebody else's by now: ours has our folder on its command line.
        ours = [process for process in processes if str(self.state).encode() in command_line(process)]
        # The first process of a namespace takes all others of it along. It is killed by its number: `--kill-child` does not reach
        # what has become another user.
        for process in [first for unshare in ours for first in children(unshare) or [unshare]]:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                # It has just ended by itself.
                pass
        patience = time.monotonic() + 5
        while time.monotonic() < patience and any(command_line(process) for process in ours):
            time.sleep(0.02)
        for line in run("ip", "netns", "list").splitlines():
            name = line.split()[0]
            if name.startswith(self.prefix):
                run("ip", "netns", "del", name)
        if self.state.exists():
            for file in self.state.iterdir():
                file.rmdir() if file.is_dir() else file.unlink()
            self.state.rmdir()


def children(process):
    """Of a process, none when it is gone."""
    try:
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def command_line(process):
    """Of a process, empty when it is gone."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""
