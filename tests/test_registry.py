# SPDX-License-Identifier: MIT
"""The embedded registry as its clients see it: over HTTP and UDP, against the started program."""
import contextlib
import gzip
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.join(os.environ.get("NACOSFS_BUILD", os.path.join(TOP, "build")), "nacos-registry")
JAVA = {"User-Agent": "Nacos-Java-Client:v1.4.6", "Client-Version": "Nacos-Java-Client:v1.4.6"}
SERVICE = "DEFAULT_GROUP@@order-svc"
INSTANCE = "/v1/ns/instance"
LIST = "/v1/ns/instance/list"
BEAT = "/v1/ns/instance/beat"


class Server:
    """A started registry. Ended by stop(), which also checks that it ends well."""

    def __init__(self, *arguments):
        reader, writer = os.pipe()
        self.process = subprocess.Popen(
            [PROGRAM, "--listen", "127.0.0.1:0", "--ready-fd", str(writer), "--state", "none",
             *arguments], pass_fds=[writer], stderr=subprocess.PIPE, text=True)
        os.close(writer)
        with os.fdopen(reader) as ready:
            self.address = ready.readline().strip()
        host, _, port = self.address.rpartition(":")
        self.host, self.port = host, int(port)

    def ask(self, method, path, headers=None, body=None, **params):
        """(status, content type, text)"""
        url = f"http://{self.address}/nacos{path}?{urllib.parse.urlencode(params)}"
        request = urllib.request.Request(url, method=method, data=body, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["Content-Type"], error.read().decode()

    def register(self, ip="10.0.0.1", port=80, service=SERVICE, **params):
        assert self.ask("POST", INSTANCE, serviceName=service, ip=ip, port=port, **params)[0] == 200

    def deregister(self, ip="10.0.0.1", port=80, service=SERVICE, **params):
        assert self.ask("DELETE", INSTANCE, serviceName=service, ip=ip, port=port, **params)[0] == 200

    def list(self, service=SERVICE, **params):
        status, _, text = self.ask("GET", LIST, JAVA, serviceName=service, **params)
        assert status == 200
        return json.loads(text)

    def ips(self, service=SERVICE, **params):
        return [host["ip"] for host in self.list(service, **params)["hosts"]]

    def services(self):
        return json.loads(self.ask("GET", "/v1/ns/service/list", pageNo=1, pageSize=1000)[2])["doms"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=10)
        return self.process.returncode, errors


@contextlib.contextmanager
def running(*arguments):
    server = Server(*arguments)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            code, errors = server.stop()
            assert code == 0, errors
            assert "Sanitizer" not in errors and "CRITICAL" not in errors, errors


@pytest.fixture
def server():
    with running() as started:
        yield started


class Receiver:
    """A subscriber's UDP socket."""

    def __init__(self, host="127.0.0.1"):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.port = self.socket.getsockname()[1]
        self.sender = None

    def raw(self, seconds):
        self.socket.settimeout(seconds)
        try:
            data, self.sender = self.socket.recvfrom(65536)
        except socket.timeout:
            return None
        return data

    def packet(self, seconds=3.0):
        data = self.raw(seconds)
        if data is None:
            return None
        return json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)

    def ips(self, seconds=3.0):
        packet = self.packet(seconds)
        return packet and [host["ip"] for host in json.loads(packet["data"])["hosts"]]

    def acknowledge(self, packet):
        ack = {"type": "push-ack", "lastRefTime": str(packet["lastRefTime"]), "data": ""}
        self.socket.sendto(json.dumps(ack).encode(), self.sender)

    def close(self):
        self.socket.close()


@pytest.fixture
def receiver():
    socket_ = Receiver()
    yield socket_
    socket_.close()


def until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


# -- instances -------------------------------------------------------------------------------------

def test_unknown_service_has_no_hosts(server):
    answer = server.list("G@@nobody", clusters="a,b")
    assert answer["hosts"] == [] and answer["name"] == "G@@nobody" and answer["clusters"] == "a,b"


def test_register_in_a_form_body(server):
    body = urllib.parse.urlencode({"serviceName": "s", "groupName": "G", "ip": "10.0.0.1", "port": 80})
    assert server.ask("POST", INSTANCE, body=body.encode())[0] == 200
    assert server.ips("G@@s") == ["10.0.0.1"]


