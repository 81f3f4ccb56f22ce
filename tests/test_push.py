# SPDX-License-Identifier: MIT
"""UDP pushes: taken from the servers we know, for what we subscribed to, and never older than what is
held."""
import gzip
import json
import os
import random
import socket
import time

import pytest
from lib.mounts import END, lines, read
from lib.wait import stays, wait_until

GROUP = "DEFAULT_GROUP"
SERVICE = f"{GROUP}/order-svc"
KEY = ("public", GROUP, "order-svc")


@pytest.fixture
def instances(mount, stub):
    """Path of a read, subscribed file. The lists that the server answers stay as they were: what a test
    pushes is in the datagram alone, unless it changes the server, too."""
    stub.add("order-svc", "10.0.0.1", 80)
    mounted = mount(stub.address)
    path = mounted / f"{SERVICE}/instances"
    assert len(lines(path)) == 1
    wait_until(lambda: stub.subscribers.get(KEY), 5)
    return path


def poisoned(stub, **changes):
    """A list with an instance that the server does not have."""
    body = stub.list_body(KEY)
    body["hosts"] = [{**body["hosts"][0], "ip": "10.6.6.6"}]
    return {**body, **changes}


def target(stub):
    return next(iter(stub.subscribers[KEY]))


def never_poisoned(path, seconds=1.0):
    stays(lambda: "10.6.6.6" not in read(path), seconds)


@pytest.mark.parametrize("packed", [False, True])
def test_push_is_taken(instances, stub, packed):
    stub.add("order-svc", "10.0.0.2", 80)
    start = time.monotonic()
    stub.push("order-svc", packed=packed)
    wait_until(lambda: len(lines(instances)) == 2, 1)
    assert time.monotonic() - start < 1


def test_large_push_is_taken(instances, stub):
    for number in range(2, 250):
        stub.add("order-svc", f"10.0.0.{number}", 80, metadata={"zone": "cn-hangzhou"})
    stub.push("order-svc", packed=True)
    wait_until(lambda: len(lines(instances)) == 249, 2)


def test_push_is_acknowledged(instances, stub):
    stub.push("order-svc")
    _, peer, text = wait_until(lambda: stub.acks, 2)[0]
    assert json.loads(text)["type"] == "push-ack"
    assert peer == target(stub)


def test_ack_names_the_push(instances, stub):
    data = stub.datagram("order-svc", packed=False)
    stub.push("order-svc", data=data)
    _, _, text = wait_until(lambda: stub.acks, 2)[0]
    assert str(json.loads(text)["lastRefTime"]) == str(json.loads(data)["lastRefTime"])


def test_list_tells_port_and_address(instances, stub):
    request = [r for r in stub.seen("GET", "/instance/list") if int(r.params.get("udpPort") or 0)][0]
    assert request.params["clientIP"] == "127.0.0.1"
    assert request.headers["user-agent"].startswith("Nacos-")  # else no Nacos pushes at all


def test_push_off(mount, stub):
    stub.add("order-svc", "10.0.0.1", 80)
    mounted = mount(stub.address, "push=off")
    read(mounted / f"{SERVICE}/instances")
    assert all(r.params.get("udpPort", "0") == "0" for r in stub.seen("GET", "/instance/list"))


def test_udp_port_as_told(mount, stub):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    stub.add("order-svc", "10.0.0.1", 80)
    mounted = mount(stub.address, f"udp_port={port}")
    read(mounted / f"{SERVICE}/instances")
    wait_until(lambda: ("127.0.0.1", port) in stub.subscribers.get(KEY, ()), 5)


def test_unsubscribed_service_is_not_made_by_a_push(instances, stub, request):
    stub.subscribers[("public", GROUP, "other-svc")] = {target(stub)}
    stub.push("other-svc", body={**poisoned(stub), "name": f"{GROUP}@@other-svc",
                                 "dom": f"{GROUP}@@other-svc"})
    group = os.path.dirname(os.path.dirname(instances))
    stays(lambda: not os.path.exists(group + "/other-svc"), 0.5)


# --- refused ----------------------------------------------------------------------------------------------


def test_push_from_a_foreign_address(instances, stub):
    stub.push("order-svc", source="127.0.0.2", body=poisoned(stub))
    never_poisoned(instances)


def test_foreign_push_is_not_answered(instances, stub):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as foreign:
        foreign.bind(("127.0.0.2", 0))
        foreign.settimeout(0.7)
        foreign.sendto(stub.datagram("order-svc"), target(stub))
        with pytest.raises(TimeoutError):
            foreign.recv(65536)


def test_foreign_push_is_counted(instances, stub):
    stub.push("order-svc", source="127.0.0.2", body=poisoned(stub))
    status = os.path.join(instances.rsplit("/", 3)[0], ".nacos/status")
    wait_until(lambda: "pushes_refused=1" in read(status), 2)


def test_old_push(instances, stub):
    stub.push("order-svc", body=poisoned(stub, lastRefTime=stub.last_ref_time - 60000))
    never_poisoned(instances)


def test_push_from_the_future(instances, stub):
    ahead = int(time.time() * 1000) + 3600 * 1000
    stub.push("order-svc", body=poisoned(stub, lastRefTime=ahead))
    never_poisoned(instances)
    stub.add("order-svc", "10.0.0.2", 80)
    stub.push("order-svc")
    wait_until(lambda: len(lines(instances)) == 2, 2)


