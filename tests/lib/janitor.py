# SPDX-License-Identifier: MIT
"""Cleans up behind a test session that died: started with the session's directory, it waits until its
standard input ends (nobody holds the other end any more), then detaches every mount below that
directory and ends the daemons that serve them."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lib import mounts, procs  # noqa: E402


def clean(base):
    points = [point for point in mounts.points() if point.startswith(base + "/")]
    daemons = [pid for pid in procs.pids() if is_ours(procs.command_line(pid), base)]
    for pid in daemons:
        procs.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline and any(procs.command_line(pid) for pid in daemons):
        time.sleep(0.1)
    for pid in daemons:
        if is_ours(procs.command_line(pid), base):
            procs.kill(pid)
    for point in points:
        subprocess.run(["umount", "-l", point], stderr=subprocess.DEVNULL, check=False)


def is_ours(arguments, base):
    return (procs.program(arguments).startswith(b"nacos")
            and any(os.fsencode(base) in argument for argument in arguments))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdin.read()
    clean(sys.argv[1])
