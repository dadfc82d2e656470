"""A mirror port in user space: copies the frames of one interface to another. Three arguments: from, to, and `both` directions or
those that come `in` alone."""

import socket
import sys

source, target, which = sys.argv[1:4]
ALL = 0x0003
ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
ear.bind((source, 0))
mouth = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
mouth.bind((target, 0))
print("ready", flush=True)
while True:
    frame, (_, _, kind, _, _) = ear.recvfrom(65536)
    if which == "both" or kind != socket.PACKET_OUTGOING:
        mouth.send(frame)
