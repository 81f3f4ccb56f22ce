# SPDX-License-Identifier: MIT
"""Reads: one version an open, an errno instead of an empty file, the last known list without a server."""
import collections
import errno
import os
import random
import threading
import time

import pytest
from lib.mounts import lines, read
from lib.wait import Timed, stays, wait_until
from stub_server import (Answer, Delay, Drip, Edited, Endless, GzipBomb, Reset, Silence, Truncated,
                         WrongService)

GROUP = "DEFAULT_GROUP"
SERVICE = f"{GROUP}/order-svc"
TIMEOUT = 2  # of the mounts here, seconds


def error_of(path):
    """The errno's name with which reading fails."""
    with pytest.raises(OSError) as error:
        read(path)
    return errno.errorcode[error.value.errno]


@pytest.fixture
def quick(mount, stub):
    """A mount with a short time-out and one service of one instance."""
    stub.add("order-svc", "10.0.0.1", 8080)
    return mount(stub.address, f"timeout={TIMEOUT}")


@pytest.fixture
def instances(quick):
    return quick / f"{SERVICE}/instances"


# --- one open, one version ------------------------------------------------------------------------------


def test_one_open_sees_one_version(quick, stub, instances):
    for number in range(2, 200):
        stub.add("order-svc", f"10.0.0.{number}", 8080)
    before = read(instances)
    fd = os.open(instances, os.O_RDONLY)
    start = os.read(fd, 100)
    for number in range(2, 200):
        stub.remove("order-svc", f"10.0.0.{number}", 8080)
    stub.push("order-svc")
    wait_until(lambda: len(lines(instances)) == 1, 5)
    rest = b"".join(iter(lambda: os.read(fd, 1000), b""))
    os.close(fd)
    assert (start + rest).decode() == before


def test_pread_in_the_middle(instances):
    content = read(instances).encode()
    fd = os.open(instances, os.O_RDONLY)
    assert os.pread(fd, 10, 5) == content[5:15]
    assert os.pread(fd, 10, len(content) + 5) == b""
    os.close(fd)


def test_byte_by_byte(instances):
    with open(instances, "rb", buffering=0) as file:
        assert b"".join(iter(lambda: file.read(1), b"")).decode() == read(instances)


def test_no_torn_reads_while_it_changes(quick, stub, instances):
    """Each content ever served is one of the server's, whole."""
    stub.push_on_change = True
    read(instances)
    done = threading.Event()

    def change():
        number = 0
        while not done.is_set():
            number = number % 100 + 1
            with stub.lock:
                key = ("public", GROUP, "order-svc")
                stub.services[key] = {}
                for last in range(1, 40):
                    stub.services[key][(f"10.0.{number}.{last}", 80, "DEFAULT")] = {
                        "ip": f"10.0.{number}.{last}", "port": 80, "weight": 1, "healthy": True,
                        "enabled": True, "ephemeral": True, "clusterName": "DEFAULT", "metadata": {}}
            stub.changed(key)
            time.sleep(0.005)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        versions = set()
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            found = [line.split(" ")[0].split(".") for line in lines(instances)]
            if len(found) == 1:
                continue  # the first list
            assert len({address[2] for address in found}) == 1 and len(found) == 39
            versions.add(found[0][2])
        assert len(versions) > 3
    finally:
        done.set()
        thread.join()


# --- errors, never an empty file --------------------------------------------------------------------------


def test_dead_server(quick, stub, instances):
    stub.close()
    with Timed() as timed:
        assert error_of(instances) == "EHOSTUNREACH"
    assert timed.seconds < TIMEOUT + 0.5


def test_silent_server(quick, stub, instances):
    stub.on("*", "*", Silence())
    with Timed() as timed:
        assert error_of(instances) == "ETIMEDOUT"
    assert timed.seconds < TIMEOUT + 0.5


def test_silent_list_of_a_known_service(quick, stub, instances):
    os.listdir(quick / GROUP)
    stub.on("GET", "/instance/list", Silence())
    with Timed() as timed:
        assert error_of(instances) == "ETIMEDOUT"
    assert timed.seconds < 2 * TIMEOUT + 0.5  # of the look-up, perhaps, and of the open


