# SPDX-License-Identifier: MIT
"""Who the mount is towards the servers, which servers those are, and what is counted: log-in, https,
endpoint, SIGHUP, metrics."""
import errno
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest
from lib.mounts import lines, read, write
from lib.tls import Authority, Front
from lib.wait import stays, wait_until
from stub_server import Answer, Silence

SERVICE = "DEFAULT_GROUP/order-svc"
LOGIN = "/nacos/v1/auth/users/login"
SECRET = "pass=word&1"


class Guard:
    """The stub wants a token: log-ins with the password get one, everything else must have it."""

    def __init__(self, stub, ttl=18000):
        self.stub = stub
        self.token = "token-1"
        self.ttl = ttl
        self.password = SECRET
        stub.on("*", "*", self.refuse, when=self.is_stranger)
        stub.on("POST", LOGIN, self.log_in)

    def is_stranger(self, request):
        return request.params.get("accessToken") != self.token and request.path != LOGIN

    @staticmethod
    def refuse(connection, request, stub):
        connection.answer(403, b'{"status":403,"message":"token invalid!"}')

    def log_in(self, connection, request, stub):
        if request.params["password"] != self.password:
            connection.answer(403, b"unknown user!")
        else:
            reply = {"accessToken": self.token, "tokenTtl": self.ttl, "globalAdmin": True}
            connection.answer(200, json.dumps(reply).encode())


@pytest.fixture
def guard(stub):
    stub.add("order-svc", "10.0.0.1", 80)
    return Guard(stub)


def credentials(place, text=f"username=nacos\npassword={SECRET}\n", mode=0o600):
    path = os.path.join(place, "credentials")
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


# --- log-in -----------------------------------------------------------------------------------------


def test_credentials_file(mount, stub, guard, place):
    top = mount(stub.address, f"credentials={credentials(place)}")
    assert lines(top / f"{SERVICE}/healthy") == ["10.0.0.1:80"]
    write(top / f"{SERVICE}/register", "10.0.0.2:80\n")
    assert ("10.0.0.2", 80, "DEFAULT") in stub.hosts("order-svc")
    login, = stub.seen("POST", LOGIN)
    assert login.params == {"username": "nacos", "password": SECRET}


def test_name_and_password_in_the_environment(mount, stub, guard):
    top = mount(stub.address, env={"NACOS_USERNAME": "nacos", "NACOS_PASSWORD": SECRET})
    assert lines(top / f"{SERVICE}/healthy") == ["10.0.0.1:80"]


def test_option_username(mount, stub, guard):
    top = mount(stub.address, "username=bob", env={"NACOS_PASSWORD": SECRET})
    assert lines(top / f"{SERVICE}/healthy") == ["10.0.0.1:80"]
    assert stub.seen("POST", LOGIN)[0].params["username"] == "bob"


def test_password_is_nowhere_to_be_seen(mount, stub, guard):
    top = mount(stub.address, "log_level=debug", env={"NACOS_USERNAME": "nacos", "NACOS_PASSWORD": SECRET})
    read(top / f"{SERVICE}/healthy")
    files = [entry.path for entry in os.scandir(top / ".nacos") if entry.is_file()]
    seen = top.log() + "".join(read(path) for path in files)
    for pid in top.remember():
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            seen += file.read().decode()
    assert SECRET not in seen and guard.token not in seen


@pytest.mark.parametrize("text, mode", [
    (f"username=nacos\npassword={SECRET}\n", 0o644), (f"username=nacos\npassword={SECRET}\n", 0o660),
    ("username=nacos\n", 0o600), ("nonsense\n", 0o600), (None, 0o600)])