def test_both_forms_of_a_name_are_one_service(server):
    server.register(service="s", groupName="G")
    server.register("10.0.0.2", service="G@@s", groupName="ignored")
    assert server.ips("G@@s") == ["10.0.0.1", "10.0.0.2"]


def test_namespaces_are_kept_apart(server):
    server.register(namespaceId="test")
    assert server.ips() == []
    assert server.ips(namespaceId="test") == ["10.0.0.1"]


def test_blank_namespace_is_public(server):
    server.register(namespaceId="")
    assert server.ips(namespaceId="public") == ["10.0.0.1"]


def test_used_namespaces_are_listed(server):
    server.register(namespaceId="test")
    data = json.loads(server.ask("GET", "/v1/console/namespaces")[2])["data"]
    assert [row["namespace"] for row in data] == ["", "test"]


def test_post_replaces_the_record(server):
    server.register(weight=2, metadata="a=1")
    server.register()
    host = server.list()["hosts"][0]
    assert (host["weight"], host["metadata"]) == (1.0, {})


def test_disabled_is_not_listed(server):
    server.register(enabled="false")
    assert server.ips() == []


def test_enable_is_an_alias(server):
    server.register(enable="false")
    assert server.ips() == []


def test_weight_zero_is_listed(server):
    server.register(weight=0)
    assert server.list()["hosts"][0]["weight"] == 0


def test_clusters_filter(server):
    server.register("10.0.0.1", clusterName="a")
    server.register("10.0.0.2", clusterName="b")
    server.register("10.0.0.3", clusterName="c")
    assert server.ips(clusters="a,c") == ["10.0.0.1", "10.0.0.3"]
    assert server.ips(clusters="d") == []


def test_healthy_only(server):
    server.register("10.0.0.1", healthy="false")
    server.register("10.0.0.2")
    assert server.ips(healthyOnly="true") == ["10.0.0.2"]
    assert server.ips(healthyOnly="yes") == ["10.0.0.1", "10.0.0.2"]


def test_threshold_zero_protects_nothing(server):
    server.register(healthy="false")
    assert server.list()["hosts"][0]["healthy"] is False


def test_protect_threshold_reports_all_healthy(server):
    server.ask("POST", "/v1/ns/service", serviceName=SERVICE, protectThreshold=0.5)
    server.register("10.0.0.1", healthy="false")
    server.register("10.0.0.2")
    assert [host["healthy"] for host in server.list(healthyOnly="true")["hosts"]] == [True, True]


def test_above_the_threshold_nothing_is_protected(server):
    server.ask("POST", "/v1/ns/service", serviceName=SERVICE, protectThreshold=0.4)
    server.register("10.0.0.1", healthy="false")
    server.register("10.0.0.2")
    assert server.ips(healthyOnly="true") == ["10.0.0.2"]


def test_deregister_without_cluster_finds_the_only_one(server):
    server.register(clusterName="hz")
    server.deregister()
    assert server.ips() == []


def test_deregister_without_cluster_leaves_two_alone(server):
    server.register(clusterName="a")
    server.register(clusterName="b")
    server.deregister()
    assert len(server.ips()) == 2


def test_deregister_of_the_wrong_cluster(server):
    server.register(clusterName="a")
    server.deregister(clusterName="b")
    assert server.ips() == ["10.0.0.1"]


def test_put_of_an_unknown_instance(server):
    where = dict(serviceName=SERVICE, ip="10.0.0.1", port=80)
    assert server.ask("PUT", INSTANCE, JAVA, **where)[0] == 500
    assert server.ips() == []
    assert server.ask("PUT", INSTANCE, **where)[0] == 200
    assert server.ips() == ["10.0.0.1"]


def test_last_ref_time_grows(server):
    server.register()
    times = [server.list()["lastRefTime"] for _ in range(50)]
    assert times == sorted(set(times))
    assert abs(times[0] / 1000 - time.time()) < 5


def test_detail_of_an_unknown_cluster(server):
    server.register()
    answer = server.ask("GET", INSTANCE, serviceName=SERVICE, ip="10.0.0.1", port=80, clusterName="hz")
    assert answer[0] == 500
    assert answer[2] == f"caused: no ips found for cluster hz in service {SERVICE};"


