# SPDX-License-Identifier: MIT
"""Who may ask a registry that has users: nobody without a login, and nothing that anybody can send
makes somebody of them."""
import concurrent.futures
import http.client
import json
import os
import re
import subprocess
import time
import urllib.parse

import pytest
from lib.wait import wait_until

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# passwords: secret (cost 4), geheim (cost 4), slow (cost 11, a tenth of a second)
USERS = """# who may
nacos:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW
other:$2y$04$abcdefghijklmnopqrstuuPWRtT5yx7FBi4dcf6ROhboeNunUrLQ.
slow:$2b$11$abcdefghijklmnopqrstuunCeKINGCIR2HCghh6O3jDKZvMFq0Aja
"""
LOGIN = "/v1/auth/users/login"
LIST = "/v1/ns/instance/list"
NACOS = {"username": "nacos", "password": "secret"}
WHAT = {"serviceName": "svc"}


def secret(place, name, text, mode=0o600):
    path = os.path.join(place, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


@pytest.fixture
def guarded(registries, place):
    return registries("--auth", secret(place, "users", USERS))


def login(registry, **params):
    status, text = registry.request("POST", LOGIN, {**NACOS, **params})
    assert status == 200, text
    return json.loads(text)["accessToken"]


def ask(registry, method="GET", path="/nacos" + LIST, query="serviceName=svc", headers=None, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", registry.port, timeout=10)
    connection.request(method, f"{path}?{query}" if query else path, body=body, headers=headers or {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


# -- logging in ------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", [LOGIN, "/v1/auth/login"])
def test_login(guarded, path):
    answer = json.loads(guarded.call("POST", path, **NACOS))
    token = answer.pop("accessToken")
    assert answer == {"tokenTtl": 600, "globalAdmin": True, "username": "nacos"}
    assert guarded.request("GET", LIST, {**WHAT, "accessToken": token})[0] == 200


def test_login_in_a_form(guarded):
    status, text = ask(guarded, "POST", "/nacos" + LOGIN, "username=other", body="password=geheim")
    assert status == 200 and json.loads(text)["username"] == "other"


@pytest.mark.parametrize("change", [
    {"password": "wrong"}, {"password": "geheim"}, {"username": "nobody"}, {"username": "NACOS"},
    {"password": ""}, {"username": ""}, {"password": "secret\u00e9"}, {"username": "nacos\n#"}])
def test_wrong_login(guarded, change):
    assert guarded.request("POST", LOGIN, {**NACOS, **change}) == (403, "unknown user!")


def test_token_in_the_header(guarded):
    assert ask(guarded, headers={"Authorization": f"Bearer {login(guarded)}"})[0] == 200


def test_name_and_password_with_every_call(guarded):
    for _ in range(3):
        assert guarded.request("GET", LIST, {**WHAT, **NACOS})[0] == 200


def test_wrong_password_after_the_right_one(guarded):
    login(guarded)
    assert guarded.request("GET", LIST, {**WHAT, **NACOS, "password": "wrong"})[0] == 403


@pytest.mark.slow
def test_token_expires(registries, place):
    registry = registries("--auth", secret(place, "users", USERS), "--token-ttl", "10")
    token = login(registry)
    assert registry.request("GET", LIST, {**WHAT, "accessToken": token})[0] == 200
    wait_until(lambda: registry.request("GET", LIST, {**WHAT, "accessToken": token})[0] == 403, 15)
    assert "token expired!" in registry.request("GET", LIST, {**WHAT, "accessToken": token})[1]


def test_token_of_another_process(registries, place):
    users = secret(place, "users", USERS)
    token = login(registries("--auth", users))
    answer = registries("--auth", users).request("GET", LIST, {**WHAT, "accessToken": token})
    assert answer[0] == 403 and "token invalid!" in answer[1]


def test_key_file_keeps_tokens_over_a_restart(registries, place):
    where = ["--auth", secret(place, "users", USERS), "--token-key", secret(place, "key", "k" * 32)]
    token = login(registries(*where))
    assert registries(*where).request("GET", LIST, {**WHAT, "accessToken": token})[0] == 200


def test_token_of_somebody_removed(registries, place):
    key = secret(place, "key", "k" * 32)
    token = login(registries("--auth", secret(place, "users", USERS), "--token-key", key))
    fewer = secret(place, "fewer", USERS.replace("nacos:", "other2:"))
    registry = registries("--auth", fewer, "--token-key", key)
    assert registry.request("GET", LIST, {**WHAT, "accessToken": token})[0] == 403


def test_login_without_users_is_for_everybody(registry):
    answer = json.loads(registry.call("POST", LOGIN, username="any", password="thing"))
    assert answer["username"] == "any" and answer["accessToken"]
    assert registry.request("GET", LIST, {**WHAT, "accessToken": "whatever"})[0] == 200


# -- what is open, what is not ---------------------------------------------------------------------

@pytest.mark.parametrize("path", ["/v1/ns/operator/metrics", "/v1/console/server/state",
                                  "/v1/console/health/liveness", "/v1/console/health/readiness"])
def test_open(guarded, path):
    assert guarded.request("GET", path)[0] == 200


OPEN = ["/v1/ns/operator/metrics", "/v1/console/server/state", "/v1/console/health/liveness",
        "/v1/console/health/readiness", "/v1/auth/login", "/v1/auth/users/login"]


def closed_routes():
    """All others of the table."""
    with open(os.path.join(TOP, "naming", "registry", "openapi.c"), encoding="utf-8") as source:
        rows = re.findall(r'^    \{"([A-Z]+)", "(/v1/[^"]+)"', source.read(), re.M)
    assert len(rows) > 30
    return [row for row in rows if row[1] not in OPEN]


@pytest.mark.parametrize("method, path", closed_routes(), ids=lambda value: str(value))
def test_closed(guarded, method, path):
    status, text = guarded.request(method, path, {**WHAT, "ip": "10.0.0.1", "port": 80})
    page = json.loads(text)
    assert status == 403
    assert list(page) == ["timestamp", "status", "error", "message", "path"]
    assert (page["error"], page["message"], page["path"]) == ("Forbidden", "unknown user!", "/nacos" + path)
    assert json.loads(guarded.call("GET", "/v1/ns/operator/metrics"))["instanceCount"] == 0


# Whatever else is sent, it is never more than a request without credentials.
HEADERS = [
    {"User-Agent": "Nacos-Server"}, {"User-Agent": "Nacos-Server:v1.4.8"}, {"serverIdentity": "security"},
    {"nacos.core.auth.server.identity.key": "nacos.core.auth.server.identity.value"},
    {"Authorization": "Basic bmFjb3M6c2VjcmV0"}, {"Authorization": "Bearer"}, {"Authorization": "Bearer "},
    {"Authorization": "Bearer a.b.c"}, {"accessToken": "x"}, {"X-Forwarded-For": "127.0.0.1"},
    {"X-HTTP-Method-Override": "GET"}, {"X-Original-URL": "/nacos/v1/ns/operator/metrics"},
    {"X-Rewrite-URL": "/nacos/v1/ns/operator/metrics"}, {"Host": "localhost"}, {"Connection": "close"},
]


@pytest.mark.parametrize("headers", HEADERS, ids=lambda headers: "-".join(*headers.items()))
def test_no_header_gives_rights(guarded, headers):
    assert ask(guarded, headers=headers)[0] == 403


# Paths that another server would have taken for one that is open, or for one that is not there.
PATHS = [
    "/nacos/v1/ns/instance/list/", "//nacos/v1/ns/instance/list", "/nacos//v1/ns/instance/list",
    "/nacos/v1/ns/instance//list", "/nacos/v1/ns/./instance/list", "/nacos/v1/ns/x/../instance/list",
    "/nacos/v1/ns/operator/metrics/../../instance/list", "/nacos/v1/ns/%69nstance/list",
    "/nacos/v1/ns/instance%2flist", "/nacos/v1/ns/instance/list%20", "/nacos/v1/ns/instance/list%00",
    "/nacos/v1/ns/instance/list;x", "/nacos/v1/ns;/instance/list", "/nacos/v1/ns/instance/list;jsessionid=1",
    "/nacos/v1/ns/instance/LIST", "/NACOS/v1/ns/instance/list", "/nacos/V1/ns/instance/list",
    "/nacos/v1/ns/instance/list.json", "/nacos/v1/ns/instance/list/x", "/nacos\\v1\\ns\\instance\\list",
    "/v1/ns/instance/list", "/nacos/v1/ns/instance/list#", "http://127.0.0.1/nacos/v1/ns/instance/list",
    "/nacos/v1/auth/users", "/nacos/v1/auth/roles", "/nacos/v1/auth/permissions", "/nacos/v1/cs/configs",
    "/nacos/v1/cs/ops/derby", "/nacos/v1/core/ops/raft", "/nacos/actuator", "/nacos/v1/ns/raft/state",
    "/nacos/v1/ns/distro/datum", "/nacos/v1/ns/operator/dumpLock", "/nacos/index.html", "/nacos/", "/", "",
]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_no_path_gives_rights(guarded, method):
    registered = urllib.parse.urlencode({**WHAT, "ip": "10.0.0.1", "port": 80})
    for path in PATHS:
        status, _ = ask(guarded, method, path or "*", registered if path else "")
        assert status in (400, 403, 404, 501), f"{method} {path}: {status}"
    assert json.loads(guarded.call("GET", "/v1/ns/operator/metrics"))["instanceCount"] == 0


@pytest.mark.parametrize("query", [
    "serviceName=svc&username=nobody&username=nacos&password=secret",
    "serviceName=svc&username=nacos&password=wrong&password=secret",
    "serviceName=svc&accessToken=x&accessToken=y", "serviceName=svc&username[]=nacos&password[]=secret",
    "serviceName=svc&USERNAME=nacos&PASSWORD=secret", "serviceName=svc&_method=GET&username=nacos"])
def test_of_a_repeated_parameter_the_first_counts(guarded, query):
    assert ask(guarded, query=query)[0] == 403


@pytest.mark.parametrize("change", ["cut", "user", "time", "nothing"])
def test_forged_token(guarded, change):
    name, expires, signature = login(guarded).split(".")
    forged = {"cut": f"{name}.{expires}.{signature[:-1]}", "user": f"b3RoZXI.{expires}.{signature}",
              "time": f"{name}.{int(expires) + 1}.{signature}", "nothing": f"{name}.{expires}."}[change]
    status, text = guarded.request("GET", LIST, {**WHAT, "accessToken": forged})
    assert status == 403 and "token invalid!" in text


# -- what a flood of logins does -------------------------------------------------------------------

def test_others_are_answered_while_passwords_are_checked(guarded):
    token = login(guarded)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        slow = [pool.submit(guarded.request, "POST", LOGIN,
                            {"username": "slow", "password": f"wrong{number}"}, 60) for number in range(8)]
        worst = 0
        while not all(future.done() for future in slow):
            began = time.monotonic()
            assert guarded.request("GET", LIST, {**WHAT, "accessToken": token})[0] == 200
            worst = max(worst, time.monotonic() - began)
        assert {future.result()[0] for future in slow} == {403}
    assert worst < 3.0


def test_many_logins_of_one_user_cost_one_check(guarded):
    began = time.monotonic()
    assert guarded.request("POST", LOGIN, {"username": "slow", "password": "slow"}, 60)[0] == 200
    once = time.monotonic() - began
    for _ in range(20):
        assert guarded.request("POST", LOGIN, {"username": "slow", "password": "slow"}, 60)[0] == 200
    assert time.monotonic() - began < once * 15


@pytest.mark.slow
def test_more_logins_than_can_wait_are_refused(guarded):
    with concurrent.futures.ThreadPoolExecutor(80) as pool:
        answers = list(pool.map(lambda number: guarded.request(
            "POST", LOGIN, {"username": "slow", "password": f"wrong{number}"}, 60)[0], range(80)))
    assert set(answers) == {403, 503}


def test_ends_while_a_password_is_checked(guarded):
    connection = http.client.HTTPConnection("127.0.0.1", guarded.port, timeout=10)
    connection.request("POST", f"/nacos{LOGIN}?username=slow&password=wrong")
    guarded.request("GET", "/v1/ns/operator/metrics")
    began = time.monotonic()
    guarded.stop()
    assert time.monotonic() - began < 5
    connection.close()


def test_client_gone_while_its_password_is_checked(guarded):
    for _ in range(5):
        connection = http.client.HTTPConnection("127.0.0.1", guarded.port, timeout=10)
        connection.request("POST", f"/nacos{LOGIN}?username=slow&password=wrong")
        connection.close()
    assert login(guarded)


# -- starting --------------------------------------------------------------------------------------

def start_fails(build, *arguments):
    result = subprocess.run([os.path.join(build, "nacos-registry"), "--listen", "127.0.0.1:0", *arguments],
                            capture_output=True, text=True, timeout=10, check=False)
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize("users, mode, why", [
    (USERS, 0o644, "chmod 600"), ("nacos:plain\n", 0o600, "bcrypt"), ("", 0o600, "nobody is in it")])
def test_bad_users_file(build, place, users, mode, why):
    path = secret(place, "users", users, mode)
    assert why in start_fails(build, "--auth", path)


def test_short_key(build, place):
    assert "32 bytes or more" in start_fails(build, "--token-key", secret(place, "key", "short"))


def test_neither_passwords_nor_tokens_are_logged(registries, place):
    registry = registries("--auth", secret(place, "users", USERS), "--log-level", "debug")
    token = login(registry)
    registry.request("GET", LIST, {**WHAT, "accessToken": token})
    registry.request("GET", LIST, {**WHAT, **NACOS})
    registry.request("GET", "/v1/ns/x", {"accessToken": token})
    log = registry.log()
    assert "/v1/ns/instance/list" in log
    assert token not in log and "secret" not in log