def test_credentials_that_are_no_good(build, place, stub, text, mode):
    path = credentials(place, text, mode) if text else os.path.join(place, "nowhere")
    point = os.path.join(place, "m")
    os.mkdir(point)
    result = subprocess.run([f"{build}/nacosfs", "-o", f"credentials={path}", stub.address, point],
                            capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1 and SECRET not in result.stderr


def test_wrong_password(mount, stub, guard, place):
    guard.password = "other"
    top = mount(stub.address, f"credentials={credentials(place)}")
    with pytest.raises(PermissionError) as caught:
        read(top / f"{SERVICE}/instances")
    assert caught.value.errno == errno.EACCES
    wait_until(lambda: "log-in:\\040unknown\\040user!" in read(top / ".nacos/errors"), 5)


def test_no_credentials(mount, stub, guard):
    top = mount(stub.address)
    with pytest.raises(PermissionError):
        read(top / f"{SERVICE}/instances")
    assert not stub.count("POST", LOGIN)


def test_refused_token_is_renewed_without_anybody_noticing(mount, stub, guard, place):
    top = mount(stub.address, f"credentials={credentials(place)}")
    read(top / f"{SERVICE}/instances")
    wait_until(lambda: time.monotonic() > stub.seen("POST", LOGIN)[0].time + 5.2, 10, interval=0.1)
    guard.token = "token-2"  # a server with another secret
    write(top / f"{SERVICE}/register", "10.0.0.2:80\n")
    assert stub.count("POST", LOGIN) == 2


def test_access_key(mount, stub, place):
    path = credentials(place, "access_key=AK\nsecret_key=SK\n")
    top = mount(stub.address, f"credentials={path}")
    os.makedirs(top / SERVICE)
    write(top / f"{SERVICE}/register", "10.0.0.1:80\n")
    request, = stub.seen("POST", "/instance")
    assert request.params["ak"] == "AK" and request.params["signature"]
    millis, service = request.params["data"].split("@@", 1)
    assert service == "DEFAULT_GROUP@@order-svc"
    assert abs(int(millis) / 1000 - time.time()) < 30


# --- SIGHUP -----------------------------------------------------------------------------------------


def test_hangup_reads_the_credentials_again(mount, stub, guard, place):
    path = credentials(place)
    top = mount(stub.address, f"credentials={path}")
    read(top / f"{SERVICE}/instances")
    guard.password, guard.token = "new", "token-2"
    credentials(place, "username=nacos\npassword=new\n")
    top.signal(signal.SIGHUP)
    stub.wait_for("POST", LOGIN, password="new")
    write(top / f"{SERVICE}/register", "10.0.0.2:80\n")


def test_hangup_with_a_bad_file_keeps_what_was(mount, stub, guard, place):
    path = credentials(place)
    top = mount(stub.address, f"credentials={path}")
    read(top / f"{SERVICE}/instances")
    os.chmod(path, 0o644)
    top.signal(signal.SIGHUP)
    wait_until(lambda: "chmod\\040600" in read(top / ".nacos/errors"), 5)
    write(top / f"{SERVICE}/register", "10.0.0.2:80\n")
    os.truncate(top.log_path, 0)  # the warning was wanted


def test_row_13_hangups_disturb_nobody(mount, stub, guard, place):
    stub.beat_interval = 500
    top = mount(stub.address, f"credentials={credentials(place)}")
    write(top / f"{SERVICE}/register", "10.0.0.2:80 meta.preserved.heart.beat.interval=500\n")
    stub.wait_for("PUT", "/instance/beat", 2)
    for _ in range(100):
        top.signal(signal.SIGHUP)
        time.sleep(0.02)
    stub.wait_for("PUT", "/instance/beat", 2, since=time.monotonic())
    times = [r.time for r in stub.seen("PUT", "/instance/beat")]
    gap = max(b - a for a, b in zip(times, times[1:]))
    assert gap < 5, f"{gap:.1f} s between two beats of every 0.5 s"
    assert lines(top / f"{SERVICE}/healthy") == ["10.0.0.1:80", "10.0.0.2:80"]


# --- https ------------------------------------------------------------------------------------------


@pytest.fixture
def authority(place):
    return Authority(place)


@pytest.fixture
def fronts(stub):
    started = []

    def start(*arguments, **named):
        started.append(Front((stub.host, stub.port), *arguments, **named))
        return started[-1]

    stub.add("order-svc", "10.0.0.1", 80)
    yield start
    for front in started:
        front.close()


def test_context_path(mount, registries):
    """Of a server that is not at /nacos: everything goes there, the log-in and probes as well."""
    registry = registries("--context-path", "/registry")
    top = mount(f"http://{registry.address}/registry")
    os.makedirs(top / SERVICE)
    write(top / f"{SERVICE}/register", "10.0.0.2:80\n")
    assert lines(top / f"{SERVICE}/healthy") == ["10.0.0.2:80"]
    elsewhere = mount(registry.address)
    with pytest.raises(OSError):
        read(elsewhere / f"{SERVICE}/instances")


def test_https(mount, authority, fronts):
    front = fronts(*authority.issue("server"))
    top = mount(front.url, f"cafile={authority.file}")
    assert lines(top / f"{SERVICE}/healthy") == ["10.0.0.1:80"]
    write(top / f"{SERVICE}/register", "10.0.0.2:80\n")


@pytest.mark.parametrize("fault", ["unknown authority", "self-signed", "expired", "wrong host", "old TLS"])
def test_row_35_bad_tls(mount, authority, fronts, fault):
    options = [f"cafile={authority.file}"]
    if fault == "unknown authority":
        front, options = fronts(*authority.issue("server")), []
    elif fault == "self-signed":
        alone = Authority(authority.directory, "alone")
        front = fronts(alone.file, alone.key)
    elif fault == "expired":
        front = fronts(*authority.issue("server", days=-1))
    elif fault == "wrong host":
        front = fronts(*authority.issue("server", alt="DNS:other.example"))
    else:
        front = fronts(*authority.issue("server"), version=ssl.TLSVersion.TLSv1_1)
    top = mount(front.url, *options)
    began = time.monotonic()
    with pytest.raises(OSError) as caught:
        read(top / f"{SERVICE}/instances")
    assert caught.value.errno == errno.EHOSTUNREACH
    assert time.monotonic() - began < 3.5
    assert re.search(r"SSL|certificate|TLS|tls", read(top / ".nacos/errors")), read(top / ".nacos/errors")


def test_insecure_takes_any_certificate(mount, authority, fronts):
    front = fronts(*authority.issue("server", alt="DNS:other.example"))
    top = mount(front.url, "insecure")
    assert lines(top / f"{SERVICE}/healthy") == ["10.0.0.1:80"]


def test_own_certificate(mount, authority, fronts):
    front = fronts(*authority.issue("server"), demand=authority.file)
    certificate, key = authority.issue("client")
    top = mount(front.url, f"cafile={authority.file}", f"cert={certificate}", f"key={key}")
    assert lines(top / f"{SERVICE}/healthy") == ["10.0.0.1:80"]


def test_without_the_certificate_that_the_server_wants(mount, authority, fronts):
    front = fronts(*authority.issue("server"), demand=authority.file)
    top = mount(front.url, f"cafile={authority.file}")
    with pytest.raises(OSError):
        read(top / f"{SERVICE}/instances")


@pytest.mark.parametrize("option", ["cafile", "cert", "key"])
def test_file_that_is_not_there(build, place, stub, option):
    point = os.path.join(place, "m")
    os.mkdir(point)
    options = f"{option}=/nowhere" + (",cert=/etc/hostname" if option == "key" else "")
    result = subprocess.run([f"{build}/nacosfs", "-o", options, stub.address, point],
                            capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 1
    assert f"{option}=/nowhere" in result.stderr


# --- endpoint ---------------------------------------------------------------------------------------


def dead_address():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{sock.getsockname()[1]}"


def servers(top):
    return [dict(field.split("=", 1) for field in line.split())["server"]
            for line in lines(top / ".nacos/servers")]


def test_endpoint_gives_the_servers(mount, stub, stubs):
    address_server = stubs()
    stub.add("order-svc", "10.0.0.1", 80)
    address_server.on("GET", "/nacos/serverlist", Answer(200, f"{stub.address}\n", "text/plain"))
    top = mount(dead_address(), f"endpoint={address_server.address}")
    wait_until(lambda: servers(top) == [f"http://{stub.address}/nacos"], 5)
    assert lines(top / f"{SERVICE}/healthy") == ["10.0.0.1:80"]


def test_source_serves_until_the_endpoint_answers(mount, stub, stubs):
    address_server = stubs()
    stub.add("order-svc", "10.0.0.1", 80)
    address_server.on("GET", "/nacos/serverlist", Silence())
    top = mount(stub.address, f"endpoint={address_server.address}")
    assert lines(top / f"{SERVICE}/healthy") == ["10.0.0.1:80"]


def test_row_34_bad_answers_of_the_endpoint_change_nothing(mount, stub, stubs):
    address_server = stubs()
    answer = Answer(200, f"{stub.address}\n", "text/plain")
    address_server.on("GET", "/nacos/serverlist", lambda *how: answer(*how))
    top = mount(dead_address(), f"endpoint={address_server.address}")
    wait_until(lambda: servers(top) == [f"http://{stub.address}/nacos"], 5)
    for count, answer in enumerate([Answer(200, ""), Answer(200, "<html>\n"), Answer(500, "10.0.0.1:1\n"),
                                    Answer(200, "{}"), Answer(302, "", headers=["Location: /x"])], 2):
        top.signal(signal.SIGHUP)
        address_server.wait_for("GET", "/nacos/serverlist", count)
        stays(lambda: servers(top) == [f"http://{stub.address}/nacos"], 0.3)
    assert "endpoint" in read(top / ".nacos/errors")
    address_server.close()
    top.signal(signal.SIGHUP)
    stays(lambda: servers(top) == [f"http://{stub.address}/nacos"], 2)


@pytest.mark.slow
@pytest.mark.deadline(200)
def test_endpoint_is_asked_every_30_seconds(mount, stub, stubs):
    """Nobody has to tell: neither when it answers, nor when it does not for a while."""
    address_server, other = stubs(), stubs()
    answer = Answer(200, f"{stub.address}\n", "text/plain")
    address_server.on("GET", "/nacos/serverlist", lambda *how: answer(*how))
    top = mount(dead_address(), f"endpoint={address_server.address}")
    wait_until(lambda: servers(top) == [f"http://{stub.address}/nacos"], 5)
    answer = Answer(500)
    address_server.wait_for("GET", "/nacos/serverlist", 2, timeout=60)
    answer = Answer(200, f"{other.address}\n", "text/plain")
    wait_until(lambda: servers(top) == [f"http://{other.address}/nacos"], 60)
    asked = [request.time for request in address_server.seen("GET", "/nacos/serverlist")]
    assert all(25 < later - sooner < 40 for sooner, later in zip(asked, asked[1:])), asked


def test_registrations_move_to_the_endpoints_servers(mount, stub, stubs):
    address_server, other = stubs(), stubs()
    answer = Answer(200, f"{stub.address}\n", "text/plain")
    address_server.on("GET", "/nacos/serverlist", lambda *how: answer(*how))
    top = mount(stub.address, f"endpoint={address_server.address}")
    os.makedirs(top / SERVICE)
    write(top / f"{SERVICE}/register", "10.0.0.2:80 meta.preserved.heart.beat.interval=500\n")
    answer = Answer(200, f"{other.address}\n", "text/plain")
    top.signal(signal.SIGHUP)
    wait_until(lambda: ("10.0.0.2", 80, "DEFAULT") in other.hosts("order-svc"), 10)


# --- what is counted --------------------------------------------------------------------------------

SAMPLE = re.compile(r'^([a-z_:][a-z0-9_:]*)(\{(?:[a-z_]+="[^"\\\n]*",?)*\})? (-?[0-9.e+-]+|\+Inf)$')


def samples(top):
    """Parses the text format strictly: {name{labels}: value}."""
    found, typed = {}, {}
    for line in lines(top / ".nacos/metrics"):
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in typed, f"{name} twice"
            typed[name] = kind
        elif not line.startswith("# HELP "):
            match = SAMPLE.match(line)
            assert match, line
            name = re.sub(r"_(bucket|sum|count)$", "", match[1])
            assert name in typed or match[1] in typed, f"{line}: no type"
            key = match[1] + (match[2] or "")
            assert key not in found, f"{key} twice"
            found[key] = float(match[3])
    return found


def test_metrics_agree_with_the_server(mount, stub):
    stub.add("order-svc", "10.0.0.1", 80)
    top = mount(stub.address)
    read(top / f"{SERVICE}/instances")
    for port in range(1, 4):
        write(top / f"{SERVICE}/register", f"10.0.0.2:{port} meta.preserved.heart.beat.interval=300\n")
    stub.wait_for("PUT", "/instance/beat", 3)
    values = samples(top)
    labels = f'{{server="{stub.address}",call="register"}}'
    assert values[f"nacosfs_requests_total{labels}"] == stub.count("POST", "/instance") == 3
    assert values[f"nacosfs_request_seconds_count{labels}"] == 3
    assert values[f"nacosfs_request_failures_total{labels}"] == 0
    assert values["nacosfs_beating"] == values["nacosfs_registered"] == 3
    assert values["nacosfs_beats_sent_total"] >= 3
    assert values["nacosfs_subscribed"] == 1
    assert values["nacosfs_instances"] >= 1
    assert values[f'nacosfs_server_up{{server="{stub.address}"}}'] == 1
    buckets = [value for key, value in values.items()
               if key.startswith("nacosfs_request_seconds_bucket") and 'call="register"' in key]
    assert buckets == sorted(buckets) and buckets[-1] == 3


def test_metrics_count_failures(mount, stub):
    stub.on("GET", "/instance/list", Answer(500, "broken"))
    top = mount(stub.address)
    with pytest.raises(OSError):
        read(top / f"{SERVICE}/instances")
    labels = f'{{server="{stub.address}",call="list"}}'
    assert samples(top)[f"nacosfs_request_failures_total{labels}"] == stub.count("GET", "/instance/list") > 0


def test_metrics_count_hosts_that_make_no_sense(mount, stub):
    stub.add("order-svc", "10.0.0.1", 80)
    stub.add("order-svc", "10.0.0.2", 99999)
    top = mount(stub.address)
    assert lines(top / f"{SERVICE}/healthy") == ["10.0.0.1:80"]
    assert samples(top)["nacosfs_hosts_dropped_total"] >= 1


def test_metrics_count_pushes_by_reason(mount, stub):
    stub.add("order-svc", "10.0.0.1", 80)
    top = mount(stub.address)
    read(top / f"{SERVICE}/instances")
    stub.push("order-svc")
    stub.push("order-svc", data=b"junk")
    stub.push("order-svc", source="127.0.0.9")
    stub.push("order-svc", last_ref_time=1000)

    def counted():
        values = samples(top)
        return values["nacosfs_pushes_accepted_total"] == 1 and all(
            values[f'nacosfs_pushes_refused_total{{reason="{reason}"}}'] == 1
            for reason in ("garbage", "stranger", "old"))

    wait_until(counted, 5, "each push once")


def test_subscriptions(mount, stub):
    stub.add("order-svc", "10.0.0.1", 80)
    stub.add("pay-svc", "10.0.0.2", 80)
    top = mount(stub.address)
    assert read(top / ".nacos/subscriptions") == ""
    read(top / f"{SERVICE}/instances")
    record, = [dict(field.split("=", 1) for field in line.split(" "))
               for line in lines(top / ".nacos/subscriptions")]
    assert record["service"] == SERVICE
    assert (record["instances"], record["source"], record["stale"]) == ("1", "server", "false")
    assert 0 <= int(record["age_ms"]) < 20000


# --- what the Java client checks, too ---------------------------------------------------------------


@pytest.mark.parametrize("metadata", [
    "meta.preserved.heart.beat.timeout=1000",  # less than the 5 s between beats
    "meta.preserved.heart.beat.interval=20000",  # more than the 15 s to being unhealthy
    "meta.preserved.ip.delete.timeout=4999"])
def test_times_that_would_take_the_instance_down(mount, stub, metadata):
    top = mount(stub.address)
    os.makedirs(top / SERVICE)
    with pytest.raises(OSError) as caught:
        write(top / f"{SERVICE}/register", f"10.0.0.1:80 {metadata}\n")
    assert caught.value.errno == errno.EINVAL
    assert not stub.count("POST", "/instance") and not read(top / f"{SERVICE}/register")
    assert "preserved." in read(top / ".nacos/errors")
    write(top / f"{SERVICE}/register", "10.0.0.1:80\n")  # nothing is left of it
