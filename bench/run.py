#!/usr/bin/env python3
"""Compares Fossick with the peers that are installed, and with what it must reach: CPU seconds as ratios in one
interleaved run, and peak memory.

usage: bench/run.py FOSSICK FOLDER [ROUNDS]

FOLDER receives the captures: those of ../shared/bench where that folder is there, otherwise our demonstration repeated
with other addresses each time. Machines are noisy: look at the ratios, not at the seconds. What needs a peer or a
capture that is not here is left out. The status is 1 when something is not reached.
"""
import os, shutil, statistics, struct, subprocess, sys, tempfile, time

FOSSICK, FOLDER = sys.argv[1], sys.argv[2]
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 5
HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = os.path.join(HERE, '../../shared/bench/make-captures.sh')
READING = os.path.join(os.path.dirname(os.path.abspath(FOSSICK)), 'examples/reading')
NDPI, P0F, NOOP = 'ndpiReader', 'p0f', 'noop'

# Capture, peer, and how many times the peer's CPU seconds Fossick may need.
CPU = [('mixed', NDPI, 0.35), ('ot', NDPI, 0.60), ('syn1m', P0F, 0.10)]
# Capture, and MiB at most; those of a flood also at most so many times what a million SYNs need.
MEMORY = [('mixed', 200), ('synflood', 256), ('synlocal', 256)]
FLOOD = 1.1
READING_ALONE = 0.6
LONG_FLOW = 1.1
TWO_CORES = 1.6

missed = []


def path(name):
    return os.path.join(FOLDER, f'{name}.pcap')