def test_refused_push_is_a_hint_to_ask_the_server(instances, stub):
    stub.add("order-svc", "10.0.0.2", 80)
    stub.push("order-svc", source="127.0.0.2", body=poisoned(stub))
    wait_until(lambda: [line.split(" ")[0] for line in lines(instances)] == ["10.0.0.1:80", "10.0.0.2:80"],
               3)


def test_wrong_push_is_put_right_by_the_servers_list(instances, stub):
    """Even one that passes all checks: the word over TCP wins."""
    since = time.monotonic()
    stub.push("order-svc", body=poisoned(stub))
    stub.wait_for("GET", "/instance/list", since=since, timeout=3)
    wait_until(lambda: [line.split(" ")[0] for line in lines(instances)] == ["10.0.0.1:80"], 3)
    never_poisoned(instances)


def test_dump_is_never_answered(instances, stub):
    stub.push("order-svc", data=json.dumps({"type": "dump", "data": "", "lastRefTime": 1}).encode())
    stays(lambda: not any("10.0.0.1" in text for _, _, text in stub.acks), 0.7)


BOMB = gzip.compress(b" " * (48 << 20), 9)

GARBAGE = {
    "empty": b"", "byte": b"x", "text": b"GET / HTTP/1.1\r\n\r\n", "array": b"[]", "null": b"null",
    "no type": b"{}", "unknown type": b'{"type":"boom","data":"","lastRefTime":1}',
    "data is no string": b'{"type":"dom","data":{"hosts":[]},"lastRefTime":1}',
    "data is no JSON": b'{"type":"dom","data":"nonsense","lastRefTime":1}',
    "data without hosts": json.dumps({"type": "dom", "data": json.dumps(
        {"name": "DEFAULT_GROUP@@order-svc", "lastRefTime": 99999999999999}), "lastRefTime": 1}).encode(),
    "cut gzip": gzip.compress(b'{"type":"dom"}' * 100)[:30], "gzip head": b"\x1f\x8b",
    "gzip of garbage": gzip.compress(bytes(range(256)) * 10), "zeroes": bytes(1000),
    "deep": b"[" * 60000, "not UTF-8": b'{"type":"dom","data":"\xff","lastRefTime":1}',
    "SIP": b"OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/UDP nm;branch=foo\r\n\r\n",
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_changes_nothing(instances, stub, data):
    before = read(instances)
    stub.udp.sendto(data, target(stub))
    stub.add("order-svc", "10.0.0.2", 80)
    stub.push("order-svc")  # behind it in the same socket
    wait_until(lambda: len(lines(instances)) == 2, 3)
    assert read(instances).startswith(before)


def test_bomb_is_not_unpacked(instances, stub, mount):
    assert len(BOMB) < 65507
    before = read(instances)
    for _ in range(20):
        stub.udp.sendto(BOMB, target(stub))
    stays(lambda: read(instances) == before, 0.7)


@pytest.mark.alone
def test_flood_of_junk(instances, stub):
    rng = random.Random(3)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind(("127.0.0.2", 0))
    slowest = 0.0
    with sender:
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            for _ in range(500):
                sender.sendto(rng.randbytes(rng.randint(1, 1400)), target(stub))
            start = time.monotonic()
            assert len(lines(instances)) == 1
            slowest = max(slowest, time.monotonic() - start)
    assert slowest < END  # it is answered all the time
    stub.add("order-svc", "10.0.0.2", 80)
    wait_until(lambda: stub.push("order-svc") and len(lines(instances)) == 2, 5, interval=0.2)


def test_flood_causes_few_requests(instances, stub):
    data = stub.datagram("order-svc", body=poisoned(stub))
    seen = stub.count("GET", "/instance/list")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.0.2", 0))
        for _ in range(2000):
            sender.sendto(data, target(stub))
    time.sleep(1)
    assert stub.count("GET", "/instance/list") - seen < 20


def test_reordered_pushes_end_with_the_newest(instances, stub):
    stub.add("order-svc", "10.0.0.2", 80)
    older = stub.datagram("order-svc")
    stub.add("order-svc", "10.0.0.3", 80)
    newer = stub.datagram("order-svc")
    stub.push("order-svc", data=newer)
    stub.push("order-svc", data=older)
    wait_until(lambda: len(lines(instances)) == 3, 2)
    stays(lambda: len(lines(instances)) == 3, 0.7)


@pytest.mark.heavy
def test_subscription_is_renewed_while_pushes_arrive(mount, stub):
    """A server keeps a subscription for 10 s after the last list request; pushes renew nothing."""
    stub.add("order-svc", "10.0.0.1", 80)
    mounted = mount(stub.address)
    path = mounted / f"{SERVICE}/instances"
    with open(path, encoding="ascii"):
        deadline = time.monotonic() + 10
        number = 0
        while time.monotonic() < deadline:
            number += 1
            stub.add("order-svc", "10.0.0.1", 80, metadata={"version": str(number)})
            stub.push("order-svc")
            time.sleep(0.25)
        times = [r.time for r in stub.seen("GET", "/instance/list") if int(r.params.get("udpPort") or 0)]
    assert max(b - a for a, b in zip(times, times[1:] + [time.monotonic()])) < 9


def test_first_instance_of_an_empty_service_comes_by_push(mount, stub):
    stub.add_service("order-svc")
    mounted = mount(stub.address)
    path = mounted / f"{SERVICE}/instances"
    assert read(path) == ""
    wait_until(lambda: stub.subscribers.get(KEY), 5)
    stub.add("order-svc", "10.0.0.1", 80)
    stub.push("order-svc")
    wait_until(lambda: len(lines(path)) == 1, 1)
