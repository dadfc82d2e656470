"""Searches for root devices as any control point does (UPnP Device Architecture 2.0, 1.3.2)."""

import os
import socket

SEARCH = b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n'
asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asked.settimeout(5)
asked.sendto(SEARCH, ("239.255.255.250", 1900))
while True:
    answer, (address, _) = asked.recvfrom(2048)
    print(address, answer.decode())
    if address == os.environ["ADDRESS"]:
        break
