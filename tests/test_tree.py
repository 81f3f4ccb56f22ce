# SPDX-License-Identifier: MIT
"""What is there: groups, services, files, their names and attributes."""
import errno
import hashlib
import os
import stat
import subprocess
import threading

import pytest
from lib.mounts import fields, lines, read, write
from lib.wait import Timed, wait_until
from stub_server import Silence

GROUP = "DEFAULT_GROUP"
SERVICE = f"{GROUP}/order-svc"
READ_FILES = ["instances", "instances.json", "healthy"]
WRITE_FILES = ["register", "deregister"]


@pytest.fixture
def full(stubbed, stub):
    """A mount with two instances in one service."""
    stub.add("order-svc", "10.0.0.1", 8080)
    stub.add("order-svc", "10.0.0.2", 8080, healthy=False)
    return stubbed


def error_of(call, *arguments):
    with pytest.raises(OSError) as error:
        call(*arguments)
    return errno.errorcode[error.value.errno]


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


# --- groups -------------------------------------------------------------------------------------------


def test_default_group_is_always_there(stubbed):
    assert GROUP in os.listdir(stubbed.path)


def test_groups_of_the_catalog(full, stub):
    stub.add("pay-svc", "10.0.0.3", 80, group="PAY")
    wait_until(lambda: "PAY" in os.listdir(full.path), 3)


def test_groups_given_as_options(mount, stub):
    assert {"A", "B"} <= set(os.listdir(mount(stub.address, "group=A", "group=B").path))


def test_group_that_only_service_list_knows(mount, stub):
    stub.catalog = False
    stub.add("pay-svc", "10.0.0.3", 80, group="PAY")
    assert os.listdir(mount(stub.address) / "PAY") == ["pay-svc"]


def test_unknown_group(full):
    assert error_of(os.stat, full / "NO_SUCH_GROUP") == "ENOENT"


def test_namespace(mount, stub):
    stub.add("order-svc", "10.0.0.1", 8080)
    stub.add("other-svc", "10.0.0.1", 8080, namespace="dev")
    assert os.listdir(mount(stub.address, "namespace=dev") / GROUP) == ["other-svc"]


# --- services -----------------------------------------------------------------------------------------


def test_services_of_a_group(full, stub):
    stub.add_service("empty-svc")
    assert sorted(os.listdir(full / GROUP)) == ["empty-svc", "order-svc"]


def test_unknown_service(full):
    assert error_of(os.stat, full / f"{GROUP}/no-such-svc") == "ENOENT"


def test_service_of_another_group(full):
    assert error_of(os.stat, full / "PAY/order-svc") == "ENOENT"


def test_new_service_can_be_looked_up_at_once_after_a_second(full, stub):
    os.listdir(full / GROUP)
    stub.add("new-svc", "10.0.0.1", 80)
    wait_until(lambda: os.path.exists(full / f"{GROUP}/new-svc"), 2.5)


def test_gone_service_vanishes_after_two_listings(full, stub):
    stub.add_service("short-lived")
    assert "short-lived" in os.listdir(full / GROUP)
    stub.remove_service("short-lived")
    wait_until(lambda: "short-lived" not in os.listdir(full / GROUP), 5)


def test_service_missing_in_one_listing_stays(full, stub):
    os.listdir(full / GROUP)
    stub.on("GET", "/service/list", lambda c, r, s: c.answer(200, b'{"doms":[],"count":0}'), times=1)
    seen = stub.count("GET", "/service/list")
    wait_until(lambda: os.listdir(full / GROUP) and stub.count("GET", "/service/list") > seen, 3)
    assert "order-svc" in os.listdir(full / GROUP)


def test_10000_services_are_listed_completely(stubbed, stub):
    names = {f"svc-{number:05}" for number in range(10000)}
    for name in names:
        stub.add_service(name)
    assert set(os.listdir(stubbed / GROUP)) == names
    assert stub.count("GET", "/service/list") > 1


def test_listing_of_10000_services_names_each_once(stubbed, stub):
    for number in range(10000):
        stub.add_service(f"svc-{number:05}")
    assert len(os.listdir(stubbed / GROUP)) == 10000


def test_listing_while_services_come_and_go(stubbed, stub):
    """What stays is named exactly once in each listing."""
    lasting = {f"lasting-{number:04}" for number in range(2000)}
    for name in lasting:
        stub.add_service(name)
    done = threading.Event()

    def churn():
        number = 0
        while not done.wait(0.002):
            number = (number + 1) % 50
            stub.remove_service(f"a-{number - 25}") if number >= 25 else stub.add_service(f"a-{number}")

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(30):
            names = os.listdir(stubbed / GROUP)
            assert len(names) == len(set(names)) and lasting <= set(names)
    finally:
        done.set()
        thread.join()


