# SPDX-License-Identifier: MIT
"""How the registry knows which instances are healthy: probes and the disk for persistent ones, beats
and the brake for ephemeral ones."""
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time

import pytest
from lib import mariadb, procs
from lib.mounts import lines, read, write
from lib.registry import Registry
from lib.wait import stays, wait_until

TURN = 60  # s in which probes turn an instance, on a busy machine


def health(registry, service="svc", **params):
    """{"ip:port": healthy}"""
    return {f"{h['ip']}:{h['port']}": h["healthy"] for h in registry.list(service, **params)["hosts"]}


def figures(registry):
    return json.loads(registry.call("GET", "/v1/ns/operator/health"))


def add(registry, port, ip="127.0.0.1", service="svc", **params):
    registry.register(service, ip, port, ephemeral="false", **params)
    return f"{ip}:{port}"


def configure(registry, checker, service="svc", **params):
    params = {"checkPort": 80, "useInstancePort4Check": "true", "clusterName": "DEFAULT", **params}
    return registry.request("PUT", "/v1/ns/cluster", {
        "serviceName": service, "healthChecker": json.dumps(checker), **params})


def set_health(registry, port, healthy, ip="127.0.0.1"):
    return registry.request("PUT", "/v1/ns/health/instance", {
        "serviceName": "svc", "ip": ip, "port": port, "healthy": healthy})


def wait_for_health(registry, address, healthy, timeout=TURN):
    wait_until(lambda: health(registry)[address] is healthy, timeout, f"{address} healthy={healthy}",
               interval=0.05)


class Listener:
    """Something that takes connections, which the kernel does, and says nothing."""

    def __init__(self, port=0):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.socket.listen(512)
        self.port = self.socket.getsockname()[1]

    def close(self):
        self.socket.close()


class Endless(Listener):
    """Answers each connection with what never ends."""

    def __init__(self, greeting):
        super().__init__()
        self.greeting = greeting
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.socket.accept()[0]
                threading.Thread(target=self.talk, args=[connection], daemon=True).start()

    def talk(self, connection):
        with contextlib.suppress(OSError), connection:
            while True:
                connection.sendall(self.greeting)


@pytest.fixture
def listener():
    found = Listener()
    yield found
    found.close()


# -- persistent instances on disk ------------------------------------------------------------------

def again(registry):
    """The same one, killed and started anew at its address."""
    registry.kill()
    return registry.start(registry.address)


def test_persistent_instance_survives_sigkill(registry, listener):
    add(registry, listener.port, metadata={"zone": "cn-1"}, weight=3, clusterName="hz")
    before = registry.list("svc")["hosts"]
    again(registry)
    wait_for_health(registry, f"127.0.0.1:{listener.port}", True)
    assert registry.list("svc")["hosts"] == before


def test_ephemeral_instance_does_not(registry):
    registry.register("svc", "10.0.0.1", 80)
    again(registry)
    assert health(registry) == {}


def test_deregistered_persistent_instance_stays_away(registry):
    add(registry, 9)
    add(registry, 10)
    registry.deregister("svc", "127.0.0.1", 9, ephemeral="false")
    again(registry)
    assert list(health(registry)) == ["127.0.0.1:10"]


def test_not_healthy_before_a_probe_says_so(registries):
    """The server behind it died while the registry was dead."""
    registry = registries()
    listener = Listener()
    address = add(registry, listener.port)
    registry.kill()
    listener.close()
    registry.start(registry.address)
    stays(lambda: health(registry)[address] is False, 1)


def test_service_and_cluster_settings_survive(registry):
    registry.call("POST", "/v1/ns/service", serviceName="svc", protectThreshold="0.4", metadata="a=b")
    assert configure(registry, {"type": "HTTP", "path": "/up"}, clusterName="hz") == (200, "ok")
    before = registry.call("GET", "/v1/ns/service", serviceName="svc")
    again(registry)
    assert registry.call("GET", "/v1/ns/service", serviceName="svc") == before
    assert '"path":"/up"' in before


