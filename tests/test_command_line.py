# SPDX-License-Identifier: MIT
"""Starting and ending: arguments, exit codes, signals, the mount table."""
import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.error

import pytest
from lib import mounts, procs
from lib.mounts import END, fields, lines, write
from lib.registry import DIRECT
from lib.wait import Timed, wait_until
from stub_server import Silence

SERVICE = "DEFAULT_GROUP/order-svc"


@pytest.fixture
def nacosfs(build, place):
    """nacosfs(ARGUMENT...): runs it to its end; mounts below `place` are taken away afterwards."""
    def run(*arguments, timeout=20, **how):
        return subprocess.run([os.path.join(build, "nacosfs"), *arguments], capture_output=True,
                              text=True, timeout=timeout, stdin=subprocess.DEVNULL, check=False, **how)

    yield run
    for point in mounts.points():
        if point.startswith(place):
            daemons = procs.of_mount(point)
            mounts.abort(point)
            mounts.detach(point)
            for pid in daemons:
                procs.kill(pid)


@pytest.fixture
def point(place):
    path = os.path.join(place, "mnt")
    os.mkdir(path)
    return path


@pytest.fixture
def dead_address():
    """An address where nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield "127.0.0.1:%d" % sock.getsockname()[1]


@pytest.fixture
def own_state(place):
    """Where a registry that nacosfs starts keeps its persistent instances in these tests."""
    return {"XDG_STATE_HOME": os.path.join(place, "state"),
            "STATE_DIRECTORY": os.path.join(place, "state")}


def end_of(path, timeout=END + 2):
    """fusermount3 -u, then until no process of the mount is left."""
    mounts.unmount(path)
    wait_until(lambda: not procs.of_mount(path), timeout, f"{procs.of_mount(path)} of {path} ended")


# --- misuse ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["127.0.0.1:8848"]], ids=["nothing", "no-mountpoint"])
def test_missing_arguments(nacosfs, arguments):
    result = nacosfs(*arguments)
    assert result.returncode == 1 and result.stderr and not result.stdout


@pytest.mark.parametrize("option", ["nonsense", "nonsense=1", "timeouts=3"])
def test_unknown_option(nacosfs, point, dead_address, option):
    result = nacosfs("-o", option, dead_address, point)
    assert result.returncode == 1
    assert option.split("=")[0] in result.stderr
    assert point not in mounts.points()


def test_unknown_long_option(nacosfs, point, dead_address):
    assert nacosfs("--nonsense", dead_address, point).returncode == 1


@pytest.mark.parametrize("option", [
    "timeout=soon", "timeout=-1", "timeout=", "connect_timeout=x", "retries=-2", "push=tcp",
    "udp_port=70000", "udp_port=x", "idle_timeout=1h", "log_level=loud", "max_response=many",
    "uid=nobody-of-that-name", "gid=x", "umask=9", "ip=not an address", "namespace="])
def test_bad_value(nacosfs, point, dead_address, option):
    result = nacosfs("-o", option, dead_address, point)
    assert result.returncode == 1
    assert option.split("=")[0] in result.stderr
    assert point not in mounts.points()


@pytest.mark.parametrize("source", ["127.0.0.1:99999", "ftp://127.0.0.1/nacos", "", ",", "127.0.0.1:x"])
def test_bad_source(nacosfs, point, source):
    result = nacosfs(source, point)
    assert result.returncode != 0 and result.stderr


def test_error_is_one_line(nacosfs, point, dead_address):
    result = nacosfs("-o", "nonsense", dead_address, point)
    assert len(result.stderr.splitlines()) <= 2  # the second may point to --help


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_goes_to_stdout(nacosfs, flag):
    result = nacosfs(flag)
    assert result.returncode == 0 and not result.stderr
    assert "MOUNTPOINT" in result.stdout


@pytest.mark.parametrize("option", [
    "namespace=", "group=", "username=", "credentials=", "endpoint=", "cafile=", "cert=", "key=",
    "insecure", "timeout=", "connect_timeout=", "retries=", "push=", "udp_port=",
    "cache_dir=", "load_cache_at_start", "failover_dir=", "empty_protection", "keep_registered",
    "idle_timeout=", "admin", "ip=", "clusters=", "listen=", "log_level=", "max_response=", "ro",
    "uid=", "gid=", "umask="])
def test_help_names_the_option(nacosfs, option):
    assert re.search(rf"(^|\s){re.escape(option)}", nacosfs("-h").stdout, re.M)


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_version(nacosfs, flag):
    result = nacosfs(flag)
    assert result.returncode == 0
    assert re.search(r"nacosfs.*\d+\.\d+\.\d+", result.stdout)
    assert re.search(r"FUSE library version:? *3\.\d+", result.stdout)
    assert re.search(r"kernel interface version:? *7\.\d+", result.stdout)


def test_mountpoint_is_a_file(nacosfs, place, dead_address):
    path = os.path.join(place, "file")
    write(path, b"", os.O_WRONLY | os.O_CREAT)
    result = nacosfs(dead_address, path)
    assert result.returncode != 0 and path in result.stderr


def test_mountpoint_is_missing(nacosfs, place, dead_address):
    path = os.path.join(place, "missing")
    result = nacosfs(dead_address, path)
    assert result.returncode != 0 and path in result.stderr


# --- mounting ---------------------------------------------------------------------------------------


def test_parent_returns_when_the_mount_answers(nacosfs, stub, point):
    result = nacosfs(stub.address, point)
    assert (result.returncode, result.stderr) == (0, "")
    assert point in mounts.points()
    assert "DEFAULT_GROUP" in os.listdir(point)
    end_of(point)


def test_relative_mountpoint(nacosfs, stub, point):
    assert nacosfs(stub.address, "mnt", cwd=os.path.dirname(point)).returncode == 0
    assert point in mounts.points()
    end_of(point)


def test_options_behind_the_arguments(nacosfs, stub, point):
    assert nacosfs(stub.address, point, "-o", "ro,timeout=2").returncode == 0
    end_of(point)


def test_background_daemon_holds_nothing_that_the_shell_had_open(nacosfs, stub, point):
    reader, writer = os.pipe()
    result = nacosfs(stub.address, point, pass_fds=[writer])
    os.close(writer)
    assert result.returncode == 0, result.stderr
    os.set_blocking(reader, False)
    assert os.read(reader, 1) == b""  # else BlockingIOError: somebody holds the other end
    os.close(reader)


def test_background_daemon_holds_no_terminal(nacosfs, stub, point):
    nacosfs(stub.address, point)
    pid = procs.of_mount(point)[0]
    for fd in "012":
        assert not os.readlink(f"/proc/{pid}/fd/{fd}").startswith("pipe:"), "the caller would wait for it"
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    end_of(point)


def test_mounting_does_not_wait_for_a_dead_server(mount, dead_address):
    with Timed() as timed:
        mount(dead_address)
    assert timed.seconds < 2


def test_mounting_does_not_wait_for_a_silent_server(mount, stub):
    stub.on("*", "*", Silence())
    with Timed() as timed:
        mount(stub.address)
    assert timed.seconds < 2


def test_root_lists_the_groups_known_without_a_server(mount, dead_address):
    assert {"DEFAULT_GROUP", "MINE"} <= set(os.listdir(mount(dead_address, "group=MINE").path))


def test_names_in_the_mount_table(mount, stub):
    mounted = mount(stub.address + ",127.0.0.1:1")
    row = subprocess.run(["findmnt", "-n", "-o", "SOURCE,FSTYPE", mounted.path], capture_output=True,
                         text=True, check=True).stdout.split()
    assert row == [f"nacos://{stub.address}", "fuse.nacosfs"]


def test_every_process_names_the_mountpoint(mount, own_state):
    mounted = mount("standalone", "listen=127.0.0.1:0", env=own_state)
    # A child has no command line of its own until its exec.
    wait_until(lambda: set(mounted.remember()) == set(procs.of_mount(mounted.path)), 5)
    assert len(mounted.remember()) >= 3


def test_fstab_options_are_accepted(mount, stub):
    mount(stub.address, "_netdev", "nofail", "x-systemd.automount", "defaults", "rw", "exec", "suid",
          "dev")


def test_option_in_force_is_shown(mount, stub):
    assert "timeout=2" in mounts.read(mount(stub.address, "timeout=2") / ".nacos/options")


def test_escaped_comma_in_a_value(mount, stub):
    stub.add("order-svc", "10.0.0.1", 8080, cluster="A")
    stub.add("order-svc", "10.0.0.2", 8080, cluster="B")
    stub.add("order-svc", "10.0.0.3", 8080, cluster="C")
    mounted = mount(stub.address, r"clusters=A\,B")
    assert lines(mounted / f"{SERVICE}/healthy") == ["10.0.0.1:8080", "10.0.0.2:8080"]
    assert stub.seen("GET", "/instance/list")[-1].params["clusters"] == "A,B"


def test_mount_over_a_directory_with_files(mount, stub, place):
    path = os.path.join(place, "full")
    os.mkdir(path)
    write(os.path.join(path, "hidden"), b"", os.O_WRONLY | os.O_CREAT)
    assert "hidden" not in os.listdir(mount(stub.address, path=path).path)


@pytest.mark.skipif(not os.path.exists("/sbin/mount.fuse"), reason="no mount.fuse here")
def test_mount_by_type(build, stub, point, nacosfs):
    """As mount(8) calls its helper for -t fuse.nacosfs, which finds the program in PATH."""
    subprocess.run(["/sbin/mount.fuse", stub.address, point, "-o", "rw,timeout=2,_netdev,nofail",
                    "-t", "fuse.nacosfs"],
                   env={**os.environ, "PATH": build + ":" + os.environ["PATH"]}, check=True, timeout=20)
    assert "timeout=2" in mounts.read(os.path.join(point, ".nacos/options"))
    end_of(point)


AS_NOBODY = r"""
set -e
mkdir dev mnt
mknod -m 666 dev/fuse c 10 229
mount --bind dev/fuse /dev/fuse
chown 65534 mnt
exec setpriv --reuid=65534 --regid=65534 --clear-groups bash -e user.sh "$1"
"""

USER = r"""
trap "fusermount3 -uzq mnt || true" EXIT
%s
until fusermount3 -u mnt 2>/dev/null; do sleep 0.05; done # the announcement may be under way still
for _ in $(seq 100); do pgrep -f "^bin/nacosfs $1 mnt$" >/dev/null || exit 0; sleep 0.05; done
exit 1
"""

REGISTERS = r"""
bin/nacosfs "$1" mnt
cat mnt/DEFAULT_GROUP/order-svc/healthy
inotifywait -q -t 10 --format %f -e create mnt/DEFAULT_GROUP/order-svc/hosts & watcher=$!
until grep -qs inotify /proc/$watcher/fdinfo/*; do sleep 0.05; done
echo 10.0.0.2:80 > mnt/DEFAULT_GROUP/order-svc/register
wait $watcher
"""

# daemon, keeper, and the daemon of the keeper that came in its place
OUTLIVES = r"""
of() { sed -n "s/^$1=//p" mnt/.nacos/status; }
bin/nacosfs "$1" mnt
for victim in pid keeper_pid pid; do
    kill -9 $(of $victim)
    cat mnt/DEFAULT_GROUP/order-svc/healthy
done
"""


@pytest.fixture
def as_nobody(build, base, place, stub):
    """Runs a script as a user of no rights, by fusermount3, in a mount namespace where /dev/fuse is for all,
    as it is on any desktop; what it printed."""
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("setpriv"):
        pytest.skip("needs root, unshare and setpriv")
    for directory in (base, place):
        os.chmod(directory, 0o755)
    os.mkdir(os.path.join(place, "bin"))
    for program in ("nacosfs", "nacos-registry"):
        shutil.copy(os.path.join(build, program), os.path.join(place, "bin"))
    stub.add("order-svc", "10.0.0.1", 80)

    def run(script):
        with open(os.path.join(place, "user.sh"), "w", encoding="utf-8") as file:
            file.write(USER % script)
        result = subprocess.run(["unshare", "-m", "bash", "-c", AS_NOBODY, "bash", stub.address], cwd=place,
                                capture_output=True, text=True, timeout=60, check=False)
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout.splitlines()

    return run


def test_unprivileged_user(as_nobody):
    assert as_nobody(REGISTERS) == ["10.0.0.1:80", "10.0.0.2:80"]


def test_mount_of_an_unprivileged_user_outlives_daemon_and_keeper(as_nobody):
    assert as_nobody(OUTLIVES) == ["10.0.0.1:80"] * 3


# --- ending -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_deregisters_unmounts_and_exits_0(stubbed, stub, number):
    os.makedirs(stubbed / SERVICE)
    write(stubbed / f"{SERVICE}/register", "10.0.0.1:8080\n")
    with Timed() as timed:
        stubbed.signal(number)
        assert stubbed.wait(END) == 0
    assert timed.seconds <= END
    assert not stubbed.mounted()
    assert stub.count("DELETE", "/instance", ip="10.0.0.1", port=8080) == 1
    assert not stub.hosts("order-svc")


def test_unmount_deregisters(stubbed, stub):
    os.makedirs(stubbed / SERVICE)
    write(stubbed / f"{SERVICE}/register", "10.0.0.1:8080\n")
    stubbed.stop()
    assert stub.count("DELETE", "/instance", ip="10.0.0.1", port=8080) == 1


def test_unmount_of_many_registrations(stubbed, stub):
    os.makedirs(stubbed / SERVICE)
    write(stubbed / f"{SERVICE}/register", "".join(f"10.0.0.{n}:8080\n" for n in range(1, 51)))
    stubbed.stop()
    assert not stub.hosts("order-svc")


@pytest.mark.parametrize("behaviour", ["dead", "silent"])
def test_end_within_3_seconds_without_a_server(stubbed, stub, behaviour):
    os.makedirs(stubbed / SERVICE)
    write(stubbed / f"{SERVICE}/register", "10.0.0.1:8080\n10.0.0.2:8080\n")
    if behaviour == "dead":
        stub.close()
    else:
        stub.on("*", "*", Silence())
    with Timed() as timed:
        stubbed.signal(signal.SIGTERM)
        assert stubbed.wait(END + 1) == 0
    assert timed.seconds <= END + 0.2


def test_second_sigterm_ends_at_once(build, stub, place, mount):
    mounted = mount(stub.address, "timeout=30")
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", "10.0.0.1:8080\n")
    stub.on("DELETE", "/instance", Silence())
    mounted.signal(signal.SIGTERM)
    stub.wait_for("DELETE", "/instance")
    with Timed() as timed:
        mounted.signal(signal.SIGTERM)
        status = mounted.wait()
    assert status != 0 and timed.seconds < 5
    wait_until(lambda: not mounted.survivors(), END, "no process is left")
    mounts.detach(mounted.path)
    mounted.ended = 0  # as it should be for this end; what else must hold is asserted as ever


def test_sighup_does_not_end_it(stubbed):
    stubbed.signal(signal.SIGHUP)
    assert "DEFAULT_GROUP" in os.listdir(stubbed.path)


def test_sigpipe_does_not_end_it(stubbed):
    stubbed.signal(signal.SIGPIPE)
    assert "DEFAULT_GROUP" in os.listdir(stubbed.path)


def test_busy_unmount_does_no_harm(stubbed):
    held = os.open(stubbed / ".nacos/status", os.O_RDONLY)
    result = subprocess.run(["fusermount3", "-u", stubbed.path], capture_output=True, text=True,
                            check=False)
    assert result.returncode != 0 and "busy" in result.stderr
    assert os.read(held, 4096)
    os.close(held)


def test_lazy_unmount_ends_with_the_last_close(stubbed, stub):
    stub.add("order-svc", "10.0.0.1", 8080)
    held = os.open(stubbed / f"{SERVICE}/instances", os.O_RDONLY)
    stubbed.remember()
    subprocess.run(["fusermount3", "-uz", stubbed.path], check=True)
    assert os.read(held, 4096).startswith(b"10.0.0.1:8080 ")
    os.close(held)
    assert stubbed.wait(END) == 0


def test_killed_mount_is_replaced_on_the_same_path(mount, stub):
    first = mount(stub.address)
    first.kill_everything()
    with pytest.raises(OSError) as error:
        os.listdir(first.path)
    assert error.value.errno in (errno.ENOTCONN, errno.ECONNABORTED)
    with Timed() as timed:
        second = mount(stub.address, path=first.path)
        # What is mounted there at first is still the dead one, and for a moment nothing.
        wait_until(lambda: os.path.isdir(second / "DEFAULT_GROUP"), 5)
    assert timed.seconds < 2 or END > 3
    first.process = None  # the second one's end is asserted instead


def test_second_mount_on_the_same_path_is_refused(nacosfs, stubbed, stub):
    result = nacosfs(stub.address, stubbed.path)
    assert result.returncode != 0 and stubbed.path in result.stderr
    assert "DEFAULT_GROUP" in os.listdir(stubbed.path)


# --- standalone ---------------------------------------------------------------------------------------


def test_standalone_registers_and_lists(mount, own_state):
    mounted = mount("standalone", "listen=127.0.0.1:0", env=own_state)
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", "10.0.0.1:8080\n")
    assert lines(mounted / f"{SERVICE}/healthy") == ["10.0.0.1:8080"]


def test_standalone_names_the_address_in_servers(mount, own_state):
    mounted = mount("standalone", "listen=127.0.0.1:0", env=own_state)
    assert re.search(r"127\.0\.0\.1:[1-9]\d*", mounts.read(mounted / ".nacos/servers"))


def test_standalone_port_in_use(nacosfs, point):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        result = nacosfs("-o", f"listen={address}", "standalone", point)
    assert result.returncode != 0
    assert len(result.stderr.splitlines()) == 1 and address in result.stderr
    assert point not in mounts.points()


def test_standalone_registry_ends_with_the_mount(mount, own_state):
    mounted = mount("standalone", "listen=127.0.0.1:0", env=own_state)
    registry = [pid for pid in mounted.remember()
                if procs.program(procs.command_line(pid)) == b"nacos-registry"]
    assert len(registry) == 1
    mounted.stop()
    assert not procs.command_line(registry[0])


def test_standalone_registry_is_started_again(mount, own_state):
    mounted = mount("standalone", "listen=127.0.0.1:0", env=own_state)
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register",
          "10.0.0.1:8080 meta.preserved.heart.beat.interval=500\n")

    def registry():
        status = dict(line.split("=", 1) for line in lines(mounted / ".nacos/status"))
        return int(status.get("registry_pid", 0))  # not told while there is none

    first = registry()
    procs.kill(first)
    wait_until(lambda: registry() not in (0, -1, first), 10)
    wait_until(lambda: registered_at(mounted, "10.0.0.1"), 10)


def registered_at(mounted, ip):
    """The registry behind a standalone mount lists the instance."""
    server = fields(lines(mounted / ".nacos/servers")[0])["server"]
    url = f"{server}/v1/ns/instance/list?serviceName=order-svc"
    try:
        with DIRECT.open(url, timeout=2) as reply:
            return ip in reply.read().decode()
    except urllib.error.URLError:
        return False


def test_status_is_a_table(stubbed):
    records = [fields(line) for line in lines(stubbed / ".nacos/status")]
    assert records and str(stubbed.daemon()) in mounts.read(stubbed / ".nacos/status")