# -- beats and expiry ------------------------------------------------------------------------------

def beat(server, ip="10.0.0.1", **params):
    return json.loads(server.ask("PUT", BEAT, serviceName=SERVICE, ip=ip, port=80, **params)[2])


def test_full_beat_registers(server):
    info = {"ip": "10.0.0.1", "port": 80, "cluster": "hz", "weight": 2.0, "metadata": {"a": "1"}}
    assert beat(server, beat=json.dumps(info))["code"] == 10200
    host = server.list()["hosts"][0]
    assert (host["clusterName"], host["weight"], host["metadata"]) == ("hz", 2.0, {"a": "1"})


def test_beat_json_in_the_body(server):
    info = {"ip": "10.0.0.1", "port": 80, "serviceName": SERVICE}
    body = urllib.parse.urlencode({"beat": json.dumps(info)}) + "&"
    assert server.ask("PUT", BEAT, body=body.encode(), serviceName=SERVICE)[0] == 200
    assert server.ips() == ["10.0.0.1"]


def test_beat_without_cluster_finds_the_only_one(server):
    server.register(clusterName="hz")
    assert beat(server)["code"] == 10200


def test_light_beat_of_an_unknown_instance(server):
    assert beat(server)["code"] == 20404
    assert server.ips() == []


def test_beat_tells_the_instances_own_interval(server):
    server.register(metadata="preserved.heart.beat.interval=1234")
    assert beat(server)["clientBeatInterval"] == 1234


SHORT = json.dumps({"preserved.heart.beat.timeout": "600", "preserved.ip.delete.timeout": "1400"})


def test_silent_instance_becomes_unhealthy_and_goes(server):
    began = time.monotonic()
    server.register(metadata=SHORT)
    assert until(lambda: not server.list()["hosts"][0]["healthy"])
    assert 0.6 <= time.monotonic() - began < 3.3
    assert until(lambda: server.ips() == [])
    assert 1.4 <= time.monotonic() - began < 4.3


def test_beat_heals(server):
    server.register(metadata=SHORT)
    assert until(lambda: not server.list()["hosts"][0]["healthy"])
    beat(server)
    assert server.list()["hosts"][0]["healthy"]


def test_beats_keep_it_there(server):
    server.register(metadata=SHORT)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        assert beat(server)["code"] == 10200
        assert server.list()["hosts"][0]["healthy"]
        time.sleep(0.1)


def test_stand_still_expires_nobody(server):
    server.register(metadata="preserved.heart.beat.timeout=2500,preserved.ip.delete.timeout=2500")
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(4)
    server.process.send_signal(signal.SIGCONT)
    began = time.monotonic()
    assert server.ips() == ["10.0.0.1"]
    assert until(lambda: server.ips() == [], 6)
    assert time.monotonic() - began > 2.3


# -- services --------------------------------------------------------------------------------------

def test_empty_service_is_removed():
    with running("--empty-service-expire", "1") as server:
        server.register()
        server.deregister()
        assert server.services() == ["order-svc"]
        assert until(lambda: server.services() == [])


def test_created_service_stays_empty():
    with running("--empty-service-expire", "0") as server:
        server.ask("POST", "/v1/ns/service", serviceName="made")
        server.register(service="made")
        server.deregister(service="made")
        server.register()
        server.deregister()
        assert until(lambda: server.services() == ["made"])


def test_service_list_pages_are_sorted(server):
    for name in ("c", "a", "b"):
        server.register(service=name)
    server.register(service="other@@x")
    pages = [json.loads(server.ask("GET", "/v1/ns/service/list", pageNo=page, pageSize=2)[2])
             for page in (0, 1, 2, 3)]
    assert [page["doms"] for page in pages] == [["a", "b"], ["a", "b"], ["c"], []]
    assert {page["count"] for page in pages} == {3}


def test_service_list_of_all_groups(server):
    server.register(service="G@@x")
    server.register(service="y")
    answer = server.ask("GET", "/v1/ns/service/list", pageNo=1, pageSize=9, groupName="*")
    assert json.loads(answer[2]) == {"doms": ["DEFAULT_GROUP@@y", "G@@x"], "count": 2}


