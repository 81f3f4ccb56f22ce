# SPDX-License-Identifier: MIT
"""Every window of a hand-over, hit on purpose: the daemon dies right after it has read a request, right
before its answer, right behind it, and whoever made the call gets what he would have got. Needs a build
with -Dtest_hooks=true (fs/die.h): NACOSFS_HOOKED, else build-clang/."""
import errno
import os
import select
import signal
import threading
import time

import pytest
from conftest import finish
from lib import procs
from lib.inotify import Watch
from lib.mounts import Mount, lines, points, read, write
from lib.wait import wait_until

GROUP = "DEFAULT_GROUP"
SERVICE = f"{GROUP}/order-svc"
LOOKUP, GETATTR, SETATTR, MKNOD, MKDIR, UNLINK, RMDIR = 1, 3, 4, 8, 9, 10, 11
OPEN, READ, WRITE, RELEASE, FLUSH, INIT, OPENDIR, READDIR = 14, 15, 16, 18, 25, 26, 27, 28
CREATE, POLL = 35, 40
MOMENTS = ["read", "before", "after"]


class Mortal:
    """A mount whose daemon dies once, at the next request of the kind."""

    def __init__(self, build, place, stub, when, opcode, how="kill", always=False, env=None):
        self.stub = stub
        self.flag = os.path.join(place, "flag")
        flag = ("+" if always else "") + self.flag
        self.env = {"NACOSFS_DIE": f"{when}:{opcode}:{flag}:{how}", **(env or {})}
        self.mounted = Mount(build, stub.address, os.path.join(place, "m"), (),
                             os.path.join(place, "log"), self.env)

    def start(self):
        self.mounted.start()
        return self

    def stop(self):
        if os.path.exists(self.flag):
            os.unlink(self.flag)
        self.mounted.stop()

    def destroy(self):
        self.mounted.destroy()

    def path(self, *names):
        return os.path.join(self.mounted.path, SERVICE, *names)

    def arm(self):
        with open(self.flag, "w", encoding="ascii"):
            pass

    def assert_died(self):
        wait_until(lambda: not os.path.exists(self.flag), 10, "death")
        wait_until(lambda: int(self.status("restarts")) >= 1, 10)

    def status(self, name):
        text = dict(line.partition("=")[::2] for line in lines(self.mounted / ".nacos/status"))
        return text[name]

    def listed(self, service="order-svc"):
        return sorted(f"{ip}:{port}" for ip, port, _ in self.stub.hosts(service))


@pytest.fixture
def mortal(hooked, place, stub):
    started = []

    def start(when, opcode, **how):
        stub.add("order-svc", "10.0.0.1", 80)
        started.append(Mortal(hooked, place, stub, when, opcode, **how))
        started[-1].start()
        read(started[-1].path("instances"))
        os.listdir(started[-1].path("hosts"))
        return started[-1]

    yield start
    finish(started)


def once(watch, kind, name):
    """Exactly one such event, also a little later."""
    watch.wait_for(kind, name, timeout=20)
    time.sleep(0.3)
    assert len(watch.seen(kind, name)) == 1, watch.told()


