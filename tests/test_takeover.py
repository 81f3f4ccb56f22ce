# SPDX-License-Identifier: MIT
"""A mount outlives its daemon: SIGKILL of it, again and again, under load, is noticed by nobody."""
import collections
import os
import random
import time

import pytest
from lib import procs
from lib.crowd import Crowd
from lib.inotify import Watch
from lib.mounts import fields, lines, read, write
from lib.wait import wait_until

GROUP = "DEFAULT_GROUP"
SERVICES = [f"svc-{number}" for number in range(10)]
ADDRESSES = [f"10.0.0.{number + 1}" for number in range(10)]
SEED = int(os.environ.get("TAKEOVER_SEED", "1"))


def kills(default):
    return int(os.environ.get("TAKEOVER_KILLS", default))


class World:
    """A stub whose lists change all the time, a mount of it, watchers, and a crowd that uses it."""

    def __init__(self, mount, stub):
        self.stub = stub
        self.version = dict.fromkeys(SERVICES, 0)
        self.lease = None
        for service in SERVICES:
            self.change(service, push=False)
        self.mounted = mount(stub.address)
        for service in SERVICES:
            read(self.path(service, "instances"))
            os.listdir(self.path(service, "hosts"))
        self.watches = [self.path(service, name) for service in SERVICES
                        for name in ("instances", "hosts")]
        self.watch = Watch(*self.watches, mask="MODIFY|CREATE|DELETE|CLOSE_WRITE|DELETE_SELF|IGNORED")
        self.crowd = Crowd(self.mounted.path)
        self.chance = random.Random(SEED)

    def path(self, *names):
        return os.path.join(self.mounted.path, GROUP, *names)

    def change(self, service, push=True):
        """A new version of all its instances."""
        self.version[service] += 1
        version = {"version": str(self.version[service])}
        for address in ADDRESSES:
            self.stub.add(service, address, 80, metadata=version)
        if push:
            self.stub.push(service)

    def start_crowd(self):
        for number in range(3):
            self.crowd.add("reader", *SERVICES[number * 3:number * 3 + 3])
        self.crowd.add("holder", *SERVICES)
        self.crowd.add("listener", SERVICES[0])
        self.crowd.add("registrar", "own-0", 0)
        self.crowd.add("registrar", "own-1", 10000)
        self.crowd.add("leaser", "own-2", "10.7.0.1:80")
        self.crowd.add("walker")

    def prepare_own(self):
        for number in range(4):
            os.makedirs(self.path(f"own-{number}"))
        self.lease = open(self.path("own-3", "lease"), "wb", buffering=0)
        self.lease.write(b"10.7.0.2:80\n")

    def close(self):
        self.crowd.kill()
        if self.lease:
            self.lease.close()
        self.watch.close()


@pytest.fixture
def world(mount, stub):
    made = World(mount, stub)
    yield made
    made.close()


def percentile(values, part):
    return values[min(len(values) - 1, int(len(values) * part))] if values else 0.0


def report(seen, waited):
    """What everybody saw, in figures."""
    times = sorted(ms for kind, result in seen if kind in ("reader", "holder") for ms in result["ms"])
    print(f"\n{len(waited)} deaths, {sum(result['calls'] for _, result in seen)} calls, "
          f"{sum(len(result['failed']) for _, result in seen)} failed; "
          f"from death to the next read's end: p50 {percentile(waited, .5):.1f} "
          f"p99 {percentile(waited, .99):.1f} max {percentile(waited, 1):.1f} ms; "
          f"calls of readers: p50 {percentile(times, .5):.3f} p99 {percentile(times, .99):.3f} "
          f"p99.9 {percentile(times, .999):.3f} max {percentile(times, 1):.1f} ms")


def assert_nobody_noticed(world, seen):
    failed = [f"{kind}: {text}" for kind, result in seen for text in result["failed"]]
    assert not failed, f"{len(failed)} failures:\n" + "\n".join(failed[:20])


def assert_no_watch_is_deaf(world):
    """One more change each: the watch tells, and what it tells of is readable."""
    for service in SERVICES:
        now = time.monotonic()
        world.change(service)
        path = world.path(service, "instances")
        world.watch.wait_for("CLOSE_WRITE", path=path, since=now, timeout=20)
        wait_until(lambda p=path, s=service: f"meta.version={world.version[s]}" in read(p), 20)