def test_listing_again_within_a_second_asks_nothing(full, stub):
    os.listdir(full / GROUP)
    seen = stub.count("GET", "/service/list")
    for _ in range(20):
        os.listdir(full / GROUP)
    assert stub.count("GET", "/service/list") <= seen + 1


# --- files --------------------------------------------------------------------------------------------


def test_files_of_a_service(full):
    assert {*READ_FILES, *WRITE_FILES, "hosts"} <= set(os.listdir(full / SERVICE))


@pytest.mark.parametrize("name", ["pick", "events"])
def test_not_listed(full, name):
    assert name not in os.listdir(full / SERVICE)


def test_pick_opens_by_name(full):
    assert read(full / f"{SERVICE}/pick") == "10.0.0.1:8080\n"


def test_unknown_file(full):
    assert error_of(os.stat, full / f"{SERVICE}/nonsense") == "ENOENT"


def test_hosts_lists_each_instance(full):
    assert sorted(os.listdir(full / f"{SERVICE}/hosts")) == ["10.0.0.1:8080", "10.0.0.2:8080"]


def test_unknown_host(full):
    assert error_of(os.stat, full / f"{SERVICE}/hosts/10.9.9.9:1") == "ENOENT"


def test_dot_nacos(full):
    assert {"status", "servers", "registered", "errors", "options", "version"} <= set(
        os.listdir(full / ".nacos"))


@pytest.mark.parametrize("name", ["status", "servers", "registered", "errors", "options", "version"])
def test_dot_nacos_files_are_records_of_fields(full, name):
    write(full / f"{SERVICE}/register", "10.0.0.9:1 meta.a=b\n")
    with pytest.raises(OSError):
        write(full / f"{SERVICE}/register", "nonsense\n")
    text = read(full / f".nacos/{name}")
    assert text.endswith("\n")
    for line in text.splitlines():
        assert all("=" in field for field in line.split(" ")), line


def test_servers_names_each_server(mount, stub):
    mounted = mount(stub.address + ",127.0.0.1:1")
    assert len(lines(mounted / ".nacos/servers")) == 2


# --- names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw,shown", [
    ("a/b", "a%2Fb"), ("100%", "100%25"), (".hidden", "%2Ehidden"), ("..", "%2E."), ("a.b", "a.b"),
    ("a:b-c_d", "a:b-c_d"), ("UPPER", "UPPER"), ("%2F", "%252F"), ("with space", "with space"),
    ("über", "über"), ("服务", "服务")])
def test_name_round_trip(stubbed, stub, raw, shown):
    stub.add(raw, "10.0.0.1", 8080)
    assert os.listdir(stubbed / GROUP) == [shown]
    assert read(stubbed / f"{GROUP}/{shown}/healthy") == "10.0.0.1:8080\n"


@pytest.mark.parametrize("raw,other", [("a/b", "a%2fb"), ("ab", "%61b"), ("100%", "100%"),
                                       (".hidden", ".hidden")])
def test_spelling_that_is_not_canonical(stubbed, stub, raw, other):
    stub.add(raw, "10.0.0.1", 8080)
    assert error_of(os.stat, stubbed / f"{GROUP}/{other}") == "ENOENT"


def test_names_differ_by_case(stubbed, stub):
    stub.add("svc", "10.0.0.1", 8080)
    stub.add("SVC", "10.0.0.2", 8080)
    assert read(stubbed / f"{GROUP}/svc/healthy") != read(stubbed / f"{GROUP}/SVC/healthy")


def test_name_too_long_for_a_file(stubbed, stub):
    raw = "x" * 300
    shown = raw[:200] + "~" + hashlib.sha256(raw.encode()).hexdigest()[:16]
    stub.add(raw, "10.0.0.1", 8080)
    assert os.listdir(stubbed / GROUP) == [shown]
    assert read(stubbed / f"{GROUP}/{shown}/healthy") == "10.0.0.1:8080\n"


def test_name_of_255_bytes(stubbed, stub):
    stub.add("y" * 255, "10.0.0.1", 8080)
    assert os.listdir(stubbed / GROUP) == ["y" * 255]


def test_lookup_of_a_name_over_255_bytes(stubbed):
    assert error_of(os.stat, stubbed / f"{GROUP}/{'z' * 256}") == "ENAMETOOLONG"


@pytest.mark.parametrize("name", [b"\xff\xfe", b"\xc0\xaf", b"new\nline", b"\xe2\x80\xae", b"@@", b"a@@b",
                                  b"%", b"%zz", b"~", b" "])
def test_odd_name_is_just_unknown(full, name):
    assert error_of(os.stat, os.fsencode(full / GROUP) + b"/" + name) == "ENOENT"


