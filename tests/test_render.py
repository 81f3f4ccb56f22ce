# SPDX-License-Identifier: MIT
"""`.nacos/render/`: files for programs that read a format of their own, and how they hear of changes."""
import json
import os
import signal
import stat
import threading
import time

import pytest
from lib.inotify import Watch
from lib.mounts import fields, lines, read, write
from lib.wait import stays, wait_until
from stub_server import Silence

FORMATS = {"prometheus": ".json", "hosts": "", "nginx": ".conf", "haproxy": ".cfg", "envoy": ".json",
           "traefik": ".yml", "env": ".env"}
GROUP = "DEFAULT_GROUP"
STEM = f"{GROUP}@@order-svc"
LATE = 1.0  # seconds from the server's answer to the event, at most
PRUNED = 5.0  # seconds after which the kernel has let go of what nobody uses


def place(mounted, kind, stem=STEM):
    return mounted / f".nacos/render/{kind}/{stem}{FORMATS[kind]}"


@pytest.fixture
def followed(mounted, registry):
    """A mount of a registry with one instance."""
    registry.register("order-svc", "10.0.0.1", 80)
    return mounted


@pytest.fixture
def pushed(mount, stub):
    """A mount of the scripted server with one instance."""
    stub.add("order-svc", "10.0.0.1", 80)
    return mount(stub.address, "idle_timeout=1")


def settle():
    """A watch is known for what it is when the kernel has kept its node twice (a second)."""
    time.sleep(2)


def status(mounted, key):
    return int(fields(" ".join(lines(mounted / ".nacos/status")))[key])


# --- the tree -----------------------------------------------------------------------------------------------


def test_directories_of_the_formats(mounted):
    assert set(os.listdir(mounted / ".nacos/render")) == set(FORMATS)
    assert "render" in os.listdir(mounted / ".nacos")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_for_every_service_of_every_group(mount, registry, kind):
    registry.register("order-svc", "10.0.0.1", 80)
    registry.register("order-svc", "10.0.0.2", 80, groupName="OTHER")
    registry.register("com:Example.x", "10.0.0.3", 80)
    mounted = mount(registry.address)
    assert set(os.listdir(mounted / f".nacos/render/{kind}")) == {
        STEM + FORMATS[kind], "OTHER@@order-svc" + FORMATS[kind],
        "DEFAULT_GROUP@@com:Example.x" + FORMATS[kind]}


@pytest.mark.parametrize("kind", FORMATS)
def test_reading_fetches(followed, kind):
    assert "10.0.0.1" in read(place(followed, kind)) or kind == "env"
    assert os.stat(place(followed, kind)).st_size == len(read(place(followed, kind)))


@pytest.mark.parametrize("name", ["DEFAULT_GROUP@@no-svc.json", "NO_GROUP@@order-svc.json", "@@x.json",
                                  "DEFAULT_GROUP@@.json", "order-svc.json", "DEFAULT_GROUP@@order-svc",
                                  "DEFAULT_GROUP@@order-svc.yml", ".json", "DEFAULT_GROUP@@order-svc.json.tmp",
                                  "x" * 255])
def test_what_is_no_services_file(followed, name):
    with pytest.raises(FileNotFoundError):
        os.stat(followed / ".nacos/render/prometheus/" + name)


def test_no_such_format(followed):
    with pytest.raises(FileNotFoundError):
        os.listdir(followed / ".nacos/render/apache")


def test_a_file_opened_before_anything_was_listed(mount, stub):
    stub.add("order-svc", "10.0.0.1", 80)
    assert "10.0.0.1" in read(place(mount(stub.address), "envoy"))


def test_a_service_that_no_listing_told_of(pushed, stub):
    os.listdir(pushed / ".nacos/render/env")
    stub.add("late-svc", "10.0.0.9", 80)
    assert "10.0.0.9" in read(place(pushed, "env", f"{GROUP}@@late-svc"))


def test_names_too_long_for_a_file(mount, stub):
    """250 bytes are shown as they are, more are cut; both can be read."""
    prefix = f"{GROUP}@@"
    names = ["a" * (250 - len(prefix)), "b" * (251 - len(prefix)), "c" * 400]
    for name in names:
        stub.add(name, "10.0.0.1", 80)
    mounted = mount(stub.address)
    directory = mounted / ".nacos/render/nginx"
    shown = sorted(os.listdir(directory))
    assert shown[0] == f"{prefix}{names[0]}.conf" and len(shown) == 3
    assert all(len(name) <= 255 and "10.0.0.1" in read(f"{directory}/{name}") for name in shown)


