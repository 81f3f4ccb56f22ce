# SPDX-License-Identifier: MIT
"""What tests of faults share: the services and instances of their mounts, and what they measure."""
import errno
import os
import time

import pytest
from lib.mounts import END, lines, read, write

GROUP = "DEFAULT_GROUP"
SERVICE = f"{GROUP}/order-svc"
BEAT = ("PUT", "/instance/beat")
LIST = ("GET", "/instance/list")
EVERY = "meta.preserved.heart.beat.interval=1000"
NOISE = 2.0 if END < 5 else 6.0  # seconds that a busy machine may add


def healthy(top, service="order-svc"):
    return lines(top / f"{GROUP}/{service}/healthy")


def error_of(path):
    with pytest.raises(OSError) as caught:
        read(path)
    return errno.errorcode[caught.value.errno]


def register(top, addresses, extra=EVERY):
    os.makedirs(top / SERVICE, exist_ok=True)
    text = "".join(f"{address} {extra}\n" for address in addresses)
    while text:  # one write takes what it can register in its time
        text = text[write(top / f"{SERVICE}/register", text):]


def share(*stubs):
    """What one of them lists, all do, as nodes of a cluster."""
    for stub in stubs:
        for other in stubs:
            for key, hosts in stub.services.items():
                other.services.setdefault(key, {}).update(hosts)


def longest_gap(good, since):
    """Seconds between two beats of one instance that sound servers got, the time until now included."""
    now = time.monotonic()
    times = {}
    for stub in good:
        for request in stub.seen(*BEAT):
            times.setdefault((request.params["ip"], request.params["port"]), []).append(request.time)
    gaps = [b - a for seen in times.values()
            for a, b in zip(sorted(seen), sorted(seen)[1:] + [now]) if b > since]
    return max(gaps), len(times)


def healthy_or_none(top, service="order-svc"):
    try:
        return healthy(top, service)
    except OSError:
        return []


def resident(top):
    """KiB of the largest process of the mount."""
    largest = 0
    for pid in top.remember():
        try:
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
                largest = max([largest, *(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))])
        except OSError:
            pass
    return largest


def open_descriptors(top):
    return max(len(os.listdir(f"/proc/{pid}/fd")) for pid in top.remember() if os.path.exists(f"/proc/{pid}"))