def test_the_two_kinds_are_two_instances(registry, listener):
    add(registry, listener.port)
    registry.register("svc", "127.0.0.1", listener.port)
    kinds = [host["ephemeral"] for host in registry.list("svc")["hosts"]]
    assert sorted(kinds) == [False, True]
    registry.deregister("svc", "127.0.0.1", listener.port)
    assert [host["ephemeral"] for host in registry.list("svc")["hosts"]] == [False]
    registry.deregister("svc", "127.0.0.1", listener.port)
    assert len(registry.list("svc")["hosts"]) == 1


def test_a_beat_makes_no_ephemeral_one_beside_it(registry, listener):
    add(registry, listener.port)
    beat = json.dumps({"ip": "127.0.0.1", "port": listener.port, "cluster": "DEFAULT"})
    assert registry.beat("svc", "127.0.0.1", listener.port, beat=beat)["code"] == 10200
    assert len(registry.list("svc")["hosts"]) == 1


def test_what_cannot_be_kept_is_refused(build, place):
    registry = Registry(build, place, "--state", "/proc/version")
    try:
        registry.start()
        status, text = registry.request("POST", "/v1/ns/instance", {
            "serviceName": "svc", "ip": "127.0.0.1", "port": 80, "ephemeral": "false"})
        assert status == 500 and "/proc/version" in text
        assert registry.list("svc")["hosts"] == []
    finally:
        registry.destroy()


