# SPDX-License-Identifier: MIT
"""Operations that the tree does not have, each with its errno; common programs never see EIO or ENOSYS."""
import ctypes
import errno
import fcntl
import os
import shutil
import stat
import subprocess

import pytest
from lib.mounts import lines, read, write
from lib.wait import wait_until

GROUP = "DEFAULT_GROUP"
SERVICE = f"{GROUP}/order-svc"
LIBC = ctypes.CDLL(None, use_errno=True)


@pytest.fixture(scope="module")
def top(build, base):
    """One mount for the whole table, with an instance of ours and one of somebody else's."""
    from lib.mounts import Mount
    from stub_server import StubServer
    with StubServer() as stub:
        stub.add("order-svc", "10.9.9.9", 80)
        mounted = Mount(build, stub.address, os.path.join(base, "errno")).start()
        try:
            write(mounted / f"{SERVICE}/register", "10.0.0.1:80\n")
            wait_until(lambda: len(lines(mounted / f"{SERVICE}/healthy")) == 2, 5)
            yield mounted
            mounted.stop()
        finally:
            mounted.destroy()


def opened(path, flags=os.O_RDONLY):
    return os.close(os.open(path, flags, 0o644))


def with_fd(path, call):
    fd = os.open(path, os.O_RDONLY)
    try:
        call(fd)
    finally:
        os.close(fd)


def ioctl(path):
    with open(path, "rb") as file:
        fcntl.ioctl(file, 0x1234)


def fallocate(path):
    fd = os.open(path, os.O_WRONLY)
    try:
        if LIBC.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(100)):
            raise OSError(ctypes.get_errno(), "fallocate")
    finally:
        os.close(fd)


READ_FILE = f"{SERVICE}/instances"
WRITE_FILE = f"{SERVICE}/register"
HOST = f"{SERVICE}/hosts/10.0.0.1:80"
NEW_HOST = f"{SERVICE}/hosts/10.0.0.7:80"
CREATE = os.O_WRONLY | os.O_CREAT