def catalog(server, **params):
    answer = server.ask("GET", "/v1/ns/catalog/services", **{"pageNo": 1, "pageSize": 9, **params})
    return json.loads(answer[2])


def test_catalog_counts(server):
    server.register("10.0.0.1", clusterName="a")
    server.register("10.0.0.2", clusterName="b", healthy="false")
    row = catalog(server)["serviceList"][0]
    assert (row["clusterCount"], row["ipCount"], row["healthyInstanceCount"]) == (2, 2, 1)


def test_catalog_filters(server):
    for name in ("G1@@alpha", "G2@@beta", "G2@@alphabet"):
        server.register(service=name)
    server.ask("POST", "/v1/ns/service", serviceName="G1@@empty")

    def names(**params):
        return [row["name"] for row in catalog(server, **params)["serviceList"]]

    assert names() == ["alpha", "empty", "alphabet", "beta"]
    assert names(serviceNameParam="alpha") == ["alpha", "alphabet"]
    assert names(groupNameParam="2", serviceNameParam="b") == ["alphabet", "beta"]
    assert names(hasIpCount="true", groupNameParam="G1") == ["alpha"]
    assert names(pageNo=2, pageSize=3) == ["beta"]
    assert catalog(server, pageNo=2, pageSize=3)["count"] == 4


def test_removing_a_service_takes_its_instances(server):
    server.register()
    assert server.ask("DELETE", "/v1/ns/service", serviceName=SERVICE)[2] == "ok"
    assert server.ips() == []
    metrics = json.loads(server.ask("GET", "/v1/ns/operator/metrics")[2])
    assert (metrics["serviceCount"], metrics["instanceCount"]) == (0, 0)


def test_update_of_a_service(server):
    server.register()
    answer = server.ask("PUT", "/v1/ns/service", serviceName=SERVICE, protectThreshold=0.7, metadata="a=1")
    assert answer[2] == "ok"
    service = json.loads(server.ask("GET", "/v1/ns/service", serviceName=SERVICE)[2])
    assert (service["protectThreshold"], service["metadata"]) == (0.7, {"a": "1"})


# -- pushes ----------------------------------------------------------------------------------------

def subscribe(server, receiver, service=SERVICE, **params):
    answer = server.list(service, udpPort=receiver.port, **params)
    assert answer["cacheMillis"] == 10000
    return answer


def test_push_of_a_register(server, receiver):
    subscribe(server, receiver)
    server.register()
    began = time.monotonic()
    packet = receiver.packet()
    assert time.monotonic() - began < 1
    assert list(packet) == ["type", "data", "lastRefTime"] and packet["type"] == "dom"
    data = json.loads(packet["data"])
    assert (data["name"], data["cacheMillis"]) == (SERVICE, 10000)
    assert [host["ip"] for host in data["hosts"]] == ["10.0.0.1"]


def test_no_push_without_a_difference(server, receiver):
    server.register()
    subscribe(server, receiver)
    server.register()
    beat(server)
    assert receiver.packet(0.5) is None


def test_push_of_a_deregister(server, receiver):
    server.register()
    subscribe(server, receiver)
    server.deregister()
    assert receiver.ips() == []


def test_push_of_each_change_of_health(server, receiver):
    server.register(metadata=SHORT)
    subscribe(server, receiver)
    first = json.loads(receiver.packet()["data"])["hosts"]
    second = json.loads(receiver.packet()["data"])["hosts"]
    assert [host["healthy"] for host in first] == [False] and second == []


def test_changes_close_together_are_two_pushes(server, receiver):
    subscribe(server, receiver)
    connection = http.client.HTTPConnection(server.host, server.port)
    for number in range(10):
        connection.request("POST", f"/nacos{INSTANCE}?serviceName={SERVICE}&ip=10.0.0.{number}&port=80")
        assert connection.getresponse().read() == b"ok"
    connection.close()
    seen = [receiver.ips()]
    while len(seen[-1]) < 10:
        seen.append(receiver.ips())
    assert len(seen) <= 4
    assert receiver.packet(0.3) is None


def test_long_push_is_compressed(server, receiver):
    server.register(metadata=json.dumps({"k": "v" * 900}))
    subscribe(server, receiver)
    server.register("10.0.0.2")
    data = receiver.raw(3)
    assert data[:2] == b"\x1f\x8b"
    assert len(json.loads(json.loads(gzip.decompress(data))["data"])["hosts"]) == 2


