# SPDX-License-Identifier: MIT
"""The line of an instance, from the server's JSON to the file's bytes."""
import json
import os

import pytest
from lib.mounts import lines, read, write
from stub_server import Edited

GROUP = "DEFAULT_GROUP"
SERVICE = f"{GROUP}/order-svc"
REST = "weight=1 healthy=true enabled=true ephemeral=true cluster=DEFAULT"


def shown(mounted, name="instances"):
    return lines(mounted / f"{SERVICE}/{name}")


@pytest.mark.parametrize("given,line", [
    ({}, REST),
    ({"weight": 0}, "weight=0 healthy=true enabled=true ephemeral=true cluster=DEFAULT"),
    ({"weight": 0.5}, "weight=0.5 healthy=true enabled=true ephemeral=true cluster=DEFAULT"),
    ({"weight": 0.1}, "weight=0.1 healthy=true enabled=true ephemeral=true cluster=DEFAULT"),
    ({"weight": 0.30000000000000004},
     "weight=0.30000000000000004 healthy=true enabled=true ephemeral=true cluster=DEFAULT"),
    ({"weight": 100.0}, "weight=100 healthy=true enabled=true ephemeral=true cluster=DEFAULT"),
    ({"weight": 10000}, "weight=10000 healthy=true enabled=true ephemeral=true cluster=DEFAULT"),
    ({"weight": 0.0001}, "weight=0.0001 healthy=true enabled=true ephemeral=true cluster=DEFAULT"),
    ({"healthy": False}, "weight=1 healthy=false enabled=true ephemeral=true cluster=DEFAULT"),
    ({"ephemeral": False}, "weight=1 healthy=true enabled=true ephemeral=false cluster=DEFAULT"),
    ({"cluster": "hz-1"}, "weight=1 healthy=true enabled=true ephemeral=true cluster=hz-1"),
    ({"metadata": {"zone": "cn-1"}}, REST + " meta.zone=cn-1"),
    ({"metadata": {"b": "2", "a": "1", "B": "3", "aa": "4"}},
     REST + " meta.B=3 meta.a=1 meta.aa=4 meta.b=2"),
    ({"metadata": {"empty": ""}}, REST + " meta.empty="),
    ({"metadata": {"note": "a b"}}, REST + r" meta.note=a\040b"),
    ({"metadata": {"note": "a\tb\nc"}}, REST + r" meta.note=a\011b\012c"),
    ({"metadata": {"note": "a\\b"}}, REST + r" meta.note=a\134b"),
    ({"metadata": {"note": "\x01\x1b\x7f\r"}}, REST + r" meta.note=\001\033\177\015"),
    ({"metadata": {"note": "k=v"}}, REST + " meta.note=k=v"),
    ({"metadata": {"a=b": "c"}}, REST + r" meta.a\075b=c"),
    ({"metadata": {"a b": "c"}}, REST + r" meta.a\040b=c"),
    ({"metadata": {"note": "é中"}}, REST + " meta.note=é中"),
    ({"metadata": {"note": '"quoted"'}}, REST + ' meta.note="quoted"'),
    ({"metadata": {"preserved.heart.beat.interval": "5000"}},
     REST + " meta.preserved.heart.beat.interval=5000"),
], ids=str)
def test_fields(stubbed, stub, given, line):
    stub.add("order-svc", "10.0.0.1", 8080, **given)
    assert read(stubbed / f"{SERVICE}/instances") == f"10.0.0.1:8080 {line}\n"


@pytest.mark.parametrize("ip,port,address", [
    ("10.0.0.1", 1, "10.0.0.1:1"), ("10.0.0.1", 65535, "10.0.0.1:65535"), ("::1", 8080, "[::1]:8080"),
    ("fe80::1", 80, "[fe80::1]:80"), ("my-host.example", 80, "my-host.example:80"),
    ("under_score", 80, "under_score:80"), ("a b", 80, r"a\040b:80")])
def test_address(stubbed, stub, ip, port, address):
    stub.add("order-svc", ip, port)
    assert shown(stubbed)[0].split(" ")[0] == address


def test_sorted_by_address_numerically(stubbed, stub):
    for ip, port in [("10.0.0.10", 1), ("10.0.0.9", 1), ("9.0.0.1", 1), ("10.0.0.9", 10), ("10.0.0.9", 9),
                     ("::2", 1), ("::1", 1), ("b-host", 1), ("a-host", 1)]:
        stub.add("order-svc", ip, port)
    assert [line.split(" ")[0] for line in shown(stubbed)] == [
        "9.0.0.1:1", "10.0.0.9:1", "10.0.0.9:9", "10.0.0.9:10", "10.0.0.10:1", "[::1]:1", "[::2]:1",
        "a-host:1", "b-host:1"]


def test_same_address_sorted_by_cluster(stubbed, stub):
    for cluster in ("b", "DEFAULT", "a"):
        stub.add("order-svc", "10.0.0.1", 80, cluster=cluster)
    assert [line.rpartition("cluster=")[2] for line in shown(stubbed)] == ["DEFAULT", "a", "b"]


def test_order_does_not_depend_on_the_servers(mount, stub):
    for number in range(20):
        stub.add("order-svc", f"10.0.0.{number + 1}", 80)
    first = shown(mount(stub.address))
    stub.on("GET", "/instance/list", Edited(lambda reply: {**reply, "hosts": reply["hosts"][::-1]}))
    assert shown(mount(stub.address)) == first


