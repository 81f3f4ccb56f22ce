# SPDX-License-Identifier: MIT
"""Many of everything: services, instances, readers, descriptors, watches. Named after the rows of the
fault table (51 to 58); each prints what it measured. Limits on times are ten times the table's, those
on counts and bytes are the table's own."""
import ctypes
import http.client
import json
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest
from lib import procs
from lib.inotify import Watch
from lib.mounts import lines, read, write
from lib.wait import Timed, wait_until
from stub_server import Answer, host

pytestmark = [pytest.mark.slow, pytest.mark.alone]

GROUP = "DEFAULT_GROUP"
MANY = 10_000
READERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib", "readers.c")


def cpu_seconds(mounted):
    """User and system time of the mount's processes so far."""
    ticks = 0
    for pid in procs.of_mount(mounted.path):
        with open(f"/proc/{pid}/stat", "rb") as file:
            found = file.read().rsplit(b")", 1)[1].split()
        ticks += int(found[11]) + int(found[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def mebibytes(mounted, field="VmRSS"):
    """Of the daemon: what is resident, or with VmHWM the most that ever was."""
    with open(f"/proc/{mounted.daemon()}/status", encoding="ascii") as file:
        return [int(line.split()[1]) for line in file if line.startswith(field + ":")][0] / 1024


def metric(mounted, name):
    return sum(float(line.split()[-1]) for line in lines(mounted / ".nacos/metrics")
               if line.startswith(name) and not line.startswith("#"))


@pytest.fixture
def show(capsys):
    def print_line(text):
        with capsys.disabled():
            print("\n" + text, end="")
    return print_line


@pytest.fixture
def many_descriptors():
    """As many as the system lets a process have, for those who are started as well."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Readers:
    """Many processes that read a file."""

    def __init__(self, place):
        self.program = os.path.join(place, "readers")
        subprocess.run(["cc", "-O2", "-o", self.program, READERS], check=True)

    def start(self, path, count, seconds, pause_ms):
        return subprocess.Popen([self.program, path, str(count), str(seconds), str(pause_ms)],
                                stdout=subprocess.PIPE, text=True)

    def run(self, *arguments):
        return json.loads(self.start(*arguments).communicate(timeout=120)[0])


@pytest.fixture
def readers(place):
    return Readers(place)


# --- 51: ten thousand services that are watched --------------------------------------------------------


def register_all(registry, count):
    """One instance each, over kept connections; none expires."""
    registry.call("PUT", "/v1/ns/operator/switches", entry="check", value="false")

    def some(numbers):
        connection = http.client.HTTPConnection(registry.address)
        for number in numbers:
            query = urllib.parse.urlencode({"serviceName": f"svc-{number:05}", "ip": "10.0.0.1", "port": 80})
            connection.request("POST", "/nacos/v1/ns/instance?" + query)
            assert connection.getresponse().read() == b"ok"
        connection.close()

    threads = [threading.Thread(target=some, args=(range(first, count, 4),)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture
def watched(mount, registry, many_descriptors):
    """A mount of ten thousand services, each read once and watched."""
    register_all(registry, MANY)
    mounted = mount(registry.address)
    assert len(os.listdir(mounted / GROUP)) == MANY
    paths = [mounted / f"{GROUP}/svc-{number:05}/instances" for number in range(MANY)]
    for path in paths:
        assert read(path)
    with Watch(*paths, mask="CLOSE_WRITE"):
        yield mounted


def polls_a_second(mounted, seconds):
    counts = []
    for _ in range(seconds + 1):
        counts.append(metric(mounted, "nacosfs_polls_total"))
        time.sleep(1)
    return [later - sooner for sooner, later in zip(counts, counts[1:])]


@pytest.mark.deadline(600)
def test_51_many_services_watched(watched, show):
    time.sleep(75)  # what is read and not watched would be left by now
    before, began = cpu_seconds(watched), time.monotonic()
    polls = polls_a_second(watched, 30)
    load = (cpu_seconds(watched) - before) / (time.monotonic() - began)
    times = []
    for _ in range(10):
        with Timed() as timed:
            assert len(os.listdir(watched / GROUP)) == MANY
        times.append(timed.seconds)
    resident = mebibytes(watched)
    show(f"{MANY} services watched: {load:.1%} of a core, {resident:.0f} MiB resident, ls "
         f"{statistics.median(times) * 1000:.0f} ms, polls/s mean {statistics.mean(polls):.0f} "
         f"max {max(polls):.0f}")
    assert metric(watched, "nacosfs_subscribed ") >= MANY
    assert statistics.median(times) < 3
    assert resident <= 100
    assert max(polls) <= 2 * statistics.mean(polls)
    assert load <= 0.5  # 0.1 is the goal


# --- 52: a service with a hundred thousand instances ---------------------------------------------------

LARGE = f"{GROUP}/large-svc/instances"
SMALL = f"{GROUP}/small-svc/instances"


def large_body(count, weight):
    hosts = [{**host(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 8080, weight=weight,
                     metadata={"zone": f"cn-{n % 4}", "version": "1.2.3"}),
              "instanceId": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}#8080#DEFAULT#{GROUP}@@large-svc",
              "serviceName": f"{GROUP}@@large-svc"} for n in range(count)]
    return json.dumps({"hosts": hosts, "name": f"{GROUP}@@large-svc", "clusters": "", "checksum": "",
                       "lastRefTime": 1, "cacheMillis": 10000, "env": "", "metadata": {}}).encode()


def is_large(request):
    return request.service[2] == "large-svc"


@pytest.mark.deadline(600)
def test_52_service_with_100000_instances(mount, stub, readers, show):
    stub.add("small-svc", "10.0.0.1", 80)
    stub.add_service("large-svc")
    bodies = [large_body(100_000, weight) for weight in (1.0, 2.0)]
    stub.on("GET", "/instance/list", Answer(200, bodies[0]), when=is_large)
    mounted = mount(stub.address, "timeout=60", "push=off", "idle_timeout=600")
    assert read(mounted / SMALL)
    other = readers.start(mounted / SMALL, 4, 60, 10)
    with Timed() as first:
        assert read(mounted / LARGE).count("\n") == 100_000
    asked = stub.count("GET", "/instance/list", serviceName=f"{GROUP}@@large-svc")
    for number in (1, 0, 1):  # every host is another one: parsed, compared, rendered, saved
        stub.on("GET", "/instance/list", Answer(200, bodies[number]), when=is_large)
        wait_until(lambda weight=number + 1: f"weight={weight} " in read(mounted / LARGE)[:200], 60)
    seen = json.loads(other.communicate(timeout=90)[0])
    assert stub.count("GET", "/instance/list", serviceName=f"{GROUP}@@large-svc") > asked
    wait_until(lambda: mebibytes(mounted) <= 300, 60, "what parsing needed is given back", interval=0.2)
    show(f"100,000 instances ({len(bodies[0]) >> 20} MiB): first read {first.seconds:.2f} s, other reads "
         f"p50 {seen['p50']} p99 {seen['p99']} max {seen['max']} ms, {mebibytes(mounted):.0f} MiB resident, "
         f"peak {mebibytes(mounted, 'VmHWM'):.0f}")
    assert not seen["errors"] and seen["p99"] < 200
    assert mebibytes(mounted, "VmHWM") <= 700  # 150 and, at the peak, 450 are the goal


# --- 54: a thousand readers ----------------------------------------------------------------------------


@pytest.mark.parametrize("pause_ms", [1000, 100, 0])
def test_54_thousand_readers(mount, stub, readers, show, pause_ms):
    for number in range(1, 11):
        stub.add("small-svc", f"10.0.0.{number}", 80)
    mounted = mount(stub.address)
    assert read(mounted / SMALL)
    seen = readers.run(mounted / SMALL, 1000, 10, pause_ms)
    show(f"1,000 readers with pauses of {pause_ms} ms: {seen['reads'] / 10:.0f} reads/s, p50 {seen['p50']} "
         f"p99 {seen['p99']} max {seen['max']} ms")
    assert not seen["errors"]
    assert seen["p99"] < 500 or pause_ms == 0  # as fast as they can: the processors are what they wait for


# --- 56: descriptors that are held ---------------------------------------------------------------------


HOLDER = """
import os, sys
held = [os.open(sys.argv[1], os.O_RDONLY) for _ in range(int(sys.argv[2]))]
same = len({os.pread(fd, 100, 0) for fd in (held[0], held[-1])}) == 1
print("same" if same else "not the same", flush=True)
sys.stdin.read()
"""


def open_files(mounted):
    return metric(mounted, "nacosfs_open_files ")


@pytest.mark.deadline(300)
def test_56_descriptors_held(mount, stub, many_descriptors, show):
    """What they cost is a record each, not a copy of the file."""
    for number in range(1, 201):
        stub.add("small-svc", f"10.0.0.{number}", 80)
    mounted = mount(stub.address)
    size = len(read(mounted / SMALL))
    before = mebibytes(mounted)
    holders = [subprocess.Popen([sys.executable, "-c", HOLDER, mounted / SMALL, "10000"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
               for _ in range(2)]
    try:
        assert [holder.stdout.readline() for holder in holders] == ["same\n"] * 2
        cost = (mebibytes(mounted) - before) * (1 << 20) / 20_000
        show(f"20,000 descriptors of {size} bytes: {cost:.0f} bytes each")
        assert open_files(mounted) >= 20_000
        assert cost < size / 10
    finally:
        for holder in holders:
            holder.communicate()
    wait_until(lambda: open_files(mounted) < 10, 60, "all are let go")


@pytest.mark.deadline(300)
def test_56_reader_that_never_closes(mount, stub, show):
    """It holds one version, however many come; others see the newest."""
    for number in range(1, 201):
        stub.add("small-svc", f"10.0.0.{number}", 80)
    mounted = mount(stub.address)
    old = read(mounted / SMALL)
    with open(mounted / SMALL, encoding="ascii") as held:
        held.read(10)
        resident = []
        for update in range(10_000):
            write(mounted / f"{GROUP}/small-svc/register", f"10.9.9.9:80 meta.update={update}\n")
            if update % 1000 == 999:
                assert f"meta.update={update}\n" in read(mounted / SMALL)
                resident.append(mebibytes(mounted))
        show(f"10,000 updates under a reader: {resident[0]:.1f} to {resident[-1]:.1f} MiB")
        assert old[:10] + held.read() == old
    assert resident[-1] - resident[1] < 4


# --- 57: a watcher that never reads --------------------------------------------------------------------


@pytest.mark.deadline(600)
def test_57_watcher_that_never_reads(watched, registry, many_descriptors, show):
    """Its queue overflows; others get every last change, and nothing of it is left in the daemon."""
    libc = ctypes.CDLL(None, use_errno=True)
    deaf = libc.inotify_init1(os.O_CLOEXEC)
    for number in range(200):
        path = watched / f"{GROUP}/svc-{number:05}/instances"
        assert libc.inotify_add_watch(deaf, os.fsencode(path), 0xfff) >= 0
    before = mebibytes(watched)
    with Watch(*[watched / f"{GROUP}/svc-{number:05}/instances" for number in range(200)],
               mask="CLOSE_WRITE") as listening:
        for turn in range(5):
            since = time.monotonic()
            for number in range(200):
                registry.register(f"svc-{number:05}", "10.0.0.2", 80, {"turn": turn})
            wait_until(lambda start=since: len({event.path for event in listening.seen("CLOSE_WRITE",
                                                                                     since=start)}) == 200,
                       60, "each is announced", interval=0.2)
    assert all("meta.turn=4\n" in read(watched / f"{GROUP}/svc-{number:05}/instances")
               for number in range(200))
    show(f"a watcher that never reads: {before:.0f} to {mebibytes(watched):.0f} MiB")
    assert mebibytes(watched) - before < 10  # each of the services has an instance more
    os.close(deaf)


# --- 58: nodes come and go -----------------------------------------------------------------------------


def nodes(mounted):
    return int([line.split("=")[1] for line in lines(mounted / ".nacos/status")
                if line.startswith("nodes=")][0])


@pytest.mark.deadline(600)
def test_58_nodes_are_forgotten(mount, registry, readers, show):
    register_all(registry, 2000)
    mounted = mount(registry.address, "idle_timeout=5")
    os.listdir(mounted / GROUP)
    low = nodes(mounted)
    resident = []
    other = readers.start(mounted / f"{GROUP}/svc-00000/instances", 4, 60, 10)
    for _ in range(5):
        subprocess.run(["find", mounted.path], stdout=subprocess.DEVNULL, check=True)
        high = nodes(mounted)
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
            file.write("2")
        wait_until(lambda: nodes(mounted) <= low + 100, 60, "nodes are forgotten", interval=0.2)
        resident.append(mebibytes(mounted))
    seen = json.loads(other.communicate(timeout=90)[0])
    show(f"nodes: {low}, {high} after find, {nodes(mounted)}; {resident[0]:.1f} to {resident[-1]:.1f} MiB; "
         f"reads meanwhile p99 {seen['p99']} max {seen['max']} ms")
    assert not seen["errors"] and seen["p99"] < 200
    assert resident[-1] - resident[1] < 4
