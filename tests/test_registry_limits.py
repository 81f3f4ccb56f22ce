# SPDX-License-Identifier: MIT
"""What nobody can do to the others of a registry: take its connections, smuggle requests, fill its memory."""
import contextlib
import json
import os
import resource
import shutil
import socket
import subprocess
import time

import pytest
from lib.wait import wait_until

LIST = "/v1/ns/instance/list"
METRICS = b"GET /nacos/v1/ns/operator/metrics HTTP/1.1\r\nHost: x\r\n\r\n"
SMUGGLED = b"POST /nacos/v1/ns/instance?serviceName=smuggled&ip=10.0.0.1&port=80 HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(autouse=True)
def descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def crowd(registry, count, data=b""):
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", registry.port), timeout=10))
            if data:
                with contextlib.suppress(OSError):
                    connection.sendall(data)
        yield


def converse(registry, data, done=lambda received: False):
    """What comes back on a connection that sends this, until it is closed or done(received)."""
    with socket.create_connection(("127.0.0.1", registry.port), timeout=15) as connection:
        received = b""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(data)
            while not done(received) and (piece := connection.recv(65536)):
                received += piece
        return received


def answers(registry, seconds=5.0):
    began = time.monotonic()
    registry.call("GET", "/v1/ns/operator/metrics")
    assert time.monotonic() - began < seconds


def services(registry):
    return json.loads(registry.call("GET", "/v1/ns/service/list", pageNo=1, pageSize=10))["doms"]


def memory(registry):
    """Resident, MiB."""
    with open(f"/proc/{registry.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


# -- one port --------------------------------------------------------------------------------------

@pytest.mark.skipif(not shutil.which("ss"), reason="no ss here")
def test_one_port_on_loopback(registry):
    """and the socket that pushes go out from, which takes acknowledgements alone"""
    output = subprocess.run(["ss", "-Hlntup"], capture_output=True, text=True, check=True).stdout
    ours = [line.split() for line in output.splitlines() if f"pid={registry.process.pid}," in line]
    assert sorted((row[0], row[4].rpartition(":")[0]) for row in ours) == [
        ("tcp", "127.0.0.1"), ("udp", "127.0.0.1")]
    assert [row[4] for row in ours if row[0] == "tcp"] == [registry.address]


def test_another_address_is_closed(registry):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", registry.port), timeout=5)


# -- connections -----------------------------------------------------------------------------------

@pytest.mark.parametrize("data", [b"", b"GET /nacos", METRICS[:-2], b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n1"],
                         ids=["silent", "line", "headers", "body"])
def test_a_crowd_that_sends_no_request_drives_out_itself(registries, data):
    registry = registries("--max-connections", "200")
    with socket.create_connection(("127.0.0.1", registry.port), timeout=10) as kept:
        kept.sendall(METRICS)
        assert kept.recv(65536).startswith(b"HTTP/1.1 200")
        with crowd(registry, 1000, data):
            for _ in range(5):
                answers(registry)
            kept.sendall(METRICS)  # who has asked before stays
            assert kept.recv(65536).startswith(b"HTTP/1.1 200")
    answers(registry)


def test_more_connections_than_a_usual_limit_of_descriptors(build, place):
    """The default of 1024 connections under a soft limit of 1024 descriptors."""
    reader, writer = os.pipe()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    process = subprocess.Popen(
        [os.path.join(build, "nacos-registry"), "--listen", "127.0.0.1:0", "--ready-fd", str(writer), "--state",
         "none"], pass_fds=[writer], stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard)))
    os.close(writer)
    with os.fdopen(reader) as ready:
        port = int(ready.readline().rpartition(":")[2])
    with contextlib.ExitStack() as stack:
        for _ in range(1020):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            connection.sendall(METRICS)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    process.terminate()
    assert "descriptors" not in process.communicate(timeout=10)[1]


# -- requests --------------------------------------------------------------------------------------

def test_pipelined_requests_are_answered_in_order(registry):
    registry.register("svc", "10.0.0.1", 80)
    asked = [f"GET /nacos{LIST}?serviceName=svc{number}&isCheck={number % 2 == 0} HTTP/1.1\r\nHost: x\r\n\r\n"
             for number in range(50)]
    received = converse(registry, "".join(asked).encode(), lambda text: text.count(b"HTTP/1.1 200") == 50)
    assert received.count(b"HTTP/1.1 200") == 50
    assert received.index(b"svc1\"") < received.index(b"svc25\"") < received.index(b"svc47\"")


@pytest.mark.parametrize("head", [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED),
    b"Content-Length: -1\r\n\r\n", b"Content-Length: 0x0\r\n\r\n", b"Content-Length: 99999999999999999999999\r\n\r\n",
    b"Content-Length: 1073741824\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
    b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", b"Transfer-Encoding: chunked\r\n\r\n;x\r\n",
], ids=range(11))
def test_nothing_is_smuggled(registry, head):
    received = converse(registry, b"PUT /nacos/v1/ns/operator/switches HTTP/1.1\r\nHost: x\r\n" + head + SMUGGLED)
    assert b"HTTP/1.1 200" not in received
    assert services(registry) == []
    answers(registry)


