"""What a device of the lab is: a folder in `devices/` with a `device.toml` and the files of its server and client."""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent / "devices"


@dataclass(frozen=True)
class Device:
    """One server, and who talks to it. The names of the fields are those of `device.toml`; README.md says what each means."""

    name: str
    address: str
    start: str
    client: str
    truth: dict
    host_name: str = ""
    serves: list = field(default_factory=list)
    apt: list = field(default_factory=list)
    pip: list = field(default_factory=list)
    cargo: list = field(default_factory=list)
    only_heard: str = ""
    consent: str = ""
    asked: dict = field(default_factory=dict)

    @property
    def folder(self):
        return FOLDER / self.name

    @property
    def mac(self):
        """Of nobody's range, so that no vendor follows from it: what a device is must come from what its server says."""
        return "02:66:00:00:00:%02x" % int(self.address.rsplit(".", 1)[1])


def devices(names=()):
    """All devices, or those of these names, in the order of their addresses."""
    found = []
    for path in sorted(FOLDER.glob("*/device.toml")):
        with path.open("rb") as file:
            found.append(Device(name=path.parent.name, **tomllib.load(file)))
    unknown = set(names) - {device.name for device in found}
    if unknown:
        raise SystemExit(f"There is no device {', '.join(sorted(unknown))} in {FOLDER}")
    chosen = [device for device in found if not names or device.name in names]
    return sorted(chosen, key=lambda device: int(device.address.rsplit(".", 1)[1]))


def stated(device, said, versions):
    """What is said of a device, with the version of an installed package in the place of `{package}`."""

    def version(found):
        package = found.group(1)
        if package not in versions:
            raise SystemExit(f"{device.name}: the package {package} in its truth is not installed")
        return versions[package]

    return {what: re.sub(r"\{([a-z0-9.+-]+)\}", version, value) for what, value in said.items()}
