# SPDX-License-Identifier: MIT
"""What many services cost: as many list requests as there are services, and afterwards nothing, neither at
the server nor in memory, for what nobody uses any more."""
import collections
import os
import subprocess
import time

import pytest
from conftest import finish
from lib.inotify import Watch
from lib.mounts import Mount, read
from lib.wait import Timed, stays, wait_until
from stub_server import Delay

GROUP = "DEFAULT_GROUP"
MANY = 2000
IDLE = 2  # seconds: idle_timeout
AFTER = IDLE + 15  # seconds until the last poll
NO_PRUNE = {"NACOSFS_NO_PRUNE": "1"}


@pytest.fixture
def crowd(stub):
    stub.cache_millis = 1000  # polls would be frequent
    for number in range(MANY):
        stub.add(f"svc-{number:04}", "10.0.0.1", 8080, metadata={"zone": "cn-1"})
    return [f"{GROUP}/svc-{number:04}" for number in range(MANY)]


@pytest.fixture
def pruning(mount, stub, crowd):  # pylint: disable=unused-argument
    return mount(stub.address, f"idle_timeout={IDLE}")


@pytest.fixture
def not_pruning(hooked, place, stub, crowd):  # pylint: disable=unused-argument
    """A mount of a kernel that cannot prune."""
    mounted = Mount(hooked, stub.address, os.path.join(place, "m"), (f"idle_timeout={IDLE}", "cache_dir=none"),
                    os.path.join(place, "log"), NO_PRUNE)
    yield mounted.start()
    finish([mounted])


def lists(stub, since=0.0):
    """Service -> list requests."""
    return collections.Counter(r.service[2] for r in stub.seen("GET", "/instance/list", since))


def walk(mounted):
    subprocess.run(["find", mounted.path], stdout=subprocess.DEVNULL, check=True)


def memory(mounted):
    """KiB resident. What a service was once asked for leaves its times, and the heap some holes, so the second round
    is compared to the third."""
    with open(f"/proc/{mounted.daemon()}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4


def is_quiet(stub, seconds, *allowed):
    since = time.monotonic()
    time.sleep(seconds)
    return set(lists(stub, since)) <= set(allowed)


def read_all(mounted, crowd):
    for service in crowd:
        read(mounted / f"{service}/instances")


@pytest.mark.heavy
def test_find_never_polls(pruning, stub, capsys):
    with Timed() as timed:
        walk(pruning)
    time.sleep(5)
    asked = lists(stub)
    with capsys.disabled():
        print(f"\nfind over {MANY} services: {timed.seconds:.1f} s, {sum(asked.values())} lists")
    assert max(asked.values()) == 1


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.deadline(180)
def test_what_was_read_is_polled_no_more_but_for_a_watch(pruning, stub, crowd, capsys):
    watched = os.path.basename(crowd[7])
    with Watch(pruning / f"{crowd[7]}/instances") as watch:
        sizes = []
        for _ in range(3):
            read_all(pruning, crowd)
            since = time.monotonic()
            time.sleep(AFTER)
            assert lists(stub, since + AFTER - 2)[watched]
            assert is_quiet(stub, 5, watched)
            sizes.append(memory(pruning))
        with capsys.disabled():
            print(f"\nmemory after reading {MANY} services, once, twice, three times: {sizes} KiB")
        assert sizes[2] < sizes[1] * 1.05
        stub.add(watched, "10.0.0.2", 8080)
        stub.push(watched)
        watch.wait_for("CLOSE_WRITE")


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.deadline(180)
def test_memory_after_find_is_what_it_was(pruning, capsys):
    sizes = []
    for _ in range(3):
        walk(pruning)
        time.sleep(8)
        sizes.append(memory(pruning))
    with capsys.disabled():
        print(f"\nmemory after find over {MANY} services, once, twice, three times: {sizes} KiB")
    assert sizes[2] < sizes[1] * 1.05


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.deadline(180)
def test_find_is_no_interest_for_a_kernel_that_cannot_prune(not_pruning, stub):
    walk(not_pruning)
    time.sleep(AFTER)
    assert max(lists(stub).values()) == 1
    assert is_quiet(stub, 5)


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.deadline(180)
def test_polls_end_on_a_kernel_that_cannot_prune(not_pruning, stub, crowd):
    watched = os.path.basename(crowd[7])
    with Watch(not_pruning / f"{crowd[7]}/hosts") as watch:
        read_all(not_pruning, crowd)
        time.sleep(AFTER)
        assert is_quiet(stub, 5, watched)
        stub.add(watched, "10.0.0.2", 8080)
        stub.push(watched)
        watch.wait_for("CREATE", "10.0.0.2:8080")
    wait_until(lambda: is_quiet(stub, 3), AFTER)


@pytest.mark.heavy
@pytest.mark.parametrize("where", ["", "/instances", "/hosts"])
def test_watch_that_never_reads_without_prune(not_pruning, stub, crowd, where):
    """It was there before; the daemon finds it in /proc."""
    service = os.path.basename(crowd[0])
    with Watch(not_pruning / (crowd[0] + where)):
        wait_until(lambda: lists(stub)[service] >= 3, 20)
        subprocess.run(["ls", not_pruning / GROUP], stdout=subprocess.DEVNULL, check=True)
    wait_until(lambda: is_quiet(stub, 3), AFTER)


def test_watch_on_what_is_looked_up_all_the_time(mount, stub):
    """A look-up is no interest, but hides none."""
    stub.cache_millis = 500
    stub.add("order-svc", "10.0.0.1", 8080)
    service = mount(stub.address) / f"{GROUP}/order-svc"
    with Watch(service):
        def looks():
            os.stat(service)
            return lists(stub)["order-svc"] >= 3
        wait_until(looks, 15, interval=0.1)


def test_slow_server_makes_no_interest_of_a_look(mount, stub):
    """Who stands in a directory only because its list is awaited does not watch it."""
    stub.add("order-svc", "10.0.0.1", 8080)
    stub.on("GET", "/instance/list", Delay(2))
    mounted = mount(stub.address)
    subprocess.run(["ls", mounted / f"{GROUP}/order-svc/hosts"], stdout=subprocess.DEVNULL, check=True)
    stays(lambda: lists(stub)["order-svc"] == 1, 2)
