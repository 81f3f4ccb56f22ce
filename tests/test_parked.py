# SPDX-License-Identifier: MIT
"""Requests that wait for a server: a thousand of them hold up nobody else and all end."""
import os
import signal
import statistics
import subprocess
import sys
import time

import pytest
from lib.mounts import END, lines, read
from lib.wait import Timed, wait_until
from stub_server import Delay, Silence

GROUP = "DEFAULT_GROUP"
SLOW = f"{GROUP}/slow-svc/instances"
FAST = f"{GROUP}/fast-svc/instances"
READERS = 1000

# Opens a path in so many threads; prints "go" before, and at the end each outcome with its count.
READER = """
import collections, errno, os, sys, threading
threading.stack_size(65536)
outcomes = collections.Counter()
lock = threading.Lock()
def one():
    try:
        fd = os.open(sys.argv[1], os.O_RDONLY)
        outcome = "%d bytes" % len(os.read(fd, 65536))
        os.close(fd)
    except OSError as error:
        outcome = errno.errorcode[error.errno]
    with lock:
        outcomes[outcome] += 1
threads = [threading.Thread(target=one) for _ in range(int(sys.argv[2]))]
print("go", flush=True)
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for outcome, count in outcomes.items():
    print(outcome, count)
"""


@pytest.fixture
def parked(mount, stub):
    """A mount with one service in memory and one whose list never comes."""
    stub.add("fast-svc", "10.0.0.1", 80)
    stub.add("slow-svc", "10.0.0.2", 80)
    mounted = mount(stub.address, "timeout=30")
    assert len(lines(mounted / FAST)) == 1
    os.listdir(mounted / GROUP)
    os.stat(mounted / SLOW)
    stub.on("GET", "/instance/list", Silence(), when=lambda r: r.service[2] == "slow-svc")
    return mounted


@pytest.fixture
def readers():
    """readers(PATH, COUNT): a process with so many readers, all of which have begun."""
    started = []

    def start(path, count):
        process = subprocess.Popen([sys.executable, "-c", READER, path, str(count)], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline() == "go\n"
        wait_until(lambda: len(os.listdir(f"/proc/{process.pid}/task")) >= count, 20)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def outcomes(process, timeout):
    output, errors = process.communicate(timeout=timeout)
    assert not errors
    return {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1]) for line in output.splitlines()}


def times(call, count=50):
    found = []
    for _ in range(count):
        with Timed() as timed:
            call()
        found.append(timed.seconds)
    return found


@pytest.mark.alone
def test_1000_parked_readers_hold_up_nobody(parked, readers):
    readers(parked / SLOW, READERS)
    of_stat = times(lambda: os.stat(parked.path))
    of_read = times(lambda: read(parked / FAST))
    assert statistics.median(of_stat) < 0.1 and statistics.median(of_read) < 0.1
    assert max(of_stat + of_read) < 1


@pytest.mark.alone
def test_1000_parked_readers_end_at_sigterm(parked, readers):
    process = readers(parked / SLOW, READERS)
    with Timed() as timed:
        parked.signal(signal.SIGTERM)
        assert parked.wait(END + 1) == 0
        found = outcomes(process, 10)
    assert sum(found.values()) == READERS and not any("bytes" in outcome for outcome in found)
    assert timed.seconds < END + 2


@pytest.mark.alone
def test_1000_parked_readers_end_when_killed(parked, readers):
    process = readers(parked / SLOW, READERS)
    process.kill()
    with Timed() as timed:
        process.wait(10)
    assert timed.seconds < 2
    assert len(lines(parked / FAST)) == 1


@pytest.mark.alone
def test_1000_parked_readers_cause_few_requests(parked, readers, stub):
    readers(parked / SLOW, READERS)
    time.sleep(1)
    assert stub.count("GET", "/instance/list", serviceName=f"{GROUP}@@slow-svc") < 10


@pytest.mark.heavy
def test_parked_readers_get_the_list_when_it_comes(parked, readers, stub):
    process = readers(parked / SLOW, 100)
    stub.clear()
    for connection in list(stub.connections):
        connection.abort()  # the silent request fails, the next attempt is answered
    found = outcomes(process, 40)
    assert sum(found.values()) == 100 and not {"", "0 bytes"} & set(found)


def test_parked_reader_times_out(mount, stub, readers):
    stub.add("slow-svc", "10.0.0.2", 80)
    mounted = mount(stub.address, "timeout=1")
    os.listdir(mounted / GROUP)
    stub.on("GET", "/instance/list", Silence())
    assert outcomes(readers(mounted / SLOW, 10), 10) == {"ETIMEDOUT": 10}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signal_ends_a_parked_reader_at_once(parked, stub, number):
    since = time.monotonic()
    reader = subprocess.Popen(["cat", parked / SLOW], stderr=subprocess.DEVNULL)
    stub.wait_for("GET", "/instance/list", since=since)
    with Timed() as timed:
        reader.send_signal(number)
        reader.wait(5)
    assert timed.seconds < 5


