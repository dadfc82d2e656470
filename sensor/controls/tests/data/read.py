"""Has independent parsers (fwshift, parsuricata) read the printed formats, and holds what they understand against reference.nft,
connection by connection. One argument: the folder of the printed formats. Exits with 1 and the differences."""

import ipaddress
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from parsuricata import parse_rules

ASSET = {ipaddress.ip_address(text) for text in ("10.9.2.2", "fd09:2::2")}
LIST = "FOSSICK-00aa11bb22cc33dd"
# What binds the lists to a device, as their notes say.
BOUND = {
    "cisco-asa": f"access-group {LIST} global\n",
    "cisco-ios": f"""interface GigabitEthernet0/0
 ip address 10.9.1.1 255.255.255.0
 ipv6 address fd09:1::1/64
interface GigabitEthernet0/1
 ip address 10.9.2.1 255.255.255.0
 ipv6 address fd09:2::1/64
 ip access-group {LIST}-V4-FROM in
 ip access-group {LIST}-V4-TO out
 ipv6 traffic-filter {LIST}-V6-FROM in
 ipv6 traffic-filter {LIST}-V6-TO out
""",
    "fortigate": "",
    "pan-os": "",
}
FORMATS = {"cisco-asa": "asa", "cisco-ios": "ios", "fortigate": "fortios", "pan-os": "panos"}
# On the router with lists, the asset is behind one interface.
WAYS = {("GigabitEthernet0/0", "GigabitEthernet0/1"), ("GigabitEthernet0/1", "GigabitEthernet0/0")}


def holds(spans, addresses):
    for span in spans:
        if "/" in span:
            network = ipaddress.ip_network(span)
            low, high = network[0], network[-1]
        else:
            low, _, high = span.partition("-")
            low, high = ipaddress.ip_address(low), ipaddress.ip_address(high or low)
        for address in addresses:
            if address.version == low.version and low <= address <= high:
                return True
    return False


def told(service):
    """Errors of ICMP and neighbour discovery the reference leaves out; a list without state knows answers over UDP and of DHCP
    by the port that they come from alone."""
    return not service.startswith("icmp") and " from port " not in service


def differences(name, text, reference):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_text(text + BOUND[name])
        command = [sys.executable, "-m", "fwshift", "compare", "--json", "--fail-on", "none"]
        command += ["--from", FORMATS[name], "--from-second", "nftables", str(path), str(reference)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = []
    for difference in json.loads(done.stdout)["differences"]:
        way = (difference["from"], difference["to"])
        if name == "cisco-ios" and way not in WAYS:
            continue
        for one in difference["connections"]:
            to, of = holds(one["destinations"], ASSET), holds(one["sources"], ASSET)
            # Between others, platforms differ in what they do without a rule. Nobody routes the asset to itself, nor what
            # comes from elsewhere with its address.
            wrong_way = name == "cisco-ios" and (way[0].endswith("1") != of or way[0].endswith("1") == to)
            services = [service for service in one["services"] if told(service)]
            if to != of and not wrong_way and services:
                found.append((way, difference["change"], one["sources"], one["destinations"], services))
    return found


def suricata(text):
    rules = parse_rules(text)
    lines = [line for line in text.splitlines() if line.startswith("alert ")]
    options = [{option.keyword: str(option.settings) for option in rule.options} for rule in rules]
    numbers = [option["sid"] for option in options]
    if len(rules) != len(lines) or len(set(numbers)) != len(rules):
        return [("of", len(lines), "rules", len(rules), "are read; numbers", numbers)]
    heads = {(rule.protocol, str(rule.src), str(rule.dst), str(rule.dst_port)) for rule in rules}
    wanted = {
        ("tcp", "![10.9.1.2]", "10.9.2.2", "502"),
        ("udp", "![10.9.1.2, 10.9.1.3]", "10.9.2.2", "161"),
        ("tcp", "any", "10.9.2.2", "![443, 502]"),
        ("udp", "any", "fd09:2::2", "any"),
        ("udp", "fd09:2::2", "![fd09:1::2]", "123"),
    }
    return sorted(wanted - heads)


def main():
    folder = Path(sys.argv[1])
    reference = Path(__file__).with_name("reference.nft")
    wrong = False
    for name in FORMATS:
        text = (folder / f"{name}.txt").read_text()
        found = differences(name, text, reference)
        # A parser that overlooks a rule would overlook it in the reference as well: one that is taken out must be missed.
        marks = (" eq 514", "fossick-tcp-514 action", 'set service "fossick-tcp-514"')
        opens = (line for line in text.splitlines() if "established" not in line)
        line = next(line for line in opens if any(mark in line for mark in marks))
        kept = text.replace(line + "\n", line.replace("514", "515") + "\n")
        if not differences(name, kept, reference):
            found.append("another port makes no difference to its reader")
        print(name, found or "agrees with the reference")
        wrong |= bool(found)
    found = suricata((folder / "suricata.txt").read_text())
    print("suricata", found or "is read")
    sys.exit(wrong or bool(found))


main()
