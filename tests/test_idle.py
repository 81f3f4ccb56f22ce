# SPDX-License-Identifier: MIT
"""A mount that nobody uses."""
import os
import time

from lib import procs


def cpu_seconds(pids):
    """User and system time that the processes have had so far."""
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rsplit(b")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def test_idle_mount_takes_no_time(mounted):
    os.listdir(mounted.path)
    pids = procs.of_mount(mounted.path)
    before = cpu_seconds(pids)
    time.sleep(2)
    assert cpu_seconds(pids) - before < 0.2