def write(to, frames):
    """A capture of these frames, a millisecond apart."""
    with open(to, 'wb') as out:
        out.write(struct.pack('<IHHIIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        for n, frame in enumerate(frames):
            out.write(struct.pack('<IIII', 1700000000 + n // 1000, n % 1000 * 1000, len(frame), len(frame)) + frame)


def repeated(times):
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
    for n in range(times):
        for frame in frames:
            frame = bytearray(frame)
            if frame[12:14] == b'\x08\x00' and len(frame) > 34:
                for place in (26, 30):
                    if frame[place] == 10:
                        frame[place + 1] = n % 250
            yield frame


def polling(flows, packets):
    """Modbus connections, each with so many packets: a register is asked for and answered, over and over."""
    for flow in range(flows):
        ends = [(b'\x02\x00\x00\x00\x00\x01', bytes([10, 0, 0, 1]), 20000 + flow % 40000),
                (b'\x02\x00\x00\x00\x00\x02', bytes([10, 0, 1 + flow // 40000, 2]), 502)]
        sequence = [1000, 5000]
        for n in range(packets):
            side = n % 2
            (mac, ip, port), (to_mac, to_ip, to_port) = ends[side], ends[1 - side]
            transaction = struct.pack('>HH', n // 2 & 0xffff, 0)
            data = transaction + (b'\x00\x06\x01\x03\x00\x10\x00\x02', b'\x00\x07\x01\x03\x04' + bytes([n & 255] * 4))[side]
            tcp = struct.pack('>HHIIBBHHH', port, to_port, sequence[side], sequence[1 - side], 0x50, 0x18, 8192, 0, 0)
            head = struct.pack('>BBHHHBBH', 0x45, 0, 40 + len(data), n & 0xffff, 0, 64, 6, 0) + ip + to_ip
            yield to_mac + mac + b'\x08\x00' + head + tcp + data
            sequence[side] = sequence[side] + len(data) & 0xffffffff


def captures():
    os.makedirs(FOLDER, exist_ok=True)
    for name, flows, packets in [('long', 1, 200000), ('short', 10000, 20)]:
        if not os.path.exists(path(name)):
            write(path(name), polling(flows, packets))
    if os.path.exists(SHARED):
        if not os.path.exists(path('synlocal')):
            subprocess.run(['bash', SHARED, FOLDER], check=True, stdout=subprocess.DEVNULL)
        return ['mixed', 'ot', 'syn1m']
    print('The captures of ../shared/bench are not here: repeating our own.')
    if not os.path.exists(path('own')):
        write(path('own'), repeated(400))
    return ['own']


def fossick(name, threads=1):
    return [FOSSICK, 'read', path(name), '--format', 'json', '--threads', str(threads)]


def peers(name):
    tools = {'fossick': fossick(name)}
    if os.path.exists(READING):
        tools['reading'] = [READING, path(name)]
    noop = os.path.join(FOLDER, 'noop')
    if os.path.exists(noop):
        tools[NOOP] = [noop, path(name)]
    if shutil.which(NDPI):
        tools[NDPI] = [NDPI, '-i', path(name), '-q']
    if shutil.which(P0F):
        tools[P0F] = [P0F, '-r', path(name), '-o', os.path.join(FOLDER, 'p0f.log')]
    if shutil.which('tcpdump'):
        tools['tcpdump'] = ['tcpdump', '-r', path(name), '-w', '/dev/null']
    return tools


def run(command):
    """CPU seconds, peak MiB and seconds on the clock of one run, and how many lines it printed."""
    # Nothing is kept of what is printed: what we hold when a process starts counts as its memory.
    with tempfile.TemporaryFile() as out:
        began = time.monotonic()
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        clock = time.monotonic() - began
        out.seek(0)
        lines = sum(block.count(b'\n') for block in iter(lambda: out.read(65536), b''))
    if command[0] == FOSSICK and status != 0:
        sys.exit(f'{" ".join(command)}: failed')
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, clock, lines


def interleaved(commands):
    """Of each command the median of CPU seconds and of the clock, and the most memory."""
    runs = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            runs[name].append(run(command)[:3])
    result = {}
    for name, measured in runs.items():
        cpu, memory, clock = zip(*measured)
        result[name] = statistics.median(cpu), max(memory), statistics.median(clock)
    return result


def must(what, value, limit, unit='', least=False):
    """One line of what must be reached."""
    reached = value >= limit if least else value <= limit
    if not reached:
        missed.append(what)
    sign = '≥' if least else '≤'
    print(f'  {"reached    " if reached else "NOT REACHED"}  {what}: {value:.2f}{unit}, must be {sign} {limit:g}{unit}')


def compare(names):
    results = {}
    for name in names:
        results[name] = result = interleaved(peers(name))
        base = result['fossick'][0]
        print(f'\n{name}: {os.path.getsize(path(name)) / 1e6:.0f} MB, median of {ROUNDS}')
        for tool, (cpu, memory, _) in sorted(result.items(), key=lambda row: row[1][0]):
            ratio = base / max(cpu, 0.001)
            print(f'  {tool:<12} {cpu:7.2f} s CPU   fossick needs {ratio:6.2f} times that   {memory:6.0f} MiB')
    return results


def floods():
    """Peak memory, and whether anybody is an asset who only sent SYNs."""
    print(f'\nfloods of SYNs')
    reference = run(fossick('syn1m'))[1]
    for name, limit in MEMORY[1:]:
        _, memory, _, assets = run(fossick(name))
        must(f'{name}, peak memory', memory, limit, ' MiB')
        must(f'{name}, peak memory, times that of syn1m', memory / reference, FLOOD)
        must(f'{name}, assets', assets, 0)


def main():
    names = captures()
    results = compare(names)
    print('\nwhat must be reached')
    for name, peer, limit in CPU:
        if peer in results.get(name, {}):
            must(f'{name}, CPU, times {peer}', results[name]['fossick'][0] / results[name][peer][0], limit)
    for name, limit in MEMORY[:1]:
        if name in results:
            must(f'{name}, peak memory', results[name]['fossick'][1], limit, ' MiB')
    largest = results[names[0]]
    if 'reading' in largest and NOOP in largest:
        ratio = largest['reading'][0] / largest[NOOP][0]
        must(f'{names[0]}, reading alone, times {NOOP}', ratio, READING_ALONE)
    # What starting costs is not the flow's: it is measured with a capture of a few packets.
    write(path('few'), polling(1, 20))
    flows = interleaved({name: fossick(name) for name in ('few', 'long', 'short')})
    few = flows['few'][0]
    must('one flow of 200,000 packets, CPU, times as many packets in short flows',
         (flows['long'][0] - few) / max(flows['short'][0] - few, 0.001), LONG_FLOW)
    if shutil.which('taskset') and (os.cpu_count() or 1) > 1:
        pinned = {cores: ['taskset', '-c', cores] + fossick(names[0], 2) for cores in ('0', '0,1')}
        clock = {cores: measured[2] for cores, measured in interleaved(pinned).items()}
        must(f'{names[0]}, two cores, times the throughput of one', clock['0'] / clock['0,1'], TWO_CORES, least=True)
    if os.path.exists(path('synflood')):
        floods()
    print(f'\n{"all reached" if not missed else f"not reached: {len(missed)}"}')
    sys.exit(1 if missed else 0)


main()
