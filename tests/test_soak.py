# SPDX-License-Identifier: MIT
"""Minutes of mixed faults, and what is left of them."""
import random
import time

import pytest
from lib.faults import GROUP, healthy, open_descriptors, register, resident, share
from lib.wait import wait_until
from stub_server import Answer, Delay, Drip, Reset, Silence, Truncated, WrongService


@pytest.mark.slow
@pytest.mark.heavy
@pytest.mark.deadline(500)
def test_soak_of_mixed_faults(mount, stubs):
    """Three minutes of faults on two of three servers at a time; then every list is right, and memory and
    descriptors are as they were."""
    rng = random.Random(59)
    nodes = [stubs() for _ in range(3)]
    for node in nodes:
        node.cache_millis = 1000
        for number in range(50):
            node.add(f"svc-{number}", "10.0.0.1", 80)
    top = mount(",".join(node.address for node in nodes))
    register(top, [f"10.0.1.{n}:80" for n in range(1, 101)])
    for number in range(50):
        healthy(top, f"svc-{number}")
    share(*nodes)
    time.sleep(10)
    memory, descriptors = resident(top), open_descriptors(top)
    faults = [Silence(), Reset(), Delay(2), Truncated(20), Drip(0.3), WrongService(), Answer(503, ""),
              Answer(500, "oops"), Answer(200, "<html>"), Answer(404, "gone"), Answer(302, "", headers=["Location: /"])]
    end, version = time.monotonic() + 180, 0
    while time.monotonic() < end:
        version += 1
        for node in rng.sample(nodes, 2):
            node.on("*", "*", rng.choice(faults))
        for node in nodes:
            for number in rng.sample(range(50), 10):
                node.add(f"svc-{number}", "10.0.0.1", 80, metadata={"version": str(version)})
            for aim in list(node.subscribers.get(("public", GROUP, "svc-0"), ())):
                node.udp.sendto(rng.randbytes(500), aim)
        assert top.process.poll() is None
        time.sleep(rng.uniform(0.5, 4))
        for node in nodes:
            node.clear()
    for node in nodes:
        for number in range(50):
            node.add(f"svc-{number}", "10.0.0.2", 81)
    share(*nodes)
    wait_until(lambda: all("10.0.0.2:81" in healthy(top, f"svc-{n}") for n in range(50)), 90, "right lists", 0.5)
    wait_until(lambda: resident(top) < memory + 12 * 1024, 30, f"{resident(top)} KiB, {memory} at first", 1)
    print(f"{memory} -> {resident(top)} KiB, {descriptors} -> {open_descriptors(top)} descriptors, {version} rounds")
    # a kept connection or more for each server that was slow
    assert open_descriptors(top) <= descriptors + 200
    for node in nodes:
        assert len(node.hosts("order-svc")) == 100
