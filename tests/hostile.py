"""Servers that answer badly, each on an address of its own.

    hostile.py PORT KIND=ADDRESS[:PORT]...

Of the kind `tls13` is one that answers well, in that version alone. Of the kind `dumb`, it takes datagrams on every port that is asked about, and says nothing.
"""

import os
import selectors
import socket
import ssl
import sys
import threading
import time
import zlib


def serve(kind, address, port):
    server = socket.create_server((address, port))
    while True:
        client, _ = server.accept()
        threading.Thread(target=answer, args=(kind, client), daemon=True).start()


def dumb(address):
    ready = selectors.DefaultSelector()
    for port in list(range(1, 1024)) + [1434, 1900, 2222, 3671, 3702, 5060, 5094, 5353, 9600, 20000, 34964, 44818, 47808]:
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            taken.bind((address, port))
            ready.register(taken, selectors.EVENT_READ)
        except OSError:
            pass
    while True:
        for key, _ in ready.select():
            key.fileobj.recv(2000)


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
        elif kind == "tls13":
            client.settimeout(3)
            with TLS.wrap_socket(client, server_side=True) as inside:
                inside.recv(100)
        elif kind == "tls-drip":
            # A server hello of 64 KiB, an octet a second.
            for octet in bytes.fromhex("1603034000020100000303") + bytes(60):
                client.sendall(bytes([octet]))
                time.sleep(1)
        elif kind == "tls-flood":
            # One message in records without end.
            client.recv(2000)
            client.sendall(bytes.fromhex("160303400002ffffff0303") + bytes(0x4000 - 6))
            while True:
                client.sendall(bytes.fromhex("1603034000") + bytes(0x4000))
        elif kind == "bomb":
            client.recv(2000)
            packer = zlib.compressobj(9, zlib.DEFLATED, 31)
            body = b"".join(packer.compress(bytes(1 << 20)) for _ in range(300)) + packer.flush()
            head = f"HTTP/1.1 200 OK\r\nServer: bomb\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
            client.sendall(head.encode() + body)
        elif kind == "garbage":
            client.sendall(bytes(range(256)) * 100)
            time.sleep(30)
        client.close()
    except OSError:
        pass


TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
TLS.minimum_version = ssl.TLSVersion.TLSv1_3
TLS.load_cert_chain(os.path.join(os.path.dirname(__file__), "tls.pem"))
for word in sys.argv[2:]:
    kind, address = word.split("=")
    address, _, port = address.partition(":")
    port = int(port or sys.argv[1])
    if kind == "dumb":
        threading.Thread(target=dumb, args=(address,), daemon=True).start()
    else:
        threading.Thread(target=serve, args=(kind, address, port), daemon=True).start()
print("ready", flush=True)
time.sleep(600)
