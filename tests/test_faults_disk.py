# SPDX-License-Identifier: MIT
"""Disk and time: what must do no harm. One test a fault, named after its row of the fault table
(42 to 50), each with a bound on the wall clock."""
import errno
import glob
import json
import os
import random
import shutil
import signal
import subprocess
import time
import urllib.parse

import pytest
from lib import procs
from lib.inotify import Watch
from lib.mounts import fields, lines, read, write
from lib.wait import Timed, stays, wait_until
from stub_server import Silence

GROUP = "DEFAULT_GROUP"
SERVICE = f"{GROUP}/order-svc"
SWITCH = "00-00---000-VIPSRV_FAILOVER_SWITCH-000---00-00"


def file_of(service, group=GROUP):
    return urllib.parse.quote(f"{group}@@{service}", safe="")


def attributes(path):
    return {name: os.getxattr(path, name).decode() for name in os.listxattr(path)}


def cached(service, *addresses, group=GROUP):
    """The bytes of a list as the Java client writes them."""
    hosts = [{"ip": ip, "port": port, "weight": 1.0, "healthy": True, "enabled": True,
              "ephemeral": True, "clusterName": "DEFAULT", "metadata": {}} for ip, port in addresses]
    return json.dumps({"name": f"{group}@@{service}", "clusters": "", "cacheMillis": 10000,
                       "hosts": hosts, "lastRefTime": 1, "checksum": "", "allIPs": False}).encode()


@pytest.fixture
def cache(place):
    path = os.path.join(place, "lists")
    os.makedirs(path)
    return path


def put(directory, name, content):
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, name), "wb") as file:
        file.write(content)


@pytest.fixture
def dead(stubs):
    """The address of a server that is not there any more."""
    stub = stubs()
    stub.close()
    return stub.address


# --- 42: what may be in a cache directory --------------------------------------------------------------


def senseless_entries(directory):
    """One of each kind, under the name of a service of its own; returns the names."""
    whole = cached("x", ("10.0.0.1", 80))
    chance = random.Random(42)
    kinds = {"empty": b"", "zeroes": bytes(4096), "noise": chance.randbytes(4096),
             "array": b"[]", "other": cached("somebody-else", ("10.0.0.1", 80))}
    for cut in range(1, len(whole), 7):
        kinds[f"cut{cut}"] = whole[:cut]
    for name, content in kinds.items():
        put(directory, file_of(name), content)
    put(directory, file_of("huge"), b"")
    os.truncate(os.path.join(directory, file_of("huge")), 1 << 30)
    os.mkdir(os.path.join(directory, file_of("dir")))
    os.mkfifo(os.path.join(directory, file_of("fifo")))
    put(directory, "elsewhere", cached("link", ("10.6.6.6", 66)))
    os.symlink("elsewhere", os.path.join(directory, file_of("link")))
    os.symlink("/dev/zero", os.path.join(directory, file_of("device")))
    return [*kinds, "huge", "dir", "fifo", "link", "device"]


def test_42_senseless_cache_files(mount, dead, cache):
    """Only that entry is lost, and nothing blocks."""
    names = senseless_entries(cache)
    put(cache, file_of("good"), cached("good", ("10.0.0.9", 90)))
    with Timed() as start:
        mounted = mount(dead, f"cache_dir={cache}", "timeout=2")
    assert start.seconds < 20, f"the mount took {start.seconds:.1f} s"
    with Timed() as reading:
        for name in names:
            with pytest.raises(OSError) as error:
                read(mounted / f"{GROUP}/{name}/instances")
            assert error.value.errno in (errno.EHOSTUNREACH, errno.ETIMEDOUT), name
    assert reading.seconds < 40, f"{len(names)} senseless files took {reading.seconds:.1f} s"
    assert [line.split()[0] for line in lines(mounted / f"{GROUP}/good/instances")] == ["10.0.0.9:90"]
    wrong = [fields(line)["text"] for line in lines(mounted / ".nacos/errors")]
    assert any("cannot be used" in text for text in wrong)