def test_push_respects_clusters(server, receiver):
    subscribe(server, receiver, clusters="hz")
    server.register("10.0.0.1", clusterName="hz")
    server.register("10.0.0.2", clusterName="bj")
    assert receiver.ips() == ["10.0.0.1"]


def test_push_goes_to_who_asks_not_to_client_ip(server):
    victim, asker = Receiver("127.0.0.2"), Receiver()
    try:
        server.list(udpPort=victim.port, clientIP="127.0.0.2")
        subscribe(server, asker, clientIP="127.0.0.2")
        server.register()
        assert asker.ips() == ["10.0.0.1"]
        assert victim.packet(0.3) is None
    finally:
        victim.close()
        asker.close()


def test_push_comes_from_the_listen_address(server, receiver):
    subscribe(server, receiver)
    server.register()
    receiver.packet()
    assert receiver.sender[0] == server.host


@pytest.mark.deadline(90)
def test_no_acknowledgement_brings_the_current_data_once_more(server, receiver):
    subscribe(server, receiver)
    server.register()
    first = receiver.packet()
    began = time.monotonic()
    second = receiver.packet(12)
    assert 9 < time.monotonic() - began < 14
    assert second["lastRefTime"] > first["lastRefTime"]
    assert json.loads(second["data"])["hosts"] == json.loads(first["data"])["hosts"]


def test_acknowledgement_stops_the_resend(server, receiver):
    subscribe(server, receiver)
    server.register()
    receiver.acknowledge(receiver.packet())
    assert receiver.packet(11) is None


def test_first_instance_after_the_service_was_removed_is_pushed(receiver):
    with running("--empty-service-expire", "0") as server:
        server.register()
        subscribe(server, receiver)
        server.deregister()
        assert until(lambda: server.services() == [])
        assert receiver.ips() == []
        server.register("10.0.0.2")
        assert receiver.ips() == ["10.0.0.2"]


def test_inner_last_ref_time_of_pushes_and_lists_grows(server, receiver):
    times = [subscribe(server, receiver)["lastRefTime"]]
    for number in range(3):
        server.register(f"10.0.0.{number}")
        times.append(json.loads(receiver.packet()["data"])["lastRefTime"])
        times.append(server.list()["lastRefTime"])
        server.list()
    assert times == sorted(set(times))


@pytest.mark.parametrize("agent", ["", "curl/7", "Nacos-Java-Client:v1", "Nacos-Java-Client:vX", "Nacos-Server"])
def test_any_user_agent_may_subscribe(server, receiver, agent):
    answer = server.ask("GET", LIST, {"User-Agent": agent}, serviceName=SERVICE, udpPort=receiver.port)
    assert answer[0] == 200
    server.register()
    assert receiver.ips() == ["10.0.0.1"]


def test_junk_on_the_push_socket_does_no_harm(server, receiver):
    subscribe(server, receiver)
    server.register()
    packet = receiver.packet()
    for junk in (b"", b"{", b"\x00" * 2000, b"[]", b'{"type":"push-ack"}', b"x" * 60000):
        receiver.socket.sendto(junk, receiver.sender)
    receiver.acknowledge(packet)
    server.register("10.0.0.2")
    assert receiver.ips() == ["10.0.0.1", "10.0.0.2"]


# -- what is refused -------------------------------------------------------------------------------