@pytest.mark.heavy
def test_default_timeout_is_3_seconds(mount, stub):
    stub.on("*", "*", Silence())
    mounted = mount(stub.address)
    with Timed() as timed:
        assert error_of(mounted / f"{SERVICE}/instances") == "ETIMEDOUT"
    assert 2.5 < timed.seconds < 6


@pytest.mark.parametrize("behaviour,wanted", [("dead", "EHOSTUNREACH"), ("silent", "ETIMEDOUT")])
def test_ls_of_a_group_without_a_server(quick, stub, behaviour, wanted):
    if behaviour == "dead":
        stub.close()
    else:
        stub.on("*", "*", Silence())
    with pytest.raises(OSError) as error:
        os.listdir(quick / GROUP)
    assert errno.errorcode[error.value.errno] == wanted


def dead_end(body):
    return Answer(200, body)


@pytest.mark.parametrize("action,wanted", [
    (Answer(400, "caused: bad;"), {"EINVAL"}),
    (Answer(401, "who?"), {"EACCES"}),
    (Answer(403, "unknown user!"), {"EACCES"}),
    (Answer(404, "no"), {"ENOENT"}),
    (Answer(410, "gone"), {"EREMOTEIO"}),
    (Answer(500, "caused: oops;"), {"EREMOTEIO"}),
    (Answer(502, ""), {"EREMOTEIO"}),
    (Answer(503, "server is DOWNnow, please try again later!"), {"EREMOTEIO"}),
    (Answer(302, "", headers=["Location: http://127.0.0.1:1/"]), {"EREMOTEIO"}),
    (Answer(204), {"EREMOTEIO"}),
    (Reset(), {"EHOSTUNREACH"}),
    (Truncated(20), {"EHOSTUNREACH", "EREMOTEIO"}),
    (Drip(0.3), {"ETIMEDOUT"}),
    (Endless(), {"EREMOTEIO", "ETIMEDOUT"}),
    (GzipBomb(96 << 20), {"EREMOTEIO", "ETIMEDOUT"}),  # unpacking 64 MiB may take its time
    (WrongService(), {"EREMOTEIO"}),
    (dead_end("<html>It works!</html>"), {"EREMOTEIO"}),
    (dead_end(""), {"EREMOTEIO"}),
    (dead_end("[]"), {"EREMOTEIO"}),
    (dead_end("null"), {"EREMOTEIO"}),
    (dead_end("{}"), {"EREMOTEIO"}),
    (dead_end('"hosts"'), {"EREMOTEIO"}),
    (dead_end('{"name":"DEFAULT_GROUP@@order-svc"}'), {"EREMOTEIO"}),
    (dead_end('{"hosts":[]}'), {"EREMOTEIO"}),
    (dead_end('{"name":"DEFAULT_GROUP@@order-svc","hosts":{}}'), {"EREMOTEIO"}),
    (dead_end('{"name":"DEFAULT_GROUP@@order-svc","hosts":[]'), {"EREMOTEIO"}),
    (dead_end('{"name":"DEFAULT_GROUP@@order-svc","hosts":[]} x'), {"EREMOTEIO"}),
    (dead_end('{"name":"DEFAULT_GROUP@@order-svc","hosts":[],}'), {"EREMOTEIO"}),
    (dead_end("{'name':'DEFAULT_GROUP@@order-svc','hosts':[]}"), {"EREMOTEIO"}),
    (dead_end(b'{"name":"DEFAULT_GROUP@@order-svc","hosts":[],"clusters":"\xff"}'), {"EREMOTEIO"}),
    (dead_end("[" * 100000), {"EREMOTEIO"}),
], ids=lambda value: type(value).__name__ + str(getattr(value, "status", "")) + str(
    getattr(value, "body", b""))[:24] if not isinstance(value, set) else "-".join(sorted(value)))