def test_group_name_is_encoded_too(stubbed, stub):
    stub.add("s", "10.0.0.1", 8080, group=".g")
    wait_until(lambda: "%2Eg" in os.listdir(stubbed.path), 3)
    assert os.listdir(stubbed / "%2Eg") == ["s"]


# --- attributes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name,wanted", [
    ("", 0o755), (GROUP, 0o755), (SERVICE, 0o755), (f"{SERVICE}/hosts", 0o755), (".nacos", 0o755),
    (f"{SERVICE}/instances", 0o644), (f"{SERVICE}/instances.json", 0o644), (f"{SERVICE}/healthy", 0o644),
    (f"{SERVICE}/pick", 0o644), (f"{SERVICE}/register", 0o644), (f"{SERVICE}/deregister", 0o644),
    (f"{SERVICE}/hosts/10.0.0.1:8080", 0o644)])
def test_mode(full, name, wanted):
    read(full / f"{SERVICE}/instances")
    assert oct(mode(full / name)) == oct(wanted)


@pytest.mark.parametrize("name,wanted", [
    (f"{SERVICE}/register", 0o664), (f"{SERVICE}/deregister", 0o664), (f"{SERVICE}/hosts", 0o775),
    (f"{SERVICE}/hosts/10.0.0.1:8080", 0o664), (f"{SERVICE}/instances", 0o644)])
def test_mode_with_gid(mount, stub, name, wanted):
    stub.add("order-svc", "10.0.0.1", 8080)
    mounted = mount(stub.address, "gid=12")
    read(mounted / f"{SERVICE}/instances")
    assert (oct(mode(mounted / name)), os.stat(mounted / name).st_gid) == (oct(wanted), 12)


def test_umask_never_takes_the_owners_bits(mount, stub):
    mounted = mount(stub.address, "umask=777")
    assert (mode(mounted / GROUP), mode(mounted / ".nacos/status")) == (0o700, 0o600)


@pytest.mark.skipif(os.geteuid() != 0, reason="uid= needs root")
def test_uid(mount, stub):
    assert os.stat(mount(stub.address, "uid=1").path).st_uid == 1


def test_owner_is_the_daemons(full):
    status = os.stat(full / f"{SERVICE}/instances")
    assert (status.st_uid, status.st_gid) == (os.geteuid(), os.getegid())


@pytest.mark.parametrize("name", READ_FILES)
def test_size_is_exact_once_the_list_is_held(full, name):
    content = read(full / f"{SERVICE}/{name}")
    assert os.stat(full / f"{SERVICE}/{name}").st_size == len(content.encode()) > 0


@pytest.mark.parametrize("name", READ_FILES)
def test_fstat_after_the_first_open_is_right(full, name):
    with open(full / f"{SERVICE}/{name}", "rb") as file:
        assert os.fstat(file.fileno()).st_size == len(file.read()) > 0


@pytest.mark.parametrize("name", [f"{SERVICE}/pick", ".nacos/status", ".nacos/options"])
def test_size_0_as_in_proc(full, name):
    read(full / name)
    assert os.stat(full / name).st_size == 0


def test_mtime_grows_with_each_change(full, stub):
    path = full / f"{SERVICE}/instances"
    read(path)
    times = [os.stat(path).st_mtime_ns]
    for number in range(3, 8):
        stub.add("order-svc", f"10.0.0.{number}", 8080)
        stub.push("order-svc")
        wait_until(lambda n=number: len(lines(path)) == n, 3)
        times.append(os.stat(path).st_mtime_ns)
    assert times == sorted(set(times))


def test_mtime_stays_without_a_change(full, stub):
    path = full / f"{SERVICE}/instances"
    read(path)
    before = os.stat(path).st_mtime_ns
    for _ in range(3):
        stub.push("order-svc")
        stub.wait_for("GET", "/instance/list")
        read(path)
    assert os.stat(path).st_mtime_ns == before


def test_inode_numbers_are_stable(full):
    paths = [full / name for name in (GROUP, SERVICE, f"{SERVICE}/instances",
                                      f"{SERVICE}/hosts/10.0.0.1:8080")]
    before = [os.stat(path).st_ino for path in paths]
    subprocess.run(["sh", "-c", "echo 2 > /proc/sys/vm/drop_caches"], check=False)
    assert [os.stat(path).st_ino for path in paths] == before


def test_inode_numbers_are_unique(full):
    read(full / f"{SERVICE}/instances")
    numbers = [os.lstat(os.path.join(top, name)).st_ino
               for top, dirs, files in os.walk(full.path) for name in [*dirs, *files]]
    assert len(numbers) == len(set(numbers))


# --- what walks over it ---------------------------------------------------------------------------------


def test_statfs_needs_no_server(mount, stub):
    stub.on("*", "*", Silence())
    mounted = mount(stub.address)
    with Timed() as timed:
        os.statvfs(mounted.path)
    assert timed.seconds < 2


