# SPDX-License-Identifier: MIT
"""Fixtures: a build, a registry, a scripted server, mounts; each test owns what it starts, and nothing
of it outlives the test. Which build is tested: NACOSFS_BUILD, or build/ of the tree."""
import itertools
import os
import subprocess
import sys
import tempfile
import threading

import pytest

from lib import faults, mounts, procs
from lib.mounts import Mount
from lib.registry import Registry
from lib.wait import wait_until
from stub_server import StubServer

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEADLINE = 60.0  # seconds of a test without the marker


def pytest_collection_modifyitems(config, items):
    """xdist gives each worker runs of consecutive tests: the long ones, which are neighbours, are spread."""
    if hasattr(config, "workerinput"):
        workers = config.workerinput["workercount"]
        items[:] = [item for first in range(workers) for item in items[first::workers]]


@pytest.fixture(scope="session")
def build():
    directory = os.path.abspath(os.environ.get("NACOSFS_BUILD", os.path.join(TOP, "build")))
    for program in ("nacosfs", "nacos-registry"):
        path = os.path.join(directory, program)
        if not os.path.exists(path):
            pytest.exit(f"{path} is not built", returncode=1)
    return directory


@pytest.fixture(scope="session")
def hooked():
    """Directory of a build with -Dtest_hooks=true (fs/die.h): NACOSFS_HOOKED, else build-clang/."""
    directory = os.path.abspath(os.environ.get("NACOSFS_HOOKED", os.path.join(TOP, "build-clang")))
    try:
        with open(os.path.join(directory, "nacosfs"), "rb") as file:
            found = b"NACOSFS_DIE" in file.read()
    except OSError:
        found = False
    if not found:
        pytest.skip("no build with test hooks: meson setup build-clang -Dtest_hooks=true")
    return directory


@pytest.fixture(scope="session")
def base():
    """Directory of the session; its mounts are taken away even if this process is killed."""
    with tempfile.TemporaryDirectory(prefix="nacosfs-tests.") as directory:
        janitor = subprocess.Popen(
            [sys.executable, os.path.join(TOP, "tests", "lib", "janitor.py"), directory],
            stdin=subprocess.PIPE, start_new_session=True)
        yield directory
        janitor.stdin.close()
        janitor.wait(30)
        left = [point for point in mounts.points() if point.startswith(directory)]
        assert not left, f"still mounted: {left}"


@pytest.fixture(scope="session")
def stuck_scanner(base):
    scanner = procs.StuckScanner(base)
    scanner.start()
    yield scanner
    scanner.ended.set()


@pytest.fixture(autouse=True)
def nothing_stuck(stuck_scanner):
    yield
    found = stuck_scanner.take()
    assert not found, f"in D state for more than {stuck_scanner.limit} s: {found}"


@pytest.fixture(autouse=True)
def deadline(request):
    """A test that takes too long has its mounts aborted, so that whatever it waits for ends."""
    marker = request.node.get_closest_marker("deadline")
    seconds = marker.args[0] if marker else DEADLINE

    def too_long():
        sys.stderr.write(f"\n{request.node.nodeid}: longer than {seconds} s, mounts aborted\n")
        for mount in list(Mount.live):
            mounts.abort(mount.path)

    timer = threading.Timer(seconds, too_long)
    timer.daemon = True
    timer.start()
    yield
    timer.cancel()


@pytest.fixture
def place(base, request):
    """A fresh directory for the test."""
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in request.node.name)[:60]
    return tempfile.mkdtemp(prefix=name + ".", dir=base)


def finish(things):
    """Stops all, in reverse; what one of them has to complain about must not keep the others."""
    errors = []
    for thing in reversed(things):
        try:
            thing.stop()
        except Exception as error:  # pylint: disable=broad-except
            errors.append(error)
        finally:
            thing.destroy()
    if errors:
        raise errors[0]


@pytest.fixture
def registries(build, place):
    """registries(ARGUMENT..., before=, env=): a running nacos-registry."""
    started = []

    def start(*arguments, listen="127.0.0.1:0", **how):
        directory = os.path.join(place, f"registry{len(started)}")
        registry = Registry(build, directory, *arguments, **how)
        started.append(registry)
        return registry.start(listen)

    yield start
    finish(started)


@pytest.fixture
def registry(registries):
    return registries()


@pytest.fixture
def stubs():
    """stubs(): a running scripted server."""
    started = []

    def start(*arguments):
        started.append(StubServer(*arguments))
        return started[-1]

    yield start
    for stub in started:
        stub.close()


@pytest.fixture
def stub(stubs):
    return stubs()


@pytest.fixture
def mount(build, place):
    """mount(SOURCE, OPTION..., path=, env=, prefix=): a running mount, which the test's end unmounts as a user would,
    with exit status 0, no process left and nothing suspicious in the log."""
    started = []
    numbers = itertools.count()

    def start(source, *options, path=None, **how):
        number = next(numbers)
        point = path or os.path.join(place, f"m{number}")
        log = os.path.join(place, f"m{number}.log")
        if not any(option.startswith("cache_dir=") for option in options):
            options = (*options, f"cache_dir={place}/cache")
        started.append(Mount(build, source, point, options, log, **how))
        return started[-1].start()

    yield start
    finish(started)


@pytest.fixture
def stubbed(mount, stub):
    """A mount of the scripted server."""
    return mount(stub.address)


@pytest.fixture
def mounted(mount, registry):
    """A mount of a registry."""
    return mount(registry.address)


@pytest.fixture
def known(mount, stub):
    """A mount that holds the list of order-svc."""
    stub.cache_millis = 500
    stub.add("order-svc", "10.0.0.1", 80)
    top = mount(stub.address)
    assert faults.healthy(top) == ["10.0.0.1:80"]
    wait_until(lambda: stub.subscribers, 5)
    return top
