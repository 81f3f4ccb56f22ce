# SPDX-License-Identifier: MIT
"""What only minutes show; tests/run --slow. The short variants are in the other files."""
import os
import time

import pytest
from lib.inotify import Watch
from lib.mounts import lines, read, write
from lib.wait import stays, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.heavy]
SERVICE = "DEFAULT_GROUP/order-svc"


@pytest.mark.deadline(300)
def test_instance_lives_for_minutes_by_its_beats(mounted, registry):
    """The registry takes an instance for unhealthy after 15 s without a beat, and removes it after 30 s."""
    os.makedirs(mounted / SERVICE)
    write(mounted / f"{SERVICE}/register", "10.0.0.1:80\n")
    stays(lambda: [h["healthy"] for h in registry.list("order-svc")["hosts"]] == [True], 150, interval=0.5)


@pytest.mark.deadline(300)
def test_instance_without_a_beat_goes(mounted, registry):
    registry.register("order-svc", "10.0.0.1", 80)
    with Watch(mounted / SERVICE, mounted / f"{SERVICE}/hosts") as watch:
        assert lines(mounted / f"{SERVICE}/healthy") == ["10.0.0.1:80"]
        watch.wait_for("MODIFY", "10.0.0.1:80", timeout=25)
        assert read(mounted / f"{SERVICE}/healthy") == ""
        watch.wait_for("DELETE", "10.0.0.1:80", timeout=30)
        assert read(mounted / f"{SERVICE}/instances") == ""


@pytest.mark.deadline(400)
def test_empty_service_watched_for_three_minutes(mounted, registry):
    registry.register("order-svc", "10.0.0.1", 80)
    with Watch(mounted / SERVICE, mounted / f"{SERVICE}/hosts",
               mask="CREATE|DELETE|MODIFY|DELETE_SELF|IGNORED") as watch:
        assert lines(mounted / f"{SERVICE}/healthy") == ["10.0.0.1:80"]
        registry.deregister("order-svc", "10.0.0.1", 80)
        watch.wait_for("DELETE", "10.0.0.1:80")
        time.sleep(180)
        registry.register("order-svc", "10.0.0.2", 80)
        watch.wait_for("CREATE", "10.0.0.2:80", timeout=12)
        assert not watch.seen("IGNORED") and not watch.seen("DELETE_SELF")


@pytest.mark.deadline(300)
def test_watch_on_a_service_nobody_reads_for_minutes(mounted, registry):
    """Its only instance expires meanwhile, and the registry forgets the service."""
    registry.register("order-svc", "10.0.0.1", 80)
    with Watch(mounted / f"{SERVICE}/hosts") as watch:
        time.sleep(150)
        answered = time.monotonic()
        registry.register("order-svc", "10.0.0.2", 80)
        assert watch.wait_for("CREATE", "10.0.0.2:80").time - answered < 1


@pytest.mark.deadline(300)
def test_nothing_grows_while_it_runs(mount, stub):
    """Memory and descriptors after thousands of changes, reads and registrations are as after hundreds."""
    mounted = mount(stub.address)
    os.makedirs(mounted / SERVICE)

    def round_of(count):
        for number in range(count):
            stub.add("order-svc", "10.9.9.9", 80, metadata={"version": str(number)})
            stub.push("order-svc")
            write(mounted / f"{SERVICE}/register", "10.0.0.1:80\n")
            read(mounted / f"{SERVICE}/instances")
            os.listdir(mounted / f"{SERVICE}/hosts")
            write(mounted / f"{SERVICE}/deregister", "10.0.0.1:80\n")

    def size():
        with open(f"/proc/{mounted.daemon()}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4

    def descriptors():
        return len(os.listdir(f"/proc/{mounted.daemon()}/fd"))

    round_of(300)
    memory, fds = size(), descriptors()
    round_of(3000)
    wait_until(lambda: descriptors() <= fds + 2, 10)
    assert size() - memory < 3000, "KiB"
