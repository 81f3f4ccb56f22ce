# SPDX-License-Identifier: MIT
"""The recipes of examples/, each as its user would run it, against a registry."""
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest
from lib.mounts import lines, read, write
from lib.wait import stays, wait_until

EXAMPLES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "examples")
SERVICE = "DEFAULT_GROUP/order-svc"
LATE = 20.0  # seconds; 2 are what one expects

pytestmark = pytest.mark.heavy


@pytest.fixture
def tree(mounted):
    """A mount of a registry, with a service."""
    os.makedirs(mounted / SERVICE)
    return mounted


@pytest.fixture
def recipe(tree, place):
    """recipe(NAME, ARGUMENT..., **variables): one of the examples as a process."""
    running = []

    def start(name, *arguments, **variables):
        log = os.path.join(place, f"{name}.{len(running)}")
        with open(log, "wb") as output:
            process = subprocess.Popen([os.path.join(EXAMPLES, name), *map(str, arguments)], stdout=output,
                                       stderr=output, stdin=subprocess.DEVNULL, start_new_session=True,
                                       env={**os.environ, "NACOS": tree.path, **variables})
        process.log = log
        running.append(process)
        return process

    yield start
    for process in running:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def register(tree, text):
    write(tree / f"{SERVICE}/register", text + "\n")


def deregister(tree, address):
    write(tree / f"{SERVICE}/deregister", address + "\n")


# --- curl-pick --------------------------------------------------------------------------------------------


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # pylint: disable=invalid-name
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"hello from {self.path}".encode())

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


def test_curl_pick(tree, recipe):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello) as server:
        threading.Thread(target=server.serve_forever).start()
        register(tree, f"127.0.0.1:{server.server_address[1]}")
        process = recipe("curl-pick", SERVICE, "/orders", "--noproxy", "*")
        assert process.wait(LATE) == 0
        assert read(process.log) == "hello from /orders"
        server.shutdown()


def test_curl_pick_with_nobody_there(recipe):
    process = recipe("curl-pick", SERVICE, "/")
    assert process.wait(LATE) == 69
    assert "No data available" in read(process.log)


# --- with-lease -------------------------------------------------------------------------------------------


def test_with_lease_registers_for_a_programs_lifetime(tree, registry, recipe):
    process = recipe("with-lease", SERVICE, "10.0.0.1:80 weight=2", "sleep", "1000")
    wait_until(lambda: registry.addresses("order-svc") == {"10.0.0.1:80"}, LATE)
    assert "weight=2" in read(tree / f"{SERVICE}/instances")
    process.kill()
    wait_until(lambda: registry.addresses("order-svc") == set(), LATE)


def test_with_lease_ends_with_the_program(registry, recipe):
    process = recipe("with-lease", SERVICE, "10.0.0.1:80", "sh", "-c", "exit 7")
    assert process.wait(LATE) == 7
    wait_until(lambda: registry.addresses("order-svc") == set(), LATE)


def test_with_lease_runs_nothing_unregistered(recipe):
    process = recipe("with-lease", SERVICE, "nonsense", "echo", "it runs")
    assert process.wait(LATE) == 69
    assert "it runs" not in read(process.log)


# --- systemd-register.conf --------------------------------------------------------------------------------


def drop_in(tree):
    """The drop-in's settings, for this mount: {key: value}."""
    text = read(os.path.join(EXAMPLES, "systemd-register.conf")).replace("/mnt/nacos", tree.path)
    return dict(re.findall(r"^(\w+)=(.*)$", text.replace("=:8080", "=10.0.0.1:8080"), re.M))


def run_as_systemd(settings, key):
    command = re.fullmatch(r"-?/bin/sh -c '(.*)'", settings[key]).group(1)
    variables = dict(word.split("=", 1) for word in settings["Environment"].split())
    return subprocess.run(["/bin/sh", "-c", command], env={**os.environ, **variables}, check=False).returncode


def test_systemd_drop_in(tree, registry):
    settings = drop_in(tree)
    assert run_as_systemd(settings, "ExecStartPost") == 0
    assert registry.addresses("order-svc") == {"10.0.0.1:8080"}
    assert run_as_systemd(settings, "ExecStopPost") == 0
    assert registry.addresses("order-svc") == set()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_takes_the_drop_in(place):
    unit = os.path.join(place, "order-svc.service")
    os.mkdir(unit + ".d")
    shutil.copy(os.path.join(EXAMPLES, "systemd-register.conf"), unit + ".d/register.conf")
    with open(unit, "w", encoding="ascii") as file:
        file.write("[Service]\nExecStart=/bin/sleep 1000\n")
    result = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert result.returncode == 0 and "register.conf" not in result.stderr, result.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_takes_the_unit_of_a_mount(build, place):
    unit = os.path.join(place, "nacosfs@mnt-nacos.service")
    with open(unit, "w", encoding="ascii") as file:
        file.write(read(os.path.join(EXAMPLES, "nacosfs@.service")).replace("/usr/local/bin", build))
    result = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert result.returncode == 0 and "mnt-nacos" not in result.stderr, result.stderr


