# SPDX-License-Identifier: MIT
"""The heartbeat of what this mount registered, counted at the server."""
import json
import os
import time

import pytest
from lib.mounts import read, write
from lib.wait import stays, wait_until
from stub_server import Answer, Delay, Silence

SERVICE = "DEFAULT_GROUP/order-svc"
PERIOD = 0.25  # seconds; what these instances and the scripted server ask for
LINE = f"10.0.0.1:80 weight=3 meta.a=b meta.preserved.heart.beat.interval={int(PERIOD * 1000)}\n"
BEAT = ("PUT", "/instance/beat")


@pytest.fixture
def service(mount, stub):
    """A service with one instance of ours that beats fast: its path."""
    stub.beat_interval = int(PERIOD * 1000)
    mounted = mount(stub.address)
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", LINE)
    return mounted / SERVICE


def gaps(requests):
    return [b.time - a.time for a, b in zip(requests, requests[1:])]


def test_beats_come_regularly(service, stub):
    beats = stub.wait_for(*BEAT, count=12, timeout=10 * PERIOD + 5)
    assert max(gaps(beats)) < PERIOD + 2
    assert PERIOD / 2 < sum(gaps(beats)) / len(gaps(beats)) < PERIOD + 1


@pytest.mark.heavy
def test_period_is_5_seconds_by_default(mount, stub):
    mounted = mount(stub.address)
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", "10.0.0.1:80\n")
    registered = stub.seen("POST", "/instance")[0].time
    beats = stub.wait_for(*BEAT, count=1, timeout=7)
    assert beats[0].time - registered < 7.6
    stays(lambda: stub.count(*BEAT) <= 2, 3)


def test_servers_interval_wins(mount, stub):
    stub.beat_interval = 200
    mounted = mount(stub.address)
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", "10.0.0.1:80 meta.preserved.heart.beat.interval=1000\n")
    beats = stub.wait_for(*BEAT, count=6, timeout=6)
    assert max(gaps(beats)) < 2.8


def test_first_beat_is_full_the_next_are_light(service, stub):
    beats = stub.wait_for(*BEAT, count=4)
    assert ["beat" in beat.params for beat in beats[:4]] == [True, False, False, False]


def test_beats_stay_full_if_the_server_does_not_want_light_ones(mount, stub):
    stub.beat_interval = 200
    stub.light_beats = False
    mounted = mount(stub.address)
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", LINE)
    assert all("beat" in beat.params for beat in stub.wait_for(*BEAT, count=4))


def test_full_beat_tells_the_whole_instance(service, stub):
    beat = json.loads(stub.wait_for(*BEAT)[0].params["beat"])
    assert beat["serviceName"] == "DEFAULT_GROUP@@order-svc"  # 2.x loses beats without the group
    assert (beat["ip"], beat["port"], beat["weight"], beat["metadata"]["a"]) == ("10.0.0.1", 80, 3, "b")
    assert beat.get("cluster", "DEFAULT") == "DEFAULT"


def test_light_beat_tells_which_instance(service, stub):
    params = stub.wait_for(*BEAT, count=2)[1].params
    assert params["serviceName"] == "DEFAULT_GROUP@@order-svc"
    assert (params["ip"], params["port"]) == ("10.0.0.1", "80")
    assert params.get("clusterName", "DEFAULT") == "DEFAULT"


def test_beat_in_its_cluster(mount, stub):
    stub.beat_interval = 200
    mounted = mount(stub.address)
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", LINE.replace("weight=3", "cluster=hz"))
    stub.wait_for(*BEAT, count=3)
    assert list(stub.hosts("order-svc")) == [("10.0.0.1", 80, "hz")]
    assert stub.count("POST", "/instance") == 1


def test_lost_instance_is_registered_again(service, stub):
    stub.wait_for(*BEAT, count=2)
    stub.remove("order-svc", "10.0.0.1", 80)
    again = stub.wait_for("POST", "/instance", count=2, timeout=3)[1]
    assert (again.params["ip"], float(again.params["weight"])) == ("10.0.0.1", 3)
    assert json.loads(again.params["metadata"])["a"] == "b"


def test_lost_instance_is_told(service, stub):
    stub.wait_for(*BEAT, count=2)
    stub.remove("order-svc", "10.0.0.1", 80)
    stub.wait_for("POST", "/instance", count=2, timeout=3)
    wait_until(lambda: "registered_again=1" in read(service.rsplit("/", 2)[0] + "/.nacos/registered"), 3)


def test_restarted_server_gets_everything_back(service, stub, stubs):
    stub.close()
    again = stubs("127.0.0.1", stub.port)
    wait_until(lambda: again.hosts("order-svc"), 6)


def test_offline_instance_is_registered_again_as_offline(service, stub):
    write(service + "/hosts/10.0.0.1:80", "enabled=false\n")
    stub.wait_for(*BEAT, count=2)
    with stub.lock:
        stub.services[("public", "DEFAULT_GROUP", "order-svc")].clear()
    wait_until(lambda: stub.hosts("order-svc"), 3)
    assert stub.hosts("order-svc")[("10.0.0.1", 80, "DEFAULT")]["enabled"] is False


