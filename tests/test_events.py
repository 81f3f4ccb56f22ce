# SPDX-License-Identifier: MIT
"""`events` of a service and of the mount: streams that block, and what common programs get from them."""
import errno
import fcntl
import os
import re
import select
import signal
import subprocess
import threading
import time

import pytest
from lib.mounts import END, lines, read, write
from lib.wait import Timed, stays, wait_until
from stub_server import Answer

GROUP = "DEFAULT_GROUP"
SERVICE = f"{GROUP}/order-svc"
REST = "weight=1 healthy=true enabled=true ephemeral=true cluster=DEFAULT"
OURS = f"10.0.0.1:80 {REST}"
WAIT = 10  # seconds in which a change must have arrived


@pytest.fixture
def service(mounted):
    """Path of an empty service directory."""
    os.makedirs(mounted / SERVICE)
    return mounted / SERVICE


@pytest.fixture
def programs():
    """programs(ARGUMENT...): a process with its output as text, killed at the end if need be."""
    started = []

    def start(*command, **how):
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **how))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


class Stream:
    """An open `events` file, non-blocking; what came is collected."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def pull(self):
        try:
            self.text += os.read(self.fd, 65536).decode()
        except BlockingIOError:
            pass
        return self.text

    def lines(self, count=1):
        """The lines that came, without their time, once there are so many."""
        wait_until(lambda: self.pull().count("\n") >= count, WAIT, "events")
        return [line.split(" ", 1)[1] for line in self.text.splitlines()]


def reading(path, programs, count=1):
    """`head -COUNT` that has begun to read."""
    process = programs("head", f"-{count}", path, stderr=subprocess.DEVNULL)
    wait_for_reader(process, path)
    return process


def has_open(process, path):
    """Whether it has got as far as that; an open that is still under way is none."""
    directory = f"/proc/{process.pid}/fd"
    for fd in os.listdir(directory):
        try:
            if os.readlink(f"{directory}/{fd}") == path:
                return True
        except FileNotFoundError:  # closed meanwhile
            pass
    return False


def wait_for_reader(process, path):
    """Until it has the stream open and sleeps: in its read."""
    def sleeps():
        with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
            return has_open(process, path) and file.read().rpartition(")")[2].split()[0] in "SD"
    wait_until(sleeps, WAIT)


# --- lines ------------------------------------------------------------------------------------------------


def test_added(service):
    with Stream(service + "/events") as stream:
        write(service + "/register", "10.0.0.1:80\n")
        assert stream.lines() == [f"added {OURS}"]


def test_removed(service):
    write(service + "/register", "10.0.0.1:80\n")
    with Stream(service + "/events") as stream:
        write(service + "/deregister", "10.0.0.1:80\n")
        assert stream.lines() == [f"removed {OURS}"]


def test_modified(service):
    write(service + "/register", "10.0.0.1:80\n")
    with Stream(service + "/events") as stream:
        write(service + "/register", "10.0.0.1:80 weight=2 meta.a=b\\040c\n")
        assert stream.lines() == [f"modified 10.0.0.1:80 weight=2 {REST[9:]} meta.a=b\\040c"]


def test_line_begins_with_the_time(service):
    before = int(time.time() * 1000)
    with Stream(service + "/events") as stream:
        write(service + "/register", "10.0.0.1:80\n")
        stream.lines()
        assert before - 1 <= int(stream.text.split(" ")[0]) <= time.time() * 1000 + 1


def test_change_by_somebody_else(mount, stub):
    stub.add("order-svc", "10.9.9.9", 80)
    mounted = mount(stub.address)
    with Stream(mounted / SERVICE + "/events") as stream:
        stub.remove("order-svc", "10.9.9.9", 80)
        stub.push("order-svc")
        assert stream.lines() == [f"removed 10.9.9.9:80 {REST}"]


def test_begins_at_the_open(service):
    write(service + "/register", "10.0.0.1:80\n")
    with Stream(service + "/events") as stream:
        write(service + "/register", "10.0.0.2:80\n")
        assert stream.lines() == [f"added 10.0.0.2:80 {REST}"]


def test_new_content_is_readable_before_its_event(service):
    with Stream(service + "/events") as stream:
        write(service + "/register", "10.0.0.1:80\n")
        stream.lines()
        assert lines(service + "/instances") == [OURS]


def test_change_to_the_same_is_none(service):
    write(service + "/register", "10.0.0.1:80\n")
    with Stream(service + "/events") as stream:
        write(service + "/register", "10.0.0.1:80\n")
        write(service + "/register", "10.0.0.2:80\n")
        assert stream.lines() == [f"added 10.0.0.2:80 {REST}"]


def test_every_reader_gets_every_line(service):
    with Stream(service + "/events") as one, Stream(service + "/events") as other:
        write(service + "/register", "10.0.0.1:80\n10.0.0.2:80\n")
        assert one.lines(2) == other.lines(2) == [f"added {OURS}", f"added 10.0.0.2:80 {REST}"]


def test_another_service_is_not_heard(service, mounted):
    os.makedirs(mounted / f"{GROUP}/other-svc")
    assert not lines(mounted / f"{GROUP}/other-svc/instances")
    with Stream(service + "/events") as stream:
        write(mounted / f"{GROUP}/other-svc/register", "10.0.0.9:80\n")
        write(service + "/register", "10.0.0.1:80\n")
        assert stream.lines() == [f"added {OURS}"]


def test_events_of_the_mount_name_the_service(mount, stub):
    mounted = mount(stub.address)
    names = [SERVICE, "OTHER/a b"]
    for name in names:
        os.makedirs(mounted / name)
        assert not lines(mounted / name + "/instances")
    with Stream(mounted / ".nacos/events") as stream:
        for name in names:
            write(mounted / name + "/register", "10.0.0.1:80\n")
        assert stream.lines(2) == [f"{SERVICE} added {OURS}", f"OTHER/a\\040b added {OURS}"]


def test_open_stream_keeps_the_service_fresh(mount, stub):
    stub.add_service("order-svc")
    mounted = mount(stub.address, "idle_timeout=1", "push=off")
    with Stream(mounted / SERVICE + "/events") as stream:
        time.sleep(2.5)  # past idle_timeout
        stub.add("order-svc", "10.0.0.1", 80)
        wait_until(lambda: stream.pull(), 30)


# --- waiting ----------------------------------------------------------------------------------------------


def test_read_waits_for_the_next_change(service, programs):
    reader = reading(service + "/events", programs)
    assert reader.poll() is None
    write(service + "/register", "10.0.0.1:80\n")
    assert reader.communicate(timeout=WAIT)[0].endswith(f" added {OURS}\n")


def test_nonblocking_read_says_again(service):
    with Stream(service + "/events") as stream, pytest.raises(BlockingIOError):
        os.read(stream.fd, 100)


def test_nonblocking_may_be_set_later(service):
    fd = os.open(service + "/events", os.O_RDONLY)
    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        os.read(fd, 100)
    os.close(fd)


def test_two_reads_of_one_descriptor_share_the_lines(service):
    fd = os.open(service + "/events", os.O_RDONLY)
    got = []
    readers = [threading.Thread(target=lambda: got.append(os.read(fd, 4096))) for _ in range(2)]
    for reader in readers:
        reader.start()
    write(service + "/register", "10.0.0.1:80\n")
    wait_until(lambda: len(got) == 1, WAIT)
    write(service + "/register", "10.0.0.2:80\n")
    for reader in readers:
        reader.join(WAIT)
    os.close(fd)
    assert [line.split(b" ")[2] for line in got] == [b"10.0.0.1:80", b"10.0.0.2:80"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signal_ends_a_reader(service, programs, number):
    reader = reading(service + "/events", programs)
    with Timed() as timed:
        reader.send_signal(number)
        reader.wait(WAIT)
    assert timed.seconds < 2


def test_waiting_readers_hold_up_nobody(service, programs):
    for _ in range(20):
        programs("cat", service + "/events")
    with Timed() as timed:
        for i in range(10):
            write(service + "/register", f"10.0.0.{i}:80\n")
            assert len(lines(service + "/instances")) == i + 1
    assert timed.seconds < 10


def test_stream_ends_with_the_mount(service, mounted, programs):
    reader = programs("cat", service + "/events")
    wait_for_reader(reader, service + "/events")
    mounted.signal(signal.SIGTERM)
    assert reader.communicate(timeout=WAIT)[0] == ""
    assert reader.returncode == 0
    assert mounted.wait(END + 1) == 0


def test_select(service):
    with Stream(service + "/events") as stream:
        assert select.select([stream.fd], [], [], 0) == ([], [], [])
        threading.Timer(0.3, write, (service + "/register", "10.0.0.1:80\n")).start()
        assert select.select([stream.fd], [], [], WAIT) == ([stream.fd], [], [])
        stream.lines()
        assert select.select([stream.fd], [], [], 0) == ([], [], [])


@pytest.mark.parametrize("extra", [0, select.EPOLLET, select.EPOLLONESHOT], ids=["level", "edge", "once"])
def test_epoll(mounted, service, extra):
    assert not lines(service + "/instances")
    with Stream(mounted / ".nacos/events") as stream, select.epoll() as epoll:
        epoll.register(stream.fd, select.EPOLLIN | extra)
        assert epoll.poll(0) == []
        for i in (1, 2):
            threading.Timer(0.3, write, (service + "/register", f"10.0.0.{i}:80\n")).start()
            assert epoll.poll(WAIT) == [(stream.fd, select.EPOLLIN)]
            stream.lines(i)
            if extra == select.EPOLLONESHOT:
                epoll.modify(stream.fd, select.EPOLLIN | extra)


def test_too_slow_a_reader_is_told_once(mount, stub):
    stub.add_service("order-svc")
    mounted = mount(stub.address)
    with Stream(mounted / SERVICE + "/events") as stream, Stream(mounted / SERVICE + "/events") as fast:
        for i in range(40):  # 1.2 MB of lines
            stub.add("order-svc", "10.0.0.1", 80, metadata={"n": f"{i}", "blob": "x" * 30000})
            os.truncate(mounted / SERVICE + "/register", 0)
            stub.push("order-svc")
            wait_until(lambda: f"meta.n={i}\n" in fast.pull(), WAIT)
        assert "overflow" not in fast.text
        assert re.fullmatch(r"\d+ overflow\n", stream.pull())
        stub.remove("order-svc", "10.0.0.1", 80)
        stub.push("order-svc")
        wait_until(lambda: stream.pull().count("\n") == 2, WAIT)
        assert stream.text.splitlines()[1].split(" ")[1:3] == ["removed", "10.0.0.1:80"]


# --- the file ---------------------------------------------------------------------------------------------


def test_is_in_no_listing(service, mounted):
    assert "events" not in os.listdir(service) + os.listdir(mounted / ".nacos")
    assert os.stat(service + "/events").st_size == os.stat(mounted / ".nacos/events").st_size == 0


def test_cannot_be_sought_or_written(service):
    with Stream(service + "/events") as stream:
        for call in (lambda: os.lseek(stream.fd, 0, os.SEEK_SET), lambda: os.pread(stream.fd, 1, 0)):
            with pytest.raises(OSError) as error:
                call()
            assert error.value.errno == errno.ESPIPE
    with pytest.raises(PermissionError):
        os.open(service + "/events", os.O_WRONLY)


def test_open_fails_without_a_first_list(mount, stub):
    stub.add_service("order-svc")
    mounted = mount(stub.address, "timeout=1")
    stub.on("GET", "/instance/list", Answer(500))
    with pytest.raises(OSError) as error:
        os.open(mounted / SERVICE + "/events", os.O_RDONLY)
    assert error.value.errno == errno.EREMOTEIO


# --- programs ---------------------------------------------------------------------------------------------


def change(service, count=3):
    for i in range(1, count + 1):
        write(service + "/register", f"10.0.0.{i}:80\n")


PROGRAMS = [
    ("cat", ["cat", "{}"]),
    ("head", ["head", "-3", "{}"]),
    ("dd", ["dd", "if={}", "bs=4096", "count=3", "status=none"]),
    ("dd bytewise", ["dd", "if={}", "bs=1", "status=none"]),
    ("while read", ["bash", "-c", 'while read -r line; do echo "$line"; done < "$0"', "{}"]),
    ("python", ["python3", "-uc", "import sys\nfor line in open(sys.argv[1]): print(line, end='')", "{}"]),
    ("sed", ["sed", "-u", "", "{}"]),
    ("grep", ["grep", "--line-buffered", "added", "{}"]),
    ("tail from the start", ["stdbuf", "-oL", "tail", "-n", "+1", "-f", "{}"]),
]


@pytest.mark.parametrize("command", [command for _, command in PROGRAMS],
                         ids=[name for name, _ in PROGRAMS])
def test_program_prints_each_line(service, programs, command):
    program = programs(*[part.format(service + "/events") for part in command], stderr=subprocess.DEVNULL)
    wait_until(lambda: has_open(program, service + "/events"), WAIT)
    change(service)
    killer = threading.Timer(WAIT, program.kill)
    killer.start()
    got = [program.stdout.readline().split(" ")[1:3] for _ in range(3)]
    killer.cancel()
    assert got == [["added", f"10.0.0.{i}:80"] for i in (1, 2, 3)]


# --- poll of the files that show the list -----------------------------------------------------------------


def polled(fd, timeout=0.0):
    poll = select.poll()
    poll.register(fd, select.POLLPRI)
    return bool(poll.poll(timeout * 1000))


@pytest.fixture
def opened():
    """opened(PATH): a descriptor, closed at the end."""
    fds = []

    def do_open(path):
        fds.append(os.open(path, os.O_RDONLY))
        return fds[-1]

    yield do_open
    for fd in fds:
        os.close(fd)


@pytest.mark.parametrize("name", ["instances", "instances.json", "healthy"])
def test_change_is_polled_and_read_from_0(service, opened, name):
    fd = opened(f"{service}/{name}")
    assert not polled(fd)
    threading.Timer(0.3, write, (service + "/register", "10.0.0.1:80\n")).start()
    assert polled(fd, WAIT)
    assert os.pread(fd, 4096, 0).decode() == read(f"{service}/{name}") != ""
    assert not polled(fd)


def test_change_stays_until_it_is_read(service, opened):
    fd = opened(service + "/instances")
    assert not polled(fd)
    write(service + "/register", "10.0.0.1:80\n")
    assert polled(fd, WAIT) and polled(fd)


def test_file_of_the_same_bytes_is_not_polled(service, opened):
    write(service + "/register", "10.0.0.1:80\n")
    healthy, instances = opened(service + "/healthy"), opened(service + "/instances")
    assert not polled(healthy) and not polled(instances)
    write(service + "/register", "10.0.0.1:80 meta.a=b\n")
    assert polled(instances, WAIT) and not polled(healthy)


def test_host_is_polled(service, opened):
    write(service + "/register", "10.0.0.1:80\n")
    fd = opened(service + "/hosts/10.0.0.1:80")
    assert not polled(fd)
    write(service + "/register", "10.0.0.1:80 weight=2\n")
    assert polled(fd, WAIT)
    assert os.pread(fd, 8, 0) == b"weight=2"


def test_what_was_never_polled_stays_one_version(service, opened):
    fd = opened(service + "/instances")
    write(service + "/register", "10.0.0.1:80\n")
    stays(lambda: os.pread(fd, 100, 0) == b"", 0.5)


def test_other_files_are_always_ready(service, opened):
    fd = opened(service + "/register")
    assert select.select([fd], [], [], 0)[0] == [fd] and not polled(fd)
