# SPDX-License-Identifier: MIT
"""Every operation on every kind of node, as one table: `pytest -s tests/test_errno_table.py` prints it.
What it says is fixed and stands in errno.table; ENOSYS and EIO occur nowhere."""
import ctypes
import errno
import fcntl
import mmap
import os

import pytest
from lib.mounts import Mount, lines, write
from lib.wait import wait_until
from stub_server import StubServer

GROUP = "DEFAULT_GROUP"
SERVICE = f"{GROUP}/order-svc"
LIBC = ctypes.CDLL(None, use_errno=True)
OWN, FOREIGN = "10.0.0.1:80", "10.9.9.9:80"

KINDS = {
    "root": "", "group": GROUP, "service": SERVICE, "hosts": f"{SERVICE}/hosts",
    "clusters": f"{SERVICE}/clusters", "cluster": f"{SERVICE}/clusters/DEFAULT", ".nacos": ".nacos",
    "instances": f"{SERVICE}/instances", "cluster's": f"{SERVICE}/clusters/DEFAULT/healthy",
    "pick": f"{SERVICE}/pick", "events": f"{SERVICE}/events", "register": f"{SERVICE}/register",
    "deregister": f"{SERVICE}/deregister", "lease": f"{SERVICE}/lease",
    "own host": f"{SERVICE}/hosts/{OWN}", "foreign": f"{SERVICE}/hosts/{FOREIGN}",
    "status": ".nacos/status", ".events": ".nacos/events",
}


def opened(flags, call=lambda fd: None):
    def do(path):
        fd = os.open(path, flags | os.O_NONBLOCK, 0o644)
        try:
            call(fd)
        finally:
            os.close(fd)
    return do


def fallocate(fd):
    if LIBC.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(100)):
        raise OSError(ctypes.get_errno(), "fallocate")


def mapped(fd):
    """Private and to read; Python's own looks at the size first."""
    LIBC.mmap.restype = ctypes.c_void_p
    address = LIBC.mmap(None, ctypes.c_size_t(4096), mmap.PROT_READ, mmap.MAP_PRIVATE, fd, ctypes.c_long(0))
    if address == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap")
    LIBC.munmap(ctypes.c_void_p(address), ctypes.c_size_t(4096))


def exchange(path):
    """renameat2(RENAME_EXCHANGE) with a sibling."""
    sibling = os.path.join(os.path.dirname(path), "deregister")
    if LIBC.renameat2(-100, os.fsencode(path), -100, os.fsencode(sibling), 2):
        raise OSError(ctypes.get_errno(), "renameat2")


R, W = os.O_RDONLY, os.O_WRONLY
OPERATIONS = {
    "stat": os.stat,
    "statfs": os.statvfs,
    "access": lambda p: os.access(p, os.R_OK) or os.strerror(1),
    "open r": opened(R),
    "open w": opened(W),
    "open rw": opened(os.O_RDWR),
    "open trunc": opened(W | os.O_TRUNC),
    "open append": opened(W | os.O_APPEND),
    "opendir": os.listdir,
    "read": opened(R, lambda fd: os.read(fd, 4096)),
    "pread": opened(R, lambda fd: os.pread(fd, 16, 4)),
    "lseek": opened(R, lambda fd: os.lseek(fd, 0, os.SEEK_END)),
    "write blank": opened(W, lambda fd: os.write(fd, b"\n")),
    "write bad": opened(W, lambda fd: os.write(fd, b"non sense\n")),
    "fsync": opened(R, os.fsync),
    "mmap": opened(R, mapped),
    "ioctl": opened(R, lambda fd: fcntl.ioctl(fd, 0x1234)),
    "fallocate": opened(W, fallocate),
    "flock": opened(R, lambda fd: fcntl.flock(fd, fcntl.LOCK_SH)),
    "lockf": opened(R, lambda fd: fcntl.lockf(fd, fcntl.LOCK_SH)),
    "create in": lambda p: opened(W | os.O_CREAT | os.O_EXCL)(p + "/new"),
    "mkdir in": lambda p: os.mkdir(p + "/new"),
    "mknod in": lambda p: os.mknod(p + "/new"),
    "mkfifo in": lambda p: os.mkfifo(p + "/new"),
    "symlink in": lambda p: os.symlink("x", p + "/new"),
    "link": lambda p: os.link(p, os.path.dirname(p) + "/new"),
    "rename": lambda p: os.rename(p, os.path.dirname(p) + "/new"),
    "exchange": exchange,
    "readlink": os.readlink,
    "chmod": lambda p: os.chmod(p, 0o600),
    "chown": lambda p: os.chown(p, 1, 1),
    "utimens": os.utime,
    "truncate 0": lambda p: os.truncate(p, 0),
    "truncate 5": lambda p: os.truncate(p, 5),
    "setxattr": lambda p: os.setxattr(p, "user.a", b"1"),
    "set acl": lambda p: os.setxattr(p, "system.posix_acl_access", b"\2\0\0\0"),
    "removexattr": lambda p: os.removexattr(p, "user.a"),
    "unlink": os.unlink,
    "rmdir": os.rmdir,
}


def outcome(call, path):
    try:
        call(path)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "ok"


@pytest.fixture(scope="module")
def table(build, base):
    """{(operation, kind): outcome}"""
    found = {}
    with StubServer() as stub:
        stub.add("order-svc", "10.9.9.9", 80)
        mounted = Mount(build, stub.address, os.path.join(base, "table")).start()
        try:
            for operation, call in OPERATIONS.items():
                for kind, path in KINDS.items():
                    prepare(mounted)
                    found[operation, kind] = outcome(call, mounted / path if path else mounted.path)
            mounted.stop()
        finally:
            mounted.destroy()
    return found


def prepare(mounted):
    """As it was at first."""
    for made in ("new", f"{GROUP}/new"):
        if os.path.isdir(mounted / made):
            os.rmdir(mounted / made)
    hosts = mounted / f"{SERVICE}/hosts"
    if OWN not in os.listdir(hosts):
        write(mounted / f"{SERVICE}/register", OWN + "\n")
        wait_until(lambda: len(lines(mounted / f"{SERVICE}/healthy")) == 2 and OWN in os.listdir(hosts), 5)


def rendered(table):
    rows = [["", *KINDS]] + [[operation, *(table[operation, kind] for kind in KINDS)]
                             for operation in OPERATIONS]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def test_table_is_as_it_was(table):
    rows = rendered(table)
    print("\n".join(rows))
    with open(os.path.join(os.path.dirname(__file__), "errno.table"), encoding="ascii") as file:
        assert rows == file.read().splitlines()


def test_nothing_looks_like_a_broken_disk(table):
    assert not {"EIO", "ENOSYS"} & set(table.values())