# --- maintenance ------------------------------------------------------------------------------------------


def test_maintenance(tree, registry, recipe, place):
    register(tree, "10.0.0.1:80 weight=3")
    seen = os.path.join(place, "seen")
    process = recipe("maintenance", SERVICE, "10.0.0.1:80", "sh", "-c",
                     f"cat {tree.path}/{SERVICE}/healthy > {seen}; exit 3", DRAIN="0.2")
    assert process.wait(LATE) == 3
    assert read(seen) == ""
    wait_until(lambda: registry.addresses("order-svc") == {"10.0.0.1:80"}, LATE)
    assert "weight=3" in read(tree / f"{SERVICE}/instances")


def test_maintenance_that_is_killed_brings_the_node_back(tree, registry, recipe):
    register(tree, "10.0.0.1:80")
    process = recipe("maintenance", SERVICE, "10.0.0.1:80", "sleep", "1000", DRAIN="0")
    wait_until(lambda: registry.addresses("order-svc") == set(), LATE)
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(LATE)
    wait_until(lambda: registry.addresses("order-svc") == {"10.0.0.1:80"}, LATE)


def test_maintenance_as_cron_runs_it(tree, registry, place):
    register(tree, "10.0.0.1:8080")
    crontab = re.search(r"^# +0 3 \* \* \* +root +(.*)$", read(os.path.join(EXAMPLES, "maintenance")), re.M).group(1)
    command = crontab.replace("/usr/local/bin", EXAMPLES).replace("vacuumdb --all", f"touch {place}/done")
    assert command.endswith("/done") and EXAMPLES in command
    subprocess.run(["/bin/sh", "-c", command], check=True,
                   env={"PATH": "/usr/bin:/bin", "NACOS": tree.path, "DRAIN": "0"})
    assert os.path.exists(f"{place}/done")
    assert registry.addresses("order-svc") == {"10.0.0.1:8080"}


def test_maintenance_of_what_is_not_ours(tree, registry, recipe, place):
    registry.register("order-svc", "10.0.0.9", 80)
    process = recipe("maintenance", SERVICE, "10.0.0.9:80", "touch", f"{place}/done")
    assert process.wait(LATE) == 69 and not os.path.exists(f"{place}/done")
    assert "10.0.0.9:80" in read(tree / f"{SERVICE}/healthy")


# --- on-change --------------------------------------------------------------------------------------------


def test_on_change(tree, recipe):
    register(tree, "10.0.0.1:80")
    process = recipe("on-change", SERVICE, "sh", "-c", "echo $(cat)")
    wait_until(lambda: lines(process.log)[-1:] == ["10.0.0.1:80"], LATE)
    register(tree, "10.0.0.2:80")
    wait_until(lambda: lines(process.log)[-1:] == ["10.0.0.1:80 10.0.0.2:80"], LATE)
    deregister(tree, "10.0.0.1:80")
    wait_until(lambda: lines(process.log)[-1:] == ["10.0.0.2:80"], LATE)
    stays(lambda: len(lines(process.log)) == 3, 0.5)


# --- events-json ------------------------------------------------------------------------------------------


def records(process):
    return [json.loads(line) for line in lines(process.log)]


def wait_for_reader(tree):
    """The stream begins at the open."""
    wait_until(lambda: any(line == "open_files=1" for line in lines(tree / ".nacos/status")), LATE)


def test_events_json(tree, recipe):
    process = recipe("events-json", SERVICE)
    wait_for_reader(tree)
    register(tree, r"10.0.0.1:80 weight=2 meta.note=a\040b")
    deregister(tree, "10.0.0.1:80")
    wait_until(lambda: [r["verb"] for r in records(process)] == ["added", "removed"], LATE)
    added = records(process)[0]
    assert abs(added.pop("time") / 1000 - time.time()) < 60
    assert added == {"service": SERVICE, "verb": "added", "address": "10.0.0.1:80", "weight": "2",
                     "healthy": "true", "enabled": "true", "ephemeral": "true", "cluster": "DEFAULT",
                     "meta.note": "a b"}


@pytest.mark.skipif(not shutil.which("jq"), reason="no jq here")
def test_events_json_of_all_services_through_jq(tree, recipe):
    read(tree / f"{SERVICE}/healthy")
    process = recipe("events-json")
    wait_for_reader(tree)
    register(tree, "10.0.0.1:80")
    wait_until(lambda: records(process), LATE)
    result = subprocess.run(["jq", "-r", ".service + \" \" + .verb + \" \" + .address", process.log],
                            capture_output=True, text=True, check=True)
    assert result.stdout == f"{SERVICE} added 10.0.0.1:80\n"


# --- wait-healthy -----------------------------------------------------------------------------------------


def test_wait_healthy(tree, recipe):
    process = recipe("wait-healthy", SERVICE, 2)
    register(tree, "10.0.0.1:80")
    stays(lambda: process.poll() is None, 1)
    register(tree, "10.0.0.2:80")
    assert process.wait(LATE) == 0


def test_wait_healthy_gives_up(recipe):
    assert recipe("wait-healthy", SERVICE, 1, 1).wait(LATE) == 75