@pytest.mark.parametrize("lines", [1000, 100000])
def test_many_header_lines(registry, lines):
    received = converse(registry, METRICS[:-2] + b"X: y\r\n" * lines + b"\r\n")
    assert b"HTTP/1.1 200" not in received
    answers(registry)


@pytest.mark.heavy
def test_a_body_without_an_end(registry):
    """Cut at 64 KiB, whatever still comes."""
    with socket.create_connection(("127.0.0.1", registry.port), timeout=15) as connection:
        sent = 0
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            while sent < 64 * 2**20:
                connection.sendall(b"10000\r\n" + b"a" * 65536 + b"\r\n")
                sent += 65536
    assert sent < 64 * 2**20
    assert memory(registry) < 100


def test_bytes_that_are_no_text_are_repeated_as_such(registry):
    """The page of an unknown route is JSON whatever was asked."""
    received = converse(registry, b"PU\xff /nacos/v1/ns/\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    page = json.loads(received.partition(b"\r\n\r\n")[2].decode())
    assert page["message"] == "no such api:PU\ufffd:/nacos/v1/ns/\ufffd"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:8848", ""])
def test_web_pages_are_not_answered(registry, origin):
    """A page can send such a POST to loopback without asking first."""
    form = b"serviceName=svc&ip=10.0.0.1&port=80"
    received = converse(registry, b"POST /nacos/v1/ns/instance HTTP/1.1\r\nHost: x\r\nOrigin: " + origin.encode() +
                        b"\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                        b"Content-Length: %d\r\n\r\n" % len(form) + form)
    assert received.startswith(b"HTTP/1.1 403 ")
    assert services(registry) == []


# -- names and memory ------------------------------------------------------------------------------

class Pipeline:
    """Many requests on one connection; counts the statuses."""

    def __init__(self, registry):
        self.socket = socket.create_connection(("127.0.0.1", registry.port), timeout=60)
        self.file = self.socket.makefile("rb")

    def send(self, method, targets):
        statuses = {}
        for first in range(0, len(targets), 200):
            part = targets[first:first + 200]
            self.socket.sendall("".join(f"{method} /nacos{target} HTTP/1.1\r\nHost: x\r\n\r\n"
                                        for target in part).encode())
            for _ in part:
                status = int(self.file.readline().split()[1])
                length = 0
                while (line := self.file.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                self.file.read(length)
                statuses[status] = statuses.get(status, 0) + 1
        return statuses

    def close(self):
        self.file.close()
        self.socket.close()


@pytest.fixture
def pipeline(registry):
    made = Pipeline(registry)
    yield made
    made.close()


@pytest.mark.heavy
def test_unknown_names_cost_nothing(registry, pipeline):
    """Who asks for what is not there leaves nothing behind but its subscription."""
    pipeline.send("GET", [f"{LIST}?serviceName=warm-{number}" for number in range(2000)])
    before = memory(registry)
    pipeline.send("GET", [f"{LIST}?serviceName=svc-{number}&namespaceId=n{number}" for number in range(20000)])
    assert memory(registry) - before < 3


@pytest.mark.heavy
def test_subscriptions_have_an_end(registry, pipeline):
    """Each from another service, with as much text as it takes."""
    agent, clusters = "a" * 4000, "c" * 200
    statuses = pipeline.send("GET", [f"{LIST}?serviceName=svc-{number}&udpPort=9&app={agent}&clusters={clusters}"
                                     for number in range(5000)])
    assert statuses == {200: 5000}
    assert memory(registry) < 40


@pytest.mark.slow
@pytest.mark.heavy
@pytest.mark.deadline(300)
def test_more_instances_than_fit(registry, pipeline):
    metadata = "%7B%22k%22%3A%22v%22%7D"
    registered = pipeline.send("POST", [
        f"/v1/ns/instance?serviceName=svc-{number // 10}&ip=10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        f"&port=80&metadata={metadata}" for number in range(100100)])
    assert registered == {200: 100000, 503: 100}
    assert memory(registry) < 300
    # those that are there live on
    assert registry.beat("svc-0", "10.0.0.0", 80)["code"] == 10200
    assert registry.request("POST", "/v1/ns/instance", {"serviceName": "svc-0", "ip": "10.0.0.0", "port": 80})[0] == 200
    registry.deregister("svc-0", "10.0.0.0", 80)
    assert registry.request("POST", "/v1/ns/instance", {"serviceName": "new", "ip": "10.9.9.9", "port": 80})[0] == 200
    wait_until(lambda: registry.addresses("new"), 5)
