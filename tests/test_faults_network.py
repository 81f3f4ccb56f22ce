# SPDX-License-Identifier: MIT
"""Networks that fail, made of namespaces and nft. A test for each kind of fault, called by its number and
name; each has a bound in time."""
import os
import socket
import struct
import threading
import time

import pytest
from conftest import finish
from lib import network
from lib.dns import Dns, ResolvingMount
from lib.faults import (BEAT, GROUP, NOISE, error_of, healthy, healthy_or_none, longest_gap, register,
                        share)
from lib.mounts import lines, read
from lib.wait import Timed, stays, wait_until
from stub_server import Delay, Silence, StubServer
from test_client import samples

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
    top = mounted(net, mount, [stub], "idle_timeout=3600")  # else nobody cares any more in the end
    for number in range(services):
        read(top / f"{GROUP}/svc-{number}/healthy")
    register(top, [f"10.0.2.{n}:80" for n in range(1, 21)])
    stub.wait_for(*BEAT, 20)
    return stub, top


@pytest.mark.heavy
@pytest.mark.alone
def test_row_25_partition_and_the_crowd_after_it(net, servers, mount):
    partition(net, *crowd(net, servers, mount, 300), 300, 8)


@pytest.mark.slow
@pytest.mark.heavy
@pytest.mark.alone
@pytest.mark.deadline(800)
def test_row_25_partition_of_ten_minutes(net, servers, mount):
    partition(net, *crowd(net, servers, mount, 300), 300, 600)


# --- datagrams ----------------------------------------------------------------------------------------


def spoofed(source, target, data):
    """A UDP datagram (RFC 768) in an IPv4 packet, whose header the kernel completes: raw(7)."""
    udp = struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0) + data  # no checksum
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0,
                       socket.inet_aton(source[0]), socket.inet_aton(target[0]))
    return head + udp


def test_row_38_push_with_a_spoofed_address(net, mount):
    """An attacker in the servers' network names one of them as the sender."""
    elsewhere, evil = network.Network(), network.Network()
    net.bridge("10.77.0.2/24")
    net.plug(elsewhere, "server", "10.77.0.1/24")
    net.plug(evil, "attacker", "10.77.0.3/24")
    with elsewhere:
        stub = StubServer("10.77.0.1")
    with evil:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    try:
        stub.add("order-svc", "10.0.0.1", 80)
        top = mounted(net, mount, [stub])
        assert healthy(top) == ["10.0.0.1:80"]
        target = next(iter(wait_until(lambda: stub.subscribers, 5)[("public", GROUP, "order-svc")]))
        time.sleep(1.2)  # the second list, which comes after a second, is through
        body = stub.list_body(("public", GROUP, "order-svc"))
        body["hosts"] = [{"ip": "6.6.6.6", "port": 66, "weight": 1, "healthy": True}]
        packet = spoofed(("10.77.0.1", 4711), target, stub.datagram("order-svc", body=body, packed=False))
        with Timed() as timed:
            raw.sendto(packet, (target[0], 0))
            wait_until(lambda: samples(top)["nacosfs_pushes_accepted_total"] == 1, 5)
            wait_until(lambda: healthy(top) == ["10.0.0.1:80"], 5)
        print(f"wrong for {timed.seconds * 1000:.0f} ms")
        assert timed.seconds < 1 + NOISE
        stays(lambda: healthy(top) == ["10.0.0.1:80"], 0.5)
        top.stop()
    finally:
        raw.close()
        stub.close()
        elsewhere.close()
        evil.close()


# --- names --------------------------------------------------------------------------------------------


@pytest.fixture
def dns(net):
    with net:
        server = Dns()
    yield server
    server.close()


@pytest.fixture
def resolving(net, dns, build, place):
    """resolving(SOURCE, OPTION...): a mount that asks `dns`."""
    started = []

    def start(source, *options):
        point = os.path.join(place, "m")
        with net:
            started.append(ResolvingMount(build, source, point, [*options, f"cache_dir={place}/cache"],
                                          point + ".log"))
            return started[-1].start()

    yield start
    finish(started)


def longest_status(top, seconds):
    """The longest time that a call took which needs no server."""
    longest, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        with Timed() as timed:
            read(top / ".nacos/status")
        longest = max(longest, timed.seconds)
        time.sleep(0.005)
    return longest


