# SPDX-License-Identifier: MIT
"""`lease`: registered while a descriptor is open, and not a second longer, however its process ends."""
import os
import signal
import subprocess
import time

import pytest
from lib.mounts import fields, lines, read, write
from lib.wait import Timed, stays, wait_until
from stub_server import Answer, Delay

GROUP = "DEFAULT_GROUP"
SERVICE = f"{GROUP}/order-svc"
REST = "weight=1 healthy=true enabled=true ephemeral=true cluster=DEFAULT"
SOON = 10  # seconds; a second where the machine has nothing else to do


@pytest.fixture
def service(mount, stub):
    mounted = mount(stub.address, "timeout=2")
    os.makedirs(mounted / SERVICE)
    return mounted / SERVICE


@pytest.fixture
def lease(service):
    """lease(LINE...): a descriptor with these lines written, closed at the end."""
    fds = []

    def take(*texts, flags=os.O_WRONLY):
        fds.append(os.open(service + "/lease", flags))
        for text in texts:
            os.write(fds[-1], text.encode() + b"\n")
        return fds[-1]

    yield take
    for fd in fds:
        try:
            os.close(fd)
        except OSError:
            pass  # the test did


@pytest.fixture
def shell():
    """shell(SCRIPT, ARGUMENT...): a bash that has printed its first line."""
    started = []

    def start(script, *arguments):
        process = subprocess.Popen(["bash", "-c", script, *arguments], stdout=subprocess.PIPE,
                                   stdin=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def kept(stub):
    return sorted(ip for ip, _, _ in stub.hosts("order-svc"))


def gone(stub, *ips):
    wait_until(lambda: not set(ips) & set(kept(stub)), SOON)


def test_registered_when_the_write_returns(lease, stub, service):
    lease("10.0.0.1:80 weight=2")
    assert kept(stub) == ["10.0.0.1"]
    assert lines(service + "/instances") == [f"10.0.0.1:80 weight=2 {REST[9:]}"]


def test_close_deregisters(lease, stub, service):
    os.close(lease("10.0.0.1:80"))
    gone(stub, "10.0.0.1")
    wait_until(lambda: read(service + "/instances") == "", SOON)


def test_close_is_quick(lease, stub):
    fd = lease("10.0.0.1:80")
    with Timed() as timed:
        os.close(fd)
        gone(stub, "10.0.0.1")
    assert timed.seconds < 5


def test_several_lines_end_together(lease, stub):
    fd = lease("10.0.0.1:80", "10.0.0.2:80\n10.0.0.3:80")
    assert kept(stub) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    os.close(fd)
    gone(stub, "10.0.0.1", "10.0.0.2", "10.0.0.3")


def test_two_leases_end_each_with_its_own(lease, stub):
    one = lease("10.0.0.1:80")
    lease("10.0.0.2:80")
    os.close(one)
    gone(stub, "10.0.0.1")
    assert kept(stub) == ["10.0.0.2"]


def test_last_close_counts(lease, stub):
    fd = lease("10.0.0.1:80")
    other = os.dup(fd)
    os.close(fd)
    stays(lambda: kept(stub) == ["10.0.0.1"], 0.5)
    os.close(other)
    gone(stub, "10.0.0.1")


def test_killed_process(service, stub, shell):
    process = shell('exec 9> "$0"; echo 10.0.0.1:80 >&9; echo ready; read', service + "/lease")
    assert kept(stub) == ["10.0.0.1"]
    killed = time.monotonic()
    process.kill()
    deregister, = stub.wait_for("DELETE", "/instance", since=killed)
    print(f"deregistered {(deregister.time - killed) * 1000:.1f} ms after the kill")
    assert deregister.time - killed < 1
    gone(stub, "10.0.0.1")


def test_inherited_descriptor_holds_it(service, stub, shell):
    process = shell('exec 9> "$0"; echo 10.0.0.1:80 >&9; sleep 600 & echo ready; echo $!; read',
                    service + "/lease")
    heir = int(process.stdout.readline())
    process.kill()
    process.wait()
    stays(lambda: kept(stub) == ["10.0.0.1"], 0.5)
    os.kill(heir, signal.SIGKILL)
    gone(stub, "10.0.0.1")


def test_exec_keeps_the_descriptor(service, stub, shell):
    process = shell('exec 9> "$0"; echo 10.0.0.1:80 >&9; echo ready; exec sleep 600', service + "/lease")
    stays(lambda: kept(stub) == ["10.0.0.1"], 0.5)
    process.kill()
    gone(stub, "10.0.0.1")


def test_echo_alone_is_over_at_once(service, stub):
    subprocess.run(["bash", "-c", 'echo 10.0.0.1:80 > "$0"', service + "/lease"], check=True)
    assert stub.count("POST", "/instance") == 1
    gone(stub, "10.0.0.1")


def test_killed_writer_leaves_nothing(service, stub):
    stub.on("POST", "/instance", Delay(1), times=1)
    writer = subprocess.Popen(["bash", "-c", 'exec printf "10.0.0.1:80\\n" > "$0"', service + "/lease"])
    stub.wait_for("POST", "/instance")
    writer.kill()
    writer.wait()
    stub.wait_for("DELETE", "/instance")
    assert kept(stub) == []


def test_failed_line_is_no_lease(lease, stub, service):
    stub.on("POST", "/instance", Answer(500), times=1)
    with pytest.raises(OSError):
        lease("10.0.0.1:80")
    assert read(service + "/lease") == ""


def test_reads_the_leases_alone(lease, service):
    write(service + "/register", "10.0.0.1:80\n")
    lease("10.0.0.2:80")
    assert lines(service + "/lease") == [f"10.0.0.2:80 {REST}"]
    assert lines(service + "/register") == [f"10.0.0.1:80 {REST}", f"10.0.0.2:80 {REST}"]


def test_is_told_apart_in_registered(lease, service):
    lease("10.0.0.1:80")
    row, = lines(os.path.dirname(os.path.dirname(service)) + "/.nacos/registered")
    assert fields(row)["lease"] == "true"


def test_reader_closes_without_effect(lease, service, stub):
    lease("10.0.0.1:80")
    assert read(service + "/lease")
    stays(lambda: kept(stub) == ["10.0.0.1"], 0.5)


def test_beats_go_on(lease, stub):
    lease("10.0.0.1:80 meta.preserved.heart.beat.interval=500")
    stub.wait_for("PUT", "/instance/beat")


def test_register_takes_a_lease_over(lease, service, stub):
    fd = lease("10.0.0.1:80")
    write(service + "/register", "10.0.0.1:80\n")
    assert read(service + "/lease") == ""
    os.close(fd)
    stays(lambda: kept(stub) == ["10.0.0.1"], 0.5)


def test_lease_takes_a_registration_over(lease, service, stub):
    write(service + "/register", "10.0.0.1:80\n")
    os.close(lease("10.0.0.1:80 weight=3"))
    gone(stub, "10.0.0.1")


@pytest.mark.parametrize("status,kept_then", [(200, ["10.0.0.1"]), (500, [])])
def test_lease_that_ends_while_its_address_is_registered(lease, service, stub, status, kept_then):
    """The later one owns it, if the server takes it; else it ends like every lease."""
    fd = lease("10.0.0.1:80")
    began = time.monotonic()
    stub.on("POST", "/instance", Delay(1) if status == 200 else Delay(1, Answer(status)))
    writer = subprocess.Popen(["sh", "-c", 'echo 10.0.0.1:80 > "$0"', service + "/register"], stderr=subprocess.DEVNULL)
    stub.wait_for("POST", "/instance", since=began)
    os.close(fd)
    assert (writer.wait(SOON) == 0) == (status == 200)
    wait_until(lambda: kept(stub) == kept_then, SOON)
    stays(lambda: kept(stub) == kept_then, 0.5)
    assert [line.split(":")[0] for line in lines(service + "/register")] == kept_then


def test_lease_that_ends_while_it_is_changed(lease, service, stub):
    fd = lease("10.0.0.1:80")
    began = time.monotonic()
    stub.on("POST", "/instance", Delay(1))
    writer = subprocess.Popen(["sh", "-c", 'echo weight=5 > "$0"', service + "/hosts/10.0.0.1:80"])
    stub.wait_for("POST", "/instance", since=began)
    os.close(fd)
    writer.wait(SOON)
    gone(stub, "10.0.0.1")


def test_newer_lease_wins(lease, stub):
    older = lease("10.0.0.1:80")
    newer = lease("10.0.0.1:80 weight=2")
    os.close(older)
    stays(lambda: kept(stub) == ["10.0.0.1"], 0.5)
    os.close(newer)
    gone(stub, "10.0.0.1")


def test_change_in_hosts_leaves_it_a_lease(lease, service, stub):
    fd = lease("10.0.0.1:80")
    write(service + "/hosts/10.0.0.1:80", "weight=5\n")
    assert lines(service + "/lease")[0].split(" ")[1] == "weight=5"
    os.close(fd)
    gone(stub, "10.0.0.1")


def test_deregistered_before_the_close(lease, service, stub):
    fd = lease("10.0.0.1:80")
    write(service + "/deregister", "10.0.0.1:80\n")
    write(service + "/register", "10.0.0.1:80\n")
    os.close(fd)
    stays(lambda: kept(stub) == ["10.0.0.1"], 0.5)


def test_persistent_lease_ends_too(lease, stub):
    os.close(lease("10.0.0.1:80 ephemeral=false"))
    gone(stub, "10.0.0.1")


def test_unmount_ends_leases(mount, stub):
    mounted = mount(stub.address)
    os.makedirs(mounted / SERVICE)
    fd = os.open(mounted / SERVICE + "/lease", os.O_WRONLY)
    os.write(fd, b"10.0.0.1:80\n10.0.0.2:80 ephemeral=false\n")
    mounted.signal(signal.SIGTERM)
    assert mounted.wait() == 0
    with pytest.raises(OSError):
        os.close(fd)
    assert kept(stub) == []


def test_close_with_the_server_down_is_noted(lease, service, stub):
    fd = lease("10.0.0.1:80")
    stub.on("DELETE", "/instance", Answer(500))
    os.close(fd)
    errors = os.path.dirname(os.path.dirname(service)) + "/.nacos/errors"
    wait_until(lambda: [line for line in lines(errors) if fields(line)["path"] == SERVICE], SOON)
    assert read(service + "/lease") == ""


def test_outlives_the_daemon_and_still_ends_with_its_file(lease, service, stub):
    fd = lease("10.0.0.1:80")
    status = os.path.dirname(os.path.dirname(service)) + "/.nacos/status"
    pid = int(dict(line.split("=", 1) for line in lines(status))["pid"])
    os.kill(pid, signal.SIGKILL)
    os.write(fd, b"10.0.0.2:80\n")
    assert [line.split(" ")[0] for line in lines(service + "/lease")] == ["10.0.0.1:80", "10.0.0.2:80"]
    os.close(fd)
    gone(stub, "10.0.0.1", "10.0.0.2")
