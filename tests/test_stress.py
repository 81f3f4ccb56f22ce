# SPDX-License-Identifier: MIT
"""Everybody at once: readers, writers, watchers, changes at the registry, killed processes, killed helpers,
dropped caches. What must hold while it lasts is asserted by the workers, what must hold afterwards at the
end. STRESS_SECONDS and STRESS_SEED make it longer or another one."""
import collections
import errno
import os
import random
import subprocess
import threading
import time
import traceback

import pytest
from lib import procs
from lib.inotify import Watch
from lib.mounts import SANITIZED, fields, lines, read, write
from lib.wait import wait_until

SECONDS = float(os.environ.get("STRESS_SECONDS", "20"))
SEED = int(os.environ.get("STRESS_SEED", "1"))
GROUP = "DEFAULT_GROUP"
SERVICES = [f"svc-{number}" for number in range(5)]
SETTLE = 20.0  # seconds in which everything must have come to rest
MOST_CONNECTIONS = 40  # that curl may keep for the next request
RSS_ROOM = 8 << 20  # bytes by which the daemon may have grown between the first third and the end


class World:
    """What the workers share."""

    def __init__(self, mounted, registry):
        self.mounted = mounted
        self.registry = registry
        self.done = threading.Event()
        self.counts = collections.Counter()
        self.errors = []
        self.threads = []

    def path(self, service, *names):
        return os.path.join(self.mounted.path, GROUP, service, *names)

    def start(self, work, *arguments):
        """work(world, random, ...) again and again until the end."""
        chance = random.Random(f"{SEED} {work.__name__} {arguments}")

        def loop():
            while not self.done.is_set() and not self.errors:
                try:
                    work(self, chance, *arguments)
                    self.counts[work.__name__] += 1
                except Exception as error:  # pylint: disable=broad-except
                    where = traceback.extract_tb(error.__traceback__)[1].lineno
                    self.errors.append(f"{work.__name__}{arguments} line {where}: {error!r}")

        self.threads.append(threading.Thread(target=loop, name=work.__name__, daemon=True))
        self.threads[-1].start()

    def stop(self):
        self.done.set()
        for thread in self.threads:
            thread.join(30)
        left = [thread.name for thread in self.threads if thread.is_alive()]
        assert not left, f"workers that hang: {left}"
        assert not self.errors, "\n".join(self.errors)


class Tolerated:
    """with Tolerated(counts, ENOENT): what may fail so when others are at work."""

    def __init__(self, counts, *numbers):
        self.counts = counts
        self.numbers = numbers

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        if isinstance(error, OSError) and error.errno in self.numbers:
            self.counts[errno.errorcode[error.errno]] += 1
            return True
        return False


# --- readers ------------------------------------------------------------------------------------------------


def address_key(line):
    ip, _, port = line.split(" ")[0].rpartition(":")
    return [int(part) for part in ip.split(".")], int(port)


def read_one(world, chance):
    service = chance.choice(SERVICES)
    name = chance.choice(["instances", "instances", "healthy", "instances.json", "register", "pick"])
    with Tolerated(world.counts, errno.ENODATA):
        content = lines(world.path(service, name))
        if name in ("instances", "healthy"):
            keys = [address_key(line) for line in content]
            assert keys == sorted(keys) and len(keys) == len(set(map(str, keys))), f"torn: {content}"


def stat_hosts(world, chance):
    hosts = world.path(chance.choice(SERVICES), "hosts")
    for name in os.listdir(hosts):
        with Tolerated(world.counts, errno.ENOENT):
            os.stat(os.path.join(hosts, name))
            read(os.path.join(hosts, name))
    with pytest.raises(FileNotFoundError):
        os.stat(hosts + "/10.9.9.9:9")
    time.sleep(chance.uniform(0, 0.05))


