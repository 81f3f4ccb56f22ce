# SPDX-License-Identifier: MIT
"""What /proc tells about processes; ending those that a test started."""
import os
import signal
import threading
import time

# before a command: in a network of its own, where every fixed port is free; for others it is as without
OWN_NETWORK = ([] if os.geteuid() else
               ["unshare", "--net", "sh", "-ec", 'ip link set lo up; exec "$0" "$@"'])


def stat_fields(pid, task=None):
    """(state, parent, start time) of a process or task; None if it is gone."""
    path = f"/proc/{pid}/stat" if task is None else f"/proc/{pid}/task/{task}/stat"
    try:
        with open(path, "rb") as file:
            fields = file.read().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return fields[0].decode(), int(fields[1]), int(fields[19])


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def command_line(pid):
    """Arguments as bytes; empty for what is gone and for zombies."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().rstrip(b"\0").split(b"\0")
    except OSError:
        return []


def descendants(pid):
    """{pid: start time} of a process and all below it."""
    children = {}
    starts = {}
    for other in pids():
        fields = stat_fields(other)
        if fields:
            children.setdefault(fields[1], []).append(other)
            starts[other] = fields[2]
    found = {}
    todo = [pid]
    while todo:
        current = todo.pop()
        if current in starts and current not in found:
            found[current] = starts[current]
            todo += children.get(current, [])
    return found


def alive(pid, start):
    """Is it the same process, and no zombie that its parent has yet to reap?"""
    fields = stat_fields(pid)
    return fields is not None and fields[2] == start and fields[0] not in "ZX"


def program(arguments):
    """Name of the program of a command line; a registry's says "nacos-registry: MOUNTPOINT"."""
    return os.path.basename(arguments[0].split(b":")[0]) if arguments else b""


def of_mount(path):
    """pids of the daemon's own processes for a mount point (not of those that merely use it)."""
    wanted = os.fsencode(path)
    found = []
    for pid in pids():
        arguments = command_line(pid)
        if program(arguments).startswith(b"nacos") and any(
                argument == wanted or argument.endswith(b": " + wanted) for argument in arguments):
            found.append(pid)
    return found


def kill(pid, sig=signal.SIGKILL):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass


class StuckScanner(threading.Thread):
    """Watches for tasks of ours that are in D state for longer than `limit` seconds."""

    def __init__(self, base, limit=5.0, interval=0.5):
        super().__init__(daemon=True)
        self.base = os.fsencode(base)
        self.limit = limit
        self.interval = interval
        self.since = {}
        self.stuck = []
        self.ended = threading.Event()

    def ours(self, pid):
        return pid in descendants(os.getpid()) or any(
            self.base in argument for argument in command_line(pid))

    def look(self):
        now = time.monotonic()
        current = {}
        for pid in pids():
            try:
                tasks = os.listdir(f"/proc/{pid}/task")
            except OSError:
                continue
            for task in tasks:
                fields = stat_fields(pid, task)
                if fields and fields[0] == "D":
                    current[(pid, task, fields[2])] = None
        for key in current:
            current[key] = self.since.get(key, now)
            if current[key] and now - current[key] > self.limit and self.ours(key[0]):
                self.stuck.append(f"pid {key[0]} task {key[1]} {command_line(key[0])}")
                current[key] = float("inf")  # told once
        self.since = current

    def run(self):
        while not self.ended.wait(self.interval):
            self.look()

    def take(self):
        """What was found since the last call."""
        found, self.stuck = self.stuck, []
        return found