def test_empty_service_is_an_empty_file(stubbed, stub):
    stub.add_service("order-svc")
    assert read(stubbed / f"{SERVICE}/instances") == ""


def test_healthy_lists_what_may_be_called(stubbed, stub):
    stub.add("order-svc", "10.0.0.1", 80)
    stub.add("order-svc", "10.0.0.2", 80, healthy=False)
    stub.add("order-svc", "10.0.0.3", 80, weight=0)
    stub.add("order-svc", "::1", 80, weight=0.01)
    assert read(stubbed / f"{SERVICE}/healthy") == "10.0.0.1:80\n[::1]:80\n"


def test_disabled_instance_of_a_server_that_lists_it(stubbed, stub):
    stub.add("order-svc", "10.0.0.1", 80)
    stub.on("GET", "/instance/list", Edited(
        lambda reply: {**reply, "hosts": [{**h, "enabled": False} for h in reply["hosts"]]}))
    assert (shown(stubbed, "healthy"), "enabled=false" in shown(stubbed)[0]) == ([], True)


@pytest.mark.parametrize("ip,cluster,name", [
    ("10.0.0.1", "DEFAULT", "10.0.0.1:80"), ("10.0.0.1", "hz", "10.0.0.1:80@hz"),
    ("::1", "DEFAULT", "[::1]:80"), ("::1", "hz", "[::1]:80@hz"), ("a-host", "DEFAULT", "a-host:80")])
def test_name_in_hosts(stubbed, stub, ip, cluster, name):
    stub.add("order-svc", ip, 80, cluster=cluster)
    assert os.listdir(stubbed / f"{SERVICE}/hosts") == [name]


def test_content_in_hosts_is_the_line_without_its_address(stubbed, stub):
    stub.add("order-svc", "10.0.0.1", 80, metadata={"zone": "cn-1"})
    assert read(stubbed / f"{SERVICE}/hosts/10.0.0.1:80") == REST + " meta.zone=cn-1\n"


@pytest.mark.parametrize("line", [
    "10.0.0.1:80 " + REST, "[::1]:80 " + REST, "a-host:80 " + REST,
    "10.0.0.1:80 weight=0.25 healthy=false enabled=true ephemeral=true cluster=hz "
    r"meta.a\075b=c\040d meta.note=é\134\012",
    "10.0.0.1:80 weight=3 healthy=true enabled=true ephemeral=false cluster=DEFAULT meta.k=k=v"])
def test_line_round_trip(stubbed, line):
    os.makedirs(stubbed / SERVICE)
    write(stubbed / f"{SERVICE}/register", line + "\n")
    assert shown(stubbed) == [line]
    write(stubbed / f"{SERVICE}/deregister", line + "\n")


# --- instances.json -----------------------------------------------------------------------------------


def document(mounted):
    return json.loads(read(mounted / f"{SERVICE}/instances.json"))


def test_json_hosts_carry_every_field(stubbed, stub):
    stub.add("order-svc", "10.0.0.1", 80, weight=2.5, cluster="hz", metadata={"zone": "cn-1"})
    found = document(stubbed)["hosts"][0]
    wanted = {"ip": "10.0.0.1", "port": 80, "weight": 2.5, "healthy": True, "enabled": True,
              "ephemeral": True, "clusterName": "hz", "metadata": {"zone": "cn-1"}}
    assert {key: found[key] for key in wanted} == wanted


def test_json_of_the_service(stubbed, stub):
    stub.add("order-svc", "10.0.0.1", 80)
    found = document(stubbed)
    assert found["name"] in ("DEFAULT_GROUP@@order-svc", "order-svc")
    assert {"name", "hosts", "cacheMillis", "lastRefTime", "clusters"} <= set(found)
    assert "checksum" not in found


def test_json_hosts_in_the_order_of_the_lines(stubbed, stub):
    for number in (10, 9, 2):
        stub.add("order-svc", f"10.0.0.{number}", 80)
    assert [h["ip"] for h in document(stubbed)["hosts"]] == ["10.0.0.2", "10.0.0.9", "10.0.0.10"]


def test_json_last_ref_time_is_the_replys(stubbed, stub):
    stub.add("order-svc", "10.0.0.1", 80)
    stub.on("GET", "/instance/list", Edited(lambda reply: {**reply, "lastRefTime": 1234567890123}))
    assert document(stubbed)["lastRefTime"] == 1234567890123


def test_json_keys_in_a_fixed_order(mount, stub):
    stub.add("order-svc", "10.0.0.1", 80, metadata={"b": "1", "a": "2"})
    first = read(mount(stub.address) / f"{SERVICE}/instances.json")
    backwards = lambda d: dict(reversed(d.items()))  # noqa: E731
    stub.on("GET", "/instance/list", Edited(
        lambda reply: backwards({**reply, "hosts": [backwards(h) for h in reply["hosts"]]})))
    second = read(mount(stub.address) / f"{SERVICE}/instances.json")
    cut = [text.replace(str(json.loads(text)["lastRefTime"]), "") for text in (first, second)]
    assert cut[0] == cut[1]


def test_json_of_an_empty_service(stubbed, stub):
    stub.add_service("order-svc")
    assert document(stubbed)["hosts"] == []


@pytest.mark.parametrize("text", ['"', "\\", "\n\t\x01", "é中", "\u2028", "😀"])
def test_json_strings(stubbed, stub, text):
    stub.add("order-svc", "10.0.0.1", 80, metadata={text: text})
    assert document(stubbed)["hosts"][0]["metadata"] == {text: text}
