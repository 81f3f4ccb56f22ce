# SPDX-License-Identifier: MIT
"""The registry's Open API beyond what an SDK needs: partial updates, metadata in batches, the catalog,
subscribers, switches, what a console asks."""
import json
import socket

import pytest
from lib.wait import stays, wait_until

INSTANCE = "/v1/ns/instance"
BATCH = "/v1/ns/instance/metadata/batch"
SWITCHES = "/v1/ns/operator/switches"
SHORT = {"preserved.heart.beat.timeout": "300", "preserved.ip.delete.timeout": "600"}


def host(registry, service="svc", **params):
    hosts = registry.list(service, **params)["hosts"]
    assert len(hosts) == 1
    return hosts[0]


def get(registry, path, **params):
    return json.loads(registry.call("GET", path, **params))


# -- PATCH -----------------------------------------------------------------------------------------

def test_patch_changes_what_is_named_alone(registry):
    registry.register("svc", "10.0.0.1", 80, {"a": "1"}, weight=3)
    registry.call("PATCH", INSTANCE, serviceName="svc", ip="10.0.0.1", port=80, weight=5)
    assert (host(registry)["weight"], host(registry)["metadata"]) == (5.0, {"a": "1"})


def test_patch_replaces_metadata(registry):
    registry.register("svc", "10.0.0.1", 80, {"a": "1"})
    registry.call("PATCH", INSTANCE, serviceName="svc", ip="10.0.0.1", port=80, metadata='{"b":"2"}')
    assert host(registry)["metadata"] == {"b": "2"}


def test_patch_of_health_lasts_until_the_next_beat(registry):
    registry.register("svc", "10.0.0.1", 80)
    registry.call("PATCH", INSTANCE, serviceName="svc", ip="10.0.0.1", port=80, healthy="false")
    assert host(registry)["healthy"] is False
    registry.beat("svc", "10.0.0.1", 80)
    assert host(registry)["healthy"] is True


def test_patch_disables(registry):
    registry.register("svc", "10.0.0.1", 80)
    registry.call("PATCH", INSTANCE, serviceName="svc", ip="10.0.0.1", port=80, enabled="false")
    assert registry.list("svc")["hosts"] == []


def test_patch_of_an_unknown_instance(registry):
    answer = registry.request("PATCH", INSTANCE, {"serviceName": "svc", "ip": "10.0.0.1", "port": 80})
    assert answer == (400, "caused: instance not found;")


# -- metadata in batches ---------------------------------------------------------------------------

def test_batch_merges_into_the_named(registry):
    registry.register("svc", "10.0.0.1", 80, {"a": "1"})
    registry.register("svc", "10.0.0.2", 80)
    named = [{"ip": "10.0.0.1", "port": 80, "ephemeral": True, "clusterName": "DEFAULT"},
             {"ip": "10.9.9.9", "port": 80}, "junk"]
    answer = json.loads(registry.call("PUT", BATCH, serviceName="svc", metadata="b=2",
                                      instances=json.dumps(named)))
    assert answer == {"updated": ["10.0.0.1:80:unknown:DEFAULT:ephemeral"]}
    found = {h["ip"]: h["metadata"] for h in registry.list("svc")["hosts"]}
    assert found == {"10.0.0.1": {"a": "1", "b": "2"}, "10.0.0.2": {}}


def test_batch_of_all_ephemeral_ones(registry):
    registry.register("svc", "10.0.0.1", 80, {"a": "1"})
    registry.register("svc", "10.0.0.2", 80, clusterName="hz")
    answer = json.loads(registry.call("PUT", BATCH, serviceName="svc", metadata='{"a":"9"}',
                                      consistencyType="ephemeral"))
    assert answer["updated"] == ["10.0.0.1:80:unknown:DEFAULT:ephemeral",
                                 "10.0.0.2:80:unknown:hz:ephemeral"]
    assert [h["metadata"] for h in registry.list("svc")["hosts"]] == [{"a": "9"}] * 2


def test_batch_removes_keys(registry):
    registry.register("svc", "10.0.0.1", 80, {"a": "1", "b": "2"})
    registry.call("DELETE", BATCH, serviceName="svc", metadata='{"a":"whatever"}',
                  consistencyType="ephemeral")
    assert host(registry)["metadata"] == {"b": "2"}


