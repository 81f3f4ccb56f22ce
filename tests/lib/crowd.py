# SPDX-License-Identifier: MIT
"""Users of a mount, a process each: `crowd.py KIND MOUNT ARGUMENT...` does the same thing again and again
until its standard input ends, then prints what it saw as JSON: {"calls", "failed": [text], "ms": [latency
of calls, sorted], ...}. No failure is tolerated that a kernel file system would not show as well."""
import json
import os
import select
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

GROUP = "DEFAULT_GROUP"
MOST_LATENCIES = 200_000


class User:
    """What all kinds share: the end, counting, timing."""

    def __init__(self, mount):
        self.mount = mount
        self.over = threading.Event()
        self.result = {"calls": 0, "failed": [], "ms": []}
        threading.Thread(target=self.wait_for_end, daemon=True).start()

    def wait_for_end(self):
        sys.stdin.read()
        self.over.set()

    def path(self, *names):
        return os.path.join(self.mount, GROUP, *names)

    def call(self, function, *arguments):
        """A system call, timed."""
        start = time.monotonic()
        try:
            return function(*arguments)
        finally:
            self.result["calls"] += 1
            if len(self.result["ms"]) < MOST_LATENCIES:
                self.result["ms"].append((time.monotonic() - start) * 1000)

    def fail(self, text):
        self.result["failed"].append(text)

    def read_all(self, fd):
        parts = []
        while True:
            part = self.call(os.read, fd, 4096)
            if not part:
                return b"".join(parts)
            parts.append(part)

    def read_file(self, path):
        fd = self.call(os.open, path, os.O_RDONLY)
        try:
            return self.read_all(fd)
        finally:
            self.call(os.close, fd)

    def loop(self, step):
        while not self.over.is_set():
            try:
                step()
            except OSError as error:
                self.fail(f"{step.__qualname__}: {error}")

    def finish(self):
        self.result["ms"].sort()
        print(json.dumps(self.result))


def versions(text):
    """The versions that the lines of a list carry: one, or it is torn."""
    return {int(word.partition(b"=")[2]) for word in text.split() if word.startswith(b"meta.version=")}


def reader(user, *services):
    """open, read, close, stat: never torn, never back."""
    last = dict.fromkeys(services, -1)

    def step():
        for service in services:
            text = user.read_file(user.path(service, "instances"))
            user.call(os.stat, user.path(service, "healthy"))
            found = versions(text)
            if len(found) != 1:
                user.fail(f"torn: {text!r}")
            elif min(found) < last[service]:
                user.fail(f"back from {last[service]} to {found}")
            else:
                last[service] = min(found)

    user.loop(step)


def holder(user, *services):
    """pread on descriptors held from the beginning: one version for ever."""
    held = []
    for service in services:
        fd = os.open(user.path(service, "instances"), os.O_RDONLY)
        held.append((fd, os.pread(fd, 65536, 0)))

    def step():
        for fd, expected in held:
            got = user.call(os.pread, fd, 65536, 0)
            if got != expected:
                user.fail(f"{got!r} instead of {expected!r}")
            user.call(os.fstat, fd)
        time.sleep(0.002)

    user.loop(step)


def listener(user, service):
    """read on `events`: every version once, in order."""
    fd = os.open(user.path(service, "events"), os.O_RDONLY)
    print("ready", file=sys.stderr, flush=True)
    lines = []
    rest = b""
    while not user.over.is_set():
        ready, _, _ = select.select([fd], [], [], 0.2)
        if not ready:
            continue
        try:
            rest += user.call(os.read, fd, 300)
        except OSError as error:
            user.fail(repr(error))
        *whole, rest = rest.split(b"\n")
        lines += [line.decode() for line in whole]
    user.result["lines"] = lines


def registrar(user, service, first):
    """Registers an address, waits for no more than the call, finds it, and every second time removes it."""
    number = [int(first)]
    kept = []

    def step():
        name = f"10.8.{number[0] // 250 % 250}.{number[0] % 250 + 1}:80"
        number[0] += 1
        fd = user.call(os.open, user.path(service, "register"), os.O_WRONLY)
        try:
            user.call(os.write, fd, f"{name} meta.by={first}\n".encode())
        finally:
            user.call(os.close, fd)
        if number[0] % 2:
            user.call(os.unlink, user.path(service, "hosts", name))
        else:
            kept.append(name)
        if len(kept) > 5:
            old = kept.pop(0)
            fd = user.call(os.open, user.path(service, "deregister"), os.O_WRONLY)
            try:
                user.call(os.write, fd, f"{old}\n".encode())
            finally:
                user.call(os.close, fd)

    user.loop(step)
    user.result["kept"] = kept


def leaser(user, service, address):
    """A lease that is taken and given back."""
    def step():
        fd = user.call(os.open, user.path(service, "lease"), os.O_WRONLY)
        try:
            user.call(os.write, fd, f"{address}\n".encode())
            time.sleep(0.05)
        finally:
            user.call(os.close, fd)

    user.loop(step)


def walker(user):
    """find and ls -lR: no line on stderr but of names that an rm or the end of a lease has taken away
    meanwhile: instances, and the cluster with its last one."""
    commands = [["find", user.mount, "-ls"], ["ls", "-lR", user.mount]]
    user.result["walks"] = 0
    while not user.over.is_set():
        for command in commands:
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                  env={**os.environ, "LC_ALL": "C"}, check=False)
            user.result["walks"] += 1
            for line in done.stderr.splitlines():
                gone = any(part in line for part in ("/hosts/10.8.", "/hosts/10.7.")) or \
                    "/own-" in line and "/clusters/" in line
                if not (gone and "No such file or directory" in line):
                    user.fail(line)
        user.over.wait(0.3)


KINDS = {kind.__name__: kind for kind in (reader, holder, listener, registrar, leaser, walker)}


def main():
    user = User(sys.argv[2])
    KINDS[sys.argv[1]](user, *sys.argv[3:])
    user.finish()


class Crowd:
    """The other side: starts users, ends them, and has what they saw."""

    def __init__(self, mount):
        self.mount = mount
        self.users = []

    def add(self, kind, *arguments):
        process = subprocess.Popen([sys.executable, os.path.abspath(__file__), kind, self.mount,
                                    *map(str, arguments)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.users.append((kind, process))

    def end(self, timeout=60):
        """[(kind, what it saw)]; one that died or hangs is a failure by itself."""
        for _, process in self.users:
            process.stdin.close()
            process.stdin = None
        seen = []
        for kind, process in self.users:
            try:
                output, _ = process.communicate(timeout=timeout)
                seen.append((kind, json.loads(output)))
            except (subprocess.TimeoutExpired, ValueError) as error:
                seen.append((kind, {"calls": 0, "failed": [f"{kind} {process.poll()}: {error!r}"], "ms": []}))
        return seen

    def kill(self):
        for _, process in self.users:
            if process.poll() is None:
                process.kill()
                process.wait()


if __name__ == "__main__":
    main()
