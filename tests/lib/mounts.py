# SPDX-License-Identifier: MIT
"""A mount that a test owns."""
import os
import re
import signal
import subprocess

from lib import procs
from lib.wait import wait_until

SUSPICIOUS = re.compile(
    r"CRITICAL|WARNING \*\*|-WARNING|[Aa]ssertion|AddressSanitizer|LeakSanitizer|UndefinedBehavior"
    r"|runtime error:|\bBUG\b|core dumped|stack smashing|double free|invalid pointer|libfuse: error")

# what is freed stays resident for a while then
SANITIZED = "asan" in os.environ.get("NACOSFS_BUILD", "")
# seconds in which a mount must end; under the sanitizers a leak check comes on top
END = 15.0 if SANITIZED else 3.0
TIDY = 10 * END  # the same where the time is not what is tested: the machine may be busy


def table():
    """(mount point, "major:minor", type) of each mount."""
    rows = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            fields = before.split(" ")
            point = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m.group(1), 8)), fields[4])
            rows.append((point, fields[2], after.split(" ")[0]))
    return rows


def points(kind="fuse.nacosfs"):
    return [point for point, _, type_ in table() if type_ == kind]


def abort(path):
    """Ends the connection of a FUSE mount: whoever waits for its daemon gets ENOTCONN."""
    for point, device, _ in table():
        if point == str(path):
            minor = device.split(":")[1]
            try:
                with open(f"/sys/fs/fuse/connections/{minor}/abort", "w", encoding="ascii") as file:
                    file.write("1")
            except OSError:
                subprocess.run(["umount", "-f", point], stderr=subprocess.DEVNULL, check=False)


def detach(path):
    """Whatever is mounted there, however busy."""
    while str(path) in [point for point, _, _ in table()]:
        if subprocess.run(["fusermount3", "-uz", str(path)], stderr=subprocess.DEVNULL,
                          check=False).returncode:
            if subprocess.run(["umount", "-l", str(path)], check=False).returncode:
                break


def unmount(path):
    """fusermount3 -u, again while somebody who is about to end still stands in it, or writes to it."""
    def gone():
        result = subprocess.run(["fusermount3", "-u", path], capture_output=True, text=True, check=False)
        return result.returncode == 0 or path not in points()
    wait_until(gone, 5, f"unmount of {path}", interval=0.1)


class Mount:
    """nacosfs -f SOURCE PATH -o OPTIONS, its log in a file."""

    live = set()  # of all tests: what a watchdog aborts

    def __init__(self, build, source, path, options=(), log=None, env=None, prefix=()):
        self.build = build
        self.source = source
        self.path = str(path)
        self.options = list(options)
        self.log_path = str(log or self.path + ".log")
        self.env = {**os.environ, **(env or {})}
        self.prefix = prefix  # command that becomes the mount
        self.process = None
        self.family = {}  # pid -> start time of every process of the mount
        self.ended = None  # exit status
        self.orphaned = False  # the test has killed the process that was started; another one keeps the mount
        self.expected = None  # in a log line that would be suspicious in other tests

    def __truediv__(self, name):
        return os.path.join(self.path, name)

    def command(self):
        extra = ["-o", ",".join(self.options)] if self.options else []
        return [*self.prefix, os.path.join(self.build, "nacosfs"), "-f", *extra, self.source, self.path]

    def start(self, timeout=10.0):
        if self.path not in points():  # else somebody's dead mount
            os.makedirs(self.path, exist_ok=True)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=self.env, start_new_session=True)
        Mount.live.add(self)
        wait_until(lambda: self.answers() or self.process.poll() is not None, timeout,
                   f"mount of {self.path}")
        assert self.process.poll() is None, f"exit {self.process.returncode}: {self.log()}"
        return self

    def answers(self):
        """Mounted, and no dead mount."""
        if not self.mounted():
            return False
        try:
            os.stat(self.path)
            return True
        except OSError:
            return False

    def mounted(self):
        return self.path in points()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def remember(self):
        """Takes note of all processes of the mount; returns their pids."""
        if self.process:
            self.family.update(procs.descendants(self.process.pid))
        return list(self.family)

    def daemon(self):
        """pid of the process that serves the mount at the moment, waited for; not the one that was
        started: that is the keeper."""
        def find():
            return [pid for pid in procs.of_mount(self.path)
                    if procs.command_line(pid)[1:2] == [b"--daemon"]]
        return wait_until(find, 10, f"daemon of {self.path}")[0]

    def survivors(self):
        left = [pid for pid, start in self.family.items() if procs.alive(pid, start)]
        return left + [pid for pid in procs.of_mount(self.path) if pid not in left]

    def unmount(self):
        unmount(self.path)

    def wait(self, timeout=END):
        """The exit status."""
        self.ended = self.process.wait(timeout)
        Mount.live.discard(self)
        return self.ended

    def signal(self, number):
        self.remember()
        os.kill(self.process.pid, number)

    def stop(self):
        """Unmounts as a user would; what must hold at the end of every mount is asserted here."""
        if self.process is None:
            return
        if self.ended is None:
            self.remember()
            self.unmount()
            self.wait(TIDY)
        assert self.ended == (-signal.SIGKILL if self.orphaned else 0), f"exit {self.ended}: {self.log()}"
        assert not self.mounted(), f"{self.path} is still mounted"
        wait_until(lambda: not self.survivors(), TIDY, f"processes left: {self.survivors()}")
        self.check_log()

    def check_log(self):
        lines = [line for line in self.log().splitlines() if SUSPICIOUS.search(line)
                 and not (self.expected and self.expected in line)]
        assert not lines, "suspicious lines in the log:\n" + "\n".join(lines)

    def destroy(self):
        """Leaves nothing behind, whatever state it is in. No assertions."""
        Mount.live.discard(self)
        abort(self.path)
        if self.process:
            self.remember()
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                try:
                    self.process.wait(2)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.process.wait()
            for pid in self.survivors():
                procs.kill(pid)
        detach(self.path)

    def kill_everything(self):
        """SIGKILL for every process of the mount, which stays in the table, dead."""
        self.remember()
        for number in (signal.SIGSTOP, signal.SIGKILL):  # none may start another one in between
            for pid in self.family:
                procs.kill(pid, number)
        self.process.wait()
        self.ended = -signal.SIGKILL
        Mount.live.discard(self)


def read(path):
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def lines(path):
    return read(path).splitlines()


def write(path, text, flags=os.O_WRONLY):
    """One write(2) and close; returns what write gave. Errors are the system call's."""
    data = text if isinstance(text, bytes) else text.encode()
    fd = os.open(path, flags)
    try:
        return os.write(fd, data)
    finally:
        os.close(fd)


def fields(line):
    """key=value fields of a table line -> dict; escapes undone."""
    def plain(text):
        return re.sub(r"\\([0-7]{3})", lambda m: chr(int(m.group(1), 8)), text)
    return {plain(key): plain(value)
            for key, _, value in (field.partition("=") for field in line.split(" "))}