def test_state_of_another_process_is_not_touched(registry, place):
    add(registry, 9)
    command = [os.path.join(registry.build, "nacos-registry"), "--listen", registry.address,
               "--state", registry.directory]
    result = subprocess.run(["unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", *command],
                            capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 1 and "in use by another process" in result.stderr


@pytest.mark.slow
@pytest.mark.deadline(600)
def test_sigkill_at_any_moment_loses_nothing_answered(registry):
    """Two hundred times: whatever was answered with ok is there."""
    rng = random.Random(7)
    answered = set()

    def register(start):
        for number in range(start, start + 1000):
            address = f"127.0.{number // 250 % 250}.{number % 250 + 1}:{number // 62500 + 80}"
            ip, _, port = address.partition(":")
            try:
                registry.register("svc", ip, port, ephemeral="false")
            except OSError:
                return
            answered.add(address)

    for turn in range(200):
        thread = threading.Thread(target=register, args=[turn * 1000])
        thread.start()
        time.sleep(rng.random() * 0.05)
        registry.kill()
        thread.join()
        registry.start(registry.address)
        assert answered <= registry.addresses("svc")


# -- probes ----------------------------------------------------------------------------------------

def test_tcp_probe_turns_it_and_back(registry):
    listener = Listener()
    address = add(registry, listener.port)
    listener.close()
    wait_for_health(registry, address, False)
    second = Listener(listener.port)
    wait_for_health(registry, address, True)
    second.close()


def test_turning_is_pushed(mounted, registry):
    """A mount sees it without asking."""
    listener = Listener()
    add(registry, listener.port)
    path = mounted / "DEFAULT_GROUP/svc/healthy"
    with open(path, encoding="ascii") as file:
        assert file.read() == f"127.0.0.1:{listener.port}\n"
    listener.close()

    def read():
        with open(path, encoding="ascii") as file:
            return file.read()

    wait_until(lambda: read() == "", TURN)


def test_check_port(registry, listener):
    """Refused there, whatever listens at the instance's own port."""
    dead = Listener()
    dead.close()
    address = add(registry, listener.port)
    configure(registry, {"type": "TCP"}, checkPort=dead.port, useInstancePort4Check="false")
    wait_for_health(registry, address, False)


def test_nothing_outside_loopback_is_probed(registry):
    address = add(registry, 80, ip="192.0.2.1")
    configure(registry, {"type": "TCP"})
    wait_until(lambda: "192.0.2.1:80 and its like are not probed" in registry.log(), 10)
    assert figures(registry)["probes"]["done"] == 0
    assert health(registry)[address] is True


def test_probe_allow(registries):
    """An address that leads nowhere fails once it may be probed."""
    registry = registries("--probe-allow", "192.0.2.0/24")
    address = add(registry, 80, ip="192.0.2.1")
    configure(registry, {"type": "TCP"})
    wait_for_health(registry, address, False)


def test_bad_probe_allow(build):
    result = subprocess.run([os.path.join(build, "nacos-registry"), "--listen", "127.0.0.1:0",
                             "--state", "none", "--probe-allow", "10.0.0.0/33"],
                            capture_output=True, text=True, timeout=10, check=False)
    assert result.returncode == 1 and "10.0.0.0/33" in result.stderr


@pytest.mark.parametrize("checker, port", [
    ({"type": "HTTP"}, "silent"), ({"type": "HTTP"}, "endless"),
    ({"type": "MYSQL", "user": "u", "pwd": "p"}, "silent"),
    ({"type": "MYSQL", "user": "u", "pwd": "p"}, "endless")], ids=lambda value: str(value)[:20])
def test_hostile_targets_hold_up_nobody(registries, checker, port):
    """Eighty of them, and a beat is answered at once."""
    registry = registries()
    target = Endless(b"HTTP/1.1 100 Go on\r\nx: y\r\n") if port == "endless" else Listener()
    registry.call("POST", "/v1/ns/service", serviceName="svc")
    configure(registry, checker)
    for number in range(80):
        add(registry, target.port, ip=f"127.0.0.{number + 1}")
    registry.register("other", "10.0.0.1", 80)
    configure(registry, checker)
    slowest = 0
    end = time.monotonic() + 1
    while time.monotonic() < end:
        start = time.monotonic()
        registry.beat("other", "10.0.0.1", 80)
        slowest = max(slowest, time.monotonic() - start)
    target.close()
    assert slowest < 1
    seen = figures(registry)["probes"]
    assert 0 < seen["mostInFlight"] <= 64 and seen["done"] > 0


# -- clusters and health by hand -------------------------------------------------------------------

def test_unknown_service_has_no_cluster(registry):
    assert configure(registry, {"type": "TCP"}) == (
        500, "caused: service not found:DEFAULT_GROUP@@svc;")


@pytest.mark.parametrize("change, status", [
    ({"clusterName": ""}, 400), ({"clusterName": "a b"}, 400), ({"checkPort": ""}, 400),
    ({"checkPort": "x"}, 400), ({"checkPort": "70000"}, 400), ({"useInstancePort4Check": ""}, 400),
    ({"healthChecker": ""}, 400), ({"healthChecker": "TCP"}, 500), ({"metadata": "[]"}, 500),
    ({"healthChecker": '{"type":"HTTP","path":"/\\r\\n"}'}, 400)])
def test_bad_cluster(registry, change, status):
    registry.call("POST", "/v1/ns/service", serviceName="svc")
    assert configure(registry, {"type": "TCP"}, **change)[0] == status
    assert json.loads(registry.call("GET", "/v1/ns/service", serviceName="svc"))["clusters"] == []


def test_password_is_not_told(registry):
    registry.call("POST", "/v1/ns/service", serviceName="svc")
    configure(registry, {"type": "MYSQL", "user": "probe", "pwd": "secret", "cmd": "select 1"})
    for path in ("/v1/ns/service", "/v1/ns/catalog/service"):
        text = registry.call("GET", path, serviceName="DEFAULT_GROUP@@svc")
        assert '"user":"probe","pwd":""' in text and "secret" not in text


def test_health_is_set_by_hand_where_nobody_probes(registry):
    registry.call("POST", "/v1/ns/service", serviceName="svc")
    configure(registry, {"type": "NONE"})
    address = add(registry, 9)
    assert set_health(registry, 9, "false") == (200, "ok")
    assert health(registry) == {address: False}
    again(registry)
    assert health(registry) == {address: False}
    assert set_health(registry, 9, "true") == (200, "ok")
    assert health(registry) == {address: True}


def test_health_is_not_set_by_hand_where_probes_say(registry, listener):
    address = add(registry, listener.port)
    assert set_health(registry, listener.port, "false") == (
        400, "caused: health check is still working, service: DEFAULT_GROUP@@svc;")
    assert health(registry) == {address: True}


def test_health_is_set_by_hand_where_nobody_may_probe(registry):
    address = add(registry, 80, ip="192.0.2.1")
    assert set_health(registry, 80, "false", ip="192.0.2.1") == (200, "ok")
    assert health(registry) == {address: False}


def test_switch_stops_probes(registry):
    registry.call("PUT", "/v1/ns/operator/switches", entry="check", value="false")
    address = add(registry, 9)
    configure(registry, {"type": "TCP"})
    stays(lambda: health(registry)[address], 0.5)
    registry.call("PUT", "/v1/ns/operator/switches", entry="check", value="true")
    wait_for_health(registry, address, False)


# -- MySQL -----------------------------------------------------------------------------------------

@pytest.fixture
def database(place):
    if mariadb.missing():
        pytest.skip(f"not installed: {mariadb.missing()}")
    server = mariadb.MariaDB(os.path.join(place, "mariadb"))
    yield server
    server.stop()
    server.destroy()


CHECKER = {"type": "MYSQL", "user": "probe", "pwd": "secret",
           "cmd": "show global variables where variable_name='read_only'"}


def start_probed(registry, database):
    """Its address, once a probe has succeeded."""
    database.start()
    assert database.run("create user probe@'127.0.0.1' identified by 'secret'") == 0
    registry.call("POST", "/v1/ns/service", serviceName="svc")
    address = add(registry, database.port)
    configure(registry, CHECKER)
    wait_until(lambda: figures(registry)["probes"]["done"] > 0, TURN)
    assert figures(registry)["probes"]["failed"] == 0 and health(registry)[address]
    return address


@pytest.mark.deadline(180)
def test_mariadb_is_healthy_while_it_is_the_primary(registry, database):
    address = start_probed(registry, database)
    assert database.run("set global read_only = 1") == 0
    wait_for_health(registry, address, False)


@pytest.mark.slow
@pytest.mark.deadline(300)
def test_mariadb_becomes_the_primary_and_what_else_it_says(registry, database):
    address = start_probed(registry, database)
    assert database.run("set global read_only = 1") == 0
    wait_for_health(registry, address, False)
    assert database.run("set global read_only = 0") == 0
    wait_for_health(registry, address, True)
    configure(registry, {**CHECKER, "pwd": "wrong"})
    wait_for_health(registry, address, False)
    configure(registry, {**CHECKER, "cmd": "select 1"})
    wait_for_health(registry, address, True)
    configure(registry, {**CHECKER, "cmd": "selec 1"})
    wait_for_health(registry, address, False)
    with open(database.log_path, encoding="utf-8", errors="replace") as log:
        assert "Aborted connection" not in log.read()


class FileThief(Listener):
    """A MySQL server that lets everybody in and answers a query by asking for a file of the client's
    machine (LOAD DATA LOCAL), as the protocol allows."""

    GREETING = (b"\x0a5.5.5-10.11\0" + b"\1\0\0\0" + b"saltsalt\0" + b"\xff\xf7" + b"\x21" + b"\2\0"
                + b"\xff\x81" + b"\x15" + bytes(10) + b"saltsaltsalt\0" + b"mysql_native_password\0")

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.stolen = None  # what came; b"" = it was refused
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.socket.accept()[0]
                with contextlib.suppress(OSError), connection:
                    self.steal(connection)

    def steal(self, connection):
        def packet(number, payload):
            connection.sendall(len(payload).to_bytes(3, "little") + bytes([number]) + payload)

        packet(0, self.GREETING)
        assert connection.recv(4096)
        packet(2, b"\0\0\0\2\0\0\0")
        assert b"load data" in connection.recv(4096)
        packet(1, b"\xfb" + self.path.encode())
        self.stolen = connection.recv(4096)[4:]


def test_mysql_probe_gives_no_file_away(registry):
    """Not even one that the command itself names."""
    thief = FileThief("/proc/version")
    checker = {**CHECKER, "cmd": "load data local infile '/proc/version' into table t"}
    registry.call("POST", "/v1/ns/service", serviceName="svc")
    add(registry, thief.port)
    configure(registry, checker)
    wait_until(lambda: thief.stolen is not None, 20)
    thief.close()
    assert thief.stolen == b""


# -- the brake -------------------------------------------------------------------------------------

SHORT = {"preserved.heart.beat.timeout": "2000", "preserved.ip.delete.timeout": "4000"}


def register_many(registry, count):
    for number in range(count):
        registry.register("svc", f"10.0.0.{number + 1}", 80, SHORT)


@pytest.fixture
def beating(registry):
    """beating(FIRST, LAST): those instances beat until the end of the test, answered or not."""
    ended = threading.Event()
    threads = []

    def beat(first, last):
        while not ended.wait(0.2):
            for number in range(first, last):
                with contextlib.suppress(OSError):
                    registry.beat("svc", f"10.0.0.{number + 1}", 80)

    def start(first, last):
        threads.append(threading.Thread(target=beat, args=[first, last]))
        threads[-1].start()

    yield start
    ended.set()
    for thread in threads:
        thread.join()


def counts(registry):
    found = list(health(registry).values())
    return len(found), sum(found)


def test_brake_keeps_what_falls_silent_at_once(registry, beating):
    register_many(registry, 40)
    beating(0, 19)
    wait_until(lambda: counts(registry) == (40, 19), 20)
    wait_until(lambda: figures(registry)["brake"]["on"], 5)
    stays(lambda: counts(registry) == (40, 19), 4, "none is removed", interval=0.2)
    seen = figures(registry)
    assert (seen["ephemeralInstances"], seen["missingInstances"], seen["brake"]["times"]) == (40, 21, 1)
    assert "21 of 40 ephemeral instances miss their beats at once" in registry.log()
    beating(19, 40)
    wait_until(lambda: counts(registry) == (40, 40), 10)
    wait_until(lambda: "removals go on" in registry.log(), 5)
    assert figures(registry)["brake"]["on"] is False


def test_half_may_go(registry, beating):
    register_many(registry, 40)
    beating(0, 20)
    wait_until(lambda: counts(registry) == (40, 20), 20)
    wait_until(lambda: counts(registry) == (20, 20), 20)
    assert figures(registry)["brake"]["times"] == 0


def test_no_brake(registries):
    registry = registries("--no-brake")
    register_many(registry, 40)
    wait_until(lambda: counts(registry) == (40, 0), 20)
    wait_until(lambda: counts(registry) == (0, 0), 20)
    assert figures(registry)["brake"] == {"enabled": False, "on": False, "onForMillis": 0, "times": 0,
                                          "leastInstances": 20, "sweepSeconds": 5}


def test_frozen_registry_gives_everybody_one_more_time_out(registry, beating):
    register_many(registry, 30)
    beating(0, 30)
    os.kill(registry.process.pid, signal.SIGSTOP)
    time.sleep(4.5)
    os.kill(registry.process.pid, signal.SIGCONT)
    stays(lambda: counts(registry) == (30, 30), 3, "none is unhealthy or gone", interval=0.2)
    assert "stood still" in registry.log()


# -- standalone mounts -----------------------------------------------------------------------------

def test_persistent_instance_of_a_standalone_mount_survives_its_registry(mount, place):
    state = os.path.join(place, "state")
    mounted = mount("standalone", "listen=127.0.0.1:0", env={"STATE_DIRECTORY": state})
    service = mounted / "DEFAULT_GROUP/svc"
    os.makedirs(service)
    write(service + "/register", "127.0.0.1:9 ephemeral=false\n")
    assert len(os.listdir(state)) == 1

    def registry():
        status = dict(line.split("=", 1) for line in lines(mounted / ".nacos/status"))
        return int(status["registry_pid"])

    def listed():
        with contextlib.suppress(OSError):
            return "127.0.0.1:9 " in read(service + "/instances")

    first = registry()
    procs.kill(first)
    wait_until(lambda: registry() not in (0, -1, first), 20)
    wait_until(listed, 20)
    stays(listed, 2)
