# SPDX-License-Identifier: MIT
"""The mirror helpers: nobody passes for one, and their death does no harm."""
import errno
import os
import signal
import threading
import time

import pytest
from lib import procs
from lib.inotify import Watch
from lib.mounts import lines, read
from lib.wait import wait_until

GROUP = "DEFAULT_GROUP"
SERVICE = f"{GROUP}/order-svc"


@pytest.fixture
def busy(mount, stub):
    """A service that changes all the time and is watched: (mount, its path)."""
    stub.add("order-svc", "10.0.0.1", 80)
    mounted = mount(stub.address)
    path = mounted / SERVICE
    assert lines(path + "/healthy") == ["10.0.0.1:80"]
    done = threading.Event()

    def change():
        number = 0
        while not done.is_set():
            number += 1
            stub.add("order-svc", "10.0.0.1", 80, metadata={"version": str(number)})
            if number % 2:
                stub.add("order-svc", "10.0.0.2", 80)
            else:
                stub.remove("order-svc", "10.0.0.2", 80)
            stub.push("order-svc")
            time.sleep(0.01)

    thread = threading.Thread(target=change)
    with Watch(path, path + "/hosts") as watch:
        thread.start()
        try:
            yield mounted, path, watch
        finally:
            done.set()
            thread.join()


def helpers(mounted):
    """pids of the mirror helpers: the daemon's children of that name."""
    main = mounted.process.pid
    return [pid for pid in procs.descendants(main)
            if pid != main and b"mirror" in b" ".join(procs.command_line(pid)[:2])]


@pytest.mark.parametrize("call", [
    lambda path: os.close(os.open(path + "/instances", os.O_WRONLY)),
    lambda path: os.utime(path + "/instances"),
    lambda path: os.utime(path + "/instances", ns=(0, time.time_ns())),
    lambda path: os.unlink(path + "/instances"),
    lambda path: os.mknod(path + "/hosts/10.0.0.3:80"),
    lambda path: os.mkdir(path + "/hosts/10.0.0.3:80"),
    lambda path: os.mknod(path + "/instances2"),
    lambda path: os.rmdir(path + "/hosts"),
], ids=["open", "touch", "touch-mtime", "unlink", "mknod-host", "mkdir-host", "mknod", "rmdir"])
def test_users_call_is_refused_while_announcing(busy, call):
    _, path, _ = busy
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        with pytest.raises(OSError) as error:
            call(path)
        assert error.value.errno in (errno.EPERM, errno.EACCES)


def test_users_unlink_of_a_foreign_host_is_refused_while_announcing(busy):
    _, path, _ = busy
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        for name in ("10.0.0.1:80", "10.0.0.2:80"):
            with pytest.raises(OSError) as error:
                os.unlink(f"{path}/hosts/{name}")
            assert error.value.errno in (errno.EPERM, errno.ENOENT)


def test_there_are_two_to_four(stubbed):
    wait_until(lambda: 2 <= len(helpers(stubbed)) <= 4, 5)


def test_each_is_single_threaded(stubbed):
    for pid in wait_until(lambda: helpers(stubbed), 5):
        assert len(os.listdir(f"/proc/{pid}/task")) == 1


def test_daemon_is_one_thread_besides_name_look_ups(stubbed, stub):
    stub.add("order-svc", "10.0.0.1", 80)
    read(stubbed / f"{SERVICE}/instances")
    assert len(os.listdir(f"/proc/{stubbed.daemon()}/task")) <= 2


def test_none_holds_the_fuse_device(stubbed):
    for pid in wait_until(lambda: helpers(stubbed), 5):
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        assert "/dev/fuse" not in links


def test_daemon_touches_nothing_below_its_mount(stubbed):
    links = [os.readlink(f"/proc/{stubbed.daemon()}/fd/{fd}")
             for fd in os.listdir(f"/proc/{stubbed.daemon()}/fd")]
    links += [os.readlink(f"/proc/{stubbed.daemon()}/cwd")]
    assert not [link for link in links if (link + "/").startswith(stubbed.path + "/")]


def test_events_go_on_when_helpers_are_killed(busy):
    mounted, _, watch = busy
    for _ in range(10):
        for pid in helpers(mounted):
            procs.kill(pid)
        now = time.monotonic()
        watch.wait_for("CLOSE_WRITE", "instances", since=now, timeout=3)
    assert "DEFAULT_GROUP" in os.listdir(mounted.path)


def test_killed_helpers_are_started_again(stubbed):
    before = wait_until(lambda: helpers(stubbed), 5)
    for pid in before:
        procs.kill(pid)
    wait_until(lambda: len(set(helpers(stubbed)) - set(before)) == len(before), 5)


def test_last_state_arrives_although_helpers_are_killed(mount, stub):
    stub.add("order-svc", "10.0.0.1", 80)
    mounted = mount(stub.address)
    path = mounted / SERVICE
    assert lines(path + "/healthy") == ["10.0.0.1:80"]
    last = []
    with Watch(path + "/instances", mask="CLOSE_WRITE",
               on_event=lambda event: last.append(read(path + "/instances"))):
        for number in range(100):
            stub.add("order-svc", "10.0.0.1", 80, metadata={"version": str(number)})
            stub.push("order-svc")
            if number % 10 == 0:
                for pid in helpers(mounted):
                    procs.kill(pid)
            time.sleep(0.005)
        wait_until(lambda: last and "meta.version=99\n" in last[-1], 10)


def test_stopped_helper_delays_no_read(stubbed, stub):
    stub.add("order-svc", "10.0.0.1", 80)
    read(stubbed / f"{SERVICE}/instances")
    stopped = wait_until(lambda: helpers(stubbed), 5)
    for pid in stopped:
        procs.kill(pid, signal.SIGSTOP)
    try:
        stub.add("order-svc", "10.0.0.2", 80)
        stub.push("order-svc")
        wait_until(lambda: len(lines(stubbed / f"{SERVICE}/healthy")) == 2, 3)
    finally:
        for pid in stopped:
            procs.kill(pid, signal.SIGCONT)
