# SPDX-License-Identifier: MIT
"""nacos-registry as a program: what it says about itself, its unit, its way out to a Nacos."""
import json
import os
import re
import shutil
import signal
import stat
import subprocess

import pytest
from lib.wait import wait_until

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MAN = os.path.join(TOP, "naming", "registry", "nacos-registry.8")


def man_page():
    with open(MAN, encoding="utf-8") as page:
        return page.read()


def test_help_and_man_page_have_the_same_options(build):
    output = subprocess.run([os.path.join(build, "nacos-registry"), "--help"], capture_output=True, text=True,
                            check=True).stdout
    told = set(re.findall(r"^  (?:-\w, )?--([a-z-]+)", output, re.M))
    written = set(re.findall(r"^\.It Fl (?:h , )?-([a-z-]+)", man_page(), re.M))
    assert told == written and len(told) > 10


def test_man_page_names_every_route():
    with open(os.path.join(TOP, "naming", "registry", "openapi.c"), encoding="utf-8") as source:
        served = set(re.findall(r'^    \{"[A-Z]+", "(/v1/[^"]+)"', source.read(), re.M))
    page = re.search(r"^\.Sh ROUTES\n(.*?)^\.Sh", man_page(), re.M | re.S).group(1)
    assert set(re.findall(r"/v1/[\w/]+", page)) - {"/v1"} == served


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
def test_unit(build, place):
    """Verified with our program in place of the installed one."""
    with open(os.path.join(TOP, "examples", "nacos-registry.service"), encoding="utf-8") as unit:
        text = unit.read()
    text = text.replace("/usr/local/bin/nacos-registry", os.path.join(build, "nacos-registry"))
    text = text.replace("Documentation=man:nacos-registry(8)\n", "")
    path = os.path.join(place, "nacos-registry.service")
    with open(path, "w", encoding="utf-8") as unit:
        unit.write(text)
    result = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True,
                            timeout=60, check=False)
    assert result.returncode == 0 and not result.stderr, result.stderr


# -- the way out -----------------------------------------------------------------------------------

def export(registry):
    path = os.path.join(registry.directory, registry.address, "export.sh")
    registry.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: os.path.exists(path), 5)
    return path


def run_script(path, registry, **environment):
    return subprocess.run(["bash", path], capture_output=True, text=True, timeout=30, check=False, env={
        **os.environ, "NACOS": f"http://{registry.address}/nacos", **environment})


def everything(registry, namespace, **auth):
    """Services, clusters and instances of a namespace as a console sees them."""
    def get(path, **params):
        return json.loads(registry.call("GET", path, namespaceId=namespace, **params, **auth))

    found = {}
    page = get("/v1/ns/catalog/services", pageNo=1, pageSize=100)
    for row in page["serviceList"]:
        name = f"{row['groupName']}@@{row['name']}"
        detail = get("/v1/ns/catalog/service", serviceName=name)
        hosts = []
        for cluster in detail["clusters"]:
            status, text = registry.request("GET", "/v1/ns/catalog/instances", {
                "namespaceId": namespace, "serviceName": name, "clusterName": cluster["name"], "pageNo": 1,
                "pageSize": 100, **auth})
            hosts += json.loads(text)["list"] if status == 200 else []
        for one in hosts:
            one.pop("lastBeat")
        found[name] = (detail, hosts)
    return found


def fill(registry):
    nasty = {"quote": "it's \"so\" $HOME `id` \\ %41 + & = \u4e2d", "empty": ""}
    registry.register("G@@svc", "10.0.0.1", 80, nasty, weight=2.5, clusterName="hz")
    registry.register("G@@svc", "10.0.0.2", 80, enabled="false")
    registry.register("svc", "::1", 80, namespaceId="test", ephemeral="false", healthy="false")
    registry.call("POST", "/v1/ns/service", serviceName="made", groupName="G", protectThreshold=0.4, metadata="a=1")
    registry.call("PUT", "/v1/ns/service", serviceName="G@@svc", protectThreshold=0.25, metadata=json.dumps(nasty))
    registry.call("PUT", "/v1/ns/cluster", serviceName="G@@svc", clusterName="hz", checkPort=81,
                  useInstancePort4Check="false", metadata="",
                  healthChecker=json.dumps({"type": "HTTP", "path": "/it's", "headers": "A:b"}))


def test_export_moves_everything(registries):
    old, new = registries(), registries()
    fill(old)
    result = run_script(export(old), new)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    for namespace in ("public", "test"):
        before = everything(old, namespace)
        assert before and everything(new, namespace) == before


def test_export_with_a_token(registries, place):
    users = os.path.join(place, "users")
    with open(os.open(users, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
        file.write("nacos:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n")
    old, new = registries(), registries("--auth", users)
    old.register("svc", "10.0.0.1", 80)
    script = export(old)
    refused = run_script(script, new)
    assert refused.returncode == 1 and "refused: POST instance" in refused.stderr
    token = json.loads(new.call("POST", "/v1/auth/login", username="nacos", password="secret"))["accessToken"]
    assert run_script(script, new, TOKEN=token).returncode == 0
    assert everything(new, "public", accessToken=token) == everything(old, "public")


def test_export_is_for_its_owner(registry):
    registry.register("svc", "10.0.0.1", 80)
    assert stat.S_IMODE(os.stat(export(registry)).st_mode) == 0o600


def test_export_says_what_it_needs(registry):
    result = subprocess.run(["bash", export(registry)], capture_output=True, text=True, timeout=10, check=False,
                            env={key: value for key, value in os.environ.items() if key != "NACOS"})
    assert result.returncode != 0 and "the URL to send to" in result.stderr


def test_export_without_a_state_directory(registries):
    registry = registries("--state", "none")
    registry.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: "nothing exported: there is no state directory" in registry.log(), 5)
    registry.call("GET", "/v1/ns/operator/metrics")