@pytest.mark.heavy
def test_operators_change_is_adopted(mounted, registry):
    """Weight and metadata that somebody changed on the server; not within 5 s of our own word."""
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", "10.0.0.1:80\n")
    assert read(mounted / f"{SERVICE}/healthy") == "10.0.0.1:80\n"
    time.sleep(5.5)
    registry.call("PUT", "/v1/ns/instance", serviceName="order-svc", ip="10.0.0.1", port=80, weight=7,
                  metadata="a=b")
    wait_until(lambda: " weight=7 " in read(mounted / f"{SERVICE}/register"), 10)
    assert read(mounted / f"{SERVICE}/register").endswith(" meta.a=b\n")


def test_beats_go_on_after_errors(service, stub):
    stub.on(*BEAT, Answer(500, "caused: oops;"), times=3)
    beats = stub.wait_for(*BEAT, count=8, timeout=10)
    assert max(gaps(beats)) < PERIOD * 2 + 1


def test_failed_beat_is_told(service, stub):
    stub.on(*BEAT, Answer(500, "caused: sunspots;"))
    wait_until(lambda: "sunspots" in read(service.rsplit("/", 2)[0] + "/.nacos/errors"), 5)


def test_beats_move_to_another_server(mount, stubs):
    first, second = stubs(), stubs()
    for server in (first, second):
        server.beat_interval = 500
    mounted = mount(f"{first.address},{second.address}")
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", LINE)
    used = wait_until(lambda: [s for s in (first, second) if s.count(*BEAT)], 5)[0]
    other = second if used is first else first
    used.on("*", "*", Silence())
    other.wait_for(*BEAT, timeout=3.5)  # a beat's own deadline, and a period


def test_slow_polls_delay_no_beat(mount, stub):
    stub.beat_interval = 300
    stub.cache_millis = 500
    for number in range(30):
        stub.add(f"svc-{number}", "10.0.1.1", 80)
    mounted = mount(stub.address, "timeout=5")
    os.makedirs(mounted / SERVICE)
    for number in range(30):
        read(mounted / f"DEFAULT_GROUP/svc-{number}/instances")
    stub.on("GET", "/instance/list", Delay(2))
    write(mounted / f"{SERVICE}/register", LINE)
    since = time.monotonic()
    beats = stub.wait_for(*BEAT, count=10, timeout=8, since=since)
    assert max(gaps(beats)) < 1.8


def test_beat_stops_before_deregistering_and_never_comes_back(service, stub):
    stub.wait_for(*BEAT, count=3)
    write(service + "/deregister", "10.0.0.1:80\n")
    deleted = stub.seen("DELETE", "/instance")[0].time
    time.sleep(PERIOD * 4)
    assert not stub.seen(*BEAT, since=deleted)
    assert not stub.hosts("order-svc")


def test_beat_in_flight_is_waited_for(mount, stub):
    stub.beat_interval = 1000  # a beat's own deadline is its period, a second at most
    mounted = mount(stub.address)
    os.makedirs(mounted / SERVICE)
    stub.on(*BEAT, Delay(0.7))
    write(mounted / f"{SERVICE}/register", LINE.replace(f"interval={int(PERIOD * 1000)}", "interval=1000"))
    beat = stub.wait_for(*BEAT)[0]
    write(mounted / f"{SERVICE}/deregister", "10.0.0.1:80\n")
    assert stub.seen("DELETE", "/instance")[0].time - beat.time > 0.65
    assert not stub.hosts("order-svc")


def test_no_beat_after_unmount(mount, stub):
    stub.beat_interval = 200
    mounted = mount(stub.address)
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", LINE)
    stub.wait_for(*BEAT, count=2)
    mounted.stop()
    seen = stub.count(*BEAT)
    deleted = stub.seen("DELETE", "/instance")[0].time
    assert not stub.seen(*BEAT, since=deleted)
    time.sleep(1)
    assert stub.count(*BEAT) == seen


def test_persistent_instance_has_no_beat(mount, stub):
    stub.beat_interval = 200
    mounted = mount(stub.address)
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", LINE.replace("weight=3", "ephemeral=false"))
    stays(lambda: not stub.count(*BEAT), 1.5)


@pytest.mark.heavy
def test_beats_of_many_instances_are_spread(mount, stub):
    stub.beat_interval = 1000
    mounted = mount(stub.address)
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", "".join(
        f"10.0.0.{n}:80 meta.preserved.heart.beat.interval=1000\n" for n in range(1, 101)))
    start = time.monotonic()
    beats = stub.wait_for(*BEAT, count=300, timeout=8, since=start)[:300]
    last = [beat.time for beat in beats[-100:]]
    assert max(last) - min(last) > 0.4  # of a period of 1 s


def test_registering_again_keeps_one_beat(service, stub):
    for weight in range(4, 8):
        write(service + "/register", LINE.replace("weight=3", f"weight={weight}"))
    since = time.monotonic()
    beats = stub.wait_for(*BEAT, count=8, timeout=10, since=since)
    assert beats[7].time - beats[0].time > PERIOD * 7 * 0.6


@pytest.mark.heavy
def test_registered_instance_stays_at_a_real_registry(mounted, registry):
    """With times so short that it were gone without its beats."""
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register",
          "10.0.0.1:80 meta.preserved.heart.beat.interval=500 meta.preserved.heart.beat.timeout=1500 "
          "meta.preserved.ip.delete.timeout=3000\n")
    stays(lambda: [h["healthy"] for h in registry.list("order-svc")["hosts"]] == [True], 6, interval=0.2)