REFUSED = [
    ("EPERM", "unlink a read file", lambda m: os.unlink(m / READ_FILE)),
    ("EPERM", "unlink register", lambda m: os.unlink(m / WRITE_FILE)),
    ("EPERM", "unlink .nacos/status", lambda m: os.unlink(m / ".nacos/status")),
    ("ENOENT", "unlink a missing file", lambda m: os.unlink(m / f"{SERVICE}/nonsense")),
    ("EISDIR", "unlink hosts", lambda m: os.unlink(m / f"{SERVICE}/hosts")),
    ("EPERM", "rename a file", lambda m: os.rename(m / READ_FILE, m / f"{SERVICE}/other")),
    ("EPERM", "rename onto a file", lambda m: os.rename(m / READ_FILE, m / f"{SERVICE}/healthy")),
    ("EPERM", "rename a host", lambda m: os.rename(m / HOST, m / NEW_HOST)),
    ("EPERM", "rename a service", lambda m: os.rename(m / SERVICE, m / f"{GROUP}/other-svc")),
    ("EPERM", "rename a group", lambda m: os.rename(m / GROUP, m / "OTHER")),
    ("EPERM", "link a file", lambda m: os.link(m / READ_FILE, m / f"{SERVICE}/other")),
    ("EPERM", "link a host", lambda m: os.link(m / HOST, m / NEW_HOST)),
    ("EPERM", "symlink in a service", lambda m: os.symlink("x", m / f"{SERVICE}/other")),
    ("EPERM", "symlink in hosts", lambda m: os.symlink("x", m / NEW_HOST)),
    ("EPERM", "symlink in a group", lambda m: os.symlink("x", m / f"{GROUP}/other")),
    ("EPERM", "symlink in the root", lambda m: os.symlink("x", m / "OTHER")),
    ("EPERM", "mknod in a service", lambda m: os.mknod(m / f"{SERVICE}/other")),
    ("EPERM", "mknod in hosts", lambda m: os.mknod(m / NEW_HOST)),
    ("EPERM", "mknod in a group", lambda m: os.mknod(m / f"{GROUP}/other")),
    ("EPERM", "mkfifo in a service", lambda m: os.mkfifo(m / f"{SERVICE}/other")),
    ("EPERM", "mkfifo in hosts", lambda m: os.mkfifo(m / NEW_HOST)),
    ("EPERM", "device in hosts", lambda m: os.mknod(m / NEW_HOST, stat.S_IFCHR | 0o600,
                                                      os.makedev(1, 3))),
    ("EPERM", "mkdir in a service", lambda m: os.mkdir(m / f"{SERVICE}/other")),
    ("EPERM", "mkdir in hosts", lambda m: os.mkdir(m / NEW_HOST)),
    ("EPERM", "mkdir in .nacos", lambda m: os.mkdir(m / ".nacos/other")),
    ("EEXIST", "mkdir of a file's name", lambda m: os.mkdir(m / READ_FILE)),
    ("EEXIST", "mkdir of .nacos", lambda m: os.mkdir(m / ".nacos")),
    ("ENOTEMPTY", "rmdir of a service with instances", lambda m: os.rmdir(m / SERVICE)),
    ("ENOTDIR", "rmdir of a file", lambda m: os.rmdir(m / READ_FILE)),
    ("EPERM", "rmdir of hosts", lambda m: os.rmdir(m / f"{SERVICE}/hosts")),
    ("EPERM", "rmdir of .nacos", lambda m: os.rmdir(m / ".nacos")),
    ("EPERM", "create in a service", lambda m: opened(m / f"{SERVICE}/other", CREATE)),
    ("EPERM", "create in a group", lambda m: opened(m / f"{GROUP}/other", CREATE)),
    ("EPERM", "create in the root", lambda m: opened(m / "OTHER", CREATE)),
    ("EPERM", "create in .nacos", lambda m: opened(m / ".nacos/other", CREATE)),
    ("EINVAL", "create a non-address in hosts", lambda m: opened(m / f"{SERVICE}/hosts/x", CREATE)),
    ("EPERM", "open a read file for writing", lambda m: opened(m / READ_FILE, os.O_WRONLY)),
    ("EPERM", "open a read file for both", lambda m: opened(m / READ_FILE, os.O_RDWR)),
    ("EPERM", "open .nacos/errors for writing", lambda m: opened(m / ".nacos/errors", os.O_WRONLY)),
    ("EISDIR", "open a directory for writing", lambda m: opened(m / SERVICE, os.O_WRONLY)),
    ("ENOTDIR", "a file as a directory", lambda m: os.stat(m / f"{READ_FILE}/x")),
    ("EPERM", "truncate a read file", lambda m: os.truncate(m / READ_FILE, 0)),
    ("EINVAL", "truncate register to 5", lambda m: os.truncate(m / WRITE_FILE, 5)),
    ("EINVAL", "truncate a host to 5", lambda m: os.truncate(m / HOST, 5)),
    ("EPERM", "chmod a read file", lambda m: os.chmod(m / READ_FILE, 0o600)),
    ("EPERM", "chown a read file", lambda m: os.chown(m / READ_FILE, 1, 1)),
    ("EPERM", "utime of a read file", lambda m: os.utime(m / READ_FILE)),
    ("EPERM", "utime with times of a read file", lambda m: os.utime(m / READ_FILE, (1, 2))),
    ("EPERM", "set an attribute of a file", lambda m: os.setxattr(m / READ_FILE, "user.a", b"1")),
    ("EPERM", "set an attribute of a directory", lambda m: os.setxattr(m / SERVICE, "user.a", b"1")),
    ("ENOTTY", "ioctl", lambda m: ioctl(m / READ_FILE)),
    ("EOPNOTSUPP", "fallocate", lambda m: fallocate(m / WRITE_FILE)),
    ("EINVAL", "readlink", lambda m: os.readlink(m / READ_FILE)),
]


@pytest.mark.parametrize("wanted,call", [(wanted, call) for wanted, _, call in REFUSED],
                         ids=[name for _, name, _ in REFUSED])
def test_refused(top, wanted, call):
    with pytest.raises(OSError) as error:
        call(top)
    assert error.value.errno == getattr(errno, wanted), errno.errorcode[error.value.errno]
    assert sorted(lines(top / f"{SERVICE}/healthy")) == ["10.0.0.1:80", "10.9.9.9:80"]


ACCEPTED = [
    ("chmod register", lambda m: os.chmod(m / WRITE_FILE, 0o600)),
    ("chown register", lambda m: os.chown(m / WRITE_FILE, os.geteuid(), os.getegid())),
    ("utime of register", lambda m: os.utime(m / WRITE_FILE)),
    ("utime with times of a host", lambda m: os.utime(m / HOST, (1, 2))),
    ("truncate register to 0", lambda m: os.truncate(m / WRITE_FILE, 0)),
    ("truncate deregister to 0", lambda m: os.truncate(m / f"{SERVICE}/deregister", 0)),
    ("truncate a host to 0", lambda m: os.truncate(m / HOST, 0)),
    ("open and close register", lambda m: opened(m / WRITE_FILE, os.O_WRONLY)),
    ("touch a host of ours", lambda m: subprocess.run(["touch", m / HOST], check=True)),
    ("fsync of a directory", lambda m: with_fd(m / SERVICE, os.fsync)),
    ("access", lambda m: os.access(m / READ_FILE, os.R_OK)),
    ("flock", lambda m: with_fd(m / READ_FILE, lambda fd: fcntl.flock(fd, fcntl.LOCK_EX))),
]