def test_batch_leaves_out_what_would_grow_too_long(registry):
    registry.register("svc", "10.0.0.1", 80, {"a": "v" * 600})
    answer = registry.call("PUT", BATCH, serviceName="svc", metadata=json.dumps({"b": "v" * 600}),
                           consistencyType="ephemeral")
    assert answer == '{"updated":[]}'
    assert list(host(registry)["metadata"]) == ["a"]


@pytest.mark.parametrize("change, status, text", [
    ({"metadata": ""}, 400, "caused: Param 'metadata' is required.;"),
    ({"instances": "x"}, 400, None),
    ({"instances": "{}"}, 400, None),
    ({"metadata": "xx"}, 500, "caused: metadata format incorrect:xx;"),
    ({"serviceName": "nobody"}, 500,
     "caused: service not found, namespace: public, service: DEFAULT_GROUP@@nobody;"),
])
def test_bad_batch(registry, change, status, text):
    registry.register("svc", "10.0.0.1", 80)
    got = registry.request("PUT", BATCH, {"serviceName": "svc", "metadata": "a=1", **change})
    assert got[0] == status and text in (None, got[1])


# -- the catalog -----------------------------------------------------------------------------------

def test_catalog_service(registry):
    registry.call("POST", "/v1/ns/service", serviceName="svc", protectThreshold=0.3, metadata="a=1")
    registry.register("svc", "10.0.0.1", 80, clusterName="hz")
    shown = get(registry, "/v1/ns/catalog/service", serviceName="svc")
    assert shown["service"] == {"name": "svc", "groupName": "DEFAULT_GROUP", "protectThreshold": 0.3,
                                "selector": {"type": "none"}, "metadata": {"a": "1"}}
    cluster = shown["clusters"][0]
    assert (cluster["serviceName"], cluster["name"]) == ("DEFAULT_GROUP@@svc", "hz")
    assert cluster["healthChecker"] == {"type": "TCP"}


def test_catalog_instances_shows_the_disabled_and_the_true_health(registry):
    registry.call("POST", "/v1/ns/service", serviceName="svc", protectThreshold=1)
    registry.register("svc", "10.0.0.1", 80, enabled="false")
    registry.register("svc", "10.0.0.2", 80, healthy="false")
    shown = get(registry, "/v1/ns/catalog/instances", serviceName="svc", clusterName="DEFAULT",
                pageNo=1, pageSize=10)
    assert shown["count"] == 2
    assert [(h["ip"], h["enabled"], h["healthy"]) for h in shown["list"]] == [
        ("10.0.0.1", False, True), ("10.0.0.2", True, False)]


def test_catalog_instances_in_pages(registry):
    for number in range(5):
        registry.register("svc", f"10.0.0.{number}", 80)
    shown = get(registry, "/v1/ns/catalog/instances", serviceName="svc", clusterName="DEFAULT",
                pageNo=2, pageSize=2)
    assert shown["count"] == 5 and [h["ip"] for h in shown["list"]] == ["10.0.0.2", "10.0.0.3"]


@pytest.mark.parametrize("change, status, text", [
    ({"serviceName": "nobody"}, 500, "caused: service DEFAULT_GROUP@@nobody is not found!;"),
    ({"clusterName": "hz"}, 500, "caused: cluster hz is not found!;"),
    ({"clusterName": ""}, 400, "caused: Param 'clusterName' is required.;"),
    ({"pageNo": ""}, 400, "caused: Param 'pageNo' is required.;"),
])
def test_bad_catalog_instances(registry, change, status, text):
    registry.register("svc", "10.0.0.1", 80)
    params = {"serviceName": "svc", "clusterName": "DEFAULT", "pageNo": 1, "pageSize": 10, **change}
    assert registry.request("GET", "/v1/ns/catalog/instances", params) == (status, text)


def test_catalog_services_with_instances(registry):
    registry.register("a", "10.0.0.1", 80, {"k": "v"}, weight=2)
    registry.register("b", "10.0.0.2", 81)
    shown = get(registry, "/v1/ns/catalog/services", withInstances="true", pageNo=0, pageSize=1)
    assert shown == [{"serviceName": "a", "groupName": "DEFAULT_GROUP", "clusterMap": {"DEFAULT": {
        "hosts": [{"valid": True, "metadata": {"k": "v"}, "port": 80, "ip": "10.0.0.1", "weight": 2.0,
                   "enabled": True}]}}, "metadata": {}}]


