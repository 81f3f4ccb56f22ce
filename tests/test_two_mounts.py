# SPDX-License-Identifier: MIT
"""Two mounts of one source side by side."""
import os

import pytest
from lib.inotify import Watch
from lib.mounts import lines, read, write
from lib.wait import wait_until

SERVICE = "DEFAULT_GROUP/order-svc"


@pytest.fixture
def both(mount, registry):
    registry.register("order-svc", "10.9.9.9", 80)
    first, second = mount(registry.address), mount(registry.address)
    for one in (first, second):
        assert lines(one / f"{SERVICE}/healthy") == ["10.9.9.9:80"]
        os.listdir(one / f"{SERVICE}/hosts")
    return first, second


def test_what_one_registers_the_other_shows(both):
    first, second = both
    write(first / f"{SERVICE}/register", "10.0.0.1:80\n")
    wait_until(lambda: "10.0.0.1:80" in lines(second / f"{SERVICE}/healthy"), 3)


def test_what_one_registers_the_other_announces(both):
    first, second = both
    with Watch(second / f"{SERVICE}/hosts") as watch:
        write(first / f"{SERVICE}/register", "10.0.0.1:80\n")
        watch.wait_for("CREATE", "10.0.0.1:80")


def test_one_keeps_only_its_own(both):
    first, second = both
    write(first / f"{SERVICE}/register", "10.0.0.1:80\n")
    wait_until(lambda: "10.0.0.1:80" in os.listdir(second / f"{SERVICE}/hosts"), 3)
    assert read(second / f"{SERVICE}/register") == ""
    with pytest.raises(PermissionError):
        os.unlink(second / f"{SERVICE}/hosts/10.0.0.1:80")


def test_end_of_one_leaves_the_other(both, registry):
    first, second = both
    write(first / f"{SERVICE}/register", "10.0.0.1:80\n")
    write(second / f"{SERVICE}/register", "10.0.0.2:80\n")
    first.stop()
    assert registry.addresses("order-svc") == {"10.9.9.9:80", "10.0.0.2:80"}
    wait_until(lambda: lines(second / f"{SERVICE}/healthy") == ["10.0.0.2:80", "10.9.9.9:80"], 3)


def test_namespaces_are_apart(mount, registry):
    first, second = mount(registry.address), mount(registry.address, "namespace=dev")
    for one in (first, second):
        os.makedirs(one / SERVICE)
    write(first / f"{SERVICE}/register", "10.0.0.1:80\n")
    write(second / f"{SERVICE}/register", "10.0.0.2:80\n")
    assert lines(first / f"{SERVICE}/healthy") == ["10.0.0.1:80"]
    assert lines(second / f"{SERVICE}/healthy") == ["10.0.0.2:80"]
