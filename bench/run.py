#!/usr/bin/env python3
"""Compares Fossick with the peers that are installed: CPU seconds as ratios in one interleaved run, and peak memory.

usage: bench/run.py FOSSICK FOLDER [ROUNDS]

FOLDER receives the captures: those of ../shared/bench where that folder is there, otherwise our demonstration repeated
with other addresses each time. Machines are noisy: look at the ratios, not at the seconds.
"""
import os, shutil, statistics, struct, subprocess, sys

FOSSICK, FOLDER = sys.argv[1], sys.argv[2]
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 5
HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = os.path.join(HERE, '../../shared/bench/make-captures.sh')


def repeated(to, times):
    """Our own captures, again and again, each time with other hosts: the second octet of IPv4 addresses moves on."""
    demo = os.path.join(HERE, '../demo')
    frames = []
    for name in sorted(os.listdir(demo)):
        if name.endswith('.pcap'):
            data, at = open(os.path.join(demo, name), 'rb').read(), 24
            while at + 16 <= len(data):
                size = struct.unpack('<I', data[at + 8:at + 12])[0]
                frames.append(bytearray(data[at + 16:at + 16 + size]))
                at += 16 + size
    with open(to, 'wb') as out:
        out.write(struct.pack('<IHHIIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        for n in range(times):
            for k, frame in enumerate(frames):
                frame = bytearray(frame)
                if frame[12:14] == b'\x08\x00' and len(frame) > 34:
                    for place in (26, 30):
                        if frame[place] == 10:
                            frame[place + 1] = n % 250
                out.write(struct.pack('<IIII', 1700000000 + n, k, len(frame), len(frame)) + frame)


def captures():
    os.makedirs(FOLDER, exist_ok=True)
    if os.path.exists(SHARED):
        if not os.path.exists(os.path.join(FOLDER, 'syn1m.pcap')):
            subprocess.run(['bash', SHARED, FOLDER], check=True, stdout=subprocess.DEVNULL)
        return ['mixed', 'ot', 'syn1m']
    print('The captures of ../shared/bench are not here: repeating our own.')
    if not os.path.exists(os.path.join(FOLDER, 'own.pcap')):
        repeated(os.path.join(FOLDER, 'own.pcap'), 400)
    return ['own']


def peers(path):
    tools = {'fossick': [FOSSICK, 'read', path, '--format', 'json', '--threads', '1']}
    noop = os.path.join(FOLDER, 'noop')
    if os.path.exists(noop):
        tools['noop'] = [noop, path]
    if shutil.which('ndpiReader'):
        tools['ndpiReader'] = ['ndpiReader', '-i', path, '-q']
    if shutil.which('p0f'):
        tools['p0f'] = ['p0f', '-r', path, '-o', os.path.join(FOLDER, 'p0f.log')]
    if shutil.which('tcpdump'):
        tools['tcpdump'] = ['tcpdump', '-r', path, '-w', '/dev/null']
    return tools


def measure(command):
    """CPU seconds and peak MiB of one run."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(child.pid, 0)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    for name in captures():
        path = os.path.join(FOLDER, f'{name}.pcap')
        tools, seconds, memory = peers(path), {}, {}
        for _ in range(ROUNDS):
            for tool, command in tools.items():
                cpu, peak = measure(command)
                seconds.setdefault(tool, []).append(cpu)
                memory[tool] = max(memory.get(tool, 0), peak)
        base = statistics.median(seconds['fossick'])
        print(f'\n{name}: {os.path.getsize(path) / 1e6:.0f} MB, median of {ROUNDS}')
        for tool in sorted(tools, key=lambda tool: statistics.median(seconds[tool])):
            cpu = statistics.median(seconds[tool])
            print(f'  {tool:<12} {cpu:7.2f} s CPU   fossick needs {base / max(cpu, 0.001):6.2f} times that   {memory[tool]:6.0f} MiB')


main()