def test_pinned_service_has_empty_files(mounted):
    os.makedirs(mounted / f"{GROUP}/new-svc")
    wait_until(lambda: os.listdir(mounted / ".nacos/render/hosts"), 5)
    assert read(place(mounted, "hosts", f"{GROUP}@@new-svc")) == ""
    assert "down;" in read(place(mounted, "nginx", f"{GROUP}@@new-svc"))


def test_own_registration_is_there_at_once(mounted):
    os.makedirs(mounted / f"{GROUP}/order-svc")
    write(mounted / f"{GROUP}/order-svc/register", "10.0.0.1:80\n")
    assert read(place(mounted, "hosts")) == "10.0.0.1 order-svc\n"


def test_one_open_sees_one_version(pushed, stub):
    with open(place(pushed, "env"), encoding="ascii", buffering=1) as file:
        first = file.read(5)
        stub.add("order-svc", "10.0.0.2", 80)
        stub.push("order-svc")
        wait_until(lambda: "10.0.0.2" in read(place(pushed, "env")), 5)
        assert "10.0.0.2" not in first + file.read()


def test_error_is_no_empty_file(mount):
    mounted = mount("127.0.0.1:1", "timeout=1")
    with pytest.raises(OSError) as raised:
        os.listdir(mounted / ".nacos/render/hosts")
    assert raised.value.strerror == "No route to host"
    with pytest.raises(OSError) as raised:
        read(place(mounted, "hosts"))
    assert raised.value.strerror == "No route to host"


def test_attributes(followed):
    path = place(followed, "env")
    read(path)
    before = os.stat(path)
    assert stat.filemode(before.st_mode) == "-rw-r--r--" and before.st_nlink == 1
    assert os.stat(place(followed, "envoy")).st_nlink == 2
    assert (before.st_ino, before.st_mtime_ns) == (os.stat(path).st_ino, os.stat(path).st_mtime_ns)


def test_json_is_json(followed):
    read(place(followed, "prometheus"))
    assert json.loads(read(place(followed, "prometheus")))[0]["targets"] == ["10.0.0.1:80"]
    assert json.loads(read(place(followed, "envoy")))["resources"][0]["cluster_name"] == "order-svc"


# --- nobody but the mirror changes anything --------------------------------------------------------------------


@pytest.mark.parametrize("change", [
    lambda d, f: open(f, "w", encoding="ascii"), lambda d, f: os.unlink(f), lambda d, f: os.rename(f, f + "x"),
    lambda d, f: os.mkdir(d + "/x"), lambda d, f: os.mknod(d + "/.1.tmp"), lambda d, f: os.symlink("x", d + "/y"),
    lambda d, f: os.rmdir(d), lambda d, f: os.utime(f), lambda d, f: os.chmod(f, 0o600),
    lambda d, f: os.truncate(f, 0), lambda d, f: os.mknod(d + "/new.json"), lambda d, f: os.link(f, f + "x")])
def test_changes_are_refused(followed, change):
    directory = followed / ".nacos/render/envoy"
    with pytest.raises(PermissionError):
        change(directory, place(followed, "envoy"))
    assert "10.0.0.1" in read(place(followed, "envoy"))


# --- events -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_changed_bytes_are_announced_in_the_directory(followed, registry, kind):
    path = place(followed, kind)
    with Watch(os.path.dirname(path), mask="OPEN|MODIFY|CLOSE_WRITE") as watch:
        read(path)
        registry.register("order-svc", "10.0.0.2", 80)
        answered = time.monotonic()
        event = watch.wait_for("MODIFY", os.path.basename(path))
        assert event.time - answered < LATE
        watch.wait_for("CLOSE_WRITE", os.path.basename(path))


def test_watches_on_files_that_nobody_read(followed, registry):
    paths = [place(followed, kind) for kind in FORMATS]
    with Watch(*paths, mask="MODIFY|CLOSE_WRITE|DELETE_SELF|IGNORED") as watch:
        settle()
        registry.register("order-svc", "10.0.0.2", 80)
        for path in paths:
            watch.wait_for("CLOSE_WRITE", path=path, timeout=15)
        assert not watch.seen("DELETE_SELF") and not watch.seen("IGNORED")


def test_new_content_is_readable_at_the_event(followed, registry):
    path = place(followed, "hosts")
    found = []
    with Watch(os.path.dirname(path), mask="CLOSE_WRITE",
               on_event=lambda event: found.append(read(path))) as watch:
        read(path)
        registry.register("order-svc", "10.0.0.2", 80)
        watch.wait_for("CLOSE_WRITE")
        assert "10.0.0.2" in found[0]


def test_mtime_grows_with_the_content(followed, registry):
    path = place(followed, "hosts")
    read(path)
    before = os.stat(path)
    registry.register("order-svc", "10.0.0.2", 80)
    wait_until(lambda: "10.0.0.2" in read(path), 5)
    assert os.stat(path).st_mtime_ns > before.st_mtime_ns