def walk(world, chance):
    command = chance.choice([["ls", "-lR"], ["find"], ["du", "-a"]])
    subprocess.run([*command, world.mounted.path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   check=False)  # names that go meanwhile are complained about
    time.sleep(chance.uniform(0, 0.3))


# --- writers ------------------------------------------------------------------------------------------------


def holds(world, service, address):
    return address in [line.split(" ")[0] for line in lines(world.path(service, "instances"))]


def register_and_remove(world, chance, number):
    """One writer's own addresses: each step is visible in the next open."""
    service = chance.choice(SERVICES)
    address = f"10.1.{number}.{chance.randrange(5)}:80"
    host = world.path(service, "hosts", address)
    how = chance.randrange(4)
    if how == 0:
        fd = os.open(host, os.O_WRONLY | os.O_CREAT, 0o644)
        os.close(fd)
        wait_until(lambda: holds(world, service, address), 5, f"{host} created")
    elif how == 1:
        write(host, "weight=7 meta.a=b\n", os.O_WRONLY | os.O_CREAT)
    else:
        others = [f"10.1.{number}.{100 + i}:80" for i in range(chance.randrange(4))]
        write(world.path(service, "register"), "".join(f"{a} meta.n={chance.random()}\n"
                                                       for a in [*others, address]))
        if others:
            write(world.path(service, "deregister"), "".join(a + "\n" for a in others))
    assert holds(world, service, address), f"{service} {address} (way {how}) registered and not shown"
    if chance.random() < 0.3:
        wait_until(lambda: os.path.exists(host), 5, f"{host} visible")  # announced when helpers live
        write(host, f"weight={chance.randrange(1, 100)}\n")
    if chance.random() < 0.5:
        wait_until(lambda: os.path.exists(host), 5, f"{host} visible")
        os.unlink(host)
    else:
        write(world.path(service, "deregister"), address + "\n")
    assert not holds(world, service, address), f"{service} {address} deregistered and still shown"
    wait_until(lambda: not os.path.exists(host), 5, f"{host} invisible")


def make_and_remove_service(world, chance, number):
    path = world.path(f"made-{number}-{chance.randrange(3)}")
    with Tolerated(world.counts, errno.EEXIST):
        os.mkdir(path)
    address = f"10.4.{number}.1:80"
    if chance.random() < 0.5:
        write(path + "/register", address + "\n")
        with pytest.raises(OSError) as error:
            os.rmdir(path)
        assert error.value.errno == errno.ENOTEMPTY
        write(path + "/deregister", address + "\n")
    os.listdir(path)
    try:
        os.rmdir(path)
    except OSError as failed:
        raise AssertionError(f"{failed}: {os.listdir(path + '/hosts')} {read(path + '/register')!r} at the "
                             f"registry {world.registry.list(os.path.basename(path))}") from None
    assert not os.path.exists(path), f"{path} after rmdir"


# --- the registry's side, and what kills ----------------------------------------------------------------------


def change_at_the_registry(world, chance, number):
    service = chance.choice(SERVICES)
    ip = f"10.2.{number}.{chance.randrange(12)}"
    if chance.random() < 0.6:
        world.registry.register(service, ip, 80, metadata={"n": str(chance.random())})
    else:
        world.registry.deregister(service, ip, 80)
    time.sleep(chance.uniform(0, 0.04))


def kill_in_the_middle(world, chance, number):
    service = chance.choice(SERVICES)
    address = f"10.3.{number}.{chance.randrange(9)}:80"
    script = chance.choice([
        f"echo {address} > register", f"touch hosts/{address}", f"echo weight=3 > hosts/{address}",
        f"echo {address} > deregister", f"rm -f hosts/{address}", "cat instances healthy", "ls -lR .",
        "stat hosts/10.9.9.8:1", f"printf %s {address} > register", "grep -r meta ."])
    process = subprocess.Popen(["sh", "-c", script], cwd=world.path(service),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(chance.choice([0, 0.001, 0.003, 0.01, 0.05]))
    process.kill()
    process.wait()


def helpers(mounted):
    main = mounted.process.pid
    return [pid for pid in procs.descendants(main)
            if pid != main and b"mirror" in b" ".join(procs.command_line(pid)[:2])]


def kill_a_helper(world, chance):
    world.done.wait(chance.uniform(0.2, 1.5))
    for pid in chance.sample(found := helpers(world.mounted), min(len(found), chance.randrange(1, 4))):
        procs.kill(pid)


def drop_caches(world=None, chance=None):
    if world:
        world.done.wait(chance.uniform(0.3, 2))
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("2")


# --- watchers -----------------------------------------------------------------------------------------------


class Model:
    """What a program knows of hosts/ that lists it once and believes the events from then on."""

    def __init__(self, path):
        self.path = path
        self.watch = Watch(path, mask="CREATE|DELETE|DELETE_SELF")
        self.first = os.listdir(path)

    def names(self):
        names = set(self.first)
        for event in list(self.watch.events):
            if "CREATE" in event.names:
                names.add(event.name)
            elif "DELETE" in event.names:
                names.discard(event.name)
        return names

    def wrong(self):
        """What the listing and the model do not agree about."""
        return self.names() ^ set(os.listdir(self.path))

    def doubled(self):
        """Names of which two CREATE or two DELETE came in a row."""
        last, found = {}, []
        for event in list(self.watch.events):
            if last.get(event.name) == event.names and event.name:
                found.append((sorted(event.names), event.name))
            last[event.name] = event.names
        return found

    def check(self):
        wait_until(lambda: not self.wrong(), SETTLE,
                   f"{self.path}: model {sorted(self.names())} listing {sorted(os.listdir(self.path))}")
        assert not self.watch.seen("Q_OVERFLOW") and not self.watch.seen("DELETE_SELF")
        assert not self.doubled(), f"{self.path}: doubled {self.doubled()[:10]}"
        return len(self.watch.events)


def watch_for_a_while(world, chance):
    """Comes and goes: watched services are dropped and taken up again."""
    service = chance.choice(SERVICES)
    model = Model(world.path(service, "hosts"))
    try:
        world.done.wait(chance.uniform(0.1, 4))
        assert not model.doubled(), f"{service}: doubled {model.doubled()[:10]}"
    finally:
        model.watch.close()


# --- the end ------------------------------------------------------------------------------------------------


def status(mounted):
    table = {}
    for line in lines(mounted / ".nacos/status"):
        table.update(fields(line))
    return {key: int(table[key]) for key in ("nodes", "open_files", "parked", "subscribed",
                                             "announcements_waiting", "requests_in_flight")}


def rss(mounted):
    with open(f"/proc/{mounted.daemon()}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def fds(mounted):
    """(descriptors but sockets, sockets) of the daemon."""
    directory = f"/proc/{mounted.daemon()}/fd"
    links = [os.readlink(os.path.join(directory, name)) for name in os.listdir(directory)]
    sockets = sum(link.startswith("socket:") for link in links)
    return len(links) - sockets, sockets


def shows_what_is_listed(world, service):
    """hosts/ and instances are the registry's list; what this mount keeps is in it."""
    listed = world.registry.addresses(service)
    shown = {line.split(" ")[0] for line in lines(world.path(service, "instances"))}
    kept = {line.split(" ")[0] for line in lines(world.path(service, "register"))}
    return listed == shown == set(os.listdir(world.path(service, "hosts"))) and kept <= listed


def check_rest(world, idle):
    """Nobody uses the mount any more: it goes back to what it was before."""
    def at_rest():
        drop_caches()
        now = status(world.mounted)
        return now if all(now[key] <= idle[key] for key in now) else None
    try:
        wait_until(at_rest, SETTLE, interval=0.3)
    except AssertionError:
        raise AssertionError(f"before {idle}, at last {status(world.mounted)}") from None


@pytest.mark.alone
@pytest.mark.deadline(SECONDS + 120)
def test_everybody_at_once(mount, registry):
    for service in SERVICES:
        registry.register(service, "10.0.0.1", 80)
    mounted = mount(registry.address, "idle_timeout=2")
    world = World(mounted, registry)
    os.listdir(mounted / GROUP)
    drop_caches()
    time.sleep(2)  # nodes of the start are asked about and forgotten
    idle, idle_fds = status(mounted), fds(mounted)
    models = [Model(world.path(service, "hosts")) for service in SERVICES[:3]]
    for number in range(2):
        world.start(register_and_remove, number)
        world.start(change_at_the_registry, number)
        world.start(kill_in_the_middle, number)
        world.start(make_and_remove_service, number)
    for work in (read_one, stat_hosts, walk, kill_a_helper, drop_caches, watch_for_a_while,
                 watch_for_a_while):
        world.start(work)
    world.done.wait(SECONDS / 3)
    early = rss(mounted)
    end = time.monotonic() + SECONDS * 2 / 3
    while time.monotonic() < end and not world.errors:
        time.sleep(0.1)
    world.stop()
    assert mounted.process.poll() is None
    for service in SERVICES:
        wait_until(lambda name=service: shows_what_is_listed(world, name), SETTLE, f"{service} as listed")
    events = [model.check() for model in models]
    for model in models:
        model.watch.close()
    late = rss(mounted)
    check_rest(world, idle)
    print(f"\n{dict(world.counts)}\nevents {events} rss {early >> 10} -> {late >> 10} KiB "
          f"fds {idle_fds} -> {fds(mounted)} idle {idle} -> {status(mounted)}")
    assert fds(mounted)[0] <= idle_fds[0] + 3, "descriptors leak"  # a helper more or less
    assert fds(mounted)[1] <= idle_fds[1] + MOST_CONNECTIONS, "sockets leak"
    assert SANITIZED or late - early < RSS_ROOM, f"RSS {early} -> {late}"
