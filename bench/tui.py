#!/usr/bin/env python3
"""How soon a key is answered, with 100,000 assets and 1,000 changes a second arriving, through a pseudo-terminal; and the screen's memory.

usage: bench/tui.py FOSSICK FOLDER [TIMES]

Needs root: the sensor listens on an interface of a network namespace made for it. TIMES makes the inventory smaller or larger. The status
is 1 when the 99th percentile is above 50 ms, or the screen takes more than 100 MB.
"""
import json, os, shutil, struct, subprocess, sys, time

sys.argv.append('')
FOSSICK, FOLDER = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
TIMES = float(sys.argv[3] or 1)
HERE = os.path.dirname(os.path.abspath(__file__))
# Each host that appears makes three entries in the journal or more: above 1,000 changes a second.
ASSETS, RATE, SECONDS = int(100_000 * TIMES), 400, 90
ANSWER_MS, MEMORY_MB = 50, 100
NAMESPACE = f'fossick-tui-{os.getpid()}'


def ip(protocol, source, destination, payload):
    return struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0) + source + destination + payload


def host(n):
    """The frames in which a host becomes known: it asks for a lease and says its name and system."""
    mac = b'\x00\x15\x5d' + struct.pack('>I', n)[1:]
    address = b'\x0a' + struct.pack('>I', n + 65536)[1:]
    name = b'WS-%06d' % n
    options = b'\x35\x01\x03\x0c' + bytes([len(name)]) + name + b'\x3c\x08MSFT 5.0\xff'
    request = b'\x01\x01\x06\x00' + struct.pack('>I', n) + bytes(4) + address + bytes(12) + mac + bytes(202) + b'\x63\x82\x53\x63' + options
    udp = struct.pack('>HHHH', 68, 67, 8 + len(request), 0) + request
    yield b'\xff' * 6 + mac + b'\x08\x00' + ip(17, address, b'\xff' * 4, udp)


def capture(name, first, count, step):
    path = os.path.join(FOLDER, name)
    began = int(time.time()) - 60
    with open(path, 'wb') as out:
        out.write(struct.pack('<IHHIIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        for n in range(first, first + count, step):
            for data in host(n):
                out.write(struct.pack('<IIII', began, 0, len(data), len(data)) + data)
    return path


def run(*command, **options):
    return subprocess.run(command, check=True, **options)


def inside(*command):
    return ('ip', 'netns', 'exec', NAMESPACE) + command


def status():
    asked = subprocess.run([FOSSICK, 'status', '--format', 'json', '--socket', socket], capture_output=True)
    return json.loads(asked.stdout) if asked.returncode == 0 else None


shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
os.chmod(FOLDER, 0o755)
socket = os.path.join(FOLDER, 'control.sock')
config = os.path.join(FOLDER, 'fossick.toml')
open(config, 'w').write(
    f'user = "nobody"\n[[interface]]\nname = "span"\n[store]\npath = "{FOLDER}/store"\n[control]\nsocket = "{socket}"\n[metrics]\nlisten = ""\n')
known = capture('known.pcap', 0, ASSETS, 1)
new = capture('new.pcap', 1_000_000, RATE * SECONDS, 1)
run('ip', 'netns', 'add', NAMESPACE)
sensor = sender = None
try:
    run('ip', '-n', NAMESPACE, 'link', 'add', 'span', 'type', 'veth', 'peer', 'name', 'wire')
    for name in ('lo', 'span', 'wire'):
        run('ip', '-n', NAMESPACE, 'link', 'set', name, 'up')
    log = open(os.path.join(FOLDER, 'log'), 'w')
    sensor = subprocess.Popen(inside(FOSSICK, 'run', '--config', config), stdout=log, stderr=log)
    while not (status() or {}).get('interfaces'):
        time.sleep(0.2)
    run(FOSSICK, 'ingest', known, '--socket', socket, stdout=subprocess.DEVNULL)
    while True:
        before = status()
        time.sleep(3)
        after = status()
        if before['journal'] == after['journal'] and after['store']['waiting'] == 0:
            break
    print(f"assets {after['assets']}, journal {after['journal']}")
    sender = subprocess.Popen(inside('python3', os.path.join(HERE, '..', 'tests', 'send.py'), 'wire', new, str(RATE), '1'), stdout=subprocess.DEVNULL)
    time.sleep(3)
    first, begun = status(), time.time()
    keys = 'wait:2 2 wait:2 measure:j:400 G wait:1 measure:k:400 8 wait:2 measure:j:400 1 wait:1 measure:j:400 q'
    asked = subprocess.run(['python3', os.path.join(HERE, '..', 'tests', 'press.py'), os.path.join(FOLDER, 'octets'), '200x60', keys,
                            FOSSICK, 'tui', '--socket', socket], capture_output=True, text=True)
    last = status()
    changes = (last['journal'] - first['journal']) / (time.time() - begun)
    figures = [json.loads(line) for line in asked.stdout.splitlines()]
    worst = max(figure['p99'] for figure in figures)
    memory = max(figure['resident_kib'] for figure in figures) * 1024 / 1e6
    for where, figure in zip(('assets, down', 'assets, up from the end', 'changes', 'overview'), figures):
        print(f"{where:<24} p50 {figure['p50']:.1f} ms, p99 {figure['p99']:.1f} ms, worst {figure['worst']:.1f} ms")
    print(f'changes a second {changes:.0f}; p99 at most {worst:.1f} ms (wanted: {ANSWER_MS}), memory {memory:.0f} MB (wanted: {MEMORY_MB})')
    failed = worst > ANSWER_MS or memory > MEMORY_MB
finally:
    for process in (sender, sensor):
        if process:
            process.terminate()
            process.wait()
    run('ip', 'netns', 'del', NAMESPACE)
sys.exit(failed)
