#!/usr/bin/env python3
"""What a running sensor must reach with very much of everything: memory, and how long a filter takes.

usage: bench/sensor.py FOSSICK FOLDER [TIMES]

Needs root: the sensor listens on an interface of a network namespace made for it. It is given captures to read: of
100,000 assets that say who they are (workstations by DHCP and HTTP, controllers by Modbus, servers by SSH, printers by
SNMP), of five million SYNs from random sources, half of them on the link itself, and of 100,000 connections under way,
each with 16 KiB of a message that goes on. TIMES makes all of that smaller or larger. The status is 1 when something is
not reached.
"""
import json, os, random, shutil, struct, subprocess, sys, time

FOSSICK, FOLDER = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
TIMES = float(sys.argv[3]) if len(sys.argv) > 3 else 1
ASSETS, SYNS, FLOWS = (int(count * TIMES) for count in (100_000, 5_000_000, 100_000))
MEMORY_MIB = 512
FILTER_MS = 100
FILTERS = ['kind:plc vendor:schneider /v3.7[0-9]/', 'port:22 -vendor:vmware', '/ws-0000[0-9]0/', '/no such thing/', 'os:"windows xp"']
SERVER_MAC, SERVER = bytes.fromhex('0050568a0001'), bytes([10, 255, 0, 1])


def ip(protocol, source, destination, payload, number):
    return struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(payload), number & 0xffff, 0, 64, protocol, 0) + source + destination + payload


def frame(source, destination, packet):
    return destination + source + b'\x08\x00' + packet


def datagram(end, other, ports, data, number):
    udp = struct.pack('>HHHH', *ports, 8 + len(data), 0) + data
    return frame(end[0], other[0], ip(17, end[1], other[1], udp, number))


def connection(client, server, ports, messages, number):
    """The frames of a TCP connection: who says what."""
    sequence = {client: 1000, server: 5000}

    def segment(sender, flags, data=b''):
        receiver = server if sender is client else client
        order = ports if sender is client else ports[::-1]
        tcp = struct.pack('>HHIIBBHHH', *order, sequence[sender], sequence[receiver], 0x50, flags, 8192, 0, 0) + data
        sequence[sender] += max(len(data), 1 if flags & 2 else 0)
        return frame(sender[0], receiver[0], ip(6, sender[1], receiver[1], tcp, number))

    yield segment(client, 2)
    yield segment(server, 0x12)
    for from_client, data in messages:
        yield segment(client if from_client else server, 0x18, data)


def workstation(n, end):
    name = b'WS-%06d' % n
    options = b'\x35\x01\x03' + b'\x0c' + bytes([len(name)]) + name + b'\x3c\x08MSFT 5.0' + b'\x37\x0e\x01\x03\x06\x0f\x1f\x21\x2b\x2c\x2e\x2f\x77\x79\xf9\xfc\xff'
    request = b'\x01\x01\x06\x00' + struct.pack('>I', n) + bytes(4) + end[1] + bytes(12) + end[0] + bytes(202) + b'\x63\x82\x53\x63' + options
    yield datagram(end, (b'\xff' * 6, b'\xff' * 4), (68, 67), request, n)
    get = b'GET /status HTTP/1.1\r\nHost: intranet\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 Safari/537.36\r\n\r\n'
    answer = b'HTTP/1.1 200 OK\r\nServer: nginx/1.24.0\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok'
    yield from connection(end, (SERVER_MAC, SERVER), (40000 + n % 20000, 80), [(True, get), (False, answer)], n)


def controller(n, end):
    objects = [(0, b'Schneider Electric'), (1, b'BME P58 4040'), (2, b'v%d.%d' % (2 + n % 2, n % 90))]
    listed = b''.join(bytes([number, len(text)]) + text for number, text in objects)
    reply = b'\x01\x2b\x0e\x01\x01\x00\x00' + bytes([len(objects)]) + listed
    messages = [(True, struct.pack('>HHH', n & 0xffff, 0, 5) + b'\x01\x2b\x0e\x01\x00'),
                (False, struct.pack('>HHH', n & 0xffff, 0, len(reply)) + reply)]
    yield from connection((SERVER_MAC, SERVER), end, (30000 + n % 20000, 502), messages, n)


