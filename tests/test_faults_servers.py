# SPDX-License-Identifier: MIT
"""Servers that fail. A test for each kind of fault, called by its number and name; each has a bound in
time."""
import gzip
import os
import signal
import threading
import time

import pytest
from lib.faults import (BEAT, GROUP, LIST, NOISE, SERVICE, error_of, healthy, healthy_or_none, longest_gap,
                        register, resident, share)
from lib.mounts import SANITIZED, read, write
from lib.wait import Timed, stays, wait_until
from stub_server import Answer, Delay, Drip, Endless, GzipBomb, Reset, Silence, Truncated, WrongService
from test_client import Guard, credentials


def test_row_19_server_dies_and_the_service_is_known(known, stub):
    stub.close()
    wait_until(lambda: "stale=true" in read(known / ".nacos/subscriptions"), 20)
    with Timed() as timed:
        for _ in range(100):
            assert healthy(known) == ["10.0.0.1:80"]
    assert timed.seconds < 1 + NOISE, f"{timed.seconds:.2f} s for 100 reads"


@pytest.mark.parametrize("fault", ["dead", "half-open"])
def test_row_20_no_server_and_the_service_is_not_known(mount, stub, fault):
    top = mount(stub.address)
    if fault == "dead":
        stub.close()
    else:
        stub.on("*", "*", Silence())
    with Timed() as timed:
        assert error_of(top / f"{SERVICE}/instances") in ("EHOSTUNREACH", "ETIMEDOUT")
    assert timed.seconds < 3.5 + NOISE, f"{timed.seconds:.1f} s"


def test_row_21_server_comes_back_empty(mount, stub):
    top = mount(stub.address)
    register(top, ["10.0.0.1:80", "10.0.0.2:80"])
    stub.close()
    again = stub.restarted()
    try:
        with Timed() as timed:
            wait_until(lambda: len(again.hosts("order-svc")) == 2, 15)
        assert timed.seconds < 6 + NOISE, f"back after {timed.seconds:.1f} s"
        top.stop()
    finally:
        again.close()


FAULTS = {"dead": None, "half-open": Silence(), "reset": Reset(), "slow": Delay(2), "unavailable": Answer(503, "")}


@pytest.mark.parametrize("fault", FAULTS)
def test_row_22_one_of_two_servers(mount, stubs, fault):
    both = stubs(), stubs()
    for stub in both:
        stub.beat_interval = 1000
    top = mount(",".join(stub.address for stub in both))
    register(top, [f"10.0.1.{n}:80" for n in range(1, 41)])
    share(*both)
    used = wait_until(lambda: [stub for stub in both if stub.count(*BEAT) >= 40], 10)[0]
    good = [stub for stub in both if stub is not used]
    began = time.monotonic()
    if fault == "dead":
        used.close()
    else:
        used.on("*", "*", FAULTS[fault])
    wait_until(lambda: good[0].count(*BEAT) >= 120, 15)
    gap, instances = longest_gap(both if fault == "slow" else [*good, used], began)
    assert instances == 40
    # a beat is due each second and may hang for one
    assert gap < 2.2 + NOISE, f"{gap:.1f} s without a beat"
    assert all(host["healthy"] for host in good[0].hosts("order-svc").values())


def test_row_23_four_of_five_servers(mount, stubs):
    good, silent, reset, broken, dead = (stubs() for _ in range(5))
    silent.on("*", "*", Silence())
    reset.on("*", "*", Reset())
    broken.on("*", "*", Answer(503, "starting"))
    dead.close()
    good.beat_interval = 1000
    good.add("order-svc", "10.0.0.9", 80)
    top = mount(",".join(stub.address for stub in (silent, dead, reset, broken, good)) + ",no.such.host.invalid")
    with Timed() as timed:
        wait_until(lambda: "10.0.0.9:80" in healthy_or_none(top), 10)
    register(top, [f"10.0.1.{n}:80" for n in range(1, 11)])
    good.wait_for(*BEAT, 20)
    settled = time.monotonic()
    stays(lambda: longest_gap([good], settled)[0] < 2.2 + NOISE, 5, "beats go on", interval=0.2)
    for bad in (silent, reset, broken):
        probes = bad.seen(since=settled)
        assert all(request.path == "/operator/metrics" for request in probes), probes
        assert len(probes) <= 1, f"{len(probes)} probes in 5 s"
    assert timed.seconds < 3 + NOISE