@pytest.mark.parametrize("when", MOMENTS)
class TestUsers:
    """Calls of users."""

    @pytest.mark.parametrize("opcode", [LOOKUP, GETATTR, OPEN, READ, RELEASE],
                             ids=["LOOKUP", "GETATTR", "OPEN", "READ", "RELEASE"])
    def test_reading(self, mortal, when, opcode):
        mount = mortal(when, opcode)
        mount.arm()
        assert lines(mount.path("healthy")) == ["10.0.0.1:80"]
        os.stat(mount.path("instances"))
        if opcode == LOOKUP:
            os.stat(mount.path("deregister"))
        mount.assert_died()

    @pytest.mark.parametrize("opcode", [OPENDIR, READDIR], ids=["OPENDIR", "READDIR"])
    def test_listing(self, mortal, when, opcode):
        mount = mortal(when, opcode)
        mount.arm()
        assert os.listdir(mount.path("hosts")) == ["10.0.0.1:80"]
        mount.assert_died()

    def test_register(self, mortal, when):
        mount = mortal(when, WRITE)
        with Watch(mount.path("hosts")) as watch:
            mount.arm()
            assert write(mount.path("register"), "10.0.0.2:80\n10.0.0.3:80\n") == 24
            assert mount.listed() == ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]
            once(watch, "CREATE", "10.0.0.2:80")
            once(watch, "CREATE", "10.0.0.3:80")
        assert len(lines(mount.path("register"))) == 2
        mount.assert_died()

    def test_refused_line(self, mortal, when):
        mount = mortal(when, WRITE)
        mount.arm()
        with pytest.raises(OSError) as error:
            write(mount.path("register"), "nonsense\n")
        assert error.value.errno == errno.EINVAL
        mount.assert_died()

    def test_deregister(self, mortal, when):
        mount = mortal(when, WRITE)
        write(mount.path("register"), "10.0.0.2:80\n10.0.0.3:80\n")
        mount.arm()
        assert write(mount.path("deregister"), "10.0.0.2:80\n10.0.0.3:80\n") == 24
        assert mount.listed() == ["10.0.0.1:80"]
        assert read(mount.path("register")) == ""
        mount.assert_died()

    def test_unfinished_line(self, mortal, when):
        mount = mortal(when, FLUSH)
        mount.arm()
        write(mount.path("register"), "10.0.0.2:80")
        assert mount.listed() == ["10.0.0.1:80", "10.0.0.2:80"]
        mount.assert_died()

    def test_line_in_two_writes(self, mortal, when):
        mount = mortal(when, WRITE)
        fd = os.open(mount.path("register"), os.O_WRONLY)
        try:
            os.write(fd, b"10.0.0.2:80 meta.a=")
            mount.arm()
            os.write(fd, b"b\n")
        finally:
            os.close(fd)
        assert "10.0.0.2:80" in read(mount.path("register")) and "meta.a=b" in read(mount.path("register"))
        mount.assert_died()

    def test_rm(self, mortal, when):
        mount = mortal(when, UNLINK)
        write(mount.path("register"), "10.0.0.2:80\n")
        with Watch(mount.path("hosts")) as watch:
            mount.arm()
            os.unlink(mount.path("hosts/10.0.0.2:80"))
            once(watch, "DELETE", "10.0.0.2:80")
        assert mount.listed() == ["10.0.0.1:80"]
        mount.assert_died()

    @pytest.mark.parametrize("opcode", [CREATE, RELEASE], ids=["CREATE", "RELEASE"])
    def test_touch(self, mortal, when, opcode):
        mount = mortal(when, opcode)
        mount.arm()
        os.close(os.open(mount.path("hosts/10.0.0.2:80"), os.O_CREAT | os.O_WRONLY))
        wait_until(lambda: mount.listed() == ["10.0.0.1:80", "10.0.0.2:80"], 20)
        wait_until(lambda: "10.0.0.2:80" in read(mount.path("register")), 20)
        mount.assert_died()

    @pytest.mark.parametrize("opcode", [MKDIR, RMDIR], ids=["MKDIR", "RMDIR"])
    def test_mkdir_and_rmdir(self, mortal, when, opcode):
        mount = mortal(when, opcode)
        directory = os.path.join(mount.mounted.path, GROUP, "new-svc")
        mount.arm()
        os.mkdir(directory)
        assert "new-svc" in os.listdir(os.path.dirname(directory))
        os.rmdir(directory)
        assert "new-svc" not in os.listdir(os.path.dirname(directory))
        mount.assert_died()

    @pytest.mark.parametrize("opcode", [OPEN, READ], ids=["OPEN", "READ"])
    def test_stream(self, mortal, when, opcode):
        mount = mortal(when, opcode)
        if opcode == OPEN:
            mount.arm()
        fd = os.open(mount.path("events"), os.O_RDONLY)
        if opcode == READ:
            mount.arm()
        text = b""
        for number in range(3):
            mount.stub.add("order-svc", f"10.0.1.{number + 1}", 80)
            mount.stub.push("order-svc")
            wait_until(lambda n=number: f"10.0.1.{n + 1}:80" in read(mount.path("healthy")), 20)
        while text.count(b"\n") < 3:
            assert select.select([fd], [], [], 20)[0]
            text += os.read(fd, 1000)
        os.set_blocking(fd, False)
        with pytest.raises(BlockingIOError):
            os.read(fd, 1000)
        os.close(fd)
        assert [line.split()[1:3] for line in text.decode().splitlines()] == [
            ["added", "10.0.1.1:80"], ["added", "10.0.1.2:80"], ["added", "10.0.1.3:80"]]
        mount.assert_died()

    def test_poll(self, mortal, when):
        mount = mortal(when, POLL)
        fd = os.open(mount.path("instances"), os.O_RDONLY)
        os.read(fd, 1000)
        poll = select.poll()
        poll.register(fd, select.POLLPRI)
        mount.arm()
        timer = threading.Timer(1.0, lambda: (mount.stub.add("order-svc", "10.0.0.2", 80),
                                              mount.stub.push("order-svc")))
        timer.start()
        assert poll.poll(20000)
        timer.join()
        os.close(fd)
        mount.assert_died()

    @pytest.mark.parametrize("opcode", [WRITE, RELEASE], ids=["WRITE", "RELEASE"])
    def test_lease(self, mortal, when, opcode):
        mount = mortal(when, opcode)
        mount.arm()
        fd = os.open(mount.path("lease"), os.O_WRONLY)
        os.write(fd, b"10.0.0.2:80\n")
        assert mount.listed() == ["10.0.0.1:80", "10.0.0.2:80"]
        os.close(fd)
        wait_until(lambda: mount.listed() == ["10.0.0.1:80"], 20)
        mount.assert_died()