# --- 43: a disk that takes nothing ---------------------------------------------------------------------


@pytest.fixture
def small_disk(place):
    """A file system of 64 KiB."""
    point = os.path.join(place, "disk")
    os.makedirs(point)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "none", point],
                      check=False).returncode:
        pytest.skip("no right to mount a tmpfs here")
    yield point
    subprocess.run(["umount", "-l", point], check=False)


def whole_files(directory):
    """Every list in it can be read; their names."""
    for path in glob.glob(os.path.join(directory, "*%40%40*")):
        with open(path, encoding="utf-8") as file:
            json.loads(file.readline())
    return sorted(os.path.basename(path) for path in glob.glob(os.path.join(directory, "*%40%40*")))


def growing(directory):
    """New files that are not whole yet."""
    return glob.glob(os.path.join(directory, ".nacosfs", "new.*"))


def check_repair(mount, stub, disk, repair):
    """While nothing can be written memory serves, with a warning a minute; after the repair what is
    newest is written."""
    stub.add("order-svc", "10.0.0.1", 8080)
    mounted = mount(stub.address, f"cache_dir={disk}", "idle_timeout=600")
    assert "10.0.0.1" in read(mounted / f"{SERVICE}/instances")

    def complaints():
        return [line for line in lines(mounted / ".nacos/errors") if "cannot\\040write" in line]

    wait_until(complaints, 20, "the full disk is told")
    stub.add("order-svc", "10.0.0.2", 8080)
    wait_until(lambda: "10.0.0.2" in read(mounted / f"{SERVICE}/instances"), 20, "memory serves")
    assert len(complaints()) == 1
    assert not whole_files(disk) and not growing(disk)
    repair()
    wait_until(lambda: os.path.exists(os.path.join(disk, file_of("order-svc"))), 30,
               "writes resume after the repair")
    assert b"10.0.0.2" in open(os.path.join(disk, file_of("order-svc")), "rb").read()
    assert not growing(disk)


@pytest.mark.deadline(120)
def test_43_full_disk(mount, stub, small_disk):
    ballast = os.path.join(small_disk, "ballast")
    with open(ballast, "wb", buffering=0) as file:
        with pytest.raises(OSError):
            while True:
                file.write(bytes(4096))
    check_repair(mount, stub, small_disk, lambda: os.unlink(ballast))


@pytest.mark.deadline(120)
def test_43_read_only_disk(mount, stub, small_disk):
    def remount(how):
        subprocess.run(["mount", "-o", f"remount,{how}", small_disk], check=True)

    remount("ro")
    check_repair(mount, stub, small_disk, lambda: remount("rw"))


def test_43_directory_removed(mount, stub, cache):
    stub.add("order-svc", "10.0.0.1", 8080)
    mounted = mount(stub.address, f"cache_dir={cache}")
    read(mounted / f"{SERVICE}/instances")
    path = os.path.join(cache, file_of("order-svc"))
    wait_until(lambda: os.path.exists(path), 20, "the list is written")
    shutil.rmtree(cache)
    stub.add("order-svc", "10.0.0.2", 8080)
    wait_until(lambda: os.path.exists(path), 30, "the directory is made anew")


# --- 44: killed while it writes ------------------------------------------------------------------------


def check_kills(mount, stub, cache, kills):
    """Every file is old or new, never torn. What dies is every process of the mount."""
    for service in range(8):
        for host in range(30):
            stub.add(f"s{service}", f"10.{service}.0.{host + 1}", 80)
    chance = random.Random(44)
    for kill in range(kills):
        mounted = mount(stub.address, f"cache_dir={cache}", "push=off")
        for service in range(8):
            read(mounted / f"{GROUP}/s{service}/instances")
        time.sleep(chance.uniform(0.95, 1.15))  # the writes begin a second after a change
        mounted.kill_everything()
        mounted.destroy()
        mounted.process = None
        whole_files(cache)
        stub.add("s0", f"10.9.{kill // 250}.{kill % 250 + 1}", 80)
    assert len(whole_files(cache)) == 8