@pytest.mark.parametrize("call", [call for _, call in ACCEPTED], ids=[name for name, _ in ACCEPTED])
def test_accepted_without_effect(top, call):
    before = os.stat(top / WRITE_FILE)
    content = read(top / HOST)
    call(top)
    after = os.stat(top / WRITE_FILE)
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert read(top / HOST) == content


def test_fsync_after_a_write(top):
    fd = os.open(top / HOST, os.O_WRONLY)
    os.write(fd, b"weight=1\n")
    os.fsync(fd)
    os.close(fd)


def test_attributes_are_none_or_ours(top):
    try:
        names = os.listxattr(top / READ_FILE)
    except OSError as error:
        assert error.errno == errno.EOPNOTSUPP
    else:
        assert all(name.startswith("user.nacos.") for name in names)


def test_unknown_attribute(top):
    with pytest.raises(OSError) as error:
        os.getxattr(top / READ_FILE, "user.nonsense")
    assert error.value.errno in (errno.ENODATA, errno.EOPNOTSUPP)


@pytest.mark.parametrize("command", [
    "cp -r {m}/{s} {t}/c", "cp -a {m}/{s} {t}/a", "tar -C {m} -cf {t}/t.tar .", "cat {m}/{s}/hosts/*",
    "stat {m}/{s}/*", "wc -c {m}/{s}/instances", "grep -r weight {m}/{s}", "find {m} -newer /etc/passwd",
    "head -1 {m}/{s}/instances", "sort {m}/{s}/healthy", "file {m}/{s}/instances || true",
    "rsync -a {m}/{s} {t}/r", "rsync -r --checksum {m}/{s}/ {t}/k", "du -s {m}", "find {m} -ls",
    "less {m}/{s}/instances", "vim -es -R -c q {m}/{s}/instances", "md5sum {m}/{s}/hosts/*", "df {m}",
    "tar -C {m}/{s} -cf - . | tar -t", "test -r {m}/{s}/instances", "cmp {m}/{s}/instances {m}/{s}/instances", "ls -laR {m}"])
def test_common_program_has_nothing_to_complain(top, place, command):
    result = subprocess.run(["bash", "-c", command.format(m=top.path, s=SERVICE, t=place)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=30,
                            check=False)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
class TestOtherUsers:
    @staticmethod
    def as_nobody(*command):
        return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command],
                              capture_output=True, text=True, timeout=20, check=False)

    @pytest.fixture
    def shared(self, mount, stub, base, place):
        for directory in (base, place):
            os.chmod(directory, 0o755)
        stub.add("order-svc", "10.9.9.9", 80)
        return mount(stub.address, "allow_other")

    def test_without_allow_other_nobody_else_gets_in(self, mount, stub, base, place):
        for directory in (base, place):
            os.chmod(directory, 0o755)
        mounted = mount(stub.address)
        assert "Permission denied" in self.as_nobody("ls", mounted.path).stderr

    def test_others_read(self, shared):
        assert self.as_nobody("cat", shared / f"{SERVICE}/healthy").stdout == "10.9.9.9:80\n"

    @pytest.mark.parametrize("command", ['echo x > "$0/instances"', 'echo 10.0.0.1:80 > "$0/register"',
                                         'rm -f "$0/hosts/10.9.9.9:80"', 'touch "$0/hosts/10.0.0.1:80"',
                                         'mkdir "$0/../new-svc"', 'touch "$0/instances"'])
    def test_others_change_nothing(self, shared, stub, command):
        result = self.as_nobody("sh", "-c", command, shared / SERVICE)
        assert result.returncode != 0
        assert "Permission denied" in result.stderr or "Operation not permitted" in result.stderr
        assert not [r for r in stub.requests if r.method != "GET"]

    def test_group_of_gid_registers(self, mount, stub, base, place):
        for directory in (base, place):
            os.chmod(directory, 0o755)
        stub.add_service("order-svc")
        mounted = mount(stub.address, "allow_other", "gid=65534")
        assert self.as_nobody("sh", "-c", 'echo 10.0.0.1:80 > "$0/register"',
                              mounted / SERVICE).returncode == 0
        assert stub.hosts("order-svc")
