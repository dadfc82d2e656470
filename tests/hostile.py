"""Servers that answer badly, each on an address of its own.

    hostile.py PORT KIND=ADDRESS...
"""

import socket
import sys
import threading
import time


def serve(kind, address, port):
    server = socket.create_server((address, port))
    while True:
        client, _ = server.accept()
        threading.Thread(target=answer, args=(kind, client), daemon=True).start()


def answer(kind, client):
    try:
        if kind == "endless":
            # Whole messages without end: identification replies of 27 octets.
            message = bytes.fromhex("000100000015ff2b0e0101000003000141010141020141")
            message = message[:5] + bytes([len(message) - 6]) + message[6:]
            while True:
                client.sendall(message * 100)
        elif kind == "trickle":
            for octet in bytes.fromhex("0001000000fdff2b0e010100") * 30:
                client.sendall(bytes([octet]))
                time.sleep(1)
        elif kind == "huge":
            client.sendall(bytes.fromhex("00010000ffffff2b0e") + b"A" * 70000)
            time.sleep(30)
        elif kind == "silent":
            time.sleep(30)
        elif kind == "reset":
            client.recv(100)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        elif kind == "garbage":
            client.sendall(bytes(range(256)) * 100)
            time.sleep(30)
        client.close()
    except OSError:
        pass


port = int(sys.argv[1])
for word in sys.argv[2:]:
    kind, address = word.split("=")
    threading.Thread(target=serve, args=(kind, address, port), daemon=True).start()
print("ready", flush=True)
time.sleep(600)