@pytest.mark.parametrize("command", ["find . -type f -size +0", "ls -lR .", "grep -r 10.0.0.1 .",
                                     "tar -cf /dev/null .", "df .", "du -s ."])
def test_program_that_walks_the_tree(full, command):
    result = subprocess.run(["sh", "-c", command + " > /dev/null"], cwd=full.path, timeout=30,
                            capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_cp_copies_the_content(full, place):
    copy = os.path.join(place, "copy")
    subprocess.run(["cp", "-r", full / SERVICE, copy], check=True, timeout=30)
    assert read(os.path.join(copy, "instances")) == read(full / f"{SERVICE}/instances") != ""


def test_find_costs_at_most_one_list_a_service(stubbed, stub):
    for number in range(50):
        stub.add(f"svc-{number}", "10.0.0.1", 8080)
    subprocess.run(["find", stubbed.path], stdout=subprocess.DEVNULL, check=True, timeout=30)
    assert stub.count("GET", "/instance/list") <= 50


def test_find_subscribes_to_nothing(stubbed, stub):
    for number in range(20):
        stub.add(f"svc-{number}", "10.0.0.1", 8080)
    subprocess.run(["find", stubbed.path], stdout=subprocess.DEVNULL, check=True, timeout=30)
    assert not any(int(r.params.get("udpPort") or 0) for r in stub.seen("GET", "/instance/list"))


# --- directories that users make --------------------------------------------------------------------------


def test_mkdir_of_a_service_pins_it(stubbed):
    os.mkdir(stubbed / SERVICE)
    assert os.listdir(stubbed / GROUP) == ["order-svc"]
    assert read(stubbed / f"{SERVICE}/instances") == ""


def test_mkdir_of_a_group(stubbed):
    os.makedirs(stubbed / "MINE/order-svc")
    assert "MINE" in os.listdir(stubbed.path)


def test_mkdir_then_register(stubbed, stub):
    subprocess.run(["sh", "-c", 'mkdir -p "$0" && echo 10.0.0.1:80 > "$0/register"',
                    stubbed / "MINE/order-svc"], check=True, timeout=20)
    assert stub.hosts("order-svc", group="MINE")


def test_mkdir_creates_nothing_on_the_server(stubbed, stub):
    os.mkdir(stubbed / SERVICE)
    assert not [r for r in stub.requests if r.method != "GET"]


def test_mkdir_of_a_service_that_exists(full):
    assert error_of(os.mkdir, full / SERVICE) == "EEXIST"


def test_mkdir_p_of_a_service_that_exists(full):
    subprocess.run(["mkdir", "-p", full / SERVICE], check=True)


def test_mkdir_without_a_server(stubbed, stub):
    """Whether the name is free cannot be known: the look-up before the mkdir says so."""
    stub.close()
    assert error_of(os.mkdir, stubbed / SERVICE) == "EHOSTUNREACH"


def test_rmdir_of_a_service_made_here(stubbed):
    os.mkdir(stubbed / SERVICE)
    os.rmdir(stubbed / SERVICE)
    assert os.listdir(stubbed / GROUP) == []


def test_rmdir_of_a_service_with_instances(full):
    assert error_of(os.rmdir, full / SERVICE) == "ENOTEMPTY"


def test_rmdir_of_a_group_made_here(stubbed):
    os.mkdir(stubbed / "MINE")
    os.rmdir(stubbed / "MINE")
    assert "MINE" not in os.listdir(stubbed.path)


@pytest.mark.heavy
def test_service_with_our_registration_never_vanishes(full, stub):
    write(full / f"{SERVICE}/register", "10.0.0.9:80\n")
    stub.remove_service("order-svc")
    for _ in range(4):
        seen = stub.count("GET", "/service/list")
        wait_until(lambda s=seen: os.listdir(full / GROUP) and stub.count("GET", "/service/list") > s, 3)
    assert os.path.isdir(full / SERVICE)


def test_working_directory_stays_when_the_service_is_gone(full, stub):
    # Not by Popen's cwd: until the child's exec the server, which runs in this process, would stand still.
    shell = subprocess.Popen(["sh", "-c", 'cd "$0"; echo there; read go; pwd -P; ls', full / SERVICE], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert shell.stdout.readline() == "there\n"
    stub.remove_service("order-svc")
    for _ in range(4):
        seen = stub.count("GET", "/service/list")
        wait_until(lambda s=seen: os.listdir(full / GROUP) is not None
                   and stub.count("GET", "/service/list") > s, 3)
    output, _ = shell.communicate("go\n", timeout=10)
    assert output.splitlines()[0] == full / SERVICE
    assert "instances" in output.splitlines()
