# SPDX-License-Identifier: MIT
"""clusters/NAME/: the read files for one cluster alone."""
import errno
import json
import os
import signal

import pytest
from lib.inotify import Watch
from lib.mounts import lines, read, write
from lib.wait import stays, wait_until

GROUP = "DEFAULT_GROUP"
SERVICE = f"{GROUP}/order-svc"
REST = "weight=1 healthy=true enabled=true ephemeral=true"
FILES = ["healthy", "instances", "instances.json"]
SOON = 10


@pytest.fixture
def clusters(mount, stub):
    """Path of clusters/ with DEFAULT and hz in it."""
    stub.add("order-svc", "10.0.0.1", 80)
    stub.add("order-svc", "10.0.0.2", 80, cluster="hz")
    return mount(stub.address) / SERVICE + "/clusters"


def add(clusters, line):
    write(os.path.dirname(clusters) + "/register", line + "\n")


def drop(clusters, line):
    write(os.path.dirname(clusters) + "/deregister", line + "\n")


def test_names(clusters):
    assert sorted(os.listdir(clusters)) == ["DEFAULT", "hz"]


def test_files(clusters):
    assert sorted(os.listdir(clusters + "/hz")) == FILES


def test_list_shows_the_cluster_alone(clusters):
    assert lines(clusters + "/hz/instances") == [f"10.0.0.2:80 {REST} cluster=hz"]
    assert lines(clusters + "/DEFAULT/instances") == [f"10.0.0.1:80 {REST} cluster=DEFAULT"]


def test_healthy_and_pick(clusters):
    assert lines(clusters + "/hz/healthy") == lines(clusters + "/hz/pick") == ["10.0.0.2:80"]


def test_json(clusters):
    info = json.loads(read(clusters + "/hz/instances.json"))
    assert info["clusters"] == "hz"
    assert [host["ip"] for host in info["hosts"]] == ["10.0.0.2"]


def test_size_is_exact(clusters):
    for name in FILES:
        path = f"{clusters}/hz/{name}"
        assert os.stat(path).st_size == len(read(path).encode()) > 0


def test_unknown_name(clusters):
    for name in ("nonsense", "hz/nonsense", "hz/register", "hz/hosts"):
        with pytest.raises(FileNotFoundError):
            os.stat(f"{clusters}/{name}")


def test_nothing_can_be_made_or_removed(clusters):
    calls = [lambda: os.mkdir(clusters + "/new"), lambda: os.rmdir(clusters + "/hz"),
             lambda: os.unlink(clusters + "/hz/instances"), lambda: os.rmdir(clusters),
             lambda: os.open(clusters + "/hz/instances", os.O_WRONLY)]
    for call in calls:
        with pytest.raises(OSError) as error:
            call()
        assert error.value.errno == errno.EPERM


def test_first_look_finds_an_unread_service(mount, stub):
    stub.add("order-svc", "10.0.0.2", 80, cluster="hz")
    assert read(mount(stub.address) / SERVICE + "/clusters/hz/healthy") == "10.0.0.2:80\n"


def test_ls_subscribes_to_nothing(clusters, stub):
    os.listdir(clusters + "/hz")
    assert stub.count("GET", "/instance/list") == 1
    assert all(r.params.get("udpPort", "0") == "0" for r in stub.seen("GET", "/instance/list"))


def test_cluster_comes_with_its_event(clusters):
    with Watch(clusters) as watch:
        add(clusters, "10.0.0.3:80 cluster=bj")
        assert watch.wait_for("CREATE", "bj", timeout=SOON).is_dir
        assert lines(clusters + "/bj/healthy") == ["10.0.0.3:80"]


def test_cluster_goes_with_its_event(clusters):
    add(clusters, "10.0.0.3:80 cluster=bj")
    wait_until(lambda: "bj" in os.listdir(clusters), SOON)
    with Watch(clusters) as watch:
        drop(clusters, "10.0.0.3:80 cluster=bj")
        watch.wait_for("DELETE", "bj", timeout=SOON)
        assert sorted(os.listdir(clusters)) == ["DEFAULT", "hz"]