def server(n, end):
    messages = [(False, b'SSH-2.0-OpenSSH_8.%dp1 Debian-5+deb11u%d\r\n' % (n % 10, n % 4)), (True, b'SSH-2.0-PuTTY_Release_0.78\r\n')]
    yield from connection((SERVER_MAC, SERVER), end, (30000 + n % 20000, 22), messages, n)


def printer(n, end):
    def item(tag, value):
        return bytes([tag]) + (bytes([len(value)]) if len(value) < 128 else b'\x81' + bytes([len(value)])) + value

    def message(kind, value):
        oid = b'\x2b\x06\x01\x02\x01\x01\x01\x00'
        bound = item(0x30, item(0x30, item(6, oid) + value))
        body = item(kind, item(2, struct.pack('>I', n)) + item(2, b'\0') + item(2, b'\0') + bound)
        return item(0x30, item(2, b'\0') + item(4, b'public') + body)

    description = b'HP ETHERNET MULTI-ENVIRONMENT,ROM none,JETDIRECT,JD153,EEPROM JSI24230%03d,CIDATE 09/10/2019' % (n % 1000)
    other = (SERVER_MAC, SERVER)
    yield datagram(other, end, (30000 + n % 20000, 161), message(0xa0, b'\x05\x00'), n)
    yield datagram(end, other, (161, 30000 + n % 20000), message(0xa2, item(4, description)), n)


MAKERS = [(workstation, '00155d'), (controller, '0080f4'), (workstation, '3cd92b'), (server, '005056'), (printer, '001a4b')]


