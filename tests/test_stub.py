# SPDX-License-Identifier: MIT
"""The scripted server itself: a test that trusts it must be able to."""
import gzip
import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from stub_server import (AcceptThen, Answer, Delay, Drip, GzipBomb, Reset, Silence, Truncated,
                         WrongService)

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def call(stub, method, path, timeout=5, **params):
    url = f"http://{stub.address}/nacos/v1/ns{path}?{urllib.parse.urlencode(params)}"
    with OPENER.open(urllib.request.Request(url, method=method), timeout=timeout) as reply:
        return reply.read()


def listed(stub, **params):
    return json.loads(call(stub, "GET", "/instance/list", serviceName="DEFAULT_GROUP@@s", **params))


def test_registered_instance_is_listed(stub):
    assert call(stub, "POST", "/instance", serviceName="DEFAULT_GROUP@@s", ip="10.0.0.1", port=80,
                metadata='{"a":"1"}') == b"ok"
    hosts = listed(stub)["hosts"]
    assert [(h["ip"], h["port"], h["metadata"]) for h in hosts] == [("10.0.0.1", 80, {"a": "1"})]


def test_deregistered_instance_is_not_listed(stub):
    stub.add("s", "10.0.0.1", 80)
    call(stub, "DELETE", "/instance", serviceName="DEFAULT_GROUP@@s", ip="10.0.0.1", port=80)
    assert listed(stub)["hosts"] == []


def test_disabled_instance_is_not_listed(stub):
    stub.add("s", "10.0.0.1", 80, enabled=False)
    assert listed(stub)["hosts"] == []


def test_list_of_clusters(stub):
    stub.add("s", "10.0.0.1", 80, cluster="A")
    stub.add("s", "10.0.0.2", 80, cluster="B")
    assert [h["ip"] for h in listed(stub, clusters="B")["hosts"]] == ["10.0.0.2"]


def test_last_ref_time_grows(stub):
    assert listed(stub)["lastRefTime"] < listed(stub)["lastRefTime"]


def test_beat_of_unknown_instance_is_20404(stub):
    reply = json.loads(call(stub, "PUT", "/instance/beat", serviceName="DEFAULT_GROUP@@s",
                            ip="10.0.0.1", port=80))
    assert reply["code"] == 20404


def test_light_beat_of_known_instance(stub):
    stub.add("s", "10.0.0.1", 80)
    reply = json.loads(call(stub, "PUT", "/instance/beat", serviceName="DEFAULT_GROUP@@s",
                            ip="10.0.0.1", port=80))
    assert reply == {"clientBeatInterval": 5000, "code": 10200, "lightBeatEnabled": True}


def test_service_list_pages(stub):
    for number in range(25):
        stub.add_service(f"s{number:02}")
    page = json.loads(call(stub, "GET", "/service/list", pageNo=3, pageSize=10))
    assert page == {"doms": ["s20", "s21", "s22", "s23", "s24"], "count": 25}


def test_unknown_path_is_501(stub):
    with pytest.raises(urllib.error.HTTPError) as error:
        call(stub, "GET", "/nonsense")
    assert error.value.code == 501


def test_requests_are_counted(stub):
    listed(stub)
    listed(stub)
    assert stub.count("GET", "/instance/list", serviceName="DEFAULT_GROUP@@s") == 2


def test_repeated_parameter_is_noticed(stub):
    OPENER.open(f"http://{stub.address}/nacos/v1/ns/service/list?pageNo=1&pageSize=1&pageNo=2").close()
    assert stub.requests[-1].repeated == ["pageNo"]


def test_delay(stub):
    stub.on("GET", "/instance/list", Delay(0.3))
    start = time.monotonic()
    listed(stub)
    assert time.monotonic() - start >= 0.3


def test_silence(stub):
    stub.on("GET", "/instance/list", Silence())
    with pytest.raises(TimeoutError):
        call(stub, "GET", "/instance/list", timeout=0.3, serviceName="s")


def test_reset(stub):
    stub.on("GET", "/instance/list", Reset())
    with pytest.raises((ConnectionError, urllib.error.URLError)):
        listed(stub)


def test_answer_only_so_many_times(stub):
    stub.on("GET", "/instance/list", Answer(503, "server is DOWNnow"), times=1)
    with pytest.raises(urllib.error.HTTPError):
        listed(stub)
    assert listed(stub)["hosts"] == []


def test_truncated(stub):
    stub.on("GET", "/instance/list", Truncated(5))
    with pytest.raises(Exception, match="IncompleteRead"):
        listed(stub)


def test_drip(stub):
    stub.on("GET", "/instance/list", Drip(0.001))
    assert listed(stub)["hosts"] == []


def test_gzip_bomb_unpacks_to_its_size(stub):
    stub.on("GET", "/instance/list", GzipBomb(4 << 20))
    packed = call(stub, "GET", "/instance/list", serviceName="s")
    assert len(packed) < 10000
    assert len(gzip.decompress(packed)) == 4 << 20


def test_wrong_service(stub):
    stub.on("GET", "/instance/list", WrongService())
    assert listed(stub)["name"] == "OTHER_GROUP@@other-svc"


def test_accept_then_lose_the_answer(stub):
    stub.on("POST", "/instance", AcceptThen(Reset()), times=1)
    with pytest.raises((ConnectionError, urllib.error.URLError)):
        call(stub, "POST", "/instance", serviceName="s", ip="10.0.0.1", port=80)
    assert stub.hosts("s")


@pytest.mark.parametrize("packed", [False, True])
def test_push_reaches_the_subscriber(stub, packed):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.settimeout(5)
        listed(stub, udpPort=client.getsockname()[1], clientIP="127.0.0.1")
        stub.add("s", "10.0.0.1", 80)
        assert stub.push("s", packed=packed) == 1
        data, peer = client.recvfrom(65536)
        assert peer == stub.udp.getsockname()
        content = json.loads(gzip.decompress(data) if packed else data)
        assert [h["ip"] for h in json.loads(content["data"])["hosts"]] == ["10.0.0.1"]


def test_push_from_another_address(stub):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.settimeout(5)
        listed(stub, udpPort=client.getsockname()[1], clientIP="127.0.0.1")
        stub.push("s", source="127.0.0.2")
        assert client.recvfrom(65536)[1][0] == "127.0.0.2"


def test_closed_server_refuses(stub):
    stub.close()
    with pytest.raises(urllib.error.URLError):
        listed(stub)


def test_restarted_server_is_empty_on_the_same_port(stub, stubs):
    stub.add("s", "10.0.0.1", 80)
    stub.close()
    again = stubs("127.0.0.1", stub.port)
    assert again.port == stub.port and listed(again)["hosts"] == []