def test_same_bytes_have_no_event(pushed, stub):
    path = place(pushed, "hosts")
    with Watch(os.path.dirname(path)) as watch:
        read(path)
        read(place(pushed, "prometheus"))
        stub.add("order-svc", "10.0.0.1", 80, metadata={"a": "b"})
        stub.push("order-svc")
        wait_until(lambda: "metadata_a" in read(place(pushed, "prometheus")), 5)
        stays(lambda: not watch.events, 0.5)


def test_envoy_hears_of_a_move_and_watches_survive(followed, registry):
    path = place(followed, "envoy")
    inode = os.stat(path).st_ino
    with Watch(os.path.dirname(path), mask="MODIFY|MOVED_TO") as directory, \
            Watch(path, mask="MODIFY|ATTRIB|DELETE_SELF|IGNORED") as file:
        read(path)
        for number in range(2, 22):
            seen = len(directory.seen("MOVED_TO", os.path.basename(path)))
            registry.register("order-svc", f"10.0.0.{number}", 80)
            wait_until(lambda: len(directory.seen("MOVED_TO", os.path.basename(path))) > seen, 5)
            assert f"10.0.0.{number}" in read(path)
        assert file.seen("MODIFY") and not file.seen("DELETE_SELF") and not file.seen("IGNORED")
        assert os.stat(path).st_ino == inode and os.stat(path).st_nlink == 2
        assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]


def test_opening_never_fails_while_files_are_replaced(pushed, stub):
    path = place(pushed, "envoy")
    ended = threading.Event()
    wrong = []

    def reader():
        while not ended.is_set():
            try:
                json.loads(read(path))
                wrong.extend(name for name in os.listdir(os.path.dirname(path)) if name[0] == ".")
            except (OSError, ValueError) as error:
                wrong.append(repr(error))

    with Watch(os.path.dirname(path), mask="MOVED_TO") as watch:
        read(path)
        thread = threading.Thread(target=reader)
        thread.start()
        for number in range(2, 40):
            stub.add("order-svc", f"10.0.0.{number}", 80)
            stub.push("order-svc")
            time.sleep(0.05)
        wait_until(lambda: "10.0.0.39" in read(path), 5)
        ended.set()
        thread.join()
        assert watch.seen("MOVED_TO") and not wrong


def test_nodes_of_replaced_files_are_given_back(followed, registry):
    path = place(followed, "envoy")
    with Watch(os.path.dirname(path), mask="MOVED_TO") as watch:
        read(path)
        before = status(followed, "nodes")
        for number in range(2, 12):
            registry.register("order-svc", f"10.0.0.{number}", 80)
            time.sleep(0.12)
        watch.wait_for("MOVED_TO")
        wait_until(lambda: status(followed, "nodes") <= before, PRUNED)


# --- services that come and go ----------------------------------------------------------------------------------


def test_new_service_is_created_in_a_watched_directory(pushed, stub):
    directory = pushed / ".nacos/render/prometheus"
    with Watch(directory) as watch:
        os.listdir(directory)
        settle()
        stub.add("new-svc", "10.0.0.2", 80)
        watch.wait_for("CREATE", f"{GROUP}@@new-svc.json", timeout=15)
        assert "10.0.0.2" in read(place(pushed, "prometheus", f"{GROUP}@@new-svc"))
        assert not watch.seen("CREATE", f"{STEM}.json")


def test_service_of_a_new_group_is_created(pushed, stub):
    directory = pushed / ".nacos/render/hosts"
    with Watch(directory) as watch:
        os.listdir(directory)
        settle()
        stub.add("new-svc", "10.0.0.2", 80, group="NEW")
        watch.wait_for("CREATE", "NEW@@new-svc", timeout=15)


@pytest.mark.slow
def test_vanished_service_is_deleted(pushed, stub):
    directory = pushed / ".nacos/render/prometheus"
    with Watch(directory) as watch:
        read(place(pushed, "prometheus"))
        settle()
        stub.remove_service("order-svc")
        watch.wait_for("DELETE", f"{STEM}.json", timeout=30)
        assert os.listdir(directory) == []
        wait_until(lambda: status(pushed, "subscribed") == 0, 10)


def test_watched_file_does_not_vanish(pushed, stub):
    path = place(pushed, "nginx")
    with Watch(path, mask="MODIFY|CLOSE_WRITE|DELETE_SELF|IGNORED") as watch:
        settle()
        stub.remove_service("order-svc")
        stub.push("order-svc")
        wait_until(lambda: "down;" in read(path), 30)
        os.listdir(os.path.dirname(path))
        settle()
        os.listdir(os.path.dirname(path))
        stub.add("order-svc", "10.0.0.5", 80)
        stub.push("order-svc")
        wait_until(lambda: "10.0.0.5" in read(path), 30)
        assert not watch.seen("DELETE_SELF") and not watch.seen("IGNORED")