@pytest.mark.parametrize("address, names", [("10.0.0.1", ["a"]), ("10.0.0.2:81", ["b"]), ("10.0.0.2:80", [])])
def test_catalog_services_that_have_an_instance(registry, address, names):
    registry.register("a", "10.0.0.1", 80)
    registry.register("b", "10.0.0.2", 81)
    shown = get(registry, "/v1/ns/catalog/services", pageNo=1, pageSize=10, instance=address)
    assert [row["name"] for row in shown["serviceList"]] == names


# -- names, statuses, subscribers ------------------------------------------------------------------

def test_service_names(registry):
    registry.register("order-svc", "10.0.0.1", 80)
    registry.register("pay-svc", "10.0.0.1", 80)
    registry.register("order-svc", "10.0.0.1", 80, namespaceId="test")
    assert get(registry, "/v1/ns/service/names", expr="order") == {
        "services": {"public": ["order-svc"], "test": ["order-svc"]}, "count": 2}
    assert get(registry, "/v1/ns/service/names", namespaceId="public") == {
        "services": {"public": ["order-svc", "pay-svc"]}, "count": 1}


@pytest.mark.parametrize("key", ["DEFAULT_GROUP@@svc", "public##DEFAULT_GROUP@@svc"])
def test_statuses(registry, key):
    registry.register("svc", "10.0.0.1", 80)
    registry.register("svc", "10.0.0.2", 80, healthy="false")
    assert get(registry, "/v1/ns/instance/statuses", key=key) == {
        "ips": ["10.0.0.1:80_true", "10.0.0.2:80_false"]}


def test_statuses_of_nobody(registry):
    assert registry.request("GET", "/v1/ns/instance/statuses", {"key": "a@@b"}) == (
        500, "caused: service: a@@b not found.;")


def test_subscribers(registry):
    registry.list("order-svc", udpPort=4711, clientIP="10.9.9.9", app="shop")
    shown = get(registry, "/v1/ns/service/subscribers", serviceName="order")
    assert shown["count"] == 1
    row = shown["subscribers"][0]
    assert row.pop("agent").startswith("Python-urllib")
    assert row == {"addrStr": "127.0.0.1:4711", "app": "shop", "ip": "127.0.0.1", "namespaceId": "public",
                   "serviceName": "DEFAULT_GROUP@@order-svc"}
    assert get(registry, "/v1/ns/service/subscribers", serviceName="pay")["count"] == 0


# -- switches --------------------------------------------------------------------------------------

def switch(registry, entry, value):
    assert registry.call("PUT", SWITCHES, entry=entry, value=value) == "ok"


def test_switch_of_the_beat_interval(registry):
    registry.register("svc", "10.0.0.1", 80)
    registry.register("svc", "10.0.0.2", 80, {"preserved.heart.beat.interval": "1000"})
    switch(registry, "clientBeatInterval", "7000")
    assert registry.beat("svc", "10.0.0.1", 80)["clientBeatInterval"] == 7000
    assert registry.beat("svc", "10.0.0.2", 80)["clientBeatInterval"] == 1000
    assert get(registry, SWITCHES)["clientBeatInterval"] == 7000


def test_switch_of_light_beats(registry):
    registry.register("svc", "10.0.0.1", 80)
    switch(registry, "lightBeatEnabled", "false")
    assert registry.beat("svc", "10.0.0.1", 80)["lightBeatEnabled"] is False


def test_switch_of_the_health_check(registry):
    switch(registry, "check", "false")
    registry.register("svc", "10.0.0.1", 80, SHORT)
    stays(lambda: host(registry)["healthy"], 1.5)
    switch(registry, "healthCheckEnabled", "true")
    assert host(registry)["healthy"], "one more time-out"
    wait_until(lambda: registry.list("svc")["hosts"] == [], 10)


def test_switch_of_the_push(registry):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.3)
        where = {"udpPort": receiver.getsockname()[1]}
        assert registry.list("svc", **where)["cacheMillis"] == 10000
        switch(registry, "pushEnabled", "false")
        registry.register("svc", "10.0.0.1", 80)
        assert registry.list("svc", **where)["cacheMillis"] == 3000
        with pytest.raises(socket.timeout):
            receiver.recv(65536)
        switch(registry, "pushEnabled", "true")
        registry.register("svc", "10.0.0.2", 80)
        receiver.settimeout(5)
        assert b"10.0.0.2" in receiver.recv(65536)