@pytest.mark.deadline(120)
def test_44_killed_while_writing(mount, stub, cache):
    check_kills(mount, stub, cache, 5)


@pytest.mark.slow
@pytest.mark.deadline(600)
def test_44_killed_while_writing_often(mount, stub, cache):
    check_kills(mount, stub, cache, 100)


@pytest.mark.slow
@pytest.mark.deadline(600)
def test_44_writer_killed_a_thousand_times(build):
    """The part that writes, alone: nearly every kill comes while a new file grows."""
    program = os.path.join(build, "naming", "test_disk_kill")
    done = subprocess.run([program, "1000"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# 1000 kills" in done.stdout


# --- 45: names that try to escape ----------------------------------------------------------------------


def test_45_names_stay_inside(mount, stub, cache):
    names = ["..%2Fx", "x@@..", "%2e%2e", "n" * 250, "\u670d\u52a1" * 40, "a b+c", "~", "v" * 512]
    for number, name in enumerate(names):
        stub.add(name, f"10.0.0.{number + 1}", 80)
    stub.add("../../up", "10.0.0.99", 80)
    stub.add("nul\0", "10.0.0.98", 80)  # no name of a file: not shown
    mounted = mount(stub.address, f"cache_dir={cache}")
    shown = sorted(os.listdir(mounted / GROUP))
    assert len(shown) == len(names) + 1
    with Watch(os.path.dirname(cache), mask="CREATE|MOVED_TO|DELETE") as parent:
        contents = {name: read(mounted / f"{GROUP}/{name}/instances") for name in shown}
        wait_until(lambda: len(os.listdir(cache)) == len(shown) + 1, 20, "a file for each name")
        mounted.stop()
        assert not parent.told(), "outside of the directory"
    stub.close()
    mounted = mount(stub.address, f"cache_dir={cache}", "timeout=2")
    assert sorted(os.listdir(mounted / GROUP)) == shown
    assert {name: read(mounted / f"{GROUP}/{name}/instances") for name in shown} == contents


# --- 46: every server down, a cache on the disk --------------------------------------------------------


def check_served_from_disk(mounted, limit):
    with Timed() as first:
        text = read(mounted / f"{SERVICE}/instances")
    assert text.split()[0] == "10.0.0.1:8080"
    assert first.seconds < limit, f"the first read took {first.seconds:.2f} s"
    told = attributes(mounted / f"{SERVICE}/instances")
    assert told["user.nacos.source"] == "disk" and told["user.nacos.stale"] == "true"
    assert 3600 * 1000 <= int(told["user.nacos.age_ms"]) < 2 * 3600 * 1000


@pytest.fixture
def hour_old(cache):
    put(cache, file_of("order-svc"), cached("order-svc", ("10.0.0.1", 8080)))
    put(cache, file_of("pay", "G2"), cached("pay", ("10.0.0.2", 80), group="G2"))
    then = time.time() - 3700
    os.utime(os.path.join(cache, file_of("order-svc")), (then, then))
    return cache


def test_46_servers_down_at_start(mount, dead, hour_old):
    mounted = mount(dead, f"cache_dir={hour_old}")
    check_served_from_disk(mounted, 5)
    assert "G2" in os.listdir(mounted.path)
    assert os.listdir(mounted / "G2") == ["pay"]
    assert os.listdir(mounted / "G2/pay/hosts") == ["10.0.0.2:80"]


def test_46_servers_silent_at_start(mount, stub, hour_old):
    """They take connections and never answer; the time-out is far away."""
    for path in ("/instance/list", "/service/list", "/catalog/services", "/operator/metrics"):
        stub.on("GET", path, Silence())
    check_served_from_disk(mount(stub.address, f"cache_dir={hour_old}", "timeout=30"), 5)


def test_46_unknown_service_is_an_error(mount, dead, hour_old):
    """Nobody said that there is none."""
    mounted = mount(dead, f"cache_dir={hour_old}", "timeout=2")
    with pytest.raises(OSError) as error:
        read(mounted / f"{GROUP}/unknown/instances")
    assert error.value.errno in (errno.EHOSTUNREACH, errno.ETIMEDOUT)


def test_46_server_that_comes_back_has_the_word(mount, stub, hour_old):
    stub.close()
    mounted = mount(stub.address, f"cache_dir={hour_old}")
    check_served_from_disk(mounted, 5)
    back = stub.restarted()
    try:
        back.add("order-svc", "10.0.0.5", 8080)
        wait_until(lambda: "10.0.0.5" in read(mounted / f"{SERVICE}/instances"), 60,
                   "the server's list")
        told = attributes(mounted / f"{SERVICE}/instances")
        assert told["user.nacos.source"] in ("server", "push")
        assert told["user.nacos.stale"] == "false"
    finally:
        back.close()


def test_46_load_cache_at_start(mount, stub, hour_old):
    """A slow server is not waited for."""
    stub.add("order-svc", "10.0.0.5", 8080)
    stub.on("GET", "/instance/list", Silence())
    mounted = mount(stub.address, f"cache_dir={hour_old}", "load_cache_at_start", "timeout=30")
    check_served_from_disk(mounted, 5)


def check_source(mounted, source):
    told = attributes(mounted / f"{SERVICE}/instances")
    assert (told["user.nacos.source"], told["user.nacos.stale"]) == (source, "true")
    age = int(told["user.nacos.age_ms"])
    row = [fields(line) for line in lines(mounted / ".nacos/subscriptions")
           if fields(line)["service"] == SERVICE][0]
    assert (row["source"], row["stale"], row["instances"]) == (source, "true", "1")
    assert abs(int(row["age_ms"]) - age) < 60000
    return age


def next_daemon(mounted):
    """Kills the daemon; returns when another one answers."""
    before = mounted.daemon()
    procs.kill(before)
    wait_until(lambda: mounted.daemon() != before, 20, "the keeper starts another daemon")
    assert "10.0.0.1:8080" in read(mounted / f"{SERVICE}/instances")


def test_46_next_daemon_says_disk_as_well(mount, stub, hour_old):
    """Where a list came from, and how old it is, outlives the daemon; the file need not be there."""
    stub.add_service("order-svc")
    stub.on("GET", "/instance/list", Silence())
    mounted = mount(stub.address, f"cache_dir={hour_old}", "load_cache_at_start", "timeout=30")
    check_served_from_disk(mounted, 5)
    shutil.rmtree(hour_old)
    next_daemon(mounted)
    assert 3600 * 1000 <= check_source(mounted, "disk") < 2 * 3600 * 1000


def test_46_next_daemon_says_stale(mount, stub):
    """What a server said is that of the daemon before until a server says it again."""
    stub.add("order-svc", "10.0.0.1", 8080)
    mounted = mount(stub.address, "cache_dir=none")
    read(mounted / f"{SERVICE}/instances")
    assert attributes(mounted / f"{SERVICE}/instances")["user.nacos.stale"] == "false"
    stub.on("GET", "/instance/list", Silence())
    next_daemon(mounted)
    assert 0 <= check_source(mounted, "server") < 60000
    stub.clear()
    wait_until(lambda: attributes(mounted / f"{SERVICE}/instances")["user.nacos.stale"] == "false",
               60, "a server said it again")


def test_46_cache_dir_none_writes_nothing(mount, stub, place):
    stub.add("order-svc", "10.0.0.1", 8080)
    mounted = mount(stub.address, "cache_dir=none", env={"XDG_CACHE_HOME": place})
    read(mounted / f"{SERVICE}/instances")
    stays(lambda: not glob.glob(f"{place}/**/*%40%40*", recursive=True), 2)
    with pytest.raises(OSError) as error:
        write(mounted / ".nacos/failover", "1\n")
    assert error.value.errno == errno.ENOENT


# --- 47: the failover's switch -------------------------------------------------------------------------


@pytest.fixture
def with_failover(mount, stub, cache):
    """A mount with a live list and another one for the failover."""
    stub.add("order-svc", "10.0.0.1", 8080)
    put(os.path.join(cache, "failover"), file_of("order-svc"),
        cached("order-svc", ("10.7.7.7", 77)))
    mounted = mount(stub.address, f"cache_dir={cache}")
    assert served(mounted) == ["10.0.0.1:8080"]
    return mounted


def served(mounted):
    return [line.split()[0] for line in lines(mounted / f"{SERVICE}/instances")]


@pytest.mark.parametrize("place_of_switch", ["failover/" + SWITCH, "failover" + SWITCH])
@pytest.mark.parametrize("off", [b"0", b"", None])
def test_47_switch_file_on_and_off(with_failover, cache, place_of_switch, off):
    put(cache, place_of_switch, b"1")
    wait_until(lambda: served(with_failover) == ["10.7.7.7:77"], 15, "the failover's list")
    assert attributes(with_failover / f"{SERVICE}/instances")["user.nacos.source"] == "failover"
    assert read(with_failover / ".nacos/failover") == "1\n"
    if off is None:
        os.unlink(os.path.join(cache, place_of_switch))
    else:
        put(cache, place_of_switch, off)
    wait_until(lambda: served(with_failover) == ["10.0.0.1:8080"], 15, "the live list")
    assert attributes(with_failover / f"{SERVICE}/instances")["user.nacos.source"] == "server"
    assert read(with_failover / ".nacos/failover") == "0\n"


def test_47_garbage_in_the_switch(with_failover, cache):
    """It changes nothing, whichever way the switch was."""
    place_of_switch = "failover/" + SWITCH
    for before, expected in ((b"0", "10.0.0.1:8080"), (b"1", "10.7.7.7:77")):
        put(cache, place_of_switch, before)
        wait_until(lambda wanted=expected: served(with_failover) == [wanted], 15, "as the switch says")
        put(cache, place_of_switch, b"garbage")
        stays(lambda wanted=expected: served(with_failover) == [wanted], 3, "garbage changes nothing")


def test_47_garbage_for_a_list(with_failover, cache):
    """That service keeps its live list, and it is told."""
    put(os.path.join(cache, "failover"), file_of("order-svc"), b"garbage")
    write(with_failover / ".nacos/failover", "1\n")
    wait_until(lambda: any("cannot\\040be\\040used" in line
                           for line in lines(with_failover / ".nacos/errors")), 15, "it is told")
    assert served(with_failover) == ["10.0.0.1:8080"]


def test_47_switch_by_our_file(with_failover, cache):
    switch = with_failover / ".nacos/failover"
    assert read(switch) == "0\n"
    write(switch, "1\n")
    assert read(switch) == "1\n"
    wait_until(lambda: served(with_failover) == ["10.7.7.7:77"], 5, "at once")
    for name in ("failover/" + SWITCH, "failover" + SWITCH):
        assert read(os.path.join(cache, name)) == "1\n"
    write(switch, "0\n")
    wait_until(lambda: served(with_failover) == ["10.0.0.1:8080"], 5, "at once")
    with pytest.raises(OSError) as error:
        write(switch, "maybe\n")
    assert error.value.errno == errno.EINVAL


def test_47_service_without_failover_file(with_failover, stub):
    stub.add("other", "10.0.0.3", 80)
    write(with_failover / ".nacos/failover", "1\n")
    assert "10.0.0.3:80" in read(with_failover / f"{GROUP}/other/instances")


def test_47_failover_dir(mount, stub, place):
    stub.add("order-svc", "10.0.0.1", 8080)
    directory = os.path.join(place, "mine")
    put(directory, f"{GROUP}@@order-svc", cached("order-svc", ("10.7.7.7", 77)))
    put(directory, SWITCH, b"1\n")
    mounted = mount(stub.address, f"failover_dir={directory}", "cache_dir=none")
    assert served(mounted) == ["10.7.7.7:77"]


# --- empty protection, registrations that outlive the mount --------------------------------------------


def test_21_empty_protection(mount, stub):
    """A server that lost everything: the list stays until it has one again, and it shows."""
    stub.add("order-svc", "10.0.0.1", 8080)
    mounted = mount(stub.address, "empty_protection", "push=off", "idle_timeout=600")
    stub.cache_millis = 1000
    path = mounted / f"{SERVICE}/instances"
    assert served(mounted) == ["10.0.0.1:8080"]
    assert "user.nacos.held_back" not in attributes(path)
    stub.remove("order-svc", "10.0.0.1", 8080)
    wait_until(lambda: attributes(path).get("user.nacos.held_back") == "0", 30, "it is held back")
    assert served(mounted) == ["10.0.0.1:8080"]
    assert attributes(path)["user.nacos.stale"] == "true"
    assert any("held\\040back" in line for line in lines(mounted / ".nacos/errors"))
    stub.add("order-svc", "10.0.0.2", 8080)
    wait_until(lambda: served(mounted) == ["10.0.0.2:8080"], 90, "the first list with somebody in it")
    assert "user.nacos.held_back" not in attributes(path)


def test_21_empty_protection_outlives_the_daemon(mount, stub):
    """The server loses everything while there is no daemon: the next one still knows what to protect."""
    stub.add("order-svc", "10.0.0.1", 8080)
    mounted = mount(stub.address, "empty_protection", "push=off", "idle_timeout=600", "cache_dir=none")
    assert served(mounted) == ["10.0.0.1:8080"]
    stub.remove("order-svc", "10.0.0.1", 8080)
    since = time.monotonic()
    before = mounted.daemon()
    procs.kill(before)
    stub.wait_for("GET", "/instance/list", since=since, timeout=20)
    path = mounted / f"{SERVICE}/instances"
    wait_until(lambda: attributes(path).get("user.nacos.held_back") == "0", 30, "it is held back")
    assert served(mounted) == ["10.0.0.1:8080"] and mounted.daemon() != before
    stub.add("order-svc", "10.0.0.2", 8080)
    wait_until(lambda: served(mounted) == ["10.0.0.2:8080"], 90, "the first list with somebody in it")


def test_kept_over_a_remount(mount, stub, cache):
    """keep_registered: nothing is deregistered, and the next mount beats it."""
    options = (f"cache_dir={cache}", "keep_registered")
    mounted = mount(stub.address, *options)
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", "10.0.0.1:8080 meta.zone=a\n")
    mounted.stop()
    assert stub.count("DELETE", "/instance") == 0
    since = time.monotonic()
    mounted = mount(stub.address, *options)
    wait_until(lambda: stub.seen("PUT", "/instance/beat", since=since), 30, "a beat of the next mount")
    assert "meta.zone=a" in read(mounted / f"{SERVICE}/register")
    write(mounted / f"{SERVICE}/deregister", "10.0.0.1:8080\n")
    assert not stub.hosts("order-svc")
    mounted.stop()
    mounted = mount(stub.address, *options)
    assert lines(mounted / ".nacos/registered") == []


def test_persistent_one_stays_ours(mount, stub, cache):
    """Without keep_registered as well: so it can be removed without -o admin."""
    mounted = mount(stub.address, f"cache_dir={cache}")
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", "10.0.0.1:8080 ephemeral=false\n10.0.0.2:8080\n")
    mounted.stop()
    assert [key[0] for key in stub.hosts("order-svc")] == ["10.0.0.1"]
    mounted = mount(stub.address, f"cache_dir={cache}")
    assert [fields(line)["address"] for line in lines(mounted / ".nacos/registered")] == [
        "10.0.0.1:8080"]
    os.unlink(mounted / f"{SERVICE}/hosts/10.0.0.1:8080")
    assert not stub.hosts("order-svc")


def test_two_mounts_keep_apart(mount, stub, cache):
    """What a living mount keeps is not taken over by another one."""
    first = mount(stub.address, f"cache_dir={cache}", "keep_registered")
    os.makedirs(first / SERVICE)
    write(first / f"{SERVICE}/register", "10.0.0.1:8080\n")
    wait_until(lambda: glob.glob(f"{cache}/.nacosfs/registered.*"), 20, "it is written down")
    second = mount(stub.address, f"cache_dir={cache}")
    stays(lambda: lines(second / ".nacos/registered") == [], 2)
    assert len(lines(first / ".nacos/registered")) == 1


# --- 48 to 50: time ------------------------------------------------------------------------------------


@pytest.fixture
def clock(place):
    """A wall clock that jumps when told: clock.env is for a program, clock.jumps() jumps a hundred
    times, an hour and ten years to and fro."""
    library = next(iter(glob.glob("/usr/lib/*/faketime/libfaketime.so.1")), None)
    if not library:
        pytest.skip("libfaketime is not installed")
    return JumpingClock(library, place)


class JumpingClock:
    def __init__(self, library, directory):
        self.directory = directory
        self.set("+0")
        self.env = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": os.path.join(directory, "clock"),
                    "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1",
                    "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def set(self, offset):
        put(self.directory, "clock.new", offset.encode())
        os.rename(os.path.join(self.directory, "clock.new"), os.path.join(self.directory, "clock"))

    def jumps(self):
        for number in range(100):
            self.set(("+3600", "-3600", "+10y", "-10y", "+0")[number % 5])
            time.sleep(0.15)
            yield


def check_beats(stub, began):
    """A beat a second, as asked for, since `began`, in `time.monotonic()`."""
    beats = [request.time for request in stub.seen("PUT", "/instance/beat", since=began)]
    gaps = [later - sooner for sooner, later in zip([began, *beats], [*beats, time.monotonic()])]
    assert max(gaps) < 4, f"gaps between beats: {gaps}"
    assert len(beats) < 3 * sum(gaps) + 3, f"{len(beats)} beats in {sum(gaps)} s"


def check_polls(stub, began):
    """A poll every ten seconds, with some to spare; no storm."""
    polls = len(stub.seen("GET", "/instance/list", since=began))
    assert polls < (time.monotonic() - began) / 2 + 5, f"{polls} polls"


@pytest.mark.heavy
@pytest.mark.deadline(120)
def test_48_wall_clock_jumps(mount, stub, clock):
    """Beats keep their pace, and polls do not storm."""
    stub.beat_interval = 1000
    stub.add("order-svc", "10.0.0.1", 8080)
    mounted = mount(stub.address, env=clock.env)
    read(mounted / f"{SERVICE}/instances")
    write(mounted / f"{SERVICE}/register", "10.0.0.9:90 meta.preserved.heart.beat.interval=1000\n")
    began = time.monotonic()
    for _ in clock.jumps():
        read(mounted / f"{SERVICE}/instances")
    check_beats(stub, began)
    check_polls(stub, began)
    assert 0 <= int(attributes(mounted / f"{SERVICE}/instances")["user.nacos.age_ms"]) < 60000


@pytest.mark.heavy
@pytest.mark.deadline(120)
def test_48_wall_clock_of_the_registry_jumps(registries, clock):
    """Who beats stays, healthy; who does not goes, in his own time."""
    registry = registries(env=clock.env)
    registry.register("order-svc", "10.0.0.1", 80, {"preserved.heart.beat.timeout": "6000",
                                                    "preserved.ip.delete.timeout": "6000"})
    registry.register("order-svc", "10.0.0.2", 80, {"preserved.heart.beat.timeout": "60000",
                                                    "preserved.ip.delete.timeout": "60000"})
    for _ in clock.jumps():
        registry.beat("order-svc", "10.0.0.1", 80)
        hosts = registry.list("order-svc")["hosts"]
        assert [(host["ip"], host["healthy"]) for host in hosts] == [("10.0.0.1", True),
                                                                     ("10.0.0.2", True)]
    wait_until(lambda: registry.addresses("order-svc") == {"10.0.0.2:80"}, 60, "no more beats: gone")


def check_frozen(registry, frozen, time_out):
    """Stopped for longer than any time-out: nobody goes before a full one has passed again, whether
    he beats or not, and then he does go."""
    os.kill(registry.process.pid, signal.SIGSTOP)
    try:
        time.sleep(frozen)
    finally:
        os.kill(registry.process.pid, signal.SIGCONT)
    resumed = time.monotonic()
    stays(lambda: registry.addresses("order-svc") >= {"10.0.0.2:80"} or
          time.monotonic() - resumed >= time_out, time_out, "one full time-out", interval=0.1)
    wait_until(lambda: "10.0.0.2:80" not in registry.addresses("order-svc"), 10 * time_out, "gone")


def test_49_registry_that_was_frozen(registry):
    registry.register("order-svc", "10.0.0.2", 80, {"preserved.heart.beat.timeout": "2000",
                                                    "preserved.ip.delete.timeout": "3000"})
    check_frozen(registry, 4, 3)


@pytest.mark.slow
@pytest.mark.deadline(500)
def test_49_registry_that_was_frozen_for_two_minutes(mount, registry):
    mounted = mount(registry.address)
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", "10.0.0.1:8080\n")
    registry.register("order-svc", "10.0.0.2", 80)
    check_frozen(registry, 120, 30)
    assert registry.addresses("order-svc") == {"10.0.0.1:8080"}
    mounted.stop()


@pytest.fixture(params=["1000000000", str(2**32 // 1000 - 3)])
def late_clock(request):
    """A command that starts another where the monotonic clock stands at 10^9 s, or where 32 bits of
    milliseconds wrap three seconds later."""
    command = ["unshare", "-T", "--monotonic", request.param, "--boottime", request.param]
    if subprocess.run([*command, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no time namespaces here")
    return command


@pytest.fixture
def late_mount(build, stub, place, late_clock):
    """The mount point of a daemon that lives there."""
    point = os.path.join(place, "m")
    os.makedirs(point)
    daemon = subprocess.Popen([*late_clock, os.path.join(build, "nacosfs"), "-f",
                               stub.address, point, "-o", f"cache_dir={place}/lists"],
                              stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: os.path.exists(os.path.join(point, ".nacos/status")), 20, "mounted")
        yield point
    finally:
        subprocess.run(["fusermount3", "-uz", point], check=False)
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            procs.kill(daemon.pid)
            daemon.wait()


@pytest.mark.deadline(120)
def test_50_monotonic_clock_starts_late(late_mount, stub, place):
    """No change in behaviour: polls, beats, ages, the cache."""
    stub.beat_interval = 1000
    stub.add("order-svc", "10.0.0.1", 8080)
    instances = os.path.join(late_mount, SERVICE, "instances")
    assert read(instances).split()[0] == "10.0.0.1:8080"
    began = time.monotonic()
    write(os.path.join(late_mount, SERVICE, "register"),
          "10.0.0.9:90 meta.preserved.heart.beat.interval=1000\n")
    wait_until(lambda: len(stub.seen("PUT", "/instance/beat", since=began)) >= 6, 60, "beats")
    check_beats(stub, began)
    check_polls(stub, began)
    assert 0 <= int(os.getxattr(instances, "user.nacos.age_ms")) < 60000
    wait_until(lambda: os.path.exists(f"{place}/lists/{file_of('order-svc')}"), 20, "the cache")
    stub.add("order-svc", "10.0.0.2", 8080)
    wait_until(lambda: "10.0.0.2:8080" in read(instances), 60, "polls go on")


def test_50_monotonic_clock_of_the_registry_starts_late(registries, late_clock):
    registry = registries(before=late_clock)
    for number in (1, 2):
        registry.register("order-svc", f"10.0.0.{number}", 80, {
            "preserved.heart.beat.timeout": "2000", "preserved.ip.delete.timeout": "3000"})

    def beaten():
        registry.beat("order-svc", "10.0.0.1", 80)
        return registry.addresses("order-svc")

    began = time.monotonic()
    wait_until(lambda: beaten() == {"10.0.0.1:80"}, 30, "who does not beat goes", interval=0.1)
    assert time.monotonic() - began > 2.5
    stays(lambda: beaten() == {"10.0.0.1:80"}, 3, "who beats stays", interval=0.1)