def test_change_is_readable_and_then_told(clusters):
    path = clusters + "/hz/instances"
    assert len(lines(path)) == 1
    with Watch(path) as watch:
        add(clusters, "10.0.0.3:80 cluster=hz")
        watch.wait_for("CLOSE_WRITE", timeout=SOON)
        assert len(lines(path)) == 2


def test_watch_on_the_directory_hears_of_its_files(clusters):
    assert len(lines(clusters + "/hz/instances")) == 1
    with Watch(clusters + "/hz") as watch:
        add(clusters, "10.0.0.3:80 cluster=hz")
        for name in FILES:
            watch.wait_for("MODIFY", name, timeout=SOON)


def test_other_cluster_is_not_disturbed(clusters):
    path = clusters + "/hz/instances"
    before = os.stat(path).st_mtime_ns if len(lines(path)) == 1 else None
    with Watch(path) as watch:
        add(clusters, "10.0.0.3:80")
        stays(lambda: not watch.events, 1)
    assert os.stat(path).st_mtime_ns == before


def test_watched_cluster_outlives_its_instances(clusters):
    add(clusters, "10.0.0.3:80 cluster=bj")
    path = clusters + "/bj/instances"
    wait_until(lambda: os.path.exists(path), SOON)
    assert len(lines(path)) == 1
    with Watch(path) as watch:
        drop(clusters, "10.0.0.3:80 cluster=bj")
        wait_until(lambda: read(path) == "", SOON)
        add(clusters, "10.0.0.3:80 cluster=bj")
        wait_until(lambda: len(watch.seen("CLOSE_WRITE")) >= 2 and len(lines(path)) == 1, SOON)
        assert not watch.seen("DELETE_SELF")


def test_events_of_the_cluster(clusters):
    fd = os.open(clusters + "/hz/events", os.O_RDONLY)
    add(clusters, "10.0.0.3:80")
    add(clusters, "10.0.0.4:80 cluster=hz")
    assert os.read(fd, 4096).split(b" ")[1:3] == [b"added", b"10.0.0.4:80"]
    os.close(fd)


def test_pick_of_an_empty_cluster(clusters):
    add(clusters, "10.0.0.3:80 cluster=bj")
    wait_until(lambda: "bj" in os.listdir(clusters), SOON)
    fd = os.open(clusters + "/bj", os.O_RDONLY)
    drop(clusters, "10.0.0.3:80 cluster=bj")
    with pytest.raises(OSError) as error:
        os.open("pick", os.O_RDONLY, dir_fd=fd)
    os.close(fd)
    assert error.value.errno == errno.ENODATA


def test_watch_survives_the_daemon(mount, stub):
    stub.add("order-svc", "10.0.0.2", 80, cluster="hz")
    mounted = mount(stub.address)
    path = mounted / SERVICE + "/clusters/hz/instances"
    assert len(lines(path)) == 1
    with Watch(path) as watch:
        status = dict(line.split("=", 1) for line in lines(mounted / ".nacos/status"))
        os.kill(int(status["pid"]), signal.SIGKILL)
        add(os.path.dirname(os.path.dirname(path)), "10.0.0.3:80 cluster=hz")
        wait_until(lambda: watch.seen("CLOSE_WRITE") and len(lines(path)) == 2, SOON)


def test_stream_of_a_cluster_survives_the_daemon(clusters):
    status = os.path.abspath(clusters + "/../../../.nacos/status")
    fd = os.open(clusters + "/hz/events", os.O_RDONLY)
    add(clusters, "10.0.0.3:80\n10.0.0.4:80 cluster=hz")
    os.kill(int(dict(line.split("=", 1) for line in lines(status))["pid"]), signal.SIGKILL)
    add(clusters, "10.0.0.5:80\n10.0.0.6:80 cluster=hz")
    got = b""
    while got.count(b"\n") < 2:
        got += os.read(fd, 4096)
    os.close(fd)
    assert [line.split(b" ")[2] for line in got.splitlines()] == [b"10.0.0.4:80", b"10.0.0.6:80"]
