"""Sends the frames of a pcap file onto an interface: send.py IFACE FILE [FRAMES_PER_SECOND [TIMES]].

With `listen` as FILE: prints how many frames the interface received within so many seconds, until a line comes in.
"""
import select
import socket
import struct
import sys
import time

iface, path = sys.argv[1], sys.argv[2]
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind((iface, 0))
if path == 'listen':
    heard = 0
    print('ready', flush=True)
    while True:
        ready, _, _ = select.select([wire, sys.stdin], [], [])
        if wire in ready:
            _, (_, _, kind, _, _) = wire.recvfrom(65536)
            heard += kind != socket.PACKET_OUTGOING
        if sys.stdin in ready:
            print(heard, flush=True)
            sys.exit()
rate = float(sys.argv[3]) if len(sys.argv) > 3 else 20000
times = int(sys.argv[4]) if len(sys.argv) > 4 else 1
data, at, frames = open(path, 'rb').read(), 24, []
while at + 16 <= len(data):
    size = struct.unpack('<I', data[at + 8:at + 12])[0]
    frames.append(data[at + 16:at + 16 + size])
    at += 16 + size
begun, sent = time.monotonic(), 0
for _ in range(times):
    for frame in frames:
        wire.send(frame)
        sent += 1
        ahead = sent / rate - (time.monotonic() - begun)
        if ahead > 0.002:
            time.sleep(ahead)
print(sent)
