# SPDX-License-Identifier: MIT
"""Datagrams from anybody. A test for each kind of fault, called by its number and name; each has a bound
in time."""
import gzip
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time

import pytest
from lib.faults import GROUP, LIST, NOISE, healthy, longest_gap, register, resident
from lib.mounts import SANITIZED, read
from lib.wait import Timed, stays, wait_until
from test_client import samples


def poison(stub):
    body = stub.list_body(("public", GROUP, "order-svc"))
    body["hosts"] = [{"ip": "6.6.6.6", "port": 66, "weight": 1, "healthy": True}]
    return body


def target(stub):
    return next(iter(stub.subscribers[("public", GROUP, "order-svc")]))


@pytest.mark.parametrize("how", [{"source": "127.0.0.2"}, {"last_ref_time": 1},
                                 {"last_ref_time": int(time.time() * 1000) + 3600 * 1000}],
                         ids=["foreign", "old", "future"])
def test_row_37_push_that_cannot_be_true(known, stub, how):
    body = {**poison(stub), **({"lastRefTime": how["last_ref_time"]} if "last_ref_time" in how else {})}
    stub.push("order-svc", body=body, source=how.get("source"))
    wait_until(lambda: samples(known)["nacosfs_pushes_accepted_total"] == 0 and sum(
        value for name, value in samples(known).items() if "pushes_refused_total{" in name) == 1, 5)
    stays(lambda: healthy(known) == ["10.0.0.1:80"], 0.5)
    assert not stub.acks


def test_row_38_push_with_a_servers_address(known, stub):
    with Timed() as timed:
        stub.push("order-svc", body=poison(stub))
        wait_until(lambda: samples(known)["nacosfs_pushes_accepted_total"] == 1, 5)
        wait_until(lambda: healthy(known) == ["10.0.0.1:80"], 5)
    assert timed.seconds < 1 + NOISE, f"wrong for {timed.seconds:.2f} s"


def test_row_39_scans_and_bombs(known, stub):
    rng = random.Random(39)
    bomb = gzip.compress(b" " * (32 << 20), 9)
    sent = [json.dumps({"type": "dump", "data": "", "lastRefTime": 1}).encode(), bomb,
            b"OPTIONS sip:nm SIP/2.0\r\n\r\n", bytes.fromhex("000100000001000000000000"),
            *(rng.randbytes(rng.randint(0, 1500)) for _ in range(300))]
    before = resident(known)
    for data in sent:
        stub.udp.sendto(data, target(stub))
    wait_until(lambda: samples(known)["nacosfs_pushes_refused_total{reason=\"garbage\"}"] > 0, 5)
    stays(lambda: healthy(known) == ["10.0.0.1:80"], 0.5)
    assert not stub.acks
    assert SANITIZED or resident(known) < before + 5 * 1024


def seconds_of_cpu(pid):
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rsplit(b")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tool(name, *arguments):
    """A program of ours that prints what it did."""
    return subprocess.Popen([sys.executable, os.path.join(os.path.dirname(__file__), "lib", name),
                             *map(str, arguments)], stdout=subprocess.PIPE, text=True)


FLOOD = {"strangers": "127.0.0.2", "servers": "127.0.0.1"}  # whose address the datagrams have


@pytest.mark.slow
@pytest.mark.heavy
@pytest.mark.alone
@pytest.mark.deadline(180)
@pytest.mark.parametrize("who", FLOOD)
def test_row_40_flood(mount, stub, place, who):
    stub.add("order-svc", "10.0.0.1", 80)
    top = mount(stub.address)
    healthy(top)
    register(top, [f"10.0.1.{n}:80" for n in range(1, 51)])
    wait_until(lambda: stub.subscribers, 5)
    packet = os.path.join(place, "packet")
    with open(packet, "wb") as file:
        file.write(stub.datagram("order-svc", body=poison(stub)))
    began, used = time.monotonic(), seconds_of_cpu(top.daemon())
    flood = tool("flood.py", FLOOD[who], *target(stub), 50000, 30, packet)
    reader = tool("latency.py", top / f"{GROUP}/order-svc/healthy", 29)
    latency = json.loads(reader.communicate(timeout=60)[0])
    sent = int(flood.communicate(timeout=60)[0])
    took = time.monotonic() - began
    cpu = (seconds_of_cpu(top.daemon()) - used) / took
    polls = stub.count(*LIST, since=began) / took
    p99 = latency[len(latency) * 99 // 100]
    gap, _ = longest_gap([stub], began)
    print(f"{sent / took:.0f} datagrams/s, {cpu:.0%} of a core, {polls:.1f} polls/s, beats {gap:.1f} s apart, "
          f"{len(latency)} reads: p50 {latency[len(latency) // 2]:.1f}, p99 {p99:.1f}, max {latency[-1]:.1f} ms")
    assert sent / took > 40000 and len(latency) > 1000
    assert cpu <= 0.5 and polls <= 50 and gap < 7 and p99 <= 10


def test_row_41_pushes_are_lost(known, stub):
    stub.add("order-svc", "10.0.0.2", 80)
    with Timed() as timed:
        wait_until(lambda: len(healthy(known)) == 2, 10)
    assert timed.seconds < 3 + 1 + NOISE  # the shortest cacheMillis, and a second


def test_row_41_pushes_twice_and_out_of_order(known, stub):
    stub.add("order-svc", "10.0.0.2", 80)
    older = stub.datagram("order-svc")
    stub.add("order-svc", "10.0.0.3", 80)
    newer = stub.datagram("order-svc")
    for data in (newer, newer, older, newer, older):
        stub.push("order-svc", data=data)
    wait_until(lambda: len(healthy(known)) == 3, 5)
    stays(lambda: len(healthy(known)) == 3, 0.7)


def pushes_are_off(top):
    assert samples(top)["nacosfs_push_up"] == 0
    assert "\npush=off\nudp_port=0\n" in read(top / ".nacos/status")
    told = [line for line in read(top / ".nacos/errors").splitlines() if "polled\\040only" in line]
    assert len(told) == 1 and "count=" not in told[0], told
    assert top.log().count("polled only") == 1
    return told[0]


def test_row_41_port_in_use(mount, stub):
    stub.cache_millis = 500
    stub.add("order-svc", "10.0.0.1", 80)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as taken:
        taken.bind(("::", 0))
        top = mount(stub.address, f"udp_port={taken.getsockname()[1]}")
        assert healthy(top) == ["10.0.0.1:80"]
        assert "Address\\040already\\040in\\040use" in pushes_are_off(top)
        assert all(request.params.get("udpPort", "0") == "0" for request in stub.seen(*LIST))
        stub.add("order-svc", "10.0.0.2", 80)
        wait_until(lambda: len(healthy(top)) == 2, 10)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
def test_row_41_bind_refused(mount, stub):
    stub.add("order-svc", "10.0.0.1", 80)
    top = mount(stub.address, "udp_port=7", prefix=["setpriv", "--bounding-set=-net_bind_service"])
    assert healthy(top) == ["10.0.0.1:80"]
    assert "Permission\\040denied" in pushes_are_off(top)
