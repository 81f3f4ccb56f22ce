# SPDX-License-Identifier: MIT
"""Minutes of mixed faults, and what is left of them."""
import random
import time

import pytest
from lib.faults import GROUP, healthy, open_descriptors, register, resident, share
from lib.wait import wait_until
from stub_server import Answer, Delay, Drip, Reset, Silence, Truncated, WrongService

WARM_UP, SOAK = 60, 180  # seconds


@pytest.mark.slow
@pytest.mark.heavy
@pytest.mark.deadline(500)
def test_soak_of_mixed_faults(mount, stubs):
    """Four minutes of faults on two of three servers at a time, one of them to warm up in; then every list
    is right, and memory and descriptors are as they were."""
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
    descriptors = open_descriptors(top)
    faults = [Silence(), Reset(), Delay(2), Truncated(20), Drip(0.3), WrongService(), Answer(503, ""),
              Answer(500, "oops"), Answer(200, "<html>"), Answer(404, "gone"), Answer(302, "", headers=["Location: /"])]
    began, version, memory = time.monotonic(), 0, []
    while time.monotonic() < began + WARM_UP + SOAK:
        version += 1
        memory.append((time.monotonic() - began, resident(top)))
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
    warm = max(kib for at, kib in memory if at < WARM_UP + SOAK / 3)
    print(f"{memory[0][1]} -> {warm} -> {resident(top)} KiB in {version} rounds")
    assert resident(top) < warm + 512, memory
    # connections that a slow server made us open are closed when they are idle
    wait_until(lambda: open_descriptors(top) <= descriptors + 2, 60,
               f"{descriptors} descriptors at first, {open_descriptors(top)} now", 1)
    for node in nodes:
        assert len(node.hosts("order-svc")) == 100