@pytest.mark.parametrize("when", MOMENTS)
class TestHelpers:
    """Calls of the mirror helpers: each event comes, and those that cannot be merged come once."""

    def test_instance_comes(self, mortal, when):
        mount = mortal(when, MKNOD)
        with Watch(mount.path("hosts")) as watch:
            mount.arm()
            mount.stub.add("order-svc", "10.0.0.2", 80)
            mount.stub.push("order-svc")
            once(watch, "CREATE", "10.0.0.2:80")
        mount.assert_died()

    def test_instance_goes(self, mortal, when):
        mount = mortal(when, UNLINK)
        with Watch(mount.path("hosts")) as watch:
            mount.arm()
            mount.stub.remove("order-svc", "10.0.0.1", 80)
            mount.stub.push("order-svc")
            once(watch, "DELETE", "10.0.0.1:80")
        mount.assert_died()

    @pytest.mark.parametrize("opcode", [OPEN, SETATTR, RELEASE], ids=["OPEN", "SETATTR", "RELEASE"])
    def test_list_changes(self, mortal, when, opcode):
        mount = mortal(when, opcode)
        with Watch(mount.path("instances")) as watch:
            mount.arm()
            mount.stub.add("order-svc", "10.0.0.1", 80, metadata={"a": "b"})
            mount.stub.push("order-svc")
            watch.wait_for("CLOSE_WRITE", timeout=20)
            assert "meta.a=b" in read(mount.path("instances"))
        mount.assert_died()

    @pytest.mark.parametrize("opcode", [OPEN, SETATTR, RELEASE], ids=["OPEN", "SETATTR", "RELEASE"])
    def test_cluster_changes(self, mortal, when, opcode):
        mount = mortal(when, opcode)
        path = mount.path("clusters/DEFAULT/instances")
        assert lines(path)
        with Watch(path) as watch:
            mount.arm()
            mount.stub.add("order-svc", "10.0.0.1", 80, metadata={"a": "b"})
            mount.stub.push("order-svc")
            watch.wait_for("CLOSE_WRITE", timeout=20)
            wait_until(lambda: "meta.a=b" in read(path), 20)
        mount.assert_died()

    def test_cluster_comes(self, mortal, when):
        mount = mortal(when, MKDIR)
        assert os.listdir(mount.path("clusters")) == ["DEFAULT"]
        with Watch(mount.path("clusters")) as watch:
            mount.arm()
            mount.stub.add("order-svc", "10.0.0.2", 80, cluster="hz")
            mount.stub.push("order-svc")
            once(watch, "CREATE", "hz")
        mount.assert_died()

    def test_service_comes(self, mortal, when):
        mount = mortal(when, MKDIR)
        with Watch(os.path.join(mount.mounted.path, GROUP)) as watch:
            time.sleep(1.5)  # until the kernel has told that somebody watches
            mount.arm()
            mount.stub.add("new-svc", "10.0.0.1", 80)
            once(watch, "CREATE", "new-svc")
        mount.assert_died()


