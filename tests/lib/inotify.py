# SPDX-License-Identifier: MIT
"""inotify by ctypes, with the time of each event."""
import ctypes
import os
import select
import struct
import threading
import time
from dataclasses import dataclass

from lib.wait import wait_until

BITS = {"ACCESS": 0x1, "MODIFY": 0x2, "ATTRIB": 0x4, "CLOSE_WRITE": 0x8, "CLOSE_NOWRITE": 0x10,
        "OPEN": 0x20, "MOVED_FROM": 0x40, "MOVED_TO": 0x80, "CREATE": 0x100, "DELETE": 0x200,
        "DELETE_SELF": 0x400, "MOVE_SELF": 0x800, "UNMOUNT": 0x2000, "Q_OVERFLOW": 0x4000,
        "IGNORED": 0x8000, "ISDIR": 0x40000000}
# what changes a file or directory: neither opens for reading nor reads of the test itself
CHANGES = "MODIFY|ATTRIB|CLOSE_WRITE|MOVED_FROM|MOVED_TO|CREATE|DELETE|DELETE_SELF|MOVE_SELF"

LIBC = ctypes.CDLL(None, use_errno=True)


def mask_of(names):
    return sum(BITS[name] for name in names.split("|"))


@dataclass
class Event:
    time: float  # time.monotonic()
    path: str  # of the watch, as given
    names: frozenset  # without ISDIR
    is_dir: bool
    name: str  # in the directory, "" for the watched thing itself


class Watch:
    """Watches paths from construction to close(); a thread takes down every event. `on_event` is called
    by that thread at each event."""

    def __init__(self, *paths, mask=CHANGES, on_event=None):
        self.fd = LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.paths = {}
        self.events = []
        self.on_event = on_event
        self.stop_reader, self.stop_writer = os.pipe()
        for path in paths:
            self.add(path, mask)
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def add(self, path, mask=CHANGES):
        number = LIBC.inotify_add_watch(self.fd, os.fsencode(path), mask_of(mask))
        if number < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), path)
        self.paths[number] = str(path)

    def loop(self):
        while True:
            ready, _, _ = select.select([self.fd, self.stop_reader], [], [])
            if self.stop_reader in ready:
                return
            now = time.monotonic()
            try:
                data = os.read(self.fd, 65536)
            except BlockingIOError:
                continue
            self.take(data, now)

    def take(self, data, now):
        offset = 0
        while offset < len(data):
            number, mask, _, length = struct.unpack_from("iIII", data, offset)
            name = data[offset + 16:offset + 16 + length].rstrip(b"\0")
            offset += 16 + length
            names = frozenset(n for n, bit in BITS.items() if mask & bit and n != "ISDIR")
            event = Event(now, self.paths.get(number, ""), names, bool(mask & BITS["ISDIR"]),
                          os.fsdecode(name))
            if self.on_event:
                self.on_event(event)
            self.events.append(event)

    def close(self):
        os.write(self.stop_writer, b"x")
        self.thread.join()
        for fd in (self.fd, self.stop_reader, self.stop_writer):
            os.close(fd)

    def seen(self, kind=None, name=None, path=None, since=0.0):
        return [e for e in list(self.events)
                if (kind is None or kind in e.names) and name in (None, e.name)
                and path in (None, e.path) and e.time >= since]

    def wait_for(self, kind, name=None, path=None, timeout=5.0, since=0.0):
        """The first such event, waited for; where it fails it tells what came instead."""
        try:
            return wait_until(lambda: self.seen(kind, name, path, since), timeout)[0]
        except AssertionError:
            raise AssertionError(f"no {kind} of {name!r} within {timeout} s; "
                                 f"events: {self.told()}") from None

    def told(self):
        """["CREATE name", ...], for comparison and messages."""
        return [" ".join(["|".join(sorted(e.names)), e.name]).strip() for e in list(self.events)]
