"""A fragile Modbus device. It dies, with a word on why, on a second connection beside the first, on a function code that it
does not know (it knows 3 and 43/14), on anything that is no Modbus, on a connection that is reset, and on more than so many packets a second.

    fragile.py INTERFACE ADDRESS PORT PACKETS [CYCLE]

With CYCLE (address:port) it sends a datagram there every 100 ms, but for half a second after it was asked something. With
CYCLE profinet:INTERFACE it sends cyclic data of PROFINET on that interface instead, and says now and then whose it is.
Environment: IDENTITY, what it calls itself (vendor|product|version); STEADY, it sends on while it is asked.
"""

import os
import selectors
import socket
import struct
import sys
import threading
import time

IDENTITY = os.environ.get("IDENTITY", "Acme|FX-2000|V1.4").encode().split(b"|")


def die(why):
    print("DIED", why, flush=True)
    os._exit(1)


def count(interface, address, most):
    """Counts the packets that arrive for us."""
    v6 = ":" in address
    heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86DD if v6 else 0x0800))
    heard.bind((interface, 0))
    own = socket.inet_pton(socket.AF_INET6 if v6 else socket.AF_INET, address)
    at = slice(38, 54) if v6 else slice(30, 34)
    times = []
    while True:
        frame, where = heard.recvfrom(2048)
        if where[2] == socket.PACKET_OUTGOING or frame[at] != own:
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


def profinet(address, interface):
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind((interface, 0))
    own = sender.getsockname()[4]
    group = b"\xff" * 6
    own_ip = socket.inet_aton(address)
    arp = group + own + bytes.fromhex("08060001080006040001") + own + own_ip + bytes(6) + own_ip
    number = 0
    while True:
        pause.wait()
        if number % 10 == 0:
            sender.send(arp)
        number += 1
        # Frame id 0x8001, data, cycle counter, status of the data, status of the transfer.
        data = b"\x80\x01" + bytes(40) + struct.pack("!H", number * 32 % 65536) + b"\x35\x00"
        sender.send(b"\x02\x00\x00\x00\x00\x99" + own + b"\x88\x92" + data)
        time.sleep(0.1)


def delay():
    if "STEADY" not in os.environ and pause.is_set():
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
    kind, where = (profinet, sys.argv[5][9:]) if sys.argv[5].startswith("profinet:") else (cycle, sys.argv[5])
    threading.Thread(target=kind, args=(address, where), daemon=True).start()
server = socket.create_server((address, int(port)), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
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
