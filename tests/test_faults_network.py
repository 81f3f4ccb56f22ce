# SPDX-License-Identifier: MIT
"""Networks that fail, made of namespaces and nft. A test for each kind of fault, called by its number and
name; each has a bound in time."""
import os
import time

import pytest
from lib import network
from lib.faults import (BEAT, EVERY, GROUP, LIST, NOISE, error_of, healthy, longest_gap, register, share)
from lib.mounts import lines, read
from lib.wait import Timed, stays, wait_until
from stub_server import Delay, Silence, StubServer

pytestmark = network.needed("nft")


@pytest.fixture
def net():
    own = network.Network()
    yield own
    own.close()


@pytest.fixture
def servers(net):
    """servers(N): as many scripted servers in the network."""
    started = []

    def start(count):
        with net:
            started.extend(StubServer() for _ in range(count))
        return started

    yield start
    for stub in started:
        stub.close()


def mounted(net, mount, stubs, *options):
    with net:
        return mount(",".join(stub.address for stub in stubs), *options)


def most_in_a_second(requests):
    times = sorted(request.time for request in requests)
    first = most = 0
    for last, at in enumerate(times):
        while times[first] <= at - 1:
            first += 1
        most = max(most, last - first + 1)
    return most


FAULTS = {
    "dead": lambda net, stub: stub.close(),
    "refusing": lambda net, stub: net.refuse(stub.port),
    "half-open": lambda net, stub: stub.on("*", "*", Silence()),
    "slow": lambda net, stub: stub.on("*", "*", Delay(2)),
    "blackholed": lambda net, stub: net.blackhole(stub.port),
}


def beats_after(net, fault, stubs, count):
    """Has the fault befall the server that gets the beats; returns when, and the others."""
    used = wait_until(lambda: [stub for stub in stubs if stub.count(*BEAT) >= count], 20)[0]
    began = time.monotonic()
    FAULTS[fault](net, used)
    return began, [stub for stub in stubs if stub is not used], used


@pytest.mark.parametrize("fault", ["refusing", "blackholed"])
def test_row_22_one_of_two_servers(net, servers, mount, fault):
    both = servers(2)
    for stub in both:
        stub.beat_interval = 1000
    top = mounted(net, mount, both)
    register(top, [f"10.0.1.{n}:80" for n in range(1, 21)])
    share(*both)
    began, good, used = beats_after(net, fault, both, 20)
    good[0].wait_for(*BEAT, 80, timeout=15)
    gap, instances = longest_gap(both, began)
    assert instances == 20
    assert gap < 2.2 + NOISE, f"{gap:.1f} s without a beat"  # due each second, and may hang for one
    net.heal()


@pytest.mark.slow
@pytest.mark.heavy
@pytest.mark.parametrize("fault", FAULTS)
def test_row_22_to_24_a_thousand_beats_of_five_seconds(net, servers, mount, fault):
    """One of three servers fails; nobody's beat is later than two."""
    three = servers(3)
    top = mounted(net, mount, three, "keep_registered")
    register(top, [f"10.0.{n // 250}.{n % 250 + 1}:80" for n in range(1000)], extra="")
    share(*three)
    began, good, used = beats_after(net, fault, three, 1000)
    stays(lambda: top.process.poll() is None, 22)
    sound = three if fault == "slow" else good + [used]
    gap, instances = longest_gap(sound, began)
    print(f"{fault}: {gap:.2f} s between two beats at most")
    assert instances == 1000
    assert gap < 7, f"{gap:.1f} s without a beat"


def test_row_24_kept_connection_is_blackholed(net, servers, mount):
    stub, = servers(1)
    stub.beat_interval = stub.cache_millis = 1000
    stub.add("order-svc", "10.0.0.1", 80)
    stub.add("other-svc", "10.0.0.1", 80)
    top = mounted(net, mount, [stub])
    assert os.listdir(top / GROUP) and healthy(top) == ["10.0.0.1:80"]
    register(top, ["10.0.0.2:80"])
    stub.wait_for(*BEAT, 2)
    net.blackhole(stub.port)
    with Timed() as timed:
        assert error_of(top / f"{GROUP}/other-svc/instances") in ("ETIMEDOUT", "EHOSTUNREACH")
    assert timed.seconds < 6 + NOISE  # of a look-up, and of the open
    assert "10.0.0.1:80" in healthy(top)
    wait_until(lambda: "stale=true" in read(top / ".nacos/subscriptions"), 20)
    net.heal()
    healed = time.monotonic()
    stub.wait_for(*BEAT, 1, timeout=5 + NOISE, since=healed)
    assert healthy(top, "other-svc") == ["10.0.0.1:80"]
    assert time.monotonic() - healed < 5 + NOISE


def partition(net, stub, top, services, seconds):
    """A network that comes back after so long, and what the server then sees of it."""
    net.blackhole(stub.port)
    time.sleep(seconds)
    for number in range(services):
        stub.add(f"svc-{number}", "10.0.1.2", 80)
    net.heal()
    healed = time.monotonic()
    stub.wait_for(*BEAT, 20, timeout=10, since=healed)
    resumed = time.monotonic() - healed
    wait_until(lambda: all(len(lines(top / f"{GROUP}/svc-{n}/instances")) == 2 for n in range(services)), 70,
               "lists are right", 0.2)
    right = time.monotonic() - healed
    stays(lambda: top.process.poll() is None, 3)
    most = most_in_a_second(stub.seen(since=healed))
    print(f"beats after {resumed:.1f} s, lists after {right:.1f} s, {most} requests in a second at most")
    assert resumed < 5 + NOISE
    assert most <= 200, f"{most} requests in one second"


def crowd(net, servers, mount, services):
    stub, = servers(1)
    stub.cache_millis = 1000
    for number in range(services):
        stub.add(f"svc-{number}", "10.0.1.1", 80)
    top = mounted(net, mount, [stub])
    for number in range(services):
        read(top / f"{GROUP}/svc-{number}/healthy")
    register(top, [f"10.0.2.{n}:80" for n in range(1, 21)])
    stub.wait_for(*BEAT, 20)
    return stub, top


@pytest.mark.heavy
def test_row_25_partition_and_the_crowd_after_it(net, servers, mount):
    partition(net, *crowd(net, servers, mount, 300), 300, 8)


@pytest.mark.slow
@pytest.mark.heavy
@pytest.mark.deadline(800)
def test_row_25_partition_of_ten_minutes(net, servers, mount):
    partition(net, *crowd(net, servers, mount, 300), 300, 600)
