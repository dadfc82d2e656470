"""Serves a port (`serve KIND ADDRESS PORT`), or asks one and says by its exit status whether it was answered (`ask …`).
Modbus and SNMP as devices speak them; whatever else is asked on other ports."""

import socket
import sys

what, kind, address, port = sys.argv[1:5]
# Read holding registers, and its answer; get sysDescr, and its answer.
ASKS = {
    "502": bytes.fromhex("000100000006010300000001"),
    "161": bytes.fromhex("302602010104067075626c6963a019020101020100020100300e300c06082b060102010101000500"),
}
ANSWERS = {
    "502": bytes.fromhex("0001000000050103020000"),
    "161": bytes.fromhex("302902010104067075626c6963a21c0201010201000201003011300f06082b060102010101000403504c43"),
}
ask, answer = ASKS.get(port, b"ask"), ANSWERS.get(port, b"yes")
family = socket.AF_INET6 if ":" in address else socket.AF_INET
one = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
if what == "serve":
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((address, int(port)))
    if kind == "tcp":
        one.listen()
    print("ready", flush=True)
    while True:
        if kind == "tcp":
            peer, _ = one.accept()
            peer.settimeout(1.0)
            try:
                peer.recv(99)
                peer.sendall(answer)
            except OSError:
                pass
            peer.close()
        else:
            _, peer = one.recvfrom(99)
            one.sendto(answer, peer)
one.settimeout(1.0)
try:
    one.connect((address, int(port)))
    one.send(ask)
    sys.exit(0 if one.recv(99) == answer else 1)
except OSError:
    sys.exit(1)
