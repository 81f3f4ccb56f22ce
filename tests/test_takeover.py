# SPDX-License-Identifier: MIT
"""A mount outlives its daemon: SIGKILL of it, again and again, under load, is noticed by nobody."""
import collections
import errno
import fcntl
import itertools
import os
import random
import re
import signal
import socket
import struct
import subprocess
import time

import pytest
from lib import procs
from lib.crowd import Crowd
from lib.inotify import Watch
from lib.mounts import SANITIZED, lines, read, write
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


def mapped(mounted):
    """KiB of the state in memory."""
    fd = f"/proc/{mounted.daemon()}/fd/5"
    return os.stat(fd).st_blocks // 2


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def run(world, deaths, die):
    """Calls die() so many times at random intervals while everybody works."""
    world.prepare_own()
    world.start_crowd()
    start = time.monotonic()
    time.sleep(1.5)
    keeper = world.mounted.process.pid
    before = resident(keeper), descriptors(keeper), mapped(world.mounted)
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
    if world.mounted.process.poll() is None:  # else another one keeps the mount by now
        assert SANITIZED or resident(keeper) <= before[0] + 512, "the keeper grows"
        assert descriptors(keeper) <= before[1] + 1
    wait_until(lambda: mapped(world.mounted) <= before[2] + 256, 20, "the state to be as small as before")


def status(world, name):
    text = dict(line.partition("=")[::2] for line in lines(world.mounted / ".nacos/status"))
    return int(text[name])


def kill_keeper(world):
    killed = []

    def die():
        pid = wait_until(lambda: status(world, "keeper_pid") not in killed and status(world, "keeper_pid"), 10)
        world.mounted.orphaned = True
        procs.kill(pid)
        killed.append(pid)
    return die


def kill_in_turn(world):
    keeper, daemon = kill_keeper(world), kill_daemon(world)
    turn = itertools.cycle([keeper, daemon])
    return lambda: next(turn)()