@pytest.mark.heavy
def test_row_24_kept_connection_goes_nowhere(mount, registry):
    """The server's kernel still takes what is sent; nobody reads it."""
    for service in ("order-svc", "other-svc"):
        registry.register(service, "10.0.0.1", 80)
    top = mount(registry.address)
    assert os.listdir(top / GROUP) and healthy(top) == ["10.0.0.1:80"]
    os.kill(registry.process.pid, signal.SIGSTOP)
    try:
        with Timed() as timed:
            assert error_of(top / f"{GROUP}/other-svc/instances") == "ETIMEDOUT"
        assert timed.seconds < 6 + NOISE  # of a look-up, and of the open
        assert healthy(top) == ["10.0.0.1:80"]
    finally:
        os.kill(registry.process.pid, signal.SIGCONT)
    registry.register("new-svc", "10.0.0.2", 80)
    with Timed() as timed:
        wait_until(lambda: os.path.exists(top / f"{GROUP}/new-svc") and healthy(top, "new-svc"), 10)
    assert timed.seconds < 5 + NOISE


def test_row_26_slow_server(mount, stub):
    stub.cache_millis = stub.beat_interval = 1000
    for number in range(200):
        stub.add(f"svc-{number}", "10.0.1.1", 80)
    top = mount(stub.address, "timeout=5")
    for number in range(200):
        read(top / f"{GROUP}/svc-{number}/healthy")
    register(top, ["10.0.2.1:80"])
    stub.wait_for(*BEAT, 2)
    stub.on(*LIST, Delay(2))
    slow = time.monotonic()
    stays(lambda: longest_gap([stub], slow)[0] < 1 + NOISE, 6, "beats do not wait for polls", interval=0.2)


BROKEN = {
    27: [Drip(0.5), Endless()],
    28: [Truncated(0), Truncated(1), Truncated(50), Reset(),
         Answer(200, b"\x1f\x8b\x08\x00junk", headers=["Content-Encoding: gzip"]),
         Answer(200, gzip.compress(b"{}")[:-9], headers=["Content-Encoding: gzip"]),
         Answer(200, b"zz\r\nxx", headers=["Transfer-Encoding: chunked"])],
    29: [Answer(200, body) for body in (
        "", "<html>", "[]", "null", "7", "{}", '{"hosts":[]}', '{"name":"DEFAULT_GROUP@@order-svc"}',
        '{"name":"DEFAULT_GROUP@@order-svc","hosts":{}}', '{"name":7,"hosts":[]}',
        '{"name":"DEFAULT_GROUP@@order-svc","hosts":[],"hosts":[]}',
        '{"name":"DEFAULT_GROUP@@order-svc","hosts":[],"lastRefTime":NaN}',
        '{"name":"DEFAULT_GROUP@@order-svc","hosts":[],"lastRefTime":1e999}',
        "[" * 1000000)],
    30: [WrongService(), WrongService("order-svc2"), WrongService("OTHER@@order-svc")],
    31: [Answer(status, "", headers=["Location: /x"] if 300 <= status < 400 else ())
         for status in (204, 301, 302, 304, 307, 400, 404, 410, 418, 500, 501, 502, 503, 504)],
}


def is_worth_another_server(row, action):
    """Not so: what every server would say, and a reply that is too long."""
    return row in (28, 29, 30) or isinstance(action, Drip) or getattr(action, "status", 0) in (500, 502, 503, 504)


def broken(wanted=lambda row, action: True):
    """Parametrizes with row and action."""
    cases = [(row, action) for row, actions in BROKEN.items() for action in actions if wanted(row, action)]
    names = [f"{row}-{type(action).__name__}{getattr(action, 'status', '')}" for row, action in cases]
    return pytest.mark.parametrize("row, action", cases, ids=names)


class TestRow27To31:
    """A reply that is cut, broken, senseless, about something else or refused: nothing of it is taken."""

    @broken()
    def test_known_list_stays(self, known, stub, row, action):
        before = read(known / f"{SERVICE}/instances.json")
        changed = os.stat(known / f"{SERVICE}/instances").st_mtime_ns
        since = time.monotonic()
        stub.on(*LIST, action)
        stub.wait_for(*LIST, 1, since=since)
        stays(lambda: read(known / f"{SERVICE}/instances.json") == before, 0.3)
        assert os.stat(known / f"{SERVICE}/instances").st_mtime_ns == changed

    @broken(is_worth_another_server)
    def test_next_server_is_tried(self, mount, stub, stubs, row, action):
        other = stubs()
        other.add("order-svc", "10.0.0.1", 80)
        stub.add("order-svc", "10.0.0.1", 80)
        stub.on(*LIST, action)
        top = mount(f"{stub.address},{other.address}")
        with Timed() as timed:
            assert healthy(top) == ["10.0.0.1:80"]
        assert timed.seconds < 3.5 + NOISE