def test_signal_ends_a_parked_ls(mount, stub):
    mounted = mount(stub.address, "timeout=30")
    stub.on("GET", "/service/list", Silence())
    reader = subprocess.Popen(["ls", mounted / GROUP], stderr=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL)
    stub.wait_for("GET", "/service/list")
    with Timed() as timed:
        reader.send_signal(signal.SIGINT)
        reader.wait(5)
    assert timed.seconds < 5


def test_signal_ends_a_parked_write(mount, stub):
    mounted = mount(stub.address, "timeout=30")
    os.makedirs(mounted / f"{GROUP}/order-svc")
    stub.on("POST", "/instance", Silence())
    writer = subprocess.Popen(["sh", "-c", 'exec printf "10.0.0.1:80\\n" > "$0"',
                               mounted / f"{GROUP}/order-svc/register"], stderr=subprocess.DEVNULL)
    stub.wait_for("POST", "/instance")
    with Timed() as timed:
        writer.send_signal(signal.SIGINT)
        writer.wait(5)
    assert timed.seconds < 5


# A shell whose background job ends while it waits for the file: SIGCHLD, for which bash has a handler.
JOB_ENDS = 'sleep 0.3 & echo 10.0.0.1:80 > "$0"'


def test_end_of_a_background_job_interrupts_no_write(mount, stub):
    mounted = mount(stub.address, "timeout=30")
    os.makedirs(mounted / f"{GROUP}/order-svc")
    stub.on("POST", "/instance", Delay(1))
    result = subprocess.run(["bash", "-c", JOB_ENDS, mounted / f"{GROUP}/order-svc/register"],
                            capture_output=True, text=True, timeout=20, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def child_signal_waits(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    pending = int(status["SigPnd"], 16) | int(status["ShdPnd"], 16)
    return bool(pending & 1 << signal.SIGCHLD - 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_signal_behind_the_end_of_a_job_ends_a_parked_write(mount, stub, number):
    mounted = mount(stub.address, "timeout=30")
    os.makedirs(mounted / f"{GROUP}/order-svc")
    stub.on("POST", "/instance", Silence())
    writer = subprocess.Popen(["bash", "-c", JOB_ENDS, mounted / f"{GROUP}/order-svc/register"],
                              stderr=subprocess.DEVNULL)
    wait_until(lambda: child_signal_waits(writer.pid), 10)
    with Timed() as timed:
        writer.send_signal(number)
        writer.wait(5)
    assert timed.seconds < 5


def test_parked_write_holds_up_no_read_of_the_service(mount, stub):
    stub.add("fast-svc", "10.0.0.1", 80)
    mounted = mount(stub.address, "timeout=30")
    assert len(lines(mounted / FAST)) == 1
    stub.on("POST", "/instance", Silence())
    writer = subprocess.Popen(["sh", "-c", 'echo 10.0.0.2:80 > "$0"',
                               mounted / f"{GROUP}/fast-svc/register"], stderr=subprocess.DEVNULL)
    stub.wait_for("POST", "/instance")
    assert max(times(lambda: read(mounted / FAST), 10)) < 5
    assert max(times(lambda: os.listdir(mounted / f"{GROUP}/fast-svc/hosts"), 10)) < 5
    writer.kill()
    writer.wait(5)


def test_parked_lookup_holds_up_no_other_in_its_directory(mount, stub):
    for number in range(10):
        stub.add(f"svc-{number}", "10.0.0.1", 80)
    mounted = mount(stub.address, "timeout=30")
    os.listdir(mounted / GROUP)
    stub.on("GET", "/instance/list", Silence(), when=lambda r: r.service[2] == "unknown-svc")
    waiting = [subprocess.Popen(["stat", mounted / f"{GROUP}/unknown-svc"], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL) for _ in range(2)]
    stub.wait_for("GET", "/instance/list", serviceName=f"{GROUP}@@unknown-svc")
    for number in range(10):
        assert max(times(lambda: os.stat(mounted / f"{GROUP}/svc-{number}"), 1)) < 5  # pylint: disable=W0640
    with Timed() as timed:
        assert len(os.listdir(mounted / GROUP)) == 10
    assert timed.seconds < 5
    assert [process.poll() for process in waiting] == [None, None]
    for process in waiting:
        process.kill()
    for process in waiting:  # one of them waits, unkillable, for the other's look-up of the same name
        process.wait(5)