def assets():
    for n in range(ASSETS):
        says, vendor = MAKERS[n % len(MAKERS)]
        end = (bytes.fromhex(vendor) + struct.pack('>I', n)[1:], bytes([10, 1 + n // 65536]) + struct.pack('>H', n % 65536))
        yield from says(n, end)


def flood():
    chosen = random.Random(1)
    for n in range(SYNS):
        source = (b'\x02\x07' + chosen.randbytes(4), b'\x0a' + chosen.randbytes(3)) if n % 2 else \
            (b'\x02\x00\x00\x00\x00\x01', bytes([20 + n % 90]) + chosen.randbytes(3))
        tcp = struct.pack('>HHIIBBHHH', 1024 + n % 60000, 445, n, 0, 0x50, 2, 8192, 0, 0)
        yield frame(source[0], b'\x02\x00\x00\x00\x00\x02', ip(6, source[1], b'\x0a' + chosen.randbytes(3), tcp, n))


def connections():
    """A DICOM message of 64 KiB begins in each, of which 16 KiB come."""
    head, rest = b'\x04\x00' + struct.pack('>IIBB', 65530, 65526, 1, 2), bytes(1400)
    for begun in range(0, FLOWS, 1000):
        for part in range(12):
            for n in range(begun, min(begun + 1000, FLOWS)):
                client = (b'\x02\x00\x00\x00\x00\x01', bytes([10, 200]) + struct.pack('>H', n // 50000 + 1))
                ports = struct.pack('>HH', 10000 + n % 50000, 104)
                data = head + rest if part == 0 else rest
                sequence = 1 + (len(head) if part else 0) + part * len(rest)
                tcp = ports + struct.pack('>IIBBHHH', sequence, 1, 0x50, 0x18, 8192, 0, 0) + data
                yield frame(client[0], SERVER_MAC, ip(6, client[1], SERVER, tcp, n))


def capture(to, frames):
    with open(to, 'wb') as out:
        out.write(struct.pack('<IHHIIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        began = int(time.time()) - 3600
        for count, data in enumerate(frames):
            stamp = struct.pack('<II', began + count // 10000, count % 10000 * 100)
            out.write(stamp + struct.pack('<II', len(data), len(data)) + data)
    return to


def memory(process):
    """Resident MiB of a process: now, and at most so far."""
    text = open(f'/proc/{process}/status').read()
    figures = dict(line.split(':', 1) for line in text.splitlines() if ':' in line)
    return tuple(int(figures[name].split()[0]) / 1024 for name in ('VmRSS', 'VmHWM'))


missed = []


def must(what, value, limit, unit='', least=False):
    """One line of what must be reached."""
    reached = value >= limit if least else value <= limit
    if not reached:
        missed.append(what)
    print(f'  {"reached    " if reached else "NOT REACHED"}  {what}: {value:.0f}{unit}, must be {"≥" if least else "≤"} {limit}{unit}')


class Sensor:
    """One that runs in a network namespace of its own, with a folder of its own."""

    def __enter__(self):
        self.network = f'fossick-bench-{os.getpid()}'
        self.folder = os.path.join(FOLDER, self.network)
        self.socket = os.path.join(self.folder, 'run/control.sock')
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o755)
        config = os.path.join(self.folder, 'fossick.toml')
        with open(config, 'w') as out:
            out.write(f'site = "bench"\nuser = "nobody"\n[[interface]]\nname = "span"\n[store]\npath = "{self.folder}/store"\n'
                      f'[control]\nsocket = "{self.socket}"\n[limits]\nmemory_mib = {MEMORY_MIB}\n')
        subprocess.run(['ip', 'netns', 'add', self.network], check=True)
        subprocess.run(['ip', '-n', self.network, 'link', 'add', 'span', 'type', 'veth', 'peer', 'name', 'wire'], check=True)
        for end in ('span', 'wire'):
            subprocess.run(['ip', '-n', self.network, 'link', 'set', end, 'arp', 'off', 'up'], check=True)
        with open(os.path.join(self.folder, 'log'), 'w') as log:
            command = ['ip', 'netns', 'exec', self.network, FOSSICK, 'run', '--config', config]
            self.process = subprocess.Popen(command, stderr=log)
        while self.ask('status').returncode != 0:
            if self.process.poll() is not None:
                sys.exit(open(log.name).read())
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        subprocess.run(['ip', 'netns', 'del', self.network], check=True)
        shutil.rmtree(self.folder)

    def ask(self, *arguments):
        return subprocess.run([FOSSICK, *arguments, '--socket', self.socket], capture_output=True, text=True)

    def status(self):
        return json.loads(self.ask('status', '--format', 'json').stdout)

    def ingest(self, file):
        """Has it read a capture, and waits until what it says is written down."""
        began = time.monotonic()
        told = self.ask('ingest', file)
        if told.returncode != 0:
            sys.exit(told.stderr)
        last = None
        while last != (last := self.status()['journal']) or self.status()['store']['waiting'] > 0:
            time.sleep(3)
        now, most = memory(self.process.pid)
        print(f'{os.path.basename(file)}, {os.path.getsize(file) / 1e6:.0f} MB: read and written down in '
              f'{time.monotonic() - began:.0f} s; {self.status()["assets"]} assets; {now:.0f} MiB, at most {most:.0f}')
        os.unlink(file)


def filters(sensor):
    """The longest that a window of a filter took, in milliseconds: the median of five."""
    worst = 0
    for text in FILTERS:
        took = []
        for _ in range(5):
            began = time.monotonic()
            answer = sensor.ask('assets', text, '--limit', '100')
            took.append((time.monotonic() - began) * 1000)
        if answer.returncode != 0:
            sys.exit(answer.stderr)
        worst = max(worst, sorted(took)[2])
        print(f'  {text:<40} {sorted(took)[2]:6.0f} ms   {answer.stdout.strip().splitlines()[-1][:60]}')
    return worst


def main():
    os.makedirs(FOLDER, exist_ok=True)
    with Sensor() as sensor:
        sensor.ingest(capture(os.path.join(FOLDER, 'assets.pcap'), assets()))
        known = sensor.status()['assets']
        must('assets', known, ASSETS, least=True)
        must('a filter over them, with the start of the client', filters(sensor), FILTER_MS, ' ms')
        must('memory', memory(sensor.process.pid)[1], MEMORY_MIB, ' MiB')
    with Sensor() as sensor:
        for name, frames in [('connections', connections()), ('flood', flood())]:
            sensor.ingest(capture(os.path.join(FOLDER, name + '.pcap'), frames))
            must(f'assets after {name}', sensor.status()['assets'], 3)
            must('memory', memory(sensor.process.pid)[1], MEMORY_MIB, ' MiB')
    return 1 if missed else 0


sys.exit(main())
