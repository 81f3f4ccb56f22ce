# SPDX-License-Identifier: MIT
"""Services that come while the group is in use, and what somebody still holds when they go."""
import os
import time

import pytest
from lib.inotify import Watch
from lib.mounts import fields, lines, write
from lib.wait import stays, wait_until

GROUP = "DEFAULT_GROUP"
FRESH = 1.1  # seconds after which a group's list is asked for again


@pytest.fixture
def group(mounted, registry):
    """A group that was listed before: its path."""
    registry.register("order-svc", "10.0.0.1", 80)
    assert os.listdir(mounted / GROUP) == ["order-svc"]
    return mounted / GROUP


def test_mkdir_of_a_service_that_just_came(group, registry):
    with Watch(group) as watch:
        time.sleep(FRESH)
        registry.register("late", "10.0.0.1", 80)
        with pytest.raises(FileExistsError):
            os.mkdir(group + "/late")
        watch.wait_for("CREATE", "late")


def test_service_that_just_came_is_read_and_announced_once(group, registry):
    with Watch(group) as watch:
        for number in range(3):
            time.sleep(FRESH)
            registry.register(f"late-{number}", "10.0.0.1", 80)
            assert lines(f"{group}/late-{number}/healthy") == ["10.0.0.1:80"]
            watch.wait_for("CREATE", f"late-{number}")
        assert sorted(e.name for e in watch.seen("CREATE")) == ["late-0", "late-1", "late-2"]
        assert not watch.seen("DELETE")


def test_directory_of_a_service_that_just_came_stays_ours(group, registry):
    with Watch(group) as watch:
        time.sleep(FRESH)
        registry.register("late", "10.0.0.1", 80)
        os.chdir(group + "/late/hosts")
        try:
            watch.wait_for("CREATE", "late")
            assert os.getcwd() == group + "/late/hosts"
            assert os.listdir(".") == ["10.0.0.1:80"]
        finally:
            os.chdir("/")


def test_group_that_just_came_is_announced_once(mounted, registry):
    os.listdir(mounted.path)
    with Watch(mounted.path) as watch:
        time.sleep(FRESH)
        registry.register("order-svc", "10.0.0.1", 80, groupName="late")
        assert lines(mounted / "late/order-svc/healthy") == ["10.0.0.1:80"]
        wait_until(lambda: "late" in os.listdir(mounted.path), 5)
        watch.wait_for("CREATE", "late")
        stays(lambda: len(watch.seen("CREATE")) == 1, 0.5)


def test_removed_service_does_not_come_back_for_who_stands_in_it(group):
    os.mkdir(group + "/mine")
    fd = os.open(group + "/mine", os.O_RDONLY)
    try:
        os.rmdir(group + "/mine")
        stays(lambda: not os.path.exists(group + "/mine"), 3)
        assert os.listdir(group) == ["order-svc"]
    finally:
        os.close(fd)


def test_open_hosts_directory_keeps_its_names(mount, registry):
    """Nobody cares for the service any more, and yet somebody has listed half of it."""
    registry.register("order-svc", "10.0.0.1", 80)
    mounted = mount(registry.address, "idle_timeout=1")
    lines(mounted / f"{GROUP}/order-svc/healthy")
    fd = os.open(mounted / f"{GROUP}/order-svc/hosts", os.O_RDONLY)
    try:
        stays(lambda: os.listdir(fd) == ["10.0.0.1:80"], 3)
    finally:
        os.close(fd)


def test_service_that_went_is_polled_no_more(mount, registry):
    registry.register("order-svc", "10.0.0.1", 80)
    mounted = mount(registry.address, "idle_timeout=3")
    lines(mounted / f"{GROUP}/order-svc/instances")
    registry.deregister("order-svc", "10.0.0.1", 80)
    registry.call("DELETE", "/v1/ns/service", serviceName="order-svc")

    def subscribed():
        os.listdir(mounted / GROUP)
        return [fields(line)["subscribed"] for line in lines(mounted / ".nacos/status")
                if line.startswith("subscribed=")]
    wait_until(lambda: subscribed() == ["0"], 15, interval=0.3)


def test_removed_host_does_not_come_back_with_an_old_list(mounted, registry):
    """The list of one `ls` counts for ten seconds, what we know of our own change for five."""
    registry.register("order-svc", "10.0.0.1", 80)
    path = mounted / f"{GROUP}/order-svc"
    write(path + "/register", "10.0.0.2:80\n")
    fd = os.open(path + "/hosts", os.O_RDONLY)
    try:
        assert sorted(os.listdir(fd)) == ["10.0.0.1:80", "10.0.0.2:80"]
        os.unlink(path + "/hosts/10.0.0.2:80")
        stays(lambda: os.listdir(fd) == ["10.0.0.1:80"], 7)
    finally:
        os.close(fd)


def test_service_is_removable_long_after_its_last_host(mounted):
    path = mounted / f"{GROUP}/mine"
    os.mkdir(path)
    write(path + "/register", "10.0.0.2:80\n")
    with pytest.raises(OSError):
        os.rmdir(path)
    write(path + "/deregister", "10.0.0.2:80\n")
    time.sleep(5.5)  # longer than what we know of our own change counts
    os.rmdir(path)