class TestBadReply:
    def test_is_an_errno(self, quick, stub, instances, action, wanted):
        os.listdir(quick / GROUP)
        stub.on("GET", "/instance/list", action)
        assert error_of(instances) in wanted

    def test_leaves_what_is_held_as_it_was(self, quick, stub, instances, action, wanted):
        before = read(instances)
        wait_until(lambda: stub.subscribers, 3)
        stub.on("GET", "/instance/list", action)
        since = time.monotonic()
        stub.push("order-svc", source="127.0.0.2")  # no list is taken from there, but the server is asked
        stub.wait_for("GET", "/instance/list", since=since)
        stays(lambda: read(instances) == before, 0.3)


def test_bad_host_is_dropped_the_others_stay(quick, stub, instances):
    stub.add("order-svc", "10.0.0.2", 8080)

    def spoil(reply):
        reply["hosts"][0]["port"] = 99999
        return reply

    stub.on("GET", "/instance/list", Edited(spoil))
    assert [line.split(" ")[0] for line in lines(instances)] == ["10.0.0.2:8080"]


def test_missing_last_ref_time_counts_as_0(quick, stub, instances):
    stub.on("GET", "/instance/list", Edited(
        lambda reply: {k: v for k, v in reply.items() if k != "lastRefTime"}))
    assert len(lines(instances)) == 1


def test_unknown_fields_are_ignored(quick, stub, instances):
    stub.on("GET", "/instance/list", Edited(lambda reply: {**reply, "allIPs": False, "new": {"a": [1]}}))
    assert len(lines(instances)) == 1


def test_metadata_values_that_are_no_strings(quick, stub, instances):
    def edit(reply):
        reply["hosts"][0]["metadata"] = {"number": 1, "truth": True}
        return reply

    stub.on("GET", "/instance/list", Edited(edit))
    assert lines(instances)[0].endswith(" meta.number=1 meta.truth=true")


def test_large_reply_within_the_limit(mount, stub):
    for number in range(5000):
        stub.add("order-svc", f"10.0.{number // 250}.{number % 250 + 1}", 8080)
    assert len(lines(mount(stub.address) / f"{SERVICE}/instances")) == 5000


def test_reply_over_max_response(mount, stub):
    for number in range(500):
        stub.add("order-svc", f"10.0.{number // 250}.{number % 250 + 1}", 8080)
    mounted = mount(stub.address, "max_response=16K")
    assert error_of(mounted / f"{SERVICE}/instances") == "EREMOTEIO"


def test_error_is_told(quick, stub, instances):
    os.listdir(quick / GROUP)
    stub.on("GET", "/instance/list", Answer(500, "caused: disk full;"))
    assert error_of(instances) == "EREMOTEIO"
    assert r"disk\040full" in read(quick / ".nacos/errors")


def test_recovers_when_the_server_does(quick, stub, instances):
    stub.on("*", "*", Answer(503, "not yet"), times=20)
    with pytest.raises(OSError):
        read(instances)
    stub.clear()
    wait_until(lambda: os.path.exists(instances) and read(instances), 5)


def test_second_server_is_asked(mount, stub, stubs):
    other = stubs()
    for server in (stub, other):
        server.add("order-svc", "10.0.0.1", 8080)
    mounted = mount(f"{stub.address},{other.address}")
    stub.close()
    assert len(lines(mounted / f"{SERVICE}/instances")) == 1


def test_second_server_is_asked_when_the_first_is_silent(mount, stub, stubs):
    other = stubs()
    other.add("order-svc", "10.0.0.1", 8080)
    stub.on("*", "*", Silence())
    mounted = mount(f"{stub.address},{other.address}")
    with Timed() as timed:
        assert len(lines(mounted / f"{SERVICE}/instances")) == 1
    assert timed.seconds < 6


@pytest.mark.parametrize("status", [500, 502, 503])
def test_second_server_is_asked_after_5xx(mount, stub, stubs, status):
    other = stubs()
    other.add("order-svc", "10.0.0.1", 8080)
    stub.on("*", "*", Answer(status, "no"))
    mounted = mount(f"{stub.address},{other.address}")
    assert len(lines(mounted / f"{SERVICE}/instances")) == 1