@pytest.mark.parametrize("entry, value", [
    ("", "true"), ("check", ""), ("check", "maybe"), ("clientBeatInterval", "0"), ("clientBeatInterval", "-1"),
    ("clientBeatInterval", "x"), ("nonsense", "1"), ("overriddenServerStatus", "DOWN")])
def test_bad_switch(registry, entry, value):
    before = get(registry, SWITCHES)
    assert registry.request("PUT", SWITCHES, {"entry": entry, "value": value})[0] == 400
    assert get(registry, SWITCHES) == before


# -- namespaces ------------------------------------------------------------------------------------

NAMESPACES = "/v1/console/namespaces"


def namespaces(registry):
    return {row["namespace"]: row["namespaceShowName"] for row in get(registry, NAMESPACES)["data"]}


def test_namespace_is_created_renamed_and_removed(registry):
    assert registry.call("POST", NAMESPACES, customNamespaceId="dev", namespaceName="Development") == "true"
    assert namespaces(registry) == {"": "public", "dev": "Development"}
    assert registry.call("PUT", NAMESPACES, namespace="dev", namespaceShowName="Devel") == "true"
    assert namespaces(registry) == {"": "public", "dev": "Devel"}
    assert registry.call("DELETE", NAMESPACES, namespaceId="dev") == "true"
    assert namespaces(registry) == {"": "public"}


def test_namespace_without_an_id_gets_one(registry):
    assert registry.call("POST", NAMESPACES, namespaceName="x") == "true"
    assert sorted(map(len, namespaces(registry))) == [0, 36]


def test_namespace_with_services_stays(registry):
    registry.call("POST", NAMESPACES, customNamespaceId="dev", namespaceName="Development")
    registry.register("svc", "10.0.0.1", 80, namespaceId="dev")
    assert namespaces(registry) == {"": "public", "dev": "Development"}
    registry.call("DELETE", NAMESPACES, namespaceId="dev")
    assert namespaces(registry) == {"": "public", "dev": "dev"}
    assert registry.addresses("svc", namespaceId="dev") == {"10.0.0.1:80"}


@pytest.mark.parametrize("id_", ["public", "taken", "a b", "a/b", "n" * 65])
def test_namespace_that_cannot_be(registry, id_):
    registry.call("POST", NAMESPACES, customNamespaceId="taken", namespaceName="x")
    before = namespaces(registry)
    assert registry.call("POST", NAMESPACES, customNamespaceId=id_, namespaceName="y") == "false"
    assert namespaces(registry) == before


def test_services_by_metadata(registry):
    registry.register("a", "10.0.0.1", 80, {"zone": "cn"})
    registry.register("b", "10.0.0.1", 80, {"zone": "us"})
    selector = json.dumps({"type": "label", "expression": "INSTANCE.metadata.zone = 'cn'"})
    assert get(registry, "/v1/ns/service/list", pageNo=1, pageSize=10, selector=selector) == {
        "doms": ["a"], "count": 1}


def test_head_is_get_without_a_body(registry):
    assert registry.request("HEAD", "/v1/console/health/liveness") == (200, "")
    assert registry.request("HEAD", "/v1/ns/instance/beat")[0] == 501


# -- this server -----------------------------------------------------------------------------------

@pytest.mark.parametrize("path, key", [("/v1/ns/operator/servers", "servers"), ("/v1/core/cluster/nodes", "data")])
def test_the_only_member_is_the_address_asked(registry, path, key):
    members = get(registry, path)[key]
    assert [(m["address"], m["ip"], m["port"], m["state"]) for m in members] == [
        (registry.address, "127.0.0.1", registry.port, "UP")]


@pytest.mark.parametrize("what", ["liveness", "readiness"])
def test_console_health(registry, what):
    assert registry.call("GET", f"/v1/console/health/{what}") == "OK"


def test_list_as_a_check(registry):
    registry.register("svc", "10.0.0.1", 80)
    assert registry.call("GET", "/v1/ns/instance/list", serviceName="svc", isCheck="true") == "{}"


def test_list_repeats_env(registry):
    registry.register("svc", "10.0.0.1", 80)
    assert registry.list("svc", env="prod")["env"] == "prod"
