#!/usr/bin/env python3
"""Real servers on a bridge with a mirror port, each in a namespace of its own. README.md says how to add one.

  lab.py install            installs them, once, into a folder that is no part of the host
  lab.py list               the devices as JSON, with the truth about each
  lab.py up [DEVICE...]     starts all or these, and waits until they listen
  lab.py talk [DEVICE...]   lets a real client talk to each
  lab.py down               ends all of it
"""

import argparse
import concurrent.futures
import json
import os
import sys
import time

from device import devices, stated
from network import Failed, Network
from system import install, system, versions

# The lab cannot be had here: not a fault of it. As automake has it.
SKIPPED = 77
# Servers that take longer than this do not come, seconds.
PATIENCE = 60
# Clients at a time.
AT_A_TIME = 6
CLIENT_PATIENCE = 40


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["install", "list", "up", "talk", "down"])
    parser.add_argument("devices", nargs="*", help="these alone")
    parser.add_argument("--name", default="lab", help="several labs may stand at a time, each with a name of its own")
    chosen = parser.parse_args()
    if chosen.what == "install":
        install()
        return
    network = Network(chosen.name, system())
    every = devices(chosen.devices)
    if chosen.what != "down" and not system().exists():
        print("SKIPPED: the lab's servers are not installed; `make lab` does it (root, mmdebstrap and the network are needed)", file=sys.stderr)
        sys.exit(SKIPPED)
    try:
        {"list": show, "up": up, "talk": talk, "down": down}[chosen.what](network, every)
    except Failed as failed:
        sys.exit(f"{failed}")


def show(network, every):
    known = versions(network.system)
    listed = [{
        "name": device.name,
        "address": device.address,
        "truth": stated(device, device.truth, known),
        "asked": stated(device, device.asked or device.truth, known),
        "only_heard": device.only_heard,
        "consent": device.consent,
    } for device in every]
    json.dump(listed, sys.stdout, indent=1)


def up(network, every):
    if os.geteuid() != 0:
        print("SKIPPED: the lab needs root, for namespaces", file=sys.stderr)
        sys.exit(SKIPPED)
    network.remove()
    begun = time.monotonic()
    try:
        network.make()
    except Failed as failed:
        network.remove()
        print(f"SKIPPED: the lab's network cannot be made here: {failed}", file=sys.stderr)
        sys.exit(SKIPPED)
    children = {}
    for device in every:
        network.plug(device.name, device.address, device.mac)
        log = network.state / f"{device.name}.server"
        children[device.name] = network.start(device.name, device.folder, device.address, device.host_name or device.name, device.start, log)
    waiting = {device.name: list(device.serves) for device in every}
    while waiting:
        for name in list(waiting):
            if children[name].poll() is not None:
                raise Failed(f"{name} ended: {(network.state / f'{name}.server').read_text()[-2000:]}")
            waiting[name] = [where for where in waiting[name] if not network.listens(name, where)]
            if not waiting[name]:
                del waiting[name]
        if waiting and time.monotonic() - begun > PATIENCE:
            raise Failed(f"These do not listen after {PATIENCE} s: {waiting}. Their output is in {network.state}/*.server")
        time.sleep(0.2)
    print(f"{len(every)} servers listen after {time.monotonic() - begun:.1f} s")


def talk(network, every):
    def converse(device):
        begun = time.monotonic()
        log = network.state / f"{device.name}.client"
        child = network.start("client", device.folder, device.address, "engineering", device.client, log)
        try:
            code = child.wait(timeout=CLIENT_PATIENCE)
        except Exception:
            child.kill()
            code = f"no end after {CLIENT_PATIENCE} s"
        return device, code, time.monotonic() - begun, log.read_text()

    begun = time.monotonic()
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        for device, code, took, said in pool.map(converse, [device for device in every if device.client]):
            if code != 0:
                failed += 1
                print(f"{device.name}: its client failed ({code}) after {took:.1f} s:\n{said[-1500:]}")
    print(f"{len(every)} conversations in {time.monotonic() - begun:.1f} s, {failed} of them failed")
    if failed:
        sys.exit(1)


def down(network, _every):
    network.remove()


if __name__ == "__main__":
    main()