@pytest.mark.parametrize("when", MOMENTS)
def test_init(hooked, place, stub, when):
    mount = Mortal(hooked, place, stub, when, INIT)
    try:
        mount.arm()
        mount.start()
        mount.assert_died()
        assert GROUP in os.listdir(mount.mounted.path)
        mount.stop()
    finally:
        mount.destroy()


def test_poisoned_request(mortal):
    """The third death of one request ends in EIO; the rest goes on."""
    mount = mortal("read", READDIR, how="abort", always=True)
    mount.arm()
    with pytest.raises(OSError) as error:
        os.listdir(mount.path("hosts"))
    assert error.value.errno == errno.EIO
    assert lines(mount.path("healthy")) == ["10.0.0.1:80"]
    assert int(mount.status("restarts")) == 3


def test_crash_loop_ends_the_mount(hooked, place, stub):
    """Six deaths of its own doing within a minute: one clear line, and nobody hangs."""
    mount = Mortal(hooked, place, stub, "none", 0).start()
    try:
        killed = []

        def another():
            """One that was not killed yet, or that there will be none."""
            living = [pid for pid in procs.of_mount(mount.mounted.path)
                      if procs.command_line(pid)[1:2] == [b"--daemon"] and pid not in killed]
            return living or mount.mounted.process.poll() is not None

        while mount.mounted.process.poll() is None and len(killed) < 20:
            living = wait_until(another, 20)
            if living is not True:
                killed.append(living[0])
                procs.kill(living[0], signal.SIGSEGV)
        assert mount.mounted.wait(20) == 1
        assert mount.mounted.path not in points()
        assert "died 6 times within a minute" in mount.mounted.log()
    finally:
        mount.destroy()


@pytest.mark.parametrize("how", ["stop", "sleep"])
@pytest.mark.deadline(120)
def test_hung_loop_is_replaced(mortal, how):
    mount = mortal("read", OPENDIR, how=how)
    mount.mounted.expected = "has not turned its loop"
    mount.arm()
    start = time.monotonic()
    assert os.listdir(mount.path("hosts")) == ["10.0.0.1:80"]
    assert 8 < time.monotonic() - start < 60
    mount.assert_died()


@pytest.mark.parametrize("when", ["read"])
def test_without_resend(mortal, when):
    """What a dead daemon had taken is lost on such kernels: its caller is freed, the mount is made anew."""
    mount = mortal(when, READDIR, env={"NACOSFS_NO_RESEND": "1"})
    mount.mounted.expected = "cannot resend"
    write(mount.path("register"), "10.0.0.2:80\n")
    mount.arm()
    with pytest.raises(OSError) as error:
        os.listdir(mount.path("hosts"))
    assert error.value.errno in (errno.ECONNABORTED, errno.ENOTCONN)
    wait_until(mount.mounted.answers, 20)
    wait_until(lambda: "10.0.0.2:80" in read(mount.path("register")), 20)
    assert sorted(os.listdir(mount.path("hosts"))) == ["10.0.0.1:80", "10.0.0.2:80"]


def test_without_resend_an_idle_mount_goes_on(mortal):
    mount = mortal("none", 0, env={"NACOSFS_NO_RESEND": "1"})
    fd = os.open(mount.path("healthy"), os.O_RDONLY)
    with Watch(mount.path("hosts")) as watch:
        procs.kill(mount.mounted.daemon())
        wait_until(lambda: int(mount.status("restarts")) == 1, 20)
        assert os.pread(fd, 100, 0) == b"10.0.0.1:80\n"
        mount.stub.add("order-svc", "10.0.0.2", 80)
        mount.stub.push("order-svc")
        once(watch, "CREATE", "10.0.0.2:80")
    os.close(fd)
