# SPDX-License-Identifier: MIT
"""The examples, as a newcomer runs them."""
import os
import subprocess

import pytest
from lib import mounts, procs
from lib.procs import OWN_NETWORK
from lib.wait import wait_until

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
pytestmark = pytest.mark.heavy


@pytest.fixture
def quickstart(place):
    """quickstart(): runs it for a mount point of ours; returns its output."""
    point = os.path.join(place, "nacos")

    def run():
        result = subprocess.run([*OWN_NETWORK, os.path.join(TOP, "examples", "quickstart"), point],
                                text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=300, check=False)
        assert result.returncode == 0, result.stdout
        return result.stdout

    run.point = point
    yield run
    if point in mounts.points():
        family = {}
        for pid in procs.of_mount(point):
            family.update(procs.descendants(pid))
        mounts.unmount(point)
        wait_until(lambda: not any(procs.alive(*one) for one in family.items()), 5)


@pytest.mark.deadline(300)
def test_quickstart_leaves_a_mount_with_an_instance(quickstart):
    output = quickstart()
    assert quickstart.point in mounts.points()
    assert "10.0.0.1:8080" in mounts.read(quickstart.point + "/DEFAULT_GROUP/order-svc/healthy")
    assert f"fusermount3 -u {quickstart.point}" in output


@pytest.mark.deadline(300)
def test_quickstart_shows_events(quickstart):
    output = quickstart()
    hosts = quickstart.point + "/DEFAULT_GROUP/order-svc/hosts"
    assert f"CREATE {hosts}/10.0.0.2:8080" in output and f"DELETE {hosts}/10.0.0.2:8080" in output


@pytest.mark.deadline(300)
def test_quickstart_runs_again_on_the_same_mount(quickstart):
    quickstart()
    before = os.stat(quickstart.point).st_dev
    output = quickstart()
    assert "mounted already" in output and os.stat(quickstart.point).st_dev == before