def test_row_31_redirect_is_not_followed(mount, stub, stubs):
    other = stubs()
    stub.add("order-svc", "10.0.0.1", 80)
    stub.on(*LIST, Answer(302, "", headers=[f"Location: http://{other.address}/nacos/v1/ns/instance/list"]))
    assert error_of(mount(stub.address) / f"{SERVICE}/instances") == "EREMOTEIO"
    assert not other.requests


@pytest.mark.heavy
@pytest.mark.parametrize("action", [Endless(), GzipBomb(256 << 20)], ids=["plain", "gzip"])
def test_row_32_endless_body(known, stub, action):
    before = resident(known)
    stub.on(*LIST, action)
    since = time.monotonic()
    stub.wait_for(*LIST, 2, since=since, timeout=20)
    stub.clear()
    assert healthy(known) == ["10.0.0.1:80"]
    wait_until(lambda: resident(known) < before + 5 * 1024, 5 + NOISE,
               f"memory goes back to about {before} KiB", interval=0.1)


@pytest.mark.slow
@pytest.mark.heavy
@pytest.mark.alone
@pytest.mark.skipif(SANITIZED, reason="their memory is not ours")
def test_row_32_endless_bodies_of_many_services(mount, stub):
    """Thirty at a time would be 2 GiB."""
    stub.cache_millis = 1000
    for number in range(64):
        stub.add(f"svc-{number}", "10.0.0.1", 80)
    top = mount(stub.address)
    for number in range(64):
        healthy(top, f"svc-{number}")
    before, most = resident(top), 0
    stub.on(*LIST, Endless())
    end = time.monotonic() + 10
    while time.monotonic() < end:
        most = max(most, resident(top))
    stub.clear()
    print(f"{before // 1024} MiB, at most {most // 1024}")
    assert most < 320 * 1024  # 128 MiB for large bodies, and copies while they grow
    stub.add("svc-7", "10.0.0.2", 80)
    wait_until(lambda: len(healthy(top, "svc-7")) == 2, 30)
    wait_until(lambda: resident(top) < before + 5 * 1024, 10 + NOISE,
               f"memory goes back to about {before} KiB", interval=0.1)


@pytest.mark.heavy
def test_row_33_name_that_nobody_knows(mount):
    with Timed() as timed:
        top = mount("no.such.host.invalid:8848")
    assert timed.seconds < 1 + 2 * NOISE
    threading.Thread(target=lambda: healthy_or_none(top), daemon=True).start()
    slowest = 0.0
    for _ in range(50):
        with Timed() as one:
            read(top / ".nacos/status")
        slowest = max(slowest, one.seconds)
    assert slowest < 0.5 + NOISE, f"the loop was held up for {slowest:.2f} s"
    assert error_of(top / f"{SERVICE}/instances") in ("EHOSTUNREACH", "ETIMEDOUT")


def test_row_36_log_in_server_dies(mount, stub, place):
    stub.add("order-svc", "10.0.0.1", 80)
    guard = Guard(stub, ttl=1)
    top = mount(stub.address, f"credentials={credentials(place)}")
    assert healthy(top) == ["10.0.0.1:80"]
    stub.on("POST", "/nacos/v1/auth/users/login", Silence())
    dead = time.monotonic()
    stub.wait_for("POST", "/nacos/v1/auth/users/login", 1, since=dead, timeout=20)
    register(top, ["10.0.0.2:80"])  # the old token still does
    guard.token = "another"
    with Timed() as timed:
        with pytest.raises(PermissionError):
            write(top / f"{SERVICE}/register", "10.0.0.3:80\n")
    assert timed.seconds < 3.5 + NOISE
    assert "10.0.0.1:80" in healthy(top)
    logins = [request.time for request in stub.seen("POST", "/nacos/v1/auth/users/login", since=dead)]
    assert all(b - a > 4.5 for a, b in zip(logins, logins[1:])), logins
    os.truncate(top.log_path, 0)