def assert_events_once(result, world):
    """The listener saw versions of each address in order, none twice."""
    last = collections.Counter()
    for line in result["lines"]:
        _, verb, address, *rest = line.split(" ")
        version = next(int(word.partition("=")[2]) for word in rest if word.startswith("meta.version="))
        assert verb == "modified", line
        assert version > last[address], f"{line} after version {last[address]}"
        last[address] = version
    assert set(last.values()) == {world.version[SERVICES[0]]}, last


def assert_model_of_hosts(world):
    """CREATE and DELETE that the watches saw add up to what is listed; none came twice."""
    for service in SERVICES:
        hosts = world.path(service, "hosts")
        present = set(f"{address}:80" for address in ADDRESSES)
        for event in world.watch.seen(path=hosts):
            if "CREATE" in event.names:
                assert event.name not in present, f"CREATE of {event.name} twice"
                present.add(event.name)
            if "DELETE" in event.names:
                assert event.name in present, f"DELETE of {event.name} twice"
                present.remove(event.name)
        assert present == set(os.listdir(hosts))
        assert not world.watch.seen("IGNORED") and not world.watch.seen("DELETE_SELF")


def registered(stub, service):
    return {f"{ip}:{port}" for ip, port, _ in stub.hosts(service)}


def assert_registrations(world, seen):
    kept = [set(result["kept"]) for kind, result in seen if kind == "registrar"]
    for number, names in enumerate(kept):
        assert registered(world.stub, f"own-{number}") == names
        assert {line.split(" ")[0] for line in lines(world.path(f"own-{number}", "register"))} == names
    wait_until(lambda: registered(world.stub, "own-2") == set(), 10)
    assert registered(world.stub, "own-3") == {"10.7.0.2:80"}


def assert_beats(world, since, limit=7.0):
    """The held lease was beaten all the time."""
    beats = [since] + [request.time for request in world.stub.seen("PUT", "/instance/beat")
                       if "10.7.0.2" in request.params.get("beat", request.params.get("ip", ""))]
    late = max(b - a for a, b in zip(beats, beats[1:] + [time.monotonic()]))
    assert late <= limit, f"{late:.1f} s without a beat"


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def run(world, deaths, die):
    """Calls die() so many times at random intervals while everybody works."""
    world.prepare_own()
    world.start_crowd()
    start = time.monotonic()
    time.sleep(1.5)
    keeper = world.mounted.process.pid
    before = resident(keeper), descriptors(keeper)
    waited = []
    for _ in range(deaths):
        time.sleep(world.chance.uniform(0.004, 0.18))
        die()
        died = time.monotonic()
        read(world.path(SERVICES[1], "instances"))
        waited.append((time.monotonic() - died) * 1000)
        for service in world.chance.sample(SERVICES, 2):
            world.change(service)
    for service in SERVICES:
        world.change(service)
    wait_until(lambda: all(f"meta.version={world.version[s]}" in read(world.path(s, "instances"))
                           for s in SERVICES), 20)
    time.sleep(1.0)
    seen = world.crowd.end()
    report(seen, sorted(waited))
    assert_nobody_noticed(world, seen)
    assert_events_once(dict(seen)["listener"], world)
    assert_no_watch_is_deaf(world)
    assert_model_of_hosts(world)
    assert_registrations(world, seen)
    assert_beats(world, start)
    assert resident(keeper) <= before[0] + 512, "the keeper grows"
    assert descriptors(keeper) <= before[1] + 1


def kill_daemon(world):
    killed = []

    def die():
        pid = wait_until(lambda: world.mounted.daemon() not in killed and world.mounted.daemon(), 10)
        procs.kill(pid)
        killed.append(pid)
    return die


@pytest.mark.deadline(240)
def test_killed_daemon_is_noticed_by_nobody(world):
    run(world, kills(20), kill_daemon(world))
    status = dict(fields(line).popitem() for line in lines(world.mounted / ".nacos/status"))
    assert int(status["restarts"]) >= kills(20)