# --- interest ---------------------------------------------------------------------------------------------------


def test_listing_and_stat_subscribe_to_nothing(pushed, stub):
    directory = pushed / ".nacos/render/nginx"
    for name in os.listdir(directory):
        os.stat(f"{directory}/{name}")
    stays(lambda: stub.count("GET", "/instance/list") == 0, 1.5)


def test_what_was_read_once_is_let_go(pushed):
    read(place(pushed, "nginx"))
    assert status(pushed, "subscribed") == 1
    wait_until(lambda: status(pushed, "subscribed") == 0, 15)


@pytest.mark.slow
def test_watched_directory_keeps_what_was_read_in_it(pushed, stub):
    stub.add("other-svc", "10.0.0.9", 80)
    path = place(pushed, "prometheus")
    with Watch(os.path.dirname(path)) as watch:
        read(path)
        read(pushed / f"{GROUP}/other-svc/healthy")
        wait_until(lambda: status(pushed, "subscribed") == 1, 20)
        stays(lambda: status(pushed, "subscribed") == 1, 2)
        stub.add("order-svc", "10.0.0.2", 80)
        stub.push("order-svc")
        watch.wait_for("MODIFY", os.path.basename(path))
    wait_until(lambda: status(pushed, "subscribed") == 0, 25)


def test_stuck_lookup_delays_no_announcement(mount, stub):
    stub.add("order-svc", "10.0.0.1", 80)
    mounted = mount(stub.address, "timeout=5")
    path = place(mounted, "hosts")
    with Watch(os.path.dirname(path)) as watch:
        settle()  # the listing is too old now
        read(path)
        stub.on("GET", "/service/list", Silence())
        stub.on("GET", "/catalog/services", Silence())
        thread = threading.Thread(target=os.path.exists, args=(place(mounted, "hosts", f"{GROUP}@@none"),))
        thread.start()
        wait_until(lambda: status(mounted, "parked") > 0, 5)
        stub.add("order-svc", "10.0.0.2", 80)
        stub.push("order-svc")
        pushed_at = time.monotonic()
        assert watch.wait_for("CLOSE_WRITE", os.path.basename(path)).time - pushed_at < LATE
        thread.join()


@pytest.mark.parametrize("path", [f"{GROUP}/order-svc/instances", f".nacos/render/nginx/{STEM}.conf"])
def test_watched_file_that_is_read_has_no_event_without_a_change(pushed, path):
    """Also when idle_timeout after the read is over and it is asked who still cares."""
    with Watch(pushed / path) as watch:
        read(pushed / path)
        time.sleep(0.5)
        announced = len(watch.events)  # the first list may be news to one who watched before
        stays(lambda: len(watch.events) == announced, 6)
        assert status(pushed, "subscribed") == 1


def test_times_outlive_the_daemon(pushed):
    """Who compares them reads nothing anew that is as it was."""
    path = place(pushed, "nginx")
    read(path)
    before = os.stat(path).st_mtime_ns
    daemon = status(pushed, "pid")
    os.kill(daemon, signal.SIGKILL)
    wait_until(lambda: status(pushed, "pid") != daemon, 10)
    assert "10.0.0.1" in read(path)
    assert os.stat(path).st_mtime_ns == before


@pytest.mark.parametrize("kind", ["prometheus", "envoy"])
def test_watches_outlive_the_daemon(pushed, stub, kind):
    """A directory, for what was read in it, and a file: deaf after a new daemon neither at once nor later."""
    path = place(pushed, kind)
    name = os.path.basename(path)
    with Watch(os.path.dirname(path)) as directory, Watch(path, mask="MODIFY|DELETE_SELF|IGNORED") as file:
        read(path)
        settle()
        daemon = status(pushed, "pid")
        os.kill(daemon, signal.SIGKILL)
        wait_until(lambda: status(pushed, "pid") != daemon, 10)
        time.sleep(4)  # idle_timeout, and what it takes to find out who watches
        for number in (2, 3):
            before = time.monotonic()
            stub.add("order-svc", f"10.0.0.{number}", 80)
            stub.push("order-svc")
            directory.wait_for("CLOSE_WRITE", name, since=before, timeout=15)
            file.wait_for("MODIFY", since=before)
            assert f"10.0.0.{number}" in read(path)
        assert not directory.seen("CREATE", name) and not directory.seen("DELETE", name)
        assert not file.seen("DELETE_SELF") and not file.seen("IGNORED")
