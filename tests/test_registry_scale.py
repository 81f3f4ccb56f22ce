# SPDX-License-Identifier: MIT
"""What the registry has to bear, in figures that a busy machine does not change: processor time and
bytes. tests/bench/registry has the times."""
import importlib.machinery
import importlib.util
import os

import pytest

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bench", "registry")
INSTANCES = 20_000
LEAST_BEATS = 10_000  # a second of one core
MOST_BYTES = 1536  # an instance


@pytest.fixture(scope="module")
def bench():
    loader = importlib.machinery.SourceFileLoader("bench_registry", BENCH)
    spec = importlib.util.spec_from_loader("bench_registry", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.heavy
@pytest.mark.deadline(300)
def test_beats_of_a_core_and_memory_of_an_instance(registry, bench):
    instances = bench.Instances(services=INSTANCES // 10)
    pid = registry.process.pid
    registry.call("PUT", "/v1/ns/operator/switches", entry="check", value="false")
    empty = bench.memory(pid)
    load = bench.Load(registry.address, [instances.register(n) for n in range(INSTANCES)])
    load.all_once()
    assert (load.answered, load.failed) == (INSTANCES, 0)
    assert (bench.memory(pid) - empty) / INSTANCES < MOST_BYTES
    load.requests = [instances.beat(n) for n in range(INSTANCES)]
    load.answered = 0
    before = bench.cpu_seconds(pid)
    load.all_once()
    used = bench.cpu_seconds(pid) - before
    assert (load.answered, load.failed) == (INSTANCES, 0)
    assert INSTANCES / used > LEAST_BEATS