# --- held lists -------------------------------------------------------------------------------------------


@pytest.mark.heavy
@pytest.mark.parametrize("behaviour", ["dead", "silent"])
def test_last_known_list_without_a_server(quick, stub, instances, behaviour):
    stub.cache_millis = 500
    before = read(instances)
    if behaviour == "dead":
        stub.close()
    else:
        stub.on("*", "*", Silence())
    stays(lambda: read(instances) == before, 3)


@pytest.mark.heavy
def test_held_list_is_read_without_waiting(quick, stub, instances):
    read(instances)
    stub.on("*", "*", Silence())
    stays(lambda: reads_within(instances, TIMEOUT / 2), 2)


def reads_within(path, seconds):
    with Timed() as timed:
        read(path)
    return timed.seconds < seconds


def test_second_read_asks_nothing(quick, stub, instances):
    read(instances)
    seen = stub.count("GET", "/instance/list")
    for _ in range(50):
        read(instances)
    assert stub.count("GET", "/instance/list") < seen + 10  # UpdateTask's own, one a second at most


def test_many_first_readers_share_one_request(quick, stub, instances):
    os.listdir(quick / GROUP)
    stub.on("GET", "/instance/list", Delay(0.5))
    results = []
    threads = [threading.Thread(target=lambda: results.append(read(instances))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1 and len(results) == 20
    assert stub.count("GET", "/instance/list") <= 2  # the look-up's, perhaps, and the open's


def test_change_without_a_push_is_found_by_polling(mount, stub):
    stub.cache_millis = 1000
    stub.add("order-svc", "10.0.0.1", 8080)
    mounted = mount(stub.address, "push=off")
    path = mounted / f"{SERVICE}/instances"
    with open(path, encoding="ascii"):  # an open descriptor is interest
        assert len(lines(path)) == 1
        stub.add("order-svc", "10.0.0.2", 8080)
        wait_until(lambda: len(lines(path)) == 2, 3)


# --- pick -------------------------------------------------------------------------------------------------


def test_pick_gives_one_of_the_healthy(quick, stub):
    stub.add("order-svc", "10.0.0.2", 8080, healthy=False)
    stub.add("order-svc", "10.0.0.3", 8080, weight=0)
    assert {read(quick / f"{SERVICE}/pick") for _ in range(30)} == {"10.0.0.1:8080\n"}


@pytest.mark.heavy
def test_pick_draws_by_weight(quick, stub):
    stub.add("order-svc", "10.0.0.2", 8080, weight=3)
    drawn = collections.Counter(read(quick / f"{SERVICE}/pick") for _ in range(400))
    assert 220 < drawn["10.0.0.2:8080\n"] < 370  # 300 is the mean, 8.7 the deviation


def test_pick_stays_the_same_for_one_open(quick, stub):
    for number in range(2, 50):
        stub.add("order-svc", f"10.0.0.{number}", 8080)
    with open(quick / f"{SERVICE}/pick", "rb", buffering=0) as file:
        drawn = {os.pread(file.fileno(), 100, 0) for _ in range(20)}
    assert len(drawn) == 1


def test_pick_of_nothing(quick, stub):
    stub.add_service("empty-svc")
    assert error_of(quick / f"{GROUP}/empty-svc/pick") == "ENODATA"


def test_pick_with_nobody_healthy(quick, stub):
    stub.add("sick-svc", "10.0.0.2", 8080, healthy=False)
    assert error_of(quick / f"{GROUP}/sick-svc/pick") == "ENODATA"


# --- many files at once -------------------------------------------------------------------------------------


def test_many_services_at_once(quick, stub):
    names = [f"svc-{number}" for number in range(200)]
    for number, name in enumerate(names):
        stub.add(name, f"10.1.0.{number + 1}", 80)
    random.shuffle(names)
    failures = []

    def check(part):
        for name in part:
            wanted = f"10.1.0.{int(name.split('-')[1]) + 1}:80"
            if lines(quick / f"{GROUP}/{name}/healthy") != [wanted]:
                failures.append(name)

    threads = [threading.Thread(target=check, args=(names[start::8],)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
