#!/usr/bin/env python3
"""Runs a program on a pseudo-terminal, presses keys, and keeps every octet that came out.

usage: press.py OUTPUT COLUMNSxROWS KEYS PROGRAM [ARGUMENT ...]

KEYS is a word for each: a character, `enter`, `esc`, `tab`, `wait:SECONDS`, `until:TEXT` (until that text came out, for a minute at most),
`measure:KEY:TIMES` (presses the key so often, and prints as JSON how many milliseconds each took until the first octet came out, and the
program's resident KiB). The program is ended with `q` by whoever asks for it.
"""
import fcntl, json, os, pty, select, struct, sys, termios, time

output, size, keys, program = sys.argv[1], sys.argv[2], sys.argv[3].split(), sys.argv[4:]
columns, rows = map(int, size.split('x'))
NAMED = {'enter': b'\r', 'esc': b'\x1b', 'tab': b'\t', 'space': b' '}

child, terminal = pty.fork()
if child == 0:
    os.environ.update(TERM='xterm-256color', COLORTERM='truecolor')
    os.execvp(program[0], program)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
os.kill(child, 28)  # SIGWINCH
got = bytearray()


def read(seconds):
    """Reads what comes within so many seconds; whether anything did."""
    ready, _, _ = select.select([terminal], [], [], seconds)
    if not ready:
        return False
    try:
        octets = os.read(terminal, 65536)
    except OSError:
        return False
    got.extend(octets)
    return bool(octets)


def drain(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        read(max(0, until - time.monotonic()))


def press(key):
    os.write(terminal, NAMED.get(key, key.encode()))


for word in keys:
    kind, _, rest = word.partition(':')
    if kind == 'wait' and rest:
        drain(float(rest))
    elif kind == 'until' and rest:
        limit = time.monotonic() + 60
        while rest.replace('_', ' ').encode() not in got and time.monotonic() < limit:
            read(0.2)
    elif kind == 'measure' and rest:
        key, times = rest.rsplit(':', 1)
        took = []
        for _ in range(int(times)):
            # What comes of its own accord is not an answer: it must be quiet for a moment.
            while read(0.004):
                pass
            begun = time.monotonic()
            press(key)
            read(1)
            took.append((time.monotonic() - begun) * 1000)
            drain(0.02)
        status = open(f'/proc/{child}/status').read()
        resident = int(status.split('VmRSS:')[1].split()[0])
        took.sort()
        print(json.dumps({'p50': took[len(took) // 2], 'p99': took[int(len(took) * 0.99)], 'worst': took[-1], 'resident_kib': resident}))
    else:
        press(word)
        drain(0.15)

until = time.monotonic() + 5
while time.monotonic() < until:
    read(0.1)
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        break
else:
    os.kill(child, 15)
    _, status = os.waitpid(child, 0)
open(output, 'wb').write(got)
sys.exit(os.waitstatus_to_exitcode(status))