@pytest.mark.parametrize("change, status, text", [
    ({"ip": ""}, 400, "caused: Param 'ip' is required.;"),
    ({"serviceName": " "}, 400, "caused: Param 'serviceName' is required.;"),
    ({"port": "abc"}, 400, 'caused: For input string: "abc";'),
    ({"port": "99999999999"}, 400, 'caused: For input string: "99999999999";'),
    ({"port": "65536"}, 400, None),
    ({"port": "-1"}, 400, None),
    ({"weight": "x"}, 400, 'caused: For input string: "x";'),
    ({"weight": "10001"}, 500, "caused: instance format invalid: The weights range from 0.0 to 10000.0;"),
    ({"weight": "nan"}, 500, None),
    ({"metadata": "xx"}, 500, "caused: metadata format incorrect:xx;"),
    ({"metadata": '{"a":{"b":1}}'}, 500, None),
    ({"metadata": json.dumps({"k": "v" * 1024})}, 400, None),
    ({"serviceName": "a b"}, 400, None),
    ({"serviceName": "@@x"}, 400, None),
    ({"serviceName": "G@@"}, 400, None),
    ({"serviceName": "a@@b@@c"}, 400, None),
    ({"serviceName": "中"}, 400, None),
    ({"serviceName": "s" * 513}, 400, None),
    ({"groupName": "g" * 129}, 400, None),
    ({"clusterName": "a_b"}, 400, "caused: cluster name can only have these characters: 0-9a-zA-Z-, current: a_b;"),
    ({"clusterName": "c" * 65}, 400, None),
    ({"namespaceId": "a/b"}, 400, None),
    ({"namespaceId": "n" * 65}, 400, None),
    ({"ip": "1.1.1.1\n"}, 200, "ok"),
    ({"ip": "1.1.1.1\n2"}, 400, None),
    ({"ip": "1" * 129}, 400, None),
    ({"ephemeral": "false"}, 400, None),
])
def test_bad_register(server, change, status, text):
    good = {"serviceName": "s", "ip": "10.0.0.1", "port": 80}
    got = server.ask("POST", INSTANCE, **{**good, **change})
    assert got[0] == status and got[1] == "text/plain;charset=UTF-8"
    assert text is None or got[2] == text
    count = json.loads(server.ask("GET", "/v1/ns/operator/metrics")[2])["instanceCount"]
    assert count == (status == 200)


def test_persistent_instances_are_refused_in_words(server):
    text = server.ask("POST", INSTANCE, serviceName="s", ip="10.0.0.1", port=80, ephemeral="false")[2]
    assert "does not keep persistent instances" in text


@pytest.mark.parametrize("info", ["x", "[]", "{}", '{"ip":1,"port":80}', '{"ip":"10.0.0.1","port":"x"}',
                                  '{"ip":"10.0.0.1","port":80,"metadata":[]}', "[" * 5000])
def test_bad_beat(server, info):
    assert server.ask("PUT", BEAT, serviceName="s", beat=info)[0] == 500
    assert server.services() == []


@pytest.mark.parametrize("method, path", [
    ("GET", "/v1/ns/x"), ("GET", "/v1/ns/instance/"), ("GET", "/v1/ns//instance"), ("OPTIONS", INSTANCE),
    ("GET", "/v1/ns/%69nstance"), ("GET", "/v1/ns/instance;x"), ("GET", "/v1/ns/INSTANCE"),
    ("POST", LIST), ("DELETE", BEAT), ("TRACE", INSTANCE),
])
def test_unknown_route_below_naming(server, method, path):
    status, kind, text = server.ask(method, path, serviceName="s", ip="10.0.0.1", port=80)
    page = json.loads(text)
    assert (status, kind) == (501, "application/json")
    assert (page["status"], page["path"]) == (501, "/nacos" + path)
    assert page["message"] == f"no such api:{method}:/nacos{path}"


@pytest.mark.parametrize("path", ["/v1/x", "/", "", "/v1/ns/../ns/instance", "/v2/ns/instance"])
def test_unknown_route_elsewhere(server, path):
    assert server.ask("GET", path)[0] in (404, 501)


@pytest.mark.parametrize("query", ["serviceName=%zz", "serviceName=%00", "serviceName=%ff", "&".join(
    f"p{number}=1" for number in range(100))])
def test_bad_encoding(server, query):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=5)
    connection.request("GET", f"/nacos{LIST}?{query}")
    assert connection.getresponse().status == 400
    connection.close()


def converse(server, data):
    """Everything that comes back on a connection of its own."""
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.sendall(data)
        received = b""
        while True:
            try:
                piece = connection.recv(65536)
            except ConnectionResetError:
                return received
            if not piece:
                return received
            received += piece


def test_body_over_64_kib(server):
    head = "PUT /nacos/v1/ns/instance HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n"
    assert converse(server, head.encode()).startswith(b"HTTP/1.1 413 ")


