"""A fragile Modbus device. It dies, with a word on why, on a second connection beside the first, on a function code that it
does not know (it knows 3 and 43/14), on anything that is no Modbus, on a connection that is reset, and on more than so many packets a second.

    fragile.py INTERFACE ADDRESS PORT PACKETS [CYCLE]

With CYCLE (address:port) it sends a datagram there every 100 ms, but for half a second after it was asked something.
"""

import os
import selectors
import socket
import struct
import sys
import threading
import time

IDENTITY = [b"Acme", b"FX-2000", b"V1.4"]


def die(why):
    print("DIED", why, flush=True)
    os._exit(1)


def count(interface, address, most):
    """Counts the packets that arrive for us."""
    heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    heard.bind((interface, 0))
    own = socket.inet_aton(address)
    times = []
    while True:
        frame, where = heard.recvfrom(2048)
        if where[2] == socket.PACKET_OUTGOING or frame[30:34] != own:
            continue
        now = time.monotonic()
        times = [t for t in times if now - t < 1] + [now]
        if len(times) > most:
            die(f"{len(times)} packets within a second")


def cycle(address, to):
    host, port = to.split(":")
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind((address, 0))
    number = 0
    while True:
        pause.wait()
        number += 1
        sender.sendto(struct.pack("!I", number) + b"cycle", (host, int(port)))
        time.sleep(0.1)


def delay():
    if pause.is_set():
        pause.clear()
        threading.Timer(0.5, pause.set).start()


def answer(request):
    if len(request) < 8 or request[2:4] != b"\0\0":
        die(f"not Modbus: {request!r}")
    function = request[7]
    if function == 3:
        return request[:4] + b"\0\7" + request[6:8] + b"\4\0\1\0\2"
    if function != 0x2B or request[8:10] != b"\x0e\x01":
        die(f"function {function}")
    body = b"\x2b\x0e\x01\x01\x00\x00" + bytes([len(IDENTITY)])
    for number, text in enumerate(IDENTITY):
        body += bytes([number, len(text)]) + text
    return request[:4] + struct.pack("!H", len(body) + 1) + request[6:7] + body


interface, address, port, most = sys.argv[1:5]
pause = threading.Event()
pause.set()
threading.Thread(target=count, args=(interface, address, int(most)), daemon=True).start()
if len(sys.argv) > 5:
    threading.Thread(target=cycle, args=(address, sys.argv[5]), daemon=True).start()
server = socket.create_server((address, int(port)))
ready = selectors.DefaultSelector()
ready.register(server, selectors.EVENT_READ)
client = None
print("ready", flush=True)
while True:
    for key, _ in ready.select():
        if key.fileobj is server:
            if client is not None:
                die("a second connection")
            client, _ = server.accept()
            ready.register(client, selectors.EVENT_READ)
            continue
        try:
            request = client.recv(300)
        except OSError as error:
            die(f"an unclean close: {error}")
        if request:
            if len(sys.argv) > 5:
                delay()
            client.sendall(answer(request))
        else:
            ready.unregister(client)
            client.close()
            client = None
