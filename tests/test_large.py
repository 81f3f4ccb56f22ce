# SPDX-License-Identifier: MIT
"""Large directories: quick to list, and listed right while entries come and go."""
import os
import random
import subprocess
import threading

import pytest
from lib.mounts import lines, write
from lib.wait import Timed, wait_until

GROUP = "DEFAULT_GROUP"
MANY = 10_000


@pytest.fixture
def crowded(mount, stub):
    """A mount with many services, listed once."""
    for i in range(MANY):
        stub.add_service(f"svc-{i:05}")
    mounted = mount(stub.address)
    assert len(os.listdir(mounted / GROUP)) == MANY
    return mounted


@pytest.mark.heavy
def test_ls_of_many_services(crowded, capsys):
    times = []
    for _ in range(5):
        with Timed() as timed:
            listed = subprocess.run(["ls", crowded / GROUP], capture_output=True, check=True).stdout
        times.append(timed.seconds)
        assert listed.count(b"\n") == MANY
    with capsys.disabled():
        print(f"\nls of {MANY} services: {min(times) * 1000:.0f} to {max(times) * 1000:.0f} ms")
    assert min(times) < 3


@pytest.mark.heavy
def test_ls_l_asks_for_no_service(crowded, stub, capsys):
    with Timed() as timed:
        subprocess.run(["ls", "-l", crowded / GROUP], stdout=subprocess.DEVNULL, check=True)
    with capsys.disabled():
        print(f"\nls -l of {MANY} services: {timed.seconds * 1000:.0f} ms")
    assert stub.count("GET", "/instance/list") == stub.count("GET", "/service") == 0
    assert timed.seconds < 30


@pytest.mark.heavy
@pytest.mark.deadline(240)
@pytest.mark.parametrize("entries,readers", [(1000, 8), pytest.param(MANY, 32, marks=pytest.mark.slow)])
def test_lasting_entries_are_listed_once_while_others_come_and_go(mount, stub, entries, readers):
    lasting = {f"lasting-{i:04}" for i in range(entries)}
    for name in lasting:
        stub.add_service(name)
    mounted = mount(stub.address)
    os.listdir(mounted / GROUP)
    ended = threading.Event()
    wrong = []

    def churn():
        chance = random.Random(1)
        while not ended.is_set():
            path = mounted / f"{GROUP}/passing-{chance.randrange(300)}"
            try:
                os.mkdir(path)
            except FileExistsError:
                os.rmdir(path)

    def read():
        for _ in range(10):
            names = os.listdir(mounted / GROUP)
            if len(names) != len(set(names)) or not lasting <= set(names):
                wrong.append(names)

    churner = threading.Thread(target=churn)
    listers = [threading.Thread(target=read) for _ in range(readers)]
    churner.start()
    for lister in listers:
        lister.start()
    for lister in listers:
        lister.join()
    ended.set()
    churner.join()
    assert not wrong


@pytest.mark.heavy
def test_seekdir_goes_on_where_telldir_was(crowded):
    script = r"""
import ctypes, ctypes.util, os, sys
libc = ctypes.CDLL(None)
class Entry(ctypes.Structure):
    _fields_ = [("ino", ctypes.c_uint64), ("off", ctypes.c_int64), ("len", ctypes.c_ushort),
                ("type", ctypes.c_ubyte), ("name", ctypes.c_char * 256)]
libc.opendir.restype = ctypes.c_void_p
libc.readdir.restype = ctypes.POINTER(Entry)
libc.telldir.restype = ctypes.c_long
libc.opendir.argtypes = [ctypes.c_char_p]
libc.readdir.argtypes = libc.telldir.argtypes = [ctypes.c_void_p]
libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]
directory = libc.opendir(os.fsencode(sys.argv[1]))
places, names = [], []
while True:
    place = libc.telldir(directory)
    entry = libc.readdir(directory)
    if not entry:
        break
    places.append(place)
    names.append(entry.contents.name)
for i in range(len(names) - 1, -1, -997):
    libc.seekdir(directory, places[i])
    assert libc.readdir(directory).contents.name == names[i]
print(len(names))
"""
    result = subprocess.run(["python3", "-c", script, crowded / GROUP], capture_output=True, text=True,
                            check=True)
    assert int(result.stdout) in (MANY, MANY + 2)


@pytest.mark.heavy
def test_hosts_of_a_large_service_while_they_change(mount, stub):
    lasting = {f"10.1.{i // 250}.{i % 250 + 1}:80" for i in range(2000)}
    for address in lasting:
        stub.add("order-svc", address.partition(":")[0], 80)
    mounted = mount(stub.address)
    service = mounted / f"{GROUP}/order-svc"
    assert len(lines(service + "/healthy")) == 2000
    ended = threading.Event()

    def churn():
        i = 0
        while not ended.is_set():
            write(service + "/register", f"10.0.0.{i % 100 + 1}:80\n")
            os.unlink(f"{service}/hosts/10.0.0.{i % 100 + 1}:80")
            i += 1

    churner = threading.Thread(target=churn)
    churner.start()
    try:
        for _ in range(20):
            names = os.listdir(service + "/hosts")
            assert len(names) == len(set(names)) and lasting <= set(names)
    finally:
        ended.set()
        churner.join()
    wait_until(lambda: set(os.listdir(service + "/hosts")) == lasting, 20)