def test_row_33_name_that_is_known_later(net, servers, resolving, dns):
    stub, = servers(1)
    stub.add("order-svc", "10.0.0.1", 80)
    with Timed() as timed:
        top = resolving(f"nacos.test:{stub.port}")
    assert timed.seconds < 1 + NOISE
    assert error_of(top / f"{GROUP}/order-svc/instances") == "EHOSTUNREACH"
    dns.names["nacos.test"] = "127.0.0.1"
    wait_until(lambda: healthy_or_none(top) == ["10.0.0.1:80"], 30)


def test_row_33_name_that_gets_another_address(net, servers, resolving, dns):
    first, = servers(1)
    first.beat_interval = 1000
    first.add("order-svc", "10.0.0.1", 80)
    dns.names["nacos.test"] = "127.0.0.1"
    top = resolving(f"nacos.test:{first.port}")
    assert healthy(top) == ["10.0.0.1:80"]
    register(top, ["10.0.0.2:80"])
    first.wait_for(*BEAT, 1)
    first.close()
    with net:
        second = StubServer("127.0.0.9", first.port)
    try:
        dns.names["nacos.test"] = "127.0.0.9"
        with Timed() as timed:
            second.wait_for(*BEAT, 1, timeout=30)
            second.add("order-svc", "10.0.0.3", 80)
            wait_until(lambda: "10.0.0.3:80" in healthy(top), 30)
        print(f"at the new address after {timed.seconds:.1f} s")
    finally:
        top.stop()
        second.close()


def threads(top):
    return max(len(os.listdir(f"/proc/{pid}/task")) for pid in top.remember() if os.path.exists(f"/proc/{pid}"))


@pytest.mark.heavy
def test_row_33_look_ups_that_hang_from_the_start(net, servers, resolving, dns):
    """Look-ups hang for 30 s: the loop goes on, and however many wait, it is one look-up of a name."""
    stub, = servers(1)
    stub.add("order-svc", "10.0.0.1", 80)
    dns.silent = True
    groups = [f"group{number}" for number in range(12)]
    top = resolving(f"nacos.test:{stub.port},other.test:{stub.port}", *(f"group={group}" for group in groups))
    ends = []

    def reader(group):
        with Timed() as timed:
            error_of(top / f"{group}/order-svc/healthy")
        ends.append(timed.seconds)

    readers = [threading.Thread(target=reader, args=(group,), daemon=True) for group in groups]
    for one in readers:
        one.start()
    longest, most = 0.0, 0
    for _ in range(10):
        longest, most = max(longest, longest_status(top, 0.5)), max(most, threads(top))
    for one in readers:
        one.join(20)
    print(f"{most} threads at most, {longest * 1000:.0f} ms for a call at most, reads end after {max(ends):.1f} s")
    assert len(ends) == len(groups) and max(ends) < 6 + NOISE  # of a look-up, and of the open
    assert longest < 0.5 + NOISE
    assert most <= 8
    dns.names["nacos.test"] = "127.0.0.1"
    dns.silent = False
    wait_until(lambda: healthy_or_none(top) == ["10.0.0.1:80"], 30)


@pytest.mark.heavy
def test_row_33_look_ups_that_hang_later(net, servers, resolving, dns):
    """The known address goes on being used, and known lists are read, while nobody answers at all."""
    stub, = servers(1)
    stub.cache_millis = 1000
    dns.names["nacos.test"] = "127.0.0.1"
    for number in range(50):
        stub.add(f"svc-{number}", "10.0.0.1", 80)
    top = resolving(f"nacos.test:{stub.port}")
    for number in range(50):
        healthy(top, f"svc-{number}")
    register(top, [f"10.0.2.{n}:80" for n in range(1, 101)])
    dns.silent = True
    net.refuse(stub.port)
    longest, most = 0.0, 0
    for _ in range(8):
        longest, most = max(longest, longest_status(top, 0.5)), max(most, threads(top))
    print(f"{most} threads at most, {longest * 1000:.0f} ms for a call at most, {dns.asked} questions")
    assert healthy(top, "svc-7") == ["10.0.0.1:80"]
    assert longest < 0.5 + NOISE
    assert most <= 8
    net.heal()
    stub.add("svc-7", "10.0.0.2", 80)
    wait_until(lambda: len(healthy(top, "svc-7")) == 2, 30)
    assert dns.silent
