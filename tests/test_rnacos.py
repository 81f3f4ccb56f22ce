# SPDX-License-Identifier: MIT
"""Against r-nacos, another server of the same API, where its program is installed: `rnacos` in PATH or
named by RNACOS."""
import os
import shutil
import socket
import subprocess
import urllib.request

import pytest
from lib.inotify import Watch
from lib.mounts import lines, read, write
from lib.registry import Registry
from lib.wait import stays, wait_until

PROGRAM = os.environ.get("RNACOS") or shutil.which("rnacos")
SERVICE = "DEFAULT_GROUP/order-svc"

pytestmark = [pytest.mark.heavy,
              pytest.mark.skipif(not PROGRAM, reason="no rnacos in PATH, none named by RNACOS")]


def free_port():
    """A port whose next two are free, too: gRPC and the console take them."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        try:
            for other in (port + 1000, port + 2000):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", other))
            return port
        except (OSError, OverflowError):
            continue


@pytest.fixture(scope="module")
def rnacos(base):
    directory = os.path.join(base, "rnacos")
    os.mkdir(directory)
    port = free_port()
    env = {**os.environ, "RNACOS_HTTP_PORT": str(port), "RNACOS_GRPC_PORT": str(port + 1000),
           "RNACOS_HTTP_CONSOLE_PORT": str(port + 2000), "RNACOS_DATA_DIR": directory,
           "RNACOS_CONFIG_DB_DIR": directory, "RUST_LOG": "warn"}
    with open(os.path.join(directory, "log"), "wb") as log:
        process = subprocess.Popen([PROGRAM], cwd=directory, env=env, stdout=log, stderr=log)
    server = Registry("", directory)  # for its Open API only
    server.address = f"127.0.0.1:{port}"

    def answers():
        try:
            return server.request("GET", "/v1/ns/operator/metrics")[0] < 500
        except urllib.error.URLError:
            return False

    try:
        wait_until(answers, 30, "rnacos answers", interval=0.2)
        wait_until(lambda: server.request("POST", "/v1/ns/instance", {
            "serviceName": "probe", "ip": "10.0.0.1", "port": 1})[0] == 200, 30, interval=0.2)
        yield server
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def service(mount, rnacos, request):
    """A service directory of its own name for each test: (path, name)."""
    name = request.node.name.replace("_", "-")
    mounted = mount(rnacos.address)
    os.makedirs(mounted / f"DEFAULT_GROUP/{name}")
    return mounted / f"DEFAULT_GROUP/{name}", name


def test_registers_and_reads(service, rnacos):
    path, name = service
    write(path + "/register", "10.0.0.1:80 weight=2 meta.zone=cn-1\n")
    assert lines(path + "/instances") == [
        "10.0.0.1:80 weight=2 healthy=true enabled=true ephemeral=true cluster=DEFAULT meta.zone=cn-1"]
    wait_until(lambda: rnacos.addresses(name) == {"10.0.0.1:80"}, 5)


def test_deregisters(service, rnacos):
    path, name = service
    write(path + "/register", "10.0.0.1:80\n")
    os.unlink(path + "/hosts/10.0.0.1:80")
    wait_until(lambda: rnacos.addresses(name) == set(), 5)


def test_sees_foreign_changes(service, rnacos):
    path, name = service
    with Watch(path + "/hosts") as watch:
        assert read(path + "/instances") == ""
        rnacos.register(name, "10.0.0.2", 80)
        watch.wait_for("CREATE", "10.0.0.2:80", timeout=15)
        assert lines(path + "/healthy") == ["10.0.0.2:80"]


def test_beats_keep_it_alive(service, rnacos):
    path, name = service
    write(path + "/register", "10.0.0.1:80\n")
    wait_until(lambda: rnacos.addresses(name), 5)
    stays(lambda: rnacos.addresses(name) == {"10.0.0.1:80"}, 40, interval=0.5)


def test_lists_services(service, rnacos):
    path, _ = service
    rnacos.register("listed-svc", "10.0.0.1", 80)
    wait_until(lambda: "listed-svc" in os.listdir(os.path.dirname(path)), 5)
