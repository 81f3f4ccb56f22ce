# SPDX-License-Identifier: MIT
"""A mount with so many services that the next daemon answers before it has looked at all of them: what is
asked of one that it has not looked at yet is as it was."""
import os
import time

import pytest
from lib import procs
from lib.inotify import Watch
from lib.mounts import lines, read
from lib.wait import wait_until

GROUP = "DEFAULT_GROUP"
MANY = 2000
FIRST = [f"svc-{number}" for number in range(20)]  # looked at last
CLUSTER = "clusters/DEFAULT"


@pytest.fixture
def many(mount, stub):
    for number in range(MANY):
        stub.add(f"svc-{number}", "10.0.0.1", 80)
    mounted = mount(stub.address, "cache_dir=none", "idle_timeout=600")
    for number in range(MANY):
        read(mounted / f"{GROUP}/svc-{number}/instances")
    return mounted


def kill(mounted):
    procs.kill(mounted.daemon())


def path_in(mounted, service, name):
    return str(mounted / f"{GROUP}/{service}/{name}").rstrip("/")


def state_of(path):
    status = os.stat(path)
    return status.st_ino, status.st_size, status.st_mtime_ns


def outcome_of_rmdir(path):
    try:
        os.rmdir(path)
    except OSError as error:
        return error.errno
    return 0


ASK = {
    "instances": lambda m, s: read(path_in(m, s, "instances")),
    "hosts": lambda m, s: os.listdir(path_in(m, s, "hosts")),
    "host": lambda m, s: read(path_in(m, s, "hosts/10.0.0.1:80")),
    "stat": lambda m, s: [state_of(path_in(m, s, name)) for name in ("", "instances", "healthy", "hosts", "clusters", CLUSTER, f"{CLUSTER}/healthy")]
            + [state_of(str(m / name)) for name in (".nacos", ".nacos/status", ".nacos/render/env",
                                                     f".nacos/render/env/{GROUP}@@{s}.env")],
    "cluster": lambda m, s: read(path_in(m, s, f"{CLUSTER}/instances")),
    "rendered": lambda m, s: read(m / f".nacos/render/env/{GROUP}@@{s}.env"),
    "xattr": lambda m, s: os.getxattr(path_in(m, s, ""), "user.nacos.source"),
    "rmdir": lambda m, s: outcome_of_rmdir(path_in(m, s, "")),
}


@pytest.mark.parametrize("question", ASK)
def test_answers_are_as_they_were(many, question):
    ask = ASK[question]
    before = [ask(many, service) for service in FIRST]
    kill(many)
    assert [ask(many, service) for service in FIRST] == before


def test_directory_is_as_it_was(many):
    before = sorted(os.listdir(many / GROUP))
    kill(many)
    assert sorted(os.listdir(many / GROUP)) == before


def test_registration_is_accepted(many, stub):
    kill(many)
    with open(path_in(many, FIRST[0], "register"), "w", encoding="utf-8") as file:
        file.write("10.0.0.2:80\n")
    assert sorted(line.split()[0] for line in lines(path_in(many, FIRST[0], "instances"))) == \
        ["10.0.0.1:80", "10.0.0.2:80"]
    assert len(stub.hosts(FIRST[0])) == 2


def test_all_are_looked_at_and_nothing_is_announced(many):
    paths = [path_in(many, f"svc-{number}", "instances") for number in range(0, MANY, 50)]
    with Watch(*paths) as watch:
        kill(many)
        read(path_in(many, FIRST[0], "instances"))
        time.sleep(2)  # nothing is to happen
        assert watch.events == []


def test_change_meanwhile_is_announced_once(many, stub):
    path = path_in(many, FIRST[0], "instances")
    with Watch(path, mask="CLOSE_WRITE") as watch:
        kill(many)
        stub.add(FIRST[0], "10.0.0.9", 80)
        wait_until(lambda: "10.0.0.9:80" in read(path), 20)
        wait_until(lambda: watch.events, 20)
        time.sleep(0.5)  # no second one
        assert len(watch.events) == 1