def test_chunked_body_over_64_kib(server):
    head = b"PUT /nacos/v1/ns/instance HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"8000\r\n" + b"a" * 0x8000 + b"\r\n"
    assert b" 200 " not in converse(server, head + chunk * 3)
    assert server.services() == []


def test_two_lengths_are_refused(server):
    data = (b"PUT /nacos/v1/ns/instance HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    answer = converse(server, data)
    assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("size", [20000, 1000000])
def test_headers_too_long(server, size):
    answer = converse(server, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * size + b"\r\n\r\n")
    assert not answer or re.match(rb"HTTP/1.1 4\d\d ", answer)
    assert server.services() == []


@pytest.mark.parametrize("data", [b"\r\n\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 100,
                                  b"GET / HTTP/1.1\r\nbad header\r\n\r\n"])
def test_junk_over_tcp(server, data):
    with socket.create_connection((server.host, server.port), timeout=15) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(15)
        with contextlib.suppress(ConnectionResetError):
            while connection.recv(65536):
                pass
    assert server.services() == []


def test_connection_is_kept(server):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=5)
    connection.connect()
    local = connection.sock.getsockname()
    for path in ("/v1/ns/operator/metrics", "/v1/ns/x", LIST, "/v1/ns/operator/metrics"):
        connection.request("GET", "/nacos" + path)
        connection.getresponse().read()
        assert connection.sock.getsockname() == local
    connection.close()


def test_slow_headers_are_cut_off(server):
    slow = socket.create_connection((server.host, server.port), timeout=1)
    began = time.monotonic()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        slow.sendall(b"GET / HTTP/1.1\r\n")
        while time.monotonic() - began < 20:
            slow.sendall(b"X: y\r\n")
            with contextlib.suppress(socket.timeout):
                if slow.recv(1) == b"":
                    break
    slow.close()
    assert 9 < time.monotonic() - began < 16


def test_others_are_answered_beside_many_idle_connections(server):
    idle = [socket.create_connection((server.host, server.port)) for _ in range(500)]
    began = time.monotonic()
    server.register()
    assert time.monotonic() - began < 5
    for connection in idle:
        connection.close()


# -- the program -----------------------------------------------------------------------------------

def test_ends_at_sigterm_with_clients_connected(server):
    with socket.create_connection((server.host, server.port)):
        began = time.monotonic()
        code, errors = server.stop()
    assert code == 0 and time.monotonic() - began < 5
    assert f"listening on {server.address}" in errors


def test_port_in_use(server):
    second = subprocess.run([PROGRAM, "--listen", server.address], capture_output=True, text=True,
                            timeout=10, check=False)
    assert second.returncode == 1
    assert second.stderr == f"nacos-registry: cannot listen on {server.address}: Address already in use\n"


def test_ipv6():
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM).bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    with running("--listen", "[::1]:0") as server:
        assert server.address.startswith("[::1]:")
        server.register("fe80::1")
        assert server.ips() == ["fe80::1"]


def test_warns_when_not_on_loopback():
    with running("--listen", "0.0.0.0:0") as server:
        assert "warning" in server.stop()[1]


def test_context_path():
    with running("--context-path", "/registry/") as server:
        assert server.ask("GET", "/v1/ns/operator/metrics")[0] == 404
        with urllib.request.urlopen(f"http://{server.address}/registry/v1/ns/operator/metrics") as answer:
            assert json.load(answer)["status"] == "UP"


def test_ends_with_its_parent():
    script = ("import subprocess, sys, time; "
              "p = subprocess.Popen(sys.argv[1:], stderr=subprocess.PIPE, text=True); "
              "p.stderr.readline(); print(p.pid, flush=True); time.sleep(60)")
    parent = subprocess.Popen(["python3", "-c", script, PROGRAM, "--listen", "127.0.0.1:0", "--parent-death"],
                              stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()

    def gone():
        try:
            with open(f"/proc/{child}/stat", encoding="ascii") as stat:
                return stat.read().split()[2] == "Z"
        except FileNotFoundError:
            return True

    assert until(gone)


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--log-level", "loud"], ["--listen", "[::1"], ["extra"],
                                       ["--max-connections", "0"], ["--context-path", "x"]])
def test_bad_command_line(arguments):
    result = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=10, check=False)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("nacos-registry: ")
