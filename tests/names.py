"""A name server that knows a few addresses, and of all others says that there is no such name.

    names.py ADDRESS NAME=ADDRESS...
"""

import socket
import struct
import sys

known = {}
for word in sys.argv[2:]:
    name, address = word.split("=")
    backwards = ".".join(reversed(address.split("."))) + ".in-addr.arpa"
    known[backwards] = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
print("ready", flush=True)
while True:
    question, client = server.recvfrom(512)
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode())
        at += 1 + question[at]
    asked = question[12 : at + 5]
    name = known.get(".".join(labels))
    head = question[:2] + struct.pack("!HHHHH", 0x8180 if name else 0x8183, 1, 1 if name else 0, 0, 0)
    record = struct.pack("!HHHIH", 0xC00C, 12, 1, 60, len(name)) + name if name else b""
    server.sendto(head + asked + record, client)