def replace(world):
    def upgrade():
        done = subprocess.run([os.path.join(world.mounted.build, "nacosfs"), "--replace", world.mounted.path],
                              capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    return upgrade


def kill_daemon(world):
    killed = []

    def die():
        pid = wait_until(lambda: world.mounted.daemon() not in killed and world.mounted.daemon(), 10)
        procs.kill(pid)
        killed.append(pid)
    return die


@pytest.mark.alone
@pytest.mark.deadline(300)
def test_killed_daemon_is_noticed_by_nobody(world):
    run(world, kills(30), kill_daemon(world))
    assert status(world, "restarts") >= kills(30)


@pytest.mark.alone
@pytest.mark.heavy
@pytest.mark.deadline(300)
def test_killed_keeper_is_noticed_by_nobody(world):
    run(world, kills(10), kill_keeper(world))


@pytest.mark.alone
@pytest.mark.heavy
@pytest.mark.deadline(300)
def test_keeper_and_daemon_killed_in_turn_are_noticed_by_nobody(world):
    run(world, kills(10), kill_in_turn(world))


@pytest.mark.alone
@pytest.mark.deadline(300)
def test_upgrade_is_noticed_by_nobody(world):
    run(world, kills(10), replace(world))


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.deadline(900)
def test_two_hundred_deaths(world):
    run(world, kills(200), kill_daemon(world))


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.deadline(900)
@pytest.mark.parametrize("die", [kill_keeper, replace])
def test_thirty_of_each(world, die):
    run(world, kills(30), die(world))


# --- ends -----------------------------------------------------------------------------------------


@pytest.fixture
def small(mount, stub):
    """A mount with one service that is held."""
    stub.add("order-svc", "10.0.0.1", 80)
    mounted = mount(stub.address)
    assert lines(mounted / f"{GROUP}/order-svc/healthy") == ["10.0.0.1:80"]
    return mounted


def test_both_killed_is_a_clean_end_and_the_next_start_takes_the_path(mount, stub, small):
    small.orphaned = True
    small.kill_everything()
    with pytest.raises(OSError) as error:
        os.listdir(small.path)
    assert error.value.errno in (errno.ENOTCONN, errno.ECONNABORTED)
    again = mount(stub.address, path=small.path)
    assert lines(again / f"{GROUP}/order-svc/healthy") == ["10.0.0.1:80"]


def test_lazy_umount_serves_on_until_the_last_close(small):
    fd = os.open(small / f"{GROUP}/order-svc/healthy", os.O_RDONLY)
    subprocess.run(["umount", "-l", small.path], check=True)
    procs.kill(daemon_of(small))
    wait_until(lambda: os.pread(fd, 100, 0) == b"10.0.0.1:80\n", 20)
    assert small.process.poll() is None
    os.close(fd)
    assert small.wait(20) == 0


def daemon_of(mounted):
    """The mount cannot be asked any more."""
    return [pid for pid in procs.of_mount(mounted.path)
            if procs.command_line(pid)[1:2] == [b"--daemon"]][0]


def test_term_while_no_daemon_lives(small):
    procs.kill(small.daemon())
    small.signal(signal.SIGTERM)
    assert small.wait(20) == 0
    assert not small.mounted()


def test_errors_stay_readable(small):
    """More than there is room for, some of them counted: what is kept is what was."""
    for number in range(120):
        for _ in range(2):
            with pytest.raises(OSError):
                write(small / f"{GROUP}/order-svc/register", f"10.0.0.9:80 nonsense{number}=1\n")
    errors = read(small / ".nacos/errors")
    assert len(errors.splitlines()) == 100 and "count=2" in errors
    for _ in range(2):
        procs.kill(small.daemon())
        assert read(small / ".nacos/errors") == errors
    with pytest.raises(OSError):
        write(small / f"{GROUP}/order-svc/register", "nonsense\n")
    assert read(small / ".nacos/errors").splitlines()[:-1] == errors.splitlines()[1:]


def test_signals_to_the_daemon_are_ignored(small):
    pid = small.daemon()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        procs.kill(pid, number)
    assert lines(small / f"{GROUP}/order-svc/healthy") == ["10.0.0.1:80"]
    assert small.daemon() == pid


def test_helpers_of_dead_daemons_are_reaped(small):
    for _ in range(5):
        before = small.daemon()
        procs.kill(before)
        wait_until(lambda: small.daemon() != before, 20)
    wait_until(lambda: not [pid for pid in procs.descendants(small.process.pid)
                            if procs.stat_fields(pid) and procs.stat_fields(pid)[0] == "Z"], 20)


def test_registry_of_standalone_outlives_daemon_and_keeper(mount):
    mounted = mount("standalone", "listen=127.0.0.1:0")

    def pids():
        text = dict(line.partition("=")[::2] for line in lines(mounted / ".nacos/status"))
        return int(text["keeper_pid"]), int(text["registry_pid"])

    keeper, registry = pids()
    os.mkdir(mounted / f"{GROUP}/a")
    write(mounted / f"{GROUP}/a/register", "10.0.0.1:80\n")
    daemon = mounted.daemon()
    procs.kill(daemon)
    wait_until(lambda: mounted.daemon() != daemon and pids(), 20)
    mounted.orphaned = True
    procs.kill(keeper)
    mounted.process.wait()
    wait_until(lambda: pids()[0] != keeper, 20)
    assert pids()[1] == registry
    assert lines(mounted / f"{GROUP}/a/healthy") == ["10.0.0.1:80"]
    procs.kill(pids()[0], signal.SIGTERM)
    wait_until(lambda: not mounted.mounted(), 20)
    wait_until(lambda: not procs.command_line(registry), 20)


def test_replace_of_what_is_no_mount(build, place):
    done = subprocess.run([os.path.join(build, "nacosfs"), "--replace", place], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 1 and "not a living nacosfs mount" in done.stderr
    assert done.stderr.count("\n") == 1


def test_replace_by_another_layout_is_refused(small):
    """As a binary that keeps its state otherwise asks."""
    text = dict(line.partition("=")[::2] for line in lines(small / ".nacos/status"))
    daemon = small.daemon()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asker, open("/bin/true", "rb") as program:
        asker.connect(f"\0nacosfs-{text['keeper_pid']}")
        asker.sendmsg([struct.pack("I", 4711)],
                      [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", program.fileno()))])
        assert b"layout" in asker.recv(1000)
    assert small.daemon() == daemon


def state_layout():
    header = os.path.join(os.path.dirname(__file__), "..", "fs", "state.h")
    with open(header, encoding="utf-8") as file:
        return int(re.search(r"^#define STATE_LAYOUT (\d+)$", file.read(), re.M).group(1))


def test_replace_by_what_cannot_be_run_goes_back(small):
    """It is asked for in the right words, but is no program."""
    text = dict(line.partition("=")[::2] for line in lines(small / ".nacos/status"))
    small.expected = "cannot"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asker, \
            open(__file__, "rb") as program:
        asker.connect(f"\0nacosfs-{text['keeper_pid']}")
        asker.sendmsg([struct.pack("I", state_layout())],
                      [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", program.fileno()))])
        assert b"cannot be run" in asker.recv(1000)
    wait_until(lambda: lines(small / f"{GROUP}/order-svc/healthy") == ["10.0.0.1:80"], 20)


class Manager:
    """What systemd is to a service with FileDescriptorStoreMax=: keeps what it is given by name."""

    def __init__(self, place):
        self.address = os.path.join(place, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address)
        self.socket.settimeout(20)
        self.store = {}
        self.said = []

    def listen_until(self, text):
        while text not in self.said:
            message, rights, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(4))
            fields = message.decode().split("\n")
            self.said += fields
            if rights:
                name = next(field.partition("=")[2] for field in fields if field.startswith("FDNAME="))
                assert "FDPOLL=0" in fields
                self.store.setdefault(name, struct.unpack("i", rights[0][2])[0])

    def start(self, command, log):
        """With the store at 3 and following, as sd_listen_fds(3) wants them."""
        names = ":".join(self.store)
        fds = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in self.store.values()]
        script = "".join(f"exec {3 + i}<&{fd} {fd}<&-; " for i, fd in enumerate(fds))
        script += f"export LISTEN_FDS={len(fds)} LISTEN_FDNAMES={names} LISTEN_PID=$$; exec \"$@\""
        try:
            return self.run(["bash", "-c", script, "bash", *command], fds, log)
        finally:
            for fd in fds:
                os.close(fd)

    def run(self, command, fds, log):
        return subprocess.Popen(command, pass_fds=fds, stdout=log, stderr=log,
                                env={**os.environ, "NOTIFY_SOCKET": self.address}, start_new_session=True)

    def close(self):
        self.socket.close()
        for fd in self.store.values():
            os.close(fd)


def test_descriptor_store_mends_the_death_of_both(mount, stub, place):
    stub.add("order-svc", "10.0.0.1", 80)
    manager = Manager(place)
    mounted = mount(stub.address, env={"NOTIFY_SOCKET": manager.address})
    manager.listen_until("READY=1")
    assert sorted(manager.store) == ["fuse", "state"]
    path = mounted / f"{GROUP}/order-svc"
    fd = os.open(path + "/healthy", os.O_RDONLY)
    with Watch(path + "/hosts") as watch:
        for number in range(3):
            for pid in procs.of_mount(mounted.path):
                procs.kill(pid, signal.SIGSTOP)
            for pid in procs.of_mount(mounted.path):
                procs.kill(pid)
            mounted.process.wait()
            with open(mounted.log_path, "ab") as log:
                mounted.process = manager.start(mounted.command(), log)
            assert os.pread(fd, 100, 0) == b"10.0.0.1:80\n"
            stub.add("order-svc", f"10.0.1.{number}", 80)
            stub.push("order-svc")
            watch.wait_for("CREATE", f"10.0.1.{number}:80", timeout=20)
    os.close(fd)
    manager.close()
